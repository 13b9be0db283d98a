// SPDX-License-Identifier: MIT
// Addresses and bounds as base + constant + sum of stride x index along the open axes.
//
// Arithmetic on the lanes of one tile is assumed not to wrap in 32 bits (docs/reference/language.md); the uniform part is computed exactly,
// in 32 bits where the source does.
#include <algorithm>
#include <utility>

#include "analysis/operands.h"
#include "lower/lowering.h"
#include "support/sort.h"

namespace nereid {

namespace {

bool isZero(const Affine& a) { return !a.base.v && a.constant == 0 && a.terms.empty(); }

}  // namespace

// Returns true if computing `v` reads a value that is private to a thread.
bool Lowering::readsRegisters(const Value* v) const {
  return followTiles(v, [&](const Value* x) {
    if (auto it = buffer_.find(x); it != buffer_.end()) return it->second.layout ? Follow::Found : Follow::Nothing;
    return x->def && x->def->regions.empty() ? Follow::Operands : Follow::Nothing;
  });
}

std::optional<Affine> Lowering::affine(Value* v, const IndexMap& map) {
  const Type kI64 = Type::scalar(Elem::I64);
  bool pointer = v->type.isPointer();
  if (!pointer && !v->type.isInt()) return std::nullopt;
  if (!pointer && bitWidth(v->type) == 1) return std::nullopt;

  // A value that is the same in all lanes is its own base, but first try to see through it: distinct axes matter to bounds.
  auto opaque = [&]() -> std::optional<Affine> {
    if (usesLanes(map) && v->type.isTile()) return std::nullopt;
    // Loops that are not open yet must not be needed.
    for (IndexBit b : map)
      if (!b.isConstant() && !axes_[static_cast<size_t>(b.axis)].iv) return std::nullopt;
    // Nor may the loop over threads, for values that are private to a thread.
    if (!thread_ && v->type.isTile() && readsRegisters(v)) return std::nullopt;
    Affine a;
    Lowval low = valueAt(v, map);
    a.base = pointer || low.v->type.elem == Elem::I64 ? low : emitOp(Op::ExtSI, {low}, kI64);
    return a;
  };
  auto wrap = [&](std::optional<Affine> a, Op extend) -> std::optional<Affine> {
    // The uniform part as 32-bit arithmetic would give it.
    if (!a) return a;
    if (extend == Op::ExtSI && !a->base.v) return a;
    Lowval base = a->base;
    if (!base.v) return a;
    if (a->constant) base = emitOp(Op::AddI, {base, {index(a->constant), 0}}, kI64);
    a->constant = 0;
    a->base = emitOp(extend, {emitOp(Op::TruncI, {base}, Type::scalar(Elem::I32))}, kI64);
    return a;
  };

  if (!v->type.isTile()) {
    if (auto c = constantInt(v); c && !pointer) {
      Affine a;
      a.constant = *c;
      return a;
    }
    return opaque();
  }
  if (inMemory(v) || !v->def) return opaque();
  const Inst& def = *v->def;
  auto of = [&](size_t i) -> std::optional<Affine> {
    Value* operand = def.operands[i];
    auto m = operandMap(def, i, map, v->index);
    return affine(operand, m ? *m : IndexMap{});
  };
  auto add = [&](const Affine& a, const Affine& b, int64_t sign) -> std::optional<Affine> {
    Affine sum = a;
    sum.constant += sign * b.constant;
    if (b.base.v) {
      Lowval other = b.base;
      if (!sum.base.v) {
        sum.base = sign > 0 ? other : emitOp(Op::SubI, {{index(0), 0}, other}, kI64);
      } else if (sum.base.v->type.isPointer()) {
        NEREID_CHECK(sign > 0);
        sum.base = emitOp(Op::AddPtr, {sum.base, other}, sum.base.v->type);
      } else {
        sum.base = emitOp(sign > 0 ? Op::AddI : Op::SubI, {sum.base, other}, kI64);
      }
    }
    for (const Affine::Term& t : b.terms) {
      Affine::Term* same = nullptr;
      for (Affine::Term& s : sum.terms)
        if (s.axis == t.axis) same = &s;
      if (!same) {
        sum.terms.push_back({t.axis, t.factor * sign, t.scale});
      } else if (!same->scale.v && !t.scale.v) {
        same->factor += t.factor * sign;
      } else {
        auto whole = [&](const Affine::Term& x) {
          if (!x.scale.v) return Lowval{index(x.factor), 0};
          return x.factor == 1 ? x.scale : emitOp(Op::MulI, {x.scale, {index(x.factor), 0}}, kI64);
        };
        same->scale = emitOp(sign > 0 ? Op::AddI : Op::SubI, {whole(*same), whole(t)}, kI64);
        same->factor = 1;
      }
    }
    std::erase_if(sum.terms, [](const Affine::Term& t) { return t.factor == 0; });
    return sum;
  };

  switch (def.op) {
    case Op::Splat: return affine(def.operand(0), {});
    case Op::Constant: {
      auto c = constantInt(v);
      if (!c || pointer) return opaque();
      Affine a;
      a.constant = *c;
      return a;
    }
    case Op::MakeRange: {
      Affine a;
      a.constant = def.integer(Attr::Start);
      for (size_t i = 0; i < map.size(); ++i) {
        if (map[i].axis == IndexBit::kOne) a.constant += int64_t{1} << i;
        if (map[i].isConstant() || map[i].bit != 0) continue;
        a.terms.push_back({map[i].axis, int64_t{1} << i, {}});  // splitAxes keeps an axis's bits in a row
      }
      return a;
    }
    case Op::ExpandDims:
    case Op::Reshape:
    case Op::Broadcast:
    case Op::Trans:
    case Op::Split: return of(0);
    case Op::Bitcast:
      if (pointer && byteSize(v->type.pointee()) == byteSize(def.operand(0)->type.pointee())) {
        auto a = of(0);
        if (a && a->base.v) a->base = emitOp(Op::Bitcast, {a->base}, v->type.element());
        return a;
      }
      return opaque();
    case Op::ExtSI:
    case Op::IndexCast:
      if (bitWidth(def.operand(0)->type) == 32) return wrap(of(0), Op::ExtSI);
      return opaque();
    case Op::ExtUI:
      if (bitWidth(def.operand(0)->type) == 32) return wrap(of(0), Op::ExtUI);
      return opaque();
    case Op::AddI:
    case Op::SubI:
    case Op::AddPtr: {
      auto a = of(0), b = of(1);
      if (!a || !b) return opaque();
      if (def.op == Op::AddPtr && bitWidth(def.operand(1)->type) == 32) b = wrap(b, Op::ExtSI);
      return add(*a, *b, def.op == Op::SubI ? -1 : 1);
    }
    case Op::MulI:
    case Op::ShLI: {
      auto a = of(0), b = of(1);
      if (!a || !b) return opaque();
      if (def.op == Op::ShLI) {
        if (b->base.v || !b->terms.empty() || b->constant < 0 || b->constant > 30) return opaque();
        b->constant = int64_t{1} << b->constant;
      }
      if (!b->terms.empty()) std::swap(a, b);
      if (!b->terms.empty()) return opaque();
      Affine product;
      if (isZero(*a) || isZero(*b)) return product;
      if (!b->base.v) {
        product = *a;
        int64_t k = b->constant;
        product.constant *= k;
        if (product.base.v && k != 1) product.base = emitOp(Op::MulI, {product.base, {index(k), 0}}, kI64);
        for (Affine::Term& t : product.terms) t.factor *= k;
        if (k == 0) product.terms.clear();
        return product;
      }
      Lowval factor = b->base;
      if (b->constant) factor = emitOp(Op::AddI, {factor, {index(b->constant), 0}}, kI64);
      if (a->base.v || a->constant) {
        Lowval base = a->base.v ? a->base : Lowval{index(a->constant), 0};
        if (a->base.v && a->constant) base = emitOp(Op::AddI, {base, {index(a->constant), 0}}, kI64);
        product.base = emitOp(Op::MulI, {base, factor}, kI64);
      }
      for (const Affine::Term& t : a->terms)
        product.terms.push_back({t.axis, t.factor, t.scale.v ? emitOp(Op::MulI, {t.scale, factor}, kI64) : factor});
      return product;
    }
    case Op::RemSI: {
      // `(start + i) % n` is `start % n + i` where that stays below n on the whole tile: assumed, and tested before the nest.
      auto a = of(0), n = of(1);
      if (!assume_ || !a || !n || a->terms.empty() || !n->terms.empty()) return opaque();
      int64_t reach = 0;
      for (const Affine::Term& t : a->terms) {
        if (t.scale.v || t.factor < 0) return opaque();
        reach += t.factor * (axes_[static_cast<size_t>(t.axis)].size() - 1);
      }
      auto whole = [&](const Affine& x) {
        if (!x.base.v) return Lowval{index(x.constant), 0};
        return x.constant ? emitOp(Op::AddI, {x.base, {index(x.constant), 0}}, kI64) : x.base;
      };
      Lowval start = whole(*a), size = whole(*n);
      if (start.level > assumeLevel_ || size.level > assumeLevel_) return opaque();
      Lowval rest = emitOp(Op::RemSI, {start, size}, kI64);
      Type kI1 = Type::scalar(Elem::I1);
      Lowval least = emitOp(Op::CmpI, {start, {index(0), 0}}, kI1, {{Attr::Predicate, static_cast<int64_t>(CmpIPred::Sge)}});
      Lowval most = emitOp(Op::CmpI, {emitOp(Op::AddI, {rest, {index(reach), 0}}, kI64), size}, kI1,
                           {{Attr::Predicate, static_cast<int64_t>(CmpIPred::Slt)}});
      assumed(emitOp(Op::AndI, {least, most}, kI1).v);
      a->base = rest;
      a->constant = 0;
      return a;
    }
    default: return opaque();
  }
}

Affine Lowering::flatIndex(const BufferRef& buffer, const IndexMap& rowMajor) const {
  Affine a;
  IndexMap map = rowMajor;
  std::rotate(map.begin(), map.begin() + buffer.transposed, map.end());
  for (size_t i = 0; i < map.size(); ++i) {
    int64_t factor = int64_t{1} << i;
    if (buffer.paddedBits > 0 && static_cast<int>(i) >= buffer.paddedBits) factor += factor >> buffer.paddedBits;
    if (map[i].axis == IndexBit::kOne) a.constant += factor;
    if (!map[i].isConstant() && map[i].bit == 0) a.terms.push_back({map[i].axis, factor, {}});
  }
  return a;
}

Lowval Lowering::materialize(const Affine& a, int atLeast) {
  const Type kI64 = Type::scalar(Elem::I64);
  // Outer axes first, so that each partial sum stands in the outermost loop that knows it.
  std::vector<const Affine::Term*> terms;
  for (const Affine::Term& t : a.terms) terms.push_back(&t);
  auto levelOf = [&](const Affine::Term* t) { return std::max(axes_[static_cast<size_t>(t->axis)].level, t->scale.level); };
  sortStably(terms, [&](auto* x, auto* y) { return std::pair(levelOf(x), x->axis) < std::pair(levelOf(y), y->axis); });
  Lowval sum = a.base;
  auto add = [&](Lowval x) {
    if (!sum.v)
      sum = x;
    else if (sum.v->type.isPointer())
      sum = emitOp(Op::AddPtr, {sum, x}, sum.v->type);
    else
      sum = emitOp(Op::AddI, {sum, x}, kI64);
  };
  if (a.constant) add({index(a.constant), 0});
  for (const Affine::Term* t : terms) {
    const Axis& axis = axes_[static_cast<size_t>(t->axis)];
    NEREID_CHECK(axis.iv, "an index of a loop that is not open");
    Lowval x{axis.iv, axis.level};
    if (t->factor != 1) x = emitOp(Op::MulI, {x, {index(t->factor), 0}}, kI64);
    if (t->scale.v) x = emitOp(Op::MulI, {x, t->scale}, kI64);
    add(x);
  }
  if (!sum.v) sum = {index(0), 0};
  sum.level = std::max(sum.level, atLeast);
  return sum;
}

Lowval Lowering::laneIndex(Lowval first, int64_t factor, Type element) {
  // Lanes count in the type of the result.
  Lowval iota{Builder(m_, entry_, loc_).create(Op::LoIota, {}, {Type::vector(element, lanes())})->result(), 0};
  if (factor != 1) iota = emitOp(Op::MulI, {iota, {constant(element, static_cast<uint64_t>(factor)), 0}}, element);
  return emitOp(Op::AddI, {first, iota}, element);
}

Lowering::Address Lowering::fromAffine(const Affine& a) {
  Address out;
  const Affine::Term* lane = now_.vectorAxis >= 0 ? a.of(now_.vectorAxis) : nullptr;
  out.scalar = materialize(a);
  if (!lane) return out;
  if (lane->factor == 1 && !lane->scale.v) {
    out.contiguous = true;
    return out;
  }
  if (lane->factor == 1 && assume_ && lane->scale.level <= assumeLevel_) {
    assumed(
        emitOp(Op::CmpI, {lane->scale, {index(1), 0}}, Type::scalar(Elem::I1), {{Attr::Predicate, static_cast<int64_t>(CmpIPred::Eq)}}).v);
    out.contiguous = true;
    return out;
  }
  // Strided: every lane has its own pointer.
  const Type kI64 = Type::scalar(Elem::I64);
  Lowval offsets = laneIndex({index(0), 0}, lane->factor, kI64);
  if (lane->scale.v) offsets = emitOp(Op::MulI, {offsets, lane->scale}, kI64);
  out.vector = emitOp(Op::AddPtr, {out.scalar, offsets}, out.scalar.v->type);
  out.scalar = {};
  return out;
}

// The value in the first lane.
Lowval Lowering::firstLane(Value* v, const IndexMap& map) {
  const int vectorAxis = std::exchange(now_.vectorAxis, -1);
  Lowval out = valueAt(v, map);
  now_.vectorAxis = vectorAxis;
  return out;
}

Lowering::Address Lowering::address(Value* ptr, const IndexMap& map) {
  if (auto a = affine(ptr, map)) return fromAffine(*a);
  Address out;
  if (usesLanes(map)) {
    Stride lane = strideOf(ptr, map, now_.vectorAxis, axes_[static_cast<size_t>(now_.vectorAxis)].laneBits, &divisibility_);
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
