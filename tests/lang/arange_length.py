# A length that is no power of two is refused with the next one.
# kernel: k
# signature: *i32
# fails: [shape] the length of tl.arange must be a power of two, but it is 100
import triton
import triton.language as tl


@triton.jit
def k(x):
    tl.store(x + tl.arange(0, 100), 1)
