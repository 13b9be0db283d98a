# SPDX-License-Identifier: MIT
# Matrix products and attention.
import triton
import triton.language as tl


# run: matmul | *fp32:16,*fp32:16,*fp32:16,i32,i32,i32,i32,i32:1,i32,i32:1,i32,i32:1 | BM=16,BN=32,BK=16,GROUP=2 | 6 | r[1200],r[1800],z[1600],30,50,36,36,1,50,1,50,1 | tol=1e-5 | target=1e-6
# run: matmul | *fp16:16,*fp16:16,*fp16:16,i32,i32,i32,i32,i32:1,i32,i32:1,i32,i32:1 | BM=16,BN=32,BK=16,GROUP=2 | 6 | r[1200],r[1800],z[1600],30,50,36,36,1,50,1,50,1
@triton.jit
def matmul(a_ptr, b_ptr, c_ptr, M, N, K, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, GROUP: tl.constexpr):
    pid = tl.program_id(axis=0)
    rows = tl.cdiv(M, BM)
    columns = tl.cdiv(N, BN)
    in_group = GROUP * columns
    first = (pid // in_group) * GROUP
    size = min(rows - first, GROUP)
    pm = first + ((pid % in_group) % size)
    pn = (pid % in_group) // size
    om = (pm * BM + tl.arange(0, BM)) % M
    on = (pn * BN + tl.arange(0, BN)) % N
    ok = tl.arange(0, BK)
    a_ptrs = a_ptr + (om[:, None] * sam + ok[None, :] * sak)
    b_ptrs = b_ptr + (ok[:, None] * sbk + on[None, :] * sbn)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for k in range(0, tl.cdiv(K, BK)):
        a = tl.load(a_ptrs, mask=ok[None, :] < K - k * BK, other=0.0)
        b = tl.load(b_ptrs, mask=ok[:, None] < K - k * BK, other=0.0)
        acc = tl.dot(a, b, acc, input_precision="ieee")
        a_ptrs += BK * sak
        b_ptrs += BK * sbk
    c = acc.to(c_ptr.dtype.element_ty)
    cm = pm * BM + tl.arange(0, BM)
    cn = pn * BN + tl.arange(0, BN)
    tl.store(c_ptr + scm * cm[:, None] + scn * cn[None, :], c, mask=(cm[:, None] < M) & (cn[None, :] < N))


# run: dots | *fp16,*fp16,*fp32 | | 1 | r[512],r[512],z[256]
# run: dots | *bf16,*bf16,*fp32 | | 1 | r[512],r[512],z[256] | target=1e-6
# run: dots | *i8,*i8,*i32 | | 1 | r[512],r[512],z[256]
@triton.jit
def dots(a_ptr, b_ptr, c_ptr):
    i = tl.arange(0, 16)
    k = tl.arange(0, 32)
    a = tl.load(a_ptr + i[:, None] * 32 + k[None, :])
    b = tl.load(b_ptr + k[:, None] * 16 + i[None, :])
    tl.store(c_ptr + i[:, None] * 16 + i[None, :], tl.dot(a, b))


# run: batched_dot | *fp16,*fp16,*fp16 | | 1 | r[1024],r[1024],z[512]
@triton.jit
def batched_dot(a_ptr, b_ptr, c_ptr):
    z = tl.arange(0, 2)[:, None, None]
    i = tl.arange(0, 16)
    k = tl.arange(0, 32)
    a = tl.load(a_ptr + z * 512 + i[None, :, None] * 32 + k[None, None, :])
    b = tl.load(b_ptr + z * 512 + k[None, :, None] * 16 + i[None, None, :])
    c = tl.dot(a, b, out_dtype=tl.float16)
    tl.store(c_ptr + z * 256 + i[None, :, None] * 16 + i[None, None, :], c)


# The tolerance is for f16: with subgroup matrices, probabilities are in proportion to an older maximum, and rounded differently.
# run: attention | *fp16:16,*fp16:16,*fp16:16,*fp32:16,i32,fp32 | BM=16,BN=16,D=32,CAUSAL=True | 3 | r[1536],r[1536],r[1536],z[1536],48,0.2 | tol=1e-6 | target=4e-3
# run: attention | *fp16:16,*fp16:16,*fp16:16,*fp32:16,i32,fp32 | BM=16,BN=16,D=32,CAUSAL=False | 3 | r[1536],r[1536],r[1536],z[1536],48,0.2 | tol=1e-6 | target=4e-3
@triton.jit
def attention(q_ptr, k_ptr, v_ptr, o_ptr, n, scale, BM: tl.constexpr, BN: tl.constexpr, D: tl.constexpr, CAUSAL: tl.constexpr):
    pid = tl.program_id(0)
    om = pid * BM + tl.arange(0, BM)
    on = tl.arange(0, BN)
    od = tl.arange(0, D)
    q = tl.load(q_ptr + om[:, None] * D + od[None, :])
    m_i = tl.full([BM], -float("inf"), tl.float32)
    l_i = tl.zeros([BM], tl.float32) + 1.0
    acc = tl.zeros([BM, D], dtype=tl.float32)
    scale *= 1.44269504
    high = (pid + 1) * BM if CAUSAL else n
    for start in range(0, high, BN):
        start = tl.multiple_of(start, BN)
        k = tl.load(k_ptr + (start + on)[None, :] * D + od[:, None])
        qk = tl.dot(q, k)
        if CAUSAL:
            inside = om[:, None] >= (start + on[None, :])
            qk = qk * scale + tl.where(inside, 0, -1.0e6)
        else:
            qk = qk * scale
        m_ij = tl.maximum(m_i, tl.max(qk, 1))
        p = tl.math.exp2(qk - m_ij[:, None])
        alpha = tl.math.exp2(m_i - m_ij)
        l_i = l_i * alpha + tl.sum(p, 1)
        acc = acc * alpha[:, None]
        v = tl.load(v_ptr + (start + on)[:, None] * D + od[None, :])
        acc = tl.dot(p.to(tl.float16), v, acc)
        m_i = m_ij
    acc = acc / l_i[:, None]
    tl.store(o_ptr + om[:, None] * D + od[None, :], acc)
