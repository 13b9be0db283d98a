# SPDX-License-Identifier: MIT
# Quotients, remainders and shifts of lanes that count up: what the first lane has and what the lanes' numbers have are computed apart.
import triton
import triton.language as tl


# Four bits of each of eight numbers that an integer has.
# run: nibbles | *i32,*i32,i32 | N=64 | 3 | r[96],z[192],64
@triton.jit
def nibbles(x, o, n, N: tl.constexpr):
    for start in range(0, n, N):
        i = start + tl.arange(0, N)
        packed = tl.load(x + tl.program_id(0) * 8 + i // 8)
        tl.store(o + tl.program_id(0) * N + i, (packed >> (i % 8 * 4)) & 15)


# Indices that are negative, or no multiples of the lanes; unsigned ones that wrap in the middle of them.
# run: divided | *i32,*i32,i32,i32 | N=64 | 2 | r[64],z[1024],-40,3
# run: divided | *i32,*i32,i32,i32 | N=64 | 2 | r[64],z[1024],64,-8
# run: divided | *i32,*i32,i32,i32 | N=64 | 1 | r[64],z[1024],2147483632,8
@triton.jit
def divided(x, o, first, step, N: tl.constexpr):
    i = first + tl.program_id(0) * step * 8 + tl.arange(0, N)
    to = o + tl.program_id(0) * 8 * N + tl.arange(0, N)
    tl.store(to, i // 8)
    tl.store(to + N, i % 8)
    tl.store(to + 2 * N, i // 64)
    tl.store(to + 3 * N, i % 64)
    u = i.to(tl.uint32)
    tl.store(to + 4 * N, (u // 8).to(tl.int32))
    tl.store(to + 5 * N, (u % 8).to(tl.int32))
    tl.store(to + 6 * N, (u // 128).to(tl.int32))
    tl.store(to + 7 * N, (u % 128).to(tl.int32))


# Any amount, known to be small or not, of each lane or of all.
# run: shifted | *i32,*i32,*i32,i32 | N=64 | 1 | r[64],i[64],z[640],7
# run: shifted | *i32,*i32,*i32,i32 | N=64 | 1 | r[64],i[64],z[640],31
@triton.jit
def shifted(x, by, o, k, N: tl.constexpr):
    i = tl.arange(0, N)
    a, n = tl.load(x + i), tl.load(by + i) & 31
    u = a.to(tl.uint32, bitcast=True)
    tl.store(o + i, a << n)
    tl.store(o + N + i, a >> n)
    tl.store(o + 2 * N + i, (u >> n.to(tl.uint32)).to(tl.int32, bitcast=True))
    tl.store(o + 3 * N + i, (a >> n) & 15)
    tl.store(o + 4 * N + i, (a >> (n & 7)) & 0x1FFFFFF)
    tl.store(o + 5 * N + i, (u >> (n & 15).to(tl.uint32) & 0xFFFF).to(tl.int32))
    tl.store(o + 6 * N + i, a << k)
    tl.store(o + 7 * N + i, a >> k)
    tl.store(o + 8 * N + i, (u >> k.to(tl.uint32)).to(tl.int32, bitcast=True))
    tl.store(o + 9 * N + i, (a >> k) & 0xFF)


# Rows that run together, and one that is left.
# run: rows | *fp32,*fp32,*fp32,i32,i32 | BM=8,BN=32 | 2 | r[1024],r[64],z[16],13,50 | target=1e-6
# run: rows | *fp16,*fp16,*fp32,i32,i32 | BM=4,BN=64 | 4 | r[1024],r[64],z[16],15,64 | target=1e-6
@triton.jit
def rows(w, x, o, m, n, BM: tl.constexpr, BN: tl.constexpr):
    i = tl.program_id(0) * BM + tl.arange(0, BM)
    sums = tl.zeros((BM,), dtype=tl.float32)
    for start in range(0, n, BN):
        k = start + tl.arange(0, BN)
        a = tl.load(w + i[:, None] * 64 + k[None, :], mask=(i[:, None] < m) & (k[None, :] < n), other=0.0)
        sums += tl.sum(a.to(tl.float32) * tl.load(x + k, mask=k < n, other=0.0).to(tl.float32)[None, :], 1)
    tl.store(o + i, sums, mask=i < m)
