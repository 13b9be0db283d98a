# The name in the head of a `with` must exist.
# kernel: k
# signature: *i32
# fails: [unknown-name] `nothing` is not defined
import triton
import triton.language as tl


@triton.jit
def k(o):
    with nothing.there(3):
        tl.store(o, 5)
