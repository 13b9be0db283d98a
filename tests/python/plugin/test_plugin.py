# SPDX-License-Identifier: MIT
"""Kernels of stock Triton through the plug-in. Run it with each version of Triton; it needs no torch."""
import os
import subprocess
import sys
import threading

import ml_dtypes
import numpy as np
import pytest
import triton
import triton.language as tl
import triton.testing
from triton.language.extra import libdevice
from triton.tools.tensor_descriptor import TensorDescriptor

import nereid

F32 = np.float32
VERSION = tuple(map(int, triton.__version__.split(".")[:2]))


@triton.jit
def axpy(x, y, n, a, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    tl.store(y + i, a * tl.load(x + i, mask=inside) + tl.load(y + i, mask=inside), mask=inside)


@triton.jit
def copy(x, o, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(o + i, tl.load(x + i))


def run(script, **env):
    env = {k: v for k, v in {**os.environ, **env}.items() if v is not None}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_it_is_the_driver():
    from triton.runtime.driver import driver
    assert type(driver.active).__name__ == "NereidDriver"
    assert driver.active.get_current_target().backend == "cpu"


@pytest.mark.parametrize("grid", [(4, ), [4], (2, 2, 1), lambda meta: (triton.cdiv(meta["n"], meta["BLOCK"]), )])
def test_grids(grid):
    @triton.jit
    def count(o, n, BLOCK: tl.constexpr):
        tl.atomic_add(o, 1)

    o = np.zeros(1, np.int32)
    count[grid](o, 1024, BLOCK=256)
    assert o[0] == 4


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64", "bool", "bfloat16", "float8_e5m2", "float8_e4m3fn"])
def test_dtypes(dtype):
    dtype = np.dtype(getattr(ml_dtypes, dtype, None) or dtype)
    x = np.arange(16).astype(dtype)
    o = np.zeros(16, dtype)
    copy[(1, )](x, o, N=16)
    assert o.tobytes() == x.tobytes()


def test_other_arrays():
    import array
    x, o = array.array("f", range(16)), array.array("f", [0] * 16)
    copy[(1, )](x, o, N=16)
    assert x == o

    class Pointer:
        dtype = "torch.float32"

        def __init__(self, a):
            self.a = a

        def data_ptr(self):
            return self.a.ctypes.data

    p, q = np.arange(16, dtype=F32), np.zeros(16, F32)
    copy[(1, )](Pointer(p), Pointer(q), N=16)
    assert np.array_equal(p, q)


def test_jax_arrays():
    jax = pytest.importorskip("jax")
    x, o = jax.numpy.arange(16, dtype="float32"), np.zeros(16, F32)
    copy[(1, )](x, o, N=16)
    assert np.array_equal(o, np.arange(16))


def test_read_only_arrays():
    x = np.arange(16, dtype=F32)
    x.flags.writeable = False
    copy[(1, )](x, np.zeros(16, F32), N=16)
    with pytest.raises(ValueError, match="`o` is read-only"):
        copy[(1, )](np.zeros(16, F32), x, N=16)


def test_scalars_none_and_constants():
    @triton.jit(do_not_specialize=["c"])
    def kernel(o, a, b, c, d, bias, K: tl.constexpr):
        tl.store(o, a)
        tl.store(o + 1, b)
        tl.store(o + 2, c + K)
        tl.store(o + 3, d)
        if bias is not None:
            tl.store(o + 4, tl.load(bias))

    o = np.zeros(5)
    for a, b, c, d in ((1, 2.5, 1, True), (16, 0.25, 1 << 40, False), (-3, -1.0, 7, True)):
        kernel[(1, )](o, a, b, c, d, None, K=3)
        assert list(o) == [a, b, c + 3, d, 0]
    kernel[(1, )](o, np.int32(5), np.float64(1.5), np.int64(6), True, np.full(1, 9.0), K=4)
    assert list(o) == [5, 1.5, 10, 1, 9]


def test_tuples():
    @triton.jit
    def kernel(arrays, shape, o, N: tl.constexpr):
        i = tl.arange(0, N)
        tl.store(o + i, tl.load(arrays[0] + i) + tl.load(arrays[1] + i) * shape[0] + shape[1][0])

    x, o = np.arange(4, dtype=F32), np.zeros(4, F32)
    kernel[(1, )]((x, x), (3, (5, 1)), o, N=4)
    assert list(o) == list(4 * x + 5)


def test_host_descriptors():
    @triton.jit
    def kernel(d, o, BLOCK: tl.constexpr):
        i = tl.program_id(0)
        tl.store(o + i * BLOCK + tl.arange(0, BLOCK), tl.sum(d.load([i * BLOCK, 0]), axis=1))

    base = np.zeros(12 * 8 + 4, F32)
    x = base[(-base.ctypes.data // 4) % 4:][:96].reshape(12, 8)
    x[:] = np.arange(96).reshape(12, 8)
    o = np.zeros(16, F32)
    kernel[(4, )](TensorDescriptor.from_tensor(nereid.tensor(x), [4, 8]), o, BLOCK=4)
    assert list(o) == list(x.sum(1)) + [0] * 4


def test_device_descriptors_and_libdevice():
    @triton.jit
    def kernel(x, o, M, N, B: tl.constexpr):
        d = tl.make_tensor_descriptor(x, [M, N], [N, 1], [B, B])
        t = libdevice.tanh(d.load([0, 0]))
        tl.store(o + tl.arange(0, B)[:, None] * B + tl.arange(0, B)[None, :], t)

    x, o = np.random.default_rng(0).random((8, 8), dtype=F32), np.zeros((8, 8), F32)
    kernel[(1, )](x, o, 8, 8, B=8)
    assert np.allclose(o, np.tanh(x))


def test_autotune_heuristics_and_hooks():
    seen = []

    @triton.autotune(configs=[triton.Config({"BLOCK": b}, num_warps=2) for b in (16, 64)], key=["n"], reset_to_zero=["o"])
    @triton.heuristics({"EVEN": lambda args: args["n"] % args["BLOCK"] == 0})
    @triton.jit
    def kernel(x, o, n, BLOCK: tl.constexpr, EVEN: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        if EVEN:
            tl.atomic_add(o + i, tl.load(x + i))
        else:
            tl.atomic_add(o + i, tl.load(x + i, mask=i < n), mask=i < n)

    from triton import knobs
    knobs.runtime.launch_enter_hook = lambda data: seen.append(data.get()["name"])
    try:
        for n in (128, 130):
            x, o = np.arange(n, dtype=F32), np.zeros(n, F32)
            kernel[lambda meta: (triton.cdiv(n, meta["BLOCK"]), )](x, o, n)
            o[:] = 0
            kernel[lambda meta: (triton.cdiv(n, meta["BLOCK"]), )](x, o, n)
            assert np.array_equal(o, x)
    finally:
        knobs.runtime.launch_enter_hook = None
    assert kernel.best_config.kwargs["BLOCK"] in (16, 64) and set(seen) == {"kernel"}


def test_restore_value():
    @triton.autotune(configs=[triton.Config({"BLOCK": b}) for b in (16, 64)], key=["n"], restore_value=["o"])
    @triton.jit
    def kernel(o, n, BLOCK: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        tl.store(o + i, tl.load(o + i, mask=i < n) + 1, mask=i < n)

    o = np.zeros(100, F32)
    kernel[lambda meta: (triton.cdiv(100, meta["BLOCK"]), )](o, 100)
    assert (o == 1).all()


def test_warmup_and_stages():
    kernel = copy.warmup(np.zeros(4, F32), np.zeros(4, F32), N=4, grid=(1, ))
    assert "tt.load" in kernel.asm["ttir"] and kernel.name == "copy"


def test_do_bench():
    assert triton.testing.do_bench(lambda: None, warmup=1, rep=1) < 1


def test_assertions_and_errors():
    @triton.jit(debug=True)
    def kernel(o, n):
        tl.device_assert(n < 5, "n is small")
        tl.store(o, n)

    o = np.zeros(1, F32)
    kernel[(1, )](o, 3)
    with pytest.raises(nereid.LaunchError, match="n is small"):
        kernel[(1, )](o, 7)

    @triton.jit
    def unsupported(o):
        tl.store(o, tl.inline_asm_elementwise("mov $0, $1;", "=r,r", [tl.load(o)], dtype=tl.float32, is_pure=True, pack=1))

    with pytest.raises(nereid.CompileError, match="test_plugin.py") as e:
        unsupported[(1, )](o)
    assert "[unsupported]" in str(e.value)


def test_launches_from_many_threads():
    problems, finished = [], []

    def work(seed):
        x = np.random.default_rng(seed).random(3000, dtype=F32)
        for _ in range(20):
            y = np.ones(3000, F32)
            axpy[(triton.cdiv(3000, 128), )](x, y, 3000, float(seed), BLOCK=128)
            if not np.allclose(y, F32(seed) * x + 1):
                problems.append(seed)
        finished.append(seed)

    threads = [threading.Thread(target=work, args=(i, )) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not problems and len(finished) == 4


def test_a_launch_while_another_thread_loads_the_kernel():
    kernel = copy.warmup(np.zeros(4, F32), np.zeros(4, F32), N=4, grid=(1, ))
    run = kernel.run  # which Triton sets before it has the kernel
    x, o = np.arange(4, dtype=F32), np.zeros(4, F32)
    run(1, 1, 1, 0, None, None, None, None, None, x, o, 4)
    assert np.array_equal(x, o)


def test_the_backend_can_be_named():
    script = "import triton; from triton.runtime.driver import driver; print(type(driver.active).__name__)"
    assert run(script, TRITON_DEFAULT_BACKEND="nereid") == "NereidDriver"
    assert run(script, TRITON_DEFAULT_BACKEND=None) == "NereidDriver"
    script = "import triton; from nereid.backend.driver import NereidDriver; from triton.runtime.driver import driver; driver.set_active(NereidDriver()); print(type(driver.active).__name__)"
    assert run(script) == "NereidDriver"


GPU = """
import triton
from triton.backends import backends
from triton.runtime.driver import driver
class Gpu(backends["nvidia"].driver):
    def __init__(self): pass
    is_active = staticmethod(lambda: True)
backends["nvidia"] = type(backends["nvidia"])(compiler=backends["nvidia"].compiler, driver=Gpu)
print(type(driver.active).__name__)
"""


def test_it_stands_back_where_there_is_a_gpu():
    assert run(GPU, TRITON_DEFAULT_BACKEND=None) == "Gpu"


def test_it_never_breaks_triton():
    script = "import sys; sys.modules['nereid._core'] = None; import triton; from triton.backends import backends; print(backends['nereid'].driver.is_active(), backends['nvidia'].driver.__name__)"
    assert run(script, TRITON_DEFAULT_BACKEND=None) == "False CudaDriver"


def test_the_cache_survives_damage(tmp_path):
    script = """
import numpy as np, sys
sys.path.insert(0, %r)
import test_plugin
x, o = np.arange(16, dtype=np.float32), np.zeros(16, np.float32)
test_plugin.copy[(1,)](x, o, N=16)
print(np.array_equal(x, o))
""" % os.path.dirname(__file__)
    env = {"NEREID_CACHE_DIR": str(tmp_path / "n"), "TRITON_CACHE_DIR": str(tmp_path / "t")}
    assert run(script, **env) == "True"
    files = [f for f in (tmp_path / "n").rglob("*") if f.is_file()]
    assert len(files) == 1
    files[0].write_bytes(files[0].read_bytes()[:-20])
    assert run(script, **env) == "True"


def test_looking_at_stock_kernels():
    x, y = np.arange(1000, dtype=F32), np.ones(1000, F32)
    assert "contiguous" in nereid.explain(axpy, x, y, 1000, 2.0, BLOCK=256)
    found = nereid.check(axpy, x, y, 1004, 2.0, BLOCK=256, grid=(4, ))
    assert "test_plugin.py" in str(found) and "`x`" in str(found)
    assert nereid.benchmark(axpy, x, y, 1000, 2.0, BLOCK=256, grid=(4, ), runs=5).median_us > 0


def test_what_would_change_the_kernel_is_refused():
    with pytest.raises(NotImplementedError, match="wait for each other"):
        copy[(1, )](np.zeros(4, F32), np.zeros(4, F32), N=4, launch_cooperative_grid=True)


# ---- options and attributes of Triton's GPU back-ends

OPTIONS = dict(num_warps=4, num_stages=2, num_ctas=1, maxnreg=64, enable_fp_fusion=True, launch_pdl=False, waves_per_eu=2, matrix_instr_nonkdim=16, kpack=2, allow_flush_denorm=True,
               schedule_hint="none", enable_reflect_ftz=False, ptx_version=80, ptx_options="", sanitize_overflow=True, extern_libs={}, ir_override=None, num_buffers_warp_spec=0,
               num_consumer_groups=0, reg_dec_producer=0, reg_inc_consumer=0, warp_size=32, cluster_dims=(1, 1, 1), arch="sm_90", instrumentation_mode="")


def test_options_of_all_back_ends_are_taken():
    import dataclasses
    from triton.backends.amd.compiler import HIPOptions
    from triton.backends.nvidia.compiler import CUDAOptions
    from nereid.backend.compiler import Options
    ours = {f.name for f in dataclasses.fields(Options)}
    assert {f.name for c in (CUDAOptions, HIPOptions) for f in dataclasses.fields(c)} - ours == set()
    for name, value in OPTIONS.items():
        x, y = np.arange(300, dtype=F32), np.ones(300, F32)
        axpy[(2, )](x, y, 300, 2.0, BLOCK=256, **{name: value})
        assert np.array_equal(y, 2 * x + 1), name
        nereid_axpy[(2, )](x, y, 300, 0.0, BLOCK=256, **({} if name in ("extern_libs", "arch") else {name: value}))
    with pytest.raises(AssertionError, match="num_warps must be a power of 2"):
        axpy[(2, )](x, y, 300, 2.0, BLOCK=256, num_warps=3)
    with pytest.raises(KeyError, match="wave_per_eu"):
        axpy[(2, )](x, y, 300, 2.0, BLOCK=256, wave_per_eu=2)


nereid_axpy = nereid.jit(axpy.fn)


def test_occupancy_arithmetic():
    from triton.runtime import driver
    kernel = axpy.warmup(np.zeros(256, F32), np.zeros(256, F32), 256, 2.0, BLOCK=256, grid=(1, ))
    kernel._init_handles()
    device = driver.active.utils.get_device_properties(driver.active.get_current_device())
    programs = device["max_num_regs"] // (kernel.n_regs * device["warpSize"] * 4)
    assert min(programs, device["max_shared_mem"] // kernel.metadata.shared) * device["multiprocessor_count"] > 0
    assert kernel.n_spills == 0 and kernel.n_max_threads > 0


def test_stages_of_a_kernel():
    x = np.arange(16, dtype=F32)
    kernel = copy[(1, )](x, np.zeros(16, F32), N=16)
    assert "define void @copy" in kernel.asm["llir"] and "copy:" in kernel.asm["asm"] and "tt.load" in kernel.asm["ttir"]
    with pytest.raises(KeyError):
        kernel.asm["ttgir"]


def test_pointers_to_constants():
    @triton.jit
    def twice(src: tl.const, dst, N: tl.constexpr):
        i = tl.arange(0, N)
        tl.store(dst + i, 2 * tl.load(src + i))

    x, y = np.arange(16, dtype=F32), np.zeros(16, F32)
    twice[(1, )](x, y, N=16)
    assert np.array_equal(y, 2 * x)
    x.flags.writeable = False
    twice[(1, )](x, y, N=16)


@pytest.mark.parametrize("options, caught", [({}, True), ({"sanitize_overflow": True}, True), ({"sanitize_overflow": False}, False)])
def test_debug_catches_overflow(options, caught):
    @triton.jit(debug=True)
    def add(x, y, z):
        tl.store(z, tl.load(x) + tl.load(y))

    a, b, z = np.array([2**31 - 1], np.int32), np.ones(1, np.int32), np.zeros(1, np.int32)
    if caught:
        with pytest.raises(nereid.LaunchError, match="int32 overflow"):
            add[(1, )](a, b, z, **options)
    else:
        add[(1, )](a, b, z, **options)
        assert z[0] == -2**31
    add[(1, )](a - 1, b, z, **options)
    assert z[0] == 2**31 - 1


CHECKED = """
import numpy as np, triton, triton.language as tl, warnings
from triton.tools.tensor_descriptor import TensorDescriptor
from nereid.tensors import tensor
@triton.jit
def kernel(x, o, n, N: tl.constexpr):
    i = tl.program_id(0) * N + tl.arange(0, N)
    tl.store(o + i, 2 * tl.load(x + i), mask=i < n)
@triton.jit
def corner(d, o, at, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(o + i[:, None] * B + i[None, :], d.load([at, at]))
warnings.simplefilter("always")
x, o = np.ones((4, 8), np.float32), np.zeros(32, np.float32)
for grid, n in (4, 32), (4, 30), (5, 32):
    o[:] = 0
    try:
        with warnings.catch_warnings(record=True) as found:
            kernel[(grid, )](x, o, n, N=8)
        print(o.sum(), *(w.message for w in found))
    except Exception as e:
        print(type(e).__name__, str(e).splitlines()[0].rpartition("error: ")[2])
corner[(1, )](TensorDescriptor(tensor(x), [4, 8], [8, 1], [4, 4]), o, 6, B=4)
print(o[:4].sum())
"""


def test_launches_are_checked(tmp_path):
    file = tmp_path / "program.py"
    file.write_text(CHECKED)
    for env, told in ({"NEREID_CHECK": "1"}, True), ({}, False):
        lines = run(f"import runpy; runpy.run_path({str(file)!r})", NEREID_CHECK=env.get("NEREID_CHECK")).splitlines()
        assert lines[0] == "64.0" and lines[1].startswith("60.0")
        assert ("2 of 32 elements are left unwritten, the first is o[30]" in lines[1]) == told
        assert (lines[2] == "LaunchError program (4, 0, 0) loads `x[4, 0]`, but the shape of `x` is (4, 8) [bounds]") == told
        assert lines[3] == "0.0"


def test_descriptors_padded_with_nan():
    @triton.jit
    def corner(d, e, o, B: tl.constexpr):
        i = tl.arange(0, B)
        at = i[:, None] * B + i[None, :]
        tl.store(o + at, d.load([0, 24]))
        tl.store(o + B * B + at, e.load([24, 0]))

    x = np.ones((32, 32), F32)
    for pads in (("zero", "nan"), ("nan", "zero"), ("nan", "nan"), ("zero", "zero")):
        o = np.zeros((2, 16, 16), F32)
        descriptors = [TensorDescriptor(nereid.tensor(x), x.shape, (32, 1), [16, 16]) for _ in pads]
        for d, d.padding in zip(descriptors, pads):  # Triton asks torch's types alone whether they are floats
            pass
        corner[(1, )](*descriptors, o, B=16)
        want = [np.pad(np.ones(s, F32), [(0, 16 - n) for n in s], constant_values=np.nan if p == "nan" else 0) for p, s in zip(pads, [(16, 8), (8, 16)])]
        np.testing.assert_array_equal(o, want)


def test_fp8e4b15():
    @triton.jit
    def decode(x, o, N: tl.constexpr):
        i = tl.arange(0, N)
        tl.store(o + i, tl.load(x + i).to(o.dtype.element_ty))

    @triton.jit
    def encode(x, o, N: tl.constexpr):
        i = tl.arange(0, N)
        tl.store(o + i, tl.load(x + i).to(tl.float8e4b15))

    bits = np.arange(256, dtype=np.uint8)
    # The value of a byte s eeee mmm: (1 + m / 8) 2^(e - 15), or m / 8 2^-14 if e is 0.
    e, m = (bits >> 3 & 15).astype(int), (bits & 7) / 8
    values = np.where(bits & 128, -1, 1) * np.where(e == 0, m * 2.0**-14, (1 + m) * 2.0**(e - 15))
    for dtype in (np.float16, F32, ml_dtypes.bfloat16):
        o = np.zeros(256, dtype)
        decode[(1, )](triton.reinterpret(nereid.tensor(bits), tl.float8e4b15), nereid.tensor(o), N=256)
        assert np.array_equal(o, values.astype(dtype)), dtype
    for dtype in (np.float16, F32):
        o = np.zeros(256, np.uint8)
        encode[(1, )](values.astype(dtype), triton.reinterpret(nereid.tensor(o), tl.float8e4b15), N=256)
        assert np.array_equal(o & 127, np.minimum(bits & 127, 126)) and np.array_equal(o & 128, bits & 128), dtype
    wild = np.array([np.inf, -np.inf, 5, -5, 1.0625, 1.06, 1.07, 0], F32)
    o = np.zeros(8, np.uint8)
    encode[(1, )](wild, triton.reinterpret(nereid.tensor(o), tl.float8e4b15), N=8)
    assert o.tolist() == [126, 254, 126, 254, 121, 120, 121, 0]


def test_ahead_of_time_compilation_is_refused_by_name(tmp_path):
    source = tmp_path / "k.py"
    source.write_text("import triton, triton.language as tl\n@triton.jit\ndef twice(p, n, B: tl.constexpr):\n    i = tl.arange(0, B)\n    tl.store(p + i, tl.load(p + i, mask=i < n) * 2, mask=i < n)\n")
    done = subprocess.run([sys.executable, "-m", "triton.tools.compile", str(source), "-n", "twice", "-s", "*fp32, i32, 64", "-g", "1,1,1", "-o", str(tmp_path / "out")], capture_output=True, text=True)
    assert done.returncode != 0 and "nereid compile" in done.stderr


def test_launches_have_the_schedule_that_tune_found(cache, monkeypatch):
    @triton.jit
    def double(x, o, n, BLOCK: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        tl.store(o + i, tl.load(x + i, mask=i < n) * 2, mask=i < n)

    x, o = np.arange(1024, dtype=F32), np.zeros(1024, F32)
    double[(1, )](x, o, 100, BLOCK=128)
    lanes = lambda schedule: sum(int(line.split(" lanes ")[1].split()[0]) for line in schedule.splitlines() if line.startswith("nest "))
    result = nereid.tune(double, x, o, 100, BLOCK=128, grid=1, seconds=60, clock=iter(range(10**6)).__next__, measure=lambda launch, schedule: lanes(schedule) if schedule else 1000)
    assert result.kept
    nereid._cache._schedules.clear()  # as in another process
    compiled = []
    original = nereid._core.compile
    monkeypatch.setattr(nereid._core, "compile", lambda **k: compiled.append(k.get("schedule")) or original(**k))
    o[:] = 0
    kernel = double[(1, )](x, o, 100, BLOCK=128)
    assert (o[:100] == 2 * x[:100]).all() and compiled == [result.schedule]
    assert lanes(nereid._core.emit(**nereid._from_ir.request(kernel.asm["nereid"].decode()), schedule=result.schedule, stage="schedule")) == lanes(result.schedule)
    double[(1, )](x, o, 100, BLOCK=256)
    assert compiled[1:] == [""]
