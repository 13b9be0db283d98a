# SPDX-License-Identifier: MIT
# Similarities or distances of each query to each vector.
import triton
import triton.language as tl


# run: distances | *fp32:16,*fp32:16,*fp32:16,i32,i32,i32 | METRIC='dot',BM=16,BN=32,BK=16 | 2,2 | r[1080],r[1800],z[1500],30,50,36 | tol=1e-5 | target=2e-6
# run: distances | *fp32:16,*fp16:16,*fp32:16,i32,i32,i32 | METRIC='cosine',BM=16,BN=32,BK=16 | 2,2 | r[1080],r[1800],z[1500],30,50,36 | tol=1e-5 | target=2e-6
# run: distances | *fp32:16,*fp32:16,*fp32:16,i32,i32,i32 | METRIC='l2',BM=16,BN=32,BK=16 | 2,2 | r[1080],r[1800],z[1500],30,50,36 | tol=1e-5 | target=2e-6
@triton.jit
def distances(q_ptr, v_ptr, out_ptr, queries, vectors, depth, METRIC: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    # "dot": the dot product. "cosine": the same of vectors scaled to length 1; 0 if one is zero. "l2": the squared distance.
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    k = tl.arange(0, BK)
    sum = tl.zeros((BM, BN), tl.float32)
    q_squares = tl.zeros((BM, ), tl.float32)
    v_squares = tl.zeros((BN, ), tl.float32)
    for start in range(0, depth, BK):
        q = tl.load(q_ptr + m[:, None] * depth + (start + k)[None, :], mask=(m[:, None] < queries) & ((start + k)[None, :] < depth), other=0.0).to(tl.float32)
        v = tl.load(v_ptr + n[None, :] * depth + (start + k)[:, None], mask=(n[None, :] < vectors) & ((start + k)[:, None] < depth), other=0.0).to(tl.float32)
        sum = tl.dot(q, v, sum, input_precision="ieee")
        if METRIC != "dot":
            q_squares += tl.sum(q * q, axis=1)
            v_squares += tl.sum(v * v, axis=0)
    if METRIC == "l2":
        out = tl.maximum(q_squares[:, None] + v_squares[None, :] - 2.0 * sum, 0.0)
    elif METRIC == "cosine":
        lengths = tl.sqrt(q_squares)[:, None] * tl.sqrt(v_squares)[None, :]
        out = tl.where(lengths > 0, sum / lengths, 0.0)
    else:
        tl.static_assert(METRIC == "dot", "unknown metric")
        out = sum
    tl.store(out_ptr + m[:, None] * vectors + n[None, :], out, mask=(m[:, None] < queries) & (n[None, :] < vectors))


# run: distances_int8 | *i8:16,*fp32,*i8:16,*fp32,*fp32:16,i32,i32,i32 | BM=16,BN=16,BK=32 | 2,4 | r[1080],r[30],r[1800],r[50],z[1500],30,50,36 | tol=1e-6 | target=1e-6 | size=34000
@triton.jit
def distances_int8(q_ptr, q_scale_ptr, v_ptr, v_scale_ptr, out_ptr, queries, vectors, depth, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    # The dot product of quantized vectors: the sums are exact in int32, then scaled.
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    k = tl.arange(0, BK)
    sum = tl.zeros((BM, BN), tl.int32)
    for start in range(0, depth, BK):
        q = tl.load(q_ptr + m[:, None] * depth + (start + k)[None, :], mask=(m[:, None] < queries) & ((start + k)[None, :] < depth), other=0)
        v = tl.load(v_ptr + n[None, :] * depth + (start + k)[:, None], mask=(n[None, :] < vectors) & ((start + k)[:, None] < depth), other=0)
        sum = tl.dot(q, v, sum, out_dtype=tl.int32)
    q_scale = tl.load(q_scale_ptr + m, mask=m < queries, other=0.0)
    v_scale = tl.load(v_scale_ptr + n, mask=n < vectors, other=0.0)
    out = sum.to(tl.float32) * q_scale[:, None] * v_scale[None, :]
    tl.store(out_ptr + m[:, None] * vectors + n[None, :], out, mask=(m[:, None] < queries) & (n[None, :] < vectors))
