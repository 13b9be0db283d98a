// SPDX-License-Identifier: MIT
// Statements that only compile-time Python has: loops with `break`, exceptions, imports, nested functions, comprehensions.
#include <algorithm>

#include "frontends/tl/codegen.h"

namespace nereid::tl {

bool exceptionIs(std::string_view exception, std::string_view wanted);

namespace {

void targetNames(const Node* target, std::set<std::string>& out) {
  if (target->kind == Kind::Name) out.insert(target->text);
  if (target->kind == Kind::Tuple || target->kind == Kind::List || target->kind == Kind::Starred)
    for (const Node* kid : target->kids) targetNames(kid, out);
}

}  // namespace

std::string tritonName(std::string_view dotted) {
  return dotted == "nereid" || dotted.starts_with("nereid.") ? cat("triton", dotted.substr(6)) : std::string(dotted);
}

bool CodeGen::loopGoesOn() {
  if (!stopped_) return true;
  bool next = jump_ == Jump::Continue;
  if (jump_ != Jump::None) stopped_ = false;
  jump_ = Jump::None;
  return next;
}

Result<void> CodeGen::hostFor(const Node* n) {
  Val over = TRY(eval(n->kid(1)));
  std::vector<Val> fixed = over.is(VK::List) ? std::vector<Val>{} : TRY(iterate(over, n->kid(1)->loc));
  // A list may grow during the iteration.
  const std::vector<Val>& items = over.is(VK::List) ? over.object->items : fixed;
  for (size_t i = 0; i < items.size(); ++i) {
    CHECK_OK(hostBudget(n->loc));
    CHECK_OK(assign(n->kid(0), Val(items[i])));
    CHECK_OK(block(n->kid(2)));
    if (!loopGoesOn()) return {};
  }
  return n->kid(3) ? block(n->kid(3)) : Result<void>{};
}

Result<void> CodeGen::hostRaise(const Node* n) {
  Val exception;
  const Node* what = n->kid(0);
  if (!what) {
    if (handling_.empty()) return error(Err::Type, n->loc).says("`raise` without an exception is possible only in `except`");
    exception = handling_.back();
  } else {
    // A user's exception class is known only by its name.
    const Node* cls = what->kind == Kind::Call ? what->kid(0) : what;
    Val callee = TRY(eval(cls));
    if (callee.is(VK::Module)) {
      size_t dot = callee.text.find_last_of(".:");
      exception = Val::named(VK::Exception, dot == std::string_view::npos ? callee.text : callee.text.substr(dot + 1));
      std::vector<Val> items;
      if (what->kind == Kind::Call)
        for (const Arg& a : TRY(arguments(what)).positional) items.push_back(a.value);
      exception.items = keep(std::move(items));
    } else {
      exception = what->kind == Kind::Call ? TRY(eval(what)) : callee;
    }
    if (exception.is(VK::Class) && isException(exception.text)) {
      exception = Val::named(VK::Exception, exception.text);
      exception.items = keep(std::vector<Val>{});
    }
    if (!exception.is(VK::Exception)) return error(Err::Type, what->loc).says("only exceptions can be raised, but this is ", exception);
  }
  shared_.raised = exception;
  std::string message = str(exception);
  return error(Err::StaticAssert, n->loc).says(exception.text, message.empty() ? "" : ": ", message);
}

Result<void> CodeGen::hostTry(const Node* n) {
  Diags& diags = shared_.diags;
  size_t before = diags.size();
  shared_.raised.reset();
  int calls = shared_.callDepth;
  Result<void> done = block(n->kid(0));
  if (!done && diags.size() > before) {
    Val e = Val::named(VK::Exception, "");
    if (shared_.raised)
      e = *shared_.raised;
    else if (diags[before].err == Err::Type)
      e.text = "TypeError";
    else if (diags[before].err == Err::UnknownName)
      e.text = "NameError";
    if (!e.text.empty() && !e.items) e.items = keep(std::vector<Val>{Val::string(keep(std::string(diags[before].text)))});
    for (size_t i = 3; i < n->kids.size() && !e.text.empty(); ++i) {
      const Node* handler = n->kids[i];
      bool matches = !handler->kid(0);
      if (!matches) {
        Val classes = TRY(eval(handler->kid(0)));
        for (const Val& c : classes.is(VK::Tuple) ? *classes.items : std::vector<Val>{classes}) {
          size_t dot = c.text.find_last_of(".:");
          std::string_view name = c.is(VK::Module) && dot != std::string_view::npos ? c.text.substr(dot + 1) : c.text;
          matches |= exceptionIs(e.text, name) || (e.text == "NameError" && name == "AttributeError");
        }
      }
      if (!matches) continue;
      diags.truncate(before);
      shared_.raised.reset();
      shared_.callDepth = calls;
      if (!handler->text.empty()) scope_[handler->text] = e;
      handling_.push_back(e);
      done = block(handler->kid(1));
      handling_.pop_back();
      scope_.erase(handler->text);
      break;
    }
  } else if (done && !stopped_ && n->kid(1)) {
    done = block(n->kid(1));
  }
  if (const Node* last = n->kid(2)) {
    bool stopped = std::exchange(stopped_, false);
    Jump jump = std::exchange(jump_, Jump::None);
    auto raised = shared_.raised;
    CHECK_OK(block(last));
    if (stopped_) {  // it replaces a pending jump or exception
      diags.truncate(before);
      return {};
    }
    stopped_ = stopped;
    jump_ = jump;
    shared_.raised = raised;
  }
  return done;
}

Result<void> CodeGen::hostImport(const Node* n) {
  for (const Node* alias : n->kids)
    scope_[alias->text] = TRY(importValue(*source_, alias->kid(0)->text, alias->kid(1) ? alias->kid(1)->text : "", alias->loc, alias->loc));
  return {};
}

Result<void> CodeGen::hostDelete(const Node* target) {
  if (target->kind == Kind::Tuple || target->kind == Kind::List) {
    for (const Node* kid : target->kids) CHECK_OK(hostDelete(kid));
    return {};
  }
  if (target->kind == Kind::Name) {
    TRY(lookup(target));
    scope_.erase(target->text);
    return {};
  }
  if (target->kind != Kind::Subscript) return error(Err::Unsupported, target->loc).says("this cannot be deleted");
  Val v = TRY(eval(target->kid(0))), at = TRY(eval(target->kid(1)));
  TRY(index(v, at, target));  // reports a missing item
  if (!v.isObject() || v.object->frozen || (v.is(VK::List) && !at.isInt()))
    return error(Err::Unsupported, target->loc).says("cannot delete an item of ", v);
  HostObject& o = *v.object;
  size_t i = 0;
  if (v.is(VK::List))
    i = static_cast<size_t>(at.number < 0 ? at.number + static_cast<Int>(o.items.size()) : at.number);
  else
    while (!sameConstant(o.items[i], at)) ++i;
  o.items.erase(o.items.begin() + static_cast<ptrdiff_t>(i));
  if (v.is(VK::Dict)) o.values.erase(o.values.begin() + static_cast<ptrdiff_t>(i));
  return {};
}

Result<Val> CodeGen::importValue(SourceModule& module, std::string_view from, std::string_view member, Loc loc, Loc use) {
  auto known = [](std::string_view imported) -> std::string_view {
    std::string dotted = tritonName(imported);
    static constexpr std::pair<std::string_view, std::string_view> kKnown[] = {{"triton", "triton"},
                                                                               {"triton.language", "tl"},
                                                                               {"triton.language.core", "tl"},
                                                                               {"triton.language.standard", "tl"},
                                                                               {"triton.language.random", "tl"},
                                                                               {"triton.language.math", "tl.math"},
                                                                               {"triton.language.extra", "tl.extra"},
                                                                               {"triton.language.extra.cuda", "tl.extra"},
                                                                               {"triton.language.extra.hip", "tl.extra"},
                                                                               {"triton.language.libdevice", "libdevice"},
                                                                               {"triton.language.extra.libdevice", "libdevice"},
                                                                               {"triton.language.extra.cuda.libdevice", "libdevice"},
                                                                               {"triton.language.extra.hip.libdevice", "libdevice"},
                                                                               {"triton.language.target_info", "target_info"},
                                                                               {"math", "math"},
                                                                               {"itertools", "itertools"},
                                                                               {"functools", "functools"},
                                                                               {"operator", "operator"},
                                                                               {"importlib", "importlib"}};
    for (auto& [name, to] : kKnown)
      if (name == dotted) return to;
    return "";
  };
  std::string whole = member.empty() ? std::string(from) : cat(from, from.ends_with('.') ? "" : ".", member);
  if (std::string_view m = known(whole); !m.empty()) return Val::named(VK::Module, m);
  if (member == "_log2" && known(from) == "tl")
    return global(shared_.loader.builtinLibrary(), member, use);  // private in the library, but used by kernels
  if (std::string_view m = known(from); !m.empty() && !member.empty()) return moduleMember(Val::named(VK::Module, m), member, use);
  if (member.empty()) {
    Val v = Val::named(VK::Module, keep(std::string(from)));
    v.module = shared_.loader.import(module, from);
    if (!v.module) v.text = keep(cat("external:", from));
    return v;
  }
  SourceModule* file = shared_.loader.import(module, from);
  if (file && file->globals.contains(member)) return global(*file, member, use);
  if (SourceModule* sub = shared_.loader.import(module, whole)) {
    Val v = Val::named(VK::Module, keep(std::string(member)));
    v.module = sub;
    return v;
  }
  if (file) {
    std::vector<std::string> names;
    for (auto& [other, unused] : file->globals) names.push_back(other);
    std::string near = nearest(member, names);
    return error(Err::UnknownName, use).says("`", from, "` has no `", member, "`").label(loc, "imported here").meant(near);
  }
  return Val::named(VK::Module, keep(cat("external:", whole)));
}

Result<Val> CodeGen::makeClosure(const Node* n) {
  Closure& c = shared_.loader.closure();
  c.def.name = n->kind == Kind::Lambda ? "<lambda>" : n->text;
  c.def.module = source_;
  c.def.loc = n->loc;
  c.node = n;
  c.frames.push_back(frame_);
  c.frames.insert(c.frames.end(), outer_.begin(), outer_.end());
  c.comprehension = comprehension_;
  for (size_t i = 0; i + 1 < n->kids.size(); ++i) c.defaults.push_back(n->kids[i]->kid(1) ? TRY(eval(n->kids[i]->kid(1))) : Val::none());
  Val v = Val::of(VK::Closure);
  v.closure = &c;
  return v;
}

Result<Val> CodeGen::callClosure(const Closure& c, const Args& args) {
  std::vector<Arg> bound = TRY(bind(c.def, c.node, args, true, &c.defaults));
  if (c.comprehension && !shared_.comprehensions.contains(c.comprehension))
    return error(Err::Unsupported, args.call)
        .says("this function was defined in a comprehension that has ended, so it cannot be called")
        .label(c.node->loc, "defined here");
  if (shared_.callDepth > 60) {
    auto& d = raise("RecursionError", args.callee);
    d.says("calls are nested too deep here");
    return d;
  }
  CodeGen inner(shared_, &c.def, c.def.module, this, args.call);
  inner.host_ = true;
  inner.folding_ = folding_;
  inner.outer_ = c.frames;
  for (size_t i = 0; i < bound.size(); ++i) {
    if (bound[i].value.isTensor())
      return error(Err::Type, bound[i].loc)
          .says("`", c.def.name, "` runs at compile time, but this argument is ", bound[i].value,
                ", whose value is known only when the kernel runs")
          .hint("define a @triton.jit function and pass it by name");
    inner.scope_[c.node->kids[i]->text] = bound[i].value;
  }
  ++shared_.callDepth;
  Result<Val> result = Val::none();
  if (c.node->kind == Kind::Lambda) {
    result = inner.eval(c.node->kids.back());
  } else {
    Result<void> done = inner.block(c.node->kids.back());
    result = done ? Result<Val>(inner.result_.value_or(Val::none())) : Result<Val>(std::unexpected(Failed{}));
  }
  --shared_.callDepth;
  if (!result) return result;
  return host_ ? *result : toKernel(*result);
}

Result<Val> CodeGen::comprehension(const Node* n) {
  std::vector<Val> items, values;
  // Its names are local. (In a kernel, those of a list comprehension remain, as in Triton.)
  std::set<std::string> names;
  for (size_t i = 2; i < n->kids.size(); ++i) targetNames(n->kids[i]->kid(0), names);
  Scope old;
  bool own = host_ || n->flag != '[';
  if (own)
    for (const std::string& name : names)
      if (auto found = scope_.find(name); found != scope_.end()) old.insert(*found);
  int around = std::exchange(comprehension_, ++shared_.comprehensionsMade);
  shared_.comprehensions.insert(comprehension_);
  Result<void> done = comprehensionClause(n, 2, items, values);
  shared_.comprehensions.erase(comprehension_);
  comprehension_ = around;
  if (own)
    for (const std::string& name : names) {
      scope_.erase(name);
      if (auto found = old.find(name); found != old.end()) scope_.insert(*found);
    }
  CHECK_OK(done);
  switch (n->flag) {
    case '{': return makeSet(items, n->loc);
    case ':': {
      Val v = Val::of(VK::Dict, shared_.loader.heap().object({}));
      for (size_t i = 0; i < items.size(); ++i) {
        if (values[i].isTensor())
          return error(Err::Unsupported, n->kid(1)->loc)
              .says("dictionaries and sets can contain compile-time values only, but this is ", values[i]);
        CHECK_OK(dictStore(*v.object, items[i], values[i], n->loc));
      }
      v.object->frozen = !host_;
      return v;
    }
    case '(': return iterator(std::move(items));
    default: return host_ ? list(std::move(items)) : tuple(std::move(items));
  }
}

Result<void> CodeGen::comprehensionClause(const Node* n, size_t clause, std::vector<Val>& items, std::vector<Val>& values) {
  if (clause == n->kids.size()) {
    items.push_back(TRY(eval(n->kid(0))));
    if (n->kid(1)) values.push_back(TRY(eval(n->kid(1))));
    return {};
  }
  const Node* c = n->kids[clause];
  if (c->flag == 'a') return error(Err::Unsupported, c->loc).says("`async` is not part of the Triton language");
  Val over = TRY(eval(c->kid(1)));
  if (!host_ && !over.is(VK::Tuple) && !over.isObject() && !over.is(VK::Str))
    return error(Err::Unsupported, c->kid(1)->loc).says("a comprehension in a kernel must iterate over a tuple, but this is ", over);
  for (const Val& item : TRY(iterate(over, c->kid(1)->loc))) {
    CHECK_OK(hostBudget(n->loc));
    CHECK_OK(assign(c->kid(0), item));
    bool keepIt = true;
    for (size_t i = 2; i < c->kids.size() && keepIt; ++i) {
      Val test = TRY(eval(c->kids[i]));
      if (test.isTensor())
        return error(Err::Type, c->kids[i]->loc).says("the condition of a comprehension must be known at compile time, but this is ", test);
      keepIt = truthy(test);
    }
    if (keepIt) CHECK_OK(comprehensionClause(n, clause + 1, items, values));
  }
  return {};
}

Result<Val> CodeGen::chainedComparison(const Node* n) {
  Val left = TRY(eval(n->kid(0)->kid(0))), result;
  for (const Node* c : n->kids) {
    Val right = TRY(eval(c->kid(1)));
    b_.setLoc(c->loc);
    if (left.isTensor() || right.isTensor())
      return error(Err::Unsupported, n->at).says("chained comparison is not part of the Triton language").hint("write `(a < b) & (b < c)`");
    result = TRY(binaryOperator(c->text, left, right, {c->at, c->kid(0)->loc, c->kid(1)->loc}));
    if (!truthy(result)) return result;
    left = right;
  }
  return result;
}

}  // namespace nereid::tl
