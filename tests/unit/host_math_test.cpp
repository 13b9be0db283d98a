// SPDX-License-Identifier: MIT
// Constants are the same on every host, and correctly rounded.
#include "support/host_math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

using namespace nereid;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// The error of the C library's result in units in the last place: at most one.
void near(double got, double library, const char* what, double x) {
  EXPECT_TRUE(got == library || std::nextafter(got, library) == library) << what << "(" << x << ") is " << got << ", not " << library;
}

}  // namespace

TEST(HostMath, KnownValues) {
  EXPECT_EQ(hostExp(1), 0x1.5bf0a8b145769p+1);
  EXPECT_EQ(hostLog2(0x1.5bf0a8b145769p+1), 0x1.71547652b82fep+0);  // the scale in every attention kernel
  EXPECT_EQ(hostLog2(8), 3);
  EXPECT_EQ(hostLog2(0x1p-1074), -1074);
  EXPECT_EQ(hostLog(10), 0x1.26bb1bbb55516p+1);
  EXPECT_EQ(hostPow(3, 2), 9);
  EXPECT_EQ(hostPow(10, -3), 0.001);
  EXPECT_EQ(hostPow(2, 0.5), 0x1.6a09e667f3bcdp+0);
  EXPECT_EQ(hostPow(10, 308), 1e308);
  EXPECT_EQ(hostSin(0x1.921fb54442d18p+1), 0x1.1a62633145c07p-53);  // the rounding error of pi as a double
  EXPECT_EQ(hostCos(0), 1);
}

TEST(HostMath, IsNearTheLibrary) {
  std::mt19937_64 random(1);
  auto between = [&](double low, double high) { return low + (high - low) * static_cast<double>(random() >> 11) * 0x1p-53; };
  for (int i = 0; i < 20000; ++i) {
    double x = between(-700, 700), y = std::ldexp(between(1, 2), static_cast<int>(between(-1070, 1020))),
           angle = std::ldexp(between(-1, 1), static_cast<int>(between(-20, 30)));
    double base = between(0, 10), power = between(-50, 50);
    near(hostExp(x), std::exp(x), "exp", x);
    near(hostLog(y), std::log(y), "log", y);
    near(hostLog2(y), std::log2(y), "log2", y);
    near(hostSin(angle), std::sin(angle), "sin", angle);
    near(hostCos(angle), std::cos(angle), "cos", angle);
    near(hostPow(base, power), std::pow(base, power), "pow", base);
  }
}

TEST(HostMath, EdgesAreThoseOfC) {
  const double kEdges[] = {0., -0., 1, -1, 2, -2, .5, -.5, 3, -3, 2.5, -2.5, kInf, -kInf, std::nan(""), 1e300, -1e300, 1e-300, 5e-324};
  for (double x : kEdges)
    for (double y : kEdges) {
      double got = hostPow(x, y), wanted = std::pow(x, y);
      EXPECT_TRUE((got == wanted && std::signbit(got) == std::signbit(wanted)) || (std::isnan(got) && std::isnan(wanted)))
          << x << " ** " << y << " is " << got;
    }
  EXPECT_EQ(hostExp(1000), kInf);
  EXPECT_EQ(hostExp(-1000), 0);
  EXPECT_TRUE(std::isnan(hostExp(std::nan(""))));
  EXPECT_EQ(hostLog(kInf), kInf);
  EXPECT_TRUE(std::isnan(hostSin(kInf)));
  EXPECT_TRUE(std::signbit(hostSin(-0.)));
}
