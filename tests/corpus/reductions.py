# SPDX-License-Identifier: MIT
# Reductions, scans, sorting, histograms.
import triton
import triton.language as tl


# run: softmax | *fp32:16,*fp32:16,i32,i32 | BLOCK=128 | 4 | r[512],z[512],100,100 | target=1e-6
@triton.jit
def softmax(x_ptr, out_ptr, stride, n, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    columns = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * stride + columns, mask=columns < n, other=-float("inf"))
    e = tl.exp(x - tl.max(x, axis=0))
    tl.store(out_ptr + row * stride + columns, e / tl.sum(e, axis=0), mask=columns < n)


# run: sums | *fp32,*fp32 | M=8,N=16 | 1 | r[128],z[64] | target=5e-6
# run: sums | *fp16,*fp32 | M=8,N=16 | 1 | r[128],z[64] | target=1e-2
# run: sums | *i8,*i32 | M=8,N=16 | 1 | r[128],z[64]
# run: sums | *u8,*i32 | M=8,N=16 | 1 | r[128],z[64]
@triton.jit
def sums(x_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr):
    i = tl.arange(0, M)
    j = tl.arange(0, N)
    x = tl.load(x_ptr + i[:, None] * N + j[None, :])
    tl.store(out_ptr + i, tl.sum(x, 1))
    tl.store(out_ptr + 16 + j, tl.sum(x, axis=0))
    tl.store(out_ptr + 32, tl.sum(x))
    tl.store(out_ptr + 40 + i[:, None], x.sum(axis=-1, keep_dims=True))


# run: sum_dtype | *fp16,*fp32 | N=64 | 1 | r[64],z[2]
@triton.jit
def sum_dtype(x_ptr, out_ptr, N: tl.constexpr):
    x = tl.load(x_ptr + tl.arange(0, N))
    tl.store(out_ptr, tl.sum(x, axis=0, dtype=tl.float32))
    tl.store(out_ptr + 1, tl.sum(x.to(tl.float64), axis=0))


# run: extremes | *fp32,*fp32,*i32 | M=4,N=16 | 1 | r[64],z[32],z[32]
# run: extremes | *i32,*i32,*i32 | M=4,N=16 | 1 | r[64]:0:5,z[32],z[32]
# run: extremes | *bf16,*fp32,*i32 | M=4,N=16 | 1 | r[64],z[32],z[32]
# run: extremes | *i8,*i32,*i32 | M=4,N=16 | 1 | r[64]:0:5,z[32],z[32]
@triton.jit
def extremes(x_ptr, out_ptr, index_ptr, M: tl.constexpr, N: tl.constexpr):
    i = tl.arange(0, M)
    x = tl.load(x_ptr + i[:, None] * N + tl.arange(0, N)[None, :])
    tl.store(out_ptr + i, tl.max(x, axis=1))
    tl.store(out_ptr + M + i, tl.min(x, 1))
    tl.store(index_ptr + i, tl.argmax(x, axis=1))
    tl.store(index_ptr + M + i, tl.argmin(x, 1))
    value, index = tl.max(x, axis=1, return_indices=True)
    tl.store(out_ptr + 2 * M + i, value)
    tl.store(index_ptr + 2 * M + i, index)
    low, where = tl.min(x, 1, return_indices=True, return_indices_tie_break_left=False)
    tl.store(out_ptr + 3 * M + i, low)


@triton.jit
def _mul_add(a1, b1, a2, b2):
    return a1 * a2, b1 * a2 + b2


@triton.jit
def _product(a, b):
    return a * b


# run: custom_reduce | *fp32,*fp32 | N=16 | 1 | r[32]:0.5:1.5,z[64] | target=5e-7
@triton.jit
def custom_reduce(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    a = tl.load(x_ptr + i)
    b = tl.load(x_ptr + N + i)
    tl.store(out_ptr, tl.reduce(a, 0, _product))
    s, t = tl.associative_scan((a, b), 0, _mul_add)
    tl.store(out_ptr + N + i, s)
    tl.store(out_ptr + 2 * N + i, t)


# run: scans | *fp32,*fp32 | M=4,N=8 | 1 | r[32],z[160] | target=1e-6
# run: scans | *i32,*i32 | M=4,N=8 | 1 | r[32]:-9:9,z[160]
@triton.jit
def scans(x_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr):
    at = tl.arange(0, M)[:, None] * N + tl.arange(0, N)[None, :]
    x = tl.load(x_ptr + at)
    tl.store(out_ptr + at, tl.cumsum(x, 0))
    tl.store(out_ptr + 32 + at, tl.cumsum(x, axis=1, reverse=True))
    tl.store(out_ptr + 64 + at, tl.cumprod(x, 1))
    tl.store(out_ptr + 96 + at, x.cumsum(1))


# run: bit_reductions | *i32,*i32 | N=32 | 1 | r[32],z[4]
@triton.jit
def bit_reductions(x_ptr, out_ptr, N: tl.constexpr):
    x = tl.load(x_ptr + tl.arange(0, N))
    tl.store(out_ptr, tl.xor_sum(x, 0))
    tl.store(out_ptr + 1, tl.reduce_or(x, 0))


# run: sorting | *fp32,*fp32 | M=2,N=16 | 1 | r[32],z[128]
# run: sorting | *i32,*i32 | M=2,N=16 | 1 | r[32]:0:9,z[128]
@triton.jit
def sorting(x_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr):
    at = tl.arange(0, M)[:, None] * N + tl.arange(0, N)[None, :]
    x = tl.load(x_ptr + at)
    tl.store(out_ptr + at, tl.sort(x))
    tl.store(out_ptr + 32 + at, tl.sort(x, descending=True))
    tl.store(out_ptr + 64 + at, tl.flip(x, 1))
    tl.store(out_ptr + 96 + at, tl.flip(x, 0))


# run: long_sort | *i64:16,*i64:16 | N=256 | 1 | r[256],z[256]
@triton.jit
def long_sort(x_ptr, out_ptr, N: tl.constexpr):
    at = tl.arange(0, N)
    tl.store(out_ptr + at, tl.sort(tl.load(x_ptr + at)))


# run: top | *fp32,*fp32 | N=32,K=8 | 1 | r[32],z[8]
@triton.jit
def top(x_ptr, out_ptr, N: tl.constexpr, K: tl.constexpr):
    x = tl.load(x_ptr + tl.arange(0, N))
    tl.store(out_ptr + tl.arange(0, K), tl.topk(x, K))


# run: histograms | *i32,*i32 | N=64 | 1 | r[64]:0:16,z[32]
@triton.jit
def histograms(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    j = tl.arange(0, 16)
    tl.store(out_ptr + j, tl.histogram(x, 16))
    tl.store(out_ptr + 16 + j, tl.histogram(x, 16, mask=i < 40))


# run: library_softmax | *fp32,*fp32 | N=32 | 1 | r[32],z[32] | target=1e-6
@triton.jit
def library_softmax(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(out_ptr + i, tl.softmax(tl.load(x_ptr + i)))


# run: layer_norm | *fp32:16,*fp32:16,*fp32:16,*fp32:16,i32,fp32 | BLOCK=64 | 3 | r[150],z[150],r[50],r[50],50,1e-5 | target=5e-7
@triton.jit
def layer_norm(x_ptr, y_ptr, w_ptr, b_ptr, n, eps, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    c = tl.arange(0, BLOCK)
    inside = c < n
    x = tl.load(x_ptr + row * n + c, mask=inside, other=0.)
    mean = tl.sum(x, axis=0) / n
    centred = tl.where(inside, x - mean, 0.)
    variance = tl.sum(centred * centred, axis=0) / n
    y = centred * (1 / tl.sqrt(variance + eps))
    y = y * tl.load(w_ptr + c, mask=inside) + tl.load(b_ptr + c, mask=inside)
    tl.store(y_ptr + row * n + c, y, mask=inside)


# run: causal_sums | *fp32,*fp32 | BM=16,BN=4 | 1 | r[64],z[16] | target=1e-6
@triton.jit
def causal_sums(x, out, BM: tl.constexpr, BN: tl.constexpr):
    m = tl.arange(0, BM)
    n = tl.arange(0, BN)
    v = tl.load(x + n[None, :] * BM + m[:, None])
    v = tl.where(m[:, None] >= n[None, :], v, 0.0)
    tl.store(out + m, tl.sum(v, axis=1))


# Rows that are masked, or -inf, as a whole; with -inf, huge numbers, infinity, NaN in them.
# run: softmax_of_special_rows | *fp32,*fp32 | N=64 | 7 | r[448],z[448] | tol=1e-6 | target=1e-6
# run: softmax_of_special_rows | *fp32:16,*fp32:16 | N=512 | 7 | r[3584],z[3584] | tol=1e-6 | target=1e-6
@triton.jit
def softmax_of_special_rows(x_ptr, out_ptr, N: tl.constexpr):
    row = tl.program_id(0)
    i = tl.arange(0, N)
    x = tl.load(x_ptr + row * N + i, mask=(i < N) & (row != 0), other=-float("inf"))
    x = tl.where((row == 1) & (i % 3 == 0), -float("inf"), x)
    x = tl.where(row == 2, x * 1e38, x)
    x = tl.where((row == 3) & (i == 5), float("nan"), x)
    x = tl.where((row == 4) & (i == 7), float("inf"), x)
    x = tl.where(row == 5, -float("inf"), x)
    x -= tl.max(x, 0)
    e = tl.exp(x)
    tl.store(out_ptr + row * N + i, e / tl.sum(e, 0))


# run: accumulated_tiles | *fp32:16,*fp32:16,*fp32:16,*i32:16,i32 | BM=16,BN=64 | 2 | r[7000],z[128],z[32],z[32],50 | target=1e-5
# run: accumulated_tiles | *fp32:16,*fp32:16,*fp32:16,*i32:16,i32 | BM=4,BN=32 | 2 | r[7000],z[64],z[8],z[8],0 | target=1e-5
@triton.jit
def accumulated_tiles(x_ptr, columns_ptr, rows_ptr, most_ptr, n, BM: tl.constexpr, BN: tl.constexpr):
    """Tiles that a loop only accumulates, reduced behind it along either axis."""
    block = tl.program_id(0)
    m = tl.arange(0, BM)
    j = block * BN + tl.arange(0, BN)
    sums = tl.zeros((BM, BN), dtype=tl.float32)
    squares = tl.zeros((BM, BN), dtype=tl.float32)
    most = tl.full((BM, BN), 7, dtype=tl.int32)
    for start in range(0, n, BM):
        i = start + m
        x = tl.load(x_ptr + i[:, None] * 128 + j[None, :], mask=i[:, None] < n, other=0.0)
        sums += x
        squares += x * x
        most = tl.maximum(most, (x * 100).to(tl.int32) + i[:, None])
    tl.store(columns_ptr + j, tl.sum(sums, 0))
    tl.store(rows_ptr + block * BM + m, tl.sum(squares, 1))
    tl.store(most_ptr + block * BM + m, tl.max(most, 1))
