// SPDX-License-Identifier: MIT
// Shared by the two halves of the verifier.
#pragma once

#include "ir/ir.h"

namespace nereid {

// Operand and result types, attributes and number of regions of one operation.
bool verifyOp(const Module& m, const Inst& inst, Diags& diags);

}  // namespace nereid
