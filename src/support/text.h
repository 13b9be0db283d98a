// SPDX-License-Identifier: MIT
// Small text helpers: cat() joins anything printable; functions allocate nothing but their result.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace nereid {

// The number that a decimal text represents, 12, 1.5e-3 or .5; nothing for other text. Overflow gives infinity, underflow 0.
std::optional<double> parseDouble(std::string_view text);
// The shortest decimal text that reads back as the same double; with an exponent only where Python prints one.
std::string shortest(double value);
// The same with an exponent, 1.5e-05; for the float that `value` is, if `single`.
std::string scientific(double value, bool single);
// `bits` as 0x… with `digits` hexadecimal digits.
std::string hex(uint64_t bits, int digits);
// Quotes like MLIR: a backslash before quotes and backslashes, control bytes as backslash and two digits.
std::string quoted(std::string_view text);
// Quotes like JSON: control bytes as \u00XX.
std::string jsonQuoted(std::string_view text);
std::vector<std::string_view> splitLines(std::string_view text);
std::string_view trim(std::string_view text);
std::string repeated(std::string_view text, size_t times);
// UTF-8: a character from its number, the characters of a text, how many it has, and the number of one.
void appendUtf8(std::string& out, uint32_t c);
std::vector<std::string_view> charactersOf(std::string_view text);
size_t characterCount(std::string_view text);
uint32_t codePointOf(std::string_view character);
// The candidate nearest to `word` by edit distance, or empty if none is near enough to be a likely misspelling.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// Not inline, since there are hundreds of comparisons with literals.
[[gnu::noinline]] constexpr bool operator==(const std::string_view& text, const char* literal) { return text.compare(literal) == 0; }

// Not inline, since there are thousands of calls. They return `out`, as operator<< of a stream does.
std::string& append(std::string& out, std::string_view text);
std::string& append(std::string& out, const char* text);
std::string& append(std::string& out, const std::string& text);
inline std::string& append(std::string& out, char c) { return out += c; }
inline std::string& append(std::string& out, bool b) { return out += b ? "true" : "false"; }
template <class T>
  requires(std::is_integral_v<T>)
std::string& append(std::string& out, T value) {
  char buffer[24];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return out.append(buffer, end);
}
inline std::string& append(std::string& out, double value) { return out += shortest(value); }

// Appends its arguments. Types opt in with an overload of append(std::string&, T), found by argument-dependent lookup.
template <class... Parts>
std::string& appendAll(std::string& out, const Parts&... parts) {
  std::string* to = &out;
  ((to = &append(*to, parts)), ...);
  return *to;
}

// Joins its arguments.
template <class... Parts>
std::string cat(const Parts&... parts) {
  std::string out;
  appendAll(out, parts...);
  return out;
}

}  // namespace nereid
