// SPDX-License-Identifier: MIT
// Follows the operands from which a tile is computed.
#pragma once

#include <set>
#include <vector>

#include "ir/ir.h"
#include "support/function_ref.h"

namespace nereid {

enum class Follow : uint8_t { Operands, Nothing, Found };

// Visits a tile and the tiles that it is computed from, each once, until `visit` returns Found. Returns whether it did.
inline bool followTiles(const Value* v, FunctionRef<Follow(const Value*)> visit) {
  std::set<const Value*> seen;
  std::vector<const Value*> next{v};
  while (!next.empty()) {
    const Value* x = next.back();
    next.pop_back();
    if (!x->type.isTile() || !seen.insert(x).second) continue;
    const Follow follow = visit(x);
    if (follow == Follow::Found) return true;
    if (follow == Follow::Operands && x->def) next.insert(next.end(), x->def->operands.begin(), x->def->operands.end());
  }
  return false;
}

}  // namespace nereid
