// SPDX-License-Identifier: MIT
#include "workgroup/access.h"

#include <bit>

namespace nereid {

int wordsAtOnce(const Inst& access, const Value* value, Divisibility& divisibility) {
  if (access.op != Op::LoLoad && access.op != Op::LoStore) return 0;
  const Value* mask = access.optional(access.op == Op::LoLoad ? 1 : 2);
  if (mask && (!mask->def || mask->def->op != Op::LoSplat)) return 0;
  const Type element = value->type.element();
  if (element.isPointer() || element.isBool() || bitWidth(element) > 32) return 0;
  const int64_t lanes = value->type.isVector() ? value->type.numel() : 1;
  int perWord = 32 / bitWidth(element), together = divisibility.of(access.operand(0));
  for (int words : {4, 2, 1}) {
    if (words < 4 && perWord == 1) return 0;
    if (lanes % (words * perWord) == 0 && together >= std::countr_zero(static_cast<unsigned>(words * perWord))) return words;
  }
  return 0;
}

const Inst* sharedLoopAround(const Inst& dot) {
  const Inst* parent = dot.parent->parent->parent;
  return parent && parent->op == Op::For && !parent->has(Attr::Threads) ? parent : nullptr;
}

int64_t depthOf(const Inst& dot) { return dot.operand(1)->type.pointee().elem == Elem::F16 ? 16 : 32; }

FragmentLayout fragmentsOf(const Inst& dot, const Schedule& schedule) {
  const auto& shape = dot.list(Attr::Shape);
  return *layOutFragments(schedule.machine, log2(shape[0]), log2(shape[1]), schedule.kernel.threads,
                          static_cast<int>(dot.integer(Attr::SubgroupRows)));
}

int64_t fragmentCount(const Inst& dot, size_t operand, const Schedule& schedule) {
  const FragmentLayout layout = fragmentsOf(dot, schedule);
  return dot.list(Attr::Shape)[2] / depthOf(dot) << (operand == 1 ? layout.rows : layout.columns);
}

int64_t sharedBytesOf(const Inst& alloc, const Schedule& schedule) {
  const Machine& machine = schedule.machine;
  const int64_t bytes = alloc.integer(Attr::Bytes);
  if (alloc.text(Attr::Space) == "operand") {
    const int64_t row = alloc.integer(Attr::Columns) * byteSize(alloc.result()->type.pointee());
    return bytes / row * (row + machine.operandPaddingBytes);
  }
  if (alloc.text(Attr::Space) == "fragment")
    return (schedule.kernel.threads / machine.subgroupThreads << machine.fragmentBits) * machine.accumulatorRow * 4;
  return bytes;
}

std::vector<std::pair<const Inst*, size_t>> hoistedBefore(const Inst& loop) {
  std::vector<std::pair<const Inst*, size_t>> out;
  if (loop.op != Op::For) return out;
  for (const Inst* i : loop.regions[0]->entry().insts)
    for (size_t k = 1; k < 3 && i->op == Op::LoMatrixDot; ++k)
      if (isHoisted(*i, k)) out.emplace_back(i, k);
  return out;
}

}  // namespace nereid
