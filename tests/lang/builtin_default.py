# A builtin of the language cannot make a default value.
# kernel: k
# signature: *i32
# fails: [unsupported] `tl.program_id` runs in a kernel
import triton
import triton.language as tl


@triton.jit
def k(x, n=tl.program_id(0)):
    tl.store(x, n)
