// SPDX-License-Identifier: MIT
#pragma once

#include "ir/ir.h"
#include "schedule/machine.h"

namespace nereid {

// Splits dots along K so that their operands fit in the machine's shared memory. Returns true if it changed something.
bool splitDots(Func& f, Module& m, const Machine& machine);

}  // namespace nereid
