// SPDX-License-Identifier: MIT
#include "schedule/nests.h"

#include <algorithm>
#include <bit>

#include "analysis/combine.h"
#include "schedule/text.h"

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
  NestDecision drawn;
  const NestDecision* decision = request.decision;
  s.unrolled = s.layout || isShort(nest, s);
  if (request.random) {
    drawn = draw(*request.random, nest, s);
    decision = &drawn;
  }
  illegal.clear();
  if (decision && !apply(*decision, nest, s)) decision = nullptr;
  findBounds(nest, s);
  // The number of a thread's register must be a constant. And a few elements are loaded sooner if they are unrolled, with masks.
  if (!decision) s.unrolled = s.layout || isShort(nest, s);
  if (s.unrolled) s.bounds.clear();
  if (threads_ > 1) {
    const std::vector<NestSchedule::Axis> decided = s.axes;
    mapThreads(nest, s);
    if (decision && !s.layout)
      for (size_t a = 0; a < s.axes.size(); ++a) s.axes[a].threadBits = decided[a].threadBits;
    for (size_t a = 0; a < s.axes.size(); ++a) s.axes[a].firstThreadBit = firstThreadBit(a, s);
    placePartials(s);
    // Each thread keeps the partial results of fixed rows, so a loop over rows must not begin in the middle.
    if (s.partialLayout)
      std::erase_if(s.bounds, [&](const NestSchedule::Bound& b) { return !s.axes[static_cast<size_t>(b.axis)].isReduced; });
  }
  findVersions(nest, s, request.random ? nullptr : decision);
  if (request.random && !s.versions.tests.empty()) s.versions.onlyBuffered = request.random->below(4) == 0;
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

// Whether blocks of lanes x lanes elements along the vector axis and this one can be transposed.
bool NestScheduler::mayTranspose(const Nest& nest, const NestSchedule& s, int axis) const {
  const Anchor& anchor = nest.anchors[0];
  const bool isStore = anchor.kind == Anchor::Effect && anchor.inst->op == Op::Store;
  if (threads_ > 1 || nest.anchors.size() > 1 || (!isStore && anchor.kind != Anchor::Buffer) || axis == s.vectorAxis || s.vectorAxis < 0)
    return false;
  const Type& type = isStore ? anchor.inst->operand(1)->type : anchor.value->type;
  const int lanes = s.axes[static_cast<size_t>(s.vectorAxis)].laneBits;
  return !type.isPointer() && !type.isBool() && lanes > 0 && lanes <= log2(machine_.maxTransposedLanes) &&
         s.axes[static_cast<size_t>(axis)].bits >= lanes;
}

// Replaces the defaults by a decision. Returns false, and says why, if it is not legal.
bool NestScheduler::apply(const NestDecision& d, const Nest& nest, NestSchedule& s) {
  auto fail = [&](auto&&... text) {
    illegal = cat(text...);
    return false;
  };
  const size_t n = s.axes.size();
  auto axis = [&](int a) -> NestSchedule::Axis& { return s.axes[static_cast<size_t>(a)]; };
  if (d.axes != axesText(s)) return fail("the axes are ", axesText(s), ", not ", d.axes);
  if (d.threads.size() != n || d.order.size() != n) return fail("`threads` and `order` have an item for each of the ", n, " axes");
  bool scans = false, effects = false;
  for (const Anchor& anchor : nest.anchors) {
    scans |= anchor.kind == Anchor::Scan;
    effects |= anchor.kind == Anchor::Effect && anchor.inst->op != Op::Store;
  }
  // Lanes.
  const int lanes = d.vectorAxis < 0 ? 1 : d.lanes;
  if (d.vectorAxis >= static_cast<int>(n)) return fail("there is no axis ", d.vectorAxis);
  if (lanes < 1 || !std::has_single_bit(static_cast<unsigned>(lanes)) || (d.vectorAxis >= 0 && lanes == 1))
    return fail("lanes must be a power of two above 1; without lanes, write `vector none`");
  if (d.vectorAxis >= 0) {
    if (!s.mayHaveLanes) return fail("an operation of this nest needs one element at a time");
    if (scans && axis(d.vectorAxis).isReduced && !mayScanLanes(nest, s, d.vectorAxis)) return fail("a scan goes along axis ", d.vectorAxis);
    if (lanes > axis(d.vectorAxis).size() || lanes > machine_.maxLanes)
      return fail("at most ", std::min<int64_t>(axis(d.vectorAxis).size(), machine_.maxLanes), " lanes");
  }
  const bool keepsLanes = d.vectorAxis == s.vectorAxis && (d.vectorAxis < 0 || lanes == axis(d.vectorAxis).step());
  if (s.layout && (!keepsLanes || !d.unrolled))
    return fail("a tile in registers has the lanes of its layout, and its elements are unrolled");
  // Threads.
  int threadBits = 0;
  for (size_t a = 0; a < n && !s.layout; ++a) {
    const int threads = d.threads[a];
    if (threads < 1 || !std::has_single_bit(static_cast<unsigned>(threads))) return fail("threads along an axis must be a power of two");
    const int bits = log2(threads);
    threadBits += bits;
    if (bits > s.axes[a].bits - (static_cast<int>(a) == d.vectorAxis ? log2(lanes) : 0))
      return fail("axis ", a, " has fewer vectors than ", threads, " threads");
    if (bits > 0 && scans && s.axes[a].isReduced) return fail("a scan goes along axis ", a);
    if (bits > 0 && effects) return fail("an effect of this nest happens element by element");
  }
  if (threadBits > log2(threads_)) return fail("a program has ", threads_, " threads");
  // Order: parallel axes outside of reduced ones, the vector axis innermost of its kind.
  std::vector<bool> seen(n, false);
  for (size_t i = 0; i < n; ++i) {
    const int a = d.order[i];
    if (a < 0 || a >= static_cast<int>(n) || seen[static_cast<size_t>(a)]) return fail("`order` has each axis once");
    seen[static_cast<size_t>(a)] = true;
    if (i > 0 && axis(d.order[i - 1]).isReduced && !axis(a).isReduced) return fail("reduced axes are the inner loops");
    if (i > 0 && scans && axis(a).isReduced && axis(d.order[i - 1]).isReduced && d.order[i - 1] < a)
      return fail("a scan goes along its axes in the order of their elements");
    if (i > 0 && d.order[i - 1] == d.vectorAxis && a != d.transposedAxis && axis(a).isReduced == axis(d.vectorAxis).isReduced)
      return fail("the vector axis is the innermost of its kind");
  }
  // Unrolling.
  int64_t copies = 1;
  for (size_t a = 0; a < n; ++a)
    copies *= s.axes[a].size() >> (log2(std::max(1, d.threads[a])) + (static_cast<int>(a) == d.vectorAxis ? log2(lanes) : 0));
  if (d.unrolled && !s.layout && (scans || effects)) return fail("only stores, buffers and reductions are unrolled");
  if (d.unrolled && !s.layout && copies > machine_.maxUnrolledCopies) return fail("unrolling would make ", copies, " copies of the body");
  if (!s.layout) {
    for (NestSchedule::Axis& a : s.axes) a.laneBits = 0;
    s.vectorAxis = d.vectorAxis;
    if (d.vectorAxis >= 0) {
      s.contiguousAxis = d.vectorAxis;
      axis(d.vectorAxis).laneBits = log2(lanes);
    }
    for (size_t a = 0; a < n; ++a) s.axes[a].threadBits = log2(d.threads[a]);
    s.transposedAxis = -1;
    if (d.transposedAxis >= static_cast<int>(n) || (d.transposedAxis >= 0 && !mayTranspose(nest, s, d.transposedAxis)))
      return fail("blocks along axis ", d.transposedAxis, " cannot be transposed");
    if (d.transposedAxis >= 0) {
      s.transposedAxis = d.transposedAxis;
      axis(d.transposedAxis).laneBits = s.registerLaneBits = log2(lanes);
    }
  }
  s.order = d.order;
  s.unrolled = d.unrolled;
  return true;
}

// A legal decision at random.
NestDecision NestScheduler::draw(Random& random, const Nest& nest, const NestSchedule& s) const {
  NestDecision d;
  d.axes = axesText(s);
  d.unrolled = s.unrolled;
  bool scans = false, effects = false;
  for (const Anchor& anchor : nest.anchors) {
    scans |= anchor.kind == Anchor::Scan;
    effects |= anchor.kind == Anchor::Effect && anchor.inst->op != Op::Store;
  }
  const int n = static_cast<int>(s.axes.size());
  std::vector<int> left;  // bits of each axis
  for (const NestSchedule::Axis& a : s.axes) left.push_back(a.bits);
  if (s.layout) {
    d.vectorAxis = s.vectorAxis;
    d.lanes = s.vectorAxis < 0 ? 1 : static_cast<int>(s.axes[static_cast<size_t>(s.vectorAxis)].step());
  } else if (s.mayHaveLanes && n > 0 && random.below(4) > 0) {
    const int a = random.below(n), most = std::min(left[static_cast<size_t>(a)], log2(machine_.maxLanes));
    const NestSchedule::Axis& axis = s.axes[static_cast<size_t>(a)];
    if (most > 0 && (!scans || !axis.isReduced || mayScanLanes(nest, s, a))) {
      d.vectorAxis = a;
      d.lanes = 2 << random.below(most);
      left[static_cast<size_t>(a)] -= log2(d.lanes);
    }
  }
  int threadBits = log2(threads_);
  int64_t copies = 1;
  for (int a = 0; a < n; ++a) {
    const NestSchedule::Axis& axis = s.axes[static_cast<size_t>(a)];
    const int most = effects || s.layout || (scans && axis.isReduced) ? 0 : std::min(left[static_cast<size_t>(a)], threadBits);
    const int bits = random.below(most + 1);
    d.threads.push_back(1 << bits);
    threadBits -= bits;
    copies <<= left[static_cast<size_t>(a)] - bits;
  }
  if (!s.layout) d.unrolled = !scans && !effects && copies <= machine_.maxUnrolledCopies && random.below(2);
  for (int reduced = 0; reduced < 2; ++reduced) {
    std::vector<int> axes;
    const bool isFixed = scans && reduced == 1;
    for (int a = 0; a < n; ++a)
      if (s.axes[static_cast<size_t>(a)].isReduced == (reduced == 1) && a != d.vectorAxis)
        axes.insert(axes.begin() + (isFixed ? 0 : random.below(static_cast<int>(axes.size()) + 1)), a);
    d.order.insert(d.order.end(), axes.begin(), axes.end());
    if (d.vectorAxis >= 0 && s.axes[static_cast<size_t>(d.vectorAxis)].isReduced == (reduced == 1)) d.order.push_back(d.vectorAxis);
  }
  if (n > 0 && d.vectorAxis >= 0) {
    NestSchedule chosen = s;
    chosen.vectorAxis = d.vectorAxis;
    chosen.axes[static_cast<size_t>(d.vectorAxis)].laneBits = log2(d.lanes);
    if (const int a = random.below(n); mayTranspose(nest, chosen, a)) d.transposedAxis = a;
  }
  return d;
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
