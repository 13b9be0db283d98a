# SPDX-License-Identifier: MIT
"""The values of `tl.*` in Python. Kernels are compiled from their source; outside of kernels these objects only represent names."""
import enum
import math


running = None  # the launch that nereid.debug runs


class constexpr:
    """Annotates a constant parameter, or wraps the value of a global constant."""

    def __init__(self, value):
        self.value = value.value if isinstance(value, constexpr) else value

    def __repr__(self):
        return f"constexpr[{self.value!r}]"

    def __hash__(self):
        return hash(self.value)

    def __bool__(self):
        return bool(self.value)

    def __index__(self):
        return self.value.__index__()

    def __int__(self):
        return int(self.value)

    def __float__(self):
        return float(self.value)

    def __call__(self, *args, **kwargs):
        return self.value(*args, **kwargs)

    def __getitem__(self, item):
        return constexpr(self.value[item.value if isinstance(item, constexpr) else item])


def _operators():
    import operator
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "lshift", "rshift"):
        function = getattr(operator, name + "_" if name in ("and", "or") else name)

        def forward(self, other, function=function):
            return constexpr(function(self.value, getattr(other, "value", other)))

        def backward(self, other, function=function):
            return constexpr(function(getattr(other, "value", other), self.value))

        setattr(constexpr, f"__{name}__", forward)
        setattr(constexpr, f"__r{name}__", backward)
    for name in ("lt", "le", "gt", "ge", "eq", "ne"):

        def compare(self, other, function=getattr(operator, name)):
            return function(self.value, getattr(other, "value", other))

        setattr(constexpr, f"__{name}__", compare)
    for name in ("neg", "pos", "invert"):

        def unary(self, function=getattr(operator, name)):
            return constexpr(function(self.value))

        setattr(constexpr, f"__{name}__", unary)


_operators()


class dtype:
    """A type of elements: tl.int32. `name` is Triton's, int32; `spelled` is how signatures write it, i32."""

    def __init__(self, spelled, attribute, bits, kind):
        self.spelled, self.attribute, self.primitive_bitwidth, self._kind = spelled, attribute, bits, kind
        self.name = spelled if kind in "fv" else attribute
        if kind in "iub":
            self.int_bitwidth, self.int_signedness = bits, dtype.SIGNEDNESS.SIGNED if kind == "i" else dtype.SIGNEDNESS.UNSIGNED
        if attribute in _FLOATS:
            self.fp_mantissa_width, self.exponent_bias = _FLOATS[attribute]

    class SIGNEDNESS(enum.Enum):
        SIGNED, UNSIGNED = 0, 1

    class KIND(enum.Enum):
        BOOLEAN, INTEGRAL, FLOATING = 0, 1, 2

    def __repr__(self):
        return f"tl.{self.attribute}"

    def __str__(self):
        return self.name

    def __hash__(self):
        return hash(self.name)

    def __eq__(self, other):
        return isinstance(other, dtype) and self.name == other.name

    def __reduce__(self):
        return _named, (self.attribute, )

    @property
    def itemsize(self):
        return max(self.primitive_bitwidth // 8, 1)

    def is_floating(self):
        return self._kind == "f"

    def is_int(self):
        return self._kind in "iub"

    def is_int_signed(self):
        return self._kind == "i"

    def is_int_unsigned(self):
        return self._kind in "ub"

    def is_bool(self):
        return self._kind == "b"

    def is_fp8(self):
        return self.is_floating() and self.primitive_bitwidth == 8

    def is_standard_floating(self):
        return self.is_floating() and self.primitive_bitwidth >= 16

    def kind(self):
        return dtype.KIND.BOOLEAN if self.is_bool() else dtype.KIND.INTEGRAL if self.is_int() else dtype.KIND.FLOATING

    def get_int_max_value(self):
        return 2**(self.int_bitwidth - self.is_int_signed()) - 1

    def get_int_min_value(self):
        return -2**(self.int_bitwidth - 1) if self.is_int_signed() else 0

    @property
    def scalar(self):
        return self

    def is_ptr(self):
        return False

    is_const = is_block = is_void = is_ptr

    def __call__(self, *args, **_):
        if running is not None:
            return running.cast(args[0], self)
        raise RuntimeError(f"tl.{self.attribute}(x) converts in kernels only: outside a kernel use NumPy")


def _named(attribute):
    return DTYPES[attribute]


# Mantissa bits and exponent bias.
_FLOATS = {"float8e4nv": (3, 7), "float8e4b8": (3, 8), "float8e4b15": (3, 15), "float8e5": (2, 15), "float8e5b16": (2, 16), "float16": (10, 15), "bfloat16": (7, 127), "float32": (23, 127), "float64": (52, 1023)}


DTYPES = {
    attribute: dtype(name, attribute, bits, kind)
    for attribute, name, bits, kind in (
        ("int1", "i1", 1, "b"), ("int8", "i8", 8, "i"), ("int16", "i16", 16, "i"), ("int32", "i32", 32, "i"), ("int64", "i64", 64, "i"),
        ("uint8", "u8", 8, "u"), ("uint16", "u16", 16, "u"), ("uint32", "u32", 32, "u"), ("uint64", "u64", 64, "u"), ("float8e5", "fp8e5", 8, "f"),
        ("float8e5b16", "fp8e5b16", 8, "f"), ("float8e4nv", "fp8e4nv", 8, "f"), ("float8e4b8", "fp8e4b8", 8, "f"), ("float8e4b15", "fp8e4b15", 8, "f"),
        ("float16", "fp16", 16, "f"), ("bfloat16", "bf16", 16, "f"), ("float32", "fp32", 32, "f"), ("float64", "fp64", 64, "f"), ("void", "void", 0, "v"))
}


for _type in DTYPES.values():  # tl.float32.is_fp32() and its like
    if _type.name != "void":
        setattr(dtype, f"is_{_type.name}", lambda self, name=_type.name: self.name == name)


class pointer_type:
    """A pointer, in annotations of parameters and as the type of one."""
    primitive_bitwidth, is_block, is_floating, is_int = 64, dtype.is_block, dtype.is_block, dtype.is_block

    def __init__(self, element_ty, *_, const=False):
        self.element_ty, self.const = element_ty, const

    def __eq__(self, other):
        return isinstance(other, pointer_type) and (self.element_ty, self.const) == (other.element_ty, other.const)

    def __hash__(self):
        return hash(str(self))

    @property
    def scalar(self):
        return self

    def is_ptr(self):
        return True

    def is_const(self):
        return self.const

    def __repr__(self):
        return f"tl.pointer_type({self.element_ty!r})"

    def __str__(self):
        return f"*{'k' if self.const else ''}{self.element_ty}"


class const:
    """Annotates a pointer that is not stored to."""


class tensor:
    """The class of tiles, for annotations and isinstance in kernels. A constexpr function that is called with one sees its type alone."""

    def __init__(self, type):
        self.type, self.dtype, self.shape = type, type.scalar, getattr(type, "shape", ())

    @property
    def numel(self):
        return math.prod(self.shape)

    def __bool__(self, *_):
        raise TypeError(f"the value of this {self.type} is known only when the kernel runs, so a constexpr function cannot use it")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__
    __hash__ = object.__hash__


class block_type:
    """The class of types with shapes."""

    def __init__(self, element_ty, shape):
        self.element_ty, self.shape = element_ty, tuple(shape)

    def __eq__(self, other):
        return isinstance(other, block_type) and (self.element_ty, self.shape) == (other.element_ty, other.shape)

    def __hash__(self):
        return hash((self.element_ty, self.shape))

    @property
    def scalar(self):
        return self.element_ty

    @property
    def numel(self):
        return math.prod(self.shape)

    def is_block(self):
        return True

    def is_ptr(self):
        return False

    def get_block_shapes(self):
        return self.shape


def aggregate(cls):
    """A class of named values, for kernels."""
    cls.__nereid_aggregate__ = True
    return cls


class Builtin:
    """A function of the language."""

    def __init__(self, module, name, signature=None, doc=None):
        self.module, self.__name__ = module, name
        self.__qualname__ = name
        self.__module__ = "nereid.language" + module.removeprefix("triton.language")
        if signature is not None:
            self.__signature__, self.__doc__ = signature, doc

    def __repr__(self):
        return f"<tl.{self.__name__}, for kernels>"

    def __call__(self, *args, **kwargs):
        if running is not None:
            return running.call(self, args, kwargs)
        raise RuntimeError(f"tl.{self.__name__} is for kernels: call it in a function decorated with @nereid.jit, and launch that as kernel[grid](...)")

    def __reduce__(self):
        return _builtin, (self.__module__, self.__name__)


class HostBuiltin(Builtin):
    """One that constexpr functions may call too."""

    def __init__(self, module, name, function):
        super().__init__(module, name)
        self._function = function

    def __call__(self, *args, **kwargs):
        unwrap = lambda v: v.value if isinstance(v, constexpr) else v
        return self._function(*map(unwrap, args), **{k: unwrap(v) for k, v in kwargs.items()})


def _int_dtype(bitwidth, signed):
    if (found := DTYPES.get(f"{'' if signed else 'u'}int{bitwidth}")) is None:
        raise ValueError(f"no {'signed' if signed else 'unsigned'} integer type has {bitwidth} bits: use 1, 8, 16, 32 or 64")
    return found


get_int_dtype = HostBuiltin("triton.language", "get_int_dtype", _int_dtype)
log2 = HostBuiltin("triton.language.standard", "_log2", lambda i: max(i, 1).bit_length() - 1)


def _builtin(module, name):
    import importlib
    return getattr(importlib.import_module(module), name)
