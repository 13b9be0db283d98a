// SPDX-License-Identifier: MIT
// Scans along an axis that threads share.
//
// The axis is cut into chunks, of which each thread scans its own by itself (splitAxes). Then the chunks' last results are scanned, and
// what stands before a chunk is combined with all that is in it. (Blelloch, "Prefix Sums and Their Applications", 1990; the second step is
// Hillis and Steele's, in subgroups by swaps.)
#include <algorithm>

#include "lower/lowering.h"

namespace nereid {

void Lowering::combineChunks(const Inst& scan, int bits) {
  const Type kI64 = Type::scalar(Elem::I64), kI1 = Type::scalar(Elem::I1), &type = scan.operand(0)->type;
  const auto axis = static_cast<int>(scan.integer(Attr::Axis));
  const bool reverse = scan.integer(Attr::Reverse);
  const size_t n = scan.operands.size();
  int inner = 0;  // bits of the axes within
  for (int d = axis + 1; d < type.rank; ++d) inner += type.log2(d);
  const int within = type.log2(axis) - bits;  // of a chunk
  const int64_t chunks = int64_t{1} << bits, lines = type.numel() >> type.log2(axis), last = chunks - 1;
  auto op = [&](Op o, Lowval a, int64_t b) { return emitOp(o, {a, {index(b), 0}}, kI64); };
  auto field = [&](Lowval v, int first, int count) { return op(Op::AndI, op(Op::ShRUI, v, first), (int64_t{1} << count) - 1); };
  auto plus = [&](Lowval a, Lowval b) { return emitOp(Op::AddI, {a, b}, kI64); };
  auto compare = [&](CmpIPred pred, Lowval a, int64_t b) {
    return emitOp(Op::CmpI, {a, {index(b), 0}}, kI1, {{Attr::Predicate, static_cast<int64_t>(pred)}});
  };
  auto place = [&](const BufferRef& b, Lowval i) { return emitOp(Op::AddPtr, {{b.base, 0}, i}, b.base->type, {}, top()).v; };
  using Values = std::vector<Lowval>;
  using Buffers = std::vector<BufferRef>;
  auto read = [&](const Buffers& from, Lowval i) {
    Values out;
    for (size_t k = 0; k < n; ++k)
      out.push_back(convert({at(top()).loadFrom(place(from[k], i), from[k].element), top()}, scan.operand(k)->type.element()));
    return out;
  };
  auto write = [&](const Buffers& to, Lowval i, const Values& v) {
    for (size_t k = 0; k < n; ++k) at(top()).storeTo(place(to[k], i), convert(v[k], to[k].element).v);
  };
  // `before` stands before `v` where the condition holds.
  auto combine = [&](Lowval holds, Values before, const Values& v) {
    before.insert(before.end(), v.begin(), v.end());
    Values out = emitRegion(*scan.regions[0], before, top());
    for (size_t k = 0; k < n && holds.v; ++k) out[k] = emitOp(Op::Select, {holds, out[k], v[k]}, v[k].v->type.element(), {}, top());
    return out;
  };
  Buffers results, sums, others;
  for (const Value* v : scan.results) results.push_back(buffer_.at(v));
  auto allocateAll = [&](int64_t count, const Layout* layout) {
    Buffers out;
    for (const BufferRef& b : results) out.push_back(allocateElements(b.element, count, layout));
    return out;
  };
  // The end of chunk i % chunks of line i / chunks.
  auto endOf = [&](Lowval i) {
    Lowval line = op(Op::ShRUI, i, bits),
           at_ = plus(field(line, 0, inner), op(Op::MulI, field(i, 0, bits), int64_t{1} << (inner + within)));
    at_ = plus(at_, op(Op::MulI, op(Op::ShRUI, line, inner), int64_t{1} << (inner + within + bits)));
    return reverse ? at_ : op(Op::AddI, at_, ((int64_t{1} << within) - 1) << inner);
  };
  const int64_t count = lines << bits;
  sums = allocateAll(count, nullptr);
  if (schedule_.kernel.subgroups && count <= threads_) {
    // One chunk a thread. `all` is what the chunks seen so far make together, `sum` what is up to the thread's own.
    const int swaps = std::min(bits, subgroupBits_);
    const Layout* one = layouts_.onePerThread();
    Buffers all = allocateAll(0, one), sum = allocateAll(0, one), theirs = allocateAll(0, one);
    threadsLoop(count, [&](Value* t) {
      Values v = read(results, endOf({t, top()}));
      write(all, {t, top()}, v);
      write(sum, {t, top()}, v);
    });
    for (int bit = 0; bit < swaps; ++bit) {
      for (size_t k = 0; k < n; ++k)
        at(top()).create(Op::LoSubgroupShuffle, {theirs[k].base, all[k].base}, {},
                         {{Attr::Bit, int64_t{bit}}, {Attr::Threads, count}, {Attr::Private, int64_t{1}}});
      threadsLoop(count, [&](Value* t) {
        Lowval i{t, top()}, isLater = compare(reverse ? CmpIPred::Eq : CmpIPred::Ne, op(Op::AndI, i, int64_t{1} << bit), 0);
        Values mine = read(all, i), other = read(theirs, i), first, second;
        write(sum, i, combine(isLater, other, read(sum, i)));
        for (size_t k = 0; k < n; ++k) {
          const Type element = scan.operand(k)->type.element();
          first.push_back(emitOp(Op::Select, {isLater, other[k], mine[k]}, element, {}, top()));
          second.push_back(emitOp(Op::Select, {isLater, mine[k], other[k]}, element, {}, top()));
        }
        write(all, i, combine({}, first, second));
      });
    }
    const int64_t groups = chunks >> swaps;
    if (groups > 1) others = allocateAll(count >> swaps, nullptr);
    threadsLoop(count, [&](Value* t) {
      Lowval i{t, top()};
      if (groups == 1) return write(sums, i, read(sum, i));
      guarded(compare(CmpIPred::Eq, field(i, 0, swaps), 0).v, [&] { write(others, op(Op::ShRUI, i, swaps), read(all, i)); });
    });
    if (groups > 1)
      threadsLoop(count, [&](Value* t) {
        Lowval i{t, top()}, group = field(i, swaps, bits - swaps), first = op(Op::MulI, op(Op::ShRUI, i, bits), groups);
        Values before = read(others, op(Op::AddI, first, reverse ? groups - 1 : 0));
        for (int64_t k = 1; k < groups - 1; ++k) {
          int64_t next = reverse ? groups - 1 - k : k;
          Lowval isBefore = compare(reverse ? CmpIPred::Ult : CmpIPred::Ugt, group, next);
          Values more = combine({}, before, read(others, op(Op::AddI, first, next)));
          for (size_t m = 0; m < n; ++m)
            before[m] = emitOp(Op::Select, {isBefore, more[m], before[m]}, before[m].v->type.element(), {}, top());
        }
        write(sums, i, combine(compare(CmpIPred::Ne, group, reverse ? groups - 1 : 0), before, read(sum, i)));
      });
  } else {
    if (bits > 1) others = allocateAll(count, nullptr);
    for (int bit = 0; bit < bits; ++bit) {
      const int64_t apart = int64_t{1} << bit;
      const Buffers from = sums;
      if (bit > 0) std::swap(sums, others);
      distribute(count, [&](Value* t) {
        Lowval i{t, top()}, chunk = field(i, 0, bits),
                            holds = compare(reverse ? CmpIPred::Ult : CmpIPred::Uge, chunk, reverse ? chunks - apart : apart);
        Lowval other = emitOp(Op::Select, {holds, op(Op::AddI, i, reverse ? apart : -apart), i}, kI64);
        auto get = [&](Lowval k) { return bit == 0 ? read(results, endOf(k)) : read(from, k); };
        Values before = get(other);
        write(sums, i, combine(holds, before, get(i)));
      });
    }
  }
  distribute(type.numel(), [&](Value* t) {
    Lowval i{t, top()}, chunk = field(i, inner + within, bits), holds = compare(CmpIPred::Ne, chunk, reverse ? last : 0);
    Lowval line = plus(field(i, 0, inner), op(Op::MulI, op(Op::ShRUI, i, inner + within + bits), int64_t{1} << inner));
    Lowval other = emitOp(Op::Select, {holds, op(Op::AddI, chunk, reverse ? 1 : -1), chunk}, kI64);
    Values before = read(sums, plus(op(Op::MulI, line, chunks), other));
    write(results, i, combine(holds, before, read(results, i)));
  });
}

}  // namespace nereid
