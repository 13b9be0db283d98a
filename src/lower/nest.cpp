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
#include "lower/combine.h"
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
    out.push_back(b.isConstant() ? b : IndexBit{static_cast<int8_t>(axisOfBit_[b.bit]), static_cast<uint8_t>(bitInAxis_[b.bit])});
  return out;
}

void Lowering::splitAxes(const Nest& nest) {
  int bits = 0;
  for (int64_t d : nest.shape) bits += std::countr_zero(static_cast<uint64_t>(d));
  std::vector<bool> cut(static_cast<size_t>(bits) + 1, false);  // before bit i
  int low = 0, reducedLow = -1, reducedHigh = -1, axisBits = 0;
  for (size_t i = nest.shape.size(); i-- > 0;) {
    int n = std::countr_zero(static_cast<uint64_t>(nest.shape[i]));
    if (static_cast<int>(i) == nest.reduceAxis) {
      reducedLow = low;
      axisBits = n;
      reducedHigh = low + n - chunkBits(nest, n, bits - n);
      cut[static_cast<size_t>(low)] = cut[static_cast<size_t>(reducedHigh)] = cut[static_cast<size_t>(low + n)] = true;
    }
    low += n;
  }
  findLayout(nest);
  if (layout_)
    for (size_t i = 1; i < layout_->place.size(); ++i)
      if (!layout_->joins(i)) cut[i] = true;
  if (layout_ && layout_->laneBits < bits) cut[static_cast<size_t>(layout_->laneBits)] = true;
  for (const Anchor& anchor : nest.anchors)
    if (anchor.kind == Anchor::Buffer && transposed_.count(anchor.value)) cut[static_cast<size_t>(anchor.value->type.log2(1))] = true;
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
      int n = type.log2(d);
      leaf(IndexMap(map.begin() + bit, map.begin() + bit + n));
      bit += n;
    }
  };
  auto memory = [&](const Value* v) { return inMemory(v); };
  for (const Anchor& anchor : nest.anchors) {
    auto visit = [&](Value* v, const IndexMap& map) {
      if (map.empty()) return;
      if (buffer_.count(v) || (v->def && v->def->op == Op::MakeRange)) leaf(map);
      if (v->def && v->def->op == Op::Gather) dims(map, v->type);
      if (v->def && (v->def->op == Op::Join || v->def->op == Op::Cat)) {
        IndexBit s = selectorBit(*v->def, map);
        if (!s.isConstant()) cut[s.bit] = cut[s.bit + 1u] = true;
      }
    };
    visitInlined(anchor, memory, visit);
  }
  axes_.clear();
  axisOfBit_.clear();
  bitInAxis_.clear();
  for (int i = 0; i < bits; ++i) {
    if (i == 0 || cut[static_cast<size_t>(i)]) {
      axes_.emplace_back();
      axes_.back().isReduced = i >= reducedLow && i < reducedHigh;
      axes_.back().isChunk = i >= reducedHigh && i < reducedLow + axisBits;
    }
    axisOfBit_.push_back(static_cast<int>(axes_.size()) - 1);
    bitInAxis_.push_back(axes_.back().bits++);
  }
}

void Lowering::chooseVector(const Nest& nest) {
  vectorAxis_ = contiguousAxis_ = -1;
  bool allowed = true, noReduced = false, expensive = false, huge = false;  // huge: what is written out for it fills pages
  int widest = 8, narrowest = 32;
  struct Access {
    const Value* ptr;
    IndexMap map;
    int weight;
    bool buffer;
  };
  std::vector<Access> accesses;
  std::set<std::pair<const Value*, IndexMap>> seen;
  auto memory = [&](const Value* v) { return inMemory(v); };
  for (const Anchor& anchor : nest.anchors) {
    if (anchor.kind == Anchor::Scan) noReduced = true;
    if (anchor.kind == Anchor::Effect && anchor.inst->op != Op::Store) allowed = false;
    if (anchor.accumulates() && !isStraightLine(*anchor.inst->regions[0])) allowed = false;
    if (anchor.kind == Anchor::Effect && anchor.inst->op == Op::Store)
      accesses.push_back({anchor.inst->operand(0), nestMap(static_cast<int>(axisOfBit_.size())), 4, false});
    if (anchor.kind == Anchor::Buffer || anchor.kind == Anchor::Carry) {
      accesses.push_back({anchor.value, nestMap(static_cast<int>(axisOfBit_.size())), 2, true});
      widest = std::max(widest, bitWidth(storedType(anchor.value)));
    }
    visitInlined(anchor, memory, [&](Value* v, const IndexMap& map) {
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
        narrowest = std::min(narrowest, std::max(8, bitWidth(v->type)));
        widest = std::max(widest, bitWidth(v->type));
      }
      if (v->type.isInt() && v->def->op == Op::TruncI) widest = std::max(widest, 32);
      if (v->def->op == Op::MapElementwise && !isStraightLine(*v->def->regions[0])) allowed = false;
      if (v->def->op == Op::ExternElementwise) allowed = false;
      expensive |= isExpensive(*v->def);
      huge |= v->def->op == Op::Sin || v->def->op == Op::Cos;
    });
    if (anchor.kind == Anchor::Combine || anchor.kind == Anchor::Scan)
      for (Value* v : anchor.inst->operands)
        widest = std::max(widest, v->type.isFloat() ? std::max(16, bitWidth(v->type)) : bitWidth(v->type));
    if (anchor.kind == Anchor::Effect && anchor.inst->op == Op::Store) {
      widest = std::max(widest, bitWidth(anchor.inst->operand(1)->type));
      narrowest = std::min(narrowest, std::max(8, bitWidth(anchor.inst->operand(1)->type)));
    }
  }
  order_.clear();
  if (allowed) {
    int machineLanes = std::max(1, machine_.vectorBytes * 8 / widest);
    if (machine_.maxAccessBytes) machineLanes = layout_ ? 1 << layout_->laneBits : 8 * machine_.maxAccessBytes / std::min(narrowest, 32);
    int unroll = expensive || seen.size() > machine_.longNest ? machine_.unrollExpensive : machine_.unroll;
    if (unlikely_ || huge) unroll = 1;
    narrowBits_ = std::countr_zero(std::bit_floor(static_cast<unsigned>(machineLanes)));
    int best = -1000;
    for (size_t a = 0; a < axes_.size(); ++a) {
      if (noReduced && (axes_[a].isReduced || axes_[a].isChunk)) continue;
      int score = layout_ && axisOfBit_[0] == static_cast<int>(a) ? 1000 : 0;
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
      contiguousAxis_ = vectorAxis_;
      // A thread takes what lies in 16 bytes together, if it begins where they begin: then it has its words to itself.
      if (machine_.maxAccessBytes && !layout_)
        for (const Access& access : accesses) {
          if (access.buffer) continue;
          Stride s = strideOf(access.ptr, access.map, vectorAxis_, axes_[static_cast<size_t>(vectorAxis_)].bits);
          if (s.kind != Stride::Constant || s.value != 1) continue;
          int bytes = std::max(1, bitWidth(access.ptr->type.pointee()) / 8),
              wanted = std::min(std::countr_zero(static_cast<unsigned>(machineLanes)),
                                log2(machine_.maxAccessBytes) - std::countr_zero(static_cast<unsigned>(bytes)));
          if (divisibility_.along(access.ptr, access.map, vectorAxis_, wanted) < wanted) machineLanes = 1;
        }
      int width = std::countr_zero(static_cast<unsigned>(std::min(machine_.maxLanes, machineLanes * unroll)));
      // Threads come before lanes.
      if (threads_ > 1 && !layout_)
        width = std::clamp(static_cast<int>(axisOfBit_.size()) - std::countr_zero(static_cast<unsigned>(threads_)), 0, width);
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
  for (const Anchor& anchor : nest.anchors) reverse |= anchor.kind == Anchor::Scan && anchor.inst->integer(Attr::Reverse);
  for (const Anchor& anchor : nest.anchors)
    visitInlined(anchor, memory, [&](Value* compared, const IndexMap& map) {
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

// Returns true if no two elements of the nest share an address, assuming that run-time strides keep rows apart.
bool Lowering::areDistinct(const Range& x) const {
  std::vector<std::pair<int64_t, int64_t>> steps;  // factor and count
  for (size_t a = 0; a < axes_.size(); ++a) {
    if (axes_[a].bits == 0) continue;
    const Affine::Term* term = x.affine.of(static_cast<int>(a));
    if (!term) return false;
    if (!term->scale.v) steps.emplace_back(std::abs(term->factor), axes_[a].size());
  }
  std::sort(steps.begin(), steps.end());
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
      accesses.push_back({anchor.inst, anchor.inst->operand(0), nestMap(static_cast<int>(axisOfBit_.size())), true});
      writes = true;
    }
    visitInlined(anchor, memory, [&](Value* v, const IndexMap& map) {
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

void Lowering::noteNest(const Nest& nest) {
  if (quiet_) return;
  std::string shape;
  for (int64_t d : nest.shape) appendAll(shape, shape.empty() ? "" : "x", d);
  note("nest over ", shape.empty() ? "one element" : shape, " at line ", loc_.line());
  std::string loops;
  for (int a : order_) {
    const Axis& axis = axes_[static_cast<size_t>(a)];
    appendAll(loops, loops.empty() ? "" : ", ", axis.size(), axis.isReduced ? " reduced" : "",
              a == vectorAxis_ ? cat(" by ", axis.step(), " lanes") : "");
  }
  note("  loops, outermost first: ", loops.empty() ? "none" : loops,
       vectorAxis_ < 0 ? "; scalar" : "; lanes along the axis where most accesses are contiguous");
  findBounds(nest);
  for (const Bound& bound : bounds_)
    note("  the comparison at line ", bound.compare->loc.line(),
         bound.isLower ? " holds on a whole loop or is a mask" : " ends a loop instead of masking it");
}

void Lowering::emitNest(const Nest& nest, const BufferRef* target) {
  loc_ = nest.anchors.back().inst ? nest.anchors.back().inst->loc : loc_;
  nestTarget_ = target;
  for (const Anchor& anchor : nest.anchors) {
    if (anchor.kind == Anchor::Dot && matrixDots_.count(anchor.inst)) return emitMatrixDot(*anchor.inst);
    if (anchor.kind == Anchor::Dot) return threads_ > 1 ? emitSharedDot(*anchor.inst) : emitDot(*anchor.inst);
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
  splitAxes(nest);
  chooseVector(nest);
  if (nest.anchors.size() == 1 && !target && transpose(nest.anchors[0])) {
    splitAxes(nest);
    chooseVector(nest);
  }
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
    note("  reads and writes may meet: ", constantBits(condition) ? "an address is not affine, so what is read goes through buffers"
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
      // A run-time stride matters along the lanes, an index that may wrap (its value is resident) along any axis.
      for (size_t a = 0; a < axes_.size(); ++a) {
        Stride s = strideOf(ptr, map, static_cast<int>(a), axes_[a].bits);
        runtimeStride |= s.kind == Stride::Runtime && (static_cast<int>(a) == vectorAxis_ || mayWrap(ptr));
      }
    };
    for (const Anchor& anchor : nest.anchors) {
      if (anchor.kind == Anchor::Effect) check(anchor.inst->operand(0), nestMap(static_cast<int>(axisOfBit_.size())));
      visitInlined(anchor, memory, [&](Value* v, const IndexMap& map) {
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
  for (const Anchor& anchor : nest.anchors)
    if (anchor.kind == Anchor::Combine)
      for (Value* v : anchor.inst->results)
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
      splitAxes(one);
      chooseVector(one);
      emitNestBody(one, &to);
      buffer_[v] = to;
    } else {
      one.anchors.push_back(*event.anchor);
      one.shape = nest.shape;
      if (event.anchor->accumulates()) one.reduceAxis = nest.reduceAxis;
      splitAxes(one);
      chooseVector(one);
      emitNestBody(one, target);
      if (const Value* v = event.anchor->value; event.anchor->kind == Anchor::Buffer && filling_.count(v)) buffer_[v] = filling_.at(v);
    }
  }
  for (const Inst* load : loads) buffer_.erase(load->result());
  memo_.clear();
  journal_.clear();
}

}  // namespace nereid
