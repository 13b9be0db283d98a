# SPDX-License-Identifier: MIT
"""autotune, heuristics, benchmarks; and files that say `import triton`."""
import importlib
import subprocess
import sys

import numpy as np
import pytest

import nereid
import nereid.language as tl
from nereid import testing

F32 = np.float32


@pytest.mark.parametrize("extra", [None, 1, 1.5, "a", True, (1, 2), [1, 2], tl.float32])
def test_any_argument_may_be_tuned_for(extra):
    @nereid.autotune([nereid.Config({"N": 8}), nereid.Config({"N": 4})], key=["n", "EXTRA"], reset_to_zero=["bias"], restore_value=["bias"])
    @nereid.jit
    def kernel(x, bias, o, n, EXTRA: tl.constexpr, N: tl.constexpr):
        i = tl.program_id(0) * N + tl.arange(0, N)
        v = tl.load(x + i)
        if bias is not None:
            v += tl.load(bias + i)
        tl.store(o + i, v)

    x, o = np.ones(8, F32), np.zeros(8, F32)
    kernel[lambda meta: (nereid.cdiv(8, meta["N"]), )](x, None, o, 8, extra)
    assert list(o) == [1] * 8 and len(kernel.cache) == 1


def tuned(calls=None, **options):
    @nereid.autotune(configs=[nereid.Config({"BLOCK": b}, num_warps=2) for b in (16, 64, 256)], key=["n"], **options)
    @nereid.jit
    def kernel(x, y, n, BLOCK: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        tl.store(y + i, tl.load(y + i, mask=i < n) + tl.load(x + i, mask=i < n), mask=i < n)

    return kernel


def launch(kernel, n, x=None):
    x, y = np.ones(n, F32) if x is None else x, np.zeros(n, F32)
    kernel[lambda meta: (nereid.cdiv(n, meta["BLOCK"]), )](x, y, n)
    return y


def quick(call, quantiles):
    call()
    return [quick.times.pop(0)] * 3


def test_autotune_measures_once_for_each_problem():
    quick.times = [3.0, 1.0, 2.0, 1.0, 2.0, 3.0, 2.0, 3.0, 1.0]
    kernel = tuned(do_bench=quick, reset_to_zero=["y"])
    assert (launch(kernel, 1000) == 1).all()
    assert kernel.best_config.kwargs == {"BLOCK": 64}
    launch(kernel, 1000)
    assert len(quick.times) == 6
    launch(kernel, 500)
    assert kernel.best_config.kwargs == {"BLOCK": 16} and len(kernel.cache) == 2
    launch(kernel, 500, np.ones(500, np.float64))  # other types are another problem
    assert kernel.best_config.kwargs == {"BLOCK": 256} and len(kernel.cache) == 3


def test_restore_and_reset():
    for options in ({"restore_value": ["y"]}, {"reset_to_zero": ["y"]}):
        quick.times = [1.0, 2.0, 3.0]
        kernel = tuned(do_bench=quick, **options)
        y = np.zeros(100, F32)
        kernel[lambda meta: (nereid.cdiv(100, meta["BLOCK"]), )](np.ones(100, F32), y, 100)
        assert (y == 1).all(), options


def test_hooks_and_pruning():
    seen = []
    quick.times = [2.0, 1.0]
    kernel = tuned(do_bench=quick, pre_hook=lambda args: seen.append(args["BLOCK"]), prune_configs_by={"early_config_prune": lambda configs, args, **_: [c for c in configs if c.kwargs["BLOCK"] <= args["n"]]})
    launch(kernel, 64)
    assert seen == [16, 64] and kernel.best_config.kwargs == {"BLOCK": 64}
    quick.times = [1.0]
    kernel = tuned(do_bench=quick, prune_configs_by={"perf_model": lambda BLOCK, **_: -BLOCK, "top_k": 1})
    launch(kernel, 64)
    assert kernel.best_config.kwargs == {"BLOCK": 256}


def test_a_config_that_does_not_compile_is_passed_over():
    @nereid.autotune(configs=[nereid.Config({"N": 3}), nereid.Config({"N": 4})], key=[])
    @nereid.jit
    def kernel(o, N: tl.constexpr):
        tl.store(o + tl.arange(0, N), 1.0)

    o = np.zeros(8, F32)
    kernel[(1, )](o)
    assert kernel.best_config.kwargs == {"N": 4} and o.sum() == 4

    @nereid.autotune(configs=[nereid.Config({"N": 3}), nereid.Config({"N": 5})], key=[])
    @nereid.jit
    def bad(o, N: tl.constexpr):
        tl.store(o + tl.arange(0, N), 1.0)

    with pytest.raises(nereid.CompileError):
        bad[(1, )](o)


def test_heuristics_over_autotune():
    @nereid.autotune(configs=[nereid.Config({"BLOCK": 16}), nereid.Config({"BLOCK": 32})], key=["n"])
    @nereid.heuristics({"EVEN": lambda args: args["n"] % args["BLOCK"] == 0})
    @nereid.jit
    def kernel(o, n, BLOCK: tl.constexpr, EVEN: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        if EVEN:
            tl.store(o + i, 1.0)
        else:
            tl.store(o + i, 2.0, mask=i < n)

    for n, wanted in ((32, 1), (33, 2)):
        o = np.zeros(64, F32)
        kernel[lambda meta: (nereid.cdiv(n, meta["BLOCK"]), )](o, n)
        assert o[:n].tolist() == [wanted] * n and not o[n:].any()
    m = nereid.benchmark(kernel, np.zeros(64, F32), 64, grid=lambda meta: (nereid.cdiv(64, meta["BLOCK"]), ), runs=5)
    assert len(m.times) == 5


def test_results_are_kept(cache):
    for times in ([3.0, 1.0, 2.0], []):
        quick.times = times
        kernel = tuned(do_bench=quick, cache_results=True)
        launch(kernel, 1000)
        assert kernel.best_config.kwargs == {"BLOCK": 64} and not quick.times
    stored, = (cache / "tuned").iterdir()
    stored.write_text("{")
    quick.times = [1.0, 2.0, 3.0]
    kernel = tuned(do_bench=quick, cache_results=True)
    launch(kernel, 1000)
    assert kernel.best_config.kwargs == {"BLOCK": 16}


def test_what_would_change_the_kernel_is_refused():
    with pytest.raises(NotImplementedError, match="ir_override"):
        nereid.Config({}, ir_override="kernel.ttir")

    @nereid.jit
    def kernel(o):
        tl.store(o, 1.0)

    with pytest.raises(NotImplementedError, match="wait for each other"):
        kernel[(1, )](np.zeros(1, F32), launch_cooperative_grid=True)
    kernel[(1, )](np.zeros(1, F32), launch_cooperative_grid=False)


def test_do_bench():
    assert testing.do_bench(lambda: None, warmup=1, rep=1) < 1
    low, high = testing.do_bench(lambda: None, warmup=1, rep=2, quantiles=[0.1, 0.9])
    assert low <= high
    assert len(testing.do_bench(lambda: None, warmup=1, rep=1, return_mode="all")) >= 5


def test_reports(tmp_path, capsys):
    @testing.perf_report(testing.Benchmark(x_names=["n"], x_vals=[1, 2], line_arg="which", line_vals=["a", "b"], line_names=["A", "B"], plot_name="report", args={"k": 3}, ylabel="ms"))
    def bench(n, which, k):
        return n * k if which == "a" else (n, n, n)

    table = bench.run(print_data=True, return_df=True, save_path=str(tmp_path))
    assert [row["A"] for row in table] == [3, 6] and [row["B"] for row in table] == [1, 2]
    assert "report" in capsys.readouterr().out
    assert (tmp_path / "report.csv").read_text().splitlines()[0] == "n,A,B"


def make_row_kernel():
    @nereid.jit
    def rows(x, y, n, BLOCK: tl.constexpr):
        i = tl.arange(0, BLOCK)
        v = tl.load(x + i, mask=i < n, other=0.0)
        tl.store(y + i, tl.load(y + i, mask=i < n) + v / tl.sum(v, axis=0), mask=i < n)

    return rows


def lanes(schedule):
    return sum(int(line.split(" lanes ")[1].split()[0]) for line in schedule.splitlines() if line.startswith("nest "))


def by_lanes(launch, schedule):
    """A fake time: fewer lanes are faster."""
    assert len(launch(1)) == 1
    return lanes(schedule) if schedule else 1000


def ticks():
    """A clock that advances a second per look."""
    return iter(range(10**6)).__next__


def tune_rows(kernel, **options):
    x, y = np.arange(1, 101, dtype=F32), np.ones(100, F32)
    result = nereid.tune(kernel, x, y, 100, BLOCK=128, grid=1, **{"seconds": 60, "measure": by_lanes, "clock": ticks(), **options})
    assert (y == 1).all()  # restored
    kernel[1](x, y, 100, BLOCK=128)
    assert np.allclose(y, 1 + x / x.sum(), rtol=1e-6)
    return result


def decisions(kernel):
    return [line for line in kernel.emit("schedule").splitlines() if line.startswith("nest ")]


def test_tune_keeps_the_fastest_schedule_for_later_launches(cache):
    kernel = make_row_kernel()
    x, y = np.ones(100, F32), np.zeros(100, F32)
    kernel[1](x, y, 100, BLOCK=128)
    default = decisions(kernel)
    result = tune_rows(kernel)
    assert result.kept and lanes(result.schedule) < lanes("\n".join(default)) and result.tuned_us < result.default_us and "rows: " in repr(result)
    assert decisions(kernel) == result.schedule.splitlines()[1:] != default
    assert "(module" in kernel.emit("wat")  # the schedule is not one of other targets
    # Another process, and another kernel: other constants have other schedules.
    nereid._cache._schedules.clear()
    again = make_row_kernel()
    again[1](x, y, 100, BLOCK=128)
    assert decisions(again) == result.schedule.splitlines()[1:]
    again[1](x, y, 100, BLOCK=256)
    assert lanes("\n".join(decisions(again))) > lanes(result.schedule)


def test_candidates_are_legal_and_the_default_is_among_them(monkeypatch):
    monkeypatch.setenv("NEREID_CACHE", "0")
    kernel = make_row_kernel()
    x, y = np.arange(1, 101, dtype=F32), np.ones(100, F32)
    found = nereid.candidates(kernel, x, y, 100, BLOCK=128)
    assert {c.decision for c in found} >= {"vector", "lanes", "unrolled"}
    signature, constants, bits, debug = kernel.describe_call(x, y, 100, BLOCK=128)
    request = kernel._request(signature, constants, debug)
    tried = 0
    for c in found:
        assert c.taken == c.default and c.default in c.values and c.costs == sorted(c.costs)
        for value in c.values:
            compiled = nereid._core.compile(**request, schedule="kernel threads 1\n" + c.line(value) + "\n")
            y[:] = 1
            compiled.launch((1, ), [(b, 0) for b in bits], shapes=kernel.describe_arrays(x, y, 100, BLOCK=128))
            assert np.allclose(y, 1 + x / x.sum(), rtol=1e-6), c.line(value)
            tried += 1
    assert tried > 15
    assert [(c.decision, c.values) for c in nereid.candidates(kernel, signature="*fp32:16,*fp32:16,i32", BLOCK=128)] == [(c.decision, c.values) for c in found]


def test_launches_after_tune_are_compiled_with_its_schedule(monkeypatch):
    monkeypatch.setenv("NEREID_CACHE", "0")
    kernel = make_row_kernel()
    x, y = np.ones(100, F32), np.zeros(100, F32)
    kernel[1](x, y, 100, BLOCK=128)
    result = nereid.tune(kernel, x, y, 100, BLOCK=128, grid=1, seconds=60, measure=by_lanes, clock=ticks())
    compiled = []
    original = nereid._core.compile
    monkeypatch.setattr(nereid._core, "compile", lambda **k: compiled.append(k.get("schedule")) or original(**k))
    for _ in range(2):
        kernel[1](x, y, 100, BLOCK=128)
    assert compiled == [result.schedule]
    nereid._cache._schedules.clear()


@pytest.mark.skipif(not nereid._core.NATIVE, reason="object files need LLVM")
def test_compile_writes_the_tuned_schedule(cache, monkeypatch, tmp_path):
    kernel = make_row_kernel()
    schedule = tune_rows(kernel).schedule
    used = []
    original = nereid._core.artefacts
    monkeypatch.setattr(nereid._core, "artefacts", lambda **k: used.append((k["target"], k.get("schedule", ""))) or original(**k))
    x, y = np.ones(100, F32), np.zeros(100, F32)
    nereid.compile(kernel, args=(x, y, 100), constants={"BLOCK": 128}, target="cpu,wasm", out=str(tmp_path))
    nereid.compile(kernel, args=(x, y, 100), constants={"BLOCK": 256}, out=str(tmp_path))
    assert used == [("cpu", schedule), ("wasm", ""), ("cpu", "")]
    # A damaged one is not used.
    signature, constants, _, debug = kernel.describe_call(x, y, 100, BLOCK=128)
    nereid._cache.keep_schedule(nereid.jit.__globals__["_name"](kernel._request(signature, constants, debug)), "nonsense")
    nereid.compile(kernel, args=(x, y, 100), constants={"BLOCK": 128}, out=str(tmp_path))
    assert [s for _, s in used[3:]] == ["nonsense", ""]


def test_tune_forgets_a_schedule_that_no_longer_wins(cache):
    kernel = make_row_kernel()
    assert tune_rows(kernel).kept
    tuned = decisions(kernel)
    result = tune_rows(kernel, measure=lambda launch, schedule: 1)
    assert result.kept == 0 and result.tried > 0
    assert decisions(kernel) == result.schedule.splitlines()[1:] != tuned
    nereid._cache._schedules.clear()
    assert decisions(kernel) != tuned


def test_tune_without_a_cache_folder(monkeypatch):
    monkeypatch.setenv("NEREID_CACHE", "0")
    kernel = make_row_kernel()
    result = tune_rows(kernel)
    assert decisions(kernel) == result.schedule.splitlines()[1:]
    nereid._cache._schedules.clear()


def test_a_damaged_schedule_is_ignored(cache):
    kernel = make_row_kernel()
    default = tune_rows(kernel, measure=lambda launch, schedule: 1).schedule
    signature, constants, debug = kernel._described((), {})
    name = nereid.jit.__globals__["_name"](kernel._request(signature, constants, debug))
    for bad in ("nonsense", default.replace("axes 128", "axes 64"), default.replace("lanes ", "lanes 3")):
        nereid._cache.keep_schedule(name, bad)
        kernel.forget()
        x, y = np.ones(100, F32), np.zeros(100, F32)
        kernel[1](x, y, 100, BLOCK=128)
        assert np.allclose(y, 0.01) and nereid._cache.schedule(name) == ""


def test_tune_ends_if_there_is_nothing_to_search(monkeypatch):
    """The clock does not advance: draws that differ in no decision end the search."""
    monkeypatch.setenv("NEREID_CACHE", "0")
    emit = nereid._core.emit
    monkeypatch.setattr(nereid._core, "emit", lambda schedule="", **request: emit(**request))
    result = tune_rows(make_row_kernel(), clock=lambda: 0)
    assert result.tried == result.kept == 0


def test_tune_chooses_constants_first_and_stops_in_time():
    quick.times = [3.0, 1.0, 2.0]
    kernel = tuned(do_bench=quick, reset_to_zero=["y"])
    x, y = np.ones(1000, F32), np.zeros(1000, F32)
    grid = lambda meta: (nereid.cdiv(1000, meta["BLOCK"]), )
    result = nereid.tune(kernel, x, y, 1000, grid=grid, seconds=3, measure=by_lanes, clock=ticks())
    assert "axes 64 " in result.schedule and result.tried <= 3
    with pytest.raises(ValueError, match="seconds must be above 0"):
        nereid.tune(kernel, x, y, 1000, grid=grid, seconds=0)
    with pytest.raises(TypeError, match="decorate"):
        nereid.tune(print, grid=1)


FILE = '''
import triton
import triton.language as tl
from triton.language.extra import libdevice
from triton.runtime import driver
import triton.testing

@triton.autotune([triton.Config({"B": 32}, num_warps=4)], key=[])
@triton.jit
def kernel(o, B: tl.constexpr):
    tl.store(o + tl.arange(0, B), libdevice.tanh(tl.full([B], 0.5, tl.float32)))
'''


def test_files_for_triton(tmp_path):
    (tmp_path / "for_triton.py").write_text(FILE)
    script = """
import sys
sys.path.insert(0, sys.argv[1])
import nereid.compat, numpy as np
triton = nereid.compat.install()
import for_triton
o = np.zeros(32, np.float32)
for_triton.kernel[(1,)](o)
assert np.allclose(o, np.tanh(0.5)), o
assert nereid.compat.install() is triton
nereid.compat.uninstall()
assert "triton" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_language_has_what_the_compiler_has():
    """The front-end knows every name of nereid.language."""
    unknown = []
    for module in ("", ".math"):
        space = importlib.import_module("nereid.language" + module)
        for name in space.FUNCTIONS:
            text = f"import triton\nimport triton.language as tl\n\n@triton.jit\ndef k(o):\n    f = tl{module}.{name}\n    tl.store(o, 1)\n"
            try:
                nereid._core.emit(path="k.py", files=[("k.py", text, "")], kernel="k", signature=["*fp32"], constants={}, stage="ttir")
            except nereid.CompileError as e:
                if "has no" in str(e):
                    unknown.append(name)
    assert not unknown
