// SPDX-License-Identifier: MIT
// Places each lo.alloc in an address space.
//
//   lo.alloc {bytes = 4096, offset = 128}   =>   lo.alloc {bytes = 4096, offset = 0, space = "vectors"}
//
// Allocations that are not live at the same time share memory.
//
//   private        registers of each thread
//   accumulators   of subgroup matrices, in registers of subgroups
//   operand        of subgroup matrices, in an `array` of vectors of `unit` elements, with rows of `columns` elements
//   fragment       one fragment of accumulators per subgroup, on the way between those and threads; in an `array`, too
//   vectors        shared memory that is written 16 bytes at a time only, so that it can be read so
//   scratch        other shared memory, in words
//   storage        all of that in a buffer instead, where shared memory is too small
#include <algorithm>
#include <set>

#include "analysis/provenance.h"
#include "support/ptr_map.h"
#include "workgroup/access.h"
#include "workgroup/passes.h"

namespace nereid {

namespace {

class Placement {
 public:
  Placement(Func& f, const Schedule& schedule) : f_(f), schedule_(schedule), provenance_(f), divisibility_(f) {}

  bool run() {
    walk(f_.body, [&](Inst& i) {
      if (i.op != Op::LoAlloc) return;
      i.set(Attr::Space, std::string(i.has(Attr::Private) ? "private" : "scratch"));
      if (!i.has(Attr::Private)) scratch_.push_back(&i);
    });
    walk(f_.body, [&](Inst& i) { placeMatrices(i); });
    chooseUnits();
    std::erase_if(scratch_, [](const Inst* i) { return i->text(Attr::Space) != "scratch"; });
    numberAccesses();
    extendLives();
    shareArrays();
    if (pack(scratch_) > room())
      for (Inst* i : scratch_) i->set(Attr::Space, std::string("storage"));
    else
      findVectors();
    return fits_;
  }

 private:
  int64_t room() const { return std::max(schedule_.machine.sharedBytes, schedule_.kernel.sharedBytes); }

  Inst* allocation(const Value* pointer) { return const_cast<Inst*>(provenance_.allocation(pointer)); }

  void placeMatrices(Inst& i) {
    auto place = [&](const Value* pointer, const char* space) {
      Inst* alloc = allocation(pointer);
      if (alloc->text(Attr::Space) != space) alloc->set(Attr::Space, std::string(space));
      return alloc;
    };
    if (i.op == Op::LoMatrixGet || i.op == Op::LoMatrixPut) {
      Inst* alloc = place(i.operand(i.op == Op::LoMatrixGet ? 0 : 1), "fragment");
      if (std::find(fragments_.begin(), fragments_.end(), alloc) == fragments_.end()) fragments_.push_back(alloc);
    }
    if (i.op != Op::LoMatrixDot) return;
    place(i.operand(0), "accumulators");
    const auto &shape = i.list(Attr::Shape), &transposed = i.list(Attr::Transposed);
    const int64_t columns[] = {transposed[0] ? shape[0] : shape[2], transposed[1] ? shape[2] : shape[1]};
    for (size_t k = 0; k < 2; ++k) {
      Inst* alloc = place(i.operand(k + 1), "operand");
      if (std::find(operands_.begin(), operands_.end(), alloc) != operands_.end()) continue;
      alloc->set(Attr::Columns, columns[k]);
      operands_.push_back(alloc);
    }
  }

  // Arrays of operands are of vectors as wide as all that is written.
  void chooseUnits() {
    for (Inst* alloc : operands_) alloc->set(Attr::Unit, 16 / byteSize(alloc->result()->type.pointee()));
    walk(f_.body, [&](const Inst& i) {
      if (!isStore(i)) return;
      Inst* alloc = allocation(i.operand(0));
      if (!alloc || alloc->text(Attr::Space) != "operand") return;
      const int64_t perWord = 4 / byteSize(alloc->result()->type.pointee());
      const int64_t unit = std::max<int64_t>(1, perWord * wordsAtOnce(i, i.operand(1), divisibility_));
      alloc->set(Attr::Unit, std::min(alloc->integer(Attr::Unit), unit));
      // There is no array of single bytes.
      fits_ &= perWord != 4 || unit > 1;
    });
  }

  // When an allocation is live, as the numbers of instructions.
  struct Access {
    int at;
    bool writes;
  };
  struct Life {
    int first = INT32_MAX, last = -1;
    bool inLoop = false;             // a write is
    const Region* branch = nullptr;  // that all accesses are in,
    bool isConditional = false;      // or not
    std::vector<Access> accesses{};  // in order
  };

  void numberAccesses() {
    auto add = [&](const Value* pointer, int at, bool writes, const Inst& inst) {
      const Inst* alloc = allocation(pointer);
      if (!alloc || alloc->has(Attr::Private)) return;
      Life& life = lives_[alloc];
      life.first = std::min(life.first, at);
      life.last = std::max(life.last, at);
      const Region* branch = nullptr;  // the innermost; within a loop over threads, a branch only says which of them write
      for (const Block* b = inst.parent; b && b->parent && b->parent->parent; b = b->parent->parent->parent) {
        const Inst* parent = b->parent->parent;
        life.inLoop |= writes && parent->op == Op::For && !parent->has(Attr::Threads);
        if (parent->has(Attr::Threads)) branch = nullptr;
        if (!branch && (parent->op == Op::If || parent->op == Op::While)) branch = b->parent;
      }
      if (life.accesses.empty()) life.branch = branch;
      life.isConditional |= life.branch != branch || (branch && (branch->parent->op == Op::While || (life.accesses.empty() && !writes)));
      life.accesses.push_back({at, writes});
    };
    auto visit = [&](auto& self, const Region& region) -> void {
      for (const Block* b : region.blocks)
        for (const Inst* i : b->insts) {
          int at = next_++;
          if (isStore(*i) || isLoad(*i) || isAtomic(*i)) add(i->operand(0), at, !isLoad(*i), *i);
          if (i->op == Op::LoMatrixGet) add(i->operand(0), at, true, *i);
          if (i->op == Op::LoMatrixPut) add(i->operand(1), at, false, *i);
          for (size_t k = 1; k < 3 && i->op == Op::LoMatrixDot; ++k)
            if (!isHoisted(*i, k)) add(i->operand(k), at, false, *i);
          for (const auto& [dot, k] : hoistedBefore(*i)) add(dot->operand(k), at, false, *i);
          for (auto& r : i->regions) self(self, *r);
          if (i->op == Op::For && i->has(Attr::Threads)) threadLoops_.push_back({at, next_});
          if ((i->op == Op::For && !i->has(Attr::Threads)) || i->op == Op::While) loops_.push_back({at, next_});
        }
    };
    visit(visit, f_.body);
  }

  // An allocation that an iteration reads before it writes, or that is read outside, is live all along the loop. The innermost loops come
  // first.
  void extendLives() {
    std::vector<const Inst*> all(operands_.begin(), operands_.end());
    all.insert(all.end(), fragments_.begin(), fragments_.end());
    all.insert(all.end(), scratch_.begin(), scratch_.end());
    for (const Inst* alloc : all) {
      Life& life = lives_[alloc];
      // Threads run a loop at the same time.
      for (const auto& range : threadLoops_) {
        auto isInside = [&](const Access& a) { return a.at > range.first && a.at < range.second; };
        if (std::none_of(life.accesses.begin(), life.accesses.end(), isInside)) continue;
        life.first = std::min(life.first, range.first);
        life.last = std::max(life.last, range.second - 1);
      }
      for (const auto& range : loops_) {
        const Access* first = nullptr;
        bool outside = false;
        for (const Access& a : life.accesses) {
          bool inside = a.at > range.first && a.at < range.second;
          if (inside && !first) first = &a;
          outside |= !inside;
        }
        if (!first || (!outside && first->writes)) continue;
        life.first = std::min(life.first, range.first);
        life.last = std::max(life.last, range.second - 1);
      }
      // Some branch may write it long before it is read.
      if (life.isConditional) {
        life.first = 0;
        life.last = next_;
      }
    }
  }

  // Allocations share as few arrays as are needed for the memory of all of them to fit, and for as many workgroups as possible to run.
  void shareArrays() {
    const int64_t most = schedule_.machine.maxSharedBytes;
    struct Way {
      bool operands, fragments;
    };
    const Way ways[] = {{false, false}, {false, true}, {true, true}};
    const Way* best = nullptr;
    int64_t workgroups = 0;
    for (const Way& way : ways)
      if (const int64_t n = most / std::max<int64_t>(1, shareArrays(way.operands, way.fragments)); !best || n > workgroups) {
        // Stores of operands that share an array with others may be narrower.
        if (best && way.operands && workgroups > 0) break;
        best = &way;
        workgroups = n;
      }
    chooseUnits();
    shareArrays(best->operands, best->fragments);
  }

  // Operands whose vectors are as wide share an array, in which those that are not live at the same time overlap; with `all`, others too.
  // With `fragments`, those share them. Returns the bytes of all arrays.
  int64_t shareArrays(bool all, bool withFragments) {
    std::vector<std::vector<Inst*>> arrays;
    auto add = [&](Inst* alloc, size_t array) {
      if (array == arrays.size()) arrays.emplace_back();
      alloc->set(Attr::Array, static_cast<int64_t>(array));
      arrays[array].push_back(alloc);
    };
    for (Inst* alloc : operands_) {
      const int64_t unit = alloc->integer(Attr::Unit);
      size_t array = 0;
      for (; array < arrays.size(); ++array) {
        const Inst* host = arrays[array][0];
        if (host->result()->type != alloc->result()->type) continue;
        const int64_t both = std::min(unit, host->integer(Attr::Unit));
        // In loops, stores keep their width.
        bool fits = all || both == unit || !lives_.at(alloc).inLoop;
        for (const Inst* other : arrays[array]) fits &= all || both == host->integer(Attr::Unit) || !lives_.at(other).inLoop;
        if (!fits) continue;
        alloc->set(Attr::Unit, both);
        for (Inst* other : arrays[array]) other->set(Attr::Unit, both);
        break;
      }
      add(alloc, array);
    }
    // Accumulators leave fragments through the memory of operands, if those are in vectors of 16 bytes.
    for (Inst* alloc : fragments_) {
      auto fits = [&](const std::vector<Inst*>& array) {
        const Inst& host = *array[0];
        const int64_t unitBytes = host.integer(Attr::Unit) * byteSize(host.result()->type.pointee());
        return host.text(Attr::Space) == "fragment" || (withFragments && unitBytes == 16);
      };
      add(alloc, static_cast<size_t>(std::find_if(arrays.begin(), arrays.end(), fits) - arrays.begin()));
    }
    int64_t bytes = 0;
    for (const auto& array : arrays) bytes += pack(array);
    return bytes;
  }

  // Gives each allocation the lowest place where no other one is live at the same time. Returns the bytes in all.
  int64_t pack(const std::vector<Inst*>& allocs) {
    int64_t all = 0;
    for (size_t k = 0; k < allocs.size(); ++k) {
      const Life& life = lives_[allocs[k]];
      const int64_t bytes = sharedBytesOf(*allocs[k], schedule_);
      int64_t at = 0;
      for (bool moved = true; moved;) {
        moved = false;
        for (size_t j = 0; j < k; ++j) {
          const Life& other = lives_[allocs[j]];
          const int64_t begin = allocs[j]->integer(Attr::Offset), end = begin + sharedBytesOf(*allocs[j], schedule_);
          if (life.last < other.first || other.last < life.first || at + bytes <= begin || end <= at) continue;
          at = end;
          moved = true;
        }
      }
      allocs[k]->set(Attr::Offset, at);
      all = std::max(all, at + bytes);
    }
    return all;
  }

  // A part of a vector must not be written while another thread writes its neighbours.
  void findVectors() {
    PtrMap<const Value*, const Inst*> into;
    std::set<const Inst*> vectors(scratch_.begin(), scratch_.end());
    for (const Inst* i : scratch_) into[i->result()] = i;
    walk(f_.body, [&](const Inst& i) {
      for (const Value* v : i.operands) {
        auto at = into.find(v);
        if (at == into.end()) continue;
        bool isAddress = v == i.operand(0) && (isLoad(i) || i.op == Op::LoStore);
        if (i.op == Op::AddPtr || i.op == Op::LoSplat)
          into[i.result()] = at->second;
        else if (!isAddress || (i.op == Op::LoStore && wordsAtOnce(i, i.operand(1), divisibility_) != 4))
          vectors.erase(at->second);
      }
    });
    std::vector<Inst*> wide, rest;
    for (Inst* i : scratch_) (vectors.count(i) ? wide : rest).push_back(i);
    // Two arrays share no bytes.
    if (pack(wide) + pack(rest) > room()) {
      pack(scratch_);
      return;
    }
    for (Inst* i : wide) i->set(Attr::Space, std::string("vectors"));
  }

  Func& f_;
  const Schedule& schedule_;
  Provenance provenance_;
  Divisibility divisibility_;
  std::vector<Inst*> scratch_, operands_, fragments_;
  PtrMap<const Inst*, Life> lives_;
  std::vector<std::pair<int, int>> loops_, threadLoops_;
  int next_ = 0;
  bool fits_ = true;
};

}  // namespace

bool placeMemory(Func& f, const Schedule& schedule) { return Placement(f, schedule).run(); }

}  // namespace nereid
