// SPDX-License-Identifier: MIT
#include "ir/libdevice.h"

#include <string>

namespace nereid {

namespace {

constexpr LibFunction kFunctions[] = {
    {"tanh", 1, LibFn::None, Op::Tanh},
    {"erf", 1, LibFn::None, Op::Erf},
    {"erfc", 1, LibFn::None, Op::Erfc},
    {"exp", 1, LibFn::None, Op::Exp},
    {"exp2", 1, LibFn::None, Op::Exp2},
    {"expm1", 1, LibFn::None, Op::Expm1},
    {"fast_exp", 1, LibFn::None, Op::Exp},
    {"log", 1, LibFn::None, Op::Log},
    {"log1p", 1, LibFn::None, Op::Log1p},
    {"log2", 1, LibFn::None, Op::Log2},
    {"log10", 1, LibFn::None, Op::Log10},
    {"fast_log", 1, LibFn::None, Op::Log},
    {"fast_log2", 1, LibFn::None, Op::Log2},
    {"fast_log10", 1, LibFn::None, Op::Log10},
    {"pow", 2, LibFn::None, Op::PowF},
    {"fast_pow", 2, LibFn::None, Op::PowF},
    {"powi", 2, LibFn::None, Op::FPowI},
    {"sqrt", 1, LibFn::None, Op::Sqrt},
    {"sqrt_rn", 1, LibFn::None, Op::PreciseSqrt},
    {"fsqrt_rn", 1, LibFn::None, Op::PreciseSqrt},
    {"dsqrt_rn", 1, LibFn::None, Op::Sqrt},
    {"rsqrt", 1, LibFn::None, Op::Rsqrt},
    {"frsqrt_rn", 1, LibFn::RSqrt},
    {"cbrt", 1, LibFn::None, Op::Cbrt},
    {"rint", 1, LibFn::None, Op::RoundEven},
    {"nearbyint", 1, LibFn::None, Op::RoundEven},
    {"round", 1, LibFn::None, Op::Round},
    {"trunc", 1, LibFn::None, Op::Trunc},
    {"floor", 1, LibFn::None, Op::Floor},
    {"ceil", 1, LibFn::None, Op::Ceil},
    {"sin", 1, LibFn::None, Op::Sin},
    {"cos", 1, LibFn::None, Op::Cos},
    {"tan", 1, LibFn::None, Op::Tan},
    {"fast_sin", 1, LibFn::None, Op::Sin},
    {"fast_cos", 1, LibFn::None, Op::Cos},
    {"fast_tan", 1, LibFn::None, Op::Tan},
    {"asin", 1, LibFn::None, Op::Asin},
    {"acos", 1, LibFn::None, Op::Acos},
    {"atan", 1, LibFn::None, Op::Atan},
    {"atan2", 2, LibFn::None, Op::Atan2},
    {"sinh", 1, LibFn::None, Op::Sinh},
    {"cosh", 1, LibFn::None, Op::Cosh},
    {"asinh", 1, LibFn::None, Op::Asinh},
    {"acosh", 1, LibFn::None, Op::Acosh},
    {"atanh", 1, LibFn::None, Op::Atanh},
    {"fmod", 2, LibFn::None, Op::RemF},
    {"copysign", 2, LibFn::None, Op::CopySign},
    {"fabs", 1, LibFn::None, Op::AbsF},
    {"abs", 1, LibFn::None, Op::AbsI},
    {"llabs", 1, LibFn::None, Op::AbsI},
    {"fma", 3, LibFn::None, Op::Fma},
    {"fmax", 2, LibFn::None, Op::MaxNumF},
    {"fmin", 2, LibFn::None, Op::MinNumF},
    {"clz", 1, LibFn::None, Op::CtLZ},
    {"clzll", 1, LibFn::None, Op::CtLZ},
    {"popc", 1, LibFn::None, Op::CtPop},
    {"popcll", 1, LibFn::None, Op::CtPop},
    {"fast_divide", 2, LibFn::None, Op::DivF},
    {"div_rn", 2, LibFn::None, Op::PreciseDivF},
    {"fdiv_rn", 2, LibFn::None, Op::PreciseDivF},
    {"ddiv_rn", 2, LibFn::None, Op::DivF},
    {"add_rn", 2, LibFn::None, Op::AddF},
    {"fadd_rn", 2, LibFn::None, Op::AddF},
    {"dadd_rn", 2, LibFn::None, Op::AddF},
    {"fmul_rn", 2, LibFn::None, Op::MulF},
    {"dmul_rn", 2, LibFn::None, Op::MulF},
    {"fsub_rn", 2, LibFn::None, Op::SubF},
    {"dsub_rn", 2, LibFn::None, Op::SubF},
    {"fmaf_rn", 3, LibFn::None, Op::Fma},
    {"fma_rn", 3, LibFn::None, Op::Fma},
    {"float_as_int", 1, LibFn::None, Op::Bitcast},
    {"float_as_uint", 1, LibFn::None, Op::Bitcast},
    {"int_as_float", 1, LibFn::None, Op::Bitcast},
    {"uint_as_float", 1, LibFn::None, Op::Bitcast},
    {"double_as_longlong", 1, LibFn::None, Op::Bitcast},
    {"longlong_as_double", 1, LibFn::None, Op::Bitcast},
    {"umulhi", 2, LibFn::None, Op::MulHiUI},
    {"umul64hi", 2, LibFn::None, Op::MulHiUI},
    {"isnan", 1, LibFn::IsNan, Op::IsNan},
    {"isinf", 1, LibFn::IsInf, Op::IsInf},
    {"finite", 1, LibFn::IsFinite, Op::IsFinite},
    {"isfinite", 1, LibFn::IsFinite, Op::IsFinite},
    {"signbit", 1, LibFn::SignBit},
    {"erfinv", 1, LibFn::Erfinv},
    {"hypot", 2, LibFn::Hypot},
    {"lgamma", 1, LibFn::Lgamma},
    {"ffs", 1, LibFn::Ffs},
    {"ffsll", 1, LibFn::Ffs},
    {"nextafter", 2, LibFn::NextAfter},
    {"ldexp", 2, LibFn::Ldexp},
    {"scalbn", 2, LibFn::Ldexp},
    {"fdim", 2, LibFn::Fdim},
    {"frcp_rn", 1, LibFn::Rcp},
    {"drcp_rn", 1, LibFn::Rcp},
    {"rcp_rn", 1, LibFn::Rcp},
    {"byte_perm", 3, LibFn::BytePerm},
    {"mul24", 2, LibFn::Mul24},
    {"umul24", 2, LibFn::UMul24},
    {"mulhi", 2, LibFn::MulHi},
    {"mul64hi", 2, LibFn::MulHi},
    {"brev", 1, LibFn::BitReverse},
    {"brevll", 1, LibFn::BitReverse},
    {"sad", 3, LibFn::Sad},
    {"usad", 3, LibFn::USad},
    {"hadd", 2, LibFn::Hadd},
    {"uhadd", 2, LibFn::UHadd},
    {"rhadd", 2, LibFn::RHadd},
    {"urhadd", 2, LibFn::URHadd},
    {"hiloint2double", 2, LibFn::HiLoToDouble},
    {"double2loint", 1, LibFn::LowOfDouble},
    {"double2hiint", 1, LibFn::HighOfDouble},
    {"rcp64h", 1, LibFn::Rcp64h},
    {"saturate", 1, LibFn::Saturate},
    {"llrint", 1, LibFn::FloatToInt},
    {"llround", 1, LibFn::LRound},
    {"remainder", 2, LibFn::Remainder},
    {"ilogb", 1, LibFn::ILogB},
    {"logb", 1, LibFn::LogB},
    {"sinpi", 1, LibFn::SinPi},
    {"cospi", 1, LibFn::CosPi},
    {"exp10", 1, LibFn::Exp10},
    {"fast_exp10", 1, LibFn::Exp10},
    {"rcbrt", 1, LibFn::RCbrt},
    {"rhypot", 2, LibFn::RHypot},
    {"norm3d", 3, LibFn::Norm},
    {"rnorm3d", 3, LibFn::RNorm},
    {"norm4d", 4, LibFn::Norm},
    {"rnorm4d", 4, LibFn::RNorm},
    {"erfcx", 1, LibFn::Erfcx},
    {"erfcinv", 1, LibFn::Erfcinv},
    {"normcdf", 1, LibFn::NormCdf},
    {"normcdfinv", 1, LibFn::NormCdfInv},
    {"tgamma", 1, LibFn::TGamma},
    {"j0", 1, LibFn::J0},
    {"j1", 1, LibFn::J1},
    {"y0", 1, LibFn::Y0},
    {"y1", 1, LibFn::Y1},
    {"jn", 2, LibFn::Jn},
    {"yn", 2, LibFn::Yn},
    {"cyl_bessel_i0", 1, LibFn::I0},
    {"cyl_bessel_i1", 1, LibFn::I1},
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

// fadd_rz, double2int_ru, uint2float_rd: the operation and the direction of rounding.
std::optional<LibFunction> directed(std::string_view name) {
  constexpr std::pair<std::string_view, Direction> kSuffixes[] = {
      {"_rn", Direction::Nearest}, {"_rz", Direction::Zero}, {"_rd", Direction::Down}, {"_ru", Direction::Up}};
  constexpr LibFunction kRounded[] = {{"add", 2, LibFn::AddTo}, {"sub", 2, LibFn::SubTo}, {"mul", 2, LibFn::MulTo},
                                      {"div", 2, LibFn::DivTo}, {"rcp", 1, LibFn::RcpTo}, {"sqrt", 1, LibFn::SqrtTo},
                                      {"fma", 3, LibFn::FmaTo}, {"fmaf", 3, LibFn::FmaTo}};
  for (auto [suffix, direction] : kSuffixes) {
    std::string_view base = name;
    if (!dropSuffix(base, suffix)) continue;
    if (size_t two = base.find('2'); two != std::string_view::npos) {
      auto isFloat = [](std::string_view t) { return t == "float" || t == "double"; };
      auto isInt = [](std::string_view t) { return t == "int" || t == "uint" || t == "ll" || t == "ull"; };
      std::string_view from = base.substr(0, two), to = base.substr(two + 1);
      if (isFloat(from) && isInt(to)) return LibFunction{"", 1, LibFn::FloatToInt, Op::ExternElementwise, direction, to[0] == 'u'};
      if (isInt(from) && isFloat(to)) return LibFunction{"", 1, LibFn::IntToFloat, Op::ExternElementwise, direction, from[0] == 'u'};
      if (from == "double" && to == "float") return LibFunction{"", 1, LibFn::DoubleToFloat, Op::ExternElementwise, direction};
      return std::nullopt;
    }
    for (size_t drop = 0; drop < 2 && drop < base.size(); ++drop)  // with or without the suffix of its type
      for (LibFunction f : kRounded)
        if (f.name == base.substr(drop)) {
          f.direction = direction;
          return f;
        }
  }
  return std::nullopt;
}

}  // namespace

bool hasTypesOf(const LibFunction& f, const Inst& inst) {
  if (f.arity != inst.operands.size() || inst.results.size() != 1) return false;
  const Type r = inst.result()->type, t = inst.operand(0)->type;
  auto isHalf = [](Type x) { return x.isFloat() && bitWidth(x) < 32; };
  auto all = [&](auto&& fits) {
    for (const Value* v : inst.operands)
      if (v->type.isPointer() || !fits(v->type)) return false;
    return !r.isPointer();
  };
  auto same = [&](Type x) { return x.element() == t.element(); };
  auto isI32 = [](Type x) { return x.elem == Elem::I32; };
  auto isF64 = [](Type x) { return x.elem == Elem::F64; };
  switch (f.fn) {
    case LibFn::None: return true;
    case LibFn::IsNan:
    case LibFn::IsInf:
    case LibFn::IsFinite:
    case LibFn::SignBit: return all([](Type x) { return x.isFloat(); });
    case LibFn::Ffs: return t.isInt() && r.isInt();
    case LibFn::Ldexp: return t.isFloat() && r.isFloat() && inst.operand(1)->type.isInt();
    case LibFn::BytePerm:
    case LibFn::Mul24:
    case LibFn::UMul24:
    case LibFn::Sad:
    case LibFn::USad:
    case LibFn::Hadd:
    case LibFn::UHadd:
    case LibFn::RHadd:
    case LibFn::URHadd: return all(isI32) && isI32(r);
    case LibFn::MulHi:
    case LibFn::BitReverse: return all([&](Type x) { return same(x) && x.isInt() && bitWidth(x) >= 32; }) && same(r);
    case LibFn::HiLoToDouble: return all(isI32) && isF64(r);
    case LibFn::LowOfDouble:
    case LibFn::HighOfDouble: return isF64(t) && isI32(r);
    case LibFn::Rcp64h: return isF64(t) && isF64(r);
    case LibFn::DoubleToFloat: return isF64(t) && r.elem == Elem::F32;
    case LibFn::FloatToInt:
    case LibFn::LRound:
    case LibFn::ILogB: return t.isFloat() && !isHalf(t) && r.isInt() && bitWidth(r) >= 32;
    case LibFn::IntToFloat: return t.isInt() && bitWidth(t) >= 32 && r.isFloat() && !isHalf(r);
    case LibFn::Jn:
    case LibFn::Yn: return isI32(t) && inst.operand(1)->type.isFloat() && inst.operand(1)->type.element() == r.element();
    case LibFn::AddTo:
    case LibFn::SubTo:
    case LibFn::MulTo:
    case LibFn::DivTo:
    case LibFn::RcpTo:
    case LibFn::SqrtTo:
    case LibFn::FmaTo: return !isHalf(t) && all([&](Type x) { return x.isFloat() && same(x); }) && same(r);
    default: return all([&](Type x) { return x.isFloat() && same(x); }) && same(r);
  }
}

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
  if (auto f = directed(symbol)) return f;
  // __nv_expf; __nv_isnand; __nv_fast_fdividef, as CUDA spells it
  if (symbol == "fast_dividef" || symbol == "fast_fdividef") return byName("fast_divide");
  if (symbol.ends_with('f') || symbol.ends_with('d')) return byName(symbol.substr(0, symbol.size() - 1));
  return std::nullopt;
}

}  // namespace nereid
