// SPDX-License-Identifier: MIT
#include "support/host_math.h"

#include <cmath>
#include <limits>

namespace nereid {

namespace {

// An unevaluated sum: `low` is less than half a unit in the last place of `high`.
struct Pair {
  double high, low = 0;
};

constexpr Pair kLn2{0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56};
constexpr Pair kInvLn2{0x1.71547652b82fep+0, 0x1.777d0ffda0d24p-56};
// pi / 2 in three parts.
constexpr double kHalfPi[] = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54, -0x1.f1976b7ed8fbcp-110};

Pair sum(double a, double b) {
  double s = a + b, t = s - a;
  return {s, (a - (s - t)) + (b - t)};
}

Pair product(double a, double b) {
  auto halves = [](double x) {
    double t = x * 134217729, high = t - (t - x);
    return Pair{high, x - high};
  };
  Pair x = halves(a), y = halves(b);
  double p = a * b;
  return {p, ((x.high * y.high - p) + x.high * y.low + x.low * y.high) + x.low * y.low};
}

Pair operator+(Pair a, Pair b) {
  Pair s = sum(a.high, b.high), t = sum(a.low, b.low);
  s = sum(s.high, s.low + t.high);
  return sum(s.high, s.low + t.low);
}
Pair operator-(Pair a) { return {-a.high, -a.low}; }

Pair operator*(Pair a, Pair b) {
  Pair p = product(a.high, b.high);
  return sum(p.high, p.low + (a.high * b.low + a.low * b.high));
}

Pair operator/(Pair a, Pair b) {
  double q = a.high / b.high;
  Pair rest = a + -(b * Pair{q});
  double q2 = rest.high / b.high;
  rest = rest + -(b * Pair{q2});
  return sum(q, q2) + Pair{rest.high / b.high};
}

// exp of a sum below 800 in magnitude. Subnormal results are rounded twice.
double expOf(Pair x) {
  double k = std::round(x.high / kLn2.high);
  Pair r = x + -(Pair{k} * kLn2);
  constexpr int kHalvings = 9;
  r = {std::ldexp(r.high, -kHalvings), std::ldexp(r.low, -kHalvings)};
  // exp(r) - 1, so that squaring loses no digits.
  Pair term = r, total = r;
  for (int n = 2; n <= 9; ++n) {
    term = term * r / Pair{static_cast<double>(n)};
    total = total + term;
  }
  for (int i = 0; i < kHalvings; ++i) total = total + total + total * total;
  total = total + Pair{1};
  return std::ldexp(total.high, static_cast<int>(k));
}

// log(x) = log(m) + k log(2), with m near 1; log(m) is a series in (m - 1) / (m + 1).
Pair logOf(double x, double& k) {
  int exponent = std::ilogb(x);
  double m = std::ldexp(x, -exponent);
  if (m > 1.4142135623730951) {
    m /= 2;
    ++exponent;
  }
  k = exponent;
  Pair s = Pair{m - 1} / sum(m, 1), square = s * s, power = s, total = s;
  for (int n = 3; n <= 43; n += 2) {
    power = power * square;
    total = total + power / Pair{static_cast<double>(n)};
  }
  return total + total;
}

Pair logOf(double x) {
  double k;
  Pair m = logOf(x, k);
  return Pair{k} * kLn2 + m;
}

// sin(x + quarters * pi / 2)
double sine(double x, int quarters) {
  if (!std::isfinite(x)) return std::numeric_limits<double>::quiet_NaN();
  double k = std::round(x / kHalfPi[0]);
  Pair r{x};
  for (double part : kHalfPi) r = r + -product(k, part);
  quarters = static_cast<int>((static_cast<long long>(k) + quarters) & 3);
  Pair square = r * r, term = quarters & 1 ? Pair{1} : r, total = term;
  for (int n = quarters & 1 ? 1 : 2; n < 30; n += 2) {
    term = -(term * square) / Pair{static_cast<double>(n) * (n + 1)};
    total = total + term;
  }
  return quarters & 2 ? -total.high : total.high;
}

}  // namespace

double hostExp(double x) {
  if (!(std::fabs(x) < 800)) return x > 0 ? std::numeric_limits<double>::infinity() : x < 0 ? 0 : x;
  return expOf({x});
}

double hostLog(double x) { return std::isinf(x) ? x : logOf(x).high; }

double hostLog2(double x) {
  if (std::isinf(x)) return x;
  double k;
  Pair m = logOf(x, k);
  return (m * kInvLn2 + Pair{k}).high;
}

double hostPow(double x, double y) {
  constexpr double kInf = std::numeric_limits<double>::infinity(), kNan = std::numeric_limits<double>::quiet_NaN();
  if (y == 0 || x == 1) return 1;
  if (std::isnan(x) || std::isnan(y)) return kNan;
  bool whole = std::trunc(y) == y, odd = whole && std::isfinite(y) && std::fmod(y, 2) != 0, negative = std::signbit(x) && odd;
  double magnitude = std::fabs(x);
  auto signedBy = [&](double v) { return negative ? -v : v; };
  if (magnitude == 1 && (whole || std::isinf(y))) return signedBy(1);
  if (magnitude == 0 || std::isinf(x) || std::isinf(y)) return signedBy((magnitude > 1) == (y > 0) ? kInf : 0);
  if (x < 0 && !whole) return kNan;
  Pair log = logOf(magnitude);
  double rough = log.high * y;
  if (!(std::fabs(rough) < 800)) return signedBy(rough > 0 ? kInf : 0);
  return signedBy(expOf(log * Pair{y}));
}

double hostSin(double x) { return x == 0 ? x : sine(x, 0); }
double hostCos(double x) { return sine(x, 1); }

}  // namespace nereid
