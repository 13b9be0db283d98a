# SPDX-License-Identifier: MIT
"""Breaks the compiler in one place at a time, and reports which test finds it.

    python3 tests/mutations.py [--jobs 2] [NAME ...]     all mutations, or those whose names contain a NAME
    python3 tests/mutations.py --check                   only that each text is found exactly once

A mutation is a row of MUTATIONS: a file (or a folder), a text that occurs in it once, what replaces the text, and what that breaks. Each is built in a copy of the
tree (build/mutations), so that only the changed file is compiled. Then the suites of SUITES run, the cheapest first, until one fails.

A mutation that survives needs a test that finds it, or a row of EQUIVALENT that says why no test can.
"""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPY = ROOT / "build/mutations"
PROGRAMS = ("nereid", "nereid_runner", "random_programs", "nereid_unit")
TIMEOUT = 300  # seconds of one suite: a kernel may hang

# Name, file, old text, new text, what it breaks.
MUTATIONS = [
    # ---- passes
    ("fold-same-difference", "src/passes/fold.cpp", "case Op::SubI: return inst.operands[0] == inst.operands[1];", "case Op::SubI: return inst.operands[0] == inst.operands[1] || isInt(inst.operands[1], 1);", "x - 1 becomes 0"),
    ("fold-loop-of-one", "src/passes/fold.cpp", "|| *lower < *upper) return false;", "|| *lower + 1 < *upper) return false;", "loops of one iteration are dropped"),
    ("fold-if-side", "src/passes/fold.cpp", "size_t side = *c & 1 ? 0 : 1;", "size_t side = *c & 1 ? 1 : 0;", "the wrong side of a known condition"),
    ("fold-masked-load", "src/passes/fold.cpp", "return inst.optional(2) ? inst.optional(2) : constant(inst, block, 0);", "return constant(inst, block, 0);", "a load whose mask is false forgets `other`"),
    ("cse-attributes", "src/passes/clean.cpp", "a.segments == b.segments && a.attrs == b.attrs &&", "a.segments == b.segments &&", "operations are the same whatever their attributes"),
    ("merge-loads-over-stores", "src/passes/clean.cpp", "return mayMeet(beginOf(load.second->operand(0))", "return false && mayMeet(beginOf(load.second->operand(0))", "a load after a store becomes the load before it"),
    ("hoist-loads", "src/passes/clean.cpp", "bool invariant = isPure(*inst) && inst->regions.empty() &&", "bool invariant = (isPure(*inst) || inst->op == Op::Load) && inst->regions.empty() &&", "loads are hoisted over stores"),
    ("induction-sign", "src/passes/clean.cpp", "scalarStep = before.cast(Op::ExtSI, scalarStep", "scalarStep = before.cast(Op::ExtUI, scalarStep", "pointers that a loop moves down move up by 2^32"),
    ("induction-result", "src/passes/clean.cpp", "Value* total = post.splat(result, shape);", "Value* total = post.splat(zero, shape);", "a tile after its loop has its initial value"),
    ("simplify-dot-init", "src/passes/simplify.cpp", "isZeroTile(d->def->operand(2))", "(isZeroTile(d->def->operand(2)) || true)", "the initial value of a product is lost when something is added to it"),
    ("simplify-ceil", "src/passes/simplify.cpp", "b.make(Op::AndI, {inexact, sameSign})", "b.make(Op::OrI, {inexact, sameSign})", "ceil division rounds up what is exact"),
    ("simplify-fp4-order", "src/passes/simplify.cpp", "{half(0), half(4)}", "{half(4), half(0)}", "the halves of packed 4-bit floats are swapped"),
    ("widen-sums", "src/passes/widen_sums.cpp", "case Op::Fma: rounds = true; break;", "case Op::Fma: rounds = false; break;", "sums of f16 and bf16 are rounded at each step"),
    ("split-pointers-mask", "src/passes/split_pointers.cpp", "with(b, mask, k ? second : first)", "with(b, mask, k == 2 ? second : first)", "the second of two arrays is accessed under the mask of the first"),
    # ---- analysis
    ("range-zext", "src/analysis/ranges.cpp", "if (a.low >= 0) return within(t, a.low, a.high);\n      return w <", "if (a.low >= -1) return within(t, a.low, a.high);\n      return w <", "an unsigned value that may be all ones counts as -1"),
    ("range-shift", "src/analysis/ranges.cpp", "static_cast<__int128>(a.high) << b.low) : whole(t);", "static_cast<__int128>(a.high)) : whole(t);", "the upper bound of a left shift"),
    ("range-loop", "src/analysis/ranges.cpp", "static_cast<uint64_t>(high.high) - 1 - beyond", "static_cast<uint64_t>(low.high)", "the upper bound of a loop's counter"),
    ("divisibility-xor", "src/analysis/divisibility.cpp", "case Op::XOrI: return std::min(in(0), in(1));", "case Op::XOrI: return std::max(in(0), in(1));", "sums are as aligned as their better operand"),
    ("divisibility-loop", "src/analysis/divisibility.cpp", ": std::min(of(loop->operand(2 + k)), of(body.terminator()->operand(k - 1)));", ": of(loop->operand(2 + k));", "what a loop carries is as aligned as its initial value"),
    ("index-map-join", "src/analysis/index_map.cpp", "return IndexMap(map.begin() + 1, map.end());", "return IndexMap(map.begin(), map.end() - 1);", "join alternates halves instead of elements"),
    ("stride-sub", "src/analysis/index_map.cpp", "op == Op::SubI ? a.value - b.value : a.value + b.value", "op == Op::SubI ? a.value + b.value : a.value + b.value", "the stride of a difference"),
    ("stride-wrap", "src/analysis/index_map.cpp", "Stride{Stride::Runtime, a.value} : Stride{};", "Stride::constant(a.value) : Stride{};", "an index that wraps is not tested at run time"),
    ("group-wrap", "src/analysis/index_map.cpp", "(a.value << bits_) <=", "(a.value << bits_) / 2 <=", "a group of indices may contain a multiple of the divisor"),
    ("group-negative", "src/analysis/index_map.cpp", "(isUnsigned || isNonNegative(i.operand(0))) && staysInGroup()", "(isUnsigned || !isNonNegative(i.operand(0)) || true) && staysInGroup()", "remainders of negative indices count as contiguous, and quotients as equal"),
    ("writes-select", "src/analysis/writes.cpp", "case Op::Select: follow(i.operands[1]); return follow(i.operands[2]);", "case Op::Select: return follow(i.operands[1]);", "an array written through a chosen pointer counts as read-only"),
    # ---- schedule
    ("keep-order", "src/schedule", "changed |= keepOrder();", "changed |= false;", "loads are read after later writes"),
    ("in-place", "src/schedule", ": nest.order > at) safe = false;", ": nest.order > at && false) safe = false;", "an accumulator is overwritten before its old value is read"),
    ("carry-temporary", "src/schedule", "if (j != k && read == args[j]) through[j] = true;", "if (j > k && read == args[j]) through[j] = true;", "carried tiles that swap overwrite each other"),
    ("join-other-axis", "src/schedule", "if (axis >= 0 && nest.reduceAxis >= 0 && axis != nest.reduceAxis) return false;", "if (axis >= 0 && nest.reduceAxis >= 0 && axis > nest.reduceAxis) return false;", "reductions of two axes share a nest"),
    ("programs-that-wait", "src/schedule/workgroups.cpp", "if (waits || largest > machine.smallTile) return 0;", "if (largest > machine.smallTile) return 0;", "programs that wait for each other share a workgroup"),
    ("threads-of-accumulators", "src/schedule/workgroups.cpp", "(isCarried ? 1 : 2)", "(isCarried ? 2 : 1)", "accumulators that a loop carries count twice"),
    ("split-dot-halves", "src/schedule/split_dots.cpp", "*right = halfOf(b, y, rank - 2, k);", "*right = halfOf(b, y, rank - 2, 1 - k);", "the first half of one operand meets the second of the other"),
    ("split-dot-rounding", "src/schedule/split_dots.cpp", "bitWidth(inst.result()->type) >= 32 &&", "", "products of f16 are rounded at each step"),
    ("access-bits", "src/schedule/layouts.cpp", "of = std::min(of.value_or(aligned), aligned);", "of = std::max(of.value_or(aligned), aligned);", "the widest access chooses the layout"),
    ("resident-map", "src/schedule/layouts.cpp", "if (at >= 0 ? in != at : in >= 0) return false;", "if (at >= 0 ? in < 0 : in >= 0) return false;", "threads read the registers of other threads"),
    ("resident-constant", "src/schedule/layouts.cpp", "if (at >= 0) return false;\n      continue;", "continue;", "every thread reads an element that one of them has"),
    ("resident-dot-operand", "src/schedule/layouts.cpp", "if ((inst.op == Op::Dot && k < 2) || inst.op == Op::Histogram ||", "if (inst.op == Op::Histogram ||", "operands of dots stay in registers"),
    ("resident-replicas", "src/schedule/layouts.cpp", "if (scans || layout.replicas() == 0) return !scans;\n  return combines && !(keeps && (writesScratch || (stores && loads)));", "if (scans || layout.replicas() == 0) return !scans;\n  return combines && (!(keeps && (writesScratch || (stores && loads))) || true);", "threads with the same elements read what others of them write"),
    ("fragments-used", "src/schedule/layouts.cpp", "return uses == sums.size();", "return uses >= expected;", "accumulators stay in fragments although others read them"),
    # ---- lowering
    ("alias-test", "src/lower/nest.cpp", "cmpI(CmpIPred::Ule, past(x), first(y))", "cmpI(CmpIPred::Ule, first(x), first(y))", "overlapping arrays pass as distinct"),
    ("alias-constants", "src/schedule/versions.cpp", "return ends[0][1] <= ends[1][0] ||", "return ends[0][1] <= ends[1][0] + 1 ||", "ranges that overlap by one element pass as distinct"),
    ("alias-equal", "src/schedule/versions.cpp", "!readsLater && haveSameSteps(x, y)", "!readsLater && (haveSameSteps(x, y) || !readsLater)", "accesses in other steps may begin at one address"),
    ("alias-reads-later", "src/schedule/versions.cpp", "readsLater |= !read->writes && write->writes &&", "readsLater |= false && write->writes &&", "a load after a store of the same elements runs with it"),
    ("affine-wrap", "src/analysis/affine.cpp", "a->base = make(extend, {make(Op::TruncI, {uniform(*a)}, Type::scalar(Elem::I32))});", "a->base = extend == Op::ExtSI ? uniform(*a) : make(extend, {make(Op::TruncI, {uniform(*a)}, Type::scalar(Elem::I32))});", "addresses do not wrap in 32 bits"),
    ("dot-rest-rows", "src/schedule/dots.cpp", "return {{rows, count, 0}, {restRows, (all - first) / restRows, first}};", "return {{rows, count, 0}, {restRows, (all - first) / restRows - 1, first}};", "the last rows of a product are missing"),
    ("mask-bound", "src/lower/loops.cpp", "if (!strict) end = emitOp(Op::AddI, {end, {index(1), 0}}, kI64);\n    return emitOp(Op::MaxSI", "if (strict) end = emitOp(Op::AddI, {end, {index(1), 0}}, kI64);\n    return emitOp(Op::MaxSI", "the bound of a mask is off by one"),
    ("mask-lower-bound", "src/lower/loops.cpp", "emitOp(Op::Select, {isLess(first, past), {size, 0}, {index(0), 0}}, kI64);", "emitOp(Op::Select, {isLess(first, plus(past, 1)), {size, 0}, {index(0), 0}}, kI64);", "masks that bound from below hold for one index too many"),
    ("vector-tail", "src/lower/loops.cpp", "return emitOp(Op::AndI, {emitOp(Op::AddI, {bound, {index(step - 1), 0}}, kI64)", "return emitOp(Op::AndI, {emitOp(Op::AddI, {bound, {index(0), 0}}, kI64)", "the tail of less than a vector is dropped"),
    ("dot-group-rows", "src/lower/dot.cpp", "l_.plus(first, (tiles.first + r) * depth)", "l_.plus(first, (tiles.first + r / 2) * depth)", "rows of a product are those before them"),
    ("dot-batch", "src/lower/dot.cpp", "offset(right_.base, batch, depth * columns)", "offset(right_.base, batch, depth * depth)", "the right operand of a batch begins elsewhere"),
    ("histogram-range", "src/lower/dot.cpp", "static_cast<int64_t>(CmpIPred::Ult)}});", "static_cast<int64_t>(CmpIPred::Slt)}});", "negative values are counted below the bins"),
    ("gather-index", "src/lower", "bitWidth(picked.v->type) < 32 ? Op::ExtUI : Op::ExtSI", "Op::ExtSI", "narrow indices of a gather are signed"),
    ("gather-clamp", "src/lower", "{picked, {index(source.dim(axis) - 1), 0}}", "{picked, {index(source.dim(axis) / 2 - 1), 0}}", "indices of the upper half of a gather wrap"),
    ("identity-sum", "src/analysis/combine.cpp", "case Op::AddF: return encodeFloat(element.elem, -0.0);", "case Op::AddF: return 0;", "a sum of -0 is 0"),
    ("identity-min", "src/analysis/combine.cpp", "case Op::MinSI: return ones >> 1;", "case Op::MinSI: return ones;", "minima of integers are at most -1"),
    ("defer-scaled-start", "src/schedule/defer_reductions.cpp", "if (constantBits(loop.operand(3 + slot)) == uint64_t{0}) return found;", "return found;", "scaled sums that do not begin with 0 are deferred"),
    ("defer-used", "src/schedule/defer_reductions.cpp", "!uses_.count(arg) || uses_.at(arg) != 1", "!uses_.count(arg)", "sums that the loop reads are deferred"),
    ("advance-start", "src/schedule/advance_reductions.cpp", "(isSum && *bits == 0) || isIdempotent", "isSum || isIdempotent", "sums that do not begin with 0 are reduced in the loop"),
    ("advance-used", "src/schedule/advance_reductions.cpp", "!isUsedOnce(arg) || !isUsedOnce(next)", "!isUsedOnce(next)", "tiles that the loop reads are reduced in it"),
    ("scan-lanes-order", "src/schedule/nests.cpp", "for (int a = 0; a < axis; ++a)\n    if (s.axes[static_cast<size_t>(a)].isReduced) return false;", "for (int a = 0; a < axis; ++a)\n    if (s.axes[static_cast<size_t>(a)].isReduced) return true;", "lanes along the higher part of a scanned axis"),
    ("scan-lanes-merge", "src/lower/loops.cpp", "merge.push_back(exists ? lane : n + lane);", "merge.push_back(lane);", "lanes without one before them are combined with themselves"),
    ("replica-writes", "src/lower/threads.cpp", "isFirst = {at(top()).cmpI(CmpIPred::Eq,", "isFirst = {at(top()).cmpI(CmpIPred::Uge,", "all threads with the same elements write them"),
    ("scan-carry", "src/lower/scan.cpp", "sum = k == 0 ? next : combine(sum, next);\n        }\n        if (!isLast)", "sum = next;\n        }\n        if (!isLast)", "elements of a thread that are apart forget the first ones"),
    ("scan-reverse", "src/lower/scan.cpp", "{low_.index(mask), 0}}, kI64), isReverse_ ? mask : 0);", "{low_.index(mask), 0}}, kI64), isReverse_ ? 0 * mask : 0);", "the carry of a reverse scan"),
    ("partials", "src/lower/reduce.cpp", "rest = have / each;", "rest = std::max<int64_t>(have / each / 2, 1);", "some partial results are dropped"),
    ("subgroup-order", "src/lower/reduce.cpp", "Lowval first = l_.emitOp(Op::Select, {isLater, others[k], args[k]}", "Lowval first = l_.emitOp(Op::Select, {isLater, args[k], others[k]}", "subgroups combine in the wrong order"),
    ("scratch-size", "src/lower/lowering.cpp", "buffers_.bytes += bytes;", "buffers_.bytes += bytes / 2;", "buffers in scratch memory overlap"),
    ("legal-bf16-int", "src/lower/legalize.cpp", "number(v, 24)), number(v, 0));", "number(v, 25)), number(v, 0));", "integers are rounded twice on their way to bf16"),
    ("legal-saturate", "src/lower/legalize.cpp", "towardZero || saturate ? largest : largest + 1", "towardZero ? largest : largest + 1", "infinity does not saturate in a cast to fp8"),
    ("legal-f16-odd", "src/lower/legalize.cpp", "bits = make(Op::OrI, bits, b_->cast(Op::ExtUI, inexact, bits->type));", "", "f64 is rounded twice on its way to f16"),
    ("reload-written", "src/schedule/reload_operands.cpp", "if (!loop) return writes_[base->index] == Writes::No;", "if (!loop) return true;", "operands are loaded again after the kernel has written to them"),
    ("keep-changing", "src/lower/keep_invariants.cpp", "return known.count(v) || !inside_.count(v);", "return v->def != nullptr || !inside_.count(v);", "a remainder that changes in a loop is computed before it"),
    ("vectors-ahead", "src/backends/wgsl/memory.cpp", "return {begin, ahead / elements};", "return {begin, ahead / elements + 1};", "constants of addresses in shared memory are added twice"),
    ("jam-order", "src/lower/jam_loops.cpp", "inner.args[1 + k * carried + i]", "inner.args[1 + i]", "rows that run together add to the sums of the first"),
    ("shift-whole", "src/lower/legalize.cpp", "b_->select(isWhole, x, make(Op::MulHiUI, x, factor))", "make(Op::MulHiUI, x, factor)", "a lane that is shifted by 0 loses a bit"),
    ("divide-lanes", "src/lower/elements.cpp", "(mayWrap ? laneBits : std::min(*power, laneBits))", "0", "quotients of lanes that do not begin with a multiple"),
    ("transposed-operand", "src/lower/matrix.cpp", "(right.transposed != 0) != stored[1].isTransposed", "right.transposed != 0", "a product reads the memory of an operand's transposition as it is"),
    ("fragments-read", "src/schedule/layouts.cpp", "return uses == 1 ? next : nullptr;", "return next;", "sums that others read stay in fragments"),
    ("spread-rows", "src/lower/threads.cpp", "with(Op::AndI, number, -2 * spread)", "with(Op::AndI, number, -4 * spread)", "threads store some rows of an operand twice, and others never"),
    ("narrow-order", "src/lower/narrow_integers.cpp", "case Op::DivUI:\n      case Op::RemUI: return isNatural(i.operand(0)) && isNatural(i.operand(1));", "case Op::DivUI:\n      case Op::RemUI: return true;", "negative numbers are divided as if unsigned ones of 32 bits"),
    ("narrow-carried", "src/lower/narrow_integers.cpp", "follow(body.terminator()->operands, 0, i.results, 0);", "", "a loop gives back the low half of what it carries"),
    ("narrow-range", "src/lower/narrow_integers.cpp", "if (r.fits32()) fits_.insert(v);", "fits_.insert(v);", "64-bit integers of any size are computed in 32 bits"),
    ("math-reduction", "src/lower/math.cpp", "kLn2Low = 1.428606765330187e-06", "kLn2Low = 1.4e-06", "exp of large arguments is inexact"),
    ("prefetch-last", "src/lower/prefetch.cpp", "in.select(more, in.make(Op::AddI, {counter, step}), counter)", "in.make(Op::AddI, {counter, step})", "the last iteration loads what the next would"),
    ("prefetch-mask", "src/lower/prefetch.cpp", "if (mask) value = b.select(mask, value,", "if (mask && other) value = b.select(mask, value,", "masked elements without `other` are undefined"),
    ("prefetch-stores", "src/lower/prefetch.cpp", "if (writes) return false;", "", "loads are moved over the stores of a loop"),
    ("prefetch-carried", "src/lower/prefetch.cpp", "in.select(more, copied(rest.back()->operand(k - 1), body_, current), carried)", "carried", "the next loads use what this iteration carries"),
    # ---- workgroups
    ("life-loop", "src/workgroup/place_memory.cpp", "if (!first || (!outside && first->writes)) continue;", "if (!first || !outside) continue;", "memory that an iteration reads before it writes is used in between"),
    ("life-outside", "src/workgroup/place_memory.cpp", "if (!first || (!outside && first->writes)) continue;", "if (!first || (first->writes && (outside || true))) continue;", "memory that is read after its loop is used in it"),
    ("life-threads", "src/workgroup/place_memory.cpp", "if (std::none_of(life.accesses.begin(), life.accesses.end(), isInside)) continue;", "if (!life.accesses.empty() || isInside(life.accesses[0])) continue;", "threads of one loop use memory at different times"),
    ("life-branch", "src/workgroup/place_memory.cpp", "if (life.isConditional) {", "if (life.inBranch && next_ < 0) {", "memory of a branch is used by code around it"),
    ("vectors-in-parts", "src/workgroup/place_memory.cpp", "wordsAtOnce(i, i.operand(1), divisibility_) != 4", "wordsAtOnce(i, i.operand(1), divisibility_) == 3", "vectors of 16 bytes are written in parts"),
    ("barrier", "src/workgroup/insert_barriers.cpp", "meets(next.reads, pending_.writes, storage);", "false;", "no barrier between a write and a read"),
    ("barrier-before-write", "src/workgroup/insert_barriers.cpp", "meets(next.writes, pending_.reads, storage) ||", "", "no barrier between a read and a write"),
    ("barrier-loop", "src/workgroup/insert_barriers.cpp", "pending_.join(ofOtherIteration(i));\n      block(i.regions[0]->entry());", "block(i.regions[0]->entry());", "no barrier between iterations"),
    ("barrier-if", "src/workgroup/insert_barriers.cpp", "after.join(pending_);", "after = pending_;", "accesses of one branch are forgotten"),
    ("barrier-overlap", "src/workgroup/insert_barriers.cpp", "if (a == b) return true;", "return a == b;", "allocations that share memory are ordered apart"),
    ("barrier-kind", "src/workgroup/insert_barriers.cpp", 'storage ? "storage" : "workgroup"', '"workgroup"', "the barrier of the other address space"),
    ("barrier-distinct", "src/workgroup/insert_barriers.cpp", "return origin && (origin->def || schedule_.kernel.disjoint) ? origin : &anyArray_;", "return origin ? origin : &anyArray_;", "arguments that may be one array are ordered apart"),
    ("place-range", "src/workgroup/places.cpp", "if (past(a) <= first(b) || past(b) <= first(a)) return false;", "if (past(a) - 4 <= first(b) || past(b) <= first(a)) return false;", "arrays that share their last element are ordered apart"),
    ("place-thread", "src/workgroup/places.cpp", "if (d != 0 && distance < a.bytes", "if (d == 0 && distance < a.bytes", "threads that access elements of others do not wait"),
    ("place-uniform", "src/workgroup/places.cpp", "a.origin != b.origin || a.uniform != b.uniform) return true;", "a.origin != b.origin) return true;", "rows of different numbers are ordered apart"),
    ("place-iteration", "src/workgroup/places.cpp", "return changes ? Place{} : place;", "return changes ? place : place;", "a value of the last iteration counts as that of the next"),
    # ---- back-ends
    ("cpu-bf16-rounding", "src/backends/cpu/conversions.cpp", "number(odd, 0x7fff)", "number(odd, 0x8000)", "ties of bf16 are rounded up"),
    ("cpu-fp8-overflow", "src/backends/cpu/conversions.cpp", "towardZero || saturate ? largest : beyond", "towardZero ? largest : beyond", "casts to fp8 do not saturate"),
    ("cpu-masked-load", "src/backends/cpu/emit.cpp", "return b.CreateSelect(get(mask), v, otherwise);", "return v;", "a scalar load that is masked off gives what lies elsewhere"),
    ("cpu-atomic-order", "src/backends/cpu/emit.cpp", "case MemSem::Acquire: return llvm::AtomicOrdering::Acquire;", "case MemSem::Acquire: return llvm::AtomicOrdering::Monotonic;", "an acquiring atomic orders nothing"),
    ("cpu-cast-saturation", "src/backends/cpu/emit.cpp", "llvm::Intrinsic::fptosi_sat : llvm::Intrinsic::fptoui_sat;", "llvm::Intrinsic::fptosi_sat : llvm::Intrinsic::fptosi_sat;", "floats become unsigned integers of half the range"),
    ("cpu-print-width", "src/backends/cpu/emit.cpp", "cat(shape[d] - 1).size()", "size_t{1}", "indices of a print are not aligned"),
    ("wasm-sext16", "src/backends/wasm/vectors.cpp", "if (width == 16) return code_.make(Ins::I32Extend16S, {x});", "if (width == 16) return x;", "signed integers of 16 bits are unsigned"),
    ("wasm-mask-order", "src/backends/wasm/elements.cpp", "if (isSignedPredicate(p)) std::swap(x, y);", "", "signed comparisons of booleans"),
    ("wasm-pmin", "src/backends/wasm/elements.cpp", "return map(y, x, x.width == 64 ?", "return map(x, y, x.width == 64 ?", "minima by comparison give the other operand for NaN"),
    ("wgsl-barrier-kind", "src/backends/wgsl/emit.cpp", 'i.text(Attr::Space) == "storage" ? "storageBarrier();" : "workgroupBarrier();"', '"workgroupBarrier();"', "the barrier of the other address space"),
    # ---- front-ends
    ("tl-compare-sign", "src/frontends/tl/arithmetic.cpp", '{"<", CmpFPred::Olt, CmpIPred::Slt, CmpIPred::Ult}', '{"<", CmpFPred::Olt, CmpIPred::Slt, CmpIPred::Slt}', "unsigned values are compared as signed"),
    ("tl-promotion", "src/frontends/tl/arithmetic.cpp", "if (a.isUnsigned()) return wa >= wb ? a : b;", "if (a.isUnsigned()) return wa > wb ? a : b;", "unsigned and signed of one width give signed"),
    ("tl-unsigned-offset", "src/frontends/tl/arithmetic.cpp", "if (sb.isUnsigned() && sb.bits() < 64) b = widenTo(b, Prim::I64);", "", "unsigned offsets from pointers are signed"),
    # ---- interpreter
    ("interp-gather", "src/interp/layout.cpp", "bitWidth(indices.type) < 32 ? static_cast<int64_t>(indices.bits[e]) :", "", "narrow indices of a gather are signed"),
    ("interp-atomic-max", "src/interp/element.cpp", "case Rmw::UMax: return old > value ? old : value;", "case Rmw::UMax: return signExtend(old, w) > signExtend(value, w) ? old : value;", "atomic maxima of unsigned integers"),
    ("interp-fma", "src/interp/element.cpp", "sum = std::nextafter(sum, error > 0 ? HUGE_VAL : -HUGE_VAL);", "sum = std::nextafter(sum, error > 0 ? -HUGE_VAL : HUGE_VAL);", "the last bit of a fused multiply-add"),
    ("interp-block-bound", "src/interp/memory.cpp", "if (check && (index < 0 || index >= extent)) inside[e] = false;", "if (check && (index < 0 || index > extent)) inside[e] = false;", "a block reads one element beyond its tensor"),
]

# Mutations that change no result, each with the reason.
EQUIVALENT = {}


def suites():
    """(name, command, environment), the cheapest first."""
    runner, programs = "build/bin/nereid_runner", "build/bin/random_programs"
    threads = sorted(str(p.relative_to(ROOT)) for kind in ("dot", "reduce", "scan") for p in (ROOT / "tests/ops").glob(f"{kind}*.ttir"))
    return [
        ("passes", [runner, "tests/passes"], {}),
        ("unit", ["build/bin/nereid_unit", "--gtest_brief=1"], {}),
        ("schedules", ["python3", "tests/schedules_test.py"], {}),
        ("lang", [runner, "--targets", "interp,cpu,threads", "tests/lang"], {}),
        ("random", [programs, "1", "60"], {}),
        ("cli", ["sh", "tests/cli_test.sh"], {}),
        ("ops", [runner, "--targets", "interp,cpu,threads", "tests/ops"], {}),
        ("corpus", [str(ROOT / ".venv/bin/python"), "tests/differential/targets_vs_interp.py", "--targets", "threads"], {}),
        ("wasm", [runner, "--targets", "interp,wasm", "tests/ops", "tests/lang"], {}),
        ("threads_16", [runner, "--targets", "interp,threads", *threads, "tests/lang"], {"NEREID_WORKGROUP": "16"}),
        ("threads_256", [runner, "--targets", "interp,threads", *threads, "tests/lang"], {"NEREID_WORKGROUP": "256"}),
        ("webgpu", [runner, "--targets", "interp,webgpu", *threads, *(f"tests/ops/{name}.ttir" for name in ("masks", "ranges", "softmax", "atomics")), "tests/lang"], {}),
    ]


def copy_tree():
    """The files of the repository, as they are; unchanged ones keep their times, so that only what changed is built again."""
    names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")[:-1]
    for name in names:
        source, target = ROOT / name, COPY / name
        if not source.is_file():
            target.unlink(missing_ok=True)
        elif not target.exists() or source.read_bytes() != target.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    # The runtime of WebAssembly and WebGPU kernels; a copy, since a build of the tree replaces it.
    if (ROOT / "web/dist").exists():
        shutil.copytree(ROOT / "web/dist", COPY / "web/dist", dirs_exist_ok=True)
    if (ROOT / "web/node_modules").exists() and not (COPY / "web/node_modules").exists():
        (COPY / "web/node_modules").symlink_to((ROOT / "web/node_modules").resolve())


def build(jobs):
    if not (COPY / "build/build.ninja").exists():
        # With the options of the tree's own build: then the compiler's cache has all but the changed file.
        cache = (ROOT / "build/CMakeCache.txt").read_text()
        preset = "ci" if "NEREID_WERROR:BOOL=ON" in cache else "release"
        subprocess.run(["cmake", "--preset", preset, "-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld"], cwd=COPY, check=True, stdout=subprocess.DEVNULL)
    env = {**os.environ, "CCACHE_BASEDIR": str(ROOT.parent), "CCACHE_NOHASHDIR": "1"}
    return subprocess.run(["ninja", "-C", "build", "-j", str(jobs), *PROGRAMS], cwd=COPY, capture_output=True, text=True, env=env)


def run(command, env):
    """Returns an error text, or None."""
    # To a file: a process that outlives a crashed parent would keep a pipe open.
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        process = subprocess.Popen(command, cwd=COPY, env={**os.environ, "NEREID_VERIFY_EACH": "1", **env}, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = process.wait(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            status = None
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        if status == 0:
            return None
        if status is None:
            return "hangs"
        log.seek(0)
        output = log.read()
    first = next((line for line in output.splitlines() if "FAILED" in line or "FAIL " in line), None)
    return (first or (output.strip().splitlines() or ["no output"])[-1])[:160]


def text_of(mutation):
    """The file that is changed, its text, and what it becomes."""
    name, place, old, new, _ = mutation
    files = sorted((ROOT / place).glob("*.cpp")) if (ROOT / place).is_dir() else [ROOT / place]
    texts = {file: file.read_text() for file in files if file.exists()}
    count = sum(text.count(old) for text in texts.values())
    if count != 1:
        sys.exit(f"{name}: {place} contains the text {count} times, not once: {old}")
    file, text = next(item for item in texts.items() if old in item[1])
    return str(file.relative_to(ROOT)), text, text.replace(old, new)


def main():
    global COPY
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="of the build")
    parser.add_argument("--check", action="store_true", help="only check that each text is found exactly once")
    parser.add_argument("--suites", default="", help="only these, with commas between")
    parser.add_argument("--copy", type=Path, default=COPY, help="the folder of the copy: a second run at the same time needs another one")
    parser.add_argument("names", nargs="*")
    o = parser.parse_args()
    COPY = o.copy.resolve()
    assert len({m[0] for m in MUTATIONS}) == len(MUTATIONS), "a name is used twice"
    texts = {m[0]: text_of(m) for m in MUTATIONS}
    if o.check:
        print(f"{len(MUTATIONS)} mutations apply")
        return
    chosen = [m for m in MUTATIONS if not o.names or any(n in m[0] for n in o.names)]
    if not chosen:
        sys.exit(f"no mutation is called {' or '.join(o.names)}")
    tests = [s for s in suites() if not o.suites or s[0] in o.suites.split(",")]
    copy_tree()
    done = build(o.jobs)
    if done.returncode:
        sys.exit(done.stdout[-3000:] + done.stderr)
    if not o.names:
        for name, command, env in tests:
            start = time.time()
            if problem := run(command, env):
                sys.exit(f"{name} fails without a mutation: {problem}")
            print(f"{name} passes, in {time.time() - start:.0f} s", flush=True)
    survived = []
    for name, _, _, _, breaks in chosen:
        start, found = time.time(), None
        file, text, changed = texts[name]
        (COPY / file).write_text(changed)
        try:
            done = build(o.jobs)
            if done.returncode:
                print(f"DOES NOT COMPILE  {name}:\n{done.stdout[-1500:]}", flush=True)
                survived.append(name)
                continue
            for suite, command, env in tests:
                if problem := run(command, env):
                    found = f"{suite}: {problem}"
                    break
        finally:
            (COPY / file).write_text(text)
        if not found and name in EQUIVALENT:
            print(f"equivalent  {name} ({breaks}): {EQUIVALENT[name]}", flush=True)
            continue
        if not found:
            survived.append(name)
        print(f"{'found' if found else 'SURVIVED'}  {name} ({breaks}), {time.time() - start:.0f} s{': ' + found if found else ''}", flush=True)
    print(f"{len(chosen) - len(survived)} of {len(chosen)} found{'; survived: ' + ', '.join(survived) if survived else ''}")
    sys.exit(bool(survived))


if __name__ == "__main__":
    main()
