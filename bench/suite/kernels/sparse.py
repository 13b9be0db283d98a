# SPDX-License-Identifier: MIT
"""Rows in groups of any length: sums of segments, sparse matrices (CSR), and products of the rows of each group with one matrix per group."""
import triton
import triton.language as tl


@triton.jit
def segment_sum(x_ptr, offsets_ptr, y_ptr, columns, BM: tl.constexpr, BN: tl.constexpr):
    """Row s of y is the sum of rows offsets[s] to offsets[s + 1] of x."""
    segment = tl.program_id(0)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    first = tl.load(offsets_ptr + segment)
    end = tl.load(offsets_ptr + segment + 1)
    acc = tl.zeros((BN,), dtype=tl.float32)
    for start in range(first, end, BM):
        m = start + tl.arange(0, BM)
        mask = (m[:, None] < end) & (n[None, :] < columns)
        acc += tl.sum(tl.load(x_ptr + m[:, None].to(tl.int64) * columns + n[None, :], mask=mask, other=0.0), 0)
    tl.store(y_ptr + segment * columns + n, acc, mask=n < columns)


@triton.jit
def csr_matmul(offsets_ptr, ids_ptr, values_ptr, x_ptr, y_ptr, columns, BN: tl.constexpr):
    """A sparse matrix times a dense one: a row of the result per program."""
    row = tl.program_id(0)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    mask = n < columns
    acc = tl.zeros((BN,), dtype=tl.float32)
    for i in range(tl.load(offsets_ptr + row), tl.load(offsets_ptr + row + 1)):
        at = tl.load(ids_ptr + i).to(tl.int64)
        acc += tl.load(values_ptr + i) * tl.load(x_ptr + at * columns + n, mask=mask, other=0.0)
    tl.store(y_ptr + row * columns + n, acc, mask=mask)


@triton.jit
def csr_matvec(offsets_ptr, ids_ptr, values_ptr, x_ptr, y_ptr, BLOCK: tl.constexpr):
    """A sparse matrix times a vector: BLOCK elements of a row at a time."""
    row = tl.program_id(0)
    first = tl.load(offsets_ptr + row)
    end = tl.load(offsets_ptr + row + 1)
    acc = tl.zeros((BLOCK,), dtype=tl.float32)
    for start in range(first, end, BLOCK):
        i = start + tl.arange(0, BLOCK)
        mask = i < end
        ids = tl.load(ids_ptr + i, mask=mask, other=0)
        acc += tl.load(values_ptr + i, mask=mask, other=0.0) * tl.load(x_ptr + ids, mask=mask, other=0.0)
    tl.store(y_ptr + row, tl.sum(acc, 0))


@triton.jit
def grouped_matmul(a_ptr, b_ptr, offsets_ptr, c_ptr, groups, N, K, PROGRAMS: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    """Problem g: rows offsets[g] to offsets[g + 1] of a, times matrix g of b. Each of PROGRAMS takes every PROGRAMS-th tile."""
    tile = tl.program_id(0)
    done = 0
    for g in range(groups):
        first = tl.load(offsets_ptr + g)
        rows = tl.load(offsets_ptr + g + 1) - first
        across = tl.cdiv(N, BN)
        tiles = tl.cdiv(rows, BM) * across
        while tile >= done and tile < done + tiles:
            at = tile - done
            m = at // across * BM + tl.arange(0, BM)
            n = at % across * BN + tl.arange(0, BN)
            k = tl.arange(0, BK)
            a_ptrs = a_ptr + (first + m[:, None]) * K + k[None, :]
            b_ptrs = b_ptr + g.to(tl.int64) * K * N + k[:, None] * N + n[None, :]
            acc = tl.zeros((BM, BN), dtype=tl.float32)
            for _ in range(0, tl.cdiv(K, BK)):
                a = tl.load(a_ptrs, mask=m[:, None] < rows, other=0.0)
                b = tl.load(b_ptrs, mask=n[None, :] < N, other=0.0)
                acc += tl.dot(a, b)
                a_ptrs += BK
                b_ptrs += BK * N
            tl.store(c_ptr + (first + m[:, None]) * N + n[None, :], acc.to(c_ptr.dtype.element_ty), mask=(m[:, None] < rows) & (n[None, :] < N))
            tile += PROGRAMS
        done += tiles


@triton.jit
def experts_matmul(x_ptr, w_ptr, tokens_ptr, experts_ptr, y_ptr, entries, N, K, SHARED: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    """A mixture of experts: each block of BM entries has an expert, and an entry stands for row entry // SHARED of x."""
    block = tl.program_id(0)
    expert = tl.load(experts_ptr + block).to(tl.int64)
    entry = tl.load(tokens_ptr + block * BM + tl.arange(0, BM))
    mask = entry < entries
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    k = tl.arange(0, BK)
    x_ptrs = x_ptr + entry[:, None] // SHARED * K + k[None, :]
    w_ptrs = w_ptr + expert * N * K + n[None, :] * K + k[:, None]
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for i in range(0, tl.cdiv(K, BK)):
        x = tl.load(x_ptrs, mask=mask[:, None] & (k[None, :] < K - i * BK), other=0.0)
        w = tl.load(w_ptrs, mask=(k[:, None] < K - i * BK) & (n[None, :] < N), other=0.0)
        acc += tl.dot(x, w)
        x_ptrs += BK
        w_ptrs += BK
    tl.store(y_ptr + entry[:, None].to(tl.int64) * N + n[None, :], acc.to(y_ptr.dtype.element_ty), mask=mask[:, None] & (n[None, :] < N))
