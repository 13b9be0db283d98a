// SPDX-License-Identifier: MIT
// Names, operators, calls, subscripts, f-strings.
#include <algorithm>

#include "frontends/tl/codegen.h"

namespace nereid::tl {

namespace {

// `nereid.language` and its like are Triton's modules under another name.
std::string tritonName(const std::string& dotted) { return dotted == "nereid" || dotted.starts_with("nereid.") ? cat("triton", std::string_view(dotted).substr(6)) : dotted; }

}  // namespace

Result<Val> CodeGen::global(SourceModule& module, const std::string& name, Loc use) {
  auto it = module.globals.find(name);
  if (it == module.globals.end()) {
    std::vector<std::string> names;
    for (auto& [known, g] : module.globals) names.push_back(known);
    std::string near = nearest(name, names);
    return error(Err::UnknownName, use).says("`", module.name, "` has no `", name, "`").meant(near);
  }
  Global& g = it->second;
  if (g.value) return *g.value;
  if (g.busy) return error(Err::UnknownName, use).says("`", name, "` is defined by itself").label(g.loc, "defined here");
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
    case Global::Import: {
      auto known = [](const std::string& imported) -> std::string_view {
        std::string dotted = tritonName(imported);
        static constexpr std::pair<std::string_view, std::string_view> kKnown[] = {
            {"triton", "triton"}, {"triton.language", "tl"}, {"triton.language.core", "tl"}, {"triton.language.standard", "tl"},
            {"triton.language.random", "tl"}, {"triton.language.math", "tl.math"}, {"triton.language.extra", "tl.extra"},
            {"triton.language.extra.cuda", "tl.extra"}, {"triton.language.extra.hip", "tl.extra"}, {"triton.language.libdevice", "libdevice"},
            {"triton.language.extra.libdevice", "libdevice"}, {"triton.language.extra.cuda.libdevice", "libdevice"},
            {"triton.language.extra.hip.libdevice", "libdevice"}, {"triton.language.target_info", "target_info"}, {"math", "math"}};
        for (auto& [from, to] : kKnown)
          if (from == dotted) return to;
        return "";
      };
      std::string whole = g.member.empty() ? g.from : cat(g.from, g.from.ends_with('.') ? "" : ".", g.member);
      if (std::string_view m = known(whole); !m.empty()) {
        value = Val::named(VK::Module, m);
      } else if (std::string_view from = known(g.from); !from.empty() && !g.member.empty()) {
        value = moduleMember(Val::named(VK::Module, from), g.member, use);
      } else if (g.member.empty()) {
        Val v = Val::named(VK::Module, g.from);
        v.module = shared_.loader.import(module, g.from);
        if (!v.module) v.text = keep(cat("external:", g.from));
        value = v;
      } else if (SourceModule* file = shared_.loader.import(module, g.from); file && file->globals.contains(g.member)) {
        value = global(*file, g.member, use);
      } else if (SourceModule* sub = shared_.loader.import(module, whole)) {
        Val v = Val::named(VK::Module, g.member);
        v.module = sub;
        value = v;
      } else if (file) {
        std::vector<std::string> names;
        for (auto& [other, unused] : file->globals) names.push_back(other);
        std::string near = nearest(g.member, names);
        value = error(Err::UnknownName, use).says("`", g.from, "` has no `", g.member, "`").label(g.loc, "imported here").meant(near);
      } else {
        value = Val::named(VK::Module, keep(cat("external:", whole)));
      }
      break;
    }
    case Global::Constant: {
      CodeGen host(shared_, nullptr, &module, nullptr, {});
      host.host_ = true;
      size_t before = shared_.diags.size();
      Parser parser(module.tokens, g.token, module.arena, shared_.diags);
      auto node = parser.wholeExpression();
      value = node ? host.eval(*node) : Result<Val>(std::unexpected(Failed{}));
      if (!value) {
        shared_.diags.truncate(before);
        g.busy = false;
        return error(Err::Global, use).says("the global `", name, "` cannot be worked out at compile time").label(g.loc, "defined here").hint("pass it to the kernel as a tl.constexpr parameter");
      }
      break;
    }
  }
  g.busy = false;
  if (value) g.value = *value;
  return value;
}

Result<Val> CodeGen::lookup(const Node* n) {
  const std::string& name = n->text;
  if (auto found = scope_.find(name); found != scope_.end()) {
    if (!found->second.is(VK::Unbound)) return found->second;
    return error(Err::UnknownName, n->loc).says("`", name, "` has no value here").hint("a loop's variable ends with the loop; a name must have a value on every path");
  }
  if (auto g = source_->globals.find(name); g != source_->globals.end()) {
    Val v = TRY(global(*source_, name, n->loc));
    bool plain = v.isNumber() || v.is(VK::Str) || v.isNone() || v.is(VK::Tuple);
    if (plain && !v.wrapped && !host_ && g->second.kind != Global::Function) {
      if (g->second.annotated)
        return error(Err::Global, n->loc)
            .says("the global `", name, "` is annotated as a constexpr, but its value is not one")
            .label(g->second.loc, "defined here")
            .hint("write `", name, " = tl.constexpr(...)`");
      return error(Err::Global, n->loc)
          .says("a kernel can only use globals that are constexpr, and `", name, "` is a plain ", v.isNumber() ? "number" : "value")
          .label(g->second.loc, "defined here")
          .hint("write `", name, " = tl.constexpr(", repr(v), ")`");
    }
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
  if (const BuiltinInfo* info = findPythonBuiltin(name); info && (host_ || info->tag == 0)) return Val::of(info);
  if (name == "int" || name == "float" || name == "bool" || name == "str" || name == "tuple") return Val::named(VK::Class, name);
  std::vector<std::string> names;
  for (auto& [known, v] : scope_)
    if (known[0] != ':') names.push_back(known);
  for (auto& [known, g] : source_->globals) names.push_back(known);
  std::string near = nearest(name, names);
  std::string hint = near.empty() ? "" : cat("did you mean `", near, "`?");
  if (findBuiltin(name) || shared_.loader.builtinLibrary().globals.contains(name)) hint = cat("in a kernel it is `tl.", name, "`");
  if (scope_.contains(cat(":", name))) hint = "it is declared, but not yet assigned";
  return error(Err::UnknownName, n->loc).says("`", name, "` is not defined").hint(hint);
}

Result<Val> CodeGen::eval(const Node* n) {
  struct Depth {
    explicit Depth(int& d) : d_(d) { ++d_; }
    ~Depth() { --d_; }
    int& d_;
  } depth(depth_);
  if (depth_ > 1000) return error(Err::Unsupported, n->loc).says("this expression is nested too deep");
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
    case Kind::Attribute: {
      Val v = TRY(eval(n->kid(0)));
      return attribute(v, n->text, n->at, n);
    }
    case Kind::Subscript: return subscript(n);
    case Kind::Slice: {
      std::vector<Val> parts;
      for (size_t i = 0; i < 3; ++i) parts.push_back(n->kid(i) ? TRY(eval(n->kid(i))) : Val::none());
      Val v = Val::of(VK::Slice);
      v.items = keep(std::move(parts));
      return v;
    }
    case Kind::Call: return callExpression(n);
    case Kind::Tuple: case Kind::List: {
      std::vector<Val> items;
      for (const Node* kid : n->kids) {
        if (kid->kind == Kind::Starred) {
          Val v = TRY(eval(kid->kid(0)));
          if (!v.is(VK::Tuple)) return error(Err::Type, kid->loc).says("only a tuple can be unpacked, but this is ", v);
          items.insert(items.end(), v.items->begin(), v.items->end());
        } else {
          items.push_back(TRY(eval(kid)));
        }
      }
      return tuple(std::move(items));
    }
    case Kind::ListComp: return listComp(n);
    case Kind::BinOp: case Kind::Compare: {
      // Long chains of one operator lean to the left: walk down them instead of recursing.
      std::vector<const Node*> chain;
      const Node* leaf = n;
      while (leaf->kind == Kind::BinOp) {
        chain.push_back(leaf);
        leaf = leaf->kid(0);
      }
      if (n->kind == Kind::Compare) {
        Val a = TRY(eval(n->kid(0))), b = TRY(eval(n->kid(1)));
        b_.setLoc(n->loc);
        return binaryOperator(n->text, a, b, {n->at, n->kid(0)->loc, n->kid(1)->loc});
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
    case Kind::UnaryOp: {
      Val v = TRY(eval(n->kid(0)));
      b_.setLoc(n->loc);
      return unaryOperator(n->text, v, n->loc, n->kid(0)->loc);
    }
    case Kind::BoolOp: return boolOp(n);
    case Kind::IfExp: return conditional(n);
    case Kind::NamedExpr: {
      Val v = TRY(eval(n->kid(1)));
      if (!host_) v = TRY(sanitize(v, n->kid(1)->loc));
      CHECK_OK(assign(n->kid(0), v));
      return v;
    }
    default: return error(Err::Unsupported, n->loc).says("a ", kindName(n->kind), " is not supported here");
  }
}

Result<Val> CodeGen::unaryOperator(const std::string& op, const Val& v, Loc at, Loc operand) {
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

Result<Val> CodeGen::binaryOperator(const std::string& op, const Val& a, const Val& b, const Locs& locs) {
  if (op == "is" || op == "is not") {
    bool same = a.kind == b.kind && sameConstant(a, b);
    return Val::boolean(same == (op == "is"));
  }
  if (a.cls || b.cls)
    if (auto v = TRY(operatorMethod(op, a, b, locs))) return *v;
  auto notValue = [](const Val& v) { return v.is(VK::Desc) || v.is(VK::BlockPtr) || v.is(VK::Unbound); };
  if (notValue(a) || notValue(b)) {
    const Val& bad = notValue(a) ? a : b;
    return error(Err::Type, notValue(a) ? locs.a : locs.b).says("`", op, "` does not take ", bad).hint(bad.is(VK::BlockPtr) ? "move a block pointer with `tl.advance`" : "");
  }
  for (const Val* v : {&a, &b})
    if (v->is(VK::Module) && v->text.starts_with("external:"))
      return error(Err::UnknownName, v == &a ? locs.a : locs.b).says("`", v->text.substr(9), "` is not known at compile time: kernels see Triton, constexpr globals and functions of their own files");
  if (!a.isTensor() && !b.isTensor()) return constantBinary(op, a, b, locs);
  if (host_) return error(Err::Type, locs.at).says("a tensor cannot be used at compile time");
  const Val& other = a.isTensor() ? b : a;
  if (!other.isTensor() && !other.isNumber()) {
    Loc at = a.isTensor() ? locs.b : locs.a;
    return error(Err::Type, at).says("`", op, "` takes tensors and numbers, but this is ", other);
  }
  if (op == "+") return Val::of(add(a, b, locs));
  if (op == "-") return Val::of(sub(a, b, locs));
  if (op == "*") return Val::of(mul(a, b, locs));
  if (op == "/") return Val::of(trueDiv(a, b, locs));
  if (op == "//") return Val::of(floorDiv(a, b, locs));
  if (op == "%") return Val::of(mod(a, b, locs));
  if (op == "&") return Val::of(bitwise(Op::AndI, a, b, locs));
  if (op == "|") return Val::of(bitwise(Op::OrI, a, b, locs));
  if (op == "^") return Val::of(bitwise(Op::XOrI, a, b, locs));
  if (op == "<<") return Val::of(bitwise(Op::ShLI, a, b, locs));
  if (op == ">>") return Val::of(shiftRight(a, b, locs));
  if (op == "**")
    return error(Err::Unsupported, locs.at).says("`**` is not defined for tensors").label(locs.a, a).hint("multiply, or use `tl.exp2(b * tl.log2(a))`");
  return Val::of(compare(op, a, b, locs));
}

Result<Args> CodeGen::arguments(const Node* n) {
  Args args;
  args.call = n->loc;
  args.callee = n->kid(0)->kind == Kind::Attribute ? n->kid(0)->at : n->kid(0)->loc;
  // Triton visits keyword arguments before positional ones.
  for (size_t i = 1; i < n->kids.size(); ++i)
    if (n->kids[i]->kind == Kind::Keyword) args.named.push_back({n->kids[i]->text, {TRY(eval(n->kids[i]->kid(0))), n->kids[i]->kid(0)->loc}});
  for (size_t i = 1; i < n->kids.size(); ++i) {
    const Node* kid = n->kids[i];
    if (kid->kind == Kind::Keyword) continue;
    if (kid->kind != Kind::Starred) {
      args.positional.push_back({TRY(eval(kid)), kid->loc});
      continue;
    }
    Val v = TRY(eval(kid->kid(0)));
    if (!v.is(VK::Tuple)) return error(Err::Type, kid->loc).says("only a tuple can be unpacked into arguments, but this is ", v);
    for (const Val& item : *v.items) args.positional.push_back({item, kid->loc});
  }
  b_.setLoc(n->loc);
  return args;
}

Result<Val> CodeGen::callExpression(const Node* n) {
  bool unused = unused_ == n;
  Val callee = TRY(eval(n->kid(0)));
  if (callee.is(VK::Builtin) && callee.builtin->name == "static_assert") return staticAssert(n);
  if (unused && callee.is(VK::Builtin) && callee.builtin->name == "advance")
    return error(Err::Type, n->loc).says("the result of `tl.advance` is not used: it moves nothing by itself").hint("assign it: `ptr = tl.advance(ptr, ...)`");
  Args args = TRY(arguments(n));
  return call(callee, std::move(args));
}

Result<Val> CodeGen::staticAssert(const Node* n) {
  if (n->kids.size() < 2 || n->kids.size() > 3 || n->kids.back()->kind == Kind::Keyword)
    return error(Err::Type, n->loc).says("`static_assert` takes a condition and perhaps a message");
  Val passed = TRY(eval(n->kid(1)));
  if (!passed.is(VK::Bool))
    return error(Err::Type, n->kid(1)->loc).says("this condition is not known at compile time: it is ", passed).hint("use constexprs only, or `tl.device_assert`");
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

Result<Val> CodeGen::index(const Val& v, const Val& at, const Node* n) {
  Loc loc = n->kid(1)->loc;
  if (v.isTensor()) {
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
            .hint("elements are chosen with a mask and a reduction, `tl.gather`, or a load from memory");
      }
    }
    return Val::of(t);
  }
  if (v.is(VK::Tuple)) {
    int64_t size = static_cast<int64_t>(v.size());
    if (at.isInt()) {
      Int i = at.number < 0 ? at.number + size : at.number;
      if (i < 0 || i >= size) return error(Err::Type, loc).says("index ", intText(at.number), " is out of range for a tuple of ", size);
      return v.item(static_cast<size_t>(i));
    }
    if (at.is(VK::Slice)) {
      for (const Val& p : *at.items)
        if (!p.isNone() && !p.isInt()) return error(Err::Type, loc).says("the bounds of a slice must be constexpr integers");
      int64_t step = at.item(2).isNone() ? 1 : static_cast<int64_t>(at.item(2).number);
      if (step == 0) return error(Err::Type, loc).says("the step of a slice cannot be 0");
      auto clampTo = [&](const Val& p, int64_t otherwise) {
        if (p.isNone()) return otherwise;
        Int i = p.number < 0 ? p.number + size : p.number;
        return static_cast<int64_t>(std::clamp<Int>(i, step < 0 ? -1 : 0, step < 0 ? size - 1 : size));
      };
      int64_t from = clampTo(at.item(0), step < 0 ? size - 1 : 0), to = clampTo(at.item(1), step < 0 ? -1 : size);
      std::vector<Val> items;
      for (int64_t i = from; step > 0 ? i < to : i > to; i += step) items.push_back(v.item(static_cast<size_t>(i)));
      return tuple(std::move(items));
    }
    if (at.isTensor()) return error(Err::Type, loc).says("a tuple is indexed at compile time, but this is ", at).hint("use a constexpr, such as the variable of tl.static_range");
    return error(Err::Type, loc).says("a tuple is indexed with integers, but this is ", at);
  }
  if (v.is(VK::Str) && at.isInt()) {
    int64_t size = static_cast<int64_t>(v.text.size());
    Int i = at.number < 0 ? at.number + size : at.number;
    if (i < 0 || i >= size) return error(Err::Type, loc).says("index ", intText(at.number), " is out of range for a string of ", size);
    return Val::string(v.text.substr(static_cast<size_t>(i), 1));
  }
  return error(Err::Type, n->kid(0)->loc).says(v, " cannot be indexed");
}

// Constexprs decide at compile time where they can; what is left is and/or without short-circuit.
Result<Val> CodeGen::boolOp(const Node* n) {
  bool conjunction = n->text == "and";
  std::vector<std::pair<Val, Loc>> left;
  Val last;
  Loc lastLoc;
  for (const Node* kid : n->kids) {
    last = TRY(eval(kid));
    lastLoc = kid->loc;
    if (last.isTensor()) left.push_back({last, kid->loc});
    else if (truthy(last) != conjunction) return last;
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
      return error(Err::Type, part->loc).says("an f-string in a kernel can only hold constexprs, but `", unparse(part->kid(0)), "` is ", v).hint("`tl.device_print(\"x\", x)` prints values of the running kernel");
    std::string piece = part->text == "r" || part->text == "a" ? repr(v) : str(v);
    if (const Node* format = part->kid(1)) {
      // The common alignments and integer bases; anything else prints plainly.
      const std::string& f = format->text;
      if (v.isInt() && v.number >= 0 && (f.ends_with('x') || f.ends_with('X') || f.ends_with('b'))) {
        unsigned base = f.ends_with('b') ? 2 : 16;
        std::string digits;
        for (unsigned __int128 x = static_cast<unsigned __int128>(v.number); x; x /= base) digits += "0123456789abcdef"[static_cast<size_t>(x % base)];
        std::reverse(digits.begin(), digits.end());
        piece = digits.empty() ? "0" : digits;
      }
      size_t width = 0;
      bool zero = !f.empty() && f[0] == '0';
      for (char c : f)
        if (c >= '0' && c <= '9' && width < 100) width = width * 10 + static_cast<size_t>(c - '0');
      if (f.find('.') == std::string::npos && piece.size() < width && width < 200) piece.insert(0, width - piece.size(), zero ? '0' : ' ');
    }
    out += piece;
  }
  return Val::string(keep(std::move(out)));
}

Result<Val> CodeGen::listComp(const Node* n) {
  Val items = TRY(eval(n->kid(2)));
  if (!items.is(VK::Tuple)) return error(Err::Unsupported, n->kid(2)->loc).says("a list comprehension runs over a tuple, but this is ", items);
  std::vector<Val> out;
  for (const Val& item : *items.items) {
    CHECK_OK(assign(n->kid(1), item));
    out.push_back(TRY(eval(n->kid(0))));
  }
  return tuple(std::move(out));
}

}  // namespace nereid::tl
