# SPDX-License-Identifier: MIT
# Control flow: what is carried, merged, unrolled, or decided at compile time.
import triton
import triton.language as tl


# run: loop_sum | *fp32,*fp32,i32 | BLOCK=16 | 2 | r[160],z[32],5
@triton.jit
def loop_sum(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    acc = tl.zeros([BLOCK], dtype=tl.float32)
    for k in range(n):
        acc += tl.load(x_ptr + i + k * BLOCK)
    tl.store(out_ptr + i, acc)


# run: nested_loops | *i32,i32,i32 | | 1 | z[4],4,5
@triton.jit
def nested_loops(out_ptr, n, m):
    total = 0
    last = 0
    for i in range(n):
        row = 0
        for j in range(i, m):
            row += i * j
            last = j
        total += row
    tl.store(out_ptr, total)
    tl.store(out_ptr + 1, last)


# run: steps | *i32,i32,i32 | | 1 | z[8],3,20
@triton.jit
def steps(out_ptr, start, stop):
    a = 0
    for i in range(start, stop, 4):
        a = a * 2 + i
    tl.store(out_ptr, a)
    b = 0
    for i in range(stop, start, -3):
        b = b * 2 + i
    tl.store(out_ptr + 1, b)
    c = 0
    for i in tl.range(0, stop, start, num_stages=2):
        c = c * 2 + i
    tl.store(out_ptr + 2, c)
    d = 0
    for i in range(10, 0, -1):
        d = d * 2 + i
    tl.store(out_ptr + 3, d)


# run: unrolled | *fp32,*fp32 | N=16 | 1 | r[64],z[16] | target=2e-7
@triton.jit
def unrolled(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    acc = tl.load(x_ptr + i)
    for k in tl.static_range(1, 4):
        x = tl.load(x_ptr + k * N + i)
        if k == 2:
            acc = acc * x
        else:
            acc = acc + x
    tl.store(out_ptr + i, acc)


# run: while_loop | *i32,i32 | | 4 | z[8],27
@triton.jit
def while_loop(out_ptr, n):
    x = n + tl.program_id(0)
    count = 0
    while x != 1:
        if x % 2 == 0:
            x = x // 2
        else:
            x = 3 * x + 1
        count += 1
    tl.store(out_ptr + tl.program_id(0), count)


# run: while_and | *i32,i32 | | 3 | z[8],10
@triton.jit
def while_and(out_ptr, n):
    i = 0
    s = 0
    while (i < n) and (s < 20):
        s += i
        i += 1
    tl.store(out_ptr + tl.program_id(0), s * 100 + i)


# run: branches | *fp32,*fp32,i32 | N=16 | 3 | r[48],z[48],1 | target=2e-7
@triton.jit
def branches(x_ptr, out_ptr, which, N: tl.constexpr):
    pid = tl.program_id(0)
    i = pid * N + tl.arange(0, N)
    x = tl.load(x_ptr + i)
    scale = 1.0
    if pid == which:
        x = x * 2
        scale = 0.5
        extra = x + 1
    elif pid > which:
        extra = x - 1
    else:
        scale = 3.0
        extra = -x
    tl.store(out_ptr + i, x * scale + extra)


# run: early_return | *fp32,*fp32,i32 | N=16 | 4 | r[64],z[64],2
@triton.jit
def early_return(x_ptr, out_ptr, limit, N: tl.constexpr):
    pid = tl.program_id(0)
    if pid >= limit:
        return
    i = pid * N + tl.arange(0, N)
    x = tl.load(x_ptr + i)
    if pid == 0:
        tl.store(out_ptr + i, x + 1)
        return
    tl.store(out_ptr + i, x)


# run: constexpr_branches | *fp32,*fp32 | N=16,MODE='square',FLAG=None | 1 | r[16],z[16] | target=1e-6
# run: constexpr_branches | *fp32,*fp32 | N=16,MODE='none',FLAG=3 | 1 | r[16],z[16]
@triton.jit
def constexpr_branches(x_ptr, out_ptr, N: tl.constexpr, MODE: tl.constexpr, FLAG: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    if MODE == "square":
        y = x * x
    elif MODE == "none":
        y = x
    else:
        y = undefined_name(x)
    if FLAG is not None:
        y = y + FLAG
    if FLAG is None and MODE != "none":
        y = y - 1
    tl.store(out_ptr + i, y if FLAG is None else y * 2)


# run: conditional_expressions | *i32,i32,i32 | | 1 | z[8],7,3
@triton.jit
def conditional_expressions(out_ptr, a, b):
    tl.store(out_ptr, a if a > b else b)
    tl.store(out_ptr + 1, (a + 1 if a < b else b + 2) * 2)
    flag = a > 5 and b < 5
    tl.store(out_ptr + 2, 1 if flag else 0)
    tl.store(out_ptr + 3, 1 if not flag or a == 0 else 0)


# run: loop_in_branch | *i32,i32,i32 | | 1 | z[2],6,1
@triton.jit
def loop_in_branch(out_ptr, n, flag):
    s = 0
    t = 1
    if flag > 0:
        for i in range(n):
            if i % 2 == 1:
                s += i
            else:
                t *= 2
    else:
        s = -1
    tl.store(out_ptr, s)
    tl.store(out_ptr + 1, t)


# run: carried_tuple | *i32,i32 | | 1 | z[4],7
@triton.jit
def carried_tuple(out_ptr, n):
    a, b = 0, 1
    for i in range(n):
        a, b = b, a + b
    tl.store(out_ptr, a)
    tl.store(out_ptr + 1, b)


# run: carried_pointers | *fp32,*fp32,i32 | N=8 | 1 | r[64],z[8],6
@triton.jit
def carried_pointers(x_ptr, out_ptr, n, N: tl.constexpr):
    p = x_ptr + tl.arange(0, N)
    best = tl.full([N], float("-inf"), tl.float32)
    for _ in range(n):
        best = tl.maximum(best, tl.load(p))
        p += N
    tl.store(out_ptr + tl.arange(0, N), best)


# run: walrus | *i32,i32 | | 1 | z[2],5 | since=3.8
@triton.jit
def walrus(out_ptr, n):
    tl.store(out_ptr, (y := n * 2) + 1)
    tl.store(out_ptr + 1, y)


# run: loop_types | *i64,i64,i32 | | 1 | z[4],5,9
@triton.jit
def loop_types(out_ptr, n, m):
    s = m.to(tl.int64)
    for i in range(n):
        s += i
    tl.store(out_ptr, s)
    t = n
    for i in range(m):
        t += i
    tl.store(out_ptr + 1, t)
