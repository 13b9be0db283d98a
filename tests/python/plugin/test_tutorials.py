# SPDX-License-Identifier: MIT
"""The examples of examples/python through stock Triton and the plug-in."""
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[3] / "examples" / "python"


@pytest.mark.parametrize("name", sorted(f.stem for f in HERE.glob("*.py") if f.stem != "common"))
def test_example(name):
    done = subprocess.run([sys.executable, str(HERE / f"{name}.py")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "maximum error" in done.stdout
