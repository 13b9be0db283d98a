// SPDX-License-Identifier: MIT
// Arithmetic of f32 rounded toward zero, down or up, with integers only: for targets without f64, whose compilers may also fuse and reorder
// f32 operations, so that the error of a result cannot be computed with floats.
//
// A number is a sign, a significand and a power of two. A result is exact in 62 bits, or lies between its significand and the next one.
#include "passes/formula.h"
#include "passes/libdevice.h"

namespace nereid {

namespace {

// (negative ? -1 : 1) * significand * 2^exponent, with 0 <= significand < 2^62. If `more` is set, the magnitude is greater, by less than
// one unit of the significand.
struct Parts {
  Num negative;     // i1
  Num significand;  // i64
  Num exponent;     // i32
  Num more;         // i1
};

Num both(Num x, Num y) { return x & y; }
Num either(Num x, Num y) { return x | y; }
Num opposite(Num condition) { return condition ^ condition.of(1); }
Num isNot(Num x, double y) { return opposite(x == y); }
Num wide(Num x) { return x.cast(Op::ExtSI, Elem::I64); }
Num isZero(Num x) { return x == 0.0; }
Num smaller(Num x, Num y) { return choose(x < y, x, y); }
Num greater(Num x, Num y) { return choose(x < y, y, x); }
Num leadingZeros(Num x) { return x.make(Op::CtLZ).cast(Op::TruncI, Elem::I32); }

// x shifted by n, for n in 0 .. 63.
Num shiftedLeft(Num x, Num n) { return x.make(Op::ShLI, wide(n)); }
Num shiftedRight(Num x, Num n) { return x.make(Op::ShRUI, wide(n)); }

Parts unpack(Num x) {
  Num i = bits(x), field = shiftRight(i, 23) & i.of(0xFF), fraction = i & i.of(0x7FFFFF);
  Num isSmall = isZero(field);
  return {i < 0, wide(choose(isSmall, fraction, fraction | i.of(0x800000))), choose(isSmall, -149.0, field - 150),
          Num{x.b, x.b->integer(i.type().withElement(Elem::I1), 0)}};
}

// The same number with its leading bit at `position` or higher; for zero, with the smallest exponent.
Parts normalize(Parts x, int position) {
  Num shift = leadingZeros(x.significand) - (63 - position);
  Num none = isZero(x.significand);
  shift = choose(none, 0.0, shift);
  return {x.negative, shiftedLeft(x.significand, shift), choose(none, -5000.0, x.exponent - shift), x.more};
}

Num pack(Direction direction, Parts x) {
  constexpr double kLargest = 0x7F7FFFFF, kInfinity = 0x7F800000;
  Num top = 63.0 - leadingZeros(x.significand);
  // The exponent of the result's last place, and the remainder below it.
  Num last = greater(top + x.exponent - 23, x.exponent.of(-149)), shift = last - x.exponent;
  Num down = smaller(greater(shift, shift.of(0)), shift.of(63)), up = smaller(greater(0.0 - shift, shift.of(0)), shift.of(63));
  Num kept = shiftedLeft(shiftedRight(x.significand, down), up);
  Num lost = opposite(shiftedLeft(shiftedRight(x.significand, down), down) == x.significand);
  Num away = x.negative;
  if (direction == Direction::Up) away = opposite(x.negative);
  if (direction == Direction::Zero) away = away ^ away;
  Num rounds = both(either(lost, x.more), away);
  Num significand = kept.cast(Op::TruncI, Elem::I32);
  significand = significand + choose(rounds, significand.of(1), significand.of(0));
  // A significand of 2^24 becomes the next power of two in this sum.
  Num isLarge = last > 104.0;
  Num result = shiftLeft(choose(isLarge, 0.0, last) + 149, 23) + significand;
  Num overflow = either(isLarge, result > kLargest);
  result = choose(overflow, choose(away, kInfinity, result.of(kLargest)), result);
  result = choose(both(isZero(x.significand), opposite(x.more)), 0.0, result);
  return asFloat(choose(x.negative, result | shiftLeft(result.of(1), 31), result), Elem::F32);
}

Num packSum(Direction direction, Parts x, Parts y) {
  Parts a = normalize(x, 60), b = normalize(y, 60);
  // a has the greater exponent.
  Num swaps = a.exponent < b.exponent;
  auto swap = [&](Num Parts::* part) {
    Num first = choose(swaps, b.*part, a.*part), second = choose(swaps, a.*part, b.*part);
    a.*part = first;
    b.*part = second;
  };
  swap(&Parts::negative);
  swap(&Parts::significand);
  swap(&Parts::exponent);
  Num distance = smaller(a.exponent - b.exponent, a.exponent.of(63));
  Num aligned = shiftedRight(b.significand, distance);
  Num lost = opposite(shiftedLeft(aligned, distance) == b.significand);
  Num subtracts = a.negative ^ b.negative;
  // Subtract the lost part: one unit less, with a remainder.
  Num difference = a.significand - aligned;
  difference = choose(lost, difference - 1, difference);
  Num sum = choose(subtracts, difference, a.significand + aligned);
  Num isNegative = sum < 0, zero = both(isZero(sum), opposite(lost));
  // If both operands are zero or cancel, the zero is negative if both are, or if one is and rounding is downward.
  Num ofZero = direction == Direction::Down ? either(a.negative, b.negative) : both(a.negative, b.negative);
  return pack(direction, {choose(zero, ofZero, a.negative ^ isNegative), choose(isNegative, 0.0 - sum, sum), a.exponent, lost});
}

Parts product(Parts x, Parts y) { return {x.negative ^ y.negative, x.significand * y.significand, x.exponent + y.exponent, x.more}; }

Num packQuotient(Direction direction, Parts x, Parts y) {
  Parts a = normalize(x, 23), b = normalize(y, 23);
  Num numerator = shiftLeft(a.significand, 27), denominator = choose(isZero(b.significand), 1.0, b.significand);
  Num quotient = numerator.make(Op::DivUI, denominator);
  return pack(direction, {a.negative ^ b.negative, quotient, a.exponent - b.exponent - 27, isNot(numerator - quotient * denominator, 0)});
}

Num packRoot(Direction direction, Parts x) {
  Parts a = normalize(x, 23);
  Num isOdd = isNot(a.exponent & a.exponent.of(1), 0);
  Num square = choose(isOdd, shiftLeft(a.significand, 27), shiftLeft(a.significand, 28));
  Num exponent = shiftSigned(choose(isOdd, a.exponent - 27, a.exponent - 28), 1);
  // A square root in f32, improved by a Newton step, then corrected by one.
  Num about = {
      x.significand.b,
      x.significand.b->cast(Op::FPToSI,
                            sqrt(Num{x.significand.b, x.significand.b->cast(Op::SIToFP, square.v, square.type().withElement(Elem::F32))}).v,
                            square.type())};
  about = greater(about, about.of(1));
  Num root = about + (square - about * about) / (about + about);
  root = choose(root * root > square, root - 1, root);
  root = choose((root + 1) * (root + 1) <= square, root + 1, root);
  return pack(direction, {x.negative, root, exponent, opposite(root * root == square)});
}

}  // namespace

Value* roundByIntegers(const LibFunction& f, Num x, Num y, Num z) {
  Direction d = f.direction;
  auto isFinite = [](Num v) { return opposite((bits(v) & bits(v).of(0x7F800000)) == 0x7F800000); };
  Parts a = unpack(x), b = unpack(y);
  switch (f.fn) {
    case LibFn::SubTo: b.negative = opposite(b.negative); return choose(both(isFinite(x), isFinite(y)), packSum(d, a, b), x - y).v;
    case LibFn::AddTo: return choose(both(isFinite(x), isFinite(y)), packSum(d, a, b), x + y).v;
    case LibFn::MulTo: return choose(both(isFinite(x), isFinite(y)), pack(d, product(a, b)), x * y).v;
    case LibFn::FmaTo: {
      // A product too large for f32 counts as finite next to an infinite z.
      Num finite = both(isFinite(x), isFinite(y));
      return choose(both(finite, isFinite(z)), packSum(d, product(a, b), unpack(z)), choose(finite, z, x * y + z)).v;
    }
    case LibFn::DivTo: return choose(both(both(isFinite(x), isFinite(y)), isNot(b.significand, 0)), packQuotient(d, a, b), x / y).v;
    case LibFn::RcpTo: return choose(both(isFinite(x), isNot(a.significand, 0)), packQuotient(d, unpack(x.of(1)), a), 1 / x).v;
    default: return choose(both(both(isFinite(x), opposite(a.negative)), isNot(a.significand, 0)), packRoot(d, a), sqrt(x)).v;
  }
}

}  // namespace nereid
