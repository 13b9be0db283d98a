// SPDX-License-Identifier: MIT
// Promotion, broadcasting and operators on tensors: these rules decide every type in a kernel.
#include "frontends/tl/codegen.h"
#include "ir/bits.h"

namespace nereid::tl {

Result<Tensor> CodeGen::scalarConstant(const Val& number, DType type, Loc loc, const Shape& shape) {
  TType shaped{type, shape};
  Type ir = shaped.ir();
  if (type.isPointer()) {
    if (number.isInt() && number.number == 0) {
      Tensor zero = tensor(b_.i64(0), {{Prim::I64}, {}});
      return splat(TRY(cast(zero, type, loc)), shape);
    }
    return error(Err::Type, loc).says("a number cannot be converted to ", type);
  }
  // As in stock Triton, every number equal to zero becomes the zero of the type: -0.0 becomes +0.0, and 0.0 an integer.
  if (number.asDouble() == 0 && (type.isInt() || type.isFloat())) return tensor(b_.constant(ir, 0), shaped);
  if (type.isInt()) {
    if (type.isBool()) return tensor(b_.constant(ir, truthy(number)), shaped);
    if (!number.isInt())
      return error(Err::Type, loc).says("the float ", repr(number), " cannot be converted to ", type).hint("write an integer, or cast");
    if (type.isUnsigned() && number.number < 0)
      return error(Err::Type, loc).says("the negative number ", repr(number), " cannot be converted to ", type);
    if (!type.isUnsigned() && number.number > INT64_MAX)
      return error(Err::Type, loc).says("the number ", repr(number), " is above 9223372036854775807, the largest signed integer");
    return tensor(b_.constant(ir, static_cast<uint64_t>(number.number)), shaped);
  }
  if (!type.isFloat()) return error(Err::Type, loc).says("a number cannot be converted to ", type);
  double value = number.asDouble();
  // Triton's builder takes floats for all types below 64 bits.
  if (type.bits() < 64) value = static_cast<float>(value);
  return tensor(b_.constant(ir, encodeFloat(ir.elem, value)), shaped);
}

// The type of a Python number on its own.
Result<DType> CodeGen::numberType(const Val& v, Loc loc) {
  if (v.is(VK::Bool)) return DType{Prim::I1};
  if (v.is(VK::Float)) {
    double a = v.real < 0 ? -v.real : v.real;
    bool fits = a != a || a == 0 || a == __builtin_inf() || (a >= 0x1p-126 && a <= 0x1.fffffep127);
    return DType{fits ? Prim::F32 : Prim::F64};
  }
  constexpr Int one = 1;
  Int n = v.number;
  if (n >= -(one << 31) && n < (one << 31)) return DType{Prim::I32};
  if (n >= 0 && n < (one << 32)) return DType{Prim::U32};
  if (n >= -(one << 63) && n < (one << 63)) return DType{Prim::I64};
  if (n >= 0 && n < (one << 64)) return DType{Prim::U64};
  return error(Err::Type, loc).says("the integer ", intText(n), " does not fit in 64 bits");
}

Result<Tensor> CodeGen::toTensor(const Val& v, Loc loc) {
  switch (v.kind) {
    case VK::Tensor: return v.tensor;
    case VK::Bool:
    case VK::Int:
    case VK::Float: return scalarConstant(v, TRY(numberType(v, loc)), loc);
    case VK::Desc:
      return error(Err::Type, loc).says("a tensor descriptor cannot be used as a tensor").hint("read a block with `desc.load([...])`");
    case VK::BlockPtr:
      return error(Err::Type, loc)
          .says("a block pointer cannot be used as a tensor")
          .hint("read the block with `tl.load(ptr)`, or move the pointer with `tl.advance`");
    default: return error(Err::Type, loc).says("expected a tensor or a number, but this is ", v);
  }
}

Result<Tensor> CodeGen::memoryOperand(const Val& v, DType elem, const Shape& shape, Loc loc) {
  if (v.isNumber()) {
    DType own = TRY(numberType(v, loc));
    // A float becomes fp32 first, also where it is stored to fp64 memory.
    if (elem.is(Prim::F64) && own.is(Prim::F32)) return scalarConstant(Val::floating(static_cast<float>(v.real)), elem, loc, shape);
    bool exact =
        (elem.isStandardFloat() && own.bits() <= 32) || (elem.isInt() && !elem.isBool() && own.isInt() && own.bits() <= elem.bits() &&
                                                         v.number >= 0 && (elem.isUnsigned() || v.number <= INT64_MAX));
    if (exact) return scalarConstant(v, elem, loc, shape);
  }
  return toTensor(v, loc);
}

Tensor CodeGen::zeroOf(const TType& type) { return tensor(b_.constant(type.ir(), 0), type); }

Tensor CodeGen::splat(Tensor scalar, const Shape& shape) {
  if (shape.empty()) return scalar;
  TType type{scalar.type.scalar, shape};
  // A constant is created with its shape: fewer operations for later passes.
  if (scalar.value->def && scalar.value->def->op == Op::Constant)
    return tensor(b_.constant(Dense{type.ir(), scalar.value->def->dense().bits}), type);
  return tensor(b_.create(Op::Splat, {scalar.value}, {type.ir()})->result(), type);
}

Tensor CodeGen::expandDims(Tensor t, int axis) {
  if (!t.type.isBlock()) return splat(t, {1});
  TType type = t.type;
  type.shape.insert(static_cast<size_t>(axis), 1);
  return tensor(b_.expandDims(t.value, axis), type);
}

Result<DType> CodeGen::promoteInts(DType a, DType b) {
  int wa = a.bits(), wb = b.bits();
  if (a.isSigned() == b.isSigned()) return wa > wb ? a : b;
  if (a.isUnsigned()) return wa >= wb ? a : b;
  return wb >= wa ? b : a;
}

Result<DType> CodeGen::computationType(DType a, bool aIsNumber, DType b, bool bIsNumber, bool divide, const Locs& locs) {
  if (aIsNumber != bIsNumber) {
    DType number = aIsNumber ? a : b, other = aIsNumber ? b : a;
    if (number.kind() <= other.kind()) {
      if (divide && (other.is(Prim::F16) || other.is(Prim::BF16))) return DType{Prim::F32};
      return other;
    }
  }
  if (a.is(Prim::F64) || b.is(Prim::F64)) return DType{Prim::F64};
  if (a.is(Prim::F32) || b.is(Prim::F32)) return DType{Prim::F32};
  if (a.is(Prim::F16) || b.is(Prim::F16)) return DType{divide ? Prim::F32 : Prim::F16};
  if (a.is(Prim::BF16) && b.is(Prim::BF16)) return DType{divide ? Prim::F32 : Prim::BF16};
  if (a.is(Prim::BF16) || b.is(Prim::BF16)) return DType{Prim::F32};
  if (a.isFp8() && b.isFp8()) return a == b ? a : DType{Prim::F16};
  if (!a.isInt() || !b.isInt())
    return error(Err::Type, locs.at).says("cannot combine ", a, " and ", b).hint("cast one of them with `.to(...)`");
  if (divide && a.isSigned() != b.isSigned())
    return error(Err::Type, locs.at)
        .says("cannot divide ", a, " by ", b, ": one is signed and the other is not")
        .label(locs.a, a)
        .label(locs.b, b)
        .hint("cast one of them with `.to(...)`");
  return promoteInts(a, b);
}

Result<CodeGen::Pair> CodeGen::operands(const Val& va, const Val& vb, Rules rules, const Locs& locs) {
  bool na = va.isNumber(), nb = vb.isNumber();
  Tensor a, b;
  if (!na) a = TRY(toTensor(va, locs.a));
  if (!nb) b = TRY(toTensor(vb, locs.b));
  DType sa = na ? TRY(numberType(va, locs.a)) : a.type.scalar, sb = nb ? TRY(numberType(vb, locs.b)) : b.type.scalar;
  auto checkPointer = [&](DType x, DType y, bool allowed, Loc loc) -> Result<void> {
    if (!x.isPointer()) return {};
    if (!allowed)
      return error(Err::Type, loc)
          .says("this operation does not take a pointer, but `", textAt(loc), "` is ", x)
          .label(loc == locs.a ? locs.b : locs.a, y);
    if (y.isFloat()) {
      Loc offset = loc == locs.a ? locs.b : locs.a;
      std::string text = textAt(offset);
      bool divides = text.find('/') != std::string::npos && text.find("//") == std::string::npos;
      return error(Err::Type, offset)
          .says("the offset from a pointer must be an integer, but this is ", y)
          .label(loc, x)
          .hint(divides ? "divide integers with `//`" : "pass or compute an integer, or cast it with `.to(tl.int32)`");
    }
    if (y.isPointer() && x != y)
      return error(Err::Type, loc).says("cannot combine ", x, " and ", y).label(loc == locs.a ? locs.b : locs.a, y);
    return {};
  };
  CHECK_OK(checkPointer(sa, sb, rules.pointerLeft, locs.a));
  CHECK_OK(checkPointer(sb, sa, rules.pointerRight, locs.b));
  if (rules.arithmetic && !sa.isPointer() && !sb.isPointer()) {
    DType type = TRY(computationType(sa, na, sb, nb, rules.divide, locs));
    auto fit = [&](const Val& v, const Tensor& t, bool number, Loc loc, const Tensor& other) -> Result<Tensor> {
      if (!number) return cast(t, type, loc);
      if (type.isUnsigned() && v.asDouble() < 0)
        return error(Err::Type, loc)
            .says("cannot combine a tensor of ", type, " with the negative number ", repr(v))
            .hint("cast the tensor to a signed type with `.to(...)`");
      if (type.isInt() && v.isInt()) {
        Int one = 1;
        Int low = type.isSigned() ? -(one << (type.bits() - 1)) : 0;
        Int high = type.isSigned() ? (one << (type.bits() - 1)) - 1 : (one << type.bits()) - 1;
        if (v.number < low || v.number > high) return error(Err::Type, loc).says("the number ", repr(v), " is out of range for ", type);
      }
      return scalarConstant(v, type, loc, other.type.shape);
    };
    a = TRY(fit(va, a, na, locs.a, b));
    b = TRY(fit(vb, b, nb, locs.b, a));
  } else {
    if (na) a = TRY(scalarConstant(va, sa, locs.a, b.type.shape));
    if (nb) b = TRY(scalarConstant(vb, sb, locs.b, a.type.shape));
  }
  return broadcast(a, b, locs);
}

Tensor CodeGen::stretch(const Tensor& t, const Shape& shape) {
  if (t.type.shape == shape) return t;
  TType type{t.type.scalar, shape};
  return tensor(b_.create(Op::Broadcast, {t.value}, {type.ir()})->result(), type);
}

Result<CodeGen::Pair> CodeGen::broadcast(Tensor a, Tensor b, const Locs& locs) {
  if (a.type.isBlock() && !b.type.isBlock()) return Pair{a, splat(b, a.type.shape)};
  if (!a.type.isBlock() && b.type.isBlock()) return Pair{splat(a, b.type.shape), b};
  if (!a.type.isBlock()) return Pair{a, b};
  Tensor a0 = a, b0 = b;
  while (a.type.shape.size() < b.type.shape.size()) a = expandDims(a, 0);
  while (b.type.shape.size() < a.type.shape.size()) b = expandDims(b, 0);
  Shape shape;
  for (size_t i = 0; i < a.type.shape.size(); ++i) {
    int64_t x = a.type.shape[i], y = b.type.shape[i];
    if (x != y && x != 1 && y != 1)
      return error(Err::Shape, locs.at)
          .says("shapes ", a0.type.shape, " and ", b0.type.shape, " cannot be broadcast: axis ", i, " is ", x, " and ", y)
          .label(locs.a, a0.type)
          .label(locs.b, b0.type)
          .hint("each axis must be equal or 1; `x[:, None]` and `x[None, :]` add an axis");
    shape.push_back(x == 1 ? y : x);
  }
  if (shape.numel() > kMaxNumel)
    return error(Err::Shape, locs.at)
        .says("a tensor can have at most ", kMaxNumel, " elements, but ", shape, " has more")
        .label(locs.a, a0.type)
        .label(locs.b, b0.type)
        .hint("process it in smaller blocks");
  a = stretch(a, shape);
  return Pair{a, stretch(b, shape)};
}

Result<Tensor> CodeGen::broadcastTo(Tensor t, const Shape& shape, Loc loc) {
  if (!t.type.isBlock()) return splat(t, shape);
  if (t.type.shape.size() != shape.size())
    return error(Err::Shape, loc).says("cannot broadcast ", t.type, " to ", shape, ": the ranks differ");
  for (size_t i = 0; i < shape.size(); ++i)
    if (t.type.shape[i] != shape[i] && t.type.shape[i] != 1)
      return error(Err::Shape, loc)
          .says("cannot broadcast ", t.type, " to ", shape, ": axis ", i, " is ", t.type.shape[i], ", not 1 or ", shape[i]);
  return stretch(t, shape);
}

Result<std::vector<Tensor>> CodeGen::broadcastAll(std::vector<Tensor> ts, const Locs& locs) {
  for (int round = 0; round < 2; ++round)
    for (size_t i = 1; i < ts.size(); ++i) {
      Pair p = TRY(broadcast(ts[0], ts[i], locs));
      ts[0] = p.first;
      ts[i] = p.second;
    }
  return ts;
}

// In debug mode, also computes in 64 bits and compares, to detect that the result wrapped.
Result<Tensor> CodeGen::integer(Op op, std::string_view name, const Tensor& a, const Tensor& b, const Locs& locs, bool sanitize) {
  DType s = a.type.scalar;
  if (sanitize && shared_.request.debug && s.bits() < 64) {
    DType wide{Prim::I64};
    Tensor x = TRY(cast(a, wide, locs.a)), y = TRY(cast(b, wide, locs.b));
    Tensor exact = tensor(b_.make(op, {x.value, y.value}), x.type);
    Int one = 1, high = (one << (s.bits() - (s.isSigned() ? 1 : 0))) - 1, low = s.isSigned() ? -high - 1 : 0;
    Tensor below = TRY(compare("<=", Val::of(exact), Val::integer(high), locs)),
           above = TRY(compare(">=", Val::of(exact), Val::integer(low), locs));
    Tensor fits = TRY(bitwise(Op::AndI, Val::of(below), Val::of(above), locs));
    b_.create(Op::Assert, {fits.value}, {}, {{Attr::Message, cat("int", s.bits(), " overflow detected for operation ", name)}});
  }
  return tensor(b_.make(op, {a.value, b.value}), a.type);
}

Result<Tensor> CodeGen::add(const Val& va, const Val& vb, const Locs& locs, bool sanitize) {
  auto [a, b] = TRY(operands(va, vb, {true, true}, locs));
  DType sa = a.type.scalar, sb = b.type.scalar;
  if (sa.isPointer() && sb.isPointer())
    return error(Err::Type, locs.at).says("two pointers cannot be added").hint("add an integer offset to one pointer");
  if (sb.isPointer()) {
    std::swap(a, b);
    std::swap(sa, sb);
  }
  if (sa.isPointer()) {
    if (sb.isUnsigned() && sb.bits() < 64) b = widenTo(b, Prim::I64);  // the operation takes its offset as signed
    return tensor(b_.addPtr(a.value, b.value), a.type);
  }
  if (sa.isInt()) return integer(Op::AddI, "add", a, b, locs, sanitize);
  return tensor(b_.make(Op::AddF, {a.value, b.value}), a.type);
}

Result<Tensor> CodeGen::sub(const Val& va, const Val& vb, const Locs& locs, bool sanitize) {
  auto [a, b] = TRY(operands(va, vb, {true, false}, locs));
  DType s = a.type.scalar;
  if (s.isPointer()) return add(Val::of(a), Val::of(TRY(negate(b, locs.b))), locs);
  if (s.isInt()) return integer(Op::SubI, "sub", a, b, locs, sanitize);
  return tensor(b_.make(Op::SubF, {a.value, b.value}), a.type);
}

Result<Tensor> CodeGen::mul(const Val& va, const Val& vb, const Locs& locs, bool sanitize) {
  auto [a, b] = TRY(operands(va, vb, {}, locs));
  if (a.type.scalar.isInt()) return integer(Op::MulI, "mul", a, b, locs, sanitize);
  return tensor(b_.make(Op::MulF, {a.value, b.value}), a.type);
}

Result<Tensor> CodeGen::trueDiv(const Val& va, const Val& vb, const Locs& locs) {
  auto [a, b] = TRY(operands(va, vb, {.divide = true}, locs));
  DType sa = a.type.scalar, sb = b.type.scalar;
  DType to = sa;
  if (sa.isInt() && sb.isInt())
    to = {Prim::F32};
  else if (sa.isInt())
    to = sb;
  else if (sb.isFloat() && sa.mantissa() <= sb.mantissa())
    to = sb;
  a = TRY(cast(a, to, locs.a));
  b = TRY(cast(b, to, locs.b));
  return tensor(b_.make(Op::DivF, {a.value, b.value}), a.type);
}

Result<Tensor> CodeGen::floorDiv(const Val& va, const Val& vb, const Locs& locs) {
  auto [a, b] = TRY(operands(va, vb, {.divide = true}, locs));
  if (!a.type.scalar.isInt() || !b.type.scalar.isInt())
    return error(Err::Type, locs.at)
        .says("`//` is for integers, but these are ", a.type.scalar)
        .label(locs.a, a.type)
        .label(locs.b, b.type)
        .hint("for floats write `tl.floor(a / b)`");
  return tensor(b_.make(a.type.scalar.isSigned() ? Op::DivSI : Op::DivUI, {a.value, b.value}), a.type);
}

Result<Tensor> CodeGen::mod(const Val& va, const Val& vb, const Locs& locs) {
  auto [a, b] = TRY(operands(va, vb, {.divide = true}, locs));
  DType s = a.type.scalar;
  return tensor(b_.make(s.isFloat() ? Op::RemF : s.isSigned() ? Op::RemSI : Op::RemUI, {a.value, b.value}), a.type);
}

Result<CodeGen::Pair> CodeGen::intOperands(const Val& va, const Val& vb, const Locs& locs) {
  auto [a, b] = TRY(operands(va, vb, {}, locs));
  if (!a.type.scalar.isInt() || !b.type.scalar.isInt())
    return error(Err::Type, locs.at)
        .says("bitwise operators are for integers, but these are ", a.type.scalar)
        .label(locs.a, a.type)
        .label(locs.b, b.type);
  return Pair{a, b};
}

Result<Tensor> CodeGen::bitwise(Op op, const Val& va, const Val& vb, const Locs& locs) {
  auto [a, b] = TRY(intOperands(va, vb, locs));
  return tensor(b_.make(op, {a.value, b.value}), a.type);
}

Result<Tensor> CodeGen::shiftRight(const Val& va, const Val& vb, const Locs& locs) {
  // Arithmetic or logical by the type of the left operand before promotion.
  bool isSigned = va.isTensor() ? va.tensor.type.scalar.isSigned() : vb.isTensor() && vb.tensor.type.scalar.isSigned();
  return bitwise(isSigned ? Op::ShRSI : Op::ShRUI, va, vb, locs);
}

Result<Tensor> CodeGen::compare(std::string_view op, const Val& va, const Val& vb, const Locs& locs) {
  // Unlike in arithmetic, a number first becomes a tensor of its default type, and both sides are promoted: fp16 == 0.1 compares in fp32.
  Tensor left = TRY(toTensor(va, locs.a)), right = TRY(toTensor(vb, locs.b));
  auto [a, b] = TRY(operands(Val::of(left), Val::of(right), {}, locs));
  struct Row {
    std::string_view op;
    CmpFPred real;
    CmpIPred isSigned, isUnsigned;
  };
  static constexpr Row kRows[] = {
      {"==", CmpFPred::Oeq, CmpIPred::Eq, CmpIPred::Eq},  {"!=", CmpFPred::Une, CmpIPred::Ne, CmpIPred::Ne},
      {"<", CmpFPred::Olt, CmpIPred::Slt, CmpIPred::Ult}, {"<=", CmpFPred::Ole, CmpIPred::Sle, CmpIPred::Ule},
      {">", CmpFPred::Ogt, CmpIPred::Sgt, CmpIPred::Ugt}, {">=", CmpFPred::Oge, CmpIPred::Sge, CmpIPred::Uge},
  };
  for (const Row& row : kRows) {
    if (row.op != op) continue;
    DType s = a.type.scalar;
    Value* v = s.isFloat() ? b_.cmpF(row.real, a.value, b.value) : b_.cmpI(s.isSigned() ? row.isSigned : row.isUnsigned, a.value, b.value);
    return tensor(v, a.type.with({Prim::I1}));
  }
  return error(Err::Unsupported, locs.at).says("the comparison `", op, "` is not part of the Triton language");
}

Result<Tensor> CodeGen::minMax(bool maximum, bool propagate, const Val& va, const Val& vb, const Locs& locs) {
  auto [a, b] = TRY(operands(va, vb, {}, locs));
  DType s = a.type.scalar;
  Op op;
  if (s.isFloat())
    op = maximum ? (propagate ? Op::MaximumF : Op::MaxNumF) : (propagate ? Op::MinimumF : Op::MinNumF);
  else if (s.isSigned())
    op = maximum ? Op::MaxSI : Op::MinSI;
  else
    op = maximum ? Op::MaxUI : Op::MinUI;
  return tensor(b_.make(op, {a.value, b.value}), a.type);
}

Result<Tensor> CodeGen::negate(const Tensor& t, Loc loc) {
  DType s = t.type.scalar;
  if (s.isPointer()) return error(Err::Type, loc).says("a pointer cannot be negated");
  // Triton up to 3.8 subtracts from zero, so -(+0.0) is +0.0.
  Tensor zero = zeroOf(t.type);
  return tensor(b_.make(s.isFloat() ? Op::SubF : Op::SubI, {zero.value, t.value}), t.type);
}

Result<Tensor> CodeGen::invert(const Tensor& t, Loc loc) {
  DType s = t.type.scalar;
  if (!s.isInt()) return error(Err::Type, loc).says("`~` is for integers, but this is ", t.type);
  Tensor ones = tensor(b_.constant(t.type.ir(), ~uint64_t{0}), t.type);
  return tensor(b_.make(Op::XOrI, {t.value, ones.value}), t.type);
}

Result<Tensor> CodeGen::logicalNot(const Tensor& t, Loc loc) {
  if (t.type.scalar.isBool()) return invert(t, loc);
  return invert(TRY(bitcast(t, {Prim::I1}, loc)), loc);
}

Result<Tensor> CodeGen::logical(bool conjunction, const Val& va, const Val& vb, const Locs& locs) {
  auto asBool = [&](const Val& v, Loc loc) -> Result<Tensor> {
    Tensor t = TRY(toTensor(v, loc));
    if (t.type.scalar.isBool()) return t;
    if (t.type.scalar.bits() != 1)
      return error(Err::Type, loc)
          .says("`and`, `or` and `not` take int1, but this is ", t.type)
          .hint("write a comparison, such as `x != 0`");
    return bitcast(t, {Prim::I1}, loc);
  };
  Tensor a = TRY(asBool(va, locs.a)), b = TRY(asBool(vb, locs.b));
  return bitwise(conjunction ? Op::AndI : Op::OrI, Val::of(a), Val::of(b), locs);
}

Result<Tensor> CodeGen::where(const Tensor& condition, const Val& x, const Val& y, const Locs& locs) {
  Tensor c = TRY(cast(condition, {Prim::I1}, locs.at));
  auto isPointer = [](const Val& v) { return v.isTensor() && v.tensor.type.scalar.isPointer(); };
  if (isPointer(x) != isPointer(y))
    return error(Err::Type, locs.at)
        .says("tl.where cannot choose between a pointer and a number")
        .label(locs.a, x)
        .label(locs.b, y)
        .hint("choose between offsets, and add the result to the pointer");
  auto [a, b] = TRY(operands(x, y, {true, true}, locs));
  Locs with{locs.at, locs.at, locs.a};
  if (c.type.isBlock()) {
    std::tie(c, a) = TRY(broadcast(c, a, with));
    std::tie(a, b) = TRY(broadcast(a, b, with));
    // A condition of a smaller shape was broadcast together with x; y follows.
    std::tie(c, b) = TRY(broadcast(c, b, with));
  } else if (a.type.isBlock()) {
    c = splat(c, a.type.shape);
  }
  return tensor(b_.select(c.value, a.value, b.value), a.type);
}

}  // namespace nereid::tl
