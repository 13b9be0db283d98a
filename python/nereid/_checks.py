# SPDX-License-Identifier: MIT
"""Launches in the interpreter, which checks bounds and races: for nereid.check and NEREID_CHECK=1."""
import json
import math
import warnings

from . import _core, _launch
from .errors import CompileError, LaunchError


class Findings(list):
    """The findings of check(): messages with source lines, empty if there are none. `unwritten` has one line per array in which the kernel writes some
    elements and neither reads nor writes others, which is correct if it is meant to write a part."""

    unwritten = ()

    def __str__(self):
        return "\n".join([*(self or ["no access out of bounds, no races"]), *self.unwritten])

    __repr__ = __str__


def _leaves(value):
    if isinstance(value, (tuple, list)):
        for v in value:
            yield from _leaves(v)
    elif hasattr(value, "block_shape") and hasattr(value, "base"):
        yield from _leaves(value.base)
    else:
        yield value.array if isinstance(value, _core.Wrapped) else value


def arrays_of(values):
    """The description by _core.array of each array in the arguments."""
    for value in values:
        for leaf in _leaves(value):
            if leaf is not None and not isinstance(leaf, (bool, int, float, str)) and (about := _launch.described(leaf)):
                yield about


def _interpretable(kernel, grid, args, kwargs):
    """The kernel for the interpreter, its grid, and the bits and shapes of its arguments."""
    kernel.check_call(*args, **kwargs)
    signature, constants, bits, debug = kernel.describe_call(*args, **kwargs)
    compiled = _core.compile(**kernel._request(signature, constants, debug, "interp"))
    try:
        known = {p["name"]: p.get("writes", False) for p in json.loads(kernel.kernel_for(*args, **kwargs).about)["parameters"]}
    except CompileError:  # the interpreter runs more than this processor
        known = {}
    values = kernel.bind(*args, **kwargs)
    return compiled, grid(values) if callable(grid) else grid, bits, _shapes(compiled, bits, values.values(), known)


def _shapes(compiled, bits, values, known):
    """The shapes of a kernel's arguments. `known` says which arrays it writes to."""
    arrays = {}
    for address, size, _, read_only, _, shape, strides, element in arrays_of(values):
        first = address - element * sum((n - 1) * s for n, s in zip(shape, strides) if s < 0)
        if first not in arrays or size > arrays[first][1]:
            arrays[first] = address, size, element, shape, strides, read_only
    shapes = []
    for parameter, b in zip(json.loads(compiled.about)["parameters"], bits):
        if not parameter["type"].startswith("*"):
            shapes.append(None)
            continue
        writes = known.get(parameter["name"], False)
        *about, read_only = arrays.get(b, (b, 1, 1, [], [], False))
        if writes and read_only:
            _launch.refuse_read_only(parameter["name"])
        shapes.append((*about, writes))
    return shapes


def checked(kernel, grid, args, kwargs, bounds=True, races=True):
    return _found(*_interpretable(kernel, grid, args, kwargs), bounds, races)


def _found(compiled, grid, bits, shapes, bounds=True, races=True):
    unwritten = []
    try:
        compiled.launch(grid, [(b, 0) for b in bits], check_bounds=bounds, check_races=races, print=print, shapes=shapes, unwritten=unwritten.append if bounds else None)
    except CompileError as e:
        return Findings([str(e)])
    found = Findings()
    found.unwritten = unwritten
    return found


def checked_launch(kernel, grid, args, kwargs):
    """A launch under NEREID_CHECK=1: in the interpreter, with checks."""
    _report(checked(kernel, grid, args, kwargs), kernel.__name__, 5)
    return kernel.kernel_for(*args, **kwargs)


def checked_launch_of(text, native, grid, bits, values):
    """A launch by stock Triton, whose kernel is a TTIR text."""
    compiled = _core.compile(path="kernel.ttir", files=[("kernel.ttir", text, "")], kernel="", signature=[], constants={}, target="interp", print=print)
    about = json.loads(native.about)
    known = {p["name"]: p.get("writes", False) for p in about["parameters"]}
    _report(_found(compiled, grid, bits, _shapes(compiled, bits, values, known)), about["name"], 6)


def checked_launch_of_jax(ir, parameters, name, grid, values, races):
    """A launch inside a JAX program: its findings as a text. `values` are numbers, or the address, size and shape of an array."""
    compiled = _core.compile(path="kernel.ttir", files=[("kernel.ttir", ir, "")], kernel="", signature=[], constants={}, target="interp", print=print)
    bits, shapes = [], []
    for (_, _, writes), value in zip(parameters, values):
        if isinstance(value, tuple):
            address, size, shape = value
            strides = [math.prod(shape[k + 1:]) for k in range(len(shape))]
            bits.append(address)
            shapes.append((address, size, size // max(1, math.prod(shape)), shape, strides, writes))
        else:
            bits.append(value)
            shapes.append(None)
    found = _found(compiled, grid, bits, shapes, races=races)
    for line in found.unwritten:
        warnings.warn(f"kernel {name}: {line}", stacklevel=1)
    # The lines refer to the IR, not to the source.
    return "; ".join(text.splitlines()[0].rpartition("error: ")[2] for text in found)


def _report(found, name, level):
    if found:
        raise LaunchError(str(found))
    for line in found.unwritten:
        warnings.warn(f"kernel {name}: {line}", stacklevel=level)
