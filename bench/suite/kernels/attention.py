# SPDX-License-Identifier: MIT
"""Attention: forward with running maxima, causal or full, shared keys, any width; backward; and a decoding step over a paged cache."""
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
def attention_padded(q_ptr, k_ptr, v_ptr, o_ptr, length, width, scale, stride_h, stride_t,
                     D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    """The same for a head of `width` elements, not a power of two, and any length: tiles of D columns with masks."""
    head = tl.program_id(1).to(tl.int64)
    q_ptr += head * stride_h
    k_ptr += head * stride_h
    v_ptr += head * stride_h
    o_ptr += head * stride_h
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    inside = (m[:, None] < length) & (d[None, :] < width)
    q = tl.load(q_ptr + m[:, None] * stride_t + d[None, :], mask=inside, other=0.0)
    top = tl.full((BM,), float("-inf"), dtype=tl.float32)
    total = tl.zeros((BM,), dtype=tl.float32)
    acc = tl.zeros((BM, D), dtype=tl.float32)
    for start in range(0, length, BN):
        n = start + tl.arange(0, BN)
        mask = (n[:, None] < length) & (d[None, :] < width)
        k = tl.load(k_ptr + n[:, None] * stride_t + d[None, :], mask=mask, other=0.0)
        s = tl.dot(q, tl.trans(k))
        s = s * scale + tl.where(n[None, :] < length, 0.0, float("-inf"))
        new = tl.maximum(top, tl.max(s, 1))
        p = tl.exp(s - new[:, None])
        alpha = tl.exp(top - new)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(v_ptr + n[:, None] * stride_t + d[None, :], mask=mask, other=0.0)
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
        top = new
    tl.store(o_ptr + m[:, None] * stride_t + d[None, :], (acc / total[:, None]).to(o_ptr.dtype.element_ty), mask=inside)


@triton.jit
def _gradients_of_keys(dk, dv, q_ptr, k, v, do_ptr, lse_ptr, delta_ptr, n, first, end, scale, D: tl.constexpr, BM: tl.constexpr, MASK: tl.constexpr):
    d = tl.arange(0, D)
    for start in range(first, end, BM):
        m = start + tl.arange(0, BM)
        qt = tl.load(q_ptr + m[None, :] * D + d[:, None])
        lse = tl.load(lse_ptr + m)
        pt = tl.math.exp2(tl.dot(k, qt) * (scale * 1.4426950408889634) - lse[None, :])
        if MASK:
            pt = tl.where(m[None, :] >= n[:, None], pt, 0.0)
        do = tl.load(do_ptr + m[:, None] * D + d[None, :])
        dv += tl.dot(pt.to(do.dtype), do)
        delta = tl.load(delta_ptr + m)
        dpt = tl.dot(v, tl.trans(do)).to(tl.float32)
        dst = pt * (dpt - delta[None, :])
        dk += tl.dot(dst.to(qt.dtype), tl.trans(qt))
    return dk, dv


@triton.jit
def _gradient_of_queries(dq, q, k_ptr, v_ptr, do, lse, delta, m, first, end, scale, D: tl.constexpr, BN: tl.constexpr, MASK: tl.constexpr):
    d = tl.arange(0, D)
    for start in range(first, end, BN):
        n = start + tl.arange(0, BN)
        kt = tl.load(k_ptr + n[None, :] * D + d[:, None])
        vt = tl.load(v_ptr + n[None, :] * D + d[:, None])
        p = tl.math.exp2(tl.dot(q, kt) * (scale * 1.4426950408889634) - lse)
        if MASK:
            p = tl.where(m[:, None] >= n[None, :], p, 0.0)
        dp = tl.dot(do, vt).to(tl.float32)
        ds = (p * (dp - delta[:, None])).to(kt.dtype)
        dq += tl.dot(ds, tl.trans(kt))
    return dq


@triton.jit
def attention_dkdv(q_ptr, k_ptr, v_ptr, do_ptr, lse_ptr, delta_ptr, dk_ptr, dv_ptr, length, scale,
                   D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, CAUSAL: tl.constexpr):
    """The gradients of BN keys and values; `lse` to base 2, `delta` the sums of o do."""
    head = tl.program_id(1).to(tl.int64)
    at = head * length * D
    n = tl.program_id(0) * BN + tl.arange(0, BN)
    tile = at + n[:, None] * D + tl.arange(0, D)[None, :]
    k = tl.load(k_ptr + tile)
    v = tl.load(v_ptr + tile)
    dk = tl.zeros((BN, D), dtype=tl.float32)
    dv = tl.zeros((BN, D), dtype=tl.float32)
    first = tl.program_id(0) * BN
    lse_ptr += head * length
    delta_ptr += head * length
    if CAUSAL:
        dk, dv = _gradients_of_keys(dk, dv, q_ptr + at, k, v, do_ptr + at, lse_ptr, delta_ptr, n, first, first + BN, scale, D, BM, True)
        first += BN
    else:
        first = 0
    dk, dv = _gradients_of_keys(dk, dv, q_ptr + at, k, v, do_ptr + at, lse_ptr, delta_ptr, n, first, length, scale, D, BM, False)
    tl.store(dv_ptr + tile, dv.to(dv_ptr.dtype.element_ty))
    tl.store(dk_ptr + tile, (dk * scale).to(dk_ptr.dtype.element_ty))


@triton.jit
def attention_dq(q_ptr, k_ptr, v_ptr, do_ptr, lse_ptr, delta_ptr, dq_ptr, length, scale,
                 D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, CAUSAL: tl.constexpr):
    """The gradient of BM queries."""
    head = tl.program_id(1).to(tl.int64)
    at = head * length * D
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    tile = at + m[:, None] * D + tl.arange(0, D)[None, :]
    q = tl.load(q_ptr + tile)
    do = tl.load(do_ptr + tile)
    lse = tl.load(lse_ptr + head * length + m)[:, None]
    delta = tl.load(delta_ptr + head * length + m)
    dq = tl.zeros((BM, D), dtype=tl.float32)
    end = length
    if CAUSAL:
        end = tl.program_id(0) * BM
        dq = _gradient_of_queries(dq, q, k_ptr + at, v_ptr + at, do, lse, delta, m, end, end + BM, scale, D, BN, True)
    dq = _gradient_of_queries(dq, q, k_ptr + at, v_ptr + at, do, lse, delta, m, 0, end, scale, D, BN, False)
    tl.store(dq_ptr + tile, (dq * scale).to(dq_ptr.dtype.element_ty))


@triton.jit
def attention_backward(q_ptr, k_ptr, v_ptr, do_ptr, lse_ptr, delta_ptr, dq_ptr, dk_ptr, dv_ptr, length, scale,
                       D: tl.constexpr, BLOCK: tl.constexpr, STEP: tl.constexpr, CAUSAL: tl.constexpr):
    """All three gradients: each program takes a block of keys, then the same block of queries."""
    head = tl.program_id(1).to(tl.int64)
    at = head * length * D
    q_ptr += at
    k_ptr += at
    v_ptr += at
    do_ptr += at
    lse_ptr += head * length
    delta_ptr += head * length
    begin = tl.program_id(0) * BLOCK
    i = begin + tl.arange(0, BLOCK)
    tile = i[:, None] * D + tl.arange(0, D)[None, :]
    dk = tl.zeros((BLOCK, D), dtype=tl.float32)
    dv = tl.zeros((BLOCK, D), dtype=tl.float32)
    k = tl.load(k_ptr + tile)
    v = tl.load(v_ptr + tile)
    first = 0
    if CAUSAL:
        dk, dv = _gradients_of_keys(dk, dv, q_ptr, k, v, do_ptr, lse_ptr, delta_ptr, i, begin, begin + BLOCK, scale, D, STEP, True)
        first = begin + BLOCK
    dk, dv = _gradients_of_keys(dk, dv, q_ptr, k, v, do_ptr, lse_ptr, delta_ptr, i, first, length, scale, D, STEP, False)
    tl.store(dv_ptr + at + tile, dv.to(dv_ptr.dtype.element_ty))
    tl.store(dk_ptr + at + tile, (dk * scale).to(dk_ptr.dtype.element_ty))
    q = tl.load(q_ptr + tile)
    do = tl.load(do_ptr + tile)
    lse = tl.load(lse_ptr + i)[:, None]
    delta = tl.load(delta_ptr + i)
    dq = tl.zeros((BLOCK, D), dtype=tl.float32)
    end = length
    if CAUSAL:
        dq = _gradient_of_queries(dq, q, k_ptr, v_ptr, do, lse, delta, i, begin, begin + BLOCK, scale, D, STEP, True)
        end = begin
    dq = _gradient_of_queries(dq, q, k_ptr, v_ptr, do, lse, delta, i, 0, end, scale, D, STEP, False)
    tl.store(dq_ptr + at + tile, (dq * scale).to(dq_ptr.dtype.element_ty))


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
