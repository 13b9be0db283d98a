# Compile-time Python has a limit on its steps.
# kernel: k
# signature: *i32
# fails: [unsupported] compile-time Python runs more than 2000000 steps here
import triton
import triton.language as tl


@triton.constexpr_function
def forever(n):
    while n:
        n += 1
    return n


@triton.jit
def k(x):
    tl.store(x, forever(1))
