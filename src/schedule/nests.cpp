// SPDX-License-Identifier: MIT
#include "schedule/nests.h"

#include <algorithm>
#include <bit>

#include "analysis/combine.h"

namespace nereid {

IndexMap NestSchedule::mapOf(int bits) const {
  IndexMap map;
  for (size_t i = 0; i < static_cast<size_t>(bits); ++i)
    map.push_back({static_cast<int8_t>(axisOfBit[i]), static_cast<uint8_t>(bitInAxis[i])});
  return map;
}

IndexMap NestSchedule::remap(const IndexMap& map) const {
  IndexMap out;
  for (IndexBit b : map)
    out.push_back(b.isConstant() ? b : IndexBit{static_cast<int8_t>(axisOfBit[b.bit]), static_cast<uint8_t>(bitInAxis[b.bit])});
  return out;
}

NestSchedule NestScheduler::split(const Nest& nest, const Request& request) {
  request_ = &request;
  nest_ = &nest;
  NestSchedule s;
  splitAxes(nest, s);
  return s;
}

NestSchedule NestScheduler::schedule(const Nest& nest, const Request& request) {
  NestSchedule s = split(nest, request);
  chooseVector(nest, s);
  if (request.mayTranspose && transposes(nest, s)) {
    transposed_.insert(nest.anchors[0].value);
    s = split(nest, request);
    chooseVector(nest, s);
  }
  findBounds(nest, s);
  // The number of a thread's register must be a constant. And a few elements are loaded sooner if they are unrolled, with masks.
  s.unrolled = s.layout || isShort(nest, s);
  if (s.unrolled) s.bounds.clear();
  if (threads_ > 1) {
    mapThreads(nest, s);
    for (size_t a = 0; a < s.axes.size(); ++a) s.axes[a].firstThreadBit = firstThreadBit(a, s);
    placePartials(s);
  }
  return s;
}

bool NestScheduler::isStored(const Value* v) const {
  if (request_->stored.count(v)) return true;
  if (!v->type.isTile() || !isInMemory(schedule_, v)) return false;
  // The nest that fills a buffer has the value at hand.
  return request_->isCopy || std::none_of(nest_->anchors.begin(), nest_->anchors.end(),
                                          [&](const Anchor& a) { return a.kind == Anchor::Buffer && a.value == v; });
}

void NestScheduler::splitAxes(const Nest& nest, NestSchedule& s) {
  int bits = 0;
  for (int64_t d : nest.shape) bits += std::countr_zero(static_cast<uint64_t>(d));
  std::vector<bool> cut(static_cast<size_t>(bits) + 1, false);  // before bit i
  int low = 0, reducedLow = -1, reducedHigh = -1, axisBits = 0;
  for (size_t i = nest.shape.size(); i-- > 0;) {
    int n = std::countr_zero(static_cast<uint64_t>(nest.shape[i]));
    if (static_cast<int>(i) == nest.reduceAxis) {
      reducedLow = low;
      axisBits = n;
      reducedHigh = low + n - chunkBits(nest, n, bits - n);
      cut[static_cast<size_t>(low)] = cut[static_cast<size_t>(reducedHigh)] = cut[static_cast<size_t>(low + n)] = true;
    }
    low += n;
  }
  findLayout(nest, s);
  if (s.layout)
    for (size_t i = 1; i < s.layout->place.size(); ++i)
      if (!s.layout->joins(i)) cut[i] = true;
  if (s.layout && s.layout->laneBits < bits) cut[static_cast<size_t>(s.layout->laneBits)] = true;
  for (const Anchor& anchor : nest.anchors)
    if (anchor.kind == Anchor::Buffer && transposed_.count(anchor.value)) cut[static_cast<size_t>(anchor.value->type.log2(1))] = true;
  // Neighbouring bits stay in one axis if every leaf has both of them side by side, or neither.
  auto leaf = [&](const IndexMap& map) {
    std::vector<int> at(static_cast<size_t>(bits), -1);
    for (size_t i = 0; i < map.size(); ++i)
      if (!map[i].isConstant()) at[map[i].bit] = static_cast<int>(i);
    for (size_t p = 0; p + 1 < at.size(); ++p)
      if (!(at[p] < 0 && at[p + 1] < 0) && (at[p] < 0 || at[p + 1] != at[p] + 1)) cut[p + 1] = true;
  };
  auto dims = [&](const IndexMap& map, const Type& type) {
    int bit = 0;
    for (int d = type.rank - 1; d >= 0; --d) {
      int n = type.log2(d);
      leaf(IndexMap(map.begin() + bit, map.begin() + bit + n));
      bit += n;
    }
  };
  auto memory = [&](const Value* v) { return inMemory(v); };
  for (const Anchor& anchor : nest.anchors) {
    auto visit = [&](Value* v, const IndexMap& map) {
      if (map.empty()) return;
      if (isStored(v) || (v->def && v->def->op == Op::MakeRange)) leaf(map);
      if (v->def && v->def->op == Op::Gather) dims(map, v->type);
      if (v->def && (v->def->op == Op::Join || v->def->op == Op::Cat)) {
        IndexBit selector = selectorBit(*v->def, map);
        if (!selector.isConstant()) cut[selector.bit] = cut[selector.bit + 1u] = true;
      }
    };
    visitInlined(anchor, memory, visit);
  }
  s.axes.clear();
  s.axisOfBit.clear();
  s.bitInAxis.clear();
  for (int i = 0; i < bits; ++i) {
    if (i == 0 || cut[static_cast<size_t>(i)]) {
      s.axes.emplace_back();
      s.axes.back().isReduced = i >= reducedLow && i < reducedHigh;
      s.axes.back().isChunk = i >= reducedHigh && i < reducedLow + axisBits;
    }
    s.axisOfBit.push_back(static_cast<int>(s.axes.size()) - 1);
    s.bitInAxis.push_back(s.axes.back().bits++);
  }
}

void NestScheduler::chooseVector(const Nest& nest, NestSchedule& s) {
  s.vectorAxis = s.contiguousAxis = -1;
  bool allowed = true, noReduced = false, expensive = false, huge = false;  // huge: its expansion fills pages
  int widest = 8, narrowest = 32;
  struct Access {
    const Value* ptr;
    IndexMap map;
    int weight;
    bool buffer;
  };
  std::vector<Access> accesses;
  std::set<std::pair<const Value*, IndexMap>> seen;
  auto memory = [&](const Value* v) { return inMemory(v); };
  for (const Anchor& anchor : nest.anchors) {
    if (anchor.kind == Anchor::Scan) noReduced = true;
    if (anchor.kind == Anchor::Effect && anchor.inst->op != Op::Store) allowed = false;
    if (anchor.accumulates() && !isStraightLine(*anchor.inst->regions[0])) allowed = false;
    if (anchor.kind == Anchor::Effect && anchor.inst->op == Op::Store)
      accesses.push_back({anchor.inst->operand(0), s.identity(), 4, false});
    if (anchor.kind == Anchor::Buffer || anchor.kind == Anchor::Carry) {
      accesses.push_back({anchor.value, s.identity(), 2, true});
      widest = std::max(widest, bitWidth(layouts_.storedType(anchor.value)));
    }
    visitInlined(anchor, memory, [&](Value* v, const IndexMap& map) {
      if (map.empty() && v->type.bits() > 0) return;
      IndexMap m = s.remap(map);
      if (!seen.emplace(v, m).second) return;
      if (v->type.isFloat()) widest = std::max(widest, std::max(16, bitWidth(v->type)));
      if (isStored(v)) {
        accesses.push_back({v, m, 2, true});
        return;
      }
      if (!v->def) return;
      if (v->def->op == Op::Load) {
        accesses.push_back({v->def->operand(0), m, 4, false});
        narrowest = std::min(narrowest, std::max(8, bitWidth(v->type)));
        widest = std::max(widest, bitWidth(v->type));
      }
      if (v->type.isInt() && v->def->op == Op::TruncI) widest = std::max(widest, 32);
      if (v->def->op == Op::MapElementwise && !isStraightLine(*v->def->regions[0])) allowed = false;
      if (v->def->op == Op::ExternElementwise) allowed = false;
      expensive |= isExpensive(*v->def);
      huge |= v->def->op == Op::Sin || v->def->op == Op::Cos;
    });
    if (anchor.kind == Anchor::Combine || anchor.kind == Anchor::Scan)
      for (Value* v : anchor.inst->operands)
        widest = std::max(widest, v->type.isFloat() ? std::max(16, bitWidth(v->type)) : bitWidth(v->type));
    if (anchor.kind == Anchor::Effect && anchor.inst->op == Op::Store) {
      widest = std::max(widest, bitWidth(anchor.inst->operand(1)->type));
      narrowest = std::min(narrowest, std::max(8, bitWidth(anchor.inst->operand(1)->type)));
    }
  }
  s.order.clear();
  if (allowed) {
    int machineLanes = std::max(1, machine_.vectorBytes * 8 / widest);
    if (machine_.maxAccessBytes) machineLanes = s.layout ? 1 << s.layout->laneBits : 8 * machine_.maxAccessBytes / std::min(narrowest, 32);
    int unroll = expensive || seen.size() > machine_.longNest ? machine_.unrollExpensive : machine_.unroll;
    if (request_->isFallback || huge) unroll = 1;
    s.registerLaneBits = std::countr_zero(std::bit_floor(static_cast<unsigned>(machineLanes)));
    int best = -1000;
    for (size_t a = 0; a < s.axes.size(); ++a) {
      if (noReduced && (s.axes[a].isReduced || s.axes[a].isChunk)) continue;
      int score = s.layout && s.axisOfBit[0] == static_cast<int>(a) ? 1000 : 0;
      for (const Access& access : accesses) {
        Stride stride;
        if (access.buffer) {
          int64_t unit = 0;
          for (size_t i = 0; i < access.map.size(); ++i)
            if (access.map[i].axis == static_cast<int>(a) && access.map[i].bit == 0) unit = int64_t{1} << i;
          stride = Stride::constant(unit);
        } else {
          stride = strideOf(access.ptr, access.map, static_cast<int>(a), s.axes[a].bits);
        }
        if (stride.kind == Stride::Constant)
          score += stride.value == 1 ? 2 * access.weight : stride.value == 0 ? access.weight / 2 : -access.weight;
        else
          score += stride.kind == Stride::Runtime ? 0 : -access.weight;
      }
      int missing = std::countr_zero(static_cast<unsigned>(std::bit_floor(static_cast<unsigned>(machineLanes)))) - s.axes[a].bits;
      if (missing > 0) score -= 4 * missing;
      if (s.axes[a].isReduced) score -= 1;
      if (score > best) {
        best = score;
        s.vectorAxis = static_cast<int>(a);
      }
    }
    if (s.vectorAxis >= 0) {
      s.contiguousAxis = s.vectorAxis;
      // A thread takes as many bytes as it can access at once, if they are aligned: then no other thread has a part of its words.
      if (machine_.maxAccessBytes && !s.layout)
        for (const Access& access : accesses) {
          if (access.buffer) continue;
          Stride stride = strideOf(access.ptr, access.map, s.vectorAxis, s.axes[static_cast<size_t>(s.vectorAxis)].bits);
          if (stride.kind != Stride::Constant || stride.value != 1) continue;
          int bytes = std::max(1, bitWidth(access.ptr->type.pointee()) / 8),
              wanted = std::min(std::countr_zero(static_cast<unsigned>(machineLanes)),
                                log2(machine_.maxAccessBytes) - std::countr_zero(static_cast<unsigned>(bytes)));
          if (divisibility_.along(access.ptr, access.map, s.vectorAxis, wanted) < wanted) machineLanes = 1;
        }
      int width = std::countr_zero(static_cast<unsigned>(std::min(machine_.maxLanes, machineLanes * unroll)));
      // Threads come before lanes.
      if (threads_ > 1 && !s.layout)
        width = std::clamp(static_cast<int>(s.axisOfBit.size()) - std::countr_zero(static_cast<unsigned>(threads_)), 0, width);
      NestSchedule::Axis& axis = s.axes[static_cast<size_t>(s.vectorAxis)];
      axis.laneBits = std::min(width, axis.bits);
      if (axis.laneBits == 0) s.vectorAxis = -1;
    }
  }
  // Parallel axes outermost, reduced ones inside, the vector axis last of its kind.
  for (int reduced = 0; reduced < 2; ++reduced) {
    if (reduced) s.firstReduced = s.order.size();
    for (size_t a = s.axes.size(); a-- > 0;)
      if (s.axes[a].isReduced == (reduced == 1) && static_cast<int>(a) != s.vectorAxis) s.order.push_back(static_cast<int>(a));
    if (s.vectorAxis >= 0 && s.axes[static_cast<size_t>(s.vectorAxis)].isReduced == (reduced == 1)) s.order.push_back(s.vectorAxis);
  }
}

// Comparisons that bound an axis: `index + ... < uniform`, with the index counting up by one.
void NestScheduler::findBounds(const Nest& nest, NestSchedule& s) {
  s.bounds.clear();
  std::set<std::pair<const Inst*, IndexMap>> seen;
  auto memory = [&](const Value* v) { return inMemory(v); };
  bool reverse = false;
  for (const Anchor& anchor : nest.anchors) reverse |= anchor.kind == Anchor::Scan && anchor.inst->integer(Attr::Reverse);
  for (const Anchor& anchor : nest.anchors)
    visitInlined(anchor, memory, [&](Value* compared, const IndexMap& map) {
      if (!compared->def || compared->def->op != Op::CmpI || inMemory(compared) || compared->def->operand(0)->type.isPointer()) return;
      const Inst& cmp = *compared->def;
      IndexMap m = s.remap(map);
      if (!seen.emplace(&cmp, m).second) return;
      auto pred = static_cast<CmpIPred>(cmp.integer(Attr::Predicate));
      int sign;
      if (pred == CmpIPred::Slt || pred == CmpIPred::Sle)
        sign = 1;
      else if (pred == CmpIPred::Sgt || pred == CmpIPred::Sge)
        sign = -1;
      else
        return;
      for (size_t i = s.order.size(); i-- > 0;) {
        int axis = s.order[i];
        Stride l = strideOf(cmp.operand(0), m, axis, s.axes[static_cast<size_t>(axis)].bits);
        Stride r = strideOf(cmp.operand(1), m, axis, s.axes[static_cast<size_t>(axis)].bits);
        if (l.kind != Stride::Constant || r.kind != Stride::Constant) return;
        int64_t d = sign * (l.value - r.value);
        if (d == 0) continue;
        if (reverse && s.axes[static_cast<size_t>(axis)].isReduced) return;  // the loop counts down
        if (axis != s.vectorAxis && s.vectorAxis >= 0) {
          // One bound serves all lanes: the comparison must not vary from lane to lane.
          int bits = s.axes[static_cast<size_t>(s.vectorAxis)].bits;
          Stride u = strideOf(cmp.operand(0), m, s.vectorAxis, bits), v = strideOf(cmp.operand(1), m, s.vectorAxis, bits);
          if (u.kind != Stride::Constant || v.kind != Stride::Constant || u.value != v.value) return;
        }
        if (d == 1 || d == -1) s.bounds.push_back({&cmp, m, axis, d == -1});
        return;
      }
    });
}

// Neighbouring elements in memory go to neighbouring threads. Threads that are left go to parallel axes, so that few partial results must
// be combined, and then to reduced ones.
void NestScheduler::mapThreads(const Nest& nest, NestSchedule& s) const {
  int left = log2(threads_), outer = 0;
  bool scans = false, known = true;
  for (const Anchor& anchor : nest.anchors) {
    scans |= anchor.kind == Anchor::Scan;
    known &= anchor.kind != Anchor::Combine || combineOf(*anchor.inst);
    // Reports come in the order of their elements.
    if (anchor.kind == Anchor::Effect && (anchor.inst->op == Op::Print || anchor.inst->op == Op::Assert)) left = 0;
  }
  for (NestSchedule::Axis& axis : s.axes) {
    axis.threadBits = 0;
    if (!axis.isReduced) outer += axis.bits;
  }
  if (s.layout) {
    for (size_t i = 0; i < s.axisOfBit.size(); ++i)
      if (NestSchedule::Axis& axis = s.axes[static_cast<size_t>(s.axisOfBit[i])]; s.layout->place[i] >= 0) axis.threadBits = axis.bits;
    return;
  }
  auto deal = [&](NestSchedule::Axis& axis, int most) {
    if (axis.isReduced && scans) return;
    int n = std::min({left, most, axis.bits - axis.laneBits - axis.threadBits});
    axis.threadBits += n;
    left -= n;
  };
  if (s.contiguousAxis >= 0) {
    NestSchedule::Axis& axis = s.axes[static_cast<size_t>(s.contiguousAxis)];
    deal(axis, axis.isReduced && outer > 0 ? machine_.reducedThreadBits : left);
  }
  for (int reduced = 0; reduced < 2; ++reduced)
    for (size_t i = s.order.size(); i-- > 0;)
      if (NestSchedule::Axis& axis = s.axes[static_cast<size_t>(s.order[i])]; axis.isReduced == (reduced == 1)) deal(axis, left);
  // Without an identity every thread must start with an element, so loops over reduced axes keep their full length.
  if (!known) std::erase_if(s.bounds, [&](const NestSchedule::Bound& b) { return s.axes[static_cast<size_t>(b.axis)].isReduced; });
}

// The layout of a value in memory.
const Layout* NestScheduler::layoutOf(const Value* v) {
  if (!isStored(v)) return nullptr;
  if (auto now = request_->stored.find(v); now != request_->stored.end()) return now->second;
  const Inst* loop = v->def;
  size_t slot = static_cast<size_t>(v->index);
  if (!v->def) {
    loop = v->block->parent->parent;
    if (loop->op == Op::For) --slot;
  }
  if (loop->op == Op::While) return nullptr;
  if (const Layout* rows = layouts_.replicated(loop->op == Op::For ? loop->results[slot] : v)) return rows;
  if (loop->op == Op::For) return layouts_.carried(*loop, slot);
  if (auto carried = schedule_.inPlaceOf.find(v); carried != schedule_.inPlaceOf.end()) return layoutOf(carried->second);
  return layouts_.resident(v);
}

// The layout of the memory that a carried value or the result of a branch is written to.
const Layout* NestScheduler::targetOf(const Anchor& carry) {
  const Inst* parent = carry.inst->parent->parent->parent;
  if (carry.inst->op != Op::Yield || parent->op == Op::While) return nullptr;
  const Value* result = parent->results[carry.slot];
  if (const Layout* rows = layouts_.replicated(result)) return rows;
  if (parent->op != Op::For) return layouts_.resident(result);
  auto through = schedule_.throughTemporary.find(carry.inst);
  const bool isTemporary = through != schedule_.throughTemporary.end() && through->second[carry.slot];
  return isTemporary ? nullptr : layouts_.carried(*parent, carry.slot);
}

void NestScheduler::findLayout(const Nest& nest, NestSchedule& s) {
  s.layout = request_->target;
  // A nest that reads row values has the layout of the tile with these rows.
  auto use = [&](const Layout* layout) {
    if (layout) s.layout = nest.shape.size() == 2 && layout->isReplicated ? layouts_.ofDot(nest.shape) : layout;
  };
  for (const Anchor& anchor : nest.anchors) {
    if (anchor.kind == Anchor::Buffer && !request_->isCopy)
      if (const Layout* resident = layouts_.resident(anchor.value)) s.layout = resident;
    if (anchor.kind == Anchor::Combine && layouts_.isReplicated(anchor.inst->results[0])) s.layout = layouts_.ofDot(nest.shape);
    if (anchor.kind == Anchor::Carry) use(targetOf(anchor));
    visitInlined(anchor, [&](const Value* v) { return inMemory(v); }, [&](const Value* v, const IndexMap&) { use(layoutOf(v)); });
  }
}

// Returns true if each thread has only a few vectors.
bool NestScheduler::isShort(const Nest& nest, const NestSchedule& s) const {
  if (threads_ == 1) return false;
  for (const Anchor& anchor : nest.anchors)
    if (anchor.kind == Anchor::Scan || (anchor.kind == Anchor::Effect && anchor.inst->op != Op::Store)) return false;
  int lanes = s.vectorAxis < 0 ? 0 : s.axes[static_cast<size_t>(s.vectorAxis)].laneBits;
  int bits = static_cast<int>(s.axisOfBit.size()) - log2(threads_) - lanes;
  return bits <= (schedule_.hasManyNests ? 0 : machine_.unrolledVectorBits);
}

// log2 of the chunks of a scan: as many as there are threads that other axes leave idle.
int NestScheduler::chunkBits(const Nest& nest, int axisBits, int otherBits) const {
  if (threads_ == 1 || nest.anchors[0].kind != Anchor::Scan || !isStraightLine(*nest.anchors[0].inst->regions[0])) return 0;
  return std::clamp(log2(threads_) - otherBits, 0, axisBits);
}

// Whether an operand of subgroup matrices is stored column by column: it is loaded that way, and nothing else reads it.
bool NestScheduler::transposes(const Nest& nest, const NestSchedule& s) const {
  const Anchor& anchor = nest.anchors[0];
  if (nest.anchors.size() != 1 || anchor.kind != Anchor::Buffer || !layouts_.isMatrixOperand(anchor.value) || s.contiguousAxis < 0)
    return false;
  int n = anchor.value->type.log2(1);
  if (n == anchor.value->type.bits() || s.axisOfBit[static_cast<size_t>(n)] != s.contiguousAxis || s.axisOfBit[0] == s.contiguousAxis)
    return false;
  bool alone = true;
  walk(kernel_.body, [&](const Inst& inst) {
    for (const Value* v : inst.operands) alone &= v != anchor.value || layouts_.isMatrixDot(inst);
  });
  return alone;
}

// The first bit of the thread's number that counts along an axis.
int NestScheduler::firstThreadBit(size_t axis, const NestSchedule& s) {
  if (s.layout) {
    for (size_t i = 0; i < s.axisOfBit.size(); ++i)
      if (s.axisOfBit[i] == static_cast<int>(axis) && s.bitInAxis[i] == 0) return s.layout->place[i];
    return 0;
  }
  if (static_cast<int>(axis) == s.contiguousAxis) return 0;
  int first = s.contiguousAxis >= 0 ? s.axes[static_cast<size_t>(s.contiguousAxis)].threadBits : 0;
  for (size_t a = 0; a < axis; ++a)
    if (static_cast<int>(a) != s.contiguousAxis) first += s.axes[a].threadBits;
  return first;
}

// Where threads keep partial results of reductions. In registers if subgroups combine them and their numbers are constants.
void NestScheduler::placePartials(NestSchedule& s) const {
  for (size_t a = 0; a < s.axes.size(); ++a)
    for (int i = 0; s.axes[a].isReduced && i < s.axes[a].threadBits; ++i) s.partialThreads.push_back(s.axes[a].firstThreadBit + i);
  const std::vector<int>& partial = s.partialThreads;
  const int subgroupBits = log2(machine_.subgroupThreads);
  if (!schedule_.kernel.subgroups || std::none_of(partial.begin(), partial.end(), [&](int bit) { return bit < subgroupBits; })) return;
  Layout l;
  l.place = partial;
  l.threadBits = log2(threads_);
  std::vector<size_t> registers;  // bits of the results' index, those of lanes first
  for (size_t i = 0; i < s.axisOfBit.size(); ++i) {
    const NestSchedule::Axis& axis = s.axes[static_cast<size_t>(s.axisOfBit[i])];
    if (axis.isReduced) continue;
    int in = s.bitInAxis[i] - axis.laneBits;
    l.place.push_back(in >= 0 && in < axis.threadBits ? axis.firstThreadBit + in : 0);
    if (in >= 0 && in < axis.threadBits) continue;
    if (in >= 0 && axis.threadBits > 0) return;
    if (in < 0) ++l.laneBits;
    registers.insert(in < 0 ? registers.begin() + (l.laneBits - 1) : registers.end(), l.place.size() - 1);
  }
  if (!registers.empty() && !s.unrolled) return;
  for (size_t k = 0; k < registers.size(); ++k) l.place[registers[k]] = ~static_cast<int>(k);
  l.registerBits = static_cast<int>(registers.size());
  s.partialLayout = std::move(l);
}

}  // namespace nereid
