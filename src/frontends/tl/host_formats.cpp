// SPDX-License-Identifier: MIT
// Formats of Python at compile time: f-strings, `%` and `.format`.
#include <algorithm>
#include <cmath>
#include <utility>

#include "frontends/tl/codegen.h"
#include "frontends/tl/decimal.h"

namespace nereid::tl {
namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isNumber(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), isDigit); }
bool oneOf(char c, std::string_view letters) { return letters.find(c) != std::string_view::npos; }

std::string digitsOf(Int value, unsigned base, bool upper) {
  unsigned __int128 n = magnitude(value);
  std::string out;
  do out += (upper ? "0123456789ABCDEF" : "0123456789abcdef")[static_cast<size_t>(n % base)];
  while (n /= base);
  std::reverse(out.begin(), out.end());
  return out;
}

// The digits of |x|, as for Python's e, f and g.
std::string floatDigits(double x, char type, int precision, bool alternate) {
  x = std::fabs(x);
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return "inf";
  precision = std::min(precision, 100);
  Decimal d(x);
  if (type == 'f') return d.fixed(precision, alternate);
  int significant = type == 'g' ? std::max(precision, 1) : precision + 1;
  d.round(significant);
  int exponent = d.digits.empty() ? 0 : d.point - 1;
  bool plain = type == 'g' && exponent >= -4 && exponent < significant;
  std::string out, tail;
  if (plain) {
    out = d.fixed(significant - 1 - exponent, alternate);
  } else {
    std::string all = d.digits;
    all.resize(static_cast<size_t>(significant), '0');
    out = all.substr(0, 1);
    if (significant > 1 || alternate) appendAll(out, '.', all.substr(1));
    int magnitude = std::abs(exponent);
    tail = cat(exponent < 0 ? "e-" : "e+", magnitude < 10 ? "0" : "", magnitude);
  }
  if (type == 'g' && !alternate && out.find('.') != std::string::npos) {
    while (out.back() == '0') out.pop_back();
    if (out.back() == '.') out.pop_back();
  }
  return out + tail;
}

// [[fill]align][sign][#][0][width][,_][.precision][type]
struct Spec {
  std::string_view fill = " ";
  char align = 0, sign = '-', group = 0, type = 0;
  bool alternate = false;
  int width = 0, precision = -1;

  // Returns false if the text is not a format.
  bool parse(std::string_view text);
};

bool Spec::parse(std::string_view text) {
  size_t i = 0;
  auto take = [&](std::string_view letters) { return i < text.size() && oneOf(text[i], letters) ? text[i++] : '\0'; };
  auto number = [&](int& n) {
    const size_t first = i;
    for (n = 0; i < text.size() && isDigit(text[i]); ++i) n = std::min(n * 10 + (text[i] - '0'), 100000);
    return i > first;
  };
  constexpr std::string_view kAligns = "<>^=";
  if (const size_t first = charactersOf(text)[0].size(); text.size() > first && oneOf(text[first], kAligns)) {
    fill = text.substr(0, first);
    i = first;
  }
  align = take(kAligns);
  if (char c = take("+- ")) sign = c;
  alternate = take("#");
  if (take("0") && !align) fill = "0", align = '=';
  number(width);
  group = take(",_");
  if (take(".") && !number(precision)) return false;
  if (i < text.size()) type = text[i++];
  return i == text.size() && width <= 10000;
}

// A value before it is aligned.
struct Body {
  std::string digits, prefix;
  bool negative = false;
};

// These return false if the format does not fit the value.
bool formatFloat(Body& body, double x, const Spec& spec) {
  const char type = spec.type;
  body.negative = std::signbit(x) && !std::isnan(x);
  if (type == '%') {
    body.digits = cat(floatDigits(x * 100, 'f', spec.precision < 0 ? 6 : spec.precision, spec.alternate), "%");
    return true;
  }
  if (!type && spec.precision < 0) {
    body.digits = repr(Val::floating(std::fabs(x)));
    return true;
  }
  if (type && !oneOf(type, "eEfFgGn")) return false;
  const char letter = static_cast<char>(type | 0x20), lower = !type || letter == 'n' ? 'g' : letter;
  const int precision = spec.precision < 0 ? 6 : lower == 'g' ? std::max(spec.precision, 1) : spec.precision;
  body.digits = floatDigits(x, lower, precision, spec.alternate);
  if (!type && body.digits.find_first_of(".en") == std::string::npos) body.digits += ".0";
  if (oneOf(type, "EFG"))
    for (char& c : body.digits) c = static_cast<char>(c >= 'a' && c <= 'z' ? c & ~0x20 : c);
  return true;
}

bool formatInt(Body& body, Int n, const Spec& spec) {
  if (spec.precision >= 0) return false;
  body.negative = n < 0;
  switch (spec.type) {
    case 0:
    case 'd':
    case 'n': body.digits = digitsOf(n, 10, false); return true;
    case 'x':
    case 'X': body.digits = digitsOf(n, 16, spec.type == 'X'); break;
    case 'b': body.digits = digitsOf(n, 2, false); break;
    case 'o': body.digits = digitsOf(n, 8, false); break;
    case 'c':
      if (n < 0 || n > 0x10FFFF) return false;
      appendUtf8(body.digits, static_cast<uint32_t>(n));
      return true;
    default: return false;
  }
  if (spec.alternate) body.prefix = cat("0", spec.type);
  return true;
}

bool formatText(Body& body, std::string_view text, const Spec& spec) {
  if ((spec.type && spec.type != 's') || spec.align == '=' || spec.group || spec.alternate) return false;
  const size_t most = static_cast<size_t>(spec.precision);
  if (spec.precision >= 0 && characterCount(text) > most)
    text = text.substr(0, static_cast<size_t>(charactersOf(text)[most].data() - text.data()));
  body.digits = text;
  return true;
}

// Separates groups of digits: 1,000,000.
void groupDigits(std::string& digits, const Spec& spec) {
  size_t whole = 0;
  while (whole < digits.size() && isxdigit(static_cast<unsigned char>(digits[whole]))) ++whole;
  const size_t every = oneOf(spec.type, "xXbo") ? 4 : 3;
  for (size_t at = whole; at > every; at -= every) digits.insert(at - every, 1, spec.group);
}

std::string aligned(const Body& body, const Spec& spec, char align, std::string_view sign) {
  const std::string front = cat(sign, body.prefix);
  const size_t length = front.size() + characterCount(body.digits), width = static_cast<size_t>(spec.width);
  const size_t pad = width > length ? width - length : 0;
  const size_t left = align == '>' ? pad : align == '^' ? pad / 2 : 0, within = align == '=' ? pad : 0;
  return cat(repeated(spec.fill, left), front, repeated(spec.fill, within), body.digits, repeated(spec.fill, pad - left - within));
}

}  // namespace

Result<Val> CodeGen::formatted(const Val& v, std::string_view text, Loc loc) {
  if (text.empty()) return v.is(VK::Str) ? v : Val::string(keep(str(v)));
  Spec spec;
  Body body;
  bool fits = spec.parse(text);
  if (fits && (v.is(VK::Float) || (v.isInt() && oneOf(spec.type, "eEfFgG%"))))
    fits = formatFloat(body, v.asDouble(), spec);
  else if (fits && v.isInt())
    fits = formatInt(body, v.number, spec);
  else
    fits = fits && v.is(VK::Str) && formatText(body, v.text, spec);
  if (!fits) {
    auto& d = raise("ValueError", loc);
    d.says("`", text, "` is not a format of ", v);
    return d;
  }
  if (spec.group) groupDigits(body.digits, spec);
  const char align = spec.align ? spec.align : v.is(VK::Str) ? '<' : '>';
  std::string_view sign = body.negative ? "-" : align == '<' && v.is(VK::Str) ? "" : spec.sign == '+' ? "+" : spec.sign == ' ' ? " " : "";
  return Val::string(keep(aligned(body, spec, align, sign)));
}

// ---- "%-5d %s" % (n, name)

namespace {

// One item of a `%` format: what follows the `%`, and the name in parentheses.
struct PercentItem {
  std::string flags, width, precision;
  char type = 0;

  bool has(char flag) const { return flags.find(flag) != std::string::npos; }
  // The same for `formatted`.
  std::string spec() const {
    const bool text = type == 's', left = has('-'), zeros = has('0') && !text;
    return cat(left    ? "<"
               : zeros ? ""
                       : ">",
               text       ? ""
               : has('+') ? "+"
               : has(' ') ? " "
                          : "",
               !text && has('#') ? "#" : "", !left && zeros ? "0" : "", width, precision == "." ? ".0" : precision, type);
  }
};

// Reads flags, width, precision and letter at `i`, which then is the place of the letter.
PercentItem percentItem(std::string_view s, size_t& i) {
  PercentItem item;
  for (; i < s.size() && oneOf(s[i], "-+ #0"); ++i) item.flags += s[i];
  for (; i < s.size() && isDigit(s[i]); ++i) item.width += s[i];
  if (i < s.size() && s[i] == '.')
    for (item.precision = ".", ++i; i < s.size() && isDigit(s[i]); ++i) item.precision += s[i];
  while (i < s.size() && oneOf(s[i], "lh")) ++i;
  if (i < s.size()) item.type = s[i];
  return item;
}

}  // namespace

// A value as the letter of its item takes it; the letter becomes one of `formatted`.
Result<Val> CodeGen::percentValue(const Val& v, char& type, Loc loc) {
  auto wrong = [&](const char* exception, const char* what) -> std::unexpected<Failed> {
    auto& d = raise(exception, loc);
    d.says(what);
    return d;
  };
  if (oneOf(type, "sra")) {
    const char letter = std::exchange(type, 's');
    return Val::string(keep(letter == 's' ? str(v) : letter == 'a' ? ascii(v) : repr(v)));
  }
  Val number = v;
  if (v.is(VK::Bool)) number = Val::integer(v.number);
  if (oneOf(type, "iud")) {
    type = 'd';
    if (!v.isNumber()) return wrong("TypeError", "`%d` takes a number");
    return v.is(VK::Float) && std::fabs(v.real) < 1e37 ? Val::integer(static_cast<Int>(v.real)) : number;
  }
  if (!oneOf(type, "xXoceEfFgG")) return wrong("ValueError", "this format has an unknown letter");
  if (!v.isNumber()) return wrong("TypeError", "this format takes a number");
  return number;
}

Result<Val> CodeGen::percentFormat(const Val& format, const Val& values, Loc loc) {
  std::vector<Val> items = values.is(VK::Tuple) && !values.cls ? *values.items : std::vector<Val>{values};
  size_t used = 0;
  auto wrong = [&](const char* exception, const char* what) -> std::unexpected<Failed> {
    auto& d = raise(exception, loc);
    d.says(what);
    return d;
  };
  std::string out;
  std::string_view s = format.text;
  for (size_t i = 0; i < s.size(); ++i) {
    if (s[i] != '%') {
      out += s[i];
      continue;
    }
    if (++i < s.size() && s[i] == '%') {
      out += '%';
      continue;
    }
    Val v;
    const bool named = i < s.size() && s[i] == '(';
    if (named) {
      const size_t close = s.find(')', i);
      if (close == std::string_view::npos) return wrong("ValueError", "a `%(` in this format is not closed");
      if (!values.is(VK::Dict)) return wrong("TypeError", "this format takes a dictionary");
      Node key{.kind = Kind::Str, .loc = loc};
      Node node{.kind = Kind::Subscript, .loc = loc};
      node.kids = {&key, &key};
      v = TRY(index(values, Val::string(s.substr(i + 1, close - i - 1)), &node));
      i = close + 1;
    }
    PercentItem item = percentItem(s, i);
    if (!item.type) return wrong("ValueError", "this format ends after a `%`");
    if (!named) {
      if (used >= items.size()) return wrong("TypeError", "there are fewer values than the format takes");
      v = items[used++];
    }
    v = TRY(percentValue(v, item.type, loc));
    if (item.type == 'd') item.precision.clear();
    out += TRY(formatted(v, item.spec(), loc)).text;
  }
  if (used < items.size() && !values.is(VK::Dict)) return wrong("TypeError", "there are more values than the format takes");
  return Val::string(keep(std::move(out)));
}

// ---- "{} {0.name[1]!r:>5}".format(...)

// The argument that a field begins with: the next one, or one by number or by name.
Result<Val> CodeGen::fieldArgument(std::string_view name, const Args& args, size_t& next) {
  if (name.empty() || isNumber(name)) {
    size_t at = 0;
    for (char c : name) at = std::min<size_t>(at * 10 + static_cast<size_t>(c - '0'), 100000);
    if (name.empty()) at = next++;
    if (at < args.positional.size()) return args.positional[at].value;
  } else {
    for (auto& [known, a] : args.named)
      if (known == name) return a.value;
  }
  auto& d = raise(name.empty() || isNumber(name) ? "IndexError" : "KeyError", args.call);
  d.says("the format needs ", name.empty() ? "one more argument" : cat("an argument `", name, "`"));
  return d;
}

// The rest of a field: `.name[1]`.
Result<Val> CodeGen::fieldMember(Val v, std::string_view path, Loc loc) {
  Node self{.kind = Kind::Name, .loc = loc, .text = "object"};
  Node node{.kind = Kind::Attribute, .loc = loc};
  node.kids = {&self, &self};
  while (!path.empty()) {
    const bool item = path[0] == '[';
    const size_t stop = item ? path.find(']') : path.find_first_of(".[", 1);
    if (item && stop == std::string_view::npos) {
      auto& d = raise("ValueError", loc);
      d.says("a `[` in this format is not closed");
      return d;
    }
    std::string_view part = path.substr(1, stop == std::string_view::npos ? stop : stop - 1);
    if (item) {
      const bool whole = part.size() < 10 && isNumber(part);
      Int n = 0;
      for (char c : part) n = whole ? n * 10 + (c - '0') : 0;
      v = TRY(index(v, whole ? Val::integer(n) : Val::string(part), &node));
    } else {
      v = TRY(attribute(v, part, loc, &node));
    }
    path = stop == std::string_view::npos ? "" : path.substr(stop + item);
  }
  return v;
}

// A field without its braces: `0.name[1]!r:>5`.
Result<std::string_view> CodeGen::formatField(std::string_view field, const Args& args, size_t& next) {
  std::string_view spec, conversion;
  if (size_t colon = field.find(':'); colon != std::string_view::npos) {
    spec = field.substr(colon + 1);
    field = field.substr(0, colon);
  }
  if (size_t mark = field.find('!'); mark != std::string_view::npos) {
    conversion = field.substr(mark + 1);
    field = field.substr(0, mark);
    if (conversion != "r" && conversion != "s" && conversion != "a") {
      auto& d = raise("ValueError", args.call);
      d.says("a conversion is `!r`, `!s` or `!a`");
      return d;
    }
  }
  std::string_view name = field.substr(0, field.find_first_of(".["));
  Val v = TRY(fieldArgument(name, args, next));
  v = TRY(fieldMember(v, field.substr(name.size()), args.call));
  if (spec.find('{') != std::string_view::npos) spec = TRY(strFormat(spec, args, next)).text;
  if (v.isTensor())
    return error(Err::Type, args.call)
        .says("a format in a kernel takes constexprs only, but this is ", v)
        .hint("print values of the running kernel with `tl.device_print(\"x\", x)`");
  if (!conversion.empty()) v = Val::string(keep(conversion == "s" ? str(v) : conversion == "a" ? ascii(v) : repr(v)));
  return TRY(formatted(v, spec, args.call)).text;
}

Result<Val> CodeGen::strFormat(std::string_view s, const Args& args, size_t& next) {
  auto wrong = [&](const char* what) -> std::unexpected<Failed> {
    auto& d = raise("ValueError", args.call);
    d.says(what);
    return d;
  };
  std::string out;
  for (size_t i = 0; i < s.size(); ++i) {
    if ((s[i] == '{' || s[i] == '}') && i + 1 < s.size() && s[i + 1] == s[i]) {
      out += s[i++];
      continue;
    }
    if (s[i] == '}') return wrong("this format has a single `}`");
    if (s[i] != '{') {
      out += s[i];
      continue;
    }
    size_t end = i + 1;
    for (int depth = 1; end < s.size() && depth > 0; ++end) depth += s[end] == '{' ? 1 : s[end] == '}' ? -1 : 0;
    if (end > s.size() || s[end - 1] != '}') return wrong("a `{` in this format is not closed");
    out += TRY(formatField(s.substr(i + 1, end - i - 2), args, next));
    i = end - 1;
  }
  return Val::string(keep(std::move(out)));
}

}  // namespace nereid::tl
