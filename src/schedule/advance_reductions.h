// SPDX-License-Identifier: MIT
#pragma once

#include "ir/ir.h"
#include "schedule/machine.h"

namespace nereid {

// Reduces tiles that a loop only accumulates, and that do not fit in registers, in each iteration. Returns true if it changed something.
bool advanceReductions(Func& f, Module& m, const Machine& machine);

}  // namespace nereid
