// SPDX-License-Identifier: MIT
// The tables of builtins, and helpers shared by their implementations.
#include "frontends/tl/codegen.h"

namespace nereid::tl {

// A friend of CodeGen, so that the tables can name its members.
struct BuiltinTable {
  using G = CodeGen;
  static constexpr BuiltinInfo kTl[] = {
      {"program_id", "axis", &G::bProgramId, false, Op::GetProgramId},
      {"num_programs", "axis", &G::bProgramId, false, Op::GetNumPrograms},
      // creation
      {"arange", "start end", &G::bArange, false},
      {"full", "shape value dtype", &G::bFull, false},
      {"cat", "input other can_reorder? dim?", &G::bCat, false},
      {"cast", "input dtype fp_downcast_rounding? bitcast?", &G::bCast, true},
      {"to_tensor", "x", &G::bToTensor, false},
      // shape
      {"broadcast", "input other", &G::bBroadcast, false},
      {"broadcast_to", "input *shape", &G::bBroadcastTo, true},
      {"expand_dims", "input axis", &G::bExpandDims, true},
      {"unsqueeze", "input axis", &G::bExpandDims, false},
      {"squeeze", "input axis", &G::bSqueeze, false},
      {"permute", "input *dims", &G::bPermute, true},
      {"trans", "input *dims", &G::bPermute, true, Op::Poison, 1},
      {"reshape", "input *shape can_reorder?", &G::bReshape, true},
      {"view", "input *shape", &G::bReshape, true, Op::Poison, 1},
      {"join", "a b", &G::bJoin, false},
      {"split", "a", &G::bSplit, true},
      {"item", "input", &G::bItem, true},
      // arithmetic
      {"add", "x y sanitize_overflow?", &G::bBinary, false, Op::AddI},
      {"sub", "x y sanitize_overflow?", &G::bBinary, false, Op::SubI},
      {"mul", "x y sanitize_overflow?", &G::bBinary, false, Op::MulI},
      {"minimum", "x y propagate_nan?", &G::bMinMax, false, Op::MinSI, 0},
      {"maximum", "x y propagate_nan?", &G::bMinMax, false, Op::MaxSI, 1},
      {"clamp", "x min max propagate_nan?", &G::bClamp, false},
      {"where", "condition x y", &G::bWhere, false},
      {"logical_and", "input other", &G::bLogical, true, Op::AndI, 1},
      {"logical_or", "input other", &G::bLogical, true, Op::OrI, 0},
      {"exp", "x", &G::bMath, true, Op::Exp},
      {"exp2", "x", &G::bMath, true, Op::Exp2},
      {"log", "x", &G::bMath, true, Op::Log},
      {"log2", "x", &G::bMath, true, Op::Log2},
      {"cos", "x", &G::bMath, true, Op::Cos},
      {"sin", "x", &G::bMath, true, Op::Sin},
      {"sqrt", "x", &G::bMath, true, Op::Sqrt},
      {"sqrt_rn", "x", &G::bMath, true, Op::PreciseSqrt, 1},
      {"rsqrt", "x", &G::bMath, true, Op::Rsqrt},
      {"erf", "x", &G::bMath, true, Op::Erf},
      {"floor", "x", &G::bMath, true, Op::Floor},
      {"ceil", "x", &G::bMath, true, Op::Ceil},
      {"abs", "x", &G::bAbs, true, Op::AbsF},
      {"fma", "x y z", &G::bFma, false, Op::Fma},
      {"fdiv", "x y ieee_rounding?", &G::bFdiv, false, Op::DivF},
      {"div_rn", "x y", &G::bFdiv, false, Op::PreciseDivF},
      {"umulhi", "x y", &G::bUmulhi, false, Op::MulHiUI},
      {"_promote_bfloat16_to_float32", "t", &G::bPromoteBf16, false},
      // combining
      {"dot", "input other acc? input_precision? allow_tf32? max_num_imprecise_acc? out_dtype?", &G::bDot, false},
      {"dot_scaled", "lhs lhs_scale lhs_format rhs rhs_scale rhs_format acc? fast_math? lhs_k_pack? rhs_k_pack? out_dtype?", &G::bDotScaled,
       false},
      {"reduce", "input axis combine_fn keep_dims?", &G::bReduce, true},
      {"_reduce_with_indices", "input axis combine_fn keep_dims?", &G::bReduceWithIndices, false},
      {"associative_scan", "input axis combine_fn reverse?", &G::bScan, true},
      {"histogram", "input num_bins mask?", &G::bHistogram, true},
      {"gather", "src index axis", &G::bGather, true},
      {"map_elementwise", "scalar_fn *args pack?", &G::bMapElementwise, false},
      // memory
      {"load", "pointer mask? other? boundary_check? padding_option? cache_modifier? eviction_policy? volatile?", &G::bLoad, false},
      {"store", "pointer value mask? boundary_check? cache_modifier? eviction_policy?", &G::bStore, true},
      {"atomic_add", "pointer val mask? sem? scope?", &G::bAtomicRmw, true, Op::Poison, static_cast<int>(Rmw::Add)},
      {"atomic_max", "pointer val mask? sem? scope?", &G::bAtomicRmw, true, Op::Poison, static_cast<int>(Rmw::Max)},
      {"atomic_min", "pointer val mask? sem? scope?", &G::bAtomicRmw, true, Op::Poison, static_cast<int>(Rmw::Min)},
      {"atomic_and", "pointer val mask? sem? scope?", &G::bAtomicRmw, true, Op::Poison, static_cast<int>(Rmw::And)},
      {"atomic_or", "pointer val mask? sem? scope?", &G::bAtomicRmw, true, Op::Poison, static_cast<int>(Rmw::Or)},
      {"atomic_xor", "pointer val mask? sem? scope?", &G::bAtomicRmw, true, Op::Poison, static_cast<int>(Rmw::Xor)},
      {"atomic_xchg", "pointer val mask? sem? scope?", &G::bAtomicRmw, true, Op::Poison, static_cast<int>(Rmw::Xchg)},
      {"atomic_cas", "pointer cmp val sem? scope?", &G::bAtomicCas, true},
      {"make_block_ptr", "base shape strides offsets block_shape order", &G::bMakeBlockPtr, false},
      {"advance", "base offsets", &G::bAdvance, false},
      {"make_tensor_descriptor", "base shape strides block_shape padding_option?", &G::bMakeDesc, false},
      {"_experimental_make_tensor_descriptor", "base shape strides block_shape padding_option?", &G::bMakeDesc, false},
      {"load_tensor_descriptor", "desc offsets", &G::bDescLoad, false},
      {"store_tensor_descriptor", "desc offsets value", &G::bDescStore, false},
      // hints and debugging
      {"multiple_of", "input values", &G::bHint, false, Op::Poison, static_cast<int>(Attr::Divisibility)},
      {"max_contiguous", "input values", &G::bHint, false, Op::Poison, static_cast<int>(Attr::Contiguity)},
      {"max_constancy", "input values", &G::bHint, false, Op::Poison, static_cast<int>(Attr::Constancy)},
      {"assume", "cond", &G::bAssume, false},
      {"debug_barrier", "", &G::bBarrier, false},
      {"device_print", "prefix *args hex?", &G::bPrint, false},
      {"device_assert", "cond msg? mask?", &G::bAssert, false},
      {"static_print", "*values sep? end? file? flush?", &G::bStaticPrint, false},
      {"static_assert", "cond msg?", &G::bIgnored, false},
      {"expect_zero", "x", &G::bIgnored, false},
      {"range", "arg1 arg2? step? num_stages? loop_unroll_factor? disallow_acc_multi_buffer? flatten? warp_specialize? disable_licm?",
       &G::bIterator, false},
      {"static_range", "arg1 arg2? step?", &G::bIterator, false},
      {"condition", "arg1 disable_licm?", &G::bToTensor, false},
      {"get_int_dtype", "bitwidth signed", &G::bGetIntDtype, false},
      {"inline_asm_elementwise", "asm constraints args dtype is_pure pack", &G::bInlineAsm, false},
      {"atomic_poll", "pointer *rest", &G::bRefused, false},
  };
  static constexpr BuiltinInfo kDesc[] = {
      {"load", "self offsets", &G::bDescLoad, false},
      {"store", "self offsets value", &G::bDescStore, false},
      {"atomic_add", "self offsets value", &G::bDescReduce, false, Op::Poison, static_cast<int>(DescReduceKind::Add)},
      {"atomic_min", "self offsets value", &G::bDescReduce, false, Op::Poison, static_cast<int>(DescReduceKind::Min)},
      {"atomic_max", "self offsets value", &G::bDescReduce, false, Op::Poison, static_cast<int>(DescReduceKind::Max)},
      {"atomic_and", "self offsets value", &G::bDescReduce, false, Op::Poison, static_cast<int>(DescReduceKind::And)},
      {"atomic_or", "self offsets value", &G::bDescReduce, false, Op::Poison, static_cast<int>(DescReduceKind::Or)},
      {"atomic_xor", "self offsets value", &G::bDescReduce, false, Op::Poison, static_cast<int>(DescReduceKind::Xor)},
      {"gather", "self x_offsets y_offset", &G::bDescGather, false},
      {"scatter", "self value x_offsets y_offset", &G::bDescScatter, false},
  };
  // Python's own; tag 1: at compile time only.
  static constexpr BuiltinInfo kPython[] = {
      {"__function", "module name", &G::bPythonValue, false},
      {"__object", "number cls truth", &G::bPythonValue, false},
      {"breakpoint", "*args", &G::bBreakpoint, false},
      {"len", "x", &G::bLen, false},
      {"range", "arg1 arg2? step?", &G::bIterator, false},
      {"isinstance", "x cls", &G::bIsInstance, false},
      {"getattr", "x name default?", &G::bGetAttr, false},
      {"hasattr", "x name", &G::bGetAttr, false, Op::Poison, 0},
      {"print", "prefix *args hex?", &G::bPrint, false},
      {"min", "*args propagate_nan? key? default?", &G::bPyMinMax, false, Op::MinSI, 0},
      {"max", "*args propagate_nan? key? default?", &G::bPyMinMax, false, Op::MaxSI, 0},
      {"abs", "x", &G::bPyAbs, false, Op::Poison, 1},
  };
  // Python's own that take compile-time values only.
  static constexpr BuiltinInfo kPythonHost[] = {
      {"enumerate", "iterable start?", &G::bEnumerate, false},
      {"zip", "*iterables strict?", &G::bZip, false},
      {"sorted", "iterable key? reverse?", &G::bSorted, false},
      {"reversed", "iterable", &G::bReversed, false},
      {"divmod", "x y", &G::bDivmod, false},
      {"round", "x ndigits?", &G::bRound, false},
      {"any", "iterable", &G::bAnyAll, false, Op::Poison, 1},
      {"all", "iterable", &G::bAnyAll, false, Op::Poison, 0},
      {"sum", "iterable start?", &G::bSum, false},
      {"pow", "x y mod?", &G::bPow, false},
      {"map", "function *iterables", &G::bMap, false},
      {"filter", "function iterable", &G::bFilter, false},
      {"next", "iterator default?", &G::bNext, false},
      {"iter", "iterable", &G::bIter, false},
      {"repr", "x", &G::bRepr, false},
      {"format", "x spec?", &G::bFormat, false},
      {"hex", "x", &G::bDigits, false, Op::Poison, 'x'},
      {"oct", "x", &G::bDigits, false, Op::Poison, 'o'},
      {"bin", "x", &G::bDigits, false, Op::Poison, 'b'},
      {"chr", "x", &G::bChr, false},
      {"ord", "x", &G::bOrd, false},
      {"callable", "x", &G::bCallable, false},
      {"type", "x", &G::bType, false},
  };
  // Functions of Python's modules, at compile time.
  static constexpr BuiltinInfo kModules[] = {
      {"math.gcd", "*args", &G::bGcdLcm, false, Op::Poison, 0},
      {"math.lcm", "*args", &G::bGcdLcm, false, Op::Poison, 1},
      {"math.isqrt", "n", &G::bIsqrt, false},
      {"math.factorial", "n", &G::bFactorial, false},
      {"math.comb", "n k", &G::bComb, false},
      {"math.prod", "iterable start?", &G::bProd, false},
      {"math.pow", "x y", &G::bFloatPow, false},
      {"math.fabs", "x", &G::bFabs, false},
      {"math.trunc", "x", &G::bTrunc, false},
      {"math.log10", "x", &G::bLog10, false},
      {"math.isinf", "x", &G::bIsInf, false},
      {"math.isnan", "x", &G::bIsNan, false},
      {"math.isfinite", "x", &G::bIsFinite, false},
      {"math.copysign", "x y", &G::bCopysign, false},
      {"functools.reduce", "function iterable initial?", &G::bFunctoolsReduce, false},
      {"itertools.product", "*iterables repeat?", &G::bProduct, false},
      {"itertools.chain", "*iterables", &G::bChain, false},
      {"itertools.accumulate", "iterable function?", &G::bAccumulate, false},
      {"importlib.import_module", "name", &G::bImportModule, false},
      {"operator.add", "a b", &G::bOperator, false, Op::Poison, '+'},
      {"operator.mul", "a b", &G::bOperator, false, Op::Poison, '*'},
      {"operator.sub", "a b", &G::bOperator, false, Op::Poison, '-'},
  };
  // tl.target_info, and triton.*: compile-time functions.
  static constexpr BuiltinInfo kTarget[] = {
      {"is_cuda", "", &G::bTarget, false},
      {"is_hip", "", &G::bTarget, false},
      {"is_hip_cdna3", "", &G::bTarget, false},
      {"is_hip_cdna4", "", &G::bTarget, false},
      {"cuda_capability_geq", "major minor?", &G::bTarget, false},
      {"current_target", "", &G::bTarget, false, Op::Poison, 1},
      {"cdiv", "x y", &G::bCdiv, false},
      {"next_power_of_2", "n", &G::bNextPowerOf2, false},
  };
  // Python's math module, on compile-time values.
  static constexpr BuiltinInfo kHost[] = {
      {"log2", "x", &G::bHostMath, false, Op::Log2}, {"log", "x base?", &G::bHostMath, false, Op::Log},
      {"sqrt", "x", &G::bHostMath, false, Op::Sqrt}, {"exp", "x", &G::bHostMath, false, Op::Exp},
      {"ceil", "x", &G::bHostMath, false, Op::Ceil}, {"floor", "x", &G::bHostMath, false, Op::Floor},
      {"sin", "x", &G::bHostMath, false, Op::Sin},   {"cos", "x", &G::bHostMath, false, Op::Cos},
  };
  // libdevice functions by name. `op` if one of our operations means the same; otherwise tt.extern_elementwise with `__nv_` and the name.
  // tag: the argument and result types; see bLibdevice.
  enum Libdevice { Float = 0, ToBool, Float32Only, Ints, IntCount, FloatToInt, IntToFloat, FloatInt, FloatToI32 };
  static constexpr BuiltinInfo kLibdevice[] = {
      {"tanh", "x", &G::bLibdevice, false, Op::Tanh},
      {"erf", "x", &G::bLibdevice, false, Op::Erf},
      {"erfc", "x", &G::bLibdevice, false, Op::Erfc},
      {"exp", "x", &G::bLibdevice, false, Op::Exp},
      {"exp2", "x", &G::bLibdevice, false, Op::Exp2},
      {"expm1", "x", &G::bLibdevice, false, Op::Expm1},
      {"log", "x", &G::bLibdevice, false, Op::Log},
      {"log1p", "x", &G::bLibdevice, false, Op::Log1p},
      {"log2", "x", &G::bLibdevice, false, Op::Log2},
      {"log10", "x", &G::bLibdevice, false, Op::Log10},
      {"pow", "x y", &G::bLibdevice, false, Op::PowF},
      {"sqrt", "x", &G::bLibdevice, false, Op::Sqrt},
      {"rsqrt", "x", &G::bLibdevice, false, Op::Rsqrt},
      {"cbrt", "x", &G::bLibdevice, false, Op::Cbrt},
      {"rint", "x", &G::bLibdevice, false, Op::RoundEven},
      {"nearbyint", "x", &G::bLibdevice, false, Op::RoundEven},
      {"round", "x", &G::bLibdevice, false, Op::Round},
      {"trunc", "x", &G::bLibdevice, false, Op::Trunc},
      {"floor", "x", &G::bLibdevice, false, Op::Floor},
      {"ceil", "x", &G::bLibdevice, false, Op::Ceil},
      {"sin", "x", &G::bLibdevice, false, Op::Sin},
      {"cos", "x", &G::bLibdevice, false, Op::Cos},
      {"tan", "x", &G::bLibdevice, false, Op::Tan},
      {"asin", "x", &G::bLibdevice, false, Op::Asin},
      {"acos", "x", &G::bLibdevice, false, Op::Acos},
      {"atan", "x", &G::bLibdevice, false, Op::Atan},
      {"atan2", "x y", &G::bLibdevice, false, Op::Atan2},
      {"sinh", "x", &G::bLibdevice, false, Op::Sinh},
      {"cosh", "x", &G::bLibdevice, false, Op::Cosh},
      {"asinh", "x", &G::bLibdevice, false, Op::Asinh},
      {"acosh", "x", &G::bLibdevice, false, Op::Acosh},
      {"atanh", "x", &G::bLibdevice, false, Op::Atanh},
      {"fmod", "x y", &G::bLibdevice, false, Op::RemF},
      {"copysign", "x y", &G::bLibdevice, false, Op::CopySign},
      {"fma", "x y z", &G::bLibdevice, false, Op::Fma},
      {"abs", "x", &G::bAbs, false, Op::AbsF},
      {"isnan", "x", &G::bLibdevice, false, Op::IsNan, ToBool},
      {"isinf", "x", &G::bLibdevice, false, Op::IsInf, ToBool},
      {"finitef", "x", &G::bLibdevice, false, Op::IsFinite, ToBool},
      {"isfinited", "x", &G::bLibdevice, false, Op::IsFinite, ToBool},
      {"popc", "x", &G::bLibdevice, false, Op::CtPop, IntCount},
      {"clz", "x", &G::bLibdevice, false, Op::CtLZ, IntCount},
      {"float_as_int", "x", &G::bLibdevice, false, Op::Bitcast, FloatToInt},
      {"double_as_longlong", "x", &G::bLibdevice, false, Op::Bitcast, FloatToInt},
      {"int_as_float", "x", &G::bLibdevice, false, Op::Bitcast, IntToFloat},
      {"longlong_as_double", "x", &G::bLibdevice, false, Op::Bitcast, IntToFloat},
      {"add_rn", "x y", &G::bLibdevice, false, Op::AddF},
      {"sub_rn", "x y", &G::bLibdevice, false, Op::SubF},
      {"mul_rn", "x y", &G::bLibdevice, false, Op::MulF},
      {"fma_rn", "x y z", &G::bLibdevice, false, Op::Fma},
      {"fast_expf", "x", &G::bLibdevice, false, Op::Exp, Float32Only},
      {"fast_logf", "x", &G::bLibdevice, false, Op::Log, Float32Only},
      {"fast_log2f", "x", &G::bLibdevice, false, Op::Log2, Float32Only},
      {"fast_log10f", "x", &G::bLibdevice, false, Op::Log10, Float32Only},
      {"fast_sinf", "x", &G::bLibdevice, false, Op::Sin, Float32Only},
      {"fast_cosf", "x", &G::bLibdevice, false, Op::Cos, Float32Only},
      {"fast_tanf", "x", &G::bLibdevice, false, Op::Tan, Float32Only},
      {"fast_tanhf", "x", &G::bLibdevice, false, Op::Tanh, Float32Only},
      {"fast_powf", "x y", &G::bLibdevice, false, Op::PowF, Float32Only},
      {"fast_dividef", "x y", &G::bLibdevice, false, Op::DivF, Float32Only},
      {"erfinv", "x", &G::bLibdevice, false},
      {"lgamma", "x", &G::bLibdevice, false},
      {"hypot", "x y", &G::bLibdevice, false},
      {"nextafter", "x y", &G::bLibdevice, false},
      {"fdim", "x y", &G::bLibdevice, false},
      {"ldexp", "x y", &G::bLibdevice, false, Op::Poison, FloatInt},
      {"signbit", "x", &G::bLibdevice, false, Op::Poison, FloatToI32},
      {"ffs", "x", &G::bLibdevice, false, Op::Poison, IntCount},
      {"umulhi", "x y", &G::bUmulhi, false, Op::MulHiUI},
  };
};

namespace {

template <size_t n>
const BuiltinInfo* findIn(const BuiltinInfo (&table)[n], std::string_view name) {
  for (const BuiltinInfo& row : table)
    if (row.name == name) return &row;
  return nullptr;
}

}  // namespace

const BuiltinInfo* findBuiltin(std::string_view name) { return findIn(BuiltinTable::kTl, name); }
const BuiltinInfo* findPythonBuiltin(std::string_view name) {
  const BuiltinInfo* info = findIn(BuiltinTable::kPython, name);
  return info ? info : findIn(BuiltinTable::kPythonHost, name);
}
const BuiltinInfo* findDescMethod(std::string_view name) { return findIn(BuiltinTable::kDesc, name); }
const BuiltinInfo* findLibdevice(std::string_view name) {
  const BuiltinInfo* info = findIn(BuiltinTable::kLibdevice, name);
  return info ? info : findLibdeviceRow(name);
}
const BuiltinInfo* findTargetQuery(std::string_view name) { return findIn(BuiltinTable::kTarget, name); }
const BuiltinInfo* findHostModule(std::string_view name) { return findIn(BuiltinTable::kModules, name); }
const BuiltinInfo* findHostMath(std::string_view name) { return findIn(BuiltinTable::kHost, name); }

bool takesTensors(const BuiltinInfo& info) {
  return findIn(BuiltinTable::kPythonHost, info.name) != &info && findIn(BuiltinTable::kModules, info.name) != &info;
}

std::vector<std::string> builtinNames(bool membersOnly) {
  std::vector<std::string> names;
  for (const BuiltinInfo& row : BuiltinTable::kTl)
    if ((row.member || !membersOnly) && row.name[0] != '_') names.emplace_back(row.name);
  return names;
}

Result<int64_t> CodeGen::constantInt(const Val& v, Loc loc, std::string_view what) {
  if (v.isTensor() && v.known) return constantInt(*v.known, loc, what);
  if (v.isTensor()) {
    std::string_view name = parameterOf(v.tensor.value);
    return error(Err::Type, loc)
        .says(what, " must be a constexpr, but this is ", v, ", whose value is known only when the kernel runs")
        .hint(name.empty() ? "compute it from tl.constexpr parameters and numbers only"
                           : cat("declare the parameter as `", name, ": tl.constexpr`"));
  }
  if (v.is(VK::Float))
    return error(Err::Type, loc)
        .says(what, " must be an integer, but this is the float ", repr(v))
        .hint("pass an integer; `//` divides integers");
  if (!v.isInt()) return error(Err::Type, loc).says(what, " must be an integer, but this is ", v);
  if (v.number > INT64_MAX || v.number < INT64_MIN) return error(Err::Type, loc).says(what, " does not fit in 64 bits");
  return static_cast<int64_t>(v.number);
}

Result<bool> CodeGen::constantBool(const Val& v, Loc loc, std::string_view what) {
  if (v.isTensor() && v.known) return constantBool(*v.known, loc, what);
  if (v.isTensor()) return error(Err::Type, loc).says(what, " must be a constexpr, but this is ", v);
  return truthy(v);
}

Result<std::string_view> CodeGen::constantString(const Val& v, Loc loc, std::string_view what) {
  if (v.isNone()) return "";
  if (!v.is(VK::Str)) return error(Err::Type, loc).says(what, " must be a string, but this is ", v);
  return v.text;
}

Result<DType> CodeGen::dtypeOf(const Val& v, Loc loc) {
  if (v.is(VK::DType)) return v.type.scalar;
  if (v.is(VK::Module) && v.text.starts_with("external:"))
    return error(Err::Type, loc).says(v, " is not a type of Triton").hint("write a type of tl, such as tl.float32");
  return error(Err::Type, loc).says("expected a type such as tl.float32, but this is ", v);
}

Result<Tensor> CodeGen::tensorOf(const Val& v, Loc loc) {
  if (v.isTensor()) return v.tensor;
  return toTensor(v, loc);
}

Result<std::vector<int64_t>> CodeGen::intList(const Val& v, Loc loc, std::string_view what) {
  std::vector<int64_t> out;
  if (v.is(VK::Tuple)) {
    for (const Val& item : *v.items) out.push_back(TRY(constantInt(item, loc, cat("each item of ", what))));
  } else {
    out.push_back(TRY(constantInt(v, loc, what)));
  }
  return out;
}

Result<Shape> CodeGen::shapeOf(const Val& v, Loc loc) {
  if (v.isTensor())
    return error(Err::Shape, loc)
        .says("a shape must be known at compile time, but this is ", v)
        .hint("compute it from tl.constexpr parameters and numbers only");
  std::vector<int64_t> shape = TRY(intList(v, loc, "a shape"));
  if (shape.size() > static_cast<size_t>(kMaxRank))
    return error(Err::Shape, loc).says("a tensor can have at most ", kMaxRank, " axes, not ", shape.size());
  int64_t numel = 1;
  for (int64_t d : shape) {
    if (!isPowerOfTwo(d)) {
      int64_t up = 1;
      while (up < d && up < kMaxNumel) up *= 2;
      return error(Err::Shape, loc)
          .says("each axis of a tensor must be a power of two, but ", d, " is not")
          .hint(d > 0 ? cat("use ", up, ", with a mask for the elements past ", d) : "");
    }
    if (d > kMaxNumel || (numel *= d) > kMaxNumel)
      return error(Err::Shape, loc)
          .says("a tensor can have at most ", kMaxNumel, " elements, but ", listText(shape), " has more")
          .hint("process it in smaller blocks");
  }
  return Shape(shape);
}

Result<int64_t> CodeGen::axisOf(const Val& v, int64_t rank, Loc loc) {
  int64_t axis = TRY(constantInt(v, loc, "an axis"));
  if (axis < -rank || axis >= rank)
    return error(Err::Shape, loc).says("axis ", axis, " is out of range for a tensor of ", rank, rank == 1 ? " axis" : " axes");
  return axis < 0 ? axis + rank : axis;
}

Result<bool> CodeGen::propagateNan(const Bound& a, size_t i) {
  if (!a.given(i)) return false;
  if (a[i].is(VK::Str) && a[i].text == "PropagateNan.ALL") return true;
  if (a[i].is(VK::Str) && a[i].text == "PropagateNan.NONE") return false;
  return error(Err::Type, a.loc(i)).says("expected tl.PropagateNan.ALL or tl.PropagateNan.NONE, but this is ", a[i]);
}

}  // namespace nereid::tl
