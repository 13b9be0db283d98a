# SPDX-License-Identifier: MIT
"""Forms of launches from stock Triton's tutorials, rewritten without torch: occupancy (02), options in configurations (03), libdevice (07), pointers in memory (08),
descriptors and persistent programs (09). The plain kernels are in examples/python."""
import numpy as np
import triton
import triton.language as tl
from triton.language.extra import libdevice
from triton.runtime import driver
from triton.tools.tensor_descriptor import TensorDescriptor

import nereid

F16, F32 = np.float16, np.float32


def numbers(shape, dtype=F32, seed=0):
    return (np.random.default_rng(seed).random(shape) - 0.5).astype(dtype)


@triton.jit
def rows_softmax(o, x, xs, os, rows, cols, BLOCK: tl.constexpr, STAGES: tl.constexpr):
    for r in tl.range(tl.program_id(0), rows, tl.num_programs(0), num_stages=STAGES):
        c = tl.arange(0, BLOCK)
        v = tl.load(x + r * xs + c, mask=c < cols, other=-float("inf"))
        e = tl.exp(v - tl.max(v, axis=0))
        tl.store(o + r * os + c, e / tl.sum(e, axis=0), mask=c < cols)


def test_as_many_programs_as_run_at_once():
    x = numbers((183, 781))
    o = np.empty_like(x)
    args = (o, x, 781, 781, 183, 781)
    kernel = rows_softmax.warmup(*args, BLOCK=1024, STAGES=2, num_warps=8, grid=(1, ))
    kernel._init_handles()
    device = driver.active.utils.get_device_properties(driver.active.get_current_device())
    at_once = min(device["max_num_regs"] // (kernel.n_regs * device["warpSize"] * 8), device["max_shared_mem"] // kernel.metadata.shared)
    rows_softmax[(min(at_once * device["multiprocessor_count"], 183), 1, 1)](*args, 1024, 2)
    e = np.exp(x - x.max(1, keepdims=True))
    np.testing.assert_allclose(o, e / e.sum(1, keepdims=True), rtol=1e-5)


@triton.autotune(configs=[triton.Config({"BM": 32, "BN": 64, "BK": 32, "GROUP": 8, "waves_per_eu": 2}, num_stages=3, num_warps=4),
                          triton.Config({"BM": 64, "BN": 32, "BK": 32, "GROUP": 4, "matrix_instr_nonkdim": 16}, num_warps=8)], key=["m", "n", "k"])
@triton.jit
def product(a, b, c, m, n, k, am, ak, bk, bn, cm, cn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, GROUP: tl.constexpr, ACTIVATION: tl.constexpr):
    p, down, across = tl.program_id(0), tl.cdiv(m, BM), tl.cdiv(n, BN)
    first = p // (GROUP * across) * GROUP
    height = min(down - first, GROUP)
    i, j = first + p % (GROUP * across) % height, p % (GROUP * across) // height
    tl.assume(i >= 0)
    tl.assume(am > 0)
    rows, cols, inner = (i * BM + tl.arange(0, BM)) % m, (j * BN + tl.arange(0, BN)) % n, tl.arange(0, BK)
    at, bt = a + rows[:, None] * am + inner[None, :] * ak, b + inner[:, None] * bk + cols[None, :] * bn
    total = tl.zeros((BM, BN), tl.float32)
    for s in range(0, tl.cdiv(k, BK)):
        total = tl.dot(tl.load(at, mask=inner[None, :] < k - s * BK, other=0.0), tl.load(bt, mask=inner[:, None] < k - s * BK, other=0.0), total)
        at += BK * ak
        bt += BK * bk
    if ACTIVATION == "leaky_relu":
        total = tl.where(total >= 0, total, 0.01 * total)
    rows, cols = i * BM + tl.arange(0, BM), j * BN + tl.arange(0, BN)
    tl.store(c + rows[:, None] * cm + cols[None, :] * cn, total.to(tl.float16), mask=(rows[:, None] < m) & (cols[None, :] < n))


def test_tuning_with_options_of_other_back_ends():
    m, n, k = 200, 130, 100
    a, b, c = numbers((m, k), F16), numbers((k, n), F16, 1), np.empty((m, n), F16)
    product[lambda meta: (triton.cdiv(m, meta["BM"]) * triton.cdiv(n, meta["BN"]), )](a, b, c, m, n, k, k, 1, n, 1, n, 1, ACTIVATION="leaky_relu")
    wanted = a.astype(F32) @ b.astype(F32)
    np.testing.assert_allclose(c, np.where(wanted >= 0, wanted, 0.01 * wanted), atol=2e-3)


def test_functions_of_libdevice():
    @triton.jit
    def arcsine(x, o, n, BLOCK: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        tl.store(o + i, libdevice.asin(tl.load(x + i, mask=i < n)), mask=i < n)

    x, o = numbers(1000), np.zeros(1000, F32)
    arcsine[(8, )](x, o, 1000, BLOCK=128)
    np.testing.assert_allclose(o, np.arcsin(x), rtol=1e-5, atol=1e-7)


def test_groups_by_pointers_in_memory():
    @triton.jit
    def grouped(As, Bs, Cs, sizes, groups, PROGRAMS: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
        tile, done = tl.program_id(0), 0
        for g in range(groups):
            m, n, k = tl.load(sizes + g * 3), tl.load(sizes + g * 3 + 1), tl.load(sizes + g * 3 + 2)
            across = tl.cdiv(n, BN)
            tiles = tl.cdiv(m, BM) * across
            while tile >= done and tile < done + tiles:
                a, b = tl.load(As + g).to(tl.pointer_type(tl.float16)), tl.load(Bs + g).to(tl.pointer_type(tl.float16))
                c = tl.load(Cs + g).to(tl.pointer_type(tl.float16))
                rows, cols, inner = (tile - done) // across * BM + tl.arange(0, BM), (tile - done) % across * BN + tl.arange(0, BN), tl.arange(0, BK)
                total = tl.zeros((BM, BN), tl.float32)
                for s in range(0, tl.cdiv(k, BK)):
                    at = s * BK + inner
                    total += tl.dot(tl.load(a + rows[:, None] * k + at[None, :], mask=(rows[:, None] < m) & (at[None, :] < k), other=0.0),
                                    tl.load(b + at[:, None] * n + cols[None, :], mask=(at[:, None] < k) & (cols[None, :] < n), other=0.0))
                tl.store(c + rows[:, None] * n + cols[None, :], total.to(tl.float16), mask=(rows[:, None] < m) & (cols[None, :] < n))
                tile += PROGRAMS
            done = done + tiles

    shapes = [(64, 48, 32), (33, 17, 50), (16, 100, 8)]
    data = [(numbers((m, k), F16, g), numbers((k, n), F16, g + 9), np.zeros((m, n), F16)) for g, (m, n, k) in enumerate(shapes)]
    addresses = [np.array([d[i].ctypes.data for d in data], np.int64) for i in range(3)]
    grouped[(3, )](*addresses, np.array(shapes, np.int32), len(shapes), PROGRAMS=3, BM=32, BN=32, BK=16)
    for a, b, c in data:
        np.testing.assert_allclose(c, a.astype(F32) @ b.astype(F32), atol=2e-3)


def test_persistent_programs_with_descriptors():
    @triton.jit
    def persistent(a, b, c, m, n, k, PROGRAMS: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
        across = tl.cdiv(n, BN)
        for t in tl.range(tl.program_id(0), tl.cdiv(m, BM) * across, PROGRAMS, flatten=True):
            i, j = t // across * BM, t % across * BN
            total = tl.zeros((BM, BN), tl.float32)
            for s in range(tl.cdiv(k, BK)):
                total = tl.dot(a.load([i, s * BK]), b.load([j, s * BK]).T, total)
            c.store([i, j], total.to(tl.float16))

    m, n, k = 96, 80, 64
    a, b, c = (np.zeros(s[0] * s[1] + 8, F16) for s in ((m, k), (n, k), (m, n)))
    a, b, c = (x[(-x.ctypes.data // 2) % 8:][:s[0] * s[1]].reshape(s) for x, s in ((a, (m, k)), (b, (n, k)), (c, (m, n))))  # aligned, as descriptors are
    a[:], b[:] = numbers((m, k), F16), numbers((n, k), F16, 1)
    d = [TensorDescriptor(nereid.tensor(x), list(x.shape), [x.shape[1], 1], block) for x, block in ((a, [32, 16]), (b, [32, 16]), (c, [32, 32]))]
    persistent[(3, )](*d, m, n, k, PROGRAMS=3, BM=32, BN=32, BK=16)
    np.testing.assert_allclose(c, a.astype(F32) @ b.astype(F32).T, atol=2e-3)
