// SPDX-License-Identifier: MIT
#include "ir/libdevice.h"

#include <string>

namespace nereid {

namespace {

constexpr LibFunction kFunctions[] = {
    {"tanh", 1, LibFn::None, Op::Tanh}, {"erf", 1, LibFn::None, Op::Erf}, {"erfc", 1, LibFn::None, Op::Erfc},
    {"exp", 1, LibFn::None, Op::Exp}, {"exp2", 1, LibFn::None, Op::Exp2}, {"expm1", 1, LibFn::None, Op::Expm1},
    {"fast_exp", 1, LibFn::None, Op::Exp}, {"log", 1, LibFn::None, Op::Log}, {"log1p", 1, LibFn::None, Op::Log1p},
    {"log2", 1, LibFn::None, Op::Log2}, {"log10", 1, LibFn::None, Op::Log10}, {"fast_log", 1, LibFn::None, Op::Log},
    {"fast_log2", 1, LibFn::None, Op::Log2}, {"fast_log10", 1, LibFn::None, Op::Log10}, {"pow", 2, LibFn::None, Op::PowF},
    {"fast_pow", 2, LibFn::None, Op::PowF}, {"powi", 2, LibFn::None, Op::FPowI}, {"sqrt", 1, LibFn::None, Op::Sqrt},
    {"sqrt_rn", 1, LibFn::None, Op::PreciseSqrt}, {"fsqrt_rn", 1, LibFn::None, Op::PreciseSqrt}, {"dsqrt_rn", 1, LibFn::None, Op::PreciseSqrt},
    {"rsqrt", 1, LibFn::None, Op::Rsqrt}, {"frsqrt_rn", 1, LibFn::None, Op::Rsqrt}, {"cbrt", 1, LibFn::None, Op::Cbrt},
    {"rint", 1, LibFn::None, Op::RoundEven}, {"nearbyint", 1, LibFn::None, Op::RoundEven}, {"round", 1, LibFn::None, Op::Round},
    {"trunc", 1, LibFn::None, Op::Trunc}, {"floor", 1, LibFn::None, Op::Floor}, {"ceil", 1, LibFn::None, Op::Ceil},
    {"sin", 1, LibFn::None, Op::Sin}, {"cos", 1, LibFn::None, Op::Cos}, {"tan", 1, LibFn::None, Op::Tan},
    {"fast_sin", 1, LibFn::None, Op::Sin}, {"fast_cos", 1, LibFn::None, Op::Cos}, {"fast_tan", 1, LibFn::None, Op::Tan},
    {"asin", 1, LibFn::None, Op::Asin}, {"acos", 1, LibFn::None, Op::Acos}, {"atan", 1, LibFn::None, Op::Atan},
    {"atan2", 2, LibFn::None, Op::Atan2}, {"sinh", 1, LibFn::None, Op::Sinh}, {"cosh", 1, LibFn::None, Op::Cosh},
    {"asinh", 1, LibFn::None, Op::Asinh}, {"acosh", 1, LibFn::None, Op::Acosh}, {"atanh", 1, LibFn::None, Op::Atanh},
    {"fmod", 2, LibFn::None, Op::RemF}, {"copysign", 2, LibFn::None, Op::CopySign}, {"fabs", 1, LibFn::None, Op::AbsF},
    {"abs", 1, LibFn::None, Op::AbsI}, {"llabs", 1, LibFn::None, Op::AbsI}, {"fma", 3, LibFn::None, Op::Fma},
    {"fmax", 2, LibFn::None, Op::MaxNumF}, {"fmin", 2, LibFn::None, Op::MinNumF}, {"clz", 1, LibFn::None, Op::CtLZ},
    {"clzll", 1, LibFn::None, Op::CtLZ}, {"popc", 1, LibFn::None, Op::CtPop}, {"popcll", 1, LibFn::None, Op::CtPop},
    {"fast_divide", 2, LibFn::None, Op::DivF}, {"div_rn", 2, LibFn::None, Op::PreciseDivF}, {"fdiv_rn", 2, LibFn::None, Op::PreciseDivF},
    {"ddiv_rn", 2, LibFn::None, Op::PreciseDivF}, {"add_rn", 2, LibFn::None, Op::AddF}, {"fadd_rn", 2, LibFn::None, Op::AddF},
    {"dadd_rn", 2, LibFn::None, Op::AddF}, {"fmul_rn", 2, LibFn::None, Op::MulF}, {"dmul_rn", 2, LibFn::None, Op::MulF},
    {"fsub_rn", 2, LibFn::None, Op::SubF}, {"dsub_rn", 2, LibFn::None, Op::SubF}, {"fmaf_rn", 3, LibFn::None, Op::Fma},
    {"fma_rn", 3, LibFn::None, Op::Fma}, {"float_as_int", 1, LibFn::None, Op::Bitcast}, {"float_as_uint", 1, LibFn::None, Op::Bitcast},
    {"int_as_float", 1, LibFn::None, Op::Bitcast}, {"uint_as_float", 1, LibFn::None, Op::Bitcast},
    {"double_as_longlong", 1, LibFn::None, Op::Bitcast}, {"longlong_as_double", 1, LibFn::None, Op::Bitcast},
    {"umulhi", 2, LibFn::None, Op::MulHiUI}, {"umul64hi", 2, LibFn::None, Op::MulHiUI},
    {"isnan", 1, LibFn::IsNan, Op::IsNan}, {"isinf", 1, LibFn::IsInf, Op::IsInf}, {"finite", 1, LibFn::IsFinite, Op::IsFinite},
    {"isfinite", 1, LibFn::IsFinite, Op::IsFinite}, {"signbit", 1, LibFn::SignBit, Op::ExternElementwise},
    {"erfinv", 1, LibFn::Erfinv, Op::ExternElementwise}, {"hypot", 2, LibFn::Hypot, Op::ExternElementwise},
    {"lgamma", 1, LibFn::Lgamma, Op::ExternElementwise}, {"ffs", 1, LibFn::Ffs, Op::ExternElementwise},
    {"ffsll", 1, LibFn::Ffs, Op::ExternElementwise}, {"nextafter", 2, LibFn::NextAfter, Op::ExternElementwise},
    {"ldexp", 2, LibFn::Ldexp, Op::ExternElementwise}, {"fdim", 2, LibFn::Fdim, Op::ExternElementwise},
    {"frcp_rn", 1, LibFn::Rcp, Op::ExternElementwise}, {"drcp_rn", 1, LibFn::Rcp, Op::ExternElementwise},
    {"rcp_rn", 1, LibFn::Rcp, Op::ExternElementwise},
};

std::optional<LibFunction> byName(std::string_view name) {
  for (const LibFunction& f : kFunctions)
    if (f.name == name) return f;
  return std::nullopt;
}

bool dropSuffix(std::string_view& name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return false;
  name.remove_suffix(suffix.size());
  return true;
}

bool dropPrefix(std::string_view& name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return false;
  name.remove_prefix(prefix.size());
  return true;
}

}  // namespace

std::optional<LibFunction> resolveLibdevice(std::string_view symbol) {
  if (dropPrefix(symbol, "__ocml_")) {
    dropPrefix(symbol, "native_");
    for (std::string_view suffix : {"_f16", "_f32", "_f64", "_rte"})
      if (dropSuffix(symbol, suffix)) break;
    return byName(symbol);
  }
  if (dropPrefix(symbol, "Sleef_")) {
    // Sleef_expf8_u10, Sleef_expd%(numel)_u10, Sleef_fmodf: name, type, lanes, accuracy.
    for (std::string_view prefix : {"finz_", "cinz_"}) dropPrefix(symbol, prefix);
    if (size_t end = symbol.rfind("_u"); end != std::string_view::npos) symbol = symbol.substr(0, end);
    dropSuffix(symbol, "%(numel)");
    std::string_view bare = symbol;
    while (!bare.empty() && bare.back() >= '0' && bare.back() <= '9') bare.remove_suffix(1);
    for (std::string_view name : {bare, symbol}) {
      if (name.ends_with('f') || name.ends_with('d'))
        if (auto f = byName(name.substr(0, name.size() - 1))) return f;
      if (auto f = byName(name)) return f;
    }
    return std::nullopt;
  }
  if (!dropPrefix(symbol, "__nv_")) return std::nullopt;
  if (auto f = byName(symbol)) return f;
  // __nv_expf; __nv_isnand; __nv_fast_dividef
  if (symbol == "fast_dividef") return byName("fast_divide");
  if (symbol.ends_with('f') || symbol.ends_with('d')) return byName(symbol.substr(0, symbol.size() - 1));
  return std::nullopt;
}

}  // namespace nereid
