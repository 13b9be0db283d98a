// SPDX-License-Identifier: MIT
// Transcendental functions as arithmetic.
//
//   math.exp %x   =>   n = round(x / ln 2);  r = x - n ln 2;  (1 + r + r^2 p(r)) * 2^n
//
// Argument reduction after Cody and Waite, with the constants split so that products by n are exact under fma; polynomials fitted
// by reweighted least squares at Chebyshev nodes (tests/math measures every function over the whole range of f32 against f64; the bounds
// stand in ir/ops.def). No branch and no table: the same code serves every lane.
#include "lower/math.h"

#include <cmath>
#include <limits>

#include "ir/bits.h"
#include "ir/builder.h"

namespace nereid {

namespace {

constexpr double kLn2 = 0.6931471805599453;
constexpr double kInf = std::numeric_limits<double>::infinity();

// Arithmetic on one type, written as formulas.
class Formula {
 public:
  Formula(Builder& b, Type f32, const Machine& machine) : b_(b), f_(f32), i_(f32.withElement(Elem::I32)), machine_(machine) {}

  Value* number(double v) { return b_.floating(f_, v); }
  Value* bits(int64_t v) { return b_.integer(i_, v); }
  Value* add(Value* x, Value* y) { return b_.make(Op::AddF, {x, y}); }
  Value* sub(Value* x, Value* y) { return b_.make(Op::SubF, {x, y}); }
  Value* mul(Value* x, Value* y) { return b_.make(Op::MulF, {x, y}); }
  Value* div(Value* x, Value* y) { return b_.make(Op::DivF, {x, y}); }
  // Rounded once where that is cheap.
  Value* fma(Value* x, Value* y, Value* z) { return machine_.fma ? b_.make(Op::Fma, {x, y, z}) : add(mul(x, y), z); }
  // x * c - product, where the product is rounded: exact.
  Value* productError(Value* x, double c, Value* product) {
    if (machine_.fma) return fma(x, number(c), neg(product));
    return narrow(sub(mul(wide(x), wide(number(c))), wide(product)));
  }
  Value* wide(Value* x) { return b_.cast(Op::ExtF, x, f_.withElement(Elem::F64)); }
  Value* narrow(Value* x) { return b_.cast(Op::TruncF, x, f_); }
  Value* abs(Value* x) { return b_.make(Op::AbsF, {x}); }
  Value* neg(Value* x) { return b_.make(Op::NegF, {x}); }
  Value* toFloat(Value* x) { return b_.cast(Op::SIToFP, x, f_); }
  Value* asInt(Value* x) { return b_.cast(Op::ArithBitcast, x, i_); }
  Value* asFloat(Value* x) { return b_.cast(Op::ArithBitcast, x, f_); }
  Value* iadd(Value* x, Value* y) { return b_.make(Op::AddI, {x, y}); }
  Value* isub(Value* x, Value* y) { return b_.make(Op::SubI, {x, y}); }
  Value* iand(Value* x, Value* y) { return b_.make(Op::AndI, {x, y}); }
  Value* ior(Value* x, Value* y) { return b_.make(Op::OrI, {x, y}); }
  Value* ixor(Value* x, Value* y) { return b_.make(Op::XOrI, {x, y}); }
  Value* shl(Value* x, int n) { return b_.make(Op::ShLI, {x, bits(n)}); }
  Value* sar(Value* x, int n) { return b_.make(Op::ShRSI, {x, bits(n)}); }
  Value* shr(Value* x, int n) { return b_.make(Op::ShRUI, {x, bits(n)}); }
  Value* select(Value* c, Value* x, Value* y) { return b_.select(c, x, y); }
  Value* less(Value* x, Value* y) { return b_.cmpF(CmpFPred::Olt, x, y); }
  Value* atMost(Value* x, Value* y) { return b_.cmpF(CmpFPred::Ole, x, y); }
  Value* greater(Value* x, Value* y) { return b_.cmpF(CmpFPred::Ogt, x, y); }
  Value* equal(Value* x, Value* y) { return b_.cmpF(CmpFPred::Oeq, x, y); }
  Value* isNan(Value* x) { return b_.cmpF(CmpFPred::Uno, x, x); }
  Value* iequal(Value* x, Value* y) { return b_.cmpI(CmpIPred::Eq, x, y); }
  Value* sqrt(Value* x) { return b_.make(Op::Sqrt, {x}); }
  Value* nan() { return number(std::numeric_limits<double>::quiet_NaN()); }
  // The upper 12 of the 24 bits: the product of two such numbers is exact.
  Value* upper(Value* x) { return asFloat(iand(asInt(x), bits(static_cast<int64_t>(0xfffff000)))); }
  // Between limits; NaN stays.
  Value* clamp(Value* x, double low, double high) {
    x = select(less(x, number(low)), number(low), x);
    return select(greater(x, number(high)), number(high), x);
  }
  // c[0] + c[1] x + c[2] x^2 + ...
  Value* poly(Value* x, std::initializer_list<double> c) {
    const double* at = c.end();
    Value* sum = number(*--at);
    while (at != c.begin()) sum = fma(sum, x, number(*--at));
    return sum;
  }
  Value* copySign(Value* magnitude, Value* sign) {
    return asFloat(ior(asInt(magnitude), iand(asInt(sign), bits(static_cast<int64_t>(0x80000000)))));
  }
  // 2^n e^r - or 2^n 2^f - from a reduced argument.
  Value* expReduced(Value* r) {
    Value* p = poly(r, {0.5, 0.16666576266288757, 0.04166637361049652, 0.008363176137208939, 0.0013941108481958508});
    return fma(mul(r, r), p, r);  // e^r - 1
  }
  // round(x * factor) for magnitudes below 2^22: adding 1.5 * 2^23 leaves the integer in the low bits. They hold it plus 254, which is
  // what `scale` wants.
  static constexpr int64_t kBias = 254;
  struct Rounded {
    Value *n, *biased;
  };
  Rounded roundProduct(Value* x, double factor) {
    Value* magic = number(0x1.8p23 + kBias);
    Value* t = fma(x, number(factor), magic);
    return {sub(t, magic), asInt(t)};
  }
  Value* integer(Rounded k) { return isub(k.biased, bits(0x4B400000 + kBias)); }
  // x * 2^n for -252 < n < 252, rounding once. Without an instruction for it in two steps, 2^floor(n/2) and the rest, of which the first is
  // exact: half of n + 254 is the biased exponent of half of n, and the shift by 23 drops what stands above.
  Value* scale(Value* x, Rounded k) {
    if (machine_.scales) return b_.make(Op::LoScale, {x, k.n});
    Value* half = shr(k.biased, 1);
    Value* rest = isub(k.biased, half);
    return mul(mul(x, asFloat(shl(half, 23))), asFloat(shl(rest, 23)));
  }
  static constexpr double kLn2High = 0.693145751953125, kLn2Low = 1.428606765330187e-06;  // products of the first by n are exact
  struct Reduced {
    Rounded n;
    Value* r;
  };
  Reduced reduceExp(Value* x) {
    Rounded k = roundProduct(x, 1.4426950408889634);
    Value* r = fma(k.n, number(-kLn2High), x);
    return {k, fma(k.n, number(-kLn2Low), r)};
  }
  Value* expPoly(Value* r) {
    return poly(r, {1, 1, 0.5, 0.16666576266288757, 0.04166637361049652, 0.008363176137208939, 0.0013941108481958508});
  }
  // e^x by the machine's 2^y, whose exponent is x log2(e) = y + rest. The rest counts: y alone costs |y| / 2 ulp.
  Value* nativeExp(Value* x) {
    constexpr double kHigh = 1.44269502162933349609375, kLow = 1.925963033500211e-08, kLog = 0.6931471805599453;
    Value* y = mul(x, number(kHigh));
    Value* rest = fma(x, number(kLow), fma(x, number(kHigh), neg(y)));
    Value* power = b_.make(Op::Exp2, {y});
    // Infinities have no rest, but a NaN: any positive factor will do.
    return mul(power, b_.make(Op::MaxNumF, {fma(rest, number(kLog), number(1)), number(0.5)}));
  }
  Value* exp(Value* x) {
    if (machine_.exp2) return nativeExp(x);
    auto [n, r] = reduceExp(clamp(x, -104.0, 89.0));
    return scale(expPoly(r), n);
  }
  // e^x / 2 for x >= 0: finite for a while where e^x no longer is.
  Value* halfExp(Value* x) {
    auto [k, r] = reduceExp(clamp(x, 0, 91.0));
    return scale(expPoly(r), {sub(k.n, number(1)), isub(k.biased, bits(1))});
  }
  Value* exp2(Value* x) {
    x = clamp(x, -151.0, 129.0);
    Rounded k = roundProduct(x, 1);
    return scaledExp2(sub(x, k.n), k);
  }
  // 2^f 2^k for |f| <= 1/2.
  Value* scaledExp2(Value* f, Rounded k) {
    Value* p = poly(f, {0.6931471824645996, 0.24022650718688965, 0.055503569543361664, 0.009618030861020088, 0.0013390866806730628,
                        0.00015469726349692792});
    return scale(fma(p, f, number(1)), k);
  }
  Value* expm1(Value* x) {
    auto [k, r] = reduceExp(clamp(x, -104.0, 89.0));
    Value* n = integer(k);
    // 2^n (e^r - 1) + (2^n - 1), with 2^128 made of two halves.
    Value* large = b_.cmpI(CmpIPred::Sge, n, bits(128));
    Value* m = select(large, bits(127), n);
    m = select(b_.cmpI(CmpIPred::Slt, m, bits(-126)), bits(-126), m);
    Value* power = asFloat(shl(iadd(m, bits(127)), 23));
    Value* e = expReduced(r);
    Value* small = fma(power, e, sub(power, number(1)));
    Value* big = mul(mul(add(e, number(1)), power), number(2));
    Value* y = select(large, big, small);
    return select(equal(x, number(0)), x, y);
  }

  // x = m 2^e with m in [2/3, 4/3), for positive normal and subnormal x.
  struct Split {
    Value *e, *f;  // f = m - 1
  };
  Split split(Value* x) {
    Value* tiny = less(x, number(0x1p-126));
    Value* y = select(tiny, mul(x, number(0x1p23)), x);
    Value* i = isub(asInt(y), bits(0x3f2aaaab));
    Value* e = sar(i, 23);
    Value* m = asFloat(iadd(iand(i, bits(0x7fffff)), bits(0x3f2aaaab)));
    e = isub(e, select(tiny, bits(23), bits(0)));
    return {toFloat(e), sub(m, number(1))};
  }
  // log(1 + f) - f for |f| <= 1/3.
  Value* logTail(Value* f) {
    Value* p = poly(f, {0.3333333730697632, -0.24999819695949554, 0.1999930590391159, -0.16679617762565613, 0.14312836527824402,
                        -0.12195251882076263, 0.10661390423774719, -0.12847276031970978, 0.12357909232378006});
    Value* ff = mul(f, f);
    return fma(mul(f, ff), p, mul(ff, number(-0.5)));
  }
  Value* logSpecial(Value* x, Value* y) {
    y = select(equal(x, number(kInf)), x, y);
    y = select(equal(x, number(0)), number(-kInf), y);
    Value* bad = b_.cmpF(CmpFPred::Ult, x, number(0));  // negative or NaN
    return select(bad, number(std::numeric_limits<double>::quiet_NaN()), y);
  }
  Value* log(Value* x) {
    auto [e, f] = split(x);
    Value* tail = fma(e, number(-2.12194440e-4), logTail(f));
    Value* y = fma(e, number(0.693359375), add(f, tail));
    return logSpecial(x, y);
  }
  // log2 and log10: the same with the factor in two parts.
  Value* logBase(Value* x, double factor, double high) {
    auto [e, f] = split(x);
    Value* tail = logTail(f);
    double low = factor - high;
    // f * high is exact enough only with its rounding error carried along.
    Value* sum = add(f, tail);
    Value* error = add(sub(f, sum), tail);
    Value* main = mul(sum, number(high));
    Value* rest = productError(sum, high, main);
    rest = fma(sum, number(low), rest);
    rest = fma(error, number(factor), rest);
    Value* y;
    if (factor > 1) {
      Value* whole = add(e, main);
      Value* lost = add(sub(e, whole), main);
      Value* lostSmall = add(sub(main, whole), e);
      lost = select(greater(abs(main), abs(e)), lostSmall, lost);
      y = add(whole, add(lost, rest));
    } else {
      constexpr double kLog2Of10High = 0.301025390625, kLog2Of10Low = 4.6050389811952137e-06;
      Value* t = fma(e, number(kLog2Of10Low), rest);
      Value* w = mul(e, number(kLog2Of10High));
      Value* whole = add(w, main);
      Value* lost = add(sub(w, whole), main);
      Value* lostSmall = add(sub(main, whole), w);
      lost = select(greater(abs(main), abs(w)), lostSmall, lost);
      y = add(whole, add(lost, t));
    }
    return logSpecial(x, y);
  }
  Value* log1p(Value* x) {
    Value* u = add(x, number(1));
    // What the sum lost, as a share of u.
    Value* lost = select(greater(x, number(1)), sub(number(1), sub(u, x)), sub(x, sub(u, number(1))));
    Value* correction = div(lost, u);
    auto [e, f] = split(u);
    Value* tail = add(fma(e, number(-2.12194440e-4), logTail(f)), correction);
    Value* y = fma(e, number(0.693359375), add(f, tail));
    y = logSpecial(u, y);
    y = select(equal(x, number(kInf)), x, y);
    return select(less(abs(x), number(1e-8)), x, y);
  }

  Value* tanh(Value* x) {
    Value* a = abs(x);
    Value* u = mul(x, x);
    Value* p = poly(u, {-0.3333333432674408, 0.13333304226398468, -0.05395951867103577, 0.021770749241113663, -0.008349193260073662,
                        0.0022980119101703167});
    Value* small = fma(mul(a, u), p, a);
    Value* e = exp(mul(clamp(a, 0, 10), number(2)));
    Value* large = sub(number(1), div(number(2), add(e, number(1))));
    Value* y = copySign(select(less(a, number(0.625)), small, large), x);
    return select(isNan(x), x, y);
  }
  // erf(x) / x for |x| <= 0.92, from x^2.
  Value* erfPoly(Value* u) {
    return poly(u, {1.128379225730896, -0.37612637877464294, 0.11283788084983826, -0.026865828782320023, 0.00522237503901124,
                    -0.0008507181773893535, 0.00011462096153991297, -1.0319040484318975e-05});
  }
  // 1 - 2^q for q = log2(erfc |x|), which a polynomial times |x| approximates: relatively exact near zero, where 2^q - 1 is exact, too.
  Value* erf(Value* x) {
    Value* t = abs(x);
    t = select(greater(t, number(3.95)), number(3.95), t);  // erf is 1 there
    Value* q = mul(t, poly(t, {-1.6279070377349854, -0.9184476137161255, -0.14827705919742584, 0.027631990611553192, 0.0002314687881153077,
                               -0.002405074192211032, 0.0009130227263085544, -0.00016972907178569585, 1.3354890143091325e-05}));
    // q = n + f, and n plus the bias of exponents in the low bits of k.
    Value* magic = number(0x1.8p23 + 127);
    Value* k = add(q, magic);
    Value* f = sub(q, sub(k, magic));
    Value* e = mul(f, poly(f, {0.6931471824645996, 0.24022649228572845, 0.05550357326865196, 0.009618237614631653, 0.0013390735257416964,
                               0.00015403512225020677}));  // 2^f - 1
    Value* s = asFloat(shl(asInt(k), 23));                 // 2^n
    Value* y = copySign(fma(neg(s), e, sub(number(1), s)), x);
    return select(isNan(x), x, y);
  }

  // Near zero 1 - erf(x). Beyond, e^(-x^2) times a polynomial in 1 / (x + 1); x^2 as the exact square of x's upper bits and the rest.
  Value* erfc(Value* x) {
    Value* a = abs(x);
    Value* near = fma(neg(x), erfPoly(mul(x, x)), number(1));
    Value* t = clamp(a, 0.46, 10.1);
    Value* h = upper(t);
    Rounded k = roundProduct(mul(t, t), -1.4426950408889634);
    Value* r = sub(mul(k.n, number(-kLn2High)), mul(h, h));
    r = add(r, fma(sub(h, t), add(h, t), mul(k.n, number(-kLn2Low))));
    Value* w = div(number(1), add(t, number(1)));
    Value* g = mul(
        w, poly(w, {0.564195990562439, 0.5638741254806519, 0.28883096575737, -0.3643065392971039, -0.070465087890625, -3.365983724594116,
                    12.362347602844238, -19.931711196899414, 17.889623641967773, -8.80494213104248, 1.8701900243759155}));
    Value* far = scale(fma(g, expReduced(r), g), k);
    far = select(less(x, number(0)), sub(number(2), far), far);
    Value* y = select(less(a, number(0.46875)), near, far);
    return select(isNan(x), x, y);
  }

  // What |x| >= 1 needs of e^|x|, and its inverse; that is nothing beside it long before the division leaves its range.
  struct HalfExps {
    Value *up, *down;  // e^a / 2, e^-a / 2
  };
  HalfExps halfExps(Value* a) {
    Value* up = halfExp(a);
    return {up, div(number(0.25), clamp(up, 0, 0x1p60))};
  }
  Value* sinh(Value* x) {
    Value* a = abs(x);
    Value* u = mul(x, x);
    Value* small = fma(mul(a, u), poly(u, {0.1666666716337204, 0.00833331048488617, 0.00019842895562760532, 2.7822131869470468e-06}), a);
    auto [up, down] = halfExps(a);
    Value* y = copySign(select(less(a, number(1)), small, sub(up, down)), x);
    return select(isNan(x), x, y);
  }
  Value* cosh(Value* x) {
    auto [up, down] = halfExps(abs(x));
    return select(isNan(x), x, add(up, down));
  }
  // log(x + sqrt(x^2 + 1)), as log1p of what is near x for small x; log(2 x) where the square would overflow.
  Value* asinh(Value* x) {
    Value* a = abs(x);
    Value* large = greater(a, number(0x1p40));
    Value* b = select(large, number(1), a);
    Value* u = mul(b, b);
    Value* w = add(b, div(u, add(sqrt(add(u, number(1))), number(1))));
    Value* y = log1p(select(large, a, w));
    return copySign(select(large, add(y, number(kLn2)), y), x);
  }
  Value* acosh(Value* x) {
    Value* large = greater(x, number(0x1p40));
    Value* t = sub(select(large, number(2), x), number(1));
    Value* w = add(t, sqrt(mul(t, add(t, number(2)))));
    Value* y = log1p(select(large, x, w));
    y = select(large, add(y, number(kLn2)), y);
    return select(atMost(number(1), x), y, nan());
  }
  Value* atanh(Value* x) {
    Value* a = abs(x);
    Value* one = equal(a, number(1));
    Value* w = div(add(a, a), sub(number(1), select(one, number(0), a)));
    Value* y = select(one, number(kInf), mul(log1p(w), number(0.5)));
    return select(atMost(a, number(1)), copySign(y, x), nan());
  }

  // Angles are put together from their constants in two parts.
  static constexpr double kHalfPi = 1.5707963705062866, kHalfPiLow = -4.371139000186241e-08;
  // atan(t) for 0 <= t <= 1.
  Value* atanPoly(Value* t) {
    Value* u = mul(t, t);
    Value* p = poly(u, {-0.33333298563957214, 0.1999853104352951, -0.14264051616191864, 0.10951174795627594, -0.08400475233793259,
                        0.05790654569864273, -0.031127002090215683, 0.010887361131608486, -0.0017875476041808724});
    return fma(mul(t, u), p, t);
  }
  Value* atan(Value* x) {
    Value* a = clamp(abs(x), 0, 0x1p64);
    Value* large = greater(a, number(1));
    Value* p = atanPoly(div(select(large, number(1), a), select(large, a, number(1))));
    Value* y = select(large, add(number(kHalfPi), sub(number(kHalfPiLow), p)), p);
    return select(isNan(x), x, copySign(y, x));
  }
  // The lesser of |x| and |y| over the greater, where that is at home: a division far from 1 may be rough.
  Value* atan2(Value* y, Value* x) {
    Value *ax = abs(x), *ay = abs(y);
    Value* steep = greater(ay, ax);
    Value* least = select(steep, ax, ay);
    Value* most = select(steep, ay, ax);
    Value* factor = select(greater(most, number(0x1p100)), number(0x1p-32), select(less(most, number(0x1p-90)), number(0x1p60), number(1)));
    Value* zero = equal(most, number(0));
    Value* ratio = div(mul(least, factor), select(zero, number(1), mul(most, factor)));
    Value* bothInfinite = select(equal(least, number(kInf)), number(1), number(0));
    ratio = select(equal(most, number(kInf)), bothInfinite, ratio);
    Value* p = atanPoly(ratio);
    Value* left = b_.cmpI(CmpIPred::Slt, asInt(x), bits(0));
    // p, pi - p, pi/2 - p or pi/2 + p.
    Value* turns = select(steep, number(1), select(left, number(2), number(0)));
    Value* signedP = select(iand(steep, left), p, neg(p));
    Value* angle = fma(turns, number(kHalfPi), fma(turns, number(kHalfPiLow), signedP));
    angle = copySign(select(equal(turns, number(0)), p, angle), y);
    return select(b_.cmpF(CmpFPred::Uno, x, y), nan(), angle);
  }
  // asin(|x|) for |x| <= 1/2, else asin(sqrt((1 - |x|) / 2)), from which both functions follow.
  struct Arc {
    Value *far, *p;
  };
  Arc arc(Value* a) {
    Value* far = greater(a, number(0.5));
    Value* z = select(far, mul(sub(number(1), a), number(0.5)), mul(a, a));
    Value* s = select(far, sqrt(z), a);
    Value* p = poly(z, {0.16666752099990845, 0.074953094124794, 0.04546914994716644, 0.024184778332710266, 0.042158305644989014});
    return {far, fma(mul(s, z), p, s)};
  }
  Value* asin(Value* x) {
    Value* a = abs(x);
    auto [far, p] = arc(a);
    Value* y = select(far, add(number(kHalfPi), fma(p, number(-2), number(kHalfPiLow))), p);
    return select(atMost(a, number(1)), copySign(y, x), nan());
  }
  Value* acos(Value* x) {
    Value* a = abs(x);
    auto [far, p] = arc(a);
    Value* twice = add(p, p);
    Value* left = add(number(2 * kHalfPi), sub(number(2 * kHalfPiLow), twice));
    Value* near = add(number(kHalfPi), sub(number(kHalfPiLow), copySign(p, x)));
    Value* y = select(far, select(less(x, number(0)), left, twice), near);
    return select(atMost(a, number(1)), y, nan());
  }

  // From x^(-1/3): a guess that divides the exponent, and with it a little of the mantissa, by three; one step of third order; then the
  // anchor w = x r^2 with what 1 - w r still says about it.
  Value* cbrt(Value* x) {
    Value* a = abs(x);
    Value* tiny = less(a, number(0x1p-126));
    a = select(tiny, mul(a, number(0x1p24)), a);
    Value* r = asFloat(isub(bits(0x54a1f5c0), b_.make(Op::DivUI, {asInt(a), bits(3)})));
    Value* h = fma(neg(mul(mul(a, r), r)), r, number(1));
    r = fma(mul(r, h), poly(h, {1 / 3.0, 2 / 9.0, 14 / 81.0}), r);
    Value* w = mul(mul(a, r), r);
    h = fma(neg(w), r, number(1));
    Value* y = fma(mul(w, h), poly(h, {2 / 3.0, 5 / 9.0}), w);
    y = copySign(select(tiny, mul(y, number(0x1p-8)), y), x);
    y = select(less(abs(x), number(kInf)), y, x);
    return select(equal(x, number(0)), x, y);
  }

  // 2^(y log2 x), with log2 x = high + low to some 29 bits. Exact are the products of upper halves and the differences of neighbours alone:
  // a fused multiply-add is not relied upon, nor a sum that is put together another way.
  struct Parts {
    Value *high, *low;
  };
  Parts log2Parts(Value* x) {
    constexpr double kFactor = 2.885390081777927, kFactorHigh = 2.8857421875;  // 2 / ln 2
    auto [e, f] = split(x);
    // s = f / (f + 2); log2(1 + f) = 2 / ln 2 (s + s^3 / 3 + ...).
    Value* sum = add(f, number(2));
    Value* sumHigh = upper(sum);
    Value* sumLow = sub(f, sub(sumHigh, number(2)));
    Value* high = upper(div(f, sum));
    Value* low = div(sub(sub(f, mul(high, sumHigh)), mul(high, sumLow)), sum);
    Value* s = add(high, low);
    Value* u = mul(s, s);
    Value* rest = fma(mul(s, u), poly(u, {0.3333333134651184, 0.2000046670436859, 0.1425175964832306, 0.12075725197792053}), low);
    Value* main = mul(high, number(kFactorHigh));
    rest = fma(high, number(kFactor - kFactorHigh), mul(rest, number(kFactor)));
    Value* top = upper(add(add(e, main), rest));
    return {top, add(add(sub(e, top), main), rest)};
  }
  Value* pow(Value* x, Value* y) {
    Value* a = abs(x);
    auto [logHigh, logLow] = log2Parts(a);
    Value* power = clamp(y, -0x1p40, 0x1p40);  // beyond, only the sign of the logarithm matters
    Value* powerHigh = upper(power);
    Value* high = clamp(mul(powerHigh, logHigh), -160, 140);
    Value* low = fma(powerHigh, logLow, mul(sub(power, powerHigh), add(logHigh, logLow)));
    low = clamp(low, -1, 1);
    Rounded k = roundProduct(add(high, low), 1);
    Value* z = scaledExp2(add(sub(high, k.n), low), k);

    Value *zero = number(0), *inf = number(kInf);
    Value* falls = less(y, zero);
    z = select(equal(a, zero), select(falls, inf, zero), z);
    z = select(equal(a, inf), select(falls, zero, inf), z);
    // Whether y is an integer, and odd; from 2^24 on all are even.
    Value* near = select(isNan(y), zero, clamp(y, -0x1p24, 0x1p24));
    Value* n = b_.cast(Op::FPToSI, near, i_);
    Value* sign = iand(asInt(x), shl(n, 31));
    Value* broken = b_.cmpF(CmpFPred::Une, toFloat(n), near);
    z = asFloat(ixor(asInt(z), select(broken, bits(0), sign)));
    z = select(iand(broken, iand(less(x, zero), less(a, inf))), nan(), z);
    z = select(b_.cmpF(CmpFPred::Uno, x, y), nan(), z);
    z = select(equal(x, number(1)), number(1), z);
    return select(equal(y, zero), number(1), z);
  }

  Value* tan(Value* x) {
    Value* a = abs(x);
    auto [q, r] = reduceByIntegers(a);
    Value* u = mul(r, r);
    Value* t = fma(mul(r, u),
                   poly(u, {0.33333349227905273, 0.13332673907279968, 0.054059166461229324, 0.021284645423293114, 0.010831930674612522,
                            9.215487079927698e-05, 0.004375857766717672}),
                   r);
    Value* odd = iequal(iand(q, bits(1)), bits(1));
    Value* y = select(odd, div(number(-1), select(odd, t, number(1))), t);
    y = asFloat(ixor(asInt(y), iand(asInt(x), bits(static_cast<int64_t>(0x80000000)))));
    return select(less(a, number(kInf)), y, nan());
  }

  // Sine or cosine: x = n pi/2 + r with |r| <= pi/4. Up to 2^17 the three-part constant is exact under fma; beyond, the bits of 2/pi that
  // matter are taken from its expansion (Payne and Hanek), in integers.
  Value* sinCos(Value* x, bool cosine) {
    Value* a = abs(x);
    auto [q, r] = machine_.libm ? reduce(a) : reduceByIntegers(a);
    Value* u = mul(r, r);
    Value* s = fma(mul(r, u), poly(u, {-0.1666666716337204, 0.008333331905305386, -0.00019840087043121457, 2.7249977847532136e-06}), r);
    Value* c = fma(mul(u, u), poly(u, {0.0416666679084301, -0.00138888880610466, 2.480059993104078e-05, -2.7300993110657146e-07}),
                   fma(u, number(-0.5), number(1)));
    if (cosine) q = iadd(q, bits(1));
    Value* odd = b_.cmpI(CmpIPred::Ne, iand(q, bits(1)), bits(0));
    Value* y = select(odd, c, s);
    Value* flip = shl(iand(q, bits(2)), 30);
    if (!cosine) flip = ixor(flip, iand(asInt(x), bits(static_cast<int64_t>(0x80000000))));
    y = asFloat(ixor(asInt(y), flip));
    if (!cosine) y = select(equal(x, number(0)), x, y);
    Value* finite = less(a, number(kInf));
    return select(finite, y, number(std::numeric_limits<double>::quiet_NaN()));
  }
  struct Quadrant {
    Value *q, *r;
  };
  Quadrant reduce(Value* a) {
    Rounded k = roundProduct(a, 0.6366197723675814);
    Value* q0 = integer(k);
    Value* r0 = machine_.fma ? reduceByFma(k.n, a) : reduceWide(k.n, a);
    auto [q1, r1] = reduceLarge(a);
    Value* isLarge = b_.cmpF(CmpFPred::Oge, a, number(131072));
    Value* q = select(isLarge, q1, q0);
    return {q, select(isLarge, r1, r0)};
  }
  // For machines whose fma may round twice (WGSL): all beyond the first quadrant as what is large.
  Quadrant reduceByIntegers(Value* a) {
    auto [q, fraction] = quadrantOf(a);
    Value* r = fma(fraction, number(kHalfPi * 0x1p-62), mul(fraction, number(kHalfPiLow * 0x1p-62)));
    Value* first = less(a, number(0.7853981));
    return {select(first, bits(0), q), select(first, a, r)};
  }
  Value* reduceByFma(Value* n, Value* a) {
    Value* r = fma(n, number(-1.5707962512969971), a);
    r = fma(n, number(-7.549789415861596e-08), r);
    return fma(n, number(-5.390302529957765e-15), r);
  }
  // In f64, where the product of n and 33 bits of pi/2 is exact.
  Value* reduceWide(Value* n, Value* a) {
    Value* x = wide(n);
    auto times = [&](double c) { return mul(x, b_.floating(x->type, c)); };
    return narrow(sub(sub(wide(a), times(1.5707963267341256)), times(6.077100506506192e-11)));
  }
  Quadrant reduceLarge(Value* a) {
    auto [q, fraction] = quadrantOf(a);
    return {q, mul(fraction, number(1.5707963267948966 * 0x1p-62))};
  }
  // The quadrant of a >= 2^-7, and 2^62 times what is left of it in quadrants.
  Quadrant quadrantOf(Value* a) {
    // a = m 2^(e - 150) with a 24-bit m. a * 2/pi modulo 4 needs 96 bits of 2/pi from where its product has weight 4.
    constexpr int64_t kTwoOverPi[] = {0x00000000, 0xA2F9836E, 0x4E441529, 0xFC2757D1, 0xF534DDC0, 0xDB629599, 0x3C439041, 0xFE5163AB};
    Value* i = asInt(a);
    Value* e = isub(shr(i, 23), bits(120));  // bits to skip, counted so that the result has two bits before the point
    Value* m = ior(iand(i, bits(0x7fffff)), bits(0x800000));
    Value* word = shr(e, 5);
    Value* shift = iand(e, bits(31));
    auto pick = [&](int offset) {
      Value* w = bits(kTwoOverPi[offset]);
      for (int k = 1; k <= 4 && k + offset < 8; ++k) w = select(iequal(word, bits(k)), bits(kTwoOverPi[k + offset]), w);
      return w;
    };
    Value *w0 = pick(0), *w1 = pick(1), *w2 = pick(2), *w3 = pick(3);
    auto funnel = [&](Value* high, Value* low) {
      Value* up = b_.make(Op::ShLI, {high, shift});
      Value* down = b_.make(Op::ShRUI, {low, isub(bits(32), shift)});  // a shift by 32 gives 0
      return ior(up, down);
    };
    Value *h = funnel(w0, w1), *mid = funnel(w1, w2), *l = funnel(w2, w3);
    Type i64 = f_.withElement(Elem::I64);
    auto wide = [&](Value* v) { return b_.cast(Op::ExtUI, v, i64); };
    auto c64 = [&](int64_t v) { return b_.integer(i64, v); };
    // The product's bits from weight 2 down, in 64 bits: what is above falls away.
    Value* product =
        b_.make(Op::AddI, {b_.make(Op::ShLI, {b_.make(Op::MulI, {wide(m), wide(h)}), c64(32)}), b_.make(Op::MulI, {wide(m), wide(mid)})});
    product = b_.make(Op::AddI, {product, b_.make(Op::ShRUI, {b_.make(Op::MulI, {wide(m), wide(l)}), c64(32)})});
    // Two bits of quadrant, 62 of fraction; rounded to the nearest quadrant.
    Value* quadrant = b_.make(Op::ShRUI, {b_.make(Op::AddI, {product, c64(int64_t{1} << 61)}), c64(62)});
    Value* fraction = b_.make(Op::SubI, {product, b_.make(Op::ShLI, {quadrant, c64(62)})});
    return {b_.cast(Op::TruncI, quadrant, i_), b_.cast(Op::SIToFP, fraction, f_)};
  }

 private:
  Builder& b_;
  Type f_, i_;
  const Machine& machine_;
};

Value* expand(Builder& b, Op op, const std::vector<Value*>& operands, const Machine& machine) {
  Value* x = operands[0];
  Formula f(b, x->type, machine);
  switch (op) {
    case Op::Exp: return f.exp(x);
    case Op::Exp2: return f.exp2(x);
    case Op::Expm1: return f.expm1(x);
    case Op::Log: return f.log(x);
    case Op::Log2: return f.logBase(x, 1.4426950408889634, 1.44269502162933349609375);
    case Op::Log10: return f.logBase(x, 0.43429448190325182, 0.4342944622039794921875);
    case Op::Log1p: return f.log1p(x);
    case Op::Tanh: return f.tanh(x);
    case Op::Erf: return f.erf(x);
    case Op::Sin: return f.sinCos(x, false);
    case Op::Cos: return f.sinCos(x, true);
    case Op::Tan: return f.tan(x);
    case Op::Asin: return f.asin(x);
    case Op::Acos: return f.acos(x);
    case Op::Atan: return f.atan(x);
    case Op::Atan2: return f.atan2(x, operands[1]);
    case Op::Sinh: return f.sinh(x);
    case Op::Cosh: return f.cosh(x);
    case Op::Asinh: return f.asinh(x);
    case Op::Acosh: return f.acosh(x);
    case Op::Atanh: return f.atanh(x);
    case Op::Cbrt: return f.cbrt(x);
    case Op::Erfc: return f.erfc(x);
    case Op::PowF: return f.pow(x, operands[1]);
    default: return nullptr;
  }
}

bool isExpanded(Op op, const Machine& machine) {
  switch (op) {
    case Op::Exp2: return !machine.exp2;
    case Op::Exp:
    case Op::Expm1:
    case Op::Log:
    case Op::Log2:
    case Op::Log10:
    case Op::Log1p:
    case Op::Tanh:
    case Op::Erf:
    case Op::Sin:
    case Op::Cos: return true;
    case Op::Tan:
    case Op::Asin:
    case Op::Acos:
    case Op::Atan:
    case Op::Atan2:
    case Op::Sinh:
    case Op::Cosh:
    case Op::Asinh:
    case Op::Acosh:
    case Op::Atanh:
    case Op::Cbrt:
    case Op::Erfc:
    case Op::PowF: return !machine.libm;
    default: return false;
  }
}

void expandIn(Region& region, Module& m, const Machine& machine, Replacements& replaced) {
  for (Block* block : region.blocks) {
    std::vector<Inst*> source = std::move(block->insts);
    block->insts.clear();
    for (Inst* inst : source) {
      for (Value*& v : inst->operands) v = replaced(v);
      for (auto& r : inst->regions) expandIn(*r, m, machine, replaced);
      if (!isExpanded(inst->op, machine) || inst->result()->type.elem == Elem::F64) {
        block->insts.push_back(inst);
        continue;
      }
      Builder b(m, block, inst->loc);
      std::vector<Value*> operands(inst->operands.begin(), inst->operands.end());
      bool narrow = bitWidth(inst->result()->type) < 32;
      if (narrow)
        for (Value*& x : operands) x = b.cast(Op::ExtF, x, x->type.withElement(Elem::F32));
      Value* y = expand(b, inst->op, operands, machine);
      if (narrow) y = b.cast(Op::TruncF, y, inst->result()->type);
      replaced.add(inst->result(), y);
    }
  }
}

}  // namespace

// The spelling says it: math.exp.
std::string_view libraryName(Op op) {
  if (op == Op::PowF) return "pow";
  if (op == Op::RemF) return "fmod";
  std::string_view spelling = info(op).spelling;
  bool isFunction =
      spelling.starts_with("math.") && (info(op).sig == Sig::Float1 || info(op).sig == Sig::Float2 || info(op).sig == Sig::Float3);
  return isFunction ? spelling.substr(5) : std::string_view();
}

void expandMath(Func& f, Module& m, const Machine& machine) {
  Replacements replaced;
  expandIn(f.body, m, machine, replaced);
  replaced.apply(f.body);
}

}  // namespace nereid
