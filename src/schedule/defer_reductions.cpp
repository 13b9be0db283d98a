// SPDX-License-Identifier: MIT
// Moves a reduction whose results a loop only accumulates behind the loop.
//
//   scf.for ... iter_args(%s = %zero)        =>   scf.for ... iter_args(%t = dense<-0.0>)
//     %a = mulf %s, %scale                          %a = mulf %t, splat %scale
//     %r = tt.reduce add %x                         %n = addf %a, %x
//     %n = addf %a, %r                              scf.yield %n
//     scf.yield %n                                %r = tt.reduce add %t#result
//
// A reduction makes the threads of a workgroup wait for each other, in each iteration; a tile that is updated element by element stays in
// their registers. The same sums are rounded in another order. Maxima and minima must not be read in the loop otherwise (as by an online
// softmax), and sums may be scaled if they begin with 0.
#include "schedule/defer_reductions.h"

#include <algorithm>

#include "analysis/combine.h"
#include "ir/bits.h"
#include "ir/builder.h"
#include "support/ptr_map.h"

namespace nereid {

namespace {

class Deferral {
 public:
  Deferral(Func& f, Module& m, const Machine& machine) : f_(f), m_(m), machine_(machine) {}

  bool run() {
    std::vector<Inst*> loops;
    walk(f_.body, [&](Inst& inst) {
      if (inst.op == Op::For) loops.push_back(&inst);
      for (const Value* v : inst.operands) ++uses_[v];
    });
    bool changed = false;
    for (Inst* loop : loops)
      for (size_t slot = 0; slot < loop->results.size(); ++slot)
        if (auto found = match(*loop, slot)) {
          rewrite(*loop, slot, *found);
          changed = true;
        }
    return changed;
  }

 private:
  struct Found {
    Inst *next, *reduce;
    Inst* scale = nullptr;  // of the accumulator, before it is added to
  };

  std::optional<Found> match(const Inst& loop, size_t slot) const {
    const Block& body = loop.regions[0]->entry();
    const Value *arg = body.args[1 + slot], *next = body.terminator()->operand(slot);
    auto isOwn = [&](const Value* v) { return v->def && v->def->parent == &body && uses_.at(v) == 1; };
    if (arg->type.isTile() || arg->type.isPointer() || !uses_.count(arg) || uses_.at(arg) != 1 || !isOwn(next)) return std::nullopt;
    for (size_t k = 0; k < 2 && next->def->operands.size() == 2; ++k) {
      const Value *sum = next->def->operand(k), *part = next->def->operand(1 - k);
      if (!isOwn(part) || part->def->op != Op::Reduce) continue;
      auto combine = combineOf(*part->def);
      if (!combine || combine->op != next->def->op || part->def->operand(0)->type.numel() > machine_.maxDeferredElements) continue;
      Found found{next->def, part->def};
      if (sum == arg) return found;
      const bool isSum = combine->op == Op::AddF || combine->op == Op::AddI;
      if (!isSum || !isOwn(sum) || sum->def->op != (combine->op == Op::AddF ? Op::MulF : Op::MulI)) continue;
      if (sum->def->operand(0) != arg && sum->def->operand(1) != arg) continue;
      found.scale = sum->def;
      if (constantBits(loop.operand(3 + slot)) == uint64_t{0}) return found;
    }
    return std::nullopt;
  }

  void rewrite(Inst& loop, size_t slot, const Found& found) {
    Block& outer = *loop.parent;
    Block& body = loop.regions[0]->entry();
    Value *arg = body.args[1 + slot], *result = loop.results[slot], *init = loop.operands[3 + slot], *tile = found.reduce->operands[0];
    const Type type = tile->type;
    const Op op = found.next->op;
    // Before the loop.
    loop.operands[3 + slot] = insert(outer, loop, 0, [&](Builder& b) {
      return b.splat(b.constant(type.element(), found.scale ? 0 : identityOf(op, type.element())), type.shape());
    });
    // In the loop.
    arg->type = result->type = found.next->result()->type = type;
    Value* sum = arg;
    if (found.scale) {
      Value*& factor = found.scale->operands[found.scale->operand(0) == arg ? 1 : 0];
      factor = insert(body, *found.scale, 0, [&](Builder& b) { return b.splat(factor, type.shape()); });
      sum = found.scale->result();
      sum->type = type;
    }
    found.next->operands = {sum, tile};
    std::erase(body.insts, found.reduce);
    // Behind the loop.
    Value* all = found.reduce->result();
    Value* final = insert(outer, loop, 1, [&](Builder& b) {
      b.block()->insts.push_back(found.reduce);
      found.reduce->parent = b.block();
      return found.scale ? all : b.make(op, {init, all});
    });
    Replacements replaced;
    replaced.add(result, final);
    replaced.apply(f_.body);
    found.reduce->operands = {result};
  }

  // Inserts what `make` builds before an instruction, or behind it.
  template <class Make>
  Value* insert(Block& block, const Inst& at, long after, Make make) {
    auto place = std::find(block.insts.begin(), block.insts.end(), &at) + after;
    std::vector<Inst*> rest(place, block.insts.end());
    block.insts.erase(place, block.insts.end());
    Builder b(m_, &block, at.loc);
    Value* v = make(b);
    block.insts.insert(block.insts.end(), rest.begin(), rest.end());
    return v;
  }

  Func& f_;
  Module& m_;
  const Machine& machine_;
  PtrMap<const Value*, int> uses_;
};

}  // namespace

bool deferReductions(Func& f, Module& m, const Machine& machine) { return Deferral(f, m, machine).run(); }

}  // namespace nereid
