// SPDX-License-Identifier: MIT
// Library functions as operations: the formulas that resolveExterns() puts in their place.
#pragma once

#include "ir/builder.h"
#include "ir/libdevice.h"

namespace nereid {

// The value of `inst`, a call of `f`; null where `f` is an operation of the table. Without f64, functions of f32 are computed in f32; null too where
// that cannot be done.
Value* expandLibrary(Builder& b, const Inst& inst, const LibFunction& f, bool hasF64);

// A value rounded in a direction, or an integer to or from a float that way; null where f64 is asked for and is not there.
Value* expandRounding(Builder& b, const Inst& inst, const LibFunction& f, bool hasF64);
// Bessel functions.
Value* expandBessel(Builder& b, const Inst& inst, const LibFunction& f, bool hasF64);

}  // namespace nereid
