// SPDX-License-Identifier: MIT
// Rewrites operations that the schedule does not handle to those that it does.
//
//   tt.dot %a, %b, %zero; arith.addf %d, %c   =>  tt.dot %a, %b, %c
//   tt.unsplat %x : tensor<1x1xf32>           =>  a reduction of one element
//   math.isnan %x                             =>  arith.cmpf uno, %x, %x
//   arith.ceildivsi, arith.mulsi_extended, math.fpowi, tt.dot_scaled
#include <cmath>
#include <limits>

#include "ir/builder.h"
#include "passes/passes.h"
#include "passes/rewrite.h"
#include "support/ptr_map.h"

namespace nereid {

namespace {

bool isZeroTile(const Value* v) {
  auto bits = constantBits(v);
  return bits && *bits == 0;
}

Value* unsplat(Builder& b, const Inst& inst) {
  Value* x = inst.operand(0);
  int64_t one = 1;
  Value* line = b.reshape(x, std::span(&one, 1));
  Type element = x->type.element();
  Inst* reduce = b.create(Op::Reduce, {line}, {element}, {{Attr::Axis, int64_t{0}}});
  auto& region = reduce->regions.emplace_back(std::make_unique<Region>());
  region->parent = reduce;
  Block* body = b.module().newBlock(*region);
  Value* first = b.module().addArg(*body, element);
  b.module().addArg(*body, element);
  Builder(b.module(), body, inst.loc).create(Op::ReduceReturn, {first}, {});
  return reduce->result();
}

// e2m1 and e8m0 values of dot_scaled, as f32 or as exact bf16.
Value* decodeScale(Builder& b, Value* scale) {
  // e8m0: two to the power of (x - 127); 255 is NaN. The exponent field of an f32, with 0 as the subnormal 2^-127.
  if (scale->type.isFloat()) return b.cast(Op::FpToFp, scale, scale->type.withElement(Elem::F32));
  Type i32 = scale->type.withElement(Elem::I32), f32 = scale->type.withElement(Elem::F32);
  Value* bits = b.cast(Op::ExtUI, scale, i32);
  Value* shifted = b.make(Op::ShLI, {bits, b.integer(i32, 23)});
  Value* value = b.cast(Op::Bitcast, shifted, f32);
  value = b.select(b.cmpI(CmpIPred::Eq, bits, b.integer(i32, 0)), b.floating(f32, std::ldexp(1.0, -127)), value);
  return b.select(b.cmpI(CmpIPred::Eq, bits, b.integer(i32, 255)), b.floating(f32, std::numeric_limits<double>::quiet_NaN()), value);
}

// Two 4-bit floats per byte along `axis`, low half first.
Value* decodeE2m1(Builder& b, Value* packed, int axis) {
  Type i32 = packed->type.withElement(Elem::I32), f32 = packed->type.withElement(Elem::F32);
  Value* wide = b.cast(Op::ExtUI, packed, i32);
  auto half = [&](int shift) {
    Value* x = b.make(Op::AndI, {b.make(Op::ShRUI, {wide, b.integer(i32, shift)}), b.integer(i32, 15)});
    // sign, 2 exponent bits (bias 1), 1 mantissa bit: moved to those of f32; the subnormals are halves
    Value* magnitude = b.make(Op::AndI, {x, b.integer(i32, 7)});
    Value* normal = b.make(Op::AddI, {b.make(Op::ShLI, {magnitude, b.integer(i32, 22)}), b.integer(i32, int64_t{126} << 23)});
    Value* halves = b.make(Op::MulF, {b.cast(Op::SIToFP, magnitude, f32), b.floating(f32, 0.5)});
    Value* value = b.select(b.cmpI(CmpIPred::Ult, magnitude, b.integer(i32, 2)), halves, b.cast(Op::Bitcast, normal, f32));
    Value* isNegative = b.cmpI(CmpIPred::Uge, x, b.integer(i32, 8));
    return b.select(isNegative, b.make(Op::NegF, {value}), value);
  };
  auto shape = packed->type.shape();
  shape.push_back(2);
  Value* both = b.create(Op::Join, {half(0), half(4)}, {Type::tile(Type::scalar(Elem::F32), shape)})->result();
  auto rank = static_cast<int>(packed->type.rank);
  if (axis != rank - 1) {
    std::vector<int64_t> order;
    for (int i = 0; i < rank; ++i) {
      order.push_back(i);
      if (i == axis) order.push_back(rank);
    }
    both = b.trans(both, order);
  }
  auto flat = packed->type.shape();
  flat[static_cast<size_t>(axis)] *= 2;
  return b.reshape(both, flat);
}

Value* dotScaled(Builder& b, const Inst& inst) {
  auto operand = [&](size_t which, Attr format, Attr kPack) -> Value* {
    Value* v = inst.operand(which);
    int rank = v->type.rank;
    bool isLeft = which == 0;
    int kAxis = isLeft ? rank - 1 : rank - 2;
    if (static_cast<ScaleElem>(inst.integer(format)) == ScaleElem::E2M1) {
      int packedAxis = inst.integer(kPack, 1) ? kAxis : isLeft ? rank - 2 : rank - 1;
      v = decodeE2m1(b, v, packedAxis);
    } else if (v->type.isInt()) {
      Elem e = static_cast<ScaleElem>(inst.integer(format)) == ScaleElem::E4M3 ? Elem::F8E4M3FN : Elem::F8E5M2;
      v = b.cast(Op::FpToFp, b.cast(Op::Bitcast, v, v->type.withElement(e)), v->type.withElement(Elem::F32));
    } else if (v->type.isFp8()) {
      v = b.cast(Op::FpToFp, v, v->type.withElement(Elem::F32));
    } else if (v->type.elem != Elem::F32) {
      v = b.cast(Op::ExtF, v, v->type.withElement(Elem::F32));
    }
    if (Value* scale = inst.optional(isLeft ? 3 : 4)) {
      // scale[m, k / group], repeated along k; the right operand's scale is [n, k / group].
      Value* s = decodeScale(b, scale);
      auto shape = s->type.shape();
      int64_t depth = v->type.dim(kAxis), groups = shape.back();
      shape.push_back(depth / groups);
      s = b.broadcast(b.expandDims(s, s->type.rank), shape);
      shape.pop_back();
      shape.back() = depth;
      s = b.reshape(s, shape);
      if (!isLeft) {
        std::vector<int64_t> order;
        for (int i = 0; i < rank; ++i) order.push_back(i);
        std::swap(order[order.size() - 1], order[order.size() - 2]);
        s = b.trans(s, order);
      }
      v = b.make(Op::MulF, {v, s});
    }
    return v;
  };
  Value* left = operand(0, Attr::LhsElem, Attr::LhsKPack);
  Value* right = operand(1, Attr::RhsElem, Attr::RhsKPack);
  return b.create(Op::Dot, {left, right, inst.operand(2)}, {inst.result()->type}, {{Attr::InputPrecision, int64_t{2}}})->result();
}

// A bit as a number of type `t`, which may be one bit wide itself.
Value* asNumber(Builder& b, Value* bit, Type t) { return t.isBool() ? bit : b.cast(Op::ExtUI, bit, t); }

Value* ceilDiv(Builder& b, const Inst& inst) {
  Value *x = inst.operand(0), *y = inst.operand(1);
  Type t = x->type;
  Value *q = b.make(Op::DivSI, {x, y}), *r = b.make(Op::RemSI, {x, y});
  Value* zero = b.integer(t, 0);
  Value* inexact = b.cmpI(CmpIPred::Ne, r, zero);
  Value* sameSign = b.cmpI(CmpIPred::Eq, b.cmpI(CmpIPred::Slt, x, zero), b.cmpI(CmpIPred::Slt, y, zero));
  return b.make(Op::AddI, {q, asNumber(b, b.make(Op::AndI, {inexact, sameSign}), t)});
}

// Rounded toward zero; minus one if that rounded up.
Value* floorDiv(Builder& b, const Inst& inst) {
  Value *x = inst.operand(0), *y = inst.operand(1);
  Type t = x->type;
  Value *q = b.make(Op::DivSI, {x, y}), *r = b.make(Op::RemSI, {x, y});
  Value* zero = b.integer(t, 0);
  Value* inexact = b.cmpI(CmpIPred::Ne, r, zero);
  Value* otherSign = b.cmpI(CmpIPred::Slt, b.make(Op::XOrI, {x, y}), zero);
  return b.make(Op::SubI, {q, asNumber(b, b.make(Op::AndI, {inexact, otherSign}), t)});
}

// The high half of a product.
Value* highHalf(Builder& b, const Inst& inst) {
  Value *x = inst.operand(0), *y = inst.operand(1);
  Type t = x->type;
  bool isSigned = inst.op == Op::MulSIExt;
  int width = bitWidth(t);
  if (width < 64) {
    Type wide = t.withElement(Elem::I64);
    Op extend = isSigned ? Op::ExtSI : Op::ExtUI;
    Value* product = b.make(Op::MulI, {b.cast(extend, x, wide), b.cast(extend, y, wide)});
    return b.cast(Op::TruncI, b.make(Op::ShRUI, {product, b.integer(wide, width)}), t);
  }
  Value* high = b.make(Op::MulHiUI, {x, y});
  if (!isSigned) return high;
  // Corrects for the 2^64 that a negative factor adds.
  auto surplus = [&](Value* factor, Value* other) { return b.make(Op::AndI, {b.make(Op::ShRSI, {factor, b.integer(t, 63)}), other}); };
  return b.make(Op::SubI, {b.make(Op::SubI, {high, surplus(x, y)}), surplus(y, x)});
}

}  // namespace

void simplify(Func& f, Module& m) {
  Replacements replaced;
  PtrMap<const Value*, int> uses;
  walk(f.body, [&](const Inst& i) {
    for (const Value* v : i.operands) ++uses[v];
  });
  rewriteEach(m, f.body, replaced, [&](Builder& b, Inst& inst) -> Value* {
    constexpr double kInf = std::numeric_limits<double>::infinity();
    switch (inst.op) {
      case Op::Unsplat: return unsplat(b, inst);
      case Op::IsNan: return b.cmpF(CmpFPred::Uno, inst.operand(0), inst.operand(0));
      case Op::IsInf: return b.cmpF(CmpFPred::Oeq, b.make(Op::AbsF, {inst.operand(0)}), b.floating(inst.operand(0)->type, kInf));
      case Op::IsFinite: return b.cmpF(CmpFPred::Olt, b.make(Op::AbsF, {inst.operand(0)}), b.floating(inst.operand(0)->type, kInf));
      case Op::CeilDivSI: return ceilDiv(b, inst);
      case Op::FloorDivSI: return floorDiv(b, inst);
      case Op::MulSIExt:
      case Op::MulUIExt: replaced.add(inst.results[1], highHalf(b, inst)); return b.make(Op::MulI, {inst.operand(0), inst.operand(1)});
      case Op::FPowI: {
        // By magnitude: as a float, a large exponent loses its parity.
        Type t = inst.result()->type;
        const bool isWide = t.elem == Elem::F64;
        Value *x = inst.operand(0), *n = inst.operand(1);
        if (!isWide && t.elem != Elem::F32) x = b.cast(Op::ExtF, x, t.withElement(Elem::F32));
        Value* power = b.make(Op::PowF, {b.make(Op::AbsF, {x}), b.cast(Op::SIToFP, n, x->type)});
        Value* isOdd = b.cmpI(CmpIPred::Ne, b.make(Op::AndI, {n, b.integer(n->type, 1)}), b.integer(n->type, 0));
        Value* y = b.select(isOdd, b.make(Op::CopySign, {power, x}), power);
        return y->type == t ? y : b.cast(Op::TruncF, y, t);
      }
      case Op::DotScaled: return dotScaled(b, inst);
      case Op::AddF:
      case Op::AddI:
        for (size_t i = 0; i < 2; ++i) {
          Value *d = inst.operand(i), *c = inst.operand(1 - i);
          if (d->def && d->def->op == Op::Dot && uses[d] == 1 && isZeroTile(d->def->operand(2)) && d->def->parent == inst.parent)
            return b.create(Op::Dot, {d->def->operand(0), d->def->operand(1), c}, {inst.result()->type}, d->def->attrs)->result();
        }
        return nullptr;
      default: return nullptr;
    }
  });
  replaced.apply(f.body);
}

}  // namespace nereid
