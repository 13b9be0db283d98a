// SPDX-License-Identifier: MIT
// Control flow. A condition known at compile time visits one branch; others become scf.if or, if a branch returns, blocks with cf.cond_br.
// Loops carry the names that their bodies assign:
//
//   acc = 0.0                          %acc = arith.constant 0.0
//   for i in range(n):            =>   %r = scf.for %i = %c0 to %n step %c1 iter_args(%a = %acc) { ...; scf.yield %next }
//     acc += tl.load(p + i)
//
// Initially every name that a body may assign is carried; those that come back unchanged are removed afterwards. (Triton visits the body
// twice instead, which takes 2^depth visits for nested loops.)
#include <algorithm>
#include <set>

#include "frontends/tl/codegen.h"

namespace nereid::tl {
namespace {

// Whether a statement may return early, by Triton's rule: assignments and expressions cannot.
bool containsReturn(const Node* n) {
  if (!n) return false;
  if (n->kind == Kind::Return) return true;
  if (n->kind != Kind::If && n->kind != Kind::For && n->kind != Kind::While && n->kind != Kind::With && n->kind != Kind::Block)
    return false;
  return std::any_of(n->kids.begin(), n->kids.end(), containsReturn);
}

const Node* findReturn(const Node* n) {
  if (!n || n->kind == Kind::Return) return n;
  if (n->kind != Kind::If && n->kind != Kind::For && n->kind != Kind::While && n->kind != Kind::With && n->kind != Kind::Block)
    return nullptr;
  for (const Node* kid : n->kids)
    if (const Node* found = findReturn(kid)) return found;
  return nullptr;
}

void collectTargets(const Node* target, std::set<std::string>& out) {
  if (target->kind == Kind::Name) out.insert(target->text);
  for (const Node* kid : target->kids)
    if (kid && (target->kind == Kind::Tuple || target->kind == Kind::List)) collectTargets(kid, out);
}

void collectAssigned(const Node* n, std::set<std::string>& out) {
  if (!n) return;
  switch (n->kind) {
    case Kind::Assign:
    case Kind::AnnAssign:
    case Kind::AugAssign:
    case Kind::NamedExpr:
    case Kind::For:
    case Kind::CompFor: collectTargets(n->kids[0], out); break;
    case Kind::With:
      for (size_t i = 1; i + 1 < n->kids.size(); i += 2)
        if (n->kids[i]) collectTargets(n->kids[i], out);
      break;
    default: break;
  }
  for (const Node* kid : n->kids) collectAssigned(kid, out);
}

bool sameHandles(const Val& a, const Val& b) {
  std::vector<Value*> x, y;
  flatten(a, x);
  flatten(b, y);
  return x == y;
}

}  // namespace

Result<bool> CodeGen::staticCondition(const Val& v, const Node* n) {
  if (!host_ && !v.isNone() && !v.isInt())
    return error(Err::Type, n->loc)
        .says("a condition must be a bool, an int, None or a scalar tensor, but this is ", v)
        .hint(v.is(VK::Str) || v.is(VK::Tuple) ? "write a comparison, such as `x == \"relu\"` or `len(x) > 0`" : "");
  return truthy(v);
}

Result<Tensor> CodeGen::scalarCondition(const Val& v, const Node* n) {
  Tensor t = v.tensor;
  if (t.type.isBlock()) {
    if (t.type.numel() != 1) {
      std::string test = textAt(n->loc);
      return error(Err::Shape, n->loc)
          .says("a condition must be one value, but `", test, "` is ", t.type)
          .hint("use it per element, as `mask=", test, "` of a load or store or in `tl.where(", test, ", a, b)`, or reduce it: `tl.max(",
                test, ")`");
    }
    t = TRY(unsplat(t, n->loc));
  }
  return cast(t, {Prim::I1}, n->loc);
}

Result<void> CodeGen::ifStatement(const Node* n) {
  Val condition = TRY(eval(n->kid(0)));
  if (condition.known) condition = *condition.known;
  if (!condition.isTensor()) {
    bool taken = TRY(staticCondition(condition, n->kid(0)));
    if (taken) return block(n->kid(1));
    return n->kid(2) ? block(n->kid(2)) : Result<void>{};
  }
  if (host_) return error(Err::Type, n->kid(0)->loc).says("this condition must be known at compile time");
  b_.setLoc(n->loc);
  Tensor test = TRY(scalarCondition(condition, n->kid(0)));
  if (!containsReturn(n->kid(1)) && !containsReturn(n->kid(2))) return ifRegions(n, test.value);
  if (loops_ > 0) {
    const Node* at = findReturn(n->kid(1));
    if (!at) at = findReturn(n->kid(2));
    return error(Err::Unsupported, at->loc)
        .says("`return` inside `for` and `while` is not part of the Triton language")
        .hint("set a flag or a mask in the loop, and return after it");
  }
  return ifBlocks(n, test.value);
}

// The names that the branches assign: existing ones that a branch changed, and new ones that both define.
Result<std::vector<std::string>> CodeGen::merge(const Scope& before, Scope& thenScope, Scope& elseScope, const Node* n) {
  std::vector<std::string> names;
  for (auto& [name, value] : thenScope) {
    auto other = elseScope.find(name);
    if (other == elseScope.end() || value.is(VK::Unbound) || other->second.is(VK::Unbound)) continue;
    auto old = before.find(name);
    bool existed = old != before.end() && !old->second.is(VK::Unbound);
    Val &a = value, &b = other->second;
    if (!a.isRuntime() && !b.isRuntime()) {
      if (sameConstant(a, b) && a.kind == b.kind) continue;
      if (existed)
        return error(Err::Type, n->loc)
            .says("`", name, "` is ", a, " in one branch and ", b,
                  " in the other: only a condition known at compile time can choose between them");
      a = b = Val::unbound();
      continue;
    }
    if (sameType(a, b) && sameHandles(a, b)) continue;
    if (!sameType(a, b)) {
      if (existed && sameType(a, old->second))
        return error(Err::Type, n->loc)
            .says("`", name, "` is ", old->second, " before the `if`, but the else branch makes it ", b)
            .hint("cast it with `.to(...)` so that its type stays the same");
      if (existed && sameType(b, old->second))
        return error(Err::Type, n->loc)
            .says("`", name, "` is ", old->second, " before the `if`, but the then branch makes it ", a)
            .hint("cast it with `.to(...)` so that its type stays the same");
      return error(Err::Type, n->loc)
          .says("`", name, "` is ", a, " in the then branch and ", b, " in the else branch")
          .hint("cast it with `.to(...)` so that both agree");
    }
    if (existed && !sameType(a, old->second))
      return error(Err::Type, n->loc)
          .says("`", name, "` is ", old->second, " before the `if`, but the branches make it ", a)
          .hint("cast it with `.to(...)` so that its type stays the same");
    names.push_back(name);
  }
  return names;
}

Result<void> CodeGen::ifRegions(const Node* n, Value* condition) {
  Block* outer = b_.block();
  Scope before = scope_;
  Inst* inst = b_.ifElse(condition, {}, true);
  ++regions_;
  b_.setBlock(&inst->regions[0]->entry());
  Result<void> done = block(n->kid(1));
  if (done) done = settleLoopVariables(before, n->loc);
  Block* thenEnd = b_.block();
  Scope thenScope = std::move(scope_);
  scope_ = before;
  b_.setBlock(&inst->regions[1]->entry());
  if (done && n->kid(2)) done = block(n->kid(2));
  if (done) done = settleLoopVariables(before, n->loc);
  Block* elseEnd = b_.block();
  --regions_;
  CHECK_OK(done);
  Scope elseScope = std::move(scope_);
  std::vector<std::string> names = TRY(merge(before, thenScope, elseScope, n));
  b_.setLoc(n->loc);
  std::vector<Value*> thenValues, elseValues;
  for (const std::string& name : names) {
    flatten(thenScope[name], thenValues);
    flatten(elseScope[name], elseValues);
  }
  // Equal handles (in parts of tuples, for example) need no result.
  std::vector<Value*> results(thenValues.size()), thenYield, elseYield;
  for (size_t i = 0; i < thenValues.size(); ++i) {
    if (thenValues[i] == elseValues[i]) {
      results[i] = thenValues[i];
      continue;
    }
    results[i] = shared_.module.addResult(*inst, thenValues[i]->type);
    thenYield.push_back(thenValues[i]);
    elseYield.push_back(elseValues[i]);
  }
  b_.setBlock(thenEnd);
  b_.yield(thenYield);
  b_.setBlock(elseEnd);
  if (!n->kid(2) && elseYield.empty()) {
    inst->regions.pop_back();
  } else {
    b_.yield(elseYield);
  }
  b_.setBlock(outer);
  scope_ = std::move(before);
  bindNames(names, thenScope, results);
  // Compile-time values that are equal in both branches.
  for (auto& [name, value] : thenScope) {
    if (value.isRuntime() || scope_.contains(name)) continue;
    auto other = elseScope.find(name);
    if (other != elseScope.end() && sameConstant(value, other->second)) scope_[name] = value;
  }
  return {};
}

Result<void> CodeGen::ifBlocks(const Node* n, Value* condition) {
  if (regions_ > 0) return error(Err::Unsupported, n->loc).says("`return` is not possible here");
  Region& region = func_->body;
  Block* thenBlock = shared_.module.newBlock(region);
  Block* elseBlock = shared_.module.newBlock(region);
  Inst* branch = b_.create(Op::CondBr, {condition}, {});
  branch->successors = {{thenBlock, {}}, {elseBlock, {}}};
  Scope before = scope_;
  b_.setBlock(thenBlock);
  CHECK_OK(block(n->kid(1)));
  if (!stopped_) CHECK_OK(settleLoopVariables(before, n->loc));
  Block* thenEnd = b_.block();
  bool thenStopped = std::exchange(stopped_, false);
  Scope thenScope = std::move(scope_);
  scope_ = before;
  b_.setBlock(elseBlock);
  if (n->kid(2)) CHECK_OK(block(n->kid(2)));
  if (!stopped_) CHECK_OK(settleLoopVariables(before, n->loc));
  Block* elseEnd = b_.block();
  bool elseStopped = std::exchange(stopped_, false);
  Scope elseScope = std::move(scope_);
  if (thenStopped && elseStopped) {
    scope_ = std::move(before);
    stopped_ = true;
    return {};
  }
  // A branch that returned contributes no values: the other one's are used.
  if (thenStopped || elseStopped) {
    scope_ = std::move(thenStopped ? elseScope : thenScope);
    b_.setBlock(thenStopped ? elseEnd : thenEnd);
    return {};
  }
  std::vector<std::string> names = TRY(merge(before, thenScope, elseScope, n));
  Block* join = shared_.module.newBlock(region);
  std::vector<Value*> thenValues, elseValues, args;
  for (const std::string& name : names) {
    flatten(thenScope[name], thenValues);
    flatten(elseScope[name], elseValues);
  }
  for (Value* v : thenValues) args.push_back(shared_.module.addArg(*join, v->type, {}, n->loc));
  b_.setLoc(n->loc);
  b_.setBlock(thenEnd);
  b_.create(Op::Br, {}, {})->successors = {{join, thenValues}};
  b_.setBlock(elseEnd);
  b_.create(Op::Br, {}, {})->successors = {{join, elseValues}};
  b_.setBlock(join);
  scope_ = std::move(before);
  bindNames(names, thenScope, args);
  return {};
}

Result<Val> CodeGen::conditional(const Node* n) {
  Val condition = TRY(eval(n->kid(0)));
  if (condition.known) condition = *condition.known;
  if (!condition.isTensor()) {
    bool taken = TRY(staticCondition(condition, n->kid(0)));
    return eval(n->kid(taken ? 1 : 2));
  }
  if (host_) return error(Err::Type, n->kid(0)->loc).says("this condition must be known at compile time");
  b_.setLoc(n->loc);
  Tensor test = TRY(scalarCondition(condition, n->kid(0)));
  Block* outer = b_.block();
  Inst* inst = b_.ifElse(test.value, {}, true);
  auto arm = [&](size_t kid) -> Result<Tensor> {
    b_.setBlock(&inst->regions[kid - 1]->entry());
    ++regions_;
    Result<Val> v = eval(n->kid(kid));
    --regions_;
    if (!v) return std::unexpected(Failed{});
    b_.setLoc(n->loc);
    Tensor t = TRY(toTensor(*v, n->kid(kid)->loc));
    b_.yield({t.value});
    return t;
  };
  Tensor a = TRY(arm(1)), c = TRY(arm(2));
  b_.setBlock(outer);
  if (!(a.type == c.type))
    return error(Err::Type, n->at)
        .says("the two values of this conditional expression have the types ", a.type, " and ", c.type)
        .label(n->kid(1)->loc, a.type)
        .label(n->kid(2)->loc, c.type)
        .hint("cast one of them with `.to(...)`, or use `tl.where`");
  return Val::of(tensor(shared_.module.addResult(*inst, a.value->type), a.type));
}

// Gives names the values `handles`, which have the types of the values in `like`.
void CodeGen::bindNames(const std::vector<std::string>& names, const Scope& like, const std::vector<Value*>& handles) {
  size_t cursor = 0;
  for (const std::string& name : names) {
    Val v = unflatten(like.find(name)->second, handles, cursor, shared_.loader.heap());
    nameValue(v, name);
    scope_[name] = std::move(v);
  }
}

// The names that a loop body may change and that have a value before the loop.
CodeGen::Carried CodeGen::carried(const Node* body, const Node* also, const std::string& except) {
  std::set<std::string> assigned;
  collectAssigned(body, assigned);
  collectAssigned(also, assigned);
  Carried c;
  for (const std::string& name : assigned) {
    if (name == except) continue;
    auto found = scope_.find(name);
    if (found == scope_.end() || !found->second.isRuntime()) continue;
    c.names.push_back(name);
    c.before[name] = found->second;
    flatten(found->second, c.inits);
  }
  return c;
}

Result<void> CodeGen::loopBody(const Node* body, const Scope& before, Loc loc) {
  ++loops_;
  ++regions_;
  Result<void> done = block(body);
  --loops_;
  --regions_;
  CHECK_OK(done);
  return settleLoopVariables(before, loc);
}

// The values of the carried names at the end of the body.
Result<std::vector<Value*>> CodeGen::carriedBack(const Carried& c, const Node* loop) {
  std::vector<Value*> yields;
  for (const std::string& name : c.names) {
    const Val &now = scope_[name], &before = c.before.find(name)->second;
    if (!sameType(before, now))
      return error(Err::Type, assigned_.contains(name) ? assigned_[name] : loop->loc)
          .says("`", name, "` is ", before, " before the loop, but the loop makes it ", now)
          .label(loop->loc, "the loop")
          .hint(now.isTensor() || loop->kind == Kind::While ? "give it the same type before the loop, or cast with `.to(...)`"
                                                            : "a constexpr cannot be assigned in a loop");
    flatten(now, yields);
  }
  return yields;
}

// Ends a loop: yields the carried values, without those that never change. Returns their values after the loop.
std::vector<Value*> CodeGen::closeLoop(Inst* loop, const Carried& c, std::vector<Value*> yields, Loc loc) {
  const size_t count = yields.size();
  auto carriedArg = [&](Region& region, size_t i) {
    std::vector<Value*>& args = region.entry().args;
    return args[args.size() - count + i];
  };
  std::vector<Value*> results = loop->results;
  std::vector<bool> changes(count);
  Replacements same;
  for (size_t i = 0; i < count; ++i) {
    changes[i] = yields[i] != carriedArg(*loop->regions.back(), i);
    if (changes[i]) continue;
    for (auto& region : loop->regions) same.add(carriedArg(*region, i), c.inits[i]);
    results[i] = c.inits[i];
  }
  // The carried values are last in every list.
  auto dropUnchanged = [&](std::vector<Value*>& list) {
    size_t kept = list.size() - count;
    for (size_t i = 0, first = kept; i < count; ++i)
      if (changes[i]) list[kept++] = list[first + i];
    list.resize(kept);
  };
  auto renumber = [](std::vector<Value*>& list) {
    for (size_t i = 0; i < list.size(); ++i) list[i]->index = static_cast<uint32_t>(i);
  };
  dropUnchanged(loop->operands);
  dropUnchanged(loop->results);
  renumber(loop->results);
  for (auto& region : loop->regions) {
    dropUnchanged(region->entry().args);
    renumber(region->entry().args);
  }
  if (loop->op == Op::While) dropUnchanged(loop->regions[0]->entry().terminator()->operands);
  dropUnchanged(yields);
  b_.setLoc(loc);
  b_.yield(yields);
  if (!same.empty())
    for (auto& region : loop->regions) same.apply(*region);
  return results;
}

Result<void> CodeGen::staticFor(const Node* n, const std::vector<Val>& values) {
  const Node* target = n->kid(0);
  int around = std::exchange(round_, 0);
  for (const Val& v : values) {
    ++round_;
    if (++shared_.unrolled > 65536)
      return error(Err::Unsupported, n->kid(1)->loc)
          .says("the kernel has more than 65536 unrolled iterations")
          .hint("use `range` or `tl.range`, which are not unrolled");
    if (target->kind == Kind::Name)
      scope_[target->text] = v;
    else
      CHECK_OK(assign(target, v));
    CHECK_OK(block(n->kid(2)));
    if (stopped_) break;
  }
  round_ = around;
  return {};
}

Result<void> CodeGen::forStatement(const Node* n) {
  const Node* iterable = n->kid(1);
  auto badIterator = [&]() -> std::unexpected<Failed> {
    return error(Err::Unsupported, iterable->loc)
        .says("only `range`, `tl.range` and `tl.static_range` can be iterated")
        .hint("to go through a tuple: `for i in tl.static_range(len(x))`, and `x[i]`");
  };
  if (host_) return hostFor(n);
  if (n->kid(3)) return error(Err::Unsupported, n->kid(3)->at).says("`else` after a loop is not part of the Triton language");
  if (iterable->kind != Kind::Call) return badIterator();
  Val callee = TRY(eval(iterable->kid(0)));
  if (!callee.is(VK::Builtin) || callee.builtin->run != &CodeGen::bIterator) return badIterator();
  Args args = TRY(arguments(iterable));
  Bound bound = TRY(bindBuiltin(*callee.builtin, args));
  const bool one = !bound.present(1) || bound[1].isNone();
  const size_t upper = one ? 0 : 1;
  Range range{one ? Val::integer(0) : bound[0],
              bound[upper],
              bound.given(2) ? bound[2] : Val::integer(1),
              bound.loc(0),
              bound.loc(upper),
              bound.loc(2)};
  return callee.builtin->name == "static_range" ? staticRange(n, range) : rangeLoop(n, range);
}

Result<void> CodeGen::staticRange(const Node* n, const Range& range) {
  Int from = TRY(constantInt(range.lower, range.lowerLoc, "a bound of tl.static_range")),
      to = TRY(constantInt(range.upper, range.upperLoc, "a bound of tl.static_range"));
  Int by = TRY(constantInt(range.step, range.stepLoc, "the step of tl.static_range"));
  if (by == 0) return error(Err::Type, range.stepLoc).says("the step of a range cannot be 0");
  std::vector<Val> values;
  for (Int i = from; by > 0 ? i < to : i > to; i += by) {
    values.push_back(Val::integer(i));
    if (values.size() > 65537) break;
  }
  return staticFor(n, values);
}

// A bound or the step of a loop, as a scalar integer.
Result<Tensor> CodeGen::loopBound(const Val& v, Loc loc, std::string_view what) {
  Tensor t = TRY(toTensor(v, loc));
  if (!t.type.scalar.isInt()) {
    auto& d = error(Err::Type, loc);
    d.says("the ", what, " of a loop must be an integer, but this is ", t.type);
    if (std::string_view name = parameterOf(t.value); !name.empty()) d.hint("pass an integer for `", name, "`");
    return d;
  }
  if (t.type.numel() != 1) return error(Err::Shape, loc).says("the ", what, " of a loop must be one value, but this is ", t.type);
  return t.type.isBlock() ? unsplat(t, loc) : Result<Tensor>(t);
}

Result<void> CodeGen::rangeLoop(const Node* n, Range range) {
  const Node *target = n->kid(0), *body = n->kid(2);
  if (target->kind != Kind::Name) return error(Err::Unsupported, target->loc).says("the variable of a loop must be a plain name");
  // scf.for only counts up: a negative step exchanges the bounds and counts `lower + upper - i` down.
  const bool negative = range.step.isInt() && range.step.number < 0;
  if (range.step.isInt() && range.step.number == 0) return error(Err::Type, range.stepLoc).says("the step of a range cannot be 0");
  if (negative) {
    range.step = Val::integer(-range.step.number);
    std::swap(range.lower, range.upper);
    std::swap(range.lowerLoc, range.upperLoc);
  }
  b_.setLoc(n->loc);
  Tensor lo = TRY(loopBound(range.lower, range.lowerLoc, "lower bound")), hi = TRY(loopBound(range.upper, range.upperLoc, "upper bound")),
         by = TRY(loopBound(range.step, range.stepLoc, "step"));
  const DType type = TRY(promoteInts(TRY(promoteInts(lo.type.scalar, hi.type.scalar)), by.type.scalar));
  // Each bound keeps its value: a uint8 of 200 counts to 200. (Triton 3.6 extends it by the sign of the common type, to -56.)
  lo = widenTo(lo, type.prim);
  hi = widenTo(hi, type.prim);
  by = widenTo(by, type.prim);
  const Carried carry = carried(body, nullptr, target->text);
  Scope before = scope_;
  Block* outer = b_.block();
  Inst* loop = b_.forLoop(lo.value, hi.value, by.value, carry.inits);
  Block* entry = &loop->regions[0]->entry();
  bindNames(carry.names, carry.before, {entry->args.begin() + 1, entry->args.end()});
  b_.setBlock(entry);
  Value* iv = entry->args[0];
  iv->name = shared_.module.intern(target->text);
  if (negative) iv = b_.make(Op::AddI, {b_.make(Op::SubI, {hi.value, iv}), lo.value});
  scope_[target->text] = Val::of(tensor(iv, {type, {}}));
  CHECK_OK(loopBody(body, before, n->loc));
  std::vector<Value*> yields = TRY(carriedBack(carry, n));
  for (auto& [name, value] : before)
    if (!value.isRuntime() && !value.is(VK::Unbound) && name != target->text && name[0] != ':') {
      auto now = scope_.find(name);
      if (now != scope_.end() && now->second.isTensor())
        return error(Err::Type, n->loc)
            .says("`", name, "` is ", value, " before the loop, but the loop assigns ", now->second)
            .hint("assign it a tensor before the loop");
    }
  std::vector<Value*> results = closeLoop(loop, carry, std::move(yields), n->loc);
  b_.setBlock(outer);
  scope_ = std::move(before);
  bindNames(carry.names, carry.before, results);
  // The value of the variable after the loop is computed only if it is used.
  Val after = Val::unbound();
  auto old = scope_.find(target->text);
  Val previous = old != scope_.end() ? old->second : Val::none();
  after.items = keep(std::vector<Val>{Val::of(tensor(lo.value, {type, {}})), Val::of(tensor(hi.value, {type, {}})),
                                      Val::of(tensor(by.value, {type, {}})), Val::boolean(negative), previous});
  scope_[target->text] = after;
  assigned_[target->text] = target->loc;
  return {};
}

Result<Val> CodeGen::afterLoop(const Val& v, Loc loc) {
  b_.setLoc(loc);
  const TType type = v.item(0).tensor.type;
  Value *lower = v.item(0).tensor.value, *upper = v.item(1).tensor.value, *step = v.item(2).tensor.value;
  Value* one = b_.constant(lower->type, 1);
  Value* zero = b_.constant(lower->type, 0);
  Value* counts = b_.cmpI(CmpIPred::Sgt, step, zero);
  Value* runs = b_.make(Op::AndI, {counts, b_.cmpI(CmpIPred::Slt, lower, upper)});
  // As unsigned numbers the differences cannot wrap.
  Value* rounds = b_.make(Op::DivUI, {b_.make(Op::SubI, {b_.make(Op::SubI, {upper, lower}), one}), b_.select(counts, step, one)});
  Value* last = b_.make(Op::AddI, {lower, b_.make(Op::MulI, {rounds, step})});
  if (v.item(3).number) last = b_.make(Op::AddI, {b_.make(Op::SubI, {upper, last}), lower});
  Val previous = v.item(4);
  if (previous.is(VK::Unbound) && previous.items) previous = TRY(afterLoop(previous, loc));
  Value* none = zero;
  if (previous.isInt())
    none = TRY(scalarConstant(previous, type.scalar, loc)).value;
  else if (previous.isTensor() && previous.tensor.type == type)
    none = previous.tensor.value;
  else if (previous.isTensor() && !previous.tensor.type.isBlock() && previous.tensor.type.scalar.isInt())
    none = TRY(cast(previous.tensor, type.scalar, loc)).value;
  return Val::of(tensor(b_.select(runs, last, none), type));
}

Result<void> CodeGen::settleLoopVariables(const Scope& before, Loc loc) {
  for (auto& [name, value] : scope_)
    if (value.is(VK::Unbound) && value.items && before.contains(name) && !before.find(name)->second.is(VK::Unbound))
      value = TRY(afterLoop(value, loc));
  return {};
}

Result<void> CodeGen::hostWhile(const Node* n) {
  for (int64_t steps = 0;; ++steps) {
    if (steps > 1'000'000) return error(Err::Unsupported, n->loc).says("this loop runs more than a million times at compile time");
    Val test = TRY(eval(n->kid(0)));
    if (!truthy(test)) return n->kid(2) ? block(n->kid(2)) : Result<void>{};
    CHECK_OK(block(n->kid(1)));
    if (!loopGoesOn()) return {};
  }
}

// The condition of a loop; emitted in its first region.
Result<Tensor> CodeGen::loopCondition(const Node* n) {
  ++regions_;
  Result<Val> tested = eval(n);
  --regions_;
  if (!tested) return std::unexpected(Failed{});
  Val condition = *tested;
  b_.setLoc(n->loc);
  if (!condition.isTensor()) {
    if (truthy(condition))
      return error(Err::Unsupported, n->loc)
          .says("this loop never ends: its condition is always true, and there is no `break`")
          .hint("write a condition that becomes false, such as `while running:`");
    condition = Val::of(tensor(b_.boolean(false), {{Prim::I1}, {}}));
  }
  return scalarCondition(condition, n);
}

Result<void> CodeGen::whileStatement(const Node* n) {
  if (host_) return hostWhile(n);
  if (n->kid(2)) return error(Err::Unsupported, n->kid(2)->at).says("`else` after a loop is not part of the Triton language");
  const Node *condition = n->kid(0), *body = n->kid(1);
  const Carried carry = carried(body, condition, "");
  std::vector<Type> types;
  for (Value* v : carry.inits) types.push_back(v->type);
  Scope before = scope_;
  Block* outer = b_.block();
  Inst* loop = b_.create(Op::While, carry.inits, types);
  for (int i = 0; i < 2; ++i) loop->regions.emplace_back(std::make_unique<Region>())->parent = loop;
  auto enter = [&](size_t i) {
    Block* entry = shared_.module.newBlock(*loop->regions[i]);
    for (Type t : types) shared_.module.addArg(*entry, t, {}, n->loc);
    bindNames(carry.names, carry.before, entry->args);
    b_.setBlock(entry);
  };
  enter(0);
  std::vector<Value*> forwarded{TRY(loopCondition(condition)).value};
  const std::vector<Value*>& args = loop->regions[0]->entry().args;
  forwarded.insert(forwarded.end(), args.begin(), args.end());
  b_.create(Op::Condition, forwarded, {});
  enter(1);
  CHECK_OK(loopBody(body, before, n->loc));
  std::vector<Value*> results = closeLoop(loop, carry, TRY(carriedBack(carry, n)), n->loc);
  b_.setBlock(outer);
  scope_ = std::move(before);
  bindNames(carry.names, carry.before, results);
  return {};
}

}  // namespace nereid::tl
