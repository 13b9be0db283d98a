# SPDX-License-Identifier: MIT
"""Compares the front-end with stock Triton, without a GPU.

For each `# run:` line of tests/corpus/*.py: stock Triton's unoptimised TTIR and ours are run on the interpreter with the same inputs;
what they leave in memory must agree. Stock Triton's own parser and verifier must accept our text, too.

    python tests/differential/tl_vs_triton.py [--nereid build/bin/nereid] [-k NAME] [FILE.py ...]

Needs triton==3.6.0 and numpy.
"""
import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import triton
from triton._C.libtriton import ir
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, make_backend

ROOT = Path(__file__).resolve().parents[2]
ARRAYS = {"fp64": np.float64, "fp32": np.float32, "fp16": np.float16, "bf16": np.uint16, "fp8e5": np.uint8, "fp8e4nv": np.uint8, "i1": np.uint8,
          "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64, "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64}


class Case:
    def __init__(self, path, line):
        fields = [f.strip() for f in line.split("|")]
        self.path, self.kernel, self.signature = path, fields[0], split(fields[1])
        self.constants = dict(item.split("=", 1) for item in split(fields[2]))
        self.grid, self.args = fields[3].replace(" ", ""), split(fields[4])
        options = dict(o.split("=") for o in fields[5:])
        self.tolerance = float(options.get("tol", 0))
        self.since = tuple(map(int, options.get("since", "0").split(".")))

    def __str__(self):
        return f"{self.path.name}:{self.kernel}({', '.join(self.signature)}; {', '.join(f'{k}={v}' for k, v in self.constants.items())})"


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


def load(path):
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def jit_of(fn):
    while not isinstance(fn, triton.runtime.jit.JITFunction):
        fn = fn.fn
    return fn


class Stock:
    """Triton's front-end, for a GPU that need not be there."""

    def __init__(self):
        self.target = GPUTarget("cuda", 90, 32)
        self.backend = make_backend(self.target)

    def context(self):
        context = ir.context()
        ir.load_dialects(context)
        self.backend.load_dialects(context)
        return context

    def ttir(self, fn, case):
        signature, constants, attrs = {}, {}, {}
        items = iter(case.signature)
        for i, name in enumerate(fn.arg_names):
            if name in case.constants:
                constants[name] = eval(case.constants[name])
                signature[name] = "constexpr"
                continue
            item = next(items, None)
            if item is None:
                constants[name] = fn.params[i].default
                signature[name] = "constexpr"
                continue
            kind, _, hint = item.partition(":")
            signature[name] = kind
            if hint == "1":
                constants[name], signature[name] = 1, "constexpr"
            elif hint:
                attrs[(i, )] = [["tt.divisibility", int(hint)]]
        source = ASTSource(fn=fn, signature=signature, constexprs=constants, attrs=attrs)
        options = self.backend.parse_options({"sanitize_overflow": False, "allowed_dot_input_precisions": ("ieee", "tf32", "tf32x3")})
        context = self.context()
        module = source.make_ir(self.target, options, self.backend.get_codegen_implementation(options), self.backend.get_module_map(), context)
        return str(module)

    def accepts(self, path):
        context = self.context()  # must outlive the module
        module = ir.parse_mlir_module(str(path), context)
        accepted = module.verify()
        del module
        return accepted


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


def run(nereid, ttir, case, arrays, names, folder):
    command = [nereid, "run", str(ttir), "--target", "interp", "--grid", case.grid]
    saved = []
    for name, value in zip(names, arrays):
        kind, value = value
        if isinstance(value, np.ndarray):
            source, out = folder / f"{name}.npy", folder / f"{name}.out.npy"
            np.save(source, value)
            command += ["--arg", f"{name}=@{source}:{kind}", "--save", f"{name}={out}"]
            saved.append((name, kind, out))
        else:
            command += ["--arg", f"{name}={value}:{kind}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:3])} failed:\n{done.stderr}")
    return [(name, kind, np.load(out)) for name, kind, out in saved]


def as_numbers(a, kind):
    if kind == "bf16":
        return (a.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return a.astype(np.float64)


def compare(ours, theirs, tolerance):
    for (name, kind, a), (_, _, b) in zip(ours, theirs):
        if a.tobytes() == b.tobytes():
            continue
        x, y = as_numbers(a, kind), as_numbers(b, kind)
        # Signed zeros and NaN payloads may differ: -x is a negation here, and was 0 - x in Triton 3.6.
        same = (x == y) | (np.isnan(x) & np.isnan(y)) | (np.abs(x - y) <= tolerance * np.maximum(np.abs(x), np.abs(y)))
        if not same.all():
            i = int(np.argmin(same))
            return f"{name}[{i}] is {a[i]!r}, but Triton gives {b[i]!r} ({int((~same).sum())} of {a.size} differ)"
    return None


def check(case, module, stock, nereid, seed):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        emit = [nereid, "emit", f"{case.path}:{case.kernel}", "--signature", ",".join(case.signature), "--stage", "ttir"]
        fn = jit_of(getattr(module, case.kernel))
        # Constexprs have no item of the signature: an empty one stands for each.
        items = iter(case.signature)
        signature = ["" if n in case.constants else next(items, "") for n in fn.arg_names]
        emit[4] = ",".join(signature)
        for name, value in case.constants.items():
            emit += ["-D", f"{name}={value}"]
        done = subprocess.run(emit, capture_output=True, text=True)
        if done.returncode:
            return "does not compile:\n" + done.stderr
        ours, theirs = folder / "ours.ttir", folder / "theirs.ttir"
        ours.write_text(done.stdout)
        theirs.write_text(stock.ttir(fn, case))
        try:
            # The parser speaks through the process's stderr.
            if not stock.accepts(ours):
                return "stock Triton refuses our text"
        except RuntimeError as e:
            return f"stock Triton does not parse our text: {e}"
        rng = np.random.default_rng(seed)
        names, arrays = [], []
        values = iter(case.args)
        for name, item in zip(fn.arg_names, signature):
            if not item:
                continue
            kind, _, hint = item.partition(":")
            spec = next(values)
            if hint == "1":
                continue
            names.append(name)
            arrays.append((kind.lstrip("*").removeprefix("k"), random_array(spec, kind[1:], rng)) if kind.startswith("*") else (kind, spec))
        a, b = run(nereid, ours, case, arrays, names, folder), run(nereid, theirs, case, arrays, names, folder)
        return compare(a, b, case.tolerance)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nereid", default=str(ROOT / "build/bin/nereid"))
    parser.add_argument("-k", default="", help="only kernels whose name contains this")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("files", nargs="*", type=Path)
    o = parser.parse_args()
    stock, passed, failed = Stock(), 0, 0
    for path in [p.resolve() for p in o.files] or sorted((ROOT / "tests/corpus").glob("*.py")):
        cases = [Case(path, m[1]) for m in re.finditer(r"^# run: (.*)$", path.read_text(), re.M) if o.k in m[1].split("|")[0]]
        module = load(path) if cases else None
        for case in cases:
            if case.since > tuple(map(int, triton.__version__.split(".")[:2])):
                continue
            try:
                problem = check(case, module, stock, o.nereid, o.seed)
            except Exception as e:  # a case that breaks must not hide the others
                problem = f"{type(e).__name__}: {e}"
            passed, failed = passed + (not problem), failed + bool(problem)
            if problem:
                print(f"FAIL {case}\n     {problem}", flush=True)
    print(f"{passed} of {passed + failed} cases agree with Triton {triton.__version__}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
