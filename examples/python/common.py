# SPDX-License-Identifier: MIT
"""Shared by the tutorials: `triton` is stock Triton if it is installed, with Nereid as its back-end, else Nereid's replacement; and checks."""
import os

# Use the CPU even on a machine with a GPU.
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
    print(f"{name}: maximum error {worst:.1e}")
    assert worst <= allowed, f"{name} is wrong: {worst} is more than {allowed}"


def rate(name, call, bytes=None, flops=None):
    """Prints the time of a call, and its rate in bytes or operations per second."""
    ms = triton.testing.do_bench(call, warmup=5, rep=30, return_mode="median")
    unit = f"{bytes / ms / 1e6:.1f} GB/s" if bytes else f"{flops / ms / 1e6:.1f} GFLOP/s"
    print(f"{name}: {ms:.3f} ms, {unit}")
