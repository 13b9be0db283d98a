# A product with 0 and a quotient of 0 are NaN for infinities and NaN, whichever operand is the constant.
# run: @k x=f32[0, -2, inf, nan] o=zeros:f32[20]  =>  o=[0, -0, nan, nan, 0, -0, nan, nan, nan, -0, 0, nan, nan, nan, nan, nan, 0, -0, nan, nan]
# run: @k x=f16[0, -2, inf, nan] o=zeros:f16[20]  =>  o=[0, -0, nan, nan, 0, -0, nan, nan, nan, -0, 0, nan, nan, nan, nan, nan, 0, -0, nan, nan]
# run: @k x=bf16[0, -2, inf, nan] o=zeros:bf16[20]  =>  o=[0, -0, nan, nan, 0, -0, nan, nan, nan, -0, 0, nan, nan, nan, nan, nan, 0, -0, nan, nan]
import triton
import triton.language as tl


@triton.jit
def k(x, o):
    i = tl.arange(0, 4)
    v = tl.load(x + i)
    z = tl.zeros_like(v)
    tl.store(o + i, v * 0)
    tl.store(o + 4 + i, 0 * v)
    tl.store(o + 8 + i, 0 / v)
    tl.store(o + 12 + i, tl.sum(v * z) + z)
    tl.store(o + 16 + i, z * v)
