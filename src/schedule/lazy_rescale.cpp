// SPDX-License-Identifier: MIT
// Scales accumulators by a running maximum only where it has grown much, as FlashAttention-4 does.
//
//   for (m, l, acc)                                    for (m, l, acc, t)
//     new = max(m, x)                                    new = max(m, x); t' = max(t, x)
//     p = exp2(s - new)                                  grows = any(m - new < -8)
//     scale = exp2(m - new)                      =>      kept = grows ? new : m
//     l' = l * scale + sum(p)                            ... the same with `kept` for `new`, but
//     acc' = dot(p, v, acc * scale)                      acc' = dot(p, v, grows ? acc * scale : acc)
//     yield new, l', acc'                                yield kept, l', acc', t'
//                                                      acc, l *= exp2(m - t)
//
// Which number is subtracted in all exponents does not matter, as long as they do not overflow: every value of the loop is in proportion to
// a power of it. Accumulators in the fragments of subgroup matrices cannot be scaled there, and moving them out and back in each iteration
// takes longer than the dot. The result is rounded differently.
#include "schedule/lazy_rescale.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "analysis/combine.h"
#include "ir/bits.h"
#include "ir/builder.h"
#include "support/function_ref.h"
#include "support/ptr_map.h"

namespace nereid {

namespace {

// How a value of the loop depends on the old and the new maximum of its row.
struct Weight {
  enum Kind : uint8_t {
    Free,         // not at all
    Linear,       // it is something plus fresh * new + old * before
    Exponential,  // it is something times exp(fresh * new + old * before)
    Unknown
  } kind = Free;
  double fresh = 0, old = 0;
  const Value* factor = nullptr;  // of both, a scalar; null: 1
  int row = 0;                    // the dimension that counts rows
  bool operator==(const Weight&) const = default;
};

class Rescaling {
 public:
  Rescaling(Func& f, Module& m, const Machine& machine, Inst& loop)
      : f_(f), m_(m), machine_(machine), loop_(loop), body_(loop.regions[0]->entry()) {}

  bool run() {
    for (slot_ = 0; slot_ < loop_.results.size(); ++slot_)
      if (findMaximum() && findScale() && findAccumulators()) {
        rewrite();
        return true;
      }
    return false;
  }

 private:
  bool findMaximum() {
    before_ = body_.args[1 + slot_];
    next_ = body_.terminator()->operand(slot_);
    const Type& t = before_->type;
    const Inst* def = next_->def;
    if (!t.isTile() || t.rank != 1 || t.elem != Elem::F32 || !def || def->parent != &body_) return false;
    if (def->op != Op::MaxNumF && def->op != Op::MaximumF) return false;
    return def->operand(0) == before_ || def->operand(1) == before_;
  }

  // The exponential of the difference of the maxima.
  bool findScale() {
    weights_.clear();
    scaled_.clear();
    unit_ = nullptr;
    scale_ = nullptr;
    for (Inst* inst : body_.insts) {
      if (inst->op != Op::Exp && inst->op != Op::Exp2) continue;
      const Weight w = of(inst->operand(0));
      if (w.kind == Weight::Linear && w.fresh < 0 && w.old == -w.fresh) scale_ = inst;
    }
    if (!scale_) return false;
    // What it is computed from, but for the maxima, must be there when the new one is.
    std::set<const Inst*> needed;
    std::vector<const Value*> next{scale_->operand(0)};
    while (!next.empty()) {
      const Value* v = next.back();
      next.pop_back();
      if (v == next_ || v == before_) continue;
      const bool depends = of(v).kind == Weight::Linear || isTest(v);
      if (!depends && of(v).kind == Weight::Free && isInside(v) && !constantBits(v)) return false;
      // It must be 1 where the maximum stays the same.
      if (depends && isShifted(*v->def)) return false;
      if (depends && needed.insert(v->def).second) next.insert(next.end(), v->def->operands.begin(), v->def->operands.end());
    }
    chain_.clear();
    for (Inst* inst : body_.insts)
      if (needed.count(inst)) chain_.push_back(inst);
    return true;
  }

  // All carried values that are in proportion to a power of the maximum; those that dots add to are scaled rarely.
  bool findAccumulators() {
    const Weight scale = of(scale_->operand(0));
    for (bool changed = true; changed;) {
      changed = false;
      weights_.clear();
      for (size_t i = 0; i < loop_.results.size() && !changed; ++i) {
        const Value* arg = body_.args[1 + i];
        if (i == slot_ || scaled_.count(arg) || !arg->type.isTile() || arg->type.elem != Elem::F32) continue;
        if (of(body_.terminator()->operand(i)).kind == Weight::Free) continue;
        scaled_[arg] = {Weight::Exponential, 0, scale.fresh, scale.factor, rowsOf(arg)};
        changed = true;
      }
    }
    for (size_t i = 0; i < loop_.results.size(); ++i) {
      if (i == slot_) continue;
      Weight wanted;
      if (auto at = scaled_.find(body_.args[1 + i]); at != scaled_.end())
        wanted = {Weight::Exponential, scale.fresh, 0, scale.factor, at->second.row};
      if (!(of(body_.terminator()->operand(i)) == wanted)) return false;
    }
    if (of(otherOf(*next_->def, before_)).kind != Weight::Free) return false;
    for (const Inst* inst : body_.insts) {
      if (inst == body_.terminator() || inst == next_->def) continue;
      const bool combines = info(inst->op).effects == Effects::Pure || inst->op == Op::Reduce || inst->op == Op::Dot;
      const Weight w = compute(*inst);
      if (w.kind == Weight::Unknown || (w.kind != Weight::Free && !combines)) return false;
    }
    PtrMap<const Value*, std::vector<Inst*>> uses;
    walk(f_.body, [&](Inst& inst) {
      for (const Value* v : inst.operands) uses[v].push_back(&inst);
    });
    products_.clear();
    for (auto& [arg, w] : scaled_) {
      if (arg->type.rank != 2 || arg->type.elem != Elem::F32 || uses[arg].size() != 1) continue;
      Inst* product = uses[arg][0];
      if (product->op != Op::MulF || product->parent != &body_ || uses[product->result()].size() != 1) continue;
      const Value* factor = otherOf(*product, arg);
      while (factor->def && (factor->def->op == Op::Broadcast || factor->def->op == Op::ExpandDims)) factor = factor->def->operand(0);
      if (factor != scale_->result()) continue;
      const Inst* dot = uses[product->result()][0];
      if (dot->op == Op::Dot && dot->operand(2) == product->result()) products_.push_back(product);
    }
    return !products_.empty();
  }

  // The dimension along which a carried value is scaled.
  int rowsOf(const Value* arg) {
    for (const Inst* inst : body_.insts)
      if (inst->op == Op::MulF && (inst->operand(0) == arg || inst->operand(1) == arg))
        if (const Weight w = of(otherOf(*inst, arg)); w.kind == Weight::Exponential) return w.row;
    return 0;
  }
  // Whether something that is not in proportion to the maxima is added to them.
  bool isShifted(const Inst& inst) {
    if (inst.op != Op::AddF && inst.op != Op::SubF) return false;
    return of(inst.operand(0)).kind == Weight::Free || of(inst.operand(1)).kind == Weight::Free;
  }
  static const Value* otherOf(const Inst& inst, const Value* v) { return inst.operand(inst.operand(0) == v ? 1 : 0); }
  // Whether a value is of a region of `inst`.
  static bool isInside(const Value* v, const Inst& inst) {
    for (const Block* block = v->def ? v->def->parent : v->block; block->parent->parent; block = block->parent->parent->parent)
      if (block->parent->parent == &inst) return true;
    return false;
  }
  bool isInside(const Value* v) const { return isInside(v, loop_); }

  Weight of(const Value* v) {
    if (v == next_) return {Weight::Linear, 1, 0};
    if (v == before_) return {Weight::Linear, 0, 1};
    if (auto at = scaled_.find(v); at != scaled_.end()) return at->second;
    if (!v->def || !isInside(v)) return {};
    if (auto at = weights_.find(v); at != weights_.end()) return at->second;
    const Weight w = compute(*v->def);
    weights_[v] = w;
    return w;
  }

  static Weight unknown() { return {Weight::Unknown}; }
  static bool isZero(const Value* v) { return constantBits(v) == uint64_t{0}; }
  // Whether all of a row was masked so far: then `grows` is true of any scale, and the new maximum is kept.
  bool isTest(const Value* v) const {
    if (!v->def || v->def->op != Op::CmpF || v->def->operand(0) != next_) return false;
    return v->def->integer(Attr::Predicate) == static_cast<int64_t>(CmpFPred::Oeq) &&
           constantBits(v->def->operand(1)) == encodeFloat(Elem::F32, -std::numeric_limits<double>::infinity());
  }

  // Narrow floats have room for a factor of 2^Machine::maxGrowth if they are probabilities, which only masks and dots read, but not if they
  // are sums or multiples of those.
  static bool hasRoom(const Inst& i, const Type& t) {
    if (t.elem == Elem::F32 || t.elem == Elem::BF16) return true;
    if (i.op == Op::TruncF) return bitWidth(t) == 16 && isProbability(i.operand(0));
    return i.op == Op::Select || i.op == Op::ExpandDims || i.op == Op::Broadcast;
  }
  static bool isProbability(const Value* v) {
    if (!v->def) return false;
    switch (v->def->op) {
      case Op::Exp:
      case Op::Exp2: return v->def->operand(0)->type.elem == Elem::F32;
      case Op::Select: return isProbability(v->def->operand(isZero(v->def->operand(1)) ? 2 : 1));
      case Op::ExpandDims:
      case Op::Broadcast: return isProbability(v->def->operand(0));
      default: return false;
    }
  }

  Weight compute(const Inst& i) {
    const Weight w = combine(i);
    return w.kind == Weight::Exponential && !hasRoom(i, i.result()->type) ? unknown() : w;
  }
  Weight combine(const Inst& i) {
    bool isFree = true;
    for (const Value* v : i.operands) isFree &= of(v).kind == Weight::Free;
    for (auto& r : i.regions)
      walk(*r, [&](const Inst& inside) {
        for (const Value* v : inside.operands) isFree &= isInside(v, i) || of(v).kind == Weight::Free;
      });
    if (isFree || (i.results.size() == 1 && isTest(i.results[0]))) return {};
    auto in = [&](size_t k) { return of(i.operand(k)); };
    switch (i.op) {
      case Op::AddF: return sum(i.operand(0), i.operand(1), 1);
      case Op::SubF: return sum(i.operand(0), i.operand(1), -1);
      case Op::MulF: return product(i.operand(0), i.operand(1));
      case Op::DivF: return in(0).kind == Weight::Exponential && in(1).kind == Weight::Free ? in(0) : unknown();
      case Op::NegF: {
        const Weight w = in(0);
        return w.kind == Weight::Linear ? Weight{Weight::Linear, -w.fresh, -w.old, w.factor, w.row} : w;
      }
      case Op::Exp:
      case Op::Exp2: return exponential(i);
      case Op::ExtF:
      case Op::TruncF: return in(0).kind == Weight::Exponential ? in(0) : unknown();
      case Op::ExpandDims: {
        Weight w = in(0);
        if (i.integer(Attr::Axis) <= w.row) ++w.row;
        return w;
      }
      case Op::Broadcast: return in(0);
      case Op::Select: {
        // Masked elements are 0.
        if (in(0).kind != Weight::Free) return unknown();
        if (isZero(i.operand(2)) && in(1).kind == Weight::Exponential) return in(1);
        if (isZero(i.operand(1)) && in(2).kind == Weight::Exponential) return in(2);
        if (isTest(i.operand(0)) && isZero(i.operand(1)) && i.operand(2) == next_) return in(2);
        return in(1) == in(2) ? in(1) : unknown();
      }
      case Op::Reduce: {
        const auto combine = i.operands.size() == 1 ? combineOf(i) : std::nullopt;
        const auto axis = static_cast<int>(i.integer(Attr::Axis));
        Weight w = in(0);
        if (!combine || combine->op != Op::AddF || w.kind != Weight::Exponential || axis == w.row) return unknown();
        if (axis < w.row) --w.row;
        return w;
      }
      case Op::Dot: {
        // One factor of a product per row of the result, or per column.
        if (i.results[0]->type.rank != 2) return unknown();
        Weight w = in(0).kind == Weight::Free ? in(1) : in(0);
        const bool isLeft = in(0).kind != Weight::Free;
        if (w.kind == Weight::Unknown || (isLeft && in(1).kind != Weight::Free)) return unknown();
        if (w.kind == Weight::Free) return unknown();
        if (w.kind != Weight::Exponential || w.row != (isLeft ? 0 : 1)) return unknown();
        return isZero(i.operand(2)) || in(2) == w ? w : unknown();
      }
      default: return unknown();
    }
  }

  Weight sum(const Value* a, const Value* b, double sign) {
    Weight x = of(a), y = of(b);
    if (x.kind == Weight::Unknown || y.kind == Weight::Unknown) return unknown();
    if (x.kind == Weight::Exponential || y.kind == Weight::Exponential) {
      if (isZero(a)) return y;
      if (isZero(b) || x == y) return x;
      return unknown();
    }
    const bool areLinear = x.kind == Weight::Linear && y.kind == Weight::Linear;
    if (areLinear && (x.row != y.row || x.factor != y.factor)) return unknown();
    const Weight& known = x.kind == Weight::Linear ? x : y;
    return {Weight::Linear, x.fresh + sign * y.fresh, x.old + sign * y.old, known.factor, known.row};
  }

  Weight product(const Value* a, const Value* b) {
    Weight x = of(a), y = of(b);
    if (x.kind == Weight::Unknown || y.kind == Weight::Unknown) return unknown();
    if (x.kind == Weight::Free) {
      std::swap(x, y);
      std::swap(a, b);
    }
    if (x.kind == Weight::Linear) {
      // A scaled maximum, by the same number everywhere.
      if (y.kind != Weight::Free) return unknown();
      if (const auto bits = constantBits(b); bits && b->type.elem == Elem::F32) {
        const double factor = decodeFloat(Elem::F32, *bits);
        return {Weight::Linear, x.fresh * factor, x.old * factor, x.factor, x.row};
      }
      while (b->def && (b->def->op == Op::Broadcast || b->def->op == Op::ExpandDims)) b = b->def->operand(0);
      if (x.factor || !b->def || b->def->op != Op::Splat) return unknown();
      return {Weight::Linear, x.fresh, x.old, b->def->operand(0), x.row};
    }
    if (y.kind == Weight::Free) return x;
    if (y.kind != Weight::Exponential || x.row != y.row || x.factor != y.factor) return unknown();
    return {Weight::Exponential, x.fresh + y.fresh, x.old + y.old, x.factor, x.row};
  }

  Weight exponential(const Inst& i) {
    Weight w = of(i.operand(0));
    if (w.kind != Weight::Linear || (unit_ && unit_->op != i.op)) return unknown();
    unit_ = &i;
    w.kind = Weight::Exponential;
    return w;
  }

  void insertAfter(Block& block, const Inst* at, FunctionRef<void(Builder&)> make) {
    auto place = std::find(block.insts.begin(), block.insts.end(), at) + 1;
    std::vector<Inst*> rest(place, block.insts.end());
    block.insts.erase(place, block.insts.end());
    Builder b(m_, &block, at->loc);
    make(b);
    block.insts.insert(block.insts.end(), rest.begin(), rest.end());
  }
  static Value* scaledBy(Builder& b, Value* v, Value* scale, int row) {
    for (int d = 0; d < v->type.rank; ++d)
      if (d != row) scale = b.expandDims(scale, d);
    return b.make(Op::MulF, {v, v->type.rank > 1 ? b.broadcast(scale, v->type.shape()) : scale});
  }
  // The exponent of the scale, with other values for the maxima.
  Value* exponent(Builder& b, ValueMap map) {
    for (const Inst* inst : chain_) {
      Inst* copy = clone(m_, *inst, map);
      copy->parent = b.block();
      b.block()->insts.push_back(copy);
    }
    return map.at(scale_->operand(0));
  }

  Value* any(Builder& b, Value* conditions) {
    const Type i32 = Type::scalar(Elem::I32);
    Inst* reduce =
        b.create(Op::Reduce, {b.cast(Op::ExtUI, conditions, conditions->type.withElement(Elem::I32))}, {i32}, {{Attr::Axis, int64_t{0}}});
    auto& region = reduce->regions.emplace_back(std::make_unique<Region>());
    region->parent = reduce;
    Block* block = m_.newBlock(*region);
    Value *x = m_.addArg(*block, i32), *y = m_.addArg(*block, i32);
    Builder inside(m_, block, b.loc());
    inside.create(Op::ReduceReturn, {inside.make(Op::MaxSI, {x, y})}, {});
    return b.cmpI(CmpIPred::Ne, reduce->result(), b.i32(0));
  }

  void rewrite() {
    Value* init = loop_.operand(3 + slot_);
    Value *result = loop_.results[slot_], *grows = nullptr, *kept = nullptr, *yielded = nullptr;
    std::vector<Inst*> source = body_.insts;
    Replacements scaled;
    // The true maximum.
    const Type type = before_->type;
    Value* highest = m_.addArg(body_, type);
    Value* highestResult = m_.addResult(loop_, type);
    loop_.operands.push_back(init);
    insertAfter(body_, next_->def, [&](Builder& b) {
      const double limit = machine_.maxGrowth * (scale_->op == Op::Exp2 ? 1 : std::log(2.0));
      Value* change = exponent(b, {});
      // A factor may be negative.
      if (of(scale_->operand(0)).factor) change = b.make(Op::NegF, {b.make(Op::AbsF, {change})});
      grows = any(b, b.cmpF(CmpFPred::Ult, change, b.floating(type, -limit)));
      kept = b.select(grows, next_, before_);
      Value* part = next_->def->operands[next_->def->operand(0) == before_ ? 1 : 0];
      yielded = b.make(next_->def->op, {highest, part});
      // Accumulators are scaled at once, while little else is in shared memory.
      ValueMap map;
      map[next_] = kept;
      Value* scale = b.make(scale_->op, {exponent(b, std::move(map))});
      for (Inst* product : products_) {
        Value* sums = product->operands[scaled_.count(product->operand(0)) ? 0 : 1];
        scaled.add(product->result(), b.select(grows, scaledBy(b, sums, scale, scaled_.at(sums).row), sums));
      }
    });
    source.back()->operands.push_back(yielded);
    scaled.add(next_, kept);
    std::erase(source, next_->def);
    replaceIn(source, scaled);
    // Behind the loop, all is in proportion to the true maximum.
    Block& outer = *loop_.parent;
    std::vector<std::pair<Value*, Value*>> finals{{result, highestResult}};
    std::vector<Inst*> behind(std::find(outer.insts.begin(), outer.insts.end(), &loop_) + 1, outer.insts.end());
    insertAfter(outer, &loop_, [&](Builder& b) {
      ValueMap map;
      map[before_] = result;
      map[kept] = highestResult;
      Value* scale = b.make(scale_->op, {exponent(b, std::move(map))});
      // Both may be infinite.
      scale = b.select(b.cmpF(CmpFPred::Oeq, result, highestResult), b.floating(type, 1), scale);
      for (size_t i = 0; i + 1 < loop_.results.size(); ++i) {
        auto at = scaled_.find(body_.args[1 + i]);
        if (at == scaled_.end()) continue;
        Value* v = loop_.results[i];
        finals.emplace_back(v, scaledBy(b, v, scale, at->second.row));
      }
    });
    Replacements replaced;
    for (auto [from, to] : finals) replaced.add(from, to);
    replaceIn(behind, replaced);
  }
  static void replaceIn(const std::vector<Inst*>& insts, const Replacements& replaced) {
    for (Inst* inst : insts) {
      for (Value*& v : inst->operands) v = replaced(v);
      for (auto& r : inst->regions)
        for (Block* block : r->blocks) replaceIn(block->insts, replaced);
    }
  }

  Func& f_;
  Module& m_;
  const Machine& machine_;
  Inst& loop_;
  Block& body_;
  size_t slot_ = 0;
  Value *before_ = nullptr, *next_ = nullptr;  // the old maximum, the new one
  Inst* scale_ = nullptr;
  std::vector<Inst*> chain_;                       // that its exponent is computed by
  const Inst* unit_ = nullptr;                     // an exponential: all have its base
  PtrMap<const Value*, Weight> weights_, scaled_;  // the latter: carried values
  std::vector<Inst*> products_;                    // accumulators and the scale
};

}  // namespace

const Value* rescaledSums(const Value* v) {
  const Inst* select = v->def;
  if (!select || select->op != Op::Select || select->operand(0)->type.isTile()) return nullptr;
  const Value* sums = select->operand(2);
  const Inst* product = select->operand(1)->def;
  return product && product->op == Op::MulF && (product->operand(0) == sums || product->operand(1) == sums) ? sums : nullptr;
}

bool lazyRescale(Func& f, Module& m, const Machine& machine) {
  std::vector<Inst*> loops;
  walk(f.body, [&](Inst& inst) {
    if (inst.op == Op::For) loops.push_back(&inst);
  });
  bool changed = false;
  for (Inst* loop : loops) changed |= Rescaling(f, m, machine, *loop).run();
  return changed;
}

}  // namespace nereid
