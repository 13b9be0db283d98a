# SPDX-License-Identifier: MIT
"""nereid.tune: searches for a faster schedule of a kernel on this processor, and keeps it.

The search is that of `nereid tune` (tools/nereid/tune.cpp): each step replaces one decision by a legal one, or all decisions about one loop nest or dot by random
ones, and keeps the change if the kernel becomes faster.
"""
import ctypes
import dataclasses
import json
import re
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
    pairs, shapes = [(b, 0) for b in bits], kernel.describe_arrays(*args, **kwargs)

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
        launch = lambda runs: compiled.launch(grid, pairs, runs=runs, shapes=shapes)
        return measure(launch, schedule) if measure else min(launch(_RUNS))

    def decisions(schedule=""):
        try:
            text = _core.emit(**request, schedule=schedule, stage="schedule")
        except CompileError:  # decisions that are legal alone but not together
            return []
        return [line for line in text.splitlines() if line and not line.startswith("#")]

    def listed(schedule):
        return _parsed(_core.emit(**request, schedule=schedule, stage="candidates"))

    saved = [(about[0], ctypes.string_at(about[0], about[1])) for about in _checks.arrays_of(values.values()) if about[1] and not about[3]]
    try:
        result = _search(kernel.__name__, timed, decisions, listed, clock, seconds)
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


@dataclasses.dataclass
class Candidates:
    """A decision about a loop nest or dot that leaves a choice: its legal values and their estimated costs, the cheapest first. `line(value)` is a line of a
    schedule that makes this decision, and leaves later ones to the compiler."""
    nest: int
    decision: str
    values: list
    costs: list
    taken: str
    default: str
    reason: str
    before: str

    def line(self, value):
        return self.before + value


def _parsed(text):
    """The decisions in the text of the stage `candidates`."""
    out = []
    for line in text.splitlines():
        if m := re.fullmatch(r"((?:nest|dot) (\d+) .*)\{(.*)\}  # cost ([\d ]*); now (\w+), by default (\w+): (.*)", line):
            before, nest, values, costs, taken, default, reason = m.groups()
            out.append(Candidates(int(nest), before.split()[-1 if before.endswith(" ") else -2], values.split(), [int(c) for c in costs.split()], taken, default, reason, before))
    return out


def candidates(kernel, *args, signature=None, **kwargs):
    """The decisions of a kernel's schedule on this processor that leave a choice, with their legal values. Takes the arguments of a launch, or of `emit`."""
    if args or signature is not None:
        kernel, kwargs = resolved(kernel, args, kwargs, signature)
    return _parsed(_kernel(kernel).emit("candidates", *args, signature=signature, **kwargs))


def _neighbours(best, listed):
    """Schedules that differ from the best one in one decision: those first that should gain most."""
    changes = [(c.costs[c.values.index(c.taken)] - cost, c.line(value)) for c in listed for value, cost in zip(c.values, c.costs) if value != c.taken]
    for _, line in sorted(changes, key=lambda change: (-change[0], change[1])):
        name = " ".join(line.split()[:2]) + " "
        yield [line if old.startswith(name) else old for old in best]


def _search(name, timed, decisions, listed, clock, seconds):
    end = clock() + seconds
    text = lambda lines: "".join(line + "\n" for line in lines)
    best = decisions()
    seen = {text(best)}
    fastest = timed("")
    tried = kept = 0

    def wins(candidate):
        nonlocal best, fastest, tried, kept
        now = timed(text(candidate))
        tried += 1
        if tried % _REFRESH == 0:  # other programs slow the machine down, or stop doing so
            fastest = timed(text(best))
        if now > _NOISE * fastest:
            return False
        # Measured alternately: it must win each time, since other programs may run in between.
        for _ in range(_TURNS):
            fastest, now = timed(text(best)), timed(text(candidate))
            if now > _NOISE * fastest:
                return False
        best, fastest, kept = candidate, now, kept + 1
        return True

    def is_new(candidate):
        if len(candidate) != len(best) or text(candidate) in seen:
            return False
        seen.add(text(candidate))
        return True

    improves = True
    while improves:
        improves = False
        for candidate in _neighbours(best, listed(text(best))):
            if clock() >= end:
                break
            candidate = decisions(text(candidate))
            if is_new(candidate) and wins(candidate):
                improves = True
                break
    nests = [k for k, line in enumerate(best) if line.startswith(("nest ", "dot "))]
    seed = equal = 0
    while nests and equal < _MOST_EQUAL and clock() < end:
        seed += 1
        drawn, k = decisions(f"random {seed}"), nests[seed % len(nests)]
        if len(drawn) == len(best) and is_new(best[:k] + [drawn[k]] + best[k + 1:]):
            equal = 0
            wins(best[:k] + [drawn[k]] + best[k + 1:])
        else:
            equal += 1
    tuned, default = timed(text(best)), timed("")
    return Tuned(name, text(best), default, tuned, tried, kept)
