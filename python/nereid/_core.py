# SPDX-License-Identifier: MIT
"""The compiler and launches: the extension nereid._native if this wheel has it, else WebAssembly modules. NEREID_CORE=wasm selects the latter."""
import importlib.util
import os

if os.environ.get("NEREID_CORE") != "wasm" and importlib.util.find_spec("nereid._native"):
    from . import _native
    from ._native import *  # noqa: F403
    NATIVE, FILE = True, _native.__file__
else:
    if not os.path.exists(os.path.join(os.path.dirname(__file__), "_wasm", "python.wasm")):
        raise ImportError("this package of nereid has no WebAssembly modules: the universal wheel has (scripts/universal.sh)")
    from ._wasm import *  # noqa: F403
    NATIVE = False
