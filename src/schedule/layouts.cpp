// SPDX-License-Identifier: MIT
#include "schedule/layouts.h"

#include <algorithm>

namespace nereid {

std::optional<FragmentLayout> layOutFragments(const Machine& machine, int rowBits, int columnBits, int threads, int subgroupRows) {
  int subgroups = log2(threads) - log2(machine.subgroupThreads), rows = rowBits - machine.fragmentBits,
      columns = columnBits - machine.fragmentBits;
  int own = rowBits + columnBits - log2(threads);
  if (subgroups < 0 || rows < 0 || columns < 0 || rows + columns < subgroups || own > machine.maxFragmentElementBits) return std::nullopt;
  FragmentLayout d{columns, rows};
  // The fragments of a subgroup form about a square, so that it loads few fragments of operands.
  for (int i = 0; i < subgroups; ++i)
    if (subgroupRows >= 0 ? d.subgroupColumns < subgroups - subgroupRows : d.columns > 0 && (d.columns >= d.rows || d.rows == 0)) {
      --d.columns;
      ++d.subgroupColumns;
    } else {
      --d.rows;
      ++d.subgroupRows;
    }
  return d;
}

Layouts::Layouts(const Func& kernel, const Schedule& schedule)
    : kernel_(kernel),
      schedule_(schedule),
      machine_(schedule.machine),
      threads_(schedule.kernel.threads),
      subgroupBits_(log2(schedule.machine.subgroupThreads)),
      divisibility_(kernel) {
  findMatrixDots();
  findReplicated();
}

// Dots on subgroup matrices. Dots of one shape share a layout, so all of a shape are, or none.
void Layouts::findMatrixDots() {
  if (!schedule_.kernel.matrices) return;
  std::set<std::vector<int64_t>> others;
  std::vector<const Inst*> dots;
  walk(kernel_.body, [&](const Inst& inst) {
    if (inst.op != Op::Dot) return;
    const Type &a = inst.operand(0)->type, &t = inst.result()->type;
    const bool isHalf = t.elem == Elem::F32 && a.elem == Elem::F16, isByte = t.elem == Elem::I32 && a.elem == Elem::I8;
    bool fits = t.rank == 2 && (isHalf || isByte) && inst.operand(1)->type.elem == a.elem && a.log2(1) >= machine_.fragmentBits + isByte &&
                layOutFragments(machine_, t.log2(0), t.log2(1), threads_);
    for (size_t k = 0; k < 2; ++k) fits = fits && schedule_.buffered.count(inst.operand(k));
    if (fits)
      dots.push_back(&inst);
    else
      others.insert(t.shape());
  });
  for (const Inst* dot : dots)
    if (!others.count(dot->result()->type.shape())) {
      matrixDots_.insert(dot);
      for (size_t k = 0; k < 2; ++k) matrixOperands_.insert(dot->operand(k));
    }
}

bool Layouts::isMatrixShape(const Type& type) const {
  return std::any_of(matrixDots_.begin(), matrixDots_.end(), [&](const Inst* dot) { return dot->result()->type.shape() == type.shape(); });
}

// If rows are reduced, a subgroup has whole rows, as far as there are enough of them. Other dots with as many rows have the same layout.
FragmentLayout Layouts::fragments(const Type& type) const {
  bool reduced = false;
  walk(kernel_.body, [&](const Inst& inst) {
    reduced |= inst.op == Op::Reduce && inst.integer(Attr::Axis) == 1 && inst.operand(0)->type.dim(0) == type.dim(0) &&
               isMatrixShape(inst.operand(0)->type);
  });
  int subgroups = log2(threads_) - subgroupBits_;
  return *layOutFragments(machine_, type.log2(0), type.log2(1), threads_,
                          reduced ? std::min(subgroups, type.log2(0) - machine_.fragmentBits) : -1);
}

// In a fragment, each thread has four adjacent elements of a row and of the row eight below it. Threads 0 to 7 have rows 0 and 2, and
// threads 8 to 15 rows 1 and 3: with rows of 24 words in shared memory, they access different banks.
void Layouts::layOutMatrix(const Type& type, Layout& l) const {
  FragmentLayout d = fragments(type);
  auto own = [&](int bit) { l.place.push_back(~bit); };
  auto thread = [&](int bit) { l.place.push_back(bit); };
  own(0), own(1), thread(0), thread(1);
  for (int i = 0; i < d.columns; ++i) own(3 + i);
  for (int i = 0; i < d.subgroupColumns; ++i) thread(subgroupBits_ + i);
  thread(3), thread(2), thread(4), own(2);
  for (int i = 0; i < d.rows; ++i) own(3 + d.columns + i);
  for (int i = 0; i < d.subgroupRows; ++i) thread(subgroupBits_ + d.subgroupColumns + i);
  l.laneBits = 2;
  l.registerBits = 3 + d.columns + d.rows;
  l.threadBits = log2(threads_);
}

bool Layouts::staysInFragments(const Inst& loop, size_t slot) const {
  const Block& body = loop.regions[0]->entry();
  const Value *arg = body.args[1 + slot], *next = body.terminator()->operand(slot);
  // Several dots may add to the accumulators one after the other.
  std::set<const Value*> sums{arg};
  for (const Value* sum = next; sum != arg; sum = sum->def->operand(2)) {
    if (!sum->def || !matrixDots_.count(sum->def)) return false;
    sums.insert(sum);
  }
  size_t uses = 0;
  walk(kernel_.body, [&](const Inst& inst) {
    for (const Value* v : inst.operands) uses += sums.count(v);
  });
  return uses == sums.size();
}

// log2 of the neighbouring elements that one access moves, of all accesses to tiles of this shape whose rows are contiguous in memory.
int Layouts::accessBits(const Type& type) {
  IndexMap map;  // axis 0: the columns
  for (int d = type.rank - 1; d >= 0; --d)
    for (int i = 0; i < type.log2(d); ++i) map.push_back({static_cast<int8_t>(type.rank - 1 - d), static_cast<uint8_t>(i)});
  std::optional<int> least;
  walk(kernel_.body, [&](const Inst& inst) {
    if ((inst.op != Op::Load && inst.op != Op::Store) || !inst.operand(0)->type.isTile() || inst.operand(0)->type.shape() != type.shape())
      return;
    const Value* ptr = inst.operand(0);
    const int bytes = std::max(1, bitWidth(ptr->type.pointee()) / 8), most = log2(machine_.maxAccessBytes) - log2(bytes);
    const int bits = std::min<int>(most, type.log2(type.rank - 1));
    Stride stride = strideOf(ptr, map, 0, bits, &divisibility_);
    if (bits == 0 || stride.kind != Stride::Constant || stride.value != 1) return;
    const int aligned = divisibility_.along(ptr, map, 0, bits) >= bits ? bits : 0;
    least = std::min(least.value_or(aligned), aligned);
  });
  return std::min(least.value_or(machine_.residentLaneBits), log2(machine_.maxLanes));
}

const Layout* Layouts::of(const Type& type) {
  auto [at_, isNew] = layouts_.try_emplace(type.shape());
  Layout& l = at_->second;
  if (!isNew) return &l;
  if (isMatrixShape(type)) {
    layOutMatrix(type, l);
    return &l;
  }
  bool isProduct = false;
  walk(kernel_.body, [&](const Inst& inst) { isProduct |= inst.op == Op::Dot && inst.result()->type.shape() == type.shape(); });
  if (!isProduct) {
    // Neighbouring threads have neighbouring elements, as many as one access moves.
    l.registerBits = std::max(0, type.bits() - log2(threads_));
    l.laneBits = std::min({accessBits(type), static_cast<int>(type.log2(type.rank - 1)), l.registerBits});
    l.threadBits = type.bits() - l.registerBits;
    for (int i = 0; i < type.bits(); ++i)
      l.place.push_back(i < l.laneBits ? ~i : i < l.laneBits + l.threadBits ? i - l.laneBits : ~(i - l.threadBits));
    return &l;
  }
  int n = type.log2(type.rank - 1), m = type.log2(type.rank - 2);
  int own = std::clamp(type.bits() - log2(threads_), 0, machine_.accumulatorBits);
  l.laneBits = std::min({machine_.residentLaneBits, n, own});
  l.registerColumns = std::min(n, std::max(l.laneBits, (own + 1) / 2));
  l.registerRows = std::min(m, own - l.registerColumns);
  l.registerColumns = std::min(n, own - l.registerRows);
  l.registerBits = l.registerColumns + l.registerRows;
  for (int i = 0; i < n; ++i) {
    int shared = n - l.registerColumns;
    l.place.push_back(i < l.laneBits ? ~i : i < l.laneBits + shared ? l.threadBits++ : ~(i - shared));
  }
  for (int i = 0; i < m; ++i) l.place.push_back(i < l.registerRows ? ~(l.registerColumns + i) : l.threadBits++);
  for (int i = n + m; i < type.bits(); ++i) l.place.push_back(l.threadBits++);
  return &l;
}

const Layout* Layouts::ofDot(const std::vector<int64_t>& shape) {
  const Inst* product = nullptr;
  walk(kernel_.body, [&](const Inst& inst) {
    if (inst.op == Op::Dot && inst.result()->type.shape() == shape) product = &inst;
  });
  return product ? of(product->result()->type) : nullptr;
}

// The layout of row values of a dot with this shape, if all threads with elements of a row are in one subgroup.
const Layout* Layouts::replicatedRows(const std::vector<int64_t>& shape) {
  const Layout* tile = shape.size() == 2 ? ofDot(shape) : nullptr;
  if (!tile || tile->threadBits > log2(threads_)) return nullptr;
  auto [at_, isNew] = layouts_.try_emplace({shape[0], -shape[1]});
  Layout& l = at_->second;
  if (!isNew) return l.isReplicated ? &l : nullptr;
  const int columns = log2(shape[1]);
  if (std::any_of(tile->place.begin(), tile->place.begin() + columns, [this](int place) { return place >= subgroupBits_; })) return nullptr;
  l.isReplicated = true;
  l.threadBits = tile->threadBits;  // other threads have no elements of the tile
  for (auto place = tile->place.begin() + columns; place != tile->place.end(); ++place)
    l.place.push_back(*place < 0 ? ~l.registerBits++ : *place);
  return &l;
}

// Whether the same threads have the values of the same rows. Rows of different dots can be at the same places in more or fewer threads if
// there is only one of them.
static bool haveSameRows(const Layout& a, const Layout& b) { return a.place == b.place && a.threadBits == b.threadBits; }

// Starts from all candidates and drops values that a nest uses otherwise, until nothing changes.
void Layouts::findReplicated() {
  if (!schedule_.kernel.subgroups) return;
  std::map<int64_t, const Layout*> found;  // by the number of rows
  walk(kernel_.body, [&](const Inst& inst) {
    if (inst.op != Op::Reduce || inst.operand(0)->type.rank != 2 || inst.integer(Attr::Axis) != 1) return;
    const std::vector<int64_t> shape = inst.operand(0)->type.shape();
    const Layout* layout = replicatedRows(shape);
    if (!layout) return;
    const Layout* known = found.try_emplace(shape[0], layout).first->second;
    if (!haveSameRows(*known, *layout)) return;
    for (const Value* v : inst.results) replicated_[v] = known;
  });
  if (replicated_.empty()) return;
  std::vector<std::vector<const Value*>> carried;  // the loop's block argument and its result share a buffer
  walk(kernel_.body, [&](const Inst& inst) {
    if (inst.op != Op::For) return;
    for (size_t i = 0; i < inst.results.size(); ++i) {
      const Value* v = inst.results[i];
      if (v->type.rank != 1 || v->type.isPointer() || !found.count(v->type.dim(0))) continue;
      carried.push_back({v, inst.regions[0]->entry().args[1 + i]});
      for (const Value* x : carried.back()) replicated_[x] = found.at(v->type.dim(0));
    }
  });
  for (bool changed = true; changed;) {
    changed = false;
    // All results of a reduction or none: they are combined together.
    auto drop = [&](const Value* v) {
      std::vector<const Value*> all{v};
      if (v && v->def && v->def->op == Op::Reduce) all.assign(v->def->results.begin(), v->def->results.end());
      for (const Value* x : all) {
        changed |= replicated_.count(x) > 0;
        replicated_.erase(x);
      }
    };
    // A nest that reads row values must iterate over a tile with their rows, or over the rows themselves (`lines`). In the latter case it
    // must only store, or only write replicated values.
    auto check = [&](const Anchor& anchor, const std::vector<int64_t>& domain, bool lines) {
      const bool isLine = domain.size() == 1;
      const bool stores = anchor.kind == Anchor::Effect && anchor.inst->op == Op::Store;
      const bool plain = isLine ? lines
                                : stores || anchor.kind == Anchor::Carry || anchor.kind == Anchor::Combine || anchor.kind == Anchor::Dot ||
                                      anchor.kind == Anchor::Buffer;
      const Layout* rows = isLine ? nullptr : replicatedRows(domain);
      const int first = isLine || !rows ? 0 : log2(domain[1]);
      visitInlined(
          anchor, [&](const Value* v) { return inMemory(v); },
          [&](const Value* v, const IndexMap& map) {
            auto at_ = replicated_.find(v);
            if (at_ == replicated_.end()) return;
            bool ok = plain && domain[0] == v->type.dim(0) && (isLine || (rows && haveSameRows(*rows, *at_->second)));
            for (size_t i = 0; ok && i < map.size(); ++i) ok = map[i] == IndexBit{0, static_cast<uint8_t>(first + static_cast<int>(i))};
            if (!ok) drop(v);
          });
    };
    auto targetOf = [](const Anchor& anchor) -> const Value* {
      if (anchor.kind != Anchor::Carry || anchor.inst->op != Op::Yield) return nullptr;
      const Inst* loop = anchor.inst->parent->parent->parent;
      return loop->op == Op::For ? loop->results[anchor.slot] : nullptr;
    };
    for (auto& [block, plan] : schedule_.blocks)
      for (const Step& step : plan.steps) {
        if (!step.nest) continue;
        const std::vector<Anchor>& anchors = step.nest->anchors;
        auto keeps = [&](const Anchor& anchor) { return replicated_.count(targetOf(anchor)) > 0; };
        auto stores = [](const Anchor& anchor) { return anchor.kind == Anchor::Effect && anchor.inst->op == Op::Store; };
        const bool keep = std::all_of(anchors.begin(), anchors.end(), keeps);
        // Other values in registers have the layout of their shape.
        bool mixes = false;
        for (const Anchor& anchor : anchors)
          visitInlined(
              anchor, [&](const Value* v) { return inMemory(v); },
              [&](const Value* v, const IndexMap&) { mixes |= schedule_.resident.count(v) > 0 && !replicated_.count(v); });
        for (const Anchor& anchor : anchors) {
          check(anchor, anchor.kind == Anchor::Dot ? anchor.inst->result()->type.shape() : step.nest->shape,
                !mixes && (keep || std::all_of(anchors.begin(), anchors.end(), stores)));
          if (step.nest->shape.size() == 1 && !keep) drop(targetOf(anchor));
        }
        bool alone = std::all_of(anchors.begin(), anchors.end(), [&](const Anchor& anchor) {
          return anchor.kind != Anchor::Scan && (anchor.kind != Anchor::Effect || stores(anchor));
        });
        for (const Anchor& anchor : anchors)
          if (anchor.kind == Anchor::Combine && !alone)
            for (const Value* v : anchor.inst->results) drop(v);
      }
    walk(kernel_.body, [&](const Inst& inst) {
      for (size_t k = 0; k < inst.operands.size(); ++k) {
        Value* v = inst.operands[k];
        if (!v->type.isTile()) continue;
        if (inst.op == Op::For)
          check({Anchor::Carry, const_cast<Inst*>(&inst), v, k}, v->type.shape(), replicated_.count(inst.results[k - 3]) > 0);
        // All threads copy the initial values of a while loop to memory, also if they are computed from row values.
        if (inst.op == Op::While) check({Anchor::Carry, const_cast<Inst*>(&inst), v, k}, v->type.shape(), false);
        if (inst.op == Op::If || inst.op == Op::While || inst.op == Op::Condition || inst.op == Op::Gather || inst.op == Op::Histogram)
          drop(v);
      }
    });
    for (const auto& both : carried)
      if (!replicated_.count(both[0]) || !replicated_.count(both[1]))
        for (const Value* v : both) drop(v);
  }
}

const Layout* Layouts::replicated(const Value* v) const {
  auto at_ = replicated_.find(v);
  return at_ == replicated_.end() ? nullptr : at_->second;
}

bool Layouts::haveSameLayout(const std::vector<const Value*>& values, const std::vector<int64_t>& shape) const {
  auto among = [&](const Value* v) { return std::find(values.begin(), values.end(), v) != values.end(); };
  bool ok = true;
  walk(kernel_.body, [&](const Inst& inst) {
    for (size_t k = 0; k < inst.operands.size(); ++k) {
      if (!among(inst.operands[k])) continue;
      if (inst.op == Op::Dot) ok &= k == 2;
      if (inst.op == Op::If || inst.op == Op::While || inst.op == Op::Condition || inst.op == Op::Histogram || inst.op == Op::Gather)
        ok = false;
      // A yield passes a value on only to the same loop.
      if (inst.op == Op::Yield) ok &= among(inst.parent->parent->parent->op == Op::For ? inst.parent->parent->parent->results[k] : nullptr);
    }
  });
  for (auto& [block, plan] : schedule_.blocks)
    for (const Step& step : plan.steps) {
      if (!step.nest) continue;
      for (const Anchor& anchor : step.nest->anchors)
        visitInlined(
            anchor, [&](const Value* v) { return inMemory(v); },
            [&](const Value* v, const IndexMap& map) {
              if (!among(v)) return;
              bool plain = anchor.kind == Anchor::Effect || anchor.kind == Anchor::Buffer || anchor.kind == Anchor::Carry ||
                           anchor.kind == Anchor::Combine || anchor.kind == Anchor::Dot;
              std::vector<int64_t> domain = anchor.kind == Anchor::Dot ? anchor.inst->result()->type.shape() : step.nest->shape;
              ok &= plain && domain == shape && map == identityMap(v->type.bits());
            });
    }
  return ok;
}

const Layout* Layouts::carried(const Inst& loop, size_t slot) {
  if (threads_ == 1) return nullptr;
  const Block& body = loop.regions[0]->entry();
  const Inst& yield = *body.terminator();
  const Value *arg = body.args[1 + slot], *result = loop.results[slot], *next = yield.operand(slot);
  auto inPlace = schedule_.inPlaceOf.find(next);
  const bool isDot = next->def && next->def->op == Op::Dot && inPlace != schedule_.inPlaceOf.end() && inPlace->second == arg;
  if (!isDot && !schedule_.resident.count(arg)) return nullptr;
  if (auto through = schedule_.throughTemporary.find(&yield); through != schedule_.throughTemporary.end() && through->second[slot])
    return nullptr;
  const Layout* layout = of(arg->type);
  if (layout->threadBits > log2(threads_)) return nullptr;
  std::vector<const Value*> values{arg, result};
  if (isDot) values.push_back(next);
  return haveSameLayout(values, arg->type.shape()) ? layout : nullptr;
}

const Layout* Layouts::resident(const Value* v) {
  if (threads_ == 1 || !schedule_.resident.count(v)) return nullptr;
  const Layout* layout = of(v->type);
  return layout->threadBits <= log2(threads_) ? layout : nullptr;
}

const Layout* Layouts::onePerThread() {
  auto [at_, isNew] = layouts_.try_emplace({threads_, 0});
  at_->second.threadBits = log2(threads_);
  return &at_->second;
}

Type Layouts::storedType(const Value* v) const {
  Type t = v->type.element();
  if (matrixOperands_.count(v)) return t;
  if (machine_.scratchElementBytes == 4 && bitWidth(t) < 32 && !t.isPointer()) return Type::scalar(t.isFloat() ? Elem::F32 : Elem::I32);
  if (t.isBool()) return Type::scalar(Elem::I8);
  // Operands of dots are converted once, when they are packed.
  if (schedule_.buffered.count(v) && t.isFloat() && bitWidth(t) < 32) {
    bool onlyDots = true;
    walk(kernel_.body, [&](const Inst& inst) {
      for (size_t i = 0; i < inst.operands.size(); ++i)
        if (inst.operands[i] == v) onlyDots &= inst.op == Op::Dot && i < 2;
    });
    if (onlyDots) return Type::scalar(Elem::F32);
  }
  return t;
}

}  // namespace nereid
