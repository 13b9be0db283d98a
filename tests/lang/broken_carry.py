# A loop may not change the type of what it carries.
# kernel: k
# signature: *fp32,i32
# fails: [type] `acc` is int32 before the loop, but the loop makes it fp32
import triton
import triton.language as tl


@triton.jit
def k(x, n):
    acc = 0
    for i in range(n):
        acc += 1.5
    tl.store(x, acc)
