// SPDX-License-Identifier: MIT
// The loops of one nest.
//
// The bits of the domain's index are dealt to axes: one loop each, cut only where some access demands it. One axis is the vector
// axis. Masks of the form `index < bound` split a loop in three: inside, where the mask is true; a masked tail of at most one vector;
// outside, where loads are `other` and stores are nothing. Loops over reduced axes stand innermost and carry the accumulators.
#include <algorithm>
#include <bit>
#include <cmath>
#include <tuple>

#include "ir/bits.h"
#include "lower/lowering.h"
#include "lower/combine.h"

namespace nereid {

namespace {

bool hasEffects(const Region& region) {
  bool found = false;
  walk(region, [&](const Inst& inst) {
    Effects e = info(inst.op).effects;
    found |= e == Effects::Writes || e == Effects::Atomic || e == Effects::Other;
  });
  return found;
}

// Whether a remainder is part of how this address is computed.
bool mayWrap(const Value* v) {
  if (!v->type.isTile() || !v->def) return false;
  if (v->def->op == Op::RemSI) return true;
  if (v->def->op == Op::Load || !isPullable(*v->def)) return false;
  return std::any_of(v->def->operands.begin(), v->def->operands.end(), [](Value* o) { return mayWrap(o); });
}

bool reads(const Root& root) { return root.kind == Root::Combine || root.kind == Root::Scan; }

}  // namespace

IndexMap Lowering::nestMap(int bits) const {
  IndexMap map;
  for (int i = 0; i < bits; ++i)
    map.push_back({static_cast<int8_t>(axisOfBit_[static_cast<size_t>(i)]), static_cast<uint8_t>(bitInAxis_[static_cast<size_t>(i)])});
  return map;
}

// From the plan's maps (axis 0 is the whole flat index) to this nest's axes.
IndexMap Lowering::remap(const IndexMap& map) const {
  IndexMap out;
  for (IndexBit b : map)
    out.push_back(b.isConstant() ? b
                                 : IndexBit{static_cast<int8_t>(axisOfBit_[b.bit]), static_cast<uint8_t>(bitInAxis_[b.bit])});
  return out;
}

void Lowering::splitAxes(const Nest& nest) {
  int bits = 0;
  for (int64_t d : nest.shape) bits += std::countr_zero(static_cast<uint64_t>(d));
  std::vector<bool> cut(static_cast<size_t>(bits) + 1, false);  // before bit i
  int low = 0, reducedLow = -1, reducedHigh = -1;
  for (size_t i = nest.shape.size(); i-- > 0;) {
    int n = std::countr_zero(static_cast<uint64_t>(nest.shape[i]));
    if (static_cast<int>(i) == nest.reduceAxis) {
      reducedLow = low;
      reducedHigh = low + n;
      cut[static_cast<size_t>(low)] = cut[static_cast<size_t>(low + n)] = true;
    }
    low += n;
  }
  // Neighbouring bits stay together where every leaf has both, side by side, or neither.
  auto leaf = [&](const IndexMap& map) {
    std::vector<int> at(static_cast<size_t>(bits), -1);
    for (size_t i = 0; i < map.size(); ++i)
      if (!map[i].isConstant()) at[map[i].bit] = static_cast<int>(i);
    for (size_t p = 0; p + 1 < at.size(); ++p)
      if (!(at[p] < 0 && at[p + 1] < 0) && (at[p] < 0 || at[p + 1] != at[p] + 1)) cut[p + 1] = true;
  };
  auto dims = [&](const IndexMap& map, const Type& type) {
    int bit = 0;
    for (int d = type.rank - 1; d >= 0; --d) {
      int n = type.log2[static_cast<size_t>(d)];
      leaf(IndexMap(map.begin() + bit, map.begin() + bit + n));
      bit += n;
    }
  };
  auto memory = [&](const Value* v) { return inMemory(v); };
  for (const Root& root : nest.roots) {
    auto visit = [&](Value* v, const IndexMap& map) {
      if (map.empty()) return;
      if (buffer_.count(v) || (v->def && v->def->op == Op::MakeRange)) leaf(map);
      if (v->def && v->def->op == Op::Gather) dims(map, v->type);
      if (v->def && (v->def->op == Op::Join || v->def->op == Op::Cat)) {
        IndexBit s = selectorBit(*v->def, map);
        if (!s.isConstant()) cut[s.bit] = cut[s.bit + 1u] = true;
      }
    };
    visitPulled(root, memory, visit);
  }
  axes_.clear();
  axisOfBit_.clear();
  bitInAxis_.clear();
  for (int i = 0; i < bits; ++i) {
    if (i == 0 || cut[static_cast<size_t>(i)]) {
      axes_.emplace_back();
      axes_.back().isReduced = i >= reducedLow && i < reducedHigh;
    }
    axisOfBit_.push_back(static_cast<int>(axes_.size()) - 1);
    bitInAxis_.push_back(axes_.back().bits++);
  }
}

void Lowering::chooseVector(const Nest& nest) {
  vectorAxis_ = -1;
  bool allowed = true, noReduced = false, dear = false;
  int widest = 8;
  struct Access {
    const Value* ptr;
    IndexMap map;
    int weight;
    bool buffer;
  };
  std::vector<Access> accesses;
  std::set<std::pair<const Value*, IndexMap>> seen;
  auto memory = [&](const Value* v) { return inMemory(v); };
  for (const Root& root : nest.roots) {
    if (root.kind == Root::Scan) noReduced = true;
    if (root.kind == Root::Effect && root.inst->op != Op::Store) allowed = false;
    if (reads(root) && !isStraightLine(*root.inst->regions[0])) allowed = false;
    if (root.kind == Root::Effect && root.inst->op == Op::Store)
      accesses.push_back({root.inst->operand(0), nestMap(static_cast<int>(axisOfBit_.size())), 4, false});
    if (root.kind == Root::Buffer || root.kind == Root::Carry) {
      accesses.push_back({root.value, nestMap(static_cast<int>(axisOfBit_.size())), 2, true});
      widest = std::max(widest, bitWidth(storedType(root.value)));
    }
    visitPulled(root, memory, [&](Value* v, const IndexMap& map) {
      if (map.empty() && v->type.bits() > 0) return;
      IndexMap m = remap(map);
      if (!seen.emplace(v, m).second) return;
      if (v->type.isFloat()) widest = std::max(widest, std::max(16, bitWidth(v->type)));
      if (buffer_.count(v)) {
        accesses.push_back({v, m, 2, true});
        return;
      }
      if (!v->def) return;
      if (v->def->op == Op::Load) {
        accesses.push_back({v->def->operand(0), m, 4, false});
        widest = std::max(widest, bitWidth(v->type));
      }
      if (v->type.isInt() && v->def->op == Op::TruncI) widest = std::max(widest, 32);
      if (v->def->op == Op::MapElementwise && !isStraightLine(*v->def->regions[0])) allowed = false;
      if (v->def->op == Op::ExternElementwise) allowed = false;
      dear |= isDear(*v->def);
    });
    if (root.kind == Root::Combine || root.kind == Root::Scan)
      for (Value* v : root.inst->operands) widest = std::max(widest, v->type.isFloat() ? std::max(16, bitWidth(v->type)) : bitWidth(v->type));
    if (root.kind == Root::Effect && root.inst->op == Op::Store) widest = std::max(widest, bitWidth(root.inst->operand(1)->type));
  }
  order_.clear();
  if (allowed) {
    int machineLanes = std::max(1, machine_.vectorBytes * 8 / widest);
    int unroll = dear || seen.size() > 60 ? 2 : 4;
    if (machine_.vectorRegisters < 32) unroll = std::max(1, unroll / 2);
    if (unlikely_) unroll = 1;
    narrowBits_ = std::countr_zero(std::bit_floor(static_cast<unsigned>(machineLanes)));
    int best = -1000;
    for (size_t a = 0; a < axes_.size(); ++a) {
      if (noReduced && axes_[a].isReduced) continue;
      int score = 0;
      for (const Access& access : accesses) {
        Stride s;
        if (access.buffer) {
          int64_t unit = 0;
          for (size_t i = 0; i < access.map.size(); ++i)
            if (access.map[i].axis == static_cast<int>(a) && access.map[i].bit == 0) unit = int64_t{1} << i;
          s = Stride::constant(unit);
        } else {
          s = strideOf(access.ptr, access.map, static_cast<int>(a), axes_[a].bits);
        }
        if (s.kind == Stride::Constant)
          score += s.value == 1 ? 2 * access.weight : s.value == 0 ? access.weight / 2 : -access.weight;
        else
          score += s.kind == Stride::Runtime ? 0 : -access.weight;
      }
      int missing = std::countr_zero(static_cast<unsigned>(std::bit_floor(static_cast<unsigned>(machineLanes)))) - axes_[a].bits;
      if (missing > 0) score -= 4 * missing;
      if (axes_[a].isReduced) score -= 1;
      if (score > best) {
        best = score;
        vectorAxis_ = static_cast<int>(a);
      }
    }
    if (vectorAxis_ >= 0) {
      int width = std::countr_zero(static_cast<unsigned>(std::min(64, machineLanes * unroll)));
      Axis& axis = axes_[static_cast<size_t>(vectorAxis_)];
      axis.laneBits = std::min(width, axis.bits);
      if (axis.laneBits == 0) vectorAxis_ = -1;
    }
  }
  // Parallel axes outermost, reduced ones inside, the vector axis last of its kind.
  for (int reduced = 0; reduced < 2; ++reduced) {
    if (reduced) firstReduced_ = order_.size();
    for (size_t a = axes_.size(); a-- > 0;)
      if (axes_[a].isReduced == (reduced == 1) && static_cast<int>(a) != vectorAxis_) order_.push_back(static_cast<int>(a));
    if (vectorAxis_ >= 0 && axes_[static_cast<size_t>(vectorAxis_)].isReduced == (reduced == 1)) order_.push_back(vectorAxis_);
  }
}

// Comparisons that bound an axis: `index + ... < uniform`, with the index counting up by one.
void Lowering::findBounds(const Nest& nest) {
  bounds_.clear();
  std::set<std::pair<const Inst*, IndexMap>> seen;
  auto memory = [&](const Value* v) { return inMemory(v); };
  bool reverse = false;
  for (const Root& root : nest.roots) reverse |= root.kind == Root::Scan && root.inst->integer(Attr::Reverse);
  for (const Root& root : nest.roots)
    visitPulled(root, memory, [&](Value* compared, const IndexMap& map) {
      if (!compared->def || compared->def->op != Op::CmpI || inMemory(compared) || compared->def->operand(0)->type.isPointer()) return;
      const Inst& cmp = *compared->def;
      IndexMap m = remap(map);
      if (!seen.emplace(&cmp, m).second) return;
      auto pred = static_cast<CmpIPred>(cmp.integer(Attr::Predicate));
      int sign;
      if (pred == CmpIPred::Slt || pred == CmpIPred::Sle)
        sign = 1;
      else if (pred == CmpIPred::Sgt || pred == CmpIPred::Sge)
        sign = -1;
      else
        return;
      for (size_t i = order_.size(); i-- > 0;) {
        int axis = order_[i];
        Stride l = strideOf(cmp.operand(0), m, axis, axes_[static_cast<size_t>(axis)].bits);
        Stride r = strideOf(cmp.operand(1), m, axis, axes_[static_cast<size_t>(axis)].bits);
        if (l.kind != Stride::Constant || r.kind != Stride::Constant) return;
        int64_t d = sign * (l.value - r.value);
        if (d == 0) continue;
        if (reverse && axes_[static_cast<size_t>(axis)].isReduced) return;  // the loop counts down
        if (axis != vectorAxis_ && vectorAxis_ >= 0) {
          // One bound serves all lanes: the comparison must not vary from lane to lane.
          int bits = axes_[static_cast<size_t>(vectorAxis_)].bits;
          Stride u = strideOf(cmp.operand(0), m, vectorAxis_, bits), v = strideOf(cmp.operand(1), m, vectorAxis_, bits);
          if (u.kind != Stride::Constant || v.kind != Stride::Constant || u.value != v.value) return;
        }
        if (d == 1 || d == -1) bounds_.push_back({&cmp, m, axis, d == -1});
        return;
      }
    });
}

std::optional<Lowering::Range> Lowering::addressRange(Value* ptr, const IndexMap& map) {
  auto a = affine(ptr, map);
  if (!a || !a->base.v || a->base.level > top()) return std::nullopt;
  const Type kI64 = Type::scalar(Elem::I64);
  int64_t bytes = byteSize(ptr->type.pointee());
  Lowval first{nullptr, 0}, last{nullptr, 0};
  int64_t firstConstant = a->constant, lastConstant = a->constant + 1;
  auto plus = [&](Lowval& sum, Lowval x) { sum = sum.v ? emitOp(Op::AddI, {sum, x}, kI64) : x; };
  for (const Affine::Term& t : a->terms) {
    int64_t reach = t.factor * (axes_[static_cast<size_t>(t.axis)].size() - 1);
    if (!t.scale.v) {
      (reach < 0 ? firstConstant : lastConstant) += reach;
      continue;
    }
    if (t.scale.level > top()) return std::nullopt;
    Lowval product = emitOp(Op::MulI, {t.scale, {index(reach), 0}}, kI64);
    plus(first, emitOp(Op::MinSI, {product, {index(0), 0}}, kI64));
    plus(last, emitOp(Op::MaxSI, {product, {index(0), 0}}, kI64));
  }
  Lowval base = emitOp(Op::PtrToInt, {a->base}, kI64);
  auto finish = [&](Lowval sum, int64_t c) {
    plus(sum, {index(c), 0});
    return emitOp(Op::AddI, {base, emitOp(Op::MulI, {sum, {index(bytes), 0}}, kI64)}, kI64).v;
  };
  return Range{finish(first, firstConstant), finish(last, lastConstant), *a, bytes};
}

// Whether two accesses to one array are known to touch different elements.
bool Lowering::apartByConstants(const Range& x, const Range& y) const {
  if (x.affine.base.v != y.affine.base.v || x.bytes != y.bytes) return false;
  int64_t ends[2][2];
  for (int k = 0; k < 2; ++k) {
    const Affine& a = k ? y.affine : x.affine;
    ends[k][0] = a.constant;
    ends[k][1] = a.constant + 1;
    for (const Affine::Term& t : a.terms) {
      if (t.scale.v) return false;
      int64_t reach = t.factor * (axes_[static_cast<size_t>(t.axis)].size() - 1);
      ends[k][reach < 0 ? 0 : 1] += reach;
    }
  }
  return ends[0][1] <= ends[1][0] || ends[1][1] <= ends[0][0];
}

// Whether what the nest reads may be what it writes. Tells the loads to buffer if so, and the condition under which not.
bool Lowering::needsVersions(const Nest& nest, std::vector<const Inst*>& loads, Value*& condition) {
  struct Access {
    const Inst* inst;
    Value* ptr;
    IndexMap map;
    bool writes;
  };
  std::vector<Access> accesses;
  bool writes = false;
  auto memory = [&](const Value* v) { return inMemory(v); };
  std::set<std::pair<const Inst*, IndexMap>> seen;
  for (const Root& root : nest.roots) {
    if (root.kind == Root::Effect && info(root.inst->op).effects != Effects::Other) {
      accesses.push_back({root.inst, root.inst->operand(0), nestMap(static_cast<int>(axisOfBit_.size())), true});
      writes = true;
    }
    visitPulled(root, memory, [&](Value* v, const IndexMap& map) {
      if (!v->def || v->def->op != Op::Load || buffer_.count(v)) return;
      if (seen.emplace(v->def, map).second) accesses.push_back({v->def, v->def->operand(0), remap(map), false});
    });
  }
  if (!writes || accesses.size() == 1) return false;
  Builder b = at(top());
  bool conflict = false;
  std::vector<std::optional<Range>> ranges(accesses.size());
  std::vector<bool> tried(accesses.size(), false);
  auto range = [&](size_t i) {
    if (!tried[i]) ranges[i] = addressRange(accesses[i].ptr, accesses[i].map);
    tried[i] = true;
    return ranges[i];
  };
  condition = nullptr;
  bool never = false;
  for (size_t i = 0; i < accesses.size(); ++i)
    for (size_t j = i + 1; j < accesses.size(); ++j) {
      if (!accesses[i].writes && !accesses[j].writes) continue;
      // The same pointers at the same index: each element is read before it is written. Not so when the source reads after it writes.
      bool readsLater = false;
      for (auto [read, write] : {std::pair(i, j), std::pair(j, i)})
        readsLater |= !accesses[read].writes && accesses[write].writes && number_[accesses[read].inst] > number_[accesses[write].inst];
      if (accesses[i].ptr == accesses[j].ptr && accesses[i].map == accesses[j].map && !readsLater) continue;
      auto x = range(i), y = range(j);
      if (x && y && apartByConstants(*x, *y)) continue;
      conflict = true;
      for (size_t k : {i, j})
        if (!accesses[k].writes && std::find(loads.begin(), loads.end(), accesses[k].inst) == loads.end()) loads.push_back(accesses[k].inst);
      if (!x || !y) {
        never = true;
        continue;
      }
      Value* apart = b.make(Op::OrI, {b.cmpI(CmpIPred::Ule, x->last, y->first), b.cmpI(CmpIPred::Ule, y->last, x->first)});
      auto sameTerms = [&] {
        if (x->affine.terms.size() != y->affine.terms.size() || x->bytes != y->bytes) return false;
        for (const Affine::Term& t : x->affine.terms) {
          const Affine::Term* u = y->affine.of(t.axis);
          if (!u || u->factor != t.factor || u->scale.v != t.scale.v) return false;
          if (t.scale.v) return false;  // a stride of 0 or overlapping rows could hide behind it
        }
        return true;
      };
      if (!readsLater && sameTerms()) apart = b.make(Op::OrI, {apart, b.cmpI(CmpIPred::Eq, x->first, y->first)});
      condition = condition ? b.make(Op::AndI, {condition, apart}) : apart;
    }
  if (never) condition = constant(Type::scalar(Elem::I1), 0);
  return conflict;
}

void Lowering::noteNest(const Nest& nest) {
  if (quiet_) return;
  std::string shape;
  for (int64_t d : nest.shape) shape += cat(shape.empty() ? "" : "x", d);
  note("nest over ", shape.empty() ? "one element" : shape, " at line ", loc_.line);
  std::string loops;
  for (int a : order_) {
    const Axis& axis = axes_[static_cast<size_t>(a)];
    loops += cat(loops.empty() ? "" : ", ", axis.size(), axis.isReduced ? " reduced" : "", a == vectorAxis_ ? cat(" by ", axis.step(), " lanes") : "");
  }
  note("  loops, outermost first: ", loops.empty() ? "none" : loops,
       vectorAxis_ < 0 ? "; scalar" : "; lanes along the axis where most accesses are contiguous");
  findBounds(nest);
  for (const Bound& bound : bounds_)
    note("  the comparison at line ", bound.compare->loc.line, bound.isLower ? " holds on a whole loop or is a mask" : " ends a loop instead of masking it");
}

void Lowering::emitNest(const Nest& nest, const BufferRef* target) {
  loc_ = nest.roots.back().inst ? nest.roots.back().inst->loc : loc_;
  for (const Root& root : nest.roots) {
    if (root.kind == Root::Dot) return emitDot(*root.inst);
    if (root.kind == Root::Histogram) return emitHistogram(*root.inst);
    if (root.kind == Root::Sequence) return emitSequence(*root.inst);
  }
  memo_.clear();
  journal_.clear();
  splats_.clear();
  assumptions_.clear();
  assume_ = false;
  baseLevel_ = top();
  // Result buffers first: their addresses must dominate everything.
  for (const Root& root : nest.roots)
    if (reads(root) || (root.kind == Root::Effect && used_.count(root.inst)))
      for (Value* v : root.inst->results)
        if (v->type.isTile() && !buffer_.count(v)) buffer_[v] = allocate(v);
  splitAxes(nest);
  chooseVector(nest);
  noteNest(nest);

  std::vector<const Inst*> loads;
  Value* condition = nullptr;
  bool conflict = needsVersions(nest, loads, condition);
  memo_.clear();
  journal_.clear();
  filling_.clear();
  auto finish = [&] {
    for (auto& [v, buffer] : filling_) buffer_[v] = buffer;
    filling_.clear();
  };
  if (conflict)
    note("  reads and writes may meet: ",
         constantBits(condition) ? "an address is not affine, so what is read goes through buffers"
                                 : "two versions, by a test of the address ranges");
  if (conflict && constantBits(condition)) {
    emitSlowly(nest, loads, target);
    finish();
    return;
  }
  bool runtimeStride = false;
  {
    auto memory = [&](const Value* v) { return inMemory(v); };
    auto check = [&](Value* ptr, const IndexMap& map) {
      // A run-time stride matters along the lanes, an index that may wrap (its value is kept) along any axis.
      for (size_t a = 0; a < axes_.size(); ++a) {
        Stride s = strideOf(ptr, map, static_cast<int>(a), axes_[a].bits);
        runtimeStride |= s.kind == Stride::Runtime && (static_cast<int>(a) == vectorAxis_ || mayWrap(ptr));
      }
    };
    for (const Root& root : nest.roots) {
      if (root.kind == Root::Effect) check(root.inst->operand(0), nestMap(static_cast<int>(axisOfBit_.size())));
      visitPulled(root, memory, [&](Value* v, const IndexMap& map) {
        if (v->def && v->def->op == Op::Load && !buffer_.count(v)) check(v->def->operand(0), remap(map));
      });
    }
  }
  if (runtimeStride) note("  two versions, by a test that run-time strides are 1 and indices do not wrap");
  if (!conflict && !runtimeStride) {
    emitNestBody(nest, target);
    finish();
    return;
  }

  // Two versions: what is usual, and what is right in any case. Level 0 stands before the test.
  std::vector<Value*> outs;
  for (const Root& root : nest.roots)
    if (root.kind == Root::Combine)
      for (Value* v : root.inst->results)
        if (!v->type.isTile()) outs.push_back(v);
  Inst* branch = m_.newInst(Op::If, loc_);
  for (int i = 0; i < 2; ++i) {
    branch->regions.push_back(std::make_unique<Region>());
    branch->regions.back()->parent = branch;
    levels_.push_back(m_.newBlock(*branch->regions.back()));
    assume_ = i == 0;
    unlikely_ = i == 1;
    quiet_ += i == 1;
    assumeLevel_ = top() - 1;
    if (i == 1 && conflict) {
      emitSlowly(nest, loads, target);
    } else {
      if (i == 1) {
        memo_.clear();
        journal_.clear();
        splitAxes(nest);
        chooseVector(nest);
      }
      emitNestBody(nest, target);
    }
    if (failed_) return;
    std::vector<Value*> values;
    for (const Value* v : outs) values.push_back(scalar(v));
    at(top()).yield(std::move(values));
    levels_.pop_back();
    quiet_ -= i == 1;
    assume_ = unlikely_ = false;
  }
  std::sort(assumptions_.begin(), assumptions_.end());
  assumptions_.erase(std::unique(assumptions_.begin(), assumptions_.end()), assumptions_.end());
  for (Value* v : assumptions_) condition = condition ? at(top()).make(Op::AndI, {condition, v}) : v;
  assumptions_.clear();
  branch->operands = {condition ? condition : constant(Type::scalar(Elem::I1), 1)};
  for (Value* v : outs) scalar_[v] = m_.addResult(*branch, v->type);
  branch->parent = levels_.back();
  levels_.back()->insts.push_back(branch);
  finish();
  memo_.clear();
  journal_.clear();
}

// Reads everything into buffers first, and runs the roots one after the other, in the order of the source.
void Lowering::emitSlowly(const Nest& nest, std::vector<const Inst*> loads, const BufferRef* target) {
  struct Event {
    int number;
    const Inst* load;
    const Root* root;
    size_t order;
  };
  std::vector<Event> events;
  for (const Inst* load : loads) events.push_back({number_[load], load, nullptr, events.size()});
  for (const Root& root : nest.roots) events.push_back({number_[root.inst], nullptr, &root, events.size()});
  std::sort(events.begin(), events.end(),
            [](const Event& a, const Event& b) { return std::tuple(a.number, a.order) < std::tuple(b.number, b.order); });
  for (const Event& event : events) {
    Nest one;
    one.reduceAxis = -1;
    memo_.clear();
    journal_.clear();
    if (event.load) {
      Value* v = event.load->result();
      BufferRef to = allocate(v);
      one.roots.push_back({Root::Buffer, const_cast<Inst*>(event.load), v});
      one.shape = v->type.shape();
      splitAxes(one);
      chooseVector(one);
      emitNestBody(one, &to);
      buffer_[v] = to;
    } else {
      one.roots.push_back(*event.root);
      one.shape = nest.shape;
      if (reads(*event.root)) one.reduceAxis = nest.reduceAxis;
      splitAxes(one);
      chooseVector(one);
      emitNestBody(one, target);
    }
  }
  for (const Inst* load : loads) buffer_.erase(load->result());
  memo_.clear();
  journal_.clear();
}

void Lowering::emitNestBody(const Nest& nest, const BufferRef* target) {
  nest_ = &nest;
  target_ = target;
  facts_.clear();
  factLevel_ = 0;
  baseLevel_ = top();
  for (Axis& axis : axes_) axis.iv = nullptr;
  findBounds(nest);
  std::vector<Value*> acc;
  emitLoops(0, acc);
  nest_ = nullptr;
  target_ = nullptr;
}

void Lowering::emitLoops(size_t depth, std::vector<Value*>& acc) {
  bool reduces = std::any_of(nest_->roots.begin(), nest_->roots.end(), reads);
  if (depth == firstReduced_ && reduces && acc.empty()) {
    beginReduction(acc);
    emitLoops(depth, acc);
    endReduction(acc);
    acc.clear();
    return;
  }
  if (depth == order_.size()) {
    emitBody(acc);
    return;
  }
  int a = order_[depth];
  const Axis axis = axes_[static_cast<size_t>(a)];
  const Type kI64 = Type::scalar(Elem::I64);
  Value* size = index(axis.size());
  // Where each bound of this axis lies.
  struct Limit {
    const Bound* bound;
    Lowval end;
  };
  std::vector<Limit> limits;
  bool anyLower = false;
  for (const Bound& bound : bounds_) {
    if (bound.axis != a || facts_.count({bound.compare, bound.map})) continue;
    auto pred = static_cast<CmpIPred>(bound.compare->integer(Attr::Predicate));
    bool less = pred == CmpIPred::Slt || pred == CmpIPred::Sle;
    bool strict = pred == CmpIPred::Slt || pred == CmpIPred::Sgt;
    auto l = affine(bound.compare->operand(less ? 0 : 1), bound.map);
    auto r = affine(bound.compare->operand(less ? 1 : 0), bound.map);
    if (!l || !r) continue;
    // l + i < r  =>  i < r - l
    bool known = true;
    auto still = [&](Affine& x) {
      std::erase_if(x.terms, [&](const Affine::Term& t) { return t.axis == a; });
      for (const Affine::Term& t : x.terms) known &= axes_[static_cast<size_t>(t.axis)].iv != nullptr;
    };
    still(*l);
    still(*r);
    if (!known) continue;
    if (bound.isLower) {
      // l - i < r: true along the whole axis when l < r already; else nothing is known.
      Lowval all = emitOp(Op::CmpI, {materialize(*l), materialize(*r)}, Type::scalar(Elem::I1),
                          {{Attr::Predicate, static_cast<int64_t>(strict ? CmpIPred::Slt : CmpIPred::Sle)}});
      limits.push_back({&bound, emitOp(Op::Select, {all, {size, 0}, {index(0), 0}}, kI64)});
      anyLower = true;
      continue;
    }
    Lowval end = emitOp(Op::SubI, {materialize(*r), materialize(*l)}, kI64);
    if (!strict) end = emitOp(Op::AddI, {end, {index(1), 0}}, kI64);
    end = emitOp(Op::MaxSI, {emitOp(Op::MinSI, {end, {size, 0}}, kI64), {index(0), 0}}, kI64);
    limits.push_back({&bound, end});
  }
  if (limits.empty()) {
    emitLoop(depth, index(0), size, acc);
    return;
  }
  Lowval low = limits[0].end, high = limits[0].end;
  for (size_t i = 1; i < limits.size(); ++i) {
    low = emitOp(Op::MinSI, {low, limits[i].end}, kI64);
    high = emitOp(Op::MaxSI, {high, limits[i].end}, kI64);
  }
  if (anyLower) {
    // Past the upper bounds everything is outside; without one, nothing is.
    high = {nullptr, 0};
    for (const Limit& l : limits)
      if (!l.bound->isLower) high = high.v ? emitOp(Op::MaxSI, {high, l.end}, kI64) : l.end;
    if (!high.v) high = {size, 0};
    low = emitOp(Op::MinSI, {low, high}, kI64);
  }
  int64_t step = axis.step();
  const Lowval bound = high;
  if (step > 1) {
    low = emitOp(Op::AndI, {low, {index(-step), 0}}, kI64);
    high = emitOp(Op::AndI, {emitOp(Op::AddI, {high, {index(step - 1), 0}}, kI64), {index(-step), 0}}, kI64);
  }
  int savedLevel = factLevel_;
  auto segment = [&](bool fact, auto&& emit) {
    MemoScope scope = enter();
    for (const Limit& l : limits)
      if (fact || !l.bound->isLower) facts_[{l.bound->compare, l.bound->map}] = fact;
    factLevel_ = top() + 1;
    emit();
    factLevel_ = savedLevel;
    for (const Limit& l : limits) facts_.erase({l.bound->compare, l.bound->map});
    leave(scope);
  };
  segment(true, [&] { emitLoop(depth, index(0), low.v, acc); });
  // The rest is short: one register at a time. Accumulators lend their first lanes to it.
  Axis& open = axes_[static_cast<size_t>(a)];
  const std::vector<Value*> wide = acc;
  bool lend = true;  // lanes without an identity may not have started
  for (const Root& root : nest_->roots) lend &= acc.empty() || (root.kind == Root::Combine && combineOf(*root.inst)) || !reads(root);
  if (open.laneBits > narrowBits_ && lend) {
    open.laneBits = narrowBits_;
    step = open.step();
    high = emitOp(Op::AndI, {emitOp(Op::AddI, {bound, {index(step - 1), 0}}, kI64), {index(-step), 0}}, kI64);
    for (Value*& v : acc)
      if (v->type.isVector()) v = takeLanes(v, 0, step);
  }
  if (step > 1 || limits.size() > 1 || anyLower) {
    MemoScope scope = enter();
    emitLoop(depth, low.v, high.v, acc);
    leave(scope);
  }
  if (!(anyLower && constantBits(high.v)))
    segment(false, [&] {
      if (!emitOutside(depth, high.v, acc)) emitLoop(depth, high.v, size, acc);
    });
  for (size_t i = 0; i < acc.size(); ++i)
    if (acc[i]->type != wide[i]->type) acc[i] = putLanes(acc[i], wide[i]);
  open.laneBits = axis.laneBits;
}

// `count` lanes of a vector, from `first` on.
Value* Lowering::takeLanes(Value* v, int64_t first, int64_t count) {
  std::vector<int64_t> lanesTaken;
  for (int64_t i = 0; i < count; ++i) lanesTaken.push_back(first + i);
  if (count == 1) return at(top()).create(Op::LoExtract, {v}, {v->type.element()}, {{Attr::Offset, first}})->result();
  return at(top())
      .create(Op::LoShuffle, {v}, {Type::vector(v->type.element(), static_cast<int>(count))}, {{Attr::Lanes, lanesTaken}})
      ->result();
}

// `wide` with its first lanes replaced.
Value* Lowering::putLanes(Value* narrow, Value* wide) {
  int64_t n = narrow->type.isVector() ? narrow->type.numel() : 1, all = wide->type.numel();
  if (n == 1) return at(top()).create(Op::LoInsert, {wide, narrow}, {wide->type}, {{Attr::Offset, int64_t{0}}})->result();
  std::vector<int64_t> grow, merge;
  for (int64_t i = 0; i < all; ++i) {
    grow.push_back(i < n ? i : -1);
    merge.push_back(i < n ? i : all + i);
  }
  Value* grown = at(top()).create(Op::LoShuffle, {narrow}, {wide->type}, {{Attr::Lanes, grow}})->result();
  return at(top()).create(Op::LoShuffle, {grown, wide}, {wide->type}, {{Attr::Lanes, merge}})->result();
}

void Lowering::emitLoop(size_t depth, Value* lower, Value* upper, std::vector<Value*>& acc) {
  Axis& axis = axes_[static_cast<size_t>(order_[depth])];
  const Axis saved = axis;
  bool reverse = false;
  for (const Root& root : nest_->roots) reverse |= root.kind == Root::Scan && axis.isReduced && root.inst->integer(Attr::Reverse);
  auto lowerBits = constantBits(lower), upperBits = constantBits(upper);
  MemoScope scope = enter();
  if (lowerBits && upperBits && static_cast<int64_t>(*upperBits - *lowerBits) == axis.step() && axis.bits == axis.laneBits) {
    // One iteration needs no loop.
    axis.iv = lower;
    axis.level = top();
    emitLoops(depth + 1, acc);
    leave(scope);
    axis = saved;
    return;
  }
  if (lowerBits && upperBits && !acc.empty()) {
    // A reduction of a few elements is written out.
    auto first = static_cast<int64_t>(*lowerBits), end = static_cast<int64_t>(*upperBits);
    if (end - first <= 4 * axis.step()) {
      for (int64_t i = first; i < end; i += axis.step()) {
        MemoScope one = enter();
        axis.iv = index(reverse ? axis.size() - 1 - i : i);
        axis.level = top();
        emitLoops(depth + 1, acc);
        leave(one);
      }
      leave(scope);
      axis = saved;
      return;
    }
  }
  Inst* loop = m_.newInst(Op::For, loc_);
  loop->operands = {lower, upper, index(axis.step())};
  loop->operands.insert(loop->operands.end(), acc.begin(), acc.end());
  loop->regions.push_back(std::make_unique<Region>());
  loop->regions[0]->parent = loop;
  Block* body = m_.newBlock(*loop->regions[0]);
  Value* iv = m_.addArg(*body, Type::scalar(Elem::I64));
  std::vector<Value*> inner;
  for (Value* v : acc) inner.push_back(m_.addArg(*body, v->type));
  levels_.push_back(body);
  axis.iv = iv;
  axis.level = top();
  if (reverse) axis.iv = emitOp(Op::SubI, {{index(axis.size() - 1), 0}, {iv, top()}}, iv->type).v;
  emitLoops(depth + 1, inner);
  bool changes = hasEffects(*loop->regions[0]);
  for (size_t i = 0; i < inner.size(); ++i) changes |= inner[i] != body->args[i + 1];
  at(top()).yield(inner);
  leave(scope);
  levels_.pop_back();
  axis = saved;
  if (!changes) return;  // stores masked off, for one
  for (Value*& v : acc) v = m_.addResult(*loop, v->type);
  loop->parent = levels_.back();
  levels_.back()->insts.push_back(loop);
}

// The part of a reduction where masks are false: its elements are often all alike, and then known combinations need no loop.
bool Lowering::emitOutside(size_t depth, Value* lower, std::vector<Value*>& acc) {
  Axis& axis = axes_[static_cast<size_t>(order_[depth])];
  if (!axis.isReduced || depth + 1 != order_.size()) return false;
  for (const Root& root : nest_->roots)
    if (root.kind != Root::Combine || !combineOf(*root.inst)) return false;
  const Axis saved = axis;
  Region nowhere;
  MemoScope scope = enter();
  levels_.push_back(m_.newBlock(nowhere));
  axis.iv = lower;
  axis.level = top();
  IndexMap map = nestMap(static_cast<int>(axisOfBit_.size()));
  std::vector<Lowval> values;
  bool uniform = true;
  for (const Root& root : nest_->roots) {
    values.push_back(pull(root.inst->operands[0], map));
    uniform &= values.back().level < top();
  }
  levels_.pop_back();
  leave(scope);
  axis = saved;
  if (!uniform) return false;
  Builder b = at(top());
  Value* any = nullptr;  // whether a loop must run after all
  Value* exists = nullptr;
  for (size_t i = 0; i < values.size(); ++i) {
    const Inst& reduce = *nest_->roots[i].inst;
    Combine combine = *combineOf(reduce);
    Type element = reduce.operand(0)->type.element();
    uint64_t identity = identityOf(combine.op, element);
    auto known = constantBits(values[i].v);
    bool isZeroSum = combine.op == Op::AddF && known && decodeFloat(element.elem, *known) == 0;
    if (isZeroSum || (known && *known == identity)) continue;
    if (isIdempotent(combine.op)) {
      if (!exists) exists = b.cmpI(CmpIPred::Slt, lower, index(axis.size()));
      Lowval once = emitOp(combine.op, {{acc[i], top()}, values[i]}, element, {}, top());
      acc[i] = emitOp(Op::Select, {{exists, top()}, once, {acc[i], top()}}, element, {}, top()).v;
    } else {
      Value* differs = constant(Type::scalar(Elem::I1), 1);
      if (!values[i].isVector() && combine.op == Op::AddF) differs = at(top()).cmpF(CmpFPred::Une, values[i].v, constant(element, 0));
      any = any ? at(top()).make(Op::OrI, {any, differs}) : differs;
    }
  }
  if (any) emitLoop(depth, lower, at(top()).select(any, index(axis.size()), lower), acc);
  return true;
}

void Lowering::beginReduction(std::vector<Value*>& acc) {
  for (const Root& root : nest_->roots) {
    if (!reads(root)) continue;
    auto combine = root.kind == Root::Combine ? combineOf(*root.inst) : std::nullopt;
    for (Value* v : root.inst->operands) {
      Type element = v->type.element();
      Lowval start{constant(element, combine ? identityOf(combine->op, element) : 0), 0};
      acc.push_back(widen(start, lanes()).v);
    }
    // Without an identity, the first element starts it.
    if (!combine) acc.push_back(constant(Type::scalar(Elem::I1), 0));
  }
}

void Lowering::emitBody(std::vector<Value*>& acc) {
  IndexMap map = nestMap(static_cast<int>(axisOfBit_.size()));
  // Everything is read before anything is written: what stands at the same index may be the same memory.
  for (const Root& root : nest_->roots) {
    if (root.kind == Root::Buffer || root.kind == Root::Carry) {
      if (root.kind == Root::Buffer && !memo_.count({root.value, map})) {
        Lowval v = pullDefinition(root.value, map);
        memo_[{root.value, map}] = v;
        journal_.emplace_back(root.value, map);
      }
      if (root.kind == Root::Carry) pull(root.value, map);
    } else if (root.kind == Root::Effect && root.inst->op == Op::Store) {
      Lowval mask;
      if (Value* m = root.inst->optional(2)) mask = pull(m, map);
      auto known = mask.v ? constantBits(mask.v) : std::nullopt;
      if (!known || (*known & 1)) pull(root.inst->operand(1), map);
    } else if (reads(root)) {
      for (Value* v : root.inst->operands) pull(v, map);
    }
  }
  size_t next = 0;
  for (const Root& root : nest_->roots) {
    switch (root.kind) {
      case Root::Combine:
      case Root::Scan: {
        auto combine = root.kind == Root::Combine ? combineOf(*root.inst) : std::nullopt;
        size_t n = root.inst->operands.size();
        std::vector<Lowval> args, values;
        for (size_t i = 0; i < n; ++i) args.push_back({acc[next + i], top()});
        for (size_t i = 0; i < n; ++i) {
          Lowval x = pull(root.inst->operands[i], map);
          values.push_back(widen(x, lanes()));
          args.push_back(values.back());
        }
        std::vector<Lowval> out;
        if (combine) {
          out.push_back(emitOp(combine->op, {args[0], args[1]}, root.inst->operand(0)->type.element(), {}, top()));
        } else {
          out = emitRegion(*root.inst->regions[0], args, top());
          Lowval started{acc[next + n], top()};
          for (size_t i = 0; i < n; ++i) {
            Lowval wide = widen(out[i], lanes());
            out[i] = {at(top()).create(Op::Select, {widen(started, lanes()).v, wide.v, values[i].v}, {wide.v->type})->result(), top()};
          }
          acc[next + n] = constant(Type::scalar(Elem::I1), 1);
        }
        for (size_t i = 0; i < n; ++i) acc[next + i] = out[i].v;
        if (root.kind == Root::Scan)
          for (size_t i = 0; i < n; ++i) writeBuffer(buffer_.at(root.inst->results[i]), out[i], map);
        next += n + (combine ? 0 : 1);
        break;
      }
      case Root::Buffer: {
        // The buffer becomes known to others when the nest is done; inside, the value itself is at hand.
        if (!target_ && !filling_.count(root.value)) filling_[root.value] = allocate(root.value);
        writeBuffer(target_ ? *target_ : filling_.at(root.value), memo_.at({root.value, map}), map);
        break;
      }
      case Root::Carry: {
        const BufferRef& to = target_ ? *target_ : carryTargets_.at(root.inst)[root.slot];
        auto from = buffer_.find(root.value);
        if (from != buffer_.end() && from->second.base == to.base) break;
        writeBuffer(to, pull(root.value, map), map);
        break;
      }
      default:
        emitEffect(*root.inst, map);
    }
  }
}

std::vector<Lowval> Lowering::fold(const Inst& reduce, std::vector<Value*> vectors) {
  auto combine = combineOf(reduce);
  int64_t width = vectors[0]->type.dim(0);
  while (width > 1) {
    int64_t half = width / 2;
    std::vector<Lowval> low, high;
    for (Value* v : vectors) {
      low.push_back({takeLanes(v, 0, half), top()});
      high.push_back({takeLanes(v, half, half), top()});
    }
    std::vector<Lowval> out;
    if (combine) {
      out.push_back(emitOp(combine->op, {low[0], high[0]}, reduce.operand(0)->type.element(), {}, top()));
    } else {
      low.insert(low.end(), high.begin(), high.end());
      out = emitRegion(*reduce.regions[0], low, top());
    }
    vectors.clear();
    for (const Lowval& v : out) vectors.push_back(v.v);
    width = half;
  }
  std::vector<Lowval> out;
  for (Value* v : vectors) out.push_back({v, top()});
  return out;
}

void Lowering::endReduction(std::vector<Value*>& acc) {
  size_t next = 0;
  bool lanesReduced = vectorAxis_ >= 0 && axes_[static_cast<size_t>(vectorAxis_)].isReduced;
  for (const Root& root : nest_->roots) {
    if (!reads(root)) continue;
    size_t n = root.inst->operands.size();
    bool flag = root.kind == Root::Scan || !combineOf(*root.inst);
    std::vector<Value*> parts(acc.begin() + static_cast<long>(next), acc.begin() + static_cast<long>(next + n));
    next += n + (flag ? 1 : 0);
    if (root.kind == Root::Scan) continue;
    std::vector<Lowval> values;
    if (lanesReduced) {
      values = fold(*root.inst, parts);
    } else {
      for (Value* v : parts) values.push_back({v, top()});
    }
    IndexMap map;
    for (size_t bit = 0; bit < axisOfBit_.size(); ++bit) {
      if (axes_[static_cast<size_t>(axisOfBit_[bit])].isReduced) continue;
      map.push_back({static_cast<int8_t>(axisOfBit_[bit]), static_cast<uint8_t>(bitInAxis_[bit])});
    }
    for (size_t i = 0; i < n; ++i) {
      Value* result = root.inst->results[i];
      if (result->type.isTile())
        writeBuffer(buffer_.at(result), values[i], map);
      else
        scalar_[result] = values[i].v;
    }
  }
}

void Lowering::emitStore(const Inst& inst, const IndexMap& map, int level) {
  Lowval mask;
  if (Value* m = inst.optional(2)) {
    mask = pull(m, map);
    if (auto known = constantBits(mask.v); known && !mask.isVector()) {
      if (!(*known & 1)) return;
      mask = {};
    }
  }
  Lowval value = pull(inst.operand(1), map);
  Address where = address(inst.operand(0), map);
  if (value.v->type.isBool()) {
    value = convert(value, Type::scalar(Elem::I8));
    Lowval& p = where.vector.v ? where.vector : where.scalar;
    p = emitOp(Op::Bitcast, {p}, Type::pointer(Elem::I8));
  }
  bool wide = where.vector.v || where.contiguous || value.isVector() || (mask.v && mask.isVector());
  Op op = Op::LoStore;
  Lowval pointer = where.vector.v ? where.vector : where.scalar;
  if (wide && !where.contiguous) {
    pointer = widen(pointer, lanes());
    op = Op::LoScatter;
  }
  if (wide) {
    value = widen(value, lanes());
    if (mask.v) mask = widen(mask, lanes());
  }
  std::vector<Value*> operands{pointer.v, value.v};
  if (mask.v) operands.push_back(mask.v);
  Inst* store = at(level).create(op, std::move(operands), {});
  store->segments = {1, 1, mask.v != nullptr};
}

// Effects at one element: the nest has no vector axis, except for stores.
void Lowering::emitEffect(const Inst& inst, const IndexMap& map) {
  loc_ = inst.loc;
  if (inst.op == Op::Store) {
    emitStore(inst, map, top());
    return;
  }
  std::vector<Lowval> operands;
  for (Value* v : inst.operands) operands.push_back(pull(v, v->type.isTile() ? map : IndexMap{}));
  Builder b = at(top());
  if (inst.op == Op::Print) {
    std::vector<Value*> values{constant(Type::scalar(Elem::I1), 1)};
    for (Lowval& v : operands) values.push_back(v.v);
    b.create(Op::LoPrint, std::move(values), {}, inst.attrs);
    return;
  }
  if (inst.op == Op::Assert) {
    Value* wrong = b.cmpI(CmpIPred::Eq, operands[0].v, constant(operands[0].v->type, 0));
    b.create(Op::LoAssert, {wrong}, {}, inst.attrs);
    return;
  }
  // Atomics, where the mask is true; 0 where not.
  Type element = inst.result()->type.element();
  Value* mask = inst.op == Op::AtomicRMW && inst.operands.size() > 2 ? operands[2].v : nullptr;
  auto act = [&](Builder& in) {
    if (inst.op == Op::AtomicCAS) return in.create(Op::LoAtomicCAS, {operands[0].v, operands[1].v, operands[2].v}, {element}, inst.attrs)->result();
    return in.create(Op::LoAtomicRMW, {operands[0].v, operands[1].v}, {element}, inst.attrs)->result();
  };
  Value* old;
  if (mask && !constantBits(mask)) {
    Inst* branch = b.ifElse(mask, {element}, true);
    Builder then(m_, &branch->regions[0]->entry(), loc_);
    then.yield({act(then)});
    Builder otherwise(m_, &branch->regions[1]->entry(), loc_);
    otherwise.yield({constant(element, 0)});
    old = branch->result();
  } else if (mask && !(*constantBits(mask) & 1)) {
    old = constant(element, 0);
  } else {
    old = act(b);
  }
  if (auto buffer = buffer_.find(inst.result()); buffer != buffer_.end()) writeBuffer(buffer->second, {old, top()}, map);
}

}  // namespace nereid
