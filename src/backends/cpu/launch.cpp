// SPDX-License-Identifier: MIT
// Spreads the programs of a grid over threads.
//
// Threads take chunks of consecutive programs from a shared counter: large enough to be worth it, small enough to even out.
#include "backends/cpu/launch.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>

#include "backends/cpu/cpu.h"

namespace nereid::cpu {

namespace {

std::mutex assertionMutex;
std::string assertionText;
std::atomic<bool> assertionHappened{false};

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

int defaultThreads() {
  if (const char* text = std::getenv("NEREID_NUM_THREADS"))
    if (int n = std::atoi(text); n > 0) return n;
  return omp_get_max_threads();
}

}  // namespace

extern "C" void assertionFailed(const char* message, uint32_t line, uint32_t x, uint32_t y, uint32_t z) {
  std::lock_guard lock(assertionMutex);
  if (assertionHappened) return;
  assertionText = cat("assertion failed: ", message, " (line ", line, ", program ", x, ", ", y, ", ", z, ")");
  assertionHappened = true;
}

// UBSan looks for a signature in front of a function, where compiled kernels have none, and perhaps no memory.
__attribute__((no_sanitize("function"))) static void call(Entry entry, const void* const* args, const uint32_t grid[3], uint64_t begin,
                                                            uint64_t end, void* space) {
  entry(args, grid, begin, end, space);
}

std::string launch(const Kernel& kernel, int64_t scratchBytes, const void* const* args, const uint32_t grid[3], int threads) {
  uint64_t total = uint64_t{grid[0]} * grid[1] * grid[2];
  if (threads <= 0) threads = defaultThreads();
  auto bytes = static_cast<size_t>(std::max<int64_t>(scratchBytes, 64));
  Entry entry = kernel.entry();
  if (threads == 1 || total == 1) {
    call(entry, args, grid, 0, total, scratch.atLeast(bytes));
  } else {
    uint64_t chunk = std::max<uint64_t>(1, total / (static_cast<uint64_t>(threads) * 8));
    std::atomic<uint64_t> next{0};
#pragma omp parallel num_threads(threads)
    {
      void* mine = scratch.atLeast(bytes);
      for (uint64_t begin; (begin = next.fetch_add(chunk, std::memory_order_relaxed)) < total;)
        call(entry, args, grid, begin, std::min(begin + chunk, total), mine);
    }
  }
  if (!assertionHappened) return {};
  std::lock_guard lock(assertionMutex);
  assertionHappened = false;
  return std::move(assertionText);
}

}  // namespace nereid::cpu
