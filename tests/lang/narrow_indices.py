# Integers of 8 and 16 bits wrap, in all elements and from one element of a tile to the next.
# run: @add x=range:i32[4096] o=zeros:i32[16] a=100:i8 b=100:i8  =>  o=full:i32[16],1944
# run: @mul x=range:i32[4096] o=zeros:i32[16] a=100:i8 b=3:i8  =>  o=full:i32[16],2044
# run: @shl x=range:i32[4096] o=zeros:i32[16] a=100:i8  =>  o=full:i32[16],1888
# run: @cut x=range:i32[512] o=zeros:i32[256]
# run: @short x=range:i32[70000] o=zeros:i32[1024]
# run: @masks x=range:i32[512] o=zeros:i32[256] n=100:i8
# run: @odd x=range:i32[512] o=zeros:i32[256]
import triton
import triton.language as tl


@triton.jit
def add(x, o, a, b):
    z = tl.zeros([16], tl.int8)
    tl.store(o + tl.arange(0, 16), tl.load(x + 2000 + ((z + a) + (z + b))))


@triton.jit
def mul(x, o, a, b):
    z = tl.zeros([16], tl.int8)
    tl.store(o + tl.arange(0, 16), tl.load(x + 2000 + ((z + a) * (z + b))))


@triton.jit
def shl(x, o, a):
    z = tl.zeros([16], tl.int8)
    tl.store(o + tl.arange(0, 16), tl.load(x + 2000 + ((z + a) << 2)))


@triton.jit
def cut(x, o):
    i = tl.arange(0, 256)
    tl.store(o + i, tl.load(x + 128 + (i + 5).to(tl.int8)))


@triton.jit
def short(x, o):
    i = tl.arange(0, 1024)
    tl.store(o + i, tl.load(x + 32768 + (i + 32000).to(tl.int16)))


@triton.jit
def masks(x, o, n):
    i = tl.arange(0, 256)
    tl.store(o + i, tl.load(x + i, mask=(i + 3).to(tl.int8) < n, other=-1))


@triton.jit
def odd(x, o):
    i = tl.arange(0, 256).to(tl.int8)
    tl.store(o + tl.arange(0, 256), tl.load(x + 128 + (i + i)))
