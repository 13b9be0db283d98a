# SPDX-License-Identifier: MIT
"""Compares the types and values of expressions with stock Triton's front-end, without a GPU.

Every operator on every pair of element types, and on every type with constants at the limits of the types. Stock Triton decides whether an
expression is legal and which type it has; running its TTIR on the interpreter gives the values. Our front-end must accept the same
expressions, with the same types and bits.

    python tests/differential/operators.py [--nereid build/bin/nereid] [-k TEXT] [--refused 400] [--all] [-v]

Accepted expressions share one kernel. Each refused one needs a separate run of the compiler, so without --all (minutes) only a sample of
them is tried. Needs triton==3.6.0 and numpy.
"""
import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import triton.language as tl
from triton._C.libtriton import ir
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, make_backend
from triton.language import core

ROOT = Path(__file__).resolve().parents[2]
N = 8  # elements of a tile

TYPES = {"i1": tl.int1, "i8": tl.int8, "i16": tl.int16, "i32": tl.int32, "i64": tl.int64, "u8": tl.uint8, "u16": tl.uint16, "u32": tl.uint32, "u64": tl.uint64,
         "fp8e5": tl.float8e5, "fp8e4nv": tl.float8e4nv, "fp16": tl.float16, "bf16": tl.bfloat16, "fp32": tl.float32, "fp64": tl.float64}
SPELLED = {name: f"tl.{t.name}" if not name.startswith(("fp", "bf")) else {"fp8e5": "tl.float8e5", "fp8e4nv": "tl.float8e4nv", "fp16": "tl.float16", "bf16": "tl.bfloat16", "fp32": "tl.float32", "fp64": "tl.float64"}[name]
           for name, t in TYPES.items()}
NUMPY = {"i1": np.uint8, "fp8e5": np.uint8, "fp8e4nv": np.uint8, "bf16": np.uint16, "fp16": np.float16, "fp32": np.float32, "fp64": np.float64,
         **{s + b: np.dtype({"i": "int", "u": "uint"}[s] + b).type for s in "iu" for b in ("8", "16", "32", "64")}}
CONSTANTS = ["True", "0", "1", "-1", "3", "127", "128", "-128", "-129", "255", "256", "1000", "32767", "40000", "65536", "2147483647", "2147483648", "-2147483649",
             "4294967295", "4294967296", "9223372036854775807", "9223372036854775808", "0.0", "-0.0", "0.1", "-0.5", "1.0", "2.5", "65504.0", "65535.0", "1e10", "3.3e38", "1e39", "1e999"]
BINARY = {"+": "add", "-": "sub", "*": "mul", "/": "truediv", "//": "floordiv", "%": "mod", "&": "and", "|": "or", "^": "xor", "<<": "lshift", ">>": "rshift",
          "<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}
def verified(fn, accepts):
    """`fn`, restricted to element types for which `accepts` is true; for others stock Triton creates invalid IR."""

    def call(*operands, _semantic):
        types = [_semantic.to_tensor(x).dtype for x in operands]
        if not accepts(types):
            raise TypeError("the verifier of stock Triton's IR refuses this")
        return fn(*operands, _semantic=_semantic)

    return call


FUNCTIONS = {"tl.minimum": tl.minimum, "tl.maximum": tl.maximum, "tl.fdiv": verified(tl.fdiv, lambda types: types[0] == types[1]), "tl.div_rn": verified(tl.div_rn, lambda types: tl.float64 not in types), "tl.umulhi": verified(tl.umulhi, lambda types: all(t.is_int() for t in types))}


def values(name, seed):
    """Edges of a type, in another order for each seed."""
    if name == "i1":
        data = [0, 1, 1, 0, 1, 0, 0, 1]
    elif name == "fp8e5":
        data = [0x00, 0x80, 0x3C, 0xBE, 0x7B, 0x7C, 0x2E, 0x7E]
    elif name == "fp8e4nv":
        data = [0x00, 0x80, 0x38, 0xBC, 0x7E, 0x30, 0x1D, 0x7F]
    elif name == "bf16":
        data = [0x0000, 0x8000, 0x3F80, 0xBFC0, 0x3DCD, 0x7F80, 0x7FC0, 0x477F]
    elif name.startswith("fp"):
        data = [0.0, -0.0, 1.0, -1.5, 0.1, np.inf, np.nan, 65504.0]
    else:
        info = np.iinfo(NUMPY[name])
        data = [0, 1, 3, info.max, info.max // 2 + 1 if info.min == 0 else info.min, 7, 100, info.max if info.min == 0 else -1]
    return np.roll(np.array(data, NUMPY[name]), seed)


class Expression:
    """`text` is the expression in our kernel; `build(semantic, tensors)` creates it with stock Triton; operands are names of tensors or constants."""

    def __init__(self, text, build):
        self.text, self.build = text, build
        self.type = None  # the type in stock Triton; None if it refuses the expression


def constant(text):
    return core.constexpr(eval(text))


def operators():
    """All expressions."""
    out = []

    def operand(tensors, x):
        return tensors[x] if x in tensors else constant(x)

    def binary(op, a, b):
        def build(semantic, t):
            x, y = operand(t, a), operand(t, b)
            if isinstance(x, core.tensor):
                return getattr(x, f"__{BINARY[op]}__")(y, _semantic=semantic)
            return getattr(y, f"__r{BINARY[op]}__")(x, _semantic=semantic)

        return build

    def function(fn, *operands):
        return lambda semantic, t: fn(*(operand(t, x) for x in operands), _semantic=semantic)

    # Alternates between two tiles, and a scalar and a tile.
    for i, a in enumerate(TYPES):
        for k, b in enumerate(TYPES):
            left, right = ("x_" if (i + k) % 3 else "s_") + a, "y_" + b
            for op in BINARY:
                out.append(Expression(f"{left} {op} {right}", binary(op, left, right)))
            for name, fn in FUNCTIONS.items():
                out.append(Expression(f"{name}({left}, {right})", function(fn, left, right)))
            out.append(Expression(f"tl.where(x_i1, {left}, {right})", function(tl.where, "x_i1", left, right)))
            out.append(Expression(f"{left}.to({SPELLED[b]})", lambda semantic, t, x="x_" + a, b=b: t[x].to(TYPES[b], _semantic=semantic)) if left[0] == "x" else
                       Expression(f"x_{a}.to({SPELLED[b]})", lambda semantic, t, x="x_" + a, b=b: t[x].to(TYPES[b], _semantic=semantic)))
            out.append(Expression(f"x_{a}.to({SPELLED[b]}, bitcast=True)", lambda semantic, t, x="x_" + a, b=b: t[x].to(TYPES[b], bitcast=True, _semantic=semantic)))
    for a in TYPES:
        x = "x_" + a
        out.append(Expression(f"-{x}", lambda semantic, t, x=x: t[x].__neg__(_semantic=semantic)))
        out.append(Expression(f"~{x}", lambda semantic, t, x=x: t[x].__invert__(_semantic=semantic)))
        out.append(Expression(f"not {x}", lambda semantic, t, x=x: t[x].__not__(_semantic=semantic)))
        out.append(Expression(f"tl.abs({x})", function(tl.abs, x)))
        for c in CONSTANTS:
            for op in BINARY:
                out.append(Expression(f"{x} {op} {c}", binary(op, x, c)))
                out.append(Expression(f"{c} {op} {x}", binary(op, c, x)))
            for name, fn in FUNCTIONS.items():
                out.append(Expression(f"{name}({x}, {c})", function(fn, x, c)))
                out.append(Expression(f"{name}({c}, {x})", function(fn, c, x)))
            out.append(Expression(f"tl.where(x_i1, {x}, {c})", function(tl.where, "x_i1", x, c)))
            out.append(Expression(f"tl.where(x_i1, {c}, {x})", function(tl.where, "x_i1", c, x)))
            out.append(Expression(f"tl.clamp({x}, -1, {c})", function(tl.clamp, x, "-1", c)))
            out.append(Expression(f"tl.fma({x}, {c}, {x})", function(verified(tl.fma, lambda types: any(t.is_floating() for t in types)), x, c, x)))
            out.append(Expression(f"tl.full((8, ), {c}, {SPELLED[a]})", lambda semantic, t, a=a, c=c: tl.full((N, ), constant(c), TYPES[a], _semantic=semantic)))
            out.append(Expression(f"tl.load(p_{a}, mask=x_i1, other={c})", lambda semantic, t, a=a, c=c: tl.load(t["p_" + a], mask=t["x_i1"], other=constant(c), _semantic=semantic)))
        # Pointers take integers as offsets only.
        for op in BINARY:
            out.append(Expression(f"p_fp32 {op} {x}", binary(op, "p_fp32", x)))
            out.append(Expression(f"{x} {op} p_fp32", binary(op, x, "p_fp32")))
    for c in CONSTANTS:
        for op in BINARY:
            out.append(Expression(f"p_fp32 {op} {c}", binary(op, "p_fp32", c)))
    return out


# ---- stock Triton

class Stock:
    expressions = []

    @staticmethod
    def collect(ins, outs, _semantic):
        """Called while stock Triton compiles `stock_kernel`: appends all expressions that it accepts, and a store of each."""
        r = tl.arange(0, N, _semantic=_semantic)
        tensors = {}
        for i, name in enumerate(TYPES):
            for letter, at in (("x", 2 * i), ("y", 2 * i + 1)):
                tensors["p_" + name] = pointers = ins[at].__add__(r, _semantic=_semantic)
                tensors[f"{letter}_{name}"] = tl.load(pointers, _semantic=_semantic)
            tensors["s_" + name] = tl.load(ins[2 * i].__add__(core.constexpr(2), _semantic=_semantic), _semantic=_semantic)
        count = 0
        for e in Stock.expressions:
            try:
                value = e.build(_semantic, tensors)
            except Exception as error:
                e.error = error
                continue
            e.type = "pointer" if value.dtype.is_ptr() else next(name for name, t in TYPES.items() if t == value.dtype)
            if e.type == "pointer":
                continue
            e.at = count
            count += N
            o = outs[list(TYPES).index(e.type)].__add__(r.__add__(core.constexpr(e.at), _semantic=_semantic), _semantic=_semantic)
            tl.store(o, value, _semantic=_semantic)
        Stock.count = count

    def ttir(self):
        names = [f"{letter}{name}" for name in TYPES for letter in "xy"]
        signature = {n: f"*{n[1:]}" for n in names} | {"o" + n: f"*{n}" for n in TYPES}
        target = GPUTarget("cuda", 90, 32)
        backend = make_backend(target)
        context = ir.context()
        ir.load_dialects(context)
        backend.load_dialects(context)
        options = backend.parse_options({"sanitize_overflow": False})
        source = ASTSource(fn=stock_kernel(list(signature)), signature=signature, constexprs={}, attrs={})
        return str(source.make_ir(target, options, backend.get_codegen_implementation(options), backend.get_module_map(), context))


@core.builtin
def collect(ins, outs, _semantic=None):
    Stock.collect([x for x in ins], [x for x in outs], _semantic)


def stock_kernel(names):
    ins, outs = [n for n in names if n[0] != "o"], [n for n in names if n[0] == "o"]
    text = f"import triton\nfrom __main__ import collect\n\n@triton.jit\ndef stock({', '.join(names)}):\n    collect(({', '.join(ins)}), ({', '.join(outs)}))\n"
    path = Path(Stock.folder) / "stock_kernel.py"
    path.write_text(text)
    sys.path.insert(0, str(path.parent))
    import stock_kernel
    return stock_kernel.stock


# ---- ours

def our_kernel(expressions, name, stores):
    """A kernel of these expressions. Constants are alternately literals, constexpr parameters and globals."""
    params = [f"{letter}{t}" for t in TYPES for letter in "xy"] + [f"o{t}" for t in TYPES]
    lines, constants, body = ["import triton", "import triton.language as tl", ""], {}, []
    for t in TYPES:
        body += [f"p_{t} = x{t} + r", f"x_{t} = tl.load(p_{t})", f"y_{t} = tl.load(y{t} + r)", f"p_{t} = y{t} + r", f"s_{t} = tl.load(x{t} + 2)"]
    numbers = {c: i for i, c in enumerate(CONSTANTS)}
    for i, e in enumerate(expressions):
        form = i % 3
        prefix = "" if form == 0 else "C" if form == 1 else "G"
        text = e.text if not prefix else " ".join(re.sub(r"^(\(*)(-?[\w.]+)([,)]*)$", lambda m: m[1] + (f"{prefix}{numbers[m[2]]}" if m[2] in numbers else m[2]) + m[3], word)
                                                  for word in re.sub(r"(tl\.[a-z_]+\()", r"\1 ", e.text).split(" ")).replace("( ", "(")
        body.append(f"v{i} = {text}")
        if stores:
            kind = "tl.pointer_type(tl.float32)" if e.type == "pointer" else SPELLED[e.type]
            body.append(f"tl.static_assert(v{i}.dtype == {kind}, \"not {e.type}: {e.text}\")")
            if e.type != "pointer":
                body.append(f"tl.store(o{e.type} + (r + {e.at}), v{i})")
    for c, i in numbers.items():
        lines.append(f"G{i} = tl.constexpr({c})")
        constants[f"C{i}"] = c
    lines += ["", "", "@triton.jit", f"def {name}({', '.join(params)}, {', '.join(f'{c}: tl.constexpr' for c in constants)}):", f"    r = tl.arange(0, {N})"]
    signature = ",".join("*" + p[1:] for p in params)
    return "\n".join(lines + ["    " + line for line in body]) + "\n", signature, constants


class Ours:
    def __init__(self, nereid, folder):
        self.nereid, self.folder = nereid, folder

    def emit(self, expressions, name, stores):
        text, signature, constants = our_kernel(expressions, name, stores)
        path = self.folder / f"{name}.py"
        path.write_text(text)
        command = [self.nereid, "emit", f"{path}:{name}", "--signature", signature, "--stage", "ttir"]
        for c, value in constants.items():
            command += ["-D", f"{c}={value}"]
        return subprocess.run(command, capture_output=True, text=True), text


def run(nereid, ttir, folder, count):
    command = [nereid, "run", str(ttir), "--target", "interp", "--grid", "1"]
    for name in TYPES:
        for letter, seed in (("x", 0), ("y", 3)):
            path = folder / f"{letter}{name}.npy"
            np.save(path, values(name, seed))
            command += ["--arg", f"{letter}{name}=@{path}:{name}"]
        out = folder / f"o{name}.npy"
        np.save(out, np.zeros(max(count, N), NUMPY[name]))
        command += ["--arg", f"o{name}=@{out}:{name}", "--save", f"o{name}={folder / f'r{name}.npy'}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return {name: np.load(folder / f"r{name}.npy") for name in TYPES}


def same(a, b, kind):
    """True if the bits are equal, or both are NaN."""
    if a.tobytes() == b.tobytes():
        return True
    if kind == "bf16":
        nan = lambda x: (x & 0x7FFF) > 0x7F80
    elif kind == "fp8e5":
        nan = lambda x: (x & 0x7F) > 0x7C
    elif kind == "fp8e4nv":
        nan = lambda x: (x & 0x7F) == 0x7F
    elif kind.startswith("fp"):
        nan = np.isnan
    else:
        return False
    word = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}[a.itemsize]
    return bool(np.all((a.view(word) == b.view(word)) | (nan(a) & nan(b))))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nereid", default=str(ROOT / "build/bin/nereid"))
    parser.add_argument("-k", default="", help="only expressions that contain this")
    parser.add_argument("--refused", type=int, default=400, help="how many of the refused expressions to try")
    parser.add_argument("--all", action="store_true", help="try all refused expressions")
    parser.add_argument("-v", action="store_true", help="print all failures")
    o = parser.parse_args()
    warnings.simplefilter("ignore")
    failures = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Stock.folder = folder
        Stock.expressions = [e for e in operators() if o.k in e.text]
        theirs = folder / "theirs.ttir"
        theirs.write_text(Stock().ttir())
        accepted = [e for e in Stock.expressions if e.type]
        # Stock Triton has no constants of fp8 but zero, by an oversight; here they are legal.
        refused = [e for e in Stock.expressions if not e.type and "has no attribute 'get_fp8" not in str(e.error)]
        ours = Ours(o.nereid, folder)

        # Compilation stops at the first expression that our front-end refuses or types differently: remove it, and try the rest again.
        rest = list(accepted)
        while True:
            done, text = ours.emit(rest, "ours", True)
            if not done.returncode:
                break
            at = re.search(r"ours\.py:(\d+):\d+: error: (.*)", done.stderr)
            number = at and re.match(r"\s*(?:v|tl\.static_assert\(v)(\d+)", text.split("\n")[int(at[1]) - 1])
            if not number:
                raise RuntimeError(done.stderr[-2000:])
            e = rest.pop(int(number[1]))
            failures.append(f"{e.text}: stock Triton gives {e.type}; ours: {at[2]}")
        (folder / "ours.ttir").write_text(done.stdout)
        wanted, got = run(o.nereid, theirs, folder, Stock.count), run(o.nereid, folder / "ours.ttir", folder, Stock.count)
        for e in rest:
            if e.type == "pointer":
                continue
            a, b = got[e.type][e.at:e.at + N], wanted[e.type][e.at:e.at + N]
            if not same(a, b, e.type):
                failures.append(f"{e.text}: is {a.tolist()} instead of {b.tolist()}")

        tried = refused if o.all else random.Random(0).sample(refused, min(o.refused, len(refused)))

        def refuses(item):
            i, e = item
            done, _ = ours.emit([e], f"refused{i}", False)
            return done.returncode != 0

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for e, ok in zip(tried, pool.map(refuses, enumerate(tried))):
                if not ok:
                    failures.append(f"{e.text}: accepted; stock Triton: {type(e.error).__name__}: {str(e.error)[:100]}")
    for f in failures if o.v else failures[:40]:
        print("FAIL", f)
    print(f"{len(accepted)} accepted and {len(refused)} refused by stock Triton, of which {len(tried)} are tried")
    print(f"{len(accepted) + len(tried) - len(failures)} passed, {len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
