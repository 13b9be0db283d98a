// SPDX-License-Identifier: MIT
// Python's arithmetic on compile-time values: `//` rounds down, `%` takes the sign of the divisor, integers do not wrap.
#include <cmath>

#include "frontends/tl/codegen.h"
#include "support/host_math.h"

namespace nereid::tl {
namespace {

std::optional<Int> power(Int base, Int exponent) {
  Int result = 1;
  while (exponent > 0) {
    if ((exponent & 1) && __builtin_mul_overflow(result, base, &result)) return std::nullopt;
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) return std::nullopt;
  }
  return result;
}

bool isComparison(std::string_view op) { return op == "==" || op == "!=" || op == "<" || op == "<=" || op == ">" || op == ">="; }

template <class T>
bool compareBy(std::string_view op, const T& a, const T& b) {
  if (op == "==") return a == b;
  if (op == "!=") return a != b;
  if (op == "<") return a < b;
  if (op == "<=") return a <= b;
  if (op == ">") return a > b;
  return a >= b;
}

// Arithmetic on floats; nothing for other operators.
std::optional<double> floatOperator(std::string_view op, double x, double y) {
  if (op == "+") return x + y;
  if (op == "-") return x - y;
  if (op == "*") return x * y;
  if (op == "**") return hostPow(x, y);
  if (op != "//" && op != "%") return std::nullopt;
  // The remainder is exact, and the quotient what is left, rounded to the nearest integer: x / y may round up to one.
  const double r = std::fmod(x, y);
  const bool isBelow = r != 0 && (r < 0) != (y < 0);
  if (op == "%") return isBelow ? r + y : r != 0 ? r : std::copysign(0.0, y);
  const double q = (x - r) / y - (isBelow ? 1 : 0);
  double rounded = std::floor(q);
  if (q - rounded > 0.5) rounded += 1;
  return q != 0 ? rounded : std::copysign(0.0, x / y);
}

}  // namespace

Result<Val> CodeGen::constantBinary(std::string_view op, const Val& a, const Val& b, const Locs& locs) {
  Val v = TRY(a.isNumber() && b.isNumber() ? numberOperator(op, a, b, locs) : containerOperator(op, a, b, locs));
  if (folding_ && v.is(VK::Int) && v.number != static_cast<int32_t>(v.number))
    return error(Err::Unsupported, locs.at).says("this does not fit in 32 bits");
  v.wrapped = a.wrapped || b.wrapped;
  return v;
}

std::unexpected<Failed> CodeGen::notDefined(std::string_view op, const Val& a, const Val& b, Loc loc) {
  return error(Err::Type, loc).says("`", op, "` does not take ", a, " and ", b);
}

Result<Val> CodeGen::numberOperator(std::string_view op, const Val& a, const Val& b, const Locs& locs) {
  const bool whole = a.isInt() && b.isInt();
  if (isComparison(op)) return Val::boolean(whole ? compareBy(op, a.number, b.number) : compareBy(op, a.asDouble(), b.asDouble()));
  // When a kernel's function is evaluated speculatively: only operations whose result equals that of a kernel's arithmetic.
  if (folding_ && (!whole || ((op == "//" || op == "%" || op == ">>") && (a.number < 0 || b.number < 0)) || op == "/" || op == "**" ||
                   a.number != static_cast<int32_t>(a.number) || b.number != static_cast<int32_t>(b.number)))
    return notDefined(op, a, b, locs.at);
  if ((op == "/" || op == "//" || op == "%") && (whole ? b.number == 0 : b.asDouble() == 0)) {
    auto& d = raise("ZeroDivisionError", locs.b);
    d.says("division by zero");
    return d;
  }
  if (op == "/") return Val::floating(a.asDouble() / b.asDouble());
  if (whole && (op == "&" || op == "|" || op == "^")) {
    const Int n = op == "&" ? a.number & b.number : op == "|" ? a.number | b.number : a.number ^ b.number;
    return a.is(VK::Bool) && b.is(VK::Bool) ? Val::boolean(n != 0) : Val::integer(n);
  }
  if (whole) return intOperator(op, a, b, locs);
  if (auto x = floatOperator(op, a.asDouble(), b.asDouble())) return Val::floating(*x);
  return notDefined(op, a, b, locs.at);
}

Result<Val> CodeGen::intOperator(std::string_view op, const Val& a, const Val& b, const Locs& locs) {
  const Int x = a.number, y = b.number;
  Int r = 0;
  bool fits = true;
  if (op == "+") {
    fits = !__builtin_add_overflow(x, y, &r);
  } else if (op == "-") {
    fits = !__builtin_sub_overflow(x, y, &r);
  } else if (op == "*") {
    fits = !__builtin_mul_overflow(x, y, &r);
  } else if (op == "//") {
    if (y == -1)
      fits = !__builtin_sub_overflow(Int{0}, x, &r);
    else
      r = x / y - (x % y != 0 && (x < 0) != (y < 0));
  } else if (op == "%") {
    r = y == -1 ? 0 : x % y;
    if (r != 0 && (r < 0) != (y < 0)) r += y;
  } else if (op == "**") {
    if (y < 0) {
      if (x == 0) return error(Err::Type, locs.b).says("zero cannot be raised to a negative power");
      return Val::floating(hostPow(static_cast<double>(x), static_cast<double>(y)));
    }
    auto p = power(x, y);
    fits = p.has_value();
    r = p.value_or(0);
  } else if (op == "<<" || op == ">>") {
    if (y < 0) return error(Err::Type, locs.b).says("negative shift count");
    if (op == ">>")
      r = x >> (y > 127 ? 127 : y);
    else if (x != 0 && (y > 126 || ((x << y) >> y) != x))
      fits = false;
    else
      r = x != 0 ? x << y : 0;
  } else {
    return notDefined(op, a, b, locs.at);
  }
  if (!fits) return tooManyBits(locs.at);
  return Val::integer(r);
}

// Operators of strings, tuples, lists, sets and dictionaries; and `==` of everything else.
Result<Val> CodeGen::containerOperator(std::string_view op, const Val& a, const Val& b, const Locs& locs) {
  if (auto v = TRY(hostBinary(op, a, b, locs))) return *v;
  const bool left = a.is(VK::Tuple), right = b.is(VK::Tuple);
  if (left && right && op == "+") {
    std::vector<Val> items(*a.items);
    items.insert(items.end(), b.items->begin(), b.items->end());
    return tuple(std::move(items));
  }
  if (op == "*" && ((left && b.isInt()) || (right && a.isInt()))) {
    const Val& repeated = left ? a : b;
    const Int times = (left ? b : a).number;
    if (times > 4096) return error(Err::Unsupported, locs.at).says("a tuple of that many items is not supported");
    std::vector<Val> items;
    for (Int i = 0; i < times; ++i) items.insert(items.end(), repeated.items->begin(), repeated.items->end());
    return tuple(std::move(items));
  }
  if (a.is(VK::Str) && b.is(VK::Str)) {
    if (op == "+") return Val::string(keep(cat(a.text, b.text)));
    if (isComparison(op)) return Val::boolean(compareBy(op, a.text, b.text));
  }
  if (op == "==" || op == "!=") return Val::boolean(sameConstant(a, b) == (op == "=="));
  return notDefined(op, a, b, locs.at);
}

Result<Val> CodeGen::constantUnary(std::string_view op, const Val& v, Loc at) {
  Val result;
  if (op == "not") {
    result = Val::boolean(!truthy(v));
  } else if (!v.isNumber()) {
    return error(Err::Type, at).says("`", op, "` does not take ", v);
  } else if (op == "~") {
    if (!v.isInt()) return error(Err::Type, at).says("`~` is for integers, but this is ", v);
    result = Val::integer(~v.number);
  } else if (v.is(VK::Float)) {
    result = Val::floating(op == "-" ? -v.real : v.real);
  } else {
    Int n = v.number;
    if (op == "-" && __builtin_sub_overflow(Int{0}, n, &n)) return tooManyBits(at);
    result = Val::integer(n);
  }
  result.wrapped = v.wrapped;
  return result;
}

}  // namespace nereid::tl
