# A product in f16 rounds once: the sum of the first half, 2051, is no f16.
# run: @k x=zeros:f16[2048] y=zeros:f16[4096] o=f16[5; 512]  =>  o=f16[0; 512]
import triton
import triton.language as tl


@triton.jit
def k(x, y, o):
    m, n, k = tl.arange(0, 16), tl.arange(0, 32), tl.arange(0, 128)
    a = tl.load(x + m[:, None] * 128 + k[None, :]) + 1
    # 2050 + 1 at first, then the same with the other sign.
    b = tl.where(k % 64 == 0, 2047, tl.where(k % 64 < 5, 1, 0)) * tl.where(k < 64, 1, -1)
    b = tl.load(y + k[:, None] * 32 + n[None, :]) + b[:, None].to(tl.float16)
    tl.store(o + m[:, None] * 32 + n[None, :], tl.dot(a, b, out_dtype=tl.float16))
