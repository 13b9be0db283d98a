// SPDX-License-Identifier: MIT
// Which axis of a nest has the lanes of vectors, and how many.
#include <algorithm>
#include <bit>

#include "analysis/combine.h"
#include "schedule/nests.h"

namespace nereid {

namespace {

// The logarithm of the largest power of two up to n.
int log2Below(int n) { return log2(std::bit_floor(static_cast<unsigned>(n))); }

}  // namespace

// How an access moves along an axis, or at least along each vector of it.
Stride NestScheduler::strideAlong(const Value* ptr, const IndexMap& map, int axis, int bits, int laneBits) {
  Stride all = strideOf(ptr, map, axis, bits);
  if (all.kind == Stride::Constant || laneBits > bits) return all;
  Stride lanes = strideOf(ptr, map, axis, laneBits, &divisibility_);
  return lanes.kind == Stride::Constant ? lanes : all;
}

Stride NestScheduler::strideAlong(const Work::Access& access, const NestSchedule& s, int axis, int laneBits) {
  if (!access.isBuffer) return strideAlong(access.ptr, access.map, axis, s.axes[static_cast<size_t>(axis)].bits, laneBits);
  Stride stride = Stride::constant(0);
  for (size_t i = 0; i < access.map.size(); ++i)
    if (access.map[i].axis == axis && access.map[i].bit == 0) stride.value = int64_t{1} << i;
  return stride;
}

// Stores, and what becomes one if no other thread runs.
bool NestScheduler::isStore(const Anchor& a) const {
  return a.kind == Anchor::Effect && (a.inst->op == Op::Store || (request_->isExclusive && a.inst->op == Op::AtomicRMW));
}

NestScheduler::Work NestScheduler::workOf(const Nest& nest, const NestSchedule& s) const {
  Work w;
  auto floats = [](const Type& t) { return t.isFloat() ? std::max(16, bitWidth(t)) : bitWidth(t); };
  std::set<std::pair<const Value*, IndexMap>> seen;
  auto memory = [&](const Value* v) { return inMemory(v); };
  for (const Anchor& anchor : nest.anchors) {
    w.scans |= anchor.kind == Anchor::Scan;
    if (anchor.kind == Anchor::Effect && !isStore(anchor)) w.mayHaveLanes = false;
    if (anchor.accumulates() && !isStraightLine(*anchor.inst->regions[0])) w.mayHaveLanes = false;
    if (isStore(anchor)) w.accesses.push_back({anchor.inst->operand(0), s.identity(), false});
    if (anchor.kind == Anchor::Buffer || anchor.kind == Anchor::Carry) {
      w.accesses.push_back({anchor.value, s.identity(), true});
      w.widest = std::max(w.widest, bitWidth(layouts_.storedType(anchor.value)));
    }
    visitInlined(anchor, memory, [&](Value* v, const IndexMap& map) {
      if (map.empty() && v->type.bits() > 0) return;
      IndexMap m = s.remap(map);
      if (!seen.emplace(v, m).second) return;
      if (v->type.isFloat()) w.widest = std::max(w.widest, floats(v->type));
      if (isStored(v)) {
        w.accesses.push_back({v, m, true});
        return;
      }
      if (!v->def) return;
      if (v->def->op == Op::Load) {
        w.accesses.push_back({v->def->operand(0), m, false});
        w.narrowest = std::min(w.narrowest, std::max(8, bitWidth(v->type)));
        w.widest = std::max(w.widest, bitWidth(v->type));
      }
      if (v->type.isInt() && v->def->op == Op::TruncI) w.widest = std::max(w.widest, 32);
      if (v->def->op == Op::MapElementwise && !isStraightLine(*v->def->regions[0])) w.mayHaveLanes = false;
      if (v->def->op == Op::ExternElementwise) w.mayHaveLanes = false;
      w.expensive += isExpensive(*v->def);
      w.isHuge |= v->def->op == Op::Sin || v->def->op == Op::Cos;
    });
    if (anchor.accumulates())
      for (Value* v : anchor.inst->operands) w.widest = std::max(w.widest, floats(v->type));
    if (isStore(anchor)) {
      const int stored = bitWidth(anchor.inst->operand(1)->type);
      w.widest = std::max(w.widest, stored);
      w.narrowest = std::min(w.narrowest, std::max(8, stored));
    }
  }
  w.operations = seen.size();
  return w;
}

// The cost of a nest's accesses if lanes run along an axis.
int NestScheduler::lanesCost(const Work& work, const NestSchedule& s, int axis, int laneBits) {
  const NestSchedule::Axis& along = s.axes[static_cast<size_t>(axis)];
  int cost = 0;
  for (const Work::Access& access : work.accesses) {
    const Stride stride = strideAlong(access, s, axis, laneBits);
    const bool isKnown = stride.kind == Stride::Constant;
    const int own = isKnown && stride.value == 1     ? 0
                    : isKnown && stride.value == 0   ? machine_.equalLanesCost
                    : stride.kind == Stride::Runtime ? machine_.runtimeLanesCost
                                                     : machine_.stridedLanesCost;
    cost += access.isBuffer ? own / 2 : own;
  }
  cost += machine_.missingLaneCost * std::max(0, laneBits - along.bits);
  if (along.isReduced) cost += work.scans ? machine_.scannedLanesCost : machine_.reducedLanesCost;
  return cost;
}

// The axis with the lowest cost; -1: none may have lanes.
int NestScheduler::bestAxis(const Nest& nest, const Work& work, const NestSchedule& s, int laneBits) {
  std::optional<int> best;
  int found = -1;
  for (int a = 0; a < static_cast<int>(s.axes.size()); ++a) {
    const bool isScanned = work.scans && s.axes[static_cast<size_t>(a)].isReduced;
    if (isScanned && (!mayScanLanes(nest, s, a) || s.registerLaneBits < machine_.minScannedLaneBits)) continue;
    if (s.layout && (s.layout->laneBits == 0 || s.axisOfBit[static_cast<size_t>(s.layout->firstLane())] != a)) continue;
    const int cost = lanesCost(work, s, a, laneBits);
    if (best && cost >= *best) continue;
    best = cost;
    found = a;
  }
  return found;
}

// Whether a thread can access `lanes` elements along the vector axis at once, aligned: then no other thread has a part of its words.
bool NestScheduler::areAligned(const Work& work, const NestSchedule& s, int lanes) {
  for (const Work::Access& access : work.accesses) {
    if (access.isBuffer) continue;
    const int bits = s.axes[static_cast<size_t>(s.vectorAxis)].bits;
    const Stride stride = strideAlong(access.ptr, access.map, s.vectorAxis, bits, log2Below(lanes));
    if (stride.kind == Stride::Runtime) return false;
    if (stride.kind != Stride::Constant || stride.value != 1) continue;
    const int bytes = std::max(1, bitWidth(access.ptr->type.pointee()) / 8),
              wanted = std::min(log2Below(lanes), log2(machine_.maxAccessBytes) - log2Below(bytes));
    if (divisibility_.along(access.ptr, access.map, s.vectorAxis, wanted) < wanted) return false;
  }
  return true;
}

// How many vectors of an iteration hide the latency of an operation.
int NestScheduler::unrollOf(const Nest& nest, const Work& work, const NestSchedule& s) const {
  if (request_->isFallback || work.isHuge) return 1;
  // A scan combines the lanes of a vector in log2(lanes) steps.
  const NestSchedule::Axis& axis = s.axes[static_cast<size_t>(s.vectorAxis)];
  if (work.scans && axis.isReduced) return 1;
  // Lanes that are updated one after the other.
  for (const Anchor& anchor : nest.anchors)
    if (isStore(anchor) && anchor.inst->op == Op::AtomicRMW) {
      const Stride stride = strideOf(anchor.inst->operand(0), s.identity(), s.vectorAxis, axis.bits);
      if (stride.kind == Stride::None || (stride.kind == Stride::Constant && stride.value != 1)) return 1;
    }
  return work.expensive || work.operations > machine_.longNest ? machine_.unrollExpensive : machine_.unroll;
}

void NestScheduler::chooseVector(const Nest& nest, NestSchedule& s) {
  s.vectorAxis = s.contiguousAxis = s.transposedAxis = -1;
  const Work work = workOf(nest, s);
  s.mayHaveLanes = work.mayHaveLanes;
  if (work.mayHaveLanes) {
    int lanes = std::max(1, machine_.vectorBytes * 8 / work.widest);
    if (machine_.maxAccessBytes) lanes = s.layout ? 1 << s.layout->laneBits : 8 * machine_.maxAccessBytes / std::min(work.narrowest, 32);
    s.registerLaneBits = log2Below(lanes);
    s.vectorAxis = s.contiguousAxis = bestAxis(nest, work, s, log2Below(lanes));
    if (s.vectorAxis >= 0) {
      if (machine_.maxAccessBytes && !s.layout && !areAligned(work, s, lanes)) lanes = 1;
      int width = log2Below(std::min(machine_.maxLanes, lanes * unrollOf(nest, work, s)));
      // Threads come before lanes.
      if (threads_ > 1 && !s.layout) width = std::clamp(static_cast<int>(s.axisOfBit.size()) - log2(threads_), 0, width);
      NestSchedule::Axis& axis = s.axes[static_cast<size_t>(s.vectorAxis)];
      axis.laneBits = std::min(width, axis.bits);
      if (axis.laneBits == 0) s.vectorAxis = -1;
    }
  }
  chooseTransposed(nest, work, s);
  orderAxes(s);
}

// Loads along one axis and a write along another: lanes follow the loads, and blocks are transposed.
void NestScheduler::chooseTransposed(const Nest& nest, const Work& work, NestSchedule& s) {
  if (s.vectorAxis < 0 || request_->isFallback || work.operations > machine_.maxTransposedWork) return;
  auto bitsOf = [&](int axis) { return s.axes[static_cast<size_t>(axis)].bits; };
  auto isAlong = [&](const Work::Access& x, int axis) {
    if (x.isBuffer) return !x.map.empty() && x.map[0].axis == axis && x.map[0].bit == 0;
    return strideAlong(x.ptr, x.map, axis, bitsOf(axis), s.registerLaneBits).value == 1;
  };
  auto moves = [&](const Work::Access& x, int axis) {
    if (x.isBuffer) return std::any_of(x.map.begin(), x.map.end(), [&](IndexBit b) { return b.axis == axis; });
    const Stride stride = strideOf(x.ptr, x.map, axis, bitsOf(axis));
    return stride.kind != Stride::Constant || stride.value != 0;
  };
  auto isTransposed = [&](int p, int q) {  // what is loaded along p is the same for all lanes
    bool some = false, none = true;
    for (size_t i = 1; i < work.accesses.size(); ++i) {
      some |= isAlong(work.accesses[i], q);
      none &= !isAlong(work.accesses[i], p) || !moves(work.accesses[i], q);
    }
    return isAlong(work.accesses[0], p) && some && none;
  };
  const int axes = static_cast<int>(s.axes.size());
  for (int p = 0; p < axes; ++p)
    for (int q = 0; q < axes && s.transposedAxis < 0; ++q) {
      NestSchedule chosen = s;
      for (NestSchedule::Axis& axis : chosen.axes) axis.laneBits = 0;
      chosen.vectorAxis = chosen.contiguousAxis = q;
      chosen.transposedAxis = p;
      const int lanes = std::min(log2(machine_.maxTransposedLanes), s.registerLaneBits);
      chosen.axes[static_cast<size_t>(q)].laneBits = chosen.axes[static_cast<size_t>(p)].laneBits = chosen.registerLaneBits = lanes;
      if (chosen.axes[static_cast<size_t>(q)].bits >= lanes && mayTranspose(nest, chosen, p) && isTransposed(p, q)) s = std::move(chosen);
    }
}

// Parallel axes outermost, reduced ones inside, the vector axis last of its kind.
void NestScheduler::orderAxes(NestSchedule& s) const {
  s.order.clear();
  for (int reduced = 0; reduced < 2; ++reduced) {
    if (reduced) s.firstReduced = s.order.size();
    for (size_t a = s.axes.size(); a-- > 0;)
      if (s.axes[a].isReduced == (reduced == 1) && static_cast<int>(a) != s.vectorAxis) s.order.push_back(static_cast<int>(a));
    if (s.vectorAxis >= 0 && s.axes[static_cast<size_t>(s.vectorAxis)].isReduced == (reduced == 1)) s.order.push_back(s.vectorAxis);
  }
  // Blocks that write parts of cache lines follow each other along the axis of the write.
  if (s.transposedAxis >= 0 && machine_.vectorBytes < machine_.lineBytes) {
    std::erase(s.order, s.transposedAxis);
    s.order.push_back(s.transposedAxis);
  }
}

// The axis of the innermost loop around a reduction whose iterations can run together; -1: there is none.
int NestScheduler::jammedAxis(const Nest& nest, const NestSchedule& s) const {
  if (threads_ > 1 || s.firstReduced == 0 || s.firstReduced == s.order.size()) return -1;
  if (!std::all_of(nest.anchors.begin(), nest.anchors.end(), [](const Anchor& a) { return a.kind == Anchor::Combine; })) return -1;
  const int axis = s.order[s.firstReduced - 1];
  return axis == s.vectorAxis || s.axes[static_cast<size_t>(axis)].bits == 0 ? -1 : axis;
}

// Rows run together if they share what they load. Then fewer vectors of each hide the latency of an operation.
void NestScheduler::chooseJammed(const Nest& nest, NestSchedule& s) {
  const int axis = jammedAxis(nest, s);
  s.jammed = axis < 0 ? 0 : 1;
  if (axis < 0 || s.vectorAxis < 0 || request_->isFallback) return;
  NestSchedule::Axis &rows = s.axes[static_cast<size_t>(axis)], &vector = s.axes[static_cast<size_t>(s.vectorAxis)];
  const Work work = workOf(nest, s);
  const bool isShared = std::any_of(work.accesses.begin(), work.accesses.end(), [&](const Work::Access& x) {
    const Stride down = strideAlong(x, s, axis, rows.bits), along = strideAlong(x, s, s.vectorAxis, vector.laneBits);
    return down.kind == Stride::Constant && down.value == 0 && !(along.kind == Stride::Constant && along.value == 0);
  });
  if (!isShared || work.isHuge) return;
  int sums = 0;
  for (const Anchor& anchor : nest.anchors) sums += static_cast<int>(anchor.inst->operands.size());
  const int registers = machine_.vectorRegisters / 2 / sums;  // the others have what is loaded
  s.jammed = static_cast<int>(std::min<int64_t>({machine_.maxJammed, rows.size(), int64_t{1} << log2Below(std::max(1, registers))}));
  vector.laneBits = std::min(vector.laneBits, s.registerLaneBits + log2Below(std::max(1, registers / s.jammed)));
}

}  // namespace nereid
