// SPDX-License-Identifier: MIT
#pragma once

#include "ir/ir.h"

namespace nereid {

// Operands of dots in an 8-bit float format become f16. Returns true if it changed something.
bool widenOperands(Func& f, Module& m);

}  // namespace nereid
