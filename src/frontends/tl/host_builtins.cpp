// SPDX-License-Identifier: MIT
// Builtin functions of Python, and some of its modules, on compile-time values.
#include <algorithm>
#include <cmath>

#include "frontends/tl/codegen.h"
#include "frontends/tl/decimal.h"
#include "support/host_math.h"
#include "support/sort.h"

namespace nereid::tl {
namespace {

// Rounds to the nearest multiple of 10^-digits, ties to even, by decimal digits like Python, so that round(2.675, 2) is 2.67.
double roundTo(double x, int digits) {
  if (!std::isfinite(x) || x == 0 || digits > 300) return x;
  if (digits < -300) return 0;
  if (digits >= 0) return std::copysign(parseDouble(Decimal(std::fabs(x)).fixed(digits, false)).value_or(std::fabs(x)), x);
  double scale = 1;
  for (int i = digits; i < 0; ++i) scale *= 10;
  return std::nearbyint(x / scale) * scale;
}

// The same for integers, to a multiple of 10^-digits for negative `digits`.
Int roundTo(Int x, int64_t digits) {
  Int scale = 1;
  for (int64_t i = digits; i < 0; ++i)
    if (__builtin_mul_overflow(scale, Int{10}, &scale)) return 0;
  Int down = x - ((x % scale) + scale) % scale, rest = x - down;
  bool up = rest * 2 > scale || (rest * 2 == scale && (down / scale) % 2 != 0);
  return up ? down + scale : down;
}

}  // namespace

Result<Val> CodeGen::callValues(const Val& callee, std::vector<Val> values, Loc loc) {
  Args args;
  args.call = args.callee = loc;
  for (const Val& v : values) args.positional.push_back({v, loc});
  return call(callee, std::move(args));
}

Result<Val> CodeGen::hostSort(std::vector<Val> items, const Val& key, bool reverse, Loc loc) {
  std::vector<std::pair<Val, Val>> keyed;
  for (const Val& v : items) keyed.push_back({key.isNone() ? v : TRY(callValues(key, {v}, loc)), v});
  shared_.hostSteps += static_cast<int64_t>(items.size()) * 4;
  CHECK_OK(hostBudget(loc));
  bool failed = false;
  if (reverse) std::reverse(keyed.begin(), keyed.end());  // equal items keep their order
  sortStably(keyed, [&](const auto& a, const auto& b) {
    if (failed) return false;
    Result<int> o = order(a.first, b.first, loc);
    failed = !o;
    return o && *o < 0;
  });
  if (failed) return std::unexpected(Failed{});
  if (reverse) std::reverse(keyed.begin(), keyed.end());
  std::vector<Val> out;
  for (auto& [k, v] : keyed) out.push_back(v);
  return tuple(std::move(out));
}

// ---- Iterables.

Result<Val> CodeGen::bEnumerate(Bound& a) {
  std::vector<Val> out;
  Int n = a.given(1) ? TRY(constantInt(a, 1, "the start")) : 0;
  for (const Val& v : TRY(iterate(a[0], a.loc(0)))) out.push_back(tuple({Val::integer(n++), v}));
  return iterator(std::move(out));
}

// The items of all iterables side by side, as far as the shortest goes.
Result<std::vector<std::vector<Val>>> CodeGen::rowsOf(const Bound& a, bool sameLength) {
  std::vector<std::vector<Val>> columns, rows;
  for (const Arg& arg : a.rest) columns.push_back(TRY(iterate(arg.value, arg.loc)));
  size_t length = columns.empty() ? 0 : columns[0].size();
  for (auto& c : columns) {
    if (sameLength && c.size() != length) {
      auto& d = raise("ValueError", a.call);
      d.says("the arguments of `zip` differ in length");
      return d;
    }
  }
  for (auto& c : columns) length = std::min(length, c.size());
  for (size_t i = 0; i < length; ++i) {
    std::vector<Val>& row = rows.emplace_back();
    for (auto& c : columns) row.push_back(c[i]);
  }
  return rows;
}

Result<Val> CodeGen::bZip(Bound& a) {
  std::vector<Val> out;
  for (auto& row : TRY(rowsOf(a, a.given(0) && truthy(a[0])))) out.push_back(tuple(std::move(row)));
  return iterator(std::move(out));
}

Result<Val> CodeGen::bMap(Bound& a) {
  if (a.rest.empty()) return error(Err::Type, a.call).says("`map` needs something to iterate over");
  std::vector<Val> out;
  for (auto& row : TRY(rowsOf(a, false))) out.push_back(TRY(callValues(a[0], std::move(row), a.call)));
  return iterator(std::move(out));
}

Result<Val> CodeGen::bFilter(Bound& a) {
  std::vector<Val> out;
  for (const Val& v : TRY(iterate(a[1], a.loc(1))))
    if (truthy(a[0].isNone() ? v : TRY(callValues(a[0], {v}, a.call)))) out.push_back(v);
  return iterator(std::move(out));
}

Result<Val> CodeGen::bSorted(Bound& a) {
  std::vector<Val> items = TRY(iterate(a[0], a.loc(0)));
  return sequence(*TRY(hostSort(std::move(items), a.present(1) ? a[1] : Val::none(), a.given(2) && truthy(a[2]), a.call)).items);
}

Result<Val> CodeGen::bReversed(Bound& a) {
  std::vector<Val> out = TRY(iterate(a[0], a.loc(0)));
  std::reverse(out.begin(), out.end());
  return iterator(std::move(out));
}

Result<Val> CodeGen::bIter(Bound& a) { return iterator(TRY(iterate(a[0], a.loc(0)))); }

Result<Val> CodeGen::bNext(Bound& a) {
  if (!a[0].isIterator) {
    auto& d = raise("TypeError", a.loc(0));
    d.says("`next` takes an iterator, but this is ", a[0]).hint("write `next(iter(...))`");
    return d;
  }
  // Only before the first item was taken: a generator is evaluated as a whole.
  std::vector<Val> all = TRY(iterate(a[0], a.loc(0)));
  if (!all.empty()) return all[0];
  if (a.present(1)) return a[1];
  auto& d = raise("StopIteration", a.call);
  d.says("`next` of an iterator that has ended");
  return d;
}

// any, all; tag: what the first item that decides is, and the result then.
Result<Val> CodeGen::bAnyAll(Bound& a) {
  const bool decides = a.info->tag != 0;
  for (const Val& v : TRY(iterate(a[0], a.loc(0)))) {
    if (v.isTensor())
      return error(Err::Type, a.loc(0)).says("Python's `", a.info->name, "` works at compile time only, but one item is ", v);
    if (truthy(v) == decides) return Val::boolean(decides);
  }
  return Val::boolean(!decides);
}

Result<Val> CodeGen::bSum(Bound& a) {
  Val total = a.present(1) ? a[1] : Val::integer(0);
  for (const Val& v : TRY(iterate(a[0], a.loc(0)))) total = TRY(binaryOperator("+", total, v, {a.call, a.loc(0), a.loc(0)}));
  return total;
}

// ---- Numbers.

Result<Val> CodeGen::bDivmod(Bound& a) {
  const Locs locs{a.call, a.loc(0), a.loc(0)};
  return tuple({TRY(constantBinary("//", a[0], a[1], locs)), TRY(constantBinary("%", a[0], a[1], locs))});
}

Result<Val> CodeGen::bPow(Bound& a) {
  if (!a.given(2)) return constantBinary("**", a[0], a[1], {a.call, a.loc(0), a.loc(0)});
  int64_t base = TRY(constantInt(a, 0, "the base")), exponent = TRY(constantInt(a, 1, "the exponent")),
          m = TRY(constantInt(a, 2, "the modulus"));
  if (m <= 0 || exponent < 0) return error(Err::Unsupported, a.call).says("`pow` with a modulus takes positive numbers only");
  Int r = 1 % m, b = (base % m + m) % m;
  for (; exponent; exponent >>= 1, b = b * b % m)
    if (exponent & 1) r = r * b % m;
  return Val::integer(r);
}

Result<Val> CodeGen::bRound(Bound& a) {
  if (!a[0].isNumber()) return error(Err::Type, a.loc(0)).says("`round` does not take ", a[0]);
  const bool digits = a.given(1);
  const int64_t n = digits ? std::clamp<int64_t>(TRY(constantInt(a, 1, "the number of digits")), -1000, 1000) : 0;
  if (a[0].isInt()) return Val::integer(n < 0 ? roundTo(a[0].number, n) : a[0].number);
  if (digits) return Val::floating(roundTo(a[0].real, static_cast<int>(n)));
  const double x = std::nearbyint(a[0].real);
  if (!(std::fabs(x) < 1e37)) {
    auto& d = raise(std::isnan(x) ? "ValueError" : "OverflowError", a.loc(0));
    d.says(repr(a[0]), " cannot be rounded to an integer");
    return d;
  }
  return Val::integer(static_cast<Int>(x));
}

// ---- Texts and types.

Result<Val> CodeGen::bRepr(Bound& a) { return Val::string(keep(repr(a[0]))); }

Result<Val> CodeGen::bFormat(Bound& a) { return formatted(a[0], a.given(1) ? TRY(constantString(a, 1, "the format")) : "", a.loc(0)); }

// hex, oct, bin; tag: the letter of the format.
Result<Val> CodeGen::bDigits(Bound& a) {
  if (!a[0].isInt()) return error(Err::Type, a.loc(0)).says("`", a.info->name, "` takes an integer, but this is ", a[0]);
  return formatted(Val::integer(a[0].number), cat("#", static_cast<char>(a.info->tag)), a.loc(0));
}

Result<Val> CodeGen::bChr(Bound& a) {
  int64_t n = TRY(constantInt(a, 0, "a character's number"));
  if (n < 0 || n > 0x10FFFF || (n >= 0xD800 && n < 0xE000)) {
    auto& d = raise("ValueError", a.loc(0));
    d.says("there is no character with the number ", n);
    return d;
  }
  std::string out;
  appendUtf8(out, static_cast<uint32_t>(n));
  return Val::string(keep(std::move(out)));
}

Result<Val> CodeGen::bOrd(Bound& a) {
  if (!a[0].is(VK::Str) || characterCount(a[0].text) != 1)
    return error(Err::Type, a.loc(0)).says("`ord` takes one character, but this is ", a[0]);
  return Val::integer(codePointOf(a[0].text));
}

Result<Val> CodeGen::bCallable(Bound& a) {
  constexpr VK kCallable[] = {VK::Function, VK::Builtin, VK::Closure, VK::Method, VK::Class};
  return Val::boolean(std::find(std::begin(kCallable), std::end(kCallable), a[0].kind) != std::end(kCallable));
}

Result<Val> CodeGen::bType(Bound& a) {
  switch (a[0].kind) {
    case VK::Bool: return Val::named(VK::Class, "bool");
    case VK::Int: return Val::named(VK::Class, "int");
    case VK::Float: return Val::named(VK::Class, "float");
    case VK::Str: return Val::named(VK::Class, "str");
    case VK::Tuple: return Val::named(VK::Class, "tuple");
    case VK::List: return Val::named(VK::Class, "list");
    case VK::Set: return Val::named(VK::Class, "set");
    case VK::Dict: return Val::named(VK::Class, "dict");
    case VK::Exception: return Val::named(VK::Class, a[0].text);
    default: return error(Err::Unsupported, a.loc(0)).says("`type` does not take ", a[0]);
  }
}

// ---- Modules.

Result<Val> CodeGen::bImportModule(Bound& a) {
  return importValue(*source_, TRY(constantString(a, 0, "the name of a module")), "", a.call, a.call);
}

std::unexpected<Failed> CodeGen::outOfDomain(const Bound& a, std::string_view what) {
  auto& d = raise("ValueError", a.call);
  d.says(what);
  return d;
}

std::unexpected<Failed> CodeGen::tooManyBits(Loc loc) {
  return error(Err::Unsupported, loc).says("this constant needs more than 127 bits");
}

Result<double> CodeGen::numberOf(const Bound& a, size_t i) {
  if (!a[i].isNumber()) return error(Err::Type, a.loc(i)).says("`", a.info->name, "` takes numbers, but this is ", a[i]);
  return a[i].asDouble();
}

// gcd, lcm; tag: the result without arguments.
Result<Val> CodeGen::bGcdLcm(Bound& a) {
  Int r = a.info->tag;
  const bool gcd = r == 0;
  for (const Arg& arg : a.rest) {
    Int x = TRY(constantInt(arg.value, arg.loc, "the argument")), y = r;
    x = x < 0 ? -x : x;
    Int product = 0;
    if (__builtin_mul_overflow(x, y, &product)) return tooManyBits(a.call);
    while (y) std::swap(x %= y, y);
    r = gcd ? x : x ? product / x : 0;
  }
  return Val::integer(r);
}

Result<Val> CodeGen::bIsqrt(Bound& a) {
  Int n = TRY(constantInt(a, 0, "the argument")), r = 0;
  if (n < 0) return outOfDomain(a, "the square root of a negative number is not defined");
  for (Int bit = Int{1} << 62; bit; bit >>= 1)
    if ((r + bit) * (r + bit) <= n) r += bit;
  return Val::integer(r);
}

Result<Val> CodeGen::bFactorial(Bound& a) {
  int64_t n = TRY(constantInt(a, 0, "the argument"));
  if (n < 0) return outOfDomain(a, "this is not defined for negative numbers");
  Int r = 1;
  for (int64_t i = 2; i <= n; ++i)
    if (__builtin_mul_overflow(r, Int{i}, &r)) return tooManyBits(a.call);
  return Val::integer(r);
}

Result<Val> CodeGen::bComb(Bound& a) {
  int64_t n = TRY(constantInt(a, 0, "the argument")), k = TRY(constantInt(a, 1, "the argument"));
  if (n < 0 || k < 0) return outOfDomain(a, "this is not defined for negative numbers");
  if (k > n) return Val::integer(0);
  k = std::min(k, n - k);
  Int r = 1;
  for (int64_t i = 1; i <= k; ++i) {
    if (__builtin_mul_overflow(r, Int{n - k + i}, &r)) return tooManyBits(a.call);
    r /= i;
  }
  return Val::integer(r);
}

Result<Val> CodeGen::bProd(Bound& a) {
  Val total = a.present(1) ? a[1] : Val::integer(1);
  for (const Val& v : TRY(iterate(a[0], a.loc(0)))) total = TRY(binaryOperator("*", total, v, {a.call, a.call, a.call}));
  return total;
}

Result<Val> CodeGen::bTrunc(Bound& a) {
  double x = std::trunc(TRY(numberOf(a, 0)));
  if (a[0].isInt()) return Val::integer(a[0].number);
  if (!(std::fabs(x) < 1e37)) return outOfDomain(a, "this has no integer near it");
  return Val::integer(static_cast<Int>(x));
}

Result<Val> CodeGen::bFloatPow(Bound& a) { return Val::floating(hostPow(TRY(numberOf(a, 0)), TRY(numberOf(a, 1)))); }
Result<Val> CodeGen::bFabs(Bound& a) { return Val::floating(std::fabs(TRY(numberOf(a, 0)))); }
Result<Val> CodeGen::bCopysign(Bound& a) { return Val::floating(std::copysign(TRY(numberOf(a, 0)), TRY(numberOf(a, 1)))); }
Result<Val> CodeGen::bIsInf(Bound& a) { return Val::boolean(std::isinf(TRY(numberOf(a, 0)))); }
Result<Val> CodeGen::bIsNan(Bound& a) { return Val::boolean(std::isnan(TRY(numberOf(a, 0)))); }
Result<Val> CodeGen::bIsFinite(Bound& a) { return Val::boolean(std::isfinite(TRY(numberOf(a, 0)))); }

Result<Val> CodeGen::bLog10(Bound& a) {
  double x = TRY(numberOf(a, 0));
  if (x <= 0) return outOfDomain(a, "the logarithm of this is not defined");
  double r = hostLog(x) / hostLog(10), whole = std::nearbyint(r);
  return Val::floating(std::fabs(whole) < 300 && hostPow(10, whole) == x ? whole : r);
}

// Functions of `operator`; tag: the operator.
Result<Val> CodeGen::bOperator(Bound& a) {
  const char op = static_cast<char>(a.info->tag);
  return binaryOperator({&op, 1}, a[0], a[1], {a.call, a.call, a.call});
}

// The results of a function of two arguments on the items so far and the next one.
Result<std::vector<Val>> CodeGen::accumulated(const std::vector<Val>& items, const Val& function, Loc loc) {
  std::vector<Val> out;
  for (const Val& v : items) {
    if (out.empty())
      out.push_back(v);
    else if (function.isNone())
      out.push_back(TRY(binaryOperator("+", out.back(), v, {loc, loc, loc})));
    else
      out.push_back(TRY(callValues(function, {out.back(), v}, loc)));
  }
  return out;
}

Result<Val> CodeGen::bFunctoolsReduce(Bound& a) {
  std::vector<Val> items = TRY(iterate(a[1], a.loc(1)));
  if (a.present(2)) items.insert(items.begin(), a[2]);
  if (items.empty()) return error(Err::Type, a.call).says("`reduce` of an empty sequence needs an initial value");
  return TRY(accumulated(items, a[0], a.call)).back();
}

Result<Val> CodeGen::bAccumulate(Bound& a) {
  std::vector<Val> items = TRY(iterate(a[0], a.loc(0)));
  return iterator(TRY(accumulated(items, a.given(1) ? a[1] : Val::none(), a.call)));
}

Result<Val> CodeGen::bChain(Bound& a) {
  std::vector<Val> out;
  for (const Arg& arg : a.rest)
    for (const Val& v : TRY(iterate(arg.value, arg.loc))) out.push_back(v);
  return iterator(std::move(out));
}

Result<Val> CodeGen::bProduct(Bound& a) {
  std::vector<std::vector<Val>> columns, rows{{}};
  int64_t repeat = a.given(0) ? TRY(constantInt(a, 0, "repeat")) : 1;
  for (int64_t i = 0; i < std::min<int64_t>(repeat, 64); ++i)
    for (const Arg& arg : a.rest) columns.push_back(TRY(iterate(arg.value, arg.loc)));
  for (auto& c : columns) {
    std::vector<std::vector<Val>> longer;
    for (auto& row : rows)
      for (const Val& v : c) {
        longer.push_back(row);
        longer.back().push_back(v);
        if (longer.size() > 100000) return error(Err::Unsupported, a.call).says("this product is too long for compile time");
      }
    rows = std::move(longer);
  }
  std::vector<Val> out;
  for (auto& row : rows) out.push_back(tuple(std::move(row)));
  return iterator(std::move(out));
}

}  // namespace nereid::tl
