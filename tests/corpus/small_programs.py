# SPDX-License-Identifier: MIT
# Programs so small that a workgroup of a GPU runs several, side by side.
import triton
import triton.language as tl


# A single number each; some programs go round their loop more often than others.
# run: collatz | *i32,*i32,i32 | | 100 | r[100]:1:99,z[101],100
@triton.jit
def collatz(x_ptr, out_ptr, n):
    i = tl.program_id(0)
    x = tl.load(x_ptr + i)
    steps = 0
    while x > 1:
        x = tl.where(x % 2 == 0, x // 2, 3 * x + 1)
        steps += 1
    tl.store(out_ptr + i, steps)
    if steps % 3 == 0:
        before = tl.atomic_add(out_ptr + n, 1)
        tl.device_assert(before < n)


# Tiles of some elements, grids of three axes whose product no workgroup divides.
# run: scaled | *fp32:16,*fp32:16,i32 | N=64 | 3,5,2 | r[1920],z[1920],50
# run: scaled | *fp32,*fp32,i32 | N=8 | 7,3 | r[168],z[168],5
# run: scaled | *fp16:16,*fp16:16,i32 | N=128 | 3 | r[384],z[384],128 | target=1e-3
# run: scaled | *i8,*i8,i32 | N=2 | 33 | r[66],z[66],2
@triton.jit
def scaled(x_ptr, out_ptr, count, N: tl.constexpr):
    program = tl.program_id(0) + tl.num_programs(0) * (tl.program_id(1) + tl.num_programs(1) * tl.program_id(2))
    i = tl.arange(0, N)
    x = tl.load(x_ptr + program * N + i, mask=i < count)
    for step in range(program % 3):
        x = x * 2
    tl.store(out_ptr + program * N + i, x, mask=i < count)


# run: doubled | *fp32:16,*fp32:16 | N=64 | 5 | r[320],z[320]
# run: doubled | *fp16:16,*fp16:16 | N=128 | 3 | r[384],z[384]
@triton.jit
def doubled(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.program_id(0) * N + tl.arange(0, N)
    tl.store(out_ptr + i, tl.load(x_ptr + i) * 2)


# Sums and maxima of small rows, and what they decide.
# run: rows | *fp32:16,*fp32:16,*i32 | N=128 | 9 | r[1152],z[1152],z[9] | target=2e-6
# run: rows | *fp32:16,*fp32:16,*i32 | N=16 | 21 | r[336],z[336],z[21] | target=2e-6
@triton.jit
def rows(x_ptr, out_ptr, at_ptr, N: tl.constexpr):
    program = tl.program_id(0)
    i = tl.arange(0, N)
    x = tl.load(x_ptr + program * N + i)
    y = tl.exp(x - tl.max(x, 0))
    y /= tl.sum(y, 0)
    if tl.sum(x, 0) > 0:
        y = -y
    tl.store(out_ptr + program * N + i, y)
    tl.store(at_ptr + program, tl.argmax(x, 0))


# What programs write and read again, by way of memory and of order.
# run: again | *i32,*i32 | N=16 | 11 | r[176]:0:99,z[352]
@triton.jit
def again(x_ptr, out_ptr, N: tl.constexpr):
    program = tl.program_id(0)
    i = tl.arange(0, N)
    x = tl.load(x_ptr + program * N + i)
    here = out_ptr + program * 2 * N
    tl.store(here + i, tl.sort(x))
    tl.debug_barrier()
    tl.store(here + N + i, tl.load(here + N - 1 - i) + tl.cumsum(x, 0))
