# A global that is not a constexpr.
# kernel: k
# signature: *fp32
# fails: [global]
import triton
import triton.language as tl

SIZE = 4


@triton.jit
def k(x):
    tl.store(x, SIZE)
