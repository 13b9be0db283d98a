# Accumulators of a loop that others read: at transposed indices after the loop, and in each iteration.
# run: @transposed x=range:f16[1024] y=range:f16[1024] o=zeros:f32[1024] n=3
# run: @stored x=f16[1; 1024] y=f16[2; 1024] o=zeros:f32[1024] all=zeros:f32[3072] n=3
import triton
import triton.language as tl


@triton.jit
def transposed(x, y, o, n):
    i, j = tl.arange(0, 32)[:, None], tl.arange(0, 32)[None, :]
    sum = tl.zeros((32, 32), tl.float32)
    for k in range(n):
        a = tl.load(x + i * 32 + j) % 7 - k
        b = tl.load(y + i * 32 + j) % 5
        sum = tl.dot(a.to(tl.float16), b.to(tl.float16), sum)
    tl.store(o + i * 32 + j, sum.T)


@triton.jit
def stored(x, y, o, all, n):
    i, j = tl.arange(0, 32)[:, None], tl.arange(0, 32)[None, :]
    sum = tl.zeros((32, 32), tl.float32)
    for k in range(n):
        a = tl.load(x + i * 32 + j)
        b = tl.load(y + i * 32 + j)
        sum = tl.dot(a, b, sum)
        tl.store(all + k * 1024 + i * 32 + j, sum)
    tl.store(o + i * 32 + j, sum)
