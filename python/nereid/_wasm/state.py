# SPDX-License-Identifier: MIT
"""Shared by the modules of this package: errors, switches, and the engine that runs WebAssembly."""
import functools
import json
import os
import platform
import sys
import threading

CompileErrorBase = Exception
compile_error = launch_error = internal_error = Exception
hooks = checks = False
_threads = 0


def _version():
    try:
        with open(os.path.join(os.path.dirname(__file__), "version.txt"), encoding="utf-8") as f:
            return f.read().strip()
    except OSError:
        return "unknown"


VERSION = _version()


def set_errors(compile, launch, internal):
    global compile_error, launch_error, internal_error
    compile_error, launch_error, internal_error = compile, launch, internal


def set_hooks(on):
    global hooks
    hooks = on


def set_checks(on):
    global checks
    checks = on


def get_num_threads():
    if _threads:
        return _threads
    text = os.environ.get("NEREID_NUM_THREADS", "")
    if text.isdigit() and int(text) > 0:
        return int(text)
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def set_num_threads(threads):
    global _threads
    _threads = max(0, int(threads))


def once(make):
    """A function that makes an object at its first call, also if several threads call it at once."""
    lock, made = threading.RLock(), []

    @functools.wraps(make)
    def get():
        if not made:
            with lock:
                if not made:
                    made.append(make())
        return made[0]

    get.forget = made.clear
    return get


@once
def engine():
    """The engine: wasmtime, or the page's own under Pyodide."""
    if sys.platform == "emscripten":
        from .page import Engine
    else:
        try:
            from .wasmtime import Engine
        except ImportError as e:
            raise ImportError("this wheel of nereid-lang runs kernels in wasmtime, which is not installed: pip install wasmtime") from e
    return Engine()


def processor():
    return f"{platform.machine()} {engine().name}"


def targets():
    """JSON, as nereid_targets of the C interface."""
    rows = [
        ("interp", "the interpreter: slow, exact, the meaning of everything", True, "", "", False),
        ("cpu", f"WebAssembly in {engine().name}, for this processor", True, "", "", False),
        ("wasm", "WebAssembly with SIMD, for browsers and Node", False, "the universal wheel runs it as target `cpu`", "", True),
        ("webgpu", "WGSL for GPUs, by WebGPU in browsers and Node", False, "use device=\"gpu\"", "", True)]
    return json.dumps([dict(zip(("name", "doc", "runs", "missing", "found", "writes"), row)) for row in rows])
