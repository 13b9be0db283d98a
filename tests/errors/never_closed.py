# A bracket that is open at the end of the file is pointed at.
# kernel: k
# signature: *i32
# fails: [syntax] `(` is never closed
import triton
import triton.language as tl


@triton.jit
def k(o):
    y = (1 +
    tl.store(o, y)
