// SPDX-License-Identifier: MIT
// Splits dots along K, so that their operands take less memory.
//
//   tt.dot %a, %b, %c : 64x32 * 32x64   =>   %r = tt.reshape %a : 64x32 -> 64x2x16
//                                            %a0, _ = tt.split (tt.trans %r)
//                                            ... the same for %b, and for %a1 and %b1
//                                            tt.dot %a1, %b1, (tt.dot %a0, %b0, %c) : 64x16 * 16x64
//
// A block size is chosen for the machine that a kernel was written for. On another one, its operands may not fit in shared memory, or leave
// room for one workgroup where there could be two. Layout operations cost nothing: they only change which elements are loaded.
// Only operands that are computed from loads in the block of the dot are split: each element is still loaded once. A dot whose result is
// f16 rounds once, so it stays whole.
#include "schedule/split_dots.h"

#include <algorithm>

#include "analysis/index_map.h"
#include "analysis/operands.h"
#include "ir/builder.h"
#include "schedule/schedule.h"

namespace nereid {

namespace {

// Whether a tile is computed from loads of its block, element by element and cheaply.
bool isLoaded(const Value* v, const Block* block) {
  bool loads = false;
  const bool isOther = followTiles(v, [&](const Value* x) {
    if (!x->def || !isInlinable(*x->def) || isExpensive(*x->def)) return Follow::Found;
    if (x->def->op != Op::Load) return Follow::Operands;
    loads = true;
    return x->def->parent == block ? Follow::Nothing : Follow::Found;
  });
  return loads && !isOther;
}

// One half of a tile along a dimension.
Value* halfOf(Builder& b, Value* v, int axis, size_t which) {
  std::vector<int64_t> shape = v->type.shape(), order;
  shape[static_cast<size_t>(axis)] /= 2;
  const Type half = Type::tile(v->type.element(), shape);
  shape.insert(shape.begin() + axis, 2);
  for (int i = 0; i < static_cast<int>(shape.size()); ++i)
    if (i != axis) order.push_back(i);
  order.push_back(axis);
  return b.create(Op::Split, {b.trans(b.reshape(v, shape), order)}, {half, half})->results[which];
}

// The halves are computed where they are needed, so that only the operands of one dot are live at a time.
Value* splitDot(Builder& b, const Inst& dot, Value* x, Value* y, Value* sum, int64_t depth) {
  const int rank = x->type.rank;
  if (x->type.dim(rank - 1) <= depth) return b.create(Op::Dot, {x, y, sum}, {sum->type}, dot.attrs)->result();
  for (size_t k = 0; k < 2; ++k) {
    Value *left = halfOf(b, x, rank - 1, k), *right = halfOf(b, y, rank - 2, k);
    sum = splitDot(b, dot, left, right, sum, depth);
  }
  return sum;
}

// Elements of K per step: as many as fit. Subgroup matrices read their operands as they are, others as words.
int64_t depthOf(const Inst& dot, const Machine& machine) {
  const Type &x = dot.operand(0)->type, &y = dot.operand(1)->type;
  const int rank = x.rank;
  if (rank == 2 && (x.elem == Elem::F16 || x.elem == Elem::I8) && y.elem == x.elem) return machine.matrixDepthBytes / byteSize(x.element());
  const int64_t column = (x.numel() / x.dim(rank - 1) + y.numel() / y.dim(rank - 2)) * machine.scratchElementBytes;
  const int64_t threads =
      std::clamp<int64_t>(dot.result()->type.numel() / machine.accumulatorsPerThread, machine.minThreads, machine.maxThreads);
  const int64_t room = std::min(machine.sharedBytes, threads * machine.operandBytesPerThread);
  int64_t depth = x.dim(rank - 1);
  while (depth > 2 * machine.dotLoadElements && depth * column > room) depth /= 2;
  return depth;
}

}  // namespace

bool splitDots(Func& f, Module& m, const Machine& machine) {
  std::vector<Inst*> dots;
  walk(f.body, [&](Inst& inst) {
    if (inst.op == Op::Dot && bitWidth(inst.result()->type) >= 32 && isLoaded(inst.operand(0), inst.parent) &&
        isLoaded(inst.operand(1), inst.parent) && inst.operand(0)->type.dim(inst.operand(0)->type.rank - 1) > depthOf(inst, machine))
      dots.push_back(&inst);
  });
  Replacements replaced;
  for (Inst* dot : dots) {
    Block& block = *dot->parent;
    auto at = std::find(block.insts.begin(), block.insts.end(), dot);
    std::vector<Inst*> rest(at + 1, block.insts.end());
    block.insts.erase(at, block.insts.end());
    Builder b(m, &block, dot->loc);
    replaced.add(dot->result(), splitDot(b, *dot, dot->operands[0], dot->operands[1], dot->operands[2], depthOf(*dot, machine)));
    block.insts.insert(block.insts.end(), rest.begin(), rest.end());
    replaced.apply(f.body);
  }
  return !dots.empty();
}

}  // namespace nereid
