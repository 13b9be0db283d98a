// SPDX-License-Identifier: MIT
// Which arguments a kernel writes to, so that a caller can refuse arrays that must stay as they are.
#pragma once

#include "ir/ir.h"

namespace nereid {

enum class Writes : uint8_t { No, Yes, Unknown };

// One an argument; `No` for what is no pointer. The kernel is structured and has no calls. Unknown where a pointer that is written through
// came from memory or from a number.
std::vector<Writes> writesOf(const Func& kernel);

}  // namespace nereid
