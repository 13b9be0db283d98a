# SPDX-License-Identifier: MIT
"""Provides `import triton` for files written for Triton, on machines for which Triton has no wheel:

    import nereid.compat
    nereid.compat.install()
    import kernels  # says `import triton`, `import triton.language as tl`
"""
import importlib.machinery
import importlib.metadata
import sys
import types

from . import constexpr_function

VERSION = "3.9.0"  # the version of Triton that has this interface


class _Driver:
    """The part of triton.runtime.driver that scripts use."""

    class active:

        @staticmethod
        def get_current_target():
            return GPUTarget("cpu", "cpu", 1)

        @staticmethod
        def get_active_torch_device():
            import torch
            return torch.device("cpu")

        @staticmethod
        def get_current_device():
            return 0

        @staticmethod
        def get_benchmarker():
            from .testing import do_bench
            return do_bench

        class utils:

            @staticmethod
            def get_device_properties(_):
                from . import get_num_threads
                return {"multiprocessor_count": get_num_threads(), "max_shared_mem": 1 << 20, "max_num_regs": 1 << 16, "warpSize": 1}

    @staticmethod
    def set_active(_):
        pass


class OutOfResources(Exception):
    """A kernel that needs more of a resource than the machine has. Nereid never raises it; autotuners of libraries catch it."""

    def __init__(self, required=0, limit=0, name=""):
        super().__init__(f"out of resource: {name}, required: {required}, limit: {limit}")
        self.required, self.limit, self.name = required, limit, name


class PTXASError(Exception):
    """An error of a GPU's assembler. Nereid never raises it."""


class InterpreterError(Exception):
    """An error of TRITON_INTERPRET=1. Nereid never raises it."""


class GPUTarget:
    """The target of a kernel, in the form that libraries read."""

    def __init__(self, backend, arch, warp_size):
        self.backend, self.arch, self.warp_size = backend, arch, warp_size

    def __repr__(self):
        return f"GPUTarget(backend={self.backend!r}, arch={self.arch!r}, warp_size={self.warp_size!r})"

    def __eq__(self, other):
        return isinstance(other, GPUTarget) and vars(self) == vars(other)

    def __hash__(self):
        return hash((self.backend, self.arch, self.warp_size))


class BaseBackend:
    """The class that back-ends of stock Triton derive from."""


class DriverBase:
    """The class that drivers of stock Triton derive from."""


class CompiledKernel:
    """The class of stock Triton's compiled kernels. Kernels of Nereid are not instances of it."""


class InterpretedFunction:
    """The class of kernels under TRITON_INTERPRET=1. It has no instances here."""


class ASTSource:
    """A kernel with a signature, for triton.compile."""

    def __init__(self, fn, signature, constexprs=None, attrs=None):
        self.fn, self.signature, self.constants, self.attrs = fn, signature, dict(constexprs or {}), attrs


def _compile(src, target=None, options=None):
    raise NotImplementedError("triton.compile is for GPUs: use nereid.compile(kernel, signature, target=...), which writes files for cpu, wasm and webgpu")


def _make_backend(target):
    raise NotImplementedError(f"no back-end for {target!r}: under nereid.compat kernels run on this CPU")


class TensorWrapper:
    """An array whose memory is read as another dtype: triton.reinterpret."""

    def __init__(self, base, dtype):
        self.base, self.dtype = base, dtype
        self.shape, self.device = getattr(base, "shape", ()), getattr(base, "device", None)

    def data_ptr(self):
        from . import _core
        about = _core.array(self.base)
        return about[0]

    def __getattr__(self, name):  # stride(), element_size(), numel(), ...: those of the array
        return getattr(self.base, name)

    def __repr__(self):
        return f"TensorWrapper[{self.dtype}]({self.base!r})"


def _reinterpret(tensor, dtype):
    return TensorWrapper(tensor.base if isinstance(tensor, TensorWrapper) else tensor, dtype)


def _set_allocator(allocator):
    """Sets the allocator of GPU memory for descriptors. On a CPU it has no effect."""


def _builtin(fn):
    """Marks a function as a builtin of the language. Only Nereid's own can be compiled; the compiler reports the call of another."""
    return fn


def _unwrap_if_constexpr(value):
    from .language import constexpr
    return value.value if isinstance(value, constexpr) else value


def _triton_key():
    from . import _cache
    return _cache.key()


class _CacheManager:
    """The cache manager of triton.runtime.cache: files under a key, next to the compiled kernels."""

    def __init__(self, key, override=False, dump=False):
        import os
        from . import _cache
        self.key = key
        self.cache_dir = os.path.join(_cache.directory() or os.path.join(os.path.expanduser("~"), ".cache", "nereid"), "files", key)

    def _make_path(self, filename):
        import os
        return os.path.join(self.cache_dir, filename)

    def has_file(self, filename):
        import os
        return os.path.exists(self._make_path(filename))

    def get_file(self, filename):
        return self._make_path(filename) if self.has_file(filename) else None

    def get_group(self, filename):
        return None

    def put(self, data, filename, binary=True):
        import os
        import tempfile
        os.makedirs(self.cache_dir, mode=0o700, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=self.cache_dir)
        with os.fdopen(handle, "wb") as f:
            f.write(data if isinstance(data, bytes) else str(data).encode())
        os.replace(aside, self._make_path(filename))
        return self._make_path(filename)

    def put_group(self, filename, group):
        import json
        return self.put(json.dumps({"child_paths": group}), f"__grp__{filename}")


class _Loader:
    """A loader for modules that exist already: it neither creates nor runs anything."""

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        pass


class _Distribution(importlib.metadata.Distribution):
    """The entry of `triton` for importlib.metadata."""

    def read_text(self, filename):
        return f"Metadata-Version: 2.1\nName: triton\nVersion: {VERSION}\n" if filename in ("METADATA", "PKG-INFO") else None

    def locate_file(self, path):
        raise FileNotFoundError(path)


class _Finder:
    """Finds the distribution; modules are found in sys.modules."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        return None

    @staticmethod
    def find_distributions(context=importlib.metadata.DistributionFinder.Context()):
        return [_Distribution()] if context.name is None or context.name.lower() == "triton" else []


# Functions of triton.language.extra.cuda: the compiler refuses them at their lines.
CUDA = "convert_custom_float8_sm70 convert_custom_float8_sm80 gdc_launch_dependents gdc_wait globaltimer num_threads num_warps smid".split()


def modules():
    """{name: module} of what install() installs."""
    import nereid
    from nereid import autotuner, knobs, language, testing
    from nereid.language import _values, extra, math
    from nereid.language.extra import libdevice, target_info
    from nereid.tools import tensor_descriptor

    jit = sys.modules["nereid.jit"]  # `nereid.jit` is the decorator
    out = {}

    def module(name, like=None, **members):
        made = types.ModuleType(name, getattr(like, "__doc__", None))
        made.__path__ = []
        made.__spec__ = importlib.machinery.ModuleSpec(name, _Loader(), is_package=True)
        made.__loader__, made.__package__ = made.__spec__.loader, name
        if like is not None:
            made.__dict__.update({k: v for k, v in vars(like).items() if not k.startswith("__")})
            if hasattr(like, "__getattr__"):
                made.__getattr__ = like.__getattr__
        made.__dict__.update(members)
        out[name] = made
        if "." in name:
            setattr(out[name.rpartition(".")[0]], name.rpartition(".")[2], made)

    errors = {"OutOfResources": OutOfResources, "PTXASError": PTXASError, "InterpreterError": InterpreterError, "AutotunerError": RuntimeError}
    common = {k: getattr(nereid, k) for k in ("Config", "JITFunction", "KernelInterface", "autotune", "heuristics", "jit")}
    helpers = {k: getattr(nereid, k) for k in ("aggregate", "cdiv", "constexpr_function", "next_power_of_2")}
    tensors = {"MockTensor": jit.MockTensor, "TensorWrapper": TensorWrapper, "reinterpret": _reinterpret}
    core = {"builtin": _builtin, "_unwrap_if_constexpr": _unwrap_if_constexpr, "CONSTEXPR_0": language.constexpr(0), "is_builtin": lambda fn: isinstance(fn, _values.Builtin)}
    compiler = {"CompiledKernel": CompiledKernel, "ASTSource": ASTSource, "compile": _compile, "make_backend": _make_backend, "CompilationError": nereid.CompileError}

    module("triton", None, __version__=VERSION, knobs=knobs, CompilationError=nereid.CompileError, OutOfResources=OutOfResources, InterpreterError=InterpreterError, compile=_compile,
           set_allocator=_set_allocator, must_use_result=lambda fn, *_: fn, **common, **helpers, **tensors)
    module("triton.language", language)
    for part in ("core", "standard", "random", "semantic"):
        module(f"triton.language.{part}", language, **(core if part in ("core", "semantic") else {}))
    module("triton.language.math", math)
    module("triton.language.extra", extra)
    module("triton.language.extra.libdevice", libdevice)
    module("triton.language.libdevice", libdevice)
    for family in ("cuda", "hip"):
        module(f"triton.language.extra.{family}", extra, **{name: _values.Builtin("triton.language.extra.cuda", name) for name in CUDA if family == "cuda"})
        module(f"triton.language.extra.{family}.libdevice", libdevice)
    module("triton.language.target_info", target_info)
    out["triton.language.standard"]._log2, out["triton.language.standard"]._is_power_of_two = _values.log2, _is_power_of_two
    module("triton.tools")
    module("triton.tools.tensor_descriptor", tensor_descriptor)
    module("triton.knobs", knobs)
    module("triton.runtime", None, driver=_Driver, Autotuner=autotuner.Autotuner, Heuristics=autotuner.Heuristics, **common, **errors, **tensors)
    module("triton.runtime.driver", None, driver=_Driver, active=_Driver.active, set_active=_Driver.set_active)
    out["triton.runtime"].driver = _Driver
    module("triton.runtime.jit", jit, **tensors, constexpr_function=nereid.constexpr_function)
    module("triton.runtime.autotuner", autotuner, **errors)
    module("triton.runtime.errors", None, **errors)
    module("triton.runtime.interpreter", None, InterpretedFunction=InterpretedFunction, InterpreterError=InterpreterError)
    module("triton.runtime._allocation", None, set_allocator=_set_allocator, _allocator=None)
    module("triton.runtime.cache", None, CacheManager=_CacheManager, FileCacheManager=_CacheManager, get_cache_manager=_CacheManager, get_dump_manager=_CacheManager,
           get_override_manager=_CacheManager, triton_key=_triton_key, knobs=knobs)
    module("triton.testing", testing, runtime=out["triton.runtime"])
    module("triton.compiler", None, **compiler)
    module("triton.compiler.errors", None, CompilationError=nereid.CompileError)
    module("triton.compiler.compiler", None, GPUTarget=GPUTarget, triton_key=_triton_key, **compiler)
    module("triton.backends", None, backends={}, BaseBackend=BaseBackend, DriverBase=DriverBase)
    module("triton.backends.compiler", None, BaseBackend=BaseBackend, GPUTarget=GPUTarget)
    module("triton.backends.driver", None, DriverBase=DriverBase, GPUDriver=DriverBase)
    return out


@constexpr_function
def _is_power_of_two(i):
    return i > 0 and i & (i - 1) == 0


def install():
    """Makes `import triton` import Nereid. Stock Triton must not be imported already: its kernels run through the plug-in."""
    present = sys.modules.get("triton")
    if present is not None and getattr(present, "__nereid__", False):
        return present
    if present is not None:
        raise RuntimeError("stock Triton is already imported: its kernels run on this CPU through Nereid's plug-in, without nereid.compat (docs/reference/python.md)")
    made = modules()
    made["triton"].__nereid__ = True
    sys.modules.update(made)
    if "triton" not in {name.lower() for d in importlib.metadata.distributions(name="triton") if (name := d.metadata["Name"])}:
        sys.meta_path.append(_Finder)
    return made["triton"]


def uninstall():
    """Makes `import triton` import stock Triton again."""
    if getattr(sys.modules.get("triton"), "__nereid__", False):
        for name in [n for n in sys.modules if n == "triton" or n.startswith("triton.")]:
            del sys.modules[name]
        if _Finder in sys.meta_path:
            sys.meta_path.remove(_Finder)
