# SPDX-License-Identifier: MIT
"""Functions about the target, for kernels with special code for some GPUs."""
from .._values import HostBuiltin

current_target = HostBuiltin("triton.language.target_info", "current_target", lambda: None)
for _name in ("is_cuda", "is_hip", "is_hip_cdna3", "is_hip_cdna4", "cuda_capability_geq"):
    globals()[_name] = HostBuiltin("triton.language.target_info", _name, lambda *_: False)
