# SPDX-License-Identifier: MIT
"""The corpus of kernels launched by nereid.jit, which must leave in memory what the interpreter leaves.

    PYTHONPATH=build/python python tests/python/corpus_jit.py [-k NAME] [--times]
"""
import json
import os
import sys
import tempfile
import time

import numpy as np

import cases
import corpus

os.environ["NEREID_CACHE_DIR"] = tempfile.mkdtemp()
import nereid
import nereid.compat
import nereid.language as tl
from nereid import _core

nereid.compat.install()
name = sys.argv[sys.argv.index("-k") + 1] if "-k" in sys.argv else ""
passed = failed = 0
spent = {"launch": 0.0, "interp": 0.0}
for case in corpus.cases([], name):
    try:
        kernel = cases.kernel(case)
        values, got = cases.arguments(case)
        before = time.perf_counter()
        kernel[cases.grid(case)](**values, **cases.constants(case, tl))
        spent["launch"] += time.perf_counter() - before

        # The file itself, without Python, on the interpreter.
        values, wanted = cases.arguments(case)
        reference = _core.compile(path=str(case.path), files=[], kernel=case.kernel, signature=case.signature, constants=dict(case.constants), target="interp", print=lambda _: None)
        _, _, bits, _ = kernel.describe_call(**values, **cases.constants(case, tl))
        arrays = {n: a for n, _, a in wanted}
        pairs = []
        given = iter(case.inputs(0))
        for p in json.loads(reference.about)["parameters"]:
            if p["name"] in arrays:
                a = arrays[p["name"]]
                pairs.append((a.ctypes.data, max(a.nbytes, 1)))
            elif p["name"] in values:
                kind = p["type"]
                v = values[p["name"]]
                dtype = {"fp32": np.float32, "fp64": np.float64, "fp16": np.float16}.get(kind)
                pairs.append((int(np.array(v, dtype).view(f"u{np.dtype(dtype).itemsize}")) if dtype else int(v) & (1 << 64) - 1, 0))
            else:  # sizes and strides of descriptors, parts of tuples
                pairs.append((bits[len(pairs)], 0))
        before = time.perf_counter()
        reference.launch(cases.grid(case), pairs)
        spent["interp"] += time.perf_counter() - before
        problem = corpus.compare(got, wanted, case.target_tolerance)
    except Exception as e:
        problem = f"{type(e).__name__}: {e}"
    passed, failed = passed + (not problem), failed + bool(problem)
    if problem:
        print(f"FAIL {case}\n     {problem}", flush=True)
if "--times" in sys.argv:
    print("compiled and launched in {launch:.2f} s; interpreted in {interp:.2f} s".format(**spent))
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed or not passed else 0)
