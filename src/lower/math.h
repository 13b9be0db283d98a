// SPDX-License-Identifier: MIT
#pragma once

#include "lower/lower.h"

namespace nereid {

// Replaces transcendental functions on f32 (and on narrower floats, through f32) by arithmetic, on scalars and vectors alike, so that
// every target computes the same bits from the same steps. f64 functions are left to the target. Without fused multiply-add, what
// rests on a single rounding is done in f64. What is long (tan, pow and the like) is left to a C library where the machine has one.
void expandMath(Func& f, Module& m, const Machine& machine);

// The C library's name of a function on f64, or on f32 where it is not expanded; empty where it has none.
std::string_view libraryName(Op op);

}  // namespace nereid
