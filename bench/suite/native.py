# SPDX-License-Identifier: MIT
"""Runs the suite's kernels on the CPU for wasm.mjs, one thread. It compiles the WebAssembly, too.

    NEREID_CPU=x86-64-v3 python bench/suite/native.py DIR TEXT SIZES [KERNEL...]      cases whose names contain TEXT, of these kernels or all

Writes DIR/suite.json, DIR/kernels and DIR/pool.bin, then answers each line of standard input with a line of JSON:

    open k3   =>  {"samples": {"y_ptr": [[0, [0.5, ...]], ...]}}     parts of the outputs in float64, from NumPy
    turn      =>  {"ms": [1.2, 1.1]}                                 launches of the case that is open
"""
import json
import os
import sys
from pathlib import Path

os.environ["NEREID_NUM_THREADS"] = "1"

from cases import export, suite
from inputs import NUMBERS, arguments, launcher, machine, reference, turn

folder, text, sizes, *names = sys.argv[1:]


def places(size):
    """Ranges of an array that are compared."""
    step = max(1, (size - 1024) // 3)
    return [(start, min(1024, size - start)) for start in sorted({min(step * k, max(0, size - 1024)) for k in range(4)})]


def answer(**fields):
    print(json.dumps(fields), flush=True)


export(folder, text, sizes, "wasm", names)
NUMBERS.tofile(Path(folder) / "pool.bin")
cases = suite(sizes)
answer(machine=machine())
run = None
for line in sys.stdin:
    request, *rest = line.split()
    if request == "open":
        case = cases[int(rest[0][1:])]
        values = arguments(case)
        wanted = reference(case, values)
        run = launcher(case, values)
        answer(samples={name: [[start, x[start:start + n].tolist()] for start, n in places(x.size)] for name, x in wanted.items()})
    else:
        answer(ms=turn(run))
