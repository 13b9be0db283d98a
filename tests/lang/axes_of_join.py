# A tensor has at most 24 axes, also where a join adds one.
# kernel: k
# signature: *i32
# fails: [shape] a tensor can have at most 24 axes
import triton
import triton.language as tl


@triton.jit
def k(x):
    v = tl.full([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], 1, tl.int32)
    tl.store(x + tl.join(v, v), 1)
