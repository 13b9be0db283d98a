# SPDX-License-Identifier: MIT
"""The compiler interface of Triton for this processor."""
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Optional, Tuple

from triton.backends.compiler import BaseBackend, GPUTarget

from .. import _cache, _from_ir, _stages


@dataclass(frozen=True)
class Options:
    """Options of launches and of Triton's front-end. Warps and stages have no effect."""
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
    supported_fp8_dtypes: Tuple[str, ...] = ("fp8e4b15", "fp8e4b8", "fp8e4nv", "fp8e5", "fp8e5b16")
    deprecated_fp8_dot_operand_dtypes: Tuple[str, ...] = ()
    default_dot_input_precision: str = "ieee"
    allowed_dot_input_precisions: Tuple[str, ...] = ("ieee", "tf32", "tf32x3", "bf16x3", "bf16x6")
    max_num_imprecise_acc_default: int = 0
    extern_libs: Any = None
    debug: bool = False
    backend_name: str = "cpu"
    sanitize_overflow: bool = True  # with `debug`
    arch: str = "cpu"
    instrumentation_mode: str = ""
    fpsan_homomorphic_casts: bool = False
    # Options of CUDA, AMD and older versions for running a kernel on a GPU.
    ptx_version: Optional[int] = None
    ptx_options: Optional[str] = None
    enable_reflect_ftz: bool = True
    sched4reg: bool = False
    clc: bool = False
    min_shared_mem: Optional[int] = None
    waves_per_eu: int = 0
    matrix_instr_nonkdim: int = 0
    kpack: int = 1
    allow_flush_denorm: bool = False
    schedule_hint: str = "none"
    llvm_fn_attrs: str = ""
    wgp_cu_mode: str = "wgp"
    num_buffers_warp_spec: int = 0
    num_consumer_groups: int = 0
    reg_dec_producer: int = 0
    reg_inc_consumer: int = 0

    def __post_init__(self):
        # As Triton's back-ends for GPUs, with their exception.
        assert self.num_warps > 0 and self.num_warps & self.num_warps - 1 == 0, f"num_warps must be a power of 2 (got {self.num_warps})"

    def hash(self):
        return hashlib.sha256(repr(sorted(self.__dict__.items())).encode()).hexdigest()


STAGES = {"llir": "llvm", "asm": "asm"}  # keys of kernel.asm, and the names of the compiler's stages


def emitted(text, stage):
    return _stages.text({**_from_ir.request(text), "schedule": _from_ir.schedule(text)}, stage)


def padded(text, padding):
    """The kernel whose descriptor arguments are padded with NaN where `padding` has an n."""
    which = iter(padding)
    start = text.index("tt.func public")
    end = text.index("\n", start)
    return text[:start] + _DESCRIPTOR.sub(lambda m: m[0] + " {nereid.padding = \"nan\"}" if next(which, "z") == "n" else m[0], text[start:end]) + text[end:]


_DESCRIPTOR = re.compile(r"!tt\.tensordesc<(tensor<[^>]*>|[^>]*)>")


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
            raise NotImplementedError("launch_cooperative_grid is not supported: on a CPU, programs cannot wait for each other")
        return Options(**known)

    def pack_metadata(self, metadata):
        return None

    def get_codegen_implementation(self, options):
        from .fp8e4b15 import convert
        return {"min_dot_size": lambda lhs, rhs: (1, 1, 1), "convert_custom_types": convert}

    def get_module_map(self):
        # Functions of CUDA's library, which the compiler knows.
        from triton.language.extra.cuda import libdevice
        return {"triton.language.extra.libdevice": libdevice}

    def load_dialects(self, context):
        pass

    @staticmethod
    def make_ttir(module, metadata):
        """The IR of the front-end, unchanged: Nereid's compiler starts from it."""
        return module

    @staticmethod
    def make_kernel(module, metadata):
        """Triton's cache stores the text, which is valid for every processor; the code is in Nereid's cache."""
        text = str(module)
        about = json.loads(_from_ir.compiled(text).about)
        metadata.update(name=about["name"], global_scratch_size=0, profile_scratch_size=0)
        metadata["shared"] = 1  # there is no shared memory, but launchers divide by how much a kernel takes
        return text.encode()

    def add_stages(self, stages, options, language=None):
        if language is not None and language.name != "TRITON":
            raise NotImplementedError("Gluon kernels are not supported: their layouts are for GPUs; write the kernel in Triton")
        stages["ttir"] = self.make_ttir
        stages["nereid"] = self.make_kernel
