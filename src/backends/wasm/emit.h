// SPDX-License-Identifier: MIT
// The state of emitting one kernel, shared by the files of this folder:
//   emit.cpp      the function, control flow
//   memory.cpp    loads, stores, atomics, reports
//   vectors.cpp   vectors as registers: constants, lanes, masks, shuffles
//   elements.cpp  element-wise operations
#pragma once

#include <set>
#include <span>

#include "analysis/ranges.h"
#include "backends/wasm/code.h"
#include "backends/wasm/wasm.h"
#include "support/function_ref.h"
#include "support/ptr_map.h"

namespace nereid::wasm {

// A value: one node for a scalar, registers of 128 bits for a vector. Lanes are as wide as the elements. Lanes of a vector of booleans are
// all ones or all zeros, and as wide as the operands of the comparison. The upper lanes of a vector shorter than a register are undefined.
struct Rep {
  int lanes = 0;  // 0: a scalar
  int width = 0;  // bits of a lane
  std::vector<Node*> n;
};

constexpr Ins kNone = Ins::Unreachable;  // there is no such instruction

// The instruction for lanes of 8, 16, 32 or 64 bits.
inline Ins byWidth(int width, Ins i8, Ins i16, Ins i32, Ins i64) { return width == 8 ? i8 : width == 16 ? i16 : width == 32 ? i32 : i64; }
inline Ins bySize(bool isLong, Ins i32, Ins i64) { return isLong ? i64 : i32; }
// Whether lanes of that element type are floats for WebAssembly.
inline bool isFloatLane(const Type& t) { return !t.isPointer() && (t.elem == Elem::F32 || t.elem == Elem::F64); }
inline Ins replaceLane(int width, bool isFloat) {
  return isFloat ? bySize(width == 64, Ins::F32x4ReplaceLane, Ins::F64x2ReplaceLane)
                 : byWidth(width, Ins::I8x16ReplaceLane, Ins::I16x8ReplaceLane, Ins::I32x4ReplaceLane, Ins::I64x2ReplaceLane);
}

// Parameters of the function.
enum Parameter : uint8_t { kArgs, kBegin, kEnd, kScratch };

class Emitter {
 public:
  Emitter(const Func& f, int64_t scratchBytes, Variant variant)
      : f_(f), relaxed_(variant == Variant::Relaxed), scratchBytes_(scratchBytes) {}
  Binary run(Text text);

 private:
  // ---- emit.cpp
  Node* parameter(Parameter p) { return code_.local(p, ValType::I32); }
  Node* parameterPlus(Parameter p, int64_t bytes) { return code_.make(Ins::I32Add, {parameter(p), code_.i32(bytes)}); }
  void findUses();
  void readArguments();
  void beginPrograms();
  void nextProgram();
  void block(const Block& block);
  void inst(const Inst& i);
  void define(const Value* v, Rep rep);
  void define(const Value* v, Node* n) { define(v, Rep{0, 0, {n}}); }
  // Pins the values that later instructions use, and `pins`.
  void flush(std::vector<Node*> pins = {}, const std::vector<Node*>& results = {}, const std::vector<int>& targets = {});
  std::vector<int> variables(const Type& type);  // locals for a value that control flow assigns
  Rep variable(const Type& type, const std::vector<int>& locals);
  void assign(std::span<Value* const> values, const std::vector<std::vector<int>>& locals,
              std::vector<Node*> pins = {});  // flushes pending instructions first
  std::vector<Node*> flat(const Value* v);    // the nodes assigned to the variables of its type
  void loop(const Inst& i);
  struct Bulk {
    const Value *to, *from;  // from: null for a fill
    uint64_t byte;
    int lanes, size;  // lanes stored per iteration, and bytes per lane
    bool apart;       // the ranges cannot overlap
  };
  static std::optional<Bulk> bulk(const Inst& loop);
  struct Move {
    Node *to, *from, *bytes;
    uint64_t byte;
    bool apart;
  };
  std::optional<Move> moveOf(const Inst& loop, Node* first, Node* last);
  void move(const Move& m);
  void countUp(Node* count, Node* last, Node* by, Range end, Range stride);
  void branch(const Inst& i);
  void whileLoop(const Inst& i);
  void addPtr(const Inst& i);

  // ---- memory.cpp
  Node* loadScalar(const Type& t, Node* address);
  void storeScalar(const Type& t, Node* address, Node* value);
  void when(Node* condition, FunctionRef<void()> body);
  // The bits of a mask as numbers, one for each of its registers.
  struct LaneTests {
    std::vector<Node*> bits;
    int inRegister;
  };
  LaneTests laneTests(const Value* mask, int lanes);
  void whenLane(const LaneTests& tests, int lane, FunctionRef<void()> body);
  Rep loadLanes(const LaneTests& tests, const Rep& otherwise, const std::vector<Node*>& pins, FunctionRef<Node*(int)> addressOf);
  void storeLane(const Rep& r, int lane, Node* address);
  void storeLanes(const LaneTests& tests, const Rep& r, const std::vector<Node*>& pins, FunctionRef<Node*(int)> addressOf);
  void load(const Inst& i);
  Node* loadWhere(const Inst& i, Node* address);
  Rep loadVector(Node* address, int lanes, int width);
  void store(const Inst& i);
  void gather(const Inst& i);
  void scatter(const Inst& i);
  void atomic(const Inst& i);
  void report(const Inst& i);

  // ---- representations
  const Rep& rep(const Value* v) const;
  Node* scalar(const Value* v) const { return rep(v).n[0]; }  // booleans are 0 or 1, integers of less than 32 bits are zero-extended
  Rep vector(const Value* v, int lanes);                      // splats a scalar
  Rep mask(const Value* v, int lanes, int width);
  static int widthOf(const Type& t) { return t.isPointer() ? 32 : bitWidth(t); }
  static ValType typeOf(const Type& t);
  static size_t registers(int lanes, int width) { return static_cast<size_t>(lanes * width <= 128 ? 1 : lanes * width / 128); }

  // ---- vectors.cpp
  Node* number(ValType type, uint64_t bits);
  Node* sext(Node* x, int width);
  Node* zext(Node* x, int width);
  Rep constant(const Type& t, uint64_t bits);
  Rep uniform(uint64_t bits, int lanes, int width);
  Rep splat(Node* scalar, int lanes, int width, bool isFloat);
  Rep splat(const Inst& i);
  Rep iota(const Type& t);
  Node* lane(const Rep& x, int index, bool isFloat);
  Node* extract(const Inst& i);
  Rep insert(const Inst& i);
  Node* shuffled(Node* x, Node* y, const std::array<uint8_t, 16>& bytes);
  void shuffle(const Inst& i);
  Rep map(const Rep& x, Ins ins);
  Rep map(const Rep& x, const Rep& y, Ins ins);
  Rep extend(const Rep& x, bool isSigned, int width);
  Rep halve(const Rep& x);  // the low half of each lane
  Rep resizeMask(const Rep& m, int width);
  Rep choose(const Rep& mask, const Rep& x, const Rep& y);  // a lane of x where its mask is true
  Rep dotAdd(const Inst& i);

  // ---- elements.cpp
  Rep elementwise(const Inst& i);
  Rep vectorSelect(const Inst& i);
  std::optional<Rep> vectorBoolean(const Inst& i, std::vector<Rep>& x);
  Rep compareMasks(CmpIPred p, Rep x, Rep y);
  std::optional<Rep> vectorOp(const Inst& i, const std::vector<Rep>& x);
  Node* scalarOp(const Inst& i, std::span<Node* const> x);
  Node* scalarInteger(const Inst& i, std::span<Node* const> x, int width);
  Node* scalarShift(Op op, Node* x, Node* y, int width);
  Node* scalarDivide(Op op, Node* x, Node* y, int width);
  Node* scalarFloat(const Inst& i, std::span<Node* const> x);
  Node* scalarCompare(const Inst& i, Node* x, Node* y);
  Node* scalarConvert(const Inst& i, Node* x);
  Node* library(Op op, bool isSingle, std::span<Node* const> x);
  Node* mulHigh64(Node* x, Node* y);
  Rep lanewise(const Inst& i, const std::vector<Rep>& x);
  std::optional<Rep> vectorInteger(const Inst& i, const std::vector<Rep>& x);
  std::optional<Rep> vectorFloat(const Inst& i, const std::vector<Rep>& x);
  std::optional<Rep> vectorConvert(const Inst& i, const Rep& x);
  std::optional<Rep> shiftAll(Op op, Ins ins, const Rep& x, const Value* by);
  Rep mulHigh(const Rep& x, const Rep& y);
  Rep extremum64(Op op, const Rep& x, const Rep& y);
  std::optional<Rep> multiplyAdd(const Inst& i, const std::vector<Rep>& x);
  Rep widenLanes(const Rep& x, Ins ins);
  Rep narrowLanes(const Rep& x, Ins ins);
  Rep vectorCompareInts(const Inst& i, const Rep& x, const Rep& y);
  Rep vectorCompareFloats(CmpFPred p, const Rep& x, const Rep& y);
  Node* boolean(bool v) { return code_.i32(v); }
  Node* isZero(Node* x) { return code_.make(x->type == ValType::I64 ? Ins::I64Eqz : Ins::I32Eqz, {x}); }

  const Func& f_;
  bool relaxed_;
  Code code_;
  Ranges ranges_;
  int64_t scratchBytes_;
  int64_t printBytes_ = 0;
  PtrMap<const Value*, Rep> reps_;
  PtrMap<const Value*, int> uses_;     // uses that are not emitted yet
  std::set<const Value*> products_;    // MulF with one use, in an AddF or SubF: they may be fused
  std::vector<const Value*> pending_;  // defined since the last flush
  std::vector<FunctionImport> imports_;
  std::vector<Site> sites_;
  Node *pid_[3] = {}, *size_[3] = {};
  int pidLocal_[3] = {};
};

}  // namespace nereid::wasm
