# SPDX-License-Identifier: MIT
# Dots of 8-bit floats: subgroup matrices multiply them as f16.
# run: product | *fp8e4nv:16,*fp8e4nv:16,*fp32:16 | M=64,N=32,K=64 | 1 | r[4096],r[2048],z[2048] | target=1e-6
# run: product | *fp8e5:16,*fp8e5:16,*fp32:16 | M=64,N=32,K=32 | 1 | r[2048],r[1024],z[2048] | target=1e-6
# run: product | *fp8e4nv:16,*fp8e5:16,*fp32:16 | M=64,N=32,K=32 | 1 | r[2048],r[1024],z[2048] | target=1e-6
# run: stepped | *fp8e4nv:16,*fp8e4nv:16,*fp16:16,i32 | M=64,N=32,K=32 | 1 | r[6144],r[3072],z[2048],96 | target=1e-3
# run: scaled | *fp8e4nv:16,*fp8e4nv:16,*fp32:16,*fp32:16,i32 | M=64,N=32,K=32 | 1 | r[6144],r[3072],r[3],z[2048],96 | target=1e-5
import triton
import triton.language as tl


@triton.jit
def product(a_ptr, b_ptr, c_ptr, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    m, n, k = tl.arange(0, M), tl.arange(0, N), tl.arange(0, K)
    a = tl.load(a_ptr + m[:, None] * K + k[None, :])
    b = tl.load(b_ptr + k[:, None] * N + n[None, :])
    tl.store(c_ptr + m[:, None] * N + n[None, :], tl.dot(a, b))


@triton.jit
def stepped(a_ptr, b_ptr, c_ptr, depth, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    m, n, k = tl.arange(0, M), tl.arange(0, N), tl.arange(0, K)
    sums = tl.zeros((M, N), tl.float32)
    for first in range(0, depth, K):
        a = tl.load(a_ptr + m[:, None] * depth + first + k[None, :])
        b = tl.load(b_ptr + n[None, :] * depth + first + k[:, None])
        sums = tl.dot(a, b, sums)
    tl.store(c_ptr + m[:, None] * N + n[None, :], (sums / 4096).to(tl.float16))


@triton.jit
def scaled(a_ptr, b_ptr, scale_ptr, c_ptr, depth, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    m, n, k = tl.arange(0, M), tl.arange(0, N), tl.arange(0, K)
    sums = tl.zeros((M, N), tl.float32)
    for step in range(depth // K):
        a = tl.load(a_ptr + m[:, None] * depth + step * K + k[None, :])
        b = tl.load(b_ptr + n[None, :] * depth + step * K + k[:, None])
        sums += tl.dot(a, b) * tl.load(scale_ptr + step)
    tl.store(c_ptr + m[:, None] * N + n[None, :], sums)
