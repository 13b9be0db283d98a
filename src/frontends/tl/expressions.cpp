// SPDX-License-Identifier: MIT
// Names, operators, calls, subscripts, f-strings.
#include <algorithm>

#include "frontends/tl/codegen.h"

namespace nereid::tl {

Result<Val> CodeGen::global(SourceModule& module, std::string_view name, Loc use) {
  auto it = module.globals.find(name);
  if (it == module.globals.end()) {
    std::vector<std::string> names;
    for (auto& [known, g] : module.globals) names.push_back(known);
    std::string near = nearest(name, names);
    // In source from Python, a module of another package is represented by a file with a generated name.
    if (module.name.starts_with("__nereid_"))
      return error(Err::UnknownName, use)
          .says("`", shared_.loader.sources().path(module.file), "` has no `", name, "` that a kernel can use")
          .hint(near.empty() ? insteadOf(name) : "")
          .meant(near);
    return error(Err::UnknownName, use).says("`", module.name, "` has no `", name, "`").meant(near);
  }
  Global& g = it->second;
  if (g.value) return *g.value;
  if (g.busy) return error(Err::UnknownName, use).says("the definition of `", name, "` refers to itself").label(g.loc, "defined here");
  g.busy = true;
  Result<Val> value = Val::none();
  switch (g.kind) {
    case Global::Function: {
      value = Val::of(g.function.get());
      break;
    }
    case Global::Class: {
      bool known = !g.fields.empty() || g.aggregate;
      Val v = Val::named(known ? VK::Class : VK::Module, keep(cat("class:", name)));
      v.cls = g.aggregate.get();
      if (!g.fields.empty()) v.fields = &g.fields;
      value = v;
      break;
    }
    case Global::Import: value = importValue(module, g.from, g.member, g.loc, use); break;
    case Global::Constant: {
      CodeGen host(shared_, nullptr, &module, nullptr, {});
      host.host_ = true;
      size_t before = shared_.diags.size();
      Parser parser(module.tokens, g.token, module.arena, shared_.diags);
      auto node = parser.wholeExpression();
      value = node ? host.eval(*node) : Result<Val>(std::unexpected(Failed{}));
      if (!value) {
        std::string why = shared_.diags.size() > before ? shared_.diags[before].text : "";
        shared_.diags.truncate(before);
        g.busy = false;
        return error(Err::Global, use)
            .says("the value of the global `", name, "` is not known at compile time", why.empty() ? "" : ": ", why)
            .label(g.loc, "defined here")
            .hint("import it directly, as in `from module import ", name, "`, or pass it to the kernel as a tl.constexpr parameter");
      }
      break;
    }
  }
  g.busy = false;
  if (value) {
    if (value->isObject()) value->object->frozen = true;
    g.value = *value;
  }
  return value;
}

Result<Val> CodeGen::lookup(const Node* n) {
  const std::string& name = n->text;
  if (auto found = scope_.find(name); found != scope_.end()) {
    if (!found->second.is(VK::Unbound)) return found->second;
    if (found->second.items) return found->second = TRY(afterLoop(found->second, n->loc));
    auto& d = error(Err::UnknownName, n->loc);
    d.says("`", name, "` may have no value here").hint("assign it a value of the same type on every path to this line");
    if (auto at = assigned_.find(name); at != assigned_.end()) d.label(at->second, "assigned here");
    return d;
  }
  for (auto& frame : outer_)
    if (auto found = frame->find(name); found != frame->end() && !found->second.is(VK::Unbound)) return found->second;
  if (auto g = source_->globals.find(name); g != source_->globals.end()) {
    Val v = TRY(global(*source_, name, n->loc));
    bool plain = v.isNumber() || v.isObject() || v.is(VK::Str) || v.isNone() || v.is(VK::Tuple);
    if (plain && !v.wrapped && !host_ && g->second.kind != Global::Function) {
      if (g->second.annotated)
        return error(Err::Global, n->loc)
            .says("the global `", name, "` is annotated as tl.constexpr, but its value is not a tl.constexpr")
            .label(g->second.loc, "defined here")
            .hint("write `", name, " = tl.constexpr(...)`");
      return error(Err::Global, n->loc)
          .says("a kernel can only use globals that are tl.constexpr, but `", name, "` is a plain ", v.isNumber() ? "number" : "value")
          .label(g->second.loc, "defined here")
          .hint("write `", name, " = tl.constexpr(", repr(v), ")`");
    }
    if (!host_ && v.isObject()) return toKernel(v);
    return v;
  }
  for (const std::string& from : source_->starImports) {
    if (std::string known = tritonName(from); known == "triton.language" || known == "triton") {
      size_t before = shared_.diags.size();
      auto v = moduleMember(Val::named(VK::Module, known == "triton" ? "triton" : "tl"), name, n->loc);
      if (v) return *v;
      shared_.diags.truncate(before);
    } else if (SourceModule* file = shared_.loader.import(*source_, from); file && file->globals.contains(name)) {
      return global(*file, name, n->loc);
    }
  }
  if (const BuiltinInfo* info = findPythonBuiltin(name); info && (host_ || info->tag == 0 || !takesTensors(*info))) return Val::of(info);
  if (name == "int" || name == "float" || name == "bool" || name == "str" || name == "tuple" || name == "list" || name == "dict" ||
      name == "set" || name == "frozenset" || isException(name))
    return Val::named(VK::Class, name);
  std::vector<std::string> names;
  for (auto& [known, v] : scope_)
    if (known[0] != ':') names.push_back(known);
  for (auto& [known, g] : source_->globals) names.push_back(known);
  std::string near = nearest(name, names);
  std::string hint = near.empty() ? "" : cat("did you mean `", near, "`?");
  if (findBuiltin(name) || shared_.loader.builtinLibrary().globals.contains(name)) hint = cat("in a kernel it is `tl.", name, "`");
  if (name == "tl") hint = "add `import triton.language as tl`";
  if (name == "triton") hint = "add `import triton`";
  if (scope_.contains(cat(":", name))) hint = "it is declared, but has no value yet";
  static constexpr std::string_view kOnlyInPython[] = {
      "open",   "eval",  "exec",     "iter", "map", "filter", "vars", "dir",     "globals",    "locals", "callable", "bytes",
      "object", "super", "property", "hash", "id",  "format", "repr", "setattr", "issubclass", "slice",  "complex"};
  if (host_ && fn_ && !shared_.request.python &&
      std::find(std::begin(kOnlyInPython), std::end(kOnlyInPython), name) != std::end(kOnlyInPython))
    return error(Err::Unsupported, n->loc).says("`", name, "` is not supported by the compiler's evaluator of compile-time Python");
  auto& d = error(Err::UnknownName, n->loc);
  if (auto at = assigned_.find(name); at != assigned_.end() && !scope_.contains(cat(":", name))) {
    // A branch or a loop has assigned the name.
    d.says("`", name, "` has no value here: it is assigned only inside a loop or a branch, which may not run")
        .label(at->second, "assigned here");
    return d.hint("assign it a value of the same type before the loop or branch");
  }
  return d.says("`", name, "` is not defined").hint(hint);
}

// The items of a tuple, list or set display.
Result<std::vector<Val>> CodeGen::displayItems(const Node* n) {
  std::vector<Val> items;
  for (const Node* kid : n->kids) {
    if (kid->kind != Kind::Starred) {
      items.push_back(TRY(eval(kid)));
      continue;
    }
    Val v = TRY(eval(kid->kid(0)));
    if (!v.is(VK::Tuple) && !host_ && n->kind != Kind::Set)
      return error(Err::Type, kid->loc).says("only a tuple can be unpacked, but this is ", v);
    std::vector<Val> more = TRY(iterate(v, kid->loc));
    items.insert(items.end(), more.begin(), more.end());
  }
  return items;
}

Result<Val> CodeGen::dictDisplay(const Node* n) {
  Val v = Val::of(VK::Dict, shared_.loader.heap().object({}));
  for (size_t i = 0; i + 1 < n->kids.size(); i += 2) {
    Val value = TRY(eval(n->kids[i + 1]));
    if (n->kids[i]) {
      Val key = TRY(eval(n->kids[i]));
      if (value.isTensor())
        return error(Err::Unsupported, n->kids[i + 1]->loc)
            .says("dictionaries and sets can contain compile-time values only, but this is ", value);
      CHECK_OK(dictStore(*v.object, key, value, n->kids[i]->loc));
    } else if (value.is(VK::Dict)) {
      for (size_t k = 0; k < value.object->items.size(); ++k)
        CHECK_OK(dictStore(*v.object, value.object->items[k], value.object->values[k], n->loc));
    } else {
      return error(Err::Type, n->kids[i + 1]->loc).says("`**` takes a dictionary, but this is ", value);
    }
  }
  v.object->frozen = !host_;
  return v;
}

Result<Val> CodeGen::sliceBounds(const Node* n) {
  std::vector<Val> parts;
  for (size_t i = 0; i < 3; ++i) parts.push_back(n->kid(i) ? TRY(eval(n->kid(i))) : Val::none());
  Val v = Val::of(VK::Slice);
  v.items = keep(std::move(parts));
  return v;
}

// Long chains of one operator lean to the left: this walks down them instead of recursing.
Result<Val> CodeGen::operatorChain(const Node* n) {
  std::vector<const Node*> chain;
  const Node* leaf = n;
  while (leaf->kind == Kind::BinOp) {
    chain.push_back(leaf);
    leaf = leaf->kid(0);
  }
  Val left = TRY(eval(leaf));
  for (size_t i = chain.size(); i-- > 0;) {
    const Node* op = chain[i];
    Val right = TRY(eval(op->kid(1)));
    b_.setLoc(op->loc);
    left = TRY(binaryOperator(op->text, left, right, {op->at, op->kid(0)->loc, op->kid(1)->loc}));
  }
  return left;
}

Result<Val> CodeGen::comparison(const Node* n) {
  Val a = TRY(eval(n->kid(0))), b = TRY(eval(n->kid(1)));
  b_.setLoc(n->loc);
  return binaryOperator(n->text, a, b, {n->at, n->kid(0)->loc, n->kid(1)->loc});
}

Result<Val> CodeGen::namedExpression(const Node* n) {
  Val v = TRY(eval(n->kid(1)));
  if (!host_) v = TRY(sanitize(v, n->kid(1)->loc));
  CHECK_OK(assign(n->kid(0), v));
  return v;
}

Result<Val> CodeGen::eval(const Node* n) {
  struct Depth {
    explicit Depth(int& d) : d_(d) { ++d_; }
    ~Depth() { --d_; }
    int& d_;
  } depth(depth_);
  if (depth_ > 1000) return error(Err::Unsupported, n->loc).says("this expression is nested too deep");
  if (host_) CHECK_OK(hostBudget(n->loc));
  switch (n->kind) {
    case Kind::None: return Val::none();
    case Kind::True: return Val::boolean(true);
    case Kind::False: return Val::boolean(false);
    case Kind::Ellipsis: return Val::of(VK::Ellipsis);
    case Kind::Int: return Val::integer(n->number);
    case Kind::Float: return Val::floating(n->real);
    case Kind::Str: return Val::string(n->text);
    case Kind::JoinedStr: return joinedString(n);
    case Kind::Name: return lookup(n);
    case Kind::Attribute: return attribute(TRY(eval(n->kid(0))), n->text, n->at, n);
    case Kind::Subscript: return subscript(n);
    case Kind::Slice: return sliceBounds(n);
    case Kind::Call: return callExpression(n);
    case Kind::Tuple: return tuple(TRY(displayItems(n)));
    case Kind::List: return sequence(TRY(displayItems(n)));
    case Kind::Set: return makeSet(TRY(displayItems(n)), n->loc);
    case Kind::Dict: return dictDisplay(n);
    case Kind::Comp: return comprehension(n);
    case Kind::Chain: return chainedComparison(n);
    case Kind::Lambda: return makeClosure(n);
    case Kind::BinOp: return operatorChain(n);
    case Kind::Compare: return comparison(n);
    case Kind::UnaryOp: {
      Val v = TRY(eval(n->kid(0)));
      b_.setLoc(n->loc);
      return unaryOperator(n->text, v, n->loc, n->kid(0)->loc);
    }
    case Kind::BoolOp: return boolOp(n);
    case Kind::IfExp: return conditional(n);
    case Kind::NamedExpr: return namedExpression(n);
    default: return refuse(n);
  }
}

Result<Val> CodeGen::unaryOperator(std::string_view op, const Val& v, Loc at, Loc operand) {
  if (!v.isTensor()) {
    if (v.is(VK::Desc) || v.is(VK::BlockPtr)) return error(Err::Type, operand).says("`", op, "` does not take ", v);
    return constantUnary(op, v, at);
  }
  if (op == "-") return Val::of(negate(v.tensor, operand));
  if (op == "~") return Val::of(invert(v.tensor, operand));
  if (op == "+") return v;
  if (v.tensor.type.scalar.bits() != 1)
    return error(Err::Type, operand).says("`not` takes an int1, but this is ", v).hint("compare it with something first: `x == 0`");
  return Val::of(logicalNot(v.tensor, operand));
}

Result<Val> CodeGen::tensorOperator(std::string_view op, const Val& a, const Val& b, const Locs& locs) {
  if (op == "+") return Val::of(add(a, b, locs, true));
  if (op == "-") return Val::of(sub(a, b, locs, true));
  if (op == "*") return Val::of(mul(a, b, locs, true));
  if (op == "/") return Val::of(trueDiv(a, b, locs));
  if (op == "//") return Val::of(floorDiv(a, b, locs));
  if (op == "%") return Val::of(mod(a, b, locs));
  if (op == "&") return Val::of(bitwise(Op::AndI, a, b, locs));
  if (op == "|") return Val::of(bitwise(Op::OrI, a, b, locs));
  if (op == "^") return Val::of(bitwise(Op::XOrI, a, b, locs));
  if (op == "<<") return Val::of(bitwise(Op::ShLI, a, b, locs));
  if (op == ">>") return Val::of(shiftRight(a, b, locs));
  if (op == "**")
    return error(Err::Unsupported, locs.at)
        .says("`**` is not defined for tensors")
        .label(locs.a, a)
        .hint("multiply, or use `tl.exp2(b * tl.log2(a))`");
  return Val::of(compare(op, a, b, locs));
}

// Both operands are known at compile time, one of them as the result of a function: a tensor of Triton's type with a known value.
Result<Val> CodeGen::knownOperator(std::string_view op, const Val& a, const Val& b, const Locs& locs) {
  const Val &x = a.isTensor() ? *a.known : a, &y = b.isTensor() ? *b.known : b;
  const size_t before = shared_.diags.size();
  Val left = a, right = b;
  left.known = right.known = nullptr;
  Result<Val> known = constantBinary(op, x, y, locs);
  shared_.diags.truncate(before);
  Val v = TRY(binaryOperator(op, left, right, locs));
  // If a kernel's arithmetic differs from Python's (rounding, wrapping), only the tensor has the right value.
  const bool rounds = (op == "//" || op == "%" || op == ">>") && (x.asDouble() < 0 || y.asDouble() < 0);
  if (known && known->isInt() && known->number == static_cast<int32_t>(known->number) && !rounds)
    v.known = &(*keep(std::vector<Val>{*known}))[0];
  return v;
}

// Reports an operand that no operator of tensors takes.
std::unexpected<Failed> CodeGen::notOperand(std::string_view op, const Val& v, Loc at) {
  std::string name = textAt(at);
  bool given = fn_ && fn_->node && scope_.contains(name) &&
               std::any_of(fn_->node->kids.begin(), fn_->node->kids.end() - 1, [&](const Node* p) { return p->text == name; });
  if (given)
    return error(Err::Type, at)
        .says("`", op, "` takes tensors and numbers, but the argument `", name, "` is ", v)
        .hint("pass an array or a number for `", name, "`");
  return error(Err::Type, at).says("`", op, "` takes tensors and numbers, but this is ", v);
}

Result<Val> CodeGen::binaryOperator(std::string_view op, const Val& a, const Val& b, const Locs& locs) {
  if (op == "@") return error(Err::Unsupported, locs.at).says("`@` is not part of the Triton language").hint("use `tl.dot(a, b)`");
  if (a.is(VK::Object) || b.is(VK::Object))
    return askPython(cat("(", TRY(pythonText(a, locs.a)), " ", op, " ", TRY(pythonText(b, locs.b)), ")"), op, locs.at);
  if (op == "in" || op == "not in") {
    bool runtime = a.isTensor() || b.isTensor();
    for (size_t i = 0; b.is(VK::Tuple) && i < b.size(); ++i) runtime |= b.item(i).isTensor();
    if (runtime)
      return error(Err::Unsupported, locs.at)
          .says("`", op, "` is not part of the Triton language")
          .hint("compare with each value: `(x == a) | (x == b)`");
    return Val::boolean(TRY(contains(b, a, locs.b)) == (op == "in"));
  }
  if (op == "is" || op == "is not") {
    bool same = a.kind == b.kind && (a.isObject() ? a.object == b.object : sameConstant(a, b));
    return Val::boolean(same == (op == "is"));
  }
  if (a.cls || b.cls)
    if (auto v = TRY(operatorMethod(op, a, b, locs))) return *v;
  auto notValue = [](const Val& v) { return v.is(VK::Desc) || v.is(VK::BlockPtr) || v.is(VK::Unbound); };
  if (notValue(a) || notValue(b)) {
    const Val& bad = notValue(a) ? a : b;
    return error(Err::Type, notValue(a) ? locs.a : locs.b)
        .says("`", op, "` does not take ", bad)
        .hint(bad.is(VK::BlockPtr) ? "move a block pointer with `tl.advance`" : "");
  }
  for (const Val* v : {&a, &b})
    if (v->is(VK::Module) && v->text.starts_with("external:"))
      return error(Err::UnknownName, v == &a ? locs.a : locs.b)
          .says("`", v->text.substr(9), "` is not known at compile time: a kernel can use tl, constexpr globals and @triton.jit functions");
  if (!a.isTensor() && !b.isTensor()) return constantBinary(op, a, b, locs);
  if (host_) return error(Err::Type, locs.at).says("a tensor cannot be used at compile time");
  const Val *x = a.isTensor() ? a.known : &a, *y = b.isTensor() ? b.known : &b;
  if (x && y && x->isNumber() && y->isNumber()) return knownOperator(op, a, b, locs);
  const Val& other = a.isTensor() ? b : a;
  if (!other.isTensor() && !other.isNumber()) return notOperand(op, other, a.isTensor() ? locs.b : locs.a);
  return tensorOperator(op, a, b, locs);
}

Result<Args> CodeGen::arguments(const Node* n) {
  Args args;
  args.call = n->loc;
  args.callee = n->kid(0)->kind == Kind::Attribute ? n->kid(0)->at : n->kid(0)->loc;
  // Triton visits keyword arguments before positional ones.
  for (size_t i = 1; i < n->kids.size(); ++i)
    if (n->kids[i]->kind == Kind::Keyword) {
      const Node* kid = n->kids[i];
      if (!kid->text.empty()) {
        args.named.push_back({kid->text, {TRY(eval(kid->kid(0))), kid->kid(0)->loc}});
        continue;
      }
      Val v = TRY(eval(kid->kid(0)));
      if (!v.is(VK::Dict) || !host_)
        return error(Err::Unsupported, kid->loc).says("`**` arguments are not part of the Triton language").hint("name each argument");
      for (size_t k = 0; k < v.object->items.size(); ++k) args.named.push_back({str(v.object->items[k]), {v.object->values[k], kid->loc}});
    }
  for (size_t i = 1; i < n->kids.size(); ++i) {
    const Node* kid = n->kids[i];
    if (kid->kind == Kind::Keyword) continue;
    if (kid->kind != Kind::Starred) {
      args.positional.push_back({TRY(eval(kid)), kid->loc});
      continue;
    }
    Val v = TRY(eval(kid->kid(0)));
    if (!v.is(VK::Tuple) && !host_) return error(Err::Type, kid->loc).says("only a tuple can be unpacked into arguments, but this is ", v);
    for (const Val& item : TRY(iterate(v, kid->loc))) args.positional.push_back({item, kid->loc});
  }
  b_.setLoc(n->loc);
  return args;
}

Result<Val> CodeGen::callExpression(const Node* n) {
  bool unused = unused_ == n;
  Val callee = TRY(eval(n->kid(0)));
  if (callee.is(VK::Builtin) && callee.builtin->name == "static_assert") return staticAssert(n);
  if (unused && callee.is(VK::Builtin) && callee.builtin->name == "advance")
    return error(Err::Type, n->loc)
        .says("the result of `tl.advance` is not used: `tl.advance` does not change its argument")
        .hint("assign it: `ptr = tl.advance(ptr, ...)`");
  Args args = TRY(arguments(n));
  return call(callee, std::move(args));
}

Result<Val> CodeGen::staticAssert(const Node* n) {
  if (n->kids.size() < 2 || n->kids.size() > 3 || n->kids.back()->kind == Kind::Keyword)
    return error(Err::Type, n->loc).says("`static_assert` takes a condition and optionally a message");
  Val passed = TRY(eval(n->kid(1)));
  if (passed.known) passed = Val::boolean(truthy(*passed.known));
  if (!passed.is(VK::Bool))
    return error(Err::Type, n->kid(1)->loc)
        .says("this condition is not known at compile time: it is ", passed)
        .hint("use constexprs only, or check it in the running kernel with `tl.device_assert`");
  if (passed.number) return Val::none();
  std::string message;
  if (n->kid(2)) message = str(TRY(eval(n->kid(2))));
  return error(Err::StaticAssert, n->kid(1)->loc).says("static assertion failed", message.empty() ? "" : cat(": ", message));
}

Result<Val> CodeGen::subscript(const Node* n) {
  Val v = TRY(eval(n->kid(0)));
  Val at = TRY(eval(n->kid(1)));
  b_.setLoc(n->loc);
  return index(v, at, n);
}

// The place of an item, counted from the end if negative.
Result<size_t> CodeGen::itemIndex(Int at, size_t size, std::string_view container, Loc loc) {
  const Int count = static_cast<Int>(size), i = at < 0 ? at + count : at;
  if (i >= 0 && i < count) return static_cast<size_t>(i);
  auto& d = raise("IndexError", loc);
  d.says("index ", intText(at), " is out of range for a ", container, " of ", size);
  return d;
}

// A tensor has only new axes and whole ones as indices.
Result<Val> CodeGen::indexTensor(const Val& v, const Val& at, const Node* n) {
  const Loc loc = n->kid(1)->loc;
  if (v.tensor.type.scalar.isPointer() && !at.isNone() && !at.is(VK::Slice) && !at.is(VK::Tuple))
    return error(Err::Unsupported, n->kid(0)->loc)
        .says("`", unparse(n->kid(0)), "` is a pointer, which cannot be indexed")
        .hint("read the element with `tl.load(", unparse(n->kid(0)), " + ", unparse(n->kid(1)), ")`");
  std::vector<Val> parts = at.is(VK::Tuple) ? *at.items : std::vector<Val>{at};
  Tensor t = v.tensor;
  for (size_t i = 0; i < parts.size(); ++i) {
    const Val& p = parts[i];
    bool whole = p.is(VK::Slice) && p.item(0).isNone() && p.item(1).isNone() && p.item(2).isNone();
    if (p.isNone()) {
      if (i > t.type.shape.size()) return error(Err::Shape, loc).says("this index has more axes than ", v.tensor.type);
      if (t.type.shape.size() == kMaxRank) return error(Err::Shape, loc).says("a tensor can have at most ", kMaxRank, " axes");
      t = expandDims(t, static_cast<int>(i));
    } else if (!whole) {
      return error(Err::Unsupported, loc)
          .says("a tensor can be indexed with `None` and `:` only, to add axes")
          .label(n->kid(0)->loc, v.tensor.type)
          .hint("to select elements use `tl.gather`, `tl.where` with a reduction, or a load from memory");
    }
  }
  return Val::of(t);
}

Result<std::vector<Val>> CodeGen::sliceOf(const std::vector<Val>& from, const Val& slice, Loc loc) {
  for (const Val& p : *slice.items)
    if (!p.isNone() && !p.isInt()) return error(Err::Type, loc).says("the bounds of a slice must be constexpr integers");
  const int64_t size = static_cast<int64_t>(from.size()), step = slice.item(2).isNone() ? 1 : static_cast<int64_t>(slice.item(2).number);
  if (step == 0) return error(Err::Type, loc).says("the step of a slice cannot be 0");
  auto bound = [&](const Val& p, int64_t otherwise) {
    if (p.isNone()) return otherwise;
    Int i = p.number < 0 ? p.number + size : p.number;
    return static_cast<int64_t>(std::clamp<Int>(i, step < 0 ? -1 : 0, step < 0 ? size - 1 : size));
  };
  const int64_t first = bound(slice.item(0), step < 0 ? size - 1 : 0), end = bound(slice.item(1), step < 0 ? -1 : size);
  std::vector<Val> items;
  for (int64_t i = first; step > 0 ? i < end : i > end; i += step) items.push_back(from[static_cast<size_t>(i)]);
  return items;
}

Result<Val> CodeGen::indexTuple(const Val& v, const Val& at, const Node* n) {
  const Loc loc = n->kid(1)->loc;
  const Node* base = n->kid(0);
  if (at.isInt()) {
    if (v.size() == 0 && base->kind == Kind::Attribute && base->text == "shape") {
      auto& d = raise("IndexError", loc);
      d.says("`", unparse(base->kid(0)), "` has no axes: it is a pointer or a scalar").hint("pass the size as an argument");
      return d;
    }
    return v.item(TRY(itemIndex(at.number, v.size(), "tuple", loc)));
  }
  if (at.is(VK::Slice)) return tuple(TRY(sliceOf(v.items ? *v.items : std::vector<Val>{}, at, loc)));
  if (at.isTensor())
    return error(Err::Type, loc)
        .says("the index of a tuple must be known at compile time, but this is ", at)
        .hint("use a constexpr, such as the variable of a tl.static_range loop");
  return error(Err::Type, loc).says("a tuple is indexed with integers, but this is ", at);
}

Result<Val> CodeGen::indexDict(const Val& v, const Val& at, Loc loc) {
  for (size_t i = 0; i < v.object->items.size(); ++i)
    if (sameConstant(v.object->items[i], at)) return v.object->values[i];
  auto& d = raise("KeyError", loc);
  shared_.raised->items = keep(std::vector<Val>{at});
  d.says("the dictionary has no key ", repr(at));
  return d;
}

Result<Val> CodeGen::indexString(const Val& v, const Val& at, Loc loc) {
  const std::vector<Val> characters = TRY(iterate(v, loc));
  if (at.isInt()) return characters[TRY(itemIndex(at.number, characters.size(), "string", loc))];
  std::string out;
  for (const Val& c : TRY(sliceOf(characters, at, loc))) out += c.text;
  return Val::string(keep(std::move(out)));
}

Result<Val> CodeGen::index(const Val& v, const Val& at, const Node* n) {
  if (at.isTensor() && at.known) return index(v, *at.known, n);
  const Loc loc = n->kid(1)->loc;
  if (v.is(VK::Object)) return askPython(cat(TRY(pythonText(v, loc)), "[", TRY(pythonText(at, loc)), "]"), "[]", loc);
  if (v.isTensor()) return indexTensor(v, at, n);
  if (v.is(VK::Tuple)) return indexTuple(v, at, n);
  if (v.is(VK::List)) {
    Val result = TRY(indexTuple(tuple(v.object->items), at, n));
    return at.is(VK::Slice) ? list(*result.items) : result;
  }
  if (v.is(VK::Dict)) return indexDict(v, at, loc);
  if (v.is(VK::Str) && (at.is(VK::Slice) || at.isInt())) return indexString(v, at, loc);
  return error(Err::Type, n->kid(0)->loc).says(v, " cannot be indexed");
}

// Constexprs are evaluated at compile time where possible; what remains is and/or without short-circuit.
Result<Val> CodeGen::boolOp(const Node* n) {
  bool conjunction = n->text == "and";
  std::vector<std::pair<Val, Loc>> left;
  Val last;
  Loc lastLoc;
  for (const Node* kid : n->kids) {
    last = TRY(eval(kid));
    lastLoc = kid->loc;
    if (last.isTensor())
      left.push_back({last, kid->loc});
    else if (truthy(last) != conjunction)
      return last;
  }
  if (left.empty()) return last;
  b_.setLoc(n->loc);
  while (left.size() > 1) {
    auto b = left.back();
    left.pop_back();
    auto a = left.back();
    left.pop_back();
    left.push_back({Val::of(TRY(logical(conjunction, a.first, b.first, {n->at, a.second, b.second}))), a.second});
  }
  return left[0].first;
}

Result<Val> CodeGen::joinedString(const Node* n) {
  std::string out;
  for (const Node* part : n->kids) {
    if (part->kind == Kind::Str) {
      out += part->text;
      continue;
    }
    Val v = TRY(eval(part->kid(0)));
    if (v.isTensor() || v.is(VK::Desc) || v.is(VK::BlockPtr))
      return error(Err::Type, part->loc)
          .says("an f-string in a kernel can only format constexprs, but `", unparse(part->kid(0)), "` is ", v)
          .hint("print it with `tl.device_print(\"", unparse(part->kid(0)), "\", ", unparse(part->kid(0)), ")`");
    std::string_view spec;
    if (const Node* format = part->kid(1)) spec = TRY(joinedString(format)).text;
    if (part->text == "a")
      v = Val::string(keep(ascii(v)));
    else if (part->text == "r")
      v = Val::string(keep(repr(v)));
    else if (part->text == "s")
      v = Val::string(keep(str(v)));
    Val piece = TRY(formatted(v, spec, part->loc));
    out += piece.text;
  }
  return Val::string(keep(std::move(out)));
}

}  // namespace nereid::tl
