// SPDX-License-Identifier: MIT
// The functions behind the symbols of tt.extern_elementwise: NVIDIA's __nv_*, AMD's __ocml_* and Sleef_* are spellings of one set.
#pragma once

#include <optional>
#include <string_view>

#include "ir/ir.h"

namespace nereid {

// Functions for which the table has no operation.
enum class LibFn : uint8_t {
  None,
  IsNan,
  IsInf,
  IsFinite,
  SignBit,
  Ffs,
  NextAfter,
  Ldexp,
  Fdim,
  Rcp,
  RSqrt,
  Hypot,
  Lgamma,
  Erfinv,
  BytePerm,
  Mul24,
  UMul24,
  MulHi,
  BitReverse,
  Sad,
  USad,
  Hadd,
  UHadd,
  RHadd,
  URHadd,  // integer functions
  HiLoToDouble,
  LowOfDouble,
  HighOfDouble,
  Rcp64h,
  Saturate,
  AddTo,
  SubTo,
  MulTo,
  DivTo,
  RcpTo,
  SqrtTo,
  FmaTo,  // with directed rounding
  FloatToInt,
  IntToFloat,
  DoubleToFloat,
  LRound,  // conversions with directed rounding; LRound: ties away from zero
  Remainder,
  ILogB,
  LogB,
  SinPi,
  CosPi,
  Exp10,
  RCbrt,
  RHypot,
  Norm,
  RNorm,
  Erfcx,
  Erfcinv,
  NormCdf,
  NormCdfInv,
  TGamma,
  J0,
  J1,
  Y0,
  Y1,
  Jn,
  Yn,
  I0,
  I1,
};

enum class Direction : uint8_t { Nearest, Zero, Down, Up };

struct LibFunction {
  std::string_view name;  // without prefix and suffix: tanh
  size_t arity;
  LibFn fn;  // None: `op` computes it
  Op op = Op::ExternElementwise;
  Direction direction = Direction::Nearest;
  bool isUnsigned = false;  // the integer type of a conversion
};

std::optional<LibFunction> resolveLibdevice(std::string_view symbol);
// Returns whether the operands and the result of `inst` have the function's types.
bool hasTypesOf(const LibFunction& f, const Inst& inst);

}  // namespace nereid
