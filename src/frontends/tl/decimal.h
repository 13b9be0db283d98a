// SPDX-License-Identifier: MIT
// The exact decimal digits of a double, rounded as Python rounds them. (The C++ library's implementation has tables as large as a tenth of
// the compiler's module.)
#pragma once

#include <bit>
#include <string>
#include <vector>

namespace nereid::tl {

struct Decimal {
  std::string digits;  // without leading zeros; empty for 0
  int point = 0;       // 0.digits times ten to this power

  // For a finite x >= 0.
  explicit Decimal(double x) {
    auto pattern = std::bit_cast<uint64_t>(x);
    int exponent = static_cast<int>(pattern >> 52);
    uint64_t mantissa = pattern & ((uint64_t{1} << 52) - 1);
    if (exponent) mantissa |= uint64_t{1} << 52;
    int power = (exponent ? exponent : 1) - 1075;
    // x = mantissa * 2^power; for a negative power, x = mantissa * 5^-power / 10^-power.
    constexpr uint32_t kBase = 1'000'000'000;
    std::vector<uint32_t> number;  // low limbs first
    for (uint64_t m = mantissa; m; m /= kBase) number.push_back(static_cast<uint32_t>(m % kBase));
    for (int i = 0; i < (power < 0 ? -power : power); ++i) {
      uint64_t carry = 0;
      for (uint32_t& limb : number) {
        carry += uint64_t{limb} * (power < 0 ? 5 : 2);
        limb = static_cast<uint32_t>(carry % kBase);
        carry /= kBase;
      }
      if (carry) number.push_back(static_cast<uint32_t>(carry));
    }
    for (size_t i = number.size(); i-- > 0;) {
      std::string limb = std::to_string(number[i]);
      digits += std::string(i + 1 == number.size() ? 0 : 9 - limb.size(), '0') + limb;
    }
    point = static_cast<int>(digits.size()) + (power < 0 ? power : 0);
    trim();
  }

  // Rounds to the first `keep` digits, ties to even.
  void round(int keep) {
    if (keep >= static_cast<int>(digits.size())) return;
    if (keep < 0) {
      digits.clear();
      return;
    }
    auto at = static_cast<size_t>(keep);
    bool odd = keep > 0 && (digits[at - 1] - '0') % 2;
    bool up = digits[at] > '5' || (digits[at] == '5' && (digits.size() > at + 1 || odd));
    digits.resize(at);
    size_t i = at;
    while (up && i > 0) {
      up = digits[i - 1] == '9';
      digits[i - 1] = up ? '0' : static_cast<char>(digits[i - 1] + 1);
      --i;
    }
    if (up) {
      digits.insert(digits.begin(), '1');
      ++point;
    }
    trim();
  }

  // Formats with that many digits after the point.
  std::string fixed(int precision, bool alwaysPoint) {
    round(point + precision);
    std::string all = digits;
    if (digits.empty()) point = 0;
    if (point < 0) all.insert(0, static_cast<size_t>(-point), '0');
    auto whole = static_cast<size_t>(point < 0 ? 0 : point);
    all.resize(whole + static_cast<size_t>(precision), '0');
    std::string out = whole ? all.substr(0, whole) : "0";
    if (precision > 0 || alwaysPoint) out += '.';
    return out + all.substr(whole);
  }

 private:
  void trim() {
    while (!digits.empty() && digits.back() == '0') digits.pop_back();
  }
};

}  // namespace nereid::tl
