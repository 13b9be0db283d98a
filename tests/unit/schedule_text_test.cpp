// SPDX-License-Identifier: MIT
// Decisions as text: what is printed can be read back, and random decisions are legal and print as they are.
#include <gtest/gtest.h>

#include "frontends/ttir/ttir.h"
#include "schedule/candidates.h"
#include "schedule/schedule.h"
#include "schedule/text.h"

namespace {

using namespace nereid;

constexpr const char* kSums = R"(
tt.func public @k(%x: !tt.ptr<f32>, %o: !tt.ptr<f32>) {
  %r = tt.make_range {end = 32 : i32, start = 0 : i32} : tensor<32xi32>
  %c = tt.make_range {end = 64 : i32, start = 0 : i32} : tensor<64xi32>
  %rows = tt.expand_dims %r {axis = 1 : i32} : tensor<32xi32> -> tensor<32x1xi32>
  %columns = tt.expand_dims %c {axis = 0 : i32} : tensor<64xi32> -> tensor<1x64xi32>
  %width = arith.constant dense<64> : tensor<32x1xi32>
  %first = arith.muli %rows, %width : tensor<32x1xi32>
  %a = tt.broadcast %first : tensor<32x1xi32> -> tensor<32x64xi32>
  %b = tt.broadcast %columns : tensor<1x64xi32> -> tensor<32x64xi32>
  %i = arith.addi %a, %b : tensor<32x64xi32>
  %s = tt.splat %x : !tt.ptr<f32> -> tensor<32x64x!tt.ptr<f32>>
  %p = tt.addptr %s, %i : tensor<32x64x!tt.ptr<f32>>, tensor<32x64xi32>
  %v = tt.load %p : tensor<32x64x!tt.ptr<f32>>
  %sum = "tt.reduce"(%v) <{axis = 1 : i32}> ({
  ^bb0(%l: f32, %m: f32):
    %n = arith.addf %l, %m : f32
    tt.reduce.return %n : f32
  }) : (tensor<32x64xf32>) -> tensor<32xf32>
  %os = tt.splat %o : !tt.ptr<f32> -> tensor<32x!tt.ptr<f32>>
  %op = tt.addptr %os, %r : tensor<32x!tt.ptr<f32>>, tensor<32xi32>
  tt.store %op, %sum : tensor<32x!tt.ptr<f32>>
  tt.return
}
)";

Module parsed(const char* text) {
  Sources sources;
  Diags diags;
  auto module = ttir::parse(sources, sources.add("k.ttir", text), diags);
  EXPECT_TRUE(module) << diags.render(sources);
  return std::move(*module);
}

const Decisions* sectionOf(const std::vector<Decisions>& sections, KernelSchedule shape, const Machine& machine = kWebGpu) {
  std::string why;
  const Decisions* section = sectionFor(sections, machine, shape, why);
  EXPECT_EQ(why, "");
  return section;
}

// The decisions of a schedule as text.
std::string textOf(const Schedule& schedule) {
  std::string out = kernelText(schedule.kernel) + "\n";
  for (auto& [block, steps] : schedule.blocks)
    for (const Step& step : steps.steps)
      if (step.nest && !nestText(*step.nest).empty()) out += nestText(*step.nest) + "\n";
  return out;
}

TEST(ScheduleText, RandomDecisionsAreLegalAndReadBack) {
  Module module = parsed(kSums);
  std::set<std::string> seen;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    // With subgroups, tiles in registers leave no choice.
    const KernelSchedule shape{.threads = 64, .subgroups = seed % 2 == 0};
    Decisions random{.seed = seed};
    std::string why;
    auto drawn = makeSchedule(*module.kernel(), kWebGpu, shape, &random, &why);
    ASSERT_TRUE(drawn) << why;
    const std::string text = textOf(*drawn);
    seen.insert(text);
    auto sections = parseSchedule(text, why);
    ASSERT_TRUE(sections) << why;
    auto again = makeSchedule(*module.kernel(), kWebGpu, shape, sectionOf(*sections, shape), &why);
    ASSERT_TRUE(again) << why << "\n" << text;
    EXPECT_EQ(textOf(*again), text);
  }
  EXPECT_GT(seen.size(), 20u);
}

// Kernels of the text, and machines with which they are scheduled.
constexpr const char* kProduct = R"(
tt.func public @k(%x: !tt.ptr<i8>, %o: !tt.ptr<i32>) {
  %r = tt.make_range {end = 32 : i32, start = 0 : i32} : tensor<32xi32>
  %rows = tt.expand_dims %r {axis = 1 : i32} : tensor<32xi32> -> tensor<32x1xi32>
  %columns = tt.expand_dims %r {axis = 0 : i32} : tensor<32xi32> -> tensor<1x32xi32>
  %width = arith.constant dense<32> : tensor<32x1xi32>
  %first = arith.muli %rows, %width : tensor<32x1xi32>
  %a = tt.broadcast %first : tensor<32x1xi32> -> tensor<32x32xi32>
  %b = tt.broadcast %columns : tensor<1x32xi32> -> tensor<32x32xi32>
  %i = arith.addi %a, %b : tensor<32x32xi32>
  %t = tt.trans %i {order = array<i32: 1, 0>} : tensor<32x32xi32> -> tensor<32x32xi32>
  %s = tt.splat %x : !tt.ptr<i8> -> tensor<32x32x!tt.ptr<i8>>
  %p = tt.addptr %s, %i : tensor<32x32x!tt.ptr<i8>>, tensor<32x32xi32>
  %q = tt.addptr %s, %t : tensor<32x32x!tt.ptr<i8>>, tensor<32x32xi32>
  %v = tt.load %p : tensor<32x32x!tt.ptr<i8>>
  %w = tt.load %q : tensor<32x32x!tt.ptr<i8>>
  %zero = arith.constant dense<0> : tensor<32x32xi32>
  %d = tt.dot %v, %w, %zero : tensor<32x32xi8> * tensor<32x32xi8> -> tensor<32x32xi32>
  %os = tt.splat %o : !tt.ptr<i32> -> tensor<32x32x!tt.ptr<i32>>
  %op = tt.addptr %os, %i : tensor<32x32x!tt.ptr<i32>>, tensor<32x32xi32>
  tt.store %op, %d : tensor<32x32x!tt.ptr<i32>>
  tt.return
}
)";

struct Case {
  const char* text;
  const Machine* machine;
  KernelSchedule shape;
};

class Candidacy : public testing::TestWithParam<Case> {};

TEST_P(Candidacy, EveryCandidateIsLegalAndTheDefaultIsAmongThem) {
  const Case& c = GetParam();
  Module module = parsed(c.text);
  const auto schedule = makeSchedule(*module.kernel(), *c.machine, c.shape);
  const std::vector<Candidates> candidates = schedule->candidates();
  ASSERT_FALSE(candidates.empty());
  for (const Candidates& decision : candidates) {
    EXPECT_EQ(decision.taken, decision.usual) << decision.before;
    int64_t last = 0;
    bool hasDefault = false;
    for (const Candidates::Value& value : decision.values) {
      EXPECT_LE(last, value.cost) << decision.before;
      last = value.cost;
      hasDefault |= value.value == decision.usual;
      const std::string line = decision.line(value);
      std::string why;
      auto sections = parseSchedule(kernelText(schedule->kernel) + "\n" + line, why);
      ASSERT_TRUE(sections) << why;
      const auto made = makeSchedule(*module.kernel(), *c.machine, c.shape, &sections->front(), &why);
      ASSERT_TRUE(made) << line << ": " << why;
      const std::string text = textOf(*made);
      const bool isOmitted = line.ends_with("transposed none") || line.ends_with("rest 0");
      EXPECT_TRUE(isOmitted || text.find("\n" + line) != text.npos) << line << "\n" << text;
      if (value.value == decision.usual) EXPECT_EQ(text, textOf(*schedule)) << line;
    }
    EXPECT_TRUE(hasDefault) << decision.before;
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, Candidacy,
                         testing::Values(Case{kSums, &kReference, {}}, Case{kSums, &kSse, {}}, Case{kSums, &kWasm, {}},
                                         Case{kSums, &kWebGpu, {.threads = 64}}, Case{kSums, &kWebGpu, {.threads = 256, .subgroups = true}},
                                         Case{kProduct, &kReference, {}}, Case{kProduct, &kAvx512Vnni, {}},
                                         Case{kProduct, &kWebGpu, {.threads = 64}}));

TEST(ScheduleText, ALineMayOmitDecisions) {
  Module module = parsed(kSums);
  std::string why;
  auto scheduled = [&](const char* text) {
    auto sections = parseSchedule(cat("kernel threads 1\n", text), why);
    auto made = makeSchedule(*module.kernel(), kAvx2, {}, &sections->front(), &why);
    return made ? textOf(*made) : why;
  };
  const std::string text = scheduled("nest 0 vector none");
  EXPECT_NE(text.find("nest 0 axes 64r,32 vector none lanes 1 threads 1,1 order 1,0 unrolled no jammed 1\n"), text.npos) << text;
  EXPECT_EQ(scheduled("nest 0 order 1,0,0"), "line 2: nest 0: `order` has 2 items");
  EXPECT_EQ(scheduled("dot 0 rows 1"), "line 2: the kernel has no dot 0");
}

// The cost of the best value should be that of a plain choice: lanes along contiguous elements, and all threads.
TEST(Costs, LanesFollowContiguousElements) {
  Module module = parsed(kSums);
  const auto schedule = makeSchedule(*module.kernel(), kAvx2, {});
  const Candidates first = schedule->candidates().front();
  ASSERT_EQ(first.field, Decision::Vector);
  EXPECT_EQ(first.values.front().value, 0);
  EXPECT_EQ(first.values.back().value, -1);
  EXPECT_GT(first.values.back().cost, 4 * first.values.front().cost);
}

TEST(ScheduleText, ASectionIsFoundByItsVariant) {
  std::string why;
  auto sections =
      parseSchedule("kernel threads 64 programs 1 subgroups yes matrices no\nkernel threads 8 programs 8 subgroups no matrices no\n", why);
  ASSERT_TRUE(sections) << why;
  EXPECT_EQ(sectionOf(*sections, {.threads = 128, .subgroups = true}), &(*sections)[0]);
  EXPECT_EQ(sectionOf(*sections, {.threads = 4, .programs = 16}), &(*sections)[1]);
  EXPECT_EQ(sectionOf(*sections, {.threads = 64}), nullptr);
}

TEST(ScheduleText, TheThreadsOfAMachineAreALimit) {
  std::string why;
  auto sections = parseSchedule("kernel threads 64 programs 1 subgroups no matrices no\n", why);
  KernelSchedule shape;
  EXPECT_EQ(sectionFor(*sections, kWasm, shape, why), nullptr);
  EXPECT_EQ(why, "a program has at most 1 thread on this machine");
  why.clear();
  EXPECT_NE(sectionFor(*sections, kWebGpu, shape, why), nullptr);
  EXPECT_EQ(shape.threads, 64);
}

TEST(ScheduleText, WhatIsWrongIsNamed) {
  auto why = [](const char* text) {
    std::string out;
    EXPECT_FALSE(parseSchedule(text, out));
    return out;
  };
  EXPECT_EQ(why(""), "it has no line `kernel ...`");
  EXPECT_EQ(why("nest 0 axes 4"), "line 1: a section begins with `kernel`");
  EXPECT_EQ(why("kernel threads 4\n# a comment\nnest x"), "line 3: expected a number, but got `x`");
  EXPECT_EQ(why("kernel warps 4"), "line 1: a kernel has no `warps`: it has threads, programs, subgroups, matrices and reloads");
  EXPECT_EQ(why("loops 4"), "line 1: expected `kernel`, `nest`, `dot` or a comment, but got `loops`");
}

}  // namespace
