// SPDX-License-Identifier: MIT
// Unroll and jam (Callahan, Cocke and Kennedy, 1988): several iterations of an outer loop go through its inner loops together.
//
//   for i { s = for k (a = 0) { a + x[i, k] * y[k] }; r[i] = s }
//   =>  for i by 2 { s, t = for k (a = 0, b = 0) { a + x[i, k] * y[k], b + x[i + 1, k] * y[k] }; r[i] = s; r[i + 1] = t }
//
// An address that several iterations load is then loaded once, and their loads and sums overlap.
#include "lower/jam_loops.h"

#include <set>

#include "analysis/provenance.h"
#include "ir/builder.h"

namespace nereid {

namespace {

class Jammer {
 public:
  Jammer(Module& m, Inst& loop) : m_(m), loop_(loop), body_(loop.regions[0]->entry()), copies_(loop.integer(Attr::Jammed)) {}

  // Iterations may run together if they only write results of their own, after their inner loops.
  bool isLegal(const Provenance& provenance) const {
    if (loop_.operands.size() > 3) return false;
    std::set<const Value*> written, read;
    bool isLegal = true;
    walk(*loop_.regions[0], [&](const Inst& inst) {
      switch (info(inst.op).effects) {
        case Effects::Pure:
        case Effects::Exit: return;
        case Effects::Reads: read.insert(provenance.of(inst.operand(0))); return;
        case Effects::Region: isLegal &= inst.op == Op::For || inst.op == Op::If; return;
        default: isLegal &= inst.op == Op::LoStore && inst.parent == &body_; written.insert(provenance.of(inst.operand(0)));
      }
    });
    for (const Value* v : written) isLegal &= v && v->def && !read.count(v);
    return isLegal && !read.count(nullptr);
  }

  // The loops that replace it.
  std::vector<Inst*> run() {
    Region nowhere;
    Block* front = m_.newBlock(nowhere);
    Builder b(m_, front, loop_.loc);
    Value *lower = loop_.operand(0), *upper = loop_.operand(1), *step = loop_.operand(2);
    // The main loop takes several iterations per step; the original loop runs the remaining ones.
    Value* longStep = b.make(Op::MulI, {step, b.constant(step->type, static_cast<uint64_t>(copies_))});
    Value* count = b.make(Op::MaxSI, {b.make(Op::SubI, {upper, lower}), b.constant(step->type, 0)});
    Value* last = b.make(Op::AddI, {lower, b.make(Op::SubI, {count, b.make(Op::RemSI, {count, longStep})})});
    Inst* jammed = b.forLoop(lower, last, longStep, {});
    Block& to = jammed->regions[0]->entry();
    Builder inside(m_, &to, loop_.loc);
    std::vector<ValueMap> maps(static_cast<size_t>(copies_));
    for (size_t k = 0; k < maps.size(); ++k) {
      Value* distance = inside.make(Op::MulI, {step, inside.constant(step->type, k)});
      maps[k][body_.args[0]] = inside.make(Op::AddI, {to.args[0], distance});
    }
    jam(body_, to, maps);
    std::vector<Inst*> out = std::move(front->insts);
    const auto first = constantInt(lower), end = constantInt(upper), by = constantInt(step);
    const bool isWhole = first && end && by && (*end - *first) % (*by * copies_) == 0;
    if (!isWhole) {
      loop_.operands[0] = last;
      out.push_back(&loop_);
    }
    for (Inst* inst : out) inst->parent = loop_.parent;
    return out;
  }

 private:
  bool isOutside(const Value* v) const {
    for (const Block* block = v->def ? v->def->parent : v->block; block;
         block = block->parent->parent ? block->parent->parent->parent : nullptr)
      if (block == &body_) return false;
    return true;
  }

  void jam(const Block& from, Block& to, std::vector<ValueMap>& maps) {
    auto mapped = [](const ValueMap& map, Value* v) {
      auto it = map.find(v);
      return it == map.end() ? v : it->second;
    };
    for (const Inst* inst : from.insts) {
      Builder b(m_, &to, inst->loc);
      if (inst->op == Op::Yield) {
        std::vector<Value*> values;
        for (const ValueMap& map : maps)
          for (Value* v : inst->operands) values.push_back(mapped(map, v));
        b.yield(values);
        continue;
      }
      if (inst->op == Op::For && isOutside(inst->operand(0)) && isOutside(inst->operand(1)) && isOutside(inst->operand(2))) {
        std::vector<Value*> inits;
        for (const ValueMap& map : maps)
          for (size_t i = 3; i < inst->operands.size(); ++i) inits.push_back(mapped(map, inst->operand(i)));
        Inst* loop = b.forLoop(inst->operand(0), inst->operand(1), inst->operand(2), inits);
        const Block& body = inst->regions[0]->entry();
        Block& inner = loop->regions[0]->entry();
        const size_t carried = inst->results.size();
        for (size_t k = 0; k < maps.size(); ++k) {
          maps[k][body.args[0]] = inner.args[0];
          for (size_t i = 0; i < carried; ++i) {
            maps[k][body.args[1 + i]] = inner.args[1 + k * carried + i];
            maps[k][inst->results[i]] = loop->results[k * carried + i];
          }
        }
        jam(body, inner, maps);
        continue;
      }
      for (ValueMap& map : maps) {
        Inst* copy = clone(m_, *inst, map);
        copy->parent = &to;
        to.insts.push_back(copy);
      }
    }
  }

  Module& m_;
  Inst& loop_;
  const Block& body_;
  const int64_t copies_;
};

bool jamIn(Region& region, Module& m, const Provenance& provenance) {
  bool changed = false;
  for (Block* block : region.blocks) {
    std::vector<Inst*> source = std::move(block->insts);
    block->insts.clear();
    for (Inst* inst : source) {
      for (auto& r : inst->regions) changed |= jamIn(*r, m, provenance);
      std::vector<Inst*> out{inst};
      if (inst->op == Op::For && inst->integer(Attr::Jammed) > 1) {
        Jammer jammer(m, *inst);
        if (jammer.isLegal(provenance)) {
          out = jammer.run();
          changed = true;
        }
        std::erase_if(inst->attrs, [](const Attribute& a) { return a.first == Attr::Jammed; });
      }
      block->insts.insert(block->insts.end(), out.begin(), out.end());
    }
  }
  return changed;
}

}  // namespace

bool jamLoops(Func& f, Module& m) { return jamIn(f.body, m, Provenance(f)); }

}  // namespace nereid
