# SPDX-License-Identifier: MIT
"""Arrays of any library as an address and an element type, as python/src/arrays.cpp recognises them."""
import ctypes
import sys

# Element types as signatures spell them: the names of libraries, and bytes.
TYPES = {
    "bool": ("i1", 1), "int8": ("i8", 1), "int16": ("i16", 2), "int32": ("i32", 4), "int64": ("i64", 8), "uint8": ("u8", 1), "uint16": ("u16", 2), "uint32": ("u32", 4), "uint64": ("u64", 8),
    "float16": ("fp16", 2), "bfloat16": ("bf16", 2), "float32": ("fp32", 4), "float64": ("fp64", 8), "float8_e5m2": ("fp8e5", 1), "float8_e4m3fn": ("fp8e4nv", 1),
    "float8_e4m3fnuz": ("fp8e4b8", 1), "float8_e5m2fnuz": ("fp8e5b16", 1), "float8e4b15": ("fp8e4b15", 1)}
TYPES |= {spelled: (spelled, size) for spelled, size in list(TYPES.values())} | {"u1": ("i1", 1), "int1": ("i1", 1)}

# Formats of memoryview.
_FORMATS = {
    "?": ("i1", 1), "b": ("i8", 1), "B": ("u8", 1), "c": ("u8", 1), "h": ("i16", 2), "H": ("u16", 2), "i": ("i32", 4), "I": ("u32", 4), "q": ("i64", 8), "Q": ("u64", 8), "e": ("fp16", 2),
    "f": ("fp32", 4), "d": ("fp64", 8), "l": (f"i{ctypes.sizeof(ctypes.c_long) * 8}", ctypes.sizeof(ctypes.c_long)), "L": (f"u{ctypes.sizeof(ctypes.c_long) * 8}", ctypes.sizeof(ctypes.c_long))
}

_known = {}  # by dtype: (type, bytes), or None


def _type_of(dtype):
    try:
        return _known[dtype]
    except (KeyError, TypeError):
        pass
    name = str(getattr(dtype, "name", None) or dtype).rpartition(".")[2]
    found = TYPES.get(name) if getattr(dtype, "isnative", True) else None
    try:
        _known[dtype] = found
    except TypeError:
        pass
    return found


def _wrong(value, why):
    return TypeError(f"cannot pass this {type(value).__module__ + '.' if type(value).__module__ != 'builtins' else ''}{type(value).__qualname__} to a kernel: {why}")


def _bad_type(value, dtype):
    return _wrong(value, f"Triton has no type for its dtype {dtype}; convert it, such as to float32")


def _contiguous(shape):
    out, size = [], 1
    for n in reversed(shape):
        out.insert(0, size)
        size *= n
    return out


class Described(tuple):
    """A description of an array. `owner` keeps its memory alive, if the object itself does not. It is not `sized` if it has no shape."""
    owner, sized = None, True


def _described(data, kind, read_only, contiguous, shape, strides):
    """The description: the lowest address, bytes, type, whether it is read-only and contiguous, shape, strides and bytes per element."""
    name, size = kind
    first = last = 0
    for n, s in zip(shape, strides):
        if s < 0:
            first += (n - 1) * s
        else:
            last += (n - 1) * s
    total = 0 if 0 in shape else (last - first + 1) * size
    return Described((data + first * size, total, name, read_only, contiguous, list(shape), list(strides), size))


def _from_numpy(value, named=None):
    kind = _type_of(value.dtype)
    if kind is None:
        raise _bad_type(named if named is not None else value, value.dtype)
    flags = value.flags
    if not flags.aligned:
        raise _wrong(named if named is not None else value, "its elements are not aligned; pass a copy, such as numpy.array(x)")
    data = value.__array_interface__["data"][0]
    out = _described(data, kind, not flags.writeable, flags.c_contiguous, value.shape, [s // kind[1] for s in value.strides])
    if named is not None:
        out.owner = value
    return out


def _from_data_ptr(value):
    if not getattr(value, "is_cpu", True):
        raise _wrong(value, "it is not in CPU memory; copy it there, such as with x.cpu()")
    kind = _type_of(value.dtype)
    if kind is None:
        raise _bad_type(value, value.dtype)
    contiguous = value.is_contiguous() if hasattr(value, "is_contiguous") else True
    shape = [int(n) for n in getattr(value, "shape", None) or ()]
    strides = _contiguous(shape) if contiguous or not hasattr(value, "stride") else [int(s) for s in value.stride()]
    out = _described(int(value.data_ptr()), kind, False, contiguous, shape, strides)
    out.sized = getattr(value, "shape", None) is not None
    return out


def _from_jax(value):
    """JAX's arrays are immutable and row-major."""
    if value.__dlpack_device__()[0] != 1:
        raise _wrong(value, "it is not in CPU memory; copy it there, such as with x.cpu()")
    kind = _type_of(value.dtype)
    if kind is None:
        raise _bad_type(value, value.dtype)
    return _described(value.block_until_ready().unsafe_buffer_pointer(), kind, True, True, value.shape, _contiguous(value.shape))


def _from_interface(value):
    import numpy
    return _from_numpy(numpy.asarray(value), value)


def _from_buffer(value):
    """A buffer, without NumPy."""
    view = memoryview(value)
    kind = _FORMATS.get(view.format.lstrip("@=<")) if view.c_contiguous else None
    if kind is None:
        raise _wrong(value, "Triton has no type for its elements, or they are not contiguous: install numpy")
    held = _Py_buffer()
    _pythonapi.PyObject_GetBuffer(ctypes.py_object(view), ctypes.byref(held), 0)
    address = held.buf
    _pythonapi.PyBuffer_Release(ctypes.byref(held))
    out = _described(address or 0, kind, view.readonly, True, view.shape, _contiguous(view.shape))
    out.owner = view
    return out


class _Py_buffer(ctypes.Structure):
    """The beginning of Python's structure, and room for the rest."""
    _fields_ = [("buf", ctypes.c_void_p), ("rest", ctypes.c_char * 256)]


_pythonapi = ctypes.pythonapi


def _from_dlpack(value):
    try:
        import numpy
    except ImportError:
        return _from_buffer(value)
    if hasattr(value, "__dlpack_device__") and value.__dlpack_device__()[0] != 1:
        raise _wrong(value, "it is not in CPU memory; copy it there, such as with x.cpu()")
    try:
        view = numpy.asarray(memoryview(value))
    except TypeError:
        try:
            view = numpy.from_dlpack(value)
        except (BufferError, RuntimeError, TypeError, ValueError) as e:
            raise _wrong(value, "Triton has no type for its dtype; convert it, such as to float32") from e
    if _type_of(view.dtype) is None:
        raise _wrong(value, "Triton has no type for its dtype; convert it, such as to float32")
    return _from_numpy(view, value)


_ways = {}


def _is_buffer(value):
    if isinstance(value, bytes):
        return False
    try:
        memoryview(value).release()
        return True
    except TypeError:
        return False


def _way_of(value):
    kind = type(value)
    if kind in _ways:
        return _ways[kind]
    numpy = sys.modules.get("numpy")
    number = hasattr(kind, "__int__") or hasattr(kind, "__float__") or hasattr(kind, "__index__")
    way = None
    if numpy is not None and isinstance(value, numpy.ndarray):
        way = _from_numpy
    elif hasattr(value, "data_ptr") and hasattr(value, "dtype"):
        way = _from_data_ptr
    elif hasattr(value, "unsafe_buffer_pointer") and hasattr(value, "block_until_ready"):
        way = _from_jax
    elif hasattr(value, "__array_interface__") and not number:
        way = _from_interface
    elif hasattr(value, "__dlpack__") or not number and _is_buffer(value):
        way = _from_dlpack
    elif hasattr(value, "__array_interface__") and hasattr(value, "__len__"):
        way = _from_interface
    if way or kind.__module__ == "builtins":  # users may define many types, so types that are not arrays are not kept
        _ways[kind] = way
    return way


def array(value):
    """Address, bytes, type, whether it is read-only and contiguous, shape, strides and element size in bytes of an array; None for other objects."""
    way = _way_of(value)
    return way(value) if way else None
