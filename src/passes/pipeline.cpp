// SPDX-License-Identifier: MIT
// The passes over TTIR, in order.
#include <algorithm>

#include "ir/after_pass.h"
#include "passes/passes.h"

namespace nereid {

namespace {

// Returns true if the module changed. Only the passes of the second list use it.
struct Pass {
  std::string_view name;
  Result<bool> (*run)(Module& m, Diags& diags, const PassOptions& options);
};

Result<bool> changed(Result<> r) {
  if (!r) return std::unexpected(Failed{});
  return true;
}

using M = Module;
using D = Diags;
using O = PassOptions;

// Reduce any TTIR to one structured function of known operations.
constexpr Pass kFirst[] = {
    {"inline_asm", [](M& m, D& d, const O&) { return changed(expandInlineAsm(m, d)); }},
    {"structurize", [](M& m, D& d, const O&) { return changed(structurize(m, d)); }},
    {"inline_calls", [](M& m, D& d, const O&) { return changed(inlineCalls(m, d)); }},
    {"resolve_externs", [](M& m, D& d, const O& o) { return changed(resolveExterns(m, o.hasF64, d)); }},
    {"split_prints", [](M& m, D&, const O&) { return splitPrints(*m.kernel(), m), Result<bool>(true); }},
    {"widen_sums", [](M& m, D&, const O&) { return widenSums(*m.kernel(), m), Result<bool>(true); }},
    {"fold", [](M& m, D&, const O&) { return Result<bool>(fold(*m.kernel(), m)); }},
    {"eliminate_dead", [](M& m, D&, const O&) { return Result<bool>(eliminateDead(*m.kernel())); }},
    {"expand_descriptors", [](M& m, D& d, const O&) { return changed(expandDescriptors(m, d)); }},
};

// Make it smaller and faster. Each pass creates work for the others.
constexpr Pass kRepeated[] = {
    {"fold", [](M& m, D&, const O&) { return Result<bool>(fold(*m.kernel(), m)); }},
    {"simplify", [](M& m, D&, const O&) { return simplify(*m.kernel(), m), Result<bool>(false); }},
    {"split_pointers", [](M& m, D&, const O& o) { return Result<bool>(!o.hasPointers && splitPointers(*m.kernel(), m)); }},
    {"eliminate_common", [](M& m, D&, const O&) { return Result<bool>(eliminateCommon(*m.kernel())); }},
    {"hoist_invariants", [](M& m, D&, const O&) { return Result<bool>(hoistInvariants(*m.kernel())); }},
    {"unroll_induction", [](M& m, D&, const O&) { return Result<bool>(unrollInduction(*m.kernel(), m)); }},
    {"eliminate_dead", [](M& m, D&, const O&) { return Result<bool>(eliminateDead(*m.kernel())); }},
};

// Enough for all kernels seen so far. Further rounds would cost time; omitting them is always correct.
constexpr int kRounds = 4;

}  // namespace

Result<> pipeline(Module& m, Diags& diags, const PassOptions& options) {
  afterPass("front-end", m);
  for (const Pass& pass : kFirst) {
    if (!pass.run(m, diags, options)) return std::unexpected(Failed{});
    afterPass(pass.name, m);
  }
  for (int round = 0; round < kRounds; ++round) {
    bool any = false;
    for (const Pass& pass : kRepeated) {
      any |= *pass.run(m, diags, options);
      afterPass(pass.name, m);
    }
    if (!any) break;
  }
  return {};
}

Result<> runPass(Module& m, std::string_view name, Diags& diags, const PassOptions& options) {
  for (std::span<const Pass> list : {std::span<const Pass>(kFirst), std::span<const Pass>(kRepeated)})
    for (const Pass& pass : list) {
      if (pass.name != name) continue;
      if (!pass.run(m, diags, options)) return std::unexpected(Failed{});
      afterPass(name, m);
      return {};
    }
  return diags.error(Err::Unsupported, {}).says("unknown pass `", name, "`");
}

}  // namespace nereid
