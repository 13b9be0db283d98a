# A separator that is no string is refused; it kept the compiler busy for ever.
# kernel: k
# signature: *i32
# fails: [type] `split` does not take these arguments
import triton
import triton.language as tl


@triton.constexpr_function
def host():
    return "a,b".split(3)


@triton.jit
def k(o):
    tl.store(o, len(host()))
