# SPDX-License-Identifier: MIT
"""Questions about the target, for kernels that have a way of their own on some GPUs."""
from .._values import Builtin

for _name in ("current_target", "is_cuda", "is_hip", "cuda_capability_geq"):
    globals()[_name] = Builtin("triton.language.target_info", _name)
