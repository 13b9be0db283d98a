# SPDX-License-Identifier: MIT
# Values of a product's rows: those that each thread can keep, and those that others need.
import triton
import triton.language as tl


# Maxima and sums of rows along a loop, stored at the end and on the way.
# run: running | *fp16:16,*fp16:16,*fp32:16,*fp32:16,*fp32:16,i32 | M=64,N=32,D=32 | 1 | r[2048],r[3072],z[64],z[64],z[192],61 | tol=2e-3 | target=2e-3
# run: running | *fp32:16,*fp32:16,*fp32:16,*fp32:16,*fp32:16,i32 | M=32,N=64,D=16 | 1 | r[512],r[3072],z[32],z[32],z[96],32 | tol=2e-5 | target=2e-5
# run: running | *fp16:16,*fp16:16,*fp32:16,*fp32:16,*fp32:16,i32 | M=128,N=16,D=16 | 1 | r[2048],r[768],z[128],z[128],z[384],128 | tol=2e-3 | target=2e-3
@triton.jit
def running(q_ptr, k_ptr, maximum_ptr, total_ptr, each_ptr, count, M: tl.constexpr, N: tl.constexpr, D: tl.constexpr):
    m, n, d = tl.arange(0, M), tl.arange(0, N), tl.arange(0, D)
    q = tl.load(q_ptr + m[:, None] * D + d[None, :])
    maximum = tl.full((M,), -float("inf"), tl.float32)
    total = tl.zeros((M,), tl.float32)
    for step in range(3):
        k = tl.load(k_ptr + (step * N + n[None, :]) * D + d[:, None])
        scores = tl.dot(q, k, input_precision="ieee")
        new = tl.maximum(maximum, tl.max(scores, 1))
        total = total * tl.exp(maximum - new) + tl.sum(tl.exp(scores - new[:, None]), 1)
        maximum = new
        tl.store(each_ptr + step * M + m, maximum * 2, mask=m < count)
    tl.store(maximum_ptr + m, maximum)
    tl.store(total_ptr + m, tl.log(total) + maximum, mask=m < count)


# What is carried changes places; the largest of a row and where it is; a value that only some iterations change.
# run: exchanged | *fp16:16,*fp16:16,*fp32:16,*i32:16 | RARE=False,M=32,N=32,D=16 | 1 | r[512],r[2048],z[128],z[32] | tol=2e-3 | target=2e-3
# run: exchanged | *fp16:16,*fp16:16,*fp32:16,*i32:16 | RARE=True,M=32,N=32,D=16 | 1 | r[512],r[2048],z[128],z[32] | tol=2e-3 | target=2e-3
@triton.jit
def exchanged(q_ptr, k_ptr, out_ptr, at_ptr, RARE: tl.constexpr, M: tl.constexpr, N: tl.constexpr, D: tl.constexpr):
    m, n, d = tl.arange(0, M), tl.arange(0, N), tl.arange(0, D)
    q = tl.load(q_ptr + m[:, None] * D + d[None, :])
    one = tl.full((M,), 1.0, tl.float32)
    two = tl.full((M,), 2.0, tl.float32)
    best = tl.full((M,), -float("inf"), tl.float32)
    where = tl.zeros((M,), tl.int32)
    rare = tl.zeros((M,), tl.float32)
    for step in range(4):
        k = tl.load(k_ptr + (step * N + n[None, :]) * D + d[:, None])
        scores = tl.dot(q, k) + one[:, None] * 0.25
        largest, index = tl.max(scores, 1, return_indices=True)
        where = tl.where(largest > best, index + step * N, where)
        best = tl.maximum(best, largest)
        one, two = two, largest
        if RARE:
            if step % 2 == 1:
                rare += tl.min(scores, 1)
        else:
            rare = tl.sum(scores, 1) - rare
    tl.store(out_ptr + m, one)
    tl.store(out_ptr + M + m, two)
    tl.store(out_ptr + 2 * M + m, best)
    tl.store(out_ptr + 3 * M + m, rare)
    tl.store(at_ptr + m, where)


# Row values that columns, other shapes and single numbers need as well.
# run: shared | *fp16:16,*fp16:16,*fp32:16 | M=32,N=32 | 1 | r[1024],r[1024],z[1280] | tol=2e-3 | target=2e-3
# run: shared | *fp32:16,*fp32:16,*fp32:16 | M=32,N=32 | 1 | r[1024],r[1024],z[1280] | tol=2e-5 | target=2e-5
@triton.jit
def shared(a_ptr, b_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr):
    m, n = tl.arange(0, M), tl.arange(0, N)
    here = m[:, None] * N + n[None, :]
    a = tl.load(a_ptr + here)
    b = tl.load(b_ptr + here)
    sum = tl.zeros((M,), tl.float32)
    other = tl.zeros((M,), tl.float32)
    for step in range(2):
        product = tl.dot(a, b, input_precision="ieee") * (step + 1)
        sum += tl.sum(product, 1)
        other += tl.sum(product, 0)
        turned = product * tl.max(product, 1)[None, :] + sum[None, :] - other[:, None]
        tl.store(out_ptr + here, turned + tl.sum(sum) + tl.max(other))
    tl.store(out_ptr + M * N + m, sum)
    tl.store(out_ptr + M * N + M + m, tl.flip(sum, 0))
    tl.store(out_ptr + M * N + 2 * M + m, tl.cumsum(sum, 0))
    tl.store(out_ptr + M * N + 3 * M + m, tl.gather(sum, (m * 7) % M, 0))
