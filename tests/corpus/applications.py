# SPDX-License-Identifier: MIT
# Whole kernels as they are written for models: several ideas at once.
import triton
import triton.language as tl


@triton.jit
def leaky_relu(x):
    return tl.where(x >= 0, x, 0.01 * x)


# run: fused_matmul | *fp16:16,*fp16:16,*fp16:16,*fp32:16,i32,i32,i32 | BM=16,BN=32,BK=16,ACTIVATION='leaky_relu' | 6 | r[2000],r[2000],z[2000],r[64],40,36,50 | target=1e-3
# run: fused_matmul | *fp16:16,*fp16:16,*fp16:16,*fp32:16,i32,i32,i32 | BM=16,BN=16,BK=32,ACTIVATION='' | 9 | r[2000],r[2000],z[2000],r[64],40,36,50 | target=1e-3
@triton.jit
def fused_matmul(a_ptr, b_ptr, c_ptr, bias_ptr, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, ACTIVATION: tl.constexpr):
    tiles_n = tl.cdiv(N, BN)
    pid = tl.program_id(0)
    m = (pid // tiles_n) * BM + tl.arange(0, BM)
    n = (pid % tiles_n) * BN + tl.arange(0, BN)
    k = tl.arange(0, BK)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for start in range(0, K, BK):
        a = tl.load(a_ptr + m[:, None] * K + (start + k)[None, :], mask=(m[:, None] < M) & (start + k[None, :] < K), other=0.0)
        b = tl.load(b_ptr + (start + k)[:, None] * N + n[None, :], mask=(start + k[:, None] < K) & (n[None, :] < N), other=0.0)
        acc += tl.dot(a, b)
    acc += tl.load(bias_ptr + n, mask=n < N, other=0.0)[None, :]
    if ACTIVATION == "leaky_relu":
        acc = leaky_relu(acc)
    tl.store(c_ptr + m[:, None] * N + n[None, :], acc.to(tl.float16), mask=(m[:, None] < M) & (n[None, :] < N))


# run: split_k | *fp32:16,*fp32:16,*fp32:16,i32,i32,i32 | BM=16,BN=16,BK=16,SPLIT=3 | 4,3 | r[1600],r[1600],z[1024],32,32,48 | target=2e-6
@triton.jit
def split_k(a_ptr, b_ptr, c_ptr, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, SPLIT: tl.constexpr):
    pid, part = tl.program_id(0), tl.program_id(1)
    m = (pid // (N // BN)) * BM + tl.arange(0, BM)
    n = (pid % (N // BN)) * BN + tl.arange(0, BN)
    k = part * BK + tl.arange(0, BK)
    a_ptrs = a_ptr + m[:, None] * K + k[None, :]
    b_ptrs = b_ptr + k[:, None] * N + n[None, :]
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for i in range(0, tl.cdiv(K, BK * SPLIT)):
        acc = tl.dot(tl.load(a_ptrs), tl.load(b_ptrs), acc)
        a_ptrs += BK * SPLIT
        b_ptrs += BK * SPLIT * N
    tl.atomic_add(c_ptr + m[:, None] * N + n[None, :], acc)


# run: persistent_add | *fp32,*fp32,*fp32,i32,i32 | BLOCK=64 | 3 | r[1000],r[1000],z[1000],1000,3
@triton.jit
def persistent_add(x_ptr, y_ptr, out_ptr, n, programs, BLOCK: tl.constexpr):
    for block in tl.range(tl.program_id(0), tl.cdiv(n, BLOCK), programs, num_stages=2):
        i = block * BLOCK + tl.arange(0, BLOCK)
        inside = i < n
        tl.store(out_ptr + i, tl.load(x_ptr + i, mask=inside) + tl.load(y_ptr + i, mask=inside), mask=inside)


# run: rope | *fp32,*fp32,*fp32,i32,i32 | HALF=16 | 6 | r[200],r[16],r[16],32,6 | target=2e-6
@triton.jit
def rope(x_ptr, cos_ptr, sin_ptr, stride, rows, HALF: tl.constexpr):
    row = tl.program_id(0)
    i = tl.arange(0, HALF)
    c, s = tl.load(cos_ptr + i), tl.load(sin_ptr + i)
    first = x_ptr + row * stride + i
    a, b = tl.load(first), tl.load(first + HALF)
    tl.store(first, a * c - b * s)
    tl.store(first + HALF, b * c + a * s)


# run: embedding | *i32,*fp32,*fp32,i32,i32 | ROWS=8,D=32 | 2 | r[16]:0:10,r[320],z[512],16,20
@triton.jit
def embedding(ids_ptr, table_ptr, out_ptr, n, width, ROWS: tl.constexpr, D: tl.constexpr):
    i = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    d = tl.arange(0, D)
    ids = tl.load(ids_ptr + i, mask=i < n, other=0)
    mask = (i[:, None] < n) & (d[None, :] < width)
    tl.store(out_ptr + i[:, None] * width + d[None, :], tl.load(table_ptr + ids[:, None] * width + d[None, :], mask=mask), mask=mask)


# run: layer_norm_backward | *fp32,*fp32,*fp32,*fp32,*fp32,*fp32,*fp32,*i32,i32,i32 | GROUP=2,BLOCK=64 | 6 | r[300],r[300],r[64],r[8],r[8]:0.5:2,z[300],z[100],z[4],50,50 | target=2e-6
@triton.jit
def layer_norm_backward(dy_ptr, x_ptr, w_ptr, mean_ptr, rstd_ptr, dx_ptr, dw_ptr, lock_ptr, stride, n, GROUP: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + row * stride + i, mask=mask, other=0).to(tl.float32)
    dy = tl.load(dy_ptr + row * stride + i, mask=mask, other=0).to(tl.float32)
    w = tl.load(w_ptr + i, mask=mask).to(tl.float32)
    mean, rstd = tl.load(mean_ptr + row), tl.load(rstd_ptr + row)
    xhat = tl.where(mask, (x - mean) * rstd, 0.0)
    wdy = tl.where(mask, w * dy, 0.0)
    c1 = tl.sum(xhat * wdy, axis=0) / n
    c2 = tl.sum(wdy, axis=0) / n
    tl.store(dx_ptr + row * stride + i, (wdy - (xhat * c1 + c2)) * rstd, mask=mask)
    # One group of rows adds into one partial sum, a row at a time.
    group = row % GROUP
    while tl.atomic_cas(lock_ptr + group, 0, 1) == 1:
        pass
    count = tl.load(lock_ptr + GROUP + group)
    partial = dy * xhat
    if count == 0:
        tl.atomic_xchg(lock_ptr + GROUP + group, 1)
    else:
        partial += tl.load(dw_ptr + group * n + i, mask=mask)
    tl.store(dw_ptr + group * n + i, partial, mask=mask)
    tl.debug_barrier()
    tl.atomic_xchg(lock_ptr + group, 0)


# run: cross_entropy | *fp32,*i32,*fp32,i32,i32 | BLOCK=32 | 5 | r[500],r[5]:0:90,z[5],100,95 | target=2e-6
@triton.jit
def cross_entropy(logits_ptr, targets_ptr, loss_ptr, stride, n, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    m = -float("inf")
    total = 0.0
    for start in range(0, n, BLOCK):
        i = start + tl.arange(0, BLOCK)
        x = tl.load(logits_ptr + row * stride + i, mask=i < n, other=-float("inf"))
        m_new = tl.maximum(m, tl.max(x, 0))
        total = total * tl.exp(m - m_new) + tl.sum(tl.exp(x - m_new), 0)
        m = m_new
    target = tl.load(targets_ptr + row)
    tl.store(loss_ptr + row, tl.log(total) + m - tl.load(logits_ptr + row * stride + target))


@triton.jit
def first_order(a1, b1, a2, b2):
    return a1 * a2, a2 * b1 + b2


# run: linear_recurrence | *fp32,*fp32,*fp32,i32 | T=32,D=8 | 2 | r[256]:0:1,r[256],z[256],8 | target=2e-6
@triton.jit
def linear_recurrence(a_ptr, b_ptr, out_ptr, width, T: tl.constexpr, D: tl.constexpr):
    t = tl.arange(0, T)
    d = tl.program_id(0) * (D // 2) + tl.arange(0, D // 2)
    at = t[:, None] * width + d[None, :]
    a, b = tl.load(a_ptr + at), tl.load(b_ptr + at)
    _, h = tl.associative_scan((a, b), 0, first_order)
    tl.store(out_ptr + at, h)


# run: quantize | *fp32,*i8,*fp32,i32,i32 | BLOCK=64 | 4 | r[240],z[240],z[4],60,60
@triton.jit
def quantize(x_ptr, q_ptr, scale_ptr, stride, n, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * stride + i, mask=i < n, other=0.0)
    scale = tl.max(tl.abs(x), 0) / 127.0
    q = tl.extra.libdevice.rint(x / scale)
    tl.store(q_ptr + row * stride + i, q.to(tl.int8), mask=i < n)
    tl.store(scale_ptr + row, scale)


# run: softmax_rows | *fp32,*fp32,i32,i32 | ROWS=4,COLUMNS=32 | 3 | r[300],z[300],10,30 | target=2e-6
@triton.jit
def softmax_rows(x_ptr, out_ptr, rows, columns, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    r = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    c = tl.arange(0, COLUMNS)
    at = r[:, None] * columns + c[None, :]
    mask = (r[:, None] < rows) & (c[None, :] < columns)
    x = tl.load(x_ptr + at, mask=mask, other=-float("inf"))
    e = tl.exp(x - tl.max(x, 1)[:, None])
    tl.store(out_ptr + at, e / tl.sum(e, 1)[:, None], mask=mask)


# run: transpose | *fp32,*fp32,i32,i32 | B=16 | 2,3 | r[900],z[900],20,40
@triton.jit
def transpose(x_ptr, out_ptr, M, N, B: tl.constexpr):
    m = tl.program_id(0) * B + tl.arange(0, B)
    n = tl.program_id(1) * B + tl.arange(0, B)
    x = tl.load(x_ptr + m[:, None] * N + n[None, :], mask=(m[:, None] < M) & (n[None, :] < N))
    tl.store(out_ptr + n[:, None] * M + m[None, :], x.T, mask=(n[:, None] < N) & (m[None, :] < M))


# run: matvec | *fp32,*fp32,*fp32,i32,i32 | BM=8,BN=16 | 3 | r[1000],r[50],z[20],20,50 | target=2e-6
@triton.jit
def matvec(a_ptr, x_ptr, y_ptr, M, N, BM: tl.constexpr, BN: tl.constexpr):
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    acc = tl.zeros((BM, BN), tl.float32)
    for start in range(0, N, BN):
        n = start + tl.arange(0, BN)
        a = tl.load(a_ptr + m[:, None] * N + n[None, :], mask=(m[:, None] < M) & (n[None, :] < N), other=0.0)
        acc += a * tl.load(x_ptr + n, mask=n < N, other=0.0)[None, :]
    tl.store(y_ptr + m, tl.sum(acc, 1), mask=m < M)


# run: swiglu | *fp16,*fp16,*fp16,i32 | BLOCK=64 | 3 | r[150],r[150],z[150],150 | target=1e-3
@triton.jit
def swiglu(gate_ptr, up_ptr, out_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    g = tl.load(gate_ptr + i, mask=i < n).to(tl.float32)
    u = tl.load(up_ptr + i, mask=i < n)
    tl.store(out_ptr + i, (g * tl.sigmoid(g)).to(tl.float16) * u, mask=i < n)


# run: conv1d | *fp32,*fp32,*fp32,i32 | TAPS=4,BLOCK=32 | 4 | r[100],r[4],z[100],100 | target=2e-6
@triton.jit
def conv1d(x_ptr, w_ptr, out_ptr, n, TAPS: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    acc = tl.zeros([BLOCK], tl.float32)
    for tap in tl.static_range(TAPS):
        j = i - tap
        acc += tl.load(w_ptr + tap) * tl.load(x_ptr + j, mask=(j >= 0) & (j < n), other=0.0)
    tl.store(out_ptr + i, acc, mask=i < n)


# run: online_attention | *fp32,*fp32,*fp32,*fp32,i32 | BM=16,BN=16,D=16 | 3 | r[800],r[800],r[800],z[800],45 | target=2e-6 | until=3.8
@triton.jit
def online_attention(q_ptr, k_ptr, v_ptr, o_ptr, n, BM: tl.constexpr, BN: tl.constexpr, D: tl.constexpr):
    start = tl.program_id(0) * BM
    q = tl.load(tl.make_block_ptr(q_ptr, (n, D), (D, 1), (start, 0), (BM, D), (1, 0)), boundary_check=(0,), padding_option="zero")
    k_block = tl.make_block_ptr(k_ptr, (D, n), (1, D), (0, 0), (D, BN), (0, 1))
    v_block = tl.make_block_ptr(v_ptr, (n, D), (D, 1), (0, 0), (BN, D), (1, 0))
    m_i = tl.full([BM], -1e30, tl.float32)
    l_i = tl.zeros([BM], tl.float32)
    acc = tl.zeros([BM, D], tl.float32)
    for j in range(0, n, BN):
        k = tl.load(k_block, boundary_check=(1,), padding_option="zero")
        s = tl.dot(q, k) * 0.25
        s = tl.where((j + tl.arange(0, BN))[None, :] < n, s, -1e30)
        m_new = tl.maximum(m_i, tl.max(s, 1))
        p = tl.exp(s - m_new[:, None])
        alpha = tl.exp(m_i - m_new)
        l_i = l_i * alpha + tl.sum(p, 1)
        acc = acc * alpha[:, None] + tl.dot(p, tl.load(v_block, boundary_check=(0,), padding_option="zero"))
        m_i = m_new
        k_block = tl.advance(k_block, (0, BN))
        v_block = tl.advance(v_block, (BN, 0))
    o_block = tl.make_block_ptr(o_ptr, (n, D), (D, 1), (start, 0), (BM, D), (1, 0))
    tl.store(o_block, acc / l_i[:, None], boundary_check=(0,))


# run: shifted_in_place | *fp32,i32 | BLOCK=64 | 1 | r[100],60
@triton.jit
def shifted_in_place(x_ptr, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(x_ptr + i + 1, x, mask=i < n)
    tl.store(x_ptr + n - i, x * 2, mask=i < n)


# run: argmax_rows | *fp32,*i32,*fp32,i32 | ROWS=8,COLUMNS=64 | 2 | r[1000],z[16],z[16],50
@triton.jit
def argmax_rows(x_ptr, index_ptr, value_ptr, n, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    r = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    c = tl.arange(0, COLUMNS)
    x = tl.load(x_ptr + r[:, None] * n + c[None, :], mask=c[None, :] < n, other=-float("inf"))
    value, index = tl.max(x, 1, return_indices=True)
    tl.store(index_ptr + r, index)
    tl.store(value_ptr + r, value)


# run: newton | *fp32,*fp32 | N=32 | 1 | r[32]:1:9,z[32] | target=2e-6
@triton.jit
def newton(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(x_ptr + i)
    y = x
    steps = 0
    while (tl.max(tl.abs(y * y - x), 0) > 1e-4) & (steps < 20):
        y = 0.5 * (y + x / y)
        steps += 1
    tl.store(out_ptr + i, y)


# run: swap_carried | *fp32,*fp32 | N=16 | 1 | r[32],z[32]
@triton.jit
def swap_carried(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    a, b = tl.load(x_ptr + i), tl.load(x_ptr + N + i)
    for _ in range(3):
        a, b = b, a + 1.0
    tl.store(out_ptr + i, a)
    tl.store(out_ptr + N + i, b)


# run: fibonacci_tiles | *i32,*i32 | N=16 | 1 | r[32]:0:9,z[32]
@triton.jit
def fibonacci_tiles(x_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    a, b = tl.load(x_ptr + i), tl.load(x_ptr + N + i)
    for _ in range(5):
        t = a + b
        a = b
        b = tl.trans(tl.reshape(t, [4, 4])).reshape([N])
    tl.store(out_ptr + i, a)
    tl.store(out_ptr + N + i, b)
