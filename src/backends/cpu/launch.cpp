// SPDX-License-Identifier: MIT
// Distributes the programs of a grid over threads.
//
// Threads take chunks of consecutive programs from a shared counter: large enough to amortise it, small enough to balance the load.
#include "backends/cpu/launch.h"

#include <algorithm>
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <utility>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

#include "backends/cpu/cpu.h"
#include "backends/cpu/interrupt.h"
#include "backends/cpu/pool.h"

namespace nereid::cpu {

namespace {

thread_local const Listener* listener = nullptr;  // of the launch that this thread works for

// The output of a launch: the first failed assertion, and the text that was printed.
struct Report {
  std::mutex mutex;
  bool failed = false;
  std::string failure, printed;

  static void hear(void* user, bool isFailure, std::string_view text) {
    auto* self = static_cast<Report*>(user);
    std::lock_guard lock(self->mutex);
    if (!isFailure)
      self->printed += text;
    else if (!std::exchange(self->failed, true))
      self->failure = text;
  }
};

// Scratch memory of this thread, reused by the next launch.
struct Scratch {
  void* data = nullptr;
  size_t bytes = 0;
  ~Scratch() { std::free(data); }
  // Returns null if memory is exhausted.
  void* atLeast(size_t wanted) {
    if (wanted > bytes) {
      std::free(data);
      bytes = (wanted + 4095) / 4096 * 4096;
      data = std::aligned_alloc(64, bytes);
      if (!data) bytes = 0;
    }
    return data;
  }
};
thread_local Scratch kept;
thread_local bool taken = false;

constexpr uint64_t kExclusiveCalls = 16;  // per launch

// Launches of kernels that may be exclusive: the number of those that run, or -1 if one has memory to itself.
std::atomic<int> sharing{0}, waiting{0};
thread_local bool isExclusive = false;  // a launch of this thread is, and a signal handler may launch another one

// A child of fork() has none of the other threads.
void forget() {
  sharing = 0;
  waiting = 0;
}

bool beginExclusive() {
  static const bool kForgets = [] {
#if defined(__unix__) || defined(__APPLE__)
    pthread_atfork(nullptr, nullptr, forget);
#endif
    return true;
  }();
  int none = 0;
  return kForgets && !isExclusive && waiting.load() == 0 && sharing.compare_exchange_strong(none, -1) && (isExclusive = true);
}

void endExclusive() {
  isExclusive = false;
  sharing = 0;
  sharing.notify_all();
}

// Waits for exclusive calls of other threads, which end: they never wait.
void beginShared() {
  if (isExclusive) return;
  ++waiting;
  for (int n = sharing.load();;) {
    if (n < 0) {
      sharing.wait(n);
      n = sharing.load();
    } else if (sharing.compare_exchange_weak(n, n + 1)) {
      break;
    }
  }
  --waiting;
}

void endShared() {
  if (!isExclusive) --sharing;
}

}  // namespace

const Listener* listen(const Listener* next) { return std::exchange(listener, next); }

extern "C" void assertionFailed(const char* file, uint32_t line, const char* message, uint32_t x, uint32_t y, uint32_t z) {
  if (listener)
    listener->hear(listener->user, true,
                   cat(*file ? cat(file, ":", line, ": ") : "", "assertion failed in program (", x, ", ", y, ", ", z, "): ", message));
}

extern "C" int printed(const char* format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  std::string text(static_cast<size_t>(std::max(0, std::vsnprintf(nullptr, 0, format, args))), 0);
  std::vsnprintf(text.data(), text.size() + 1, format, again);
  va_end(again);
  va_end(args);
  if (listener) listener->hear(listener->user, false, text);
  return static_cast<int>(text.size());
}

// UBSan reads a signature before a function's first byte. Compiled kernels have none, and that memory may be unmapped.
__attribute__((no_sanitize("function"))) static void call(Entry entry, const void* const* args, const uint32_t grid[3], uint64_t begin,
                                                          uint64_t end, void* space) {
  entry(args, grid, begin, end, space);
}

std::string launch(Entry entry, int64_t scratchBytes, Atomics atomics, const void* const* args, const uint32_t grid[3], int threads,
                   const std::function<bool()>& interrupted, std::string& printed) {
  uint64_t total = uint64_t{grid[0]} * grid[1] * grid[2];
  if (threads <= 0) threads = defaultThreads();
  auto bytes = static_cast<size_t>(std::max<int64_t>(scratchBytes, 64));
  Report said;
  const Listener ear{Report::hear, &said};
  Interrupt interrupt(interrupted);
  if (atomics == Atomics::Serial) threads = 1;
  uint64_t chunk = std::max<uint64_t>(1, total / (static_cast<uint64_t>(threads) * 8));
  auto helpers = static_cast<int>(std::min<uint64_t>(static_cast<uint64_t>(threads), (total + chunk - 1) / chunk)) - 1;
  // Exclusive calls are short, so that other launches need not wait long.
  const bool tries = atomics != Atomics::None && helpers <= 0;
  if (helpers <= 0) chunk = tries ? std::max<uint64_t>(1, total / kExclusiveCalls) : total;
  std::atomic<uint64_t> next{0};
  std::atomic<bool> starved{false};
  auto work = [&] {
    // A signal handler may launch a kernel during a launch: nested launches allocate their own scratch memory.
    Scratch own;
    bool nested = std::exchange(taken, true);
    void* scratch = (nested ? own : kept).atLeast(bytes);
    const Listener* outerListener = listen(&ear);
    Interrupt* outer = workFor(&interrupt);
    if (scratch)
      for (uint64_t begin; !interrupt.stopped() && (begin = next.fetch_add(chunk, std::memory_order_relaxed)) < total;) {
        const uint64_t end = std::min(begin + chunk, total);
        if (tries && beginExclusive()) {
          call(entry, args, grid, begin, end | kExclusive, scratch);
          endExclusive();
          continue;
        }
        if (tries) beginShared();
        call(entry, args, grid, begin, end, scratch);
        if (tries) endShared();
      }
    workFor(outer);
    listen(outerListener);
    taken = nested;
    if (!scratch) starved = true;
  };
  if (helpers <= 0) {
    work();
  } else {
    if (atomics != Atomics::None) beginShared();
    inParallel(helpers, work, [&] { interrupt.now(); });
    if (atomics != Atomics::None) endShared();
  }
  if (interrupt.stopped()) said.failure = "interrupted";
  // A helper that cannot allocate scratch memory leaves its share to the others.
  else if (starved && next < total)
    said.failure = cat("out of memory: a program of the kernel needs ", bytes, " bytes for temporary values");
  printed = std::move(said.printed);
  return std::move(said.failure);
}

}  // namespace nereid::cpu
