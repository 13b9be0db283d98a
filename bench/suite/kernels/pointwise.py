# SPDX-License-Identifier: MIT
"""Kernels that move or map elements: activations, rotary embedding, optimizers, gathers, transposes, permutations."""
import triton
import triton.language as tl


@triton.jit
def swiglu(gate_ptr, up_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    gate_ptr += row * columns
    up_ptr += row * columns
    y_ptr += row * columns
    i = tl.arange(0, BLOCK)
    mask = i < columns
    g = tl.load(gate_ptr + i, mask=mask, other=0).to(tl.float32)
    u = tl.load(up_ptr + i, mask=mask, other=0)
    tl.store(y_ptr + i, (g * tl.sigmoid(g)).to(u.dtype) * u, mask=mask)


@triton.jit
def rotary(q_ptr, cos_ptr, sin_ptr, out_ptr, heads, HALF: tl.constexpr, HEADS: tl.constexpr):
    """One program a token; both halves of each head turn by the token's angles."""
    token = tl.program_id(0).to(tl.int64)
    head = tl.arange(0, HEADS)[:, None]
    i = tl.arange(0, HALF)[None, :]
    cos = tl.load(cos_ptr + token * HALF + i)
    sin = tl.load(sin_ptr + token * HALF + i)
    first = token * heads * (2 * HALF) + head * (2 * HALF) + i
    mask = head < heads
    a = tl.load(q_ptr + first, mask=mask, other=0).to(tl.float32)
    b = tl.load(q_ptr + first + HALF, mask=mask, other=0).to(tl.float32)
    tl.store(out_ptr + first, (a * cos - b * sin).to(out_ptr.dtype.element_ty), mask=mask)
    tl.store(out_ptr + first + HALF, (b * cos + a * sin).to(out_ptr.dtype.element_ty), mask=mask)


@triton.jit
def bias_gelu(x_ptr, bias_ptr, y_ptr, n, columns, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask) + tl.load(bias_ptr + i % columns, mask=mask)
    tl.store(y_ptr + i, 0.5 * x * (1.0 + tl.erf(x * 0.7071067811865476)), mask=mask)


@triton.jit
def adamw(p_ptr, g_ptr, m_ptr, v_ptr, n, lr, beta1, beta2, eps, decay, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    p = tl.load(p_ptr + i, mask=mask)
    g = tl.load(g_ptr + i, mask=mask)
    m = beta1 * tl.load(m_ptr + i, mask=mask) + (1 - beta1) * g
    v = beta2 * tl.load(v_ptr + i, mask=mask) + (1 - beta2) * g * g
    tl.store(p_ptr + i, p * (1 - lr * decay) - lr * m / (tl.sqrt(v) + eps), mask=mask)
    tl.store(m_ptr + i, m, mask=mask)
    tl.store(v_ptr + i, v, mask=mask)


@triton.jit
def dropout(x_ptr, y_ptr, n, p, seed, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    x = tl.load(x_ptr + i, mask=mask)
    keep = tl.rand(seed, i) > p
    tl.store(y_ptr + i, tl.where(keep, x / (1 - p), 0.0), mask=mask)


@triton.jit
def transpose(x_ptr, y_ptr, rows, columns, BM: tl.constexpr, BN: tl.constexpr):
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    mask = (m[:, None] < rows) & (n[None, :] < columns)
    x = tl.load(x_ptr + m[:, None] * columns + n[None, :], mask=mask)
    tl.store(y_ptr + n[:, None] * rows + m[None, :], tl.trans(x), mask=(n[:, None] < columns) & (m[None, :] < rows))


@triton.jit
def swap_heads(x_ptr, y_ptr, length, heads, BT: tl.constexpr, BH: tl.constexpr, D: tl.constexpr):
    """batch, length, heads, D becomes batch, heads, length, D."""
    batch = tl.program_id(2).to(tl.int64)
    t = tl.program_id(0) * BT + tl.arange(0, BT)
    h = tl.program_id(1) * BH + tl.arange(0, BH)
    d = tl.arange(0, D)
    x_ptr += batch * length * heads * D
    y_ptr += batch * length * heads * D
    x = tl.load(x_ptr + (t[:, None, None] * heads + h[None, :, None]) * D + d[None, None, :],
                mask=(t[:, None, None] < length) & (h[None, :, None] < heads))
    tl.store(y_ptr + (h[:, None, None] * length + t[None, :, None]) * D + d[None, None, :], tl.permute(x, (1, 0, 2)),
             mask=(h[:, None, None] < heads) & (t[None, :, None] < length))


@triton.jit
def embedding(ids_ptr, table_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    token = tl.program_id(0).to(tl.int64)
    row = tl.load(ids_ptr + token).to(tl.int64)
    i = tl.arange(0, BLOCK)
    tl.store(y_ptr + token * columns + i, tl.load(table_ptr + row * columns + i, mask=i < columns), mask=i < columns)


@triton.jit
def scatter_add(ids_ptr, g_ptr, table_ptr, columns, BLOCK: tl.constexpr):
    """The gradient of an embedding."""
    token = tl.program_id(0).to(tl.int64)
    row = tl.load(ids_ptr + token).to(tl.int64)
    i = tl.arange(0, BLOCK)
    tl.atomic_add(table_ptr + row * columns + i, tl.load(g_ptr + token * columns + i, mask=i < columns), mask=i < columns)


@triton.jit
def histogram(x_ptr, bins_ptr, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = i < n
    tl.atomic_add(bins_ptr + tl.load(x_ptr + i, mask=mask, other=0), 1, mask=mask)


@triton.jit
def conv1d(x_ptr, w_ptr, y_ptr, length, WIDTH: tl.constexpr, BLOCK: tl.constexpr):
    """A causal depthwise convolution: one channel per program of axis 0."""
    channel = tl.program_id(0).to(tl.int64)
    t = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    acc = tl.zeros((BLOCK,), dtype=tl.float32)
    for k in tl.static_range(WIDTH):
        at = t - (WIDTH - 1) + k
        x = tl.load(x_ptr + channel * length + at, mask=(at >= 0) & (at < length), other=0.0)
        acc += x * tl.load(w_ptr + channel * WIDTH + k)
    tl.store(y_ptr + channel * length + t, acc / (1 + tl.exp(-acc)), mask=t < length)
