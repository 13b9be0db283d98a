// SPDX-License-Identifier: MIT
// Formulas on values in ordinary notation: each operator appends an operation.
#pragma once

#include "ir/builder.h"

namespace nereid {

// A float, an integer, or a tile of them. A number next to one takes its type.
struct Num {
  Builder* b = nullptr;
  Value* v = nullptr;
  Type type() const { return v->type; }
  Num of(double x) const { return {b, type().isFloat() ? b->floating(type(), x) : b->integer(type(), static_cast<int64_t>(x))}; }
  Num make(Op op) const { return {b, b->make(op, {v})}; }
  Num make(Op op, Num y) const { return {b, b->make(op, {v, y.v})}; }
  Num cast(Op op, Elem to) const { return type().elem == to ? *this : Num{b, b->cast(op, v, type().withElement(to))}; }
};

inline Num operator+(Num x, Num y) { return x.make(x.type().isFloat() ? Op::AddF : Op::AddI, y); }
inline Num operator-(Num x, Num y) { return x.make(x.type().isFloat() ? Op::SubF : Op::SubI, y); }
inline Num operator*(Num x, Num y) { return x.make(x.type().isFloat() ? Op::MulF : Op::MulI, y); }
inline Num operator/(Num x, Num y) { return x.make(x.type().isFloat() ? Op::DivF : Op::DivSI, y); }
inline Num operator-(Num x) { return x.type().isFloat() ? x.make(Op::NegF) : x.of(0) - x; }
inline Num operator&(Num x, Num y) { return x.make(Op::AndI, y); }
inline Num operator|(Num x, Num y) { return x.make(Op::OrI, y); }
inline Num operator^(Num x, Num y) { return x.make(Op::XOrI, y); }
inline Num operator+(Num x, double y) { return x + x.of(y); }
inline Num operator-(Num x, double y) { return x - x.of(y); }
inline Num operator*(Num x, double y) { return x * x.of(y); }
inline Num operator/(Num x, double y) { return x / x.of(y); }
inline Num operator+(double x, Num y) { return y.of(x) + y; }
inline Num operator-(double x, Num y) { return y.of(x) - y; }
inline Num operator*(double x, Num y) { return y.of(x) * y; }
inline Num operator/(double x, Num y) { return y.of(x) / y; }

// Comparisons: of floats, false if one is NaN; of integers, signed.
inline Num compare(Num x, CmpFPred f, CmpIPred i, Num y) {
  return {x.b, x.type().isFloat() ? x.b->cmpF(f, x.v, y.v) : x.b->cmpI(i, x.v, y.v)};
}
inline Num operator<(Num x, Num y) { return compare(x, CmpFPred::Olt, CmpIPred::Slt, y); }
inline Num operator<=(Num x, Num y) { return compare(x, CmpFPred::Ole, CmpIPred::Sle, y); }
inline Num operator>(Num x, Num y) { return y < x; }
inline Num operator>=(Num x, Num y) { return y <= x; }
inline Num operator==(Num x, Num y) { return compare(x, CmpFPred::Oeq, CmpIPred::Eq, y); }
inline Num operator<(Num x, double y) { return x < x.of(y); }
inline Num operator<=(Num x, double y) { return x <= x.of(y); }
inline Num operator>(Num x, double y) { return x > x.of(y); }
inline Num operator>=(Num x, double y) { return x >= x.of(y); }
inline Num operator==(Num x, double y) { return x == x.of(y); }

inline Num choose(Num condition, Num x, Num y) { return {x.b, x.b->select(condition.v, x.v, y.v)}; }
inline Num choose(Num condition, double x, Num y) { return choose(condition, y.of(x), y); }
inline Num choose(Num condition, Num x, double y) { return choose(condition, x, x.of(y)); }
inline Num isNan(Num x) { return {x.b, x.b->cmpF(CmpFPred::Uno, x.v, x.v)}; }
inline Num abs(Num x) { return x.make(x.type().isFloat() ? Op::AbsF : Op::AbsI); }
inline Num sqrt(Num x) { return x.make(Op::Sqrt); }
inline Num exp(Num x) { return x.make(Op::Exp); }
inline Num log(Num x) { return x.make(Op::Log); }
inline Num sin(Num x) { return x.make(Op::Sin); }
inline Num cos(Num x) { return x.make(Op::Cos); }
inline Num floor(Num x) { return x.make(Op::Floor); }
inline Num copySign(Num x, Num sign) { return x.make(Op::CopySign, sign); }
inline Num fma(Num x, Num y, Num z) { return {x.b, x.b->make(Op::Fma, {x.v, y.v, z.v})}; }
inline Num shiftLeft(Num x, int64_t n) { return x.make(Op::ShLI, x.of(static_cast<double>(n))); }
inline Num shiftRight(Num x, int64_t n) { return x.make(Op::ShRUI, x.of(static_cast<double>(n))); }
inline Num shiftSigned(Num x, int64_t n) { return x.make(Op::ShRSI, x.of(static_cast<double>(n))); }
inline Num bits(Num x) {
  return {x.b, x.b->cast(Op::Bitcast, x.v,
                         x.type().withElement(bitWidth(x.type()) == 64   ? Elem::I64
                                              : bitWidth(x.type()) == 16 ? Elem::I16
                                                                         : Elem::I32))};
}
inline Num asFloat(Num x, Elem to) { return {x.b, x.b->cast(Op::Bitcast, x.v, x.type().withElement(to))}; }

}  // namespace nereid
