// SPDX-License-Identifier: MIT
#include "analysis/index_map.h"

#include <algorithm>
#include <map>
#include <utility>

#include "analysis/divisibility.h"
#include "analysis/operands.h"

namespace nereid {

namespace {

// Lowest flat bit of dimension `axis`.
int lowBit(const Type& t, int axis) {
  int bit = 0;
  for (int i = t.rank - 1; i > axis; --i) bit += t.log2(i);
  return bit;
}

}  // namespace

bool isInlinable(const Inst& inst) {
  switch (inst.op) {
    case Op::Splat:
    case Op::ExpandDims:
    case Op::Reshape:
    case Op::Broadcast:
    case Op::Cat:
    case Op::Join:
    case Op::Split:
    case Op::Trans:
    case Op::MakeRange:
    case Op::Poison:
    case Op::Load:
    case Op::Gather: return true;
    case Op::Constant: return inst.dense().isSplat();  // a table is read from memory
    case Op::MapElementwise: return inst.integer(Attr::Pack, 1) == 1;
    default: return isElementwise(inst.op);
  }
}

std::optional<IndexMap> operandMap(const Inst& inst, size_t operand, const IndexMap& map, size_t result) {
  const Type& from = inst.operands[operand]->type;
  if (!from.isTile()) return std::nullopt;
  const Type& to = inst.results.empty() ? from : inst.results[0]->type;
  switch (inst.op) {
    case Op::ExpandDims:
    case Op::Reshape: return map;
    case Op::Broadcast: {
      IndexMap out;
      for (int axis = from.rank - 1; axis >= 0; --axis)
        for (int i = 0; i < from.log2(axis); ++i) out.push_back(map[static_cast<size_t>(lowBit(to, axis)) + static_cast<size_t>(i)]);
      return out;
    }
    case Op::Trans: {
      // Axis i of the result is axis order[i] of the operand.
      const auto& order = inst.list(Attr::Order);
      IndexMap out(map.size());
      for (size_t i = 0; i < order.size(); ++i) {
        auto axis = static_cast<int>(order[i]);
        for (int b = 0; b < from.log2(axis); ++b)
          out[static_cast<size_t>(lowBit(from, axis)) + static_cast<size_t>(b)] =
              map[static_cast<size_t>(lowBit(to, static_cast<int>(i))) + static_cast<size_t>(b)];
      }
      return out;
    }
    case Op::Join: return IndexMap(map.begin() + 1, map.end());
    case Op::Split: {
      IndexMap out(map);
      out.insert(out.begin(), IndexBit{result ? IndexBit::kOne : IndexBit::kZero, 0});
      return out;
    }
    case Op::Cat: {
      // Along axis 0: the top bit chooses, the rest indexes either half.
      IndexMap out(map);
      out.pop_back();
      return out;
    }
    case Op::Gather: return operand == 1 ? std::optional(map) : std::nullopt;
    default: return map;
  }
}

IndexBit selectorBit(const Inst& inst, const IndexMap& map) { return inst.op == Op::Join ? map.front() : map.back(); }

namespace {

// Whether `v` is not negative if its operands are not: those that matter go to `operands`.
bool staysNonNegative(const Value* v, std::vector<const Value*>& operands) {
  if (!v->def) {
    const Inst* loop = v->block && v->block->parent ? v->block->parent->parent : nullptr;
    if (!loop || loop->op != Op::For || v->index != 0) return false;
    operands.push_back(loop->operand(0));
    return true;
  }
  const Inst& i = *v->def;
  switch (i.op) {
    case Op::GetProgramId:
    case Op::GetNumPrograms:
    case Op::ExtUI: return true;
    case Op::MakeRange: return i.integer(Attr::Start) >= 0;
    case Op::Constant: return i.dense().isSplat() && constantInt(v).value_or(-1) >= 0;
    case Op::Splat:
    case Op::ExpandDims:
    case Op::Broadcast:
    case Op::Reshape:
    case Op::Trans:
    case Op::ExtSI:
    case Op::DivSI:
    case Op::RemSI: operands.push_back(i.operand(0)); return true;
    case Op::AddI:
    case Op::MulI:
      if (bitWidth(v->type) < 32) return false;
      [[fallthrough]];
    case Op::MinSI: operands.insert(operands.end(), {i.operand(0), i.operand(1)}); return true;
    default: return false;
  }
}

}  // namespace

bool isNonNegative(const Value* v) {
  std::set<const Value*> seen;
  std::vector<const Value*> next{v};
  while (!next.empty()) {
    const Value* x = next.back();
    next.pop_back();
    if (seen.insert(x).second && !staysNonNegative(x, next)) return false;
  }
  return true;
}

bool mayComeFromNegative(const Value* v) {
  return followTiles(v, [](const Value* x) {
    if (!x->def || x->def->op == Op::Load || !isInlinable(*x->def)) return Follow::Nothing;
    return x->def->op == Op::ExtUI && !isNonNegative(x->def->operand(0)) ? Follow::Found : Follow::Operands;
  });
}

namespace {

class StrideQuery {
 public:
  StrideQuery(int axis, int bits, Divisibility* group) : axis_(axis), bits_(bits), group_(group) {}

  Stride of(const Value* v, const IndexMap& map) {
    // A chain in which each value is used twice has exponentially many paths. Most questions are so short that visiting a value again costs
    // less than remembering it: no answer depends on the number.
    constexpr int kShort = 64;
    if (++visited_ <= kShort) return compute(v, map);
    auto key = std::pair(v, map);
    if (auto it = known_.find(key); it != known_.end()) return it->second;
    return known_[std::move(key)] = compute(v, map);
  }

 private:
  Stride compute(const Value* v, const IndexMap& map);
  Stride computeWide(const Value* v, const IndexMap& map);
  Stride ofOperand(const Value* v, size_t i, const IndexMap& map);
  Stride ofRange(const IndexMap& map) const;
  static Stride ofSum(Op op, Stride a, Stride b);
  static Stride ofProduct(const Inst& product, Stride a, Stride b);
  Stride ofDivision(const Value* v, const IndexMap& map);
  Stride ofOthers(const Value* v, const IndexMap& map);
  static bool isStill(Stride s) { return s.kind == Stride::Constant && s.value == 0; }

  const int axis_, bits_;
  Divisibility* const group_;
  int visited_ = 0;
  std::map<std::pair<const Value*, IndexMap>, Stride> known_;
};

Stride StrideQuery::compute(const Value* v, const IndexMap& map) {
  const Stride stride = computeWide(v, map);
  // Narrow integers wrap within a tile.
  const bool isNarrow = v->type.isInt() && !v->type.isPointer() && bitWidth(v->type) < 32;
  return isNarrow && (stride.kind != Stride::Constant || stride.value != 0) ? Stride{} : stride;
}

Stride StrideQuery::ofOperand(const Value* v, size_t i, const IndexMap& map) {
  auto m = operandMap(*v->def, i, map, v->index);
  return m ? of(v->def->operands[i], *m) : Stride::constant(0);
}

// If nothing wraps.
Stride StrideQuery::computeWide(const Value* v, const IndexMap& map) {
  bool present = std::any_of(map.begin(), map.end(), [&](IndexBit b) { return b.axis == axis_ && (!group_ || b.bit < bits_); });
  if (!v->type.isTile() || !present) return Stride::constant(0);
  const Inst* def = v->def;
  if (!def) return {};
  switch (def->op) {
    case Op::Splat: return Stride::constant(0);
    case Op::Constant: return def->dense().isSplat() ? Stride::constant(0) : Stride{};
    case Op::MakeRange: return ofRange(map);
    case Op::Bitcast:
      if (v->type.isPointer() && byteSize(v->type.pointee()) != byteSize(def->operand(0)->type.pointee())) return {};
      [[fallthrough]];
    case Op::ExpandDims:
    case Op::Reshape:
    case Op::Broadcast:
    case Op::Trans:
    case Op::ExtSI:
    case Op::ExtUI:
    case Op::TruncI:
    case Op::IndexCast:
    case Op::Split: return ofOperand(v, 0, map);
    case Op::AddI:
    case Op::SubI:
    case Op::AddPtr: return ofSum(def->op, ofOperand(v, 0, map), ofOperand(v, 1, map));
    case Op::MulI: return ofProduct(*def, ofOperand(v, 0, map), ofOperand(v, 1, map));
    case Op::ShLI: {
      const Stride a = ofOperand(v, 0, map);
      auto amount = constantInt(def->operand(1));
      return a.kind == Stride::Constant && amount && *amount >= 0 && *amount <= 31 ? Stride::constant(a.value << *amount) : Stride{};
    }
    case Op::RemSI:
    case Op::RemUI:
    case Op::DivSI:
    case Op::DivUI: return ofDivision(v, map);
    default: return ofOthers(v, map);
  }
}

// Linear when the axis's bits stand in a row.
Stride StrideQuery::ofRange(const IndexMap& map) const {
  int64_t unit = 0;
  for (int b = 0; b < bits_; ++b) {
    const auto at = std::find(map.begin(), map.end(), IndexBit{static_cast<int8_t>(axis_), static_cast<uint8_t>(b)}) - map.begin();
    if (at == static_cast<long>(map.size())) return {};
    if (b == 0) unit = int64_t{1} << at;
    if (int64_t{1} << at != unit << b) return {};
  }
  return Stride::constant(unit);
}

Stride StrideQuery::ofSum(Op op, Stride a, Stride b) {
  if (a.kind == Stride::None || b.kind == Stride::None) return {};
  if (a.kind == Stride::Runtime || b.kind == Stride::Runtime) return {Stride::Runtime, 0};
  return Stride::constant(op == Op::SubI ? a.value - b.value : a.value + b.value);
}

// One factor must be the same along the axis.
Stride StrideQuery::ofProduct(const Inst& product, Stride a, Stride b) {
  if (a.kind == Stride::None || b.kind == Stride::None) return {};
  if (isStill(a) && isStill(b)) return Stride::constant(0);
  if (!isStill(a) && !isStill(b)) return {};
  auto factor = constantInt(product.operand(isStill(a) ? 0 : 1));
  const Stride moving = isStill(a) ? b : a;
  return factor && moving.kind == Stride::Constant ? Stride::constant(moving.value * *factor) : Stride{Stride::Runtime, 0};
}

// An index divided by a size that is the same along the axis.
Stride StrideQuery::ofDivision(const Value* v, const IndexMap& map) {
  const Inst& i = *v->def;
  const Stride a = ofOperand(v, 0, map);
  if (a.kind != Stride::Constant || a.value < 0 || !isStill(ofOperand(v, 1, map))) return {};
  if (a.value == 0) return a;
  // Within a group the index may stay below the next multiple of the size: if the first one and the size are divisible by its extent.
  auto divisor = [&](size_t k) {
    auto m = operandMap(i, k, map, v->index);
    return group_->along(i.operands[k], m ? *m : IndexMap{}, axis_, bits_);
  };
  auto staysInGroup = [&] { return a.value < 64 && (a.value << bits_) <= int64_t{1} << std::min(divisor(0), divisor(1)); };
  // Remainders of negative numbers are negative or 0, and quotients are rounded towards zero.
  const bool isUnsigned = i.op == Op::RemUI || i.op == Op::DivUI, isRemainder = i.op == Op::RemSI || i.op == Op::RemUI;
  if (group_ && (isUnsigned || isNonNegative(i.operand(0))) && staysInGroup()) return isRemainder ? a : Stride::constant(0);
  // An index modulo a run-time size moves like the index itself as long as it does not wrap; the generated code tests that.
  return i.op == Op::RemSI ? Stride{Stride::Runtime, a.value} : Stride{};
}

// Anything else is constant along the axis if all its operands are.
Stride StrideQuery::ofOthers(const Value* v, const IndexMap& map) {
  if (!isElementwise(v->def->op)) return {};
  for (size_t k = 0; k < v->def->operands.size(); ++k)
    if (!isStill(ofOperand(v, k, map))) return {};
  return Stride::constant(0);
}

}  // namespace

Stride strideOf(const Value* v, const IndexMap& map, int axis, int bits, Divisibility* group) {
  return StrideQuery(axis, bits, group).of(v, map);
}

}  // namespace nereid
