// SPDX-License-Identifier: MIT
// Conversions between types, in the same steps as Triton (fp16 to int goes through fp32, ...).
#include "frontends/tl/codegen.h"
#include "ir/bits.h"

namespace nereid::tl {

Tensor CodeGen::widenTo(const Tensor& t, Prim to) {
  TType type = t.type.with({to});
  int from = t.type.scalar.bits(), width = type.scalar.bits();
  if (from == width) return tensor(t.value, type);
  bool keepSign = t.type.scalar.isSigned() && !t.type.scalar.isBool();
  return tensor(b_.cast(width < from ? Op::TruncI : keepSign ? Op::ExtSI : Op::ExtUI, t.value, type.ir()), type);
}

Result<Tensor> CodeGen::bitcast(const Tensor& t, DType to, Loc loc) {
  DType from = t.type.scalar;
  if (from == to) return t;
  if (from.isPointer() || to.isPointer()) return cast(t, to, loc);
  if (from.bits() != to.bits())
    return error(Err::Type, loc).says("cannot bitcast ", from, " to ", to, ": they have ", from.bits(), " and ", to.bits(), " bits");
  TType type = t.type.with(to);
  if (type.ir() == t.type.ir()) return tensor(t.value, type);
  return tensor(b_.cast(Op::Bitcast, t.value, type.ir()), type);
}

Result<Tensor> CodeGen::cast(const Tensor& t, DType to, Loc loc, std::string_view rounding) {
  DType from = t.type.scalar;
  if (from == to) return t;
  TType type = t.type.with(to);
  auto emit = [&](Op op) { return tensor(b_.cast(op, t.value, type.ir()), type); };
  bool narrows = from.isFloat() && to.isFloat() && to.bits() < from.bits();
  if (!rounding.empty() && rounding != "rtne" && rounding != "rtz")
    return error(Err::Type, loc).says("unknown rounding mode '", rounding, "'").hint("use 'rtne' or 'rtz'");
  if (!rounding.empty() && !narrows)
    return error(Err::Type, loc).says("a rounding mode can be given only for a conversion to a narrower float, not for ", from, " to ", to);
  if (from.is(Prim::F8E4B15) || to.is(Prim::F8E4B15))
    return error(Err::Unsupported, loc)
        .says("fp8e4b15 is a type of one GPU family, which Nereid does not support")
        .hint("use tl.float8e4nv or tl.float8e5");

  if ((from.isFp8() && to.isFloat()) || (from.isFloat() && to.isFp8()) || rounding == "rtz") {
    Inst* inst = b_.create(Op::FpToFp, {t.value}, {type.ir()});
    if (narrows) inst->set(Attr::Rounding, static_cast<int64_t>(rounding == "rtz" ? Rounding::TowardZero : Rounding::NearestEven));
    return tensor(inst->result(), type);
  }
  if ((from.is(Prim::F16) || from.is(Prim::BF16)) && !to.is(Prim::F32)) {
    if (to.isPointer()) return error(Err::Type, loc).says("cannot cast ", from, " to ", to);
    return cast(TRY(cast(t, {Prim::F32}, loc)), to, loc);
  }
  if (from.isFloat() && to.isFloat()) return emit(from.bits() > to.bits() ? Op::TruncF : Op::ExtF);
  if (from.isInt() && to.isInt()) {
    if (to.isBool()) return compare("!=", Val::of(t), Val::of(zeroOf(t.type)), {loc, loc, loc});
    return widenTo(t, to.prim);
  }
  if (from.isStandardFloat() && to.isInt()) {
    if (to.isBool()) return compare("!=", Val::of(t), Val::of(zeroOf(t.type)), {loc, loc, loc});
    return emit(to.isSigned() ? Op::FPToSI : Op::FPToUI);
  }
  if (from.isInt() && to.isStandardFloat()) return emit(from.isSigned() ? Op::SIToFP : Op::UIToFP);
  if (from.isPointer() && to.isInt()) {
    if (to.bits() == 64) return emit(Op::PtrToInt);
    if (to.isBool()) {
      Tensor address = TRY(cast(t, {Prim::I64}, loc));
      return compare("!=", Val::of(address), Val::of(zeroOf(address.type)), {loc, loc, loc});
    }
    return error(Err::Type, loc).says("a pointer can only be cast to a 64-bit integer, not to ", to);
  }
  if (from.isInt() && to.isPointer()) {
    if (from.bits() != 64) return error(Err::Type, loc).says("only a 64-bit integer can be cast to a pointer, not ", from);
    return emit(Op::IntToPtr);
  }
  if (from.isPointer() && to.isPointer()) {
    if (type.ir() == t.type.ir()) return tensor(t.value, type);
    return emit(Op::Bitcast);
  }
  if (from.isFp8() || to.isFp8()) return error(Err::Type, loc).says("cannot cast ", from, " to ", to).hint("cast it to tl.float32 first");
  return error(Err::Type, loc).says("cannot cast ", from, " to ", to);
}

}  // namespace nereid::tl
