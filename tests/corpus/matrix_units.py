# SPDX-License-Identifier: MIT
# Products of f16 as matrix units take them: loops that read ahead, operands that lie column by column, rows that are reduced, sums that begin with something.
import triton
import triton.language as tl


# No iteration, one, and a number that the block does not divide; elements that masks keep out are not zero.
# run: stepped | *fp16:16,*fp16:16,*fp32:16,i32 | BM=32,BN=64,BK=32 | 1 | r[4096],r[8192],z[2048],0 | tol=1e-5 | target=1e-5
# run: stepped | *fp16:16,*fp16:16,*fp32:16,i32 | BM=32,BN=64,BK=32 | 1 | r[4096],r[8192],z[2048],24 | tol=1e-5 | target=1e-5
# run: stepped | *fp16:16,*fp16:16,*fp32:16,i32:16 | BM=32,BN=64,BK=32 | 1 | r[4096],r[8192],z[2048],112 | tol=1e-4 | target=1e-5
# run: stepped | *fp16,*fp16,*fp32,i32 | BM=64,BN=32,BK=16 | 1 | r[8192],r[4096],z[2048],100 | tol=1e-4 | target=1e-5
@triton.jit
def stepped(a, b, out, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    m = tl.arange(0, BM)[:, None]
    n = tl.arange(0, BN)[None, :]
    k = tl.arange(0, BK)
    a += m * 128 + k[None, :]
    b += k[:, None] * BN + n
    sum = tl.zeros((BM, BN), tl.float32)
    for start in range(0, K, BK):
        x = tl.load(a, mask=start + k[None, :] < K, other=0.5)
        y = tl.load(b, mask=start + k[:, None] < K, other=0.25)
        sum = tl.dot(x, y, sum)
        a += BK
        b += BK * BN
    tl.store(out + m * BN + n, sum)


# Both operands lie column by column; the sums begin with an argument's, and are read in the loop.
# run: columns | *fp16:16,*fp16:16,*fp32:16 | N=32,STEPS=3 | 1 | r[3072],r[3072],r[1024] | tol=1e-4 | target=1e-5
# run: columns | *fp16:16,*fp16:16,*fp32:16 | N=64,STEPS=2 | 1 | r[8192],r[8192],r[4096] | tol=1e-4 | target=1e-5
@triton.jit
def columns(a, b, out, N: tl.constexpr, STEPS: tl.constexpr):
    i = tl.arange(0, N)
    here = i[:, None] * N + i[None, :]
    sum = tl.load(out + here)
    for step in range(STEPS):
        x = tl.load(a + step * N * N + here)
        y = tl.load(b + step * N * N + here)
        sum = tl.dot(x.trans(), tl.trans(y), sum * 0.5)
    tl.store(out + here, sum)


# Rows are reduced; what goes to the second product is computed, and used elsewhere too.
# run: rows | *fp16:16,*fp16:16,*fp32:16,*fp16:16 | M=64,N=32,D=64 | 1 | r[4096],r[4096],z[4096],z[2048] | tol=2e-3 | target=2e-3
# run: rows | *fp16:16,*fp16:16,*fp32:16,*fp16:16 | M=16,N=64,D=16 | 1 | r[256],r[2048],z[256],z[1024] | tol=2e-3 | target=2e-3
# run: rows | *fp16:16,*fp16:16,*fp32:16,*fp16:16 | M=128,N=32,D=32 | 1 | r[4096],r[2048],z[4096],z[4096] | tol=2e-3 | target=2e-3
@triton.jit
def rows(q_ptr, k_ptr, out, p_out, M: tl.constexpr, N: tl.constexpr, D: tl.constexpr):
    m, n, d = tl.arange(0, M), tl.arange(0, N), tl.arange(0, D)
    q = tl.load(q_ptr + m[:, None] * D + d[None, :])
    sum = tl.zeros((M, D), tl.float32)
    total = tl.zeros((M,), tl.float32)
    for start in range(0, 2 * N, N):
        k = tl.load(k_ptr + (start + n[None, :]) * D + d[:, None], mask=start + n[None, :] < 2 * N - 3, other=0.0)
        scores = tl.dot(q, k) * 0.125
        p = tl.exp(scores - tl.max(scores, 1)[:, None])
        total += tl.sum(p, 1)
        v = tl.load(k_ptr + (start + n[:, None]) * D + d[None, :])
        half = p.to(tl.float16)
        tl.store(p_out + m[:, None] * N + n[None, :], half)
        sum = tl.dot(half, v, sum * 0.75)
    tl.store(out + m[:, None] * D + d[None, :], sum / total[:, None])


# The loop writes what it reads: nothing may be read ahead.
# run: chained | *fp16:16,*fp16:16 | N=32 | 1 | r[1024],r[1024] | tol=2e-3 | target=2e-3
@triton.jit
def chained(a, b, N: tl.constexpr):
    i = tl.arange(0, N)
    here = i[:, None] * N + i[None, :]
    for step in range(3):
        x = tl.load(a + here)
        y = tl.load(b + here)
        tl.store(a + here, (tl.dot(x, y) * 0.125).to(tl.float16))


# Bytes, with sums of 32 bits: as they lie in memory, transposed, masked, and computed.
# run: bytes | *i8:16,*i8:16,*i32:16 | M=64,N=64,K=64 | 2 | r[16384],r[16384],z[8192]
# run: bytes | *i8:16,*i8:16,*i32:16 | M=32,N=128,K=32 | 2 | r[4096],r[16384],z[8192]
# run: bytes | *i8:16,*i8:16,*i32:16 | M=16,N=16,K=32 | 2 | r[2048],r[2048],z[512]
@triton.jit
def bytes(a_ptr, b_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    m, n, k = tl.program_id(0) * M + tl.arange(0, M), tl.arange(0, N), tl.arange(0, K)
    sum = tl.full((M, N), 7, tl.int32)
    for start in range(0, 2 * K, K):
        a = tl.load(a_ptr + m[:, None] * 2 * K + (start + k)[None, :])
        b = tl.load(b_ptr + (start + k)[:, None] * N + n[None, :], mask=(start + k)[:, None] < 2 * K - 5, other=0)
        sum = tl.dot(a, b, sum, out_dtype=tl.int32)
    tl.store(out_ptr + m[:, None] * N + n[None, :], sum)


# run: quantised | *fp32:16,*i8:16,*fp32:16,*fp32:16 | M=32,N=64,K=64 | 1 | r[2048],r[4096],r[64],z[2048] | tol=1e-5 | target=1e-5
# run: quantised | *fp32:16,*i8,*fp32:16,*fp32:16 | M=32,N=64,K=64 | 1 | r[2048],r[4096],r[64],z[2048] | tol=1e-5 | target=1e-5
@triton.jit
def quantised(x_ptr, w_ptr, scale_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    m, n, k = tl.arange(0, M), tl.arange(0, N), tl.arange(0, K)
    x = tl.load(x_ptr + m[:, None] * K + k[None, :])
    largest = tl.max(tl.abs(x), 1)
    q = (x * (126.5 / largest)[:, None]).to(tl.int8)
    w = tl.load(w_ptr + n[None, :] * K + k[:, None])
    product = tl.dot(q, w, out_dtype=tl.int32)
    tl.store(out_ptr + m[:, None] * N + n[None, :], product.to(tl.float32) * (largest / 126.5)[:, None] * tl.load(scale_ptr + n)[None, :])
