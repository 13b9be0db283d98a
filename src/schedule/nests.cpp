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
  // The number of a thread's register must be a constant. And a few elements are loaded sooner if they are unrolled, with masks.
  s.unrolled = s.layout || isShort(nest, s);
  chooseJammed(nest, s);
  if (request.choose) decide(nest, s, *request.choose);
  findBounds(nest, s);
  if (s.unrolled) s.bounds.clear();
  if (threads_ > 1) {
    const std::vector<NestSchedule::Axis> decided = s.axes;
    mapThreads(nest, s);
    if (request.choose && !s.layout)
      for (size_t a = 0; a < s.axes.size(); ++a) s.axes[a].threadBits = decided[a].threadBits;
    for (size_t a = 0; a < s.axes.size(); ++a) s.axes[a].firstThreadBit = firstThreadBit(a, s);
    spreadThreads(nest, s);
    placePartials(s);
    // Each thread keeps the partial results of fixed rows, so a loop over rows must not begin in the middle.
    if (s.partialLayout)
      std::erase_if(s.bounds, [&](const NestSchedule::Bound& b) { return !s.axes[static_cast<size_t>(b.axis)].isReduced; });
  }
  findVersions(nest, s);
  if (request.choose) {
    auto whyNot = [&](int tested) { return std::string(tested || !s.versions.tests.empty() ? "" : "its accesses cannot meet"); };
    const int tested = ask(*request.choose, {Decision::Tested, 0, 1, "arguments seldom overlap", {1, 0}, whyNot});
    if (!tested) s.versions.onlyBuffered = true;
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
  const int bits = indexBits(nest.shape);
  std::vector<bool> cut(static_cast<size_t>(bits) + 1, false);  // before bit i
  int low = 0, reducedLow = -1, reducedHigh = -1;
  for (size_t i = nest.shape.size(); i-- > 0;) {
    int n = std::countr_zero(static_cast<uint64_t>(nest.shape[i]));
    if (static_cast<int>(i) == nest.reduceAxis) {
      reducedLow = low;
      reducedHigh = low + n;
      cut[static_cast<size_t>(low)] = cut[static_cast<size_t>(reducedHigh)] = true;
    }
    low += n;
  }
  if (!request_->anyLayout) findLayout(nest, s);
  if (s.layout)
    for (size_t i = 1; i < s.layout->place.size(); ++i)
      if (!s.layout->joins(i)) cut[i] = true;
  if (s.layout && s.layout->laneBits > 0) {
    const auto lane = static_cast<size_t>(s.layout->firstLane());
    cut[lane] = cut[lane + static_cast<size_t>(s.layout->laneBits)] = true;
  }
  for (const Anchor& anchor : nest.anchors)
    if (anchor.kind == Anchor::Buffer && transposed_.count(anchor.value)) cut[static_cast<size_t>(anchor.value->type.log2(1))] = true;
  // Padded rows are an axis of their own.
  auto rowBits = [&](const Value* v) { return static_cast<size_t>(v->type.log2(v->type.rank - 1)); };
  for (const Anchor& anchor : nest.anchors)
    if (anchor.kind == Anchor::Buffer && schedule_.padded.count(anchor.value)) cut[rowBits(anchor.value)] = true;
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
      if (schedule_.padded.count(v) && rowBits(v) < map.size() && !map[rowBits(v)].isConstant()) cut[map[rowBits(v)].bit] = true;
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
    }
    s.axisOfBit.push_back(static_cast<int>(s.axes.size()) - 1);
    s.bitInAxis.push_back(s.axes.back().bits++);
  }
}

// Whether the lanes of a vector can be elements that are scanned: neighbours along the axis, or along the lowest bits of it.
bool NestScheduler::mayScanLanes(const Nest& nest, const NestSchedule& s, int axis) const {
  if (threads_ > 1) return false;
  for (int a = 0; a < axis; ++a)
    if (s.axes[static_cast<size_t>(a)].isReduced) return false;
  return std::all_of(nest.anchors.begin(), nest.anchors.end(), [](const Anchor& a) {
    return a.kind != Anchor::Scan ||
           std::none_of(a.inst->operands.begin(), a.inst->operands.end(), [](const Value* v) { return v->type.isBool(); });
  });
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
      if (mayComeFromNegative(cmp.operand(0)) || mayComeFromNegative(cmp.operand(1))) return;
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
        for (int lanes : {s.vectorAxis, s.transposedAxis}) {
          // One bound serves all lanes: the comparison must not vary from lane to lane.
          if (lanes < 0 || lanes == axis) continue;
          int bits = s.axes[static_cast<size_t>(lanes)].bits;
          Stride u = strideOf(cmp.operand(0), m, lanes, bits), v = strideOf(cmp.operand(1), m, lanes, bits);
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

void NestScheduler::findLayout(const Nest& nest, NestSchedule& s) {
  if (request_->like) {
    s.layout = request_->like;
    return;
  }
  auto memory = [&](const Value* v) { return inMemory(v); };
  auto layout = [&](const Value* v) { return isStored(v) ? layoutOf(v) : nullptr; };
  s.layout = threads_ == 1 ? nullptr : layouts_.ofNest(nest, memory, layout, request_->target, request_->isCopy);
}

const Layout* NestScheduler::layoutOf(const Value* v) const {
  auto now = request_->stored.find(v);
  return now != request_->stored.end() ? now->second : layouts_.of(v);
}

// Returns true if each thread has only a few vectors.
bool NestScheduler::isShort(const Nest& nest, const NestSchedule& s) const {
  if (threads_ == 1) return false;
  for (const Anchor& anchor : nest.anchors)
    if (anchor.kind == Anchor::Scan || (anchor.kind == Anchor::Effect && anchor.inst->op != Op::Store)) return false;
  int lanes = s.vectorAxis < 0 ? 0 : s.axes[static_cast<size_t>(s.vectorAxis)].laneBits;
  const int own = static_cast<int>(s.axisOfBit.size()) - log2(threads_);
  return schedule_.hasManyNests ? own - lanes <= 0 : own - lanes <= machine_.unrolledVectorBits || own <= machine_.unrolledElementBits;
}

bool NestScheduler::isMatrixBuffer(const Nest& nest) const {
  const Anchor& anchor = nest.anchors[0];
  return nest.anchors.size() == 1 && anchor.kind == Anchor::Buffer && layouts_.isMatrixOperand(anchor.value);
}

// Whether an operand of subgroup matrices is stored column by column: it is loaded that way, and nothing else reads it.
bool NestScheduler::transposes(const Nest& nest, const NestSchedule& s) const {
  const Anchor& anchor = nest.anchors[0];
  if (!isMatrixBuffer(nest) || s.contiguousAxis < 0) return false;
  int n = anchor.value->type.log2(1);
  if (n == anchor.value->type.bits() || s.axisOfBit[static_cast<size_t>(n)] != s.contiguousAxis || s.axisOfBit[0] == s.contiguousAxis)
    return false;
  bool alone = true;
  walk(kernel_.body, [&](const Inst& inst) {
    const bool isDot = layouts_.isMatrixDot(inst) || (inst.op == Op::Trans && schedule_.transposeOf.count(inst.result()));
    for (const Value* v : inst.operands) alone &= v != anchor.value || isDot;
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

// Threads that store to shared memory together should meet different banks.
void NestScheduler::spreadThreads(const Nest& nest, NestSchedule& s) const {
  if (!isMatrixBuffer(nest) || machine_.maxAccessBytes == 0 || s.layout || s.axes.size() != 2 || s.contiguousAxis < 0) return;
  const int rows = 1 - s.contiguousAxis;
  if (1 << s.axes[static_cast<size_t>(rows)].threadBits < 2 * machine_.maxSpread) return;
  s.spreadAxis = rows;
  // In accesses: of a row, from one row to the next, and of all banks at once.
  const int64_t access = machine_.maxAccessBytes, banks = machine_.bankBytes / access, padding = machine_.operandPaddingBytes / access;
  const int64_t row = s.axes[static_cast<size_t>(s.contiguousAxis)].size() * byteSize(nest.anchors[0].value->type.element()) / access;
  for (int spread = 1; spread <= machine_.maxSpread && 2 * row == banks; spread *= 2)
    if ((row + padding) * spread % banks == row) s.spread = spread;
  if (request_->choose)
    s.spread = ask(*request_->choose, {Decision::Spread, 0, s.spread, "rows that threads store together are in different banks",
                                       powers(1, machine_.maxSpread), [](int) { return std::string(); }});
}

// Where threads keep partial results of reductions. In registers if subgroups combine them and their numbers are constants.
void NestScheduler::placePartials(NestSchedule& s) const {
  for (size_t a = 0; a < s.axes.size(); ++a)
    for (int i = 0; s.axes[a].isReduced && i < s.axes[a].threadBits; ++i) s.partialThreads.push_back(s.axes[a].firstThreadBit + i);
  int firstReduced = 0, reducedBits = 0;
  for (size_t i = s.axisOfBit.size(); i-- > 0;)
    if (s.axes[static_cast<size_t>(s.axisOfBit[i])].isReduced) {
      firstReduced = static_cast<int>(i);
      ++reducedBits;
    }
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
  if (s.layout) {
    // The layout in which the results stay.
    const Layout* result = layouts_.slice(*s.layout, firstReduced, reducedBits);
    l.place = partial;
    l.place.insert(l.place.end(), result->place.begin(), result->place.end());
    l.laneBits = 0;
    l.registerBits = result->registerBits;
    s.partialLayout = std::move(l);
    return;
  }
  for (size_t k = 0; k < registers.size(); ++k) l.place[registers[k]] = ~static_cast<int>(k);
  l.registerBits = static_cast<int>(registers.size());
  s.partialLayout = std::move(l);
}

}  // namespace nereid
