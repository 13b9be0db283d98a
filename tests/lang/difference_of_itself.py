# The difference of a number and itself is 0.
# run: @k x=i32[1, 2, 3, -4] o=zeros:i32[4] n=7  =>  o=[7, 7, 7, 7]
import triton
import triton.language as tl


@triton.jit
def k(x, o, n):
    i = tl.arange(0, 4)
    v = tl.load(x + i)
    tl.store(o + i, (v - v) + (n - n) + n)
