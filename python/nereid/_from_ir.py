# SPDX-License-Identifier: MIT
"""Kernels compiled from IR: those of JAX programs, and those of stock Triton's front-end."""
from . import _cache, _core
from .errors import CompileError


def request(ir):
    return dict(path="kernel.ttir", files=[("kernel.ttir", ir, "")], kernel="", signature=[], constants={}, print=print)


def name(ir):
    """The name of a kernel in the cache."""
    return _cache.key("ttir", ir)


def schedule(ir):
    """The schedule that nereid.tune stored for this kernel on this processor, or an empty string."""
    text = _cache.schedule(name(ir))
    return text and text.rstrip("\n") + "\n"


def compiled(ir):
    """The kernel, with the schedule that nereid.tune stored: from the cache, or compiled now."""
    if tuned := schedule(ir):
        try:
            return _built(_cache.key(name(ir), tuned), ir, tuned)
        except CompileError:  # a damaged schedule, or an error of the kernel, which is raised by the other compilation
            _cache.keep_schedule(name(ir), "")
    return _built(name(ir), ir, "")


def _built(key, ir, tuned):
    kernel = _cache.load(key)
    if kernel is None:
        kernel = _core.compile(**request(ir), schedule=tuned)
        _cache.store(key, kernel)
    return kernel
