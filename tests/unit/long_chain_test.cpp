// SPDX-License-Identifier: MIT
// A chain of thousands of operations, as from an unrolled loop, compiles without deep recursion.
#include <gtest/gtest.h>

#include "driver/driver.h"

using namespace nereid;

TEST(LongChain, IsCompiled) {
  Request request;
  request.path = "chain.py";
  request.signature = {"*fp32"};
  request.constants = {{"BLOCK", "256"}, {"ROUNDS", "10000"}};
  request.read = [](const std::string&) -> std::optional<std::string> {
    return R"(import triton
import triton.language as tl

@triton.jit
def chain(y, BLOCK: tl.constexpr, ROUNDS: tl.constexpr):
    v = tl.arange(0, BLOCK).to(tl.float32)
    for _ in tl.static_range(ROUNDS):
        v = v * 0.999 + 0.001
    tl.store(y + tl.arange(0, BLOCK), v)
)";
  };
  for (std::string stage : {"schedule", "lower", "wat", "wgsl"}) {
    Sources sources;
    Diags diags;
    EXPECT_TRUE(emit(sources, request, stage, diags)) << stage << diags.render(sources);
  }
}

// Each step of a sort reads the stored result of the previous step instead of recomputing all steps.
TEST(LongChain, OfNestsGrowsNoFasterThanItsLength) {
  Request request;
  request.path = "sort.py";
  request.signature = {"*fp32", "*fp32"};
  request.constants = {{"BLOCK", "256"}};
  request.read = [](const std::string&) -> std::optional<std::string> {
    return R"(import triton
import triton.language as tl

@triton.jit
def sort(x, y, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(y + i, tl.sort(tl.load(x + i)))
)";
  };
  for (std::string stage : {"lower", "threads", "wgsl"}) {
    Sources sources;
    Diags diags;
    auto text = emit(sources, request, stage, diags);
    ASSERT_TRUE(text) << stage << diags.render(sources);
    EXPECT_LT(text->size(), 400'000u) << stage;
  }
}
