// SPDX-License-Identifier: MIT
// Methods of Python's values at compile time: a table for each type. A function implements a row, or a few similar rows.
#include <algorithm>
#include <cmath>
#include <span>

#include "frontends/tl/codegen.h"

namespace nereid::tl {
namespace {

constexpr size_t kMaxText = 1 << 20;

bool isSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool isLower(char c) { return c >= 'a' && c <= 'z'; }
bool isUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool isLetter(char c) { return isLower(c) || isUpper(c); }
bool isDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

// One call of a method. A friend of CodeGen, so that its functions can use the evaluator.
struct HostCall {
  enum Flags : uint8_t { Plain, Changes = 1, Named = 2, Any = 4 };
  struct Row {
    std::string_view name;
    // A letter per argument: s for a string, n for a string or None, i for an integer, * for any value; those after `?` are optional.
    std::string_view types;
    Result<Val> (HostCall::*run)() const;
    uint8_t flags = Plain;  // Changes: the container. Named: takes named arguments. Any: takes any arguments.
  };

  CodeGen& gen;
  const Val& self;
  std::string_view name;
  const Args& args;

  static const Row* find(const Val& v, std::string_view name);
  Result<Val> run(const Row& row) const;

 private:
  static const Row kStr[], kList[], kTuple[], kDict[], kSet[], kInt[], kFloat[];

  size_t given() const { return args.positional.size(); }
  const Val& arg(size_t i) const { return args.positional[i].value; }
  std::string_view text(size_t i) const { return arg(i).text; }
  HostObject& object() const { return *self.object; }
  Val made(std::string out) const { return Val::string(gen.keep(std::move(out))); }

  bool accepts(std::string_view types) const;
  Result<void> mayChange() const;
  std::unexpected<Failed> wrong() const;
  std::unexpected<Failed> missing(const char* exception) const;
  std::unexpected<Failed> tooLong() const;
  std::vector<Val> splitAtSpaces(Int limit) const;
  std::vector<Val> splitAt(std::string_view separator, Int limit) const;
  Result<void> needsAscii() const;
  size_t positionOf(const Val& item) const;
  void erase(size_t i) const;
  Result<Val> addAll(const std::vector<Val>& more) const;

  Result<Val> bitLength() const;
  Result<Val> bitCount() const;
  Result<Val> isInteger() const;
  Result<Val> format() const;
  Result<Val> join() const;
  Result<Val> startsOrEnds() const;
  Result<Val> pad() const;
  Result<Val> strip() const;
  Result<Val> split() const;
  Result<Val> splitLines() const;
  Result<Val> partition() const;
  Result<Val> replace() const;
  Result<Val> findText() const;
  Result<Val> countText() const;
  Result<Val> removePrefix() const;
  Result<Val> removeSuffix() const;
  Result<Val> classify() const;
  Result<Val> changeCase() const;
  Result<Val> indexOf() const;
  Result<Val> count() const;
  Result<Val> copy() const;
  Result<Val> clear() const;
  Result<Val> keys() const;
  Result<Val> values() const;
  Result<Val> items() const;
  Result<Val> get() const;
  Result<Val> setDefault() const;
  Result<Val> popKey() const;
  Result<Val> updateDict() const;
  Result<Val> combineSets() const;
  Result<Val> sort() const;
  Result<Val> reverse() const;
  Result<Val> pop() const;
  Result<Val> insert() const;
  Result<Val> remove() const;
  Result<Val> append() const;
  Result<Val> extend() const;
};

constexpr HostCall::Row HostCall::kStr[] = {
    {"startswith", "*", &HostCall::startsOrEnds},
    {"endswith", "*", &HostCall::startsOrEnds},
    {"lower", "", &HostCall::changeCase},
    {"upper", "", &HostCall::changeCase},
    {"strip", "?n", &HostCall::strip},
    {"lstrip", "?n", &HostCall::strip},
    {"rstrip", "?n", &HostCall::strip},
    {"split", "?ni", &HostCall::split},
    {"join", "*", &HostCall::join},
    {"replace", "ss?i", &HostCall::replace},
    {"find", "s", &HostCall::findText},
    {"rfind", "s", &HostCall::findText},
    {"index", "s", &HostCall::findText},
    {"count", "s", &HostCall::countText},
    {"format", "", &HostCall::format, Named | Any},
    {"removeprefix", "s", &HostCall::removePrefix},
    {"removesuffix", "s", &HostCall::removeSuffix},
    {"isdigit", "", &HostCall::classify},
    {"isalpha", "", &HostCall::classify},
    {"isidentifier", "", &HostCall::classify},
    {"title", "", &HostCall::changeCase},
    {"capitalize", "", &HostCall::changeCase},
    {"zfill", "i", &HostCall::pad},
    {"ljust", "i?s", &HostCall::pad},
    {"rjust", "i?s", &HostCall::pad},
    {"center", "i?s", &HostCall::pad},
    {"partition", "s", &HostCall::partition},
    {"rpartition", "s", &HostCall::partition},
    {"splitlines", "", &HostCall::splitLines},
    {"isupper", "", &HostCall::classify},
    {"islower", "", &HostCall::classify},
    {"isspace", "", &HostCall::classify},
};
constexpr HostCall::Row HostCall::kList[] = {
    {"append", "*", &HostCall::append, Changes},
    {"extend", "*", &HostCall::extend, Changes},
    {"insert", "i*", &HostCall::insert, Changes},
    {"pop", "?i", &HostCall::pop, Changes},
    {"remove", "*", &HostCall::remove, Changes},
    {"index", "*", &HostCall::indexOf},
    {"count", "*", &HostCall::count},
    {"reverse", "", &HostCall::reverse, Changes},
    {"sort", "", &HostCall::sort, Changes | Named},
    {"copy", "", &HostCall::copy},
    {"clear", "", &HostCall::clear, Changes},
};
constexpr HostCall::Row HostCall::kTuple[] = {
    {"index", "*", &HostCall::indexOf},
    {"count", "*", &HostCall::count},
};
constexpr HostCall::Row HostCall::kDict[] = {
    {"keys", "", &HostCall::keys},
    {"values", "", &HostCall::values},
    {"items", "", &HostCall::items},
    {"get", "*?*", &HostCall::get},
    {"pop", "*?*", &HostCall::popKey, Changes},
    {"update", "?*", &HostCall::updateDict, Changes | Named},
    {"setdefault", "*?*", &HostCall::setDefault},
    {"copy", "", &HostCall::copy},
    {"clear", "", &HostCall::clear, Changes},
};
constexpr HostCall::Row HostCall::kSet[] = {
    {"add", "*", &HostCall::append, Changes},
    {"remove", "*", &HostCall::remove, Changes},
    {"discard", "*", &HostCall::remove, Changes},
    {"union", "*", &HostCall::combineSets},
    {"intersection", "*", &HostCall::combineSets},
    {"difference", "*", &HostCall::combineSets},
    {"symmetric_difference", "*", &HostCall::combineSets},
    {"issubset", "*", &HostCall::combineSets},
    {"issuperset", "*", &HostCall::combineSets},
    {"isdisjoint", "*", &HostCall::combineSets},
    {"update", "*", &HostCall::extend, Changes},
    {"copy", "", &HostCall::copy},
    {"clear", "", &HostCall::clear, Changes},
    {"pop", "", &HostCall::pop, Changes},
};
constexpr HostCall::Row HostCall::kInt[] = {
    {"bit_length", "", &HostCall::bitLength},
    {"bit_count", "", &HostCall::bitCount},
};
constexpr HostCall::Row HostCall::kFloat[] = {{"is_integer", "", &HostCall::isInteger}};

const HostCall::Row* HostCall::find(const Val& v, std::string_view name) {
  auto among = [&](std::span<const Row> rows) {
    auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& r) { return r.name == name; });
    return row == rows.end() ? nullptr : &*row;
  };
  switch (v.kind) {
    case VK::Str: return among(kStr);
    case VK::List: return among(kList);
    case VK::Tuple: return among(kTuple);
    case VK::Dict: return among(kDict);
    case VK::Set: return among(kSet);
    case VK::Int:
    case VK::Bool: return among(kInt);
    case VK::Float: return among(kFloat);
    default: return nullptr;
  }
}

Result<Val> HostCall::run(const Row& row) const {
  if (!args.named.empty() && !(row.flags & Named)) return wrong();
  if (row.flags & Changes) CHECK_OK(mayChange());
  if (!(row.flags & Any) && !accepts(row.types)) return wrong();
  return (this->*row.run)();
}

bool HostCall::accepts(std::string_view types) const {
  size_t i = 0;
  bool optional = false;
  for (char type : types) {
    if (type == '?') {
      optional = true;
      continue;
    }
    if (i == given()) return optional;
    const Val& v = arg(i++);
    bool fits = type == '*' || (type == 'i' ? v.isInt() : v.is(VK::Str) || (type == 'n' && v.isNone()));
    if (!fits) return false;
  }
  return i == given();
}

std::unexpected<Failed> HostCall::wrong() const {
  return gen.error(Err::Type, args.call).says("`", name, "` does not take these arguments");
}

std::unexpected<Failed> HostCall::missing(const char* exception) const {
  auto& d = gen.raise(exception, args.call);
  if (exception[0] == 'K') gen.shared_.raised->items = gen.keep(std::vector<Val>{arg(0)});
  d.says(repr(arg(0)), " is not in ", self);
  return d;
}

std::unexpected<Failed> HostCall::tooLong() const {
  return gen.error(Err::Unsupported, args.call).says("the string is too long for compile time");
}

Result<void> HostCall::mayChange() const {
  if (!object().frozen && gen.host_) return {};
  return gen.error(Err::Unsupported, args.call).says("`", name, "` cannot change ", self, gen.host_ ? ": it is a global" : " in a kernel");
}

// ---- Numbers.

Result<Val> HostCall::bitLength() const {
  Int bits = 0;
  for (unsigned __int128 n = magnitude(self.number); n; n >>= 1) ++bits;
  return Val::integer(bits);
}

Result<Val> HostCall::bitCount() const {
  Int bits = 0;
  for (unsigned __int128 n = magnitude(self.number); n; n >>= 1) bits += static_cast<Int>(n & 1);
  return Val::integer(bits);
}

Result<Val> HostCall::isInteger() const { return Val::boolean(std::isfinite(self.real) && self.real == std::floor(self.real)); }

// ---- Strings.

Result<Val> HostCall::format() const {
  size_t next = 0;
  return gen.strFormat(self.text, args, next);
}

Result<Val> HostCall::join() const {
  std::string out;
  bool first = true;
  for (const Val& v : TRY(gen.iterate(arg(0), args.call))) {
    if (!v.is(VK::Str)) return gen.error(Err::Type, args.call).says("`join` takes strings, but one item is ", v);
    appendAll(out, first ? "" : self.text, v.text);
    first = false;
    if (out.size() > kMaxText) return tooLong();
  }
  return made(std::move(out));
}

Result<Val> HostCall::startsOrEnds() const {
  bool start = name == "startswith";
  for (const Val& part : arg(0).is(VK::Tuple) ? *arg(0).items : std::vector<Val>{arg(0)}) {
    if (!part.is(VK::Str)) return gen.error(Err::Type, args.call).says("`", name, "` takes one string");
    if (start ? self.text.starts_with(part.text) : self.text.ends_with(part.text)) return Val::boolean(true);
  }
  return Val::boolean(false);
}

// zfill, ljust, rjust, center
Result<Val> HostCall::pad() const {
  std::string_view s = self.text;
  if (arg(0).number > 10000 || (given() == 2 && characterCount(text(1)) != 1)) return wrong();
  bool zeros = name == "zfill";
  const std::string_view fill = zeros ? "0" : given() == 2 ? text(1) : " ";
  const size_t length = characterCount(s);
  const size_t width = arg(0).number < 0 ? 0 : static_cast<size_t>(arg(0).number), padding = width > length ? width - length : 0;
  const size_t left = name == "ljust" ? 0 : name == "center" ? padding / 2 + (padding & width & 1) : padding;
  const size_t sign = zeros && (s.starts_with('-') || s.starts_with('+')) ? 1 : 0;
  return made(cat(s.substr(0, sign), repeated(fill, left), s.substr(sign), repeated(fill, padding - left)));
}

Result<Val> HostCall::strip() const {
  std::string_view s = self.text;
  auto drop = [&](std::string_view c) { return given() && arg(0).is(VK::Str) ? text(0).find(c) != std::string_view::npos : isSpace(c[0]); };
  const std::vector<std::string_view> characters = charactersOf(s);
  size_t first = 0, last = characters.size();
  while (name != "rstrip" && first < last && drop(characters[first])) s.remove_prefix(characters[first++].size());
  while (name != "lstrip" && first < last && drop(characters[last - 1])) s.remove_suffix(characters[--last].size());
  return Val::string(s);
}

std::vector<Val> HostCall::splitAtSpaces(Int limit) const {
  std::string_view s = self.text;
  std::vector<Val> parts;
  for (size_t i = 0; i < s.size();) {
    while (i < s.size() && isSpace(s[i])) ++i;
    const size_t begin = i;
    const bool last = limit >= 0 && static_cast<Int>(parts.size()) >= limit;
    while (i < s.size() && (last || !isSpace(s[i]))) ++i;
    if (i > begin) parts.push_back(Val::string(s.substr(begin, i - begin)));
  }
  return parts;
}

std::vector<Val> HostCall::splitAt(std::string_view separator, Int limit) const {
  std::string_view s = self.text;
  std::vector<Val> parts;
  for (size_t begin = 0;;) {
    const size_t end = limit >= 0 && static_cast<Int>(parts.size()) >= limit ? std::string_view::npos : s.find(separator, begin);
    parts.push_back(Val::string(s.substr(begin, end == std::string_view::npos ? end : end - begin)));
    if (end == std::string_view::npos) return parts;
    begin = end + separator.size();
  }
}

Result<Val> HostCall::split() const {
  Int limit = given() == 2 ? arg(1).number : -1;
  bool spaces = !given() || arg(0).isNone();
  if (!spaces && text(0).empty()) return wrong();
  return gen.sequence(spaces ? splitAtSpaces(limit) : splitAt(text(0), limit));
}

Result<Val> HostCall::splitLines() const {
  // The line boundaries of Python; a carriage return and a line feed are one.
  constexpr std::string_view kBoundaries[] = {"\r\n", "\n", "\r", "\v", "\f", "\x1c", "\x1d", "\x1e", "\u0085", "\u2028", "\u2029"};
  std::vector<Val> lines;
  std::string_view rest = self.text;
  for (size_t at = 0; at < rest.size();) {
    const auto* boundary =
        std::find_if(std::begin(kBoundaries), std::end(kBoundaries), [&](std::string_view b) { return rest.substr(at).starts_with(b); });
    if (boundary == std::end(kBoundaries)) {
      ++at;
      continue;
    }
    lines.push_back(Val::string(rest.substr(0, at)));
    rest.remove_prefix(at + boundary->size());
    at = 0;
  }
  if (!rest.empty()) lines.push_back(Val::string(rest));
  return gen.sequence(std::move(lines));
}

Result<Val> HostCall::partition() const {
  if (text(0).empty()) return wrong();
  std::string_view s = self.text;
  const bool first = name == "partition";
  const size_t at = first ? s.find(text(0)) : s.rfind(text(0));
  const Val empty = Val::string("");
  if (at == std::string_view::npos) return first ? gen.tuple({self, empty, empty}) : gen.tuple({empty, empty, self});
  return gen.tuple({Val::string(s.substr(0, at)), arg(0), Val::string(s.substr(at + text(0).size()))});
}

Result<Val> HostCall::replace() const {
  if (text(0).empty()) return wrong();
  Int limit = given() == 3 ? arg(2).number : -1;
  std::string_view s = self.text;
  std::string out;
  for (size_t i = 0; i < s.size();) {
    if (limit != 0 && s.substr(i).starts_with(text(0))) {
      out += text(1);
      i += text(0).size();
      --limit;
    } else {
      out += s[i++];
    }
  }
  if (out.size() > kMaxText) return tooLong();
  return made(std::move(out));
}

// find, rfind, index
Result<Val> HostCall::findText() const {
  size_t at = name == "rfind" ? self.text.rfind(text(0)) : self.text.find(text(0));
  if (at == std::string_view::npos && name == "index") return missing("ValueError");
  return Val::integer(at == std::string_view::npos ? -1 : static_cast<Int>(characterCount(self.text.substr(0, at))));
}

Result<Val> HostCall::countText() const {
  std::string_view s = self.text;
  if (text(0).empty()) return Val::integer(static_cast<Int>(characterCount(s)) + 1);
  Int n = 0;
  for (size_t at = s.find(text(0)); at != std::string_view::npos; at = s.find(text(0), at + text(0).size())) ++n;
  return Val::integer(n);
}

Result<Val> HostCall::removePrefix() const {
  return Val::string(self.text.starts_with(text(0)) ? self.text.substr(text(0).size()) : self.text);
}

Result<Val> HostCall::removeSuffix() const {
  return Val::string(self.text.ends_with(text(0)) ? self.text.substr(0, self.text.size() - text(0).size()) : self.text);
}

// There are no tables of letters here.
Result<void> HostCall::needsAscii() const {
  if (std::none_of(self.text.begin(), self.text.end(), [](char c) { return static_cast<signed char>(c) < 0; })) return {};
  return gen.error(Err::Unsupported, args.call).says("`", name, "` takes ASCII characters only at compile time, but this is ", repr(self));
}

// isdigit, isalpha, isspace, isupper, islower, isidentifier
Result<Val> HostCall::classify() const {
  CHECK_OK(needsAscii());
  auto all = [&](auto&& holds) { return std::all_of(self.text.begin(), self.text.end(), holds); };
  const bool cased = std::any_of(self.text.begin(), self.text.end(), isLetter);
  bool result = !self.text.empty();
  if (name == "isdigit")
    result &= all(isDigit);
  else if (name == "isalpha")
    result &= all(isLetter);
  else if (name == "isspace")
    result &= all(isSpace);
  else if (name == "isupper")
    result &= cased && !std::any_of(self.text.begin(), self.text.end(), isLower);
  else if (name == "islower")
    result &= cased && !std::any_of(self.text.begin(), self.text.end(), isUpper);
  else
    result &= !isDigit(self.text[0]) && all([](char c) { return isLetter(c) || isDigit(c) || c == '_'; });
  return Val::boolean(result);
}

// lower, upper, title, capitalize
Result<Val> HostCall::changeCase() const {
  CHECK_OK(needsAscii());
  std::string out(self.text);
  bool word = false;
  for (char& c : out) {
    bool up = name == "upper" || (name != "lower" && !word);
    word = name == "capitalize" || isLetter(c);
    if (isLetter(c)) c = static_cast<char>(up ? c & ~0x20 : c | 0x20);
  }
  return made(std::move(out));
}

// ---- Sequences.

Result<Val> HostCall::indexOf() const {
  std::vector<Val> items = TRY(gen.iterate(self, args.call));
  for (size_t i = 0; i < items.size(); ++i)
    if (sameConstant(items[i], arg(0))) return Val::integer(static_cast<Int>(i));
  return missing("ValueError");
}

Result<Val> HostCall::count() const {
  std::vector<Val> items = TRY(gen.iterate(self, args.call));
  return Val::integer(std::count_if(items.begin(), items.end(), [&](const Val& v) { return sameConstant(v, arg(0)); }));
}

// ---- Lists, sets and dictionaries.

// The position of an item or key; the number of items if it is not there.
size_t HostCall::positionOf(const Val& item) const {
  size_t i = 0;
  while (i < object().items.size() && !sameConstant(object().items[i], item)) ++i;
  return i;
}

void HostCall::erase(size_t i) const {
  HostObject& o = object();
  o.items.erase(o.items.begin() + static_cast<ptrdiff_t>(i));
  if (self.is(VK::Dict)) o.values.erase(o.values.begin() + static_cast<ptrdiff_t>(i));
}

Result<Val> HostCall::copy() const { return Val::of(self.kind, gen.shared_.loader.heap().object(object().items, object().values)); }

Result<Val> HostCall::clear() const {
  object().items.clear();
  object().values.clear();
  return Val::none();
}

Result<Val> HostCall::keys() const { return gen.tuple(object().items); }

Result<Val> HostCall::values() const { return gen.tuple(object().values); }

Result<Val> HostCall::items() const {
  std::vector<Val> out;
  for (size_t i = 0; i < object().items.size(); ++i) out.push_back(gen.tuple({object().items[i], object().values[i]}));
  return gen.tuple(std::move(out));
}

Result<Val> HostCall::get() const {
  const size_t i = positionOf(arg(0));
  return i < object().items.size() ? object().values[i] : given() == 2 ? arg(1) : Val::none();
}

// Only a new key changes the dictionary.
Result<Val> HostCall::setDefault() const {
  Val v = TRY(get());
  if (positionOf(arg(0)) < object().items.size()) return v;
  CHECK_OK(mayChange());
  CHECK_OK(gen.dictStore(object(), arg(0), v, args.call));
  return v;
}

Result<Val> HostCall::popKey() const {
  const size_t i = positionOf(arg(0));
  if (i == object().items.size() && given() == 1) return missing("KeyError");
  Val v = TRY(get());
  if (i < object().items.size()) erase(i);
  return v;
}

Result<Val> HostCall::updateDict() const {
  if (given()) {
    const HostObject& from = *TRY(gen.makeDict(arg(0), args.call)).object;
    for (size_t i = 0; i < from.items.size(); ++i) CHECK_OK(gen.dictStore(object(), from.items[i], from.values[i], args.call));
  }
  for (auto& [key, a] : args.named) CHECK_OK(gen.dictStore(object(), Val::string(gen.keep(key)), a.value, a.loc));
  return Val::none();
}

// The methods of a set that an operator has, too.
Result<Val> HostCall::combineSets() const {
  constexpr std::pair<std::string_view, const char*> kOperators[] = {
      {"union", "|"},     {"intersection", "&"}, {"difference", "-"}, {"symmetric_difference", "^"},
      {"issubset", "<="}, {"issuperset", ">="},  {"isdisjoint", "&"}};
  Val other = TRY(gen.makeSet(TRY(gen.iterate(arg(0), args.call)), args.call));
  const char* op = std::find_if(std::begin(kOperators), std::end(kOperators), [&](auto& row) { return row.first == name; })->second;
  Val v = *TRY(gen.hostBinary(op, self, other, {args.call, args.call, args.call}));
  return name == "isdisjoint" ? Val::boolean(!truthy(v)) : v;
}

Result<Val> HostCall::sort() const {
  Val key, reverse = Val::boolean(false);
  for (auto& [parameter, a] : args.named) {
    if (parameter == "key")
      key = a.value;
    else if (parameter == "reverse")
      reverse = a.value;
    else
      return wrong();
  }
  // `key` may change the list.
  std::vector<Val> sorted = *TRY(gen.hostSort(object().items, key, truthy(reverse), args.call)).items;
  object().items = std::move(sorted);
  return Val::none();
}

Result<Val> HostCall::reverse() const {
  std::reverse(object().items.begin(), object().items.end());
  return Val::none();
}

// An item of a list, by default the last one; the first one of a set.
Result<Val> HostCall::pop() const {
  const bool isList = self.is(VK::List);
  const Int size = static_cast<Int>(object().items.size());
  Int i = given() ? arg(0).number : isList ? -1 : 0;
  if (i < 0) i += size;
  if (i < 0 || i >= size) {
    auto& d = gen.raise(isList ? "IndexError" : "KeyError", args.call);
    d.says("`pop` from ", self, size ? ": there is no such item" : "");
    return d;
  }
  Val v = object().items[static_cast<size_t>(i)];
  erase(static_cast<size_t>(i));
  return v;
}

Result<Val> HostCall::insert() const {
  std::vector<Val>& items = object().items;
  const Int size = static_cast<Int>(items.size()), n = arg(0).number;
  items.insert(items.begin() + static_cast<ptrdiff_t>(n < 0 ? std::max<Int>(0, n + size) : std::min(n, size)), arg(1));
  gen.shared_.loader.heap().count(1);
  return Val::none();
}

// remove, discard
Result<Val> HostCall::remove() const {
  const size_t i = positionOf(arg(0));
  if (i < object().items.size())
    erase(i);
  else if (name == "remove")
    return missing(self.is(VK::Set) ? "KeyError" : "ValueError");
  return Val::none();
}

Result<Val> HostCall::addAll(const std::vector<Val>& more) const {
  std::vector<Val>& items = object().items;
  if (self.is(VK::Set)) {
    std::vector<Val> all = items;
    all.insert(all.end(), more.begin(), more.end());
    items = TRY(gen.makeSet(all, args.call)).object->items;
    return Val::none();
  }
  items.insert(items.end(), more.begin(), more.end());
  gen.shared_.loader.heap().count(more.size());
  return Val::none();
}

// append, add
Result<Val> HostCall::append() const { return addAll({arg(0)}); }

// extend, update
Result<Val> HostCall::extend() const { return addAll(TRY(gen.iterate(arg(0), args.call))); }

std::string_view CodeGen::hostMethodName(const Val& v, std::string_view name) {
  const HostCall::Row* row = HostCall::find(v, name);
  return row ? row->name : "";
}

Result<Val> CodeGen::hostMethod(const Val& self, std::string_view name, const Args& args) {
  return HostCall{*this, self, name, args}.run(*HostCall::find(self, name));
}

}  // namespace nereid::tl
