// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace nereid::cpu {

// What compiled kernels call when an assertion fails; launch() collects it.
extern "C" void assertionFailed(const char* file, uint32_t line, const char* message, uint32_t x, uint32_t y, uint32_t z);

// What they call for printf: launch() collects that, too.
extern "C" int printed(const char* format, ...);

}  // namespace nereid::cpu
