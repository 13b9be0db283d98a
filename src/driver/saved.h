// SPDX-License-Identifier: MIT
// Compiled kernels as bytes: for a cache on a disk, which may be damaged, of another version, or of another machine.
#pragma once

#include <string_view>

#include "driver/driver.h"

namespace nereid {

std::string toBytes(const SavedCpu& kernel, std::string_view version);
// Nothing where the bytes are not exactly what toBytes gave in this version on this processor; `why` says so.
std::optional<SavedCpu> fromBytes(std::string_view bytes, std::string_view version, std::string& why);

}  // namespace nereid
