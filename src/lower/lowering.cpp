// SPDX-License-Identifier: MIT
// Blocks, scalars, control flow and buffers. Tiles that a loop carries, or that leave a branch, live in buffers.
#include "lower/lowering.h"

#include <algorithm>

#include "ir/after_pass.h"
#include "ir/bits.h"
#include "lower/jam_loops.h"
#include "lower/math.h"
#include "passes/passes.h"

namespace nereid {

Result<Lowered> lower(const Func& kernel, const Schedule& schedule, Diags& diags) { return Lowering(kernel, schedule, diags).run(); }

bool Lowering::fail(Loc loc, std::string text, std::string hint) {
  if (!outcome_.failed) diags_.error(Err::Unsupported, loc).says(text).hint(hint);
  outcome_.failed = true;
  return false;
}

Result<Lowered> Lowering::run() {
  Block* body = code_.block(0);
  for (const Value* arg : kernel_.args()) {
    if (arg->type.form != Form::Scalar) {
      fail(arg->loc, cat("a launch cannot pass an argument of type ", arg->type));
      return std::unexpected(Failed{});
    }
    scalar_[arg] = code_.module().addArg(*body, arg->type, arg->name, arg->loc);
  }
  int next = 0;
  walk(kernel_.body, [&](const Inst& inst) {
    source_.number[&inst] = next++;
    for (const Value* v : inst.operands) source_.used.insert(v->def);
  });

  walk(kernel_.body, [&](const Inst& inst) {
    if (inst.op == Op::Constant && inst.result()->type.isTile() && !isInlinable(inst)) writeTable(inst);
  });
  if (outcome_.failed) return std::unexpected(Failed{});
  emitBlock(kernel_.body.entry());
  if (outcome_.failed) return std::unexpected(Failed{});
  code_.finish(kernel_.loc);
  afterPass("lower", code_.module());
  expandMath(code_.func(), code_.module(), machine());
  afterPass("expand_math", code_.module());
  // Addresses and bounds were computed wherever they were asked for.
  nereid::fold(code_.func(), code_.module());
  afterPass("fold", code_.module());
  eliminateCommon(code_.func());
  afterPass("eliminate_common", code_.module());
  const bool isJammed = jamLoops(code_.func(), code_.module());
  if (isJammed) {
    afterPass("jam_loops", code_.module());
    nereid::fold(code_.func(), code_.module());
    eliminateCommon(code_.func());
  }
  // The elements of a thread are written out one after the other, and so are jammed iterations.
  if ((threadCount() > 1 || isJammed) && mergeLoads(code_.func())) {
    afterPass("merge_loads", code_.module());
    eliminateCommon(code_.func());
    afterPass("eliminate_common", code_.module());
  }
  eliminateDead(code_.func());
  afterPass("eliminate_dead", code_.module());
  if (threadCount() > 1) {
    prefetch(code_.func(), code_.module(), machine(), buffers_.own);
    afterPass("prefetch", code_.module());
    keepInvariants(code_.func(), code_.module(), machine(), buffers_.own);
    afterPass("keep_invariants", code_.module());
  }
  int64_t shared = buffers_.bytes;
  for (Inst* inst : buffers_.own) {
    inst->set(Attr::Offset, buffers_.bytes);
    buffers_.bytes += inst->integer(Attr::Bytes);
  }
  return Lowered{code_.take(),      buffers_.bytes, buffers_.bytes - shared, outcome_.needsDistinct, outcome_.exclusive != nullptr,
                 schedule_.isSerial};
}

bool Lowering::inMemory(const Value* v) const { return isInMemory(schedule_, v) || (buffers_.of.count(v) && !isTrivial(*v->def)); }

BufferRef Lowering::allocateElements(Type element, int64_t count, const Layout* layout) {
  if (layout) count = int64_t{1} << (layout->registerBits + layout->threadBits);
  int64_t bytes = (count * byteSize(element) + 63) / 64 * 64;
  if (layout) {
    buffers_.own.push_back(
        code_.atEntry().create(Op::LoAlloc, {}, {element.pointerTo()},
                               {{Attr::Bytes, bytes}, {Attr::Offset, int64_t{0}}, {Attr::Private, int64_t{1} << layout->registerBits}}));
    return {buffers_.own.back()->result(), element, layout};
  }
  Inst* inst = code_.atEntry().create(Op::LoAlloc, {}, {element.pointerTo()}, {{Attr::Bytes, bytes}, {Attr::Offset, buffers_.bytes}});
  buffers_.bytes += bytes;
  return {inst->result(), element};
}

BufferRef Lowering::allocate(const Value* v) {
  const bool isPadded = schedule_.padded.count(v) > 0;
  const int64_t rows = isPadded ? v->type.numel() / v->type.dim(v->type.rank - 1) : 0;
  BufferRef buffer = allocateElements(layouts().storedType(v), v->type.numel() + rows, layouts().of(v));
  if (isPadded) buffer.paddedBits = v->type.log2(v->type.rank - 1);
  if (scheduler().isTransposed(v)) buffer.transposed = v->type.log2(1);
  return buffer;
}

// A constant of many values goes to memory before everything else.
void Lowering::writeTable(const Inst& inst) {
  const Dense& table = inst.dense();
  if (static_cast<int64_t>(table.bits.size()) > machine().maxTableElements) {
    fail(inst.loc, cat("a constant with ", table.bits.size(), " different values is too large"),
         "pass the values as an array and load them");
    return;
  }
  const Value* v = inst.result();
  BufferRef to = buffers_.of[v] = allocate(v);
  for (size_t i = 0; i < table.bits.size(); ++i) {
    Type narrow = v->type.element();
    uint64_t bits = to.element.isFloat() && narrow != to.element ? encodeFloat(to.element.elem, decodeFloat(narrow.elem, table.bits[i]))
                                                                 : table.bits[i];
    Value* element = constant(to.element, bits);
    Value* at_ = index(static_cast<int64_t>(i));
    code_.loc = inst.loc;
    Builder b = code_.atEntry();
    b.storeTo(b.addPtr(to.base, at_), element);
  }
}

Value* Lowering::scalar(const Value* v) {
  auto it = scalar_.find(v);
  if (it != scalar_.end()) return it->second;
  NEREID_CHECK(v->def, "a scalar argument that nothing set");
  if (v->def->op == Op::Constant) return scalar_[v] = constant(v->type, v->def->dense().bits[0]);
  if (v->def->op == Op::Poison) return scalar_[v] = constant(v->type, 0);
  NEREID_CHECK(false, "a scalar ", info(v->def->op).spelling, " used before it was lowered");
  return nullptr;
}

void Lowering::copyTile(const Value* v, const BufferRef& to) {
  auto held = buffers_.of.find(v);
  if (held != buffers_.of.end() && held->second.base == to.base) return;
  Nest nest;
  nest.anchors.push_back({Anchor::Buffer, v->def, const_cast<Value*>(v)});
  nest.shape = v->type.shape();
  BufferRef target = to;
  emitNest(nest, &target);
}

void Lowering::emitBlock(const Block& block) {
  auto scheduled = schedule_.blocks.find(&block);
  if (scheduled == schedule_.blocks.end()) {
    for (const Inst* inst : block.insts) emitInst(*inst);
    return;
  }
  for (const Step& step : scheduled->second.steps) {
    if (outcome_.failed) return;
    if (step.nest)
      emitNest(*step.nest);
    else
      emitInst(*step.inst);
  }
}

void Lowering::emitInst(const Inst& inst) {
  code_.loc = inst.loc;
  Builder b = at(top());
  switch (inst.op) {
    case Op::Constant:
    case Op::Poison:
    case Op::Yield:
    case Op::Condition:
    case Op::Return:
    case Op::Assume:
    case Op::Barrier:
    case Op::GridWait:
    case Op::GridLaunch:
    case Op::ReduceReturn:
    case Op::ScanReturn:
    case Op::MapElementwiseReturn: return;
    case Op::GetProgramId:
    case Op::GetNumPrograms: {
      Value*& known = (inst.op == Op::GetProgramId ? grid_.ids : grid_.counts)[inst.integer(Attr::Axis)];
      if (!known) known = code_.atEntry().create(inst.op, {}, {inst.result()->type}, inst.attrs)->result();
      scalar_[inst.result()] = known;
      return;
    }
    case Op::For: emitFor(inst); return;
    case Op::If: emitIf(inst); return;
    case Op::While: emitWhile(inst); return;
    case Op::Load:
    case Op::Store:
    case Op::AtomicRMW:
    case Op::AtomicCAS: emitScalarMemory(inst); return;
    case Op::Print: emitPrint(inst, inst.operands.empty() ? nullptr : scalar(inst.operand(0)), nullptr); return;
    case Op::Assert: {
      Value* v = scalar(inst.operand(0));
      b.create(Op::LoAssert, {b.cmpI(CmpIPred::Eq, v, constant(v->type, 0))}, {}, inst.attrs);
      return;
    }
    default: break;
  }
  if (!isElementwise(inst.op)) {
    fail(inst.loc, cat(info(inst.op).spelling, " is not supported on this target"));
    return;
  }
  std::vector<Value*> operands;
  for (Value* v : inst.operands) operands.push_back(scalar(v));
  if (inst.op == Op::AddPtr && bitWidth(operands[1]->type) < 64) operands[1] = b.cast(Op::ExtSI, operands[1], Type::scalar(Elem::I64));
  std::vector<Type> types;
  for (Value* v : inst.results) types.push_back(v->type);
  Inst* out = b.create(inst.op, operands, types, inst.attrs);
  for (size_t i = 0; i < inst.results.size(); ++i) scalar_[inst.results[i]] = out->results[i];
}

// `value` is null where only the text is printed, `element` for a scalar.
void Lowering::emitPrint(const Inst& print, Value* value, Value* element) {
  std::vector<Value*> operands{constant(Type::scalar(Elem::I1), 1)};
  if (value) operands.push_back(value);
  if (element) operands.push_back(element);
  Inst* out = at(top()).create(Op::LoPrint, operands, {}, print.attrs);
  if (element) out->set(Attr::Shape, print.operand(0)->type.shape());
}

void Lowering::emitScalarMemory(const Inst& inst) {
  Builder b = at(top());
  const Type kI8 = Type::scalar(Elem::I8);
  bool isBool = inst.operand(0)->type.pointee().isBool();
  auto pointer = [&] {
    Value* p = scalar(inst.operand(0));
    return isBool ? b.cast(Op::Bitcast, p, Type::pointer(Elem::I8)) : p;
  };
  if (inst.op == Op::Load) {
    std::vector<Value*> operands{pointer()};
    Value *mask = inst.optional(1), *other = inst.optional(2);
    if (mask) operands.push_back(scalar(mask));
    if (other) operands.push_back(isBool ? b.cast(Op::ExtUI, scalar(other), kI8) : scalar(other));
    Inst* load = b.create(Op::LoLoad, operands, {isBool ? kI8 : inst.result()->type});
    load->segments = {1, mask != nullptr, other != nullptr};
    scalar_[inst.result()] = isBool ? b.cmpI(CmpIPred::Ne, load->result(), constant(kI8, 0)) : load->result();
    return;
  }
  if (inst.op == Op::Store) {
    Value* value = scalar(inst.operand(1));
    if (isBool) value = b.cast(Op::ExtUI, value, kI8);
    std::vector<Value*> operands{pointer(), value};
    Value* mask = inst.optional(2);
    if (mask) operands.push_back(scalar(mask));
    b.create(Op::LoStore, operands, {})->segments = {1, 1, mask != nullptr};
    return;
  }
  Type element = inst.result()->type;
  if (inst.op == Op::AtomicCAS) {
    scalar_[inst.result()] =
        b.create(Op::LoAtomicCAS, {scalar(inst.operand(0)), scalar(inst.operand(1)), scalar(inst.operand(2))}, {element}, inst.attrs)
            ->result();
    return;
  }
  Value* mask = inst.operands.size() > 2 ? scalar(inst.operand(2)) : nullptr;
  if (mask && constantBits(mask) == uint64_t{1}) mask = nullptr;
  auto act = [&](Builder& in) {
    return in.create(Op::LoAtomicRMW, {scalar(inst.operand(0)), scalar(inst.operand(1))}, {element}, inst.attrs)->result();
  };
  if (!mask) {
    scalar_[inst.result()] = act(b);
    return;
  }
  scalar(inst.operand(0));
  Value* zero = constant(element, 0);
  Inst* branch = b.ifElse(mask, {element}, true);
  Builder then(code_.module(), &branch->regions[0]->entry(), code_.loc);
  then.yield({act(then)});
  Builder(code_.module(), &branch->regions[1]->entry(), code_.loc).yield({zero});
  scalar_[inst.result()] = branch->result();
}

// After the nests of a loop body: what went through a temporary reaches the carried buffer.
void Lowering::finishCarries(const Inst& terminator, const std::vector<BufferRef>& targets, const std::vector<BufferRef>& temporaries) {
  for (size_t i = 0; i < terminator.operands.size(); ++i) {
    if (i >= temporaries.size() || !temporaries[i].base) continue;
    Value* v = terminator.operands[i];
    auto held = buffers_.of.find(v);
    std::optional<BufferRef> saved;
    if (held != buffers_.of.end()) saved = held->second;
    buffers_.of[v] = temporaries[i];
    copyTile(v, targets[i]);
    if (saved)
      buffers_.of[v] = *saved;
    else
      buffers_.of.erase(v);
  }
}

void Lowering::emitFor(const Inst& inst) {
  const Block& source = inst.regions[0]->entry();
  const Inst& yield = *source.terminator();
  size_t carried = inst.results.size();
  std::vector<BufferRef> buffers(carried), temporaries(carried);
  std::vector<Value*> inits;
  for (size_t i = 0; i < carried; ++i) {
    Value* init = inst.operands[3 + i];
    if (!init->type.isTile()) {
      inits.push_back(scalar(init));
      continue;
    }
    const Layout* layout = layouts().of(inst.results[i]);
    buffers[i] = allocateElements(layouts().storedType(inst.results[i]), init->type.numel(), layout);
    if (layout && layouts().staysInFragments(inst, i))
      fragments_[source.args[1 + i]] = {.base = beginMatrix(init, buffers[i]), .isCarried = true};
    else
      copyTile(init, buffers[i]);
    auto through = schedule_.throughTemporary.find(&yield);
    bool temporary = through != schedule_.throughTemporary.end() && through->second[i];
    if (temporary) temporaries[i] = allocateElements(buffers[i].element, init->type.numel(), layout);
    buffers_.of[source.args[1 + i]] = buffers[i];
  }
  std::vector<BufferRef> targets(carried);
  for (size_t i = 0; i < carried; ++i) targets[i] = temporaries[i].base ? temporaries[i] : buffers[i];
  buffers_.carried[&yield] = targets;

  code_.loc = inst.loc;
  Builder b = at(top());
  Value *lower = scalar(inst.operands[0]), *upper = scalar(inst.operands[1]), *step = scalar(inst.operands[2]);
  // A loop whose step is not positive does not run.
  if (auto known = constantInt(step); !known || *known <= 0)
    lower = b.create(Op::Select, {b.cmpI(CmpIPred::Sgt, step, constant(step->type, 0)), lower, upper}, {lower->type})->result();
  Inst* loop = b.forLoop(lower, upper, step, inits);
  if (threadCount() == 1) loop->set(Attr::Source, int64_t{1});  // a loop that may never end: back-ends can make it interruptible
  Block& body = loop->regions[0]->entry();
  scalar_[source.args[0]] = body.args[0];
  body.args[0]->name = code_.module().intern(source.args[0]->name);
  for (size_t i = 0, k = 1; i < carried; ++i)
    if (!buffers[i].base) scalar_[source.args[1 + i]] = body.args[k++];
  code_.enter(body);
  emitBlock(source);
  if (!outcome_.failed) finishCarries(yield, buffers, temporaries);
  std::vector<Value*> yields;
  for (size_t i = 0; i < carried && !outcome_.failed; ++i)
    if (!buffers[i].base) yields.push_back(scalar(yield.operands[i]));
  at(0).yield(yields);
  code_.leave();
  for (size_t i = 0; i < carried && !outcome_.failed; ++i)
    if (auto held = fragments_.find(source.args[1 + i]); held != fragments_.end())
      moveMatrix(held->second.base, buffers[i], inst.results[i]->type, true, false);
  for (size_t i = 0, k = 0; i < carried; ++i) {
    if (buffers[i].base)
      buffers_.of[inst.results[i]] = buffers[i];
    else
      scalar_[inst.results[i]] = loop->results[k++];
  }
}

void Lowering::emitIf(const Inst& inst) {
  std::vector<BufferRef> buffers(inst.results.size());
  std::vector<Type> types;
  for (size_t i = 0; i < inst.results.size(); ++i) {
    Value* v = inst.results[i];
    if (v->type.isTile())
      buffers[i] = allocate(v);
    else
      types.push_back(v->type);
  }
  Builder b = at(top());
  Inst* out = b.ifElse(scalar(inst.operand(0)), types, inst.regions.size() > 1);
  for (size_t r = 0; r < inst.regions.size(); ++r) {
    const Block& source = inst.regions[r]->entry();
    code_.enter(out->regions[r]->entry());
    const Inst* yield = source.terminator();
    buffers_.carried[yield] = buffers;
    emitBlock(source);
    std::vector<Value*> values;
    for (size_t i = 0; i < inst.results.size() && !outcome_.failed; ++i)
      if (!buffers[i].base) values.push_back(scalar(yield->operands[i]));
    at(0).yield(values);
    code_.leave();
  }
  for (size_t i = 0, k = 0; i < inst.results.size(); ++i) {
    if (buffers[i].base)
      buffers_.of[inst.results[i]] = buffers[i];
    else
      scalar_[inst.results[i]] = out->results[k++];
  }
}

void Lowering::emitWhile(const Inst& inst) {
  const Block& test = inst.regions[0]->entry();
  const Block& body = inst.regions[1]->entry();
  const Inst& condition = *test.terminator();
  const Inst& yield = *body.terminator();
  std::vector<BufferRef> carried(inst.operands.size()), temporaries(inst.operands.size()), forwarded(inst.results.size());
  std::vector<Value*> inits;
  std::vector<Type> resultTypes;
  for (size_t i = 0; i < inst.operands.size(); ++i) {
    Value* init = inst.operands[i];
    if (!init->type.isTile()) {
      inits.push_back(scalar(init));
      continue;
    }
    carried[i] = allocateElements(layouts().storedType(test.args[i]), init->type.numel());
    temporaries[i] = allocateElements(carried[i].element, init->type.numel());
    copyTile(init, carried[i]);
    buffers_.of[test.args[i]] = carried[i];
  }
  std::vector<BufferRef> conditionTargets(condition.operands.size());
  for (size_t i = 0; i < inst.results.size(); ++i) {
    Value* v = condition.operands[1 + i];
    if (!v->type.isTile()) {
      resultTypes.push_back(v->type);
      continue;
    }
    auto held = buffers_.of.find(v);
    forwarded[i] =
        held != buffers_.of.end() && !v->def ? held->second : allocateElements(layouts().storedType(inst.results[i]), v->type.numel());
    conditionTargets[1 + i] = forwarded[i];
    buffers_.of[body.args[i]] = forwarded[i];
    buffers_.of[inst.results[i]] = forwarded[i];
  }
  buffers_.carried[&condition] = conditionTargets;
  buffers_.carried[&yield] = temporaries;

  code_.loc = inst.loc;
  Inst* out = at(top()).create(Op::While, inits, resultTypes);
  for (int r = 0; r < 2; ++r) {
    out->regions.push_back(std::make_unique<Region>());
    out->regions.back()->parent = out;
    code_.module().newBlock(*out->regions.back());
  }
  Block& outTest = out->regions[0]->entry();
  Block& outBody = out->regions[1]->entry();
  code_.enter(outTest);
  for (size_t i = 0; i < inst.operands.size(); ++i)
    if (!carried[i].base) scalar_[test.args[i]] = code_.module().addArg(outTest, test.args[i]->type, test.args[i]->name);
  emitBlock(test);
  if (outcome_.failed) return;
  std::vector<Value*> values{scalar(condition.operands[0])};
  for (size_t i = 0; i < inst.results.size(); ++i)
    if (!forwarded[i].base) values.push_back(scalar(condition.operands[1 + i]));
  at(0).create(Op::Condition, values, {});
  code_.leave();
  code_.enter(outBody);
  for (size_t i = 0; i < inst.results.size(); ++i)
    if (!forwarded[i].base) scalar_[body.args[i]] = code_.module().addArg(outBody, body.args[i]->type, body.args[i]->name);
  emitBlock(body);
  if (outcome_.failed) return;
  finishCarries(yield, carried, temporaries);
  std::vector<Value*> yields;
  for (size_t i = 0; i < yield.operands.size(); ++i)
    if (!carried[i].base) yields.push_back(scalar(yield.operands[i]));
  at(0).yield(yields);
  code_.leave();
  for (size_t i = 0, k = 0; i < inst.results.size(); ++i)
    if (!forwarded[i].base) scalar_[inst.results[i]] = out->results[k++];
}

}  // namespace nereid
