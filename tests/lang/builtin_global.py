# A builtin of the language cannot make a global.
# kernel: k
# signature: *i32
# fails: [global] the value of the global `I` is not known at compile time: `tl.arange` can be called in a kernel only, not for a global or a default value
import triton
import triton.language as tl

I = tl.arange(0, 16)

@triton.jit
def k(x):
    tl.store(x + I, I)
