# A static assertion that does not hold.
# kernel: k
# signature: *fp32,4
# fails: [static-assert]
import triton
import triton.language as tl


@triton.jit
def k(x, N: tl.constexpr):
    tl.static_assert(N > 8, "N is too small")
    tl.store(x, N)
