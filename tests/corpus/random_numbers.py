# SPDX-License-Identifier: MIT
# Random numbers have Triton's bit patterns.
import triton
import triton.language as tl


# run: dropout | *fp32,*fp32,i32,fp32,i32 | BLOCK=64 | 2 | r[128],z[128],100,0.3,1234
@triton.jit
def dropout(x_ptr, out_ptr, n, p, seed, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask)
    keep = tl.rand(seed, i) > p
    tl.store(out_ptr + i, tl.where(keep, x / (1 - p), 0.0), mask=mask)


# run: integers | *i32,i64 | N=32 | 1 | z[160],987654321987
@triton.jit
def integers(out_ptr, seed, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(out_ptr + i, tl.randint(seed, i))
    a, b, c, d = tl.randint4x(seed, i, 7)
    tl.store(out_ptr + N + i, a)
    tl.store(out_ptr + 2 * N + i, b)
    tl.store(out_ptr + 3 * N + i, c)
    tl.store(out_ptr + 4 * N + i, d)


# run: wide_offsets | *fp32,i32 | N=32 | 1 | z[32],5
@triton.jit
def wide_offsets(out_ptr, seed, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(out_ptr + i, tl.rand(seed, i.to(tl.int64) * 10000000000))


# run: normals | *fp32,i32 | N=32 | 1 | z[160],77 | target=2e-7
@triton.jit
def normals(out_ptr, seed, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(out_ptr + i, tl.randn(seed, i))
    a, b, c, d = tl.randn4x(seed, i)
    tl.store(out_ptr + N + i, a)
    tl.store(out_ptr + 2 * N + i, b)
    tl.store(out_ptr + 3 * N + i, c)
    tl.store(out_ptr + 4 * N + i, d)


# run: uniform4 | *fp32,i32 | N=16 | 1 | z[64],9
@triton.jit
def uniform4(out_ptr, seed, N: tl.constexpr):
    i = tl.arange(0, N)
    a, b, c, d = tl.rand4x(seed, i)
    tl.store(out_ptr + i, a)
    tl.store(out_ptr + N + i, b)
    tl.store(out_ptr + 2 * N + i, c)
    tl.store(out_ptr + 3 * N + i, d)
