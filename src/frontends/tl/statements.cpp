// SPDX-License-Identifier: MIT
// Assignments, returns and the other simple statements.
#include <algorithm>

#include "frontends/tl/codegen.h"

namespace nereid::tl {

Result<void> CodeGen::block(const Node* block) {
  for (const Node* s : block->kids) {
    CHECK_OK(statement(s));
    if (stopped_) break;  // code after a return is dead
  }
  return {};
}

Result<void> CodeGen::assignment(const Node* n) {
  if (n->kids.size() > 2 && !host_)
    return error(Err::Unsupported, n->at)
        .says("several targets in one assignment are not part of the Triton language")
        .hint("write a separate assignment for each name");
  Val v = TRY(eval(n->kid(1)));
  if (!host_ && !making_) v = TRY(sanitize(v, n->kid(1)->loc));
  CHECK_OK(assign(n->kid(0), v));
  for (size_t i = 2; i < n->kids.size(); ++i) CHECK_OK(assign(n->kids[i], v));
  return {};
}

Result<void> CodeGen::annotatedAssignment(const Node* n) {
  const Node* target = n->kid(0);
  if (host_) return n->kid(2) ? assign(target, TRY(eval(n->kid(2)))) : Result<void>{};
  if (target->kind != Kind::Name) return error(Err::Unsupported, target->loc).says("only a plain name can be annotated");
  std::string annotation = unparse(n->kid(1));
  bool isConstexpr = annotation == "constexpr" || annotation.ends_with(".constexpr");
  if (!n->kid(2)) {  // a bare `x: tl.constexpr`: the assignment that follows keeps the constexpr
    if (isConstexpr) scope_[cat(":", target->text)] = Val::boolean(true);
    return {};
  }
  Val v = TRY(eval(n->kid(2)));
  if (!isConstexpr) return assign(target, TRY(sanitize(v, n->kid(2)->loc)));
  auto old = scope_.find(target->text);
  if (auto at = assigned_.find(target->text); old != scope_.end() && at != assigned_.end() && at->second == target->loc && round_ > 1)
    return error(Err::Type, target->loc)
        .says("`", target->text, "` is already defined: this loop is unrolled, and its iteration ", round_,
              " would define the constexpr again")
        .hint("remove `: tl.constexpr`, or write the value where it is used");
  if (old != scope_.end() && !old->second.is(VK::Unbound))
    return error(Err::Type, target->loc).says("`", target->text, "` is already defined: a constexpr cannot be reassigned");
  // As in Triton, a run-time value is an ordinary value.
  assigned_[target->text] = target->loc;
  scope_[target->text] = v;
  return {};
}

// `x += y`
Result<void> CodeGen::augmentedAssignment(const Node* n) {
  const Node* target = n->kid(0);
  if (n->text == "@")
    return error(Err::Unsupported, n->at).says("`@` is not part of the Triton language").hint("`acc = tl.dot(a, b, acc)`");
  if (target->kind == Kind::Subscript && !host_)
    if (Val base = TRY(eval(target->kid(0))); base.isTensor() && base.tensor.type.scalar.isPointer()) {
      std::string place = cat(unparse(target->kid(0)), " + ", unparse(target->kid(1)));
      return error(Err::Unsupported, target->loc)
          .says("`", unparse(target->kid(0)), "` is a pointer, which cannot be indexed")
          .hint("write the element with `tl.store(", place, ", tl.load(", place, ") ", n->text, " ...)`");
    }
  Val old = TRY(eval(target));
  Val rhs = TRY(eval(n->kid(1)));
  b_.setLoc(n->loc);
  if (host_ && old.is(VK::List) && n->text == "+") {  // in place: visible through every reference to the list
    if (old.object->frozen) return error(Err::Unsupported, n->loc).says("a global cannot be changed in a kernel or in compile-time Python");
    std::vector<Val> more = TRY(iterate(rhs, n->kid(1)->loc));
    old.object->items.insert(old.object->items.end(), more.begin(), more.end());
    shared_.loader.heap().count(more.size());
    return target->kind == Kind::Name ? Result<void>{} : assign(target, old);
  }
  Val v = TRY(binaryOperator(n->text, old, rhs, {n->at, target->loc, n->kid(1)->loc}));
  if (!host_) v = TRY(sanitize(v, n->loc));
  return assign(target, v);
}

Result<void> CodeGen::assertStatement(const Node* n) {
  Val test = TRY(eval(n->kid(0)));
  Val message = n->kid(1) ? TRY(eval(n->kid(1))) : Val::string("");
  if (!host_) return emitAssert(test, message, nullptr, n->kid(0)->loc);
  if (truthy(test)) return {};
  shared_.raised = Val::named(VK::Exception, "AssertionError");
  if (n->kid(1)) shared_.raised->items = keep(std::vector<Val>{message});
  return error(Err::StaticAssert, n->loc).says("assertion failed", str(message).empty() ? "" : ": ", str(message));
}

Result<void> CodeGen::statement(const Node* n) {
  b_.setLoc(n->loc);
  switch (n->kind) {
    case Kind::Pass: return {};
    case Kind::Expr:
      unused_ = n->kid(0);
      TRY(eval(n->kid(0)));
      unused_ = nullptr;
      return {};
    case Kind::Assign: return assignment(n);
    case Kind::AnnAssign: return annotatedAssignment(n);
    case Kind::AugAssign: return augmentedAssignment(n);
    case Kind::Return: return returnStatement(n);
    case Kind::Assert: return assertStatement(n);
    case Kind::If: return ifStatement(n);
    case Kind::For: return forStatement(n);
    case Kind::While: return whileStatement(n);
    case Kind::With:
      if (host_) return refuse(n);
      return with(n);
    default: return host_ ? hostStatement(n) : Result<void>(refuse(n));
  }
}

// Statements that only Python at compile time has.
Result<void> CodeGen::hostStatement(const Node* n) {
  switch (n->kind) {
    case Kind::Break:
    case Kind::Continue:
      jump_ = n->kind == Kind::Break ? Jump::Break : Jump::Continue;
      stopped_ = true;
      return {};
    case Kind::Raise: return hostRaise(n);
    case Kind::Try: return hostTry(n);
    case Kind::Import: return hostImport(n);
    case Kind::Del: return hostDelete(n->kid(0));
    case Kind::Function:
      if (n->flag == '@') return refuse(n);
      scope_[n->text] = TRY(makeClosure(n));
      return {};
    case Kind::Scope:
      if (n->text == "global") return refuse(n);
      for (const Node* name : n->kids) nonlocal_.insert(name->text);
      return {};
    default: return refuse(n);
  }
}

// A number assigned to a name becomes a scalar tensor; functions, types, strings and None stay as they are.
Result<Val> CodeGen::sanitize(const Val& v, Loc loc) {
  if (v.cls) return v;  // an aggregate's constexpr fields stay constexpr
  if (v.is(VK::Tuple)) {
    std::vector<Val> items;
    for (const Val& item : *v.items) items.push_back(TRY(sanitize(item, loc)));
    Val out = tuple(std::move(items));
    out.fields = v.fields;
    return out;
  }
  if (v.known) {
    Val plain = v;
    plain.known = nullptr;
    return plain;
  }
  if (!v.isNumber()) return v;
  b_.setLoc(loc);
  return Val::of(toTensor(v, loc));
}

// The value of a scalar constant; another value stays as it is.
Val CodeGen::asConstexpr(const Val& v) {
  if (!v.isTensor() || !v.tensor.value->def || v.tensor.value->def->op != Op::Constant || v.tensor.type.isBlock()) return v;
  const Dense& d = v.tensor.value->def->dense();
  const DType t = v.tensor.type.scalar;
  if (t.isBool()) return Val::boolean(d.bits[0] & 1);
  if (t.isInt()) return Val::integer(t.isSigned() ? Int{*nereid::constantInt(v.tensor.value)} : Int{d.bits[0]});
  return Val::floating(*nereid::constantFloat(v.tensor.value));
}

Result<void> CodeGen::assignName(const Node* target, const Val& value) {
  const std::string& name = target->text;
  assigned_[name] = target->loc;
  if (nonlocal_.contains(name)) {
    for (auto& frame : outer_)
      if (auto old = frame->find(name); old != frame->end()) {
        old->second = value;
        return {};
      }
    return error(Err::UnknownName, target->loc).says("no enclosing function has a variable `", name, "`");
  }
  if (!scope_.empty() && scope_.erase(cat(":", name))) {  // declared a constexpr before
    scope_[name] = asConstexpr(value);
    return {};
  }
  nameValue(value, name);
  scope_[name] = value;
  return {};
}

Result<void> CodeGen::unpack(const Node* target, const Val& value) {
  const size_t count = target->kids.size();
  size_t star = 0;
  while (star < count && target->kids[star]->kind != Kind::Starred) ++star;
  if (star < count && !host_)
    return error(Err::Unsupported, target->kids[star]->loc)
        .says("starred targets are not part of the Triton language")
        .hint("unpack each item by name");
  if (!host_ && !value.is(VK::Tuple)) return error(Err::Type, target->loc).says("cannot unpack ", value, " into ", count, " names");
  std::vector<Val> items = TRY(iterate(value, target->loc));
  if (star < count ? items.size() + 1 < count : items.size() != count) {
    auto& d = raise("ValueError", target->loc);
    d.says("cannot unpack ", items.size(), " values into ", count, " names");
    return d;
  }
  if (star < count) {
    auto first = items.begin() + static_cast<ptrdiff_t>(star), last = items.end() - static_cast<ptrdiff_t>(count - star - 1);
    Val rest = list(std::vector<Val>(first, last));
    items.insert(items.erase(first, last), rest);
  }
  for (size_t i = 0; i < count; ++i) CHECK_OK(assign(i == star ? target->kids[i]->kid(0) : target->kids[i], items[i]));
  return {};
}

Result<void> CodeGen::assignItem(const Node* target, const Val& value) {
  Val container = TRY(eval(target->kid(0)));
  if (host_) return hostStoreItem(container, TRY(eval(target->kid(1))), value, target->loc);
  std::string name = unparse(target->kid(0));
  if (container.isTensor() && container.tensor.type.scalar.isPointer())
    return error(Err::Unsupported, target->loc)
        .says("`", name, "` is a pointer, which cannot be indexed")
        .hint("write the element with `tl.store(", name, " + ", unparse(target->kid(1)), ", value)`");
  return error(Err::Unsupported, target->loc)
      .says("an item of `", name, "` cannot be assigned: a tensor is a value, not memory")
      .hint("make a new tensor with `tl.where`, or write to memory with `tl.store`");
}

// Only a constructor sets fields, and only fields of the instance it constructs.
Result<void> CodeGen::assignField(const Node* target, const Val& value) {
  const Node* self = target->kid(0);
  if (!making_ || self->kind != Kind::Name || self->text != makingName_)
    return error(Err::Unsupported, target->loc)
        .says("attributes cannot be assigned in a kernel")
        .hint("make a new instance: only `__init__` can set the fields of an aggregate");
  const std::vector<std::string>& fields = making_->fields;
  if (std::find(fields.begin(), fields.end(), target->text) == fields.end())
    return error(Err::UnknownName, target->loc)
        .says("`", making_->name, "` has no field `", target->text, "`")
        .hint("declare it in the class, as in `x: tl.tensor`")
        .meant(nearest(target->text, fields));
  made_[target->text] = value;
  return {};
}

Result<void> CodeGen::assign(const Node* target, const Val& value) {
  switch (target->kind) {
    case Kind::Name: return assignName(target, value);
    case Kind::Tuple:
    case Kind::List: return unpack(target, value);
    case Kind::Subscript: return assignItem(target, value);
    case Kind::Attribute: return assignField(target, value);
    default: return error(Err::Unsupported, target->loc).says("this cannot be assigned to");
  }
}

Result<Val> CodeGen::decay(const Val& v, Loc loc) {
  if (v.is(VK::Tuple)) return sanitize(v, loc);
  if (v.isNumber()) return Val::of(toTensor(v, loc));
  return v;
}

Result<void> CodeGen::returnStatement(const Node* n) {
  Val v = n->kid(0) ? TRY(eval(n->kid(0))) : Val::none();
  if (host_) {
    result_ = v;
    stopped_ = true;
    return {};
  }
  if (loops_ > 0)
    return error(Err::Unsupported, n->loc)
        .says("`return` inside `for` and `while` is not part of the Triton language")
        .hint("set a flag or a mask in the loop, and return after it");
  if (withs_ > 0) return error(Err::Unsupported, n->loc).says("`return` inside `with` is not part of the Triton language");
  if (regions_ > 0) return error(Err::Unsupported, n->loc).says("`return` is not possible here");
  Loc loc = n->kid(0) ? n->kid(0)->loc : n->loc;
  v = TRY(decay(v, loc));
  if (result_ && !sameType(*result_, v))
    return error(Err::Type, loc)
        .says("this returns ", v, ", but another `return` of the function returns ", *result_)
        .label(resultLoc_, *result_)
        .hint("every `return` of a function must return the same type");
  if (!result_) {
    result_ = v;
    resultLoc_ = loc;
  }
  std::vector<Value*> handles;
  flatten(v, handles);
  b_.setLoc(n->loc);
  b_.create(Op::Return, handles, {});
  stopped_ = true;
  return {};
}

// Contexts (profiler scopes and the like) have no effect: their arguments are evaluated and the body runs.
Result<void> CodeGen::with(const Node* n) {
  for (size_t i = 0; i + 1 < n->kids.size(); i += 2) {
    const Node* item = n->kids[i];
    if (item->kind != Kind::Call)
      return error(Err::Unsupported, item->loc).says("`with` must be followed by a call of one of Triton's context managers");
    TRY(eval(item->kid(0)));
    for (size_t k = 1; k < item->kids.size(); ++k) TRY(eval(item->kids[k]->kind == Kind::Keyword ? item->kids[k]->kid(0) : item->kids[k]));
    if (n->kids[i + 1]) CHECK_OK(assign(n->kids[i + 1], Val::none()));
  }
  ++withs_;
  Result<void> done = block(n->kids.back());
  --withs_;
  return done;
}

}  // namespace nereid::tl
