# A kernel that the file does not have.
# kernel: subtract
# fails: [no-kernel]
import triton
import triton.language as tl


@triton.jit
def add(x):
    tl.store(x, 1)
