# A tile is loaded as a whole before it is stored, also if several of its elements have one address: those hold equal values.
# run: @window x=range:i32[600] n=0 m=0
# run: @window x=range:i32[600] n=16 m=16
# run: @bcast x=range:i32[600] n=0 m=0
import triton
import triton.language as tl


@triton.jit
def window(x, n, m):
    t = tl.arange(0, 64)[:, None] + tl.arange(0, 4)[None, :]
    tl.store(x + m + t, tl.load(x + n + t) + 100)


@triton.jit
def bcast(x, n, m):
    r, c = tl.arange(0, 16)[:, None], tl.arange(0, 32)[None, :]
    tl.store(x + m + (c + r * 0), tl.load(x + n + (c + r * 0)) + 1)
