// SPDX-License-Identifier: MIT
// Loads, stores, atomics, and what a kernel reports.
#include <algorithm>
#include <bit>

#include "backends/wasm/emit.h"
#include "ir/bits.h"

namespace nereid::wasm {

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

void Emitter::when(Node* condition, FunctionRef<void()> body) {
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

std::vector<Node*> joined(std::initializer_list<std::span<Node* const>> lists) {
  std::vector<Node*> out;
  for (auto list : lists) out.insert(out.end(), list.begin(), list.end());
  return out;
}

}  // namespace

// ---- masked vectors: a branch for each lane. `pins` are what the branches read

Emitter::LaneTests Emitter::laneTests(const Value* mask, int lanes) {
  Rep m = vector(mask, lanes);
  Ins ins = m.width == 8 ? Ins::I8x16Bitmask : m.width == 16 ? Ins::I16x8Bitmask : m.width == 32 ? Ins::I32x4Bitmask : Ins::I64x2Bitmask;
  LaneTests out{{}, std::min(lanes, 128 / m.width)};
  for (Node* n : m.n) out.bits.push_back(code_.make(ins, {n}));
  return out;
}

void Emitter::whenLane(const LaneTests& tests, int lane, FunctionRef<void()> body) {
  Node* bits = tests.bits[static_cast<size_t>(lane / tests.inRegister)];
  when(code_.make(Ins::I32And, {bits, code_.i32(int64_t{1} << (lane % tests.inRegister))}), body);
}

Rep Emitter::loadLanes(const LaneTests& tests, const Rep& otherwise, const std::vector<Node*>& pins, FunctionRef<Node*(int)> addressOf) {
  const int inRegister = 128 / otherwise.width;
  std::vector<int> locals;
  for (size_t k = 0; k < otherwise.n.size(); ++k) locals.push_back(code_.newLocal(ValType::V128));
  flush(pins);
  for (size_t k = 0; k < locals.size(); ++k) {
    code_.push(otherwise.n[k]);
    code_.set(locals[k]);
  }
  for (int k = 0; k < otherwise.lanes; ++k)
    whenLane(tests, k, [&] {
      const int local = locals[static_cast<size_t>(k / inRegister)];
      Node* before = code_.local(local, ValType::V128);
      code_.push(code_.load(laneLoad(otherwise.width), addressOf(k), before, static_cast<uint64_t>(k % inRegister)));
      code_.set(local);
    });
  code_.flush({});
  Rep out{otherwise.lanes, otherwise.width, {}};
  for (int local : locals) out.n.push_back(code_.local(local, ValType::V128));
  return out;
}

void Emitter::storeLane(const Rep& r, int lane, Node* address) {
  const int inRegister = 128 / r.width;
  code_.store(laneStore(r.width), address, r.n[static_cast<size_t>(lane / inRegister)], static_cast<uint64_t>(lane % inRegister));
}

void Emitter::storeLanes(const LaneTests& tests, const Rep& r, const std::vector<Node*>& pins, FunctionRef<Node*(int)> addressOf) {
  flush(pins);
  for (int k = 0; k < r.lanes; ++k)
    whenLane(tests, k, [&] {
      storeLane(r, k, addressOf(k));
      code_.flush({});
    });
}

// ---- loads and stores

void Emitter::load(const Inst& i) {
  const Value* v = i.result();
  const Type& t = v->type;
  const Value *condition = i.optional(1), *other = i.optional(2);
  Node* address = scalar(i.operand(0));
  if (!t.isVector()) return define(v, condition ? loadWhere(i, address) : loadScalar(t, address));
  int lanes = static_cast<int>(t.numel()), width = widthOf(t);
  // Pointers take eight bytes in memory.
  if (t.isPointer()) {
    NEREID_CHECK(!condition, "a masked load of pointers");
    return define(v, halve(loadVector(address, lanes, 64)));
  }
  if (!condition) return define(v, loadVector(address, lanes, width));
  const Rep otherwise = other ? vector(other, lanes) : uniform(0, lanes, width);
  const LaneTests tests = laneTests(condition, lanes);
  auto addressOf = [&](int k) { return code_.make(Ins::I32Add, {address, code_.i32(k * width / 8)}); };
  define(v, loadLanes(tests, otherwise, joined({otherwise.n, {&address, 1}, tests.bits}), addressOf));
}

// A scalar under a condition.
Node* Emitter::loadWhere(const Inst& i, Node* address) {
  const Type& t = i.result()->type;
  const Value* other = i.optional(2);
  ValType type = typeOf(t);
  Node *otherwise = other ? scalar(other) : number(type, 0), *test = scalar(i.optional(1));
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
  return code_.local(local, type);
}

Rep Emitter::loadVector(Node* address, int lanes, int width) {
  const int bits = lanes * width;
  Rep r{lanes, width, {}};
  if (bits < 128) {
    r.n.push_back(code_.load(bits == 64 ? Ins::V128Load64Zero : bits == 32 ? Ins::V128Load32Zero : Ins::V128Load16Splat, address));
    return r;
  }
  for (int k = 0; k * 128 < bits; ++k) r.n.push_back(code_.load(Ins::V128Load, code_.make(Ins::I32Add, {address, code_.i32(16 * k)})));
  return r;
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
  const LaneTests tests = laneTests(condition, lanes);
  auto addressOf = [&](int k) { return code_.make(Ins::I32Add, {address, code_.i32(k * width / 8)}); };
  storeLanes(tests, r, joined({r.n, {&address, 1}, tests.bits}), addressOf);
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
  const LaneTests tests = laneTests(condition, lanes);
  auto addressOf = [&](int k) { return lane(pointers, k, false); };
  r = loadLanes(tests, otherwise, joined({otherwise.n, tests.bits, pointers.n}), addressOf);
  define(v, t.isPointer() ? halve(r) : r);
}

void Emitter::scatter(const Inst& i) {
  const Value* v = i.operand(1);
  int lanes = static_cast<int>(v->type.numel());
  Rep pointers = vector(i.operand(0), lanes), r = rep(v);
  if (v->type.isPointer()) r = extend(r, false, 64);
  auto addressOf = [&](int k) { return lane(pointers, k, false); };
  if (const Value* condition = i.optional(2)) {
    const LaneTests tests = laneTests(condition, lanes);
    return storeLanes(tests, r, joined({r.n, tests.bits, pointers.n}), addressOf);
  }
  for (int k = 0; k < lanes; ++k) storeLane(r, k, addressOf(k));
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

}  // namespace nereid::wasm
