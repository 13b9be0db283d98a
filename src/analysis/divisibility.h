// SPDX-License-Identifier: MIT
// By which powers of two integers and addresses can be divided: what says that a vector lies in whole words of memory.
#pragma once

#include "analysis/index_map.h"
#include "ir/ir.h"
#include "support/ptr_map.h"

namespace nereid {

class Divisibility {
 public:
  explicit Divisibility(const Func& f);
  // log2 of what divides a scalar; an address counts elements of what it points to.
  int of(const Value* v);
  // Of an element of a tile whose index along `axis` is a multiple of 2^bits.
  int along(const Value* v, const IndexMap& map, int axis, int bits);

 private:
  int compute(const Value* v);
  int learn(const Value* v, int n);
  PtrMap<const Value*, int> known_;
  std::vector<const Value*> learnt_;  // in that order
};

}  // namespace nereid
