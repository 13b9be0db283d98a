// SPDX-License-Identifier: MIT
// Work shared by an owner and threads of a pool.
#include "../../python/src/job.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <thread>
#include <vector>

using nereid::python::Job;

namespace {

struct Count {
  mutable std::vector<std::atomic<int>> times;
  explicit Count(size_t n) : times(n) {}
  void operator()(uint64_t begin, uint64_t end) const {
    for (uint64_t i = begin; i < end; ++i) ++times[i];
  }
  bool each(int n) const {
    return std::all_of(times.begin(), times.end(), [&](auto& t) { return t == n; });
  }
};

}  // namespace

TEST(Job, TheOwnerNeedsNobody) {
  Count run(100);
  Job job(run, 10, 100, 7);
  EXPECT_EQ(job.work(), 90u);
  job.close();
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ(run.times[i], i < 10 ? 0 : 1) << i;
}

TEST(Job, AHelperThatComesLateDoesNothing) {
  std::shared_ptr<Job<Count>> job;
  {
    Count run(10);
    job = std::make_shared<Job<Count>>(run, 0, 10, 3);
    job->work();
    job->close();
    EXPECT_TRUE(run.each(1));
  }
  job->help();  // `run` no longer exists
}

TEST(Job, TheOwnerWaitsForThoseWhoBegan) {
  std::atomic<bool> began{false}, done{false};
  std::function<void(uint64_t, uint64_t)> run = [&](uint64_t begin, uint64_t) {
    if (begin != 0) return;
    began = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    done = true;
  };
  auto job = std::make_shared<Job<decltype(run)>>(run, 0, 4, 1);
  std::thread helper([job] { job->help(); });
  while (!began) std::this_thread::yield();
  job->work();
  job->close();
  EXPECT_TRUE(done);
  helper.join();
}

TEST(Job, EachItemIsDoneOnceWhoeverComes) {
  for (int round = 0; round < 300; ++round) {
    Count run(64);
    auto job = std::make_shared<Job<Count>>(run, 0, 64, 1 + static_cast<uint64_t>(round) % 5);
    std::vector<std::thread> helpers;
    for (int h = 0; h < 3; ++h) helpers.emplace_back([job] { job->help(); });
    job->work();
    job->close();
    EXPECT_TRUE(run.each(1)) << round;
    for (auto& h : helpers) h.join();
  }
}

// A pool with one thread, whose task is an owner that wants help from the same pool: a latch would deadlock.
TEST(Job, APoolOfOwnersGoesOn) {
  std::vector<std::function<void()>> queue;
  Count run(50);
  std::thread pool([&] {
    auto job = std::make_shared<Job<Count>>(run, 0, 50, 4);
    for (int h = 0; h < 3; ++h) queue.emplace_back([job] { job->help(); });  // queued for this same thread
    job->work();
    job->close();
  });
  pool.join();
  EXPECT_TRUE(run.each(1));
  for (auto& task : queue) task();
  EXPECT_TRUE(run.each(1));
}
