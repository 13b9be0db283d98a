// SPDX-License-Identifier: MIT
// Decides which values stay in the registers of threads, and how: the layouts of a kernel's values and nests.
//
//   the elements of a domain       a layout for its shape: neighbouring threads have neighbouring vectors; of a dot, each thread has a
//                                  rectangle, or fragments of subgroup matrices
//   a value that several nests use, an accumulator, the result of a scan    the layout of its domain
//   the result of a reduction      the layout of the domain without the reduced bits: all threads with a part of a row have its value
//   what a loop carries            the layout of the nest that computes it
//
// A nest reads a value in registers if each of its threads has the elements that it needs. Values for which that does not hold are in
// memory.
#pragma once

#include <deque>
#include <map>
#include <set>

#include "analysis/divisibility.h"
#include "schedule/layout.h"
#include "schedule/schedule.h"

namespace nereid {

// Whether subgroup matrices can compute a dot of this shape and these types.
bool fitsMatrices(const Inst& dot, const Schedule& schedule);

class Layouts {
 public:
  // The nests of the schedule are complete.
  Layouts(const Func& kernel, const Schedule& schedule);

  // The layout of the elements of a domain.
  const Layout* domain(const std::vector<int64_t>& shape);
  // The layout of a value in registers; null if it is in memory that all threads share.
  const Layout* of(const Value* v) const;
  // The layout of the memory that a carried value or the result of a branch is written to.
  const Layout* targetOf(const Anchor& carry) const;
  // The layout of what a nest computes; null if it neither reads nor writes registers. `target`: of the copy that it makes.
  const Layout* ofNest(const Nest& nest, FunctionRef<bool(const Value*)> inMemory, FunctionRef<const Layout*(const Value*)> layoutOf,
                       const Layout* target, bool isCopy);
  // A layout without `count` bits of the index.
  const Layout* slice(const Layout& layout, int first, int count);
  // Of so many elements in each thread.
  const Layout* registers(int bits, int threadBits);
  static bool fits(const Layout& nest, const Layout& value, const IndexMap& map);

  bool hasMatrixDots() const { return !matrixDots_.empty(); }
  bool isMatrixDot(const Inst& dot) const { return matrixDots_.count(&dot) > 0; }
  bool isMatrixOperand(const Value* v) const { return matrixOperands_.count(v) > 0; }
  FragmentLayout fragments(const Type& type) const;
  // Whether a loop only adds to the accumulators in this slot, so that they stay in fragments.
  bool staysInFragments(const Inst& loop, size_t slot) const;
  // The next dot of its block that adds to what this dot on subgroup matrices has found, if nobody else reads it; else null.
  const Inst* continuationOf(const Inst& dot) const;

  // The element type of a value in memory; booleans are bytes.
  Type storedType(const Value* v) const;

 private:
  // Values that have one layout. Null: not known yet.
  struct Group {
    std::vector<const Value*> values;
    const Layout* layout = nullptr;
    bool isKept = false;  // in the registers of some layout
    bool isDropped = false;
  };
  struct Access {
    int dimension;  // along which elements are contiguous in memory
    std::optional<int> laneBits;
  };
  void findMatrixDots();
  void findGroups();
  const Layout* combined(const Inst& inst);
  static const Value* resultOf(const Anchor& carry);
  bool isLegal(const Nest& nest, const Layout& layout);
  void assign();
  void adopt(const std::vector<const Nest*>& nests);
  void check(const Nest& nest, FunctionRef<void(const Value*)> drop);
  Access accesses(const std::vector<int64_t>& shape);
  bool isMatrixShape(const Type& type) const;
  void layOutMatrix(const Type& type, Layout& l) const;
  void layOutAccumulators(const Type& type, Layout& l) const;
  void layOutVectors(const Type& type, Layout& l);
  bool inMemory(const Value* v) const { return isInMemory(schedule_, v); }

  const Func& kernel_;
  const Schedule& schedule_;
  const Machine& machine_;
  const int threads_, subgroupBits_;
  Divisibility divisibility_;
  std::map<std::vector<int64_t>, Layout> domains_;  // by shape
  std::set<std::vector<int64_t>> accessed_;         // shapes of loads and stores
  std::deque<Layout> slices_;
  std::vector<Group> groups_;
  PtrMap<const Value*, size_t> groupOf_;
  std::set<const Inst*> matrixDots_;
  std::set<const Value*> matrixOperands_;
};

}  // namespace nereid
