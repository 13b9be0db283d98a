// SPDX-License-Identifier: MIT
// Appends instructions to a block; result types are inferred from the operands.
#pragma once

#include "ir/ir.h"
#include "support/list.h"

namespace nereid {

class Builder {
 public:
  Builder(Module& m, Block* block, Loc loc = {}) : module_(m), block_(block), loc_(loc) {}

  Module& module() const { return module_; }
  Block* block() const { return block_; }
  void setBlock(Block* block) { block_ = block; }
  Loc loc() const { return loc_; }
  void setLoc(Loc loc) { loc_ = loc; }

  // The general form, used by all others.
  Inst* create(Op op, List<Value*> operands, List<Type> results, List<Attribute> attrs = {});

  // Element-wise operations: the result type follows from the signature.
  Value* make(Op op, List<Value*> operands, List<Attribute> attrs = {});
  Value* cast(Op op, Value* v, Type to) { return create(op, {v}, {to})->result(); }
  Value* cmpI(CmpIPred pred, Value* a, Value* b);
  Value* cmpF(CmpFPred pred, Value* a, Value* b);
  Value* select(Value* condition, Value* a, Value* b) { return make(Op::Select, {condition, a, b}); }

  // Constants; a shaped type creates a splat.
  Value* constant(Type type, uint64_t bits);
  Value* constant(Dense dense);
  Value* integer(Type type, int64_t value) { return constant(type, static_cast<uint64_t>(value)); }
  Value* i32(int64_t value) { return integer(Type::scalar(Elem::I32), value); }
  Value* i64(int64_t value) { return integer(Type::scalar(Elem::I64), value); }
  Value* boolean(bool value) { return integer(Type::scalar(Elem::I1), value); }
  Value* floating(Type type, double value);

  // Tile layout.
  Value* splat(Value* scalar, std::span<const int64_t> shape);
  Value* expandDims(Value* v, int axis);
  Value* broadcast(Value* v, std::span<const int64_t> shape);
  Value* reshape(Value* v, std::span<const int64_t> shape, bool allowReorder = false);
  Value* trans(Value* v, std::vector<int64_t> order);
  Value* range(int64_t start, int64_t end);

  // Memory. Mask and other may be null.
  Value* addPtr(Value* ptr, Value* offset) { return make(Op::AddPtr, {ptr, offset}); }
  Value* load(Value* ptr, Value* mask = nullptr, Value* other = nullptr);
  Inst* store(Value* ptr, Value* value, Value* mask = nullptr);
  // The same for the lower form, without masks.
  Value* loadFrom(Value* ptr, Type type);
  void storeTo(Value* ptr, Value* value);

  // Control flow. Bodies are created with an entry block (with arguments) and without a terminator.
  Inst* forLoop(Value* lower, Value* upper, Value* step, List<Value*> inits);
  Inst* ifElse(Value* condition, List<Type> results, bool withElse);
  void yield(List<Value*> values) { create(Op::Yield, values, {}); }

 private:
  Module& module_;
  Block* block_;
  Loc loc_;
};

}  // namespace nereid
