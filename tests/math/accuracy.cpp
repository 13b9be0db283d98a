// SPDX-License-Identifier: MIT
// Measures the error of every function of one float on a target (default `cpu`), in units in the last place: over the whole range of f32
// against its row in ops.def, computed in f64. Fails if an error exceeds the row's ulp. For f16 and bf16 it tests all values; for functions
// of two floats all pairs of special values, and as many random pairs.
//
//   math_accuracy [--step N] [--table] [--target wasm] [name ...]
//       every N-th bit pattern (997; CTest takes fewer), and all of those next to special points; --step 1 is all 2^32, minutes for each
//       function
#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "driver/driver.h"
#include "frontends/ttir/ttir.h"
#include "interp/element.h"
#include "ir/bits.h"

using namespace nereid;

namespace {

constexpr size_t kChunk = 65536;
const Target* target = findTarget("cpu");

std::string kernelText(Op op, const char* type) {
  std::string tile = cat("tensor<256x", type, ">"), pointer = cat("!tt.ptr<", type, ">"), pointers = cat("tensor<256x", pointer, ">");
  bool two = info(op).sig == Sig::Float2;
  auto load = [&](std::string_view name) {
    return cat("  %", name, "s = tt.splat %", name, " : ", pointer, " -> ", pointers, "\n  %", name, "p = tt.addptr %", name,
               "s, %i : ", pointers, ", tensor<256xi32>\n  %", name, "v = tt.load %", name, "p : ", pointers, "\n");
  };
  return cat("tt.func public @k(%x: ", pointer, ", %y: ", pointer, ", %o: ", pointer,
             ") {\n  %n = arith.constant 256 : i32\n  %p = tt.get_program_id x : i32\n  %b = arith.muli %p, %n : i32\n",
             "  %r = tt.make_range {end = 256 : i32, start = 0 : i32} : tensor<256xi32>\n  %bs = tt.splat %b : i32 -> tensor<256xi32>\n  "
             "%i = arith.addi %bs, %r : tensor<256xi32>\n",
             load("x"), two ? load("y") : "", "  %os = tt.splat %o : ", pointer, " -> ", pointers,
             "\n  %op = tt.addptr %os, %i : ", pointers, ", tensor<256xi32>\n  %w = ", info(op).spelling, " %xv", two ? ", %yv" : "", " : ",
             tile, "\n  tt.store %op, %w : ", pointers, "\n  tt.return\n}\n");
}

Module parsed(const std::string& text, Sources& sources) {
  Diags diags;
  uint32_t file = sources.add("math.ttir", text);
  auto m = ttir::parse(sources, file, diags);
  if (!m) {
    std::printf("%s", diags.render(sources).c_str());
    std::exit(1);
  }
  return std::move(*m);
}

// Evaluates the row's meaning in f64.
class Meaning {
 public:
  explicit Meaning(Op op) : module_(parsed(kernelText(op, "f64"), sources_)) {
    walk(module_.kernel()->body, [&](const Inst& i) {
      if (i.op == op) inst_ = &i;
    });
  }
  double operator()(double x, double y) const {
    uint64_t in[] = {std::bit_cast<uint64_t>(x), std::bit_cast<uint64_t>(y)};
    return std::bit_cast<double>(interp::evaluate(*inst_, std::span(in, inst_->operands.size()), 0));
  }

 private:
  Sources sources_;
  Module module_;
  const Inst* inst_ = nullptr;
};

// The error in units in the last place of the format at `wanted`; -1: a different kind of value (NaN, infinity, the sign of zero).
double distance(Elem elem, double got, double wanted) {
  FloatFormat f = floatFormat(elem);
  if (std::isnan(got) || std::isnan(wanted)) return std::isnan(got) && std::isnan(wanted) ? 0 : -1;
  double largest = std::ldexp(2 - std::ldexp(1.0, -f.mantissaBits), f.bias), beyond = std::ldexp(1.0, f.bias + 1);
  // An overflow counts as the next number that the format would have.
  if (std::isinf(wanted) && std::isfinite(got)) return -1;
  if (std::fabs(wanted) > beyond) wanted = std::copysign(beyond, wanted);
  if (std::isinf(got)) got = std::copysign(beyond, got);
  if (got == wanted && std::fabs(got) == beyond) return 0;
  if (std::fabs(got) == beyond && std::fabs(wanted) < largest / 2) return -1;
  if (wanted == 0) return got != 0 || std::signbit(got) != std::signbit(wanted) ? -1 : 0;
  int exponent = std::max(std::ilogb(wanted), 1 - f.bias);
  return std::fabs(got - wanted) / std::ldexp(1.0, exponent - f.mantissaBits);
}

struct Worst {
  double ulp = 0, x = 0, y = 0, got = 0, wanted = 0;
  uint64_t tried = 0;
};

class Measure {
 public:
  Measure(Op op, Elem elem) : elem_(elem), meaning_(op) {
    Sources sources;
    Diags diags;
    auto loaded = target->load(parsed(kernelText(op, std::string(elemName(elem)).c_str()), sources), diags);
    if (!loaded) {
      std::printf("%s", diags.render(sources).c_str());
      std::exit(1);
    }
    kernel_ = std::move(*loaded);
    x_.resize(kChunk * 4);
    y_.resize(kChunk * 4);
    out_.resize(kChunk * 4);
  }
  void add(uint32_t x, uint32_t y = 0) {
    store(x_, used_, x);
    store(y_, used_++, y);
    if (used_ == kChunk) flush();
  }
  Worst finish() {
    flush();
    return worst_;
  }

 private:
  size_t size() const { return elem_ == Elem::F32 ? 4 : 2; }
  void store(std::vector<uint8_t>& to, size_t i, uint32_t bits) { std::memcpy(to.data() + i * size(), &bits, size()); }
  double number(const std::vector<uint8_t>& from, size_t i) const {
    uint32_t bits = 0;
    std::memcpy(&bits, from.data() + i * size(), size());
    return decodeFloat(elem_, bits);
  }
  void flush() {
    Diags diags;
    uint64_t args[] = {reinterpret_cast<uintptr_t>(x_.data()), reinterpret_cast<uintptr_t>(y_.data()),
                       reinterpret_cast<uintptr_t>(out_.data())};
    Launch launch;
    launch.args = args;
    launch.grid = {kChunk / 256, 1, 1};
    launch.threads = 1;
    for (uint64_t array : args) launch.allocations.push_back({array, kChunk * size(), ""});
    if (!kernel_->launch(launch, diags)) std::exit(1);
    for (size_t i = 0; i < used_; ++i) {
      double x = number(x_, i), y = number(y_, i), got = number(out_, i), wanted = meaning_(x, y), d = distance(elem_, got, wanted);
      if (worst_.ulp >= 0 && (d < 0 || d > worst_.ulp)) worst_ = {d, x, y, got, wanted, worst_.tried};
    }
    worst_.tried += used_;
    used_ = 0;
  }

  Elem elem_;
  Meaning meaning_;
  std::unique_ptr<Executable> kernel_;
  std::vector<uint8_t> x_, y_, out_;
  size_t used_ = 0;
  Worst worst_;
};

Worst wholeRange(Op op, uint64_t step) {
  Measure measure(op, Elem::F32);
  for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += step) measure.add(static_cast<uint32_t>(bits));
  if (step == 1) return measure.finish();
  // Near zero, the smallest normal number, small integers and half-integers, multiples of pi/2 and ln 2, powers of two, and the limits of
  // exp.
  std::vector<double> special{0,       0x1p-149, 0x1p-126, 0.5, 1,      1.5,     2,        3,      0.25,   0.75,   1 / 3.0, 2 / 3.0,
                              4 / 3.0, 0.625,    0.92,     3.9, 4,      88.72,   87.33,    103.97, 127,    128,    126,     149,
                              150,     9.01,     10,       100, 131072, 8388608, 16777216, 0x1p31, 0x1p32, 0x1p63, 0x1p127, 3.4028234e38};
  for (int k = 1; k <= 64; ++k) special.push_back(k * 1.5707963267948966);
  for (int k = 1; k <= 128; ++k) special.push_back(k * 0.34657359027997264);
  for (int k = -30; k <= 40; ++k) special.push_back(std::ldexp(1.5707963267948966, k));
  for (double s : special)
    for (uint32_t sign : {0u, 0x80000000u}) {
      uint32_t bits = std::bit_cast<uint32_t>(static_cast<float>(s)) | sign;
      for (uint32_t k = 0; k < 400; ++k) measure.add(bits + k - 200);
    }
  for (uint32_t e = 0; e < 256; ++e)
    for (uint32_t k = 0; k < 64; ++k)
      for (uint32_t sign : {0u, 1u}) measure.add((sign << 31) + (e << 23) + k - 32);
  return measure.finish();
}

Worst everyValue(Op op, Elem elem) {
  Measure measure(op, elem);
  for (uint32_t bits = 0; bits < 65536; ++bits) measure.add(bits);
  return measure.finish();
}

// Pairs: all pairs of special values, with both signs; then random pairs, pairs with similar exponents, and bases and exponents whose power
// is representable, half of the bases near 1.
Worst pairs(Op op, Elem elem, uint64_t count) {
  FloatFormat format = floatFormat(elem);
  Measure measure(op, elem);
  auto add = [&](double x, double y) {
    measure.add(static_cast<uint32_t>(encodeFloat(elem, x)), static_cast<uint32_t>(encodeFloat(elem, y)));
  };
  double least = std::ldexp(1.0, 1 - format.bias), most = std::ldexp(2 - std::ldexp(1.0, -format.mantissaBits), format.bias);
  double step = std::ldexp(1.0, -format.mantissaBits);
  std::vector<double> special{0,
                              std::ldexp(least, -format.mantissaBits),
                              least * (1 - step),
                              least,
                              1 - step / 2,
                              1,
                              1 + step,
                              0.5,
                              1.5,
                              2,
                              3,
                              4,
                              5,
                              7.5,
                              10,
                              101,
                              std::ldexp(1.0, format.mantissaBits) - 0.5,
                              std::ldexp(1.0, format.mantissaBits) + 1,
                              std::ldexp(2.0, format.mantissaBits) - 1,
                              std::ldexp(2.0, format.mantissaBits),
                              most / 2,
                              most,
                              INFINITY,
                              NAN};
  for (double x : special)
    for (double y : special)
      for (int sign = 0; sign < 4; ++sign) add(sign & 1 ? -x : x, sign & 2 ? -y : y);
  uint64_t state = 1;
  auto random = [&] {  // 53 bits of a linear congruential generator
    state = state * 6364136223846793005 + 1442695040888963407;
    return std::ldexp(static_cast<double>(state >> 11), -53);
  };
  auto pattern = [&] { return static_cast<uint32_t>(random() * std::ldexp(1.0, bitWidth(elem))); };
  for (uint64_t k = 0; k < count; ++k) {
    uint32_t bits = pattern();
    double x = decodeFloat(elem, bits);
    if (k % 4 == 0) {
      measure.add(bits, pattern());
    } else if (k % 4 == 1) {
      add(x, x * std::ldexp(random() - 0.5, static_cast<int>(random() * 60) - 30));
    } else {
      if (k % 4 == 2)
        x = decodeFloat(elem, encodeFloat(elem, 1 + std::ldexp(random() - 0.5, -static_cast<int>(random() * format.mantissaBits))));
      add(x, (random() * 2 - 1) * (format.bias + format.mantissaBits + 2) / std::log2(std::fabs(x)));
    }
  }
  return measure.finish();
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t step = 997;
  bool table = false;
  std::vector<std::string> names;
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--step") && i + 1 < argc)
      step = std::max<uint64_t>(std::strtoull(argv[++i], nullptr, 10), 1);
    else if (!std::strcmp(argv[i], "--table"))
      table = true;
    else if (!std::strcmp(argv[i], "--target") && i + 1 < argc)
      target = findTarget(argv[++i]);
    else
      names.emplace_back(argv[i]);
  }
  if (!target || !target->runs()) {
    std::printf("skipped: %s\n", target && target->missing ? target->missing().c_str() : "this build has no such target");
    return 0;
  }
  int passed = 0, failed = 0;
  if (table) std::printf("| function | bound | f32 | at | f16 | bf16 |\n|---|---|---|---|---|---|\n");
  for (size_t k = 0; k < kOpCount; ++k) {
    Op op = static_cast<Op>(k);
    bool two = op == Op::Atan2 || op == Op::PowF;
    if ((info(op).sig != Sig::Float1 && !two) || info(op).forms != Forms::Both) continue;
    std::string name(info(op).spelling.substr(info(op).spelling.find('.') + 1));
    if (!names.empty() && std::find(names.begin(), names.end(), name) == names.end()) continue;
    uint64_t count = (uint64_t{1} << 32) / step;
    Worst f32 = two ? pairs(op, Elem::F32, count) : wholeRange(op, step);
    Worst f16 = two ? pairs(op, Elem::F16, std::min<uint64_t>(count, 65536)) : everyValue(op, Elem::F16);
    Worst bf16 = two ? pairs(op, Elem::BF16, std::min<uint64_t>(count, 65536)) : everyValue(op, Elem::BF16);
    auto at = [&](const Worst& worst) {
      char text[80];
      std::snprintf(text, sizeof text, two ? "%.9g, %.9g" : "%.9g", worst.x, worst.y);
      return std::string(text);
    };
    // An exact function has an error of at most half a unit.
    double bound = std::max<double>(info(op).ulp, 0.5), narrow = info(op).ulp ? 1 : 0.5;
    bool good = true;
    for (auto& [worst, limit, type] : {std::tuple{f32, bound, "f32"}, {f16, narrow, "f16"}, {bf16, narrow, "bf16"}}) {
      if (worst.ulp >= 0 && worst.ulp <= limit) continue;
      good = false;
      std::printf("FAILED %s at %s: %s gives %.9g, wanted %.9g: %s\n", name.c_str(), type, at(worst).c_str(), worst.got, worst.wanted,
                  worst.ulp < 0 ? "of another kind" : cat(std::to_string(worst.ulp), " ulp, allowed ", std::to_string(limit)).c_str());
    }
    good ? ++passed : ++failed;
    if (table)
      std::printf("| `%s` | %d | %.3f | %s | %.3f | %.3f |\n", name.c_str(), info(op).ulp, f32.ulp, at(f32).c_str(), f16.ulp, bf16.ulp);
    else
      std::printf("%-12s %6.3f of %d ulp at %s (%llu values); f16 %.3f, bf16 %.3f\n", name.c_str(), f32.ulp, info(op).ulp, at(f32).c_str(),
                  static_cast<unsigned long long>(f32.tried), f16.ulp, bf16.ulp);
    std::fflush(stdout);
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed > 0;
}
