// SPDX-License-Identifier: MIT
// Nests shared by the threads of a workgroup.
//
//   nest over 1024, 256 threads, 4 lanes   =>   scf.for %t = 0 to 256 {threads} { for i = 4 t; i < 1024; i += 1024 { ... } }
//
// A loop over threads means what the loop means, one iteration after the other: they do not depend on each other. So the interpreter runs
// this form as it stands; a GPU gives each thread its iteration and has all of them wait at the end. What stands outside of such loops is the
// same for all threads. A reduction leaves one value a thread in a buffer, which further loops combine.
#include <algorithm>
#include <bit>

#include "lower/combine.h"
#include "lower/lowering.h"

namespace nereid {

namespace {

constexpr int64_t kRadix = 16;  // partial results that one thread combines at a time

int log2(int64_t n) { return std::countr_zero(static_cast<uint64_t>(n)); }

}  // namespace

// Neighbours in memory to neighbouring threads; then parallel axes, so that few values are left to combine; then what is reduced.
void Lowering::dealThreads(const Nest& nest) {
  int left = log2(machine_.threads), outer = 0;
  bool scans = false, known = true;
  for (const Root& root : nest.roots) {
    scans |= root.kind == Root::Scan;
    known &= root.kind != Root::Combine || combineOf(*root.inst);
  }
  for (Axis& axis : axes_) {
    axis.threadBits = 0;
    if (!axis.isReduced) outer += axis.bits;
  }
  auto deal = [&](Axis& axis, int most) {
    if (axis.isReduced && scans) return;
    int n = std::min({left, most, axis.bits - axis.laneBits - axis.threadBits});
    axis.threadBits += n;
    left -= n;
  };
  if (vectorAxis_ >= 0) {
    Axis& axis = axes_[static_cast<size_t>(vectorAxis_)];
    deal(axis, axis.isReduced && outer > 0 ? 4 : left);
  }
  for (int reduced = 0; reduced < 2; ++reduced)
    for (size_t i = order_.size(); i-- > 0;)
      if (Axis& axis = axes_[static_cast<size_t>(order_[i])]; axis.isReduced == (reduced == 1)) deal(axis, left);
  // Every thread must have an element to start with where there is no value that changes nothing: no loop may be cut.
  if (!known) std::erase_if(bounds_, [&](const Bound& b) { return axes_[static_cast<size_t>(b.axis)].isReduced; });
}

void Lowering::threadsLoop(int64_t count, const std::function<void(Value*)>& body) {
  plainLoop(count, body);
  levels_.back()->insts.back()->set(Attr::Threads, count);
}

void Lowering::shareLoop(int64_t count, const std::function<void(Value*)>& body) {
  int64_t threads = std::min<int64_t>(count, machine_.threads);
  threadsLoop(threads, [&](Value* t) {
    if (count <= threads) {
      body(t);
      return;
    }
    Inst* loop = at(top()).forLoop(t, index(count), index(threads), {});
    levels_.push_back(&loop->regions[0]->entry());
    body(loop->regions[0]->entry().args[0]);
    at(top()).yield({});
    levels_.pop_back();
  });
}

void Lowering::emitShared(const Nest& nest) {
  dealThreads(nest);
  const Type kI64 = Type::scalar(Elem::I64);
  int bits = 0, outer = 0;
  partialBits_ = 0;
  for (const Axis& axis : axes_) {
    bits += axis.threadBits;
    if (axis.isReduced) partialBits_ += axis.threadBits;
    if (!axis.isReduced) outer += axis.bits;
  }
  note("  ", int64_t{1} << bits, " threads share it", partialBits_ ? cat(", ", int64_t{1} << partialBits_, " each reduction") : "");
  partials_.clear();
  for (const Root& root : nest.roots) {
    if (root.kind != Root::Combine) continue;
    for (Value* v : root.inst->results)
      if (partialBits_ > 0 || !v->type.isTile()) partials_[v] = allocateElements(storedType(v), int64_t{1} << (outer + partialBits_));
  }
  std::vector<const Inst*> reductions;
  for (const Root& root : nest.roots)
    if (root.kind == Root::Combine && partials_.count(root.inst->results[0])) reductions.push_back(root.inst);
  threadsLoop(int64_t{1} << bits, [&](Value* t) {
    partialLevel_ = top();
    auto part = [&](Value* of, int shift, int count) {
      Lowval v = emitOp(Op::ShRUI, {{of, partialLevel_}, {index(shift), 0}}, kI64);
      return emitOp(Op::AndI, {v, {index((int64_t{1} << count) - 1), 0}}, kI64).v;
    };
    // The vector axis has the lowest bits.
    int shift = 0;
    Value* reduced = nullptr;
    int reducedBits = 0;
    auto give = [&](Axis& axis) {
      if (axis.threadBits == 0) return;
      axis.thread = part(t, shift, axis.threadBits);
      shift += axis.threadBits;
      if (!axis.isReduced) return;
      Value* moved = emitOp(Op::ShLI, {{axis.thread, partialLevel_}, {index(reducedBits), 0}}, kI64).v;
      reduced = reduced ? emitOp(Op::OrI, {{reduced, partialLevel_}, {moved, partialLevel_}}, kI64).v : moved;
      reducedBits += axis.threadBits;
    };
    if (vectorAxis_ >= 0) give(axes_[static_cast<size_t>(vectorAxis_)]);
    for (size_t a = 0; a < axes_.size(); ++a)
      if (static_cast<int>(a) != vectorAxis_) give(axes_[a]);
    partialAxis_ = static_cast<int>(axes_.size());
    Axis part_;
    part_.bits = partialBits_;
    part_.iv = reduced ? reduced : index(0);
    part_.level = partialLevel_;
    axes_.push_back(part_);
    std::vector<Value*> acc;
    emitLoops(0, acc);
    axes_.pop_back();
  });
  for (Axis& axis : axes_) {
    axis.threadBits = 0;
    axis.thread = nullptr;
  }
  for (const Inst* reduce : reductions) combinePartials(*reduce);
  partials_.clear();
}

// One value of each group of partial results, in steps of kRadix.
void Lowering::combinePartials(const Inst& reduce) {
  const Type kI64 = Type::scalar(Elem::I64);
  int64_t group = int64_t{1} << partialBits_;
  std::vector<BufferRef> parts;
  for (const Value* v : reduce.results) parts.push_back(partials_.at(v));
  int64_t results = reduce.results[0]->type.isTile() ? reduce.results[0]->type.numel() : 1;
  auto pointer = [&](const BufferRef& b, Lowval i) { return emitOp(Op::AddPtr, {{b.base, 0}, i}, b.base->type, {}, top()).v; };
  auto read = [&](size_t k, Lowval i) -> Lowval {
    Inst* load = at(top()).create(Op::LoLoad, {pointer(parts[k], i)}, {parts[k].element});
    load->segments = {1, 0, 0};
    return convert({load->result(), top()}, reduce.operands[k]->type.element());
  };
  auto write = [&](const BufferRef& to, Lowval i, Lowval v) {
    at(top()).create(Op::LoStore, {pointer(to, i), convert(v, to.element).v}, {})->segments = {1, 1, 0};
  };
  size_t n = parts.size();
  auto combine = combineOf(reduce);
  for (int64_t have = group; have > 1;) {
    int64_t each = std::min(have, kRadix), rest = have / each;
    // Thread i: of group i / rest the values i % rest, and every rest-th after it.
    shareLoop(results * rest, [&](Value* i) {
      Lowval at_{i, top()};
      Lowval in = emitOp(Op::AndI, {at_, {index(rest - 1), 0}}, kI64);
      Lowval first = emitOp(Op::AddI, {emitOp(Op::MulI, {emitOp(Op::ShRUI, {at_, {index(log2(rest)), 0}}, kI64), {index(group), 0}}, kI64), in}, kI64);
      std::vector<Value*> acc;
      for (size_t k = 0; k < n; ++k) acc.push_back(read(k, first).v);
      Inst* loop = at(top()).forLoop(index(rest), index(have), index(rest), acc);
      Block& body = loop->regions[0]->entry();
      levels_.push_back(&body);
      Lowval next = emitOp(Op::AddI, {first, {body.args[0], top()}}, kI64);
      std::vector<Lowval> args;
      for (size_t k = 0; k < n; ++k) args.push_back({body.args[1 + k], top()});
      for (size_t k = 0; k < n; ++k) args.push_back(read(k, next));
      std::vector<Lowval> out;
      if (combine)
        out.push_back(emitOp(combine->op, {args[0], args[1]}, reduce.operand(0)->type.element(), {}, top()));
      else
        out = emitRegion(*reduce.regions[0], args, top());
      std::vector<Value*> yields;
      for (const Lowval& v : out) yields.push_back(v.v);
      at(top()).yield(yields);
      levels_.pop_back();
      for (size_t k = 0; k < n; ++k) write(parts[k], first, {loop->results[k], top()});
    });
    have = rest;
  }
  // To where the result is looked for.
  if (reduce.results[0]->type.isTile()) {
    shareLoop(results, [&](Value* i) {
      Lowval at_{i, top()};
      for (size_t k = 0; k < n; ++k) write(buffer_.at(reduce.results[k]), at_, read(k, emitOp(Op::MulI, {at_, {index(group), 0}}, kI64)));
    });
    return;
  }
  for (size_t k = 0; k < n; ++k) scalar_[reduce.results[k]] = read(k, {index(0), 0}).v;
}

}  // namespace nereid
