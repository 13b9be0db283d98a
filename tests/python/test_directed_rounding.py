# SPDX-License-Identifier: MIT
"""Directed roundings in the interpreter, compared with exact arithmetic: WebAssembly, in which it also runs, rounds to nearest only."""
import math
from fractions import Fraction

import numpy as np
import pytest

import nereid
import nereid.language as tl
from nereid.language.extra import libdevice

NAMES = ("add", "sub", "mul", "div", "fma")


@nereid.jit
def down(x, y, z, o, N: tl.constexpr):
    i = tl.arange(0, N)
    a, b, c = tl.load(x + i), tl.load(y + i), tl.load(z + i)
    tl.store(o + i, libdevice.add_rd(a, b))
    tl.store(o + N + i, libdevice.sub_rd(a, b))
    tl.store(o + 2 * N + i, libdevice.mul_rd(a, b))
    tl.store(o + 3 * N + i, libdevice.div_rd(a, b))
    tl.store(o + 4 * N + i, libdevice.fma_rd(a, b, c))


@nereid.jit
def up(x, y, z, o, N: tl.constexpr):
    i = tl.arange(0, N)
    a, b, c = tl.load(x + i), tl.load(y + i), tl.load(z + i)
    tl.store(o + i, libdevice.add_ru(a, b))
    tl.store(o + N + i, libdevice.sub_ru(a, b))
    tl.store(o + 2 * N + i, libdevice.mul_ru(a, b))
    tl.store(o + 3 * N + i, libdevice.div_ru(a, b))
    tl.store(o + 4 * N + i, libdevice.fma_ru(a, b, c))


@nereid.jit
def zero(x, y, z, o, N: tl.constexpr):
    i = tl.arange(0, N)
    a, b, c = tl.load(x + i), tl.load(y + i), tl.load(z + i)
    tl.store(o + i, libdevice.add_rz(a, b))
    tl.store(o + N + i, libdevice.sub_rz(a, b))
    tl.store(o + 2 * N + i, libdevice.mul_rz(a, b))
    tl.store(o + 3 * N + i, libdevice.div_rz(a, b))
    tl.store(o + 4 * N + i, libdevice.fma_rz(a, b, c))


def exact(name, a, b, c):
    a, b, c = Fraction(float(a)), Fraction(float(b)), Fraction(float(c))
    return {"add": a + b, "sub": a - b, "mul": a * b, "div": a / b, "fma": a * b + c}[name]


def right(kernel, value, wanted, dtype):
    """Whether a result is the nearest number of the format on the right side."""
    if not math.isfinite(value):
        return abs(wanted) > Fraction(float(np.finfo(dtype).max))
    got, info = Fraction(float(value)), dtype
    below, above = (Fraction(float(np.nextafter(info(value), info(to)))) if math.isfinite(np.nextafter(info(value), info(to))) else None for to in (-math.inf, math.inf))
    is_down = kernel is down or kernel is zero and wanted > 0
    return got <= wanted and (above is None or above > wanted) if is_down else got >= wanted and (below is None or below < wanted)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kernel", [down, up, zero], ids=lambda k: k.__name__)
def test_results_are_on_the_right_side(kernel, dtype):
    rng = np.random.default_rng(0)
    n = 64
    x, y, z = (rng.standard_normal(n).astype(dtype) * dtype(2.0)**rng.integers(-30, 30, n).astype(dtype) for _ in range(3))
    x[:4], y[:4], z[:4] = [1, 1, np.finfo(dtype).max, -1], [np.finfo(dtype).tiny, -np.finfo(dtype).tiny, 2, 3], [1, -1, np.finfo(dtype).tiny, 0.5]
    o = np.zeros(5 * n, dtype)
    assert not nereid.check(kernel, x, y, z, o, N=n, grid=(1, ))
    for k, name in enumerate(NAMES):
        for i in range(n):
            wanted = exact(name, x[i], y[i], z[i])
            assert right(kernel, o[k * n + i], wanted, dtype), (name, x[i], y[i], z[i], o[k * n + i], float(wanted))
