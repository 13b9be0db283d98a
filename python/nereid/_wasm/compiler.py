# SPDX-License-Identifier: MIT
"""The compiler, and the interpreter, as a WebAssembly module (src/wasm/entry.cpp describes its requests)."""
import os
import struct
import sys
import tempfile
import threading
import time

from . import state

FILE = os.path.join(os.path.dirname(__file__), "python.wasm")
PORTABLE = os.path.join(os.path.dirname(__file__), "python.cwasm")  # the same for wasmtime's interpreter
lock = threading.RLock()  # a constexpr function that runs while a kernel compiles may compile another


class Fault(Exception):
    """An internal fault of the compiler."""


class _Modules:
    """The compiler's module, with machine code that is kept on disk, since producing it takes seconds. Until it exists, code for wasmtime's interpreter, which the
    wheel contains, is ten times slower, and a thread produces the machine code."""

    def __init__(self):
        self._lock, self._made, self._thread, self._requests = threading.Lock(), None, None, 0

    def _place(self):
        from .. import _cache
        folder = _cache.directory()
        return os.path.join(folder, f"compiler-{_cache.key('compiler', os.stat(FILE).st_size)[:32]}") if folder else None

    def get(self):
        """(engine, module)"""
        engine = state.engine()
        if self._made is None:
            self._made = self._kept(engine)
        if self._made is not None:
            return self._made
        portable = engine.portable(PORTABLE) if hasattr(engine, "portable") else None
        if portable is None:
            return self._make(engine)
        self._requests += 1
        # Without a cache the work is lost at the end of the process: it starts if there are many kernels.
        if self._thread is None and (self._place() or self._requests > 3):
            self._thread = threading.Thread(target=self._make, args=(engine, 0.5), name="nereid-compiler")  # after the first kernel
            self._thread.start()
        return portable

    def _kept(self, engine):
        place = self._place() if hasattr(engine, "save") else None
        if place and os.path.exists(place):
            try:
                return engine, engine.load_file(place)
            except engine.error:  # of another version or processor, or damaged
                pass
        return None

    def _make(self, engine, pause=0):
        time.sleep(pause)
        with self._lock:
            if self._made is None:
                with open(FILE, "rb") as f:
                    module = engine.compile(f.read())
                place = self._place() if hasattr(engine, "save") else None
                if place:
                    _write(place, engine.save(module))
                self._made = engine, module
        return self._made


def _write(place, data):
    folder = os.path.dirname(place)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=folder, prefix=".new-")
        with os.fdopen(handle, "wb") as f:
            f.write(data)
        os.replace(aside, place)
    except OSError:
        pass


modules = _Modules()


class _Compiler:
    """One instance of the module. After a fault its memory may be in any state, so the next request starts with a new one."""

    def __init__(self, engine, module):
        self.store, self.module = engine.store(), module
        f = self.store.function
        self.python = self.lines = None
        self.exports = self.store.instance(
            module, {
                "readNumber": f("ii", "d", lambda at, size: float(self.text(at, size))),
                "writeNumber": f("dii", "i", self._write_number),
                "fail": f("ii", "", self._fail),
                "python": f("ii", "i", self._ask_python),
                "line": f("iii", "", lambda kind, at, size: self.lines(kind, self.text(at, size))),
                # The C library refers to these, for files that the compiler never opens.
                "fd_close": f("i", "i", self._no_file),
                "fd_seek": f("ilii", "i", self._no_file),
                "fd_write": f("iiii", "i", self._no_file)})
        self.memory = self.exports.memory()
        self.exports.call("_initialize")

    def text(self, at, size):
        return self.bytes(at, size).decode("utf-8", "replace")

    def bytes(self, at, size):
        return bytes(self.memory.view(at & 0xFFFFFFFF, size)) if size else b""

    def _fail(self, at, size):
        raise Fault(self.text(at, size))

    @staticmethod
    def _no_file(*_):
        raise Fault("the module called a function for files")

    def _write_number(self, value, single, at):
        text = _digits(value, single).encode()
        self.memory.view(at, len(text))[:] = text
        return len(text)

    def _ask_python(self, at, size):
        good, text = self.python(self.text(at, size))
        data = text.encode("utf-8", "surrogatepass")
        self.exports.call("reply", self.put(data), len(data))
        return int(bool(good))

    def put(self, data):
        at = self.exports.call("alloc", len(data))
        if data:
            self.memory.view(at & 0xFFFFFFFF, len(data))[:] = data
        return at

    def ask(self, function, texts):
        """Returns whether it succeeded, and the parts of the answer."""
        data = b"".join(struct.pack("<I", len(t)) + t for t in (t if isinstance(t, bytes) else str(t).encode("utf-8", "surrogatepass") for t in texts))
        failed = self.exports.call(function, self.put(data), len(data))
        answer = self.bytes(self.exports.call("answer"), self.exports.call("answerSize"))
        parts, at = [], 0
        while at < len(answer):
            size, = struct.unpack_from("<I", answer, at)
            parts.append(answer[at + 4:at + 4 + size])
            at += 4 + size
        return not failed, parts


def _digits(value, single):
    """The shortest digits that read back as the same number, 1.5e-7; for a float, as the same float."""
    if not single:
        text = repr(value)
        mantissa = text.lower().partition("e")[0].replace("-", "").replace(".", "").strip("0")
        return f"{value:.{max(len(mantissa) - 1, 0)}e}"
    single_bits = struct.pack("f", value)
    for count in range(17):
        text = f"{value:.{count}e}"
        if struct.pack("f", float(text)) == single_bits:
            return text
    return text


_compiler = last_used = None


def compiler():
    global _compiler
    engine, module = modules.get()
    if _compiler is None or _compiler.module is not module:
        _compiler = _Compiler(engine, module)
    return _compiler


def drop():
    """After a fault."""
    global _compiler
    _compiler = None


def _siblings(path, source):
    """Files in the folder of a kernel's file, which it may import."""
    folder = os.path.dirname(path)
    for name in sorted(os.listdir(folder or ".")):
        stem, extension = os.path.splitext(name)
        if extension == ".py" and stem in source and name != os.path.basename(path):
            with open(os.path.join(folder, name), encoding="utf-8", newline="") as f:
                yield os.path.join(folder, name), f.read(), ""


def request_texts(command, path, files, kernel, signature, constants, debug=False, schedule=""):
    source = next((text for p, text, _ in files if p == path), None)
    if source is None:
        with open(path, encoding="utf-8", newline="") as f:
            source = f.read()
        files = [(path, source, ""), *_siblings(path, source), *files]
    shown = next(s for p, _, s in files if p == path)
    out = [command, path, source, kernel, "1" if debug else "", schedule, len(signature), *signature, len(constants)]
    for name, value in constants.items():
        out += [name, value]
    out += [path, source, shown]
    for other in files:
        if other[0] != path:
            out += other
    return out


def asked_parts(command, print, python, request):
    """The parts of the answer to a request; raises its errors. `last_used` is the compiler that answered, until `lock` is free."""
    global last_used
    with lock:
        c = compiler()
        before, c.python = c.python, python
        try:
            c.exports.call("usePython", int(python is not None))
            good, parts = c.ask("ask", request_texts(command, **request))
            last_used = c
        except state.engine().interrupted:  # a signal of the main thread, which stops all modules
            drop()
            return asked_parts(command, print, python, request)
        except Fault as e:
            drop()
            raise state.internal_error(_fault_text(str(e), command, request)) from None
        except state.engine().trap as e:
            drop()
            raise state.internal_error(_fault_text(f"the compiler stopped: {e}", command, request)) from None
        except BaseException:  # of a constexpr function: Ctrl-C, sys.exit
            drop()
            raise
        finally:
            c.python = before
            if c is _compiler:
                c.exports.call("usePython", int(before is not None))
    printed = parts[0].decode("utf-8", "replace")
    for line in printed.splitlines():
        if print:
            print(line)
        else:
            sys.stderr.write(line + "\n")
    if good:
        return parts[1:]
    text, diagnostics = (p.decode("utf-8", "replace") for p in parts[1:])
    error = state.compile_error(text.rstrip("\n"), diagnostics)
    raise error from (python.error if python is not None else None)


def _fault_text(what, command, request):
    """Writes the request's files to disk, and returns a message with a command that reproduces the fault."""
    import shlex
    how = "the kernel."
    try:
        folder = tempfile.mkdtemp(prefix="nereid-fault-", dir=os.environ.get("TMPDIR"))
        for path, text, _ in request["files"]:
            with open(os.path.join(folder, os.path.basename(path)), "w", encoding="utf-8", newline="") as f:
                f.write(text)
        name = os.path.join(folder, os.path.basename(request["path"])) if request["files"] else request["path"]
        verb, _, rest = command.partition(" ")
        words = ["nereid", "emit", "--stage", rest if verb == "emit" else "wat", name + (f":{request['kernel']}" if request["kernel"] else "")]
        if request["signature"]:
            words += ["--signature", ",".join(request["signature"])]
        for constant in request["constants"].items():
            words += ["-D", "=".join(constant)]
        how = f"what this command reads and prints:\n  {shlex.join(words)}{' --debug' if request['debug'] else ''}"
    except OSError:
        pass
    return f"error: {what}\nThis is a fault of Nereid, not of your kernel. Please report it with {how}"


_SCHEDULED = ("schedule", "candidates", "lower")


def request_of(path, files, kernel, signature, constants, debug, schedule):
    return dict(path=path, files=list(files), kernel=kernel, signature=list(signature), constants=dict(constants), debug=debug, schedule=schedule or "")


def emit(path, files, kernel, signature, constants, target="cpu", debug=False, print=None, python=None, schedule="", stage="ttir"):
    name, plus, rest = stage.partition("+")
    if name in ("llvm", "asm"):
        raise state.compile_error(f"error: this wheel has no stage `{name}`: kernels are WebAssembly here, which the stage `wat` shows; the native wheel, for Linux on x86-64, has it")
    if name in _SCHEDULED:
        name += ".wasm"
    return asked_parts(f"emit {name}{plus}{rest}", print, python, request_of(path, files, kernel, signature, constants, debug, schedule))[0].decode()


def describe(path, files, kernel, signature, constants, target="cpu", debug=False, print=None, python=None, schedule=""):
    return asked_parts("describe", print, python, request_of(path, files, kernel, signature, constants, debug, schedule))[0].decode()


def artefacts(path, files, kernel, signature, constants, target="cpu", debug=False, print=None, python=None, schedule="", directory="."):
    if target == "cpu":
        raise RuntimeError("object files for the target `cpu` need LLVM, which the native wheel has (Linux on x86-64); this wheel writes files for the targets wasm and webgpu")
    if target not in ("wasm", "webgpu"):
        raise ValueError(f"error: target `{target}` {'does not write files' if target == 'interp' else 'is unknown'}; use one of: wasm, webgpu")
    entry, *named = asked_parts(f"compile {target}", print, python, request_of(path, files, kernel, signature, constants, debug, schedule))
    os.makedirs(directory, exist_ok=True)
    for name, data in zip(named[::2], named[1::2]):
        with open(os.path.join(directory, name.decode()), "wb") as f:
            f.write(data)
    return entry.decode()
