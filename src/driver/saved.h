// SPDX-License-Identifier: MIT
// Compiled kernels as bytes, for a disk cache, whose content may be damaged, of another version, or of another machine.
#pragma once

#include <string_view>

#include "driver/driver.h"

namespace nereid {

std::string toBytes(const SavedCpu& kernel, std::string_view version);
// Nothing unless the bytes are exactly what toBytes returned in this version on this processor; `why` receives the reason.
std::optional<SavedCpu> fromBytes(std::string_view bytes, std::string_view version, std::string& why);

}  // namespace nereid
