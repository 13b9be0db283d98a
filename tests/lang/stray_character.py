# A character that looks like an operator is none.
# kernel: k
# signature: *i32
# fails: [syntax] this has a character that is not part of Python
import triton
import triton.language as tl


@triton.jit
def k(x):
    tl.store(x, 2 × 3)
