# A builtin of the language cannot make a global.
# kernel: k
# signature: *i32
# fails: [global] the global `I` cannot be worked out at compile time
import triton
import triton.language as tl

I = tl.arange(0, 16)

@triton.jit
def k(x):
    tl.store(x + I, I)
