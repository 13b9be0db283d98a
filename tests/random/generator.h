// SPDX-License-Identifier: MIT
// Generates random well-typed programs over tiles from the operation table, as text.
//
// Floats are small integers, so that exact operations stay exact under contraction and reordering. Inexact operations only feed stores that
// are not read again. Programs read what they wrote, and arrays overlap, so the order of memory accesses is tested, too.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/ir.h"
#include "support/text.h"

namespace nereid {

constexpr int kElements = 4096;  // the approximate number of elements that a program reaches with one index
using Dims = std::vector<int>;

struct Element {
  const char* name;
  int bytes;
  int exact;  // integer floats below 2^exact are exact; for integers the width
  bool isFloat;
};
constexpr Element kElementTypes[] = {{"i32", 4, 32, false}, {"f32", 4, 22, true}, {"i64", 8, 64, false},
                                     {"f16", 2, 10, true},  {"bf16", 2, 7, true}, {"i8", 1, 8, false},
                                     {"i16", 2, 16, false}, {"f64", 8, 40, true}, {"i1", 1, 1, false}};
inline const Element& element(const std::string& name) {
  for (const Element& e : kElementTypes)
    if (name == e.name) return e;
  std::abort();
}

// The kernel's arrays: those it reads, and those it writes.
struct ArrayInfo {
  const char *name, *type;
  bool output;
};
constexpr ArrayInfo kArrays[] = {{"%i", "i32", false}, {"%f", "f32", false}, {"%h", "f16", false}, {"%b", "i8", false},
                                 {"%io", "i32", true}, {"%fo", "f32", true}, {"%ho", "f16", true}};

struct Program {
  std::vector<std::string> lines;
  uint64_t seed = 0;
  int n = 0, stride = 0;  // arguments
  int grid = 1;
  size_t room = size_t{kElements} * 8;  // elements per array: a tile of 128 x 128, its offset, and the programs of a grid
  int overlap = -1;                     // offset of each output in its input; -1: separate arrays
};

inline std::string shaped(const std::string& type, const Dims& dims) {
  if (dims.empty()) return type;
  std::string out = "tensor<";
  for (int d : dims) out += cat(d, "x");
  return out + type + ">";
}
inline std::string pointers(const std::string& type, const Dims& dims) { return shaped(cat("!tt.ptr<", type, ">"), dims); }
inline int count(const Dims& dims) {
  int n = 1;
  for (int d : dims) n *= d;
  return n;
}

class Generator {
 public:
  explicit Generator(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15 + 1) {
    for (int k = 0; k < 4; ++k) next(2);
  }

  Program program() {
    Program out;
    out.n = static_cast<int>(next(3) ? next(70) : next(4));
    out.stride = static_cast<int>(next(2) ? 1 + next(40) : next(3));
    feedback_ = next(2);
    out.grid = next(3) ? 1 : 1 + static_cast<int>(next(4));
    if (feedback_ && next(2)) {
      out.overlap = static_cast<int>(next(2) ? 0 : next(40));
      out.grid = 1;
    }
    static const Dims kShapes[] = {{8}, {16},  {32},    {64},      {4, 8}, {8, 4}, {16, 16}, {2, 32}, {32, 2},   {1, 16},  {16, 1},
                                   {4}, {128}, {8, 32}, {2, 4, 8}, {1},    {4, 1}, {8, 1},   {1, 1},  {2, 1, 8}, {1, 4, 1}};
    for (int k = 0; k < 2; ++k) shapes_.push_back(kShapes[next(std::size(kShapes))]);
    add({"i32", {}, "%n", 7});
    add({"i32", {}, "%s", 6});
    add({"i32", {}, "%pid", 3});
    load();
    load();
    size_t count = 3 + next(14);
    for (size_t k = 0; k < count; ++k) step();
    size_t stores = 1 + next(3);
    for (size_t k = 0; k < stores; ++k) store();
    out.lines = lines_;
    return out;
  }

 private:
  struct Known {
    std::string type;
    Dims dims;
    std::string name;
    int bits;  // magnitude below 2^bits; floats are integers
  };

  size_t next(size_t limit) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<size_t>((state_ >> 33) % limit);
  }
  template <class T, size_t N>
  const T& oneOf(const T (&list)[N]) {
    return list[next(N)];
  }
  const Dims& shape() { return shapes_[next(shapes_.size())]; }
  void add(Known k) {
    k.bits = std::min(k.bits, element(k.type).exact);
    pool_.push_back(std::move(k));
  }
  template <class F>
  std::optional<Known> pick(F&& fits) {
    std::vector<const Known*> fit;
    for (const Known& k : pool_)
      if (fits(k)) fit.push_back(&k);
    if (fit.empty()) return std::nullopt;
    // Prefers recent values: deep chains instead of bushes.
    size_t at = std::max(next(fit.size()), next(fit.size()));
    return *fit[at];
  }
  std::optional<Known> pick(const std::string& type, const Dims& dims) {
    return pick([&](const Known& k) { return k.type == type && k.dims == dims; });
  }
  std::optional<Known> pickTile(bool floats) {
    return pick([&](const Known& k) { return !k.dims.empty() && element(k.type).isFloat == floats && k.type != "i1"; });
  }
  std::string fresh() { return cat("%v", count_++); }
  template <class... Parts>
  void line(const Parts&... parts) {
    lines_.push_back(cat("  ", parts...));
  }
  template <class... Parts>
  std::string value(const Parts&... parts) {
    std::string r = fresh();
    line(r, " = ", parts...);
    return r;
  }
  std::string constant(const std::string& type, const Dims& dims, int v) {
    std::string text = element(type).isFloat ? cat(v, ".0") : cat(v);
    return value("arith.constant ", dims.empty() ? text : cat("dense<", text, ">"), " : ", shaped(type, dims));
  }
  std::string range(int n) { return value("tt.make_range {end = ", n, " : i32, start = 0 : i32} : tensor<", n, "xi32>"); }
  std::string splat(const std::string& v, const std::string& type, const Dims& dims) {
    return value("tt.splat ", v, " : ", type, " -> ", shaped(type, dims));
  }
  std::string binary(const char* op, const std::string& a, const std::string& b, const std::string& type) {
    return value(op, " ", a, ", ", b, " : ", type);
  }

  // The index along one axis, in the tile's shape.
  std::string axisIndex(const Dims& dims, size_t axis) {
    std::string v = range(dims[axis]);
    Dims now{dims[axis]};
    for (size_t k = 0; k < dims.size(); ++k) {
      if (k == axis) continue;
      Dims wider = now;
      wider.insert(wider.begin() + static_cast<ptrdiff_t>(k < axis ? k : wider.size()), 1);
      size_t at = k < axis ? k : wider.size() - 1;
      v = value("tt.expand_dims ", v, " {axis = ", at, " : i32} : ", shaped("i32", now), " -> ", shaped("i32", wider));
      now = wider;
    }
    return now == dims ? v : value("tt.broadcast ", v, " : ", shaped("i32", now), " -> ", shaped("i32", dims));
  }

  // Row-major or strided, shifted, reversed, wrapping or gathered: 0 <= index < 4096.
  std::string index(const Dims& dims) {
    std::string type = shaped("i32", dims);
    if (dims.empty()) return constant("i32", {}, static_cast<int>(next(64)));
    if (auto v = next(6) ? std::nullopt : pick("i32", dims))
      return binary("arith.andi", v->name, constant("i32", dims, next(2) ? 255 : 31), type);
    std::string sum;
    int below = 1;
    for (size_t axis = dims.size(); axis-- > 0;) {
      std::string i = axisIndex(dims, axis);
      size_t form = next(12);
      if (form == 0) i = binary("arith.subi", constant("i32", dims, dims[axis] - 1), i, type);
      if (form == 1) i = binary("arith.remsi", i, constant("i32", dims, 1 + static_cast<int>(next(9))), type);
      if (form == 2) i = binary("arith.divsi", i, constant("i32", dims, 1 + static_cast<int>(next(5))), type);
      if (form == 3) i = binary("arith.remui", binary("arith.addi", i, splat("%n", "i32", dims), type), splat("%s", "i32", dims), type);
      size_t stride = next(10);
      std::string scale = stride < 6   ? constant("i32", dims, below)
                          : stride < 8 ? splat("%s", "i32", dims)
                                       : constant("i32", dims, static_cast<int>(next(20)));
      if (stride >= 6 || below != 1) i = binary("arith.muli", i, scale, type);
      sum = sum.empty() ? i : binary("arith.addi", sum, i, type);
      below *= dims[axis];
    }
    if (next(3) == 0) sum = binary("arith.addi", sum, constant("i32", dims, static_cast<int>(next(20))), type);
    if (auto k = next(3) ? std::nullopt : pick([](const Known& v) { return v.type == "i32" && v.dims.empty() && v.bits <= 7; })) {
      std::string scalar = k->name;
      if (next(2)) scalar = binary("arith.muli", scalar, constant("i32", {}, 1 + static_cast<int>(next(16))), "i32");
      sum = binary("arith.addi", sum, splat(scalar, "i32", dims), type);
    }
    // Results stay in the array; most sums are small enough to stay exact.
    return big_ || next(8) == 0 ? binary("arith.andi", sum, constant("i32", dims, kElements - 1), type) : bounded(sum, dims);
  }
  // Writes each element once, since the order of lanes of one store is unspecified. Axes in any order, strides with gaps (one of them known
  // only at run time), backwards, or a permutation that is not affine.
  std::string distinctIndex(const Dims& dims) {
    if (dims.empty()) return index(dims);
    std::string type = shaped("i32", dims), sum;
    std::vector<size_t> order;
    for (size_t axis = dims.size(); axis-- > 0;) order.insert(next(3) ? order.end() : order.begin(), axis);
    int below = next(4) ? 1 : 2;
    bool dense = true;
    for (size_t k = 0; k < order.size(); ++k) {
      size_t axis = order[k];
      std::string i = axisIndex(dims, axis);
      if (next(8) == 0) i = binary("arith.subi", constant("i32", dims, dims[axis] - 1), i, type);
      std::string scale = below == 1 ? "" : constant("i32", dims, below);
      if (k + 1 == order.size() && next(3) == 0) {
        scale = splat(binary("arith.addi", "%s", constant("i32", {}, below), "i32"), "i32", dims);
        dense = false;
      }
      if (!scale.empty()) i = binary("arith.muli", i, scale, type);
      sum = sum.empty() ? i : binary("arith.addi", sum, i, type);
      below = (below + static_cast<int>(next(4) ? 0 : next(3))) * dims[axis];
    }
    if (dense && below == count(dims) && next(6) == 0) {
      std::string odd = binary("arith.muli", sum, constant("i32", dims, 1 + 2 * static_cast<int>(next(8))), type);
      return binary("arith.andi", odd, constant("i32", dims, below - 1), type);
    }
    if (next(3) == 0) sum = binary("arith.addi", sum, constant("i32", dims, static_cast<int>(next(20))), type);
    if (auto v = next(3) ? std::nullopt : pick([](const Known& v) { return v.type == "i32" && v.dims.empty() && v.bits <= 7; })) {
      std::string scalar = binary("arith.muli", v->name, constant("i32", {}, 1 + static_cast<int>(next(8))), "i32");
      sum = binary("arith.addi", sum, splat(scalar, "i32", dims), type);
    }
    return sum;
  }
  std::string bounded(const std::string& v, const Dims& dims) {
    // Known small: rows * (stride up to 40) + columns * 40 + 20 + 7 bits * 16 stays below the size for all shapes here.
    return count(dims) > 128 ? binary("arith.andi", v, constant("i32", dims, kElements - 1), shaped("i32", dims)) : v;
  }

  std::string addresses(const ArrayInfo& array, const Dims& dims, bool writes = false) {
    std::string base = array.name;
    if (array.output) base = value("tt.addptr ", base, ", %away : !tt.ptr<", array.type, ">, i32");
    std::string i = writes ? distinctIndex(dims) : index(dims);
    if (dims.empty()) return value("tt.addptr ", base, ", ", i, " : !tt.ptr<", array.type, ">, i32");
    std::string s = value("tt.splat ", base, " : !tt.ptr<", array.type, "> -> ", pointers(array.type, dims));
    return value("tt.addptr ", s, ", ", i, " : ", pointers(array.type, dims), ", ", shaped("i32", dims));
  }

  std::string mask(const Dims& dims) {
    if (dims.empty() || next(2)) return "";
    if (auto m = next(2) ? pick("i1", dims) : std::nullopt) return m->name;
    std::string all;
    for (size_t axis = 0; axis < dims.size(); ++axis) {
      if (axis && next(3) == 0) continue;
      static constexpr const char* kPredicates[] = {"slt", "slt", "slt", "sle", "sgt", "sge", "ult", "eq", "ne"};
      std::string i = axisIndex(dims, axis), limit = splat("%n", "i32", dims);
      if (next(3) == 0) limit = constant("i32", dims, static_cast<int>(next(static_cast<size_t>(dims[axis]) + 2)));
      bool swapped = next(4) == 0;
      std::string m =
          value("arith.cmpi ", oneOf(kPredicates), ", ", swapped ? limit : i, ", ", swapped ? i : limit, " : ", shaped("i32", dims));
      all = all.empty() ? m : binary(next(4) ? "arith.andi" : "arith.ori", all, m, shaped("i1", dims));
    }
    return all;
  }

  void load() {
    const ArrayInfo& array = kArrays[next(feedback_ ? std::size(kArrays) : 4)];
    Dims dims = next(6) ? shape() : Dims{};
    std::string p = addresses(array, dims), m = mask(dims), type = array.type;
    std::string other = !m.empty() && next(2) ? cat(", ", constant(type, dims, static_cast<int>(next(7)) - 3)) : "";
    if (!m.empty()) m = cat(", ", m);
    std::string r = value("tt.load ", p, m, other, " : ", pointers(type, dims));
    add({type, dims, r, element(type).isFloat ? (feedback_ ? 6 : 4) : 32});
  }

  void store() {
    const ArrayInfo& array = kArrays[4 + next(3)];
    std::string type = array.type;
    auto v = pick([&](const Known& k) {
      return k.type == type && (!feedback_ || !element(type).isFloat || k.bits <= 6) && (!k.dims.empty() || next(3) == 0);
    });
    if (!v) return;
    std::string name = v->name;
    if (!feedback_ && type == "f32" && next(2) && v->bits <= 5) {
      Op op = row({Sig::Float1, Sig::Float2});
      // Powers and large angles amplify the errors that a target may have.
      if (op != Op::PowF && op != Op::RemF && op != Op::Tan) {
        auto b = pick(type, v->dims);
        name = value(info(op).spelling, " ", name, info(op).sig == Sig::Float2 ? cat(", ", b->name) : "", " : ", shaped(type, v->dims));
      }
    }
    std::string p = addresses(array, v->dims, true), m = mask(v->dims);
    line("tt.store ", p, ", ", name, m.empty() ? "" : cat(", ", m), " : ", pointers(type, v->dims));
  }

  Op row(std::initializer_list<Sig> sigs) {
    while (true) {
      Op op = static_cast<Op>(next(kOpCount));
      if (info(op).forms != Forms::Both) continue;
      for (Sig s : sigs)
        if (info(op).sig == s) return op;
    }
  }

  // An integer below 2^bits.
  std::string clamped(const Known& v, int bits) {
    std::string type = shaped(v.type, v.dims), limit = constant(v.type, v.dims, (1 << bits) - 1),
                least = constant(v.type, v.dims, 1 - (1 << bits));
    bool isFloat = element(v.type).isFloat;
    return binary(isFloat ? "arith.minnumf" : "arith.minsi", binary(isFloat ? "arith.maxnumf" : "arith.maxsi", v.name, least, type), limit,
                  type);
  }

  void step() {
    switch (next(depth_ < 2 ? 25 : 21)) {
      case 0:
      case 1:
      case 2: return integers();
      case 3:
      case 4: return floats();
      case 5: return compare();
      case 6: return select();
      case 7: return casts();
      case 8:
      case 9: return reduce();
      case 10: return scan();
      case 11:
      case 12: return layout();
      case 13: return dot();
      case 14: return argmax();
      case 15: return load();
      case 16: return store();
      case 17: return next(2) ? atomic() : gather();
      case 18: return widen();
      case 19: return scalar();
      case 20: return exchange();
      case 21:
      case 22: return next(3) ? loop({}) : repeat({});
      case 23: return overwrite();
      default: return branch();
    }
  }

  void integers() {
    auto a = pick(
        [&](const Known& k) { return !element(k.type).isFloat && (k.type != "i1" || next(4) == 0) && (!k.dims.empty() || next(4) == 0); });
    if (!a) return;
    auto b = pick(a->type, a->dims);
    Op op = row({Sig::Int1, Sig::Int2});
    if (a->type == "i1") {
      static constexpr Op kOps[] = {Op::AndI, Op::OrI, Op::XOrI};
      op = oneOf(kOps);
    }
    std::string r =
        value(info(op).spelling, " ", a->name, info(op).sig == Sig::Int2 ? cat(", ", b->name) : "", " : ", shaped(a->type, a->dims));
    add({a->type, a->dims, r, 64});
  }

  void floats() {
    auto a = pickTile(true);
    if (!a) return;
    auto b = pick(a->type, a->dims);
    static constexpr Op kOps[] = {Op::AddF,     Op::SubF,     Op::MulF, Op::MinNumF, Op::MaxNumF,
                                  Op::MinimumF, Op::MaximumF, Op::NegF, Op::AbsF,    Op::Fma};
    Op op = oneOf(kOps);
    int bits = op == Op::MulF ? a->bits + b->bits : op == Op::Fma ? a->bits + b->bits + 1 : std::max(a->bits, b->bits) + 1;
    if (op == Op::NegF || op == Op::AbsF) bits = a->bits;
    if (bits > element(a->type).exact) return add({a->type, a->dims, clamped(*a, 3), 3});
    std::string rest = info(op).sig == Sig::Float1 ? "" : cat(", ", b->name);
    if (op == Op::Fma) rest += cat(", ", a->name);
    add({a->type, a->dims, value(info(op).spelling, " ", a->name, rest, " : ", shaped(a->type, a->dims)), bits});
  }

  void compare() {
    auto a = pick([&](const Known& k) { return k.type != "i1" && !k.dims.empty(); });
    if (!a) return;
    auto b = pick(a->type, a->dims);
    static constexpr const char* kInt[] = {"eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge"};
    static constexpr const char* kFloat[] = {"oeq", "une", "olt", "oge", "ult", "ord", "ogt", "ole", "one", "uno"};
    bool isFloat = element(a->type).isFloat;
    std::string r = value("arith.cmp", isFloat ? "f " : "i ", isFloat ? oneOf(kFloat) : oneOf(kInt), ", ", a->name, ", ", b->name, " : ",
                          shaped(a->type, a->dims));
    add({"i1", a->dims, r, 1});
  }

  void select() {
    auto c = pick([&](const Known& k) { return k.type == "i1" && !k.dims.empty(); });
    if (!c) return compare();
    auto a = pick([&](const Known& k) { return k.dims == c->dims && k.type != "i1"; });
    if (!a) return;
    auto b = pick(a->type, a->dims);
    std::string r =
        value("arith.select ", c->name, ", ", a->name, ", ", b->name, " : ", shaped("i1", c->dims), ", ", shaped(a->type, a->dims));
    add({a->type, a->dims, r, std::max(a->bits, b->bits)});
  }

  void casts() {
    auto a = pick([&](const Known& k) { return !k.dims.empty(); });
    if (!a) return;
    const Element &from = element(a->type), &to = oneOf(kElementTypes);
    if (from.name == to.name || std::string_view(to.name) == "i1") return;
    std::string arrow = cat(" : ", shaped(from.name, a->dims), " to ", shaped(to.name, a->dims)), r;
    int bits = a->bits;
    if (from.isFloat && to.isFloat) {
      if (bits > to.exact) return;
      if (from.bytes == to.bytes) return;
      r = value(from.bytes < to.bytes ? "arith.extf " : "arith.truncf ", a->name, arrow);
    } else if (from.isFloat) {
      r = value("arith.fptosi ", a->name, arrow);
      bits = 64;
    } else if (to.isFloat) {
      if (a->type == "i1") {
        r = value("arith.uitofp ", a->name, arrow);
        bits = 1;
      } else {
        std::string small =
            value("arith.shrsi ", a->name, ", ", constant(a->type, a->dims, from.exact - 5), " : ", shaped(a->type, a->dims));
        r = value("arith.sitofp ", small, arrow);
        bits = 5;
      }
    } else {
      bool wider = from.exact < to.exact;
      r = value(wider ? (next(2) ? "arith.extsi " : "arith.extui ") : "arith.trunci ", a->name, arrow);
      bits = 64;
    }
    add({to.name, a->dims, r, bits});
  }

  static Dims without(Dims dims, size_t axis) {
    dims.erase(dims.begin() + static_cast<ptrdiff_t>(axis));
    return dims;
  }
  const char* combination(const Known& v, int length, int& bits) {
    int grown = v.bits + std::bit_width(static_cast<unsigned>(length) - 1);
    if (!element(v.type).isFloat) {
      static constexpr const char* kInt[] = {"addi", "maxsi", "minui", "xori", "ori", "minsi", "muli", "andi"};
      static constexpr const char* kBool[] = {"andi", "ori", "xori"};
      bits = 64;
      return v.type == "i1" ? oneOf(kBool) : oneOf(kInt);
    }
    static constexpr const char* kFloat[] = {"addf", "maxnumf", "minimumf", "maximumf"};
    const char* op = oneOf(kFloat);
    bits = v.bits;
    if (op[0] == 'a') {
      if (grown > element(v.type).exact) return "maxnumf";
      bits = grown;
    }
    return op;
  }

  void reduce() {
    auto a = pick([&](const Known& k) { return !k.dims.empty() && (k.type != "i1" || next(3) == 0); });
    if (!a) return;
    size_t axis = next(a->dims.size());
    int bits = 0;
    const char* op = combination(*a, a->dims[axis], bits);
    Dims rest = without(a->dims, axis);
    std::string r = value("\"tt.reduce\"(", a->name, ") <{axis = ", axis, " : i32}> ({ ^bb0(%ra: ", a->type, ", %rb: ", a->type,
                          "): %rc = arith.", op, " %ra, %rb : ", a->type, " tt.reduce.return %rc : ", a->type, " }) : (",
                          shaped(a->type, a->dims), ") -> ", shaped(a->type, rest));
    add({a->type, rest, r, bits});
    if (next(2)) back(pool_.back(), a->dims, axis);
  }
  // A reduced value next to its source.
  void back(const Known v, const Dims& dims, size_t axis) {
    if (v.dims.empty()) return add({v.type, dims, splat(v.name, v.type, dims), v.bits});
    Dims one = dims;
    one[axis] = 1;
    std::string e = value("tt.expand_dims ", v.name, " {axis = ", axis, " : i32} : ", shaped(v.type, v.dims), " -> ", shaped(v.type, one));
    add({v.type, dims, one == dims ? e : value("tt.broadcast ", e, " : ", shaped(v.type, one), " -> ", shaped(v.type, dims)), v.bits});
  }

  void argmax() {
    auto a = pick([&](const Known& k) { return !k.dims.empty() && (k.type == "f32" || k.type == "i32" || k.type == "f16"); });
    if (!a) return;
    size_t axis = next(a->dims.size());
    std::string i = axisIndex(a->dims, axis), r = fresh(), t = a->type;
    bool isFloat = element(t).isFloat;
    Dims rest = without(a->dims, axis);
    line(r, ":2 = \"tt.reduce\"(", a->name, ", ", i, ") <{axis = ", axis, " : i32}> ({ ^bb0(%ra: ", t, ", %ri: i32, %rb: ", t,
         ", %rj: i32): %rg = arith.cmp", isFloat ? "f ogt" : "i sgt", ", %ra, %rb : ", t, " %re = arith.cmp", isFloat ? "f oeq" : "i eq",
         ", %ra, %rb : ", t,
         " %rl = arith.cmpi slt, %ri, %rj : i32 %rt = arith.andi %re, %rl : i1 %rk = arith.ori %rg, %rt : i1 %rv = arith.select %rk, %ra, "
         "%rb : ",
         t, " %rx = arith.select %rk, %ri, %rj : i32 tt.reduce.return %rv, %rx : ", t, ", i32 }) : (", shaped(t, a->dims), ", ",
         shaped("i32", a->dims), ") -> (", shaped(t, rest), ", ", shaped("i32", rest), ")");
    // Often only one of the two results is used.
    size_t used = next(3);
    if (used != 1) add({t, rest, r + "#0", a->bits});
    if (used != 0) add({"i32", rest, r + "#1", 7});
    if (next(2)) back(pool_.back(), a->dims, axis);
  }

  void scan() {
    auto a = pick([&](const Known& k) { return !k.dims.empty() && k.type != "i1"; });
    if (!a) return;
    size_t axis = next(a->dims.size());
    int bits = 0;
    const char* op = combination(*a, a->dims[axis], bits);
    std::string r = value("\"tt.scan\"(", a->name, ") <{axis = ", axis, " : i32, reverse = ", next(2) ? "true" : "false",
                          "}> ({ ^bb0(%ra: ", a->type, ", %rb: ", a->type, "): %rc = arith.", op, " %ra, %rb : ", a->type,
                          " tt.scan.return %rc : ", a->type, " }) : (", shaped(a->type, a->dims), ") -> ", shaped(a->type, a->dims));
    add({a->type, a->dims, r, bits});
  }

  void layout() {
    auto a = pick([&](const Known& k) { return !k.dims.empty(); });
    if (!a) return;
    auto put = [&](const Dims& dims, const std::string& name) { add({a->type, dims, name, a->bits}); };
    std::string from = shaped(a->type, a->dims);
    switch (next(5)) {
      case 0: {  // to a shape that other values have, if one fits
        for (const Dims& d : shapes_)
          if (d != a->dims && count(d) == count(a->dims))
            return put(d, value("tt.reshape ", a->name, " : ", from, " -> ", shaped(a->type, d)));
        int n = count(a->dims);
        Dims d = n % 4 == 0 && next(2) ? Dims{4, n / 4} : Dims{n};
        return put(d, value("tt.reshape ", a->name, " : ", from, " -> ", shaped(a->type, d)));
      }
      case 1: {
        if (a->dims.size() < 2) return;
        std::vector<size_t> order(a->dims.size());
        for (size_t k = 0; k < order.size(); ++k) order[k] = k;
        for (size_t k = order.size(); k-- > 1;) std::swap(order[k], order[next(k + 1)]);
        Dims d;
        std::string text;
        for (size_t o : order) {
          d.push_back(a->dims[o]);
          text += cat(text.empty() ? "" : ", ", o);
        }
        return put(d, value("tt.trans ", a->name, " {order = array<i32: ", text, ">} : ", from, " -> ", shaped(a->type, d)));
      }
      case 2: {
        auto b = pick(a->type, a->dims);
        if (count(a->dims) > 128 || a->dims.size() > 2) return;
        Dims d = a->dims;
        d.push_back(2);
        std::string j = value("tt.join ", a->name, ", ", b->name, " : ", from, " -> ", shaped(a->type, d));
        Dims flat = a->dims;
        flat.back() *= 2;
        return add(
            {a->type, flat, value("tt.reshape ", j, " : ", shaped(a->type, d), " -> ", shaped(a->type, flat)), std::max(a->bits, b->bits)});
      }
      case 3: {
        if (a->dims.back() < 2) return;
        Dims d = a->dims, half = a->dims;
        d.back() /= 2;
        d.push_back(2);
        half.back() /= 2;
        std::string wide = value("tt.reshape ", a->name, " : ", from, " -> ", shaped(a->type, d)), r = fresh();
        line(r, ":2 = tt.split ", wide, " : ", shaped(a->type, d), " -> ", shaped(a->type, half));
        put(half, r + "#0");
        return put(half, r + "#1");
      }
      default: {  // a broadcast row or column
        if (a->dims.size() != 1) return;
        size_t axis = next(2);
        Dims one{a->dims[0], a->dims[0]}, full{a->dims[0], a->dims[0]};
        int other = 1 << next(4);
        one[axis] = 1;
        full[axis] = other;
        if (count(full) > 512) return;
        std::string e = value("tt.expand_dims ", a->name, " {axis = ", axis, " : i32} : ", from, " -> ", shaped(a->type, one));
        return put(full, other == 1 ? e : value("tt.broadcast ", e, " : ", shaped(a->type, one), " -> ", shaped(a->type, full)));
      }
    }
  }

  void dot() {
    auto a = pick([&](const Known& k) {
      return k.dims.size() == 2 && (k.type == "f32" || k.type == "f16" || k.type == "i8") && count(k.dims) <= 256;
    });
    if (!a) return;
    auto b = pick(a->type, a->dims);
    int m = a->dims[0], k = a->dims[1];
    std::string result = a->type == "i8" ? "i32" : "f32";
    int bits = a->bits + b->bits + std::bit_width(static_cast<unsigned>(k));
    if (a->type != "i8" && bits > element(result).exact) return;
    Dims flipped{k, m}, square{m, m};
    std::string t =
        value("tt.trans ", b->name, " {order = array<i32: 1, 0>} : ", shaped(b->type, b->dims), " -> ", shaped(b->type, flipped));
    auto c = next(2) ? pick([&](const Known& v) { return v.type == result && v.dims == square && (a->type == "i8" || v.bits < bits); })
                     : std::nullopt;
    std::string start = c ? c->name : constant(result, square, 0);
    std::string r = value("tt.dot ", a->name, ", ", t, ", ", start, " : ", shaped(a->type, a->dims), " * ", shaped(a->type, flipped),
                          " -> ", shaped(result, square));
    add({result, square, r, a->type == "i8" ? 64 : bits + 1});
    if (result == "f32" && next(3) == 0) argmax();
  }

  void gather() {
    auto a = pickTile(next(2));
    if (!a) return;
    auto i = pick("i32", a->dims);
    if (!i) return;
    size_t axis = next(a->dims.size());
    std::string at = binary("arith.andi", i->name, constant("i32", a->dims, a->dims[axis] - 1), shaped("i32", a->dims));
    std::string r = value("tt.gather ", a->name, "[", at, "] {axis = ", axis, " : i32} : (", shaped(a->type, a->dims), ", ",
                          shaped("i32", a->dims), ") -> ", shaped(a->type, a->dims));
    add({a->type, a->dims, r, a->bits});
  }

  // A step of a sorting network: keys and their indices, compared with those at positions that differ in one bit, and selected.
  void exchange() {
    auto a = pick([&](const Known& k) { return k.type == "i32" && !k.dims.empty(); });
    if (!a) return;
    size_t axis = next(a->dims.size());
    std::string type = shaped("i32", a->dims), bools = shaped("i1", a->dims), i = axisIndex(a->dims, axis);
    std::string other = binary("arith.andi", binary("arith.xori", i, constant("i32", a->dims, 1 << next(3)), type),
                               constant("i32", a->dims, a->dims[axis] - 1), type);
    auto from = [&](const std::string& v) {
      return value("tt.gather ", v, "[", other, "] {axis = ", axis, " : i32} : (", type, ", ", type, ") -> ", type);
    };
    auto compared = [&](const char* predicate, const std::string& x, const std::string& y) {
      return value("arith.cmpi ", predicate, ", ", x, ", ", y, " : ", type);
    };
    std::string b = from(a->name), j = from(i);
    std::string isLess = binary("arith.ori", compared("slt", a->name, b),
                                binary("arith.andi", compared("eq", a->name, b), compared("slt", i, j), bools), bools);
    std::string isUp = compared("eq", binary("arith.andi", i, constant("i32", a->dims, 1 << next(3)), type), constant("i32", a->dims, 0));
    std::string takes = binary("arith.xori", isLess, isUp, bools);
    add({"i32", a->dims, value("arith.select ", takes, ", ", b, ", ", a->name, " : ", bools, ", ", type), a->bits});
    if (next(2)) add({"i32", a->dims, value("arith.select ", takes, ", ", j, ", ", i, " : ", bools, ", ", type), 7});
  }

  // Loads a tile, writes to its memory, and then uses the tile: directly, in a loop that starts with it, or in a branch.
  void overwrite() {
    if (!feedback_) return load();
    const ArrayInfo& array = kArrays[4 + next(3)];
    Dims dims = next(5) ? shape() : Dims{};
    std::string type = array.type, p = addresses(array, dims, true);
    Known taken{type, dims, value("tt.load ", p, " : ", pointers(type, dims)), element(type).isFloat ? 6 : 32};
    add(taken);
    auto v = pick([&](const Known& k) {
      return k.type == type && k.dims == dims && k.bits <= (element(type).isFloat ? 6 : 64) && k.name != taken.name;
    });
    std::string what = v && next(3) ? v->name : constant(type, dims, static_cast<int>(next(9)) - 4);
    switch (next(4)) {
      case 0: store(); break;
      case 1:
        if (type == "i32" && !dims.empty()) {
          value("tt.atomic_rmw add, acq_rel, gpu, ", p, ", ", what, " : (", pointers(type, dims), ", ", shaped(type, dims), ") -> ",
                shaped(type, dims));
          break;
        }
        [[fallthrough]];
      default: {
        std::string m = mask(dims);
        line("tt.store ", next(3) ? p : addresses(array, dims, true), ", ", what, m.empty() ? "" : cat(", ", m), " : ",
             pointers(type, dims));
      }
    }
    if (depth_ >= 2) return;
    switch (next(4)) {
      case 0: return;
      case 1: return repeat({taken});
      default: return loop({taken});
    }
  }

  void atomic() {
    if (!feedback_) return;
    auto v = pick([&](const Known& k) { return k.type == "i32" && !k.dims.empty(); });
    if (!v) return;
    static constexpr const char* kKinds[] = {"add", "max", "umin", "xor", "and", "exch"};
    std::string p = addresses(kArrays[4], v->dims, true), m = mask(v->dims);
    std::string r = value("tt.atomic_rmw ", oneOf(kKinds), ", acq_rel, gpu, ", p, ", ", v->name, m.empty() ? "" : cat(", ", m), " : (",
                          pointers("i32", v->dims), ", ", shaped("i32", v->dims), m.empty() ? "" : cat(", ", shaped("i1", v->dims)),
                          ") -> ", shaped("i32", v->dims));
    add({"i32", v->dims, r, 32});
  }

  // A scalar in every element.
  void widen() {
    auto v = pick([](const Known& k) { return k.dims.empty(); });
    if (!v) return;
    Dims dims = shape();
    add({v->type, dims, splat(v->name, v->type, dims), v->bits});
  }

  void scalar() {
    auto v = pick([](const Known& k) { return k.dims.empty() && k.type == "i32"; });
    if (!v) return;
    if (v->bits > 7) return add({"i32", {}, binary("arith.andi", v->name, constant("i32", {}, 63), "i32"), 6});
    add({"i32", {}, binary(next(2) ? "arith.addi" : "arith.muli", v->name, constant("i32", {}, static_cast<int>(next(5)) - 1), "i32"), 32});
  }

  std::string condition() {
    auto v = pick([](const Known& k) { return k.dims.empty() && k.type == "i32"; });
    static constexpr const char* kPredicates[] = {"slt", "sgt", "eq", "ne", "ule"};
    return value("arith.cmpi ", oneOf(kPredicates), ", ", v->name, ", ", constant("i32", {}, static_cast<int>(next(40))), " : i32");
  }

  // Ends a region: one value of the pool per type, clamped if a loop would let it grow.
  void yield(const std::vector<Known>& results) {
    std::string names, types;
    for (const Known& r : results) {
      auto v = pick(r.type, r.dims);
      std::string name = element(r.type).isFloat && v->bits > r.bits ? clamped(*v, r.bits) : v->name;
      names += cat(names.empty() ? "" : ", ", name);
      types += cat(types.empty() ? "" : ", ", shaped(r.type, r.dims));
    }
    if (!names.empty()) line("scf.yield ", names, " : ", types);
  }
  static std::string typesOf(const std::vector<Known>& list) {
    std::string out;
    for (const Known& k : list) out += cat(out.empty() ? "" : ", ", shaped(k.type, k.dims));
    return out;
  }

  // `carried`: the minimum number of carried values.
  void loop(std::vector<Known> carried) {
    for (size_t k = next(4); k > 0; --k)
      if (auto v = pick([](const Known& v) { return !element(v.type).isFloat || v.bits <= 6; })) carried.push_back(*v);
    std::string low = constant("i32", {}, static_cast<int>(next(3))), high = constant("i32", {}, static_cast<int>(next(7))),
                by = constant("i32", {}, 1 + static_cast<int>(next(2)));
    if (next(4) == 0) high = binary("arith.andi", "%n", constant("i32", {}, 7), "i32");
    std::string r = fresh(), i = cat("%k", count_++), inits;
    auto outer = pool_;
    for (Known& c : carried) {
      std::string name = cat("%c", count_++);
      inits += cat(inits.empty() ? "" : ", ", name, " = ", c.name);
      if (element(c.type).isFloat) c.bits = 6;
      // A carried value may be anything: bounds of its initial value do not hold.
      if (!element(c.type).isFloat) c.bits = 64;
      add({c.type, c.dims, name, c.bits});
    }
    add({"i32", {}, i, 3});
    line(carried.empty()       ? ""
         : carried.size() == 1 ? cat(r, " = ")
                               : cat(r, ":", carried.size(), " = "),
         "scf.for ", i, " = ", low, " to ", high, " step ", by,
         carried.empty() ? "" : cat(" iter_args(", inits, ") -> (", typesOf(carried), ") "), " : i32 {");
    body(1 + next(6));
    yield(carried);
    line("}");
    pool_ = std::move(outer);
    for (size_t k = 0; k < carried.size(); ++k)
      add({carried[k].type, carried[k].dims, carried.size() == 1 ? r : cat(r, "#", k), carried[k].bits});
  }

  // A while loop of a few iterations, with a counter besides the carried values.
  void repeat(std::vector<Known> carried) {
    for (size_t k = next(3); k > 0; --k)
      if (auto v = pick([](const Known& v) { return !element(v.type).isFloat || v.bits <= 6; })) carried.push_back(*v);
    std::string zero = constant("i32", {}, 0), one = constant("i32", {}, 1), limit = constant("i32", {}, static_cast<int>(next(5)));
    if (next(4) == 0) limit = binary("arith.andi", "%n", constant("i32", {}, 3), "i32");
    std::string r = fresh(), counter = cat("%k", count_++), inside = cat("%k", count_++);
    auto outer = pool_;
    std::string inits = cat(counter, " = ", zero), tested = counter, arguments = cat(inside, ": i32"), types = "i32";
    for (Known& c : carried) {
      std::string before = cat("%c", count_++), name = cat("%c", count_++);
      inits += cat(", ", before, " = ", c.name);
      tested += cat(", ", before);
      arguments += cat(", ", name, ": ", shaped(c.type, c.dims));
      types += cat(", ", shaped(c.type, c.dims));
      c.bits = element(c.type).isFloat ? 6 : 64;
      add({c.type, c.dims, name, c.bits});
    }
    add({"i32", {}, inside, 3});
    line(r, ":", carried.size() + 1, " = scf.while (", inits, ") : (", types, ") -> (", types, ") {");
    std::string goOn = value("arith.cmpi slt, ", counter, ", ", limit, " : i32");
    line("scf.condition(", goOn, ") ", tested, " : ", types);
    line("} do {");
    line("^bb0(", arguments, "):");
    body(1 + next(4));
    std::string next_ = binary("arith.addi", inside, one, "i32");
    std::string names = next_;
    for (const Known& c : carried) {
      auto v = pick(c.type, c.dims);
      names += cat(", ", element(c.type).isFloat && v->bits > c.bits ? clamped(*v, c.bits) : v->name);
    }
    line("scf.yield ", names, " : ", types);
    line("}");
    pool_ = std::move(outer);
    for (size_t k = 0; k < carried.size(); ++k) add({carried[k].type, carried[k].dims, cat(r, "#", k + 1), carried[k].bits});
  }

  void body(size_t steps) {
    ++depth_;
    for (size_t k = 0; k < steps; ++k) step();
    if (next(2)) store();
    --depth_;
  }

  void branch() {
    std::vector<Known> results;
    for (size_t k = next(3); k > 0; --k)
      if (auto v = pick([](const Known&) { return true; })) {
        if (!element(v->type).isFloat) v->bits = 64;
        results.push_back(*v);
      }
    std::string c = condition(), r = fresh();
    line(results.empty()       ? ""
         : results.size() == 1 ? cat(r, " = ")
                               : cat(r, ":", results.size(), " = "),
         "scf.if ", c, results.empty() ? " {" : cat(" -> (", typesOf(results), ") {"));
    auto outer = pool_;
    body(next(5));
    yield(results);
    if (!results.empty() || next(2)) {
      line("} else {");
      pool_ = outer;
      body(next(4));
      yield(results);
    }
    line("}");
    pool_ = std::move(outer);
    for (size_t k = 0; k < results.size(); ++k)
      add({results[k].type, results[k].dims, results.size() == 1 ? r : cat(r, "#", k), results[k].bits});
  }

  uint64_t state_;
  int count_ = 0, depth_ = 0;
  bool feedback_ = false;  // outputs are read again
  bool big_ = false;
  std::vector<Dims> shapes_;
  std::vector<std::string> lines_;
  std::vector<Known> pool_;
};

inline std::string moduleText(const Program& p) {
  std::string out = "tt.func public @k(";
  for (const ArrayInfo& a : kArrays) out += cat(a.name, ": !tt.ptr<", a.type, ">, ");
  out +=
      "%n: i32, %s: i32) {\n  %pid = tt.get_program_id x : i32\n  %size = arith.constant 2048 : i32\n  %away = arith.muli %pid, %size : "
      "i32\n";
  for (auto& l : p.lines) out += l + "\n";
  return out + "  tt.return\n}\n";
}

}  // namespace nereid
