# Within an aligned group of elements an index may be contiguous although it is not as a whole: only if the group does not wrap, and does not straddle zero.
# run: @offset x=range:i32[64] o=zeros:i32[64] m=3
# run: @stepped x=range:i32[64] o=zeros:i32[64] n=5
# run: @quotients x=range:i32[64] o=zeros:i32[64]
# run: @remainders x=range:i32[64] o=zeros:i32[64]
import triton
import triton.language as tl


@triton.jit
def offset(x, o, m):
    # 16 times the program is aligned, the sum is not.
    i = tl.arange(0, 64)
    tl.store(o + i, tl.load(x + ((tl.program_id(0) * 16 + m).to(tl.uint32) + i.to(tl.uint32)) % 32))


@triton.jit
def stepped(x, o, n):
    # The offset begins with 0, which is aligned, and does not stay so.
    i = tl.arange(0, 64)
    sum = tl.zeros((64, ), tl.int32)
    at = 0
    for k in range(n):
        sum += tl.load(x + (at.to(tl.uint32) + i.to(tl.uint32)) % 16)
        at += 3
    tl.store(o + i, sum)


@triton.jit
def quotients(x, o):
    # Division truncates: -16 // 16 is -1, but -15 // 16 is 0.
    i = tl.arange(0, 64)
    tl.store(o + i, tl.load(x + 8 + (i - 32) // 16))


@triton.jit
def remainders(x, o):
    # -16 % 16 is 0, but -15 % 16 is -15.
    i = tl.arange(0, 64)
    tl.store(o + i, tl.load(x + 32 + (i - 32) % 16))
