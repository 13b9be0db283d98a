# There is no table of letters at compile time: what depends on one is refused.
# kernel: k
# signature: *i32
# fails: [unsupported] `upper` takes ASCII characters only at compile time, but this is 'é'
import triton
import triton.language as tl


@triton.constexpr_function
def host():
    return "é".upper()


@triton.jit
def k(o):
    tl.store(o, len(host()))
