# A type that is none.
# kernel: k
# signature: *fp33
# fails: [signature]
import triton
import triton.language as tl


@triton.jit
def k(x):
    tl.store(x, 1)
