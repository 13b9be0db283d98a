# SPDX-License-Identifier: MIT
"""Launches the corpus of kernels from Python and compares the memory afterwards with the interpreter's.

    PYTHONPATH=build/python python tests/python/corpus_launch.py jit       by nereid.jit
    PYTHONPATH=build/python python tests/python/corpus_launch.py gpu       by nereid.jit, on a GPU through wgpu
    PYTHONPATH=build/python python tests/python/corpus_launch.py plugin    by stock Triton with the plug-in
    python tests/python/corpus_launch.py interpreter    by stock Triton with TRITON_INTERPRET=1, for the sake of its time: it has faults of its own
        [-k NAME] [--times]
"""
import argparse
import json
import os
import sys
import tempfile
import time

import numpy as np

import cases
import corpus

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("by", choices=("jit", "gpu", "plugin", "interpreter"))
parser.add_argument("-k", default="")
parser.add_argument("--every", type=int, default=1, metavar="N", help="every Nth case")
parser.add_argument("--times", action="store_true")
options = parser.parse_args()

SWIFTSHADER = "/usr/lib/chromium/vk_swiftshader_icd.json"  # an emulated GPU, if no driver was chosen
if options.by == "gpu" and os.path.exists(SWIFTSHADER):
    os.environ.setdefault("VK_DRIVER_FILES", SWIFTSHADER)
os.environ["NEREID_CACHE_DIR"] = os.environ["TRITON_CACHE_DIR"] = tempfile.mkdtemp()
import nereid
import nereid.compat
from nereid import _core

if options.by in ("jit", "gpu"):
    nereid.compat.install()
    VERSION = (99, )
else:
    os.environ["TRITON_DEFAULT_BACKEND"] = "nereid"
    if options.by == "interpreter":
        os.environ["TRITON_INTERPRET"] = "1"
    import triton
    VERSION = tuple(map(int, triton.__version__.split(".")[:2]))
import triton.language as tl  # noqa: E402

DTYPES = {"fp32": np.float32, "fp64": np.float64, "fp16": np.float16}


def interpret(case):
    """The interpreter's result for the file, compiled without Python."""
    values, arrays = cases.arguments(case)
    at = {name: a for name, _, a in arrays}
    kernel = _core.compile(path=str(case.path), files=[], kernel=case.kernel, signature=case.signature, constants=dict(case.constants), target="interp", print=lambda _: None)
    pairs = []
    for p in json.loads(kernel.about)["parameters"]:
        if p["name"] in at:
            pairs.append((at[p["name"]].ctypes.data, max(at[p["name"]].nbytes, 1)))
            continue
        value, dtype = values[p["name"]], DTYPES.get(p["type"])
        pairs.append((int(np.array(value, dtype).view(f"u{np.dtype(dtype).itemsize}")) if dtype else int(value) & (1 << 64) - 1, 0))
    kernel.launch(cases.grid(case), pairs)
    return arrays


def launch_on_gpu(kernel, case, values):
    """With copies of the arrays on the GPU. Returns False if the compiler refuses the kernel for GPUs."""
    copies = [(v, nereid.gpu.array(v)) for v in values.values() if isinstance(v, np.ndarray)]
    there = {k: next(c for a, c in copies if a is v) if isinstance(v, np.ndarray) else v for k, v in values.items()}
    try:
        kernel[cases.grid(case)](**there, **cases.constants(case, tl))
    except nereid.CompileError as e:
        if "[unsupported" in str(e) or "[provenance" in str(e):
            return False
        raise
    for array, copy in copies:
        array[...] = copy.numpy()
    return True


passed = failed = refused = 0
spent = 0.0
for case in list(corpus.cases([], options.k))[::options.every]:
    # Features that this version of Triton lacks.
    if options.by not in ("jit", "gpu") and (case.since > VERSION or case.until < VERSION or not case.launches):
        continue
    try:
        kernel = cases.kernel(case)
        values, got = cases.arguments(case)
        if options.by == "interpreter":
            values = {k: cases.Host(v) if isinstance(v, np.ndarray) else v for k, v in values.items()}
        before = time.perf_counter()
        if options.by == "gpu":
            if not launch_on_gpu(kernel, case, values):
                refused += 1
                continue
        else:
            kernel[cases.grid(case)](**values, **cases.constants(case, tl))
        spent += time.perf_counter() - before
        least = 4e-6 if options.by == "gpu" else 0  # as tests/differential/targets_vs_interp.py
        problem = corpus.compare(got, interpret(case), max(case.target_tolerance, least, case.tolerance if options.by not in ("jit", "gpu") else 0))
    except Exception as e:
        problem = f"{type(e).__name__}: {e}"
    passed, failed = passed + (not problem), failed + bool(problem)
    if problem:
        print(f"FAIL {case}\n     {problem}", flush=True)
if refused:
    print(f"{refused} kernels are refused for GPUs")
if options.times:
    print(f"launched in {spent:.2f} s, with compiling")
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed or not passed else 0)
