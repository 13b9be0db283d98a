# SPDX-License-Identifier: MIT
"""The plug-in for stock Triton, which finds it by the entry point `triton.backends` and nereid_triton: kernels of triton.jit run on this processor.

Triton's front-end and launch code are unchanged; Nereid compiles the text of its IR.
"""
