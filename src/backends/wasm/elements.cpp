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

// The instruction for lanes of 8, 16, 32 or 64 bits; Unreachable if it does not exist.
constexpr Ins kNone = Ins::Unreachable;
Ins byWidth(int width, Ins i8, Ins i16, Ins i32, Ins i64) { return width == 8 ? i8 : width == 16 ? i16 : width == 32 ? i32 : i64; }
Ins bySize(bool isLong, Ins i32, Ins i64) { return isLong ? i64 : i32; }

bool isSignedPredicate(CmpIPred p) { return p >= CmpIPred::Slt && p <= CmpIPred::Sge; }

}  // namespace

Node* Emitter::number(ValType type, uint64_t bits) {
  switch (type) {
    case ValType::I64: return code_.i64(bits);
    case ValType::F32: return code_.make(Ins::F32Const, {}, bits);
    case ValType::F64: return code_.make(Ins::F64Const, {}, bits);
    default: return code_.i32(static_cast<int64_t>(bits));
  }
}

Node* Emitter::sext(Node* x, int width) {
  if (width == 1) return code_.make(Ins::I32Sub, {code_.i32(0), x});
  if (width == 8) return code_.make(Ins::I32Extend8S, {x});
  if (width == 16) return code_.make(Ins::I32Extend16S, {x});
  return x;
}

Node* Emitter::zext(Node* x, int width) { return width >= 32 ? x : code_.make(Ins::I32And, {x, code_.i32((int64_t{1} << width) - 1)}); }

// ---- registers

Rep Emitter::uniform(uint64_t bits, int lanes, int width) {
  bits = zeroExtend(bits, width);
  for (int w = width; w < 64; w *= 2) bits |= bits << w;
  return {lanes, width, std::vector<Node*>(registers(lanes, width), code_.v128(bits, bits))};
}

Rep Emitter::splat(Node* scalar, int lanes, int width, bool isFloat) {
  Ins ins = isFloat ? bySize(width == 64, Ins::F32x4Splat, Ins::F64x2Splat)
                    : byWidth(width, Ins::I8x16Splat, Ins::I16x8Splat, Ins::I32x4Splat, Ins::I64x2Splat);
  return {lanes, width, std::vector<Node*>(registers(lanes, width), code_.make(ins, {scalar}))};
}

Node* Emitter::lane(const Rep& x, int index, bool isFloat) {
  int per = 128 / x.width;
  Ins ins = isFloat ? bySize(x.width == 64, Ins::F32x4ExtractLane, Ins::F64x2ExtractLane)
                    : byWidth(x.width, Ins::I8x16ExtractLaneU, Ins::I16x8ExtractLaneU, Ins::I32x4ExtractLane, Ins::I64x2ExtractLane);
  return code_.make(ins, {x.n[static_cast<size_t>(index / per)]}, static_cast<uint64_t>(index % per));
}

Node* Emitter::shuffled(Node* x, Node* y, const std::array<uint8_t, 16>& bytes) {
  uint64_t half[2] = {0, 0};
  bool isFirst = true;
  for (size_t k = 0; k < 16; ++k) {
    half[k / 8] |= uint64_t{bytes[k]} << (8 * (k % 8));
    isFirst &= bytes[k] == k;
  }
  if (isFirst) return x;
  return code_.make(Ins::I8x16Shuffle, {x, y}, half[0], half[1]);
}

Rep Emitter::map(const Rep& x, Ins ins) {
  Rep out{x.lanes, x.width, {}};
  for (Node* n : x.n) out.n.push_back(code_.make(ins, {n}));
  return out;
}

Rep Emitter::map(const Rep& x, const Rep& y, Ins ins) {
  Rep out{x.lanes, x.width, {}};
  for (size_t k = 0; k < x.n.size(); ++k) out.n.push_back(code_.make(ins, {x.n[k], y.n[k]}));
  return out;
}

Rep Emitter::extend(const Rep& x, bool isSigned, int width) {
  if (x.width >= width) return x;
  auto low = [&](Ins s8, Ins u8, Ins s16, Ins u16, Ins s32, Ins u32) {
    return x.width == 8 ? (isSigned ? s8 : u8) : x.width == 16 ? (isSigned ? s16 : u16) : (isSigned ? s32 : u32);
  };
  Ins lower = low(Ins::I16x8ExtendLowI8x16S, Ins::I16x8ExtendLowI8x16U, Ins::I32x4ExtendLowI16x8S, Ins::I32x4ExtendLowI16x8U,
                  Ins::I64x2ExtendLowI32x4S, Ins::I64x2ExtendLowI32x4U);
  Ins upper = low(Ins::I16x8ExtendHighI8x16S, Ins::I16x8ExtendHighI8x16U, Ins::I32x4ExtendHighI16x8S, Ins::I32x4ExtendHighI16x8U,
                  Ins::I64x2ExtendHighI32x4S, Ins::I64x2ExtendHighI32x4U);
  Rep out{x.lanes, x.width * 2, {}};
  size_t count = registers(x.lanes, out.width);
  for (size_t k = 0; k < count; ++k) out.n.push_back(code_.make(k % 2 ? upper : lower, {x.n[k / 2]}));
  return extend(out, isSigned, width);
}

Rep Emitter::halve(const Rep& x) {
  Rep out{x.lanes, x.width / 2, {}};
  auto bytes = static_cast<size_t>(out.width / 8);
  std::array<uint8_t, 16> order{};
  for (size_t k = 0; k < 16; ++k) order[k] = static_cast<uint8_t>(k / bytes * bytes * 2 + k % bytes);
  for (size_t k = 0; k < x.n.size(); k += 2) out.n.push_back(shuffled(x.n[k], k + 1 < x.n.size() ? x.n[k + 1] : x.n[k], order));
  return out;
}

Rep Emitter::resizeMask(const Rep& m, int width) {
  Rep out = m;
  while (out.width > width) out = halve(out);
  return extend(out, true, width);
}

Rep Emitter::choose(const Rep& m, const Rep& x, const Rep& y) {
  // The relaxed select is unspecified for lanes whose mask has both ones and zeros; our masks never do. It is often one instruction instead
  // of three.
  Ins ins = relaxed_ ? byWidth(x.width, Ins::I8x16RelaxedLaneselect, Ins::I16x8RelaxedLaneselect, Ins::I32x4RelaxedLaneselect,
                               Ins::I64x2RelaxedLaneselect)
                     : Ins::V128Bitselect;
  Rep out{x.lanes, x.width, {}};
  if (y.n == uniform(0, y.lanes, y.width).n) return map(x, m, Ins::V128And);
  for (size_t k = 0; k < x.n.size(); ++k) out.n.push_back(code_.make(ins, {x.n[k], y.n[k], m.n[k]}));
  return out;
}

// ---- lowering of one operation

Rep Emitter::elementwise(const Inst& i) {
  const Type& t = i.result()->type;
  if (!t.isVector()) {
    std::vector<Node*> x;
    for (const Value* v : i.operands) x.push_back(scalar(v));
    return {0, 0, {scalarOp(i, x)}};
  }
  int lanes = static_cast<int>(t.numel());
  const Type& from = i.operand(0)->type;
  if (i.op == Op::Select) {
    bool isMask = t.isBool();
    Rep x = vector(i.operand(1), lanes), y = vector(i.operand(2), lanes);
    if (isMask) {
      x = resizeMask(x, 32);
      y = resizeMask(y, 32);
    }
    Rep out{lanes, x.width, {}};
    if (!i.operand(0)->type.isVector()) {
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
  std::vector<Rep> x;
  for (const Value* v : i.operands) x.push_back(vector(v, lanes));
  if (from.isBool()) {
    // Masks: compare the bits.
    if (x.size() > 1) x[1] = resizeMask(x[1], x[0].width);
    auto inverted = [&](Rep r) { return map(r, Ins::V128Not); };
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
      case Op::CmpI: {
        auto p = static_cast<CmpIPred>(i.integer(Attr::Predicate));
        // As a signed number, true is -1.
        if (isSignedPredicate(p)) std::swap(x[0], x[1]);
        switch (p) {
          case CmpIPred::Eq: return inverted(map(x[0], x[1], Ins::V128Xor));
          case CmpIPred::Ne: return map(x[0], x[1], Ins::V128Xor);
          case CmpIPred::Ult:
          case CmpIPred::Slt: return map(x[1], x[0], Ins::V128Andnot);
          case CmpIPred::Ugt:
          case CmpIPred::Sgt: return map(x[0], x[1], Ins::V128Andnot);
          case CmpIPred::Ule:
          case CmpIPred::Sle: return inverted(map(x[0], x[1], Ins::V128Andnot));
          case CmpIPred::Uge:
          case CmpIPred::Sge: return inverted(map(x[1], x[0], Ins::V128Andnot));
        }
        break;
      }
      case Op::ExtSI:
      case Op::IndexCast: return resizeMask(x[0], widthOf(t));
      case Op::ExtUI:
      case Op::IndexCastUI: return map(resizeMask(x[0], widthOf(t)), uniform(1, lanes, widthOf(t)), Ins::V128And);
      case Op::UIToFP:
      case Op::SIToFP: {
        double one = i.op == Op::UIToFP ? 1 : -1;
        return map(resizeMask(x[0], widthOf(t)), uniform(encodeFloat(t.elem, one), lanes, widthOf(t)), Ins::V128And);
      }
      case Op::ArithBitcast:
      case Op::Bitcast:
      case Op::AbsI: return x[0];
      default: break;
    }
    return lanewise(i, x);
  }
  switch (i.op) {
    case Op::CmpI:
    case Op::CmpF: return vectorCompare(i, x[0], x[1]);
    case Op::Bitcast:
    case Op::ArithBitcast: return x[0];
    default: break;
  }
  std::optional<Rep> out;
  if (info(i.op).sig == Sig::Int1 || info(i.op).sig == Sig::Int2)
    out = vectorInteger(i, x);
  else if (i.operands.size() == 1 && (t.elem != from.elem || t.isPointer() != from.isPointer()))
    out = vectorConvert(i, x[0]);
  else if (t.isFloat())
    out = vectorFloat(i, x);
  return out ? *out : lanewise(i, x);
}

// Lane by lane, through the scalar operation.
Rep Emitter::lanewise(const Inst& i, const std::vector<Rep>& x) {
  const Type& t = i.result()->type;
  int lanes = static_cast<int>(t.numel());
  bool isMask = t.isBool();
  bool isFloat = t.elem == Elem::F32 || t.elem == Elem::F64;
  int width = isMask ? 32 : widthOf(t);
  Rep out{lanes, width, {}};
  int per = 128 / width;
  for (int k = 0; k < lanes; ++k) {
    std::vector<Node*> in;
    for (size_t o = 0; o < x.size(); ++o) {
      const Type& from = i.operand(o)->type;
      Node* n = lane(x[o], k, !from.isPointer() && (from.elem == Elem::F32 || from.elem == Elem::F64));
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
    Ins ins = isFloat ? bySize(width == 64, Ins::F32x4ReplaceLane, Ins::F64x2ReplaceLane)
                      : byWidth(width, Ins::I8x16ReplaceLane, Ins::I16x8ReplaceLane, Ins::I32x4ReplaceLane, Ins::I64x2ReplaceLane);
    out.n.back() = code_.make(ins, {out.n.back(), y}, static_cast<uint64_t>(k % per));
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
    case IntOp::ShRSI: {
      auto limit = static_cast<uint64_t>(width);
      Node* a = i.op == Op::ShRSI ? extended(x) : x;
      auto shift = [&](Node* by) {
        if (i.op == Op::ShLI) return op(Ins::I32Shl, Ins::I64Shl, a, by);
        return i.op == Op::ShRUI ? op(Ins::I32ShrU, Ins::I64ShrU, a, by) : op(Ins::I32ShrS, Ins::I64ShrS, a, by);
      };
      if (y->ins == Ins::I32Const || y->ins == Ins::I64Const) {
        if (y->a >= limit) return i.op == Op::ShRSI ? wrapped(shift(constant(limit - 1))) : constant(0);
        return wrapped(shift(y));
      }
      Node* large = op(Ins::I32GeU, Ins::I64GeU, y, constant(limit));
      if (i.op == Op::ShRSI) return wrapped(shift(code_.select(large, constant(limit - 1), y)));
      return code_.select(large, constant(0), wrapped(shift(y)));
    }
    case IntOp::DivSI:
    case IntOp::RemSI:
    case IntOp::DivUI:
    case IntOp::RemUI: {
      bool isSigned = i.op == Op::DivSI || i.op == Op::RemSI, isRem = i.op == Op::RemSI || i.op == Op::RemUI;
      Node *a = isSigned ? extended(x) : x, *b = isSigned ? extended(y) : y;
      auto divide = [&](Node* by) {
        if (isSigned) return isRem ? op(Ins::I32RemS, Ins::I64RemS, a, by) : op(Ins::I32DivS, Ins::I64DivS, a, by);
        return isRem ? op(Ins::I32RemU, Ins::I64RemU, a, by) : op(Ins::I32DivU, Ins::I64DivU, a, by);
      };
      bool known = b->ins == Ins::I32Const || b->ins == Ins::I64Const;
      uint64_t minusOne = isLong ? ~uint64_t{0} : 0xffffffff;
      if (known && b->a != 0 && !(isSigned && b->a == minusOne)) return wrapped(divide(b));
      Node* byZero = isZero(b);
      Node* safe = code_.select(byZero, constant(1), b);
      Node* q;
      if (isSigned) {
        // The smallest value divided by -1 traps.
        Node* byMinus = op(Ins::I32Eq, Ins::I64Eq, b, constant(minusOne));
        safe = code_.select(byMinus, constant(1), safe);
        q = code_.select(byMinus, isRem ? constant(0) : op(Ins::I32Sub, Ins::I64Sub, constant(0), a), divide(safe));
      } else {
        q = divide(safe);
      }
      return wrapped(code_.select(byZero, constant(0), q));
    }
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

Node* Emitter::scalarFloat(const Inst& i, std::span<Node* const> x) {
  bool isDouble = x[0]->type == ValType::F64;
  ValType type = x[0]->type;
  auto make = [&](Ins single, Ins twice, std::initializer_list<Node*> kids) { return code_.make(isDouble ? twice : single, kids); };
  auto constant = [&](double v) { return number(type, encodeFloat(isDouble ? Elem::F64 : Elem::F32, v)); };
  auto numExtremum = [&](bool largest, Node* a, Node* b) {
    // Returns the other operand if one is NaN.
    Node* chosen = code_.select(largest ? make(Ins::F32Gt, Ins::F64Gt, {a, b}) : make(Ins::F32Lt, Ins::F64Lt, {a, b}), a, b);
    return code_.select(make(Ins::F32Eq, Ins::F64Eq, {b, b}), chosen, a);
  };
  auto nanExtremum = [&](bool largest, Node* a, Node* b) {
    return largest ? make(Ins::F32Max, Ins::F64Max, {a, b}) : make(Ins::F32Min, Ins::F64Min, {a, b});
  };
  if (i.op == Op::ClampF) {
    if (i.integer(Attr::PropagateNan) == 0xFFFF) return nanExtremum(false, nanExtremum(true, x[0], x[1]), x[2]);
    return numExtremum(false, numExtremum(true, x[0], x[1]), x[2]);
  }
  switch (floatOp(i.op)) {
    case FloatOp::AddF: return make(Ins::F32Add, Ins::F64Add, {x[0], x[1]});
    case FloatOp::SubF: return make(Ins::F32Sub, Ins::F64Sub, {x[0], x[1]});
    case FloatOp::MulF: return make(Ins::F32Mul, Ins::F64Mul, {x[0], x[1]});
    case FloatOp::DivF:
    case FloatOp::PreciseDivF: return make(Ins::F32Div, Ins::F64Div, {x[0], x[1]});
    case FloatOp::NegF: return make(Ins::F32Neg, Ins::F64Neg, {x[0]});
    case FloatOp::AbsF: return make(Ins::F32Abs, Ins::F64Abs, {x[0]});
    case FloatOp::Sqrt:
    case FloatOp::PreciseSqrt: return make(Ins::F32Sqrt, Ins::F64Sqrt, {x[0]});
    case FloatOp::Rsqrt: return make(Ins::F32Div, Ins::F64Div, {constant(1), make(Ins::F32Sqrt, Ins::F64Sqrt, {x[0]})});
    case FloatOp::Ceil: return make(Ins::F32Ceil, Ins::F64Ceil, {x[0]});
    case FloatOp::Floor: return make(Ins::F32Floor, Ins::F64Floor, {x[0]});
    case FloatOp::Trunc: return make(Ins::F32Trunc, Ins::F64Trunc, {x[0]});
    case FloatOp::RoundEven: return make(Ins::F32Nearest, Ins::F64Nearest, {x[0]});
    case FloatOp::Round: {
      Node* whole = make(Ins::F32Trunc, Ins::F64Trunc, {x[0]});
      Node* rest = make(Ins::F32Abs, Ins::F64Abs, {make(Ins::F32Sub, Ins::F64Sub, {x[0], whole})});
      Node* away = make(Ins::F32Add, Ins::F64Add, {whole, make(Ins::F32Copysign, Ins::F64Copysign, {constant(1), x[0]})});
      return code_.select(make(Ins::F32Ge, Ins::F64Ge, {rest, constant(0.5)}), away, whole);
    }
    case FloatOp::CopySign: return make(Ins::F32Copysign, Ins::F64Copysign, {x[0], x[1]});
    case FloatOp::MinimumF:
    case FloatOp::MaximumF: return nanExtremum(i.op == Op::MaximumF, x[0], x[1]);
    case FloatOp::MinNumF:
    case FloatOp::MaxNumF: return numExtremum(i.op == Op::MaxNumF, x[0], x[1]);
    case FloatOp::Fma:
      if (relaxed_) {
        Ins spread = isDouble ? Ins::F64x2Splat : Ins::F32x4Splat;
        Node* y = code_.make(isDouble ? Ins::F64x2RelaxedMadd : Ins::F32x4RelaxedMadd,
                             {code_.make(spread, {x[0]}), code_.make(spread, {x[1]}), code_.make(spread, {x[2]})});
        return code_.make(isDouble ? Ins::F64x2ExtractLane : Ins::F32x4ExtractLane, {y}, 0);
      }
      return library(i.op, false, x);
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
    case FloatOp::PowF: return library(i.op, !isDouble, x);
    case FloatOp::LoScale: break;  // only for processors with AVX-512
  }
  NEREID_CHECK(false, "no code for ", nereid::info(i.op).spelling);
  return nullptr;
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

std::optional<Rep> Emitter::vectorInteger(const Inst& i, const std::vector<Rep>& x) {
  int width = x[0].width, lanes = x[0].lanes;
  Ins ins = kNone;
  switch (i.op) {
    case Op::AddI: ins = byWidth(width, Ins::I8x16Add, Ins::I16x8Add, Ins::I32x4Add, Ins::I64x2Add); break;
    case Op::SubI: ins = byWidth(width, Ins::I8x16Sub, Ins::I16x8Sub, Ins::I32x4Sub, Ins::I64x2Sub); break;
    case Op::MulI:
      if (width == 8) return halve(map(extend(x[0], false, 16), extend(x[1], false, 16), Ins::I16x8Mul));
      ins = byWidth(width, kNone, Ins::I16x8Mul, Ins::I32x4Mul, Ins::I64x2Mul);
      break;
    case Op::AndI: ins = Ins::V128And; break;
    case Op::OrI: ins = Ins::V128Or; break;
    case Op::XOrI: ins = Ins::V128Xor; break;
    case Op::MinSI: ins = byWidth(width, Ins::I8x16MinS, Ins::I16x8MinS, Ins::I32x4MinS, kNone); break;
    case Op::MaxSI: ins = byWidth(width, Ins::I8x16MaxS, Ins::I16x8MaxS, Ins::I32x4MaxS, kNone); break;
    case Op::MinUI: ins = byWidth(width, Ins::I8x16MinU, Ins::I16x8MinU, Ins::I32x4MinU, kNone); break;
    case Op::MaxUI: ins = byWidth(width, Ins::I8x16MaxU, Ins::I16x8MaxU, Ins::I32x4MaxU, kNone); break;
    case Op::AbsI: return map(x[0], byWidth(width, Ins::I8x16Abs, Ins::I16x8Abs, Ins::I32x4Abs, Ins::I64x2Abs));
    case Op::CtPop:
      if (width == 8) return map(x[0], Ins::I8x16Popcnt);
      return std::nullopt;
    case Op::ShLI:
    case Op::ShRUI:
    case Op::ShRSI: {
      // One amount for all lanes; legalize() rewrites others of 32 bits.
      const Value* by = i.operand(1);
      const auto limit = static_cast<uint64_t>(width);
      Node *amount = nullptr, *isLarge = nullptr;
      if (auto bits = constantBits(by)) {
        const uint64_t known = zeroExtend(*bits, width);
        if (known >= limit && i.op != Op::ShRSI) return uniform(0, lanes, width);
        amount = code_.i32(static_cast<int64_t>(std::min(known, limit - 1)));
      } else if (by->def && by->def->op == Op::LoSplat && width == 32) {
        amount = scalar(by->def->operand(0));
        isLarge = code_.make(Ins::I32GeU, {amount, code_.i32(width)});
        if (i.op == Op::ShRSI) amount = code_.select(isLarge, code_.i32(width - 1), amount);
      } else {
        return std::nullopt;
      }
      ins = i.op == Op::ShLI    ? byWidth(width, Ins::I8x16Shl, Ins::I16x8Shl, Ins::I32x4Shl, Ins::I64x2Shl)
            : i.op == Op::ShRUI ? byWidth(width, Ins::I8x16ShrU, Ins::I16x8ShrU, Ins::I32x4ShrU, Ins::I64x2ShrU)
                                : byWidth(width, Ins::I8x16ShrS, Ins::I16x8ShrS, Ins::I32x4ShrS, Ins::I64x2ShrS);
      Rep out{lanes, width, {}};
      for (Node* n : x[0].n) out.n.push_back(code_.make(ins, {n, amount}));
      for (size_t k = 0; isLarge && i.op != Op::ShRSI && k < out.n.size(); ++k)
        out.n[k] = code_.select(isLarge, uniform(0, lanes, width).n[k], out.n[k]);
      return out;
    }
    case Op::MulHiUI: {
      if (width == 64) return std::nullopt;
      // Full products of the low and the high lanes, of which the upper halves are kept.
      Ins low = byWidth(width, Ins::I16x8ExtmulLowI8x16U, Ins::I32x4ExtmulLowI16x8U, Ins::I64x2ExtmulLowI32x4U, kNone);
      Ins high = byWidth(width, Ins::I16x8ExtmulHighI8x16U, Ins::I32x4ExtmulHighI16x8U, Ins::I64x2ExtmulHighI32x4U, kNone);
      auto bytes = static_cast<size_t>(width / 8);
      std::array<uint8_t, 16> order{};
      for (size_t k = 0; k < 16; ++k) order[k] = static_cast<uint8_t>(k / bytes * bytes * 2 + bytes + k % bytes);
      Rep out{lanes, width, {}};
      for (size_t k = 0; k < x[0].n.size(); ++k)
        out.n.push_back(shuffled(code_.make(low, {x[0].n[k], x[1].n[k]}), code_.make(high, {x[0].n[k], x[1].n[k]}), order));
      return out;
    }
    default: return std::nullopt;
  }
  if (ins == kNone) {
    // Minima and maxima of 64 bits.
    bool isSigned = i.op == Op::MinSI || i.op == Op::MaxSI, largest = i.op == Op::MaxSI || i.op == Op::MaxUI;
    Rep a = x[0], b = x[1];
    if (!isSigned) {
      Rep sign = uniform(uint64_t{1} << 63, lanes, 64);
      a = map(a, sign, Ins::V128Xor);
      b = map(b, sign, Ins::V128Xor);
    }
    return choose(map(a, b, largest ? Ins::I64x2GtS : Ins::I64x2LtS), x[0], x[1]);
  }
  return map(x[0], x[1], ins);
}

std::optional<Rep> Emitter::vectorFloat(const Inst& i, const std::vector<Rep>& x) {
  const Type& t = i.result()->type;
  if (t.elem != Elem::F32 && t.elem != Elem::F64) return std::nullopt;
  bool isDouble = t.elem == Elem::F64;
  int lanes = x[0].lanes, width = x[0].width;
  auto pick = [&](Ins single, Ins twice) { return isDouble ? twice : single; };
  auto constant = [&](double v) { return uniform(encodeFloat(t.elem, v), lanes, width); };
  Ins eq = pick(Ins::F32x4Eq, Ins::F64x2Eq);
  auto numExtremum = [&](bool largest, const Rep& a, const Rep& b) {
    // pmax(b, a) is `b < a ? a : b`: b if a is NaN, a if b is.
    Ins ins = largest ? pick(Ins::F32x4Pmax, Ins::F64x2Pmax) : pick(Ins::F32x4Pmin, Ins::F64x2Pmin);
    return choose(map(b, b, eq), map(b, a, ins), a);
  };
  auto nanExtremum = [&](bool largest, const Rep& a, const Rep& b) {
    return map(a, b, largest ? pick(Ins::F32x4Max, Ins::F64x2Max) : pick(Ins::F32x4Min, Ins::F64x2Min));
  };
  auto copySign = [&](const Rep& magnitude, const Rep& sign) {
    Rep bit = uniform(uint64_t{1} << (width - 1), lanes, width);
    Rep out{lanes, width, {}};
    for (size_t k = 0; k < sign.n.size(); ++k) out.n.push_back(code_.make(Ins::V128Bitselect, {sign.n[k], magnitude.n[k], bit.n[k]}));
    return out;
  };
  switch (i.op) {
    case Op::AddF:
    case Op::SubF: {
      // Triton allows a product and a sum to be rounded once.
      size_t k = products_.count(i.operand(1)) ? 1 : 0;
      const std::vector<Node*>& products = x[k].n;
      bool waits = products[0]->ins == pick(Ins::F32x4Mul, Ins::F64x2Mul) && !products[0]->pinned;  // not in a local already
      if (relaxed_ && waits && products_.count(i.operand(k)) && (k == 1 || i.op == Op::AddF)) {
        Rep out{lanes, width, {}};
        Ins ins =
            i.op == Op::AddF ? pick(Ins::F32x4RelaxedMadd, Ins::F64x2RelaxedMadd) : pick(Ins::F32x4RelaxedNmadd, Ins::F64x2RelaxedNmadd);
        for (size_t r = 0; r < products.size(); ++r)
          out.n.push_back(code_.make(ins, {products[r]->kid[0], products[r]->kid[1], x[1 - k].n[r]}));
        return out;
      }
      return map(x[0], x[1], i.op == Op::AddF ? pick(Ins::F32x4Add, Ins::F64x2Add) : pick(Ins::F32x4Sub, Ins::F64x2Sub));
    }
    case Op::MulF: return map(x[0], x[1], pick(Ins::F32x4Mul, Ins::F64x2Mul));
    case Op::DivF:
    case Op::PreciseDivF: return map(x[0], x[1], pick(Ins::F32x4Div, Ins::F64x2Div));
    case Op::NegF: return map(x[0], pick(Ins::F32x4Neg, Ins::F64x2Neg));
    case Op::AbsF: return map(x[0], pick(Ins::F32x4Abs, Ins::F64x2Abs));
    case Op::Sqrt:
    case Op::PreciseSqrt: return map(x[0], pick(Ins::F32x4Sqrt, Ins::F64x2Sqrt));
    case Op::Rsqrt: return map(constant(1), map(x[0], pick(Ins::F32x4Sqrt, Ins::F64x2Sqrt)), pick(Ins::F32x4Div, Ins::F64x2Div));
    case Op::Ceil: return map(x[0], pick(Ins::F32x4Ceil, Ins::F64x2Ceil));
    case Op::Floor: return map(x[0], pick(Ins::F32x4Floor, Ins::F64x2Floor));
    case Op::Trunc: return map(x[0], pick(Ins::F32x4Trunc, Ins::F64x2Trunc));
    case Op::RoundEven: return map(x[0], pick(Ins::F32x4Nearest, Ins::F64x2Nearest));
    case Op::Round: {
      Rep whole = map(x[0], pick(Ins::F32x4Trunc, Ins::F64x2Trunc));
      Rep rest = map(map(x[0], whole, pick(Ins::F32x4Sub, Ins::F64x2Sub)), pick(Ins::F32x4Abs, Ins::F64x2Abs));
      Rep away = map(whole, copySign(constant(1), x[0]), pick(Ins::F32x4Add, Ins::F64x2Add));
      return choose(map(rest, constant(0.5), pick(Ins::F32x4Ge, Ins::F64x2Ge)), away, whole);
    }
    case Op::CopySign: return copySign(x[0], x[1]);
    case Op::MinimumF:
    case Op::MaximumF: return nanExtremum(i.op == Op::MaximumF, x[0], x[1]);
    case Op::MinNumF:
    case Op::MaxNumF: return numExtremum(i.op == Op::MaxNumF, x[0], x[1]);
    case Op::ClampF:
      if (i.integer(Attr::PropagateNan) == 0xFFFF) return nanExtremum(false, nanExtremum(true, x[0], x[1]), x[2]);
      return numExtremum(false, numExtremum(true, x[0], x[1]), x[2]);
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

std::optional<Rep> Emitter::vectorConvert(const Inst& i, const Rep& x) {
  const Type& t = i.result()->type;
  int lanes = x.lanes, width = t.isBool() ? 1 : widthOf(t);
  std::array<uint8_t, 16> upper{}, joined{};
  for (size_t k = 0; k < 16; ++k) {
    upper[k] = static_cast<uint8_t>(8 + k % 8);
    joined[k] = static_cast<uint8_t>(k < 8 ? k : 8 + k);
  }
  // Two registers of 32-bit lanes per register of 64-bit lanes, the lower half first; and back.
  auto split = [&](const Rep& r, Ins ins) {
    Rep out{lanes, 64, {}};
    for (size_t k = 0; k < registers(lanes, 64); ++k)
      out.n.push_back(code_.make(ins, {k % 2 ? shuffled(r.n[k / 2], r.n[k / 2], upper) : r.n[k / 2]}));
    return out;
  };
  auto join = [&](const Rep& r, Ins ins) {
    Rep out{lanes, 32, {}};
    for (size_t k = 0; k < r.n.size(); k += 2) {
      Node* low = code_.make(ins, {r.n[k]});
      out.n.push_back(k + 1 < r.n.size() ? shuffled(low, code_.make(ins, {r.n[k + 1]}), joined) : low);
    }
    return out;
  };
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
      return split(r, isSigned ? Ins::F64x2ConvertLowI32x4S : Ins::F64x2ConvertLowI32x4U);
    }
    case Op::FPToSI:
    case Op::FPToUI: {
      if (width > 32 || width == 1) return std::nullopt;
      Rep r = x.width == 32 ? map(x, isSigned ? Ins::I32x4TruncSatF32x4S : Ins::I32x4TruncSatF32x4U)
                            : join(x, isSigned ? Ins::I32x4TruncSatF64x2SZero : Ins::I32x4TruncSatF64x2UZero);
      if (width < 32) {
        r = map(r, uniform((uint64_t{1} << (isSigned ? width - 1 : width)) - 1, lanes, 32), isSigned ? Ins::I32x4MinS : Ins::I32x4MinU);
        if (isSigned) r = map(r, uniform(~uint64_t{0} << (width - 1), lanes, 32), Ins::I32x4MaxS);
      }
      while (r.width > width) r = halve(r);
      return r;
    }
    case Op::ExtF: return split(x, Ins::F64x2PromoteLowF32x4);
    case Op::TruncF: return join(x, Ins::F32x4DemoteF64x2Zero);
    case Op::IntToPtr: return x.width == 64 ? halve(x) : x;
    case Op::PtrToInt: {
      Rep out = x;
      while (out.width > width) out = halve(out);
      return extend(out, false, width);
    }
    default: return std::nullopt;
  }
}

Rep Emitter::vectorCompare(const Inst& i, const Rep& x, const Rep& y) {
  int width = x.width, lanes = x.lanes;
  auto inverted = [&](const Rep& r) { return map(r, Ins::V128Not); };
  if (i.op == Op::CmpI) {
    auto p = static_cast<CmpIPred>(i.integer(Attr::Predicate));
    if (i.operand(0)->type.isPointer() && isSignedPredicate(p)) p = static_cast<CmpIPred>(static_cast<int>(p) + 4);
    Rep a = x, b = y;
    if (width == 64 && p >= CmpIPred::Ult) {
      // Unsigned order is signed order with the top bit flipped.
      Rep sign = uniform(uint64_t{1} << 63, lanes, 64);
      a = map(a, sign, Ins::V128Xor);
      b = map(b, sign, Ins::V128Xor);
      p = static_cast<CmpIPred>(static_cast<int>(p) - 4);
    }
    constexpr Ins kTable[4][10] = {
        {Ins::I8x16Eq, Ins::I8x16Ne, Ins::I8x16LtS, Ins::I8x16LeS, Ins::I8x16GtS, Ins::I8x16GeS, Ins::I8x16LtU, Ins::I8x16LeU,
         Ins::I8x16GtU, Ins::I8x16GeU},
        {Ins::I16x8Eq, Ins::I16x8Ne, Ins::I16x8LtS, Ins::I16x8LeS, Ins::I16x8GtS, Ins::I16x8GeS, Ins::I16x8LtU, Ins::I16x8LeU,
         Ins::I16x8GtU, Ins::I16x8GeU},
        {Ins::I32x4Eq, Ins::I32x4Ne, Ins::I32x4LtS, Ins::I32x4LeS, Ins::I32x4GtS, Ins::I32x4GeS, Ins::I32x4LtU, Ins::I32x4LeU,
         Ins::I32x4GtU, Ins::I32x4GeU},
        {Ins::I64x2Eq, Ins::I64x2Ne, Ins::I64x2LtS, Ins::I64x2LeS, Ins::I64x2GtS, Ins::I64x2GeS, kNone, kNone, kNone, kNone}};
    size_t row = width == 8 ? 0 : width == 16 ? 1 : width == 32 ? 2 : 3;
    return map(a, b, kTable[row][static_cast<size_t>(p)]);
  }
  bool isDouble = width == 64;
  auto compare = [&](Ins single, Ins twice) { return map(x, y, isDouble ? twice : single); };
  auto lt = [&] { return compare(Ins::F32x4Lt, Ins::F64x2Lt); };
  auto gt = [&] { return compare(Ins::F32x4Gt, Ins::F64x2Gt); };
  auto self = [&](const Rep& r) { return map(r, r, isDouble ? Ins::F64x2Eq : Ins::F32x4Eq); };
  auto ordered = [&] { return x.n == y.n ? self(x) : map(self(x), self(y), Ins::V128And); };
  switch (static_cast<CmpFPred>(i.integer(Attr::Predicate))) {
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
