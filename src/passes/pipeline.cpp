// SPDX-License-Identifier: MIT
#include "passes/passes.h"

namespace nereid {

Result<> pipeline(Module& m, Diags& diags, const PassOptions& options) {
  if (auto r = expandInlineAsm(m, diags); !r) return r;
  if (auto r = structurize(m, diags); !r) return r;
  if (auto r = inlineCalls(m, diags); !r) return r;
  if (auto r = resolveExterns(m, options.hasF64, diags); !r) return r;
  Func& f = *m.kernel();
  splitPrints(f, m);
  widenSums(f, m);
  fold(f, m);
  eliminateDead(f);
  if (auto r = expandDescriptors(m, diags); !r) return r;
  for (int round = 0; round < 4; ++round) {
    bool changed = fold(f, m);
    simplify(f, m);
    if (!options.hasPointers) changed |= splitPointers(f, m);
    changed |= eliminateCommon(f);
    changed |= hoistInvariants(f);
    changed |= unrollInduction(f, m);
    changed |= eliminateDead(f);
    if (!changed) break;
  }
  return {};
}

}  // namespace nereid
