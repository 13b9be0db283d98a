# SPDX-License-Identifier: MIT
"""Compiles and launches kernels in this process, through include/nereid/nereid.h."""
import ctypes as c
import struct
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]


class Text(c.Structure):
    _fields_ = [("data", c.c_void_p), ("size", c.c_size_t)]


class Request(c.Structure):
    _fields_ = [("path", c.c_char_p), ("source", c.c_char_p), ("kernel", c.c_char_p), ("signature", c.POINTER(c.c_char_p)), ("signature_size", c.c_size_t),
                ("constant_names", c.POINTER(c.c_char_p)), ("constant_values", c.POINTER(c.c_char_p)), ("constants_size", c.c_size_t), ("target", c.c_char_p), ("debug", c.c_int),
                ("files", c.c_void_p), ("files_size", c.c_size_t), ("print", c.c_void_p), ("user", c.c_void_p), ("diagnostics", c.c_void_p)]


class Arg(c.Structure):
    _fields_ = [("bits", c.c_uint64), ("bytes", c.c_uint64)]


class Options(c.Structure):
    _fields_ = [("grid", c.c_uint32 * 3), ("threads", c.c_int), ("check_bounds", c.c_int), ("print", c.c_void_p), ("user", c.c_void_p),
                ("microseconds", c.c_void_p), ("runs", c.c_int), ("check_races", c.c_int)]


_library = None


def library():
    global _library
    if _library is None:
        _library = c.CDLL(str(ROOT / "build/lib/libnereid.so"))
        _library.nereid_kernel_free.argtypes = [c.c_void_p]
        _library.nereid_launch.argtypes = [c.c_void_p, c.POINTER(Arg), c.c_size_t, c.POINTER(Options), c.POINTER(Text)]
    return _library


def _strings(items):
    return (c.c_char_p * max(1, len(items)))(*(str(item).encode() for item in items))


def _check(status, error):
    if status:
        raise RuntimeError(c.string_at(error.data, error.size).decode())


class Kernel:
    """A kernel of a file. `signature` has one item per parameter; it is empty if `constants` has the value."""

    def __init__(self, path, name, signature, constants, target="cpu"):
        names, values, items = _strings(constants), _strings([repr(v) for v in constants.values()]), _strings(signature)
        request = Request(str(path).encode(), None, name.encode(), items, len(signature), names, values, len(constants), target.encode())
        self.handle, error = c.c_void_p(), Text()
        _check(library().nereid_compile(c.byref(request), c.byref(self.handle), c.byref(error)), error)
        self.types = [item.split(":")[0] for item in signature if item]

    def __del__(self):
        if self.handle:
            library().nereid_kernel_free(self.handle)

    def bind(self, grid, args, threads=1):
        """A function that launches the kernel; the arrays must outlive it."""
        packed = (Arg * len(args))(*(self._arg(kind, value) for kind, value in zip(self.types, args, strict=True)))
        options = Options((c.c_uint32 * 3)(*grid, *[1] * (3 - len(grid))), threads, 0, None, None, None, 0, 0)
        launch, handle, error = library().nereid_launch, self.handle, Text()

        def run():
            _check(launch(handle, packed, len(packed), options, error), error)

        run.alive = self, args
        return run

    @staticmethod
    def _arg(kind, value):
        if isinstance(value, np.ndarray):
            return Arg(value.ctypes.data, value.nbytes)
        form = {"fp32": "<f", "fp64": "<d"}.get(kind, "<q")
        return Arg(int.from_bytes(struct.pack(form, value), "little"), 0)
