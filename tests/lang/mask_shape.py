# A mask that does not fit its pointers names both.
# kernel: k
# signature: *fp32,i32
# fails: [shape] the pointers are 16xpointer<fp32>, but the value and the mask need [16, 16]
import triton
import triton.language as tl


@triton.jit
def k(x, n):
    i = tl.arange(0, 16)
    tl.store(x + i, 1.0, mask=i[:, None] < n)
