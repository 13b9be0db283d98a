// SPDX-License-Identifier: MIT
// Which arguments a kernel writes to, through pointers that are chosen, carried or come from nowhere.
#include "analysis/writes.h"

#include <gtest/gtest.h>

#include "frontends/ttir/ttir.h"

namespace {

using namespace nereid;

// One letter per argument: y, n or ? for Yes, No and Unknown.
std::string writes(const std::string& body) {
  Sources sources;
  Diags diags;
  std::string text =
      "tt.func public @k(%x: !tt.ptr<i32>, %y: !tt.ptr<i32>, %z: !tt.ptr<i32>, %n: i32, %c: i1) {\n"
      "  %c0 = arith.constant 0 : i32\n"
      "  %c1 = arith.constant 1 : i32\n" +
      body + "  tt.return\n}\n";
  auto module = ttir::parse(sources, sources.add("k.ttir", text), diags);
  EXPECT_TRUE(module) << diags.render(sources);
  std::string out;
  for (Writes w : writesOf(*module->kernel())) out += w == Writes::Yes ? 'y' : w == Writes::No ? 'n' : '?';
  return out;
}

TEST(Writes, Directly) {
  EXPECT_EQ(writes("  tt.store %y, %n : !tt.ptr<i32>\n"), "nynnn");
  EXPECT_EQ(writes("  %v = tt.load %x : !tt.ptr<i32>\n"), "nnnnn");
  EXPECT_EQ(writes("  %v = tt.atomic_rmw add, acq_rel, gpu, %z, %n : (!tt.ptr<i32>, i32) -> i32\n"), "nnynn");
}

TEST(Writes, ThroughChosenPointers) {
  EXPECT_EQ(writes("  %p = arith.select %c, %x, %z : !tt.ptr<i32>\n  tt.store %p, %n : !tt.ptr<i32>\n"), "ynynn");
  EXPECT_EQ(
      writes("  %p = scf.if %c -> (!tt.ptr<i32>) {\n    scf.yield %y : !tt.ptr<i32>\n  } else {\n    scf.yield %z : !tt.ptr<i32>\n  }\n"
             "  tt.store %p, %n : !tt.ptr<i32>\n"),
      "nyynn");
}

TEST(Writes, ThroughCarriedPointers) {
  EXPECT_EQ(writes("  %r = scf.for %i = %c0 to %n step %c1 iter_args(%p = %x) -> (!tt.ptr<i32>) : i32 {\n"
                   "    tt.store %p, %i : !tt.ptr<i32>\n    scf.yield %z : !tt.ptr<i32>\n  }\n"),
            "ynynn");
}

TEST(Writes, ThroughAPointerFromANumber) {
  EXPECT_EQ(writes("  %a = arith.extsi %n : i32 to i64\n  %p = tt.int_to_ptr %a : i64 -> !tt.ptr<i32>\n  tt.store %p, %n : !tt.ptr<i32>\n"
                   "  tt.store %x, %n : !tt.ptr<i32>\n"),
            "y??nn");
}

}  // namespace
