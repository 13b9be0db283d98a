# Operands that several dots read, as they are and transposed, inside and outside of loops.
import triton
import triton.language as tl


# run: gradients | *fp16:16,*fp16:16,*fp16:16,*fp16:16,*fp32:16,*fp32:16,i32 | M=32,N=32,D=32 | 1 | r[2048],r[1024],r[1024],r[2048],z[1024],z[1024],2 | target=2e-3
# run: gradients | *fp16:16,*fp16:16,*fp16:16,*fp16:16,*fp32:16,*fp32:16,i32 | M=32,N=64,D=64 | 1 | r[4096],r[4096],r[4096],r[4096],z[4096],z[4096],2 | target=2e-3
@triton.jit
def gradients(q_ptr, k_ptr, v_ptr, do_ptr, dk_ptr, dv_ptr, steps, M: tl.constexpr, N: tl.constexpr, D: tl.constexpr):
    n, d = tl.arange(0, N), tl.arange(0, D)
    k = tl.load(k_ptr + n[:, None] * D + d[None, :])
    v = tl.load(v_ptr + n[:, None] * D + d[None, :])
    dk = tl.zeros((N, D), tl.float32)
    dv = tl.zeros((N, D), tl.float32)
    for i in range(steps):
        m = i * M + tl.arange(0, M)
        qt = tl.load(q_ptr + m[None, :] * D + d[:, None])
        p = tl.dot(k, qt) * 0.0625
        do = tl.load(do_ptr + m[:, None] * D + d[None, :])
        dv += tl.dot(p.to(tl.float16), do)
        dp = tl.dot(v, tl.trans(do))
        dk += tl.dot((p * dp * 0.0625).to(tl.float16), tl.trans(qt))
    tl.store(dk_ptr + n[:, None] * D + d[None, :], dk)
    tl.store(dv_ptr + n[:, None] * D + d[None, :], dv)


# run: both_ways | *fp16:16,*fp16:16,*fp32:16,*fp32:16 | M=32,N=32 | 1 | r[1024],r[1024],z[1024],z[1024] | target=1e-4
@triton.jit
def both_ways(a_ptr, b_ptr, c_ptr, d_ptr, M: tl.constexpr, N: tl.constexpr):
    m, n = tl.arange(0, M), tl.arange(0, N)
    a = tl.load(a_ptr + m[:, None] * N + n[None, :])
    b = tl.load(b_ptr + n[:, None] * M + m[None, :])
    tl.store(c_ptr + m[:, None] * M + m[None, :], tl.dot(a, b))
    tl.store(d_ptr + n[:, None] * N + n[None, :], tl.dot(tl.trans(a), tl.trans(b)))


# The first operand is written between two dots that read it.
# run: overwritten | *fp16:16,*fp16:16,*fp32:16,*fp32:16,i32 | N=32 | 1 | r[1024],r[2048],z[1024],z[1024],2 | target=1e-4
@triton.jit
def overwritten(a_ptr, b_ptr, c_ptr, d_ptr, steps, N: tl.constexpr):
    i = tl.arange(0, N)
    at = i[:, None] * N + i[None, :]
    a = tl.load(a_ptr + at)
    c = tl.zeros((N, N), tl.float32)
    d = tl.zeros((N, N), tl.float32)
    for k in range(steps):
        b = tl.load(b_ptr + k * N * N + at)
        c += tl.dot(a, b)
        tl.store(a_ptr + at, b)
        d += tl.dot(tl.trans(a), b)
    tl.store(c_ptr + at, c)
    tl.store(d_ptr + at, d)
