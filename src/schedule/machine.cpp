// SPDX-License-Identifier: MIT
#include "schedule/machine.h"

namespace nereid {

namespace {

// With 16 registers a tile of 4 rows has too few accumulators to hide the latency of an addition, and one of 8 rows spills.
constexpr int kRowsOf16Registers = 6, kRestRows = 4;
// Up to here LLVM's register allocator takes about as long for each instruction.
constexpr unsigned kFunctionInstructions = 8000;

constexpr Machine withDots(Machine machine, std::string_view name, int bf16Group) {
  machine.name = name;
  machine.byteGroup = 4;
  machine.bf16Group = bf16Group;
  return machine;
}

}  // namespace

constinit const Machine kReference{
    .prefetch = true, .byteGroup = 4, .bf16Group = 2, .dotRows = kRowsOf16Registers, .dotRestRows = kRestRows};

constinit const Machine kSse{.name = "sse",
                             .prefetch = true,
                             .byteGroup = 2,
                             .dotRows = kRowsOf16Registers,
                             .dotRestRows = kRestRows,
                             .functionInstructions = kFunctionInstructions};
constexpr Machine kAvx2{.name = "avx2",
                        .vectorBytes = 32,
                        .prefetch = true,
                        .byteGroup = 2,
                        .dotRows = kRowsOf16Registers,
                        .dotRestRows = kRestRows,
                        .functionInstructions = kFunctionInstructions};
constexpr Machine kAvx512{.name = "avx512",
                          .vectorBytes = 64,
                          .vectorRegisters = 32,
                          .scales = true,
                          .prefetch = true,
                          .byteGroup = 2,
                          .functionInstructions = kFunctionInstructions};
constinit const Machine kAvx2Vnni = withDots(kAvx2, "avx2 vnni", 1), kAvx512Vnni = withDots(kAvx512, "avx512 vnni", 1),
                        kAvx512Bf16 = withDots(kAvx512, "avx512 bf16", 2);
constinit const Machine kNeon{.name = "neon", .vectorRegisters = 32, .prefetch = true, .functionInstructions = kFunctionInstructions};

// A copy that is read again soon is slower to read after memory.fill: below 16 KiB, sums of rows took 1.5 times as long in V8.
// V8 keeps each product of a group in a register before it is added: with tiles of 6 rows, dots of i8 took 1.15 times as long.
constinit const Machine kWasm{.name = "wasm",
                              .fma = false,
                              .laneShifts = false,
                              .byteGroup = 2,
                              .dotRows = kRowsOf16Registers,
                              .groupsHaveDotRows = false,
                              .dotRestRows = kRestRows,
                              .bulkMemoryBytes = 16384};
constinit const Machine kRelaxedWasm{.name = "relaxed wasm",
                                     .laneShifts = false,
                                     .byteGroup = 2,
                                     .dotRows = kRowsOf16Registers,
                                     .groupsHaveDotRows = false,
                                     .dotRestRows = kRestRows,
                                     .bulkMemoryBytes = 16384};

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
