// SPDX-License-Identifier: MIT
// Attributes: members of tensors, tuples, types and modules.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <tuple>

#include "frontends/tl/codegen.h"

namespace nereid::tl {
namespace {

// Library functions that are also methods of tensors.
constexpr std::string_view kLibraryMethods[] = {"cdiv", "sigmoid", "softmax",   "ravel",  "max",     "argmax", "min", "argmin",
                                                "sum",  "xor_sum", "reduce_or", "cumsum", "cumprod", "sort",   "flip"};
// Methods of types.
struct TypeQuery {
  std::string_view name;
  bool (DType::*holds)() const = nullptr;  // null for a query that is not a predicate, and for `is_` and the name of a type
};
constexpr TypeQuery kTypeQueries[] = {
    {"is_fp8", &DType::isFp8},
    {"is_fp8e4nv"},
    {"is_fp8e4b8"},
    {"is_fp8e4b15"},
    {"is_fp8e5"},
    {"is_fp8e5b16"},
    {"is_fp16"},
    {"is_bf16"},
    {"is_fp32"},
    {"is_fp64"},
    {"is_int1"},
    {"is_int8"},
    {"is_int16"},
    {"is_int32"},
    {"is_int64"},
    {"is_uint8"},
    {"is_uint16"},
    {"is_uint32"},
    {"is_uint64"},
    {"is_floating", &DType::isFloat},
    {"is_standard_floating", &DType::isStandardFloat},
    {"is_int_signed", &DType::isSigned},
    {"is_int_unsigned", &DType::isUnsigned},
    {"is_int", &DType::isInt},
    {"is_bool", &DType::isBool},
    {"is_block"},
    {"is_ptr", &DType::isPointer},
    {"is_const", &DType::isConstPointer},
    {"kind"},
    {"get_int_max_value"},
    {"get_int_min_value"},
    {"get_block_shapes"},
    {"with_element_ty"},
};

template <class Rows>
auto findRow(const Rows& rows, std::string_view name) {
  auto row = std::find_if(std::begin(rows), std::end(rows), [&](auto& r) { return r.name == name; });
  return row == std::end(rows) ? nullptr : &*row;
}

std::optional<double> mathConstant(std::string_view name) {
  if (name == "pi") return std::numbers::pi;
  if (name == "e") return std::numbers::e;
  if (name == "tau") return 2 * std::numbers::pi;
  if (name == "inf") return __builtin_inf();
  if (name == "nan") return __builtin_nan("");
  return std::nullopt;
}

// A Python literal with a sign and spaces around it; nothing for other text.
std::optional<Int> parseInt(std::string_view text, Int base) {
  std::string_view digits = trim(text);
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  for (auto [letter, of] : {std::pair('x', 16), std::pair('b', 2), std::pair('o', 8)})
    if (base == of && digits.size() > 2 && digits[0] == '0' && (digits[1] | 0x20) == letter) digits.remove_prefix(2);
  Int n = 0;
  bool fits = !digits.empty() && base >= 2 && base <= 36 && digits.size() < 127;
  for (char ch : digits) {
    int digit = ch >= '0' && ch <= '9' ? ch - '0' : (ch | 0x20) >= 'a' && (ch | 0x20) <= 'z' ? (ch | 0x20) - 'a' + 10 : 99;
    fits = fits && digit < base && !__builtin_mul_overflow(n, base, &n) && !__builtin_add_overflow(n, Int{digit}, &n);
  }
  return fits ? std::optional(negative ? -n : n) : std::nullopt;
}

std::optional<double> parseFloat(std::string_view text) {
  std::string s(trim(text));
  const bool negative = s.starts_with('-');
  if (negative || s.starts_with('+')) s.erase(0, 1);
  for (char& ch : s) ch = static_cast<char>(isalpha(static_cast<unsigned char>(ch)) ? ch | 0x20 : ch);
  std::optional<double> x = parseDouble(s);
  if (s == "inf" || s == "infinity") x = __builtin_inf();
  if (s == "nan") x = __builtin_nan("");
  return x ? std::optional(negative ? -*x : *x) : std::nullopt;
}

}  // namespace

Val CodeGen::bound(const Val& self, Val method) {
  method.items = keep(std::vector<Val>{self, method});
  method.kind = VK::Method;
  return method;
}

Val CodeGen::shapeTuple(const Shape& shape) {
  std::vector<Val> dims;
  for (int64_t d : shape.dims()) dims.push_back(Val::integer(d));
  return tuple(std::move(dims));
}

Result<std::optional<Val>> CodeGen::tensorMember(const Val& v, std::string_view name, Loc at) {
  const TType& t = v.tensor.type;
  if (name == "shape") return shapeTuple(t.shape);
  if (name == "dtype") return Val::dtype({t.scalar, {}});
  if (name == "type") return Val::dtype(t);
  if (name == "numel") return Val::integer(t.numel());
  if (name == "T") {
    if (t.shape.size() != 2)
      return error(Err::Shape, at)
          .says("`.T` needs a tensor of two axes, but this is ", t)
          .hint("give the order of the axes: `tl.permute(x, ...)`");
    return Val::of(tensor(b_.trans(v.tensor.value, {1, 0}), {t.scalar, {t.shape[1], t.shape[0]}}));
  }
  if (const BuiltinInfo* info = findBuiltin(name == "to" ? "cast" : name); info && info->member) return bound(v, Val::of(info));
  if (std::find(std::begin(kLibraryMethods), std::end(kLibraryMethods), name) != std::end(kLibraryMethods))
    return bound(v, TRY(global(shared_.loader.builtinLibrary(), name, at)));
  return std::nullopt;
}

std::optional<Val> CodeGen::tupleMember(const Val& v, std::string_view name) {
  if (v.fields)
    for (size_t i = 0; i < v.fields->size() && i < v.size(); ++i)
      if ((*v.fields)[i] == name) return v.item(i);
  if (v.cls) {
    const FunctionDef* fn = v.cls->method(name);
    return fn ? std::optional(bound(v, Val::of(fn))) : std::nullopt;
  }
  if (name == "values" || name == "type") return v;
  return std::nullopt;
}

std::optional<Val> CodeGen::descMember(const Val& v, std::string_view name) {
  const size_t rank = v.type.shape.size();
  if (name == "block_shape") return shapeTuple(v.type.shape);
  if (name == "dtype") return Val::dtype({v.type.scalar, {}});
  if (name == "type" || name == "block_type") return Val::dtype(v.type);
  if (name == "shape" || name == "strides") {
    auto first = v.items->begin() + static_cast<ptrdiff_t>(name == "shape" ? 0 : rank);
    return tuple(std::vector<Val>(first, first + static_cast<ptrdiff_t>(rank)));
  }
  if (const BuiltinInfo* info = findDescMethod(name)) return bound(v, Val::of(info));
  return std::nullopt;
}

// A member of a value other than a module, type or Python object; nothing if it has no such member.
Result<std::optional<Val>> CodeGen::valueMember(const Val& v, std::string_view name, Loc at) {
  switch (v.kind) {
    case VK::Tensor: return tensorMember(v, name, at);
    case VK::Tuple: return tupleMember(v, name);
    case VK::Desc: return descMember(v, name);
    case VK::BlockPtr:
      if (name == "advance") return bound(v, Val::of(findBuiltin("advance")));
      if (name == "dtype" || name == "type") return Val::dtype({v.type.scalar.pointerTo(), {}});
      break;
    case VK::Function:
      if (name == "__name__") return Val::string(v.function->name);
      if (name == "fn") return v;
      break;
    case VK::Closure:
      if (name == "__name__") return Val::string(v.closure->def.name);
      break;
    case VK::Exception:
      if (name == "args") return tuple(v.items ? *v.items : std::vector<Val>{});
      break;
    case VK::Class:
      if (name == "__name__") return Val::string(v.text);
      break;
    default: break;
  }
  return std::nullopt;
}

Result<Val> CodeGen::attribute(const Val& v, std::string_view name, Loc at, const Node* n) {
  b_.setLoc(n->loc);
  if (name == "value" && (v.isNumber() || v.is(VK::Str) || v.isNone() || v.is(VK::DType) || v.is(VK::Function))) return v;
  if (auto method = hostMethodName(v, name); !method.empty() && !v.cls && !v.fields) {
    Val m = Val::named(VK::Method, method);
    m.items = keep(std::vector<Val>{v});
    return m;
  }
  if (v.is(VK::Object)) return askPython(cat(TRY(pythonText(v, at)), ".", name), name, at);
  if (v.is(VK::Module)) return moduleMember(v, name, at);
  if (v.is(VK::DType)) return typeMember(v, name, at);
  if (auto member = TRY(valueMember(v, name, at))) return *member;
  return noMember(v, name, at, n);
}

// The members of a value, for suggestions.
std::vector<std::string> CodeGen::membersOf(const Val& v) {
  std::vector<std::string> known;
  if (v.isTensor()) {
    known = builtinNames(true);
    known.insert(known.end(), std::begin(kLibraryMethods), std::end(kLibraryMethods));
    for (const char* s : {"shape", "dtype", "type", "numel", "T", "to"}) known.push_back(s);
  } else if (v.is(VK::Desc)) {
    for (const char* s : {"block_shape", "dtype", "shape", "strides", "load", "store", "atomic_add", "atomic_min", "atomic_max",
                          "atomic_and", "atomic_or", "atomic_xor", "gather", "scatter"})
      known.push_back(s);
  } else if (v.is(VK::Tuple) && v.fields) {
    if (v.cls)
      for (auto& m : v.cls->methods) known.push_back(m->name);
    known.insert(known.end(), v.fields->begin(), v.fields->end());
  }
  return known;
}

std::unexpected<Failed> CodeGen::noMember(const Val& v, std::string_view name, Loc at, const Node* n) {
  if (v.isNumber() && (name == "dtype" || name == "shape" || name == "to")) {
    // Triton specialises arguments that are 1.
    bool one = v.isInt() && v.number == 1 && !caller_ && fn_ && fn_->node && n->kid(0)->kind == Kind::Name &&
               std::any_of(fn_->node->kids.begin(), fn_->node->kids.end() - 1,
                           [&](const Node* p) { return p->text == n->kid(0)->text && !p->kid(0); });
    return error(Err::Type, at)
        .says("`", unparse(n->kid(0)), "` is ", v, one ? " (an integer argument that is 1 becomes a constexpr, as in Triton)" : "",
              ", which has no `", name, "`")
        .hint(name == "to" ? cat("cast it with `tl.cast(", unparse(n->kid(0)), ", tl.int64)`") : "");
  }
  if (v.is(VK::Tuple) && !v.cls && (name == "append" || name == "extend" || name == "insert" || name == "pop")) {
    std::string list = unparse(n->kid(0));
    return error(Err::Unsupported, at)
        .says("`", list, "` cannot change: in a kernel a list is a tuple")
        .hint(name == "append" || name == "extend"
                  ? cat("make a longer one: `", list, " = ", list, " + ", name == "append" ? "(x,)" : "more", "`")
                  : "");
  }
  return error(Err::UnknownName, at).says(v, " has no member `", name, "`").meant(nearest(name, membersOf(v)));
}

Result<Val> CodeGen::typeMember(const Val& v, std::string_view name, Loc at) {
  const DType s = v.type.scalar;
  bool block = v.type.isBlock();
  if (name == "scalar") return Val::dtype({s, {}});
  if (name == "element_ty") {
    if (block) return Val::dtype({s, {}});
    if (s.isPointer()) return Val::dtype({s.pointee(), {}});
    return error(Err::Type, at).says(s, " is neither a pointer nor a tensor, so it has no element type");
  }
  if (name == "shape" && block) return shapeTuple(v.type.shape);
  if (name == "numel" && block) return Val::integer(v.type.numel());
  if (name == "name") return Val::string(keep(repr(v)));
  if (name == "primitive_bitwidth" || (name == "int_bitwidth" && s.isInt())) return Val::integer(s.bits());
  if (name == "itemsize") return Val::integer(s.bits() / 8);
  if (name == "nbytes" && block) return Val::integer(v.type.numel() * s.bits() / 8);
  if (name == "fp_mantissa_width" && s.isFloat()) return Val::integer(s.mantissa());
  if (name == "int_signedness" && s.isInt()) return Val::string(s.isSigned() ? "SIGNED" : "UNSIGNED");
  if (const TypeQuery* query = findRow(kTypeQueries, name)) {
    Val m = Val::named(VK::Method, query->name);
    m.items = keep(std::vector<Val>{v});
    return m;
  }
  std::vector<std::string> known;
  for (const TypeQuery& query : kTypeQueries) known.emplace_back(query.name);
  for (const char* k : {"scalar", "element_ty", "shape", "numel", "name", "primitive_bitwidth", "int_bitwidth", "itemsize"})
    known.push_back(k);
  std::string near = nearest(name, known);
  return error(Err::UnknownName, at).says("the type ", repr(v), " has no member `", name, "`").meant(near);
}

Result<Val> CodeGen::callMethod(const Val& method, const Args& args) {
  const Val& self = method.item(0);
  if (method.size() == 2) {  // of a tensor, descriptor or block pointer
    const Val& target = method.item(1);
    Args all = args;
    all.positional.insert(all.positional.begin(), Arg{self, args.callee});
    if (target.is(VK::Function)) return callFunction(*target.function, std::move(all));
    return callBuiltin(*target.builtin, all);
  }
  return self.is(VK::DType) ? typeQuery(self.type, method.text, args) : hostMethod(self, method.text, args);
}

Result<Val> CodeGen::typeQuery(const TType& type, std::string_view q, const Args& args) {
  const DType s = type.scalar;
  if (q == "with_element_ty") {
    if (args.positional.size() != 1 || !args.positional[0].value.is(VK::DType))
      return error(Err::Type, args.call).says("`with_element_ty` takes one type");
    return Val::dtype(type.with(args.positional[0].value.type.scalar));
  }
  if (!args.positional.empty() || !args.named.empty()) return error(Err::Type, args.call).says("`", q, "` takes no arguments");
  if (q == "is_block") return Val::boolean(type.isBlock());
  if (q == "get_block_shapes") return shapeTuple(type.shape);
  if (type.isBlock()) return Val::boolean(false);  // a block type is not a scalar type
  if (q == "kind") return Val::integer(s.kind());
  if (q == "get_int_max_value" || q == "get_int_min_value") {
    if (!s.isInt()) return error(Err::Type, args.call).says(s, " is not an integer type");
    Int one = 1;
    if (q == "get_int_max_value") return Val::integer((one << (s.bits() - (s.isSigned() ? 1 : 0))) - 1);
    return Val::integer(s.isSigned() ? -(one << (s.bits() - 1)) : 0);
  }
  if (auto holds = findRow(kTypeQueries, q)->holds) return Val::boolean((s.*holds)());
  return Val::boolean(!s.isPointer() && primName(s.prim) == q.substr(3));
}

// Runs `__init__` at the call: it may compute with tensors, and its assignments to `self` are the fields.
Result<Val> CodeGen::makeAggregate(const ClassDef& cls, const Args& args) {
  const FunctionDef* init = cls.method("__init__");
  CodeGen inner(shared_, init, cls.module, this, args.call);
  if (init) {
    Node* node = TRY(shared_.loader.parse(*init));
    if (node->kids.size() < 2) return error(Err::Type, init->loc).says("`__init__` needs `self`");
    Args all = args;
    all.positional.insert(all.positional.begin(), Arg{Val::none(), args.call});
    std::vector<Arg> bound = TRY(bind(*init, node, all));
    if (shared_.callDepth > 60) return error(Err::Unsupported, args.callee).says("calls are nested too deep here");
    for (size_t i = 1; i < bound.size(); ++i) inner.scope_[node->kids[i]->text] = bound[i].value;
    inner.making_ = &cls;
    inner.makingName_ = node->kids[0]->text;
    inner.host_ = host_;
    inner.b_.setBlock(b_.block());
    inner.b_.setLoc(args.call);
    inner.func_ = func_;
    inner.regions_ = 1;  // disallows returns
    ++shared_.callDepth;
    Result<void> done = inner.block(node->kids.back());
    --shared_.callDepth;
    CHECK_OK(done);
    b_.setBlock(inner.b_.block());
  } else {
    for (size_t i = 0; i < args.positional.size() && i < cls.fields.size(); ++i) inner.made_[cls.fields[i]] = args.positional[i].value;
    for (auto& [name, a] : args.named) inner.made_[name] = a.value;
    if (inner.made_.size() != args.positional.size() + args.named.size() || inner.made_.size() > cls.fields.size())
      return error(Err::Type, args.call).says("`", cls.name, "` takes a value for each of its ", cls.fields.size(), " fields");
  }
  std::vector<Val> items;
  for (const std::string& field : cls.fields) {
    auto it = inner.made_.find(field);
    if (it == inner.made_.end())
      return error(Err::Type, args.call)
          .says("`__init__` does not set the field `", field, "` of `", cls.name, "`")
          .label(init ? init->loc : Loc{}, "defined here");
    items.push_back(it->second);
  }
  Val v = tuple(std::move(items));
  v.fields = &cls.fields;
  v.cls = &cls;
  return v;
}

Result<std::optional<Val>> CodeGen::operatorMethod(std::string_view op, const Val& a, const Val& b, const Locs& locs) {
  static constexpr std::tuple<std::string_view, std::string_view, std::string_view> kMethods[] = {{"+", "__add__", "__radd__"},
                                                                                                  {"-", "__sub__", "__rsub__"},
                                                                                                  {"*", "__mul__", "__rmul__"},
                                                                                                  {"/", "__truediv__", "__rtruediv__"},
                                                                                                  {"//", "__floordiv__", "__rfloordiv__"},
                                                                                                  {"%", "__mod__", "__rmod__"},
                                                                                                  {"&", "__and__", "__rand__"},
                                                                                                  {"|", "__or__", "__ror__"},
                                                                                                  {"^", "__xor__", "__rxor__"},
                                                                                                  {"<<", "__lshift__", "__rlshift__"},
                                                                                                  {">>", "__rshift__", "__rrshift__"},
                                                                                                  {"<", "__lt__", "__gt__"},
                                                                                                  {"<=", "__le__", "__ge__"},
                                                                                                  {">", "__gt__", "__lt__"},
                                                                                                  {">=", "__ge__", "__le__"},
                                                                                                  {"==", "__eq__", "__eq__"},
                                                                                                  {"!=", "__ne__", "__ne__"}};
  for (auto& [spelling, method, reflected] : kMethods) {
    if (spelling != op) continue;
    for (bool left : {true, false}) {
      const Val &self = left ? a : b, &other = left ? b : a;
      const FunctionDef* fn = self.cls ? self.cls->method(left ? method : reflected) : nullptr;
      if (!fn) continue;
      Args args;
      args.positional = {{self, left ? locs.a : locs.b}, {other, left ? locs.b : locs.a}};
      args.call = args.callee = locs.at;
      return std::optional(TRY(callFunction(*fn, std::move(args))));
    }
  }
  return std::optional<Val>();
}

// ---- Calls of classes.

Result<Val> CodeGen::makeNamedTuple(const Val& cls, const Args& args) {
  const std::string_view c = cls.text.substr(6);  // after "class:"
  const std::vector<std::string>& fields = *cls.fields;
  std::vector<Val> items(fields.size());
  std::vector<bool> given(fields.size(), false);
  if (args.positional.size() > fields.size())
    return error(Err::Type, args.call).says("`", c, "` has ", fields.size(), " fields, but ", args.positional.size(), " values are given");
  for (size_t i = 0; i < args.positional.size(); ++i) {
    items[i] = args.positional[i].value;
    given[i] = true;
  }
  for (auto& [field, a] : args.named) {
    size_t i = static_cast<size_t>(std::find(fields.begin(), fields.end(), field) - fields.begin());
    if (i == fields.size()) return error(Err::Type, a.loc).says("`", c, "` has no field `", field, "`").meant(nearest(field, fields));
    items[i] = a.value;
    given[i] = true;
  }
  for (size_t i = 0; i < fields.size(); ++i)
    if (!given[i]) return error(Err::Type, args.call).says("`", c, "` needs a value for `", fields[i], "`");
  Val v = tuple(std::move(items));
  v.fields = cls.fields;
  return v;
}

// The only argument of a class.
Result<Val> CodeGen::oneArgument(const Val& cls, const Args& args) {
  if (args.positional.size() != 1) return error(Err::Type, args.call).says("`", cls.text, "` takes one argument");
  return args.positional[0].value;
}

Result<Val> CodeGen::cConstexpr(const Val& cls, const Args& args) {
  Val v = TRY(oneArgument(cls, args));
  if (v.isTensor())
    return error(Err::Type, args.positional[0].loc)
        .says("a constexpr must be known at compile time, but this is ", v, ", whose value is known only when the kernel runs");
  v.wrapped = true;
  return v;
}

// tuple, list, set, frozenset
Result<Val> CodeGen::cSequence(const Val& cls, const Args& args) {
  std::vector<Val> items;
  Loc loc = args.call;
  if (!args.positional.empty()) {
    Val v = TRY(oneArgument(cls, args));
    loc = args.positional[0].loc;
    if (cls.text == "tuple" && v.is(VK::Tuple)) return v;
    items = TRY(iterate(v, loc));
  }
  if (cls.text == "tuple") return tuple(std::move(items));
  return cls.text == "list" ? Result<Val>(sequence(std::move(items))) : makeSet(items, loc);
}

Result<Val> CodeGen::cDict(const Val& cls, const Args& args) {
  if (!args.positional.empty()) return makeDict(TRY(oneArgument(cls, args)), args.positional[0].loc);
  Val v = Val::of(VK::Dict, shared_.loader.heap().object({}));
  for (auto& [name, a] : args.named) CHECK_OK(dictStore(*v.object, Val::string(keep(name)), a.value, a.loc));
  return v;
}

Result<Val> CodeGen::cPointerType(const Val&, const Args& args) {
  if (args.positional.empty() || !args.positional[0].value.is(VK::DType))
    return error(Err::Type, args.call).says("`pointer_type` takes a type");
  return Val::dtype({args.positional[0].value.type.scalar.pointerTo(), {}});
}

Result<Val> CodeGen::cBlockType(const Val&, const Args& args) {
  if (args.positional.size() != 2 || !args.positional[0].value.is(VK::DType))
    return error(Err::Type, args.call).says("`block_type` takes a type and a shape");
  return Val::dtype({args.positional[0].value.type.scalar, TRY(shapeOf(args.positional[1].value, args.positional[1].loc))});
}

Result<Val> CodeGen::cDtype(const Val& cls, const Args& args) {
  Val v = TRY(oneArgument(cls, args));
  auto prim = v.is(VK::Str) ? primFromName(v.text) : std::nullopt;
  if (!prim) return error(Err::Type, args.call).says("`tl.dtype` takes the name of a type");
  return Val::dtype({{*prim}, {}});
}

Result<Val> CodeGen::cStr(const Val& cls, const Args& args) { return Val::string(keep(str(TRY(oneArgument(cls, args))))); }

Result<Val> CodeGen::cBool(const Val& cls, const Args& args) {
  Val v = TRY(oneArgument(cls, args));
  if (v.isTensor())
    return error(Err::Type, args.call)
        .says("`bool` works at compile time only, but this is ", v)
        .hint("write a comparison, such as `x != 0`");
  return Val::boolean(truthy(v));
}

// The argument of `int` and `float`; not a tensor.
Result<Val> CodeGen::toConvert(const Val& cls, const Args& args) {
  Val v = TRY(oneArgument(cls, args));
  if (v.isTensor())
    return error(Err::Type, args.positional[0].loc)
        .says("`", cls.text, "` works at compile time only, but this is ", v)
        .hint("cast it with `.to(tl.", cls.text, "32)`");
  return v;
}

Result<Val> CodeGen::cInt(const Val& cls, const Args& args) {
  if (args.positional.empty()) return Val::integer(0);
  const Arg& first = args.positional[0];
  if (first.value.is(VK::Str)) {
    const bool based = args.positional.size() > 1 && args.positional[1].value.isInt();
    if (auto n = parseInt(first.value.text, based ? args.positional[1].value.number : 10)) return Val::integer(*n);
    auto& d = raise("ValueError", first.loc);
    d.says("'", first.value.text, "' is not an integer");
    return d;
  }
  Val v = TRY(toConvert(cls, args));
  if (!v.isNumber()) return error(Err::Type, first.loc).says("`int` does not take ", v);
  if (v.isInt()) return Val::integer(v.number);
  if (!(std::fabs(v.real) < 1e37)) return error(Err::Type, first.loc).says(repr(v), " is not an integer");
  return Val::integer(static_cast<Int>(v.real));
}

Result<Val> CodeGen::cFloat(const Val& cls, const Args& args) {
  Val v = TRY(toConvert(cls, args));
  if (v.isNumber()) return Val::floating(v.asDouble());
  if (!v.is(VK::Str)) return error(Err::Type, args.positional[0].loc).says("`float` does not take ", v);
  if (auto x = parseFloat(v.text)) return Val::floating(*x);
  auto& d = raise("ValueError", args.positional[0].loc);
  d.says("'", v.text, "' is not a number");
  return d;
}

// A friend of CodeGen, so that the table can name its members.
struct ClassTable {
  struct Row {
    std::string_view name;
    Result<Val> (CodeGen::*call)(const Val& cls, const Args& args);
  };
  static constexpr Row kRows[] = {
      {"constexpr", &CodeGen::cConstexpr},
      {"tuple", &CodeGen::cSequence},
      {"list", &CodeGen::cSequence},
      {"set", &CodeGen::cSequence},
      {"frozenset", &CodeGen::cSequence},
      {"dict", &CodeGen::cDict},
      {"pointer_type", &CodeGen::cPointerType},
      {"block_type", &CodeGen::cBlockType},
      {"dtype", &CodeGen::cDtype},
      {"str", &CodeGen::cStr},
      {"bool", &CodeGen::cBool},
      {"int", &CodeGen::cInt},
      {"float", &CodeGen::cFloat},
  };
};

Result<Val> CodeGen::callClass(const Val& cls, const Args& args) {
  if (cls.cls) return makeAggregate(*cls.cls, args);
  if (cls.fields) return makeNamedTuple(cls, args);
  if (!args.named.empty() && (cls.text != "dict" || !args.positional.empty()))
    return error(Err::Type, args.call).says("`", cls.text, "` takes no named arguments");
  if (const ClassTable::Row* row = findRow(ClassTable::kRows, cls.text)) return (this->*row->call)(cls, args);
  if (!isException(cls.text)) return error(Err::Unsupported, args.callee).says("`", cls.text, "` cannot be called in a kernel");
  std::vector<Val> items;
  for (const Arg& a : args.positional) items.push_back(a.value);
  Val v = Val::named(VK::Exception, cls.text);
  v.items = keep(std::move(items));
  return v;
}

// ---- Members of modules.

namespace {

// Members that are modules, under the names that Val uses.
struct SubModule {
  std::string_view name, module;
};
constexpr SubModule kTlModules[] = {
    {"extra", "tl.extra"},
    {"math", "tl.math"},
    {"core", "tl"},
    {"standard", "tl"},
    {"random", "tl"},
    {"target_info", "target_info"},
    {"PropagateNan", "PropagateNan"},
    {"libdevice", "libdevice"},
};
constexpr SubModule kExtraModules[] = {{"libdevice", "libdevice"}, {"cuda", "tl.extra"}, {"hip", "tl.extra"}};

// Classes that a module has as members.
struct ClassName {
  std::string_view name;
};
constexpr ClassName kTlClasses[] = {{"constexpr"},  {"tensor"},           {"tuple"}, {"dtype"}, {"pointer_type"},
                                    {"block_type"}, {"tensor_descriptor"}};
constexpr ClassName kTritonClasses[] = {{"jit"}, {"autotune"}, {"heuristics"}, {"Config"}, {"constexpr_function"}};

// Types that are members of `tl`: not their short names.
std::optional<Prim> typeNamed(std::string_view name) {
  const bool member =
      name.starts_with("int") || name.starts_with("uint") || name.starts_with("float") || name == "bfloat16" || name == "void";
  return member && name != "int" && name != "float" ? primFromName(name) : std::nullopt;
}

}  // namespace

// A module that is a file.
Result<Val> CodeGen::fileMember(const Val& m, std::string_view name, Loc at) {
  if (!m.module->globals.contains(name)) {
    // A package's member may be a file.
    Val sub = Val::named(VK::Module, keep(cat(m.text, ".", name)));
    sub.module = m.module->path.ends_with("__init__.py") ? shared_.loader.import(*m.module, cat(".", name)) : nullptr;
    if (sub.module) return sub;
  }
  return global(*m.module, name, at);  // reports a name that does not exist
}

std::optional<Val> CodeGen::mathMember(std::string_view name) {
  if (auto c = mathConstant(name)) return Val::floating(*c);
  if (const BuiltinInfo* info = findHostMath(name)) return Val::of(info);
  if (const BuiltinInfo* info = findHostModule(cat("math.", name))) return Val::of(info);
  return std::nullopt;
}

Val CodeGen::tritonMember(std::string_view name) {
  if (name == "language") return Val::named(VK::Module, "tl");
  if (name == "cdiv" || name == "next_power_of_2") return Val::of(findTargetQuery(name));
  if (const ClassName* known = findRow(kTritonClasses, name)) return Val::named(VK::Class, known->name);
  return Val::named(VK::Module, keep(cat("external:triton.", name)));
}

// Members of `tl`; with `math`, of `tl.math`, which has functions of libdevice, too.
Result<std::optional<Val>> CodeGen::tlMember(std::string_view name, bool math, Loc at) {
  if (auto prim = typeNamed(name)) return Val::dtype({{*prim}, {}});
  if (const BuiltinInfo* info = findBuiltin(name); info && (!math || !findLibdevice(name) || info->op != Op::Poison)) return Val::of(info);
  auto& library = shared_.loader.builtinLibrary();
  if (library.globals.contains(name) && (name[0] != '_' || source_->isLibrary)) return global(library, name, at);
  if (const BuiltinInfo* info = math ? findLibdevice(name) : nullptr) return Val::of(info);
  if (const ClassName* known = findRow(kTlClasses, name)) return Val::named(VK::Class, known->name);
  if (const SubModule* sub = findRow(kTlModules, name)) return Val::named(VK::Module, sub->module);
  if (name == "TRITON_MAX_TENSOR_NUMEL") {
    Val v = Val::integer(kMaxNumel);
    v.wrapped = true;
    return v;
  }
  if (name == "pi32_t") return Val::dtype({DType{Prim::I32}.pointerTo(), {}});
  if (name == "PAD_ZERO" || name == "PAD_NAN") return Val::string(name == "PAD_ZERO" ? "zero" : "nan");
  return std::nullopt;
}

// The members of a module of Triton or of `math`, for suggestions.
std::vector<std::string> CodeGen::membersOfModule(std::string_view module) {
  std::vector<std::string> known;
  if (module == "math") {
    for (const char* name : {"pi", "e", "inf", "nan", "log2", "log", "sqrt", "exp", "ceil", "floor"}) known.push_back(name);
  } else if (module == "tl" || module == "tl.math") {
    known = builtinNames(false);
    for (auto& [name, g] : shared_.loader.builtinLibrary().globals)
      if (name[0] != '_') known.push_back(name);
    for (const char* name : {"constexpr", "float16", "bfloat16", "float32", "float64", "int1", "int8", "int16", "int32", "int64", "uint8",
                             "uint16", "uint32", "uint64"})
      known.push_back(name);
  }
  return known;
}

Result<Val> CodeGen::moduleMember(const Val& m, std::string_view name, Loc at) {
  if (m.module) return fileMember(m, name, at);
  const std::string_view t = m.text;
  if (t == "triton") return tritonMember(name);
  if (t.starts_with("external:")) return Val::named(VK::Module, keep(cat(t, ".", name)));
  if (t.starts_with("class:"))
    return error(Err::Unsupported, at)
        .says("`", t.substr(6), "` is a Python class, which a kernel cannot use")
        .hint("decorate it with @triton.aggregate, or pass values");
  std::optional<Val> member;
  if (t == "math") {
    member = mathMember(name);
  } else if (t == "target_info") {
    if (const BuiltinInfo* info = findTargetQuery(name)) return Val::of(info);
  } else if (t == "PropagateNan") {
    if (name == "NONE" || name == "ALL") return Val::string(name == "ALL" ? "PropagateNan.ALL" : "PropagateNan.NONE");
  } else if (t == "libdevice") {
    if (const BuiltinInfo* info = findLibdevice(name)) return Val::of(info);
    return error(Err::UnknownName, at).says("Nereid does not support a libdevice function `", name, "`");
  } else if (t == "tl.extra") {
    if (const SubModule* sub = findRow(kExtraModules, name)) return Val::named(VK::Module, sub->module);
    return error(Err::Unsupported, at).says("`tl.extra.", name, "` is for one GPU family, which Nereid does not support");
  } else if (t == "tl" || t == "tl.math") {
    member = TRY(tlMember(name, t == "tl.math", at));
  } else if (const BuiltinInfo* info = findHostModule(cat(t, ".", name))) {  // itertools, functools, operator, importlib
    return Val::of(info);
  }
  if (member) return *member;
  return error(Err::UnknownName, at)
      .says("`", t == "tl" ? "triton.language" : t, "` has no `", name, "`")
      .meant(nearest(name, membersOfModule(t)));
}

}  // namespace nereid::tl
