// SPDX-License-Identifier: MIT
// Nests shared by the threads of a workgroup.
//
//   nest over 1024, 256 threads, 4 lanes   =>   scf.for %t = 0 to 256 {threads} { for i = 4 t; i < 1024; i += 1024 { ... } }
//
// A loop over threads means what the loop means, one iteration after the other: they do not depend on each other. So the interpreter runs
// this form as it stands; a GPU gives each thread its iteration and has all of them wait at the end. What stands outside of such loops is
// the same for all threads. A reduction leaves one value a thread in a buffer, which further loops combine.
#include <algorithm>
#include <bit>
#include <utility>

#include "lower/lowering.h"

namespace nereid {

void Lowering::threadsLoop(int64_t count, FunctionRef<void(Value*)> body) {
  Value* outer = workgroup_.thread.number;
  int outerLevel = workgroup_.thread.level;
  plainLoop(count, [&](Value* t) {
    workgroup_.thread.number = t;
    workgroup_.thread.level = top();
    body(t);
  });
  workgroup_.thread.number = outer;
  workgroup_.thread.level = outerLevel;
  code_.block(top())->insts.back()->set(Attr::Threads, count);
}

// The branch comes after what its body leaves outside of it.
void Lowering::guarded(Value* condition, FunctionRef<void()> body) {
  Inst* branch = code_.newInst(Op::If);
  branch->operands = {condition};
  code_.open(*branch);
  body();
  code_.close();
  code_.place(*branch);
}

void Lowering::distribute(int64_t count, FunctionRef<void(Value*)> body) {
  int64_t threads = std::min<int64_t>(count, threadCount());
  threadsLoop(threads, [&](Value* t) {
    if (count <= threads) return body(t);
    code_.loop(t, index(count), index(threads), {}, [&](Value* i, std::vector<Value*>&) { body(i); });
  });
}

// ---- tiles that stay in the registers of the threads that computed them

// Whether a bit of an index is a bit of the thread's number.
bool Lowering::ownsBit(IndexBit bit, int place) const {
  if (bit.isConstant()) return false;
  if (bit.axis == workgroup_.partial.axis) return nest_.schedule.partialThreads[bit.bit] == place;
  const Axis& axis = nest_.axis(bit.axis);
  const int in = bit.bit - axis.laneBits;
  return in >= 0 && in < axis.threadBits && axis.firstThreadBit + in == place;
}

// Which of the thread's own elements it is, is known: its index is made of constants and lanes.
Lowval Lowering::registerPointer(const BufferRef& buffer, const IndexMap& map) {
  int64_t at_ = 0;
  for (size_t i = 0; i < map.size(); ++i) {
    int place = buffer.layout->place[i];
    if (place >= 0) {
      NEREID_CHECK(!nest_.source || ownsBit(map[i], place), "a thread reads or writes an element that another thread has, at line ",
                   code_.loc.line());
      continue;
    }
    bool set = map[i].axis == IndexBit::kOne;
    if (!map[i].isConstant() && !(map[i].axis == nest_.schedule.vectorAxis && map[i].bit < nest_.vectorAxis().laneBits)) {
      auto iv = constantBits(nest_.axis(map[i].axis).iv);
      NEREID_CHECK(iv, "a thread's own element at an index that is not constant");
      set = (*iv >> map[i].bit) & 1;
    }
    if (set) at_ += int64_t{1} << ~place;
  }
  return privatePointer(buffer, {workgroup_.thread.number, workgroup_.thread.level}, at_);
}

Lowval Lowering::privatePointer(const BufferRef& buffer, Lowval thread, int64_t element) {
  return emitOp(Op::LoPrivate, {{buffer.base, 0}, thread}, buffer.base->type,
                {{Attr::Offset, element}, {Attr::Private, int64_t{1} << buffer.layout->registerBits}}, top());
}

// A dot whose threads have rectangles of accumulators in registers, along all of K.
class Lowering::ThreadDot : DotShape {
 public:
  ThreadDot(Lowering& lowering, const Inst& dot, const DotSchedule& schedule);
  void emit();

 private:
  void placeThread(Value* thread);
  void multiplyAdd(Lowval k, std::vector<Value*>& acc);
  IndexMap mapOf(int64_t row, int64_t group) const;
  Lowval read(const BufferRef& from, Lowval base, Lowval index, Elem as, int64_t count);

  Lowering& l_;
  const DotSchedule& schedule_;
  const Layout& layout_;
  const int64_t rows_, groups_, lanes_;  // of a thread: rows, groups of columns, columns of a group
  int64_t apart_ = 0;                    // columns from one group to the next
  Lowval left_, right_;                  // the thread's first row and column
};

Lowering::ThreadDot::ThreadDot(Lowering& lowering, const Inst& dot, const DotSchedule& schedule)
    : DotShape(dot),
      l_(lowering),
      schedule_(schedule),
      layout_(*l_.layouts().domain(type.shape())),
      rows_(int64_t{1} << layout_.registerRows),
      groups_(int64_t{1} << (layout_.registerColumns - layout_.laneBits)),
      lanes_(int64_t{1} << layout_.laneBits) {}

void Lowering::ThreadDot::emit() {
  l_.beginPlain();
  l_.nest_.schedule.layout = &layout_;
  // Axis 0: columns, without the groups; axis 1: rows, without the thread's own, which are as far apart as there are others; axis 2: the
  // batch.
  l_.nest_.axes.assign(3, {});
  l_.nest_.axes[0].bits = columnBits - (layout_.registerColumns - layout_.laneBits);
  l_.nest_.axes[0].laneBits = layout_.laneBits;
  l_.nest_.axes[1].bits = rowBits - layout_.registerRows;
  l_.nest_.axes[2].bits = batchBits;
  l_.nest_.schedule.vectorAxis = layout_.laneBits ? 0 : -1;
  apart_ = int64_t{1} << l_.nest_.axes[0].bits;
  l_.distribute(int64_t{1} << layout_.threadBits, [&](Value* thread) {
    placeThread(thread);
    std::vector<Value*> acc;
    for (int64_t r = 0; r < rows_; ++r)
      for (int64_t g = 0; g < groups_; ++g) acc.push_back(l_.widen(l_.convert(l_.valueAt(init, mapOf(r, g)), sum), l_.lanes()).v);
    const Lowval row{l_.nest_.axes[1].iv, l_.nest_.axes[1].level}, batch{l_.nest_.axes[2].iv, l_.nest_.axes[2].level},
        column{l_.nest_.axes[0].iv, l_.nest_.axes[0].level};
    left_ = l_.plus({l_.buffers_.of.at(a).base, 0}, l_.plus(l_.times(batch, a->type.dim(type.rank - 2) * depth), l_.times(row, depth)));
    right_ = l_.plus({l_.buffers_.of.at(b).base, 0}, l_.plus(l_.times(batch, depth * columns), column));
    if (schedule_.unrolled) {
      for (int64_t k = 0; k < depth; k += schedule_.depth) multiplyAdd({l_.index(k), 0}, acc);
    } else {
      MemoScope scope = l_.enter();
      acc = l_.code_.loop(l_.index(0), l_.index(depth), l_.index(schedule_.depth), std::move(acc),
                          [&](Value* k, std::vector<Value*>& inner) { multiplyAdd({k, l_.top()}, inner); });
      l_.leave(scope);
    }
    const BufferRef to = l_.buffers_.of.at(result);
    for (int64_t r = 0; r < rows_; ++r)
      for (int64_t g = 0; g < groups_; ++g)
        l_.writeBuffer(to, l_.convert({acc[static_cast<size_t>(r * groups_ + g)], l_.top()}, type.element()), mapOf(r, g));
  });
  l_.nest_.schedule.layout = nullptr;
}

// Opens the axes at the thread's first element.
void Lowering::ThreadDot::placeThread(Value* thread) {
  auto place = [&](Axis& axis, int first) {
    const auto begin = layout_.place.begin() + first;
    std::vector<int> bits(begin, begin + axis.bits);
    for (int& bit : bits) bit = std::max(bit, -1 - layout_.registerBits);
    const Lowval number = l_.placeOf(bits, thread, 0);
    axis.iv = number.v;
    axis.level = number.level;
  };
  place(l_.nest_.axes[0], 0);
  place(l_.nest_.axes[1], columnBits);
  place(l_.nest_.axes[2], columnBits + rowBits);
}

// The thread's sums of `depth` elements along K, from `k`.
void Lowering::ThreadDot::multiplyAdd(Lowval k, std::vector<Value*>& acc) {
  const BufferRef left = l_.buffers_.of.at(a), right = l_.buffers_.of.at(b);
  std::vector<Lowval> x;
  for (int64_t r = 0; r < rows_; ++r)
    x.push_back(read(left, left_, l_.plus(k, r * depth << l_.nest_.axes[1].bits), a->type.elem, schedule_.depth));
  for (int64_t s = 0; s < schedule_.depth; ++s)
    for (int64_t g = 0; g < groups_; ++g) {
      Lowval y = read(right, right_, l_.plus(l_.times(k, columns), s * columns + g * apart_), b->type.elem, lanes_);
      for (int64_t r = 0; r < rows_; ++r) {
        Value*& sumOf = acc[static_cast<size_t>(r * groups_ + g)];
        Value* element = x[static_cast<size_t>(r)].v;
        if (schedule_.depth > 1) element = l_.takeLanes(element, s, 1);
        Lowval z = l_.widen({element, l_.top()}, l_.lanes()), old{sumOf, l_.top()};
        sumOf = sum.isInt() ? l_.emitOp(Op::AddI, {old, l_.emitOp(Op::MulI, {z, y}, sum)}, sum, {}, l_.top()).v
                            : l_.emitOp(Op::Fma, {z, y, old}, sum, {}, l_.top()).v;
      }
    }
}

// From an index of the sums to the axes: this row and this group of each thread.
IndexMap Lowering::ThreadDot::mapOf(int64_t row, int64_t group) const {
  auto bitOf = [](int64_t x, int bit) { return IndexBit{(x >> bit) & 1 ? IndexBit::kOne : IndexBit::kZero, 0}; };
  const int columns = l_.nest_.axes[0].bits, rows = l_.nest_.axes[1].bits;
  IndexMap map;
  for (int i = 0; i < columnBits; ++i) map.push_back(i < columns ? IndexBit{0, static_cast<uint8_t>(i)} : bitOf(group, i - columns));
  for (int i = 0; i < rowBits; ++i) map.push_back(i < rows ? IndexBit{1, static_cast<uint8_t>(i)} : bitOf(row, i - rows));
  for (int i = 0; i < batchBits; ++i) map.push_back({2, static_cast<uint8_t>(i)});
  return map;
}

Lowval Lowering::ThreadDot::read(const BufferRef& from, Lowval base, Lowval index, Elem as, int64_t count) {
  const Type t = from.element;
  Lowval p = l_.plus(base, index);
  Lowval v{l_.at(l_.top()).loadFrom(p.v, count > 1 ? Type::vector(t, static_cast<int>(count)) : t), l_.top()};
  if (sum.isInt()) return t == sum ? v : l_.emitOp(Op::ExtSI, {v}, sum);
  if (t.isInt()) v = l_.convert(v, Type::scalar(as));
  return l_.convert(v, sum);
}

void Lowering::emitSharedDot(const Inst& dot, const DotSchedule& schedule) {
  // The schedule stores no transposed operand that subgroup matrices can read in place; this dot does not use them.
  std::optional<StoredValue> transposed[2];
  for (size_t k = 0; k < 2; ++k)
    if (Value* v = dot.operand(k); !buffers_.of.count(v)) {
      const BufferRef copy = allocate(v);
      copyTile(v, copy);
      transposed[k].emplace(*this, v, copy);
    }
  Value* init = dot.operand(2);
  placeSums(dot.result());
  std::optional<StoredValue> stored;
  if (schedule.storesInit) {
    const BufferRef copy = allocate(init);
    copyTile(init, copy);
    stored.emplace(*this, init, copy);
  }
  ThreadDot(*this, dot, schedule).emit();
}

void Lowering::emitShared(const Nest& nest) {
  int bits = 0, outer = 0;
  for (const Axis& axis : nest_.axes) {
    bits += axis.threadBits;
    if (!axis.isReduced) outer += axis.bits;
  }
  const std::vector<const Inst*> reductions = placePartials(nest, outer);
  if (nest_.schedule.layout) bits = nest_.schedule.layout->threadBits;
  threadsLoop(int64_t{1} << bits, [&](Value* t) {
    placeThread(t);
    std::vector<Value*> acc;
    // One of the threads with the same values writes to memory that all threads share.
    Lowval& isFirst = workgroup_.thread.isFirst = {};
    if (int64_t others = nest_.schedule.layout ? nest_.schedule.layout->replicas() : 0) {
      Value* number = emitOp(Op::AndI, {{t, top()}, {index(others), 0}}, Type::scalar(Elem::I64)).v;
      isFirst = {at(top()).cmpI(CmpIPred::Eq, number, index(0)), top()};
    }
    const bool all = std::all_of(nest.anchors.begin(), nest.anchors.end(), [&](const Anchor& a) { return writesMemory(a); });
    if (isFirst.v && all)
      guarded(std::exchange(isFirst, {}).v, [&] { emitLoops(0, acc); });
    else
      emitLoops(0, acc);
    isFirst = {};
    nest_.axes.pop_back();
  });
  for (Axis& axis : nest_.axes) {
    axis.threadBits = 0;
    axis.thread = nullptr;
  }
  for (const Inst* reduce : reductions) combinePartials(*reduce, nest_.schedule.partialThreads, bits);
  workgroup_.partial.found.clear();
}

// Memory or registers for the partial results of a nest. Returns its reductions that have some. `outer`: bits of the other axes.
std::vector<const Inst*> Lowering::placePartials(const Nest& nest, int outer) {
  auto& partial = workgroup_.partial;
  partial.bits = static_cast<int>(nest_.schedule.partialThreads.size());
  partial.found.clear();
  const Layout* layout = nest_.schedule.partialLayout ? &*nest_.schedule.partialLayout : nullptr;
  std::vector<const Inst*> reductions;
  for (const Anchor& anchor : nest.anchors) {
    if (anchor.kind != Anchor::Combine) continue;
    for (Value* v : anchor.inst->results)
      if (partial.bits > 0 || !v->type.isTile())
        partial.found[v] = layout && layouts().of(v)
                               ? BufferRef{buffers_.of.at(v).base, buffers_.of.at(v).element, layout}
                               : allocateElements(layouts().storedType(v), int64_t{1} << (outer + partial.bits), layout);
    if (partial.found.count(anchor.inst->results[0])) reductions.push_back(anchor.inst);
  }
  return reductions;
}

// The number of thread `t` along each axis; and an axis for partial results, at the thread's number along the reduced axes.
void Lowering::placeThread(Value* t) {
  const Type kI64 = Type::scalar(Elem::I64);
  const int level = workgroup_.partial.level = top();
  Value* reduced = nullptr;
  int reducedBits = 0;
  for (size_t a = 0; a < nest_.axes.size(); ++a) {
    Axis& axis = nest_.axes[a];
    if (axis.threadBits == 0) continue;
    axis.thread = threadField(t, axis.firstThreadBit, axis.threadBits);
    if (static_cast<int>(a) == nest_.schedule.spreadAxis) axis.thread = spreadOut({axis.thread, level}, nest_.schedule.spread).v;
    if (!axis.isReduced) continue;
    Value* moved = emitOp(Op::ShLI, {{axis.thread, level}, {index(reducedBits), 0}}, kI64).v;
    reduced = reduced ? emitOp(Op::OrI, {{reduced, level}, {moved, level}}, kI64).v : moved;
    reducedBits += axis.threadBits;
  }
  workgroup_.partial.axis = static_cast<int>(nest_.axes.size());
  Axis axis;
  axis.bits = workgroup_.partial.bits;
  axis.iv = reduced ? reduced : index(0);
  axis.level = level;
  nest_.axes.push_back(axis);
}

// `count` bits of a thread's number.
Value* Lowering::threadField(Value* t, int first, int count) {
  const Type kI64 = Type::scalar(Elem::I64);
  Lowval v = emitOp(Op::ShRUI, {{t, top()}, {index(first), 0}}, kI64);
  return emitOp(Op::AndI, {v, {index((int64_t{1} << count) - 1), 0}}, kI64).v;
}

// Neighbouring numbers become `spread` apart: the lowest bit moves above those of so many.
Lowval Lowering::spreadOut(Lowval number, int spread) {
  if (spread == 1) return number;
  const Type kI64 = Type::scalar(Elem::I64);
  auto with = [&](Op op, Lowval x, int64_t y) { return emitOp(op, {x, {index(y), 0}}, kI64); };
  const Lowval lowest = with(Op::MulI, with(Op::AndI, number, 1), spread);
  const Lowval others = with(Op::AndI, with(Op::ShRUI, number, 1), spread - 1);
  return emitOp(Op::OrI, {emitOp(Op::OrI, {lowest, others}, kI64), with(Op::AndI, number, -2 * spread)}, kI64);
}

// The number whose bits are these bits of the numbers of the thread and of its register `e`.
Lowval Lowering::placeOf(const std::vector<int>& bits, Value* t, int64_t e) {
  const Type kI64 = Type::scalar(Elem::I64);
  Lowval first{index(0), 0};
  int64_t more = 0;
  for (size_t i = 0; i < bits.size(); ++i)
    if (bits[i] >= 0)
      first = emitOp(Op::AddI, {first, emitOp(Op::MulI, {{threadField(t, bits[i], 1), top()}, {index(int64_t{1} << i), 0}}, kI64)}, kI64);
    else if (e >> ~bits[i] & 1)
      more += int64_t{1} << i;
  return emitOp(Op::AddI, {first, {index(more), 0}}, kI64);
}

}  // namespace nereid
