// SPDX-License-Identifier: MIT
#include "ir/builder.h"

#include "ir/bits.h"

namespace nereid {

Inst* Builder::create(Op op, List<Value*> operands, List<Type> results, List<Attribute> attrs) {
  Inst* inst = module_.newInst(op, loc_);
  inst->operands.assign(operands.begin(), operands.end());
  inst->attrs.assign(attrs.begin(), attrs.end());
  inst->parent = block_;
  for (Type t : results) module_.addResult(*inst, t);
  block_->insts.push_back(inst);
  return inst;
}

Value* Builder::loadFrom(Value* ptr, Type type) {
  Inst* inst = create(Op::LoLoad, {ptr}, {type});
  inst->segments = {1, 0, 0};
  return inst->result();
}

void Builder::storeTo(Value* ptr, Value* value) { create(Op::LoStore, {ptr, value}, {})->segments = {1, 1, 0}; }

Value* Builder::make(Op op, List<Value*> operands, List<Attribute> attrs) {
  Type type = operands[0]->type;
  switch (info(op).sig) {
    case Sig::CmpInt:
    case Sig::CmpFloat:
    case Sig::FloatTest: type = type.withElement(Elem::I1); break;
    case Sig::Select: type = operands[1]->type; break;
    default: break;
  }
  return create(op, operands, {type}, attrs)->result();
}

Value* Builder::cmpI(CmpIPred pred, Value* a, Value* b) { return make(Op::CmpI, {a, b}, {{Attr::Predicate, static_cast<int64_t>(pred)}}); }

Value* Builder::cmpF(CmpFPred pred, Value* a, Value* b) { return make(Op::CmpF, {a, b}, {{Attr::Predicate, static_cast<int64_t>(pred)}}); }

Value* Builder::constant(Type type, uint64_t bits) { return constant(Dense{type, {zeroExtend(bits, bitWidth(type))}}); }

Value* Builder::constant(Dense dense) {
  Type type = dense.type;
  Inst* inst = create(Op::Constant, {}, {type});
  inst->attrs.emplace_back(Attr::Value, std::move(dense));
  return inst->result();
}

Value* Builder::floating(Type type, double value) { return constant(type, encodeFloat(type.elem, value)); }

Value* Builder::splat(Value* scalar, std::span<const int64_t> shape) {
  return create(Op::Splat, {scalar}, {Type::tile(scalar->type, shape)})->result();
}

Value* Builder::expandDims(Value* v, int axis) {
  auto shape = v->type.shape();
  shape.insert(shape.begin() + axis, 1);
  return create(Op::ExpandDims, {v}, {Type::tile(v->type.element(), shape)}, {{Attr::Axis, int64_t{axis}}})->result();
}

Value* Builder::broadcast(Value* v, std::span<const int64_t> shape) {
  return create(Op::Broadcast, {v}, {Type::tile(v->type.element(), shape)})->result();
}

Value* Builder::reshape(Value* v, std::span<const int64_t> shape, bool allowReorder) {
  Inst* inst = create(Op::Reshape, {v}, {Type::tile(v->type.element(), shape)});
  if (allowReorder) inst->set(Attr::AllowReorder, std::monostate{});
  return inst->result();
}

Value* Builder::trans(Value* v, std::vector<int64_t> order) {
  std::vector<int64_t> shape;
  for (int64_t axis : order) shape.push_back(v->type.dim(static_cast<int>(axis)));
  return create(Op::Trans, {v}, {Type::tile(v->type.element(), shape)}, {{Attr::Order, std::move(order)}})->result();
}

Value* Builder::range(int64_t start, int64_t end) {
  int64_t size = end - start;
  return create(Op::MakeRange, {}, {Type::tile(Type::scalar(Elem::I32), std::span(&size, 1))}, {{Attr::Start, start}, {Attr::End, end}})
      ->result();
}

Value* Builder::load(Value* ptr, Value* mask, Value* other) {
  std::vector<Value*> operands{ptr};
  if (mask) operands.push_back(mask);
  if (other) operands.push_back(other);
  Inst* inst = create(Op::Load, operands, {ptr->type.pointee()});
  inst->segments = {1, mask != nullptr, other != nullptr};
  return inst->result();
}

Inst* Builder::store(Value* ptr, Value* value, Value* mask) {
  std::vector<Value*> operands{ptr, value};
  if (mask) operands.push_back(mask);
  Inst* inst = create(Op::Store, operands, {});
  inst->segments = {1, 1, mask != nullptr};
  return inst;
}

Inst* Builder::forLoop(Value* lower, Value* upper, Value* step, List<Value*> inits) {
  std::vector<Type> types;
  for (Value* v : inits) types.push_back(v->type);
  std::vector<Value*> operands{lower, upper, step};
  operands.insert(operands.end(), inits.begin(), inits.end());
  Inst* loop = create(Op::For, operands, types);
  auto& body = loop->regions.emplace_back(std::make_unique<Region>());
  body->parent = loop;
  Block* block = module_.newBlock(*body);
  module_.addArg(*block, lower->type);
  for (Type t : types) module_.addArg(*block, t);
  return loop;
}

Inst* Builder::ifElse(Value* condition, List<Type> results, bool withElse) {
  Inst* inst = create(Op::If, {condition}, results);
  for (int i = 0; i < (withElse ? 2 : 1); ++i) {
    auto& region = inst->regions.emplace_back(std::make_unique<Region>());
    region->parent = inst;
    module_.newBlock(*region);
  }
  return inst;
}

}  // namespace nereid
