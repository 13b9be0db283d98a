// SPDX-License-Identifier: MIT
// The schedule: what is computed where.
//
// Tile values are virtual. A *root* must iterate: a store, an atomic, a reduction, a scan, a dot, a value that needs a buffer. Roots over
// one domain share a *nest* of loops; everything else is pulled, element by element, by the nests that need it. The plan says which
// roots form which nests, in which order, and which values live in buffers, each with its reason. Lowering obeys it.
#pragma once

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "analysis/index_map.h"
#include "ir/ir.h"
#include "support/ptr_map.h"

namespace nereid {

struct Root {
  enum Kind : uint8_t {
    Effect,   // Store, AtomicRMW, AtomicCAS, Print, Assert: `inst` at every element
    Combine,  // Reduce
    Scan,
    Dot,
    Histogram,
    Sequence,  // MapElementwise with pack > 1
    Buffer,    // `value` is written to its buffer
    Carry,     // operand `slot` of the terminator `inst` is written to the buffer that the next iteration (or the result) reads
  } kind;
  Inst* inst = nullptr;
  Value* value = nullptr;
  size_t slot = 0;
  bool accumulates() const { return kind == Combine || kind == Scan; }
};

struct Nest {
  std::vector<Root> roots;
  std::vector<int64_t> shape;  // of the domain
  int reduceAxis = -1;
  int order = 0;  // position in the program, for those who ask what lies between
};

struct Step {
  Inst* inst = nullptr;  // a scalar operation or control flow; null for a nest
  std::unique_ptr<Nest> nest;
};

// The steps of a block, in order.
struct BlockPlan {
  std::vector<Step> steps;
};

struct Plan {
  PtrMap<const Block*, BlockPlan> blocks;
  // Values in memory and why. Results of roots are there by nature and not listed.
  PtrMap<const Value*, std::string> buffered;
  // Carries (terminator, slot) that must go through a temporary.
  PtrMap<const Inst*, std::vector<bool>> throughTemporary;
  // Root results that may be written straight to the carried buffer: value ⇒ the loop's block argument.
  PtrMap<const Value*, Value*> inPlaceOf;
  // Values in memory of which each thread of a workgroup needs the elements only that it computes itself, if all nests are dealt to threads
  // alike.
  std::set<const Value*> kept;
  bool hasManyNests = false;
};

// With more, as in a sort, a thread's elements are not written out one by one: compilers take their time for such texts.
constexpr size_t kManyNests = 24;

struct PlanOptions {
  // Of a workgroup that shares a program. With more than one, what several nests need stays in the threads' registers, or is computed in
  // each nest: shared memory is dearer than arithmetic.
  int threads = 1;
};

Plan makePlan(const Func& f, const PlanOptions& options = {});
// What is wrong with the order in which a plan reads and writes memory; empty if nothing is. makePlan() stops where this finds something.
std::string findFault(const Func& f, const Plan& plan);
// The plan as text: `emit --stage schedule`. Only of the nests that `emitted` has.
std::string describe(const Func& f, const Plan& plan, const std::set<const Nest*>& emitted);

// Whether a value of this operation is dear to compute again.
bool isDear(const Inst& inst);
// Returns true if a value of this operation is free to recompute. Such a value is read from a buffer only at a computed index, so masks and
// addresses made of it keep their affine form.
bool isTrivial(const Inst& inst);
// Whether nests read `v` from memory instead of computing it.
bool isInMemory(const Plan& plan, const Value* v);
// Whether an instruction works on tiles (has a tile operand or result), other than control flow.
bool touchesTiles(const Inst& inst);
bool isControl(Op op);

// Calls visit(value, map) for everything that `root` pulls, in terms of the bits of its domain (axis 0), down to values that live in
// buffers, block arguments, loads (their pointers too) and constants. `inMemory(v)` says what is not computed but read.
template <class InMemory, class Visit>
void visitPulled(const Root& root, InMemory&& inMemory, Visit&& visit);

IndexMap identityMap(int bits);

namespace detail {
template <class InMemory, class Visit>
struct Puller {
  InMemory& inMemory;
  Visit& visit;
  PtrMap<const Value*, std::vector<IndexMap>> seen;

  // Depth first, with a list of what comes yet: unrolled loops make chains of thousands.
  void pull(Value* root, const IndexMap& rootMap, bool force = false) {
    std::vector<std::pair<Value*, IndexMap>> next{{root, rootMap}};
    while (!next.empty()) {
      auto [v, map] = std::move(next.back());
      next.pop_back();
      if (!v->type.isTile()) continue;
      if (!map.empty() && map[0].axis == IndexBit::kComputed) {
        visit(v, map);
        continue;
      }
      auto& maps = seen[v];
      if (std::find(maps.begin(), maps.end(), map) != maps.end()) continue;
      maps.push_back(map);
      visit(v, map);
      if (!v->def || (!std::exchange(force, false) && inMemory(v)) || !isPullable(*v->def)) continue;
      const Inst& inst = *v->def;
      for (size_t i = inst.operands.size(); i-- > 0;) {
        if (inst.op == Op::Gather && i == 0) {
          // The source is read at computed places: a map that is no map, and never that of the domain.
          auto bits = static_cast<size_t>(std::max(1, inst.operands[0]->type.bits()));
          next.emplace_back(inst.operands[0], IndexMap(bits, {IndexBit::kComputed, 0}));
        } else if (auto m = operandMap(inst, i, map, v->index)) {
          next.emplace_back(inst.operands[i], *m);
        }
      }
    }
  }
};
}  // namespace detail

template <class InMemory, class Visit>
void visitPulled(const Root& root, InMemory&& inMemory, Visit&& visit) {
  detail::Puller<InMemory, Visit> puller{inMemory, visit, {}};
  if (root.kind == Root::Buffer || root.kind == Root::Carry) {
    puller.pull(root.value, identityMap(root.value->type.bits()), root.kind == Root::Buffer);
    return;
  }
  for (Value* v : root.inst->operands)
    if (v->type.isTile()) puller.pull(v, identityMap(v->type.bits()));
}

}  // namespace nereid
