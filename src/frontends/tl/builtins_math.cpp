// SPDX-License-Identifier: MIT
// Element-wise builtins.
#include "frontends/tl/codegen.h"

namespace nereid::tl {

Result<Val> CodeGen::bBinary(Bound& a) {
  Locs locs{a.call, a.loc(0), a.loc(1)};
  bool sanitize = !a.given(2) || TRY(constantBool(a, 2, "sanitize_overflow"));
  // Unlike with operators, numbers become tensors.
  return Val::of(a.info->op == Op::AddI   ? add(a[0], a[1], locs, sanitize)
                 : a.info->op == Op::SubI ? sub(a[0], a[1], locs, sanitize)
                                          : mul(a[0], a[1], locs, sanitize));
}

Result<Val> CodeGen::bPromoteBf16(Bound& a) {
  Tensor t = TRY(tensorOf(a, 0));
  return Val::of(t.type.scalar.is(Prim::BF16) ? TRY(cast(t, {Prim::F32}, a.loc(0))) : t);
}

Result<Val> CodeGen::bMinMax(Bound& a) {
  auto promoted = [&](size_t i) -> Result<Tensor> {
    Tensor t = TRY(tensorOf(a, i));
    return t.type.scalar.is(Prim::BF16) ? cast(t, {Prim::F32}, a.loc(i)) : Result<Tensor>(t);
  };
  Tensor x = TRY(promoted(0)), y = TRY(promoted(1));
  return Val::of(minMax(a.info->tag == 1, TRY(propagateNan(a, 2)), Val::of(x), Val::of(y), {a.call, a.loc(0), a.loc(1)}));
}

Result<Val> CodeGen::bClamp(Bound& a) {
  Tensor t[3];
  for (size_t i = 0; i < 3; ++i) {
    t[i] = TRY(tensorOf(a, i));
    if (t[i].type.scalar.is(Prim::BF16)) t[i] = TRY(cast(t[i], {Prim::F32}, a.loc(i)));
  }
  auto meet = [&](size_t i, size_t j) -> Result<void> {
    auto [x, y] = TRY(operands(Val::of(t[i]), Val::of(t[j]), {}, {a.call, a.loc(i), a.loc(j)}));
    t[i] = x;
    t[j] = y;
    return {};
  };
  CHECK_OK(meet(1, 2));
  CHECK_OK(meet(0, 1));
  CHECK_OK(meet(0, 2));
  if (!t[0].type.scalar.isFloat())
    return error(Err::Type, a.call)
        .says("tl.clamp takes floats, but this is ", t[0].type)
        .hint("for integers use `tl.minimum(tl.maximum(x, low), high)`");
  bool all = TRY(propagateNan(a, 3));
  CHECK_OK(meet(0, 1));
  Inst* inst =
      b_.create(Op::ClampF, {t[0].value, t[1].value, t[2].value}, {t[0].value->type}, {{Attr::PropagateNan, int64_t{all ? 0xffff : 0}}});
  return Val::of(tensor(inst->result(), t[0].type));
}

Result<Val> CodeGen::bWhere(Bound& a) {
  Tensor condition = TRY(tensorOf(a, 0));
  for (size_t i : {1u, 2u})
    if (!a[i].isTensor() && !a[i].isNumber())
      return error(Err::Type, a.loc(i)).says("tl.where takes tensors and numbers, but this is ", a[i]);
  return Val::of(where(condition, a[1], a[2], {a.call, a.loc(1), a.loc(2)}));
}

Result<Val> CodeGen::bLogical(Bound& a) { return Val::of(logical(a.info->tag == 1, a[0], a[1], {a.call, a.loc(0), a.loc(1)})); }

Result<Val> CodeGen::bMath(Bound& a) {
  Tensor t = TRY(tensorOf(a, 0));
  DType s = t.type.scalar;
  if (!s.is(Prim::F32) && !(s.is(Prim::F64) && a.info->tag == 0))
    return error(Err::Type, a.loc(0))
        .says("`", a.info->name, "` takes fp32", a.info->tag == 0 ? " or fp64" : "", ", but this is ", t.type)
        .hint("cast it with `.to(tl.float32)`");
  return Val::of(tensor(b_.make(a.info->op, {t.value}), t.type));
}

Result<Val> CodeGen::bAbs(Bound& a) {
  Tensor t = TRY(tensorOf(a, 0));
  DType s = t.type.scalar;
  if (s.isFloat()) return Val::of(tensor(b_.make(Op::AbsF, {t.value}), t.type));
  if (s.isSigned()) return Val::of(tensor(b_.make(Op::AbsI, {t.value}), t.type));
  if (s.isUnsigned()) return Val::of(t);
  return error(Err::Type, a.loc(0)).says("`abs` takes numbers, but this is ", t.type);
}

Result<Val> CodeGen::bFma(Bound& a) {
  Tensor t[3];
  for (size_t i = 0; i < 3; ++i) t[i] = TRY(tensorOf(a, i));
  auto meet = [&](size_t i, size_t j) -> Result<void> {
    auto [x, y] = TRY(operands(Val::of(t[i]), Val::of(t[j]), {}, {a.call, a.loc(i), a.loc(j)}));
    t[i] = x;
    t[j] = y;
    return {};
  };
  CHECK_OK(meet(0, 1));
  CHECK_OK(meet(2, 0));
  CHECK_OK(meet(2, 1));
  CHECK_OK(meet(0, 1));
  if (!t[0].type.scalar.isFloat()) return error(Err::Type, a.call).says("`fma` takes floats, but these are ", t[0].type);
  return Val::of(tensor(b_.make(Op::Fma, {t[0].value, t[1].value, t[2].value}), t[0].type));
}

Result<Val> CodeGen::bFdiv(Bound& a) {
  Tensor x = TRY(tensorOf(a, 0)), y = TRY(tensorOf(a, 1));
  bool precise = a.info->op == Op::PreciseDivF;
  for (size_t i : {0u, 1u}) {
    const Tensor& t = i ? y : x;
    if (precise && a[i].isNumber()) continue;  // promoted below
    if (!t.type.scalar.isFloat() || (precise && !t.type.scalar.is(Prim::F32)))
      return error(Err::Type, a.loc(i)).says("`", a.info->name, "` takes ", precise ? "fp32" : "floats", ", but this is ", t.type);
  }
  auto [l, r] = TRY(operands(Val::of(x), Val::of(y), {.arithmetic = precise, .divide = true}, {a.call, a.loc(0), a.loc(1)}));
  if (precise && !l.type.scalar.is(Prim::F32))
    return error(Err::Type, a.call).says("`", a.info->name, "` takes fp32, but these are ", l.type);
  if (!(l.type == r.type))
    return error(Err::Type, a.call)
        .says("`fdiv` takes two tensors of the same type, but these are ", l.type, " and ", r.type)
        .hint("cast one of them with `.to(...)`");
  return Val::of(tensor(b_.make(a.info->op, {l.value, r.value}), l.type));
}

Result<Val> CodeGen::bUmulhi(Bound& a) {
  Tensor x = TRY(tensorOf(a, 0)), y = TRY(tensorOf(a, 1));
  for (size_t i : {0u, 1u}) {
    DType s = (i ? y : x).type.scalar;
    if (a[i].isNumber() && s.isInt()) continue;  // promoted below
    if (!s.isInt() || s.bits() < 32)
      return error(Err::Type, a.loc(i)).says("`", a.info->name, "` takes 32- or 64-bit integers, but this is ", (i ? y : x).type);
  }
  auto [l, r] = TRY(operands(Val::of(x), Val::of(y), {}, {a.call, a.loc(0), a.loc(1)}));
  return Val::of(tensor(b_.make(Op::MulHiUI, {l.value, r.value}), l.type));
}

Result<Val> CodeGen::bLibdevice(Bound& a) {
  enum { Float = 0, ToBool, Float32Only, Ints, IntCount, FloatToInt, IntToFloat, FloatInt, FloatToI32 };
  int kind = a.info->tag;
  size_t n = a.slots.size();
  std::vector<Tensor> t;
  for (size_t i = 0; i < n; ++i) t.push_back(TRY(tensorOf(a, i)));
  bool wantsInts = kind == Ints || kind == IntCount || kind == IntToFloat;
  if (kind == FloatInt) {
    auto [x, y] = TRY(broadcast(t[0], t[1], {a.call, a.loc(0), a.loc(1)}));
    t = {x, y};
  } else if (n > 1) {
    for (size_t round = 0; round < 2; ++round)
      for (size_t i = 1; i < n; ++i) {
        // A number takes the other operand's type: `pow(x, 2.0)`.
        auto [x, y] = TRY(operands(Val::of(t[0]), Val::of(t[i]), {}, {a.call, a.loc(0), a.loc(i)}));
        t[0] = x;
        t[i] = y;
      }
  }
  for (size_t i = 0; i < n; ++i) {
    DType s = t[i].type.scalar;
    bool intHere = wantsInts || (kind == FloatInt && i == 1);
    bool fits = intHere ? s.isInt() && (s.bits() == 32 || (s.bits() == 64 && kind != FloatInt))
                        : s.is(Prim::F32) || (s.is(Prim::F64) && kind != Float32Only);
    if (!fits)
      return error(Err::Type, a.loc(i))
          .says("`", a.info->name, "` takes ",
                intHere               ? "32- or 64-bit integers"
                : kind == Float32Only ? "fp32"
                                      : "fp32 or fp64",
                ", but this is ", t[i].type)
          .hint(intHere ? "" : "cast it with `.to(tl.float32)`");
  }
  std::vector<Value*> values;
  for (const Tensor& x : t) values.push_back(x.value);
  DType s = t[0].type.scalar;
  if (a.info->op != Op::Poison) {
    if (kind == FloatToInt) return Val::of(bitcast(t[0], intType(s.bits(), true), a.call));
    if (kind == IntToFloat) return Val::of(bitcast(t[0], {s.bits() == 32 ? Prim::F32 : Prim::F64}, a.call));
    Value* v = b_.make(a.info->op, values);
    if (kind == ToBool) return Val::of(tensor(v, t[0].type.with({Prim::I1})));
    Tensor result = tensor(v, t[0].type);
    if (kind == IntCount) result = widenTo(tensor(v, t[0].type.with(intType(s.bits(), true))), Prim::I32);
    return Val::of(result);
  }
  TType type = t[0].type;
  if (kind == IntCount || kind == FloatToI32) type = type.with({Prim::I32});
  std::string symbol = cat("__nv_", a.info->name,
                           kind == Ints || kind == IntCount ? (s.bits() == 64 ? "ll" : "")
                           : s.is(Prim::F32)                ? "f"
                                                            : "");
  Inst* inst =
      b_.create(Op::ExternElementwise, values, {type.ir()},
                {{Attr::LibName, std::string()}, {Attr::LibPath, std::string()}, {Attr::Pure, int64_t{1}}, {Attr::Symbol, symbol}});
  return Val::of(tensor(inst->result(), type));
}

}  // namespace nereid::tl
