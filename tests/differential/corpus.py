# SPDX-License-Identifier: MIT
"""The kernels that the differential tests run: tests/corpus/*.py, examples/*/*.py, the kernel library, recall/kernels and voice/kernels.

A comment above a kernel is one case:

    # run: NAME | SIGNATURE | CONSTANTS | GRID | ARGUMENTS [| OPTION ...]

SIGNATURE  types of the parameters that are not constants, as in Triton's AOT tool: *fp32:16,i32
CONSTANTS  NAME=LITERAL,...
ARGUMENTS  one per item of the signature: a number, or an array: z[8] zeros, i[8] 0 to 7, r[8] random, r[8]:LOW:HIGH random in that range
OPTION     tol=X      tolerance between stock Triton's program and ours, both on the interpreter; default 0
           target=X   tolerance between a target and the interpreter (order of sums, vector mathematics); default 0
           since=3.6  the first Triton that has the features
           until=3.8  the last that has them with this meaning
           size=X     the most bytes of its WebAssembly module; default 20000
           launch=no  stock Triton compiles it, but cannot hash the arguments of the launch

Differences are relative to the number, or to the mean magnitude of the array if that is larger.
"""
import argparse
import ast
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
ARRAYS = {"fp64": np.float64, "fp32": np.float32, "fp16": np.float16, "bf16": np.uint16, "fp8e5": np.uint8, "fp8e4nv": np.uint8, "i1": np.uint8,
          "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64, "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64}


class Case:
    def __init__(self, path, line, parameters):
        fields = [f.strip() for f in line.split("|")]
        self.path, self.kernel, self.items = path, fields[0], split(fields[1])
        self.constants = dict(item.split("=", 1) for item in split(fields[2]))
        self.grid, self.args = fields[3].replace(" ", ""), split(fields[4])
        options = dict(o.split("=") for o in fields[5:])
        self.tolerance, self.target_tolerance = float(options.get("tol", 0)), float(options.get("target", 0))
        self.since = tuple(map(int, options.get("since", "0").split(".")))
        self.until = tuple(map(int, options.get("until", "999").split(".")))
        self.module_size = int(options.get("size", 20000))
        self.launches = options.get("launch") != "no"
        self.parameters = parameters[self.kernel]
        # Constexprs, and parameters missing at the end, have an empty item.
        items = iter(self.items)
        self.signature = ["" if name in self.constants else next(items, "") for name in self.parameters]

    def __str__(self):
        return f"{self.path.name}:{self.kernel}({', '.join(self.items)}; {', '.join(f'{k}={v}' for k, v in self.constants.items())})"

    def inputs(self, seed):
        """The arguments of a launch: [(name, type, array or text)]."""
        rng, values, out = np.random.default_rng(seed), iter(self.args), []
        for name, item in zip(self.parameters, self.signature):
            if not item:
                continue
            kind, _, hint = item.partition(":")
            spec = next(values)
            if hint == "1":
                continue
            pointee = kind[1:].removeprefix("k")
            out.append((name, pointee, random_array(spec, pointee, rng)) if kind.startswith("*") else (name, kind, spec))
        return out

    def ttir(self, nereid):
        """Our TTIR of the case."""
        command = [nereid, "emit", f"{self.path}:{self.kernel}", "--signature", ",".join(self.signature), "--stage", "ttir"]
        for name, value in self.constants.items():
            command += ["-D", f"{name}={value}"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError("does not compile:\n" + done.stderr)
        return done.stdout


def split(text):
    out, depth, item = [], 0, ""
    for c in text:
        depth += (c in "([<") - (c in ")]>")
        if c == "," and depth == 0:
            out.append(item.strip())
            item = ""
        else:
            item += c
    return out + [item.strip()] if item.strip() else out


def cases(paths, name=""):
    for path in paths or sorted(path for folder in ("tests/corpus", "examples/*", "python/nereid/kernels/source", "recall/kernels", "voice/kernels") for path in ROOT.glob(f"{folder}/*.py")):
        text = path.read_text()
        parameters = {f.name: [a.arg for a in f.args.args] for f in ast.parse(text).body if isinstance(f, ast.FunctionDef)}
        for match in re.finditer(r"^# run: (.*)$", text, re.M):
            if name in match[1].split("|")[0]:
                yield Case(path.resolve(), match[1], parameters)


def random_array(spec, kind, rng):
    form, size, low, high = re.match(r"([rzi])\[(\d+)\](?::([-\d.e]+):([-\d.e]+))?$", spec).groups()
    dtype, size = ARRAYS[kind], int(size)
    if form == "z":
        return np.zeros(size, dtype)
    if form == "i":
        return np.arange(size).astype(dtype)
    if kind.startswith(("fp", "bf")):
        x = rng.uniform(float(low), float(high), size) if low else rng.standard_normal(size)
        if kind == "bf16":
            return (x.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
        return rng.integers(0, 120, size).astype(np.uint8) if kind.startswith("fp8") else x.astype(dtype)
    if kind == "i1":
        return rng.integers(0, 2, size).astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(int(low) if low else info.min, int(high) if low else info.max, size, dtype=np.int64 if dtype != np.uint64 else dtype, endpoint=False).astype(dtype)


def run(nereid, ttir, target, grid, inputs, folder, *options):
    """The content of every array after the run: [(name, type, array)]."""
    command = [nereid, "run", str(ttir), "--target", target, "--grid", grid, *options]
    saved = []
    for name, kind, value in inputs:
        if isinstance(value, np.ndarray):
            source, out = folder / f"{name}.npy", folder / f"{name}.out.npy"
            np.save(source, value)
            command += ["--arg", f"{name}=@{source}:{kind}", "--save", f"{name}={out}"]
            saved.append((name, kind, out))
        else:
            command += ["--arg", f"{name}={value}:{kind}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:5])} exits with {done.returncode}:\n{done.stderr}")
    return [(name, kind, np.load(out)) for name, kind, out in saved]


def as_numbers(a, kind):
    if kind == "bf16":
        return (a.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return a.astype(np.float64)


def compare(got, wanted, tolerance):
    """Describes the difference, or returns None."""
    for (name, kind, a), (_, _, b) in zip(got, wanted):
        if a.tobytes() == b.tobytes():
            continue
        x, y = as_numbers(a, kind), as_numbers(b, kind)
        with np.errstate(invalid="ignore"):
            finite = np.abs(y[np.isfinite(y)])
            size = np.maximum(np.abs(y), finite.mean() if finite.size else 0)
            # NaN payloads may differ, and signed zeros; infinities may not.
            same = (x == y) | (np.isnan(x) & np.isnan(y)) | (np.isfinite(x) & np.isfinite(y) & (np.abs(x - y) <= tolerance * size))
        if not same.all():
            i = int(np.argmin(same))
            with np.errstate(invalid="ignore", divide="ignore"):
                worst = float(np.nanmax(np.abs(x - y) / size))
            return f"{name}[{i}] is {a.flat[i]!r} instead of {b.flat[i]!r} ({int((~same).sum())} of {a.size} differ, the most by {worst:.1e})"
    return None


def main(description, check):
    """Runs check(case, ttir path, inputs, folder, options) for each case. It returns a problem, None, or False to skip the case."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--nereid", default=str(ROOT / "build/bin/nereid"))
    parser.add_argument("-k", default="", help="only kernels whose name contains this")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--targets", default="", help="with commas between; all but interp otherwise")
    parser.add_argument("--schedules", type=int, default=0, help="run each case with so many random schedules, instead of the default one")
    parser.add_argument("files", nargs="*", type=Path)
    o = parser.parse_args()

    def one(case):
        try:
            with tempfile.TemporaryDirectory() as folder:
                ttir = Path(folder) / "ours.ttir"
                ttir.write_text(case.ttir(o.nereid))
                return check(case, ttir, case.inputs(o.seed), Path(folder), o)
        except Exception as e:  # a case that breaks must not hide the others
            return f"{type(e).__name__}: {e}"

    passed = failed = 0
    chosen = list(cases(o.files, o.k))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for case, problem in zip(chosen, pool.map(one, chosen)):
            passed, failed = passed + (problem is None), failed + bool(problem)
            if problem:
                print(f"FAIL {case}\n     {problem}", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)
