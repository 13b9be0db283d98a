// SPDX-License-Identifier: MIT
// Random well-typed programs over tiles, from the operation table: every target gives what the interpreter gives.
//
//   random_programs [seed [count]]
//
// The seed is printed; a program that fails is shrunk by dropping lines while it still fails, and printed. Floats are small whole
// numbers, so that exact operations stay exact whatever is contracted; inexact ones feed stores only.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "driver/driver.h"
#include "frontends/ttir/ttir.h"
#include "ir/bits.h"

using namespace nereid;

namespace {

constexpr int kSize = 32;

class Generator {
 public:
  explicit Generator(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15 + 1) {}

  std::vector<std::string> program() {
    lines_.clear();
    pool_.clear();
    add("i32", "%ramp", 5);
    add("i32", "%iv", 31);
    add("f32", "%fv", 4);
    size_t count = 4 + next(14);
    for (size_t k = 0; k < count; ++k) step();
    size_t stores = 1 + next(3);
    for (size_t k = 0; k < stores; ++k) store(k);
    return lines_;
  }

 private:
  struct Known {
    std::string type, name;
    int bits;  // magnitude of a float is below 2^bits, and it is whole
  };

  size_t next(size_t limit) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<size_t>((state_ >> 33) % limit);
  }
  void add(std::string type, std::string name, int bits) { pool_.push_back({std::move(type), std::move(name), bits}); }
  static std::string tile(const std::string& type) { return cat("tensor<", kSize, "x", type, ">"); }
  const Known* pick(const std::string& type) {
    std::vector<const Known*> fit;
    for (const Known& k : pool_)
      if (k.type == type) fit.push_back(&k);
    return fit.empty() ? nullptr : fit[next(fit.size())];
  }
  std::string fresh() { return cat("%v", count_++); }
  template <class... Parts>
  void line(const Parts&... parts) { lines_.push_back(cat("  ", parts...)); }

  void step() {
    std::string r = fresh();
    switch (next(10)) {
      case 0: case 1: case 2: {  // an integer row of the table
        std::string type = next(4) ? "i32" : "i64";
        const Known *a = pick(type), *b = pick(type);
        if (!a) return;
        Op op = row({Sig::Int1, Sig::Int2});
        line(r, " = ", info(op).spelling, " ", a->name, info(op).sig == Sig::Int2 ? cat(", ", b->name) : "", " : ", tile(type));
        return add(type, r, 63);
      }
      case 3: {
        const Known *a = pick("f32"), *b = pick("f32");
        static constexpr Op kOps[] = {Op::AddF, Op::SubF, Op::MulF, Op::MinNumF, Op::MaxNumF, Op::MinimumF, Op::MaximumF};
        Op op = kOps[next(std::size(kOps))];
        int bits = op == Op::MulF ? a->bits + b->bits : std::max(a->bits, b->bits) + 1;
        if (bits > 20) return;
        line(r, " = ", info(op).spelling, " ", a->name, ", ", b->name, " : ", tile("f32"));
        return add("f32", r, bits);
      }
      case 4: {
        std::string type = next(2) ? "i32" : "f32";
        const Known *a = pick(type), *b = pick(type);
        static constexpr const char* kInt[] = {"eq", "ne", "slt", "sge", "ult", "ugt"};
        static constexpr const char* kFloat[] = {"oeq", "une", "olt", "oge", "ult", "ord"};
        line(r, " = arith.cmp", type == "i32" ? "i " : "f ", (type == "i32" ? kInt : kFloat)[next(6)], ", ", a->name, ", ", b->name, " : ", tile(type));
        return add("i1", r, 1);
      }
      case 5: {
        std::string type = next(2) ? "i32" : "f32";
        const Known *c = pick("i1"), *a = pick(type), *b = pick(type);
        if (!c) return;
        line(r, " = arith.select ", c->name, ", ", a->name, ", ", b->name, " : ", tile("i1"), ", ", tile(type));
        return add(type, r, std::max(a->bits, b->bits));
      }
      case 6: {
        if (next(2)) {
          line(r, " = arith.", next(2) ? "extsi " : "extui ", pick("i32")->name, " : ", tile("i32"), " to ", tile("i64"));
          return add("i64", r, 63);
        }
        const Known* a = pick("i64");
        if (!a) return;
        line(r, " = arith.trunci ", a->name, " : ", tile("i64"), " to ", tile("i32"));
        return add("i32", r, 31);
      }
      case 7: {
        const Known* a = pick("f32");
        line(r, " = arith.fptosi ", a->name, " : ", tile("f32"), " to ", tile("i32"));
        return add("i32", r, 31);
      }
      case 8: {  // a reduction, back to every element
        const Known* a = pick("i32");
        static constexpr const char* kOps[] = {"addi", "maxsi", "minui", "xori", "ori"};
        line(r, "s = \"tt.reduce\"(", a->name, ") <{axis = 0 : i32}> ({ ^bb0(%a: i32, %b: i32): %c = arith.", kOps[next(5)],
             " %a, %b : i32 tt.reduce.return %c : i32 }) : (", tile("i32"), ") -> i32");
        line(r, " = tt.splat ", r, "s : i32 -> ", tile("i32"));
        return add("i32", r, 31);
      }
      default: {  // a change of layout that permutes elements
        std::string type = next(2) ? "i32" : "f32";
        const Known* a = pick(type);
        std::string wide = cat("tensor<4x", kSize / 4, "x", type, ">"), tall = cat("tensor<", kSize / 4, "x4x", type, ">");
        line(r, "a = tt.reshape ", a->name, " : ", tile(type), " -> ", wide);
        line(r, "b = tt.trans ", r, "a {order = array<i32: 1, 0>} : ", wide, " -> ", tall);
        line(r, " = tt.reshape ", r, "b : ", tall, " -> ", tile(type));
        return add(type, r, a->bits);
      }
    }
  }

  Op row(std::initializer_list<Sig> sigs) {
    while (true) {
      Op op = static_cast<Op>(next(kOpCount));
      if (info(op).forms != Forms::Both) continue;
      for (Sig s : sigs)
        if (info(op).sig == s) return op;
    }
  }

  // To output 0 (integers) or 1 (floats), perhaps through an inexact operation.
  void store(size_t k) {
    bool isFloat = next(2);
    std::string type = isFloat ? "f32" : "i32", out = isFloat ? "%fo" : "%io", mask;
    const Known* a = pick(type);
    std::string value = a->name;
    if (isFloat && next(2)) {
      Op op = row({Sig::Float1, Sig::Float2});
      std::string r = fresh();
      // Powers and large angles amplify what a target may be off by.
      bool wild = op == Op::PowF || op == Op::RemF || op == Op::Tan || a->bits > 6;
      if (!wild) {
        line(r, " = ", info(op).spelling, " ", value, info(op).sig == Sig::Float2 ? cat(", ", pick("f32")->name) : "", " : ", tile("f32"));
        value = r;
      }
    }
    if (const Known* m = pick("i1"); m && next(2)) mask = cat(", ", m->name);
    (void)k;
    line("tt.store ", out, ", ", value, mask, " : tensor<", kSize, "x!tt.ptr<", type, ">>");
  }

  uint64_t state_;
  int count_ = 0;
  std::vector<std::string> lines_;
  std::vector<Known> pool_;
};

std::string moduleText(const std::vector<std::string>& lines) {
  std::string out = "tt.func public @k(%i: !tt.ptr<i32>, %f: !tt.ptr<f32>, %ip: !tt.ptr<i32>, %fp: !tt.ptr<f32>) {\n";
  out += cat("  %ramp = tt.make_range {end = ", kSize, " : i32, start = 0 : i32} : tensor<", kSize, "xi32>\n");
  struct {
    const char *pointer, *name, *type;
  } const arrays[] = {{"%i", "%ia", "i32"}, {"%f", "%fa", "f32"}, {"%ip", "%io", "i32"}, {"%fp", "%fo", "f32"}};
  for (auto& [pointer, name, type] : arrays) {
    std::string pointers = cat("tensor<", kSize, "x!tt.ptr<", type, ">>");
    out += cat("  ", name, "s = tt.splat ", pointer, " : !tt.ptr<", type, "> -> ", pointers, "\n");
    out += cat("  ", name, " = tt.addptr ", name, "s, %ramp : ", pointers, ", tensor<", kSize, "xi32>\n");
  }
  out += cat("  %iv = tt.load %ia : tensor<", kSize, "x!tt.ptr<i32>>\n  %fv = tt.load %fa : tensor<", kSize, "x!tt.ptr<f32>>\n");
  for (auto& l : lines) out += l + "\n";
  return out + "  tt.return\n}\n";
}

struct Memory {
  int32_t i[kSize], io[kSize];
  float f[kSize], fo[kSize];
};

// What one target makes of the program: false when it does not compile there.
bool execute(const std::string& text, const Target& target, Memory& memory, std::string& error) {
  Sources sources;
  Diags diags;
  uint32_t file = sources.add("random.ttir", text);
  auto m = ttir::parse(sources, file, diags);
  if (m)
    if (auto e = target.load(std::move(*m), diags)) {
      uint64_t args[] = {reinterpret_cast<uintptr_t>(memory.i), reinterpret_cast<uintptr_t>(memory.f), reinterpret_cast<uintptr_t>(memory.io),
                         reinterpret_cast<uintptr_t>(memory.fo)};
      Launch launch;
      launch.args = args;
      launch.threads = 1;
      if ((*e)->launch(launch, diags)) return true;
    }
  error = diags.render(sources);
  return false;
}

Memory inputs() {
  Memory out{};
  for (int k = 0; k < kSize; ++k) {
    out.i[k] = k % 5 == 4 ? INT32_MIN + k : (k * 7919) % 101 - 50;
    out.f[k] = static_cast<float>((k * 31) % 17 - 8);
  }
  return out;
}

// Empty: all targets agree. A program that the interpreter itself refuses is no program.
std::string disagreement(const std::vector<std::string>& lines) {
  std::string text = moduleText(lines), error;
  Memory wanted = inputs();
  if (!execute(text, *findTarget("interp"), wanted, error)) return error.find("[type]") != std::string::npos || error.find("[unknown-name]") != std::string::npos ? "" : cat("interp: ", error);
  for (const Target& target : targets()) {
    if (target.name == "interp" || !target.load) continue;
    Memory got = inputs();
    if (!execute(text, target, got, error)) return cat(target.name, ": ", error);
    for (int k = 0; k < kSize; ++k) {
      if (got.io[k] != wanted.io[k]) return cat(target.name, ": integer ", k, " is ", got.io[k], ", wanted ", wanted.io[k]);
      double a = got.fo[k], b = wanted.fo[k];
      if (!(a == b || (std::isnan(a) && std::isnan(b)) || std::fabs(a - b) <= 3e-6 * std::fabs(b) + 1e-6))
        return cat(target.name, ": float ", k, " is ", a, ", wanted ", b);
    }
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  int count = argc > 2 ? std::atoi(argv[2]) : 60, failed = 0;
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  for (int k = 0; k < count; ++k) {
    auto lines = Generator(seed + static_cast<uint64_t>(k)).program();
    std::string why = disagreement(lines);
    if (why.empty()) continue;
    ++failed;
    for (size_t at = lines.size(); at-- > 0;) {
      auto fewer = lines;
      fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(at));
      if (std::string still = disagreement(fewer); !still.empty()) {
        lines = std::move(fewer);
        why = still;
      }
    }
    std::printf("FAILED seed %llu: %s\n%s", static_cast<unsigned long long>(seed + static_cast<uint64_t>(k)), why.c_str(), moduleText(lines).c_str());
  }
  std::printf("%d passed, %d failed\n", count - failed, failed);
  return failed > 0;
}
