# A number beside a load is converted as stock Triton does it: to its own type first, then to that of the memory.
# signature: *i64,*i64
# run: x=i64[5, 6, 7, 8] o=i64[0; 4]  =>  o=[5, 6, -9223372036854775808, -9223372036854775808]
import triton
import triton.language as tl


@triton.jit
def kernel(x, o):
    i = tl.arange(0, 4)
    tl.store(o + i, tl.load(x + i, mask=i < 2, other=9223372036854775808))
