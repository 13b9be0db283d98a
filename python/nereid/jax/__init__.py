# SPDX-License-Identifier: MIT
"""Triton kernels on the CPU in JAX programs, under jit:

    out = nereid.jax.triton_call(x, y, x.size, kernel=add, out_type=x, grid=nereid.cdiv(x.size, 256), BLOCK=256)
"""
try:
    import jax
except ImportError as e:
    raise ImportError("nereid.jax needs JAX 0.10 or later: pip install jax") from e

if jax.__version_info__ < (0, 10):
    raise ImportError(f"nereid.jax needs JAX 0.10 or later (this is {jax.__version__}): pip install -U jax")

from .. import _core  # noqa: E402

if not hasattr(_core, "xla_handlers"):
    raise ImportError("this build of Nereid has no JAX custom calls, because jaxlib's headers were missing when it was built: install jax and rebuild")

from ._call import CUSTOM_CALL_TARGET_NAME  # noqa: E402
from . import pallas  # noqa: E402
from .adapter import patch_jax_triton  # noqa: E402
from .helpers import differentiable, vectorized  # noqa: E402
from .kernel_call import triton_call  # noqa: E402

tuned = _core.xla_tuned


def set_deterministic(on=True):
    """Makes autotuned kernels always run their first configuration, the same in every process. NEREID_DETERMINISTIC=1 does the same."""
    _core.xla_take_first(on)


__all__ = ["CUSTOM_CALL_TARGET_NAME", "differentiable", "pallas", "patch_jax_triton", "set_deterministic", "triton_call", "tuned", "vectorized"]
