// SPDX-License-Identifier: MIT
#include "backends/cpu/interrupt.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <new>
#include <system_error>
#include <utility>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace nereid::cpu {

extern "C" std::atomic<uint32_t> ticks{0};

namespace {

thread_local Interrupt* current = nullptr;

// The thread that advances `ticks`. It sleeps when no kernel has run for a second.
class Clock {
 public:
  // Called when a kernel starts.
  void keepGoing() {
    used_.store(true, std::memory_order_relaxed);
    if (!running_.load(std::memory_order_relaxed)) start();
    if (asleep_.load(std::memory_order_relaxed)) wake_.notify_one();
  }

 private:
  void start() {
    if (running_.exchange(true)) return;
    try {
      std::thread([this] { serve(); }).detach();
    } catch (const std::system_error&) {
      running_ = false;  // no thread could be started: kernels cannot be interrupted
    }
  }
  [[noreturn]] void serve() {
    constexpr int kIdle = 1000 / kTickMilliseconds;
    for (int idle = 0;;) {
      std::this_thread::sleep_for(std::chrono::milliseconds(kTickMilliseconds));
      ticks.fetch_add(1, std::memory_order_relaxed);
      idle = used_.exchange(false) ? 0 : idle + 1;
      if (idle < kIdle) continue;
      std::unique_lock lock(mutex_);
      asleep_ = true;
      // A launch that starts between the two lines above is missed: it can be interrupted a second late.
      wake_.wait_for(lock, std::chrono::seconds(1), [&] { return used_.load(); });
      asleep_ = false;
    }
  }

  std::atomic<bool> used_{false}, running_{false}, asleep_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
};

// Never destroyed: its thread ends with the process.
alignas(Clock) char storage[sizeof(Clock)];

Clock& clock() {
  static Clock* made = [] {
    auto* c = new (storage) Clock;
#if defined(__unix__) || defined(__APPLE__)
    // The thread does not exist in a child of fork().
    pthread_atfork(nullptr, nullptr, [] { new (storage) Clock; });
#endif
    return c;
  }();
  return *made;
}

}  // namespace

Interrupt::Interrupt(const std::function<bool()>& ask) : ask_(ask) {
  if (ask_) clock().keepGoing();
}

bool Interrupt::now() {
  if (!stopped() && ask_ && caller_ == std::this_thread::get_id()) {
    clock().keepGoing();
    if (ask_()) stopped_ = true;
  }
  return stopped();
}

Interrupt* workFor(Interrupt* launch) { return std::exchange(current, launch); }

extern "C" uint32_t mustStop() { return current && current->now(); }

}  // namespace nereid::cpu
