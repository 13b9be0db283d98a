// SPDX-License-Identifier: MIT
// The state of lowering one kernel, shared by the files of this folder:
//   lowering.cpp  blocks, scalars, control flow, buffers
//   elements.cpp  one element (or a vector of them) of a virtual tile, where it is needed
//   affine.cpp    code for affine forms: addresses and bounds
//   nest.cpp      a nest and its versions
//   loops.cpp     its loops and accumulators, and the anchors at each index
//   threads.cpp   its elements in the threads of a workgroup, also of dots
//   reduce.cpp    the partial results of threads
//   dot.cpp       register tiles of a dot; histograms
//   scan.cpp      scans of elements in registers
//   matrix.cpp    dots on subgroup matrices
//   prefetch.cpp  what the next iteration around a dot or a reduction reads
#pragma once

#include <algorithm>
#include <bit>
#include <map>
#include <set>
#include <tuple>

#include "analysis/affine.h"
#include "analysis/divisibility.h"
#include "analysis/ranges.h"
#include "ir/builder.h"
#include "lower/loop_writer.h"
#include "lower/lower.h"
#include "lower/open_nest.h"
#include "schedule/nests.h"
#include "support/function_ref.h"
#include "support/ptr_map.h"

namespace nereid {

// A lowered value and the loop level where it is there: 0 before the nest, k inside its k-th loop.
struct Lowval {
  Value* v = nullptr;
  int level = 0;
  bool isVector() const { return v && v->type.isVector(); }
};

// Loops around products on matrix units read ahead what the next iteration needs. `own`: allocations of threads' own elements.
void prefetch(Func& f, Module& m, const Machine& machine, std::vector<Inst*>& own);
// Quotients and remainders of threads that do not change in a loop are computed before it. `own`: as above.
void keepInvariants(Func& f, Module& m, const Machine& machine, std::vector<Inst*>& own);

class Lowering {
 public:
  Lowering(const Func& kernel, const Schedule& schedule, Diags& diags)
      : kernel_(kernel), schedule_(schedule), diags_(diags), divisibility_(kernel), code_(kernel) {}
  Result<Lowered> run();

 private:
  // ---- lowering.cpp
  void emitBlock(const Block& block);
  void emitInst(const Inst& inst);  // a scalar operation or control flow
  void emitFor(const Inst& inst);
  void emitIf(const Inst& inst);
  void emitWhile(const Inst& inst);
  void emitPrint(const Inst& print, Value* value, Value* element);
  void emitScalarMemory(const Inst& inst);
  void finishCarries(const Inst& terminator, const std::vector<BufferRef>& targets, const std::vector<BufferRef>& temporaries);
  Value* scalar(const Value* v);
  BufferRef allocate(const Value* v);
  BufferRef allocateElements(Type element, int64_t count, const Layout* layout = nullptr);
  void writeTable(const Inst& inst);
  void copyTile(const Value* v, const BufferRef& to);  // an ad-hoc nest that writes v to `to`
  bool inMemory(const Value* v) const;
  Value* constant(Type type, uint64_t bits) { return code_.constant(type, bits); }
  Value* index(int64_t value) { return constant(Type::scalar(Elem::I64), static_cast<uint64_t>(value)); }
  Builder at(int level) { return code_.at(level); }
  int top() const { return code_.top(); }
  const Machine& machine() const { return schedule_.machine; }
  int threadCount() const { return schedule_.kernel.threads; }  // that share a program
  int subgroupBits() const { return log2(machine().subgroupThreads); }
  Layouts& layouts() const { return *schedule_.layouts; }
  NestScheduler& scheduler() const { return *schedule_.scheduler; }
  bool fail(Loc loc, std::string text, std::string hint = {});

  // ---- elements.cpp
  Lowval valueAt(Value* v, const IndexMap& map);
  void computeChain(Value* v, const IndexMap& map);
  Lowval computeAt(Value* v, const IndexMap& map);
  Lowval loadAt(const Inst& load, const IndexMap& map);
  void prefetchNext(const Inst& load, Lowval pointer, int count);
  using Changes = PtrMap<const Value*, std::optional<Lowval>>;
  std::optional<Lowval> changeOf(const Value* v, const Inst& loop, Changes& known, int depth);
  std::optional<Lowval> findChange(const Value* v, const Inst& loop, Changes& known, int depth);
  std::optional<Lowval> loadInPieces(const Inst& load, const IndexMap& map);
  std::optional<Lowval> divideLanes(const Inst& inst, const IndexMap& map);
  std::optional<Lowval> divideByPower(const Inst& inst, Lowval x, Lowval y);
  std::optional<Lowval> compareAtOnce(const Inst& compare, const IndexMap& map);
  int factLevel(Value* mask, const IndexMap& map);
  Lowval gatherAt(const Inst& gather, const IndexMap& map);
  Lowval selectAt(const Inst& inst, const IndexMap& map);
  Lowval mapAt(const Inst& inst, Value* v, const IndexMap& map);
  Lowval readBuffer(const BufferRef& buffer, const IndexMap& map, Type as);
  void writeBuffer(const BufferRef& buffer, Lowval value, const IndexMap& map);
  // An element-wise operation on lowered operands, at the level of the latest (or `atLeast`), as a vector if one of them is.
  Lowval emitOp(const Inst& like, List<Lowval> operands, Type element, int atLeast = 0);
  Lowval emitOp(Op op, List<Lowval> operands, Type element, List<Attribute> attrs = {}, int atLeast = 0);
  Lowval plus(Lowval x, Lowval y, int atLeast = 0);  // of an index or a pointer, and an index
  Lowval plus(Lowval x, int64_t y) { return plus(x, {index(y), 0}); }
  Lowval times(Lowval x, int64_t factor);
  Lowval widen(Lowval v, int lanes);       // splats a scalar
  Lowval convert(Lowval v, Type element);  // between a value's type and the type it is stored as
  bool usesLanes(const IndexMap& map) const { return nest_.usesLanes(map); }
  int lanes() const { return nest_.lanes(); }
  // The function of a reduction, scan or map on scalars or vectors.
  std::vector<Lowval> emitRegion(const Region& region, const std::vector<Lowval>& args, int level);

  // ---- affine.cpp
  bool readsRegisters(const Value* v) const;
  std::optional<Affine> affine(const Value* v, const IndexMap& map);
  Lowval emitExpr(const Expr* e);
  // The scalar value without the vector axis's lanes: an i64 or a pointer.
  Lowval materialize(const Affine& a, Lowval base = {});  // `base`: if the form has none
  Affine flatIndex(const BufferRef& buffer, const IndexMap& map) const;
  struct Address {
    Lowval scalar;  // pointer of lane 0 (or of all); null when `vector` is used
    Lowval vector;  // pointers of each lane
    bool contiguous = false;
  };
  Address address(Value* ptr, const IndexMap& map);
  Lowval firstLane(Value* v, const IndexMap& map);
  Address fromAffine(const Affine& a, Lowval base = {});
  Lowval laneIndex(Lowval first, int64_t factor, Type element);  // first + factor x lane

  // ---- nest.cpp and loops.cpp
  void emitNest(const Nest& nest, const BufferRef* target = nullptr);
  void emitNestBody(const Nest& nest, const BufferRef* target);
  void emitLoops(size_t depth, std::vector<Value*>& acc);
  // Where a bound of the axis lies.
  struct Limit {
    const NestSchedule::Bound* bound;
    Lowval end;
  };
  std::optional<Lowval> limitOf(const NestSchedule::Bound& bound);
  void emitSegments(size_t depth, const std::vector<Limit>& limits, std::vector<Value*>& acc);
  bool canNarrow(const std::vector<Value*>& acc) const;
  void narrow(int64_t count, bool folds, std::vector<Value*>& acc);
  void emitLoop(size_t depth, Value* lower, Value* upper, std::vector<Value*>& acc);
  bool emitOutside(size_t depth, Value* lower, std::vector<Value*>& acc);
  void emitBody(std::vector<Value*>& acc);
  void emitTransposed();
  void accumulate(const Anchor& anchor, const IndexMap& map, std::vector<Value*>& acc, size_t& next);
  void emitAnchor(const Anchor& anchor, const IndexMap& map, std::vector<Value*>& acc, size_t& next);
  void beginReduction(std::vector<Value*>& acc);
  void endReduction(std::vector<Value*>& acc);
  void emitEffect(const Inst& inst, const IndexMap& map);
  void emitUpdate(const Inst& inst, const IndexMap& map);
  void emitStore(const Inst& inst, const IndexMap& map, int level);
  Value* takeLanes(Value* v, int64_t first, int64_t count);
  Value* putLanes(Value* narrow, Value* wide);
  std::vector<Lowval> scanLanes(const Inst& scan, std::vector<Lowval> values);
  std::vector<Lowval> fold(const Inst& reduce, std::vector<Value*> vectors, int64_t lanesLeft = 1);
  Value* emitTests(const NestSchedule::Versions& versions);
  void emitVersions(const Nest& nest, NestScheduler::Request request, const BufferRef* target);
  bool emitExclusive(const Nest& nest, const BufferRef* target);
  void emitSlowly(const Nest& nest, std::vector<const Inst*> loads, const BufferRef* target);

  // ---- threads.cpp
  void emitShared(const Nest& nest);
  std::vector<const Inst*> placePartials(const Nest& nest, int outer);
  void placeThread(Value* t);
  // A loop whose iterations are threads: they may run at the same time, and all have ended when it has.
  void threadsLoop(int64_t count, FunctionRef<void(Value*)> body);
  void distribute(int64_t count, FunctionRef<void(Value*)> body);  // the same for more iterations than threads
  void guarded(Value* condition, FunctionRef<void()> body);
  Lowval spreadOut(Lowval number, int spread);
  Value* threadField(Value* t, int first, int count);
  Lowval placeOf(const std::vector<int>& bits, Value* t, int64_t e);
  bool writesMemory(const Anchor& anchor) const;
  bool ownsBit(IndexBit bit, int place) const;
  Lowval privatePointer(const BufferRef& buffer, Lowval thread, int64_t element);  // of one of the thread's own elements
  Lowval registerPointer(const BufferRef& buffer, const IndexMap& map);
  class ThreadDot;
  void emitSharedDot(const Inst& dot, const DotSchedule& schedule);

  // ---- reduce.cpp
  class SubgroupReduction;
  class SharedReduction;
  // The function of a reduction, applied to two values of each operand.
  std::vector<Lowval> combined(const Inst& reduce, std::vector<Lowval> first, const std::vector<Lowval>& second);
  void combinePartials(const Inst& reduce, const std::vector<int>& partial, int threadBits);

  // ---- scan.cpp
  class Scanner;
  void emitScan(const Inst& scan);

  // ---- matrix.cpp
  void moveMatrix(Value* sums, const BufferRef& own, const Type& type, bool toRegisters, bool adds);
  Value* zeroMatrix(const Type& type);
  Value* beginMatrix(const Value* init, const BufferRef& own);
  void emitMatrixDot(const Inst& dot);

  // ---- dot.cpp
  class TileDot;
  class StoredValue {
   public:
    StoredValue(Lowering& lowering, const Value* v, const BufferRef& at);
    ~StoredValue();
    StoredValue(const StoredValue&) = delete;

   private:
    Lowering& l_;
    const Value* v_;
    std::optional<BufferRef> before_;
  };
  void emitDot(const Inst& dot, const DotSchedule& schedule);
  void placeSums(Value* result);
  void emitHistogram(const Inst& inst);
  void emitSequence(const Inst& inst);
  // Nests without a vector axis.
  void beginPlain();
  void plainLoop(int64_t size, FunctionRef<void(Value*)> body);
  void plainLoops(FunctionRef<void()> body, size_t depth = 0);

  struct MemoScope {
    size_t journal;
  };
  MemoScope enter() const { return {memo_.journal.size()}; }
  void leave(MemoScope scope);

  const Func& kernel_;
  const Schedule& schedule_;
  Diags& diags_;
  Divisibility divisibility_;
  Ranges ranges_;  // of the kernel's values
  AffineForms forms_;
  LoopWriter code_;
  struct {
    bool failed = false, needsDistinct = false;
    Value* exclusive = nullptr;  // lo.exclusive
  } outcome_;

  // ---- what the source's values have become
  PtrMap<const Value*, Value*> scalar_;
  // Tiles in memory or registers.
  struct {
    PtrMap<const Value*, BufferRef> of;
    PtrMap<const Inst*, std::vector<BufferRef>> carried;  // by a terminator
    int64_t bytes = 0;                                    // of scratch memory
    std::vector<Inst*> own;                               // allocations of threads' own elements
  } buffers_;
  // Accumulators in fragments.
  struct Fragments {
    Value* base = nullptr;
    bool isCarried = false;  // by a loop; otherwise by dots that follow each other, and then
    BufferRef own;           // where they end,
    bool adds = false;       // added to what is there
  };
  PtrMap<const Value*, Fragments> fragments_;  // by what they sum
  struct {
    PtrMap<const Inst*, int> number;
    std::set<const Inst*> used;  // instructions with a result that somebody reads
  } source_;
  struct {
    Value *ids[3] = {}, *counts[3] = {};
  } grid_;

  // ---- the nest that is being emitted
  OpenNest nest_;
  struct {
    // In the usual version: what it takes for granted is tested at the level before it.
    bool assumes = false;
    int level = 0;
    std::vector<Value*> assumptions;
    bool isFallback = false;                     // in the other version: small code
    bool isExclusive = false, isShared = false;  // where lo.exclusive holds, or does not
  } version_;
  void assumed(Value* v) {
    std::vector<Value*>& all = version_.assumptions;
    if (std::find(all.begin(), all.end(), v) == all.end()) all.push_back(v);
  }
  struct {
    // In a loop over threads.
    struct {
      Value* number = nullptr;
      int level = 0;
      Lowval isFirst;  // in a nest with a replicated layout: whether the thread is the one that writes to memory
    } thread;
    // Partial results of a reduction, one per thread: 2^bits for each result.
    struct {
      std::map<const Value*, BufferRef> found;
      int bits = 0, axis = -1;
      int level = 0;  // of the thread's number
    } partial;
  } workgroup_;
  // Values that have been emitted, until their loop closes.
  using MemoKey = std::tuple<const Value*, IndexMap, bool, int64_t>;  // with lanes, and else of which lane
  struct {
    std::map<MemoKey, Lowval> known;
    std::vector<MemoKey> journal;
    std::map<std::pair<Value*, int>, Lowval> splats;
    std::map<std::tuple<Block*, Op, std::vector<Value*>, Elem>, Value*> made;  // by emitOp, by the block they stand in
    int depth = 0;                                                             // of valueAt()
    int64_t lane = 0;                                                          // of loadInPieces()
    void forget() {
      known.clear();
      journal.clear();
    }
  } memo_;
  MemoKey memoKey(const Value* v, const IndexMap& map) const { return {v, map, nest_.schedule.vectorAxis >= 0, memo_.lane}; }
};

}  // namespace nereid
