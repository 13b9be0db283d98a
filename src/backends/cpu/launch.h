// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace nereid::cpu {

// Compiled kernels call this when an assertion fails; launch() collects the text.
extern "C" void assertionFailed(const char* file, uint32_t line, const char* message, uint32_t x, uint32_t y, uint32_t z);

// Compiled kernels call this to print; launch() collects the text.
extern "C" int printed(const char* format, ...);

}  // namespace nereid::cpu
