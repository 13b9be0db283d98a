# SPDX-License-Identifier: MIT
"""The examples of examples/jax."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[3] / "examples" / "jax"


@pytest.mark.parametrize("name,says", [("attention", "maximum error of the gradient"), ("sharded", "4 devices, process 0 of 1")])
def test_example(name, says):
    done = subprocess.run([sys.executable, str(HERE / f"{name}.py")], capture_output=True, text=True, env={**os.environ, "JAX_ENABLE_X64": "0"})
    assert done.returncode == 0, done.stderr[-3000:]
    assert says in done.stdout
    for line in done.stdout.splitlines():
        if "maximum error" in line:
            assert float(line.split()[-1]) < 1e-5
