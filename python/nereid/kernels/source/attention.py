# SPDX-License-Identifier: MIT
# Attention, softmax(scale * Q Kt) V, without storing the scores.
import triton
import triton.language as tl


# run: attention | *fp32:16,*fp32:16,*fp32:16,*i32,*fp32:16,i32,i32,i32,i32,i32,i32,i32,fp32 | CAUSAL=False,BM=16,BN=16,D=16 | 3,4 | r[2880],r[2880],r[2880],r[2]:20:60,z[2880],45,45,2,32,32,32,32,0.25 | tol=3e-6 | target=5e-6
# run: attention | *fp16:16,*fp16:16,*fp16:16,*fp16:16,i32,i32,i32,i32,i32,i32,i32,fp32 | lengths_ptr=None,CAUSAL=True,BM=16,BN=16,D=16 | 3,4 | r[2880],r[2880],r[2880],z[2880],45,45,2,32,32,32,32,0.25 | tol=1e-3 | target=1e-3
# run: attention | *fp16:16,*fp16:16,*fp16:16,*i32:16,*fp16:16,i32,i32,i32,i32,i32,i32,i32,fp32 | CAUSAL=False,BM=32,BN=32,D=32 | 1,4 | r[4096],r[4096],r[4096],r[2]:20:32,z[4096],32,32,2,64,64,64,64,0.25 | tol=1e-3 | target=1e-3
@triton.jit
def attention(q_ptr, k_ptr, v_ptr, lengths_ptr, out_ptr, queries, keys, heads, q_stride, k_stride, v_stride, out_stride, scale,  #
              CAUSAL: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, D: tl.constexpr):
    # Position p of sequence b is row b * queries + p (of keys and values, b * keys + p) of its array; a row has D numbers for each head, and
    # strides are the numbers from one row to the next. So Q, K and V may be parts of one array. Only the first lengths[b] keys of sequence b
    # count, unless `lengths_ptr` is None; a sequence of length 0 gives zeros.
    # With CAUSAL a query attends to keys up to its own position, where the last query is at the last key.
    sequence = tl.program_id(1) // heads
    head = tl.program_id(1) % heads * D
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.arange(0, BN)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + head + (sequence * queries + m)[:, None] * q_stride + d[None, :], mask=m[:, None] < queries, other=0.0)
    k_ptr += sequence * keys * k_stride + head
    v_ptr += sequence * keys * v_stride + head
    end = keys
    if lengths_ptr is not None:
        end = tl.minimum(tl.load(lengths_ptr + sequence), keys)
    past = keys - queries  # keys before the first query
    last = end
    if CAUSAL:
        last = tl.minimum(end, (tl.program_id(0) + 1) * BM + past)

    # Online softmax over BN keys at a time: when the maximum grows, the sums so far are scaled by `fade`.
    maximum = tl.full([BM], -float("inf"), tl.float32)
    total = tl.zeros([BM], tl.float32)
    out = tl.zeros([BM, D], tl.float32)
    scale *= 1.4426950408889634  # log2(e): exp2 is cheaper than exp
    for start in range(0, last, BN):
        columns = start + n
        k = tl.load(k_ptr + columns[None, :] * k_stride + d[:, None], mask=columns[None, :] < end, other=0.0)
        scores = tl.dot(q, k, input_precision="ieee") * scale
        if CAUSAL:
            scores = tl.where((columns[None, :] < end) & (columns[None, :] <= m[:, None] + past), scores, -float("inf"))
        else:
            scores = tl.where(columns[None, :] < end, scores, -float("inf"))
        larger = tl.maximum(maximum, tl.max(scores, axis=1))
        fade = tl.exp2(maximum - larger)
        p = tl.exp2(scores - larger[:, None])
        total = total * fade + tl.sum(p, axis=1)
        v = tl.load(v_ptr + columns[:, None] * v_stride + d[None, :], mask=columns[:, None] < end, other=0.0)
        out = tl.dot(p.to(v.dtype), v, out * fade[:, None], input_precision="ieee")
        maximum = larger
    out = tl.where(total[:, None] > 0, out / total[:, None], 0.0)
    tl.store(out_ptr + head + (sequence * queries + m)[:, None] * out_stride + d[None, :], out.to(out_ptr.dtype.element_ty), mask=m[:, None] < queries)
