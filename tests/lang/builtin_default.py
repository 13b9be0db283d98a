# A builtin of the language cannot make a default value.
# kernel: k
# signature: *i32
# fails: [unsupported] `tl.program_id` can be called in a kernel only, not for a global or a default value
import triton
import triton.language as tl


@triton.jit
def k(x, n=tl.program_id(0)):
    tl.store(x, n)
