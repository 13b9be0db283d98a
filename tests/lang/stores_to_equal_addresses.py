# The second of two stores through the same pointers wins, also if several elements of a tile have one address.
# run: @dup x=zeros:i32[32]  =>  x=full:i32[32],2
# run: @dup_equal x=zeros:i32[32] n=0  =>  x=full:i32[32],2
# run: @repeated x=zeros:i32[64]  =>  x=full:i32[64],2
import triton
import triton.language as tl


@triton.jit
def dup(x):
    r, c = tl.arange(0, 16)[:, None], tl.arange(0, 32)[None, :]
    p = x + (c + r * 0)
    tl.store(p, c * 0 + r * 0 + 1)
    tl.store(p, c * 0 + r * 0 + 2, mask=r < 1)


@triton.jit
def dup_equal(x, n):
    r, c = tl.arange(0, 16)[:, None], tl.arange(0, 32)[None, :]
    tl.store(x + n + (c + r * 0), c * 0 + r * 0 + 1)
    tl.store(x + (c + r * 0), c * 0 + r * 0 + 2, mask=r < 1)


@triton.jit
def repeated(x):
    i = tl.arange(0, 512)
    tl.store(x + i % 64, i * 0 + 1)
    tl.store(x + i % 64, i * 0 + 2, mask=i < 64)
