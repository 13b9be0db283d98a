// SPDX-License-Identifier: MIT
// A chain of thousands of operations, as an unrolled loop makes it, is compiled without a stack that grows with it.
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
