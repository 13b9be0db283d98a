# SPDX-License-Identifier: MIT
"""Kernels of one program per row (or a few): norms, softmax, losses, scans, sorts, the largest elements."""
import triton
import triton.language as tl


@triton.jit
def softmax(x_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * columns + i, mask=i < columns, other=-float("inf")).to(tl.float32)
    e = tl.exp(x - tl.max(x, 0))
    tl.store(y_ptr + row * columns + i, (e / tl.sum(e, 0)).to(y_ptr.dtype.element_ty), mask=i < columns)


@triton.jit
def softmax_online(x_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    top = -float("inf")
    total = 0.0
    for start in range(0, columns, BLOCK):
        i = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * columns + i, mask=i < columns, other=-float("inf"))
        new = tl.maximum(top, tl.max(x, 0))
        total = total * tl.exp(top - new) + tl.sum(tl.exp(x - new), 0)
        top = new
    for start in range(0, columns, BLOCK):
        i = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * columns + i, mask=i < columns, other=-float("inf"))
        tl.store(y_ptr + row * columns + i, tl.exp(x - top) / total, mask=i < columns)


@triton.jit
def rms_norm(x_ptr, w_ptr, y_ptr, columns, eps, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    squares = tl.zeros((BLOCK,), dtype=tl.float32)
    for start in range(0, columns, BLOCK):
        i = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * columns + i, mask=i < columns, other=0.0).to(tl.float32)
        squares += x * x
    scale = 1 / tl.sqrt(tl.sum(squares, 0) / columns + eps)
    for start in range(0, columns, BLOCK):
        i = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * columns + i, mask=i < columns, other=0.0).to(tl.float32)
        w = tl.load(w_ptr + i, mask=i < columns, other=0.0).to(tl.float32)
        tl.store(y_ptr + row * columns + i, (x * scale * w).to(y_ptr.dtype.element_ty), mask=i < columns)


@triton.jit
def layer_norm(x_ptr, w_ptr, b_ptr, y_ptr, mean_ptr, rstd_ptr, columns, eps, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    x_ptr += row.to(tl.int64) * columns
    y_ptr += row.to(tl.int64) * columns
    sums = tl.zeros((BLOCK,), dtype=tl.float32)
    for start in range(0, columns, BLOCK):
        i = start + tl.arange(0, BLOCK)
        sums += tl.load(x_ptr + i, mask=i < columns, other=0.0).to(tl.float32)
    mean = tl.sum(sums, axis=0) / columns
    squares = tl.zeros((BLOCK,), dtype=tl.float32)
    for start in range(0, columns, BLOCK):
        i = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + i, mask=i < columns, other=0.0).to(tl.float32)
        x = tl.where(i < columns, x - mean, 0.0)
        squares += x * x
    rstd = 1 / tl.sqrt(tl.sum(squares, axis=0) / columns + eps)
    tl.store(mean_ptr + row, mean)
    tl.store(rstd_ptr + row, rstd)
    for start in range(0, columns, BLOCK):
        i = start + tl.arange(0, BLOCK)
        mask = i < columns
        w = tl.load(w_ptr + i, mask=mask)
        b = tl.load(b_ptr + i, mask=mask)
        x = tl.load(x_ptr + i, mask=mask, other=0.0).to(tl.float32)
        tl.store(y_ptr + i, (x - mean) * rstd * w + b, mask=mask)


@triton.jit
def layer_norm_backward(dx_ptr, dy_ptr, x_ptr, w_ptr, mean_ptr, rstd_ptr, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    i = tl.arange(0, BLOCK)
    mask = i < columns
    x = tl.load(x_ptr + row * columns + i, mask=mask, other=0).to(tl.float32)
    dy = tl.load(dy_ptr + row * columns + i, mask=mask, other=0).to(tl.float32)
    w = tl.load(w_ptr + i, mask=mask).to(tl.float32)
    mean = tl.load(mean_ptr + row)
    rstd = tl.load(rstd_ptr + row)
    normal = tl.where(mask, (x - mean) * rstd, 0.0)
    wdy = tl.where(mask, w * dy, 0.0)
    c1 = tl.sum(normal * wdy, axis=0) / columns
    c2 = tl.sum(wdy, axis=0) / columns
    tl.store(dx_ptr + row * columns + i, (wdy - (normal * c1 + c2)) * rstd, mask=mask)


@triton.jit
def cross_entropy(logits_ptr, label_ptr, loss_ptr, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    logits_ptr += row * columns
    label = tl.load(label_ptr + row)
    top = float("-inf")
    total = 0.0
    for start in range(0, columns, BLOCK):
        i = start + tl.arange(0, BLOCK)
        x = tl.load(logits_ptr + i, mask=i < columns, other=float("-inf")).to(tl.float32)
        block_top = tl.max(x)
        new = tl.maximum(top, block_top)
        total = total * tl.exp(top - new) + tl.sum(tl.exp(x - new))
        top = new
    at_label = tl.load(logits_ptr + label).to(tl.float32)
    tl.store(loss_ptr + row, top + tl.log(total) - at_label)


@triton.jit
def cumsum(x_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * columns + i, mask=i < columns, other=0.0)
    tl.store(y_ptr + row * columns + i, tl.cumsum(x, 0), mask=i < columns)


@triton.jit
def _linear(a1, b1, a2, b2):
    return a1 * a2, b1 * a2 + b2


@triton.jit
def linear_recurrence(a_ptr, x_ptr, y_ptr, length, BLOCK: tl.constexpr):
    """h = a h + x along each row: the scan of state-space models."""
    row = tl.program_id(0).to(tl.int64)
    i = tl.arange(0, BLOCK)
    mask = i < length
    a = tl.load(a_ptr + row * length + i, mask=mask, other=1.0)
    x = tl.load(x_ptr + row * length + i, mask=mask, other=0.0)
    _, h = tl.associative_scan((a, x), 0, _linear)
    tl.store(y_ptr + row * length + i, h, mask=mask)


@triton.jit
def argmax(x_ptr, out_ptr, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * columns + i, mask=i < columns, other=-float("inf"))
    tl.store(out_ptr + row, tl.argmax(x, 0))


@triton.jit
def sort_rows(x_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * columns + i)
    tl.store(y_ptr + row * columns + i, tl.sort(x))


@triton.jit
def top_k(x_ptr, values_ptr, ids_ptr, columns, K: tl.constexpr, BLOCK: tl.constexpr):
    """The K largest of a row and where they are, by a partial sort of keys: the order of the floats, then the index."""
    row = tl.program_id(0).to(tl.int64)
    i = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * columns + i, mask=i < columns, other=-float("inf"))
    bits = x.to(tl.int32, bitcast=True)
    key = (bits ^ ((bits >> 31) & 0x7FFFFFFF)).to(tl.int64)
    best = tl.topk((key << 32) | (BLOCK - 1 - i).to(tl.int64), K)
    key = (best >> 32).to(tl.int32)
    k = tl.arange(0, K)
    tl.store(values_ptr + row * K + k, (key ^ ((key >> 31) & 0x7FFFFFFF)).to(tl.float32, bitcast=True))
    tl.store(ids_ptr + row * K + k, BLOCK - 1 - (best & 0xFFFFFFFF).to(tl.int32))


@triton.jit
def route(logits_ptr, weights_ptr, experts_ptr, tokens, EXPERTS: tl.constexpr, K: tl.constexpr, BM: tl.constexpr):
    """Softmax over the experts of a token, and the K best of them, one after the other."""
    token = tl.program_id(0) * BM + tl.arange(0, BM)
    expert = tl.arange(0, EXPERTS)
    mask = token < tokens
    x = tl.load(logits_ptr + token[:, None] * EXPERTS + expert[None, :], mask=mask[:, None], other=0.0).to(tl.float32)
    e = tl.exp(x - tl.max(x, 1)[:, None])
    p = e / tl.sum(e, 1)[:, None]
    for k in range(K):
        best, at = tl.max(p, 1, return_indices=True)
        tl.store(weights_ptr + token * K + k, best, mask=mask)
        tl.store(experts_ptr + token * K + k, at, mask=mask)
        p = tl.where(expert[None, :] == at[:, None], -1.0, p)


@triton.jit
def column_sum(x_ptr, y_ptr, rows, columns, BM: tl.constexpr, BN: tl.constexpr):
    """Sums along the rows' axis: the gradient of a bias."""
    n = tl.program_id(0) * BN + tl.arange(0, BN)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for start in range(0, rows, BM):
        m = start + tl.arange(0, BM)
        mask = (m[:, None] < rows) & (n[None, :] < columns)
        acc += tl.load(x_ptr + m[:, None] * columns + n[None, :], mask=mask, other=0.0)
    tl.store(y_ptr + n, tl.sum(acc, axis=0), mask=n < columns)
