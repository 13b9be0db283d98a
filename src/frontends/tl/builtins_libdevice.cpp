// SPDX-License-Identifier: MIT
// Functions of libdevice whose symbol and result follow from the types of their arguments, as in Triton's own table.
#include <algorithm>

#include "frontends/tl/codegen.h"

namespace nereid::tl {

namespace {

// `types`: one letter per argument, then the result's after `>`: f fp32, d fp64, i int32, u uint32, l int64, v uint64.
// Without a symbol it is `__nv_` and the name. Rows with the same name follow each other, and have as many arguments.
struct Row {
  std::string_view name, types, symbol = {};
  size_t arguments() const { return types.size() - 2; }
};
constexpr Row kRows[] = {
    {"byte_perm", "iii>i"},
    {"mulhi", "ii>i"},
    {"mulhi", "uu>u", "__nv_umulhi"},
    {"mulhi", "ll>l", "__nv_mul64hi"},
    {"mulhi", "vv>v", "__nv_umul64hi"},
    {"mul24", "ii>i"},
    {"mul24", "uu>u", "__nv_umul24"},
    {"brev", "i>i"},
    {"brev", "l>l", "__nv_brevll"},
    {"sad", "iiu>i"},
    {"sad", "uuu>u", "__nv_usad"},
    {"rcp64h", "d>d"},
    {"saturatef", "f>f"},
    {"fma_rz", "fff>f", "__nv_fmaf_rz"},
    {"fma_rz", "ddd>d"},
    {"fma_rd", "fff>f", "__nv_fmaf_rd"},
    {"fma_rd", "ddd>d"},
    {"fma_ru", "fff>f", "__nv_fmaf_ru"},
    {"fma_ru", "ddd>d"},
    {"div_rn", "ff>f", "__nv_fdiv_rn"},
    {"div_rn", "dd>d", "__nv_ddiv_rn"},
    {"div_rz", "ff>f", "__nv_fdiv_rz"},
    {"div_rz", "dd>d", "__nv_ddiv_rz"},
    {"div_rd", "ff>f", "__nv_fdiv_rd"},
    {"div_rd", "dd>d", "__nv_ddiv_rd"},
    {"div_ru", "ff>f", "__nv_fdiv_ru"},
    {"div_ru", "dd>d", "__nv_ddiv_ru"},
    {"rcp_rn", "f>f", "__nv_frcp_rn"},
    {"rcp_rn", "d>d", "__nv_drcp_rn"},
    {"rcp_rz", "f>f", "__nv_frcp_rz"},
    {"rcp_rz", "d>d", "__nv_drcp_rz"},
    {"rcp_rd", "f>f", "__nv_frcp_rd"},
    {"rcp_rd", "d>d", "__nv_drcp_rd"},
    {"rcp_ru", "f>f", "__nv_frcp_ru"},
    {"rcp_ru", "d>d", "__nv_drcp_ru"},
    {"sqrt_rn", "f>f", "__nv_fsqrt_rn"},
    {"sqrt_rn", "d>d", "__nv_dsqrt_rn"},
    {"sqrt_rz", "f>f", "__nv_fsqrt_rz"},
    {"sqrt_rz", "d>d", "__nv_dsqrt_rz"},
    {"sqrt_rd", "f>f", "__nv_fsqrt_rd"},
    {"sqrt_rd", "d>d", "__nv_dsqrt_rd"},
    {"sqrt_ru", "f>f", "__nv_fsqrt_ru"},
    {"sqrt_ru", "d>d", "__nv_dsqrt_ru"},
    {"add_rz", "dd>d", "__nv_dadd_rz"},
    {"add_rz", "ff>f", "__nv_fadd_rz"},
    {"add_rd", "dd>d", "__nv_dadd_rd"},
    {"add_rd", "ff>f", "__nv_fadd_rd"},
    {"add_ru", "dd>d", "__nv_dadd_ru"},
    {"add_ru", "ff>f", "__nv_fadd_ru"},
    {"mul_rz", "dd>d", "__nv_dmul_rz"},
    {"mul_rz", "ff>f", "__nv_fmul_rz"},
    {"mul_rd", "dd>d", "__nv_dmul_rd"},
    {"mul_rd", "ff>f", "__nv_fmul_rd"},
    {"mul_ru", "dd>d", "__nv_dmul_ru"},
    {"mul_ru", "ff>f", "__nv_fmul_ru"},
    {"double2float_rn", "d>f"},
    {"double2float_rz", "d>f"},
    {"double2float_rd", "d>f"},
    {"double2float_ru", "d>f"},
    {"double2int_rn", "d>i"},
    {"double2int_rz", "d>i"},
    {"double2int_rd", "d>i"},
    {"double2int_ru", "d>i"},
    {"double2uint_rn", "d>i"},
    {"double2uint_rz", "d>i"},
    {"double2uint_rd", "d>i"},
    {"double2uint_ru", "d>i"},
    {"int2double_rn", "i>d"},
    {"uint2double_rn", "u>d"},
    {"float2int_rn", "f>i"},
    {"float2int_rz", "f>i"},
    {"float2int_rd", "f>i"},
    {"float2int_ru", "f>i"},
    {"float2uint_rn", "f>i"},
    {"float2uint_rz", "f>i"},
    {"float2uint_rd", "f>i"},
    {"float2uint_ru", "f>i"},
    {"int2float_rn", "i>f"},
    {"int2float_rz", "i>f"},
    {"int2float_rd", "i>f"},
    {"int2float_ru", "i>f"},
    {"uint2float_rn", "u>f"},
    {"uint2float_rz", "u>f"},
    {"uint2float_rd", "u>f"},
    {"uint2float_ru", "u>f"},
    {"hiloint2double", "ii>d"},
    {"double2loint", "d>i"},
    {"double2hiint", "d>i"},
    {"float2ll_rn", "f>l"},
    {"float2ll_rz", "f>l"},
    {"float2ll_rd", "f>l"},
    {"float2ll_ru", "f>l"},
    {"float2ull_rn", "f>l"},
    {"float2ull_rz", "f>l"},
    {"float2ull_rd", "f>l"},
    {"float2ull_ru", "f>l"},
    {"double2ll_rn", "d>l"},
    {"double2ll_rz", "d>l"},
    {"double2ll_rd", "d>l"},
    {"double2ll_ru", "d>l"},
    {"double2ull_rn", "d>l"},
    {"double2ull_rz", "d>l"},
    {"double2ull_rd", "d>l"},
    {"double2ull_ru", "d>l"},
    {"ll2float_rn", "l>f"},
    {"ll2float_rz", "l>f"},
    {"ll2float_rd", "l>f"},
    {"ll2float_ru", "l>f"},
    {"ull2float_rn", "v>f"},
    {"ull2float_rz", "v>f"},
    {"ull2float_rd", "v>f"},
    {"ull2float_ru", "v>f"},
    {"ll2double_rn", "l>d"},
    {"ll2double_rz", "l>d"},
    {"ll2double_rd", "l>d"},
    {"ll2double_ru", "l>d"},
    {"ull2double_rn", "v>d"},
    {"ull2double_rz", "v>d"},
    {"ull2double_rd", "v>d"},
    {"ull2double_ru", "v>d"},
    {"uint_as_float", "u>f"},
    {"float_as_uint", "f>i"},
    {"fast_exp10f", "f>f"},
    {"hadd", "ii>i"},
    {"hadd", "uu>u", "__nv_uhadd"},
    {"rhadd", "ii>i"},
    {"rhadd", "uu>u", "__nv_urhadd"},
    {"sub_rz", "ff>f", "__nv_fsub_rz"},
    {"sub_rz", "dd>d", "__nv_dsub_rz"},
    {"sub_rd", "ff>f", "__nv_fsub_rd"},
    {"sub_rd", "dd>d", "__nv_dsub_rd"},
    {"sub_ru", "ff>f", "__nv_fsub_ru"},
    {"sub_ru", "dd>d", "__nv_dsub_ru"},
    {"rsqrt_rn", "f>f", "__nv_frsqrt_rn"},
    {"llrint", "f>l", "__nv_llrintf"},
    {"llrint", "d>l"},
    {"sinpi", "f>f", "__nv_sinpif"},
    {"sinpi", "d>d"},
    {"cospi", "f>f", "__nv_cospif"},
    {"cospi", "d>d"},
    {"exp10", "f>f", "__nv_exp10f"},
    {"exp10", "d>d"},
    {"rhypot", "ff>f", "__nv_rhypotf"},
    {"rhypot", "dd>d"},
    {"norm3d", "fff>f", "__nv_norm3df"},
    {"norm3d", "ddd>d"},
    {"rnorm3d", "fff>f", "__nv_rnorm3df"},
    {"rnorm3d", "ddd>d"},
    {"norm4d", "ffff>f", "__nv_norm4df"},
    {"norm4d", "dddd>d"},
    {"rnorm4d", "ffff>f", "__nv_rnorm4df"},
    {"rnorm4d", "dddd>d"},
    {"rcbrt", "f>f", "__nv_rcbrtf"},
    {"rcbrt", "d>d"},
    {"j0", "f>f", "__nv_j0f"},
    {"j0", "d>d"},
    {"j1", "f>f", "__nv_j1f"},
    {"j1", "d>d"},
    {"y0", "f>f", "__nv_y0f"},
    {"y0", "d>d"},
    {"y1", "f>f", "__nv_y1f"},
    {"y1", "d>d"},
    {"yn", "if>f", "__nv_ynf"},
    {"yn", "id>d"},
    {"jn", "if>f", "__nv_jnf"},
    {"jn", "id>d"},
    {"cyl_bessel_i0", "f>f", "__nv_cyl_bessel_i0f"},
    {"cyl_bessel_i0", "d>d"},
    {"cyl_bessel_i1", "f>f", "__nv_cyl_bessel_i1f"},
    {"cyl_bessel_i1", "d>d"},
    {"erfcx", "f>f", "__nv_erfcxf"},
    {"erfcx", "d>d"},
    {"erfcinv", "f>f", "__nv_erfcinvf"},
    {"erfcinv", "d>d"},
    {"normcdfinv", "f>f", "__nv_normcdfinvf"},
    {"normcdfinv", "d>d"},
    {"normcdf", "f>f", "__nv_normcdff"},
    {"normcdf", "d>d"},
    {"scalbn", "fi>f", "__nv_scalbnf"},
    {"scalbn", "di>d"},
    {"remainder", "ff>f", "__nv_remainderf"},
    {"remainder", "dd>d"},
    {"tgamma", "f>f", "__nv_tgammaf"},
    {"tgamma", "d>d"},
    {"llround", "f>l", "__nv_llroundf"},
    {"llround", "d>l"},
    {"ilogb", "f>i", "__nv_ilogbf"},
    {"ilogb", "d>i"},
    {"logb", "f>f", "__nv_logbf"},
    {"logb", "d>d"},
};

DType typeOf(char letter) {
  switch (letter) {
    case 'f': return {Prim::F32};
    case 'd': return {Prim::F64};
    case 'i': return intType(32, true);
    case 'u': return intType(32, false);
    case 'l': return intType(64, true);
    default: return intType(64, false);
  }
}

}  // namespace

const BuiltinInfo* findLibdeviceRow(std::string_view name) {
  static const std::vector<BuiltinInfo> kInfos = [] {
    constexpr std::string_view kParams = "x y z w";
    std::vector<BuiltinInfo> infos;
    for (const Row& row : kRows)
      if (infos.empty() || infos.back().name != row.name)
        infos.push_back({row.name, kParams.substr(0, 2 * row.arguments() - 1), &CodeGen::bLibdeviceRow, false});
    return infos;
  }();
  auto found = std::find_if(kInfos.begin(), kInfos.end(), [&](const BuiltinInfo& info) { return info.name == name; });
  return found == kInfos.end() ? nullptr : &*found;
}

Result<Val> CodeGen::bLibdeviceRow(Bound& a) {
  const size_t n = a.slots.size();
  // A number takes the type in the row that the tensors select.
  auto fits = [&](const Row& row) {
    for (size_t i = 0; i < n; ++i) {
      DType type = typeOf(row.types[i]);
      if (a[i].isTensor() ? a[i].tensor.type.scalar != type : !(a[i].isInt() || (a[i].is(VK::Float) && type.isFloat()))) return false;
    }
    return true;
  };
  const Row* found = nullptr;
  std::string takes;
  for (const Row& row : kRows) {
    if (row.name != a.info->name) continue;
    if (!found && fits(row)) found = &row;
    std::string list;
    for (size_t i = 0; i < n; ++i) appendAll(list, i ? ", " : "", typeOf(row.types[i]));
    appendAll(takes, takes.empty() ? "" : " or ", n > 1 ? cat("(", list, ")") : list);
  }
  if (!found) {
    std::string given;
    for (size_t i = 0; i < n; ++i) appendAll(given, i ? ", " : "", TRY(tensorOf(a, i)).type.scalar);
    return error(Err::Type, a.call)
        .says("`", a.info->name, "` takes ", takes, ", but this is ", n > 1 ? cat("(", given, ")") : given)
        .hint("cast it with `.to(tl.float32)`");
  }
  std::vector<Tensor> t;
  for (size_t i = 0; i < n; ++i)
    t.push_back(a[i].isTensor() ? a[i].tensor : TRY(cast(TRY(tensorOf(a, i)), typeOf(found->types[i]), a.loc(i))));
  for (size_t round = 0; round < 2; ++round)
    for (size_t i = 1; i < n; ++i) {
      auto [x, y] = TRY(broadcast(t[0], t[i], {a.call, a.loc(0), a.loc(i)}));
      t[0] = x;
      t[i] = y;
    }
  std::vector<Value*> values;
  for (const Tensor& x : t) values.push_back(x.value);
  TType type = t[0].type.with(typeOf(found->types.back()));
  Inst* inst = b_.create(Op::ExternElementwise, values, {type.ir()},
                         {{Attr::LibName, std::string()},
                          {Attr::LibPath, std::string()},
                          {Attr::Pure, int64_t{1}},
                          {Attr::Symbol, found->symbol.empty() ? cat("__nv_", found->name) : std::string(found->symbol)}});
  return Val::of(tensor(inst->result(), type));
}

}  // namespace nereid::tl
