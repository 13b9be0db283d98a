// SPDX-License-Identifier: MIT
// Replaces block pointers and tensor descriptors by plain pointers and masks.
//
//   %d = tt.make_tensor_descriptor %p, [%h, %w], [%s, %c1]     %rows = %i + range, %cols = %j + range
//   %t = tt.descriptor_load %d[%i, %j]                    =>   %t = tt.load %p + %rows * %s + %cols, mask: inside [0, h) x [0, w), 0
//   outside
//
// A descriptor is a base, sizes and strides; a block pointer also has offsets. Loops and branches carry these parts.
#include <algorithm>
#include <limits>

#include "ir/bits.h"
#include "ir/builder.h"
#include "passes/passes.h"
#include "support/ptr_map.h"

namespace nereid {

namespace {

const Type kI64 = Type::scalar(Elem::I64);

bool isHandle(const Type& t) { return t.form == Form::Desc || t.form == Form::BlockPtr; }

struct Handle {
  Value* base = nullptr;
  std::vector<Value*> shape, strides, offsets;  // i64; offsets of block pointers only
  bool padNan = false;
  std::vector<Value*> parts() const {
    std::vector<Value*> all{base};
    for (auto* list : {&shape, &strides, &offsets}) all.insert(all.end(), list->begin(), list->end());
    return all;
  }
};

class Expander {
 public:
  Expander(Module& m, Func& f, Diags& diags) : m_(m), f_(f), diags_(diags) {}

  Result<> run() {
    bool any = false;
    for (Value* a : f_.args()) any |= isHandle(a->type);
    walk(f_.body, [&](const Inst& i) {
      for (Value* v : i.results) any |= isHandle(v->type);
    });
    if (!any) return {};
    if (auto r = arguments(); !r) return r;
    return region(f_.body);
  }

 private:
  // A descriptor from the host is followed by its sizes (i32) and strides (i64): the handle becomes a plain pointer.
  Result<> arguments() {
    Block& entry = f_.body.entry();
    Builder b(m_, &front_, f_.loc);
    for (size_t i = 0; i < entry.args.size(); ++i) {
      Value* arg = entry.args[i];
      if (!isHandle(arg->type)) continue;
      auto rank = static_cast<size_t>(arg->type.rank);
      if (arg->type.form != Form::Desc || i + 2 * rank >= entry.args.size())
        return diags_.error(Err::Unsupported, arg->loc).says("a ", arg->type, " argument must be followed by its sizes and strides");
      Handle h;
      h.base = arg;
      h.padNan = i < f_.params.size() && f_.params[i].padNan;
      for (size_t d = 0; d < rank; ++d) h.shape.push_back(widened(b, entry.args[i + 1 + d]));
      for (size_t d = 0; d < rank; ++d) h.strides.push_back(widened(b, entry.args[i + 1 + rank + d]));
      handleTypes_[arg] = arg->type;
      handles_[arg] = h;
      arg->type = arg->type.element().pointerTo();
    }
    return {};
  }

  Value* widened(Builder& b, Value* v) { return v->type == kI64 ? v : b.cast(Op::ExtSI, v, kI64); }

  Result<Handle> handle(Value* v, Loc loc) {
    auto it = handles_.find(v);
    if (it != handles_.end()) return it->second;
    return diags_.error(Err::Unsupported, loc)
        .says("a descriptor from ", v->def ? info(v->def->op).spelling : "an argument", " is not supported")
        .hint("make descriptors with tl.make_tensor_descriptor or tl.make_block_ptr, and pass them only through loops and branches");
  }

  // The types of a handle's parts.
  std::vector<Type> partTypes(const Type& t) {
    std::vector<Type> types{t.element().pointerTo()};
    types.insert(types.end(), t.rank * (t.form == Form::BlockPtr ? 3u : 2u), kI64);
    return types;
  }
  Handle assemble(const Type& t, std::span<Value* const> parts, bool padNan) {
    Handle h;
    size_t rank = t.rank;
    h.base = parts[0];
    h.shape.assign(parts.begin() + 1, parts.begin() + 1 + static_cast<long>(rank));
    h.strides.assign(parts.begin() + 1 + static_cast<long>(rank), parts.begin() + 1 + static_cast<long>(2 * rank));
    if (t.form == Form::BlockPtr) h.offsets.assign(parts.begin() + 1 + static_cast<long>(2 * rank), parts.end());
    h.padNan = padNan;
    return h;
  }

  Result<> region(Region& r) {
    for (Block* block : r.blocks) {
      std::vector<Inst*> source = std::move(block->insts);
      block->insts.clear();
      if (block == &f_.body.entry()) {
        for (Inst* i : front_.insts) i->parent = block;
        block->insts = front_.insts;
      }
      for (Inst* inst : source)
        if (auto done = expand(*inst, block); !done) return done;
    }
    return {};
  }

  // Operands with handles replaced by their parts.
  Result<std::vector<Value*>> flat(const std::vector<Value*>& values, Loc loc) {
    std::vector<Value*> out;
    for (Value* v : values) {
      if (!handles_.count(v) && !isHandle(v->type)) {
        out.push_back(v);
        continue;
      }
      auto h = handle(v, loc);
      if (!h) return std::unexpected(Failed{});
      for (Value* p : h->parts()) out.push_back(p);
    }
    return out;
  }
  void flattenArgs(Block& block, const std::vector<bool>& nans = {}) {
    std::vector<Value*> old = std::move(block.args);
    block.args.clear();
    for (size_t k = 0; k < old.size(); ++k) {
      Value* v = old[k];
      if (!isHandle(v->type)) {
        v->index = static_cast<uint32_t>(block.args.size());
        block.args.push_back(v);
        continue;
      }
      std::vector<Value*> parts;
      for (Type t : partTypes(v->type)) parts.push_back(m_.addArg(block, t));
      handles_[v] = assemble(v->type, parts, k < nans.size() && nans[k]);
    }
  }
  void flattenResults(Inst& inst, const std::vector<bool>& nans) {
    std::vector<Value*> old = std::move(inst.results);
    inst.results.clear();
    for (size_t k = 0; k < old.size(); ++k) {
      Value* v = old[k];
      if (!isHandle(v->type)) {
        v->index = static_cast<uint32_t>(inst.results.size());
        inst.results.push_back(v);
        continue;
      }
      std::vector<Value*> parts;
      for (Type t : partTypes(v->type)) parts.push_back(m_.addResult(inst, t));
      handles_[v] = assemble(v->type, parts, k < nans.size() && nans[k]);
    }
  }

  Result<> expand(Inst& inst, Block* block) {
    Builder b(m_, block, inst.loc);
    switch (inst.op) {
      case Op::MakeTensorPtr:
      case Op::MakeTensorDesc: return makeTensor(b, inst);
      case Op::Advance: return advance(b, inst);
      case Op::Load:
      case Op::Store:
        if (inst.operand(0)->type.form == Form::BlockPtr) return accessBlock(b, inst);
        break;
      case Op::DescLoad:
      case Op::DescStore:
      case Op::DescReduce: return accessDescriptor(b, inst);
      case Op::DescGather:
      case Op::DescScatter: return accessRows(b, inst);
      case Op::For:
      case Op::If:
      case Op::While: return flattenControl(inst, block);
      case Op::Yield:
      case Op::Condition:
        if (!flattenOperands(inst)) return std::unexpected(Failed{});
        break;
      default:
        for (Value* v : inst.operands)
          if (isHandle(v->type))
            return diags_.error(Err::Unsupported, inst.loc).says(info(inst.op).spelling, " of a ", v->type, " is not supported");
        for (auto& r : inst.regions)
          if (auto done = region(*r); !done) return done;
    }
    block->insts.push_back(&inst);
    return {};
  }

  Result<> makeTensor(Builder& b, Inst& inst) {
    Handle h;
    h.base = inst.operand(0);
    for (Value* v : inst.group(1)) h.shape.push_back(widened(b, v));
    for (Value* v : inst.group(2)) h.strides.push_back(widened(b, v));
    if (inst.op == Op::MakeTensorPtr)
      for (Value* v : inst.group(3)) h.offsets.push_back(widened(b, v));
    h.padNan = inst.integer(Attr::Padding) == static_cast<int64_t>(Padding::Nan);
    handles_[inst.result()] = h;
    return {};
  }

  Result<> advance(Builder& b, Inst& inst) {
    auto h = handle(inst.operand(0), inst.loc);
    if (!h) return std::unexpected(Failed{});
    for (size_t d = 0; d < h->offsets.size(); ++d) h->offsets[d] = b.make(Op::AddI, {h->offsets[d], widened(b, inst.operands[1 + d])});
    handles_[inst.result()] = *h;
    return {};
  }

  Result<> accessBlock(Builder& b, Inst& inst) {
    Value* p = inst.operand(0);
    auto h = handle(p, inst.loc);
    if (!h) return std::unexpected(Failed{});
    Type tile = p->type;
    tile.form = Form::Tile;
    bool nan = inst.integer(Attr::Padding) == static_cast<int64_t>(Padding::Nan);
    auto [pointers, mask] = access(b, *h, tile.shape(), h->offsets, &inst.list(Attr::BoundaryCheck));
    if (inst.op == Op::Store)
      b.store(pointers, inst.operand(1), mask);
    else
      replace(inst, b.load(pointers, mask, mask ? padding(b, tile, nan) : nullptr));
    return {};
  }

  Result<> accessDescriptor(Builder& b, Inst& inst) {
    auto h = handle(inst.operand(0), inst.loc);
    if (!h) return std::unexpected(Failed{});
    std::vector<Value*> offsets;
    Type handleType = typeOf(inst.operand(0));
    for (Value* v : std::span<Value* const>(inst.operands).subspan(inst.op == Op::DescLoad ? 1 : 2)) offsets.push_back(widened(b, v));
    Type tile = handleType;
    tile.form = Form::Tile;
    tile.sign = Sign::None;
    auto [pointers, mask] = access(b, *h, tile.shape(), offsets, nullptr);
    if (inst.op == Op::DescLoad) {
      Value* v = b.load(pointers, mask, padding(b, tile, h->padNan));
      if (v->type != inst.result()->type) v = b.reshape(v, inst.result()->type.shape());
      replace(inst, v);
      return {};
    }
    Value* value = inst.operand(1);
    if (value->type.shape() != tile.shape()) value = b.reshape(value, tile.shape());
    if (inst.op == Op::DescStore) {
      b.store(pointers, value, mask);
      return {};
    }
    auto op = atomicOf(static_cast<DescReduceKind>(inst.integer(Attr::Kind)), tile, handleType.sign == Sign::Unsigned);
    if (!op) return diags_.error(Err::Unsupported, inst.loc).says("descriptor reductions inc and dec are not supported");
    Inst* rmw = b.create(Op::AtomicRMW, {pointers, value, mask}, {tile},
                         {{Attr::RmwOp, static_cast<int64_t>(*op)},
                          {Attr::Sem, static_cast<int64_t>(MemSem::AcqRel)},
                          {Attr::Scope, static_cast<int64_t>(MemScope::Gpu)}});
    rmw->segments = {1, 1, 1};
    return {};
  }

  static std::optional<Rmw> atomicOf(DescReduceKind kind, const Type& type, bool isUnsigned) {
    switch (kind) {
      case DescReduceKind::Add: return type.isFloat() ? Rmw::FAdd : Rmw::Add;
      case DescReduceKind::Min: return isUnsigned ? Rmw::UMin : Rmw::Min;
      case DescReduceKind::Max: return isUnsigned ? Rmw::UMax : Rmw::Max;
      case DescReduceKind::And: return Rmw::And;
      case DescReduceKind::Or: return Rmw::Or;
      case DescReduceKind::Xor: return Rmw::Xor;
      default: return std::nullopt;
    }
  }

  // Rows that are selected by indices.
  Result<> accessRows(Builder& b, Inst& inst) {
    auto h = handle(inst.operand(0), inst.loc);
    if (!h) return std::unexpected(Failed{});
    Value *rows = inst.operand(1), *column = widened(b, inst.operand(2));
    Type tile = inst.op == Op::DescGather ? inst.result()->type : inst.operand(3)->type;
    auto shape = tile.shape();
    Value* row = b.broadcast(b.expandDims(b.cast(Op::ExtSI, rows, rows->type.withElement(Elem::I64)), 1), shape);
    Value* col = along(b, column, shape, 1);
    auto [pointers, mask] = at(b, *h, shape, {row, col}, nullptr);
    if (inst.op == Op::DescGather)
      replace(inst, b.load(pointers, mask, padding(b, tile, h->padNan)));
    else
      b.store(pointers, inst.operand(3), mask);
    return {};
  }

  bool flattenOperands(Inst& inst) {
    auto operands = flat(inst.operands, inst.loc);
    if (operands) inst.operands = *operands;
    return operands.has_value();
  }

  // Loops and branches pass the parts of a handle as values.
  Result<> flattenControl(Inst& inst, Block* block) {
    std::vector<bool> nans;
    size_t first = inst.op == Op::For ? 3 : 0;
    for (size_t k = first; k < inst.operands.size() && inst.op != Op::If; ++k) {
      auto it = handles_.find(inst.operands[k]);
      nans.push_back(it != handles_.end() && it->second.padNan);
    }
    if (!flattenOperands(inst)) return std::unexpected(Failed{});
    if (inst.op == Op::For) {
      std::vector<bool> shifted = nans;
      shifted.insert(shifted.begin(), false);
      flattenArgs(inst.regions[0]->entry(), shifted);
    } else if (inst.op == Op::While) {
      for (auto& r : inst.regions) flattenArgs(r->entry(), nans);
    }
    flattenResults(inst, nans);
    block->insts.push_back(&inst);
    for (auto& r : inst.regions)
      if (auto done = region(*r); !done) return done;
    return {};
  }

  Type typeOf(Value* v) {
    auto it = handleTypes_.find(v);
    return it == handleTypes_.end() ? v->type : it->second;
  }

  void replace(Inst& inst, Value* v) {
    // Uses refer to the old value, so it becomes the result of the new instruction.
    Value* old = inst.result();
    Inst* def = v->def;
    def->results[v->index] = old;
    old->def = def;
    old->index = v->index;
  }

  // start + 0, 1, ... along `axis`, as an i64 tile of `shape`.
  Value* along(Builder& b, Value* start, const std::vector<int64_t>& shape, size_t axis) {
    Value* range = b.range(0, shape[axis]);
    range = b.cast(Op::ExtSI, range, range->type.withElement(Elem::I64));
    Value* v = b.make(Op::AddI, {b.splat(start, std::vector<int64_t>{shape[axis]}), range});
    for (size_t d = 0; d < shape.size(); ++d)
      if (d != axis) v = b.expandDims(v, static_cast<int>(d));
    return b.broadcast(v, shape);
  }

  std::pair<Value*, Value*> access(Builder& b, const Handle& h, const std::vector<int64_t>& shape, const std::vector<Value*>& offsets,
                                   const std::vector<int64_t>* checked) {
    std::vector<Value*> index;
    for (size_t d = 0; d < shape.size(); ++d) index.push_back(along(b, offsets[d], shape, d));
    return at(b, h, shape, index, checked);
  }

  // Pointers and mask, from one index tile per dimension. `checked` lists the dimensions to check; null: all.
  std::pair<Value*, Value*> at(Builder& b, const Handle& h, const std::vector<int64_t>& shape, const std::vector<Value*>& index,
                               const std::vector<int64_t>* checked) {
    Value *pointers = b.splat(h.base, shape), *mask = nullptr;
    for (size_t d = 0; d < shape.size(); ++d) {
      pointers = b.addPtr(pointers, b.make(Op::MulI, {index[d], b.splat(h.strides[d], shape)}));
      if (checked && std::find(checked->begin(), checked->end(), static_cast<int64_t>(d)) == checked->end()) continue;
      Value* low = b.cmpI(CmpIPred::Sge, index[d], b.splat(b.i64(0), shape));
      Value* high = b.cmpI(CmpIPred::Slt, index[d], b.splat(h.shape[d], shape));
      Value* both = b.make(Op::AndI, {low, high});
      mask = mask ? b.make(Op::AndI, {mask, both}) : both;
    }
    return {pointers, mask};
  }

  Value* padding(Builder& b, Type tile, bool nan) {
    tile.sign = Sign::None;
    uint64_t bits = nan && tile.isFloat() ? encodeFloat(tile.elem, std::numeric_limits<double>::quiet_NaN()) : 0;
    return b.constant(tile, bits);
  }

  Module& m_;
  Func& f_;
  Diags& diags_;
  Block front_;
  PtrMap<Value*, Handle> handles_;
  PtrMap<Value*, Type> handleTypes_;
};

}  // namespace

Result<> expandDescriptors(Module& m, Diags& diags) {
  for (auto& f : m.funcs)
    if (auto r = Expander(m, *f, diags).run(); !r) return r;
  return {};
}

}  // namespace nereid
