# SPDX-License-Identifier: MIT
"""nereid.tune: searches for a faster schedule of a kernel on this processor, and keeps it.

The search is that of `nereid tune` (tools/nereid/tune.cpp): each step replaces the decisions about one loop nest or dot by random legal ones, and keeps them
if the kernel becomes faster.
"""
import ctypes
import dataclasses
import json
import sys
import time

from . import _cache, _checks, _core, _from_ir
from .errors import CompileError
from .inspection import _kernel, resolved
from .jit import JITFunction, _name

_RUNS, _REFRESH, _TURNS = 15, 20, 4
_MOST_EQUAL = 100  # draws in a row without another decision, after which there is nothing to search
_NOISE = 0.98  # a candidate's time must be below this fraction of the best


@dataclasses.dataclass
class Tuned:
    """The result of nereid.tune: the schedule, as `nereid compile --schedule` takes it, and times in µs."""
    name: str
    schedule: str
    default_us: float
    tuned_us: float
    tried: int
    kept: int

    def __repr__(self):
        return f"{self.name}: {self.default_us:.1f} µs by default, {self.tuned_us:.1f} µs tuned ({self.tried} schedules tried, {self.kept} kept)"


def tune(kernel, *args, grid, seconds=30, measure=None, clock=time.monotonic, **kwargs):
    """Searches for a faster schedule for so many seconds, by launching the kernel with these arguments. Later launches with the same types and constexprs use
    it, in other processes too, as do nereid.compile, kernels of stock Triton and calls in JAX programs. The arrays have their old contents afterwards.

    `measure(launch, schedule)` replaces the time of a launch: it returns a number that is smaller for a better schedule; launch(runs) returns times in µs.
    `clock()` returns seconds."""
    if not seconds > 0:
        raise ValueError(f"seconds must be above 0 (got {seconds})")
    outer, kernel = kernel, _kernel(kernel)
    if hasattr(outer, "best_config") or hasattr(outer, "values"):  # choose the constexprs first
        outer[grid](*args, **kwargs)
        kwargs = resolved(outer, args, kwargs)[1]
    kernel.check_call(*args, **kwargs)
    signature, constants, bits, debug = kernel.describe_call(*args, **kwargs)
    values = kernel.bind(*args, **kwargs)
    grid = grid(values) if callable(grid) else grid
    own = {**kernel._request(signature, constants, debug), "print": lambda _: None}
    routes = [(_name(own), own)]
    for ir in (_core.emit(**{k: v for k, v in own.items() if k != "target"}, stage="ttir"), _stock_ir(outer, args, kwargs)):
        if ir:
            routes.append((_from_ir.name(ir), {**_from_ir.request(ir), "print": lambda _: None}))
    if len(json.loads(_core.describe(**routes[-1][1]))["parameters"]) != len(bits):
        routes.pop()
    request = routes[-1][1] if len(routes) > 2 else own  # what the launch of this kernel compiles
    pairs = [(b, 0) for b in bits]

    def built(request, schedule):
        try:
            return _core.compile(**request, schedule=schedule)
        except CompileError:
            if not schedule:
                raise
            return None  # decisions that are legal alone but not together

    def timed(schedule):
        compiled = built(request, schedule)
        if not compiled:
            return float("inf")
        launch = lambda runs: compiled.launch(grid, pairs, runs=runs)
        return measure(launch, schedule) if measure else min(launch(_RUNS))

    def decisions(schedule=""):
        text = _core.emit(**request, schedule=schedule, stage="schedule")
        return [line for line in text.splitlines() if line and not line.startswith("#")]

    saved = [(about[0], ctypes.string_at(about[0], about[1])) for about in _checks.arrays_of(values.values()) if about[1] and not about[3]]
    try:
        result = _search(kernel.__name__, timed, decisions, clock, seconds)
    finally:
        for address, contents in saved:
            ctypes.memmove(address, contents, len(contents))
    for name, route in routes:
        _cache.keep_schedule(name, result.schedule if result.kept and built(route, result.schedule) else "")
    kernel.forget()  # the next launch compiles again
    _forget_stock(outer)
    return result


def _stock(kernel):
    """The kernel of stock Triton in `kernel`, if there is one that launches through Nereid."""
    while hasattr(kernel, "fn") and not isinstance(kernel, JITFunction):
        if type(kernel).__name__ == "JITFunction":
            driver = sys.modules.get("triton.runtime.driver")
            return kernel if driver and type(driver.driver.active).__name__ == "NereidDriver" else None
        kernel = kernel.fn
    return None


def _stock_ir(kernel, args, kwargs):
    """The IR that stock Triton's front-end makes of a kernel: what its launches compile."""
    kernel = _stock(kernel)
    return kernel.warmup(*args, grid=(1, ), **kwargs).asm["nereid"].decode() if kernel else None


def _forget_stock(kernel):
    if kernel := _stock(kernel):
        getattr(kernel, "device_caches", getattr(kernel, "cache", {})).clear()


def _search(name, timed, decisions, clock, seconds):
    end = clock() + seconds
    text = lambda lines: "".join(line + "\n" for line in lines)
    best = decisions()
    nests = [k for k, line in enumerate(best) if line.startswith(("nest ", "dot "))]
    fastest = timed("")
    tried = kept = seed = equal = 0
    while nests and equal < _MOST_EQUAL and clock() < end:
        seed += 1
        drawn, k = decisions(f"random {seed}"), nests[seed % len(nests)]
        if len(drawn) != len(best) or drawn[k] == best[k]:
            equal += 1
            continue
        equal = 0
        candidate = best[:k] + [drawn[k]] + best[k + 1:]
        now = timed(text(candidate))
        tried += 1
        if tried % _REFRESH == 0:  # other programs slow the machine down, or stop doing so
            fastest = timed(text(best))
        if now > _NOISE * fastest:
            continue
        # Measured alternately: it must win each time, since other programs may run in between.
        for _ in range(_TURNS):
            fastest, now = timed(text(best)), timed(text(candidate))
            if now > _NOISE * fastest:
                break
        else:
            best, fastest, kept = candidate, now, kept + 1
    tuned, default = timed(text(best)), timed("")
    return Tuned(name, text(best), default, tuned, tried, kept)
