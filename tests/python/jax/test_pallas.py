# SPDX-License-Identifier: MIT
"""pallas_call on the CPU, compared with interpret=True."""
import functools

import jax
import jax.numpy as jnp
import nereid.jax.pallas
import numpy as np
import pytest
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton as plgpu

import pallas_kernels as kernels

nereid.jax.pallas.enable()


@pytest.fixture(autouse=True)
def narrow():
    """JAX's default; some of Pallas' rules require it."""
    with jax.enable_x64(False):
        yield


def numbers(shape, dtype=jnp.float32, seed=0):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), dtype)


def same(f, *args, rtol=1e-5, atol=1e-6, **kwargs):
    """The result of interpret=True."""
    jax.config.update("jax_disable_most_optimizations", True)  # it is slow to compile, too
    try:
        wanted = f(*args, interpret=True, **kwargs)
    finally:
        jax.config.update("jax_disable_most_optimizations", False)
    got = jax.jit(f)(*args, **kwargs)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(wanted)):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(np.asarray(a, np.float64), np.asarray(b, np.float64), rtol=rtol, atol=atol)
    return wanted


# ---- whole kernels

@pytest.mark.parametrize("shape", [(8, 128), (5, 100), (3, 1)])
def test_softmax(shape):
    x = numbers(shape)
    np.testing.assert_allclose(same(kernels.softmax, x), jax.nn.softmax(x), rtol=1e-5)


@pytest.mark.parametrize("shape", [(8, 128), (5, 100)])
def test_norms(shape):
    x, w, b = numbers(shape), numbers(shape[1:], seed=1), numbers(shape[1:], seed=2)
    same(kernels.layer_norm, x, w, b, atol=1e-5)
    same(kernels.rms_norm, x, w, atol=1e-5)
    same(kernels.rms_norm, x.astype(jnp.bfloat16), w, rtol=1e-2)


@pytest.mark.parametrize("m,n,k", [(64, 64, 64), (100, 60, 70), (32, 1, 33)])
def test_matmul(m, n, k):
    a, b = numbers((m, k)), numbers((k, n), seed=1)
    np.testing.assert_allclose(kernels.matmul(a, b), np.asarray(a, np.float64) @ np.asarray(b, np.float64), rtol=1e-4, atol=1e-4)
    if (m, n, k) == (64, 64, 64):  # the interpreter pads with NaN, which then are summed
        same(kernels.matmul, a, b, rtol=1e-4, atol=1e-4)
        same(kernels.matmul, a.astype(jnp.float16), b.astype(jnp.float16), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_attention(causal, dtype):
    q, k, v = (numbers((2, 2, 64, 16), dtype, seed) for seed in range(3))
    tolerance = dict(rtol=1e-4, atol=1e-5) if dtype == "float32" else dict(rtol=2e-2, atol=2e-3)
    same(functools.partial(kernels.attention, causal=causal), q, k, v, **tolerance)
    np.testing.assert_allclose(kernels.attention(q, k, v, causal=causal).astype(jnp.float32), kernels.plain_attention(q, k, v, causal=causal).astype(jnp.float32), **tolerance)


# ---- operations

def pointwise(fs, dtypes=None, block=32):
    """A kernel that returns the results of several functions of its blocks."""

    def run(*xs, interpret=False):
        spec = pl.BlockSpec((block,), lambda i: (i,))

        def kernel(*refs):
            for f, o in zip(fs, refs[len(xs):]):
                o[...] = f(*(r[...] for r in refs[:len(xs)])).astype(o.dtype)

        outs = [jax.ShapeDtypeStruct(xs[0].shape, d) for d in dtypes or [xs[0].dtype] * len(fs)]
        return pl.pallas_call(kernel, grid=pl.cdiv(xs[0].shape[0], block), in_specs=[spec] * len(xs), out_specs=[spec] * len(fs), out_shape=outs, interpret=interpret)(*xs)

    return run


def named(names):
    return [getattr(jnp, name) for name in names.split()]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions(dtype):
    with jax.enable_x64(dtype == "float64"):
        x, y = numbers(64, dtype), numbers(64, dtype, 1)
        same(pointwise(named("exp exp2 expm1 log1p sin cos tan tanh sinh cosh arcsinh arctan abs floor ceil negative sign square cbrt")), jnp.abs(x) / 2 - 0.5, rtol=1e-5)
        same(pointwise([*named("log sqrt"), jax.lax.rsqrt, jax.nn.gelu, jax.nn.sigmoid]), jnp.abs(x) + 0.1, rtol=1e-4)
        same(pointwise([*named("add subtract multiply divide power minimum maximum arctan2"), lambda x, y: jnp.where(x > y, x, jnp.clip(y, -0.5, 0.5))]), jnp.abs(x) + 0.1, y, rtol=1e-5)


def test_functions_that_the_lowering_lacks():
    erf, gelu = jax.scipy.special.erf, lambda x: jax.nn.gelu(x, approximate=False)
    fs = [erf, jax.scipy.special.erfc, gelu, jnp.round, lambda x: jax.lax.round(x, jax.lax.RoundingMethod.AWAY_FROM_ZERO), lambda x: jax.scipy.special.erfinv(jnp.clip(x, -0.9, 0.9))]
    same(pointwise(fs), jnp.concatenate([numbers(60), jnp.array([0.5, 1.5, -2.5, 2.5])]), rtol=1e-5)


@pytest.mark.parametrize("dtype, rtol", [("float16", 1e-3), ("bfloat16", 1e-2), ("float32", 1e-6)])
def test_assembly(dtype, rtol):
    """approx_tanh is inline assembly; other functions may be, too."""
    x = jnp.linspace(-3, 3, 128).astype(dtype)

    def kernel(x_ref, tanh_ref, bits_ref):
        x = x_ref[...]
        tanh_ref[...] = plgpu.approx_tanh(x)
        word = x.astype(jnp.float32).view(jnp.int32)
        [bits_ref[...]] = plgpu.elementwise_inline_asm("bfe.u32 $0, $1, 23, 8;", args=[word], constraints="=r,r", pack=1, result_shape_dtypes=[jax.ShapeDtypeStruct(word.shape, word.dtype)])

    tanh, exponents = pl.pallas_call(kernel, out_shape=(x, jax.ShapeDtypeStruct(x.shape, jnp.int32)))(x)
    wide = np.asarray(x, np.float32)
    np.testing.assert_allclose(np.asarray(tanh, np.float64), np.tanh(wide.astype(np.float64)), rtol=rtol)
    assert np.array_equal(exponents, wide.view(np.int32) >> 23 & 255)


def test_comparisons():
    x, y = numbers(64), numbers(64, seed=1).at[::3].set(numbers(64)[::3])
    fs = named("less equal not_equal greater_equal")
    same(pointwise(fs, dtypes=[jnp.bool_] * len(fs)), x, y)


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int8"])
def test_functions_of_integers(dtype):
    x, y = jnp.asarray(np.arange(64) * 3 % 101, dtype), jnp.asarray(np.arange(64) % 5 + 1, dtype)
    same(pointwise(named("add multiply bitwise_and bitwise_or bitwise_xor left_shift right_shift floor_divide remainder minimum")), x, y)


@pytest.mark.parametrize("source", ["float32", "float16", "bfloat16", "int32", "int8", "uint8", "bool"])
def test_casts(source):
    x = jnp.asarray(np.arange(64) % 7 - (0 if source in ("uint8", "bool") else 3), source)
    targets = [jnp.dtype(d) for d in ("float32", "float16", "bfloat16", "int32", "int16", "bool")]
    same(pointwise([lambda x, d=d: x.astype(d) for d in targets], dtypes=targets), x)


def on_matrix(f, out, *, dtype=None):

    def run(x, interpret=False):

        def kernel(x_ref, o_ref):
            o_ref[...] = f(x_ref[...]).astype(o_ref.dtype)

        return pl.pallas_call(kernel, out_shape=jax.ShapeDtypeStruct(out, dtype or x.dtype), interpret=interpret)(x)

    return run


@pytest.mark.parametrize("axis", [0, 1, (0, 1)])
@pytest.mark.parametrize("name", ["sum", "max", "min"])
def test_reductions(axis, name):
    out = {0: (32,), 1: (16,), (0, 1): ()}[axis]
    same(on_matrix(lambda x: getattr(jnp, name)(x, axis=axis), out), numbers((16, 32)), rtol=1e-4, atol=1e-5)


def test_where_the_largest_is():
    for f in (jnp.argmax, jnp.argmin):
        same(on_matrix(lambda x: f(x, axis=1).astype(jnp.int32), (16,), dtype=jnp.int32), numbers((16, 32)))


def test_layouts_and_sums_along_axes():
    x = numbers((16, 32))
    same(on_matrix(lambda x: x.T, (32, 16)), x)
    same(on_matrix(lambda x: x.reshape(32, 16), (32, 16)), x)
    same(on_matrix(lambda x: jnp.cumsum(x, axis=1), (16, 32)), x, atol=1e-5)
    same(on_matrix(lambda x: jnp.broadcast_to(x[:, None, :], (16, 2, 32)), (16, 2, 32)), x)
    same(on_matrix(lambda x: x @ x.T, (16, 16)), x, rtol=1e-4, atol=1e-5)


def test_loops_and_branches():

    def run(x, interpret=False):

        def kernel(x_ref, o_ref):
            def body(i, acc):
                return jax.lax.cond(jax.lax.rem(i, 2) == 0, lambda a: a + x_ref[i], lambda a: a - 0.5 * x_ref[i], acc)

            total = jax.lax.fori_loop(0, 8, body, jnp.float32(0))
            n, halved = jax.lax.while_loop(lambda c: c[1] > 1, lambda c: (c[0] + 1, c[1] / 2), (0, jnp.float32(1000)))
            o_ref[0], o_ref[1], o_ref[2] = total, halved, n.astype(jnp.float32)

        return pl.pallas_call(kernel, out_shape=jax.ShapeDtypeStruct((3,), x.dtype), interpret=interpret)(x)

    same(run, numbers(8))


def test_masked_accesses():

    def run(x, interpret=False):

        def kernel(x_ref, o_ref):
            i = pl.program_id(0) * 32 + jnp.arange(32)
            inside = i < 50
            plgpu.store(o_ref.at[pl.ds(pl.program_id(0) * 32, 32)], 2 * plgpu.load(x_ref.at[pl.ds(pl.program_id(0) * 32, 32)], mask=inside, other=0.0), mask=inside)

        return pl.pallas_call(kernel, grid=2, out_shape=jax.ShapeDtypeStruct((64,), x.dtype), interpret=interpret, compiler_params=plgpu.CompilerParams(num_warps=4))(x)

    x = numbers(64)
    np.testing.assert_array_equal(run(x)[:50], 2 * x[:50])


def test_atomics():

    def kernel(o_ref):
        plgpu.atomic_add(o_ref, (), pl.program_id(0))

    whole = pl.pallas_call(lambda _, o_ref: kernel(o_ref), grid=100, out_shape=jax.ShapeDtypeStruct((), jnp.int32), input_output_aliases={0: 0}, compiler_params=plgpu.CompilerParams())
    assert jax.jit(whole)(jnp.int32(5)) == 5 + sum(range(100))


# ---- grids and blocks

@pytest.mark.parametrize("size", [1, 31, 32, 33, 1000])
def test_blocks_that_overhang(size):
    x, y = numbers(size), numbers(size, seed=1)
    same(pointwise([lambda x, y: x + y]), x, y)


def test_blocks_that_overhang_on_several_axes():

    def run(x, interpret=False):

        def kernel(x_ref, o_ref):
            o_ref[...] = x_ref[...].T * 2

        return pl.pallas_call(kernel, grid=(3, 2), in_specs=[pl.BlockSpec((16, 32), lambda i, j: (i, j))], out_specs=pl.BlockSpec((32, 16), lambda i, j: (j, i)),
                              out_shape=jax.ShapeDtypeStruct((50, 40), x.dtype), interpret=interpret)(x)

    same(run, numbers((40, 50)))


def test_blocks_that_overhang_are_masked_not_copied():
    text = jax.jit(kernels.softmax).lower(numbers((5, 100))).as_text()
    assert "nereid_kernel_call" in text and "pad" not in text.replace("padding", "") and "stablehlo.slice" not in text


def test_atomics_on_blocks_that_overhang():

    def kernel(_, o_ref):
        plgpu.atomic_add(o_ref, (slice(None),), jnp.ones(32, jnp.int32))

    spec = pl.BlockSpec((32,), lambda i, j: (j,))
    out = pl.pallas_call(kernel, grid=(3, 2), in_specs=[spec], out_specs=spec, out_shape=jax.ShapeDtypeStruct((50,), jnp.int32), input_output_aliases={0: 0})(jnp.zeros(50, jnp.int32))
    np.testing.assert_array_equal(out, np.full(50, 3))


def test_blocks_that_begin_anywhere():
    """Windows that overlap, the last beyond the end."""

    def run(x, interpret=False):

        def kernel(x_ref, o_ref):
            o_ref[...] = jnp.max(x_ref[...])

        return pl.pallas_call(kernel, grid=20, in_specs=[pl.BlockSpec((pl.Element(4),), lambda i: (i * 3,))], out_specs=pl.BlockSpec((None,), lambda i: (i,)),
                              out_shape=jax.ShapeDtypeStruct((20,), x.dtype), interpret=interpret)(x)

    x = jnp.abs(numbers(60))
    np.testing.assert_array_equal(run(x), [x[3 * i:3 * i + 4].max() for i in range(20)])


def test_blocks_beyond_the_array_are_refused():

    def run(x):
        spec = pl.BlockSpec((32,), lambda i: (i + 2,))
        return pl.pallas_call(lambda x_ref, o_ref: None, grid=3, in_specs=[spec], out_specs=pl.BlockSpec((32,), lambda i: (i,)), out_shape=jax.ShapeDtypeStruct((96,), x.dtype))(x)

    with pytest.raises(ValueError, match=r"is outside its array of shape \(64,\): along axis 0 it begins at 128"):
        run(numbers(64))


@pytest.mark.parametrize("grid,index", [((64, 8), lambda i, j: (i,)), ((8, 64), lambda i, j: (j,)), ((4, 2, 64), lambda i, j, k: (k,)), ((4, 64, 2), lambda i, j, k: (j,)), ((64, 8), lambda i, j: ((i + 3) % 64,)),
                                        ((128, 3), lambda i, j: (i // 2,)), ((2, 2, 2, 64), lambda a, b, c, d: (d,)), ((64, 2, 3, 2), lambda a, b, c, d: (a,)), ((4, 2, 16, 2), lambda a, b, c, d: (a * 16 + c,)),
                                        ((2, 8, 2, 8, 2), lambda a, b, c, d, e: (b * 8 + d,))])
def test_blocks_that_are_visited_again(grid, index):
    """Each visit sees the result of the previous one, and the last one remains."""

    def run(interpret=False):

        def kernel(x_ref, o_ref):
            del x_ref  # the output is aliased to it
            step = functools.reduce(lambda acc, a: acc * grid[a] + pl.program_id(a), range(len(grid)), 0)
            o_ref[...] = o_ref[...] * 0.5 + step.astype(o_ref.dtype)

        spec = pl.BlockSpec((16,), index)
        return pl.pallas_call(kernel, grid=grid, in_specs=[spec], out_specs=spec, out_shape=jax.ShapeDtypeStruct((1024,), jnp.float32), input_output_aliases={0: 0}, interpret=interpret)(
            jnp.zeros(1024, jnp.float32))

    for _ in range(3):
        np.testing.assert_allclose(run(), run(True), rtol=1e-6)


def test_batches():
    x = numbers((3, 5, 100))
    np.testing.assert_allclose(jax.vmap(kernels.softmax)(x), jax.nn.softmax(x), rtol=1e-5)
    a, b = numbers((4, 64, 32)), numbers((4, 32, 64), seed=1)
    np.testing.assert_allclose(jax.jit(jax.vmap(functools.partial(kernels.matmul, bk=32)))(a, b), a @ b, rtol=1e-4, atol=1e-4)


def test_derivatives():
    f = lambda x: pointwise([lambda x: jnp.sin(x) * x])(x)[0]
    x = numbers(64)
    _, got = jax.jvp(f, (x,), (jnp.ones_like(x),))
    np.testing.assert_allclose(got, jnp.cos(x) * x + jnp.sin(x), rtol=1e-4, atol=1e-5)


def test_aliases_and_donation():

    def run(x, interpret=False):
        spec = pl.BlockSpec((32,), lambda i: (i,))

        def kernel(x_ref, o_ref):
            o_ref[...] = x_ref[...] + 1

        return pl.pallas_call(kernel, grid=4, in_specs=[spec], out_specs=spec, out_shape=jax.ShapeDtypeStruct(x.shape, x.dtype), input_output_aliases={0: 0}, interpret=interpret)(x)

    x = numbers(128)
    same(run, x)
    wanted, place = np.asarray(x) + 1, x.unsafe_buffer_pointer()
    out = jax.jit(run, donate_argnums=0)(x)
    assert out.unsafe_buffer_pointer() == place
    np.testing.assert_array_equal(out, wanted)


def test_several_outputs_and_squeezed_dimensions():

    def run(x, interpret=False):

        def kernel(x_ref, sums, most):
            sums[...] = jnp.sum(x_ref[...])
            most[...] = jnp.max(x_ref[...])

        one = pl.BlockSpec((None,), lambda i: (i,))
        return pl.pallas_call(kernel, grid=x.shape[0], in_specs=[pl.BlockSpec((None, x.shape[1]), lambda i: (i, 0))], out_specs=[one, one],
                              out_shape=[jax.ShapeDtypeStruct(x.shape[:1], x.dtype)] * 2, interpret=interpret)(x)

    same(run, numbers((20, 64)), rtol=1e-4)


def test_what_is_refused_by_name():
    x = numbers(64)
    out = jax.ShapeDtypeStruct((64,), x.dtype)
    with pytest.raises(NotImplementedError, match="scratch memory"):
        pl.pallas_call(lambda x_ref, o_ref, s: None, out_shape=out, scratch_shapes=[plgpu_scratch()])(x)
    with pytest.raises(NotImplementedError, match="dynamic grid bounds"):
        jax.jit(lambda n: pl.pallas_call(lambda x_ref, o_ref: None, grid=(n,), out_shape=out)(x))(3)


def plgpu_scratch():
    return pl.MemoryRef(jax.core.ShapedArray((8,), jnp.float32), pl.ANY) if hasattr(pl, "MemoryRef") else jax.ShapeDtypeStruct((8,), jnp.float32)


def test_without_jit():
    x = numbers((8, 128))
    np.testing.assert_allclose(kernels.softmax(x), jax.nn.softmax(x), rtol=1e-5)


@pytest.mark.parametrize("dtype", [jnp.int4, jnp.uint4])
@pytest.mark.parametrize("block", [(4, 16), (2, 8)])
def test_weights_of_four_bits(dtype, block):
    w = jnp.asarray(np.arange(64) * 7 % 16 - (8 if dtype == jnp.int4 else 0), dtype).reshape(4, 16)

    def f(w, to, interpret=False):
        def kernel(w_ref, o_ref):
            o_ref[...] = w_ref[...].astype(to) * 3
        spec = pl.BlockSpec(block, lambda i, j: (i, j))
        return pl.pallas_call(kernel, grid=(4 // block[0], 16 // block[1]), in_specs=[spec], out_specs=spec, out_shape=jax.ShapeDtypeStruct(w.shape, to), interpret=interpret)(w)

    for to in (jnp.float32, jnp.int32, jnp.int8):
        np.testing.assert_array_equal(same(functools.partial(f, to=to), w), np.asarray(w, np.int32) * 3)


@pytest.mark.parametrize("f, shape, named", [
    (lambda v: jnp.einsum("bij,bjk->bik", v, v), (4, 16, 16), "a product with a batch dimension"),
    (lambda v: jax.lax.fori_loop(0, 4, lambda i, c: c + i, v, unroll=True), (16, 16), "a loop with `unroll`"),
    (lambda v: jnp.dot(v, v), (16, ), "a product of arrays with 1 and 1 dimensions"),
    (lambda v: v @ jnp.ones(16), (16, 16), "a product of arrays with 2 and 1 dimensions"),
    (lambda v: v[:, :8], (16, 16), "the primitive `slice` .*test_pallas.py.*x_ref"),
    (lambda v: jax.lax.scan(lambda c, r: (c, r + 1), 0.0, v)[1], (16, 16), "lax.scan over the rows"),
    (lambda v: jnp.where(v > 0, jnp.sort(v), v), (16, ), "the primitive `sort`"),
])
def test_refusals_are_named(f, shape, named):
    x = jnp.ones(shape)

    def kernel(x_ref, o_ref):
        o_ref[...] = f(x_ref[...])

    with pytest.raises(NotImplementedError, match=f"pallas_call on the CPU: {named}"):
        pl.pallas_call(kernel, out_shape=jax.eval_shape(f, x))(x)


def test_a_grid_without_programs_gives_zeros():
    def kernel(x_ref, o_ref, k_ref):
        o_ref[...] = x_ref[...] + 1

    spec = pl.BlockSpec((8, ), lambda i: (i, ))
    o, k = pl.pallas_call(kernel, grid=0, in_specs=[spec], out_specs=[spec, spec], out_shape=[jax.ShapeDtypeStruct((16, ), jnp.float32)] * 2, input_output_aliases={0: 1})(jnp.arange(16.0))
    np.testing.assert_array_equal(o, np.zeros(16))
    np.testing.assert_array_equal(k, np.arange(16))
