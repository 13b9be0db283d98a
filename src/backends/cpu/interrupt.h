// SPDX-License-Identifier: MIT
// How a launch stops before its kernel ends: for Ctrl-C.
//
// Compiled kernels compare a counter (`ticks`) with the value they saw last, after each program and each iteration of a loop of the source.
// A thread advances it 20 times a second while kernels run. Where it has changed the kernel calls mustStop(), and returns if that says so.
// So the check costs a load and a comparison, and nobody reads a clock.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>

namespace nereid::cpu {

constexpr int kTickMilliseconds = 50;

// Symbols of compiled kernels.
extern "C" std::atomic<uint32_t> ticks;
extern "C" uint32_t mustStop();

// One launch. The calling thread asks whether it is interrupted; its helpers see the answer.
class Interrupt {
 public:
  explicit Interrupt(const std::function<bool()>& ask);
  // Whether to stop, asking if this is the calling thread.
  bool now();
  bool stopped() const { return stopped_.load(std::memory_order_relaxed); }

 private:
  const std::function<bool()>& ask_;
  const std::thread::id caller_ = std::this_thread::get_id();
  std::atomic<bool> stopped_{false};
};

// The launch that this thread works for; returns the former.
Interrupt* workFor(Interrupt* launch);

}  // namespace nereid::cpu
