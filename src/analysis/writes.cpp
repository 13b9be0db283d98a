// SPDX-License-Identifier: MIT
#include "analysis/writes.h"

#include <set>

namespace nereid {

namespace {

// Follows pointers from a store back to arguments.
class Finder {
 public:
  explicit Finder(const Func& kernel) : kernel_(kernel), writes_(kernel.args().size(), Writes::No) {}

  std::vector<Writes> run() {
    walk(kernel_.body, [&](const Inst& i) {
      Effects effects = info(i.op).effects;
      if ((effects == Effects::Writes || effects == Effects::Atomic) && !i.operands.empty()) follow(i.operands[0]);
    });
    if (unknown_)
      for (size_t k = 0; k < writes_.size(); ++k)
        if (kernel_.args()[k]->type.isPointer() && writes_[k] == Writes::No) writes_[k] = Writes::Unknown;
    return std::move(writes_);
  }

 private:
  void yielded(const Region& region, size_t k) {
    const Inst* end = region.blocks.back()->terminator();
    // The first operand of scf.condition is the test; the values it passes on follow.
    size_t at = k + (end->op == Op::Condition ? 1 : 0);
    if (at < end->operands.size()) follow(end->operands[at]);
  }

  void follow(const Value* v) {
    if (!seen_.insert(v).second) return;
    if (!v->def) {
      const Inst* loop = v->block->parent->parent;
      if (!loop) {
        for (size_t k = 0; k < kernel_.args().size(); ++k)
          if (kernel_.args()[k] == v) writes_[k] = Writes::Yes;
      } else if (loop->op == Op::For && v->index > 0) {
        follow(loop->operands[2 + v->index]);
        yielded(*loop->regions[0], v->index - 1);
      } else if (loop->op == Op::While && v->block->parent == loop->regions[0].get()) {
        follow(loop->operands[v->index]);
        yielded(*loop->regions[1], v->index);
      } else if (loop->op == Op::While) {
        yielded(*loop->regions[0], v->index);
      } else {
        unknown_ = true;
      }
      return;
    }
    const Inst& i = *v->def;
    switch (i.op) {
      case Op::AddPtr:
      case Op::Splat:
      case Op::Unsplat:
      case Op::Broadcast:
      case Op::ExpandDims:
      case Op::Reshape:
      case Op::Trans:
      case Op::Bitcast:
      case Op::MakeTensorPtr:
      case Op::MakeTensorDesc:
      case Op::Advance:
      case Op::Gather:
      case Op::Split: return follow(i.operands[0]);
      case Op::Select: follow(i.operands[1]); return follow(i.operands[2]);
      case Op::Join: follow(i.operands[0]); return follow(i.operands[1]);
      case Op::For: follow(i.operands[3 + v->index]); return yielded(*i.regions[0], v->index);
      case Op::While: return yielded(*i.regions[0], v->index);
      case Op::If:
        for (auto& r : i.regions)
          if (!r->empty()) yielded(*r, v->index);
        return;
      case Op::Poison: return;
      default: unknown_ = true;
    }
  }

  const Func& kernel_;
  std::vector<Writes> writes_;
  std::set<const Value*> seen_;
  bool unknown_ = false;
};

}  // namespace

std::vector<Writes> writesOf(const Func& kernel) { return Finder(kernel).run(); }

}  // namespace nereid
