# SPDX-License-Identifier: MIT
# Accumulators that a running maximum scales, as in attention: maxima that grow much, a little, or not at all; rows without any element.
import triton
import triton.language as tl


# Keys that grow along the loop, so that most iterations scale; and small ones, so that almost none does. No iteration at all.
# run: online | *fp16:16,*fp16:16,*fp16:16,*fp32:16,*fp32:16,i32,fp32 | BM=32,BN=32,D=32,CAUSAL=False | 2 | r[2048]:-4:4,r[4096]:-4:4,r[4096],z[2048],z[128],128,1.0 | target=4e-3
# run: online | *fp16:16,*fp16:16,*fp16:16,*fp32:16,*fp32:16,i32,fp32 | BM=32,BN=16,D=64,CAUSAL=False | 1 | r[2048]:-1:1,r[4096]:-1:1,r[4096],z[2048],z[64],64,0.125 | target=4e-3
# run: online | *fp16:16,*fp16:16,*fp16:16,*fp32:16,*fp32:16,i32,fp32 | BM=64,BN=32,D=16,CAUSAL=True | 2 | r[2048]:-2:2,r[2048]:-2:2,r[2048],z[2048],z[256],128,1.0 | target=4e-3
# run: online | *fp16:16,*fp16:16,*fp16:16,*fp32:16,*fp32:16,i32,fp32 | BM=32,BN=32,D=32,CAUSAL=False | 1 | r[1024],r[1024],r[1024],z[1024],z[64],0,1.0
@triton.jit
def online(q, k, v, o, s, n, scale, BM: tl.constexpr, BN: tl.constexpr, D: tl.constexpr, CAUSAL: tl.constexpr):
    p = tl.program_id(0)
    i, d = tl.arange(0, BM), tl.arange(0, D)
    a = tl.load(q + (p * BM + i)[:, None] * D + d[None, :])
    top = tl.full((BM,), float("-inf"), dtype=tl.float32)
    total = tl.zeros((BM,), dtype=tl.float32)
    acc = tl.zeros((BM, D), dtype=tl.float32)
    for start in range(0, n, BN):
        j = start + tl.arange(0, BN)
        b = tl.load(k + j[None, :] * D + d[:, None])
        x = tl.dot(a, b) * (scale * (1 + start / 16))
        if CAUSAL:
            x = tl.where((p * BM + i)[:, None] >= j[None, :], x, float("-inf"))
        new = tl.maximum(top, tl.max(x, 1))
        e = tl.exp(x - new[:, None])
        alpha = tl.exp(top - new)
        total = total * alpha + tl.sum(e, 1)
        acc = acc * alpha[:, None]
        acc = tl.dot(e.to(tl.float16), tl.load(v + j[:, None] * D + d[None, :]), acc)
        top = new
    tl.store(o + (p * BM + i)[:, None] * D + d[None, :], acc / total[:, None])
    tl.store(s + 2 * (p * BM + i), top)
    tl.store(s + 2 * (p * BM + i) + 1, total)


# Parts of a row that others combine: the sums as they are, in proportion to the maximum. The exponent has a factor of its own.
# run: partial | *fp16:16,*fp16:16,*fp16:16,*fp32:16,*fp32:16,i32,fp32 | BM=32,BN=32,D=32 | 2 | r[1024]:-4:4,r[4096]:-4:4,r[4096],z[2048],z[128],64,0.5 | target=4e-3
@triton.jit
def partial(q, k, v, o, s, n, scale, BM: tl.constexpr, BN: tl.constexpr, D: tl.constexpr):
    p = tl.program_id(0)
    i, d = tl.arange(0, BM), tl.arange(0, D)
    a = tl.load(q + i[:, None] * D + d[None, :])
    top = tl.full((BM,), float("-inf"), dtype=tl.float32)
    total = tl.zeros((BM,), dtype=tl.float32)
    acc = tl.zeros((BM, D), dtype=tl.float32)
    for start in range(p * n, (p + 1) * n, BN):
        j = start + tl.arange(0, BN)
        x = tl.dot(a, tl.load(k + j[None, :] * D + d[:, None]))
        new = tl.maximum(top, tl.max(x, 1))
        e = tl.exp2((x - new[:, None]) * scale)
        alpha = tl.exp2((top - new) * scale)
        total = total * alpha + tl.sum(e, 1)
        acc = acc * alpha[:, None] + tl.dot(e.to(tl.float16), tl.load(v + j[:, None] * D + d[None, :]))
        top = new
    tl.store(o + (p * BM + i)[:, None] * D + d[None, :], acc)
    tl.store(s + 2 * (p * BM + i), top)
    tl.store(s + 2 * (p * BM + i) + 1, total)


# Two loops, one without masks, that pass on what they have; keys by columns, and rows of the result by columns.
# run: two_loops | *fp16:16,*fp16:16,*fp16:16,*fp32:16,i32,i32 | BM=32,BN=32,D=32 | 1 | r[1024]:-3:3,r[4096]:-3:3,r[4096],z[1024],64,107 | target=4e-3
@triton.jit
def two_loops(q, k, v, o, whole, n, BM: tl.constexpr, BN: tl.constexpr, D: tl.constexpr):
    i, d = tl.arange(0, BM), tl.arange(0, D)
    a = tl.load(q + i[None, :] * D + d[:, None])
    top = tl.full((BM,), float("-inf"), dtype=tl.float32)
    total = tl.zeros((BM,), dtype=tl.float32)
    acc = tl.zeros((D, BM), dtype=tl.float32)
    for start in range(0, whole, BN):
        j = start + tl.arange(0, BN)
        x = tl.dot(tl.load(k + j[:, None] * D + d[None, :]), a)
        new = tl.maximum(top, tl.max(x, 0))
        e = tl.exp(x - new[None, :])
        alpha = tl.exp(top - new)
        total = total * alpha + tl.sum(e, 0)
        acc = tl.dot(tl.load(v + j[None, :] * D + d[:, None]), e.to(tl.float16), acc * alpha[None, :])
        top = new
    for start in range(whole, n, BN):
        j = start + tl.arange(0, BN)
        inside = j[:, None] < n
        x = tl.dot(tl.load(k + j[:, None] * D + d[None, :], mask=inside, other=0.0), a)
        x = tl.where(inside, x, float("-inf"))
        new = tl.maximum(top, tl.max(x, 0))
        e = tl.where(inside, tl.exp(x - new[None, :]), 0.0)
        alpha = tl.exp(top - new)
        total = total * alpha + tl.sum(e, 0)
        acc = tl.dot(tl.load(v + j[None, :] * D + d[:, None], mask=j[None, :] < n, other=0.0), e.to(tl.float16), acc * alpha[None, :])
        top = new
    tl.store(o + i[None, :] * D + d[:, None], acc / total[None, :])


# Rows in which all is masked, which the kernel takes care of; and what reads the maximum otherwise.
# run: guarded | *fp16:16,*fp16:16,*fp16:16,*fp32:16,i32 | BM=32,BN=32,D=32 | 1 | r[1024]:-3:3,r[2048]:-3:3,r[2048],z[1056],64 | target=4e-3
@triton.jit
def guarded(q, k, v, o, n, BM: tl.constexpr, BN: tl.constexpr, D: tl.constexpr):
    i, d = tl.arange(0, BM), tl.arange(0, D)
    a = tl.load(q + i[:, None] * D + d[None, :])
    top = tl.full((BM,), float("-inf"), dtype=tl.float32)
    total = tl.zeros((BM,), dtype=tl.float32)
    acc = tl.zeros((BM, D), dtype=tl.float32)
    for start in range(0, n, BN):
        j = start + tl.arange(0, BN)
        x = tl.dot(a, tl.load(k + j[None, :] * D + d[:, None]))
        x = tl.where(i[:, None] % 4 != 3, x, float("-inf"))
        new = tl.maximum(top, tl.max(x, 1))
        base = tl.where(new == float("-inf"), 0.0, new)
        e = tl.exp(x - base[:, None])
        alpha = tl.exp(top - base)
        total = total * alpha + tl.sum(e, 1)
        acc = tl.dot(e.to(tl.float16), tl.load(v + j[:, None] * D + d[None, :]), acc * alpha[:, None])
        top = new
    tl.store(o + i[:, None] * D + d[None, :], acc / tl.where(total == 0.0, 1.0, total)[:, None])
    tl.store(o + BM * D + i, total)


# Sums in f16, which would overflow if the maximum were an old one.
# run: narrow | *fp16:16,*fp16:16,*fp16:16,*fp32:16,i32 | BM=32,BN=256,D=32 | 1 | r[1024]:-1:1,r[16384]:-1:1,r[16384]:200:300,z[2048],512 | target=6e-3
@triton.jit
def narrow(q, k, v, o, n, BM: tl.constexpr, BN: tl.constexpr, D: tl.constexpr):
    i, d = tl.arange(0, BM), tl.arange(0, D)
    a = tl.load(q + i[:, None] * D + d[None, :])
    top = tl.full((BM,), float("-inf"), dtype=tl.float32)
    total = tl.zeros((BM,), dtype=tl.float16)
    acc = tl.zeros((BM, D), dtype=tl.float32)
    for start in range(0, n, BN):
        j = start + tl.arange(0, BN)
        x = tl.dot(a, tl.load(k + j[None, :] * D + d[:, None])) + start / 48
        new = tl.maximum(top, tl.max(x, 1))
        e = tl.exp(x - new[:, None]).to(tl.float16)
        alpha = tl.exp(top - new)
        total = total * alpha.to(tl.float16) + tl.sum(e, 1)
        acc = tl.dot(e, tl.load(v + j[:, None] * D + d[None, :]), acc * alpha[:, None])
        top = new
    tl.store(o + i[:, None] * D + d[None, :], acc / total.to(tl.float32)[:, None])
    tl.store(o + BM * D + i, total.to(tl.float32))


# Sums that decay in each iteration, whether the maximum grows or not.
# run: decaying | *fp16:16,*fp16:16,*fp16:16,*fp32:16,i32 | BM=32,BN=32,D=32 | 1 | r[1024],r[4096],r[4096],z[1056],128 | target=4e-3
@triton.jit
def decaying(q, k, v, o, n, BM: tl.constexpr, BN: tl.constexpr, D: tl.constexpr):
    i, d = tl.arange(0, BM), tl.arange(0, D)
    a = tl.load(q + i[:, None] * D + d[None, :])
    top = tl.full((BM,), float("-inf"), dtype=tl.float32)
    total = tl.zeros((BM,), dtype=tl.float32)
    acc = tl.zeros((BM, D), dtype=tl.float32)
    for start in range(0, n, BN):
        j = start + tl.arange(0, BN)
        x = tl.dot(a, tl.load(k + j[None, :] * D + d[:, None])) * 0.1
        new = tl.maximum(top, tl.max(x, 1))
        e = tl.exp(x - new[:, None])
        alpha = tl.exp(top - new - 0.5)
        total = total * alpha + tl.sum(e, 1)
        acc = tl.dot(e.to(tl.float16), tl.load(v + j[:, None] * D + d[None, :]), acc * alpha[:, None])
        top = new
    tl.store(o + i[:, None] * D + d[None, :], acc)
    tl.store(o + BM * D + i, total)


# Products that are not in proportion to the maximum.
# run: unweighted | *fp16:16,*fp16:16,*fp16:16,*fp32:16,i32 | BM=32,BN=32,D=32 | 1 | r[1024],r[4096],r[4096],z[1024],128 | target=4e-3
@triton.jit
def unweighted(q, k, v, o, n, BM: tl.constexpr, BN: tl.constexpr, D: tl.constexpr):
    i, d = tl.arange(0, BM), tl.arange(0, D)
    a = tl.load(q + i[:, None] * D + d[None, :])
    top = tl.full((BM,), float("-inf"), dtype=tl.float32)
    acc = tl.zeros((BM, D), dtype=tl.float32)
    for start in range(0, n, BN):
        j = start + tl.arange(0, BN)
        x = tl.dot(a, tl.load(k + j[None, :] * D + d[:, None])) * 0.1
        new = tl.maximum(top, tl.max(x, 1))
        acc = tl.dot(x.to(tl.float16), tl.load(v + j[:, None] * D + d[None, :]), acc * tl.exp(top - new)[:, None])
        top = new
    tl.store(o + i[:, None] * D + d[None, :], acc)


# Multiples of probabilities, which would overflow in f16, too. The maximum grows slowly.
# run: nearly_full | *fp16:16,*fp16:16,*fp16:16,*fp32:16,i32 | BM=32,BN=32,D=32,FACTOR=1024,HALF=False | 1 | r[1024],r[4096],r[4096],z[1056],128 | target=4e-3
# run: nearly_full | *fp16:16,*fp16:16,*fp16:16,*fp32:16,i32 | BM=32,BN=32,D=32,FACTOR=1,HALF=True | 1 | r[1024],r[8192],r[8192],z[1056],256 | target=1e-2
@triton.jit
def nearly_full(q, k, v, o, n, BM: tl.constexpr, BN: tl.constexpr, D: tl.constexpr, FACTOR: tl.constexpr, HALF: tl.constexpr):
    SUM: tl.constexpr = tl.float16 if HALF else tl.float32
    i, d = tl.arange(0, BM), tl.arange(0, D)
    a = tl.load(q + i[:, None] * D + d[None, :])
    top = tl.full((BM,), float("-inf"), dtype=tl.float32)
    total = tl.zeros((BM,), dtype=SUM)
    acc = tl.zeros((BM, D), dtype=tl.float32)
    for start in range(0, n, BN):
        j = start + tl.arange(0, BN)
        x = tl.dot(a, tl.load(k + j[None, :] * D + d[:, None])) * 0.01 + start * 0.05
        new = tl.maximum(top, tl.max(x, 1))
        e = tl.exp(x - new[:, None])
        alpha = tl.exp(top - new)
        total = total * alpha.to(SUM) + tl.sum(e.to(SUM), 1)
        acc = tl.dot((e * FACTOR).to(tl.float16), tl.load(v + j[:, None] * D + d[None, :]), acc * alpha[:, None])
        top = new
    tl.store(o + i[:, None] * D + d[None, :], acc / FACTOR)
    tl.store(o + BM * D + i, total)


# A factor of the exponent that is negative: all of a row grows as the maximum does.
# run: shrinking | *fp16:16,*fp16:16,*fp16:16,*fp32:16,i32,fp32 | BM=32,BN=32,D=32 | 1 | r[1024],r[4096],r[4096],z[1056],128,-1.0 | target=2e-2
@triton.jit
def shrinking(q, k, v, o, n, factor, BM: tl.constexpr, BN: tl.constexpr, D: tl.constexpr):
    i, d = tl.arange(0, BM), tl.arange(0, D)
    a = tl.load(q + i[:, None] * D + d[None, :])
    top = tl.full((BM,), -10.0, dtype=tl.float32)
    total = tl.zeros((BM,), dtype=tl.float32)
    acc = tl.zeros((BM, D), dtype=tl.float32)
    for start in range(0, n, BN):
        j = start + tl.arange(0, BN)
        x = tl.dot(a, tl.load(k + j[None, :] * D + d[:, None])) * 0.01 + 60
        new = tl.maximum(top, tl.max(x, 1))
        e = tl.exp((x - new[:, None]) * factor)
        alpha = tl.exp((top - new) * factor)
        total = total * alpha + tl.sum(e, 1)
        acc = tl.dot(e.to(tl.float16), tl.load(v + j[:, None] * D + d[None, :]), acc * alpha[:, None])
        top = new
    tl.store(o + i[:, None] * D + d[None, :], acc)
    tl.store(o + BM * D + i, total)
