# SPDX-License-Identifier: MIT
"""Triton's language: `import nereid.language as tl`. What its functions mean in kernels is in docs/reference/ir.md and Triton's own documentation."""
from . import math
from ._values import DTYPES, Builtin, aggregate as _aggregate, block_type, const, constexpr, dtype, get_int_dtype, pointer_type, tensor  # noqa: F401
from .extra import libdevice, target_info

globals().update(DTYPES)

FUNCTIONS = """
abs add advance arange argmax argmin assume associative_scan atomic_add atomic_and atomic_cas atomic_max atomic_min atomic_or atomic_xchg atomic_xor
bitonic_merge broadcast broadcast_to cast cat cdiv ceil clamp condition cos cumprod cumsum debug_barrier device_assert device_print div_rn dot dot_scaled
erf exp exp2 expand_dims fdiv flip floor fma full gather histogram interleave join load load_tensor_descriptor log log2 logical_and logical_or make_block_ptr
make_tensor_descriptor map_elementwise max max_constancy max_contiguous maximum min minimum mul multiple_of num_programs
pair_uniform_to_normal permute philox philox_impl program_id rand rand4x randint randint4x randn randn4x range ravel reduce reduce_or reshape rsqrt sigmoid
sin softmax sort split sqrt sqrt_rn squeeze static_assert static_print static_range store store_tensor_descriptor sub sum swizzle2d to_tensor topk trans
umulhi uint_to_uniform_float unsqueeze view where xor_sum zeros zeros_like
""".split()
for _name in FUNCTIONS:
    globals()[_name] = Builtin("triton.language", _name)

TRITON_MAX_TENSOR_NUMEL = constexpr(1 << 20)


class tensor_descriptor:
    """The class of descriptors, for annotations in kernels."""


class PropagateNan:
    NONE, ALL = "NONE", "ALL"


# What files that were written for Triton take from its inner modules.
import sys as _sys

core = standard = random = _sys.modules[__name__]
__all__ = FUNCTIONS + list(DTYPES) + ["TRITON_MAX_TENSOR_NUMEL", "PropagateNan", "block_type", "const", "constexpr", "dtype", "math", "pointer_type", "tensor", "tensor_descriptor"]
