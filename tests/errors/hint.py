# The hints are 16 and, for integers, 1.
# kernel: k
# signature: *fp32:7,fp32
# fails: [signature] `*fp32:7` has an unknown hint after the colon
import triton
import triton.language as tl


@triton.jit
def k(x, n):
    tl.store(x, n)
