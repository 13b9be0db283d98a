// SPDX-License-Identifier: MIT
// Constant folding and algebraic simplification.
//
//   arith.addi %c1, %c2       =>  a constant           tt.broadcast (tt.splat %x)  =>  tt.splat %x
//   arith.muli %x, %one       =>  %x                   tt.load %p, %true           =>  tt.load %p
//   arith.select %true, %a    =>  %a                   scf.if %true {a} else {b}   =>  a
//   scf.for from 8 to 8       =>  its initial values
//
// Floats are only folded if every operand is constant: x + 0 is not x for -0, and NaN payloads must not change.
#include "interp/fold.h"

#include <algorithm>

#include "ir/bits.h"
#include "ir/builder.h"
#include "passes/passes.h"

namespace nereid {

namespace {

// The constant that defines `v`, if its elements are known; a splat is returned with one element.
std::optional<Dense> denseOf(const Value* v) {
  if (!v->def) return std::nullopt;
  if (v->def->op == Op::Constant) return v->def->dense();
  if (auto bits = constantBits(v)) return Dense{v->type, {*bits}};
  return std::nullopt;
}

bool isInt(const Value* v, int64_t value) {
  auto c = constantInt(v);
  return c && *c == value;
}

class Folder {
 public:
  explicit Folder(Module& m) : m_(m) {}
  bool run(Region& region) {
    visit(region);
    replaced_.apply(region);
    return changed_;
  }

 private:
  void visit(Region& region) {
    for (Block* block : region.blocks) {
      out_.push_back({});
      const std::vector<Inst*> source = std::move(block->insts);
      block->insts.clear();  // a builder appends here; made() moves the instructions to their place
      for (Inst* inst : source) {
        for (Value*& v : inst->operands) v = replaced_(v);
        for (Successor& s : inst->successors)
          for (Value*& v : s.args) v = replaced_(v);
        if (inst->op == Op::If && spliceIf(*inst, block)) continue;
        if (inst->op == Op::For && dropLoop(*inst)) continue;
        for (auto& r : inst->regions) visit(*r);
        if (Value* v = simpler(*inst, block)) {
          replaced_.add(inst->result(), v);
          changed_ = true;
          continue;
        }
        if (drops(*inst)) {
          changed_ = true;
          continue;
        }
        out_.back().push_back(inst);
      }
      block->insts = std::move(out_.back());
      out_.pop_back();
    }
  }

  bool spliceIf(Inst& inst, Block* block) {
    auto c = constantBits(inst.operand(0));
    if (!c) return false;
    size_t side = *c & 1 ? 0 : 1;
    changed_ = true;
    if (side >= inst.regions.size() || inst.regions[side]->empty()) return true;
    visit(*inst.regions[side]);
    for (Inst* inner : inst.regions[side]->entry().insts) {
      if (inner->op == Op::Yield) {
        for (size_t i = 0; i < inst.results.size(); ++i) replaced_.add(inst.results[i], inner->operands[i]);
        break;
      }
      inner->parent = block;
      out_.back().push_back(inner);
    }
    return true;
  }

  bool dropLoop(const Inst& loop) {
    auto lower = constantInt(loop.operand(0)), upper = constantInt(loop.operand(1));
    if (!lower || !upper || *lower < *upper) return false;
    for (size_t i = 0; i < loop.results.size(); ++i) replaced_.add(loop.results[i], loop.operands[3 + i]);
    changed_ = true;
    return true;
  }

  bool drops(Inst& inst) {
    if (inst.op == Op::Store && inst.optional(2)) {
      auto mask = constantBits(inst.optional(2));
      if (!mask) return false;
      if (!(*mask & 1)) return true;
      inst.operands.pop_back();
      inst.segments[2] = 0;
      changed_ = true;
    }
    return inst.op == Op::Assert && constantBits(inst.operand(0)) && (*constantBits(inst.operand(0)) != 0);
  }

  // A value made at the current position.
  template <class Make>
  Value* made(const Inst& inst, Block* block, Make&& make) {
    // Builders append; move the new instructions.
    Builder b(m_, block, inst.loc);
    size_t before = block->insts.size();
    Value* v = make(b);
    for (size_t i = before; i < block->insts.size(); ++i) out_.back().push_back(block->insts[i]);
    block->insts.resize(before);
    return v;
  }
  Value* constant(const Inst& inst, Block* block, uint64_t bits) {
    return made(inst, block, [&](Builder& b) { return b.constant(inst.result()->type, bits); });
  }

  // A value that replaces the result, after inserting new instructions if it needs some; null if there is none.
  Value* simpler(Inst& inst, Block* block) {
    if (inst.results.size() != 1) return nullptr;
    if (Value* v = folded(inst, block)) return v;
    if (inst.op == Op::Load) return simplerLoad(inst, block);
    if (Value* v = operandFor(inst)) return v;
    if (isZero(inst)) return constant(inst, block, 0);
    return simplerShape(inst, block);
  }

  // The constant that an operation on constants gives.
  Value* folded(const Inst& inst, Block* block) {
    if (!isElementwise(inst.op) || inst.operands.empty() || inst.result()->type.isPointer()) return nullptr;
    std::vector<Dense> known;
    for (Value* v : inst.operands) {
      auto d = denseOf(v);
      if (!d) return nullptr;
      known.push_back(std::move(*d));
    }
    std::vector<const Dense*> pointers;
    for (const Dense& d : known) pointers.push_back(&d);
    auto d = fold(inst, pointers);
    if (!d) return nullptr;
    d->type = inst.result()->type;
    return made(inst, block, [&](Builder& b) { return b.constant(std::move(*d)); });
  }

  // The operand that a scalar operation passes through.
  static Value* operandFor(const Inst& inst) {
    Value* x = inst.operands.empty() ? nullptr : inst.operands[0];
    Value* y = inst.operands.size() > 1 ? inst.operands[1] : nullptr;
    switch (inst.op) {
      case Op::AddI:
      case Op::XOrI: return isInt(y, 0) ? x : isInt(x, 0) ? y : nullptr;
      case Op::OrI:
        if (isInt(y, 0) || x == y) return x;
        if (isInt(x, 0)) return y;
        if (!inst.result()->type.isBool()) return nullptr;
        return isInt(x, -1) ? x : isInt(y, -1) ? y : nullptr;
      case Op::SubI:
      case Op::ShLI:
      case Op::ShRSI:
      case Op::ShRUI:
      case Op::AddPtr: return isInt(y, 0) ? x : nullptr;
      case Op::MulI: return isInt(y, 1) ? x : isInt(x, 1) ? y : nullptr;
      case Op::AndI: return isInt(y, -1) || x == y ? x : isInt(x, -1) ? y : nullptr;
      case Op::DivSI:
      case Op::DivUI: return isInt(y, 1) && bitWidth(y->type) > 1 ? x : nullptr;
      case Op::MinSI:
      case Op::MaxSI:
      case Op::MinUI:
      case Op::MaxUI: return x == y ? x : nullptr;
      case Op::Select:
        if (auto c = constantBits(x)) return inst.operands[*c & 1 ? 1 : 2];
        return y == inst.operands[2] ? y : nullptr;
      case Op::ExtSI:
      case Op::ExtUI:
      case Op::TruncI:
      case Op::IndexCast:
      case Op::Bitcast:
      case Op::ArithBitcast:
      case Op::Broadcast:
      case Op::ExpandDims:
      case Op::Reshape: return x->type == inst.result()->type ? x : nullptr;
      case Op::Unsplat: return x->def && x->def->op == Op::Splat ? x->def->operand(0) : nullptr;
      default: return nullptr;
    }
  }

  // x - x, x * 0, x & 0, x % 1
  static bool isZero(const Inst& inst) {
    switch (inst.op) {
      case Op::SubI: return inst.operands[0] == inst.operands[1];
      case Op::MulI:
      case Op::AndI: return isInt(inst.operands[0], 0) || isInt(inst.operands[1], 0);
      case Op::RemSI:
      case Op::RemUI: return isInt(inst.operands[1], 1);
      default: return false;
    }
  }

  // A splat or constant of another shape.
  Value* simplerShape(const Inst& inst, Block* block) {
    const bool layout = inst.op == Op::Broadcast || inst.op == Op::ExpandDims || inst.op == Op::Reshape || inst.op == Op::Trans;
    if (!layout && inst.op != Op::Splat) return nullptr;
    Value* x = inst.operands[0];
    if (layout && x->def && x->def->op == Op::Splat)
      return made(inst, block, [&](Builder& b) { return b.splat(x->def->operand(0), inst.result()->type.shape()); });
    auto c = constantBits(x);
    return c && (layout || !x->type.isPointer()) ? constant(inst, block, *c) : nullptr;
  }

  // A load with a mask that is known.
  Value* simplerLoad(Inst& inst, Block* block) {
    Value* mask = inst.optional(1);
    auto c = mask ? constantBits(mask) : std::nullopt;
    if (!c) return nullptr;
    if (!(*c & 1)) return inst.optional(2) ? inst.optional(2) : constant(inst, block, 0);
    inst.operands.resize(1);
    inst.segments = {1, 0, 0};
    changed_ = true;
    return nullptr;
  }

  Module& m_;
  Replacements replaced_;
  std::vector<std::vector<Inst*>> out_;
  bool changed_ = false;
};

}  // namespace

bool fold(Func& f, Module& m) { return Folder(m).run(f.body); }

}  // namespace nereid
