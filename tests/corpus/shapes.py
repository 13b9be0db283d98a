# SPDX-License-Identifier: MIT
# Shapes: broadcasting, reshaping, permuting, joining.
import triton
import triton.language as tl


# run: outer | *fp32,*fp32,*fp32 | M=8,N=16 | 1 | r[8],r[16],z[128]
@triton.jit
def outer(x_ptr, y_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr):
    i = tl.arange(0, M)
    j = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    y = tl.load(y_ptr + j)
    tl.store(out_ptr + i[:, None] * N + j[None, :], x[:, None] * y)


# run: permutes | *fp32,*fp32 | | 1 | r[64],z[256]
@triton.jit
def permutes(x_ptr, out_ptr):
    i = tl.arange(0, 64)
    x = tl.load(x_ptr + i)
    a = tl.reshape(x, (4, 16))
    tl.store(out_ptr + i, tl.reshape(tl.trans(a), 64))
    b = x.reshape(4, 2, 8)
    tl.store(out_ptr + 64 + i, b.permute(2, 0, 1).reshape([64]))
    tl.store(out_ptr + 128 + i, tl.ravel(tl.trans(b, 1, 0, 2)))
    tl.store(out_ptr + 192 + i, a.T.reshape((64, )))


# run: joins | *fp32,*fp32 | N=16 | 1 | r[32],z[128]
@triton.jit
def joins(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    a = tl.load(x_ptr + i)
    b = tl.load(x_ptr + N + i)
    j = tl.join(a, b)
    p, q = tl.split(j)
    tl.store(out_ptr + i, p - q)
    tl.store(out_ptr + N + tl.arange(0, 2 * N), tl.interleave(a, b))
    tl.store(out_ptr + 3 * N + tl.arange(0, 2 * N), tl.reshape(tl.permute(j, 1, 0), [2 * N]))


# run: dims | *fp32,*fp32 | N=8 | 1 | r[8],z[64]
@triton.jit
def dims(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    a = tl.expand_dims(x, 0)
    b = tl.expand_dims(x, -1)
    tl.store(out_ptr + i[:, None] * N + i[None, :], a - b)
    c = tl.broadcast_to(x[None, :], (N, N))
    d = tl.broadcast_to(b, N, N)
    tl.store(out_ptr + i[:, None] * N + i[None, :], c + d, mask=i[:, None] > i[None, :])


# run: gathers | *fp32,*i32,*fp32 | N=16 | 1 | r[64],r[64]:0:4,z[64]
@triton.jit
def gathers(x_ptr, index_ptr, out_ptr, N: tl.constexpr):
    at = tl.arange(0, 4)[:, None] * N + tl.arange(0, N)[None, :]
    x = tl.load(x_ptr + at)
    index = tl.load(index_ptr + at)
    tl.store(out_ptr + at, tl.gather(x, index, 0))


# run: shape_values | *i32 | M=4,N=8 | 1 | z[16]
@triton.jit
def shape_values(out_ptr, M: tl.constexpr, N: tl.constexpr):
    x = tl.zeros((M, N), dtype=tl.float16)
    tl.store(out_ptr, x.shape[0] + x.shape[1])
    tl.store(out_ptr + 1, x.numel)
    tl.store(out_ptr + 2, x.dtype.primitive_bitwidth)
    tl.store(out_ptr + 3, len(x.shape))
    y = tl.full(x.shape, 7, tl.int32)
    tl.store(out_ptr + 4, tl.sum(y))
    z = tl.zeros_like(y) + 2
    tl.store(out_ptr + 5, tl.sum(z))
    tl.store(out_ptr + 6, x.shape[-1] * 3)


# run: swizzle | *i32,*i32 | | 24 | z[24],z[24]
@triton.jit
def swizzle(i_ptr, j_ptr):
    pid = tl.program_id(0)
    i, j = tl.swizzle2d(pid // 4, pid % 4, 6, 4, 4)
    tl.store(i_ptr + pid, i)
    tl.store(j_ptr + pid, j)


# run: scalar_tiles | *fp32,*fp32 | | 1 | r[4],z[4]
@triton.jit
def scalar_tiles(x_ptr, out_ptr):
    x = tl.load(x_ptr + tl.arange(0, 1))
    s = x.item()
    tl.store(out_ptr, s * 2)
    one = tl.full([1], 3.0, tl.float32)
    if (s > 0):
        tl.store(out_ptr + 1, s)
    tl.store(out_ptr + 2 + tl.arange(0, 2), tl.join(s, s + 1))
    tl.store(out_ptr + tl.arange(0, 1), one, mask=x > 100)
