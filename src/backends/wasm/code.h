// SPDX-License-Identifier: MIT
// Expression graphs to instructions of a stack machine.
//
// Pure operations and loads become nodes of a graph, which are emitted only when a store or control flow needs them. Each node is emitted
// at its first use: a value with one use stays on the stack, a value with several uses gets a local. Engines allocate registers for locals;
// performance depends on the order of instructions, which is the order in which roots request operands.
#pragma once

#include <array>
#include <deque>
#include <initializer_list>
#include <map>
#include <tuple>
#include <vector>

#include "backends/wasm/module.h"
#include "support/list.h"

namespace nereid::wasm {

struct Node {
  Ins ins = {};
  ValType type = ValType::None;
  uint8_t kids = 0;
  bool isLoad = false;
  bool pinned = false;  // its local is live until the region ends
  std::array<Node*, 3> kid{};
  uint64_t a = 0, b = 0;
  int order = 0;   // among loads and stores
  int uses = 0;    // uses that are not emitted yet
  int local = -1;  // where the value is, once emitted
  uint32_t mark = 0;
  uint32_t line = 0;  // source line for which it was first created
  int depth = 0;      // longest path to a node that is in a local
};

class Code {
 public:
  void startLine(uint32_t line) { line_ = line; }  // source line of the nodes that follow

  // Nodes. make() returns an existing node if one has equal arguments.
  Node* make(Ins ins, List<Node*> kids, uint64_t a = 0, uint64_t b = 0) { return make(ins, kids, a, b, wasm::info(ins).result); }
  Node* make(Ins ins, List<Node*> kids, uint64_t a, uint64_t b, ValType type);
  Node* i32(int64_t v) { return make(Ins::I32Const, {}, static_cast<uint32_t>(v)); }
  Node* i64(uint64_t v) { return make(Ins::I64Const, {}, v); }
  Node* v128(uint64_t low, uint64_t high);  // lives in a local of the function
  Node* select(Node* condition, Node* x, Node* y) { return make(Ins::Select, {x, y, condition}, 0, 0, x->type); }
  Node* local(int index, ValType type) { return make(Ins::LocalGet, {}, static_cast<uint64_t>(index), 0, type); }
  Node* call(size_t function, List<Node*> args, ValType result) { return make(Ins::Call, args, function, 0, result); }
  // `last`: the vector in which a lane is replaced.
  Node* load(Ins ins, Node* address, Node* last = nullptr, uint64_t lane = 0);
  void store(Ins ins, Node* address, Node* value, uint64_t lane = 0);

  // Emits everything pending: stores in order, then the pinned nodes, into locals, where their values stay. Then assigns `results` to the
  // locals `targets` in parallel: a result may read a local that another one overwrites.
  void flush(const std::vector<Node*>& pins, const std::vector<Node*>& results = {}, const std::vector<int>& targets = {});
  // Emits a node whose operands are all pinned or constant, and leaves its value on the stack.
  void push(Node* n);
  bool isDeep() const { return depth_ > 500; }  // flush() is due: emit() is recursive
  void raw(Ins ins, uint64_t a = 0, uint64_t b = 0) { body_.push_back({ins, a, b, line_}); }
  void set(int local) { raw(Ins::LocalSet, static_cast<uint64_t>(local)); }
  int newLocal(ValType type);  // until the region ends
  void enterRegion() { owned_.emplace_back(); }
  void leaveRegion();

  std::vector<ValType> locals() const { return locals_; }
  std::vector<Instruction> body();  // with definitions of constants first

 private:
  Node& newNode(Ins ins, ValType type);
  Node* simplified(Ins ins, List<Node*> kids);
  std::pair<Node*, uint64_t> splitAddress(Node* address);
  void count(Node* n);
  void mark(Node* n, uint32_t mark);
  void emit(Node* n);
  void evaluate(Node* n);
  void release(Node* n);
  int allocate(ValType type);

  std::deque<Node> nodes_;
  std::map<std::tuple<Ins, ValType, std::array<Node*, 3>, uint64_t, uint64_t>, Node*> known_;
  std::map<std::pair<uint64_t, uint64_t>, Node*> constants_;
  std::vector<Node*> stores_, loads_;
  int order_ = 0;
  uint32_t marks_ = 0, line_ = 0;
  int depth_ = 0;  // largest depth since the last flush
  std::vector<ValType> locals_;
  std::map<ValType, std::vector<int>> free_;
  std::vector<std::vector<int>> owned_{{}};
  std::vector<Instruction> prologue_, body_;
};

// The function's four parameters come before its locals.
constexpr int kParameters = 4;

}  // namespace nereid::wasm
