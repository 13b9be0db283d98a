// SPDX-License-Identifier: MIT
// What the two halves of the verifier share.
#pragma once

#include "ir/ir.h"

namespace nereid {

// Operand and result types, attributes and number of regions of one operation.
bool verifyOp(const Module& m, const Inst& inst, Diags& diags);

}  // namespace nereid
