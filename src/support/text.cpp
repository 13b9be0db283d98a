// SPDX-License-Identifier: MIT
#include "support/text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace nereid {

#if defined(__wasm__)

namespace {

// The standard library's to_chars brings 150 kB of tables: the C library's printf, tried with more and more digits, does as well.
std::string shortestDigits(double value, bool single) {
  char buffer[40];
  for (int digits = 0;; ++digits) {
    std::snprintf(buffer, sizeof buffer, "%.*e", digits, value);
    double back = std::strtod(buffer, nullptr);
    if (digits == 17 || (single ? static_cast<float>(back) == static_cast<float>(value) : back == value)) return buffer;
  }
}

}  // namespace

std::string scientific(double value, bool single) { return shortestDigits(value, single); }

std::string shortest(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::string text = shortestDigits(value, false);
  int exponent = std::atoi(text.c_str() + text.find('e') + 1);
  if (exponent < -4 || exponent > 15) return text;
  // Plain where that is no longer, as to_chars has it.
  std::string_view mantissa = std::string_view(text).substr(0, text.find('e'));
  auto digits = static_cast<int>(std::count_if(mantissa.begin(), mantissa.end(), [](char c) { return c >= '0' && c <= '9'; }));
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.*f", std::max(digits - 1 - exponent, 0), value);
  return std::string(buffer).size() <= text.size() ? std::string(buffer) : text;
}

#else

std::string scientific(double value, bool single) {
  char buffer[40];
  auto end = single ? std::to_chars(buffer, buffer + sizeof buffer, static_cast<float>(value), std::chars_format::scientific).ptr
                    : std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  return std::string(buffer, end);
}

std::string shortest(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  // The first precision that reads back as the same number. (std::to_chars would bring 100 kB of tables into the WebAssembly build.)
  char buffer[40];
  for (int digits = 1; digits <= 17; ++digits) {
    std::snprintf(buffer, sizeof buffer, "%.*g", digits, value);
    if (std::strtod(buffer, nullptr) == value) break;
  }
  return buffer;
}

#endif

std::string hex(uint64_t bits, int digits) {
  std::string out(static_cast<size_t>(digits) + 2, '0');
  out[1] = 'x';
  for (int i = 0; i < digits; ++i) out[static_cast<size_t>(digits + 1 - i)] = "0123456789ABCDEF"[(bits >> (4 * i)) & 15];
  return out;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += '\\';
      out += "0123456789ABCDEF"[byte >> 4];
      out += "0123456789ABCDEF"[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string jsonQuoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += cat("\\", c);
    else if (byte < 0x20)
      out += cat("\\u00", "0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]);
    else
      out += c;
  }
  return out + "\"";
}

std::vector<std::string_view> splitLines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (true) {
    size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return lines;
    text.remove_prefix(end + 1);
  }
}

std::string_view trim(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  size_t bestDistance = word.size() < 4 ? 2 : 3;  // exclusive
  std::vector<size_t> older, old, row;
  for (const std::string& c : candidates) {
    row.resize(c.size() + 1);
    for (size_t j = 0; j <= c.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= word.size(); ++i) {
      older = std::exchange(old, row);
      row[0] = i;
      for (size_t j = 1; j <= c.size(); ++j) {
        row[j] = std::min({old[j] + 1, row[j - 1] + 1, old[j - 1] + (word[i - 1] != c[j - 1])});
        // Two neighbours that changed places are one slip.
        if (i > 1 && j > 1 && word[i - 1] == c[j - 2] && word[i - 2] == c[j - 1]) row[j] = std::min(row[j], older[j - 2] + 1);
      }
    }
    // What shares no letter is no slip.
    if (row[c.size()] < std::min({bestDistance, word.size(), c.size()})) {
      bestDistance = row[c.size()];
      best = c;
    }
  }
  return best;
}

}  // namespace nereid
