# SPDX-License-Identifier: MIT
"""nereid.jax.triton_call: parameters, errors, and the placement of results."""
import concurrent.futures
import threading

import jax
import jax.numpy as jnp
import nereid
import nereid.jax
import nereid.language as tl
import numpy as np
import pytest
from nereid.tools.tensor_descriptor import TensorDescriptor

from kernels import add, increment, jit, matmul, triton

call = nereid.jax.triton_call
both = pytest.mark.parametrize("which", ["nereid", pytest.param("triton", marks=pytest.mark.skipif(triton is None, reason="no triton"))])
adder, incrementer = nereid.jit(add), nereid.jit(increment)


def numbers(n, dtype=jnp.float32, seed=0):
    x = np.random.default_rng(seed).standard_normal(n) * 10
    return jnp.asarray(x, dtype)


@both
@pytest.mark.parametrize("dtype", ["int32", "float32", "float16", "int64", "float64"])
@pytest.mark.parametrize("size,block", [(1, 1), (5, 32), (100, 32), (1024, 256)])
def test_sums(which, dtype, size, block):
    kernel = jit(add, which)
    x, y = numbers(size, dtype), numbers(size, dtype, 1)
    f = jax.jit(lambda x, y: call(x, y, n=x.size, kernel=kernel, out_type=x, grid=nereid.cdiv(size, block), BLOCK=block))
    np.testing.assert_allclose(f(x, y), x + y)


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2", "int8", "int16", "uint8", "uint16", "uint32", "uint64", "bool"])
def test_every_type(dtype):

    @nereid.jit
    def copy(x, o, BLOCK: tl.constexpr):
        i = tl.arange(0, BLOCK)
        tl.store(o + i, tl.load(x + i))

    x = jnp.asarray(np.arange(64) % 2 if dtype == "bool" else np.arange(64), dtype)
    out = call(x, kernel=copy, out_type=x, grid=1, BLOCK=64)
    assert out.dtype == x.dtype
    np.testing.assert_array_equal(np.asarray(out).view(np.uint8), np.asarray(x).view(np.uint8))


def test_types_that_triton_has_not_are_refused():
    with pytest.raises(TypeError, match="`x`: Triton has no type for the dtype complex64"):
        call(jnp.ones(4, jnp.complex64), jnp.ones(4), 4, kernel=adder, out_type=jnp.ones(4), grid=1, BLOCK=4)


@both
def test_products(which):
    kernel = jit(matmul, which)
    a, b = numbers((100, 70)), numbers((70, 60), seed=1)
    f = jax.jit(lambda a, b: call(a, b, M=100, N=60, K=70, kernel=kernel, out_type=jax.ShapeDtypeStruct((100, 60), a.dtype), grid=(4, 2), BM=32, BN=32, BK=16))
    np.testing.assert_allclose(f(a, b), np.asarray(a, np.float64) @ np.asarray(b, np.float64), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("grid", [4, (4,), [4, 1], (4, 1, 1), np.int64(4), lambda meta: nereid.cdiv(1000, meta["BLOCK"]), lambda meta: (nereid.cdiv(meta["x"].size, meta["BLOCK"]), 1)])
def test_grids(grid):
    x = numbers(1000)
    np.testing.assert_array_equal(call(x, x, n=1000, kernel=adder, out_type=x, grid=grid, BLOCK=256), x + x)


def test_messages_say_where_operands_went():

    @nereid.jit
    def softmax(x, o, n, BLOCK: tl.constexpr):
        i = tl.arange(0, BLOCK)
        v = tl.load(x + i, mask=i < n, other=-float("inf"))
        tl.store(o + i, v, mask=i < n)

    x = numbers((8, 100))
    with pytest.raises(nereid.CompileError, match=r"operands are x←f32\[8,100\], o←100; the outputs are n←f32\[8,100\]"):
        call(x, 100, kernel=softmax, out_type=x, grid=8, BLOCK=128)
    with pytest.raises(ValueError, match=r"have no operand; the operands are x←f32\[8,100\], o←f32\[8,100\], n←100"):
        call(x, x, 100, kernel=softmax, out_type=x, grid=8, BLOCK=128)


def test_grids_that_are_none():
    x = numbers(8)
    with pytest.raises(ValueError, match="one to three axes"):
        call(x, x, n=8, kernel=adder, out_type=x, grid=(1, 1, 1, 1), BLOCK=8)
    with pytest.raises(TypeError, match="integers"):
        call(x, x, n=8, kernel=adder, out_type=x, grid=1.5, BLOCK=8)
    with pytest.raises(TypeError, match="not known when the program is compiled"):
        jax.jit(lambda x, g: call(x, x, n=8, kernel=adder, out_type=x, grid=(g,), BLOCK=8))(x, 1)
    with pytest.raises(ValueError, match="each axis of the grid must be from 0"):
        call(x, x, n=8, kernel=adder, out_type=x, grid=-1, BLOCK=8)


def test_a_grid_without_programs_runs_none():
    x = numbers(8)
    zeroed = call(x, x, n=8, kernel=adder, out_type=x, grid=0, zeroed_outputs=(0,), BLOCK=8)
    assert not zeroed.any()


@pytest.mark.parametrize("value,wanted", [(42.0, np.float32), (1e-30, np.float32), (np.inf, np.float32), (-np.inf, np.float32), (np.nan, np.float32), (1e300, np.float64), (1e-300, np.float64),
                                          (np.float32(2.5), np.float32), (True, np.int32), (7, np.int32), (1 << 40, np.int64), ((1 << 63) + 1, np.uint64), (1, np.int32), (-3, np.int32), (0, np.int32)])
def test_scalars(value, wanted):

    @nereid.jit
    def put(value, o):
        tl.store(o, value)

    out = call(value, kernel=put, out_type=jax.ShapeDtypeStruct((), wanted), grid=1)
    np.testing.assert_array_equal(out, np.asarray(value, wanted))
    assert out.shape == ()


def test_a_scalar_of_a_tuple_that_does_not_fit_is_refused():

    @nereid.jit
    def put(values, o):
        tl.store(o, values[0])

    with pytest.raises(OverflowError, match="does not fit in fp32"):
        call((1e300,), kernel=put, out_type=jax.ShapeDtypeStruct((), np.float64), grid=1)


def test_one_becomes_a_constant():

    @nereid.jit
    def only_with_one(n, o, BLOCK: tl.constexpr):
        tl.store(o, tl.arange(0, n * BLOCK).shape[0])

    out = jax.ShapeDtypeStruct((), np.int32)
    assert call(1, kernel=only_with_one, out_type=out, grid=1, BLOCK=8) == 8
    with pytest.raises(nereid.CompileError):
        call(2, kernel=only_with_one, out_type=out, grid=1, BLOCK=8)


def test_numbers_are_no_operands_of_the_program():
    x = numbers(8)
    jaxpr = jax.make_jaxpr(lambda x, y: call(x, y=y, n=8, kernel=adder, out_type=x, grid=1, BLOCK=8))(x, x)
    (eqn,) = jaxpr.eqns
    assert len(eqn.invars) == 2 and eqn.primitive.name == "nereid_kernel_call"
    assert len(str(jaxpr)) < 1000  # its text is not printed


def test_operands_by_name_and_outputs_between_inputs():
    """The output is between the inputs: jax-triton binds it to the wrong buffer."""

    @nereid.jit
    def difference(x, o, y, BLOCK: tl.constexpr):
        i = tl.arange(0, BLOCK)
        tl.store(o + i, tl.load(x + i) - tl.load(y + i))

    x, y = numbers(16), numbers(16, seed=1)
    np.testing.assert_array_equal(call(x, y=y, kernel=difference, out_type=x, grid=1, BLOCK=16), x - y)
    np.testing.assert_array_equal(call(y=y, x=x, kernel=difference, out_type=x, grid=1, BLOCK=16), x - y)
    with pytest.raises(TypeError, match="multiple values"):
        call(x, x=x, y=y, kernel=difference, out_type=x, grid=1, BLOCK=16)


def test_constexprs_by_position_name_and_default():

    @nereid.jit
    def scaled(x, BY: tl.constexpr, o, BLOCK: tl.constexpr = 16, AT: tl.constexpr = 0):
        i = tl.arange(0, BLOCK)
        tl.store(o + i, tl.load(x + i) * BY + AT)

    x = numbers(16)
    np.testing.assert_array_equal(call(x, 3, kernel=scaled, out_type=x, grid=1), x * 3)
    np.testing.assert_array_equal(call(x, BY=2, AT=5, kernel=scaled, out_type=x, grid=lambda meta: meta["BLOCK"] // 16), x * 2 + 5)
    seen = {}
    call(x, 3, kernel=scaled, out_type=x, grid=lambda meta: seen.update(meta) or 1, UNKNOWN=7)
    assert seen["UNKNOWN"] == 7 and seen["BY"] == 3 and seen["BLOCK"] == 16
    with pytest.raises(TypeError, match="`BY` is missing"):
        call(x, kernel=scaled, out_type=x, grid=1)


def test_functions_as_constants():

    @nereid.jit
    def double(x):
        return 2 * x

    @nereid.jit
    def triple(x):
        return 3 * x

    @nereid.jit
    def apply(x, o, F: tl.constexpr, BLOCK: tl.constexpr):
        i = tl.arange(0, BLOCK)
        tl.store(o + i, F(tl.load(x + i)))

    x = numbers(16)
    for f, by in ((double, 2), (triple, 3), (double, 2)):
        np.testing.assert_array_equal(jax.jit(lambda x: call(x, kernel=apply, out_type=x, grid=1, F=f, BLOCK=16))(x), by * x)


def test_results_are_trees():

    @nereid.jit
    def powers(x, one, two, BLOCK: tl.constexpr):
        i = tl.arange(0, BLOCK)
        v = tl.load(x + i)
        tl.store(one + i, v)
        tl.store(two + i, v * v)

    x = numbers(8)
    one, two = call(x, kernel=powers, out_type=(x, x), grid=1, BLOCK=8)
    named = call(x, kernel=powers, out_type={"one": x, "two": [jax.ShapeDtypeStruct((8,), x.dtype)]}, grid=1, BLOCK=8)
    for got in (two, named["two"][0]):
        np.testing.assert_array_equal(got, x * x)
    np.testing.assert_array_equal(named["one"], one)
    with pytest.warns(DeprecationWarning, match="out_shape"):
        call(x, kernel=powers, out_shape=(x, x), grid=1, BLOCK=8)
    with pytest.raises(TypeError, match="out_type= is missing"):
        call(x, kernel=powers, grid=1, BLOCK=8)
    with pytest.raises(TypeError, match="both"):
        call(x, kernel=powers, out_type=x, out_shape=x, grid=1, BLOCK=8)
    with pytest.raises(ValueError, match="out_type has 1 outputs that are not aliases, but 2 parameters of the kernel have no operand: one, two"):
        call(x, kernel=powers, out_type=x, grid=1, BLOCK=8)


def test_tuples_of_operands():

    @nereid.jit
    def combine(pairs, k, o, BLOCK: tl.constexpr):
        i = tl.arange(0, BLOCK)
        v = tl.load(pairs[0][0] + i) * pairs[1] + tl.load(pairs[0][1] + i) * k
        tl.store(o + i, v.to(o.dtype.element_ty))

    x, y = numbers(16), numbers(16, jnp.float16, 1)
    got = call(((x, y), 3.0), 2, kernel=combine, out_type=x, grid=1, BLOCK=16)
    np.testing.assert_allclose(got, x * 3 + y.astype(jnp.float32) * 2, rtol=1e-6)


def test_descriptors():

    @nereid.jit
    def copy(d, o, BLOCK: tl.constexpr):
        m, n = tl.program_id(0) * BLOCK, tl.program_id(1) * BLOCK
        tile = d.load([m, n])
        i, j = m + tl.arange(0, BLOCK), n + tl.arange(0, BLOCK)
        tl.store(o + i[:, None] * 32 + j[None, :], tile)

    x = numbers((32, 32))
    f = jax.jit(lambda x: call(TensorDescriptor(x, x.shape, (32, 1), (16, 16)), kernel=copy, out_type=x, grid=(2, 2), BLOCK=16))
    np.testing.assert_array_equal(f(x), x)


# ---- buffers

def test_aliases_take_donated_memory():
    x = numbers(1000)
    wanted, place = np.asarray(x) + 1, x.unsafe_buffer_pointer()
    f = jax.jit(lambda x: call(x, x.size, kernel=incrementer, out_type=x, grid=4, BLOCK=256, input_output_aliases={0: 0}), donate_argnums=0)
    out = f(x)
    assert x.is_deleted() and out.unsafe_buffer_pointer() == place
    np.testing.assert_array_equal(out, wanted)


def test_aliases_without_donation_leave_the_operand():
    x = numbers(1000)
    before = np.array(x)
    for f in (lambda x: x, jax.jit):
        out = f(lambda x: call(x, x.size, kernel=incrementer, out_type=x, grid=4, BLOCK=256, input_output_aliases={0: 0}))(x)
        np.testing.assert_array_equal(out, before + 1)
        np.testing.assert_array_equal(x, before)


@nereid.jit
def _two(k, x, y, z, o, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(o + i, tl.load(x + i) + tl.load(y + i) + tl.load(z + i))
    tl.store(x + i, tl.load(x + i) + k)
    tl.store(z + i, tl.load(z + i) - k)


@pytest.mark.parametrize("donated", [(), (0,), (2,), (0, 2)])
def test_two_aliases_after_a_scalar(donated):
    """Operand numbers include the scalar."""
    x, y, z = numbers(64), numbers(64, seed=1), numbers(64, seed=2)
    arrays = [np.array(v) for v in (x, y, z)]
    places = {i: v.unsafe_buffer_pointer() for i, v in enumerate((x, y, z))}
    f = jax.jit(lambda x, y, z: call(2.0, x, y, z, kernel=_two, out_type=(x, z, x), grid=1, BLOCK=64, input_output_aliases={1: 0, 3: 1}), donate_argnums=donated)
    up, down, total = f(x, y, z)
    np.testing.assert_allclose(total, arrays[0] + arrays[1] + arrays[2], rtol=1e-6)
    np.testing.assert_array_equal(up, arrays[0] + 2)
    np.testing.assert_array_equal(down, arrays[2] - 2)
    assert [v.is_deleted() for v in (x, y, z)] == [0 in donated, False, 2 in donated]
    if 0 in donated:  # else JAX gives z's memory to the first output that it fits
        assert up.unsafe_buffer_pointer() == places[0]
        assert 2 not in donated or down.unsafe_buffer_pointer() == places[2]
    np.testing.assert_array_equal(y, arrays[1])


def test_aliases_in_another_order_than_outputs():
    """jax-triton compares the wrong buffers here, and does not restore the operands after tuning."""
    x, y, z = numbers(64), numbers(64, seed=1), numbers(64, seed=2)
    tuned = nereid.autotune([nereid.Config({"BLOCK": 64}, num_warps=w) for w in (1, 2)], key=[])(_two)
    for kernel, more in ((_two, {"BLOCK": 64}), (tuned, {})):
        down, total, up = jax.jit(lambda x, y, z: call(2.0, x, y, z, kernel=kernel, out_type=(z, x, x), grid=1, input_output_aliases={1: 2, 3: 0}, **more))(x, y, z)
        np.testing.assert_allclose(total, x + y + z, rtol=1e-6)
        np.testing.assert_array_equal(up, x + 2)
        np.testing.assert_array_equal(down, z - 2)


def test_aliases_that_are_wrong():
    x, y = numbers(64), numbers(64)
    with pytest.raises(ValueError, match="must name each output once"):
        call(2.0, x, y, x, kernel=_two, out_type=(x, x), grid=1, BLOCK=64, input_output_aliases={1: 0, 3: 0})
    with pytest.raises(ValueError, match="operand 0 is not an array"):
        call(2.0, x, y, x, kernel=_two, out_type=(x, x), grid=1, BLOCK=64, input_output_aliases={0: 0})
    with pytest.raises(ValueError, match="there is no operand 9"):
        call(2.0, x, y, x, kernel=_two, out_type=(x, x), grid=1, BLOCK=64, input_output_aliases={9: 0})
    with pytest.raises(ValueError, match="there is no output 5"):
        call(2.0, x, y, x, kernel=_two, out_type=(x, x), grid=1, BLOCK=64, input_output_aliases={1: 5})
    with pytest.raises(ValueError, match=r"operand 1 is float32\[64\], but output 0 is float32\[32\]"):
        call(2.0, x, y, x, kernel=_two, out_type=(x[:32], x), grid=1, BLOCK=64, input_output_aliases={1: 0})


def test_an_operand_that_the_kernel_writes_to_is_refused():
    x = numbers(8)
    with pytest.raises(ValueError, match="the kernel writes to `x`, but a JAX array cannot change"):
        call(x, 8, kernel=incrementer, out_type=(), grid=1, BLOCK=8)


@pytest.mark.parametrize("zeroed", [(0,), [0], lambda meta: (0,) if meta["BLOCK"] == 256 else ()])
@pytest.mark.parametrize("alias", [False, True])
def test_zeroed_outputs(zeroed, alias):

    @nereid.jit
    def accumulate(x, o, n, BLOCK: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        tl.store(o + i, tl.load(o + i, mask=i < n) + tl.load(x + i, mask=i < n), mask=i < n)

    n = 100_000
    x, junk = numbers(n), jnp.full(n, 7, jnp.float32)
    kwargs = dict(kernel=accumulate, out_type=x, grid=nereid.cdiv(n, 256), zeroed_outputs=zeroed, BLOCK=256)
    f = jax.jit(lambda x, junk: call(x, junk, n, input_output_aliases={1: 0}, **kwargs) if alias else call(x, n=n, **kwargs))
    for _ in range(3):
        np.testing.assert_array_equal(f(x, junk), x)
    np.testing.assert_array_equal(junk, np.full(n, 7, np.float32))
    with pytest.raises(ValueError, match="there is no output 3"):
        call(x, n=n, **{**kwargs, "zeroed_outputs": (3,)})


def test_refs():
    x = numbers(1000)
    ref = jax.new_ref(x)
    assert call(ref, 1000, kernel=incrementer, out_type=(), grid=4, BLOCK=256) == ()
    np.testing.assert_array_equal(ref[...], x + 1)

    @jax.jit
    def f(x, y):
        ref = jax.new_ref(x)
        total = call(3.0, ref, y, jax.new_ref(y), kernel=_two, out_type=x[:64], grid=1, BLOCK=64)
        return ref[...], total

    up, total = f(x[:64], x[64:128])
    np.testing.assert_array_equal(up, x[:64] + 3)
    np.testing.assert_allclose(total, x[:64] + 2 * x[64:128], rtol=1e-6)
    with pytest.raises(ValueError, match="cannot be combined with Ref"):
        call(ref, 1000, kernel=incrementer, out_type=x, grid=4, BLOCK=256, input_output_aliases={0: 0})
    with pytest.raises(NotImplementedError, match="a part of a Ref"):
        jax.jit(lambda x: call(jax.new_ref(x).at[:8], 8, kernel=incrementer, out_type=(), grid=4, BLOCK=256))(x)


def test_a_ref_in_a_tuple():

    @nereid.jit
    def swap(pair, BLOCK: tl.constexpr):
        i = tl.arange(0, BLOCK)
        a, b = tl.load(pair[0] + i), tl.load(pair[1] + i)
        tl.store(pair[0] + i, b)
        tl.store(pair[1] + i, a)

    a, b = jax.new_ref(jnp.zeros(8)), jax.new_ref(jnp.ones(8))
    call((a, b), kernel=swap, out_type=(), grid=1, BLOCK=8)
    assert a[0] == 1 and b[0] == 0


def test_more_arrays_than_fit_where_few_are_kept():

    @nereid.jit
    def total(many, o, N: tl.constexpr):
        acc = tl.load(many[0])
        for i in tl.static_range(1, N):
            acc += tl.load(many[i])
        tl.store(o, acc)

    xs = tuple(jnp.float32(i) for i in range(40))
    assert jax.jit(lambda *xs: call(xs, kernel=total, out_type=xs[0], grid=1, N=40))(*xs) == sum(range(40))


# ---- the rest of the parameters

def test_options():
    x = numbers(64)
    kwargs = dict(kernel=adder, out_type=x, grid=1, n=64, BLOCK=64)
    call(x, x, num_warps=8, num_stages=2, num_ctas=1, compute_capability=80, name="sum", backend_options={"enable_fp_fusion": False, "num_threads": 1}, **kwargs)
    with pytest.raises(ValueError, match="Cannot specify num_warps both"):
        call(x, x, num_warps=8, backend_options={"num_warps": 2}, **kwargs)
    with pytest.raises(TypeError, match=r"backend_options\['a'\] must be hashable"):
        call(x, x, backend_options={"a": []}, **kwargs)
    with pytest.raises(ValueError, match="num_ctas must be 1"):
        call(x, x, num_ctas=2, **kwargs)
    with pytest.raises(ValueError, match="num_warps must be a power of 2 .got 3"):
        call(x, x, num_warps=3, **kwargs)


def test_debug_prints_the_ir_and_keeps_assertions(capsys):

    @nereid.jit
    def checked(x, o, BLOCK: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        v = tl.load(x + i)
        tl.device_assert(v < 5, "too large")
        tl.store(o + i, v)

    x = jnp.arange(64, dtype=jnp.float32)
    call(x, kernel=checked, out_type=x, grid=8, BLOCK=8)
    with pytest.raises(Exception, match="assertion failed in program \\(0, 0, 0\\): too large"):
        call(x, kernel=checked, out_type=x, grid=8, BLOCK=8, debug=True).block_until_ready()
    assert "tt.func public @checked" in capsys.readouterr().out
    call(x % 5, kernel=checked, out_type=x, grid=8, BLOCK=8, debug=True)


def test_what_kernels_print(capfd):

    @nereid.jit
    def says(o):
        tl.device_print("here", tl.program_id(0))
        tl.store(o + tl.program_id(0), 0.0)

    call(kernel=says, out_type=jnp.zeros(3), grid=3).block_until_ready()
    out = capfd.readouterr().out
    assert out.count("here") == 3 and "pid (2, 0, 0) idx () here: 2\n" in out


def test_metadata_and_costs_are_in_the_program():
    x = numbers(64)
    f = jax.jit(lambda x: call(x, x, n=64, kernel=adder, out_type=x, grid=1, BLOCK=64, cost_estimate={"flops": 123, "bytes_accessed": 456}, serialized_metadata=b"\0meta", has_side_effect=True))
    text = f.lower(x).as_text()
    assert "cost_estimate_json" in text and "123" in text and "456" in text
    assert "serialized_metadata" in text and "AG1ldGE=" in text
    assert "has_side_effect = true" in text
    np.testing.assert_array_equal(f(x), x + x)


def test_a_call_is_kept_where_nobody_takes_its_results():
    x = numbers(64)
    jaxpr = jax.make_jaxpr(jax.jit(lambda x: (call(x, x, n=64, kernel=adder, out_type=x, grid=1, BLOCK=64), x)[1]))(x)
    assert "nereid_kernel_call" in str(jaxpr)


def test_errors_of_kernels_point_into_the_file_when_the_program_is_traced():

    @nereid.jit
    def wrong(x, o, BLOCK: tl.constexpr):
        i = tl.arange(0, BLOCK)
        tl.store(o + i, tl.load(x + i) + not_there)

    x = numbers(64)
    with pytest.raises(nereid.CompileError, match=r"test_triton_call.py:\d+:\d+: error: .*not_there"):
        jax.jit(lambda x: call(x, kernel=wrong, out_type=x, grid=1, BLOCK=64)).lower(x)
    with pytest.raises(TypeError, match="kernel must be a Triton kernel"):
        call(x, kernel=lambda x: x, out_type=x, grid=1)


def test_eager_calls_with_a_new_grid_function_are_compiled_once():
    """jax-triton compiles the program again for each."""
    x, events = numbers(96), []
    jax.monitoring.register_event_duration_secs_listener(lambda name, *_, **__: events.append(name))
    run = lambda: call(x, x, n=96, kernel=adder, out_type=x, grid=lambda meta: nereid.cdiv(96, meta["BLOCK"]), BLOCK=32)
    run()
    events.clear()
    for _ in range(3):
        np.testing.assert_array_equal(np.asarray(run()), 2 * np.asarray(x))
    assert not [e for e in events if "compile" in e]


def test_kernels_are_traced_from_several_threads():
    kernel, x = jit(add), numbers(64)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        outs = list(pool.map(lambda n: jax.jit(lambda x: call(x, x, n=64, kernel=kernel, out_type=x, grid=nereid.cdiv(64, 16 << n % 3), BLOCK=16 << n % 3))(x), range(18)))
    for out in outs:
        np.testing.assert_array_equal(out, x + x)


def test_stages_are_dumped(tmp_path, monkeypatch):

    @nereid.jit
    def dumped(x, o):
        tl.store(o, tl.load(x) + 3)

    monkeypatch.setenv("NEREID_DUMP", str(tmp_path))
    x = numbers(())
    call(x, kernel=dumped, out_type=x, grid=1)
    (place,) = tmp_path.iterdir()
    assert "tt.func public @dumped" in (place / "dumped.ttir").read_text() and (place / "dumped.asm").exists()


def test_from_another_thread():
    x, out = numbers(64), []
    thread = threading.Thread(target=lambda: out.append(call(x, x, n=64, kernel=adder, out_type=x, grid=1, BLOCK=64)))
    thread.start()
    thread.join()
    np.testing.assert_array_equal(out[0], x + x)


def test_kernels_are_compiled_once_for_each_specialisation(monkeypatch):
    from nereid.jax import _call
    made = []
    compile = _call._core.compile
    monkeypatch.setattr(_call._core, "compile", lambda **kwargs: made.append(kwargs) or compile(**kwargs))

    @nereid.jit
    def fresh(x, o, n, BLOCK: tl.constexpr):
        i = tl.arange(0, BLOCK)
        tl.store(o + i, tl.load(x + i) * 17 + n)

    for n in (2, 3, 5):  # another program each, but not another kernel
        for size in (64, 128):
            x = numbers(size)
            np.testing.assert_allclose(jax.jit(lambda x: call(x, n=n, kernel=fresh, out_type=x, grid=1, BLOCK=64))(x)[:64], x[:64] * 17 + n, rtol=1e-5)
    assert len(made) == 1
    call(x, n=2, kernel=fresh, out_type=x, grid=1, BLOCK=32)
    assert len(made) == 2


# ---- slips

@nereid.jit
def scaled(x, o, n, a, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(o + i, tl.load(x + i, mask=i < n) * a, mask=i < n)


def test_misspelt_keywords_are_named():
    x = jnp.arange(16.0)
    right = dict(n=16, a=2.0, kernel=scaled, out_type=x, BLOCK=16)

    def without(name, **more):
        return {k: v for k, v in right.items() if k != name} | more

    for given, message in ((without("BLOCK", BLOK=16, grid=1), "no parameter `BLOK`.*did you mean `BLOCK`"), (without("BLOCK", BLOK=16, grid=lambda m: 1), "no parameter `BLOK`.*did you mean `BLOCK`"),
                           (without("n", m=16, grid=1), "no parameter `m`"), (dict(right, grid=1, zerod_outputs=(0, )), "did you mean `zeroed_outputs`"),
                           (without("out_type", out_typ=x, grid=1), "did you mean `out_type`")):
        with pytest.raises(TypeError, match=message):
            call(x, **given)
    # A grid function may need other names.
    np.testing.assert_array_equal(call(x, **right, programs=1, grid=lambda m: m["programs"]), 2 * x)


def test_arrays_without_axes_are_pointers():
    x = jnp.arange(16.0)
    with pytest.raises(nereid.CompileError, match=r"hint: `a` is an array without axes.*tl.load\(a\)"):
        call(x, n=16, a=jnp.float32(2), kernel=scaled, out_type=x, grid=1, BLOCK=16)
    with pytest.raises(nereid.CompileError, match="`n`, `a` are arrays without axes"):
        jax.jit(lambda n, a: call(x, n=n, a=a, kernel=scaled, out_type=x, grid=1, BLOCK=16))(16, 2.0)


@pytest.mark.parametrize("grid", [0, (0, ), (1, 0), lambda m: 0])
def test_no_programs_leave_zeros(grid):
    x = jnp.arange(16.0)
    f = lambda x: call(x, n=16, a=2.0, kernel=scaled, out_type=x, grid=grid, BLOCK=16)
    for g in (f, jax.jit(f)):
        np.testing.assert_array_equal(g(x), np.zeros(16))
    kept = call(x, x, n=16, a=2.0, kernel=scaled, out_type=x, grid=grid, BLOCK=16, input_output_aliases={1: 0})
    np.testing.assert_array_equal(kept, x)


def test_equal_calls_are_one_text():
    """Calls that differ in anything are not merged."""
    x = jnp.arange(16.0)
    base = dict(n=16, a=2.0, kernel=scaled, out_type=x, grid=1, BLOCK=16)
    made = []
    nereid.jax.kernel_call._texts.clear()
    before = nereid.jax._call.text_of
    nereid.jax._call.text_of = lambda *args, **kwargs: made.append(1) or before(*args, **kwargs)
    try:
        for changed in ({}, {"a": 3.0}, {"a": 3}, {"a": True}, {"a": -0.0}, {"a": 0.0}, {"n": 8}, {"BLOCK": 32}, {"grid": 2}, {"name": "other"}, {"backend_options": {"num_threads": 1}},
                        {"zeroed_outputs": (0, )}, {"out_type": jax.ShapeDtypeStruct((32, ), jnp.float32)}):
            given = {**base, **changed}
            made.clear()
            first = call(x, **given)
            assert len(made) == 1, changed
            second = call(x + 0, **given)
            assert len(made) == 1, changed
            n = min(given["n"], given["BLOCK"] * given["grid"])
            np.testing.assert_array_equal(first[:n], second[:n])
            np.testing.assert_array_equal(first[:n], x[:n] * given["a"])
        for other in (jnp.arange(32.0), jnp.arange(16.0).astype(jnp.float16)):
            made.clear()
            np.testing.assert_array_equal(call(other, **{**base, "out_type": other})[:16], other[:16] * 2)
            assert len(made) == 1
    finally:
        nereid.jax._call.text_of = before


def test_slips_of_a_newcomer_are_named():
    x = jnp.arange(8, dtype=jnp.float32)
    call = lambda *args, grid=1, out_type=x, **kw: nereid.jax.triton_call(*args, kernel=scaled, grid=grid, out_type=out_type, BLOCK=8, **kw)
    right = dict(n=8, a=2.0)
    with pytest.raises(TypeError, match=r"the grid must be an integer.*but got 1\.0: divide with nereid\.cdiv"):
        call(x, grid=8 / 8, **right)
    with pytest.raises(TypeError, match="the grid must be an integer.*but got '1'"):
        call(x, grid="1", **right)
    with pytest.raises(TypeError, match="no keyword `gird`: did you mean `grid`"):
        call(x, gird=3, **right)
    with pytest.raises(nereid.CompileError, match="^the kernel accesses memory through `o`, but `o` got the number 10: pass an array, or leave it out"):
        call(x, 10, 8, 2.0, out_type=())


def test_aliases_by_name():
    x, o = jnp.arange(8, dtype=jnp.float32), jnp.zeros(8, jnp.float32)
    call = lambda aliases: nereid.jax.triton_call(x, o, 8, 2.0, kernel=scaled, grid=1, out_type=x, BLOCK=8, input_output_aliases=aliases)
    np.testing.assert_array_equal(call({"o": 0}), 2 * x)
    with pytest.raises(ValueError, match="there is no operand `y`, only x, o, n, a"):
        call({"y": 0})
    with pytest.raises(ValueError, match="`n` is not an array"):
        call({"n": 0})
    with pytest.raises(TypeError, match="maps operands, by number or name, to outputs, by number"):
        call({"o": "x"})


def test_launches_are_checked(monkeypatch):

    @nereid.jit
    def kernel(x, o, n, N: tl.constexpr):
        i = tl.program_id(0) * N + tl.arange(0, N)
        tl.store(o + i, 2 * tl.load(x + i), mask=i < n)

    @nereid.jit
    def same(x, o, N: tl.constexpr):
        i = tl.arange(0, N)
        tl.store(o + i, tl.load(x + i))

    x = jnp.ones((4, 8))
    f = jax.jit(lambda x, grid, n: call(x, n=n, kernel=kernel, out_type=jnp.zeros(32), grid=grid, N=8), static_argnums=(1, 2))
    assert f(x, 5, 30)[:30].sum() == 60  # compiled before checks are on
    monkeypatch.setattr(nereid.knobs.runtime, "check", True)
    assert f(x, 4, 32).sum() == 64
    with pytest.warns(UserWarning, match=r"2 of 32 elements are left unwritten, the first is o\[30\]"):
        f(x, 4, 30).block_until_ready()
    with pytest.raises(Exception, match=r"kernel: program \(4, 0, 0\) loads `x\[4, 0\]`, but the shape of `x` is \(4, 8\)"):
        f(x, 5, 30).block_until_ready()
    with pytest.raises(Exception, match=r"program \(1, 0, 0\) .* `o\[0\]`"):
        call(jnp.ones(8), kernel=same, out_type=jnp.zeros(8), grid=2, N=8).block_until_ready()
    monkeypatch.setattr(nereid.knobs.runtime, "check", False)
    f(x, 5, 30).block_until_ready()
