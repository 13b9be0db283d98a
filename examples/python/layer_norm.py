# SPDX-License-Identifier: MIT
"""5. Layer normalization with gradients: rows longer than a tile, a lock between programs.

In the forward pass a program normalizes one row, in blocks if it is longer than a tile, and stores mean and 1/deviation for the backward pass.
The gradient of x is also computed per row. The gradients of weight and bias are sums over all rows, so many programs add to the same buffers.
Rows are distributed over a few buffers; each has a lock that a program takes before it adds. A second kernel sums the buffers.
"""
import numpy as np

from common import check, rate, triton
import triton.language as tl


@triton.jit
def forward_kernel(x_ptr, y_ptr, w_ptr, b_ptr, mean_ptr, rstd_ptr, stride, N, eps, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    x_ptr += row * stride
    y_ptr += row * stride
    total = tl.zeros([BLOCK], dtype=tl.float32)
    for start in range(0, N, BLOCK):
        i = start + tl.arange(0, BLOCK)
        total += tl.load(x_ptr + i, mask=i < N, other=0.0).to(tl.float32)
    mean = tl.sum(total, axis=0) / N
    squares = tl.zeros([BLOCK], dtype=tl.float32)
    for start in range(0, N, BLOCK):
        i = start + tl.arange(0, BLOCK)
        d = tl.where(i < N, tl.load(x_ptr + i, mask=i < N, other=0.0).to(tl.float32) - mean, 0.0)
        squares += d * d
    rstd = 1 / tl.sqrt(tl.sum(squares, axis=0) / N + eps)
    tl.store(mean_ptr + row, mean)
    tl.store(rstd_ptr + row, rstd)
    for start in range(0, N, BLOCK):
        i = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + i, mask=i < N).to(tl.float32)
        w, b = tl.load(w_ptr + i, mask=i < N), tl.load(b_ptr + i, mask=i < N)
        tl.store(y_ptr + i, (x - mean) * rstd * w + b, mask=i < N)


@triton.jit
def backward_kernel(dx_ptr, dy_ptr, dw_ptr, db_ptr, x_ptr, w_ptr, mean_ptr, rstd_ptr, lock_ptr, stride, N, BUFFERS: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    inside = i < N
    x = tl.load(x_ptr + row * stride + i, mask=inside, other=0.0).to(tl.float32)
    dy = tl.load(dy_ptr + row * stride + i, mask=inside, other=0.0).to(tl.float32)
    w = tl.load(w_ptr + i, mask=inside).to(tl.float32)
    rstd = tl.load(rstd_ptr + row)
    normal = tl.where(inside, (x - tl.load(mean_ptr + row)) * rstd, 0.0)
    wdy = tl.where(inside, w * dy, 0.0)
    along = tl.sum(normal * wdy, axis=0) / N
    level = tl.sum(wdy, axis=0) / N
    tl.store(dx_ptr + row * stride + i, (wdy - normal * along - level) * rstd, mask=inside)

    buffer = row % BUFFERS
    lock, used = lock_ptr + buffer, lock_ptr + BUFFERS + buffer
    dw_ptrs, db_ptrs = dw_ptr + buffer * N + i, db_ptr + buffer * N + i
    dw, db = dy * normal, dy
    while tl.atomic_cas(lock, 0, 1) == 1:
        pass
    # For the first program the buffer is uninitialized.
    if tl.load(used) == 0:
        tl.atomic_xchg(used, 1)
    else:
        dw += tl.load(dw_ptrs, mask=inside)
        db += tl.load(db_ptrs, mask=inside)
    tl.store(dw_ptrs, dw, mask=inside)
    tl.store(db_ptrs, db, mask=inside)
    tl.debug_barrier()
    tl.atomic_xchg(lock, 0)


@triton.jit
def sum_kernel(parts_ptr, out_ptr, M, N, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):
    n = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    total = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    for start in range(0, M, BLOCK_M):
        m = start + tl.arange(0, BLOCK_M)
        total += tl.load(parts_ptr + m[:, None] * N + n[None, :], mask=(m[:, None] < M) & (n[None, :] < N), other=0.0)
    tl.store(out_ptr + n, tl.sum(total, axis=0), mask=n < N)


def forward(x, w, b, eps=1e-5):
    M, N = x.shape
    y, mean, rstd = np.empty_like(x), np.empty(M, np.float32), np.empty(M, np.float32)
    forward_kernel[(M, )](x, y, w, b, mean, rstd, N, N, eps, BLOCK=min(triton.next_power_of_2(N), 1024))
    return y, mean, rstd


def backward(dy, x, w, mean, rstd):
    M, N = x.shape
    buffers = 16
    dx = np.empty_like(x)
    locks = np.zeros(2 * buffers, np.int32)
    dw_parts, db_parts = np.zeros((buffers, N), np.float32), np.zeros((buffers, N), np.float32)
    backward_kernel[(M, )](dx, dy, dw_parts, db_parts, x, w, mean, rstd, locks, N, N, BUFFERS=buffers, BLOCK=triton.next_power_of_2(N))
    dw, db = np.empty(N, np.float32), np.empty(N, np.float32)
    for parts, out in ((dw_parts, dw), (db_parts, db)):
        sum_kernel[(triton.cdiv(N, 128), )](parts, out, min(buffers, M), N, BLOCK_M=16, BLOCK_N=128)
    return dx, dw, db


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    M, N = 151, 1200
    x, dy = -2.3 + 0.5 * rng.standard_normal((M, N), dtype=np.float32), 0.1 * rng.standard_normal((M, N), dtype=np.float32)
    w, b = rng.random(N, dtype=np.float32), rng.random(N, dtype=np.float32)
    y, mean, rstd = forward(x, w, b)
    x64, dy64, w64 = x.astype(np.float64), dy.astype(np.float64), w.astype(np.float64)
    deviation = np.sqrt(x64.var(axis=1, keepdims=True) + 1e-5)
    normal = (x64 - x64.mean(axis=1, keepdims=True)) / deviation
    check("layer norm", y, normal * w64 + b, 1e-4)
    wdy = w64 * dy64
    dx, dw, db = backward(dy, x, w, mean, rstd)
    check("gradient by x", dx, (wdy - normal * (wdy * normal).mean(1, keepdims=True) - wdy.mean(1, keepdims=True)) / deviation, 1e-5)
    check("gradient by weight", dw, (dy64 * normal).sum(0), 1e-4)
    check("gradient by bias", db, dy64.sum(0), 1e-4)
    x = rng.standard_normal((4096, 1024), dtype=np.float32)
    w, b = rng.random(1024, dtype=np.float32), rng.random(1024, dtype=np.float32)
    rate("layer norm, 4096 x 1024", lambda: forward(x, w, b), bytes=2 * x.nbytes)
