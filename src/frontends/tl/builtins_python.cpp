// SPDX-License-Identifier: MIT
// Hints, debugging, and Python's builtins.
#include <algorithm>
#include <cmath>

#include "frontends/tl/codegen.h"
#include "support/host_math.h"

namespace nereid::tl {

Result<Val> CodeGen::bHint(Bound& a) {
  Tensor t = TRY(tensorOf(a, 0));
  std::vector<int64_t> values = TRY(intList(a[1], a.loc(1), "a hint"));
  if (std::max<size_t>(1, t.type.shape.size()) != values.size())
    return error(Err::Shape, a.loc(1))
        .says("`", a.info->name, "` takes one value per axis: ", t.type, " has ", t.type.shape.size(), ", but there are ", values.size());
  // The hint is stored on the operation that defines the value; a function's argument has no such operation.
  if (t.value->def) t.value->def->set(static_cast<Attr>(a.info->tag), values);
  return Val::of(t);
}

Result<Val> CodeGen::bAssume(Bound& a) {
  if (!a[0].isTensor()) return Val::none();
  Tensor t = a[0].tensor;
  if (t.type.isBlock() || !t.type.scalar.isBool()) return error(Err::Type, a.loc(0)).says("tl.assume takes one int1, but this is ", t.type);
  b_.create(Op::Assume, {t.value}, {});
  return Val::none();
}

Result<Val> CodeGen::bBarrier(Bound&) {
  b_.create(Op::Barrier, {}, {});
  return Val::none();
}

Result<Val> CodeGen::bPrint(Bound& a) {
  if (!a[0].is(VK::Str))
    return error(Err::Type, a.loc(0))
        .says("the first argument of a print must be a string, but this is ", a[0])
        .hint("write `tl.device_print(\"x\", x)`");
  std::string prefix(a[0].text);
  for (char c : prefix)
    if (static_cast<unsigned char>(c) >= 0x7f || (static_cast<unsigned char>(c) < 0x20 && !isspace(static_cast<unsigned char>(c))))
      return error(Err::Type, a.loc(0)).says("the first argument of a print must contain ASCII characters only");
  if (host_) return Val::none();
  std::vector<Value*> values;
  std::vector<int64_t> isSigned;
  for (const Arg& arg : a.rest) {
    Tensor t = TRY(tensorOf(arg.value, arg.loc));
    values.push_back(t.value);
    isSigned.push_back(t.type.scalar.isSigned());
  }
  // As in Triton, the prefix begins with a space and ends in ": ".
  if (!prefix.ends_with(' ') && !values.empty()) prefix += ' ';
  if (!prefix.ends_with(": ") && !values.empty()) prefix = prefix.substr(0, prefix.size() - 1) + ": ";
  if (prefix.size() > 2 && !prefix.starts_with(' ')) prefix = " " + prefix;
  bool hexadecimal = a.given(1) && TRY(constantBool(a, 1, "hex"));
  b_.create(Op::Print, values, {}, {{Attr::Prefix, prefix}, {Attr::Hex, int64_t{hexadecimal}}, {Attr::IsSigned, isSigned}});
  return Val::none();
}

// As with TRITON_DEBUG, assertions are compiled only in debug mode.
Result<void> CodeGen::emitAssert(const Val& condition, const Val& message, const Val* mask, Loc loc) {
  std::string_view text = TRY(constantString(message, loc, "the message of an assertion"));
  Tensor t = TRY(toTensor(condition, loc));
  if (!shared_.request.debug) return {};
  if (!t.type.scalar.isBool()) t = TRY(cast(t, {Prim::I1}, loc));
  if (mask) {
    Tensor m = TRY(toTensor(*mask, loc));
    t = TRY(bitwise(Op::OrI, Val::of(t), Val::of(TRY(logicalNot(m, loc))), {loc, loc, loc}));
  }
  b_.create(Op::Assert, {t.value}, {}, {{Attr::Message, std::string(text)}});
  return {};
}

Result<Val> CodeGen::bAssert(Bound& a) {
  CHECK_OK(emitAssert(a[0], a.present(1) ? a[1] : Val::string(""), a.given(2) ? &a[2] : nullptr, a.loc(0)));
  return Val::none();
}

Result<Val> CodeGen::bStaticPrint(Bound& a) {
  if (!shared_.request.print || folding_) return Val::none();
  std::string line, sep = a.given(0) ? str(a[0]) : " ";
  for (size_t i = 0; i < a.rest.size(); ++i) appendAll(line, i ? sep : "", str(a.rest[i].value));
  shared_.request.print(line + (a.given(1) ? str(a[1]) : "\n"));
  return Val::none();
}

Result<Val> CodeGen::bIgnored(Bound& a) { return a.slots.empty() ? Val::none() : a[0]; }

Result<Val> CodeGen::bRefused(Bound& a) {
  return error(Err::Unsupported, a.call)
      .says("`tl.", a.info->name, "` is not supported: it waits for another program, which may not start before this one ends");
}

// Assembly text for one kind of GPU; a pass turns the part that it understands into operations.
Result<Val> CodeGen::bInlineAsm(Bound& a) {
  std::string_view text = TRY(constantString(a, 0, "the assembly")), constraints = TRY(constantString(a, 1, "the constraints"));
  std::vector<Tensor> args;
  for (const Val& v : a[2].is(VK::Tuple) ? *a[2].items : std::vector<Val>{a[2]}) args.push_back(TRY(toTensor(v, a.loc(2))));
  args = TRY(broadcastAll(std::move(args), {a.call, a.loc(2), a.loc(2)}));
  int64_t pack = TRY(constantInt(a, 5, "pack"));
  if (pack < 1 || pack > 64 || (pack & (pack - 1)))
    return error(Err::Type, a.loc(5)).says("`pack` must be a power of two from 1 to 64, but this is ", pack);
  std::vector<Val> dtypes = a[3].is(VK::Tuple) ? *a[3].items : std::vector<Val>{a[3]};
  std::vector<Value*> operands;
  for (const Tensor& t : args) operands.push_back(t.value);
  std::vector<Type> types;
  std::vector<TType> results;
  for (const Val& v : dtypes) {
    DType type = TRY(dtypeOf(v, a.loc(3)));
    results.push_back(args.empty() ? TType{type, {}} : args[0].type.with(type));
    types.push_back(results.back().ir());
  }
  if (results.empty()) return error(Err::Type, a.loc(3)).says("inline assembly needs a dtype for its result");
  Inst* inst = b_.create(Op::InlineAsm, operands, types,
                         {{Attr::AsmString, std::string(text)},
                          {Attr::Constraints, std::string(constraints)},
                          {Attr::PackedElement, pack},
                          {Attr::Pure, int64_t{TRY(constantBool(a, 4, "is_pure"))}}});
  std::vector<Val> out;
  for (size_t i = 0; i < results.size(); ++i) out.push_back(Val::of(tensor(inst->results[i], results[i])));
  return a[3].is(VK::Tuple) ? tuple(std::move(out)) : out[0];
}

Result<Val> CodeGen::bIterator(Bound& a) {
  if (!host_ || a.info->name == "static_range")
    return error(Err::Unsupported, a.call).says("`", a.info->name, "` can only be used as `for i in ", a.info->name, "(...)`");
  bool one = !a.present(1);
  int64_t from = one ? 0 : TRY(constantInt(a, 0, "a bound")), to = TRY(constantInt(one ? a[0] : a[1], a.loc(0), "a bound"));
  int64_t step = a.given(2) ? TRY(constantInt(a, 2, "a step")) : 1;
  if (step == 0) return error(Err::Type, a.loc(2)).says("the step of a range cannot be 0");
  std::vector<Val> items;
  for (Int i = from; step > 0 ? i < to : i > to; i += step) {
    if (items.size() > 100000) return error(Err::Unsupported, a.call).says("this range is too long for compile time");
    items.push_back(Val::integer(i));
  }
  return tuple(std::move(items));
}

Result<Val> CodeGen::bTarget(Bound& a) { return a.info->tag == 1 ? Val::none() : Val::boolean(false); }

Result<Val> CodeGen::bCdiv(Bound& a) {
  if (!a[0].isTensor() && !a[1].isTensor()) {
    Locs locs{a.call, a.loc(0), a.loc(1)};
    Val sum = TRY(constantBinary("+", a[0], TRY(constantBinary("-", a[1], Val::integer(1), locs)), locs));
    return constantBinary("//", sum, a[1], locs);
  }
  Args args;
  args.call = args.callee = a.call;
  args.positional = {{a[0], a.loc(0)}, {a[1], a.loc(1)}};
  return call(TRY(global(shared_.loader.builtinLibrary(), "cdiv", a.call)), std::move(args));
}

Result<Val> CodeGen::bNextPowerOf2(Bound& a) {
  int64_t n = TRY(constantInt(a, 0, "the argument of next_power_of_2"));
  Int p = 1;
  while (p < n) p *= 2;
  return Val::integer(n <= 0 ? 0 : p);
}

Result<Val> CodeGen::bLen(Bound& a) {
  if (a[0].is(VK::Tuple)) return Val::integer(static_cast<Int>(a[0].size()));
  if (a[0].is(VK::Str)) return Val::integer(static_cast<Int>(characterCount(a[0].text)));
  if (a[0].isObject()) return Val::integer(static_cast<Int>(a[0].object->items.size()));
  return error(Err::Type, a.loc(0))
      .says("`len` takes a tuple, but this is ", a[0])
      .hint(!a[0].isTensor()                 ? ""
            : a[0].tensor.type.shape.empty() ? "pass the size as an argument"
                                             : "for the size of an axis write `x.shape[0]`");
}

Result<Val> CodeGen::bIsInstance(Bound& a) {
  std::vector<Val> classes = a[1].is(VK::Tuple) ? *a[1].items : std::vector<Val>{a[1]};
  const Val& v = a[0];
  for (const Val& c : classes) {
    if (!c.is(VK::Class)) return error(Err::Type, a.loc(1)).says("`isinstance` takes a class, but this is ", c);
    bool is = (c.text == "tensor" && v.isTensor()) || (c.text == "tuple" && v.is(VK::Tuple)) || (c.text == "int" && v.isInt()) ||
              (c.text == "bool" && v.is(VK::Bool)) || (c.text == "float" && v.is(VK::Float)) || (c.text == "str" && v.is(VK::Str)) ||
              (c.text == "dtype" && v.is(VK::DType)) || (c.text == "list" && v.is(VK::List)) || (c.text == "dict" && v.is(VK::Dict)) ||
              ((c.text == "set" || c.text == "frozenset") && v.is(VK::Set)) || (c.text == "tensor_descriptor" && v.is(VK::Desc)) ||
              (c.cls && v.is(VK::Tuple) && v.cls == c.cls);
    // Arguments are unwrapped first, so no value is ever an instance of tl.constexpr.
    if (is) return Val::boolean(true);
  }
  return Val::boolean(false);
}

Result<Val> CodeGen::bGetAttr(Bound& a) {
  std::string name(TRY(constantString(a, 1, "the name of a member")));
  Node self{.kind = Kind::Name, .loc = a.loc(0), .text = "object"};
  Node node{.kind = Kind::Attribute, .loc = a.call, .text = name};
  node.kids.push_back(&self);
  size_t before = shared_.diags.size();
  Result<Val> v = attribute(a[0], name, a.call, &node);
  if (a.info->name == "hasattr") {
    shared_.diags.truncate(before);
    return Val::boolean(v.has_value());
  }
  if (!v && a.present(2)) {
    shared_.diags.truncate(before);
    return a[2];
  }
  return v;
}

Result<Val> CodeGen::bPyMinMax(Bound& a) {
  bool maximum = a.info->op == Op::MaxSI;
  std::vector<Arg> args = a.rest;
  if (args.size() == 1 && (args[0].value.is(VK::Tuple) || args[0].value.is(VK::Str) || args[0].value.isObject())) {
    std::vector<Arg> items;
    for (const Val& v : TRY(iterate(args[0].value, args[0].loc))) items.push_back({v, args[0].loc});
    args = std::move(items);
  }
  if (args.empty() && a.present(2)) return a[2];
  if (a.given(1)) {
    std::vector<Val> items;
    for (const Arg& x : args) items.push_back(x.value);
    if (items.empty()) return error(Err::Type, a.call).says("`", a.info->name, "` needs an argument");
    size_t best = 0;
    Val bestKey = TRY(callValues(a[1], {items[0]}, a.call));
    for (size_t i = 1; i < items.size(); ++i) {
      Val key = TRY(callValues(a[1], {items[i]}, a.call));
      int o = TRY(order(key, bestKey, a.call));
      if (maximum ? o > 0 : o < 0) best = i, bestKey = key;
    }
    return items[best];
  }
  if (args.empty()) return error(Err::Type, a.call).says("`", a.info->name, "` needs an argument");
  if (a.rest.size() == 1 && args.size() == 1 && a.rest[0].value.isNumber())
    return error(Err::Type, a.rest[0].loc).says("`", a.info->name, "` of one argument needs a sequence, but this is ", a.rest[0].value);
  bool runtime = std::any_of(args.begin(), args.end(), [](const Arg& x) { return x.value.isTensor(); });
  Val best = args[0].value;
  for (size_t i = 1; i < args.size(); ++i) {
    Locs locs{a.call, args[0].loc, args[i].loc};
    if (!runtime) {
      if (int o = TRY(order(args[i].value, best, args[i].loc)); maximum ? o > 0 : o < 0) best = args[i].value;
      continue;
    }
    auto promoted = [&](const Val& v, Loc loc) -> Result<Tensor> {
      Tensor t = TRY(toTensor(v, loc));
      return t.type.scalar.is(Prim::BF16) ? cast(t, {Prim::F32}, loc) : Result<Tensor>(t);
    };
    Tensor x = TRY(promoted(best, args[0].loc)), y = TRY(promoted(args[i].value, args[i].loc));
    best = Val::of(TRY(minMax(maximum, TRY(propagateNan(a, 0)), Val::of(x), Val::of(y), locs)));
  }
  return best;
}

Result<Val> CodeGen::bPyAbs(Bound& a) {
  if (a[0].is(VK::Float)) return Val::floating(std::fabs(a[0].real));
  if (a[0].isInt()) return Val::integer(a[0].number < 0 ? -a[0].number : a[0].number);
  return error(Err::Type, a.loc(0)).says("`abs` does not take ", a[0]);
}

Result<Val> CodeGen::bHostMath(Bound& a) {
  if (a.info->op == Op::Log && a.given(1)) {  // log(x, base)
    Bound one = a;
    one.slots.resize(1);
    Val x = TRY(bHostMath(one));
    one.slots[0] = a.slots[1];
    Val base = TRY(bHostMath(one));
    if (base.real == 0) return error(Err::Type, a.loc(1)).says("the base of a logarithm cannot be 1");
    return Val::floating(x.real / base.real);
  }
  if (!a[0].isNumber())
    return error(Err::Type, a.loc(0))
        .says("Python's math functions work at compile time only, but this is ", a[0])
        .hint(cat("use `tl.", a.info->name, "`"));
  double x = a[0].asDouble();
  switch (a.info->op) {
    case Op::Log2:
    case Op::Log:
      if (x <= 0) return error(Err::Type, a.loc(0)).says("the logarithm of ", repr(a[0]), " is not defined");
      return Val::floating(a.info->op == Op::Log2 ? hostLog2(x) : hostLog(x));
    case Op::Sqrt:
      if (x < 0) return error(Err::Type, a.loc(0)).says("the square root of ", repr(a[0]), " is not defined");
      return Val::floating(std::sqrt(x));
    case Op::Exp: return Val::floating(hostExp(x));
    case Op::Sin:
    case Op::Cos:
      if (std::isfinite(x) && std::fabs(x) > 0x1p30)
        return error(Err::Unsupported, a.loc(0)).says("an angle above 2^30 is not supported at compile time");
      return Val::floating(a.info->op == Op::Sin ? hostSin(x) : hostCos(x));
    default:
      if (a[0].isInt()) return Val::integer(a[0].number);
      x = a.info->op == Op::Ceil ? std::ceil(x) : std::floor(x);
      if (!(std::fabs(x) < 1e37)) return error(Err::Type, a.loc(0)).says(repr(a[0]), " cannot be rounded to an integer");
      return Val::integer(static_cast<Int>(x));
  }
}

Result<Val> CodeGen::bGetIntDtype(Bound& a) {
  int64_t bits = TRY(constantInt(a, 0, "the width"));
  if (bits != 1 && bits != 8 && bits != 16 && bits != 32 && bits != 64)
    return error(Err::Type, a.loc(0)).says("there is no integer type of ", bits, " bits");
  return Val::dtype({intType(static_cast<int>(bits), TRY(constantBool(a, 1, "the signedness"))), {}});
}

}  // namespace nereid::tl
