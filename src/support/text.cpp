// SPDX-License-Identifier: MIT
#include "support/text.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace nereid {

[[gnu::noinline]] std::string& append(std::string& out, std::string_view text) { return out += text; }
[[gnu::noinline]] std::string& append(std::string& out, const char* text) { return out += text; }
[[gnu::noinline]] std::string& append(std::string& out, const std::string& text) { return out += text; }

// Numbers to text and back. The C and C++ libraries' functions would add 40 kB of code and tables to the compiler's WebAssembly module,
// whose host already has them.
#if defined(__wasm__)

namespace {

extern "C" [[clang::import_module("nereid"), clang::import_name("readNumber")]] double hostReadNumber(const char* text, size_t size);
// At most 32 bytes, "1.5e-7"; returns their number.
extern "C" [[clang::import_module("nereid"), clang::import_name("writeNumber")]] size_t hostWriteNumber(double value, int single, char* to);

double convert(std::string_view text) { return hostReadNumber(text.data(), text.size()); }

std::string digitsOf(double value, bool single) {
  char buffer[32];
  return {buffer, hostWriteNumber(value, single, buffer)};
}

}  // namespace

#else

namespace {

double convert(std::string_view text) { return std::strtod(std::string(text).c_str(), nullptr); }

std::string digitsOf(double value, bool single) {
  char buffer[40];
  auto end = single ? std::to_chars(buffer, buffer + sizeof buffer, static_cast<float>(value), std::chars_format::scientific).ptr
                    : std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  return {buffer, end};
}

}  // namespace

#endif

std::optional<double> parseDouble(std::string_view text) {
  size_t at = 0;
  auto digits = [&] {
    size_t from = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at - from;
  };
  size_t count = digits();
  if (at < text.size() && text[at] == '.') {
    ++at;
    count += digits();
  }
  if (count == 0) return std::nullopt;
  if (at < text.size() && (text[at] | 0x20) == 'e') {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return std::nullopt;
  }
  if (at != text.size()) return std::nullopt;
  return convert(text);
}

std::string scientific(double value, bool single) {
  std::string text = digitsOf(value, single);
  // An exponent has a sign and two digits.
  size_t at = text.find('e') + 1;
  if (text[at] != '-' && text[at] != '+') text.insert(at, 1, '+');
  if (text.size() - at < 3) text.insert(at + 1, 1, '0');
  return text;
}

std::string shortest(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::string text = scientific(value, false);
  size_t e = text.find('e');
  int exponent = 0;
  std::from_chars(text.data() + e + (text[e + 1] == '+' ? 2 : 1), text.data() + text.size(), exponent);
  if (exponent < -4 || exponent > 15) return text;
  std::string sign = value < 0 || text[0] == '-' ? "-" : "", digits;
  for (char c : text.substr(0, e))
    if (c >= '0' && c <= '9') digits += c;
  if (exponent < 0) return cat(sign, "0.", std::string(static_cast<size_t>(-exponent - 1), '0'), digits);
  auto whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) return cat(sign, digits, std::string(whole - digits.size(), '0'));
  return cat(sign, digits.substr(0, whole), ".", digits.substr(whole));
}

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

std::string repeated(std::string_view text, size_t times) {
  std::string out;
  while (times-- > 0) out += text;
  return out;
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
        // Two exchanged neighbours count as one slip.
        if (i > 1 && j > 1 && word[i - 1] == c[j - 2] && word[i - 2] == c[j - 1]) row[j] = std::min(row[j], older[j - 2] + 1);
      }
    }
    // Words without a common letter are not slips.
    if (row[c.size()] < std::min({bestDistance, word.size(), c.size()})) {
      bestDistance = row[c.size()];
      best = c;
    }
  }
  return best;
}

void appendUtf8(std::string& out, uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (c >> 18 & 7));
    out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

std::vector<std::string_view> charactersOf(std::string_view text) {
  std::vector<std::string_view> out;
  for (size_t i = 0; i < text.size();) {
    size_t end = i + 1;
    while (end < text.size() && (text[end] & 0xC0) == 0x80) ++end;
    out.push_back(text.substr(i, end - i));
    i = end;
  }
  return out;
}

size_t characterCount(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

uint32_t codePointOf(std::string_view character) {
  const size_t n = character.size();
  uint32_t out = static_cast<unsigned char>(character[0]);
  if (n > 1) out &= 0xFFu >> (n + 1);
  for (size_t i = 1; i < n; ++i) out = out << 6 | (static_cast<unsigned char>(character[i]) & 0x3F);
  return out;
}

}  // namespace nereid
