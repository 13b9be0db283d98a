// SPDX-License-Identifier: MIT
// Bounds of integers: scalars, and the elements of tiles and vectors. Targets without (fast) 64-bit integers use them to compute in 32
// bits.
#pragma once

#include <cstdint>

#include "ir/ir.h"
#include "support/ptr_map.h"

namespace nereid {

struct Range {
  int64_t low, high;  // both inclusive
  bool fits32() const { return low >= INT32_MIN && high <= INT32_MAX; }
};

class Ranges {
 public:
  // The bounds of a value read as a signed integer; the range of its type if nothing better is known.
  Range of(const Value* v);

 private:
  Range compute(const Value* v);
  Range ofCounter(const Value* v);
  PtrMap<const Value*, Range> known_;
  int depth_ = 0;
};

}  // namespace nereid
