// SPDX-License-Identifier: MIT
// Functions, control flow and memory.
#include "backends/wasm/emit.h"

#include <algorithm>
#include <bit>

#include "ir/bits.h"
#include "ir/lower_ops.h"
#include "lower/legalize.h"
#include "lower/narrow_integers.h"
#include "support/text.h"

namespace nereid::wasm {

ValType Emitter::typeOf(const Type& t) {
  if (t.isVector()) return ValType::V128;
  if (t.isPointer()) return ValType::I32;
  switch (t.elem) {
    case Elem::I64:
    case Elem::Index: return ValType::I64;
    case Elem::F32: return ValType::F32;
    case Elem::F64: return ValType::F64;
    default: return ValType::I32;
  }
}

// ---- values

const Rep& Emitter::rep(const Value* v) const {
  auto it = reps_.find(v);
  NEREID_CHECK(it != reps_.end(), "a value that was not emitted");
  return it->second;
}

Rep Emitter::vector(const Value* v, int lanes) {
  if (v->type.isVector()) return rep(v);
  if (v->type.isBool()) return splat(code_.make(Ins::I32Sub, {code_.i32(0), scalar(v)}), lanes, 32, false);
  return splat(scalar(v), lanes, widthOf(v->type), typeOf(v->type) == ValType::F32 || typeOf(v->type) == ValType::F64);
}

Rep Emitter::mask(const Value* v, int lanes, int width) { return resizeMask(vector(v, lanes), width); }

void Emitter::define(const Value* v, Rep r) {
  reps_[v] = std::move(r);
  pending_.push_back(v);
}

void Emitter::findUses() {
  walk(f_.body, [&](const Inst& i) {
    for (const Value* v : i.operands) ++uses_[v];
  });
  walk(f_.body, [&](const Inst& i) {
    if (i.op == Op::MulF && uses_[i.result()] == 1) products_.insert(i.result());
  });
}

void Emitter::flush(std::vector<Node*> pins, const std::vector<Node*>& results, const std::vector<int>& targets) {
  for (const Value* v : pending_)
    if (uses_[v] > 0)
      for (Node* n : rep(v).n) pins.push_back(n);
  pending_.clear();
  code_.flush(pins, results, targets);
}

// ---- the function

Binary Emitter::run(Text text) {
  findUses();
  readArguments();
  code_.raw(Ins::Block, static_cast<uint64_t>(ValType::None));
  beginPrograms();
  code_.raw(Ins::Loop, static_cast<uint64_t>(ValType::None));
  code_.enterRegion();
  block(f_.body.entry());
  flush();
  code_.leaveRegion();
  nextProgram();
  code_.raw(Ins::End);
  code_.raw(Ins::End);

  Function out{imports_, code_.locals(), code_.body()};
  Binary binary;
  binary.bytes = encode(out, binary.memoryFlagAt);
  if (text != Text::None) binary.text = print(out, text == Text::WithLines);
  binary.scratchBytes = scratchBytes_ + (printBytes_ + 63) / 64 * 64;
  binary.sites = std::move(sites_);
  return binary;
}

// The grid, and the kernel's arguments behind it.
void Emitter::readArguments() {
  for (int k = 0; k < 3; ++k) {
    const int size = code_.newLocal(ValType::I32);
    code_.push(code_.load(Ins::I32Load, parameterPlus(kArgs, 4 * k)));
    code_.set(size);
    size_[k] = code_.local(size, ValType::I32);
    pidLocal_[k] = code_.newLocal(ValType::I32);
    pid_[k] = code_.local(pidLocal_[k], ValType::I32);
  }
  for (size_t k = 0; k < f_.args().size(); ++k) {
    const Value* v = f_.args()[k];
    const Type& t = v->type;
    Node* address = parameterPlus(kArgs, static_cast<int64_t>(16 + 8 * k));
    Node* n = t.isPointer() ? code_.load(Ins::I32Load, address) : loadScalar(t.isBool() ? Type::scalar(Elem::I8) : t, address);
    if (t.isBool()) n = code_.make(Ins::I32Ne, {n, code_.i32(0)});
    int local = code_.newLocal(typeOf(t));
    code_.push(n);
    code_.set(local);
    reps_[v] = {0, 0, {code_.local(local, typeOf(t))}};
  }
}

// The place of the first program in the grid; leaves the block if there is no program.
void Emitter::beginPrograms() {
  Node *begin = parameter(kBegin), *x = size_[0], *y = size_[1];
  code_.push(code_.make(Ins::I32GeU, {begin, parameter(kEnd)}));
  code_.raw(Ins::BrIf, 0);
  code_.push(code_.make(Ins::I32RemU, {begin, x}));
  code_.set(pidLocal_[0]);
  code_.push(code_.make(Ins::I32RemU, {code_.make(Ins::I32DivU, {begin, x}), y}));
  code_.set(pidLocal_[1]);
  code_.push(code_.make(Ins::I32DivU, {code_.make(Ins::I32DivU, {begin, x}), y}));
  code_.set(pidLocal_[2]);
  code_.flush({});
}

// The next program, x fastest; continues the loop if there is one.
void Emitter::nextProgram() {
  auto next = [&](int axis, auto&& wrapped) {
    code_.push(code_.make(Ins::I32Add, {pid_[axis], code_.i32(1)}));
    code_.raw(Ins::LocalTee, static_cast<uint64_t>(pidLocal_[axis]));
    code_.push(size_[axis]);
    code_.raw(Ins::I32Eq);
    code_.raw(Ins::If, static_cast<uint64_t>(ValType::None));
    code_.raw(Ins::I32Const, 0);
    code_.set(pidLocal_[axis]);
    wrapped();
    code_.raw(Ins::End);
  };
  next(0, [&] {
    next(1, [&] {
      code_.push(code_.make(Ins::I32Add, {pid_[2], code_.i32(1)}));
      code_.set(pidLocal_[2]);
    });
  });
  code_.push(code_.make(Ins::I32Add, {parameter(kBegin), code_.i32(1)}));
  code_.raw(Ins::LocalTee, kBegin);
  code_.push(parameter(kEnd));
  code_.raw(Ins::I32LtU);
  code_.raw(Ins::BrIf, 0);
}

void Emitter::block(const Block& b) {
  for (const Inst* i : b.insts) {
    for (const Value* v : i->operands) --uses_[v];
    inst(*i);
    // assign() flushes the operands of a terminator together with their targets.
    if (code_.isDeep() && info(i->op).effects != Effects::Exit) flush();
  }
}

void Emitter::inst(const Inst& i) {
  code_.startLine(i.loc.file() == f_.loc.file() ? i.loc.line() : 0);
  if (isIntOp(i.op) || isFloatOp(i.op)) return define(i.result(), elementwise(i));
  switch (otherOp(i.op)) {
    case OtherOp::Yield:
    case OtherOp::Condition:
    case OtherOp::Return: return;
    case OtherOp::For: return loop(i);
    case OtherOp::If: return branch(i);
    case OtherOp::While: return whileLoop(i);
    case OtherOp::LoLoad: return load(i);
    case OtherOp::LoStore: return store(i);
    case OtherOp::LoGather: return gather(i);
    case OtherOp::LoScatter: return scatter(i);
    case OtherOp::LoAtomicRMW:
    case OtherOp::LoAtomicCAS: return atomic(i);
    case OtherOp::LoPrint:
    case OtherOp::LoAssert: return report(i);
    case OtherOp::LoAlloc: return define(i.result(), parameterPlus(kScratch, i.integer(Attr::Offset)));
    case OtherOp::LoExclusive: return define(i.result(), code_.load(Ins::I32Load, parameterPlus(kArgs, 12)));
    case OtherOp::AddPtr: return addPtr(i);
    case OtherOp::GetProgramId: return define(i.result(), pid_[i.integer(Attr::Axis)]);
    case OtherOp::GetNumPrograms: return define(i.result(), size_[i.integer(Attr::Axis)]);
    case OtherOp::Constant: return define(i.result(), constant(i.result()->type, i.dense().bits[0]));
    case OtherOp::Poison: return define(i.result(), constant(i.result()->type, 0));
    case OtherOp::LoSplat: return define(i.result(), splat(i));
    case OtherOp::LoIota: return define(i.result(), iota(i.result()->type));
    case OtherOp::LoExtract: return define(i.result(), extract(i));
    case OtherOp::LoInsert: return define(i.result(), insert(i));
    case OtherOp::LoShuffle: return shuffle(i);
    case OtherOp::LoDotAdd: return define(i.result(), dotAdd(i));
    case OtherOp::ClampF:
    case OtherOp::CmpI:
    case OtherOp::CmpF:
    case OtherOp::Select:
    case OtherOp::ExtSI:
    case OtherOp::ExtUI:
    case OtherOp::TruncI:
    case OtherOp::IndexCast:
    case OtherOp::IndexCastUI:
    case OtherOp::ExtF:
    case OtherOp::TruncF:
    case OtherOp::SIToFP:
    case OtherOp::UIToFP:
    case OtherOp::FPToSI:
    case OtherOp::FPToUI:
    case OtherOp::ArithBitcast:
    case OtherOp::Bitcast:
    case OtherOp::IntToPtr:
    case OtherOp::PtrToInt: return define(i.result(), elementwise(i));
    // legalize() rewrites it.
    case OtherOp::FpToFp:
    // WebAssembly has none: `lower` emits none for this target.
    case OtherOp::LoPrefetch:
    // Operations on WebGPU's workgroups and subgroups: `lower` emits none for this target.
    case OtherOp::LoPrivate:
    case OtherOp::LoMatrixDot:
    case OtherOp::LoMatrixZero:
    case OtherOp::LoMatrixGet:
    case OtherOp::LoMatrixPut:
    case OtherOp::LoBarrier:
    case OtherOp::LoSubgroupShuffle: break;
  }
  NEREID_CHECK(false, "no code for ", nereid::info(i.op).spelling);
}

void Emitter::addPtr(const Inst& i) {
  const Value *p = i.operand(0), *offset = i.operand(1);
  int size = byteSize(p->type.pointee());
  if (!i.result()->type.isVector()) {
    Node* o = scalar(offset);
    if (widthOf(offset->type) < 32) o = sext(o, widthOf(offset->type));
    define(i.result(), code_.make(Ins::I32Add, {scalar(p), code_.make(Ins::I32Mul, {o, code_.i32(size)})}));
    return;
  }
  int lanes = static_cast<int>(i.result()->type.numel());
  Rep pointers = vector(p, lanes), o = vector(offset, lanes);
  if (o.width < 32) o = extend(o, true, 32);
  if (size > 1) {
    for (Node*& n : o.n) n = code_.make(Ins::I32x4Shl, {n, code_.i32(std::countr_zero(static_cast<unsigned>(size)))});
  }
  define(i.result(), map(pointers, o, Ins::I32x4Add));
}

// ---- control flow: carried values are in locals that are reassigned

std::vector<int> Emitter::variables(const Type& type) {
  std::vector<int> out;
  if (!type.isVector()) return {code_.newLocal(typeOf(type))};
  int width = type.isBool() ? 32 : widthOf(type);
  for (size_t k = 0; k < registers(static_cast<int>(type.numel()), width); ++k) out.push_back(code_.newLocal(ValType::V128));
  return out;
}

Rep Emitter::variable(const Type& type, const std::vector<int>& locals) {
  Rep r;
  if (type.isVector()) {
    r.lanes = static_cast<int>(type.numel());
    r.width = type.isBool() ? 32 : widthOf(type);
  }
  for (int local : locals) r.n.push_back(code_.local(local, type.isVector() ? ValType::V128 : typeOf(type)));
  return r;
}

std::vector<Node*> Emitter::flat(const Value* v) {
  if (!v->type.isVector()) return {scalar(v)};
  return v->type.isBool() ? resizeMask(rep(v), 32).n : rep(v).n;
}

// Flushes `pins` and the values at once: a pending load must be emitted before the stores that follow it.
void Emitter::assign(std::span<Value* const> values, const std::vector<std::vector<int>>& locals, std::vector<Node*> pins) {
  std::vector<int> targets;
  std::vector<Node*> nodes;
  for (size_t k = 0; k < values.size(); ++k) {
    std::vector<Node*> n = flat(values[k]);
    for (size_t r = 0; r < n.size(); ++r) {
      if (n[r]->ins == Ins::LocalGet && n[r]->a == static_cast<uint64_t>(locals[k][r])) continue;
      nodes.push_back(n[r]);
      targets.push_back(locals[k][r]);
    }
  }
  flush(std::move(pins), nodes, targets);
}

// A loop that only fills a contiguous range with one byte, or copies one range to another.
std::optional<Emitter::Bulk> Emitter::bulk(const Inst& loop) {
  const Block& body = loop.regions[0]->entry();
  std::vector<const Inst*> insts;
  for (const Inst* i : body.insts)
    if (i->op != Op::Yield) insts.push_back(i);
  if (!loop.results.empty() || (insts.size() != 2 && insts.size() != 4)) return std::nullopt;
  const Inst* store = insts.back();
  if (store->op != Op::LoStore || store->optional(2)) return std::nullopt;
  const Type& type = store->operand(1)->type;
  if (!type.isVector() || type.isPointer() || type.isBool()) return std::nullopt;
  auto moves = [&](const Inst* address, const Value* used) {
    return address->op == Op::AddPtr && address->result() == used && address->operand(1) == body.args[0] &&
           address->operand(0)->def != insts[0];
  };
  Bulk out{nullptr, nullptr, 0, static_cast<int>(type.numel()), widthOf(type) / 8, true};
  if (!std::has_single_bit(static_cast<unsigned>(out.lanes)) || constantInt(loop.operand(2)) != out.lanes) return std::nullopt;
  const Inst* to = insts[insts.size() - 2];
  if (!moves(to, store->operand(0))) return std::nullopt;
  out.to = to->operand(0);
  if (insts.size() == 4) {
    const Inst *from = insts[0], *load = insts[1];
    if (load->op != Op::LoLoad || load->optional(1) || load->result() != store->operand(1) || !moves(from, load->operand(0)))
      return std::nullopt;
    out.from = from->operand(0);
    auto isScratch = [](const Value* p) {
      while (p->def && p->def->op == Op::AddPtr) p = p->def->operand(0);
      return p->def && p->def->op == Op::LoAlloc;
    };
    out.apart = isScratch(out.to) != isScratch(out.from);
    return out;
  }
  const Value* v = store->operand(1);
  auto bits = constantBits(v);
  if (!bits) return std::nullopt;
  out.byte = *bits & 0xff;
  for (int k = 1; k < out.size; ++k)
    if ((*bits >> (8 * k) & 0xff) != out.byte) return std::nullopt;
  return out;
}

// The range that a loop fills or copies, if it does nothing else and moves enough.
std::optional<Emitter::Move> Emitter::moveOf(const Inst& loop, Node* first, Node* last) {
  const auto whole = bulk(loop);
  if (!whole) return std::nullopt;
  const int64_t most = (ranges_.of(loop.operand(1)).high - ranges_.of(loop.operand(0)).low) * whole->size;
  if (most < machineOf(relaxed_ ? Variant::Relaxed : Variant::Strict).bulkMemoryBytes) return std::nullopt;
  auto at = [&](const Value* p) { return code_.make(Ins::I32Add, {scalar(p), code_.make(Ins::I32Mul, {first, code_.i32(whole->size)})}); };
  Node* count = code_.make(Ins::I32Add, {code_.make(Ins::I32Sub, {last, first}), code_.i32(whole->lanes - 1)});
  Node* bytes = code_.make(Ins::I32Mul, {code_.make(Ins::I32And, {count, code_.i32(-whole->lanes)}), code_.i32(whole->size)});
  Node* to = at(whole->to);
  return Move{to, whole->from ? at(whole->from) : nullptr, bytes, whole->byte, whole->apart};
}

void Emitter::move(const Move& m) {
  for (Node* n : {m.to, m.from ? m.from : code_.i32(static_cast<int64_t>(m.byte)), m.bytes}) code_.push(n);
  code_.raw(m.from ? Ins::MemoryCopy : Ins::MemoryFill);
}

void Emitter::loop(const Inst& i) {
  const Block& body = i.regions[0]->entry();
  const Value *lower = i.operand(0), *upper = i.operand(1), *step = i.operand(2);
  const Value* counter = body.args[0];
  const int width = widthOf(counter->type);
  const bool isLong = width == 64;
  // Integers of less than 32 bits are kept zero-extended: they are counted with their sign.
  auto signedValue = [&](const Value* v) { return isLong ? scalar(v) : sext(scalar(v), width); };
  const ValType type = typeOf(counter->type);
  Node *first = signedValue(lower), *last = signedValue(upper), *by = signedValue(step);
  std::vector<std::vector<int>> carried;
  for (const Value* v : i.results) carried.push_back(variables(v->type));
  const auto whole = isLong ? std::nullopt : moveOf(i, first, last);
  std::vector<Node*> needed = {first, last, by};
  if (whole)
    for (Node* n : {whole->to, whole->bytes, whole->from})
      if (n) needed.push_back(n);
  assign(std::span(i.operands).subspan(3), carried, needed);
  const auto low = constantInt(lower), high = constantInt(upper);
  const bool isEntered = low && high && *low < *high;
  if (!isEntered) {
    code_.push(code_.make(isLong ? Ins::I64LtS : Ins::I32LtS, {first, last}));
    code_.raw(Ins::If, static_cast<uint64_t>(ValType::None));
  }
  if (whole && whole->apart) {
    move(*whole);
    if (!isEntered) code_.raw(Ins::End);
    for (const Inst* inside : body.insts)
      for (const Value* v : inside->operands) --uses_[v];
    return;
  }
  const int iv = code_.newLocal(type);
  code_.push(first);
  code_.set(iv);
  const bool isCopy = whole && whole->from;
  if (isCopy) {
    // Copying all at once differs from copying step by step if the destination starts within the source.
    code_.push(code_.make(Ins::I32GeU, {code_.make(Ins::I32Sub, {whole->to, whole->from}), whole->bytes}));
    code_.raw(Ins::If, static_cast<uint64_t>(ValType::None));
    move(*whole);
    code_.raw(Ins::Else);
  }
  code_.raw(Ins::Loop, static_cast<uint64_t>(ValType::None));
  code_.enterRegion();
  Node* count = code_.local(iv, type);
  reps_[counter] = {0, 0, {isLong ? count : zext(count, width)}};
  for (size_t k = 0; k < carried.size(); ++k) reps_[body.args[1 + k]] = variable(body.args[1 + k]->type, carried[k]);
  block(body);
  assign(body.terminator()->operands, carried);
  countUp(count, last, by, ranges_.of(upper), ranges_.of(step));
  code_.leaveRegion();
  code_.raw(Ins::End);
  if (isCopy) code_.raw(Ins::End);
  if (!isEntered) code_.raw(Ins::End);
  for (size_t k = 0; k < i.results.size(); ++k) define(i.results[k], variable(i.results[k]->type, carried[k]));
}

// The next iteration, if there is one. `end` and `stride` are the ranges of `last` and `by`.
void Emitter::countUp(Node* count, Node* last, Node* by, Range end, Range stride) {
  const bool isLong = count->type == ValType::I64;
  const int64_t top = isLong ? INT64_MAX : INT32_MAX;
  Node* sum = code_.make(isLong ? Ins::I64Add : Ins::I32Add, {count, by});
  code_.push(sum);
  if (stride.high > 1 && end.high > top - stride.high + 1) {
    // Near the top of the type the step after the last iteration wraps: then the loop has ended.
    const int next = code_.newLocal(count->type);
    code_.raw(Ins::LocalTee, static_cast<uint64_t>(next));
    code_.push(last);
    code_.push(code_.make(isLong ? Ins::I64GtS : Ins::I32GtS, {code_.local(next, count->type), count}));
    code_.raw(Ins::Select);
  }
  code_.raw(Ins::LocalTee, count->a);
  code_.push(last);
  code_.raw(isLong ? Ins::I64LtS : Ins::I32LtS);
  code_.raw(Ins::BrIf, 0);
}

void Emitter::branch(const Inst& i) {
  std::vector<std::vector<int>> locals;
  for (const Value* v : i.results) locals.push_back(variables(v->type));
  Node* condition = scalar(i.operand(0));
  flush({condition});
  code_.push(condition);
  code_.raw(Ins::If, static_cast<uint64_t>(ValType::None));
  for (size_t r = 0; r < i.regions.size(); ++r) {
    if (i.regions[r]->empty()) continue;
    if (r == 1) code_.raw(Ins::Else);
    code_.enterRegion();
    const Block& body = i.regions[r]->entry();
    block(body);
    if (const Inst* yield = body.terminator()) assign(yield->operands, locals);
    flush();
    code_.leaveRegion();
  }
  code_.raw(Ins::End);
  for (size_t k = 0; k < i.results.size(); ++k) define(i.results[k], variable(i.results[k]->type, locals[k]));
}

void Emitter::whileLoop(const Inst& i) {
  const Block &test = i.regions[0]->entry(), &body = i.regions[1]->entry();
  std::vector<std::vector<int>> carried, forwarded;
  for (const Value* v : i.operands) carried.push_back(variables(v->type));
  for (const Value* v : i.results) forwarded.push_back(variables(v->type));
  assign(i.operands, carried);
  code_.raw(Ins::Block, static_cast<uint64_t>(ValType::None));
  code_.raw(Ins::Loop, static_cast<uint64_t>(ValType::None));
  code_.enterRegion();
  for (size_t k = 0; k < carried.size(); ++k) reps_[test.args[k]] = variable(test.args[k]->type, carried[k]);
  block(test);
  const Inst& condition = *test.terminator();
  Node* goOn = scalar(condition.operand(0));
  assign(std::span(condition.operands).subspan(1), forwarded, {goOn});
  code_.push(isZero(goOn));
  code_.raw(Ins::BrIf, 1);
  for (size_t k = 0; k < forwarded.size(); ++k) reps_[body.args[k]] = variable(body.args[k]->type, forwarded[k]);
  block(body);
  assign(body.terminator()->operands, carried);
  code_.raw(Ins::Br, 0);
  code_.leaveRegion();
  code_.raw(Ins::End);
  code_.raw(Ins::End);
  for (size_t k = 0; k < i.results.size(); ++k) define(i.results[k], variable(i.results[k]->type, forwarded[k]));
}

const Machine& machineOf(Variant variant) { return variant == Variant::Relaxed ? kRelaxedWasm : kWasm; }

Result<Binary> write(Lowered lowered, Variant variant, Text text, Diags&) {
  Func& f = *lowered.module.kernel();
  legalize(f, lowered.module, machineOf(variant));
  narrowIntegers(f, lowered.module);
  return Emitter(f, lowered.scratchBytes, variant).run(text);
}

}  // namespace nereid::wasm
