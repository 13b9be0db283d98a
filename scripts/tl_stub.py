#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the stubs python/nereid/language/*.pyi, from which editors know the functions of the language. With `check` it only compares."""
import importlib.util
import pathlib
import re
import sys

FOLDER = pathlib.Path(__file__).parent.parent / "python/nereid/language"


def load(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stub():
    lines = ["# SPDX-License-Identifier: MIT", "# Written by scripts/tl_stub.py from _functions.py.", "from typing import Any", "",
             "from . import math as math", "from ._values import block_type as block_type, const as const, constexpr as constexpr, dtype as dtype, get_int_dtype as get_int_dtype",
             "from ._values import pointer_type as pointer_type, tensor as tensor", "from .extra import libdevice as libdevice, target_info as target_info", "",
             "TRITON_MAX_TENSOR_NUMEL: constexpr", "FUNCTIONS: list[str]", ""]
    lines += [f"{name}: dtype" for name in load("_values").DTYPES]
    lines += ["", "", "class tensor_descriptor: ...", "", "", "class PropagateNan:", "    NONE: str", "    ALL: str"]
    for name, (signature, doc) in load("_functions").signatures().items():
        lines += ["", "", f"def {name}{signature} -> Any:", f'    """{doc}"""']
    return "\n".join(lines) + "\n"


def math_stub():
    names = re.search(r'FUNCTIONS = "(.*)"', (FOLDER / "math.py").read_text())[1].split()
    lines = ["# SPDX-License-Identifier: MIT", "# Written by scripts/tl_stub.py.", *(f"from . import {name} as {name}" for name in names)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for name, text in ("__init__.pyi", stub()), ("math.pyi", math_stub()):
        if sys.argv[1:] != ["check"]:
            (FOLDER / name).write_text(text)
        elif (FOLDER / name).read_text() != text:
            sys.exit(f"python/nereid/language/{name} is old: run scripts/tl_stub.py")
