// SPDX-License-Identifier: MIT
// Inline assembly of GPUs whose meaning is plain arithmetic becomes operations.
//
//   tt.elementwise_inline_asm "tanh.approx.f32 $0, $1;" {constraints = "=f,f"} %x     =>  math.tanh %x
//   tt.elementwise_inline_asm "mul.f16x2 $0, $1, $2;" {packed_element = 2} %x, %y     =>  arith.mulf %x, %y
//
// The text is run on values: a register is a list of parts, which a packed instruction takes one by one. Where elements are packed, each
// element of a pack must come out by the same operations from its own inputs; then those of the first element are the answer. Anything
// else is refused by name. Public libraries use such text for a faster tanh or a conversion; `.approx` promises less than our functions give.
#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "ir/bits.h"
#include "passes/formula.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace nereid {
namespace {

using Register = std::vector<Num>;  // low parts first

std::string_view trimmed(std::string_view s) { return trim(s); }

std::vector<std::string_view> split(std::string_view s, char by) {
  std::vector<std::string_view> out;
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i <= s.size(); ++i) {
    if (i < s.size() && s[i] == '{') ++depth;
    if (i < s.size() && s[i] == '}') --depth;
    if (i < s.size() && (s[i] != by || depth > 0)) continue;
    if (std::string_view part = trimmed(s.substr(begin, i - begin)); !part.empty()) out.push_back(part);
    begin = i + 1;
  }
  return out;
}

Elem intOf(int bits) { return bits == 1 ? Elem::I1 : bits == 8 ? Elem::I8 : bits == 16 ? Elem::I16 : bits == 64 ? Elem::I64 : Elem::I32; }

class Assembly {
 public:
  Assembly(Builder& b, const Inst& inst) : b_(b), inst_(inst) {}

  // The results; nothing where the text has a part that `why` names.
  std::optional<std::vector<Value*>> run() {
    pack_ = static_cast<size_t>(inst_.integer(Attr::PackedElement, 1));
    std::vector<std::string_view> constraints = split(inst_.text(Attr::Constraints), ',');
    size_t operand = 0;
    // Results first, then arguments, each as many registers as its pack fills.
    for (const Value* r : inst_.results) {
      outputs_.push_back({});
      size_t count = registersOf(r->type);
      for (size_t k = 0; k < count; ++k) {
        if (operand >= constraints.size() || !constraints[operand].starts_with('=')) return fail("constraints that do not fit its results");
        outputs_.back().push_back(cat("$", operand++));
      }
    }
    if (inst_.operands.empty()) return fail("no arguments");
    shape_ = inst_.operands[0]->type;
    for (Value* v : inst_.operands) {
      if (v->type.isPointer() || v->type.elem == Elem::I1) return fail("an argument that is no number");
      size_t count = registersOf(v->type);
      int width = bitWidth(v->type);
      size_t lanes = pack_ / count;
      for (size_t k = 0; k < count; ++k) {
        if (operand >= constraints.size() || constraints[operand].starts_with('=')) return fail("constraints that do not fit its arguments");
        Register r;
        for (size_t lane = k * lanes; lane < (k + 1) * lanes; ++lane) {
          // The elements of a pack after the first are stand-ins.
          Value* leaf = lane == 0 ? v : b_.cast(Op::Bitcast, v, v->type.withElement(v->type.elem));
          if (lane > 0) leaves_[leaf] = {lane, v};
          r.push_back({&b_, leaf});
        }
        char letter = constraints[operand].back();
        int wide = letter == 'h' ? 16 : letter == 'l' || letter == 'd' ? 64 : 32;
        if (letter != 'h' && letter != 'r' && letter != 'f' && letter != 'l' && letter != 'd') return fail(cat("the constraint `", constraints[operand], "`"));
        if (static_cast<int>(lanes) * width < wide && lanes == 1 && width < wide) r[0] = integer(r[0]).cast(Op::ExtUI, intOf(wide));
        registers_[cat("$", operand++)] = r;
      }
    }
    std::string text = stripped(inst_.text(Attr::AsmString));
    for (std::string_view statement : split(text, ';')) {
      if (!instruction(statement)) return std::nullopt;
    }
    std::vector<Value*> results;
    for (size_t k = 0; k < inst_.results.size(); ++k) {
      Type type = inst_.results[k]->type;
      int width = bitWidth(type);
      std::vector<Num> lanes;
      for (const std::string& name : outputs_[k]) {
        auto found = registers_.find(name);
        if (found == registers_.end()) return fail(cat("nothing that sets `", name, "`"));
        Register r = found->second;
        size_t per = pack_ / outputs_[k].size();
        if (per == 1) {
          Num v = whole(r);
          if (bitWidth(v.type()) > width) v = integer(v).cast(Op::TruncI, intOf(width));
          if (bitWidth(v.type()) < width) return fail("a result of fewer bits than its type");
          lanes.push_back(v);
        } else {
          if (r.size() != per) return fail("instructions that mix the elements of a pack");
          for (Num part : r) lanes.push_back(part);
        }
      }
      for (size_t lane = 1; lane < lanes.size(); ++lane)
        if (!same(lanes[0].v, lanes[lane].v, lane)) return fail("elements of a pack that are not computed alike");
      if (bitWidth(lanes[0].type()) != width) return fail("a result of other bits than its type");
      results.push_back(as(lanes[0], type.elem).v);
    }
    return results;
  }
  std::string why;

 private:
  std::nullopt_t fail(std::string text) {
    if (why.empty()) why = std::move(text);
    return std::nullopt;
  }
  bool refuse(std::string text) { return fail(std::move(text)), false; }

  size_t registersOf(Type t) const { return std::max<size_t>(1, pack_ * static_cast<size_t>(bitWidth(t)) / 32 / (bitWidth(t) == 64 ? 2 : 1)); }

  // Without comments, braces around all, and declarations of registers.
  static std::string stripped(std::string_view s) {
    std::string out;
    for (size_t i = 0; i < s.size(); ++i) {
      if (s.substr(i, 2) == "//") {
        while (i < s.size() && s[i] != '\n') ++i;
        out += ' ';
      } else if (s.substr(i, 2) == "/*") {
        size_t end = s.find("*/", i);
        i = end == std::string_view::npos ? s.size() : end + 1;
      } else {
        out += s[i] == '\n' || s[i] == '\t' || s[i] == '\r' ? ' ' : s[i];
      }
    }
    std::string_view t = trimmed(out);
    if (t.starts_with('{') && t.ends_with('}')) t = t.substr(1, t.size() - 2);
    return std::string(t);
  }

  // Whether `other` is computed from the inputs of its lane as `first` is from those of the first.
  bool same(const Value* first, const Value* other, size_t lane) const {
    if (auto leaf = leaves_.find(other); leaf != leaves_.end()) return leaf->second.first == lane && leaf->second.second == first;
    if (leaves_.contains(first)) return false;
    if (!first->def || !other->def) return false;
    for (const Value* v : inst_.operands)
      if (first == v || other == v) return false;
    const Inst &a = *first->def, &b = *other->def;
    if (a.op != b.op || a.operands.size() != b.operands.size() || !(a.result()->type == b.result()->type)) return false;
    if (a.op == Op::Constant) return a.dense().bits == b.dense().bits;
    for (Attr attr : {Attr::Predicate, Attr::Rounding})
      if (a.has(attr) && a.integer(attr) != b.integer(attr)) return false;
    for (size_t k = 0; k < a.operands.size(); ++k)
      if (!same(a.operands[k], b.operands[k], lane)) return false;
    return true;
  }

  // ---- parts

  Num as(Num v, Elem elem) { return v.type().elem == elem ? v : Num{&b_, b_.cast(Op::Bitcast, v.v, v.type().withElement(elem))}; }
  Num integer(Num v) { return v.type().isFloat() ? as(v, intOf(bitWidth(v.type()))) : v; }
  Num widened(Num v, int bits) { return bitWidth(v.type()) < bits ? integer(v).cast(Op::ExtUI, intOf(bits)) : integer(v); }
  Num constant(int64_t n, int bits) { return {&b_, b_.integer(shape_.withElement(intOf(bits)), n)}; }
  Num whole(const Register& r) {
    if (r.size() == 1) return r[0];
    int each = bitWidth(r[0].type()), bits = each * static_cast<int>(r.size());
    Num v = widened(r[0], bits);
    for (size_t k = 1; k < r.size(); ++k) v = v | shiftLeft(widened(r[k], bits), each * static_cast<int64_t>(k));
    return v;
  }
  Register parts(const Register& r, size_t count) {
    if (r.size() == count) return r;
    Num v = integer(whole(r));
    int bits = bitWidth(v.type()), each = bits / static_cast<int>(count);
    Register out;
    for (size_t k = 0; k < count; ++k) out.push_back((k ? shiftRight(v, each * static_cast<int64_t>(k)) : v).cast(Op::TruncI, intOf(each)));
    return out;
  }

  // ---- operands

  std::optional<Register> read(std::string_view name, int bits, bool isFloat) {
    if (name.starts_with('{')) {  // {low, high}
      Register all;
      for (std::string_view part : split(name.substr(1, name.size() - 2), ',')) {
        auto r = read(part, 0, false);
        if (!r) return std::nullopt;
        all.insert(all.end(), r->begin(), r->end());
      }
      return all;
    }
    if (auto found = registers_.find(std::string(name)); found != registers_.end()) return found->second;
    if (name.starts_with("0f") || name.starts_with("0F") || name.starts_with("0d") || name.starts_with("0D")) {
      uint64_t pattern = 0;
      auto [end, ec] = std::from_chars(name.data() + 2, name.data() + name.size(), pattern, 16);
      if (ec != std::errc() || end != name.data() + name.size()) return fail(cat("the operand `", name, "`"));
      bool single = (name[1] | 0x20) == 'f';
      return Register{{&b_, b_.constant(shape_.withElement(single ? Elem::F32 : Elem::F64), pattern)}};
    }
    if (isFloat && name.find('.') != std::string_view::npos) {
      auto value = parseDouble(name);
      if (!value) return fail(cat("the operand `", name, "`"));
      return Register{{&b_, b_.floating(shape_.withElement(bits == 64 ? Elem::F64 : Elem::F32), *value)}};
    }
    std::string_view digits = name;
    bool negative = digits.starts_with('-');
    if (negative) digits.remove_prefix(1);
    int base = 10;
    if (digits.starts_with("0x") || digits.starts_with("0X")) {
      digits.remove_prefix(2);
      base = 16;
    }
    if (digits.ends_with('U') || digits.ends_with('u')) digits.remove_suffix(1);
    uint64_t n = 0;
    auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), n, base);
    if (digits.empty() || ec != std::errc() || end != digits.data() + digits.size()) return fail(cat("the operand `", name, "`"));
    return Register{constant(static_cast<int64_t>(negative ? -n : n), bits ? bits : 32)};
  }

  void write(std::string_view name, Register r) {
    if (name.starts_with('{')) {
      std::vector<std::string_view> names = split(name.substr(1, name.size() - 2), ',');
      Register all = parts(r, names.size());
      for (size_t k = 0; k < names.size(); ++k) registers_[std::string(names[k])] = {all[k]};
      return;
    }
    registers_[std::string(name)] = std::move(r);
  }

  // ---- instructions

  struct Form {
    Elem elem = Elem::I32;
    size_t count = 1;
    bool isFloat = false, isSigned = false;
  };
  static std::optional<Form> form(std::string_view t) {
    struct Row {
      const char* name;
      Form form;
    };
    static constexpr Row kForms[] = {{"f32", {Elem::F32, 1, true, true}}, {"f64", {Elem::F64, 1, true, true}}, {"f16", {Elem::F16, 1, true, true}}, {"bf16", {Elem::BF16, 1, true, true}},
                                     {"f16x2", {Elem::F16, 2, true, true}}, {"bf16x2", {Elem::BF16, 2, true, true}}, {"s32", {Elem::I32, 1, false, true}}, {"u32", {Elem::I32, 1, false, false}},
                                     {"b32", {Elem::I32, 1, false, false}}, {"s64", {Elem::I64, 1, false, true}}, {"u64", {Elem::I64, 1, false, false}}, {"b64", {Elem::I64, 1, false, false}},
                                     {"s16", {Elem::I16, 1, false, true}}, {"u16", {Elem::I16, 1, false, false}}, {"b16", {Elem::I16, 1, false, false}}, {"s8", {Elem::I8, 1, false, true}},
                                     {"u8", {Elem::I8, 1, false, false}}, {"b8", {Elem::I8, 1, false, false}}, {"e4m3x2", {Elem::F8E4M3FN, 2, true, true}}, {"e5m2x2", {Elem::F8E5M2, 2, true, true}}};
    for (const Row& r : kForms)
      if (t == r.name) return r.form;
    return std::nullopt;
  }

  bool instruction(std::string_view s) {
    if (s.starts_with(".reg")) return true;
    size_t space = s.find(' ');
    if (space == std::string_view::npos) return refuse(cat("`", s, "`"));
    std::string_view mnemonic = s.substr(0, space);
    std::vector<std::string_view> words = split(mnemonic, '.'), names = split(s.substr(space + 1), ',');
    std::string_view op = words[0];
    std::vector<Form> forms;
    std::vector<std::string_view> flags;
    for (size_t i = 1; i < words.size(); ++i) {
      if (auto f = form(words[i])) forms.push_back(*f);
      else flags.push_back(words[i]);
    }
    auto has = [&](std::string_view flag) { return std::find(flags.begin(), flags.end(), flag) != flags.end(); };
    auto unknown = [&] { return refuse(cat("`", mnemonic, "`")); };
    if (s.starts_with('@') || forms.empty() || names.size() < 2) return unknown();
    for (std::string_view flag : flags)
      if (flag != "approx" && flag != "ftz" && flag != "rn" && flag != "full" && flag != "lo" && flag != "hi" && flag != "wide" && flag != "NaN" && flag != "satfinite" && flag != "rz" && flag != "rni" &&
          flag != "rzi" && flag != "rmi" && flag != "rpi" && flag != "sat" && flag != "relu")
        return unknown();
    // `.ftz` flushes subnormals: the functions here keep them, which is more exact.
    Form f = forms[0];
    int bits = bitWidth(Type::scalar(f.elem));
    size_t inputs = names.size() - 1;
    std::vector<Register> in;
    for (size_t k = 1; k < names.size(); ++k) {
      auto r = read(names[k], op == "prmt" || op == "lop3" || op == "dp4a" ? 32 : op == "shl" || op == "shr" ? 32 : bits * static_cast<int>(f.count), f.isFloat);
      if (!r) return false;
      in.push_back(*r);
    }
    if (op == "mov" && inputs == 1) return write(names[0], in[0]), true;
    if (op == "cvt") return inputs >= 1 && convert(names[0], forms, flags, in) ? true : unknown();
    // One part after the other.
    Register out;
    std::vector<Register> split_;
    for (Register& r : in) {
      bool shift = (op == "shl" || op == "shr") && &r == &in[1];
      Register p = f.count > 1 ? parts(r, f.count) : Register{whole(r)};
      for (Num& n : p) {
        if (!shift && bitWidth(n.type()) > bits) n = integer(n).cast(Op::TruncI, intOf(bits));
        if (bitWidth(n.type()) < bits) return unknown();
        if (!shift) n = as(n, f.elem);
      }
      split_.push_back(p);
    }
    for (size_t k = 0; k < f.count; ++k) {
      std::vector<Num> x;
      for (auto& r : split_) x.push_back(r[k]);
      std::optional<Num> v = f.isFloat ? floats(op, x, has("NaN")) : integers(op, x, f, forms, has("hi"), has("wide"), has("lo"));
      if (!v) return unknown();
      if (f.isFloat && has("sat")) v = choose(isNan(*v) | (*v <= 0), 0, choose(*v >= 1, 1, *v));
      if (f.isFloat && has("relu")) v = choose(isNan(*v), *v, choose(*v <= 0, 0, *v));
      out.push_back(*v);
    }
    write(names[0], out);
    return true;
  }

  // Functions and arithmetic of f16 and bf16 go by way of f32 where ours do.
  std::optional<Num> floats(std::string_view op, const std::vector<Num>& x, bool nan) {
    auto math = [&](Op o) -> Num {
      Elem elem = x[0].type().elem;
      if (elem == Elem::F32 || elem == Elem::F64) return x[0].make(o);
      return x[0].cast(Op::ExtF, Elem::F32).make(o).cast(Op::TruncF, elem);
    };
    if (x.size() == 1) {
      if (op == "tanh") return math(Op::Tanh);
      if (op == "ex2") return math(Op::Exp2);
      if (op == "lg2") return math(Op::Log2);
      if (op == "sqrt") return math(Op::Sqrt);
      if (op == "rsqrt") return math(Op::Rsqrt);
      if (op == "sin") return math(Op::Sin);
      if (op == "cos") return math(Op::Cos);
      if (op == "rcp") return 1.0 / x[0];
      if (op == "abs") return abs(x[0]);
      if (op == "neg") return -x[0];
    }
    if (x.size() == 2) {
      if (op == "add") return x[0] + x[1];
      if (op == "sub") return x[0] - x[1];
      if (op == "mul") return x[0] * x[1];
      if (op == "div") return x[0] / x[1];
      if (op == "min") return x[0].make(nan ? Op::MinimumF : Op::MinNumF, x[1]);
      if (op == "max") return x[0].make(nan ? Op::MaximumF : Op::MaxNumF, x[1]);
    }
    if (x.size() == 3 && (op == "fma" || op == "mad")) return fma(x[0], x[1], x[2]);
    return std::nullopt;
  }

  std::optional<Num> integers(std::string_view op, const std::vector<Num>& x, const Form& f, const std::vector<Form>& forms, bool hi, bool wide, bool lo) {
    int bits = bitWidth(x[0].type());
    auto twice = [&](Num v) { return v.cast(f.isSigned ? Op::ExtSI : Op::ExtUI, intOf(bits * 2)); };
    if (x.size() == 1) {
      if (op == "not") return x[0] ^ constant(-1, bits);
      if (op == "neg") return x[0].of(0) - x[0];
      if (op == "abs") return abs(x[0]);
    }
    if (x.size() == 2) {
      if (op == "add") return x[0] + x[1];
      if (op == "sub") return x[0] - x[1];
      if (op == "and") return x[0] & x[1];
      if (op == "or") return x[0] | x[1];
      if (op == "xor") return x[0] ^ x[1];
      if (op == "min") return x[0].make(f.isSigned ? Op::MinSI : Op::MinUI, x[1]);
      if (op == "max") return x[0].make(f.isSigned ? Op::MaxSI : Op::MaxUI, x[1]);
      if (op == "mul" && lo) return x[0] * x[1];
      if (op == "mul" && wide && bits < 64) return twice(x[0]) * twice(x[1]);
      if (op == "mul" && hi && !f.isSigned && bits >= 32) return x[0].make(Op::MulHiUI, x[1]);
      if (op == "mul" && hi && bits < 64) return shiftRight(twice(x[0]) * twice(x[1]), bits).cast(Op::TruncI, intOf(bits));
      if (op == "shl" || op == "shr") {
        // Counts of the width or more shift everything out.
        Num by = widened(x[1], bits);
        if (bitWidth(by.type()) > bits) by = by.cast(Op::TruncI, intOf(bits));
        Num over{&b_, b_.cmpI(CmpIPred::Ugt, by.v, constant(bits - 1, bits).v)};
        bool arithmetic = op == "shr" && f.isSigned;
        Num shifted = x[0].make(op == "shl" ? Op::ShLI : arithmetic ? Op::ShRSI : Op::ShRUI, choose(over, constant(bits - 1, bits), by));
        return arithmetic ? shifted : choose(over, 0, shifted);
      }
    }
    if (x.size() == 3 && op == "mad" && lo) return x[0] * x[1] + x[2];
    if (x.size() == 3 && op == "mad" && wide && bits < 64) return std::nullopt;
    if (x.size() == 3 && op == "prmt" && bits == 32) {
      // Each byte of the result is one of the eight of the first two operands, or its sign.
      auto selector = constantOf(x[2]);
      if (!selector) return std::nullopt;
      Num v = constant(0, 32);
      for (int k = 0; k < 4; ++k) {
        int64_t pick = static_cast<int64_t>(*selector >> (4 * k) & 7);
        Num byte = (pick % 4 ? shiftRight(x[pick / 4], 8 * (pick % 4)) : x[pick / 4]) & constant(255, 32);
        if (*selector >> (4 * k) & 8) byte = constant(0, 32) - shiftRight(byte, 7);
        byte = byte & constant(255, 32);
        v = v | (k ? shiftLeft(byte, 8 * k) : byte);
      }
      return v;
    }
    if (x.size() == 3 && op == "dp4a" && bits == 32 && forms.size() == 2) {
      Num sum = x[2];
      for (int k = 0; k < 4; ++k) {
        auto byte = [&](Num v, bool isSigned) {
          Num top = k < 3 ? shiftLeft(v, 24 - 8 * k) : v;
          return isSigned ? shiftSigned(top, 24) : shiftRight(top, 24);
        };
        sum = sum + byte(x[0], forms[0].isSigned) * byte(x[1], forms[1].isSigned);
      }
      return sum;
    }
    if (x.size() == 4 && op == "lop3" && bits == 32) {
      auto table = constantOf(x[3]);
      if (!table) return std::nullopt;
      Num v = constant(0, 32), ones = constant(-1, 32);
      for (unsigned row = 0; row < 8; ++row)
        if (*table >> row & 1) v = v | ((row & 4 ? x[0] : x[0] ^ ones) & (row & 2 ? x[1] : x[1] ^ ones) & (row & 1 ? x[2] : x[2] ^ ones));
      return v;
    }
    return std::nullopt;
  }

  static std::optional<uint64_t> constantOf(Num v) {
    if (!v.v->def || v.v->def->op != Op::Constant) return std::nullopt;
    return v.v->def->dense().bits[0];
  }

  bool convert(std::string_view name, const std::vector<Form>& forms, const std::vector<std::string_view>& flags, std::vector<Register>& in) {
    auto has = [&](std::string_view flag) { return std::find(flags.begin(), flags.end(), flag) != flags.end(); };
    if (forms.size() != 2 || has("sat") || has("relu")) return false;
    Form to = forms[0], from = forms[1];
    if (to.count == 2 && from.count == 1) {  // d, high, low
      if (in.size() != 2) return false;
      std::swap(in[0], in[1]);
    } else if (in.size() != 1 || to.count != from.count) {
      return false;
    }
    int bits = bitWidth(Type::scalar(from.elem));
    std::vector<Num> x;
    for (Register& r : in)
      for (Num n : from.count == 2 ? parts(r, 2) : Register{whole(r)}) {
        if (bitWidth(n.type()) > bits) n = integer(n).cast(Op::TruncI, intOf(bits));
        if (bitWidth(n.type()) < bits) return false;
        x.push_back(as(n, from.elem));
      }
    Register out;
    for (Num v : x) {
      int width = bitWidth(Type::scalar(to.elem));
      Type type = v.type().withElement(to.elem);
      if (from.isFloat && to.isFloat) {
        if (from.elem == to.elem) {
          if (has("rni")) v = v.make(Op::RoundEven);
          else if (has("rmi")) v = v.make(Op::Floor);
          else if (has("rpi")) v = v.make(Op::Ceil);
          else if (has("rzi")) return false;
          out.push_back(v);
          continue;
        }
        bool eight = width == 8 || bits == 8;
        if (eight && width == 8 && !has("satfinite")) return false;
        if (eight || has("rz")) {
          Inst* i = b_.create(Op::FpToFp, {v.v}, {type});
          if (width < bits) i->set(Attr::Rounding, static_cast<int64_t>(has("rz") ? Rounding::TowardZero : Rounding::NearestEven));
          out.push_back({&b_, i->result()});
        } else if (width == bits) {
          return false;
        } else {
          out.push_back(v.cast(width > bits ? Op::ExtF : Op::TruncF, to.elem));
        }
      } else if (from.isFloat) {
        if (bits == 16) v = v.cast(Op::ExtF, Elem::F32);
        if (has("rni")) v = v.make(Op::RoundEven);
        else if (has("rmi")) v = v.make(Op::Floor);
        else if (has("rpi")) v = v.make(Op::Ceil);
        out.push_back(v.cast(to.isSigned ? Op::FPToSI : Op::FPToUI, to.elem));
      } else if (to.isFloat) {
        if (width == 8) return false;
        out.push_back(v.cast(from.isSigned ? Op::SIToFP : Op::UIToFP, to.elem));
      } else {
        out.push_back(width > bits ? v.cast(from.isSigned ? Op::ExtSI : Op::ExtUI, to.elem) : v.cast(Op::TruncI, to.elem));
      }
    }
    write(name, out);
    return true;
  }

  Builder& b_;
  const Inst& inst_;
  Type shape_;
  size_t pack_ = 1;
  std::map<std::string, Register> registers_;
  std::vector<std::vector<std::string>> outputs_;
  std::map<const Value*, std::pair<size_t, const Value*>> leaves_;
};

}  // namespace

Result<> expandInlineAsm(Module& m, Diags& diags) {
  bool failed = false;
  for (auto& f : m.funcs) {
    Replacements replaced;
    rewriteEach(m, f->body, replaced, [&](Builder& b, Inst& inst) -> Value* {
      if (inst.op != Op::InlineAsm || failed) return nullptr;
      Assembly assembly(b, inst);
      auto results = assembly.run();
      if (!results) {
        failed = true;
        diags.error(Err::Unsupported, inst.loc)
            .says("inline assembly is text for one GPU, and this has no meaning here: it has ", assembly.why)
            .hint("write it with `tl.` functions, or guard it with `tl.target_info.is_cuda()`; arithmetic, conversions and `.approx` functions are understood");
        return nullptr;
      }
      for (size_t k = 1; k < results->size(); ++k) replaced.add(inst.results[k], (*results)[k]);
      return (*results)[0];
    });
    replaced.apply(f->body);
  }
  if (failed) return std::unexpected(Failed{});
  return {};
}

}  // namespace nereid
