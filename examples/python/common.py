# SPDX-License-Identifier: MIT
"""What the tutorials share: stock Triton with Nereid's plug-in where it is installed, else Nereid in its place; and checks."""
import os

# On a machine with a GPU these files run on the processor all the same.
os.environ.setdefault("TRITON_DEFAULT_BACKEND", "nereid")
try:
    import triton
except ImportError:
    import nereid.compat
    triton = nereid.compat.install()

import numpy as np

import triton.testing


def check(name, got, wanted, allowed):
    worst = float(np.max(np.abs(np.asarray(got, np.float64) - wanted)))
    print(f"{name}: largest error {worst:.1e}")
    assert worst <= allowed, f"{name} is wrong: {worst} is more than {allowed}"


def rate(name, call, bytes=None, flops=None):
    """Time of a call, and what it makes of its bytes or operations."""
    ms = triton.testing.do_bench(call, warmup=5, rep=30, return_mode="median")
    unit = f"{bytes / ms / 1e6:.1f} GB/s" if bytes else f"{flops / ms / 1e6:.1f} GFLOP/s"
    print(f"{name}: {ms:.3f} ms, {unit}")
