# Offsets of 32 bits wrap as in Triton: twice the smallest integer is 0.
# run: @twice x=i32[1, 2, 3, 4, 5, 6, 7, 8] out=zeros:i32[4] n=-2147483648  =>  out=[1, 3, 5, 7]
# run: @twice x=i32[1, 2, 3, 4, 5, 6, 7, 8, 9] out=zeros:i32[4] n=-2147483647  =>  out=[3, 5, 7, 9]
import triton
import triton.language as tl


@triton.jit
def twice(x, out, n):
    i = tl.arange(0, 4)
    tl.store(out + i, tl.load(x + (i + n) * 2))
