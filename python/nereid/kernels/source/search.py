# SPDX-License-Identifier: MIT
# Exact search: the vectors with the largest dot products with a query, in one pass over the vectors.
import triton
import triton.language as tl


# run: search_int8 | *i8:16,*fp32,*i8:16,*fp32,*u8,*fp32,*i32,i32,i32 | K=4,BN=32,D=64 | 4 | r[50],r[1],r[5000],r[100]:0.5:1.5,r[100]:0:2,z[16],z[16],100,50 | tol=1e-6 | target=1e-6
# run: search_int8 | *i8:16,*fp32,*i8:16,*fp32,*fp32,*i32,i32,i32 | mask_ptr=None,K=4,BN=32,D=64 | 4 | r[50],r[1],r[5000],r[100]:0.5:1.5,z[16],z[16],100,50 | tol=1e-6 | target=1e-6
@triton.jit
def search_int8(q_ptr, q_scale_ptr, v_ptr, scale_ptr, mask_ptr, values_ptr, indices_ptr, vectors, depth, K: tl.constexpr, BN: tl.constexpr, D: tl.constexpr):
    # Each program has BN vectors of at most D int8 numbers, and finds its K best, largest first. The sums are exact: two products of int8 fit into int16
    # together, since the query has numbers from -127 to 127. Each vector has a scale. Vectors whose mask is 0 do not count, unless `mask_ptr` is None;
    # -infinity fills the rest.
    block = tl.program_id(0)
    n = block * BN + tl.arange(0, BN)
    d = tl.arange(0, D // 2)
    inside = n < vectors
    half = (depth + 1) // 2
    first, second = d < half, d < depth - half
    rows = v_ptr + n.to(tl.int64)[:, None] * depth + d[None, :]
    q = tl.load(q_ptr + d, mask=first, other=0).to(tl.int16)
    q_rest = tl.load(q_ptr + half + d, mask=second, other=0).to(tl.int16)
    v = tl.load(rows, mask=inside[:, None] & first[None, :], other=0).to(tl.int16)
    v_rest = tl.load(rows + half, mask=inside[:, None] & second[None, :], other=0).to(tl.int16)
    sums = tl.sum((q[None, :] * v + q_rest[None, :] * v_rest).to(tl.int32), axis=1)
    scores = sums.to(tl.float32) * (tl.load(scale_ptr + n, mask=inside, other=0.0) * tl.load(q_scale_ptr))
    counts = inside
    if mask_ptr is not None:
        counts = inside & (tl.load(mask_ptr + n, mask=inside, other=0) != 0)
    scores = tl.where(counts, scores, -float("inf"))
    i = tl.arange(0, BN)
    for k in range(K):
        best, at = tl.max(scores, axis=0, return_indices=True)
        tl.store(values_ptr + block * K + k, best)
        tl.store(indices_ptr + block * K + k, block * BN + at)
        scores = tl.where(i == at, -float("inf"), scores)


# run: rescore | *fp32:16,*fp16:16,*fp32,*i32,*fp32,i32,i32 | D=64 | 6 | r[50],r[5000],r[6],r[6]:0:110,z[6],100,50 | tol=1e-5 | target=2e-6
@triton.jit
def rescore(q_ptr, v_ptr, values_ptr, indices_ptr, out_ptr, vectors, depth, D: tl.constexpr):
    # The dot product of the query and each vector that was found; -infinity stays.
    k = tl.program_id(0)
    d = tl.arange(0, D)
    at = tl.load(indices_ptr + k)
    exists = (at >= 0) & (at < vectors) & (tl.load(values_ptr + k) > -float("inf"))
    q = tl.load(q_ptr + d, mask=d < depth, other=0.0)
    v = tl.load(v_ptr + at.to(tl.int64) * depth + d, mask=exists & (d < depth), other=0.0).to(tl.float32)
    tl.store(out_ptr + k, tl.where(exists, tl.sum(q * v, axis=0), -float("inf")))
