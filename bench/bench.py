# SPDX-License-Identifier: MIT
"""Measures the speed of compiled kernels against references on the same machine, and compile times.

    python bench/bench.py [--seconds N]

A kernel and its peer run alternately in this process, on the same memory, and the medians are compared: other load on the machine
slows both. Peers: Debian's OpenBLAS for matrix products, the C library's memcpy for kernels that memory bounds.
"""
import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

# OpenBLAS reads these when it is loaded: let it choose its kernels.
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from nereid import ROOT, Kernel

EXAMPLES = ROOT / "examples"


def example(name, *signature, **constants):
    return Kernel(EXAMPLES / name / f"{name}.py", name, signature, constants)


def array(shape, rng=None):
    """f32, aligned to a cache line, in mapped memory."""
    size = int(np.prod(shape))
    raw = np.empty(size * 4 + 64, np.uint8)
    start = -raw.ctypes.data % 64
    out = raw[start:start + size * 4].view(np.float32).reshape(shape)
    out[...] = 0 if rng is None else rng.standard_normal(shape, dtype=np.float32)
    return out


def interleave(functions, seconds):
    """Microseconds of each function: (median, 10 %, 90 %)."""
    for f in functions:
        for _ in range(3):
            f()
    times = [[] for _ in functions]
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < 11:
        for f, mine in zip(functions, times):
            start = time.perf_counter()
            f()
            mine.append(1e6 * (time.perf_counter() - start))
    return [(statistics.median(t), *np.percentile(t, (10, 90))) for t in times]


ROW = "{:<37} {:<25} {:>9} {:>9} {:>22} {:>6} {:>7}"


def compare(name, peer_name, run, peer, work, peer_work, unit, wanted, seconds):
    if sys.stdout.isatty():
        print(f"{name} …", end="\r", flush=True)
    mine, other = interleave((run, peer), seconds)
    ratio = (work / mine[0]) / (peer_work / other[0])
    rate = f"{work / mine[0] / 1e3:.1f} / {peer_work / other[0] / 1e3:.1f} {unit}"
    print(ROW.format(name, peer_name, f"{mine[0]:.0f} us", f"{other[0]:.0f} us", rate, f"{ratio:.2f}", f">= {wanted}" if wanted else ""), flush=True)


def check(what, got, wanted, allowed):
    worst = float(np.abs(got - wanted).max())
    if not worst <= allowed:
        sys.exit(f"{what} is wrong: by {worst}")


def processor():
    names = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return f"{os.cpu_count()} processors, {names[0] if names else os.uname().machine}"


def others():
    """The fraction of processor time that other processes use."""
    read = lambda: [int(x) for x in Path("/proc/stat").read_text().split()[1:9]]
    before = read()
    time.sleep(1)
    spent = [b - a for a, b in zip(before, read())]
    return 1 - (spent[3] + spent[4]) / max(1, sum(spent))


def openblas():
    blas = ctypes.CDLL("libopenblas.so.0")
    blas.openblas_get_corename.restype = blas.openblas_get_config.restype = ctypes.c_char_p
    version = blas.openblas_get_config().decode().split()
    return blas, f"{version[0]} {version[1]}, kernel {blas.openblas_get_corename().decode()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3, help="for each row")
    o = parser.parse_args()
    rng = np.random.default_rng(0)
    blas, blas_name = openblas()
    print(f"{time.strftime('%Y-%m-%d')}, {processor()}; {blas_name}; medians")
    if (busy := others()) > 0.1:
        print(f"Other programs keep the machine {busy:.0%} busy: expect worse ratios, for two threads above all")
    print()
    print(ROW.format("kernel", "peer", "kernel", "peer", "rates", "ratio", "wanted"))

    # Matrix product.
    n = 1024
    a, b, c, d = array((n, n), rng), array((n, n), rng), array((n, n)), array((n, n))
    product = example("matmul", *["*fp32:16"] * 3, *["i32:16"] * 6, *[""] * 4, BM=128, BN=128, BK=64, GROUP=4)
    sizes = (n, n, n, n, n, n)
    one = product.bind((64, ), (a, b, c, *sizes))
    two = product.bind((64, ), (a, b, c, *sizes), threads=2)
    address = lambda x: ctypes.c_void_p(x.ctypes.data)

    def sgemm():
        blas.cblas_sgemm(101, 111, 111, n, n, n, ctypes.c_float(1), address(a), n, address(b), n, ctypes.c_float(0), address(d), n)

    one(), sgemm()
    check("matmul", c, d, 1e-3)
    flops = 2 * n**3
    compare("matmul 1024^3 f32, 1 thread", "OpenBLAS, 1 thread", one, sgemm, flops, flops, "GFLOP/s", 0.5, o.seconds)
    if os.cpu_count() > 1:
        compare("matmul 1024^3 f32, 2 threads", "the same, 1 thread", two, one, flops, flops, "GFLOP/s", 1.7, o.seconds)

    # Rows.
    rows, columns = 4096, 1024
    x, y, z = array((rows, columns), rng), array((rows, columns)), array((rows, columns))
    weight, bias = array(columns, rng), array(columns, rng)
    copy = lambda: ctypes.memmove(z.ctypes.data, x.ctypes.data, x.nbytes)
    softmax = example("softmax", *["*fp32:16"] * 2, *["i32:16"] * 3, "", BLOCK=1024).bind((rows, ), (x, y, columns, columns, columns))
    softmax()
    e = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    check("softmax", y, e / e.sum(axis=1, keepdims=True), 1e-6)
    compare("softmax 4096 x 1024 f32, 1 thread", "memcpy of the same bytes", softmax, copy, 2 * x.nbytes, 2 * x.nbytes, "GB/s", 0.6, o.seconds)
    norm = example("layer_norm", *["*fp32:16"] * 4, "i32:16", "i32:16", "fp32", "", BLOCK=1024)
    norm = norm.bind((rows, ), (x, weight, bias, y, columns, columns, 1e-5))
    norm()
    t = x - x.mean(axis=1, keepdims=True, dtype=np.float64)
    check("layer norm", y, t / np.sqrt((t * t).mean(axis=1, keepdims=True) + 1e-5) * weight + bias, 1e-5)
    compare("layer norm 4096 x 1024 f32, 1 thread", "memcpy of the same bytes", norm, copy, 2 * x.nbytes, 2 * x.nbytes, "GB/s", 0.6, o.seconds)

    # Memory alone.
    n = 1 << 24
    x, y, z = array(n, rng), array(n, rng), array(n)
    add = example("vector_add", *["*fp32:16"] * 3, "i32:16", "", BLOCK=4096).bind((n // 4096, ), (x, y, z, n))
    add()
    check("vector add", z, x + y, 0)
    copy = lambda: ctypes.memmove(z.ctypes.data, x.ctypes.data, x.nbytes)
    compare("vector add 16 M f32, 1 thread", "memcpy", add, copy, 3 * x.nbytes, 2 * x.nbytes, "GB/s", 0.9, o.seconds)

    print("\nCompile time, source to runnable code: the median in one process, and the first in a new one")
    row = "{:<37} {:>11} {:>11} {:>11}"
    print(row.format("kernel", "median", "first", "wanted"))
    pointers = ["*fp32:16"] * 4
    for name, signature, constants, wanted in (("softmax", [*pointers[:2], *["i32:16"] * 3, ""], dict(BLOCK=1024), 10),
                                               ("matmul", [*pointers[:3], *["i32:16"] * 6, *[""] * 4], dict(BM=128, BN=128, BK=64, GROUP=4), 25),
                                               ("flash_attention", [*pointers, "i32:16", "fp32", *[""] * 3], dict(BM=64, BN=64, D=64), 60)):
        build = lambda: example(name, *signature, **constants)
        [(median, _, _)] = interleave((build, ), o.seconds)
        alone = [sys.executable, __file__, "--compile", json.dumps([name, signature, constants])]
        first = statistics.median(float(subprocess.run(alone, capture_output=True, text=True, check=True).stdout) for _ in range(7))
        print(row.format(name, f"{median / 1e3:.1f} ms", f"{first / 1e3:.1f} ms", f"<= {wanted} ms"), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--compile"]:  # used above: one compilation in a new process, µs on stdout
        name, signature, constants = json.loads(sys.argv[2])
        start = time.perf_counter()
        example(name, *signature, **constants)
        print(1e6 * (time.perf_counter() - start))
    else:
        main()
