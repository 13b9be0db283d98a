// SPDX-License-Identifier: MIT
// Which arguments a kernel writes to. Callers refuse read-only arrays for those.
#pragma once

#include "ir/ir.h"

namespace nereid {

enum class Writes : uint8_t { No, Yes, Unknown };

// One entry per argument; `No` for arguments that are not pointers. Needs a structured kernel without calls. Unknown if the kernel stores
// through a pointer that was loaded from memory or made from an integer.
std::vector<Writes> writesOf(const Func& kernel);

}  // namespace nereid
