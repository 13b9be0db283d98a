# A variable that only a loop or a branch assigns: the message says where.
# kernel: k
# signature: *i32,i32
# fails: [unknown-name] `v` has no value here: it is assigned only inside a loop or a branch
import triton
import triton.language as tl


@triton.jit
def k(x, n):
    for i in range(n):
        v = tl.load(x + i)
    tl.store(x, v)
