# SPDX-License-Identifier: MIT
"""tl.math"""
from ._values import Builtin

FUNCTIONS = "abs ceil clamp cos div_rn erf exp exp2 fdiv floor fma log log2 rsqrt sin sqrt sqrt_rn umulhi".split()
for _name in FUNCTIONS:
    globals()[_name] = Builtin("triton.language.math", _name)
