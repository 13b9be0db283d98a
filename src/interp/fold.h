// SPDX-License-Identifier: MIT
// Constant folding of element-wise operations, with the interpreter's semantics.
#pragma once

#include <optional>
#include <span>

#include "ir/ir.h"

namespace nereid {

// The value of an exact element-wise operation with one result and constant operands; nothing for other operations.
std::optional<Dense> fold(const Inst& inst, std::span<const Dense* const> operands);

}  // namespace nereid
