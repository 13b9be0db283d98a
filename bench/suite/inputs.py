# SPDX-License-Identifier: MIT
"""The arguments of the suite's cases in NumPy, their results in float64, and Nereid's kernels on the CPU of this machine."""
import functools
import importlib.util
import os
import re
import time
from types import SimpleNamespace

import ml_dtypes
import numpy as np

from cases import HERE, Array
from pool import POOL, pool

TYPES = {"f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16, "fp8e4nv": ml_dtypes.float8_e4m3fn, "fp8e5": ml_dtypes.float8_e5m2, "i32": np.int32, "i8": np.int8, "i64": np.int64}
NUMBERS = pool()


def aligned(shape, dtype):
    """An array that begins at a cache line."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.empty(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start:start + size].view(dtype).reshape(shape)


def array(spec, number):
    """The elements of argument `number`: see `fill` of cases.py. The shift makes arguments differ."""
    out = aligned(spec.shape, TYPES[spec.dtype])
    if spec.fill == "zero" or (spec.out and spec.fill == "uniform"):
        out[...] = 0
        return out
    x = np.roll(NUMBERS, -(1009 * number % POOL))
    if spec.fill in ("offsets", "permuted"):
        i = np.arange(spec.size)
        if spec.fill == "permuted":
            out[...] = (i * 40503 + 7) % spec.size
        else:
            out[...] = (2048 * i + np.resize(x * 1024, spec.size).astype(np.int64)) * spec.limit // (2048 * (spec.size - 1))
            out[0], out[-1] = 0, spec.limit
        return out
    if spec.fill == "positive":
        x = (x + 1 + np.float32(1 / 1024)) / 2
    elif spec.fill == "below":
        x = np.floor((x + 1) / 2 * np.float32(spec.limit))
    elif spec.fill == "any":
        x = (x * 2097143).astype(np.int32) * np.int32(1023)
    elif spec.dtype == "i8":
        x = np.floor(x * 127)
    elif spec.dtype == "bf16":
        x = np.floor(x * 64) / 64
    elif spec.dtype.startswith("fp8"):
        x = np.floor(x * 8) / 8
    out[...] = np.resize(x.astype(out.dtype), spec.size).reshape(spec.shape)
    return out


def arguments(case):
    """The arguments of a launch, by name."""
    return {name: array(value, k) if isinstance(value, Array) else value for k, (name, value) in enumerate(case.args.items())}


def arrays(values):
    """The arrays of `values` by the names that functions of cases.py use."""
    return SimpleNamespace(**{name.removesuffix("_ptr"): value for name, value in values.items() if name.endswith("_ptr")})


def outputs(case):
    return [name for name, value in case.args.items() if isinstance(value, Array) and value.out]


class Library:
    """A module with more functions."""

    def __init__(self, module, **more):
        self.__dict__.update(more)
        self._module = module

    def __getattr__(self, name):
        return getattr(self._module, name)


def several(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]


def reference(case, values):
    """The outputs in float64, flat, by name."""
    import scipy.special

    is_float = lambda x: np.issubdtype(x.dtype, np.floating) or x.dtype in (ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2)
    wide = {name: x.astype(np.float64) if is_float(x) else x for name, x in values.items() if isinstance(x, np.ndarray)}
    with np.errstate(over="ignore"):  # exp of a large number, whose reciprocal is 0
        results = several(case.meaning(Library(np, wide=lambda x: x, erf=scipy.special.erf), arrays(wide)))
    return {name: np.asarray(x, np.float64).ravel() for name, x in zip(outputs(case), results, strict=True)}


def distance(found, wanted):
    """The largest difference, relative as `tolerance` of cases.py is; infinite if a number is missing."""
    least = min(1, np.sqrt(np.mean(wanted**2))) or 1
    off = np.abs(np.asarray(found, np.float64).ravel() - wanted) / np.maximum(least, np.abs(wanted))
    return float(np.nan_to_num(off, nan=np.inf).max())


@functools.cache
def module(file):
    import nereid.compat

    nereid.compat.install()
    spec = importlib.util.spec_from_file_location(file[:-3], HERE / "kernels" / file)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def launcher(case, values):
    """A function that launches the case's kernel on `values`."""
    file, function = case.kernel.split(":")
    kernel = getattr(module(file), function)[tuple(case.grid)]
    args = list(values.values())
    return lambda: kernel(*args, **case.constants)


def turn(run, seconds=0.01):
    """Milliseconds of calls that take `seconds` together. The first is not measured: other threads may still spin."""
    run()
    times, end = [], time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    return times


def warm_up(run, calls=12, seconds=0.5):
    """XLA's first seven or so results are in new memory, whose pages the system has to provide."""
    end = time.perf_counter() + seconds
    for _ in range(calls):
        run()
        if time.perf_counter() > end:
            break


def machine():
    names = [re.sub(r"\((R|TM)\)| Processor", "", line.split(":")[1]).strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return f"{names[0] if names else os.uname().machine}, {len(os.sched_getaffinity(0))} processors"
