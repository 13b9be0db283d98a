# SPDX-License-Identifier: MIT
"""CUDA's library of mathematics by name, for every target."""
from .._values import Builtin


def __getattr__(name):
    if name.startswith("_"):
        raise AttributeError(name)
    # The compiler knows which there are, and says so at the line.
    return Builtin("triton.language.extra.libdevice", name)
