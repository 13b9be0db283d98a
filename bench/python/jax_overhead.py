# SPDX-License-Identifier: MIT
"""Measures the call of an empty kernel in a compiled JAX program against XLA's operations and callbacks to Python; alone, and in a chain of 100 in one program.

    PYTHONPATH=build/python .venv/bin/python bench/python/jax_overhead.py
"""
import os
import time

os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import nereid
import nereid.jax
import numpy as np
from jax.experimental import buffer_callback


@nereid.jit
def empty(x, o):
    pass


N = 100
x = jnp.zeros(16, jnp.float32)
like = jax.ShapeDtypeStruct(x.shape, x.dtype)


def into(_, out, x):
    pass


WAYS = {
    "XLA: x + 1": lambda x: x + 1,
    "empty FFI call": lambda x: jax.ffi.ffi_call("nereid_nothing", like)(x),
    "Nereid, 1 program": lambda x: nereid.jax.triton_call(x, kernel=empty, out_type=like, grid=1),
    "Nereid, 4096 programs": lambda x: nereid.jax.triton_call(x, kernel=empty, out_type=like, grid=4096),
    "buffer_callback": lambda x: buffer_callback.buffer_callback(into, like)(x),
    "pure_callback": lambda x: jax.pure_callback(lambda x: x, like, x),
}


def chained(f):

    def chain(x):
        for _ in range(N):
            x = f(x)
        return x

    return chain


def times(f, seconds, most):
    for _ in range(5):
        f(x).block_until_ready()
    out, until = [], time.perf_counter() + seconds
    while len(out) < most and time.perf_counter() < until:
        start = time.perf_counter()
        f(x).block_until_ready()
        out.append(1e6 * (time.perf_counter() - start))
    return np.percentile(out, [50, 99])


def main():
    print(f"jax {jax.__version__}, {os.cpu_count()} processors; µs: median and 99th percentile of one call under jit, and of one of {N} in a program")
    made = {name: (jax.jit(f), jax.jit(chained(f))) for name, f in WAYS.items()}
    best = {}
    for _ in range(3):  # alternately, so that all run under the same load; the best median
        for name, (one, chain) in made.items():
            now = (*times(one, 0.3, 5000), *(t / N for t in times(chain, 0.3, 2000)))
            best[name] = min(best.get(name, now), now, key=lambda t: t[2])
    for name, (p50, p99, chain50, chain99) in best.items():
        print(f"{name:24} {p50:8.1f} {p99:8.1f}   {chain50:8.2f} {chain99:8.2f}")


main()
