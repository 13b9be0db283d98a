// SPDX-License-Identifier: MIT
// Tiles with one value for each row of a product: maxima and sums of rows, and what loops carry of them.
//
// Each thread that has elements of a row keeps its value in a register, all of them the same: reductions within subgroups leave it with all
// who take part, and who reads it waits for nobody.
#include <algorithm>

#include "lower/lowering.h"

namespace nereid {

const Layout* Lowering::productLayout(const std::vector<int64_t>& shape) {
  const Inst* product = nullptr;
  walk(kernel_.body, [&](const Inst& inst) {
    if (inst.op == Op::Dot && inst.result()->type.shape() == shape) product = &inst;
  });
  return product ? layoutOf(product->result()->type) : nullptr;
}

// The layout of rows that goes with a product's of this shape, if all threads that have parts of a row are of one subgroup.
const Layout* Lowering::replicatedLayout(const std::vector<int64_t>& shape) {
  const Layout* tile = shape.size() == 2 ? productLayout(shape) : nullptr;
  if (!tile || tile->threadBits > log2(threads_)) return nullptr;
  auto [at_, isNew] = layouts_.try_emplace({shape[0], -shape[1]});
  Layout& l = at_->second;
  if (!isNew) return l.isReplicated ? &l : nullptr;
  const int columns = log2(shape[1]);
  if (std::any_of(tile->place.begin(), tile->place.begin() + columns, [this](int place) { return place >= subgroupBits_; })) return nullptr;
  l.isReplicated = true;
  l.threadBits = log2(threads_);
  for (auto place = tile->place.begin() + columns; place != tile->place.end(); ++place)
    l.place.push_back(*place < 0 ? ~l.registerBits++ : *place);
  return &l;
}

// Values that all nests can treat so: those that cannot be are taken out until the rest agrees.
void Lowering::findReplicated() {
  if (!schedule_.kernel.subgroups) return;
  std::map<int64_t, const Layout*> found;  // by the number of rows
  walk(kernel_.body, [&](const Inst& inst) {
    if (inst.op != Op::Reduce || inst.operand(0)->type.rank != 2 || inst.integer(Attr::Axis) != 1) return;
    const std::vector<int64_t> shape = inst.operand(0)->type.shape();
    const Layout* layout = replicatedLayout(shape);
    if (!layout) return;
    const Layout* known = found.try_emplace(shape[0], layout).first->second;
    if (known->place != layout->place) return;
    for (const Value* v : inst.results) replicated_[v] = known;
  });
  if (replicated_.empty()) return;
  std::vector<std::vector<const Value*>> carried;  // one buffer for each: the loop's own value and its result
  walk(kernel_.body, [&](const Inst& inst) {
    if (inst.op != Op::For) return;
    for (size_t i = 0; i < inst.results.size(); ++i) {
      const Value* v = inst.results[i];
      if (v->type.rank != 1 || v->type.isPointer() || !found.count(v->type.dim(0))) continue;
      carried.push_back({v, inst.regions[0]->entry().args[1 + i]});
      for (const Value* x : carried.back()) replicated_[x] = found.at(v->type.dim(0));
    }
  });
  for (bool changed = true; changed;) {
    changed = false;
    // All results of a reduction or none: the threads combine them together.
    auto drop = [&](const Value* v) {
      std::vector<const Value*> all{v};
      if (v && v->def && v->def->op == Op::Reduce) all.assign(v->def->results.begin(), v->def->results.end());
      for (const Value* x : all) {
        changed |= replicated_.count(x) > 0;
        replicated_.erase(x);
      }
    };
    // Who reads values does it in a nest over a tile that is dealt like them; or over them (`lines`), if that writes only what threads
    // keep, or only stores.
    auto check = [&](const Anchor& anchor, const std::vector<int64_t>& domain, bool lines) {
      const bool isLine = domain.size() == 1;
      const bool stores = anchor.kind == Anchor::Effect && anchor.inst->op == Op::Store;
      const bool plain = isLine ? lines
                                : stores || anchor.kind == Anchor::Carry || anchor.kind == Anchor::Combine || anchor.kind == Anchor::Dot ||
                                      anchor.kind == Anchor::Buffer;
      const Layout* rows = isLine ? nullptr : replicatedLayout(domain);
      const int first = isLine || !rows ? 0 : log2(domain[1]);
      visitInlined(
          anchor, [&](const Value* v) { return inMemory(v); },
          [&](const Value* v, const IndexMap& map) {
            auto at_ = replicated_.find(v);
            if (at_ == replicated_.end()) return;
            bool ok = plain && domain[0] == v->type.dim(0) && (isLine || (rows && rows->place == at_->second->place));
            for (size_t i = 0; ok && i < map.size(); ++i) ok = map[i] == IndexBit{0, static_cast<uint8_t>(first + static_cast<int>(i))};
            if (!ok) drop(v);
          });
    };
    auto targetOf = [](const Anchor& anchor) -> const Value* {
      if (anchor.kind != Anchor::Carry || anchor.inst->op != Op::Yield) return nullptr;
      const Inst* loop = anchor.inst->parent->parent->parent;
      return loop->op == Op::For ? loop->results[anchor.slot] : nullptr;
    };
    for (auto& [block, plan] : schedule_.blocks)
      for (const Step& step : plan.steps) {
        if (!step.nest) continue;
        const std::vector<Anchor>& anchors = step.nest->anchors;
        auto keeps = [&](const Anchor& anchor) { return replicated_.count(targetOf(anchor)) > 0; };
        auto stores = [](const Anchor& anchor) { return anchor.kind == Anchor::Effect && anchor.inst->op == Op::Store; };
        const bool keep = std::all_of(anchors.begin(), anchors.end(), keeps);
        for (const Anchor& anchor : anchors) {
          check(anchor, anchor.kind == Anchor::Dot ? anchor.inst->result()->type.shape() : step.nest->shape,
                keep || std::all_of(anchors.begin(), anchors.end(), stores));
          if (step.nest->shape.size() == 1 && !keep) drop(targetOf(anchor));
        }
        bool alone = std::all_of(anchors.begin(), anchors.end(), [&](const Anchor& anchor) {
          return anchor.kind != Anchor::Scan && (anchor.kind != Anchor::Effect || stores(anchor));
        });
        for (const Anchor& anchor : anchors)
          if (anchor.kind == Anchor::Combine && !alone)
            for (const Value* v : anchor.inst->results) drop(v);
      }
    walk(kernel_.body, [&](const Inst& inst) {
      for (size_t k = 0; k < inst.operands.size(); ++k) {
        Value* v = inst.operands[k];
        if (!v->type.isTile()) continue;
        if (inst.op == Op::For)
          check({Anchor::Carry, const_cast<Inst*>(&inst), v, k}, v->type.shape(), replicated_.count(inst.results[k - 3]) > 0);
        if (inst.op == Op::If || inst.op == Op::While || inst.op == Op::Condition || inst.op == Op::Gather || inst.op == Op::Histogram)
          drop(v);
      }
    });
    for (const auto& both : carried)
      if (!replicated_.count(both[0]) || !replicated_.count(both[1]))
        for (const Value* v : both) drop(v);
  }
}

const Layout* Lowering::replicatedLayoutOf(const Value* v) const {
  auto at_ = replicated_.find(v);
  return at_ == replicated_.end() ? nullptr : at_->second;
}

}  // namespace nereid
