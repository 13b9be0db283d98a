// SPDX-License-Identifier: MIT
// What the symbols of tt.extern_elementwise stand for: NVIDIA's __nv_*, AMD's __ocml_* and Sleef_* spellings of one set of functions.
#pragma once

#include <optional>
#include <string_view>

#include "ir/ir.h"

namespace nereid {

// Functions that no operation of the table computes by itself.
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
  URHadd,  // of integers
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
  FmaTo,  // rounded in a direction
  FloatToInt,
  IntToFloat,
  DoubleToFloat,
  LRound,  // the same of conversions; LRound: ties away from zero
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
  std::string_view name;  // the plain one: tanh
  size_t arity;
  LibFn fn;  // None: `op` computes it
  Op op = Op::ExternElementwise;
  Direction direction = Direction::Nearest;
  bool isUnsigned = false;  // the integer of a conversion
};

std::optional<LibFunction> resolveLibdevice(std::string_view symbol);
// Whether the operands and the result of `inst` have types such as the function has.
bool hasTypesOf(const LibFunction& f, const Inst& inst);

}  // namespace nereid
