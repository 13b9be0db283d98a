# SPDX-License-Identifier: MIT
# Causal attention, softmax(Q Kt / sqrt(D)) V in which each position attends to itself and earlier ones, without storing the scores.
import triton
import triton.language as tl


# run: flash_attention | *fp32:16,*fp32:16,*fp32:16,*fp32:16,i32,fp32 | BM=16,BN=16,D=32 | 3,2 | r[2560],r[2560],r[2560],z[2560],40,0.25 | tol=2e-6 | target=5e-6
# run: flash_attention | *fp16:16,*fp16:16,*fp16:16,*fp16:16,i32,fp32 | BM=16,BN=16,D=32 | 3,2 | r[2560],r[2560],r[2560],z[2560],40,0.25 | tol=1e-3 | target=1e-3
@triton.jit
def flash_attention(q_ptr, k_ptr, v_ptr, out_ptr, length, scale, BM: tl.constexpr, BN: tl.constexpr, D: tl.constexpr):
    # One program computes BM rows of one head; heads (of all sequences) are axis 1 of the grid. Arrays are [head, position, D].
    head = tl.program_id(1).to(tl.int64) * length * D
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.arange(0, BN)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + head + m[:, None] * D + d[None, :], mask=m[:, None] < length, other=0.0)

    # Online softmax over BN columns at a time: when the maximum grows, the sums so far are scaled by `fade`.
    maximum = tl.full([BM], -float("inf"), tl.float32)
    total = tl.zeros([BM], tl.float32)
    out = tl.zeros([BM, D], tl.float32)
    scale *= 1.4426950408889634  # log2(e): exp2 is cheaper than exp
    # Causal: columns beyond the last row of this program contribute nothing.
    end = tl.minimum((tl.program_id(0) + 1) * BM, length)
    for start in range(0, end, BN):
        columns = start + n
        k = tl.load(k_ptr + head + columns[None, :] * D + d[:, None], mask=columns[None, :] < length, other=0.0)
        scores = tl.dot(q, k, input_precision="ieee") * scale
        scores = tl.where(m[:, None] >= columns[None, :], scores, -float("inf"))
        new_maximum = tl.maximum(maximum, tl.max(scores, axis=1))
        fade = tl.exp2(maximum - new_maximum)
        p = tl.exp2(scores - new_maximum[:, None])
        total = total * fade + tl.sum(p, axis=1)
        v = tl.load(v_ptr + head + columns[:, None] * D + d[None, :], mask=columns[:, None] < length, other=0.0)
        out = tl.dot(p.to(v.dtype), v, out * fade[:, None], input_precision="ieee")
        maximum = new_maximum
    out = out / total[:, None]
    tl.store(out_ptr + head + m[:, None] * D + d[None, :], out.to(out_ptr.dtype.element_ty), mask=m[:, None] < length)
