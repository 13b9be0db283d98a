// SPDX-License-Identifier: MIT
#pragma once

#include "ir/ir.h"
#include "schedule/machine.h"

namespace nereid {

// Moves reductions whose results a loop only accumulates behind the loop. Returns true if it changed something.
bool deferReductions(Func& f, Module& m, const Machine& machine);

}  // namespace nereid
