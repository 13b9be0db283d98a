// SPDX-License-Identifier: MIT
// Inserts barriers where an access of one thread must follow an access of another.
//
//   scf.for %t = 0 to 64 {threads} { lo.store %p, ... }           scf.for %t = 0 to 64 {threads} { lo.store %p, ... }
//   scf.for %t = 0 to 64 {threads} { lo.load %p }           =>    lo.barrier {space = "workgroup"}
//                                                                 scf.for %t = 0 to 64 {threads} { lo.load %p }
//
// A loop over threads gives each thread one iteration; nothing makes a thread wait at its end. Accesses meet if they may be to the same
// bytes of an allocation or array (places.h) and one of them writes. Within a loop over threads accesses of different threads do not meet
// (the schedule sees to it). Code outside of such loops is run by all threads, except stores, which one thread runs.
#include <algorithm>
#include <map>

#include "analysis/provenance.h"
#include "ir/builder.h"
#include "workgroup/access.h"
#include "workgroup/passes.h"
#include "workgroup/places.h"

namespace nereid {

namespace {

// The places of accesses to each allocation or array.
class PlacesOf {
 public:
  void add(const Value* part, const Place& place) {
    // Each access is compared with all before it, so very many are one that may be anywhere.
    constexpr size_t kMost = 64;
    std::vector<Place>& places = parts_[part];
    if ((!places.empty() && !places[0].isKnown) || std::find(places.begin(), places.end(), place) != places.end()) return;
    if (!place.isKnown || places.size() == kMost)
      places.assign(1, Place{});
    else
      places.push_back(place);
  }
  const std::map<const Value*, std::vector<Place>>& parts() const { return parts_; }
  template <class F>
  void eraseIf(F&& isErased) {
    std::erase_if(parts_, [&](const auto& part) { return isErased(part.first); });
  }

 private:
  std::map<const Value*, std::vector<Place>> parts_;
};

// Accesses of threads since the last barrier of their kind.
struct Accesses {
  PlacesOf reads, writes;
  bool isAtomic = false;  // arrays: accesses before and after must stay there

  void join(const Accesses& other) {
    for (auto [to, from] : {std::pair(&reads, &other.reads), std::pair(&writes, &other.writes)})
      for (const auto& [part, places] : from->parts())
        for (const Place& place : places) to->add(part, place);
    isAtomic |= other.isAtomic;
  }
};

class Barriers {
 public:
  Barriers(Func& f, Module& m, const Schedule& schedule) : f_(f), m_(m), schedule_(schedule), provenance_(f), places_(provenance_) {}

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

  void find(const Inst& i, Accesses& out) {
    if (isStore(i) || isLoad(i) || isAtomic(i)) {
      const Inst* alloc = provenance_.allocation(i.operand(0));
      if (alloc && alloc->has(Attr::Private)) return;
      const Place place = places_.of(i);
      if (!isStore(i)) out.reads.add(partOf(i.operand(0)), place);
      if (!isLoad(i)) out.writes.add(partOf(i.operand(0)), place);
      out.isAtomic |= isAtomic(i);
    }
    for (size_t k = 1; k < 3 && i.op == Op::LoMatrixDot; ++k)
      if (!isHoisted(i, k)) out.reads.add(partOf(i.operand(k)), {});
    for (const auto& [dot, k] : hoistedBefore(i)) out.reads.add(partOf(dot->operand(k)), {});
    if (i.op == Op::LoMatrixGet) out.writes.add(partOf(i.operand(0)), {});
    if (i.op == Op::LoMatrixPut) out.reads.add(partOf(i.operand(1)), {});
    for (auto& r : i.regions)
      for (const Block* b : r->blocks)
        for (const Inst* inside : b->insts) find(*inside, out);
  }
  Accesses find(const Inst& i) {
    Accesses out;
    find(i, out);
    return out;
  }

  Accesses ofOtherIteration(const Inst& loop) {
    const Accesses all = find(loop);
    Accesses out;
    for (auto [to, from] : {std::pair(&out.reads, &all.reads), std::pair(&out.writes, &all.writes)})
      for (const auto& [part, places] : from->parts())
        for (const Place& place : places) to->add(part, Places::before(place, loop));
    out.isAtomic = all.isAtomic;
    return out;
  }

  static bool mayMeet(const std::vector<Place>& a, const std::vector<Place>& b) {
    return std::any_of(a.begin(), a.end(), [&](const Place& x) {
      return std::any_of(b.begin(), b.end(), [&](const Place& y) { return Places::mayMeet(x, y); });
    });
  }

  // A barrier of each kind of memory in which `next` would meet what is pending.
  void order(const Accesses& next, Loc loc, std::vector<Inst*>& out) {
    auto meets = [this](const PlacesOf& a, const PlacesOf& b, bool storage) {
      for (const auto& [part, places] : a.parts())
        for (const auto& [other, others] : b.parts())
          if (inStorage(part) == storage && overlap(part, other) && mayMeet(places, others)) return true;
      return false;
    };
    auto any = [](const Accesses& a) {
      auto isArray = [](const auto& part) { return !part.first->def; };
      return std::any_of(a.reads.parts().begin(), a.reads.parts().end(), isArray) ||
             std::any_of(a.writes.parts().begin(), a.writes.parts().end(), isArray);
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
      for (PlacesOf* places : {&pending_.reads, &pending_.writes})
        places->eraseIf([&](const Value* part) { return inStorage(part) == storage; });
      if (storage) pending_.isAtomic = false;
    }
    pending_.join(next);
  }

  // Where a barrier of shared memory is put that the next operation needs: before the loads of arrays just ahead of it, since a thread
  // waits at a barrier for what it loads. On an H200 a product of f16 whose next operands are loaded after the barrier takes 0.8 of the
  // time.
  std::vector<Inst*>::iterator placeIn(std::vector<Inst*>& out) {
    auto place = out.end();
    for (auto at = out.end(); at != out.begin();) {
      const Accesses accesses = find(**--at);
      auto isShared = [](const auto& part) { return !inStorage(part.first); };
      const auto &reads = accesses.reads.parts(), &writes = accesses.writes.parts();
      if ((*at)->op == Op::LoBarrier || std::any_of(reads.begin(), reads.end(), isShared) ||
          std::any_of(writes.begin(), writes.end(), isShared))
        break;
      if (!reads.empty()) place = at;
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
      for (const auto& [dot, k] : hoistedBefore(i)) hoisted.reads.add(partOf(dot->operand(k)), {});
      order(hoisted, i.loc, out);
      // Accesses of one iteration are pending when the next begins.
      const Accesses before = pending_;
      pending_.join(ofOtherIteration(i));
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
      const Accesses before = pending_, other = ofOtherIteration(i);
      pending_.join(other);
      for (auto& r : i.regions) block(r->entry());
      pending_ = before;
      pending_.join(other);
    } else {
      order(find(i), i.loc, out);
    }
    out.push_back(&i);
  }

  Func& f_;
  Module& m_;
  const Schedule& schedule_;
  Provenance provenance_;
  Places places_;
  const Value anyArray_{};  // the part of pointers whose array is not known
  Accesses pending_;
};

}  // namespace

void insertBarriers(Func& f, Module& m, const Schedule& schedule) { Barriers(f, m, schedule).run(); }

}  // namespace nereid
