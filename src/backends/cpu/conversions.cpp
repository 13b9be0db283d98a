// SPDX-License-Identifier: MIT
#include "backends/cpu/conversions.h"

#include <bit>
#include <cmath>

namespace nereid::cpu {

llvm::Type* Conversions::like(llvm::Value* v, llvm::Type* element) {
  auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(v->getType());
  return vector ? llvm::FixedVectorType::get(element, vector->getNumElements()) : element;
}

llvm::Value* Conversions::f32Bits(llvm::Value* v) { return b_.CreateBitCast(v, like(v, b_.getInt32Ty())); }

llvm::Value* Conversions::toF32(llvm::Value* v, Elem from) {
  llvm::Type* f32 = like(v, b_.getFloatTy());
  llvm::Type* i32 = like(v, b_.getInt32Ty());
  switch (from) {
    case Elem::F32: return v;
    case Elem::F16: return b_.CreateFPExt(v, f32);
    case Elem::BF16: return b_.CreateBitCast(b_.CreateShl(b_.CreateZExt(v, i32), 16), f32);
    case Elem::F8E5M2: {  // the upper half of an f16
      llvm::Value* half = b_.CreateShl(b_.CreateZExt(v, like(v, b_.getInt16Ty())), 8);
      return b_.CreateFPExt(b_.CreateBitCast(half, like(v, b_.getHalfTy())), f32);
    }
    default: break;
  }
  // The bits as an f32 whose exponent is too small; multiplying by a power of two corrects it, also for subnormals.
  FloatFormat format = floatFormat(from);
  llvm::Value* x = b_.CreateZExt(v, i32);
  llvm::Value* magnitude = b_.CreateShl(b_.CreateAnd(x, 0x7f), static_cast<uint64_t>(23 - format.mantissaBits));
  llvm::Value* scaled = b_.CreateFMul(b_.CreateBitCast(magnitude, f32), llvm::ConstantFP::get(f32, std::ldexp(1.0, 127 - format.bias)));
  llvm::Value* sign = b_.CreateShl(b_.CreateAnd(x, 0x80), 24);
  llvm::Value* number_ = b_.CreateBitCast(b_.CreateOr(f32Bits(scaled), sign), f32);
  llvm::Value* isNan =
      format.special == FloatFormat::Fnuz ? b_.CreateICmpEQ(x, number(x, 0x80)) : b_.CreateICmpEQ(b_.CreateAnd(x, 0x7f), number(x, 0x7f));
  return b_.CreateSelect(isNan, llvm::ConstantFP::getNaN(f32), number_);
}

llvm::Value* Conversions::narrowToOdd(llvm::Value* v) {
  llvm::Type* f32 = like(v, b_.getFloatTy());
  llvm::Value* nearest = b_.CreateFPTrunc(v, f32);
  llvm::Value* back = b_.CreateFPExt(nearest, v->getType());
  llvm::Value* bits = f32Bits(nearest);
  llvm::Value* above =
      b_.CreateFCmpOGT(b_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, back), b_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, v));
  llvm::Value* inexact = b_.CreateFCmpONE(back, v);
  bits = b_.CreateSub(bits, b_.CreateZExt(above, bits->getType()));
  bits = b_.CreateOr(bits, b_.CreateZExt(inexact, bits->getType()));
  return b_.CreateBitCast(bits, f32);
}

llvm::Value* Conversions::toFp8(llvm::Value* v, Elem to, bool towardZero, bool saturate) {
  FloatFormat format = floatFormat(to);
  int m = format.mantissaBits, least = 1 - format.bias;
  llvm::Value* bits = f32Bits(v);
  llvm::Value* magnitude = b_.CreateAnd(bits, 0x7fffffff);
  llvm::Value* absolute = b_.CreateBitCast(magnitude, v->getType());
  auto shift = static_cast<uint64_t>(23 - m);
  // Normal results: round the mantissa in place, then adjust the exponent's bias.
  llvm::Value* odd = b_.CreateAnd(b_.CreateLShr(magnitude, shift), 1);
  llvm::Value* rounded = towardZero ? magnitude : b_.CreateAdd(magnitude, b_.CreateAdd(odd, number(odd, (uint64_t{1} << (shift - 1)) - 1)));
  llvm::Value* normal = b_.CreateSub(b_.CreateLShr(rounded, shift), number(bits, static_cast<uint64_t>(127 - format.bias) << m));
  // Subnormal results: round to a multiple of the smallest subnormal.
  llvm::Value* units = b_.CreateFMul(absolute, llvm::ConstantFP::get(v->getType(), std::ldexp(1.0, m - least)));
  units = b_.CreateUnaryIntrinsic(towardZero ? llvm::Intrinsic::trunc : llvm::Intrinsic::roundeven, units);
  llvm::Value* isSmall = b_.CreateICmpULT(magnitude, number(bits, static_cast<uint64_t>(127 + least) << 23));
  llvm::Value* small = b_.CreateIntrinsic(llvm::Intrinsic::fptoui_sat, {bits->getType(), v->getType()}, {units});
  llvm::Value* result = b_.CreateSelect(isSmall, small, normal);
  uint64_t mantissa = (uint64_t{1} << m) - 1, top = (uint64_t{1} << format.exponentBits) - 1;
  uint64_t largest = format.special == FloatFormat::Ieee        ? ((top - 1) << m) | mantissa
                     : format.special == FloatFormat::FiniteNan ? (top << m) | (mantissa - 1)
                                                                : (top << m) | mantissa;
  uint64_t nan = format.special == FloatFormat::Fnuz        ? 0x80
                 : format.special == FloatFormat::FiniteNan ? (top << m) | mantissa
                                                            : (top << m) | (1u << (m - 1));
  uint64_t beyond = format.special == FloatFormat::Ieee ? top << m : nan;
  llvm::Value* isInf = b_.CreateICmpEQ(magnitude, number(bits, 0x7f800000));
  // Above the largest finite value: overflow, unless rounding toward zero or saturating.
  llvm::Value* over = b_.CreateICmpUGT(result, number(bits, largest));
  over = b_.CreateAnd(over, b_.CreateNot(isSmall));
  llvm::Value* tooLarge = number(bits, towardZero || saturate ? largest : beyond);
  result = b_.CreateSelect(over, tooLarge, result);
  result = b_.CreateSelect(isInf, number(bits, saturate ? largest : beyond), result);
  llvm::Value* sign = b_.CreateAnd(b_.CreateLShr(bits, 24), 0x80);
  llvm::Value* isNan = b_.CreateICmpUGT(magnitude, number(bits, 0x7f800000));
  if (format.special == FloatFormat::Fnuz) {
    // These formats have no negative zero, and their NaN has no sign.
    llvm::Value* isNumber = b_.CreateICmpNE(result, number(bits, 0));
    sign = b_.CreateSelect(isNumber, sign, number(bits, 0));
    llvm::Value* bare = b_.CreateICmpEQ(result, number(bits, 0x80));
    result = b_.CreateSelect(bare, result, b_.CreateOr(result, sign));
    result = b_.CreateSelect(isNan, number(bits, nan), result);
  } else {
    result = b_.CreateOr(b_.CreateSelect(isNan, number(bits, nan), result), sign);
  }
  return b_.CreateTrunc(result, like(v, b_.getInt8Ty()));
}

llvm::Value* Conversions::fromF32(llvm::Value* v, Elem to, bool towardZero, bool saturate) {
  switch (to) {
    case Elem::F32: return v;
    case Elem::F64: return b_.CreateFPExt(v, like(v, b_.getDoubleTy()));
    case Elem::F16: {
      llvm::Value* half = b_.CreateFPTrunc(v, like(v, b_.getHalfTy()));
      if (!towardZero) return half;
      llvm::Value* back = b_.CreateFPExt(half, v->getType());
      llvm::Value* above =
          b_.CreateFCmpOGT(b_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, back), b_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, v));
      llvm::Value* bits = b_.CreateBitCast(half, like(v, b_.getInt16Ty()));
      return b_.CreateBitCast(b_.CreateSub(bits, b_.CreateZExt(above, bits->getType())), half->getType());
    }
    case Elem::BF16: {
      llvm::Value* bits = f32Bits(v);
      llvm::Value* odd = b_.CreateAnd(b_.CreateLShr(bits, 16), 1);
      llvm::Value* rounded = towardZero ? bits : b_.CreateAdd(bits, b_.CreateAdd(odd, number(odd, 0x7fff)));
      llvm::Value* isNan = b_.CreateFCmpUNO(v, v);
      llvm::Value* quiet = b_.CreateOr(bits, 0x400000);
      return b_.CreateTrunc(b_.CreateLShr(b_.CreateSelect(isNan, quiet, rounded), 16), like(v, b_.getInt16Ty()));
    }
    default: return toFp8(v, to, towardZero, saturate);
  }
}

llvm::Value* Conversions::floatToFloat(llvm::Value* v, Elem from, Elem to, bool towardZero, bool saturate) {
  if (from == to) return v;
  bool toFp8 = to >= Elem::F8E4M3FN;
  if (from == Elem::F64) {
    if (to == Elem::F32 && !towardZero) return b_.CreateFPTrunc(v, like(v, b_.getFloatTy()));
    llvm::Value* odd = narrowToOdd(v);
    if (to != Elem::F32) return fromF32(odd, to, towardZero, saturate && toFp8);
    // Toward zero: round to nearest, then step back if that increased the magnitude.
    llvm::Value* nearest = b_.CreateFPTrunc(v, like(v, b_.getFloatTy()));
    llvm::Value* above = b_.CreateFCmpOGT(b_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, b_.CreateFPExt(nearest, v->getType())),
                                          b_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, v));
    llvm::Value* bits = f32Bits(nearest);
    return b_.CreateBitCast(b_.CreateSub(bits, b_.CreateZExt(above, bits->getType())), nearest->getType());
  }
  return fromF32(toF32(v, from), to, towardZero, saturate && toFp8);
}

llvm::Value* Conversions::fromInt(llvm::Value* v, Elem to, bool isSigned) {
  auto convert = [&](llvm::Type* t) { return isSigned ? b_.CreateSIToFP(v, like(v, t)) : b_.CreateUIToFP(v, like(v, t)); };
  if (to == Elem::F64) return convert(b_.getDoubleTy());
  if (to == Elem::F32) return convert(b_.getFloatTy());
  // Integers up to 53 bits are exact in f64. Longer ones keep what it would round away in their last bit but eleven: then one rounding is
  // left.
  if (v->getType()->getScalarSizeInBits() == 64) {
    llvm::Value* magnitude = isSigned ? b_.CreateBinaryIntrinsic(llvm::Intrinsic::abs, v, b_.getFalse()) : v;
    llvm::Value* isLong = b_.CreateICmpUGE(magnitude, number(v, uint64_t{1} << 53));
    llvm::Value* inexact = b_.CreateICmpNE(b_.CreateAnd(v, number(v, 0x7ff)), number(v, 0));
    llvm::Value* sticky = b_.CreateShl(b_.CreateZExt(inexact, v->getType()), 11);
    v = b_.CreateSelect(isLong, b_.CreateOr(b_.CreateAnd(v, number(v, ~uint64_t{0x7ff})), sticky), v);
  }
  return floatToFloat(convert(b_.getDoubleTy()), Elem::F64, to, false, false);
}

}  // namespace nereid::cpu
