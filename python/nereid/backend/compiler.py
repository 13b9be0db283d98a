# SPDX-License-Identifier: MIT
"""What Triton asks to compile for this processor."""
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Optional, Tuple

from triton.backends.compiler import BaseBackend, GPUTarget

from .. import _cache, _core


@dataclass(frozen=True)
class Options:
    """What launches and Triton's front-end may ask of a target. Warps and stages mean nothing here."""
    num_warps: int = 4
    num_ctas: int = 1
    num_stages: int = 3
    warp_size: int = 1
    maxnreg: Optional[int] = None
    cluster_dims: tuple = (1, 1, 1)
    ir_override: Optional[str] = None
    enable_fp_fusion: bool = True
    launch_cooperative_grid: bool = False
    launch_pdl: bool = False
    supported_fp8_dtypes: Tuple[str, ...] = ("fp8e4b8", "fp8e4nv", "fp8e5", "fp8e5b16")
    deprecated_fp8_dot_operand_dtypes: Tuple[str, ...] = ()
    default_dot_input_precision: str = "ieee"
    allowed_dot_input_precisions: Tuple[str, ...] = ("ieee", "tf32", "tf32x3", "bf16x3", "bf16x6")
    max_num_imprecise_acc_default: int = 0
    extern_libs: Any = None
    debug: bool = False
    backend_name: str = "cpu"
    sanitize_overflow: bool = False
    arch: str = "cpu"
    instrumentation_mode: str = ""
    fpsan_homomorphic_casts: bool = False

    def hash(self):
        return hashlib.sha256(repr(sorted(self.__dict__.items())).encode()).hexdigest()


def compiled(text, debug=False):
    """The kernel of a text of TTIR, from the cache where it is there."""
    name = _cache.key("ttir", text)
    kernel = _cache.load(name)
    if kernel is None:
        kernel = _core.compile(path="kernel.ttir", files=[("kernel.ttir", text, "")], kernel="", signature=[], constants={}, print=print)
        _cache.store(name, kernel)
    return kernel


class NereidBackend(BaseBackend):
    binary_ext = "nereid"

    @staticmethod
    def supports_target(target: GPUTarget):
        return target.backend == "cpu"

    def __init__(self, target):
        super().__init__(target)
        self.binary_ext = "nereid"

    def hash(self):
        return _cache._build()

    def parse_options(self, options):
        known = {k: v for k, v in options.items() if k in Options.__dataclass_fields__ and v is not None}
        for name in ("cluster_dims", "supported_fp8_dtypes", "allowed_dot_input_precisions", "deprecated_fp8_dot_operand_dtypes"):
            if name in known:
                known[name] = tuple(known[name])
        if known.get("launch_cooperative_grid"):
            raise NotImplementedError("launch_cooperative_grid: programs cannot wait for each other on this processor")
        return Options(**known)

    def pack_metadata(self, metadata):
        return None

    def get_codegen_implementation(self, options):
        return {"min_dot_size": lambda lhs, rhs: (1, 1, 1)}

    def get_module_map(self):
        # Names of CUDA's library, which the compiler knows.
        from triton.language.extra.cuda import libdevice
        return {"triton.language.extra.libdevice": libdevice}

    def load_dialects(self, context):
        pass

    @staticmethod
    def make_ttir(module, metadata):
        """As the front-end wrote it: the compiler's own passes begin here."""
        return module

    @staticmethod
    def make_kernel(module, metadata):
        """The kernel as bytes is its text, which does for every processor; the code is in Nereid's own cache."""
        text = str(module)
        about = json.loads(compiled(text).about)
        metadata["name"], metadata["shared"] = about["name"], 0
        return text.encode()

    def add_stages(self, stages, options, language=None):
        if language is not None and language.name != "TRITON":
            raise NotImplementedError("Gluon's layouts are those of GPUs; Nereid compiles Triton")
        stages["ttir"] = self.make_ttir
        stages["nereid"] = self.make_kernel
