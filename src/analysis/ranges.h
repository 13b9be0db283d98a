// SPDX-License-Identifier: MIT
// Bounds of scalar integers in the lower form: what lets a target without (fast) 64-bit integers use 32 bits.
#pragma once

#include <cstdint>

#include "ir/ir.h"
#include "support/ptr_map.h"

namespace nereid {

struct Range {
  int64_t low, high;  // both included
  bool fits32() const { return low >= INT32_MIN && high <= INT32_MAX; }
};

class Ranges {
 public:
  // Of the value read as a signed integer; what cannot be told is the range of its type.
  Range of(const Value* v);

 private:
  Range compute(const Value* v);
  PtrMap<const Value*, Range> known_;
};

}  // namespace nereid
