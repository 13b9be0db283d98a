// SPDX-License-Identifier: MIT
// What WGSL has no operator for, as functions in its own words. 64-bit integers are vec2u, low word first. NaN and infinities are told by
// their bits, since a shader may be compiled as if there were none.
#include <algorithm>
#include <array>
#include <string_view>

#include "backends/wgsl/emit.h"

namespace nereid::wgsl {

namespace {

struct Helper {
  std::string_view name, needs, text;  // needs: names, with spaces between them; of functions that stand before this one
};

constexpr std::array kHelpers = {
    Helper{"report_put", "", "fn report_put(i: u32, v: u32) { if (i < arrayLength(&report)) { atomicStore(&report[i], v); } }\n"},
    // ---- floats
    Helper{"is_nan", "", "fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }\n"},
    Helper{"rounded", "", "fn rounded(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) + zero); }\n"},
    Helper{"copy_sign", "",
           "fn copy_sign(a: f32, b: f32) -> f32 { return bitcast<f32>((bitcast<u32>(a) & 0x7fffffffu) | (bitcast<u32>(b) & 0x80000000u)); "
           "}\n"},
    Helper{"min_nan", "is_nan",
           "fn min_nan(a: f32, b: f32) -> f32 {\n"
           "  let m = select(select(b, a, a < b), bitcast<f32>(bitcast<u32>(a) | bitcast<u32>(b)), a == b);\n"
           "  return select(select(m, b, is_nan(b)), a, is_nan(a));\n}\n"},
    Helper{"max_nan", "is_nan",
           "fn max_nan(a: f32, b: f32) -> f32 {\n"
           "  let m = select(select(b, a, a > b), bitcast<f32>(bitcast<u32>(a) & bitcast<u32>(b)), a == b);\n"
           "  return select(select(m, b, is_nan(b)), a, is_nan(a));\n}\n"},
    // The runtime sets it if a test shader shows that the device's min, max, exp2 and conversion from f16 follow IEEE 754.
    Helper{"ieee", "", "override ieee: bool = false;\n"},
    Helper{"min_num", "is_nan ieee",
           "fn min_num(a: f32, b: f32) -> f32 { if (ieee) { return min(a, b); } return select(b, a, is_nan(b) | (a < b)); }\n"},
    Helper{"max_num", "is_nan ieee",
           "fn max_num(a: f32, b: f32) -> f32 { if (ieee) { return max(a, b); } return select(b, a, is_nan(b) | (a > b)); }\n"},
    Helper{"round_away", "copy_sign",
           "fn round_away(x: f32) -> f32 {\n  let t = trunc(x);\n  return copy_sign(select(t, t + copy_sign(1.0f, x), abs(x - t) >= 0.5f), "
           "x);\n}\n"},
    // a = m 2^e, b = n 2^f with integers m and n of up to 24 bits.
    Helper{
        "remainder", "is_nan",
        "fn remainder(x: f32, y: f32) -> f32 {\n"
        "  let sign = bitcast<u32>(x) & 0x80000000u;\n  var a = bitcast<u32>(x) & 0x7fffffffu;\n  let b = bitcast<u32>(y) & 0x7fffffffu;\n"
        "  if (a >= 0x7f800000u || b > 0x7f800000u || b == 0u) { return bitcast<f32>(zero | 0x7fc00000u); }\n"
        "  if (a < b) { return x; }\n"
        "  var e = max(a >> 23u, 1u);\n  let f = max(b >> 23u, 1u);\n"
        "  var m = (a & 0x7fffffu) | select(0u, 0x800000u, a >= 0x800000u);\n  let n = (b & 0x7fffffu) | select(0u, 0x800000u, b >= "
        "0x800000u);\n"
        "  m = m % n;\n  for (; e > f; e -= 1u) { m = (m << 1u) % n; }\n"
        "  if (m == 0u) { return bitcast<f32>(zero | sign); }\n"
        "  let up = min(countLeadingZeros(m) - 8u, e - 1u);\n  m <<= up;\n  e -= up;\n"
        "  return bitcast<f32>(sign | select(m, (e << 23u) | (m & 0x7fffffu), m >= 0x800000u));\n}\n"},
    Helper{"f64_bits", "",
           "fn f64_bits(x: f32) -> vec2u {\n"
           "  let bits = bitcast<u32>(x);\n  var e = i32((bits >> 23u) & 0xffu);\n  var m = bits & 0x7fffffu;\n"
           "  if (e == 0) {\n    if (m == 0u) { return vec2u(0u, bits); }\n    let up = countLeadingZeros(m) - 8u;\n    m = (m << up) & "
           "0x7fffffu;\n    e = 1 - i32(up);\n  }\n"
           "  let exponent = select(u32(e + 896), 0x7ffu, e == 255);\n"
           "  return vec2u(m << 29u, (bits & 0x80000000u) | (exponent << 20u) | (m >> 3u));\n}\n"},
    // Subnormals of f16 by way of integers: those of f32 may count as zero.
    Helper{
        "f16_value", "ieee",
        "fn f16_value(x: i32) -> f32 {\n  let h = bitcast<u32>(x);\n  if (ieee) { return unpack2x16float(h).x; }\n  let m = h & 0x7fffu;\n"
        "  let small = bitcast<u32>(f32(m) * 0x1p-24f);\n  let large = (m << 13u) + select(0x38000000u, 0x70000000u, m >= 0x7c00u);\n"
        "  return bitcast<f32>(select(large, small, m < 0x400u) | ((h & 0x8000u) << 16u));\n}\n"},
    Helper{"f16_values", "f16_value ieee",
           "fn f16_values(w: u32) -> vec2f {\n  if (ieee) { return unpack2x16float(w); }\n"
           "  return vec2f(f16_value(bitcast<i32>(w & 0xffffu)), f16_value(bitcast<i32>(w >> 16u)));\n}\n"},
    Helper{"f16_bits", "",
           "fn f16_bits(x: f32) -> i32 {\n  let b = bitcast<u32>(x);\n  let a = b & 0x7fffffffu;\n"
           "  let n = min(126u - min(a >> 23u, 112u), 25u);\n  let m = (a & 0x7fffffu) | 0x800000u;\n  let small = (m + (1u << (n - 1u)) - "
           "1u + ((m >> n) & 1u)) >> n;\n"
           "  let normal = ((a + 0xfffu + ((a >> 13u) & 1u)) >> 13u) - 0x1c000u;\n"
           "  var h = select(normal, small, a < 0x38800000u);\n  h = select(h, 0x7c00u, a >= 0x477ff000u);\n  h = select(h, 0x7e00u, a > "
           "0x7f800000u);\n"
           "  return bitcast<i32>(h | ((b >> 16u) & 0x8000u));\n}\n"},
    // With shader-f16.
    Helper{"f16_pair", "", "fn f16_pair(x: f32, y: f32) -> u32 { return bitcast<u32>(vec2<f16>(vec2f(x, y))); }\n"},
    // WGSL allows errors of 3 + 2|x| ulp, and promises nothing for infinities.
    Helper{"exp2_fast", "is_nan ieee",
           "fn exp2_fast(x: f32) -> f32 {\n  if (ieee) { return exp2(x); }\n  let c = select(clamp(x, -151.0f, 129.0f), x, is_nan(x));\n"
           "  let n = floor(c + 0.5f);\n  let f = c - n;\n  let k = i32(clamp(n, -151.0f, 129.0f));\n  var p = 0.00015469726f;\n"
           "  p = fma(p, f, 0.0013390867f);\n  p = fma(p, f, 0.009618031f);\n  p = fma(p, f, 0.05550357f);\n  p = fma(p, f, 0.24022651f);\n"
           "  p = fma(fma(p, f, 0.6931472f), f, 1.0f);\n  let h = k >> 1u;\n"
           "  return p * bitcast<f32>((h + 127) << 23u) * bitcast<f32>((k - h + 127) << 23u);\n}\n"},
    Helper{"bf16_values", "", "fn bf16_values(w: u32) -> vec2f { return bitcast<vec2f>(vec2u(w << 16u, w & 0xffff0000u)); }\n"},
    Helper{"bf16_value", "", "fn bf16_value(x: i32) -> f32 { return bitcast<f32>(x << 16u); }\n"},
    Helper{"bf16_bits", "is_nan",
           "fn bf16_bits(x: f32) -> i32 {\n  let b = bitcast<u32>(x);\n"
           "  return bitcast<i32>(select(b + 0x7fffu + ((b >> 16u) & 1u), b | 0x400000u, is_nan(x)) >> 16u);\n}\n"},
    Helper{"trunc32s", "is_nan",
           "fn trunc32s(x: f32) -> i32 {\n  let n = select(i32(clamp(x, -2147483648.0f, 2147483520.0f)), 0x7fffffff, x >= "
           "2147483648.0f);\n  return select(n, 0, is_nan(x));\n}\n"},
    Helper{"trunc32u", "is_nan",
           "fn trunc32u(x: f32) -> u32 {\n  let n = select(u32(clamp(x, 0.0f, 4294967040.0f)), 0xffffffffu, x >= 4294967296.0f);\n  return "
           "select(n, 0u, is_nan(x));\n}\n"},
    // ---- integers
    Helper{"divide_s", "",
           "fn divide_s(a: i32, b: i32) -> i32 { return select(select(a / select(b, 1, (b == 0) | (b == -1)), 0 - a, b == -1), 0, b == 0); "
           "}\n"},
    Helper{"remainder_s", "",
           "fn remainder_s(a: i32, b: i32) -> i32 { return select(a % select(b, 1, (b == 0) | (b == -1)), 0, b == 0); }\n"},
    Helper{"divide_u", "", "fn divide_u(a: u32, b: u32) -> u32 { return select(a / max(b, 1u), 0u, b == 0u); }\n"},
    Helper{"remainder_u", "", "fn remainder_u(a: u32, b: u32) -> u32 { return select(a % max(b, 1u), 0u, b == 0u); }\n"},
    Helper{"high_u", "",
           "fn high_u(a: u32, b: u32) -> u32 {\n"
           "  let al = a & 0xffffu;\n  let ah = a >> 16u;\n  let bl = b & 0xffffu;\n  let bh = b >> 16u;\n"
           "  let m = ah * bl + ((al * bl) >> 16u);\n  let n = al * bh + (m & 0xffffu);\n  return ah * bh + (m >> 16u) + (n >> 16u);\n}\n"},
    // ---- 64 bits
    Helper{"less64u", "", "fn less64u(a: vec2u, b: vec2u) -> bool { return (a.y < b.y) | ((a.y == b.y) & (a.x < b.x)); }\n"},
    Helper{"less64s", "",
           "fn less64s(a: vec2u, b: vec2u) -> bool { return (bitcast<i32>(a.y) < bitcast<i32>(b.y)) | ((a.y == b.y) & (a.x < b.x)); }\n"},
    Helper{"add64", "",
           "fn add64(a: vec2u, b: vec2u) -> vec2u {\n  let low = a.x + b.x;\n  return vec2u(low, a.y + b.y + select(0u, 1u, low < "
           "a.x));\n}\n"},
    Helper{"sub64", "", "fn sub64(a: vec2u, b: vec2u) -> vec2u { return vec2u(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x)); }\n"},
    Helper{"abs64", "sub64", "fn abs64(a: vec2u) -> vec2u { return select(a, sub64(vec2u(0u), a), a.y >= 0x80000000u); }\n"},
    Helper{"mul64", "high_u",
           "fn mul64(a: vec2u, b: vec2u) -> vec2u { return vec2u(a.x * b.x, high_u(a.x, b.x) + a.x * b.y + a.y * b.x); }\n"},
    Helper{"high64", "high_u add64",
           "fn high64(a: vec2u, b: vec2u) -> vec2u {\n"
           "  let m = add64(vec2u(a.y * b.x, high_u(a.y, b.x)), vec2u(high_u(a.x, b.x), 0u));\n"
           "  let n = add64(vec2u(a.x * b.y, high_u(a.x, b.y)), vec2u(m.x, 0u));\n"
           "  return add64(add64(vec2u(a.y * b.y, high_u(a.y, b.y)), vec2u(m.y, 0u)), vec2u(n.y, 0u));\n}\n"},
    // Without branches: a shift within words, whole words, and all of it away.
    Helper{"shl64", "",
           "fn shl64(a: vec2u, b: vec2u) -> vec2u {\n  let n = b.x & 31u;\n  let low = a.x << n;\n  let high = (a.y << n) | select(a.x >> "
           "(32u - n), 0u, n == 0u);\n"
           "  return select(select(vec2u(low, high), vec2u(0u, low), b.x >= 32u), vec2u(0u), (b.y != 0u) | (b.x >= 64u));\n}\n"},
    Helper{"shru64", "",
           "fn shru64(a: vec2u, b: vec2u) -> vec2u {\n  let n = b.x & 31u;\n  let high = a.y >> n;\n  let low = (a.x >> n) | select(a.y << "
           "(32u - n), 0u, n == 0u);\n"
           "  return select(select(vec2u(low, high), vec2u(high, 0u), b.x >= 32u), vec2u(0u), (b.y != 0u) | (b.x >= 64u));\n}\n"},
    Helper{"shrs64", "",
           "fn shrs64(a: vec2u, b: vec2u) -> vec2u {\n  let m = select(min(b.x, 63u), 63u, b.y != 0u);\n  let n = m & 31u;\n  let sign = "
           "bitcast<u32>(bitcast<i32>(a.y) >> 31u);\n"
           "  let high = bitcast<u32>(bitcast<i32>(a.y) >> n);\n  let low = (a.x >> n) | select(a.y << (32u - n), 0u, n == 0u);\n"
           "  return select(vec2u(low, high), vec2u(high, sign), m >= 32u);\n}\n"},
    Helper{"clz64", "",
           "fn clz64(a: vec2u) -> vec2u { return vec2u(select(countLeadingZeros(a.y), 32u + countLeadingZeros(a.x), a.y == 0u), 0u); }\n"},
    Helper{
        "ctz64", "",
        "fn ctz64(a: vec2u) -> vec2u { return vec2u(select(countTrailingZeros(a.x), 32u + countTrailingZeros(a.y), a.x == 0u), 0u); }\n"},
    Helper{"pop64", "", "fn pop64(a: vec2u) -> vec2u { return vec2u(countOneBits(a.x) + countOneBits(a.y), 0u); }\n"},
    Helper{"divmod64", "less64u sub64",
           "fn divmod64(a: vec2u, b: vec2u) -> vec4u {\n"
           "  if (all(b == vec2u(0u))) { return vec4u(0u); }\n"
           "  if (a.y == 0u && b.y == 0u) { return vec4u(a.x / b.x, 0u, a.x % b.x, 0u); }\n"
           "  var q = vec2u(0u);\n  var r = vec2u(0u);\n"
           "  for (var k = 63i; k >= 0; k -= 1) {\n"
           "    let carry = r.y >> 31u;\n    let bit = (select(a.x, a.y, k >= 32) >> (u32(k) & 31u)) & 1u;\n    r = vec2u((r.x << 1u) | "
           "bit, (r.y << 1u) | (r.x >> 31u));\n"
           "    q = vec2u(q.x << 1u, (q.y << 1u) | (q.x >> 31u));\n"
           "    if (carry == 1u || !less64u(r, b)) {\n      r = sub64(r, b);\n      q.x |= 1u;\n    }\n  }\n"
           "  return vec4u(q, r);\n}\n"},
    Helper{"div64u", "divmod64", "fn div64u(a: vec2u, b: vec2u) -> vec2u { return divmod64(a, b).xy; }\n"},
    Helper{"rem64u", "divmod64", "fn rem64u(a: vec2u, b: vec2u) -> vec2u { return divmod64(a, b).zw; }\n"},
    Helper{"div64s", "divmod64 abs64",
           "fn div64s(a: vec2u, b: vec2u) -> vec2u {\n  let q = divmod64(abs64(a), abs64(b)).xy;\n  return select(q, sub64(vec2u(0u), q), "
           "((a.y ^ b.y) >> 31u) == 1u);\n}\n"},
    Helper{"rem64s", "divmod64 abs64",
           "fn rem64s(a: vec2u, b: vec2u) -> vec2u {\n  let r = divmod64(abs64(a), abs64(b)).zw;\n  return select(r, sub64(vec2u(0u), r), "
           "(a.y >> 31u) == 1u);\n}\n"},
    // The first 32 bits, the last of them set if any after it is: one rounding is left to be done.
    // To the nearest by integers: WGSL does not say how f32(u32) rounds.
    Helper{"float32u", "",
           "fn float32u(a: u32, sticky: bool) -> f32 {\n  let n = min(countLeadingZeros(a), 8u);\n  let cut = 8u - n;\n"
           "  let low = a & ((1u << cut) - 1u);\n  let half = (1u << cut) >> 1u;\n  let m = a >> cut;\n"
           "  let up = low > half || (low == half && half != 0u && (sticky || (m & 1u) != 0u));\n"
           "  return f32(m + select(0u, 1u, up)) * bitcast<f32>((127u + cut) << 23u);\n}\n"},
    Helper{"float64u", "float32u",
           "fn float64u(a: vec2u) -> f32 {\n  if (a.y == 0u) { return float32u(a.x, false); }\n"
           "  let n = countLeadingZeros(a.y);\n  var h = a.y;\n  var rest = a.x;\n"
           "  if (n > 0u) {\n    h = (a.y << n) | (a.x >> (32u - n));\n    rest = a.x << n;\n  }\n"
           "  return float32u(h, rest != 0u) * bitcast<f32>((159u - n) << 23u);\n}\n"},
    Helper{"float64s", "float64u abs64",
           "fn float64s(a: vec2u) -> f32 {\n  let x = float64u(abs64(a));\n  return select(x, -x, a.y >= 0x80000000u);\n}\n"},
    Helper{"trunc64u", "is_nan shl64",
           "fn trunc64u(x: f32) -> vec2u {\n  if (is_nan(x) || x < 1.0f) { return vec2u(0u); }\n"
           "  let e = bitcast<u32>(x) >> 23u;\n  let m = (bitcast<u32>(x) & 0x7fffffu) | 0x800000u;\n"
           "  if (e >= 191u) { return vec2u(0xffffffffu); }\n  if (e <= 150u) { return vec2u(m >> (150u - e), 0u); }\n"
           "  return shl64(vec2u(m, 0u), vec2u(e - 150u, 0u));\n}\n"},
    Helper{"trunc64s", "trunc64u sub64",
           "fn trunc64s(x: f32) -> vec2u {\n  let m = trunc64u(abs(x));\n  let isNegative = bitcast<u32>(x) >= 0x80000000u;\n"
           "  if (m.y >= 0x80000000u) { return select(vec2u(0xffffffffu, 0x7fffffffu), vec2u(0u, 0x80000000u), isNegative); }\n"
           "  return select(m, sub64(vec2u(0u), m), isNegative);\n}\n"},
};

}  // namespace

std::string helperText(const std::set<std::string>& names) {
  std::set<std::string, std::less<>> wanted(names.begin(), names.end());
  for (size_t k = kHelpers.size(); k-- > 0;) {
    if (!wanted.count(kHelpers[k].name)) continue;
    for (std::string_view rest = kHelpers[k].needs; !rest.empty();) {
      size_t end = std::min(rest.find(' '), rest.size());
      wanted.emplace(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  std::string out;
  for (const Helper& h : kHelpers)
    if (wanted.erase(std::string(h.name))) out += h.text;
  NEREID_CHECK(wanted.empty(), "a helper that is not there");
  return out;
}

}  // namespace nereid::wgsl
