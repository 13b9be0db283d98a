# SPDX-License-Identifier: MIT
"""triton_call: jax-triton's, for the CPU."""
import base64
import difflib
import json
import math
import struct
import warnings

import jax
import jax.numpy as jnp
import numpy as np
from jax import tree_util
from jax._src import core
from jax._src.state.types import AbstractRef, TransformedRef

from .. import _cache, _core
from ..errors import CompileError
from ..jit import JITFunction
from ..language import _values
from ..tools.tensor_descriptor import TensorDescriptor
from . import _call

_TYPES = {
    "bfloat16": "bf16", "float64": "fp64", "float32": "fp32", "float16": "fp16", "float8_e4m3fn": "fp8e4nv", "float8_e5m2": "fp8e5", "float8_e4m3fnuz": "fp8e4b8",
    "float8_e5m2fnuz": "fp8e5b16", "int64": "i64", "int32": "i32", "int16": "i16", "int8": "i8", "uint64": "u64", "uint32": "u32", "uint16": "u16", "uint8": "u8", "bool": "i1"
}
_DTYPES = {d.spelled: d for d in _values.DTYPES.values()}


class _Array:
    """An array as the compiler sees it: its element type and alignment, which XLA guarantees."""

    def __init__(self, dtype, name=""):
        spelled = _TYPES.get(jnp.dtype(dtype).name)
        if spelled is None:
            raise TypeError(f"{f'`{name}`: ' if name else ''}Triton has no type for the dtype {jnp.dtype(dtype).name}: convert it, such as to float32")
        self.dtype = _DTYPES[spelled]

    def data_ptr(self):
        return 0


def _is_ref(x):
    return isinstance(x, jax.Ref) or isinstance(x, core.Tracer) and isinstance(x.aval, AbstractRef)


def _is_descriptor(x):
    return isinstance(x, TensorDescriptor) or type(x).__name__ == "TensorDescriptor" and hasattr(x, "block_shape")


def _is_array(x):
    return isinstance(x, (jax.Array, np.ndarray)) or _is_ref(x)


# ---- kernels, autotuners and heuristics

def kernel_of(fn):
    """Converts a kernel to one of nereid.jit."""
    if isinstance(fn, JITFunction):
        return fn
    what = type(fn).__name__
    if what == "GluonJITFunction":
        raise TypeError("Gluon kernels are not supported: their layouts are for GPUs; write the kernel in Triton")
    if what == "InterpretedFunction":
        raise TypeError("triton_call cannot compile a kernel that was defined under TRITON_INTERPRET=1: unset it")
    if what != "JITFunction" or not hasattr(fn, "fn"):
        raise TypeError(f"kernel must be a Triton kernel, but got {fn!r}: decorate the function with nereid.jit or triton.jit")
    if "_nereid_kernel" not in vars(fn):  # on the object itself: hashing it would hash its source, which is expensive
        unaligned = getattr(fn, "do_not_specialize_on_alignment", None)
        fn._nereid_kernel = JITFunction(fn.fn, do_not_specialize=getattr(fn, "do_not_specialize", None), do_not_specialize_on_alignment=unaligned)
    return fn._nereid_kernel


class Wrapped:
    """A kernel with its autotuner and heuristics, of Nereid or Triton."""

    def __init__(self, fn):
        self.tuner, self.heuristics = None, []
        while not type(fn).__name__.endswith("JITFunction") and hasattr(fn, "fn"):
            if hasattr(fn, "configs"):
                if self.tuner or self.heuristics:
                    raise TypeError("autotune must be the outermost decorator, above heuristics, and can be used only once")
                self.tuner = fn
            elif isinstance(getattr(fn, "values", None), dict):
                self.heuristics.append(fn.values)
            else:
                break
            fn = fn.fn
        self.kernel = kernel_of(fn)

    def configs(self, named, constants):
        """The pruned configurations of the autotuner that agree with the given constants, each with the results of heuristics: [(name, constants)]."""
        out = []
        for name, own in self._tuned(named, constants):
            chosen = {**constants, **own}
            for values in self.heuristics:
                for key, value in values.items():
                    chosen[key] = value({**named, **chosen})
            out.append((name, chosen))
        return out

    def _tuned(self, named, constants):
        if self.tuner is None:
            return [("", {})]
        configs = []
        for config in self.tuner.configs:
            if getattr(config, "pre_hook", None) is not None:
                raise NotImplementedError("`pre_hook` of a configuration is not supported: a hook cannot run inside a compiled JAX program")
            if all(config.kwargs.get(k, v) == v for k, v in constants.items()):
                configs.append(config)
        if prune := self.tuner.early_config_prune:
            configs = list(prune(configs, named, **constants))
        if model := self.tuner.perf_model:
            top = getattr(self.tuner, "top_k", None) or getattr(self.tuner, "configs_top_k", 1.0)
            count = int(len(self.tuner.configs) * top) if isinstance(top, float) and top <= 1 else int(top)
            if len(configs) > count:
                configs = sorted(configs, key=lambda c: model(**{**named, **constants, **c.all_kwargs()}))[:max(count, 1)]
        if not configs:
            given = ", ".join(f"{k}={v!r}" for k, v in constants.items())
            raise ValueError(f"no configuration of `{self.kernel.__name__}` is left after pruning" + (f", with {given}" if given else ""))
        return [(", ".join(f"{k}: {v}" for k, v in c.kwargs.items()), c.kwargs) for c in configs]


def full_grid(grid, values):
    """Extends a grid to three numbers."""
    if callable(grid):
        grid = grid(values)
    grid = tuple(grid) if isinstance(grid, (tuple, list)) else (grid,)
    if len(grid) > 3:
        raise ValueError(f"the grid must have one to three axes, but got {grid}")
    try:
        numbers = [n.__index__() for n in grid]
    except (AttributeError, TypeError):
        given = grid[0] if len(grid) == 1 else grid
        if any(isinstance(n, (float, np.floating)) for n in grid):
            why = ": divide with nereid.cdiv(n, BLOCK) or triton.cdiv instead of n / BLOCK"
        elif any(isinstance(n, core.Tracer) for n in grid):
            why = ": a traced JAX value is not known when the program is compiled; use a shape or a static argument"
        else:
            why = ""
        raise TypeError(f"the grid must be an integer or a tuple of up to three integers, but got {given!r}{why}") from None
    if any(n < 0 or n >= 2**32 for n in numbers):
        raise ValueError(f"each axis of the grid must be from 0 to {2**32 - 1}, but the grid is {grid}")
    return tuple(numbers + [1] * (3 - len(numbers)))


def ir_of(kernel, values, debug):
    """The kernel's IR for these arguments, and the bits of its arguments; 0 for arrays."""
    signature, constants, bits, wants_debug = kernel.describe_call(**values)
    doubles = {}
    for p in kernel.params:
        value = values.get(p.name, p.default)
        if isinstance(value, (float, np.floating)) and not p.is_constexpr and signature[p.num] == "fp32" and not _fits_float32(float(value)):
            signature[p.num] = "fp64"
            doubles[p.name] = struct.unpack("<Q", struct.pack("<d", value))[0]
        elif isinstance(value, (tuple, list)):
            for leaf in tree_util.tree_leaves(value):
                if isinstance(leaf, float) and not _fits_float32(leaf):
                    raise OverflowError(f"`{p.name}`: {leaf} does not fit in fp32: pass it as a separate argument instead of in a tuple")
    request = kernel._request(signature, constants, debug or wants_debug)
    request.pop("target")
    kept = _call.compiled(_core.emit(**request, stage="ttir"))
    if debug:
        print(kept.ir)
    if len(kept.parameters) != len(bits):
        raise AssertionError("the arguments of the IR and of the launch differ")
    return kept, [doubles.get(name, b) for (name, _, _), b in zip(kept.parameters, bits)]


# ---- the text of a call, cached by everything it depends on: computing it would dominate eager calls

_texts = {}
_MOST_TEXTS = 1024


def _key(value):
    """A key that differs if the text of a call differs. Raises TypeError if a value is not hashable."""
    if isinstance(value, _Array):
        return value.dtype.name
    if value is None or type(value) in (int, float, bool, str):
        return type(value), repr(value)  # 1, 1.0 and True are three values
    if isinstance(value, (tuple, list)):
        return tuple(map(_key, value))
    if isinstance(value, _values.dtype):
        return value
    raise TypeError


def _kept_text(wrapped, known, constants, grid, zeroed, rest, make):
    """The result of make(), cached for equal calls."""
    try:
        if wrapped.tuner or wrapped.heuristics or callable(zeroed):
            raise TypeError
        values = lambda named: tuple((k, _key(v)) for k, v in named.items())
        # The files represent the values of the kernel's names; they are in the key so that they live as long.
        key = wrapped.kernel, wrapped.kernel._sources({})[0], values(known), values(constants), grid, tuple(zeroed), rest, _cache.tunings
        found = _texts.get(key)
    except TypeError:
        return make()
    if found is None:
        if len(_texts) >= _MOST_TEXTS:
            _texts.clear()
        found = _texts[key] = make()
    return found


def _refuse_slips(fn, wrapped, unknown, needed, callables):
    """Refuses unknown keywords. A grid function may need names that the kernel does not have."""
    for key in unknown:
        near = difflib.get_close_matches(key, needed if callables else [*(p.name for p in fn.params), *_KEYWORDS], 1)
        if near or not callables:
            raise TypeError(f"kernel `{fn.__name__}` has no parameter `{key}`, and triton_call has no keyword `{key}`" + (f": did you mean `{near[0]}`?" if near else ""))


_KEYWORDS = ("kernel", "out_type", "grid", "name", "num_warps", "num_stages", "num_ctas", "compute_capability", "backend_options", "input_output_aliases", "zeroed_outputs", "debug",
             "serialized_metadata", "cost_estimate", "has_side_effect")


def _fits_float32(x):
    least = float(np.finfo(np.float32).tiny)
    return x == 0 or not math.isfinite(x) or least <= abs(x) <= float(np.finfo(np.float32).max)


def options_of(given, **explicit):
    """The options of jax-triton. On a CPU only num_threads has an effect."""
    options = dict(given or {})
    explicit = {k: v for k, v in explicit.items() if v is not None}
    if both := sorted(explicit.keys() & options.keys()):
        raise ValueError(f"Cannot specify {', '.join(both)} both as an argument and in backend_options")
    options |= explicit
    for k, v in options.items():
        try:
            hash(v)
        except TypeError:
            raise TypeError(f"backend_options[{k!r}] must be hashable, got {v!r}") from None
    if options.get("num_ctas", 1) != 1:
        raise ValueError(f"num_ctas must be 1 on a CPU (got {options['num_ctas']})")
    warps = options.get("num_warps", 1)
    if isinstance(warps, int) and (warps < 1 or warps & warps - 1):
        raise ValueError(f"num_warps must be a power of 2 (got {warps})")
    return options


def _number_for_output(error, operands):
    """The first line of the message if the kernel writes through a parameter that received a number."""
    for d in error.diagnostics:
        for key, x in operands.items():
            if f"the argument `{key}`" in d["text"] and isinstance(x, (int, float)):
                return f"the kernel accesses memory through `{key}`, but `{key}` got the number {x!r}: pass an array, or leave it out so that it is an output\n"
    return ""


def _went(shapes):
    """The operand of each parameter: x←f32[8,100], n←100."""

    def text(x):
        if _is_descriptor(x):
            return f"descriptor of {text(x.base)}"
        if isinstance(x, (tuple, list)):
            return f"({', '.join(map(text, x))})"
        return x.str_short(short_dtypes=True) if hasattr(x, "str_short") else repr(x)

    return ", ".join(f"{key}←{text(x)}" for key, x in shapes.items()) or "none"


def triton_call(*args, kernel, out_type=None, grid, name="", num_warps=None, num_stages=None, num_ctas=None, compute_capability=None, backend_options=None, input_output_aliases=None,
                zeroed_outputs=(), debug=False, serialized_metadata=b"", cost_estimate=None, has_side_effect=False, **kwargs):
    """Runs a kernel on JAX arrays, on the CPU. Under jit it is a custom call of the compiled program. The parameters are those of jax_triton.triton_call.

    args, kwargs            operands by position or name: arrays, Refs, numbers (which become part of the program), and tuples of them. A keyword can also be a constexpr, or
                            a name that only `grid` and `zeroed_outputs` use
    kernel                  a kernel of nereid.jit or triton.jit, with or without heuristics and autotune
    out_type                an object with shape and dtype, or a tree of such objects: the results. The parameters without an operand are the outputs, in order
    grid                    an integer, a tuple of up to three integers, or a function that gets a dict of constants and operands and returns them
    input_output_aliases    {operand: output}: the kernel changes the operand in place, and the operand becomes that output. Operands are names of parameters, or numbers in the
                            flat list of operands without constexprs
    zeroed_outputs          numbers of outputs, in the flat list, to set to zero before the kernel; or a function that gets the constants of a configuration and returns them
    backend_options         {"num_threads": n} limits the threads. Other options, num_warps, num_stages and compute_capability have no effect on a CPU
    debug                   print the IR and keep assertions
    serialized_metadata, cost_estimate, has_side_effect, name    as in jax-triton
    """
    del compute_capability
    options = options_of(backend_options, num_warps=num_warps, num_stages=num_stages, num_ctas=num_ctas, debug=debug or None)
    if "out_shape" in kwargs:
        if out_type is not None:
            raise TypeError("Cannot specify both out_type= and the deprecated out_shape=")
        warnings.warn("out_shape= is deprecated in favor of out_type=", DeprecationWarning, stacklevel=2)
        out_type = kwargs.pop("out_shape")
    elif out_type is None:
        if near := difflib.get_close_matches("out_type", kwargs, 1):
            raise TypeError(f"triton_call has no keyword `{near[0]}`: did you mean `out_type`?")
        raise TypeError("out_type= is missing: pass the shape and dtype of the results, such as jax.ShapeDtypeStruct(x.shape, x.dtype), or () if the kernel writes only to Refs")

    wrapped = Wrapped(kernel)
    fn = wrapped.kernel
    constexprs = {p.name for p in fn.params if p.is_constexpr}
    names = [p.name for p in fn.params]
    constants = {p.name: p.default for p in fn.params if p.is_constexpr and p.has_default}
    by_name = {}
    for key, value in kwargs.items():
        (by_name if key in names else constants)[key] = value
    operands = {}
    for key, value in fn.signature.bind_partial(*args, **by_name).arguments.items():
        (constants if key in constexprs else operands)[key] = value
    absent = [p.name for p in fn.params if p.name not in operands and p.name not in constants]
    _refuse_slips(fn, wrapped, [k for k in kwargs if k not in names], absent, callable(grid) or callable(zeroed_outputs) or wrapped.tuner or wrapped.heuristics)
    constants = {k: v.value if type(v).__name__ == "constexpr" else v for k, v in constants.items()}

    # Flat operands: the arrays of the call, and for each the description for the compiler.
    arrays, flat, refs, positions = [], [], [], {}
    known, shapes = {}, {}

    def operand(key, x):
        if isinstance(x, TransformedRef):
            raise NotImplementedError(f"`{key}`: a part of a Ref cannot be an operand: pass the whole Ref")
        if _is_descriptor(x):
            base, shape = operand(key, x.base)
            described = TensorDescriptor(base, x.shape, x.strides, x.block_shape, x.padding)
            return described, TensorDescriptor(shape, x.shape, x.strides, x.block_shape, x.padding)
        if not _is_array(x):
            flat.append(None)
            return x, x
        if _is_ref(x):
            refs.append((len(arrays), x))
            x = x[...]
        x = jnp.asarray(x)
        flat.append(len(arrays))
        arrays.append(x)
        return _Array(x.dtype, key), core.typeof(x)

    leaf = lambda x: x is None or _is_descriptor(x) or isinstance(x, TransformedRef)
    for key in names:
        if key in operands:
            leaves, tree = tree_util.tree_flatten(operands[key], is_leaf=leaf)
            first = len(flat)
            both = [operand(key, x) for x in leaves]
            positions[key] = range(first, len(flat))
            known[key] = tree.unflatten([a for a, _ in both])
            shapes[key] = tree.unflatten([b for _, b in both])

    out_leaves, out_tree = tree_util.tree_flatten(out_type)
    outs = [core.ShapedArray(tuple(x.shape), jax.dtypes.canonicalize_dtype(x.dtype)) for x in out_leaves]

    aliases = {}  # array to output
    if input_output_aliases:
        if refs:
            raise ValueError("input_output_aliases cannot be combined with Ref arguments, which are changed in place already")
        if len(set(input_output_aliases.values())) != len(input_output_aliases):
            raise ValueError(f"input_output_aliases must name each output once, but it is {input_output_aliases}")
        for at, out in input_output_aliases.items():
            shown = f"`{at}`" if isinstance(at, str) else f"operand {at}"
            if isinstance(at, str):
                if at not in operands:
                    raise ValueError(f"input_output_aliases: there is no operand `{at}`, only {', '.join(operands)}")
                if len(positions[at]) != 1:
                    raise ValueError(f"input_output_aliases: `{at}` is {len(positions[at])} arrays: give the number of one, from {positions[at]}")
                at = positions[at][0]
            if not isinstance(at, int) or not isinstance(out, int):
                raise TypeError(f"input_output_aliases maps operands, by number or name, to outputs, by number, but got {{{at!r}: {out!r}}}")
            if not 0 <= at < len(flat):
                raise ValueError(f"input_output_aliases: there is no operand {at}, only {len(flat)}")
            if flat[at] is None:
                raise ValueError(f"input_output_aliases: {shown} is not an array")
            if not 0 <= out < len(outs):
                raise ValueError(f"input_output_aliases: there is no output {out}, only {len(outs)}")
            x, o = arrays[flat[at]], outs[out]
            if x.shape != o.shape or x.dtype != o.dtype:
                raise ValueError(f"input_output_aliases: {shown} is {x.dtype}{list(x.shape)}, but output {out} is {o.dtype}{list(o.shape)}")
            aliases[flat[at]] = out
    returned = len(outs)
    for at, _ in refs:
        aliases[at] = len(outs)
        outs.append(core.ShapedArray(arrays[at].shape, arrays[at].dtype))

    missing = [p for p in names if p not in constexprs and p not in operands]
    fresh = [o for o in range(returned) if o not in aliases.values()]
    if len(missing) != len(fresh):
        left = f"{len(missing)} parameters of the kernel have no operand{': ' + ', '.join(missing) if missing else ''}"
        raise ValueError(f"out_type has {len(fresh)} outputs that are not aliases, but {left}; the operands are {_went(shapes)}")
    output_of = dict(zip(missing, fresh))
    for key, o in output_of.items():
        known[key], shapes[key] = _Array(outs[o].dtype, key), outs[o]

    # Buffers in the order of the kernel's parameters.
    buffers, at = [], iter(range(len(arrays)))
    for key in names:
        if key in output_of:
            buffers.append((key, len(arrays) + output_of[key]))
        elif key in operands:
            for x in tree_util.tree_leaves(operands[key], is_leaf=leaf):
                if _is_array(x) or _is_descriptor(x):
                    array = next(at)
                    buffers.append((key, len(arrays) + aliases[array] if array in aliases else array))

    if bad := [z for z in (() if callable(zeroed_outputs) else zeroed_outputs) if not 0 <= z < returned]:
        raise ValueError(f"zeroed_outputs: there is no output {bad[0]}: the outputs are numbered from 0 to {returned - 1}")
    scalars = [key for key, x in shapes.items() if getattr(x, "shape", None) == () and key not in output_of]

    def ir_for(chosen):
        try:
            return ir_of(fn, {**known, **{k: v for k, v in chosen.items() if k in names}}, bool(options.get("debug")))
        except CompileError as e:
            if args and any("pointer" in d["text"] and d["id"] == "type" for d in e.diagnostics):
                given, made = ({k: v for k, v in shapes.items() if (k in output_of) == out} for out in (False, True))
                e = CompileError(f"{_number_for_output(e, given)}{e}\nhint: the operands are {_went(given)}{f'; the outputs are {_went(made)}' if made else ''}", e._diagnostics)
            if not scalars:
                raise e from None
            raise CompileError(f"{e}\nhint: {', '.join(f'`{key}`' for key in scalars)} {'is an array' if len(scalars) == 1 else 'are arrays'} without axes, which the kernel gets as a pointer: "
                               f"read it with tl.load({scalars[0]}) in the kernel, or pass a Python number (under jit a static argument)", e._diagnostics) from None

    def configuration(label, chosen, numbers):
        kept, bits = ir_for(chosen)
        pointers = iter(buffers)
        passed = []
        for (_, type_name, writes), b in zip(kept.parameters, bits):
            if not type_name.startswith("*"):
                passed.append(("bits", b))
                continue
            key, buffer = next(pointers)
            if writes and buffer < len(arrays):
                raise ValueError(f"the kernel writes to `{key}`, but a JAX array cannot change: pass a Ref (jax.new_ref), or name it in input_output_aliases")
            passed.append(("buffer", buffer))
        zeroed = zeroed_outputs(chosen) if callable(zeroed_outputs) else zeroed_outputs
        if bad := [z for z in zeroed if not 0 <= z < returned]:
            raise ValueError(f"zeroed_outputs: there is no output {bad[0]}: the outputs are numbered from 0 to {returned - 1}")
        if 0 in numbers:  # no program writes them
            zeroed = {*zeroed, *fresh}
        zeros = [(len(arrays) + z, _call.size_in_bytes(outs[z])) for z in sorted(zeroed)]
        return _call.Config(kept.ir, numbers, passed, zeros, name=label)

    def text():
        configs = [configuration(label, chosen, full_grid(grid, {**shapes, **chosen})) for label, chosen in wrapped.configs(shapes, constants)]
        return _call.text_of(name or fn.__name__, len(arrays), len(outs), [(i, len(arrays) + o, _call.size_in_bytes(outs[o])) for i, o in sorted(aliases.items())], configs,
                             options.get("num_threads", 0))

    if options.get("debug"):
        text = text()  # which prints
    else:
        plain = not wrapped.tuner and not wrapped.heuristics
        numbers = full_grid(grid, {**shapes, **constants}) if plain else None
        text = _kept_text(wrapped, known, constants, numbers, zeroed_outputs, (name, len(arrays), tuple(buffers), tuple(outs), tuple(fresh), tuple(sorted(aliases.items())), options.get("num_threads", 0)), text)
    attributes = []
    if cost_estimate is not None:
        attributes.append(("cost_estimate_json", json.dumps(dict(cost_estimate))))
    if serialized_metadata:
        attributes.append(("serialized_metadata", base64.b64encode(serialized_metadata).decode()))
    results = _call.nereid_call_p.bind(*_call.same_varying_axes(arrays), call=text, aliases=tuple(sorted(aliases.items())), has_side_effect=has_side_effect, attributes=tuple(attributes),
                                       out_types=tuple((o.shape, o.dtype) for o in outs))
    for k, (_, ref) in enumerate(refs):
        ref[...] = results[returned + k]
    return tree_util.tree_unflatten(out_tree, results[:returned])
