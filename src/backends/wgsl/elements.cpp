// SPDX-License-Identifier: MIT
// Element-wise operations, lane by lane.
#include <algorithm>

#include "backends/wgsl/emit.h"
#include "ir/bits.h"
#include "ir/lower_ops.h"

namespace nereid::wgsl {

namespace {

// Whether `v - part` would be something simple in exact arithmetic: v is a sum that has `part` in it.
bool isPartOf(const Value* part, const Value* v) {
  if (!v->def || (v->def->op != Op::AddF && v->def->op != Op::SubF && v->def->op != Op::Fma)) return false;
  auto alike = [&](const Value* x) {
    if (x == part) return true;
    auto bits = constantBits(x);
    return bits && bits == constantBits(part);
  };
  return std::any_of(v->def->operands.begin(), v->def->operands.end(), alike);
}

}  // namespace

void Emitter::elementwise(const Inst& inst) {
  if (!std::all_of(inst.operands.begin(), inst.operands.end(), [](const Value* v) { return constantBits(v).has_value(); })) {
    compute(inst);
    return;
  }
  // What WGSL computes by itself must not overflow; with a name it is for the device to compute.
  Rep constant = rep(inst.operand(0));
  for (std::string& e : reps_[inst.operand(0)].lane) e = copy(e);
  compute(inst);
  reps_[inst.operand(0)] = constant;
}

void Emitter::compute(const Inst& inst) {
  switch (inst.op) {
    case Op::Select: return select(inst);
    case Op::CmpI: return compareInts(inst);
    case Op::CmpF: return compareFloats(inst);
    case Op::Bitcast:
    case Op::ArithBitcast: return reinterpret(inst);
    case Op::ExtSI:
    case Op::IndexCast:
    case Op::ExtUI:
    case Op::IndexCastUI:
    case Op::TruncI: return resizeInt(inst);
    case Op::SIToFP:
    case Op::UIToFP: return intToFloat(inst);
    case Op::FPToSI:
    case Op::FPToUI: return floatToInt(inst);
    case Op::ExtF:
    case Op::TruncF: return resizeFloat(inst);
    default: break;
  }
  const Type& t = inst.result()->type;
  if (t.isFloat()) return floats(inst);
  if (t.isBool()) return booleans(inst);
  if (kindOf(t) == Kind::Long) return longs(inst);
  integers(inst);
}

void Emitter::select(const Inst& inst) {
  const Value* v = inst.result();
  Rep r{{}, rep(inst.operand(1)).memory};
  // Narrow elements that are together stay so.
  const Rep &yes = rep(inst.operand(1)), &no = rep(inst.operand(2));
  auto otherBits = constantBits(inst.operand(2));
  if (rep(inst.operand(0)).lane.size() == 1 && !yes.words.empty() && (otherBits || !no.words.empty())) {
    int width = bitWidth(v->type.element());
    for (size_t k = 0; k < yes.words.size(); ++k)
      r.words.push_back(copy(cat("select(", no.words.empty() ? cat(repeated(*otherBits, width), "u") : no.words[k], ", ", yes.words[k],
                                 ", ", at(inst.operand(0), 0), ")")));
    unpack(r, v->type.element());
    define(v, std::move(r));
    return;
  }
  for (int k = 0; k < lanes(v->type); ++k)
    r.lane.push_back(let(cat("select(", at(inst.operand(2), k), ", ", at(inst.operand(1), k), ", ", at(inst.operand(0), k), ")")));
  define(v, std::move(r));
}

void Emitter::reinterpret(const Inst& inst) {
  const Value *v = inst.result(), *x = inst.operand(0);
  const Type &t = v->type, from = x->type.element();
  Rep r = rep(x);
  if (t.isPointer()) {
    // In units of the new elements; what lies between them cannot be named.
    int old = from.pointee().isPointer() ? 8 : byteSize(from.pointee()), now = t.pointee().isPointer() ? 8 : byteSize(t.pointee());
    if (old != now)
      for (std::string& e : r.lane) e = let(now < old ? cat(e, " * ", old / now) : cat(e, " / ", now / old));
  } else if (Kind to = kindOf(t); to != kindOf(from)) {
    for (std::string& e : r.lane)
      e = let(to == Kind::Bool             ? cat("(", e, " & 1) != 0")
              : kindOf(from) == Kind::Bool ? cat("select(0, 1, ", e, ")")
                                           : cat("bitcast<", typeName(to), ">(", e, ")"));
  }
  define(v, std::move(r));
}

// Between f32 and the bits of a narrower format.
void Emitter::resizeFloat(const Inst& inst) {
  const Value *v = inst.result(), *x = inst.operand(0);
  const Type &t = v->type, from = x->type.element();
  auto a = [&](int k) { return at(x, k); };
  // The device's own rounding, where it has f16; the way back is by bits, or drivers would take the two for nothing.
  if (halves_ && t.elem == Elem::F16) {
    usesHalves_ = true;
    Rep r;
    if (lanes(t) % 2 == 0)
      for (int k = 0; k < lanes(t); k += 2) r.words.push_back(copy(cat(help("f16_pair"), "(", a(k), ", ", a(k + 1), ")")));
    else
      r.lane.push_back(copy(i(cat(help("f16_pair"), "(", a(0), ", 0.0f)"))));
    unpack(r, t.element());
    define(v, std::move(r));
    return;
  }
  bool widens = inst.op == Op::ExtF;
  // Two elements of a word at a time.
  if (const Rep& packed = rep(x); widens && bitWidth(from) == 16 && 2 * packed.words.size() == static_cast<size_t>(lanes(t))) {
    Rep r;
    for (const std::string& word : packed.words) {
      const std::string both = let(cat(help(from.elem == Elem::BF16 ? "bf16_values" : "f16_values"), "(", word, ")"));
      for (const char* lane : {".x", ".y"}) r.lane.push_back(both + lane);
    }
    define(v, std::move(r));
    return;
  }
  const char* f = (widens ? from : t).elem == Elem::BF16 ? (widens ? "bf16_value" : "bf16_bits") : widens ? "f16_value" : "f16_bits";
  each(inst, [&](int k) { return cat(help(f), "(", a(k), ")"); });
}

void Emitter::intToFloat(const Inst& inst) {
  const Value* x = inst.operand(0);
  const Kind kind = kindOf(x->type);
  const int width = bitWidth(x->type);
  const bool isSigned = inst.op == Op::SIToFP;
  each(inst, [&](int k) {
    const std::string& a = at(x, k);
    if (kind == Kind::Bool) return cat("select(0.0f, ", isSigned ? "-1.0f" : "1.0f", ", ", a, ")");
    if (kind == Kind::Long) return cat(help(isSigned ? "float64s" : "float64u"), "(", a, ")");
    if (isSigned) return cat("f32(", sext(a, width), ")");
    return width == 32 ? cat(help("float32u"), "(", u(a), ", false)") : cat("f32(", u(a), ")");
  });
}

// The nearest integer of the type, and 0 for NaN.
void Emitter::floatToInt(const Inst& inst) {
  const bool isSigned = inst.op == Op::FPToSI;
  const int to = bitWidth(inst.result()->type);
  each(inst, [&](int k) {
    const std::string& a = at(inst.operand(0), k);
    if (to == 64) return cat(help(isSigned ? "trunc64s" : "trunc64u"), "(", a, ")");
    std::string e = isSigned ? cat(help("trunc32s"), "(", a, ")") : i(cat(help("trunc32u"), "(", a, ")"));
    if (to == 32) return e;
    if (to == 1) return cat(e, isSigned ? " < 0" : " != 0");
    std::string limited = isSigned
                              ? cat("clamp(", e, ", ", number(-(int64_t{1} << (to - 1))), ", ", number((int64_t{1} << (to - 1)) - 1), ")")
                              : i(cat("min(", u(e), ", ", (int64_t{1} << to) - 1, "u)"));
    return zext(limited, to);
  });
}

void Emitter::resizeInt(const Inst& inst) {
  const Value* x = inst.operand(0);
  const Type &t = inst.result()->type, from = x->type.element();
  const int width = bitWidth(from);
  const bool isSigned = inst.op == Op::ExtSI || inst.op == Op::IndexCast;
  each(inst, [&](int k) -> std::string {
    const std::string& a = at(x, k);
    if (kindOf(from) == Kind::Long && kindOf(t) == Kind::Long) return a;  // between index and i64
    std::string e = kindOf(from) == Kind::Bool   ? cat("select(0, ", isSigned ? "-1" : "1", ", ", a, ")")
                    : kindOf(from) == Kind::Long ? i(a + ".x")
                                                 : a;
    if (t.isBool()) return cat("(", e, " & 1) != 0");
    if (bitWidth(t) <= width) return zext(e, bitWidth(t));
    if (isSigned && width > 1) e = sext(e, width);
    if (kindOf(t) != Kind::Long) return isSigned ? zext(e, bitWidth(t)) : e;
    return cat("vec2u(", u(e), ", ", isSigned ? u(cat("(", e, " >> 31u)")) : "0u", ")");
  });
}

void Emitter::compareInts(const Inst& inst) {
  const Value *x = inst.operand(0), *y = inst.operand(1);
  auto p = static_cast<CmpIPred>(inst.integer(Attr::Predicate));
  bool isUnsigned = p >= CmpIPred::Ult;
  static constexpr std::string_view kOps[] = {"==", "!=", "<", "<=", ">", ">=", "<", "<=", ">", ">="};
  std::string op(kOps[static_cast<size_t>(p)]);
  if (x->type.isBool()) {
    auto value = [&](const Value* v, int k) { return cat("select(0, ", isUnsigned ? "1" : "-1", ", ", at(v, k), ")"); };
    each(inst, [&](int k) {
      return p == CmpIPred::Eq || p == CmpIPred::Ne ? cat(at(x, k), " ", op, " ", at(y, k)) : cat(value(x, k), " ", op, " ", value(y, k));
    });
    return;
  }
  if (kindOf(x->type) == Kind::Long) {
    each(inst, [&](int k) {
      const std::string &a = at(x, k), &b = at(y, k);
      if (p == CmpIPred::Eq) return cat("all(", a, " == ", b, ")");
      if (p == CmpIPred::Ne) return cat("any(", a, " != ", b, ")");
      bool swap = op[0] == '>', orEqual = op.size() == 2;
      // x <= y is !(y < x).
      return cat(orEqual ? "!" : "", help(isUnsigned ? "less64u" : "less64s"), "(", swap != orEqual ? cat(b, ", ", a) : cat(a, ", ", b),
                 ")");
    });
    return;
  }
  const int width = bitWidth(x->type);
  each(inst, [&](int k) {
    if (isUnsigned) return cat(u(at(x, k)), " ", op, " ", u(at(y, k)));
    return cat(sext(at(x, k), width), " ", op, " ", sext(at(y, k), width));
  });
}

// NaN and infinities by their bits: a shader may be compiled as if there were none.
void Emitter::compareFloats(const Inst& inst) {
  const auto p = static_cast<CmpFPred>(inst.integer(Attr::Predicate));
  if (p == CmpFPred::False || p == CmpFPred::True)
    return each(inst, [&](int) { return std::string(p == CmpFPred::True ? "true" : "false"); });
  // In the order of CmpFPred. Those from `ueq` on are true for NaN.
  static constexpr std::string_view kOps[] = {"", "==", ">", ">=", "<", "<=", "!=", "", "==", ">", ">=", "<", "<=", "!=", "", ""};
  const std::string_view op = kOps[static_cast<size_t>(p)];
  const bool unordered = p >= CmpFPred::Ueq;
  each(inst, [&](int k) {
    const std::string &a = at(inst.operand(0), k), &b = at(inst.operand(1), k);
    // Without && and ||, which are branches. A constant is known not to be one.
    auto isNan = [&](const Value* v) -> std::string {
      auto bits = constantBits(v);
      return bits && (*bits & 0x7fffffff) <= 0x7f800000 ? "" : cat(help("is_nan"), "(", at(v, k), ")");
    };
    std::string nan = isNan(inst.operand(0)), other = a == b ? "" : isNan(inst.operand(1));
    if (!nan.empty() && !other.empty()) nan = cat("(", nan, " | ", other, ")");
    if (nan.empty()) nan = other.empty() ? "false" : other;
    if (op.empty()) return unordered ? nan : cat("!", nan);
    std::string test = cat("(", a, " ", op, " ", b, ")");
    if (nan == "false") return test;
    // Where comparisons follow IEEE 754, they are false for a NaN. Only `!=` is not WGSL's: Dawn makes it false, too.
    if (p == CmpFPred::Une) return cat("((", nan, " & !", help("ieee"), ") | !(", a, " == ", b, "))");
    if (!unordered && p != CmpFPred::One) return cat("((", help("ieee"), " | !", nan, ") & ", test, ")");
    return unordered ? cat("(", nan, " | ", test, ")") : cat("(!", nan, " & ", test, ")");
  });
}

// ---- spellings

namespace {

// $0, $1, $2 are the operands, $s0 with the sign extended, $u0 as u32; a name behind # is a function of helpers.cpp.
std::string_view spelling(FloatOp op) {
  switch (op) {
    case FloatOp::AddF: return "$0 + $1";
    case FloatOp::RemF: return "#remainder($0, $1)";
    case FloatOp::NegF: return "bitcast<f32>(bitcast<u32>($0) ^ 0x80000000u)";
    case FloatOp::AbsF: return "bitcast<f32>(bitcast<u32>($0) & 0x7fffffffu)";
    case FloatOp::MinNumF: return "#min_num($0, $1)";
    case FloatOp::MaxNumF: return "#max_num($0, $1)";
    case FloatOp::MinimumF: return "#min_nan($0, $1)";
    case FloatOp::MaximumF: return "#max_nan($0, $1)";
    case FloatOp::Sqrt:
    case FloatOp::PreciseSqrt: return "sqrt($0)";
    case FloatOp::Rsqrt: return "inverseSqrt($0)";
    case FloatOp::Exp2: return "#exp2_fast($0)";
    case FloatOp::Ceil: return "ceil($0)";
    case FloatOp::Floor: return "floor($0)";
    case FloatOp::Trunc: return "trunc($0)";
    case FloatOp::RoundEven: return "round($0)";
    case FloatOp::Round: return "#round_away($0)";
    case FloatOp::CopySign: return "#copy_sign($0, $1)";
    // Emitter::floats()
    case FloatOp::SubF:
    case FloatOp::MulF:
    case FloatOp::DivF:
    case FloatOp::PreciseDivF:
    case FloatOp::Fma:
    // expandMath() rewrites these on f32.
    case FloatOp::Cbrt:
    case FloatOp::Exp:
    case FloatOp::Expm1:
    case FloatOp::Log:
    case FloatOp::Log2:
    case FloatOp::Log10:
    case FloatOp::Log1p:
    case FloatOp::Sin:
    case FloatOp::Cos:
    case FloatOp::Tan:
    case FloatOp::Asin:
    case FloatOp::Acos:
    case FloatOp::Atan:
    case FloatOp::Atan2:
    case FloatOp::Sinh:
    case FloatOp::Cosh:
    case FloatOp::Tanh:
    case FloatOp::Asinh:
    case FloatOp::Acosh:
    case FloatOp::Atanh:
    case FloatOp::Erf:
    case FloatOp::Erfc:
    case FloatOp::PowF:
    case FloatOp::LoScale: break;  // of machines with AVX-512
  }
  return "";
}

// The same, of an integer of at most 32 bits; of 64 bits, which have two words.
struct IntSpelling {
  std::string_view word, twoWords;
};

IntSpelling spelling(IntOp op) {
  switch (op) {
    case IntOp::AddI: return {"($0 + $1)", "#add64($0, $1)"};
    case IntOp::SubI: return {"($0 - $1)", "#sub64($0, $1)"};
    case IntOp::MulI: return {"($0 * $1)", "#mul64($0, $1)"};
    case IntOp::AndI: return {"($0 & $1)", "$0 & $1"};
    case IntOp::OrI: return {"($0 | $1)", "$0 | $1"};
    case IntOp::XOrI: return {"($0 ^ $1)", "$0 ^ $1"};
    case IntOp::MinSI: return {"min($s0, $s1)", "select($1, $0, #less64s($0, $1))"};
    case IntOp::MaxSI: return {"max($s0, $s1)", "select($0, $1, #less64s($0, $1))"};
    case IntOp::MinUI: return {"bitcast<i32>(min($u0, $u1))", "select($1, $0, #less64u($0, $1))"};
    case IntOp::MaxUI: return {"bitcast<i32>(max($u0, $u1))", "select($0, $1, #less64u($0, $1))"};
    case IntOp::AbsI: return {"abs($s0)", "#abs64($0)"};
    case IntOp::CtPop: return {"countOneBits($0)", "#pop64($0)"};
    // Emitter::integers()
    case IntOp::ShLI: return {"", "#shl64($0, $1)"};
    case IntOp::ShRUI: return {"", "#shru64($0, $1)"};
    case IntOp::ShRSI: return {"", "#shrs64($0, $1)"};
    case IntOp::DivSI: return {"", "#div64s($0, $1)"};
    case IntOp::DivUI: return {"", "#div64u($0, $1)"};
    case IntOp::RemSI: return {"", "#rem64s($0, $1)"};
    case IntOp::RemUI: return {"", "#rem64u($0, $1)"};
    case IntOp::MulHiUI: return {"", "#high64($0, $1)"};
    case IntOp::CtLZ: return {"", "#clz64($0)"};
    case IntOp::CtTZ: return {"", "#ctz64($0)"};
  }
  return {};
}

}  // namespace

std::string Emitter::spelled(std::string_view text, const Inst& inst, int lane) {
  std::string out;
  for (size_t k = 0; k < text.size(); ++k) {
    if (text[k] == '#') {
      help(std::string(text.substr(k + 1, text.find('(', k) - k - 1)));
    } else if (text[k] == '$') {
      const char kind = text[k + 1];
      if (kind == 's' || kind == 'u') ++k;
      const Value* operand = inst.operand(static_cast<size_t>(text[++k] - '0'));
      const std::string& e = at(operand, lane);
      out += kind == 's' ? sext(e, bitWidth(operand->type)) : kind == 'u' ? u(e) : e;
    } else {
      out += text[k];
    }
  }
  return out;
}

void Emitter::floats(const Inst& inst) {
  if (inst.result()->type.elem != Elem::F32) {
    fail(inst.loc, cat("arithmetic on ", inst.result()->type.element(), " is not supported"), "use f32");
    return;
  }
  switch (inst.op) {
    case Op::SubF: return subtract(inst);
    case Op::MulF: return each(inst, [&](int k) { return cat(hideZero(inst, 0, k), " * ", hideZero(inst, 1, k)); });
    case Op::DivF:
    case Op::PreciseDivF:
      return each(inst, [&](int k) {
        const bool isSame = inst.operand(0) == inst.operand(1);
        return cat(hideZero(inst, 0, k), " / ", isSame ? cat(help("rounded"), "(", at(inst.operand(1), k), ")") : hideZero(inst, 1, k));
      });
    case Op::Fma:
      return each(inst,
                  [&](int k) { return cat("fma(", hideZero(inst, 0, k), ", ", hideZero(inst, 1, k), ", ", at(inst.operand(2), k), ")"); });
    case Op::ClampF: {
      const bool all = inst.integer(Attr::PropagateNan) == 0xFFFF;
      return spell(inst, all ? "#min_nan(#max_nan($0, $1), $2)" : "#min_num(#max_num($0, $1), $2)");
    }
    default: break;
  }
  const std::string_view text = spelling(floatOp(inst.op));
  if (!text.empty()) return spell(inst, text);
  fail(inst.loc, cat("`", info(inst.op).spelling, "` is not supported"), "");
}

// Drivers take x * 0 and 0 / x for 0, and x / x for 1, which is wrong for infinities and NaN. Such operands are hidden from them.
std::string Emitter::hideZero(const Inst& inst, size_t operand, int lane) {
  auto bits = constantBits(inst.operand(operand));
  const std::string& e = at(inst.operand(operand), lane);
  return bits && (*bits & 0x7fffffff) == 0 ? cat(help("rounded"), "(", e, ")") : e;
}

void Emitter::subtract(const Inst& inst) {
  const Value *x = inst.operand(0), *y = inst.operand(1);
  // Drivers take 0 - x for -x, which has another sign where x is 0.
  if (constantBits(x) == uint64_t{0}) return spell(inst, "select(-$1, $0, $1 == $0)");
  // Such a difference measures a rounding error, as in Kahan's sum, or rounds to an integer by adding a large constant. Drivers simplify it
  // as if nothing were rounded: on an H100, (x + c) - c was x. They do not simplify across a bitcast.
  const bool left = isPartOf(y, x), right = isPartOf(x, y) || x == y;
  if (left) return spell(inst, right ? "#rounded($0) - #rounded($1)" : "#rounded($0) - $1");
  spell(inst, right ? "$0 - #rounded($1)" : "$0 - $1");
}

// One bit: as a signed number, true is -1; a shift by 1 is a shift by all bits.
void Emitter::booleans(const Inst& inst) {
  auto a = [&](int k) { return at(inst.operand(0), k); };
  auto b = [&](int k) { return at(inst.operand(1), k); };
  each(inst, [&](int k) -> std::string {
    switch (intOp(inst.op)) {
      case IntOp::OrI:
      case IntOp::MaxUI:
      case IntOp::MinSI: return cat(a(k), " | ", b(k));
      case IntOp::XOrI:
      case IntOp::AddI:
      case IntOp::SubI: return cat(a(k), " != ", b(k));
      case IntOp::AndI:
      case IntOp::MulI:
      case IntOp::MinUI:
      case IntOp::MaxSI:
      case IntOp::DivSI:
      case IntOp::DivUI: return cat(a(k), " & ", b(k));
      case IntOp::ShLI:
      case IntOp::ShRUI: return cat(a(k), " & !", b(k));
      case IntOp::AbsI:
      case IntOp::CtPop:
      case IntOp::ShRSI: return a(k);
      case IntOp::CtLZ:
      case IntOp::CtTZ: return cat("!", a(k));
      case IntOp::RemSI:
      case IntOp::RemUI:
      case IntOp::MulHiUI: return "false";
    }
    fail(inst.loc, cat("`", info(inst.op).spelling, "` is not supported on i1"), "use i8");
    return "false";
  });
}

void Emitter::integers(const Inst& inst) {
  const int width = bitWidth(inst.result()->type);
  auto wrapped = [&](std::string_view text) { each(inst, [&](int k) { return zext(spelled(text, inst, k), width); }); };
  std::optional<uint64_t> known = inst.operands.size() > 1 ? constantBits(inst.operand(1)) : std::nullopt;
  if (known) known = zeroExtend(*known, width);
  const bool isDivision = inst.op == Op::DivSI || inst.op == Op::DivUI;
  switch (inst.op) {
    case Op::ShLI:
    case Op::ShRUI:
    case Op::ShRSI: return each(inst, [&](int k) { return zext(shifted(inst, known, k), width); });
    case Op::DivSI:
    case Op::RemSI:
      // By a positive constant.
      if (known && *known > 0 && *known < (uint64_t{1} << (width - 1)))
        return wrapped(cat("($s0", isDivision ? " / " : " % ", *known, ")"));
      return wrapped(isDivision ? "#divide_s($s0, $s1)" : "#remainder_s($s0, $s1)");
    case Op::DivUI:
    case Op::RemUI:
      if (known && *known > 0) return wrapped(cat("bitcast<i32>(($u0", isDivision ? " / " : " % ", *known, "u))"));
      return wrapped(isDivision ? "bitcast<i32>(#divide_u($u0, $u1))" : "bitcast<i32>(#remainder_u($u0, $u1))");
    case Op::MulHiUI: return wrapped(width == 32 ? "bitcast<i32>(#high_u($u0, $u1))" : cat("bitcast<i32>((($u0 * $u1) >> ", width, "u))"));
    case Op::CtLZ: return wrapped(cat("(countLeadingZeros($0) - ", 32 - width, ")"));
    case Op::CtTZ: return wrapped(cat("min(countTrailingZeros($0), ", width, ")"));
    default: return wrapped(spelling(intOp(inst.op)).word);
  }
}

// By as many bits as there are or more, the result is 0, or all copies of the sign.
std::string Emitter::shifted(const Inst& inst, std::optional<uint64_t> known, int lane) {
  const int width = bitWidth(inst.result()->type);
  const bool isArithmetic = inst.op == Op::ShRSI;
  const std::string x = spelled(isArithmetic ? "$s0" : "$0", inst, lane);
  auto shift = [&](const std::string& by) {
    if (inst.op == Op::ShRUI) return i(cat("(", u(x), " >> ", by, ")"));
    return cat("(", x, inst.op == Op::ShLI ? " << " : " >> ", by, ")");
  };
  if (known && *known >= static_cast<uint64_t>(width)) return isArithmetic ? shift(cat(width - 1, "u")) : "0";
  if (known) return shift(cat(*known, "u"));
  const std::string by = u(at(inst.operand(1), lane));
  if (isArithmetic) return shift(cat("min(", by, ", ", width - 1, "u)"));
  return cat("select(", shift(cat("(", by, " & 31u)")), ", 0, ", by, " >= ", width, "u)");
}

void Emitter::longs(const Inst& inst) { spell(inst, spelling(intOp(inst.op)).twoWords); }

}  // namespace nereid::wgsl
