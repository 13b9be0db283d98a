// SPDX-License-Identifier: MIT
// Forms nests and decides on buffers.
//
// Two things feed each other: which anchors share a nest decides what is used by several nests, and a value put in a buffer is a new
// anchor. So the schedule is refined to a fixed point; each round only adds buffers, which bounds the number of rounds.
#include <algorithm>
#include <bit>
#include <limits>
#include <set>

#include "analysis/operands.h"
#include "schedule/dots.h"
#include "schedule/nests.h"
#include "schedule/schedule.h"
#include "schedule/text.h"
#include "support/sort.h"

namespace nereid {

bool isControl(Op op) {
  return op == Op::For || op == Op::If || op == Op::While || op == Op::Yield || op == Op::Condition || op == Op::Return;
}

bool touchesTiles(const Inst& inst) {
  auto tile = [](const Value* v) { return v->type.isTile(); };
  return std::any_of(inst.operands.begin(), inst.operands.end(), tile) || std::any_of(inst.results.begin(), inst.results.end(), tile);
}

bool isExpensive(const Inst& inst) {
  switch (inst.op) {
    case Op::Exp:
    case Op::Exp2:
    case Op::Expm1:
    case Op::Log:
    case Op::Log2:
    case Op::Log10:
    case Op::Log1p:
    case Op::Sin:
    case Op::Cos:
    case Op::Tan:
    case Op::Asin:
    case Op::Acos:
    case Op::Atan:
    case Op::Atan2:
    case Op::Sinh:
    case Op::Cosh:
    case Op::Tanh:
    case Op::Asinh:
    case Op::Acosh:
    case Op::Atanh:
    case Op::Erf:
    case Op::Erfc:
    case Op::PowF:
    case Op::FPowI:
    case Op::Cbrt:
    case Op::RemF:
    case Op::ExternElementwise:
    case Op::DivF:
    case Op::PreciseDivF:
    case Op::Sqrt:
    case Op::PreciseSqrt:
    case Op::Rsqrt:
    case Op::Gather:
    case Op::MapElementwise: return true;
    case Op::DivSI:
    case Op::DivUI:
    case Op::RemSI:
    case Op::RemUI:
    case Op::CeilDivSI:
      // By one divisor for all: usually an index that wraps, which addresses see through.
      return !inst.operand(1)->def || (inst.operand(1)->def->op != Op::Splat && inst.operand(1)->def->op != Op::Constant);
    default: return false;
  }
}

bool isTrivial(const Inst& inst) {
  switch (inst.op) {
    case Op::MakeRange:
    case Op::Splat:
    case Op::Poison: return true;
    case Op::Constant: return inst.dense().isSplat();
    default: return false;
  }
}

bool isInMemory(const Schedule& schedule, const Value* v) {
  if (!v->def || isControl(v->def->op)) return true;
  if (isTrivial(*v->def)) return false;
  return schedule.buffered.count(v) || (touchesTiles(*v->def) && !isInlinable(*v->def));
}

namespace {

bool isAnchor(const Inst& inst) {
  if (!touchesTiles(inst)) return false;
  switch (inst.op) {
    case Op::Store:
    case Op::AtomicRMW:
    case Op::AtomicCAS:
    case Op::Print:
    case Op::Assert:
    case Op::Reduce:
    case Op::Scan:
    case Op::Dot:
    case Op::Histogram: return true;
    case Op::MapElementwise: return !isInlinable(inst);
    default: return false;
  }
}

Anchor::Kind kindOf(Op op) {
  switch (op) {
    case Op::Reduce: return Anchor::Combine;
    case Op::Scan: return Anchor::Scan;
    case Op::Dot: return Anchor::Dot;
    case Op::Histogram: return Anchor::Histogram;
    case Op::MapElementwise: return Anchor::Sequence;
    default: return Anchor::Effect;
  }
}

bool isIdentity(const IndexMap& map, int bits) {
  if (static_cast<int>(map.size()) != bits) return false;
  for (size_t i = 0; i < map.size(); ++i)
    if (map[i] != IndexBit{0, static_cast<uint8_t>(i)}) return false;
  return true;
}

class Planner {
 public:
  Planner(const Func& f, const Machine& machine, const KernelSchedule& kernel, const Decisions* decisions)
      : f_(f), machine_(machine), decisions_(decisions), threads_(kernel.threads) {
    schedule_.machine = machine;
    schedule_.kernel = kernel;
  }

  std::string illegal;  // decision, and why

  std::unique_ptr<Schedule> run() {
    number(f_.body);
    mandatory(f_.body);
    do {
      schedule_.blocks.clear();
      nests_.clear();
      copies_.clear();
      planRegion(f_.body);
    } while (refine());
    likely_.clear();
    trimResidents();
    carries(f_.body);
    if (threads_ > 1)
      walk(f_.body, [&](const Inst& inst) {
        if (inst.op == Op::Dot && !schedule_.inPlaceOf.count(inst.result())) makeResident({inst.result()});
      });
    schedule_.hasManyNests = nests_.size() > machine_.manyNests;
    scheduleAtomics();
    scheduleNests();
    return std::move(made_);
  }

 private:
  bool inMemory(const Value* v) const { return isInMemory(schedule_, v); }

  void number(const Region& region) {
    for (Block* block : region.blocks)
      for (Inst* inst : block->insts) {
        number_[inst] = next_++;
        for (const Value* v : inst->operands) ++uses_[v];
        if ((info(inst->op).effects == Effects::Writes || info(inst->op).effects == Effects::Atomic)) writers_.push_back(inst);
        for (auto& r : inst->regions) number(*r);
        end_[inst] = next_;
      }
  }

  // Nests that have a version without atomic operations, and whether one thread should run all programs because of it.
  void scheduleAtomics() {
    bool waits = false;  // for another launch, perhaps, which could not begin
    walk(f_.body, [&](const Inst& inst) { waits |= inst.op == Op::While; });
    if (!machine_.exclusive || threads_ > 1 || waits) return;
    int64_t elements = 0, operations = 0;
    auto memory = [&](const Value* v) { return inMemory(v); };
    for (Nest* nest : nests_) {
      const Anchor& anchor = nest->anchors[0];
      int64_t size = 1;
      for (int64_t d : nest->shape) size *= d;
      const bool isAtomic = anchor.inst && anchor.inst->op == Op::AtomicRMW;
      nest->exclusive = isAtomic && !anchor.inst->result()->type.isPointer() && uses_[anchor.inst->result()] == 0;
      if (nest->exclusive) elements += size;
      const bool isLoop = !loopsAround(anchor.inst).empty() && !nest->exclusive;
      if (isLoop || !hasLoops(*nest) || (isAtomic && !nest->exclusive)) operations = std::numeric_limits<int32_t>::max();
      for (const Anchor& a : nest->anchors)
        visitInlined(a, memory, [&](Value* v, const IndexMap&) {
          if (v->def) operations += size * (isExpensive(*v->def) ? machine_.storedWork : 1);
        });
    }
    schedule_.isSerial = elements > 0 && operations <= elements * machine_.serialWork;
  }

  // How each nest iterates, in the order of emission: which operands of subgroup matrices are transposed is known to later nests.
  void scheduleNests() {
    schedule_.layouts = std::make_shared<Layouts>(f_, schedule_);
    schedule_.scheduler = std::make_shared<NestScheduler>(f_, schedule_, *schedule_.layouts);
    schedule_.dots = std::make_shared<DotScheduler>(schedule_, *schedule_.layouts, *schedule_.scheduler);
    std::optional<Random> random;
    if (decisions_ && decisions_->seed) random.emplace(decisions_->seed);
    std::set<int> used;
    const std::vector<Nest*> nests = inOrder(f_.body);
    for (size_t k = 0; k < nests.size(); ++k) {
      Nest& nest = *nests[k];
      nest.number = static_cast<int>(k);
      const Anchor& anchor = nest.anchors[0];
      nest.isScan = anchor.kind == Anchor::Scan && schedule_.layouts->of(anchor.inst->results[0]);
      nest.prefetched = hasLoops(nest) ? prefetchedLoop(nest) : nullptr;
      const LineDecisions* line = nullptr;
      if (decisions_)
        if (auto at = decisions_->nests.find(nest.number); at != decisions_->nests.end()) line = &at->second;
      if (line && (line->isDot ? anchor.kind == Anchor::Dot : hasLoops(nest))) {
        used.insert(nest.number);
        LineReader reader(*line);
        const Choose choose(reader);
        scheduleNest(nest, &choose);
        const std::string axes = axesText(nest.loops);
        std::string why = !line->axes.empty() && line->axes != axes ? cat("the axes are ", axes, ", not ", line->axes) : reader.fault();
        if (!why.empty() && illegal.empty())
          illegal = cat("line ", line->line, ": ", line->isDot ? "dot " : "nest ", nest.number, ": ", why);
      } else if (random) {
        const Choose choose(*random);
        scheduleNest(nest, &choose);
      } else {
        scheduleNest(nest, nullptr);
      }
    }
    if (decisions_ && illegal.empty())
      for (auto& [n, line] : decisions_->nests)
        if (!used.count(n))
          illegal = cat("line ", line.line, ": the kernel has no ", line.isDot ? "dot " : "nest ", n, line.isDot ? "" : " with loops");
  }
  // `choose` answers instead of the defaults.
  void scheduleNest(Nest& nest, const Choose* choose) {
    if (nest.anchors[0].kind == Anchor::Dot)
      nest.dot = schedule_.dots->schedule(*nest.anchors[0].inst, choose);
    else if (hasLoops(nest))
      nest.loops = schedule_.scheduler->schedule(nest, {.choose = choose, .mayTranspose = true});
  }
  // The nests in the order of emission.
  std::vector<Nest*> inOrder(const Region& region) {
    std::vector<Nest*> out;
    for (const Block* block : region.blocks)
      for (Step& step : schedule_.blocks[block].steps) {
        if (step.nest)
          out.push_back(step.nest.get());
        else if (isControl(step.inst->op))
          for (auto& r : step.inst->regions)
            for (Nest* nest : inOrder(*r)) out.push_back(nest);
      }
    return out;
  }

  // The loop of whose next iteration a nest prefetches what it loads. It packs operands of dots, which take long enough: without, packing
  // waits for memory.
  const Inst* prefetchedLoop(const Nest& nest) const {
    if (!machine_.prefetch) return nullptr;
    for (const Anchor& anchor : nest.anchors)
      if (anchor.kind != Anchor::Buffer || !dotOperands_.count(anchor.value)) return nullptr;
    const auto loops = loopsAround(nest.anchors[0].inst);
    return !loops.empty() && loops.front()->op == Op::For ? loops.front() : nullptr;
  }

  // Values that must be in memory whatever else is decided.
  // Operands that are stored for a dot on subgroup matrices, and transposed for another: both read the same memory.
  void findTransposed() {
    std::set<const Value*> stored;
    std::vector<const Value*> transposed;
    walk(f_.body, [&](const Inst& inst) {
      if (inst.op != Op::Dot || !fitsMatrices(inst, schedule_)) return;
      for (size_t k = 0; k < 2; ++k) {
        stored.insert(inst.operand(k));
        if (const Inst* def = inst.operand(k)->def; def && def->op == Op::Trans && def->list(Attr::Order)[0] == 1)
          transposed.push_back(inst.operand(k));
      }
    });
    for (const Value* v : transposed)
      if (const Value* source = v->def->operand(0); stored.count(source) && source->def && source->def->op != Op::Trans)
        schedule_.transposeOf[v] = source;
  }

  void mandatory(const Region& region) {
    findTransposed();
    walk(region, [&](Inst& inst) {
      if (inst.op == Op::Dot)
        for (size_t i = 0; i < 2; ++i) {
          if (fitsMatrices(inst, schedule_) && schedule_.transposeOf.count(inst.operands[i])) continue;
          buffer(inst.operands[i], "a dot reads each element many times");
          dotOperands_.insert(inst.operands[i]);
        }
      if (inst.op == Op::MapElementwise && !isInlinable(inst))
        for (Value* v : inst.operands) buffer(v, "several elements are read at a time");
      if (inst.op == Op::Gather) buffer(inst.operands[0], "gathered from by computed indices");
    });
  }

  bool buffer(Value* v, std::string why) { return !inMemory(v) && schedule_.buffered.emplace(v, std::move(why)).second; }

  void planRegion(const Region& region) {
    for (Block* block : region.blocks) planBlock(*block);
  }

  void planBlock(Block& block) {
    BlockSchedule& scheduled = schedule_.blocks[&block];
    for (Inst* inst : block.insts) {
      for (auto& r : inst->regions)
        if (isControl(inst->op)) planRegion(*r);
      bool anchor = isAnchor(*inst);
      if (anchor) {
        Anchor r{kindOf(inst->op), inst};
        int axis = -1;
        std::vector<int64_t> shape;
        if (r.kind == Anchor::Combine || r.kind == Anchor::Scan) {
          shape = inst->operands[0]->type.shape();
          axis = static_cast<int>(inst->integer(Attr::Axis));
        } else if (r.kind == Anchor::Dot) {
          shape = inst->result()->type.shape();
        } else {
          for (Value* v : inst->operands)
            if (v->type.isTile()) {
              shape = v->type.shape();
              break;
            }
        }
        addAnchor(scheduled, block, std::move(r), std::move(shape), axis);
      }
      if (isControl(inst->op) || !touchesTiles(*inst) || inst->op == Op::Unsplat || inst->op == Op::Assume) {
        if (inst->op == Op::Yield || inst->op == Op::Condition)
          for (size_t i = 0; i < inst->operands.size(); ++i) {
            Value* v = inst->operands[i];
            if (!v->type.isTile()) continue;
            addAnchor(scheduled, block, {Anchor::Carry, inst, v, i}, v->type.shape(), -1);
          }
        // What a loop begins with is copied before it.
        if (inst->op == Op::For || inst->op == Op::While)
          for (size_t i = 0; i < inst->operands.size(); ++i)
            if (Value* v = inst->operands[i]; v->type.isTile())
              copies_.push_back({{{Anchor::Carry, inst, v, i}}, v->type.shape(), -1, number_[inst]});
        scheduled.steps.push_back({inst, nullptr});
      }
      for (Value* v : inst->results)
        if (schedule_.buffered.count(v)) addAnchor(scheduled, block, {Anchor::Buffer, inst, v}, v->type.shape(), -1);
    }
  }

  // The nest that `anchor` may join: the last one, when only scalar operations that do not hang on it come after.
  void addAnchor(BlockSchedule& scheduled, Block&, Anchor anchor, std::vector<int64_t> shape, int axis) {
    int order = number_[anchor.inst];
    for (size_t i = scheduled.steps.size(); i-- > 0;) {
      Step& step = scheduled.steps[i];
      if (step.nest) {
        if (mayJoin(*step.nest, anchor, shape, axis)) {
          step.nest->anchors.push_back(std::move(anchor));
          step.nest->order = order;
          if (axis >= 0) step.nest->reduceAxis = axis;
          // It runs now: after the scalars that the new anchor hangs on.
          std::rotate(scheduled.steps.begin() + static_cast<long>(i), scheduled.steps.begin() + static_cast<long>(i) + 1,
                      scheduled.steps.end());
          return;
        }
        break;
      }
      if (info(step.inst->op).effects != Effects::Pure || hangsOnNest(scheduled, i)) break;
    }
    auto nest = std::make_unique<Nest>();
    nest->anchors.push_back(std::move(anchor));
    nest->shape = std::move(shape);
    nest->reduceAxis = axis;
    nest->order = order;
    nests_.push_back(nest.get());
    scheduled.steps.push_back({nullptr, std::move(nest)});
  }

  // Whether the scalar step `i` uses, directly or through scalar steps before it, a result of the nest before them.
  bool hangsOnNest(const BlockSchedule& scheduled, size_t i) {
    std::set<const Value*> tainted;
    size_t j = i;
    while (j > 0 && !scheduled.steps[j].nest) --j;
    if (scheduled.steps[j].nest)
      for (const Anchor& r : scheduled.steps[j].nest->anchors)
        for (const Value* v : r.inst->results) tainted.insert(v);
    for (++j; j <= i; ++j) {
      const Inst* inst = scheduled.steps[j].inst;
      bool hit = std::any_of(inst->operands.begin(), inst->operands.end(), [&](Value* v) { return inlinesAny(v, tainted); });
      if (hit)
        for (const Value* v : inst->results) tainted.insert(v);
      if (hit && j == i) return true;
    }
    return false;
  }
  // Whether computing `v` needs one of `values`: through virtual tiles too (Unsplat).
  bool inlinesAny(Value* v, const std::set<const Value*>& values) {
    if (values.count(v)) return true;
    if (!v->type.isTile() || inMemory(v)) return false;
    return std::any_of(v->def->operands.begin(), v->def->operands.end(), [&](Value* o) { return inlinesAny(o, values); });
  }

  bool mayJoin(const Nest& nest, const Anchor& anchor, const std::vector<int64_t>& shape, int axis) {
    auto joins = [](const Anchor& r) {
      return r.kind == Anchor::Combine || r.kind == Anchor::Buffer || r.kind == Anchor::Carry ||
             (r.kind == Anchor::Effect && r.inst->op == Op::Store);
    };
    if (!joins(anchor) || nest.shape != shape) return false;
    // Stores are tested against each other, pair by pair.
    auto stores = std::count_if(nest.anchors.begin(), nest.anchors.end(), [](const Anchor& r) { return r.kind == Anchor::Effect; });
    if (anchor.kind == Anchor::Effect && stores >= machine_.maxStoresPerNest) return false;
    if (axis >= 0 && nest.reduceAxis >= 0 && axis != nest.reduceAxis) return false;
    // A nest that only moves operands from arguments to shared memory has the thread mapping of the arguments.
    auto moves = [&](const Anchor& r) {
      if (threads_ == 1 || r.kind != Anchor::Buffer || !dotOperands_.count(r.value)) return false;
      const Inst* from = r.inst;
      while (isView(from->op) && from->operand(0)->def) from = from->operand(0)->def;
      return from->op == Op::Load;
    };
    bool fits = !moves(anchor);
    for (const Anchor& r : nest.anchors) fits &= joins(r) && !moves(r);
    if (!fits) return false;
    int bits = 0;
    for (int64_t d : shape) bits += std::countr_zero(static_cast<uint64_t>(d));
    std::set<const Value*> scalars;  // results of the nest that are not yet there while it runs
    for (const Anchor& r : nest.anchors)
      if (r.kind == Anchor::Combine)
        for (const Value* v : r.inst->results) scalars.insert(v);
    auto memory = [&](const Value* v) { return inMemory(v); };
    visitInlined(anchor, memory, [&](Value* v, const IndexMap& map) {
      for (const Anchor& r : nest.anchors) {
        if (r.kind == Anchor::Combine && v->def == r.inst) fits = false;
        if (r.kind == Anchor::Buffer && v == r.value && !isIdentity(map, bits)) fits = false;
      }
      if (v->def && !scalars.empty())
        for (Value* o : v->def->operands)
          if (!o->type.isTile() && scalarHangsOn(o, scalars)) fits = false;
    });
    if (anchor.inst && anchor.kind != Anchor::Buffer && anchor.kind != Anchor::Carry)
      for (Value* o : anchor.inst->operands)
        if (!o->type.isTile() && scalarHangsOn(o, scalars)) fits = false;
    return fits;
  }
  bool scalarHangsOn(const Value* v, const std::set<const Value*>& values) {
    if (values.count(v)) return true;
    if (!v->def || v->def->regions.size() || info(v->def->op).effects != Effects::Pure) return false;
    return std::any_of(v->def->operands.begin(), v->def->operands.end(), [&](Value* o) { return scalarHangsOn(o, values); });
  }

  // Loops that contain `inst`, innermost first.
  std::vector<const Inst*> loopsAround(const Inst* inst) const {
    std::vector<const Inst*> loops;
    for (const Block* b = inst->parent; b && b->parent && b->parent->parent; b = b->parent->parent->parent) {
      const Inst* parent = b->parent->parent;
      if (parent->op == Op::For || parent->op == Op::While) loops.push_back(parent);
    }
    return loops;
  }
  bool contains(const Inst* outer, const Inst* inner) const {
    int at = number_.at(inner);
    return number_.at(outer) < at && at < end_.at(outer);
  }

  // Adds buffers that the nests as they stand call for. True when it added one.
  bool refine() {
    struct Consumers {
      std::vector<const Nest*> nests;  // that compute the value
    };
    PtrMap<Value*, Consumers> consumers;
    std::vector<Value*> order;
    auto memory = [&](const Value* v) { return inMemory(v); };
    for (const Nest* nest : nests_)
      for (const Anchor& anchor : nest->anchors)
        visitInlined(anchor, memory, [&](Value* v, const IndexMap&) {
          if (inMemory(v) || !v->def) return;
          Consumers& c = consumers[v];
          if (c.nests.empty()) order.push_back(v);
          if (std::find(c.nests.begin(), c.nests.end(), nest) == c.nests.end()) c.nests.push_back(nest);
        });
    sortStably(order, [&](Value* a, Value* b) { return number_[a->def] < number_[b->def]; });
    const auto gates = findGates(order);
    // Whether a later value stands between `v` and all that needs it, and can be the buffer as well.
    auto hasBetter = [&](Value* v) {
      for (Value* u = gates.at(v).next; u; u = gates.at(u).next)
        if (!isView(u->def->op) && u->type.numel() <= v->type.numel() && consumers.at(u).nests.size() > 1) return true;
      return false;
    };
    bool changed = false;
    work_.clear();
    likely_.clear();
    auto mayBeResident = [&](Value* v) {
      if (threads_ == 1 || consumers.at(v).nests.size() < 2 || isView(v->def->op)) return false;
      return v->def->op == Op::Load || isExpensive(*v->def) || (work(v) >= machine_.residentWork && !hasBetter(v) && readsData(v));
    };
    for (Value* v : order)
      if (mayBeResident(v)) likely_.insert(v);
    // The last ones first: how long a value lives depends on those that are computed from it.
    for (size_t i = order.size(); i-- > 0;) {
      Value* v = order[i];
      if (!likely_.erase(v) || !makeResident({v}, 2)) continue;
      changed |= buffer(v, cat("resident by its threads for ", residences_.back().nests, " nests"));
      pending_.push_back(v);
    }
    pending_.clear();
    work_.clear();
    // In program order: a buffer changes what earlier values are needed for, never what later ones are.
    for (Value* v : order) {
      if (inMemory(v)) continue;
      const Inst* def = v->def;
      const Consumers& c = consumers.at(v);
      std::string why;
      if (isExpensive(*def)) {
        bool deeper = std::any_of(c.nests.begin(), c.nests.end(),
                                  [&](const Nest* n) { return loopsAround(n->anchors[0].inst).size() > loopsAround(def).size(); });
        if (deeper)
          why = cat(info(def->op).spelling, " is expensive and used in a loop further in");
        else if (c.nests.size() > 1 && threads_ == 1)
          why = cat(info(def->op).spelling, " is expensive and used by ", c.nests.size(), " nests");
      }
      bool isLong = c.nests.size() > 1 && work(v) >= machine_.storedWork && !hasBetter(v);
      // Chains of nests, as in a sort, would else compute what is before them again and again.
      if (why.empty() && isLong && (threads_ == 1 || static_cast<int>(c.nests.size() - 1) * work(v) >= machine_.storedSharedWork))
        why = cat("a long computation, used by ", c.nests.size(), " nests");
      if (why.empty()) continue;
      changed |= buffer(v, std::move(why));
      work_.clear();
    }
    changed |= stageTransposes();
    changed |= keepOrder();
    return changed;
  }

  // A tile that is contiguous along one dimension where a nest loads it and along another one where it stores it moves through shared
  // memory: neighbouring threads load neighbouring elements, and store neighbouring elements. Its rows are padded, so that the elements of
  // a column are in different banks.
  bool stageTransposes() {
    if (!machine_.hasWorkgroups()) return false;
    const int64_t room = std::max(machine_.sharedBytes, schedule_.kernel.sharedBytes);
    bool changed = false;
    auto memory = [&](const Value* v) { return inMemory(v); };
    for (const Nest* nest : nests_) {
      IndexMap domain;  // an axis for each dimension
      std::vector<int> bits(nest->shape.size());
      for (size_t d = nest->shape.size(); d-- > 0;) {
        bits[d] = log2(nest->shape[d]);
        for (int i = 0; i < bits[d]; ++i) domain.push_back({static_cast<int8_t>(d), static_cast<uint8_t>(i)});
      }
      // The dimension along which neighbours are neighbours in memory; -1: none.
      auto contiguous = [&](const Value* ptr, const IndexMap& map) {
        for (size_t d = 0; d < bits.size(); ++d) {
          if (bits[d] < machine_.stagedBits) continue;
          Stride stride = strideOf(ptr, map, static_cast<int>(d), bits[d]);
          if (stride.kind == Stride::Constant && stride.value == 1) return static_cast<int>(d);
        }
        return -1;
      };
      std::set<int> stores;
      bool isPlain = true;
      for (const Anchor& anchor : nest->anchors) {
        isPlain &= anchor.kind == Anchor::Effect && anchor.inst->op == Op::Store;
        if (isPlain) stores.insert(contiguous(anchor.inst->operand(0), domain));
      }
      if (!isPlain || stores.size() != 1 || *stores.begin() < 0) continue;
      std::vector<Value*> found;
      for (const Anchor& anchor : nest->anchors)
        visitInlined(anchor, memory, [&](Value* v, const IndexMap& map) {
          if (!v->def || v->def->op != Op::Load || inMemory(v) || map.size() != domain.size()) return;  // a row is not transposed
          IndexMap m;
          for (IndexBit b : map) m.push_back(b.isConstant() || b.bit >= domain.size() ? b : domain[b.bit]);
          const int loads = contiguous(v->def->operand(0), m);
          const int64_t bytes = (v->type.numel() + v->type.numel() / v->type.dim(v->type.rank - 1)) * machine_.scratchElementBytes;
          if (loads >= 0 && loads != *stores.begin() && bytes <= room) found.push_back(v);
        });
      for (Value* v : found)
        if (buffer(v, "loaded along one dimension and stored along another")) {
          schedule_.padded.insert(v);
          changed = true;
        }
    }
    return changed;
  }

  // Buffers loads that would be read after a write that stands behind them.
  bool keepOrder() {
    std::vector<std::pair<Value*, std::string>> late;
    auto memory = [&](const Value* v) { return inMemory(v); };
    auto visit = [&](const Nest& nest) {
      for (const Anchor& anchor : nest.anchors)
        visitInlined(anchor, memory, [&](Value* v, const IndexMap&) {
          if (inMemory(v) || v->def->op != Op::Load) return;
          if (const Inst* writer = writerBetween(v->def, nest))
            late.emplace_back(v, cat("read later, after the ", info(writer->op).spelling, " at line ", writer->loc.line()));
        });
    };
    for (const Nest* nest : nests_) visit(*nest);
    for (const Nest& copy : copies_) visit(copy);
    bool changed = false;
    for (auto& [v, why] : late) changed |= buffer(v, std::move(why));
    return changed;
  }

  // Of each computed value the nearest one that everything computed from it goes through, if there is one: its immediate post-dominator.
  struct Gate {
    Value* next = nullptr;
    int depth = 1;
  };
  PtrMap<const Value*, Gate> findGates(const std::vector<Value*>& order) {
    PtrMap<const Value*, std::vector<Value*>> users;
    std::set<const Value*> ends;  // operands of anchors
    for (Value* v : order)
      for (const Value* o : v->def->operands) users[o].push_back(v);
    for (const Nest* nest : nests_)
      for (const Anchor& anchor : nest->anchors) {
        if (anchor.kind == Anchor::Carry) ends.insert(anchor.value);
        const Inst* taker = anchor.kind == Anchor::Buffer ? anchor.value->def : anchor.kind == Anchor::Carry ? nullptr : anchor.inst;
        if (taker) ends.insert(taker->operands.begin(), taker->operands.end());
      }
    PtrMap<const Value*, Gate> gates;
    for (size_t i = order.size(); i-- > 0;) {
      Gate& gate = gates[order[i]];
      if (ends.count(order[i])) continue;
      bool first = true;
      for (Value* u : users[order[i]]) {
        Value* at = gate.next;
        gate.next = first ? u : nullptr;
        // Where the ways of both meet.
        for (Value* a = at; !first && a && u;) {
          if (a == u) {
            gate.next = a;
            break;
          }
          int da = gates.at(a).depth, du = gates.at(u).depth;
          if (da >= du) a = gates.at(a).next;
          if (du >= da) u = gates.at(u).next;
        }
        first = false;
      }
      gate.depth = gate.next ? gates.at(gate.next).depth + 1 : 1;
    }
    return gates;
  }
  static bool isView(Op op) {
    switch (op) {
      case Op::Bitcast:
      case Op::ArithBitcast:
      case Op::Reshape:
      case Op::Broadcast:
      case Op::ExpandDims:
      case Op::Trans:
      case Op::Split:
      case Op::Splat: return true;
      default: return false;
    }
  }

  // Whether a value is computed from elements in memory: others are indices, which addresses see through.
  bool readsData(const Value* v) {
    return followTiles(v, [&](const Value* x) { return inMemory(x) || x->def->op == Op::Load ? Follow::Found : Follow::Operands; });
  }

  // Operations it takes to compute one element from what is in memory: at most as many as make a difference, since shared operands count
  // each time.
  int work(const Value* v) {
    if (!v->type.isTile()) return 0;
    auto [it, isNew] = work_.emplace(v, 1);
    if (!isNew) return it->second;
    const int most = std::max({machine_.storedWork, machine_.residentWork, machine_.storedSharedWork});
    int sum = 1;
    if (v->def && !inMemory(v)) {
      switch (v->def->op) {
        case Op::Splat:
        case Op::MakeRange:
        case Op::Constant:
        case Op::Poison: sum = 0; break;
        case Op::ExpandDims:
        case Op::Broadcast:
        case Op::Reshape:
        case Op::Trans:
        case Op::AddPtr: sum = 0; [[fallthrough]];
        default:
          for (const Value* o : v->def->operands) sum = std::min(sum + work(o), most);
      }
    }
    return work_[v] = sum;
  }

  // How a value is used that threads may keep in registers. A value that a loop carries has several names.
  struct Residence {
    std::vector<const Value*> names;
    int elements;             // of each thread
    int first = 0, last = 0;  // by the numbers of instructions
    bool fits = true;         // all consumers iterate over as many elements in their order, and need no other one
    size_t operations = 0;    // of the longest nest that uses it
    int nests = 0;            // that use it
  };
  Residence residenceOf(std::vector<const Value*> names) {
    const Value* v = names[0];
    const int bits = v->type.bits();
    Residence use{std::move(names), 1 << std::max(0, bits - log2(threads_)), number_[v->def ? v->def : v->block->parent->parent]};
    auto isNamed = [&](const Value* x) { return std::find(use.names.begin(), use.names.end(), x) != use.names.end(); };
    auto memory = [&](const Value* x) { return inMemory(x) || likely_.count(x); };
    size_t operations = 0;
    auto follow = [&](const Anchor& anchor, int64_t elements) {
      bool isUsed = anchor.kind == Anchor::Buffer && isNamed(anchor.value);
      visitInlined(anchor, memory, [&](const Value* x, const IndexMap& map) {
        ++operations;
        if (!isNamed(x)) return;
        isUsed = true;
        use.fits &= isIdentity(map, bits);
      });
      if (!isUsed) return false;
      use.fits &= elements == v->type.numel();
      use.last = std::max(use.last, number_[anchor.inst]);
      // From one iteration to the next.
      for (const Inst* loop : loopsAround(anchor.inst))
        if (!v->def || !contains(loop, v->def)) use.last = std::max(use.last, end_[loop]);
      return true;
    };
    for (const Nest* nest : nests_) {
      operations = 0;
      bool isUsed = false, isPlain = true;
      const int64_t elements = int64_t{1} << indexBits(nest->shape);
      for (const Anchor& anchor : nest->anchors) {
        isPlain &= anchor.kind == Anchor::Buffer || anchor.kind == Anchor::Carry || anchor.accumulates() ||
                   (anchor.kind == Anchor::Effect && anchor.inst->op == Op::Store);
        if (follow(anchor, elements)) {
          isUsed = true;
          use.fits &= isPlain;
        }
      }
      if (!isUsed) continue;
      use.fits &= isPlain;
      use.operations = std::max(use.operations, operations);
      ++use.nests;
    }
    // Values that this round has put in registers are computed by nests that are yet to be formed.
    for (Value* pending : pending_)
      if (follow({Anchor::Buffer, pending->def, pending}, pending->type.numel())) ++use.nests;
    // Loops begin with copies.
    walk(f_.body, [&](Inst& inst) {
      if (inst.op == Op::For || inst.op == Op::While || inst.op == Op::If)
        for (size_t k = 0; k < inst.operands.size(); ++k)
          if (Value* x = inst.operands[k]; x->type.isTile()) follow({Anchor::Carry, &inst, x, k}, x->type.numel());
      // The nest of a dot reads its accumulators.
      if (inst.op == Op::Dot)
        for (size_t k = 0; k < 2; ++k) use.fits &= !isNamed(inst.operands[k]);
    });
    return use;
  }
  // Whether a thread has registers for a value beside those that live at the same time.
  bool hasRoom(const Residence& use) const {
    int together = use.elements;
    for (const Residence& other : residences_)
      if (other.first <= use.last && use.first <= other.last) together += other.elements;
    return together <= machine_.maxResidentElements;
  }
  // Keeps a value in registers if that is possible and at least so many nests use it.
  bool makeResident(std::vector<const Value*> names, int nests = 0) {
    const Type& type = names[0]->type;
    const int own = type.bits() - log2(threads_);
    if (type.isPointer() || own > (nests_.size() > machine_.manyNests ? machine_.manyNestsBits : machine_.maxResidentBits)) return false;
    Residence use = residenceOf(std::move(names));
    if (!use.fits || use.nests < nests || static_cast<size_t>(use.elements) * use.operations > machine_.maxUnrolledOperations ||
        !hasRoom(use))
      return false;
    schedule_.resident.insert(use.names.begin(), use.names.end());
    residences_.push_back(std::move(use));
    return true;
  }
  // Lifetimes were estimates while nests were formed: values for which there is no room after all go to shared memory.
  void trimResidents() {
    std::vector<Residence> guesses = std::move(residences_);
    residences_.clear();
    for (Residence& guess : guesses) {
      Residence use = residenceOf(std::move(guess.names));
      if (use.fits && hasRoom(use)) {
        residences_.push_back(std::move(use));
      } else {
        for (const Value* v : use.names) schedule_.resident.erase(v);
      }
    }
  }

  // A write that could change what `load` reads before `nest` inlines it.
  const Inst* writerBetween(const Inst* load, const Nest& nest) {
    const Inst* consumer = nest.anchors.back().inst;
    for (const Inst* w : writers_) {
      bool inNest = std::any_of(nest.anchors.begin(), nest.anchors.end(), [&](const Anchor& r) { return r.inst == w; });
      if (inNest && loopsAround(load) == loopsAround(w)) continue;  // the nest itself sorts that out
      if (number_[w] > number_[load] && number_[w] < nest.order && !(w == consumer)) return w;
      // A later iteration's pull comes after this iteration's write.
      for (const Inst* loop : loopsAround(consumer))
        if (contains(loop, w) && !contains(loop, load)) return w;
    }
    return nullptr;
  }

  // Which carried tiles can be updated in place.
  void carries(const Region& region) {
    walk(region, [&](Inst& inst) {
      if (inst.op != Op::For) return;  // a while's carries always go through temporaries
      Block& body = inst.regions[0]->entry();
      Inst* yield = body.terminator();
      std::vector<Value*> args(body.args.begin() + 1, body.args.end());
      std::vector<bool> through(yield->operands.size(), false);
      auto memory = [&](const Value* v) { return inMemory(v); };
      for (size_t k = 0; k < yield->operands.size(); ++k) {
        Value* v = yield->operands[k];
        if (!v->type.isTile()) continue;
        visitInlined({Anchor::Carry, yield, v, k}, memory, [&](Value* read, const IndexMap& map) {
          for (size_t j = 0; j < args.size(); ++j)
            if (read == args[j] && !(v->type == args[j]->type && isIdentity(map, v->type.bits()))) through[j] = true;
        });
      }
      // A carry shares its nest with others who may read the old value: of the element at hand alone.
      for (const Nest* nest : nests_)
        for (const Anchor& carry : nest->anchors) {
          if (carry.kind != Anchor::Carry || carry.inst != yield) continue;
          const Value* arg = args[carry.slot];
          for (const Anchor& anchor : nest->anchors)
            visitInlined(anchor, memory, [&](Value* read, const IndexMap& map) {
              if (read == arg && !(carry.value->type == arg->type && isIdentity(map, arg->type.bits()))) through[carry.slot] = true;
            });
        }
      // Carries of one shape share a nest, which inlines everything before it writes; others run one after the other.
      for (size_t k = 0; k < through.size(); ++k) {
        Value* v = yield->operands[k];
        if (!v->type.isTile()) continue;
        visitInlined({Anchor::Carry, yield, v, k}, memory, [&](Value* read, const IndexMap&) {
          for (size_t j = 0; j < args.size(); ++j)
            if (j != k && read == args[j]) through[j] = true;
        });
        if (through[k]) continue;
        tryInPlace(inst, body, args[k], v);
        // Tiles that a loop updates element by element stay in registers.
        if (threads_ > 1 && !schedule_.inPlaceOf.count(v)) makeResident({args[k], inst.results[k]});
      }
      schedule_.throughTemporary[yield] = std::move(through);
    });
  }
  // A anchor's result that is only yielded can be written where the next iteration reads it, if nothing reads the old value later.
  void tryInPlace(const Inst& loop, Block& body, Value* arg, Value* v) {
    // Dots that add to each other's results, the last one first.
    std::vector<const Value*> chain;
    for (const Value* sum = v; sum != arg; sum = sum->def->operand(2)) {
      if (!sum->def || sum->def->parent != &body || sum->def->op != Op::Dot || (sum != v && uses_[sum] != 1)) break;
      chain.push_back(sum);
    }
    if (chain.empty()) return;
    const Inst* first = chain.back()->def;
    int at = number_[first];
    auto memory = [&](const Value* x) { return inMemory(x); };
    bool safe = true;
    auto check = [&](const Nest& nest) {
      for (const Anchor& anchor : nest.anchors) {
        if (!contains(&loop, anchor.inst)) continue;
        bool self = anchor.inst == first && anchor.kind == Anchor::Dot;
        visitInlined(anchor, memory, [&](Value* read, const IndexMap& map) {
          if (read != arg) return;
          if (self ? !isIdentity(map, arg->type.bits()) : nest.order > at) safe = false;
        });
      }
    };
    for (const Nest* nest : nests_) check(*nest);
    for (const Nest& copy : copies_) check(copy);
    for (const Value* sum : chain)
      if (safe) schedule_.inPlaceOf[sum] = arg;
  }

  std::vector<Residence> residences_;
  std::vector<Value*> pending_;
  std::set<const Value*> likely_;  // values that this round is likely to put in registers
  const Func& f_;
  const Machine& machine_;
  const Decisions* decisions_;
  const int threads_;  // that share a program
  std::unique_ptr<Schedule> made_ = std::make_unique<Schedule>();
  Schedule& schedule_ = *made_;
  std::vector<Nest*> nests_;
  std::vector<Nest> copies_;  // of the tiles that loops begin with, which are no steps: they are part of their loops
  PtrMap<const Inst*, int> number_, end_;
  PtrMap<const Value*, int> uses_;
  std::set<const Value*> dotOperands_;
  std::vector<const Inst*> writers_;
  PtrMap<const Value*, int> work_;
  int next_ = 0;
};

}  // namespace

std::unique_ptr<Schedule> makeSchedule(const Func& f, const Machine& machine, const KernelSchedule& kernel, const Decisions* decisions,
                                       std::string* why) {
  Planner planner(f, machine, kernel, decisions);
  std::unique_ptr<Schedule> schedule = planner.run();
  if (!planner.illegal.empty() && why) {
    *why = planner.illegal;
    return nullptr;
  }
  std::string fault = findFault(f, *schedule);
  NEREID_CHECK(fault.empty(), "the schedule of ", f.name, " is wrong: ", fault);
  return schedule;
}

}  // namespace nereid
