# SPDX-License-Identifier: MIT
"""The device interface of Triton for the processor."""
import functools
import importlib.abc
import os
import sys
import time

from triton.backends.compiler import GPUTarget
from triton.backends.driver import DriverBase

from .. import _checks, _core
from .compiler import NereidBackend as _NereidBackend
from .._from_ir import compiled
from .compiler import STAGES, emitted, padded

# Triton heeds TRITON_DEFAULT_BACKEND from 3.7 on; before, two active drivers are an error.
if os.environ.get("TRITON_DEFAULT_BACKEND") == "nereid":
    for _family, _class in (("nvidia", "CudaDriver"), ("amd", "HIPDriver")):
        try:
            setattr(getattr(importlib.import_module(f"triton.backends.{_family}.driver"), _class), "is_active", staticmethod(lambda: False))
        except (ImportError, AttributeError):
            pass


class _Event:
    """A clock with the interface of torch.cuda.Event."""

    def __init__(self, enable_timing=True):
        self.at = 0

    def record(self, *_):
        self.at = time.perf_counter_ns()

    def elapsed_time(self, other):
        return (other.at - self.at) / 1e6

    def synchronize(self):
        pass


class _Interface:
    """Does nothing: launches are synchronous."""
    Event = _Event

    @staticmethod
    def synchronize(*_):
        pass

    @staticmethod
    def current_device():
        return 0

    @staticmethod
    def set_device(_):
        pass


REGISTERS = 32  # of a program, for occupancy arithmetic, which divides by it


class _Utils:

    @staticmethod
    def load_binary(name, data, shared, device):
        kernel = compiled(data.decode())
        return kernel, kernel, REGISTERS, 0, 1 << 30

    @staticmethod
    def unload_module(module):
        pass

    @staticmethod
    def get_device_properties(device):
        return {"max_shared_mem": 1 << 30, "multiprocessor_count": _core.get_num_threads(), "max_num_regs": 1 << 16, "warpSize": 1, "sm_clock_rate": 0, "mem_clock_rate": 0, "mem_bus_width": 0}


def launcher(src, metadata):

    @functools.lru_cache(64)
    def text(padding=""):
        """The kernel as Triton's cache has it. `padding` is "n" for each descriptor that is padded with NaN, "z" for others."""
        from triton.runtime.cache import get_cache_manager
        path = get_cache_manager(metadata.hash).get_file(f"{src.name[:150]}.nereid")
        with open(path, "rb") as f:
            text = f.read().decode()
        return padded(text, padding) if padding else text

    @functools.lru_cache(64)
    def load(padding=""):
        return compiled(text(padding))

    def checked(padding, grid, bits, values):
        _checks.checked_launch_of(text(padding), load(padding), grid, bits, values)

    return _core.PluginLaunch(tuple(src.signature.values()), load, checked)


class NereidDriver(DriverBase):
    """True if no GPU's driver is active, or if TRITON_DEFAULT_BACKEND=nereid."""

    def __init__(self):
        super().__init__()
        self.utils = _Utils
        self.launcher_cls = launcher
        patch()

    @staticmethod
    def is_active():
        if chosen := os.environ.get("TRITON_DEFAULT_BACKEND"):
            return chosen == "nereid"
        from triton.backends import backends
        return not any(_active(b.driver) for name, b in backends.items() if b.driver is not NereidDriver)

    def map_python_to_cpp_type(self, ty):
        # Triton calls this only for its ahead-of-time compiler.
        raise NotImplementedError("triton.tools.compile is for GPUs: for this CPU use `nereid compile FILE.py:KERNEL --target cpu`, which writes an object file and a header")

    def get_current_target(self):
        return GPUTarget("cpu", "cpu", 1)

    def get_current_device(self):
        return 0

    def set_current_device(self, device):
        pass

    def get_current_stream(self, device=None):
        return 0

    def get_active_torch_device(self):
        import torch
        return torch.device("cpu")

    def get_device_interface(self):
        return _Interface

    def get_benchmarker(self):
        from ..testing import do_bench
        return do_bench

    def get_empty_cache_for_benchmark(self):
        return bytearray(1 << 26)  # larger than most caches

    def clear_cache(self, cache):
        cache[::64] = bytes(len(cache) // 64)


def _active(driver):
    try:
        return driver.is_active()
    except Exception:
        return False


@functools.cache
def patch():
    """Patches launches to accept all kinds of arrays, which Triton would reject. Nothing changes for other drivers."""
    from triton.compiler import compiler
    from triton.runtime import autotuner, jit
    from triton.runtime.driver import driver

    binder, tune = jit.create_function_from_signature, autotuner.Autotuner.run

    @functools.wraps(binder)
    def create(signature, params, backend):
        bind = binder(signature, params, backend)
        if not isinstance(backend, _NereidBackend):
            return bind
        return lambda *args, **kwargs: bind(*wrap(args), **wrap(kwargs))

    @functools.wraps(tune)
    def run_tuned(self, *args, **kwargs):
        if (self.reset_to_zero or self.restore_value) and type(driver.active) is NereidDriver:
            from ..tensors import tensor
            args, kwargs = [tensor(a) for a in args], {k: tensor(v) for k, v in kwargs.items()}
        return tune(self, *args, **kwargs)

    missing = compiler.AsmDict.__missing__

    def stage(self, key):
        """Generates kernel.asm["llir"] and similar texts on first use."""
        if key not in STAGES or "nereid" not in self:
            return missing(self, key)
        self[key] = emitted(self["nereid"].decode(), STAGES[key])
        return self[key]

    compiler.AsmDict.__missing__ = stage
    wrap = _core.wrap
    jit.create_function_from_signature, autotuner.Autotuner.run = create, run_tuned


class _Later(importlib.abc.MetaPathFinder):
    """Triton imports this module while it is partly imported itself, so it is patched at the first import after that."""

    def find_spec(self, name, path=None, target=None):
        autotuner, jit = sys.modules.get("triton.runtime.autotuner"), sys.modules.get("triton.runtime.jit")
        if hasattr(autotuner, "autotune") and hasattr(jit, "jit") and self in sys.meta_path:
            sys.meta_path.remove(self)
            patch()
        return None


sys.meta_path.insert(0, _Later())
