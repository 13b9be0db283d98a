# SPDX-License-Identifier: MIT
"""The Triton language: `import nereid.language as tl`."""
from . import _functions, math
from ._values import DTYPES, Builtin, aggregate as _aggregate, block_type, const, constexpr, dtype, get_int_dtype, pointer_type, tensor  # noqa: F401
from .extra import libdevice, target_info

globals().update(DTYPES)

FUNCTIONS = []
for _name, (_signature, _doc) in _functions.signatures().items():
    globals()[_name] = Builtin("triton.language", _name, _signature, _doc)
    FUNCTIONS.append(_name)

TRITON_MAX_TENSOR_NUMEL = constexpr(1 << 20)


class tensor_descriptor:
    """The class of descriptors, for annotations in kernels."""


class PropagateNan:
    NONE, ALL = "NONE", "ALL"


# Files written for Triton import from its inner modules.
import sys as _sys

core = standard = random = _sys.modules[__name__]
__all__ = FUNCTIONS + list(DTYPES) + ["TRITON_MAX_TENSOR_NUMEL", "PropagateNan", "block_type", "const", "constexpr", "dtype", "math", "pointer_type", "tensor", "tensor_descriptor"]
