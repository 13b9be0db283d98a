# Atomic operations whose results nobody uses: neighbours, strides, equal addresses, masks, arrays that overlap, and every kind of operation.
# run: @neighbours x=randn:f32[300] p=rand:f32[300] n=300 grid=3
# run: @neighbours x=randn:f32[300] p=rand:f32[300] n=300 grid=1
# run: @strided p=zeros:i32[400] n=300 s=1 grid=3
# run: @strided p=zeros:i32[900] n=300 s=3 grid=3
# run: @strided p=zeros:i32[4] n=300 s=0 grid=3  =>  p=[300, 0, 0, 0]
# run: @bins x=range:i32[1000] p=zeros:i32[16] n=999 grid=4
# run: @rows p=zeros:f32[32] grid=2
# run: @moved p=range:i32[200] n=100  =>  p=[1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63, 65, 67, 69, 71, 73, 75, 77, 79, 81, 83, 85, 87, 89, 91, 93, 95, 97, 99, 101, 103, 105, 107, 109, 111, 113, 115, 117, 119, 121, 123, 125, 127, 129, 131, 133, 135, 137, 139, 141, 143, 145, 147, 149, 151, 153, 155, 157, 159, 161, 163, 165, 167, 169, 171, 173, 175, 177, 179, 181, 183, 185, 187, 189, 191, 193, 195, 197, 199, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 139, 140, 141, 142, 143, 144, 145, 146, 147, 148, 149, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159, 160, 161, 162, 163, 164, 165, 166, 167, 168, 169, 170, 171, 172, 173, 174, 175, 176, 177, 178, 179, 180, 181, 182, 183, 184, 185, 186, 187, 188, 189, 190, 191, 192, 193, 194, 195, 196, 197, 198, 199]
# run: @halves x=randn:f16[70] p=rand:f16[70] n=70
# run: @kinds a=range:i32[40] o=range:i32[40] e=range:i32[40] s=range:i32[40] l=range:i32[40] h=range:i32[40] x=range:i32[40] n=33
# run: @extremes p=f32[1, nan, -2, 0] x=f32[nan, 5, -3, 7]
# run: @products x=randn:f32[1024] y=rand:f32[1024] p=rand:f32[1024] grid=2  ~1e-2
import triton
import triton.language as tl


@triton.jit
def neighbours(x, p, n):
    i = tl.program_id(0) * 128 + tl.arange(0, 128)
    tl.atomic_add(p + i, tl.load(x + i, mask=i < n), mask=i < n)


@triton.jit
def strided(p, n, s):
    i = tl.program_id(0) * 128 + tl.arange(0, 128)
    tl.atomic_add(p + i * s, 1, mask=i < n)


@triton.jit
def bins(x, p, n):
    i = tl.program_id(0) * 256 + tl.arange(0, 256)
    v = tl.load(x + i, mask=i < n, other=0)
    tl.atomic_add(p + v * v % 16, 1, mask=i < n)


@triton.jit
def rows(p):
    r, c = tl.arange(0, 8)[:, None], tl.arange(0, 32)[None, :]
    tl.atomic_add(p + c + r * 0, (r * c).to(tl.float32))


@triton.jit
def moved(p, n):
    # Reads its neighbours before it changes them.
    i = tl.arange(0, 128)
    tl.atomic_add(p + i, tl.load(p + i + 1, mask=i < n), mask=i < n)


@triton.jit
def halves(x, p, n):
    i = tl.arange(0, 128)
    tl.atomic_add(p + i, tl.load(x + i, mask=i < n), mask=i < n)


@triton.jit
def kinds(a, o, e, s, l, h, x, n):
    i = tl.arange(0, 64)
    v = i * 77 - 1000
    tl.atomic_and(a + i, v, mask=i < n)
    tl.atomic_or(o + i, v, mask=i < n)
    tl.atomic_xor(e + i, v, mask=i < n)
    tl.atomic_add(s + i, v, mask=i < n)
    tl.atomic_min(l + i, v, mask=i < n)
    tl.atomic_max(h + i, v, mask=i < n)
    tl.atomic_xchg(x + i, v, mask=i < n)


@triton.jit
def extremes(p, x):
    i = tl.arange(0, 4)
    tl.atomic_max(p + i, tl.load(x + i))


@triton.jit
def products(x, y, p):
    i = tl.arange(0, 32)
    at = i[:, None] * 32 + i[None, :]
    tl.atomic_add(p + at, tl.dot(tl.load(x + at), tl.load(y + at), input_precision="ieee"))
