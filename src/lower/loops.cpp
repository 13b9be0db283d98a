// SPDX-License-Identifier: MIT
// The code of a nest, its axes and bounds being known: loops, segments, accumulators, and the anchors at each index.
//
// A mask of the form `index < bound` splits a loop in three: inside, where the mask is true; a masked tail of at most one vector; outside,
// where loads are `other` and stores are nothing. Loops over reduced axes stand innermost and carry the accumulators.
#include <algorithm>
#include <bit>

#include "analysis/combine.h"
#include "ir/bits.h"
#include "lower/legalize.h"
#include "lower/lowering.h"

namespace nereid {

namespace {

bool hasEffects(const Region& region) {
  bool found = false;
  walk(region, [&](const Inst& inst) {
    Effects e = info(inst.op).effects;
    found |= e == Effects::Writes || e == Effects::Atomic || e == Effects::Other;
  });
  return found;
}

}  // namespace

void Lowering::emitNestBody(const Nest& nest, const BufferRef* target) {
  nest_.source = &nest;
  nest_.target = target;
  nest_.facts.clear();
  nest_.baseLevel = top();
  for (Axis& axis : nest_.axes) axis.iv = nullptr;
  std::vector<Value*> acc;
  if (threadCount() > 1)
    emitShared(nest);
  else
    emitLoops(0, acc);
  nest_.source = nullptr;
  nest_.target = nullptr;
}

void Lowering::emitLoops(size_t depth, std::vector<Value*>& acc) {
  const auto& anchors = nest_.source->anchors;
  const bool reduces = std::any_of(anchors.begin(), anchors.end(), [](const Anchor& r) { return r.accumulates(); });
  if (depth == nest_.schedule.firstReduced && reduces && acc.empty()) {
    beginReduction(acc);
    emitLoops(depth, acc);
    endReduction(acc);
    acc.clear();
    return;
  }
  if (depth == nest_.schedule.order.size()) return nest_.schedule.transposedAxis >= 0 ? emitTransposed() : emitBody(acc);
  const int a = nest_.schedule.order[depth];
  Value* size = index(nest_.axis(a).size());
  std::vector<Limit> limits;
  for (const NestSchedule::Bound& bound : nest_.schedule.bounds)
    if (bound.axis == a && !nest_.facts.count({bound.compare, bound.map}))
      if (auto end = limitOf(bound)) limits.push_back({&bound, *end});
  if (limits.empty()) return emitLoop(depth, index(0), size, acc);
  emitSegments(depth, limits, acc);
}

// Where a bound lies along its axis, from 0 to the axis's size; null if loops that it depends on are not open.
std::optional<Lowval> Lowering::limitOf(const NestSchedule::Bound& bound) {
  const Type kI64 = Type::scalar(Elem::I64);
  Value* size = index(nest_.axis(bound.axis).size());
  auto pred = static_cast<CmpIPred>(bound.compare->integer(Attr::Predicate));
  bool less = pred == CmpIPred::Slt || pred == CmpIPred::Sle;
  bool strict = pred == CmpIPred::Slt || pred == CmpIPred::Sgt;
  auto l = affine(bound.compare->operand(less ? 0 : 1), bound.map);
  auto r = affine(bound.compare->operand(less ? 1 : 0), bound.map);
  if (!l || !r) return std::nullopt;
  // l + i < r  =>  i < r - l
  bool known = true;
  auto withoutAxis = [&](Affine& x) {
    std::erase_if(x.terms, [&](const Affine::Term& t) { return t.axis == bound.axis; });
    for (const Affine::Term& t : x.terms) known &= nest_.axis(t.axis).iv != nullptr;
  };
  withoutAxis(*l);
  withoutAxis(*r);
  if (!known) return std::nullopt;
  auto isLess = [&](Lowval x, Lowval y) {
    return emitOp(Op::CmpI, {x, y}, Type::scalar(Elem::I1),
                  {{Attr::Predicate, static_cast<int64_t>(strict ? CmpIPred::Slt : CmpIPred::Sle)}});
  };
  const Lowval first = materialize(*l), past = materialize(*r);
  // l - i < r: true along the whole axis when l < r already; else nothing is known.
  if (bound.isLower) return emitOp(Op::Select, {isLess(first, past), {size, 0}, {index(0), 0}}, kI64);
  Lowval end = emitOp(Op::SubI, {past, first}, kI64);
  if (bitWidth(bound.compare->operand(0)->type) < 64) {
    if (!strict) end = emitOp(Op::AddI, {end, {index(1), 0}}, kI64);
    return emitOp(Op::MaxSI, {emitOp(Op::MinSI, {end, {size, 0}}, kI64), {index(0), 0}}, kI64);
  }
  // The difference may overflow. If l < r, its bits are those of an unsigned number that is right.
  const Lowval any = isLess(first, past);
  end = emitOp(Op::MinUI, {end, {strict ? size : index(nest_.axis(bound.axis).size() - 1), 0}}, kI64);
  if (!strict) end = emitOp(Op::AddI, {end, {index(1), 0}}, kI64);
  return emitOp(Op::Select, {any, end, {index(0), 0}}, kI64);
}

// Inside all bounds; then up to one vector where masks are computed; then outside.
void Lowering::emitSegments(size_t depth, const std::vector<Limit>& limits, std::vector<Value*>& acc) {
  const Type kI64 = Type::scalar(Elem::I64);
  Axis& open = nest_.axis(nest_.schedule.order[depth]);
  const Axis axis = open;
  Value* size = index(axis.size());
  const bool anyLower = std::any_of(limits.begin(), limits.end(), [](const Limit& l) { return l.bound->isLower; });
  Lowval low = limits[0].end, high = limits[0].end;
  for (size_t i = 1; i < limits.size(); ++i) {
    low = emitOp(Op::MinSI, {low, limits[i].end}, kI64);
    high = emitOp(Op::MaxSI, {high, limits[i].end}, kI64);
  }
  if (anyLower) {
    // Past the upper bounds everything is outside; without one, nothing is.
    high = {nullptr, 0};
    for (const Limit& l : limits)
      if (!l.bound->isLower) high = high.v ? emitOp(Op::MaxSI, {high, l.end}, kI64) : l.end;
    if (!high.v) high = {size, 0};
    low = emitOp(Op::MinSI, {low, high}, kI64);
  }
  const Lowval bound = high;
  auto roundedUp = [&](int64_t step) {
    return emitOp(Op::AndI, {emitOp(Op::AddI, {bound, {index(step - 1), 0}}, kI64), {index(-step), 0}}, kI64);
  };
  if (axis.step() > 1) {
    low = emitOp(Op::AndI, {low, {index(-axis.step()), 0}}, kI64);
    high = roundedUp(axis.step());
  }
  auto segment = [&](bool fact, auto&& emit) {
    MemoScope scope = enter();
    for (const Limit& l : limits)
      if (fact || !l.bound->isLower) nest_.facts[{l.bound->compare, l.bound->map}] = {fact, top() + 1};
    emit();
    for (const Limit& l : limits) nest_.facts.erase({l.bound->compare, l.bound->map});
    leave(scope);
  };
  segment(true, [&] { emitLoop(depth, index(0), low.v, acc); });
  const std::vector<Value*> wide = acc;
  const bool folds = axis.isReduced && nest_.schedule.order[depth] == nest_.schedule.vectorAxis && depth == nest_.schedule.firstReduced;
  // The remainder is short, so it uses one register at a time.
  if (open.laneBits > nest_.schedule.registerLaneBits && canNarrow(acc)) {
    open.laneBits = nest_.schedule.registerLaneBits;
    high = roundedUp(open.step());
    narrow(open.step(), folds, acc);
  }
  if (open.step() > 1 || limits.size() > 1 || anyLower) {
    MemoScope scope = enter();
    emitLoop(depth, low.v, high.v, acc);
    leave(scope);
  }
  if (!(anyLower && constantBits(high.v)))
    segment(false, [&] {
      if (!emitOutside(depth, high.v, acc)) emitLoop(depth, high.v, size, acc);
    });
  for (size_t i = 0; i < acc.size(); ++i)
    if (!folds && acc[i]->type != wide[i]->type) acc[i] = putLanes(acc[i], wide[i]);
  open.laneBits = axis.laneBits;
}

// Whether fewer lanes can go on: lanes without an identity may not have started.
bool Lowering::canNarrow(const std::vector<Value*>& acc) const {
  return std::all_of(nest_.source->anchors.begin(), nest_.source->anchors.end(), [&](const Anchor& anchor) {
    return acc.empty() || !anchor.accumulates() || (anchor.kind == Anchor::Combine && combineOf(*anchor.inst));
  });
}

// Accumulators with fewer lanes: folded if they will be folded anyway, else their first lanes.
void Lowering::narrow(int64_t count, bool folds, std::vector<Value*>& acc) {
  if (!folds) {
    for (Value*& v : acc)
      if (v->type.isVector()) v = takeLanes(v, 0, count);
    return;
  }
  size_t next = 0;
  for (const Anchor& anchor : nest_.source->anchors)
    if (anchor.accumulates())
      for (const Lowval& v : fold(*anchor.inst, {acc[next]}, count)) acc[next++] = v.v;
}

// `count` lanes of a vector, from `first` on.
Value* Lowering::takeLanes(Value* v, int64_t first, int64_t count) {
  std::vector<int64_t> lanesTaken;
  for (int64_t i = 0; i < count; ++i) lanesTaken.push_back(first + i);
  if (count == 1) return at(top()).create(Op::LoExtract, {v}, {v->type.element()}, {{Attr::Offset, first}})->result();
  return at(top())
      .create(Op::LoShuffle, {v}, {Type::vector(v->type.element(), static_cast<int>(count))}, {{Attr::Lanes, lanesTaken}})
      ->result();
}

// `wide` with its first lanes replaced.
Value* Lowering::putLanes(Value* narrow, Value* wide) {
  int64_t n = narrow->type.isVector() ? narrow->type.numel() : 1, all = wide->type.numel();
  if (n == 1) return at(top()).create(Op::LoInsert, {wide, narrow}, {wide->type}, {{Attr::Offset, int64_t{0}}})->result();
  std::vector<int64_t> grow, merge;
  for (int64_t i = 0; i < all; ++i) {
    grow.push_back(i < n ? i : -1);
    merge.push_back(i < n ? i : all + i);
  }
  Value* grown = at(top()).create(Op::LoShuffle, {narrow}, {wide->type}, {{Attr::Lanes, grow}})->result();
  return at(top()).create(Op::LoShuffle, {grown, wide}, {wide->type}, {{Attr::Lanes, merge}})->result();
}

void Lowering::emitLoop(size_t depth, Value* lower, Value* upper, std::vector<Value*>& acc) {
  Axis& axis = nest_.axis(nest_.schedule.order[depth]);
  const Axis saved = axis;
  bool reverse = false;
  for (const Anchor& anchor : nest_.source->anchors)
    reverse |= anchor.kind == Anchor::Scan && axis.isReduced && anchor.inst->integer(Attr::Reverse);
  auto lowerBits = constantBits(lower), upperBits = constantBits(upper);
  if (lowerBits && upperBits && static_cast<int64_t>(*lowerBits) >= static_cast<int64_t>(*upperBits)) return;
  MemoScope scope = enter();
  // The first index of this thread.
  auto begin = [&](Value* from) {
    if (!axis.thread) return from;
    return emitOp(Op::AddI, {{from, 0}, emitOp(Op::MulI, {{axis.thread, workgroup_.partial.level}, {index(axis.step()), 0}}, from->type)},
                  from->type, {}, top())
        .v;
  };
  if (lowerBits && upperBits && static_cast<int64_t>(*upperBits - *lowerBits) == axis.stride() &&
      axis.bits == axis.laneBits + axis.threadBits) {
    // One iteration needs no loop.
    axis.iv = begin(lower);
    axis.level = top();
    emitLoops(depth + 1, acc);
    leave(scope);
    axis = saved;
    return;
  }
  if (lowerBits && upperBits && (!acc.empty() || nest_.schedule.unrolled)) {
    // A reduction of a few elements is written out, and so are a thread's own.
    auto first = static_cast<int64_t>(*lowerBits), end = static_cast<int64_t>(*upperBits);
    if ((nest_.schedule.unrolled || end - first <= machine().unrolledIterations * axis.stride()) && (end - first) % axis.stride() == 0) {
      for (int64_t i = first; i < end; i += axis.stride()) {
        MemoScope one = enter();
        axis.iv = begin(index(reverse ? axis.size() - axis.step() - i : i));
        axis.level = top();
        emitLoops(depth + 1, acc);
        leave(one);
      }
      leave(scope);
      axis = saved;
      return;
    }
  }
  Inst* loop = code_.newInst(Op::For);
  if (depth + 1 == nest_.schedule.firstReduced && nest_.schedule.jammed > 1) loop->set(Attr::Jammed, nest_.schedule.jammed);
  loop->operands = {begin(lower), upper, index(axis.stride())};
  loop->operands.insert(loop->operands.end(), acc.begin(), acc.end());
  Block* body = code_.open(*loop);
  Value* iv = code_.module().addArg(*body, Type::scalar(Elem::I64));
  std::vector<Value*> inner;
  for (Value* v : acc) inner.push_back(code_.module().addArg(*body, v->type));
  axis.iv = iv;
  axis.level = top();
  if (reverse) axis.iv = emitOp(Op::SubI, {{index(axis.size() - axis.step()), 0}, {iv, top()}}, iv->type).v;
  emitLoops(depth + 1, inner);
  bool changes = hasEffects(*loop->regions[0]);
  for (size_t i = 0; i < inner.size(); ++i) changes |= inner[i] != body->args[i + 1];
  code_.close(inner);
  leave(scope);
  axis = saved;
  if (!changes) return;  // stores masked off, for one
  for (Value*& v : acc) v = code_.module().addResult(*loop, v->type);
  code_.place(*loop);
}

// The part of a reduction where masks are false: its elements are often all alike, and then known combinations need no loop.
bool Lowering::emitOutside(size_t depth, Value* lower, std::vector<Value*>& acc) {
  Axis& axis = nest_.axis(nest_.schedule.order[depth]);
  if (!axis.isReduced || depth + 1 != nest_.schedule.order.size()) return false;
  for (const Anchor& anchor : nest_.source->anchors)
    if (anchor.kind != Anchor::Combine || !combineOf(*anchor.inst)) return false;
  const Axis saved = axis;
  Region nowhere;
  MemoScope scope = enter();
  code_.open(*code_.module().newBlock(nowhere));
  axis.iv = lower;
  axis.level = top();
  IndexMap map = nest_.schedule.identity();
  std::vector<Lowval> values;
  bool uniform = true;
  for (const Anchor& anchor : nest_.source->anchors) {
    values.push_back(valueAt(anchor.inst->operands[0], map));
    uniform &= values.back().level < top();
  }
  code_.drop();
  leave(scope);
  axis = saved;
  if (!uniform) return false;
  Builder b = at(top());
  Value* any = nullptr;  // whether a loop must run after all
  Value* exists = nullptr;
  for (size_t i = 0; i < values.size(); ++i) {
    const Inst& reduce = *nest_.source->anchors[i].inst;
    Combine combine = *combineOf(reduce);
    Type element = reduce.operand(0)->type.element();
    uint64_t identity = identityOf(combine.op, element);
    auto known = constantBits(values[i].v);
    bool isZeroSum = combine.op == Op::AddF && known && decodeFloat(element.elem, *known) == 0;
    if (isZeroSum || (known && *known == identity)) continue;
    if (isIdempotent(combine.op)) {
      if (!exists) exists = b.cmpI(CmpIPred::Slt, lower, index(axis.size()));
      Lowval once = emitOp(combine.op, {{acc[i], top()}, values[i]}, element, {}, top());
      acc[i] = emitOp(Op::Select, {{exists, top()}, once, {acc[i], top()}}, element, {}, top()).v;
    } else {
      Value* differs = constant(Type::scalar(Elem::I1), 1);
      if (!values[i].isVector() && combine.op == Op::AddF) differs = at(top()).cmpF(CmpFPred::Une, values[i].v, constant(element, 0));
      any = any ? at(top()).make(Op::OrI, {any, differs}) : differs;
    }
  }
  if (any) emitLoop(depth, lower, at(top()).select(any, index(axis.size()), lower), acc);
  return true;
}

void Lowering::beginReduction(std::vector<Value*>& acc) {
  for (const Anchor& anchor : nest_.source->anchors) {
    if (!anchor.accumulates()) continue;
    auto combine = anchor.kind == Anchor::Combine ? combineOf(*anchor.inst) : std::nullopt;
    for (Value* v : anchor.inst->operands) {
      Type element = v->type.element();
      Lowval start{constant(element, combine ? identityOf(combine->op, element) : 0), 0};
      acc.push_back(widen(start, lanes()).v);
    }
    // Without an identity, the first element starts it.
    if (!combine) acc.push_back(constant(Type::scalar(Elem::I1), 0));
  }
}

bool Lowering::writesMemory(const Anchor& anchor) const {
  switch (anchor.kind) {
    case Anchor::Buffer: return nest_.target ? !nest_.target->layout : !layouts().of(anchor.value);
    case Anchor::Carry: return nest_.target ? !nest_.target->layout : !buffers_.carried.at(anchor.inst)[anchor.slot].layout;
    case Anchor::Effect: return true;
    default: return false;
  }
}

// A block of as many rows as lanes: computed row by row, transposed, and written column by column.
void Lowering::emitTransposed() {
  const Anchor& anchor = nest_.source->anchors[0];
  const bool isStore = anchor.kind == Anchor::Effect;
  Value* value = isStore ? anchor.inst->operands[1] : anchor.value;
  const IndexMap map = nest_.schedule.identity();
  const int n = lanes();
  std::vector<Value*> rows;
  // For each index of a block along an axis.
  auto each = [&](int number, FunctionRef<void()> body) {
    Axis& axis = nest_.axis(number);
    Value* first = axis.iv;
    for (int i = 0; i < n; ++i) {
      MemoScope scope = enter();
      axis.iv = plus({first, axis.level}, i).v;
      body();
      leave(scope);
    }
    axis.iv = first;
  };
  const int along = nest_.schedule.transposedAxis, vectorAxis = nest_.schedule.vectorAxis;
  each(along, [&] { rows.push_back(widen(isStore ? valueAt(value, map) : computeAt(value, map), n).v); });
  for (int bit = 1; bit < n; bit *= 2)
    for (int i = 0; i < n; ++i) {
      if (i & bit) continue;
      std::vector<int64_t> low, high;
      for (int k = 0; k < n; ++k) {
        low.push_back(k & bit ? n + (k ^ bit) : k);
        high.push_back(k & bit ? n + k : k | bit);
      }
      Value *&x = rows[static_cast<size_t>(i)], *&y = rows[static_cast<size_t>(i | bit)];
      auto shuffle = [&](std::vector<int64_t> order) {
        return at(top()).create(Op::LoShuffle, {x, y}, {x->type}, {{Attr::Lanes, std::move(order)}})->result();
      };
      Value* first = shuffle(std::move(low));
      y = shuffle(std::move(high));
      x = first;
    }
  nest_.schedule.vectorAxis = along;
  size_t next = 0;
  each(vectorAxis, [&] {
    Lowval row{rows[next++], top()};
    memo_.known[memoKey(value, map)] = row;
    memo_.journal.push_back(memoKey(value, map));
    if (isStore) return emitStore(*anchor.inst, map, top());
    if (!nest_.target && !nest_.filling.count(value)) nest_.filling[value] = allocate(value);
    writeBuffer(nest_.target ? *nest_.target : nest_.filling.at(value), row, map);
  });
  nest_.schedule.vectorAxis = vectorAxis;
}

void Lowering::emitBody(std::vector<Value*>& acc) {
  IndexMap map = nest_.schedule.identity();
  // Everything is read before anything is written: what stands at the same index may be the same memory.
  for (const Anchor& anchor : nest_.source->anchors) {
    if (anchor.kind == Anchor::Buffer || anchor.kind == Anchor::Carry) {
      if (anchor.kind == Anchor::Buffer && !memo_.known.count(memoKey(anchor.value, map))) {
        Loc saved = code_.loc;
        if (anchor.value->def) code_.loc = anchor.value->def->loc;
        Lowval v = computeAt(anchor.value, map);
        code_.loc = saved;
        memo_.known[memoKey(anchor.value, map)] = v;
        memo_.journal.push_back(memoKey(anchor.value, map));
      }
      if (anchor.kind == Anchor::Carry) valueAt(anchor.value, map);
    } else if (anchor.kind == Anchor::Effect && anchor.inst->op == Op::Store) {
      Lowval mask;
      if (Value* m = anchor.inst->optional(2)) mask = valueAt(m, map);
      auto known = mask.v ? constantBits(mask.v) : std::nullopt;
      if (!known || (*known & 1)) valueAt(anchor.inst->operand(1), map);
    } else if (anchor.accumulates()) {
      for (Value* v : anchor.inst->operands) valueAt(v, map);
    }
  }
  size_t next = 0;
  for (const Anchor& anchor : nest_.source->anchors) {
    if (workgroup_.thread.isFirst.v && writesMemory(anchor)) {
      MemoScope scope = enter();
      guarded(workgroup_.thread.isFirst.v, [&] { emitAnchor(anchor, map, acc, next); });
      leave(scope);
    } else {
      emitAnchor(anchor, map, acc, next);
    }
  }
}

// One more element of a reduction or scan, or a vector of them. `next`: its first accumulator.
void Lowering::accumulate(const Anchor& anchor, const IndexMap& map, std::vector<Value*>& acc, size_t& next) {
  const Inst& inst = *anchor.inst;
  const auto combine = anchor.kind == Anchor::Combine ? combineOf(inst) : std::nullopt;
  const size_t n = inst.operands.size();
  std::vector<Lowval> before, values;
  for (size_t i = 0; i < n; ++i) before.push_back({acc[next + i], top()});
  for (size_t i = 0; i < n; ++i) values.push_back(widen(valueAt(inst.operands[i], map), lanes()));
  const bool scansLanes = anchor.kind == Anchor::Scan && lanes() > 1 && nest_.vectorAxis().isReduced;
  if (scansLanes) values = scanLanes(inst, values);
  std::vector<Lowval> out;
  if (combine) {
    out.push_back(emitOp(combine->op, {before[0], values[0]}, inst.operand(0)->type.element(), {}, top()));
  } else {
    const Lowval started{acc[next + n], top()};
    // Without an identity, the first element starts it.
    auto added = [&](const std::vector<Lowval>& more) {
      std::vector<Lowval> args = before;
      args.insert(args.end(), more.begin(), more.end());
      std::vector<Lowval> result = emitRegion(*inst.regions[0], args, top());
      for (size_t i = 0; i < n; ++i) {
        Lowval wide = widen(result[i], lanes());
        result[i] = {at(top()).create(Op::Select, {widen(started, lanes()).v, wide.v, more[i].v}, {wide.v->type})->result(), top()};
      }
      return result;
    };
    out = added(values);
    acc[next + n] = constant(Type::scalar(Elem::I1), 1);
    // The last lane, for all: computed from those of both operands, so that the next vector waits for one operation only.
    if (scansLanes) {
      const int64_t last = inst.integer(Attr::Reverse) ? 0 : lanes() - 1;
      const std::vector<int64_t> lasts(static_cast<size_t>(lanes()), last);
      std::vector<Lowval> more;
      for (const Lowval& v : values)
        more.push_back({at(top()).create(Op::LoShuffle, {v.v}, {v.v->type}, {{Attr::Lanes, lasts}})->result(), top()});
      const std::vector<Lowval> total = added(more);
      for (size_t i = 0; i < n; ++i) acc[next + i] = total[i].v;
    }
  }
  for (size_t i = 0; i < n && !scansLanes; ++i) acc[next + i] = out[i].v;
  if (anchor.kind == Anchor::Scan)
    for (size_t i = 0; i < n; ++i) writeBuffer(buffers_.of.at(inst.results[i]), out[i], map);
  next += n + (combine ? 0 : 1);
}

// `next`: the first accumulator of the anchor.
void Lowering::emitAnchor(const Anchor& anchor, const IndexMap& map, std::vector<Value*>& acc, size_t& next) {
  switch (anchor.kind) {
    case Anchor::Combine:
    case Anchor::Scan: accumulate(anchor, map, acc, next); break;
    case Anchor::Buffer: {
      // The buffer becomes known to others when the nest is done; inside, the value itself is at hand.
      if (!nest_.target && !nest_.filling.count(anchor.value)) nest_.filling[anchor.value] = allocate(anchor.value);
      writeBuffer(nest_.target ? *nest_.target : nest_.filling.at(anchor.value), memo_.known.at(memoKey(anchor.value, map)), map);
      break;
    }
    case Anchor::Carry: {
      const BufferRef& to = nest_.target ? *nest_.target : buffers_.carried.at(anchor.inst)[anchor.slot];
      auto from = buffers_.of.find(anchor.value);
      if (from != buffers_.of.end() && from->second.base == to.base) break;
      writeBuffer(to, valueAt(anchor.value, map), map);
      break;
    }
    default: emitEffect(*anchor.inst, map);
  }
}

// Combines each lane with all before it, in steps of 1, 2, 4, ... lanes (Hillis and Steele, 1986).
std::vector<Lowval> Lowering::scanLanes(const Inst& scan, std::vector<Lowval> values) {
  const int n = lanes();
  const bool isReverse = scan.integer(Attr::Reverse);
  for (int distance = 1; distance < n; distance *= 2) {
    std::vector<int64_t> before, merge;  // of a lane without one at this distance, itself
    for (int lane = 0; lane < n; ++lane) {
      const int from = isReverse ? lane + distance : lane - distance;
      const bool exists = from >= 0 && from < n;
      before.push_back(exists ? from : lane);
      merge.push_back(exists ? lane : n + lane);
    }
    std::vector<Lowval> args;
    for (const Lowval& v : values)
      args.push_back({at(top()).create(Op::LoShuffle, {v.v}, {v.v->type}, {{Attr::Lanes, before}})->result(), top()});
    args.insert(args.end(), values.begin(), values.end());
    const std::vector<Lowval> combined = emitRegion(*scan.regions[0], args, top());
    for (size_t i = 0; i < values.size(); ++i) {
      Value* wide = widen(combined[i], n).v;
      values[i] = {at(top()).create(Op::LoShuffle, {wide, values[i].v}, {wide->type}, {{Attr::Lanes, merge}})->result(), top()};
    }
  }
  return values;
}

// Combines the lanes of each vector until `lanesLeft` are left; a single one is a scalar.
std::vector<Lowval> Lowering::fold(const Inst& reduce, std::vector<Value*> vectors, int64_t lanesLeft) {
  int64_t width = vectors[0]->type.isVector() ? vectors[0]->type.dim(0) : 1, all = width;
  while (width > lanesLeft) {
    int64_t half = width / 2;
    // Parts of a 128-bit register are not worth a type of their own: the upper half moves down, and the lanes above do not matter.
    bool inPlace = lanesLeft == 1 && width * bitWidth(vectors[0]->type) <= 128;
    std::vector<Lowval> low, high;
    for (Value* v : vectors) {
      if (inPlace) {
        std::vector<int64_t> moved(static_cast<size_t>(all), -1);
        for (int64_t i = 0; i < half; ++i) moved[static_cast<size_t>(i)] = half + i;
        low.push_back({v, top()});
        high.push_back({at(top()).create(Op::LoShuffle, {v}, {v->type}, {{Attr::Lanes, moved}})->result(), top()});
      } else {
        low.push_back({takeLanes(v, 0, half), top()});
        high.push_back({takeLanes(v, half, half), top()});
      }
    }
    const std::vector<Lowval> out = combined(reduce, low, high);
    vectors.clear();
    for (const Lowval& v : out) vectors.push_back(v.v);
    width = half;
    if (!inPlace) all = half;
  }
  std::vector<Lowval> out;
  for (Value* v : vectors) out.push_back({lanesLeft == 1 && v->type.isVector() ? takeLanes(v, 0, 1) : v, top()});
  return out;
}

void Lowering::endReduction(std::vector<Value*>& acc) {
  size_t next = 0;
  bool lanesReduced = nest_.schedule.vectorAxis >= 0 && nest_.vectorAxis().isReduced;
  for (const Anchor& anchor : nest_.source->anchors) {
    if (!anchor.accumulates()) continue;
    size_t n = anchor.inst->operands.size();
    bool flag = anchor.kind == Anchor::Scan || !combineOf(*anchor.inst);
    std::vector<Value*> parts(acc.begin() + static_cast<long>(next), acc.begin() + static_cast<long>(next + n));
    next += n + (flag ? 1 : 0);
    if (anchor.kind == Anchor::Scan) continue;
    std::vector<Lowval> values;
    if (lanesReduced) {
      values = fold(*anchor.inst, parts);
    } else {
      for (Value* v : parts) values.push_back({v, top()});
    }
    IndexMap map;
    for (size_t bit = 0; bit < nest_.schedule.axisOfBit.size(); ++bit) {
      if (nest_.axis(nest_.schedule.axisOfBit[bit]).isReduced) continue;
      map.push_back({static_cast<int8_t>(nest_.schedule.axisOfBit[bit]), static_cast<uint8_t>(nest_.schedule.bitInAxis[bit])});
    }
    for (size_t i = 0; i < n; ++i) {
      Value* result = anchor.inst->results[i];
      if (auto partial = workgroup_.partial.found.find(result); partial != workgroup_.partial.found.end()) {
        IndexMap all;
        for (int bit = 0; bit < workgroup_.partial.bits; ++bit)
          all.push_back({static_cast<int8_t>(workgroup_.partial.axis), static_cast<uint8_t>(bit)});
        all.insert(all.end(), map.begin(), map.end());
        writeBuffer(partial->second, values[i], all);
      } else if (result->type.isTile())
        writeBuffer(buffers_.of.at(result), values[i], map);
      else
        scalar_[result] = values[i].v;
    }
  }
}

void Lowering::emitStore(const Inst& inst, const IndexMap& map, int level) {
  Lowval mask;
  if (Value* m = inst.optional(2)) {
    mask = valueAt(m, map);
    if (auto known = constantBits(mask.v); known && !mask.isVector()) {
      if (!(*known & 1)) return;
      mask = {};
    }
  }
  Lowval value = valueAt(inst.operand(1), map);
  Address where = address(inst.operand(0), map);
  if (value.v->type.isBool()) {
    value = convert(value, Type::scalar(Elem::I8));
    Lowval& p = where.vector.v ? where.vector : where.scalar;
    p = emitOp(Op::Bitcast, {p}, Type::pointer(Elem::I8));
  }
  bool wide = where.vector.v || where.contiguous || value.isVector() || (mask.v && mask.isVector());
  Op op = Op::LoStore;
  Lowval pointer = where.vector.v ? where.vector : where.scalar;
  if (wide && !where.contiguous) {
    pointer = widen(pointer, lanes());
    op = Op::LoScatter;
  }
  if (wide) {
    value = widen(value, lanes());
    if (mask.v) mask = widen(mask, lanes());
  }
  std::vector<Value*> operands{pointer.v, value.v};
  if (mask.v) operands.push_back(mask.v);
  Inst* store = at(level).create(op, operands, {});
  store->segments = {1, 1, mask.v != nullptr};
}

// An atomic operation that nothing runs beside. Neighbours are updated together, other lanes one after the other: they may be one element.
void Lowering::emitUpdate(const Inst& inst, const IndexMap& map) {
  Lowval mask = inst.operands.size() > 2 ? valueAt(inst.operands[2], map) : Lowval{};
  if (auto known = mask.v ? constantBits(mask.v) : std::nullopt) {
    if (!(*known & 1)) return;
    mask = {};
  }
  Lowval value = valueAt(inst.operands[1], map);
  Address where = address(inst.operands[0], map);
  const Op op = operationOf(inst);
  Lowval pointer = where.vector.v ? where.vector : where.scalar;
  const bool isWide = where.contiguous || lanes() == 1;
  if (isWide) {
    value = widen(value, lanes());
    if (mask.v) mask = widen(mask, lanes());
  }
  for (int k = 0; k < (isWide ? 1 : lanes()); ++k) {
    auto of = [&](Lowval x) { return x.isVector() && !isWide ? takeLanes(x.v, k, 1) : x.v; };
    Builder b = at(top());
    std::vector<Value*> read{of(pointer)}, written{read[0], of(value)};
    if (mask.v) {
      read.push_back(of(mask));
      written.push_back(read[1]);
    }
    Inst* load = b.create(Op::LoLoad, read, {written[1]->type});
    load->segments = {1, mask.v != nullptr, 0};
    if (op != Op::Select) written[1] = b.create(op, {load->result(), written[1]}, {written[1]->type})->result();
    b.create(Op::LoStore, written, {})->segments = {1, 1, mask.v != nullptr};
  }
}

// Effects at one element: the nest has no vector axis, except for stores.
void Lowering::emitEffect(const Inst& inst, const IndexMap& map) {
  code_.loc = inst.loc;
  if (inst.op == Op::Store) return emitStore(inst, map, top());
  if (version_.isExclusive && inst.op == Op::AtomicRMW) return emitUpdate(inst, map);
  std::vector<Lowval> operands;
  for (Value* v : inst.operands) operands.push_back(valueAt(v, v->type.isTile() ? map : IndexMap{}));
  Builder b = at(top());
  if (inst.op == Op::Print) {
    Lowval element = materialize(flatIndex({}, map));
    emitPrint(inst, operands[0].v, emitOp(Op::TruncI, {element}, Type::scalar(Elem::I32)).v);
    return;
  }
  if (inst.op == Op::Assert) {
    Value* wrong = b.cmpI(CmpIPred::Eq, operands[0].v, constant(operands[0].v->type, 0));
    b.create(Op::LoAssert, {wrong}, {}, inst.attrs);
    return;
  }
  // Atomics, where the mask is true; 0 where not.
  Type element = inst.result()->type.element();
  Value* mask = inst.op == Op::AtomicRMW && inst.operands.size() > 2 ? operands[2].v : nullptr;
  auto act = [&](Builder& in) {
    if (inst.op == Op::AtomicCAS)
      return in.create(Op::LoAtomicCAS, {operands[0].v, operands[1].v, operands[2].v}, {element}, inst.attrs)->result();
    return in.create(Op::LoAtomicRMW, {operands[0].v, operands[1].v}, {element}, inst.attrs)->result();
  };
  Value* old;
  if (mask && !constantBits(mask)) {
    Inst* branch = b.ifElse(mask, {element}, true);
    Builder then(code_.module(), &branch->regions[0]->entry(), code_.loc);
    then.yield({act(then)});
    Builder otherwise(code_.module(), &branch->regions[1]->entry(), code_.loc);
    otherwise.yield({constant(element, 0)});
    old = branch->result();
  } else if (mask && !(*constantBits(mask) & 1)) {
    old = constant(element, 0);
  } else {
    old = act(b);
  }
  if (auto buffer = buffers_.of.find(inst.result()); buffer != buffers_.of.end()) writeBuffer(buffer->second, {old, top()}, map);
}

}  // namespace nereid
