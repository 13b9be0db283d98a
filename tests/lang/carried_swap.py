# Tiles that a loop carries and swaps keep both values, in registers of threads too.
# run: @k x=range:f32[256] y=zeros:f32[256] o=zeros:f32[512] n=5
# run: @k x=range:f32[256] y=zeros:f32[256] o=zeros:f32[512] n=0
import triton
import triton.language as tl


@triton.jit
def k(x, y, o, n):
    i = tl.arange(0, 256)
    a, b = tl.load(x + i), tl.load(y + i)
    for k in range(n):
        a, b = b + 1, a * 2
    tl.store(o + i, a)
    tl.store(o + 256 + i, b)
