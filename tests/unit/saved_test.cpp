// SPDX-License-Identifier: MIT
// Saved kernels, and a thread pool shared by launches.
#include "driver/saved.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "analysis/writes.h"
#include "backends/cpu/pool.h"
#include "frontends/ttir/ttir.h"
#include "nereid/nereid.h"

#if defined(__unix__)
#include <sys/wait.h>
#include <unistd.h>
#endif

using namespace nereid;

namespace {

constexpr const char* kDouble = R"(tt.func public @double(%x: !tt.ptr<f32>, %o: !tt.ptr<f32>, %by: f32) {
  %i = tt.get_program_id x : i32
  %p = tt.addptr %x, %i : !tt.ptr<f32>, i32
  %q = tt.addptr %o, %i : !tt.ptr<f32>, i32
  %v = tt.load %p : !tt.ptr<f32>
  %w = arith.mulf %v, %by : f32
  tt.store %q, %w : !tt.ptr<f32>
  tt.return
})";

nereid_kernel* compiled(const char* text = kDouble) {
  nereid_request request{};
  request.path = "double.ttir";
  request.source = text;
  request.target = "cpu";
  nereid_kernel* kernel = nullptr;
  nereid_text error{};
  EXPECT_EQ(nereid_compile(&request, &kernel, &error), NEREID_OK) << (error.data ? error.data : "");
  return kernel;
}

std::string bytesOf(nereid_kernel* kernel) {
  nereid_text bytes{}, error{};
  EXPECT_EQ(nereid_kernel_save(kernel, &bytes, &error), NEREID_OK);
  std::string out(bytes.data, bytes.size);
  nereid_free(bytes);
  return out;
}

// The sum of the results of a launch with 100 programs.
float launched(nereid_kernel* kernel) {
  std::vector<float> x(100, 1), o(100, 0);
  float by = 2;
  nereid_arg args[3] = {{reinterpret_cast<uintptr_t>(x.data()), 400}, {reinterpret_cast<uintptr_t>(o.data()), 400}, {0, 0}};
  std::memcpy(&args[2].bits, &by, sizeof by);
  nereid_launch_options options{};
  options.grid[0] = 100;
  options.grid[1] = options.grid[2] = 1;
  options.threads = 3;
  nereid_text error{};
  EXPECT_EQ(nereid_launch(kernel, args, 3, &options, &error), NEREID_OK) << (error.data ? error.data : "");
  float sum = 0;
  for (float v : o) sum += v;
  return sum;
}

std::string whyNot(const std::string& bytes) {
  nereid_kernel* kernel = nullptr;
  nereid_text error{};
  EXPECT_EQ(nereid_kernel_load(bytes.data(), bytes.size(), &kernel, &error), NEREID_MISUSE);
  std::string why(error.data ? error.data : "", error.size);
  nereid_free(error);
  return why;
}

}  // namespace

TEST(Saved, AKernelRunsAgainFromItsBytes) {
  nereid_kernel* first = compiled();
  std::string bytes = bytesOf(first);
  nereid_kernel_free(first);
  nereid_kernel* second = nullptr;
  nereid_text error{};
  ASSERT_EQ(nereid_kernel_load(bytes.data(), bytes.size(), &second, &error), NEREID_OK) << error.data;
  EXPECT_EQ(launched(second), 200);
  nereid_text about = nereid_kernel_describe(second);
  std::string text(about.data, about.size);
  nereid_free(about);
  EXPECT_NE(text.find(R"("name": "x", "type": "*fp32")"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("writes": false)"), std::string::npos);
  EXPECT_NE(text.find(R"("writes": true)"), std::string::npos);
  EXPECT_EQ(bytesOf(second), bytes);
  nereid_kernel_free(second);
}

TEST(Entry, CallersRunProgramsInThreadsOfTheirOwn) {
  nereid_kernel* kernel = compiled();
  nereid_entry entry{};
  nereid_text error{};
  ASSERT_EQ(nereid_kernel_entry(kernel, &entry, &error), NEREID_OK);
  EXPECT_EQ(entry.count, 3u);
  EXPECT_EQ(std::string(entry.is_array, entry.is_array + 3), std::string("\1\1\0", 3));
  std::vector<float> x(100, 1), o(100, 0);
  float by = 2;
  const void* args[3] = {x.data(), o.data(), &by};
  const uint32_t grid[3] = {100, 1, 1};
  std::vector<std::thread> threads;
  for (uint64_t begin : {0u, 50u})
    threads.emplace_back([&, begin] {
      void* scratch = std::aligned_alloc(64, (entry.scratch_bytes + 64) / 64 * 64);
      entry.run(args, grid, begin, begin + 40, scratch);
      std::free(scratch);
    });
  for (auto& t : threads) t.join();
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ(o[i], i % 50 < 40 ? 2 : 0) << i;
  nereid_kernel_free(kernel);
}

TEST(Entry, AListenerHearsWhatItsThreadSays) {
  nereid_kernel* kernel = compiled(R"(tt.func public @says(%x: !tt.ptr<f32>) {
  %i = tt.get_program_id x : i32
  %one = arith.constant 1 : i32
  %ok = arith.cmpi ne, %i, %one : i32
  tt.print " i: " {hex = false, isSigned = array<i32: 1>} : %i : i32
  tt.assert %ok, "not one" : i1
  tt.return
})");
  nereid_entry entry{};
  nereid_text error{};
  ASSERT_EQ(nereid_kernel_entry(kernel, &entry, &error), NEREID_OK);
  std::string heard;
  nereid_listener ear{[](void* user, int failed, const char* text, size_t size) {
                        *static_cast<std::string*>(user) += (failed ? "!" : "") + std::string(text, size);
                      },
                      &heard};
  EXPECT_EQ(nereid_listen(&ear), nullptr);
  float x = 0;
  const void* args[1] = {&x};
  const uint32_t grid[3] = {3, 1, 1};
  alignas(64) char scratch[4096];
  ASSERT_LE(entry.scratch_bytes, sizeof scratch);
  entry.run(args, grid, 0, 3, scratch);
  EXPECT_NE(heard.find("assertion failed in program (1, 0, 0): not one"), std::string::npos) << heard;
  EXPECT_NE(heard.find("pid (2, 0, 0) idx () i: 2"), std::string::npos) << heard;
  size_t before = heard.size();
  EXPECT_EQ(nereid_listen(nullptr), &ear);
  entry.run(args, grid, 0, 3, scratch);
  EXPECT_EQ(heard.size(), before);
  nereid_kernel_free(kernel);
}

TEST(Entry, OnlyNativeCodeHasOne) {
  nereid_request request{};
  request.path = "double.ttir";
  request.source = kDouble;
  request.target = "interp";
  nereid_kernel* kernel = nullptr;
  nereid_text error{};
  ASSERT_EQ(nereid_compile(&request, &kernel, &error), NEREID_OK);
  nereid_entry entry{};
  EXPECT_EQ(nereid_kernel_entry(kernel, &entry, &error), NEREID_MISUSE);
  EXPECT_EQ(std::string(error.data, error.size), "error: a kernel for `interp` has no native code: compile it for `cpu`\n");
  nereid_free(error);
  nereid_kernel_free(kernel);
}

TEST(Saved, WhatIsDamagedOrForeignIsRefused) {
  nereid_kernel* kernel = compiled();
  std::string bytes = bytesOf(kernel);
  nereid_kernel_free(kernel);
  for (size_t at = 0; at < bytes.size(); at += 7) {
    std::string other = bytes;
    other[at] = static_cast<char>(other[at] ^ 4);
    whyNot(other);
  }
  for (size_t size = 0; size < bytes.size(); size += 11) whyNot(bytes.substr(0, size));
  EXPECT_NE(whyNot(bytes + "x").find("damaged"), std::string::npos);
  EXPECT_NE(whyNot("").find("not a saved kernel"), std::string::npos);
  std::string why;
  EXPECT_FALSE(fromBytes(toBytes({}, "1"), "2", why));
  EXPECT_EQ(why, "the kernel is of another version");
}

TEST(Writes, PointersAreFollowedThroughLoopsAndChoices) {
  Sources sources;
  Diags diags;
  uint32_t file = sources.add(
      "k.ttir", R"(tt.func public @k(%a: !tt.ptr<f32>, %b: !tt.ptr<f32>, %c: !tt.ptr<f32>, %d: !tt.ptr<i64>, %n: i32, %which: i1) {
  %zero = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %f = arith.constant 1.0 : f32
  %r:2 = scf.for %i = %zero to %n step %one iter_args(%p = %a, %q = %b) -> (!tt.ptr<f32>, !tt.ptr<f32>) : i32 {
    %v = tt.load %q : !tt.ptr<f32>
    tt.store %p, %v : !tt.ptr<f32>
    %p2 = tt.addptr %p, %one : !tt.ptr<f32>, i32
    %q2 = tt.addptr %q, %one : !tt.ptr<f32>, i32
    scf.yield %p2, %q2 : !tt.ptr<f32>, !tt.ptr<f32>
  }
  %s = arith.select %which, %c, %c : !tt.ptr<f32>
  tt.store %s, %f : !tt.ptr<f32>
  %x = tt.load %d : !tt.ptr<i64>
  tt.return
})");
  auto m = ttir::parse(sources, file, diags);
  ASSERT_TRUE(m) << diags.render(sources);
  auto writes = writesOf(*m->kernel());
  EXPECT_EQ(writes, (std::vector<Writes>{Writes::Yes, Writes::No, Writes::Yes, Writes::No, Writes::No, Writes::No}));
}

TEST(Pool, ManyCallersShareTheThreads) {
  std::atomic<int> done{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 6; ++t)
    callers.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        std::atomic<int> next{0};
        std::atomic<int> mine{0};
        cpu::inParallel(3, [&] {
          while (next.fetch_add(1) < 20) ++mine;
        });
        if (mine == 20) ++done;
      }
    });
  for (auto& c : callers) c.join();
  EXPECT_EQ(done, 1200);
}

#if defined(__unix__) && !defined(__SANITIZE_ADDRESS__)
TEST(Pool, AChildOfForkStartsItsOwnThreads) {
  auto sum = [] {
    std::atomic<int> next{0}, total{0};
    cpu::inParallel(3, [&] {
      for (int i; (i = next.fetch_add(1)) < 100;) total += i;
    });
    return total.load();
  };
  EXPECT_EQ(sum(), 4950);
  pid_t child = fork();
  if (child == 0) {
    alarm(20);
    _exit(sum() == 4950 ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}
#endif
