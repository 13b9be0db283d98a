# SPDX-License-Identifier: MIT
"""Values that threads of a workgroup keep in registers: scans, results of reductions, sorts, transposed tiles."""
import triton
import triton.language as tl


@triton.jit
def _linear(a1, b1, a2, b2):
    return a1 * a2, b1 * a2 + b2


# Scans along either axis, in both directions, with fewer and more elements than threads.
# run: scans | *fp32:16,*fp32:16,*fp32:16 | M=4,N=256,AXIS=1,REVERSE=False | 1 | r[1024],z[1024],z[1024] | tol=2e-5 | target=2e-5
# run: scans | *fp32:16,*fp32:16,*fp32:16 | M=64,N=64,AXIS=0,REVERSE=True | 1 | r[4096],z[4096],z[4096] | tol=2e-5 | target=2e-5
# run: scans | *fp32:16,*fp32:16,*fp32:16 | M=2,N=4096,AXIS=1,REVERSE=True | 1 | r[8192],z[8192],z[8192] | tol=2e-4 | target=2e-4
# run: scans | *fp32:16,*fp32:16,*fp32:16 | M=1024,N=2,AXIS=0,REVERSE=False | 1 | r[2048],z[2048],z[2048] | tol=2e-4 | target=2e-4
# run: scans | *fp32:16,*fp32:16,*fp32:16 | M=8,N=4,AXIS=0,REVERSE=False | 1 | r[32],z[32],z[32] | tol=2e-5 | target=2e-5
@triton.jit
def scans(x_ptr, sums_ptr, states_ptr, M: tl.constexpr, N: tl.constexpr, AXIS: tl.constexpr, REVERSE: tl.constexpr):
    at = tl.arange(0, M)[:, None] * N + tl.arange(0, N)[None, :]
    x = tl.load(x_ptr + at)
    sums = tl.cumsum(x, AXIS, reverse=REVERSE)
    # A value that another scan reads stays where it is.
    _, states = tl.associative_scan((x * 0.5, sums), AXIS, _linear, reverse=REVERSE)
    tl.store(sums_ptr + at, sums)
    tl.store(states_ptr + at, states)


# A scan in a loop: the total so far is carried.
# run: scan_in_steps | *fp32:16,*i32:16,i32 | BLOCK=256 | 3 | r[3000],z[3000],1000 | tol=2e-4 | target=2e-4
@triton.jit
def scan_in_steps(x_ptr, counts_ptr, n, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    count = 0
    for start in range(0, n, BLOCK):
        i = start + tl.arange(0, BLOCK)
        positive = (tl.load(x_ptr + row * n + i, mask=i < n, other=0.0) > 0).to(tl.int32)
        tl.store(counts_ptr + row * n + i, count + tl.cumsum(positive, 0), mask=i < n)
        count += tl.sum(positive, 0)


# run: sorts | *fp32:16,*fp32:16,*fp32:16 | M=2,N=256,K=4 | 1 | r[512],z[512],z[8]
# run: sorts | *fp32:16,*fp32:16,*fp32:16 | M=16,N=32,K=4 | 1 | r[512],z[512],z[64]
# run: sorts | *i32:16,*i32:16,*i32:16 | M=4,N=64,K=64 | 1 | r[256],z[256],z[256]
@triton.jit
def sorts(x_ptr, y_ptr, top_ptr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    m, n, k = tl.arange(0, M)[:, None], tl.arange(0, N)[None, :], tl.arange(0, K)[None, :]
    x = tl.load(x_ptr + m * N + n)
    tl.store(y_ptr + m * N + n, tl.sort(x))
    tl.store(top_ptr + m * K + k, tl.topk(x, K))


# Sums of rows and of columns of one tile, used by it and by each other; some are carried, and some written in each step.
# run: both_ways | *fp32:16,*fp32:16,*fp32:16,*fp32:16,*fp32:16 | M=32,N=64,STEPS=3 | 1 | r[6144],z[6144],z[32],z[64],z[96] | tol=2e-4 | target=2e-4
# run: both_ways | *fp32:16,*fp32:16,*fp32:16,*fp32:16,*fp32:16 | M=128,N=8,STEPS=2 | 1 | r[2048],z[2048],z[128],z[8],z[256] | tol=2e-4 | target=2e-4
# run: both_ways | *fp32:16,*fp32:16,*fp32:16,*fp32:16,*fp32:16 | M=4,N=512,STEPS=2 | 1 | r[4096],z[4096],z[4],z[512],z[8] | tol=2e-4 | target=2e-4
@triton.jit
def both_ways(x_ptr, y_ptr, rows_ptr, columns_ptr, each_ptr, M: tl.constexpr, N: tl.constexpr, STEPS: tl.constexpr):
    m, n = tl.arange(0, M), tl.arange(0, N)
    rows = tl.zeros((M,), tl.float32)
    columns = tl.full((N,), 1.0, tl.float32)
    for step in range(STEPS):
        at = step * M * N + m[:, None] * N + n[None, :]
        x = tl.load(x_ptr + at)
        largest = tl.max(x, 1)
        e = tl.exp(x - largest[:, None])
        rows = rows * 0.5 + tl.sum(e, 1) + largest
        tl.atomic_add(columns_ptr + n, tl.sum(e, 0))
        columns += tl.sum(x, 0)
        tl.store(each_ptr + step * M + m, rows)
        tl.store(y_ptr + at, e / rows[:, None] + columns[None, :])
    tl.store(rows_ptr + m, rows)
    tl.atomic_add(columns_ptr + n, columns)


# Row values that a branch changes, and a row updated in memory while others of its values are carried.
# run: branches | *fp32:16,*fp32:16,*fp32:16,i32 | M=64,N=16 | 1 | r[4096],r[64],z[64],4 | tol=2e-5 | target=2e-5
@triton.jit
def branches(x_ptr, state_ptr, out_ptr, steps, M: tl.constexpr, N: tl.constexpr):
    m, n = tl.arange(0, M), tl.arange(0, N)
    total = tl.zeros((M,), tl.float32)
    for step in range(steps):
        x = tl.load(x_ptr + step * M * N + m[:, None] * N + n[None, :])
        if step % 2 == 0:
            total += tl.sum(x, 1)
        else:
            total -= tl.max(x, 1)
        tl.store(state_ptr + m, tl.load(state_ptr + m) * 0.5 + total)
    tl.store(out_ptr + m, total)


# Transposed tiles, with masks, in f32 and f16, and of three dimensions.
# run: transposed | *fp32:16,*fp32:16,i32,i32 | M=32,N=32 | 2,2 | r[2100],z[2100],50,42
# run: transposed | *fp16:16,*fp16:16,i32,i32 | M=64,N=16 | 1,3 | r[2100],z[2100],50,42
# run: transposed | *fp32:16,*fp32:16,i32:16,i32:16 | M=16,N=64 | 3,1 | r[3072],z[3072],48,64
@triton.jit
def transposed(x_ptr, y_ptr, rows, columns, M: tl.constexpr, N: tl.constexpr):
    m = tl.program_id(0) * M + tl.arange(0, M)
    n = tl.program_id(1) * N + tl.arange(0, N)
    mask = (m[:, None] < rows) & (n[None, :] < columns)
    x = tl.load(x_ptr + m[:, None] * columns + n[None, :], mask=mask, other=0.0)
    tl.store(y_ptr + n[:, None] * rows + m[None, :], tl.trans(x) + 1.0, mask=(n[:, None] < columns) & (m[None, :] < rows))


# run: permuted | *fp32:16,*fp32:16 | A=8,B=16,C=32 | 1 | r[4096],z[4096]
@triton.jit
def permuted(x_ptr, y_ptr, A: tl.constexpr, B: tl.constexpr, C: tl.constexpr):
    a, b, c = tl.arange(0, A), tl.arange(0, B), tl.arange(0, C)
    x = tl.load(x_ptr + a[:, None, None] * (B * C) + b[None, :, None] * C + c[None, None, :])
    tl.store(y_ptr + c[:, None, None] * (A * B) + b[None, :, None] * A + a[None, None, :], tl.permute(x, 2, 1, 0))
