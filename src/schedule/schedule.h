// SPDX-License-Identifier: MIT
// The schedule: what is computed where.
//
// Tile values are virtual. An *anchor operation* must iterate: a store, an atomic, a reduction, a scan, a dot, a value that needs a buffer.
// Anchors over one domain share a *nest* of loops; everything else is inlined, element by element, by the nests that need it. The schedule
// says which anchors form which nests, in which order, and which values live in buffers, each with its reason. Lowering reads it.
#pragma once

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "analysis/index_map.h"
#include "ir/ir.h"
#include "schedule/dot_schedule.h"
#include "schedule/machine.h"
#include "schedule/nest_schedule.h"
#include "support/function_ref.h"
#include "support/ptr_map.h"

namespace nereid {

struct Anchor {
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
  std::vector<Anchor> anchors;
  std::vector<int64_t> shape;  // of the domain
  int reduceAxis = -1;
  int order = 0;           // position in the program
  int number = 0;          // in the order of emission
  bool isScan = false;     // of elements in registers
  bool exclusive = false;  // two versions, the first for launches that nothing runs beside: its atomic operations are loads and stores
  const Inst* prefetched = nullptr;  // the loop of whose next iteration the nest's loads are prefetched
  NestSchedule loops{};              // of nests whose anchors have no algorithm of their own
  DotSchedule dot{};                 // of a nest whose anchor is a dot
};

// Whether a nest has loops: dots, scans in registers, histograms and functions of several elements have algorithms instead.
inline bool hasLoops(const Nest& nest) {
  return !nest.isScan && std::all_of(nest.anchors.begin(), nest.anchors.end(), [](const Anchor& a) {
    return a.kind != Anchor::Dot && a.kind != Anchor::Histogram && a.kind != Anchor::Sequence;
  });
}

struct Step {
  Inst* inst = nullptr;  // a scalar operation or control flow; null for a nest
  std::unique_ptr<Nest> nest;
};

// The steps of a block, in order.
struct BlockSchedule {
  std::vector<Step> steps;
};

// Decisions about the kernel as a whole.
struct KernelSchedule {
  int threads = 1;          // of a workgroup, that share a program: a power of two
  int programs = 1;         // of a workgroup
  bool disjoint = false;    // for launches whose arguments do not overlap
  bool subgroups = false;   // threads whose numbers differ in the lowest five bits exchange values: lo.subgroup_shuffle
  bool matrices = false;    // subgroups multiply matrices: lo.matrix_dot
  bool reloads = false;     // each dot on subgroup matrices loads operands again that others read too, or that are from outside of its loop
  int64_t sharedBytes = 0;  // of shared memory that it may use, if that is more than every device has
};

class DotScheduler;
class Layouts;
class NestScheduler;

struct Candidates;

struct Schedule {
  // The decisions that leave a choice, with their legal values (candidates.h).
  std::vector<Candidates> candidates() const;

  Machine machine;
  KernelSchedule kernel;
  PtrMap<const Block*, BlockSchedule> blocks;
  // Values in memory and why. Results of anchors are there by nature and not listed.
  PtrMap<const Value*, std::string> buffered;
  // Carries (terminator, slot) that must go through a temporary.
  PtrMap<const Inst*, std::vector<bool>> throughTemporary;
  // Anchor results that may be written straight to the carried buffer: value ⇒ the loop's block argument.
  PtrMap<const Value*, Value*> inPlaceOf;
  // Transposed operands of dots on subgroup matrices, which read the memory of the operand that was transposed.
  PtrMap<const Value*, const Value*> transposeOf;
  struct StoredOperand {
    const Value* value;
    bool isTransposed;  // of the operand
  };
  StoredOperand storedOperand(const Inst& dot, size_t k) const {
    auto at = transposeOf.find(dot.operand(k));
    return at == transposeOf.end() ? StoredOperand{dot.operand(k), false} : StoredOperand{at->second, true};
  }
  // Values that stay in the registers of threads: each thread reads only the elements that it computes.
  std::set<const Value*> resident;
  // Buffers with an element more in each row.
  std::set<const Value*> padded;
  bool hasManyNests = false;
  bool isSerial = false;  // if nothing else runs, one thread takes all programs: they are little but atomic operations
  std::shared_ptr<Layouts> layouts{};
  std::shared_ptr<DotScheduler> dots{};
  std::shared_ptr<NestScheduler> scheduler{};  // also for copies from one place to another, which belong to no nest

  // The layouts refer to it.
  struct Pinned {
    Pinned() = default;
    Pinned(Pinned&&) = delete;
  } pinned{};
};

struct Decisions;

// With `decisions`, they replace the defaults. Returns null if one of them is not legal: `why` has the line and the reason.
std::unique_ptr<Schedule> makeSchedule(const Func& f, const Machine& machine, const KernelSchedule& kernel = {},
                                       const Decisions* decisions = nullptr, std::string* why = nullptr);
// What is wrong with the order in which a schedule reads and writes memory; empty if nothing is. makeSchedule() stops where this finds
// something.
std::string findFault(const Func& f, const Schedule& schedule);
// The schedule as text: `emit --stage schedule`.
std::string describe(const Func& f, const Schedule& schedule);

// Whether a value of this operation is expensive to compute again.
bool isExpensive(const Inst& inst);
// Returns true if a value of this operation is free to recompute. Such a value is read from a buffer only at a computed index, so masks and
// addresses made of it keep their affine form.
bool isTrivial(const Inst& inst);
// Whether nests read `v` from memory instead of computing it.
bool isInMemory(const Schedule& schedule, const Value* v);
// Whether an instruction works on tiles (has a tile operand or result), other than control flow.
bool touchesTiles(const Inst& inst);
bool isControl(Op op);

// Calls visit(value, map) for everything that `anchor` inlines, in terms of the bits of its domain (axis 0), down to values that live in
// buffers, block arguments, loads (their pointers too) and constants. `inMemory(v)` says what is not computed but read.
void visitInlined(const Anchor& anchor, FunctionRef<bool(const Value*)> inMemory, FunctionRef<void(Value*, const IndexMap&)> visit);

IndexMap identityMap(int bits);

}  // namespace nereid
