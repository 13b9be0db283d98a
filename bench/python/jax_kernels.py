# SPDX-License-Identifier: MIT
"""Kernels in JAX programs on the CPU: Triton and Pallas through Nereid, compared with jax.numpy under jit (XLA:CPU), Pallas with interpret=True, and Numba if it is installed.

    PYTHONPATH=build/python .venv/bin/python bench/python/jax_kernels.py
"""
import importlib
import os
import sys
import time
from pathlib import Path

os.environ["JAX_PLATFORMS"] = "cpu"
ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/python/jax"), *(str(ROOT / "examples" / name) for name in ("softmax", "layer_norm", "matmul", "flash_attention"))]

import nereid
import nereid.compat

try:
    import triton  # noqa: F401
except ImportError:
    nereid.compat.install()

import jax
import jax.numpy as jnp
import nereid.jax
import nereid.language as tl
import numpy as np
import pallas_kernels as in_pallas

try:
    import numba
except ImportError:
    numba = None

nereid.jax.pallas.enable()
call = nereid.jax.triton_call
kernel = {name: getattr(importlib.import_module(name), name) for name in ("softmax", "layer_norm", "matmul", "flash_attention")}


@nereid.jit
def gather_sum(table, index, out, columns, COUNT: tl.constexpr, BLOCK: tl.constexpr):
    """An embedding bag: for each row of `index`, the sum of the rows of the table that it selects."""
    row, i = tl.program_id(0), tl.arange(0, BLOCK)
    total = tl.zeros((BLOCK,), tl.float32)
    for k in range(COUNT):
        at = tl.load(index + row * COUNT + k).to(tl.int64)
        total += tl.load(table + at * columns + i, mask=i < columns, other=0.0)
    tl.store(out + row * columns + i, total, mask=i < columns)


def softmax(x):
    return call(x, columns=x.shape[1], x_stride=x.shape[1], out_stride=x.shape[1], kernel=kernel["softmax"], out_type=x, grid=x.shape[0], BLOCK=nereid.next_power_of_2(x.shape[1]))


def layer_norm(x, w, b):
    return call(x, w, b, columns=x.shape[1], stride=x.shape[1], epsilon=1e-5, kernel=kernel["layer_norm"], out_type=x, grid=x.shape[0], BLOCK=nereid.next_power_of_2(x.shape[1]))


def matmul(a, b):
    (m, k), n = a.shape, b.shape[1]
    return call(a, b, M=m, N=n, K=k, a_stride=k, b_stride=n, c_stride=n, kernel=kernel["matmul"], out_type=jax.ShapeDtypeStruct((m, n), a.dtype),
                grid=lambda c: nereid.cdiv(m, c["BM"]) * nereid.cdiv(n, c["BN"]), BM=128, BN=128, BK=64, GROUP=4)


def attention(q, k, v):
    batch, heads, length, d = q.shape
    return call(q, k, v, length=length, scale=d**-0.5, kernel=kernel["flash_attention"], out_type=q, grid=(nereid.cdiv(length, 64), batch * heads), BM=64, BN=64, D=d)


def gather(table, index):
    return call(table, index, columns=table.shape[1], kernel=gather_sum, out_type=jax.ShapeDtypeStruct((index.shape[0], table.shape[1]), table.dtype), grid=index.shape[0],
                COUNT=index.shape[1], BLOCK=nereid.next_power_of_2(table.shape[1]))


def plain_layer_norm(x, w, b):
    d = x - x.mean(1, keepdims=True)
    return d * jax.lax.rsqrt((d * d).mean(1, keepdims=True) + 1e-5) * w + b


def numbers(shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), jnp.float32)


x, w, b = numbers((1024, 1024)), numbers(1024, 1), numbers(1024, 2)
q, k, v = (numbers((1, 8, 1024, 64), s) for s in range(3))
index = jnp.asarray(np.random.default_rng(5).integers(0, 100_000, (4096, 32)), jnp.int32)
table = numbers((100_000, 64))
pallas = lambda f, **kwargs: lambda *args: f(*args, **kwargs)
# name: arguments, {way: function}
CASES = {
    "softmax 1024 x 1024": ((x,), {"Nereid": softmax, "Pallas": in_pallas.softmax, "XLA:CPU": jax.nn.softmax, "interpret": pallas(in_pallas.softmax, interpret=True)}),
    "layer norm 1024 x 1024": ((x, w, b), {"Nereid": layer_norm, "Pallas": in_pallas.layer_norm, "XLA:CPU": plain_layer_norm, "interpret": pallas(in_pallas.layer_norm, interpret=True)}),
    "causal attention 8 x 1024 x 64": ((q, k, v), {
        "Nereid": attention, "Pallas": pallas(in_pallas.attention, block_q=64, block_k=64, causal=True), "XLA:CPU": pallas(in_pallas.plain_attention, causal=True),
        "interpret": pallas(in_pallas.attention, block_q=64, block_k=64, causal=True, interpret=True)}),
    "sums of 32 gathered rows of 64": ((table, index), {"Nereid": gather, "XLA:CPU": lambda table, index: table[index].sum(1)}),
    "matmul 1024^3": ((x, numbers((1024, 1024), 3)), {
        "Nereid": matmul, "Pallas": pallas(in_pallas.matmul, bm=128, bn=128, bk=64), "XLA:CPU": jnp.matmul, "interpret": pallas(in_pallas.matmul, bm=128, bn=128, bk=64, interpret=True)}),
}


def numba_softmax():

    @numba.njit(parallel=True, fastmath=True)
    def run(x, out):
        for r in numba.prange(x.shape[0]):
            most = x[r].max()
            total = np.float32(0)
            for c in range(x.shape[1]):
                out[r, c] = np.exp(x[r, c] - most)
                total += out[r, c]
            for c in range(x.shape[1]):
                out[r, c] /= total

    out = np.empty(x.shape, np.float32)
    array = np.asarray(x)
    return lambda *_: run(array, out)


def milliseconds(f, args, seconds):
    out, until = [], time.perf_counter() + seconds
    while not out or (time.perf_counter() < until and len(out) < 500):
        start = time.perf_counter()
        jax.block_until_ready(f(*args))
        out.append(1e3 * (time.perf_counter() - start))
    return float(np.median(out))


def main():
    print(f"jax {jax.__version__}, {os.cpu_count()} processors; ms, and how many times as long as Nereid with Triton's kernel")
    for name, (args, ways) in CASES.items():
        made = {way: jax.jit(f) for way, f in ways.items()}
        wanted = None
        for way, f in made.items():
            got = np.asarray(f(*args))
            wanted = got if wanted is None else wanted
            assert np.abs(got - wanted).max() <= 2e-3 * np.abs(wanted).max(), (name, way, np.abs(got - wanted).max())
        if numba and name.startswith("softmax"):
            made["Numba"] = numba_softmax()
            made["Numba"]()
        best = {}
        for turn in range(3):  # alternately, so that all run under the same load; the best median
            for way, f in made.items():
                if way == "interpret" and turn:
                    continue
                best[way] = min(best.get(way, 1e9), milliseconds(f, args, 0.5))
        print(f"{name:32}" + "  ".join(f"{way} {t:8.3f} ({t / best['Nereid']:.2f})" for way, t in best.items()), flush=True)


main()
