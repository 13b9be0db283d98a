// SPDX-License-Identifier: MIT
// Loads operands of subgroup matrices before a loop that does not write them.
//
//   scf.for ... { lo.matrix_dot %sums, %a, %b }   =>   scf.for ... { lo.matrix_dot %sums, %a, %b {hoisted = [1, 0]} }
//
// In attention the queries are such an operand: each iteration would load the same fragments from shared memory again. Fragments occupy
// registers, so only Machine::maxResidentFragments of them are hoisted out of one loop.
#include "analysis/provenance.h"
#include "workgroup/access.h"
#include "workgroup/passes.h"

namespace nereid {

void hoistFragments(Func& f, const Schedule& schedule) {
  Provenance provenance(f);
  PtrMap<const Inst*, int64_t> resident;  // fragments, by loop
  walk(f.body, [&](Inst& dot) {
    if (dot.op != Op::LoMatrixDot) return;
    const Inst* loop = sharedLoopAround(dot);
    std::vector<int64_t> hoisted{0, 0};
    for (size_t k = 1; loop && k < 3; ++k) {
      const int64_t count = fragmentCount(dot, k, schedule);
      bool written = false;
      walk(*loop->regions[0], [&](const Inst& i) {
        written |= isStore(i) && provenance.of(i.operand(0)) && provenance.of(i.operand(0)) == provenance.of(dot.operand(k));
      });
      if (written || resident[loop] + count > schedule.machine.maxResidentFragments) continue;
      resident[loop] += count;
      hoisted[k - 1] = 1;
    }
    dot.set(Attr::Hoisted, hoisted);
  });
}

}  // namespace nereid
