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

#include "analysis/combine.h"
#include "lower/lowering.h"

namespace nereid {

void Lowering::threadsLoop(int64_t count, FunctionRef<void(Value*)> body) {
  Value* outer = thread_.number;
  int outerLevel = thread_.level;
  plainLoop(count, [&](Value* t) {
    thread_.number = t;
    thread_.level = top();
    body(t);
  });
  thread_.number = outer;
  thread_.level = outerLevel;
  levels_.back()->insts.back()->set(Attr::Threads, count);
}

// The branch comes after what its body leaves outside of it.
void Lowering::guarded(Value* condition, FunctionRef<void()> body) {
  Inst* branch = m_.newInst(Op::If, loc_);
  branch->operands = {condition};
  branch->regions.push_back(std::make_unique<Region>());
  branch->regions[0]->parent = branch;
  levels_.push_back(m_.newBlock(*branch->regions[0]));
  body();
  at(top()).yield({});
  levels_.pop_back();
  branch->parent = levels_.back();
  levels_.back()->insts.push_back(branch);
}

void Lowering::distribute(int64_t count, FunctionRef<void(Value*)> body) {
  int64_t threads = std::min<int64_t>(count, threads_);
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

// ---- tiles that stay in the registers of the threads that computed them

// Whether a bit of an index is a bit of the thread's number.
bool Lowering::ownsBit(IndexBit bit, int place) const {
  if (bit.isConstant()) return false;
  if (bit.axis == partial_.axis) return now_.partialThreads[bit.bit] == place;
  const Axis& axis = axes_[static_cast<size_t>(bit.axis)];
  const int in = bit.bit - axis.laneBits;
  return in >= 0 && in < axis.threadBits && axis.firstThreadBit + in == place;
}

// Which of the thread's own elements it is, is known: its index is made of constants and lanes.
Lowval Lowering::registerPointer(const BufferRef& buffer, const IndexMap& map) {
  int64_t at_ = 0;
  for (size_t i = 0; i < map.size(); ++i) {
    int place = buffer.layout->place[i];
    if (place >= 0) {
      NEREID_CHECK(!nest_ || ownsBit(map[i], place), "a thread reads or writes an element that another thread has, at line ", loc_.line());
      continue;
    }
    bool set = map[i].axis == IndexBit::kOne;
    if (!map[i].isConstant() && !(map[i].axis == now_.vectorAxis && map[i].bit < axes_[static_cast<size_t>(now_.vectorAxis)].laneBits)) {
      auto iv = constantBits(axes_[static_cast<size_t>(map[i].axis)].iv);
      NEREID_CHECK(iv, "a thread's own element at an index that is not constant");
      set = (*iv >> map[i].bit) & 1;
    }
    if (set) at_ += int64_t{1} << ~place;
  }
  return privatePointer(buffer, {thread_.number, thread_.level}, at_);
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
      layout_(*l_.layouts_.domain(type.shape())),
      rows_(int64_t{1} << layout_.registerRows),
      groups_(int64_t{1} << (layout_.registerColumns - layout_.laneBits)),
      lanes_(int64_t{1} << layout_.laneBits) {}

void Lowering::ThreadDot::emit() {
  l_.beginPlain();
  l_.now_.layout = &layout_;
  // Axis 0: columns, without the groups; axis 1: rows, without the thread's own; axis 2: the batch.
  l_.axes_.assign(3, {});
  l_.axes_[0].bits = columnBits - (layout_.registerColumns - layout_.laneBits);
  l_.axes_[0].laneBits = layout_.laneBits;
  l_.axes_[1].bits = rowBits - layout_.registerRows;
  l_.axes_[2].bits = batchBits;
  l_.now_.vectorAxis = layout_.laneBits ? 0 : -1;
  apart_ = int64_t{1} << l_.axes_[0].bits;
  l_.distribute(int64_t{1} << layout_.threadBits, [&](Value* thread) {
    placeThread(thread);
    std::vector<Value*> acc;
    for (int64_t r = 0; r < rows_; ++r)
      for (int64_t g = 0; g < groups_; ++g) acc.push_back(l_.widen(l_.convert(l_.valueAt(init, mapOf(r, g)), sum), l_.lanes()).v);
    const Lowval row{l_.axes_[1].iv, l_.axes_[1].level}, batch{l_.axes_[2].iv, l_.axes_[2].level},
        column{l_.axes_[0].iv, l_.axes_[0].level};
    left_ = l_.plus({l_.buffer_.at(a).base, 0}, l_.plus(l_.times(batch, a->type.dim(type.rank - 2) * depth), l_.times(row, rows_ * depth)));
    right_ = l_.plus({l_.buffer_.at(b).base, 0}, l_.plus(l_.times(batch, depth * columns), column));
    if (schedule_.unrolled) {
      for (int64_t k = 0; k < depth; k += schedule_.depth) multiplyAdd({l_.index(k), 0}, acc);
    } else {
      Inst* loop = l_.at(l_.top()).forLoop(l_.index(0), l_.index(depth), l_.index(schedule_.depth), acc);
      Block& body = loop->regions[0]->entry();
      MemoScope scope = l_.enter();
      l_.levels_.push_back(&body);
      acc.assign(body.args.begin() + 1, body.args.end());
      multiplyAdd({body.args[0], l_.top()}, acc);
      l_.at(l_.top()).yield(acc);
      l_.levels_.pop_back();
      l_.leave(scope);
      acc = loop->results;
    }
    const BufferRef to = l_.buffer_.at(result);
    for (int64_t r = 0; r < rows_; ++r)
      for (int64_t g = 0; g < groups_; ++g)
        l_.writeBuffer(to, l_.convert({acc[static_cast<size_t>(r * groups_ + g)], l_.top()}, type.element()), mapOf(r, g));
  });
  l_.now_.layout = nullptr;
}

// Opens the axes at the thread's first element.
void Lowering::ThreadDot::placeThread(Value* thread) {
  int shift = 0;
  auto place = [&](Axis& axis, int64_t scale) {
    const int bits = axis.bits - axis.laneBits;
    Lowval part = l_.emitOp(Op::ShRUI, {{thread, l_.top()}, {l_.index(shift), 0}}, Type::scalar(Elem::I64));
    part = l_.times(l_.emitOp(Op::AndI, {part, {l_.index((int64_t{1} << bits) - 1), 0}}, Type::scalar(Elem::I64)), scale);
    shift += bits;
    axis.iv = part.v;
    axis.level = part.level;
  };
  place(l_.axes_[0], lanes_);
  place(l_.axes_[1], 1);
  place(l_.axes_[2], 1);
}

// The thread's sums of `depth` elements along K, from `k`.
void Lowering::ThreadDot::multiplyAdd(Lowval k, std::vector<Value*>& acc) {
  const BufferRef left = l_.buffer_.at(a), right = l_.buffer_.at(b);
  std::vector<Lowval> x;
  for (int64_t r = 0; r < rows_; ++r) x.push_back(read(left, left_, l_.plus(k, r * depth), a->type.elem, schedule_.depth));
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
  const int own = layout_.registerRows, columns = l_.axes_[0].bits;
  IndexMap map;
  for (int i = 0; i < columnBits; ++i) map.push_back(i < columns ? IndexBit{0, static_cast<uint8_t>(i)} : bitOf(group, i - columns));
  for (int i = 0; i < rowBits; ++i) map.push_back(i < own ? bitOf(row, i) : IndexBit{1, static_cast<uint8_t>(i - own)});
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
    if (Value* v = dot.operand(k); !buffer_.count(v)) {
      const BufferRef copy = allocate(v);
      copyTile(v, copy);
      transposed[k].emplace(*this, v, copy);
    }
  Value* init = dot.operand(2);
  placeSums(dot.result());
  std::optional<StoredValue> stored;
  nestTarget_ = nullptr;
  if (schedule.storesInit) {
    const BufferRef copy = allocate(init);
    copyTile(init, copy);
    stored.emplace(*this, init, copy);
  }
  ThreadDot(*this, dot, schedule).emit();
}

void Lowering::emitShared(const Nest& nest) {
  const Type kI64 = Type::scalar(Elem::I64);
  int bits = 0, outer = 0;
  for (const Axis& axis : axes_) {
    bits += axis.threadBits;
    if (!axis.isReduced) outer += axis.bits;
  }
  const std::vector<int>& partial = now_.partialThreads;
  partial_.bits = static_cast<int>(partial.size());
  const Layout* layout = now_.partialLayout ? &*now_.partialLayout : nullptr;
  partial_.found.clear();
  for (const Anchor& anchor : nest.anchors) {
    if (anchor.kind != Anchor::Combine) continue;
    for (Value* v : anchor.inst->results)
      if (partial_.bits > 0 || !v->type.isTile())
        partial_.found[v] = layout && layouts_.of(v)
                                ? BufferRef{buffer_.at(v).base, buffer_.at(v).element, layout}
                                : allocateElements(layouts_.storedType(v), int64_t{1} << (outer + partial_.bits), layout);
  }
  std::vector<const Inst*> reductions;
  for (const Anchor& anchor : nest.anchors)
    if (anchor.kind == Anchor::Combine && partial_.found.count(anchor.inst->results[0])) reductions.push_back(anchor.inst);
  if (now_.layout) bits = now_.layout->threadBits;
  threadsLoop(int64_t{1} << bits, [&](Value* t) {
    partial_.level = top();
    Value* reduced = nullptr;
    int reducedBits = 0;
    for (size_t a = 0; a < axes_.size(); ++a) {
      Axis& axis = axes_[a];
      if (axis.threadBits == 0) continue;
      axis.thread = threadField(t, axis.firstThreadBit, axis.threadBits);
      if (static_cast<int>(a) == now_.spreadAxis) axis.thread = spreadOut({axis.thread, partial_.level}, now_.spread).v;
      if (!axis.isReduced) continue;
      Value* moved = emitOp(Op::ShLI, {{axis.thread, partial_.level}, {index(reducedBits), 0}}, kI64).v;
      reduced = reduced ? emitOp(Op::OrI, {{reduced, partial_.level}, {moved, partial_.level}}, kI64).v : moved;
      reducedBits += axis.threadBits;
    }
    partial_.axis = static_cast<int>(axes_.size());
    Axis part_;
    part_.bits = partial_.bits;
    part_.iv = reduced ? reduced : index(0);
    part_.level = partial_.level;
    axes_.push_back(part_);
    std::vector<Value*> acc;
    // One of the threads with the same values writes to memory that all threads share.
    thread_.isFirst = {};
    if (int64_t others = now_.layout ? now_.layout->replicas() : 0)
      thread_.isFirst = {at(top()).cmpI(CmpIPred::Eq, emitOp(Op::AndI, {{t, top()}, {index(others), 0}}, kI64).v, index(0)), top()};
    const bool all = std::all_of(nest.anchors.begin(), nest.anchors.end(), [&](const Anchor& a) { return writesMemory(a); });
    if (thread_.isFirst.v && all) {
      Value* first = std::exchange(thread_.isFirst, {}).v;
      guarded(first, [&] { emitLoops(0, acc); });
    } else {
      emitLoops(0, acc);
    }
    thread_.isFirst = {};
    axes_.pop_back();
  });
  for (Axis& axis : axes_) {
    axis.threadBits = 0;
    axis.thread = nullptr;
  }
  for (const Inst* reduce : reductions) {
    if (layout) combineInSubgroups(*reduce, partial, bits);
    combinePartials(*reduce);
  }
  partial_.found.clear();
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

// Partial results that threads keep: those of a subgroup become one, in memory for all threads, where the rest are combined.
void Lowering::combineInSubgroups(const Inst& reduce, const std::vector<int>& partial, int threadBits) {
  const Type kI64 = Type::scalar(Elem::I64);
  const Layout& layout = *partial_.found.at(reduce.results[0]).layout;
  const int64_t own = int64_t{1} << layout.registerBits, threads = int64_t{1} << threadBits;
  size_t n = reduce.results.size();
  std::vector<BufferRef> mine, theirs;
  for (const Value* v : reduce.results) {
    mine.push_back(partial_.found.at(v));
    theirs.push_back(allocateElements(mine.back().element, own * threads_, &layout));
  }
  auto place = [&](const BufferRef& of, Value* t, int64_t k) { return privatePointer(of, {t, top()}, k).v; };
  auto read = [&](const BufferRef& from, Value* t, int64_t k, size_t which) {
    return convert({at(top()).loadFrom(place(from, t, k), from.element), top()}, reduce.operands[which]->type.element());
  };
  auto write = [&](Value* to, Lowval v, const BufferRef& as) { at(top()).storeTo(to, convert(v, as.element).v); };
  auto pointer = [&](const BufferRef& of, Lowval i) { return emitOp(Op::AddPtr, {{of.base, 0}, i}, of.base->type, {}, top()).v; };
  auto combine = combineOf(reduce);
  int64_t done = 0;  // bits of the thread's number
  for (int bit : partial) {
    if (bit >= subgroupBits_) continue;
    done |= int64_t{1} << bit;
    for (size_t k = 0; k < n; ++k)
      at(top()).create(Op::LoSubgroupShuffle, {theirs[k].base, mine[k].base}, {},
                       {{Attr::Bit, int64_t{bit}}, {Attr::Threads, threads}, {Attr::Private, own}});
    threadsLoop(threads, [&](Value* t) {
      for (int64_t e = 0; e < own; ++e) {
        std::vector<Lowval> args, others;
        for (size_t k = 0; k < n; ++k) args.push_back(read(mine[k], t, e, k));
        for (size_t k = 0; k < n; ++k) others.push_back(read(theirs[k], t, e, k));
        // Both threads compute the same: what is found first comes first, if the order may matter.
        for (size_t k = 0; k < n && !combine; ++k) {
          Value* isLater = at(top()).cmpI(CmpIPred::Ne, emitOp(Op::AndI, {{t, top()}, {index(int64_t{1} << bit), 0}}, kI64).v, index(0));
          const Type element = args[k].v->type.element();
          Lowval first = emitOp(Op::Select, {{isLater, top()}, others[k], args[k]}, element, {}, top());
          others[k] = emitOp(Op::Select, {{isLater, top()}, args[k], others[k]}, element, {}, top());
          args[k] = first;
        }
        args.insert(args.end(), others.begin(), others.end());
        std::vector<Lowval> out =
            combine ? std::vector<Lowval>{emitOp(combine->op, {args[0], args[1]}, reduce.operand(0)->type.element(), {}, top())}
                    : emitRegion(*reduce.regions[0], args, top());
        for (size_t k = 0; k < n; ++k) write(place(mine[k], t, e), out[k], mine[k]);
      }
    });
  }
  // Where all threads have what is to be read it stays with them.
  const int64_t replicas = now_.layout ? now_.layout->replicas() : 0;
  const bool isKept = layouts_.of(reduce.results[0]) != nullptr;
  partial_.bits = 0;
  if (!reduce.results[0]->type.isTile() && (done | replicas) == threads_ - 1) return;
  // The first of each subgroup tells what it has.
  std::vector<int> rest;
  for (int bit : partial)
    if (bit >= subgroupBits_) rest.push_back(bit);
  if (isKept && rest.empty()) return;
  const bool isTile = reduce.results[0]->type.isTile();
  int64_t results = isTile ? reduce.results[0]->type.numel() : 1;
  if (!isKept) partial_.bits = static_cast<int>(rest.size());
  std::vector<BufferRef> to;
  for (size_t k = 0; k < n; ++k)
    to.push_back(isTile && rest.empty() ? buffer_.at(reduce.results[k]) : allocateElements(mine[k].element, results << rest.size()));
  threadsLoop(threads, [&](Value* t) {
    Value* others = emitOp(Op::AndI, {{t, top()}, {index(done | replicas), 0}}, kI64).v;
    guarded(at(top()).cmpI(CmpIPred::Eq, others, index(0)), [&] {
      std::vector<int> bits = rest;
      bits.insert(bits.end(), layout.place.begin() + static_cast<long>(partial.size()), layout.place.end());
      for (int64_t e = 0; e < own; ++e)
        for (size_t k = 0; k < n; ++k) write(pointer(to[k], placeOf(bits, t, e)), read(mine[k], t, e, k), to[k]);
    });
  });
  // Each thread combines the rest of the values that it keeps.
  if (isKept) {
    threadsLoop(threads, [&](Value* t) {
      // Where the first of them is.
      std::vector<int> bits(rest.size(), -1 - layout.registerBits);
      bits.insert(bits.end(), layout.place.begin() + static_cast<long>(partial.size()), layout.place.end());
      for (int64_t e = 0; e < own; ++e) {
        const Lowval first = placeOf(bits, t, e);
        auto readRest = [&](int64_t i) {
          std::vector<Lowval> out;
          for (size_t k = 0; k < n; ++k) {
            Value* from = emitOp(Op::AddPtr, {{pointer(to[k], first), top()}, {index(i), 0}}, to[k].base->type, {}, top()).v;
            out.push_back(convert({at(top()).loadFrom(from, to[k].element), top()}, reduce.operands[k]->type.element()));
          }
          return out;
        };
        std::vector<Lowval> found = readRest(0);
        for (int64_t i = 1; i < int64_t{1} << rest.size(); ++i) {
          std::vector<Lowval> args = found, next = readRest(i);
          args.insert(args.end(), next.begin(), next.end());
          found = combine ? std::vector<Lowval>{emitOp(combine->op, {args[0], args[1]}, reduce.operand(0)->type.element(), {}, top())}
                          : emitRegion(*reduce.regions[0], args, top());
        }
        for (size_t k = 0; k < n; ++k) write(place(mine[k], t, e), found[k], mine[k]);
      }
    });
    return;
  }
  for (size_t k = 0; k < n; ++k) partial_.found[reduce.results[k]] = to[k];
}

// One value of each group of partial results, in steps of machine_.combineRadix.
void Lowering::combinePartials(const Inst& reduce) {
  const Type kI64 = Type::scalar(Elem::I64);
  int64_t group = int64_t{1} << partial_.bits;
  std::vector<BufferRef> parts;
  for (const Value* v : reduce.results) parts.push_back(partial_.found.at(v));
  const bool isTile = reduce.results[0]->type.isTile();
  int64_t results = isTile ? reduce.results[0]->type.numel() : 1;
  auto pointer = [&](const BufferRef& b, Lowval i) {
    // The only one, which each thread has.
    if (b.layout) return privatePointer(b, {index(0), 0}, 0).v;
    return emitOp(Op::AddPtr, {{b.base, 0}, i}, b.base->type, {}, top()).v;
  };
  auto read = [&](size_t k, Lowval i) -> Lowval {
    return convert({at(top()).loadFrom(pointer(parts[k], i), parts[k].element), top()}, reduce.operands[k]->type.element());
  };
  auto write = [&](const BufferRef& to, Lowval i, Lowval v) { at(top()).storeTo(pointer(to, i), convert(v, to.element).v); };
  size_t n = parts.size();
  auto combine = combineOf(reduce);
  int64_t have = group;
  for (; have > (isTile ? 1 : machine_.combineRadix);) {
    int64_t each = std::min(have, machine_.combineRadix), rest = have / each;
    // Thread i: of group i / rest the values i % rest, and every rest-th after it.
    distribute(results * rest, [&](Value* i) {
      Lowval at_{i, top()};
      Lowval in = emitOp(Op::AndI, {at_, {index(rest - 1), 0}}, kI64);
      Lowval first =
          emitOp(Op::AddI, {emitOp(Op::MulI, {emitOp(Op::ShRUI, {at_, {index(log2(rest)), 0}}, kI64), {index(group), 0}}, kI64), in}, kI64);
      std::vector<Lowval> found;
      for (size_t k = 0; k < n; ++k) found.push_back(read(k, first));
      auto add = [&](Lowval from) {
        Lowval next = emitOp(Op::AddI, {first, from}, kI64);
        std::vector<Lowval> args = found;
        for (size_t k = 0; k < n; ++k) args.push_back(read(k, next));
        found = combine ? std::vector<Lowval>{emitOp(combine->op, {args[0], args[1]}, reduce.operand(0)->type.element(), {}, top())}
                        : emitRegion(*reduce.regions[0], args, top());
      };
      if (combine) {
        for (int64_t k = 1; k < each; ++k) add({index(k * rest), 0});
      } else {
        std::vector<Value*> acc;
        for (const Lowval& v : found) acc.push_back(v.v);
        Inst* loop = at(top()).forLoop(index(rest), index(have), index(rest), acc);
        Block& body = loop->regions[0]->entry();
        levels_.push_back(&body);
        for (size_t k = 0; k < n; ++k) found[k] = {body.args[1 + k], top()};
        add({body.args[0], top()});
        std::vector<Value*> yields;
        for (const Lowval& v : found) yields.push_back(v.v);
        at(top()).yield(yields);
        levels_.pop_back();
        for (size_t k = 0; k < n; ++k) found[k] = {loop->results[k], top()};
      }
      // The last go to where the result is looked for.
      for (size_t k = 0; k < n; ++k)
        isTile&& rest == 1 ? write(buffer_.at(reduce.results[k]), at_, found[k]) : write(parts[k], first, found[k]);
    });
    have = rest;
  }
  if (isTile) return;
  // All threads combine the last few values of a scalar, instead of waiting for one that does.
  std::vector<Lowval> found;
  for (size_t k = 0; k < n; ++k) found.push_back(read(k, {index(0), 0}));
  for (int64_t i = 1; i < have; ++i) {
    std::vector<Lowval> args = found;
    for (size_t k = 0; k < n; ++k) args.push_back(read(k, {index(i), 0}));
    found = combine ? std::vector<Lowval>{emitOp(combine->op, {args[0], args[1]}, reduce.operand(0)->type.element(), {}, top())}
                    : emitRegion(*reduce.regions[0], args, top());
  }
  for (size_t k = 0; k < n; ++k) scalar_[reduce.results[k]] = found[k].v;
}

}  // namespace nereid
