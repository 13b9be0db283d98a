// SPDX-License-Identifier: MIT
// Moves the reduction of a tile that a loop only accumulates into the loop.
//
//   %t = scf.for ... iter_args(%acc = dense<0>)   =>   %s = scf.for ... iter_args(%acc = 0)
//     %n = addf %acc, %x                                 %r = tt.reduce add %x
//     scf.yield %n                                       %n = addf %acc, %r
//   %s = tt.reduce add %t                                scf.yield %n
//
// On machines without workgroups the accumulators of a tile that exceeds the registers are in memory: each element is loaded and stored
// in each iteration. A reduction has its accumulators in registers. The same values are combined in another order, as deferReductions()
// does for workgroups.
#include "schedule/advance_reductions.h"

#include <algorithm>
#include <optional>

#include "analysis/combine.h"
#include "ir/bits.h"
#include "ir/builder.h"
#include "support/ptr_map.h"

namespace nereid {

namespace {

class Advance {
 public:
  Advance(Func& f, Module& m, const Machine& machine) : f_(f), m_(m), machine_(machine) {}

  bool run() {
    std::vector<Inst*> loops;
    walk(f_.body, [&](Inst& inst) {
      if (inst.op == Op::For) loops.push_back(&inst);
      for (const Value* v : inst.operands) {
        ++uses_[v];
        if (inst.op == Op::Reduce) reduceOf_[v] = &inst;
      }
    });
    bool changed = false;
    for (Inst* loop : loops)
      for (size_t slot = 0; slot < loop->results.size(); ++slot)
        if (Inst* reduce = match(*loop, slot)) {
          rewrite(*loop, slot, *reduce);
          changed = true;
        }
    return changed;
  }

 private:
  bool isUsedOnce(const Value* v) const {
    auto it = uses_.find(v);
    return it != uses_.end() && it->second == 1;
  }

  // The reduction of the tile that a loop accumulates at this place, if it may move.
  Inst* match(const Inst& loop, size_t slot) const {
    const Block& body = loop.regions[0]->entry();
    const Value *arg = body.args[1 + slot], *next = body.terminator()->operand(slot), *init = loop.operands[3 + slot];
    const Type& type = arg->type;
    if (!type.isTile() || type.isPointer() || !isUsedOnce(arg) || !isUsedOnce(next) || !isUsedOnce(loop.results[slot])) return nullptr;
    if (!next->def || next->def->parent != &body || next->def->operands.size() != 2) return nullptr;
    if (next->def->operand(0) != arg && next->def->operand(1) != arg) return nullptr;
    auto found = reduceOf_.find(loop.results[slot]);
    if (found == reduceOf_.end()) return nullptr;
    const auto combine = combineOf(*found->second);
    if (!combine || combine->op != next->def->op) return nullptr;
    // The narrow accumulator of a whole sum would lose more than those of its elements.
    if (combine->op == Op::AddF && bitWidth(type.element()) < 32) return nullptr;
    // So many accumulators fit in registers.
    if (type.numel() * bitWidth(type) <= int64_t{8} * machine_.vectorRegisters * machine_.vectorBytes) return nullptr;
    // The initial value must not count once per element.
    const auto bits = constantBits(init);
    const bool isSum = combine->op == Op::AddF || combine->op == Op::AddI;
    if (!bits || !((isSum && *bits == 0) || isIdempotent(combine->op) || *bits == identityOf(combine->op, type.element()))) return nullptr;
    return found->second;
  }

  void rewrite(Inst& loop, size_t slot, Inst& reduce) {
    Block& body = loop.regions[0]->entry();
    Value *arg = body.args[1 + slot], *result = loop.results[slot], *all = reduce.result();
    Inst& next = *body.terminator()->operand(slot)->def;
    const Type type = all->type;
    const uint64_t bits = *constantBits(loop.operands[3 + slot]);
    // Before the loop.
    Block& outer = *loop.parent;
    auto place = std::find(outer.insts.begin(), outer.insts.end(), &loop);
    std::vector<Inst*> rest(place, outer.insts.end());
    outer.insts.erase(place, outer.insts.end());
    Builder b(m_, &outer, loop.loc);
    Value* start = b.constant(type.element(), bits);
    loop.operands[3 + slot] = type.isTile() ? b.splat(start, type.shape()) : start;
    outer.insts.insert(outer.insts.end(), rest.begin(), rest.end());
    // In the loop.
    std::erase(reduce.parent->insts, &reduce);
    body.insts.insert(std::find(body.insts.begin(), body.insts.end(), &next), &reduce);
    reduce.parent = &body;
    Value*& tile = next.operands[next.operand(0) == arg ? 1 : 0];
    reduce.operands = {tile};
    arg->type = result->type = next.result()->type = type;
    Replacements replaced;
    replaced.add(all, result);
    replaced.apply(f_.body);
    tile = all;
  }

  Func& f_;
  Module& m_;
  const Machine& machine_;
  PtrMap<const Value*, int> uses_;
  PtrMap<const Value*, Inst*> reduceOf_;
};

}  // namespace

bool advanceReductions(Func& f, Module& m, const Machine& machine) { return Advance(f, m, machine).run(); }

}  // namespace nereid
