// SPDX-License-Identifier: MIT
// A walk shared by rewrites.
#pragma once

#include "ir/builder.h"

namespace nereid {

// Rewrites each instruction of a region: `rewrite(builder, inst)` returns the value that replaces its (first) result, or null to keep it.
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

}  // namespace nereid
