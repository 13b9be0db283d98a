# break is refused by name, at the word.
# kernel: k
# signature: *fp32,i32
# fails: [unsupported] `break` is not part of the Triton language
import triton
import triton.language as tl


@triton.jit
def k(x, n):
    for i in range(n):
        break
