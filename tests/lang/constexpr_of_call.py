# What a function gives for constexprs is one where one is wanted, and a tensor of Triton's type elsewhere.
# run: @k n=3 out=zeros:i64[6]  =>  out=[5, 40, 1, 24, -2, 7]
import triton
import triton.language as tl


@triton.jit
def half(x):
    return x // 2


@triton.jit
def width(n: tl.constexpr):
    return tl.arange(0, n).shape[0]


@triton.jit
def k(out, n, M: tl.constexpr = 36, N: tl.constexpr = 8):
    tiles: tl.constexpr = tl.cdiv(M, N)
    padded: tl.constexpr = tiles * N
    tl.store(out, tiles)
    for j in tl.static_range(padded // N - 4):
        tl.store(out + 1 + j, padded)
    narrow = tl.full([1], 1, tl.int8)
    tl.store(out + 2, (narrow * tiles).dtype == tl.int32)
    run_time: tl.constexpr = n * N
    tl.store(out + 3, run_time)
    tl.store(out + 4, half(tl.cdiv(-M, N)))
    tl.store(out + 5, width(tl.cdiv(M, N) + 3) - 1)
