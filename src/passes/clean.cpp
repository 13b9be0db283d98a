// SPDX-License-Identifier: MIT
// The four passes that keep the IR small: common subexpressions, dead code, loop-invariant code, induction variables.
//
// Real TTIR is full of dead overflow checks and repeated address arithmetic; the schedule sees only what is left.
#include <algorithm>
#include <bit>
#include <map>
#include <set>

#include "ir/builder.h"
#include "passes/passes.h"
#include "support/ptr_map.h"

namespace nereid {

namespace {

bool isPure(const Inst& inst) { return info(inst.op).effects == Effects::Pure; }

// Pure, or a region operation whose body is pure (a reduction).
bool isRemovable(const Inst& inst) {
  Effects e = info(inst.op).effects;
  if (e == Effects::Pure || (e == Effects::Reads && !inst.integer(Attr::IsVolatile))) return true;
  if (e != Effects::Region || inst.op == Op::While || inst.op == Op::Call) return false;
  bool removable = true;
  for (auto& r : inst.regions)
    walk(*r, [&](const Inst& inner) {
      Effects x = info(inner.op).effects;
      removable &= x == Effects::Pure || x == Effects::Reads || x == Effects::Exit ||
                   (x == Effects::Region && inner.op != Op::While && inner.op != Op::Call);
    });
  return removable;
}

// Hashes some of what givesSame() compares.
uint64_t hashOf(const Inst& inst) {
  uint64_t hash = static_cast<uint64_t>(inst.op);
  auto add = [&](uint64_t x) {
    hash = (hash ^ x) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 29;
  };
  for (const Value* v : inst.operands) add(reinterpret_cast<uintptr_t>(v));
  for (const Value* v : inst.results) add(std::bit_cast<uint64_t>(v->type));
  for (auto& [attr, value] : inst.attrs) {
    if (auto* i = std::get_if<int64_t>(&value)) add(static_cast<uint64_t>(*i));
    if (auto* l = std::get_if<std::vector<int64_t>>(&value))
      for (int64_t i : *l) add(static_cast<uint64_t>(i));
    if (auto* d = std::get_if<Dense>(&value))
      for (uint64_t x : d->bits) add(x);
  }
  return hash;
}

// Operations by their hashes. Nothing iterates it: its order differs from run to run.
using Seen = std::multimap<uint64_t, Inst*>;

// Returns an equal operation, or null after adding this one.
std::pair<Inst*, Seen::iterator> findOrAdd(Seen& seen, Inst* inst) {
  uint64_t hash = hashOf(*inst);
  auto at = seen.lower_bound(hash);
  for (; at != seen.end() && at->first == hash; ++at)
    if (givesSame(*at->second, *inst)) return {at->second, at};
  return {nullptr, seen.emplace_hint(at, hash, inst)};
}

struct Cse {
  Seen seen;  // of this block and the enclosing ones
  Replacements replaced;
  bool changed = false;

  void region(Region& r) {
    for (Block* block : r.blocks) {
      std::vector<Seen::iterator> here;
      std::vector<Inst*> out;
      for (Inst* inst : block->insts) {
        for (Value*& v : inst->operands) v = replaced(v);
        for (Successor& s : inst->successors)
          for (Value*& v : s.args) v = replaced(v);
        for (auto& inner : inst->regions) region(*inner);
        if (isPure(*inst) && inst->regions.empty()) {
          auto [other, at] = findOrAdd(seen, inst);
          if (other) {
            for (size_t i = 0; i < inst->results.size(); ++i) replaced.add(inst->results[i], other->results[i]);
            changed = true;
            continue;
          }
          here.push_back(at);
        }
        out.push_back(inst);
      }
      block->insts = std::move(out);
      for (auto at : here) seen.erase(at);
    }
  }
};

// The argument or lo.alloc on which an address is based.
const Value* beginOf(const Value* pointer) {
  auto isAddress = [](Op op) { return op == Op::AddPtr || op == Op::LoPrivate || op == Op::LoSplat; };
  while (pointer->def && isAddress(pointer->def->op)) pointer = pointer->def->operand(0);
  return pointer;
}

struct LoadMerger {
  Replacements replaced;
  bool changed = false;

  void region(Region& r) {
    for (Block* block : r.blocks) {
      Seen loads;
      std::vector<Inst*> out;
      for (Inst* inst : block->insts) {
        for (Value*& v : inst->operands) v = replaced(v);
        for (auto& inner : inst->regions) region(*inner);
        if (inst->op == Op::LoLoad && !inst->integer(Attr::IsVolatile)) {
          if (Inst* other = findOrAdd(loads, inst).first) {
            replaced.add(inst->result(), other->result());
            changed = true;
            continue;
          }
        } else if (inst->op == Op::LoStore || inst->op == Op::LoScatter) {
          std::erase_if(loads, [&](const auto& load) { return mayMeet(beginOf(load.second->operand(0)), beginOf(inst->operand(0))); });
        } else if (!isPure(*inst) && info(inst->op).effects != Effects::Reads) {
          loads.clear();
        }
        out.push_back(inst);
      }
      block->insts = std::move(out);
    }
  }
  static bool isScratch(const Value* v) { return v->def && v->def->op == Op::LoAlloc; }
  static bool mayMeet(const Value* x, const Value* y) { return x == y || !(isScratch(x) || isScratch(y)); }
};

using Uses = PtrMap<const Value*, int>;

// Keeps `uses` up to date.
void dropDead(Region& r, Uses& uses, bool& changed) {
  for (Block* block : r.blocks) {
    std::vector<Inst*> kept;
    for (size_t i = block->insts.size(); i-- > 0;) {
      Inst* inst = block->insts[i];
      bool needed = !isRemovable(*inst) || info(inst->op).effects == Effects::Exit;
      for (const Value* v : inst->results)
        if (auto at = uses.find(v); at != uses.end()) needed |= at->second > 0;
      if (needed) {
        for (auto& inner : inst->regions) dropDead(*inner, uses, changed);
        kept.push_back(inst);
        continue;
      }
      changed = true;
      for (const Value* v : inst->operands) --uses[v];
      for (auto& inner : inst->regions)
        walk(*inner, [&](const Inst& x) {
          for (const Value* v : x.operands) --uses[v];
        });
    }
    std::reverse(kept.begin(), kept.end());
    block->insts = std::move(kept);
  }
}

Uses countUses(const Region& body) {
  Uses uses;
  walk(body, [&](const Inst& inst) {
    for (const Value* v : inst.operands) ++uses[v];
    for (const Successor& s : inst.successors)
      for (const Value* v : s.args) ++uses[v];
  });
  return uses;
}

// Removes loop results and carried values that only feed themselves.
bool dropDeadCarries(Region& body, Uses& uses) {
  bool changed = false;
  walk(body, [&](Inst& loop) {
    if (loop.op != Op::For) return;
    Block& block = loop.regions[0]->entry();
    Inst* yield = block.terminator();
    for (size_t i = loop.results.size(); i-- > 0;) {
      Value* arg = block.args[i + 1];
      bool same = yield->operands[i] == arg;  // never changes
      bool dead = uses[loop.results[i]] == 0 && uses[arg] == (same ? 1 : 0);
      // Also dead: used only to compute its next value, by pure operations.
      if (!dead && uses[loop.results[i]] == 0 && !same) {
        std::set<const Value*> chain{arg};
        bool closed = true;
        size_t before;
        do {
          before = chain.size();
          walk(*loop.regions[0], [&](const Inst& inst) {
            bool touches = std::any_of(inst.operands.begin(), inst.operands.end(), [&](Value* v) { return chain.count(v) != 0; });
            if (!touches) return;
            if (&inst == yield) {
              for (size_t k = 0; k < inst.operands.size(); ++k)
                if (k != i && chain.count(inst.operands[k])) closed = false;
            } else if (!isPure(inst)) {
              closed = false;
            } else {
              for (const Value* v : inst.results) chain.insert(v);
            }
          });
        } while (chain.size() != before);
        dead = closed;
      }
      if (!same && !dead) continue;
      Value* init = loop.operands[i + 3];
      Replacements r;
      r.add(arg, init);
      r.apply(*loop.regions[0]);
      Value* result = loop.results[i];
      if (same || uses[result]) {
        Replacements outer;
        outer.add(result, init);
        outer.apply(body);
      }
      block.args.erase(block.args.begin() + static_cast<long>(i) + 1);
      for (size_t k = 0; k < block.args.size(); ++k) block.args[k]->index = static_cast<uint32_t>(k);
      yield->operands.erase(yield->operands.begin() + static_cast<long>(i));
      loop.operands.erase(loop.operands.begin() + static_cast<long>(i) + 3);
      loop.results.erase(loop.results.begin() + static_cast<long>(i));
      for (size_t k = 0; k < loop.results.size(); ++k) loop.results[k]->index = static_cast<uint32_t>(k);
      uses = countUses(body);
      changed = true;
    }
  });
  return changed;
}

// Moves invariant pure operations out of `loop`, into the enclosing block. Returns them in order.
std::vector<Inst*> takeInvariants(Inst& loop) {
  std::set<const Value*> inside;
  for (auto& r : loop.regions)
    for (Block* b : r->blocks) {
      for (Value* a : b->args) inside.insert(a);
      for (Inst* inst : b->insts)
        for (Value* v : inst->results) inside.insert(v);
    }
  std::vector<Inst*> moved;
  for (auto& r : loop.regions)
    for (Block* b : r->blocks) {
      std::vector<Inst*> kept;
      for (Inst* inst : b->insts) {
        bool invariant = isPure(*inst) && inst->regions.empty() &&
                         std::none_of(inst->operands.begin(), inst->operands.end(), [&](Value* v) { return inside.count(v) != 0; });
        if (!invariant) {
          kept.push_back(inst);
          continue;
        }
        for (Value* v : inst->results) inside.erase(v);
        moved.push_back(inst);
      }
      b->insts = std::move(kept);
    }
  return moved;
}

bool hoist(Region& region) {
  bool changed = false;
  for (Block* block : region.blocks) {
    std::vector<Inst*> out;
    for (Inst* inst : block->insts) {
      for (auto& r : inst->regions) changed |= hoist(*r);
      if (inst->op == Op::For || inst->op == Op::While)
        for (Inst* moved : takeInvariants(*inst)) {
          moved->parent = block;
          out.push_back(moved);
          changed = true;
        }
      out.push_back(inst);
    }
    block->insts = std::move(out);
  }
  return changed;
}

}  // namespace

bool givesSame(const Inst& a, const Inst& b) {
  return a.op == b.op && a.operands == b.operands && a.segments == b.segments && a.attrs == b.attrs &&
         std::equal(a.results.begin(), a.results.end(), b.results.begin(), b.results.end(),
                    [](const Value* x, const Value* y) { return x->type == y->type; });
}

bool eliminateCommon(Func& f) {
  Cse cse;
  cse.region(f.body);
  cse.replaced.apply(f.body);
  return cse.changed;
}

bool mergeLoads(Func& f) {
  LoadMerger merger;
  merger.region(f.body);
  merger.replaced.apply(f.body);
  return merger.changed;
}

bool eliminateDead(Func& f) {
  bool any = false, changed;
  Uses uses = countUses(f.body);
  do {
    changed = dropDeadCarries(f.body, uses);
    dropDead(f.body, uses, changed);
    any |= changed;
  } while (changed);
  return any;
}

bool hoistInvariants(Func& f) { return hoist(f.body); }

//   for iv { ...p...; yield addptr(p, step) }   =>   for iv, off = 0 { p' = addptr(p0, off); ...p'...; yield off + step }
//
// with a scalar `off` if `step` is a splat of a scalar, else off = counter * step. A carried tile would be stored in memory; afterwards its
// elements are an affine function of a scalar, and nothing is stored.
bool unrollInduction(Func& f, Module& m) {
  bool changed = false;
  auto visit = [&](auto&& self, Region& region) -> void {
    for (Block* block : region.blocks) {
      for (size_t at = 0; at < block->insts.size(); ++at) {
        Inst* loop = block->insts[at];
        for (auto& r : loop->regions) self(self, *r);
        if (loop->op != Op::For) continue;
        Block& body = loop->regions[0]->entry();
        Inst* yield = body.terminator();
        std::set<const Value*> inside;
        walk(*loop->regions[0], [&](const Inst& i) {
          for (const Value* v : i.results) inside.insert(v);
        });
        for (Value* a : body.args) inside.insert(a);
        for (size_t k = 0; k < loop->results.size(); ++k) {
          Value* arg = body.args[k + 1];
          if (!arg->type.isTile()) continue;
          Inst* next = yield->operands[k]->def;
          if (!next || next->parent != &body || (next->op != Op::AddPtr && next->op != Op::AddI)) continue;
          bool swapped = next->op == Op::AddI && next->operand(1) == arg;
          if (next->operand(swapped ? 1 : 0) != arg) continue;
          Value* step = next->operand(swapped ? 0 : 1);
          if (inside.count(step)) continue;
          Value* init = loop->operands[k + 3];
          Value* scalarStep = step->def && step->def->op == Op::Splat ? step->def->operand(0) : nullptr;
          Region nowhere;
          Block front;  // inserted before the loop
          front.parent = &nowhere;
          Builder before(m, &front, loop->loc);
          if (!scalarStep)
            if (auto c = constantBits(step)) scalarStep = before.constant(step->type.element(), *c);
          // Pointer offsets are added in 64 bits, even if a single step is narrower.
          bool widens = next->op == Op::AddPtr && bitWidth(step->type) < 64;
          if (widens && scalarStep) scalarStep = before.cast(Op::ExtSI, scalarStep, Type::scalar(Elem::I64));
          if (widens && !scalarStep) step = before.cast(Op::ExtSI, step, step->type.withElement(Elem::I64));
          Type stepType = widens ? Type::scalar(Elem::I64) : step->type.element();
          // The carried slot becomes the scalar offset (or the counter of iterations).
          Value* zero = before.constant(stepType, 0);
          for (Inst* inst : front.insts) inst->parent = block;
          block->insts.insert(block->insts.begin() + static_cast<long>(at), front.insts.begin(), front.insts.end());
          at += front.insts.size();
          Block tail;  // inserted at the start of the body
          tail.parent = &nowhere;
          Type tileType = arg->type;
          Value* off = arg;
          off->type = stepType;
          Builder in(m, &tail, next->loc);
          auto shape = tileType.shape();
          Value* moved = in.splat(off, shape);
          if (!scalarStep) moved = in.make(Op::MulI, {step, moved});
          Value* now = next->op == Op::AddPtr ? in.addPtr(init, moved) : in.make(Op::AddI, {init, moved});
          now->name = arg->name;
          Replacements r;
          r.add(arg, now);
          r.apply(*loop->regions[0]);
          for (Inst* inst : tail.insts) inst->parent = &body;
          body.insts.insert(body.insts.begin(), tail.insts.begin(), tail.insts.end());
          Builder end(m, &body, next->loc);
          body.insts.pop_back();  // the yield
          Value* increment = scalarStep ? scalarStep : end.constant(stepType, 1);
          Value* offNext = end.make(Op::AddI, {off, increment});
          yield->operands[k] = offNext;
          body.insts.push_back(yield);
          loop->operands[k + 3] = zero;
          // After the loop: the same, computed from the last offset.
          Value* result = loop->results[k];
          result->type = stepType;
          Block after;
          after.parent = &nowhere;
          Builder post(m, &after, loop->loc);
          Value* total = post.splat(result, shape);
          if (!scalarStep) total = post.make(Op::MulI, {step, total});
          Value* last = next->op == Op::AddPtr ? post.addPtr(init, total) : post.make(Op::AddI, {init, total});
          Replacements out;
          out.add(result, last);
          out.apply(f.body);
          for (Inst* inst : after.insts) inst->parent = block;
          block->insts.insert(block->insts.begin() + static_cast<long>(at) + 1, after.insts.begin(), after.insts.end());
          for (Inst* inst : tail.insts)
            for (Value* v : inst->results) inside.insert(v);
          changed = true;
        }
      }
    }
  };
  visit(visit, f.body);
  return changed;
}

}  // namespace nereid
