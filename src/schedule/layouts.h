// SPDX-License-Identifier: MIT
// Decides which values stay in the registers of threads, and how: the layouts of a kernel's tiles.
//
//   a value that several nests use     resident: each thread keeps its elements
//   an accumulator that a loop carries resident, in the layout of its dot
//   row maxima and sums of a dot       replicated: every thread with elements of a row has its value
//   a dot on subgroup matrices         in fragments; its operands are in shared memory as they are
#pragma once

#include <map>
#include <set>

#include "analysis/divisibility.h"
#include "schedule/layout.h"
#include "schedule/schedule.h"

namespace nereid {

class Layouts {
 public:
  // The nests of the schedule are complete.
  Layouts(const Func& kernel, const Schedule& schedule);

  // The layout of tiles of a shape. A thread has a rectangle of a dot's accumulators, its columns in groups of lanes.
  const Layout* of(const Type& type);
  const Layout* ofDot(const std::vector<int64_t>& shape);  // null if no dot has this shape
  const Layout* replicated(const Value* v) const;
  bool isReplicated(const Value* v) const { return replicated_.count(v) > 0; }
  const Layout* resident(const Value* v);  // null if the value is in memory that all threads share
  // The layout of a tile that a loop carries, if all its uses can have the same and it fits in registers; otherwise null.
  const Layout* carried(const Inst& loop, size_t slot);
  // One element per thread.
  const Layout* onePerThread();

  bool hasMatrixDots() const { return !matrixDots_.empty(); }
  bool isMatrixDot(const Inst& dot) const { return matrixDots_.count(&dot) > 0; }
  bool isMatrixOperand(const Value* v) const { return matrixOperands_.count(v) > 0; }
  FragmentLayout fragments(const Type& type) const;
  // Whether a loop only adds to the accumulators in this slot, so that they stay in fragments.
  bool staysInFragments(const Inst& loop, size_t slot) const;

  // The element type of a value in memory; booleans are bytes.
  Type storedType(const Value* v) const;

 private:
  const Layout* replicatedRows(const std::vector<int64_t>& shape);
  void findMatrixDots();
  void findReplicated();
  int accessBits(const Type& type);
  bool isMatrixShape(const Type& type) const;
  void layOutMatrix(const Type& type, Layout& l) const;
  bool haveSameLayout(const std::vector<const Value*>& values, const std::vector<int64_t>& shape) const;
  bool inMemory(const Value* v) const { return isInMemory(schedule_, v); }

  const Func& kernel_;
  const Schedule& schedule_;
  const Machine& machine_;
  const int threads_, subgroupBits_;
  Divisibility divisibility_;
  std::map<std::vector<int64_t>, Layout> layouts_;  // by shape
  PtrMap<const Value*, const Layout*> replicated_;
  std::set<const Inst*> matrixDots_;
  std::set<const Value*> matrixOperands_;
};

}  // namespace nereid
