# A pointer into one of two arrays, chosen by a value or a branch, reads and writes the one that it leads into.
# run: @by_branch grid=2 a=range:f32[8] b=full:f32[8],7 o=zeros:f32[16]  =>  o=[0, 1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7]
# run: @by_value grid=2 a=range:f32[16] b=full:f32[16],7 o=zeros:f32[16]  =>  o=[0, 1, 2, 3, 4, 5, -1, -1, 7, 7, 7, 7, 7, 7, -1, -1]
# run: @stores grid=2 a=zeros:i32[8] b=zeros:i32[8] x=range:i32[8]  =>  a=[0, 1, 2, 3, 4, 5, 6, 7] b=[0, 2, 4, 6, 8, 10, 12, 14]
# run: @of_three grid=3 a=full:i32[4],1 b=full:i32[4],2 c=full:i32[4],3 o=zeros:i32[12]  =>  o=[1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]
# run: @negated x=f32[0, -0, 1, -2] o=zeros:f32[4]  =>  o=[inf, inf, -1, 0.5]
# run: @swapped lacks=webgpu a=f32[1, 2, 3, 4] b=f32[10, 20, 30, 40] o=zeros:f32[4] n=3:i32  =>  a=[3, 4, 5, 6] b=[11, 21, 31, 41] o=[3, 4, 5, 6]
import triton
import triton.language as tl


@triton.jit
def by_branch(a, b, o):
    p = tl.program_id(0)
    if p == 0:
        src = a
    else:
        src = b
    i = tl.arange(0, 8)
    tl.store(o + p * 8 + i, tl.load(src + i))


@triton.jit
def by_value(a, b, o):
    p = tl.program_id(0)
    i = tl.arange(0, 8)
    src = tl.where(p == 0, a, b)
    tl.store(o + p * 8 + i, tl.load(src + i, mask=i < 6, other=-1))


@triton.jit
def stores(a, b, x):
    p = tl.program_id(0)
    i = tl.arange(0, 8)
    if p == 0:
        dst = a
        factor = 1
    else:
        dst = b
        factor = 2
    tl.store(dst + i, tl.load(x + i) * factor)


@triton.jit
def of_three(a, b, c, o):
    p = tl.program_id(0)
    i = tl.arange(0, 4)
    if p == 0:
        src = a
    elif p == 1:
        src = b
    else:
        src = c
    tl.store(o + p * 4 + i, tl.load(src + i))


@triton.jit
def negated(x, o):
    i = tl.arange(0, 4)
    tl.store(o + i, 1.0 / (-tl.load(x + i)))


@triton.jit
def swapped(a, b, o, n):
    i = tl.arange(0, 4)
    p = a + i
    q = b + i
    for _ in range(n):
        tl.store(p, tl.load(p) + 1)
        p, q = q, p
    tl.store(o + i, tl.load(a + i))
