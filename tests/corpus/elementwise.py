# SPDX-License-Identifier: MIT
# Element-wise operators and functions, and the types that they give.
#
# `# run: kernel | signature | constexprs | grid | arguments` is one case: the arguments are r[n] (n random elements), z[n] (zeros),
# i[n] (0, 1, 2, ...), r[n]:low:high, or a number. `tol=` allows a relative error where evaluation order or rounding may differ, `since=` names the first
# Triton that compiles the kernel.
import triton
import triton.language as tl
from triton.language.extra import libdevice


# run: vector_add | *fp32:16,*fp32:16,*fp32:16,i32 | BLOCK=64 | 4 | r[200],r[200],z[200],200
@triton.jit
def vector_add(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n
    tl.store(out_ptr + offsets, tl.load(x_ptr + offsets, mask=mask) + tl.load(y_ptr + offsets, mask=mask), mask=mask)


# run: float_operators | *fp32,*fp32,*fp32 | N=64 | 1 | r[64],r[64],z[512] | target=2e-7
@triton.jit
def float_operators(x_ptr, y_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    y = tl.load(y_ptr + i)
    tl.store(out_ptr + i, x - y)
    tl.store(out_ptr + N + i, x * y + 1)
    tl.store(out_ptr + 2 * N + i, x / y)
    tl.store(out_ptr + 3 * N + i, x % y)
    tl.store(out_ptr + 4 * N + i, 2 - x)
    tl.store(out_ptr + 5 * N + i, 1.5 / x)
    tl.store(out_ptr + 6 * N + i, (x < y) | (x >= 1.0))
    tl.store(out_ptr + 7 * N + i, -x)


# run: int_operators | *i32,*i32,*i32 | N=64 | 1 | r[64]:-100:100,r[64]:1:9,z[1024]
# run: int_operators | *u32,*u32,*u32 | N=64 | 1 | r[64]:0:100,r[64]:1:9,z[1024]
# run: int_operators | *i64,*i32,*i64 | N=64 | 1 | r[64]:-100:100,r[64]:1:9,z[1024]
@triton.jit
def int_operators(x_ptr, y_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    y = tl.load(y_ptr + i)
    tl.store(out_ptr + i, x - y)
    tl.store(out_ptr + N + i, x * y + 3)
    tl.store(out_ptr + 2 * N + i, x // y)
    tl.store(out_ptr + 3 * N + i, x % y)
    tl.store(out_ptr + 4 * N + i, x & y)
    tl.store(out_ptr + 5 * N + i, x | 12)
    tl.store(out_ptr + 6 * N + i, x ^ y)
    tl.store(out_ptr + 7 * N + i, x << 2)
    tl.store(out_ptr + 8 * N + i, x >> y)
    tl.store(out_ptr + 9 * N + i, -x)
    tl.store(out_ptr + 10 * N + i, ~x)
    tl.store(out_ptr + 11 * N + i, (x / y) * 8)
    tl.store(out_ptr + 12 * N + i, tl.where(x > y, x, y))
    tl.store(out_ptr + 13 * N + i, tl.cdiv(x, y))
    tl.store(out_ptr + 14 * N + i, (x == y) | (x != 7) & (x <= 50))
    tl.store(out_ptr + 15 * N + i, tl.abs(x))


# run: narrow_ints | *i8,*u8,*i32 | N=32 | 1 | r[32],r[32],z[160]
@triton.jit
def narrow_ints(x_ptr, y_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    y = tl.load(y_ptr + i)
    tl.store(out_ptr + i, x + y)
    tl.store(out_ptr + N + i, x * 2)
    tl.store(out_ptr + 2 * N + i, y >> 1)
    tl.store(out_ptr + 3 * N + i, x >> 1)
    tl.store(out_ptr + 4 * N + i, x.to(tl.int32) - y.to(tl.int32))


# run: half_promotion | *fp16,*fp32 | N=64 | 1 | r[64],z[448] | until=3.8
# run: half_promotion | *bf16,*fp32 | N=64 | 1 | r[64],z[448] | until=3.8
@triton.jit
def half_promotion(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    h = tl.load(x_ptr + i)
    half = 0.5
    tl.store(out_ptr + i, h * 0.3)
    tl.store(out_ptr + N + i, h * half)
    tl.store(out_ptr + 2 * N + i, h / 3)
    tl.store(out_ptr + 3 * N + i, h + h)
    tl.store(out_ptr + 4 * N + i, tl.maximum(h, 0.1))
    tl.store(out_ptr + 5 * N + i, tl.where(h > 0, h, 0.7))
    tl.store(out_ptr + 6 * N + i, h % 0.4)


# run: mixed_floats | *fp16,*bf16,*fp32,*fp64,*fp64 | N=32 | 1 | r[32],r[32],r[32],r[32],z[160]
@triton.jit
def mixed_floats(a_ptr, b_ptr, c_ptr, d_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    a = tl.load(a_ptr + i)
    b = tl.load(b_ptr + i)
    c = tl.load(c_ptr + i)
    d = tl.load(d_ptr + i)
    tl.store(out_ptr + i, a + b)
    tl.store(out_ptr + N + i, a * c)
    tl.store(out_ptr + 2 * N + i, b * c)
    tl.store(out_ptr + 3 * N + i, c * d)
    tl.store(out_ptr + 4 * N + i, d / a)


# run: unary_math | *fp32,*fp32 | N=64 | 1 | r[64]:0.1:3,z[832] | target=2e-7
# run: unary_math | *fp64,*fp64 | N=64 | 1 | r[64]:0.1:3,z[832] | target=1e-15
@triton.jit
def unary_math(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    tl.store(out_ptr + i, tl.exp(x))
    tl.store(out_ptr + N + i, tl.exp2(x))
    tl.store(out_ptr + 2 * N + i, tl.log(x))
    tl.store(out_ptr + 3 * N + i, tl.log2(x))
    tl.store(out_ptr + 4 * N + i, tl.sin(x))
    tl.store(out_ptr + 5 * N + i, tl.cos(x))
    tl.store(out_ptr + 6 * N + i, tl.sqrt(x))
    tl.store(out_ptr + 7 * N + i, tl.rsqrt(x))
    tl.store(out_ptr + 8 * N + i, tl.erf(x))
    tl.store(out_ptr + 9 * N + i, tl.floor(x))
    tl.store(out_ptr + 10 * N + i, tl.ceil(x))
    tl.store(out_ptr + 11 * N + i, tl.abs(x - 1))
    tl.store(out_ptr + 12 * N + i, x.exp().log())


# run: binary_math | *fp32,*fp32,*fp32 | N=64 | 1 | r[64],r[64],z[640] | target=2e-7
@triton.jit
def binary_math(x_ptr, y_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    y = tl.load(y_ptr + i)
    tl.store(out_ptr + i, tl.minimum(x, y))
    tl.store(out_ptr + N + i, tl.maximum(x, y, propagate_nan=tl.PropagateNan.ALL))
    tl.store(out_ptr + 2 * N + i, tl.clamp(x, -0.5, 0.5))
    tl.store(out_ptr + 3 * N + i, tl.fma(x, y, 2.0))
    tl.store(out_ptr + 4 * N + i, tl.fdiv(x, y))
    tl.store(out_ptr + 5 * N + i, tl.div_rn(x, y))
    tl.store(out_ptr + 6 * N + i, tl.sqrt_rn(tl.abs(x)))
    tl.store(out_ptr + 7 * N + i, min(x, y, 0.25))
    tl.store(out_ptr + 8 * N + i, max(x, y))
    tl.store(out_ptr + 9 * N + i, tl.sigmoid(x))


# run: libdevice_math | *fp32,*fp32 | N=64 | 1 | r[64]:0.1:0.9,z[640] | tol=1e-6 | target=2e-7
@triton.jit
def libdevice_math(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    tl.store(out_ptr + i, libdevice.tanh(x))
    tl.store(out_ptr + N + i, libdevice.pow(x, 2.5))
    tl.store(out_ptr + 2 * N + i, libdevice.expm1(x))
    tl.store(out_ptr + 3 * N + i, libdevice.log1p(x))
    tl.store(out_ptr + 4 * N + i, tl.extra.libdevice.rint(x * 10))
    tl.store(out_ptr + 5 * N + i, libdevice.atan2(x, x + 1))
    tl.store(out_ptr + 6 * N + i, libdevice.fmod(x, 0.3))
    tl.store(out_ptr + 7 * N + i, libdevice.trunc(x * 7))
    tl.store(out_ptr + 8 * N + i, libdevice.isnan(x))
    tl.store(out_ptr + 9 * N + i, libdevice.acos(x))


# run: casts | *fp32,*fp32,*i32 | N=64 | 1 | r[64]:-100:100,z[448],z[256]
@triton.jit
def casts(x_ptr, out_ptr, int_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    tl.store(out_ptr + i, x.to(tl.float16))
    tl.store(out_ptr + N + i, x.to(tl.bfloat16))
    tl.store(out_ptr + 2 * N + i, x.to(tl.float16).to(tl.bfloat16))
    tl.store(out_ptr + 3 * N + i, x.to(tl.float64))
    tl.store(out_ptr + 4 * N + i, x.to(tl.int1))
    tl.store(out_ptr + 5 * N + i, x.to(tl.int32, bitcast=True) >> 3)
    tl.store(out_ptr + 6 * N + i, tl.cast(x, tl.float16, fp_downcast_rounding="rtz"))
    tl.store(int_ptr + i, x.to(tl.int32))
    tl.store(int_ptr + N + i, x.to(tl.int8))
    tl.store(int_ptr + 2 * N + i, x.to(tl.int64) + 5)
    tl.store(int_ptr + 3 * N + i, (x > 0).to(tl.int32) * 2 - (x < -50))


# run: fp8_casts | *fp32,*fp8e5,*fp8e4nv,*fp32 | N=64 | 1 | r[64],z[64],z[64],z[128]
@triton.jit
def fp8_casts(x_ptr, a_ptr, b_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    tl.store(a_ptr + i, x.to(tl.float8e5))
    tl.store(b_ptr + i, x.to(tl.float8e4nv))
    tl.store(out_ptr + i, x.to(tl.float8e5).to(tl.float32))
    tl.store(out_ptr + N + i, x.to(tl.float8e4nv).to(tl.float16) + 1)


# run: bools | *i1,*i1,*i1,*i32 | N=32 | 1 | r[32],r[32],z[128],z[32]
@triton.jit
def bools(a_ptr, b_ptr, out_ptr, count_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    a = tl.load(a_ptr + i)
    b = tl.load(b_ptr + i)
    tl.store(out_ptr + i, a & b)
    tl.store(out_ptr + N + i, a | b)
    tl.store(out_ptr + 2 * N + i, a ^ b)
    tl.store(out_ptr + 3 * N + i, ~a)
    tl.store(count_ptr + i, a.to(tl.int32) + b)


# run: special_values | *fp32,*fp32 | N=16 | 1 | r[16],z[96]
@triton.jit
def special_values(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    inf = tl.where(i % 2 == 0, float("inf"), -float("inf"))
    nan = inf - inf
    tl.store(out_ptr + i, inf + x)
    tl.store(out_ptr + N + i, nan != nan)
    tl.store(out_ptr + 2 * N + i, nan == nan)
    tl.store(out_ptr + 3 * N + i, tl.maximum(nan, x))
    tl.store(out_ptr + 4 * N + i, tl.minimum(nan, x, propagate_nan=tl.PropagateNan.ALL) != x)
    tl.store(out_ptr + 5 * N + i, nan < x)


# run: wide_constants | *i64,*u32,*fp64 | N=16 | 1 | z[64],z[16],z[16]
@triton.jit
def wide_constants(a_ptr, b_ptr, c_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    big = 0x123456789AB
    unsigned = 0xFFFFFFFF
    tl.store(a_ptr + i, i + big)
    tl.store(a_ptr + N + i, i.to(tl.int64) * 3000000000)
    tl.store(a_ptr + 2 * N + i, unsigned + i.to(tl.int64))
    tl.store(a_ptr + 3 * N + i, (1 << 40) - i.to(tl.int64))
    tl.store(b_ptr + i, i.to(tl.uint32) + unsigned)
    tl.store(c_ptr + i, i * 1e-300)


# run: multiply_high | *u32,*u32,*u32 | N=64 | 1 | r[64],r[64],z[64]
@triton.jit
def multiply_high(x_ptr, y_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(out_ptr + i, tl.umulhi(tl.load(x_ptr + i), tl.load(y_ptr + i)))
