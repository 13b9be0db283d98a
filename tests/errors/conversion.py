# An f-string has the conversions r, s and a.
# kernel: k
# signature: *i32
# fails: [syntax] `!x` in an f-string is not a conversion, which is `!r`, `!s` or `!a`
import triton
import triton.language as tl


@triton.jit
def k(o, N: tl.constexpr = 1):
    tl.static_print(f"{N!x}")
