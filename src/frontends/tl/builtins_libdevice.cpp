// SPDX-License-Identifier: MIT
// Functions of libdevice whose symbol and result follow from the types of their arguments, as in Triton's own table.
#include <algorithm>

#include "frontends/tl/codegen.h"

namespace nereid::tl {

namespace {

// `types`: one letter per argument, then the result's after `>`: f fp32, d fp64, i int32, u uint32, l int64, v uint64.
struct Row {
  std::string_view name, types, symbol;
};
constexpr Row kRows[] = {
    {"byte_perm", "iii>i", "__nv_byte_perm"},
    {"mulhi", "ii>i", "__nv_mulhi"},
    {"mulhi", "uu>u", "__nv_umulhi"},
    {"mulhi", "ll>l", "__nv_mul64hi"},
    {"mulhi", "vv>v", "__nv_umul64hi"},
    {"mul24", "ii>i", "__nv_mul24"},
    {"mul24", "uu>u", "__nv_umul24"},
    {"brev", "i>i", "__nv_brev"},
    {"brev", "l>l", "__nv_brevll"},
    {"sad", "iiu>i", "__nv_sad"},
    {"sad", "uuu>u", "__nv_usad"},
    {"rcp64h", "d>d", "__nv_rcp64h"},
    {"saturatef", "f>f", "__nv_saturatef"},
    {"fma_rz", "fff>f", "__nv_fmaf_rz"},
    {"fma_rz", "ddd>d", "__nv_fma_rz"},
    {"fma_rd", "fff>f", "__nv_fmaf_rd"},
    {"fma_rd", "ddd>d", "__nv_fma_rd"},
    {"fma_ru", "fff>f", "__nv_fmaf_ru"},
    {"fma_ru", "ddd>d", "__nv_fma_ru"},
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
    {"double2float_rn", "d>f", "__nv_double2float_rn"},
    {"double2float_rz", "d>f", "__nv_double2float_rz"},
    {"double2float_rd", "d>f", "__nv_double2float_rd"},
    {"double2float_ru", "d>f", "__nv_double2float_ru"},
    {"double2int_rn", "d>i", "__nv_double2int_rn"},
    {"double2int_rz", "d>i", "__nv_double2int_rz"},
    {"double2int_rd", "d>i", "__nv_double2int_rd"},
    {"double2int_ru", "d>i", "__nv_double2int_ru"},
    {"double2uint_rn", "d>i", "__nv_double2uint_rn"},
    {"double2uint_rz", "d>i", "__nv_double2uint_rz"},
    {"double2uint_rd", "d>i", "__nv_double2uint_rd"},
    {"double2uint_ru", "d>i", "__nv_double2uint_ru"},
    {"int2double_rn", "i>d", "__nv_int2double_rn"},
    {"uint2double_rn", "u>d", "__nv_uint2double_rn"},
    {"float2int_rn", "f>i", "__nv_float2int_rn"},
    {"float2int_rz", "f>i", "__nv_float2int_rz"},
    {"float2int_rd", "f>i", "__nv_float2int_rd"},
    {"float2int_ru", "f>i", "__nv_float2int_ru"},
    {"float2uint_rn", "f>i", "__nv_float2uint_rn"},
    {"float2uint_rz", "f>i", "__nv_float2uint_rz"},
    {"float2uint_rd", "f>i", "__nv_float2uint_rd"},
    {"float2uint_ru", "f>i", "__nv_float2uint_ru"},
    {"int2float_rn", "i>f", "__nv_int2float_rn"},
    {"int2float_rz", "i>f", "__nv_int2float_rz"},
    {"int2float_rd", "i>f", "__nv_int2float_rd"},
    {"int2float_ru", "i>f", "__nv_int2float_ru"},
    {"uint2float_rn", "u>f", "__nv_uint2float_rn"},
    {"uint2float_rz", "u>f", "__nv_uint2float_rz"},
    {"uint2float_rd", "u>f", "__nv_uint2float_rd"},
    {"uint2float_ru", "u>f", "__nv_uint2float_ru"},
    {"hiloint2double", "ii>d", "__nv_hiloint2double"},
    {"double2loint", "d>i", "__nv_double2loint"},
    {"double2hiint", "d>i", "__nv_double2hiint"},
    {"float2ll_rn", "f>l", "__nv_float2ll_rn"},
    {"float2ll_rz", "f>l", "__nv_float2ll_rz"},
    {"float2ll_rd", "f>l", "__nv_float2ll_rd"},
    {"float2ll_ru", "f>l", "__nv_float2ll_ru"},
    {"float2ull_rn", "f>l", "__nv_float2ull_rn"},
    {"float2ull_rz", "f>l", "__nv_float2ull_rz"},
    {"float2ull_rd", "f>l", "__nv_float2ull_rd"},
    {"float2ull_ru", "f>l", "__nv_float2ull_ru"},
    {"double2ll_rn", "d>l", "__nv_double2ll_rn"},
    {"double2ll_rz", "d>l", "__nv_double2ll_rz"},
    {"double2ll_rd", "d>l", "__nv_double2ll_rd"},
    {"double2ll_ru", "d>l", "__nv_double2ll_ru"},
    {"double2ull_rn", "d>l", "__nv_double2ull_rn"},
    {"double2ull_rz", "d>l", "__nv_double2ull_rz"},
    {"double2ull_rd", "d>l", "__nv_double2ull_rd"},
    {"double2ull_ru", "d>l", "__nv_double2ull_ru"},
    {"ll2float_rn", "l>f", "__nv_ll2float_rn"},
    {"ll2float_rz", "l>f", "__nv_ll2float_rz"},
    {"ll2float_rd", "l>f", "__nv_ll2float_rd"},
    {"ll2float_ru", "l>f", "__nv_ll2float_ru"},
    {"ull2float_rn", "v>f", "__nv_ull2float_rn"},
    {"ull2float_rz", "v>f", "__nv_ull2float_rz"},
    {"ull2float_rd", "v>f", "__nv_ull2float_rd"},
    {"ull2float_ru", "v>f", "__nv_ull2float_ru"},
    {"ll2double_rn", "l>d", "__nv_ll2double_rn"},
    {"ll2double_rz", "l>d", "__nv_ll2double_rz"},
    {"ll2double_rd", "l>d", "__nv_ll2double_rd"},
    {"ll2double_ru", "l>d", "__nv_ll2double_ru"},
    {"ull2double_rn", "v>d", "__nv_ull2double_rn"},
    {"ull2double_rz", "v>d", "__nv_ull2double_rz"},
    {"ull2double_rd", "v>d", "__nv_ull2double_rd"},
    {"ull2double_ru", "v>d", "__nv_ull2double_ru"},
    {"uint_as_float", "u>f", "__nv_uint_as_float"},
    {"float_as_uint", "f>i", "__nv_float_as_uint"},
    {"fast_exp10f", "f>f", "__nv_fast_exp10f"},
    {"hadd", "ii>i", "__nv_hadd"},
    {"hadd", "uu>u", "__nv_uhadd"},
    {"rhadd", "ii>i", "__nv_rhadd"},
    {"rhadd", "uu>u", "__nv_urhadd"},
    {"sub_rz", "ff>f", "__nv_fsub_rz"},
    {"sub_rz", "dd>d", "__nv_dsub_rz"},
    {"sub_rd", "ff>f", "__nv_fsub_rd"},
    {"sub_rd", "dd>d", "__nv_dsub_rd"},
    {"sub_ru", "ff>f", "__nv_fsub_ru"},
    {"sub_ru", "dd>d", "__nv_dsub_ru"},
    {"rsqrt_rn", "f>f", "__nv_frsqrt_rn"},
    {"llrint", "f>l", "__nv_llrintf"},
    {"llrint", "d>l", "__nv_llrint"},
    {"sinpi", "f>f", "__nv_sinpif"},
    {"sinpi", "d>d", "__nv_sinpi"},
    {"cospi", "f>f", "__nv_cospif"},
    {"cospi", "d>d", "__nv_cospi"},
    {"exp10", "f>f", "__nv_exp10f"},
    {"exp10", "d>d", "__nv_exp10"},
    {"rhypot", "ff>f", "__nv_rhypotf"},
    {"rhypot", "dd>d", "__nv_rhypot"},
    {"norm3d", "fff>f", "__nv_norm3df"},
    {"norm3d", "ddd>d", "__nv_norm3d"},
    {"rnorm3d", "fff>f", "__nv_rnorm3df"},
    {"rnorm3d", "ddd>d", "__nv_rnorm3d"},
    {"norm4d", "ffff>f", "__nv_norm4df"},
    {"norm4d", "dddd>d", "__nv_norm4d"},
    {"rnorm4d", "ffff>f", "__nv_rnorm4df"},
    {"rnorm4d", "dddd>d", "__nv_rnorm4d"},
    {"rcbrt", "f>f", "__nv_rcbrtf"},
    {"rcbrt", "d>d", "__nv_rcbrt"},
    {"j0", "f>f", "__nv_j0f"},
    {"j0", "d>d", "__nv_j0"},
    {"j1", "f>f", "__nv_j1f"},
    {"j1", "d>d", "__nv_j1"},
    {"y0", "f>f", "__nv_y0f"},
    {"y0", "d>d", "__nv_y0"},
    {"y1", "f>f", "__nv_y1f"},
    {"y1", "d>d", "__nv_y1"},
    {"yn", "if>f", "__nv_ynf"},
    {"yn", "id>d", "__nv_yn"},
    {"jn", "if>f", "__nv_jnf"},
    {"jn", "id>d", "__nv_jn"},
    {"cyl_bessel_i0", "f>f", "__nv_cyl_bessel_i0f"},
    {"cyl_bessel_i0", "d>d", "__nv_cyl_bessel_i0"},
    {"cyl_bessel_i1", "f>f", "__nv_cyl_bessel_i1f"},
    {"cyl_bessel_i1", "d>d", "__nv_cyl_bessel_i1"},
    {"erfcx", "f>f", "__nv_erfcxf"},
    {"erfcx", "d>d", "__nv_erfcx"},
    {"erfcinv", "f>f", "__nv_erfcinvf"},
    {"erfcinv", "d>d", "__nv_erfcinv"},
    {"normcdfinv", "f>f", "__nv_normcdfinvf"},
    {"normcdfinv", "d>d", "__nv_normcdfinv"},
    {"normcdf", "f>f", "__nv_normcdff"},
    {"normcdf", "d>d", "__nv_normcdf"},
    {"scalbn", "fi>f", "__nv_scalbnf"},
    {"scalbn", "di>d", "__nv_scalbn"},
    {"remainder", "ff>f", "__nv_remainderf"},
    {"remainder", "dd>d", "__nv_remainder"},
    {"tgamma", "f>f", "__nv_tgammaf"},
    {"tgamma", "d>d", "__nv_tgamma"},
    {"llround", "f>l", "__nv_llroundf"},
    {"llround", "d>l", "__nv_llround"},
    {"ilogb", "f>i", "__nv_ilogbf"},
    {"ilogb", "d>i", "__nv_ilogb"},
    {"logb", "f>f", "__nv_logbf"},
    {"logb", "d>d", "__nv_logb"},
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
                          {Attr::Symbol, std::string(found->symbol)}});
  return Val::of(tensor(inst->result(), type));
}

}  // namespace nereid::tl
