# Integers become bf16 by one rounding: half an ulp above 2^24 and one more is rounded up, although that one is lost in f32.
# run: @k x=i32[16842753, -16842753, 16842752, 33685506, 33619970, 2147483647, 65793, 16777217] o=zeros:bf16[8]
import triton
import triton.language as tl


@triton.jit
def k(x, o):
    i = tl.arange(0, 8)
    tl.store(o + i, tl.load(x + i).to(tl.bfloat16))
