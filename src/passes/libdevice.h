// SPDX-License-Identifier: MIT
// Library functions as operations: the formulas that resolveExterns() inserts.
#pragma once

#include "ir/builder.h"
#include "ir/libdevice.h"
#include "passes/formula.h"

namespace nereid {

// The value of `inst`, a call of `f`; null if `f` is an operation of the table. Without f64, functions of f32 are computed in f32; null
// also if that is not possible.
Value* expandLibrary(Builder& b, const Inst& inst, const LibFunction& f, bool hasF64);

// A value rounded in the given direction, or a conversion between integer and float with that rounding.
Value* expandRounding(Builder& b, const Inst& inst, const LibFunction& f, bool hasF64);
// Arithmetic of f32 rounded toward zero, down or up, without f64.
Value* roundByIntegers(const LibFunction& f, Num x, Num y, Num z);
// Bessel functions.
Value* expandBessel(Builder& b, const Inst& inst, const LibFunction& f, bool hasF64);

}  // namespace nereid
