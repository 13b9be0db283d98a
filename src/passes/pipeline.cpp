// SPDX-License-Identifier: MIT
#include "ir/after_pass.h"
#include "passes/passes.h"

namespace nereid {

Result<> pipeline(Module& m, Diags& diags, const PassOptions& options) {
  auto after = [&](std::string_view pass, bool changed = true) {
    afterPass(pass, m);
    return changed;
  };
  after("front-end");
  if (!expandInlineAsm(m, diags)) return std::unexpected(Failed{});
  after("inline_asm");
  if (!structurize(m, diags)) return std::unexpected(Failed{});
  after("structurize");
  if (!inlineCalls(m, diags)) return std::unexpected(Failed{});
  after("inline_calls");
  if (!resolveExterns(m, options.hasF64, diags)) return std::unexpected(Failed{});
  after("resolve_externs");
  Func& f = *m.kernel();
  splitPrints(f, m);
  after("split_prints");
  widenSums(f, m);
  after("widen_sums");
  after("fold", fold(f, m));
  after("eliminate_dead", eliminateDead(f));
  if (!expandDescriptors(m, diags)) return std::unexpected(Failed{});
  after("expand_descriptors");
  // Each gives the others something to do. Four rounds are enough for all kernels seen so far; what is left after them costs time, not correctness.
  for (int round = 0; round < 4; ++round) {
    bool changed = after("fold", fold(f, m));
    simplify(f, m);
    after("simplify");
    if (!options.hasPointers) changed |= after("split_pointers", splitPointers(f, m));
    changed |= after("eliminate_common", eliminateCommon(f));
    changed |= after("hoist_invariants", hoistInvariants(f));
    changed |= after("unroll_induction", unrollInduction(f, m));
    changed |= after("eliminate_dead", eliminateDead(f));
    if (!changed) break;
  }
  return {};
}

}  // namespace nereid
