# A loop's variable ends with the loop.
# kernel: k
# signature: *i32,i32
# fails: [unknown-name] `i` has no value here
import triton
import triton.language as tl


@triton.jit
def k(x, n):
    for i in range(n):
        pass
    tl.store(x, i)
