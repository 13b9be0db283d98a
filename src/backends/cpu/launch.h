// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace nereid::cpu {

// What compiled kernels call when an assertion fails; launch() collects it.
extern "C" void assertionFailed(const char* message, uint32_t line, uint32_t x, uint32_t y, uint32_t z);

}  // namespace nereid::cpu
