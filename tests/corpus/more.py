# SPDX-License-Identifier: MIT
# Rarer constructs.
from typing import NamedTuple

import triton
import triton.language as tl
from triton.language import math as tlmath


class Pair(NamedTuple):
    first: tl.tensor
    second: tl.tensor


@triton.jit
def first_of(pair):
    return pair.first


# run: scaled_product | *u8,*u8,*u8,*u8,*fp32 | M=32,N=32,K=64 | 1 | r[2048]:0:120,r[64]:120:130,r[2048]:0:120,r[64]:120:130,z[1024] | tol=1e-6
@triton.jit
def scaled_product(a_ptr, sa_ptr, b_ptr, sb_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    i = tl.arange(0, M)
    j = tl.arange(0, N)
    k = tl.arange(0, K)
    g = tl.arange(0, K // 32)
    a = tl.load(a_ptr + i[:, None] * K + k[None, :])
    b = tl.load(b_ptr + k[:, None] * N + j[None, :])
    sa = tl.load(sa_ptr + i[:, None] * (K // 32) + g[None, :])
    sb = tl.load(sb_ptr + j[:, None] * (K // 32) + g[None, :])
    c = tl.dot_scaled(a, sa, "e4m3", b, sb, "e5m2")
    tl.store(out_ptr + i[:, None] * N + j[None, :], c)


# run: packed_fp4 | *u8,*u8,*bf16,*fp32 | M=16,N=16,K=64 | 1 | r[512],r[32]:120:130,r[1024],z[256] | tol=1e-6
@triton.jit
def packed_fp4(a_ptr, sa_ptr, b_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    i = tl.arange(0, M)
    j = tl.arange(0, N)
    k = tl.arange(0, K)
    a = tl.load(a_ptr + i[:, None] * (K // 2) + tl.arange(0, K // 2)[None, :])
    b = tl.load(b_ptr + k[:, None] * N + j[None, :])
    sa = tl.load(sa_ptr + i[:, None] * (K // 32) + tl.arange(0, K // 32)[None, :])
    c = tl.dot_scaled(a, sa, "e2m1", b, None, "bf16")
    tl.store(out_ptr + i[:, None] * N + j[None, :], c)


# run: descriptor_rows | *fp32,*i32,*fp32,i32 | N=16 | 1 | r[512],r[8]:0:32,z[512],32
@triton.jit
def descriptor_rows(x_ptr, rows_ptr, out_ptr, M, N: tl.constexpr):
    x = tl.make_tensor_descriptor(x_ptr, [M, N], [N, 1], [1, N])
    out = tl.make_tensor_descriptor(out_ptr, [M, N], [N, 1], [1, N])
    rows = tl.load(rows_ptr + tl.arange(0, 8))
    gathered = x.gather(rows, 0)
    out.scatter(gathered * 2, rows, 0)


# run: descriptor_sum | *fp32,*fp32 | BM=8,BN=8 | 2 | r[256],z[64]
@triton.jit
def descriptor_sum(x_ptr, out_ptr, BM: tl.constexpr, BN: tl.constexpr):
    x = tl.make_tensor_descriptor(x_ptr, [16, 16], [16, 1], [BM, BN], padding_option="nan")
    out = tl.make_tensor_descriptor(out_ptr, [8, 8], [8, 1], [BM, BN])
    out.atomic_add([0, 0], x.load([tl.program_id(0) * BM, 8]))
    tl.store(out_ptr, out.block_shape[0] + x.shape[1])


# run: one_axis_blocks | *fp16,*fp32,i32 | B=16 | 4 | r[64],z[64],50 | until=3.8
@triton.jit
def one_axis_blocks(x_ptr, out_ptr, n, B: tl.constexpr):
    p = tl.make_block_ptr(x_ptr, (n, ), (1, ), (tl.program_id(0) * B, ), (B, ), (0, ))
    x = tl.load(p, boundary_check=(0, ), padding_option="zero").to(tl.float32)
    q = tl.make_block_ptr(out_ptr, (n, ), (1, ), (0, ), (B, ), (0, ))
    q = q.advance((tl.program_id(0) * B, ))
    tl.store(q, x + 1, boundary_check=(0, ))


@triton.jit
def walk(p, q, n, STEP: tl.constexpr):
    total = tl.zeros([16], tl.float32)
    for _ in range(n):
        total += tl.load(p)
        p += STEP
        q = tl.advance(q, (STEP, ))
    return total, q


# run: pointers_through_calls | *fp32,*fp32,i32 | | 1 | r[128],z[128],4 | until=3.8
@triton.jit
def pointers_through_calls(x_ptr, out_ptr, n):
    q = tl.make_block_ptr(out_ptr, (128, ), (1, ), (0, ), (16, ), (0, ))
    total, q = walk(x_ptr + tl.arange(0, 16), q, n, 16)
    tl.store(q, total)


# run: merged_tuples | *fp32,*fp32,i32 | | 3 | r[64],z[64],1
@triton.jit
def merged_tuples(x_ptr, out_ptr, which):
    pid = tl.program_id(0)
    pair = (tl.load(x_ptr + pid), tl.load(x_ptr + 8 + pid))
    if pid == which:
        pair = (pair[1], pair[0] * 2)
    else:
        pair = (pair[0], pair[1] + 1)
    tl.store(out_ptr + pid, pair[0])
    tl.store(out_ptr + 8 + pid, pair[1])


# run: mixed_logic | *i32,i32,i32 | FLAG=True,NONE=None | 1 | z[8],3,4
@triton.jit
def mixed_logic(out_ptr, a, b, FLAG: tl.constexpr, NONE: tl.constexpr):
    tl.store(out_ptr, (a < b and FLAG).to(tl.int32))
    tl.store(out_ptr + 1, 1 if (FLAG and NONE is None) else 0)
    if FLAG and a < b:
        tl.store(out_ptr + 2, 5)
    if NONE is not None or a > b:
        tl.store(out_ptr + 3, 6)
    if not (a > b):
        tl.store(out_ptr + 4, 7)
    x = a if FLAG else undefined
    tl.store(out_ptr + 5, x)
    tl.store(out_ptr + 6, 3 if not FLAG else 4)


# run: module_math | *fp32,*fp32 | N=16 | 1 | r[16]:0.5:2,z[64] | target=2e-7
@triton.jit
def module_math(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    tl.store(out_ptr + i, tl.math.sqrt(x) + tlmath.exp(x))
    tl.store(out_ptr + N + i, tl.math.fma(x, x, x))
    tl.store(out_ptr + 2 * N + i, tlmath.log2(x))
    tl.store(out_ptr + 3 * N + i, x.sqrt().sin())


# run: wide_loop | *i64,i64,i32 | | 1 | z[4],3000000000,3
@triton.jit
def wide_loop(out_ptr, n, m):
    count = 0
    last = n
    for i in range(n, n + m):
        count += 1
        last = i
    tl.store(out_ptr, count)
    tl.store(out_ptr + 1, last)


# run: grid3 | *i32 | | 2,3,2 | z[12]
@triton.jit
def grid3(out_ptr):
    x = tl.program_id(0)
    y = tl.program_id(axis=1)
    z = tl.program_id(2)
    at = (z * tl.num_programs(1) + y) * tl.num_programs(0) + x
    tl.store(out_ptr + at, x * 100 + y * 10 + z)


# run: bf16_chain | *bf16,*bf16,*bf16 | N=32 | 1 | r[32],r[32],z[128]
@triton.jit
def bf16_chain(x_ptr, y_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    y = tl.load(y_ptr + i)
    tl.store(out_ptr + i, x * y + x)
    tl.store(out_ptr + N + i, tl.where(x > y, x, y) * 0.5)
    tl.store(out_ptr + 2 * N + i, (x.to(tl.float32) / y).to(tl.bfloat16))
    tl.store(out_ptr + 3 * N + i, tl.abs(x) - 1)


# run: reduce_all | *fp32,*fp32 | | 1 | r[64],z[8] | target=1e-6
@triton.jit
def reduce_all(x_ptr, out_ptr):
    x = tl.load(x_ptr + tl.arange(0, 4)[:, None] * 16 + tl.arange(0, 16)[None, :])
    tl.store(out_ptr, tl.max(x))
    tl.store(out_ptr + 1, tl.min(x))
    total = tl.sum(x, keep_dims=True)
    tl.store(out_ptr + 4 + tl.arange(0, 4)[:, None] + tl.arange(0, 1)[None, :], tl.sum(x - total, 1, keep_dims=True))
    tl.store(out_ptr + 3, tl.sum(tl.sum(x, 0), 0))


# run: gelu | *fp16:16,*fp16:16,i32 | BLOCK=64 | 2 | r[100],z[100],100
@triton.jit
def gelu(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n).to(tl.float32)
    y = 0.5 * x * (1.0 + tl.erf(x * 0.7071067811865476))
    tl.store(out_ptr + i, y, mask=i < n)


# run: merge_runs | *fp32,*fp32 | N=16 | 1 | i[16],z[16]
@triton.jit
def merge_runs(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + tl.where(i < 8, i, 23 - i))
    tl.store(out_ptr + i, tl.sort(x))


# run: persistent | *fp32,*fp32,i32,i32 | BLOCK=16 | 3 | r[160],z[160],155,10
@triton.jit
def persistent(x_ptr, out_ptr, n, tiles, BLOCK: tl.constexpr):
    start = tl.program_id(0)
    for tile in tl.range(start, tiles, tl.num_programs(0), flatten=True):
        i = tile * BLOCK + tl.arange(0, BLOCK)
        if tile % 2 == 0:
            y = tl.load(x_ptr + i, mask=i < n) * 2
        else:
            y = tl.load(x_ptr + i, mask=i < n) + 1
        tl.store(out_ptr + i, y, mask=i < n)


# run: named_tuples | *fp32,*fp32 | N=16 | 1 | r[32],z[32]
@triton.jit
def named_tuples(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    pair = Pair(tl.load(x_ptr + i), second=tl.load(x_ptr + N + i))
    tl.store(out_ptr + i, pair.first - pair.second)
    tl.store(out_ptr + N + i, pair[1] * first_of(pair))
