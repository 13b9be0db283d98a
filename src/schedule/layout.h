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

// A linear layout: each bit of an element's flat index is a bit of the number of its thread, or of its number among the thread's registers.
struct Layout {
  std::vector<int> place;                              // of each bit: k for bit k of the thread's number, ~k for bit k of the register's
  int threadBits = 0, registerBits = 0, laneBits = 0;  // laneBits: how many of the lowest bits are the lowest of the register's number
  int registerColumns = 0, registerRows = 0;           // of the columns' and rows' bits, how many are the register's
  bool isReplicated = false;                           // a value per row of a 2-D tile: several threads have the same
  // Whether bits i - 1 and i are neighbours in the same number.
  bool joins(size_t i) const { return (place[i] < 0) == (place[i - 1] < 0) && place[i] == place[i - 1] + (place[i] < 0 ? -1 : 1); }
};

// How 16 x 16 fragments of accumulators are distributed over subgroups, in bits of the fragments' columns and rows: the low ones count the
// fragments of one subgroup.
struct FragmentLayout {
  int columns = 0, rows = 0, subgroupColumns = 0, subgroupRows = 0;
};
// `subgroupRows` is log2 of the number of rows of subgroups; if it is negative, a subgroup has about a square.
std::optional<FragmentLayout> layOutFragments(const Machine& machine, int rowBits, int columnBits, int threads, int subgroupRows = -1);

}  // namespace nereid
