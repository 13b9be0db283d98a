// SPDX-License-Identifier: MIT
// Decides how one nest iterates: its axes and their order, lanes, the mapping of threads, and which masks become bounds of loops.
//
// The bits of the domain's index are distributed to axes: one loop each, cut only where an access demands it. One axis is the vector axis.
#pragma once

#include "analysis/affine.h"
#include "analysis/divisibility.h"
#include "analysis/operands.h"
#include "schedule/decision.h"
#include "schedule/layouts.h"
#include "schedule/nest_schedule.h"

namespace nereid {

class NestScheduler {
 public:
  NestScheduler(const Func& kernel, const Schedule& schedule, Layouts& layouts)
      : schedule_(schedule),
        machine_(schedule.machine),
        threads_(schedule.kernel.threads),
        layouts_(layouts),
        kernel_(kernel),
        divisibility_(kernel) {
    walk(kernel.body, [&](const Inst& inst) { number_.emplace(&inst, static_cast<int>(number_.size())); });
  }

  struct Request {
    bool isCopy = false;             // of one value to another place
    bool anyLayout = false;          // split only where accesses demand it: the caller reads tiles in registers itself
    const Layout* target = nullptr;  // of that place
    const Layout* like = nullptr;    // of the nest that this one is a part of
    bool isExclusive = false;        // the version without atomic operations
    bool isFallback = false;         // the version for unusual arguments: small code
    const Choose* choose = nullptr;  // answers instead of the defaults
    bool mayTranspose = false;       // the buffer that it fills
    // Values that are in memory, or in another layout, only while this nest runs.
    PtrMap<const Value*, const Layout*> stored{};
  };
  NestSchedule schedule(const Nest& nest, const Request& request);
  // Only the axes.
  NestSchedule split(const Nest& nest, const Request& request);
  bool isTransposed(const Value* v) const { return transposed_.count(v) > 0; }
  // The estimated cost of the last schedule(), whose result `s` is.
  int64_t cost(const Nest& nest, const NestSchedule& s);

 private:
  friend class NestDecider;
  void splitAxes(const Nest& nest, NestSchedule& s);
  // What a nest accesses and computes.
  struct Work {
    struct Access {
      const Value* ptr;
      IndexMap map;
      bool isBuffer;
    };
    std::vector<Access> accesses;
    size_t operations = 0, expensive = 0;
    int widest = 8, narrowest = 32;      // bits of an element
    bool mayHaveLanes = true;            // no effect or branch needs one element at a time
    bool scans = false, isHuge = false;  // huge: its expansion fills pages
  };
  Work workOf(const Nest& nest, const NestSchedule& s) const;
  Stride strideAlong(const Work::Access& access, const NestSchedule& s, int axis, int laneBits);
  int64_t bytesMoved(const Work::Access& access, const NestSchedule& s);
  bool isStore(const Anchor& a) const;
  int lanesCost(const Work& work, const NestSchedule& s, int axis, int laneBits);
  int bestAxis(const Nest& nest, const Work& work, const NestSchedule& s, int laneBits);
  bool areAligned(const Work& work, const NestSchedule& s, int lanes);
  int unrollOf(const Nest& nest, const Work& work, const NestSchedule& s) const;
  void chooseVector(const Nest& nest, NestSchedule& s);
  void chooseTransposed(const Nest& nest, const Work& work, NestSchedule& s);
  int jammedAxis(const Nest& nest, const NestSchedule& s) const;
  void chooseJammed(const Nest& nest, NestSchedule& s);
  void orderAxes(NestSchedule& s) const;
  Stride strideAlong(const Value* ptr, const IndexMap& map, int axis, int bits, int laneBits);
  bool mayTranspose(const Nest& nest, const NestSchedule& s, int axis) const;
  bool mayScanLanes(const Nest& nest, const NestSchedule& s, int axis) const;
  void decide(const Nest& nest, NestSchedule& s, Choose choose);
  void findBounds(const Nest& nest, NestSchedule& s);
  void findVersions(const Nest& nest, NestSchedule& s);
  void findMeetings(const Nest& nest, NestSchedule& s);
  bool hasUnknownStrides(const Nest& nest, const NestSchedule& s);
  bool readsRegisters(const Value* v) const;
  // The layout of a value that a nest reads; null if it is in memory that all threads share.
  const Layout* layoutOf(const Value* v) const;
  void findLayout(const Nest& nest, NestSchedule& s);
  void mapThreads(const Nest& nest, NestSchedule& s) const;
  void placePartials(NestSchedule& s) const;
  bool transposes(const Nest& nest, const NestSchedule& s) const;
  void spreadThreads(const Nest& nest, NestSchedule& s) const;
  bool isMatrixBuffer(const Nest& nest) const;  // whether it stores one operand of subgroup matrices
  static int firstThreadBit(size_t axis, const NestSchedule& s);
  bool isShort(const Nest& nest, const NestSchedule& s) const;
  bool inMemory(const Value* v) const { return isInMemory(schedule_, v) || request_->stored.count(v); }
  // Whether a nest reads `v` from memory.
  bool isStored(const Value* v) const;

  const Schedule& schedule_;
  const Machine& machine_;
  const int threads_;
  Layouts& layouts_;
  const Func& kernel_;
  Divisibility divisibility_;
  AffineForms forms_;
  PtrMap<const Inst*, int> number_;    // in the order of the source
  std::set<const Value*> transposed_;  // operands of subgroup matrices with columns first
  const Request* request_ = nullptr;
  const Nest* nest_ = nullptr;
};

}  // namespace nereid
