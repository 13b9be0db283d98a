// SPDX-License-Identifier: MIT
// WebAssembly instructions and modules, as bytes and as text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nereid::wasm {

enum class Ins : uint16_t {
#define INS(name, ...) name,
#include "backends/wasm/instructions.def"
#undef INS
};

// Value types, by their codes.
enum class ValType : uint8_t { None = 0x40, I32 = 0x7f, I64 = 0x7e, F32 = 0x7d, F64 = 0x7c, V128 = 0x7b };

// The immediates after the code. MemoryK: an offset, with an alignment of 2^K bytes; MemoryLaneK: the same and a lane.
enum class Immediate : uint8_t {
  None,
  Block,
  Index,
  Function,
  I32,
  I64,
  F32,
  F64,
  V128,
  Lanes,
  Lane,
  Memories1,
  Memories2,
  Memory0,
  Memory1,
  Memory2,
  Memory3,
  Memory4,
  MemoryLane0,
  MemoryLane1,
  MemoryLane2,
  MemoryLane3
};

struct InsInfo {
  std::string_view text;
  uint8_t prefix;
  uint16_t code;
  Immediate immediate;
  ValType result;
};
const InsInfo& info(Ins ins);

// `a`: the constant, index, offset, lane, block type, or low half of 16 bytes; `b`: the high half, or the lane of a memory access.
struct Instruction {
  Ins ins;
  uint64_t a = 0, b = 0;
  uint32_t line = 0;  // source line; 0: unknown
};

struct FunctionImport {
  std::string_view name;
  int params;      // all of the same type
  ValType type;    // of the parameters
  bool hasResult;  // of the same type as the parameters
};

// A module with one function `run(args, begin, end, scratch: i32)`, which imports the memory and the functions it calls.
struct Function {
  std::vector<FunctionImport> imports;
  std::vector<ValType> locals;    // after the four parameters
  std::vector<Instruction> body;  // without the last `end`
};

std::string encode(const Function& f, size_t& memoryFlagAt);
std::string print(const Function& f, bool lines);

}  // namespace nereid::wasm
