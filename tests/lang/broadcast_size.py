# What two operands stretch to has at most 2^20 elements.
# kernel: k
# signature: *i32
# fails: [shape] a tensor can have at most 1048576 elements, but [2048, 1024] has more
import triton
import triton.language as tl


@triton.jit
def k(x):
    i = tl.arange(0, 2048)[:, None] + tl.arange(0, 1024)[None, :]
    tl.store(x + i, 1)
