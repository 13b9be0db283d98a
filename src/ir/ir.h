// SPDX-License-Identifier: MIT
// The IR: a module of functions; a function is a region of blocks of instructions in SSA form.
//
// It is TTIR (dialects tt, arith, math, scf, cf, ub), and after the schedule the `lo` operations on scalars and machine vectors.
// Instructions, values and blocks live as long as their module; a pass drops one by no longer referring to it. There are no use lists: a
// pass that needs uses counts them, and one that replaces values uses a Replacements map.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ir/type.h"
#include "support/diag.h"
#include "support/ptr_map.h"

namespace nereid {

enum class Op : uint16_t {
#define OP(name, ...) name,
#include "ir/ops.def"
#undef OP
};
constexpr size_t kOpCount = 0
#define OP(...) +1
#include "ir/ops.def"
#undef OP
    ;

// Operand and result types, and the assembly format they imply.
enum class Sig : uint8_t {
  Int1,
  Int2,  // integers or tiles of them, all of one type       %a[, %b] : T
  Float1,
  Float2,
  Float3,     // the same for floats
  FloatTest,  // float to i1 of the same shape                    %a : T
  CmpInt,
  CmpFloat,  // two of a type to i1 of the same shape            pred, %a, %b : T
  Select,    // i1 (scalar or of the shape) and two of a type    %c, %a, %b : [C,] T
  CastInt,
  CastFloat,
  IntToFloat,
  FloatToInt,
  Bitcast,     // same shape          %a : T to U
  Terminator,  // any operands, no results                         %a, %b : T, U
  ByHand,
};
enum class Effects : uint8_t { Pure, Reads, Writes, Atomic, Other, Region, Exit };
enum class Forms : uint8_t { Tile = 1, Lower = 2, Both = 3 };

struct OpInfo {
  std::string_view name, spelling;
  Sig sig;
  Effects effects;
  Forms forms;
  int ulp;
  std::string_view meaning, doc;
};
const OpInfo& info(Op op);
std::optional<Op> opFromSpelling(std::string_view spelling);
// Element-wise: one operand element (or tuple of them) to one result element, in the same way at every index.
bool isElementwise(Op op);

// Attributes that the compiler interprets; others are ignored.
enum class Attr : uint8_t {
#define ATTR(name, spelling) name,
#include "ir/attrs.def"
#undef ATTR
};
std::string_view attrName(Attr attr);
std::optional<Attr> attrFromName(std::string_view name);

// Raw bits of the elements of a constant: one element for a scalar or splat, else all elements in row-major order.
struct Dense {
  Type type;
  std::vector<uint64_t> bits;
  bool isSplat() const { return bits.size() == 1; }
  uint64_t at(size_t i) const { return isSplat() ? bits[0] : bits[i]; }
  bool operator==(const Dense&) const = default;
};
using AttrValue = std::variant<std::monostate, int64_t, std::string, std::vector<int64_t>, Dense>;

// Enumerations of TTIR, with the numbers of its generic form.
enum class CmpIPred : uint8_t { Eq, Ne, Slt, Sle, Sgt, Sge, Ult, Ule, Ugt, Uge };
enum class CmpFPred : uint8_t { False, Oeq, Ogt, Oge, Olt, Ole, One, Ord, Ueq, Ugt, Uge, Ult, Ule, Une, Uno, True };
enum class Rmw : uint8_t { And = 1, Or, Xor, Add, FAdd, Max, Min, UMax, UMin, Xchg };
enum class MemSem : uint8_t { Relaxed = 1, Acquire, Release, AcqRel };
enum class MemScope : uint8_t { Gpu = 1, Cta, Sys };
enum class Padding : uint8_t { None = 0, Zero = 1, Nan = 2 };
enum class DescReduceKind : uint8_t { Add = 1, Min, Max, Inc, Dec, And, Or, Xor };
enum class ScaleElem : uint8_t { E4M3, E5M2, E2M3, E3M2, E2M1, BF16, FP16 };

struct Inst;
struct Block;
struct Region;

struct Value {
  Type type;
  Inst* def = nullptr;     // null for a block argument
  Block* block = nullptr;  // for an argument: its block; null for a result
  uint32_t index = 0;      // index among the results or the arguments
  std::string_view name;   // the name in the source; a hint for printing, owned by the module
  Loc loc;
};

struct Region {
  std::vector<Block*> blocks;
  Inst* parent = nullptr;  // null for the body of a function
  Block& entry() const { return *blocks.front(); }
  bool empty() const { return blocks.empty(); }
};

struct Successor {
  Block* block;
  std::vector<Value*> args;
};

using Attribute = std::pair<Attr, AttrValue>;

struct Inst {
  Op op;
  Loc loc;
  Block* parent = nullptr;
  std::vector<Value*> operands;
  std::vector<Value*> results;
  std::vector<std::unique_ptr<Region>> regions;
  std::vector<Successor> successors;
  std::vector<Attribute> attrs;
  // Number of operands in each group, for operations with several optional or variadic groups (Load: ptr, mask, other).
  std::vector<int32_t> segments;

  Value* operand(size_t i) const { return operands[i]; }
  Value* result(size_t i = 0) const { return results[i]; }
  const AttrValue* find(Attr attr) const;
  bool has(Attr attr) const { return find(attr) != nullptr; }
  int64_t integer(Attr attr, int64_t otherwise = 0) const;
  std::string_view text(Attr attr) const;
  const std::vector<int64_t>& list(Attr attr) const;  // empty when absent
  const Dense& dense() const;                         // of a Constant
  void set(Attr attr, AttrValue value);
  void set(Attr attr, int64_t value) { set(attr, AttrValue(value)); }
  // The operands of group `g`, by `segments`.
  std::span<Value* const> group(size_t g) const;
  // The operand of an optional group, or null.
  Value* optional(size_t g) const;
};

struct Block {
  Region* parent = nullptr;
  std::vector<Value*> args;
  std::vector<Inst*> insts;
  Inst* terminator() const { return insts.empty() ? nullptr : insts.back(); }
};

struct Param {
  std::string name;
  int64_t divisibility = 0;  // of an integer, or of an address in bytes; 0: unknown
  bool padNan = false;       // for a descriptor: elements outside of its array are NaN instead of 0
  bool isUnsigned = false;   // for callers that pass arguments: the IR itself does not represent it
};

struct Func {
  std::string name;
  Loc loc;
  bool isPublic = false;
  bool noinline = false;
  std::vector<Type> results;
  std::vector<Param> params;  // one per argument of the entry block
  Region body;
  const std::vector<Value*>& args() const { return body.entry().args; }
};

class Module {
 public:
  Module() = default;
  Module(Module&&) = default;
  Module& operator=(Module&&) = default;

  std::vector<std::unique_ptr<Func>> funcs;
  std::string schedule;  // decisions that replace the defaults, as schedule/text.h has them; usually empty
  Func* find(std::string_view name) const;
  // The function that no other one calls: the public one, or the last.
  Func* kernel() const;

  Inst* newInst(Op op, Loc loc);
  Block* newBlock(Region& region);  // appended, without arguments
  Value* addArg(Block& block, Type type, std::string_view name = {}, Loc loc = {});
  Value* addResult(Inst& inst, Type type, std::string_view name = {});
  std::string_view intern(std::string_view text);

 private:
  std::deque<Inst> insts_;
  std::deque<Value> values_;
  std::deque<Block> blocks_;
  std::deque<std::string> strings_;
  std::map<std::string_view, std::string_view> interned_;
};

// Replaces values in a function: collect old => new pairs, then apply them once.
class Replacements {
 public:
  void add(Value* from, Value* to) { map_[from] = to; }
  Value* operator()(Value* v) const;  // follows chains of replacements
  void apply(Region& region) const;
  bool empty() const { return map_.empty(); }

 private:
  PtrMap<Value*, Value*> map_;
};

// Calls `visit` for every instruction, outer before inner, in order.
template <class F>
void walk(const Region& region, F&& visit) {
  for (Block* block : region.blocks)
    for (Inst* inst : block->insts) {
      visit(*inst);
      for (auto& r : inst->regions) walk(*r, visit);
    }
}

// Copies instructions with their regions; `map` translates operands, and receives the copies of results.
using ValueMap = PtrMap<const Value*, Value*>;
Inst* clone(Module& m, const Inst& inst, ValueMap& map);
void cloneInto(Module& m, const Region& from, Region& to, ValueMap& map);

// The splat or scalar constant that defines `v`, or null (looks through splats).
std::optional<uint64_t> constantBits(const Value* v);
std::optional<int64_t> constantInt(const Value* v);
std::optional<double> constantFloat(const Value* v);

// With `lines` each instruction ends with `// line N`, its line in the kernel's source.
std::string print(const Module& m, bool lines = false);
std::string print(const Inst& inst);  // one instruction, for messages

// Verifies a module: types, attributes, dominance, terminators. Reports errors to `diags`; returns true if there are none.
bool verify(const Module& m, Diags& diags);

}  // namespace nereid
