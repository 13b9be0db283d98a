// SPDX-License-Identifier: MIT
// From tiles to loops: turns a kernel and its plan into the lower form, which is scalars, machine vectors, loops and scratch memory.
#pragma once

#include "ir/ir.h"
#include "schedule/plan.h"

namespace nereid {

// What lowering must know of a machine.
struct Machine {
  int vectorBytes = 64;      // of one vector register
  int vectorRegisters = 32;  // that the inner loops may use
  int threads = 1;           // of a workgroup that shares a program: a power of two
  int scratchBytes = 1;      // of the smallest element that scratch memory holds: 1, or 4 where memory is words
  bool distinct = false;     // whether what different arguments point to never overlaps
  bool fma = true;           // whether it multiplies and adds in one step; where not, products that may round are rounded
  bool matrices = false;     // whether subgroups of 32 threads multiply matrices of f16: lo.matrix_dot
  bool scales = false;       // lo.scale is an instruction; without it, it is written out
  bool subgroups = false;    // whether threads whose numbers differ in the lowest five bits swap values: lo.subgroup_swap
  bool exp2 = false;         // whether it has exp2 itself, of which exp is made: less exact, but one instruction
  bool libm =
      true;  // whether a C library has the functions on f32 that are dear to write out; without it, they are, and fma may round twice
};

// How 16 x 16 parts of a product are dealt to subgroups, by bits of the parts' columns and rows: the low ones count the parts of one
// subgroup.
struct MatrixDeal {
  int columns = 0, rows = 0, subgroupColumns = 0, subgroupRows = 0;
};
// As many subgroups below each other as `subgroupRows` says (its binary logarithm), or, if it is negative, so that a subgroup has about a
// square.
std::optional<MatrixDeal> dealMatrix(int rowBits, int columnBits, int threads, int subgroupRows = -1);

// The lowered kernel takes the kernel's arguments.
struct Lowered {
  Module module;
  int64_t scratchBytes = 0, ownBytes = 0;  // of a program; the last ownBytes of them belong to single threads
  bool needsDistinct = false;              // whether it is as it is only since the machine's arguments are `distinct`
  std::vector<std::string> notes;          // what was decided on the way, and why: the second half of `emit --stage schedule`
  std::set<const Nest*> emitted;           // nests of the plan that became loops; the others were fused into a dot or an interchanged loop
};

// `kernel` must be one block of structured control flow, without calls, block pointers or descriptors (passes/pipeline.h sees to it).
Result<Lowered> lower(const Func& kernel, const Plan& plan, const Machine& machine, Diags& diags);

}  // namespace nereid
