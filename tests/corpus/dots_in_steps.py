# Dots whose operands do not fit in the shared memory of a workgroup are computed in steps along K.
import triton
import triton.language as tl


# run: product | *fp32:16,*fp32:16,*fp32:16,i32 | M=64,N=64,BK=64 | 1 | r[8192],r[8192],z[4096],128 | target=1e-4
# run: product | *bf16:16,*bf16:16,*fp32:16,i32 | M=32,N=64,BK=128 | 1 | r[4096],r[8192],z[2048],128 | target=1e-4
# run: product | *fp16:16,*fp16:16,*fp32:16,i32 | M=32,N=32,BK=128 | 1 | r[4096],r[4096],z[1024],128 | target=1e-4
# run: product | *i8:16,*i8:16,*i32:16,i32 | M=32,N=32,BK=128 | 1 | i[4096],i[4096],i[1024],128 | target=0
@triton.jit
def product(a_ptr, b_ptr, c_ptr, K, M: tl.constexpr, N: tl.constexpr, BK: tl.constexpr):
    m, n, k = tl.arange(0, M), tl.arange(0, N), tl.arange(0, BK)
    acc = tl.zeros((M, N), dtype=c_ptr.dtype.element_ty)
    for start in range(0, K, BK):
        a = tl.load(a_ptr + m[:, None] * K + start + k[None, :])
        b = tl.load(b_ptr + (start + k[:, None]) * N + n[None, :])
        acc = tl.dot(a, b, acc, input_precision="ieee", out_dtype=c_ptr.dtype.element_ty)
    tl.store(c_ptr + m[:, None] * N + n[None, :], acc)


# The accumulators are read in the loop; the right operand is transposed; the dot is batched.
# run: scaled | *fp32:16,*fp32:16,*fp32:16 | B=2,M=32,N=32,K=64,STEPS=2 | 1 | r[4096],r[4096],z[2048] | target=1e-4
@triton.jit
def scaled(a_ptr, b_ptr, c_ptr, B: tl.constexpr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr, STEPS: tl.constexpr):
    b, m, n, k = tl.arange(0, B)[:, None, None], tl.arange(0, M), tl.arange(0, N), tl.arange(0, K)
    acc = tl.zeros((B, M, N), dtype=tl.float32)
    for _ in range(STEPS):
        x = tl.load(a_ptr + b * (M * K) + m[None, :, None] * K + k[None, None, :])
        y = tl.load(b_ptr + b * (N * K) + n[None, :, None] * K + k[None, None, :])
        acc = tl.dot(x * 2.0, tl.permute(y, (0, 2, 1)), acc * 0.5, input_precision="ieee")
    tl.store(c_ptr + b * (M * N) + m[None, :, None] * N + n[None, None, :], acc)
