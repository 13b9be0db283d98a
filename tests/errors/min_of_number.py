# `min` and `max` of one argument need a sequence.
# kernel: k
# signature: *i32
# fails: [type] `min` of one argument needs a sequence, but this is the constexpr 3
import triton
import triton.language as tl


@triton.constexpr_function
def smallest(n):
    return min(n)


@triton.jit
def k(x):
    tl.store(x, smallest(3))
