# SPDX-License-Identifier: MIT
"""tl.math"""
from . import _functions
from ._values import Builtin

FUNCTIONS = "abs ceil clamp cos div_rn erf exp exp2 fdiv floor fma log log2 rsqrt sin sqrt sqrt_rn umulhi".split()
for _name, (_signature, _doc) in _functions.signatures().items():
    if _name in FUNCTIONS:
        globals()[_name] = Builtin("triton.language.math", _name, _signature, _doc)
