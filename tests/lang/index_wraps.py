# An index that wraps at a run-time size, as those of rows in a matrix product: contiguous only where it does not wrap.
# run: @line x=range:i32[64] o=zeros:i32[32] n=5  =>  o=[0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]
# run: @line x=range:i32[64] o=zeros:i32[32] n=31
# run: @line x=range:i32[64] o=zeros:i32[32] n=64
# run: @started x=range:i32[64] o=zeros:i32[32] n=20 s=7
# run: @masked x=range:i32[64] o=zeros:i32[32] n=20 m=9
# run: @rows x=range:i32[64] o=zeros:i32[128] n=3 s=8
# run: @rows x=range:i32[64] o=zeros:i32[128] n=8 s=8
# run: @stored x=range:i32[32] o=zeros:i32[64] n=32
import triton
import triton.language as tl


@triton.jit
def line(x, o, n):
    i = tl.arange(0, 32)
    tl.store(o + i, tl.load(x + i % n))


@triton.jit
def started(x, o, n, s):
    i = tl.arange(0, 32)
    tl.store(o + i, tl.load(x + (s + i) % n))


@triton.jit
def masked(x, o, n, m):
    i = tl.arange(0, 32)
    tl.store(o + i, tl.load(x + i, mask=i % n < m, other=-1))


@triton.jit
def rows(x, o, n, s):
    r, c = tl.arange(0, 16)[:, None], tl.arange(0, 8)[None, :]
    tl.store(o + r * 8 + c, tl.load(x + r % n * s + c))


@triton.jit
def stored(x, o, n):
    i = tl.arange(0, 32)
    tl.store(o + i % n, tl.load(x + i))
