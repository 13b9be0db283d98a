// SPDX-License-Identifier: MIT
// `+lines` adds the source line to each line of a stage, and changes nothing else.
#include <gtest/gtest.h>

#include <regex>

#include "driver/driver.h"

using namespace nereid;

namespace {

constexpr std::string_view kSource = R"(import triton
import triton.language as tl
from helpers import double

@triton.jit
def total(x, out, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    v = tl.load(x + i, mask=i < n, other=0)
    s = tl.sum(double(v), axis=0)
    tl.store(out, s)
)";
constexpr std::string_view kHelpers = R"(import triton














@triton.jit
def double(x):
    return x + x
)";

std::string stage(const std::string& name, std::string_view source = kSource) {
  Request request;
  request.path = "total.py";
  request.signature = {"*fp32", "*fp32", "i32"};
  request.constants = {{"BLOCK", "64"}};
  request.read = [&](const std::string& path) -> std::optional<std::string> {
    if (path == "total.py") return std::string(source);
    if (path == "helpers.py") return std::string(kHelpers);
    return std::nullopt;
  };
  Sources sources;
  Diags diags;
  auto text = emit(sources, request, name, diags);
  EXPECT_TRUE(text) << diags.render(sources);
  return text ? *text : "";
}

}  // namespace

TEST(Lines, OfEachStage) {
  for (std::string name : {"ttir", "passes", "lower", "threads", "wat", "wgsl"}) {
    std::string with = stage(name + "+lines");
    EXPECT_EQ(std::regex_replace(with, std::regex("  (//|;;) line \\d+\n"), "\n"), stage(name)) << name;
    // Code of helpers and of the library's sum has the line of the call.
    std::regex comment("line (\\d+)\n");
    std::set<int> told;
    for (std::sregex_iterator it(with.begin(), with.end(), comment), end; it != end; ++it) told.insert(std::stoi((*it)[1]));
    for (int line : {8, 9, 10}) EXPECT_TRUE(told.contains(line)) << name << " has nothing of line " << line;
    EXPECT_LE(*told.rbegin(), 10) << name;
  }
}

// A load that is buffered for another nest has its own source line, not the line of its first user.
TEST(Lines, OfWhatIsKept) {
  std::string source(kSource);
  source.replace(source.find("s = tl.sum(double(v), axis=0)\n    tl.store(out, s)"), std::string::npos,
                 "s = tl.sum(v, axis=0)\n    tl.store(out + i, v / s)\n");
  for (std::string name : {"lower", "threads"}) {
    std::string with = stage(name + "+lines", source);
    std::regex load("lo\\.load %[^\n]*line (\\d+)");
    std::smatch found;
    ASSERT_TRUE(std::regex_search(with, found, load)) << with;
    EXPECT_EQ(found[1], "8") << with;
  }
}

TEST(Lines, ScheduleTellsTheKernelsOwn) { EXPECT_TRUE(stage("schedule").contains("tt.reduce at line 9")); }
