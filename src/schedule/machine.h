// SPDX-License-Identifier: MIT
// What the compiler knows of the machines that kernels run on.
//
// One row per target, in machine.cpp. Every threshold of the schedule, of lowering and of the back-ends is a field, with its unit and its
// reason. Code elsewhere asks for the field, never for the target.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nereid {

struct Machine {
  std::string_view name = "reference";

  // ---- instructions
  int vectorBytes = 16;      // of a vector register
  int vectorRegisters = 16;  // that an inner loop may use
  bool fma = true;           // multiply-add with one rounding; otherwise products that may round are rounded
  bool libm = true;          // a C library has the functions on f32 that take many instructions; otherwise they are expanded
  bool f64 = true;           // otherwise multiply-adds of narrower floats than f32 round twice
  bool subnormals = true;    // products keep subnormal numbers
  bool halves = false;       // conversions between f32 and f16 or bf16 are instructions
  bool scales = false;       // lo.scale is one instruction
  bool exp2 = false;         // exp2 is one instruction, about as exact as the expansion
  bool laneShifts = true;    // each lane of a vector is shifted by an amount of its own
  bool prefetch = false;     // a line can be brought into the cache before it is loaded
  bool exclusive = true;     // a call can know that no other thread accesses memory: lo.exclusive

  // ---- loop nests
  int maxLanes = 64;         // of a vector value: longer ones fill pages with instructions and do not fit in registers
  int maxAccessBytes = 0;    // that one thread loads or stores at once; 0: the lanes alone decide
  bool wrapVersions = true;  // nests have a version for indices that do not wrap: remainders are slow
  int unroll = 4;            // vectors per iteration: enough to hide the latency of an addition
  int unrollExpensive = 2;   // the same where registers are short: with expensive operations, or more than longNest
  size_t longNest = 60;      // operations
  int maxJammed = 4;         // rows of a reduction that run together: more need more registers than they save loads
  // Operations per atomic element of a program up to which one thread runs all programs, without atomic operations: an atomic operation
  // takes as long as some 20 plain ones, and far longer if threads take turns at one address.
  int64_t serialWork = 32;
  int lineBytes = 64;             // of a cache
  int maxTransposedLanes = 16;    // of blocks that are transposed in registers: as many registers, and code for each row
  size_t maxTransposedWork = 40;  // operations per element of such a block
  int minScannedLaneBits = 2;     // log2 of the lanes from which scanning the lanes of a vector is faster than one element at a time
  // Costs of an access if lanes run along an axis. A contiguous access costs nothing. Buffers are in the cache and cost half. Measured on
  // row and column sums, transpositions and products.
  int stridedLanesCost = 12;
  int runtimeLanesCost = 8;         // the stride may be 1, which a version of the nest tests
  int equalLanesCost = 6;           // one element for all lanes: nothing is gathered, but the load is no vector
  int missingLaneCost = 4;          // of each bit by which the axis is shorter than a vector
  int reducedLanesCost = 1;         // lanes that must be combined at the end
  int scannedLanesCost = 6;         // lanes that are scanned in log2(lanes) steps
  int unrolledIterations = 4;       // of a short reduction that becomes straight-line code
  int64_t maxUnrolledCopies = 64;   // of the body of a nest that a schedule unrolls
  int maxStoresPerNest = 6;         // alias tests compare stores pair by pair
  int64_t maxTableElements = 4096;  // of a constant tile with different values: each becomes a store

  // ---- what is computed once and kept
  int storedWork = 10;                  // operations per element from which a value that several nests use is stored
  int residentWork = 6;                 // the same for a value that stays in registers
  int storedSharedWork = 0;             // the same times the further uses, for a store to shared memory and its barriers
  size_t manyNests = 24;                // from which a thread's elements are not unrolled: compilers take long for such texts
  int maxResidentBits = 0;              // log2 of the elements of one value that a thread keeps in registers
  int maxResidentElements = 0;          // of all values: a thread has about 255 registers, and fewer where many threads hide latency
  size_t maxUnrolledOperations = 4000;  // for the elements of one value
  int manyNestsBits = 4;                // log2 of the elements of one value that a thread keeps if the kernel has many nests
  int maxScannedBits = 7;               // log2 of the elements of a scan that a thread keeps: otherwise one thread scans a line
  int maxPartialBits = 6;               // log2 of the partial results of other subgroups that each thread combines

  // ---- dots without subgroup matrices
  int byteGroup = 1;              // neighbours along K of i8 operands that one instruction multiplies and adds: 4, or 2 as i16
  int bf16Group = 1;              // the same of bf16
  int dotRows = 0;                // of a register tile; 0: the power of two whose accumulators fill half of the registers
  bool groupsHaveDotRows = true;  // also where neighbours along K are multiplied together; otherwise the power of two
  int dotRestRows = 0;            // of the tiles for the rows that are left
  int maxDotRows = 16;            // most rows of a register tile in a schedule: the code of each row is unrolled
  int accumulatorBits = 7;        // log2 of the accumulators of one thread of a workgroup
  int64_t unrolledDepth = 16;     // K up to which the loop of one thread of a workgroup is unrolled
  int64_t dotLoadElements = 4;    // of K that one thread of a workgroup loads together

  // ---- workgroups. maxThreads = 1: there are none, one thread runs a program.
  int maxThreads = 1;                           // per program
  int minThreads = 1;                           // per program, unless several programs share a workgroup
  int subgroupThreads = 1;                      // whose registers shuffles exchange, if the device has such subgroups
  int64_t bytesPerThread = 64;                  // of the largest tile that is loaded, stored or combined
  int64_t bytesPerThreadOfManyReductions = 16;  // if there are more reductions than `manyNests`: the code repeats for each element
  int64_t bytesPerThreadInReducingLoops = 32;   // the same in a loop that reduces in each iteration
  int64_t bytesPerThreadInLoops = 16;           // the same in other loops
  int64_t maxDeferredElements = 4096;           // of a tile that a loop accumulates in registers instead of its sums: 16 per thread of 256
  int64_t accumulatorsPerThread = 64;           // of the largest dot
  int64_t matrixAccumulatorsPerThread = 128;    // of all dots on subgroup matrices: a subgroup that has 64 x 64 loads fewest operands
  int minMatrixThreads = 128;                   // per program: four subgroups
  int64_t smallTile = 128;                      // elements up to which several programs share a workgroup
  int smallTileElements = 4;                    // per thread of such a program
  int smallWorkgroup = 64;                      // threads of a workgroup that several programs share
  int stagedBits = 3;           // log2 of the elements along a dimension from which a transposed tile moves through shared memory
  int residentLaneBits = 2;     // log2 of the neighbouring elements that a thread keeps: 16 bytes of f32
  int unrolledVectorBits = 2;   // log2 of the vectors per thread of a nest that is unrolled, with masks
  int unrolledElementBits = 5;  // the same of its elements, if they are not aligned
  int reducedThreadBits = 4;    // log2 of the threads along a contiguous reduced axis, where parallel axes can use the rest
  int64_t combineRadix = 16;    // partial results that one thread combines at a time

  // ---- memory of workgroups
  int scratchElementBytes = 1;     // smallest element of scratch memory
  int64_t sharedBytes = 16384;     // that every device has; scratch memory of a kernel that needs more is in storage
  int64_t maxSharedBytes = 49152;  // that devices with subgroup matrices have

  // ---- subgroup matrices
  int fragmentBits = 4;                // log2 of the rows and columns of a fragment
  int maxFragmentElementBits = 7;      // log2 of the accumulators of one thread
  int64_t maxResidentFragments = 8;    // of operands, that a subgroup keeps along a loop
  int64_t operandBytesPerThread = 64;  // in shared memory, of dots without subgroup matrices: more would leave room for few workgroups
  int64_t matrixDepthBytes = 64;       // of K per step of a dot: operands of 128 x 128 leave room for a second workgroup on an H200
  int maxSpread = 4;                   // rows between neighbouring threads that store an operand
  int64_t bankBytes = 128;             // that shared memory loads or stores at once, if they are of different banks: 32 words
  int64_t operandPaddingBytes = 16;    // between rows of operands in shared memory, so that the elements of a column are in different banks
  int64_t accumulatorRow = 24;         // elements from one row of an accumulator fragment to the next, for the same reason
  int64_t maxKeptInvariants = 16;      // registers of quotients and remainders that a thread keeps along a loop
  int64_t prefetchBytes = 256;         // that a thread holds of the next iteration's operands
  int doubleBufferThreads = 128;       // up to which fragments leave through two buffers in turn, which saves barriers

  // ---- code
  int64_t bulkMemoryBytes = 0;        // from which a loop that only fills or copies becomes one instruction; 0: never
  unsigned functionInstructions = 0;  // LLVM's, from which a function is split: its passes take more than linear time; 0: never

  // ---- costs (costs.h): in hundredths of a cycle of one thread. They rank candidates, so only their ratios matter.
  int operationCost = 50;      // of an operation on a register: two per cycle
  int expensiveCost = 1000;    // of exp, log, a division: 10 to 20 instructions, or as long in the divider
  int accessCost = 50;         // of loading or storing a register
  int elementCost = 100;       // of loading or storing one element of a vector by itself, and moving it to or from its lane
  int lineCost = 500;          // of a cache line from memory: 64 bytes at about 13 bytes per cycle, one core's share
  int iterationCost = 100;     // of a loop: counter, comparison, branch
  int latencyCost = 400;       // of an addition or multiply-add whose result the next one needs
  int shuffleCost = 800;       // of an exchange between threads of a subgroup
  int barrierCost = 4000;      // of a barrier of a workgroup, and the trip through shared memory that it orders
  int64_t cacheBytes = 32768;  // of the first level: lines are reused within it

  bool hasWorkgroups() const { return maxThreads > 1; }
};

// Target `lower`: the interpreter runs the loop IR.
extern const Machine kReference;
// Target `threads`: the interpreter runs workgroups.
extern const Machine kReferenceWorkgroup;
extern const Machine kSse, kAvx2, kAvx512, kNeon;
// The same with VNNI, and AVX-512 with BF16 as well.
extern const Machine kAvx2Vnni, kAvx512Vnni, kAvx512Bf16;
extern const Machine kWasm, kRelaxedWasm;
extern const Machine kWebGpu;

}  // namespace nereid
