// SPDX-License-Identifier: MIT
// Computes sums and products of f16 and bf16 along an axis in f32, and rounds each result once.
//
//   "tt.reduce"(%x) ({ ^bb0(%a: bf16, %b: bf16): arith.addf ... })   =>   %w = arith.extf %x
//                                                                        %s = "tt.reduce"(%w) ({ ^bb0(%a: f32, %b: f32): arith.addf ... })
//                                                                        arith.truncf %s
//
// The same for tt.scan. Added one after the other, a sum of ones stops at 256 in bf16 and at 2048 in f16. Stock Triton adds in a tree,
// whose error grows with the logarithm of the length. Rounding once is more accurate than both, and faster on targets that compute in f32
// anyway.
#include "ir/bits.h"
#include "ir/builder.h"
#include "passes/passes.h"

namespace nereid {

namespace {

bool isHalf(const Value* v) { return !v->type.isPointer() && (v->type.elem == Elem::F16 || v->type.elem == Elem::BF16); }

bool takesHalf(const Inst& inst) {
  return std::any_of(inst.operands.begin(), inst.operands.end(), isHalf) || std::any_of(inst.results.begin(), inst.results.end(), isHalf);
}

// Returns whether the function rounds f16 or bf16, and whether every operation in it that uses them means the same in f32.
bool isSum(const Inst& inst) {
  if ((inst.op != Op::Reduce && inst.op != Op::Scan) || inst.regions[0]->blocks.size() != 1 ||
      std::none_of(inst.operands.begin(), inst.operands.end(), isHalf))
    return false;
  bool rounds = false;
  for (const Inst* i : inst.regions[0]->entry().insts) {
    if (!i->regions.empty()) return false;
    if (!takesHalf(*i)) continue;
    for (const Value* v : i->operands)
      if (isHalf(v) && (v->def ? v->def->parent : v->block) != &inst.regions[0]->entry() && !constantBits(v)) return false;
    switch (i->op) {
      case Op::AddF:
      case Op::SubF:
      case Op::MulF:
      case Op::DivF:
      case Op::Fma: rounds = true; break;
      case Op::MaxNumF:
      case Op::MinNumF:
      case Op::MaximumF:
      case Op::MinimumF:
      case Op::NegF:
      case Op::AbsF:
      case Op::CmpF:
      case Op::Select:
      case Op::Constant:
      case Op::ReduceReturn:
      case Op::ScanReturn: break;
      case Op::ExtF:
      case Op::TruncF:
        if (bitWidth(i->operand(0)->type) > 32 || bitWidth(i->result()->type) > 32) return false;
        break;
      default: return false;
    }
  }
  return rounds;
}

void widenFunction(Module& m, Block& body) {
  const Type kF32 = Type::scalar(Elem::F32);
  auto inF32 = [](const Value* half, uint64_t bits) { return encodeFloat(Elem::F32, decodeFloat(half->type.elem, bits)); };
  Replacements replaced;
  std::vector<Inst*> source = std::move(body.insts);
  body.insts.clear();
  for (Inst* i : source) {
    Builder b(m, &body, i->loc);
    for (Value*& v : i->operands) {
      v = replaced(v);
      if (isHalf(v) && v->def && v->def->parent != &body) v = b.constant(kF32, inF32(v, *constantBits(v)));
    }
    if (i->op == Op::ExtF || i->op == Op::TruncF) {
      replaced.add(i->result(), i->operand(0));
      continue;
    }
    if (i->op == Op::Constant && isHalf(i->result())) {
      replaced.add(i->result(), b.constant(kF32, inF32(i->result(), i->dense().bits[0])));
      continue;
    }
    body.insts.push_back(i);
  }
  for (Value* arg : body.args)
    if (isHalf(arg)) arg->type = kF32;
  for (Inst* i : body.insts)
    for (Value* v : i->results)
      if (isHalf(v)) v->type = kF32;
}

void widen(Module& m, Region& region) {
  for (Block* block : region.blocks) {
    std::vector<Inst*> source = std::move(block->insts);
    block->insts.clear();
    for (Inst* inst : source) {
      if (!isSum(*inst)) {
        for (auto& r : inst->regions) widen(m, *r);
        block->insts.push_back(inst);
        continue;
      }
      Builder b(m, block, inst->loc);
      for (Value*& v : inst->operands)
        if (isHalf(v)) v = b.cast(Op::ExtF, v, v->type.withElement(Elem::F32));
      block->insts.push_back(inst);
      widenFunction(m, inst->regions[0]->entry());
      // The rounded value replaces the result.
      for (size_t k = 0; k < inst->results.size(); ++k) {
        Value* narrow = inst->results[k];
        if (!isHalf(narrow)) continue;
        Inst* round = b.create(Op::TruncF, {narrow}, {narrow->type.withElement(Elem::F32)});
        Value* wide = round->result();
        wide->def = inst;
        wide->index = static_cast<uint32_t>(k);
        inst->results[k] = round->operands[0] = wide;
        narrow->def = round;
        narrow->index = 0;
        round->results[0] = narrow;
      }
    }
  }
}

}  // namespace

void widenSums(Func& f, Module& m) { widen(m, f.body); }

}  // namespace nereid
