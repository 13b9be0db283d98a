# SPDX-License-Identifier: MIT
"""One script for every platform: results against NumPy, and times, of three kernels on the CPU and on a GPU. Prints a row of the table in
docs/reference/platforms.md per device.

    python bench/platforms/run.py [cpu] [gpu] [gpu:1]
"""
import sys
import time

import numpy as np

import nereid
import nereid.language as tl

F32 = np.float32


@nereid.jit
def add(x, y, z, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(z + i, tl.load(x + i, mask=i < n) + tl.load(y + i, mask=i < n), mask=i < n)


@nereid.jit
def softmax(out, x, n, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    v = tl.load(x + row * n + i, mask=i < n, other=-float("inf"))
    e = tl.exp(v - tl.max(v, 0))
    tl.store(out + row * n + i, e / tl.sum(e, 0), mask=i < n)


@nereid.jit
def matmul(a, b, c, n, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    columns = tl.program_id(1) * BN + tl.arange(0, BN)
    depth = tl.arange(0, BK)
    sums = tl.zeros((BM, BN), tl.float32)
    for k in range(0, n, BK):
        sums = tl.dot(tl.load(a + rows[:, None] * n + (k + depth)[None, :]), tl.load(b + (k + depth)[:, None] * n + columns[None, :]), sums)
    tl.store(c + rows[:, None] * n + columns[None, :], sums)


def best(kernel, *args, **kwargs):
    """Seconds of a launch: the fastest of those of 0.2 s."""
    return min(nereid.benchmark(kernel, *args, **kwargs).times) / 1e6


def error(got, wanted):
    return float(np.max(np.abs(np.asarray(got) - wanted)) / np.max(np.abs(wanted)))


def measure(device):
    rng = np.random.default_rng(0)
    gpu = device.startswith("gpu")
    place = (lambda x: nereid.gpu.array(x, int(device.partition(":")[2] or 0))) if gpu else (lambda x: x)
    # More than caches hold, where the device is fast enough for it.
    n, rows, m = (1 << 26, 1 << 14, 4096) if gpu and "SwiftShader" not in nereid.gpu.device().name else (1 << 22, 1 << 10, 512)
    x, y = rng.random(n, F32), rng.random(n, F32)
    z = place(np.zeros(n, F32))
    out = {}
    first = time.perf_counter()
    t = best(add, place(x), place(y), z, n, BLOCK=1024, grid=(nereid.cdiv(n, 1024), ))
    out["add"] = error(z, x + y), f"{3 * x.nbytes / t / 1e9:.1f} GB/s"
    x = rng.random((rows, 1000), F32)
    o = place(np.zeros_like(x))
    t = best(softmax, o, place(x), 1000, BLOCK=1024, grid=(rows, ))
    e = np.exp(x - x.max(1, keepdims=True))
    out["softmax"] = error(o, e / e.sum(1, keepdims=True)), f"{2 * x.nbytes / t / 1e9:.1f} GB/s"
    a, b = rng.random((m, m), F32), rng.random((m, m), F32)
    c = place(np.zeros((m, m), F32))
    blocks = dict(BM=64, BN=64, BK=32)
    t = best(matmul, place(a), place(b), c, m, **blocks, grid=(m // 64, m // 64))
    out["matmul"] = error(c, a @ b), f"{2 * m**3 / t / 1e9:.1f} GFLOP/s"
    name = nereid.gpu.device().name if gpu else f"{'native code' if nereid._core.NATIVE else 'WebAssembly'}, {nereid.get_num_threads()} threads"
    print(f"| {device} ({name}) | " + " | ".join(f"{rate} (error {e:.0e})" for e, rate in out.values()) + f" | {time.perf_counter() - first:.0f} s in all |")


for chosen in sys.argv[1:] or ["cpu"]:
    measure(chosen)
