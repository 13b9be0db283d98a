// SPDX-License-Identifier: MIT
// Arithmetic of f32 with directed rounding in integers, for targets without f64, compared with the processor's rounding modes.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <map>
#include <random>

#include "frontends/ttir/ttir.h"
#include "interp/element.h"
#include "passes/passes.h"
#include "support/diag.h"

using namespace nereid;

namespace {

constexpr size_t kCount = 8192;
constexpr int64_t kDims[] = {kCount};

// Limits of the format, adjacent numbers, and random bits.
std::vector<uint64_t> inputs(unsigned seed) {
  constexpr uint32_t kEdges[] = {0,          0x80000000, 1,          0x80000001, 0x007FFFFF, 0x00800000, 0x807FFFFF, 0x80800000,
                                 0x3F800000, 0xBF800000, 0x3F800001, 0x3F7FFFFF, 0x7F7FFFFF, 0xFF7FFFFF, 0x7F800000, 0xFF800000,
                                 0x7FC00000, 0x4B800000, 0x4B7FFFFF, 0x40000000, 0x40400000, 0x00000002, 0x7F000000, 0x20000000};
  std::mt19937 random(seed);
  std::vector<uint64_t> out;
  for (size_t i = 0; i < kCount; ++i) {
    switch (i % 4) {
      case 0: out.push_back(kEdges[random() % std::size(kEdges)]); break;
      case 1: out.push_back((random() & 0x80000000u) | (0x3F000000u + (random() & 0x01FFFFFFu))); break;
      case 2: out.push_back((random() & 0x807FFFFFu) | ((100 + random() % 56) << 23)); break;
      default: out.push_back(static_cast<uint32_t>(random())); break;
    }
  }
  return out;
}

// Interprets a function without control flow; returns the values it stores.
Dense evaluate(const Module& m, const std::vector<Dense>& arguments) {
  const Func& f = *m.kernel();
  std::map<const Value*, Dense> values;
  auto params = f.args();
  for (size_t i = 0; i < arguments.size(); ++i) values[params[i]] = arguments[i];
  for (const Inst* inst : f.body.entry().insts) {
    if (inst->op == Op::Store) return values.at(inst->operand(1));
    if (inst->op == Op::Constant) {
      values[inst->result()] = inst->dense();
      continue;
    }
    Dense result{inst->result()->type, {}};
    for (size_t i = 0; i < kCount; ++i) {
      std::vector<uint64_t> operands;
      for (const Value* v : inst->operands) operands.push_back(values.at(v).at(i));
      result.bits.push_back(interp::evaluate(*inst, operands));
    }
    values[inst->result()] = std::move(result);
  }
  return {};
}

}  // namespace

TEST(DirectedRounding, ByIntegers) {
  constexpr std::pair<const char*, int> kFunctions[] = {{"fadd", 2}, {"fsub", 2},  {"fmul", 2}, {"fdiv", 2},
                                                        {"frcp", 1}, {"fsqrt", 1}, {"fmaf", 3}};
  std::vector<Dense> arguments;
  for (unsigned i = 0; i < 3; ++i) arguments.push_back({Type::tile(Type::scalar(Elem::F32), kDims), inputs(i + 1)});
  for (auto [name, arity] : kFunctions)
    for (const char* suffix : {"_rz", "_rd", "_ru"}) {
      std::string type = cat("tensor<", kCount, "xf32>"), pointers = cat("tensor<", kCount, "x!tt.ptr<f32>>");
      std::string types, names;
      for (int i = 0; i < arity; ++i) {
        types += cat(i ? ", " : "", type);
        names += cat(i ? ", " : "", "%x", i);
      }
      std::string text = cat("tt.func public @k(%x0: ", type, ", %x1: ", type, ", %x2: ", type, ", %o: ", pointers,
                             ") {\n  %y = tt.extern_elementwise ", names, " {libname = \"\", libpath = \"\", pure = true, symbol = \"__nv_",
                             name, suffix, "\"} : (", types, ") -> ", type, "\n  tt.store %o, %y : ", pointers, "\n  tt.return\n}\n");
      Sources sources;
      Diags diags;
      auto m = ttir::parse(sources, sources.add("k.ttir", text), diags);
      ASSERT_TRUE(m) << diags.render(sources);
      Dense wanted = evaluate(*m, arguments);
      ASSERT_TRUE(resolveExterns(*m, /*hasF64=*/false, diags)) << diags.render(sources);
      Dense got = evaluate(*m, arguments);
      ASSERT_EQ(got.bits.size(), kCount);
      int wrong = 0;
      for (size_t i = 0; i < kCount && wrong < 4; ++i) {
        float w = std::bit_cast<float>(static_cast<uint32_t>(wanted.at(i))), g = std::bit_cast<float>(static_cast<uint32_t>(got.at(i)));
        if ((std::isnan(w) && std::isnan(g)) || wanted.at(i) == got.at(i)) continue;
        ++wrong;
        ADD_FAILURE() << name << suffix << " of " << std::hex << arguments[0].at(i) << " " << arguments[1].at(i) << " "
                      << arguments[2].at(i) << " is " << got.at(i) << " instead of " << wanted.at(i);
      }
    }
}
