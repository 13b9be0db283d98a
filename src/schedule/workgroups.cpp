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

namespace {

// The innermost loop around an operation, or null.
const Inst* loopAround(const Inst& inst) {
  for (const Block* b = inst.parent; b && b->parent && b->parent->parent; b = b->parent->parent->parent)
    if (b->parent->parent->op == Op::For || b->parent->parent->op == Op::While) return b->parent->parent;
  return nullptr;
}

bool reduces(const Inst& loop) {
  bool found = false;
  for (auto& r : loop.regions) walk(*r, [&](const Inst& i) { found |= i.op == Op::Reduce || i.op == Op::Scan; });
  return found;
}

}  // namespace

// The accumulators of dots must fit in registers, and many of them per thread reuse operands most. Without dots, each thread accesses a few
// vectors of the largest tile, so that several loads are in flight. A loop along rows has more threads: its rows are often read again, and
// with fewer rows at a time they stay in the cache. Where each iteration reduces, more threads would wait for each other longer.
int threadsOf(const Func& kernel, const Machine& machine, bool matrices) {
  int64_t largest = 0, wanted = 0, accumulators = 0;
  size_t reductions = 0;
  walk(kernel.body, [&](const Inst& i) { reductions += i.op == Op::Reduce || i.op == Op::Scan; });
  const int64_t bytesPerThread = reductions > machine.manyNests ? machine.bytesPerThreadOfManyReductions : machine.bytesPerThread;
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
      // Accumulators that a loop only adds to stay in fragments; other results have a second copy in registers, element by element.
      const bool isCarried = !before && uses[i.operand(2)] == 1;
      accumulators += i.result()->type.numel() * (isCarried ? 1 : 2);
    } else if (i.op == Op::Reduce || i.op == Op::Scan) {
      wanted = std::max(wanted, i.operand(0)->type.numel() * machine.scratchElementBytes / bytesPerThread);
    } else if (info(i.op).effects == Effects::Reads || info(i.op).effects == Effects::Writes || info(i.op).effects == Effects::Atomic) {
      if (i.operands.empty() || !i.operand(0)->type.isTile() || !i.operand(0)->type.isPointer()) return;
      const int64_t bytes = i.operand(0)->type.numel() * bitWidth(i.operand(0)->type.pointee()) / 8;
      const Inst* loop = loopAround(i);
      wanted = std::max(wanted, bytes / (!loop            ? machine.bytesPerThread
                                         : reduces(*loop) ? machine.bytesPerThreadInReducingLoops
                                                          : machine.bytesPerThreadInLoops));
    }
  });
  auto power = [&](int64_t threads) {
    return static_cast<int>(std::bit_ceil(
        static_cast<uint64_t>(std::clamp<int64_t>(threads, matrices ? machine.minMatrixThreads : machine.minThreads, machine.maxThreads))));
  };
  if (matrices) {
    // A subgroup has a fragment at least.
    const int64_t most = largest >> (2 * machine.fragmentBits) << log2(machine.subgroupThreads);
    return static_cast<int>(
        std::min<int64_t>(power(accumulators / machine.matrixAccumulatorsPerThread), std::max<int64_t>(most, machine.subgroupThreads)));
  }
  return power(largest > 0 ? largest / machine.accumulatorsPerThread : wanted);
}

}  // namespace nereid
