# Integers of different signedness do not divide.
# kernel: k
# signature: *i32,*u32
# fails: [type] cannot divide int32 by uint32
import triton
import triton.language as tl


@triton.jit
def k(x, y):
    tl.store(x, tl.load(x) // tl.load(y))
