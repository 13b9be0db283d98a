// SPDX-License-Identifier: MIT
// Containers of compile-time Python, its limits, and the Python syntax that kernels cannot use.
#include <algorithm>

#include "frontends/tl/codegen.h"

namespace nereid::tl {
namespace {

constexpr int64_t kMaxSteps = 2'000'000;
constexpr size_t kMaxItems = 400'000;

// Python syntax that the Triton language lacks, with the reason.
struct Refusal {
  Kind kind;
  const char *what, *hint;
};
constexpr Refusal kRefused[] = {
    {Kind::Break, "`break` is not part of the Triton language", "give the loop a condition: `while` with a flag, or bounds that end it"},
    {Kind::Continue, "`continue` is not part of the Triton language", "put the rest of the body under an `if`, or mask it"},
    {Kind::Try, "`try` is not part of the Triton language: nothing in a kernel raises", ""},
    {Kind::Raise, "`raise` is not part of the Triton language", "`tl.static_assert` stops the compilation, `tl.device_assert` the kernel"},
    {Kind::Function, "nested function definition is not supported", "define a @triton.jit function at the top of the file"},
    {Kind::Import, "`import` inside a kernel is not part of the Triton language", "import at the top of the file"},
    {Kind::Del, "`del` is not part of the Triton language", "remove the statement: a name that is not used costs nothing"},
    {Kind::Starred, "a starred expression belongs in a call or a tuple", ""},
    {Kind::With, "`with` is not supported at compile time", ""},
};

constexpr const char* kExceptions[][2] = {{"BaseException", ""},
                                          {"Exception", "BaseException"},
                                          {"ArithmeticError", "Exception"},
                                          {"ZeroDivisionError", "ArithmeticError"},
                                          {"OverflowError", "ArithmeticError"},
                                          {"LookupError", "Exception"},
                                          {"KeyError", "LookupError"},
                                          {"IndexError", "LookupError"},
                                          {"ValueError", "Exception"},
                                          {"TypeError", "Exception"},
                                          {"NameError", "Exception"},
                                          {"AttributeError", "Exception"},
                                          {"AssertionError", "Exception"},
                                          {"ImportError", "Exception"},
                                          {"ModuleNotFoundError", "ImportError"},
                                          {"RuntimeError", "Exception"},
                                          {"NotImplementedError", "RuntimeError"},
                                          {"RecursionError", "RuntimeError"},
                                          {"StopIteration", "Exception"},
                                          {"OSError", "Exception"}};

}  // namespace

bool isException(std::string_view name) {
  return std::any_of(std::begin(kExceptions), std::end(kExceptions), [&](auto& row) { return name == row[0]; });
}

bool exceptionIs(std::string_view exception, std::string_view wanted) {
  while (!exception.empty()) {
    if (exception == wanted) return true;
    auto row = std::find_if(std::begin(kExceptions), std::end(kExceptions), [&](auto& r) { return exception == r[0]; });
    exception = row == std::end(kExceptions) ? "Exception" : (*row)[1];  // an exception class of the user
  }
  return false;
}

std::unexpected<Failed> CodeGen::refuse(const Node* n) {
  if (host_ && fn_ && !shared_.request.python) {
    std::string what = n->kind == Kind::Refused ? n->text : n->kind == Kind::Scope ? cat("`", n->text, "`") : cat("a ", kindName(n->kind));
    for (const Refusal& r : kRefused)
      if (r.kind == n->kind) what = r.what;
    what = what.substr(0, what.find(" is not "));
    what = what.substr(0, what.find(" inside a kernel"));
    return error(Err::Unsupported, n->loc).says(what, " is not supported by the compiler's evaluator of compile-time Python");
  }
  if (n->kind == Kind::Refused) return error(Err::Unsupported, n->loc).says(n->text).hint(n->kid(0)->text);
  if (n->kind == Kind::Scope)
    return error(Err::Unsupported, n->loc)
        .says("`", n->text, "` is not part of the Triton language")
        .hint(n->text == "global" ? "a kernel returns results by storing them with `tl.store`" : "");
  for (const Refusal& r : kRefused)
    if (r.kind == n->kind) return error(Err::Unsupported, n->kind == Kind::Function ? n->at : n->loc).says(r.what).hint(r.hint);
  return error(Err::Unsupported, n->loc).says("a ", kindName(n->kind), " is not supported here");
}

// Stops an endless or huge computation with a message.
Result<void> CodeGen::hostBudget(Loc loc) {
  if (++shared_.hostSteps > kMaxSteps)
    return error(Err::Unsupported, loc)
        .says("compile-time Python runs more than ", kMaxSteps, " steps here")
        .hint("compute it before the launch and pass it as a constexpr");
  if (shared_.loader.heap().kept() > kMaxItems)
    return error(Err::Unsupported, loc)
        .says("compile-time Python needs more than ", kMaxItems, " values here")
        .hint("compute it before the launch and pass it as a constexpr");
  return {};
}

// Raises an error that `except` can catch.
Diag& CodeGen::raise(std::string_view exception, Loc loc) {
  shared_.raised = Val::named(VK::Exception, exception);
  return error(Err::Type, loc);
}

Val CodeGen::list(std::vector<Val> items) { return Val::of(VK::List, shared_.loader.heap().object(std::move(items))); }

Val CodeGen::toKernel(const Val& v) {
  if (v.is(VK::Set) || v.is(VK::Dict)) v.object->frozen = true;
  if (v.is(VK::List) || v.is(VK::Tuple)) {
    const std::vector<Val>* from = v.is(VK::List) ? &v.object->items : v.items;
    if (!from || (v.is(VK::Tuple) &&
                  std::none_of(from->begin(), from->end(), [](const Val& item) { return item.isObject() || item.is(VK::Tuple); })))
      return v;
    std::vector<Val> items;
    for (const Val& item : *from) items.push_back(toKernel(item));
    Val out = v.is(VK::List) ? tuple({}) : v;
    out.items = keep(std::move(items));
    out.wrapped = v.wrapped;
    return out;
  }
  return v;
}

Result<std::vector<Val>> CodeGen::iterate(const Val& v, Loc loc) {
  if (v.is(VK::Tuple)) return v.items ? *v.items : std::vector<Val>{};
  if (v.isObject()) return v.object->items;
  if (v.is(VK::Object)) return iterate(TRY(askPython(cat("tuple(", TRY(pythonText(v, loc)), ")"), "tuple", loc)), loc);
  if (v.is(VK::Str)) {
    std::vector<Val> out;
    for (std::string_view c : charactersOf(v.text)) out.push_back(Val::string(c));
    return out;
  }
  return error(Err::Type, loc).says(v, " cannot be iterated over at compile time");
}

Result<bool> CodeGen::contains(const Val& container, const Val& item, Loc loc) {
  if (container.is(VK::Str)) {
    if (!item.is(VK::Str)) return error(Err::Type, loc).says("`in` a string looks for a string, but this is ", item);
    return container.text.find(item.text) != std::string_view::npos;
  }
  std::vector<Val> items = TRY(iterate(container, loc));
  shared_.hostSteps += static_cast<int64_t>(items.size()) / 8;
  return std::any_of(items.begin(), items.end(), [&](const Val& v) { return sameConstant(v, item); });
}

Result<int> CodeGen::order(const Val& a, const Val& b, Loc loc, int depth) {
  if (a.isInt() && b.isInt()) return a.number < b.number ? -1 : a.number > b.number;
  if (a.isNumber() && b.isNumber()) {
    double x = a.asDouble(), y = b.asDouble();
    return x < y ? -1 : x > y;
  }
  if (a.is(VK::Str) && b.is(VK::Str)) return a.text < b.text ? -1 : a.text > b.text;
  if (a.kind == b.kind && (a.is(VK::Tuple) || a.is(VK::List))) {
    std::vector<Val> x = TRY(iterate(a, loc)), y = TRY(iterate(b, loc));
    size_t i = 0;
    while (i < x.size() && i < y.size() && sameConstant(x[i], y[i])) ++i;
    if (i == x.size() || i == y.size()) return x.size() < y.size() ? -1 : x.size() > y.size();
    if (depth > 200) return error(Err::Unsupported, loc).says("values nested more than 200 deep cannot be compared");
    return order(x[i], y[i], loc, depth + 1);
  }
  return error(Err::Type, loc).says("cannot compare ", a, " with ", b);
}

Result<Val> CodeGen::makeSet(const std::vector<Val>& items, Loc loc) {
  std::vector<Val> out;
  for (const Val& v : items) {
    if (v.isTensor() || v.isObject())
      return error(Err::Type, loc).says("dictionaries and sets can contain compile-time values only, but this is ", v);
    shared_.hostSteps += static_cast<int64_t>(out.size()) / 8;
    if (std::none_of(out.begin(), out.end(), [&](const Val& o) { return sameConstant(o, v); })) out.push_back(v);
  }
  CHECK_OK(hostBudget(loc));
  Val v = Val::of(VK::Set, shared_.loader.heap().object(std::move(out)));
  v.object->frozen = !host_;
  return v;
}

Result<void> CodeGen::dictStore(HostObject& d, const Val& key, const Val& value, Loc loc) {
  if (d.frozen) return error(Err::Unsupported, loc).says("a global cannot be changed in a kernel or in compile-time Python");
  if (key.isTensor() || key.isObject()) return error(Err::Type, loc).says(key, " cannot be a key of a dictionary");
  for (size_t i = 0; i < d.items.size(); ++i)
    if (sameConstant(d.items[i], key)) {
      d.values[i] = value;
      return {};
    }
  shared_.hostSteps += static_cast<int64_t>(d.items.size()) / 8;
  d.items.push_back(key);
  d.values.push_back(value);
  shared_.loader.heap().count(2);
  return {};
}

Result<Val> CodeGen::makeDict(const Val& from, Loc loc) {
  Val out = Val::of(VK::Dict, shared_.loader.heap().object({}));
  if (from.is(VK::Dict)) {
    *out.object = *from.object;
    out.object->frozen = false;
    return out;
  }
  for (const Val& pair : TRY(iterate(from, loc))) {
    std::vector<Val> two = TRY(iterate(pair, loc));
    if (two.size() != 2) return error(Err::Type, loc).says("`dict` takes pairs, but one item is ", pair);
    CHECK_OK(dictStore(*out.object, two[0], two[1], loc));
  }
  return out;
}

Result<void> CodeGen::hostStoreItem(const Val& container, const Val& at, const Val& value, Loc loc) {
  if (container.is(VK::Dict)) return dictStore(*container.object, at, value, loc);
  if (!container.is(VK::List)) return error(Err::Type, loc).says("items of ", container, " cannot be assigned");
  if (container.object->frozen)
    return error(Err::Unsupported, loc).says("a global cannot be changed in a kernel or in compile-time Python");
  std::vector<Val>& items = container.object->items;
  if (at.is(VK::Slice))
    return error(Err::Unsupported, loc).says("assigning to a slice is not supported by the compiler's evaluator of compile-time Python");
  if (!at.isInt()) return error(Err::Type, loc).says("a list is indexed with integers, but this is ", at);
  items[TRY(itemIndex(at.number, items.size(), "list", loc))] = value;
  return {};
}

// Operators of containers, which numbers and kernels lack; returns nothing for other operands.
Result<std::optional<Val>> CodeGen::hostBinary(std::string_view op, const Val& a, const Val& b, const Locs& locs) {
  auto sequence = [](const Val& v) { return v.is(VK::List) || v.is(VK::Tuple); };
  Heap& heap = shared_.loader.heap();
  if (op == "%" && a.is(VK::Str)) return std::optional(TRY(percentFormat(a, b, locs.at)));
  if (op == "*" && ((a.is(VK::Str) && b.isInt()) || (b.is(VK::Str) && a.isInt()))) {
    const Val& s = a.is(VK::Str) ? a : b;
    Int times = (a.is(VK::Str) ? b : a).number;
    if (times > 0 && static_cast<Int>(s.text.size()) > (1 << 20) / times)
      return error(Err::Unsupported, locs.at).says("the string is too long for compile time");
    std::string out;
    for (Int i = 0; i < times; ++i) out += s.text;
    return std::optional(Val::string(keep(std::move(out))));
  }
  if (op == "+" && a.is(VK::List) && b.is(VK::List)) {
    std::vector<Val> items = a.object->items;
    items.insert(items.end(), b.object->items.begin(), b.object->items.end());
    return std::optional(list(std::move(items)));
  }
  if (op == "*" && ((a.is(VK::List) && b.isInt()) || (b.is(VK::List) && a.isInt()))) {
    const std::vector<Val>& from = (a.is(VK::List) ? a : b).object->items;
    Int times = (a.is(VK::List) ? b : a).number;
    if (times > 0 && static_cast<Int>(from.size()) > static_cast<Int>(kMaxItems) / times)
      return error(Err::Unsupported, locs.at).says("the list is too long for compile time");
    std::vector<Val> items;
    for (Int i = 0; i < times; ++i) items.insert(items.end(), from.begin(), from.end());
    return std::optional(list(std::move(items)));
  }
  bool ordered = op == "<" || op == "<=" || op == ">" || op == ">=";
  if (ordered && sequence(a) && a.kind == b.kind) {
    int o = TRY(order(a, b, locs.at));
    return std::optional(Val::boolean(op == "<" ? o < 0 : op == "<=" ? o <= 0 : op == ">" ? o > 0 : o >= 0));
  }
  if (a.is(VK::Set) && b.is(VK::Set)) {
    const std::vector<Val>&x = a.object->items, &y = b.object->items;
    auto in = [](const Val& v, const std::vector<Val>& all) {
      return std::any_of(all.begin(), all.end(), [&](const Val& o) { return sameConstant(o, v); });
    };
    shared_.hostSteps += static_cast<int64_t>(x.size() * y.size()) / 8;
    std::vector<Val> out;
    bool set = op == "|" || op == "&" || op == "-" || op == "^";
    for (const Val& v : x)
      if (op == "|" || (op == "&" ? in(v, y) : !in(v, y))) out.push_back(v);
    for (const Val& v : y)
      if ((op == "|" || op == "^") && !in(v, x)) out.push_back(v);
    if (set) return std::optional(Val::of(VK::Set, heap.object(std::move(out))));
    if (ordered) {
      bool less = op[0] == '<';
      const std::vector<Val>&small = less ? x : y, &large = less ? y : x;
      bool subset = std::all_of(small.begin(), small.end(), [&](const Val& v) { return in(v, large); });
      return std::optional(Val::boolean(subset && (op.size() == 2 || small.size() < large.size())));
    }
  }
  if (op == "|" && a.is(VK::Dict) && b.is(VK::Dict)) {
    Val out = TRY(makeDict(a, locs.a));
    for (size_t i = 0; i < b.object->items.size(); ++i) CHECK_OK(dictStore(*out.object, b.object->items[i], b.object->values[i], locs.b));
    return std::optional(out);
  }
  return std::optional<Val>();
}

}  // namespace nereid::tl
