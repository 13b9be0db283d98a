// SPDX-License-Identifier: MIT
// Verifies the order of memory in a schedule.
//
//   %a = tt.load %p                 a nest that computes %a behind the store reads what the store wrote:
//   tt.store %p, %b                 the schedule must buffer %a before it
//   scf.for ... iter_args(%c = %a)
//
// The rule holds wherever a load is computed: in nests, in the copies that loops begin with, in what loops carry and branches yield. Tiles
// that a loop carries are memory too: a nest must not read one after its next value has overwritten it. Lowering orders the accesses within
// one nest.
//
// The planner keeps this order while it forms nests; here the finished schedule is followed in the order in which it is emitted.
#include "schedule/schedule.h"

namespace nereid {

namespace {

class Verifier {
 public:
  Verifier(const Func& f, const Schedule& schedule) : schedule_(schedule) {
    number(f.body);
    block(f.body.entry());
  }

  std::string run() {
    for (const Read& read : reads_)
      for (const Anchor& anchor : read.nest->anchors) check(read, anchor);
    return std::move(fault_);
  }

 private:
  // What computes values: a nest, or the copy of what a loop begins with.
  struct Read {
    const Nest* nest;
    int time;
  };
  struct Write {
    const Inst* inst;
    const Nest* nest;  // null: a scalar operation
    int time;
  };
  // A carried tile that is written over while its loop's body runs.
  struct Overwrite {
    const Inst* loop;
    const Nest* nest;
    int time;
  };

  void number(const Region& region) {
    for (const Block* b : region.blocks)
      for (const Inst* inst : b->insts) {
        number_[inst] = next_++;
        for (auto& r : inst->regions) number(*r);
        end_[inst] = next_;
      }
  }
  bool contains(const Inst* outer, const Inst* inner) const {
    int at = number_.at(inner);
    return number_.at(outer) < at && at < end_.at(outer);
  }
  static std::vector<const Inst*> loopsAround(const Inst* inst) {
    std::vector<const Inst*> loops;
    for (const Block* b = inst->parent; b && b->parent && b->parent->parent; b = b->parent->parent->parent)
      if (const Inst* parent = b->parent->parent; parent->op == Op::For || parent->op == Op::While) loops.push_back(parent);
    return loops;
  }

  // Follows the steps and notes when each access is.
  void block(const Block& b) {
    auto at = schedule_.blocks.find(&b);
    if (at == schedule_.blocks.end()) return;
    for (const Step& step : at->second.steps) {
      ++time_;
      if (step.nest) {
        reads_.push_back({step.nest.get(), time_});
        for (const Anchor& anchor : step.nest->anchors) {
          if (anchor.kind == Anchor::Effect) writes(anchor.inst, step.nest.get());
          if (anchor.kind == Anchor::Dot)
            if (auto carried = schedule_.inPlaceOf.find(anchor.inst->result()); carried != schedule_.inPlaceOf.end())
              overwrites_.emplace(carried->second,
                                  Overwrite{loopOf(carried->second), step.nest.get(), time_});  // the first of several dots
          if (anchor.kind == Anchor::Carry && anchor.inst->op == Op::Yield) carries(anchor, step.nest.get());
        }
        continue;
      }
      const Inst& inst = *step.inst;
      writes(&inst, nullptr);
      if (inst.op == Op::For || inst.op == Op::While)
        for (size_t i = 0; i < inst.operands.size(); ++i)
          if (Value* v = inst.operands[i]; v->type.isTile()) {
            copies_.push_back(std::make_unique<Nest>());
            copies_.back()->anchors.push_back({Anchor::Carry, step.inst, v, i});
            reads_.push_back({copies_.back().get(), time_});
          }
      if (isControl(inst.op))
        for (auto& r : inst.regions) block(r->entry());
    }
  }
  void writes(const Inst* inst, const Nest* nest) {
    Effects effects = info(inst->op).effects;
    if (effects == Effects::Writes || effects == Effects::Atomic) writes_.push_back({inst, nest, time_});
  }
  static const Inst* loopOf(const Value* arg) { return arg->block->parent->parent; }
  void carries(const Anchor& anchor, const Nest* nest) {
    const Inst* loop = anchor.inst->parent->parent->parent;
    auto through = schedule_.throughTemporary.find(anchor.inst);
    if (loop->op != Op::For || (through != schedule_.throughTemporary.end() && through->second[anchor.slot])) return;
    const Value* arg = loop->regions[0]->entry().args[1 + anchor.slot];
    if (!overwrites_.count(arg)) overwrites_[arg] = {loop, nest, time_};
  }

  void check(const Read& read, const Anchor& anchor) {
    const Inst* reader = anchor.inst;
    visitInlined(
        anchor, [&](const Value* v) { return isInMemory(schedule_, v); },
        [&](Value* v, const IndexMap& map) {
          if (!fault_.empty()) return;
          if (auto over = overwrites_.find(v); over != overwrites_.end()) {
            const Overwrite& o = over->second;
            bool isSame = o.nest == read.nest && map == identityMap(v->type.bits());
            if (contains(o.loop, reader) && o.time <= read.time && !isSame)
              fault_ = cat("line ", reader->loc.line(), " reads what the loop at line ", o.loop->loc.line(),
                           " carries after it was written over");
          }
          if (!v->def || v->def->op != Op::Load || (isInMemory(schedule_, v) && !(anchor.kind == Anchor::Buffer && anchor.value == v)))
            return;
          const Inst* load = v->def;
          for (const Write& w : writes_) {
            if (w.nest == read.nest && loopsAround(w.inst) == loopsAround(load)) continue;
            bool isLate = number_.at(w.inst) > number_.at(load) && w.time < read.time;
            for (const Inst* loop : loopsAround(reader)) isLate |= contains(loop, w.inst) && !contains(loop, load);
            if (isLate)
              fault_ = cat("the load at line ", load->loc.line(), " is read at line ", reader->loc.line(), ", after the ",
                           info(w.inst->op).spelling, " at line ", w.inst->loc.line());
          }
        });
  }

  const Schedule& schedule_;
  PtrMap<const Inst*, int> number_, end_;
  int next_ = 0, time_ = 0;
  std::vector<Read> reads_;
  std::vector<Write> writes_;
  std::vector<std::unique_ptr<Nest>> copies_;
  PtrMap<const Value*, Overwrite> overwrites_;
  std::string fault_;
};

}  // namespace

std::string findFault(const Func& f, const Schedule& schedule) { return Verifier(f, schedule).run(); }

}  // namespace nereid
