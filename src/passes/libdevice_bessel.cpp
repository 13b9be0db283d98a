// SPDX-License-Identifier: MIT
// Bessel functions of one element: a function with loops, which tt.map_elementwise applies.
//
// Abramowitz and Stegun, chapter 9. Between 0.001 and 25: Miller's backward recurrence (9.12), of which Neumann's series give y0 and y1
// (9.1.88). Above: Hankel's expansions (9.2.5 to 9.2.10). Orders above 1: by recurrence forward, or backward where j would lose its digits.
// i0 and i1: their series, whose terms are all positive (9.6.10), and above 20 their expansions (9.7.1).
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>

#include "passes/formula.h"
#include "passes/libdevice.h"

namespace nereid {

namespace {

constexpr double kPi = std::numbers::pi, kGamma = std::numbers::egamma, kInf = std::numeric_limits<double>::infinity();
constexpr double kTiny = 1e-3, kLarge = 25, kLargeI = 20;

// for (k = first; k <= last; ++k): the body computes the next `carried`.
using Step = std::function<std::vector<Num>(Num k, std::vector<Num>)>;
std::vector<Num> loop(Builder*& at, Value* first, Value* last, const std::vector<Num>& carried, const Step& step) {
  Builder& b = *at;
  std::vector<Value*> inits;
  for (Num x : carried) inits.push_back(x.v);
  Inst* inst = b.forLoop(first, b.make(Op::AddI, {last, b.i32(1)}), b.i32(1), inits);
  Block& body = inst->regions[0]->entry();
  Builder inside(b.module(), &body, b.loc());
  std::vector<Num> now;
  for (size_t i = 0; i < carried.size(); ++i) now.push_back({&inside, body.args[1 + i]});
  std::vector<Value*> yields;
  for (Num x : step({&inside, body.args[0]}, now)) yields.push_back(x.v);
  inside.yield(yields);
  std::vector<Num> out;
  for (Value* v : inst->results) out.push_back({&b, v});
  return out;
}

struct Functions {
  Num j0, j1, y0, y1;
};

// For 0 < z < kLarge.
Functions miller(Builder* b, Num z) {
  Num tox = 2 / z;
  const int kStart = 70;
  // The last two terms of the recurrence; sums for the norm and for y0 and y1; j1.
  std::vector<Num> init{z.of(0), z.of(1), z.of(0), z.of(0), z.of(0), z.of(0)};
  auto out = loop(b, b->i32(0), b->i32(kStart - 1), init, [&](Num i, std::vector<Num> c) {
    auto here = [&](Num x) { return Num{i.b, x.v}; };
    Num j = i.of(kStart) - i, q = j - 1;
    Num order = {i.b, i.b->cast(Op::SIToFP, q.v, z.type())};
    Num next = (order + 1) * here(tox) * c[1] - c[0];
    c[0] = c[1];
    c[1] = next;
    Num isEven = (q & i.of(1)) == 0, isFirst = q == 0;
    c[2] = c[2] + choose(isEven, choose(isFirst, next, 2 * next), 0.0);
    // k = q / 2, and its sign.
    Num k = choose(isEven, order / 2, (order - 1) / 2), half = shiftRight(q, 1);
    Num sign = choose((half & i.of(1)) == 0, k.of(1), k.of(-1));
    c[3] = c[3] + choose(isEven & (q > 0), sign * next / choose(k == 0, 1.0, k), 0.0);
    Num weight = order / choose(k == 0, 1.0, k * (k + 1));
    c[4] = c[4] + choose((q > 1) & ((q & i.of(1)) == 1), sign * weight * next, 0.0);
    c[5] = choose(q == 1, next, c[5]);
    Num scale = choose(abs(next) > 1e10, next.of(1e-10), next.of(1));
    for (Num& x : c) x = x * scale;
    return c;
  });
  Num norm = out[2];
  Functions f;
  f.j0 = out[1] / norm;
  f.j1 = out[5] / norm;
  Num logarithm = log(z) - std::numbers::ln2;
  f.y0 = 2 / kPi * (logarithm + kGamma) * f.j0 - 4 / kPi * (out[3] / norm);
  f.y1 = -2 / kPi * f.j0 / z + 2 / kPi * (logarithm + (kGamma - 1)) * f.j1 - 2 / kPi * (out[4] / norm);
  return f;
}

Functions tiny(Num z) {
  Num s = z * z / 4, logarithm = log(z) - std::numbers::ln2;
  Functions f;
  f.j0 = 1 - s + s * s / 4;
  f.j1 = z / 2 * (1 - s / 2);
  f.y0 = 2 / kPi * (logarithm + kGamma) * f.j0 + 2 / kPi * s;
  f.y1 = choose(z == 0, -kInf, -2 / kPi / z + 2 / kPi * (logarithm + (kGamma - 0.5)) * f.j1);
  return f;
}

// The series P and Q for order v.
std::pair<Num, Num> hankel(Builder* b, Num z, double v) {
  std::vector<Num> init{z.of(1), z.of(1), z.of(0)};  // term, P, Q
  auto out = loop(b, b->i32(1), b->i32(24), init, [&](Num i, std::vector<Num> c) {
    Num k = {i.b, i.b->cast(Op::SIToFP, i.v, z.type())};
    Num odd = 2 * k - 1;
    c[0] = c[0] * (4 * v * v - odd * odd) / (8 * k * Num{i.b, z.v});
    Num isOdd = (i & i.of(1)) == 1, half = shiftRight(i, 1);
    Num signedTerm = choose((half & i.of(1)) == 0, c[0], -c[0]);
    c[1] = c[1] + choose(isOdd, 0.0, signedTerm);
    c[2] = c[2] + choose(isOdd, signedTerm, 0.0);
    return c;
  });
  return {out[1], out[2]};
}

Functions large(Builder* b, Num z) {
  auto [p0, q0] = hankel(b, z, 0);
  auto [p1, q1] = hankel(b, z, 1);
  Num s = sin(z), c = cos(z), scale = 1 / (std::sqrt(kPi) * sqrt(z));
  Functions f;
  // cos and sin of z - pi / 4 and of z - 3 pi / 4, from cos and sin of z; `scale` includes the square root of 1/2.
  f.j0 = scale * (p0 * (c + s) - q0 * (s - c));
  f.y0 = scale * (p0 * (s - c) + q0 * (c + s));
  f.j1 = scale * (p1 * (s - c) + q1 * (s + c));
  f.y1 = scale * (q1 * (s - c) - p1 * (s + c));
  Num isInfinite = z == kInf;
  for (Num* x : {&f.j0, &f.y0, &f.j1, &f.y1}) *x = choose(isInfinite, 0.0, *x);
  return f;
}

// For z >= 0.
Functions functions(Builder* b, Num z) {
  // Computes both methods, each with an argument in its range.
  Num isTiny = z < kTiny, isLarge = z >= kLarge;
  Functions small = tiny(choose(isTiny, z, kTiny)), middle = miller(b, choose(isTiny | isLarge, 1.0, z)),
            far = large(b, choose(isLarge, z, kLarge)), f;
  auto pick = [&](Num x, Num y, Num w) { return choose(isNan(z), z, choose(isTiny, x, choose(isLarge, w, y))); };
  f.j0 = pick(small.j0, middle.j0, far.j0);
  f.j1 = pick(small.j1, middle.j1, far.j1);
  f.y0 = pick(small.y0, middle.y0, far.y0);
  f.y1 = pick(small.y1, middle.y1, far.y1);
  return f;
}

Num modified(Builder* b, Num x, int order) {
  Num z = abs(x), isLarge = z > kLargeI;
  Num near = choose(isLarge, 1.0, z), far = choose(isLarge, z, kLargeI), square = near * near / 4;
  auto series = loop(b, b->i32(1), b->i32(60), {near.of(1), near.of(1)}, [&](Num i, std::vector<Num> c) {
    Num k = {i.b, i.b->cast(Op::SIToFP, i.v, z.type())};
    c[0] = c[0] * Num{i.b, square.v} / (k * (k + order));
    c[1] = c[1] + c[0];
    return c;
  });
  Num small = order ? near / 2 * series[1] : series[1];
  auto expansion = loop(b, b->i32(1), b->i32(24), {far.of(1), far.of(1)}, [&](Num i, std::vector<Num> c) {
    Num k = {i.b, i.b->cast(Op::SIToFP, i.v, z.type())};
    Num odd = 2 * k - 1;
    c[0] = c[0] * (odd * odd - 4 * order) / (8 * k * Num{i.b, far.v});
    c[1] = c[1] + c[0];
    return c;
  });
  Num half = exp(far / 2);
  Num big = choose(half == kInf, kInf, half * (half * (expansion[1] / sqrt(2 * kPi * far))));
  Num y = choose(isNan(x), x, choose(isLarge, big, small));
  return order ? copySign(y, x) : y;
}

// For an integer order n in i32.
Num ofOrder(Builder* b, Num n, Num x, bool second) {
  Num z = abs(x), m = abs(n);
  Functions f = functions(b, z);
  Num zero = second ? f.y0 : f.j0, one = second ? f.y1 : f.j1;
  Num safe = choose(z == 0, 1.0, choose(isNan(z) | (z == kInf), 1.0, z));
  auto forward = loop(b, b->i32(1), (m - 1).v, {zero, one}, [&](Num i, std::vector<Num> c) {
    Num k = {i.b, i.b->cast(Op::SIToFP, i.v, z.type())};
    Num next = 2 * k / Num{i.b, safe.v} * c[1] - c[0];
    // From minus infinity on, all results are minus infinity.
    if (second) next = choose(c[1] == -kInf, -kInf, next);
    return std::vector<Num>{c[1], next};
  });
  Num y = choose(m == 0, zero, choose(m == 1, one, forward[1]));
  if (!second) {
    Num order{b, b->cast(Op::SIToFP, m.v, z.type())};
    // If the order exceeds the argument: backward, from an order high enough not to affect the result.
    Num far = order + 40 + 4 * sqrt(order), start{b, b->cast(Op::FPToSI, far.v, m.type())};
    Num divisor = choose(z < 1e-30, 1.0, safe);
    auto down = loop(b, b->i32(1), start.v, {z.of(0), z.of(1), z.of(0), z.of(0)}, [&](Num i, std::vector<Num> c) {
      Num q = Num{i.b, start.v} - i, k = {i.b, i.b->cast(Op::SIToFP, q.v, z.type())};
      Num next = 2 * (k + 1) / Num{i.b, divisor.v} * c[1] - c[0];
      c[0] = c[1];
      c[1] = next;
      c[2] = c[2] + choose((q & i.of(1)) == 0, choose(q == 0, next, 2 * next), 0.0);
      c[3] = choose(q == Num{i.b, m.v}, next, c[3]);
      // For a small argument, each step may grow by more than any constant can compensate.
      Num scale = choose(abs(next) > 1e10, 1 / abs(next), 1.0);
      for (Num& v : c) v = v * scale;
      return c;
    });
    Num isAbove = (m > 1) & (order > z);
    y = choose(isAbove, choose(z < 1e-30, 0.0, down[3] / down[2]), y);
    y = choose((m > 1) & (z == kInf), 0.0, y);
  } else {
    y = choose((m > 1) & (z == kInf), 0.0, choose((m > 1) & (z == 0), -kInf, y));
  }
  // Odd orders change sign with the order and, for j, with the argument.
  Num isOdd = (m & m.of(1)) == 1, flips = n < 0;
  if (!second) flips = flips ^ (x < 0);
  y = choose(isOdd & flips, -y, y);
  return choose(isNan(x), x, y);
}

}  // namespace

Value* expandBessel(Builder& b, const Inst& inst, const LibFunction& f, bool hasF64) {
  const Type result = inst.result()->type;
  const Elem compute = hasF64 ? Elem::F64 : Elem::F32;
  std::vector<Value*> operands(inst.operands.begin(), inst.operands.end());
  // One element at a time.
  auto body = [&](Builder* at, std::vector<Value*> args) -> Value* {
    Num x{at, args.back()};
    if (bitWidth(x.type()) < bitWidth(Type::scalar(compute))) x = x.cast(Op::ExtF, compute);
    Num y;
    switch (f.fn) {
      case LibFn::J0: y = functions(at, abs(x)).j0; break;
      case LibFn::J1: y = copySign(x.of(1), x) * functions(at, abs(x)).j1; break;
      case LibFn::Y0: y = functions(at, abs(x)).y0; break;
      case LibFn::Y1: y = functions(at, abs(x)).y1; break;
      case LibFn::I0: y = modified(at, x, 0); break;
      case LibFn::I1: y = modified(at, x, 1); break;
      default: y = ofOrder(at, Num{at, args[0]}, x, f.fn == LibFn::Yn); break;
    }
    if (f.fn == LibFn::Y0 || f.fn == LibFn::Y1 || f.fn == LibFn::Yn) y = choose(x < 0, std::numeric_limits<double>::quiet_NaN(), y);
    return bitWidth(result) < bitWidth(y.type()) ? at->cast(Op::TruncF, y.v, y.type().withElement(result.elem)) : y.v;
  };
  if (!result.isTile()) return body(&b, operands);
  Inst* map = b.create(Op::MapElementwise, operands, {result}, {{Attr::Pack, int64_t{1}}});
  auto& region = map->regions.emplace_back(std::make_unique<Region>());
  region->parent = map;
  Block* block = b.module().newBlock(*region);
  std::vector<Value*> args;
  for (Value* v : operands) args.push_back(b.module().addArg(*block, v->type.element()));
  Builder inside(b.module(), block, b.loc());
  Value* y = body(&inside, args);
  inside.create(Op::MapElementwiseReturn, {y}, {});
  return map->result();
}

}  // namespace nereid
