// SPDX-License-Identifier: MIT
// Elements as raw bits: the number that the bits of each type represent, and the reverse, correctly rounded.
#pragma once

#include <cstdint>

#include "ir/type.h"

namespace nereid {

enum class Rounding : uint8_t { TowardZero, NearestEven };

// The number that the low bits of `bits` represent in a float format.
double decodeFloat(Elem elem, uint64_t bits);
// The bits of `value` rounded to a float format. Overflow gives infinity, or NaN where the format has none, except that
// fp8 narrowing saturates as Triton's does when `saturate` is set. NaN payloads are not kept.
uint64_t encodeFloat(Elem elem, double value, Rounding rounding = Rounding::NearestEven, bool saturate = false);

// Sign- and zero-extension of the low `width` bits.
inline int64_t signExtend(uint64_t bits, int width) {
  return width >= 64 ? static_cast<int64_t>(bits) : static_cast<int64_t>(bits << (64 - width)) >> (64 - width);
}
inline uint64_t zeroExtend(uint64_t bits, int width) { return width >= 64 ? bits : bits & ((uint64_t{1} << width) - 1); }

}  // namespace nereid
