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

Result<Val> CodeGen::bHost(Bound& a) {
  std::string_view f = a.info->name;
  for (size_t i = 0; i < a.slots.size(); ++i)
    if (a[i].isTensor())
      return error(Err::Type, a.loc(i))
          .says("Python's `", f, "` works at compile time only, but this is ", a[i])
          .hint(findBuiltin(f) || shared_.loader.builtinLibrary().globals.contains(f) ? cat("use `tl.", f, "`") : "");
  Loc loc = a.slots.empty() ? a.call : a.loc(0);
  Locs locs{a.call, loc, loc};
  auto items = [&](size_t i) { return iterate(a[i], a.loc(i)); };
  auto made = [&](std::vector<Val> out) {
    return f != "sorted" ? iterator(std::move(out)) : host_ ? list(std::move(out)) : tuple(std::move(out));
  };
  if (f == "enumerate") {
    std::vector<Val> out;
    Int n = a.given(1) ? TRY(constantInt(a, 1, "the start")) : 0;
    for (const Val& v : TRY(items(0))) out.push_back(tuple({Val::integer(n++), v}));
    return made(std::move(out));
  }
  if (f == "zip" || f == "map") {
    std::vector<std::vector<Val>> columns;
    for (const Arg& arg : a.rest) columns.push_back(TRY(iterate(arg.value, arg.loc)));
    if (f == "map" && columns.empty()) return error(Err::Type, a.call).says("`map` needs something to iterate over");
    size_t length = columns.empty() ? 0 : columns[0].size();
    for (auto& c : columns) {
      if (f == "zip" && a.given(0) && truthy(a[0]) && c.size() != length) {
        auto d = raise("ValueError", a.call);
        d.says("the arguments of `zip` differ in length");
        return d;
      }
    }
    for (auto& c : columns) length = std::min(length, c.size());
    std::vector<Val> out;
    for (size_t i = 0; i < length; ++i) {
      std::vector<Val> row;
      for (auto& c : columns) row.push_back(c[i]);
      out.push_back(f == "zip" ? tuple(std::move(row)) : TRY(callValues(a[0], std::move(row), a.call)));
    }
    return made(std::move(out));
  }
  if (f == "filter") {
    std::vector<Val> out;
    for (const Val& v : TRY(items(1)))
      if (truthy(a[0].isNone() ? v : TRY(callValues(a[0], {v}, a.call)))) out.push_back(v);
    return made(std::move(out));
  }
  if (f == "sorted")
    return made(*TRY(hostSort(TRY(items(0)), a.present(1) ? a[1] : Val::none(), a.given(2) && truthy(a[2]), a.call)).items);
  if (f == "reversed") {
    std::vector<Val> out = TRY(items(0));
    std::reverse(out.begin(), out.end());
    return made(std::move(out));
  }
  if (f == "iter") return made(TRY(items(0)));
  if (f == "next") {
    if (!a[0].isIterator) {
      auto d = raise("TypeError", loc);
      d.says("`next` takes an iterator, but this is ", a[0]).hint("write `next(iter(...))`");
      return d;
    }
    // Only before the first item was taken: a generator is evaluated as a whole.
    std::vector<Val> all = TRY(items(0));
    if (!all.empty()) return all[0];
    if (a.present(1)) return a[1];
    auto d = raise("StopIteration", a.call);
    d.says("`next` of an iterator that has ended");
    return d;
  }
  if (f == "any" || f == "all") {
    for (const Val& v : TRY(items(0))) {
      if (v.isTensor()) return error(Err::Type, a.loc(0)).says("Python's `", f, "` works at compile time only, but one item is ", v);
      if (truthy(v) == (f == "any")) return Val::boolean(f == "any");
    }
    return Val::boolean(f == "all");
  }
  if (f == "sum") {
    Val total = a.present(1) ? a[1] : Val::integer(0);
    for (const Val& v : TRY(items(0))) total = TRY(binaryOperator("+", total, v, locs));
    return total;
  }
  if (f == "divmod") return tuple({TRY(constantBinary("//", a[0], a[1], locs)), TRY(constantBinary("%", a[0], a[1], locs))});
  if (f == "pow") {
    if (!a.given(2)) return constantBinary("**", a[0], a[1], locs);
    int64_t base = TRY(constantInt(a, 0, "the base")), exponent = TRY(constantInt(a, 1, "the exponent")),
            m = TRY(constantInt(a, 2, "the modulus"));
    if (m <= 0 || exponent < 0) return error(Err::Unsupported, a.call).says("`pow` with a modulus takes positive numbers only");
    Int r = 1 % m, b = (base % m + m) % m;
    for (; exponent; exponent >>= 1, b = b * b % m)
      if (exponent & 1) r = r * b % m;
    return Val::integer(r);
  }
  if (f == "round") {
    if (!a[0].isNumber()) return error(Err::Type, loc).says("`round` does not take ", a[0]);
    bool digits = a.given(1);
    int64_t n = digits ? std::clamp<int64_t>(TRY(constantInt(a, 1, "the number of digits")), -1000, 1000) : 0;
    if (a[0].isInt()) {
      if (n >= 0) return Val::integer(a[0].number);
      Int scale = 1;
      for (int64_t i = n; i < 0; ++i)
        if (__builtin_mul_overflow(scale, Int{10}, &scale)) return Val::integer(0);
      Int down = a[0].number - ((a[0].number % scale) + scale) % scale, rest = a[0].number - down;
      bool up = rest * 2 > scale || (rest * 2 == scale && (down / scale) % 2 != 0);
      return Val::integer(up ? down + scale : down);
    }
    if (digits) return Val::floating(roundTo(a[0].real, static_cast<int>(n)));
    double x = std::nearbyint(a[0].real);
    if (!(std::fabs(x) < 1e37)) {
      auto d = raise(std::isnan(x) ? "ValueError" : "OverflowError", loc);
      d.says(repr(a[0]), " cannot be rounded to an integer");
      return d;
    }
    return Val::integer(static_cast<Int>(x));
  }
  if (f == "repr") return Val::string(keep(repr(a[0])));
  if (f == "format") return formatted(a[0], a.given(1) ? TRY(constantString(a, 1, "the format")) : "", loc);
  if (f == "hex" || f == "oct" || f == "bin") {
    if (!a[0].isInt()) return error(Err::Type, loc).says("`", f, "` takes an integer, but this is ", a[0]);
    return formatted(Val::integer(a[0].number), f == "hex" ? "#x" : f == "oct" ? "#o" : "#b", loc);
  }
  if (f == "chr") {
    int64_t n = TRY(constantInt(a, 0, "a character's number"));
    if (n < 0 || n > 0x10FFFF || (n >= 0xD800 && n < 0xE000)) {
      auto d = raise("ValueError", loc);
      d.says("there is no character with the number ", n);
      return d;
    }
    std::string out;
    appendUtf8(out, static_cast<uint32_t>(n));
    return Val::string(keep(std::move(out)));
  }
  if (f == "ord") {
    if (!a[0].is(VK::Str) || characterCount(a[0].text) != 1)
      return error(Err::Type, loc).says("`ord` takes one character, but this is ", a[0]);
    return Val::integer(codePointOf(a[0].text));
  }
  if (f == "callable")
    return Val::boolean(a[0].is(VK::Function) || a[0].is(VK::Builtin) || a[0].is(VK::Closure) || a[0].is(VK::Method) || a[0].is(VK::Class));
  // type
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
    default: return error(Err::Unsupported, loc).says("`type` does not take ", a[0]);
  }
}

Result<Val> CodeGen::bHostModule(Bound& a) {
  std::string_view f = a.info->name;
  Locs locs{a.call, a.call, a.call};
  for (size_t i = 0; i < a.slots.size(); ++i)
    if (a[i].isTensor()) return error(Err::Type, a.loc(i)).says("Python's `", f, "` works at compile time only, but this is ", a[i]);
  auto number = [&](size_t i) -> Result<double> {
    if (!a[i].isNumber()) return error(Err::Type, a.loc(i)).says("`", f, "` takes numbers, but this is ", a[i]);
    return a[i].asDouble();
  };
  auto domain = [&](std::string_view what) -> std::unexpected<Failed> {
    auto d = raise("ValueError", a.call);
    d.says(what);
    return d;
  };
  if (f == "importlib.import_module")
    return importValue(*source_, std::string(TRY(constantString(a, 0, "the name of a module"))), "", a.call, a.call);
  if (f == "math.gcd" || f == "math.lcm") {
    Int r = f == "math.gcd" ? 0 : 1;
    for (const Arg& arg : a.rest) {
      Int x = TRY(constantInt(arg.value, arg.loc, "the argument")), y = r;
      x = x < 0 ? -x : x;
      Int product = 0;
      if (__builtin_mul_overflow(x, y, &product)) return error(Err::Unsupported, a.call).says("this constant needs more than 127 bits");
      while (y) std::swap(x %= y, y);
      r = f == "math.gcd" ? x : x ? product / x : 0;
    }
    return Val::integer(r);
  }
  if (f == "math.isqrt") {
    Int n = TRY(constantInt(a, 0, "the argument")), r = 0;
    if (n < 0) return domain("the square root of a negative number is not defined");
    for (Int bit = Int{1} << 62; bit; bit >>= 1)
      if ((r + bit) * (r + bit) <= n) r += bit;
    return Val::integer(r);
  }
  if (f == "math.factorial" || f == "math.comb") {
    int64_t n = TRY(constantInt(a, 0, "the argument"));
    int64_t k = f == "math.comb" ? TRY(constantInt(a, 1, "the argument")) : n;
    if (n < 0 || k < 0) return domain("this is not defined for negative numbers");
    Int r = 1;
    if (f == "math.comb" && k > n) return Val::integer(0);
    if (f == "math.comb") k = std::min(k, n - k);
    for (int64_t i = 1; i <= k; ++i) {
      if (__builtin_mul_overflow(r, Int{f == "math.comb" ? n - k + i : i}, &r))
        return error(Err::Unsupported, a.call).says("this constant needs more than 127 bits");
      if (f == "math.comb") r /= i;
    }
    return Val::integer(r);
  }
  if (f == "math.prod") {
    Val total = a.present(1) ? a[1] : Val::integer(1);
    for (const Val& v : TRY(iterate(a[0], a.loc(0)))) total = TRY(binaryOperator("*", total, v, locs));
    return total;
  }
  if (f == "math.trunc") {
    double x = std::trunc(TRY(number(0)));
    if (a[0].isInt()) return Val::integer(a[0].number);
    if (!(std::fabs(x) < 1e37)) return domain("this has no integer near it");
    return Val::integer(static_cast<Int>(x));
  }
  if (f == "math.pow") return Val::floating(hostPow(TRY(number(0)), TRY(number(1))));
  if (f == "math.fabs") return Val::floating(std::fabs(TRY(number(0))));
  if (f == "math.log10") {
    double x = TRY(number(0));
    if (x <= 0) return domain("the logarithm of this is not defined");
    double r = hostLog(x) / hostLog(10), whole = std::nearbyint(r);
    return Val::floating(std::fabs(whole) < 300 && hostPow(10, whole) == x ? whole : r);
  }
  if (f == "math.isinf") return Val::boolean(std::isinf(TRY(number(0))));
  if (f == "math.isnan") return Val::boolean(std::isnan(TRY(number(0))));
  if (f == "math.isfinite") return Val::boolean(std::isfinite(TRY(number(0))));
  if (f == "math.copysign") return Val::floating(std::copysign(TRY(number(0)), TRY(number(1))));
  if (f.starts_with("operator.")) return binaryOperator(f.ends_with("add") ? "+" : f.ends_with("mul") ? "*" : "-", a[0], a[1], locs);
  if (f == "functools.reduce" || f == "itertools.accumulate") {
    bool reduce = f == "functools.reduce";
    std::vector<Val> items = TRY(iterate(a[reduce ? 1 : 0], a.loc(reduce ? 1 : 0))), out;
    if (reduce && a.present(2)) items.insert(items.begin(), a[2]);
    if (items.empty())
      return reduce ? Result<Val>(error(Err::Type, a.call).says("`reduce` of an empty sequence needs an initial value")) : tuple({});
    Val total = items[0];
    out.push_back(total);
    for (size_t i = 1; i < items.size(); ++i) {
      total = !reduce && !a.given(1) ? TRY(binaryOperator("+", total, items[i], locs))
                                     : TRY(callValues(a[reduce ? 0 : 1], {total, items[i]}, a.call));
      out.push_back(total);
    }
    return reduce ? total : iterator(std::move(out));
  }
  if (f == "itertools.chain") {
    std::vector<Val> out;
    for (const Arg& arg : a.rest)
      for (const Val& v : TRY(iterate(arg.value, arg.loc))) out.push_back(v);
    return iterator(std::move(out));
  }
  // itertools.product
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
