# A return inside a loop is refused.
# kernel: k
# signature: *fp32,i32
# fails: [unsupported] `return` inside `for` and `while` is not part of the Triton language
import triton
import triton.language as tl


@triton.jit
def k(x, n):
    for i in range(n):
        if i > 3:
            return
