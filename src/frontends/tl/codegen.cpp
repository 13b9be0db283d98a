// SPDX-License-Identifier: MIT
// Functions: a kernel from its signature, callees from their arguments; one private function per distinct combination of argument types.
#include "frontends/tl/codegen.h"

#include <algorithm>

namespace nereid::tl {

// Returns the name of the parameter from which an address or a size is computed, or an empty string.
std::string_view CodeGen::parameterOf(const Value* v) const {
  if (source_ && source_->isLibrary) return {};
  while (v && v->def) {
    switch (v->def->op) {
      case Op::AddI:
      case Op::AddPtr:
        if (std::string_view left = parameterOf(v->def->operands[0]); !left.empty()) return left;
        v = v->def->operands[1];
        break;
      case Op::Splat:
      case Op::Broadcast:
      case Op::ExpandDims:
      case Op::ExtSI:
      case Op::ExtUI:
      case Op::TruncI: v = v->def->operands[0]; break;
      default: return {};
    }
  }
  bool isParameter = v && v->block && v->block->parent && !v->block->parent->parent;
  return isParameter ? v->name : std::string_view();
}

// The source text at `loc`, for messages.
std::string CodeGen::textAt(Loc loc) const {
  if (!loc) return {};
  std::string_view line = shared_.loader.sources().line(loc.file(), loc.line());
  return loc.col() > line.size() ? std::string() : std::string(line.substr(loc.col() - 1, loc.length()));
}

// An error in the built-in library is reported at the user's call of it.
Diag& CodeGen::error(Err err, Loc loc) {
  const CodeGen* g = this;
  while (g && g->source_ && g->source_->isLibrary && g->caller_) {
    loc = g->callLoc_;
    g = g->caller_;
  }
  Diag& d = shared_.diags.error(err, loc);
  if (host_ && fn_ && err == Err::Unsupported && !shared_.request.python) d.hint(inPythonHint(fn_->name));
  int shown = 0;
  for (; g && g->caller_ && shown < 4; g = g->caller_)
    if (g->callLoc_ && !(g->callLoc_ == loc) && !g->caller_->source_->isLibrary) {
      d.label(g->callLoc_, "called from here");
      ++shown;
    }
  return d;
}

void CodeGen::nameValue(const Val& v, std::string_view name) {
  std::vector<Value*> handles;
  flatten(v, handles);
  for (Value* h : handles)
    if (h->name.empty()) h->name = shared_.module.intern(name);
}

Result<void> CodeGen::body(const Node* node, Func* func) {
  func_ = func;
  CHECK_OK(block(node->kids.back()));
  if (result_ && !result_->isNone()) {
    std::vector<Value*> handles;
    flatten(*result_, handles);
    for (Value* h : handles) func->results.push_back(h->type);
  }
  if (stopped_) return {};
  std::vector<Value*> values;
  // As in Triton, the value is undefined if control reaches the end of a function with results.
  for (Type t : func->results) values.push_back(b_.create(Op::Poison, {}, {t})->result());
  b_.create(Op::Return, values, {});
  return {};
}

Result<Val> CodeGen::literal(std::string_view text, Loc loc, std::string_view what) {
  uint32_t file = shared_.loader.sources().add(cat("<", what, ">"), std::string(text));
  std::vector<Token> tokens = lexExpression(text, Loc{file, 1, 1, text.size()});
  Arena& arena = source_->arena;
  Parser parser(tokens, 0, arena, shared_.diags);
  size_t before = shared_.diags.size();
  CodeGen host(shared_, nullptr, source_, nullptr, {});
  host.host_ = true;
  auto node = parser.wholeExpression();
  Result<Val> value = node ? host.eval(*node) : Result<Val>(std::unexpected(Failed{}));
  if (value) return toKernel(*value);
  shared_.diags.truncate(before);
  return error(Err::Signature, loc)
      .says("`", text, "` is not a Python literal (", what, ")")
      .hint("write a string with quotes inside the argument: \"'relu'\"");
}

namespace {

// Splits "(a, b[1, 2], 'c,d')" into its parts.
std::vector<std::string_view> tupleItems(std::string_view text) {
  std::vector<std::string_view> out;
  size_t begin = 1;
  int depth = 0;
  char quote = 0;
  for (size_t i = 1; i < text.size(); ++i) {
    char c = text[i];
    if (quote) {
      if (c == quote) quote = 0;
      continue;
    }
    if (c == '\'' || c == '"') quote = c;
    if (c == '(' || c == '[' || c == '<') ++depth;
    bool last = i + 1 == text.size();
    if (depth == 0 && (c == ',' || last)) {
      std::string_view part = trim(text.substr(begin, i - begin));
      if (!part.empty() || !last) out.push_back(part);
      begin = i + 1;
    }
    if (c == ')' || c == ']' || c == '>') --depth;
  }
  return out;
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

Param paramOf(std::string name, int64_t divisibility, bool isUnsigned) {
  Param p;
  p.name = std::move(name);
  p.divisibility = divisibility;
  p.isUnsigned = isUnsigned;
  return p;
}

// The block type of "tensordesc<fp16[64,64]>"; nothing for other text.
std::optional<TType> descriptorType(std::string_view spelled) {
  const size_t open = spelled.find('['), close = spelled.find(']');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return std::nullopt;
  auto elem = dtypeFromSignature(spelled.substr(11, open - 11));
  if (!elem || elem->isPointer()) return std::nullopt;
  Shape shape;
  int64_t n = 0;
  bool digits = false;
  for (char c : spelled.substr(open + 1, close - open)) {
    if (c >= '0' && c <= '9') {
      n = n * 10 + (c - '0');
      digits = true;
      if (n > kMaxNumel) return std::nullopt;
    } else if (c == ',' || c == ']') {
      if (!digits || !isPowerOfTwo(n) || shape.size() == 5) return std::nullopt;
      shape.push_back(n);
      n = 0;
      digits = false;
    } else if (c != ' ') {
      return std::nullopt;
    }
  }
  if (shape.empty() || shape.numel() > kMaxNumel) return std::nullopt;
  return TType{*elem, shape};
}

}  // namespace

// An item of a signature becomes parameters of the function and a value that consists of them, or a compile-time value.
Result<Val> CodeGen::signatureValue(std::string_view item, const Node* param, const std::string& paramName, Func& func,
                                    std::vector<Type>& types) {
  // "(*fp32:16, i32, 4)": a tuple of such items, flattened into parameters x.0, x.1 and so on.
  if (item.starts_with('(') && item.ends_with(')')) {
    std::vector<std::string_view> parts = tupleItems(item);
    if (parts.size() != 1 || item.substr(0, item.size() - 1).ends_with(',')) {
      std::vector<Val> items;
      for (std::string_view part : parts) items.push_back(TRY(signatureValue(part, param, cat(paramName, ".", items.size()), func, types)));
      return tuple(std::move(items));
    }
  }
  // "*fp32:16": a type and a number that divides the argument.
  std::string_view spelled = trim(item), hint;
  if (size_t colon = spelled.rfind(':'); colon != std::string_view::npos && spelled.find('\'') == std::string_view::npos) {
    hint = trim(spelled.substr(colon + 1));
    spelled = trim(spelled.substr(0, colon));
  }
  if (spelled.starts_with("tensordesc<")) {
    auto type = descriptorType(spelled);
    if (!type)
      return error(Err::Signature, param->loc)
          .says("`", item, "` is not a type (signature of parameter `", paramName, "`)")
          .hint("write a descriptor as tensordesc<fp16[64,64]>");
    return descriptorParam(*type, paramName, func, types);
  }
  auto type = dtypeFromSignature(spelled);
  if (!type || type->is(Prim::Void)) return signatureConstant(item, spelled, param);
  int64_t divisibility = 0;
  if (hint == "1") {
    if (type->isPointer() || !type->isInt())
      return error(Err::Signature, param->loc)
          .says("`:1` in `", item, "` means an integer that is 1, but this is ", *type)
          .hint("write ", spelled);
    return Val::integer(1);
  }
  if (!hint.empty()) {
    if (hint != "16")
      return error(Err::Signature, param->loc)
          .says("`", item, "` has an unknown hint after the colon")
          .hint("use :16 (a multiple of 16) or :1 (the integer 1)");
    if (!type->isPointer() && !type->isInt())
      return error(Err::Signature, param->loc)
          .says("`:16` in `", item, "` is for pointers and integers that are multiples of 16, but the type is ", *type)
          .hint("write ", spelled);
    divisibility = 16;
  }
  func.params.push_back(paramOf(paramName, divisibility, type->isUnsigned() || (type->isPointer() && DType{type->prim}.isUnsigned())));
  types.push_back(type->ir());
  return Val::of(Tensor{nullptr, {*type, {}}});
}

// A descriptor is its handle, the shape and the strides.
Val CodeGen::descriptorParam(const TType& type, const std::string& name, Func& func, std::vector<Type>& types) {
  Val v = Val::of(VK::Desc);
  v.type = v.tensor.type = type;
  Type t = type.ir();
  t.form = Form::Desc;
  if (type.scalar.isInt()) t.sign = type.scalar.isSigned() ? Sign::Signed : Sign::Unsigned;
  func.params.push_back(paramOf(name, 0, false));
  types.push_back(t);
  std::vector<Val> items;
  auto addItems = [&](std::string_view what, Prim prim) {
    for (size_t i = 0; i < type.shape.size(); ++i) {
      func.params.push_back(paramOf(cat(name, what, i), 0, false));
      types.push_back(DType{prim}.ir());
      items.push_back(Val::of(Tensor{nullptr, {{prim}, {}}}));
    }
  };
  addItems(".shape.", Prim::I32);
  addItems(".stride.", Prim::I64);
  v.items = keep(std::move(items));
  return v;
}

// A value in a signature; reports what looks like a type.
Result<Val> CodeGen::signatureConstant(std::string_view item, std::string_view spelled, const Node* param) {
  static constexpr std::string_view kValues[] = {"None", "True", "False", "inf", "nan"};
  const bool word = !spelled.empty() && isalpha(static_cast<unsigned char>(spelled[0]));
  if (!spelled.starts_with('*') && (!word || std::find(std::begin(kValues), std::end(kValues), spelled) != std::end(kValues)))
    return literal(item, param->loc, "signature");
  static const std::vector<std::string> kTypes = {"fp16", "bf16", "fp32", "fp64",  "i1",    "i8",    "i16",   "i32",  "i64",  "u8",  "u16",
                                                  "u32",  "u64",  "u1",   "*fp16", "*bf16", "*fp32", "*fp64", "*i32", "*i64", "*i8", "*u8"};
  return error(Err::Signature, param->loc)
      .says("`", spelled, "` is not a type (signature of parameter `", param->text, "`)")
      .hint("write types as in Triton's signatures: *fp32:16, i32, u64, fp32")
      .meant(nearest(spelled, kTypes));
}

Result<Func*> CodeGen::kernel() {
  Node* node = TRY(shared_.loader.parse(*fn_));
  const Request& request = shared_.request;
  std::vector<const Node*> params(node->kids.begin(), node->kids.end() - 1);
  std::vector<std::string> names;
  for (const Node* p : params) {
    if (p->flag == '^')
      return error(Err::Unsupported, p->loc).says("`**` parameters are not part of the Triton language").hint("name each parameter");
    if (p->flag == '*') return error(Err::Unsupported, p->loc).says("a kernel cannot take `*", p->text, "`").hint("name each parameter");
    names.push_back(p->text);
  }
  for (const auto& [name, text] : request.constants)
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      std::string near = nearest(name, names);
      return error(Err::Signature, node->loc).says("kernel `", fn_->name, "` has no parameter `", name, "`").meant(near);
    }
  if (request.signature.size() > params.size())
    return error(Err::Signature, node->loc)
        .says("the signature has ", request.signature.size(), " items, but kernel `", fn_->name, "` has ", params.size(), " parameters")
        .hint("the parameters are ", joined(names));

  auto func = std::make_unique<Func>();
  func->name = fn_->name;
  func->loc = node->loc;
  func->isPublic = true;
  func->noinline = fn_->noinline;
  shared_.symbols.insert(func->name);
  std::vector<Type> types;
  for (size_t i = 0; i < params.size(); ++i) {
    const Node* p = params[i];
    std::string_view item = i < request.signature.size() ? trim(request.signature[i]) : "";
    bool isConstexpr = false;
    std::string annotated;
    if (const Node* a = p->kid(0)) {
      std::string spelled = unparse(a);
      isConstexpr =
          spelled == "constexpr" || spelled.ends_with(".constexpr") || spelled.ends_with(".constexpr\"") || spelled == "\"constexpr\"";
      if (a->kind == Kind::Str) annotated = a->text;
      if (a->kind == Kind::Attribute || a->kind == Kind::Name) annotated = a->text;
    }
    Val v;
    if (auto given = request.constants.find(p->text); given != request.constants.end()) {
      v = TRY(literal(given->second, p->loc, cat("the constant ", p->text)));
    } else if (!item.empty() && item != "constexpr") {
      v = TRY(signatureValue(item, p, p->text, *func, types));
      if (isConstexpr && v.isRuntime() && !v.is(VK::Tuple))
        return error(Err::Signature, p->loc)
            .says("parameter `", p->text, "` is a constexpr, so it takes a value, but the signature gives it the type `", item, "`")
            .hint("write `constexpr` there, and give the value as ", p->text, "=1024");
    } else if (p->kid(1)) {
      v = TRY(defaultValue(*fn_, p));
    } else if (!isConstexpr && !annotated.empty() && (dtypeFromSignature(annotated) || annotated.starts_with("tensordesc<"))) {
      v = TRY(signatureValue(annotated, p, p->text, *func, types));
    } else {
      return error(Err::Signature, p->loc)
          .says(isConstexpr ? cat("the constexpr parameter `", p->text, "` has no value")
                : i < request.signature.size() || request.signature.empty()
                    ? cat("parameter `", p->text, "` has no type")
                    : cat("the signature has ", request.signature.size(), request.signature.size() == 1 ? " item" : " items",
                          ", so parameter `", p->text, "`, which is number ", i + 1, ", has no type"))
          .hint(isConstexpr ? cat("give it one, such as ", p->text, "=1024")
                            : cat("the signature needs one item per parameter, such as \"*fp32:16\" or \"i32\"; the parameters are ",
                                  joined(names)));
    }
    if (annotated == "const" && v.isTensor() && v.tensor.type.scalar.isPointer()) v.tensor.type.scalar.isConst = true;
    scope_[p->text] = v;
  }
  Block* entry = shared_.module.newBlock(func->body);
  std::vector<Value*> handles;
  for (size_t i = 0; i < types.size(); ++i)
    handles.push_back(shared_.module.addArg(*entry, types[i], shared_.module.intern(func->params[i].name), node->loc));
  size_t cursor = 0;
  for (const Node* p : params) scope_[p->text] = unflatten(scope_[p->text], handles, cursor, shared_.loader.heap());
  b_.setBlock(entry);
  b_.setLoc(node->loc);
  Func* raw = func.get();
  shared_.module.funcs.push_back(std::move(func));
  CHECK_OK(body(node, raw));
  if (!raw->results.empty())
    return error(Err::Type, resultLoc_).says("a kernel cannot return a value").hint("store the result with `tl.store`");
  return raw;
}

Result<Val> CodeGen::defaultValue(const FunctionDef& fn, const Node* param) {
  CodeGen host(shared_, nullptr, fn.module, this, callLoc_);
  host.host_ = true;
  return toKernel(TRY(host.eval(param->kid(1))));
}

// Matches arguments to parameters as Python does.
Result<std::vector<Arg>> CodeGen::bind(const FunctionDef& fn, const Node* node, const Args& args, bool host,
                                       const std::vector<Val>* defaults) {
  size_t count = node->kids.size() - 1;
  std::vector<Val> extraKeys, extraValues;
  bool extra = count > 0 && node->kids[count - 1]->flag == '^';
  if (extra && !host)
    return error(Err::Unsupported, node->kids[count - 1]->loc)
        .says("`**` parameters are not part of the Triton language")
        .hint("name each parameter");
  std::vector<Arg> bound(count);
  std::vector<bool> present(count, false);
  size_t next = 0;
  for (const Arg& a : args.positional) {
    if (next < count && node->kids[next]->flag == '*') {
      std::vector<Val> rest;
      if (present[next]) rest = *bound[next].value.items;
      rest.push_back(a.value);
      bound[next] = {tuple(std::move(rest)), a.loc};
      present[next] = true;
      continue;
    }
    if (next >= count || node->kids[next]->flag == '/' || node->kids[next]->flag == '^')
      return error(Err::Type, a.loc)
          .says("`", fn.name, "` takes ", next, " arguments, but ", args.positional.size(), " are given")
          .label(fn.loc, "declared here");
    bound[next] = a;
    present[next++] = true;
  }
  for (const auto& [name, a] : args.named) {
    size_t i = 0;
    while (i < count && (node->kids[i]->text != name || node->kids[i]->flag == '*' || node->kids[i]->flag == '^')) ++i;
    if (i == count && extra) {
      extraKeys.push_back(Val::string(keep(name)));
      extraValues.push_back(a.value);
      continue;
    }
    if (i == count) {
      std::vector<std::string> names;
      for (size_t k = 0; k < count; ++k) names.push_back(node->kids[k]->text);
      std::string near = nearest(name, names);
      return error(Err::Type, a.loc).says("`", fn.name, "` has no parameter `", name, "`").label(fn.loc, "declared here").meant(near);
    }
    if (present[i]) return error(Err::Type, a.loc).says("argument `", name, "` of `", fn.name, "` is given twice");
    bound[i] = a;
    present[i] = true;
  }
  for (size_t i = 0; i < count; ++i) {
    if (present[i]) continue;
    const Node* p = node->kids[i];
    if (p->flag == '*')
      bound[i] = {tuple({}), args.call};
    else if (p->flag == '^')
      bound[i] = {Val::of(VK::Dict, shared_.loader.heap().object(extraKeys, extraValues)), args.call};
    else if (p->kid(1) && defaults)
      bound[i] = {(*defaults)[i], args.call};
    else if (p->kid(1))
      bound[i] = {TRY(defaultValue(fn, p)), args.call};
    else
      return error(Err::Type, args.call).says("`", fn.name, "` needs an argument for `", p->text, "`").label(fn.loc, "declared here");
  }
  return bound;
}

std::string CodeGen::symbolFor(const FunctionDef& fn, const std::vector<Arg>& args) {
  std::string out = cat(fn.module->isLibrary ? "tl" : fn.module->name, "_", fn.name, "_");
  for (const Arg& a : args) appendAll(out, "_", mangle(a.value));
  std::string clean;
  for (char c : out) {
    bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (word)
      clean += c;
    else if (clean.empty() || clean.back() != '_' || c == '_')
      clean += '_';
  }
  if (clean.size() > 90) clean.resize(90);
  std::string unique = clean;
  for (int i = 1; shared_.symbols.contains(unique); ++i) unique = cat(clean, "_", i);
  shared_.symbols.insert(unique);
  return unique;
}

Result<Val> CodeGen::callFunction(const FunctionDef& fn, Args args) {
  if (fn.isConstexprFunction || (host_ && (!fn.isJit || folding_))) return callHost(fn, args);
  if (!fn.isJit)
    return error(Err::Type, args.callee)
        .says("`", fn.name, "` is an ordinary Python function, which a kernel cannot call")
        .label(fn.loc, "defined here without @triton.jit")
        .hint("decorate it with @triton.jit, or with @triton.constexpr_function if it computes with constexprs only");
  if (host_ || !b_.block()) return error(Err::Unsupported, args.callee).says("`", fn.name, "` cannot be called at compile time");
  Node* node = TRY(shared_.loader.parse(fn));
  std::vector<Arg> bound = TRY(bind(fn, node, args));
  for (size_t i = 0; i < bound.size(); ++i)
    if (bound[i].value.isTensor() && bound[i].value.known && node->kids[i]->kid(0) && unparse(node->kids[i]->kid(0)).ends_with("constexpr"))
      bound[i].value = *bound[i].value.known;
  if (fn.noinline)
    for (size_t i = 0; i < bound.size(); ++i)
      if (bound[i].value.isTensor() && bound[i].value.tensor.type.numel() != 1)
        return error(Err::Unsupported, bound[i].loc)
            .says("`", fn.name, "` is marked noinline, so it takes scalars only, but `", node->kids[i]->text, "` is ", bound[i].value);
  std::string key = hex(reinterpret_cast<uintptr_t>(&fn), 16);
  for (const Arg& a : bound) appendAll(key, "|", mangle(a.value));
  auto [it, fresh] = shared_.functions.try_emplace(key);
  Compiled& compiled = it->second;
  if (!fresh && compiled.busy)
    return error(Err::Unsupported, args.callee)
        .says("`", fn.name, "` calls itself: recursion is not part of the Triton language")
        .label(fn.loc, "defined here");
  if (fresh) {
    if (shared_.callDepth > 60) return error(Err::Unsupported, args.callee).says("calls are nested more than 60 deep");
    auto func = std::make_unique<Func>();
    func->name = symbolFor(fn, bound);
    func->loc = node->loc;
    func->noinline = fn.noinline;
    Block* entry = shared_.module.newBlock(func->body);
    CodeGen inner(shared_, &fn, fn.module, this, args.call);
    std::vector<Value*> handles;
    for (size_t i = 0; i < bound.size(); ++i) {
      const Node* p = node->kids[i];
      std::vector<Value*> outer;
      flatten(bound[i].value, outer);
      for (size_t k = 0; k < outer.size(); ++k) {
        Param param;
        param.name = outer.size() == 1 ? p->text : cat(p->text, ".", k);
        handles.push_back(shared_.module.addArg(*entry, outer[k]->type, shared_.module.intern(param.name), p->loc));
        func->params.push_back(std::move(param));
      }
    }
    size_t cursor = 0;
    for (size_t i = 0; i < bound.size(); ++i)
      inner.scope_[node->kids[i]->text] = unflatten(bound[i].value, handles, cursor, shared_.loader.heap());
    inner.b_.setBlock(entry);
    inner.b_.setLoc(node->loc);
    Func* raw = func.get();
    ++shared_.callDepth;
    Result<void> done = inner.body(node, raw);
    --shared_.callDepth;
    CHECK_OK(done);
    shared_.module.funcs.push_back(std::move(func));
    compiled.func = raw;
    compiled.result = inner.result_.value_or(Val::none());
    compiled.busy = false;
  }
  std::vector<Value*> operands;
  for (const Arg& a : bound) flatten(a.value, operands);
  b_.setLoc(args.call);
  Inst* call = b_.create(Op::Call, operands, compiled.func->results, {{Attr::Callee, compiled.func->name}});
  size_t cursor = 0;
  Val result = unflatten(compiled.result, call->results, cursor, shared_.loader.heap());
  if (result.isTensor() && !result.tensor.type.isBlock() && result.tensor.type.scalar.isInt()) result.known = foldCall(fn, args);
  return result;
}

// The result of a kernel's function if all its arguments are known at compile time; null if it cannot be computed. Limited to 32-bit
// integers, for which a kernel's arithmetic equals Python's.
const Val* CodeGen::foldCall(const FunctionDef& fn, const Args& args) {
  Args known = args;
  auto take = [](Arg& a) {
    if (a.value.isTensor() && a.value.known) a.value = *a.value.known;
    return !a.value.isRuntime() && !a.value.is(VK::Float);
  };
  for (Arg& a : known.positional)
    if (!take(a)) return nullptr;
  for (auto& [name, a] : known.named)
    if (!take(a)) return nullptr;
  size_t before = shared_.diags.size();
  CodeGen host(shared_, fn_, source_, caller_, callLoc_);
  host.host_ = host.folding_ = true;
  Result<Val> v = host.callHost(fn, known);
  shared_.diags.truncate(before);
  if (!v || !v->isInt()) return nullptr;
  return &(*keep(std::vector<Val>{*v}))[0];
}

// Runs a function on compile-time values.
Result<Val> CodeGen::callHost(const FunctionDef& fn, const Args& args) {
  if (inPython(fn)) return callPython(fn, args);
  Node* node = TRY(shared_.loader.parse(fn));
  std::vector<Arg> bound = TRY(bind(fn, node, args, true));
  if (shared_.callDepth > 60) return error(Err::Unsupported, args.callee).says("calls are nested more than 60 deep");
  CodeGen inner(shared_, &fn, fn.module, this, args.call);
  inner.host_ = true;
  inner.folding_ = folding_;
  for (size_t i = 0; i < bound.size(); ++i) {
    if (bound[i].value.isTensor() && bound[i].value.known) bound[i].value = *bound[i].value.known;
    if (bound[i].value.isTensor())
      return error(Err::Type, bound[i].loc)
          .says("`", fn.name, "` runs at compile time, but this argument is ", bound[i].value,
                ", whose value is known only when the kernel runs")
          .hint("pass a constexpr, or decorate `", fn.name, "` with @triton.jit");
    inner.scope_[node->kids[i]->text] = bound[i].value;
  }
  ++shared_.callDepth;
  Result<void> done = inner.block(node->kids.back());
  --shared_.callDepth;
  CHECK_OK(done);
  Val result = inner.result_.value_or(Val::none());
  return host_ ? result : toKernel(result);
}

Result<Bound> CodeGen::bindBuiltin(const BuiltinInfo& info, const Args& args) {
  Bound bound;
  bound.info = &info;
  bound.call = args.call;
  std::vector<std::string_view> names;
  std::vector<bool> optional;
  bool rest = false;
  size_t restAt = 0;
  for (std::string_view params = info.params; !params.empty();) {
    size_t space = params.find(' ');
    std::string_view p = params.substr(0, space);
    params = space == std::string_view::npos ? std::string_view() : params.substr(space + 1);
    if (p.starts_with('*')) {
      rest = true;
      restAt = names.size();
      continue;
    }
    bool opt = p.ends_with('?');
    if (opt) p.remove_suffix(1);
    names.push_back(p);
    optional.push_back(opt);
  }
  bound.slots.resize(names.size(), {{}, args.call, false});
  size_t limit = rest ? restAt : names.size();
  for (size_t i = 0; i < args.positional.size(); ++i) {
    const Arg& a = args.positional[i];
    if (i < limit) {
      bound.slots[i] = {a.value, a.loc, true};
    } else if (rest) {
      bound.rest.push_back(a);
    } else {
      return error(Err::Type, a.loc)
          .says("`", info.name, "` takes at most ", names.size(), " arguments, but ", args.positional.size(), " are given");
    }
  }
  for (const auto& [name, a] : args.named) {
    size_t i = static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin());
    if (i == names.size()) {
      std::vector<std::string> known(names.begin(), names.end());
      std::string near = nearest(name, known), list;
      for (std::string_view n : names) appendAll(list, list.empty() ? "" : ", ", n);
      return error(Err::Type, a.loc).says("`", info.name, "` has no argument `", name, "`").hint("it takes ", list).meant(near);
    }
    if (bound.present(i)) return error(Err::Type, a.loc).says("argument `", name, "` of `", info.name, "` is given twice");
    bound.slots[i] = {a.value, a.loc, true};
  }
  for (size_t i = 0; i < names.size(); ++i)
    if (!bound.present(i) && !optional[i])
      return error(Err::Type, args.call).says("`", info.name, "` needs an argument for `", names[i], "`");
  return bound;
}

Result<Val> CodeGen::callBuiltin(const BuiltinInfo& info, const Args& args) {
  Bound bound = TRY(bindBuiltin(info, args));
  for (size_t i = 0; i < bound.slots.size(); ++i)
    if (bound[i].isTensor() && !takesTensors(info))
      return error(Err::Type, bound.loc(i))
          .says("Python's `", info.name, "` works at compile time only, but this is ", bound[i])
          .hint(findBuiltin(info.name) || shared_.loader.builtinLibrary().globals.contains(info.name) ? cat("use `tl.", info.name, "`")
                                                                                                      : "");
  // `tl.maximum(A, B)` of constexprs.
  auto whole = [&](size_t i) { return bound[i].isInt() || (bound[i].isTensor() && bound[i].known && bound[i].known->isInt()); };
  const Val* known = nullptr;
  if (info.run == &CodeGen::bMinMax && whole(0) && whole(1)) {
    Int x = (bound[0].isInt() ? bound[0] : *bound[0].known).number, y = (bound[1].isInt() ? bound[1] : *bound[1].known).number;
    bool maximum = info.name == "maximum";
    known = &(*keep(std::vector<Val>{Val::integer(maximum ? std::max(x, y) : std::min(x, y))}))[0];
    if (folding_) return *known;
  }
  bool emits = findBuiltin(info.name) == &info || findLibdevice(info.name) == &info || findDescMethod(info.name) == &info;
  if (!b_.block() && emits && info.run != &CodeGen::bIgnored && info.run != &CodeGen::bGetIntDtype && info.run != &CodeGen::bIterator &&
      info.run != &CodeGen::bStaticPrint)
    return error(Err::Unsupported, args.call)
        .says("`tl.", info.name, "` can be called in a kernel only, not for a global or a default value")
        .hint("call it inside the @triton.jit function");
  b_.setLoc(args.call);
  Val result = TRY((this->*info.run)(bound));
  if (known && result.isTensor()) result.known = known;
  return result;
}

Result<Val> CodeGen::call(const Val& callee, Args args) {
  switch (callee.kind) {
    case VK::Function: return callFunction(*callee.function, std::move(args));
    case VK::Builtin: return callBuiltin(*callee.builtin, args);
    case VK::Method: return callMethod(callee, args);
    case VK::Class: return callClass(callee, args);
    case VK::Closure: return callClosure(*callee.closure, args);
    case VK::Object: return askPython(cat(TRY(pythonText(callee, args.callee)), TRY(pythonArguments(args))), "this object", args.call);
    case VK::DType: {
      if (args.positional.size() != 1 || !args.named.empty())
        return error(Err::Type, args.call).says("a type takes one argument, the value to cast");
      const Arg& a = args.positional[0];
      if (host_) return a.value;
      Tensor t = TRY(toTensor(a.value, a.loc));
      return Val::of(cast(t, callee.type.scalar, a.loc));
    }
    default: break;
  }
  if (callee.is(VK::Module) && callee.text.starts_with("external:")) {
    std::string whole(callee.text.substr(9));
    if (host_)
      return error(Err::Unsupported, args.callee).says("`", whole, "` cannot be called by the compiler's evaluator of compile-time Python");
    return error(Err::Type, args.callee)
        .says("`", whole, "` is a Python function, which a kernel cannot call")
        .hint(insteadOf(whole.substr(whole.rfind('.') + 1)));
  }
  return error(Err::Type, args.callee).says(callee, " cannot be called");
}

// The function to use in a kernel instead of one of another package: `tl.exp` for `numpy.exp`.
std::string CodeGen::insteadOf(std::string_view name) {
  if (findBuiltin(name) || shared_.loader.builtinLibrary().globals.contains(name)) return cat("use `tl.", name, "`");
  return "a kernel can call functions of tl and functions decorated with @triton.jit";
}

std::string CodeGen::inPythonHint(std::string_view name) {
  return cat("`", name, "` works when the kernel is launched or compiled from Python, which runs it itself");
}

}  // namespace nereid::tl
