# SPDX-License-Identifier: MIT
"""The kernel library on the CPU and in the interpreter, against NumPy; graphs; errors of operands. tests/kernels has the cases, which run in WebAssembly and on WebGPU, too."""
import inspect
import sys
from pathlib import Path

import numpy as np
import pytest

import nereid
from nereid import kernels, knobs

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "kernels"))
import cases as numpy_cases  # noqa: E402

CASES = numpy_cases.all_cases()
F32 = np.float32


def called(case, args, options):
    dtypes = {"f32": np.float32, "f16": np.float16}
    args = [dtypes.get(a, a) if isinstance(a, str) else kernels.Blocks(a.raw, a.format, a.columns, a.depth) if isinstance(a, numpy_cases.Packed) else a for a in args]
    options = {k: dtypes.get(v, v) if k == "dtype" else v for k, v in options.items()}
    result = getattr(kernels, case.function)(*args, **options)
    return result if isinstance(result, tuple) else (result, )


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_operation_is_that_of_numpy(case):
    assert numpy_cases.problem(case, called(case, case.args, case.options)) is None


@pytest.mark.parametrize("case", [c for c in CASES if sum(np.size(a) for a in c.args) < 20000], ids=lambda c: c.name)
def test_operation_is_that_of_numpy_in_the_interpreter(case, monkeypatch):
    monkeypatch.setattr(knobs.runtime, "check", True)  # reports accesses out of bounds and races as well
    assert numpy_cases.problem(case, called(case, case.args, case.options)) is None


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_graph_gives_the_same(case):
    graph, data = kernels.Graph(), {}

    def value(x):
        if not isinstance(x, np.ndarray):
            return x
        name = f"in{len(data)}"
        data[name] = x
        return graph.input(name, x.dtype, x.shape)

    args, options = [value(a) for a in case.args], {k: value(v) for k, v in case.options.items()}
    results = called(case, args, options)
    plan = graph.compile(**{f"out{n}": r for n, r in enumerate(results)})
    found = plan.run(**data)
    wanted = called(case, case.args, case.options)
    if nereid._core.NATIVE:
        assert [a.tobytes() for a in found.values()] == [np.ascontiguousarray(a).tobytes() for a in wanted]
    else:  # in WebAssembly only vectors have fused operations, and kernels for aligned arrays have more of them
        assert all(np.allclose(a, b, rtol=1e-6, atol=1e-6) for a, b in zip(found.values(), wanted, strict=True))


@pytest.mark.parametrize("format", ["q4_1", "q4_0", "q8_0"])
def test_products_of_a_few_rows_with_weights_in_groups(format):
    rng = np.random.default_rng(2)
    w, numbers = numpy_cases.in_groups(rng, format, 70, 96)
    x, residual = rng.standard_normal((3, 96), F32), rng.standard_normal((3, 70), F32)
    blocks = kernels.Blocks(w.raw, format, 70, 96)
    found = kernels.matmul_blocks(kernels.quantize_groups(x), blocks, residual)
    wanted = numpy_cases.grouped(x)[1] @ numbers.T + residual
    assert np.abs(found - wanted).max() < 1e-5 * np.abs(wanted).mean()
    exact = x.astype(np.float64) @ numbers.T + residual
    found = kernels.matmul_blocks(kernels.quantize_groups(x, bits=16), blocks, residual)
    assert np.abs(found - exact).max() < 1e-4 * np.abs(exact).mean()
    with pytest.raises(ValueError, match="raw must have the shape"):
        kernels.Blocks(w.raw[1:], format, 70, 96)


@pytest.mark.parametrize("angles", [False, True])
def test_keys_and_values_go_to_their_pages(angles):
    rng = np.random.default_rng(3)
    rows, heads, kv_heads, size, page, length = 3, 4, 2, 16, 4, 20
    x = rng.standard_normal((rows, (heads + 2 * kv_heads) * size), F32)
    positions, table = np.array([0, 5, 19], np.int32), rng.permutation(15).reshape(3, 5).astype(np.int32)
    cache = np.zeros((15 * page, 2 * kv_heads * size), F32)
    turns = rng.standard_normal((length, size // 2))
    cos, sin = np.cos(turns).astype(F32), np.sin(turns).astype(F32)
    q = kernels.store_keys(x, cache, positions, table, heads, kv_heads, page, angles=(cos, sin) if angles else None)
    parts = x.reshape(rows, -1, size).astype(np.float64)
    if angles:
        turned = parts[:, :heads + kv_heads, 0::2] + 1j * parts[:, :heads + kv_heads, 1::2]
        turned = turned * np.exp(1j * turns[positions])[:, None]
        parts[:, :heads + kv_heads, 0::2], parts[:, :heads + kv_heads, 1::2] = turned.real, turned.imag
    assert np.allclose(q, parts[:, :heads].reshape(rows, -1), atol=1e-6)
    wanted = np.zeros_like(cache)
    for row, p in enumerate(positions):
        wanted[table[row, p // page] * page + p % page] = parts[row, heads:].ravel()
    assert np.allclose(cache, wanted, atol=1e-6)


def test_sampling_follows_the_settings():
    values = np.log(np.array([[8, 4, 2, 1] + 12 * [1e-6]], F32))
    indices = np.arange(100, 116, dtype=np.int32)[None]

    def chosen(temperature, top_p, top_k, count=400):
        ids, positions, history = np.zeros(1, np.int32), np.full(1, -1, np.int32), np.zeros((1, count), np.int32)
        settings = np.array([[temperature, top_p, top_k, 0]], F32)
        settings.view(np.int32)[0, 3] = 7
        for _ in range(count):
            kernels.raw.sample[1, ](values, indices, ids, positions, history, settings, count, K=16)
        assert positions[0] == count - 1 and ids[0] == history[0, -1]
        return np.bincount(history[0] - 100, minlength=4)[:4] / count

    assert chosen(0, 1, 16)[0] == 1
    assert np.allclose(chosen(1, 1, 16), np.array([8, 4, 2, 1]) / 15, atol=0.08)
    assert np.allclose(chosen(1, 1, 2), np.array([8, 4, 0, 0]) / 12, atol=0.08)
    assert np.allclose(chosen(1, 0.75, 16), np.array([8, 4, 0, 0]) / 12, atol=0.08)
    assert np.allclose(chosen(0.5, 1, 16), np.array([64, 16, 4, 1]) / 85, atol=0.08)


def test_values_that_are_not_needed_together_share_memory():
    rng = np.random.default_rng(0)
    w = [rng.standard_normal((64, 64), dtype=F32) / 8 for _ in range(6)]
    graph = kernels.Graph()
    x = start = graph.input("x", F32, (32, 64))
    for m in w:
        x = kernels.matmul(x, m, activation="tanh")
    plan = graph.compile(y=x)
    assert plan.launches == 6
    assert plan.bytes == 2 * 32 * 64 * 4 and plan.unshared_bytes == 5 * 32 * 64 * 4
    for seed in (1, 2):
        expected = data = np.random.default_rng(seed).standard_normal(start.shape, dtype=F32)
        for m in w:
            expected = np.tanh(expected.astype(np.float64) @ m)
        assert np.abs(plan.run(x=data)["y"] - expected).max() < 1e-5
    assert not np.shares_memory(plan.inputs["x"], plan.outputs["y"])


def test_blocks_are_shared_by_disjoint_lifetimes_only():
    from nereid.kernels._graph import share_blocks
    rng = np.random.default_rng(3)
    for _ in range(200):
        values = []
        for _ in range(rng.integers(1, 12)):
            first = int(rng.integers(0, 10))
            values.append((int(rng.integers(1, 100)), first, first + int(rng.integers(0, 5))))
        blocks, block_of = share_blocks(values)
        for i, (size, first, last) in enumerate(values):
            assert size <= blocks[block_of[i]]
            for j in range(i):
                assert block_of[i] != block_of[j] or last < values[j][1] or values[j][2] < first
        # As many bytes as needed at once, at least, and no more than without sharing.
        most = max(sum(size for size, first, last in values if first <= t <= last) for t in range(15))
        assert most <= sum(blocks) <= sum(size for size, _, _ in values)


def test_own_kernels_in_a_graph():
    graph = kernels.Graph()
    x, out = graph.input("x", F32, (100, )), graph.empty(F32, (100, ))
    graph.launch(kernels.raw.activation, 2, x_ptr=x, y_ptr=x, out_ptr=out, size=100, ACTIVATION="relu", BLOCK=64)
    plan = graph.compile(out=out.reshape(10, 10))
    data = np.arange(-50, 50, dtype=F32)
    assert (plan.run(x=data)["out"].ravel() == np.maximum(data, 0) * data).all()


x, w = np.ones((4, 8), F32), np.ones((8, 6), F32)


@pytest.mark.parametrize("call, error, text", [
    (lambda: kernels.matmul(x, w.T), ValueError, r"w must have the shape \[8, 8\], since x has rows of 8, but has \[6, 8\]"),
    (lambda: kernels.matmul(x.astype(np.float64), w), TypeError, "x must be float32 or float16, but is float64"),
    (lambda: kernels.matmul(x, w, bias=np.ones(5, F32)), ValueError, r"bias must have the shape \[6\], one number for each column, but has \[5\]"),
    (lambda: kernels.matmul(x, w, activation="swish"), ValueError, "activation must be one of none, relu"),
    (lambda: kernels.matmul(x, w, out=np.zeros((4, 5), F32)), ValueError, r"out must have the shape \[4, 6\]"),
    (lambda: kernels.attention(*(np.ones((1, 4, 40), F32), ) * 3, heads=2), ValueError, "a head must have 16, 32, 64 or 128 numbers, but 40 columns in 2 heads are 20"),
    (lambda: kernels.top_k(x, 0), ValueError, "k must be from 1 to 256"),
    (lambda: kernels.conv1d(np.ones((1, 2, 3), F32), np.ones((1, 2, 4), F32)), ValueError, "the filter of width 4 is longer than the padded rows of x"),
    (lambda: kernels.embedding(np.zeros(3, np.int64), w), TypeError, "ids must be int32 or uint32, but is int64"),
    (lambda: kernels.quantize_int4(w), ValueError, "group must be 32, 64, 128 or 256, and divide the 8 rows of w"),
    (lambda: kernels.matmul(kernels.Graph().input("x", F32, (4, 8)), kernels.Graph().input("w", F32, (8, 6))), ValueError, "values of different graphs"),
    (lambda: kernels.Graph().compile(y=x), ValueError, "output `y` is not a value of this graph"),
    (lambda: kernels.raw.missing, AttributeError, "the library has no kernel `missing`"),
])
def test_errors_name_operand_and_rule(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_errors_of_inputs():
    graph = kernels.Graph()
    plan = graph.compile(y=kernels.relu(graph.input("x", F32, (4, 8))))
    with pytest.raises(TypeError, match="the graph has no input `z`; it has: x"):
        plan.run(z=x)
    with pytest.raises(ValueError, match=r"input `x` must have the shape \[4, 8\], but has \[8, 6\]"):
        plan.run(x=w)


def test_out_is_filled_and_returned():
    out = np.zeros((4, 6), np.float16)
    assert kernels.matmul(x, w, out=out) is out and (out == 8).all()


def test_every_operation_is_documented_and_tested():
    operations = [name for name in kernels.__all__ if inspect.isfunction(getattr(kernels, name))]
    assert all(getattr(kernels, name).__doc__ for name in operations)
    assert sorted(operations) == sorted({c.function for c in CASES})
