// SPDX-License-Identifier: MIT
// Corner cases of single operations, and counters.
#include "interp/interp.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "frontends/ttir/ttir.h"
#include "interp/element.h"
#include "interp/fold.h"
#include "ir/bits.h"
#include "ir/builder.h"
#include "ir/libdevice.h"

using namespace nereid;

namespace {

// The result bits of one operation on constants.
uint64_t compute(Op op, std::vector<std::pair<Type, uint64_t>> in, Type out, std::vector<std::pair<Attr, AttrValue>> attrs = {}) {
  Module m;
  Func f;
  Block* block = m.newBlock(f.body);
  Builder b(m, block);
  std::vector<Value*> operands;
  std::vector<Dense> values;
  for (auto& [type, bits] : in) {
    operands.push_back(b.constant(type, bits));
    values.push_back({type, {bits}});
  }
  std::vector<const Dense*> pointers;
  for (auto& v : values) pointers.push_back(&v);
  auto result = fold(*b.create(op, operands, {out}, attrs), pointers);
  EXPECT_TRUE(result) << info(op).spelling;
  return result ? result->bits[0] : 0;
}

const Type kI8 = Type::scalar(Elem::I8), kI32 = Type::scalar(Elem::I32), kI64 = Type::scalar(Elem::I64), kF32 = Type::scalar(Elem::F32),
           kF16 = Type::scalar(Elem::F16), kF64 = Type::scalar(Elem::F64);
uint64_t f32(float v) { return std::bit_cast<uint32_t>(v); }

}  // namespace

TEST(Element, IntegersWrapAndDivisionIsTotal) {
  EXPECT_EQ(compute(Op::AddI, {{kI32, 0x7FFFFFFF}, {kI32, 1}}, kI32), 0x80000000u);
  EXPECT_EQ(compute(Op::DivSI, {{kI8, 0x80}, {kI8, 0xFF}}, kI8), 0x80u);
  EXPECT_EQ(compute(Op::DivSI, {{kI32, 7}, {kI32, 0}}, kI32), 0u);
  EXPECT_EQ(compute(Op::RemSI, {{kI32, static_cast<uint32_t>(-7)}, {kI32, 2}}, kI32), 0xFFFFFFFFu);
  EXPECT_EQ(compute(Op::ShLI, {{kI32, 1}, {kI32, 32}}, kI32), 0u);
  EXPECT_EQ(compute(Op::ShRSI, {{kI8, 0x80}, {kI8, 100}}, kI8), 0xFFu);
  EXPECT_EQ(compute(Op::MulHiUI, {{kI64, ~0ull}, {kI64, ~0ull}}, kI64), ~0ull - 1);
}

TEST(Element, ScalingRoundsOnceAndTakesTheFloor) {
  auto scaled = [](float x, float n) { return compute(Op::LoScale, {{kF32, f32(x)}, {kF32, f32(n)}}, kF32); };
  EXPECT_EQ(scaled(1.5f, 3.75f), f32(12));
  EXPECT_EQ(scaled(-1.5f, -0.5f), f32(-0.75f));
  EXPECT_EQ(scaled(0x1.8p0f, -150), f32(0x1p-149f));  // above half of the smallest subnormal
  EXPECT_EQ(scaled(0x1p0f, -150), f32(0));            // tie: to even
  EXPECT_EQ(scaled(0x1p-149f, 276), f32(0x1p127f));
  EXPECT_EQ(scaled(1, 1e30f), f32(INFINITY));
  EXPECT_EQ(scaled(-1, -1e30f), f32(-0.0f));
  EXPECT_TRUE(std::isnan(std::bit_cast<float>(static_cast<uint32_t>(scaled(1, NAN)))));
}

TEST(Element, ConversionsRoundOnce) {
  // 2^53 + 1 is a tie only after the first rounding, to double.
  EXPECT_EQ(compute(Op::SIToFP, {{kI64, 0x4000004000000001}}, kF32), f32(std::ldexp(8388609.0f, 39)));
  EXPECT_EQ(compute(Op::FPToSI, {{kF32, f32(3e9f)}}, kI32), 0x7FFFFFFFu);
  EXPECT_EQ(compute(Op::FPToSI, {{kF32, f32(NAN)}}, kI32), 0u);
  EXPECT_EQ(compute(Op::FPToUI, {{kF32, f32(-1.0f)}}, kI32), 0u);
  EXPECT_EQ(compute(Op::FpToFp, {{kF32, f32(1e9f)}}, Type::scalar(Elem::F8E4M3FN)), 0x7Eu);
}

TEST(Element, FloatCorners) {
  EXPECT_EQ(compute(Op::MaximumF, {{kF32, f32(-0.0f)}, {kF32, f32(0.0f)}}, kF32), f32(0.0f));
  EXPECT_EQ(compute(Op::MinNumF, {{kF32, f32(NAN)}, {kF32, f32(2.0f)}}, kF32), f32(2.0f));
  EXPECT_EQ(compute(Op::NegF, {{kF16, 0x0000}}, kF16), 0x8000u);
  float a = 1 + 0x1p-12f;
  EXPECT_EQ(compute(Op::Fma, {{kF32, f32(a)}, {kF32, f32(a)}, {kF32, f32(-1)}}, kF32), f32(std::fma(a, a, -1.0f)));
  EXPECT_EQ(compute(Op::RoundEven, {{kF64, std::bit_cast<uint64_t>(2.5)}}, kF64), std::bit_cast<uint64_t>(2.0));
}

TEST(Libdevice, Spellings) {
  for (const char* s : {"__nv_tanhf", "__nv_tanh", "__ocml_tanh_f32", "__ocml_tanh_f64", "Sleef_tanhf8_u10", "Sleef_tanhd%(numel)_u10",
                        "Sleef_tanhf_u10"}) {
    auto f = resolveLibdevice(s);
    ASSERT_TRUE(f) << s;
    EXPECT_EQ(f->name, "tanh") << s;
  }
  EXPECT_EQ(resolveLibdevice("__nv_erff")->name, "erf");
  EXPECT_EQ(resolveLibdevice("__nv_fmodf")->name, "fmod");
  EXPECT_EQ(resolveLibdevice("__nv_log2f")->name, "log2");
  EXPECT_EQ(resolveLibdevice("__nv_dadd_rz")->direction, Direction::Zero);
  EXPECT_TRUE(resolveLibdevice("__nv_ull2float_ru")->isUnsigned);
  EXPECT_EQ(resolveLibdevice("__nv_norm3df")->name, "norm3d");
  EXPECT_FALSE(resolveLibdevice("__nv_j2f"));
  EXPECT_FALSE(resolveLibdevice("__nv_float2float_rz"));
}

TEST(Interp, CountsTraffic) {
  std::string text = R"(
tt.func public @k(%p: !tt.ptr<f32>, %n: i32) {
  %i = tt.make_range {end = 8 : i32, start = 0 : i32} : tensor<8xi32>
  %ps = tt.splat %p : !tt.ptr<f32> -> tensor<8x!tt.ptr<f32>>
  %q = tt.addptr %ps, %i : tensor<8x!tt.ptr<f32>>, tensor<8xi32>
  %ns = tt.splat %n : i32 -> tensor<8xi32>
  %m = arith.cmpi slt, %i, %ns : tensor<8xi32>
  %x = tt.load %q, %m : tensor<8x!tt.ptr<f32>>
  %y = math.exp %x : tensor<8xf32>
  %z = arith.addf %x, %y : tensor<8xf32>
  tt.store %q, %z, %m : tensor<8x!tt.ptr<f32>>
  tt.return
})";
  Sources sources;
  Diags diags;
  uint32_t file = sources.add("k.ttir", text);
  auto m = ttir::parse(sources, file, diags);
  ASSERT_TRUE(m) << diags.render(sources);
  std::vector<float> data(8, 1.0f);
  std::vector<uint64_t> args{reinterpret_cast<uintptr_t>(data.data()), 5};
  interp::Counters counters;
  interp::Options options{.counters = &counters};
  ASSERT_TRUE(interp::run(*m, *m->kernel(), args, {1, 1, 1}, options, diags)) << diags.render(sources);
  EXPECT_EQ(counters.loads, 5u);
  EXPECT_EQ(counters.storeBytes, 20u);
  EXPECT_EQ(counters.flops, 8u);
  EXPECT_EQ(counters.transcendentals, 8u);
  EXPECT_FLOAT_EQ(data[4], 1 + std::exp(1.0f));
  EXPECT_FLOAT_EQ(data[5], 1);
}
