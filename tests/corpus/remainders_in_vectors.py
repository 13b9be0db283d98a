# Indices modulo and divided by a size: neighbouring elements stay neighbours where the size is a multiple of a vector, and nowhere else.
import triton
import triton.language as tl


# run: bias | *fp32:16,*fp32:16,*fp32:16,i32,i32:16 | B=128 | 7 | r[800],r[48],z[800],800,48 | target=0
# run: bias | *fp32,*fp32,*fp32,i32,i32 | B=128 | 7 | r[800],r[50],z[800],800,50 | target=0
# run: bias | *fp16:16,*fp16:16,*fp16:16,i32,i32:16 | B=256 | 4 | r[800],r[16],z[800],800,16 | target=0
@triton.jit
def bias(x_ptr, b_ptr, y_ptr, n, columns, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    mask = i < n
    tl.store(y_ptr + i, tl.load(x_ptr + i, mask=mask) + tl.load(b_ptr + i % columns, mask=mask), mask=mask)


# Groups of eight share a word, groups of G a scale. Quotients of negative numbers round towards zero.
# run: packed | *i32:16,*fp32:16,*fp32:16,i32:16 | G=32,B=64 | 1 | i[32],r[8],z[256],256 | target=0
# run: packed | *i32:16,*fp32:16,*fp32:16,i32:16 | G=8,B=128 | 1 | i[32],r[32],z[256],256 | target=0
@triton.jit
def packed(w_ptr, s_ptr, y_ptr, n, G: tl.constexpr, B: tl.constexpr):
    for start in range(0, n, B):
        i = start + tl.arange(0, B)
        w = (tl.load(w_ptr + i // 8) >> (i % 8 * 4)) & 15
        tl.store(y_ptr + i, w.to(tl.float32) * tl.load(s_ptr + i // G))


# All lanes share one of the first numbers, and groups of lanes one of the second.
# run: two_groups | *i64,*fp16,*fp32,i32 | G=16,H=8,B=16 | 1 | r[2]:-9:9,r[8],z[1],32 | target=1e-5
# run: two_groups | *i32,*fp32,*fp32,i32 | G=64,H=8,B=64 | 1 | r[4]:-9:9,r[32],z[1],250 | target=1e-5
@triton.jit
def two_groups(z_ptr, s_ptr, y_ptr, n, G: tl.constexpr, H: tl.constexpr, B: tl.constexpr):
    acc = 0.0
    for start in range(0, n, B):
        i = start + tl.arange(0, B)
        zero = tl.load(z_ptr + i // G, mask=i < n, other=0)
        acc += tl.sum((i % G - zero).to(tl.float32) * tl.load(s_ptr + i // H).to(tl.float32))
    tl.store(y_ptr, acc)


# run: negative | *fp32:16,*fp32:16 | B=64 | 1 | r[64],z[64] | target=0
@triton.jit
def negative(x_ptr, y_ptr, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(y_ptr + i, tl.load(x_ptr + 32 + (i - 32) // 16) + tl.load(x_ptr + 32 + (i - 32) % 16))


# The rows and columns of a product wrap around, as in Triton's tutorial.
# run: wrapped | *fp32:16,*fp32:16,*fp32:16,i32:16,i32:16,i32 | BM=32,BN=32,BK=16 | 2,2 | r[1680],r[1680],z[2304],48,48,35 | target=1e-5
# run: wrapped | *fp16:16,*fp16:16,*fp32:16,i32,i32,i32 | BM=32,BN=32,BK=32 | 2,2 | r[1650],r[1550],z[1023],33,31,50 | target=1e-3
@triton.jit
def wrapped(a_ptr, b_ptr, c_ptr, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    m = (tl.program_id(0) * BM + tl.arange(0, BM)) % M
    n = (tl.program_id(1) * BN + tl.arange(0, BN)) % N
    k = tl.arange(0, BK)
    a_ptrs = a_ptr + m[:, None] * K + k[None, :]
    b_ptrs = b_ptr + k[:, None] * N + n[None, :]
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for step in range(0, tl.cdiv(K, BK)):
        a = tl.load(a_ptrs, mask=k[None, :] < K - step * BK, other=0.0)
        b = tl.load(b_ptrs, mask=k[:, None] < K - step * BK, other=0.0)
        acc = tl.dot(a, b, acc, input_precision="ieee")
        a_ptrs += BK
        b_ptrs += BK * N
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    tl.store(c_ptr + m[:, None] * N + n[None, :], acc, mask=(m[:, None] < M) & (n[None, :] < N))
