# A tensor has at most 24 axes, also where an index adds them.
# kernel: k
# signature: *i32
# fails: [shape] a tensor can have at most 24 axes
import triton
import triton.language as tl


@triton.jit
def k(x):
    v = tl.arange(0, 2)[None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, None, :]
    tl.store(x + v, 1)
