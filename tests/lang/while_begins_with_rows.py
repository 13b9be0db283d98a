# A while loop begins with values computed from row sums of a tile whose shape is that of a dot, which threads keep in registers.
# run: grid=1 x=full:f16[256],2 o=zeros:f32[16,16] r=zeros:f16[16] n=3:i32  =>  r=[256, 256, 256, 256, 256, 256, 256, 256, 256, 256, 256, 256, 256, 256, 256, 256]
import triton
import triton.language as tl


@triton.jit
def kernel(x, o, r, n):
    i, j = tl.arange(0, 16)[:, None], tl.arange(0, 16)[None, :]
    a = tl.load(x + i * 16 + j)
    s = tl.sum(a, axis=1)
    k = 0
    while k < n:
        s = s * 2
        k += 1
    tl.store(r + tl.arange(0, 16), s)
    tl.store(o + i * 16 + j, tl.dot(a, a))
