# SPDX-License-Identifier: MIT
"""nereid.info: the devices that run kernels here, their speed, and advice."""
import platform
import sys
import time

from . import _cache, _core


class Info:
    """The result of nereid.info. `rows` has one dict per device: device, what, runs, and if it was measured gb_per_s and gflop_per_s. `advice` are sentences."""

    def __init__(self, rows, advice):
        self.rows, self.advice = rows, advice

    def __repr__(self):
        lines = [f"nereid {_core.version()}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"]
        for row in self.rows:
            rates = f": {row['gb_per_s']:.1f} GB/s (vector add), {row['gflop_per_s']:.1f} GFLOP/s (f32 matmul)" if "gb_per_s" in row else ""
            lines.append(f"  {row['device']:<10} {row['what']}{rates}" + ("" if row["runs"] else " (does not run here)"))
        lines.append(f"  cache      {_cache.directory() or 'none'}")
        return "\n".join(lines + [f"* {text}" for text in self.advice])


def info(measure=True):
    """Describes the devices that run kernels here and, with `measure`, their speed, in about a second. Print the result."""
    advice = []
    native = _core.NATIVE
    what = f"native code by LLVM for {_core.processor().split()[0]}" if native else f"WebAssembly in {_core.processor().split(' ', 1)[1]}"
    row = {"device": "cpu", "what": f"{what}, {_core.get_num_threads()} threads", "runs": True}
    if measure:
        row |= _rates()
    rows = [row]
    if not native:
        if sys.platform == "linux" and platform.machine() == "x86_64":
            advice.append("kernels run as native code with the wheel for Linux on x86-64: pip install --force-reinstall --only-binary nereid-lang nereid-lang")
        elif sys.platform != "emscripten":
            advice.append(f"there is no native wheel for {platform.system()} on {platform.machine()}: kernels are WebAssembly with 128-bit vectors")
        if not _cache.directory():
            advice.append("without a cache, each process compiles the compiler's WebAssembly, which takes seconds: set NEREID_CACHE_DIR to a folder that can be written")
    if not native and sys.platform != "emscripten":
        row["what"] += "; arrays are copied for each launch"
    return Info(rows, advice)


def _rates():
    import numpy
    from . import _samples
    n = 1 << 20
    x, y, z = (numpy.ones(n, numpy.float32) for _ in range(3))
    add = lambda: _samples.add[(n // 4096, )](x, y, z, BLOCK=4096)
    m = 256
    a, b, c = (numpy.ones((m, m), numpy.float32) for _ in range(3))
    multiply = lambda: _samples.matmul[(m // 64, m // 64)](a, b, c, m, BLOCK=64)
    return {"gb_per_s": 3 * x.nbytes / _best(add) / 1e9, "gflop_per_s": 2 * m**3 / _best(multiply) / 1e9}


def _best(call):
    call()
    best, end = float("inf"), time.perf_counter() + 0.2
    while time.perf_counter() < end:
        before = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - before)
    return best


