// SPDX-License-Identifier: MIT
// Where in its array or allocation an access is, as a function of the thread.
//
//   %p = tt.addptr %out, %row * 64 + 4 * %t        byte 256 * %row + 16 * %t, where %t is the thread and %row the same in all threads
//
// Barriers are needed only between accesses of different threads that may be to the same bytes.
#pragma once

#include <map>

#include "analysis/provenance.h"
#include "analysis/ranges.h"
#include "ir/ir.h"

namespace nereid {

// The bytes [0, bytes) behind sum of uniform terms + constant + factor * thread + a number from `low` to `high`.
struct Place {
  bool isKnown = false;  // otherwise the access may be anywhere
  const Value* origin = nullptr;
  std::map<const Value*, int64_t> uniform;  // factors of values that are the same in all threads
  int64_t constant = 0, factor = 0, low = 0, high = 0, bytes = 0;
  int64_t threads = 0;  // of the loop over threads around the access; 0 outside of such loops

  bool operator==(const Place&) const = default;
};

class Places {
 public:
  explicit Places(const Provenance& provenance) : provenance_(provenance) {}

  // `access` is a load, a store or an atomic operation.
  Place of(const Inst& access);
  // Whether two accesses of different threads may be to the same byte. Both are in the same iteration of the loops around both.
  static bool mayMeet(const Place& a, const Place& b);
  // The place in an earlier iteration of a loop: values of that iteration are not those of the next.
  static Place before(const Place& place, const Inst& loop);

 private:
  bool add(Place& place, const Value* v, int64_t factor, const Inst* threads);

  const Provenance& provenance_;
  Ranges ranges_;
};

}  // namespace nereid
