# An exception of compile-time Python is an error with its message.
# kernel: k
# signature: *i32
# fails: [static-assert] ValueError: 12 is no power of two
import triton
import triton.language as tl


@triton.constexpr_function
def log2(n):
    if n & (n - 1):
        raise ValueError(f"{n} is no power of two")
    return n.bit_length() - 1


@triton.jit
def k(x):
    tl.store(x, log2(12))
