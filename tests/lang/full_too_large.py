# A number beyond the signed 64-bit integers is no value of a signed type.
# kernel: k
# signature: *i32
# fails: [type] the number 9223372036854775808 is above 9223372036854775807, the largest signed integer
import triton
import triton.language as tl


@triton.jit
def k(x):
    tl.store(x + tl.arange(0, 8), tl.full((8, ), 9223372036854775808, tl.int32))
