# A chained comparison is refused.
# kernel: k
# signature: *i32,i32
# fails: [unsupported] chained comparison is not part of the Triton language
import triton
import triton.language as tl


@triton.jit
def k(x, n):
    tl.store(x, 1 < n < 5)
