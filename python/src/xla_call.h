// SPDX-License-Identifier: MIT
// What a custom call says: kernels, their arguments and grids, one of each a configuration to choose from. A text, which may travel in an
// executable to another process or machine, so it has the kernel's IR rather than code:
//
//   nereid-call 1
//   name softmax
//   buffers 1 1                  inputs and outputs; from here on they are counted through
//   alias 0 1 4096               an input, the output that begins as its copy, bytes
//   threads 4                    at most; 0: as the environment says
//   config BLOCK: 128
//   grid 4 1 1
//   serial 8 1 4 16              axes along which programs run one after the other, the slowest first: extent, and stride in the numbers of
//   programs parallel 2 8                 and the others, the fastest first zero 1 4096                  a buffer, bytes buffer 0 arguments
//   in their order: a buffer, bits 1000                    or a scalar kernel 1234 <so many bytes of IR>
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "nereid/nereid.h"

namespace nereid::python {

struct CallConfig {
  std::string name;
  uint32_t grid[3] = {1, 1, 1};
  struct Axis {
    uint64_t extent, stride;
  };
  std::vector<Axis> serial, parallel;
  struct Zero {
    size_t buffer, bytes;
  };
  std::vector<Zero> zeros;
  struct Pointer {
    size_t argument, buffer;
  };
  std::vector<Pointer> pointers;
  std::vector<uint64_t> bits;     // of scalars, else 0
  std::vector<const void*> args;  // of scalars their place in `bits`, else null
  std::string ir;
  std::shared_ptr<nereid_kernel> kernel;
  nereid_entry entry{};
  uint64_t items = 0;                         // what may run at the same time: programs, or rows of them along the serial axes
  mutable std::atomic<float> nanoseconds{0};  // of an item, as measured last; 0: not yet
};

struct Call {
  struct Alias {
    size_t input, output, bytes;
  };
  std::string name;
  size_t inputs = 0, outputs = 0;
  int threads = 0;
  std::vector<Alias> aliases;
  std::vector<std::unique_ptr<CallConfig>> configs;
  uint64_t hash = 0;            // of the text
  std::atomic<int> chosen{-1};  // of several configurations
  std::mutex tuning;
};

// Null where it cannot be read, or a kernel does not compile: `why` says so.
std::unique_ptr<Call> readCall(std::string_view text, std::string& why);

// Kernels of this process by their IR: readCall() takes them rather than compile again, while someone keeps them.
void rememberKernel(const std::string& ir, const std::shared_ptr<nereid_kernel>& kernel);

}  // namespace nereid::python
