// SPDX-License-Identifier: MIT
// Methods of Python's values at compile time, and formats: f-strings, `%` and `.format`.
#include <algorithm>
#include <cmath>

#include "frontends/tl/codegen.h"
#include "frontends/tl/decimal.h"

namespace nereid::tl {
namespace {

constexpr const char* kStrMethods[] = {"startswith", "endswith",     "lower",        "upper",   "strip",   "lstrip",       "rstrip",
                                       "split",      "join",         "replace",      "find",    "rfind",   "index",        "count",
                                       "format",     "removeprefix", "removesuffix", "isdigit", "isalpha", "isidentifier", "title",
                                       "capitalize", "zfill",        "ljust",        "rjust",   "center",  "partition",    "rpartition",
                                       "splitlines", "isupper",      "islower",      "isspace"};
constexpr const char* kListMethods[] = {"append", "extend",  "insert", "pop",  "remove", "index",
                                        "count",  "reverse", "sort",   "copy", "clear"};
constexpr const char* kTupleMethods[] = {"index", "count"};
constexpr const char* kDictMethods[] = {"keys", "values", "items", "get", "pop", "update", "setdefault", "copy", "clear"};
constexpr const char* kSetMethods[] = {
    "add",      "remove",     "discard",    "union",  "intersection", "difference", "symmetric_difference",
    "issubset", "issuperset", "isdisjoint", "update", "copy",         "clear",      "pop"};
constexpr const char* kIntMethods[] = {"bit_length", "bit_count"};
constexpr const char* kFloatMethods[] = {"is_integer"};

template <size_t n>
const char* among(const char* const (&names)[n], std::string_view name) {
  for (const char* s : names)
    if (name == s) return s;
  return nullptr;
}

std::string repeated(std::string_view text, size_t times) {
  std::string out;
  while (times-- > 0) out += text;
  return out;
}

bool isSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string digitsOf(Int value, unsigned base, bool upper) {
  unsigned __int128 n = value < 0 ? -static_cast<unsigned __int128>(value) : static_cast<unsigned __int128>(value);
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

}  // namespace

const char* CodeGen::hostMethodName(const Val& v, std::string_view name) {
  switch (v.kind) {
    case VK::Str: return among(kStrMethods, name);
    case VK::List: return among(kListMethods, name);
    case VK::Tuple: return among(kTupleMethods, name);
    case VK::Dict: return among(kDictMethods, name);
    case VK::Set: return among(kSetMethods, name);
    case VK::Int:
    case VK::Bool: return among(kIntMethods, name);
    case VK::Float: return among(kFloatMethods, name);
    default: return nullptr;
  }
}

// [[fill]align][sign][#][0][width][,_][.precision][type]
Result<Val> CodeGen::formatted(const Val& v, std::string_view spec, Loc loc) {
  if (spec.empty()) return v.is(VK::Str) ? v : Val::string(keep(str(v)));
  auto bad = [&]() -> std::unexpected<Failed> {
    auto d = raise("ValueError", loc);
    d.says("`", spec, "` is not a format of ", v);
    return d;
  };
  auto isAlign = [](char c) { return c == '<' || c == '>' || c == '^' || c == '='; };
  size_t i = 0;
  std::string fill = " ";
  char align = 0, sign = '-', group = 0;
  if (const size_t first = charactersOf(spec)[0].size(); spec.size() > first && isAlign(spec[first])) {
    fill = spec.substr(0, first);
    align = spec[first];
    i = first + 1;
  } else if (isAlign(spec[0])) {
    align = spec[0];
    i = 1;
  }
  auto next = [&](char c) { return i < spec.size() && spec[i] == c ? (++i, true) : false; };
  if (i < spec.size() && (spec[i] == '+' || spec[i] == '-' || spec[i] == ' ')) sign = spec[i++];
  bool alternate = next('#');
  if (next('0') && !align) fill = "0", align = '=';
  auto number = [&](int& n) {
    bool any = false;
    for (; i < spec.size() && spec[i] >= '0' && spec[i] <= '9'; ++i, any = true) n = std::min(n * 10 + (spec[i] - '0'), 100000);
    return any;
  };
  int width = 0, precision = -1;
  number(width);
  if (i < spec.size() && (spec[i] == ',' || spec[i] == '_')) group = spec[i++];
  if (next('.')) {
    precision = 0;
    if (!number(precision)) return bad();
  }
  char type = i < spec.size() ? spec[i++] : 0;
  if (i != spec.size() || width > 10000) return bad();
  std::string body, prefix;
  bool negative = false;
  bool isFloat = v.is(VK::Float) || (v.isInt() && type && std::string_view("eEfFgG%").find(type) != std::string_view::npos);
  if (isFloat) {
    double x = v.asDouble();
    negative = std::signbit(x) && !std::isnan(x);
    if (type == '%') {
      body = cat(floatDigits(x * 100, 'f', precision < 0 ? 6 : precision, alternate), "%");
    } else if (!type && precision < 0) {
      body = repr(Val::floating(std::fabs(x)));
    } else if (!type || std::string_view("eEfFgGn").find(type) != std::string_view::npos) {
      char lower = type ? static_cast<char>(type | 0x20) : 'g';
      body = floatDigits(x, lower == 'n' ? 'g' : lower, precision < 0 ? 6 : lower == 'g' ? std::max(precision, 1) : precision, alternate);
      if (!type && body.find_first_of(".en") == std::string::npos) body += ".0";
      if (type == 'E' || type == 'G' || type == 'F')
        for (char& c : body) c = static_cast<char>(c >= 'a' && c <= 'z' ? c & ~0x20 : c);
    } else {
      return bad();
    }
  } else if (v.isInt()) {
    if (precision >= 0) return bad();
    negative = v.number < 0;
    switch (type) {
      case 0:
      case 'd':
      case 'n': body = digitsOf(v.number, 10, false); break;
      case 'x':
      case 'X': body = digitsOf(v.number, 16, type == 'X'); break;
      case 'b': body = digitsOf(v.number, 2, false); break;
      case 'o': body = digitsOf(v.number, 8, false); break;
      case 'c':
        if (v.number < 0 || v.number > 0x10FFFF) return bad();
        appendUtf8(body, static_cast<uint32_t>(v.number));
        break;
      default: return bad();
    }
    if (alternate && type && type != 'd' && type != 'n' && type != 'c') prefix = cat("0", type);
  } else {
    if ((type && type != 's') || align == '=' || group || alternate || !v.is(VK::Str)) return bad();
    body = str(v);
    if (precision >= 0 && characterCount(body) > static_cast<size_t>(precision))
      body.resize(static_cast<size_t>(charactersOf(body)[static_cast<size_t>(precision)].data() - body.data()));
    if (!align) align = '<';
  }
  if (group) {
    size_t whole = 0;
    while (whole < body.size() && isxdigit(static_cast<unsigned char>(body[whole]))) ++whole;
    size_t every = type == 'x' || type == 'X' || type == 'b' || type == 'o' ? 4 : 3;
    for (size_t at = whole; at > every; at -= every) body.insert(at - every, 1, group);
  }
  std::string front = cat(negative ? "-" : align == '<' && v.is(VK::Str) ? "" : sign == '+' ? "+" : sign == ' ' ? " " : "", prefix);
  if (!align) align = '>';
  size_t length = front.size() + characterCount(body), wide = static_cast<size_t>(width);
  size_t pad = wide > length ? wide - length : 0;
  const size_t left = align == '>' ? pad : align == '^' ? pad / 2 : 0, within = align == '=' ? pad : 0;
  return Val::string(keep(cat(repeated(fill, left), front, repeated(fill, within), body, repeated(fill, pad - left - within))));
}

// "%-5d %s" % (n, name)
Result<Val> CodeGen::percentFormat(const Val& format, const Val& values, Loc loc) {
  std::vector<Val> items = values.is(VK::Tuple) && !values.cls ? *values.items : std::vector<Val>{values};
  size_t used = 0;
  auto wrong = [&](const char* what) -> std::unexpected<Failed> {
    auto d = raise(what[0] == 'V' ? "ValueError" : "TypeError", loc);
    d.says(what + 2);
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
    bool named = i < s.size() && s[i] == '(';
    if (named) {
      size_t close = s.find(')', i);
      if (close == std::string_view::npos) return wrong("V:a `%(` in this format is not closed");
      if (!values.is(VK::Dict)) return wrong("T:this format takes a dictionary");
      Node key{.kind = Kind::Str, .loc = loc};
      Node node{.kind = Kind::Subscript, .loc = loc};
      node.kids = {&key, &key};
      v = TRY(index(values, Val::string(s.substr(i + 1, close - i - 1)), &node));
      i = close + 1;
    }
    std::string spec, flags;
    for (; i < s.size() && std::string_view("-+ #0").find(s[i]) != std::string_view::npos; ++i) flags += s[i];
    bool left = flags.find('-') != std::string::npos, zero = flags.find('0') != std::string::npos;
    std::string width, precision;
    for (; i < s.size() && s[i] >= '0' && s[i] <= '9'; ++i) width += s[i];
    if (i < s.size() && s[i] == '.')
      for (precision = ".", ++i; i < s.size() && s[i] >= '0' && s[i] <= '9'; ++i) precision += s[i];
    while (i < s.size() && (s[i] == 'l' || s[i] == 'h')) ++i;
    if (i >= s.size()) return wrong("V:this format ends after a `%`");
    char type = s[i];
    if (!named) {
      if (used >= items.size()) return wrong("T:there are fewer values than the format takes");
      v = items[used++];
    }
    if (type == 's' || type == 'r' || type == 'a') {
      v = Val::string(keep(type == 's' ? str(v) : type == 'a' ? ascii(v) : repr(v)));
      type = 's';
    } else if (type == 'i' || type == 'u' || type == 'd') {
      if (!v.isNumber()) return wrong("T:`%d` takes a number");
      if (v.is(VK::Float) && std::fabs(v.real) < 1e37) v = Val::integer(static_cast<Int>(v.real));
      type = 'd';
      precision.clear();
    } else if (std::string_view("xXoceEfFgG").find(type) == std::string_view::npos) {
      return wrong("V:this format has an unknown letter");
    } else if (!v.isNumber()) {
      return wrong("T:this format takes a number");
    }
    if (v.is(VK::Bool)) v = Val::integer(v.number);
    if (precision == ".") precision = ".0";
    std::string sign = flags.find('+') != std::string::npos ? "+" : flags.find(' ') != std::string::npos ? " " : "";
    spec = cat(left                  ? "<"
               : zero && type != 's' ? ""
                                     : ">",
               type == 's' ? "" : sign, type != 's' && flags.find('#') != std::string::npos ? "#" : "",
               !left && zero && type != 's' ? "0" : "", width, precision, type);
    out += TRY(formatted(v, spec, loc)).text;
  }
  if (used < items.size() && !values.is(VK::Dict)) return wrong("T:there are more values than the format takes");
  return Val::string(keep(std::move(out)));
}

// "{} {0.name[1]!r:>5}".format(...)
Result<Val> CodeGen::strFormat(std::string_view s, const Args& args, size_t& next) {
  auto wrong = [&](const char* what) -> std::unexpected<Failed> {
    auto d = raise("ValueError", args.call);
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
    std::string_view field = s.substr(i + 1, end - i - 2), spec;
    i = end - 1;
    if (size_t colon = field.find(':'); colon != std::string_view::npos) {
      spec = field.substr(colon + 1);
      field = field.substr(0, colon);
    }
    std::string_view conversion;
    if (size_t mark = field.find('!'); mark != std::string_view::npos) {
      conversion = field.substr(mark + 1);
      field = field.substr(0, mark);
      if (conversion != "r" && conversion != "s" && conversion != "a") return wrong("a conversion is `!r`, `!s` or `!a`");
    }
    std::string_view name = field.substr(0, field.find_first_of(".["));
    std::string_view path = field.substr(name.size());
    std::optional<Val> v;
    bool digits = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (name.empty() || digits) {
      size_t at = next;
      if (digits) {
        at = 0;
        for (char c : name) at = std::min<size_t>(at * 10 + static_cast<size_t>(c - '0'), 100000);
      } else {
        ++next;
      }
      if (at < args.positional.size()) v = args.positional[at].value;
    } else {
      for (auto& [known, a] : args.named)
        if (known == name) v = a.value;
    }
    if (!v) {
      auto d = raise(digits || name.empty() ? "IndexError" : "KeyError", args.call);
      d.says("the format needs ", name.empty() ? "one more argument" : cat("an argument `", name, "`"));
      return d;
    }
    Node self{.kind = Kind::Name, .loc = args.call, .text = "object"};
    Node node{.kind = Kind::Attribute, .loc = args.call};
    node.kids = {&self, &self};
    while (!path.empty()) {
      bool item = path[0] == '[';
      size_t stop = item ? path.find(']') : path.find_first_of(".[", 1);
      if (item && stop == std::string_view::npos) return wrong("a `[` in this format is not closed");
      std::string_view part = path.substr(1, stop == std::string_view::npos ? stop : stop - 1);
      if (item) {
        bool whole =
            !part.empty() && part.size() < 10 && std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
        Int n = 0;
        for (char c : part) n = whole ? n * 10 + (c - '0') : 0;
        v = TRY(index(*v, whole ? Val::integer(n) : Val::string(part), &node));
      } else {
        v = TRY(attribute(*v, std::string(part), args.call, &node));
      }
      path = stop == std::string_view::npos ? "" : path.substr(stop + item);
    }
    std::string inner(spec);
    if (spec.find('{') != std::string_view::npos) inner = TRY(strFormat(spec, args, next)).text;
    if (v->isTensor())
      return error(Err::Type, args.call)
          .says("a format in a kernel takes constexprs only, but this is ", *v)
          .hint("print values of the running kernel with `tl.device_print(\"x\", x)`");
    if (!conversion.empty()) v = Val::string(keep(conversion == "s" ? str(*v) : conversion == "a" ? ascii(*v) : repr(*v)));
    out += TRY(formatted(*v, inner, args.call)).text;
  }
  return Val::string(keep(std::move(out)));
}

Result<Val> CodeGen::hostMethod(const Val& self, const std::string& q, const Args& args) {
  size_t given = args.positional.size();
  auto arg = [&](size_t i) -> const Val& { return args.positional[i].value; };
  auto needs = [&](size_t least, size_t most) { return given >= least && given <= most; };
  auto wrong = [&]() -> std::unexpected<Failed> { return error(Err::Type, args.call).says("`", q, "` does not take these arguments"); };
  auto missing = [&](const char* exception, const Val& v) -> std::unexpected<Failed> {
    auto d = raise(exception, args.call);
    if (exception[0] == 'K') shared_.raised->items = keep(std::vector<Val>{v});
    d.says(repr(v), " is not in ", self);
    return d;
  };
  if (!args.named.empty() && q != "format" && q != "sort" && !(self.is(VK::Dict) && q == "update")) return wrong();
  if (self.isNumber()) {
    if (!needs(0, 0)) return wrong();
    if (q == "is_integer") return Val::boolean(std::isfinite(self.real) && self.real == std::floor(self.real));
    unsigned __int128 n = self.number < 0 ? -static_cast<unsigned __int128>(self.number) : static_cast<unsigned __int128>(self.number);
    Int bits = 0;
    for (; n; n >>= 1) bits += q == "bit_length" ? 1 : static_cast<Int>(n & 1);
    return Val::integer(bits);
  }
  if (self.is(VK::Str)) {
    std::string_view s = self.text;
    auto text = [&](std::string out) { return Val::string(keep(std::move(out))); };
    if (q == "format") {
      size_t next = 0;
      return strFormat(s, args, next);
    }
    if (q == "join") {
      if (!needs(1, 1)) return wrong();
      std::string out;
      bool first = true;
      for (const Val& v : TRY(iterate(arg(0), args.call))) {
        if (!v.is(VK::Str)) return error(Err::Type, args.call).says("`join` takes strings, but one item is ", v);
        appendAll(out, first ? "" : s, v.text);
        first = false;
        if (out.size() > (1 << 20)) return error(Err::Unsupported, args.call).says("the string is too long for compile time");
      }
      return text(out);
    }
    if (q == "startswith" || q == "endswith") {
      if (!needs(1, 1)) return wrong();
      for (const Val& part : arg(0).is(VK::Tuple) ? *arg(0).items : std::vector<Val>{arg(0)}) {
        if (!part.is(VK::Str)) return error(Err::Type, args.call).says("`", q, "` takes one string");
        if (q == "startswith" ? s.starts_with(part.text) : s.ends_with(part.text)) return Val::boolean(true);
      }
      return Val::boolean(false);
    }
    if (q == "zfill" || q == "ljust" || q == "rjust" || q == "center") {
      if (!needs(1, q == "zfill" ? 1 : 2) || !arg(0).isInt() || arg(0).number > 10000 ||
          (given == 2 && (!arg(1).is(VK::Str) || characterCount(arg(1).text) != 1)))
        return wrong();
      const std::string_view fill = q == "zfill" ? "0" : given == 2 ? arg(1).text : " ";
      const size_t length = characterCount(s);
      size_t width = arg(0).number < 0 ? 0 : static_cast<size_t>(arg(0).number), pad = width > length ? width - length : 0;
      if (q == "ljust") return text(cat(s, repeated(fill, pad)));
      size_t left = q == "center" ? pad / 2 + (pad & width & 1) : pad;
      bool sign = q == "zfill" && !s.empty() && (s[0] == '-' || s[0] == '+');
      return text(cat(sign ? s.substr(0, 1) : "", repeated(fill, left), sign ? s.substr(1) : s, repeated(fill, pad - left)));
    }
    for (size_t i = 0; i < given; ++i) {
      bool count = arg(i).isInt() && ((q == "split" && i == 1) || (q == "replace" && i == 2));
      bool spaces = arg(i).isNone() && i == 0 && (q == "split" || q == "strip" || q == "lstrip" || q == "rstrip");
      if (!arg(i).is(VK::Str) && !count && !spaces) return wrong();
    }
    if (q == "strip" || q == "lstrip" || q == "rstrip") {
      if (!needs(0, 1)) return wrong();
      auto drop = [&](std::string_view c) {
        return given && arg(0).is(VK::Str) ? arg(0).text.find(c) != std::string_view::npos : isSpace(c[0]);
      };
      const std::vector<std::string_view> characters = charactersOf(s);
      size_t first = 0, last = characters.size();
      while (q != "rstrip" && first < last && drop(characters[first])) s.remove_prefix(characters[first++].size());
      while (q != "lstrip" && first < last && drop(characters[last - 1])) s.remove_suffix(characters[--last].size());
      return Val::string(s);
    }
    if (q == "split" || q == "splitlines") {
      std::vector<Val> parts;
      Int limit = q == "split" && given == 2 && arg(1).isInt() ? arg(1).number : -1;
      if (!needs(0, 2) || (given && q == "splitlines") || (given && arg(0).is(VK::Str) && arg(0).text.empty())) return wrong();
      if (q == "split" && (!given || arg(0).isNone())) {
        for (size_t i = 0; i < s.size();) {
          while (i < s.size() && isSpace(s[i])) ++i;
          size_t begin = i;
          const bool last = limit >= 0 && static_cast<Int>(parts.size()) >= limit;
          while (i < s.size() && (last || !isSpace(s[i]))) ++i;
          if (i > begin) parts.push_back(Val::string(s.substr(begin, i - begin)));
        }
      } else {
        std::string_view by = q == "split" ? arg(0).text : "\n";
        for (size_t begin = 0;;) {
          size_t end = limit >= 0 && static_cast<Int>(parts.size()) >= limit ? std::string_view::npos : s.find(by, begin);
          parts.push_back(Val::string(s.substr(begin, end == std::string_view::npos ? end : end - begin)));
          if (end == std::string_view::npos) break;
          begin = end + by.size();
        }
        if (q == "splitlines" && parts.back().text.empty()) parts.pop_back();
      }
      return host_ ? list(std::move(parts)) : tuple(std::move(parts));
    }
    if (q == "partition" || q == "rpartition") {
      if (!needs(1, 1) || arg(0).text.empty()) return wrong();
      size_t at = q == "partition" ? s.find(arg(0).text) : s.rfind(arg(0).text);
      if (at == std::string_view::npos)
        return q == "partition" ? tuple({self, Val::string(""), Val::string("")}) : tuple({Val::string(""), Val::string(""), self});
      return tuple({Val::string(s.substr(0, at)), arg(0), Val::string(s.substr(at + arg(0).text.size()))});
    }
    if (q == "replace") {
      if (!needs(2, 3) || arg(0).text.empty()) return wrong();
      Int limit = given == 3 ? arg(2).number : -1;
      std::string out;
      for (size_t i = 0; i < s.size();) {
        if (limit != 0 && s.substr(i).starts_with(arg(0).text)) {
          out += arg(1).text;
          i += arg(0).text.size();
          --limit;
        } else {
          out += s[i++];
        }
      }
      if (out.size() > (1 << 20)) return error(Err::Unsupported, args.call).says("the string is too long for compile time");
      return text(out);
    }
    if (q == "find" || q == "rfind" || q == "index" || q == "count") {
      if (!needs(1, 1) || !arg(0).is(VK::Str)) return wrong();
      if (q == "count") {
        if (arg(0).text.empty()) return Val::integer(static_cast<Int>(characterCount(s)) + 1);
        Int n = 0;
        for (size_t at = s.find(arg(0).text); at != std::string_view::npos; at = s.find(arg(0).text, at + arg(0).text.size())) ++n;
        return Val::integer(n);
      }
      size_t at = q == "rfind" ? s.rfind(arg(0).text) : s.find(arg(0).text);
      if (at == std::string_view::npos && q == "index") return missing("ValueError", arg(0));
      return Val::integer(at == std::string_view::npos ? -1 : static_cast<Int>(characterCount(s.substr(0, at))));
    }
    if (q == "removeprefix" || q == "removesuffix") {
      if (!needs(1, 1)) return wrong();
      if (q == "removeprefix" && s.starts_with(arg(0).text)) s.remove_prefix(arg(0).text.size());
      if (q == "removesuffix" && s.ends_with(arg(0).text)) s.remove_suffix(arg(0).text.size());
      return Val::string(s);
    }
    if (!needs(0, 0)) return wrong();
    // There are no tables of letters here.
    if (std::any_of(s.begin(), s.end(), [](char c) { return static_cast<signed char>(c) < 0; }))
      return error(Err::Unsupported, args.call).says("`", q, "` takes ASCII characters only at compile time, but this is ", repr(self));
    auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    auto digit = [](char c) { return c >= '0' && c <= '9'; };
    if (q.starts_with("is")) {
      bool all = !s.empty(), cased = false;
      for (size_t i = 0; i < s.size(); ++i) {
        char c = s[i];
        cased |= letter(c);
        all = all && (q == "isdigit"   ? digit(c)
                      : q == "isalpha" ? letter(c)
                      : q == "isspace" ? isSpace(c)
                      : q == "isupper" ? !(c >= 'a' && c <= 'z')
                      : q == "islower" ? !(c >= 'A' && c <= 'Z')
                                       : letter(c) || c == '_' || (i && digit(c)));
      }
      return Val::boolean(all && (cased || (q != "isupper" && q != "islower")));
    }
    std::string out(s);
    bool word = false;
    for (char& c : out) {
      bool up = q == "upper" || (q != "lower" && !word);
      word = q == "capitalize" || letter(c);
      if (letter(c)) c = static_cast<char>(up ? c & ~0x20 : c | 0x20);
    }
    return text(out);
  }
  if (self.is(VK::Tuple) || (self.is(VK::List) && (q == "index" || q == "count"))) {
    if (!needs(1, 1)) return wrong();
    std::vector<Val> items = TRY(iterate(self, args.call));
    Int n = 0;
    for (size_t i = 0; i < items.size(); ++i) {
      if (!sameConstant(items[i], arg(0))) continue;
      if (q == "index") return Val::integer(static_cast<Int>(i));
      ++n;
    }
    return q == "index" ? Result<Val>(missing("ValueError", arg(0))) : Val::integer(n);
  }
  HostObject& o = *self.object;
  auto find = [&](const Val& v) {
    size_t i = 0;
    while (i < o.items.size() && !sameConstant(o.items[i], v)) ++i;
    return i;
  };
  auto erase = [&](size_t i) {
    o.items.erase(o.items.begin() + static_cast<ptrdiff_t>(i));
    if (self.is(VK::Dict)) o.values.erase(o.values.begin() + static_cast<ptrdiff_t>(i));
  };
  // Methods that do not change the container.
  if (q == "copy") {
    if (!needs(0, 0)) return wrong();
    return Val::of(self.kind, shared_.loader.heap().object(o.items, o.values));
  }
  if (self.is(VK::Dict)) {
    if (q == "keys" || q == "values" || q == "items") {
      if (!needs(0, 0)) return wrong();
      std::vector<Val> out = q == "values" ? o.values : o.items;
      for (size_t i = 0; q == "items" && i < out.size(); ++i) out[i] = tuple({o.items[i], o.values[i]});
      return tuple(std::move(out));
    }
    if (q == "get" || ((q == "setdefault" || q == "pop") && given && find(arg(0)) < o.items.size() && q != "pop")) {
      if (!needs(1, 2)) return wrong();
      size_t i = find(arg(0));
      return i < o.items.size() ? o.values[i] : given == 2 ? arg(1) : Val::none();
    }
  }
  if (self.is(VK::Set) && (q.starts_with("is") || q == "union" || q == "intersection" || q.ends_with("difference"))) {
    if (!needs(1, 1)) return wrong();
    Val other = TRY(makeSet(TRY(iterate(arg(0), args.call)), args.call));
    if (q == "isdisjoint") return Val::boolean(truthy(*TRY(hostBinary("&", self, other, {args.call, args.call, args.call}))) == false);
    const char* op = q == "union"                  ? "|"
                     : q == "intersection"         ? "&"
                     : q == "difference"           ? "-"
                     : q == "symmetric_difference" ? "^"
                     : q == "issubset"             ? "<="
                                                   : ">=";
    return *TRY(hostBinary(op, self, other, {args.call, args.call, args.call}));
  }
  if (o.frozen || !host_)
    return error(Err::Unsupported, args.call).says("`", q, "` cannot change ", self, host_ ? ": it is a global" : " in a kernel");
  if ((q == "clear" || q == "sort" || q == "reverse") && given) return wrong();
  if (q == "clear") {
    o.items.clear();
    o.values.clear();
    return Val::none();
  }
  if (self.is(VK::Dict)) {
    if (q == "setdefault") {
      if (!needs(1, 2)) return wrong();
      Val v = given == 2 ? arg(1) : Val::none();
      CHECK_OK(dictStore(o, arg(0), v, args.call));
      return v;
    }
    if (q == "pop") {
      if (!needs(1, 2)) return wrong();
      size_t i = find(arg(0));
      if (i == o.items.size()) return given == 2 ? Result<Val>(arg(1)) : missing("KeyError", arg(0));
      Val v = o.values[i];
      erase(i);
      return v;
    }
    if (!needs(0, 1)) return wrong();  // update
    if (given) {
      Val from = TRY(makeDict(arg(0), args.call));
      for (size_t i = 0; i < from.object->items.size(); ++i)
        CHECK_OK(dictStore(o, from.object->items[i], from.object->values[i], args.call));
    }
    for (auto& [name, a] : args.named) CHECK_OK(dictStore(o, Val::string(keep(name)), a.value, a.loc));
    return Val::none();
  }
  if (q == "sort") {
    Val key, reverse = Val::boolean(false);
    for (auto& [name, a] : args.named) {
      if (name == "key")
        key = a.value;
      else if (name == "reverse")
        reverse = a.value;
      else
        return wrong();
    }
    std::vector<Val> sorted = *TRY(hostSort(o.items, key, truthy(reverse), args.call)).items;
    o.items = std::move(sorted);
    return Val::none();
  }
  if (q == "reverse") {
    std::reverse(o.items.begin(), o.items.end());
    return Val::none();
  }
  if (q == "pop") {
    if (!needs(0, self.is(VK::List) ? 1 : 0) || (given && !arg(0).isInt())) return wrong();
    Int size = static_cast<Int>(o.items.size()), i = given ? arg(0).number : self.is(VK::List) ? -1 : 0;
    if (i < 0) i += size;
    if (i < 0 || i >= size) {
      auto d = raise(self.is(VK::List) ? "IndexError" : "KeyError", args.call);
      d.says("`pop` from ", self, size ? ": there is no such item" : "");
      return d;
    }
    Val v = o.items[static_cast<size_t>(i)];
    erase(static_cast<size_t>(i));
    return v;
  }
  if (q == "insert") {
    if (!needs(2, 2) || !arg(0).isInt()) return wrong();
    Int size = static_cast<Int>(o.items.size()),
        i = arg(0).number < 0 ? std::max<Int>(0, arg(0).number + size) : std::min(arg(0).number, size);
    o.items.insert(o.items.begin() + static_cast<ptrdiff_t>(i), arg(1));
    shared_.loader.heap().count(1);
    return Val::none();
  }
  if (!needs(1, 1)) return wrong();
  if (q == "remove" || q == "discard") {
    size_t i = find(arg(0));
    if (i < o.items.size())
      erase(i);
    else if (q == "remove")
      return missing(self.is(VK::Set) ? "KeyError" : "ValueError", arg(0));
    return Val::none();
  }
  // append, extend; add, update
  std::vector<Val> more = q == "append" || q == "add" ? std::vector<Val>{arg(0)} : TRY(iterate(arg(0), args.call));
  if (self.is(VK::Set)) {
    std::vector<Val> all = o.items;
    all.insert(all.end(), more.begin(), more.end());
    o.items = TRY(makeSet(all, args.call)).object->items;
    return Val::none();
  }
  o.items.insert(o.items.end(), more.begin(), more.end());
  shared_.loader.heap().count(more.size());
  return Val::none();
}

}  // namespace nereid::tl
