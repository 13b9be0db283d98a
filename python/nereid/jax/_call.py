# SPDX-License-Identifier: MIT
"""The custom call and the primitive behind triton_call. The text of a call (python/src/xla_call.h) is written when it is traced, so that errors point to the user's
code. JAX keeps only this text, which is equal for equal calls."""
import dataclasses
import functools
import hashlib
import json
import os
import threading

import jax
from jax._src import core, dispatch
from jax._src.interpreters import ad, batching, mlir
from jax._src.interpreters import partial_eval as pe
from jax.extend.core import Primitive

from .. import _cache, _checks, _core, _from_ir, _stages

CUSTOM_CALL_TARGET_NAME = "nereid_kernel_call"


def _register():
    made = _core.xla_handlers()
    jax.ffi.register_ffi_target(CUSTOM_CALL_TARGET_NAME, {"instantiate": made["instantiate"], "execute": made["execute"]}, platform="cpu")
    jax.ffi.register_ffi_target("nereid_nothing", made["nothing"], platform="cpu")
    _core.xla_take_first(os.environ.get("NEREID_DETERMINISTIC") == "1")


_register()


# ---- kernels by their IR

_kernels = {}
_lock = threading.Lock()


class _Kept:
    """A kernel of a call: its IR and schedule, the compiled kernel, and its parameters as [(name, type, whether the kernel writes to it)]."""

    def __init__(self, ir, schedule, kernel):
        self.ir, self.schedule, self.kernel = ir, schedule, kernel
        about = json.loads(kernel.about)
        self.name = about["name"]
        self.parameters = [(p["name"], p["type"], p.get("writes") is True) for p in about["parameters"]]


def compiled(ir):
    """The compiled kernel: from this process, from disk, or compiled now."""
    ir = ir if isinstance(ir, str) else str(ir)
    with _lock:
        kept = _kernels.get(ir)
    if kept and kept.schedule == _from_ir.schedule(ir):
        return kept
    kernel = _from_ir.compiled(ir)
    schedule = _from_ir.schedule(ir)
    _core.xla_remember(ir, schedule, kernel)
    kept = _Kept(ir, schedule, kernel)
    if os.environ.get("NEREID_DUMP"):
        _stages.dump(os.environ["NEREID_DUMP"], kept.name, _from_ir.name(ir), _from_ir.request(ir))
    with _lock:
        _kernels[ir] = kept
    return kept


def checked_launch(ir, name, grid, values, races):
    return _checks.checked_launch_of_jax(ir, compiled(ir).parameters, name, grid, values, races)


# ---- calls

@dataclasses.dataclass
class Config:
    """One way to run a call. `args`: ("buffer", number) or ("bits", number); zeros: [(buffer, bytes)]; serial, parallel: [(extent, stride)] of the grid's axes."""
    ir: str
    grid: tuple
    args: list
    zeros: list = ()
    serial: tuple = ()
    parallel: tuple = ()
    name: str = ""


class Text:
    """The text of a call. Its repr is short because the text is large."""

    def __init__(self, text):
        self.text = text
        self._hash = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def __hash__(self):
        return hash(self._hash)

    def __eq__(self, other):
        return isinstance(other, Text) and self.text == other.text

    def __repr__(self):
        return f"<call {self._hash[:12]}>"


def _line(text):
    return " ".join(str(text).split())


def _pairs(axes):
    return "".join(f" {extent} {stride}" for extent, stride in axes)


def text_of(name, inputs, outputs, aliases, configs, threads=0):
    """`aliases`: [(input, output, bytes)], where the outputs are numbered after the inputs."""
    lines = ["nereid-call 1", f"name {_line(name)}", f"buffers {inputs} {outputs}", *(f"alias {i} {o} {n}" for i, o, n in aliases), f"threads {threads}"]
    for c in configs:
        lines += [f"config {_line(c.name)}", "grid " + " ".join(map(str, c.grid)), *(["serial" + _pairs(c.serial), "parallel" + _pairs(c.parallel)] if c.serial else [])]
        lines += [f"zero {buffer} {size}" for buffer, size in c.zeros]
        lines += [f"{kind} {number}" for kind, number in c.args]
        if tuned := _from_ir.schedule(c.ir):
            lines += [f"schedule {len(tuned.encode())}", tuned[:-1]]
        lines += [f"kernel {len(c.ir.encode())}", c.ir.rstrip("\n")] if c.ir.endswith("\n") else [f"kernel {len(c.ir.encode()) + 1}", c.ir]
    return Text("\n".join(lines) + "\n")


def size_in_bytes(aval):
    size = aval.dtype.itemsize
    for n in aval.shape:
        size *= n
    return size


# ---- the primitive

nereid_call_p = Primitive("nereid_kernel_call")
nereid_call_p.multiple_results = True
nereid_call_p.def_impl(functools.partial(dispatch.apply_primitive, nereid_call_p))


@nereid_call_p.def_abstract_eval
def _types(*args, out_types, **_):
    varying = core.standard_vma_rule("nereid_kernel_call", *args)
    here = {"sharding": core.get_cur_mesh_sharding(), "manual_axis_type": core.ManualAxisType(varying=varying)} if varying else {}
    return [core.ShapedArray(shape, dtype, **here) for shape, dtype in out_types]


def lower_call(ctx, *args, call, aliases, has_side_effect, attributes=()):
    _core.xla_tuned_folder(_tuned_folder())
    rule = jax.ffi.ffi_lowering(CUSTOM_CALL_TARGET_NAME, operand_output_aliases=dict(aliases), has_side_effect=has_side_effect)
    return rule(ctx, *args, call=call.text, **dict(attributes))


def _tuned_folder():
    folder = _cache.directory()
    if not folder:
        return ""
    folder = os.path.join(folder, "tuned")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError:
        return ""
    return folder


_core.xla_tuned_folder(_tuned_folder())


def _lower(ctx, *args, call, aliases, has_side_effect, attributes, out_types):
    del out_types
    return lower_call(ctx, *args, call=call, aliases=aliases, has_side_effect=has_side_effect, attributes=attributes)


mlir.register_lowering(nereid_call_p, _lower, platform="cpu")


@functools.partial(mlir.register_lowering, nereid_call_p)
def _elsewhere(ctx, *args, **_):
    raise NotImplementedError(f"nereid.jax.triton_call runs on the CPU only, but this program is for {', '.join(ctx.module_context.platforms)}: use jax_triton.triton_call there, "
                              "which runs on the CPU as well after nereid.jax.patch_jax_triton()")


# As in jax-triton: a call is not eliminated if its results are unused. The equation is the last argument, after one in JAX 0.11 and two in 0.12.
pe.dce_rules[nereid_call_p] = lambda *args: ([True] * len(args[-1].invars), args[-1])


def _no_derivative(*_, **__):
    raise NotImplementedError("nereid.jax.triton_call does not support automatic differentiation: define a derivative for your function with jax.custom_jvp, jax.custom_vjp, "
                              "or nereid.jax.differentiable")


def _no_batching(*_, **__):
    raise NotImplementedError("nereid.jax.triton_call does not support batching with jax.vmap: define a batching rule for your function with jax.custom_batching.custom_vmap, "
                              "or nereid.jax.vectorized")


ad.primitive_jvps[nereid_call_p] = _no_derivative
batching.primitive_batchers[nereid_call_p] = _no_batching


def same_varying_axes(args):
    """Under shard_map: makes all operands vary along the same axes, as JAX's own primitives do."""
    mats = [getattr(core.typeof(a), "mat", None) for a in args]
    union = frozenset().union(*(m.varying for m in mats if m is not None))
    if not union:
        return list(args)
    return [core.pvary(a, tuple(sorted(union - m.varying, key=str))) if union - m.varying else a for a, m in zip(args, mats)]
