# SPDX-License-Identifier: MIT
"""WebAssembly in wasmtime.

Kernels run in one memory. Each thread has its store with instances; the memory is shared if there are several threads. A signal stops what runs: then
Python calls the handlers, and the launch starts again unless one of them raised (its arrays are written only at its end).
"""
import atexit
import ctypes
import os
import signal
import socket
import threading
import weakref

import wasmtime
from wasmtime import _ffi as ffi, _func

PAGE = 65536


class Trap(Exception):
    """A module stopped."""


class Interrupted(Exception):
    """A signal arrived while a module ran."""


class _Signals:
    """While a launch runs in the main thread, a signal ends the epoch of the engine, which stops all modules. Python writes to a socket when one arrives."""

    def __init__(self, engine):
        self._engine, self._depth, self._process = engine, 0, None

    def __enter__(self):
        if threading.current_thread() is not threading.main_thread():
            return
        self._depth += 1
        if self._depth > 1:
            return
        if self._process != os.getpid():  # also in a child of fork()
            self._process = os.getpid()
            self._reader, self._writer = socket.socketpair()
            self._writer.setblocking(False)
            threading.Thread(target=self._watch, args=(self._reader, ), name="nereid-signals", daemon=True).start()
        self._before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)

    def __exit__(self, *_):
        if threading.current_thread() is threading.main_thread():
            self._depth -= 1
            if not self._depth:
                signal.set_wakeup_fd(self._before)

    def _watch(self, reader):
        while True:
            data = reader.recv(64)
            self._engine.increment_epoch()
            if self._before != -1:  # an event loop's
                try:
                    os.write(self._before, data)
                except OSError:
                    pass


def _version():
    """The version of wasmtime; importlib.metadata takes 30 ms to import."""
    package = os.path.dirname(wasmtime.__file__)
    names = [name for name in os.listdir(os.path.dirname(package)) if name.startswith("wasmtime-") and name.endswith(".dist-info")]
    return names[0][len("wasmtime-"):-len(".dist-info")] if names else f"of {os.stat(package).st_mtime_ns}"


class Engine:

    def __init__(self, interpreter=False):
        self.name = f"wasmtime {_version()}"
        self._interpreter = None
        self.threads = self.relaxed = True
        self.direct = False  # arrays must be copied
        self.trap, self.interrupted = Trap, Interrupted
        config = wasmtime.Config()
        config.epoch_interruption = True
        config.parallel_compilation = False  # a kernel would wait for the threads that compile the compiler
        if interpreter:
            config.target = "pulley64"  # for all 64-bit processors
        else:
            config.wasm_threads = config.wasm_relaxed_simd = config.shared_memory = True
        self._engine = wasmtime.Engine(config)
        self.signals = _Signals(self._engine)
        self.error = wasmtime.WasmtimeError
        self._modules = weakref.WeakSet()
        atexit.register(self._close)

    def _close(self):
        for module in list(self._modules):
            module.close()

    def compile(self, code):
        return self._kept(wasmtime.Module(self._engine, code))

    def _kept(self, module):
        """At the end of Python modules must be freed before the functions that free them."""
        self._modules.add(module)
        return module

    def save(self, module):
        return bytes(module.serialize())

    def load(self, saved):
        """Machine code that `save` returned; WasmtimeError if it is of another version or processor."""
        return self._kept(wasmtime.Module.deserialize(self._engine, saved))

    def load_file(self, path):
        """The same from a file, which is mapped. wasmtime takes paths in UTF-8 alone: others, such as a path that a locale does not have the letters of, are read."""
        try:
            return self._kept(wasmtime.Module.deserialize_file(self._engine, path))
        except UnicodeEncodeError:
            with open(path, "rb") as file:
                return self.load(file.read())

    def portable(self, path):
        """Loads code for wasmtime's interpreter from a file: (engine, module), or None if the file is missing or from another version of wasmtime."""
        if self._interpreter is None:
            try:
                other = Engine(interpreter=True)
                self._interpreter = other, other.load_file(path)
            except (OSError, wasmtime.WasmtimeError):
                self._interpreter = ()
        return self._interpreter or None

    def memory(self, pages, shared):
        """A memory that grows up to 4 GiB."""
        kind = wasmtime.MemoryType(wasmtime.Limits(pages, PAGE), shared=shared)
        if shared:
            return Memory(_Shared(self._engine, kind), None)
        store = self.store()
        return Memory(wasmtime.Memory(store.store, kind), store)

    def store(self):
        return Store(self._engine)


class _Shared(wasmtime.SharedMemory):

    def _as_extern(self):  # that of wasmtime 50 passes a pointer to its pointer
        return ffi.wasmtime_extern_t(ffi.WASMTIME_EXTERN_SHAREDMEMORY, ffi.wasmtime_extern_union(sharedmemory=self.ptr()))


class Memory:

    def __init__(self, memory, store):
        self.memory, self.store = memory, store
        self.shared = store is None

    def address(self):
        """Where the memory is in this process; may change when it grows."""
        pointer = self.memory.data_ptr() if self.shared else self.memory.data_ptr(self.store.store)
        return ctypes.cast(pointer, ctypes.c_void_p).value

    def size(self):
        return self.memory.data_len() if self.shared else self.memory.data_len(self.store.store)

    def grow(self, size):
        pages = -(-(size - self.size()) // PAGE)
        if pages > 0:
            try:
                self.memory.grow(pages) if self.shared else self.memory.grow(self.store.store, pages)
            except wasmtime.WasmtimeError as e:
                raise MemoryError(f"the arrays of a launch need {size} bytes of WebAssembly's memory, which has at most 4 GiB: use the native wheel") from e

    def write(self, at, source, size):
        ctypes.memmove(self.address() + at, source, size)

    def read(self, at, target, size):
        ctypes.memmove(target, self.address() + at, size)

    def view(self, at, size):
        return (ctypes.c_char * size).from_address(self.address() + at)


class Store:
    """Instances that one thread uses."""

    def __init__(self, engine):
        self.store = wasmtime.Store(engine)
        self.failure = None  # the exception that a function of the host raised

    def function(self, parameters, results, f):
        """A function of the host. An exception ends the call of the module that called it."""
        types = {"i": wasmtime.ValType.i32(), "l": wasmtime.ValType.i64(), "d": wasmtime.ValType.f64()}

        def guarded(*args):
            try:
                return f(*args)
            except BaseException as e:
                self.failure = e
                raise Trap from None

        return wasmtime.Func(self.store, wasmtime.FuncType([types[p] for p in parameters], [types[r] for r in results]), guarded)

    def instance(self, module, imports):
        """The exports of a new instance. `imports`: by name; their module is called nereid."""
        given = [imports[i.name].memory if i.name == "memory" else imports[i.name] for i in module.imports]
        try:
            made = wasmtime.Instance(self.store, module, given)
        except (wasmtime.WasmtimeError, wasmtime.Trap) as e:
            raise Trap(str(e)) from None
        return Exports(self, made.exports(self.store))

    @staticmethod
    def import_names(module):
        return [i.name for i in module.imports]


class Exports:

    def __init__(self, store, exports):
        self._store, self._exports, self._calls = store, exports, {}

    def memory(self):
        return Memory(self._exports["memory"], self._store)

    def raw(self, name):
        """An export that other instances of the same store can import."""
        return self._exports[name]

    def call(self, name, *args):
        """Calls a function of integers, which may return one."""
        return self.prepared(name)(*args)

    def prepared(self, name):
        """A function for many calls."""
        found = self._calls.get(name)
        if found is None:
            found = self._calls[name] = self._make(name)
        return found

    def _make(self, name):
        store, function = self._store, self._exports[name]
        kind = function.type(store.store)
        count, results = len(kind.params), len(kind.results)
        pointer, context = ctypes.byref(function._func), store.store._context()

        def call(*args):
            values, out = (ffi.wasmtime_val_t * count)(), (ffi.wasmtime_val_t * max(results, 1))()
            for value, arg in zip(values, args):
                value.kind = 0
                value.of.i32 = arg
            trap, store.failure = ctypes.POINTER(ffi.wasm_trap_t)(), None
            ffi.wasmtime_context_set_epoch_deadline(context, 1)
            error = ffi.wasmtime_func_call(context, pointer, values, count, out, results, ctypes.byref(trap))
            if error or trap:
                # A handler of a signal may have raised before `guarded` was entered: wasmtime keeps its exception.
                last, _func.LAST_EXCEPTION = _func.LAST_EXCEPTION, None
                failure, store.failure = store.failure or (None if isinstance(last, Trap) else last), None
                text = str(wasmtime.WasmtimeError._from_ptr(error)) if error else wasmtime.Trap._from_ptr(trap).message
                if failure is not None:
                    raise failure
                raise Interrupted if "interrupt" in text else Trap(text)
            return out[0].of.i32 if results else None

        return call

