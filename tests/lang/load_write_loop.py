# A tile is what memory held where it was loaded, whatever is written before it is used: by loops that begin with it, branches, and repeated addresses.
# run: @store_then_for x=range:i32[32] n=2  =>  x=[-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]
# run: @store_then_while x=range:i32[32] n=3  =>  x=[-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]
# run: @atomic_then_for x=range:i32[32] n=1  =>  x=[0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
# run: @swap x=range:i32[32] n=1  =>  x=[16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30]
# run: @scalar x=range:i32[4] n=3  =>  x=[50, 3, 2, 3]
# run: @scalar_while x=range:i32[4] n=3  =>  x=[50, 3, 2, 3]
# run: @loop_in_loop x=range:i32[32] n=3  =>  x=[200, 201, 202, 203, 204, 205, 206, 207, 208, 209, 210, 211, 212, 213, 214, 215, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118]
# run: @branch x=range:i32[32] n=3  =>  x=[-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]
# run: @shifted x=range:i32[65] n=2  =>  x=[1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14, 17, 16, 19, 18, 21, 20, 23, 22, 25, 24, 27, 26, 29, 28, 31, 30, 33, 32, 35, 34, 37, 36, 39, 38, 41, 40, 43, 42, 45, 44, 47, 46, 49, 48, 51, 50, 53, 52, 55, 54, 57, 56, 59, 58, 61, 60, 63, 62, 64]
# run: @repeated x=zeros:i32[8]  =>  x=[1, 1, 1, 1, 1, 1, 1, 1]
# run: @repeated_atomic x=zeros:i32[8] o=zeros:i32[64]  =>  x=[8, 8, 8, 8, 8, 8, 8, 8] o=zeros:i32[64]
# run: @one_after_the_other x=range:i32[128] z=range:i32[64]
# run: @old_accumulator x=full:f32[256],1 o=zeros:f32[256] n=3  =>  o=full:f32[256],36
# run: @transposed_beside_its_next x=range:i32[64] o=zeros:i32[16] n=2
import triton
import triton.language as tl


@triton.jit
def store_then_for(x, n):
    i = tl.arange(0, 16)
    a = tl.load(x + i)
    tl.store(x + i, i * 0 - 1)
    for k in range(n):
        a = a + 1
    tl.store(x + 16 + i, a)


@triton.jit
def store_then_while(x, n):
    i = tl.arange(0, 16)
    a = tl.load(x + i)
    tl.store(x + i, i * 0 - 1)
    k = 0
    while k < n:
        a = a + 1
        k += 1
    tl.store(x + 16 + i, a)


@triton.jit
def atomic_then_for(x, n):
    i = tl.arange(0, 16)
    a = tl.load(x + i)
    tl.atomic_add(x + i, i)
    for k in range(n):
        a = a + 1
    tl.store(x + 16 + i, a)


@triton.jit
def swap(x, n):
    i = tl.arange(0, 16)
    a = tl.load(x + i)
    b = tl.load(x + 16 + i)
    tl.store(x + i, b)
    for k in range(n):
        a = a * 2
    tl.store(x + 16 + i, a)


@triton.jit
def scalar(x, n):
    a = tl.load(x)
    tl.store(x, 50)
    for k in range(n):
        a += 1
    tl.store(x + 1, a)


@triton.jit
def scalar_while(x, n):
    a = tl.load(x)
    tl.store(x, 50)
    k = 0
    while k < n:
        a += 1
        k += 1
    tl.store(x + 1, a)


@triton.jit
def loop_in_loop(x, n):
    i = tl.arange(0, 16)
    for j in range(2):
        a = tl.load(x + i)
        tl.store(x + i, a + 100)
        for k in range(n):
            a = a + 1
        tl.store(x + 16 + i, a)


@triton.jit
def branch(x, n):
    i = tl.arange(0, 16)
    a = tl.load(x + i)
    if n > 1:
        tl.store(x + i, i * 0 - 1)
        b = a
    else:
        b = a + 5
    for k in range(n):
        b = b + 1
    tl.store(x + i + 16, b)


@triton.jit
def shifted(x, n):
    r, c = tl.arange(0, 32)[:, None], tl.arange(0, 2)[None, :]
    a = tl.load(x + 1 - c + 2 * r)
    for k in range(1, n):
        tl.store(x + c + 2 * r, a)
        a = a + 1


@triton.jit
def repeated(x):
    p = x + tl.arange(0, 64) % 8
    tl.store(p, tl.load(p) + 1)


@triton.jit
def repeated_atomic(x, o):
    i = tl.arange(0, 64)
    p = x + i % 8
    a = tl.load(p)
    tl.atomic_add(p, a + 1)
    tl.store(o + i, a)


@triton.jit
def one_after_the_other(x, z):
    i = tl.arange(0, 64)
    a = tl.load(x + i)
    tl.store(x + i, i * 0)
    b = tl.load(z + i)
    tl.store(x + 64 + i, a + b)


@triton.jit
def old_accumulator(x, o, n):
    i = tl.arange(0, 16)
    p = i[:, None] * 16 + i[None, :]
    b = tl.load(x + p)
    a = b
    for k in range(n):
        old = a
        a = tl.dot(b, b, a)
        for j in range(k + 1):
            old = old + 1
        tl.store(o + p, old)


@triton.jit
def transposed_beside_its_next(x, o, n):
    i = tl.arange(0, 8)
    p = i[:, None] * 8 + i[None, :]
    a = tl.load(x + p)
    for k in range(n):
        tl.store(o + k * 8 + i, tl.sum(tl.trans(a) * p, axis=1))
        a = a + tl.sum(a)
