# Narrow unsigned values keep their value in histograms, gathers and ranges.
# run: @k x=u8[255, 200, 255, 3] out=zeros:i32[8]  =>  out=[1, 1, 2, 255, 9, 600, 765, 765]
import triton
import triton.language as tl


@triton.jit
def k(x, out):
    v = tl.load(x + tl.arange(0, 4))
    bins = tl.histogram(v, 256)
    r = tl.arange(0, 256)
    tl.store(out, tl.sum(tl.where(r == 3, bins, 0)))
    tl.store(out + 1, tl.sum(tl.where(r == 200, bins, 0)))
    tl.store(out + 2, tl.sum(tl.where(r == 255, bins, 0)))
    n = 0
    for i in range(tl.load(x)):
        n += 1
    tl.store(out + 3, n)
    picked = tl.gather(tl.arange(0, 512) * 3, v, 0)
    tl.store(out + 4 + tl.arange(0, 4), tl.sort(picked))
