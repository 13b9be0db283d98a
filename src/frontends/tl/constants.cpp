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

bool isComparison(const std::string& op) { return op == "==" || op == "!=" || op == "<" || op == "<=" || op == ">" || op == ">="; }

template <class T>
bool compareBy(const std::string& op, const T& a, const T& b) {
  if (op == "==") return a == b;
  if (op == "!=") return a != b;
  if (op == "<") return a < b;
  if (op == "<=") return a <= b;
  if (op == ">") return a > b;
  return a >= b;
}

}  // namespace

Result<Val> CodeGen::constantBinary(const std::string& op, const Val& a, const Val& b, const Locs& locs) {
  auto finish = [&](Val v) -> Result<Val> {
    if (folding_ && v.is(VK::Int) && v.number != static_cast<int32_t>(v.number))
      return error(Err::Unsupported, locs.at).says("this does not fit in 32 bits");
    v.wrapped = a.wrapped || b.wrapped;
    return v;
  };
  auto refuse = [&]() -> std::unexpected<Failed> { return error(Err::Type, locs.at).says("`", op, "` does not take ", a, " and ", b); };
  auto tooLarge = [&]() -> std::unexpected<Failed> {
    return error(Err::Unsupported, locs.at).says("this constant needs more than 127 bits");
  };
  if (a.isNumber() && b.isNumber()) {
    if (isComparison(op))
      return finish(Val::boolean(a.isInt() && b.isInt() ? compareBy(op, a.number, b.number) : compareBy(op, a.asDouble(), b.asDouble())));
    bool whole = a.isInt() && b.isInt();
    // When a kernel's function is evaluated speculatively: only operations whose result equals that of a kernel's arithmetic.
    if (folding_ && (!whole || ((op == "//" || op == "%" || op == ">>") && (a.number < 0 || b.number < 0)) || op == "/" || op == "**" ||
                     a.number != static_cast<int32_t>(a.number) || b.number != static_cast<int32_t>(b.number)))
      return refuse();
    if (op == "/" || op == "//" || op == "%") {
      if (whole ? b.number == 0 : b.asDouble() == 0) {
        auto d = raise("ZeroDivisionError", locs.b);
        d.says("division by zero");
        return d;
      }
    }
    if (op == "/") return finish(Val::floating(a.asDouble() / b.asDouble()));
    if (!whole) {
      double x = a.asDouble(), y = b.asDouble();
      if (op == "+") return finish(Val::floating(x + y));
      if (op == "-") return finish(Val::floating(x - y));
      if (op == "*") return finish(Val::floating(x * y));
      if (op == "//" || op == "%") {
        // The remainder is exact, and the quotient what is left, rounded to the nearest integer: x / y may round up to one.
        double r = std::fmod(x, y);
        const bool isBelow = r != 0 && (r < 0) != (y < 0);
        if (op == "%") return finish(Val::floating(isBelow ? r + y : r != 0 ? r : std::copysign(0.0, y)));
        double q = (x - r) / y - (isBelow ? 1 : 0);
        double rounded = std::floor(q);
        if (q - rounded > 0.5) rounded += 1;
        return finish(Val::floating(q != 0 ? rounded : std::copysign(0.0, x / y)));
      }
      if (op == "**") return finish(Val::floating(hostPow(x, y)));
      return refuse();
    }
    Int x = a.number, y = b.number, r = 0;
    bool bools = a.is(VK::Bool) && b.is(VK::Bool);
    if (op == "+") return __builtin_add_overflow(x, y, &r) ? Result<Val>(tooLarge()) : finish(Val::integer(r));
    if (op == "-") return __builtin_sub_overflow(x, y, &r) ? Result<Val>(tooLarge()) : finish(Val::integer(r));
    if (op == "*") return __builtin_mul_overflow(x, y, &r) ? Result<Val>(tooLarge()) : finish(Val::integer(r));
    if (op == "//") {
      if (y == -1) return __builtin_sub_overflow(Int{0}, x, &r) ? Result<Val>(tooLarge()) : finish(Val::integer(r));
      return finish(Val::integer(x / y - (x % y != 0 && (x < 0) != (y < 0))));
    }
    if (op == "%") {
      r = y == -1 ? 0 : x % y;
      return finish(Val::integer(r != 0 && (r < 0) != (y < 0) ? r + y : r));
    }
    if (op == "**") {
      if (y < 0) {
        if (x == 0) return error(Err::Type, locs.b).says("zero cannot be raised to a negative power");
        return finish(Val::floating(hostPow(static_cast<double>(x), static_cast<double>(y))));
      }
      auto p = power(x, y);
      return p ? Result<Val>(finish(Val::integer(*p))) : Result<Val>(tooLarge());
    }
    if (op == "<<") {
      if (y < 0) return error(Err::Type, locs.b).says("negative shift count");
      if (x == 0) return finish(Val::integer(0));
      if (y > 126 || ((x << y) >> y) != x) return tooLarge();
      return finish(Val::integer(x << y));
    }
    if (op == ">>") {
      if (y < 0) return error(Err::Type, locs.b).says("negative shift count");
      return finish(Val::integer(x >> (y > 127 ? 127 : y)));
    }
    if (op == "&") return finish(bools ? Val::boolean(x & y) : Val::integer(x & y));
    if (op == "|") return finish(bools ? Val::boolean(x | y) : Val::integer(x | y));
    if (op == "^") return finish(bools ? Val::boolean(x ^ y) : Val::integer(x ^ y));
    return refuse();
  }
  if (auto v = TRY(hostBinary(op, a, b, locs))) return finish(*v);
  if (a.is(VK::Tuple) && b.is(VK::Tuple) && op == "+") {
    std::vector<Val> items(*a.items);
    items.insert(items.end(), b.items->begin(), b.items->end());
    return finish(tuple(std::move(items)));
  }
  if ((a.is(VK::Tuple) && b.isInt() && op == "*") || (b.is(VK::Tuple) && a.isInt() && op == "*")) {
    const Val& repeated = a.is(VK::Tuple) ? a : b;
    Int times = (a.is(VK::Tuple) ? b : a).number;
    if (times > 4096) return error(Err::Unsupported, locs.at).says("a tuple of that many items is not supported");
    std::vector<Val> items;
    for (Int i = 0; i < times; ++i) items.insert(items.end(), repeated.items->begin(), repeated.items->end());
    return finish(tuple(std::move(items)));
  }
  if (a.is(VK::Str) && b.is(VK::Str)) {
    if (op == "+") return finish(Val::string(keep(cat(a.text, b.text))));
    if (isComparison(op)) return finish(Val::boolean(compareBy(op, a.text, b.text)));
  }
  if (op == "==") return finish(Val::boolean(sameConstant(a, b)));
  if (op == "!=") return finish(Val::boolean(!sameConstant(a, b)));
  return refuse();
}

Result<Val> CodeGen::constantUnary(const std::string& op, const Val& v, Loc at) {
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
    if (op == "-" && __builtin_sub_overflow(Int{0}, n, &n))
      return error(Err::Unsupported, at).says("this constant needs more than 127 bits");
    result = Val::integer(n);
  }
  result.wrapped = v.wrapped;
  return result;
}

}  // namespace nereid::tl
