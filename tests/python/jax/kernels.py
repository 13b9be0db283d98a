# SPDX-License-Identifier: MIT
"""Kernels of the tests as plain functions: jit() decorates them with nereid.jit or triton.jit."""
import types

import nereid
import nereid.language as tl

try:
    import triton
except ImportError:
    triton = None


def add(x, y, o, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    tl.store(o + i, tl.load(x + i, mask=inside) + tl.load(y + i, mask=inside), mask=inside)


def increment(x, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(x + i, tl.load(x + i, mask=i < n) + 1, mask=i < n)


def matmul(a, b, o, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    k = tl.arange(0, BK)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for s in range(0, K, BK):
        x = tl.load(a + m[:, None] * K + (s + k)[None, :], mask=(m[:, None] < M) & ((s + k)[None, :] < K), other=0.0)
        y = tl.load(b + (s + k)[:, None] * N + n[None, :], mask=((s + k)[:, None] < K) & (n[None, :] < N), other=0.0)
        acc = tl.dot(x, y, acc)
    tl.store(o + m[:, None] * N + n[None, :], acc.to(o.dtype.element_ty), mask=(m[:, None] < M) & (n[None, :] < N))


def softmax(x, o, n, BLOCK: tl.constexpr):
    row, i = tl.program_id(0), tl.arange(0, BLOCK)
    v = tl.load(x + row * n + i, mask=i < n, other=-float("inf"))
    e = tl.exp(v - tl.max(v, axis=0))
    tl.store(o + row * n + i, e / tl.sum(e, axis=0), mask=i < n)


def jit(f, which="nereid"):
    if which == "nereid":
        return nereid.jit(f)
    import triton.language
    same = types.FunctionType(f.__code__, {**f.__globals__, "tl": triton.language}, f.__name__)
    same.__annotations__, same.__module__ = f.__annotations__, f.__module__
    return triton.jit(same)
