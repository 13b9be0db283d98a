# SPDX-License-Identifier: MIT
"""Golden schedules of classic kernels: a lost fusion, a value that moved to memory or a load that became a gather shows as a diff.

    python3 tests/schedules_test.py [--bless]      --bless writes tests/schedules; read the diff before you commit it
"""
import difflib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KERNELS = {
    "softmax": ("examples/softmax/softmax.py:softmax", "*fp32:16,*fp32:16,i32:16,i32:16,i32:16,1024"),
    "softmax_strides": ("examples/softmax/softmax.py:softmax", "*fp32:16,*fp32:16,i32:16,i32,i32:16,1024"),
    "matmul_f32": ("bench/suite/kernels/products.py:matmul", "*fp32:16,*fp32:16,*fp32:16,i32:16,i32:16,i32:16,i32:16,1,i32:16,1,i32:16,1,64,64,32,8"),
    "matmul_f16": ("bench/suite/kernels/products.py:matmul", "*fp16:16,*fp16:16,*fp16:16,i32:16,i32:16,i32:16,i32:16,1,i32:16,1,i32:16,1,128,128,64,8"),
    "matvec": ("bench/suite/kernels/products.py:matvec", "*fp16:16,*fp16:16,*fp32:16,i32:16,i32:16,4,1024"),
    "layer_norm": ("bench/suite/kernels/rows.py:layer_norm", "*fp32:16,*fp32:16,*fp32:16,*fp32:16,*fp32:16,*fp32:16,i32:16,fp32,1024"),
    "int8_matmul": ("examples/int8_matmul/int8_matmul.py:int8_matmul", "*i8:16,*i8:16,*fp32:16,*fp32:16,*fp32:16,i32:16,i32:16,i32:16,128,128,64"),
    "cumsum": ("bench/suite/kernels/rows.py:cumsum", "*fp32:16,*fp32:16,i32:16,1024"),
    "attention": ("bench/suite/kernels/attention.py:attention", "*fp16:16,*fp16:16,*fp16:16,*fp16:16,*fp32:16,i32:16,fp32,64,1,64,64,64,1"),
}
passed = failed = 0
for name, (kernel, signature) in KERNELS.items():
    for target in ("wasm", "webgpu"):
        done = subprocess.run([ROOT / "build/bin/nereid", "emit", kernel, "--target", target, "--stage", "schedule", "--signature", signature], cwd=ROOT, capture_output=True, text=True)
        path = ROOT / f"tests/schedules/{name}.{target}.txt"
        if "--bless" in sys.argv:
            path.write_text(done.stdout)
        wanted = path.read_text() if path.exists() else ""
        if done.returncode == 0 and done.stdout == wanted:
            passed += 1
            continue
        failed += 1
        print(f"FAILED {name} on {target}", done.stderr)
        print("".join(difflib.unified_diff(wanted.splitlines(True), done.stdout.splitlines(True), "expected", "found", n=1)))
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
