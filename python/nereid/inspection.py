# SPDX-License-Identifier: MIT
"""Inspecting kernels: the compiler's decisions, checks for bounds and races, times, and files to ship."""
import html as _html
import json
import os

from . import _cache, _checks, _core
from .errors import CompileError
from .jit import JITFunction, _name, jit, signature_items

_stock = {}


def _kernel(kernel):
    """The kernel inside an autotuner or heuristics; for a kernel of stock Triton, a Nereid kernel of the same function."""
    while not isinstance(kernel, JITFunction):
        if type(kernel).__name__ == "JITFunction":  # stock Triton's
            if kernel not in _stock:
                _stock[kernel] = jit(kernel.fn, do_not_specialize=kernel.do_not_specialize, do_not_specialize_on_alignment=getattr(kernel, "do_not_specialize_on_alignment", None), debug=kernel.debug)
            return _stock[kernel]
        if not hasattr(kernel, "fn"):
            raise TypeError(f"expected a kernel, but got {kernel!r}: decorate the function with @nereid.jit")
        kernel = kernel.fn
    return kernel


def resolved(kernel, args, kwargs, signature=None):
    """The kernel inside autotuners and heuristics, and the keyword arguments with the constants that they choose: the fastest measured configuration,
    or else the first."""
    kwargs = dict(kwargs)
    while type(kernel).__name__ != "JITFunction":
        if hasattr(kernel, "configs"):
            config = kernel.chosen(args, kwargs) if hasattr(kernel, "chosen") else getattr(kernel, "best_config", None) or kernel.configs[0]
            kwargs = {**config.kwargs, **kwargs}
        elif isinstance(getattr(kernel, "values", None), dict) and (args or signature is not None):
            for name, value in kernel.values.items():
                if name in kwargs:
                    continue
                try:
                    kwargs[name] = value({**dict(zip(kernel.arg_names, args)), **kwargs})
                except Exception as e:
                    if signature is None:
                        raise
                    raise TypeError(f"the heuristics of `{name}` need the arguments of a launch: pass them, or pass {name}=...") from e
        if not hasattr(kernel, "fn"):
            break
        kernel = kernel.fn
    return _kernel(kernel), kwargs


class Text(str):
    """A text that notebooks show without quotes."""

    def __repr__(self):
        return str(self)

    def _repr_html_(self):
        return f"<pre>{_html.escape(self)}</pre>"


def explain(kernel, *args, signature=None, **kwargs):
    """The schedule of a kernel on this processor: which operations share a loop nest, which accesses are contiguous, which masks became loop bounds,
    which values are in buffers, and why. Line numbers are those of the source. Takes the arguments of a launch, or of `emit`."""
    if args or signature is not None:
        kernel, kwargs = resolved(kernel, args, kwargs, signature)
    return Text(_kernel(kernel).emit("schedule", *args, signature=signature, **kwargs))


# ---- checks


def check(kernel, *args, grid, bounds=True, races=True, **kwargs):
    """Runs a kernel in the interpreter, on the arrays themselves, until a program accesses memory outside the array of its pointer, or has a data race
    with another program. Returns the findings, with source lines."""
    outer = kernel
    kernel, kwargs = resolved(kernel, args, kwargs)
    while outer is not kernel and hasattr(outer, "fn"):
        if hasattr(outer, "prepare"):
            outer.prepare(args, kwargs)
        outer = outer.fn
    return _checks.checked(kernel, grid, args, kwargs, bounds, races)


# ---- time


class Measurement:
    """Times of launches in µs, and the throughput computed from the bytes and operations of a launch."""

    def __init__(self, name, times, bytes=None, flops=None):
        self.name, self.times, self.bytes, self.flops = name, sorted(times), bytes, flops

    def quantile(self, q):
        from .testing import _quantile
        return _quantile(self.times, q)

    @property
    def median_us(self):
        return self.quantile(0.5)

    @property
    def p10_us(self):
        return self.quantile(0.1)

    @property
    def p90_us(self):
        return self.quantile(0.9)

    @property
    def gb_per_s(self):
        return None if self.bytes is None else self.bytes / self.median_us / 1e3

    @property
    def gflop_per_s(self):
        return None if self.flops is None else self.flops / self.median_us / 1e3

    def __repr__(self):
        rates = [f"{r:.1f} {unit}" for r, unit in ((self.gb_per_s, "GB/s"), (self.gflop_per_s, "GFLOP/s")) if r is not None]
        return f"{self.name}: {self.median_us:.1f} µs (10 %: {self.p10_us:.1f}, 90 %: {self.p90_us:.1f}, {len(self.times)} launches)" + "".join(", " + r for r in rates)


def benchmark(kernel, *args, grid, bytes=None, flops=None, runs=None, **kwargs):
    """Times launches inside the library: a warm-up, then launches for about 0.2 s. `bytes` and `flops` are those of one launch, for GB/s and GFLOP/s;
    the default for `bytes` is the size of all arrays."""
    outer, kernel = kernel, _kernel(kernel)
    if hasattr(outer, "best_config") or hasattr(outer, "values"):  # tuned first
        outer[grid](*args, **kwargs)
        kwargs = resolved(outer, args, kwargs)[1]
    _, _, bits, _ = kernel.describe_call(*args, **kwargs)
    compiled = kernel.kernel_for(*args, **kwargs)
    values = kernel.bind(*args, **kwargs)
    grid = grid(values) if callable(grid) else grid
    if bytes is None:
        seen = {about[0]: about[1] for about in _checks.arrays_of(values.values())}
        bytes = sum(seen.values())
    pairs, shapes = [(b, 0) for b in bits], kernel.describe_arrays(*args, **kwargs)
    if runs is None:
        first = compiled.launch(grid, pairs, runs=3, shapes=shapes)
        runs = int(max(7, min(10000, 2e5 / max(min(first), 0.1))))
    return Measurement(kernel.__name__, compiled.launch(grid, pairs, runs=runs, shapes=shapes), bytes, flops)


# ---- files


def compile(kernel, signature=None, target="cpu", out=".", constants=None, args=(), debug=False):
    """Writes the same files as `nereid compile`: for the targets ("cpu", "wasm", "webgpu", or several separated by commas), and manifest.json.

    The target "cpu" has the schedule that nereid.tune found for these types and constants on this processor.
    `signature` is written as for Triton's AOT tool ("*fp32:16,*fp32:16,i32"), or is a dict by name; or pass the arguments of a launch as `args` instead."""
    kernel, constants = resolved(kernel, args, constants or {}, signature)
    if signature is None:
        items, given, _, _ = kernel.describe_call(*args, **constants)
        constants = given
    else:
        items = signature_items(kernel, signature, constants)
    os.makedirs(out, exist_ok=True)
    entries = []
    for name in target.split(",") if isinstance(target, str) else target:
        request = kernel._request(items, constants, debug, name.strip())
        # A schedule of nereid.tune is one of the target `cpu`.
        schedule = _cache.schedule(_name(request)) if request["target"] == "cpu" else ""
        try:
            made = _core.artefacts(**request, schedule=schedule, directory=out)
        except CompileError:
            if not schedule:
                raise
            made = _core.artefacts(**request, directory=out)
        entries.append(made)
    return write_manifest(out, entries)


def write_manifest(out, entries):
    """Adds entries, as JSON, to manifest.json in a folder, in place of those of the same kernel and target; writes the types of the kernels."""
    os.makedirs(out, exist_ok=True)
    path = os.path.join(out, "manifest.json")
    try:
        with open(path, encoding="utf-8") as f:
            old = json.load(f)
        artefacts = old["artefacts"] if old["nereid"] == _core.version() else []
    except (OSError, ValueError, KeyError, TypeError):
        artefacts = []
    for made in map(json.loads, entries):
        artefacts = [a for a in artefacts if (a["target"], a["kernel"]["name"]) != (made["target"], made["kernel"]["name"])] + [made]
    manifest = {"nereid": _core.version(), "artefacts": artefacts}
    with open(path, "w", encoding="utf-8") as f:
        json.dump(manifest, f, indent=2)
        f.write("\n")
    if any(a["target"] != "cpu" for a in artefacts):
        with open(os.path.join(out, "kernels.d.ts"), "w", encoding="utf-8") as f:
            f.write(_types(artefacts))
    return manifest


def _types(artefacts):
    """TypeScript types of the kernels (docs/reference/wasm.md)."""
    text, seen = '// Written by nereid compile.\nimport type { Arg, Kernel } from "nereid-lang";\n\nexport interface Kernels {\n', set()
    for kernel in (a["kernel"] for a in artefacts if a["target"] != "cpu"):
        if kernel["name"] in seen:
            continue
        seen.add(kernel["name"])
        parameters = "".join(f'    {p["name"]}: Arg<"{p["type"]}">;\n' for p in kernel["parameters"])
        text += f"  {kernel['name']}: Kernel<{{" + ("\n" + parameters + "  " if parameters else "") + "}>;\n"
    return text + "}\n"
