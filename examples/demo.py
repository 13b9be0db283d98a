# SPDX-License-Identifier: MIT
"""Runs the kernels of this folder natively and checks each against NumPy.

    python examples/demo.py [-k NAME] [--target cpu] [--threads N]

Each NAME/check.py has `cases(rng)`: the shapes to run, with arguments, and the results that float64 arithmetic gives.
"""
import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent


@dataclass
class Case:
    shape: str
    grid: tuple
    args: dict  # name: array or number, in any order
    expected: dict  # name: what the array must hold afterwards
    allowed: float  # the largest error, absolute; 0: the same bits
    work: float  # bytes moved, or operations
    unit: str = "GB/s"  # or GFLOP/s, GOP/s
    constants: dict = field(default_factory=dict)


def load(folder):
    spec = importlib.util.spec_from_file_location(f"{folder.name}_check", folder / "check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def launch(options, name, case, folder):
    """The arrays of `case.expected` after the run, and the output of --time."""
    command = [options.nereid, "run", f"{HERE / name / name}.py:{name}", "--target", options.target, "--grid", ",".join(map(str, case.grid))]
    for constant, value in case.constants.items():
        command += ["-D", f"{constant}={value!r}"]
    for arg, value in case.args.items():
        if isinstance(value, np.ndarray):
            np.save(folder / f"{arg}.npy", value)
            value = f"@{folder / arg}.npy"
        command += ["--arg", f"{arg}={value}"]
    for arg in case.expected:
        command += ["--save", f"{arg}={folder / arg}.out.npy"]
    command += ["--time", str(options.runs)]
    if options.threads:
        command += ["--threads", str(options.threads)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"nereid exits with {done.returncode}: {done.stderr.strip()}")
    return {arg: np.load(folder / f"{arg}.out.npy") for arg in case.expected}, json.loads(done.stdout)


def error(got, expected):
    if got.shape != expected.shape:
        raise RuntimeError(f"the shape is {got.shape}, not {expected.shape}")
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    difference = np.where(same, 0, np.abs(got.astype(np.float64) - expected))
    return float(np.nan_to_num(difference, nan=np.inf).max(initial=0))


def duration(us):
    return f"{us:.1f} us" if us < 1000 else f"{us / 1e3:.2f} ms"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nereid", default=str(HERE.parent / "build/bin/nereid"))
    parser.add_argument("-k", default="", help="only examples whose name contains this")
    parser.add_argument("--target", default="cpu")
    parser.add_argument("--threads", type=int, default=0, help="0: all of the machine")
    parser.add_argument("--runs", type=int, default=20, help="launches to take the median of")
    o = parser.parse_args()

    row = "{:<16} {:<30} {:>10} {:>8} {:>11} {:>16} {:>9}  {}"
    print(f"Examples on {o.target}, {o.threads or 'all'} threads; errors against float64, median of {o.runs} launches\n")
    print(row.format("kernel", "shape", "max error", "allowed", "time", "rate", "compile", "").rstrip())
    wrong = checked = 0
    for folder in sorted(path.parent for path in HERE.glob("*/check.py")):
        if o.k not in folder.name:
            continue
        for case in load(folder).cases(Case, np.random.default_rng(0)):
            if sys.stdout.isatty():
                print(f"\r{folder.name} {case.shape} …", end="", flush=True)
            try:
                with tempfile.TemporaryDirectory() as scratch:
                    got, times = launch(o, folder.name, case, Path(scratch))
                worst = max(error(got[arg], expected) for arg, expected in case.expected.items())
            except RuntimeError as failure:
                worst, times, problem = None, None, str(failure)
            checked += 1
            good = worst is not None and worst <= case.allowed
            wrong += not good
            if sys.stdout.isatty():
                print("\r\033[K", end="")
            if worst is None:
                print(f"{folder.name:<16} {case.shape:<30} FAILED: {problem}", flush=True)
                continue
            us = times["median_us"]
            print(row.format(folder.name, case.shape, f"{worst:.1e}" if worst else "exact", f"{case.allowed:.0e}" if case.allowed else "exact", duration(us),
                             f"{case.work / us / 1e3:.1f} {case.unit:<7}", f"{times['compile_us'] / 1e3:.1f} ms", "" if good else "WRONG").rstrip(), flush=True)
    print(f"\n{checked - wrong} passed, {wrong} failed")
    return 1 if wrong or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
