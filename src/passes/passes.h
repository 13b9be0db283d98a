// SPDX-License-Identifier: MIT
// Rewrites of TTIR, each in a file of its own name. pipeline() is the list of them, in order.
#pragma once

#include "ir/ir.h"

namespace nereid {

// Makes multi-block functions one block of scf.if, so that later passes see structured control only.
Result<> structurize(Module& m, Diags& diags);
// Copies callees into callers and keeps the kernel alone.
Result<> inlineCalls(Module& m, Diags& diags);
// Turns block pointers and tensor descriptors into plain pointers and masks.
Result<> expandDescriptors(Module& m, Diags& diags);
// Inline assembly whose meaning is plain arithmetic becomes operations; other is refused.
Result<> expandInlineAsm(Module& m, Diags& diags);
// Spells libdevice symbols as operations, those of f32 by way of f64 where the target has it.
Result<> resolveExterns(Module& m, bool hasF64, Diags& diags);
// Computes reductions and scans of f16 and bf16 in f32.
void widenSums(Func& f, Module& m);
// Makes prints of several values prints of one.
void splitPrints(Func& f, Module& m);
// Turns what the schedule need not know into what it knows: unsplat, dot_scaled, dot + add, dead assumes.
void simplify(Func& f, Module& m);
// Computes constants, drops what is the same as before or as an operand.
bool fold(Func& f, Module& m);
// One of several equal pure operations.
bool eliminateCommon(Func& f);
// Of the lower form: one of several loads from a place that nothing in between writes.
bool mergeLoads(Func& f);
// Operations whose results nobody needs.
bool eliminateDead(Func& f);
// Moves what a loop does not change in front of it.
bool hoistInvariants(Func& f);
// Replaces carried tiles that move by the same amount in each iteration by base + counter x step.
bool unrollInduction(Func& f, Module& m);

// Makes accesses through a pointer into one of two arrays two accesses, under complementary masks.
bool splitPointers(Func& f, Module& m);

// What a target has that passes ask for.
struct PassOptions {
  bool hasF64 = true;
  bool hasPointers = true;  // or arrays are bindings, and no pointer may lead into one or another
};
// All of the above. On success the module holds one structured function without calls.
Result<> pipeline(Module& m, Diags& diags, const PassOptions& options = {});
// One of them, by the name of its file or function: `emit --stage pass.fold`.
Result<> runPass(Module& m, std::string_view name, Diags& diags, const PassOptions& options = {});

}  // namespace nereid
