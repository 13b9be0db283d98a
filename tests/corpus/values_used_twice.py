# SPDX-License-Identifier: MIT
# Chains in which each value is used twice: as many paths as there are subsets. Compiling them takes time linear in their length.
# run: horner | *i32,*i32 | N=40 | 1 | r[64],z[64]
# run: masked | *i32,*i32 | N=40 | 1 | r[64],z[64]
# run: wrapped | *i32,*i32 | N=40 | 1 | r[64],z[64]
# run: scalars | *i32,*i32,i32 | N=40 | 1 | r[64],z[64],3
import triton
import triton.language as tl


@triton.jit
def horner(x, o, N: tl.constexpr):
    i = tl.arange(0, 64)
    j = i
    for _ in tl.static_range(N):
        j = j * j + j
    tl.store(o + i, tl.load(x + (j & 63)))


@triton.jit
def masked(x, o, N: tl.constexpr):
    i = tl.arange(0, 64)
    j, k = i % 3, i * 2
    for _ in tl.static_range(N):
        t = j + k
        j = tl.minimum(t + j, 7)
        k = t - k
    tl.store(o + i, tl.load(x + (j & 63), mask=(k < 5) & (j + k > -3), other=0))


@triton.jit
def wrapped(x, o, N: tl.constexpr):
    i = tl.arange(0, 64)
    j = i
    for _ in tl.static_range(N):
        j = (j * 2 + j + j) % 61
    tl.store(o + i, tl.load(x + j))


@triton.jit
def scalars(x, o, n, N: tl.constexpr):
    j = n
    for _ in tl.static_range(N):
        j = (j + j * j) & 15
    i = tl.arange(0, 64)
    tl.store(o + i, tl.load(x + i + j, mask=i + j < 64, other=0))
