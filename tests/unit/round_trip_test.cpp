// SPDX-License-Identifier: MIT
// Every operation and every old spelling parses, and prints to a fixed point; the printed text contains every operation of the table.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "frontends/ttir/ttir.h"

using namespace nereid;

namespace {

std::string readAll(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string roundTrip(const std::string& name, const std::string& text) {
  Sources sources;
  Diags diags;
  uint32_t file = sources.add(name, text);
  auto m = ttir::parse(sources, file, diags);
  EXPECT_TRUE(m) << diags.render(sources);
  return m ? print(*m) : "";
}

}  // namespace

TEST(RoundTrip, FixedPoint) {
  for (auto& entry : std::filesystem::directory_iterator(NEREID_ROOT "/tests/ir")) {
    if (entry.path().extension() != ".ttir") continue;
    std::string once = roundTrip(entry.path().string(), readAll(entry.path()));
    EXPECT_EQ(once, roundTrip("printed", once)) << entry.path();
  }
}

TEST(RoundTrip, CoversTheTable) {
  std::string all;
  for (auto& entry : std::filesystem::directory_iterator(NEREID_ROOT "/tests/ir")) all += readAll(entry.path());
  for (size_t i = 0; i < kOpCount; ++i) {
    Op op = static_cast<Op>(i);
    // These are newer than the printed version, or have no effect there.
    if (op == Op::AtomicPoll || op == Op::GridWait || op == Op::GridLaunch) continue;
    EXPECT_NE(all.find(std::string(info(op).spelling)), std::string::npos) << info(op).spelling;
  }
}

TEST(RoundTrip, OldSpellings) {
  std::string text = roundTrip("old", readAll(NEREID_ROOT "/tests/ir/old_spellings.ttir"));
  for (const char* wanted :
       {"tt.load %arg2, %arg3, %arg4", ": tensor<16x!tt.ptr<f32>>", "tt.reshape %0 allow_reorder", "inputPrecision = tf32", "ub.poison",
        "tt.get_program_id y", "tt.descriptor_load", "tt.extern_elementwise", "arith.cmpf ogt"})
    EXPECT_NE(text.find(wanted), std::string::npos) << wanted << "\n" << text;
}

TEST(Locations, InnermostFileLineColumn) {
  std::string text =
      "tt.func public @k(%a: i32) {\n  %0 = arith.addi %a, %a : i32 loc(#loc3)\n  %1 = arith.addi %a, %a : i32\n  tt.return\n}\n"
      "#loc1 = loc(\"inner.py\":3:7)\n#loc2 = loc(\"outer.py\":9:1)\n#loc3 = loc(callsite(\"name\"(#loc1) at #loc2))\n";
  Sources sources;
  Diags diags;
  uint32_t file = sources.add("k.ttir", text);
  auto m = ttir::parse(sources, file, diags);
  ASSERT_TRUE(m) << diags.render(sources);
  auto& insts = m->funcs[0]->body.entry().insts;
  EXPECT_EQ(sources.describe(insts[0]->loc), "inner.py:3:7");
  EXPECT_EQ(sources.describe(insts[1]->loc), "k.ttir:3:8");
}
