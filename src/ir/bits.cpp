// SPDX-License-Identifier: MIT
#include "ir/bits.h"

#include <bit>
#include <cmath>
#include <limits>

namespace nereid {

double decodeFloat(Elem elem, uint64_t bits) {
  if (elem == Elem::F64) return std::bit_cast<double>(bits);
  if (elem == Elem::F32) return std::bit_cast<float>(static_cast<uint32_t>(bits));
  FloatFormat f = floatFormat(elem);
  int width = 1 + f.exponentBits + f.mantissaBits;
  bits = zeroExtend(bits, width);
  bool negative = bits >> (width - 1);
  auto exponent = static_cast<int>((bits >> f.mantissaBits) & ((1u << f.exponentBits) - 1));
  uint64_t mantissa = bits & ((uint64_t{1} << f.mantissaBits) - 1);
  int top = (1 << f.exponentBits) - 1;
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  if (f.special == FloatFormat::Fnuz && bits == uint64_t{1} << (width - 1)) return kNan;
  if (f.special == FloatFormat::FiniteNan && exponent == top && mantissa == (uint64_t{1} << f.mantissaBits) - 1) return kNan;
  if (f.special == FloatFormat::Ieee && exponent == top) {
    if (mantissa) return kNan;
    return negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  }
  double magnitude = exponent == 0
                         ? std::ldexp(static_cast<double>(mantissa), 1 - f.bias - f.mantissaBits)
                         : std::ldexp(static_cast<double>(mantissa + (uint64_t{1} << f.mantissaBits)), exponent - f.bias - f.mantissaBits);
  return negative ? -magnitude : magnitude;
}

uint64_t encodeFloat(Elem elem, double value, Rounding rounding, bool saturate) {
  if (elem == Elem::F64) return std::bit_cast<uint64_t>(value);
  if (elem == Elem::F32 && rounding == Rounding::NearestEven && !saturate) return std::bit_cast<uint32_t>(static_cast<float>(value));
  FloatFormat f = floatFormat(elem);
  int width = 1 + f.exponentBits + f.mantissaBits;
  uint64_t sign = std::signbit(value) ? uint64_t{1} << (width - 1) : 0;
  uint64_t mantissaMask = (uint64_t{1} << f.mantissaBits) - 1;
  int top = (1 << f.exponentBits) - 1;
  uint64_t nan = f.special == FloatFormat::Fnuz ? uint64_t{1} << (width - 1)
                 : f.special == FloatFormat::FiniteNan
                     ? (static_cast<uint64_t>(top) << f.mantissaBits) | mantissaMask | sign
                     : (static_cast<uint64_t>(top) << f.mantissaBits) | (uint64_t{1} << (f.mantissaBits - 1)) | sign;
  if (std::isnan(value)) return nan;
  // The largest finite magnitude, and the results above it.
  uint64_t largest = f.special == FloatFormat::Ieee        ? (static_cast<uint64_t>(top - 1) << f.mantissaBits) | mantissaMask
                     : f.special == FloatFormat::FiniteNan ? (static_cast<uint64_t>(top) << f.mantissaBits) | (mantissaMask - 1)
                                                           : (static_cast<uint64_t>(top) << f.mantissaBits) | mantissaMask;
  uint64_t beyond = f.special == FloatFormat::Ieee ? sign | static_cast<uint64_t>(top) << f.mantissaBits : nan;
  if (std::isinf(value)) return saturate ? sign | largest : beyond;
  double magnitude = std::fabs(value);
  if (magnitude == 0) return f.special == FloatFormat::Fnuz ? 0 : sign;
  int exponent = std::ilogb(magnitude);
  int smallest = 1 - f.bias;
  if (exponent < smallest) exponent = smallest;
  // `scaled` counts units in the last place; it is exact, since both factors are powers of two.
  double scaled = std::ldexp(magnitude, f.mantissaBits - exponent);
  double whole = std::floor(scaled);
  if (rounding == Rounding::NearestEven) {
    double rest = scaled - whole;
    if (rest > 0.5 || (rest == 0.5 && std::fmod(whole, 2) != 0)) whole += 1;
  }
  auto units = static_cast<uint64_t>(whole);
  // A carry out of the mantissa increments the exponent.
  uint64_t bits = units + ((static_cast<uint64_t>(exponent - smallest)) << f.mantissaBits);
  if (bits > largest) return rounding == Rounding::TowardZero || saturate ? sign | largest : beyond;
  if (bits == 0 && f.special == FloatFormat::Fnuz) return 0;
  return sign | bits;
}

}  // namespace nereid
