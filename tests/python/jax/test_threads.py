# SPDX-License-Identifier: MIT
"""Calls on XLA's threads: several at once, from within its pool, and the treatment of denormal numbers."""
import concurrent.futures

import jax
import jax.numpy as jnp
import nereid
import nereid.jax
import nereid.language as tl
import numpy as np
import pytest

call = nereid.jax.triton_call


@nereid.jit
def work(x, o, turns, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(x + i)
    for _ in range(turns):
        v = v * 0.5 + 1.0
    tl.store(o + i, v + tl.program_id(0))


def worked(x, turns, block):
    return call(x, turns=turns, kernel=work, out_type=x, grid=x.size // block, BLOCK=block)


def expected(x, turns, block):
    v = np.asarray(x)
    for _ in range(turns):
        v = v * np.float32(0.5) + np.float32(1)
    return v + np.repeat(np.arange(x.size // block, dtype=np.float32), block)


@pytest.mark.parametrize("programs", [1, 2, 3, 64, 4096])
@pytest.mark.parametrize("turns", [2, 500])
def test_every_program_runs_once(programs, turns):
    x = jnp.linspace(0, 1, programs * 64, dtype=jnp.float32)
    f = jax.jit(lambda x: worked(x, turns, 64))
    for _ in range(5):  # the first is measured, later ones know how long programs take
        np.testing.assert_allclose(f(x), expected(x, turns, 64), rtol=1e-6)


def test_the_same_call_from_several_threads_at_once():
    x = jnp.linspace(0, 1, 512 * 64, dtype=jnp.float32)
    f = jax.jit(lambda x: worked(x, 50, 64))
    wanted = expected(x, 50, 64)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for out in pool.map(lambda _: np.asarray(f(x)), range(100)):
            np.testing.assert_allclose(out, wanted, rtol=1e-6)


def test_independent_calls_within_a_program():
    """XLA may run calls on all threads of its pool, which then all request helpers."""
    xs = [jnp.linspace(k, k + 1, 256 * 64, dtype=jnp.float32) for k in range(16)]
    f = jax.jit(lambda *xs: [worked(worked(x, 20, 64), 20, 64) for x in xs])
    for _ in range(10):
        out = f(*xs)
    for x, o in zip(xs, out):
        np.testing.assert_allclose(o, expected(expected(x, 20, 64), 20, 64), rtol=1e-5)


def test_several_devices_at_once():
    devices = jax.devices()
    assert len(devices) == 4
    xs = [jax.device_put(jnp.linspace(k, k + 1, 256 * 64, dtype=jnp.float32), d) for k, d in enumerate(devices)]
    f = jax.jit(lambda x: worked(x, 100, 64))
    for _ in range(5):
        outs = [f(x) for x in xs]
        for x, o, d in zip(xs, outs, devices):
            assert o.devices() == {d}
            np.testing.assert_allclose(o, expected(x, 100, 64), rtol=1e-6)


def test_long_chains_and_loops():
    x = jnp.zeros(64 * 64, jnp.float32)
    one = np.repeat(np.arange(64, dtype=np.float32), 64)
    np.testing.assert_array_equal(jax.jit(lambda x: jax.lax.fori_loop(0, 1000, lambda _, x: worked(x, 0, 64), x))(x), 1000 * one)


@pytest.mark.parametrize("programs", [1, 4096])
def test_denormal_numbers_are_numbers_on_every_thread(programs):
    """XLA's threads flush them to zero."""

    @nereid.jit
    def half(x, o, BLOCK: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        v = tl.load(x + i)
        for _ in range(100):
            v = v * 1.0
        tl.store(o + i, v * 0.5)

    x = jnp.asarray(np.full(programs * 256, 1.5e-38, np.float32))
    f = jax.jit(lambda x: call(x, kernel=half, out_type=x, grid=programs, BLOCK=256))
    for _ in range(3):
        np.testing.assert_array_equal(np.asarray(f(x)).view(np.uint32), np.full(programs * 256, 0.75e-38, np.float32).view(np.uint32))
    # And XLA's own arithmetic is as it was: in one program with the call, too.
    y = jax.jit(lambda x: (f(x), x * jnp.float32(0.5)))(x)[1]
    np.testing.assert_array_equal(y, jax.jit(lambda x: x * jnp.float32(0.5))(x))


def test_threads_can_be_limited():
    x = jnp.linspace(0, 1, 512 * 64, dtype=jnp.float32)
    f = jax.jit(lambda x: call(x, turns=100, kernel=work, out_type=x, grid=512, BLOCK=64, backend_options={"num_threads": 1}))
    for _ in range(3):
        np.testing.assert_allclose(f(x), expected(x, 100, 64), rtol=1e-6)
    threads = nereid.get_num_threads()
    try:
        for n in (1, 3, 64):
            nereid.set_num_threads(n)
            np.testing.assert_allclose(jax.jit(lambda x: worked(x, 100, 64))(x), expected(x, 100, 64), rtol=1e-6)
    finally:
        nereid.set_num_threads(threads)


def test_a_failed_assertion_is_of_its_own_launch():

    @nereid.jit
    def checked(x, o, BLOCK: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        v = tl.load(x + i)
        tl.device_assert(v >= 0, "negative")
        tl.store(o + i, v)

    f = jax.jit(lambda x: call(x, kernel=checked, out_type=x, grid=64, BLOCK=64, debug=True))
    good, bad = jnp.ones(64 * 64), -jnp.ones(64 * 64)

    def run(k):
        try:
            f(bad if k % 3 == 0 else good).block_until_ready()
            return False
        except Exception as e:
            assert "): negative" in str(e)
            return True

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert list(pool.map(run, range(60))) == [k % 3 == 0 for k in range(60)]
