// SPDX-License-Identifier: MIT
// How loads, stores and subgroup matrices access memory: shared by the passes and the printer.
#pragma once

#include "analysis/divisibility.h"
#include "ir/ir.h"
#include "lower/lower.h"

namespace nereid {

inline bool isLoad(const Inst& i) { return i.op == Op::LoLoad || i.op == Op::LoGather; }
inline bool isStore(const Inst& i) { return i.op == Op::LoStore || i.op == Op::LoScatter; }
inline bool isAtomic(const Inst& i) { return i.op == Op::LoAtomicRMW || i.op == Op::LoAtomicCAS; }

// How many 32-bit words a load or store moves at once: 4, for narrower elements also 2 or 1, or 0 if it moves element by element. They
// begin at a multiple of their number.
int wordsAtOnce(const Inst& access, const Value* value, Divisibility& divisibility);

// The bytes of an allocation in shared memory, with the padding of its rows.
int64_t sharedBytesOf(const Inst& alloc, const Schedule& schedule);
// The loop around a lo.matrix_dot that all threads run together, or null.
const Inst* sharedLoopAround(const Inst& dot);
// Elements of K per step of a lo.matrix_dot.
int64_t depthOf(const Inst& dot);
// How the accumulators of a lo.matrix_dot are laid out.
FragmentLayout fragmentsOf(const Inst& dot, const Schedule& schedule);
// Fragments of an operand that a subgroup loads.
int64_t fragmentCount(const Inst& dot, size_t operand, const Schedule& schedule);
// Whether the fragments of an operand are loaded before the loop.
inline bool isHoisted(const Inst& dot, size_t operand) {
  const auto& hoisted = dot.list(Attr::Hoisted);
  return !hoisted.empty() && hoisted[operand - 1] != 0;
}
// Operands whose fragments are loaded before this loop: products and the number of the operand.
std::vector<std::pair<const Inst*, size_t>> hoistedBefore(const Inst& loop);

}  // namespace nereid
