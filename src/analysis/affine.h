// SPDX-License-Identifier: MIT
// Addresses and bounds as base + constant + sum of factor x scale x index along axes.
//
// Bases and scales are expressions over the kernel's values. Equal expressions are the same object. Nothing is emitted: lowering turns an
// expression into code where it uses it.
//
// Arithmetic on the lanes of one tile is assumed not to wrap in 32 bits (docs/reference/language.md); the uniform part is computed exactly,
// in 32 bits where the source does.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "analysis/index_map.h"
#include "ir/ir.h"
#include "support/function_ref.h"

namespace nereid {

// A value of the kernel (`leaf`, at an index), a constant, or an operation on expressions. Integers are i64 but for results of TruncI.
struct Expr {
  const Value* leaf = nullptr;
  IndexMap map;
  Op op = Op::Constant;
  Type type;
  int64_t number = 0;  // a constant, or the predicate of a comparison
  std::vector<const Expr*> operands;
  bool isScalar = true;  // no element of a tile is part of it
  bool isConstant() const { return !leaf && op == Op::Constant; }
};

struct Affine {
  struct Term {
    int axis;
    int64_t factor;
    const Expr* scale = nullptr;  // null: 1
  };
  const Expr* base = nullptr;  // null: 0. A pointer for addresses, which count elements
  int64_t constant = 0;
  std::vector<Term> terms;
  const Term* of(int axis) const {
    for (const Term& t : terms)
      if (t.axis == axis) return &t;
    return nullptr;
  }
};

class AffineForms {
 public:
  // The place where a form is asked for.
  struct Context {
    FunctionRef<bool(const Value*)> inMemory;                 // read, not computed: nothing is known of it
    FunctionRef<bool(const Value*, const IndexMap&)> isBase;  // one value for all elements that a form is for, so that it can be a base
    FunctionRef<int64_t(int)> sizeOf;                         // of an axis
    // Remainders are seen through, on conditions that are added here. Null: they are not.
    std::vector<const Expr*>* assumptions = nullptr;
  };
  std::optional<Affine> of(const Value* v, const IndexMap& map, const Context& context);
  // The smallest and the largest element of an integer or a pointer, if both are known before the loops over the axes.
  using Interval = std::pair<const Expr*, const Expr*>;
  std::optional<Interval> interval(const Value* v, const IndexMap& map, const Context& context);

 private:
  using Memo = std::map<std::pair<const Value*, IndexMap>, std::optional<Affine>>;
  std::optional<Affine> compute(const Value* v, const IndexMap& map);
  std::optional<Affine> find(const Value* v, const IndexMap& map);
  std::optional<Affine> opaque(const Value* v, const IndexMap& map);
  std::optional<Affine> product(const Inst& inst, std::optional<Affine> a, std::optional<Affine> b);
  std::optional<Affine> remainder(std::optional<Affine> a, const std::optional<Affine>& n);
  std::optional<Affine> sum(Affine a, const Affine& b, int64_t sign);
  std::optional<Affine> wrap(std::optional<Affine> a, Op extend);
  std::optional<Interval> ends(const Value* v, const IndexMap& map);

  const Expr* node(Expr e);
  const Expr* number(int64_t n) { return node({.type = Type::scalar(Elem::I64), .number = n}); }
  const Expr* make(Op op, std::vector<const Expr*> operands, Type type = Type::scalar(Elem::I64), int64_t predicate = 0);
  const Expr* add(const Expr* x, const Expr* y);
  const Expr* times(const Expr* x, int64_t factor) { return factor == 1 ? x : make(Op::MulI, {x, number(factor)}); }
  // Base and constant.
  const Expr* uniform(const Affine& a);

  using Key = std::tuple<const Value*, IndexMap, Op, Elem, int, int64_t, std::vector<const Expr*>>;
  std::map<Key, const Expr*> known_;
  std::deque<Expr> nodes_;
  const Context* context_ = nullptr;
  Memo memo_;  // of one question
};

}  // namespace nereid
