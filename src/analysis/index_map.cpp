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

// If nothing wraps.
Stride StrideQuery::computeWide(const Value* v, const IndexMap& map) {
  bool present = std::any_of(map.begin(), map.end(), [&](IndexBit b) { return b.axis == axis_ && (!group_ || b.bit < bits_); });
  if (!v->type.isTile() || !present) return Stride::constant(0);
  const Inst* def = v->def;
  if (!def) return {};
  auto of = [&](size_t i) {
    Value* operand = def->operands[i];
    auto m = operandMap(*def, i, map, v->index);
    return m ? this->of(operand, *m) : Stride::constant(0);
  };
  // Whether the first operand stays below the next multiple of the second within each group.
  auto staysInGroup = [&](Stride a) {
    if (!group_) return false;
    auto divisor = [&](size_t i) {
      auto m = operandMap(*def, i, map, v->index);
      return group_->along(def->operands[i], m ? *m : IndexMap{}, axis_, bits_);
    };
    return a.value < 64 && (a.value << bits_) <= int64_t{1} << std::min(divisor(0), divisor(1));
  };
  switch (def->op) {
    case Op::Splat: return Stride::constant(0);
    case Op::Constant: return def->dense().isSplat() ? Stride::constant(0) : Stride{};
    case Op::MakeRange: {
      // Linear when the axis's bits stand in a row.
      int64_t unit = 0;
      for (int b = 0; b < bits_; ++b) {
        size_t at = map.size();
        for (size_t i = 0; i < map.size(); ++i)
          if (map[i].axis == axis_ && map[i].bit == b) at = i;
        if (at == map.size()) return {};
        if (b == 0) unit = int64_t{1} << at;
        if (int64_t{1} << at != unit << b) return {};
      }
      return Stride::constant(unit);
    }
    case Op::ExpandDims:
    case Op::Reshape:
    case Op::Broadcast:
    case Op::Trans:
    case Op::ExtSI:
    case Op::ExtUI:
    case Op::TruncI:
    case Op::IndexCast:
    case Op::Bitcast:
    case Op::Split:
      if (def->op == Op::Bitcast && v->type.isPointer() && byteSize(v->type.pointee()) != byteSize(def->operand(0)->type.pointee()))
        return {};
      return of(0);
    case Op::AddI:
    case Op::SubI:
    case Op::AddPtr: {
      Stride a = of(0), b = of(1);
      if (a.kind == Stride::None || b.kind == Stride::None) return {};
      if (a.kind == Stride::Runtime || b.kind == Stride::Runtime) return {Stride::Runtime, 0};
      return Stride::constant(def->op == Op::SubI ? a.value - b.value : a.value + b.value);
    }
    case Op::MulI: {
      Stride a = of(0), b = of(1);
      if (a.kind == Stride::None || b.kind == Stride::None) return {};
      bool aStill = a.kind == Stride::Constant && a.value == 0, bStill = b.kind == Stride::Constant && b.value == 0;
      if (aStill && bStill) return Stride::constant(0);
      if (!aStill && !bStill) return {};
      auto factor = constantInt(def->operand(aStill ? 0 : 1));
      Stride moving = aStill ? b : a;
      if (factor && moving.kind == Stride::Constant) return Stride::constant(moving.value * *factor);
      return {Stride::Runtime, 0};
    }
    case Op::ShLI: {
      Stride a = of(0);
      auto amount = constantInt(def->operand(1));
      if (a.kind != Stride::Constant || !amount || *amount < 0 || *amount > 31) return {};
      return Stride::constant(a.value << *amount);
    }
    case Op::RemSI:
    case Op::RemUI: {
      // An index modulo a run-time size moves like the index itself as long as it does not wrap; the generated code tests that.
      Stride a = of(0), b = of(1);
      bool still = b.kind == Stride::Constant && b.value == 0;
      if (a.kind != Stride::Constant || a.value < 0 || !still) return {};
      if (a.value == 0) return a;
      // A negative dividend has a negative remainder, or 0.
      if ((def->op == Op::RemUI || isNonNegative(def->operand(0))) && staysInGroup(a)) return a;
      return def->op == Op::RemSI ? Stride{Stride::Runtime, a.value} : Stride{};
    }
    case Op::DivSI:
    case Op::DivUI: {
      Stride a = of(0), b = of(1);
      if (a.kind != Stride::Constant || a.value < 0 || b.kind != Stride::Constant || b.value != 0) return {};
      if (a.value == 0) return a;
      // Rounding is towards zero: only above zero is the quotient the same in the whole group.
      const bool isAbove = def->op == Op::DivUI || isNonNegative(def->operand(0));
      return isAbove && staysInGroup(a) ? Stride::constant(0) : Stride{};
    }
    default: {
      // Anything else is constant along the axis if all its operands are.
      if (!isElementwise(def->op)) return {};
      for (size_t i = 0; i < def->operands.size(); ++i) {
        Stride s = of(i);
        if (s.kind != Stride::Constant || s.value != 0) return {};
      }
      return Stride::constant(0);
    }
  }
}

}  // namespace

Stride strideOf(const Value* v, const IndexMap& map, int axis, int bits, Divisibility* group) {
  return StrideQuery(axis, bits, group).of(v, map);
}

}  // namespace nereid
