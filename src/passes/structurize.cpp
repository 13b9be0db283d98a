// SPDX-License-Identifier: MIT
// Rewrites every function to a single block.
//
//   cf.cond_br %c, ^a, ^b                     %r = scf.if %c { ...a...; scf.yield } else { ...b...; scf.yield }
//   ^a: ... cf.br ^m(%x)  ^b: ... cf.br ^m(%y)  =>  ...m with %r...
//
// Triton's early `return` produces acyclic branches. Both sides run up to the block where all their paths meet again (the immediate
// post-dominator); blocks that several paths reach before that are copied. A path that returns meets the others at the end.
#include <algorithm>
#include <set>

#include "ir/builder.h"
#include "passes/passes.h"
#include "support/ptr_map.h"

namespace nereid {

namespace {

class Structurizer {
 public:
  Structurizer(Module& m, Func& f, Diags& diags) : m_(m), f_(f), diags_(diags) {}

  Result<> run() {
    for (Block* b : f_.body.blocks)
      if (auto r = checkAcyclic(b); !r) return r;
    Region fresh;
    Block* out = m_.newBlock(fresh);
    ValueMap map;
    for (const Value* arg : f_.args()) map[arg] = m_.addArg(*out, arg->type, arg->name, arg->loc);
    std::vector<Value*> results;
    emit(f_.body.blocks.front(), nullptr, out, map, results);
    Builder(m_, out, f_.loc).create(Op::Return, results, {});
    f_.body.blocks = fresh.blocks;
    out->parent = &f_.body;
    if (size_ > kMaxSize)
      return diags_.error(Err::Unsupported, f_.loc)
          .says("this function has too many early returns: its code grows too much")
          .hint("use if and else instead");
    return {};
  }

 private:
  static constexpr int kMaxSize = 200000;

  Result<> checkAcyclic(Block* b) {
    if (done_.count(b)) return {};
    if (!active_.insert(b).second)
      return diags_.error(Err::Unsupported, b->insts.empty() ? f_.loc : b->insts[0]->loc)
          .says("loops made of branches (cf.br back to an earlier block) are not supported")
          .hint("write it as scf.for or scf.while");
    for (const Successor& s : b->terminator()->successors)
      if (auto r = checkAcyclic(s.block); !r) return r;
    active_.erase(b);
    done_.insert(b);
    return {};
  }

  // Blocks reachable from `b`, including `b`; null stands for the end of the function.
  const std::set<Block*>& reach(Block* b) {
    auto it = reach_.find(b);
    if (it != reach_.end()) return it->second;
    std::set<Block*> all{b};
    if (b->terminator()->successors.empty()) all.insert(nullptr);
    for (const Successor& s : b->terminator()->successors) {
      auto& more = reach(s.block);
      all.insert(more.begin(), more.end());
    }
    return reach_[b] = std::move(all);
  }

  // The first block that all paths from `b` go through; null: the end.
  Block* meet(Block* b) {
    std::vector<Block*> order;  // post-order of the blocks reachable from b
    std::set<Block*> seen;
    auto visit = [&](auto&& self, Block* x) -> void {
      if (!x || !seen.insert(x).second) return;
      for (const Successor& s : x->terminator()->successors) self(self, s.block);
      order.push_back(x);
    };
    visit(visit, b);
    // Candidates, nearest first: reverse post-order. `x` post-dominates b if no path avoids it.
    for (size_t i = order.size(); i-- > 0;) {
      Block* x = order[i];
      if (x == b) continue;
      std::set<Block*> walked;
      auto avoids = [&](auto&& self, Block* y) -> bool {  // whether the end is reachable without x
        if (y == x || !walked.insert(y).second) return false;
        if (y->terminator()->successors.empty()) return true;
        for (const Successor& s : y->terminator()->successors)
          if (self(self, s.block)) return true;
        return false;
      };
      if (!avoids(avoids, b)) return x;
    }
    return nullptr;
  }

  // Appends a copy of the code from `b` up to `stop` (exclusive) to `out`. `results` receives the arguments passed to `stop`, or the
  // returned values.
  void emit(Block* b, Block* stop, Block* out, ValueMap& map, std::vector<Value*>& results) {
    auto mapped = [&](Value* v) {
      auto it = map.find(v);
      return it == map.end() ? v : it->second;
    };
    while (true) {
      if (size_ > kMaxSize) {
        // After an error: values of the right types keep the structure valid until the caller reports it.
        Builder poison(m_, out, f_.loc);
        auto types = stop ? std::vector<Type>() : f_.results;
        if (stop)
          for (Value* a : stop->args) types.push_back(a->type);
        for (Type t : types) results.push_back(poison.create(Op::Poison, {}, {t})->result());
        return;
      }
      Inst* end = b->terminator();
      for (Inst* inst : b->insts) {
        if (inst == end) break;
        ++size_;
        Inst* copy = clone(m_, *inst, map);
        copy->parent = out;
        out->insts.push_back(copy);
      }
      if (end->op == Op::Return) {
        for (Value* v : end->operands) results.push_back(mapped(v));
        return;
      }
      if (end->op == Op::Br) {
        const Successor& s = end->successors[0];
        std::vector<Value*> args;
        for (Value* v : s.args) args.push_back(mapped(v));
        if (s.block == stop) {
          results = std::move(args);
          return;
        }
        for (size_t i = 0; i < args.size(); ++i) map[s.block->args[i]] = args[i];
        b = s.block;
        continue;
      }
      NEREID_CHECK(end->op == Op::CondBr, "a block that ends in ", info(end->op).spelling);
      Block* join = meet(b);
      std::vector<Type> types;
      if (join)
        for (Value* a : join->args) types.push_back(a->type);
      else
        types = f_.results;
      Builder builder(m_, out, end->loc);
      Inst* branch = builder.ifElse(mapped(end->operand(0)), types, true);
      for (size_t i = 0; i < 2; ++i) {
        const Successor& s = end->successors[i];
        Block* side = &branch->regions[i]->entry();
        ValueMap inner = map;
        std::vector<Value*> values, args;
        for (Value* v : s.args) args.push_back(mapped(v));
        if (s.block == join) {
          values = std::move(args);
        } else {
          for (size_t k = 0; k < args.size(); ++k) inner[s.block->args[k]] = args[k];
          emit(s.block, join, side, inner, values);
        }
        Builder(m_, side, end->loc).yield(values);
      }
      if (!join || join == stop) {
        results.assign(branch->results.begin(), branch->results.end());
        return;
      }
      for (size_t i = 0; i < join->args.size(); ++i) map[join->args[i]] = branch->results[i];
      b = join;
    }
  }

  Module& m_;
  Func& f_;
  Diags& diags_;
  std::set<Block*> done_, active_;
  PtrMap<Block*, std::set<Block*>> reach_;
  int size_ = 0;
};

Result<> mapRegions(Module& m, Region& region, Diags& diags) {
  // Functions inside operations (map_elementwise) may also branch: they temporarily become functions.
  for (Block* block : region.blocks)
    for (Inst* inst : block->insts)
      for (auto& r : inst->regions) {
        if (r->blocks.size() > 1) {
          Func f;
          f.loc = inst->loc;
          Op end = Op::MapElementwiseReturn;
          for (Value* v : inst->results) f.results.push_back(v->type.element());
          for (Block* b : r->blocks)
            if (Inst* t = b->terminator(); t && t->successors.empty()) {
              end = t->op;
              t->op = Op::Return;
            }
          f.body.blocks = r->blocks;
          if (auto done = Structurizer(m, f, diags).run(); !done) return done;
          f.body.blocks[0]->terminator()->op = end;
          f.body.blocks[0]->parent = r.get();
          r->blocks = f.body.blocks;
        }
        if (auto done = mapRegions(m, *r, diags); !done) return done;
      }
  return {};
}

}  // namespace

Result<> structurize(Module& m, Diags& diags) {
  for (auto& f : m.funcs) {
    if (f->body.empty()) continue;
    if (auto r = mapRegions(m, f->body, diags); !r) return r;
    if (f->body.blocks.size() == 1) continue;
    if (auto r = Structurizer(m, *f, diags).run(); !r) return r;
  }
  return {};
}

}  // namespace nereid
