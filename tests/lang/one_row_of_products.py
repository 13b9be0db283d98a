# Dots of one row and different numbers of columns: the threads that sum the row of one are fewer than those that read the sum with the other.
# run: grid=1 -DK=16 -DN=32 a=full:f32[16],1 b=full:f32[512],1 c=full:f32[512],1 o=zeros:f32[32]  =>  o=[16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384]
# run: grid=1 -DK=4 -DN=32 a=full:f32[4],1 b=full:f32[128],1 c=full:f32[128],1 o=zeros:f32[32]
# run: grid=1 -DK=8 -DN=16 a=full:f32[8],1 b=full:f32[128],1 c=full:f32[128],1 o=zeros:f32[16]
import triton
import triton.language as tl


@triton.jit
def kernel(a, b, c, o, K: tl.constexpr, N: tl.constexpr):
    k, n = tl.arange(0, K), tl.arange(0, N)
    x = tl.load(a + k[None, :])
    y = tl.load(b + k[:, None] * N + n[None, :])
    u = tl.dot(tl.dot(x, y), tl.load(c + n[:, None] * K + k[None, :]))
    tl.store(o + n[None, :], tl.dot(u, y) + tl.sum(u, 1)[:, None])
