# SPDX-License-Identifier: MIT
"""The cases of tests/differential/corpus.py as launches from Python."""
import importlib.util
import sys
from pathlib import Path

import ml_dtypes
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "differential"))

REAL = {"bf16": ml_dtypes.bfloat16, "fp8e5": ml_dtypes.float8_e5m2, "fp8e4nv": ml_dtypes.float8_e4m3fn, "i1": np.bool_}


def kernel(case):
    """The kernel in the case's file, imported with the installed `triton`."""
    module = sys.modules.get(case.path.stem)
    if module is None or getattr(module, "__file__", None) != str(case.path):
        if str(case.path.parent) not in sys.path:
            sys.path.insert(0, str(case.path.parent))
        spec = importlib.util.spec_from_file_location(case.path.stem, case.path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[case.path.stem] = module
        spec.loader.exec_module(module)
    fn = getattr(module, case.kernel)
    # The case gives all constants itself: without autotuners and heuristics.
    while not hasattr(fn, "params") and type(fn).__name__ != "InterpretedFunction":
        fn = fn.fn
    return fn


class Host:
    """A view of an array with the part of torch.Tensor that Triton's interpreter uses."""

    def __init__(self, array):
        self.array, self.dtype = array, array.dtype.name

    def data_ptr(self):
        return self.array.ctypes.data

    def cpu(self):
        return self

    untyped_storage = cpu

    def size(self):
        return self.array.shape

    def stride(self):
        return (1, )

    def storage_offset(self):
        return 0

    def new_empty(self, *_, **__):
        return Host(self.array)

    def set_(self, *_):
        pass

    copy_ = set_


def scalar(text, kind):
    if text in ("True", "False"):
        return text == "True"
    return float(text) if kind.startswith(("fp", "bf")) else int(text)


def arguments(case, seed=0):
    """{name: value} of a launch, and [(name, type, array)] for corpus.compare: views of the same memory."""
    values, arrays = {}, []
    for name, kind, value in case.inputs(seed):
        if isinstance(value, np.ndarray):
            arrays.append((name, kind, value))
            values[name] = value.view(REAL[kind]) if kind in REAL else value
        else:
            values[name] = scalar(value, kind)
    for name, item in zip(case.parameters, case.signature):
        if item.endswith(":1"):
            values[name] = 1
    return values, arrays


def constants(case, language):
    return {name: eval(text, {"tl": language}) for name, text in case.constants.items()}


def grid(case):
    return tuple(int(n) for n in case.grid.split(","))
