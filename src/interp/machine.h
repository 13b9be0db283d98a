// SPDX-License-Identifier: MIT
// The interpreter's state, shared by its files: interp.cpp (control), layout.cpp (tiles), memory.cpp (loads, stores, atomics).
#pragma once

#include <unordered_map>
#include <unordered_set>

#include "interp/interp.h"
#include "interp/races.h"
#include "interp/workgroup.h"
#include "support/ptr_map.h"

namespace nereid::interp {

// A value: the raw bits of its elements in row-major order. Block pointers are base, shape, strides, offsets; descriptors base,
// shape, strides, padding.
struct Tile {
  Type type;
  std::vector<uint64_t> bits;
};

class Machine {
 public:
  Machine(const Module& m, const Options& options, Diags& diags) : module_(m), options_(options), diags_(diags) {}
  bool run(const Func& kernel, std::span<const uint64_t> args, std::array<uint32_t, 3> grid);

 private:
  // ---- control (interp.cpp)
  bool call(const Func& f, std::vector<Tile> args, std::vector<Tile>& out);
  // Runs a region with `args` for its entry, up to its terminator, whose operands it stores in `out`.
  bool runRegion(const Region& region, std::vector<Tile> args, std::vector<Tile>& out);
  bool runInst(const Inst& i);
  // Counts an instruction; false if the limit is exceeded.
  bool step(const Inst& i);
  bool constant(const Inst& i);
  bool poison(const Inst& i);
  bool callOp(const Inst& i);
  bool branch(const Inst& i);
  bool forLoop(const Inst& i);
  bool threadsLoop(const Inst& i);
  bool whileLoop(const Inst& i);
  bool printOp(const Inst& i);
  bool assertOp(const Inst& i);
  const Tile& value(const Value* v) const;
  const Tile& in(const Inst& i, size_t k) const { return value(i.operands[k]); }
  uint64_t scalar(const Value* v) const { return value(v).bits[0]; }
  int64_t integer(const Value* v) const;
  void set(const Value* v, std::vector<uint64_t> bits) { values_[v] = {v->type, std::move(bits)}; }
  void set(const Value* v, Tile tile) {
    tile.type = v->type;
    values_[v] = std::move(tile);
  }
  // These return true.
  bool set(const Inst& i, std::vector<uint64_t> bits) {
    set(i.result(), std::move(bits));
    return true;
  }
  bool setResults(const Inst& i, std::vector<Tile> values);
  template <class... Parts>
  bool fail(Err err, const Inst& i, const Parts&... parts) {
    diags_.error(err, i.loc).says(parts...);
    return false;
  }
  std::string program() const { return cat("program (", id_[0], ", ", id_[1], ", ", id_[2], ")"); }

  // ---- tiles (layout.cpp)
  bool elementwise(const Inst& i);
  using Elements = std::vector<Tile>;  // one per operand, in the form that functions take
  bool combine(const Inst& i, const Elements& first, const Elements& second, Elements& out);
  static std::vector<Elements> line(const std::vector<Tile>& tiles, size_t first, size_t step, size_t length);
  bool reduce(const Inst& i);
  bool scanLine(const Inst& i, std::vector<Elements>& elements);
  bool scan(const Inst& i);
  bool mapElementwise(const Inst& i);
  bool dot(const Inst& i);
  bool dotScaled(const Inst& i);
  bool broadcast(const Inst& i);
  bool concatenate(const Inst& i);
  bool join(const Inst& i);
  bool split(const Inst& i);
  bool transpose(const Inst& i);
  static std::vector<uint64_t> numbers(int64_t first, int64_t end, const Type& type);
  bool gather(const Inst& i);
  bool histogram(const Inst& i);
  bool insertLane(const Inst& i);
  bool shuffleLanes(const Inst& i);
  bool dotAdd(const Inst& i);
  void count(const Inst& i);

  // ---- memory (memory.cpp)
  // Checks an access, and translates a checked address to a host address.
  bool check(const Inst& i, uint64_t& address, Type element, const char* verb);
  // The address that the kernel receives for an argument of that name, and the reverse.
  uint64_t checkedAddress(uint64_t address, std::string_view name) const;
  uint64_t hostAddress(uint64_t address) const;
  // The allocation from which a checked address was computed, and the byte offset, which may lie outside; null for other addresses.
  const Allocation* range(uint64_t address, int64_t& offset) const;
  bool load(const Inst& i, uint64_t address, Type element, uint64_t& bits);
  bool store(const Inst& i, uint64_t address, Type element, uint64_t bits);
  const Allocation* find(uint64_t address, uint64_t size) const;
  bool checkRace(const Inst& i, uint64_t address, uint64_t size, Races::Kind kind);
  bool isScratch(uint64_t address) const;
  // Fails if threads of the workgroup race for these bytes.
  bool checkThreads(const Inst& i, uint64_t address, uint64_t size, bool writes);
  // "x[50, 0]" for the element of that size at a byte offset of an array; empty if the array's shape is unknown or no element is there.
  static std::string elementAt(const Allocation& a, int64_t offset, uint64_t size);
  void reportUnwritten();
  bool loadTile(const Inst& i);
  bool storeTile(const Inst& i);
  bool blockAddresses(const Inst& i, const Tile& block, const std::vector<int64_t>& offsets, bool all, std::vector<uint64_t>& addresses,
                      std::vector<bool>& inside);
  bool loadBlock(const Inst& i);
  bool storeBlock(const Inst& i);
  bool atomic(const Inst& i);
  bool descriptor(const Inst& i);
  bool descriptorRows(const Inst& i);
  // The memory that placed allocations share: those that are not live at the same time overlap. Empty for others.
  std::string poolOf(const Inst& alloc) const;
  bool alloc(const Inst& i);
  bool makeTensor(const Inst& i);
  bool advance(const Inst& i);
  bool privateAddress(const Inst& i);
  uint64_t laneAddress(const Inst& i, size_t lane, const Type& element) const;
  bool loadLanes(const Inst& i);
  bool storeLanes(const Inst& i);
  bool matrixDot(const Inst& i);
  bool matrixZero(const Inst& i);
  bool matrixMove(const Inst& i);
  bool subgroupShuffle(const Inst& i);

  const Module& module_;
  const Options& options_;
  Diags& diags_;
  std::array<uint32_t, 3> id_{}, grid_{};
  uint64_t steps_ = 0;
  int callDepth_ = 0;
  PtrMap<const Value*, Tile> values_;
  std::vector<const Tile*> operands_;  // of the element-wise operation that runs
  std::vector<uint64_t> elements_;
  struct Scratch {
    std::vector<uint64_t> words;
    uint64_t base = 0, size = 0;
    bool isPrivate = false, inStorage = false, isPlaced = false;
  };
  std::unordered_map<const Inst*, Scratch> scratch_;
  std::map<std::string, std::vector<uint64_t>> pools_;  // memory of placed allocations, by address space
  Races races_;
  // Operands of subgroup matrices that a loop reads, though their fragments are loaded before it: here memory of the loop must not be
  // theirs.
  std::unordered_set<const Value*> hoisted_;
  bool isWorkgroup_ = false;              // the kernel has loops over threads
  int32_t thread_ = Workgroup::kAll;      // whose iteration of such a loop is running
  uint64_t random_ = 0x9E3779B97F4A7C15;  // for the order of threads
  Workgroup workgroup_;
  std::unordered_set<uint64_t> touched_;      // bytes that were read or written, when untouched elements are reported
  std::unordered_set<std::string> storedTo_;  // names of arrays
};

}  // namespace nereid::interp
