# SPDX-License-Identifier: MIT
"""Autotune and heuristics in compiled programs."""
import os
import subprocess
import sys
import textwrap

import jax
import jax.numpy as jnp
import nereid
import nereid.jax
import nereid.language as tl
import numpy as np
import pytest

from kernels import add, increment, jit, triton

call = nereid.jax.triton_call
both = pytest.mark.parametrize("which", ["nereid", pytest.param("triton", marks=pytest.mark.skipif(triton is None, reason="no triton"))])


def package(which):
    if which == "nereid":
        return nereid
    import triton
    return triton


def slow(x, o, n, TURNS: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i, mask=i < n)
    for _ in range(TURNS):
        v = tl.sin(v)
    tl.store(o + i, v * 0 + TURNS, mask=i < n)


@both
def test_the_fastest_is_chosen_and_kept(which, cache):
    made = package(which)
    turns = [300, 1, 50]
    kernel = made.autotune([made.Config({"TURNS": t, "BLOCK": 256}) for t in turns], key=["n"])(jit(slow, which))
    x = jnp.ones(10_000)
    before = len(nereid.jax.tuned())
    f = jax.jit(lambda x: call(x, n=x.size, kernel=kernel, out_type=x, grid=lambda meta: nereid.cdiv(x.size, meta["BLOCK"]), name=f"slow {which}"))
    for _ in range(3):
        np.testing.assert_array_equal(f(x), np.ones(10_000))
    (line,) = nereid.jax.tuned()[before:]
    assert line.startswith(f"slow {which}: [TURNS: 300, BLOCK: 256] ") and line.endswith("chosen: TURNS: 1, BLOCK: 256")
    files = os.listdir(cache / "tuned")
    assert len(files) == 1
    # Another program with the same call uses the stored measurement.
    np.testing.assert_array_equal(jax.jit(lambda x: f(x) + 1)(x), np.full(10_000, 2))
    assert len(nereid.jax.tuned()) == before + 1
    # A stored result is used unless it is damaged.
    place = cache / "tuned" / files[0]
    place.write_text("2 TURNS: 50, BLOCK: 256\n")
    assert jax.jit(lambda x: f(x) + 2)(x)[0] == 52
    place.write_text("9 nonsense\n")
    assert jax.jit(lambda x: f(x) + 3)(x)[0] == 4
    assert len(nereid.jax.tuned()) == before + 2


def test_deterministic_takes_the_first(cache):
    kernel = nereid.autotune([nereid.Config({"TURNS": t, "BLOCK": 256}) for t in (7, 1)], key=["n"])(nereid.jit(slow))
    x = jnp.ones(100)
    nereid.jax.set_deterministic()
    try:
        assert call(x, n=100, kernel=kernel, out_type=x, grid=1)[0] == 7
    finally:
        nereid.jax.set_deterministic(False)
    program = textwrap.dedent("""
        import jax.numpy as jnp, nereid, nereid.jax
        from test_tuning import slow
        kernel = nereid.autotune([nereid.Config({"TURNS": t, "BLOCK": 256}) for t in (7, 1)], key=["n"])(nereid.jit(slow))
        x = jnp.ones(100)
        print(nereid.jax.triton_call(x, n=100, kernel=kernel, out_type=x, grid=1)[0])""")
    out = subprocess.run([sys.executable, "-c", program], cwd=os.path.dirname(__file__), env={**os.environ, "NEREID_DETERMINISTIC": "1"}, capture_output=True, text=True)
    assert out.stdout.strip() == "7.0", out.stderr


def test_operands_in_place_are_restored(cache):
    kernel = nereid.autotune([nereid.Config({"BLOCK": b}) for b in (64, 128, 256)], key=["n"])(nereid.jit(increment))
    x = jnp.arange(1000, dtype=jnp.float32)
    f = jax.jit(lambda x: call(x, x.size, kernel=kernel, out_type=x, grid=lambda meta: nereid.cdiv(1000, meta["BLOCK"]), input_output_aliases={0: 0}))
    for _ in range(3):
        np.testing.assert_array_equal(f(x), np.arange(1000) + 1)
    ref = jax.new_ref(x)
    for k in range(3):
        call(ref, 1000, kernel=kernel, out_type=(), grid=lambda meta: nereid.cdiv(1000, meta["BLOCK"]), name="ref")
        np.testing.assert_array_equal(ref[...], np.arange(1000) + k + 1)


def test_refs_of_a_tuple_are_restored(cache):

    @nereid.autotune([nereid.Config({"BLOCK": 16}, num_warps=w) for w in (1, 2, 4)], key=[])
    @nereid.jit
    def step(pair, BLOCK: tl.constexpr):
        i = tl.arange(0, BLOCK)
        tl.store(pair[0] + i, tl.load(pair[0] + i) + 1)
        tl.store(pair[1] + i, tl.load(pair[1] + i) * 2)

    a, b = jax.new_ref(jnp.zeros(16)), jax.new_ref(jnp.ones(16))
    for k in range(3):
        call((a, b), kernel=step, out_type=(), grid=1)
        np.testing.assert_array_equal(a[...], np.full(16, k + 1))
        np.testing.assert_array_equal(b[...], np.full(16, 2 << k))


def test_zeroed_outputs_are_zero_for_each_configuration(cache):

    @nereid.autotune([nereid.Config({"BLOCK": b}) for b in (32, 64)], key=[])
    @nereid.jit
    def count(o, n, BLOCK: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        tl.atomic_add(o + i * 0, 1, mask=i < n)

    seen = []
    out = call(n=1000, kernel=count, out_type=jax.ShapeDtypeStruct((), jnp.int32), grid=lambda meta: nereid.cdiv(1000, meta["BLOCK"]), zeroed_outputs=lambda meta: seen.append(meta["BLOCK"]) or (0,))
    assert out == 1000 and seen == [32, 64]


def test_many_eager_calls(cache):
    """Outputs that are not initialised, call after call: jax-triton's issue 128."""
    kernel = nereid.autotune([nereid.Config({"BLOCK": b}) for b in (32, 128)], key=[])(nereid.jit(add))
    x = jnp.arange(1000, dtype=jnp.float32)
    for _ in range(10):
        np.testing.assert_array_equal(call(x, x, n=1000, kernel=kernel, out_type=x, grid=lambda meta: nereid.cdiv(1000, meta["BLOCK"])), 2 * np.arange(1000))


@both
def test_heuristics_are_asked_once_for_each_configuration(which, cache):
    made = package(which)
    asked = []

    def even(args):
        asked.append(args["n"] % args["BLOCK"] == 0)
        return asked[-1]

    def kernel(x, o, n, EVEN: tl.constexpr, BLOCK: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        if EVEN:
            tl.store(o + i, tl.load(x + i) + 1)
        else:
            tl.store(o + i, tl.load(x + i, mask=i < n) + 1, mask=i < n)

    x = jnp.arange(1024, dtype=jnp.float32)
    for n, blocks, wanted in ((1024, [64, 128, 256], [True, True, True]), (1000, [64], [False])):
        configs = [made.Config({"BLOCK": b}) for b in blocks]
        kept = [dict(c.kwargs) for c in configs]
        tuned = made.autotune(configs, key=["n"])(made.heuristics({"EVEN": even})(jit(kernel, which)))
        asked.clear()
        out = jax.jit(lambda x: call(x, n=n, kernel=tuned, out_type=x, grid=lambda meta: nereid.cdiv(n, meta["BLOCK"])))(x)
        np.testing.assert_array_equal(out[:n], x[:n] + 1)
        assert asked == wanted
        assert [c.kwargs for c in configs] == kept
    alone = made.heuristics({"EVEN": even})(jit(kernel, which))
    asked.clear()
    call(x, n=1024, kernel=alone, out_type=x, grid=16, BLOCK=64)
    assert asked == [True]


def test_configurations_that_are_left_out(cache):
    tried = []

    def prune(configs, named, **constants):
        assert named["n"] == 100 and named["x"].shape == (100,)
        return [c for c in configs if c.kwargs["BLOCK"] <= 64]

    @nereid.autotune([nereid.Config({"TURNS": t, "BLOCK": b}) for t in (1, 2) for b in (32, 64, 128)], key=[], prune_configs_by={"early_config_prune": prune, "perf_model": lambda **args: -args["BLOCK"], "top_k": 1})
    @nereid.jit
    def kernel(x, o, n, TURNS: tl.constexpr, BLOCK: tl.constexpr):
        i = tl.arange(0, BLOCK)
        tl.store(o + i, TURNS + 0.0 * tl.load(x + i, mask=i < n), mask=i < n)

    x = jnp.ones(100)

    def grid(meta):
        tried.append((meta["TURNS"], meta["BLOCK"]))
        return 1

    # A given constant selects the configurations that agree with it; then the pruner and the model apply.
    assert call(x, n=100, kernel=kernel, out_type=x, grid=grid, TURNS=2)[0] == 2
    assert tried == [(2, 64)]
    with pytest.raises(ValueError, match="no configuration of `kernel` is left after pruning, with TURNS=5"):
        call(x, n=100, kernel=kernel, out_type=x, grid=grid, TURNS=5)


def test_hooks_are_refused():
    kernel = nereid.autotune([nereid.Config({"BLOCK": 32}, pre_hook=print)], key=[])(nereid.jit(add))
    x = jnp.ones(8)
    with pytest.raises(NotImplementedError, match="pre_hook"):
        call(x, x, n=8, kernel=kernel, out_type=x, grid=1)


def test_calls_have_the_schedule_that_tune_found(cache, monkeypatch):
    @nereid.jit
    def double(x, o, n, BLOCK: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        tl.store(o + i, tl.load(x + i, mask=i < n) * 2, mask=i < n)

    compiled = []
    original = nereid._core.compile
    monkeypatch.setattr(nereid._core, "compile", lambda **k: compiled.append(k.get("schedule")) or original(**k))
    x = jnp.arange(100, dtype=jnp.float32)

    def run():
        """A program that has not been traced before."""
        f = jax.jit(lambda x: call(x, n=100, kernel=double, out_type=x, grid=1, BLOCK=128))
        assert (f(x) == 2 * x).all()
        return f.lower(x).as_text()

    assert "schedule" not in run()
    a, b = np.ones(1024, np.float32), np.zeros(1024, np.float32)
    lanes = lambda schedule: sum(int(line.split(" lanes ")[1].split()[0]) for line in schedule.splitlines() if line.startswith("nest "))
    result = nereid.tune(double, a, b, 100, BLOCK=128, grid=1, seconds=60, clock=iter(range(10**6)).__next__, measure=lambda launch, schedule: lanes(schedule) if schedule else 1000)
    assert result.kept
    compiled.clear()
    assert f"schedule {len(result.schedule)}" in run()
    assert compiled == [result.schedule]
    compiled.clear()
    assert f"schedule {len(result.schedule)}" in run() and not compiled
    # A program that came from elsewhere, where another schedule was legal.
    text = nereid.jax._call._kernels.popitem()[1]
    damaged = nereid.jax._call.text_of("double", 1, 1, [], [nereid.jax._call.Config(text.ir, (1, 1, 1), [("buffer", 0), ("buffer", 1), ("bits", 100)])])
    damaged.text = damaged.text.replace("lanes", "lines")
    made = nereid.jax._call.nereid_call_p.bind(x, call=damaged, aliases=(), has_side_effect=False, attributes=(), out_types=((x.shape, x.dtype), ))
    assert (made[0] == 2 * x).all()
