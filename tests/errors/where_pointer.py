# A pointer and a number have no common type.
# kernel: k
# signature: *fp32,*fp32
# fails: [type] tl.where cannot choose between a pointer and a number
import triton
import triton.language as tl


@triton.jit
def k(x, o):
    i = tl.arange(0, 16)
    tl.store(o + i, tl.load(tl.where(i > 2, x + i, 0)))
