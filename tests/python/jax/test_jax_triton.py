# SPDX-License-Identifier: MIT
"""jax_triton.triton_call itself, on the CPU."""
import concurrent.futures
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

jt = pytest.importorskip("jax_triton")

import jax_triton.triton_lib as lib  # noqa: E402
import nereid  # noqa: E402
import nereid.jax  # noqa: E402
import triton  # noqa: E402
import triton.language as tl  # noqa: E402

from kernels import add, increment, jit, matmul  # noqa: E402

nereid.jax.patch_jax_triton()
call = jt.triton_call
adder, incrementer = jit(add, "triton"), jit(increment, "triton")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def fresh(f):
    """A kernel that was never compiled."""
    return jit(f, "triton")


def numbers(n, dtype=jnp.float32, seed=0):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(n) * 10, dtype)


@pytest.mark.parametrize("dtype", ["int32", "float32", "float16", "int64", "float64"])
@pytest.mark.parametrize("size,block", [(1, 1), (5, 32), (100, 32), (1024, 256)])
def test_sums(dtype, size, block):
    x, y = numbers(size, dtype), numbers(size, dtype, 1)
    np.testing.assert_allclose(jax.jit(lambda x, y: call(x, y, n=size, kernel=adder, out_type=x, grid=triton.cdiv(size, block), BLOCK=block))(x, y), x + y)


def test_products():
    a, b = numbers((128, 64), jnp.float16), numbers((64, 128), jnp.float16, 1)
    out = call(a, b, M=128, N=128, K=64, kernel=fresh(matmul), out_type=jax.ShapeDtypeStruct((128, 128), a.dtype), grid=(2, 2), BM=64, BN=64, BK=32, num_warps=8)
    np.testing.assert_allclose(out, a.astype(jnp.float32) @ b.astype(jnp.float32), rtol=0.05, atol=0.05 * 100)


@pytest.mark.parametrize("grid", [4, (4,), lambda meta: triton.cdiv(1000, meta["BLOCK"]), lambda meta: (triton.cdiv(1000, meta["BLOCK"]),)])
def test_grids(grid):
    x = numbers(1000)
    np.testing.assert_array_equal(call(x, x, n=1000, kernel=adder, out_type=x, grid=grid, BLOCK=256), x + x)


@pytest.mark.parametrize("value", [42.0, np.float32(42), 1e-30, np.inf, -np.inf, 1e300, 1, 7, True, False, 1 << 40, -5])
def test_scalars(value):

    @triton.jit
    def put(value, o):
        tl.store(o, value)

    wanted = np.asarray(value)
    dtype = jnp.float64 if wanted.dtype == np.float64 else wanted.dtype
    out = call(value, kernel=put, out_type=jax.ShapeDtypeStruct((), dtype), grid=1)
    np.testing.assert_allclose(out, np.asarray(value, dtype), rtol=1e-6)


def test_a_number_stays_out_of_the_operands():
    x = numbers(8)
    (eqn,) = jax.make_jaxpr(lambda x, y: call(x, y, n=8, kernel=adder, out_type=x, grid=1, BLOCK=8))(x, x).eqns
    assert len(eqn.invars) == 2 and dict(eqn.params["metaparams"]) == {"BLOCK": 8}


def test_an_output_between_inputs():

    @triton.jit
    def difference(x, o, y, BLOCK: tl.constexpr):
        i = tl.arange(0, BLOCK)
        tl.store(o + i, tl.load(x + i) - tl.load(y + i))

    x, y = numbers(16), numbers(16, seed=1)
    np.testing.assert_array_equal(call(x, y=y, kernel=difference, out_type=x, grid=1, BLOCK=16), x - y)


def test_donated_memory():
    x = numbers(1000)
    wanted, place = np.asarray(x) + 1, x.unsafe_buffer_pointer()
    out = jax.jit(lambda x: call(x, 1000, kernel=incrementer, out_type=x, grid=4, BLOCK=256, input_output_aliases={0: 0}), donate_argnums=0)(x)
    assert x.is_deleted() and out.unsafe_buffer_pointer() == place
    np.testing.assert_array_equal(out, wanted)


@triton.jit
def _two(k, x, y, z, o, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(o + i, tl.load(x + i) + tl.load(y + i) + tl.load(z + i))
    tl.store(x + i, tl.load(x + i) + k)
    tl.store(z + i, tl.load(z + i) - k)


@pytest.mark.parametrize("tuned", [False, True])
def test_two_aliases_after_a_scalar(tuned, cache):
    x, y, z = numbers(64), numbers(64, seed=1), numbers(64, seed=2)
    kernel, more = (triton.autotune([triton.Config({"BLOCK": 64}, num_warps=w) for w in (1, 2)], key=[])(_two), {}) if tuned else (_two, {"BLOCK": 64})
    down, total, up = jax.jit(lambda x, y, z: call(2.5, x, y, z, kernel=kernel, out_type=(z, x, x), grid=1, input_output_aliases={1: 2, 3: 0}, **more))(x, y, z)
    np.testing.assert_allclose(total, x + y + z, rtol=1e-6)
    np.testing.assert_array_equal(up, x + 2.5)
    np.testing.assert_array_equal(down, z - 2.5)


def test_an_operand_that_the_kernel_writes_to_is_refused():
    x = numbers(8)
    with pytest.raises(ValueError, match="`x`: the kernel writes to it"):
        call(x, 8, kernel=incrementer, out_type=(), grid=1, BLOCK=8)


def test_refs():
    x = numbers(1000)
    ref = jax.new_ref(x)
    call(ref, 1000, kernel=incrementer, out_type=(), grid=4, BLOCK=256)
    np.testing.assert_array_equal(ref[...], x + 1)
    ref = jax.new_ref(x[:64])
    total = call(3.0, ref, x[:64], jax.new_ref(x[:64]), kernel=_two, out_type=x[:64], grid=1, BLOCK=64)
    np.testing.assert_array_equal(ref[...], x[:64] + 3)
    np.testing.assert_allclose(total, 3 * x[:64], rtol=1e-6)


@pytest.mark.parametrize("zeroed", [(0,), lambda meta: (0,) if meta["BLOCK"] else ()])
def test_zeroed_outputs(zeroed):

    @triton.jit
    def accumulate(x, o, n, BLOCK: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        tl.store(o + i, tl.load(o + i, mask=i < n) + tl.load(x + i, mask=i < n), mask=i < n)

    x = numbers(100_000)
    out = jax.jit(lambda x, y: call(x, y, x.size, kernel=accumulate, out_type=x, grid=triton.cdiv(x.size, 256), input_output_aliases={1: 0}, zeroed_outputs=zeroed, BLOCK=256))(x, x + 1)
    np.testing.assert_array_equal(out, x)


def test_equal_kernels_are_compiled_once():
    kernel = fresh(add)
    x = numbers(64)
    with mock.patch.object(lib, "compile_ttir_inplace", wraps=lib.compile_ttir_inplace) as compiled:
        for count, (block, n) in zip((1, 1, 2), ((32, 64), (32, 64), (64, 64))):
            jax.jit(lambda x: call(x, x, n=n, kernel=kernel, out_type=x, grid=triton.cdiv(n, block), BLOCK=block))(x)
            assert compiled.call_count == count
            assert len(lib.TritonFunction(kernel)._kernel_cache) == count


def test_a_kernel_is_looked_for_once_for_each_program():
    kernel = fresh(add)
    x = numbers(64)
    theirs = lib.TritonFunction.get_or_create_kernel
    with mock.patch.object(lib.TritonFunction, "get_or_create_kernel", autospec=True, side_effect=theirs) as looked:
        f = jax.jit(lambda x, n: call(x, x, n=n, kernel=kernel, out_type=x, grid=2, BLOCK=32), static_argnums=1)
        for count, n in ((1, 48), (1, 48), (2, 64)):
            f(x, n)
            assert looked.call_count == count
        assert len(lib.TritonFunction(kernel)._kernel_cache) == 1


def test_functions_as_constants():

    @triton.jit
    def double(x):
        return 2 * x

    @triton.jit
    def triple(x):
        return 3 * x

    @triton.jit
    def apply(x, o, F: tl.constexpr, BLOCK: tl.constexpr):
        i = tl.arange(0, BLOCK)
        tl.store(o + i, F(tl.load(x + i)))

    x = numbers(16)
    for count, f, by in ((1, double, 2), (2, triple, 3), (2, double, 2)):
        np.testing.assert_array_equal(call(x, kernel=apply, out_type=x, grid=1, F=f, BLOCK=16), by * x)
        assert len(lib.TritonFunction(apply)._kernel_cache) == count


def test_tuning(cache):
    kernel = triton.autotune([triton.Config({"BLOCK": b}) for b in (32, 64, 128)], key=[])(fresh(add))
    x = numbers(1000)
    for _ in range(10):
        np.testing.assert_array_equal(call(x, x, n=1000, kernel=kernel, out_type=x, grid=lambda meta: triton.cdiv(1000, meta["BLOCK"]), name="sums"), x + x)
    assert sum(line.startswith("sums") for line in nereid.jax.tuned()) == 1
    hooked = triton.autotune([triton.Config({"BLOCK": 32}, pre_hook=print)], key=[])(fresh(add))
    with pytest.raises(NotImplementedError, match="pre_hook"):
        call(x, x, n=1000, kernel=hooked, out_type=x, grid=1)


def test_heuristics_are_asked_once_for_each_configuration(cache):
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
    tuned = triton.autotune([triton.Config({"BLOCK": b}) for b in (32, 64, 128)], key=["n"])(triton.heuristics({"EVEN": even})(triton.jit(kernel)))
    np.testing.assert_array_equal(jax.jit(lambda x: call(x, n=1024, kernel=tuned, out_type=x, grid=lambda meta: triton.cdiv(1024, meta["BLOCK"])))(x), x + 1)
    assert asked == [True] * 3 and all(c.kwargs.keys() == {"BLOCK"} for c in tuned.configs)
    alone = triton.heuristics({"EVEN": even})(triton.jit(kernel))
    call(x, n=1000, kernel=alone, out_type=x, grid=16, BLOCK=64)
    assert asked == [True] * 3 + [False]


def test_constants_of_one_call_do_not_prune_the_next(cache):

    @triton.autotune([triton.Config({"TURNS": t, "BLOCK": 64}) for t in (1, 2, 3)], key=[])
    @triton.jit
    def turns(x, o, TURNS: tl.constexpr, BLOCK: tl.constexpr):
        i = tl.arange(0, BLOCK)
        tl.store(o + i, tl.load(x + i) * TURNS)

    x = numbers(64)
    for t in (1, 3, 2):
        np.testing.assert_array_equal(call(x, kernel=turns, out_type=x, grid=1, TURNS=t), t * x)


def test_kernels_are_compiled_from_several_threads():
    kernel, x = fresh(add), numbers(64)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        outs = list(pool.map(lambda n: jax.jit(lambda x: call(x, x, n=64, kernel=kernel, out_type=x, grid=nereid.cdiv(64, 16 << n % 3), BLOCK=16 << n % 3))(x), range(18)))
    for out in outs:
        np.testing.assert_array_equal(out, x + x)
    assert len(lib.TritonFunction(kernel)._kernel_cache) == 3


def test_options_metadata_and_costs():
    x = numbers(64)
    f = jax.jit(lambda x: call(x, x, n=64, kernel=adder, out_type=x, grid=1, BLOCK=64, cost_estimate={"flops": 123, "bytes_accessed": 456}, serialized_metadata=b"meta", has_side_effect=True,
                               backend_options={"num_warps": 2}))
    text = f.lower(x).as_text()
    assert "cost_estimate_json" in text and "123" in text and "456" in text and "has_side_effect = true" in text
    np.testing.assert_array_equal(f(x), x + x)
    with pytest.raises(ValueError, match="num_ctas=2"):
        call(x, x, n=64, kernel=adder, out_type=x, grid=1, BLOCK=64, num_ctas=2)


def test_tuples_and_descriptors():

    @triton.jit
    def combine(pairs, o, BLOCK: tl.constexpr):
        i = tl.arange(0, BLOCK)
        tl.store(o + i, tl.load(pairs[0][0] + i) * pairs[1] + tl.load(pairs[0][1] + i))

    x, y = numbers(16), numbers(16, jnp.float16, 1)
    np.testing.assert_allclose(call(((x, y), 3), kernel=combine, out_type=x, grid=1, BLOCK=16), x * 3 + y, rtol=1e-6)

    @triton.jit
    def copy(d, o, BLOCK: tl.constexpr):
        i = tl.arange(0, BLOCK)
        tl.store(o + i[:, None] * BLOCK + i[None, :], d.load([0, 0]))

    x = numbers((32, 32))
    np.testing.assert_array_equal(call(jt.TensorDescriptor.from_array(x, (32, 32)), kernel=copy, out_type=x, grid=1, BLOCK=32), x)
    with pytest.raises(NotImplementedError, match="padded with zero"):
        call(jt.TensorDescriptor.from_array(x, (32, 32), padding="nan"), kernel=copy, out_type=x, grid=1, BLOCK=32)


def test_derivatives_and_batches_are_refused_as_ever():
    x = numbers(64)
    f = lambda x: call(x, x, n=64, kernel=adder, out_type=x, grid=1, BLOCK=64).sum()
    with pytest.raises(NotImplementedError, match="does not support automatic differentiation"):
        jax.grad(f)(x)
    with pytest.raises(NotImplementedError, match="does not support batching"):
        jax.vmap(f)(x[None])


def test_gluon_is_refused():
    from triton.experimental import gluon
    from triton.experimental.gluon import language as gl

    @gluon.jit
    def copy(x, o):
        gl.store(o, gl.load(x))

    x = numbers(())
    with pytest.raises(NotImplementedError, match="Gluon"):
        call(x, kernel=copy, out_type=x, grid=1)


def test_other_platforms_go_their_own_way():
    """Lowering for a GPU calls jax_triton, with or without a GPU."""
    x = numbers(64)
    f = jax.jit(lambda x: call(x, x, n=64, kernel=adder, out_type=x, grid=1, BLOCK=64))
    try:
        said = f.trace(x).lower(lowering_platforms=("cuda",)).as_text()
    except Exception as e:
        said = str(e)
    assert "nereid" not in said.lower()
    np.testing.assert_array_equal(f(x), x + x)
