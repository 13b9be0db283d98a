// SPDX-License-Identifier: MIT
// Two facts make a 64-bit integer narrow. Either its range fits 32 bits; then its sign-extended low half is the value. Or nothing reads its
// high half: the offset of an address is such a value, and so are the operands of sums and products that become one. An operation is
// computed in 32 bits if its low half depends on the low halves of its operands alone, or if all of its numbers fit.
#include "lower/narrow_integers.h"

#include <algorithm>
#include <map>
#include <set>

#include "analysis/ranges.h"
#include "ir/after_pass.h"
#include "ir/bits.h"
#include "ir/builder.h"
#include "passes/passes.h"
#include "support/ptr_map.h"

namespace nereid {

namespace {

constexpr int kNarrow = 32;  // bits

bool isLong(const Type& t) { return !t.isPointer() && t.isInt() && bitWidth(t) > kNarrow; }

Type narrowed(Type t) {
  t.elem = Elem::I32;
  return t;
}

class Narrower {
 public:
  Narrower(Func& f, Module& m) : f_(f), m_(m) {}

  void run() {
    findRanges();
    for (bool changed = true; changed;) {
      const size_t before = wide_.size();
      walk(f_.body, [&](const Inst& i) { findWide(i); });
      changed = wide_.size() != before;
    }
    narrowCarried();
    region(f_.body);
  }

 private:
  // ---- what is narrow

  bool fits(const Value* v) const { return fits_.count(v) > 0; }
  bool isNatural(const Value* v) const { return natural_.count(v) > 0; }

  void findRanges() {
    Ranges ranges;
    auto find = [&](const Value* v) {
      if (!v->type.isScalar() || !isLong(v->type)) return;
      const Range r = ranges.of(v);
      if (r.fits32()) fits_.insert(v);
      if (r.fits32() && r.low >= 0) natural_.insert(v);
    };
    walk(f_.body, [&](const Inst& i) {
      for (const Value* v : i.results) find(v);
      for (auto& r : i.regions)
        for (const Block* block : r->blocks)
          for (const Value* v : block->args) find(v);
    });
  }

  // Whether the low half of its result is what the operation makes of the low halves.
  static bool isByLowHalves(const Inst& i) {
    switch (i.op) {
      case Op::AddI:
      case Op::SubI:
      case Op::MulI:
      case Op::AndI:
      case Op::OrI:
      case Op::XOrI:
      case Op::Select:
      case Op::LoSplat:
      case Op::LoIota:
      case Op::LoExtract:
      case Op::LoShuffle:
      case Op::LoInsert: return true;
      case Op::ShLI: return isShortShift(i);
      default: return false;
    }
  }

  static bool isShortShift(const Inst& i) {
    auto by = constantBits(i.operand(1));
    return by && *by < kNarrow;
  }

  // Whether numbers that fit can be computed, compared or converted in 32 bits. As unsigned numbers of 64 bits, those that fit with their
  // signs are in the order of those of 32.
  bool isOfFitting(const Inst& i) const {
    if (!std::all_of(i.operands.begin(), i.operands.end(), [&](const Value* v) { return fits(v); })) return false;
    switch (i.op) {
      case Op::MinSI:
      case Op::MaxSI:
      case Op::MinUI:
      case Op::MaxUI:
      case Op::CmpI:
      case Op::SIToFP: return true;
      case Op::AbsI:
      case Op::DivSI:
      case Op::RemSI: return fits(i.result());
      case Op::ShRSI: return isShortShift(i);
      case Op::ShRUI: return isShortShift(i) && isNatural(i.operand(0));
      case Op::DivUI:
      case Op::RemUI: return isNatural(i.operand(0)) && isNatural(i.operand(1));
      case Op::UIToFP: return isNatural(i.operand(0));
      default: return false;
    }
  }

  // Whether the operation reads the low halves of its 64-bit operands alone.
  bool isNarrow(const Inst& i) const {
    if (isByLowHalves(i)) return isLong(i.result()->type) && (!wide_.count(i.result()) || fits(i.result()));
    switch (i.op) {
      case Op::AddPtr:
      case Op::LoPrivate:
      case Op::TruncI: return true;
      case Op::ExtSI:
      case Op::ExtUI:
      case Op::IndexCast:
      case Op::IndexCastUI: return !wide_.count(i.result()) || fits(i.result());
      case Op::For: return isCountedNarrow(i);
      default: return isOfFitting(i);
    }
  }

  // Whether the loop's counter fits, with its bounds. A step past the end may wrap, as it may in a loop of 32-bit integers.
  bool isCountedNarrow(const Inst& loop) const {
    return isLong(loop.regions[0]->entry().args[0]->type) && fits(loop.operand(0)) && fits(loop.operand(1)) && isNatural(loop.operand(2));
  }

  // ---- whose high halves matter

  void mark(const Value* v) {
    if (isLong(v->type)) wide_.insert(v);
  }
  // What flows into a wide value is wide.
  void follow(const std::vector<Value*>& from, size_t skip, const std::vector<Value*>& to, size_t skipTo) {
    for (size_t k = 0; skip + k < from.size() && skipTo + k < to.size(); ++k)
      if (wide_.count(to[skipTo + k])) mark(from[skip + k]);
  }
  // The arguments and results of a loop are wide together.
  void same(const std::vector<Value*>& a, size_t skip, const std::vector<Value*>& b, size_t skipB) {
    follow(a, skip, b, skipB);
    follow(b, skipB, a, skip);
  }

  void findWide(const Inst& i) {
    switch (i.op) {
      case Op::Yield:
      case Op::Condition: return;
      case Op::For: {
        const Block& body = i.regions[0]->entry();
        if (!isCountedNarrow(i))
          for (Value* v : {i.operand(0), i.operand(1), i.operand(2), body.args[0]}) mark(v);
        same(i.results, 0, body.args, 1);
        follow(i.operands, 3, i.results, 0);
        follow(body.terminator()->operands, 0, i.results, 0);
        return;
      }
      case Op::If:
        for (auto& r : i.regions)
          if (!r->empty() && r->entry().terminator()) follow(r->entry().terminator()->operands, 0, i.results, 0);
        return;
      case Op::While: {
        const Block &test = i.regions[0]->entry(), &body = i.regions[1]->entry();
        follow(i.operands, 0, test.args, 0);
        follow(body.terminator()->operands, 0, test.args, 0);
        same(i.results, 0, body.args, 0);
        follow(test.terminator()->operands, 1, i.results, 0);
        return;
      }
      default:
        if (isNarrow(i)) return;
        for (const Value* v : i.operands) mark(v);
        if (!isByLowHalves(i))
          for (const Value* v : i.results) mark(v);
    }
  }

  // ---- rewriting

  // Values that control flow assigns change their types in place.
  void narrowCarried() {
    auto narrow = [&](const std::vector<Value*>& values, size_t skip = 0) {
      for (size_t k = skip; k < values.size(); ++k)
        if (isLong(values[k]->type) && !wide_.count(values[k])) carry(values[k]);
    };
    walk(f_.body, [&](const Inst& i) {
      if (i.op != Op::For && i.op != Op::If && i.op != Op::While) return;
      narrow(i.results);
      if (i.op == Op::If) return;
      for (auto& r : i.regions) narrow(r->entry().args, i.op == Op::For ? 1 : 0);
      if (i.op == Op::For && isCountedNarrow(i)) carry(i.regions[0]->entry().args[0]);
    });
  }

  void carry(Value* v) {
    carried_[v] = v->type;
    v->type = narrowed(v->type);
  }

  static Value* convert(Builder& b, Value* v, Type to) {
    const Type& from = v->type;
    const bool isIndex = from.elem == Elem::Index || to.elem == Elem::Index;
    return b.cast(isIndex ? Op::IndexCast : bitWidth(to) > bitWidth(from) ? Op::ExtSI : Op::TruncI, v, to);
  }

  // Gives a value both forms where it is defined; what nobody uses is dead.
  void define(Builder& b, Value* v) {
    if (auto was = carried_.find(v); was != carried_.end()) return defineNarrow(b, v, v, was->second);
    if (!isLong(v->type)) return;
    auto bits = constantBits(v);
    low_[v] = bits ? b.constant(narrowed(v->type), zeroExtend(*bits, kNarrow)) : convert(b, v, narrowed(v->type));
  }
  void defineNarrow(Builder& b, Value* v, Value* narrow, Type type) {
    if (narrow->name.empty()) narrow->name = v->name;
    low_[v] = narrow;
    if (wide_.count(v)) full_[v] = convert(b, narrow, type);
  }

  Value* low(Value* v) const {
    auto it = low_.find(v);
    return it == low_.end() ? v : it->second;
  }
  Value* full(Value* v) const {
    auto it = full_.find(v);
    return it == full_.end() ? v : it->second;
  }
  // In the form of the value that control flow assigns it to.
  Value* flowing(Value* v, const Value* to) const { return carried_.count(to) ? low(v) : full(v); }

  void region(Region& r) {
    for (Block* block : r.blocks) {
      std::vector<Inst*> source = std::move(block->insts);
      block->insts.clear();
      Builder b(m_, block, f_.loc);
      for (Value* v : block->args) define(b, v);
      for (Inst* i : source) {
        b.setLoc(i->loc);
        for (auto& nested : i->regions) region(*nested);
        inst(b, *i);
      }
    }
  }

  void inst(Builder& b, Inst& i) {
    if (i.op == Op::For || i.op == Op::If || i.op == Op::While || i.op == Op::Yield || i.op == Op::Condition) return control(b, i);
    const bool narrow = isNarrow(i);
    if (narrow && i.results.size() == 1 && (isLong(i.result()->type) || isConversion(i))) {
      Value* v = i.result();
      const Type to = isLong(v->type) ? narrowed(v->type) : v->type;
      Value* n = isConversion(i) ? converted(b, i, to) : b.create(i.op, lows(i), {to}, i.attrs)->result();
      if (isLong(v->type))
        defineNarrow(b, v, n, v->type);
      else
        full_[v] = low_[v] = n;
      return;
    }
    for (Value*& v : i.operands) v = narrow ? low(v) : full(v);
    b.block()->insts.push_back(&i);
    for (Value* v : i.results) define(b, v);
  }

  std::vector<Value*> lows(const Inst& i) const {
    std::vector<Value*> out;
    for (Value* v : i.operands) out.push_back(low(v));
    return out;
  }

  bool isConversion(const Inst& i) const {
    switch (i.op) {
      case Op::TruncI:
      case Op::ExtSI:
      case Op::ExtUI:
      case Op::IndexCast:
      case Op::IndexCastUI: return isLong(i.result()->type) || isLong(i.operand(0)->type) || carried_.count(i.operand(0)) > 0;
      default: return false;
    }
  }
  Value* converted(Builder& b, const Inst& i, Type to) const {
    Value* x = low(i.operand(0));
    if (bitWidth(x->type) == bitWidth(to)) return x;
    if (bitWidth(x->type) > bitWidth(to)) return b.cast(Op::TruncI, x, to);
    return b.cast(i.op == Op::ExtSI || i.op == Op::IndexCast ? Op::ExtSI : Op::ExtUI, x, to);
  }

  void control(Builder& b, Inst& i) {
    size_t skip = 0;  // operands that are not assigned
    const std::vector<Value*>* to = &i.results;
    const Inst* parent = b.block()->parent->parent;
    switch (i.op) {
      case Op::If: skip = i.operands.size(); break;
      case Op::For:
        skip = 3;
        for (size_t k = 0; k < skip; ++k)
          i.operands[k] = carried_.count(i.regions[0]->entry().args[0]) ? low(i.operands[k]) : full(i.operands[k]);
        break;
      case Op::While: to = &i.regions[0]->entry().args; break;
      case Op::Condition:
        skip = 1;
        to = &parent->results;
        break;
      default: to = parent->op == Op::While ? &parent->regions[0]->entry().args : &parent->results; break;
    }
    if (i.op == Op::If || i.op == Op::Condition) i.operands[0] = full(i.operands[0]);
    for (size_t k = skip; k < i.operands.size(); ++k) i.operands[k] = flowing(i.operands[k], (*to)[k - skip]);
    b.block()->insts.push_back(&i);
    for (Value* v : i.results) define(b, v);
  }

  Func& f_;
  Module& m_;
  std::set<const Value*> fits_, natural_;    // 64-bit scalars; natural numbers are not negative
  std::set<const Value*> wide_;              // 64-bit integers whose high halves matter
  std::map<const Value*, Type> carried_;     // those that control flow assigns in 32 bits, and their types before
  PtrMap<const Value*, Value*> low_, full_;  // the two forms of a value, where they differ from it
};

}  // namespace

void narrowIntegers(Func& f, Module& m) {
  Narrower(f, m).run();
  afterPass("narrow_integers", m);
  eliminateCommon(f);
  eliminateDead(f);
  afterPass("eliminate_dead", m);
}

}  // namespace nereid
