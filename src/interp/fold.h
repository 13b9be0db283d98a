// SPDX-License-Identifier: MIT
// Constant folding of element-wise operations, with the meaning that the interpreter has.
#pragma once

#include <optional>
#include <span>

#include "ir/ir.h"

namespace nereid {

// The value of an exact element-wise operation with one result on constant operands; nothing for any other.
std::optional<Dense> fold(const Inst& inst, std::span<const Dense* const> operands);

}  // namespace nereid
