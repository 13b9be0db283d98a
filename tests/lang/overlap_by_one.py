# What is read and what is written share one element of an array: all is read before anything is written.
# run: @up x=range:i32[2047]
# run: @down x=range:i32[2047]
# run: @both x=range:i32[3070]
# run: @apart x=range:i32[2048]
import triton
import triton.language as tl


@triton.jit
def up(x):
    i = tl.arange(0, 1024)
    tl.store(x + (i + 1023), tl.load(x + i) + 5)


@triton.jit
def down(x):
    i = tl.arange(0, 1024)
    tl.store(x + i, tl.load(x + (i + 1023)) + 5)


@triton.jit
def both(x):
    i = tl.arange(0, 1024)
    tl.store(x + (i + 1023), tl.load(x + i) * 3 + tl.load(x + (i + 2046)))


@triton.jit
def apart(x):
    i = tl.arange(0, 1024)
    tl.store(x + i, tl.load(x + (i + 1024)) + 5)
