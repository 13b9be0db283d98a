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

#include "analysis/combine.h"
#include "ir/bits.h"
#include "lower/lowering.h"
#include "support/sort.h"

namespace nereid {

namespace {

// Whether a remainder is part of how this address is computed.
bool mayWrap(const Value* v) {
  if (!v->type.isTile() || !v->def) return false;
  if (v->def->op == Op::RemSI) return true;
  if (v->def->op == Op::Load || !isInlinable(*v->def)) return false;
  return std::any_of(v->def->operands.begin(), v->def->operands.end(), [](Value* o) { return mayWrap(o); });
}

// The argument that a pointer comes from, or null. A loop's pointer comes from where all that it takes comes from.
const Value* argumentOf(const Value* v, std::set<const Value*>& open) {
  if (!v->def) {
    const Inst* loop = v->block && v->block->parent ? v->block->parent->parent : nullptr;
    if (!loop) return v;
    if (loop->op != Op::For || v->index == 0 || !open.insert(v).second) return nullptr;
    const Value* first = argumentOf(loop->operand(2 + static_cast<size_t>(v->index)), open);
    const Value* next = loop->regions[0]->entry().terminator()->operand(static_cast<size_t>(v->index) - 1);
    // The way back leads to the loop's own value, or to the same argument.
    while (next != v && next->def && next->def->op == Op::AddPtr) next = next->def->operand(0);
    if (next == v) return first;
    return first && argumentOf(next, open) == first ? first : nullptr;
  }
  switch (v->def->op) {
    case Op::AddPtr:
    case Op::Splat:
    case Op::Broadcast:
    case Op::ExpandDims:
    case Op::Reshape:
    case Op::Trans:
    case Op::Bitcast: return argumentOf(v->def->operand(0), open);
    default: return nullptr;
  }
}

}  // namespace

// The smallest and the largest element of an integer, or of a pointer in elements.
std::optional<std::pair<Lowval, Lowval>> Lowering::interval(Value* v, const IndexMap& map) {
  const Type kI64 = Type::scalar(Elem::I64);
  using Pair = std::pair<Lowval, Lowval>;
  if (auto a = affine(v, map); a && (!a->base.v || a->base.level <= top())) {
    Pair ends{a->base.v ? a->base : Lowval{index(0), 0}, {}};
    ends.second = ends.first;
    int64_t least = a->constant, most = a->constant;
    for (const Affine::Term& t : a->terms) {
      int64_t reach = t.factor * (axes_[static_cast<size_t>(t.axis)].size() - 1);
      if (!t.scale.v) {
        (reach < 0 ? least : most) += reach;
        continue;
      }
      if (t.scale.level > top()) return std::nullopt;
      Lowval product = times(t.scale, reach), zero{index(0), 0};
      ends.first = plus(ends.first, emitOp(Op::MinSI, {product, zero}, kI64));
      ends.second = plus(ends.second, emitOp(Op::MaxSI, {product, zero}, kI64));
    }
    return Pair{plus(ends.first, least), plus(ends.second, most)};
  }
  if (!v->def || !v->type.isTile() || inMemory(v)) return std::nullopt;
  const Inst& def = *v->def;
  auto of = [&](size_t i) {
    auto m = operandMap(def, i, map, v->index);
    return interval(def.operands[i], m ? *m : IndexMap{});
  };
  switch (def.op) {
    case Op::ExpandDims:
    case Op::Broadcast:
    case Op::ExtSI: return of(0);
    case Op::AddI:
    case Op::AddPtr: {
      auto x = of(0), y = of(1);
      if (!x || !y) return std::nullopt;
      return Pair{plus(x->first, y->first), plus(x->second, y->second)};
    }
    case Op::RemSI: {
      // Below the divisor's magnitude.
      auto n = of(1);
      if (!n) return std::nullopt;
      const Lowval zero{index(0), 0}, one{index(1), 0};
      Lowval size = emitOp(Op::MaxSI, {n->second, emitOp(Op::SubI, {zero, n->first}, kI64)}, kI64);
      Lowval most = emitOp(Op::SubI, {emitOp(Op::MaxSI, {size, one}, kI64), one}, kI64);
      return Pair{isNonNegative(def.operand(0)) ? zero : emitOp(Op::SubI, {zero, most}, kI64), most};
    }
    default: return std::nullopt;
  }
}

std::optional<Lowering::Range> Lowering::addressRange(Value* ptr, const IndexMap& map) {
  const Type kI64 = Type::scalar(Elem::I64);
  auto ends = interval(ptr, map);
  if (!ends || !ends->first.v->type.isPointer()) return std::nullopt;
  const int64_t bytes = byteSize(ptr->type.pointee());
  auto address = [&](Lowval p) { return emitOp(Op::PtrToInt, {p}, kI64); };
  Lowval past = plus(address(ends->second), bytes);
  auto a = affine(ptr, map);
  return Range{address(ends->first).v, past.v, a ? *a : Affine{}, bytes};
}

void Lowering::use(NestSchedule schedule) {
  now_ = std::move(schedule);
  axes_.clear();
  for (const NestSchedule::Axis& axis : now_.axes) axes_.push_back({axis});
}

// Whether two accesses to one array are known to touch different elements.
bool Lowering::apartByConstants(const Range& x, const Range& y) const {
  if (!x.affine.base.v || x.affine.base.v != y.affine.base.v || x.bytes != y.bytes) return false;
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

// Returns true if no two elements of the nest share an address, assuming that run-time strides keep rows apart.
bool Lowering::areDistinct(const Range& x) const {
  std::vector<std::pair<int64_t, int64_t>> steps;  // factor and count, the smallest first
  for (size_t a = 0; a < axes_.size(); ++a) {
    if (axes_[a].bits == 0) continue;
    const Affine::Term* term = x.affine.of(static_cast<int>(a));
    if (!term) return false;
    if (term->scale.v) continue;
    const std::pair<int64_t, int64_t> step{std::abs(term->factor), axes_[a].size()};
    steps.insert(std::upper_bound(steps.begin(), steps.end(), step), step);
  }
  int64_t reach = 0;  // of the smaller steps
  for (auto [factor, count] : steps) {
    if (factor <= reach) return false;
    reach += factor * (count - 1);
  }
  return true;
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
  for (const Anchor& anchor : nest.anchors) {
    if (anchor.kind == Anchor::Effect && info(anchor.inst->op).effects != Effects::Other) {
      accesses.push_back({anchor.inst, anchor.inst->operand(0), now_.identity(), true});
      writes = true;
    }
    visitInlined(anchor, memory, [&](Value* v, const IndexMap& map) {
      if (!v->def || v->def->op != Op::Load || buffer_.count(v)) return;
      if (seen.emplace(v->def, map).second) accesses.push_back({v->def, v->def->operand(0), now_.remap(map), false});
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
  std::vector<const Inst*>
      alike;  // loads that need no buffer while loads and stores alternate element by element, but do if the stores run one after another
  for (size_t i = 0; i < accesses.size(); ++i)
    for (size_t j = i + 1; j < accesses.size(); ++j) {
      if (!accesses[i].writes && !accesses[j].writes) continue;
      // The same pointers at the same index: each element is read before it is written. Not so when the source reads after it writes.
      bool readsLater = false;
      for (auto [read, write] : {std::pair(i, j), std::pair(j, i)})
        readsLater |= !accesses[read].writes && accesses[write].writes && number_[accesses[read].inst] > number_[accesses[write].inst];
      if (accesses[i].ptr == accesses[j].ptr && accesses[i].map == accesses[j].map && !readsLater &&
          (accesses[i].writes == accesses[j].writes || (range(i) && areDistinct(*range(i))))) {
        for (size_t k : {i, j})
          if (!accesses[k].writes) alike.push_back(accesses[k].inst);
        continue;
      }
      if (schedule_.kernel.disjoint) {
        std::set<const Value*> open;
        const Value *a = argumentOf(accesses[i].ptr, open), *c = argumentOf(accesses[j].ptr, open);
        if (a && c && a != c) {
          needsDistinct_ = true;
          continue;
        }
      }
      auto x = range(i), y = range(j);
      if (x && y && apartByConstants(*x, *y)) continue;
      conflict = true;
      for (size_t k : {i, j})
        if (!accesses[k].writes && std::find(loads.begin(), loads.end(), accesses[k].inst) == loads.end())
          loads.push_back(accesses[k].inst);
      if (!x || !y) {
        never = true;
        continue;
      }
      Value* apart = b.make(Op::OrI, {b.cmpI(CmpIPred::Ule, x->last, y->first), b.cmpI(CmpIPred::Ule, y->last, x->first)});
      auto sameTerms = [&] {
        if (!x->affine.base.v || !y->affine.base.v) return false;
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
  for (const Inst* load : alike)
    if (conflict && std::find(loads.begin(), loads.end(), load) == loads.end()) loads.push_back(load);
  return conflict;
}

// Atomic operations of a call that nothing runs beside are loads and stores.
bool Lowering::emitExclusive(const Nest& nest, const BufferRef* target) {
  if (!nest.exclusive || isExclusive_ || inOtherVersion_) return false;
  if (!exclusive_) exclusive_ = Builder(m_, entry_, loc_).create(Op::LoExclusive, {}, {Type::scalar(Elem::I1)})->result();
  Inst* branch = m_.newInst(Op::If, loc_);
  branch->operands = {exclusive_};
  for (bool exclusive : {true, false}) {
    branch->regions.push_back(std::make_unique<Region>());
    branch->regions.back()->parent = branch;
    levels_.push_back(m_.newBlock(*branch->regions.back()));
    isExclusive_ = exclusive;
    inOtherVersion_ = !exclusive;
    emitNest(nest, target);
    at(top()).yield({});
    isExclusive_ = inOtherVersion_ = false;
    levels_.pop_back();
  }
  branch->parent = levels_.back();
  levels_.back()->insts.push_back(branch);
  return true;
}

void Lowering::emitNest(const Nest& nest, const BufferRef* target) {
  if (emitExclusive(nest, target)) return;
  loc_ = nest.anchors.back().inst ? nest.anchors.back().inst->loc : loc_;
  nestTarget_ = target;
  for (const Anchor& anchor : nest.anchors) {
    if (anchor.kind == Anchor::Dot && layouts_.isMatrixDot(*anchor.inst)) return emitMatrixDot(*anchor.inst);
    if (anchor.kind == Anchor::Dot) return threads_ > 1 ? emitSharedDot(*anchor.inst, nest.dot) : emitDot(*anchor.inst, nest.dot);
    if (nest.isScan) return emitScan(*anchor.inst);
    if (anchor.kind == Anchor::Histogram) return emitHistogram(*anchor.inst);
    if (anchor.kind == Anchor::Sequence) return emitSequence(*anchor.inst);
  }
  memo_.clear();
  journal_.clear();
  splats_.clear();
  assumptions_.clear();
  assume_ = false;
  baseLevel_ = top();
  // Result buffers first: their addresses must dominate everything.
  for (const Anchor& anchor : nest.anchors)
    if (anchor.accumulates() || (anchor.kind == Anchor::Effect && used_.count(anchor.inst)))
      for (Value* v : anchor.inst->results)
        if (v->type.isTile() && !buffer_.count(v)) buffer_[v] = allocate(v);
  NestScheduler::Request request{.isCopy = target != nullptr, .target = target ? target->layout : nullptr, .isExclusive = isExclusive_};
  if (target)
    if (auto from = buffer_.find(nest.anchors[0].value); from != buffer_.end()) request.stored[from->first] = from->second.layout;
  use(target || isExclusive_ ? scheduler_.schedule(nest, request) : nest.loops);

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
  if (conflict && constantBits(condition)) {
    emitSlowly(nest, loads, target);
    finish();
    return;
  }
  bool runtimeStride = false;
  {
    auto memory = [&](const Value* v) { return inMemory(v); };
    auto check = [&](Value* ptr, const IndexMap& map) {
      // A run-time stride matters along the lanes, an index that may wrap (its value is resident) along any axis.
      for (size_t a = 0; a < axes_.size(); ++a) {
        Stride s = strideOf(ptr, map, static_cast<int>(a), axes_[a].bits);
        if (s.kind != Stride::Runtime) continue;
        const bool isVector = static_cast<int>(a) == now_.vectorAxis;
        if (isVector && strideOf(ptr, map, now_.vectorAxis, axes_[a].laneBits, &divisibility_).kind == Stride::Constant &&
            (conflict || !machine_.wrapVersions))
          continue;
        runtimeStride |= isVector || (machine_.wrapVersions && mayWrap(ptr));
      }
    };
    for (const Anchor& anchor : nest.anchors) {
      if (anchor.kind == Anchor::Effect) check(anchor.inst->operand(0), now_.identity());
      visitInlined(anchor, memory, [&](Value* v, const IndexMap& map) {
        if (v->def && v->def->op == Op::Load && !buffer_.count(v)) check(v->def->operand(0), now_.remap(map));
      });
    }
  }
  if (!conflict && !runtimeStride) {
    emitNestBody(nest, target);
    finish();
    return;
  }

  // Two versions: what is usual, and what is right in any case. Level 0 stands before the test.
  std::vector<Value*> outs;
  for (const Anchor& anchor : nest.anchors)
    if (anchor.kind == Anchor::Combine)
      for (Value* v : anchor.inst->results)
        if (!v->type.isTile()) outs.push_back(v);
  Inst* branch = m_.newInst(Op::If, loc_);
  for (int i = 0; i < 2; ++i) {
    branch->regions.push_back(std::make_unique<Region>());
    branch->regions.back()->parent = branch;
    levels_.push_back(m_.newBlock(*branch->regions.back()));
    assume_ = i == 0 && runtimeStride;
    unlikely_ = i == 1;
    assumeLevel_ = top() - 1;
    if (i == 1 && conflict) {
      emitSlowly(nest, loads, target);
    } else {
      if (i == 1) {
        memo_.clear();
        journal_.clear();
        request.isFallback = true;
        use(scheduler_.schedule(nest, request));
      }
      emitNestBody(nest, target);
    }
    if (failed_) return;
    std::vector<Value*> values;
    for (const Value* v : outs) values.push_back(scalar(v));
    at(top()).yield(std::move(values));
    levels_.pop_back();
    assume_ = unlikely_ = false;
  }
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

// Reads everything into buffers first, and runs the anchors one after the other, in the order of the source.
void Lowering::emitSlowly(const Nest& nest, std::vector<const Inst*> loads, const BufferRef* target) {
  struct Event {
    int number;
    const Inst* load;
    const Anchor* anchor;
  };
  std::vector<Event> events;
  for (const Inst* load : loads) events.push_back({number_[load], load, nullptr});
  for (const Anchor& anchor : nest.anchors) events.push_back({number_[anchor.inst], nullptr, &anchor});
  NestScheduler::Request request{.isCopy = nestTarget_ != nullptr,
                                 .target = nestTarget_ ? nestTarget_->layout : nullptr,
                                 .isExclusive = isExclusive_,
                                 .isFallback = unlikely_};
  const Layout* layout = now_.layout;
  sortStably(events, [](const Event& a, const Event& b) { return a.number < b.number; });
  for (const Event& event : events) {
    Nest one;
    one.reduceAxis = -1;
    memo_.clear();
    journal_.clear();
    if (event.load) {
      Value* v = event.load->result();
      BufferRef to = allocate(v);
      one.anchors.push_back({Anchor::Buffer, const_cast<Inst*>(event.load), v});
      one.shape = v->type.shape();
      request.like = nullptr;
      use(scheduler_.schedule(one, request));
      emitNestBody(one, &to);
      buffer_[v] = to;
      request.stored[v] = to.layout;
    } else {
      one.anchors.push_back(*event.anchor);
      one.shape = nest.shape;
      if (event.anchor->accumulates()) one.reduceAxis = nest.reduceAxis;
      request.like = layout;
      use(scheduler_.schedule(one, request));
      emitNestBody(one, target);
      if (const Value* v = event.anchor->value; event.anchor->kind == Anchor::Buffer && filling_.count(v)) {
        buffer_[v] = filling_.at(v);
        request.stored[v] = buffer_[v].layout;
      }
    }
  }
  for (const Inst* load : loads) buffer_.erase(load->result());
  memo_.clear();
  journal_.clear();
}

}  // namespace nereid
