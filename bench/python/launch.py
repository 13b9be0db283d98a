# SPDX-License-Identifier: MIT
"""Measures launches from Python: PYTHONPATH=build/python python bench/python/launch.py

Launches of an empty kernel with five arguments; the first call of softmax, from source and from the disk; and, if stock Triton is
installed, the plug-in compared with Triton's part of a launch and with TRITON_INTERPRET=1.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

SOFTMAX = """
def softmax(x, o, n, BLOCK: tl.constexpr):
    row, i = tl.program_id(0), tl.arange(0, BLOCK)
    v = tl.load(x + row * n + i, mask=i < n, other=-float("inf"))
    e = tl.exp(v - tl.max(v, axis=0))
    tl.store(o + row * n + i, e / tl.sum(e, axis=0), mask=i < n)

def matmul(a, b, c, N, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    k = tl.arange(0, BK)
    acc = tl.zeros((BM, BN), tl.float32)
    for s in range(0, N, BK):
        acc = tl.dot(tl.load(a + m[:, None] * N + (s + k)[None, :]), tl.load(b + (s + k)[:, None] * N + n[None, :]), acc)
    tl.store(c + m[:, None] * N + n[None, :], acc)

def empty(a, b, c, n, m):
    pass
"""


def module(header, decorator):
    """The kernels, defined with the given library."""
    folder = os.path.join(os.environ["NEREID_CACHE_DIR"], "source", decorator)  # its name is part of the cache key
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "kernels.py"), "w") as f:
        f.write(header + SOFTMAX.replace("def ", f"@{decorator}\ndef "))
    sys.path.insert(0, folder)
    import kernels
    return kernels


def each(call, count):
    """Median µs per call, over batches."""
    call()
    times = []
    for _ in range(15):
        before = time.perf_counter()
        for _ in range(count):
            call()
        times.append((time.perf_counter() - before) / count * 1e6)
    return statistics.median(times)


def once(call):
    before = time.perf_counter()
    call()
    return (time.perf_counter() - before) * 1e3


def arrays(rows=256, n=1000):
    return np.random.default_rng(0).random((rows, n), dtype=np.float32), np.zeros((rows, n), np.float32)


def jit():
    import nereid
    kernels = module("import nereid\nimport nereid.language as tl\n", "nereid.jit")
    x, o = arrays()
    out = {"first softmax, ms": once(lambda: kernels.softmax[(256, )](x, o, 1000, BLOCK=1024))}
    assert np.allclose(o.sum(1), 1, atol=1e-4)
    grid = (1, )
    out["empty launch, us"] = each(lambda: kernels.empty[grid](x, o, x, 1000, 5), 20000)
    nereid.set_num_threads(1)
    out["softmax of 256 x 1000, ms"] = each(lambda: kernels.softmax[(256, )](x, o, 1000, BLOCK=1024), 20) / 1e3
    a, b = arrays(256, 256)
    out["matmul of 256, ms"] = each(lambda: kernels.matmul[(4, 4)](a, b, b, 256, BM=64, BN=64, BK=32), 20) / 1e3
    return out


def plugin():
    kernels = module("import triton\nimport triton.language as tl\n", "triton.jit")
    import nereid
    nereid.set_num_threads(1)
    x, o = arrays()
    out = {"first softmax, ms": once(lambda: kernels.softmax[(256, )](x, o, 1000, BLOCK=1024))}
    grid = (1, )
    out["empty launch, us"] = each(lambda: kernels.empty[grid](x, o, x, 1000, 5), 5000)
    # Only Triton's Python code: tensors that need no conversion, and a launch that does nothing.
    p, q = nereid._core.wrap((x, o))
    kernel = kernels.empty.warmup(p, q, p, 1000, 5, grid=grid)
    kernel._init_handles()
    kernel._run, real = (lambda *_: None), kernel._run
    out["Triton's part of it, us"] = each(lambda: kernels.empty[grid](p, q, p, 1000, 5), 5000)
    kernel._run = real
    out["softmax of 256 x 1000, ms"] = each(lambda: kernels.softmax[(256, )](x, o, 1000, BLOCK=1024), 20) / 1e3
    a, b = arrays(256, 256)
    out["matmul of 256, ms"] = each(lambda: kernels.matmul[(4, 4)](a, b, b, 256, BM=64, BN=64, BK=32), 20) / 1e3
    return out


def interpreter():
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../tests/python"))
    import cases
    kernels = module("import triton\nimport triton.language as tl\n", "triton.jit")
    x, o = map(cases.Host, arrays())
    a, b = map(cases.Host, arrays(256, 256))
    return {"softmax of 256 x 1000, ms": min(once(lambda: kernels.softmax[(256, )](x, o, 1000, BLOCK=1024)) for _ in range(3)),
            "matmul of 256, ms": min(once(lambda: kernels.matmul[(4, 4)](a, b, b, 256, BM=64, BN=64, BK=32)) for _ in range(3))}


def main():
    cache = tempfile.mkdtemp()

    def run(name, **env):
        done = subprocess.run([sys.executable, __file__, name], env={**os.environ, "NEREID_CACHE_DIR": cache, "TRITON_CACHE_DIR": cache + "/triton", **env}, capture_output=True, text=True)
        if done.returncode:
            print(f"{name}: {done.stderr.strip().splitlines()[-1]}")
            return
        print(name + (" from the disk" if env.get("again") else ""))
        for what, value in json.loads(done.stdout).items():
            print(f"    {what:28} {value:10.3f}")

    run("jit")
    run("jit", again="1")
    run("plugin", TRITON_DEFAULT_BACKEND="nereid")
    run("plugin", TRITON_DEFAULT_BACKEND="nereid", again="1")
    run("interpreter", TRITON_INTERPRET="1")


if len(sys.argv) > 1:
    print(json.dumps(globals()[sys.argv[1]]()))
else:
    main()
