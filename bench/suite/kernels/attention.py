# SPDX-License-Identifier: MIT
"""Attention: forward with running maxima, causal or full, heads that share keys, and a decoding step over a paged cache."""
import triton
import triton.language as tl


@triton.jit
def attention(q_ptr, k_ptr, v_ptr, o_ptr, lse_ptr, length, scale, HEADS: tl.constexpr, SHARED: tl.constexpr,
              D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, CAUSAL: tl.constexpr):
    block = tl.program_id(0)
    head = tl.program_id(1)
    kv = (head // HEADS * (HEADS // SHARED) + head % HEADS // SHARED).to(tl.int64)
    q_ptr += head.to(tl.int64) * length * D
    o_ptr += head.to(tl.int64) * length * D
    k_ptr += kv * length * D
    v_ptr += kv * length * D
    m = block * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + m[:, None] * D + d[None, :])
    top = tl.full((BM,), float("-inf"), dtype=tl.float32)
    total = tl.zeros((BM,), dtype=tl.float32)
    acc = tl.zeros((BM, D), dtype=tl.float32)
    scale *= 1.4426950408889634
    end = (block + 1) * BM if CAUSAL else length
    for start in range(0, end, BN):
        n = start + tl.arange(0, BN)
        k = tl.load(k_ptr + n[None, :] * D + d[:, None])
        s = tl.dot(q, k) * scale
        if CAUSAL:
            s = tl.where(m[:, None] >= n[None, :], s, float("-inf"))
        new = tl.maximum(top, tl.max(s, 1))
        p = tl.exp2(s - new[:, None])
        alpha = tl.exp2(top - new)
        total = total * alpha + tl.sum(p, 1)
        acc = acc * alpha[:, None]
        v = tl.load(v_ptr + n[:, None] * D + d[None, :])
        acc = tl.dot(p.to(v.dtype), v, acc)
        top = new
    acc = acc / total[:, None]
    tl.store(o_ptr + m[:, None] * D + d[None, :], acc.to(o_ptr.dtype.element_ty))
    tl.store(lse_ptr + head.to(tl.int64) * length + m, top + tl.log2(total))


@triton.jit
def decode_paged(q_ptr, k_ptr, v_ptr, pages_ptr, o_ptr, length, scale, PAGES: tl.constexpr, PAGE: tl.constexpr, D: tl.constexpr):
    """One query against a cache in pages of PAGE tokens; one program a sequence and head."""
    sequence = tl.program_id(0)
    head = tl.program_id(1)
    heads = tl.num_programs(1)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + (sequence * heads + head) * D + d).to(tl.float32) * scale
    top = -float("inf")
    total = 0.0
    acc = tl.zeros((D,), dtype=tl.float32)
    for page in range(0, tl.cdiv(length, PAGE)):
        at = tl.load(pages_ptr + sequence * PAGES + page).to(tl.int64)
        t = tl.arange(0, PAGE)
        inside = page * PAGE + t < length
        offs = ((at * PAGE + t[:, None]) * heads + head) * D + d[None, :]
        k = tl.load(k_ptr + offs, mask=inside[:, None], other=0.0).to(tl.float32)
        s = tl.where(inside, tl.sum(k * q[None, :], 1), -float("inf"))
        new = tl.maximum(top, tl.max(s, 0))
        alpha = tl.exp(top - new)
        p = tl.exp(s - new)
        v = tl.load(v_ptr + offs, mask=inside[:, None], other=0.0).to(tl.float32)
        acc = acc * alpha + tl.sum(p[:, None] * v, 0)
        total = total * alpha + tl.sum(p, 0)
        top = new
    tl.store(o_ptr + (sequence * heads + head) * D + d, (acc / total).to(o_ptr.dtype.element_ty))
