// SPDX-License-Identifier: MIT
// Work that threads of a pool may share with its owner, who needs none of them: all of the pool may be owners of such work, and wait.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace nereid::python {

// Items that threads take in chunks: run(begin, end). The owner calls work(), which returns when none is left, and close(), which waits for
// the helpers that have begun. A helper that comes later finds it closed and touches nothing but the job, which it keeps alive.
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
  // How many items the caller did.
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
  std::atomic<int64_t> state_{0};  // helpers at work, and kClosed
};

}  // namespace nereid::python
