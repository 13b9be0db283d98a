// SPDX-License-Identifier: MIT
#include "schedule/machine.h"

namespace nereid {

namespace {

// With 16 registers a tile of 4 rows has too few accumulators to hide the latency of an addition, and one of 8 rows spills.
constexpr int kRowsOf16Registers = 6, kRestRows = 4;
// Up to here LLVM's register allocator takes about as long for each instruction.
constexpr unsigned kFunctionInstructions = 8000;

}  // namespace

constinit const Machine kReference{.dotRows = kRowsOf16Registers, .dotRestRows = kRestRows};

constinit const Machine kSse{
    .name = "sse", .dotRows = kRowsOf16Registers, .dotRestRows = kRestRows, .functionInstructions = kFunctionInstructions};
constinit const Machine kAvx2{.name = "avx2",
                              .vectorBytes = 32,
                              .dotRows = kRowsOf16Registers,
                              .dotRestRows = kRestRows,
                              .functionInstructions = kFunctionInstructions};
constinit const Machine kAvx512{
    .name = "avx512", .vectorBytes = 64, .vectorRegisters = 32, .scales = true, .functionInstructions = kFunctionInstructions};
constinit const Machine kNeon{.name = "neon", .vectorRegisters = 32, .functionInstructions = kFunctionInstructions};

// A copy that is read again soon is slower to read after memory.fill: below 16 KiB, sums of rows took 1.5 times as long in V8.
constinit const Machine kWasm{
    .name = "wasm", .fma = false, .dotRows = kRowsOf16Registers, .dotRestRows = kRestRows, .bulkMemoryBytes = 16384};
constinit const Machine kRelaxedWasm{
    .name = "relaxed wasm", .dotRows = kRowsOf16Registers, .dotRestRows = kRestRows, .bulkMemoryBytes = 16384};

namespace {

constexpr Machine workgroups(std::string_view name, bool exp2) {
  return {.name = name,
          .vectorRegisters = 32,
          .libm = false,
          .f64 = false,
          .subnormals = false,
          .halves = true,
          .exp2 = exp2,
          .exclusive = false,
          .maxLanes = 16,
          .maxAccessBytes = 16,
          .wrapVersions = false,
          .unroll = 1,
          .unrollExpensive = 1,
          .storedSharedWork = 100,
          .maxResidentBits = 5,
          .maxResidentElements = 96,
          .maxThreads = 256,
          .minThreads = 64,
          .subgroupThreads = 32,
          .scratchElementBytes = 4};
}

}  // namespace

constinit const Machine kWebGpu = workgroups("webgpu", true);
constinit const Machine kReferenceWorkgroup = workgroups("reference workgroup", false);

}  // namespace nereid
