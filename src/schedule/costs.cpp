// SPDX-License-Identifier: MIT
// Estimates what a nest or a dot costs: instructions by class, bytes moved, registers, threads without work, barriers.
//
// The unit is a hundredth of a cycle of one thread of a program (`Machine`). An estimate ranks candidates; it predicts no time.
#include <algorithm>
#include <cstdlib>

#include "schedule/dots.h"
#include "schedule/nests.h"

namespace nereid {

namespace {

int64_t divideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

// Bytes that an access moves through the cache: a whole line for each element if its neighbours in memory are used much later, or, in a
// workgroup, by threads that do not load together.
int64_t NestScheduler::bytesMoved(const Work::Access& access, const NestSchedule& s) {
  const int64_t bytes = std::max(1, bitWidth(access.isBuffer ? layouts_.storedType(access.ptr) : access.ptr->type.pointee()) / 8);
  int64_t elements = 1;
  int contiguous = -1;  // the axis along which neighbours are neighbours in memory
  for (size_t a = 0; a < s.axes.size(); ++a) {
    const Stride stride = strideAlong(access, s, static_cast<int>(a), s.axes[a].laneBits);
    const bool isStill = stride.kind == Stride::Constant && stride.value == 0;
    if (!isStill) elements *= s.axes[a].size();
    const bool isNext = stride.kind == Stride::Runtime ? static_cast<int>(a) == s.vectorAxis
                                                       : stride.kind == Stride::Constant && std::abs(stride.value) == 1;
    if (isNext && contiguous < 0) contiguous = static_cast<int>(a);
  }
  const int64_t line = std::max<int64_t>(bytes, machine_.lineBytes);
  if (contiguous < 0) return elements * line;
  const NestSchedule::Axis& axis = s.axes[static_cast<size_t>(contiguous)];
  int64_t together = axis.step();  // elements that are accessed at about the same time
  if (threads_ > 1) {
    if (axis.firstThreadBit == 0) together <<= axis.threadBits;
  } else {
    int64_t inside = machine_.lineBytes;  // bytes between two accesses to the same line
    for (size_t i = s.order.size(); i-- > 0 && s.order[i] != contiguous;) inside *= s.axes[static_cast<size_t>(s.order[i])].size();
    if (inside <= machine_.cacheBytes) together = axis.size();
  }
  return elements * std::max(bytes, line / std::max<int64_t>(1, together));
}

int64_t NestScheduler::cost(const Nest& nest, const NestSchedule& s) {
  const Machine& m = machine_;
  const Work work = workOf(nest, s);
  int64_t elements = 1, threads = 1;
  for (const NestSchedule::Axis& axis : s.axes) {
    elements *= axis.size();
    threads <<= axis.threadBits;
  }
  const int64_t lanes = s.vectorAxis < 0 ? 1 : s.axes[static_cast<size_t>(s.vectorAxis)].step();
  const int64_t perRegister =
      threads_ > 1 ? 1 : int64_t{1} << s.registerLaneBits;  // threads have no vectors, but can load several elements
  const int64_t registers = divideUp(lanes, perRegister), iterations = divideUp(elements, threads * lanes);
  int64_t accumulators = 0;
  for (const Anchor& anchor : nest.anchors)
    if (anchor.accumulates()) accumulators += static_cast<int64_t>(anchor.inst->operands.size());
  // One iteration: all lanes.
  int64_t cycles =
      registers * (static_cast<int64_t>(work.operations) * m.operationCost + static_cast<int64_t>(work.expensive) * m.expensiveCost);
  int64_t moved = 0, live = accumulators;
  for (const Work::Access& access : work.accesses) {
    const Stride stride =
        s.vectorAxis < 0 ? Stride::constant(0) : strideAlong(access, s, s.vectorAxis, s.axes[static_cast<size_t>(s.vectorAxis)].laneBits);
    const bool isVector =
        stride.kind == Stride::Runtime || (stride.kind == Stride::Constant && (stride.value == 1 || s.transposedAxis >= 0));
    if (stride.kind == Stride::Constant && stride.value == 0)
      cycles += m.accessCost;
    else
      cycles += isVector ? (threads_ > 1 ? 1 : registers) * m.accessCost : lanes * m.elementCost;
    live += 1;
    moved += bytesMoved(access, s);
  }
  if (s.transposedAxis >= 0) cycles += registers * log2(lanes) * m.operationCost;  // shuffles of rows
  if (s.unrolled)
    cycles += static_cast<int64_t>(work.accesses.size()) * registers * m.operationCost;  // masks, where a loop would have a bound
  else
    cycles += m.iterationCost;
  const bool isSum = accumulators > 0 && (s.vectorAxis < 0 || !work.scans);
  if (isSum) cycles = std::max<int64_t>(cycles, m.latencyCost);
  if (work.scans)
    cycles += m.latencyCost * (s.vectorAxis >= 0 && s.axes[static_cast<size_t>(s.vectorAxis)].isReduced ? log2(lanes) * registers : 1);
  if (threads_ == 1) cycles += 2 * m.accessCost * std::max<int64_t>(0, live * registers - m.vectorRegisters);
  int64_t all = cycles * iterations + moved / threads * m.lineCost / m.lineBytes;
  // Partial results of threads.
  const int reducedBits = static_cast<int>(s.partialThreads.size());
  if (reducedBits > 0) {
    const int inSubgroup = schedule_.kernel.subgroups ? std::min(reducedBits, log2(m.subgroupThreads)) : 0;
    all += accumulators * (inSubgroup * m.shuffleCost + divideUp(reducedBits - inSubgroup, log2(m.combineRadix)) * m.barrierCost);
  }
  if (s.versions.onlyBuffered) all += iterations * registers * static_cast<int64_t>(s.versions.loads.size()) * 2 * m.accessCost;
  return all;
}

int64_t DotScheduler::cost(const Inst& dot, const DotSchedule& d) const {
  const Machine& m = machine_;
  const DotShape shape(dot);
  const int64_t rows = int64_t{1} << shape.rowBits, batch = int64_t{1} << shape.batchBits;
  if (d.kind == DotSchedule::Threads) {
    const Layout& layout = *layouts_.domain(shape.type.shape());
    const int64_t own = int64_t{1} << layout.registerBits, ownRows = int64_t{1} << layout.registerRows,
                  steps = divideUp(shape.depth, d.depth);
    const int64_t loads = ownRows + own / ownRows;
    return shape.depth * own * m.operationCost + steps * (loads * m.accessCost + (d.unrolled ? 0 : m.iterationCost));
  }
  if (d.kind == DotSchedule::Matrices) return 0;
  const int64_t lanes = std::max(1, m.vectorBytes / byteSize(shape.sum)), registers = divideUp(d.columns, lanes),
                steps = divideUp(shape.depth, d.group);
  int64_t all = 0;
  for (const DotSchedule::RowTiles& tiles : d.rowTiles(rows)) {
    const int64_t accumulators = tiles.rows * registers, spilled = std::max<int64_t>(0, accumulators + registers + 1 - m.vectorRegisters);
    // Multiply-adds, a load of each column vector and of an element of each row.
    const int64_t step =
        std::max<int64_t>(m.latencyCost, accumulators * m.operationCost + (registers + tiles.rows) * m.accessCost + m.iterationCost) +
        2 * spilled * m.accessCost;
    all += tiles.count * (steps * step + 2 * accumulators * m.accessCost);
  }
  return all * batch * divideUp(shape.columns, d.columns);
}

}  // namespace nereid
