// SPDX-License-Identifier: MIT
// The decisions about a nest that a schedule's text, a random schedule or a search can replace, and which values of each are legal.
#include <algorithm>
#include <numeric>

#include "schedule/nests.h"
#include "support/text.h"

namespace nereid {

namespace {

// -1 and the axes.
std::vector<int> axesOrNone(int axes) {
  std::vector<int> out(static_cast<size_t>(axes) + 1);
  std::iota(out.begin(), out.end(), -1);
  return out;
}

}  // namespace

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

// Starts from the defaults, and replaces them one by one.
class NestDecider {
 public:
  NestDecider(NestScheduler& scheduler, const Nest& nest, NestSchedule& s, Choose choose);
  void run();

 private:
  NestSchedule::Axis& at(int axis) { return s_.axes[static_cast<size_t>(axis)]; }
  int laneBits(int axis) { return axis == s_.vectorAxis ? at(axis).laneBits : 0; }
  void decideVector();
  void decideTransposed();
  void decideThreads();
  void decideOrder();
  void decideUnrolled();
  void decideJammed();

  NestScheduler& scheduler_;
  const Machine& machine_;
  const Nest& nest_;
  NestSchedule& s_;
  const NestSchedule usual_;
  Choose choose_;
  bool scans_ = false, effects_ = false, reports_ = false;
};

void NestScheduler::decide(const Nest& nest, NestSchedule& s, Choose choose) { NestDecider(*this, nest, s, choose).run(); }

NestDecider::NestDecider(NestScheduler& scheduler, const Nest& nest, NestSchedule& s, Choose choose)
    : scheduler_(scheduler), machine_(scheduler.machine_), nest_(nest), s_(s), usual_(s), choose_(choose) {
  for (const Anchor& anchor : nest.anchors) {
    scans_ |= anchor.kind == Anchor::Scan;
    effects_ |= anchor.kind == Anchor::Effect && anchor.inst->op != Op::Store;
    reports_ |= anchor.kind == Anchor::Effect && (anchor.inst->op == Op::Print || anchor.inst->op == Op::Assert);
  }
}

void NestDecider::run() {
  decideVector();
  decideTransposed();
  decideThreads();
  decideOrder();
  decideUnrolled();
  decideJammed();
}

void NestDecider::decideVector() {
  const int axes = static_cast<int>(s_.axes.size());
  auto whyNotAxis = [&](int axis) -> std::string {
    if (axis < -1 || axis >= axes) return cat("there is no axis ", axis);
    if (s_.layout && axis != usual_.vectorAxis) return "a tile in registers has the lanes of its layout";
    if (axis < 0) return {};
    if (!s_.mayHaveLanes) return "an operation of this nest needs one element at a time";
    if (scans_ && at(axis).isReduced && !scheduler_.mayScanLanes(nest_, s_, axis)) return cat("a scan goes along axis ", axis);
    return at(axis).bits == 0 ? cat("axis ", axis, " has one element") : "";
  };
  const int axis =
      ask(choose_, {Decision::Vector, 0, usual_.vectorAxis, "most accesses are contiguous along it", axesOrNone(axes), whyNotAxis});
  const int64_t most = axis < 0 ? 1 : std::min<int64_t>(at(axis).size(), machine_.maxLanes);
  const bool keeps = axis == usual_.vectorAxis;
  const int usual = axis < 0 ? 1
                             : static_cast<int>(usual_.vectorAxis < 0 ? int64_t{1} << s_.registerLaneBits
                                                                      : usual_.axes[static_cast<size_t>(usual_.vectorAxis)].step());
  auto whyNotLanes = [&](int lanes) -> std::string {
    if (axis < 0) return lanes == 1 ? "" : "lanes need a vector axis";
    if (!isPower(lanes) || lanes == 1) return "lanes must be a power of two above 1; without lanes, write `vector none`";
    if (s_.layout && !(keeps && lanes == usual)) return "a tile in registers has the lanes of its layout";
    return lanes > most ? cat("at most ", most, " lanes") : "";
  };
  const int lanes = ask(
      choose_, {Decision::Lanes, 0, static_cast<int>(std::min<int64_t>(usual, most)),
                "as many registers as hide the latency of an operation", axis < 0 ? std::vector<int>{1} : powers(2, most), whyNotLanes});
  if (s_.layout) return;
  for (NestSchedule::Axis& a : s_.axes) a.laneBits = 0;
  s_.vectorAxis = axis;
  s_.transposedAxis = -1;
  if (axis < 0) return;
  s_.contiguousAxis = axis;
  at(axis).laneBits = log2(lanes);
}

void NestDecider::decideTransposed() {
  auto whyNot = [&](int axis) -> std::string {
    if (axis == -1) return {};
    const bool may = axis >= 0 && axis < static_cast<int>(s_.axes.size()) && !s_.layout && scheduler_.mayTranspose(nest_, s_, axis);
    return may ? "" : cat("blocks along axis ", axis, " cannot be transposed");
  };
  const int axis =
      ask(choose_, {Decision::Transposed, 0, usual_.transposedAxis, "loads are contiguous along one axis, and the write along this one",
                    axesOrNone(static_cast<int>(s_.axes.size())), whyNot});
  if (axis < 0) return;
  s_.transposedAxis = axis;
  at(axis).laneBits = s_.registerLaneBits = at(s_.vectorAxis).laneBits;
}

void NestDecider::decideThreads() {
  NestSchedule usual = s_;
  scheduler_.orderAxes(usual);
  scheduler_.mapThreads(nest_, usual);
  int left = log2(scheduler_.threads_);
  for (size_t a = 0; a < s_.axes.size(); ++a) {
    NestSchedule::Axis& axis = s_.axes[a];
    const int fixed = 1 << usual.axes[a].threadBits;
    auto whyNot = [&](int threads) -> std::string {
      if (!isPower(threads)) return "threads along an axis must be a power of two";
      if (s_.layout) return threads == fixed ? "" : "a tile in registers has the threads of its layout";
      const int bits = log2(threads);
      if (bits > left) return cat("a program has ", scheduler_.threads_, " threads");
      if (bits > axis.bits - laneBits(static_cast<int>(a))) return cat("axis ", a, " has fewer vectors than ", threads, " threads");
      if (bits > 0 && scans_ && axis.isReduced) return cat("a scan goes along axis ", a);
      return bits > 0 && reports_ ? "reports come in the order of their elements" : "";
    };
    const int threads = ask(choose_, {Decision::Threads, static_cast<int>(a), fixed, "neighbouring threads have neighbouring elements",
                                      s_.layout ? std::vector<int>{fixed} : powers(1, int64_t{1} << std::min(left, axis.bits)), whyNot});
    axis.threadBits = log2(threads);
    left -= axis.threadBits;
  }
}

// Parallel axes outside of reduced ones, the vector axis innermost of its kind.
void NestDecider::decideOrder() {
  NestSchedule usual = s_;
  scheduler_.orderAxes(usual);
  std::vector<int> left(s_.axes.size());
  std::iota(left.rbegin(), left.rend(), 0);
  std::vector<int> order;
  while (!left.empty()) {
    auto other = [&](auto&& condition) { return std::any_of(left.begin(), left.end(), condition); };
    auto whyNot = [&](int a) -> std::string {
      if (std::find(left.begin(), left.end(), a) == left.end()) return "`order` has each axis once";
      if (at(a).isReduced && other([&](int b) { return !at(b).isReduced; })) return "reduced axes are the inner loops";
      if (scans_ && at(a).isReduced && other([&](int b) { return at(b).isReduced && b > a; }))
        return "a scan goes along its axes in the order of their elements";
      if (a == s_.vectorAxis && other([&](int b) { return b != a && b != s_.transposedAxis && at(b).isReduced == at(a).isReduced; }))
        return "the vector axis is the innermost of its kind";
      return {};
    };
    // The first axis of the default order that is still legal.
    int next = left[0];
    for (size_t i = usual.order.size(); i-- > 0;)
      if (whyNot(usual.order[i]).empty()) next = usual.order[i];
    next = ask(choose_, {Decision::Order, static_cast<int>(order.size()), next, "as in memory", left, whyNot});
    order.push_back(next);
    std::erase(left, next);
  }
  s_.order = std::move(order);
}

void NestDecider::decideUnrolled() {
  int64_t copies = 1;
  for (size_t a = 0; a < s_.axes.size(); ++a) copies *= s_.axes[a].size() >> (s_.axes[a].threadBits + laneBits(static_cast<int>(a)));
  auto whyNot = [&](int unrolled) -> std::string {
    if (s_.layout) return unrolled ? "" : "the elements of a tile in registers are unrolled";
    if (!unrolled) return {};
    if (scans_ || effects_) return "only stores, buffers and reductions are unrolled";
    return copies > machine_.maxUnrolledCopies ? cat("unrolling would make ", copies, " copies of the body") : "";
  };
  s_.unrolled =
      ask(choose_, {Decision::Unrolled, 0, s_.layout || scheduler_.isShort(nest_, s_), "each thread has few vectors", {0, 1}, whyNot});
}

void NestDecider::decideJammed() {
  const int axis = scheduler_.jammedAxis(nest_, s_);
  s_.jammed = 0;
  if (axis < 0) return;
  auto whyNot = [&](int rows) -> std::string {
    if (!isPower(rows)) return "rows that run together must be a power of two";
    return rows > std::min<int64_t>(machine_.maxJammed, at(axis).size()) ? "too many rows to run together" : "";
  };
  s_.jammed =
      ask(choose_, {Decision::Jammed, 0, std::max(1, usual_.jammed), "rows share what they load", powers(1, machine_.maxJammed), whyNot});
}

}  // namespace nereid
