// SPDX-License-Identifier: MIT
#include "schedule/workgroups.h"

#include <algorithm>
#include <bit>

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
  int64_t dots = 0, elements = 0;
  walk(kernel.body, [&](const Inst& i) {
    if (i.op == Op::Dot) {
      dots = std::max(dots, i.result()->type.numel());
    } else if (i.op == Op::Load || i.op == Op::Store || i.op == Op::Reduce || i.op == Op::Scan || info(i.op).effects == Effects::Atomic) {
      for (const Value* v : i.operands)
        if (v->type.isTile()) elements = std::max(elements, v->type.numel());
    }
  });
  const int64_t wanted = matrices   ? dots / machine.matrixAccumulatorsPerThread
                         : dots > 0 ? dots / machine.accumulatorsPerThread
                                    : elements / machine.elementsPerThread;
  const int64_t least = matrices ? machine.subgroupThreads : machine.minThreads;
  return static_cast<int>(std::bit_floor(static_cast<uint64_t>(std::clamp<int64_t>(wanted, least, machine.maxThreads))));
}

}  // namespace nereid
