// SPDX-License-Identifier: MIT
// Which memory each pointer of the loop IR leads into.
//
//   %q = tt.addptr %x, %i            of %q: the argument %x
//   %p = lo.alloc {...}              of %p, and of what is computed from it: this allocation
//
// Machines without addresses need to know the array; barriers and placement need to know which accesses may conflict.
#pragma once

#include "ir/ir.h"
#include "support/ptr_map.h"

namespace nereid {

class Provenance {
 public:
  explicit Provenance(const Func& f);

  // An argument of the kernel, or the result of a lo.alloc; null if it is not known.
  const Value* of(const Value* pointer) const {
    auto at = origin_.find(pointer);
    return at == origin_.end() ? nullptr : at->second;
  }
  // The allocation that a pointer leads into, or null if that is an argument or not known.
  const Inst* allocation(const Value* pointer) const {
    const Value* origin = of(pointer);
    return origin ? origin->def : nullptr;
  }
  // A pointer that may lead into one origin or another, or the store of such a pointer; null if there is none.
  const Value* ambiguous = nullptr;
  const Inst* ambiguousStore = nullptr;

 private:
  bool flow(const Value* from, const Value* to);
  bool flow(const Inst& inst);

  PtrMap<const Value*, const Value*> origin_;
  PtrMap<const Value*, const Value*> contents_;  // of allocations that hold pointers: the origin of those
};

}  // namespace nereid
