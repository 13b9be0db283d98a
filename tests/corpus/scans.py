# SPDX-License-Identifier: MIT
# Scans that threads share: long lines, several of them, from the end, of several values, and where the order of operands matters.
import triton
import triton.language as tl


# run: sums | *i32,*i32,i32 | N=64,REVERSE=False | 2 | r[128]:-99:99,z[128],50
# run: sums | *i32,*i32,i32 | N=1024,REVERSE=True | 1 | r[1024]:-99:99,z[1024],1000
# run: sums | *i64,*i64,i32 | N=2048,REVERSE=False | 1 | r[2048]:-99:99,z[2048],2048
# run: sums | *i16,*i16,i32 | N=512,REVERSE=True | 1 | r[512]:-9:9,z[512],511
# run: sums | *fp32:16,*fp32:16,i32 | N=4096,REVERSE=False | 2 | r[8192],z[8192],4000 | target=2e-5
# run: sums | *fp32:16,*fp32:16,i32 | N=16384,REVERSE=True | 1 | r[16384]:0:1,z[16384],16000 | target=2e-5
# run: sums | *fp16:16,*fp16:16,i32 | N=256,REVERSE=True | 1 | r[256]:0:0.1,z[256],256 | target=1e-2
@triton.jit
def sums(x_ptr, out_ptr, count, N: tl.constexpr, REVERSE: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + tl.program_id(0) * N + i, mask=i < count, other=1)
    tl.store(out_ptr + tl.program_id(0) * N + i, tl.cumsum(x, 0, reverse=REVERSE))


# Lines along either axis, and more of them than one thread each.
# run: lines | *fp32:16,*fp32:16 | M=4,N=256,AXIS=1 | 1 | r[1024],z[2048] | target=1e-5
# run: lines | *fp32:16,*fp32:16 | M=256,N=4,AXIS=0 | 1 | r[1024],z[2048] | target=1e-5
# run: lines | *fp32:16,*fp32:16 | M=32,N=64,AXIS=0 | 1 | r[2048],z[4096] | target=1e-5
# run: lines | *fp32:16,*fp32:16 | M=128,N=16,AXIS=1 | 1 | r[2048],z[4096] | target=1e-5
# run: lines | *i32:16,*i32:16 | M=1,N=512,AXIS=1 | 1 | r[512]:-99:99,z[1024]
@triton.jit
def lines(x_ptr, out_ptr, M: tl.constexpr, N: tl.constexpr, AXIS: tl.constexpr):
    at = tl.arange(0, M)[:, None] * N + tl.arange(0, N)[None, :]
    x = tl.load(x_ptr + at)
    tl.store(out_ptr + at, tl.cumsum(x, AXIS))
    tl.store(out_ptr + M * N + at, tl.cumsum(x * 2, AXIS, reverse=True))


@triton.jit
def _apply(a1, b1, a2, b2):
    return a2 * a1, a2 * b1 + b2


# The recurrence h = a h + b of state-space models; its function does not commute.
# run: recurrence | *fp32:16,*fp32:16,*fp32:16 | N=1024,REVERSE=False | 1 | r[1024]:0.5:0.99,r[1024],z[2048] | target=2e-5
# run: recurrence | *fp32:16,*fp32:16,*fp32:16 | N=256,REVERSE=True | 1 | r[256]:0.5:0.99,r[256],z[512] | target=2e-5
# run: recurrence | *fp32:16,*fp32:16,*fp32:16 | N=4096,REVERSE=True | 1 | r[4096]:0.5:0.99,r[4096],z[8192] | target=2e-5
@triton.jit
def recurrence(a_ptr, b_ptr, out_ptr, N: tl.constexpr, REVERSE: tl.constexpr):
    i = tl.arange(0, N)
    a, h = tl.associative_scan((tl.load(a_ptr + i), tl.load(b_ptr + i)), 0, _apply, reverse=REVERSE)
    tl.store(out_ptr + i, h)
    tl.store(out_ptr + N + i, a)


@triton.jit
def _last(value1, mark1, value2, mark2):
    return tl.where(mark2 != 0, value2, value1), mark1 | mark2


# The last marked value so far, in a loop that carries it from block to block.
# run: fill | *i32,*i32,*i32 | N=128 | 1 | r[512]:-99:99,r[512]:0:2,z[512]
@triton.jit
def fill(x_ptr, mark_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    carried = -1
    for start in range(0, 4 * N, N):
        value, mark = tl.associative_scan((tl.load(x_ptr + start + i), tl.load(mark_ptr + start + i)), 0, _last)
        value = tl.where(mark != 0, value, carried)
        tl.store(out_ptr + start + i, value)
        carried = tl.sum(tl.where(i == N - 1, value, 0))
