// SPDX-License-Identifier: MIT
// Element-wise operations: scalars by scalar instructions, vectors by SIMD128 where it has the operation, else lane by lane.
#include <algorithm>
#include <bit>
#include <limits>

#include "backends/wasm/emit.h"
#include "ir/bits.h"
#include "ir/lower_ops.h"
#include "lower/math.h"

namespace nereid::wasm {

namespace {

bool isSignedPredicate(CmpIPred p) { return p >= CmpIPred::Slt && p <= CmpIPred::Sge; }

}  // namespace

Rep Emitter::elementwise(const Inst& i) {
  const Type& t = i.result()->type;
  if (!t.isVector()) {
    std::vector<Node*> x;
    for (const Value* v : i.operands) x.push_back(scalar(v));
    return {0, 0, {scalarOp(i, x)}};
  }
  if (i.op == Op::Select) return vectorSelect(i);
  std::vector<Rep> x;
  for (const Value* v : i.operands) x.push_back(vector(v, static_cast<int>(t.numel())));
  std::optional<Rep> out = i.operand(0)->type.isBool() ? vectorBoolean(i, x) : vectorOp(i, x);
  return out ? *out : lanewise(i, x);
}

Rep Emitter::vectorSelect(const Inst& i) {
  const Type& t = i.result()->type;
  const int lanes = static_cast<int>(t.numel());
  Rep x = vector(i.operand(1), lanes), y = vector(i.operand(2), lanes);
  if (t.isBool()) {
    x = resizeMask(x, 32);
    y = resizeMask(y, 32);
  }
  if (!i.operand(0)->type.isVector()) {
    Rep out{lanes, x.width, {}};
    for (size_t k = 0; k < x.n.size(); ++k) out.n.push_back(code_.select(scalar(i.operand(0)), x.n[k], y.n[k]));
    return out;
  }
  // A select of the two operands of its comparison.
  if (const Inst* compare = i.operand(0)->def; compare && compare->op == Op::CmpF && (x.width == 64 || t.elem == Elem::F32)) {
    auto p = static_cast<CmpFPred>(compare->integer(Attr::Predicate));
    const Value *a = compare->operand(0), *b = compare->operand(1);
    bool same = a == i.operand(1) && b == i.operand(2), crossed = a == i.operand(2) && b == i.operand(1);
    if ((same || crossed) && (p == CmpFPred::Olt || p == CmpFPred::Ogt)) {
      // pmin(a, b) is `b < a ? b : a`, pmax(a, b) `a < b ? b : a`.
      bool largest = same == (p == CmpFPred::Ogt);
      return map(y, x, x.width == 64 ? (largest ? Ins::F64x2Pmax : Ins::F64x2Pmin) : (largest ? Ins::F32x4Pmax : Ins::F32x4Pmin));
    }
  }
  return choose(mask(i.operand(0), lanes, x.width), x, y);
}

// Masks: operations on the bits.
std::optional<Rep> Emitter::vectorBoolean(const Inst& i, std::vector<Rep>& x) {
  const Type& t = i.result()->type;
  if (x.size() > 1) x[1] = resizeMask(x[1], x[0].width);
  auto number = [&](uint64_t bits) {
    return map(resizeMask(x[0], widthOf(t)), uniform(bits, static_cast<int>(t.numel()), widthOf(t)), Ins::V128And);
  };
  switch (i.op) {
    case Op::AndI:
    case Op::MulI:
    case Op::MinUI:
    case Op::MaxSI: return map(x[0], x[1], Ins::V128And);
    case Op::OrI:
    case Op::MaxUI:
    case Op::MinSI: return map(x[0], x[1], Ins::V128Or);
    case Op::XOrI:
    case Op::AddI:
    case Op::SubI: return map(x[0], x[1], Ins::V128Xor);
    case Op::CmpI: return compareMasks(static_cast<CmpIPred>(i.integer(Attr::Predicate)), x[0], x[1]);
    case Op::ExtSI:
    case Op::IndexCast: return resizeMask(x[0], widthOf(t));
    case Op::ExtUI:
    case Op::IndexCastUI: return number(1);
    case Op::UIToFP: return number(encodeFloat(t.elem, 1));
    case Op::SIToFP: return number(encodeFloat(t.elem, -1));
    case Op::ArithBitcast:
    case Op::Bitcast:
    case Op::AbsI: return x[0];
    default: return std::nullopt;
  }
}

Rep Emitter::compareMasks(CmpIPred p, Rep x, Rep y) {
  auto inverted = [&](const Rep& r) { return map(r, Ins::V128Not); };
  // As a signed number, true is -1.
  if (isSignedPredicate(p)) std::swap(x, y);
  switch (p) {
    case CmpIPred::Eq: return inverted(map(x, y, Ins::V128Xor));
    case CmpIPred::Ne: return map(x, y, Ins::V128Xor);
    case CmpIPred::Ult:
    case CmpIPred::Slt: return map(y, x, Ins::V128Andnot);
    case CmpIPred::Ugt:
    case CmpIPred::Sgt: return map(x, y, Ins::V128Andnot);
    case CmpIPred::Ule:
    case CmpIPred::Sle: return inverted(map(x, y, Ins::V128Andnot));
    case CmpIPred::Uge:
    case CmpIPred::Sge: return inverted(map(y, x, Ins::V128Andnot));
  }
  return x;
}

// With SIMD128's instructions; null where it has none.
std::optional<Rep> Emitter::vectorOp(const Inst& i, const std::vector<Rep>& x) {
  const Type &t = i.result()->type, &from = i.operand(0)->type;
  switch (i.op) {
    case Op::CmpI: return vectorCompareInts(i, x[0], x[1]);
    case Op::CmpF: return vectorCompareFloats(static_cast<CmpFPred>(i.integer(Attr::Predicate)), x[0], x[1]);
    case Op::Bitcast:
    case Op::ArithBitcast: return x[0];
    default: break;
  }
  if (info(i.op).sig == Sig::Int1 || info(i.op).sig == Sig::Int2) return vectorInteger(i, x);
  if (i.operands.size() == 1 && (t.elem != from.elem || t.isPointer() != from.isPointer())) return vectorConvert(i, x[0]);
  return t.isFloat() ? vectorFloat(i, x) : std::nullopt;
}

// Lane by lane, through the scalar operation.
Rep Emitter::lanewise(const Inst& i, const std::vector<Rep>& x) {
  const Type& t = i.result()->type;
  int lanes = static_cast<int>(t.numel());
  bool isMask = t.isBool();
  bool isFloat = isFloatLane(t);
  int width = isMask ? 32 : widthOf(t);
  Rep out{lanes, width, {}};
  int per = 128 / width;
  for (int k = 0; k < lanes; ++k) {
    std::vector<Node*> in;
    for (size_t o = 0; o < x.size(); ++o) {
      const Type& from = i.operand(o)->type;
      Node* n = lane(x[o], k, isFloatLane(from));
      if (from.isBool())
        n = x[o].width == 64 ? code_.make(Ins::I32And, {code_.make(Ins::I32WrapI64, {n}), code_.i32(1)})
                             : code_.make(Ins::I32And, {n, code_.i32(1)});
      in.push_back(n);
    }
    Node* y = scalarOp(i, in);
    if (isMask) y = code_.make(Ins::I32Sub, {code_.i32(0), y});
    if (k % per == 0) {
      out.n.push_back(splat(y, per, width, isFloat).n[0]);
      continue;
    }
    out.n.back() = code_.make(replaceLane(width, isFloat), {out.n.back(), y}, static_cast<uint64_t>(k % per));
  }
  return out;
}

// ---- scalars

Node* Emitter::scalarOp(const Inst& i, std::span<Node* const> x) {
  const Type t = i.result()->type.element();
  switch (i.op) {
    case Op::Select: return code_.select(x[0], x[1], x[2]);
    case Op::CmpI:
    case Op::CmpF: return scalarCompare(i, x[0], x[1]);
    case Op::ExtSI:
    case Op::ExtUI:
    case Op::IndexCast:
    case Op::IndexCastUI:
    case Op::TruncI:
    case Op::SIToFP:
    case Op::UIToFP:
    case Op::FPToSI:
    case Op::FPToUI:
    case Op::ExtF:
    case Op::TruncF:
    case Op::Bitcast:
    case Op::ArithBitcast:
    case Op::IntToPtr:
    case Op::PtrToInt: return scalarConvert(i, x[0]);
    default: break;
  }
  return t.isFloat() ? scalarFloat(i, x) : scalarInteger(i, x, bitWidth(t));
}

Node* Emitter::scalarCompare(const Inst& i, Node* x, Node* y) {
  const Type from = i.operand(0)->type.element();
  if (i.op == Op::CmpI) {
    auto p = static_cast<CmpIPred>(i.integer(Attr::Predicate));
    bool isLong = x->type == ValType::I64;
    if (isSignedPredicate(p)) {
      if (from.isPointer()) {
        p = static_cast<CmpIPred>(static_cast<int>(p) + 4);  // addresses are not negative
      } else {
        x = sext(x, bitWidth(from));
        y = sext(y, bitWidth(from));
      }
    }
    constexpr Ins k32[] = {Ins::I32Eq,  Ins::I32Ne,  Ins::I32LtS, Ins::I32LeS, Ins::I32GtS,
                           Ins::I32GeS, Ins::I32LtU, Ins::I32LeU, Ins::I32GtU, Ins::I32GeU};
    constexpr Ins k64[] = {Ins::I64Eq,  Ins::I64Ne,  Ins::I64LtS, Ins::I64LeS, Ins::I64GtS,
                           Ins::I64GeS, Ins::I64LtU, Ins::I64LeU, Ins::I64GtU, Ins::I64GeU};
    return code_.make((isLong ? k64 : k32)[static_cast<size_t>(p)], {x, y});
  }
  bool isDouble = x->type == ValType::F64;
  auto compare = [&](Ins single, Ins twice) { return code_.make(isDouble ? twice : single, {x, y}); };
  auto eq = [&] { return compare(Ins::F32Eq, Ins::F64Eq); };
  auto lt = [&] { return compare(Ins::F32Lt, Ins::F64Lt); };
  auto gt = [&] { return compare(Ins::F32Gt, Ins::F64Gt); };
  auto le = [&] { return compare(Ins::F32Le, Ins::F64Le); };
  auto ge = [&] { return compare(Ins::F32Ge, Ins::F64Ge); };
  auto self = [&](Node* v) { return code_.make(isDouble ? Ins::F64Eq : Ins::F32Eq, {v, v}); };
  auto ordered = [&] { return code_.make(Ins::I32And, {self(x), self(y)}); };
  switch (static_cast<CmpFPred>(i.integer(Attr::Predicate))) {
    case CmpFPred::False: return boolean(false);
    case CmpFPred::Oeq: return eq();
    case CmpFPred::Ogt: return gt();
    case CmpFPred::Oge: return ge();
    case CmpFPred::Olt: return lt();
    case CmpFPred::Ole: return le();
    case CmpFPred::One: return code_.make(Ins::I32Or, {lt(), gt()});
    case CmpFPred::Ord: return ordered();
    case CmpFPred::Ueq: return isZero(code_.make(Ins::I32Or, {lt(), gt()}));
    case CmpFPred::Ugt: return isZero(le());
    case CmpFPred::Uge: return isZero(lt());
    case CmpFPred::Ult: return isZero(ge());
    case CmpFPred::Ule: return isZero(gt());
    case CmpFPred::Une: return compare(Ins::F32Ne, Ins::F64Ne);
    case CmpFPred::Uno: return isZero(ordered());
    case CmpFPred::True: return boolean(true);
  }
  return nullptr;
}

Node* Emitter::scalarConvert(const Inst& i, Node* x) {
  const Type t = i.result()->type.element(), from = i.operand(0)->type.element();
  ValType to = typeOf(t);
  int width = bitWidth(t), fromWidth = bitWidth(from);
  bool isSigned = i.op == Op::ExtSI || i.op == Op::IndexCast || i.op == Op::SIToFP || i.op == Op::FPToSI;
  auto make = [&](Ins ins) { return code_.make(ins, {x}); };
  switch (i.op) {
    case Op::ExtSI:
    case Op::ExtUI:
    case Op::IndexCast:
    case Op::IndexCastUI:
    case Op::TruncI:
      if (width <= fromWidth) {
        if (x->type == ValType::I64 && to == ValType::I32) x = make(Ins::I32WrapI64);
        return to == ValType::I32 ? zext(x, width) : x;
      }
      if (isSigned) x = sext(x, fromWidth);
      if (to == ValType::I64) return make(isSigned ? Ins::I64ExtendI32S : Ins::I64ExtendI32U);
      return isSigned ? zext(x, width) : x;
    case Op::SIToFP:
    case Op::UIToFP:
      if (isSigned) x = sext(x, fromWidth);
      if (x->type == ValType::I64)
        return make(to == ValType::F32 ? (isSigned ? Ins::F32ConvertI64S : Ins::F32ConvertI64U)
                                       : (isSigned ? Ins::F64ConvertI64S : Ins::F64ConvertI64U));
      return make(to == ValType::F32 ? (isSigned ? Ins::F32ConvertI32S : Ins::F32ConvertI32U)
                                     : (isSigned ? Ins::F64ConvertI32S : Ins::F64ConvertI32U));
    case Op::FPToSI:
    case Op::FPToUI: {
      bool isDouble = x->type == ValType::F64;
      if (to == ValType::I64)
        return make(isDouble ? (isSigned ? Ins::I64TruncSatF64S : Ins::I64TruncSatF64U)
                             : (isSigned ? Ins::I64TruncSatF32S : Ins::I64TruncSatF32U));
      x = make(isDouble ? (isSigned ? Ins::I32TruncSatF64S : Ins::I32TruncSatF64U)
                        : (isSigned ? Ins::I32TruncSatF32S : Ins::I32TruncSatF32U));
      if (width == 32) return x;
      Node* most = code_.i32((int64_t{1} << (isSigned ? width - 1 : width)) - 1);
      x = code_.select(code_.make(isSigned ? Ins::I32LtS : Ins::I32LtU, {x, most}), x, most);
      if (isSigned) {
        Node* least = code_.i32(-(int64_t{1} << (width - 1)));
        x = code_.select(code_.make(Ins::I32GtS, {x, least}), x, least);
      }
      return zext(x, width);
    }
    case Op::ExtF: return make(Ins::F64PromoteF32);
    case Op::TruncF: return make(Ins::F32DemoteF64);
    case Op::IntToPtr: return x->type == ValType::I64 ? make(Ins::I32WrapI64) : x;
    case Op::PtrToInt:
      if (to == ValType::I64) return make(Ins::I64ExtendI32U);
      return zext(x, width);
    default: break;
  }
  // Reinterprets the bits.
  if (x->type == to) return x;
  if (x->type == ValType::I32 && to == ValType::F32) return make(Ins::F32ReinterpretI32);
  if (x->type == ValType::F32) return make(Ins::I32ReinterpretF32);
  if (x->type == ValType::I64 && to == ValType::F64) return make(Ins::F64ReinterpretI64);
  if (x->type == ValType::F64) return make(Ins::I64ReinterpretF64);
  return x->type == ValType::I64 ? make(Ins::I32WrapI64) : make(Ins::I64ExtendI32U);  // pointers and their integers
}

Node* Emitter::mulHigh64(Node* x, Node* y) {
  auto op = [&](Ins ins, Node* a, Node* b) { return code_.make(ins, {a, b}); };
  Node *mask = code_.i64(0xffffffff), *half = code_.i64(32);
  auto low = [&](Node* a) { return op(Ins::I64And, a, mask); };
  auto high = [&](Node* a) { return op(Ins::I64ShrU, a, half); };
  Node* middle = op(Ins::I64Add, op(Ins::I64Mul, high(x), low(y)), high(op(Ins::I64Mul, low(x), low(y))));
  Node* carry = op(Ins::I64Add, op(Ins::I64Mul, low(x), high(y)), low(middle));
  return op(Ins::I64Add, op(Ins::I64Add, op(Ins::I64Mul, high(x), high(y)), high(middle)), high(carry));
}

// By as many bits as there are or more, the result is 0, or all copies of the sign.
Node* Emitter::scalarShift(Op op, Node* x, Node* y, int width) {
  const bool isLong = x->type == ValType::I64;
  auto constant = [&](uint64_t v) { return number(x->type, v); };
  auto wrapped = [&](Node* n) { return isLong ? n : zext(n, width); };
  auto limit = static_cast<uint64_t>(width);
  Node* a = op == Op::ShRSI && !isLong ? sext(x, width) : x;
  const Ins ins = op == Op::ShLI    ? bySize(isLong, Ins::I32Shl, Ins::I64Shl)
                  : op == Op::ShRUI ? bySize(isLong, Ins::I32ShrU, Ins::I64ShrU)
                                    : bySize(isLong, Ins::I32ShrS, Ins::I64ShrS);
  auto shift = [&](Node* by) { return wrapped(code_.make(ins, {a, by})); };
  if (y->ins == Ins::I32Const || y->ins == Ins::I64Const) {
    if (y->a >= limit) return op == Op::ShRSI ? shift(constant(limit - 1)) : constant(0);
    return shift(y);
  }
  Node* large = code_.make(bySize(isLong, Ins::I32GeU, Ins::I64GeU), {y, constant(limit)});
  if (op == Op::ShRSI) return shift(code_.select(large, constant(limit - 1), y));
  return code_.select(large, constant(0), shift(y));
}

// Divisions by 0 give 0; WebAssembly's trap.
Node* Emitter::scalarDivide(Op op, Node* x, Node* y, int width) {
  const bool isLong = x->type == ValType::I64;
  const bool isSigned = op == Op::DivSI || op == Op::RemSI, isRem = op == Op::RemSI || op == Op::RemUI;
  auto constant = [&](uint64_t v) { return number(x->type, v); };
  auto wrapped = [&](Node* n) { return isLong ? n : zext(n, width); };
  Node *a = isSigned && !isLong ? sext(x, width) : x, *b = isSigned && !isLong ? sext(y, width) : y;
  const Ins ins = isSigned ? (isRem ? bySize(isLong, Ins::I32RemS, Ins::I64RemS) : bySize(isLong, Ins::I32DivS, Ins::I64DivS))
                           : (isRem ? bySize(isLong, Ins::I32RemU, Ins::I64RemU) : bySize(isLong, Ins::I32DivU, Ins::I64DivU));
  auto divide = [&](Node* by) { return code_.make(ins, {a, by}); };
  const bool known = b->ins == Ins::I32Const || b->ins == Ins::I64Const;
  const uint64_t minusOne = isLong ? ~uint64_t{0} : 0xffffffff;
  if (known && b->a != 0 && !(isSigned && b->a == minusOne)) return wrapped(divide(b));
  Node* byZero = isZero(b);
  Node* safe = code_.select(byZero, constant(1), b);
  if (!isSigned) return wrapped(code_.select(byZero, constant(0), divide(safe)));
  // The smallest value divided by -1 traps.
  Node* byMinus = code_.make(bySize(isLong, Ins::I32Eq, Ins::I64Eq), {b, constant(minusOne)});
  safe = code_.select(byMinus, constant(1), safe);
  Node* negated = isRem ? constant(0) : code_.make(bySize(isLong, Ins::I32Sub, Ins::I64Sub), {constant(0), a});
  return wrapped(code_.select(byZero, constant(0), code_.select(byMinus, negated, divide(safe))));
}

Node* Emitter::scalarInteger(const Inst& i, std::span<Node* const> in, int width) {
  bool isLong = in[0]->type == ValType::I64;
  ValType type = isLong ? ValType::I64 : ValType::I32;
  Node *x = in[0], *y = in.size() > 1 ? in[1] : nullptr;
  auto op = [&](Ins i32, Ins i64, Node* a, Node* b) { return code_.make(isLong ? i64 : i32, {a, b}); };
  auto wrapped = [&](Node* n) { return isLong ? n : zext(n, width); };
  auto extended = [&](Node* n) { return isLong ? n : sext(n, width); };
  auto constant = [&](uint64_t v) { return number(type, v); };
  auto extremum = [&](Ins i32, Ins i64, bool isSigned) {
    Node *a = isSigned ? extended(x) : x, *b = isSigned ? extended(y) : y;
    return code_.select(op(i32, i64, a, b), x, y);
  };
  switch (intOp(i.op)) {
    case IntOp::AddI: return wrapped(op(Ins::I32Add, Ins::I64Add, x, y));
    case IntOp::SubI: return wrapped(op(Ins::I32Sub, Ins::I64Sub, x, y));
    case IntOp::MulI: return wrapped(op(Ins::I32Mul, Ins::I64Mul, x, y));
    case IntOp::AndI: return op(Ins::I32And, Ins::I64And, x, y);
    case IntOp::OrI: return op(Ins::I32Or, Ins::I64Or, x, y);
    case IntOp::XOrI: return op(Ins::I32Xor, Ins::I64Xor, x, y);
    case IntOp::MinSI: return extremum(Ins::I32LtS, Ins::I64LtS, true);
    case IntOp::MaxSI: return extremum(Ins::I32GtS, Ins::I64GtS, true);
    case IntOp::MinUI: return extremum(Ins::I32LtU, Ins::I64LtU, false);
    case IntOp::MaxUI: return extremum(Ins::I32GtU, Ins::I64GtU, false);
    case IntOp::AbsI: {
      Node* a = extended(x);
      Node* negative = op(Ins::I32LtS, Ins::I64LtS, a, constant(0));
      return wrapped(code_.select(negative, op(Ins::I32Sub, Ins::I64Sub, constant(0), a), a));
    }
    case IntOp::ShLI:
    case IntOp::ShRUI:
    case IntOp::ShRSI: return scalarShift(i.op, x, y, width);
    case IntOp::DivSI:
    case IntOp::RemSI:
    case IntOp::DivUI:
    case IntOp::RemUI: return scalarDivide(i.op, x, y, width);
    case IntOp::MulHiUI:
      if (isLong) return mulHigh64(x, y);
      if (width == 32) {
        Node* product = code_.make(Ins::I64Mul, {code_.make(Ins::I64ExtendI32U, {x}), code_.make(Ins::I64ExtendI32U, {y})});
        return code_.make(Ins::I32WrapI64, {code_.make(Ins::I64ShrU, {product, code_.i64(32)})});
      }
      return code_.make(Ins::I32ShrU, {code_.make(Ins::I32Mul, {x, y}), code_.i32(width)});
    case IntOp::CtLZ: {
      Node* n = code_.make(isLong ? Ins::I64Clz : Ins::I32Clz, {x});
      return isLong || width == 32 ? n : code_.make(Ins::I32Sub, {n, code_.i32(32 - width)});
    }
    case IntOp::CtTZ:
      if (!isLong && width < 32) x = code_.make(Ins::I32Or, {x, code_.i32(int64_t{1} << width)});
      return code_.make(isLong ? Ins::I64Ctz : Ins::I32Ctz, {x});
    case IntOp::CtPop: return code_.make(isLong ? Ins::I64Popcnt : Ins::I32Popcnt, {x});
  }
  NEREID_CHECK(false, "no code for ", nereid::info(i.op).spelling);
  return nullptr;
}

namespace {

// An operation's instruction for f32, f64, and vectors of them.
struct FloatIns {
  Ins f32 = kNone, f64 = kNone, f32x4 = kNone, f64x2 = kNone;
};

FloatIns floatIns(FloatOp op) {
  switch (op) {
    case FloatOp::AddF: return {Ins::F32Add, Ins::F64Add, Ins::F32x4Add, Ins::F64x2Add};
    case FloatOp::SubF: return {Ins::F32Sub, Ins::F64Sub, Ins::F32x4Sub, Ins::F64x2Sub};
    case FloatOp::MulF: return {Ins::F32Mul, Ins::F64Mul, Ins::F32x4Mul, Ins::F64x2Mul};
    case FloatOp::DivF:
    case FloatOp::PreciseDivF: return {Ins::F32Div, Ins::F64Div, Ins::F32x4Div, Ins::F64x2Div};
    case FloatOp::NegF: return {Ins::F32Neg, Ins::F64Neg, Ins::F32x4Neg, Ins::F64x2Neg};
    case FloatOp::AbsF: return {Ins::F32Abs, Ins::F64Abs, Ins::F32x4Abs, Ins::F64x2Abs};
    case FloatOp::Sqrt:
    case FloatOp::PreciseSqrt: return {Ins::F32Sqrt, Ins::F64Sqrt, Ins::F32x4Sqrt, Ins::F64x2Sqrt};
    case FloatOp::Ceil: return {Ins::F32Ceil, Ins::F64Ceil, Ins::F32x4Ceil, Ins::F64x2Ceil};
    case FloatOp::Floor: return {Ins::F32Floor, Ins::F64Floor, Ins::F32x4Floor, Ins::F64x2Floor};
    case FloatOp::Trunc: return {Ins::F32Trunc, Ins::F64Trunc, Ins::F32x4Trunc, Ins::F64x2Trunc};
    case FloatOp::RoundEven: return {Ins::F32Nearest, Ins::F64Nearest, Ins::F32x4Nearest, Ins::F64x2Nearest};
    case FloatOp::MinimumF: return {Ins::F32Min, Ins::F64Min, Ins::F32x4Min, Ins::F64x2Min};
    case FloatOp::MaximumF: return {Ins::F32Max, Ins::F64Max, Ins::F32x4Max, Ins::F64x2Max};
    case FloatOp::CopySign: return {Ins::F32Copysign, Ins::F64Copysign, kNone, kNone};
    // Several instructions.
    case FloatOp::Rsqrt:
    case FloatOp::Round:
    case FloatOp::MinNumF:
    case FloatOp::MaxNumF:
    case FloatOp::Fma:
    // Functions of the runtime.
    case FloatOp::RemF:
    case FloatOp::Cbrt:
    case FloatOp::Exp:
    case FloatOp::Exp2:
    case FloatOp::Expm1:
    case FloatOp::Log:
    case FloatOp::Log2:
    case FloatOp::Log10:
    case FloatOp::Log1p:
    case FloatOp::Sin:
    case FloatOp::Cos:
    case FloatOp::Tan:
    case FloatOp::Asin:
    case FloatOp::Acos:
    case FloatOp::Atan:
    case FloatOp::Atan2:
    case FloatOp::Sinh:
    case FloatOp::Cosh:
    case FloatOp::Tanh:
    case FloatOp::Asinh:
    case FloatOp::Acosh:
    case FloatOp::Atanh:
    case FloatOp::Erf:
    case FloatOp::Erfc:
    case FloatOp::PowF:
    // Only for processors with AVX-512.
    case FloatOp::LoScale: break;
  }
  return {};
}

}  // namespace

Node* Emitter::scalarFloat(const Inst& i, std::span<Node* const> x) {
  const bool isDouble = x[0]->type == ValType::F64;
  auto make = [&](Ins single, Ins twice, std::initializer_list<Node*> kids) { return code_.make(isDouble ? twice : single, kids); };
  auto constant = [&](double v) { return number(x[0]->type, encodeFloat(isDouble ? Elem::F64 : Elem::F32, v)); };
  auto numExtremum = [&](bool largest, Node* a, Node* b) {
    // Returns the other operand if one is NaN.
    Node* chosen = code_.select(largest ? make(Ins::F32Gt, Ins::F64Gt, {a, b}) : make(Ins::F32Lt, Ins::F64Lt, {a, b}), a, b);
    return code_.select(make(Ins::F32Eq, Ins::F64Eq, {b, b}), chosen, a);
  };
  if (i.op != Op::ClampF)
    if (const FloatIns ins = floatIns(floatOp(i.op)); ins.f32 != kNone)
      return x.size() == 1 ? make(ins.f32, ins.f64, {x[0]}) : make(ins.f32, ins.f64, {x[0], x[1]});
  switch (i.op) {
    case Op::ClampF:
      if (i.integer(Attr::PropagateNan) != 0xFFFF) return numExtremum(false, numExtremum(true, x[0], x[1]), x[2]);
      return make(Ins::F32Min, Ins::F64Min, {make(Ins::F32Max, Ins::F64Max, {x[0], x[1]}), x[2]});
    case Op::MinNumF:
    case Op::MaxNumF: return numExtremum(i.op == Op::MaxNumF, x[0], x[1]);
    case Op::Rsqrt: return make(Ins::F32Div, Ins::F64Div, {constant(1), make(Ins::F32Sqrt, Ins::F64Sqrt, {x[0]})});
    case Op::Round: {
      Node* whole = make(Ins::F32Trunc, Ins::F64Trunc, {x[0]});
      Node* rest = make(Ins::F32Abs, Ins::F64Abs, {make(Ins::F32Sub, Ins::F64Sub, {x[0], whole})});
      Node* away = make(Ins::F32Add, Ins::F64Add, {whole, make(Ins::F32Copysign, Ins::F64Copysign, {constant(1), x[0]})});
      return code_.select(make(Ins::F32Ge, Ins::F64Ge, {rest, constant(0.5)}), away, whole);
    }
    case Op::Fma: {
      if (!relaxed_) return library(i.op, false, x);
      // Only vectors have it.
      auto spread = [&](Node* n) { return make(Ins::F32x4Splat, Ins::F64x2Splat, {n}); };
      Node* y = make(Ins::F32x4RelaxedMadd, Ins::F64x2RelaxedMadd, {spread(x[0]), spread(x[1]), spread(x[2])});
      return make(Ins::F32x4ExtractLane, Ins::F64x2ExtractLane, {y});
    }
    default: return library(i.op, !isDouble, x);
  }
}

// The runtime provides functions of f64; for f32 the result is rounded.
Node* Emitter::library(Op op, bool isSingle, std::span<Node* const> x) {
  std::string_view name = libraryName(op);
  NEREID_CHECK(!name.empty(), "no code for ", nereid::info(op).spelling);
  size_t index = 0;
  while (index < imports_.size() && imports_[index].name != name) ++index;
  if (index == imports_.size()) imports_.push_back({name, static_cast<int>(x.size()), ValType::F64, true});
  std::vector<Node*> args;
  for (Node* n : x) args.push_back(isSingle ? code_.make(Ins::F64PromoteF32, {n}) : n);
  Node* y = code_.call(index, args, ValType::F64);
  return isSingle ? code_.make(Ins::F32DemoteF64, {y}) : y;
}

// ---- vectors

namespace {

// The instruction for lanes of this width, or kNone.
Ins laneIns(Op op, int width) {
  switch (op) {
    case Op::AddI: return byWidth(width, Ins::I8x16Add, Ins::I16x8Add, Ins::I32x4Add, Ins::I64x2Add);
    case Op::SubI: return byWidth(width, Ins::I8x16Sub, Ins::I16x8Sub, Ins::I32x4Sub, Ins::I64x2Sub);
    case Op::MulI: return byWidth(width, kNone, Ins::I16x8Mul, Ins::I32x4Mul, Ins::I64x2Mul);
    case Op::AndI: return Ins::V128And;
    case Op::OrI: return Ins::V128Or;
    case Op::XOrI: return Ins::V128Xor;
    case Op::MinSI: return byWidth(width, Ins::I8x16MinS, Ins::I16x8MinS, Ins::I32x4MinS, kNone);
    case Op::MaxSI: return byWidth(width, Ins::I8x16MaxS, Ins::I16x8MaxS, Ins::I32x4MaxS, kNone);
    case Op::MinUI: return byWidth(width, Ins::I8x16MinU, Ins::I16x8MinU, Ins::I32x4MinU, kNone);
    case Op::MaxUI: return byWidth(width, Ins::I8x16MaxU, Ins::I16x8MaxU, Ins::I32x4MaxU, kNone);
    case Op::AbsI: return byWidth(width, Ins::I8x16Abs, Ins::I16x8Abs, Ins::I32x4Abs, Ins::I64x2Abs);
    case Op::CtPop: return byWidth(width, Ins::I8x16Popcnt, kNone, kNone, kNone);
    case Op::ShLI: return byWidth(width, Ins::I8x16Shl, Ins::I16x8Shl, Ins::I32x4Shl, Ins::I64x2Shl);
    case Op::ShRUI: return byWidth(width, Ins::I8x16ShrU, Ins::I16x8ShrU, Ins::I32x4ShrU, Ins::I64x2ShrU);
    case Op::ShRSI: return byWidth(width, Ins::I8x16ShrS, Ins::I16x8ShrS, Ins::I32x4ShrS, Ins::I64x2ShrS);
    default: return kNone;
  }
}

}  // namespace

std::optional<Rep> Emitter::vectorInteger(const Inst& i, const std::vector<Rep>& x) {
  const int width = x[0].width;
  const Ins ins = laneIns(i.op, width);
  switch (i.op) {
    case Op::ShLI:
    case Op::ShRUI:
    case Op::ShRSI: return shiftAll(i.op, ins, x[0], i.operand(1));
    case Op::MulI:
      if (width == 8) return halve(map(extend(x[0], false, 16), extend(x[1], false, 16), Ins::I16x8Mul));
      break;
    case Op::MinSI:
    case Op::MaxSI:
    case Op::MinUI:
    case Op::MaxUI:
      if (width == 64) return extremum64(i.op, x[0], x[1]);
      break;
    case Op::MulHiUI: return width == 64 ? std::nullopt : std::optional(mulHigh(x[0], x[1]));
    default: break;
  }
  if (ins == kNone) return std::nullopt;
  return x.size() == 1 ? map(x[0], ins) : map(x[0], x[1], ins);
}

// By one amount for all lanes; legalize() rewrites others of 32 bits.
std::optional<Rep> Emitter::shiftAll(Op op, Ins ins, const Rep& x, const Value* by) {
  const auto limit = static_cast<uint64_t>(x.width);
  Node *amount = nullptr, *isLarge = nullptr;
  if (auto bits = constantBits(by)) {
    const uint64_t known = zeroExtend(*bits, x.width);
    if (known >= limit && op != Op::ShRSI) return uniform(0, x.lanes, x.width);
    amount = code_.i32(static_cast<int64_t>(std::min(known, limit - 1)));
  } else if (by->def && by->def->op == Op::LoSplat && x.width == 32) {
    amount = scalar(by->def->operand(0));
    isLarge = code_.make(Ins::I32GeU, {amount, code_.i32(x.width)});
    if (op == Op::ShRSI) amount = code_.select(isLarge, code_.i32(x.width - 1), amount);
  } else {
    return std::nullopt;
  }
  Rep out = x;
  for (Node*& n : out.n) n = code_.make(ins, {n, amount});
  for (size_t k = 0; isLarge && op != Op::ShRSI && k < out.n.size(); ++k)
    out.n[k] = code_.select(isLarge, uniform(0, x.lanes, x.width).n[k], out.n[k]);
  return out;
}

// Extended multiplication gives full products of half of the lanes; a shuffle keeps the upper halves of both results.
Rep Emitter::mulHigh(const Rep& x, const Rep& y) {
  const Ins low = byWidth(x.width, Ins::I16x8ExtmulLowI8x16U, Ins::I32x4ExtmulLowI16x8U, Ins::I64x2ExtmulLowI32x4U, kNone);
  const Ins high = byWidth(x.width, Ins::I16x8ExtmulHighI8x16U, Ins::I32x4ExtmulHighI16x8U, Ins::I64x2ExtmulHighI32x4U, kNone);
  auto bytes = static_cast<size_t>(x.width / 8);
  std::array<uint8_t, 16> order{};
  for (size_t k = 0; k < 16; ++k) order[k] = static_cast<uint8_t>(k / bytes * bytes * 2 + bytes + k % bytes);
  Rep out{x.lanes, x.width, {}};
  for (size_t k = 0; k < x.n.size(); ++k)
    out.n.push_back(shuffled(code_.make(low, {x.n[k], y.n[k]}), code_.make(high, {x.n[k], y.n[k]}), order));
  return out;
}

// Minima and maxima of 64 bits.
Rep Emitter::extremum64(Op op, const Rep& x, const Rep& y) {
  const bool isSigned = op == Op::MinSI || op == Op::MaxSI, largest = op == Op::MaxSI || op == Op::MaxUI;
  Rep a = x, b = y;
  if (!isSigned) {
    Rep sign = uniform(uint64_t{1} << 63, x.lanes, 64);
    a = map(a, sign, Ins::V128Xor);
    b = map(b, sign, Ins::V128Xor);
  }
  return choose(map(a, b, largest ? Ins::I64x2GtS : Ins::I64x2LtS), x, y);
}

std::optional<Rep> Emitter::vectorFloat(const Inst& i, const std::vector<Rep>& x) {
  const Type& t = i.result()->type;
  if (t.elem != Elem::F32 && t.elem != Elem::F64) return std::nullopt;
  const int lanes = x[0].lanes, width = x[0].width;
  auto pick = [&](Ins single, Ins twice) { return width == 64 ? twice : single; };
  auto constant = [&](double v) { return uniform(encodeFloat(t.elem, v), lanes, width); };
  auto numExtremum = [&](bool largest, const Rep& a, const Rep& b) {
    // pmax(b, a) is `b < a ? a : b`: b if a is NaN, a if b is.
    Ins ins = largest ? pick(Ins::F32x4Pmax, Ins::F64x2Pmax) : pick(Ins::F32x4Pmin, Ins::F64x2Pmin);
    return choose(map(b, b, pick(Ins::F32x4Eq, Ins::F64x2Eq)), map(b, a, ins), a);
  };
  auto copySign = [&](const Rep& magnitude, const Rep& sign) {
    Rep bit = uniform(uint64_t{1} << (width - 1), lanes, width);
    Rep out{lanes, width, {}};
    for (size_t k = 0; k < sign.n.size(); ++k) out.n.push_back(code_.make(Ins::V128Bitselect, {sign.n[k], magnitude.n[k], bit.n[k]}));
    return out;
  };
  if (i.op == Op::AddF || i.op == Op::SubF)
    if (auto fused = multiplyAdd(i, x)) return fused;
  if (i.op != Op::ClampF)
    if (const FloatIns ins = floatIns(floatOp(i.op)); ins.f32x4 != kNone)
      return x.size() == 1 ? map(x[0], pick(ins.f32x4, ins.f64x2)) : map(x[0], x[1], pick(ins.f32x4, ins.f64x2));
  switch (i.op) {
    case Op::ClampF:
      if (i.integer(Attr::PropagateNan) != 0xFFFF) return numExtremum(false, numExtremum(true, x[0], x[1]), x[2]);
      return map(map(x[0], x[1], pick(Ins::F32x4Max, Ins::F64x2Max)), x[2], pick(Ins::F32x4Min, Ins::F64x2Min));
    case Op::MinNumF:
    case Op::MaxNumF: return numExtremum(i.op == Op::MaxNumF, x[0], x[1]);
    case Op::CopySign: return copySign(x[0], x[1]);
    case Op::Rsqrt: return map(constant(1), map(x[0], pick(Ins::F32x4Sqrt, Ins::F64x2Sqrt)), pick(Ins::F32x4Div, Ins::F64x2Div));
    case Op::Round: {
      Rep whole = map(x[0], pick(Ins::F32x4Trunc, Ins::F64x2Trunc));
      Rep rest = map(map(x[0], whole, pick(Ins::F32x4Sub, Ins::F64x2Sub)), pick(Ins::F32x4Abs, Ins::F64x2Abs));
      Rep away = map(whole, copySign(constant(1), x[0]), pick(Ins::F32x4Add, Ins::F64x2Add));
      return choose(map(rest, constant(0.5), pick(Ins::F32x4Ge, Ins::F64x2Ge)), away, whole);
    }
    case Op::Fma: {
      if (!relaxed_) return std::nullopt;
      Rep out{lanes, width, {}};
      for (size_t k = 0; k < x[0].n.size(); ++k)
        out.n.push_back(code_.make(pick(Ins::F32x4RelaxedMadd, Ins::F64x2RelaxedMadd), {x[0].n[k], x[1].n[k], x[2].n[k]}));
      return out;
    }
    default: return std::nullopt;
  }
}

// Triton allows a product and a sum to be rounded once.
std::optional<Rep> Emitter::multiplyAdd(const Inst& i, const std::vector<Rep>& x) {
  auto pick = [&](Ins single, Ins twice) { return x[0].width == 64 ? twice : single; };
  const size_t k = products_.count(i.operand(1)) ? 1 : 0;
  const std::vector<Node*>& products = x[k].n;
  const bool waits = products[0]->ins == pick(Ins::F32x4Mul, Ins::F64x2Mul) && !products[0]->pinned;  // not in a local already
  if (!relaxed_ || !waits || !products_.count(i.operand(k)) || (k == 0 && i.op == Op::SubF)) return std::nullopt;
  const Ins ins =
      i.op == Op::AddF ? pick(Ins::F32x4RelaxedMadd, Ins::F64x2RelaxedMadd) : pick(Ins::F32x4RelaxedNmadd, Ins::F64x2RelaxedNmadd);
  Rep out{x[0].lanes, x[0].width, {}};
  for (size_t r = 0; r < products.size(); ++r) out.n.push_back(code_.make(ins, {products[r]->kid[0], products[r]->kid[1], x[1 - k].n[r]}));
  return out;
}

// One register of 32-bit lanes as two of 64-bit lanes, the lower half first.
Rep Emitter::widenLanes(const Rep& x, Ins ins) {
  std::array<uint8_t, 16> upper{};
  for (size_t k = 0; k < 16; ++k) upper[k] = static_cast<uint8_t>(8 + k % 8);
  Rep out{x.lanes, 64, {}};
  for (size_t k = 0; k < registers(x.lanes, 64); ++k)
    out.n.push_back(code_.make(ins, {k % 2 ? shuffled(x.n[k / 2], x.n[k / 2], upper) : x.n[k / 2]}));
  return out;
}

// The reverse.
Rep Emitter::narrowLanes(const Rep& x, Ins ins) {
  std::array<uint8_t, 16> joined{};
  for (size_t k = 0; k < 16; ++k) joined[k] = static_cast<uint8_t>(k < 8 ? k : 8 + k);
  Rep out{x.lanes, 32, {}};
  for (size_t k = 0; k < x.n.size(); k += 2) {
    Node* low = code_.make(ins, {x.n[k]});
    out.n.push_back(k + 1 < x.n.size() ? shuffled(low, code_.make(ins, {x.n[k + 1]}), joined) : low);
  }
  return out;
}

std::optional<Rep> Emitter::vectorConvert(const Inst& i, const Rep& x) {
  const Type& t = i.result()->type;
  int lanes = x.lanes, width = t.isBool() ? 1 : widthOf(t);
  bool isSigned = i.op == Op::ExtSI || i.op == Op::IndexCast || i.op == Op::SIToFP || i.op == Op::FPToSI;
  switch (i.op) {
    case Op::ExtSI:
    case Op::ExtUI:
    case Op::IndexCast:
    case Op::IndexCastUI:
    case Op::TruncI: {
      if (t.isBool()) {
        Rep one = map(x, uniform(1, lanes, x.width), Ins::V128And);
        return map(one, uniform(0, lanes, x.width), byWidth(x.width, Ins::I8x16Ne, Ins::I16x8Ne, Ins::I32x4Ne, Ins::I64x2Ne));
      }
      Rep out = x;
      while (out.width > width) out = halve(out);
      return extend(out, isSigned, width);
    }
    case Op::SIToFP:
    case Op::UIToFP: {
      if (x.width > 32) return std::nullopt;
      Rep r = extend(x, isSigned, 32);
      if (t.elem == Elem::F32) return map(r, isSigned ? Ins::F32x4ConvertI32x4S : Ins::F32x4ConvertI32x4U);
      return widenLanes(r, isSigned ? Ins::F64x2ConvertLowI32x4S : Ins::F64x2ConvertLowI32x4U);
    }
    case Op::FPToSI:
    case Op::FPToUI: {
      if (width > 32 || width == 1) return std::nullopt;
      Rep r = x.width == 32 ? map(x, isSigned ? Ins::I32x4TruncSatF32x4S : Ins::I32x4TruncSatF32x4U)
                            : narrowLanes(x, isSigned ? Ins::I32x4TruncSatF64x2SZero : Ins::I32x4TruncSatF64x2UZero);
      if (width < 32) {
        r = map(r, uniform((uint64_t{1} << (isSigned ? width - 1 : width)) - 1, lanes, 32), isSigned ? Ins::I32x4MinS : Ins::I32x4MinU);
        if (isSigned) r = map(r, uniform(~uint64_t{0} << (width - 1), lanes, 32), Ins::I32x4MaxS);
      }
      while (r.width > width) r = halve(r);
      return r;
    }
    case Op::ExtF: return widenLanes(x, Ins::F64x2PromoteLowF32x4);
    case Op::TruncF: return narrowLanes(x, Ins::F32x4DemoteF64x2Zero);
    case Op::IntToPtr: return x.width == 64 ? halve(x) : x;
    case Op::PtrToInt: {
      Rep out = x;
      while (out.width > width) out = halve(out);
      return extend(out, false, width);
    }
    default: return std::nullopt;
  }
}

Rep Emitter::vectorCompareInts(const Inst& i, const Rep& x, const Rep& y) {
  const int width = x.width;
  auto p = static_cast<CmpIPred>(i.integer(Attr::Predicate));
  if (i.operand(0)->type.isPointer() && isSignedPredicate(p)) p = static_cast<CmpIPred>(static_cast<int>(p) + 4);
  Rep a = x, b = y;
  if (width == 64 && p >= CmpIPred::Ult) {
    // Unsigned order is signed order with the top bit flipped.
    Rep sign = uniform(uint64_t{1} << 63, x.lanes, 64);
    a = map(a, sign, Ins::V128Xor);
    b = map(b, sign, Ins::V128Xor);
    p = static_cast<CmpIPred>(static_cast<int>(p) - 4);
  }
  constexpr Ins kTable[4][10] = {
      {Ins::I8x16Eq, Ins::I8x16Ne, Ins::I8x16LtS, Ins::I8x16LeS, Ins::I8x16GtS, Ins::I8x16GeS, Ins::I8x16LtU, Ins::I8x16LeU, Ins::I8x16GtU,
       Ins::I8x16GeU},
      {Ins::I16x8Eq, Ins::I16x8Ne, Ins::I16x8LtS, Ins::I16x8LeS, Ins::I16x8GtS, Ins::I16x8GeS, Ins::I16x8LtU, Ins::I16x8LeU, Ins::I16x8GtU,
       Ins::I16x8GeU},
      {Ins::I32x4Eq, Ins::I32x4Ne, Ins::I32x4LtS, Ins::I32x4LeS, Ins::I32x4GtS, Ins::I32x4GeS, Ins::I32x4LtU, Ins::I32x4LeU, Ins::I32x4GtU,
       Ins::I32x4GeU},
      {Ins::I64x2Eq, Ins::I64x2Ne, Ins::I64x2LtS, Ins::I64x2LeS, Ins::I64x2GtS, Ins::I64x2GeS, kNone, kNone, kNone, kNone}};
  size_t row = width == 8 ? 0 : width == 16 ? 1 : width == 32 ? 2 : 3;
  return map(a, b, kTable[row][static_cast<size_t>(p)]);
}

Rep Emitter::vectorCompareFloats(CmpFPred p, const Rep& x, const Rep& y) {
  const int width = x.width, lanes = x.lanes;
  auto inverted = [&](const Rep& r) { return map(r, Ins::V128Not); };
  bool isDouble = width == 64;
  auto compare = [&](Ins single, Ins twice) { return map(x, y, isDouble ? twice : single); };
  auto lt = [&] { return compare(Ins::F32x4Lt, Ins::F64x2Lt); };
  auto gt = [&] { return compare(Ins::F32x4Gt, Ins::F64x2Gt); };
  auto self = [&](const Rep& r) { return map(r, r, isDouble ? Ins::F64x2Eq : Ins::F32x4Eq); };
  auto ordered = [&] { return x.n == y.n ? self(x) : map(self(x), self(y), Ins::V128And); };
  switch (p) {
    case CmpFPred::False: return uniform(0, lanes, width);
    case CmpFPred::Oeq: return compare(Ins::F32x4Eq, Ins::F64x2Eq);
    case CmpFPred::Ogt: return gt();
    case CmpFPred::Oge: return compare(Ins::F32x4Ge, Ins::F64x2Ge);
    case CmpFPred::Olt: return lt();
    case CmpFPred::Ole: return compare(Ins::F32x4Le, Ins::F64x2Le);
    case CmpFPred::One: return map(lt(), gt(), Ins::V128Or);
    case CmpFPred::Ord: return ordered();
    case CmpFPred::Ueq: return inverted(map(lt(), gt(), Ins::V128Or));
    case CmpFPred::Ugt: return inverted(compare(Ins::F32x4Le, Ins::F64x2Le));
    case CmpFPred::Uge: return inverted(lt());
    case CmpFPred::Ult: return inverted(compare(Ins::F32x4Ge, Ins::F64x2Ge));
    case CmpFPred::Ule: return inverted(gt());
    case CmpFPred::Une: return compare(Ins::F32x4Ne, Ins::F64x2Ne);
    case CmpFPred::Uno: return x.n == y.n ? map(x, x, isDouble ? Ins::F64x2Ne : Ins::F32x4Ne) : inverted(ordered());
    case CmpFPred::True: return uniform(~uint64_t{0}, lanes, width);
  }
  return x;
}

}  // namespace nereid::wasm
