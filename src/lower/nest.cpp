// SPDX-License-Identifier: MIT
// A nest and its versions: with atomic operations or without, for accesses that do not meet or for any, for run-time strides of 1 or for
// any. The schedule says which there are; here are the tests that choose between them.
#include "lower/lowering.h"
#include "support/sort.h"

namespace nereid {

// Whether no accesses meet for which there is a version.
Value* Lowering::emitTests(const NestSchedule::Versions& versions) {
  const Type kI64 = Type::scalar(Elem::I64);
  std::map<const Expr*, Value*> addresses;
  auto address = [&](const Expr* pointer) {
    Value*& known = addresses[pointer];
    if (!known) known = emitOp(Op::PtrToInt, {emitExpr(pointer)}, kI64).v;
    return known;
  };
  using Access = NestSchedule::Versions::Access;
  auto first = [&](const Access& x) { return address(x.ends.first); };
  auto past = [&](const Access& x) { return plus({address(x.ends.second), 0}, x.bytes).v; };
  Value* condition = nullptr;
  for (const auto& [x, y, orEqual] : versions.tests) {
    Value* before = at(top()).cmpI(CmpIPred::Ule, past(x), first(y));
    Value* apart = at(top()).make(Op::OrI, {before, at(top()).cmpI(CmpIPred::Ule, past(y), first(x))});
    if (orEqual) apart = at(top()).make(Op::OrI, {apart, at(top()).cmpI(CmpIPred::Eq, first(x), first(y))});
    condition = condition ? at(top()).make(Op::AndI, {condition, apart}) : apart;
  }
  return condition;
}

// Atomic operations of a call that nothing runs beside are loads and stores.
bool Lowering::emitExclusive(const Nest& nest, const BufferRef* target) {
  if (!nest.exclusive || version_.isExclusive || version_.isShared) return false;
  if (!outcome_.exclusive) outcome_.exclusive = code_.atEntry().create(Op::LoExclusive, {}, {Type::scalar(Elem::I1)})->result();
  Inst* branch = code_.newInst(Op::If);
  branch->operands = {outcome_.exclusive};
  for (bool exclusive : {true, false}) {
    code_.open(*branch);
    version_.isExclusive = exclusive;
    version_.isShared = !exclusive;
    emitNest(nest, target);
    code_.close();
    version_.isExclusive = version_.isShared = false;
  }
  code_.place(*branch);
  return true;
}

void Lowering::emitNest(const Nest& nest, const BufferRef* target) {
  if (emitExclusive(nest, target)) return;
  code_.loc = nest.anchors.back().inst ? nest.anchors.back().inst->loc : code_.loc;
  for (const Anchor& anchor : nest.anchors) {
    if (anchor.kind == Anchor::Dot && layouts().isMatrixDot(*anchor.inst)) return emitMatrixDot(*anchor.inst);
    if (anchor.kind == Anchor::Dot) return threadCount() > 1 ? emitSharedDot(*anchor.inst, nest.dot) : emitDot(*anchor.inst, nest.dot);
    if (nest.isScan) return emitScan(*anchor.inst);
    if (anchor.kind == Anchor::Histogram) return emitHistogram(*anchor.inst);
    if (anchor.kind == Anchor::Sequence) return emitSequence(*anchor.inst);
  }
  memo_.forget();
  memo_.splats.clear();
  version_.assumptions.clear();
  version_.assumes = false;
  nest_.baseLevel = top();
  // Result buffers first: their addresses must dominate everything.
  for (const Anchor& anchor : nest.anchors)
    if (anchor.accumulates() || (anchor.kind == Anchor::Effect && source_.used.count(anchor.inst)))
      for (Value* v : anchor.inst->results)
        if (v->type.isTile() && !buffers_.of.count(v)) buffers_.of[v] = allocate(v);
  NestScheduler::Request request{
      .isCopy = target != nullptr, .target = target ? target->layout : nullptr, .isExclusive = version_.isExclusive};
  if (target)
    if (auto from = buffers_.of.find(nest.anchors[0].value); from != buffers_.of.end()) request.stored[from->first] = from->second.layout;
  nest_.use(target || version_.isExclusive ? scheduler().schedule(nest, request) : nest.loops);

  outcome_.needsDistinct |= nest_.schedule.versions.needsDistinct;
  nest_.filling.clear();
  if (nest_.schedule.versions.onlyBuffered)
    emitSlowly(nest, nest_.schedule.versions.loads, target);
  else if (nest_.schedule.versions.mayMeet || nest_.schedule.versions.testsStrides)
    emitVersions(nest, request, target);
  else
    emitNestBody(nest, target);
  for (auto& [v, buffer] : nest_.filling) buffers_.of[v] = buffer;
  nest_.filling.clear();
  memo_.forget();
}

// Two versions: what is usual, and what is right in any case. Level 0 stands before the test.
void Lowering::emitVersions(const Nest& nest, NestScheduler::Request request, const BufferRef* target) {
  const NestSchedule::Versions versions = nest_.schedule.versions;
  Value* condition = emitTests(versions);
  memo_.forget();
  std::vector<Value*> outs;
  for (const Anchor& anchor : nest.anchors)
    if (anchor.kind == Anchor::Combine)
      for (Value* v : anchor.inst->results)
        if (!v->type.isTile()) outs.push_back(v);
  Inst* branch = code_.newInst(Op::If);
  for (bool isUsual : {true, false}) {
    code_.open(*branch);
    version_.assumes = isUsual && versions.testsStrides;
    version_.isFallback = !isUsual;
    version_.level = top() - 1;
    if (!isUsual && versions.mayMeet) {
      emitSlowly(nest, versions.loads, target);
    } else {
      if (!isUsual) {
        memo_.forget();
        request.isFallback = true;
        nest_.use(scheduler().schedule(nest, request));
      }
      emitNestBody(nest, target);
    }
    if (outcome_.failed) return;
    std::vector<Value*> values;
    for (const Value* v : outs) values.push_back(scalar(v));
    code_.close(std::move(values));
    version_.assumes = version_.isFallback = false;
  }
  for (Value* v : version_.assumptions) condition = condition ? at(top()).make(Op::AndI, {condition, v}) : v;
  version_.assumptions.clear();
  branch->operands = {condition ? condition : constant(Type::scalar(Elem::I1), 1)};
  for (Value* v : outs) scalar_[v] = code_.module().addResult(*branch, v->type);
  code_.place(*branch);
}

// Reads everything into buffers first, and runs the anchors one after the other, in the order of the source.
void Lowering::emitSlowly(const Nest& nest, std::vector<const Inst*> loads, const BufferRef* target) {
  struct Event {
    int number;
    const Inst* load;
    const Anchor* anchor;
  };
  std::vector<Event> events;
  for (const Inst* load : loads) events.push_back({source_.number[load], load, nullptr});
  for (const Anchor& anchor : nest.anchors) events.push_back({source_.number[anchor.inst], nullptr, &anchor});
  NestScheduler::Request request{.isCopy = target != nullptr,
                                 .target = target ? target->layout : nullptr,
                                 .isExclusive = version_.isExclusive,
                                 .isFallback = version_.isFallback};
  const Layout* layout = nest_.schedule.layout;
  sortStably(events, [](const Event& a, const Event& b) { return a.number < b.number; });
  for (const Event& event : events) {
    Nest one;
    one.reduceAxis = -1;
    memo_.forget();
    if (event.load) {
      Value* v = event.load->result();
      BufferRef to = allocate(v);
      one.anchors.push_back({Anchor::Buffer, const_cast<Inst*>(event.load), v});
      one.shape = v->type.shape();
      request.like = nullptr;
      nest_.use(scheduler().schedule(one, request));
      emitNestBody(one, &to);
      buffers_.of[v] = to;
      request.stored[v] = to.layout;
    } else {
      one.anchors.push_back(*event.anchor);
      one.shape = nest.shape;
      if (event.anchor->accumulates()) one.reduceAxis = nest.reduceAxis;
      request.like = layout;
      nest_.use(scheduler().schedule(one, request));
      emitNestBody(one, target);
      if (const Value* v = event.anchor->value; event.anchor->kind == Anchor::Buffer && nest_.filling.count(v)) {
        buffers_.of[v] = nest_.filling.at(v);
        request.stored[v] = buffers_.of[v].layout;
      }
    }
  }
  for (const Inst* load : loads) buffers_.of.erase(load->result());
  memo_.forget();
}

}  // namespace nereid
