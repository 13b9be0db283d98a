# SPDX-License-Identifier: MIT
"""The functions of CUDA's math library, for every target."""
from .._values import Builtin


def __getattr__(name):
    if name.startswith("_"):
        raise AttributeError(name)
    # The compiler knows the functions, and reports an unknown one at its line.
    return Builtin("triton.language.extra.libdevice", name)
