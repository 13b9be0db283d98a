# Elements of a tensor are not assigned.
# kernel: k
# signature: *i32
# fails: [unsupported] an item of `y` cannot be assigned: a tensor is a value, not memory
import triton
import triton.language as tl


@triton.jit
def k(x):
    y = tl.arange(0, 16)
    y[0] = 1
