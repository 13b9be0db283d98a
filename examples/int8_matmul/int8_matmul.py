# SPDX-License-Identifier: MIT
# A product of quantised matrices: int8 times int8 summed exactly in int32, then one scale for each row of A and each column of B.
import triton
import triton.language as tl


# run: int8_matmul | *i8:16,*i8:16,*fp32,*fp32,*fp32:16,i32,i32,i32 | BM=16,BN=32,BK=32 | 2,2 | r[1080],r[1800],r[30],r[50],z[1500],30,50,36
@triton.jit
def int8_matmul(a_ptr, b_ptr, a_scale_ptr, b_scale_ptr, c_ptr, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    k = tl.arange(0, BK)
    sum = tl.zeros((BM, BN), dtype=tl.int32)
    for start in range(0, K, BK):
        a = tl.load(a_ptr + m[:, None] * K + (start + k)[None, :], mask=(m[:, None] < M) & ((start + k)[None, :] < K), other=0)
        b = tl.load(b_ptr + (start + k)[:, None] * N + n[None, :], mask=((start + k)[:, None] < K) & (n[None, :] < N), other=0)
        sum = tl.dot(a, b, sum, out_dtype=tl.int32)
    a_scale = tl.load(a_scale_ptr + m, mask=m < M)
    b_scale = tl.load(b_scale_ptr + n, mask=n < N)
    c = sum.to(tl.float32) * a_scale[:, None] * b_scale[None, :]
    tl.store(c_ptr + m[:, None] * N + n[None, :], c, mask=(m[:, None] < M) & (n[None, :] < N))
