# SPDX-License-Identifier: MIT
"""Compares the functions of the language on integers of every width and sign with Triton's interpreter (TRITON_INTERPRET=1).

Much of Triton's IR has no signedness: a histogram, a gather or a range of unsigned bytes is right only if the front-end extended them correctly.
Each form below is a kernel for each type. The interpreter mode of stock Triton computes the expected values with NumPy; our targets must store the same.

    python tests/differential/triton_interpreter.py [--targets interp,cpu,wasm,webgpu] [-k TEXT] [--keep FOLDER]

Needs triton==3.6.0 and numpy; no GPU and no torch.
"""
import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

os.environ["TRITON_INTERPRET"] = "1"
import numpy as np  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
N = 16
TYPES = {"i1": np.bool_, "i8": np.int8, "u8": np.uint8, "i16": np.int16, "u16": np.uint16, "i32": np.int32, "u32": np.uint32, "i64": np.int64, "u64": np.uint64}
SMALL = ("i1", "u8")
WIDE = ("i32", "u32", "i64", "u64")
NOT_I1 = tuple(t for t in TYPES if t != "i1")

# A form is statements over x and y (tiles of N of the type T), s (a scalar of T: the last of x), r = arange(0, N) and k (the array r * 3 + 1);
# the last names what is stored, as i64. Its types default to all.
FORMS = {
    "sum": ("v = tl.sum(x, 0) + r * 0",),
    "maximum": ("v = tl.max(x, 0) + r * 0",),
    "minimum": ("v = tl.min(x, 0) + r * 0",),
    "max_and_index": ("m, i = tl.max(x, 0, return_indices=True)", "v = tl.where(r == 0, m.to(tl.int64), i.to(tl.int64))"),
    "argmax": ("v = tl.argmax(x, 0) + r * 0",),
    "argmin": ("v = tl.argmin(x, 0) + r * 0",),
    "argmax_right": ("v = tl.argmax(x, 0, tie_break_left=False) + r * 0",),
    "xor_sum": ("v = tl.xor_sum(x, 0) + r * 0",),
    "cumsum": ("v = tl.cumsum(x, 0)",),
    "cumsum_reverse": ("v = tl.cumsum(x, 0, reverse=True)",),
    "cumprod": ("v = tl.cumprod(x, 0)",),
    "greatest_so_far": ("v = tl.associative_scan(x, 0, larger)",),
    "reduce_of_ours": ("v = tl.reduce(x, 0, larger) + r * 0",),
    "sort": ("v = tl.sort(x)",),
    "sort_descending": ("v = tl.sort(x, descending=True)",),
    "topk": ("v = tl.join(tl.topk(x, 8), tl.topk(y, 8)).reshape(16)",),
    "flip": ("v = tl.flip(x)",),
    "gather_values": ("v = tl.gather(x, r ^ 5, 0)",),
    "gather_index": ("v = tl.gather(r * 3, x & 15, 0)", NOT_I1),
    "gather_index_bool": ("v = tl.gather(r * 3, x, 0)", ("i1", )),
    "gather_far": ("v = tl.gather(tl.arange(0, 256) * 3, x, 0)", SMALL),
    "histogram": ("v = tl.gather(tl.histogram(x, 256), r * 17, 0)", SMALL),
    "histogram_masked": ("v = tl.histogram((x & 15).to(tl.int32), 16, mask=y > 3)", NOT_I1),
    "join": ("v = tl.max(tl.join(x, y), 1)",),
    "interleave": ("v = tl.gather(tl.interleave(x, y), r * 2 + 1, 0)",),
    "cat": ("v = tl.sort(tl.cat(x, y, can_reorder=True).to(tl.int64)).reshape(2, 16).sum(0)",),
    "split": ("a, b = x.reshape(8, 2).split()", "v = tl.join(a, b).reshape(16)"),
    "matrix": ("m = x.reshape(4, 4)", "v = tl.trans(m).reshape(16)"),
    "outer": ("v = (x.reshape(4, 4)[:, :, None] >= y.reshape(4, 4)[:, None, :]).to(tl.int32).sum(2).reshape(16)",),
    "rows": ("v = tl.max(x.reshape(4, 4), 1)[:, None].broadcast_to(4, 4).reshape(16)",),
    "cdiv": ("v = tl.cdiv(x, 7)", NOT_I1),
    "clamp": ("v = tl.clamp(x.to(tl.float32), 3.0, 90.0)",),
    "abs": ("v = tl.abs(x)", NOT_I1),
    "minimum_of": ("v = tl.minimum(x, y)",),
    "maximum_of": ("v = tl.maximum(x, y)",),
    "umulhi": ("v = tl.umulhi(x, y)", WIDE),
    "where_condition": ("v = tl.where(x, 5, 9)", ("i1", )),
    "to_f32": ("v = tl.minimum(x.to(tl.float32) / 2, 1e6)",),
    "to_f16": ("v = x.to(tl.float16)", ("i1", "i8", "u8", "i16")),
    "to_f64": ("v = tl.minimum(x.to(tl.float64) / 2, 1e6)",),
    "from_f32": ("v = (r * 7.5).to(tl.T)", NOT_I1),
    "wider": ("v = x.to(tl.int64) * 3",),
    "narrower": ("v = x.to(tl.int8)",),
    "narrower_unsigned": ("v = x.to(tl.uint8)",),
    "with_float": ("v = tl.minimum(x * 0.5 + y, 1e6)",),
    "offsets": ("v = tl.load(k + (x & 63))", NOT_I1),
    "offsets_far": ("v = tl.load(k + x)", SMALL),
    "offset_scalar": ("v = tl.load(k + s) + r", SMALL),
    "offset_back": ("v = tl.load(k + 255 - x)", SMALL),
    "offset_scaled": ("v = tl.load(k + (s & 15) + (x & 31) % 16)", NOT_I1),
    "store_at": ("tl.store(o + ((x & 0) + (15 - r).to(tl.T)), r.to(tl.int64))", "tl.debug_barrier()", "v = tl.load(o + r)", NOT_I1),
    "mask": ("v = tl.load(k + r, mask=x, other=7)", ("i1", )),
    "mask_of": ("v = tl.load(k + r, mask=x > y, other=7)",),
    "other": ("v = tl.load(p + r, mask=r < 5, other=1)",),
    "scalar_if": ("v = r", "if s:", "    v += 7"),
    "scalar_if_compare": ("v = r", "if s > 100:", "    v += 7"),
    "scalar_while": ("v = r.to(tl.int64)", "n = s", "while n > 3:", "    n = (n // 2).to(tl.T)", "    v += 1", NOT_I1),
    "range_end": ("v = r.to(tl.int64)", "for i in range(s % 50):", "    v = (v + i).to(tl.int64)", NOT_I1),
    "range_far": ("v = r.to(tl.int64)", "for i in range(s):", "    v += 1", ("u8", )),
    "range_bounds": ("v = r.to(tl.int64)", "for i in range(s // 3, s, 7):", "    v = (v + i).to(tl.int64)", ("i8", "u8")),
    "range_down": ("v = r.to(tl.int64)", "for i in range(s % 50, -1, -3):", "    v = (v + i).to(tl.int64)", ("i8", "i16", "i32", "i64")),
    "scalar_times_tile": ("v = x * s",),
    "scalar_divide": ("v = x // s", NOT_I1),
    "carried": ("v = x", "for i in range(3):", "    v = v + y"),
    "carried_scalar": ("n = s", "for i in range(3):", "    n = n + n", "v = n + r.to(tl.int64) * 0"),
    "block_pointer": ("b = tl.make_block_ptr(k, (256, ), (1, ), (0, ), (16, ), (0, ))", "b = tl.advance(b, ((s % 50).to(tl.int32), ))", "v = tl.load(b)", NOT_I1),
    "descriptor": ("d = tl.make_tensor_descriptor(k, [256], [1], [16])", "v = d.load([(s % 50 // 4 * 4).to(tl.int32)])", NOT_I1),
    "products": ("a = x.reshape(4, 4)", "v = (a[:, :, None] * y.reshape(4, 4)[None, :, :]).sum(1).reshape(16)",),
    "swizzle": ("a, b = tl.swizzle2d(s % 4, r % 4, 4, 4, 2)", "v = a * 10 + b", ("i32", "i64")),
    "random_bits": ("v = tl.randint(s, r) % 1000", ("i32", "u32")),
    "atomic_add": ("tl.atomic_add(q + r % 4, x)", "tl.debug_barrier()", "v = tl.load(q + r)", WIDE),
    "atomic_max": ("v = tl.atomic_max(q + r, x)", "tl.debug_barrier()", "v += tl.load(q + r)", WIDE),
    "atomic_min": ("v = tl.atomic_min(q + r, x)", "tl.debug_barrier()", "v += tl.load(q + r)", WIDE),
    "atomic_and": ("v = tl.atomic_and(q + r, x)", "tl.debug_barrier()", "v += tl.load(q + r)", WIDE),
    "atomic_xchg": ("v = tl.atomic_xchg(q + r, x)", "tl.debug_barrier()", "v += tl.load(q + r)", WIDE),
    "atomic_cas": ("v = tl.atomic_cas(q + r, y, x)", "tl.debug_barrier()", "v += tl.load(q + r)", WIDE),
    "reduce_pair": ("a, b = tl.reduce((x, r), 0, larger_pair)", "v = a.to(tl.int64) * 100 + b + r * 0",),
    "map_each": ("v = tl.map_elementwise(chosen, x, y)", NOT_I1),
    "squares": ("v = x * x",),
    "shift_left": ("v = x << (r & 3).to(tl.T)", NOT_I1),
    "shift_right": ("v = x >> 2", NOT_I1),
    "bits": ("v = (x & y) | (x ^ y)",),
    "inverted": ("v = ~x",),
    "count": ("v = tl.sum((x > y).to(tl.int32), 0) + r",),
    "sum_of_bool": ("v = tl.sum(x > y, 0) + r",),
    "sum_as": ("v = tl.sum(x, 0, dtype=tl.int64) + r",),
    "any_of": ("v = tl.reduce_or(x, 0) + r * 0", NOT_I1),
    "zeros": ("v = tl.zeros_like(x) + y",),
    "full_of": ("v = tl.full((16, ), s, tl.T)",),
    "cast": ("v = tl.cast(x, tl.uint16)",),
    "power_of_two": ("v = (tl.full((16, ), 1, tl.T) << (r % 7).to(tl.T))", NOT_I1),
    "pointer_bits": ("v = (p + x).to(tl.uint64, bitcast=True) - (p + r * 0).to(tl.uint64, bitcast=True)", ("i8", "u8", "i16", "u16")),
}

HEAD = """import triton
import triton.language as tl


@triton.jit
def larger(a, b):
    return tl.where(a > b, a, b)


@triton.jit
def larger_pair(a, i, b, j):
    first = (a > b) | ((a == b) & (i < j))
    return tl.where(first, a, b), tl.where(first, i, j)


@triton.jit
def chosen(a, b):
    if a > b:
        return a
    return b

"""
SPELLED = {"i1": "int1", **{("u" if s else "i") + b: f"{s}int{b}" for s in ("", "u") for b in ("8", "16", "32", "64")}}

# Forms that stock Triton's interpreter cannot run although its compiler can, with the reason. There our targets are compared with our interpreter.
NOT_RUN = {
    "flip": "it needs `dim`",
    "map_each": "its builder has no blocks",
    "inverted": "NumPy has no -1 in unsigned types",
    "gather": "NumPy takes no booleans as indices",
    "umulhi_i64": "NumPy's integers overflow",
    "offset_back_i1": "NumPy does not subtract booleans",
}

# Forms where stock Triton's interpreter differs from its compiler, with the reason.
INTERPRETER_DIFFERS = {
    "umulhi_i32": "multiplies signed integers; the compiler multiplies unsigned ones (mul.hi.u32)",
    "umulhi_i64": "as above",
    "carried_i1": "NumPy's sum of booleans is their or; the compiler's is one bit of the sum",
    "carried_scalar_i1": "as above",
    "histogram_i1": "NumPy counts booleans wrongly",
}


def values(name):
    """p, the array that x, y and s are loaded from: small values, edges, and values over half of an unsigned type."""
    if name == "i1":
        return np.array([0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1, 1] + [1, 0, 1, 0, 0, 0, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1] + [1], np.bool_)
    info = np.iinfo(TYPES[name])
    top, low = info.max, info.min if info.min else info.max // 2 + 1
    x = [5, top, 1, low, 77, 200 & (top if top < 200 else 255), 0, top - 1, 13, 99, low + 1, 31, 5, 64, 2, 120]
    y = [3, 1, top, 9, 100, 7, 11, top, 2, low, 50, 31, 4, 127, 6, 90]
    return np.array(x + y + [min(200, top)], TYPES[name])


def source(form, types):
    """The kernels of a form."""
    lines = [HEAD]
    for t in types:
        lines += ["", "@triton.jit", f"def {form}_{t}(p, k, q, o):", "    r = tl.arange(0, 16)"]
        lines += ["    x = tl.load(p + r)", "    y = tl.load(p + 16 + r)", "    s = tl.load(p + 32)"]
        if t == "i1":
            lines += ["    x = x.to(tl.int1)", "    y = y.to(tl.int1)", "    s = s.to(tl.int1)"]
        lines += ["    " + line.replace("tl.T", "tl." + SPELLED[t]) for line in FORMS[form] if isinstance(line, str)]
        lines += ["    tl.store(o + r, v.to(tl.int64))", ""]
    return "\n".join(lines)


def refused_on_webgpu(form, t):
    """WebGPU has no f64, and of 64-bit atomics only sums whose old value is unused."""
    return form == "to_f64" or (t in ("i64", "u64") and form.startswith("atomic_") and form != "atomic_add")


class Array:
    """A NumPy array with the part of torch.Tensor that Triton's interpreter uses. Copying it to the host returns the same array."""

    def __init__(self, data):
        self.data = data
        self.dtype = "torch." + str(data.dtype)

    def data_ptr(self):
        return self.data.ctypes.data

    def untyped_storage(self):
        return self

    def storage_offset(self):
        return 0

    def size(self):
        return self.data.shape

    def stride(self):
        return (1, )

    def cpu(self):
        return self

    def new_empty(self, n, device):
        return Array(self.data)

    def set_(self, *storage):
        pass

    def copy_(self, other):
        pass


def arguments(t):
    q = (np.arange(16) * (3 if t in WIDE else 0)).astype(TYPES[t])
    return {"p": values(t), "k": np.arange(512, dtype=np.int32) * 3 + 1, "q": q, "o": np.zeros(N, np.int64)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runner", default=str(ROOT / "build/bin/nereid_runner"))
    parser.add_argument("--targets", default="")
    parser.add_argument("-k", default="", help="only forms that contain this")
    parser.add_argument("--keep", type=Path, help="leave the kernels here")
    o = parser.parse_args()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    skipped, unknown, kept = [], [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = o.keep or Path(name)
        folder.mkdir(exist_ok=True)
        for form, parts in FORMS.items():
            if o.k not in form:
                continue
            types = parts[-1] if isinstance(parts[-1], tuple) else tuple(TYPES)
            path = folder / f"{form}.py"
            path.write_text(source(form, types))
            spec = importlib.util.spec_from_file_location(form, path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            runs = []
            for t in types:
                args = arguments(t)
                written = {a: ", ".join(str(int(v)) for v in data) for a, data in args.items()}
                try:
                    getattr(module, f"{form}_{t}")[(1, )](*(Array(a) for a in args.values()))
                except Exception as e:  # noqa: BLE001
                    cause = e.__cause__ or e
                    known = any(f"{form}_{t}".startswith(name) for name in NOT_RUN)
                    (skipped if known else unknown).append(f"{form}_{t}: {type(cause).__name__}: {str(cause)[:120]}")
                    runs.append(f"# run: @{form}_{t} p={t}[{written['p']}] k=i32[{written['k']}] q={t}[{written['q']}] o=zeros:i64[{N}]")
                    continue
                if f"{form}_{t}" in INTERPRETER_DIFFERS:
                    continue
                kept += 1
                expected = ", ".join(str(int(v)) for v in args["o"])
                runs.append(f"# run: @{form}_{t} p={t}[{written['p']}] k=i32[{written['k']}] q={t}[{written['q']}] o=zeros:i64[{N}]{' lacks=webgpu' if refused_on_webgpu(form, t) else ''}  =>  o=[{expected}] ~0")
            path.write_text("\n".join(runs + [path.read_text()])) if runs else path.unlink()
        for line in skipped:
            print("not run by stock Triton:", line)
        command = [o.runner, str(folder)] + (["--targets", o.targets] if o.targets else [])
        done = subprocess.run(command, capture_output=True, text=True)
        print(done.stdout[-8000:] + done.stderr[-8000:])
        for line in unknown:
            print("FAILED: stock Triton does not run it, and NOT_RUN has no reason:", line)
        print(f"{kept} kernels; {len(skipped)} more, which stock Triton's interpreter cannot run, agree among our targets")
        sys.exit(1 if unknown else done.returncode)


if __name__ == "__main__":
    main()
