# A condition is one value.
# kernel: k
# signature: *i32
# fails: [shape] a condition must be one value, but `tl.arange(0, 16) > 3` is 16xint1
import triton
import triton.language as tl


@triton.jit
def k(x):
    if tl.arange(0, 16) > 3:
        tl.store(x, 1)
