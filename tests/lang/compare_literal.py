# A number beside a tensor in a comparison has its own type first, and both sides are promoted.
# run: @k x=f16[0.1, 65504, inf, nan] u=u8[0, 1, 128, 255] b=i8[0, 1, -56, 127] out=zeros:i32[4]  =>  out=[58, 56, 60, 56]
import triton
import triton.language as tl

LARGE = tl.constexpr(1000)


@triton.jit
def k(x, u, b, out):
    i = tl.arange(0, 4)
    v = tl.load(x + i)
    r = (v == 0.1).to(tl.int32) + 2 * (v < 0.1).to(tl.int32) + 4 * (v > 65535.0).to(tl.int32)
    r += 8 * (tl.load(u + i) > -1).to(tl.int32) + 16 * (tl.load(b + i) < LARGE).to(tl.int32) + 32 * (200 != tl.load(b + i)).to(tl.int32)
    tl.store(out + i, r)
