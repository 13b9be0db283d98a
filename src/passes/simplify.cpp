// SPDX-License-Identifier: MIT
// Spells what the schedule need not know with what it knows.
//
//   tt.dot %a, %b, %zero; arith.addf %d, %c   =>  tt.dot %a, %b, %c
//   tt.unsplat %x : tensor<1x1xf32>           =>  a reduction of one element
//   math.isnan %x                             =>  arith.cmpf uno, %x, %x
//   arith.ceildivsi, math.fpowi, libdevice's odd functions, tt.dot_scaled
#include <cmath>
#include <limits>

#include "ir/bits.h"
#include "ir/builder.h"
#include "ir/libdevice.h"
#include "passes/passes.h"

namespace nereid {

namespace {

// Rewrites each instruction of a region: `rewrite(builder, inst)` gives the value that replaces its result, or null to keep it.
template <class F>
void rewriteEach(Module& m, Region& region, Replacements& replaced, F&& rewrite) {
  for (Block* block : region.blocks) {
    std::vector<Inst*> source = std::move(block->insts);
    block->insts.clear();
    for (Inst* inst : source) {
      for (Value*& v : inst->operands) v = replaced(v);
      for (Successor& s : inst->successors)
        for (Value*& v : s.args) v = replaced(v);
      for (auto& r : inst->regions) rewriteEach(m, *r, replaced, rewrite);
      Builder b(m, block, inst->loc);
      if (Value* v = rewrite(b, *inst)) {
        if (v->name.empty()) v->name = inst->result()->name;
        replaced.add(inst->result(), v);
      } else {
        block->insts.push_back(inst);
      }
    }
  }
}

bool isZeroTile(const Value* v) {
  auto bits = constantBits(v);
  return bits && *bits == 0;
}

Value* unsplat(Builder& b, const Inst& inst) {
  Value* x = inst.operand(0);
  int64_t one = 1;
  Value* line = b.reshape(x, std::span(&one, 1));
  Type element = x->type.element();
  Inst* reduce = b.create(Op::Reduce, {line}, {element}, {{Attr::Axis, int64_t{0}}});
  auto& region = reduce->regions.emplace_back(std::make_unique<Region>());
  region->parent = reduce;
  Block* body = b.module().newBlock(*region);
  Value* first = b.module().addArg(*body, element);
  b.module().addArg(*body, element);
  Builder(b.module(), body, inst.loc).create(Op::ReduceReturn, {first}, {});
  return reduce->result();
}

// e2m1 and e8m0 values of dot_scaled as f32 or bf16-exact f32.
Value* decodeScale(Builder& b, Value* scale) {
  // e8m0: two to the power of (x - 127); 255 is NaN. The exponent field of an f32, with 0 as the subnormal 2^-127.
  if (scale->type.isFloat()) return b.cast(Op::FpToFp, scale, scale->type.withElement(Elem::F32));
  Type i32 = scale->type.withElement(Elem::I32), f32 = scale->type.withElement(Elem::F32);
  Value* bits = b.cast(Op::ExtUI, scale, i32);
  Value* shifted = b.make(Op::ShLI, {bits, b.integer(i32, 23)});
  Value* value = b.cast(Op::Bitcast, shifted, f32);
  value = b.select(b.cmpI(CmpIPred::Eq, bits, b.integer(i32, 0)), b.floating(f32, std::ldexp(1.0, -127)), value);
  return b.select(b.cmpI(CmpIPred::Eq, bits, b.integer(i32, 255)), b.floating(f32, std::numeric_limits<double>::quiet_NaN()), value);
}

// Two 4-bit floats a byte, low half first, along `axis`.
Value* decodeE2m1(Builder& b, Value* packed, int axis) {
  Type i32 = packed->type.withElement(Elem::I32), f32 = packed->type.withElement(Elem::F32);
  Value* wide = b.cast(Op::ExtUI, packed, i32);
  auto half = [&](int shift) {
    Value* x = b.make(Op::AndI, {b.make(Op::ShRUI, {wide, b.integer(i32, shift)}), b.integer(i32, 15)});
    // sign, 2 exponent bits (bias 1), 1 mantissa bit: as f32 bits with too small an exponent, set right by a product
    Value* magnitude = b.make(Op::ShLI, {b.make(Op::AndI, {x, b.integer(i32, 7)}), b.integer(i32, 22)});
    Value* value = b.make(Op::MulF, {b.cast(Op::Bitcast, magnitude, f32), b.floating(f32, std::ldexp(1.0, 126))});
    Value* isNegative = b.cmpI(CmpIPred::Uge, x, b.integer(i32, 8));
    return b.select(isNegative, b.make(Op::NegF, {value}), value);
  };
  auto shape = packed->type.shape();
  shape.push_back(2);
  Value* both = b.create(Op::Join, {half(0), half(4)}, {Type::tile(Type::scalar(Elem::F32), shape)})->result();
  auto rank = static_cast<int>(packed->type.rank);
  if (axis != rank - 1) {
    std::vector<int64_t> order;
    for (int i = 0; i < rank; ++i) {
      order.push_back(i);
      if (i == axis) order.push_back(rank);
    }
    both = b.trans(both, order);
  }
  auto flat = packed->type.shape();
  flat[static_cast<size_t>(axis)] *= 2;
  return b.reshape(both, flat);
}

Value* dotScaled(Builder& b, const Inst& inst) {
  auto operand = [&](size_t which, Attr format, Attr kPack) -> Value* {
    Value* v = inst.operand(which);
    int rank = v->type.rank;
    bool isLeft = which == 0;
    int kAxis = isLeft ? rank - 1 : rank - 2;
    if (static_cast<ScaleElem>(inst.integer(format)) == ScaleElem::E2M1) {
      int packedAxis = inst.integer(kPack, 1) ? kAxis : isLeft ? rank - 2 : rank - 1;
      v = decodeE2m1(b, v, packedAxis);
    } else if (v->type.isInt()) {
      Elem e = static_cast<ScaleElem>(inst.integer(format)) == ScaleElem::E4M3 ? Elem::F8E4M3FN : Elem::F8E5M2;
      v = b.cast(Op::FpToFp, b.cast(Op::Bitcast, v, v->type.withElement(e)), v->type.withElement(Elem::F32));
    } else if (v->type.isFp8()) {
      v = b.cast(Op::FpToFp, v, v->type.withElement(Elem::F32));
    } else if (v->type.elem != Elem::F32) {
      v = b.cast(Op::ExtF, v, v->type.withElement(Elem::F32));
    }
    if (Value* scale = inst.optional(isLeft ? 3 : 4)) {
      // scale[m, k / group]: repeated along k; the right one comes as [n, k / group].
      Value* s = decodeScale(b, scale);
      auto shape = s->type.shape();
      int64_t depth = v->type.dim(kAxis), groups = shape.back();
      shape.push_back(depth / groups);
      s = b.broadcast(b.expandDims(s, s->type.rank), shape);
      shape.pop_back();
      shape.back() = depth;
      s = b.reshape(s, shape);
      if (!isLeft) {
        std::vector<int64_t> order;
        for (int i = 0; i < rank; ++i) order.push_back(i);
        std::swap(order[order.size() - 1], order[order.size() - 2]);
        s = b.trans(s, order);
      }
      v = b.make(Op::MulF, {v, s});
    }
    return v;
  };
  Value* left = operand(0, Attr::LhsElem, Attr::LhsKPack);
  Value* right = operand(1, Attr::RhsElem, Attr::RhsKPack);
  return b.create(Op::Dot, {left, right, inst.operand(2)}, {inst.result()->type}, {{Attr::InputPrecision, int64_t{2}}})->result();
}

Value* ceilDiv(Builder& b, const Inst& inst) {
  Value *x = inst.operand(0), *y = inst.operand(1);
  Type t = x->type;
  Value *q = b.make(Op::DivSI, {x, y}), *r = b.make(Op::RemSI, {x, y});
  Value* zero = b.integer(t, 0);
  Value* inexact = b.cmpI(CmpIPred::Ne, r, zero);
  Value* sameSign = b.cmpI(CmpIPred::Eq, b.cmpI(CmpIPred::Slt, x, zero), b.cmpI(CmpIPred::Slt, y, zero));
  return b.make(Op::AddI, {q, b.cast(Op::ExtUI, b.make(Op::AndI, {inexact, sameSign}), t)});
}

}  // namespace

void simplify(Func& f, Module& m) {
  Replacements replaced;
  std::unordered_map<const Value*, int> uses;
  walk(f.body, [&](const Inst& i) {
    for (const Value* v : i.operands) ++uses[v];
  });
  rewriteEach(m, f.body, replaced, [&](Builder& b, Inst& inst) -> Value* {
    constexpr double kInf = std::numeric_limits<double>::infinity();
    switch (inst.op) {
      case Op::Unsplat: return unsplat(b, inst);
      case Op::IsNan: return b.cmpF(CmpFPred::Uno, inst.operand(0), inst.operand(0));
      case Op::IsInf: return b.cmpF(CmpFPred::Oeq, b.make(Op::AbsF, {inst.operand(0)}), b.floating(inst.operand(0)->type, kInf));
      case Op::IsFinite: return b.cmpF(CmpFPred::Olt, b.make(Op::AbsF, {inst.operand(0)}), b.floating(inst.operand(0)->type, kInf));
      case Op::CeilDivSI: return ceilDiv(b, inst);
      case Op::FPowI: return b.make(Op::PowF, {inst.operand(0), b.cast(Op::SIToFP, inst.operand(1), inst.operand(0)->type)});
      case Op::DotScaled: return dotScaled(b, inst);
      case Op::AddF: case Op::AddI:
        for (size_t i = 0; i < 2; ++i) {
          Value *d = inst.operand(i), *c = inst.operand(1 - i);
          if (d->def && d->def->op == Op::Dot && uses[d] == 1 && isZeroTile(d->def->operand(2)) && d->def->parent == inst.parent)
            return b.create(Op::Dot, {d->def->operand(0), d->def->operand(1), c}, {inst.result()->type}, d->def->attrs)->result();
        }
        return nullptr;
      default: return nullptr;
    }
  });
  replaced.apply(f.body);
}

Result<> resolveExterns(Module& m, Diags& diags) {
  const Inst* refused = nullptr;
  Replacements replaced;
  Func& f = *m.kernel();
  rewriteEach(m, f.body, replaced, [&](Builder& b, Inst& inst) -> Value* {
    if (inst.op == Op::InlineAsm || inst.op == Op::AtomicPoll) refused = &inst;
    if (inst.op != Op::ExternElementwise) return nullptr;
    auto fn = resolveLibdevice(inst.text(Attr::Symbol));
    if (!fn) {
      refused = &inst;
      return nullptr;
    }
    Type result = inst.result()->type;
    Value* x = inst.operand(0);
    Value* y = inst.operands.size() > 1 ? inst.operand(1) : nullptr;
    constexpr double kInf = std::numeric_limits<double>::infinity();
    auto flag = [&](Value* bit) { return result.isBool() ? bit : b.cast(Op::ExtUI, bit, result); };
    Type bits = x->type.withElement(bitWidth(x->type) == 64 ? Elem::I64 : bitWidth(x->type) == 16 ? Elem::I16 : Elem::I32);
    switch (fn->fn) {
      case LibFn::None:
        if (info(fn->op).sig == Sig::FloatTest) return flag(b.make(fn->op, {x}));
        return b.create(fn->op, inst.operands, {result})->result();
      case LibFn::IsNan: return flag(b.cmpF(CmpFPred::Uno, x, x));
      case LibFn::IsInf: return flag(b.cmpF(CmpFPred::Oeq, b.make(Op::AbsF, {x}), b.floating(x->type, kInf)));
      case LibFn::IsFinite: return flag(b.cmpF(CmpFPred::Olt, b.make(Op::AbsF, {x}), b.floating(x->type, kInf)));
      case LibFn::SignBit: return flag(b.cmpI(CmpIPred::Slt, b.cast(Op::Bitcast, x, bits), b.integer(bits, 0)));
      case LibFn::Rcp: return b.make(Op::DivF, {b.floating(x->type, 1), x});
      case LibFn::Fdim: {
        Value* d = b.select(b.cmpF(CmpFPred::Ole, x, y), b.floating(x->type, 0), b.make(Op::SubF, {x, y}));
        return d;
      }
      case LibFn::Ffs: {
        Value* none = b.cmpI(CmpIPred::Eq, x, b.integer(x->type, 0));
        Value* first = b.make(Op::AddI, {b.make(Op::CtTZ, {x}), b.integer(x->type, 1)});
        Value* v = b.select(none, b.integer(x->type, 0), first);
        return v->type == result ? v : b.cast(Op::TruncI, v, result);
      }
      case LibFn::Hypot: {
        // In f64 neither square overflows for f32; f64 itself is scaled by the larger.
        if (x->type.elem == Elem::F32) {
          Type wide = x->type.withElement(Elem::F64);
          Value *u = b.cast(Op::ExtF, x, wide), *v = b.cast(Op::ExtF, y, wide);
          Value* sum = b.make(Op::AddF, {b.make(Op::MulF, {u, u}), b.make(Op::MulF, {v, v})});
          return b.cast(Op::TruncF, b.make(Op::Sqrt, {sum}), result);
        }
        Value *u = b.make(Op::AbsF, {x}), *v = b.make(Op::AbsF, {y});
        Value *large = b.make(Op::MaximumF, {u, v}), *small = b.make(Op::MinimumF, {u, v});
        Value* ratio = b.make(Op::DivF, {small, large});
        Value* root = b.make(Op::Sqrt, {b.make(Op::AddF, {b.floating(result, 1), b.make(Op::MulF, {ratio, ratio})})});
        Value* zero = b.cmpF(CmpFPred::Oeq, large, b.floating(result, 0));
        return b.select(zero, large, b.make(Op::MulF, {large, root}));
      }
      default: refused = &inst; return nullptr;
    }
  });
  replaced.apply(f.body);
  if (!refused) return {};
  if (refused->op == Op::InlineAsm)
    return diags.error(Err::Unsupported, refused->loc).says("inline assembly is text for a GPU and has no meaning here").hint("write it with tl operations");
  if (refused->op == Op::AtomicPoll)
    return diags.error(Err::Unsupported, refused->loc).says("atomic_poll waits for another program, and programs need not run at the same time here");
  return diags.error(Err::Unsupported, refused->loc).says("the library function `", refused->text(Attr::Symbol), "` is not supported on this target");
}

}  // namespace nereid
