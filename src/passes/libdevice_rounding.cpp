// SPDX-License-Identifier: MIT
// Arithmetic and conversions rounded toward zero, down or up.
//
// Targets cannot change their rounding mode. So the nearest result is computed first, then the sign of its error, exactly; then the
// neighbour of the result, if the nearest one lies on the wrong side.
//   f32: sums and products of two are exact, or nearly so, in f64; without f64, see libdevice_integers.cpp
//   f64: by sums and products in two parts (Dekker 1971, Knuth 4.2.2, and for fma Boldo and Muller 2011)
#include <limits>

#include "passes/formula.h"
#include "passes/libdevice.h"

namespace nereid {

namespace {

// x + y = sum + rest, exactly.
struct Two {
  Num sum, rest;
};
Two twoSum(Num x, Num y) {
  Num s = x + y, back = s - x;
  return {s, (x - (s - back)) + (y - back)};
}
Two twoProduct(Num x, Num y) {
  Num p = x * y;
  return {p, fma(x, y, -p)};
}

// The sign of a sum whose second operand is smaller than one unit in the last place of the first.
Num signOf(Num large, Num small) { return choose(large == 0, small, large); }

// `nearest`, or its neighbour: `error` has the sign of the true value minus `nearest`.
Num adjust(Direction direction, Num nearest, Num error) {
  if (direction == Direction::Nearest) return nearest;
  Num i = bits(nearest), negative = i < 0;
  Num above = error > 0, below = error < 0;
  // Incrementing the bits increments the magnitude. From 0, the first step is the smallest number of that sign.
  auto step = [&](bool up) {
    Num away = up ? choose(negative, i - 1, i + 1) : choose(negative, i + 1, i - 1);
    Num least = up ? i.of(1) : i.of(1) | shiftLeft(i.of(1), bitWidth(i.type()) - 1);
    return asFloat(choose(nearest == 0, least, away), nearest.type().elem);
  };
  if (direction == Direction::Up) return choose(above, step(true), nearest);
  if (direction == Direction::Down) return choose(below, step(false), nearest);
  Num isNegative = nearest < 0;
  Num toward = choose(isNegative, step(true), step(false));
  Num isBeyond = {i.b, i.b->select(isNegative.v, above.v, below.v)};
  return choose(isBeyond, toward, nearest);
}

// A zero that is the sum of nonzero numbers takes the sign of the direction.
Num exactZero(Direction direction, Num result, Num x, Num y) {
  if (direction != Direction::Down) return result;
  Num cancels = (x == -y) & ((bits(x) ^ bits(y)) < 0);
  return choose(cancels, -0.0, result);
}

Num wide(Num x) { return x.cast(Op::ExtF, Elem::F64); }
Num nearestF32(Num x) { return x.cast(Op::TruncF, Elem::F32); }

// Rounds an exact value, or one with a remainder, to f32.
Num toF32(Direction direction, Num value, Num rest) {
  Num nearest = nearestF32(value);
  return adjust(direction, nearest, signOf(value - wide(nearest), rest));
}

// f32, computed in f64.
Num narrowArithmetic(const LibFunction& f, Num x, Num y, Num z) {
  Direction d = f.direction;
  Num zero = wide(x).of(0);
  switch (f.fn) {
    case LibFn::SubTo: y = -y; [[fallthrough]];
    case LibFn::AddTo: {
      Two s = twoSum(wide(x), wide(y));
      return exactZero(d, toF32(d, s.sum, s.rest), x, y);
    }
    case LibFn::MulTo: return toF32(d, wide(x) * wide(y), zero);
    case LibFn::FmaTo: {
      Num product = wide(x) * wide(y);
      Two s = twoSum(product, wide(z));
      return choose((s.sum == 0) & (product == -wide(z)) & ((bits(product) ^ bits(wide(z))) < 0), d == Direction::Down ? -0.0 : 0.0,
                    toF32(d, s.sum, s.rest));
    }
    case LibFn::RcpTo:
      y = x;
      x = x.of(1);
      [[fallthrough]];
    case LibFn::DivTo: {
      // x - q y is exact in f64, and has the sign of x / y - q if y is positive.
      Num q = nearestF32(wide(x) / wide(y)), rest = wide(x) - wide(q) * wide(y);
      return adjust(d, q, choose(y < 0, -rest, rest));
    }
    default: {
      Num root = nearestF32(sqrt(wide(x)));
      return adjust(d, root, wide(x) - wide(root) * wide(root));
    }
  }
}

Num doubleArithmetic(const LibFunction& f, Num x, Num y, Num z) {
  Direction d = f.direction;
  switch (f.fn) {
    case LibFn::SubTo: y = -y; [[fallthrough]];
    case LibFn::AddTo: {
      Two s = twoSum(x, y);
      // An infinite sum has no remainder. Rounded in the other directions, it becomes the largest finite number.
      Num overflow = (abs(s.sum) == std::numeric_limits<double>::infinity()) & (abs(x) < std::numeric_limits<double>::infinity()) &
                     (abs(y) < std::numeric_limits<double>::infinity());
      return exactZero(d, adjust(d, s.sum, choose(overflow, -s.sum, s.rest)), x, y);
    }
    case LibFn::MulTo: {
      Two p = twoProduct(x, y);
      Num overflow = (abs(p.sum) == std::numeric_limits<double>::infinity()) & (abs(x) < std::numeric_limits<double>::infinity()) &
                     (abs(y) < std::numeric_limits<double>::infinity());
      return adjust(d, p.sum, choose(overflow, -p.sum, p.rest));
    }
    case LibFn::FmaTo: {
      Num nearest = fma(x, y, z);
      Two product = twoProduct(x, y), low = twoSum(z, product.rest), high = twoSum(product.sum, low.sum);
      Num error = (high.sum - nearest) + high.rest + low.rest;
      Num overflow = (abs(nearest) == std::numeric_limits<double>::infinity()) & (abs(x) < std::numeric_limits<double>::infinity()) &
                     (abs(y) < std::numeric_limits<double>::infinity()) & (abs(z) < std::numeric_limits<double>::infinity());
      return adjust(d, nearest, choose(overflow, -nearest, error));
    }
    case LibFn::RcpTo:
      y = x;
      x = x.of(1);
      [[fallthrough]];
    case LibFn::DivTo: {
      Num q = x / y, rest = fma(-q, y, x);
      rest = choose(y < 0, -rest, rest);
      Num overflow =
          (abs(q) == std::numeric_limits<double>::infinity()) & (abs(x) < std::numeric_limits<double>::infinity()) & (abs(y) > 0);
      return adjust(d, q, choose(overflow, -q, rest));
    }
    default: {
      // Away from the smallest numbers, whose squares would lose their remainder; scaling the root back is exact.
      Num isSmall = x < 0x1p-900, scaled = choose(isSmall, x * 0x1p106, x), root = sqrt(scaled);
      return adjust(d, root, fma(-root, root, scaled)) * choose(isSmall, x.of(0x1p-53), x.of(1));
    }
  }
}

Num whole(Direction direction, Num x) {
  switch (direction) {
    case Direction::Zero: return x.make(Op::Trunc);
    case Direction::Down: return x.make(Op::Floor);
    case Direction::Up: return x.make(Op::Ceil);
    case Direction::Nearest: break;
  }
  return x.make(Op::RoundEven);
}

Num fromInteger(const LibFunction& f, Num x, Type result) {
  Num nearest{x.b, x.b->cast(f.isUnsigned ? Op::UIToFP : Op::SIToFP, x.v, result)};
  int width = bitWidth(x.type());
  if (f.direction == Direction::Nearest || (width == 32 && result.elem == Elem::F64)) return nearest;
  // Back to a 64-bit integer, whose difference is exact. 2^63 and 2^64 do not fit, and exceed every integer.
  Num i = width == 64 ? x : x.cast(f.isUnsigned ? Op::ExtUI : Op::ExtSI, Elem::I64);
  bool large = width == 64 && f.isUnsigned;
  Num back{x.b, x.b->cast(large ? Op::FPToUI : Op::FPToSI, nearest.v, i.type())};
  Num less = large ? Num{x.b, x.b->cmpI(CmpIPred::Ult, i.v, back.v)} : i < back,
      more = large ? Num{x.b, x.b->cmpI(CmpIPred::Ult, back.v, i.v)} : back < i;
  Num error = choose(less, nearest.of(-1), choose(more, nearest.of(1), nearest.of(0)));
  if (width == 64) error = choose(nearest >= (large ? 0x1p64 : 0x1p63), -1.0, error);
  return adjust(f.direction, nearest, error);
}

}  // namespace

Value* expandRounding(Builder& b, const Inst& inst, const LibFunction& f, bool hasF64) {
  Type result = inst.result()->type;
  auto operand = [&](size_t k) { return Num{&b, inst.operands[std::min(k, inst.operands.size() - 1)]}; };
  Num x = operand(0);
  switch (f.fn) {
    case LibFn::FloatToInt: return b.cast(f.isUnsigned ? Op::FPToUI : Op::FPToSI, whole(f.direction, x).v, result);
    case LibFn::LRound: return b.cast(Op::FPToSI, x.make(Op::Round).v, result);
    case LibFn::IntToFloat: return fromInteger(f, x, result).v;
    case LibFn::DoubleToFloat: return toF32(f.direction, x, x.of(0)).v;
    default: break;
  }
  if (f.direction == Direction::Nearest) {
    switch (f.fn) {
      case LibFn::AddTo: return b.make(Op::AddF, inst.operands);
      case LibFn::SubTo: return b.make(Op::SubF, inst.operands);
      case LibFn::MulTo: return b.make(Op::MulF, inst.operands);
      case LibFn::FmaTo: return b.make(Op::Fma, inst.operands);
      case LibFn::DivTo: return (x / operand(1)).v;
      case LibFn::RcpTo: return (1 / x).v;
      default: return sqrt(x).v;
    }
  }
  if (x.type().elem == Elem::F64) return doubleArithmetic(f, x, operand(1), operand(2)).v;
  return hasF64 ? narrowArithmetic(f, x, operand(1), operand(2)).v : roundByIntegers(f, x, operand(1), operand(2));
}

}  // namespace nereid
