// SPDX-License-Identifier: MIT
// Decides how many threads run a program, and how many programs share a workgroup.
#pragma once

#include "ir/ir.h"
#include "schedule/machine.h"

namespace nereid {

// Threads of a program that has a workgroup to itself: a power of two. With `matrices`, dots run on subgroup matrices.
int threadsOf(const Func& kernel, const Machine& machine, bool matrices);
// Threads of a program that shares its workgroup with others, because its tiles are small. 0 if they are not, or if a program may wait for
// another one: the threads of a subgroup run in lockstep, so the program that waits could keep the other from running.
int sharedThreadsOf(const Func& kernel, const Machine& machine);

}  // namespace nereid
