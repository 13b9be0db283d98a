# SPDX-License-Identifier: MIT
"""The kernels of the library, from the Triton files in source/, which the npm package has as well. They say `import triton`, which need not be installed."""
import builtins
import os
import types

from .. import cdiv, jit, language

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "source")

_triton = types.SimpleNamespace(jit=jit, cdiv=cdiv, language=language)
_modules = {}


def module(name):
    """The module of source/NAME.py."""
    if name not in _modules:
        path = os.path.join(FOLDER, name + ".py")
        made = types.ModuleType(f"{__package__}.source.{name}")
        made.__file__ = path
        made.__dict__["__builtins__"] = {**vars(builtins), "__import__": _import}
        with open(path, encoding="utf-8") as f:
            exec(compile(f.read(), path, "exec"), made.__dict__)
        _modules[name] = made
    return _modules[name]


def _import(name, globals=None, locals=None, fromlist=(), level=0):
    if name == "triton" or name == "triton.language" and not fromlist:
        return _triton
    if os.path.exists(os.path.join(FOLDER, name + ".py")):
        return module(name)
    return builtins.__import__(name, globals, locals, fromlist, level)


class Raw:
    """The kernels themselves, for launches with your own block sizes: nereid.kernels.raw.matmul[grid](...)."""

    _files = {
        "activation": "activations", "attend_cached": "cache", "attention": "attention", "cast": "quantize", "conv1d": "conv1d", "distances": "distance", "distances_int8": "distance", "embed_blocks": "blocks", "embedding": "embedding", "first_columns": "top_k", "layer_norm": "norm", "matmul": "matmul", "matmul_blocks": "blocks", "matmul_int4": "matmul", "matmul_int8": "matmul", "matvec": "matvec", "matvec_blocks": "blocks", "matvec_int8": "matvec", "matvec_packed": "blocks", "pack_blocks": "blocks", "pool": "pool", "quantize_columns": "quantize", "quantize_groups": "blocks", "quantize_int4": "quantize", "quantize_rows": "quantize", "rescore": "search", "rms_norm": "norm", "rms_norm_groups": "blocks", "sample": "sample", "search_int8": "search", "softmax": "softmax", "softmax_of_long_rows": "softmax", "store_keys": "cache", "swiglu_groups": "blocks", "top_k": "top_k"
    }

    def __getattr__(self, name):
        if name not in self._files:
            raise AttributeError(f"the library has no kernel `{name}`; it has: {', '.join(self._files)}")
        found = getattr(module(self._files[name]), name)
        setattr(self, name, found)
        return found

    def __dir__(self):
        return list(self._files)


raw = Raw()
