// SPDX-License-Identifier: MIT
// The state of writing one shader, shared by the files of this folder:
//   variants.cpp  which shaders a kernel has
//   emit.cpp      the module, structure, control flow
//   matrices.cpp  products on matrix units
//   memory.cpp    arrays of words: loads, stores, atomics, reports
//   elements.cpp  element-wise operations
//   helpers.cpp   functions that the text calls
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "analysis/divisibility.h"
#include "analysis/provenance.h"
#include "analysis/ranges.h"
#include "backends/wgsl/wgsl.h"
#include "support/ptr_map.h"
#include "support/text.h"
#include "workgroup/access.h"

namespace nereid::wgsl {

enum class Kind : uint8_t { Bool, Int, Long, Float, Pointer };

// A value: an expression a lane (one, where all lanes are the same), of the kind of its type. Integers up to 32 bits and the bits of narrow
// floats are i32 with zeros above; 64 bits are vec2u. A pointer counts elements of what it points to from the start of its memory.
struct Rep {
  std::vector<std::string> lane;
  int memory = -1;
  std::vector<std::string> words{};  // u32: of elements narrower than a word all lanes together, where they came that way
};

// Words that pointers lead to: an argument's, a program's scratch; or the own elements of each thread, which are a variable.
struct Memory {
  // Vectors: the part of scratch memory that is written by four words at a time only.
  // For matrix units: sums in their form, operands in f16 or i8 with rows of `columns` elements, and a part of sums as f32 or i32.
  enum Of : uint8_t { Argument, Scratch, Vectors, Thread, Sums, Factors, Part } of = Argument;
  std::string name;
  bool isAtomic = false, isRead = false, isWritten = false;
  bool isPacked = false;  // of Thread: narrow elements in words
  int64_t bytes = 0;      // of Vectors and what is for matrix units
  int64_t columns = 0;    // of those: how many stand in a row of memory
  Elem element = Elem::F16;
  int64_t unit = 1;       // of Factors: how many the array's vectors have
  int array = -1;         // of these: whose array it is
  int64_t offset = 0;     // in that array's vectors
  FragmentLayout deal{};  // of Sums
  int64_t rowUnits(const Machine& machine) const {
    return columns / unit + machine.operandPaddingBytes / (unit * byteSize(Type::scalar(element)));
  }  // of Factors: vectors from a row to the next
  std::set<std::string> accessors;
  int64_t wordsOfElement() const;
};

class Emitter {
 public:
  // halves: the device has f16.
  Emitter(const Func& f, const Schedule& schedule, bool halves, bool lines, Diags& diags)
      : f_(f),
        schedule_(schedule),
        machine_(schedule.machine),
        threads_(schedule.kernel.threads),
        programs_(schedule.kernel.programs),
        halves_(halves),
        diags_(diags),
        lines_(lines),
        provenance_(f),
        divisibility_(f) {}
  Result<Variant> run();
  // Whether programs wait or have memory in common: then a workgroup has one.
  bool isAlone() const { return waits_ || usesScratch_ || broadcasts_; }
  std::vector<Array> arrays() const;
  const std::vector<Site>& sites() const { return sites_; }

 private:
  // ---- emit.cpp
  void findMemories();
  Memory& addMemory(std::string name, Memory::Of of);
  void addArguments();
  void addAllocations();
  void findAccesses();
  void findAccess(const Inst& i);
  void addMatrices();
  Loc placeOf(const Value* v);
  static bool isPackable(const Inst& access, const Value* value);
  std::string module();
  void arguments();
  static std::string parameterWord(size_t k) { return cat("params[", k / 4, "].", "xyzw"[k % 4]); }
  bool fail(Loc loc, std::string what, std::string hint);
  void line(const std::string& s);
  void startLine(const Inst& i) { line_ = i.loc.file() == f_.loc.file() ? i.loc.line() : 0; }
  std::string name() { return cat("v", next_++); }
  std::string let(const std::string& e);
  std::string copy(const std::string& e);
  void open(const std::string& s);
  void close(const std::string& s = "}");

  static Kind kindOf(const Type& t);
  static std::string_view typeName(Kind k);
  // Where a pointer leads; -1 if that is not known.
  int memoryOf(const Value* pointer) const {
    auto at = memoryOf_.find(provenance_.of(pointer));
    return at == memoryOf_.end() ? -1 : at->second;
  }
  Memory& memory(const Value* pointer) { return memories_[static_cast<size_t>(memoryOf(pointer))]; }
  const Memory& memory(const Value* pointer) const { return memories_[static_cast<size_t>(memoryOf(pointer))]; }
  const Rep& rep(const Value* v) const { return reps_.at(v); }
  static int lanes(const Type& t) { return t.isVector() ? static_cast<int>(t.numel()) : 1; }
  const std::string& at(const Value* v, int lane) const;
  static std::string number(int64_t v);
  std::string literal(const Type& t, uint64_t bits);
  const std::string& help(const std::string& function);
  void define(const Value* v, Rep&& r);
  void define(const Value* v, std::string e, int memory = -1);  // the same in every lane
  void addLane(Rep& r, const std::string& e) { r.lane.push_back(let(e)); }
  // One expression a lane, of the value's kind.
  template <class F>
  void each(const Inst& inst, F&& f) {
    const Value* v = inst.result();
    Rep r;
    for (int k = 0; k < lanes(v->type); ++k) addLane(r, f(k));
    define(v, std::move(r));
  }

  void block(const Block& b);
  void inst(const Inst& inst);
  struct Carried {
    Kind kind;
    std::vector<std::string> lane;
  };
  using Names = std::vector<Carried>;
  Names variables(const std::vector<Value*>& values);
  void assign(const std::vector<Value*>& from, size_t skip, const Names& to);
  void bind(const Value* v, const Carried& names);
  void bindFixed(const Value* v, const Carried& names);
  std::string uniform(const std::string& condition);
  bool isUniform(const Value* v);
  std::string uniformIf(const Value* v);
  void threadsLoop(const Inst& inst);
  void loop(const Inst& inst);
  void branch(const Inst& inst);
  void whileLoop(const Inst& inst);
  void barrier(const char* text);
  void iota(const Inst& inst);
  void moveLanes(const Inst& inst);

  // ---- memory.cpp
  struct Place {
    int memory = -1;
    std::string word, shift;  // shift: the bit where a part of a word begins; empty for whole words
  };
  Place place(int memory, const Type& element, const std::string& offset, int word = 0);
  std::string access(int memory, const char* what);
  std::string readWord(const Place& p);
  void writeWord(const Place& p, const std::string& value);
  int wordsAtOnce(const Inst& access, const Value* value) { return nereid::wordsAtOnce(access, value, divisibility_); }
  bool hasVectors(int memory) const;
  std::vector<std::string> wordsOf(const Value* v);
  static void unpack(Rep& r, const Type& element);
  static uint32_t repeated(uint64_t bits, int width);
  std::pair<Value*, int64_t> vectorsAhead(const Inst& load, int elements);
  void readVector(const Inst& inst, Rep& r);
  void writeVector(const Inst& inst);
  std::string readElement(const Type& t, int memory, const std::string& offset);
  void writeElement(const Type& t, int memory, const std::string& offset, const std::string& value);
  void load(const Inst& inst);
  void store(const Inst& inst);
  void atomic(const Inst& inst);
  static std::string fromWord(const Type& t, const std::string& word);
  void updateLong(const Inst& inst);
  void updateWord(const Inst& inst, const std::string& result);
  void swap(const Inst& inst);
  void report(const Inst& inst);
  void address(const Inst& inst);
  std::string privateElement(const Value* pointer, int64_t index);
  std::string declarations(const Memory& m, int binding) const;
  std::string factorsDeclaration(const Memory& m) const;
  std::string partDeclaration(const Memory& m) const;
  static std::string accessor(const Memory& m, std::string_view what);

  // ---- matrices.cpp
  static std::string sumsType(const Memory& m);
  void hoistOperands(const Inst& loop);
  std::vector<std::string> readOperand(const Inst& dot, size_t operand, int64_t firstStep, int64_t lastStep);
  void matrix(const Inst& inst);

  // ---- elements.cpp
  void elementwise(const Inst& inst);
  void compute(const Inst& inst);
  void compareInts(const Inst& inst);
  void compareFloats(const Inst& inst);
  void reinterpret(const Inst& inst);
  void resizeInt(const Inst& inst);
  void resizeFloat(const Inst& inst);
  void intToFloat(const Inst& inst);
  void floatToInt(const Inst& inst);
  void select(const Inst& inst);
  std::string spelled(std::string_view text, const Inst& inst, int lane);
  void spell(const Inst& inst, std::string_view text) {
    each(inst, [&](int k) { return spelled(text, inst, k); });
  }
  void floats(const Inst& inst);
  std::string hideZero(const Inst& inst, size_t operand, int lane);
  void subtract(const Inst& inst);
  void booleans(const Inst& inst);
  void integers(const Inst& inst);
  std::string shifted(const Inst& inst, std::optional<uint64_t> known, int lane);
  void longs(const Inst& inst);
  static std::string u(const std::string& e) { return cat("bitcast<u32>(", e, ")"); }
  static std::string i(const std::string& e) { return cat("bitcast<i32>(", e, ")"); }
  static std::string sext(const std::string& e, int width) { return width >= 32 ? e : cat("extractBits(", e, ", 0u, ", width, "u)"); }
  static std::string zext(const std::string& e, int width) { return width >= 32 ? e : cat("(", e, " & ", (int64_t{1} << width) - 1, ")"); }

  const Func& f_;
  const Schedule& schedule_;
  const Machine& machine_;
  const int threads_, programs_;
  bool waits_ = false;
  const bool halves_;
  Diags& diags_;
  int64_t scratchBytes_ = 0;  // of scratch, or of storage instead
  bool inStorage_ = false;
  const bool lines_;
  uint32_t line_ = 0;  // of the source: what is written comes from it
  bool failed_ = false, inThreads_ = false, broadcasts_ = false, reports_ = false;
  std::string text_;
  int depth_ = 0, next_ = 0;
  std::vector<Memory> memories_;        // the arguments' in order, then scratch
  PtrMap<const Value*, int> memoryOf_;  // of arguments and allocations
  std::vector<size_t> parameterOf_;     // of an argument's memory
  PtrMap<const Value*, Rep> reps_;
  PtrMap<const Value*, bool> uniform_;
  std::set<const Value*> used_;  // results of atomics that some operation reads
  std::set<std::string> helpers_;
  std::vector<Site> sites_;
  Ranges ranges_;
  Provenance provenance_;
  Divisibility divisibility_;
  bool usesScratch_ = false;
  using Operand = std::pair<const Inst*, size_t>;  // of a product
  std::map<Operand, std::vector<std::string>> hoisted_;
  std::map<Operand, std::string> begins_;
  bool usesMatrices_ = false, usesByteMatrices_ = false, usesHalfMatrices_ = false, usesHalves_ = false, usesSubgroups_ = false;
};

// The text of helper functions and of what they call, each once, in the order of their names within what they need.
std::string helperText(const std::set<std::string>& names);

}  // namespace nereid::wgsl
