// SPDX-License-Identifier: MIT
#include "arrays.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

namespace nereid::tool {

namespace {

const DType kTypes[] = {
    {"fp32", Kind::Float, 4, 8, 23, 127},
    {"fp64", Kind::Float, 8, 11, 52, 1023},
    {"fp16", Kind::Float, 2, 5, 10, 15},
    {"bf16", Kind::Float, 2, 8, 7, 127},
    {"fp8e5", Kind::Float, 1, 5, 2, 15},
    {"fp8e4nv", Kind::Float, 1, 4, 3, 7, true, false},
    {"fp8e4b8", Kind::Float, 1, 4, 3, 8, false, true},
    {"fp8e5b16", Kind::Float, 1, 5, 2, 16, false, true},
    {"i1", Kind::Bool, 1},
    {"i8", Kind::Int, 1},
    {"i16", Kind::Int, 2},
    {"i32", Kind::Int, 4},
    {"i64", Kind::Int, 8},
    {"u8", Kind::UInt, 1},
    {"u16", Kind::UInt, 2},
    {"u32", Kind::UInt, 4},
    {"u64", Kind::UInt, 8},
};

std::string_view trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

std::vector<std::string_view> split(std::string_view s, char by) {
  std::vector<std::string_view> out;
  while (true) {
    size_t end = s.find(by);
    out.push_back(trim(s.substr(0, end)));
    if (end == std::string_view::npos) return out;
    s.remove_prefix(end + 1);
  }
}

// Splits "f32[4, 8]" into a type and the text in the brackets; `rest` receives the text after them.
bool typeAndBrackets(std::string_view text, const DType*& type, std::string_view& inside, std::string_view& rest) {
  size_t open = text.find('['), close = text.find(']');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return false;
  type = findType(trim(text.substr(0, open)));
  inside = trim(text.substr(open + 1, close - open - 1));
  rest = trim(text.substr(close + 1));
  return type != nullptr;
}

bool parseShape(std::string_view text, std::vector<int64_t>& shape) {
  if (text.empty()) return true;
  for (std::string_view part : split(text, ',')) {
    int64_t n = 0;
    auto [end, ec] = std::from_chars(part.data(), part.data() + part.size(), n);
    if (ec != std::errc() || end != part.data() + part.size() || n < 0) return false;
    shape.push_back(n);
  }
  return true;
}

// A small random number generator with the same numbers on every machine.
uint64_t next(uint64_t& state) {
  state += 0x9E3779B97F4A7C15;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

}  // namespace

const DType* findType(std::string_view name) {
  static constexpr std::pair<std::string_view, std::string_view> kShort[] = {
      {"f32", "fp32"},     {"f64", "fp64"},     {"f16", "fp16"},      {"bool", "i1"},    {"u1", "i1"},      {"float32", "fp32"},
      {"float64", "fp64"}, {"float16", "fp16"}, {"bfloat16", "bf16"}, {"int32", "i32"},  {"int64", "i64"},  {"int16", "i16"},
      {"int8", "i8"},      {"uint8", "u8"},     {"uint16", "u16"},    {"uint32", "u32"}, {"uint64", "u64"}, {"fp8e4", "fp8e4nv"}};
  for (auto& [from, to] : kShort)
    if (from == name) name = to;
  for (const DType& t : kTypes)
    if (t.name == name) return &t;
  return nullptr;
}

std::string unknownType(std::string_view name) {
  return "unknown type `" + std::string(name) + "`: use f32, f16, bf16, f64, i8 to i64, u8 to u64, i1 or an fp8 type";
}

uint64_t Array::bits(size_t i) const {
  uint64_t out = 0;
  std::memcpy(&out, data.get() + i * static_cast<size_t>(type->bytes), static_cast<size_t>(type->bytes));
  return out;
}

void Array::setBits(size_t i, uint64_t value) {
  std::memcpy(data.get() + i * static_cast<size_t>(type->bytes), &value, static_cast<size_t>(type->bytes));
}

double Array::number(size_t i) const { return decode(*type, bits(i)); }

std::string allocate(Array& out, const DType& type, std::vector<int64_t> shape) {
  uint64_t count = 1;
  for (int64_t n : shape) {
    if (n < 0 || (n > 0 && count > (uint64_t{1} << 40) / static_cast<uint64_t>(n))) return "the array is too large";
    count *= static_cast<uint64_t>(n);
  }
  out.type = &type;
  out.shape = std::move(shape);
  out.bytes = static_cast<size_t>(count) * static_cast<size_t>(type.bytes);
  size_t rounded = std::max<size_t>((out.bytes + 63) / 64 * 64, 64);
  out.data.reset(static_cast<uint8_t*>(std::aligned_alloc(64, rounded)));
  if (!out.data) return "not enough memory for the array";
  std::memset(out.data.get(), 0, rounded);
  return "";
}

double decode(const DType& type, uint64_t bits) {
  int width = type.bytes * 8;
  if (type.kind == Kind::Int) return static_cast<double>(static_cast<int64_t>(bits << (64 - width)) >> (64 - width));
  if (type.kind != Kind::Float) return static_cast<double>(bits);
  int top = (1 << type.exponentBits) - 1;
  uint64_t mantissa = bits & ((uint64_t{1} << type.mantissaBits) - 1);
  auto exponent = static_cast<int>((bits >> type.mantissaBits) & static_cast<uint64_t>(top));
  bool negative = (bits >> (width - 1)) & 1;
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  if (type.fnuz && negative && exponent == 0 && mantissa == 0) return kNan;
  if (type.finite && exponent == top && mantissa == (uint64_t{1} << type.mantissaBits) - 1) return kNan;
  double magnitude;
  if (!type.finite && !type.fnuz && exponent == top)
    magnitude = mantissa ? kNan : std::numeric_limits<double>::infinity();
  else
    magnitude = exponent == 0 ? std::ldexp(static_cast<double>(mantissa), 1 - type.bias - type.mantissaBits)
                              : std::ldexp(static_cast<double>(mantissa | uint64_t{1} << type.mantissaBits),
                                           exponent - type.bias - type.mantissaBits);
  return negative ? -magnitude : magnitude;
}

uint64_t encode(const DType& type, double value) {
  if (type.kind != Kind::Float) return static_cast<uint64_t>(static_cast<int64_t>(value));
  if (type.bytes == 8) {
    uint64_t bits;
    std::memcpy(&bits, &value, 8);
    return bits;
  }
  int width = type.bytes * 8, top = (1 << type.exponentBits) - 1;
  uint64_t sign = std::signbit(value) ? uint64_t{1} << (width - 1) : 0;
  uint64_t ones = (uint64_t{1} << type.mantissaBits) - 1;
  uint64_t nan =
      type.fnuz ? uint64_t{1} << (width - 1)
                : sign | static_cast<uint64_t>(top) << type.mantissaBits | (type.finite ? ones : uint64_t{1} << (type.mantissaBits - 1));
  if (std::isnan(value)) return nan;
  uint64_t largest = type.fnuz     ? static_cast<uint64_t>(top) << type.mantissaBits | ones
                     : type.finite ? static_cast<uint64_t>(top) << type.mantissaBits | (ones - 1)
                                   : static_cast<uint64_t>(top - 1) << type.mantissaBits | ones;
  uint64_t beyond = type.fnuz || type.finite ? nan : sign | static_cast<uint64_t>(top) << type.mantissaBits;
  double magnitude = std::fabs(value);
  if (std::isinf(value)) return beyond;
  if (magnitude == 0) return type.fnuz ? 0 : sign;
  int exponent = std::max(std::ilogb(magnitude), 1 - type.bias);
  double units = std::nearbyint(std::ldexp(magnitude, type.mantissaBits - exponent));
  uint64_t bits = static_cast<uint64_t>(units) + (static_cast<uint64_t>(exponent - 1 + type.bias) << type.mantissaBits);
  if (bits > largest) return beyond;
  return bits == 0 && type.fnuz ? 0 : sign | bits;
}

std::string parseNumber(std::string_view text, const DType& type, uint64_t& bits) {
  text = trim(text);
  auto bad = [&] { return "`" + std::string(text) + "` is not a number of type " + type.name; };
  if (text == "True" || text == "true" || text == "False" || text == "false") {
    bits = encode(type, text[0] == 'T' || text[0] == 't');
    return "";
  }
  if (type.kind == Kind::Float) {
    double value = 0;
    std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
    if (digits.starts_with("0x")) {  // the bits of the number
      auto [end, ec] = std::from_chars(digits.data() + 2, digits.data() + digits.size(), bits, 16);
      return ec == std::errc() && end == digits.data() + digits.size() ? "" : bad();
    }
    auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if ((ec != std::errc() && ec != std::errc::result_out_of_range) || end != digits.data() + digits.size() || digits.empty()) return bad();
    bits = encode(type, value);
    return "";
  }
  bool negative = text.starts_with('-');
  std::string_view digits = negative ? text.substr(1) : text;
  int base = 10;
  if (digits.starts_with("0x")) {
    base = 16;
    digits.remove_prefix(2);
  }
  uint64_t magnitude = 0;
  auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), magnitude, base);
  if (ec != std::errc() || end != digits.data() + digits.size()) return bad();
  int width = type.kind == Kind::Bool ? 1 : type.bytes * 8;
  uint64_t limit = type.kind != Kind::Int    ? (width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1)
                   : base == 16 && !negative ? (width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1)
                                             : (uint64_t{1} << (width - 1)) - !negative;
  if (magnitude > limit || (negative && magnitude && type.kind != Kind::Int))
    return "`" + std::string(text) + "` does not fit in " + type.name;
  bits = negative ? 0 - magnitude : magnitude;
  if (width < 64) bits &= (uint64_t{1} << width) - 1;
  return "";
}

bool looksLikeArray(std::string_view text) {
  if (text.starts_with('@')) return true;
  for (std::string_view head : {"zeros:", "full:", "range:", "rand:", "randn:", "empty:"})
    if (text.starts_with(head)) return true;
  return text.ends_with(']') || text.ends_with('[') || text.find("[") < text.find(']');
}

std::string parseArray(std::string_view text, Array& out) {
  text = trim(text);
  if (text.starts_with('@')) {
    std::string_view path = text.substr(1);
    const DType* tag = nullptr;
    if (size_t colon = path.rfind(':'); colon != std::string_view::npos && path.find('/', colon) == std::string_view::npos) {
      tag = findType(path.substr(colon + 1));
      if (!tag) return unknownType(path.substr(colon + 1));
      path = path.substr(0, colon);
    }
    if (std::string error = readNpy(std::string(path), out); !error.empty()) return error;
    if (tag && tag != out.type) {
      bool stands =
          tag->bytes == out.type->bytes && (out.type->kind == Kind::UInt || (tag->kind != Kind::Float && out.type->kind != Kind::Float));
      if (!stands) return std::string(path) + " contains " + out.type->name + ", which cannot be read as " + tag->name;
      out.type = tag;
    }
    return "";
  }
  std::string_view verb, body = text;
  for (std::string_view head : {"zeros:", "full:", "range:", "rand:", "randn:", "empty:"})
    if (text.starts_with(head)) {
      verb = head;
      body = text.substr(head.size());
    }
  const DType* type = nullptr;
  std::string_view inside, rest;
  if (!typeAndBrackets(body, type, inside, rest)) {
    std::string_view name = trim(body.substr(0, std::min(body.find('['), body.size())));
    if (body.find('[') < body.find(']') && !name.empty()) return unknownType(name);
    return "`" + std::string(text) + "` is not an array: write zeros:f32[4,1000], full:f32[8],1.5, f32[1, 2, 3] or @file.npy";
  }
  if (verb.empty()) {
    size_t semicolon = inside.find(';');
    std::vector<std::string_view> items = split(inside.substr(0, semicolon), ',');
    if (inside.empty()) items.clear();
    std::vector<int64_t> shape{static_cast<int64_t>(items.size())};
    if (semicolon != std::string_view::npos) {
      shape.clear();
      if (!parseShape(inside.substr(semicolon + 1), shape))
        return "`" + std::string(text) + "`: the part after `;` must be a shape, such as 4, 8";
    }
    if (std::string error = allocate(out, *type, shape); !error.empty()) return error;
    if (items.empty() || (items.size() > 1 && items.size() != out.size()))
      return out.size() == items.size() ? ""
                                        : "`" + std::string(text) + "` has " + std::to_string(items.size()) +
                                              " numbers, but its shape has " + std::to_string(out.size()) + " elements";
    for (size_t i = 0; i < out.size(); ++i) {
      uint64_t bits = 0;
      if (std::string error = parseNumber(items[items.size() == 1 ? 0 : i], *type, bits); !error.empty()) return error;
      out.setBits(i, bits);
    }
    return rest.empty() ? "" : "unexpected `" + std::string(rest) + "`";
  }
  std::vector<int64_t> shape;
  if (!parseShape(inside, shape)) return "`" + std::string(inside) + "` is not a shape: write sizes with commas, such as 4, 8";
  if (std::string error = allocate(out, *type, shape); !error.empty()) return error;
  std::string_view parameter = rest.starts_with(',') ? trim(rest.substr(1)) : std::string_view();
  if (!rest.empty() && !rest.starts_with(',')) return "unexpected `" + std::string(rest) + "`";
  uint64_t bits = 0;
  if (verb == "full:") {
    if (std::string error = parseNumber(parameter, *type, bits); !error.empty()) return error;
    for (size_t i = 0; i < out.size(); ++i) out.setBits(i, bits);
  } else if (verb == "range:") {
    for (size_t i = 0; i < out.size(); ++i) out.setBits(i, encode(*type, static_cast<double>(i)));
  } else if (verb == "rand:" || verb == "randn:") {
    if (!parameter.empty())
      if (std::string error = parseNumber(parameter, *findType("u64"), bits); !error.empty()) return error;
    uint64_t state = bits;
    for (size_t i = 0; i < out.size(); ++i) {
      uint64_t r = next(state);
      if (type->kind == Kind::Float) {
        double u = static_cast<double>(r >> 11) * 0x1p-53, v = static_cast<double>(next(state) >> 11) * 0x1p-53;
        out.setBits(i, encode(*type, verb == "rand:" ? u : std::sqrt(-2 * std::log1p(-u)) * std::cos(6.283185307179586 * v)));
      } else {
        out.setBits(i, type->kind == Kind::Bool ? r & 1 : r);
      }
    }
  }
  return "";
}

std::string show(const Array& a, size_t most) {
  std::string out = "[";
  for (size_t i = 0; i < a.size() && i < most; ++i) {
    if (i) out += ", ";
    if (a.type->kind == Kind::Float) {
      char buffer[40];
      double value = a.number(i);
      auto end = a.type->bytes <= 4 ? std::to_chars(buffer, buffer + sizeof buffer, static_cast<float>(value)).ptr
                                    : std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
      out.append(buffer, end);
    } else if (a.type->kind == Kind::Int) {
      out += std::to_string(static_cast<int64_t>(a.bits(i) << (64 - a.type->bytes * 8)) >> (64 - a.type->bytes * 8));
    } else {
      out += std::to_string(a.bits(i));
    }
  }
  if (a.size() > most) out += ", ...";
  return out + "]";
}

}  // namespace nereid::tool
