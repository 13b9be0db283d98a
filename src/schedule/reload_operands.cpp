// SPDX-License-Identifier: MIT
// Loads operands of dots again for each dot that reads them.
//
//   %k = tt.load %p                               scf.for {
//   scf.for {                                       %k0 = tt.load %p
//     tt.dot %q, %k, ...                     =>     tt.dot %q, %k0, ...
//     tt.dot %ds, (tt.trans %k), ...                %k1 = tt.load %p
//   }                                               tt.dot %ds, (tt.trans %k1), ...
//                                                 }
//
// An operand stays in shared memory from its load to the last dot that reads it. Attention's gradients read five tiles this way, which
// leaves no room for others: with 128 columns they do not fit. Loaded for one dot, an operand takes its place for that time alone, and
// split_dots may divide it; the caches have it. What a kernel writes is not loaded again.
#include "schedule/reload_operands.h"

#include <algorithm>
#include <set>

#include "analysis/operands.h"
#include "analysis/writes.h"
#include "ir/builder.h"
#include "schedule/schedule.h"

namespace nereid {

namespace {

class Reloading {
 public:
  Reloading(Func& f, Module& m) : f_(f), m_(m), writes_(writesOf(f)) {}

  bool run() {
    std::vector<Inst*> dots;
    walk(f_.body, [&](Inst& inst) {
      for (const Value* v : inst.operands) ++uses_[v];
      if (inst.op == Op::Dot) dots.push_back(&inst);
    });
    bool changed = false;
    for (Inst* dot : dots)
      for (size_t k = 0; k < 2; ++k)
        if (isKept(dot->operand(k), *dot)) {
          reload(*dot, k);
          changed = true;
        }
    return changed;
  }

 private:
  // Whether an operand is computed from loads, of what the kernel does not write, that somebody else reads too, or that are not in the
  // dot's block.
  bool isKept(const Value* operand, const Inst& dot) const {
    bool loads = false, keeps = false;
    const bool isOther = followTiles(operand, [&](const Value* v) {
      if (!v->def || !isInlinable(*v->def) || isExpensive(*v->def)) return Follow::Found;
      keeps |= uses_.at(v) > 1;
      if (v->def->op != Op::Load) return Follow::Operands;
      loads = true;
      keeps |= v->def->parent != dot.parent;
      return isUnwritten(v->def->operand(0)) ? Follow::Nothing : Follow::Found;
    });
    return loads && keeps && !isOther;
  }

  bool isUnwritten(const Value* pointer) const {
    std::set<const Value*> seen;
    return isUnwritten(pointer, seen);
  }
  bool isUnwritten(const Value* pointer, std::set<const Value*>& seen) const {
    const Value* base = pointer;
    while (base->def) {
      if (base->def->op != Op::AddPtr && base->def->op != Op::Splat && base->def->op != Op::Broadcast && base->def->op != Op::ExpandDims &&
          base->def->op != Op::Reshape && base->def->op != Op::Trans)
        return false;
      base = base->def->operand(0);
    }
    if (!seen.insert(base).second) return true;
    const Inst* loop = base->block->parent->parent;
    if (!loop) return writes_[base->index] == Writes::No;
    // A pointer that a loop moves.
    return loop->op == Op::For && base->index > 0 && isUnwritten(loop->operand(2 + base->index), seen) &&
           isUnwritten(base->block->terminator()->operand(base->index - 1), seen);
  }

  // Copies the operations from the loads to the operand to where the dot is.
  void reload(Inst& dot, size_t k) {
    ValueMap copies;
    std::vector<Inst*> made;
    auto copy = [&](auto& self, Value* v) -> void {
      if (copies.count(v) || !v->type.isTile()) return;
      if (v->def->op != Op::Load)
        for (Value* o : v->def->operands) self(self, o);
      Inst* inst = clone(m_, *v->def, copies);
      inst->parent = dot.parent;
      made.push_back(inst);
    };
    copy(copy, dot.operands[k]);
    Block& block = *dot.parent;
    block.insts.insert(std::find(block.insts.begin(), block.insts.end(), &dot), made.begin(), made.end());
    dot.operands[k] = copies.at(dot.operands[k]);
  }

  Func& f_;
  Module& m_;
  const std::vector<Writes> writes_;
  PtrMap<const Value*, int> uses_;
};

}  // namespace

bool reloadOperands(Func& f, Module& m) { return Reloading(f, m).run(); }

}  // namespace nereid
