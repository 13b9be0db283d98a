// SPDX-License-Identifier: MIT
// The reference interpreter: runs the IR unchanged, tile by tile and program by program, in the simplest way. It runs no pass.
//
// It runs both forms: TTIR with tiles as values, and the lower form, whose machine vectors are small tiles.
#pragma once

#include <array>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "ir/ir.h"

namespace nereid::interp {

// Memory that a kernel may access, to check bounds and for messages.
struct Allocation {
  uint64_t base = 0, size = 0;
  std::string name;
  // For an array of known shape; otherwise elementBytes is 0.
  uint32_t elementBytes = 0;
  uint64_t first = 0;  // the address of the element at 0, 0, ...
  std::vector<int64_t> shape{}, strides{};
  bool written = false;  // the kernel is known to store to it
};

// Counters of a run, summed over programs. Masked-off lanes do not count; scratch memory of the lower form has separate counters.
struct Counters {
  uint64_t loads = 0, loadBytes = 0, stores = 0, storeBytes = 0;
  uint64_t scratchLoads = 0, scratchStores = 0, scratchBytes = 0;  // scratchBytes: largest allocation of a program
  uint64_t flops = 0;  // float additions, subtractions, multiplications, divisions; a fused one counts as two
  uint64_t transcendentals = 0;
  uint64_t instructions = 0;
};

struct Options {
  bool checkBounds = false;  // every access must lie in the allocation from which its pointer was computed
  bool checkRaces = false;   // reports programs that access the same memory and are not ordered by atomic operations
  std::vector<Allocation> allocations;
  Counters* counters = nullptr;
  std::function<void(std::string_view)> print;  // receives each line of tt.print; if unset, lines are dropped
  std::function<bool()> interrupted;            // if set, called periodically; the run stops when it returns true
  std::function<void(std::string_view)>
      unwritten;          // if set, receives a line for each array that is stored to but has elements that are neither read nor written
  uint64_t maxSteps = 0;  // limit on executed instructions; 0: unlimited
};

// Runs all programs of the grid in order, x fastest. `args` are host addresses or the bits of scalars, one per argument.
Result<void> run(const Module& m, const Func& kernel, std::span<const uint64_t> args, std::array<uint32_t, 3> grid, const Options& options,
                 Diags& diags);

}  // namespace nereid::interp
