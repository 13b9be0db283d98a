# SPDX-License-Identifier: MIT
"""Every function of stock Triton's libdevice, for each of its types, on every target.

The names and types are read from the stock wheel. Values of the interpreter are compared with separate references: Python's integers, exact fractions
for directed roundings, NumPy and the math module. The other targets are compared with the interpreter, within the ulp of LIMITS.
--table prints the largest error of each function instead, for docs/reference/math.md.
"""
import ast
import json
import math
import pathlib
import subprocess
import sys
import tempfile
from fractions import Fraction

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
N = 256
DTYPES = {"fp32": np.float32, "fp64": np.float64, "int32": np.int32, "int64": np.int64, "uint32": np.uint32, "uint64": np.uint64, "int1": np.int32}
SHORT = {"fp32": "f32", "fp64": "f64", "int32": "i32", "int64": "i64", "uint32": "u32", "uint64": "u64", "int1": "i32"}
# For f32 on targets with f64, and for f64; for f32 on targets without f64. Functions of ABSOLUTE are compared by absolute error near their zeros.
LIMITS = {"default": (4, 8, 16), "tgamma": (4, 2000, 100), "lgamma": (4, 2000, 100), "normcdf": (4, 16, 200), "erfcx": (4, 16, 128), "cyl_bessel_i0": (4, 64, 64),
          "cyl_bessel_i1": (4, 128, 64), "exp10": (4, 8, 64), "fast_exp10f": (4, 8, 64), "yn": (4, 512, 512), "jn": (4, 512, 512), "pow": (16, 16, 64), "fast_powf": (16, 16, 64)}
ABSOLUTE = {"j0", "j1", "y0", "y1", "jn", "yn", "lgamma", "erfcinv", "normcdfinv"}
SPECIAL = [0.0, -0.0, 1, -1, 0.5, -0.5, 2, -2, 1.5, 2.5, -2.5, 3, np.inf, -np.inf, np.nan, 7, -7, 10, 30, 100]
passed = failed = 0
worst_of = {}  # of each function and kind of target, for --table


def rows():
    import triton
    source = (pathlib.Path(triton.__file__).parent / "language/extra/cuda/libdevice.py").read_text()
    for function in ast.parse(source).body:
        if not isinstance(function, ast.FunctionDef):
            continue
        for table in ast.walk(function):
            if isinstance(table, ast.Dict):
                for key, value in zip(table.keys, table.values):
                    yield function.name, [k.args[0].value for k in key.elts], value.elts[0].value, value.elts[1].args[0].value


def inputs(types, pairs):
    rng = np.random.default_rng(len(types) * 7 + len(pairs))
    out = []
    for place, name in enumerate(types):
        dtype = DTYPES[name]
        if np.issubdtype(dtype, np.floating):
            rest = N - len(SPECIAL)
            x = np.concatenate([SPECIAL, rng.uniform(0, 1, rest // 4), rng.uniform(-10, 10, rest // 2), np.exp(rng.uniform(-20, 20, rest - rest // 4 - rest // 2))])
            x[len(SPECIAL) + 3 * rest // 4:] *= rng.choice([-1, 1], len(x) - len(SPECIAL) - 3 * rest // 4)
            out.append(np.roll(x.astype(dtype), 5 * place))
            continue
        info = np.iinfo(dtype)
        x = rng.integers(info.min, info.max, N, dtype=dtype, endpoint=True)
        if "fp32" in types or "fp64" in types:  # an order or an exponent
            x = rng.integers(-5, 25, N).astype(dtype)
        x[:6] = [0, 1, 2, 3, 5, 7]
        x[6:60] = rng.integers(0 if info.min == 0 else -20, 20, 54)
        out.append(np.roll(x, 3 * place))
    return out


# ---- references

def directed(exact, direction, dtype):
    """Rounds an exact fraction to `dtype` in the given direction."""
    with np.errstate(over="ignore"):
        near = dtype(float(exact)) if dtype is np.float32 else dtype(exact.numerator / exact.denominator)
    if np.isinf(near):
        largest = np.finfo(dtype).max
        return near if direction == ("u" if near > 0 else "d") else dtype(math.copysign(largest, near))
    away = {"z": -1 if exact > 0 else 1, "d": -1, "u": 1, "n": 0}[direction]
    if direction == "n":
        return near
    while (Fraction(float(near)) - exact) * away < 0:
        near = np.nextafter(near, dtype(np.inf * away))
    while Fraction(float(np.nextafter(near, dtype(-np.inf * away)))) * away >= exact * away:
        near = np.nextafter(near, dtype(-np.inf * away))
    return near


def reference(name, symbol, result):
    """A reference for one element, or None if there is none."""
    dtype = DTYPES[result]
    bare = symbol.removeprefix("__nv_")
    if bare[-3:] in ("_rn", "_rz", "_rd", "_ru"):
        direction, base = bare[-1], bare[:-3]
        if "2" in base and base != "hiloint2double":
            to = base.split("2")[1]
            if to in ("float", "double"):
                return lambda x: None if not np.isfinite(x) or direction == "n" and dtype is np.float32 and abs(int(x)) >> 53 else directed(Fraction(float(x)) if isinstance(x, np.floating) else Fraction(int(x)), direction, dtype) if x != 0 else dtype(0)
            low, high = {"int": (-2**31, 2**31 - 1), "uint": (0, 2**32 - 1), "ll": (-2**63, 2**63 - 1), "ull": (0, 2**64 - 1)}[to]
            whole = {"n": round, "z": math.trunc, "d": math.floor, "u": math.ceil}[direction]

            def convert(x):
                v = 0 if math.isnan(x) else high if x == math.inf else low if x == -math.inf else min(max(whole(Fraction(float(x))), low), high)
                return np.array(v & (2**64 - 1), np.uint64).astype(np.uint32 if dtype().itemsize == 4 else np.uint64).view(dtype)[()]
            return convert
        op = {"add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y, "div": lambda x, y: x / y, "rcp": lambda x: 1 / x,
              "fma": lambda x, y, z: x * y + z, "fmaf": lambda x, y, z: x * y + z}.get(base[1:] if base[0] in "fd" and not base.startswith("fma") else base)
        if op is None or direction == "n":
            return None

        def arithmetic(*args):
            if not all(np.isfinite(a) for a in args) or base.endswith("rcp") and args[0] == 0 or base.endswith("div") and args[1] == 0:
                return None
            exact = op(*(Fraction(float(a)) for a in args))
            return None if exact == 0 else directed(exact, direction, dtype)
        return arithmetic
    wrap = lambda v: np.array(v & 0xFFFFFFFF, np.uint64).astype(np.uint32).view(dtype)[()]
    integers = {
        "byte_perm": lambda x, y, s: wrap(sum((((int(y) & 0xFFFFFFFF) << 32 | int(x) & 0xFFFFFFFF) >> 8 * (int(s) >> 4 * k & 7) & 255) << 8 * k for k in range(4))),
        "mul24": lambda x, y: wrap(signed24(x) * signed24(y)), "umul24": lambda x, y: wrap((int(x) & 0xFFFFFF) * (int(y) & 0xFFFFFF)),
        "mulhi": lambda x, y: wrap(int(x) * int(y) >> 32), "umulhi": lambda x, y: wrap(int(x) * int(y) >> 32),
        "sad": lambda x, y, z: wrap(abs(int(x) - int(y)) + int(z)), "usad": lambda x, y, z: wrap(abs(int(x) - int(y)) + int(z)),
        "hadd": lambda x, y: wrap(int(x) + int(y) >> 1), "uhadd": lambda x, y: wrap(int(x) + int(y) >> 1),
        "rhadd": lambda x, y: wrap(int(x) + int(y) + 1 >> 1), "urhadd": lambda x, y: wrap(int(x) + int(y) + 1 >> 1),
        "brev": lambda x: wrap(int(f"{int(x) & 0xFFFFFFFF:032b}"[::-1], 2)), "popc": lambda x: dtype((int(x) & 0xFFFFFFFF).bit_count()),
    }
    if bare in integers:
        return integers[bare]
    if name in ("llrint", "llround"):
        whole = round if name == "llrint" else lambda v: math.floor(v + Fraction(1, 2)) if v > 0 else math.ceil(v - Fraction(1, 2))
        return lambda x: None if not np.isfinite(x) or abs(x) >= 2.0**63 else np.int64(whole(Fraction(float(x))))

    def guarded(f):
        def call(*args):
            try:
                with np.errstate(all="ignore"):
                    value = f(*(float(a) for a in args))
                    return None if value is None else dtype(value)
            except (ValueError, OverflowError, ZeroDivisionError):
                return None
        return call
    functions = {"tgamma": math.gamma, "lgamma": math.lgamma, "erf": math.erf, "erfc": math.erfc, "exp": math.exp, "log": math.log, "log1p": math.log1p,
                 "expm1": math.expm1, "sin": math.sin, "cos": math.cos, "atan2": math.atan2, "remainder": math.remainder, "exp10": lambda x: 10.0**x,
                 "norm3d": lambda *a: math.hypot(*a), "norm4d": lambda *a: math.hypot(*a), "rnorm3d": lambda *a: 1 / math.hypot(*a), "hypot": math.hypot,
                 "normcdf": lambda x: math.erfc(-x / math.sqrt(2)) / 2 if x > -2 else None, "logb": lambda x: math.frexp(x)[1] - 1 if x and math.isfinite(x) else None,
                 "saturatef": lambda x: min(max(x, 0.0), 1.0) if x == x else 0.0, "cyl_bessel_i0": lambda x: float(np.i0(x)) if abs(x) < 2 else None}
    return guarded(functions[name]) if name in functions else None


def signed24(x):
    low = int(x) & 0xFFFFFF
    return low - (1 << 24) if low >> 23 else low


# ---- comparison

def difference(got, wanted, limit, absolute, flushes, arguments, kind=None):
    if not np.issubdtype(wanted.dtype, np.floating):
        bad = got != wanted
        return f"{int(bad.sum())} differ, the first is {got[bad][0]}, wanted {wanted[bad][0]}" if bad.any() else ""
    g, w = got.astype(np.float64), wanted.astype(np.float64)
    with np.errstate(all="ignore"):
        unit = np.spacing(np.abs(wanted)).astype(np.float64)
        if absolute:
            unit = np.maximum(unit, np.spacing(wanted.dtype.type(1)).astype(np.float64))
        off = np.abs(g - w) / unit
    off[(g == w) | (np.isnan(g) & np.isnan(w))] = 0
    off[np.isnan(off)] = np.inf
    if flushes:
        tiny = np.finfo(np.float32).tiny
        off[(np.abs(w) < 2 * tiny) & (np.abs(g) < 2 * tiny)] = 0
    worst = int(off.argmax())
    if kind:
        worst_of[kind] = max(worst_of.get(kind, 0.0), float(off[worst]))
    return f"{off[worst]:.3g} ulp at {[a[worst] for a in arguments]}: {got[worst]!r}, wanted {wanted[worst]!r}" if off[worst] > limit else ""


def report(symbol, target, text):
    global passed, failed
    if text:
        failed += 1
        print(f"FAILED {symbol} on {target}: {text}")
    else:
        passed += 1


def check_symbols(tool):
    """The symbols that stock Triton's front-end writes, which the plug-in receives, are known: each in a separate kernel."""
    spelled = {"fp32": "f32", "fp64": "f64", "int32": "i32", "int64": "i64", "uint32": "i32", "uint64": "i64", "int1": "i32"}
    kernels = []
    for k, (name, types, symbol, result) in enumerate(rows()):
        params = ", ".join(f"%x{i}: {spelled[t]}" for i, t in enumerate(types))
        names, all_types = ", ".join(f"%x{i}" for i in range(len(types))), ", ".join(spelled[t] for t in types)
        kernels.append((symbol, f"""tt.func public @k(%o: !tt.ptr<{spelled[result]}>, {params}) {{
  %y = tt.extern_elementwise {names} {{libname = "", libpath = "", pure = true, symbol = "{symbol}"}} : ({all_types}) -> {spelled[result]}
  tt.store %o, %y : !tt.ptr<{spelled[result]}>
  tt.return
}}
"""))
    with tempfile.TemporaryDirectory() as folder:
        for symbol, text in kernels:
            path = pathlib.Path(folder) / "symbol.ttir"
            path.write_text(text)
            done = subprocess.run([tool, "emit", path, "--stage", "lower"], capture_output=True, text=True)
            report(symbol, "the plug-in", done.stderr[:200])


def main():
    tool = ROOT / "build/bin/nereid"
    targets = [t["name"] for t in json.loads(subprocess.run([tool, "targets", "--json"], capture_output=True, text=True, check=True).stdout) if t["runs"]]
    check_symbols(tool)
    groups = {}
    for row in rows():
        groups.setdefault((tuple(row[1]), row[3]), []).append(row)
    # A few functions per kernel: the time of code generation is superlinear. SwiftShader compiles four conversions to 64 bits in a second, and
    # eight not in a minute.
    groups = [(types, result, group[k:k + 4]) for (types, result), group in groups.items() for k in range(0, len(group), 4)]
    with tempfile.TemporaryDirectory() as folder:
        for types, result, group in groups:
            arguments = inputs(types, result)
            wanted = None
            for target in ["interp"] + [t for t in ("cpu", "wasm", "webgpu") if t in targets]:
                if target == "webgpu" and ("fp64" in types or result == "fp64"):
                    continue
                # Emulated GPUs take seconds to compile what a thread does for many elements.
                n, given = (64, [a[::N // 64] for a in arguments]) if target == "webgpu" else (N, arguments)
                source = "import triton\nimport triton.language as tl\nfrom triton.language.extra import libdevice\n\n\n@triton.jit\ndef k(" + ", ".join(f"a{i}" for i in range(len(types))) + ", o):\n"
                source += f"    i = tl.arange(0, {n})\n" + "".join(f"    x{i} = tl.load(a{i} + i)\n" for i in range(len(types)))
                for j, (name, _, _, _) in enumerate(group):
                    source += f"    tl.store(o + {j * n} + i, libdevice.{name}({', '.join(f'x{i}' for i in range(len(types)))}))\n"
                path = pathlib.Path(folder) / "k.py"
                path.write_text(source)
                command = [tool, "run", f"{path}:k", "--target", target, "--grid", "1"]
                for i, x in enumerate(given):
                    np.save(f"{folder}/a{i}.npy", x)
                    command += ["--arg", f"a{i}=@{folder}/a{i}.npy"]
                command += ["--arg", f"o=zeros:{SHORT[result]}[{len(group) * n}]", "--save", f"o={folder}/o.npy"]
                run = subprocess.run(command, capture_output=True, text=True)
                if run.returncode:
                    for row in group:
                        report(row[2], target, run.stderr.strip().splitlines()[0])
                    continue
                got = dict(zip([r[2] for r in group], np.load(f"{folder}/o.npy").reshape(len(group), n)))
                if target == "interp":
                    wanted = got
                    for name, _, symbol, _ in group:
                        judge = reference(name, symbol, result)
                        if judge is None:
                            continue
                        pairs = [(k, judge(*(a[k] for a in arguments))) for k in range(N)]
                        pairs = [(k, r) for k, r in pairs if r is not None]
                        places = np.array([k for k, _ in pairs], int)
                        exact = symbol[-3:] in ("_rz", "_rd", "_ru", "_rn")
                        report(symbol, "interp", difference(got[symbol][places], np.array([r for _, r in pairs], got[symbol].dtype), 0 if exact else 8, name in ABSOLUTE, False, [a[places] for a in arguments]))
                    continue
                for name, _, symbol, _ in group:
                    limits = LIMITS.get(name, LIMITS["default"])
                    limit = limits[1] if "fp64" in types or result == "fp64" else limits[2] if target == "webgpu" else limits[0]
                    if symbol[-3:] in ("_rz", "_rd", "_ru"):
                        limit = 0
                    report(symbol, target, difference(got[symbol], wanted[symbol][::N // n], limit, name in ABSOLUTE, target == "webgpu", given, (name, "f64" if "fp64" in types else "f32", target)))
    if "--table" in sys.argv:
        columns = [("f32", "cpu"), ("f32", "wasm"), ("f32", "webgpu"), ("f64", "cpu"), ("f64", "wasm")]
        for name in sorted({n for n, _, _ in worst_of}):
            values = [worst_of.get((name, *column)) for column in columns]
            if any(v for v in values):
                print(f"| `{name}` | " + " | ".join("" if v is None else f"{v:.0f}" for v in values) + " |")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
