// SPDX-License-Identifier: MIT
#include "analysis/divisibility.h"

#include <algorithm>
#include <bit>

#include "ir/bits.h"

namespace nereid {

namespace {

constexpr int kMost = 32;  // divides 0; also the optimistic start for values in cycles
constexpr int kForgotten = -1;

int powerOf(uint64_t n) { return n == 0 ? kMost : std::min(kMost, std::countr_zero(n)); }

}  // namespace

Divisibility::Divisibility(const Func& f) {
  for (size_t k = 0; k < f.params.size(); ++k) {
    const Value* v = f.args()[k];
    int n = f.params[k].divisibility > 0 ? powerOf(static_cast<uint64_t>(f.params[k].divisibility)) : 0;
    if (v->type.isPointer())
      n = std::max(0, n - powerOf(static_cast<uint64_t>(v->type.pointee().isPointer() ? 8 : byteSize(v->type.pointee()))));
    known_[v] = n;
  }
}

int Divisibility::learn(const Value* v, int n) {
  learnt_.push_back(v);
  return known_[v] = n;
}

int Divisibility::of(const Value* v) {
  if (auto it = known_.find(v); it != known_.end() && it->second != kForgotten) return it->second;
  if (v->def) return learn(v, compute(v));
  // A carried value is divisible by the minimum over everything that flows into it, starting from the optimistic maximum.
  for (int assumed = kMost;;) {
    size_t before = learnt_.size();
    learn(v, assumed);
    int n = compute(v);
    if (n >= assumed) return assumed;
    for (; learnt_.size() > before; learnt_.pop_back()) known_[learnt_.back()] = kForgotten;
    assumed = n;
  }
}

int Divisibility::compute(const Value* v) {
  if (!v->def) {
    const Inst* loop = v->block && v->block->parent ? v->block->parent->parent : nullptr;
    if (!loop || loop->op != Op::For) return 0;
    const Block& body = loop->regions[0]->entry();
    for (size_t k = 0; k < body.args.size(); ++k)
      if (body.args[k] == v)
        return k == 0 ? std::min(of(loop->operand(0)), of(loop->operand(2)))
                      : std::min(of(loop->operand(2 + k)), of(body.terminator()->operand(k - 1)));
    return 0;
  }
  const Inst& i = *v->def;
  auto in = [&](size_t k) { return of(i.operands[k]); };
  switch (i.op) {
    case Op::Constant: return v->type.isScalar() && !v->type.isFloat() && !v->type.isPointer() ? powerOf(i.dense().bits[0]) : 0;
    case Op::LoAlloc:
      return powerOf(
          static_cast<uint64_t>(i.integer(Attr::Offset) / std::max(1, v->type.pointee().isPointer() ? 8 : byteSize(v->type.pointee()))));
    case Op::AddI:
    case Op::SubI:
    case Op::AddPtr:
    case Op::MinSI:
    case Op::MaxSI:
    case Op::MinUI:
    case Op::MaxUI:
    case Op::OrI:
    case Op::XOrI: return std::min(in(0), in(1));
    case Op::MulI: return std::min(kMost, in(0) + in(1));
    case Op::AndI: return std::max(in(0), in(1));
    case Op::ShLI: {
      auto by = constantBits(i.operands[1]);
      return by ? std::min<int>(kMost, in(0) + static_cast<int>(std::min<uint64_t>(*by, kMost))) : in(0);
    }
    case Op::RemSI:
    case Op::RemUI: return std::min(in(0), in(1));
    case Op::Select: return std::min(in(1), in(2));
    case Op::LoLoad: return powerOf(static_cast<uint64_t>(i.integer(Attr::Divisibility, 1)));
    case Op::ExtSI:
    case Op::ExtUI:
    case Op::TruncI:
    case Op::IndexCast:
    case Op::IndexCastUI: return in(0);
    default: return 0;
  }
}

int Divisibility::along(const Value* v, const IndexMap& map, int axis, int bits) {
  Answers answers;
  return along(v, map, axis, bits, answers);
}

// A chain in which each value is used twice has exponentially many paths.
int Divisibility::along(const Value* v, const IndexMap& map, int axis, int bits, Answers& answers) {
  if (!v->type.isTile()) return of(v);
  auto key = std::pair(v, map);
  if (auto it = answers.find(key); it != answers.end()) return it->second;
  return answers[std::move(key)] = computeAlong(v, map, axis, bits, answers);
}

int Divisibility::computeAlong(const Value* v, const IndexMap& map, int axis, int bits, Answers& answers) {
  if (!v->def) return 0;
  const Inst& i = *v->def;
  auto in = [&](size_t k) {
    auto m = operandMap(i, k, map, v->index);
    return m ? along(i.operands[k], *m, axis, bits, answers) : of(i.operands[k]);
  };
  switch (i.op) {
    case Op::Splat: return of(i.operands[0]);
    case Op::Constant: return i.dense().isSplat() && !v->type.isFloat() ? powerOf(i.dense().bits[0]) : 0;
    case Op::MakeRange: {
      // The low `bits` of the element's index along this axis are zero.
      int n = 0;
      while (n < bits && n < static_cast<int>(map.size()) && map[static_cast<size_t>(n)].axis == axis &&
             map[static_cast<size_t>(n)].bit == n)
        ++n;
      return std::min(n, powerOf(static_cast<uint64_t>(i.integer(Attr::Start))));
    }
    case Op::ExpandDims:
    case Op::Reshape:
    case Op::Broadcast:
    case Op::Trans:
    case Op::ExtSI:
    case Op::ExtUI:
    case Op::TruncI:
    case Op::IndexCast: return in(0);
    case Op::AddI:
    case Op::SubI:
    case Op::AddPtr:
    case Op::MinSI:
    case Op::MaxSI:
    case Op::RemSI:
    case Op::RemUI: return std::min(in(0), in(1));
    case Op::MulI: return std::min(kMost, in(0) + in(1));
    case Op::Select: return std::min(in(1), in(2));
    default: return 0;
  }
}

}  // namespace nereid
