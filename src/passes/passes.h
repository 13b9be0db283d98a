// SPDX-License-Identifier: MIT
// Rewrites of TTIR, each in a file of the same name. pipeline() runs them in order.
#pragma once

#include "ir/ir.h"

namespace nereid {

// Rewrites functions with several blocks to one block with scf.if, so that later passes only see structured control flow.
Result<> structurize(Module& m, Diags& diags);
// Inlines callees into callers, and keeps only the kernel.
Result<> inlineCalls(Module& m, Diags& diags);
// Replaces block pointers and tensor descriptors by plain pointers and masks.
Result<> expandDescriptors(Module& m, Diags& diags);
// Converts inline assembly that is plain arithmetic to operations; refuses any other.
Result<> expandInlineAsm(Module& m, Diags& diags);
// Replaces libdevice symbols by operations; functions of f32 are computed in f64 if the target has it.
Result<> resolveExterns(Module& m, bool hasF64, Diags& diags);
// Computes reductions and scans of f16 and bf16 in f32.
void widenSums(Func& f, Module& m);
// Splits a print of several values into prints of one.
void splitPrints(Func& f, Module& m);
// Rewrites operations that the schedule does not handle: unsplat, dot_scaled, dot + add, dead assumes.
void simplify(Func& f, Module& m);
// Folds constants, and simplifies operations that equal one of their operands.
bool fold(Func& f, Module& m);
// Common subexpression elimination of pure operations.
bool eliminateCommon(Func& f);
// For the lower form: removes repeated loads of an address to which nothing in between stores.
bool mergeLoads(Func& f);
// Dead code elimination.
bool eliminateDead(Func& f);
// Loop-invariant code motion.
bool hoistInvariants(Func& f);
// Whether two operations without regions give the same results, with one executed after the other.
bool givesSame(const Inst& a, const Inst& b);
// Replaces carried tiles that move by the same amount in each iteration by base + counter * step.
bool unrollInduction(Func& f, Module& m);

// Splits an access through a pointer into one of two arrays into two accesses with complementary masks.
bool splitPointers(Func& f, Module& m);

// Target properties that passes depend on.
struct PassOptions {
  bool hasF64 = true;
  bool hasPointers = true;  // false: arrays are bindings, and a pointer must refer to one statically known array
};
// Runs all passes above. On success the module contains one structured function without calls.
Result<> pipeline(Module& m, Diags& diags, const PassOptions& options = {});
// Runs one pass, by the name of its file or function: `emit --stage pass.fold`.
Result<> runPass(Module& m, std::string_view name, Diags& diags, const PassOptions& options = {});

}  // namespace nereid
