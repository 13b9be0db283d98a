// SPDX-License-Identifier: MIT
// How one nest iterates: the decisions of nests.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/affine.h"
#include "schedule/layout.h"

namespace nereid {

struct NestSchedule {
  struct Axis {
    int bits = 0;
    int laneBits = 0;        // of the vector axis: its lowest bits are lanes
    int threadBits = 0;      // log2 of the threads that share it: each takes one of so many steps
    int firstThreadBit = 0;  // of the thread's number
    bool isReduced = false;
    int64_t size() const { return int64_t{1} << bits; }
    int64_t step() const { return int64_t{1} << laneBits; }
    int64_t stride() const { return int64_t{1} << (laneBits + threadBits); }
  };
  // A comparison `index along axis < bound`, which ends the loop instead of masking its body.
  struct Bound {
    const Inst* compare;
    IndexMap map;
    int axis;
    bool isLower;  // `index >= ...`, which usually holds along the whole axis
  };

  std::vector<Axis> axes;                    // the innermost of the tile's index first
  std::vector<int> axisOfBit, bitInAxis;     // by bits of the flat index
  std::vector<int> order;                    // axes, the outermost loop first
  size_t firstReduced = 0;                   // in `order`
  int vectorAxis = -1, contiguousAxis = -1;  // the latter is set even if threads leave no lanes
  int transposedAxis = -1;   // steps by as many elements as there are lanes: blocks are transposed in registers and written along this axis
  int registerLaneBits = 0;  // log2 of the lanes of one register
  const Layout* layout = nullptr;  // of a tile with a layout that the nest touches
  bool unrolled = false;           // the loops over a thread's elements
  int spreadAxis = -1;  // along which neighbouring threads may be `spread` steps apart, a power of two, in pairs of groups of so many
  int spread = 1;
  int jammed = 0;            // iterations of the innermost loop around a reduction that run together; 0: there is no such loop
  bool mayHaveLanes = true;  // no effect or branch needs one element at a time
  std::vector<Bound> bounds;
  std::vector<int> partialThreads;      // of each bit of a partial result's number, the bit of the number of the thread that finds it
  std::optional<Layout> partialLayout;  // of partial results in registers, until subgroups have combined them

  // Versions for what is known only at run time.
  struct Versions {
    // What a load or store accesses.
    struct Access {
      const Inst* inst;
      AffineForms::Interval ends;  // pointers to the first and the last element
      int64_t bytes;               // of an element
    };
    // A run-time test of two accesses, at least one of which writes: do they access disjoint memory, or (`orEqual`) equal addresses?
    struct Test {
      Access x, y;
      bool orEqual;
    };
    bool mayMeet = false;  // reads and writes, or writes
    std::vector<Test> tests;
    std::vector<const Inst*> loads;  // that are written to memory first in the version for accesses that meet
    bool onlyBuffered = false;       // there is no other version: an address is not affine, or the schedule says so
    bool testsStrides = false;       // a version for run-time strides of 1 and indices that do not wrap, and one for others
    bool needsDistinct = false;      // arguments do not overlap: the kernel's schedule says so
  } versions;

  IndexMap identity() const { return mapOf(static_cast<int>(axisOfBit.size())); }
  IndexMap mapOf(int bits) const;
  // From maps to the flat index (axis 0) to maps to these axes.
  IndexMap remap(const IndexMap& map) const;
};

}  // namespace nereid
