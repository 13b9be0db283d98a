# Sums and running sums of 16-bit floats do not stop where one more is too little to change them: errors are those of one rounding.
# run: @ones x=full:bf16[65536],1 s=zeros:bf16[1] r=zeros:bf16[1] c=zeros:bf16[4]  =>  s=[65536] r=[65536] c=[1, 256, 32768, 65536] ~0
# run: @ones x=full:f16[65536],0.5 s=zeros:f16[1] r=zeros:f16[1] c=zeros:f16[4]  =>  s=[32768] r=[32768] c=[0.5, 128, 16384, 32768] ~0
# run: @columns x=full:bf16[16384],1 o=zeros:bf16[4]  =>  o=[4096, 4096, 4096, 4096] ~0
# run: @columns x=full:f16[16384],1 o=zeros:f16[4]  =>  o=[4096, 4096, 4096, 4096] ~0
# run: @products x=bf16[3, 5, 7, 1, 0.5, 2, 1, 0.25] o=zeros:bf16[1]  =>  o=[26.25] ~0
# run: @greatest x=range:bf16[64] v=zeros:bf16[1] i=zeros:i32[1]  =>  v=[63] i=[63] ~0
import triton
import triton.language as tl


@triton.jit
def add(a, b):
    return a + b


@triton.jit
def multiply(a, b):
    return a * b


@triton.jit
def ones(x, s, r, c):
    i = tl.arange(0, 65536)
    v = tl.load(x + i)
    tl.store(s, tl.sum(v, 0))
    tl.store(r, tl.reduce(v, 0, add))
    running = tl.cumsum(v, 0)
    places = tl.where(i == 0, 0, tl.where(i == 255, 1, tl.where(i == 32767, 2, 3)))
    tl.store(c + places, running, mask=(i == 0) | (i == 255) | (i == 32767) | (i == 65535))


@triton.jit
def columns(x, o):
    v = tl.load(x + tl.arange(0, 4096)[:, None] * 4 + tl.arange(0, 4)[None, :])
    tl.store(o + tl.arange(0, 4), tl.sum(v, 0))


@triton.jit
def products(x, o):
    tl.store(o, tl.reduce(tl.load(x + tl.arange(0, 8)), 0, multiply))


@triton.jit
def greatest(x, v, i):
    values = tl.load(x + tl.arange(0, 64))
    best, at = tl.max(values, 0, return_indices=True)
    tl.store(v, best.to(tl.bfloat16))
    tl.store(i, at)
