# SPDX-License-Identifier: MIT
"""6. Fused attention, forward and backward: softmax over blocks of a row, recomputation.

softmax(QK')V is computed without storing the matrix of scores. A program takes BLOCK_M queries and loops over the keys in blocks. It carries the
largest score so far, the sum of exponentials and the weighted sum of values, and rescales them if a larger score appears. In causal attention,
queries see only keys up to their own position, so blocks past the diagonal are skipped. The backward pass recomputes the scores from the
logarithm of each row's sum, which the forward pass stored: one kernel by keys (dK, dV) and one by queries (dQ), so that no atomics are needed.
"""
import numpy as np

from common import check, rate, triton
import triton.language as tl


@triton.jit
def forward_kernel(q_ptr, k_ptr, v_ptr, o_ptr, lse_ptr, scale, N, D: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, CAUSAL: tl.constexpr):
    head = tl.program_id(1) * N * D
    m = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + head + m[:, None] * D + d[None, :], mask=m[:, None] < N, other=0.0)
    top = tl.full([BLOCK_M], -float("inf"), tl.float32)
    total = tl.zeros([BLOCK_M], tl.float32)
    acc = tl.zeros([BLOCK_M, D], tl.float32)
    last = N
    if CAUSAL:
        last = min(N, (tl.program_id(0) + 1) * BLOCK_M)
    for start in range(0, last, BLOCK_N):
        n = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + head + n[None, :] * D + d[:, None], mask=n[None, :] < N, other=0.0)
        scores = tl.dot(q, k) * scale
        seen = n[None, :] < N
        if CAUSAL:
            seen = seen & (n[None, :] <= m[:, None])
        scores = tl.where(seen, scores, -float("inf"))
        larger = tl.maximum(top, tl.max(scores, axis=1))
        p = tl.exp(scores - larger[:, None])
        old = tl.exp(top - larger)
        total = total * old + tl.sum(p, axis=1)
        v = tl.load(v_ptr + head + n[:, None] * D + d[None, :], mask=n[:, None] < N, other=0.0)
        acc = tl.dot(p.to(v.dtype), v, acc * old[:, None])
        top = larger
    tl.store(o_ptr + head + m[:, None] * D + d[None, :], acc / total[:, None], mask=m[:, None] < N)
    tl.store(lse_ptr + tl.program_id(1) * N + m, top + tl.log(total), mask=m < N)


@triton.jit
def scores_again(q, k, lse, m, n, scale, N, CAUSAL: tl.constexpr):
    """The softmax weights of BLOCK_M queries for BLOCK_N keys, recomputed."""
    seen = (m[:, None] < N) & (n[None, :] < N)
    if CAUSAL:
        seen = seen & (n[None, :] <= m[:, None])
    return tl.where(seen, tl.exp(tl.dot(q, tl.trans(k)) * scale - lse[:, None]), 0.0)


@triton.jit
def load_rows(ptr, rows, N, D: tl.constexpr):
    return tl.load(ptr + rows[:, None] * D + tl.arange(0, D)[None, :], mask=rows[:, None] < N, other=0.0)


@triton.jit
def by_keys_kernel(q_ptr, k_ptr, v_ptr, do_ptr, lse_ptr, delta_ptr, dk_ptr, dv_ptr, scale, N, D: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, CAUSAL: tl.constexpr):
    head = tl.program_id(1) * N * D
    n = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    k, v = load_rows(k_ptr + head, n, N, D), load_rows(v_ptr + head, n, N, D)
    dk, dv = tl.zeros([BLOCK_N, D], tl.float32), tl.zeros([BLOCK_N, D], tl.float32)
    first = 0
    if CAUSAL:
        first = tl.program_id(0) * BLOCK_N // BLOCK_M * BLOCK_M
    for start in range(first, N, BLOCK_M):
        m = start + tl.arange(0, BLOCK_M)
        q, do = load_rows(q_ptr + head, m, N, D), load_rows(do_ptr + head, m, N, D)
        lse = tl.load(lse_ptr + tl.program_id(1) * N + m, mask=m < N, other=0.0)
        delta = tl.load(delta_ptr + tl.program_id(1) * N + m, mask=m < N, other=0.0)
        p = scores_again(q, k, lse, m, n, scale, N, CAUSAL)
        dv = tl.dot(tl.trans(p), do, dv)
        ds = p * (tl.dot(do, tl.trans(v)) - delta[:, None])
        dk = tl.dot(tl.trans(ds), q, dk)
    at = head + n[:, None] * D + tl.arange(0, D)[None, :]
    tl.store(dk_ptr + at, dk * scale, mask=n[:, None] < N)
    tl.store(dv_ptr + at, dv, mask=n[:, None] < N)


@triton.jit
def by_queries_kernel(q_ptr, k_ptr, v_ptr, do_ptr, lse_ptr, delta_ptr, dq_ptr, scale, N, D: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, CAUSAL: tl.constexpr):
    head = tl.program_id(1) * N * D
    m = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    q, do = load_rows(q_ptr + head, m, N, D), load_rows(do_ptr + head, m, N, D)
    lse = tl.load(lse_ptr + tl.program_id(1) * N + m, mask=m < N, other=0.0)
    delta = tl.load(delta_ptr + tl.program_id(1) * N + m, mask=m < N, other=0.0)
    dq = tl.zeros([BLOCK_M, D], tl.float32)
    last = N
    if CAUSAL:
        last = min(N, (tl.program_id(0) + 1) * BLOCK_M)
    for start in range(0, last, BLOCK_N):
        n = start + tl.arange(0, BLOCK_N)
        k, v = load_rows(k_ptr + head, n, N, D), load_rows(v_ptr + head, n, N, D)
        p = scores_again(q, k, lse, m, n, scale, N, CAUSAL)
        ds = p * (tl.dot(do, tl.trans(v)) - delta[:, None])
        dq = tl.dot(ds, k, dq)
    tl.store(dq_ptr + head + m[:, None] * D + tl.arange(0, D)[None, :], dq * scale, mask=m[:, None] < N)


def attention(q, k, v, causal):
    heads, N, D = q.shape
    o, lse = np.empty_like(q), np.empty((heads, N), np.float32)
    forward_kernel[(triton.cdiv(N, 64), heads)](q, k, v, o, lse, D**-0.5, N, D=D, BLOCK_M=64, BLOCK_N=32, CAUSAL=causal)
    return o, lse


def gradients(q, k, v, o, lse, do, causal):
    heads, N, D = q.shape
    delta = (o * do).sum(axis=2)
    dq, dk, dv = np.empty_like(q), np.empty_like(k), np.empty_like(v)
    by_keys_kernel[(triton.cdiv(N, 32), heads)](q, k, v, do, lse, delta, dk, dv, D**-0.5, N, D=D, BLOCK_M=32, BLOCK_N=32, CAUSAL=causal)
    by_queries_kernel[(triton.cdiv(N, 32), heads)](q, k, v, do, lse, delta, dq, D**-0.5, N, D=D, BLOCK_M=32, BLOCK_N=32, CAUSAL=causal)
    return dq, dk, dv


def reference(q, k, v, do, causal):
    q, k, v, do = (x.astype(np.float64) for x in (q, k, v, do))
    scale = q.shape[2]**-0.5
    scores = q @ k.transpose(0, 2, 1) * scale
    if causal:
        scores = np.where(np.tril(np.ones(scores.shape[1:], bool)), scores, -np.inf)
    p = np.exp(scores - scores.max(axis=2, keepdims=True))
    p /= p.sum(axis=2, keepdims=True)
    o = p @ v
    ds = p * (do @ v.transpose(0, 2, 1) - (o * do).sum(axis=2, keepdims=True))
    return o, ds @ k * scale, ds.transpose(0, 2, 1) @ q * scale, p.transpose(0, 2, 1) @ do


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    q, k, v, do = (rng.standard_normal((2, 200, 64), dtype=np.float32) for _ in range(4))
    for causal in (False, True):
        o, lse = attention(q, k, v, causal)
        name = "causal attention" if causal else "attention"
        for what, got, wanted in zip(("", ", dq", ", dk", ", dv"), (o, *gradients(q, k, v, o, lse, do, causal)), reference(q, k, v, do, causal)):
            check(name + what, got, wanted, 1e-4)
    q, k, v = (rng.standard_normal((4, 1024, 64), dtype=np.float32) for _ in range(3))
    rate("attention, 4 heads, 1024 x 64", lambda: attention(q, k, v, False), flops=4 * 4 * 1024**2 * 64)
