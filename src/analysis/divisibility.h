// SPDX-License-Identifier: MIT
// Powers of two that divide integers and addresses. Back-ends need them to access memory in whole words.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "analysis/index_map.h"
#include "ir/ir.h"
#include "support/ptr_map.h"

namespace nereid {

class Divisibility {
 public:
  explicit Divisibility(const Func& f);
  // log2 of the largest known power of two that divides a scalar; for a pointer, in elements of its pointee.
  int of(const Value* v);
  // The same for an element of a tile whose index along `axis` is a multiple of 2^bits.
  int along(const Value* v, const IndexMap& map, int axis, int bits);

 private:
  // The answers to a question about values from which another one is computed.
  using Answers = std::map<std::pair<const Value*, IndexMap>, int>;
  int along(const Value* v, const IndexMap& map, int axis, int bits, Answers& answers);
  int computeAlong(const Value* v, const IndexMap& map, int axis, int bits, Answers& answers);
  int compute(const Value* v);
  int learn(const Value* v, int n);
  PtrMap<const Value*, int> known_;
  std::vector<const Value*> learnt_;  // in the order in which they were added
};

}  // namespace nereid
