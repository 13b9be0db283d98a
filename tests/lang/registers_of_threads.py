# Values that threads keep in registers, where others need them: one half of a row, the sum of another row, and operands of a product.
# run: @halves x=range:f32[256] o=zeros:f32[128] n=3
# run: @sums x=range:f32[256] o=zeros:f32[256]
# run: @operand x=range:f32[1024] y=range:f32[1024] o=zeros:f32[1024] n=3  ~1e-5
import triton
import triton.language as tl


@triton.jit
def halves(x, o, n):
    i, j = tl.arange(0, 256), tl.arange(0, 128)
    v = tl.load(x + i)
    for k in range(n):
        v = v * 2 + 1
    low, high = tl.split(tl.trans(tl.reshape(v, (2, 128))))
    tl.store(o + j, low * 3 + high)


@triton.jit
def sums(x, o):
    i = tl.arange(0, 2)[:, None] * 128 + tl.arange(0, 128)[None, :]
    v = tl.load(x + i)
    first, second = tl.split(tl.sum(v, axis=1))
    tl.store(o + i, v * first + second)


@triton.jit
def operand(x, y, o, n):
    i, j = tl.arange(0, 32)[:, None], tl.arange(0, 32)[None, :]
    a = tl.load(x + i * 32 + j) % 7
    b = tl.load(y + i * 32 + j) % 5
    sum = tl.zeros((32, 32), tl.float32)
    for k in range(n):
        sum = tl.dot(a, b, sum)
        a = a * 0.5 + 1
    tl.store(o + i * 32 + j, sum)
