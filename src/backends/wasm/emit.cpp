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
  enum { kArgs, kBegin, kEnd, kScratch };
  auto parameter = [&](int index) { return code_.local(index, ValType::I32); };
  // Arguments, the grid, and the position of the first program.
  Node* args = parameter(kArgs);
  int size[3], pid[3];
  for (int k = 0; k < 3; ++k) {
    size[k] = code_.newLocal(ValType::I32);
    code_.push(code_.load(Ins::I32Load, code_.make(Ins::I32Add, {args, code_.i32(4 * k)})));
    code_.set(size[k]);
    size_[k] = code_.local(size[k], ValType::I32);
    pid[k] = code_.newLocal(ValType::I32);
    pid_[k] = code_.local(pid[k], ValType::I32);
  }
  for (size_t k = 0; k < f_.args().size(); ++k) {
    const Value* v = f_.args()[k];
    const Type& t = v->type;
    int at = static_cast<int>(16 + 8 * k);
    Node* address = code_.make(Ins::I32Add, {args, code_.i32(at)});
    Node* n = t.isPointer() ? code_.load(Ins::I32Load, address) : loadScalar(t.isBool() ? Type::scalar(Elem::I8) : t, address);
    if (t.isBool()) n = code_.make(Ins::I32Ne, {n, code_.i32(0)});
    int local = code_.newLocal(typeOf(t));
    code_.push(n);
    code_.set(local);
    reps_[v] = {0, 0, {code_.local(local, typeOf(t))}};
  }
  Node *begin = parameter(kBegin), *x = size_[0], *y = size_[1];
  code_.raw(Ins::Block, static_cast<uint64_t>(ValType::None));
  code_.push(code_.make(Ins::I32GeU, {begin, parameter(kEnd)}));
  code_.raw(Ins::BrIf, 0);
  code_.push(code_.make(Ins::I32RemU, {begin, x}));
  code_.set(pid[0]);
  code_.push(code_.make(Ins::I32RemU, {code_.make(Ins::I32DivU, {begin, x}), y}));
  code_.set(pid[1]);
  code_.push(code_.make(Ins::I32DivU, {code_.make(Ins::I32DivU, {begin, x}), y}));
  code_.set(pid[2]);
  code_.flush({});
  code_.raw(Ins::Loop, static_cast<uint64_t>(ValType::None));
  code_.enterRegion();
  block(f_.body.entry());
  flush();
  code_.leaveRegion();
  // The next program, x fastest.
  auto next = [&](int axis, auto&& wrapped) {
    code_.push(code_.make(Ins::I32Add, {pid_[axis], code_.i32(1)}));
    code_.raw(Ins::LocalTee, static_cast<uint64_t>(pid[axis]));
    code_.push(size_[axis]);
    code_.raw(Ins::I32Eq);
    code_.raw(Ins::If, static_cast<uint64_t>(ValType::None));
    code_.raw(Ins::I32Const, 0);
    code_.set(pid[axis]);
    wrapped();
    code_.raw(Ins::End);
  };
  next(0, [&] {
    next(1, [&] {
      code_.push(code_.make(Ins::I32Add, {pid_[2], code_.i32(1)}));
      code_.set(pid[2]);
    });
  });
  code_.push(code_.make(Ins::I32Add, {begin, code_.i32(1)}));
  code_.raw(Ins::LocalTee, kBegin);
  code_.push(parameter(kEnd));
  code_.raw(Ins::I32LtU);
  code_.raw(Ins::BrIf, 0);
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
  if (isIntOp(i.op) || isFloatOp(i.op)) {
    define(i.result(), elementwise(i));
    return;
  }
  switch (otherOp(i.op)) {
    case OtherOp::Yield:
    case OtherOp::Condition:
    case OtherOp::Return: return;
    case OtherOp::Constant: define(i.result(), constant(i)); return;
    case OtherOp::Poison: {
      const Type& t = i.result()->type;
      define(i.result(),
             t.isVector() ? uniform(0, static_cast<int>(t.numel()), t.isBool() ? 32 : widthOf(t)) : Rep{0, 0, {number(typeOf(t), 0)}});
      return;
    }
    case OtherOp::GetProgramId: define(i.result(), pid_[i.integer(Attr::Axis)]); return;
    case OtherOp::GetNumPrograms: define(i.result(), size_[i.integer(Attr::Axis)]); return;
    case OtherOp::LoAlloc:
      define(i.result(), code_.make(Ins::I32Add, {code_.local(3, ValType::I32), code_.i32(i.integer(Attr::Offset))}));
      return;
    case OtherOp::LoLoad: load(i); return;
    case OtherOp::LoStore: store(i); return;
    case OtherOp::LoGather: gather(i); return;
    case OtherOp::LoScatter: scatter(i); return;
    case OtherOp::LoExclusive:
      define(i.result(), code_.load(Ins::I32Load, code_.make(Ins::I32Add, {code_.local(0, ValType::I32), code_.i32(12)})));
      return;
    case OtherOp::LoDotAdd: {
      Rep sums = rep(i.operand(0));
      const Rep &x = rep(i.operand(1)), &y = rep(i.operand(2));
      for (size_t k = 0; k < sums.n.size(); ++k)
        sums.n[k] = code_.make(Ins::I32x4Add, {sums.n[k], code_.make(Ins::I32x4DotI16x8S, {x.n[k], y.n[k]})});
      define(i.result(), std::move(sums));
      return;
    }
    case OtherOp::LoAtomicRMW:
    case OtherOp::LoAtomicCAS: atomic(i); return;
    case OtherOp::LoPrint:
    case OtherOp::LoAssert: report(i); return;
    case OtherOp::LoSplat: {
      int lanes = static_cast<int>(i.result()->type.numel());
      const Value* v = i.operand(0);
      if (auto bits = constantBits(v))
        define(i.result(), v->type.isBool() ? uniform(*bits & 1 ? ~uint64_t{0} : 0, lanes, 32) : uniform(*bits, lanes, widthOf(v->type)));
      else
        define(i.result(), vector(v, lanes));
      return;
    }
    case OtherOp::LoIota: {
      int lanes = static_cast<int>(i.result()->type.numel()), width = widthOf(i.result()->type);
      Rep r{lanes, width, {}};
      for (size_t k = 0; k < registers(lanes, width); ++k) {
        uint64_t half[2] = {0, 0};
        int per = 128 / width;
        for (int lane = 0; lane < per; ++lane) {
          int bit = lane * width;
          int number = static_cast<int>(k) * per + lane;
          half[bit / 64] |= zeroExtend(static_cast<uint64_t>(number), width) << (bit % 64);
        }
        r.n.push_back(code_.v128(half[0], half[1]));
      }
      define(i.result(), std::move(r));
      return;
    }
    case OtherOp::LoExtract: {
      const Type& t = i.operand(0)->type;
      int index = static_cast<int>(i.integer(Attr::Offset));
      if (t.isBool())
        define(i.result(), code_.make(Ins::I32And, {lane(resizeMask(rep(i.operand(0)), 32), index, false), code_.i32(1)}));
      else
        define(i.result(), lane(rep(i.operand(0)), index, !t.isPointer() && (t.elem == Elem::F32 || t.elem == Elem::F64)));
      return;
    }
    case OtherOp::LoInsert: {
      const Type& t = i.result()->type;
      Rep r = t.isBool() ? resizeMask(rep(i.operand(0)), 32) : rep(i.operand(0));
      Node* n = t.isBool() ? code_.make(Ins::I32Sub, {code_.i32(0), scalar(i.operand(1))}) : scalar(i.operand(1));
      auto index = static_cast<size_t>(i.integer(Attr::Offset)), per = static_cast<size_t>(128 / r.width);
      Node*& reg = r.n[index / per];
      bool isFloat = t.elem == Elem::F32 || t.elem == Elem::F64;
      Ins ins = r.width == 8    ? Ins::I8x16ReplaceLane
                : r.width == 16 ? Ins::I16x8ReplaceLane
                : r.width == 32 ? (isFloat && !t.isPointer() ? Ins::F32x4ReplaceLane : Ins::I32x4ReplaceLane)
                                : (isFloat ? Ins::F64x2ReplaceLane : Ins::I64x2ReplaceLane);
      reg = code_.make(ins, {reg, n}, index % per);
      define(i.result(), std::move(r));
      return;
    }
    case OtherOp::LoShuffle: shuffle(i); return;
    case OtherOp::For: loop(i); return;
    case OtherOp::If: branch(i); return;
    case OtherOp::While: whileLoop(i); return;
    case OtherOp::AddPtr: addPtr(i); return;
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
    case OtherOp::PtrToInt: define(i.result(), elementwise(i)); return;
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

Rep Emitter::constant(const Inst& i) {
  const Type& t = i.result()->type;
  uint64_t bits = i.dense().bits[0];
  if (t.isVector()) {
    int lanes = static_cast<int>(t.numel());
    return t.isBool() ? uniform(bits & 1 ? ~uint64_t{0} : 0, lanes, 32) : uniform(bits, lanes, widthOf(t));
  }
  return {0, 0, {number(typeOf(t), t.isBool() ? bits & 1 : bits)}};
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

// ---- memory

Node* Emitter::loadScalar(const Type& t, Node* address) {
  if (t.isPointer()) return code_.make(Ins::I32WrapI64, {code_.load(Ins::I64Load, address)});  // eight bytes in memory on every target
  switch (typeOf(t)) {
    case ValType::I64: return code_.load(Ins::I64Load, address);
    case ValType::F32: return code_.load(Ins::F32Load, address);
    case ValType::F64: return code_.load(Ins::F64Load, address);
    default: return code_.load(bitWidth(t) <= 8 ? Ins::I32Load8U : bitWidth(t) == 16 ? Ins::I32Load16U : Ins::I32Load, address);
  }
}

void Emitter::storeScalar(const Type& t, Node* address, Node* value) {
  if (t.isPointer()) {
    code_.store(Ins::I64Store, address, code_.make(Ins::I64ExtendI32U, {value}));
    return;
  }
  switch (typeOf(t)) {
    case ValType::I64: code_.store(Ins::I64Store, address, value); return;
    case ValType::F32: code_.store(Ins::F32Store, address, value); return;
    case ValType::F64: code_.store(Ins::F64Store, address, value); return;
    default: code_.store(bitWidth(t) <= 8 ? Ins::I32Store8 : bitWidth(t) == 16 ? Ins::I32Store16 : Ins::I32Store, address, value);
  }
}

template <class F>
void Emitter::when(Node* condition, F&& body) {
  code_.push(condition);
  code_.raw(Ins::If, static_cast<uint64_t>(ValType::None));
  body();
  code_.raw(Ins::End);
}

namespace {

Ins laneLoad(int width) {
  return width == 8 ? Ins::V128Load8Lane : width == 16 ? Ins::V128Load16Lane : width == 32 ? Ins::V128Load32Lane : Ins::V128Load64Lane;
}
Ins laneStore(int width) {
  return width == 8 ? Ins::V128Store8Lane : width == 16 ? Ins::V128Store16Lane : width == 32 ? Ins::V128Store32Lane : Ins::V128Store64Lane;
}

}  // namespace

std::vector<Node*> Emitter::maskBits(const Value* v, int lanes, int& lanesInRegister) {
  Rep m = vector(v, lanes);
  lanesInRegister = std::min(lanes, 128 / m.width);
  Ins ins = m.width == 8 ? Ins::I8x16Bitmask : m.width == 16 ? Ins::I16x8Bitmask : m.width == 32 ? Ins::I32x4Bitmask : Ins::I64x2Bitmask;
  std::vector<Node*> out;
  for (Node* n : m.n) out.push_back(code_.make(ins, {n}));
  return out;
}

void Emitter::load(const Inst& i) {
  const Value* v = i.result();
  const Type& t = v->type;
  const Value *condition = i.optional(1), *other = i.optional(2);
  Node* address = scalar(i.operand(0));
  if (!t.isVector()) {
    if (!condition) {
      define(v, loadScalar(t, address));
      return;
    }
    ValType type = typeOf(t);
    Node *otherwise = other ? scalar(other) : number(type, 0), *test = scalar(condition);
    int local = code_.newLocal(type);
    flush({address, test, otherwise});
    code_.push(test);
    code_.raw(Ins::If, static_cast<uint64_t>(type));
    code_.push(loadScalar(t, address));
    code_.raw(Ins::Else);
    code_.push(otherwise);
    code_.raw(Ins::End);
    code_.set(local);
    code_.flush({});
    define(v, code_.local(local, type));
    return;
  }
  int lanes = static_cast<int>(t.numel()), width = widthOf(t);
  int bits = lanes * width;
  // Pointers take eight bytes in memory.
  if (t.isPointer()) {
    NEREID_CHECK(!condition, "a masked load of pointers");
    Rep wide{lanes, 64, {}};
    for (int k = 0; k * 2 < lanes; ++k) wide.n.push_back(code_.load(Ins::V128Load, code_.make(Ins::I32Add, {address, code_.i32(16 * k)})));
    define(v, halve(wide));
    return;
  }
  if (!condition) {
    Rep r{lanes, width, {}};
    if (bits >= 128)
      for (int k = 0; k * 128 < bits; ++k) r.n.push_back(code_.load(Ins::V128Load, code_.make(Ins::I32Add, {address, code_.i32(16 * k)})));
    else if (bits == 64)
      r.n.push_back(code_.load(Ins::V128Load64Zero, address));
    else if (bits == 32)
      r.n.push_back(code_.load(Ins::V128Load32Zero, address));
    else
      r.n.push_back(code_.load(Ins::V128Load16Splat, address));
    define(v, std::move(r));
    return;
  }
  // Lane by lane, according to the mask; all at once if the mask is all true.
  Rep otherwise = other ? vector(other, lanes) : uniform(0, lanes, width);
  int per;
  std::vector<Node*> tests = maskBits(condition, lanes, per);
  std::vector<int> locals;
  std::vector<Node*> pins = otherwise.n;
  pins.push_back(address);
  pins.insert(pins.end(), tests.begin(), tests.end());
  for (size_t k = 0; k < otherwise.n.size(); ++k) locals.push_back(code_.newLocal(ValType::V128));
  flush(pins);
  auto inRegister = 128 / width;
  for (size_t k = 0; k < locals.size(); ++k) {
    code_.push(otherwise.n[k]);
    code_.set(locals[k]);
  }
  for (int lane = 0; lane < lanes; ++lane) {
    auto k = static_cast<size_t>(lane / inRegister);
    when(code_.make(Ins::I32And, {tests[static_cast<size_t>(lane / per)], code_.i32(int64_t{1} << (lane % per))}), [&] {
      Node* at = code_.make(Ins::I32Add, {address, code_.i32(lane * width / 8)});
      code_.push(code_.load(laneLoad(width), at, code_.local(locals[k], ValType::V128), static_cast<uint64_t>(lane % inRegister)));
      code_.set(locals[k]);
    });
  }
  code_.flush({});
  Rep r{lanes, width, {}};
  for (int local : locals) r.n.push_back(code_.local(local, ValType::V128));
  define(v, std::move(r));
}

void Emitter::store(const Inst& i) {
  const Value* v = i.operand(1);
  const Type& t = v->type;
  const Value* condition = i.optional(2);
  Node* address = scalar(i.operand(0));
  if (!t.isVector()) {
    if (!condition) {
      storeScalar(t, address, scalar(v));
      return;
    }
    Node *test = scalar(condition), *value = scalar(v);
    flush({address, test, value});
    when(test, [&] {
      storeScalar(t, address, value);
      code_.flush({});
    });
    return;
  }
  Rep r = rep(v);
  int lanes = r.lanes, width = r.width;
  if (t.isPointer()) {
    r = extend(r, false, 64);
    width = 64;
  }
  int bits = lanes * width;
  if (!condition) {
    if (bits >= 128)
      for (int k = 0; k * 128 < bits; ++k)
        code_.store(Ins::V128Store, code_.make(Ins::I32Add, {address, code_.i32(16 * k)}), r.n[static_cast<size_t>(k)]);
    else
      code_.store(laneStore(bits), address, r.n[0], 0);
    return;
  }
  int per;
  std::vector<Node*> tests = maskBits(condition, lanes, per);
  std::vector<Node*> pins = r.n;
  pins.push_back(address);
  pins.insert(pins.end(), tests.begin(), tests.end());
  flush(pins);
  auto inRegister = 128 / width;
  for (int lane = 0; lane < lanes; ++lane) {
    when(code_.make(Ins::I32And, {tests[static_cast<size_t>(lane / per)], code_.i32(int64_t{1} << (lane % per))}), [&] {
      code_.store(laneStore(width), code_.make(Ins::I32Add, {address, code_.i32(lane * width / 8)}),
                  r.n[static_cast<size_t>(lane / inRegister)], static_cast<uint64_t>(lane % inRegister));
      code_.flush({});
    });
  }
}

void Emitter::gather(const Inst& i) {
  const Value* v = i.result();
  const Type& t = v->type;
  const Value *condition = i.optional(1), *other = i.optional(2);
  int lanes = static_cast<int>(t.numel()), width = t.isPointer() ? 64 : widthOf(t);
  Rep pointers = vector(i.operand(0), lanes);
  auto inRegister = 128 / width;
  Rep r{lanes, width, {}};
  if (!condition) {
    for (int k = 0; k < lanes; ++k) {
      Node* at = lane(pointers, k, false);
      if (k % inRegister == 0 && width >= 32) {
        r.n.push_back(code_.load(width == 32 ? Ins::V128Load32Zero : Ins::V128Load64Zero, at));
        continue;
      }
      if (k % inRegister == 0) r.n.push_back(code_.v128(0, 0));
      r.n.back() = code_.load(laneLoad(width), at, r.n.back(), static_cast<uint64_t>(k % inRegister));
    }
    define(v, t.isPointer() ? halve(r) : r);
    return;
  }
  Rep otherwise = other ? vector(other, lanes) : uniform(0, lanes, t.isPointer() ? 32 : width);
  if (t.isPointer()) otherwise = extend(otherwise, false, 64);
  int per;
  std::vector<Node*> tests = maskBits(condition, lanes, per);
  std::vector<Node*> pins = otherwise.n;
  pins.insert(pins.end(), tests.begin(), tests.end());
  pins.insert(pins.end(), pointers.n.begin(), pointers.n.end());
  std::vector<int> locals;
  for (size_t k = 0; k < otherwise.n.size(); ++k) locals.push_back(code_.newLocal(ValType::V128));
  flush(pins);
  for (size_t k = 0; k < locals.size(); ++k) {
    code_.push(otherwise.n[k]);
    code_.set(locals[k]);
  }
  for (int k = 0; k < lanes; ++k) {
    auto reg = static_cast<size_t>(k / inRegister);
    when(code_.make(Ins::I32And, {tests[static_cast<size_t>(k / per)], code_.i32(int64_t{1} << (k % per))}), [&] {
      code_.push(code_.load(laneLoad(width), lane(pointers, k, false), code_.local(locals[reg], ValType::V128),
                            static_cast<uint64_t>(k % inRegister)));
      code_.set(locals[reg]);
    });
  }
  code_.flush({});
  for (int local : locals) r.n.push_back(code_.local(local, ValType::V128));
  define(v, t.isPointer() ? halve(r) : r);
}

void Emitter::scatter(const Inst& i) {
  const Value* v = i.operand(1);
  int lanes = static_cast<int>(v->type.numel());
  Rep pointers = vector(i.operand(0), lanes), r = rep(v);
  if (v->type.isPointer()) r = extend(r, false, 64);
  auto inRegister = 128 / r.width;
  auto storeLane = [&](int k) {
    code_.store(laneStore(r.width), lane(pointers, k, false), r.n[static_cast<size_t>(k / inRegister)],
                static_cast<uint64_t>(k % inRegister));
  };
  const Value* condition = i.optional(2);
  if (!condition) {
    for (int k = 0; k < lanes; ++k) storeLane(k);
    return;
  }
  int per;
  std::vector<Node*> tests = maskBits(condition, lanes, per);
  std::vector<Node*> pins = r.n;
  pins.insert(pins.end(), tests.begin(), tests.end());
  pins.insert(pins.end(), pointers.n.begin(), pointers.n.end());
  flush(pins);
  for (int k = 0; k < lanes; ++k)
    when(code_.make(Ins::I32And, {tests[static_cast<size_t>(k / per)], code_.i32(int64_t{1} << (k % per))}), [&] {
      storeLane(k);
      code_.flush({});
    });
}

// Atomics on floats have become compare-and-swap loops (lower/legalize.h); so do integer minima and maxima, which WebAssembly lacks.
void Emitter::atomic(const Inst& i) {
  const Value* v = i.result();
  const Type& t = v->type;
  int width = widthOf(t);
  bool isLong = typeOf(t) == ValType::I64 || t.isPointer();
  ValType type = isLong ? ValType::I64 : ValType::I32;
  NEREID_CHECK(!t.isFloat() || i.op == Op::LoAtomicCAS, "a float atomic that was not legalized");
  auto pick = [&](Ins i32, Ins i64, Ins i8, Ins i16) { return isLong ? i64 : width == 32 ? i32 : width == 16 ? i16 : i8; };
  Ins exchange = pick(Ins::I32AtomicRmwCmpxchg, Ins::I64AtomicRmwCmpxchg, Ins::I32AtomicRmw8CmpxchgU, Ins::I32AtomicRmw16CmpxchgU);
  auto bits = [&](const Value* x) {
    Node* n = scalar(x);
    if (x->type.isPointer()) return code_.make(Ins::I64ExtendI32U, {n});
    if (n->type == ValType::F32) return code_.make(Ins::I32ReinterpretF32, {n});
    if (n->type == ValType::F64) return code_.make(Ins::I64ReinterpretF64, {n});
    return n;
  };
  if (t.elem == Elem::F64) {
    type = ValType::I64;
    exchange = Ins::I64AtomicRmwCmpxchg;
  }
  Node *address = scalar(i.operand(0)), *x = bits(i.operand(1));
  Node* y = i.op == Op::LoAtomicCAS ? bits(i.operand(2)) : nullptr;
  int local = code_.newLocal(type);
  flush(y ? std::vector<Node*>{address, x, y} : std::vector<Node*>{address, x});
  code_.push(address);
  if (y) {
    code_.push(x);
    code_.push(y);
    code_.raw(exchange);
  } else {
    Ins ins;
    auto kind = static_cast<Rmw>(i.integer(Attr::RmwOp));
    switch (kind) {
      case Rmw::And: ins = pick(Ins::I32AtomicRmwAnd, Ins::I64AtomicRmwAnd, Ins::I32AtomicRmw8AndU, Ins::I32AtomicRmw16AndU); break;
      case Rmw::Or: ins = pick(Ins::I32AtomicRmwOr, Ins::I64AtomicRmwOr, Ins::I32AtomicRmw8OrU, Ins::I32AtomicRmw16OrU); break;
      case Rmw::Xor: ins = pick(Ins::I32AtomicRmwXor, Ins::I64AtomicRmwXor, Ins::I32AtomicRmw8XorU, Ins::I32AtomicRmw16XorU); break;
      case Rmw::Add: ins = pick(Ins::I32AtomicRmwAdd, Ins::I64AtomicRmwAdd, Ins::I32AtomicRmw8AddU, Ins::I32AtomicRmw16AddU); break;
      default: ins = pick(Ins::I32AtomicRmwXchg, Ins::I64AtomicRmwXchg, Ins::I32AtomicRmw8XchgU, Ins::I32AtomicRmw16XchgU); break;
    }
    code_.push(x);
    code_.raw(ins);
  }
  code_.set(local);
  Node* old = code_.local(local, type);
  if (t.isPointer()) old = code_.make(Ins::I32WrapI64, {old});
  if (typeOf(t) == ValType::F32) old = code_.make(Ins::F32ReinterpretI32, {old});
  if (typeOf(t) == ValType::F64) old = code_.make(Ins::F64ReinterpretI64, {old});
  define(v, old);
}

// ---- assertions and prints: the module passes numbers and a site, the runtime has the texts

void Emitter::report(const Inst& i) {
  bool isAssert = i.op == Op::LoAssert;
  auto import = [&](std::string_view name, int params) {
    for (size_t k = 0; k < imports_.size(); ++k)
      if (imports_[k].name == name) return k;
    imports_.push_back({name, params, ValType::I32, false});
    return imports_.size() - 1;
  };
  size_t callee = isAssert ? import("assert", 4) : import("print", 5);
  sites_.push_back(siteOf(i));
  std::vector<Node*> values;
  if (!isAssert && i.operands.size() > 1) {
    const Type& t = i.operand(1)->type;
    Node* n = scalar(i.operand(1));
    bool inHex = i.integer(Attr::Hex) != 0, isSigned = printsSigned(i);
    if (t.isFloat() && !inHex) {
      if (n->type == ValType::F32) n = code_.make(Ins::F64PromoteF32, {n});
    } else {
      if (n->type == ValType::F32) n = code_.make(Ins::I32ReinterpretF32, {n});
      if (n->type == ValType::F64) n = code_.make(Ins::I64ReinterpretF64, {n});
      if (isSigned && n->type == ValType::I32) n = sext(n, widthOf(t));
      if (n->type == ValType::I32) n = code_.make(isSigned && !inHex ? Ins::I64ExtendI32S : Ins::I64ExtendI32U, {n});
    }
    values.push_back(n);
    if (i.operands.size() > 2) values.push_back(code_.make(Ins::I64ExtendI32U, {scalar(i.operand(2))}));
    printBytes_ = 16;
  }
  std::vector<Node*> pins = values;
  Node* condition = scalar(i.operand(0));
  pins.push_back(condition);
  flush(pins);
  when(condition, [&] {
    Node* at = code_.make(Ins::I32Add, {code_.local(3, ValType::I32), code_.i32(scratchBytes_)});
    for (size_t k = 0; k < values.size(); ++k)
      code_.store(values[k]->type == ValType::F64 ? Ins::F64Store : Ins::I64Store,
                  code_.make(Ins::I32Add, {at, code_.i32(static_cast<int64_t>(8 * k))}), values[k]);
    code_.flush({});
    code_.raw(Ins::I32Const, sites_.size() - 1);
    for (Node* n : pid_) code_.push(n);
    if (!isAssert) code_.push(at);
    code_.raw(Ins::Call, callee);
  });
}

// ---- shuffles

void Emitter::shuffle(const Inst& i) {
  const Type& t = i.result()->type;
  int lanes = static_cast<int>(t.numel()), sourceLanes = static_cast<int>(i.operand(0)->type.numel());
  std::vector<Rep> sources;
  for (const Value* v : i.operands) sources.push_back(t.isBool() ? resizeMask(rep(v), 32) : rep(v));
  int width = sources[0].width, per = 128 / width, bytes = width / 8;
  const auto& order = i.list(Attr::Lanes);
  Rep out{lanes, width, {}};
  for (int reg = 0; reg * per < lanes; ++reg) {
    // Each shuffle takes two registers; results from more than two take several.
    Node* result = nullptr;
    std::vector<std::pair<Node*, std::vector<std::pair<int, int>>>> parts;  // source register, (lane out, lane in)
    for (int k = 0; k < per && reg * per + k < lanes; ++k) {
      int lane = reg * per + k;
      int64_t from = order[static_cast<size_t>(lane)];
      if (from < 0) continue;
      const Rep& source = sources[static_cast<size_t>(from / sourceLanes)];
      int inSource = static_cast<int>(from % sourceLanes);
      Node* n = source.n[static_cast<size_t>(inSource / per)];
      auto part = std::find_if(parts.begin(), parts.end(), [&](auto& p) { return p.first == n; });
      if (part == parts.end()) part = parts.insert(part, {n, {}});
      part->second.emplace_back(k, inSource % per);
    }
    std::array<uint8_t, 16> chosen{};
    for (size_t p = 0; p < parts.size(); ++p) {
      if (p == 0 || !result) {
        result = parts[p].first;
        for (auto [to, from] : parts[p].second)
          for (int b = 0, at = to * bytes; b < bytes; ++b, ++at) chosen[static_cast<size_t>(at)] = static_cast<uint8_t>(from * bytes + b);
        if (parts.size() == 1) result = shuffled(result, result, chosen);
        continue;
      }
      for (auto [to, from] : parts[p].second)
        for (int b = 0, at = to * bytes; b < bytes; ++b, ++at)
          chosen[static_cast<size_t>(at)] = static_cast<uint8_t>(16 + from * bytes + b);
      result = shuffled(result, parts[p].first, chosen);
      for (size_t b = 0; b < 16; ++b) chosen[b] = static_cast<uint8_t>(b);
    }
    out.n.push_back(result ? result : code_.v128(0, 0));
  }
  define(i.result(), std::move(out));
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

void Emitter::loop(const Inst& i) {
  const Block& body = i.regions[0]->entry();
  const Value *lower = i.operand(0), *upper = i.operand(1), *step = i.operand(2);
  const Value* counter = body.args[0];
  const Range end = ranges_.of(upper), stride = ranges_.of(step);
  const int width = widthOf(counter->type);
  const bool isLong = width == 64;
  // Integers of less than 32 bits are kept zero-extended: they are counted with their sign.
  auto number_ = [&](const Value* v) { return isLong ? scalar(v) : sext(scalar(v), width); };
  const ValType type = typeOf(counter->type);
  Node *first = number_(lower), *last = number_(upper), *by = number_(step);
  std::vector<std::vector<int>> carried;
  for (const Value* v : i.results) carried.push_back(variables(v->type));
  std::vector<Node*> needed = {first, last, by};
  auto whole = isLong ? std::nullopt : bulk(i);
  if (whole && (end.high - ranges_.of(lower).low) * whole->size < machineOf(relaxed_ ? Variant::Relaxed : Variant::Strict).bulkMemoryBytes)
    whole.reset();
  Node *to = nullptr, *from = nullptr, *bytes = nullptr;
  if (whole) {
    auto at = [&](const Value* p) {
      return code_.make(Ins::I32Add, {scalar(p), code_.make(Ins::I32Mul, {first, code_.i32(whole->size)})});
    };
    Node* count = code_.make(Ins::I32Add, {code_.make(Ins::I32Sub, {last, first}), code_.i32(whole->lanes - 1)});
    bytes = code_.make(Ins::I32Mul, {code_.make(Ins::I32And, {count, code_.i32(-whole->lanes)}), code_.i32(whole->size)});
    to = at(whole->to);
    if (whole->from) from = at(whole->from);
    for (Node* n : {to, bytes, from})
      if (n) needed.push_back(n);
  }
  assign(std::span(i.operands).subspan(3), carried, needed);
  auto low_ = constantInt(lower), high_ = constantInt(upper);
  bool entered = low_ && high_ && *low_ < *high_;
  if (!entered) {
    code_.push(code_.make(isLong ? Ins::I64LtS : Ins::I32LtS, {first, last}));
    code_.raw(Ins::If, static_cast<uint64_t>(ValType::None));
  }
  auto atOnce = [&] {
    for (Node* n : {to, from ? from : code_.i32(static_cast<int64_t>(whole->byte)), bytes}) code_.push(n);
    code_.raw(from ? Ins::MemoryCopy : Ins::MemoryFill);
  };
  if (whole && whole->apart) {
    atOnce();
    if (!entered) code_.raw(Ins::End);
    for (const Inst* inside : body.insts)
      for (const Value* v : inside->operands) --uses_[v];
    return;
  }
  int iv = code_.newLocal(type);
  code_.push(first);
  code_.set(iv);
  if (from) {
    // Copying all at once differs from copying step by step if the destination starts within the source.
    code_.push(code_.make(Ins::I32GeU, {code_.make(Ins::I32Sub, {to, from}), bytes}));
    code_.raw(Ins::If, static_cast<uint64_t>(ValType::None));
    atOnce();
    code_.raw(Ins::Else);
  }
  code_.raw(Ins::Loop, static_cast<uint64_t>(ValType::None));
  code_.enterRegion();
  Node* count = code_.local(iv, type);
  reps_[counter] = {0, 0, {isLong ? count : zext(count, width)}};
  for (size_t k = 0; k < carried.size(); ++k) reps_[body.args[1 + k]] = variable(body.args[1 + k]->type, carried[k]);
  block(body);
  assign(body.terminator()->operands, carried);
  // Near the top of the type the step after the last iteration wraps: then the loop has ended.
  const int64_t top = isLong ? INT64_MAX : INT32_MAX;
  if (stride.high > 1 && end.high > top - stride.high + 1) {
    int next = code_.newLocal(type);
    code_.push(code_.make(isLong ? Ins::I64Add : Ins::I32Add, {count, by}));
    code_.raw(Ins::LocalTee, static_cast<uint64_t>(next));
    code_.push(last);
    code_.push(code_.make(isLong ? Ins::I64GtS : Ins::I32GtS, {code_.local(next, type), count}));
    code_.raw(Ins::Select);
  } else {
    code_.push(code_.make(isLong ? Ins::I64Add : Ins::I32Add, {count, by}));
  }
  code_.raw(Ins::LocalTee, static_cast<uint64_t>(iv));
  code_.push(last);
  code_.raw(isLong ? Ins::I64LtS : Ins::I32LtS);
  code_.raw(Ins::BrIf, 0);
  code_.leaveRegion();
  code_.raw(Ins::End);
  if (from) code_.raw(Ins::End);
  if (!entered) code_.raw(Ins::End);
  for (size_t k = 0; k < i.results.size(); ++k) define(i.results[k], variable(i.results[k]->type, carried[k]));
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
