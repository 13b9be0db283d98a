# SPDX-License-Identifier: MIT
"""Kernels like those of Triton's tutorials 01 to 10, rewritten, with torch tensors on the CPU: times and errors compared with torch.

    python tests/conformance/tutorials.py [results.json]     by stock Triton's front-end and the plug-in; by nereid.compat where there is no Triton

Nothing in them knows of Nereid but the device, which is the one that Triton's driver names.
"""
import os
import sys
import warnings

os.environ.setdefault("TRITON_DEFAULT_BACKEND", "nereid")
try:
    import triton
    WAY = "plug-in, Triton "
except ImportError:
    import nereid.compat
    triton = nereid.compat.install()
    WAY = "nereid.compat, as Triton "

import torch
import torch.nn.functional as F
import triton.language as tl
from triton.language.extra import libdevice
from triton.runtime import driver
from triton.tools.tensor_descriptor import TensorDescriptor

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from results import Suite

warnings.simplefilter("ignore")
DEVICE = driver.active.get_active_torch_device()


def random(*shape, dtype=torch.float32, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(device=DEVICE, dtype=dtype)


def compare(run, reference, allowed, timed=True):
    """Error and times; `run` and `reference` return tensors or tuples of them."""
    got, want = (x if isinstance(x, tuple) else (x, ) for x in (run(), reference()))
    worst = max(float((g.double() - w.double()).abs().max() / w.double().abs().max().clamp(min=1)) for g, w in zip(got, want))
    if not worst <= allowed:
        raise AssertionError(f"error {worst:.3g} is more than {allowed}")
    if not timed:
        return {"error": worst}
    bench = lambda f: triton.testing.do_bench(f, warmup=5, rep=50, return_mode="median")
    return {"error": worst, "ms": bench(run), "torch_ms": bench(reference)}


# ---- 01


@triton.jit
def add_kernel(x, y, o, n, BLOCK: tl.constexpr):
    i = tl.program_id(axis=0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    tl.store(o + i, tl.load(x + i, mask=inside) + tl.load(y + i, mask=inside), mask=inside)


def vector_add():
    x, y = torch.rand(98432, device=DEVICE), torch.rand(98432, device=DEVICE)
    out = torch.empty_like(x)

    def run():
        add_kernel[lambda meta: (triton.cdiv(x.numel(), meta["BLOCK"]), )](x, y, out, x.numel(), BLOCK=1024)
        return out

    return compare(run, lambda: x + y, 0)


# ---- 02


@triton.jit
def softmax_kernel(o, x, x_stride, o_stride, rows, columns, BLOCK: tl.constexpr, STAGES: tl.constexpr):
    first, step = tl.program_id(0), tl.num_programs(0)
    for row in tl.range(first, rows, step, num_stages=STAGES):
        i = tl.arange(0, BLOCK)
        v = tl.load(x + row * x_stride + i, mask=i < columns, other=-float("inf"))
        e = tl.exp(v - tl.max(v, axis=0))
        tl.store(o + row * o_stride + i, e / tl.sum(e, axis=0), mask=i < columns)


def fused_softmax():
    x = random(1823, 781)
    out, block, warps = torch.empty_like(x), triton.next_power_of_2(781), 8
    programs = 64
    if WAY.startswith("plug-in"):  # as many as the device holds at once
        about = driver.active.utils.get_device_properties(DEVICE.index or 0)
        kernel = softmax_kernel.warmup(out, x, x.stride(0), out.stride(0), *x.shape, BLOCK=block, STAGES=4, num_warps=warps, grid=(1, ))
        kernel._init_handles()
        held = min(about["max_num_regs"] // (kernel.n_regs * about["warpSize"] * warps), about["max_shared_mem"] // kernel.metadata.shared)
        programs = min(about["multiprocessor_count"] * held, x.shape[0])

    def run():
        softmax_kernel[(programs, 1, 1)](out, x, x.stride(0), out.stride(0), x.shape[0], x.shape[1], block, 4)
        return out

    return compare(run, lambda: torch.softmax(x, 1), 1e-6)


# ---- 03


@triton.autotune(configs=[triton.Config({"BM": bm, "BN": bn, "BK": bk, "GROUP": 8, **more}, num_stages=s, num_warps=w)
                          for bm, bn, bk, s, w, more in ((128, 256, 64, 3, 8, {}), (64, 128, 32, 4, 4, {}), (32, 64, 32, 5, 2, {}), (64, 64, 64, 2, 4, {"waves_per_eu": 2}))], key=["m", "n", "k"])
@triton.jit
def matmul_kernel(a, b, c, m, n, k, stride_am, stride_ak, stride_bk, stride_bn, stride_cm, stride_cn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, GROUP: tl.constexpr, ACTIVATION: tl.constexpr):
    p = tl.program_id(axis=0)
    down, across = tl.cdiv(m, BM), tl.cdiv(n, BN)
    in_group = GROUP * across
    first = p // in_group * GROUP
    size = min(down - first, GROUP)
    pm, pn = first + p % in_group % size, p % in_group // size
    tl.assume(pm >= 0)
    tl.assume(stride_am > 0)
    rows, columns, inner = (pm * BM + tl.arange(0, BM)) % m, (pn * BN + tl.arange(0, BN)) % n, tl.arange(0, BK)
    a_at, b_at = a + rows[:, None] * stride_am + inner[None, :] * stride_ak, b + inner[:, None] * stride_bk + columns[None, :] * stride_bn
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for s in range(0, tl.cdiv(k, BK)):
        left = k - s * BK
        acc = tl.dot(tl.load(a_at, mask=inner[None, :] < left, other=0.0), tl.load(b_at, mask=inner[:, None] < left, other=0.0), acc)
        a_at += BK * stride_ak
        b_at += BK * stride_bk
    if ACTIVATION == "leaky_relu":
        acc = leaky_relu(acc)
    rows, columns = pm * BM + tl.arange(0, BM), pn * BN + tl.arange(0, BN)
    tl.store(c + stride_cm * rows[:, None] + stride_cn * columns[None, :], acc.to(c.dtype.element_ty), mask=(rows[:, None] < m) & (columns[None, :] < n))


@triton.jit
def leaky_relu(x):
    return tl.where(x >= 0, x, 0.01 * x)


def matmul(activation="", dtype=torch.float16, transposed=False):

    def case():
        a, b = random(512, 512, dtype=torch.float16), random(512, 512, dtype=torch.float16, seed=1)
        a, b = a.to(dtype), b.to(dtype)
        if transposed:
            b = b.T
        out = torch.empty((512, 512), device=DEVICE, dtype=torch.float16)

        def run():
            matmul_kernel[lambda meta: (triton.cdiv(512, meta["BM"]) * triton.cdiv(512, meta["BN"]), )](a, b, out, 512, 512, 512, a.stride(0), a.stride(1), b.stride(0), b.stride(1), out.stride(0), out.stride(1),
                                                                                                       ACTIVATION=activation)
            return out

        def reference():
            c = a.to(torch.float16) @ b.to(torch.float16)
            return F.leaky_relu(c, 0.01) if activation else c

        return compare(run, reference, 2e-3)

    return case


# ---- 04


@triton.jit
def dropout_kernel(x, o, n, p, seed, BLOCK: tl.constexpr):
    i = tl.program_id(axis=0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    v = tl.load(x + i, mask=inside)
    keep = tl.rand(seed, i) > p
    tl.store(o + i, tl.where(keep, v / (1 - p), 0.0), mask=inside)


def dropout():
    x, p = random(100000), 0.3

    def run(seed=123):
        out = torch.empty_like(x)
        dropout_kernel[lambda meta: (triton.cdiv(x.numel(), meta["BLOCK"]), )](x, out, x.numel(), p, seed, BLOCK=1024)
        return out

    one, two, other = run(), run(), run(512)
    assert torch.equal(one, two) and not torch.equal(one, other)
    share = float((one == 0).float().mean())
    assert abs(share - p) < 0.01, f"{share} of the elements are dropped"
    return compare(run, lambda: torch.where(one == 0, 0.0, x / (1 - p)), 1e-6)


# ---- 05


@triton.jit
def layer_norm_forward(x, y, w, b, mean, rstd, stride, n, eps, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    total = tl.zeros([BLOCK], dtype=tl.float32)
    for at in range(0, n, BLOCK):
        i = at + tl.arange(0, BLOCK)
        total += tl.load(x + row * stride + i, mask=i < n, other=0.0).to(tl.float32)
    mu = tl.sum(total, axis=0) / n
    total = tl.zeros([BLOCK], dtype=tl.float32)
    for at in range(0, n, BLOCK):
        i = at + tl.arange(0, BLOCK)
        d = tl.where(i < n, tl.load(x + row * stride + i, mask=i < n, other=0.0).to(tl.float32) - mu, 0.0)
        total += d * d
    r = 1 / tl.sqrt(tl.sum(total, axis=0) / n + eps)
    tl.store(mean + row, mu)
    tl.store(rstd + row, r)
    for at in range(0, n, BLOCK):
        i = at + tl.arange(0, BLOCK)
        inside = i < n
        hat = (tl.load(x + row * stride + i, mask=inside, other=0.0).to(tl.float32) - mu) * r
        tl.store(y + row * stride + i, hat * tl.load(w + i, mask=inside) + tl.load(b + i, mask=inside), mask=inside)


@triton.jit
def layer_norm_dx(dx, dy, dw, db, x, w, mean, rstd, locks, stride, n, GROUPS: tl.constexpr, BLOCK: tl.constexpr):
    row, i = tl.program_id(0), tl.arange(0, BLOCK)
    inside = i < n
    group = row % GROUPS
    lock, count = locks + group, locks + GROUPS + group
    v = tl.load(x + row * stride + i, mask=inside, other=0).to(tl.float32)
    g = tl.load(dy + row * stride + i, mask=inside, other=0).to(tl.float32)
    scale = tl.load(w + i, mask=inside).to(tl.float32)
    r = tl.load(rstd + row)
    hat = tl.where(inside, (v - tl.load(mean + row)) * r, 0.0)
    wg = tl.where(inside, scale * g, 0.0)
    c1, c2 = tl.sum(hat * wg, axis=0) / n, tl.sum(wg, axis=0) / n
    tl.store(dx + row * stride + i, (wg - (hat * c1 + c2)) * r, mask=inside)
    # Sums of the rows of a group, one program at a time.
    part_w, part_b = (g * hat).to(scale.dtype), g.to(scale.dtype)
    while tl.atomic_cas(lock, 0, 1) == 1:
        pass
    if tl.load(count) == 0:
        tl.atomic_xchg(count, 1)
    else:
        part_w += tl.load(dw + group * n + i, mask=inside)
        part_b += tl.load(db + group * n + i, mask=inside)
    tl.store(dw + group * n + i, part_w, mask=inside)
    tl.store(db + group * n + i, part_b, mask=inside)
    tl.debug_barrier()
    tl.atomic_xchg(lock, 0)


@triton.jit
def layer_norm_dwdb(dw, db, final_w, final_b, m, n, BM: tl.constexpr, BN: tl.constexpr):
    columns = tl.program_id(0) * BN + tl.arange(0, BN)
    sum_w, sum_b = tl.zeros((BM, BN), dtype=tl.float32), tl.zeros((BM, BN), dtype=tl.float32)
    for at in range(0, m, BM):
        rows = at + tl.arange(0, BM)
        inside = (rows[:, None] < m) & (columns[None, :] < n)
        where = rows[:, None] * n + columns[None, :]
        sum_w += tl.load(dw + where, mask=inside, other=0.0)
        sum_b += tl.load(db + where, mask=inside, other=0.0)
    tl.store(final_w + columns, tl.sum(sum_w, axis=0), mask=columns < n)
    tl.store(final_b + columns, tl.sum(sum_b, axis=0), mask=columns < n)


class LayerNorm(torch.autograd.Function):

    @staticmethod
    def forward(ctx, x, w, b, eps):
        y, (m, n) = torch.empty_like(x), x.shape
        mean, rstd = torch.empty(m, device=DEVICE), torch.empty(m, device=DEVICE)
        block = min(65536 // x.element_size(), triton.next_power_of_2(n))
        layer_norm_forward[(m, )](x, y, w, b, mean, rstd, x.stride(0), n, eps, BLOCK=block, num_warps=4, num_ctas=1)
        ctx.save_for_backward(x, w, mean, rstd)
        ctx.block = block
        return y

    @staticmethod
    def backward(ctx, dy):
        x, w, mean, rstd = ctx.saved_tensors
        (m, n), groups = x.shape, 64
        locks = torch.zeros(2 * groups, dtype=torch.int32, device=DEVICE)
        parts = torch.zeros((2, groups, n), device=DEVICE)
        dx, dw, db = torch.empty_like(dy), torch.empty_like(w), torch.empty_like(w)
        layer_norm_dx[(m, )](dx, dy, parts[0], parts[1], x, w, mean, rstd, locks, x.stride(0), n, GROUPS=groups, BLOCK=ctx.block, num_warps=4)
        layer_norm_dwdb[lambda meta: (triton.cdiv(n, meta["BN"]), )](parts[0], parts[1], dw, db, min(groups, m), n, BM=32, BN=128, num_ctas=1)
        return dx, dw, db, None


def layer_norm(backward):

    def case():
        x, w, b, dy = random(1151, 1024), torch.rand(1024, device=DEVICE), torch.rand(1024, device=DEVICE), 0.1 * random(1151, 1024, seed=3)

        def of(norm):

            def run():
                if not backward:
                    return norm(x, w, b)
                args = [t.clone().requires_grad_() for t in (x, w, b)]
                norm(*args).backward(dy)
                return tuple(t.grad for t in args)

            return run

        return compare(of(lambda x, w, b: LayerNorm.apply(x, w, b, 1e-5)), of(lambda x, w, b: F.layer_norm(x, (1024, ), w, b, 1e-5)), 1e-5)

    return case


# ---- 06


@triton.jit
def attention_forward(q, k, v, scale, lse, o, heads, n, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, CAUSAL: tl.constexpr):
    block, base = tl.program_id(0), tl.program_id(1) * n * D
    rows, d = block * BM + tl.arange(0, BM), tl.arange(0, D)
    query = tl.load(q + base + rows[:, None] * D + d[None, :])
    top, total, acc = tl.zeros([BM], tl.float32) - float("inf"), tl.zeros([BM], tl.float32), tl.zeros([BM, D], tl.float32)
    end = (block + 1) * BM if CAUSAL else n
    for at in tl.range(0, end, BN):
        at = tl.multiple_of(at, BN)
        cols = at + tl.arange(0, BN)
        s = tl.dot(query, tl.trans(tl.load(k + base + cols[:, None] * D + d[None, :]))) * (scale * 1.44269504)
        if CAUSAL:
            s = tl.where(rows[:, None] >= cols[None, :], s, -1.0e6)
        new = tl.maximum(top, tl.max(s, 1))
        p = tl.math.exp2(s - new[:, None])
        alpha = tl.math.exp2(top - new)
        total = total * alpha + tl.sum(p, 1)
        acc = tl.dot(p.to(query.dtype), tl.load(v + base + cols[:, None] * D + d[None, :]), acc * alpha[:, None])
        top = new
    tl.store(lse + tl.program_id(1) * n + rows, top + tl.math.log2(total))
    tl.store(o + base + rows[:, None] * D + d[None, :], (acc / total[:, None]).to(query.dtype))


@triton.jit
def attention_backward(q, k, v, scale, do, dq, dk, dv, lse, delta, n, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, CAUSAL: tl.constexpr):
    block, base, row_base = tl.program_id(0), tl.program_id(1) * n * D, tl.program_id(1) * n
    cols, d = block * BN + tl.arange(0, BN), tl.arange(0, D)
    key, value = tl.load(k + base + cols[:, None] * D + d[None, :]), tl.load(v + base + cols[:, None] * D + d[None, :])
    dkey, dvalue = tl.zeros([BN, D], tl.float32), tl.zeros([BN, D], tl.float32)
    begin = block * BN // BM * BM if CAUSAL else 0
    for at in range(begin, n, BM):
        rows = at + tl.arange(0, BM)
        where = rows[:, None] * D + d[None, :]
        query, grad = tl.load(q + base + where), tl.load(do + base + where)
        p = tl.math.exp2(tl.dot(query, tl.trans(key)) * (scale * 1.44269504) - tl.load(lse + row_base + rows)[:, None])
        if CAUSAL:
            p = tl.where(rows[:, None] >= cols[None, :], p, 0.0)
        dvalue += tl.dot(tl.trans(p).to(grad.dtype), grad)
        ds = p * (tl.dot(grad, tl.trans(value)) - tl.load(delta + row_base + rows)[:, None]) * scale
        dkey += tl.dot(tl.trans(ds).to(query.dtype), query)
        tl.atomic_add(dq + base + where, tl.dot(ds.to(key.dtype), key), sem="relaxed")
    tl.store(dk + base + cols[:, None] * D + d[None, :], dkey)
    tl.store(dv + base + cols[:, None] * D + d[None, :], dvalue)


class Attention(torch.autograd.Function):

    @staticmethod
    def forward(ctx, q, k, v, causal, scale):
        o, (b, h, n, d) = torch.empty_like(q), q.shape
        lse = torch.empty((b, h, n), device=DEVICE)
        attention_forward[(n // 64, b * h)](q, k, v, scale, lse, o, h, n, D=d, BM=64, BN=64, CAUSAL=causal, num_warps=4, num_stages=3)
        ctx.save_for_backward(q, k, v, o, lse)
        ctx.causal, ctx.scale = causal, scale
        return o

    @staticmethod
    def backward(ctx, do):
        q, k, v, o, lse = ctx.saved_tensors
        do, (b, h, n, d) = do.contiguous(), q.shape
        dq, dk, dv = (torch.zeros(q.shape, device=DEVICE) for _ in range(3))
        attention_backward[(n // 64, b * h)](q, k, v, ctx.scale, do, dq, dk, dv, lse, (o.float() * do.float()).sum(-1), n, D=d, BM=64, BN=64, CAUSAL=ctx.causal)
        return dq.to(q.dtype), dk.to(q.dtype), dv.to(q.dtype), None, None


def attention(causal, backward):

    def case():
        q, k, v, do = (random(1, 2, 256, 64, dtype=torch.float16, seed=s) for s in range(4))

        def of(function):

            def run():
                if not backward:
                    return function(q, k, v)
                args = [t.clone().requires_grad_() for t in (q, k, v)]
                function(*args).backward(do)
                return tuple(t.grad for t in args)

            return run

        return compare(of(lambda q, k, v: Attention.apply(q, k, v, causal, 0.125)), of(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=0.125)), 1e-2)

    return case


# ---- 07


@triton.jit
def asin_kernel(x, o, n, BLOCK: tl.constexpr):
    i = tl.program_id(axis=0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(o + i, libdevice.asin(tl.load(x + i, mask=i < n)), mask=i < n)


def library_function():
    x = torch.rand(98432, device=DEVICE)
    out = torch.zeros_like(x)

    def run():
        asin_kernel[lambda meta: (triton.cdiv(x.numel(), meta["BLOCK"]), )](x, out, x.numel(), BLOCK=1024)
        return out

    return compare(run, lambda: torch.asin(x), 1e-6)


# ---- 08


@triton.autotune(configs=[triton.Config({"BM": 64, "BN": 64, "BK": 32, "PROGRAMS": 8}), triton.Config({"BM": 128, "BN": 128, "BK": 32, "PROGRAMS": 16})], key=["groups"])
@triton.jit
def grouped_kernel(a_ptrs, b_ptrs, c_ptrs, sizes, leading, groups, PROGRAMS: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    tile, before = tl.program_id(0), 0
    for g in range(groups):
        m, n, k = tl.load(sizes + g * 3), tl.load(sizes + g * 3 + 1), tl.load(sizes + g * 3 + 2)
        across = tl.cdiv(n, BN)
        tiles = tl.cdiv(m, BM) * across
        while tile >= before and tile < before + tiles:
            lda, ldb, ldc = tl.load(leading + g * 3), tl.load(leading + g * 3 + 1), tl.load(leading + g * 3 + 2)
            a, b, c = tl.load(a_ptrs + g).to(tl.pointer_type(tl.float16)), tl.load(b_ptrs + g).to(tl.pointer_type(tl.float16)), tl.load(c_ptrs + g).to(tl.pointer_type(tl.float16))
            here = tile - before
            rows, columns, inner = here // across * BM + tl.arange(0, BM), here % across * BN + tl.arange(0, BN), tl.arange(0, BK)
            a_at, b_at = a + rows[:, None] * lda + inner[None, :], b + inner[:, None] * ldb + columns[None, :]
            acc = tl.zeros((BM, BN), dtype=tl.float32)
            for _ in range(0, tl.cdiv(k, BK)):
                tl.multiple_of(a_at, [16, 16])
                tl.multiple_of(b_at, [16, 16])
                acc += tl.dot(tl.load(a_at), tl.load(b_at))
                a_at += BK
                b_at += BK * ldb
            tl.store(c + ldc * rows[:, None] + columns[None, :], acc.to(tl.float16))
            tile += PROGRAMS
        before += tiles


def grouped_gemm():
    shapes = ((256, 256, 256), (128, 256, 128), (256, 128, 64), (128, 128, 128))
    pairs = [(random(m, k, dtype=torch.float16, seed=i), random(k, n, dtype=torch.float16, seed=i + 9)) for i, (m, n, k) in enumerate(shapes)]
    outs = [torch.empty((m, n), device=DEVICE, dtype=torch.float16) for m, n, _ in shapes]
    addresses = [torch.tensor([t.data_ptr() for t in ts], device=DEVICE) for ts in ([a for a, _ in pairs], [b for _, b in pairs], outs)]
    sizes = torch.tensor(shapes, dtype=torch.int32, device=DEVICE).flatten()
    leading = torch.tensor([(a.stride(0), b.stride(0), c.stride(0)) for (a, b), c in zip(pairs, outs)], dtype=torch.int32, device=DEVICE).flatten()

    def run():
        grouped_kernel[lambda meta: (meta["PROGRAMS"], )](*addresses, sizes, leading, len(shapes))
        return tuple(outs)

    return compare(run, lambda: tuple(a @ b for a, b in pairs), 2e-3)


# ---- 09


@triton.jit
def place(tile, in_group, down, GROUP: tl.constexpr):
    first = tile // in_group * GROUP
    size = min(down - first, GROUP)
    return first + tile % size, tile % in_group // size


@triton.jit
def persistent_kernel(a, b, c, m, n, k, stride_am, stride_ak, stride_bk, stride_bn, stride_cm, stride_cn, PROGRAMS: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, GROUP: tl.constexpr):
    down, across = tl.cdiv(m, BM), tl.cdiv(n, BN)
    inner = tl.arange(0, BK)
    for tile in tl.range(tl.program_id(0), down * across, PROGRAMS, flatten=True):
        pm, pn = place(tile, GROUP * across, down, GROUP)
        rows, columns = pm * BM + tl.arange(0, BM), pn * BN + tl.arange(0, BN)
        r, q = tl.where(rows < m, rows, 0), tl.where(columns < n, columns, 0)
        r, q = tl.max_contiguous(tl.multiple_of(r, BM), BM), tl.max_contiguous(tl.multiple_of(q, BN), BN)
        acc = tl.zeros((BM, BN), dtype=tl.float32)
        for s in range(tl.cdiv(k, BK)):
            x = s * BK + inner
            acc = tl.dot(tl.load(a + r[:, None] * stride_am + x[None, :] * stride_ak, mask=x[None, :] < k, other=0.0),
                         tl.load(b + x[:, None] * stride_bk + q[None, :] * stride_bn, mask=x[:, None] < k, other=0.0), acc)
        tl.store(c + stride_cm * rows[:, None] + stride_cn * columns[None, :], acc.to(c.dtype.element_ty), mask=(rows[:, None] < m) & (columns[None, :] < n))


@triton.jit
def tile_product(a, b, c, m, n, k, first, PROGRAMS: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, GROUP: tl.constexpr):
    down, across = tl.cdiv(m, BM), tl.cdiv(n, BN)
    for tile in tl.range(first, down * across, PROGRAMS, flatten=False):
        pm, pn = place(tile, GROUP * across, down, GROUP)
        acc = tl.zeros((BM, BN), dtype=tl.float32)
        for s in range(tl.cdiv(k, BK)):
            acc = tl.dot(a.load([pm * BM, s * BK]), b.load([pn * BN, s * BK]).T, acc)
        c.store([pm * BM, pn * BN], acc.to(tl.float16))


@triton.jit
def persistent_host(a, b, c, m, n, k, PROGRAMS: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, GROUP: tl.constexpr):
    tile_product(a, b, c, m, n, k, tl.program_id(0), PROGRAMS, BM, BN, BK, GROUP)


@triton.jit
def persistent_device(a, b, c, m, n, k, PROGRAMS: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, GROUP: tl.constexpr):
    ad = tl.make_tensor_descriptor(a, shape=[m, k], strides=[k, 1], block_shape=[BM, BK])
    bd = tl.make_tensor_descriptor(b, shape=[n, k], strides=[k, 1], block_shape=[BN, BK])
    cd = tl.make_tensor_descriptor(c, shape=[m, n], strides=[n, 1], block_shape=[BM, BN])
    tile_product(ad, bd, cd, m, n, k, tl.program_id(0), PROGRAMS, BM, BN, BK, GROUP)


def persistent(how):

    def case():
        m, n, k = 512, 384, 320
        a, bt = random(m, k, dtype=torch.float16), random(n, k, dtype=torch.float16, seed=1)
        b, c = bt.T, torch.empty((m, n), device=DEVICE, dtype=torch.float16)
        block = dict(PROGRAMS=8, BM=64, BN=64, BK=64, GROUP=8)
        triton.set_allocator(lambda size, align, stream: torch.empty(size, dtype=torch.int8, device=DEVICE))

        def run():
            if how == "pointers":
                persistent_kernel[(8, )](a, b, c, m, n, k, *a.stride(), *b.stride(), *c.stride(), **block)
            elif how == "host descriptors":
                persistent_host[(8, )](TensorDescriptor(a, a.shape, a.stride(), [64, 64]), TensorDescriptor(bt, bt.shape, bt.stride(), [64, 64]), TensorDescriptor(c, c.shape, c.stride(), [64, 64]), m, n, k, **block)
            else:
                persistent_device[(8, )](a, bt, c, m, n, k, **block)
            return c

        return compare(run, lambda: a @ b, 2e-3)

    return case


# ---- 10


@triton.jit
def scaled_kernel(a, a_scale, b, b_scale, c, m, n, k, A: tl.constexpr, B: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    PACK_A: tl.constexpr = 2 if A == "e2m1" else 1
    PACK_B: tl.constexpr = 2 if B == "e2m1" else 1
    rows, columns = tl.program_id(0) * BM + tl.arange(0, BM), tl.program_id(1) * BN + tl.arange(0, BN)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for at in range(0, k, BK):
        ia, ib, sc = at // PACK_A + tl.arange(0, BK // PACK_A), at // PACK_B + tl.arange(0, BK // PACK_B), at // 32 + tl.arange(0, BK // 32)
        x = tl.load(a + rows[:, None] * (k // PACK_A) + ia[None, :])
        y = tl.load(b + columns[:, None] * (k // PACK_B) + ib[None, :])
        acc = tl.dot_scaled(x, tl.load(a_scale + rows[:, None] * (k // 32) + sc[None, :]), A, y.T, tl.load(b_scale + columns[:, None] * (k // 32) + sc[None, :]), B, acc)
    tl.store(c + rows[:, None] * n + columns[None, :], acc)


FP4 = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])


def block_scaled(a_type, b_type):

    def case():
        m, n, k = 128, 128, 256
        generator = torch.Generator().manual_seed(7)

        def operand(rows, kind):
            scale = torch.randint(125, 130, (rows, k // 32), generator=generator, dtype=torch.uint8)
            if kind == "e2m1":
                codes = torch.randint(0, 16, (rows, k), generator=generator, dtype=torch.uint8)
                data, values = codes[:, 0::2] | codes[:, 1::2] << 4, FP4[codes.long()]
            else:
                data = torch.randn(rows, k, generator=generator).to(torch.float8_e4m3fn)
                values = data.float()
            return data.contiguous().to(DEVICE), scale.to(DEVICE), (values * torch.exp2(scale.float() - 127).repeat_interleave(32, 1)).to(DEVICE)

        (a, sa, av), (b, sb, bv), c = operand(m, a_type), operand(n, b_type), torch.empty((m, n), device=DEVICE)

        def run():
            scaled_kernel[(m // 64, n // 64)](a, sa, b, sb, c, m, n, k, A=a_type, B=b_type, BM=64, BN=64, BK=128)
            return c

        return compare(run, lambda: av @ bv.T, 1e-5)

    return case


CASES = [("01 vector add", vector_add), ("02 fused softmax", fused_softmax), ("03 matmul", matmul()), ("03 matmul, leaky ReLU", matmul("leaky_relu")), ("03 matmul, fp8", matmul(dtype=torch.float8_e5m2, transposed=True)),
         ("04 dropout", dropout), ("05 layer norm", layer_norm(False)), ("05 layer norm, gradients", layer_norm(True)), ("06 attention", attention(False, False)), ("06 attention, causal", attention(True, False)),
         ("06 attention, gradients", attention(False, True)), ("06 attention, causal, gradients", attention(True, True)), ("07 libdevice asin", library_function), ("08 grouped gemm", grouped_gemm),
         ("09 persistent matmul", persistent("pointers")), ("09 persistent matmul, host descriptors", persistent("host descriptors")), ("09 persistent matmul, device descriptors", persistent("device descriptors")),
         ("10 block-scaled matmul, mxfp8", block_scaled("e4m3", "e4m3")), ("10 block-scaled matmul, mxfp4", block_scaled("e2m1", "e2m1")), ("10 block-scaled matmul, mixed", block_scaled("e4m3", "e2m1"))]

if __name__ == "__main__":
    suite = Suite("tutorials 01 to 10", WAY + triton.__version__)
    for name, case in CASES:
        suite.case(name, case)
    sys.exit(1 if suite.finish(sys.argv[1] if len(sys.argv) > 1 else None) else 0)
