# Integers of 32 and 64 bits become the nearest f32, to even where two are as near, of any magnitude.
# run: @k o=zeros:f32[4096]
import triton
import triton.language as tl


@triton.jit
def k(o):
    i = tl.arange(0, 1024)
    a = i.to(tl.uint32) * 2654435761
    b = i.to(tl.uint64) * 11400714819323198485 >> (i % 50).to(tl.uint64)
    half = (i.to(tl.uint64) * 2 + 1) << 24
    tl.store(o + i, a.to(tl.float32))
    tl.store(o + 1024 + i, b.to(tl.float32))
    tl.store(o + 2048 + i, b.to(tl.int64, bitcast=True).to(tl.float32))
    tl.store(o + 3072 + i, ((half << 15) + (1 << 39) + (i % 3).to(tl.uint64)).to(tl.float32))
