// SPDX-License-Identifier: MIT
// The schedule as text: nests in order, what each iterates for, how each access moves along each axis, what is buffered and why.
#include <algorithm>
#include <bit>

#include "schedule/layouts.h"
#include "schedule/schedule.h"
#include "schedule/text.h"

namespace nereid {

namespace {

std::string nameOf(const Value* v) {
  if (!v->name.empty()) return cat("%", v->name);
  if (!v->def) return cat("argument ", v->index);
  return cat(info(v->def->op).spelling, " at line ", v->def->loc.line());
}

std::string shapeOf(const std::vector<int64_t>& shape) {
  std::string out;
  for (int64_t d : shape) appendAll(out, out.empty() ? "" : "x", d);
  return out.empty() ? "one element" : out;
}

// Which bit of the register number or of the thread number each bit of the index is.
std::string layoutText(const Layout& layout) {
  std::string out;
  for (size_t i = 0; i < layout.place.size(); ++i) {
    const int at = layout.place[i];
    size_t last = i;
    while (last + 1 < layout.place.size() && layout.joins(last + 1)) ++last;
    const char* number = at < 0 ? "register" : "thread";
    appendAll(out, i ? ", " : "", number, " ", at < 0 ? ~at : at);
    if (last > i) appendAll(out, "-", (at < 0 ? ~at : at) + static_cast<int>(last - i));
    i = last;
  }
  return layout.replicas() ? out + "; replicated" : out;
}

class Describer {
 public:
  Describer(const Func& f, const Schedule& schedule) : schedule_(schedule) {
    out_ = cat("# schedule of ", f.name, "\n", kernelText(schedule.kernel), "\n");
    if (schedule.isSerial) line(1, "little but atomic operations: one thread runs all programs, if no other launch has atomic operations");
    block(f.body.entry(), 1);
  }
  std::string take() { return std::move(out_); }

 private:
  template <class... Parts>
  void line(int depth, const Parts&... parts) {
    out_ += "# " + std::string(static_cast<size_t>(depth) * 2, ' ') + cat(parts...) + "\n";
  }

  void block(const Block& b, int depth) {
    auto it = schedule_.blocks.find(&b);
    if (it == schedule_.blocks.end()) return;
    for (const Step& step : it->second.steps) {
      if (step.nest) {
        nest(*step.nest, depth);
        continue;
      }
      const Inst& inst = *step.inst;
      if (inst.regions.empty() || !isControl(inst.op)) continue;
      line(depth, info(inst.op).spelling, " at line ", inst.loc.line());
      for (Value* v : inst.results)
        if (v->type.isTile()) line(depth + 1, "carries ", nameOf(v), " ", shapeOf(v->type.shape()), " in a buffer");
      for (auto& r : inst.regions) block(r->entry(), depth + 1);
    }
  }

  void nest(const Nest& n, int depth) {
    line(depth, "nest over ", shapeOf(n.shape), n.reduceAxis >= 0 ? cat(", reducing axis ", n.reduceAxis) : std::string());
    if (n.exclusive) line(depth + 1, "two versions: loads and stores if no other thread runs, and atomic operations");
    // One axis a dimension: how pointers move along each.
    std::vector<IndexBit> domain;
    std::vector<int> bits(n.shape.size());
    for (size_t d = n.shape.size(); d-- > 0;) {
      bits[d] = std::countr_zero(static_cast<uint64_t>(n.shape[d]));
      for (int i = 0; i < bits[d]; ++i) domain.push_back({static_cast<int8_t>(d), static_cast<uint8_t>(i)});
    }
    auto inMemory = [&](const Value* v) { return isInMemory(schedule_, v); };
    std::vector<std::string> said;
    for (const Anchor& anchor : n.anchors) {
      switch (anchor.kind) {
        case Anchor::Buffer: line(depth + 1, "buffer ", nameOf(anchor.value), ": ", schedule_.buffered.at(anchor.value)); break;
        case Anchor::Carry: line(depth + 1, "carry ", nameOf(anchor.value), " to the next iteration"); break;
        case Anchor::Dot: {
          const DotSchedule& d = n.dot;
          line(depth + 1, "tt.dot at line ", anchor.inst->loc.line(),
               d.kind == DotSchedule::Tiles     ? ": tiles of accumulators in registers"
               : d.kind == DotSchedule::Threads ? ": each thread has a rectangle of accumulators"
                                                : ": subgroup matrices",
               d.group > 1 ? cat(", products of ", d.group, " neighbours along K at once") : "",
               schedule_.inPlaceOf.count(anchor.inst->result()) ? ", accumulated in place: nothing reads the old value later" : "");
          if (d.storesInit) line(depth + 1, "what the accumulators begin with is written to memory first");
          break;
        }
        default: line(depth + 1, info(anchor.inst->op).spelling, " at line ", anchor.inst->loc.line(), n.isScan ? ": in registers" : "");
      }
      auto moves = [&](const Value* ptr, const IndexMap& map) {
        std::string text;
        for (size_t d = 0; d < n.shape.size(); ++d) {
          Stride s = strideOf(ptr, map, static_cast<int>(d), bits[d]);
          appendAll(text, d ? ", " : "", "axis ", d, " ");
          if (s.kind == Stride::Constant)
            text += s.value == 1 ? "contiguous" : s.value == 0 ? "still" : cat("stride ", s.value);
          else
            text += s.kind == Stride::Runtime ? "run-time stride (two versions)" : "gather: the address is not affine";
        }
        return text;
      };
      auto say = [&](std::string text) {
        if (std::find(said.begin(), said.end(), text) != said.end()) return;
        line(depth + 2, text);
        said.push_back(std::move(text));
      };
      if (anchor.kind == Anchor::Effect && anchor.inst->op == Op::Store) say(cat("writes: ", moves(anchor.inst->operand(0), domain)));
      visitInlined(anchor, inMemory, [&](Value* v, const IndexMap& map) {
        IndexMap m;
        for (IndexBit b : map) m.push_back(b.isConstant() || b.bit >= domain.size() ? IndexBit{} : domain[b.bit]);
        if (v->def && v->def->op == Op::Load && !inMemory(v))
          say(cat("loads ", nameOf(v), v->name.empty() ? std::string() : cat(" (line ", v->def->loc.line(), ")"), ": ",
                  moves(v->def->operand(0), m)));
        else if (inMemory(v) && v->def && !(anchor.kind == Anchor::Buffer && v == anchor.value))
          say(cat("reads ", nameOf(v), " from its buffer"));
      });
    }
    if (n.prefetched) line(depth + 1, "prefetches what it loads in the next iteration of the loop at line ", n.prefetched->loc.line());
    const bool isDot = n.anchors[0].kind == Anchor::Dot;
    const Layout* layout = isDot && n.dot.kind != DotSchedule::Tiles ? schedule_.layouts->domain(n.shape) : n.loops.layout;
    if (layout) line(depth + 1, "layout of the index, from its lowest bit: ", layoutText(*layout));
    for (const NestSchedule::Bound& bound : n.loops.bounds)
      line(depth + 1, "the comparison at line ", bound.compare->loc.line(),
           bound.isLower ? " holds on a whole loop or is a mask" : " ends a loop instead of masking it");
    versions(n.loops.versions, depth + 1);
    if (const std::string text = nestText(n); !text.empty()) out_ += text + "\n";
  }

  void versions(const NestSchedule::Versions& v, int depth) {
    std::string loads;
    for (const Inst* load : v.loads) appendAll(loads, loads.empty() ? "" : ", ", load->loc.line());
    const std::string buffered =
        loads.empty() ? "stores run one after another" : cat("what line ", loads, " loads is written to memory first");
    if (v.onlyBuffered)
      line(depth, v.tests.empty() ? "accesses may meet, and an address is not affine: " : "accesses may meet: ", buffered);
    else if (v.mayMeet)
      line(depth, "accesses may meet: two versions, by a test of addresses; in the second ", buffered);
    if (v.testsStrides && !v.onlyBuffered) line(depth, "two versions, by a test that run-time strides are 1 and indices do not wrap");
    if (v.needsDistinct) line(depth, "arguments do not overlap");
  }

  const Schedule& schedule_;
  std::string out_;
};

}  // namespace

std::string describe(const Func& f, const Schedule& schedule) { return Describer(f, schedule).take(); }

}  // namespace nereid
