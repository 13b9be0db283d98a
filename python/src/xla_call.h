// SPDX-License-Identifier: MIT
// The text of a custom call: kernels with their arguments and grids, one set per configuration to choose from. The text may travel in an
// executable to another process or machine, so it contains the kernel's IR instead of code:
//
//   nereid-call 1
//   name softmax
//   buffers 1 1                number of inputs and outputs; below, outputs are numbered after the inputs
//   alias 0 1 4096             an input, the output that starts as its copy, bytes
//   threads 4                  at most; 0: the default
//   config BLOCK: 128
//   grid 4 1 1
//   serial 8 1 4 16            axes whose programs run one after the other, slowest first: extent and stride of each
//   parallel 2 8               the other axes, fastest first
//   zero 1 4096                a buffer to fill with zeros, bytes
//   buffer 0                   the arguments in order: a buffer,
//   bits 1000                  or the bits of a scalar
//   schedule 56                followed by that many bytes of the schedule that was tuned for the kernel, if there is one
//   kernel 1234                followed by that many bytes of IR
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
  std::vector<uint64_t> bits;     // bits of scalars, else 0
  std::vector<const void*> args;  // for scalars, pointers into `bits`, else null
  std::string ir, schedule;
  std::shared_ptr<nereid_kernel> kernel;
  nereid_entry entry{};
  uint64_t items = 0;                         // units that may run concurrently: programs, or rows of programs along the serial axes
  mutable std::atomic<float> nanoseconds{0};  // per item, as measured last; 0: unknown
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
  std::atomic<int> chosen{-1};  // index, if there are several configurations
  std::mutex tuning;
};

// Null if the text is invalid or a kernel does not compile; `why` receives the reason.
std::unique_ptr<Call> readCall(std::string_view text, std::string& why);

// Kernels of this process by IR and schedule: readCall() reuses those that are still alive.
void rememberKernel(const std::string& ir, const std::string& schedule, const std::shared_ptr<nereid_kernel>& kernel);

}  // namespace nereid::python
