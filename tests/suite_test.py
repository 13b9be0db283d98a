# SPDX-License-Identifier: MIT
"""Some kernels of the performance suite (bench/suite) compute the right results at tiny sizes, on the CPU and in WebAssembly."""
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KERNELS = "products.py:matmul,rows.py:cross_entropy,rows.py:top_k,attention.py:decode_paged,attention.py:attention_dq,sparse.py:grouped_matmul,sparse.py:experts_matmul"
python = ROOT / ".venv/bin/python"
node = ROOT / "web/node_modules/node/bin/node"
if not python.exists() or not list(ROOT.glob("build/python/nereid/_native.*")) or subprocess.run([python, "-c", "import ml_dtypes, scipy"], capture_output=True).returncode:
    print("skipped: the Python package is not built, or ml_dtypes and scipy are not in .venv (scripts/setup.sh --python)")
    sys.exit()

options = ["--sizes", "tiny", "--seconds", "0", "--kernel", KERNELS, "--peers"]
commands = {"cpu": [python, "bench/suite/cpu.py", *options, "", "--threads", "1"]}
if node.exists() and (ROOT / "web/dist/index.js").exists():
    commands["wasm"] = [node, "bench/suite/wasm.mjs", *options, "none", "--python", python]
else:
    print("wasm skipped: no web/node_modules or no web/dist (scripts/web.sh build)")
failed = 0
for name, command in commands.items():
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": "build/python", "NEREID_CACHE": "0"})
    # Two kernels have several cases.
    wrong = done.returncode or done.stdout.count("matmul f32") != 4 or done.stdout.count("dq f16") != 2 or "experts f16" not in done.stdout
    failed += bool(wrong)
    if wrong:
        print(f"FAILED {name}:\n{done.stdout}{done.stderr}")
print(f"{len(commands) - failed} passed, {failed} failed")
sys.exit(failed > 0)
