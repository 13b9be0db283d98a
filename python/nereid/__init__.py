# SPDX-License-Identifier: MIT
"""Triton kernels on CPUs, in WebAssembly and on WebGPU.

    import nereid, nereid.language as tl

    @nereid.jit
    def axpy(x, y, n, a, BLOCK: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        inside = i < n
        tl.store(y + i, a * tl.load(x + i, mask=inside) + tl.load(y + i, mask=inside), mask=inside)

    axpy[nereid.cdiv(n, 256)](x, y, n, 2.0, BLOCK=256)  # NumPy arrays, in place
"""
from . import _core
from .errors import CompileError, InternalError, LaunchError

_core.set_errors(CompileError, LaunchError, InternalError)

from . import knobs, language, testing  # noqa: E402
from ._info import info  # noqa: E402
from .autotuner import Config, autotune, heuristics  # noqa: E402
from .inspection import benchmark, check, compile, explain  # noqa: E402
from .jit import JITFunction, KernelInterface, aggregate, cdiv, constexpr_function, jit, next_power_of_2  # noqa: E402
from .tensors import tensor  # noqa: E402
from .tuning import candidates, tune  # noqa: E402


def __getattr__(name):
    """Imports modules that need NumPy when they are used."""
    if name in ("debug", "trace", "who_wrote"):
        from . import debugger
        return getattr(debugger, name)
    if name == "gpu":
        import importlib
        return importlib.import_module("nereid.gpu")
    raise AttributeError(f"module 'nereid' has no attribute '{name}'")


__version__ = _core.version()

set_num_threads = _core.set_num_threads
get_num_threads = _core.get_num_threads
targets = _core.targets

__all__ = [
    "CompileError", "Config", "InternalError", "JITFunction", "KernelInterface", "LaunchError", "aggregate", "autotune", "benchmark", "candidates", "cdiv", "check", "compile", "constexpr_function", "debug", "explain",
    "get_num_threads", "heuristics", "info", "jit", "knobs", "language", "next_power_of_2", "set_num_threads", "tensor", "testing", "trace", "tune", "who_wrote"
]
