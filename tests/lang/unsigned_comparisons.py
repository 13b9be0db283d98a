# An unsigned number that was negative is large: masks made of it are no bounds of a loop.
# run: @below x=range:i32[64] o=zeros:i32[64] n=20
# run: @runtime x=range:i32[64] o=zeros:i32[64] n=20 k=5
# run: @whole x=range:i32[64] o=zeros:i32[64] n=20 k=5
# run: @divided x=range:i32[64] o=zeros:i32[64] n=20 k=5
import triton
import triton.language as tl


@triton.jit
def below(x, o, n):
    i = tl.arange(0, 64)
    tl.store(o + i, tl.load(x + i, mask=(i - 5).to(tl.uint32).to(tl.int64) < n, other=-1))


@triton.jit
def runtime(x, o, n, k):
    i = tl.arange(0, 64)
    tl.store(o + i, tl.load(x + i, mask=(i - k).to(tl.uint32).to(tl.int64) < n, other=-1))


@triton.jit
def whole(x, o, n, k):
    i = tl.arange(0, 64)
    j = (i - k).to(tl.uint32)
    tl.store(o + i, tl.load(x + i, mask=j < n.to(tl.uint32), other=-1))


@triton.jit
def divided(x, o, n, k):
    i = tl.arange(0, 64)
    j = (i - k).to(tl.uint32) // 4
    tl.store(o + i, tl.load(x + (j & 63).to(tl.int32)))
