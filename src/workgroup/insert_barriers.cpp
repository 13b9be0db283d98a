// SPDX-License-Identifier: MIT
// Inserts barriers where an access of one thread must follow an access of another.
//
//   scf.for %t = 0 to 64 {threads} { lo.store %p, ... }           scf.for %t = 0 to 64 {threads} { lo.store %p, ... }
//   scf.for %t = 0 to 64 {threads} { lo.load %p }           =>    lo.barrier {space = "workgroup"}
//                                                                 scf.for %t = 0 to 64 {threads} { lo.load %p }
//
// A loop over threads gives each thread one iteration; nothing makes a thread wait at its end. Accesses meet if they are to the same
// allocation or array and one of them writes. Within a loop over threads accesses of different threads do not meet (the schedule sees to
// it). Code outside of such loops is run by all threads, except stores, which one thread runs.
#include <algorithm>
#include <set>

#include "analysis/provenance.h"
#include "ir/builder.h"
#include "workgroup/access.h"
#include "workgroup/passes.h"

namespace nereid {

namespace {

// Accesses of threads since the last barrier of their kind.
struct Accesses {
  std::set<const Value*> reads, writes;  // origins
  bool isAtomic = false;                 // arrays: accesses before and after must stay there

  void join(const Accesses& other) {
    reads.insert(other.reads.begin(), other.reads.end());
    writes.insert(other.writes.begin(), other.writes.end());
    isAtomic |= other.isAtomic;
  }
};

class Barriers {
 public:
  Barriers(Func& f, Module& m, const Schedule& schedule) : f_(f), m_(m), schedule_(schedule), provenance_(f) {}

  void run() { block(f_.body.entry()); }

 private:
  // Where an access is ordered: its allocation or array. Arguments that may overlap are one array.
  const Value* partOf(const Value* pointer) const {
    const Value* origin = provenance_.of(pointer);
    return origin && (origin->def || schedule_.kernel.disjoint) ? origin : &anyArray_;
  }
  // Allocations that are not live at the same time share memory.
  bool overlap(const Value* a, const Value* b) const {
    if (a == b) return true;
    if (!a->def || !b->def) return a->def == b->def && (a == &anyArray_ || b == &anyArray_);
    const Inst &x = *a->def, &y = *b->def;
    const std::string_view space = x.text(Attr::Space);
    const bool isArray = x.has(Attr::Array) && y.has(Attr::Array) && x.integer(Attr::Array) == y.integer(Attr::Array);
    if (!isArray && (space != y.text(Attr::Space) || (space != "scratch" && space != "vectors" && space != "storage"))) return false;
    return x.integer(Attr::Offset) < y.integer(Attr::Offset) + sharedBytesOf(y, schedule_) &&
           y.integer(Attr::Offset) < x.integer(Attr::Offset) + sharedBytesOf(x, schedule_);
  }
  static bool inStorage(const Value* part) { return !part->def || part->def->text(Attr::Space) == "storage"; }

  void find(const Inst& i, Accesses& out) const {
    if (isStore(i) || isLoad(i) || isAtomic(i)) {
      const Inst* alloc = provenance_.allocation(i.operand(0));
      if (alloc && alloc->has(Attr::Private)) return;
      if (!isStore(i)) out.reads.insert(partOf(i.operand(0)));
      if (!isLoad(i)) out.writes.insert(partOf(i.operand(0)));
      out.isAtomic |= isAtomic(i);
    }
    for (size_t k = 1; k < 3 && i.op == Op::LoMatrixDot; ++k)
      if (!isHoisted(i, k)) out.reads.insert(partOf(i.operand(k)));
    for (const auto& [dot, k] : hoistedBefore(i)) out.reads.insert(partOf(dot->operand(k)));
    if (i.op == Op::LoMatrixGet) out.writes.insert(partOf(i.operand(0)));
    if (i.op == Op::LoMatrixPut) out.reads.insert(partOf(i.operand(1)));
    for (auto& r : i.regions)
      for (const Block* b : r->blocks)
        for (const Inst* inside : b->insts) find(*inside, out);
  }
  Accesses find(const Inst& i) const {
    Accesses out;
    find(i, out);
    return out;
  }

  // A barrier of each kind of memory in which `next` would meet what is pending.
  void order(const Accesses& next, Loc loc, std::vector<Inst*>& out) {
    auto meets = [this](const std::set<const Value*>& a, const std::set<const Value*>& b, bool storage) {
      return std::any_of(a.begin(), a.end(), [&](const Value* part) {
        return inStorage(part) == storage && std::any_of(b.begin(), b.end(), [&](const Value* other) { return overlap(part, other); });
      });
    };
    auto any = [](const Accesses& a) {
      auto isArray = [](const Value* part) { return !part->def; };
      return std::any_of(a.reads.begin(), a.reads.end(), isArray) || std::any_of(a.writes.begin(), a.writes.end(), isArray);
    };
    const bool isOneThread = schedule_.kernel.threads == 1 && schedule_.kernel.programs > 1;
    for (bool storage : {false, true}) {
      bool needed = meets(next.writes, pending_.reads, storage) || meets(next.writes, pending_.writes, storage) ||
                    meets(next.reads, pending_.writes, storage);
      if (storage) needed |= (next.isAtomic && any(pending_)) || (pending_.isAtomic && any(next));
      if (!needed || isOneThread) continue;
      Inst* barrier = m_.newInst(Op::LoBarrier, loc);
      barrier->set(Attr::Space, std::string(storage ? "storage" : "workgroup"));
      out.insert(storage ? out.end() : placeIn(out), barrier);
      for (auto* set : {&pending_.reads, &pending_.writes})
        std::erase_if(*set, [&](const Value* part) { return inStorage(part) == storage; });
      if (storage) pending_.isAtomic = false;
    }
    pending_.join(next);
  }

  // Where a barrier of shared memory is put that the next operation needs: before the loads of arrays just ahead of it, since a thread
  // waits at a barrier for what it loads. On an H200 a product of f16 whose next operands are loaded after the barrier takes 0.8 of the
  // time.
  std::vector<Inst*>::iterator placeIn(std::vector<Inst*>& out) const {
    auto place = out.end();
    for (auto at = out.end(); at != out.begin();) {
      const Accesses accesses = find(**--at);
      auto isShared = [](const Value* part) { return !inStorage(part); };
      if ((*at)->op == Op::LoBarrier || std::any_of(accesses.reads.begin(), accesses.reads.end(), isShared) ||
          std::any_of(accesses.writes.begin(), accesses.writes.end(), isShared))
        break;
      if (!accesses.reads.empty()) place = at;
    }
    return place;
  }

  void block(Block& b) {
    std::vector<Inst*> out;
    for (size_t k = 0; k < b.insts.size(); ++k) {
      if (!isStore(*b.insts[k])) {
        visit(*b.insts[k], out);
        continue;
      }
      // Stores of one thread that follow each other, with operands that all threads compute before them, need one barrier.
      std::vector<Inst*> stores;
      Accesses next;
      for (; k < b.insts.size() && (isStore(*b.insts[k]) || info(b.insts[k]->op).effects == Effects::Pure); ++k) {
        if (isStore(*b.insts[k])) {
          stores.push_back(b.insts[k]);
          find(*b.insts[k], next);
        } else {
          visit(*b.insts[k], out);
        }
      }
      --k;
      order(next, stores[0]->loc, out);
      out.insert(out.end(), stores.begin(), stores.end());
    }
    for (Inst* i : out) i->parent = &b;
    b.insts = std::move(out);
  }

  void visit(Inst& i, std::vector<Inst*>& out) {
    if (i.op == Op::LoBarrier) return;
    if (i.op == Op::For && i.has(Attr::Threads)) {
      order(find(i), i.loc, out);
    } else if (i.op == Op::For) {
      Accesses hoisted;
      for (const auto& [dot, k] : hoistedBefore(i)) hoisted.reads.insert(partOf(dot->operand(k)));
      order(hoisted, i.loc, out);
      // Accesses of one iteration are pending when the next begins.
      const Accesses before = pending_;
      find(i, pending_);
      block(i.regions[0]->entry());
      pending_.join(before);
    } else if (i.op == Op::If) {
      const Accesses before = pending_;
      Accesses after = pending_;
      for (auto& r : i.regions) {
        if (r->empty()) continue;
        pending_ = before;
        block(r->entry());
        after.join(pending_);
      }
      pending_ = std::move(after);
    } else if (i.op == Op::While) {
      const Accesses before = pending_;
      find(i, pending_);
      for (auto& r : i.regions) block(r->entry());
      pending_ = before;
      find(i, pending_);
    } else {
      order(find(i), i.loc, out);
    }
    out.push_back(&i);
  }

  Func& f_;
  Module& m_;
  const Schedule& schedule_;
  Provenance provenance_;
  const Value anyArray_{};  // the part of pointers whose array is not known
  Accesses pending_;
};

}  // namespace

void insertBarriers(Func& f, Module& m, const Schedule& schedule) { Barriers(f, m, schedule).run(); }

}  // namespace nereid
