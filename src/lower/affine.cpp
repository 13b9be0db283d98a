// SPDX-License-Identifier: MIT
// Code for affine forms: addresses and bounds.
#include <algorithm>
#include <utility>

#include "analysis/operands.h"
#include "lower/lowering.h"
#include "support/sort.h"

namespace nereid {

// Returns true if computing `v` reads a value that is private to a thread.
bool Lowering::readsRegisters(const Value* v) const {
  return followTiles(v, [&](const Value* x) {
    if (auto it = buffers_.of.find(x); it != buffers_.of.end()) return it->second.layout ? Follow::Found : Follow::Nothing;
    return x->def && x->def->regions.empty() ? Follow::Operands : Follow::Nothing;
  });
}

std::optional<Affine> Lowering::affine(const Value* v, const IndexMap& map) {
  auto memory = [&](const Value* x) { return inMemory(x); };
  auto isBase = [&](const Value* x, const IndexMap& m) {
    if (!x->type.isTile()) return true;
    // Loops that are not open yet must not be needed, nor the loop over threads for values that are private to a thread.
    auto isOpen = [&](IndexBit b) { return b.isConstant() || nest_.axis(b.axis).iv; };
    return !usesLanes(m) && std::all_of(m.begin(), m.end(), isOpen) && (workgroup_.thread.number || !readsRegisters(x));
  };
  auto sizeOf = [&](int axis) { return nest_.axis(axis).size(); };
  std::vector<const Expr*> conditions;
  auto a = forms_.of(v, map, {memory, isBase, sizeOf, version_.assumes ? &conditions : nullptr});
  for (const Expr* condition : conditions) assumed(emitExpr(condition).v);
  return a;
}

Lowval Lowering::emitExpr(const Expr* e) {
  std::map<const Expr*, Lowval> done;
  auto emit = [&](auto& self, const Expr* x) -> Lowval {
    if (x->leaf) return valueAt(const_cast<Value*>(x->leaf), x->map);
    if (x->isConstant()) return {index(x->number), 0};
    if (auto it = done.find(x); it != done.end()) return it->second;
    std::vector<Lowval> operands;
    for (const Expr* operand : x->operands) operands.push_back(self(self, operand));
    std::vector<Attribute> attrs;
    if (x->op == Op::CmpI) attrs.emplace_back(Attr::Predicate, x->number);
    return done[x] = emitOp(x->op, operands, x->type, attrs);
  };
  return emit(emit, e);
}

Affine Lowering::flatIndex(const BufferRef& buffer, const IndexMap& rowMajor) const {
  Affine a;
  IndexMap map = rowMajor;
  std::rotate(map.begin(), map.begin() + buffer.transposed, map.end());
  for (size_t i = 0; i < map.size(); ++i) {
    int64_t factor = int64_t{1} << i;
    if (buffer.paddedBits > 0 && static_cast<int>(i) >= buffer.paddedBits) factor += factor >> buffer.paddedBits;
    if (map[i].axis == IndexBit::kOne) a.constant += factor;
    if (!map[i].isConstant() && map[i].bit == 0) a.terms.push_back({map[i].axis, factor});
  }
  return a;
}

Lowval Lowering::materialize(const Affine& a, Lowval base) {
  const Type kI64 = Type::scalar(Elem::I64);
  // Outer axes first, so that each partial sum stands in the outermost loop that knows it.
  struct Term {
    int level, axis;
    int64_t factor;
    Lowval scale;
  };
  std::vector<Term> terms;
  for (const Affine::Term& t : a.terms) {
    const Lowval scale = t.scale ? emitExpr(t.scale) : Lowval{};
    terms.push_back({std::max(nest_.axis(t.axis).level, scale.level), t.axis, t.factor, scale});
  }
  sortStably(terms, [](const Term& x, const Term& y) { return std::pair(x.level, x.axis) < std::pair(y.level, y.axis); });
  Lowval sum = a.base ? emitExpr(a.base) : base;
  auto add = [&](Lowval x) { sum = sum.v ? plus(sum, x) : x; };
  if (a.constant) add({index(a.constant), 0});
  for (const Term& t : terms) {
    const Axis& axis = nest_.axis(t.axis);
    NEREID_CHECK(axis.iv, "an index of a loop that is not open");
    Lowval x = times({axis.iv, axis.level}, t.factor);
    if (t.scale.v) x = emitOp(Op::MulI, {x, t.scale}, kI64);
    add(x);
  }
  return sum.v ? sum : Lowval{index(0), 0};
}

Lowval Lowering::laneIndex(Lowval first, int64_t factor, Type element) {
  // Lanes count in the type of the result.
  Lowval iota{code_.atEntry().create(Op::LoIota, {}, {Type::vector(element, lanes())})->result(), 0};
  if (factor != 1) iota = emitOp(Op::MulI, {iota, {constant(element, static_cast<uint64_t>(factor)), 0}}, element);
  return emitOp(Op::AddI, {first, iota}, element);
}

Lowering::Address Lowering::fromAffine(const Affine& a, Lowval base) {
  Address out;
  const Affine::Term* lane = nest_.schedule.vectorAxis >= 0 ? a.of(nest_.schedule.vectorAxis) : nullptr;
  out.scalar = materialize(a, base);
  if (!lane) return out;
  const Lowval scale = lane->scale ? emitExpr(lane->scale) : Lowval{};
  if (lane->factor == 1 && !scale.v) {
    out.contiguous = true;
    return out;
  }
  if (lane->factor == 1 && version_.assumes && scale.level <= version_.level) {
    assumed(emitOp(Op::CmpI, {scale, {index(1), 0}}, Type::scalar(Elem::I1), {{Attr::Predicate, static_cast<int64_t>(CmpIPred::Eq)}}).v);
    out.contiguous = true;
    return out;
  }
  // Strided: every lane has its own pointer.
  const Type kI64 = Type::scalar(Elem::I64);
  Lowval offsets = laneIndex({index(0), 0}, lane->factor, kI64);
  if (scale.v) offsets = emitOp(Op::MulI, {offsets, scale}, kI64);
  out.vector = emitOp(Op::AddPtr, {out.scalar, offsets}, out.scalar.v->type);
  out.scalar = {};
  return out;
}

// The value in the first lane.
Lowval Lowering::firstLane(Value* v, const IndexMap& map) {
  const int vectorAxis = std::exchange(nest_.schedule.vectorAxis, -1);
  Lowval out = valueAt(v, map);
  nest_.schedule.vectorAxis = vectorAxis;
  return out;
}

Lowering::Address Lowering::address(Value* ptr, const IndexMap& map) {
  if (auto a = affine(ptr, map)) return fromAffine(*a);
  Address out;
  if (usesLanes(map)) {
    Stride lane = strideOf(ptr, map, nest_.schedule.vectorAxis, nest_.vectorAxis().laneBits, &divisibility_);
    if (lane.kind == Stride::Constant && (lane.value == 0 || lane.value == 1)) {
      out.scalar = firstLane(ptr, map);
      out.contiguous = lane.value == 1;
      return out;
    }
  }
  Lowval p = valueAt(ptr, map);
  (p.isVector() ? out.vector : out.scalar) = p;
  return out;
}

}  // namespace nereid
