# SPDX-License-Identifier: MIT
"""The plug-in for stock Triton, which finds it by the entry point `triton.backends` and nereid_triton: kernels of triton.jit run on this processor.

Triton's own front-end and launches are used as they are; the text of its IR goes to the library.
"""
