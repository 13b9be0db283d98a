# A float is a multiple of nothing.
# kernel: k
# signature: *fp32:16,fp32:16
# fails: [signature] `:16` in `fp32:16` is for pointers and integers that are multiples of 16, but the type is fp32
import triton
import triton.language as tl


@triton.jit
def k(x, n):
    tl.store(x, n)
