// SPDX-License-Identifier: MIT
// Visits everything that an anchor operation inlines, with the index map of each value.
#include <algorithm>
#include <utility>

#include "schedule/schedule.h"

namespace nereid {

IndexMap identityMap(int bits) {
  IndexMap map;
  for (int i = 0; i < bits; ++i) map.push_back({0, static_cast<uint8_t>(i)});
  return map;
}

namespace {

struct Inliner {
  FunctionRef<bool(const Value*)> inMemory;
  FunctionRef<void(Value*, const IndexMap&)> visit;
  PtrMap<const Value*, std::vector<IndexMap>> seen;

  // Depth first, with an explicit stack: unrolled loops make chains of thousands.
  void inlineFrom(Value* anchor, const IndexMap& anchorMap, bool force = false) {
    std::vector<std::pair<Value*, IndexMap>> next{{anchor, anchorMap}};
    while (!next.empty()) {
      auto [v, map] = std::move(next.back());
      next.pop_back();
      if (!v->type.isTile()) continue;
      if (!map.empty() && map[0].axis == IndexBit::kComputed) {
        visit(v, map);
        continue;
      }
      auto& maps = seen[v];
      if (std::find(maps.begin(), maps.end(), map) != maps.end()) continue;
      maps.push_back(map);
      visit(v, map);
      if (!v->def || (!std::exchange(force, false) && inMemory(v)) || !isInlinable(*v->def)) continue;
      const Inst& inst = *v->def;
      for (size_t i = inst.operands.size(); i-- > 0;) {
        if (inst.op == Op::Gather && i == 0) {
          // The source is read at computed indices, which no index map describes.
          auto bits = static_cast<size_t>(std::max(1, inst.operands[0]->type.bits()));
          next.emplace_back(inst.operands[0], IndexMap(bits, {IndexBit::kComputed, 0}));
        } else if (auto m = operandMap(inst, i, map, v->index)) {
          next.emplace_back(inst.operands[i], *m);
        }
      }
    }
  }
};

}  // namespace

void visitInlined(const Anchor& anchor, FunctionRef<bool(const Value*)> inMemory, FunctionRef<void(Value*, const IndexMap&)> visit) {
  Inliner inliner{inMemory, visit, {}};
  if (anchor.kind == Anchor::Buffer || anchor.kind == Anchor::Carry) {
    inliner.inlineFrom(anchor.value, identityMap(anchor.value->type.bits()), anchor.kind == Anchor::Buffer);
    return;
  }
  for (Value* v : anchor.inst->operands)
    if (v->type.isTile()) inliner.inlineFrom(v, identityMap(v->type.bits()));
}

}  // namespace nereid
