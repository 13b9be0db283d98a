# SPDX-License-Identifier: MIT
"""Arrays and launches on a GPU through wgpu: that of this machine, or SwiftShader's, which Chromium brings."""
import os
from pathlib import Path

import numpy as np
import pytest

SWIFTSHADER = Path("/usr/lib/chromium/vk_swiftshader_icd.json")
if SWIFTSHADER.exists():
    os.environ.setdefault("VK_DRIVER_FILES", str(SWIFTSHADER))
pytest.importorskip("wgpu")

import nereid  # noqa: E402
import nereid.language as tl  # noqa: E402
from nereid import gpu  # noqa: E402

if not gpu.adapters():
    pytest.skip("no GPU, and no emulated one", allow_module_level=True)
F32 = np.float32


@nereid.jit
def softmax(out, x, n, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    v = tl.load(x + row * n + i, mask=i < n, other=-float("inf"))
    e = tl.exp(v - tl.max(v, 0))
    tl.store(out + row * n + i, e / tl.sum(e, 0), mask=i < n)


@nereid.jit
def axpy(x, y, n, a, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, a * tl.load(x + i, mask=i < n) + tl.load(y + i, mask=i < n), mask=i < n)


def expected(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def test_launches():
    x = np.random.default_rng(0).random((5, 100), F32)
    there, out = gpu.array(x), gpu.empty(x.shape)
    assert softmax[(5, )](out, there, 100, BLOCK=128).device is gpu.device()
    assert np.allclose(out.numpy(), expected(x), atol=1e-6)
    softmax[lambda meta: (5, )](there, there, 100, BLOCK=128)  # one buffer, bound once
    assert np.allclose(np.asarray(there), expected(x), atol=1e-6)
    assert softmax.compiled == 1 and "5, 100" in repr(there)
    copy = x.copy()
    softmax[(5, )](copy, x, 100, BLOCK=128)  # the same kernel on the CPU
    assert np.allclose(copy, expected(x), atol=1e-6)
    with pytest.raises(TypeError, match="arrays in different memories"):
        softmax[(5, )](copy, there, 100, BLOCK=128)
    with pytest.raises(TypeError, match="has no parameter `wrong`"):
        softmax[(5, )](there, there, 100, wrong=1, BLOCK=128)


def test_many_launches_are_one_command_buffer():
    n = 1000
    x, y = gpu.array(np.ones(n, F32)), gpu.empty(n)
    for k in range(600):
        axpy[(4, )](x, y, n, 1.0 + (k == 0), BLOCK=256)
    assert (y.numpy() == 601).all()


def test_parts_of_arrays():
    x = np.arange(64, dtype=F32)
    there = gpu.array(x)
    part = there[16:48]
    axpy[(1, )](part, part, 32, 1.0, BLOCK=32)
    wanted = x.copy()
    wanted[16:48] *= 2
    assert np.array_equal(there.numpy(), wanted) and np.array_equal(there.reshape(8, 8)[2:4].numpy(), wanted[16:32].reshape(2, 8)) and there.reshape(8, 8)[1].shape == (8, )
    with pytest.raises(TypeError, match="without a step"):
        there[::2]
    axpy[(1, )](there[1:5], there[0:4], 4, 1.0, BLOCK=4)  # overlapping, and not aligned to 16 bytes
    assert np.array_equal(there.numpy()[:5], [1, 3, 5, 7, 4])


def test_types():
    for dtype in (np.float16, np.int8, np.uint8, np.int16, np.int64, np.bool_, F32):
        x = np.arange(37).astype(dtype)
        there = gpu.array(x)
        assert there.dtype == x.dtype.name and np.array_equal(there.numpy(), x)
        assert np.array_equal(there[3:9].numpy(), x[3:9]) and np.array_equal(there.copy().numpy(), x)
    there.write(np.ones(37, F32))
    assert (there.numpy() == 1).all()

    @nereid.jit
    def widened(x, o, N: tl.constexpr):
        i = tl.arange(0, N)
        tl.store(o + i, tl.load(x + i).to(tl.int64) * 3)

    o = gpu.empty(32, "int64")
    widened[(1, )](gpu.array(np.arange(-16, 16, dtype=np.int8)), o, N=32)
    assert np.array_equal(o.numpy(), 3 * np.arange(-16, 16))


def test_arrays_are_copied_for_a_kernel_of_the_gpu():

    @nereid.jit(device="gpu")
    def doubled(x, o, n, N: tl.constexpr):
        i = tl.program_id(0) * N + tl.arange(0, N)
        tl.store(o + i, 2 * tl.load(x + i, mask=i < n), mask=i < n)

    x, o = np.arange(100, dtype=F32), np.zeros(100, F32)
    doubled[(4, )](x, o, 100, N=32)
    assert np.array_equal(o, 2 * x)
    with pytest.raises(ValueError, match='device must be "cpu", "gpu" or "gpu:N"'):
        nereid.jit(device="tpu")(doubled.fn)


def test_output_and_errors(capsys):

    @nereid.jit
    def noisy(x, n, N: tl.constexpr):
        i = tl.arange(0, N)
        tl.device_print("n", n)
        tl.device_assert(tl.load(x + i) < n, "too large")

    x = gpu.array(np.arange(4, dtype=np.int32))
    noisy[(1, )](x, 4, N=4, debug=True)
    assert capsys.readouterr().out == "pid (0, 0, 0) idx () n: 4\n"
    with pytest.raises(nereid.LaunchError, match=r"test_gpu.py:\d+: assertion failed in program \(0, 0, 0\): too large"):
        noisy[(1, )](x, 3, N=4, debug=True)

    @nereid.jit
    def doubles(x, N: tl.constexpr):
        i = tl.arange(0, N)
        tl.store(x + i, tl.load(x + i) * 2)

    with pytest.raises(nereid.CompileError, match=r"test_gpu.py:\d+:\d+: error:.*f64"):
        doubles[(1, )](gpu.array(np.ones(4)), N=4)


def test_more_arrays_than_bindings():
    names = [f"x{k}" for k in range(20)]
    source = f"def total({', '.join(names)}, N: tl.constexpr):\n    i = tl.arange(0, N)\n    tl.store(x0 + i, {' + '.join(f'tl.load({n} + i)' for n in names)})\n"
    import linecache
    linecache.cache["<total>"] = len(source), None, source.splitlines(True), "<total>"
    space = {"tl": tl}
    exec(compile(source, "<total>", "exec"), space)
    arrays = [gpu.array(np.full(16, k, F32)) for k in range(20)]
    kernel = nereid.jit(space["total"])
    for _ in range(2):
        kernel[(1, )](*arrays, N=16)
    assert (arrays[0].numpy() == 2 * sum(range(20))).all() and (arrays[7].numpy() == 7).all()


def test_times_are_those_of_the_gpu():
    x, y = gpu.array(np.ones(4096, F32)), gpu.empty(4096)
    if "timestamp-query" not in gpu.device().features:
        pytest.skip("no timestamp-query")
    m = nereid.benchmark(axpy, x, y, 4096, 1.0, BLOCK=256, grid=(16, ), runs=80)
    assert len(m.times) == 80 and m.median_us > 0 and m.bytes == 2 * 4 * 4096


def test_autotune():

    @nereid.autotune([nereid.Config({"BLOCK": 64}), nereid.Config({"BLOCK": 256})], key=["n"], restore_value=["y"])
    @nereid.jit
    def tuned(x, y, n, a, BLOCK: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        tl.store(y + i, a * tl.load(x + i, mask=i < n) + tl.load(y + i, mask=i < n), mask=i < n)

    x, y = gpu.array(np.ones(1000, F32)), gpu.empty(1000)
    tuned[lambda meta: (nereid.cdiv(1000, meta["BLOCK"]), )](x, y, 1000, 2.0)
    assert tuned.best_config in tuned.configs and (y.numpy() == 2).all()


def test_shaders_for_naga():
    text = "enable f16;\nenable subgroups;\ndiagnostic(off, subgroup_uniformity);\nfn f(x: f32) -> u32 { return bitcast<u32>(vec2<f16>(vec2f(x, g(x)))); }\nlet y = bitcast<vec2<f16>>(v).x;\n"
    assert gpu.for_naga(text) == "enable f16;\n\n\nfn f(x: f32) -> u32 { return pack2x16float(vec2<f32>(vec2<f16>(vec2f(x, g(x))))); }\nlet y = vec2<f16>(unpack2x16float(v)).x;\n"
