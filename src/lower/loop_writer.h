// SPDX-License-Identifier: MIT
// Writes the loop IR: a function, its open blocks, and the constants before them.
//
// Blocks nest: level 0 is a block of the source, level k the body of the k-th operation that is open inside it. An operation whose body
// is open is placed when its body is closed, so that what the body hoists stands before it.
#pragma once

#include <map>
#include <tuple>

#include "ir/builder.h"
#include "support/function_ref.h"

namespace nereid {

class LoopWriter {
 public:
  explicit LoopWriter(const Func& kernel);
  Module& module() { return module_; }
  Func& func() { return *module_.funcs[0]; }
  Module take() { return std::move(module_); }

  // ---- open blocks
  int top() const { return static_cast<int>(levels_.size()) - 1; }
  Block* block(int level) const { return levels_[static_cast<size_t>(level)]; }
  Builder at(int level) { return Builder(module_, block(level), loc); }
  // A block of the source becomes level 0, until leave().
  void enter(Block& block);
  void leave();

  // ---- operations with bodies
  Inst* newInst(Op op) { return module_.newInst(op, loc); }  // not placed yet
  Block* open(Inst& inst);                                   // a new region of it
  void open(Block& block) { levels_.push_back(&block); }
  void close(std::vector<Value*> yields = {});
  void drop() { levels_.pop_back(); }  // of a block that is not part of the function
  void place(Inst& inst);              // in the innermost block
  // A loop that carries `acc`; returns its results. `body` replaces the carried values by those of the next iteration.
  std::vector<Value*> loop(Value* lower, Value* upper, Value* step, std::vector<Value*> acc,
                           FunctionRef<void(Value* iv, std::vector<Value*>& acc)> body);

  // ---- before everything: constants, addresses of scratch memory
  Builder atEntry() { return Builder(module_, entry_, loc); }
  bool isAtEntry(const Value* v) const { return v->def && v->def->parent == entry_; }
  Value* constant(Type type, uint64_t bits);
  // Ends the function.
  void finish(Loc end);

  Loc loc;  // of what is written

 private:
  Module module_;
  Region nowhere_;
  Block* entry_;
  std::vector<Block*> levels_;
  std::vector<std::vector<Block*>> outer_;                       // of blocks of the source that are open
  std::map<std::tuple<Elem, int, uint64_t>, Value*> constants_;  // by element type, depth of pointer and bits
};

}  // namespace nereid
