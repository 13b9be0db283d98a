// SPDX-License-Identifier: MIT
// Splits loads and stores through a pointer into one of two arrays: one access for each array, under complementary masks.
//
//   %p = arith.select %c, %a, %b        =>   %x = tt.load %a + ..., %c
//   %v = tt.load %p + ...                    %y = tt.load %b + ..., not %c
//                                            %v = arith.select %c, %x, %y
//
// A shader's arrays are bindings, so a pointer must refer to one of them statically. An scf.if that only chooses a pointer is rewritten to
// a select first. A chosen pointer that a loop carries or that is loaded from memory is left unchanged, and refused later.
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace nereid {

namespace {

bool isPointer(const Value* v) { return v->type.isPointer(); }

// Returns whether an scf.if only computes values, including a pointer.
bool isChoice(const Inst& inst) {
  if (inst.op != Op::If || inst.regions.size() != 2 || std::none_of(inst.results.begin(), inst.results.end(), isPointer)) return false;
  for (auto& r : inst.regions) {
    if (r->blocks.size() != 1) return false;
    for (const Inst* i : r->entry().insts)
      if (i->op != Op::Yield && (info(i->op).effects != Effects::Pure || !i->regions.empty())) return false;
  }
  return true;
}

// The select from which `v` is computed by pointer arithmetic and layout operations. If it selects tiles, only by pointer arithmetic, so
// that its condition applies element by element.
Inst* choiceOf(Value* v) {
  bool moves = false;
  while (v->def) {
    switch (v->def->op) {
      case Op::Splat:
      case Op::Broadcast:
      case Op::ExpandDims:
      case Op::Reshape:
      case Op::Trans: moves = true; [[fallthrough]];
      case Op::AddPtr:
      case Op::Bitcast: v = v->def->operands[0]; break;
      case Op::Select: return isPointer(v) && !(moves && v->def->operand(0)->type.isTile()) ? v->def : nullptr;
      default: return nullptr;
    }
  }
  return nullptr;
}

// `v` with `choice` replaced by its operand `k`.
Value* chosen(Builder& b, Value* v, const Inst* choice, size_t k) {
  if (v->def == choice) return choice->operands[k];
  ValueMap map;
  map[v->def->operands[0]] = chosen(b, v->def->operands[0], choice, k);
  Inst* copy = clone(b.module(), *v->def, map);
  copy->parent = b.block();
  b.block()->insts.push_back(copy);
  return copy->result();
}

Value* with(Builder& b, Value* mask, Value* condition) { return mask ? b.make(Op::AndI, {mask, condition}) : condition; }

void splitIn(Module& m, Region& region, Replacements& replaced, bool& changed) {
  for (Block* block : region.blocks) {
    std::vector<Inst*> source = std::move(block->insts);
    block->insts.clear();
    for (Inst* inst : source) {
      for (Value*& v : inst->operands) v = replaced(v);
      for (auto& r : inst->regions) splitIn(m, *r, replaced, changed);
      Builder b(m, block, inst->loc);
      // Replace a choice by branches with a select.
      if (isChoice(*inst)) {
        const Inst* ends[2];
        for (size_t k = 0; k < 2; ++k)
          for (Inst* i : inst->regions[k]->entry().insts) {
            if (i->op == Op::Yield) {
              ends[k] = i;
              continue;
            }
            i->parent = block;
            block->insts.push_back(i);
          }
        for (size_t k = 0; k < inst->results.size(); ++k)
          replaced.add(inst->results[k], b.select(inst->operand(0), replaced(ends[0]->operands[k]), replaced(ends[1]->operands[k])));
        changed = true;
        continue;
      }
      Inst* choice = inst->op == Op::Load || inst->op == Op::Store ? choiceOf(inst->operands[0]) : nullptr;
      if (!choice) {
        block->insts.push_back(inst);
        continue;
      }
      const Type type = inst->operands[0]->type;
      Value* first = choice->operand(0);
      if (type.isTile() && !first->type.isTile()) first = b.splat(first, type.shape());
      Value* second = b.make(Op::XOrI, {first, b.constant(first->type, 1)});
      const size_t maskAt = inst->op == Op::Load ? 1 : 2;
      Value* mask = inst->optional(maskAt);
      Value* parts[2];
      for (size_t k = 0; k < 2; ++k) {
        Value* pointer = chosen(b, inst->operands[0], choice, 1 + k);
        Value* here = with(b, mask, k ? second : first);
        if (inst->op == Op::Load) {
          Value* other = inst->optional(2);
          Inst* load = b.create(Op::Load, other ? std::vector<Value*>{pointer, here, other} : std::vector<Value*>{pointer, here},
                                {inst->result()->type}, inst->attrs);
          load->segments = {1, 1, other != nullptr};
          parts[k] = load->result();
        } else {
          b.create(Op::Store, {pointer, inst->operands[1], here}, {}, inst->attrs)->segments = {1, 1, 1};
        }
      }
      if (inst->op == Op::Load) replaced.add(inst->result(), b.select(first, parts[0], parts[1]));
      changed = true;
    }
  }
}

}  // namespace

bool splitPointers(Func& f, Module& m) {
  bool changed = false;
  Replacements replaced;
  splitIn(m, f.body, replaced, changed);
  replaced.apply(f.body);
  return changed;
}

}  // namespace nereid
