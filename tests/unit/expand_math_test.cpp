// SPDX-License-Identifier: MIT
// On a machine without a C library all functions of f32 and narrower floats are expanded; with one, only those that are cheap to expand.
#include <gtest/gtest.h>

#include "driver/targets.h"
#include "frontends/ttir/ttir.h"
#include "support/diag.h"

using namespace nereid;

namespace {

std::string lowered(Op op, std::string_view type, std::string_view stage) {
  bool two = info(op).sig == Sig::Float2;
  std::string text = cat("tt.func public @k(%x: ", type, ", %o: !tt.ptr<", type, ">) {\n  %y = ", info(op).spelling,
                         two ? " %x, %x : " : " %x : ", type, "\n  tt.store %o, %y : !tt.ptr<", type, ">\n  tt.return\n}\n");
  Sources sources;
  Diags diags;
  auto m = ttir::parse(sources, sources.add("k.ttir", text), diags);
  EXPECT_TRUE(m) << diags.render(sources);
  auto out = emitStage(std::move(*m), stage, false, diags);
  EXPECT_TRUE(out) << diags.render(sources);
  return out ? *out : "";
}

}  // namespace

TEST(ExpandMath, WithoutLibrary) {
  constexpr Op kOfLibrary[] = {Op::Tan,   Op::Asin,  Op::Acos,  Op::Atan, Op::Atan2, Op::Sinh, Op::Cosh,
                               Op::Asinh, Op::Acosh, Op::Atanh, Op::Cbrt, Op::Erfc,  Op::PowF};
  for (Op op : kOfLibrary)
    for (std::string_view type : {"f32", "f16", "bf16"}) {
      std::string name = cat(info(op).spelling, " ");
      EXPECT_EQ(lowered(op, type, "threads").find(name), std::string::npos) << name << type;
      EXPECT_NE(lowered(op, type, "lower").find(name), std::string::npos) << name << type;
    }
  // Functions of f64 are never expanded.
  EXPECT_NE(lowered(Op::Tan, "f64", "threads").find("math.tan "), std::string::npos);
}
