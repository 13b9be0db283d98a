// SPDX-License-Identifier: MIT
#include "lower/loop_writer.h"

namespace nereid {

LoopWriter::LoopWriter(const Func& kernel) {
  auto func = std::make_unique<Func>();
  func->name = kernel.name;
  func->loc = kernel.loc;
  func->isPublic = true;
  func->params = kernel.params;
  module_.funcs.push_back(std::move(func));
  levels_ = {module_.newBlock(this->func().body)};
  entry_ = module_.newBlock(nowhere_);
}

void LoopWriter::enter(Block& block) {
  outer_.push_back(std::move(levels_));
  levels_ = {&block};
}

void LoopWriter::leave() {
  levels_ = std::move(outer_.back());
  outer_.pop_back();
}

Block* LoopWriter::open(Inst& inst) {
  inst.regions.push_back(std::make_unique<Region>());
  inst.regions.back()->parent = &inst;
  levels_.push_back(module_.newBlock(*inst.regions.back()));
  return levels_.back();
}

void LoopWriter::close(std::vector<Value*> yields) {
  at(top()).yield(std::move(yields));
  levels_.pop_back();
}

void LoopWriter::place(Inst& inst) {
  inst.parent = levels_.back();
  levels_.back()->insts.push_back(&inst);
}

std::vector<Value*> LoopWriter::loop(Value* lower, Value* upper, Value* step, std::vector<Value*> acc,
                                     FunctionRef<void(Value*, std::vector<Value*>&)> body) {
  Inst* inst = newInst(Op::For);
  inst->operands = {lower, upper, step};
  inst->operands.insert(inst->operands.end(), acc.begin(), acc.end());
  Block* block = open(*inst);
  Value* iv = module_.addArg(*block, lower->type);
  std::vector<Value*> inner;
  for (Value* v : acc) inner.push_back(module_.addArg(*block, v->type));
  body(iv, inner);
  close(inner);
  for (Value*& v : acc) v = module_.addResult(*inst, v->type);
  place(*inst);
  return acc;
}

Value* LoopWriter::constant(Type type, uint64_t bits) {
  auto& known = constants_[{Elem{type.elem}, int{type.pointerDepth}, bits}];
  if (!known) known = Builder(module_, entry_).constant(type, bits);
  return known;
}

void LoopWriter::finish(Loc end) {
  Block* body = levels_[0];
  Builder(module_, body, end).create(Op::Return, {}, {});
  for (Inst* inst : entry_->insts) inst->parent = body;
  body->insts.insert(body->insts.begin(), entry_->insts.begin(), entry_->insts.end());
}

}  // namespace nereid
