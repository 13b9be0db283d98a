// SPDX-License-Identifier: MIT
// Operations on whole tiles that touch no memory.
#include <algorithm>
#include <cmath>
#include <limits>

#include "interp/element.h"
#include "interp/machine.h"
#include "ir/bits.h"

namespace nereid::interp {

namespace {

// The row-major coordinates of a tile's elements.
std::vector<size_t> coordinates(const Type& type, size_t element) {
  std::vector<size_t> out(type.rank);
  for (int d = type.rank; d-- > 0;) {
    auto dim = static_cast<size_t>(type.dim(d));
    out[static_cast<size_t>(d)] = element % dim;
    element /= dim;
  }
  return out;
}

size_t position(const Type& type, const std::vector<size_t>& at) {
  size_t out = 0;
  for (size_t d = 0; d < at.size(); ++d) out = out * static_cast<size_t>(type.dim(static_cast<int>(d))) + at[d];
  return out;
}

// Elements before and after an axis: element (o, i, n) stands at (o * length + i) * inner + n.
struct Axis {
  size_t outer = 1, length = 1, inner = 1;
  Axis(const Type& type, int64_t axis) {
    for (int d = 0; d < type.rank; ++d) (d < axis ? outer : d == axis ? length : inner) *= static_cast<size_t>(type.dim(d));
  }
};

}  // namespace

bool Machine::elementwise(const Inst& i) {
  if (!canEvaluate(i)) {
    if (i.op == Op::ExternElementwise)
      return fail(Err::Unsupported, i, "the library function `", i.text(Attr::Symbol), "` is not known for ", i.operand(0)->type);
    return fail(Err::Unsupported, i, "`", info(i.op).spelling, "` has no meaning here");
  }
  size_t n = i.operands.size();
  // Results are written in place and these lists are reused, so that a loop over scalars allocates nothing.
  operands_.resize(n);
  elements_.resize(n);
  for (size_t k = 0; k < n; ++k) operands_[k] = &in(i, k);
  bool fromPointer = n == 1 && i.operand(0)->type.element().isPointer() && !i.result()->type.element().isPointer();  // a scalar
  for (size_t r = 0; r < i.results.size(); ++r) {
    Tile& out = values_[i.results[r]];
    out.type = i.results[r]->type;
    out.bits.resize(static_cast<size_t>(i.result()->type.numel()));
    for (size_t e = 0; e < out.bits.size(); ++e) {
      // The condition of a select may be a scalar.
      for (size_t k = 0; k < n; ++k) elements_[k] = operands_[k]->bits[operands_[k]->bits.size() == 1 ? 0 : e];
      out.bits[e] = evaluate(i, elements_, r);
      if (fromPointer) out.bits[e] = hostAddress(out.bits[e]);
    }
  }
  return true;
}

void Machine::count(const Inst& i) {
  Counters& c = *options_.counters;
  ++c.instructions;
  if (i.results.empty() || !isElementwise(i.op)) {
    if (i.op == Op::Dot)
      c.flops += 2 * static_cast<uint64_t>(i.result()->type.numel() * i.operand(0)->type.dim(i.operand(0)->type.rank - 1));
    return;
  }
  Type t = i.result()->type;
  if (!t.isFloat()) return;
  auto n = static_cast<uint64_t>(t.numel());
  switch (i.op) {
    case Op::AddF:
    case Op::SubF:
    case Op::MulF:
    case Op::DivF:
    case Op::PreciseDivF: c.flops += n; break;
    case Op::Fma: c.flops += 2 * n; break;
    default:
      if (info(i.op).ulp > 0) c.transcendentals += n;
  }
}

bool Machine::broadcast(const Inst& i) {
  const Tile& from = in(i, 0);
  const Type& to = i.result()->type;
  std::vector<uint64_t> out(static_cast<size_t>(to.numel()));
  for (size_t e = 0; e < out.size(); ++e) {
    auto at = coordinates(to, e);
    for (int d = 0; d < to.rank; ++d)
      if (from.type.dim(d) == 1) at[static_cast<size_t>(d)] = 0;
    out[e] = from.bits[position(from.type, at)];
  }
  return set(i, std::move(out));
}

bool Machine::concatenate(const Inst& i) {
  std::vector<uint64_t> out = in(i, 0).bits;
  const auto& second = in(i, 1).bits;
  out.insert(out.end(), second.begin(), second.end());
  return set(i, std::move(out));
}

bool Machine::join(const Inst& i) {
  const auto &a = in(i, 0).bits, &b = in(i, 1).bits;
  std::vector<uint64_t> out;
  for (size_t e = 0; e < a.size(); ++e) {
    out.push_back(a[e]);
    out.push_back(b[e]);
  }
  return set(i, std::move(out));
}

bool Machine::split(const Inst& i) {
  std::vector<uint64_t> halves[2];
  const auto& from = in(i, 0).bits;
  for (size_t e = 0; e < from.size(); ++e) halves[e % 2].push_back(from[e]);
  set(i.results[0], std::move(halves[0]));
  set(i.results[1], std::move(halves[1]));
  return true;
}

bool Machine::transpose(const Inst& i) {
  const Tile& from = in(i, 0);
  auto& order = i.list(Attr::Order);
  const Type& to = i.result()->type;
  std::vector<uint64_t> out(static_cast<size_t>(to.numel()));
  for (size_t e = 0; e < out.size(); ++e) {
    auto at = coordinates(to, e);
    std::vector<size_t> source(at.size());
    for (size_t d = 0; d < at.size(); ++d) source[static_cast<size_t>(order[d])] = at[d];
    out[e] = from.bits[position(from.type, source)];
  }
  return set(i, std::move(out));
}

std::vector<uint64_t> Machine::numbers(int64_t first, int64_t end, const Type& type) {
  std::vector<uint64_t> out;
  for (int64_t n = first; n < end; ++n) out.push_back(zeroExtend(static_cast<uint64_t>(n), bitWidth(type)));
  return out;
}

bool Machine::gather(const Inst& i) {
  const Tile &from = in(i, 0), &indices = in(i, 1);
  auto axis = static_cast<size_t>(i.integer(Attr::Axis));
  std::vector<uint64_t> out(indices.bits.size());
  for (size_t e = 0; e < out.size(); ++e) {
    auto at = coordinates(indices.type, e);
    // As in stock Triton and on every target, narrow indices are unsigned.
    int64_t index =
        bitWidth(indices.type) < 32 ? static_cast<int64_t>(indices.bits[e]) : signExtend(indices.bits[e], bitWidth(indices.type));
    if (index < 0 || index >= from.type.dim(static_cast<int>(axis))) {
      if (options_.checkBounds) return fail(Err::Bounds, i, program(), " gathers element ", index, " of ", from.type, " along axis ", axis);
      continue;  // undefined; 0 here
    }
    at[axis] = static_cast<size_t>(index);
    out[e] = from.bits[position(from.type, at)];
  }
  return set(i, std::move(out));
}

bool Machine::histogram(const Inst& i) {
  std::vector<uint64_t> out(static_cast<size_t>(i.result()->type.numel()), 0);
  const Tile& from = in(i, 0);
  const Value* mask = i.optional(1);
  for (size_t e = 0; e < from.bits.size(); ++e) {
    if (mask && !(value(mask).bits[e] & 1)) continue;
    int64_t bin = signExtend(from.bits[e], bitWidth(from.type));
    if (bin >= 0 && bin < static_cast<int64_t>(out.size())) ++out[static_cast<size_t>(bin)];
  }
  for (uint64_t& n : out) n = zeroExtend(n, bitWidth(i.result()->type));
  return set(i, std::move(out));
}

// The function of a reduction or scan, applied to the accumulated and the next element: one tile per result.
bool Machine::combine(const Inst& i, const Elements& first, const Elements& second, Elements& out) {
  Elements args = first;
  args.insert(args.end(), second.begin(), second.end());
  return runRegion(*i.regions[0], std::move(args), out);
}

// The elements along an axis in order, each with one tile per operand.
std::vector<Machine::Elements> Machine::line(const std::vector<Tile>& tiles, size_t first, size_t step, size_t length) {
  std::vector<Elements> out(length);
  for (size_t at = 0; at < length; ++at)
    for (const Tile& t : tiles) out[at].push_back({t.type.element(), {t.bits[first + at * step]}});
  return out;
}

// Combines neighbours in a tree, like a GPU: rounding errors grow with the logarithm of the length.
bool Machine::reduce(const Inst& i) {
  size_t n = i.operands.size();
  std::vector<Tile> tiles;
  for (size_t k = 0; k < n; ++k) tiles.push_back(in(i, k));
  Axis axis(tiles[0].type, i.integer(Attr::Axis));
  std::vector<std::vector<uint64_t>> out(n, std::vector<uint64_t>(axis.outer * axis.inner));
  for (size_t o = 0; o < axis.outer; ++o)
    for (size_t r = 0; r < axis.inner; ++r) {
      auto left = line(tiles, o * axis.length * axis.inner + r, axis.inner, axis.length);
      for (size_t length = axis.length; length > 1; length /= 2)
        for (size_t at = 0; at < length / 2; ++at) {
          Elements both;
          if (!combine(i, left[2 * at], left[2 * at + 1], both)) return false;
          left[at] = std::move(both);
        }
      for (size_t k = 0; k < n; ++k) out[k][o * axis.inner + r] = left[0][k].bits[0];
    }
  for (size_t k = 0; k < n; ++k) set(i.results[k], std::move(out[k]));
  return true;
}

// Scans the sums of neighbours first; elements at even positions then take one more step.
bool Machine::scanLine(const Inst& i, std::vector<Elements>& elements) {
  if (elements.size() == 1) return true;
  std::vector<Elements> pairs(elements.size() / 2);
  for (size_t at = 0; at < pairs.size(); ++at)
    if (!combine(i, elements[2 * at], elements[2 * at + 1], pairs[at])) return false;
  if (!scanLine(i, pairs)) return false;
  for (size_t at = 0; at < pairs.size(); ++at) {
    if (at > 0) {
      Elements sum;
      if (!combine(i, pairs[at - 1], elements[2 * at], sum)) return false;
      elements[2 * at] = std::move(sum);
    }
    elements[2 * at + 1] = pairs[at];
  }
  return true;
}

bool Machine::scan(const Inst& i) {
  size_t n = i.operands.size();
  std::vector<Tile> tiles;
  for (size_t k = 0; k < n; ++k) tiles.push_back(in(i, k));
  Axis axis(tiles[0].type, i.integer(Attr::Axis));
  bool reverse = i.integer(Attr::Reverse);
  std::vector<std::vector<uint64_t>> out(n, std::vector<uint64_t>(tiles[0].bits.size()));
  for (size_t o = 0; o < axis.outer; ++o)
    for (size_t r = 0; r < axis.inner; ++r) {
      size_t first = o * axis.length * axis.inner + r;
      auto elements = line(tiles, first, axis.inner, axis.length);
      if (reverse) std::reverse(elements.begin(), elements.end());
      if (!scanLine(i, elements)) return false;
      if (reverse) std::reverse(elements.begin(), elements.end());
      for (size_t at = 0; at < axis.length; ++at)
        for (size_t k = 0; k < n; ++k) out[k][first + at * axis.inner] = elements[at][k].bits[0];
    }
  for (size_t k = 0; k < n; ++k) set(i.results[k], std::move(out[k]));
  return true;
}

// The region takes `pack` consecutive elements of the first operand, then of the second, and so on; its results have the same order.
bool Machine::mapElementwise(const Inst& i) {
  auto pack = static_cast<size_t>(i.integer(Attr::Pack, 1));
  std::vector<Tile> tiles;
  for (const Value* v : i.operands) tiles.push_back(value(v));
  size_t count = tiles[0].bits.size();
  std::vector<std::vector<uint64_t>> out(i.results.size(), std::vector<uint64_t>(count));
  for (size_t e = 0; e < count; e += pack) {
    std::vector<Tile> args, given;
    for (const Tile& t : tiles)
      for (size_t p = 0; p < pack; ++p) args.push_back({t.type.element(), {t.bits[e + p]}});
    if (!runRegion(*i.regions[0], std::move(args), given)) return false;
    for (size_t k = 0; k < out.size(); ++k)
      for (size_t p = 0; p < pack; ++p) out[k][e + p] = given[k * pack + p].bits[0];
  }
  for (size_t k = 0; k < out.size(); ++k) set(i.results[k], std::move(out[k]));
  return true;
}

namespace {

// c[m, n] + a[m, k] * b[k, n] over k in order: in double for f64, else in f32; each step rounds once.
template <class A, class B>
void multiply(size_t batches, size_t m, size_t n, size_t k, A&& a, B&& b, std::vector<double>& c, bool wide) {
  for (size_t t = 0; t < batches; ++t)
    for (size_t row = 0; row < m; ++row)
      for (size_t col = 0; col < n; ++col) {
        double& total = c[(t * m + row) * n + col];
        if (wide) {
          for (size_t s = 0; s < k; ++s) total += a(t, row, s) * b(t, s, col);
        } else {
          auto narrow = static_cast<float>(total);
          for (size_t s = 0; s < k; ++s) {
            auto product = static_cast<float>(a(t, row, s)) * static_cast<float>(b(t, s, col));
            narrow = narrow + product;
          }
          total = narrow;
        }
      }
}

std::vector<double> decoded(const Tile& t) {
  std::vector<double> out;
  for (uint64_t bits : t.bits) out.push_back(decodeFloat(t.type.elem, bits));
  return out;
}

}  // namespace

bool Machine::dot(const Inst& i) {
  const Tile &a = in(i, 0), &b = in(i, 1), &c = in(i, 2);
  int rank = a.type.rank;
  auto m = static_cast<size_t>(a.type.dim(rank - 2)), k = static_cast<size_t>(a.type.dim(rank - 1)),
       n = static_cast<size_t>(b.type.dim(rank - 1));
  size_t batches = rank == 3 ? static_cast<size_t>(a.type.dim(0)) : 1;
  std::vector<uint64_t> out = c.bits;
  if (c.type.isInt()) {
    for (size_t t = 0; t < batches; ++t)
      for (size_t row = 0; row < m; ++row)
        for (size_t col = 0; col < n; ++col) {
          uint64_t& total = out[(t * m + row) * n + col];
          for (size_t s = 0; s < k; ++s)
            total += static_cast<uint64_t>(signExtend(a.bits[(t * m + row) * k + s], bitWidth(a.type)) *
                                           signExtend(b.bits[(t * k + s) * n + col], bitWidth(b.type)));
          total = zeroExtend(total, bitWidth(c.type));
        }
  } else {
    std::vector<double> x = decoded(a), y = decoded(b), total = decoded(c);
    multiply(
        batches, m, n, k, [&](size_t t, size_t row, size_t s) { return x[(t * m + row) * k + s]; },
        [&](size_t t, size_t s, size_t col) { return y[(t * k + s) * n + col]; }, total, c.type.elem == Elem::F64);
    for (size_t e = 0; e < out.size(); ++e) out[e] = encodeFloat(c.type.elem, total[e]);
  }
  set(i.result(), std::move(out));
  return true;
}

namespace {

constexpr double kE2M1[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6};

double scaledElement(ScaleElem kind, uint64_t bits) {
  switch (kind) {
    case ScaleElem::E4M3: return decodeFloat(Elem::F8E4M3FN, bits);
    case ScaleElem::E5M2: return decodeFloat(Elem::F8E5M2, bits);
    case ScaleElem::BF16: return decodeFloat(Elem::BF16, bits);
    case ScaleElem::FP16: return decodeFloat(Elem::F16, bits);
    default: return kE2M1[bits & 15];
  }
}

// A microscaling scale: a power of two (e8m0), or an fp8 number if it has that type.
double scale(const Tile& t, size_t at) {
  if (t.type.isFloat()) return decodeFloat(t.type.elem, t.bits[at]);
  uint64_t exponent = t.bits[at] & 0xFF;
  return exponent == 0xFF ? std::numeric_limits<double>::quiet_NaN() : std::ldexp(1.0, static_cast<int>(exponent) - 127);
}

}  // namespace

bool Machine::dotScaled(const Inst& i) {
  const Tile &a = in(i, 0), &b = in(i, 1), &c = in(i, 2);
  auto ka = static_cast<ScaleElem>(i.integer(Attr::LhsElem)), kb = static_cast<ScaleElem>(i.integer(Attr::RhsElem));
  bool packA = ka == ScaleElem::E2M1, packB = kb == ScaleElem::E2M1;
  bool alongA = i.integer(Attr::LhsKPack, 1), alongB = i.integer(Attr::RhsKPack, 1);
  int rank = c.type.rank;
  auto m = static_cast<size_t>(c.type.dim(rank - 2)), n = static_cast<size_t>(c.type.dim(rank - 1));
  size_t k = static_cast<size_t>(a.type.dim(rank - 1)) * (packA && alongA ? 2 : 1);
  size_t batches = rank == 3 ? static_cast<size_t>(c.type.dim(0)) : 1;
  const Tile* scaleA = i.optional(3) ? &value(i.optional(3)) : nullptr;
  const Tile* scaleB = i.optional(4) ? &value(i.optional(4)) : nullptr;
  // The bits of one matrix element. Two elements may share a byte, along rows or along columns.
  auto element = [](const Tile& tile, ScaleElem kind, bool packed, bool alongRows, size_t t, size_t row, size_t col) {
    auto height = static_cast<size_t>(tile.type.dim(tile.type.rank - 2)), width = static_cast<size_t>(tile.type.dim(tile.type.rank - 1));
    size_t half = !packed ? 0 : alongRows ? row % 2 : col % 2;
    if (packed) (alongRows ? row : col) /= 2;
    return scaledElement(kind, tile.bits[(t * height + row) * width + col] >> (4 * half));
  };
  auto factor = [&](const Tile* s, size_t t, size_t row, size_t step) {
    if (!s) return 1.0;
    auto height = static_cast<size_t>(s->type.dim(s->type.rank - 2)), width = static_cast<size_t>(s->type.dim(s->type.rank - 1));
    return scale(*s, (t * height + row) * width + step / (k / width));
  };
  std::vector<double> total = decoded(c);
  multiply(
      batches, m, n, k,
      [&](size_t t, size_t row, size_t s) { return element(a, ka, packA, !alongA, t, row, s) * factor(scaleA, t, row, s); },
      [&](size_t t, size_t s, size_t col) { return element(b, kb, packB, alongB, t, s, col) * factor(scaleB, t, col, s); }, total,
      c.type.elem == Elem::F64);
  std::vector<uint64_t> out;
  for (double v : total) out.push_back(encodeFloat(c.type.elem, v));
  set(i.result(), std::move(out));
  return true;
}

// ---- vectors of the lower form

bool Machine::insertLane(const Inst& i) {
  std::vector<uint64_t> out = in(i, 0).bits;
  out[static_cast<size_t>(i.integer(Attr::Offset))] = scalar(i.operand(1));
  return set(i, std::move(out));
}

bool Machine::shuffleLanes(const Inst& i) {
  std::vector<uint64_t> from = in(i, 0).bits, out;
  if (i.operands.size() > 1) from.insert(from.end(), in(i, 1).bits.begin(), in(i, 1).bits.end());
  for (int64_t lane : i.list(Attr::Lanes)) out.push_back(lane < 0 ? 0 : from[static_cast<size_t>(lane)]);
  return set(i, std::move(out));
}

bool Machine::dotAdd(const Inst& i) {
  std::vector<uint64_t> sums = in(i, 0).bits;
  const auto &x = in(i, 1).bits, &y = in(i, 2).bits;
  const Type t = i.operand(2)->type.element();
  const int width = bitWidth(t);
  for (size_t k = 0; k < y.size(); ++k) {
    const size_t group = y.size() / sums.size();
    const uint64_t left = zeroExtend(x[k / group] >> (k % group * static_cast<size_t>(width)), width);
    uint64_t& sum = sums[k / group];
    if (t.isFloat()) {
      sum = encodeFloat(Elem::F32, decodeFloat(Elem::F32, sum) + decodeFloat(t.elem, left) * decodeFloat(t.elem, y[k]));
      continue;
    }
    const int64_t factor = width == 8 ? static_cast<int64_t>(left) : signExtend(left, width);
    sum = zeroExtend(sum + static_cast<uint64_t>(factor * signExtend(y[k], width)), 32);
  }
  return set(i, std::move(sums));
}

}  // namespace nereid::interp
