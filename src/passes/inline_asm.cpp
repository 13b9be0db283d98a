// SPDX-License-Identifier: MIT
// Converts GPU inline assembly that is plain arithmetic to operations.
//
//   tt.elementwise_inline_asm "tanh.approx.f32 $0, $1;" {constraints = "=f,f"} %x     =>  math.tanh %x
//   tt.elementwise_inline_asm "mul.f16x2 $0, $1, $2;" {packed_element = 2} %x, %y     =>  arith.mulf %x, %y
//
// The text is executed on values: a register is a list of parts, and a packed instruction processes them one by one. If elements are
// packed, each element of a pack must be computed by the same operations from its own inputs; the operations of the first element are then
// the result. Anything else is refused by name. Public libraries use such text for a faster tanh or for conversions; `.approx` functions
// promise less accuracy than ours have.
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

  // The results; nothing if the text contains something unsupported, which `why` names.
  std::optional<std::vector<Value*>> run() {
    pack_ = static_cast<size_t>(inst_.integer(Attr::PackedElement, 1));
    std::vector<std::string_view> constraints = split(inst_.text(Attr::Constraints), ',');
    size_t operand = 0;
    // Results first, then arguments; each uses the registers that its pack fills.
    for (const Value* r : inst_.results) {
      outputs_.push_back({});
      size_t count = registersOf(r->type);
      for (size_t k = 0; k < count; ++k) {
        if (operand >= constraints.size() || !constraints[operand].starts_with('='))
          return fail("constraints that do not match its results");
        outputs_.back().push_back(cat("$", operand++));
      }
    }
    if (inst_.operands.empty()) return fail("no arguments");
    shape_ = inst_.operands[0]->type;
    for (Value* v : inst_.operands) {
      if (v->type.isPointer() || v->type.elem == Elem::I1) return fail("an argument that is not a number");
      size_t count = registersOf(v->type);
      int width = bitWidth(v->type);
      size_t lanes = pack_ / count;
      for (size_t k = 0; k < count; ++k) {
        if (operand >= constraints.size() || constraints[operand].starts_with('='))
          return fail("constraints that do not match its arguments");
        Register r;
        for (size_t lane = k * lanes; lane < (k + 1) * lanes; ++lane) {
          // The elements of a pack after the first are placeholders.
          Value* leaf = lane == 0 ? v : b_.cast(Op::Bitcast, v, v->type.withElement(v->type.elem));
          if (lane > 0) leaves_[leaf] = {lane, v};
          r.push_back({&b_, leaf});
        }
        char letter = constraints[operand].back();
        int wide = letter == 'h' ? 16 : letter == 'l' || letter == 'd' ? 64 : 32;
        if (letter != 'h' && letter != 'r' && letter != 'f' && letter != 'l' && letter != 'd')
          return fail(cat("the constraint `", constraints[operand], "`"));
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
          if (bitWidth(v.type()) < width) return fail("a result with fewer bits than its type");
          lanes.push_back(v);
        } else {
          if (r.size() != per) return fail("instructions that mix the elements of a pack");
          for (Num part : r) lanes.push_back(part);
        }
      }
      for (size_t lane = 1; lane < lanes.size(); ++lane)
        if (!same(lanes[0].v, lanes[lane].v, lane)) return fail("elements of a pack that are computed differently");
      if (bitWidth(lanes[0].type()) != width) return fail("a result whose number of bits differs from its type");
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

  size_t registersOf(Type t) const {
    return std::max<size_t>(1, pack_ * static_cast<size_t>(bitWidth(t)) / 32 / (bitWidth(t) == 64 ? 2 : 1));
  }

  // Removes comments, outer braces, and declarations of registers.
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

  // Returns whether `other` is computed from its lane's inputs as `first` is from those of the first lane.
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
    static constexpr Row kForms[] = {
        {"f32", {Elem::F32, 1, true, true}},         {"f64", {Elem::F64, 1, true, true}},      {"f16", {Elem::F16, 1, true, true}},
        {"bf16", {Elem::BF16, 1, true, true}},       {"f16x2", {Elem::F16, 2, true, true}},    {"bf16x2", {Elem::BF16, 2, true, true}},
        {"s32", {Elem::I32, 1, false, true}},        {"u32", {Elem::I32, 1, false, false}},    {"b32", {Elem::I32, 1, false, false}},
        {"s64", {Elem::I64, 1, false, true}},        {"u64", {Elem::I64, 1, false, false}},    {"b64", {Elem::I64, 1, false, false}},
        {"s16", {Elem::I16, 1, false, true}},        {"u16", {Elem::I16, 1, false, false}},    {"b16", {Elem::I16, 1, false, false}},
        {"s16x2", {Elem::I16, 2, false, true}},      {"u16x2", {Elem::I16, 2, false, false}},  {"pred", {Elem::I1, 1, false, false}},
        {"s8", {Elem::I8, 1, false, true}},          {"u8", {Elem::I8, 1, false, false}},      {"b8", {Elem::I8, 1, false, false}},
        {"e4m3x2", {Elem::F8E4M3FN, 2, true, true}}, {"e5m2x2", {Elem::F8E5M2, 2, true, true}}};
    for (const Row& r : kForms)
      if (t == r.name) return r.form;
    return std::nullopt;
  }

  // `@p add.s32 d, a, b;`: d keeps its value where p is false.
  bool instruction(std::string_view s) {
    if (s.starts_with(".reg")) return true;
    if (!s.starts_with('@')) return plainInstruction(s);
    bool negated = s.substr(1).starts_with('!');
    size_t space = s.find(' '), begin = negated ? 2 : 1;
    std::string_view rest = space == std::string_view::npos ? "" : trimmed(s.substr(space));
    size_t from = rest.find(' '), to = rest.find(',');
    if (from == std::string_view::npos || to == std::string_view::npos || to < from) return refuse(cat("`", s, "`"));
    std::string destination(trimmed(rest.substr(from, to - from)));
    auto guard = registers_.find(std::string(s.substr(begin, space - begin))), old = registers_.find(destination);
    if (guard == registers_.end() || old == registers_.end()) return refuse(cat("`", s, "`"));
    Num condition = guard->second[0], before = whole(old->second);
    if (!plainInstruction(rest)) return false;
    Num after = whole(registers_[destination]);
    if (bitWidth(after.type()) != bitWidth(before.type())) return refuse(cat("`", s, "`"));
    after = as(after, before.type().elem);
    registers_[destination] = {negated ? choose(condition, before, after) : choose(condition, after, before)};
    return true;
  }

  bool plainInstruction(std::string_view s) {
    size_t space = s.find(' ');
    if (space == std::string_view::npos) return refuse(cat("`", s, "`"));
    std::string_view mnemonic = s.substr(0, space);
    std::vector<std::string_view> words = split(mnemonic, '.'), names = split(s.substr(space + 1), ',');
    std::string_view op = words[0];
    std::vector<Form> forms;
    std::vector<std::string_view> flags;
    for (size_t i = 1; i < words.size(); ++i) {
      if (auto f = form(words[i]))
        forms.push_back(*f);
      else
        flags.push_back(words[i]);
    }
    auto has = [&](std::string_view flag) { return std::find(flags.begin(), flags.end(), flag) != flags.end(); };
    auto unknown = [&] { return refuse(cat("`", mnemonic, "`")); };
    if (forms.empty() || names.size() < 2) return unknown();
    bool comparison = op == "setp" || op == "set";
    for (std::string_view flag : flags) {
      auto among = [&](std::initializer_list<std::string_view> known) {
        return std::find(known.begin(), known.end(), flag) != known.end();
      };
      bool known = op == "cvt"    ? among({"rn", "rz", "rni", "rzi", "rmi", "rpi", "ftz", "sat", "satfinite", "relu"})
                   : op == "prmt" ? among({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"})
                   : op == "shf"  ? among({"l", "r", "wrap", "clamp"})
                   : comparison   ? flag == "ftz" || flag == flags[0]
                                  : among({"approx", "ftz", "rn", "full", "lo", "hi", "wide", "NaN", "sat", "relu"});
      if (!known) return unknown();
    }
    // `.ftz` flushes subnormals: these functions keep them, which is more exact.
    Form f = forms[0], source = op == "set" && forms.size() == 2 ? forms[1] : f;
    int bits = bitWidth(Type::scalar(source.elem));
    if (!f.isFloat && (has("relu") || (has("sat") && (bits != 32 || !f.isSigned || (op != "add" && op != "sub")) && op != "cvt")))
      return unknown();
    size_t inputs = names.size() - 1;
    // The bits of an operand: most have the width of the instruction.
    auto bitsOf = [&](size_t k) {
      if (op == "prmt" || op == "lop3" || op == "dp4a" || op == "dp2a" || ((op == "shl" || op == "shr" || op == "bfe") && k >= 1) ||
          ((op == "bfi" || op == "shf") && k >= 2))
        return 32;
      if (op == "selp" && k == 2) return 1;
      if (op == "slct" && k == 2 && forms.size() == 2) return bitWidth(Type::scalar(forms[1].elem));
      if (op == "mad" && has("wide") && k == 2) return 2 * bits;
      return bits;
    };
    std::vector<Register> in;
    for (size_t k = 1; k < names.size(); ++k) {
      auto r = read(names[k], bitsOf(k - 1) * static_cast<int>(f.count), source.isFloat);
      if (!r) return false;
      in.push_back(*r);
    }
    if (op == "mov" && inputs == 1) return write(names[0], in[0]), true;
    if (op == "cvt") return inputs >= 1 && convert(names[0], forms, flags, in) ? true : unknown();
    // Applies an operation part by part.
    Register out;
    std::vector<Register> split_;
    for (size_t k = 0; k < in.size(); ++k) {
      int want = bitsOf(k);
      Register p = f.count > 1 ? parts(in[k], f.count) : Register{whole(in[k])};
      for (Num& n : p) {
        if (bitWidth(n.type()) > want) n = integer(n).cast(Op::TruncI, intOf(want));
        if (bitWidth(n.type()) < want) return unknown();
        n = as(n, op == "slct" && k == 2 && forms.size() == 2 ? forms[1].elem : want == bits ? source.elem : intOf(want));
      }
      split_.push_back(p);
    }
    for (size_t k = 0; k < f.count; ++k) {
      std::vector<Num> x;
      for (auto& r : split_) x.push_back(r[k]);
      std::optional<Num> v = comparison || op == "selp" || op == "slct" ? chosen(op, x, forms, flags)
                             : f.isFloat                                ? floats(op, x, has("NaN"))
                                                                        : integers(op, x, f, forms, flags);
      if (!v) return unknown();
      if (f.isFloat && has("sat")) v = choose(isNan(*v) | (*v <= 0), 0, choose(*v >= 1, 1, *v));
      if (f.isFloat && has("relu")) v = choose(isNan(*v), *v, choose(*v <= 0, 0, *v));
      out.push_back(*v);
    }
    write(names[0], out);
    return true;
  }

  // Comparisons and selects.
  std::optional<Num> chosen(std::string_view op, const std::vector<Num>& x, const std::vector<Form>& forms,
                            const std::vector<std::string_view>& flags) {
    if (op == "selp") return x.size() == 3 ? std::optional(choose(x[2], x[0], x[1])) : std::nullopt;
    if (op == "slct") return x.size() == 3 && forms.size() == 2 ? std::optional(choose(x[2] >= 0, x[0], x[1])) : std::nullopt;
    const Form& of = forms.back();
    struct Row {
      std::string_view name;
      CmpFPred real;
      CmpIPred isSigned, isUnsigned;
    };
    using F = CmpFPred;
    using I = CmpIPred;
    static constexpr Row kRows[] = {{"eq", F::Oeq, I::Eq, I::Eq},     {"ne", F::One, I::Ne, I::Ne},     {"lt", F::Olt, I::Slt, I::Ult},
                                    {"le", F::Ole, I::Sle, I::Ule},   {"gt", F::Ogt, I::Sgt, I::Ugt},   {"ge", F::Oge, I::Sge, I::Uge},
                                    {"lo", F::False, I::Ult, I::Ult}, {"ls", F::False, I::Ule, I::Ule}, {"hi", F::False, I::Ugt, I::Ugt},
                                    {"hs", F::False, I::Uge, I::Uge}, {"equ", F::Ueq, I::Eq, I::Eq},    {"neu", F::Une, I::Eq, I::Eq},
                                    {"ltu", F::Ult, I::Eq, I::Eq},    {"leu", F::Ule, I::Eq, I::Eq},    {"gtu", F::Ugt, I::Eq, I::Eq},
                                    {"geu", F::Uge, I::Eq, I::Eq},    {"num", F::Ord, I::Eq, I::Eq},    {"nan", F::Uno, I::Eq, I::Eq}};
    if (x.size() != 2 || flags.empty() || forms.size() != (op == "set" ? 2 : 1)) return std::nullopt;
    for (const Row& row : kRows) {
      bool ofFloats = row.name.size() == 3, ofIntegers = row.real == F::False;
      if (row.name != flags[0] || (of.isFloat ? ofIntegers : ofFloats)) continue;
      Num v{&b_, of.isFloat ? b_.cmpF(row.real, x[0].v, x[1].v) : b_.cmpI(of.isSigned ? row.isSigned : row.isUnsigned, x[0].v, x[1].v)};
      if (op == "setp") return v;
      Num one = forms[0].isFloat ? Num{&b_, b_.floating(shape_.withElement(forms[0].elem), 1)}
                                 : constant(-1, bitWidth(Type::scalar(forms[0].elem)));
      return choose(v, one, 0);
    }
    return std::nullopt;
  }

  // Functions and arithmetic of f16 and bf16 are computed in f32.
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

  // x shifted by an amount that may be the width or more.
  Num shifted(Op op, Num x, Num by) {
    int bits = bitWidth(x.type());
    by = widened(by, bits);
    if (bitWidth(by.type()) > bits) {
      by = choose(Num{&b_, b_.cmpI(CmpIPred::Ugt, by.v, constant(bits, bitWidth(by.type())).v)}, constant(bits, bitWidth(by.type())), by)
               .cast(Op::TruncI, intOf(bits));
    }
    Num over{&b_, b_.cmpI(CmpIPred::Ugt, by.v, constant(bits - 1, bits).v)},
        result = x.make(op, choose(over, constant(bits - 1, bits), by));
    return op == Op::ShRSI ? result : choose(over, 0, result);
  }
  Num smaller(Num x, Num y) { return x.make(Op::MinUI, y); }

  std::optional<Num> integers(std::string_view op, const std::vector<Num>& x, const Form& f, const std::vector<Form>& forms,
                              const std::vector<std::string_view>& flags) {
    auto has = [&](std::string_view flag) { return std::find(flags.begin(), flags.end(), flag) != flags.end(); };
    bool hi = has("hi"), wide = has("wide"), lo = has("lo");
    int bits = bitWidth(x[0].type());
    auto twice = [&](Num v) { return v.cast(f.isSigned ? Op::ExtSI : Op::ExtUI, intOf(bits * 2)); };
    auto high = [&](Num a, Num b) -> Num {
      if (bits < 32 || (bits == 32 && f.isSigned)) return shiftRight(twice(a) * twice(b), bits).cast(Op::TruncI, intOf(bits));
      Num v = a.make(Op::MulHiUI, b);
      return f.isSigned ? v - choose(a < 0, b, 0) - choose(b < 0, a, 0) : v;
    };
    if (x.size() == 1) {
      if (op == "not") return x[0] ^ constant(-1, bits);
      if (op == "cnot") return choose(x[0] == 0, x[0].of(1), 0);
      if (op == "neg") return x[0].of(0) - x[0];
      if (op == "abs") return abs(x[0]);
      if (op == "popc") return bits == 64 ? x[0].make(Op::CtPop).cast(Op::TruncI, Elem::I32) : x[0].make(Op::CtPop);
      if (op == "clz") return bits == 64 ? x[0].make(Op::CtLZ).cast(Op::TruncI, Elem::I32) : x[0].make(Op::CtLZ);
      if (op == "brev") {
        // Exchanges neighbouring bits, then pairs, fours and so on.
        Num v = x[0];
        for (int64_t step = 1; step < bits; step *= 2) {
          uint64_t mask = ~uint64_t{0} / ((uint64_t{1} << step) + 1);  // the lower of each two groups of `step` bits
          if (bits == 32) mask &= 0xFFFFFFFF;
          Num lower = constant(static_cast<int64_t>(mask), bits);
          v = shiftLeft(v & lower, step) | (shiftRight(v, step) & lower);
        }
        return v;
      }
    }
    if (x.size() == 2) {
      if ((op == "add" || op == "sub") && has("sat")) {
        Num sum = op == "add" ? twice(x[0]) + twice(x[1]) : twice(x[0]) - twice(x[1]);
        return sum.make(Op::MinSI, constant(INT32_MAX, 64)).make(Op::MaxSI, constant(INT32_MIN, 64)).cast(Op::TruncI, Elem::I32);
      }
      if (op == "add") return x[0] + x[1];
      if (op == "sub") return x[0] - x[1];
      if (op == "and") return x[0] & x[1];
      if (op == "or") return x[0] | x[1];
      if (op == "xor") return x[0] ^ x[1];
      if (op == "min") return x[0].make(f.isSigned ? Op::MinSI : Op::MinUI, x[1]);
      if (op == "max") return x[0].make(f.isSigned ? Op::MaxSI : Op::MaxUI, x[1]);
      if (op == "div" && f.isSigned) return x[0].make(Op::DivSI, x[1]);
      if (op == "div") return x[0].make(Op::DivUI, x[1]);
      if (op == "rem") return x[0].make(f.isSigned ? Op::RemSI : Op::RemUI, x[1]);
      if (op == "mul" && lo) return x[0] * x[1];
      if (op == "mul" && wide && bits < 64) return twice(x[0]) * twice(x[1]);
      if (op == "mul" && hi) return high(x[0], x[1]);
      if (op == "shl" || op == "shr") return shifted(op == "shl" ? Op::ShLI : f.isSigned ? Op::ShRSI : Op::ShRUI, x[0], x[1]);
    }
    if (x.size() == 3) {
      if (op == "mad" && lo) return x[0] * x[1] + x[2];
      if (op == "mad" && hi) return high(x[0], x[1]) + x[2];
      if (op == "mad" && wide && bits < 64) return twice(x[0]) * twice(x[1]) + x[2];
      if (op == "sad")
        return f.isSigned ? x[2] + (x[0].make(Op::MaxSI, x[1]) - x[0].make(Op::MinSI, x[1]))
                          : x[2] + (x[0].make(Op::MaxUI, x[1]) - x[0].make(Op::MinUI, x[1]));
      if (op == "bfe") {
        // Shifts the field to the top and back: above it are zeros, or copies of the sign.
        Num full = constant(bits, bits), from = smaller(widened(x[1] & constant(255, 32), bits), full);
        Num end = smaller(from + widened(x[2] & constant(255, 32), bits), full), empty = constant(0, bits);
        Num field = shifted(f.isSigned ? Op::ShRSI : Op::ShRUI, shifted(Op::ShLI, x[0], full - end), full - (end - from));
        Num none{&b_, b_.cmpI(CmpIPred::Eq, (x[2] & constant(255, 32)).v, constant(0, 32).v)};
        if (f.isSigned) field = choose(from == full, shiftSigned(x[0], bits - 1), field);
        return choose(none, empty, field);
      }
      if (op == "prmt" && bits == 32) return permuted(x[0], x[1], x[2], flags);
      if (op == "shf" && bits == 32 && (has("l") || has("r"))) {
        Num both = x[0].cast(Op::ExtUI, Elem::I64) | shiftLeft(x[1].cast(Op::ExtUI, Elem::I64), 32);
        if (!has("wrap") && !has("clamp")) return std::nullopt;
        Num by = (has("wrap") ? x[2] & constant(31, 32) : smaller(x[2], constant(32, 32))).cast(Op::ExtUI, Elem::I64);
        Num v = has("l") ? shiftRight(both.make(Op::ShLI, by), 32) : both.make(Op::ShRUI, by);
        return v.cast(Op::TruncI, Elem::I32);
      }
      if ((op == "dp4a" || op == "dp2a") && bits == 32 && forms.size() == 2) {
        // Fields of 8 bits; the first operand of dp2a has 16-bit fields, and its other operand two fields per half.
        int count = op == "dp4a" ? 4 : 2, each = 32 / count;
        if (op == "dp2a" && lo == hi) return std::nullopt;
        auto field = [](Num v, int at, int width, bool isSigned) {
          Num top = at + width < 32 ? shiftLeft(v, 32 - at - width) : v;
          return isSigned ? shiftSigned(top, 32 - width) : shiftRight(top, 32 - width);
        };
        Num sum = x[2];
        for (int k = 0; k < count; ++k)
          sum = sum +
                field(x[0], each * k, each, forms[0].isSigned) * field(x[1], 8 * k + (op == "dp2a" && hi ? 16 : 0), 8, forms[1].isSigned);
        return sum;
      }
    }
    if (x.size() == 4 && op == "bfi") {
      // Inserts the low bits of the first operand into the second.
      Num from = smaller(widened(x[2] & constant(255, 32), bits), constant(bits, bits)),
          length = smaller(widened(x[3] & constant(255, 32), bits), constant(bits, bits));
      Num mask = shifted(Op::ShLI, shifted(Op::ShLI, constant(-1, bits), length) ^ constant(-1, bits), from);
      return (x[1] & (mask ^ constant(-1, bits))) | (shifted(Op::ShLI, x[0], from) & mask);
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

  // Each byte of the result is one of the eight bytes of `low` and `high`, or eight copies of that byte's sign.
  std::optional<Num> permuted(Num low, Num high, Num selector, const std::vector<std::string_view>& flags) {
    Num v = constant(0, 32);
    auto put = [&](Num byte, int k) { v = v | (k ? shiftLeft(byte, 8 * k) : byte); };
    if (auto known = constantOf(selector); known && flags.empty()) {
      for (int k = 0; k < 4; ++k) {
        int64_t pick = static_cast<int64_t>(*known >> (4 * k) & 7);
        Num from = pick < 4 ? low : high, byte = (pick % 4 ? shiftRight(from, 8 * (pick % 4)) : from) & constant(255, 32);
        if (*known >> (4 * k) & 8) byte = (constant(0, 32) - shiftRight(byte, 7)) & constant(255, 32);
        put(byte, k);
      }
      return v;
    }
    if (flags.size() > 1) return std::nullopt;
    std::string_view mode = flags.empty() ? "" : flags[0];
    for (int k = 0; k < 4; ++k) {
      Num at = selector, n = selector & constant(3, 32), index = constant(k, 32);
      if (mode.empty())
        at = (k ? shiftRight(selector, 4 * k) : selector) & constant(7, 32);
      else if (mode == "f4e")
        at = n + index;
      else if (mode == "b4e")
        at = (n - index) & constant(7, 32);
      else if (mode == "rc8")
        at = n;
      else if (mode == "ecl")
        at = n.make(Op::MaxUI, index);
      else if (mode == "ecr")
        at = n.make(Op::MinUI, index);
      else
        at = shiftLeft(n & constant(1, 32), 1) + constant(k & 1, 32);  // rc16
      Num from = choose(Num{&b_, b_.cmpI(CmpIPred::Ugt, at.v, constant(3, 32).v)}, high, low),
          byte = from.make(Op::ShRUI, shiftLeft(at & constant(3, 32), 3)) & constant(255, 32);
      if (mode.empty())
        byte = choose((selector & constant(int64_t{8} << (4 * k), 32)) == 0, byte,
                      (constant(0, 32) - shiftRight(byte, 7)) & constant(255, 32));
      put(byte, k);
    }
    return v;
  }

  static std::optional<uint64_t> constantOf(Num v) {
    if (!v.v->def || v.v->def->op != Op::Constant) return std::nullopt;
    return v.v->def->dense().bits[0];
  }

  bool convert(std::string_view name, const std::vector<Form>& forms, const std::vector<std::string_view>& flags,
               std::vector<Register>& in) {
    auto has = [&](std::string_view flag) { return std::find(flags.begin(), flags.end(), flag) != flags.end(); };
    if (forms.size() != 2 || has("relu")) return false;
    Form to = forms[0], from = forms[1];
    if (has("sat") && from.isFloat && to.isFloat && (from.elem != to.elem || from.count > 1)) return false;
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
          if (has("rni"))
            v = v.make(Op::RoundEven);
          else if (has("rmi"))
            v = v.make(Op::Floor);
          else if (has("rpi"))
            v = v.make(Op::Ceil);
          else if (has("rzi"))
            return false;
          if (has("sat")) v = choose(isNan(v) | (v <= 0), 0, choose(v >= 1, 1, v));
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
        if (has("rni"))
          v = v.make(Op::RoundEven);
        else if (has("rmi"))
          v = v.make(Op::Floor);
        else if (has("rpi"))
          v = v.make(Op::Ceil);
        out.push_back(v.cast(to.isSigned ? Op::FPToSI : Op::FPToUI, to.elem));
      } else if (to.isFloat) {
        if (width == 8) return false;
        out.push_back(v.cast(from.isSigned ? Op::SIToFP : Op::UIToFP, to.elem));
      } else {
        if (has("sat")) v = clamped(v, from.isSigned, width, to.isSigned);
        out.push_back(width > bits ? v.cast(from.isSigned ? Op::ExtSI : Op::ExtUI, to.elem) : v.cast(Op::TruncI, to.elem));
      }
    }
    // A register is wider than a byte, and holds it sign-extended.
    if (out.size() == 1 && !to.isFloat && bitWidth(out[0].type()) < 32)
      out[0] = out[0].cast(to.isSigned ? Op::ExtSI : Op::ExtUI, Elem::I32);
    write(name, out);
    return true;
  }

  // Clamps to the range of an integer type.
  Num clamped(Num v, bool isSigned, int width, bool toSigned) {
    int bits = bitWidth(v.type());
    uint64_t high = ~uint64_t{0} >> (64 - width + (toSigned ? 1 : 0)), highest = ~uint64_t{0} >> (64 - bits + (isSigned ? 1 : 0));
    if (high < highest) v = v.make(isSigned ? Op::MinSI : Op::MinUI, constant(static_cast<int64_t>(high), bits));
    if (isSigned && !toSigned) v = v.make(Op::MaxSI, constant(0, bits));
    if (isSigned && toSigned && width < bits) v = v.make(Op::MaxSI, constant(-(int64_t{1} << (width - 1)), bits));
    return v;
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
            .says("this inline assembly is for a GPU, and Nereid cannot translate it: it has ", assembly.why)
            .hint(
                "write it with `tl.` functions, or guard it with `tl.target_info.is_cuda()`; arithmetic, conversions and `.approx` "
                "functions are understood");
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
