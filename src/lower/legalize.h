// SPDX-License-Identifier: MIT
#pragma once

#include "ir/ir.h"

namespace nereid {

// What a machine lacks, written out in the lower form with what it has.
struct Legal {
  bool fma = false;        // whether Fma of f32 and f64 is there
  bool halves = false;     // whether conversions between f32 and f16 or bf16 are there
  bool subnormals = true;  // whether products of subnormal numbers are kept
  bool f64 = true;         // whether there is f64; without it, Fma of narrower floats than f32 rounds twice
};

// f16, bf16 and fp8 are computed in f32 and live as bits; conversions become integer arithmetic; atomics on floats, and minima and
// maxima, loops of compare-and-swap; Fma of f32, where the machine has none, arithmetic in f64 that rounds once. For targets without LLVM.
void legalize(Func& f, Module& m, const Legal& machine);

}  // namespace nereid
