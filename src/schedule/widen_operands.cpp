// SPDX-License-Identifier: MIT
// Dots of 8-bit floats become dots of f16.
//
//   tt.dot %a, %b, %c : f8E4M3FN * f8E4M3FN   =>   tt.dot (tt.fp_to_fp %a), (tt.fp_to_fp %b), %c : f16 * f16
//
// Subgroup matrices of WebGPU multiply f16, not 8-bit floats. f16 has every value of the four formats, so products do not change.
#include "schedule/widen_operands.h"

#include <algorithm>

#include "ir/builder.h"

namespace nereid {

bool widenOperands(Func& f, Module& m) {
  std::vector<Inst*> dots;
  walk(f.body, [&](Inst& inst) {
    if (inst.op == Op::Dot && inst.operand(0)->type.isFp8() && inst.operand(1)->type.isFp8()) dots.push_back(&inst);
  });
  for (Inst* dot : dots) {
    Block& block = *dot->parent;
    auto at = std::find(block.insts.begin(), block.insts.end(), dot);
    std::vector<Inst*> rest(at, block.insts.end());
    block.insts.erase(at, block.insts.end());
    Builder b(m, &block, dot->loc);
    for (size_t k = 0; k < 2; ++k) dot->operands[k] = b.cast(Op::FpToFp, dot->operands[k], dot->operands[k]->type.withElement(Elem::F16));
    block.insts.insert(block.insts.end(), rest.begin(), rest.end());
  }
  return !dots.empty();
}

}  // namespace nereid
