# SPDX-License-Identifier: MIT
"""`python -m nereid`: the command of both wheels."""
import json
import subprocess
import sys

KERNEL = """import triton
import triton.language as tl


@triton.jit
def add(x, y, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(y + i, tl.load(x + i, mask=i < n) + 1, mask=i < n)
"""


def nereid(*words, cwd):
    return subprocess.run([sys.executable, "-m", "nereid", *words], capture_output=True, encoding="utf-8", cwd=cwd)


def test_commands(tmp_path):
    (tmp_path / "k.py").write_text(KERNEL, encoding="utf-8")
    signature = ["--signature", "*fp32:16,*fp32:16,i32", "-D", "B=64"]
    done = nereid("emit", "k.py:add", *signature, "--stage", "ttir", cwd=tmp_path)
    assert done.returncode == 0 and "tt.func public @add" in done.stdout, done.stderr
    done = nereid("compile", "k.py:add", *signature, "--target", "wasm,webgpu", "-o", "out", cwd=tmp_path)
    made = json.loads((tmp_path / "out/manifest.json").read_text(encoding="utf-8"))
    assert done.returncode == 0 and [a["target"] for a in made["artefacts"]] == ["wasm", "webgpu"] and (tmp_path / "out/kernels.d.ts").exists()
    assert (tmp_path / "out/add.wasm").read_bytes()[:4] == b"\0asm"
    assert {"interp", "cpu"} <= {t["name"] for t in json.loads(nereid("targets", "--json", cwd=tmp_path).stdout)}


def test_errors(tmp_path):
    (tmp_path / "k.py").write_text(KERNEL.replace("i < n)\n", "i < m)\n"), encoding="utf-8")
    done = nereid("emit", "k.py:add", "--signature", "*fp32,*fp32,i32", "-D", "B=64", cwd=tmp_path)
    assert done.returncode == 1 and "k.py:8:" in done.stderr and "`m` is not defined" in done.stderr
    assert nereid("emit", "missing.py:add", "--signature", "*fp32", cwd=tmp_path).returncode in (1, 2) and nereid("nothing", cwd=tmp_path).returncode == 2
