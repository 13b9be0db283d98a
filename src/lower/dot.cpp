// SPDX-License-Identifier: MIT
// Matrix products, histograms, and functions of several elements at a time.
//
// The schedule cuts a dot into tiles of rows x one wide vector of columns. For each, the accumulators are inlined (so whatever computes
// them is a prologue), stay in registers over K, and are written once. Both operands are in buffers, already converted to the type of the
// sum. Per step of K: load one vector of B, then for each row broadcast one element of A and multiply-add. Where the number of rows is no
// power of two, they are no bits of an index, so the accumulators come from memory or are constant.
#include <algorithm>

#include "lower/lowering.h"
#include "support/function_ref.h"

namespace nereid {

// A dot of one thread.
class Lowering::TileDot : DotShape {
 public:
  TileDot(Lowering& lowering, const Inst& dot, const DotSchedule& schedule);
  void emit();

 private:
  void packLeft();
  void packRight();
  Lowval interleave(Lowval x, Lowval y, int unit);
  void emitTile(Lowval batch, Lowval column, Lowval number, const DotSchedule::RowTiles& tiles);
  std::vector<Value*> beginSums(const DotSchedule::RowTiles& tiles);
  void multiplyAdd(Value*& sumOfRow, Lowval x, Lowval y);
  IndexMap mapOfRow(int row) const;
  Lowval rowOf(const BufferRef& buffer, int64_t row);
  void open(int axis, Lowval first);
  std::vector<Value*> loop(int64_t size, int64_t step, std::vector<Value*> acc, FunctionRef<void(Lowval, std::vector<Value*>&)> body);
  Lowval offset(Value* base, Lowval i, int64_t scale) { return l_.plus({base, 0}, l_.times(i, scale)); }
  Lowval load(Lowval pointer, Type element, int count) {
    return {l_.at(l_.top()).loadFrom(pointer.v, count > 1 ? Type::vector(element, count) : element), l_.top()};
  }
  Lowval read(Lowval pointer, Type stored, int count) {
    Lowval v = load(pointer, stored, count);
    if (sum.isInt()) return stored == sum ? v : l_.emitOp(Op::ExtSI, {v}, sum);
    return l_.convert(v, sum);
  }
  void store(Lowval pointer, Lowval v) { l_.at(l_.top()).storeTo(pointer.v, v.v); }
  Lowval splat(uint64_t bits) { return l_.widen({l_.constant(sum, bits), 0}, columnsOfTile_); }

  Lowering& l_;
  const DotSchedule& schedule_;
  const int columnsOfTile_;  // also the lanes of a vector of them
  const int group_;
  int64_t rowsOfTile_ = 0;  // of the open tile
  const bool readsInit_;    // from memory, row by row: rows of tiles are no bits of an index
  BufferRef left_, right_;
  Type packed_;                  // of both operands, where groups are multiplied
  bool isBiased_ = false;        // the processor's first operand of bytes is unsigned, so A is stored plus 128
  Value* columnSums_ = nullptr;  // of B, times 128: the excess of a biased product
};

Lowering::TileDot::TileDot(Lowering& lowering, const Inst& dot, const DotSchedule& schedule)
    : DotShape(dot),
      l_(lowering),
      schedule_(schedule),
      columnsOfTile_(schedule.columns),
      group_(schedule.group),
      readsInit_(schedule.restRows > 0),
      left_(l_.buffers_.of.at(a)),
      right_(l_.buffers_.of.at(b)),
      packed_(left_.element) {}

void Lowering::TileDot::emit() {
  l_.beginPlain();
  // Axis 0: columns, the lanes; axis 1: groups of rows; axis 2: the batch.
  l_.nest_.axes.assign(3, {});
  l_.nest_.axes[0].bits = columnBits;
  l_.nest_.axes[0].laneBits = log2(columnsOfTile_);
  l_.nest_.axes[1].bits = readsInit_ ? 0 : rowBits - log2(schedule_.rows);
  l_.nest_.axes[2].bits = batchBits;
  l_.nest_.schedule.vectorAxis = columnsOfTile_ > 1 ? 0 : -1;
  if (group_ > 1) {
    packLeft();
    packRight();
  }
  const std::vector<Value*> none;
  loop(int64_t{1} << batchBits, 1, none, [&](Lowval batch, std::vector<Value*>&) {
    loop(columns, columnsOfTile_, none, [&](Lowval column, std::vector<Value*>&) {
      for (const DotSchedule::RowTiles& tiles : schedule_.rowTiles(int64_t{1} << rowBits))
        loop(tiles.count, 1, none, [&](Lowval number, std::vector<Value*>&) { emitTile(batch, column, number, tiles); });
    });
  });
}

// A, as integers of the width that is multiplied.
void Lowering::TileDot::packLeft() {
  if (packed_.elem == Elem::I8 && group_ == 2) packed_ = Type::scalar(Elem::I16);
  isBiased_ = packed_.elem == Elem::I8;
  if (!packed_.isInt()) return;
  const BufferRef source = left_;
  const int64_t count = a->type.numel(), many = std::min<int64_t>(count, l_.machine().vectorBytes);
  left_ = l_.allocateElements(packed_, count);
  loop(count, many, {}, [&](Lowval i, std::vector<Value*>&) {
    Lowval v = load(offset(source.base, i, 1), source.element, static_cast<int>(many));
    v = isBiased_ ? l_.emitOp(Op::XOrI, {v, {l_.constant(packed_, 0x80), 0}}, packed_) : l_.emitOp(Op::ExtSI, {v}, packed_);
    store(offset(left_.base, i, 1), v);
  });
}

// Elements of B that are multiplied together become neighbours.
void Lowering::TileDot::packRight() {
  const BufferRef source = right_;
  right_ = l_.allocateElements(packed_, b->type.numel());
  if (isBiased_) columnSums_ = l_.allocateElements(sum, columns << batchBits).base;
  loop(int64_t{1} << batchBits, 1, {}, [&](Lowval batch, std::vector<Value*>&) {
    loop(columns, columnsOfTile_, {}, [&](Lowval n, std::vector<Value*>&) {
      std::vector<Value*> total;
      if (isBiased_) total.push_back(splat(0).v);
      total = loop(depth, group_, total, [&](Lowval k, std::vector<Value*>& in) {
        Lowval row = l_.times(l_.plus(l_.times(batch, depth), k), columns);
        Lowval part[4];
        for (int j = 0; j < group_; ++j) {
          Lowval v = load(offset(source.base, l_.plus(l_.plus(row, n), j * columns), 1), source.element, columnsOfTile_);
          part[j] = source.element == packed_ ? v : l_.emitOp(Op::ExtSI, {v}, packed_);
        }
        Lowval group = interleave(part[0], part[1], 1);
        if (group_ == 4) group = interleave(group, interleave(part[2], part[3], 1), 2);
        store(offset(right_.base, l_.plus(row, l_.times(n, group_)), 1), group);
        if (isBiased_) in[0] = l_.at(l_.top()).create(Op::LoDotAdd, {in[0], splat(0x01010101).v, group.v}, {in[0]->type})->result();
      });
      if (!isBiased_) return;
      Lowval scaled = l_.emitOp(Op::ShLI, {{total[0], l_.top()}, {l_.constant(sum, 7), 0}}, sum);
      store(offset(offset(columnSums_, batch, columns).v, n, 1), scaled);
    });
  });
}

// `unit` lanes of both in turn.
Lowval Lowering::TileDot::interleave(Lowval x, Lowval y, int unit) {
  const int64_t n = x.v->type.numel();
  std::vector<int64_t> order;
  for (int64_t i = 0; i < n; i += unit)
    for (int64_t from : {i, n + i})
      for (int k = 0; k < unit; ++k) order.push_back(from + k);
  const Type type = Type::vector(packed_, static_cast<int>(2 * n));
  return {l_.at(l_.top()).create(Op::LoShuffle, {x.v, y.v}, {type}, {{Attr::Lanes, order}})->result(), l_.top()};
}

void Lowering::TileDot::emitTile(Lowval batch, Lowval column, Lowval number, const DotSchedule::RowTiles& tiles) {
  rowsOfTile_ = tiles.rows;
  open(2, batch);
  open(0, column);
  open(1, number);
  const Lowval left = offset(left_.base, batch, a->type.dim(type.rank - 2) * depth);
  const Lowval right = l_.plus(offset(right_.base, batch, depth * columns), l_.times(column, group_));
  std::vector<Value*> acc = beginSums(tiles);
  const Lowval first = l_.times(number, tiles.rows * depth);
  std::vector<Lowval> rows;
  for (int r = 0; r < tiles.rows; ++r) rows.push_back(l_.plus(left, l_.plus(first, (tiles.first + r) * depth)));
  const bool isGroup = group_ > 1;
  acc = loop(depth, group_, acc, [&](Lowval k, std::vector<Value*>& in) {
    Lowval p = l_.plus(right, l_.times(k, columns));
    Lowval y = isGroup ? load(p, packed_, columnsOfTile_ * group_) : read(p, right_.element, columnsOfTile_);
    for (int r = 0; r < tiles.rows; ++r) {
      Lowval at = l_.plus(rows[static_cast<size_t>(r)], k);
      if (isGroup) at = l_.emitOp(Op::Bitcast, {at}, Type::pointer(Elem::I32));
      Lowval x = isGroup ? load(at, Type::scalar(Elem::I32), 1) : read(at, left_.element, 1);
      multiplyAdd(in[static_cast<size_t>(r)], l_.widen(x, columnsOfTile_), y);
    }
  });
  const BufferRef to = l_.buffers_.of.at(result);
  for (int r = 0; r < tiles.rows; ++r) {
    Lowval result = l_.convert({acc[static_cast<size_t>(r)], l_.top()}, type.element());
    if (readsInit_)
      store(rowOf(to, tiles.first + r), l_.widen(l_.convert(result, to.element), columnsOfTile_));
    else
      l_.writeBuffer(to, result, mapOfRow(r));
  }
}

// The initial values of the accumulators of the open tile.
std::vector<Value*> Lowering::TileDot::beginSums(const DotSchedule::RowTiles& tiles) {
  Lowval excess;
  if (columnSums_) {
    const Axis &column = l_.nest_.axes[0], &batch = l_.nest_.axes[2];
    excess = load(l_.plus(offset(columnSums_, {batch.iv, batch.level}, columns), {column.iv, column.level}, l_.top()), sum, columnsOfTile_);
  }
  const BufferRef from = l_.buffers_.of.at(l_.buffers_.of.count(init) ? init : result);
  const auto constant = constantBits(init);
  std::vector<Value*> acc;
  for (int r = 0; r < tiles.rows; ++r) {
    Lowval start = !readsInit_ ? l_.convert(l_.valueAt(init, mapOfRow(r)), sum)
                   : constant  ? l_.convert({l_.constant(init->type.element(), *constant), 0}, sum)
                               : read(rowOf(from, tiles.first + r), from.element, columnsOfTile_);
    start = l_.widen(start, columnsOfTile_);
    acc.push_back(columnSums_ ? l_.emitOp(Op::SubI, {start, excess}, sum, {}, l_.top()).v : start.v);
  }
  return acc;
}

void Lowering::TileDot::multiplyAdd(Value*& sumOfRow, Lowval x, Lowval y) {
  const Lowval old{sumOfRow, l_.top()};
  if (group_ > 1)
    sumOfRow = l_.at(l_.top()).create(Op::LoDotAdd, {sumOfRow, x.v, y.v}, {sumOfRow->type})->result();
  else if (sum.isInt())
    sumOfRow = l_.emitOp(Op::AddI, {old, l_.emitOp(Op::MulI, {x, y}, sum)}, sum, {}, l_.top()).v;
  else if (l_.machine().fma)
    sumOfRow = l_.emitOp(Op::Fma, {x, y, old}, sum, {}, l_.top()).v;
  else
    sumOfRow = l_.emitOp(Op::AddF, {l_.emitOp(Op::MulF, {x, y}, sum), old}, sum, {}, l_.top()).v;
}

// From an index of the sums to columns, groups of rows and the batch, in this row of each group.
IndexMap Lowering::TileDot::mapOfRow(int row) const {
  const int own = log2(schedule_.rows);
  IndexMap map;
  for (int i = 0; i < columnBits; ++i) map.push_back({0, static_cast<uint8_t>(i)});
  for (int i = 0; i < rowBits; ++i)
    map.push_back(i >= own         ? IndexBit{1, static_cast<uint8_t>(i - own)}
                  : (row >> i) & 1 ? IndexBit{IndexBit::kOne, 0}
                                   : IndexBit{IndexBit::kZero, 0});
  for (int i = 0; i < batchBits; ++i) map.push_back({2, static_cast<uint8_t>(i)});
  return map;
}

// The first element of a row of the open tile; `row` counts from the first tile's.
Lowval Lowering::TileDot::rowOf(const BufferRef& buffer, int64_t row) {
  const Axis &column = l_.nest_.axes[0], &number = l_.nest_.axes[1], &batch = l_.nest_.axes[2];
  Lowval at = l_.plus(l_.plus(l_.times({number.iv, number.level}, rowsOfTile_ * columns), {column.iv, column.level}), row * columns);
  return l_.plus(offset(buffer.base, {batch.iv, batch.level}, columns << rowBits), at, l_.top());
}

void Lowering::TileDot::open(int axis, Lowval first) {
  l_.nest_.axis(axis).iv = first.v;
  l_.nest_.axis(axis).level = first.level;
}

// A loop that carries `acc`; one iteration needs no loop.
std::vector<Value*> Lowering::TileDot::loop(int64_t size, int64_t step, std::vector<Value*> acc,
                                            FunctionRef<void(Lowval, std::vector<Value*>&)> body) {
  if (size == step) {
    body({l_.index(0), 0}, acc);
    return acc;
  }
  MemoScope scope = l_.enter();
  acc = l_.code_.loop(l_.index(0), l_.index(size), l_.index(step), std::move(acc),
                      [&](Value* iv, std::vector<Value*>& inner) { body({iv, l_.top()}, inner); });
  l_.leave(scope);
  return acc;
}

// Where a dot's result is kept.
void Lowering::placeSums(Value* result) {
  if (auto carried = schedule_.inPlaceOf.find(result); carried != schedule_.inPlaceOf.end())
    buffers_.of[result] = buffers_.of.at(carried->second);
  else if (!buffers_.of.count(result))
    buffers_.of[result] = allocate(result);
}

// While it lives, nests read a value from this memory.
Lowering::StoredValue::StoredValue(Lowering& lowering, const Value* v, const BufferRef& at) : l_(lowering), v_(v) {
  if (auto it = l_.buffers_.of.find(v); it != l_.buffers_.of.end()) before_ = it->second;
  l_.buffers_.of[v] = at;
}

Lowering::StoredValue::~StoredValue() {
  if (before_)
    l_.buffers_.of[v_] = *before_;
  else
    l_.buffers_.of.erase(v_);
}

void Lowering::emitDot(const Inst& dot, const DotSchedule& schedule) {
  Value *init = dot.operand(2), *result = dot.result();
  placeSums(result);
  std::optional<StoredValue> stored;
  if (schedule.restRows > 0 && !constantBits(init)) {
    if (!buffers_.of.count(init)) copyTile(init, buffers_.of.at(result));
  } else if (schedule.storesInit) {
    const BufferRef copy = allocate(init);
    copyTile(init, copy);
    stored.emplace(*this, init, copy);
  }
  TileDot(*this, dot, schedule).emit();
}

void Lowering::beginPlain() {
  memo_.forget();
  memo_.splats.clear();
  nest_.beginPlain(top());
}

void Lowering::plainLoop(int64_t size, FunctionRef<void(Value*)> body) {
  MemoScope scope = enter();
  code_.loop(index(0), index(size), index(1), {}, [&](Value* iv, std::vector<Value*>&) { body(iv); });
  leave(scope);
}

// One loop an axis, all of them scalar.
void Lowering::plainLoops(FunctionRef<void()> body, size_t depth) {
  if (depth == nest_.axes.size()) {
    body();
    return;
  }
  Axis& axis = nest_.axes[nest_.axes.size() - 1 - depth];
  plainLoop(axis.size(), [&](Value* iv) {
    axis.iv = iv;
    axis.level = top();
    plainLoops(body, depth + 1);
  });
}

// One bin an element, counted one after the other.
void Lowering::emitHistogram(const Inst& inst) {
  Value* bins = inst.results[0];
  if (!buffers_.of.count(bins)) buffers_.of[bins] = allocate(bins);
  const BufferRef counts = buffers_.of.at(bins);
  beginPlain();
  Nest nest;
  nest.shape = inst.operand(0)->type.shape();
  for (Value* v : inst.operands) nest.anchors.push_back({Anchor::Buffer, const_cast<Inst*>(&inst), v});
  nest_.use(scheduler().split(nest, {}));
  const Type kI64 = Type::scalar(Elem::I64);
  auto binAt = [&](Lowval i) { return emitOp(Op::AddPtr, {{counts.base, 0}, i}, counts.base->type, {}, top()).v; };
  auto store = [&](Value* p, Value* v) { at(top()).storeTo(p, v); };
  plainLoop(bins->type.numel(), [&](Value* i) { store(binAt({i, top()}), constant(counts.element, 0)); });
  plainLoops([&] {
    IndexMap map = nest_.schedule.identity();
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
    if (!buffers_.of.count(v)) buffers_.of[v] = allocate(v);
  beginPlain();
  int bits = inst.operand(0)->type.bits();
  auto pack = inst.integer(Attr::Pack, 1);
  int packBits = std::countr_zero(static_cast<uint64_t>(pack));
  nest_.axes.assign(1, {});
  nest_.axes[0].bits = bits - packBits;
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
      for (int64_t p = 0; p < pack; ++p) args.push_back(readBuffer(buffers_.of.at(v), mapOf(p), v->type.element()));
    auto out = emitRegion(*inst.regions[0], args, top());
    for (size_t k = 0; k < inst.results.size(); ++k)
      for (int64_t p = 0; p < pack; ++p)
        writeBuffer(buffers_.of.at(inst.results[k]), out[k * static_cast<size_t>(pack) + static_cast<size_t>(p)], mapOf(p));
  });
}

}  // namespace nereid
