// SPDX-License-Identifier: MIT
#include "analysis/provenance.h"

namespace nereid {

Provenance::Provenance(const Func& f) {
  for (const Value* v : f.args())
    if (v->type.isPointer()) origin_[v] = v;
  walk(f.body, [&](const Inst& i) {
    if (i.op == Op::LoAlloc) origin_[i.result()] = i.result();
  });
  for (bool changed = true; changed && !ambiguous && !ambiguousStore;) {
    changed = false;
    walk(f.body, [&](const Inst& i) { changed |= flow(i); });
  }
}

bool Provenance::flow(const Value* from, const Value* to) {
  const Value* origin = to->type.isPointer() ? of(from) : nullptr;
  if (!origin) return false;
  auto [at, isNew] = origin_.emplace(to, origin);
  if (at->second != origin && !ambiguous) ambiguous = to;
  return isNew;
}

bool Provenance::flow(const Inst& i) {
  bool changed = false;
  auto all = [&](const std::vector<Value*>& from, size_t skip, const std::vector<Value*>& to, size_t skipTo) {
    for (size_t k = 0; skip + k < from.size() && skipTo + k < to.size(); ++k) changed |= flow(from[skip + k], to[skipTo + k]);
  };
  switch (i.op) {
    case Op::AddPtr:
    case Op::LoPrivate:
    case Op::Bitcast:
    case Op::LoSplat:
    case Op::LoExtract: return flow(i.operand(0), i.result());
    case Op::LoShuffle:
    case Op::LoInsert:
      for (const Value* v : i.operands) changed |= flow(v, i.result());
      return changed;
    case Op::Select: {
      changed = flow(i.operand(1), i.result());
      return flow(i.operand(2), i.result()) || changed;
    }
    case Op::For: {
      const Block& body = i.regions[0]->entry();
      all(i.operands, 3, body.args, 1);
      all(body.terminator()->operands, 0, body.args, 1);
      all(body.terminator()->operands, 0, i.results, 0);
      all(i.operands, 3, i.results, 0);
      return changed;
    }
    case Op::If:
      for (auto& r : i.regions)
        if (!r->empty() && r->entry().terminator()) all(r->entry().terminator()->operands, 0, i.results, 0);
      return changed;
    case Op::While: {
      const Block &test = i.regions[0]->entry(), &body = i.regions[1]->entry();
      all(i.operands, 0, test.args, 0);
      all(test.terminator()->operands, 1, body.args, 0);
      all(test.terminator()->operands, 1, i.results, 0);
      all(body.terminator()->operands, 0, test.args, 0);
      return changed;
    }
    case Op::LoStore:
    case Op::LoScatter: {
      const Value *to = of(i.operand(0)), *origin = i.operand(1)->type.isPointer() ? of(i.operand(1)) : nullptr;
      if (!to || !to->def || !origin) return false;
      auto [at, isNew] = contents_.emplace(to, origin);
      if (at->second != origin && !ambiguousStore) ambiguousStore = &i;
      return isNew;
    }
    case Op::LoLoad:
    case Op::LoGather: {
      auto at = i.result()->type.isPointer() ? contents_.find(of(i.operand(0))) : contents_.end();
      if (at == contents_.end()) return false;
      auto [known, isNew] = origin_.emplace(i.result(), at->second);
      if (known->second != at->second && !ambiguous) ambiguous = i.result();
      return isNew;
    }
    default: return false;
  }
}

}  // namespace nereid
