// SPDX-License-Identifier: MIT
// The nest that is being emitted: how it iterates, which of its loops are open, and what is known of its masks.
#pragma once

#include <map>

#include "ir/builder.h"
#include "schedule/nests.h"
#include "support/ptr_map.h"

namespace nereid {

// A tile in scratch memory, row-major; or, with a layout, in registers, the elements of a thread side by side.
struct BufferRef {
  Value* base = nullptr;  // lowered pointer
  Type element;           // as stored; booleans are bytes
  const Layout* layout = nullptr;
  int paddedBits = 0;  // not 0: these are the bits of a row, and behind each row is one more element
  int transposed = 0;  // not 0: columns come first, and these are the bits of a column's number
};

// An axis of the nest.
struct Axis : NestSchedule::Axis {
  Value* thread = nullptr;  // number of this thread among those that share it, i64
  Value* iv = nullptr;      // index of the first lane, i64; null until its loop is open
  int level = 0;
};

struct OpenNest {
  const Nest* source = nullptr;       // null for loops of a dot, a scan or a histogram
  const BufferRef* target = nullptr;  // of a copy: where the tile goes
  NestSchedule schedule;
  std::vector<Axis> axes;
  int baseLevel = 0;                        // where the nest stands: what reads memory stays inside
  PtrMap<const Value*, BufferRef> filling;  // buffers that it writes: others read them when it is done
  // Masks as bounds of loops: what holds in the current segment.
  struct Fact {
    bool holds;
    int level;  // of the loop inside which
  };
  std::map<std::pair<const Inst*, IndexMap>, Fact> facts;

  void use(NestSchedule s) {
    schedule = std::move(s);
    axes.clear();
    for (const NestSchedule::Axis& a : schedule.axes) axes.push_back({a});
  }
  // Loops without a vector axis, at this level.
  void beginPlain(int level) {
    facts.clear();
    schedule.bounds.clear();
    schedule.vectorAxis = -1;
    baseLevel = level;
  }

  template <class Number>
  Axis& axis(Number number) {
    return axes[static_cast<size_t>(number)];
  }
  template <class Number>
  const Axis& axis(Number number) const {
    return axes[static_cast<size_t>(number)];
  }
  Axis& vectorAxis() { return axis(schedule.vectorAxis); }
  const Axis& vectorAxis() const { return axis(schedule.vectorAxis); }
  int lanes() const { return schedule.vectorAxis < 0 ? 1 : static_cast<int>(vectorAxis().step()); }
  // Whether an index differs between the lanes of a vector.
  bool usesLanes(const IndexMap& map) const {
    if (schedule.vectorAxis < 0) return false;
    for (IndexBit b : map)
      if (b.axis == schedule.vectorAxis && b.bit < vectorAxis().laneBits) return true;
    return false;
  }
};

}  // namespace nereid
