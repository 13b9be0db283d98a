# What is added to a product is one more term: of a product that has an initial value, of one that is used twice, and of one that has none.
# run: @initial x=range:f32[256] y=range:f32[256] o=zeros:f32[256] ~0
# run: @twice x=range:f32[256] y=range:f32[256] o=zeros:f32[256] ~0
# run: @plain x=range:f32[256] y=range:f32[256] o=zeros:f32[256] ~0
# run: @bytes x=range:i8[256] y=range:i8[256] o=zeros:i32[256]
import triton
import triton.language as tl


@triton.jit
def tiles(x, y):
    i = tl.arange(0, 16)[:, None] * 16 + tl.arange(0, 16)[None, :]
    return i, tl.load(x + i), tl.load(y + i)


@triton.jit
def initial(x, y, o):
    i, a, b = tiles(x, y)
    tl.store(o + i, tl.dot(a % 8, b % 4, acc=a) + b * 3)


@triton.jit
def twice(x, y, o):
    i, a, b = tiles(x, y)
    product = tl.dot(a % 8, b % 4)
    tl.store(o + i, (product + a) * 2 + product)


@triton.jit
def plain(x, y, o):
    i, a, b = tiles(x, y)
    tl.store(o + i, a + tl.dot(a % 8, b % 4))


@triton.jit
def bytes(x, y, o):
    i, a, b = tiles(x, y)
    tl.store(o + i, tl.dot(a, b, acc=i) + i * 5)
