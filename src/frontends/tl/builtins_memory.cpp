// SPDX-License-Identifier: MIT
// Loads, stores, atomics, and block pointers, which become pointer arithmetic and a mask in the IR:
//
//   p = tl.make_block_ptr(base, (M, N), (sm, sn), (om, on), (BM, BN), order)
//   x = tl.load(p, boundary_check=(0,))
//   =>
//   %i = extend(om) + range(BM), %j = extend(on) + range(BN)
//   tt.load (base + %i * sm + %j * sn), (%i >= 0 & %i < M)
#include <algorithm>

#include "frontends/tl/codegen.h"
#include "ir/bits.h"
#include "support/sort.h"

namespace nereid::tl {

Result<void> CodeGen::cacheAttrs(Inst* inst, const Bound& a, size_t cache, size_t evict, bool isLoad) {
  std::string_view c = TRY(constantString(a, cache, "the cache modifier"));
  std::string_view e = TRY(constantString(a, evict, "the eviction policy"));
  static constexpr std::pair<std::string_view, int64_t> kLoads[] = {{".ca", 2}, {".cg", 3}, {".cs", 5}, {".cv", 7}};
  static constexpr std::pair<std::string_view, int64_t> kStores[] = {{".wb", 4}, {".cg", 3}, {".cs", 5}, {".wt", 6}};
  if (!c.empty()) {
    bool found = false;
    for (auto& [name, number] : isLoad ? kLoads : kStores)
      if (name == c) {
        inst->set(Attr::Cache, number);
        found = true;
      }
    if (!found)
      return error(Err::Type, a.loc(cache))
          .says("unknown cache modifier '", c, "' for a ", isLoad ? "load" : "store")
          .hint(isLoad ? "use .ca, .cg, .cs or .cv" : "use .wb, .cg, .cs or .wt");
  }
  if (!e.empty()) {
    if (e != "evict_first" && e != "evict_last" && e != "evict_normal")
      return error(Err::Type, a.loc(evict)).says("unknown eviction policy '", e, "'").hint("use evict_first or evict_last");
    if (e != "evict_normal") inst->set(Attr::Evict, int64_t{e == "evict_first" ? 2 : 3});
  }
  return {};
}

// Reports an access through a value that is not a pointer. A number passed for an array arrives here as an integer parameter.
std::unexpected<Failed> CodeGen::notPointer(const Bound& a, std::string_view what, const Tensor& ptr) {
  auto& d = error(Err::Type, a.loc(0));
  if (std::string_view name = parameterOf(ptr.value); !name.empty())
    d.says(what, " needs a pointer, but the argument `", name, "` is a number, ", ptr.type.scalar)
        .hint("pass an array for `", name, "`, which becomes a pointer");
  else
    d.says(what, " needs a pointer, but this is ", ptr.type).hint("add the offsets to a pointer argument, as in `x_ptr + offsets`");
  return d;
}

Result<Val> CodeGen::bLoad(Bound& a) {
  if (a[0].is(VK::BlockPtr)) {
    if (a.given(1) || a.given(2))
      return error(Err::Type, a.loc(a.given(1) ? 1 : 2))
          .says("a load through a block pointer takes neither `mask` nor `other`")
          .hint("check the bounds of axes 0 and 1 with `boundary_check=(0, 1)`");
    std::string_view padding = TRY(constantString(a, 4, "the padding option"));
    if (!padding.empty() && padding != "zero" && padding != "nan")
      return error(Err::Type, a.loc(4)).says("unknown padding option '", padding, "'").hint("use 'zero' or 'nan'");
    DType elem = a[0].type.scalar;
    if (elem.isInt() && padding == "nan")
      return error(Err::Type, a.loc(4)).says("padding 'nan' is for floats, but the elements are ", elem);
    std::vector<int64_t> check = a.present(3) ? TRY(boundaryCheck(a[3], a[0].type.shape.size(), a.loc(3))) : std::vector<int64_t>{};
    BlockAccess access = TRY(blockAccess(a[0], check, a.call));
    Value* other = nullptr;
    TType type = a[0].type;
    if (!padding.empty() && access.mask.value)
      other = padding == "zero" ? zeroOf(type).value : b_.constant(type.ir(), encodeFloat(type.ir().elem, __builtin_nan("")));
    Value* v = b_.load(access.pointers.value, access.mask.value, other);
    CHECK_OK(cacheAttrs(v->def, a, 5, 6, true));
    return Val::of(tensor(v, type));
  }
  if (a[0].is(VK::Desc))
    return error(Err::Type, a.loc(0)).says("tl.load does not take a tensor descriptor").hint("read a block with `desc.load([...])`");
  Tensor ptr = TRY(tensorOf(a, 0));
  if (!ptr.type.scalar.isPointer()) return notPointer(a, "tl.load", ptr);
  if ((a.present(3) && truthy(a[3])) || (a.given(4) && truthy(a[4])))
    return error(Err::Type, a.loc(a.present(3) && truthy(a[3]) ? 3 : 4))
        .says("boundary_check and padding_option are for block pointers, but this is ", ptr.type)
        .hint("use `mask=...` and `other=...`");
  if (a.given(2) && !a.given(1))
    return error(Err::Type, a.loc(2)).says("`other` is the value of masked-off elements, but there is no mask").hint("add `mask=...`");
  Tensor mask, other;
  if (a.given(1)) mask = TRY(tensorOf(a, 1));
  if (a.given(2)) other = TRY(memoryOperand(a[2], ptr.type.scalar.pointee(), ptr.type.shape, a.loc(2)));
  if (mask.value && !mask.type.scalar.isBool())
    return error(Err::Type, a.loc(1))
        .says("a mask must be int1, but this is ", mask.type)
        .hint("write a comparison, such as `offsets < n`");
  if (!ptr.type.isBlock()) {
    if (mask.value && mask.type.isBlock())
      return error(Err::Shape, a.loc(1)).says("the mask is ", mask.type, ", but the pointer is a scalar").label(a.loc(0), ptr.type);
    if (other.value && other.type.isBlock())
      return error(Err::Shape, a.loc(2)).says("`other` is ", other.type, ", but the pointer is a scalar").label(a.loc(0), ptr.type);
  } else {
    if (mask.value) {
      auto p = TRY(broadcast(ptr, mask, {a.loc(1), a.loc(0), a.loc(1)}));
      ptr = p.first;
      mask = p.second;
    }
    if (other.value) {
      auto p = TRY(broadcast(ptr, other, {a.loc(2), a.loc(0), a.loc(2)}));
      ptr = p.first;
      other = p.second;
      if (mask.type.shape != ptr.type.shape) mask = TRY(broadcastTo(mask, ptr.type.shape, a.loc(1)));
    }
  }
  DType elem = ptr.type.scalar.pointee();
  bool isBool = elem.isBool();
  if (isBool) {  // int1 takes a byte in memory
    elem = {Prim::I8};
    ptr = TRY(cast(ptr, elem.pointerTo(), a.loc(0)));
  }
  if (other.value) other = TRY(cast(other, elem, a.loc(2)));
  Value* v = b_.load(ptr.value, mask.value, other.value);
  CHECK_OK(cacheAttrs(v->def, a, 5, 6, true));
  if (a.given(7) && TRY(constantBool(a, 7, "volatile"))) v->def->set(Attr::IsVolatile, int64_t{1});
  Tensor loaded = tensor(v, ptr.type.with(elem));
  if (isBool) loaded = TRY(cast(loaded, {Prim::I1}, a.call));
  return Val::of(loaded);
}

Result<Val> CodeGen::bStore(Bound& a) {
  if (a[0].is(VK::Desc))
    return error(Err::Type, a.loc(0))
        .says("tl.store does not take a tensor descriptor")
        .hint("write a block with `desc.store([...], value)`");
  if (a[0].is(VK::BlockPtr)) {
    if (a[0].tensor.type.scalar.isConst)
      return error(Err::Type, a.loc(0))
          .says("the parameter of this pointer is declared as tl.const, so the kernel cannot write through it");
    Tensor value = TRY(memoryOperand(a[1], a[0].type.scalar, a[0].type.shape, a.loc(1)));
    if (a.given(2))
      return error(Err::Type, a.loc(2))
          .says("a store through a block pointer takes no `mask`")
          .hint("check the bounds of axes 0 and 1 with `boundary_check=(0, 1)`");
    const TType& type = a[0].type;
    if (!value.type.isBlock()) value = splat(value, type.shape);
    if (value.type.shape != type.shape)
      return error(Err::Shape, a.loc(1)).says("the value is ", value.type, ", but the block is ", type).label(a.loc(0), type);
    value = TRY(cast(value, type.scalar, a.loc(1)));
    std::vector<int64_t> check = a.present(3) ? TRY(boundaryCheck(a[3], type.shape.size(), a.loc(3))) : std::vector<int64_t>{};
    BlockAccess access = TRY(blockAccess(a[0], check, a.call));
    CHECK_OK(cacheAttrs(b_.store(access.pointers.value, value.value, access.mask.value), a, 4, 5, false));
    return Val::none();
  }
  Tensor ptr = TRY(tensorOf(a, 0));
  if (!ptr.type.scalar.isPointer()) return notPointer(a, "tl.store", ptr);
  if (ptr.type.scalar.isConst)
    return error(Err::Type, a.loc(0)).says("the parameter of this pointer is declared as tl.const, so the kernel cannot write through it");
  Tensor value = TRY(memoryOperand(a[1], ptr.type.scalar.pointee(), ptr.type.shape, a.loc(1)));
  if (a.present(3) && truthy(a[3]))
    return error(Err::Type, a.loc(3)).says("boundary_check is for block pointers, but this is ", ptr.type).hint("use `mask=...`");
  Tensor mask;
  if (a.given(2)) mask = TRY(tensorOf(a, 2));
  if (mask.value && !mask.type.scalar.isBool())
    return error(Err::Type, a.loc(2))
        .says("a mask must be int1, but this is ", mask.type)
        .hint("write a comparison, such as `offsets < n`");
  if (!ptr.type.isBlock()) {
    if (value.type.isBlock())
      return error(Err::Shape, a.loc(1))
          .says("the value is ", value.type, ", but the pointer is a scalar")
          .label(a.loc(0), ptr.type)
          .hint("add `tl.arange(...)` to the pointer, or reduce the value");
    if (mask.value && mask.type.isBlock())
      return error(Err::Shape, a.loc(2)).says("the mask is ", mask.type, ", but the pointer is a scalar").label(a.loc(0), ptr.type);
  } else {
    auto p = TRY(broadcast(ptr, value, {a.loc(1), a.loc(0), a.loc(1)}));
    if (p.first.type.shape == ptr.type.shape) value = p.second;
    Tensor wide = p.first;
    if (mask.value) {
      auto q = TRY(broadcast(wide, mask, {a.loc(2), a.loc(0), a.loc(2)}));
      wide = q.first;
      mask = q.second;
    }
    if (wide.type.shape != ptr.type.shape)
      return error(Err::Shape, a.loc(0))
          .says("the pointers are ", ptr.type, ", but the value and the mask need ", wide.type.shape)
          .label(a.loc(1), value.type)
          .hint("the pointers need every axis: `ptr[:, None] + offsets[None, :]`");
  }
  DType elem = ptr.type.scalar.pointee();
  if (elem.isBool()) {
    elem = {Prim::I8};
    ptr = TRY(cast(ptr, elem.pointerTo(), a.loc(0)));
  }
  value = TRY(cast(value, elem, a.loc(1)));
  CHECK_OK(cacheAttrs(b_.store(ptr.value, value.value, mask.value), a, 4, 5, false));
  return Val::none();
}

// ---- atomics

Result<int64_t> CodeGen::semOf(const Bound& a, size_t i) {
  std::string_view s = TRY(constantString(a, i, "the memory semantics"));
  if (s.empty() || s == "acq_rel") return static_cast<int64_t>(MemSem::AcqRel);
  if (s == "relaxed") return static_cast<int64_t>(MemSem::Relaxed);
  if (s == "acquire") return static_cast<int64_t>(MemSem::Acquire);
  if (s == "release") return static_cast<int64_t>(MemSem::Release);
  return error(Err::Type, a.loc(i)).says("unknown memory semantics '", s, "'").hint("use relaxed, acquire, release or acq_rel");
}

Result<int64_t> CodeGen::scopeOf(const Bound& a, size_t i) {
  std::string_view s = TRY(constantString(a, i, "the memory scope"));
  if (s.empty() || s == "gpu") return static_cast<int64_t>(MemScope::Gpu);
  if (s == "cta") return static_cast<int64_t>(MemScope::Cta);
  if (s == "sys") return static_cast<int64_t>(MemScope::Sys);
  return error(Err::Type, a.loc(i)).says("unknown memory scope '", s, "'").hint("use gpu, cta or sys");
}

Result<Tensor> CodeGen::atomicRmw(Rmw op, const Tensor& ptr, const Tensor& val, const Tensor& mask, int64_t sem, int64_t scope) {
  Inst* inst = b_.create(Op::AtomicRMW, {ptr.value, val.value, mask.value}, {val.value->type},
                         {{Attr::RmwOp, static_cast<int64_t>(op)}, {Attr::Sem, sem}, {Attr::Scope, scope}});
  inst->segments = {1, 1, 1};
  return tensor(inst->result(), val.type);
}

// Atomics on floats have no maximum: positive floats are ordered like signed integers, negative ones like unsigned integers in reverse.
Result<Tensor> CodeGen::floatAtomic(bool maximum, const Tensor& ptr, const Tensor& val, const Tensor& mask, int64_t sem, int64_t scope,
                                    Loc loc) {
  int bits = val.type.scalar.bits();
  DType i = intType(bits, true), u = intType(bits, false);
  Tensor iVal = TRY(bitcast(val, i, loc)), iPtr = TRY(cast(ptr, i.pointerTo(), loc));
  Tensor uVal = TRY(bitcast(val, u, loc));
  Tensor sign = TRY(bitwise(Op::ShRUI, Val::of(uVal), Val::integer(bits - 1), {loc, loc, loc}));
  Tensor negative = TRY(cast(sign, {Prim::I1}, loc)), positive = TRY(logicalNot(negative, loc));
  Tensor whenPositive = TRY(bitwise(Op::AndI, Val::of(mask), Val::of(positive), {loc, loc, loc}));
  Tensor whenNegative = TRY(bitwise(Op::AndI, Val::of(mask), Val::of(negative), {loc, loc, loc}));
  Tensor a = TRY(atomicRmw(maximum ? Rmw::Max : Rmw::Min, iPtr, iVal, whenPositive, sem, scope));
  Tensor b = TRY(atomicRmw(maximum ? Rmw::UMin : Rmw::UMax, iPtr, tensor(uVal.value, iVal.type), whenNegative, sem, scope));
  Tensor old = TRY(where(positive, Val::of(a), Val::of(b), {loc, loc, loc}));
  return bitcast(old, val.type.scalar, loc);
}

Result<Val> CodeGen::bAtomicRmw(Bound& a) {
  Tensor ptr = TRY(tensorOf(a, 0));
  if (!ptr.type.scalar.isPointer()) return notPointer(a, cat("tl.", a.info->name), ptr);
  if (ptr.type.scalar.isConst)
    return error(Err::Type, a.loc(0)).says("the parameter of this pointer is declared as tl.const, so the kernel cannot write through it");
  DType elem = ptr.type.scalar.pointee();
  Tensor val = TRY(memoryOperand(a[1], elem, ptr.type.shape, a.loc(1)));
  Rmw op = static_cast<Rmw>(a.info->tag);
  bool half = elem.is(Prim::F16) || elem.is(Prim::BF16);
  if ((half && op != Rmw::Add) || (elem.isInt() && elem.bits() <= 16) || elem.bits() < 16)
    return error(Err::Type, a.loc(0))
        .says("`", a.info->name, "` does not support ", elem)
        .hint(half ? "16-bit floats have atomic_add only" : "use 32- or 64-bit elements");
  if (elem.isFloat() && (op == Rmw::And || op == Rmw::Or || op == Rmw::Xor))
    return error(Err::Type, a.loc(0)).says("`", a.info->name, "` is for integers, not ", elem);
  Tensor mask;
  if (a.given(2)) {
    mask = TRY(tensorOf(a, 2));
    if (!mask.type.scalar.isBool())
      return error(Err::Type, a.loc(2))
          .says("a mask must be int1, but this is ", mask.type)
          .hint("write a comparison, such as `offsets < n`");
  }
  if (ptr.type.isBlock()) {
    if (mask.value) mask = TRY(broadcastTo(mask, ptr.type.shape, a.loc(2)));
    val = TRY(broadcastTo(val, ptr.type.shape, a.loc(1)));
  } else if (val.type.isBlock() || (mask.value && mask.type.isBlock())) {
    return error(Err::Shape, a.loc(val.type.isBlock() ? 1 : 2))
        .says("the pointer is a scalar, but this is ", val.type.isBlock() ? val.type : mask.type)
        .label(a.loc(0), ptr.type);
  }
  val = TRY(cast(val, elem, a.loc(1)));
  if (!mask.value) mask = tensor(b_.constant(ptr.type.with({Prim::I1}).ir(), 1), ptr.type.with({Prim::I1}));
  int64_t sem = TRY(semOf(a, 3)), scope = TRY(scopeOf(a, 4));
  if (elem.isFloat() && (op == Rmw::Max || op == Rmw::Min)) {
    if (!elem.is(Prim::F32) && !elem.is(Prim::F64)) return error(Err::Type, a.loc(0)).says("`", a.info->name, "` does not support ", elem);
    return Val::of(floatAtomic(op == Rmw::Max, ptr, val, mask, sem, scope, a.call));
  }
  if (op == Rmw::Add && elem.isFloat()) op = Rmw::FAdd;
  if (op == Rmw::Max && elem.isUnsigned()) op = Rmw::UMax;
  if (op == Rmw::Min && elem.isUnsigned()) op = Rmw::UMin;
  return Val::of(atomicRmw(op, ptr, val, mask, sem, scope));
}

Result<Val> CodeGen::bAtomicCas(Bound& a) {
  Tensor ptr = TRY(tensorOf(a, 0)), cmp = TRY(tensorOf(a, 1)), val = TRY(tensorOf(a, 2));
  if (!ptr.type.scalar.isPointer()) return notPointer(a, "tl.atomic_cas", ptr);
  if (ptr.type.scalar.isConst)
    return error(Err::Type, a.loc(0)).says("the parameter of this pointer is declared as tl.const, so the kernel cannot write through it");
  DType elem = ptr.type.scalar.pointee();
  if (elem.bits() != 16 && elem.bits() != 32 && elem.bits() != 64)
    return error(Err::Type, a.loc(0)).says("`atomic_cas` takes elements of 16, 32 or 64 bits, not ", elem);
  // Numbers take the type of the memory; a tensor must already have it.
  auto fit = [&](Tensor t, size_t i) -> Result<Tensor> {
    t = TRY(cast(t, elem, a.loc(i)));
    return ptr.type.isBlock() ? broadcastTo(t, ptr.type.shape, a.loc(i)) : Result<Tensor>(t);
  };
  cmp = TRY(fit(cmp, 1));
  val = TRY(fit(val, 2));
  if (val.type.shape != ptr.type.shape || cmp.type.shape != ptr.type.shape)
    return error(Err::Shape, a.call).says("the values of `atomic_cas` must have the shape of the pointers, ", ptr.type.shape);
  Inst* inst = b_.create(Op::AtomicCAS, {ptr.value, cmp.value, val.value}, {val.value->type},
                         {{Attr::Sem, TRY(semOf(a, 3))}, {Attr::Scope, TRY(scopeOf(a, 4))}});
  return Val::of(tensor(inst->result(), val.type));
}

// ---- block pointers

// Scalars for shapes, strides and offsets: i64 where `wide`, else i32.
Result<std::vector<Val>> CodeGen::indexList(const Val& v, Loc loc, bool wide, std::string_view what) {
  std::vector<Val> out;
  std::vector<Val> items = v.is(VK::Tuple) ? *v.items : std::vector<Val>{v};
  for (const Val& item : items) {
    DType type{wide ? Prim::I64 : Prim::I32};
    if (item.isInt()) {
      if (!wide && (item.number > INT32_MAX || item.number < INT32_MIN))
        return error(Err::Type, loc).says(what, " must fit in 32 bits, but this is ", repr(item));
      out.push_back(Val::of(TRY(scalarConstant(Val::integer(item.number), type, loc))));
      continue;
    }
    if (!item.isTensor() || !item.tensor.type.scalar.isInt() || item.tensor.type.numel() != 1)
      return error(Err::Type, loc).says(what, " must be integers, but one is ", item);
    Tensor t = item.tensor;
    if (t.type.isBlock()) t = TRY(unsplat(t, loc));
    if (!wide && t.type.scalar.bits() == 64)
      return error(Err::Type, loc).says(what, " must be 32-bit integers, but one is ", t.type).hint("cast it with `.to(tl.int32)`");
    if (wide || t.type.scalar.bits() < 32) t = widenTo(t, type.prim);
    t.type = {type, {}};
    out.push_back(Val::of(t));
  }
  return out;
}

Result<Val> CodeGen::bMakeBlockPtr(Bound& a) {
  Tensor base = TRY(tensorOf(a, 0));
  if (!base.type.scalar.isPointer() || base.type.isBlock())
    return error(Err::Type, a.loc(0)).says("the base of make_block_ptr must be a pointer, but this is ", base.type);
  if (base.type.scalar.pointee().isBool()) base = TRY(cast(base, DType{Prim::I8}.pointerTo(), a.loc(0)));
  std::vector<Val> items = TRY(indexList(a[1], a.loc(1), true, "the shape"));
  std::vector<Val> strides = TRY(indexList(a[2], a.loc(2), true, "the strides")),
                   offsets = TRY(indexList(a[3], a.loc(3), false, "the offsets"));
  Shape block = TRY(shapeOf(a[4], a.loc(4)));
  std::vector<int64_t> order = TRY(intList(a[5], a.loc(5), "the order"));
  std::vector<int64_t> sorted = order;
  sortStably(sorted);
  for (size_t i = 0; i < sorted.size(); ++i)
    if (sorted[i] != static_cast<int64_t>(i))
      return error(Err::Type, a.loc(5))
          .says("the order must name each of the axes 0 to ", order.size() - 1, " once, but it is ", listText(order));
  size_t rank = block.size();
  if (items.size() != rank || strides.size() != rank || offsets.size() != rank || order.size() != rank)
    return error(Err::Shape, a.call)
        .says("shape, strides, offsets, block_shape and order must have the same length, but have ", items.size(), ", ", strides.size(),
              ", ", offsets.size(), ", ", rank, " and ", order.size());
  Val v = Val::of(VK::BlockPtr);
  v.tensor = base;
  v.type = {base.type.scalar.pointee(), block};
  items.insert(items.end(), strides.begin(), strides.end());
  items.insert(items.end(), offsets.begin(), offsets.end());
  v.items = keep(std::move(items));
  return v;
}

Result<Val> CodeGen::bAdvance(Bound& a) {
  if (!a[0].is(VK::BlockPtr))
    return error(Err::Type, a.loc(0)).says("tl.advance moves a block pointer, but this is ", a[0]).hint("add to a pointer with `+`");
  size_t rank = a[0].type.shape.size();
  std::vector<Val> by = TRY(indexList(a[1], a.loc(1), false, "the offsets"));
  if (by.size() != rank)
    return error(Err::Shape, a.loc(1)).says("the block pointer has ", rank, " axes, but there are ", by.size(), " offsets");
  std::vector<Val> items = *a[0].items;
  for (size_t i = 0; i < rank; ++i) {
    Value* d = by[i].tensor.value;
    if (auto known = constantBits(d); known && *known == 0) continue;  // an axis that never moves needs no loop-carried value
    Val& offset = items[2 * rank + i];
    offset = Val::of(TRY(add(offset, by[i], {a.call, a.loc(0), a.loc(1)})));
  }
  Val v = a[0];
  v.items = keep(std::move(items));
  return v;
}

Result<std::vector<int64_t>> CodeGen::boundaryCheck(const Val& v, size_t rank, Loc loc) {
  if (v.isNone()) return std::vector<int64_t>{};
  std::vector<int64_t> axes = TRY(intList(v, loc, "boundary_check"));
  sortStably(axes);
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] < 0 || axes[i] >= static_cast<int64_t>(rank))
      return error(Err::Shape, loc).says("boundary_check names axis ", axes[i], ", but the block has ", rank);
    if (i && axes[i] == axes[i - 1]) return error(Err::Shape, loc).says("boundary_check names axis ", axes[i], " twice");
  }
  return axes;
}

Result<CodeGen::BlockAccess> CodeGen::blockAccess(const Val& p, const std::vector<int64_t>& check, Loc loc) {
  const Shape& shape = p.type.shape;
  size_t rank = shape.size();
  BlockAccess access;
  Tensor pointers = splat(p.tensor, shape);
  Locs locs{loc, loc, loc};
  for (size_t i = 0; i < rank; ++i) {
    Tensor index = widenTo(p.item(2 * rank + i).tensor, Prim::I64);
    Tensor range = widenTo(tensor(b_.range(0, shape[i]), {{Prim::I32}, {shape[i]}}), Prim::I64);
    index = TRY(add(Val::of(index), Val::of(range), locs));
    auto inPlace = [&](Tensor t) -> Result<Tensor> {
      for (size_t k = 0; k < rank; ++k)
        if (k != i) t = expandDims(t, static_cast<int>(k));
      return broadcastTo(t, shape, loc);
    };
    Tensor offset = TRY(mul(Val::of(index), p.item(rank + i), locs));
    pointers = TRY(add(Val::of(pointers), Val::of(TRY(inPlace(offset))), locs));
    if (std::find(check.begin(), check.end(), static_cast<int64_t>(i)) == check.end()) continue;
    Tensor low = TRY(compare(">=", Val::of(index), Val::integer(0), locs)), high = TRY(compare("<", Val::of(index), p.item(i), locs));
    Tensor inside = TRY(inPlace(TRY(bitwise(Op::AndI, Val::of(low), Val::of(high), locs))));
    access.mask = access.mask.value ? TRY(bitwise(Op::AndI, Val::of(access.mask), Val::of(inside), locs)) : inside;
  }
  access.pointers = pointers;
  return access;
}

// ---- tensor descriptors

Result<Val> CodeGen::bMakeDesc(Bound& a) {
  Tensor base = TRY(tensorOf(a, 0));
  if (!base.type.scalar.isPointer() || base.type.isBlock())
    return error(Err::Type, a.loc(0)).says("the base of make_tensor_descriptor must be a pointer, but this is ", base.type);
  DType elem = base.type.scalar.pointee();
  Shape block = TRY(shapeOf(a[3], a.loc(3)));
  size_t rank = a[1].size();
  if (!a[1].is(VK::Tuple) || rank < 1 || rank > 5) return error(Err::Shape, a.loc(1)).says("a tensor descriptor has 1 to 5 axes");
  if (a[2].size() != rank) return error(Err::Shape, a.loc(2)).says("there are ", rank, " axes, but ", a[2].size(), " strides");
  if (block.size() != rank) return error(Err::Shape, a.loc(3)).says("there are ", rank, " axes, but the block has ", block.size());
  if (block.back() * elem.bits() / 8 < 16)
    return error(Err::Shape, a.loc(3))
        .says("the last axis of a descriptor's block must be at least 16 bytes, but ", block.back(), " elements of ", elem, " are ",
              block.back() * elem.bits() / 8);
  const Val& last = a[2].items->back();
  if (!last.isInt() || last.number != 1)
    return error(Err::Type, a.loc(2)).says("the last stride of a descriptor must be the constexpr 1, but it is ", last);
  std::string_view padding = a.given(4) ? TRY(constantString(a, 4, "the padding option")) : "zero";
  if (padding != "zero" && padding != "nan")
    return error(Err::Type, a.loc(4)).says("unknown padding option '", padding, "'").hint("use 'zero' or 'nan'");
  if (elem.isInt() && padding == "nan") return error(Err::Type, a.loc(4)).says("padding 'nan' is for floats, but the elements are ", elem);
  Val v = Val::of(VK::Desc);
  v.type = {elem, block};
  std::vector<Value*> operands{base.value};
  std::vector<Val> items;
  for (int part = 0; part < 2; ++part)
    for (const Val& item : *a[part ? 2 : 1].items) {
      DType want{part ? Prim::I64 : Prim::I32};
      Loc loc = a.loc(part ? 2 : 1);
      if (!item.isInt() && !(item.isTensor() && item.tensor.type.scalar.isInt() && item.tensor.type.numel() == 1))
        return error(Err::Type, loc).says(part ? "the strides" : "the shape", " must be integers, but one is ", item);
      Tensor t = item.isTensor() ? TRY(cast(TRY(unsplat(item.tensor, loc)), want, loc))
                                 : TRY(scalarConstant(Val::integer(item.number), want, loc));
      operands.push_back(t.value);
      items.push_back(Val::of(t));
    }
  Type type = v.type.ir();
  type.form = Form::Desc;
  if (elem.isInt()) type.sign = elem.isSigned() ? Sign::Signed : Sign::Unsigned;
  Inst* inst = b_.create(Op::MakeTensorDesc, operands, {type},
                         {{Attr::Padding, static_cast<int64_t>(padding == "nan" ? Padding::Nan : Padding::Zero)}});
  inst->segments = {1, static_cast<int32_t>(rank), static_cast<int32_t>(rank)};
  v.tensor = {inst->result(), v.type};
  v.items = keep(std::move(items));
  return v;
}

Result<std::pair<Val, std::vector<Value*>>> CodeGen::descAccess(const Val& desc, Loc descLoc, const Val& offsets, Loc loc) {
  if (!desc.is(VK::Desc))
    return error(Err::Type, descLoc)
        .says("expected a tensor descriptor, but this is ", desc)
        .hint("make one with `tl.make_tensor_descriptor(...)`");
  std::vector<Val> items = TRY(indexList(offsets, loc, false, "the offsets"));
  if (items.size() != desc.type.shape.size())
    return error(Err::Shape, loc).says("the descriptor has ", desc.type.shape.size(), " axes, but there are ", items.size(), " offsets");
  std::vector<Value*> values;
  for (const Val& v : items) values.push_back(v.tensor.value);
  return std::pair{desc, values};
}

Result<Val> CodeGen::bDescLoad(Bound& a) {
  auto [desc, offsets] = TRY(descAccess(a[0], a.loc(0), a[1], a.loc(1)));
  std::vector<Value*> operands{desc.tensor.value};
  operands.insert(operands.end(), offsets.begin(), offsets.end());
  return Val::of(tensor(b_.create(Op::DescLoad, operands, {desc.type.ir()})->result(), desc.type));
}

Result<Val> CodeGen::bDescStore(Bound& a) {
  auto [desc, offsets] = TRY(descAccess(a[0], a.loc(0), a[1], a.loc(1)));
  Tensor value = TRY(tensorOf(a, 2));
  if (value.type.shape != desc.type.shape)
    return error(Err::Shape, a.loc(2))
        .says("the value is ", value.type, ", but the descriptor's block is ", desc.type)
        .label(a.loc(0), desc.type);
  value = TRY(cast(value, desc.type.scalar, a.loc(2)));
  std::vector<Value*> operands{desc.tensor.value, value.value};
  operands.insert(operands.end(), offsets.begin(), offsets.end());
  b_.create(Op::DescStore, operands, {})->segments = {1, 1, static_cast<int32_t>(offsets.size())};
  return Val::none();
}

Result<Val> CodeGen::bDescReduce(Bound& a) {
  auto [desc, offsets] = TRY(descAccess(a[0], a.loc(0), a[1], a.loc(1)));
  Tensor value = TRY(tensorOf(a, 2));
  if (value.type.shape != desc.type.shape || value.type.scalar != desc.type.scalar)
    return error(Err::Shape, a.loc(2)).says("the value is ", value.type, ", but the descriptor's block is ", desc.type);
  DType s = desc.type.scalar;
  DescReduceKind kind = static_cast<DescReduceKind>(a.info->tag);
  bool bits = kind == DescReduceKind::And || kind == DescReduceKind::Or || kind == DescReduceKind::Xor;
  bool ok = s.is(Prim::U32) || s.is(Prim::I32) || s.is(Prim::U64) || (s.is(Prim::I64) && kind != DescReduceKind::Add) ||
            (!bits && (s.is(Prim::F16) || s.is(Prim::BF16))) || (kind == DescReduceKind::Add && s.is(Prim::F32));
  if (!ok) return error(Err::Type, a.loc(0)).says("`", a.info->name, "` of a descriptor does not support ", s);
  std::vector<Value*> operands{desc.tensor.value, value.value};
  operands.insert(operands.end(), offsets.begin(), offsets.end());
  Inst* inst = b_.create(Op::DescReduce, operands, {}, {{Attr::Kind, static_cast<int64_t>(kind)}});
  inst->segments = {1, 1, static_cast<int32_t>(offsets.size())};
  return Val::none();
}

namespace {

std::string badRows(const Val& desc, const Tensor& rows) {
  if (desc.type.shape.size() != 2 || desc.type.shape[0] != 1)
    return cat("the descriptor's block must be one row, [1, N], but it is ", desc.type);
  if (rows.type.shape.size() != 1 || !rows.type.scalar.isInt())
    return cat("the rows must be integers along one axis, but this is ", rows.type);
  if (rows.type.shape[0] < 8) return cat("there must be at least 8 rows, not ", rows.type.shape[0]);
  int64_t columns = 32 / desc.type.scalar.bits() * 8;
  if (desc.type.shape[1] < columns)
    return cat("a row of ", desc.type.scalar, " must have at least ", columns, " columns, not ", desc.type.shape[1]);
  return "";
}

}  // namespace

Result<Val> CodeGen::bDescGather(Bound& a) {
  const Val& desc = a[0];
  Tensor rows = TRY(tensorOf(a, 1));
  if (std::string bad = badRows(desc, rows); !bad.empty()) return error(Err::Shape, a.call).says(bad);
  std::vector<Val> y = TRY(indexList(a[2], a.loc(2), false, "the column"));
  TType type{desc.type.scalar, {rows.type.shape[0], desc.type.shape[1]}};
  return Val::of(tensor(b_.create(Op::DescGather, {desc.tensor.value, rows.value, y[0].tensor.value}, {type.ir()})->result(), type));
}

Result<Val> CodeGen::bDescScatter(Bound& a) {
  const Val& desc = a[0];
  Tensor value = TRY(tensorOf(a, 1)), rows = TRY(tensorOf(a, 2));
  if (std::string bad = badRows(desc, rows); !bad.empty()) return error(Err::Shape, a.call).says(bad);
  TType type{desc.type.scalar, {rows.type.shape[0], desc.type.shape[1]}};
  if (!(value.type == type)) return error(Err::Shape, a.loc(1)).says("the value must be ", type, ", but it is ", value.type);
  std::vector<Val> y = TRY(indexList(a[3], a.loc(3), false, "the column"));
  b_.create(Op::DescScatter, {desc.tensor.value, rows.value, y[0].tensor.value, value.value}, {});
  return Val::none();
}

}  // namespace nereid::tl
