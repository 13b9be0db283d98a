# Indices by `//` and `%`: lanes that are contiguous, or the same, in groups; quotients and remainders by powers of two; shifts by lanes.
# run: @bias x=range:f32[1000] b=range:f32[48] y=zeros:f32[1000] n=1000 c=48 grid=2
# run: @bias x=range:f32[1000] b=range:f32[50] y=zeros:f32[1000] n=990 c=50 grid=2
# run: @bias x=range:f32[1000] b=range:f32[1] y=zeros:f32[1000] n=1000 c=1 grid=2
# run: @bias_in_place x=range:f32[1000] n=1000 c=16 s=0 grid=1
# run: @bias_in_place x=range:f32[1000] n=500 c=64 s=500 grid=1
# run: @unpack w=i32[305419896, -1985229329, 2147483647, -1, 0, 19088743, -2147483648, 1] y=zeros:i32[64]
# run: @unpack_unsigned w=i32[305419896, -1985229329, 2147483647, -1, 0, 19088743, -2147483648, 1] y=zeros:i32[64]
# run: @halves w=range:f16[64] y=zeros:f16[256]
# run: @signed_quotients y=zeros:i32[128] z=zeros:i32[128] s=-70
# run: @wrapped y=zeros:i32[128]
# run: @shifts y=zeros:i32[64] z=zeros:i32[64] u=zeros:i32[64] m=-2023406815
import triton
import triton.language as tl


@triton.jit
def bias(x, b, y, n, c):
    i = tl.program_id(0) * 512 + tl.arange(0, 512)
    tl.store(y + i, tl.load(x + i, mask=i < n) + tl.load(b + i % c, mask=i < n), mask=i < n)


@triton.jit
def bias_in_place(x, n, c, s):
    i = tl.program_id(0) * 512 + tl.arange(0, 512)
    tl.store(x + i, tl.load(x + i, mask=i < n) + tl.load(x + s + i % c, mask=i < n), mask=i < n)


@triton.jit
def unpack(w, y):
    i = tl.arange(0, 64)
    tl.store(y + i, (tl.load(w + i // 8) >> (i % 8 * 4)) & 15)


@triton.jit
def unpack_unsigned(w, y):
    i = tl.arange(0, 64)
    tl.store(y + i, ((tl.load(w + i // 8).to(tl.uint32, bitcast=True) >> (i % 8 * 4).to(tl.uint32)) - 3).to(tl.int32, bitcast=True))


@triton.jit
def halves(w, y):
    i = tl.arange(0, 256)
    tl.store(y + i, tl.load(w + i // 4) + tl.load(w + i % 16))


@triton.jit
def signed_quotients(y, z, s):
    i = tl.arange(0, 128)
    tl.store(y + i, (i + s) // 8)
    tl.store(z + i, (i + s) % 8)


@triton.jit
def wrapped(y):
    i = tl.arange(0, 128)
    tl.store(y + i, (i * 1103515245 + 12345) % 16)


@triton.jit
def shifts(y, z, u, m):
    i = tl.arange(0, 64)
    v = m + i * 7919
    tl.store(y + i, v >> i)
    tl.store(z + i, v << i)
    tl.store(u + i, (v.to(tl.uint32, bitcast=True) >> i.to(tl.uint32)).to(tl.int32, bitcast=True))
