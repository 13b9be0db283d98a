// SPDX-License-Identifier: MIT
// Hoists quotients and remainders that are different in each thread but invariant in a loop: threads keep them in registers.
//
//   for k { for t in threads { %r = remsi (%first + t), %m; load %a + (%r * %s + k) } }
//     =>   for t in threads { kept[t] = remsi (%first + t), %m * %s }; for k { for t in threads { load %a + (kept[t] + k) } }
//
// Division by a number that only a launch knows takes some 30 instructions, and compilers for GPUs leave it in the loop: without this pass
// products took up to 1.25 times as long on an H200. Other invariants stay where they are, because they cost less than a register.
// Division by 0 is defined, so it may happen before a loop without iterations.
#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "analysis/divisibility.h"
#include "ir/builder.h"
#include "lower/lowering.h"
#include "passes/passes.h"
#include "support/ptr_map.h"

namespace nereid {

namespace {

class Keeper {
 public:
  Keeper(Module& m, const Machine& machine, std::vector<Inst*>& own) : m_(m), machine_(machine), privateAllocs_(own) {}

  // Outer loops come first: there, a value is kept for inner ones as well.
  bool run(Func& f) {
    entry_ = &f.body.entry();
    divisibility_.emplace(f);
    std::vector<Inst*> loops;
    walk(f.body, [&](Inst& i) {
      if ((i.op == Op::For && !i.has(Attr::Threads)) || i.op == Op::While) loops.push_back(&i);
    });
    bool changed = false;
    for (Inst* loop : loops) changed |= rewrite(*loop);
    return changed;
  }

 private:
  // A loop over threads before the loop, and which of the values computed there are stored where.
  struct Before {
    Inst* threads;
    std::vector<std::pair<const Value*, Value*>> memory{};
  };

  bool rewrite(Inst& loop) {
    std::vector<Inst*> threads;
    inside_.clear();
    registers_ = 0;
    before_.clear();
    for (auto& r : loop.regions) {
      for (const Block* b : r->blocks) addBlock(*b);
      walk(*r, [&](Inst& i) {
        for (auto& inner : i.regions)
          for (const Block* b : inner->blocks) addBlock(*b);
        if (i.op == Op::For && i.has(Attr::Threads)) threads.push_back(&i);
      });
    }
    outside_ = loop.parent;
    const auto at = std::find(outside_->insts.begin(), outside_->insts.end(), &loop);
    const std::vector<Inst*> rest(at, outside_->insts.end());
    outside_->insts.erase(at, outside_->insts.end());
    for (Inst* t : threads) keepOf(*t);
    for (const Before& b : before_) Builder(m_, &b.threads->regions[0]->entry(), loop.loc).yield({});
    outside_->insts.insert(outside_->insts.end(), rest.begin(), rest.end());
    return !before_.empty();
  }
  void addBlock(const Block& block) {
    inside_.insert(block.args.begin(), block.args.end());
    for (const Inst* i : block.insts) inside_.insert(i->results.begin(), i->results.end());
  }

  void keepOf(Inst& threads) {
    Block& body = threads.regions[0]->entry();
    const std::vector<Value*> kept = valuesToKeep(threads);
    if (kept.empty()) return;
    std::vector<Inst*> rest = std::exchange(body.insts, {});
    Replacements replaced;
    ValueMap copies;
    for (Value* v : kept) {
      Value* memory = store(*v, threads, copies);
      if (!memory) continue;
      Builder b(m_, &body, v->def->loc);
      Value* loaded = b.loadFrom(element(b, memory, body.args[0], v->type), v->type);
      if (const int n = divisibility_->of(v); n > 0) loaded->def->set(Attr::Divisibility, int64_t{1} << n);
      replaced.add(v, loaded);
    }
    body.insts.insert(body.insts.end(), rest.begin(), rest.end());
    replaced.apply(*threads.regions[0]);
  }

  // Quotients and remainders that are the same in each iteration; or what alone uses one, which takes no more registers.
  std::vector<Value*> valuesToKeep(const Inst& threads) const {
    const Block& body = threads.regions[0]->entry();
    std::set<const Value*> known{body.args[0]};
    std::vector<const Inst*> divisions;
    for (const Inst* i : body.insts) {
      auto isKnown = [&](const Value* v) { return known.count(v) || !inside_.count(v); };
      const bool isInvariant = info(i->op).effects == Effects::Pure && i->regions.empty() && i->results.size() == 1 &&
                               std::all_of(i->operands.begin(), i->operands.end(), isKnown);
      if (!isInvariant) continue;
      known.insert(i->result());
      if (isDivision(*i) && fitsRegisters(i->result()->type)) divisions.push_back(i);
    }
    std::vector<Value*> out;
    if (divisions.empty()) return out;
    PtrMap<const Value*, std::vector<const Inst*>> users;
    walk(*threads.regions[0], [&](const Inst& i) {
      for (const Value* v : i.operands) users[v].push_back(&i);
    });
    for (const Inst* i : divisions) {
      Value* v = i->result();
      for (;;) {
        const std::vector<const Inst*>& by = users[v];
        Value* next = by.size() == 1 && by[0]->results.size() == 1 ? by[0]->result() : nullptr;
        if (!next || !known.count(next) || !fitsRegisters(next->type) || next->type.numel() > v->type.numel()) break;
        v = next;
      }
      if (std::find(out.begin(), out.end(), v) == out.end()) out.push_back(v);
    }
    return out;
  }
  static bool isDivision(const Inst& i) {
    const bool divides = i.op == Op::DivSI || i.op == Op::DivUI || i.op == Op::RemSI || i.op == Op::RemUI;
    return divides && !constantBits(i.operand(1));
  }
  static bool fitsRegisters(const Type& t) { return !t.isPointer() && !t.isBool() && bitWidth(t.element()) <= 32; }

  // Registers that have the value of each thread from before the loop on; null if there are too many.
  Value* store(const Value& v, const Inst& threads, ValueMap& copies) {
    Before& to = beforeOf(threads);
    Block& body = to.threads->regions[0]->entry();
    copies[threads.regions[0]->entry().args[0]] = body.args[0];
    const Value* value = copied(v, body, copies);
    for (const auto& [known, memory] : to.memory)
      if (known == value) return memory;
    if (registers_ + v.type.numel() > machine_.maxKeptInvariants) return nullptr;
    registers_ += v.type.numel();
    Inst* memory = m_.newInst(Op::LoAlloc, v.def->loc);
    m_.addResult(*memory, v.type.element().pointerTo());
    memory->set(Attr::Bytes, (threads.integer(Attr::Threads) * v.type.numel() * byteSize(v.type.element()) + 63) / 64 * 64);
    memory->set(Attr::Offset, int64_t{0});
    memory->set(Attr::Private, static_cast<int64_t>(v.type.numel()));
    memory->parent = entry_;
    entry_->insts.insert(entry_->insts.begin(), memory);
    privateAllocs_.push_back(memory);
    Builder b(m_, &body, v.def->loc);
    b.storeTo(element(b, memory->result(), body.args[0], v.type), const_cast<Value*>(value));
    to.memory.emplace_back(value, memory->result());
    return memory->result();
  }
  Before& beforeOf(const Inst& threads) {
    const int64_t count = threads.integer(Attr::Threads);
    for (Before& b : before_)
      if (b.threads->integer(Attr::Threads) == count) return b;
    Builder b(m_, outside_, threads.loc);
    const Type index = threads.operand(0)->type;
    Inst* loop = b.forLoop(b.constant(index, 0), b.constant(index, static_cast<uint64_t>(count)), b.constant(index, 1), {});
    loop->set(Attr::Threads, count);
    return before_.emplace_back(Before{loop});
  }
  // A copy of the value at the end of the block; of equal operations there is one.
  const Value* copied(const Value& v, Block& body, ValueMap& copies) {
    if (auto at = copies.find(&v); at != copies.end()) return at->second;
    if (!inside_.count(&v)) return &v;
    for (const Value* o : v.def->operands) copied(*o, body, copies);
    Inst* copy = clone(m_, *v.def, copies);
    for (const Inst* i : body.insts)
      if (givesSame(*i, *copy)) {
        copies[&v] = i->results[0];
        return i->results[0];
      }
    copy->parent = &body;
    body.insts.push_back(copy);
    return copies[&v] = copy->result();
  }
  static Value* element(Builder& b, Value* memory, Value* thread, const Type& type) {
    return b
        .create(Op::LoPrivate, {memory, thread}, {memory->type},
                {{Attr::Offset, int64_t{0}}, {Attr::Private, static_cast<int64_t>(type.numel())}})
        ->result();
  }

  Module& m_;
  const Machine& machine_;
  std::vector<Inst*>& privateAllocs_;
  std::optional<Divisibility> divisibility_;
  Block *entry_ = nullptr, *outside_ = nullptr;
  std::set<const Value*> inside_;  // values of the loop
  int64_t registers_ = 0;          // that the loop keeps so far
  std::vector<Before> before_;
};

}  // namespace

void keepInvariants(Func& f, Module& m, const Machine& machine, std::vector<Inst*>& own) {
  if (Keeper(m, machine, own).run(f)) eliminateDead(f);
}

}  // namespace nereid
