// SPDX-License-Identifier: MIT
// One element, or a vector of them, of a virtual tile: what a nest asks for at the current index of its loops.
//
// What has been emitted is remembered by (value, index map) until its loop closes, and stands in the outermost loop on whose index it
// depends: a value that is the same along a row is computed once a row.
#include <algorithm>
#include <bit>

#include "analysis/combine.h"
#include "ir/bits.h"
#include "lower/lowering.h"
#include "support/ptr_map.h"

namespace nereid {

void Lowering::leave(MemoScope scope) {
  while (memo_.journal.size() > scope.journal) {
    memo_.known.erase(memo_.journal.back());
    memo_.journal.pop_back();
  }
}

Lowval Lowering::widen(Lowval v, int count) {
  if (v.isVector() || count == 1) return v;
  auto key = std::pair(v.v, v.level);
  auto it = memo_.splats.find(key);
  if (it != memo_.splats.end() && it->second.v->type.dim(0) == count) return it->second;
  const bool isAtEntry = code_.isAtEntry(v.v);
  Builder b = isAtEntry ? code_.atEntry() : at(v.level);
  Lowval wide{b.create(Op::LoSplat, {v.v}, {Type::vector(v.v->type, count)})->result(), v.level};
  if (isAtEntry) memo_.splats[key] = wide;
  return wide;
}

Lowval Lowering::plus(Lowval x, Lowval y, int atLeast) {
  return emitOp(x.v->type.isPointer() ? Op::AddPtr : Op::AddI, {x, y}, x.v->type, {}, atLeast);
}

Lowval Lowering::times(Lowval x, int64_t factor) {
  return factor == 1 ? x : emitOp(Op::MulI, {x, {index(factor), 0}}, Type::scalar(Elem::I64));
}

Lowval Lowering::emitOp(const Inst& like, List<Lowval> operands, Type element, int atLeast) {
  return emitOp(like.op, operands, element, like.attrs, atLeast);
}

Lowval Lowering::emitOp(Op op, List<Lowval> operands, Type element, List<Attribute> attrs, int atLeast) {
  // Known conditions vanish: masks become bounds by this.
  auto known = [&](const Lowval& v) -> std::optional<bool> {
    if (!v.v->type.isBool()) return std::nullopt;
    auto c = constantBits(v.v);
    if (!c) return std::nullopt;
    return *c & 1;
  };
  if (op == Op::Select) {
    if (auto c = known(operands[0])) return operands[*c ? 1 : 2];
    if (operands[1].v == operands[2].v) return operands[1];
  }
  if (element.isBool() && (op == Op::AndI || op == Op::OrI))
    for (size_t i = 0; i < 2; ++i)
      if (auto c = known(operands[i])) return *c == (op == Op::AndI) ? operands[1 - i] : operands[i];
  // The identity of an operation, with which reductions begin, changes nothing.
  if (hasIdentity(op) && operands[0].v->type == operands[1].v->type)
    for (size_t i = 0; i < 2; ++i)
      if (const Inst* def = operands[i].v->def; def && constantBits(operands[i].v) == identityOf(op, element)) return operands[1 - i];
  int level = atLeast;
  int count = 0;
  for (const Lowval& v : operands) {
    level = std::max(level, v.level);
    if (v.isVector()) count = static_cast<int>(v.v->type.dim(0));
  }
  std::vector<Value*> values;
  for (const Lowval& v : operands) values.push_back(count ? widen(v, count).v : v.v);
  Type type = count ? Type::vector(element, count) : element;
  if (!count && attrs.empty() && info(op).effects == Effects::Pure) {
    // The same scalar again: addresses of one array compare equal by this.
    auto& made = memo_.made[{code_.block(level), op, values, Elem{type.elem}}];
    if (!made) made = at(level).create(op, values, {type})->result();
    return {made, level};
  }
  return {at(level).create(op, values, {type}, attrs)->result(), level};
}

Lowval Lowering::convert(Lowval v, Type element) {
  Type from = v.v->type.element();
  if (from == element) return v;
  if (from.isBool()) return emitOp(Op::ExtUI, {v}, element);
  if (element.isBool())
    return emitOp(Op::CmpI, {v, {constant(from, 0), 0}}, element, {{Attr::Predicate, static_cast<int64_t>(CmpIPred::Ne)}});
  if (from.isInt()) return emitOp(bitWidth(from) < bitWidth(element) ? Op::ExtSI : Op::TruncI, {v}, element);
  if (from.isFp8() || element.isFp8()) return emitOp(Op::FpToFp, {v}, element);
  return emitOp(bitWidth(from) < bitWidth(element) ? Op::ExtF : Op::TruncF, {v}, element);
}

Lowval Lowering::readBuffer(const BufferRef& buffer, const IndexMap& map, Type as) {
  if (buffer.layout) {
    Lowval where = registerPointer(buffer, map);
    return convert(
        {at(where.level).loadFrom(where.v, usesLanes(map) ? Type::vector(buffer.element, lanes()) : buffer.element), where.level}, as);
  }
  Address where = fromAffine(flatIndex(buffer, map), {buffer.base, 0});
  Lowval out;
  if (where.vector.v) {
    int level = std::max(where.vector.level, nest_.baseLevel);
    Inst* load = at(level).create(Op::LoGather, {where.vector.v}, {Type::vector(buffer.element, lanes())});
    load->segments = {1, 0, 0};
    out = {load->result(), level};
  } else {
    Type t = where.contiguous ? Type::vector(buffer.element, lanes()) : buffer.element;
    int level = std::max(where.scalar.level, where.contiguous ? nest_.vectorAxis().level : nest_.baseLevel);
    out = {at(level).loadFrom(where.scalar.v, t), level};
  }
  return convert(out, as);
}

void Lowering::writeBuffer(const BufferRef& buffer, Lowval value, const IndexMap& map) {
  if (buffer.layout) {
    value = convert(value, buffer.element);
    if (usesLanes(map)) value = widen(value, lanes());
    at(top()).storeTo(registerPointer(buffer, map).v, value.v);
    return;
  }
  Address where = fromAffine(flatIndex(buffer, map), {buffer.base, 0});
  value = convert(value, buffer.element);
  if (where.vector.v || where.contiguous) value = widen(value, lanes());
  Builder b = at(top());
  const int most = machine().maxAccessBytes / std::max(1, byteSize(buffer.element));
  if (where.vector.v) {
    b.create(Op::LoScatter, {where.vector.v, value.v}, {})->segments = {1, 1, 0};
  } else if (where.contiguous && most > 1 && lanes() > most) {
    // Elements that were loaded in a narrower type take several accesses.
    for (int k = 0; k < lanes(); k += most) {
      Lowval part = emitOp(Op::AddPtr, {where.scalar, {index(k), 0}}, buffer.base->type, {}, top());
      b.storeTo(part.v, takeLanes(value.v, k, most));
    }
  } else {
    b.storeTo(where.scalar.v, value.v);
  }
}

Lowval Lowering::valueAt(Value* v, const IndexMap& map) {
  if (!v->type.isTile()) return {scalar(v), 0};
  auto key = memoKey(v, map);
  auto it = memo_.known.find(key);
  if (it != memo_.known.end()) return it->second;
  Loc saved = code_.loc;
  constexpr int kDeep = 64;
  if (++memo_.depth % kDeep == 0) computeChain(v, map);
  if (v->def) code_.loc = v->def->loc;
  Lowval out = computeAt(v, map);
  code_.loc = saved;
  --memo_.depth;
  memo_.known[key] = out;
  memo_.journal.push_back(key);
  return out;
}

// `index < bound` where both are multiples of as many as there are lanes: one comparison for all of them.
std::optional<Lowval> Lowering::compareAtOnce(const Inst& compare, const IndexMap& map) {
  if (threadCount() == 1 || !usesLanes(map)) return std::nullopt;
  auto pred = static_cast<CmpIPred>(compare.integer(Attr::Predicate));
  if (pred != CmpIPred::Slt && pred != CmpIPred::Sge && pred != CmpIPred::Sgt && pred != CmpIPred::Sle) return std::nullopt;
  bool isLeft =
      pred == CmpIPred::Slt || pred == CmpIPred::Sge;  // which side counts up; against the other it is never equal in some lanes only
  Value *counter = compare.operand(isLeft ? 0 : 1), *bound = compare.operand(isLeft ? 1 : 0);
  const Axis& axis = nest_.vectorAxis();
  Stride up = strideOf(counter, map, nest_.schedule.vectorAxis, axis.bits),
         still = strideOf(bound, map, nest_.schedule.vectorAxis, axis.bits);
  if (up.kind != Stride::Constant || up.value != 1 || still.kind != Stride::Constant || still.value != 0) return std::nullopt;
  for (Value* v : {counter, bound})
    if (v->type.isPointer() || mayComeFromNegative(v) ||
        divisibility_.along(v, map, nest_.schedule.vectorAxis, axis.laneBits) < axis.laneBits)
      return std::nullopt;
  auto first = affine(counter, map), last = affine(bound, map);
  if (!first || !last) return std::nullopt;
  const Type element = counter->type.element();
  auto narrow = [&](const Affine& a) {
    Lowval v = materialize(a);
    return v.v->type == element ? v : emitOp(Op::TruncI, {v}, element);
  };
  Lowval x = narrow(*first), y = narrow(*last);
  return emitOp(compare, isLeft ? List<Lowval>{x, y} : List<Lowval>{y, x}, Type::scalar(Elem::I1));
}

// A long chain of element-wise operations from its beginning on, so that what each one asks for is there: an unrolled loop may make
// thousands, and the stack must not grow with them.
void Lowering::computeChain(Value* v, const IndexMap& map) {
  auto isLink = [&](Value* x) {
    return x->def && isElementwise(x->def->op) && x->def->op != Op::Select && x->def->op != Op::CmpI &&
           !(x->def->op == Op::AndI && x->type.isBool()) && !buffers_.of.contains(x) && !memo_.known.contains(memoKey(x, map));
  };
  std::vector<std::pair<Value*, size_t>> path{{v, 0}};
  while (!path.empty()) {
    auto& [x, next] = path.back();
    if (isLink(x) && next < x->def->operands.size()) {
      Value* operand = x->def->operands[next++];
      if (operand->type.isTile() && isLink(operand)) path.emplace_back(operand, 0);
      continue;
    }
    Value* done = x;
    path.pop_back();
    if (!path.empty()) valueAt(done, map);
  }
}

Lowval Lowering::computeAt(Value* v, const IndexMap& map) {
  if (auto buffer = buffers_.of.find(v); buffer != buffers_.of.end() && !(v->def && isTrivial(*v->def)))
    return readBuffer(buffer->second, map, v->type.element());
  NEREID_CHECK(v->def, "a tile argument without a buffer");
  const Inst& def = *v->def;
  NEREID_CHECK(isInlinable(def), info(def.op).spelling, " has no buffer");
  Type element = v->type.element();
  switch (def.op) {
    case Op::Splat: return {scalar(def.operand(0)), 0};
    case Op::Constant: return {constant(element, def.dense().bits[0]), 0};
    case Op::Poison: return {constant(element, 0), 0};
    case Op::MakeRange: {
      auto a = affine(v, map);
      const Affine::Term* lane = nest_.schedule.vectorAxis >= 0 ? a->of(nest_.schedule.vectorAxis) : nullptr;
      Lowval first = emitOp(Op::TruncI, {materialize(*a)}, element);
      return lane && lanes() > 1 ? laneIndex(first, lane->factor, element) : first;
    }
    case Op::ExpandDims:
    case Op::Reshape:
    case Op::Broadcast:
    case Op::Trans:
    case Op::Split: return valueAt(def.operands[0], *operandMap(def, 0, map, v->index));
    case Op::Join:
    case Op::Cat: return selectAt(def, map);
    case Op::Load: return loadAt(def, map);
    case Op::Gather: return gatherAt(def, map);
    case Op::MapElementwise: return mapAt(def, v, map);
    case Op::CmpI:
      if (auto fact = nest_.facts.find({&def, map}); fact != nest_.facts.end())
        return {constant(Type::scalar(Elem::I1), fact->second.holds), 0};
      if (auto all = compareAtOnce(def, map)) return *all;
      break;
    case Op::AndI:
      // A known false mask needs no other half.
      if (element.isBool()) {
        Lowval a = valueAt(def.operands[0], map);
        if (auto c = constantBits(a.v); c && !a.isVector()) return *c & 1 ? valueAt(def.operands[1], map) : a;
      }
      break;
    case Op::Select: {
      Lowval c = def.operand(0)->type.isTile() ? valueAt(def.operands[0], map) : Lowval{scalar(def.operand(0)), 0};
      if (auto known = constantBits(c.v); known && !c.isVector()) return valueAt(def.operands[*known & 1 ? 1 : 2], map);
      break;
    }
    default: break;
  }
  const bool isDivision = def.op == Op::DivSI || def.op == Op::RemSI || def.op == Op::DivUI || def.op == Op::RemUI;
  if (isDivision)
    if (auto out = divideLanes(def, map)) return *out;
  std::vector<Lowval> operands;
  for (size_t i = 0; i < def.operands.size(); ++i) {
    auto m = operandMap(def, i, map, v->index);
    operands.push_back(valueAt(def.operands[i], m ? *m : IndexMap{}));
  }
  if (def.op == Op::AddPtr && bitWidth(operands[1].v->type.element()) < 64)
    operands[1] = emitOp(Op::ExtSI, {operands[1]}, Type::scalar(Elem::I64));
  if (isDivision)
    if (auto out = divideByPower(def, operands[0], operands[1])) return *out;
  return emitOp(def, std::move(operands), element);
}

Lowval Lowering::selectAt(const Inst& inst, const IndexMap& map) {
  IndexBit selector = selectorBit(inst, map);
  IndexMap rest = *operandMap(inst, 0, map);
  if (selector.isConstant()) return valueAt(inst.operands[selector.axis == IndexBit::kOne ? 1 : 0], rest);
  const Type kI64 = Type::scalar(Elem::I64);
  const Axis& axis = nest_.axis(selector.axis);
  Lowval i{axis.iv, axis.level};
  if (selector.axis == nest_.schedule.vectorAxis && selector.bit < axis.laneBits) i = laneIndex(i, 1, kI64);
  Lowval bit = emitOp(Op::AndI, {i, {index(int64_t{1} << selector.bit), 0}}, kI64);
  Lowval second = emitOp(Op::CmpI, {bit, {index(0), 0}}, Type::scalar(Elem::I1), {{Attr::Predicate, static_cast<int64_t>(CmpIPred::Ne)}});
  Lowval a = valueAt(inst.operands[0], rest), b = valueAt(inst.operands[1], rest);
  return emitOp(Op::Select, {second, b, a}, inst.result()->type.element());
}

// The innermost loop inside which what is known of `mask` holds: a load under it must not leave that loop, which may run no time.
int Lowering::factLevel(Value* mask, const IndexMap& map) {
  if (nest_.facts.empty() || !mask->def || !mask->type.isTile() || inMemory(mask) || !isInlinable(*mask->def)) return 0;
  const Inst& def = *mask->def;
  if (auto fact = nest_.facts.find({&def, map}); fact != nest_.facts.end()) return fact->second.level;
  int level = 0;
  for (size_t i = 0; i < def.operands.size(); ++i)
    if (auto m = operandMap(def, i, map, mask->index)) level = std::max(level, factLevel(def.operands[i], *m));
  return level;
}

Lowval Lowering::loadAt(const Inst& load, const IndexMap& map) {
  Type element = load.result()->type.element();
  Lowval mask, other;
  int minLevel = 0;
  if (Value* m = load.optional(1)) {
    mask = valueAt(m, map);
    if (auto known = constantBits(mask.v); known && !mask.isVector()) {
      if (!(*known & 1)) return load.optional(2) ? valueAt(load.optional(2), map) : Lowval{constant(element, 0), 0};
      mask = {};
    }
    minLevel = std::min(factLevel(m, map), top());
  }
  if (mask.v && load.optional(2)) other = valueAt(load.optional(2), map);
  if (!mask.v)
    if (auto joined = loadInPieces(load, map)) return *joined;
  Address where = address(load.operand(0), map);
  bool isBool = element.isBool();
  Type stored = isBool ? Type::scalar(Elem::I8) : element;
  Lowval pointer = where.vector.v ? where.vector : where.scalar;
  if (isBool) pointer = emitOp(Op::Bitcast, {pointer}, Type::pointer(Elem::I8));
  bool wide = where.vector.v || where.contiguous || mask.isVector() || (mask.v && other.v && other.isVector());
  int level = std::max({pointer.level, minLevel, nest_.baseLevel});
  if (where.contiguous) level = std::max(level, nest_.vectorAxis().level);
  if (mask.v) level = std::max(level, mask.level);
  if (other.v) level = std::max(level, other.level);
  Op op = Op::LoLoad;
  if (wide && !where.contiguous) {
    pointer = widen(pointer, lanes());
    op = Op::LoGather;
  }
  std::vector<Value*> operands{pointer.v};
  if (mask.v) operands.push_back((wide ? widen(mask, lanes()) : mask).v);
  if (other.v) {
    if (isBool) other = convert(other, stored);
    operands.push_back((wide ? widen(other, lanes()) : other).v);
  }
  if (nest_.source && nest_.source->prefetched && op == Op::LoLoad && level == top()) prefetchNext(load, pointer, wide ? lanes() : 1);
  Inst* inst = at(level).create(op, operands, {wide ? Type::vector(stored, lanes()) : stored});
  inst->segments = {1, mask.v != nullptr, other.v != nullptr};
  return convert({inst->result(), level}, element);
}

// Prefetches what a load of consecutive elements will load in the next iteration of the loop around the nest.
void Lowering::prefetchNext(const Inst& load, Lowval pointer, int count) {
  Changes known;
  const auto change = changeOf(load.operand(0), *nest_.source->prefetched, known, 0);
  if (!change || !change->v) return;
  const int bytes = std::max(1, bitWidth(load.result()->type.element()) / 8), inLine = machine().lineBytes / bytes;
  const Lowval next = plus(pointer, *change, top());
  for (int first = 0; first < count; first += inLine) at(top()).create(Op::LoPrefetch, {plus(next, first).v}, {});
}

// How much an index (or a pointer, in elements) changes from one iteration of `loop` to the next; null: not at all. Only if it is the same
// for all elements.
std::optional<Lowval> Lowering::changeOf(const Value* v, const Inst& loop, Changes& known, int depth) {
  constexpr int kMaxDepth = 64;  // addresses are not as deep
  if (auto it = known.find(v); it != known.end()) return it->second;
  auto change = depth < kMaxDepth ? findChange(v, loop, known, depth + 1) : std::nullopt;
  known[v] = change;
  return change;
}

std::optional<Lowval> Lowering::findChange(const Value* v, const Inst& loop, Changes& known, int depth) {
  const Region& body = *loop.regions[0];
  auto isInside = [&](const Value* x) {
    const Block* block = x->def ? x->def->parent : x->block;
    while (block && block->parent != &body) block = block->parent->parent ? block->parent->parent->parent : nullptr;
    return block != nullptr;
  };
  if (!isInside(v)) return Lowval{};
  const Type kI64 = Type::scalar(Elem::I64);
  auto wide = [&](const Value* x) {
    Value* narrow = scalar(x);
    return bitWidth(narrow->type) == 64 ? Lowval{narrow, 0} : emitOp(Op::ExtSI, {{narrow, 0}}, kI64);
  };
  if (!v->def) {
    const Block& entry = body.entry();
    if (v == entry.args[0]) return wide(loop.operand(2));
    // A carried index to which the loop adds the same each time.
    for (size_t i = 1; i < entry.args.size(); ++i) {
      const Value* next = entry.terminator()->operand(i - 1);
      if (v != entry.args[i] || !next->def || (next->def->op != Op::AddI && next->def->op != Op::AddPtr)) continue;
      for (size_t k = 0; k < 2; ++k)
        if (const Value* more = next->def->operand(1 - k); next->def->operand(k) == v && !isInside(more) && !more->type.isTile())
          return wide(more);
    }
    return std::nullopt;
  }
  std::vector<Lowval> changes;
  bool changesAtAll = false;
  for (const Value* x : v->def->operands) {
    auto change = changeOf(x, loop, known, depth);
    if (!change) return std::nullopt;
    changesAtAll |= change->v != nullptr;
    changes.push_back(*change);
  }
  if (!v->def->regions.empty() || info(v->def->op).effects != Effects::Pure) return std::nullopt;
  if (!changesAtAll) return Lowval{};
  switch (v->def->op) {
    case Op::Splat:
    case Op::Broadcast:
    case Op::ExpandDims:
    case Op::ExtSI:
    case Op::ExtUI: return changes[0];
    case Op::AddI:
    case Op::AddPtr:
      if (!changes[0].v || !changes[1].v) return changes[0].v ? changes[0] : changes[1];
      return emitOp(Op::AddI, {changes[0], changes[1]}, kI64);
    case Op::MulI: {
      const Value* factor = v->def->operand(changes[0].v ? 1 : 0);
      if (changes[0].v && changes[1].v) return std::nullopt;
      while (factor->def && (factor->def->op == Op::Splat || factor->def->op == Op::Broadcast || factor->def->op == Op::ExpandDims))
        factor = factor->def->operand(0);
      const Lowval change = changes[changes[0].v ? 0 : 1];
      if (auto bits = constantBits(factor)) return times(change, signExtend(*bits, bitWidth(factor->type.element())));
      return factor->type.isTile() ? std::nullopt : std::optional(emitOp(Op::MulI, {change, wide(factor)}, kI64));
    }
    default: return std::nullopt;
  }
}

// Lanes of an address that is contiguous, or the same, in each group of them, as `i % n` and `i / n` are: a load for each group.
std::optional<Lowval> Lowering::loadInPieces(const Inst& load, const IndexMap& map) {
  Value* ptr = load.operands[0];
  const Type stored = load.result()->type.element();
  if (threadCount() > 1 || !usesLanes(map) || stored.isBool() || stored.isPointer() || affine(ptr, map)) return std::nullopt;
  Axis& axis = nest_.vectorAxis();
  Stride stride;
  int bits = axis.laneBits;
  for (; bits > 0; --bits) {
    stride = strideOf(ptr, map, nest_.schedule.vectorAxis, bits, &divisibility_);
    if (stride.kind == Stride::Constant && (stride.value == 0 || stride.value == 1)) break;
  }
  if (bits == 0 || bits == axis.laneBits) return std::nullopt;
  std::vector<Value*> pieces;
  Value* first = axis.iv;
  for (int64_t k = 0; k < axis.step(); k += int64_t{1} << bits) {
    MemoScope scope = enter();
    axis.iv = plus({first, axis.level}, k).v;
    memo_.lane = k;
    Lowval p = firstLane(ptr, map);
    const Type group = Type::vector(stored, 1 << bits);
    Builder b = at(top());
    pieces.push_back(stride.value == 1 ? b.loadFrom(p.v, group) : b.create(Op::LoSplat, {b.loadFrom(p.v, stored)}, {group})->result());
    leave(scope);
  }
  axis.iv = first;
  memo_.lane = 0;
  for (; pieces.size() > 1; ++bits) {
    std::vector<int64_t> lanes;
    for (int64_t i = 0; i < int64_t{2} << bits; ++i) lanes.push_back(i);
    std::vector<Value*> joined;
    for (size_t i = 0; i < pieces.size(); i += 2)
      joined.push_back(
          at(top()).create(Op::LoShuffle, {pieces[i], pieces[i + 1]}, {Type::vector(stored, 2 << bits)}, {{Attr::Lanes, lanes}})->result());
    pieces = std::move(joined);
  }
  return Lowval{pieces[0], top()};
}

namespace {

// The logarithm of a divisor that is a power of two; 1 is left to others.
std::optional<int> powerOf(std::optional<uint64_t> divisor, const Type& element) {
  if (!divisor || !std::has_single_bit(*divisor) || *divisor == 1 || (*divisor >> (bitWidth(element) - 1)) != 0) return std::nullopt;
  return std::countr_zero(*divisor);
}

bool isSignedDivision(const Inst& inst) { return inst.op == Op::DivSI || inst.op == Op::RemSI; }
bool isRemainder(const Inst& inst) { return inst.op == Op::RemSI || inst.op == Op::RemUI; }

}  // namespace

// Quotients and remainders by a power of two, of lanes that count up from a multiple of it or of their number: those of the first lane,
// and those of the lanes' numbers.
std::optional<Lowval> Lowering::divideLanes(const Inst& inst, const IndexMap& map) {
  const Type element = inst.result()->type.element();
  if (!usesLanes(map) || lanes() == 1) return std::nullopt;
  const auto power = powerOf(constantBits(inst.operand(1)), element);
  const int axis = nest_.schedule.vectorAxis, laneBits = nest_.axis(axis).laneBits;
  if (!power || (isSignedDivision(inst) && ranges_.of(inst.operand(0)).low < 0)) return std::nullopt;
  const Stride stride = strideOf(inst.operand(0), map, axis, laneBits, &divisibility_);
  if (stride.kind != Stride::Constant || stride.value != 1) return std::nullopt;
  // Unsigned numbers may wrap in the middle of the lanes, which remainders do not see.
  const bool mayWrap = !isSignedDivision(inst) && !isRemainder(inst);
  if (divisibility_.along(inst.operand(0), map, axis, laneBits) < (mayWrap ? laneBits : std::min(*power, laneBits))) return std::nullopt;
  auto number = [&](uint64_t n) { return Lowval{constant(element, n), 0}; };
  auto divide = [&](Lowval x) {
    return isRemainder(inst) ? emitOp(Op::AndI, {x, number((uint64_t{1} << *power) - 1)}, element)
                             : emitOp(Op::ShRUI, {x, number(static_cast<uint64_t>(*power))}, element);
  };
  auto ofLanes = [&] { return divide(laneIndex(number(0), 1, element)); };
  if (isRemainder(inst) && *power <= laneBits) return ofLanes();
  const Lowval first = divide(firstLane(inst.operands[0], map));
  return !isRemainder(inst) && *power >= laneBits ? first : emitOp(Op::AddI, {first, ofLanes()}, element);
}

// Quotients and remainders by a power of two: machines have no vectors of divisions.
std::optional<Lowval> Lowering::divideByPower(const Inst& inst, Lowval x, Lowval y) {
  const Type element = inst.result()->type.element();
  const auto power = powerOf(constantBits(y.v), element);
  if (!power) return std::nullopt;
  auto number = [&](uint64_t n) { return Lowval{constant(element, n), 0}; };
  const uint64_t low = (uint64_t{1} << *power) - 1;
  auto quotient = [&](Op op, Lowval v) { return emitOp(op, {v, number(static_cast<uint64_t>(*power))}, element); };
  if (!isSignedDivision(inst) || ranges_.of(inst.operand(0)).low >= 0)
    return isRemainder(inst) ? emitOp(Op::AndI, {x, number(low)}, element) : quotient(Op::ShRUI, x);
  // Rounded toward zero.
  Lowval sign = emitOp(Op::ShRSI, {x, number(static_cast<uint64_t>(bitWidth(element) - 1))}, element);
  Lowval moved = emitOp(Op::AddI, {x, emitOp(Op::AndI, {sign, number(low)}, element)}, element);
  if (!isRemainder(inst)) return quotient(Op::ShRSI, moved);
  return emitOp(Op::SubI, {x, emitOp(Op::AndI, {moved, number(~low)}, element)}, element);
}

Lowval Lowering::gatherAt(const Inst& gather, const IndexMap& map) {
  const Type kI64 = Type::scalar(Elem::I64);
  const Type& source = gather.operand(0)->type;
  const Type& result = gather.result()->type;
  auto axis = static_cast<int>(gather.integer(Attr::Axis));
  Lowval picked = valueAt(gather.operands[1], map);
  if (picked.v->type.elem != Elem::I64)
    picked = emitOp(bitWidth(picked.v->type) < 32 ? Op::ExtUI : Op::ExtSI, {picked}, kI64);  // narrow indices are unsigned
  // Wrong indices are undefined in Triton; here they stay inside the tile.
  picked = emitOp(Op::AndI, {picked, {index(source.dim(axis) - 1), 0}}, kI64);
  // The other coordinates come from the result's index; sizes other than along the axis agree, or the source's is larger.
  Affine a;
  int sourceBit = 0, resultBit = 0, axisBit = 0;
  for (int d = source.rank - 1; d >= 0; --d) {
    if (d == axis) {
      axisBit = sourceBit;
    } else {
      IndexMap part(map.begin() + resultBit, map.begin() + resultBit + result.log2(d));
      Affine along = flatIndex({}, part);
      a.constant += along.constant << sourceBit;
      for (Affine::Term t : along.terms) a.terms.push_back({t.axis, t.factor << sourceBit});
    }
    sourceBit += source.log2(d);
    resultBit += result.log2(d);
  }
  Lowval base = materialize(a, {buffers_.of.at(gather.operand(0)).base, 0});
  const Affine::Term* lane = nest_.schedule.vectorAxis >= 0 ? a.of(nest_.schedule.vectorAxis) : nullptr;
  if (axisBit) picked = emitOp(Op::ShLI, {picked, {index(axisBit), 0}}, kI64);
  if (lane) picked = emitOp(Op::AddI, {picked, laneIndex({index(0), 0}, lane->factor, kI64)}, kI64);
  Lowval pointer = emitOp(Op::AddPtr, {base, picked}, base.v->type);
  Type stored = buffers_.of.at(gather.operand(0)).element;
  pointer.level = std::max(pointer.level, nest_.baseLevel);
  Inst* inst = at(pointer.level)
                   .create(pointer.isVector() ? Op::LoGather : Op::LoLoad, {pointer.v},
                           {pointer.isVector() ? Type::vector(stored, lanes()) : stored});
  inst->segments = {1, 0, 0};
  return convert({inst->result(), pointer.level}, result.element());
}

Lowval Lowering::mapAt(const Inst& inst, Value* v, const IndexMap& map) {
  std::vector<Lowval> args;
  int level = 0;
  for (Value* operand : inst.operands) {
    args.push_back(valueAt(operand, map));
    level = std::max(level, args.back().level);
  }
  auto results = emitRegion(*inst.regions[0], args, level);
  for (size_t i = 0; i < results.size(); ++i) {
    auto key = memoKey(inst.results[i], map);
    memo_.known[key] = results[i];
    memo_.journal.push_back(key);
  }
  return results[v->index];
}

std::vector<Lowval> Lowering::emitRegion(const Region& region, const std::vector<Lowval>& args, int level) {
  Block& body = region.entry();
  int count = 0;
  for (const Lowval& a : args)
    if (a.isVector()) count = static_cast<int>(a.v->type.dim(0));
  std::vector<Lowval> out;
  if (!isStraightLine(region)) {
    // Branches or effects: lanes one at a time were chosen (chooseVector), so the body is emitted as scalar code.
    NEREID_CHECK(count == 0, "a region with branches on vectors");
    for (size_t i = 0; i < args.size(); ++i) scalar_[body.args[i]] = args[i].v;
    emitBlock(body);
    for (Value* v : body.terminator()->operands) out.push_back({scalar(v), top()});
    return out;
  }
  PtrMap<const Value*, Lowval> local;
  for (size_t i = 0; i < args.size(); ++i) local[body.args[i]] = args[i];
  auto low = [&](Value* v) {
    auto it = local.find(v);
    return it == local.end() ? Lowval{scalar(v), 0} : it->second;
  };
  for (const Inst* inst : body.insts) {
    if (info(inst->op).effects == Effects::Exit) {
      for (Value* v : inst->operands) out.push_back(count ? widen(low(v), count) : low(v));
      break;
    }
    if (inst->op == Op::Constant) {
      local[inst->result()] = {constant(inst->result()->type, inst->dense().bits[0]), 0};
      continue;
    }
    std::vector<Lowval> operands;
    for (Value* v : inst->operands) operands.push_back(low(v));
    local[inst->result()] =
        operands.empty() ? Lowval{scalar(inst->result()), 0} : emitOp(*inst, std::move(operands), inst->result()->type, level);
  }
  return out;
}

}  // namespace nereid
