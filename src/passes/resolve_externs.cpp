// SPDX-License-Identifier: MIT
// Spells library functions as operations, and refuses what only a GPU can do.
//
//   tt.extern_elementwise %x {symbol = "__nv_tanhf"}     =>  math.tanh %x
//   tt.extern_elementwise %x {symbol = "__nv_isnanf"}    =>  arith.cmpf uno, %x, %x; arith.extui
//   tt.extern_elementwise %x {symbol = "__nv_lgammaf"}   =>  a formula in f64
//
// A symbol is a name in somebody's library for GPUs; the targets know operations alone.
#include <cmath>
#include <limits>
#include <numbers>

#include "interp/element.h"
#include "ir/builder.h"
#include "ir/libdevice.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace nereid {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

Type bitsOf(Type t) { return t.withElement(bitWidth(t) == 64 ? Elem::I64 : bitWidth(t) == 16 ? Elem::I16 : Elem::I32); }
Value* isInfinite(Builder& b, Value* x) { return b.cmpF(CmpFPred::Oeq, b.make(Op::AbsF, {x}), b.floating(x->type, kInf)); }
Value* widened(Builder& b, Value* x) { return x->type.elem == Elem::F64 ? x : b.cast(Op::ExtF, x, x->type.withElement(Elem::F64)); }
Value* narrowed(Builder& b, Value* x, Type t) { return t.elem == Elem::F64 ? x : b.cast(Op::TruncF, x, t); }

Value* hypot(Builder& b, Value* x, Value* y) {
  Type t = x->type;
  Value* root;
  if (t.elem != Elem::F64) {
    // In f64 neither square overflows.
    Value *u = widened(b, x), *v = widened(b, y);
    root = narrowed(b, b.make(Op::Sqrt, {b.make(Op::AddF, {b.make(Op::MulF, {u, u}), b.make(Op::MulF, {v, v})})}), t);
  } else {
    // Scaled by the larger.
    Value *u = b.make(Op::AbsF, {x}), *v = b.make(Op::AbsF, {y});
    Value *large = b.make(Op::MaximumF, {u, v}), *small = b.make(Op::MinimumF, {u, v});
    Value* ratio = b.make(Op::DivF, {small, large});
    root = b.make(Op::MulF, {large, b.make(Op::Sqrt, {b.make(Op::AddF, {b.floating(t, 1), b.make(Op::MulF, {ratio, ratio})})})});
    root = b.select(b.cmpF(CmpFPred::Oeq, large, b.floating(t, 0)), large, root);
  }
  // An infinity makes up for a NaN.
  return b.select(b.make(Op::OrI, {isInfinite(b, x), isInfinite(b, y)}), b.floating(t, kInf), root);
}

// The neighbour of x toward y: formats order their magnitudes as integers do.
Value* nextAfter(Builder& b, Value* x, Value* y) {
  Type t = x->type, i = bitsOf(t);
  Value* zero = b.floating(t, 0);
  Value* bits = b.cast(Op::Bitcast, x, i);
  Value* away = b.cmpI(CmpIPred::Eq, b.cmpF(CmpFPred::Ogt, y, x), b.cmpF(CmpFPred::Ogt, x, zero));
  Value* next = b.cast(Op::Bitcast, b.make(Op::AddI, {bits, b.select(away, b.integer(i, 1), b.integer(i, -1))}), t);
  Value* least = b.make(Op::CopySign, {b.cast(Op::Bitcast, b.integer(i, 1), t), y});
  next = b.select(b.cmpF(CmpFPred::Oeq, x, zero), least, next);
  next = b.select(b.cmpF(CmpFPred::Oeq, x, y), y, next);
  return b.select(b.cmpF(CmpFPred::Uno, x, y), b.make(Op::AddF, {x, y}), next);
}

// x * 2^n, rounded once.
Value* ldexp(Builder& b, Value* x, Value* n) {
  Type t = x->type, i = n->type, f64 = t.withElement(Elem::F64), i64 = t.withElement(Elem::I64);
  Value* y = widened(b, x);
  if (bitWidth(i) < 64) n = b.cast(Op::ExtSI, n, i64);
  auto least = [&](Value* a, int64_t c) { return b.make(Op::MinSI, {a, b.integer(i64, c)}); };
  auto most = [&](Value* a, int64_t c) { return b.make(Op::MaxSI, {a, b.integer(i64, c)}); };
  if (t.elem == Elem::F64) {
    // Two steps toward the range of one exponent; those down stop 53 bits short, so that only the last product rounds.
    n = most(least(n, 3000), -3000);
    for (int k = 0; k < 2; ++k) {
      Value *up = b.cmpI(CmpIPred::Sgt, n, b.integer(i64, 1023)), *down = b.cmpI(CmpIPred::Slt, n, b.integer(i64, -1022));
      Value* factor = b.select(up, b.floating(f64, 0x1p1023), b.select(down, b.floating(f64, 0x1p-969), b.floating(f64, 1)));
      Value* taken = b.select(up, b.integer(i64, 1023), b.select(down, b.integer(i64, -969), b.integer(i64, 0)));
      y = b.make(Op::MulF, {y, factor});
      n = b.make(Op::SubI, {n, taken});
    }
    n = most(least(n, 1023), -1022);
  } else {
    n = most(least(n, 400), -400);  // exact in f64
  }
  Value* power = b.cast(Op::Bitcast, b.make(Op::ShLI, {b.make(Op::AddI, {n, b.integer(i64, 1023)}), b.integer(i64, 52)}), f64);
  return narrowed(b, b.make(Op::MulF, {y, power}), t);
}

// The inverse of erf: a rough start, then steps of Halley's method on erf itself.
Value* erfinv(Builder& b, Value* x) {
  Type t = x->type;
  auto c = [&](double v) { return b.floating(t, v); };
  auto add = [&](Value* u, Value* v) { return b.make(Op::AddF, {u, v}); };
  auto sub = [&](Value* u, Value* v) { return b.make(Op::SubF, {u, v}); };
  auto mul = [&](Value* u, Value* v) { return b.make(Op::MulF, {u, v}); };
  auto div = [&](Value* u, Value* v) { return b.make(Op::DivF, {u, v}); };
  constexpr double kA = 0.147;
  Value* l = b.make(Op::Log1p, {b.make(Op::NegF, {mul(x, x)})});
  Value* s = add(c(2 / (std::numbers::pi * kA)), mul(l, c(0.5)));
  Value* root = b.make(Op::Sqrt, {sub(mul(s, s), div(l, c(kA)))});
  Value* y = b.make(Op::CopySign, {b.make(Op::Sqrt, {sub(root, s)}), x});
  Value* magnitude = b.make(Op::AbsF, {x});
  Value* isSmall = b.cmpF(CmpFPred::Olt, magnitude, c(0.5));
  for (int k = 0; k < 4; ++k) {
    // Near 1 the difference of erfs has no digits left; that of erfcs has.
    Value* tail = sub(sub(c(1), magnitude), b.make(Op::Erfc, {b.make(Op::AbsF, {y})}));
    Value* error = b.select(isSmall, sub(b.make(Op::Erf, {y}), x), b.make(Op::CopySign, {tail, mul(tail, x)}));
    Value* slope = mul(c(2 / std::sqrt(std::numbers::pi)), b.make(Op::Exp, {b.make(Op::NegF, {mul(y, y)})}));
    Value* step = div(error, slope);
    y = sub(y, div(step, add(c(1), mul(y, step))));
  }
  y = b.select(b.cmpF(CmpFPred::Oeq, x, c(0)), x, y);
  return b.select(b.cmpF(CmpFPred::Oeq, magnitude, c(1)), b.make(Op::CopySign, {c(kInf), x}), y);
}

// The logarithm of the magnitude of gamma, after Lanczos; below 1/2 by reflection.
Value* lgamma(Builder& b, Value* x) {
  Type t = x->type;
  auto c = [&](double v) { return b.floating(t, v); };
  auto add = [&](Value* u, Value* v) { return b.make(Op::AddF, {u, v}); };
  auto sub = [&](Value* u, Value* v) { return b.make(Op::SubF, {u, v}); };
  auto mul = [&](Value* u, Value* v) { return b.make(Op::MulF, {u, v}); };
  auto log = [&](Value* u) { return b.make(Op::Log, {u}); };
  constexpr double kTerms[] = {676.5203681218851,  -1259.1392167224028,  771.32342877765313,    -176.61502916214059,
                               12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7};
  Value* isLow = b.cmpF(CmpFPred::Olt, x, c(0.5));
  Value* z = sub(b.select(isLow, sub(c(1), x), x), c(1));
  Value* sum = c(0.99999999999980993);
  for (int k = 0; k < 8; ++k) sum = add(sum, b.make(Op::DivF, {c(kTerms[k]), add(z, c(k + 1))}));
  Value* base = add(z, c(7.5));
  Value* y = add(sub(mul(add(z, c(0.5)), log(base)), base), add(c(0.91893853320467274), log(sum)));
  // gamma(x) gamma(1 - x) = pi / sin(pi x)
  Value* fraction = sub(x, b.make(Op::Floor, {x}));
  Value* sine = b.make(Op::AbsF, {b.make(Op::Sin, {mul(fraction, c(std::numbers::pi))})});
  y = b.select(isLow, sub(sub(c(1.1447298858494002), log(sine)), y), y);
  return b.select(isInfinite(b, x), c(kInf), y);
}

Value* inF64(Builder& b, Value* x, Type result, Value* (*formula)(Builder&, Value*)) {
  return narrowed(b, formula(b, widened(b, x)), result);
}

}  // namespace

Result<> resolveExterns(Module& m, Diags& diags) {
  const Inst* refused = nullptr;
  Replacements replaced;
  Func& f = *m.kernel();
  rewriteEach(m, f.body, replaced, [&](Builder& b, Inst& inst) -> Value* {
    if (inst.op == Op::InlineAsm || inst.op == Op::AtomicPoll) refused = &inst;
    if (inst.op != Op::ExternElementwise) return nullptr;
    auto fn = resolveLibdevice(inst.text(Attr::Symbol));
    if (!fn || !interp::canEvaluate(inst)) {
      refused = &inst;
      return nullptr;
    }
    Type result = inst.result()->type;
    Value* x = inst.operand(0);
    Value* y = inst.operands.size() > 1 ? inst.operand(1) : nullptr;
    auto flag = [&](Value* bit) { return result.isBool() ? bit : b.cast(Op::ExtUI, bit, result); };
    Type bits = bitsOf(x->type);
    switch (fn->fn) {
      case LibFn::None:
        if (info(fn->op).sig == Sig::FloatTest) return flag(b.make(fn->op, {x}));
        return b.create(fn->op, inst.operands, {result})->result();
      case LibFn::IsNan: return flag(b.cmpF(CmpFPred::Uno, x, x));
      case LibFn::IsInf: return flag(isInfinite(b, x));
      case LibFn::IsFinite: return flag(b.cmpF(CmpFPred::Olt, b.make(Op::AbsF, {x}), b.floating(x->type, kInf)));
      case LibFn::SignBit: return flag(b.cmpI(CmpIPred::Slt, b.cast(Op::Bitcast, x, bits), b.integer(bits, 0)));
      case LibFn::Rcp: return b.make(Op::DivF, {b.floating(x->type, 1), x});
      case LibFn::Fdim: return b.select(b.cmpF(CmpFPred::Ole, x, y), b.floating(x->type, 0), b.make(Op::SubF, {x, y}));
      case LibFn::Ffs: {
        Value* none = b.cmpI(CmpIPred::Eq, x, b.integer(x->type, 0));
        Value* first = b.make(Op::AddI, {b.make(Op::CtTZ, {x}), b.integer(x->type, 1)});
        Value* v = b.select(none, b.integer(x->type, 0), first);
        return v->type == result ? v : b.cast(Op::TruncI, v, result);
      }
      case LibFn::Hypot: return hypot(b, x, y);
      case LibFn::NextAfter: return nextAfter(b, x, y);
      case LibFn::Ldexp: return ldexp(b, x, y);
      case LibFn::Erfinv: return inF64(b, x, result, erfinv);
      case LibFn::Lgamma: return inF64(b, x, result, lgamma);
    }
    return nullptr;
  });
  replaced.apply(f.body);
  if (!refused) return {};
  if (refused->op == Op::InlineAsm)
    return diags.error(Err::Unsupported, refused->loc)
        .says("inline assembly is text for a GPU and has no meaning here")
        .hint("write it with tl operations");
  if (refused->op == Op::AtomicPoll)
    return diags.error(Err::Unsupported, refused->loc)
        .says("atomic_poll waits for another program, and programs need not run at the same time here");
  return diags.error(Err::Unsupported, refused->loc)
      .says("the library function `", refused->text(Attr::Symbol), "` is not supported on this target");
}

}  // namespace nereid
