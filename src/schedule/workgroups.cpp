// SPDX-License-Identifier: MIT
#include "schedule/workgroups.h"

#include <algorithm>
#include <bit>

#include "schedule/layout.h"
#include "support/ptr_map.h"

namespace nereid {

int sharedThreadsOf(const Func& kernel, const Machine& machine) {
  int64_t largest = 0;
  bool waits = false;
  walk(kernel.body, [&](const Inst& i) {
    if (i.op == Op::While)
      for (auto& r : i.regions)
        walk(*r, [&](const Inst& inside) { waits |= inside.op == Op::Load || info(inside.op).effects == Effects::Atomic; });
    for (const Value* v : i.operands)
      if (v->type.isTile()) largest = std::max(largest, v->type.numel());
  });
  if (waits || largest > machine.smallTile) return 0;
  return largest == 0 ? 1 : static_cast<int>(std::max<int64_t>(largest / machine.smallTileElements, 2));
}

// The accumulators of dots must fit in registers, and many of them per thread reuse operands most. Without dots, each thread has a few
// vectors of the largest tile that is loaded, stored or combined, so that many accesses are in flight.
int threadsOf(const Func& kernel, const Machine& machine, bool matrices) {
  int64_t largest = 0, elements = 0, accumulators = 0;
  PtrMap<const Value*, int> uses;
  walk(kernel.body, [&](const Inst& i) {
    for (const Value* v : i.operands) ++uses[v];
  });
  walk(kernel.body, [&](const Inst& i) {
    if (i.op == Op::Dot) {
      largest = std::max(largest, i.result()->type.numel());
      // Dots that add to each other's results share accumulators.
      const Inst* before = i.operand(2)->def;
      if (before && before->op == Op::Dot && uses[i.operand(2)] == 1) return;
      // What a loop only adds to stays in fragments; other results are in registers a second time, element by element.
      const bool isCarried = !i.operand(2)->def && uses[i.operand(2)] == 1;
      accumulators += i.result()->type.numel() * (isCarried ? 1 : 2);
    } else if (i.op == Op::Load || i.op == Op::Store || i.op == Op::Reduce || i.op == Op::Scan || info(i.op).effects == Effects::Atomic) {
      for (const Value* v : i.operands)
        if (v->type.isTile()) elements = std::max(elements, v->type.numel());
    }
  });
  auto power = [&](int64_t wanted) {
    return static_cast<int>(
        std::bit_ceil(static_cast<uint64_t>(std::clamp<int64_t>(wanted, matrices ? machine.minMatrixThreads : machine.minThreads, machine.maxThreads))));
  };
  if (matrices) {
    // A subgroup has a fragment at least.
    const int64_t most = largest >> (2 * machine.fragmentBits) << log2(machine.subgroupThreads);
    return static_cast<int>(std::min<int64_t>(power(accumulators / machine.matrixAccumulatorsPerThread), std::max<int64_t>(most, machine.subgroupThreads)));
  }
  return power(largest > 0 ? largest / machine.accumulatorsPerThread : elements / machine.elementsPerThread);
}

}  // namespace nereid
