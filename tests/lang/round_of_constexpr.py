# A constexpr in an unrolled loop: the message says that this is another round.
# kernel: k
# signature: *i32
# fails: [type] `a` is already defined: this loop is unrolled, and its iteration 2 would define the constexpr again
import triton
import triton.language as tl


@triton.jit
def k(x):
    for t in tl.static_range(2):
        a: tl.constexpr = t * 2
        tl.store(x + t, a)
