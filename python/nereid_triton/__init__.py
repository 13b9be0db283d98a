# SPDX-License-Identifier: MIT
"""Where Triton's entry point leads: nereid.backend, or, where that cannot be loaded, a back-end that is never active.

Triton imports every back-end that is installed. One that fails there would take Triton from those who want another.
"""
