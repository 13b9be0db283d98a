# A slip in a name is recognised.
# kernel: k
# signature: *i32
# fails: [unknown-name] `triton.language` has no `arrange`
import triton
import triton.language as tl


@triton.jit
def k(x):
    tl.store(x, tl.arrange(0, 16))
