// SPDX-License-Identifier: MIT
// Numbers, and vectors as registers of 128 bits: constants, lanes, masks, shuffles.
#include <algorithm>

#include "backends/wasm/emit.h"
#include "ir/bits.h"

namespace nereid::wasm {

Node* Emitter::number(ValType type, uint64_t bits) {
  switch (type) {
    case ValType::I64: return code_.i64(bits);
    case ValType::F32: return code_.make(Ins::F32Const, {}, bits);
    case ValType::F64: return code_.make(Ins::F64Const, {}, bits);
    default: return code_.i32(static_cast<int64_t>(bits));
  }
}

Node* Emitter::sext(Node* x, int width) {
  if (width == 1) return code_.make(Ins::I32Sub, {code_.i32(0), x});
  if (width == 8) return code_.make(Ins::I32Extend8S, {x});
  if (width == 16) return code_.make(Ins::I32Extend16S, {x});
  return x;
}

Node* Emitter::zext(Node* x, int width) { return width >= 32 ? x : code_.make(Ins::I32And, {x, code_.i32((int64_t{1} << width) - 1)}); }

Rep Emitter::constant(const Type& t, uint64_t bits) {
  if (!t.isVector()) return {0, 0, {number(typeOf(t), t.isBool() ? bits & 1 : bits)}};
  int lanes = static_cast<int>(t.numel());
  return t.isBool() ? uniform(bits & 1 ? ~uint64_t{0} : 0, lanes, 32) : uniform(bits, lanes, widthOf(t));
}

Rep Emitter::uniform(uint64_t bits, int lanes, int width) {
  bits = zeroExtend(bits, width);
  for (int w = width; w < 64; w *= 2) bits |= bits << w;
  return {lanes, width, std::vector<Node*>(registers(lanes, width), code_.v128(bits, bits))};
}

Rep Emitter::splat(Node* scalar, int lanes, int width, bool isFloat) {
  Ins ins = isFloat ? bySize(width == 64, Ins::F32x4Splat, Ins::F64x2Splat)
                    : byWidth(width, Ins::I8x16Splat, Ins::I16x8Splat, Ins::I32x4Splat, Ins::I64x2Splat);
  return {lanes, width, std::vector<Node*>(registers(lanes, width), code_.make(ins, {scalar}))};
}

Node* Emitter::lane(const Rep& x, int index, bool isFloat) {
  int per = 128 / x.width;
  Ins ins = isFloat ? bySize(x.width == 64, Ins::F32x4ExtractLane, Ins::F64x2ExtractLane)
                    : byWidth(x.width, Ins::I8x16ExtractLaneU, Ins::I16x8ExtractLaneU, Ins::I32x4ExtractLane, Ins::I64x2ExtractLane);
  return code_.make(ins, {x.n[static_cast<size_t>(index / per)]}, static_cast<uint64_t>(index % per));
}

Node* Emitter::shuffled(Node* x, Node* y, const std::array<uint8_t, 16>& bytes) {
  uint64_t half[2] = {0, 0};
  bool isFirst = true;
  for (size_t k = 0; k < 16; ++k) {
    half[k / 8] |= uint64_t{bytes[k]} << (8 * (k % 8));
    isFirst &= bytes[k] == k;
  }
  if (isFirst) return x;
  return code_.make(Ins::I8x16Shuffle, {x, y}, half[0], half[1]);
}

Rep Emitter::map(const Rep& x, Ins ins) {
  Rep out{x.lanes, x.width, {}};
  for (Node* n : x.n) out.n.push_back(code_.make(ins, {n}));
  return out;
}

Rep Emitter::map(const Rep& x, const Rep& y, Ins ins) {
  Rep out{x.lanes, x.width, {}};
  for (size_t k = 0; k < x.n.size(); ++k) out.n.push_back(code_.make(ins, {x.n[k], y.n[k]}));
  return out;
}

Rep Emitter::extend(const Rep& x, bool isSigned, int width) {
  if (x.width >= width) return x;
  auto low = [&](Ins s8, Ins u8, Ins s16, Ins u16, Ins s32, Ins u32) {
    return x.width == 8 ? (isSigned ? s8 : u8) : x.width == 16 ? (isSigned ? s16 : u16) : (isSigned ? s32 : u32);
  };
  Ins lower = low(Ins::I16x8ExtendLowI8x16S, Ins::I16x8ExtendLowI8x16U, Ins::I32x4ExtendLowI16x8S, Ins::I32x4ExtendLowI16x8U,
                  Ins::I64x2ExtendLowI32x4S, Ins::I64x2ExtendLowI32x4U);
  Ins upper = low(Ins::I16x8ExtendHighI8x16S, Ins::I16x8ExtendHighI8x16U, Ins::I32x4ExtendHighI16x8S, Ins::I32x4ExtendHighI16x8U,
                  Ins::I64x2ExtendHighI32x4S, Ins::I64x2ExtendHighI32x4U);
  Rep out{x.lanes, x.width * 2, {}};
  size_t count = registers(x.lanes, out.width);
  for (size_t k = 0; k < count; ++k) out.n.push_back(code_.make(k % 2 ? upper : lower, {x.n[k / 2]}));
  return extend(out, isSigned, width);
}

Rep Emitter::halve(const Rep& x) {
  Rep out{x.lanes, x.width / 2, {}};
  auto bytes = static_cast<size_t>(out.width / 8);
  std::array<uint8_t, 16> order{};
  for (size_t k = 0; k < 16; ++k) order[k] = static_cast<uint8_t>(k / bytes * bytes * 2 + k % bytes);
  for (size_t k = 0; k < x.n.size(); k += 2) out.n.push_back(shuffled(x.n[k], k + 1 < x.n.size() ? x.n[k + 1] : x.n[k], order));
  return out;
}

Rep Emitter::resizeMask(const Rep& m, int width) {
  Rep out = m;
  while (out.width > width) out = halve(out);
  return extend(out, true, width);
}

Rep Emitter::choose(const Rep& m, const Rep& x, const Rep& y) {
  // The relaxed select is unspecified for lanes whose mask has both ones and zeros; our masks never do. It is often one instruction instead
  // of three.
  Ins ins = relaxed_ ? byWidth(x.width, Ins::I8x16RelaxedLaneselect, Ins::I16x8RelaxedLaneselect, Ins::I32x4RelaxedLaneselect,
                               Ins::I64x2RelaxedLaneselect)
                     : Ins::V128Bitselect;
  Rep out{x.lanes, x.width, {}};
  if (y.n == uniform(0, y.lanes, y.width).n) return map(x, m, Ins::V128And);
  for (size_t k = 0; k < x.n.size(); ++k) out.n.push_back(code_.make(ins, {x.n[k], y.n[k], m.n[k]}));
  return out;
}

Rep Emitter::splat(const Inst& i) {
  const Value* v = i.operand(0);
  auto bits = constantBits(v);
  return bits ? constant(i.result()->type, *bits) : vector(v, static_cast<int>(i.result()->type.numel()));
}

Rep Emitter::iota(const Type& t) {
  const int lanes = static_cast<int>(t.numel()), width = widthOf(t), per = 128 / width;
  Rep r{lanes, width, {}};
  for (size_t k = 0; k < registers(lanes, width); ++k) {
    uint64_t half[2] = {0, 0};
    for (int lane = 0; lane < per; ++lane) {
      const int bit = lane * width;
      half[bit / 64] |= zeroExtend(k * static_cast<uint64_t>(per) + static_cast<uint64_t>(lane), width) << (bit % 64);
    }
    r.n.push_back(code_.v128(half[0], half[1]));
  }
  return r;
}

Node* Emitter::extract(const Inst& i) {
  const Type& t = i.operand(0)->type;
  const int index = static_cast<int>(i.integer(Attr::Offset));
  if (t.isBool()) return code_.make(Ins::I32And, {lane(resizeMask(rep(i.operand(0)), 32), index, false), code_.i32(1)});
  return lane(rep(i.operand(0)), index, isFloatLane(t));
}

Rep Emitter::insert(const Inst& i) {
  const Type& t = i.result()->type;
  Rep r = t.isBool() ? resizeMask(rep(i.operand(0)), 32) : rep(i.operand(0));
  Node* n = t.isBool() ? code_.make(Ins::I32Sub, {code_.i32(0), scalar(i.operand(1))}) : scalar(i.operand(1));
  auto index = static_cast<size_t>(i.integer(Attr::Offset)), per = static_cast<size_t>(128 / r.width);
  Node*& reg = r.n[index / per];
  reg = code_.make(replaceLane(r.width, isFloatLane(t)), {reg, n}, index % per);
  return r;
}

Rep Emitter::dotAdd(const Inst& i) {
  Rep sums = rep(i.operand(0));
  const Rep &x = rep(i.operand(1)), &y = rep(i.operand(2));
  for (size_t k = 0; k < sums.n.size(); ++k)
    sums.n[k] = code_.make(Ins::I32x4Add, {sums.n[k], code_.make(Ins::I32x4DotI16x8S, {x.n[k], y.n[k]})});
  return sums;
}

void Emitter::shuffle(const Inst& i) {
  const Type& t = i.result()->type;
  int lanes = static_cast<int>(t.numel()), sourceLanes = static_cast<int>(i.operand(0)->type.numel());
  std::vector<Rep> sources;
  for (const Value* v : i.operands) sources.push_back(t.isBool() ? resizeMask(rep(v), 32) : rep(v));
  int width = sources[0].width, per = 128 / width, bytes = width / 8;
  const auto& order = i.list(Attr::Lanes);
  Rep out{lanes, width, {}};
  for (int reg = 0; reg * per < lanes; ++reg) {
    // Each shuffle takes two registers; results from more than two take several.
    Node* result = nullptr;
    std::vector<std::pair<Node*, std::vector<std::pair<int, int>>>> parts;  // source register, (lane out, lane in)
    for (int k = 0; k < per && reg * per + k < lanes; ++k) {
      int lane = reg * per + k;
      int64_t from = order[static_cast<size_t>(lane)];
      if (from < 0) continue;
      const Rep& source = sources[static_cast<size_t>(from / sourceLanes)];
      int inSource = static_cast<int>(from % sourceLanes);
      Node* n = source.n[static_cast<size_t>(inSource / per)];
      auto part = std::find_if(parts.begin(), parts.end(), [&](auto& p) { return p.first == n; });
      if (part == parts.end()) part = parts.insert(part, {n, {}});
      part->second.emplace_back(k, inSource % per);
    }
    std::array<uint8_t, 16> chosen{};
    for (size_t p = 0; p < parts.size(); ++p) {
      if (p == 0 || !result) {
        result = parts[p].first;
        for (auto [to, from] : parts[p].second)
          for (int b = 0, at = to * bytes; b < bytes; ++b, ++at) chosen[static_cast<size_t>(at)] = static_cast<uint8_t>(from * bytes + b);
        if (parts.size() == 1) result = shuffled(result, result, chosen);
        continue;
      }
      for (auto [to, from] : parts[p].second)
        for (int b = 0, at = to * bytes; b < bytes; ++b, ++at)
          chosen[static_cast<size_t>(at)] = static_cast<uint8_t>(16 + from * bytes + b);
      result = shuffled(result, parts[p].first, chosen);
      for (size_t b = 0; b < 16; ++b) chosen[b] = static_cast<uint8_t>(b);
    }
    out.n.push_back(result ? result : code_.v128(0, 0));
  }
  define(i.result(), std::move(out));
}

}  // namespace nereid::wasm
