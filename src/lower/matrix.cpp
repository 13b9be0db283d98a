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

std::optional<FragmentLayout> layOutFragments(const Machine& machine, int rowBits, int columnBits, int threads, int subgroupRows) {
  int subgroups = log2(threads) - log2(machine.subgroupThreads), rows = rowBits - machine.fragmentBits,
      columns = columnBits - machine.fragmentBits;
  int own = rowBits + columnBits - log2(threads);
  if (subgroups < 0 || rows < 0 || columns < 0 || rows + columns < subgroups || own > machine.maxFragmentElementBits) return std::nullopt;
  FragmentLayout d{columns, rows};
  // The parts of a subgroup are about a square, so that it reads few of the operands'.
  for (int i = 0; i < subgroups; ++i)
    if (subgroupRows >= 0 ? d.subgroupColumns < subgroups - subgroupRows : d.columns > 0 && (d.columns >= d.rows || d.rows == 0)) {
      --d.columns;
      ++d.subgroupColumns;
    } else {
      --d.rows;
      ++d.subgroupRows;
    }
  return d;
}

// Products that matrix units compute: all of one shape, or none, as they share a layout.
void Lowering::findMatrixDots() {
  if (!schedule_.kernel.matrices) return;
  std::set<std::vector<int64_t>> others;
  std::vector<const Inst*> dots;
  walk(kernel_.body, [&](const Inst& inst) {
    if (inst.op != Op::Dot) return;
    const Type &a = inst.operand(0)->type, &t = inst.result()->type;
    const bool isHalf = t.elem == Elem::F32 && a.elem == Elem::F16, isByte = t.elem == Elem::I32 && a.elem == Elem::I8;
    bool fits = t.rank == 2 && (isHalf || isByte) && inst.operand(1)->type.elem == a.elem && a.log2(1) >= machine_.fragmentBits + isByte &&
                layOutFragments(machine_, t.log2(0), t.log2(1), threads_);
    for (size_t k = 0; k < 2; ++k) fits = fits && schedule_.buffered.count(inst.operand(k));
    if (fits)
      dots.push_back(&inst);
    else
      others.insert(t.shape());
  });
  for (const Inst* dot : dots)
    if (!others.count(dot->result()->type.shape())) {
      matrixDots_.insert(dot);
      for (size_t k = 0; k < 2; ++k) matrixOperands_.insert(dot->operand(k));
    }
}

bool Lowering::isMatrixShape(const Type& type) const {
  return std::any_of(matrixDots_.begin(), matrixDots_.end(), [&](const Inst* dot) { return dot->result()->type.shape() == type.shape(); });
}

// Where rows are reduced a subgroup has them whole, as far as there are enough of them; and so it has those of other products with as many
// rows.
FragmentLayout Lowering::fragmentsOf(const Type& type) const {
  bool reduced = false;
  walk(kernel_.body, [&](const Inst& inst) {
    reduced |= inst.op == Op::Reduce && inst.integer(Attr::Axis) == 1 && inst.operand(0)->type.dim(0) == type.dim(0) &&
               isMatrixShape(inst.operand(0)->type);
  });
  int subgroups = log2(threads_) - subgroupBits_;
  return *layOutFragments(machine_, type.log2(0), type.log2(1), threads_,
                          reduced ? std::min(subgroups, type.log2(0) - machine_.fragmentBits) : -1);
}

// Whether the operand of matrix units is to stand column by column: it comes from memory that way, and only they read it.
bool Lowering::transpose(const Anchor& anchor) {
  if (anchor.kind != Anchor::Buffer || !matrixOperands_.count(anchor.value) || contiguousAxis_ < 0) return false;
  int n = anchor.value->type.log2(1);
  if (n == anchor.value->type.bits() || axisOfBit_[static_cast<size_t>(n)] != contiguousAxis_ || axisOfBit_[0] == contiguousAxis_)
    return false;
  bool alone = true;
  walk(kernel_.body, [&](const Inst& inst) {
    for (const Value* v : inst.operands) alone &= v != anchor.value || matrixDots_.count(&inst);
  });
  if (alone) transposed_.insert(anchor.value);
  return alone;
}

// Four neighbours in a row, and the same eight rows below: a thread's elements of a part. The first eight threads have rows 0 and 2, the
// next 1 and 3: where rows of memory are 24 words, those are all banks.
void Lowering::layOutMatrix(const Type& type, Layout& l) const {
  FragmentLayout d = fragmentsOf(type);
  auto own = [&](int bit) { l.place.push_back(~bit); };
  auto thread = [&](int bit) { l.place.push_back(bit); };
  own(0), own(1), thread(0), thread(1);
  for (int i = 0; i < d.columns; ++i) own(3 + i);
  for (int i = 0; i < d.subgroupColumns; ++i) thread(subgroupBits_ + i);
  thread(3), thread(2), thread(4), own(2);
  for (int i = 0; i < d.rows; ++i) own(3 + d.columns + i);
  for (int i = 0; i < d.subgroupRows; ++i) thread(subgroupBits_ + d.subgroupColumns + i);
  l.laneBits = 2;
  l.registerBits = 3 + d.columns + d.rows;
  l.threadBits = log2(threads_);
}

// Between sums and the threads' own elements: to those (`adds`: on top of what they are), or from them.
void Lowering::moveMatrix(Value* sums, const BufferRef& own, const Type& type, bool toRegisters, bool adds) {
  const Type kI64 = Type::scalar(Elem::I64), sum = type.element();
  BufferRef* parts = fragmentBuffers_[type.isInt()];
  int n = type.log2(1);
  FragmentLayout d = fragmentsOf(type);
  std::vector<int64_t> bits;
  for (int i = 0; i < machine_.fragmentBits; ++i) bits.push_back(i);
  for (int i = 0; i < machine_.fragmentBits; ++i) bits.push_back(n + i);
  for (int i = 0; i < d.subgroupColumns; ++i) bits.push_back(machine_.fragmentBits + d.columns + i);
  for (int i = 0; i < d.subgroupRows; ++i) bits.push_back(n + machine_.fragmentBits + d.rows + i);
  // By turns, so that all wait once a part; where there are many threads memory is dearer.
  const int64_t turns = threads_ > machine_.doubleBufferThreads ? 1 : 2;
  for (int64_t k = 0; k < turns; ++k)
    if (!parts[k].base) parts[k] = allocateElements(sum, int64_t{8} * threads_);
  int64_t columns = int64_t{1} << d.columns;
  for (int64_t part = 0; part < int64_t{1} << (d.columns + d.rows); ++part) {
    int64_t first = (part % columns << machine_.fragmentBits) + (part / columns << (n + machine_.fragmentBits));
    const BufferRef& between = parts[part % turns];
    auto move = [&](Op op, Value* to, Value* from) { at(top()).create(op, {to, from}, {}, {{Attr::Lanes, bits}, {Attr::Offset, first}}); };
    if (toRegisters) move(Op::LoMatrixGet, between.base, sums);
    threadsLoop(threads_, [&](Value* t) {
      Lowval thread{t, top()};
      auto field = [&](int shift, int count, int64_t scale) {
        Lowval v = emitOp(Op::AndI, {emitOp(Op::ShRUI, {thread, {index(shift), 0}}, kI64), {index((int64_t{1} << count) - 1), 0}}, kI64);
        return emitOp(Op::MulI, {v, {index(scale), 0}}, kI64);
      };
      Lowval at_ = field(0, 2, 4);
      for (Lowval next : {field(3, 1, 16), field(2, 1, 32), field(4, 1, 64), field(subgroupBits_, log2(threads_) - subgroupBits_, 256)})
        at_ = emitOp(Op::AddI, {at_, next}, kI64);
      for (int64_t half = 0; half < 2; ++half) {
        Lowval shared =
            emitOp(Op::AddPtr, {{between.base, 0}, emitOp(Op::AddI, {at_, {index(128 * half), 0}}, kI64)}, between.base->type, {}, top());
        Lowval mine = emitOp(Op::MulI, {thread, {index(int64_t{1} << own.layout->registerBits), 0}}, kI64);
        mine = emitOp(Op::AddPtr, {{own.base, 0}, mine}, own.base->type);
        mine = emitOp(Op::AddPtr, {mine, {index(part * 8 + half * 4), 0}}, own.base->type, {}, top());
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
  Value* sums = allocateElements(type.element(), type.numel(), layoutOf(type)).base;
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

// Whether a loop does nothing with the sums in this slot but add to them.
bool Lowering::staysMatrix(const Inst& loop, size_t slot) const {
  const Block& body = loop.regions[0]->entry();
  const Value *arg = body.args[1 + slot], *next = body.terminator()->operand(slot);
  if (!next->def || !matrixDots_.count(next->def) || next->def->operand(2) != arg) return false;
  int uses = 0;
  walk(kernel_.body, [&](const Inst& inst) {
    for (const Value* v : inst.operands) uses += v == arg || v == next;
  });
  return uses == 2;
}

void Lowering::emitMatrixDot(const Inst& dot) {
  loc_ = dot.loc;
  const Value *a = dot.operand(0), *c = dot.operand(2), *d = dot.result();
  const Type type = d->type;
  const BufferRef left = buffer_.at(a), right = buffer_.at(dot.operand(1));
  auto multiply = [&](Value* sums) {
    at(top()).create(Op::LoMatrixDot, {sums, left.base, right.base}, {},
                     {{Attr::Shape, std::vector<int64_t>{type.dim(0), type.dim(1), a->type.dim(1)}},
                      {Attr::Transposed, std::vector<int64_t>{left.transposed != 0, right.transposed != 0}},
                      {Attr::SubgroupRows, int64_t{fragmentsOf(type).subgroupRows}}});
  };
  note("product on matrix units at line ", loc_.line());
  if (auto held = matrixOf_.find(c); held != matrixOf_.end()) {
    multiply(held->second);
    buffer_[d] = buffer_.at(c);
    return;
  }
  auto inPlace = schedule_.inPlaceOf.find(d);
  if (inPlace != schedule_.inPlaceOf.end()) buffer_[d] = buffer_.at(inPlace->second);
  if (!buffer_.count(d)) buffer_[d] = allocate(d);
  const BufferRef to = buffer_.at(d);
  BufferRef own = to.layout ? to : allocateElements(type.element(), type.numel(), layoutOf(type));
  // What the sums begin with is added by the threads, which have it: one way through memory, not two.
  if (!isZero(c)) copyTile(c, own);
  Value* sums = zeroMatrix(type);
  multiply(sums);
  moveMatrix(sums, own, type, true, !isZero(c));
  if (to.layout) return;
  buffer_[d] = own;
  copyTile(d, to);
  buffer_[d] = to;
}

}  // namespace nereid
