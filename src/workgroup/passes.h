// SPDX-License-Identifier: MIT
// Passes over the loop IR for machines whose workgroups share a program. They run in this order; the printer of the target only prints.
#pragma once

#include "ir/ir.h"
#include "schedule/schedule.h"

namespace nereid {

// Marks the operands of lo.matrix_dot whose fragments are loaded before the loop around it.
void hoistFragments(Func& f, const Schedule& schedule);
// Places each lo.alloc in an address space. Returns false if an operand of subgroup matrices cannot be stored as they need it.
bool placeMemory(Func& f, const Schedule& schedule);
// Inserts lo.barrier between accesses of different threads that must not meet. Barriers that are there already are removed first.
void insertBarriers(Func& f, Module& m, const Schedule& schedule);

// All of them, each verified where after_pass.h asks for it. Returns what placeMemory() returns.
bool prepareWorkgroup(Module& m, const Schedule& schedule);

}  // namespace nereid
