# An underscore in a number stands between two digits, as in Python.
# kernel: k
# signature: *i32
# fails: [syntax] an underscore in a number must stand between two digits
import triton
import triton.language as tl


@triton.jit
def k(o):
    tl.store(o, 1_000_ + 0x_ff + 1_0)
