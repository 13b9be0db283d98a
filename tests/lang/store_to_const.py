# Nothing is stored through a tl.const.
# kernel: k
# signature: *fp32
# fails: [type] this pointer is a tl.const
import triton
import triton.language as tl


@triton.jit
def k(x: tl.const):
    tl.store(x, 9.0)
