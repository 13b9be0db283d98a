// SPDX-License-Identifier: MIT
#include "backends/wasm/code.h"

#include "support/diag.h"

namespace nereid::wasm {

namespace {

bool isConst(const Node* n) {
  return n->ins == Ins::I32Const || n->ins == Ins::I64Const || n->ins == Ins::F32Const || n->ins == Ins::F64Const ||
         n->ins == Ins::V128Const;
}
bool isLeaf(const Node* n) { return isConst(n) || n->ins == Ins::LocalGet; }
bool isSum(const Node* n) { return n->ins == Ins::I32Add && n->kid[1]->ins == Ins::I32Const; }

// Arrays and scratch memory start above this address. If a valid address is base + c with c below it, the base has not wrapped, and c can
// be the offset of the instruction.
constexpr uint64_t kMaxOffset = 262144;

}  // namespace

Node& Code::newNode(Ins ins, ValType type) {
  nodes_.push_back({.ins = ins, .type = type, .line = line_});
  return nodes_.back();
}

Node* Code::make(Ins ins, List<Node*> kids, uint64_t a, uint64_t b, ValType type) {
  if (Node* n = simplified(ins, kids)) return n;
  std::array<Node*, 3> k{};
  for (size_t i = 0; i < kids.size(); ++i) k[i] = kids[i];
  Node*& known = known_[{ins, type, k, a, b}];
  if (known) return known;
  Node& n = newNode(ins, type);
  n.kids = static_cast<uint8_t>(kids.size());
  n.kid = k;
  n.a = a;
  n.b = b;
  for (Node* kid : kids)
    if (kid->local < 0) n.depth = std::max(n.depth, kid->depth + 1);
  depth_ = std::max(depth_, n.depth);
  return known = &n;
}

// Address arithmetic modulo 2^32: constants move outward, where loads and stores take them as their offset.
Node* Code::simplified(Ins ins, List<Node*> kids) {
  auto constant = [](Node* n) { return n->ins == Ins::I32Const; };
  auto value = [](Node* n) { return static_cast<uint32_t>(n->a); };
  switch (ins) {
    case Ins::I32Add: {
      Node *x = kids[0], *y = kids[1];
      if (constant(x) && constant(y)) return i32(value(x) + value(y));
      if (constant(x)) return make(ins, {y, x});
      if (constant(y)) {
        if (value(y) == 0) return x;
        if (isSum(x)) return make(ins, {x->kid[0], i32(value(x->kid[1]) + value(y))});
        return nullptr;
      }
      if (isSum(x)) return make(ins, {make(ins, {x->kid[0], y}), x->kid[1]});
      if (isSum(y)) return make(ins, {make(ins, {x, y->kid[0]}), y->kid[1]});
      return nullptr;
    }
    case Ins::I32Sub:
      if (constant(kids[1])) return make(Ins::I32Add, {kids[0], i32(-static_cast<int64_t>(value(kids[1])))});
      return nullptr;
    case Ins::I32Mul:
    case Ins::I32Shl: {
      Node *x = kids[0], *y = kids[1];
      if (ins == Ins::I32Mul && constant(x)) std::swap(x, y);
      if (!constant(y)) return nullptr;
      uint32_t factor = ins == Ins::I32Mul ? value(y) : uint32_t{1} << (value(y) & 31);
      if (factor == 1) return x;
      if (factor == 0) return i32(0);
      if (constant(x)) return i32(value(x) * factor);
      if (isSum(x)) return make(Ins::I32Add, {make(ins, {x->kid[0], y}), i32(value(x->kid[1]) * factor)});
      if (ins == Ins::I32Mul && (factor & (factor - 1)) == 0) return make(Ins::I32Shl, {x, i32(__builtin_ctz(factor))});
      if (x->ins == Ins::I32Shl && x->kid[1]->ins == Ins::I32Const && ins == Ins::I32Shl && value(x->kid[1]) + value(y) < 32)
        return make(ins, {x->kid[0], i32(value(x->kid[1]) + value(y))});
      return nullptr;
    }
    case Ins::I32And:
      if (constant(kids[0]) && constant(kids[1])) return i32(value(kids[0]) & value(kids[1]));
      return nullptr;
    case Ins::I32WrapI64:
      if (kids[0]->ins == Ins::I64ExtendI32S || kids[0]->ins == Ins::I64ExtendI32U) return kids[0]->kid[0];
      if (kids[0]->ins == Ins::I64Const) return i32(static_cast<int64_t>(kids[0]->a));
      return nullptr;
    case Ins::I64ExtendI32S:
      if (constant(kids[0])) return i64(static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(value(kids[0])))));
      return nullptr;
    default: return nullptr;
  }
}

Node* Code::v128(uint64_t low, uint64_t high) {
  Node*& n = constants_[{low, high}];
  if (n) return n;
  locals_.push_back(ValType::V128);
  int index = kParameters + static_cast<int>(locals_.size()) - 1;
  prologue_.push_back({Ins::V128Const, low, high});
  prologue_.push_back({Ins::LocalSet, static_cast<uint64_t>(index)});
  n = &newNode(Ins::LocalGet, ValType::V128);
  n->a = static_cast<uint64_t>(index);
  return n;
}

std::pair<Node*, uint64_t> Code::splitAddress(Node* address) {
  if (isSum(address) && address->kid[1]->a < kMaxOffset) return {address->kid[0], address->kid[1]->a};
  return {address, 0};
}

Node* Code::load(Ins ins, Node* address, Node* last, uint64_t lane) {
  auto [base, offset] = splitAddress(address);
  Node& n = newNode(ins, info(ins).result);
  n.kids = last ? 2 : 1;
  n.kid = {base, last, nullptr};
  n.a = offset;
  n.b = lane;
  n.isLoad = true;
  n.order = order_++;
  loads_.push_back(&n);
  return &n;
}

void Code::store(Ins ins, Node* address, Node* value, uint64_t lane) {
  auto [base, offset] = splitAddress(address);
  Node& n = newNode(ins, ValType::None);
  n.kids = 2;
  n.kid = {base, value, nullptr};
  n.a = offset;
  n.b = lane;
  n.order = order_++;
  stores_.push_back(&n);
}

void Code::count(Node* n) {
  if (n->uses++ > 0 || n->local >= 0) return;
  for (int i = 0; i < n->kids; ++i) count(n->kid[static_cast<size_t>(i)]);
}

void Code::mark(Node* n, uint32_t mark_) {
  if (n->mark == mark_ || n->local >= 0) return;
  n->mark = mark_;
  for (int i = 0; i < n->kids; ++i) mark(n->kid[static_cast<size_t>(i)], mark_);
}

void Code::flush(const std::vector<Node*>& wanted, const std::vector<Node*>& results, const std::vector<int>& targets) {
  uint32_t line = line_;
  std::vector<Node*> pins;
  for (Node* n : wanted) {
    // A sum with a constant is recomputed at each use: as an offset it is free.
    if (isSum(n) && n->local < 0) n = n->kid[0];
    if (isLeaf(n) || n->pinned) continue;
    n->pinned = true;
    pins.push_back(n);
  }
  for (Node* n : stores_) count(n);
  for (Node* n : pins) count(n);
  for (Node* n : results) count(n);
  for (Node* n : stores_) {
    // Loads that precede this store in the program and are not operands of it.
    mark(n, ++marks_);
    for (Node* load : loads_) {
      if (load->order > n->order || load->uses == 0 || load->local >= 0 || load->mark == marks_) continue;
      evaluate(load);
      load->local = load->pinned ? newLocal(load->type) : allocate(load->type);
      set(load->local);
    }
    evaluate(n);
    n->uses = 0;
  }
  for (Node* n : pins) {
    if (n->local >= 0) continue;
    evaluate(n);
    n->local = newLocal(n->type);
    set(n->local);
  }
  for (Node* n : results) emit(n);
  for (size_t k = targets.size(); k-- > 0;) set(targets[k]);
  line_ = line;
  depth_ = 0;
  for (Node* n : pins) n->uses = 0;
  stores_.clear();
  loads_.clear();
  known_.clear();
}

void Code::push(Node* n) {
  uint32_t line = line_;
  count(n);
  emit(n);
  line_ = line;
}

void Code::release(Node* n) {
  free_[n->type].push_back(n->local);
  n->local = -1;
}

void Code::emit(Node* n) {
  if (isLeaf(n)) {
    n->uses = 0;
    raw(n->ins, n->a, n->b);
    return;
  }
  if (n->local >= 0) {
    raw(Ins::LocalGet, static_cast<uint64_t>(n->local));
    if (--n->uses == 0 && !n->pinned) release(n);
    return;
  }
  evaluate(n);
  --n->uses;
  if (n->pinned)
    n->local = newLocal(n->type);
  else if (n->uses > 0)
    n->local = allocate(n->type);
  else
    return;
  raw(Ins::LocalTee, static_cast<uint64_t>(n->local));
}

void Code::evaluate(Node* n) {
  line_ = n->line;
  // A scalar that is loaded only for a splat uses the load-and-splat instruction.
  if (n->kids == 1 && n->kid[0]->isLoad && n->kid[0]->uses == 1 && n->kid[0]->local < 0 && !n->kid[0]->pinned) {
    Node* load = n->kid[0];
    Ins fused = n->ins;
    if ((n->ins == Ins::F32x4Splat && load->ins == Ins::F32Load) || (n->ins == Ins::I32x4Splat && load->ins == Ins::I32Load))
      fused = Ins::V128Load32Splat;
    if ((n->ins == Ins::F64x2Splat && load->ins == Ins::F64Load) || (n->ins == Ins::I64x2Splat && load->ins == Ins::I64Load))
      fused = Ins::V128Load64Splat;
    if (n->ins == Ins::I16x8Splat && load->ins == Ins::I32Load16U) fused = Ins::V128Load16Splat;
    if (n->ins == Ins::I8x16Splat && load->ins == Ins::I32Load8U) fused = Ins::V128Load8Splat;
    if (fused != n->ins) {
      emit(load->kid[0]);
      load->uses = 0;
      raw(fused, load->a);
      return;
    }
  }
  for (int i = 0; i < n->kids; ++i) emit(n->kid[static_cast<size_t>(i)]);
  line_ = n->line;
  raw(n->ins, n->a, n->b);
}

int Code::allocate(ValType type) {
  auto& list = free_[type];
  if (!list.empty()) {
    int index = list.back();
    list.pop_back();
    return index;
  }
  locals_.push_back(type);
  return kParameters + static_cast<int>(locals_.size()) - 1;
}

int Code::newLocal(ValType type) {
  int index = allocate(type);
  owned_.back().push_back(index);
  return index;
}

void Code::leaveRegion() {
  for (int index : owned_.back()) free_[locals_[static_cast<size_t>(index - kParameters)]].push_back(index);
  owned_.pop_back();
}

std::vector<Instruction> Code::body() {
  std::vector<Instruction> out = prologue_;
  out.insert(out.end(), body_.begin(), body_.end());
  return out;
}

}  // namespace nereid::wasm
