// SPDX-License-Identifier: MIT
// Library functions, computed with the machine's C library and, for directed roundings, its rounding modes.
#if !defined(__wasm__) || NEREID_INTERPRETS

#include <algorithm>
#include <bit>
#include <cfenv>
#include <cmath>
#include <limits>
#include <numbers>

#include "interp/element.h"
#include "ir/bits.h"

namespace nereid::interp {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity(), kPi = 3.14159265358979323846, kSqrt2 = 1.41421356237309504880;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The inverse of erf by Newton's method where it is nearly linear; the inverse of erfc by bisection.
double erfcinv(double x);
double erfinv(double x) {
  if (std::isnan(x) || x < -1 || x > 1) return kNan;
  if (std::fabs(x) > 0.5) return std::copysign(erfcinv(1 - std::fabs(x)), x);
  double y = x * std::sqrt(kPi) / 2;
  for (int k = 0; k < 60; ++k) y -= (std::erf(y) - x) / (2 / std::sqrt(kPi) * std::exp(-y * y));
  return x == 0 ? x : y;
}
double erfcinv(double x) {
  if (std::isnan(x) || x < 0 || x > 2) return kNan;
  if (x == 0 || x == 2) return x == 0 ? kInf : -kInf;
  if (x > 0.5 && x < 1.5) return erfinv(1 - x);
  if (x > 1) return -erfcinv(2 - x);
  double low = 0, high = 28;  // erfc(28) is below the smallest double
  for (int k = 0; k < 200 && high > std::nextafter(low, kInf); ++k) {
    double middle = low + (high - low) / 2;
    (std::erfc(middle) > x ? low : high) = middle;
  }
  return low;
}

double erfcx(double x) {
  if (x < 25) return static_cast<double>(std::exp(static_cast<long double>(x) * x) * std::erfc(static_cast<long double>(x)));
  double s = 1 / (x * x), sum = 1, term = 1;
  for (int k = 1; k < 12; ++k) sum += term *= -(2 * k - 1) * s / 2;
  return sum / (x * std::sqrt(kPi));
}

double normcdfinv(double p) {
  if (!(p >= 0 && p <= 1)) return kNan;
  return -kSqrt2 * erfcinv(2 * p);
}

// sin(pi x), exact at its zeros.
double sinPi(double x) {
  if (!std::isfinite(x)) return kNan;
  double r = std::fmod(x, 2);
  if (std::fabs(r) > 1) r -= std::copysign(2, r);
  if (std::fabs(r) > 0.5) r = std::copysign(1, r) - r;
  return r == 0 ? std::copysign(0.0, x) : std::sin(kPi * r);
}
double cosPi(double x) {
  if (!std::isfinite(x)) return kNan;
  double r = std::fabs(std::fmod(x, 2));
  if (r > 1) r = 2 - r;
  return r <= 0.25 ? std::cos(kPi * r) : r <= 0.75 ? std::sin(kPi * (0.5 - r)) : -std::cos(kPi * (1 - r));
}

double tgamma(double x) {
  if (x < 0 && (x == std::floor(x) || std::isinf(x))) return kNan;
  return std::tgamma(x);
}

// Order 0 or 1; from 500 on by the asymptotic expansion (Abramowitz and Stegun 9.7.1).
double besselI(int order, double x) {
  x = std::fabs(x);
  if (std::isnan(x) || std::isinf(x)) return x;
  if (x < 500) {
    long double h = static_cast<long double>(x) / 2, term = order == 0 ? 1 : h, sum = term;
    for (int k = 1; term > sum * 1e-20L; ++k) sum += term *= h * h / (static_cast<long double>(k) * (k + order));
    return static_cast<double>(sum);
  }
  long double z = x, sum = 1, term = 1;
  for (int k = 1; k < 12; ++k) sum += term *= ((2 * k - 1) * (2 * k - 1) - 4 * order) / (8 * k * z);
  return static_cast<double>(std::exp(z) / std::sqrt(2 * std::numbers::pi_v<long double> * z) * sum);
}

// The neighbour of `from` toward `to` in its format: magnitudes of floats are ordered like integers.
uint64_t nextAfter(Type type, uint64_t from, uint64_t to) {
  double a = decodeFloat(type.elem, from), b = decodeFloat(type.elem, to);
  if (std::isnan(a) || std::isnan(b)) return encodeFloat(type.elem, kNan);
  if (a == b) return to;
  uint64_t sign = uint64_t{1} << (bitWidth(type) - 1);
  if (a == 0) return b > 0 ? 1 : sign | 1;
  return (b > a) == (a > 0) ? from + 1 : from - 1;
}

#if defined(__wasm__)

// WebAssembly rounds to nearest only: the result moves to its neighbour if the exact value is on the other side. `long double` has 113 bits
// there, in which products of doubles are exact; `error` has the sign of the exact value minus `nearest`.
template <class T>
T directed(Direction direction, T nearest, long double error) {
  const T inf = std::numeric_limits<T>::infinity();
  if (direction == Direction::Nearest || std::isnan(nearest) || error == 0 || std::isnan(error)) return nearest;
  const bool up = direction == Direction::Up || (direction == Direction::Zero && (std::signbit(nearest) != 0));
  return (error > 0) == up ? std::nextafter(nearest, up ? inf : -inf) : nearest;
}

template <class T>
T arithmetic(const LibFunction& f, T x, T y, T z) {
  using Wide = long double;
  const Wide a = x, b = y, c = z;
  T r;
  Wide error;
  switch (f.fn) {
    case LibFn::AddTo:
    case LibFn::SubTo: {
      const T other = f.fn == LibFn::AddTo ? y : -y;
      r = x + other;
      const T part = r - x;
      error = (x - (r - part)) + (other - part);
      // An exact sum of zero is negative if it is rounded down.
      if (r == 0 && error == 0 && f.direction == Direction::Down && !(x == 0 && other == 0 && !std::signbit(x) && !std::signbit(other)))
        return -T{0};
      break;
    }
    case LibFn::MulTo: r = x * y, error = a * b - r; break;
    case LibFn::DivTo: r = x / y, error = (a - Wide{r} * b) * (y < 0 ? -1 : 1); break;
    case LibFn::RcpTo: r = 1 / x, error = (1 - Wide{r} * a) * (x < 0 ? -1 : 1); break;
    case LibFn::SqrtTo: r = std::sqrt(x), error = a - Wide{r} * r; break;
    default: {
      r = std::fma(x, y, z);
      const Wide product = a * b, sum = product + c, part = sum - product;
      error = sum != r ? sum - r : (product - (sum - part)) + (c - part);
      if (r == 0 && sum == 0 && f.direction == Direction::Down && !(product == 0 && c == 0 && !std::signbit(product) && !std::signbit(c)))
        return -T{0};
      break;
    }
  }
  // Finite operands that overflow: the exact value is below infinity.
  if (std::isinf(r) && std::isfinite(x) && std::isfinite(y) && std::isfinite(z))
    error = (f.fn == LibFn::DivTo && y == 0) || (f.fn == LibFn::RcpTo && x == 0) ? 0 : r > 0 ? -1 : 1;
  return directed(f.direction, r, error);
}

template <class T>
T fromInteger(Direction direction, uint64_t bits, int64_t number, bool isUnsigned) {
  const long double exact = isUnsigned ? static_cast<long double>(bits) : static_cast<long double>(number);
  const T r = static_cast<T>(exact);
  return directed(direction, r, exact - r);
}

float toFloat(Direction direction, double a) {
  const float r = static_cast<float>(a);
  return directed(direction, r, std::isinf(r) && std::isfinite(a) ? (r > 0 ? -1.0L : 1.0L) : static_cast<long double>(a) - r);
}

#else

// Runs `compute` with that rounding mode.
template <class F>
auto rounded(Direction direction, F&& compute) {
  int before = std::fegetround();
  std::fesetround(direction == Direction::Zero   ? FE_TOWARDZERO
                  : direction == Direction::Down ? FE_DOWNWARD
                  : direction == Direction::Up   ? FE_UPWARD
                                                 : FE_TONEAREST);
  auto out = compute();
  std::fesetround(before);
  return out;
}

// Computes in the format itself, so that nothing is rounded twice. `volatile` keeps the compiler from moving or folding the operations.
template <class T>
T arithmetic(const LibFunction& f, T x, T y, T z) {
  volatile T a = x, b = y, c = z;
  return rounded(f.direction, [&]() -> T {
    volatile T r = 0;
    switch (f.fn) {
      case LibFn::AddTo: r = a + b; break;
      case LibFn::SubTo: r = a - b; break;
      case LibFn::MulTo: r = a * b; break;
      case LibFn::DivTo: r = a / b; break;
      case LibFn::RcpTo: r = 1 / a; break;
      case LibFn::SqrtTo: r = std::sqrt(static_cast<T>(a)); break;
      default: r = std::fma(static_cast<T>(a), static_cast<T>(b), static_cast<T>(c)); break;
    }
    return r;
  });
}

template <class T>
T fromInteger(Direction direction, uint64_t bits, int64_t number, bool isUnsigned) {
  return rounded(direction, [&]() -> T {
    volatile uint64_t u = bits;
    volatile int64_t s = number;
    volatile T r = 0;
    if (isUnsigned)
      r = static_cast<T>(static_cast<long double>(u));
    else
      r = static_cast<T>(static_cast<long double>(s));
    return r;
  });
}

float toFloat(Direction direction, double a) {
  return rounded(direction, [&]() -> float {
    volatile double x = a;
    volatile float y = static_cast<float>(x);
    return y;
  });
}

#endif

double whole(Direction direction, double x) {
  switch (direction) {
    case Direction::Zero: return std::trunc(x);
    case Direction::Down: return std::floor(x);
    case Direction::Up: return std::ceil(x);
    case Direction::Nearest: break;
  }
  return std::nearbyint(x);
}

uint64_t bytePerm(uint64_t bytes, uint32_t selector) {
  uint64_t out = 0;
  for (int k = 0; k < 4; ++k) out |= (bytes >> (8 * (selector >> (4 * k) & 7)) & 0xff) << (8 * k);
  return out;
}

uint64_t reversed(uint64_t bits, int width) {
  uint64_t out = 0;
  for (int k = 0; k < width; ++k) out |= (bits >> k & 1) << (width - 1 - k);
  return out;
}

// As in CUDA: 0 and NaN give the smallest integer, infinities the largest.
int64_t ilogb(double a) {
  if (a == 0 || std::isnan(a)) return INT32_MIN;
  return std::isinf(a) ? INT32_MAX : std::ilogb(a);
}

// Functions of numbers, before the result is rounded to its type; null for others.
std::optional<double> realFunction(const LibFunction& f, double a, double b, double c, double d, int64_t word) {
  switch (f.fn) {
    case LibFn::Fdim: return std::fdim(a, b);
    case LibFn::Rcp: return 1 / a;
    case LibFn::RSqrt: return 1 / std::sqrt(a);
    case LibFn::Hypot: return std::hypot(a, b);
    case LibFn::Lgamma: return std::lgamma(a);
    case LibFn::Erfinv: return erfinv(a);
    case LibFn::Saturate: return std::isnan(a) || a <= 0 ? 0 : a < 1 ? a : 1;
    case LibFn::Remainder: return std::remainder(a, b);
    case LibFn::LogB: return std::logb(a);
    case LibFn::SinPi: return sinPi(a);
    case LibFn::CosPi: return cosPi(a);
    case LibFn::Exp10: return std::pow(10.0, a);
    case LibFn::RCbrt: return 1 / std::cbrt(a);
    case LibFn::RHypot: return 1 / std::hypot(a, b);
    case LibFn::Norm: return std::hypot(std::hypot(a, b), std::hypot(c, d));
    case LibFn::RNorm: return 1 / std::hypot(std::hypot(a, b), std::hypot(c, d));
    case LibFn::Erfcx: return erfcx(a);
    case LibFn::Erfcinv: return erfcinv(a);
    case LibFn::NormCdf: return static_cast<double>(std::erfc(-a / 1.41421356237309504880168872420969808L) / 2);
    case LibFn::NormCdfInv: return normcdfinv(a);
    case LibFn::TGamma: return tgamma(a);
    case LibFn::J0: return ::j0(a);
    case LibFn::J1: return ::j1(a);
    case LibFn::Y0: return a < 0 ? kNan : ::y0(a);
    case LibFn::Y1: return a < 0 ? kNan : ::y1(a);
    case LibFn::Jn: return ::jn(static_cast<int>(word), b);
    case LibFn::Yn: return b < 0 ? kNan : ::yn(static_cast<int>(word), b);
    case LibFn::I0: return besselI(0, a);
    case LibFn::I1: return std::copysign(besselI(1, a), a);
    default: return std::nullopt;
  }
}

}  // namespace

uint64_t evaluateLibrary(const LibFunction& f, const Inst& inst, std::span<const uint64_t> in) {
  const Type r = inst.result()->type, t = inst.operand(0)->type;
  auto number = [&](size_t k) {
    Type type = k < in.size() ? inst.operand(k)->type : t;
    return k < in.size() && type.isFloat() ? decodeFloat(type.elem, in[k]) : 0.0;
  };
  auto word = [&](size_t k) { return static_cast<uint32_t>(in[k]); };
  auto signedWord = [&](size_t k) { return int64_t{static_cast<int32_t>(in[k])}; };
  auto signedNumber = [&](size_t k) { return signExtend(in[k], bitWidth(inst.operand(k)->type)); };
  auto low24 = [&](size_t k) { return static_cast<int64_t>(static_cast<int32_t>(word(k) << 8) >> 8); };
  auto integer = [&](int64_t v) { return zeroExtend(static_cast<uint64_t>(v), bitWidth(r)); };
  auto flag = [&](bool b) { return r.isFloat() ? encodeFloat(r.elem, b) : uint64_t{b}; };
  auto real = [&](double v) { return encodeFloat(r.elem, v); };
  const double a = number(0);
  if (auto v = realFunction(f, a, number(1), number(2), number(3), t.isInt() ? signedWord(0) : 0)) return real(*v);
  switch (f.fn) {
    case LibFn::IsNan: return flag(std::isnan(a));
    case LibFn::IsInf: return flag(std::isinf(a));
    case LibFn::IsFinite: return flag(std::isfinite(a));
    case LibFn::SignBit: return flag((in[0] >> (bitWidth(t) - 1)) & 1);
    case LibFn::NextAfter: return nextAfter(t, in[0], in[1]);
    case LibFn::Ldexp: return real(std::ldexp(a, static_cast<int>(std::clamp<int64_t>(signedNumber(1), -10000, 10000))));

    case LibFn::Ffs: return in[0] == 0 ? 0 : static_cast<uint64_t>(std::countr_zero(in[0]) + 1);
    case LibFn::BytePerm: return bytePerm(uint64_t{word(1)} << 32 | word(0), word(2));
    case LibFn::Mul24: return integer(low24(0) * low24(1));
    case LibFn::UMul24: return integer(static_cast<int64_t>((in[0] & 0xffffff) * (in[1] & 0xffffff)));
    case LibFn::MulHi: return integer(static_cast<int64_t>((__int128{signedNumber(0)} * signedNumber(1)) >> bitWidth(t)));
    case LibFn::BitReverse: return reversed(in[0], bitWidth(t));
    case LibFn::Sad: return integer(std::abs(signedWord(0) - signedWord(1)) + signedWord(2));
    case LibFn::USad: return integer(std::abs(int64_t{word(0)} - int64_t{word(1)}) + signedWord(2));
    case LibFn::Hadd: return integer((signedWord(0) + signedWord(1)) >> 1);
    case LibFn::UHadd: return integer((int64_t{word(0)} + word(1)) >> 1);
    case LibFn::RHadd: return integer((signedWord(0) + signedWord(1) + 1) >> 1);
    case LibFn::URHadd: return integer((int64_t{word(0)} + word(1) + 1) >> 1);

    case LibFn::HiLoToDouble: return in[0] << 32 | word(1);
    case LibFn::LowOfDouble: return word(0);
    case LibFn::HighOfDouble: return in[0] >> 32;
    case LibFn::Rcp64h: return std::bit_cast<uint64_t>(1 / a) >> 32 << 32;

    case LibFn::AddTo:
    case LibFn::SubTo:
    case LibFn::MulTo:
    case LibFn::DivTo:
    case LibFn::RcpTo:
    case LibFn::SqrtTo:
    case LibFn::FmaTo:
      if (r.elem == Elem::F64) return real(arithmetic<double>(f, a, number(1), number(2)));
      return real(double{arithmetic<float>(f, static_cast<float>(a), static_cast<float>(number(1)), static_cast<float>(number(2)))});
    case LibFn::FloatToInt:
      return f.isUnsigned ? toUnsigned(whole(f.direction, a), bitWidth(r)) : toSigned(whole(f.direction, a), bitWidth(r));
    case LibFn::LRound: return toSigned(std::round(a), bitWidth(r));
    case LibFn::ILogB: return integer(ilogb(a));
    case LibFn::IntToFloat:
      if (r.elem == Elem::F64) return real(fromInteger<double>(f.direction, in[0], signedNumber(0), f.isUnsigned));
      return real(double{fromInteger<float>(f.direction, in[0], signedNumber(0), f.isUnsigned)});
    case LibFn::DoubleToFloat: return real(double{toFloat(f.direction, a)});
    default: break;
  }
  NEREID_CHECK(false, "a library function without a meaning");
  return 0;
}

}  // namespace nereid::interp

#endif
