// SPDX-License-Identifier: MIT
// Software prefetch: loads of the next iteration are in flight while a dot runs, or while threads wait for each other in a reduction.
//
//   for k { buffer = load(k); dot(buffer) }   =>   next = load(first); for k { buffer = next; next = load(next k); dot(buffer) }
//
// `next` is in registers of threads. If an iteration has several stages (it fills buffers, and fills more of them after a dot), each stage
// loads for the one after it. The last iteration loads again what it loaded: no memory is accessed that the kernel does not access.
#include <algorithm>
#include <set>

#include "ir/builder.h"
#include "lower/lowering.h"
#include "passes/passes.h"

namespace nereid {

namespace {

bool isPure(const Inst& inst) { return info(inst.op).effects == Effects::Pure && inst.regions.empty(); }

const Value* baseOf(const Value* pointer) {
  while (pointer->def && (pointer->def->op == Op::AddPtr || pointer->def->op == Op::LoPrivate)) pointer = pointer->def->operand(0);
  return pointer;
}
bool isArgument(const Value* pointer) { return !baseOf(pointer)->def; }

// A loop over threads that loads elements of arguments, and stores to shared memory or registers.
struct Mover {
  Inst* loop = nullptr;
  std::vector<Inst*> loads;
  int64_t bytes = 0;
};

class Prefetch {
 public:
  Prefetch(Module& m, const Machine& machine, std::vector<Inst*>& own) : m_(m), machine_(machine), privateAllocs_(own) {}

  bool run(Func& f) {
    entry_ = &f.body.entry();
    std::vector<Inst*> loops;
    walk(f.body, [&](Inst& inst) {
      if (inst.op == Op::For && !inst.has(Attr::Threads)) loops.push_back(&inst);
    });
    bool changed = false;
    for (Inst* loop : loops) changed |= rewrite(*loop);
    return changed;
  }

 private:
  bool rewrite(Inst& loop) {
    body_ = &loop.regions[0]->entry();
    bool writes = false;
    waits_ = false;
    walk(*loop.regions[0], [&](const Inst& i) {
      writes |= (i.op == Op::LoStore || i.op == Op::LoScatter) && !isAlloc(i.operand(0));
      waits_ |= i.op == Op::LoSubgroupShuffle;
      writes |= i.op == Op::LoAtomicRMW || i.op == Op::LoAtomicCAS || i.op == Op::LoPrint || i.op == Op::LoAssert;
    });
    if (writes) return false;
    // Movers that no read of shared memory separates fill it together: a stage.
    std::vector<std::vector<Mover>> stages;
    int64_t bytes = 0;
    bool isOpen = false;
    for (Inst* inst : body_->insts) {
      if (auto mover = moverOf(*inst)) {
        if (!isOpen) {
          stages.emplace_back();
          bytes = 0;
        }
        isOpen = true;
        if (bytes + mover->bytes > machine_.prefetchBytes) continue;
        bytes += mover->bytes;
        stages.back().push_back(std::move(*mover));
      } else if (inst->op == Op::LoMatrixDot || !inst->regions.empty()) {
        isOpen = false;
      }
    }
    std::erase_if(stages, [](const std::vector<Mover>& stage) { return stage.empty(); });
    if (stages.empty()) return false;
    for (std::vector<Mover>& stage : stages)
      for (Mover& mover : stage) hold(mover);

    // Before the loop: the first stage of its first iteration, if there is one.
    Block& outside = *loop.parent;
    std::vector<Inst*> rest = split(outside, &loop);
    Builder before(m_, &outside, loop.loc);
    Value *lower = loop.operand(0), *upper = loop.operand(1), *step = loop.operand(2);
    Inst* branch = before.ifElse(before.cmpI(CmpIPred::Slt, lower, upper), {}, false);
    ValueMap first;
    for (size_t k = 0; k < body_->args.size(); ++k) first[body_->args[k]] = k == 0 ? lower : loop.operand(2 + k);
    Block* inside = &branch->regions[0]->entry();
    for (const Mover& mover : stages[0]) fetch(mover, inside, first);
    Builder(m_, inside, loop.loc).yield({});
    append(outside, rest);

    // In it, each stage fetches for the next one.
    for (size_t k = 0; k + 1 < stages.size(); ++k) {
      rest = split(*body_, after(*body_, stages[k].back().loop));
      for (const Mover& mover : stages[k + 1]) fetch(mover, body_, {});
      append(*body_, rest);
    }
    // The last stage, for the next iteration.
    rest = split(*body_, after(*body_, stages.back().back().loop));
    Builder in(m_, body_, loop.loc);
    Value *counter = body_->args[0], *more = in.cmpI(CmpIPred::Ugt, in.make(Op::SubI, {upper, counter}), step);
    ValueMap next, current;
    next[counter] = in.select(more, in.make(Op::AddI, {counter, step}), counter);
    for (size_t k = 1; k < body_->args.size(); ++k)
      if (Value* carried = body_->args[k]; needed_.count(carried))
        next[carried] = in.select(more, copied(rest.back()->operand(k - 1), body_, current), carried);
    for (const Mover& mover : stages[0]) fetch(mover, body_, next);
    append(*body_, rest);
    return true;
  }

  static bool isAlloc(const Value* pointer) {
    const Value* anchor = baseOf(pointer);
    if (anchor->def && anchor->def->op == Op::LoSplat) anchor = baseOf(anchor->def->operand(0));
    return anchor->def && anchor->def->op == Op::LoAlloc;
  }

  // What the loads need comes from the loop's counter, what it carries and what is outside of it, by pure operations.
  bool follows(const Value* v, const Block& threads, std::set<const Value*>& seen) {
    if (!seen.insert(v).second) return true;
    const Block* block = v->def ? v->def->parent : v->block;
    if (block != &threads && block != body_) return !inside(block);
    if (!v->def) {
      if (block == body_ && v != body_->args[0]) {
        needed_.insert(v);
        for (size_t k = 1; k < body_->args.size(); ++k)
          if (body_->args[k] == v && !follows(body_->terminator()->operand(k - 1), threads, seen)) return false;
      }
      return true;
    }
    return isPure(*v->def) &&
           std::all_of(v->def->operands.begin(), v->def->operands.end(), [&](const Value* o) { return follows(o, threads, seen); });
  }
  bool inside(const Block* block) const {
    for (; block && block->parent && block->parent->parent; block = block->parent->parent->parent)
      if (block == body_) return true;
    return false;
  }

  std::optional<Mover> moverOf(Inst& loop) {
    if (loop.op != Op::For || !loop.has(Attr::Threads) || !loop.results.empty()) return std::nullopt;
    Mover out;
    out.loop = &loop;
    const Block& body = loop.regions[0]->entry();
    std::set<const Value*> seen;
    bool isShared = false;
    for (Inst* i : body.insts) {
      if (i->op == Op::Yield || isPure(*i)) continue;
      if (i->op == Op::LoStore && isAlloc(i->operand(0))) {
        isShared |= !baseOf(i->operand(0))->def->has(Attr::Private);
        continue;
      }
      if (i->op == Op::LoLoad && isAlloc(i->operand(0))) continue;
      if (i->op != Op::LoLoad || !isArgument(i->operand(0)) || i->result()->type.isPointer()) return std::nullopt;
      for (const Value* v : i->operands)
        if (!follows(v, body, seen)) return std::nullopt;
      out.loads.push_back(i);
      out.bytes += i->result()->type.numel() * std::max(byteSize(i->result()->type.element()), 2);
    }
    if (out.loads.empty() || (!isShared && !waits_)) return std::nullopt;
    return out;
  }

  // The loads are of held elements now; the loads themselves stay apart, to be copied.
  void hold(Mover& mover) {
    Block& body = mover.loop->regions[0]->entry();
    int64_t threads = mover.loop->integer(Attr::Threads);
    for (Inst*& load : mover.loads) {
      const Type type = load->result()->type;
      Inst* held = m_.newInst(Op::LoAlloc, load->loc);
      m_.addResult(*held, type.element().pointerTo());
      held->set(Attr::Bytes, (threads * type.numel() * byteSize(type.element()) + 63) / 64 * 64);
      held->set(Attr::Offset, int64_t{0});
      held->set(Attr::Private, static_cast<int64_t>(type.numel()));
      held->parent = entry_;
      entry_->insts.insert(entry_->insts.begin(), held);
      privateAllocs_.push_back(held);
      held_[load] = held->result();

      std::vector<Inst*> rest = split(body, load);
      Builder b(m_, &body, load->loc);
      // What stands in for masked elements takes their place here: there it would wait for the load.
      Value *value = b.loadFrom(place(b, held->result(), body.args[0], type), type), *mask = load->optional(1), *other = load->optional(2);
      if (mask) value = b.select(mask, value, other ? other : b.constant(type, 0));
      Replacements replaced;
      replaced.add(load->result(), value);
      rest.erase(rest.begin());
      append(body, rest);
      replaced.apply(*mover.loop->regions[0]);
    }
  }
  static Value* place(Builder& b, Value* held, Value* thread, const Type& type) {
    return b
        .create(Op::LoPrivate, {held, thread}, {held->type},
                {{Attr::Offset, int64_t{0}}, {Attr::Private, static_cast<int64_t>(type.numel())}})
        ->result();
  }

  // A loop over threads that fetches what the mover's loads read, with the loop's values as `map` has them.
  void fetch(const Mover& mover, Block* to, ValueMap map) {
    const Block& source = mover.loop->regions[0]->entry();
    Builder b(m_, to, mover.loop->loc);
    Value* range[3];
    for (size_t k = 0; k < 3; ++k) range[k] = copied(mover.loop->operand(k), to, map);
    Inst* threads = b.forLoop(range[0], range[1], range[2], {});
    threads->set(Attr::Threads, mover.loop->integer(Attr::Threads));
    Block& body = threads->regions[0]->entry();
    map[source.args[0]] = body.args[0];
    Builder in(m_, &body, mover.loop->loc);
    for (const Inst* load : mover.loads) {
      std::vector<Value*> operands{copied(load->operand(0), &body, map)};
      Value* mask = load->optional(1);
      if (mask) operands.push_back(copied(mask, &body, map));
      Inst* read = in.create(Op::LoLoad, operands, {load->result()->type}, load->attrs);
      read->segments = {1, mask != nullptr, 0};
      if (mask) read->set(Attr::Unspecified, int64_t{1});
      in.storeTo(place(in, held_.at(load), body.args[0], load->result()->type), read->result());
    }
    in.yield({});
  }
  // The value with `map` applied, of copies at the end of `to` where operations of the loop need it.
  Value* copied(Value* v, Block* to, ValueMap& map) {
    if (auto at = map.find(v); at != map.end()) return at->second;
    if (!v->def || !inside(v->def->parent)) return v;
    for (Value* o : v->def->operands) copied(o, to, map);
    Inst* copy = clone(m_, *v->def, map);
    copy->parent = to;
    to->insts.push_back(copy);
    return map.at(v);
  }

  static std::vector<Inst*> split(Block& block, const Inst* at) {
    auto first = std::find(block.insts.begin(), block.insts.end(), at);
    std::vector<Inst*> rest(first, block.insts.end());
    block.insts.erase(first, block.insts.end());
    return rest;
  }
  static const Inst* after(const Block& block, const Inst* inst) { return *(std::find(block.insts.begin(), block.insts.end(), inst) + 1); }
  static void append(Block& block, const std::vector<Inst*>& insts) { block.insts.insert(block.insts.end(), insts.begin(), insts.end()); }

  Module& m_;
  const Machine& machine_;
  std::vector<Inst*>& privateAllocs_;
  Block *entry_ = nullptr, *body_ = nullptr;
  bool waits_ = false;             // threads exchange values in the loop
  std::set<const Value*> needed_;  // what loops carry that the loads need
  PtrMap<const Inst*, Value*> held_;
};

}  // namespace

void prefetch(Func& f, Module& m, const Machine& machine, std::vector<Inst*>& own) {
  if (!Prefetch(m, machine, own).run(f)) return;
  fold(f, m);
  eliminateCommon(f);
  eliminateDead(f);
}

}  // namespace nereid
