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

  // A value that replaces the result, after inserting new instructions if it needs some; null if there is none.
  Value* simpler(Inst& inst, Block* block) {
    if (inst.results.size() != 1) return nullptr;
    Value* result = inst.result();
    Builder b(m_, block, inst.loc);
    auto made = [&](auto&& make) {
      // Builders append; move the new instructions to the current position.
      size_t before = block->insts.size();
      Value* v = make();
      for (size_t i = before; i < block->insts.size(); ++i) out_.back().push_back(block->insts[i]);
      block->insts.resize(before);
      return v;
    };
    auto zero = [&] { return made([&] { return b.constant(result->type, 0); }); };
    // All operands are constant.
    if (isElementwise(inst.op) && !inst.operands.empty() && !result->type.isPointer()) {
      std::vector<Dense> known;
      std::vector<const Dense*> pointers;
      for (Value* v : inst.operands) {
        auto d = denseOf(v);
        if (!d) break;
        known.push_back(std::move(*d));
      }
      if (known.size() == inst.operands.size()) {
        for (const Dense& d : known) pointers.push_back(&d);
        if (auto d = fold(inst, pointers)) {
          d->type = result->type;
          return made([&] { return b.constant(std::move(*d)); });
        }
      }
    }
    Value* x = inst.operands.empty() ? nullptr : inst.operands[0];
    Value* y = inst.operands.size() > 1 ? inst.operands[1] : nullptr;
    switch (inst.op) {
      case Op::AddI:
      case Op::OrI:
      case Op::XOrI:
        if (isInt(y, 0)) return x;
        if (isInt(x, 0)) return y;
        if (inst.op == Op::OrI && x == y) return x;
        if (inst.op == Op::OrI && result->type.isBool() && (isInt(x, -1) || isInt(y, -1))) return isInt(x, -1) ? x : y;
        break;
      case Op::SubI:
      case Op::ShLI:
      case Op::ShRSI:
      case Op::ShRUI:
        if (isInt(y, 0)) return x;
        if (inst.op == Op::SubI && x == y) return zero();
        break;
      case Op::MulI:
        if (isInt(y, 1)) return x;
        if (isInt(x, 1)) return y;
        if (isInt(x, 0) || isInt(y, 0)) return zero();
        break;
      case Op::AndI:
        if (isInt(y, -1) || x == y) return x;
        if (isInt(x, -1)) return y;
        if (isInt(x, 0) || isInt(y, 0)) return zero();
        break;
      case Op::DivSI:
      case Op::DivUI:
        if (isInt(y, 1) && bitWidth(y->type) > 1) return x;
        break;
      case Op::RemSI:
      case Op::RemUI:
        if (isInt(y, 1)) return zero();
        break;
      case Op::MinSI:
      case Op::MaxSI:
      case Op::MinUI:
      case Op::MaxUI:
        if (x == y) return x;
        break;
      case Op::Select: {
        if (auto c = constantBits(x)) return inst.operands[*c & 1 ? 1 : 2];
        if (inst.operands[1] == inst.operands[2]) return y;
        break;
      }
      case Op::AddPtr:
        if (isInt(y, 0)) return x;
        break;
      case Op::ExtSI:
      case Op::ExtUI:
      case Op::TruncI:
      case Op::IndexCast:
        if (x->type == result->type) return x;
        break;
      case Op::Bitcast:
      case Op::ArithBitcast:
        if (x->type == result->type) return x;
        break;
      case Op::Broadcast:
      case Op::ExpandDims:
      case Op::Reshape:
      case Op::Trans:
        if (x->type == result->type && inst.op != Op::Trans) return x;
        if (x->def && x->def->op == Op::Splat) return made([&] { return b.splat(x->def->operand(0), result->type.shape()); });
        if (auto c = constantBits(x)) return made([&] { return b.constant(result->type, *c); });
        break;
      case Op::Splat:
        // A constant scalar as a constant tile.
        if (auto c = constantBits(x); c && !x->type.isPointer()) return made([&] { return b.constant(result->type, *c); });
        break;
      case Op::Unsplat:
        if (x->def && x->def->op == Op::Splat) return x->def->operand(0);
        break;
      case Op::Load: {
        Value* mask = inst.optional(1);
        auto c = mask ? constantBits(mask) : std::nullopt;
        if (!c) break;
        if (!(*c & 1)) return inst.optional(2) ? inst.optional(2) : zero();
        inst.operands.resize(1);
        inst.segments = {1, 0, 0};
        changed_ = true;
        break;
      }
      default: break;
    }
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
