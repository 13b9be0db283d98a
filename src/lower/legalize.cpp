// SPDX-License-Identifier: MIT
// Narrow floats, float atomics, fused multiply-add and shifts by lane for machines that have none of them.
//
//   arith.addf %a, %b : vector<4xf16>   =>   %x = f32 of %a's bits; %y of %b's; %s = arith.addf %x, %y : vector<4xf32>; bits of f16 nearest
//   to %s
//
// The formats are data (FloatFormat), so that one formula serves f16 and every fp8.
#include "lower/legalize.h"

#include <bit>
#include <cmath>
#include <limits>

#include "analysis/ranges.h"
#include "ir/after_pass.h"
#include "ir/bits.h"
#include "ir/builder.h"
#include "passes/passes.h"
#include "support/ptr_map.h"

namespace nereid {

namespace {

constexpr uint64_t kSign = 0x80000000;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

bool isNarrow(const Type& t) { return t.isFloat() && bitWidth(t) < 32; }

bool isHalf(Elem elem) { return elem == Elem::F16 || elem == Elem::BF16; }

class Legalizer {
 public:
  Legalizer(Module& m, const Machine& machine) : m_(m), machine_(machine) {}

  void region(Region& region) {
    for (Block* block : region.blocks) {
      std::vector<Inst*> source = std::move(block->insts);
      block->insts.clear();
      for (Inst* inst : source) {
        for (Value*& v : inst->operands) v = replaced_(v);
        for (auto& r : inst->regions) this->region(*r);
        Builder b(m_, block, inst->loc);
        b_ = &b;
        Value* out = rewrite(*inst);
        if (!out)
          block->insts.push_back(inst);
        else
          replaced_.add(inst->result(), out);
      }
    }
  }
  void finish(Func& f) { replaced_.apply(f.body); }
  bool hasShiftedLanes() const { return hasShiftedLanes_; }

 private:
  // What replaces the instruction, or null to keep it.
  Value* rewrite(Inst& inst) {
    switch (inst.op) {
      case Op::ExtF:
      case Op::TruncF:
      case Op::FpToFp: {
        Value* x = inst.operand(0);
        Type to = inst.result()->type;
        bool towardZero = inst.op == Op::FpToFp && inst.integer(Attr::Rounding, 1) == 0;
        if (inst.op != Op::FpToFp && !isNarrow(x->type) && !isNarrow(to)) return nullptr;
        return convert(x, to.elem, towardZero, inst.op == Op::FpToFp);
      }
      case Op::SIToFP:
      case Op::UIToFP: {
        Type to = inst.result()->type;
        if (!isNarrow(to)) return nullptr;
        bool isSigned = inst.op == Op::SIToFP;
        // What f32 rounds is beyond all narrower formats but bf16.
        if (!machine_.f64) {
          Value* x = to.elem == Elem::BF16 ? oddAbove24(inst.operand(0), isSigned) : inst.operand(0);
          return convert(b_->cast(inst.op, x, to.withElement(Elem::F32)), to.elem, false, false);
        }
        return convert(b_->cast(inst.op, oddAbove53(inst.operand(0), isSigned), to.withElement(Elem::F64)), to.elem, false, false);
      }
      case Op::FPToSI:
      case Op::FPToUI:
        if (isNarrow(inst.operand(0)->type)) inst.operands[0] = wide(inst.operand(0));
        return nullptr;
      case Op::CmpF:
        for (Value*& v : inst.operands) v = wide(v);
        return nullptr;
      case Op::LoPrint:
        if (inst.operands.size() > 1 && inst.integer(Attr::Hex) == 0) inst.operands[1] = wide(inst.operand(1));
        return nullptr;
      case Op::LoAtomicRMW: {
        auto kind = static_cast<Rmw>(inst.integer(Attr::RmwOp));
        bool extremum = kind == Rmw::Max || kind == Rmw::Min || kind == Rmw::UMax || kind == Rmw::UMin;
        return extremum || inst.result()->type.isFloat() ? atomic(inst) : nullptr;
      }
      case Op::NegF:
      case Op::AbsF: {
        Value* x = inst.operand(0);
        if (!isNarrow(x->type)) return nullptr;
        Type bits = bitsType(x->type);
        uint64_t sign = uint64_t{1} << (bitWidth(x->type) - 1);
        Value* i = b_->cast(Op::ArithBitcast, x, bits);
        i = inst.op == Op::NegF ? b_->make(Op::XOrI, {i, b_->constant(bits, sign)}) : b_->make(Op::AndI, {i, b_->constant(bits, sign - 1)});
        return b_->cast(Op::ArithBitcast, i, x->type);
      }
      case Op::Fma: return fma(inst);
      case Op::ShLI:
      case Op::ShRUI:
      case Op::ShRSI: {
        if (!shiftsLanes(inst)) return nullptr;
        hasShiftedLanes_ = true;
        Value* out = shiftLanes(inst);
        if (inst.op != Op::ShLI) shifted_[out] = &inst;
        return out;
      }
      case Op::AndI: return extractLanes(inst);
      default: break;
    }
    if (!isElementwise(inst.op) || inst.results.size() != 1 || !isNarrow(inst.result()->type)) return nullptr;
    switch (inst.op) {
      case Op::Select:
      case Op::Constant:
      case Op::ArithBitcast:
      case Op::Bitcast:
      case Op::Poison: return nullptr;
      default: break;
    }
    std::vector<Value*> operands;
    for (Value* v : inst.operands) operands.push_back(wide(v));
    Value* y = b_->create(inst.op, operands, {inst.result()->type.withElement(Elem::F32)}, inst.attrs)->result();
    return convert(y, inst.result()->type.elem, false, false);
  }

  Type bitsType(const Type& t) const {
    return t.withElement(bitWidth(t) == 8 ? Elem::I8 : bitWidth(t) == 16 ? Elem::I16 : bitWidth(t) == 32 ? Elem::I32 : Elem::I64);
  }
  Value* wide(Value* v) { return isNarrow(v->type) ? toF32(v) : v; }
  Value* make(Op op, Value* x, Value* y) { return b_->make(op, {x, y}); }
  Value* number(Value* like, uint64_t bits) { return b_->constant(like->type, bits); }
  Value* asInt(Value* x) { return b_->cast(Op::ArithBitcast, x, bitsType(x->type)); }
  Value* asFloat(Value* x, Elem elem) { return b_->cast(Op::ArithBitcast, x, x->type.withElement(elem)); }
  Value* less(Value* x, Value* y) { return b_->cmpI(CmpIPred::Slt, x, y); }  // of magnitudes: engines have signed comparisons of vectors

  Value* toF32(Value* v) {
    Elem from = v->type.elem;
    if (auto bits = constantBits(v)) return b_->floating(v->type.withElement(Elem::F32), decodeFloat(from, *bits));
    if (isHalf(from) && machine_.halves) return b_->cast(Op::ExtF, v, v->type.withElement(Elem::F32));
    if (auto known = rounded_.find(v); known != rounded_.end()) return rounded(known->second);
    Value* x = b_->cast(Op::ExtSI, asInt(v), v->type.withElement(Elem::I32));
    if (from == Elem::BF16) return asFloat(make(Op::ShLI, x, number(x, 16)), Elem::F32);
    FloatFormat format = floatFormat(from);
    int width = bitWidth(from), m = format.mantissaBits;
    uint64_t sign = uint64_t{1} << (width - 1), magnitude = (sign - 1) << (23 - m);
    // As bits of an f32 with too small an exponent; a product by a power of two sets it right, subnormals too.
    Value* placed = make(Op::AndI, make(Op::ShLI, x, number(x, static_cast<uint64_t>(23 - m))), number(x, kSign | magnitude));
    Value* out = asFloat(placed, Elem::F32);
    if (machine_.subnormals) {
      out = make(Op::MulF, out, b_->floating(out->type, std::ldexp(1.0, 127 - format.bias)));
    } else {
      Value* payload = make(Op::AndI, x, number(x, sign - 1));
      Value* counted = b_->cast(Op::SIToFP, payload, out->type);  // machines convert signed integers faster
      Value* small = asInt(make(Op::MulF, counted, b_->floating(counted->type, std::ldexp(1.0, 1 - format.bias - m))));
      small = make(Op::OrI, small, make(Op::AndI, placed, number(x, kSign)));
      Value* normal = make(Op::AddI, placed, number(x, static_cast<uint64_t>(127 - format.bias) << 23));
      out = asFloat(b_->select(less(payload, number(x, uint64_t{1} << m)), small, normal), Elem::F32);
    }
    if (format.special == FloatFormat::Ieee) {
      uint64_t top = (uint64_t{1} << format.exponentBits) - 1;
      Value* special = b_->cmpI(CmpIPred::Sgt, make(Op::AndI, placed, number(x, magnitude)), number(x, (top << 23) - 1));
      return asFloat(make(Op::OrI, asInt(out), b_->select(special, number(x, 0x7f800000), number(x, 0))), Elem::F32);
    }
    Value* isNan = b_->cmpI(CmpIPred::Eq, make(Op::AndI, x, number(x, (sign << 1) - 1)), number(x, sign));
    if (format.special != FloatFormat::Fnuz) isNan = b_->cmpI(CmpIPred::Eq, make(Op::AndI, x, number(x, sign - 1)), number(x, sign - 1));
    return b_->select(isNan, b_->floating(out->type, kNan), out);
  }

  // An f32 rounded to f16's precision and range: a sum whose last bit has the value of the result's, and products that overflow.
  Value* rounded(Value* v) {
    Value* bits = asInt(v);
    auto power = [&](int n) { return number(bits, encodeFloat(Elem::F32, std::ldexp(1.0, n))); };
    Value* exponent = make(Op::MinSI, make(Op::MaxSI, make(Op::AndI, bits, number(bits, 0x7f800000)), power(-14)), power(16));
    Value* magic = asFloat(make(Op::AddI, exponent, number(bits, (uint64_t{13} << 23) + 0x400000)), Elem::F32);
    Value* y = make(Op::SubF, make(Op::AddF, v, magic), magic);
    for (int n : {112, -112}) y = make(Op::MulF, y, b_->floating(v->type, std::ldexp(1.0, n)));
    return asFloat(make(Op::OrI, asInt(y), make(Op::AndI, bits, number(bits, kSign))), Elem::F32);
  }

  Value* fromF32(Value* v, Elem to, bool towardZero, bool saturate) {
    if (to == Elem::F32) return v;
    if (to == Elem::F64 || (isHalf(to) && machine_.halves && !towardZero))
      return b_->cast(to == Elem::F64 ? Op::ExtF : Op::TruncF, v, v->type.withElement(to));
    Value* bits = asInt(v);
    Type narrow = bitsType(v->type.withElement(to));
    auto finish = [&](Value* i) {
      Value* out = b_->cast(Op::ArithBitcast, b_->cast(Op::TruncI, i, narrow), v->type.withElement(to));
      if (to == Elem::F16 && !towardZero && machine_.subnormals) rounded_[out] = v;
      return out;
    };
    Value* magnitude = make(Op::AndI, bits, number(bits, 0x7fffffff));
    Value* isNan = b_->cmpI(CmpIPred::Sgt, magnitude, number(bits, 0x7f800000));
    auto roundedAt = [&](Value* x, uint64_t shift) {
      if (towardZero) return x;
      Value* odd = make(Op::AndI, make(Op::ShRUI, x, number(x, shift)), number(x, 1));
      return make(Op::AddI, x, make(Op::AddI, odd, number(x, (uint64_t{1} << (shift - 1)) - 1)));
    };
    if (to == Elem::BF16) {
      Value* quiet = make(Op::OrI, bits, number(bits, 0x400000));
      return finish(make(Op::ShRUI, b_->select(isNan, quiet, roundedAt(bits, 16)), number(bits, 16)));
    }
    FloatFormat format = floatFormat(to);
    int width = bitWidth(to), m = format.mantissaBits, least = 1 - format.bias;
    auto shift = static_cast<uint64_t>(23 - m);
    // Normal results: round the mantissa in place, then move the exponent's bias.
    Value* normal = make(Op::SubI, make(Op::ShRUI, roundedAt(magnitude, shift), number(bits, shift)),
                         number(bits, static_cast<uint64_t>(127 - format.bias) << m));
    // Subnormal results: a count of units, by a sum whose last bit is one unit.
    Value* absolute = asFloat(magnitude, Elem::F32);
    Value* small;
    if (towardZero) {
      Value* units = make(Op::MulF, absolute, b_->floating(v->type, std::ldexp(1.0, m - least)));
      small = b_->cast(Op::FPToUI, units, bits->type);
    } else {
      double magic = std::ldexp(1.0, 23 + least - m);
      Value* sum = asInt(make(Op::AddF, absolute, b_->floating(v->type, magic)));
      small = make(Op::SubI, sum, number(bits, encodeFloat(Elem::F32, magic)));
    }
    Value* isSmall = less(magnitude, number(bits, static_cast<uint64_t>(127 + least) << 23));
    uint64_t mantissa = (uint64_t{1} << m) - 1, top = (uint64_t{1} << format.exponentBits) - 1;
    uint64_t largest = format.special == FloatFormat::Ieee        ? ((top - 1) << m) | mantissa
                       : format.special == FloatFormat::FiniteNan ? (top << m) | (mantissa - 1)
                                                                  : (top << m) | mantissa;
    uint64_t signOfWidth = uint64_t{1} << (width - 1);
    uint64_t nan = format.special == FloatFormat::Fnuz        ? signOfWidth
                   : format.special == FloatFormat::FiniteNan ? (top << m) | mantissa
                                                              : (top << m) | (1u << (m - 1));
    // Infinity or NaN comes after the largest number.
    Value* result = make(Op::MinSI, normal, number(bits, towardZero || saturate ? largest : largest + 1));
    if (towardZero && !saturate) {
      Value* isInf = b_->cmpI(CmpIPred::Eq, magnitude, number(bits, 0x7f800000));
      result = b_->select(isInf, number(bits, largest + 1), result);
    }
    result = b_->select(isSmall, small, result);
    Value* sign = make(Op::AndI, make(Op::ShRUI, bits, number(bits, static_cast<uint64_t>(32 - width))), number(bits, signOfWidth));
    if (format.special == FloatFormat::Fnuz) {
      // No negative zero, and NaN without a sign.
      sign = b_->select(b_->cmpI(CmpIPred::Ne, result, number(bits, 0)), sign, number(bits, 0));
      Value* bare = b_->cmpI(CmpIPred::Eq, result, number(bits, nan));
      result = b_->select(bare, result, make(Op::OrI, result, sign));
      return finish(b_->select(isNan, number(bits, nan), result));
    }
    return finish(make(Op::OrI, b_->select(isNan, number(bits, nan), result), sign));
  }

  // f64 as the f32 next to it with an odd last bit, unless it is exact: what narrower formats then round is what they would have.
  Value* narrowToOdd(Value* v) {
    auto [nearest, above, inexact] = narrowed(v);
    Value* bits = asInt(nearest);
    bits = make(Op::SubI, bits, b_->cast(Op::ExtUI, above, bits->type));
    bits = make(Op::OrI, bits, b_->cast(Op::ExtUI, inexact, bits->type));
    return asFloat(bits, Elem::F32);
  }
  struct Narrowed {
    Value *nearest, *above, *inexact;  // above: its magnitude is the larger
  };
  Narrowed narrowed(Value* v) {
    Value* nearest = b_->cast(Op::TruncF, v, v->type.withElement(Elem::F32));
    Value* back = b_->cast(Op::ExtF, nearest, v->type);
    Value* above = b_->cmpF(CmpFPred::Ogt, b_->make(Op::AbsF, {back}), b_->make(Op::AbsF, {v}));
    return {nearest, above, b_->cmpF(CmpFPred::One, back, v)};
  }

  Value* convert(Value* v, Elem to, bool towardZero, bool saturate) {
    Elem from = v->type.elem;
    if (from == to) return v;
    // The upper half of an f16.
    if (from == Elem::F8E5M2 && to == Elem::F16) {
      Value* bits = b_->cast(Op::ExtUI, asInt(v), v->type.withElement(Elem::I16));
      return asFloat(make(Op::ShLI, bits, number(bits, 8)), Elem::F16);
    }
    saturate = saturate && v->type.withElement(to).isFp8();
    if (from != Elem::F64) return fromF32(wide(v), to, towardZero, saturate);
    if (to == Elem::F32 && !towardZero) return b_->cast(Op::TruncF, v, v->type.withElement(to));
    if (to != Elem::F32) return fromF32(narrowToOdd(v), to, towardZero, saturate);
    auto [nearest, above, inexact] = narrowed(v);
    Value* bits = asInt(nearest);
    return asFloat(make(Op::SubI, bits, b_->cast(Op::ExtUI, above, bits->type)), Elem::F32);
  }

  // 64-bit integers keep what f64 would round away in their last bit but ten, so that one rounding is left to be done.
  Value* oddAbove53(Value* v, bool isSigned) {
    if (bitWidth(v->type) < 64) return v;
    Value* low = make(Op::AndI, v, number(v, 0x7ff));
    Value* high = make(Op::AndI, v, number(v, ~uint64_t{0x7ff}));
    Value* sticky = b_->select(b_->cmpI(CmpIPred::Ne, low, number(v, 0)), number(v, 0x800), number(v, 0));
    Value* magnitude = isSigned ? b_->make(Op::AbsI, {v}) : v;
    Value* isLarge = b_->cmpI(CmpIPred::Uge, magnitude, number(v, uint64_t{1} << 53));
    return b_->select(isLarge, make(Op::OrI, high, sticky), v);
  }

  // The same for f32: 24 bits, the last of them set if any after it is.
  Value* oddAbove24(Value* v, bool isSigned) {
    int width = bitWidth(v->type);
    if (width < 32) return v;
    Value* magnitude = isSigned ? b_->make(Op::AbsI, {v}) : v;
    Value* length = make(Op::SubI, number(v, static_cast<uint64_t>(width)), b_->make(Op::CtLZ, {magnitude}));
    Value* beyond = make(Op::MaxSI, make(Op::SubI, length, number(v, 24)), number(v, 0));
    Value* high = make(Op::ShRUI, magnitude, beyond);
    Value* inexact = b_->cmpI(CmpIPred::Ne, make(Op::ShLI, high, beyond), magnitude);
    Value* rounded = make(Op::ShLI, make(Op::OrI, high, b_->cast(Op::ExtUI, inexact, v->type)), beyond);
    if (!isSigned) return rounded;
    return b_->select(b_->cmpI(CmpIPred::Slt, v, number(v, 0)), make(Op::SubI, number(v, 0), rounded), rounded);
  }

  // One rounding. Narrow: in f64 the product is exact, and what the sum loses is far from a tie of the narrow type. f32: the sum of f64 is
  // rounded to odd (Boldo and Melquiond), which leaves the rounding to the last step as if it were the first.
  Value* fma(const Inst& inst) {
    Type t = inst.result()->type;
    if (!isNarrow(t) && (machine_.fma || t.elem == Elem::F64)) return nullptr;
    if (!machine_.f64) {
      std::vector<Value*> operands;
      for (Value* v : inst.operands) operands.push_back(wide(v));
      return convert(b_->create(Op::Fma, operands, {operands[0]->type})->result(), t.elem, false, false);
    }
    Type f64 = t.withElement(Elem::F64), i64 = t.withElement(Elem::I64);
    Value* x[3];
    for (size_t k = 0; k < 3; ++k) x[k] = b_->cast(Op::ExtF, wide(inst.operand(k)), f64);
    Value* product = make(Op::MulF, x[0], x[1]);
    Value* sum = make(Op::AddF, product, x[2]);
    if (isNarrow(t)) return convert(sum, t.elem, false, false);
    Value* back = make(Op::SubF, sum, product);
    Value* error = make(Op::AddF, make(Op::SubF, product, make(Op::SubF, sum, back)), make(Op::SubF, x[2], back));
    Value* bits = b_->cast(Op::ArithBitcast, sum, i64);
    Value* zero = b_->floating(f64, 0);
    Value* up = b_->cmpF(CmpFPred::Ogt, error, zero);
    Value* positive = b_->cmpI(CmpIPred::Sge, bits, number(bits, 0));
    Value* away = b_->cmpI(CmpIPred::Eq, b_->cast(Op::ExtUI, up, i64), b_->cast(Op::ExtUI, positive, i64));
    Value* step = b_->select(away, number(bits, 1), number(bits, ~uint64_t{0}));
    // An infinite sum has NaN for its error, which `One` is false of.
    Value* inexact = b_->cmpF(CmpFPred::One, error, zero);
    Value* even = b_->cmpI(CmpIPred::Eq, make(Op::AndI, bits, number(bits, 1)), number(bits, 0));
    Value* odd = b_->select(make(Op::AndI, inexact, even), make(Op::AddI, bits, step), bits);
    return b_->cast(Op::TruncF, b_->cast(Op::ArithBitcast, odd, f64), t);
  }

  // Whether lanes of 32 bits are shifted by different amounts.
  bool shiftsLanes(const Inst& inst) const {
    const Value* by = inst.operand(1);
    return !machine_.laneShifts && by->type.isVector() && bitWidth(by->type) == 32 && !(by->def && by->def->op == Op::LoSplat) &&
           !constantBits(by);
  }

  // 2^exponent as an integer, for exponents below 32: the bits of an f32, converted.
  Value* power(Value* exponent) {
    Value* bits = make(Op::ShLI, make(Op::AddI, exponent, number(exponent, 127)), number(exponent, 23));
    return b_->cast(Op::FPToUI, asFloat(bits, Elem::F32), exponent->type);
  }
  Value* below32(Value* by, Value* x) { return b_->select(b_->cmpI(CmpIPred::Ult, by, number(by, 32)), x, number(by, 0)); }

  // Shifts to the left are products by powers of two, and shifts to the right the upper halves of products.
  Value* shiftLanes(const Inst& inst) {
    Value *x = inst.operand(0), *by = inst.operand(1);
    if (inst.op == Op::ShLI) return make(Op::MulI, x, below32(by, power(by)));
    if (inst.op == Op::ShRUI) return shiftRight(x, by);
    // A signed number is an unsigned one less 2^31.
    Value* most = make(Op::MinUI, by, number(by, 31));
    Value* bias = power(make(Op::SubI, number(by, 31), most));
    return make(Op::SubI, shiftRight(make(Op::XOrI, x, number(x, kSign)), most), bias);
  }
  Value* shiftRight(Value* x, Value* by) {
    Value* factor = below32(by, power(make(Op::SubI, number(by, 32), by)));
    Value* isWhole = b_->cmpI(CmpIPred::Eq, by, number(by, 0));
    return b_->select(isWhole, x, make(Op::MulHiUI, x, factor));
  }

  // `x >> by & 2^n - 1`, if the bits are in x: moved to the top by a product, and then all by one amount.
  Value* extractLanes(const Inst& inst) {
    const auto mask = constantBits(inst.operand(1));
    const auto shift = shifted_.find(inst.operand(0));
    if (shift == shifted_.end() || !mask || *mask == 0 || !std::has_single_bit(*mask + 1) || *mask >> 31) return nullptr;
    Value *x = shift->second->operand(0), *by = shift->second->operand(1);
    const int rest = 32 - std::countr_one(*mask);
    const Range range = ranges_.of(by);
    if (range.low < 0 || range.high > rest) return nullptr;
    Value* factor = power(make(Op::SubI, number(by, static_cast<uint64_t>(rest)), by));
    return make(Op::ShRUI, make(Op::MulI, x, factor), number(x, static_cast<uint64_t>(rest)));
  }

  // Until nobody came between: new = old op value; compare-and-swap.
  Value* atomic(const Inst& inst) {
    Type t = inst.result()->type, bits = bitsType(t);
    auto kind = static_cast<Rmw>(inst.integer(Attr::RmwOp));
    Value* pointer = b_->cast(Op::Bitcast, inst.operand(0), Type::pointer(bits.elem));
    Value* value = inst.operand(1);
    Inst* loop = b_->create(Op::While, {b_->loadFrom(pointer, bits)}, {bits});
    for (int r = 0; r < 2; ++r) {
      loop->regions.push_back(std::make_unique<Region>());
      loop->regions.back()->parent = loop;
      m_.newBlock(*loop->regions.back());
    }
    Block& test = loop->regions[0]->entry();
    Block& body = loop->regions[1]->entry();
    Value* expected = m_.addArg(test, bits);
    Value* seenBefore = m_.addArg(body, bits);
    Builder* outer = b_;
    Builder inner(m_, &test, inst.loc);
    b_ = &inner;
    Value* old = b_->cast(Op::ArithBitcast, expected, t);
    Value* next = value;
    if (kind != Rmw::Xchg) {
      next = make(operationOf(inst), wide(old), wide(value));
      if (t.isFloat()) next = convert(next, t.elem, false, false);
    }
    Value* seen =
        b_->create(Op::LoAtomicCAS, {pointer, expected, asInt(next)}, {bits}, {{Attr::Sem, inst.integer(Attr::Sem, 4)}})->result();
    b_->create(Op::Condition, {b_->cmpI(CmpIPred::Ne, seen, expected), seen}, {});
    Builder(m_, &body, inst.loc).yield({seenBefore});
    b_ = outer;
    return b_->cast(Op::ArithBitcast, loop->result(), t);
  }

  Module& m_;
  const Machine& machine_;
  Builder* b_ = nullptr;
  PtrMap<const Value*, Value*> rounded_;       // of f16 values, the f32 that each was rounded from
  PtrMap<const Value*, const Inst*> shifted_;  // of values that replace shifts to the right by lane, the shifts
  Ranges ranges_;
  bool hasShiftedLanes_ = false;
  Replacements replaced_;
};

}  // namespace

Op operationOf(const Inst& atomic) {
  const bool isFloat = atomic.result()->type.isFloat();
  const Op kOps[] = {
      Op::AndI,  Op::OrI,   Op::XOrI,  Op::AddI, Op::AddF, isFloat ? Op::MaxNumF : Op::MaxSI, isFloat ? Op::MinNumF : Op::MinSI,
      Op::MaxUI, Op::MinUI, Op::Select};
  return kOps[atomic.integer(Attr::RmwOp) - 1];
}

void legalize(Func& f, Module& m, const Machine& machine) {
  Legalizer legalizer(m, machine);
  legalizer.region(f.body);
  legalizer.finish(f);
  afterPass("legalize", m);
  // Powers of two often are the same in each iteration.
  if (legalizer.hasShiftedLanes()) hoistInvariants(f);
  eliminateCommon(f);
  eliminateDead(f);
  afterPass("eliminate_dead", m);
}

}  // namespace nereid
