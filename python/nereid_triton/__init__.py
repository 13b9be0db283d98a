# SPDX-License-Identifier: MIT
"""The target of Triton's entry point: nereid.backend, or, if that cannot be loaded, a back-end that is never active.

Triton imports every back-end that is installed. One that fails there would take Triton from those who want another.
"""
