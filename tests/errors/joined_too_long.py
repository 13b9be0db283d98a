# The memory of compile-time strings is bounded.
# kernel: k
# signature: *i32
# fails: [unsupported] the string is too long for compile time
import triton
import triton.language as tl


@triton.constexpr_function
def host():
    return len("b".join(["b" * 1000000] * 1000))


@triton.jit
def k(o):
    tl.store(o, host())
