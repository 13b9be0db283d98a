# The next line is no continuation: a bracket of the line before is open.
# kernel: k
# signature: *i32
# fails: [syntax] this `(` is still open
import triton
import triton.language as tl


@triton.jit
def k(o):
    y = tl.load(o
    tl.store(o, y)
