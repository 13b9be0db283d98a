// SPDX-License-Identifier: MIT
// How the elements of a tile are distributed over the threads of a workgroup.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <vector>

#include "schedule/machine.h"

namespace nereid {

inline int log2(int64_t n) { return std::countr_zero(static_cast<uint64_t>(n)); }
// The bits of the flat index of a tile of this shape.
inline int indexBits(const std::vector<int64_t>& shape) {
  int bits = 0;
  for (int64_t d : shape) bits += log2(d);
  return bits;
}

// A linear layout: each bit of an element's flat index is a bit of the number of its thread, or of its number among the thread's registers.
// Threads that differ only in other bits have the same elements: the layout is replicated.
struct Layout {
  std::vector<int> place;                              // of each bit: k for bit k of the thread's number, ~k for bit k of the register's
  int threadBits = 0, registerBits = 0, laneBits = 0;  // laneBits: of the lowest registers, which adjacent elements have
  int registerColumns = 0, registerRows = 0;           // of a dot's accumulators: how many bits of columns and rows are the register's
  // Whether bits i - 1 and i are neighbours in the same number.
  bool joins(size_t i) const { return (place[i] < 0) == (place[i - 1] < 0) && place[i] == place[i - 1] + (place[i] < 0 ? -1 : 1); }
  bool isSame(const Layout& other) const { return place == other.place && threadBits == other.threadBits; }
  // The bits of the thread's number that do not matter.
  int64_t replicas() const {
    int64_t bits = (int64_t{1} << threadBits) - 1;
    for (int at : place)
      if (at >= 0) bits &= ~(int64_t{1} << at);
    return bits;
  }
  // The bit of the index that is the lowest of the register's number; -1 if a thread has one element.
  int firstLane() const {
    for (size_t i = 0; i < place.size(); ++i)
      if (place[i] == ~0) return static_cast<int>(i);
    return -1;
  }
};

// How 16 x 16 fragments of accumulators are distributed over subgroups, in bits of the fragments' columns and rows: the low ones count the
// fragments of one subgroup.
struct FragmentLayout {
  int columns = 0, rows = 0, subgroupColumns = 0, subgroupRows = 0;
};
// `subgroupRows` is log2 of the number of rows of subgroups; if it is negative, a subgroup has about a square.
std::optional<FragmentLayout> layOutFragments(const Machine& machine, int rowBits, int columnBits, int threads, int subgroupRows = -1);

}  // namespace nereid
