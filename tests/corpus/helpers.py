# SPDX-License-Identifier: MIT
# A file that functions.py imports.
import triton
import triton.language as tl

BIAS = tl.constexpr(0.25)
_SHIFT = tl.constexpr(4)


@triton.jit
def shifted(x, by):
    return x + by * _SHIFT


@triton.jit
def scaled(x):
    return shifted(x, 1) * 0.5
