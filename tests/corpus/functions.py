# SPDX-License-Identifier: MIT
# Helpers, constexprs, tuples, imports.
import math

import triton
import triton.language as tl

import helpers
from helpers import BIAS, scaled as rescaled

SCALE = tl.constexpr(3)
LIMITS = tl.constexpr((1, 2))
half_type = tl.float16


@triton.jit
def add_one(x):
    return x + 1


@triton.jit
def two_results(x, y, swap: tl.constexpr = False):
    if swap:
        return y, x
    else:
        return x, y


@triton.jit
def apply(fn, x, y):
    return fn(x, y)


@triton.jit
def power(x, n: tl.constexpr):
    result = x
    for _ in tl.static_range(n - 1):
        result *= x
    return result


@triton.jit
def clipped(x, low=-0.5, high=0.5):
    if low is not None:
        x = tl.maximum(x, low)
    return tl.minimum(x, high)


@triton.jit
def choose(flag, a, b):
    if flag:
        return a
    else:
        return b


@triton.constexpr_function
def log2_of(n):
    count = 0
    while n > 1:
        n //= 2
        count += 1
    return count


def unused_host_function(x):
    try:
        return {k: (lambda v: v)(v) for k, v in x.items()}
    except KeyError as error:
        raise ValueError(f"{x!r:>10}") from error


class UnusedHostClass:
    field: int = 3

    def method(self):
        yield from self


# run: calls | *fp32,*fp32 | N=16 | 1 | r[32],z[144] | target=2e-7
@triton.jit
def calls(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    y = tl.load(x_ptr + N + i)
    a, b = two_results(x, y, swap=True)
    tl.store(out_ptr + i, a * 2 - b)
    tl.store(out_ptr + N + i, apply(power, x, 2))
    tl.store(out_ptr + 2 * N + i, power(x, 3))
    tl.store(out_ptr + 3 * N + i, clipped(x) + clipped(y, high=1.0, low=None))
    tl.store(out_ptr + 4 * N + i, add_one(apply(two_results, x, y)[1]))
    tl.store(out_ptr + 5 * N + i, helpers.shifted(x, 2))
    tl.store(out_ptr + 6 * N + i, rescaled(x) + BIAS)
    tl.store(out_ptr + 7 * N + i, x * SCALE + LIMITS[1])
    tl.store(out_ptr + 8 * N + i, x.to(half_type))


# run: constexprs | *i32,*fp32 | N=32,K=5 | 1 | z[32],z[8]
@triton.jit
def constexprs(out_ptr, float_ptr, N: tl.constexpr, K: tl.constexpr):
    HALF: tl.constexpr = N // 2
    NEGATIVE: tl.constexpr = -7 // 2
    tl.store(out_ptr, HALF)
    tl.store(out_ptr + 1, NEGATIVE)
    tl.store(out_ptr + 2, -7 % 3)
    tl.store(out_ptr + 3, 2**K)
    tl.store(out_ptr + 4, log2_of(N))
    tl.store(out_ptr + 5, (K > 3) + (N == 32 and K != 2))
    tl.store(out_ptr + 6, triton.cdiv(N, K))
    tl.store(out_ptr + 7, triton.next_power_of_2(K))
    tl.store(out_ptr + 8, tl.cdiv(N, 3))
    tl.store(out_ptr + 9, N if K == 5 else 0)
    tl.store(out_ptr + 10, min(N, K) + max(N, K, 40))
    tl.store(out_ptr + 11, ~K & 0xFF)
    tl.store(float_ptr, N / K)
    tl.store(float_ptr + 1, math.pi)
    tl.store(float_ptr + 2, float(K) * 0.1)
    tl.store(float_ptr + 3, -7.5 // 2)
    tl.static_assert(N % 2 == 0, "N must be even")
    tl.static_print(f"N={N} half={HALF!r}")


# run: tuples | *fp32,*fp32 | N=16 | 1 | r[48],z[64] | target=2e-7 | launch=no
@triton.jit
def tuples(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    values = (tl.load(x_ptr + i), tl.load(x_ptr + N + i), tl.load(x_ptr + 2 * N + i))
    a, (b, c) = values[0], values[1:]
    doubled = [v * 2 for v in values]
    tl.store(out_ptr + i, a + b * c)
    tl.store(out_ptr + N + i, doubled[0] - doubled[-1])
    total = values[0]
    for k in tl.static_range(1, len(values)):
        total += values[k]
    tl.store(out_ptr + 2 * N + i, total)
    joined = (a, ) + (b, )
    tl.store(out_ptr + 3 * N + i, joined[1])


# run: dtypes | *fp16,*fp32 | N=16 | 1 | r[16],z[64]
# run: dtypes | *i8,*fp32 | N=16 | 1 | r[16],z[64]
@triton.jit
def dtypes(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    elem: tl.constexpr = x_ptr.dtype.element_ty
    if elem == tl.float16:
        y = x.to(tl.float32) * 2
    else:
        y = x.to(tl.float32) + 100
    tl.store(out_ptr + i, y)
    if x.dtype.is_floating():
        tl.store(out_ptr + N + i, 1.0)
    tl.store(out_ptr + 2 * N + i, x.dtype.primitive_bitwidth)
    acc = tl.zeros([N], dtype=x.dtype)
    tl.store(out_ptr + 3 * N + i, acc + x)


# run: helper_branches | *fp32,*fp32,i32 | N=16 | 2 | r[32],z[32],1
@triton.jit
def helper_branches(x_ptr, out_ptr, which, N: tl.constexpr):
    i = tl.arange(0, N)
    x = choose(which == tl.program_id(0), tl.load(x_ptr + i), tl.load(x_ptr + N + i))
    tl.store(out_ptr + tl.program_id(0) * N + i, x)


# run: default_arguments | *fp32,*fp32 | | 1 | r[16],z[16]
@triton.jit
def default_arguments(x_ptr, out_ptr, N: tl.constexpr = 16, scale: tl.constexpr = 2.5, flag=None):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    if flag is None:
        x = x * scale
    tl.store(out_ptr + i, x)


@triton.autotune(
    configs=[triton.Config({"BLOCK": b}, num_warps=w) for b in (32, 64) for w in (2, 4)],
    key=["n"],
)
@triton.heuristics({"EVEN": lambda args: args["n"] % args["BLOCK"] == 0})
# run: decorated | *fp32,*fp32,i32 | BLOCK=32,EVEN=True | 2 | r[64],z[64],64
@triton.jit
def decorated(x_ptr, out_ptr, n, BLOCK: tl.constexpr, EVEN: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    if EVEN:
        x = tl.load(x_ptr + i)
    else:
        x = tl.load(x_ptr + i, mask=i < n, other=0)
    tl.store(out_ptr + i, x, mask=i < n)


@triton.jit
def selu_scalar(x, alpha):
    if x > 0:
        return x
    else:
        return alpha * (tl.exp(x) - 1)


# run: mapped | *fp32,*fp32 | N=16 | 1 | r[16],z[16] | target=2e-7
@triton.jit
def mapped(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(out_ptr + i, tl.map_elementwise(selu_scalar, tl.load(x_ptr + i), 1.5 + tl.zeros([N], tl.float32)))


if __name__ == "__main__":
    import sys
    assert sys.argv, [x for x in {1, 2} if (lambda: x)()]
