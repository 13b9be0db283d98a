// SPDX-License-Identifier: MIT
#include "interp/fold.h"

#include "interp/element.h"

namespace nereid {

std::optional<Dense> fold(const Inst& inst, std::span<const Dense* const> operands) {
  // Inexact operations are left to the kernel: C libraries differ, and a kernel must not depend on the machine that compiled it.
  if (info(inst.op).ulp != 0 || inst.op == Op::ExternElementwise || !interp::canEvaluate(inst) || inst.results.size() != 1 ||
      operands.size() != inst.operands.size())
    return std::nullopt;
  bool splat = true;
  for (const Dense* d : operands) {
    if (!d) return std::nullopt;
    splat = splat && d->isSplat();
  }
  Dense out{inst.result()->type, {}};
  size_t count = splat ? 1 : static_cast<size_t>(out.type.numel());
  std::vector<uint64_t> in(operands.size());
  for (size_t e = 0; e < count; ++e) {
    for (size_t k = 0; k < operands.size(); ++k) in[k] = operands[k]->at(e);
    out.bits.push_back(interp::evaluate(inst, in));
  }
  return out;
}

}  // namespace nereid
