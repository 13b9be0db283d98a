// SPDX-License-Identifier: MIT
#include "analysis/ranges.h"

#include <algorithm>
#include <bit>

#include "ir/bits.h"

namespace nereid {

namespace {

Range whole(const Type& t) {
  int w = bitWidth(t);
  if (w >= 64) return {INT64_MIN, INT64_MAX};
  if (w == 1) return {0, 1};
  return {-(int64_t{1} << (w - 1)), (int64_t{1} << (w - 1)) - 1};
}

// The computed range if nothing can have wrapped, else the range of the type.
Range within(const Type& t, __int128 low, __int128 high) {
  Range all = whole(t);
  if (low < all.low || high > all.high) return all;
  return {static_cast<int64_t>(low), static_cast<int64_t>(high)};
}

Range ofArithmetic(Op op, const Type& t, Range a, Range b) {
  using Wide = __int128;
  switch (op) {
    case Op::AddI: return within(t, static_cast<Wide>(a.low) + b.low, static_cast<Wide>(a.high) + b.high);
    case Op::SubI: return within(t, static_cast<Wide>(a.low) - b.high, static_cast<Wide>(a.high) - b.low);
    case Op::MulI: {
      Wide p[] = {static_cast<Wide>(a.low) * b.low, static_cast<Wide>(a.low) * b.high, static_cast<Wide>(a.high) * b.low,
                  static_cast<Wide>(a.high) * b.high};
      return within(t, std::min({p[0], p[1], p[2], p[3]}), std::max({p[0], p[1], p[2], p[3]}));
    }
    case Op::MinSI: return {std::min(a.low, b.low), std::min(a.high, b.high)};
    case Op::MaxSI: return {std::max(a.low, b.low), std::max(a.high, b.high)};
    case Op::MinUI: return b.low >= 0 ? Range{0, a.low >= 0 ? std::min(a.high, b.high) : b.high} : whole(t);
    case Op::RemSI:
    case Op::RemUI:
      if (b.low <= 0) return whole(t);
      if (a.low >= 0) return {0, std::min(a.high, b.high - 1)};
      return op == Op::RemSI ? Range{std::max(a.low, 1 - b.high), std::min(std::max<int64_t>(a.high, 0), b.high - 1)} : whole(t);
    default: return b.low > 0 && a.low >= 0 ? Range{a.low / b.high, a.high / b.low} : whole(t);  // quotients
  }
}

// Shifts must be by a known number of bits.
Range ofBits(Op op, const Type& t, Range a, Range b) {
  const bool isKnown = b.low == b.high && b.low >= 0;
  switch (op) {
    case Op::AndI:
      if (t.isBool()) return {0, 1};
      // `x & -2^k` rounds x down to a multiple of 2^k; `x & y` with y >= 0 lies between 0 and y.
      if (b.low == b.high && b.low < 0 && std::has_single_bit(static_cast<uint64_t>(-b.low)) && b.low != INT64_MIN)
        return {a.low & b.low, a.high & b.low};
      if (a.low >= 0 && b.low >= 0) return {0, std::min(a.high, b.high)};
      if (b.low >= 0) return {0, b.high};
      return a.low >= 0 ? Range{0, a.high} : whole(t);
    case Op::ShLI:
      return isKnown && b.low < 63 ? within(t, static_cast<__int128>(a.low) << b.low, static_cast<__int128>(a.high) << b.low) : whole(t);
    default: return isKnown && b.low < bitWidth(t) && (op == Op::ShRSI || a.low >= 0) ? Range{a.low >> b.low, a.high >> b.low} : whole(t);
  }
}

}  // namespace

Range Ranges::of(const Value* v) {
  auto it = known_.find(v);
  if (it != known_.end()) return it->second;
  // Ends recursion on cycles, and along chains that are longer than any index.
  constexpr int kDeep = 256;
  known_[v] = whole(v->type);
  if (depth_ == kDeep) return whole(v->type);
  ++depth_;
  Range r = compute(v);
  --depth_;
  known_[v] = r;
  return r;
}

// A loop's counter; other values of that kind may be anything.
Range Ranges::ofCounter(const Value* v) {
  const Inst* loop = v->block && v->block->parent ? v->block->parent->parent : nullptr;
  if (!loop || loop->op != Op::For || v->index != 0 || v != loop->regions[0]->entry().args[0]) return whole(v->type);
  const Range low = of(loop->operand(0)), high = of(loop->operand(1)), step = of(loop->operand(2));
  if (high.high <= low.low) return {low.low, low.low};
  // The last multiple of a constant step.
  const bool isKnown = low.low == low.high && step.low == step.high && step.low > 0;
  const uint64_t most = static_cast<uint64_t>(high.high) - static_cast<uint64_t>(low.low) - 1;
  const uint64_t beyond = isKnown ? most % static_cast<uint64_t>(step.low) : 0;
  return {low.low, static_cast<int64_t>(static_cast<uint64_t>(high.high) - 1 - beyond)};
}

Range Ranges::compute(const Value* v) {
  const Type& t = v->type;
  if (!v->def) return ofCounter(v);
  const Inst& i = *v->def;
  auto in = [&](size_t k) { return of(i.operands[k]); };
  switch (i.op) {
    case Op::Constant: {
      if (t.isPointer() || !i.dense().isSplat()) return whole(t);
      int64_t c = t.isBool() ? static_cast<int64_t>(i.dense().bits[0] & 1) : signExtend(i.dense().bits[0], bitWidth(t));
      return {c, c};
    }
    case Op::GetProgramId:
    case Op::GetNumPrograms: return {0, INT32_MAX};
    case Op::MakeRange: return {i.integer(Attr::Start), i.integer(Attr::End) - 1};
    case Op::LoIota: return {0, t.numel() - 1};
    case Op::Splat:
    case Op::LoSplat:
    case Op::ExpandDims:
    case Op::Broadcast:
    case Op::Reshape:
    case Op::Trans: return in(0);
    case Op::ExtSI:
    case Op::IndexCast: {
      Range a = in(0);
      return i.operands[0]->type.isBool() ? Range{-a.high, -a.low} : within(t, a.low, a.high);
    }
    case Op::ExtUI:
    case Op::IndexCastUI: {
      Range a = in(0);
      int w = bitWidth(i.operands[0]->type);
      if (a.low >= 0) return within(t, a.low, a.high);
      return w < bitWidth(t) ? Range{0, static_cast<int64_t>(zeroExtend(~uint64_t{0}, w))} : whole(t);
    }
    case Op::TruncI: {
      Range a = in(0);
      return within(t, a.low, a.high);
    }
    case Op::Select: {
      Range a = in(1), b = in(2);
      return {std::min(a.low, b.low), std::max(a.high, b.high)};
    }
    case Op::AddI:
    case Op::SubI:
    case Op::MulI:
    case Op::MinSI:
    case Op::MaxSI:
    case Op::MinUI:
    case Op::RemSI:
    case Op::RemUI:
    case Op::DivSI:
    case Op::DivUI: {
      const Range a = in(0), b = in(1);
      return ofArithmetic(i.op, t, a, b);
    }
    case Op::AndI:
    case Op::ShRSI:
    case Op::ShRUI:
    case Op::ShLI: {
      const Range a = in(0), b = in(1);
      return ofBits(i.op, t, a, b);
    }
    default: return whole(t);
  }
}

}  // namespace nereid
