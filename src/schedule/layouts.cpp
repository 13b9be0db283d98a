// SPDX-License-Identifier: MIT
#include "schedule/layouts.h"

#include <algorithm>

#include "schedule/dots.h"
#include "support/sort.h"

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
  if (threads_ > 1) assign();
}

bool fitsMatrices(const Inst& dot, const Schedule& schedule) {
  const Machine& machine = schedule.machine;
  const Type &a = dot.operand(0)->type, &t = dot.result()->type;
  const bool isHalf = t.elem == Elem::F32 && a.elem == Elem::F16, isByte = t.elem == Elem::I32 && a.elem == Elem::I8;
  return schedule.kernel.matrices && t.rank == 2 && (isHalf || isByte) && dot.operand(1)->type.elem == a.elem &&
         a.log2(1) >= machine.fragmentBits + isByte && layOutFragments(machine, t.log2(0), t.log2(1), schedule.kernel.threads);
}

// Dots on subgroup matrices. Dots of one shape share a layout, so all of a shape are, or none.
void Layouts::findMatrixDots() {
  if (!schedule_.kernel.matrices) return;
  std::set<std::vector<int64_t>> others;
  std::vector<const Inst*> dots;
  walk(kernel_.body, [&](const Inst& inst) {
    if (inst.op != Op::Dot) return;
    const Type& t = inst.result()->type;
    bool fits = fitsMatrices(inst, schedule_);
    for (size_t k = 0; k < 2; ++k) fits = fits && schedule_.buffered.count(schedule_.storedOperand(inst, k).value);
    if (fits)
      dots.push_back(&inst);
    else
      others.insert(t.shape());
  });
  for (const Inst* dot : dots)
    if (!others.count(dot->result()->type.shape())) {
      matrixDots_.insert(dot);
      for (size_t k = 0; k < 2; ++k) matrixOperands_.insert(schedule_.storedOperand(*dot, k).value);
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

const Inst* Layouts::continuationOf(const Inst& dot) const {
  const Inst* next = nullptr;
  size_t uses = 0;
  walk(kernel_.body, [&](const Inst& inst) {
    for (size_t k = 0; k < inst.operands.size(); ++k) {
      if (inst.operands[k] != dot.result()) continue;
      ++uses;
      if (k == 2 && matrixDots_.count(&inst) && inst.parent == dot.parent) next = &inst;
    }
  });
  return uses == 1 ? next : nullptr;
}

// Where neighbouring elements of a domain are neighbours in memory, and how many of them one access moves: of all accesses to tiles of
// this shape whose elements are contiguous along some dimension.
Layouts::Access Layouts::accesses(const std::vector<int64_t>& shape) {
  const int rank = static_cast<int>(shape.size());
  IndexMap map;  // axes: the dimensions
  for (int d = rank - 1; d >= 0; --d)
    for (int i = 0; i < log2(shape[static_cast<size_t>(d)]); ++i) map.push_back({static_cast<int8_t>(d), static_cast<uint8_t>(i)});
  std::vector<int> votes(shape.size(), 0);
  std::vector<std::optional<int>> least(shape.size());
  walk(kernel_.body, [&](const Inst& inst) {
    if ((inst.op != Op::Load && inst.op != Op::Store) || !inst.operand(0)->type.isTile() || inst.operand(0)->type.shape() != shape) return;
    const Value* ptr = inst.operand(0);
    const int bytes = std::max(1, bitWidth(ptr->type.pointee()) / 8), most = log2(machine_.maxAccessBytes) - log2(bytes);
    for (int d = 0; d < rank; ++d) {
      const int bits = std::min(most, log2(shape[static_cast<size_t>(d)]));
      Stride stride = bits ? strideOf(ptr, map, d, bits, &divisibility_) : Stride::constant(0);
      if (stride.kind != Stride::Constant || stride.value != 1) continue;
      const int aligned = divisibility_.along(ptr, map, d, bits) >= bits ? bits : 0;
      ++votes[static_cast<size_t>(d)];
      std::optional<int>& of = least[static_cast<size_t>(d)];
      of = std::min(of.value_or(aligned), aligned);
    }
  });
  int best = rank - 1;
  for (int d = 0; d < rank; ++d)
    if (votes[static_cast<size_t>(d)] > votes[static_cast<size_t>(best)]) best = d;
  return {best, rank ? least[static_cast<size_t>(best)] : std::nullopt};
}

const Layout* Layouts::domain(const std::vector<int64_t>& shape) {
  auto [at, isNew] = domains_.try_emplace(shape);
  Layout& l = at->second;
  if (!isNew) return &l;
  const Type type = Type::tile(Type::scalar(Elem::F32), shape);
  bool isProduct = false;
  walk(kernel_.body, [&](const Inst& inst) { isProduct |= inst.op == Op::Dot && inst.result()->type.shape() == shape; });
  if (isMatrixShape(type))
    layOutMatrix(type, l);
  else if (isProduct)
    layOutAccumulators(type, l);
  else
    layOutVectors(type, l);
  return &l;
}

// Neighbouring threads have neighbouring elements, as many as one access moves. All tiles with as many elements agree on that, so that a
// tile may be reshaped.
void Layouts::layOutVectors(const Type& type, Layout& l) {
  const Access access = accesses(type.shape());
  std::optional<int> least;
  for (const auto& shape : accessed_)
    if (indexBits(shape) == type.bits()) {
      const Access other = accesses(shape);
      if (other.laneBits) least = std::min(least.value_or(*other.laneBits), *other.laneBits);
    }
  l.registerBits = std::max(0, type.bits() - log2(threads_));
  l.laneBits = std::min({least.value_or(machine_.residentLaneBits), log2(machine_.maxLanes), l.registerBits});
  l.threadBits = type.bits() - l.registerBits;
  // The bits of the contiguous dimension first.
  int first = 0;
  for (int d = type.rank - 1; d > access.dimension; --d) first += type.log2(d);
  const int count = type.rank ? type.log2(access.dimension) : 0;
  l.place.assign(static_cast<size_t>(type.bits()), 0);
  for (int i = 0, next = 0; i < type.bits(); ++i, ++next) {
    const int bit = i < count ? first + i : i - count < first ? i - count : i;
    l.place[static_cast<size_t>(bit)] = next < l.laneBits                  ? ~next
                                        : next < l.laneBits + l.threadBits ? next - l.laneBits
                                                                           : ~(next - l.threadBits);
  }
  // Lanes are neighbours along one dimension.
  if (l.laneBits > count) l.laneBits = count;
}

void Layouts::layOutAccumulators(const Type& type, Layout& l) const {
  int n = type.log2(type.rank - 1), m = type.log2(type.rank - 2);
  int own = std::clamp(type.bits() - log2(threads_), 0, machine_.accumulatorBits);
  l.laneBits = std::min({machine_.residentLaneBits, n, own});
  l.registerColumns = std::min(n, std::max(l.laneBits, (own + 1) / 2));
  l.registerRows = std::min(m, own - l.registerColumns);
  l.registerColumns = std::min(n, own - l.registerRows);
  l.registerBits = l.registerColumns + l.registerRows;
  // Two neighbouring threads have two rows of the same columns: shared memory serves them together when they read these columns. The rows
  // of a thread are as far apart as there are others, so that neighbours read from different banks.
  const int threadColumns = n - l.registerColumns, threadRows = m - l.registerRows;
  const int first = threadRows > 0 ? 1 : 0;  // bits of rows below those of columns
  for (int i = 0; i < n; ++i) {
    const int other = i - l.laneBits;
    l.place.push_back(other < 0 ? ~i : other < threadColumns ? first + other : ~(i - threadColumns));
  }
  for (int i = 0; i < m; ++i) l.place.push_back(i < first ? 0 : i < threadRows ? threadColumns + i : ~(l.registerColumns + i - threadRows));
  l.threadBits = threadColumns + threadRows;
  for (int i = n + m; i < type.bits(); ++i) l.place.push_back(l.threadBits++);
}

// The remaining registers are renumbered in the same order.
const Layout* Layouts::slice(const Layout& from, int first, int count) {
  Layout l;
  l.threadBits = from.threadBits;
  l.place = from.place;
  l.place.erase(l.place.begin() + first, l.place.begin() + first + count);
  std::vector<int> registers;
  for (int at : l.place)
    if (at < 0) registers.push_back(~at);
  sortStably(registers);
  for (int& at : l.place)
    if (at < 0) at = ~static_cast<int>(std::find(registers.begin(), registers.end(), ~at) - registers.begin());
  l.registerBits = static_cast<int>(registers.size());
  // Lanes stay where they were.
  const int lane = from.firstLane();
  const bool isLane = lane >= 0 && (lane < first || lane >= first + count);
  for (int i = l.firstLane(); isLane && l.laneBits < from.laneBits; ++i, ++l.laneBits)
    if (i >= static_cast<int>(l.place.size()) || l.place[static_cast<size_t>(i)] != ~l.laneBits) break;
  for (const Layout& known : slices_)
    if (known.isSame(l) && known.registerBits == l.registerBits && known.laneBits == l.laneBits) return &known;
  return &slices_.emplace_back(std::move(l));
}

const Layout* Layouts::registers(int bits, int threadBits) {
  for (const Layout& known : slices_)
    if (known.place.empty() && known.registerBits == bits && known.threadBits == threadBits) return &known;
  Layout l;
  l.registerBits = bits;
  l.threadBits = threadBits;
  return &slices_.emplace_back(std::move(l));
}

// Whether each thread of a nest has in its registers what it reads of a value through `map`.
bool Layouts::fits(const Layout& nest, const Layout& value, const IndexMap& map) {
  // Other threads do not have the value.
  if (nest.threadBits > value.threadBits || map.size() != value.place.size()) return false;
  for (size_t i = 0; i < map.size(); ++i) {
    if (map[i].axis == IndexBit::kComputed) return false;
    const int at = value.place[i];
    if (map[i].isConstant()) {
      if (at >= 0) return false;
      continue;
    }
    const int in = nest.place[map[i].bit];
    if (at >= 0 ? in != at : in >= 0) return false;
    // Lanes are neighbouring registers of both.
    if (in < 0 && nest.laneBits > 0 && ~in < nest.laneBits && map[i].bit == nest.firstLane() && at != ~0) return false;
  }
  return true;
}

namespace {

bool isPlain(const Anchor& anchor) {
  return anchor.kind == Anchor::Buffer || anchor.kind == Anchor::Carry || anchor.accumulates() || anchor.kind == Anchor::Dot ||
         (anchor.kind == Anchor::Effect && anchor.inst->op != Op::Print && anchor.inst->op != Op::Assert);
}

// The bits of an axis in the flat index: the first one, and how many.
std::pair<int, int> bitsOf(const Type& type, int axis) {
  int first = 0;
  for (int d = type.rank - 1; d > axis; --d) first += type.log2(d);
  return {first, type.log2(axis)};
}

}  // namespace

const Layout* Layouts::of(const Value* v) const {
  auto at = groupOf_.find(v);
  return at == groupOf_.end() || groups_[at->second].isDropped ? nullptr : groups_[at->second].layout;
}

// The result that a carried value becomes; null in a while loop.
const Value* Layouts::resultOf(const Anchor& carry) {
  const Inst* inst = carry.inst;
  if (inst->op == Op::For) return inst->results[carry.slot - 3];
  if (inst->op != Op::Yield || inst->parent->parent->parent->op == Op::While) return nullptr;
  return inst->parent->parent->parent->results[carry.slot];
}

const Layout* Layouts::targetOf(const Anchor& carry) const {
  const Value* result = resultOf(carry);
  return result ? of(result) : nullptr;
}

// Where threads keep the result of a reduction or a scan, if they can.
const Layout* Layouts::combined(const Inst& inst) {
  const Type& type = inst.operand(0)->type;
  const Layout& all = *domain(type.shape());
  const auto [first, count] = bitsOf(type, static_cast<int>(inst.integer(Attr::Axis)));
  int inSubgroup = 0, others = 0;
  for (int i = first; i < first + count; ++i)
    if (int at = all.place[static_cast<size_t>(i)]; at >= 0) ++(at < subgroupBits_ && schedule_.kernel.subgroups ? inSubgroup : others);
  if (all.threadBits > log2(threads_)) return nullptr;
  const bool isProduct = isMatrixShape(type) || all.registerRows + all.registerColumns > 0;
  if (!isProduct && all.registerBits > (inst.op == Op::Scan      ? machine_.maxScannedBits
                                        : schedule_.hasManyNests ? machine_.manyNestsBits
                                                                 : machine_.maxResidentBits))
    return nullptr;
  if (inst.op == Op::Scan) {
    // Threads combine what they then do not use.
    bool isPure = true;
    walk(*inst.regions[0],
         [&](const Inst& in) { isPure &= info(in.op).effects == Effects::Pure || isControl(in.op) || in.op == Op::ScanReturn; });
    return isPure ? &all : nullptr;
  }
  if (others > 0 && inSubgroup == 0) return nullptr;
  const Layout* layout = slice(all, first, count);
  return layout->registerBits + others > machine_.maxPartialBits ? nullptr : layout;
}

// Groups of values that have one layout, or none of them has.
void Layouts::findGroups() {
  auto add = [&](std::vector<const Value*> values, const Layout* layout, bool isKept = false) {
    if (layout && layout->threadBits > log2(threads_)) return;
    for (const Value* v : values) groupOf_[v] = groups_.size();
    groups_.push_back({std::move(values), layout, isKept});
  };
  auto isKept = [&](const Value* v) { return schedule_.resident.count(v) > 0; };
  walk(kernel_.body, [&](const Inst& inst) {
    if (inst.op == Op::For) {
      const Block& body = inst.regions[0]->entry();
      for (size_t i = 0; i < inst.results.size(); ++i) {
        const Value *result = inst.results[i], *arg = body.args[1 + i];
        if (!result->type.isTile() || result->type.isPointer()) continue;
        std::vector<const Value*> values{arg, result};
        for (auto& [dot, in] : schedule_.inPlaceOf)
          if (in == arg) values.push_back(dot);
        const Layout* layout = values.size() > 2 ? domain(arg->type.shape()) : nullptr;
        add(std::move(values), layout, isKept(arg));
      }
    } else if (inst.op == Op::If) {
      for (const Value* v : inst.results)
        if (v->type.isTile() && !v->type.isPointer()) add({v}, nullptr);
    } else if ((inst.op == Op::Reduce || inst.op == Op::Scan) && inst.results[0]->type.isTile()) {
      if (const Layout* layout = combined(inst)) add({inst.results.begin(), inst.results.end()}, layout);
    } else {
      for (const Value* v : inst.results)
        if (isKept(v) && !groupOf_.count(v)) add({v}, inst.op == Op::Dot ? domain(v->type.shape()) : nullptr, true);
    }
  });
}

const Layout* Layouts::ofNest(const Nest& nest, FunctionRef<bool(const Value*)> inMemory, FunctionRef<const Layout*(const Value*)> layoutOf,
                              const Layout* target, bool isCopy) {
  if (target) return target;
  const Layout *read = nullptr, *part = nullptr;
  for (const Anchor& anchor : nest.anchors) {
    if (!isPlain(anchor)) return nullptr;
    if (anchor.kind == Anchor::Dot) {
      const Layout* dot = domain(anchor.inst->result()->type.shape());
      return dot->threadBits <= log2(threads_) ? dot : nullptr;
    }
    const Layout* written = nullptr;
    if (anchor.kind == Anchor::Buffer && !isCopy) written = of(anchor.value);
    if (anchor.kind == Anchor::Carry && !isCopy) written = targetOf(anchor);
    if (anchor.accumulates() && of(anchor.inst->results[0])) written = domain(nest.shape);
    if (written && !read) read = written;
    visitInlined(anchor, inMemory, [&](const Value* v, const IndexMap& map) {
      const Layout* layout = layoutOf(v);
      if (!layout) return;
      if (!read && map == identityMap(indexBits(nest.shape))) read = layout;
      if (!part) part = layout;
    });
  }
  if (read || !part) return read;
  const Layout* all = domain(nest.shape);
  return all->threadBits <= log2(threads_) && all->registerBits <= machine_.maxResidentBits ? all : nullptr;
}

void Layouts::adopt(const std::vector<const Nest*>& nests) {
  auto memory = [&](const Value* v) { return inMemory(v); };
  for (bool changed = true; changed;) {
    changed = false;
    for (const Nest* nest : nests) {
      const Layout* layout = ofNest(*nest, memory, [&](const Value* v) { return of(v); }, nullptr, false);
      if (!layout) continue;
      auto have = [&](const Value* v) {
        auto at = groupOf_.find(v);
        if (at == groupOf_.end() || groups_[at->second].layout || groups_[at->second].isDropped) return;
        if (layout->registerBits > machine_.maxResidentBits || layout->place.size() != static_cast<size_t>(v->type.bits())) return;
        groups_[at->second].layout = layout;
        changed = true;
      };
      for (const Anchor& anchor : nest->anchors) {
        if (anchor.kind == Anchor::Carry && resultOf(anchor)) have(resultOf(anchor));
        visitInlined(anchor, memory, [&](const Value* v, const IndexMap& map) {
          if (v->type.bits() > 0 && map == identityMap(static_cast<int>(layout->place.size()))) have(v);
        });
      }
    }
  }
}

// Starts with all groups, and drops those that a nest cannot read or write in registers until nothing changes.
void Layouts::assign() {
  walk(kernel_.body, [&](const Inst& inst) {
    if ((inst.op == Op::Load || inst.op == Op::Store) && inst.operand(0)->type.isTile()) accessed_.insert(inst.operand(0)->type.shape());
  });
  findGroups();
  if (groups_.empty()) return;
  std::vector<const Nest*> nests;
  for (auto& [block, plan] : schedule_.blocks)
    for (const Step& step : plan.steps)
      if (step.nest) nests.push_back(step.nest.get());
  // Loops begin with copies.
  std::vector<std::unique_ptr<Nest>> copies;
  auto drop = [&](const Value* v) {
    if (auto at = groupOf_.find(v); at != groupOf_.end()) groups_[at->second].isDropped = true;
  };
  walk(kernel_.body, [&](Inst& inst) {
    for (size_t k = 0; k < inst.operands.size(); ++k) {
      Value* v = inst.operands[k];
      if (!v->type.isTile()) continue;
      if (inst.op == Op::For || inst.op == Op::While) {
        copies.push_back(std::make_unique<Nest>());
        copies.back()->anchors.push_back({Anchor::Carry, &inst, v, k});
        copies.back()->shape = v->type.shape();
        nests.push_back(copies.back().get());
      }
      // Their algorithms read memory.
      if ((inst.op == Op::Dot && k < 2) || inst.op == Op::Histogram || (inst.op == Op::MapElementwise && !isInlinable(inst))) drop(v);
    }
  });
  // Other values have the layout of a nest that computes or reads them element by element; those that stay in registers in any case have
  // the layout of their domain, if there is no such nest.
  adopt(nests);
  for (Group& group : groups_)
    if (!group.layout && !group.isDropped && group.isKept) {
      const Layout* layout = domain(group.values[0]->type.shape());
      if (layout->threadBits <= log2(threads_)) group.layout = layout;
    }
  adopt(nests);
  for (Group& group : groups_) group.isDropped |= !group.layout;
  while (true) {
    size_t before = 0, after = 0;
    for (const Group& group : groups_) before += group.isDropped;
    for (const Nest* nest : nests) check(*nest, drop);
    for (const Group& group : groups_) after += group.isDropped;
    if (after == before) return;
  }
}

// Whether the threads of a nest with this layout may compute all that it has. Threads with the same elements must not write twice, nor read
// from memory what another one of them writes there.
bool Layouts::isLegal(const Nest& nest, const Layout& layout) {
  bool scans = false, keeps = false, stores = false, writesScratch = false, loads = false, combines = true;
  auto memory = [&](const Value* v) { return inMemory(v); };
  for (const Anchor& anchor : nest.anchors) {
    const Value* result = anchor.inst && !anchor.inst->results.empty() ? anchor.inst->results[0] : nullptr;
    // Scans in registers have an algorithm of their own (Lowering::emitScan); others write memory.
    scans |= anchor.kind == Anchor::Scan && !of(result);
    stores |= anchor.kind == Anchor::Effect;
    if (anchor.kind == Anchor::Buffer || anchor.kind == Anchor::Carry)
      (anchor.kind == Anchor::Buffer ? of(anchor.value) : targetOf(anchor)) ? keeps = true : writesScratch = true;
    if (anchor.kind == Anchor::Combine) {
      keeps = true;
      const auto [first, count] = bitsOf(anchor.inst->operand(0)->type, static_cast<int>(anchor.inst->integer(Attr::Axis)));
      bool inSubgroup = false;
      for (int i = first; i < first + count; ++i)
        inSubgroup |= layout.place[static_cast<size_t>(i)] >= 0 && layout.place[static_cast<size_t>(i)] < subgroupBits_;
      combines &= result->type.isTile() ? of(result) != nullptr : inSubgroup && schedule_.kernel.subgroups;
    }
    visitInlined(anchor, memory, [&](const Value* v, const IndexMap&) { loads |= v->def && v->def->op == Op::Load && !of(v); });
  }
  if (scans || layout.replicas() == 0) return !scans;
  return combines && !(keeps && (writesScratch || (stores && loads)));
}

// Drops what a nest cannot read or write in registers.
void Layouts::check(const Nest& nest, FunctionRef<void(const Value*)> drop) {
  auto memory = [&](const Value* v) { return inMemory(v); };
  const Layout* layout = ofNest(nest, memory, [&](const Value* v) { return of(v); }, nullptr, false);
  if (layout && !isLegal(nest, *layout)) layout = nullptr;
  auto writes = [&](const Value* v, const Layout* as) {
    if (of(v) && (!as || !as->isSame(*of(v)))) drop(v);
  };
  for (const Anchor& anchor : nest.anchors) {
    if (anchor.kind == Anchor::Buffer) writes(anchor.value, layout);
    if (anchor.kind == Anchor::Dot) writes(anchor.inst->result(), layout);
    if (anchor.kind == Anchor::Carry && targetOf(anchor)) writes(resultOf(anchor), layout);
    if (anchor.accumulates() && anchor.inst->results[0]->type.isTile()) {
      const auto [first, count] = bitsOf(anchor.inst->operand(0)->type, static_cast<int>(anchor.inst->integer(Attr::Axis)));
      writes(anchor.inst->results[0], !layout || anchor.kind == Anchor::Scan ? layout : slice(*layout, first, count));
    }
    visitInlined(anchor, memory, [&](const Value* v, const IndexMap& map) {
      const bool isFilled = anchor.kind == Anchor::Buffer && anchor.value == v;
      if (!isFilled && of(v) && (!layout || !fits(*layout, *of(v), map))) drop(v);
    });
  }
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
        if (inst.operands[i] == v) onlyDots &= inst.op == Op::Dot && i < 2 && groupOf(inst, machine_) == 1;
    });
    if (onlyDots) return Type::scalar(Elem::F32);
  }
  return t;
}

}  // namespace nereid
