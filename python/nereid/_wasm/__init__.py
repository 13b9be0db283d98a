# SPDX-License-Identifier: MIT
"""Replaces the extension nereid._native: the compiler as a WebAssembly module, and kernels as WebAssembly, in wasmtime or in a page."""
import os

from . import state
from .arrays import array
from .compiler import artefacts, describe, emit
from .kernel import Kernel, compile, load
from .launch import FastPath, Wrapped
from .state import CompileErrorBase, get_num_threads, processor, set_checks, set_errors, set_hooks, set_num_threads, targets

FILE = os.path.join(os.path.dirname(__file__), "python.wasm")


def version():
    return state.VERSION


def run_tool(words):
    from .tool import run
    return run(words[1:])


__all__ = [
    "CompileErrorBase", "FILE", "FastPath", "Kernel", "Wrapped", "array", "artefacts", "compile", "describe", "emit", "get_num_threads", "load", "processor", "run_tool", "set_checks",
    "set_errors", "set_hooks", "set_num_threads", "targets", "version"
]
