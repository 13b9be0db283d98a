# SPDX-License-Identifier: MIT
# Integers of 64 bits around the limits of 32: WebAssembly and WebGPU compute in 32 bits what fits, and what nobody reads the high half of.
import triton
import triton.language as tl


# Scalars: every operation, of numbers that fit, and of those whose results do not.
# run: operations | *i64,*fp32,i32,i32 | | 3 | z[72],z[6],2147483647,-2147483648
# run: operations | *i64,*fp32,i64,i64 | | 3 | z[72],z[6],-9223372036854775807,4294967295
@triton.jit
def operations(o, f, a, b):
    p = tl.program_id(0)
    o += p * 24
    f += p * 2
    a, b, q = a.to(tl.int64), b.to(tl.int64), p.to(tl.int64) - 1
    unsigned = q.to(tl.uint64)
    tl.store(o, a - b)
    tl.store(o + 1, a * b + q)
    tl.store(o + 2, b // -1)
    tl.store(o + 3, (a - b) % 1000)
    tl.store(o + 4, (a + 1).to(tl.int32).to(tl.int64) - a)
    tl.store(o + 5, tl.abs(b))
    tl.store(o + 6, -b)
    tl.store(o + 7, (a & 7) << 29)
    tl.store(o + 8, (a - b) >> 33)
    tl.store(o + 9, q >> 1)
    tl.store(o + 10, q // 2 * 2147483648)
    tl.store(o + 11, q % 3)
    tl.store(o + 12, (unsigned >> 60).to(tl.int64))
    tl.store(o + 13, (unsigned // 7).to(tl.int64))
    tl.store(o + 14, (unsigned % 7).to(tl.int64))
    tl.store(o + 15, tl.minimum(unsigned, 3).to(tl.int64))
    tl.store(o + 16, (unsigned > 3).to(tl.int64))
    tl.store(o + 17, tl.maximum(tl.minimum(a * 3, 100), -5) * b)
    tl.store(o + 18, a.to(tl.uint32).to(tl.int64) + b.to(tl.uint32).to(tl.int64))
    tl.store(o + 19, tl.where(a > b, b, a) - 1)
    tl.store(o + 20, (q & -2) * 2147483647)
    tl.store(o + 21, ((a + b) << 33) >> 33)
    tl.store(f, unsigned.to(tl.float32))
    tl.store(f + 1, (b - 1).to(tl.float32))


# The last step ends beyond 2^31.
# run: counted | *i64,i32,i32 | STEP=16 | 1 | z[2],2147483600,2147483647
# run: counted | *i64,i32,i32 | STEP=2000000000 | 1 | z[2],-2147483648,2147483647
# run: counted | *i64,i64,i64 | STEP=1 | 1 | z[2],2147483640,2147483660
# run: counted | *i64,u32,u32 | STEP=300000000 | 1 | z[2],5,4000000000
@triton.jit
def counted(o, low, high, STEP: tl.constexpr):
    sum = tl.full((), 0, tl.int64)
    n = tl.full((), 0, tl.int64)
    for i in range(low.to(tl.int64), high.to(tl.int64), STEP):
        sum += i * 3
        n += 1
    tl.store(o, sum)
    tl.store(o + 1, n)


# An offset that loops carry, next to numbers that grow beyond 2^32.
# run: carried | *i64,*i64,i32 | | 1 | i[64],z[8],40
@triton.jit
def carried(x, o, n):
    at = tl.full((), 0, tl.int64)
    big = tl.full((), 1, tl.int64)
    sum = tl.full((), 0, tl.int64)
    for i in range(n):
        big = big * 3 + i
        at = (at + big) & 63
        sum += tl.load(x + at)
    tl.store(o, big)
    tl.store(o + 1, at)
    tl.store(o + 2, sum)
    last = n.to(tl.int64)
    while last < 4294967296:
        last = last * last
    tl.store(o + last % 3 + 3, last)


# Indices that leave 32 bits and come back; a mask that decides by the high half.
# run: comes_back | *fp32,*fp32,i32,i64 | N=64 | 4 | r[256],z[256],2000000000,5000000000
@triton.jit
def comes_back(x, o, far, n, N: tl.constexpr):
    p = tl.program_id(0).to(tl.int64)
    i = tl.arange(0, N)
    a = p * far + i + n
    b = a - p * far - n + p * N
    y = tl.load(x + b, mask=a < n + 2 * far.to(tl.int64) + 5, other=-1)
    tl.store(o + b, y + (a // 1000000007).to(tl.float32))


# Reductions and scans, whose results are indices.
# run: reduced | *i64,*i64 | N=128 | 1 | r[128],z[512]
@triton.jit
def reduced(x, o, N: tl.constexpr):
    i = tl.arange(0, N)
    a = tl.load(x + i)
    sum = tl.sum(a)
    largest, at = tl.max(a, 0, return_indices=True)
    tl.store(o + (sum & 3), sum)
    tl.store(o + 4, largest)
    tl.store(o + 5, tl.load(x + at.to(tl.int64)))
    positive = (a > 0).to(tl.int64)
    tl.store(o + N + tl.cumsum(positive) - 1, a, mask=a > 0)
    tl.store(o + 2 * N + i, tl.load(x + (tl.cumsum(a) & (N - 1))))


# Both halves of a number, taken apart and put together.
# run: halves | *i64,*i32,*i64 | N=64 | 1 | r[64],z[128],z[64]
@triton.jit
def halves(x, o, y, N: tl.constexpr):
    i = tl.arange(0, N)
    a = tl.load(x + i)
    high, low = (a >> 32).to(tl.int32), (a * 5 - 7).to(tl.int32)
    tl.store(o + i, high)
    tl.store(o + N + i, low)
    tl.store(y + i, (high.to(tl.int64) << 32) | low.to(tl.uint32).to(tl.int64))


# run: searched | *i64,*i64,i64,i32 | | 8 | i[64],z[8],64,8
@triton.jit
def searched(x, o, n, scale):
    p = tl.program_id(0)
    wanted = (p * scale + 3).to(tl.int64)
    low = tl.full((), 0, tl.int64)
    high = tl.full((), 0, tl.int64) + n - 1
    while low < high:
        middle = low + (high - low) // 2
        if tl.load(x + middle) < wanted:
            low = middle + 1
        else:
            high = middle
    tl.store(o + p, low << 32 | high)


# A bound that the difference of two numbers of 64 bits does not fit in.
# run: unbounded | *fp32,*fp32,i64,i64 | N=64 | 1 | r[64],z[128],-3,9223372036854775807
# run: unbounded | *fp32,*fp32,i64,i64 | N=64 | 1 | r[64],z[128],-9223372036854775808,5
# run: unbounded | *fp32,*fp32,i64,i64 | N=64 | 1 | r[64],z[128],3,-9223372036854775807
@triton.jit
def unbounded(x, o, start, end, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(o + i, tl.load(x + i, mask=start + i < end, other=-1))
    tl.store(o + N + i, tl.load(x + i, mask=start + i <= end, other=-1))
