# SPDX-License-Identifier: MIT
"""`import triton` for files that were written for it, where there is no wheel of it:

    import nereid.compat
    nereid.compat.install()
    import kernels  # says `import triton`, `import triton.language as tl`
"""
import sys
import types

VERSION = "3.9.0"  # the version whose interface this is


class _Driver:
    """triton.runtime.driver, as far as scripts ask it."""

    class active:

        @staticmethod
        def get_current_target():
            return types.SimpleNamespace(backend="cpu", arch="cpu", warp_size=1)

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


def modules():
    """{name: module} of what install() installs."""
    import nereid
    from nereid import autotuner, jit, knobs, language, testing
    from nereid.language import extra, math
    from nereid.language.extra import libdevice, target_info
    from nereid.tools import tensor_descriptor

    out = {}

    def module(name, like=None, **members):
        made = types.ModuleType(name, getattr(like, "__doc__", None))
        made.__path__ = []
        if like is not None:
            made.__dict__.update({k: v for k, v in vars(like).items() if not k.startswith("__")})
            if hasattr(like, "__getattr__"):
                made.__getattr__ = like.__getattr__
        made.__dict__.update(members)
        out[name] = made
        if "." in name:
            setattr(out[name.rpartition(".")[0]], name.rpartition(".")[2], made)

    common = {k: getattr(nereid, k) for k in ("Config", "JITFunction", "KernelInterface", "aggregate", "autotune", "cdiv", "constexpr_function", "heuristics", "jit", "next_power_of_2")}
    module("triton", None, __version__=VERSION, knobs=knobs, CompilationError=nereid.CompileError, **common)
    module("triton.language", language)
    for part in ("core", "standard", "random"):
        module(f"triton.language.{part}", language)
    module("triton.language.math", math)
    module("triton.language.extra", extra)
    module("triton.language.extra.libdevice", libdevice)
    module("triton.language.libdevice", libdevice)
    for family in ("cuda", "hip"):
        module(f"triton.language.extra.{family}", extra)
        module(f"triton.language.extra.{family}.libdevice", libdevice)
    module("triton.language.target_info", target_info)
    module("triton.testing", testing)
    module("triton.tools")
    module("triton.tools.tensor_descriptor", tensor_descriptor)
    module("triton.knobs", knobs)
    module("triton.runtime", None, driver=_Driver, **common)
    module("triton.runtime.driver", None, driver=_Driver, active=_Driver.active)
    out["triton.runtime"].driver = _Driver
    module("triton.runtime.jit", jit)
    module("triton.runtime.autotuner", autotuner, OutOfResources=MemoryError)
    module("triton.compiler", None, CompilationError=nereid.CompileError)
    module("triton.compiler.errors", None, CompilationError=nereid.CompileError)
    return out


def install():
    """From now on `import triton` gives Nereid. Stock Triton must not be imported already: its kernels run by the plug-in."""
    present = sys.modules.get("triton")
    if present is not None and getattr(present, "__nereid__", False):
        return present
    if present is not None:
        raise RuntimeError("stock Triton is imported already; its kernels run on this processor by Nereid's plug-in (docs/python.md)")
    made = modules()
    made["triton"].__nereid__ = True
    sys.modules.update(made)
    return made["triton"]


def uninstall():
    """`import triton` means stock Triton again."""
    if getattr(sys.modules.get("triton"), "__nereid__", False):
        for name in [n for n in sys.modules if n == "triton" or n.startswith("triton.")]:
            del sys.modules[name]
