# Tiles that a loop updates element by element stay in the registers of threads: sums along rows, with masks, in several types.
import triton
import triton.language as tl


# run: matvec | *fp32:16,*fp32:16,*fp32:16,i32,i32 | BM=4,BN=64 | 3 | r[1100],r[100],z[11],11,100 | target=1e-5
# run: matvec | *fp16:16,*fp16:16,*fp32:16,i32:16,i32:16 | BM=8,BN=128 | 2 | r[4096],r[256],z[16],16,256 | target=1e-5
# run: matvec | *bf16:16,*fp32:16,*fp32:16,i32,i32 | BM=1,BN=512 | 5 | r[2500],r[500],z[5],5,500 | target=1e-5
@triton.jit
def matvec(w_ptr, x_ptr, y_ptr, M, N, BM: tl.constexpr, BN: tl.constexpr):
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for start in range(0, N, BN):
        n = start + tl.arange(0, BN)
        w = tl.load(w_ptr + m[:, None] * N + n[None, :], mask=(m[:, None] < M) & (n[None, :] < N), other=0.0)
        acc += w.to(tl.float32) * tl.load(x_ptr + n, mask=n < N, other=0.0).to(tl.float32)[None, :]
    tl.store(y_ptr + m, tl.sum(acc, 1), mask=m < M)


# The old value is read after the new one is known, by a store in the loop.
# run: trace | *fp32,*fp32,i32 | B=256 | 1 | r[2560],z[2560],10 | target=1e-5
@triton.jit
def trace(x_ptr, y_ptr, n, B: tl.constexpr):
    i = tl.arange(0, B)
    acc = tl.zeros((B,), dtype=tl.float32)
    for k in range(n):
        new = acc * 0.5 + tl.load(x_ptr + k * B + i)
        tl.store(y_ptr + k * B + i, new - acc)
        acc = new


# Two carried tiles, of which one is read in another order: it stays in shared memory.
# run: turned | *fp32,*fp32,i32 | B=16 | 1 | r[256],z[256],3 | target=1e-5
@triton.jit
def turned(x_ptr, y_ptr, n, B: tl.constexpr):
    i = tl.arange(0, B)
    at = i[:, None] * B + i[None, :]
    a = tl.load(x_ptr + at)
    b = a * 2
    for k in range(n):
        a, b = a + tl.trans(b), b - a
    tl.store(y_ptr + at, a + b)
