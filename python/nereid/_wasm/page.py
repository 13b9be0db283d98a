# SPDX-License-Identifier: MIT
"""WebAssembly in the engine that runs Python itself, under Pyodide: in a page, a worker or Node.

Kernels import the memory of Python, so arrays need not be copied.
"""
import contextlib
import ctypes

import js
import pyodide_js
from pyodide.ffi import JsException, create_proxy, to_js


class Trap(Exception):
    """A module stopped."""


class Interrupted(Exception):
    """Never raised: there are no signals here."""


class Engine:

    def __init__(self):
        self.name = "Pyodide's engine"
        self.threads = False
        self.direct = True  # arrays are in the memory of the kernels
        self.trap, self.interrupted, self.error = Trap, Interrupted, JsException
        self.signals = contextlib.nullcontext()
        self.relaxed = js.WebAssembly.validate(_bytes(_RELAXED))

    def compile(self, code):
        try:
            return js.WebAssembly.Module.new(_bytes(code))
        except JsException as e:
            raise Trap(str(e)) from None

    def memory(self, pages, shared):
        return Memory(pyodide_js._module.memory)

    def store(self):
        return Store()


# (module (func (drop (f32x4.relaxed_madd (v128.const ...) (v128.const ...) (v128.const ...)))))
_RELAXED = bytes([0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 0x3C, 1, 0x3A, 0]) + 3 * (bytes([0xFD, 12]) + bytes(16)) + bytes([0xFD, 0x85, 2, 0x1A, 0x0B])


def _bytes(code):
    return to_js(memoryview(code))


class Memory:
    """That of Python."""
    shared = False
    store = None

    def __init__(self, memory):
        self.memory = memory

    def grow(self, size):
        pass

    def view(self, at, size):
        return (ctypes.c_char * size).from_address(at)


class _Other:
    """The memory of a module that has its own."""

    def __init__(self, memory):
        self._memory = memory

    def _part(self, at, size):
        return js.Uint8Array.new(self._memory.buffer, at, size)

    def view(self, at, size):
        return _View(self, at, size)

    def write(self, at, source, size):
        self._part(at, size).assign((ctypes.c_char * size).from_address(source))

    def read(self, at, target, size):
        self._part(at, size).assign_to((ctypes.c_char * size).from_address(target))


class _View:
    """A part of the memory of a module, for bytes(view) and view[:] = data."""

    def __init__(self, memory, at, size):
        self._memory, self._at, self._size = memory, at, size

    def __bytes__(self):
        return self._memory._part(self._at, self._size).to_bytes()

    def __setitem__(self, _, data):
        self._memory._part(self._at, self._size).assign(data)


class Store:

    def __init__(self):
        self.failure = None

    def function(self, parameters, results, f):
        """A function of the host. An exception ends the call of the module that called it."""

        def guarded(*args):
            try:
                return f(*args)
            except BaseException as e:
                self.failure = e
                raise

        return create_proxy(guarded)

    def instance(self, module, imports):
        """The exports of a new instance."""
        given = js.Object.new()
        for entry in js.WebAssembly.Module.imports(module):
            space = getattr(given, entry.module, None)
            if space is None:
                space = js.Object.new()
                setattr(given, entry.module, space)
            value = imports[entry.name]
            setattr(space, entry.name, value.memory if entry.name == "memory" else value)
        try:
            return Exports(self, js.WebAssembly.Instance.new(module, given).exports)
        except JsException as e:
            raise Trap(str(e)) from None

    @staticmethod
    def import_names(module):
        return [i.name for i in js.WebAssembly.Module.imports(module)]


class Exports:

    def __init__(self, store, exports):
        self._store, self._exports = store, exports

    def memory(self):
        return _Other(self._exports.memory)

    def raw(self, name):
        """An export that other instances can import."""
        return getattr(self._exports, name)

    def call(self, name, *args):
        return self.prepared(name)(*args)

    def prepared(self, name):
        store, function = self._store, getattr(self._exports, name)

        def call(*args):
            store.failure = None
            try:
                return function(*args)
            except BaseException as e:
                failure, store.failure = store.failure, None
                if failure is not None:
                    raise failure from None
                if isinstance(e, JsException):
                    raise Trap(str(e)) from None
                raise

        return call
