// SPDX-License-Identifier: MIT
#include "backends/cpu/pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#include "backends/cpu/interrupt.h"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace nereid::cpu {

namespace {

constexpr int kMostThreads = 1024;
// Spin before sleeping: launches often follow each other closely, and waking a thread takes longer than many kernels.
constexpr auto kSpin = std::chrono::microseconds(60);

struct Job {
  const std::function<void()>& work;
  int wanted;  // helpers that may still join
  std::atomic<int> running{0};
};

class Pool {
 public:
  void run(int helpers, const std::function<void()>& work, const std::function<void()>& waiting) {
    Job job{work, helpers};
    {
      std::lock_guard lock(mutex_);
      jobs_.push_back(&job);
      pending_.fetch_add(1, std::memory_order_release);
      while (threads_ < std::min(helpers, kMostThreads) && startThread()) ++threads_;
    }
    if (asleep_.load() > 0) helpers == 1 ? wake_.notify_one() : wake_.notify_all();
    work();
    std::unique_lock lock(mutex_);
    std::erase(jobs_, &job);
    if (job.wanted > 0) pending_.fetch_sub(1, std::memory_order_release);
    if (job.running == 0) return;
    lock.unlock();
    auto until = std::chrono::steady_clock::now() + kSpin;
    while (job.running.load(std::memory_order_acquire) > 0 && std::chrono::steady_clock::now() < until) relax();
    lock.lock();
    while (!done_.wait_for(lock, std::chrono::milliseconds(kTickMilliseconds), [&] { return job.running == 0; })) {
      lock.unlock();
      waiting();
      lock.lock();
    }
  }

 private:
  static void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
  }

  // False if the system cannot start more threads: launches then use those that exist.
  bool startThread() {
    try {
      std::thread([this] { serve(); }).detach();
      return true;
    } catch (const std::system_error&) {
      return false;
    }
  }

  // The job that has waited longest.
  Job* take() {
    for (Job* job : jobs_) {
      if (job->wanted == 0) continue;
      if (--job->wanted == 0) pending_.fetch_sub(1, std::memory_order_release);
      job->running.fetch_add(1, std::memory_order_relaxed);
      return job;
    }
    return nullptr;
  }

  [[noreturn]] void serve() {
    for (;;) {
      auto until = std::chrono::steady_clock::now() + kSpin;
      while (pending_.load(std::memory_order_acquire) == 0 && std::chrono::steady_clock::now() < until) relax();
      std::unique_lock lock(mutex_);
      Job* job = take();
      while (!job) {
        ++asleep_;
        wake_.wait(lock);
        --asleep_;
        job = take();
      }
      lock.unlock();
      job->work();
      // Notify with the lock held where the job may end: otherwise its owner could return between the decrement and the notification.
      lock.lock();
      if (job->running.fetch_sub(1, std::memory_order_release) == 1) done_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::vector<Job*> jobs_;
  std::atomic<int> pending_{0}, asleep_{0};  // jobs that want helpers; threads that sleep
  int threads_ = 0;
};

// Never destroyed: its threads end with the process.
alignas(Pool) char storage[sizeof(Pool)];

Pool& pool() {
  static Pool* made = [] {
    auto* p = new (storage) Pool;
#if defined(__unix__) || defined(__APPLE__)
    // A child of fork() has none of the threads, and a lock may have been locked by one of them: start with a new pool.
    pthread_atfork(nullptr, nullptr, [] { new (storage) Pool; });
#endif
    return p;
  }();
  return *made;
}

std::atomic<int> chosenThreads{0};

int numberIn(const char* name) {
  const char* text = std::getenv(name);
  return text ? std::atoi(text) : 0;
}

}  // namespace

int defaultThreads() {
  if (int n = chosenThreads; n > 0) return n;
  static const int kFromEnvironment = [] {
    for (const char* name : {"NEREID_NUM_THREADS", "OMP_NUM_THREADS"})
      if (int n = numberIn(name); n > 0) return n;
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }();
  return std::min(kFromEnvironment, kMostThreads);
}

void setDefaultThreads(int threads) { chosenThreads = std::clamp(threads, 0, kMostThreads); }

void inParallel(int helpers, const std::function<void()>& work, const std::function<void()>& waiting) {
  if (helpers > 0)
    pool().run(helpers, work, waiting);
  else
    work();
}

}  // namespace nereid::cpu
