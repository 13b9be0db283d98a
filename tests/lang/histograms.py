# Values outside of the bins, negative ones too, are not counted, neither here nor in the bins of another histogram.
# run: @k x=range:i32[64] y=range:i32[64] o=zeros:i32[32]
import triton
import triton.language as tl


@triton.jit
def k(x, y, o):
    i, j = tl.arange(0, 64), tl.arange(0, 16)
    first = tl.histogram(tl.load(x + i), 16)
    second = tl.histogram(tl.load(y + i) - 40, 16)
    third = tl.histogram(tl.load(x + i) - 20, 16)
    tl.store(o + j, first + second * 100)
    tl.store(o + 16 + j, third + first * 100)
