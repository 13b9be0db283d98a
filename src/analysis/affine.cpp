// SPDX-License-Identifier: MIT
#include "analysis/affine.h"

#include <algorithm>

#include "ir/bits.h"

namespace nereid {

namespace {

const Type kI64 = Type::scalar(Elem::I64);

bool isZero(const Affine& a) { return !a.base && a.constant == 0 && a.terms.empty(); }

}  // namespace

const Expr* AffineForms::node(Expr e) {
  Key key{e.leaf, e.map, e.op, Elem{e.type.elem}, int{e.type.pointerDepth}, e.number, e.operands};
  auto [at, isNew] = known_.emplace(std::move(key), nullptr);
  if (isNew) {
    e.isScalar = !(e.leaf && e.leaf->type.isTile());
    for (const Expr* operand : e.operands) e.isScalar &= operand->isScalar;
    at->second = &nodes_.emplace_back(std::move(e));
  }
  return at->second;
}

const Expr* AffineForms::make(Op op, std::vector<const Expr*> operands, Type type, int64_t predicate) {
  return node({.op = op, .type = type, .number = predicate, .operands = std::move(operands)});
}

const Expr* AffineForms::add(const Expr* x, const Expr* y) { return make(x->type.isPointer() ? Op::AddPtr : Op::AddI, {x, y}, x->type); }

const Expr* AffineForms::uniform(const Affine& a) {
  if (!a.base) return number(a.constant);
  return a.constant ? add(a.base, number(a.constant)) : a.base;
}

std::optional<Affine> AffineForms::of(const Value* v, const IndexMap& map, const Context& context) {
  context_ = &context;
  memo_.clear();
  return find(v, map);
}

std::optional<AffineForms::Interval> AffineForms::interval(const Value* v, const IndexMap& map, const Context& context) {
  context_ = &context;
  memo_.clear();
  return ends(v, map);
}

std::optional<Affine> AffineForms::find(const Value* v, const IndexMap& map) {
  const auto key = std::pair(v, map);
  if (auto it = memo_.find(key); it != memo_.end()) return it->second;
  auto a = compute(v, map);
  memo_.emplace(key, a);
  return a;
}

// A value that is the same for all elements is its own base.
std::optional<Affine> AffineForms::opaque(const Value* v, const IndexMap& map) {
  if (!context_->isBase(v, map)) return std::nullopt;
  Affine a;
  const Type element = v->type.element();
  a.base = node({.leaf = v, .map = map, .type = element});
  if (!element.isPointer() && element.elem != Elem::I64) a.base = make(Op::ExtSI, {a.base});
  return a;
}

// The uniform part as 32-bit arithmetic would give it.
std::optional<Affine> AffineForms::wrap(std::optional<Affine> a, Op extend) {
  if (!a || !a->base) return a;
  a->base = make(extend, {make(Op::TruncI, {uniform(*a)}, Type::scalar(Elem::I32))});
  a->constant = 0;
  return a;
}

std::optional<Affine> AffineForms::sum(Affine a, const Affine& b, int64_t sign) {
  a.constant += sign * b.constant;
  if (b.base) {
    if (!a.base)
      a.base = sign > 0 ? b.base : make(Op::SubI, {number(0), b.base});
    else
      a.base = sign > 0 ? add(a.base, b.base) : make(Op::SubI, {a.base, b.base});
  }
  for (const Affine::Term& t : b.terms) {
    auto same = std::find_if(a.terms.begin(), a.terms.end(), [&](const Affine::Term& s) { return s.axis == t.axis; });
    if (same == a.terms.end()) {
      a.terms.push_back({t.axis, t.factor * sign, t.scale});
    } else if (!same->scale && !t.scale) {
      same->factor += t.factor * sign;
    } else {
      auto whole = [&](const Affine::Term& x) { return x.scale ? times(x.scale, x.factor) : number(x.factor); };
      same->scale = make(sign > 0 ? Op::AddI : Op::SubI, {whole(*same), whole(t)});
      same->factor = 1;
    }
  }
  std::erase_if(a.terms, [](const Affine::Term& t) { return t.factor == 0; });
  return a;
}

std::optional<Affine> AffineForms::product(const Inst& inst, std::optional<Affine> a, std::optional<Affine> b) {
  if (!a || !b) return std::nullopt;
  if (inst.op == Op::ShLI) {
    if (b->base || !b->terms.empty() || b->constant < 0 || b->constant > 30) return std::nullopt;
    b->constant = int64_t{1} << b->constant;
  }
  if (!b->terms.empty()) std::swap(a, b);
  if (!b->terms.empty()) return std::nullopt;
  Affine out;
  if (isZero(*a) || isZero(*b)) return out;
  if (!b->base) {
    out = *a;
    out.constant *= b->constant;
    if (out.base) out.base = times(out.base, b->constant);
    for (Affine::Term& t : out.terms) t.factor *= b->constant;
    return out;
  }
  const Expr* factor = uniform(*b);
  if (a->base || a->constant) out.base = make(Op::MulI, {uniform(*a), factor});
  for (const Affine::Term& t : a->terms) out.terms.push_back({t.axis, t.factor, t.scale ? make(Op::MulI, {t.scale, factor}) : factor});
  return out;
}

// `(start + i) % n` is `start % n + i` where that stays below n on the whole tile: assumed.
std::optional<Affine> AffineForms::remainder(std::optional<Affine> a, const std::optional<Affine>& n) {
  if (!context_->assumptions || !a || !n || a->terms.empty() || !n->terms.empty()) return std::nullopt;
  int64_t reach = 0;
  for (const Affine::Term& t : a->terms) {
    if (t.scale || t.factor < 0) return std::nullopt;
    reach += t.factor * (context_->sizeOf(t.axis) - 1);
  }
  const Expr *start = uniform(*a), *size = uniform(*n);
  if (!start->isScalar || !size->isScalar) return std::nullopt;
  const Expr* rest = make(Op::RemSI, {start, size});
  auto compare = [&](CmpIPred predicate, const Expr* x, const Expr* y) {
    context_->assumptions->push_back(make(Op::CmpI, {x, y}, Type::scalar(Elem::I1), static_cast<int64_t>(predicate)));
  };
  compare(CmpIPred::Sge, start, number(0));
  compare(CmpIPred::Slt, add(rest, number(reach)), size);
  a->base = rest;
  a->constant = 0;
  return a;
}

std::optional<Affine> AffineForms::compute(const Value* v, const IndexMap& map) {
  const bool isPointer = v->type.isPointer();
  if (!isPointer && (!v->type.isInt() || bitWidth(v->type) == 1)) return std::nullopt;
  auto constant = [](int64_t n) {
    Affine a;
    a.constant = n;
    return a;
  };
  const auto known = isPointer ? std::nullopt : constantInt(v);
  if (!v->type.isTile()) return known ? constant(*known) : opaque(v, map);
  if (context_->inMemory(v) || !v->def) return opaque(v, map);
  const Inst& inst = *v->def;
  auto of = [&](size_t i) {
    auto m = operandMap(inst, i, map, v->index);
    return find(inst.operand(i), m ? *m : IndexMap{});
  };
  // Distinct axes matter to bounds, so what is the same for all elements is seen through too, if possible. Sums and products of narrow
  // integers wrap.
  std::optional<Affine> out;
  const bool isNarrow = !isPointer && bitWidth(v->type) < 32;
  switch (inst.op) {
    case Op::Splat: return find(inst.operand(0), {});
    case Op::Constant:
      if (known) out = constant(*known);
      break;
    case Op::MakeRange:
      out = constant(inst.integer(Attr::Start));
      for (size_t i = 0; i < map.size(); ++i) {
        if (map[i].axis == IndexBit::kOne) out->constant += int64_t{1} << i;
        if (!map[i].isConstant() && map[i].bit == 0) out->terms.push_back({map[i].axis, int64_t{1} << i});  // the axis's bits are in a row
      }
      return out;
    case Op::ExpandDims:
    case Op::Reshape:
    case Op::Broadcast:
    case Op::Trans:
    case Op::Split: return of(0);
    case Op::Bitcast:
      if (!isPointer || byteSize(v->type.pointee()) != byteSize(inst.operand(0)->type.pointee())) break;
      out = of(0);
      if (out && out->base) out->base = make(Op::Bitcast, {out->base}, v->type.element());
      return out;
    case Op::ExtSI:
    case Op::IndexCast:
      if (bitWidth(inst.operand(0)->type) == 32) return wrap(of(0), Op::ExtSI);
      break;
    case Op::ExtUI:
      if (bitWidth(inst.operand(0)->type) == 32) return wrap(of(0), Op::ExtUI);
      break;
    case Op::AddI:
    case Op::SubI:
    case Op::AddPtr: {
      if (isNarrow) break;
      auto a = of(0), b = of(1);
      if (!a || !b) break;
      if (inst.op == Op::AddPtr && bitWidth(inst.operand(1)->type) == 32) b = wrap(b, Op::ExtSI);
      return sum(*a, *b, inst.op == Op::SubI ? -1 : 1);
    }
    case Op::MulI:
    case Op::ShLI:
      if (!isNarrow) out = product(inst, of(0), of(1));
      break;
    case Op::RemSI:
      if (!isNarrow) out = remainder(of(0), of(1));
      break;
    default: break;
  }
  return out ? out : opaque(v, map);
}

std::optional<AffineForms::Interval> AffineForms::ends(const Value* v, const IndexMap& map) {
  if (auto a = find(v, map)) {
    const Expr* base = a->base ? a->base : number(0);
    Interval out{base, base};
    int64_t least = a->constant, most = a->constant;
    for (const Affine::Term& t : a->terms) {
      const int64_t reach = t.factor * (context_->sizeOf(t.axis) - 1);
      if (!t.scale) {
        (reach < 0 ? least : most) += reach;
        continue;
      }
      const Expr* whole = times(t.scale, reach);
      out.first = add(out.first, make(Op::MinSI, {whole, number(0)}));
      out.second = add(out.second, make(Op::MaxSI, {whole, number(0)}));
    }
    if (least) out.first = add(out.first, number(least));
    if (most) out.second = add(out.second, number(most));
    return out;
  }
  if (!v->def || !v->type.isTile() || context_->inMemory(v)) return std::nullopt;
  const Inst& inst = *v->def;
  auto of = [&](size_t i) {
    auto m = operandMap(inst, i, map, v->index);
    return ends(inst.operand(i), m ? *m : IndexMap{});
  };
  switch (inst.op) {
    case Op::ExpandDims:
    case Op::Broadcast:
    case Op::ExtSI: return of(0);
    case Op::AddI:
    case Op::AddPtr: {
      if (v->type.isInt() && bitWidth(v->type) < 32) return std::nullopt;
      auto x = of(0), y = of(1);
      if (!x || !y) return std::nullopt;
      return Interval{add(x->first, y->first), add(x->second, y->second)};
    }
    case Op::RemSI: {
      // Below the divisor's magnitude.
      auto n = of(1);
      if (!n) return std::nullopt;
      const Expr* size = make(Op::MaxSI, {n->second, make(Op::SubI, {number(0), n->first})});
      const Expr* most = make(Op::SubI, {make(Op::MaxSI, {size, number(1)}), number(1)});
      return Interval{isNonNegative(inst.operand(0)) ? number(0) : make(Op::SubI, {number(0), most}), most};
    }
    default: return std::nullopt;
  }
}

}  // namespace nereid
