// SPDX-License-Identifier: MIT
// Spreads the programs of a grid over threads.
//
// Threads take chunks of consecutive programs from a shared counter: large enough to be worth it, small enough to even out.
#include "backends/cpu/launch.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "backends/cpu/cpu.h"
#include "backends/cpu/pool.h"

namespace nereid::cpu {

namespace {

// The first assertion that failed in a launch.
struct Failure {
  std::mutex mutex;
  std::atomic<bool> happened{false};
  std::string text;
};
thread_local Failure* failure = nullptr;  // of the launch that this thread works for

// Scratch memory of this thread, kept for the next launch.
struct Scratch {
  void* data = nullptr;
  size_t bytes = 0;
  ~Scratch() { std::free(data); }
  void* atLeast(size_t wanted) {
    if (wanted > bytes) {
      std::free(data);
      bytes = (wanted + 4095) / 4096 * 4096;
      data = std::aligned_alloc(64, bytes);
    }
    return data;
  }
};
thread_local Scratch scratch;

}  // namespace

extern "C" void assertionFailed(const char* message, uint32_t line, uint32_t x, uint32_t y, uint32_t z) {
  if (!failure) return;
  std::lock_guard lock(failure->mutex);
  if (failure->happened) return;
  failure->text = cat("assertion failed: ", message, " (line ", line, ", program ", x, ", ", y, ", ", z, ")");
  failure->happened = true;
}

// UBSan looks for a signature in front of a function, where compiled kernels have none, and perhaps no memory.
__attribute__((no_sanitize("function"))) static void call(Entry entry, const void* const* args, const uint32_t grid[3], uint64_t begin,
                                                            uint64_t end, void* space) {
  entry(args, grid, begin, end, space);
}

std::string launch(Entry entry, int64_t scratchBytes, const void* const* args, const uint32_t grid[3], int threads) {
  uint64_t total = uint64_t{grid[0]} * grid[1] * grid[2];
  if (threads <= 0) threads = defaultThreads();
  auto bytes = static_cast<size_t>(std::max<int64_t>(scratchBytes, 64));
  Failure failed;
  auto run = [&](uint64_t begin, uint64_t end) {
    Failure* outer = std::exchange(failure, &failed);
    call(entry, args, grid, begin, end, scratch.atLeast(bytes));
    failure = outer;
  };
  uint64_t chunk = std::max<uint64_t>(1, total / (static_cast<uint64_t>(threads) * 8));
  auto helpers = static_cast<int>(std::min<uint64_t>(static_cast<uint64_t>(threads), (total + chunk - 1) / chunk)) - 1;
  if (helpers <= 0) {
    run(0, total);
  } else {
    std::atomic<uint64_t> next{0};
    inParallel(helpers, [&] {
      for (uint64_t begin; (begin = next.fetch_add(chunk, std::memory_order_relaxed)) < total;) run(begin, std::min(begin + chunk, total));
    });
  }
  return failed.happened ? std::move(failed.text) : std::string();
}

}  // namespace nereid::cpu
