# SPDX-License-Identifier: MIT
"""Compiled kernels, and their launches."""
import ctypes
import itertools
import json
import math
import os
import struct
import sys
import threading
import time

from . import compiler, state
from .memory import Ranges

_FIRST = 262144  # kernels may subtract constants from addresses, so nothing is below
_MAX_INSTANCES = 256  # of a store, which cannot free one
_WARM_UPS = 3
_WORTH_THREADS = 2e-4  # seconds that a launch must take


class _Base:
    """The description of a kernel, for both targets."""

    def __init__(self, about):
        self.about = about if isinstance(about, str) else json.dumps(about)
        parameters = json.loads(self.about)["parameters"]
        self.parameters = [p["name"] for p in parameters]
        self.writes = [p.get("writes") is True for p in parameters]
        self._types = [p["type"] for p in parameters]
        self._may_write = [p.get("writes") is not False for p in parameters]

    def __getitem__(self, grid):
        from ..jit import _launch_compiled
        return _launch_compiled(self, grid)

    def _ranges(self, bits, shapes):
        """The memory of the arguments: from (bits, bytes) and the descriptions of arrays, where there are any."""
        out = {}
        for k, (value, size) in enumerate(bits):
            if not self._types[k].startswith("*"):
                continue
            if shapes and shapes[k]:
                out[k] = (shapes[k][0], shapes[k][1])
            elif size:
                out[k] = (value, size)
            elif value:
                raise ValueError(f"the size of the array `{self.parameters[k]}` is unknown")
        return out


class Interpreted(_Base):
    """A kernel for the interpreter, which is part of the compiler's module."""

    def __init__(self, load):
        """`load()` returns the description, the number of the kernel in the compiler, and that compiler."""
        self._load = load
        about, self._number, self._compiler = load()
        super().__init__(about)

    def __del__(self):
        try:
            with compiler.lock:
                self._compiler.exports.call("forget", self._number)
        except Exception:  # at the interpreter's end
            pass

    def launch(self, grid, args, check_bounds=False, check_races=False, threads=0, runs=0, print=None, shapes=(), unwritten=None):
        from .._launch import grid_of
        grid = grid_of(grid)
        if len(args) != len(self.parameters):
            raise ValueError(f"error: kernel {json.loads(self.about)['name']} takes {len(self.parameters)} arguments, but got {len(args)}")
        if 0 in grid:
            raise ValueError(f"error: each axis of the grid must be at least 1 (got {', '.join(map(str, grid))})")
        with compiler.lock:
            arrays = self._ranges(args, shapes)
            while True:
                try:
                    with state.engine().signals:
                        good, parts = self._interpret(grid, args, arrays, shapes, check_bounds, check_races, print, unwritten)
                    break
                except state.engine().interrupted:  # and no handler raised
                    pass
        if not good:
            text, diagnostics = (p.decode("utf-8", "replace") for p in parts)
            raise state.compile_error(text.rstrip("\n"), diagnostics)
        return []

    def _interpret(self, grid, args, arrays, shapes, check_bounds, check_races, print, unwritten):
        if self._compiler is not compiler.compiler():  # after a fault or an interruption
            _, self._number, self._compiler = self._load()
        c = self._compiler
        ranges = Ranges([(*arrays[k], self._may_write[k]) for k in arrays])
        raw = c.exports.call("alloc", ranges.bytes + 64) & 0xFFFFFFFF
        base = raw + 63 & ~63
        for begin, end, _, offset in ranges.parts:
            c.memory.write(base + offset, begin, end - begin)
        bits = [base + ranges.offset(value) if k in arrays else value for k, (value, _) in enumerate(args)]
        request = [self._number, *grid, "1" if check_bounds else "", "1" if check_races else "", "1" if unwritten else "", *bits]
        for k, (at, size) in arrays.items():
            if shapes and shapes[k]:
                _, _, element, shape, strides, written = shapes[k]
                request += [k, base + ranges.offset(at), size, element, "1" if written else "", len(shape), *shape, *strides]
            elif check_bounds:
                request += [k, base + ranges.offset(at), size, 0, "", 0]
        lines = [print or (lambda _: None), unwritten or (lambda _: None)]
        c.lines = lambda kind, text: lines[kind](text)
        try:
            answer = c.ask("interpret", request)
        except (compiler.Fault, state.engine().trap) as e:
            compiler.drop()
            raise state.internal_error(f"error: {e}\nThis is a fault of Nereid, not of your kernel. Please report it with the kernel.") from None
        except BaseException as e:
            compiler.drop()
            if not isinstance(e, state.engine().interrupted):
                self._copy_back(c, ranges, base)
            raise
        self._copy_back(c, ranges, base)
        c.exports.call("release", raw)
        return answer

    @staticmethod
    def _copy_back(c, ranges, base):
        for begin, end, written, offset in ranges.parts:
            if written:
                c.memory.read(base + offset, begin, end - begin)


class Kernel(_Base):
    """A kernel for this processor: machine code of the engine."""

    def __init__(self, about, details, module, relaxed):
        super().__init__(about)
        self._module, self._relaxed, self._details = module, relaxed, details
        self._sites = details["sites"]
        self._prints = any(site["kind"] == "print" for site in self._sites)
        self._scratch = (details["scratch"] + 63) // 64 * 64
        self._cost = math.nan  # seconds per program
        self._id = next(_ids)

    @classmethod
    def made(cls, info, details, files):
        engine = state.engine()
        relaxed = engine.relaxed and bool(details.get("relaxed"))
        code = bytearray(files[details["relaxed" if relaxed else "strict"]])
        if machine().memory.shared:
            code[details["memoryFlagAt"]] = 3
        kept = {"scratch": details["scratch"], "sites": details["sites"]}
        return cls(json.dumps(info), kept, engine.compile(bytes(code)), relaxed)

    def save(self):
        if not hasattr(state.engine(), "save"):  # in a page
            return b""
        head = json.dumps([state.VERSION, state.processor(), machine().memory.shared, self.about, self._details, self._relaxed]).encode()
        return struct.pack("<I", len(head)) + head + state.engine().save(self._module)

    @classmethod
    def loaded(cls, saved):
        try:
            if not hasattr(state.engine(), "load"):
                raise ValueError("this engine keeps no machine code")
            size, = struct.unpack_from("<I", saved)
            version, processor, shared, about, details, relaxed = json.loads(saved[4:4 + size])
            if (version, processor, shared) != (state.VERSION, state.processor(), machine().memory.shared):
                raise ValueError("of another version or processor")
            return cls(about, details, state.engine().load(saved[4 + size:]), relaxed)
        except (ValueError, struct.error, TypeError, state.engine().error) as e:
            raise ValueError(f"error: the saved kernel is damaged, or of another version or processor ({e})") from None

    # ---- launches

    def run(self, grid, bits, arrays, threads):
        """A launch with arguments that _launch.py has checked."""
        for k, array in arrays.items():
            if not array.sized:
                raise TypeError(f"`{self.parameters[k]}`: this wheel copies arrays for a launch, so an object with data_ptr() also needs a shape")
        machine().launch(self, grid, bits, {k: (a.base, a.bytes) for k, a in arrays.items()}, threads)

    def launch(self, grid, args, check_bounds=False, check_races=False, threads=0, runs=0, print=None, shapes=(), unwritten=None):
        from .._launch import grid_of
        if check_bounds or check_races:
            raise ValueError(f"error: check_{'bounds' if check_bounds else 'races'} works with the target `interp` only")
        if len(args) != len(self.parameters):
            raise ValueError(f"error: kernel {json.loads(self.about)['name']} takes {len(self.parameters)} arguments, but got {len(args)}")
        grid = grid_of(grid)
        if 0 in grid:
            raise ValueError(f"error: each axis of the grid must be at least 1 (got {', '.join(map(str, grid))})")
        return machine().launch(self, grid, [value for value, _ in args], self._ranges(args, shapes), threads, runs, print)

    def learn(self, seconds, programs):
        """Keeps the cost of a program. A launch that took longer than known may have been interrupted."""
        cost = seconds / programs
        self._cost = (self._cost + cost) / 2 if cost > self._cost else cost

    def assertion(self, site, program):
        about = self._sites[site]
        where = f"{about['file']}:{about['line']}: " if about.get("file") else ""
        return f"{where}assertion failed in program ({', '.join(map(str, program))}): {about['text']}"


class _AssertionFailed(Exception):
    pass


_ids = itertools.count(1)


@state.once
def _libm():
    with open(os.path.join(os.path.dirname(__file__), "libm.wasm"), "rb") as f:
        return state.engine().compile(f.read())


class Worker:
    """The instances of one thread."""

    def __init__(self, memory):
        self._memory = memory
        self._fresh()

    def _fresh(self):
        # A memory that is not shared belongs to its store.
        self.store = self._memory.store or state.engine().store()
        self._runs, self._math = {}, None
        self.current = None  # (kernel, print)
        f = self.store.function
        self._host = {"memory": self._memory, "assert": f("iiii", "", self._assert), "print": f("iiiii", "", self._print)}

    def function(self, kernel):
        """The function `run` of a kernel's instance."""
        run = self._runs.get(kernel._id)
        if run is None:
            if len(self._runs) >= _MAX_INSTANCES and not self._memory.store:
                self._fresh()
            names = self.store.import_names(kernel._module)
            imports = dict(self._host)
            for name in names:
                if name not in imports:
                    if self._math is None:
                        self._math = self.store.instance(_libm(), {})
                    imports[name] = self._math.raw(name)
            run = self._runs[kernel._id] = self.store.instance(kernel._module, {n: imports[n] for n in names}).prepared("run")
        return run

    def _assert(self, site, x, y, z):
        raise _AssertionFailed(self.current[0].assertion(site, [n & 0xFFFFFFFF for n in (x, y, z)]))

    def _print(self, site, x, y, z, at):
        from .printing import printed
        kernel, write, read = self.current
        write(printed(kernel._sites[site], [n & 0xFFFFFFFF for n in (x, y, z)], read, at & 0xFFFFFFFF))


class Machine:
    """The memory of all kernels, and the threads that run them. One launch runs at a time, but a handler of a signal, or of printed text, may launch in it: its
    arguments are above those of the launch that it interrupts."""

    def __init__(self):
        engine = state.engine()
        self._top = _FIRST
        self.memory = engine.memory(_FIRST // 65536 + 16, engine.threads and (os.cpu_count() or 1) > 1)
        self._lock = threading.RLock()
        self._main = Worker(self.memory)
        self._pool = []

    def launch(self, kernel, grid, bits, arrays, threads=0, runs=0, print=None):
        """Copies the arrays in, runs the programs, and copies what may have been written back. Returns the seconds of each of `runs` in µs."""
        programs = grid[0] * grid[1] * grid[2]
        if programs >= 1 << 32:
            raise state.launch_error(f"the grid {grid} has 2^32 programs or more, which WebAssembly cannot count")
        count = min(threads or state.get_num_threads(), programs) if self.memory.shared and not kernel._prints else 1
        with self._lock:
            direct = state.engine().direct  # the arrays are in WebAssembly's memory already, which Python allocates
            if direct:
                own = ctypes.create_string_buffer(16 + 8 * len(bits) + kernel._scratch * count + 192)
                args = ctypes.addressof(own) + 63 & ~63
            else:
                args = self._top
            scratch = args + 16 + 8 * len(bits) + 63 & ~63
            place = scratch + kernel._scratch * count
            ranges = Ranges([] if direct else [(at, size, kernel._may_write[k]) for k, (at, size) in arrays.items()])
            end = place + ranges.bytes + 63 & ~63
            self.memory.grow(end + 65536)
            packed = bytearray(16 + 8 * len(bits))
            struct.pack_into("<IIII", packed, 0, *grid, 1)
            for k, value in enumerate(bits):
                if k in arrays and not direct:
                    value = place + ranges.offset(value)
                struct.pack_into("<Q", packed, 16 + 8 * k, value & 0xFFFFFFFFFFFFFFFF)
            self.memory.view(args, len(packed))[:] = bytes(packed)
            launch = _Launch(kernel, programs, count, args, scratch, (kernel, print or _write, self.memory.view))
            before, self._top = self._top, end
            try:
                with state.engine().signals:
                    while True:
                        for begin, stop, _, offset in ranges.parts:
                            self.memory.write(place + offset, begin, stop - begin)
                        try:
                            times = self._timed(launch, runs)
                            break
                        except state.engine().interrupted:  # and no handler raised
                            pass
            except _AssertionFailed as e:
                raise state.launch_error(str(e)) from None
            except state.engine().trap as e:
                raise state.launch_error(f"the kernel stopped: {str(e).splitlines()[0]}") from None
            finally:
                self._top = before
                for begin, stop, written, offset in ranges.parts:
                    if written:
                        self.memory.read(place + offset, begin, stop - begin)
        return times

    def _timed(self, launch, runs):
        times = []
        self._programs(launch)
        for k in range(_WARM_UPS + runs if runs else 0):
            begin = time.perf_counter()
            self._programs(launch)
            if k >= _WARM_UPS:
                times.append((time.perf_counter() - begin) * 1e6)
        return times

    def _set_exclusive(self, launch, on):
        self.memory.view(launch.args + 12, 4)[:] = struct.pack("<I", on)

    def _programs(self, launch):
        main, kernel, programs, threads = self._main, launch.kernel, launch.programs, launch.threads
        outer, main.current = main.current, launch.current
        try:
            run, begin = main.function(kernel), 0
            if math.isnan(kernel._cost) or threads == 1 or kernel._cost * programs < _WORTH_THREADS:
                # At first one program alone, to learn how long it takes.
                end = 1 if math.isnan(kernel._cost) and threads > 1 else programs
                self._set_exclusive(launch, 1)
                start = time.perf_counter()
                run(launch.args, 0, _signed(end), launch.scratch)
                kernel.learn(time.perf_counter() - start, end)
                begin = end
            if begin == programs:
                return
            if kernel._cost * (programs - begin) < _WORTH_THREADS:
                run(launch.args, begin, _signed(programs), launch.scratch)
                return
            self._in_threads(launch, begin)
        finally:
            main.current = outer

    def _in_threads(self, launch, begin):
        self._set_exclusive(launch, 0)
        start = time.perf_counter()
        self._pool = [t for t in self._pool if t.is_alive()]
        try:
            while len(self._pool) < launch.threads - 1:
                self._pool.append(_Thread(self.memory))
        except RuntimeError:  # no more threads: those that there are
            pass
        helpers = self._pool[:launch.threads - 1]
        job = _Job(launch, begin, len(helpers))
        for k, thread in enumerate(helpers):
            thread.jobs.put((job, launch.scratch + launch.kernel._scratch * (k + 1)))
        try:
            job.work(self._main, launch.scratch)
        except BaseException as e:
            job.fail(e)
        while True:
            try:
                if job.left.acquire(timeout=1):
                    break
            except BaseException as e:  # Ctrl-C, at which the others stop, too
                job.fail(e)
        if job.failure is not None:
            raise job.failure
        launch.kernel.learn((time.perf_counter() - start) * (len(helpers) + 1), launch.programs - begin)


class _Launch:

    def __init__(self, kernel, programs, threads, args, scratch, current):
        self.kernel, self.programs, self.threads, self.args, self.scratch, self.current = kernel, programs, threads, args, scratch, current


class _Job:
    """Programs that threads take in chunks."""

    def __init__(self, launch, begin, helpers):
        self.launch, self.next, self.end = launch, begin, launch.programs
        self.chunk = max(1, (self.end - begin) // ((helpers + 1) * 8))
        self.failure = None
        self._lock = threading.Lock()
        self._helpers = helpers
        self.left = threading.Semaphore(0 if helpers else 1)

    def take(self):
        with self._lock:
            begin = self.next
            self.next = min(begin + self.chunk, self.end)
            return begin, self.next

    def fail(self, error):
        with self._lock:
            if self.failure is None or isinstance(self.failure, state.engine().interrupted):  # what a handler raised counts
                self.failure = error
            self.next = self.end

    def work(self, worker, scratch):
        run = worker.function(self.launch.kernel)
        worker.current = self.launch.current
        while True:
            begin, end = self.take()
            if begin == end:
                return
            run(self.launch.args, _signed(begin), _signed(end), scratch)

    def done(self):
        with self._lock:
            self._helpers -= 1
            if not self._helpers:
                self.left.release()


class _Thread(threading.Thread):

    def __init__(self, memory):
        super().__init__(name="nereid", daemon=True)
        import queue
        self.jobs = queue.SimpleQueue()
        self._memory = memory
        self.start()

    def run(self):
        worker = Worker(self._memory)
        while True:
            job, scratch = self.jobs.get()
            try:
                job.work(worker, scratch)
            except BaseException as e:
                job.fail(e)
            job.done()


def _signed(n):
    return n - (1 << 32) if n >= 1 << 31 else n


def _write(line):
    sys.stdout.write(line + "\n")


@state.once
def machine():
    return Machine()


if hasattr(os, "register_at_fork"):  # threads do not exist in a child
    os.register_at_fork(after_in_child=machine.forget)


def compile(path, files, kernel, signature, constants, target="cpu", debug=False, print=None, python=None, schedule=""):
    request = compiler.request_of(path, files, kernel, signature, constants, debug, schedule)
    if target == "interp":

        def loaded():
            with compiler.lock:
                about, number = compiler.asked_parts("load", print, python, request)
                return about.decode(), int(number), compiler.last_used

        return Interpreted(loaded)
    if target != "cpu":
        raise ValueError(f"error: target `{target}` cannot run kernels; use one of: interp, cpu")
    entry, *named = compiler.asked_parts(f"compile wasm {'relaxed' if state.engine().relaxed else 'strict'}", print, python, request)
    entry = json.loads(entry)
    return Kernel.made(entry["kernel"], entry["wasm"], dict(zip((n.decode() for n in named[::2]), named[1::2])))


def load(saved):
    return Kernel.loaded(saved)
