// SPDX-License-Identifier: MIT
// Matrix products, histograms, and functions of several elements at a time.
//
// A dot is cut into register tiles of rows x one wide vector of columns. For each, the accumulators are inlined (so whatever computes
// them is a prologue), stay in registers over K, and are written once. Both operands were packed into buffers by the plan, already
// converted to the type of the sum. Per step of K: load one vector of B, then for each row broadcast one element of A and multiply-add.
// With 16 registers a tile of 4 rows has too few accumulators to hide what an addition takes, and 8 too many to keep: there are tiles of
// 6 rows, and of 4 for the rest. Their rows are no bits of an index, so the accumulators come from memory or are constant.
#include <algorithm>
#include <bit>
#include <optional>

#include "lower/lowering.h"
#include "support/function_ref.h"

namespace nereid {

void Lowering::emitDot(const Inst& dot) {
  Value *a = dot.operands[0], *b = dot.operands[1], *c = dot.operands[2], *d = dot.results[0];
  const Type& type = d->type;
  int rank = type.rank;
  int mBits = type.log2(rank - 2), nBits = type.log2(rank - 1);
  int batchBits = type.bits() - mBits - nBits;
  int64_t depth = a->type.dim(rank - 1), columns = type.dim(rank - 1);
  Type sum = type.isInt() ? Type::scalar(Elem::I32) : Type::scalar(type.elem == Elem::F64 ? Elem::F64 : Elem::F32);
  if (auto carried = schedule_.inPlaceOf.find(d); carried != schedule_.inPlaceOf.end()) buffer_[d] = buffer_.at(carried->second);
  if (!buffer_.count(d)) buffer_[d] = allocate(d);
  BufferRef left = buffer_.at(a), right = buffer_.at(b);
  const int neighbours = left.element.elem == a->type.elem && right.element.elem == b->type.elem ? groupOf(dot, machine_) : 1;
  int lanesOf = std::max(1, machine_.vectorBytes * 8 / bitWidth(sum));
  int laneBits = std::min(nBits, static_cast<int>(std::countr_zero(static_cast<unsigned>(lanesOf))) + 1);
  int vectors = std::max(1, (1 << laneBits) / lanesOf);
  int rowBits = std::min(mBits, static_cast<int>(std::countr_zero(static_cast<unsigned>(machine_.vectorRegisters / 2 / vectors))));
  // Groups of so many rows, so many times.
  struct Group {
    int rows;
    int64_t count, first;
  };
  std::vector<Group> groups{{1 << rowBits, int64_t{1} << (mBits - rowBits), 0}};
  bool uneven = machine_.dotRows && vectors == 2 && (1 << mBits) >= 2 * machine_.dotRows;
  if (uneven) {
    const int64_t m = int64_t{1} << mBits, rows = machine_.dotRows;
    int64_t count = m / rows;
    while ((m - count * rows) % machine_.dotRestRows != 0) --count;
    groups = {{machine_.dotRows, count, 0}, {machine_.dotRestRows, (m - count * rows) / machine_.dotRestRows, count * rows}};
  }

  // Sums whose elements are not found by whole columns and groups of rows (joined, reshaped) are written out first.
  Nest sums;
  sums.anchors.push_back({Anchor::Buffer, c->def, c});
  sums.shape = type.shape();
  use(scheduler_.split(sums, {.isCopy = true}));
  bool whole = true;
  for (size_t bit = 1; bit < now_.axisOfBit.size(); ++bit) {
    auto at_ = static_cast<int>(bit);
    bool allowed = (at_ >= nBits && at_ <= nBits + rowBits) || at_ == nBits + mBits;
    if (now_.bitInAxis[bit] == 0 && !allowed) whole = false;
  }
  std::optional<BufferRef> held;
  if (uneven && !constantBits(c)) {
    if (!buffer_.count(c)) copyTile(c, buffer_.at(d));
  } else if (!uneven && !whole) {
    if (auto it = buffer_.find(c); it != buffer_.end()) held = it->second;
    BufferRef copy = allocate(c);
    copyTile(c, copy);
    buffer_[c] = copy;
  }

  memo_.clear();
  journal_.clear();
  facts_.clear();
  now_.bounds.clear();
  splats_.clear();
  baseLevel_ = top();
  // Axis 0: columns, the lanes; axis 1: groups of rows; axis 2: the batch.
  axes_.assign(3, {});
  axes_[0].bits = nBits;
  axes_[0].laneBits = laneBits;
  axes_[1].bits = mBits - rowBits;
  axes_[2].bits = batchBits;
  now_.vectorAxis = laneBits ? 0 : -1;
  note("tt.dot at line ", dot.loc.line(), ": register tiles of ", groups[0].rows, uneven ? cat(" or ", machine_.dotRestRows) : "", " x ",
       1 << laneBits, ", ", groups[0].rows * vectors, " accumulators of ", machine_.vectorRegisters,
       " registers; per step of K one vector of B, then a broadcast of A and a multiply-add a row");
  auto mapOfRow = [&](int row) {
    IndexMap map;
    for (int i = 0; i < nBits; ++i) map.push_back({0, static_cast<uint8_t>(i)});
    for (int i = 0; i < mBits; ++i) {
      if (i < rowBits)
        map.push_back({(row >> i) & 1 ? IndexBit::kOne : IndexBit::kZero, 0});
      else
        map.push_back({1, static_cast<uint8_t>(i - rowBits)});
    }
    for (int i = 0; i < batchBits; ++i) map.push_back({2, static_cast<uint8_t>(i)});
    return map;
  };
  auto loop = [&](int64_t size, int64_t step, std::vector<Value*> acc, FunctionRef<void(Lowval, std::vector<Value*>&)> body) {
    if (size == step) {
      body({index(0), 0}, acc);
      return acc;
    }
    MemoScope scope = enter();
    Inst* inst = m_.newInst(Op::For, loc_);
    inst->operands = {index(0), index(size), index(step)};
    inst->operands.insert(inst->operands.end(), acc.begin(), acc.end());
    inst->regions.push_back(std::make_unique<Region>());
    inst->regions[0]->parent = inst;
    Block* block = m_.newBlock(*inst->regions[0]);
    Value* iv = m_.addArg(*block, Type::scalar(Elem::I64));
    std::vector<Value*> inner;
    for (Value* v : acc) inner.push_back(m_.addArg(*block, v->type));
    levels_.push_back(block);
    body({iv, top()}, inner);
    at(top()).yield(inner);
    levels_.pop_back();
    leave(scope);
    for (Value*& v : acc) v = m_.addResult(*inst, v->type);
    inst->parent = levels_.back();
    levels_.back()->insts.push_back(inst);
    return acc;
  };
  auto open = [&](int axis, Value* iv, int level) {
    axes_[static_cast<size_t>(axis)].iv = iv;
    axes_[static_cast<size_t>(axis)].level = level;
  };
  auto offset = [&](Value* base, Lowval i, int64_t scale) { return plus({base, 0}, times(i, scale)); };
  auto load = [&](Lowval pointer, Type element, int count) -> Lowval {
    return {at(top()).loadFrom(pointer.v, count > 1 ? Type::vector(element, count) : element), top()};
  };
  auto read = [&](Lowval pointer, Type stored, int count) -> Lowval {
    Lowval v = load(pointer, stored, count);
    if (sum.isInt()) return stored == sum ? v : emitOp(Op::ExtSI, {v}, sum);
    return convert(v, sum);
  };
  std::vector<Value*> none;
  // Operands for products of groups: elements of B that are multiplied together become neighbours. The processor's first operand of bytes
  // is unsigned, so A is stored plus 128, and the sums of B's columns times 128 are subtracted.
  const int64_t step = int64_t{1} << laneBits;
  const Type packed = left.element.elem == Elem::I8 && neighbours == 2 ? Type::scalar(Elem::I16) : left.element;
  const bool isBiased = neighbours > 1 && packed.elem == Elem::I8;
  Value* columnSums = nullptr;  // times 128
  if (neighbours > 1) {
    const int64_t count = a->type.numel();
    const BufferRef source = left, rows = right;
    if (packed.isInt()) {
      left = allocateElements(packed, count);
      const int64_t many = std::min<int64_t>(count, machine_.vectorBytes);
      loop(count, many, none, [&](Lowval i, std::vector<Value*>&) {
        Lowval v = load(offset(source.base, i, 1), source.element, static_cast<int>(many));
        v = isBiased ? emitOp(Op::XOrI, {v, {constant(packed, 0x80), 0}}, packed) : emitOp(Op::ExtSI, {v}, packed);
        at(top()).storeTo(offset(left.base, i, 1).v, v.v);
      });
    }
    right = allocateElements(packed, b->type.numel());
    if (isBiased) columnSums = allocateElements(sum, columns << batchBits).base;
    auto shuffled = [&](Lowval x, Lowval y, int unit) {  // units of both in turn
      const int64_t n = x.v->type.numel();
      std::vector<int64_t> order;
      for (int64_t i = 0; i < n; i += unit)
        for (int64_t from : {i, n + i})
          for (int k = 0; k < unit; ++k) order.push_back(from + k);
      Value* v =
          at(top()).create(Op::LoShuffle, {x.v, y.v}, {Type::vector(packed, static_cast<int>(2 * n))}, {{Attr::Lanes, order}})->result();
      return Lowval{v, top()};
    };
    loop(int64_t{1} << batchBits, 1, none, [&](Lowval batch, std::vector<Value*>&) {
      loop(columns, step, none, [&](Lowval n, std::vector<Value*>&) {
        std::vector<Value*> total;
        if (isBiased) total.push_back(widen({constant(sum, 0), 0}, lanes()).v);
        total = loop(depth, neighbours, total, [&](Lowval k, std::vector<Value*>& in) {
          Lowval row = times(plus(times(batch, depth), k), columns);
          Lowval part[4];
          for (int j = 0; j < neighbours; ++j) {
            Lowval v = load(offset(rows.base, plus(plus(row, n), j * columns), 1), rows.element, lanes());
            part[j] = rows.element == packed ? v : emitOp(Op::ExtSI, {v}, packed);
          }
          Lowval first = shuffled(part[0], part[1], 1);
          if (neighbours == 4) first = shuffled(first, shuffled(part[2], part[3], 1), 2);
          at(top()).storeTo(offset(right.base, plus(row, times(n, neighbours)), 1).v, first.v);
          if (isBiased)
            in[0] =
                at(top()).create(Op::LoDotAdd, {in[0], widen({constant(sum, 0x01010101), 0}, lanes()).v, first.v}, {in[0]->type})->result();
        });
        if (isBiased) {
          Lowval scaled = emitOp(Op::ShLI, {{total[0], top()}, {constant(sum, 7), 0}}, sum);
          at(top()).storeTo(offset(offset(columnSums, batch, columns).v, n, 1).v, scaled.v);
        }
      });
    });
  }
  const BufferRef to = buffer_.at(d), from = buffer_.count(c) ? buffer_.at(c) : to;
  // One tile: where it is in its batch's columns and groups of rows.
  auto tile = [&](Lowval batch, Lowval n, Lowval group, const Group& g) {
    auto [rows, count, firstRow] = g;
    open(2, batch.v, batch.level);
    open(0, n.v, n.level);
    open(1, group.v, group.level);
    Lowval a0 = offset(left.base, batch, a->type.dim(rank - 2) * depth);
    Lowval b0 = offset(right.base, batch, depth * columns);
    Lowval bColumn = plus(b0, times(n, neighbours));
    Lowval excess;
    if (columnSums) excess = load(plus(offset(columnSums, batch, columns), n, top()), sum, lanes());
    Lowval first = times(group, rows * depth);
    // The first element of a row of the sums.
    auto rowOf = [&](const BufferRef& buffer, int r) {
      Lowval at_ = plus(plus(times(group, rows * columns), n), (firstRow + r) * columns);
      return plus(offset(buffer.base, batch, columns << mBits), at_, top());
    };
    std::vector<Value*> acc;
    for (int r = 0; r < rows; ++r) {
      Lowval start;
      if (!uneven)
        start = convert(valueAt(c, mapOfRow(r)), sum);
      else if (auto bits = constantBits(c))
        start = convert({constant(c->type.element(), *bits), 0}, sum);
      else
        start = read(rowOf(from, r), from.element, lanes());
      start = widen(start, lanes());
      acc.push_back(columnSums ? emitOp(Op::SubI, {start, excess}, sum, {}, top()).v : start.v);
    }
    std::vector<Lowval> aRow;
    for (int r = 0; r < rows; ++r) aRow.push_back(plus(a0, plus(first, (firstRow + r) * depth)));
    acc = loop(depth, neighbours, acc, [&](Lowval k, std::vector<Value*>& in) {
      const bool isGroup = neighbours > 1;
      Lowval p = plus(bColumn, times(k, columns));
      Lowval bVector = isGroup ? load(p, packed, lanes() * neighbours) : read(p, right.element, lanes());
      for (int r = 0; r < rows; ++r) {
        Lowval at_ = plus(aRow[static_cast<size_t>(r)], k);
        if (isGroup) at_ = emitOp(Op::Bitcast, {at_}, Type::pointer(Elem::I32));
        Lowval x = widen(isGroup ? load(at_, Type::scalar(Elem::I32), 1) : read(at_, left.element, 1), lanes());
        Value*& sumOfRow = in[static_cast<size_t>(r)];
        if (isGroup)
          sumOfRow = at(top()).create(Op::LoDotAdd, {sumOfRow, x.v, bVector.v}, {sumOfRow->type})->result();
        else if (sum.isInt())
          sumOfRow = emitOp(Op::AddI, {{sumOfRow, top()}, emitOp(Op::MulI, {x, bVector}, sum)}, sum, {}, top()).v;
        else if (machine_.fma)
          sumOfRow = emitOp(Op::Fma, {x, bVector, {sumOfRow, top()}}, sum, {}, top()).v;
        else
          sumOfRow = emitOp(Op::AddF, {emitOp(Op::MulF, {x, bVector}, sum), {sumOfRow, top()}}, sum, {}, top()).v;
      }
    });
    for (int r = 0; r < rows; ++r) {
      Lowval result = convert({acc[static_cast<size_t>(r)], top()}, type.element());
      if (uneven)
        at(top()).storeTo(rowOf(to, r).v, widen(convert(result, to.element), lanes()).v);
      else
        writeBuffer(to, result, mapOfRow(r));
    }
  };
  loop(int64_t{1} << batchBits, 1, none, [&](Lowval batch, std::vector<Value*>&) {
    loop(columns, step, none, [&](Lowval n, std::vector<Value*>&) {
      for (const Group& g : groups) loop(g.count, 1, none, [&](Lowval group, std::vector<Value*>&) { tile(batch, n, group, g); });
    });
  });
  if (!uneven && !whole) {
    if (held)
      buffer_[c] = *held;
    else
      buffer_.erase(c);
  }
}

void Lowering::beginPlain() {
  memo_.clear();
  journal_.clear();
  facts_.clear();
  now_.bounds.clear();
  splats_.clear();
  now_.vectorAxis = -1;
  baseLevel_ = top();
}

void Lowering::plainLoop(int64_t size, FunctionRef<void(Value*)> body) {
  MemoScope scope = enter();
  Block* outer = levels_.back();
  Inst* loop = at(top()).forLoop(index(0), index(size), index(1), {});
  outer->insts.pop_back();  // what the body hoists goes in front of the loop
  levels_.push_back(&loop->regions[0]->entry());
  body(loop->regions[0]->entry().args[0]);
  at(top()).yield({});
  levels_.pop_back();
  outer->insts.push_back(loop);
  leave(scope);
}

// One loop an axis, all of them scalar.
void Lowering::plainLoops(FunctionRef<void()> body, size_t depth) {
  if (depth == axes_.size()) {
    body();
    return;
  }
  Axis& axis = axes_[axes_.size() - 1 - depth];
  plainLoop(axis.size(), [&](Value* iv) {
    axis.iv = iv;
    axis.level = top();
    plainLoops(body, depth + 1);
  });
}

// One bin an element, counted one after the other.
void Lowering::emitHistogram(const Inst& inst) {
  Value* bins = inst.results[0];
  if (!buffer_.count(bins)) buffer_[bins] = allocate(bins);
  const BufferRef counts = buffer_.at(bins);
  beginPlain();
  Nest nest;
  nest.shape = inst.operand(0)->type.shape();
  for (Value* v : inst.operands) nest.anchors.push_back({Anchor::Buffer, const_cast<Inst*>(&inst), v});
  use(scheduler_.split(nest, {}));
  const Type kI64 = Type::scalar(Elem::I64);
  auto binAt = [&](Lowval i) { return emitOp(Op::AddPtr, {{counts.base, 0}, i}, counts.base->type, {}, top()).v; };
  auto store = [&](Value* p, Value* v) { at(top()).storeTo(p, v); };
  plainLoop(bins->type.numel(), [&](Value* i) { store(binAt({i, top()}), constant(counts.element, 0)); });
  plainLoops([&] {
    IndexMap map = now_.identity();
    Lowval x = valueAt(inst.operands[0], map);
    Lowval mask{constant(Type::scalar(Elem::I1), 1), 0};
    if (Value* m = inst.optional(1)) mask = valueAt(m, map);
    Lowval wide = x.v->type.elem == Elem::I64 ? x : emitOp(Op::ExtSI, {x}, kI64);
    Lowval inside = emitOp(Op::CmpI, {wide, {index(bins->type.numel()), 0}}, Type::scalar(Elem::I1),
                           {{Attr::Predicate, static_cast<int64_t>(CmpIPred::Ult)}});
    Lowval counted = emitOp(Op::AndI, {inside, mask}, Type::scalar(Elem::I1));
    Value* p = binAt(emitOp(Op::Select, {counted, wide, {index(0), 0}}, kI64));
    Value* before = at(top()).loadFrom(p, counts.element);
    Value* one = emitOp(Op::ExtUI, {counted}, counts.element, {}, top()).v;
    store(p, at(top()).make(Op::AddI, {before, one}));
  });
}

// map_elementwise with pack > 1: the function takes `pack` neighbours of each operand.
void Lowering::emitSequence(const Inst& inst) {
  for (Value* v : inst.results)
    if (!buffer_.count(v)) buffer_[v] = allocate(v);
  beginPlain();
  int bits = inst.operand(0)->type.bits();
  auto pack = inst.integer(Attr::Pack, 1);
  int packBits = std::countr_zero(static_cast<uint64_t>(pack));
  axes_.assign(1, {});
  axes_[0].bits = bits - packBits;
  auto mapOf = [&](int64_t p) {
    IndexMap map;
    for (int i = 0; i < bits; ++i)
      map.push_back(i < packBits ? IndexBit{(p >> i) & 1 ? IndexBit::kOne : IndexBit::kZero, 0}
                                 : IndexBit{0, static_cast<uint8_t>(i - packBits)});
    return map;
  };
  plainLoops([&] {
    std::vector<Lowval> args;
    for (Value* v : inst.operands)
      for (int64_t p = 0; p < pack; ++p) args.push_back(readBuffer(buffer_.at(v), mapOf(p), v->type.element()));
    auto out = emitRegion(*inst.regions[0], args, top());
    for (size_t k = 0; k < inst.results.size(); ++k)
      for (int64_t p = 0; p < pack; ++p)
        writeBuffer(buffer_.at(inst.results[k]), out[k * static_cast<size_t>(pack) + static_cast<size_t>(p)], mapOf(p));
  });
}

}  // namespace nereid
