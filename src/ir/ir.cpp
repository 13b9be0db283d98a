// SPDX-License-Identifier: MIT
#include "ir/ir.h"

#include "ir/bits.h"

namespace nereid {

namespace {

constexpr OpInfo kInfos[] = {
#define by_hand by hand
#ifdef __wasm__
#define TEXT(text) \
  {                \
  }  // in a page every byte is downloaded; code that lists the operations is elsewhere
#else
#define TEXT(text) text
#endif
#define OP(name, spelling, sig, effects, forms, ulp, meaning, doc) \
  {TEXT(#name), spelling, Sig::sig, Effects::effects, Forms::forms, ulp, TEXT(#meaning), TEXT(doc)},
#include "ir/ops.def"
#undef OP
#undef TEXT
#undef by_hand
};

constexpr std::string_view kAttrNames[] = {
#define ATTR(name, spelling) spelling,
#include "ir/attrs.def"
#undef ATTR
};

}  // namespace

const OpInfo& info(Op op) { return kInfos[static_cast<size_t>(op)]; }

std::optional<Op> opFromSpelling(std::string_view spelling) {
  static const auto kMap = [] {
    std::map<std::string_view, Op> map;
    for (size_t i = 0; i < kOpCount; ++i) map.emplace(kInfos[i].spelling, static_cast<Op>(i));
    return map;
  }();
  auto it = kMap.find(spelling);
  if (it == kMap.end()) return std::nullopt;
  return it->second;
}

bool isElementwise(Op op) {
  switch (op) {
    case Op::ClampF:
    case Op::FpToFp:
    case Op::IntToPtr:
    case Op::PtrToInt:
    case Op::Bitcast:
    case Op::AddPtr:
    case Op::ExternElementwise:
    case Op::FPowI:
    case Op::MulSIExt:
    case Op::MulUIExt: return true;
    default: return info(op).sig < Sig::Terminator;
  }
}

std::string_view attrName(Attr attr) { return kAttrNames[static_cast<size_t>(attr)]; }

std::optional<Attr> attrFromName(std::string_view name) {
  for (size_t i = 0; i < std::size(kAttrNames); ++i)
    if (kAttrNames[i] == name) return static_cast<Attr>(i);
  return std::nullopt;
}

const AttrValue* Inst::find(Attr attr) const {
  for (auto& [key, value] : attrs)
    if (key == attr) return &value;
  return nullptr;
}

int64_t Inst::integer(Attr attr, int64_t otherwise) const {
  const AttrValue* value = find(attr);
  if (!value) return otherwise;
  if (std::holds_alternative<std::monostate>(*value)) return 1;  // a unit attribute: true if present
  auto* number = std::get_if<int64_t>(value);
  return number ? *number : otherwise;
}

std::string_view Inst::text(Attr attr) const {
  const AttrValue* value = find(attr);
  auto* text = value ? std::get_if<std::string>(value) : nullptr;
  return text ? std::string_view(*text) : std::string_view();
}

const std::vector<int64_t>& Inst::list(Attr attr) const {
  static const std::vector<int64_t> kEmpty;
  const AttrValue* value = find(attr);
  auto* list = value ? std::get_if<std::vector<int64_t>>(value) : nullptr;
  return list ? *list : kEmpty;
}

const Dense& Inst::dense() const {
  auto* dense = std::get_if<Dense>(find(Attr::Value));
  NEREID_CHECK(dense, "a constant without a value");
  return *dense;
}

void Inst::set(Attr attr, AttrValue value) {
  for (auto& [key, old] : attrs)
    if (key == attr) {
      old = std::move(value);
      return;
    }
  attrs.emplace_back(attr, std::move(value));
}

std::span<Value* const> Inst::group(size_t g) const {
  NEREID_CHECK(g < segments.size(), "operand group ", g, " of ", info(op).spelling);
  size_t begin = 0;
  for (size_t i = 0; i < g; ++i) begin += static_cast<size_t>(segments[i]);
  return std::span<Value* const>(operands).subspan(begin, static_cast<size_t>(segments[g]));
}

Value* Inst::optional(size_t g) const {
  auto values = group(g);
  return values.empty() ? nullptr : values[0];
}

Func* Module::find(std::string_view name) const {
  for (auto& f : funcs)
    if (f->name == name) return f.get();
  return nullptr;
}

Func* Module::kernel() const {
  for (auto& f : funcs)
    if (f->isPublic) return f.get();
  return funcs.empty() ? nullptr : funcs.back().get();
}

Inst* Module::newInst(Op op, Loc loc) {
  Inst& inst = insts_.emplace_back();
  inst.op = op;
  inst.loc = loc;
  return &inst;
}

Block* Module::newBlock(Region& region) {
  Block& block = blocks_.emplace_back();
  block.parent = &region;
  region.blocks.push_back(&block);
  return &block;
}

Value* Module::addArg(Block& block, Type type, std::string_view name, Loc loc) {
  Value& v = values_.emplace_back();
  v.type = type;
  v.block = &block;
  v.index = static_cast<uint32_t>(block.args.size());
  v.name = intern(name);
  v.loc = loc;
  block.args.push_back(&v);
  return &v;
}

Value* Module::addResult(Inst& inst, Type type, std::string_view name) {
  Value& v = values_.emplace_back();
  v.type = type;
  v.def = &inst;
  v.index = static_cast<uint32_t>(inst.results.size());
  v.name = intern(name);
  v.loc = inst.loc;
  inst.results.push_back(&v);
  return &v;
}

std::string_view Module::intern(std::string_view text) {
  if (text.empty()) return {};
  auto it = interned_.find(text);
  if (it != interned_.end()) return it->second;
  std::string_view kept = strings_.emplace_back(text);
  interned_.emplace(kept, kept);
  return kept;
}

Value* Replacements::operator()(Value* v) const {
  for (auto it = map_.find(v); it != map_.end(); it = map_.find(v)) v = it->second;
  return v;
}

void Replacements::apply(Region& region) const {
  if (map_.empty()) return;
  walk(region, [&](Inst& inst) {
    for (Value*& v : inst.operands) v = (*this)(v);
    for (Successor& s : inst.successors)
      for (Value*& v : s.args) v = (*this)(v);
  });
}

Inst* clone(Module& m, const Inst& inst, ValueMap& map) {
  auto mapped = [&](Value* v) {
    auto it = map.find(v);
    return it == map.end() ? v : it->second;
  };
  Inst* copy = m.newInst(inst.op, inst.loc);
  copy->attrs = inst.attrs;
  copy->segments = inst.segments;
  for (Value* v : inst.operands) copy->operands.push_back(mapped(v));
  for (const Value* r : inst.results) map[r] = m.addResult(*copy, r->type, r->name);
  for (auto& region : inst.regions) {
    auto& to = copy->regions.emplace_back(std::make_unique<Region>());
    to->parent = copy;
    cloneInto(m, *region, *to, map);
  }
  for (const Successor& s : inst.successors) {
    Successor& to = copy->successors.emplace_back();
    to.block = s.block;  // cloneInto redirects branches between copied blocks
    for (Value* v : s.args) to.args.push_back(mapped(v));
  }
  return copy;
}

void cloneInto(Module& m, const Region& from, Region& to, ValueMap& map) {
  PtrMap<const Block*, Block*> blocks;
  for (const Block* block : from.blocks) {
    Block* copy = m.newBlock(to);
    blocks[block] = copy;
    for (const Value* arg : block->args) map[arg] = m.addArg(*copy, arg->type, arg->name, arg->loc);
  }
  for (const Block* block : from.blocks)
    for (const Inst* inst : block->insts) {
      Inst* copy = clone(m, *inst, map);
      copy->parent = blocks[block];
      for (Successor& s : copy->successors)
        if (auto it = blocks.find(s.block); it != blocks.end()) s.block = it->second;
      blocks[block]->insts.push_back(copy);
    }
}

std::optional<uint64_t> constantBits(const Value* v) {
  while (v->def && (v->def->op == Op::Splat || v->def->op == Op::LoSplat)) v = v->def->operand(0);
  if (!v->def || v->def->op != Op::Constant) return std::nullopt;
  const Dense& dense = v->def->dense();
  if (!dense.isSplat()) return std::nullopt;
  return dense.bits[0];
}

std::optional<int64_t> constantInt(const Value* v) {
  auto bits = constantBits(v);
  if (!bits || !v->type.isInt()) return std::nullopt;
  return signExtend(*bits, bitWidth(v->type));
}

std::optional<double> constantFloat(const Value* v) {
  auto bits = constantBits(v);
  if (!bits || !v->type.isFloat()) return std::nullopt;
  return decodeFloat(v->type.elem, *bits);
}

}  // namespace nereid
