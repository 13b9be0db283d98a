// SPDX-License-Identifier: MIT
// Creation of tensors, their shapes, and the program's place in the grid.
#include <algorithm>

#include "frontends/tl/codegen.h"
#include "support/sort.h"

namespace nereid::tl {

Result<Val> CodeGen::bProgramId(Bound& a) {
  int64_t axis = TRY(constantInt(a, 0, "the axis of the grid"));
  if (axis < 0 || axis > 2) return error(Err::Type, a.loc(0)).says("the axis of the grid must be 0, 1 or 2, but this is ", axis);
  Value* v = b_.create(a.info->op, {}, {Type::scalar(Elem::I32)}, {{Attr::Axis, axis}})->result();
  return Val::of(tensor(v, {{Prim::I32}, {}}));
}

Result<Val> CodeGen::bArange(Bound& a) {
  int64_t start = TRY(constantInt(a, 0, "the start of tl.arange")), end = TRY(constantInt(a, 1, "the end of tl.arange"));
  if (start < INT32_MIN || end > INT32_MAX || start > INT32_MAX || end < INT32_MIN)
    return error(Err::Shape, a.call).says("the bounds of tl.arange must fit in 32 bits");
  if (end <= start) return error(Err::Shape, a.loc(1)).says("the end of tl.arange, ", end, ", must be greater than its start, ", start);
  if (!isPowerOfTwo(end - start)) {
    int64_t up = 1;
    while (up < end - start) up *= 2;
    return error(Err::Shape, a.call)
        .says("the length of tl.arange must be a power of two, but it is ", end - start)
        .hint("use ", up, ", with a mask for the elements past ", end - start);
  }
  if (end - start > kMaxNumel)
    return error(Err::Shape, a.call).says("a tensor can have at most ", kMaxNumel, " elements, but this has ", end - start);
  return Val::of(tensor(b_.range(start, end), {{Prim::I32}, {end - start}}));
}

Result<Val> CodeGen::bFull(Bound& a) {
  Shape shape = TRY(shapeOf(a[0], a.loc(0)));
  DType type = TRY(dtypeOf(a, 2));
  Tensor scalar;
  if (a[1].isTensor()) {
    if (a[1].tensor.type.numel() != 1) return error(Err::Shape, a.loc(1)).says("tl.full takes one value, but this is ", a[1]);
    scalar = TRY(cast(a[1].tensor, type, a.loc(1)));
    if (scalar.type.isBlock()) scalar = TRY(unsplat(scalar, a.loc(1)));
  } else {
    if (!a[1].isNumber()) return error(Err::Type, a.loc(1)).says("tl.full takes a number or a scalar, but this is ", a[1]);
    return Val::of(scalarConstant(a[1], type, a.loc(1), shape));
  }
  return Val::of(splat(scalar, shape));
}

Result<Val> CodeGen::bCat(Bound& a) {
  Tensor x = TRY(tensorOf(a, 0)), y = TRY(tensorOf(a, 1));
  // As in stock Triton the types of the IR must agree: int32 and uint32 join as the first one's type.
  if (x.type.shape.size() != 1 || x.type.ir() != y.type.ir())
    return error(Err::Shape, a.call)
        .says("tl.cat takes two tensors with one axis and the same type, but these are ", x.type, " and ", y.type);
  if (!a.given(2) || !TRY(constantBool(a, 2, "can_reorder")))
    return error(Err::Unsupported, a.call)
        .says("tl.cat may reorder elements, so it needs `can_reorder=True`")
        .hint("to keep the order use `tl.join`, `tl.permute` and `tl.reshape`");
  TType type{x.type.scalar, {x.type.shape[0] * 2}};
  return Val::of(tensor(b_.create(Op::Cat, {x.value, y.value}, {type.ir()})->result(), type));
}

Result<Val> CodeGen::bCast(Bound& a) {
  Tensor t = TRY(tensorOf(a, 0));
  DType to = TRY(dtypeOf(a, 1));
  std::string_view rounding = TRY(constantString(a, 2, "the rounding mode"));
  bool bits = a.given(3) && TRY(constantBool(a, 3, "bitcast"));
  return Val::of(bits ? bitcast(t, to, a.loc(1)) : cast(t, to, a.loc(1), rounding));
}

Result<Val> CodeGen::bToTensor(Bound& a) { return Val::of(tensorOf(a, 0)); }

Result<Val> CodeGen::bBroadcast(Bound& a) {
  auto [x, y] = TRY(broadcast(TRY(tensorOf(a, 0)), TRY(tensorOf(a, 1)), {a.call, a.loc(0), a.loc(1)}));
  return tuple({Val::of(x), Val::of(y)});
}

// A shape or an order, written as one tuple or as separate arguments; also handles the keyword spelling of the tuple.
Result<std::vector<Val>> CodeGen::shapeArguments(Bound& a) {
  if (a.rest.size() == 1 && a.rest[0].value.is(VK::Tuple)) return *a.rest[0].value.items;
  std::vector<Val> out;
  for (const Arg& arg : a.rest) out.push_back(arg.value);
  return out;
}

Result<Val> CodeGen::bBroadcastTo(Bound& a) {
  Tensor t = TRY(tensorOf(a, 0));
  Shape shape = TRY(shapeOf(tuple(TRY(shapeArguments(a))), a.rest.empty() ? a.call : a.rest[0].loc));
  return Val::of(broadcastTo(t, shape, a.call));
}

Result<Val> CodeGen::bExpandDims(Bound& a) {
  Tensor t = TRY(tensorOf(a, 0));
  std::vector<int64_t> axes = TRY(intList(a[1], a.loc(1), "an axis"));
  int64_t rank = static_cast<int64_t>(t.type.shape.size() + axes.size());
  if (rank > kMaxRank) return error(Err::Shape, a.call).says("a tensor can have at most ", kMaxRank, " axes");
  for (int64_t& axis : axes) {
    if (axis < -rank || axis >= rank)
      return error(Err::Shape, a.loc(1)).says("axis ", axis, " is out of range: the result has ", rank, " axes");
    if (axis < 0) axis += rank;
  }
  sortStably(axes);
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end())
    return error(Err::Shape, a.loc(1)).says("each axis can be given once, but one is given twice");
  for (int64_t axis : axes) t = expandDims(t, static_cast<int>(axis));
  return Val::of(t);
}

Result<Val> CodeGen::bSqueeze(Bound& a) {
  Tensor t = TRY(tensorOf(a, 0));
  int64_t axis = TRY(axisOf(a[1], static_cast<int64_t>(t.type.shape.size()), a.loc(1)));
  Shape shape = t.type.shape;
  if (shape[static_cast<size_t>(axis)] != 1)
    return error(Err::Shape, a.loc(1)).says("only an axis of size 1 can be removed, but axis ", axis, " of ", t.type, " is not 1");
  shape.erase(static_cast<size_t>(axis));
  if (shape.empty()) return Val::of(unsplat(t, a.call));
  return Val::of(reshape(t, shape, false, a.call));
}

Result<Val> CodeGen::bPermute(Bound& a) {
  Tensor t = TRY(tensorOf(a, 0));
  size_t rank = t.type.shape.size();
  std::vector<Val> given = TRY(shapeArguments(a));
  std::vector<int64_t> order;
  if (given.empty() && a.info->tag == 1) {
    if (rank < 2) return error(Err::Shape, a.loc(0)).says("tl.trans needs at least two axes, but this is ", t.type);
    for (size_t i = 0; i < rank; ++i) order.push_back(static_cast<int64_t>(i));
    std::swap(order[rank - 1], order[rank - 2]);
  } else {
    order = TRY(intList(tuple(given), a.rest.empty() ? a.call : a.rest[0].loc, "an order of axes"));
  }
  std::vector<int64_t> sorted = order;
  sortStably(sorted);
  bool permutation = sorted.size() == rank;
  for (size_t i = 0; permutation && i < rank; ++i) permutation = sorted[i] == static_cast<int64_t>(i);
  if (!permutation)
    return error(Err::Shape, a.rest.empty() ? a.call : a.rest[0].loc)
        .says("the order must name each of the ", rank, " axes of ", t.type, " once, but it is ", listText(order));
  TType type{t.type.scalar, {}};
  for (int64_t axis : order) type.shape.push_back(t.type.shape[static_cast<size_t>(axis)]);
  if (rank == 0) return Val::of(t);
  return Val::of(tensor(b_.trans(t.value, order), type));
}

Result<Tensor> CodeGen::reshape(const Tensor& t, const Shape& shape, bool reorder, Loc loc) {
  TType type{t.type.scalar, shape};
  if (type.numel() != t.type.numel())
    return error(Err::Shape, loc)
        .says("a reshape must keep the number of elements, but ", t.type, " has ", t.type.numel(), " and ", shape, " has ", type.numel());
  if (!t.type.isBlock()) return splat(t, shape);
  return tensor(b_.reshape(t.value, shape.dims(), reorder), type);
}

Result<Val> CodeGen::bReshape(Bound& a) {
  Tensor t = TRY(tensorOf(a, 0));
  bool reorder = a.info->tag == 1 || (a.slots.size() > 1 && a.given(1) && TRY(constantBool(a, 1, "can_reorder")));
  Shape shape = TRY(shapeOf(tuple(TRY(shapeArguments(a))), a.rest.empty() ? a.call : a.rest[0].loc));
  if (shape.empty()) return Val::of(unsplat(t, a.call));
  return Val::of(reshape(t, shape, reorder, a.call));
}

Result<Val> CodeGen::bJoin(Bound& a) {
  auto [x, y] = TRY(broadcast(TRY(tensorOf(a, 0)), TRY(tensorOf(a, 1)), {a.call, a.loc(0), a.loc(1)}));
  if (x.type.scalar.ir() != y.type.scalar.ir())
    return error(Err::Type, a.call)
        .says("tl.join takes two tensors of the same type, but these are ", x.type, " and ", y.type)
        .label(a.loc(0), x.type)
        .label(a.loc(1), y.type);
  bool scalars = !x.type.isBlock();
  if (scalars) {
    x = expandDims(x, 0);
    y = expandDims(y, 0);
  }
  TType type = x.type;
  if (type.shape.size() == kMaxRank) return error(Err::Shape, a.call).says("a tensor can have at most ", kMaxRank, " axes");
  type.shape.push_back(2);
  if (type.numel() > kMaxNumel) return error(Err::Shape, a.call).says("a tensor can have at most ", kMaxNumel, " elements");
  Tensor joined = tensor(b_.create(Op::Join, {x.value, y.value}, {type.ir()})->result(), type);
  if (scalars) joined = TRY(reshape(joined, {2}, false, a.call));
  return Val::of(joined);
}

Result<Val> CodeGen::bSplit(Bound& a) {
  Tensor t = TRY(tensorOf(a, 0));
  if (t.type.shape.empty() || t.type.shape.back() != 2)
    return error(Err::Shape, a.loc(0))
        .says("tl.split needs a last axis of size 2, but this is ", t.type)
        .hint("give it one with `tl.reshape(x, [..., 2])`");
  bool rank1 = t.type.shape.size() == 1;
  if (rank1) t = expandDims(t, 0);
  TType type = t.type;
  type.shape.erase(type.shape.size() - 1);
  Inst* inst = b_.create(Op::Split, {t.value}, {type.ir(), type.ir()});
  Tensor left = tensor(inst->result(0), type), right = tensor(inst->result(1), type);
  if (rank1) {
    left = TRY(unsplat(left, a.call));
    right = TRY(unsplat(right, a.call));
  }
  return tuple({Val::of(left), Val::of(right)});
}

Result<Tensor> CodeGen::unsplat(const Tensor& t, Loc loc) {
  if (!t.type.isBlock()) return t;
  if (t.type.numel() != 1) return error(Err::Shape, loc).says("only a tensor of one element can become a scalar, but this is ", t.type);
  TType type{t.type.scalar, {}};
  return tensor(b_.create(Op::Unsplat, {t.value}, {type.ir()})->result(), type);
}

Result<Val> CodeGen::bItem(Bound& a) { return Val::of(unsplat(TRY(tensorOf(a, 0)), a.call)); }

}  // namespace nereid::tl
