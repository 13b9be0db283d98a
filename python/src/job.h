// SPDX-License-Identifier: MIT
// Work shared by an owner and threads of a pool. The owner does not depend on any helper: all threads of the pool may be owners that wait.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace nereid::python {

// Threads take items in chunks: run(begin, end). The owner calls work(), which returns when no items are left, and close(), which waits for
// the helpers that have started. A helper that starts later finds the job closed, and touches only the job, which it keeps alive.
template <class Run>
class Job {
 public:
  Job(const Run& run, uint64_t begin, uint64_t items, uint64_t chunk) : run_(&run), next_(begin), items_(items), chunk_(chunk) {}

  void help() {
    int64_t state = state_;
    do {
      if (state & kClosed) return;
    } while (!state_.compare_exchange_weak(state, state + 1));
    work();
    state_.fetch_sub(1);
    state_.notify_all();
  }
  // The number of items that the owner ran.
  uint64_t work() {
    uint64_t done = 0;
    for (uint64_t begin; (begin = next_.fetch_add(chunk_, std::memory_order_relaxed)) < items_;) {
      uint64_t end = std::min(begin + chunk_, items_);
      (*run_)(begin, end);
      done += end - begin;
    }
    return done;
  }
  void close() {
    int64_t state = state_.fetch_or(kClosed) | kClosed;
    for (int spin = 0; state != kClosed; state = state_) {
      if (++spin < 1000) {
#if defined(__x86_64__)
        _mm_pause();
#endif
      } else {
        state_.wait(state);
      }
    }
  }

 private:
  static constexpr int64_t kClosed = int64_t{1} << 32;
  const Run* run_;
  std::atomic<uint64_t> next_;
  uint64_t items_, chunk_;
  std::atomic<int64_t> state_{0};  // running helpers, and kClosed
};

}  // namespace nereid::python
