// SPDX-License-Identifier: MIT
#pragma once

#include "ir/ir.h"
#include "schedule/machine.h"

namespace nereid {

// Lets accumulators that a running maximum scales keep an older maximum until it has grown much. Returns whether there are any. What it
// replaces stays, for eliminateDead().
bool lazyRescale(Func& f, Module& m, const Machine& machine);
// Of `condition ? sums * x : sums`, for a condition that is a scalar, the sums; null of anything else.
const Value* rescaledSums(const Value* v);

}  // namespace nereid
