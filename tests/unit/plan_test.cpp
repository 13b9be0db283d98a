// SPDX-License-Identifier: MIT
// The plan verifier finds loads that read too late: plans of the compiler pass, and fail after one decision is reverted.
#include "schedule/plan.h"

#include <gtest/gtest.h>

#include "frontends/ttir/ttir.h"

namespace {

using namespace nereid;

struct Planned {
  Module module;
  Plan plan;
  const Func& f() const { return *module.kernel(); }
};

Planned planned(const std::string& body) {
  Sources sources;
  Diags diags;
  std::string text =
      "tt.func public @k(%x: !tt.ptr<i32>, %n: i32) {\n"
      "  %i = tt.make_range {end = 16 : i32, start = 0 : i32} : tensor<16xi32>\n"
      "  %s = tt.splat %x : !tt.ptr<i32> -> tensor<16x!tt.ptr<i32>>\n"
      "  %p = tt.addptr %s, %i : tensor<16x!tt.ptr<i32>>, tensor<16xi32>\n"
      "  %c0 = arith.constant 0 : i32\n"
      "  %c1 = arith.constant 1 : i32\n" +
      body + "  tt.return\n}\n";
  auto module = ttir::parse(sources, sources.add("k.ttir", text), diags);
  EXPECT_TRUE(module) << diags.render(sources);
  Planned out{std::move(*module), {}};
  out.plan = makePlan(*out.module.kernel());
  return out;
}

// Reverts the decision to buffer loads.
void forgetBuffers(Planned& k) {
  EXPECT_GT(k.plan.buffered.size(), 0u);
  k.plan.buffered = {};
  for (auto& [block, plan] : k.plan.blocks)
    for (Step& step : plan.steps)
      if (step.nest) std::erase_if(step.nest->roots, [](const Root& r) { return r.kind == Root::Buffer; });
}

TEST(Plan, LoopThatBeginsWithALoad) {
  Planned k = planned(R"(
  %a = tt.load %p : tensor<16x!tt.ptr<i32>>
  tt.store %p, %i : tensor<16x!tt.ptr<i32>>
  %r = scf.for %j = %c0 to %n step %c1 iter_args(%c = %a) -> (tensor<16xi32>) : i32 {
    %d = arith.addi %c, %i : tensor<16xi32>
    scf.yield %d : tensor<16xi32>
  }
  tt.store %p, %r : tensor<16x!tt.ptr<i32>>
)");
  EXPECT_EQ(findFault(k.f(), k.plan), "");
  forgetBuffers(k);
  EXPECT_EQ(findFault(k.f(), k.plan), "the load at line 8 is read at line 10, after the tt.store at line 9");
}

TEST(Plan, WhileLoopThatBeginsWithALoad) {
  Planned k = planned(R"(
  %a = tt.load %p : tensor<16x!tt.ptr<i32>>
  %old = tt.atomic_rmw add, acq_rel, gpu, %p, %i : (tensor<16x!tt.ptr<i32>>, tensor<16xi32>) -> tensor<16xi32>
  %r:2 = scf.while (%j = %c0, %c = %a) : (i32, tensor<16xi32>) -> (i32, tensor<16xi32>) {
    %t = arith.cmpi slt, %j, %n : i32
    scf.condition(%t) %j, %c : i32, tensor<16xi32>
  } do {
  ^bb0(%j: i32, %c: tensor<16xi32>):
    %d = arith.addi %c, %i : tensor<16xi32>
    %l = arith.addi %j, %c1 : i32
    scf.yield %l, %d : i32, tensor<16xi32>
  }
  tt.store %p, %r#1 : tensor<16x!tt.ptr<i32>>
)");
  EXPECT_EQ(findFault(k.f(), k.plan), "");
  forgetBuffers(k);
  EXPECT_EQ(findFault(k.f(), k.plan), "the load at line 8 is read at line 10, after the tt.atomic_rmw at line 9");
}

TEST(Plan, LoadOfAnEarlierIteration) {
  Planned k = planned(R"(
  %a = tt.load %p : tensor<16x!tt.ptr<i32>>
  scf.for %j = %c0 to %n step %c1 : i32 {
    %d = arith.addi %a, %i : tensor<16xi32>
    tt.store %p, %d : tensor<16x!tt.ptr<i32>>
  }
)");
  EXPECT_EQ(findFault(k.f(), k.plan), "");
  forgetBuffers(k);
  EXPECT_EQ(findFault(k.f(), k.plan), "the load at line 8 is read at line 11, after the tt.store at line 11");
}

TEST(Plan, CarriedTileWrittenOver) {
  Planned k = planned(R"(
  %a = tt.load %p : tensor<16x!tt.ptr<i32>>
  %r:2 = scf.for %j = %c0 to %n step %c1 iter_args(%c = %a, %d = %i) -> (tensor<16xi32>, tensor<16xi32>) : i32 {
    %e = arith.addi %c, %d : tensor<16xi32>
    %g = arith.muli %c, %d : tensor<16xi32>
    scf.yield %e, %g : tensor<16xi32>, tensor<16xi32>
  }
  tt.store %p, %r#0 : tensor<16x!tt.ptr<i32>>
  tt.store %p, %r#1 : tensor<16x!tt.ptr<i32>>
)");
  EXPECT_EQ(findFault(k.f(), k.plan), "");
  bool forgot = false;
  for (auto& [yield, slots] : k.plan.throughTemporary)
    for (size_t i = 0; i < slots.size(); ++i) {
      forgot |= slots[i];
      slots[i] = false;
    }
  EXPECT_TRUE(forgot);
  // The two carried tiles share a nest, which reads everything before it writes: the fault appears only if they are separated.
  for (auto& [block, plan] : k.plan.blocks)
    for (size_t i = 0; i < plan.steps.size(); ++i)
      if (Nest* nest = plan.steps[i].nest.get(); nest && nest->roots.size() == 2 && nest->roots[0].kind == Root::Carry) {
        auto second = std::make_unique<Nest>();
        second->roots.push_back(nest->roots[1]);
        second->shape = nest->shape;
        nest->roots.pop_back();
        plan.steps.insert(plan.steps.begin() + static_cast<long>(i) + 1, Step{nullptr, std::move(second)});
        break;
      }
  EXPECT_EQ(findFault(k.f(), k.plan), "line 12 reads what the loop at line 9 carries after it was written over");
}

}  // namespace
