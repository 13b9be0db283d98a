# Blocks are transposed in registers: sizes that end within a block, masks along both axes and of their sum, elements of all widths, and a tile
# that is transposed in place.
# run: @moved x=range:f32[1200] y=zeros:f32[1200] m=30 n=37
# run: @moved x=range:f32[1200] y=zeros:f32[1200] m=32 n=32
# run: @moved x=range:i8[1200] y=zeros:i8[1200] m=17 n=5
# run: @moved x=range:f16[1200] y=zeros:f16[1200] m=1 n=40
# run: @moved x=range:i64[1200] y=zeros:i64[1200] m=0 n=40
# run: @moved lacks=webgpu x=range:f64[1200] y=zeros:f64[1200] m=32 n=9
# run: @moved x=range:f32[4096] y=zeros:f32[4096] m=64 n=64 grid=2,2
# run: @triangle x=range:f32[1024] y=zeros:f32[1024] n=29
# run: @in_place x=range:f32[1024]
# run: @shifted x=range:f32[1100]
# run: @sums x=range:f32[1024] w=range:f32[32] y=zeros:f32[1024]
# run: @product x=randn:f32[1024] y=randn:f32[1024] o=zeros:f32[1024] m=25 n=30  ~1e-2
import triton
import triton.language as tl


@triton.jit
def moved(x, y, m, n):
    i = tl.program_id(0) * 32 + tl.arange(0, 32)[:, None]
    j = tl.program_id(1) * 64 + tl.arange(0, 64)[None, :]
    v = tl.load(x + i * n + j, mask=(i < m) & (j < n), other=0)
    tl.store(y + i + j * m, v + v, mask=(i < m) & (j < n))


@triton.jit
def triangle(x, y, n):
    i = tl.arange(0, 32)[:, None]
    j = tl.arange(0, 32)[None, :]
    v = tl.load(x + i * 32 + j, mask=i + j < n, other=-1.0)
    tl.store(y + i + j * 32, v, mask=j - i < n - 20)


@triton.jit
def in_place(x):
    i = tl.arange(0, 32)[:, None]
    j = tl.arange(0, 32)[None, :]
    tl.store(x + i + j * 32, tl.load(x + i * 32 + j))


@triton.jit
def shifted(x):
    i = tl.arange(0, 32)[:, None]
    j = tl.arange(0, 32)[None, :]
    tl.store(x + 70 + i + j * 32, tl.load(x + i * 32 + j))


@triton.jit
def sums(x, w, y):
    i = tl.arange(0, 32)[:, None]
    j = tl.arange(0, 32)[None, :]
    v = tl.load(x + i * 32 + j) * 2 + tl.load(w + i) - j
    tl.store(y + i + j * 32, v)


@triton.jit
def product(x, y, o, m, n):
    i = tl.arange(0, 32)[:, None]
    j = tl.arange(0, 32)[None, :]
    a = tl.load(x + i * 32 + j, mask=(i < m) & (j < n), other=0.0)
    b = tl.load(y + i + j * 32, mask=(i < n) & (j < m), other=0.0)
    tl.store(o + i * 32 + j, tl.dot(a, b, input_precision="ieee"))
