# SPDX-License-Identifier: MIT
"""The examples of examples/python, without Triton; and the notebook."""
import json
import linecache
import os
import subprocess
import sys
from pathlib import Path

import nereid
import pytest

HERE = Path(__file__).resolve().parents[2] / "examples" / "python"
FILES = sorted(f.stem for f in HERE.glob("*.py") if f.stem != "common")
WITHOUT_TRITON = "import sys, runpy; sys.modules['triton'] = None; sys.path.insert(0, sys.argv[1]); runpy.run_path(sys.argv[2], run_name='__main__')"


@pytest.mark.parametrize("name", FILES)
def test_example_without_triton(name):
    done = subprocess.run([sys.executable, "-c", WITHOUT_TRITON, str(HERE), str(HERE / f"{name}.py")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "maximum error" in done.stdout


def test_notebook(tmp_path, monkeypatch):
    """Runs its cells in order, each as a separate file, as in Jupyter."""
    monkeypatch.chdir(tmp_path)
    space, shown = {"__name__": "__main__"}, []
    for k, cell in enumerate(json.loads((HERE / "first_kernel.ipynb").read_text(encoding="utf-8"))["cells"]):
        if cell["cell_type"] != "code":
            continue
        text = "".join(cell["source"]) + "\n"
        path = f"/tmp/ipykernel_1/{k}.py"
        linecache.cache[path] = (len(text), None, text.splitlines(True), path)
        *body, last = text.rstrip().split("\n")
        value = None
        try:  # the last line's value is shown
            expression = compile(last, path, "eval")
            exec(compile("\n".join(body) + "\n", path, "exec"), space)
            value = eval(expression, space)
        except SyntaxError:
            exec(compile(text, path, "exec"), space)
        if value is not None:
            shown.append(value._repr_html_() if hasattr(value, "_repr_html_") else repr(value))
    text = "\n".join(shown)
    assert "True" in shown[0] and ("<summary>assembly</summary>" in text or not nereid._core.NATIVE) and "contiguous" in text
    assert "but the shape of `x` is (1000,)" in text
    assert "[race]" in text and "tl.store(total" in text
    assert "softmax.wasm" in text and os.path.exists("softmax-files/softmax.wasm")
