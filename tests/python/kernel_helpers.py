# SPDX-License-Identifier: MIT
# A module that test_jit.py's kernels use.
import nereid
import nereid.language as tl

HALF = tl.constexpr(0.5)


@nereid.jit
def halved(x):
    return x * HALF


@nereid.constexpr_function
def doubled(n):
    return n * 2
