// SPDX-License-Identifier: MIT
// Reductions whose function is one known operation: they have an identity, so that accumulators can start without an element.
#pragma once

#include <optional>

#include "ir/ir.h"

namespace nereid {

struct Combine {
  Op op;
};
std::optional<Combine> combineOf(const Inst& reduce);
// Whether some element changes nothing.
bool hasIdentity(Op op);
// The element that changes nothing: -0 for sums, NaN for maxnum, -inf for maximum.
uint64_t identityOf(Op op, Type element);
bool isIdempotent(Op op);
// Returns true for a function without branches and effects, which vectors can compute.
bool isStraightLine(const Region& region);

}  // namespace nereid
