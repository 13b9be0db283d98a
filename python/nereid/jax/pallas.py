# SPDX-License-Identifier: MIT
"""Pallas kernels, compiled for the CPU:

    nereid.jax.pallas.enable()

after which a pallas_call without interpret=True runs there. JAX's own lowering for Triton writes the IR, as for a GPU; but

- what a block has outside of its array is read as zero and dropped when written, where a GPU would touch whatever lies there;
- programs that write the same block run one after the other, in the order of the grid, as on a TPU and as interpret=True does: `o_ref[...] += ...` along an axis is a
  sum. With pallas.triton.CompilerParams a block that is the whole array does not count: such kernels index it themselves, by program.
"""
import functools
import math
import re
import threading

import jax
import jax.numpy as jnp
import numpy as np
from jax._src import core, source_info_util
from jax._src.interpreters import mlir

from . import _call

_enabled = False
_MANY = 1 << 20  # programs: beyond it, index maps are not tried out


def enable():
    """Compiles pallas_call in programs for the CPU. Nothing changes for GPUs and TPUs, or with interpret=True."""
    global _enabled
    try:
        from jax._src.pallas import pallas_call
        from jax._src.pallas.triton import lowering
    except ImportError as e:
        raise ImportError(f"nereid.jax.pallas needs JAX 0.10 to 0.12, which can lower Pallas to Triton (this is JAX {jax.__version__})") from e
    if _enabled:
        return
    _mask_what_overhangs(lowering)
    _add_functions(lowering)

    def rule(ctx, *args, interpret, **params):
        if interpret:
            return pallas_call._pallas_call_lowering(ctx, *args, interpret=interpret, **params)
        return mlir.lower_fun(functools.partial(_call_of, ctx, **params), multiple_results=True)(ctx, *args)

    mlir.register_lowering(pallas_call.pallas_call_p, rule, platform="cpu")
    _enabled = True


def _call_of(ctx, *args, jaxpr, grid_mapping, debug, input_output_aliases, mesh, compiler_params, out_avals, metadata=None, cost_estimate=None, name=None, **unknown):
    """The call as a JAX function."""
    from jax._src.pallas.triton import core as triton_core
    from jax._src.pallas.triton import lowering
    del cost_estimate, metadata
    if any(v for v in unknown.values()):
        raise NotImplementedError(f"pallas_call on the CPU: {', '.join(unknown)} is not supported")
    if jaxpr.constvars:
        raise ValueError("Cannot lower a pallas_call with constants.")
    if mesh is not None:
        raise NotImplementedError("pallas_call on the CPU: `mesh` is not supported")
    if grid_mapping.num_dynamic_grid_bounds:
        raise NotImplementedError("pallas_call on the CPU: dynamic grid bounds are not supported")
    if grid_mapping.num_index_operands:
        raise NotImplementedError("pallas_call on the CPU: scalar prefetch is not supported")
    if grid_mapping.scratch_avals:
        raise NotImplementedError("pallas_call on the CPU: scratch memory is not supported: carry values through a loop, or accumulate in an output")
    if 0 in grid_mapping.grid:  # no program writes
        aliased = {o: args[i] for i, o in input_output_aliases}
        return [aliased[o] if o in aliased else jnp.zeros(a.shape, a.dtype) for o, a in enumerate(out_avals)]
    _refuse(jaxpr, lowering.triton_lowering_rules)
    # Parameters that describe axes are used; those for memory and pipelines of other back-ends have no effect.
    by_hand = isinstance(compiler_params, triton_core.CompilerParams)

    blocks = [_Block(bm, grid_mapping.grid) for bm in grid_mapping.block_mappings]
    inputs = len(args)
    _masks.active, _masks.inside = True, None
    try:
        module = lowering.lower_jaxpr_to_triton_module(jaxpr, grid_mapping, "cuda", None, mlir_ctx=ctx.module_context)
    finally:
        _masks.active = False
    ir = _readable(module.module.operation.get_asm())
    if debug:
        print(ir)
    kept = _call.compiled(ir)
    grid = tuple(module.grid) + (1,) * (3 - len(module.grid))
    serial, parallel = _axes_of(grid_mapping, blocks[inputs:], by_hand)

    buffer_of = {i: inputs + o for i, o in input_output_aliases}
    passed = []
    for k, (key, _, writes) in enumerate(kept.parameters):
        if k < inputs and k not in buffer_of and writes:
            raise ValueError(f"the kernel writes to its input {k}, but a JAX array cannot change: name it in input_output_aliases")
        passed.append(("buffer", buffer_of.get(k, k)))
    text = _call.text_of(name or jaxpr.debug_info.func_name, inputs, len(out_avals), [(i, inputs + o, _call.size_in_bytes(out_avals[o])) for i, o in input_output_aliases],
                         [_call.Config(kept.ir, grid, passed, serial=serial, parallel=parallel)])
    return _call.nereid_call_p.bind(*_call.same_varying_axes(args), call=text, aliases=tuple(sorted(input_output_aliases)), has_side_effect=False, attributes=(),
                                    out_types=tuple((a.shape, a.dtype) for a in out_avals))


def _refuse(jaxpr, rules):
    """Names the operation that JAX's lowering does not support, often without a message."""

    def refuse(eqn, what, instead):
        raise NotImplementedError(f"pallas_call on the CPU: {what} ({source_info_util.summarize(eqn.source_info)}): {instead}")

    for eqn in jaxpr.eqns:
        name = eqn.primitive.name
        if name == "dot_general":
            _, (batch, _) = eqn.params["dimension_numbers"]
            ranks = [v.aval.ndim for v in eqn.invars[:2]]
            if batch:
                refuse(eqn, "a product with a batch dimension", "make that an axis of the grid, or loop over it")
            if ranks != [2, 2]:
                refuse(eqn, f"a product of arrays with {ranks[0]} and {ranks[1]} dimensions", "both need two; the product of a matrix and a vector is jnp.sum(a * v[None, :], axis=1)")
        if name == "scan":
            if eqn.params.get("unroll", 1) != 1:
                refuse(eqn, "a loop with `unroll`", "leave it out, or write a loop of Python")
            body = eqn.params["jaxpr"]
            shapes = lambda values: [v.aval.shape for v in values]
            if shapes(eqn.invars) != [a.shape for a in body.in_avals] or shapes(eqn.outvars) != [a.shape for a in body.out_avals]:  # more than constants and carried values
                refuse(eqn, "lax.scan over the rows of a value", "use lax.fori_loop, and read and write the rows of references")
        if eqn.primitive not in rules:
            refuse(eqn, f"the primitive `{name}`", "JAX's lowering of Pallas to Triton does not have it" + ("; slice the reference, x_ref[:, :8], not its value" if "slice" in name else ""))
        for inner in core.jaxprs_in_params(eqn.params):
            _refuse(inner, rules)


_masks = threading.local()  # active: lowering for Nereid; inside: the mask of the last access; axis: the axis of the requested coordinates


def _mask_what_overhangs(lowering):
    """Makes JAX's lowering mask accesses outside the arrays, in calls from Nereid."""
    from jax._src.lib.mlir import ir
    from jax._src.pallas import utils
    their_strides, their_offsets, their_load, their_store, their_atomic = utils.strides_from_shape, lowering._compute_offsets_from_indices, lowering._load, lowering._store, lowering._atomic_rmw

    def strides(shape):
        axis = getattr(_masks, "axis", None)
        return their_strides(shape) if axis is None else tuple(int(d == axis) for d in range(len(shape)))

    def offsets(block_info, indexer):
        out = their_offsets(block_info, indexer)
        _masks.inside = None
        if not getattr(_masks, "active", False) or isinstance(out, tuple):  # JAX adds masks from 0.12 on
            return out
        for d, n in enumerate(block_info.full_shape_dtype.shape):
            size, aligned = block_info.block_shape[d], block_info.start_indices_alignment[d]
            # Squeezed dimensions are in bounds, and so are blocks that start at multiples of a divisor of the array's size.
            if not isinstance(size, int) or n % size == 0 and aligned % size == 0:
                continue
            _masks.axis = d
            try:
                at = their_offsets(block_info, indexer)
            finally:
                _masks.axis = None
            inside = lowering._less_than(at, lowering._full(at.type, n), signed=True)
            _masks.inside = inside if _masks.inside is None else lowering.arith_dialect.andi(_masks.inside, inside)
        return out

    def both(mask):
        inside = _masks.inside if getattr(_masks, "active", False) else None
        return mask if inside is None else inside if mask is None else lowering.arith_dialect.andi(mask, inside)

    def load(ptr, mask=None, other=None, **options):
        within = both(mask)
        if within is not None and other is None and getattr(_masks, "active", False):
            element = lowering.tt_dialect.PointerType(lowering._element_type(ptr.type)).pointee_type
            other = lowering._full(ir.RankedTensorType.get(ptr.type.shape, element) if isinstance(ptr.type, ir.RankedTensorType) else element, 0)
        return their_load(ptr, mask=within, other=other, **options)

    def store(ptr, value, mask=None, **options):
        return their_store(ptr, value, mask=both(mask), **options)

    def atomic(op, ptr, value, mask=None, **options):
        ops = lowering.tt_dialect.RMWOp
        if getattr(_masks, "active", False) and op == ops.FADD and isinstance(lowering._element_type(value.type), ir.IntegerType):
            op = ops.ADD  # theirs looks at the type of the tile
        return their_atomic(op, ptr, value, mask=both(mask), **options)

    utils.strides_from_shape, lowering._compute_offsets_from_indices, lowering._load, lowering._store, lowering._atomic_rmw = strides, offsets, load, store, atomic


def _readable(text):
    """Adapts the IR to this CPU: XLA aligns less than Pallas assumes, products are exact, and programs have one thread."""
    text = text.replace("tt.divisibility = 32 : i32", "tt.divisibility = 16 : i32").replace("inputPrecision = tf32x3", "inputPrecision = ieee").replace("inputPrecision = tf32", "inputPrecision = ieee")
    return _without_int4(re.sub(r"(?m)^\s*(gpu\.barrier|ttg\.barrier|ttg\.local_barrier).*\n", "", text))


_INT4 = re.compile(r"\bi4\b|xi4\b")
_CAST = re.compile(r"(\s*)(%\S+) = arith\.(trunci|extsi|extui|sitofp|uitofp) (%\S+) : (\S+) to (\S+)$")


def _without_int4(text):
    """Represents 4-bit values as sign-extended i8: they come from truncations and are used by conversions."""
    if not _INT4.search(text):
        return text
    lines = []
    for line in text.split("\n"):
        if not _INT4.search(line):
            lines.append(line)
            continue
        cast = _CAST.match(line)
        if not cast:
            raise NotImplementedError(f"pallas_call on the CPU: int4 can only be loaded and converted, but this is `{line.strip()}`: convert to int8 or wider first")
        space, result, op, value, source, target = cast.groups()
        part = lambda name: f"%{name}_{result[1:]}"
        constant = lambda name, n, of: f"{space}{part(name)} = arith.constant {f'dense<{n}>' if of.startswith('tensor') else n} : {of}"
        byte = lambda of: re.sub(r"i4(>?)$", r"i8\1", of)
        if op == "trunci":
            narrow = byte(target)
            if source != narrow:
                lines.append(f"{space}{part('byte')} = arith.trunci {value} : {source} to {narrow}")
                value = part("byte")
            lines += [constant("four", 4, narrow), f"{space}{part('high')} = arith.shli {value}, {part('four')} : {narrow}", f"{space}{result} = arith.shrsi {part('high')}, {part('four')} : {narrow}"]
            continue
        wide = byte(source)
        if op in ("extui", "uitofp"):
            lines += [constant("mask", 15, wide), f"{space}{part('low')} = arith.andi {value}, {part('mask')} : {wide}"]
            value = part("low")
        lines.append(f"{space}{result} = tt.bitcast {value} : {wide} -> {target}" if target == wide else f"{space}{result} = arith.{op} {value} : {wide} to {target}")
    return "\n".join(lines)


def _add_functions(lowering):
    """Adds elementwise functions that JAX's lowering lacks, in calls from Nereid."""
    from jax import lax
    from jax._src.lax.lax import copy_p

    def ours(name, rule):

        def checked(ctx, *args, **params):
            if not getattr(_masks, "active", False):
                raise NotImplementedError(f"Unimplemented primitive in Pallas Triton lowering: {name}.")
            return rule(ctx, *args, **params)

        return checked

    def rules(name, *symbols, choose=lambda **_: 0):
        tables = [lowering._make_dispatch_table(name, cuda=[lowering._Extern([np.float32], f"__nv_{s}f", np.float32), lowering._Extern([np.float64], f"__nv_{s}", np.float64)]) for s in symbols]
        return ours(name, lambda ctx, *args, **params: tables[choose(**params)](ctx, *args))

    to_even = lambda rounding_method, **_: int(rounding_method == lax.RoundingMethod.TO_NEAREST_EVEN)
    for primitive, rule in ((lax.erf_p, rules("erf", "erf")), (lax.erfc_p, rules("erfc", "erfc")), (lax.erf_inv_p, rules("erf_inv", "erfinv")),
                            (lax.round_p, rules("round", "round", "rint", choose=to_even)), (copy_p, ours("copy", lambda ctx, x: x))):
        lowering.triton_lowering_rules.setdefault(primitive, rule)


class _Block:
    """The blocks of an operand: their position for each program."""

    def __init__(self, mapping, grid):
        self.sizes, self.scales = [], []
        for b in mapping.block_shape:
            kind = type(b).__name__
            if kind not in ("Blocked", "Element", "Squeezed"):
                raise NotImplementedError(f"pallas_call on the CPU: blocks with a dimension of kind {kind} are not supported")
            size = 1 if kind == "Squeezed" else b.block_size
            self.sizes.append(size)
            self.scales.append(size if kind == "Blocked" else 1)
        array = mapping.array_aval
        self.is_whole = tuple(self.sizes) == tuple(array.shape)
        self.jaxpr = getattr(mapping.index_map_jaxpr, "jaxpr", mapping.index_map_jaxpr)
        self.consts = getattr(mapping.index_map_jaxpr, "consts", ())
        self.grid = grid
        # For each dimension, the axis of the grid that is its index, a number, or None if it must be computed.
        self.plain = [v.val if isinstance(v, core.Literal) else self.jaxpr.invars.index(v) if v in self.jaxpr.invars else None for v in self.jaxpr.outvars]
        self.is_axis = [isinstance(v, core.Var) and v in self.jaxpr.invars for v in self.jaxpr.outvars]
        self.is_simple = None not in self.plain
        self._indices = None
        for d, n in enumerate(array.shape):
            least, most = self.bounds(d)
            if least is not None and (least < 0 or most - self.sizes[d] >= max(n, 1)):
                raise ValueError(f"pallas_call: a block is outside its array of shape {array.shape}: along axis {d} it begins at {least if least < 0 else most - self.sizes[d]}")

    def indices(self):
        """[programs, dimensions]: block indices, programs in grid order; None if there are too many."""
        if self._indices is None and math.prod(self.grid) <= _MANY:
            with jax.ensure_compile_time_eval():
                ids = np.indices(self.grid, np.int32).reshape(len(self.grid), -1) if self.grid else np.zeros((0, 1), np.int32)
                if self.is_simple:
                    columns = [ids[p] if is_axis else np.full(ids.shape[1], p) for p, is_axis in zip(self.plain, self.is_axis)]
                else:
                    columns = jax.vmap(lambda *i: core.eval_jaxpr(self.jaxpr, self.consts, *i))(*ids)
                self._indices = np.stack([np.asarray(c) for c in columns], 1) if columns else np.zeros((ids.shape[1], 0), np.int32)
        return self._indices

    def bounds(self, d):
        """The begin of the first block and the end of the last block along a dimension."""
        if self.is_simple:
            least = 0 if self.is_axis[d] else int(self.plain[d])
            most = self.grid[self.plain[d]] - 1 if self.is_axis[d] else least
        else:
            found = self.indices()
            if found is None:
                return None, None
            least, most = int(found[:, d].min()), int(found[:, d].max())
        return least * self.scales[d], most * self.scales[d] + self.sizes[d]

    def revisited(self):
        """Axes of the grid along which programs write the same block."""
        wide = {a for a, n in enumerate(self.grid) if n > 1}
        if self.is_simple:
            return wide - {p for p, is_axis in zip(self.plain, self.is_axis) if is_axis}
        found = self.indices()
        if found is None:
            return wide
        _, group = np.unique(found, axis=0, return_inverse=True)
        group = group.reshape(-1)
        ids = np.indices(self.grid, np.int32).reshape(len(self.grid), -1)
        out = set()
        for a in wide:
            least, most = np.full(group.max() + 1, self.grid[a]), np.zeros(group.max() + 1, np.int32)
            np.minimum.at(least, group, ids[a])
            np.maximum.at(most, group, ids[a])
            if (least != most).any():
                out.add(a)
        return out


def _axes_of(grid_mapping, outputs, by_hand):
    """The axes of the grid as (extent, stride): the axes whose programs run one after the other, slowest first, and the other axes."""
    serial = set().union(*(b.revisited() for b in outputs if not (by_hand and b.is_whole))) if outputs else set()
    # Programs are numbered as JAX lays out the grid: the first axis is the fastest, mapped ones come last.
    order = [a for a in range(len(grid_mapping.grid)) if a not in grid_mapping.vmapped_dims] + list(reversed(grid_mapping.vmapped_dims))
    axes, stride = {}, 1
    for a in order:
        axes[a] = (grid_mapping.grid[a], stride)
        stride *= grid_mapping.grid[a]
    return tuple(axes[a] for a in sorted(serial)), tuple(axes[a] for a in order if a not in serial)
