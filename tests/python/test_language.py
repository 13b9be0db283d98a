# SPDX-License-Identifier: MIT
"""The functions of `tl` have the signatures of the compiler's own table, and stubs for editors."""
import ast
import inspect
import pathlib
import re
import subprocess
import sys

import nereid.language as tl
import pytest

ROOT = pathlib.Path(__file__).parents[2]


def compiled():
    """{name: [parameter]} of builtins.cpp and of the library in the language itself."""
    source = (ROOT / "src/frontends/tl/builtins.cpp").read_text()
    table = source[source.index("kTl[]"):source.index("kDesc[]")]
    found = {m[1]: [p.rstrip("?") for p in "".join(re.findall(r'"([^"]*)"', m[2])).split()] for m in re.finditer(r'\{"(\w+)",\s*((?:"[^"]*"\s*)+),', table)}
    for file in (ROOT / "src/frontends/tl/lib").glob("*.py"):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                found[node.name] = [a.arg for a in node.args.args]
    return found


TABLE = compiled()


@pytest.mark.parametrize("name", tl.FUNCTIONS)
def test_signature_is_that_of_the_compiler(name):
    function = getattr(tl, name)
    assert [("*" if p.kind is p.VAR_POSITIONAL else "") + p.name for p in inspect.signature(function).parameters.values()] == TABLE[name]
    assert function.__doc__.endswith(".")


def test_stubs_are_written():
    done = subprocess.run([sys.executable, ROOT / "scripts/tl_stub.py", "check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_functions_of_math_have_signatures():
    assert str(inspect.signature(tl.math.exp)) == "(x)"
