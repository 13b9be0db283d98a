// SPDX-License-Identifier: MIT
#include "interp/element.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "ir/bits.h"
#include "ir/libdevice.h"

namespace nereid::interp {

// An integer as a float, rounded once: bits beyond the 53 of a double are combined into the last one, so that the second rounding takes
// them into account.
uint64_t fromMagnitude(Elem elem, uint64_t magnitude, bool negative) {
  if (elem == Elem::F64) return std::bit_cast<uint64_t>(negative ? -static_cast<double>(magnitude) : static_cast<double>(magnitude));
  int shift = 0;
  while (magnitude >> 53) {
    magnitude = (magnitude >> 1) | (magnitude & 1);
    ++shift;
  }
  double value = std::ldexp(static_cast<double>(magnitude), shift);
  return encodeFloat(elem, negative ? -value : value);
}

uint64_t toSigned(double value, int width) {
  if (std::isnan(value)) return 0;
  value = std::trunc(value);
  double limit = std::ldexp(1.0, width - 1);
  if (value >= limit) return zeroExtend((uint64_t{1} << (width - 1)) - 1, width);
  if (value < -limit) return uint64_t{1} << (width - 1);
  return zeroExtend(static_cast<uint64_t>(static_cast<int64_t>(value)), width);
}

uint64_t toUnsigned(double value, int width) {
  if (std::isnan(value) || value <= 0) return 0;
  value = std::trunc(value);
  if (value >= std::ldexp(1.0, width)) return zeroExtend(~uint64_t{0}, width);
  return static_cast<uint64_t>(value);
}

namespace {

// ---- what the meanings in ops.def call

uint64_t mulHigh(uint64_t a, uint64_t b) {
  uint64_t aLow = a & 0xFFFFFFFF, aHigh = a >> 32, bLow = b & 0xFFFFFFFF, bHigh = b >> 32;
  uint64_t middle = aHigh * bLow + ((aLow * bLow) >> 32);
  uint64_t carry = aLow * bHigh + (middle & 0xFFFFFFFF);
  return aHigh * bHigh + (middle >> 32) + (carry >> 32);
}

double minimum(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<double>::quiet_NaN();
  if (a == b) return std::signbit(a) ? a : b;
  return a < b ? a : b;
}

double maximum(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<double>::quiet_NaN();
  if (a == b) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}

double roundEven(double a) {
  double whole = std::floor(a);
  double rest = a - whole;
  if (rest > 0.5 || (rest == 0.5 && std::fmod(whole, 2) != 0)) whole += 1;
  return std::copysign(whole, a);
}

double scale(double a, double b) {
  if (!std::isfinite(b)) return a * (b < 0 ? 0 : b);
  return std::ldexp(a, static_cast<int>(std::clamp(std::floor(b), -5000.0, 5000.0)));
}

// ---- rows of the table, by the kind of their signature

// In a page no kernel is interpreted: only constant folding, which is limited to exact operations, needs these meanings.
#if defined(__wasm__) && !NEREID_INTERPRETS
constexpr bool kAll = false;
#else
constexpr bool kAll = true;
#endif

#define NEREID_ROW_INT(name, ulp, meaning) \
  case Op::name: return static_cast<uint64_t>(meaning);
#define NEREID_ROW_FLOAT(name, ulp, meaning) \
  case Op::name:                             \
    if constexpr (kAll || ulp == 0)          \
      return static_cast<double>(meaning);   \
    else                                     \
      return 0;
#define NEREID_ROW_NONE(name, ulp, meaning)

uint64_t integerRow(Op op, [[maybe_unused]] int64_t a, [[maybe_unused]] int64_t b, [[maybe_unused]] uint64_t ua,
                    [[maybe_unused]] uint64_t ub, [[maybe_unused]] int w) {
  switch (op) {
#define NEREID_Int1 NEREID_ROW_INT
#define NEREID_Int2 NEREID_ROW_INT
#define NEREID_CastInt NEREID_ROW_INT
#define NEREID_Float1 NEREID_ROW_NONE
#define NEREID_Float2 NEREID_ROW_NONE
#define NEREID_CastFloat NEREID_ROW_NONE
#define NEREID_FloatTest NEREID_ROW_NONE
#define NEREID_Float3 NEREID_ROW_NONE
#define NEREID_CmpInt NEREID_ROW_NONE
#define NEREID_CmpFloat NEREID_ROW_NONE
#define NEREID_Select NEREID_ROW_NONE
#define NEREID_IntToFloat NEREID_ROW_NONE
#define NEREID_FloatToInt NEREID_ROW_NONE
#define NEREID_Bitcast NEREID_ROW_NONE
#define NEREID_Terminator NEREID_ROW_NONE
#define NEREID_ByHand NEREID_ROW_NONE
#define OP(name, spelling, sig, effects, forms, ulp, meaning, doc) NEREID_##sig(name, ulp, meaning)
#include "ir/ops.def"
#undef OP
    default: NEREID_CHECK(false, "no meaning of ", info(op).spelling); return 0;
  }
}

#undef NEREID_Int1
#undef NEREID_Int2
#undef NEREID_CastInt
#undef NEREID_Float1
#undef NEREID_Float2
#undef NEREID_CastFloat
#undef NEREID_FloatTest
#define NEREID_Int1 NEREID_ROW_NONE
#define NEREID_Int2 NEREID_ROW_NONE
#define NEREID_CastInt NEREID_ROW_NONE
#define NEREID_Float1 NEREID_ROW_FLOAT
#define NEREID_Float2 NEREID_ROW_FLOAT
#define NEREID_CastFloat NEREID_ROW_FLOAT
#define NEREID_FloatTest NEREID_ROW_FLOAT

double floatRow(Op op, double a, [[maybe_unused]] double b) {
  switch (op) {
#define OP(name, spelling, sig, effects, forms, ulp, meaning, doc) NEREID_##sig(name, ulp, meaning)
#include "ir/ops.def"
#undef OP
    default: NEREID_CHECK(false, "no meaning of ", info(op).spelling); return a;
  }
}

bool compareInt(CmpIPred predicate, int64_t a, int64_t b, uint64_t ua, uint64_t ub) {
  switch (predicate) {
    case CmpIPred::Eq: return ua == ub;
    case CmpIPred::Ne: return ua != ub;
    case CmpIPred::Slt: return a < b;
    case CmpIPred::Sle: return a <= b;
    case CmpIPred::Sgt: return a > b;
    case CmpIPred::Sge: return a >= b;
    case CmpIPred::Ult: return ua < ub;
    case CmpIPred::Ule: return ua <= ub;
    case CmpIPred::Ugt: return ua > ub;
    case CmpIPred::Uge: return ua >= ub;
  }
  return false;
}

bool compareFloat(CmpFPred predicate, double a, double b) {
  bool unordered = std::isnan(a) || std::isnan(b);
  switch (predicate) {
    case CmpFPred::False: return false;
    case CmpFPred::Oeq: return a == b;
    case CmpFPred::Ogt: return a > b;
    case CmpFPred::Oge: return a >= b;
    case CmpFPred::Olt: return a < b;
    case CmpFPred::Ole: return a <= b;
    case CmpFPred::One: return !unordered && a != b;
    case CmpFPred::Ord: return !unordered;
    case CmpFPred::Ueq: return unordered || a == b;
    case CmpFPred::Ugt: return unordered || a > b;
    case CmpFPred::Uge: return unordered || a >= b;
    case CmpFPred::Ult: return unordered || a < b;
    case CmpFPred::Ule: return unordered || a <= b;
    case CmpFPred::Une: return unordered || a != b;
    case CmpFPred::Uno: return unordered;
    case CmpFPred::True: return true;
  }
  return false;
}

uint64_t clamp(const Inst& inst, Elem elem, std::span<const uint64_t> in) {
  double x = decodeFloat(elem, in[0]), low = decodeFloat(elem, in[1]), high = decodeFloat(elem, in[2]);
  if (inst.integer(Attr::PropagateNan) != 0 && std::isnan(x)) return in[0];
  double bounded = floatRow(Op::MinNumF, floatRow(Op::MaxNumF, x, low), high);
  return encodeFloat(elem, bounded);
}

uint64_t apply(Op op, const Inst& inst, std::span<const uint64_t> in, size_t which) {
  Type r = inst.results[which]->type, t = inst.operand(0)->type;
  int w = bitWidth(t);
  auto wrapped = [&](uint64_t bits) { return zeroExtend(bits, bitWidth(r)); };
  auto number = [&](size_t k) { return decodeFloat(inst.operand(k)->type.elem, in[k]); };
  switch (op) {
    case Op::CmpI:
      return compareInt(static_cast<CmpIPred>(inst.integer(Attr::Predicate)), signExtend(in[0], w), signExtend(in[1], w), in[0], in[1]);
    case Op::CmpF: return compareFloat(static_cast<CmpFPred>(inst.integer(Attr::Predicate)), number(0), number(1));
    case Op::Select: return in[0] & 1 ? in[1] : in[2];
    case Op::MulSIExt:
    case Op::MulUIExt: {
      uint64_t a = in[0], b = in[1];
      if (op == Op::MulSIExt) {
        a = static_cast<uint64_t>(signExtend(a, w));
        b = static_cast<uint64_t>(signExtend(b, w));
      }
      if (which == 0) return wrapped(a * b);
      if (w < 64) return wrapped(op == Op::MulSIExt ? static_cast<uint64_t>(static_cast<int64_t>(a * b) >> w) : (a * b) >> w);
      uint64_t high = mulHigh(a, b);
      if (op == Op::MulSIExt) high -= (a >> 63 ? b : 0) + (b >> 63 ? a : 0);
      return high;
    }
    case Op::SIToFP: {
      int64_t a = signExtend(in[0], w);
      return fromMagnitude(r.elem, a < 0 ? 0 - static_cast<uint64_t>(a) : static_cast<uint64_t>(a), a < 0);
    }
    case Op::UIToFP: return fromMagnitude(r.elem, in[0], false);
    case Op::FPToSI: return toSigned(number(0), bitWidth(r));
    case Op::FPToUI: return toUnsigned(number(0), bitWidth(r));
    case Op::ArithBitcast:
    case Op::Bitcast:
    case Op::IntToPtr:
    case Op::PtrToInt: return in[0];
    case Op::NegF:
      // Compares bits, so that NaN payloads are kept. Formats without -0 use its encoding for NaN.
      if (floatFormat(t.elem).special == FloatFormat::Fnuz) return in[0] == 0 || in[0] == 0x80 ? in[0] : in[0] ^ 0x80;
      return in[0] ^ (uint64_t{1} << (w - 1));
    case Op::FPowI:
      if constexpr (!kAll) return 0;
      return encodeFloat(r.elem, std::pow(number(0), static_cast<double>(signExtend(in[1], bitWidth(inst.operand(1)->type)))));
    case Op::Fma: return fusedMultiplyAdd(r.elem, number(0), number(1), number(2));
    case Op::ClampF: return clamp(inst, r.elem, in);
    case Op::FpToFp: {
      auto rounding = inst.integer(Attr::Rounding, 1) == 0 ? Rounding::TowardZero : Rounding::NearestEven;
      return encodeFloat(r.elem, number(0), rounding, r.isFp8());
    }
    case Op::AddPtr: return in[0] + static_cast<uint64_t>(signExtend(in[1], bitWidth(inst.operand(1)->type)) * byteSize(t.pointee()));
    case Op::ExternElementwise: {
      if constexpr (!kAll) return 0;
      auto f = resolveLibdevice(inst.text(Attr::Symbol));
      if (!f) return 0;
#if !defined(__wasm__) || NEREID_INTERPRETS
      return f->fn == LibFn::None ? apply(f->op, inst, in, which) : evaluateLibrary(*f, inst, in);
#endif
    }
    default: break;
  }
  switch (info(op).sig) {
    case Sig::Int1:
    case Sig::Int2:
    case Sig::CastInt: {
      uint64_t ub = in.size() > 1 ? in[1] : 0;
      return wrapped(integerRow(op, signExtend(in[0], w), signExtend(ub, w), in[0], ub, w));
    }
    case Sig::FloatTest: return floatRow(op, number(0), 0) != 0;
    default: {
      double value = floatRow(op, number(0), in.size() > 1 && inst.operand(1)->type.isFloat() ? number(1) : 0);
      return r.isFloat() ? encodeFloat(r.elem, value) : toSigned(value, bitWidth(r));
    }
  }
}

}  // namespace

uint64_t fusedMultiplyAdd(Elem elem, double a, double b, double c) {
  if (elem == Elem::F64) return std::bit_cast<uint64_t>(std::fma(a, b, c));
  // The product is exact, and the sum is rounded to odd, so the final rounding to the format gives the correctly rounded result.
  double product = a * b;
  double sum = product + c;
  if (std::isfinite(sum)) {
    double back = sum - product;
    double error = (product - (sum - back)) + (c - back);
    if (error != 0 && !(std::bit_cast<uint64_t>(sum) & 1)) sum = std::nextafter(sum, error > 0 ? HUGE_VAL : -HUGE_VAL);
  }
  return encodeFloat(elem, sum);
}

uint64_t evaluate(const Inst& inst, std::span<const uint64_t> operands, size_t which) { return apply(inst.op, inst, operands, which); }

bool canEvaluate(const Inst& inst) {
  if (!isElementwise(inst.op)) return false;
  if (inst.op != Op::ExternElementwise) return true;
  auto f = resolveLibdevice(inst.text(Attr::Symbol));
  if (!f || f->arity != inst.operands.size() || inst.results.size() != 1) return false;
  // The types must match the function, whose table row is for floats or for integers.
  Type t = inst.operand(0)->type, r = inst.result()->type;
  if (t.isPointer() || r.isPointer()) return false;
  if (f->fn != LibFn::None) return hasTypesOf(*f, inst);
  switch (info(f->op).sig) {
    case Sig::Int1:
    case Sig::Int2: return t.isInt() && r.isInt() && (inst.operands.size() < 2 || inst.operand(1)->type == t);
    case Sig::Float1: return t.isFloat();
    case Sig::Float2: return t.isFloat() && inst.operand(1)->type == t;
    case Sig::Float3: return t.isFloat() && r.isFloat() && inst.operand(1)->type.isFloat() && inst.operand(2)->type.isFloat();
    default:
      if (f->op == Op::FPowI) return t.isFloat() && r.isFloat() && inst.operand(1)->type.isInt();
      return bitWidth(t) == bitWidth(r);
  }
}

uint64_t combineAtomic(Rmw kind, Type type, uint64_t old, uint64_t value) {
  int w = bitWidth(type);
  if (type.isFloat() && (kind == Rmw::Max || kind == Rmw::Min)) {
    // If one operand is NaN, the other one is the result.
    double a = decodeFloat(type.elem, old), b = decodeFloat(type.elem, value);
    return std::isnan(a) || (kind == Rmw::Max ? b > a : b < a) ? value : old;
  }
  switch (kind) {
    case Rmw::And: return old & value;
    case Rmw::Or: return old | value;
    case Rmw::Xor: return old ^ value;
    case Rmw::Add: return zeroExtend(old + value, w);
    case Rmw::FAdd: return encodeFloat(type.elem, decodeFloat(type.elem, old) + decodeFloat(type.elem, value));
    case Rmw::Max: return signExtend(old, w) > signExtend(value, w) ? old : value;
    case Rmw::Min: return signExtend(old, w) < signExtend(value, w) ? old : value;
    case Rmw::UMax: return old > value ? old : value;
    case Rmw::UMin: return old < value ? old : value;
    case Rmw::Xchg: return value;
  }
  return value;
}

}  // namespace nereid::interp
