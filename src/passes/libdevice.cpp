// SPDX-License-Identifier: MIT
// Library functions as formulas.
//
//   __nv_norm3df %x, %y, %z   =>   the root of the squares' sum, in f64
//   __nv_tgammaf %x           =>   Lanczos' formula in f64
//
// Functions of f32 are computed in f64, which makes them nearly exact. Targets without f64 compute the same formulas in f32, with the
// errors that docs/reference/math.md lists. Functions of f64 use only f64.
#include "passes/libdevice.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "passes/formula.h"

namespace nereid {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity(), kNan = std::numeric_limits<double>::quiet_NaN(), kPi = std::numbers::pi;

bool isF64(Num x) { return x.type().elem == Elem::F64; }
Num isInfinite(Num x) { return abs(x) == kInf; }

// ---- magnitudes

Num norm(std::vector<Num> x, bool hasF64, Type narrow) {
  Num result, infinite;
  for (Num v : x) infinite = infinite.v ? infinite | isInfinite(v) : isInfinite(v);
  auto squares = [&] {
    Num sum = x[0] * x[0];
    for (size_t k = 1; k < x.size(); ++k) sum = sum + x[k] * x[k];
    return sum;
  };
  if (hasF64 && narrow.elem != Elem::F64) {
    // In f64, squares cannot overflow.
    for (Num& v : x) v = v.cast(Op::ExtF, Elem::F64);
    result = sqrt(squares());
  } else {
    // Scaled by the largest magnitude.
    Num large = abs(x[0]);
    for (Num v : x) large = large.make(Op::MaximumF, abs(v));
    Num scale = choose((large == 0) | isInfinite(large), 1.0, large);
    for (Num& v : x) v = v / scale;
    result = scale * sqrt(squares());
  }
  // An infinity takes precedence over NaN.
  return choose(infinite, kInf, result);
}

// ---- parts of floats

// The neighbour of x toward y: magnitudes of floats are ordered like integers.
Num nextAfter(Num x, Num y) {
  Num i = bits(x);
  Num away{x.b, x.b->cmpI(CmpIPred::Eq, (y > x).v, (x > 0).v)};
  Num next = asFloat(i + choose(away, i.of(1), i.of(-1)), x.type().elem);
  Num least = copySign(asFloat(i.of(1), x.type().elem), y);
  next = choose(x == 0, least, next);
  next = choose(x == y, y, next);
  return choose(isNan(x) | isNan(y), x + y, next);
}

// 2^n, for n in the range of the exponent.
Num powerOfTwo(Num n, Elem type) {
  return type == Elem::F64 ? asFloat(shiftLeft(n.cast(Op::ExtSI, Elem::I64) + 1023, 52), type) : asFloat(shiftLeft(n + 127, 23), type);
}

// x * 2^n, rounded once.
Num ldexp(Num x, Num n, bool hasF64) {
  auto clamp = [](Num a, int low, int high) { return a.make(Op::MinSI, a.of(high)).make(Op::MaxSI, a.of(low)); };
  if (bitWidth(n.type()) == 64) n = clamp(n, -100000, 100000).cast(Op::TruncI, Elem::I32);
  const Elem narrow = x.type().elem;
  if (narrow != Elem::F64 && hasF64)
    return (x.cast(Op::ExtF, Elem::F64) * powerOfTwo(clamp(n, -400, 400), Elem::F64)).cast(Op::TruncF, narrow);
  const bool isWide = narrow == Elem::F64;
  if (!isWide) x = x.cast(Op::ExtF, Elem::F32);
  // Scales in steps that each fit the exponent's range; downward steps stop short by the digits of the type, so that only the last product
  // rounds.
  const int most = isWide ? 1023 : 127, least = isWide ? -969 : -102;
  n = clamp(n, isWide ? -3000 : -400, isWide ? 3000 : 400);
  for (int k = 0; k < (isWide ? 2 : 3); ++k) {
    Num up = n > most, down = n < 1 - most;
    x = x * choose(up, x.of(std::ldexp(1, most)), choose(down, x.of(std::ldexp(1, least)), x.of(1)));
    n = n - choose(up, n.of(most), choose(down, n.of(least), n.of(0)));
  }
  return (x * powerOfTwo(clamp(n, 1 - most, most), isWide ? Elem::F64 : Elem::F32)).cast(Op::TruncF, narrow);
}

// The exponent of a finite x > 0, as a 32-bit integer.
Num exponent(Num x) {
  const bool isWide = isF64(x);
  const int digits = isWide ? 52 : 23, bias = isWide ? 1023 : 127;
  // Subnormal numbers are scaled up first.
  Num isSmall = x < (isWide ? 0x1p-1022 : 0x1p-126);
  Num e = shiftRight(bits(choose(isSmall, x * std::ldexp(1, digits + 1), x)), digits);
  return (e - choose(isSmall, e.of(bias + digits + 1), e.of(bias))).cast(Op::TruncI, Elem::I32);
}

Num ilogb(Num x) {
  Num e = exponent(abs(x));
  return choose((x == 0) | isNan(x), e.of(INT32_MIN), choose(isInfinite(x), e.of(INT32_MAX), e));
}

Num logb(Num x) {
  Num e = exponent(abs(x)), y{x.b, x.b->cast(Op::SIToFP, e.v, x.type())};
  return choose(isNan(x), x, choose(x == 0, -kInf, choose(isInfinite(x), kInf, y)));
}

// x - n y, where n is the integer nearest to x / y, and the even one in a tie.
Num remainder(Num x, Num y) {
  Num a = abs(x), c = abs(y);
  const double most = isF64(x) ? std::numeric_limits<double>::max() / 2 : static_cast<double>(std::numeric_limits<float>::max()) / 2;
  Num fits = c <= most, r = choose(fits, a.make(Op::RemF, choose(fits, c + c, c)), a);
  // r is below 2 |y|. Select the smaller of r and |y| - r, which neither overflows nor rounds; in a tie, the one of the even quotient,
  // which is 0 or 2.
  Num first = r > c - r;
  r = choose(first, r - c, r);
  Num second = first & (r >= c - r);
  r = choose(second, r - c, r);
  r = choose(bits(x) < 0, -r, r);
  r = choose(r == 0, copySign(r, x), r);
  r = choose(isInfinite(y) & (abs(x) < kInf), x, r);
  return choose(isNan(x) | isNan(y) | isInfinite(x) | (y == 0), kNan, r);
}

// ---- functions

// sin(pi x) or cos(pi x): subtracting the nearest multiple of one half from x is exact.
Num sinOrCosPi(Num x, bool isCos) {
  // From here on, all numbers are even.
  Num isEven = abs(x) >= (isF64(x) ? 0x1p53 : 0x1p24), reduced = choose(isEven, 0.0, x);
  Num n = (2 * reduced).make(Op::RoundEven), r = (reduced - n / 2) * kPi;
  // The quadrant, as a float: n may be large.
  Num quarter = n - 4 * floor(n / 4);
  if (isCos) quarter = choose(quarter == 3, 0.0, quarter + 1);
  Num s = sin(r), c = cos(r);
  Num y = choose((quarter == 1) | (quarter == 3), c, s);
  y = choose(quarter >= 2, -y, y);
  Num bad = isInfinite(x) | isNan(x);
  if (isCos) return choose(bad, kNan, y + 0.0);
  return choose(bad, kNan, choose(x == floor(x), copySign(x.of(0), x), y));
}

// exp(x^2) erfc(x); above 25 (9 in f32) by its expansion (Abramowitz and Stegun 7.1.23), where erfc has lost its digits.
Num erfcx(Num x) {
  const double limit = isF64(x) ? 25 : 8;
  Num isLarge = x > limit, near = choose(isLarge, 1.0, x), far = choose(isLarge, x, limit);
  // The square in two parts: exp would magnify its rounding error.
  Num square = near * near, rest = fma(near, near, -square), e = exp(square);
  Num small = e * near.make(Op::Erfc) * (1 + choose(rest == rest, rest, 0.0));
  small = choose(e == kInf, kInf, small);
  Num s = 1 / (far * far), sum = far.of(1), term = far.of(1);
  for (int k = 1; k <= 8; ++k) {
    term = term * (s * (-(2 * k - 1) / 2.0));
    sum = sum + term;
  }
  Num large = choose(far == kInf, 0.0, sum / (far * std::sqrt(kPi)));
  return choose(isNan(x), x, choose(isLarge, large, small));
}

// The inverse of erf: a rough estimate, then steps of Halley's method on erf.
Num erfinv(Num x) {
  constexpr double kA = 0.147;
  Num l = (-(x * x)).make(Op::Log1p);
  Num s = 2 / (kPi * kA) + l * 0.5;
  Num y = copySign(sqrt(sqrt(s * s - l / kA) - s), x);
  Num magnitude = abs(x), isSmall = magnitude < 0.5;
  for (int k = 0; k < 4; ++k) {
    // Near 1, use the difference of erfcs: that of erfs has no digits left.
    Num tail = 1 - magnitude - abs(y).make(Op::Erfc);
    Num error = choose(isSmall, y.make(Op::Erf) - x, copySign(tail, tail * x));
    Num step = error / (2 / std::sqrt(kPi) * exp(-(y * y)));
    y = y - step / (1 + y * step);
  }
  y = choose(x == 0, x, y);
  return choose(magnitude == 1, copySign(x.of(kInf), x), y);
}

// The inverse of erfc, for p in (0, 2): near 1 by the inverse of erf; below, by steps on erfc, which keeps its relative accuracy; above, by
// symmetry.
Num erfcinv(Num p) {
  constexpr double kA = 0.147;
  Num isMiddle = (p > 0.5) & (p < 1.5), middle = erfinv(choose(isMiddle, 1 - p, 0.0));
  Num upper = p > 1, q = choose(upper, 2 - p, p);
  Num l = log(q * (2 - q)), s = 2 / (kPi * kA) + l * 0.5;
  Num y = sqrt(sqrt(s * s - l / kA) - s);
  for (int k = 0; k < 5; ++k) {
    Num step = (q - y.make(Op::Erfc)) / (2 / std::sqrt(kPi) * exp(-(y * y)));
    y = y - step / (1 + y * step);
  }
  y = choose(q == 0, kInf, y);
  y = choose(isMiddle, middle, choose(upper, -y, y));
  return choose((p >= 0) & (p <= 2), y, kNan);
}

constexpr double kLanczos[] = {676.5203681218851,  -1259.1392167224028,  771.32342877765313,    -176.61502916214059,
                               12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7};
// The sum in Lanczos' formula with g = 7 and 9 terms.
Num lanczosSum(Num z) {
  Num sum = z.of(0.99999999999980993);
  for (int k = 0; k < 8; ++k) sum = sum + kLanczos[k] / (z + (k + 1));
  return sum;
}

// The logarithm of |gamma(x)|; below 1/2 by reflection.
Num lgamma(Num x) {
  Num isLow = x < 0.5, z = choose(isLow, 1 - x, x) - 1;
  Num sum = lanczosSum(z), base = z + 7.5;
  Num y = (z + 0.5) * log(base) - base + (0.91893853320467274 + log(sum));
  // gamma(x) gamma(1 - x) = pi / sin(pi x)
  y = choose(isLow, 1.1447298858494002 - log(abs(sinOrCosPi(x, false))) - y, y);
  return choose(isInfinite(x) | ((x <= 0) & (x == floor(x))), kInf, y);
}

Num tgamma(Num x) {
  Num isLow = x < 0.5, z = choose(isLow, 1 - x, x) - 1;
  Num base = z + 7.5;
  // The power in two halves: otherwise it overflows before gamma does.
  Num half = base.make(Op::PowF, (z + 0.5) / 2);
  Num y = half * exp(-base) * half * (2.5066282746310002 * lanczosSum(z));
  y = choose(z > (isF64(x) ? 170.7 : 34.05), kInf, y);
  y = choose(isLow, kPi / (sinOrCosPi(x, false) * y), y);
  // Integers have exact results as long as their factorials are exact.
  Num isWhole = x == floor(x);
  y = choose(isWhole & (x > 0) & (x < 24), y.make(Op::RoundEven), y);
  y = choose(x == 0, copySign(x.of(kInf), x), choose(isWhole & (x < 0), kNan, y));
  return choose((x == -kInf) | isNan(x), kNan, choose(x == kInf, kInf, y));
}

Num normCdf(Num x) {
  // x / sqrt 2 in two parts: erfc would magnify its rounding error.
  constexpr double kRoot = 0.70710678118654752440;
  Num u = -x * kRoot, rest = isF64(x) ? fma(-x, x.of(kRoot), -u) + -x * -4.8336466567264567e-17
                                      : fma(-x, x.of(kRoot), -u) + -x * (kRoot - static_cast<double>(static_cast<float>(kRoot)));
  Num y = u.make(Op::Erfc) / 2, slope = exp(-(u * u)) / std::sqrt(kPi) * rest;
  return y - choose(isInfinite(x) | isNan(x) | isNan(slope), 0.0, slope);
}

// ---- integers

Num bytePerm(Num x, Num y, Num selector) {
  Num low = x.cast(Op::ExtUI, Elem::I64), high = shiftLeft(y.cast(Op::ExtUI, Elem::I64), 32), bytes = low | high, out;
  for (int k = 0; k < 4; ++k) {
    Num shift = shiftLeft(shiftRight(selector, 4 * k) & selector.of(7), 3).cast(Op::ExtUI, Elem::I64);
    Num byte = shiftLeft((bytes.make(Op::ShRUI, shift) & bytes.of(255)).cast(Op::TruncI, Elem::I32), 8 * k);
    out = k ? out | byte : byte;
  }
  return out;
}

Num reversed(Num x) {
  constexpr uint64_t kMasks[] = {0x5555555555555555, 0x3333333333333333, 0x0F0F0F0F0F0F0F0F,
                                 0x00FF00FF00FF00FF, 0x0000FFFF0000FFFF, 0x00000000FFFFFFFF};
  int width = bitWidth(x.type());
  for (int k = 0; 1 << k < width; ++k) {
    Num mask{x.b, x.b->constant(x.type(), width == 64 ? kMasks[k] : kMasks[k] & 0xFFFFFFFF)};
    x = (shiftRight(x, 1 << k) & mask) | shiftLeft(x & mask, 1 << k);
  }
  return x;
}

Num difference(Num x, Num y, bool isUnsigned) {
  return (x.make(isUnsigned ? Op::MaxUI : Op::MaxSI, y)) - x.make(isUnsigned ? Op::MinUI : Op::MinSI, y);
}

}  // namespace

Value* expandLibrary(Builder& b, const Inst& inst, const LibFunction& f, bool hasF64) {
  const Type result = inst.result()->type;
  auto operand = [&](size_t k) { return Num{&b, inst.operands[std::min(k, inst.operands.size() - 1)]}; };
  Num x = operand(0), y = operand(1);
  auto flag = [&](Num bit) { return result.isBool() ? bit.v : b.cast(Op::ExtUI, bit.v, result); };
  // Computed in f64, or in f32 on targets without it; rounded at the end.
  auto wide = [&](Num v) { return isF64(v) ? v : v.cast(Op::ExtF, hasF64 ? Elem::F64 : Elem::F32); };
  auto narrow = [&](Num v) { return v.type().elem == result.elem ? v.v : b.cast(Op::TruncF, v.v, result); };
  switch (f.fn) {
    case LibFn::None: return nullptr;
    case LibFn::IsNan: return flag(isNan(x));
    case LibFn::IsInf: return flag(isInfinite(x));
    case LibFn::IsFinite: return flag(abs(x) < kInf);
    case LibFn::SignBit: return flag(bits(x) < 0);
    case LibFn::Ffs: {
      Num v = choose(x == 0, x.of(0), x.make(Op::CtTZ) + 1);
      return v.type() == result ? v.v : b.cast(Op::TruncI, v.v, result);
    }
    case LibFn::NextAfter: return nextAfter(x, y).v;
    case LibFn::Ldexp: return ldexp(x, y, hasF64).v;
    case LibFn::Fdim: return choose(x <= y, x.of(0), x - y).v;
    case LibFn::Rcp: return (1 / x).v;
    case LibFn::RSqrt: return narrow(1 / sqrt(wide(x)));
    case LibFn::Hypot: return narrow(norm({x, y}, hasF64, result));
    case LibFn::RHypot: return narrow(1 / norm({x, y}, hasF64, result));
    case LibFn::Norm:
    case LibFn::RNorm: {
      std::vector<Num> all;
      for (size_t k = 0; k < inst.operands.size(); ++k) all.push_back(operand(k));
      Num n = norm(all, hasF64, result);
      return narrow(f.fn == LibFn::Norm ? n : 1 / n);
    }
    case LibFn::Lgamma: return narrow(lgamma(wide(x)));
    case LibFn::TGamma: return narrow(tgamma(wide(x)));
    case LibFn::Erfinv: return narrow(erfinv(wide(x)));
    case LibFn::Erfcinv: return narrow(erfcinv(wide(x)));
    case LibFn::Erfcx: return narrow(erfcx(wide(x)));
    case LibFn::NormCdf: return narrow(normCdf(wide(x)));
    case LibFn::NormCdfInv: {
      Num p = wide(x);
      return narrow(choose((p >= 0) & (p <= 1), erfcinv(2 * p) * -std::numbers::sqrt2, kNan));
    }
    case LibFn::SinPi: return narrow(sinOrCosPi(wide(x), false));
    case LibFn::CosPi: return narrow(sinOrCosPi(wide(x), true));
    case LibFn::Exp10: return narrow(wide(x).of(10).make(Op::PowF, wide(x)));
    case LibFn::RCbrt: return narrow(1 / wide(x).make(Op::Cbrt));
    case LibFn::Remainder: return remainder(x, y).v;
    case LibFn::ILogB: return ilogb(x).v;
    case LibFn::LogB: return logb(x).v;
    case LibFn::Saturate: return choose(x > 0, choose(x < 1, x, 1.0), 0.0).v;

    case LibFn::BytePerm: return bytePerm(x, y, operand(2)).v;
    case LibFn::Mul24: return (shiftSigned(shiftLeft(x, 8), 8) * shiftSigned(shiftLeft(y, 8), 8)).v;
    case LibFn::UMul24: return ((x & x.of(0xffffff)) * (y & y.of(0xffffff))).v;
    case LibFn::MulHi: {
      // The unsigned product, corrected for the signs.
      int top = bitWidth(x.type()) - 1;
      return (x.make(Op::MulHiUI, y) - (shiftSigned(x, top) & y) - (shiftSigned(y, top) & x)).v;
    }
    case LibFn::BitReverse: return reversed(x).v;
    case LibFn::Sad: return (difference(x, y, false) + operand(2)).v;
    case LibFn::USad: return (difference(x, y, true) + operand(2)).v;
    case LibFn::Hadd: return ((x & y) + shiftSigned(x ^ y, 1)).v;
    case LibFn::UHadd: return ((x & y) + shiftRight(x ^ y, 1)).v;
    case LibFn::RHadd: return ((x | y) - shiftSigned(x ^ y, 1)).v;
    case LibFn::URHadd: return ((x | y) - shiftRight(x ^ y, 1)).v;

    case LibFn::HiLoToDouble: return asFloat(shiftLeft(x.cast(Op::ExtUI, Elem::I64), 32) | y.cast(Op::ExtUI, Elem::I64), Elem::F64).v;
    case LibFn::LowOfDouble: return bits(x).cast(Op::TruncI, Elem::I32).v;
    case LibFn::HighOfDouble: return shiftRight(bits(x), 32).cast(Op::TruncI, Elem::I32).v;
    case LibFn::Rcp64h: return asFloat(shiftLeft(shiftRight(bits(1 / x), 32), 32), Elem::F64).v;

    case LibFn::AddTo:
    case LibFn::SubTo:
    case LibFn::MulTo:
    case LibFn::DivTo:
    case LibFn::RcpTo:
    case LibFn::SqrtTo:
    case LibFn::FmaTo:
    case LibFn::FloatToInt:
    case LibFn::IntToFloat:
    case LibFn::DoubleToFloat:
    case LibFn::LRound: return expandRounding(b, inst, f, hasF64);
    case LibFn::J0:
    case LibFn::J1:
    case LibFn::Y0:
    case LibFn::Y1:
    case LibFn::Jn:
    case LibFn::Yn:
    case LibFn::I0:
    case LibFn::I1: return expandBessel(b, inst, f, hasF64);
  }
  return nullptr;
}

}  // namespace nereid
