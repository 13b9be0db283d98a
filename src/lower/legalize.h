// SPDX-License-Identifier: MIT
#pragma once

#include "ir/ir.h"
#include "schedule/machine.h"

namespace nereid {

// f16, bf16 and fp8 are computed in f32 and live as bits; conversions become integer arithmetic; atomics on floats, and minima and
// maxima, loops of compare-and-swap; Fma of f32, where the machine has none, arithmetic in f64 that rounds once. For targets without LLVM.
void legalize(Func& f, Module& m, const Machine& machine);

// The operation that an atomic read-modify-write applies to the old value and its operand; Select for an exchange.
Op operationOf(const Inst& atomic);

}  // namespace nereid
