# SPDX-License-Identifier: MIT
"""nereid.debug, nereid.trace and nereid.who_wrote: kernels run as Python, line by line, so that any Python debugger can step through them.

The function of a kernel is called for one program after the other. Its tiles are NumPy arrays (Tile) whose operators, and the functions of the language, are
evaluated by the compiler and the interpreter: each operation is a small kernel, compiled once for its types. So they mean the same as in a launch,
and nothing is defined twice. Loads and stores are done here, where they are checked and recorded.
"""
import ast
import ctypes
import json
import linecache
import os
import re
import sys
import types
import weakref

import numpy

from . import _core, _launch, inspection, language
from .errors import CompileError, LaunchError
from .jit import JITFunction, jit
from .language import _values
from .language._values import DTYPES, block_type, constexpr, dtype, pointer_type

# NumPy has no type for the narrow floats: their values, which float32 represents, are shown.
_NUMPY = {d: numpy.dtype(numpy.bool_ if name == "int1" else name if name.lstrip("u").startswith(("int", "float16", "float32", "float64")) else numpy.float32) for name, d in DTYPES.items() if name != "void"}
_SPELLED = {d.spelled: d for d in DTYPES.values()}
_NAMED = {d.name: d for d in DTYPES.values()}


class Tile(numpy.ndarray, _values.tensor):
    """A tile, or a scalar, of a kernel that is debugged. In the kernel its operators are Triton's; to NumPy it is an array. Pointers are addresses."""

    __hash__ = None

    def __new__(cls, values, type):
        made = numpy.ndarray.view(numpy.asarray(values), cls)
        made._type = type
        return made

    def __init__(self, values, type):
        pass

    def __array_finalize__(self, other):
        self._type = getattr(other, "_type", None)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return getattr(ufunc, method)(*map(_plain, inputs), **kwargs)

    def __array_function__(self, function, types, args, kwargs):
        return function(*_plain(args), **_plain(kwargs))

    def __repr__(self):
        return repr(_array(self)) if self.ndim else repr(_array(self)[()])

    def __str__(self):
        return str(_array(self))

    def __format__(self, how):
        return format(_array(self)[()] if not self.ndim else str(self), how)

    def __bool__(self):
        if self.size > 1:
            raise TypeError(f"the truth of a tile of shape {self.shape} is not known: combine tiles with &, | and ~, and select with tl.where")
        return bool(_array(self))

    def __getitem__(self, index):
        parts = index if isinstance(index, tuple) else (index, )
        if not all(p is None or isinstance(p, slice) and p == slice(None) for p in parts):  # in a debugger
            return _array(self)[index]
        return _run().evaluate("{0}[" + ", ".join("None" if p is None else ":" for p in parts) + "]", [self])

    dtype = property(lambda self: self._type)
    type = property(lambda self: block_type(self._type, self.shape) if self.ndim else self._type)
    numel = property(lambda self: self.size)
    T = property(lambda self: _run().evaluate("{0}.T", [self]))


def _array(tile):
    return numpy.ndarray.view(tile, numpy.ndarray)


def _plain(value):
    if isinstance(value, Tile):
        return _array(value)
    if isinstance(value, (tuple, list)):
        return type(value)(map(_plain, value))
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value


def _operators():
    for name, sign in (("add", "+"), ("sub", "-"), ("mul", "*"), ("truediv", "/"), ("floordiv", "//"), ("mod", "%"), ("and", "&"), ("or", "|"), ("xor", "^"), ("lshift", "<<"), ("rshift", ">>")):
        forward = lambda self, other, text="{0} " + sign + " {1}": _run().evaluate(text, [self, other])
        setattr(Tile, f"__{name}__", forward)
        setattr(Tile, f"__i{name}__", forward)  # a new tile: another name may refer to the old one
        setattr(Tile, f"__r{name}__", lambda self, other, text="{1} " + sign + " {0}": _run().evaluate(text, [self, other]))
    for name, sign in (("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">="), ("eq", "=="), ("ne", "!=")):
        setattr(Tile, f"__{name}__", lambda self, other, text="{0} " + sign + " {1}": _run().evaluate(text, [self, other]))
    for name, text in (("neg", "-{0}"), ("invert", "~{0}"), ("abs", "tl.abs({0})")):
        setattr(Tile, f"__{name}__", lambda self, text=text: _run().evaluate(text, [self]))
    Tile.__pos__ = lambda self: self
    for name in ("to cast broadcast_to trans permute split view reshape expand_dims exp exp2 log log2 cos sin sqrt sqrt_rn rsqrt abs erf floor ceil reduce associative_scan gather histogram cdiv sigmoid "
                 "softmax ravel max argmax min argmin sum xor_sum reduce_or cumsum cumprod sort flip item logical_and logical_or").split():
        setattr(Tile, name, lambda self, *args, name=name, **kwargs: _run().method(self, name, args, kwargs))
    for name in ("store", "atomic_cas", "atomic_xchg", "atomic_add", "atomic_max", "atomic_min", "atomic_and", "atomic_or", "atomic_xor"):
        setattr(Tile, name, lambda self, *args, name=name, **kwargs: _run().call(getattr(language, name), (self, *args), kwargs))


_operators()


def _run():
    if _values.running is None:
        raise RuntimeError("operators of tiles work while nereid.debug runs the kernel: use numpy.asarray(tile)")
    return _values.running


class Write:
    """A store or an atomic operation that wrote an element. `value` is what it wrote; None for atomic operations."""

    def __init__(self, program, function, file, line, operation, value=None):
        self.program, self.function, self.file, self.line, self.operation, self.value = program, function, file, line, operation, value

    @property
    def source(self):
        return linecache.getline(self.file, self.line).strip()

    def __repr__(self):
        value = "" if self.value is None else f" wrote {self.value}"
        return f"program {self.program}{value} at {os.path.basename(self.file)}:{self.line}, in {self.function}: {self.source}"


class Watched:
    """An access that a watch-point found: an element of an array, before and after."""

    def __init__(self, write, name, index, before, after, frame):
        self.write, self.name, self.index, self.before, self.after, self.frame = write, name, index, before, after, frame

    def __repr__(self):
        return f"{self.name}[{', '.join(map(str, self.index))}]: {self.before} -> {self.after}: {self.write}"


class _Region:
    """The memory of an array argument."""

    def __init__(self, name, array):
        self.name, self.base, self.size, self.array = name, array.base, array.bytes, array
        self.bytes = numpy.frombuffer((ctypes.c_uint8 * max(self.size, 1)).from_address(self.base), numpy.uint8) if self.size else numpy.zeros(0, numpy.uint8)
        self.events = []  # (write, sorted byte offsets, element size, values)
        self.owner = None
        try:
            self.owner = weakref.ref(array.object)
        except TypeError:
            pass

    def index(self, offset):
        """The element at a byte offset from the base."""
        at, out = (self.base + offset - self.array.data) // self.array.element, []
        order = sorted(range(len(self.array.shape)), key=lambda d: -abs(self.array.strides[d]))
        found = [0] * len(order)
        for d in order:
            stride = self.array.strides[d]
            if stride:
                found[d] = min(max(at // stride, 0), self.array.shape[d] - 1)
                at -= found[d] * stride
        out += found
        return tuple(out)


_written = []  # regions of all launches that were debugged, the newest last


class Run:
    """One launch that is debugged."""

    def __init__(self, kernel, watch=(), on_watch=None, only=None):
        self.kernel, self.only = kernel, only
        self.program, self.grid = (0, 0, 0), (1, 1, 1)
        self.codes, self.functions, self.regions = {}, {}, []
        self._watches, self._on_watch = list(watch), on_watch or self._stop_at
        self._ops = _ops
        self._modules = {"triton.language": language, "triton.language.math": language.math}

    # ---- operations

    def evaluate(self, text, operands, memory=None, bound=None):
        """The value of an expression: `text` refers to operands by number. `memory` is an array that the expression can write, named MEMORY; `bound` are
        objects that it can name."""
        tiles, constants, names = [], {}, []
        for value in operands:
            value = value.value if isinstance(value, constexpr) else value
            if isinstance(value, Tile):
                names.append(f"A{len(tiles)}")
                tiles.append(value)
            elif isinstance(value, float) and value - value != 0:
                names.append(f'float("{value}")')
            elif value is None or isinstance(value, (bool, int, float, str)):
                names.append(f"({value!r})" if isinstance(value, (int, float)) and value < 0 else repr(value))
            elif isinstance(value, dtype):
                names.append(f"tl.{value.attribute}")
            else:
                names.append(f"C{len(constants)}")
                constants[names[-1]] = value
        text = text.format(*names)
        key = text, tuple((str(t._type), t.shape) for t in tiles), tuple(map(id, constants.values())), memory is not None and (str(memory[0]), memory[1].shape), bound and tuple(map(id, bound.values()))
        op = self._ops.get(key)
        if op is None:
            op = self._ops[key] = _Operation(text, tiles, constants, memory, bound)
        return op(tiles, memory)

    def _spelled(self, value, operands):
        """An argument as text: tuples are expanded, so that each of their items is an operand."""
        if isinstance(value, (tuple, list)) and not hasattr(value, "_fields"):
            return "(" + "".join(self._spelled(v, operands) + ", " for v in value) + ")"
        operands.append(value)
        return "{" + str(len(operands) - 1) + "}"

    def _arguments(self, args, kwargs, operands):
        return ", ".join([self._spelled(a, operands) for a in args] + [f"{k}={self._spelled(v, operands)}" for k, v in kwargs.items()])

    def method(self, tile, name, args, kwargs):
        operands = [tile]
        return self.evaluate("{0}." + f"{name}({self._arguments(args, kwargs, operands)})", operands)

    def call(self, builtin, args, kwargs):
        """A function of the language."""
        name = builtin.__name__
        own = getattr(self, f"_{name}", None) if builtin.module == "triton.language" else None
        if own is None and name.startswith("atomic_"):
            return self._atomic(builtin, *args, **kwargs)
        if own:
            return own(*args, **kwargs)
        operands = []
        return self.evaluate(f"F({self._arguments(args, kwargs, operands)})", operands, bound={"F": builtin})

    def cast(self, value, to):
        if isinstance(value, Tile) and value._type == to:
            return value
        return self.evaluate("tl.cast({0}, {1})", [value if isinstance(value, Tile) else self._to_tensor(value), to])

    def _program_id(self, axis):
        return Tile(numpy.int32(self.program[_number(axis)]), DTYPES["int32"])

    def _num_programs(self, axis):
        return Tile(numpy.int32(self.grid[_number(axis)]), DTYPES["int32"])

    def _to_tensor(self, x):
        return x if isinstance(x, Tile) else self.evaluate("tl.to_tensor({0})", [x])

    def _range(self, first, end=None, step=None, **_):
        first, end = (0, first) if end is None else (first, end)
        wide = any(isinstance(v, Tile) and v._type.primitive_bitwidth == 64 for v in (first, end, step))
        kind = DTYPES["int64" if wide else "int32"]
        for i in range(*map(_number, (first, end, 1 if step is None else step))):
            yield Tile(_NUMPY[kind].type(i), kind)

    def _static_range(self, first, end=None, step=None):
        return range(*map(_number, (0, first) if end is None else (first, end)), *([] if step is None else [_number(step)]))

    def _condition(self, value, **_):
        return value

    def _assume(self, cond):
        pass

    def _debug_barrier(self):
        pass

    def _multiple_of(self, input, values):
        return input

    _max_contiguous = _max_constancy = _multiple_of

    def _static_assert(self, cond, msg=None):
        if not cond:
            raise AssertionError(msg or "static_assert failed")

    def _static_print(self, *values, **kwargs):
        print(*values, **kwargs)

    def _device_print(self, prefix, *args, hex=None):
        for value in args or ("", ):
            print(f"pid ({', '.join(map(str, self.program))}){prefix if prefix[:1] == ' ' else ' ' + prefix}{': ' if args else ''}{value}")

    def _device_assert(self, cond, msg=None, mask=None):
        good = numpy.asarray(_plain(cond)) | ~numpy.asarray(True if mask is None else _plain(mask))
        if not good.all():
            write = self._place("device_assert")
            raise LaunchError(f"{os.path.basename(write.file)}:{write.line}: assertion failed in program {self.program}{': ' + msg if msg else ''}")

    # ---- memory

    def _load(self, pointer, mask=None, other=None, boundary_check=(), padding_option="", **_):
        if isinstance(pointer, BlockPointer):
            return pointer.load(self, boundary_check, padding_option)
        element = _element(pointer)
        addresses, mask = self._lanes(pointer, mask)
        filler = None if other is None else _plain(self.cast(other, element))
        bits = self._gather(addresses, mask, element)
        values = self._decoded(bits, element)
        if filler is not None:
            values = numpy.where(mask, values, filler)
        return Tile(values.astype(_NUMPY[element]) if not element.is_ptr() else values, element)

    def _store(self, pointer, value, mask=None, boundary_check=(), **_):
        if isinstance(pointer, BlockPointer):
            return pointer.store(self, value, boundary_check)
        element = _element(pointer)
        addresses, mask = self._lanes(pointer, mask)
        value = self.cast(value, element)
        values = numpy.broadcast_to(_plain(value), addresses.shape)
        self._scatter(addresses, mask, element, self._encoded(values, element), self._place("store"), values)

    def _atomic(self, builtin, pointer, *args, mask=None, sem=None, scope=None, **kwargs):
        """On a copy of the elements that it touches, each once."""
        names = ("cmp", "val") if builtin.__name__ == "atomic_cas" else ("val", "mask", "sem", "scope")
        given = {**dict(zip(names, args)), **kwargs}
        mask = given.get("mask", mask)
        element = _element(pointer)
        addresses, mask = self._lanes(pointer, mask)
        unique, inverse = numpy.unique(addresses, return_inverse=True)
        touched = numpy.zeros(unique.shape, bool)
        numpy.logical_or.at(touched, inverse.reshape(-1), mask.reshape(-1))
        bits = self._gather(unique, touched, element)
        memory = bits.copy()
        offsets = Tile(inverse.reshape(addresses.shape).astype(numpy.int32), DTYPES["int32"])
        operands = [offsets] + [self._to_tensor(given[n]) for n in names if n in ("cmp", "val")]
        text = "F(MEMORY + {0}, {1}, {2})"
        if builtin.__name__ != "atomic_cas":
            operands.append(Tile(mask if addresses.shape else mask[()], DTYPES["int1"]))
            text = "F(MEMORY + {0}, {1}, mask={2})"
        old = self.evaluate(text, operands, memory=(element, memory), bound={"F": builtin})
        self._scatter(unique, touched, element, memory, self._place(builtin.__name__), None)
        return old

    def _lanes(self, pointer, mask):
        """Addresses and mask, in one shape."""
        if not isinstance(pointer, Tile) or not pointer._type.is_ptr():
            raise TypeError(f"expected a pointer, but got {pointer!r}")
        mask = numpy.asarray(True if mask is None else _plain(mask), dtype=bool)
        shape = numpy.broadcast_shapes(pointer.shape, mask.shape)
        return numpy.broadcast_to(_plain(pointer), shape).astype(numpy.int64), numpy.broadcast_to(mask, shape)

    def _found(self, addresses, mask, size, verb):
        """(region, which lanes) for all lanes; raises for an address that is in no array."""
        flat, wanted = addresses.reshape(-1), mask.reshape(-1)
        left = wanted.copy()
        for region in self.regions:
            inside = left & (flat >= region.base) & (flat + size <= region.base + region.size)
            if inside.any():
                left &= ~inside
                yield region, numpy.flatnonzero(inside)
        if left.any():
            lane = numpy.flatnonzero(left)[0]
            near = min(self.regions, key=lambda r: min(abs(flat[lane] - r.base), abs(flat[lane] - r.base - r.size)), default=None)
            where = self._place(verb)
            element = f", element {(int(flat[lane]) - near.array.data) // near.array.element} of `{near.name}`, whose shape is {tuple(near.array.shape)}" if near else ""
            lane = tuple(map(int, numpy.unravel_index(lane, addresses.shape))) if addresses.shape else ()
            raise LaunchError(f"{os.path.basename(where.file)}:{where.line}: program {self.program} {verb}s outside of all arrays{f' in lane {lane}' if lane else ''}{element}")

    def _gather(self, addresses, mask, element):
        size = _bytes(element)
        out = numpy.zeros((addresses.size, size), numpy.uint8)
        for region, lanes in self._found(addresses, mask, size, "load"):
            offsets = addresses.reshape(-1)[lanes] - region.base
            out[lanes] = region.bytes[offsets[:, None] + numpy.arange(size)]
        return out.reshape(-1).view(f"u{size}").reshape(addresses.shape)

    def _scatter(self, addresses, mask, element, bits, write, values):
        size = _bytes(element)
        data = numpy.ascontiguousarray(bits).reshape(-1).view(numpy.uint8).reshape(-1, size)
        for region, lanes in self._found(addresses, mask, size, "store"):
            if region.array.read_only:
                _launch.refuse_read_only(region.name)
            offsets = addresses.reshape(-1)[lanes] - region.base
            hits = [(name, index, at) for name, index, first, at in self._watches if first == region.base and (offsets == at).any()]
            before = [self._element_at(region, at) for *_, at in hits]
            region.bytes[offsets[:, None] + numpy.arange(size)] = data[lanes]
            region.events.append((write, offsets, None if values is None else values.reshape(-1)[lanes].copy()))
            for (name, index, at), old in zip(hits, before):
                self._on_watch(Watched(write, name, index, old, self._element_at(region, at), self._frame()))

    def _element_at(self, region, offset):
        kind = _SPELLED[region.array.type]
        size = region.array.element
        return self._decoded(region.bytes[offset:offset + size].copy().view(f"u{size}"), kind)[0]

    def _decoded(self, bits, element):
        """Values of the bits in memory."""
        if element.is_ptr():
            return bits.astype(numpy.int64)
        if element.is_bool():
            return bits != 0
        if element.name == "bf16":
            return (bits.astype(numpy.uint32) << 16).view(numpy.float32)
        if element.is_fp8():
            return _plain(self.evaluate("{0}.to({1}, bitcast=True).to(tl.float32)", [Tile(bits, DTYPES["uint8"]), element]))
        return bits.view(_NUMPY[element])

    def _encoded(self, values, element):
        if element.is_ptr():
            return values.astype(numpy.uint64)
        if element.is_bool():
            return values.astype(numpy.uint8)
        if element.name == "bf16":
            return (numpy.ascontiguousarray(values, numpy.float32).view(numpy.uint32) >> 16).astype(numpy.uint16)
        if element.is_fp8():
            return _plain(self.evaluate("{0}.to({1}).to(tl.uint8, bitcast=True)", [Tile(numpy.ascontiguousarray(values), DTYPES["float32"]), element]))
        return numpy.ascontiguousarray(values, _NUMPY[element])

    # ---- descriptors and block pointers

    def _make_block_ptr(self, base, shape, strides, offsets, block_shape, order):
        return BlockPointer(base, shape, strides, offsets, block_shape)

    def _advance(self, base, offsets):
        return BlockPointer(base.base, base.sizes, base.strides, [_number(a) + _number(b) for a, b in zip(base.offsets, offsets)], base.block_shape)

    def _make_tensor_descriptor(self, base, shape, strides, block_shape, padding_option="zero"):
        return Descriptor(base, shape, strides, block_shape, padding_option)

    def _load_tensor_descriptor(self, desc, offsets):
        return desc.load(offsets)

    def _store_tensor_descriptor(self, desc, offsets, value):
        return desc.store(offsets, value)

    # ---- frames

    def _frame(self):
        """The innermost frame of a kernel's function."""
        frame = sys._getframe(1)
        while frame and frame.f_code not in self.codes:
            frame = frame.f_back
        return frame

    def _place(self, operation):
        frame = self._frame()
        if frame is None:
            return Write(self.program, self.kernel.__name__, "", 0, operation)
        return Write(self.program, frame.f_code.co_name, frame.f_code.co_filename, frame.f_lineno, operation)

    @staticmethod
    def _stop_at(watched):
        import pdb
        print(watched)
        pdb.Pdb().set_trace(watched.frame)

    # ---- functions

    def function(self, kernel):
        """The Python function of a kernel or helper, with the names of the language bound for debugging."""
        found = self.functions.get(id(kernel))
        if found is None:
            fn = kernel.fn
            names = dict(fn.__globals__)
            for name, value in list(names.items()):
                if isinstance(value, types.ModuleType) and (replaced := _own_module(value)):
                    names[name] = replaced
                elif type(value).__name__ == "JITFunction" and not isinstance(value, JITFunction):  # stock Triton's
                    names[name] = inspection._kernel(value)
            names["range"] = self._range
            if self.only is not None:
                names["breakpoint"] = self._breakpoint
            found = types.FunctionType(fn.__code__, names, fn.__name__, fn.__defaults__, fn.__closure__)
            found.__kwdefaults__ = fn.__kwdefaults__
            self.functions[id(kernel)] = found
            self.codes[fn.__code__] = kernel
        return found

    def _breakpoint(self, *args, **kwargs):
        if self.program == self.only:
            import pdb
            pdb.Pdb().set_trace(sys._getframe(1))

    def invoke(self, kernel, args, kwargs):
        """A call of a helper."""
        return self.function(kernel)(*args, **kwargs)

    # ---- the launch

    def launch(self, grid, args, kwargs, around=lambda run: run()):
        kernel = self.kernel
        call = kernel._call(args, kwargs)
        kernel._check_strides(call)
        values = kernel.bind(*args, **kwargs)
        self.grid = _launch.grid_of(grid(values) if callable(grid) else grid)
        names = {k: p for k, p in enumerate(self._names(call))}
        merged = {}
        for k, array in call.arrays.items():
            known = merged.get(array.base)
            if known is None or array.bytes > known[1].bytes:
                merged[array.base] = (names[k], array)
        self.regions = [_Region(name, array) for name, array in merged.values()]
        self._watches = [self._watch(*w) for w in self._watches]
        bits = iter(call.bits)
        inputs = {p.name: self._argument(item, value, bits, p) for p, item, value in zip(kernel._parameters, call.items, call.values)}
        if _values.running is not None:
            raise RuntimeError("nereid.debug is running a kernel already")
        function = self.function(kernel)
        _values.running = self
        try:
            for z in range(self.grid[2]):
                for y in range(self.grid[1]):
                    for x in range(self.grid[0]):
                        self.program = x, y, z
                        around(lambda: function(**inputs))
        finally:
            _values.running = None
            _written.extend(self.regions)
            del _written[:-64]

    def _names(self, call):
        """For each argument of the compiled kernel, the name of its parameter."""
        for p, item in zip(self.kernel._parameters, call.items):
            count = item.count("[") and (2 * (item.count(",") + 1) + 1) if item.startswith("tensordesc") else len(_leaves(item))
            for _ in range(count):
                yield p.name

    def _watch(self, array, index=()):
        about = _launch._array(array)
        if about is None:
            raise TypeError(f"a watch-point is an array and an index, but got {array!r}")
        index = index if isinstance(index, tuple) else (index, )
        at = about.data + about.element * sum((i + n if i < 0 else i) * s for i, n, s in zip(index, about.shape, about.strides))
        for region in self.regions:
            if region.base <= at < region.base + region.size:
                return region.name, index, region.base, at - region.base
        raise ValueError("the array of a watch-point must be an argument of the launch")

    def _argument(self, item, value, bits, parameter):
        if item == "" or item == "None":
            return value.value if isinstance(value, constexpr) else value
        if item == "1":
            return 1
        if item.startswith("("):
            return tuple(self._argument(i, v, bits, parameter) for i, v in zip(_split(item), value))
        if item.startswith("tensordesc"):
            base = Tile(numpy.int64(next(bits)), pointer_type(_SPELLED[item[len("tensordesc<"):item.index("[")]]))
            rank = len(value.block_shape)
            numbers = [next(bits) for _ in range(2 * rank)]
            return Descriptor(base, numbers[:rank], numbers[rank:], list(value.block_shape), getattr(value, "padding", "zero"))
        name = item.partition(":")[0]
        if name.startswith("*"):
            return Tile(numpy.int64(next(bits)), _pointer_to(name))
        try:
            kind = _SPELLED[name]
        except KeyError:  # a constant in a tuple
            return value
        return Tile(numpy.asarray(self._decoded(numpy.array([next(bits)], numpy.uint64).view(numpy.uint8)[:_bytes(kind)].copy().view(f"u{_bytes(kind)}"), kind))[0], kind)


_ops = {}  # operations, by text and types


def _own_module(module):
    name = module.__name__
    if name == "triton.language" or name.startswith("triton.language."):
        return sys.modules.get("nereid" + name[len("triton"):]) or language
    return None


def _pointer_to(name):
    name = name[1:].removeprefix("k")
    return pointer_type(_pointer_to(name) if name.startswith("*") else _SPELLED[name])


def _split(item):
    from .jit import split_signature
    return split_signature(item[1:-1])


def _leaves(item):
    """The items of the compiled kernel's arguments in an item."""
    if item in ("", "1", "None"):
        return []
    if item.startswith("("):
        return [leaf for part in _split(item) for leaf in _leaves(part)]
    name = item.partition(":")[0]
    return [item] if name.startswith("*") or name in _SPELLED else []


def _number(value):
    value = value.value if isinstance(value, constexpr) else value
    return int(_plain(value)) if isinstance(value, Tile) else value


def _element(pointer):
    if not isinstance(pointer, Tile) or not hasattr(pointer._type, "element_ty"):
        raise TypeError(f"expected a pointer, but got {pointer!r}")
    return pointer._type.element_ty


def _bytes(element):
    return 8 if element.is_ptr() else element.itemsize


class _Block:
    """A block of an array."""

    def __init__(self, base, shape, strides, block_shape):
        self.base, self.sizes, self.strides, self.block_shape = base, list(shape), list(strides), [_number(n) for n in block_shape]
        self.dtype = base._type.element_ty

    def lanes(self, offsets, checked):
        addresses, inside = numpy.int64(_plain(self.base)), numpy.asarray(True)
        rank = len(self.block_shape)
        for d, size in enumerate(self.block_shape):
            at = (_number(offsets[d]) + numpy.arange(size, dtype=numpy.int64)).reshape([size if k == d else 1 for k in range(rank)])
            addresses = addresses + at * _number(self.strides[d]) * _bytes(self.dtype)
            if d in checked:
                inside = inside & (at >= 0) & (at < _number(self.sizes[d]))
        return Tile(addresses, self.base._type), Tile(numpy.broadcast_to(inside, addresses.shape), DTYPES["int1"])

    def _loaded(self, run, offsets, checked, padding):
        pointers, mask = self.lanes(offsets, checked)
        return run._load(pointers, mask, float("nan") if padding == "nan" else None)


class BlockPointer(_Block):

    def __init__(self, base, shape, strides, offsets, block_shape):
        super().__init__(base, shape, strides, block_shape)
        self.offsets = list(offsets)
        self.type = pointer_type(block_type(self.dtype, self.block_shape))

    def load(self, run, checked, padding):
        return self._loaded(run, self.offsets, [_number(d) for d in (checked or ())], padding)

    def store(self, run, value, checked):
        pointers, mask = self.lanes(self.offsets, [_number(d) for d in (checked or ())])
        run._store(pointers, value, mask)


class Descriptor(_Block):

    def __init__(self, base, shape, strides, block_shape, padding="zero"):
        super().__init__(base, shape, strides, block_shape)
        self.padding, self.shape = padding or "zero", self.sizes

    def load(self, offsets):
        return self._loaded(_run(), offsets, range(len(self.block_shape)), self.padding)

    def store(self, offsets, value):
        pointers, mask = self.lanes(offsets, range(len(self.block_shape)))
        _run()._store(pointers, value, mask)

    def _rows(self, x_offsets, y_offset):
        rows = numpy.asarray(_plain(x_offsets), numpy.int64)[:, None]
        columns = (_number(y_offset) + numpy.arange(self.block_shape[1], dtype=numpy.int64))[None, :]
        addresses = numpy.int64(_plain(self.base)) + (rows * _number(self.strides[0]) + columns * _number(self.strides[1])) * _bytes(self.dtype)
        inside = (rows >= 0) & (rows < _number(self.sizes[0])) & (columns >= 0) & (columns < _number(self.sizes[1]))
        return Tile(addresses, self.base._type), Tile(inside, DTYPES["int1"])

    def gather(self, x_offsets, y_offset):
        pointers, mask = self._rows(x_offsets, y_offset)
        return _run()._load(pointers, mask, float("nan") if self.padding == "nan" else None)

    def scatter(self, value, x_offsets, y_offset):
        pointers, mask = self._rows(x_offsets, y_offset)
        _run()._store(pointers, value, mask)


def _descriptor_atomics():
    for name in ("add", "max", "min", "and", "or", "xor"):

        def atomic(self, offsets, value, name=name):
            pointers, mask = self.lanes(offsets, range(len(self.block_shape)))
            _run()._atomic(getattr(language, f"atomic_{name}"), pointers, value, mask)

        setattr(Descriptor, f"atomic_{name}", atomic)


_descriptor_atomics()


class _Operation:
    """An expression, as a kernel for the interpreter."""
    _count = 0

    def __init__(self, text, tiles, constants, memory, bound):
        self._kinds = [t._type for t in tiles]
        self._inputs = [f"A{k}" for k in range(len(tiles))]
        parameters = [f"P{k}" for k in range(len(tiles))] + (["MEMORY"] if memory else [])
        lines = [f"    A{k} = {self._loaded(k, t)}" for k, t in enumerate(tiles)]
        self._signature = [_spelled_input(t._type) for t in tiles] + ([_spelled_input(memory[0], True)] if memory else [])
        printed = []
        self._compile(parameters, [*lines, f"    tl.static_print(({text}, ))"], [], constants, bound, printed.append, True)
        self._results, self._tuple = _parse_types([line for line in "\n".join(printed).splitlines() if line.strip()][-1])
        self._outputs = [r for r in self._results if isinstance(r, _Kind)]
        if not self._outputs and not memory:
            self._kernel = None
            return
        lines.append(f"    R = {text}")
        k = 0
        for i, r in enumerate(self._results):
            if isinstance(r, _Kind):
                lines.append("    " + _stored(f"O{k}", f"R[{i}]" if self._tuple else "R", *r))
                k += 1
        outputs = [f"O{k}" for k in range(len(self._outputs))]
        self._kernel = self._compile([*parameters, *outputs], lines, [_spelled_input(kind) for kind, _ in self._outputs], constants, bound, lambda _: None, False)

    @staticmethod
    def _loaded(k, tile):
        out = f"tl.load(P{k})" if not tile.ndim else f"tl.load(P{k} + {_offsets(tile.shape)})"
        if tile._type.is_ptr():
            return f"{out}.to({_type_text(tile._type)}, bitcast=True)"
        return out if _natural(tile._type) else f"{out}.to(tl.{tile._type.attribute})"

    def _compile(self, parameters, lines, outputs, constants, bound, write, only_types):
        _Operation._count += 1
        name = f"<nereid.debug operation {_Operation._count}>"
        source = f"def operation({', '.join(parameters + [f'{c}: tl.constexpr' for c in constants])}):\n" + "\n".join(lines) + "\n"
        linecache.cache[name] = len(source), None, source.splitlines(True), name
        names = {"tl": language, **(bound or {})}
        exec(compile(source, name, "exec"), names)
        kernel = jit(names["operation"])
        request = kernel._request(self._signature + outputs + [""] * len(constants), constants, False, "interp") | {"print": write}
        try:
            return _core.emit(**{k: v for k, v in request.items() if k != "target"}, stage="ttir") if only_types else _core.compile(**request)
        except CompileError as e:
            found = e.diagnostics[0] if e.diagnostics else {"text": str(e), "id": "", "hint": ""}
            hint = f"\nhint: {found['hint']}" if found["hint"] else ""
            raise CompileError(f"error: {found['text']} [{found['id']}]{hint}", json.dumps(e.diagnostics)) from None
        finally:
            del linecache.cache[name]

    def __call__(self, tiles, memory):
        arrays = [numpy.ascontiguousarray(_array(t)) for t in tiles] + ([memory[1]] if memory else [])
        outputs = [numpy.zeros(shape, numpy.int64 if kind.is_ptr() else _NUMPY[kind]) for kind, shape in self._outputs]
        if self._kernel is not None:
            everything = arrays + outputs
            shapes = [(a.ctypes.data, max(a.nbytes, 1), a.itemsize, list(a.shape), [s // a.itemsize for s in a.strides], False) for a in everything]
            self._kernel.launch((1, 1, 1), [(a.ctypes.data, max(a.nbytes, 1)) for a in everything], shapes=shapes)
        made = iter(Tile(o if shape else o[()], kind) for (kind, shape), o in zip(self._outputs, outputs))
        results = [next(made) if isinstance(r, _Kind) else r for r in self._results]
        return tuple(results) if self._tuple else results[0]


def _natural(kind):
    return kind.is_ptr() or _NUMPY[kind].kind != "f" or not kind.is_floating() or kind.primitive_bitwidth == _NUMPY[kind].itemsize * 8


def _spelled_input(kind, raw=False):
    """The signature's item of an array that holds values of a type."""
    if kind.is_ptr():
        return "*i64"
    return "*" + (kind.spelled if raw or _natural(kind) else "fp32")


def _type_text(kind):
    return f"tl.pointer_type({_type_text(kind.element_ty)})" if kind.is_ptr() else f"tl.{kind.attribute}"


def _offsets(shape):
    return f"tl.reshape(tl.arange(0, {int(numpy.prod(shape))}), {tuple(shape)})"


def _stored(pointer, value, kind, shape):
    value = f"{value}.to(tl.int64, bitcast=True)" if kind.is_ptr() else value if _natural(kind) else f"{value}.to(tl.float32)"
    return f"tl.store({pointer}, {value})" if not shape else f"tl.store({pointer} + {_offsets(shape)}, {value})"


_TYPE = re.compile(r"((?:pointer<)*)([a-z]+[a-z0-9]*)(>*)\[([0-9, ]*)\]")


class _Kind(tuple):
    """The type and shape of a result."""


def _parse_types(text):
    """The results, and whether they are a tuple, from what static_print shows of a tuple with the result: types with shapes, or values."""
    spelled = _TYPE.sub(lambda m: repr(("type", m[1].count("pointer"), m[2], tuple(int(n) for n in m[4].split(",") if n.strip()))), text.strip())

    def made(value):
        if isinstance(value, tuple) and value[:1] == ("type", ):
            kind = _NAMED[value[2]]
            for _ in range(value[1]):
                kind = pointer_type(kind)
            return _Kind((kind, value[3]))
        return tuple(map(made, value)) if isinstance(value, tuple) else value

    result = made(ast.literal_eval(spelled)[0])
    several = isinstance(result, tuple) and not isinstance(result, _Kind)
    return list(result) if several else [result], several


# ---- the interface


class Debug:
    """The result of nereid.debug: launched like the kernel."""

    def __init__(self, kernel, watch, on_watch, program):
        self._outer, self._watch, self._on_watch, self._program = kernel, watch, on_watch, program

    def __getitem__(self, grid):

        def launch(*args, **kwargs):
            kernel, kwargs_all = inspection.resolved(self._outer, args, kwargs)
            Run(kernel, self._watch, self._on_watch, self._program).launch(grid, args, kwargs_all)

        return launch


def debug(kernel, watch=(), on_watch=None, program=None):
    """Launches of the result, as in nereid.debug(kernel)[grid](...), run the kernel's function in Python, one program after the other: breakpoint() stops in it,
    debuggers step through it, and tiles are NumPy arrays.

    `watch` is a list of (array, index): a store or atomic operation to one of these elements stops in the debugger, or calls on_watch(watched). With `program`,
    breakpoint() stops in that program alone."""
    watch = [watch] if isinstance(watch, tuple) and watch and not isinstance(watch[0], tuple) else list(watch)
    return Debug(kernel, watch, on_watch, program and tuple(program) + (0, ) * (3 - len(program)))


class Step:
    """A name that got a value at a line."""

    def __init__(self, function, file, line, name, value):
        self.function, self.file, self.line, self.name, self.value = function, file, line, name, value

    @property
    def source(self):
        return linecache.getline(self.file, self.line).strip()

    def __repr__(self):
        text = numpy.array2string(self.value, threshold=8, edgeitems=2, separator=", ") if isinstance(self.value, numpy.ndarray) else repr(self.value)
        return f"{os.path.basename(self.file)}:{self.line}: {self.name} = {' '.join(text.split())}"


class Trace(list):
    """The steps of a program. trace["x"] is the last value of x; trace.values("x") are all, with their lines."""

    def __getitem__(self, key):
        if not isinstance(key, str):
            return super().__getitem__(key)
        found = self.values(key)
        if not found:
            raise KeyError(f"no variable `{key}` got a value; there are {', '.join(sorted({s.name for s in self}))}")
        return found[-1][1]

    def values(self, name):
        return [(s.line, s.value) for s in self if s.name == name]

    def __repr__(self):
        return "\n".join(map(repr, self))


def trace(kernel, *args, grid, program=(0, 0, 0), **kwargs):
    """Launches a kernel like nereid.debug, and returns every value that a variable got in one program, with its line: a list of steps."""
    kernel, kwargs = inspection.resolved(kernel, args, kwargs)
    wanted = tuple(program) + (0, ) * (3 - len(program)) if isinstance(program, (tuple, list)) else (program, 0, 0)
    run, steps = Run(kernel), Trace()

    def traced(call):
        if run.program != wanted:
            return call()
        known = {}  # by frame: line, and the objects that names refer to

        def look(frame, event, _):
            if event == "call":
                if frame.f_code not in run.codes:
                    return None
                known[frame] = [frame.f_lineno, {}]
                for name, value in frame.f_locals.items():
                    known[frame][1][name] = value
                    steps.append(Step(frame.f_code.co_name, frame.f_code.co_filename, frame.f_lineno, name, _shown(value)))
                return look
            line, before = known[frame]
            for name, value in frame.f_locals.items():
                if name not in before or before[name] is not value:
                    before[name] = value
                    steps.append(Step(frame.f_code.co_name, frame.f_code.co_filename, line, name, _shown(value)))
            known[frame][0] = frame.f_lineno
            if event == "return":
                del known[frame]
            return look

        before = sys.gettrace()
        sys.settrace(look)
        try:
            call()
        finally:
            sys.settrace(before)

    run.launch(grid, args, kwargs, traced)
    if not any(run.grid[d] > wanted[d] for d in range(3)) or any(wanted[d] >= run.grid[d] for d in range(3)):
        raise ValueError(f"program {wanted} is not in the grid {run.grid}")
    return steps


def _shown(value):
    if not isinstance(value, Tile):
        return value
    return numpy.array(_array(value)) if value.ndim else _array(value)[()]


def who_wrote(array, index):
    """The writes to an element in launches by nereid.debug and nereid.trace, the last one last: program, function, file, line and value of each."""
    about = _launch._array(array)
    if about is None:
        raise TypeError(f"expected an array, but got {array!r}")
    index = tuple(index) if isinstance(index, (tuple, list)) else (index, )
    if len(index) != len(about.shape):
        raise IndexError(f"the array has {len(about.shape)} axes, but the index is {index}")
    for i, n in zip(index, about.shape):
        if not -n <= i < n:
            raise IndexError(f"index {index} is outside of the shape {tuple(about.shape)}")
    at = about.data + about.element * sum((i + n if i < 0 else i) * s for i, n, s in zip(index, about.shape, about.strides))
    regions = [r for r in _written if r.base <= at < r.base + r.size and (r.owner is None or r.owner() is not None)]
    if not regions:
        raise ValueError("no launch by nereid.debug or nereid.trace had this array: launch the kernel with one of them first")
    out = []
    for region in regions:
        for write, offsets, values in region.events:
            for lane in numpy.flatnonzero(offsets == at - region.base):
                out.append(Write(write.program, write.function, write.file, write.line, write.operation, None if values is None else values[lane].item()))
    return out
