// SPDX-License-Identifier: MIT
#pragma once

#include "ir/ir.h"

namespace nereid {

// Gives dots loads of their own for operands that others read too, or that were loaded outside of their loop. Arguments must be disjoint.
// Returns true if it changed something.
bool reloadOperands(Func& f, Module& m);

}  // namespace nereid
