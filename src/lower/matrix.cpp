// SPDX-License-Identifier: MIT
// Products on matrix units: subgroups of 32 threads multiply 16 x 16 parts of f16 and keep sums of f32, or of bytes, 32 deep, with sums of
// i32.
//
// The sums stay in the units' form (one lo.alloc that only lo.matrix_* touch) along a loop that does nothing else with them. Who wants
// their elements gets them in threads' registers, dealt so that each thread's elements lie in its own subgroup's parts: part by part,
// through 1 kB of shared memory a subgroup.
#include "lower/lowering.h"

namespace nereid {

namespace {

bool isZero(const Value* v) { return v->def && v->def->op == Op::Constant && isInlinable(*v->def) && v->def->dense().bits[0] == 0; }

}  // namespace

// Between sums and the threads' own elements: to those (`adds`: on top of what they are), or from them.
void Lowering::moveMatrix(Value* sums, const BufferRef& own, const Type& type, bool toRegisters, bool adds) {
  const Type kI64 = Type::scalar(Elem::I64), sum = type.element();
  int n = type.log2(1);
  FragmentLayout d = layouts().fragments(type);
  std::vector<int64_t> bits;
  for (int i = 0; i < machine().fragmentBits; ++i) bits.push_back(i);
  for (int i = 0; i < machine().fragmentBits; ++i) bits.push_back(n + i);
  for (int i = 0; i < d.subgroupColumns; ++i) bits.push_back(machine().fragmentBits + d.columns + i);
  for (int i = 0; i < d.subgroupRows; ++i) bits.push_back(n + machine().fragmentBits + d.rows + i);
  // By turns, so that all wait once a part; where there are many threads memory is dearer.
  const int64_t turns = threadCount() > machine().doubleBufferThreads ? 1 : 2;
  std::vector<BufferRef> parts;
  for (int64_t k = 0; k < turns; ++k) parts.push_back(allocateElements(sum, int64_t{8} * threadCount()));
  int64_t columns = int64_t{1} << d.columns;
  for (int64_t part = 0; part < int64_t{1} << (d.columns + d.rows); ++part) {
    int64_t first = (part % columns << machine().fragmentBits) + (part / columns << (n + machine().fragmentBits));
    const BufferRef& between = parts[static_cast<size_t>(part % turns)];
    auto move = [&](Op op, Value* to, Value* from) { at(top()).create(op, {to, from}, {}, {{Attr::Lanes, bits}, {Attr::Offset, first}}); };
    if (toRegisters) move(Op::LoMatrixGet, between.base, sums);
    threadsLoop(threadCount(), [&](Value* t) {
      Lowval thread{t, top()};
      auto field = [&](int shift, int count, int64_t scale) {
        Lowval v = emitOp(Op::AndI, {emitOp(Op::ShRUI, {thread, {index(shift), 0}}, kI64), {index((int64_t{1} << count) - 1), 0}}, kI64);
        return emitOp(Op::MulI, {v, {index(scale), 0}}, kI64);
      };
      Lowval at_ = field(0, 2, 4);
      for (Lowval next :
           {field(3, 1, 16), field(2, 1, 32), field(4, 1, 64), field(subgroupBits(), log2(threadCount()) - subgroupBits(), 256)})
        at_ = emitOp(Op::AddI, {at_, next}, kI64);
      for (int64_t half = 0; half < 2; ++half) {
        Lowval shared =
            emitOp(Op::AddPtr, {{between.base, 0}, emitOp(Op::AddI, {at_, {index(128 * half), 0}}, kI64)}, between.base->type, {}, top());
        const Lowval mine = privatePointer(own, thread, part * 8 + half * 4);
        auto load = [&](Lowval from) { return at(top()).loadFrom(from.v, Type::vector(sum, 4)); };
        Value* v = load(toRegisters ? shared : mine);
        if (adds) v = at(top()).make(type.isInt() ? Op::AddI : Op::AddF, {load(mine), v});
        at(top()).storeTo(toRegisters ? mine.v : shared.v, v);
      }
    });
    if (!toRegisters) move(Op::LoMatrixPut, sums, between.base);
  }
}

Value* Lowering::zeroMatrix(const Type& type) {
  Value* sums = allocateElements(type.element(), type.numel(), layouts().domain(type.shape())).base;
  at(top()).create(Op::LoMatrixZero, {sums}, {}, {{Attr::Shape, std::vector<int64_t>{type.dim(0), type.dim(1)}}});
  return sums;
}

// Sums that a loop begins with; `own` are elements of threads to bring them there.
Value* Lowering::beginMatrix(const Value* init, const BufferRef& own) {
  Value* sums = zeroMatrix(init->type);
  if (isZero(init)) return sums;
  copyTile(init, own);
  moveMatrix(sums, own, init->type, false, false);
  return sums;
}

void Lowering::emitMatrixDot(const Inst& dot) {
  code_.loc = dot.loc;
  const Value *a = dot.operand(0), *c = dot.operand(2), *d = dot.result();
  const Type type = d->type;
  const Schedule::StoredOperand stored[] = {schedule_.storedOperand(dot, 0), schedule_.storedOperand(dot, 1)};
  const BufferRef left = buffers_.of.at(stored[0].value), right = buffers_.of.at(stored[1].value);
  auto multiply = [&](Value* sums) {
    at(top()).create(Op::LoMatrixDot, {sums, left.base, right.base}, {},
                     {{Attr::Shape, std::vector<int64_t>{type.dim(0), type.dim(1), a->type.dim(1)}},
                      {Attr::Transposed, std::vector<int64_t>{(left.transposed != 0) != stored[0].isTransposed,
                                                              (right.transposed != 0) != stored[1].isTransposed}},
                      {Attr::SubgroupRows, int64_t{layouts().fragments(type).subgroupRows}}});
  };
  const Inst* next = layouts().continuationOf(dot);
  Fragments sums;
  if (auto before = fragments_.find(c); before != fragments_.end()) {
    sums = before->second;
    if (sums.isCarried) buffers_.of[d] = buffers_.of.at(c);
  } else {
    const Value* last = d;  // of the dots that add to the same accumulators
    for (const Inst* at_ = next; at_; at_ = layouts().continuationOf(*at_)) last = at_->result();
    auto inPlace = schedule_.inPlaceOf.find(last);
    if (inPlace != schedule_.inPlaceOf.end())
      buffers_.of[last] = buffers_.of.at(inPlace->second);
    else if (!buffers_.of.count(last))
      buffers_.of[last] = allocate(last);
    const BufferRef to = buffers_.of.at(last);
    // The threads have the initial value and add it at the end, so it does not go through memory to the fragments.
    sums = {.own = to.layout ? to : allocateElements(type.element(), type.numel(), layouts().domain(type.shape())), .adds = !isZero(c)};
    if (sums.adds) copyTile(c, sums.own);
    sums.base = zeroMatrix(type);
  }
  multiply(sums.base);
  if (next || sums.isCarried) {
    fragments_[d] = sums;
    return;
  }
  const BufferRef to = buffers_.of.at(d), own = sums.own;
  moveMatrix(sums.base, own, type, true, sums.adds);
  if (to.layout) return;
  buffers_.of[d] = own;
  copyTile(d, to);
  buffers_.of[d] = to;
}

}  // namespace nereid
