# A pointer is not indexed.
# kernel: k
# signature: *fp32
# fails: [unsupported] `x` is a pointer, which cannot be indexed
import triton
import triton.language as tl


@triton.jit
def k(x):
    x[1] = 2.0
