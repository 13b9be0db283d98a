// SPDX-License-Identifier: MIT
// The oracle: runs the IR as it stands, tile by tile and program by program, slowly and obviously. It sees no pass.
//
// Both forms run: TTIR with tiles as values, and the lower form, whose machine vectors are small tiles.
#pragma once

#include <array>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "ir/ir.h"

namespace nereid::interp {

// Memory that a kernel may touch, for checking bounds and for messages.
struct Allocation {
  uint64_t base = 0, size = 0;
  std::string name;
  // Of an array whose shape is known; else there are no bytes of an element.
  uint32_t elementBytes = 0;
  uint64_t first = 0;  // the address of the element at 0, 0, ...
  std::vector<int64_t> shape{}, strides{};
  bool written = false;  // it is known that the kernel stores to it
};

// What a run did, summed over programs. Masked-off lanes count as nothing; scratch memory of the lower form is counted apart.
struct Counters {
  uint64_t loads = 0, loadBytes = 0, stores = 0, storeBytes = 0;
  uint64_t scratchLoads = 0, scratchStores = 0, scratchBytes = 0;  // scratchBytes: allocated, the most of any program
  uint64_t flops = 0;  // float additions, subtractions, multiplications, divisions; a fused one is two
  uint64_t transcendentals = 0;
  uint64_t instructions = 0;
};

struct Options {
  bool checkBounds = false;  // every access must lie in the one of `allocations` that its pointer came from
  bool checkRaces = false;   // programs that touch the same memory are ordered by atomic operations
  std::vector<Allocation> allocations;
  Counters* counters = nullptr;
  std::function<void(std::string_view)> print;  // a line of tt.print; without it they vanish
  std::function<bool()> interrupted;            // if any, asked now and then whether to stop
  std::function<void(std::string_view)>
      unwritten;          // if any, gets a line for each array that is stored to and of which elements are neither written nor read
  uint64_t maxSteps = 0;  // instructions before it gives up; 0: no limit
};

// Runs every program of the grid in order, x fastest. `args` are addresses of host memory or the bits of scalars, one an argument.
Result<void> run(const Module& m, const Func& kernel, std::span<const uint64_t> args, std::array<uint32_t, 3> grid, const Options& options,
                 Diags& diags);

}  // namespace nereid::interp
