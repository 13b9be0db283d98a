// SPDX-License-Identifier: MIT
// From tiles to loops: turns a kernel and its schedule into the lower form, which is scalars, machine vectors, loops and scratch memory.
#pragma once

#include "ir/ir.h"
#include "schedule/layout.h"
#include "schedule/schedule.h"

namespace nereid {

// The lowered kernel takes the kernel's arguments.
struct Lowered {
  Module module;
  int64_t scratchBytes = 0, privateBytes = 0;  // of a program; the last privateBytes of them belong to single threads
  bool needsDistinct = false;                  // whether it is as it is only since the machine's arguments are `distinct`
  bool mayBeExclusive = false;                 // reads lo.exclusive
  bool isSerial = false;                       // as the schedule has it
};

// `kernel` must be one block of structured control flow, without calls, block pointers or descriptors (passes/pipeline.h sees to it).
Result<Lowered> lower(const Func& kernel, const Schedule& schedule, Diags& diags);

}  // namespace nereid
