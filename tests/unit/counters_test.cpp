// SPDX-License-Identifier: MIT
// Loads, stores and operations of the classic kernels after lowering, counted by the interpreter: a lost fusion fails here, without a
// clock.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "frontends/tl/tl.h"
#include "frontends/ttir/ttir.h"
#include "interp/interp.h"
#include "lower/lower.h"
#include "passes/passes.h"
#include "schedule/schedule.h"

namespace {

using namespace nereid;

// An argument is an f32 array with that many elements, or a scalar.
struct Argument {
  size_t elements;
  uint64_t scalar;
};
Argument array(size_t elements) { return {elements, 0}; }
Argument number(uint64_t bits) { return {0, bits}; }

// Lowered for 16 f32 lanes.
Lowered lowered(Module module) {
  Sources sources;
  Diags diags;
  EXPECT_TRUE(pipeline(module, diags)) << diags.render(sources);
  auto lowered = lower(*module.kernel(), *makeSchedule(*module.kernel(), kAvx512), diags);
  EXPECT_TRUE(lowered) << diags.render(sources);
  return std::move(*lowered);
}

// An example.
Lowered lowered(const std::string& kernel, std::vector<std::string> signature, std::map<std::string, std::string> constants) {
  Sources sources;
  Diags diags;
  auto read = [](const std::string& path) -> std::optional<std::string> {
    std::ifstream in(path);
    if (!in) return std::nullopt;
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  };
  tl::Request request{.path = std::string(NEREID_ROOT) + "/examples/" + kernel + "/" + kernel + ".py",
                      .kernel = kernel,
                      .signature = std::move(signature),
                      .constants = std::move(constants)};
  auto module = tl::compile(sources, request, read, diags);
  EXPECT_TRUE(module) << diags.render(sources);
  return lowered(std::move(*module));
}

// Runs a kernel on zeros.
interp::Counters count(const Lowered& code, const std::vector<Argument>& arguments, uint32_t programs) {
  Sources sources;
  Diags diags;
  std::vector<std::vector<float>> memory;
  std::vector<uint64_t> values;
  for (const Argument& a : arguments) {
    // Extra elements after each array: the alias test uses whole tiles.
    if (a.elements) memory.emplace_back(a.elements + 1024, 0.0f);
    values.push_back(a.elements ? reinterpret_cast<uint64_t>(memory.back().data()) : a.scalar);
  }
  interp::Counters counters;
  interp::Options options;
  options.counters = &counters;
  EXPECT_TRUE(interp::run(code.module, *code.module.kernel(), values, {programs, 1, 1}, options, diags)) << diags.render(sources);
  return counters;
}

interp::Counters count(const std::string& kernel, std::vector<std::string> signature, std::map<std::string, std::string> constants,
                       const std::vector<Argument>& arguments, uint32_t programs) {
  return count(lowered(kernel, std::move(signature), std::move(constants)), arguments, programs);
}

TEST(Counters, SoftmaxReadsARowTwiceAndBuffersOnlyExp) {
  const uint64_t n = 1024;
  auto c = count("softmax", {"*fp32:16", "*fp32:16", "i32", "i32", "i32"}, {{"BLOCK", "1024"}},
                 {array(n), array(n), number(n), number(n), number(n)}, 1);
  EXPECT_EQ(c.loads, 2 * n);
  EXPECT_EQ(c.stores, n);
  EXPECT_EQ(c.scratchStores, n);
  EXPECT_EQ(c.scratchLoads, n);
  EXPECT_EQ(c.scratchBytes, 4 * n);
}

TEST(Counters, SoftmaxReadsNothingOutsideItsRow) {
  const uint64_t n = 700;
  auto c = count("softmax", {"*fp32:16", "*fp32:16", "i32", "i32", "i32"}, {{"BLOCK", "1024"}},
                 {array(n), array(n), number(n), number(n), number(n)}, 1);
  EXPECT_EQ(c.loads, 2 * n);
  EXPECT_EQ(c.stores, n);
}

TEST(Counters, LoopsWithoutIterationsAreNotWritten) {
  // With as many columns as BLOCK, nothing is masked: one loop each for maximum, exponentials and quotients.
  Lowered code = lowered("softmax", {"*fp32:16", "*fp32:16", "1024", "i32", "i32"}, {{"BLOCK", "1024"}});
  int loops = 0;
  walk(code.module.kernel()->body, [&](const Inst& inst) { loops += inst.op == Op::For; });
  EXPECT_EQ(loops, 3);
}

TEST(Counters, VectorAddTouchesNoScratch) {
  const uint64_t n = 1000;
  auto c =
      count("vector_add", {"*fp32:16", "*fp32:16", "*fp32:16", "i32"}, {{"BLOCK", "1024"}}, {array(n), array(n), array(n), number(n)}, 1);
  EXPECT_EQ(c.loads, 2 * n);
  EXPECT_EQ(c.stores, n);
  EXPECT_EQ(c.flops, 1008u);  // the remainder uses a register of 16 lanes, of which 8 are masked
  EXPECT_EQ(c.scratchLoads + c.scratchStores, 0u);
}

TEST(Counters, LayerNormReadsItsRowThreeTimes) {
  const uint64_t n = 1024;
  uint32_t epsilon = 0x3727C5AC;  // 1e-5
  auto c = count("layer_norm", {"*fp32:16", "*fp32:16", "*fp32:16", "*fp32:16", "i32", "i32", "fp32"}, {{"BLOCK", "1024"}},
                 {array(n), array(n), array(n), array(n), number(n), number(n), number(epsilon)}, 1);
  EXPECT_EQ(c.loads, 3 * n + 2 * n);  // the mean, the variance and the result read the row; the result reads weight and bias
  EXPECT_EQ(c.stores, n);
  EXPECT_EQ(c.scratchLoads + c.scratchStores, 0u);
}

TEST(Counters, MatmulPacksEachOperandOnceAStep) {
  const uint64_t n = 64, block = 32;
  auto c = count("matmul", {"*fp32:16", "*fp32:16", "*fp32:16", "i32", "i32", "i32", "i32", "i32", "i32"},
                 {{"BM", "32"}, {"BN", "32"}, {"BK", "32"}, {"GROUP", "2"}},
                 {array(n * n), array(n * n), array(n * n), number(n), number(n), number(n), number(n), number(n), number(n)}, 4);
  EXPECT_EQ(c.flops, 2 * n * n * n);
  // Each of four programs reads its row and its column of blocks once, and writes its block once.
  EXPECT_EQ(c.loads, 4 * 2 * block * n);
  EXPECT_EQ(c.stores, n * n);
}

TEST(Counters, ALongComputationIsBufferedAtItsEnd) {
  // Fourteen products, of which a sum and a store both use the last.
  std::string text =
      "tt.func public @k(%x: !tt.ptr<f32>, %out: !tt.ptr<f32>) {\n  %i = tt.make_range {end = 1024 : i32, start = 0 : i32} : "
      "tensor<1024xi32>\n";
  for (std::string name : {"x", "out"})
    text += cat("  %", name, "s = tt.splat %", name, " : !tt.ptr<f32> -> tensor<1024x!tt.ptr<f32>>\n  %", name, "p = tt.addptr %", name,
                "s, %i : tensor<1024x!tt.ptr<f32>>, tensor<1024xi32>\n");
  text += "  %v0 = tt.load %xp : tensor<1024x!tt.ptr<f32>>\n";
  for (int k = 0; k < 14; ++k) text += cat("  %v", k + 1, " = arith.mulf %v", k, ", %v", k, " : tensor<1024xf32>\n");
  text += R"(  %sum = "tt.reduce"(%v14) <{axis = 0 : i32}> ({
  ^bb0(%a: f32, %b: f32):
    %c = arith.addf %a, %b : f32
    tt.reduce.return %c : f32
  }) : (tensor<1024xf32>) -> f32
  %sums = tt.splat %sum : f32 -> tensor<1024xf32>
  %d = arith.subf %v14, %sums : tensor<1024xf32>
  tt.store %outp, %d : tensor<1024x!tt.ptr<f32>>
  tt.return
}
)";
  Sources sources;
  Diags diags;
  auto module = ttir::parse(sources, sources.add("chain.ttir", text), diags);
  ASSERT_TRUE(module) << diags.render(sources);
  const uint64_t n = 1024;
  auto c = count(lowered(std::move(*module)), {array(n), array(n)}, 1);
  EXPECT_EQ(c.loads, n);
  EXPECT_EQ(c.scratchStores, n);
  EXPECT_EQ(c.scratchLoads, n);
  EXPECT_LT(c.flops, 16 * n + 100);  // plus the reduction of the lanes of the sum
  EXPECT_GE(c.flops, 16 * n);
}

}  // namespace
