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
    case Op::Select: select(inst); return;
    case Op::CmpI: compareInts(inst); return;
    case Op::CmpF: compareFloats(inst); return;
    case Op::Bitcast:
    case Op::ArithBitcast:
    case Op::ExtSI:
    case Op::IndexCast:
    case Op::ExtUI:
    case Op::IndexCastUI:
    case Op::TruncI:
    case Op::SIToFP:
    case Op::UIToFP:
    case Op::FPToSI:
    case Op::FPToUI:
    case Op::ExtF:
    case Op::TruncF: convert(inst); return;
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

void Emitter::convert(const Inst& inst) {
  const Value *v = inst.result(), *x = inst.operand(0);
  const Type &t = v->type, from = x->type.element();
  int width = bitWidth(from);
  auto a = [&](int k) { return at(x, k); };
  switch (inst.op) {
    case Op::Bitcast:
    case Op::ArithBitcast: {
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
      return;
    }
    case Op::ExtF:
    case Op::TruncF: {
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
      return;
    }
    case Op::SIToFP:
    case Op::UIToFP: {
      bool isSigned = inst.op == Op::SIToFP;
      each(inst, [&](int k) {
        if (kindOf(from) == Kind::Bool) return cat("select(0.0f, ", isSigned ? "-1.0f" : "1.0f", ", ", a(k), ")");
        if (kindOf(from) == Kind::Long) return cat(help(isSigned ? "float64s" : "float64u"), "(", a(k), ")");
        if (isSigned) return cat("f32(", sext(a(k), width), ")");
        return width == 32 ? cat(help("float32u"), "(", u(a(k)), ", false)") : cat("f32(", u(a(k)), ")");
      });
      return;
    }
    case Op::FPToSI:
    case Op::FPToUI: {
      bool isSigned = inst.op == Op::FPToSI;
      int to = bitWidth(t);
      each(inst, [&](int k) {
        if (to == 64) return cat(help(isSigned ? "trunc64s" : "trunc64u"), "(", a(k), ")");
        std::string e = isSigned ? cat(help("trunc32s"), "(", a(k), ")") : i(cat(help("trunc32u"), "(", a(k), ")"));
        if (to == 32) return e;
        if (to == 1) return cat(e, isSigned ? " < 0" : " != 0");
        std::string limited =
            isSigned ? cat("clamp(", e, ", ", number(-(int64_t{1} << (to - 1))), ", ", number((int64_t{1} << (to - 1)) - 1), ")")
                     : i(cat("min(", u(e), ", ", (int64_t{1} << to) - 1, "u)"));
        return zext(limited, to);
      });
      return;
    }
    default: break;
  }
  bool isSigned = inst.op == Op::ExtSI || inst.op == Op::IndexCast;
  each(inst, [&](int k) -> std::string {
    if (kindOf(from) == Kind::Long && kindOf(t) == Kind::Long) return a(k);  // between index and i64
    std::string e = kindOf(from) == Kind::Bool   ? cat("select(0, ", isSigned ? "-1" : "1", ", ", a(k), ")")
                    : kindOf(from) == Kind::Long ? i(a(k) + ".x")
                                                 : a(k);
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
  auto p = static_cast<CmpFPred>(inst.integer(Attr::Predicate));
  auto a = [&](int k) { return at(inst.operand(0), k); };
  auto b = [&](int k) { return at(inst.operand(1), k); };
  std::string op;
  bool unordered = false, negated = false;
  switch (p) {
    case CmpFPred::False:
    case CmpFPred::True: each(inst, [&](int) -> std::string { return p == CmpFPred::True ? "true" : "false"; }); return;
    case CmpFPred::Oeq: op = "=="; break;
    case CmpFPred::Ogt: op = ">"; break;
    case CmpFPred::Oge: op = ">="; break;
    case CmpFPred::Olt: op = "<"; break;
    case CmpFPred::Ole: op = "<="; break;
    case CmpFPred::One: op = "!="; break;
    case CmpFPred::Ueq:
      op = "==";
      unordered = true;
      break;
    case CmpFPred::Ugt:
      op = ">";
      unordered = true;
      break;
    case CmpFPred::Uge:
      op = ">=";
      unordered = true;
      break;
    case CmpFPred::Ult:
      op = "<";
      unordered = true;
      break;
    case CmpFPred::Ule:
      op = "<=";
      unordered = true;
      break;
    case CmpFPred::Une:
      op = "!=";
      unordered = true;
      break;
    case CmpFPred::Ord: negated = true; break;
    case CmpFPred::Uno: break;
  }
  each(inst, [&](int k) {
    // Without && and ||, which are branches. A constant is known not to be one.
    auto isNan = [&](const Value* v) -> std::string {
      auto bits = constantBits(v);
      return bits && (*bits & 0x7fffffff) <= 0x7f800000 ? "" : cat(help("is_nan"), "(", at(v, k), ")");
    };
    std::string nan = isNan(inst.operand(0)), other = a(k) == b(k) ? "" : isNan(inst.operand(1));
    if (!nan.empty() && !other.empty()) nan = cat("(", nan, " | ", other, ")");
    if (nan.empty()) nan = other.empty() ? "false" : other;
    if (op.empty()) return negated ? cat("!", nan) : nan;
    std::string test = cat("(", a(k), " ", op, " ", b(k), ")");
    if (nan == "false") return test;
    // Where comparisons follow IEEE 754, they are false for a NaN. Only `!=` is not WGSL's: Dawn makes it false, too.
    if (p == CmpFPred::Une) return cat("((", nan, " & !", help("ieee"), ") | !(", a(k), " == ", b(k), "))");
    if (!unordered && p != CmpFPred::One) return cat("((", help("ieee"), " | !", nan, ") & ", test, ")");
    return unordered ? cat("(", nan, " | ", test, ")") : cat("(!", nan, " & ", test, ")");
  });
}

void Emitter::floats(const Inst& inst) {
  if (inst.result()->type.elem != Elem::F32) {
    fail(inst.loc, cat("arithmetic on ", inst.result()->type.element(), " is not supported"), "use f32");
    return;
  }
  auto a = [&](int k) { return at(inst.operand(0), k); };
  auto b = [&](int k) { return at(inst.operand(1), k); };
  auto c = [&](int k) { return at(inst.operand(2), k); };
  auto call = [&](std::string_view f, size_t n, bool isHelp) {
    if (isHelp) help(std::string(f));
    each(inst, [&](int k) {
      std::string e = cat(f, "(", a(k));
      if (n > 1) e += cat(", ", b(k));
      if (n > 2) e += cat(", ", c(k));
      return e + ")";
    });
  };
  auto infix = [&](std::string_view op) { each(inst, [&](int k) { return cat(a(k), " ", op, " ", b(k)); }); };
  if (inst.op == Op::ClampF) {
    bool all = inst.integer(Attr::PropagateNan) == 0xFFFF;
    std::string high = help(all ? "min_nan" : "min_num"), low_ = help(all ? "max_nan" : "max_num");
    each(inst, [&](int k) { return cat(high, "(", low_, "(", a(k), ", ", b(k), "), ", c(k), ")"); });
    return;
  }
  switch (floatOp(inst.op)) {
    case FloatOp::AddF: return infix("+");
    case FloatOp::SubF: {
      // Drivers take 0 - x for -x, which has another sign where x is 0.
      if (constantBits(inst.operand(0)) == uint64_t{0}) {
        each(inst, [&](int k) { return cat("select(-", b(k), ", ", a(k), ", ", b(k), " == ", a(k), ")"); });
        return;
      }
      // What rounding takes away is what such a difference is for (an integer by way of a large constant, Kahan's sum), and drivers compute
      // as if there were none: (x + c) - c was x on an H100. Bits they leave alone.
      bool left = isPartOf(inst.operand(1), inst.operand(0)),
           right = isPartOf(inst.operand(0), inst.operand(1)) || inst.operand(0) == inst.operand(1);
      if (!left && !right) return infix("-");
      help("rounded");
      each(inst, [&](int k) { return cat(left ? cat("rounded(", a(k), ")") : a(k), " - ", right ? cat("rounded(", b(k), ")") : b(k)); });
      return;
    }
    // Drivers take x * 0 and 0 / x for 0, and x / x for 1, which is wrong for infinities and NaN. Their operands are hidden from them.
    case FloatOp::MulF:
    case FloatOp::DivF:
    case FloatOp::PreciseDivF: {
      auto isZero = [&](size_t k) {
        auto bits = constantBits(inst.operand(k));
        return bits && (*bits & 0x7fffffff) == 0;
      };
      const char* op = inst.op == Op::MulF ? " * " : " / ";
      bool left = isZero(0), right = isZero(1) || (inst.op != Op::MulF && inst.operand(0) == inst.operand(1));
      if (left || right) help("rounded");
      each(inst, [&](int k) { return cat(left ? cat("rounded(", a(k), ")") : a(k), op, right ? cat("rounded(", b(k), ")") : b(k)); });
      return;
    }
    case FloatOp::RemF: return call("remainder", 2, true);
    case FloatOp::NegF: each(inst, [&](int k) { return cat("bitcast<f32>(bitcast<u32>(", a(k), ") ^ 0x80000000u)"); }); return;
    case FloatOp::AbsF: each(inst, [&](int k) { return cat("bitcast<f32>(bitcast<u32>(", a(k), ") & 0x7fffffffu)"); }); return;
    case FloatOp::Fma: {
      auto hidden = [&](size_t operand, int k) {
        auto bits = constantBits(inst.operand(operand));
        return bits && (*bits & 0x7fffffff) == 0 ? cat(help("rounded"), "(", at(inst.operand(operand), k), ")")
                                                 : at(inst.operand(operand), k);
      };
      each(inst, [&](int k) { return cat("fma(", hidden(0, k), ", ", hidden(1, k), ", ", c(k), ")"); });
      return;
    }
    case FloatOp::MinNumF: return call("min_num", 2, true);
    case FloatOp::MaxNumF: return call("max_num", 2, true);
    case FloatOp::MinimumF: return call("min_nan", 2, true);
    case FloatOp::MaximumF: return call("max_nan", 2, true);
    case FloatOp::Sqrt:
    case FloatOp::PreciseSqrt: return call("sqrt", 1, false);
    case FloatOp::Rsqrt: return call("inverseSqrt", 1, false);
    case FloatOp::Exp2: return call("exp2_fast", 1, true);
    case FloatOp::Ceil: return call("ceil", 1, false);
    case FloatOp::Floor: return call("floor", 1, false);
    case FloatOp::Trunc: return call("trunc", 1, false);
    case FloatOp::RoundEven: return call("round", 1, false);
    case FloatOp::Round: return call("round_away", 1, true);
    case FloatOp::CopySign: return call("copy_sign", 2, true);
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
  fail(inst.loc, cat("`", info(inst.op).spelling, "` is not supported"), "");
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
  const Type& t = inst.result()->type;
  const int width = bitWidth(t);
  auto a = [&](int k) { return at(inst.operand(0), k); };
  auto b = [&](int k) { return at(inst.operand(1), k); };
  auto s = [&](const std::string& e) { return sext(e, width); };
  auto wrapped = [&](auto&& f) { each(inst, [&](int k) { return zext(f(k), width); }); };
  std::optional<uint64_t> known = inst.operands.size() > 1 ? constantBits(inst.operand(1)) : std::nullopt;
  if (known) known = zeroExtend(*known, width);
  switch (intOp(inst.op)) {
    case IntOp::AddI: return wrapped([&](int k) { return cat("(", a(k), " + ", b(k), ")"); });
    case IntOp::SubI: return wrapped([&](int k) { return cat("(", a(k), " - ", b(k), ")"); });
    case IntOp::MulI: return wrapped([&](int k) { return cat("(", a(k), " * ", b(k), ")"); });
    case IntOp::AndI: return wrapped([&](int k) { return cat("(", a(k), " & ", b(k), ")"); });
    case IntOp::OrI: return wrapped([&](int k) { return cat("(", a(k), " | ", b(k), ")"); });
    case IntOp::XOrI: return wrapped([&](int k) { return cat("(", a(k), " ^ ", b(k), ")"); });
    case IntOp::MinSI: return wrapped([&](int k) { return cat("min(", s(a(k)), ", ", s(b(k)), ")"); });
    case IntOp::MaxSI: return wrapped([&](int k) { return cat("max(", s(a(k)), ", ", s(b(k)), ")"); });
    case IntOp::MinUI: return wrapped([&](int k) { return i(cat("min(", u(a(k)), ", ", u(b(k)), ")")); });
    case IntOp::MaxUI: return wrapped([&](int k) { return i(cat("max(", u(a(k)), ", ", u(b(k)), ")")); });
    case IntOp::AbsI: return wrapped([&](int k) { return cat("abs(", s(a(k)), ")"); });
    case IntOp::ShLI:
    case IntOp::ShRUI:
    case IntOp::ShRSI:
      return wrapped([&](int k) -> std::string {
        std::string x = inst.op == Op::ShRSI ? s(a(k)) : a(k);
        auto shift = [&](const std::string& by) {
          if (inst.op == Op::ShRUI) return i(cat("(", u(x), " >> ", by, ")"));
          return cat("(", x, inst.op == Op::ShLI ? " << " : " >> ", by, ")");
        };
        if (known) {
          if (*known >= static_cast<uint64_t>(width)) return inst.op == Op::ShRSI ? shift(cat(width - 1, "u")) : "0";
          return shift(cat(*known, "u"));
        }
        std::string by = u(b(k)), large = cat(by, " >= ", width, "u");
        if (inst.op == Op::ShRSI) return shift(cat("min(", by, ", ", width - 1, "u)"));
        return cat("select(", shift(cat("(", by, " & 31u)")), ", 0, ", large, ")");
      });
    case IntOp::DivSI:
    case IntOp::RemSI:
      // By a positive constant.
      if (known && *known > 0 && *known < (uint64_t{1} << (width - 1)))
        return wrapped([&](int k) { return cat("(", s(a(k)), inst.op == Op::DivSI ? " / " : " % ", *known, ")"); });
      return wrapped([&](int k) { return cat(help(inst.op == Op::DivSI ? "divide_s" : "remainder_s"), "(", s(a(k)), ", ", s(b(k)), ")"); });
    case IntOp::DivUI:
    case IntOp::RemUI:
      if (known && *known > 0)
        return wrapped([&](int k) { return i(cat("(", u(a(k)), inst.op == Op::DivUI ? " / " : " % ", *known, "u)")); });
      return wrapped(
          [&](int k) { return i(cat(help(inst.op == Op::DivUI ? "divide_u" : "remainder_u"), "(", u(a(k)), ", ", u(b(k)), ")")); });
    case IntOp::MulHiUI:
      return wrapped([&](int k) {
        if (width == 32) return i(cat(help("high_u"), "(", u(a(k)), ", ", u(b(k)), ")"));
        return i(cat("((", u(a(k)), " * ", u(b(k)), ") >> ", width, "u)"));
      });
    case IntOp::CtLZ: return wrapped([&](int k) { return cat("(countLeadingZeros(", a(k), ") - ", 32 - width, ")"); });
    case IntOp::CtTZ: return wrapped([&](int k) { return cat("min(countTrailingZeros(", a(k), "), ", width, ")"); });
    case IntOp::CtPop: return wrapped([&](int k) { return cat("countOneBits(", a(k), ")"); });
  }
}

// Two words.
void Emitter::longs(const Inst& inst) {
  auto a = [&](int k) { return at(inst.operand(0), k); };
  auto b = [&](int k) { return at(inst.operand(1), k); };
  auto call = [&](const char* h) {
    each(inst, [&](int k) { return inst.operands.size() > 1 ? cat(help(h), "(", a(k), ", ", b(k), ")") : cat(help(h), "(", a(k), ")"); });
  };
  auto infix = [&](std::string_view op) { each(inst, [&](int k) { return cat(a(k), " ", op, " ", b(k)); }); };
  auto pick = [&](const char* less, bool first) {
    each(inst, [&](int k) {
      return cat("select(", first ? b(k) : a(k), ", ", first ? a(k) : b(k), ", ", help(less), "(", a(k), ", ", b(k), "))");
    });
  };
  switch (intOp(inst.op)) {
    case IntOp::AddI: return call("add64");
    case IntOp::SubI: return call("sub64");
    case IntOp::MulI: return call("mul64");
    case IntOp::AndI: return infix("&");
    case IntOp::OrI: return infix("|");
    case IntOp::XOrI: return infix("^");
    case IntOp::MinSI: return pick("less64s", true);
    case IntOp::MaxSI: return pick("less64s", false);
    case IntOp::MinUI: return pick("less64u", true);
    case IntOp::MaxUI: return pick("less64u", false);
    case IntOp::AbsI: return call("abs64");
    case IntOp::ShLI: return call("shl64");
    case IntOp::ShRUI: return call("shru64");
    case IntOp::ShRSI: return call("shrs64");
    case IntOp::DivSI: return call("div64s");
    case IntOp::DivUI: return call("div64u");
    case IntOp::RemSI: return call("rem64s");
    case IntOp::RemUI: return call("rem64u");
    case IntOp::MulHiUI: return call("high64");
    case IntOp::CtLZ: return call("clz64");
    case IntOp::CtTZ: return call("ctz64");
    case IntOp::CtPop: return call("pop64");
  }
}

}  // namespace nereid::wgsl
