// SPDX-License-Identifier: MIT
// Builtins that combine elements: matrix products, reductions, scans, histograms, gathers.
#include <algorithm>

#include "frontends/tl/codegen.h"

namespace nereid::tl {

// On a CPU: full precision unless the kernel asks for less.
Result<int64_t> CodeGen::dotPrecision(const Bound& a) {
  if (a.given(3) && a.given(4)) return error(Err::Type, a.loc(4)).says("give input_precision or allow_tf32, not both");
  std::string precision = "ieee";
  if (a.given(3))
    precision = TRY(constantString(a, 3, "input_precision"));
  else if (a.given(4))
    precision = TRY(constantBool(a, 4, "allow_tf32")) ? "tf32" : "ieee";
  static constexpr std::string_view kPrecisions[] = {"tf32", "tf32x3", "ieee", "bf16x3", "bf16x6"};
  for (char& c : precision) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  auto found = std::find(std::begin(kPrecisions), std::end(kPrecisions), precision);
  if (found == std::end(kPrecisions))
    return error(Err::Type, a.loc(3)).says("unknown input_precision '", precision, "'").hint("use ieee, tf32, tf32x3, bf16x3 or bf16x6");
  return found - std::begin(kPrecisions);
}

Result<void> CodeGen::checkDotOperands(const Bound& a, const TType& x, const TType& y) {
  const size_t rank = x.shape.size();
  if (rank < 2 || y.shape.size() != rank)
    return error(Err::Shape, a.call)
        .says("tl.dot takes two matrices, but these are ", x, " and ", y)
        .label(a.loc(0), x)
        .label(a.loc(1), y)
        .hint("`x[:, None]` makes a column, `x[None, :]` a row");
  Shape left = x.shape, right = y.shape;
  for (Shape* batch : {&left, &right})
    for (int i = 0; i < 2; ++i) batch->erase(batch->size() - 1);
  if (x.shape[rank - 1] != y.shape[rank - 2] || left != right)
    return error(Err::Shape, a.call)
        .says("tl.dot needs shapes [M, K] and [K, N], but these are ", x.shape, " and ", y.shape)
        .label(a.loc(0), x)
        .label(a.loc(1), y)
        .hint("`tl.trans(x)` swaps the axes of an operand");
  for (size_t i : {0, 1})
    if ((i ? y : x).scalar.is(Prim::F8E4B15))
      return error(Err::Unsupported, a.loc(i))
          .says("fp8e4b15 is a type of one GPU family, which Nereid does not support")
          .hint("use tl.float8e4nv or tl.float8e5");
  if (x.scalar.isFp8() && y.scalar.isFp8()) return {};
  auto allowed = [](DType s) { return s.is(Prim::I8) || s.is(Prim::F16) || s.is(Prim::BF16) || s.is(Prim::F32) || s.is(Prim::F64); };
  for (size_t i : {0, 1})
    if (DType s = i ? y.scalar : x.scalar; !allowed(s))
      return error(Err::Type, a.loc(i)).says("tl.dot does not take ", s).hint("cast it to int8, fp8, fp16, bf16, fp32 or fp64");
  if (x.scalar != y.scalar)
    return error(Err::Type, a.call)
        .says("tl.dot takes two operands of the same type, but these are ", x.scalar, " and ", y.scalar)
        .label(a.loc(0), x)
        .label(a.loc(1), y)
        .hint("cast one of them with `.to(...)`");
  return {};
}

// `out`: the argument out_dtype, which some operands override.
Result<DType> CodeGen::dotResult(const Bound& a, DType operand, DType out) {
  if (operand.isInt()) return DType{Prim::I32};
  if (out.is(Prim::BF16))
    return error(Err::Type, a.loc(6))
        .says("out_dtype=bfloat16 is not supported")
        .hint("use tl.float32 and cast the result with `.to(tl.bfloat16)`");
  if (operand.is(Prim::F32) || operand.is(Prim::BF16)) return DType{Prim::F32};
  if (operand.is(Prim::F64)) return DType{Prim::F64};
  if (!out.is(Prim::F16) && !out.is(Prim::F32) && !out.is(Prim::F64) && !out.is(Prim::I32))
    return error(Err::Type, a.loc(6)).says("out_dtype must be float16 or float32, not ", out);
  return out;
}

Result<Val> CodeGen::bDot(Bound& a) {
  Tensor x = TRY(tensorOf(a, 0)), y = TRY(tensorOf(a, 1));
  const int64_t precision = TRY(dotPrecision(a));
  const DType out = a.given(6) ? TRY(dtypeOf(a, 6)) : DType{Prim::F32};
  CHECK_OK(checkDotOperands(a, x.type, y.type));
  const DType sx = x.type.scalar, result = TRY(dotResult(a, sx, out));
  const size_t rank = x.type.shape.size();
  Shape c = x.type.shape;
  c.erase(rank - 1);
  c.push_back(y.type.shape.back());
  TType type{result, c};
  if (type.numel() > kMaxNumel) return error(Err::Shape, a.call).says("the result would have more than ", kMaxNumel, " elements");
  Tensor acc;
  if (a.given(2)) {
    acc = TRY(tensorOf(a, 2));
    // Like Triton, compares the type with out_dtype: a kernel with an accumulator that is not fp32 must also pass out_dtype.
    DType expected = sx.isInt() || sx.is(Prim::F64) ? (a.given(6) ? out : result) : result;
    if (acc.type.shape != c || acc.type.scalar != result || (a.given(6) && expected != out && !sx.is(Prim::F64)))
      return error(Err::Type, a.loc(2)).says("the accumulator is ", acc.type, ", but the product is ", type);
  } else {
    acc = zeroOf(type);
  }
  int64_t imprecise = 0;
  if (a.given(5)) imprecise = TRY(constantInt(a, 5, "max_num_imprecise_acc"));
  if (imprecise > x.type.shape.back() && sx.isFp8())
    return error(Err::Type, a.loc(5))
        .says("max_num_imprecise_acc must be at most K, which is ", x.type.shape.back(), ", but it is ", imprecise);

  bool flatten = rank >= 4;
  if (flatten) {
    auto batch = [&](const Tensor& t) {
      const int64_t m = t.type.shape[rank - 2], n = t.type.shape[rank - 1];
      return reshape(t, {t.type.numel() / (m * n), m, n}, false, a.call);
    };
    x = TRY(batch(x));
    y = TRY(batch(y));
    acc = TRY(batch(acc));
  }
  Inst* inst = b_.create(Op::Dot, {x.value, y.value, acc.value}, {acc.value->type},
                         {{Attr::InputPrecision, precision}, {Attr::MaxNumImpreciseAcc, imprecise}});
  Tensor product = tensor(inst->result(), acc.type);
  if (flatten) product = TRY(reshape(product, c, false, a.call));
  return Val::of(product);
}

Result<Val> CodeGen::bDotScaled(Bound& a) {
  Tensor x = TRY(tensorOf(a, 0)), y = TRY(tensorOf(a, 3));
  static constexpr std::string_view kFormats[] = {"e4m3", "e5m2", "e2m3", "e3m2", "e2m1", "bf16", "fp16"};
  auto formatOf = [&](size_t i) -> Result<int64_t> {
    std::string_view f = TRY(constantString(a, i, "a format"));
    auto found = std::find(std::begin(kFormats), std::end(kFormats), f);
    int64_t number = found - std::begin(kFormats);
    if (found == std::end(kFormats) || number == 2 || number == 3)
      return error(Err::Type, a.loc(i)).says("unknown format '", f, "'").hint("use e2m1, e4m3, e5m2, bf16 or fp16");
    return number;
  };
  int64_t fx = TRY(formatOf(2)), fy = TRY(formatOf(5));
  auto typed = [&](Tensor t, int64_t format, Loc loc) -> Result<Tensor> {
    if (format == 4) {
      if (!t.type.scalar.is(Prim::U8) && !t.type.scalar.is(Prim::I8))
        return error(Err::Type, loc).says("e2m1 values must be packed in uint8, but this is ", t.type);
      return t;
    }
    Prim prim = format == 0 ? Prim::F8E4NV : format == 1 ? Prim::F8E5 : format == 5 ? Prim::BF16 : Prim::F16;
    return bitcast(t, {prim}, loc);
  };
  x = TRY(typed(x, fx, a.loc(0)));
  y = TRY(typed(y, fy, a.loc(3)));
  size_t rank = x.type.shape.size();
  if ((rank != 2 && rank != 3) || y.type.shape.size() != rank)
    return error(Err::Shape, a.call).says("tl.dot_scaled takes two matrices, but these are ", x.type, " and ", y.type);
  bool xPack = !a.present(8) || TRY(constantBool(a, 8, "lhs_k_pack")), yPack = !a.present(9) || TRY(constantBool(a, 9, "rhs_k_pack"));
  if ((!xPack && fx != 4) || (!yPack && fy != 4))
    return error(Err::Type, a.call).says("only e2m1 operands can have lhs_k_pack=False or rhs_k_pack=False");
  int64_t m = x.type.shape[rank - 2], kx = x.type.shape[rank - 1], ky = y.type.shape[rank - 2], n = y.type.shape[rank - 1];
  if (fx == 4) (xPack ? kx : m) *= 2;
  if (fy == 4) (yPack ? ky : n) *= 2;
  if (kx != ky)
    return error(Err::Shape, a.call)
        .says("the axes that tl.dot_scaled reduces have different sizes, ", kx, " and ", ky)
        .label(a.loc(0), x.type)
        .label(a.loc(3), y.type);
  TType type{{Prim::F32}, {m, n}};
  if (rank == 3) type.shape.insert(0, x.type.shape[0]);
  Tensor acc = a.given(6) ? TRY(tensorOf(a, 6)) : zeroOf(type);
  if (!(acc.type == type)) return error(Err::Type, a.loc(6)).says("the accumulator is ", acc.type, ", but the product is ", type);
  std::vector<Value*> values{x.value, y.value, acc.value};
  int32_t groups[2] = {0, 0};
  for (size_t i : {0u, 1u}) {
    size_t at = i ? 4 : 1;
    if (!a.given(at)) continue;
    Tensor s = TRY(tensorOf(a, at));
    int64_t group = s.type.scalar.is(Prim::F8E4NV) ? 16 : 32;
    std::vector<int64_t> expected{i ? n : m, kx / group};
    size_t axes = s.type.shape.size();
    if (axes < 2 || s.type.shape[axes - 2] != expected[0] || s.type.shape[axes - 1] != expected[1])
      return error(Err::Shape, a.loc(at)).says("the scale must have the shape ", listText(expected), ", but this is ", s.type);
    values.push_back(s.value);
    groups[i] = 1;
  }
  Inst* inst = b_.create(Op::DotScaled, values, {type.ir()},
                         {{Attr::LhsElem, fx},
                          {Attr::RhsElem, fy},
                          {Attr::FastMath, int64_t{a.given(7) && truthy(a[7])}},
                          {Attr::LhsKPack, int64_t{xPack}},
                          {Attr::RhsKPack, int64_t{yPack}}});
  inst->segments = {1, 1, 1, groups[0], groups[1]};
  return Val::of(tensor(inst->result(), type));
}

Result<std::vector<Tensor>> CodeGen::combineResults(const Val& v, Loc loc, size_t count) {
  std::vector<Tensor> out;
  if (v.isTensor())
    out.push_back(v.tensor);
  else if (v.is(VK::Tuple))
    for (const Val& item : *v.items) out.push_back(TRY(toTensor(item, loc)));
  if (out.size() != count)
    return error(Err::Type, loc)
        .says("the combining function must return ", count, count == 1 ? " value" : " values", ", but it returns ", v);
  return out;
}

Result<std::vector<Tensor>> CodeGen::reduceOrScan(Op op, std::vector<Tensor> inputs, int64_t axis, const Val& combine, bool reverse,
                                                  bool keepDims, bool flat, const Bound& a) {
  for (const Tensor& t : inputs) {
    if (t.type.shape != inputs[0].type.shape)
      return error(Err::Shape, a.loc(0)).says("all inputs must have the same shape, but these are ", inputs[0].type, " and ", t.type);
    if (!t.type.isBlock()) return error(Err::Shape, a.loc(0)).says("this is ", t.type, ", a scalar, which has no axis to combine along");
  }
  size_t before = inputs[0].type.shape.size();
  if (flat) {
    for (Tensor& t : inputs) t = TRY(reshape(t, {t.type.numel()}, true, a.call));
    axis = 0;
  }
  if (!combine.is(VK::Function) && !combine.is(VK::Builtin))
    return error(Err::Type, a.loc(2)).says("the combining function must be a @triton.jit function, but this is ", combine);
  std::vector<Value*> values;
  std::vector<Type> types;
  std::vector<TType> results;
  for (const Tensor& t : inputs) {
    values.push_back(t.value);
    TType r = t.type;
    if (op == Op::Reduce) r.shape.erase(static_cast<size_t>(axis));
    results.push_back(r);
    types.push_back(r.ir());
  }
  Inst* inst = b_.create(op, values, types, {{Attr::Axis, axis}});
  if (op == Op::Scan) inst->set(Attr::Reverse, int64_t{reverse});
  auto& region = inst->regions.emplace_back(std::make_unique<Region>());
  region->parent = inst;
  Block* entry = shared_.module.newBlock(*region);
  Args args;
  args.call = args.callee = a.call;
  for (int side = 0; side < 2; ++side)
    for (const Tensor& t : inputs) {
      TType scalar{t.type.scalar, {}};
      args.positional.push_back({Val::of(tensor(shared_.module.addArg(*entry, scalar.ir(), {}, a.call), scalar)), a.loc(2)});
    }
  Block* outer = b_.block();
  b_.setBlock(entry);
  Val combined = TRY(call(combine, std::move(args)));
  std::vector<Tensor> out = TRY(combineResults(combined, a.loc(2), inputs.size()));
  values.clear();
  for (size_t i = 0; i < out.size(); ++i) {
    if (!(out[i].type == TType{inputs[i].type.scalar, {}}))
      return error(Err::Type, a.loc(2))
          .says("the combining function takes ", inputs[i].type.scalar, ", but returns ", out[i].type)
          .hint("cast its result or the input with `.to(...)`, so that both have the same type");
    values.push_back(out[i].value);
  }
  b_.setLoc(a.call);
  b_.create(op == Op::Reduce ? Op::ReduceReturn : Op::ScanReturn, values, {});
  b_.setBlock(outer);
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < results.size(); ++i) {
    Tensor t = tensor(inst->result(i), results[i]);
    if (keepDims) {
      if (flat)
        for (size_t k = 0; k < before; ++k) t = expandDims(t, 0);
      else
        t = expandDims(t, static_cast<int>(axis));
    }
    tensors.push_back(t);
  }
  return tensors;
}

Result<Val> CodeGen::bReduce(Bound& a) {
  bool single = !a[0].is(VK::Tuple);
  std::vector<Tensor> inputs;
  if (single)
    inputs.push_back(TRY(tensorOf(a, 0)));
  else
    for (const Val& v : *a[0].items) inputs.push_back(TRY(tensorOf(v, a.loc(0))));
  if (inputs.empty()) return error(Err::Type, a.loc(0)).says("there is nothing to reduce");
  bool flat = !a.given(1);
  int64_t axis = flat ? 0 : TRY(axisOf(a[1], static_cast<int64_t>(inputs[0].type.shape.size()), a.loc(1)));
  bool keep = a.given(3) && TRY(constantBool(a, 3, "keep_dims"));
  std::vector<Tensor> out = TRY(reduceOrScan(Op::Reduce, std::move(inputs), axis, a[2], false, keep, flat, a));
  if (single) return Val::of(out[0]);
  std::vector<Val> items;
  for (const Tensor& t : out) items.push_back(Val::of(t));
  return tuple(std::move(items));
}

Result<Val> CodeGen::bReduceWithIndices(Bound& a) {
  Tensor t = TRY(tensorOf(a, 0));
  size_t rank = t.type.shape.size();
  if (!a.given(1)) return error(Err::Shape, a.call).says("a reduction that returns indices needs an axis").hint("pass `axis=0`");
  size_t axis = static_cast<size_t>(TRY(axisOf(a[1], static_cast<int64_t>(rank), a.loc(1))));
  int64_t n = t.type.shape[axis];
  Tensor index = tensor(b_.range(0, n), {{Prim::I32}, {n}});
  if (rank > 1) {
    for (size_t i = 0; i < rank; ++i)
      if (i != axis) index = expandDims(index, static_cast<int>(i));
    index = TRY(broadcastTo(index, t.type.shape, a.call));
  }
  bool keep = a.given(3) && TRY(constantBool(a, 3, "keep_dims"));
  std::vector<Tensor> out = TRY(reduceOrScan(Op::Reduce, {t, index}, static_cast<int64_t>(axis), a[2], false, keep, false, a));
  return tuple({Val::of(out[0]), Val::of(out[1])});
}

Result<Val> CodeGen::bScan(Bound& a) {
  bool single = !a[0].is(VK::Tuple);
  std::vector<Tensor> inputs;
  if (single)
    inputs.push_back(TRY(tensorOf(a, 0)));
  else
    for (const Val& v : *a[0].items) inputs.push_back(TRY(tensorOf(v, a.loc(0))));
  if (inputs.empty()) return error(Err::Type, a.loc(0)).says("there is nothing to scan");
  int64_t axis = TRY(axisOf(a[1], static_cast<int64_t>(inputs[0].type.shape.size()), a.loc(1)));
  bool reverse = a.given(3) && TRY(constantBool(a, 3, "reverse"));
  std::vector<Tensor> out = TRY(reduceOrScan(Op::Scan, std::move(inputs), axis, a[2], reverse, false, false, a));
  if (single) return Val::of(out[0]);
  std::vector<Val> items;
  for (const Tensor& t : out) items.push_back(Val::of(t));
  return tuple(std::move(items));
}

Result<Val> CodeGen::bHistogram(Bound& a) {
  Tensor t = TRY(tensorOf(a, 0));
  if (t.type.shape.size() != 1 || !t.type.scalar.isInt())
    return error(Err::Type, a.loc(0)).says("tl.histogram takes integers along one axis, but this is ", t.type);
  Shape bins = TRY(shapeOf(a[1], a.loc(1)));
  if (bins.size() != 1) return error(Err::Shape, a.loc(1)).says("the number of bins must be an integer");
  // The operation treats its operand as signed.
  if (t.type.scalar.isUnsigned() && t.type.scalar.bits() < 32) t = widenTo(t, Prim::I32);
  std::vector<Value*> values{t.value};
  if (a.given(2)) {
    Tensor mask = TRY(broadcastTo(TRY(tensorOf(a, 2)), t.type.shape, a.loc(2)));
    if (!mask.type.scalar.isBool())
      return error(Err::Type, a.loc(2)).says("a mask must be int1, but this is ", mask.type).hint("compare: `x != 0`");
    values.push_back(mask.value);
  }
  TType type{{Prim::I32}, bins};
  Inst* inst = b_.create(Op::Histogram, values, {type.ir()});
  inst->segments = {1, static_cast<int32_t>(values.size() - 1)};
  return Val::of(tensor(inst->result(), type));
}

Result<Val> CodeGen::bGather(Bound& a) {
  Tensor src = TRY(tensorOf(a, 0)), index = TRY(tensorOf(a, 1));
  if (!index.type.scalar.isInt())
    return error(Err::Type, a.loc(1)).says("the index of tl.gather must be a tensor of integers, but this is ", index.type);
  size_t rank = src.type.shape.size();
  if (rank == 0 || index.type.shape.size() != rank)
    return error(Err::Shape, a.call)
        .says("the source and the index of tl.gather must have the same number of axes, but these are ", src.type, " and ", index.type)
        .label(a.loc(0), src.type)
        .label(a.loc(1), index.type);
  int64_t axis = TRY(axisOf(a[2], static_cast<int64_t>(rank), a.loc(2)));
  for (size_t i = 0; i < rank; ++i)
    if (static_cast<int64_t>(i) != axis && src.type.shape[i] != index.type.shape[i])
      return error(Err::Shape, a.loc(1))
          .says("axis ", i, " of the index is ", index.type.shape[i], ", but that of the source is ", src.type.shape[i])
          .label(a.loc(0), src.type);
  TType type = index.type.with(src.type.scalar);
  return Val::of(tensor(b_.create(Op::Gather, {src.value, index.value}, {type.ir()}, {{Attr::Axis, axis}})->result(), type));
}

Result<Val> CodeGen::bMapElementwise(Bound& a) {
  int64_t pack = a.given(1) ? TRY(constantInt(a, 1, "pack")) : 1;
  if (pack < 1 || pack > 64 || !isPowerOfTwo(pack))
    return error(Err::Type, a.loc(1)).says("pack must be a power of two up to 64, not ", pack);
  if (a.rest.empty()) return error(Err::Type, a.call).says("tl.map_elementwise needs at least one tensor");
  if (!a[0].is(VK::Function)) return error(Err::Type, a.loc(0)).says("the function must be a @triton.jit function, but this is ", a[0]);
  std::vector<Tensor> inputs;
  for (const Arg& arg : a.rest) inputs.push_back(TRY(tensorOf(arg.value, arg.loc)));
  inputs = TRY(broadcastAll(std::move(inputs), {a.call, a.call, a.call}));
  std::vector<Value*> values;
  for (const Tensor& t : inputs) values.push_back(t.value);
  if (!inputs[0].type.isBlock())
    return error(Err::Shape, a.call).says("tl.map_elementwise takes tensors, but these are scalars").hint("call the function itself");
  Inst* inst = b_.create(Op::MapElementwise, values, {}, {{Attr::Pack, pack}});
  auto& region = inst->regions.emplace_back(std::make_unique<Region>());
  region->parent = inst;
  Block* entry = shared_.module.newBlock(*region);
  Args args;
  args.call = a.call;
  args.callee = a.loc(0);
  for (size_t i = 0; i < inputs.size(); ++i) {
    TType scalar{inputs[i].type.scalar, {}};
    for (int64_t k = 0; k < pack; ++k)
      args.positional.push_back({Val::of(tensor(shared_.module.addArg(*entry, scalar.ir(), {}, a.call), scalar)), a.rest[i].loc});
  }
  Block* outer = b_.block();
  b_.setBlock(entry);
  Val out = TRY(call(a[0], std::move(args)));
  bool single = out.isTensor();
  size_t count = single ? 1 : out.size();
  std::vector<Tensor> scalars = TRY(combineResults(out, a.loc(0), std::max<size_t>(count, 1)));
  if (scalars.size() % static_cast<size_t>(pack) != 0)
    return error(Err::Type, a.loc(0)).says("the function returns ", scalars.size(), " values, which is not a multiple of pack, ", pack);
  values.clear();
  for (const Tensor& t : scalars) values.push_back(t.value);
  b_.setLoc(a.call);
  b_.create(Op::MapElementwiseReturn, values, {});
  b_.setBlock(outer);
  std::vector<Val> items;
  for (size_t i = 0; i < scalars.size(); i += static_cast<size_t>(pack)) {
    for (size_t k = 1; k < static_cast<size_t>(pack); ++k)
      if (!(scalars[i + k].type == scalars[i].type))
        return error(Err::Type, a.loc(0)).says("the packed results have the types ", scalars[i].type, " and ", scalars[i + k].type);
    if (scalars[i].type.isBlock())
      return error(Err::Type, a.loc(0)).says("the function must return scalars, but this is ", scalars[i].type);
    TType type = inputs[0].type.with(scalars[i].type.scalar);
    items.push_back(Val::of(tensor(shared_.module.addResult(*inst, type.ir()), type)));
  }
  return items.size() == 1 && (single || pack > 1) ? items[0] : tuple(std::move(items));
}

}  // namespace nereid::tl
