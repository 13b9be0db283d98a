// SPDX-License-Identifier: MIT
// Stops a launch before its kernel ends, for Ctrl-C.
//
// Compiled kernels compare a counter (`ticks`) with its last value, after each program and in each iteration of a source loop. A thread
// increments it 20 times a second while kernels run. When it has changed, the kernel calls mustStop(), and returns if that returns true. So
// a check costs a load and a comparison, and never reads a clock.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>

namespace nereid::cpu {

constexpr int kTickMilliseconds = 50;

// Symbols that compiled kernels refer to.
extern "C" std::atomic<uint32_t> ticks;
extern "C" uint32_t mustStop();

// One launch. The calling thread asks whether it is interrupted; its helpers read the answer.
class Interrupt {
 public:
  explicit Interrupt(const std::function<bool()>& ask);
  // Returns true if the launch must stop; in the calling thread, asks first.
  bool now();
  bool stopped() const { return stopped_.load(std::memory_order_relaxed); }

 private:
  const std::function<bool()>& ask_;
  const std::thread::id caller_ = std::this_thread::get_id();
  std::atomic<bool> stopped_{false};
};

// Sets the launch that this thread works for, and returns the previous one.
Interrupt* workFor(Interrupt* launch);

}  // namespace nereid::cpu
