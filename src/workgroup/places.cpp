// SPDX-License-Identifier: MIT
#include "workgroup/places.h"

#include <algorithm>

#include "ir/bits.h"

namespace nereid {

namespace {

// Numbers below this do not overflow, and are different modulo 2^32 if they are different.
constexpr int64_t kMost = int64_t{1} << 30;

bool isInside(const Value* v, const Inst& loop) {
  const Block* block = v->def ? v->def->parent : v->block;
  while (block && block->parent && block->parent->parent) {
    if (block->parent->parent == &loop) return true;
    block = block->parent->parent->parent;
  }
  return false;
}

const Inst* threadsAround(const Inst& access) {
  for (const Block* block = access.parent; block && block->parent && block->parent->parent; block = block->parent->parent->parent)
    if (const Inst* loop = block->parent->parent; loop->op == Op::For && loop->has(Attr::Threads)) return loop;
  return nullptr;
}

const Value* unsplat(const Value* v) { return v->def && v->def->op == Op::LoSplat ? v->def->operand(0) : v; }

}  // namespace

Place Places::of(const Inst& access) {
  Place place;
  const Inst* threads = threadsAround(access);
  const bool writes =
      access.op == Op::LoStore || access.op == Op::LoScatter || access.op == Op::LoAtomicRMW || access.op == Op::LoAtomicCAS;
  const Type& type = writes ? access.operand(1)->type : access.result()->type;
  const bool isEach = access.op == Op::LoGather || access.op == Op::LoScatter;  // each lane has a pointer
  place.bytes = int64_t{byteSize(type.element())} * (isEach || !type.isVector() ? 1 : type.numel());
  place.threads = threads ? threads->integer(Attr::Threads) : 0;
  place.origin = provenance_.of(access.operand(0));
  const Value* pointer = unsplat(access.operand(0));
  while (pointer->def && (pointer->def->op == Op::AddPtr || pointer->def->op == Op::Bitcast)) {
    if (pointer->def->op == Op::AddPtr && !add(place, pointer->def->operand(1), byteSize(pointer->type.pointee()), threads)) return {};
    pointer = unsplat(pointer->def->operand(0));
  }
  if (!place.origin || pointer != place.origin) return {};
  for (int64_t n : {place.constant, place.factor * std::max<int64_t>(place.threads, 1), place.low, place.high})
    if (std::abs(n) > kMost) return {};
  std::erase_if(place.uniform, [](const auto& term) { return term.second == 0; });
  place.isKnown = true;
  return place;
}

// Adds v * factor.
bool Places::add(Place& place, const Value* v, int64_t factor, const Inst* threads) {
  if (std::abs(factor) > kMost) return false;
  v = unsplat(v);
  if (auto bits = constantBits(v)) {
    const int64_t n = signExtend(*bits, bitWidth(v->type));
    if (std::abs(n) > kMost || std::abs(n * factor) > kMost) return false;
    place.constant += n * factor;
    return true;
  }
  const Inst* def = v->def;
  auto constantOf = [&](size_t k) -> std::optional<int64_t> {
    auto bits = constantBits(unsplat(def->operand(k)));
    return bits ? std::optional(signExtend(*bits, bitWidth(v->type))) : std::nullopt;
  };
  // Sums wrap like addresses do, but only as wide as those.
  if (def && bitWidth(v->type) >= 32) {
    if (def->op == Op::AddI) return add(place, def->operand(0), factor, threads) && add(place, def->operand(1), factor, threads);
    if (def->op == Op::SubI) return add(place, def->operand(0), factor, threads) && add(place, def->operand(1), -factor, threads);
    if (def->op == Op::MulI)
      if (auto n = constantOf(1); n && std::abs(*n) <= kMost) return add(place, def->operand(0), factor * *n, threads);
    if (def->op == Op::ShLI)
      if (auto n = constantOf(1); n && *n >= 0 && *n < 30) return add(place, def->operand(0), factor << *n, threads);
    // A mask that changes nothing.
    if (def->op == Op::AndI)
      if (auto n = constantOf(1); n && ((*n + 1) & *n) == 0) {
        const Range range = ranges_.of(unsplat(def->operand(0)));
        if (range.low >= 0 && range.high <= *n) return add(place, def->operand(0), factor, threads);
      }
  }
  if (threads && v == threads->regions[0]->entry().args[0]) {
    place.factor += factor;
    return true;
  }
  if (!threads || !isInside(v, *threads)) {
    place.uniform[v] += factor;
    return !v->type.isVector();
  }
  const Range range = def && def->op == Op::LoIota ? Range{0, v->type.numel() - 1} : ranges_.of(v);
  if (range.low < -kMost || range.high > kMost || (def && v->type.isVector() && def->op != Op::LoIota)) return false;
  place.low += std::min(range.low * factor, range.high * factor);
  place.high += std::max(range.low * factor, range.high * factor);
  return std::abs(place.low) <= kMost && std::abs(place.high) <= kMost;
}

bool Places::mayMeet(const Place& a, const Place& b) {
  if (!a.isKnown || !b.isKnown || a.origin != b.origin || a.uniform != b.uniform) return true;
  // All bytes of all threads.
  auto first = [](const Place& p) { return p.constant + p.low + std::min<int64_t>(0, p.factor * (p.threads - 1)); };
  auto past = [](const Place& p) { return p.constant + p.high + std::max<int64_t>(0, p.factor * (p.threads - 1)) + p.bytes; };
  if (past(a) <= first(b) || past(b) <= first(a)) return false;
  // Bytes of one thread each.
  const bool isLinear = a.threads > 0 && b.threads > 0 && a.factor == b.factor && a.low == a.high && b.low == b.high;
  if (!isLinear) return true;
  const int64_t apart = b.constant + b.low - a.constant - a.low;  // of the same thread
  const int64_t threads = std::max(a.threads, b.threads);
  for (int64_t d = 1 - threads; d < threads; ++d) {
    const int64_t distance = apart + d * a.factor;
    if (d != 0 && distance < a.bytes && -distance < b.bytes) return true;
  }
  return false;
}

Place Places::before(const Place& place, const Inst& loop) {
  const bool changes =
      std::any_of(place.uniform.begin(), place.uniform.end(), [&](const auto& term) { return isInside(term.first, loop); });
  return changes ? Place{} : place;
}

}  // namespace nereid
