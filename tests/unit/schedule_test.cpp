// SPDX-License-Identifier: MIT
// The verifier finds loads that read too late: schedules of the compiler pass, and fail after one decision is reverted.
#include "schedule/schedule.h"

#include <gtest/gtest.h>

#include "frontends/ttir/ttir.h"

namespace {

using namespace nereid;

struct Planned {
  Module module;
  std::unique_ptr<Schedule> schedule;
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
  out.schedule = makeSchedule(*out.module.kernel(), kReference);
  return out;
}

// Reverts the decision to buffer loads.
void forgetBuffers(Planned& k) {
  EXPECT_GT(k.schedule->buffered.size(), 0u);
  k.schedule->buffered = {};
  for (auto& [block, schedule] : k.schedule->blocks)
    for (Step& step : schedule.steps)
      if (step.nest) std::erase_if(step.nest->anchors, [](const Anchor& r) { return r.kind == Anchor::Buffer; });
}

TEST(Schedule, LoopThatBeginsWithALoad) {
  Planned k = planned(R"(
  %a = tt.load %p : tensor<16x!tt.ptr<i32>>
  tt.store %p, %i : tensor<16x!tt.ptr<i32>>
  %r = scf.for %j = %c0 to %n step %c1 iter_args(%c = %a) -> (tensor<16xi32>) : i32 {
    %d = arith.addi %c, %i : tensor<16xi32>
    scf.yield %d : tensor<16xi32>
  }
  tt.store %p, %r : tensor<16x!tt.ptr<i32>>
)");
  EXPECT_EQ(findFault(k.f(), *k.schedule), "");
  forgetBuffers(k);
  EXPECT_EQ(findFault(k.f(), *k.schedule), "the load at line 8 is read at line 10, after the tt.store at line 9");
}

TEST(Schedule, WhileLoopThatBeginsWithALoad) {
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
  EXPECT_EQ(findFault(k.f(), *k.schedule), "");
  forgetBuffers(k);
  EXPECT_EQ(findFault(k.f(), *k.schedule), "the load at line 8 is read at line 10, after the tt.atomic_rmw at line 9");
}

TEST(Schedule, LoadOfAnEarlierIteration) {
  Planned k = planned(R"(
  %a = tt.load %p : tensor<16x!tt.ptr<i32>>
  scf.for %j = %c0 to %n step %c1 : i32 {
    %d = arith.addi %a, %i : tensor<16xi32>
    tt.store %p, %d : tensor<16x!tt.ptr<i32>>
  }
)");
  EXPECT_EQ(findFault(k.f(), *k.schedule), "");
  forgetBuffers(k);
  EXPECT_EQ(findFault(k.f(), *k.schedule), "the load at line 8 is read at line 11, after the tt.store at line 11");
}

TEST(Schedule, CarriedTileWrittenOver) {
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
  EXPECT_EQ(findFault(k.f(), *k.schedule), "");
  bool forgot = false;
  for (auto& [yield, slots] : k.schedule->throughTemporary)
    for (size_t i = 0; i < slots.size(); ++i) {
      forgot |= slots[i];
      slots[i] = false;
    }
  EXPECT_TRUE(forgot);
  // The two carried tiles share a nest, which reads everything before it writes: the fault appears only if they are separated.
  for (auto& [block, schedule] : k.schedule->blocks)
    for (size_t i = 0; i < schedule.steps.size(); ++i)
      if (Nest* nest = schedule.steps[i].nest.get(); nest && nest->anchors.size() == 2 && nest->anchors[0].kind == Anchor::Carry) {
        auto second = std::make_unique<Nest>();
        second->anchors.push_back(nest->anchors[1]);
        second->shape = nest->shape;
        nest->anchors.pop_back();
        schedule.steps.insert(schedule.steps.begin() + static_cast<long>(i) + 1, Step{nullptr, std::move(second)});
        break;
      }
  EXPECT_EQ(findFault(k.f(), *k.schedule), "line 12 reads what the loop at line 9 carries after it was written over");
}

}  // namespace
