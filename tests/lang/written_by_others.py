# What one element wrote another reads: the threads of a program wait for each other in between.
# run: @turned x=range:i32[256] o=zeros:i32[256]
# run: @shifted x=range:i32[512] o=zeros:i32[256] n=3
# run: @through_another x=zeros:i32[256] y=range:i32[256] o=zeros:i32[256]
import triton
import triton.language as tl


@triton.jit
def turned(x, o):
    i = tl.arange(0, 256)
    tl.store(x + i, tl.load(x + i) + 1)
    tl.store(o + i, tl.load(x + 255 - i))


@triton.jit
def shifted(x, o, n):
    i = tl.arange(0, 256)
    for j in range(n):
        tl.store(o + i, tl.load(o + i) + tl.load(x + 64 + i))
        tl.store(x + i, tl.load(o + (i + 7) % 256))


# Two arguments may be one array.
@triton.jit
def through_another(x, y, o):
    i = tl.arange(0, 256)
    tl.store(x + i, i)
    tl.store(o + i, tl.load(y + 255 - i))
