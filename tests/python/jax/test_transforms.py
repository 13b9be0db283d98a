# SPDX-License-Identifier: MIT
"""JAX's transformations of programs: derivatives, batches, several devices and processes, export, the cache."""
import os
import socket
import subprocess
import sys

import jax
import jax.export
import jax.numpy as jnp
import nereid
import nereid.jax
import nereid.language as tl
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P

from kernels import add, matmul, softmax

call = nereid.jax.triton_call
adder, product, soft = nereid.jit(add), nereid.jit(matmul), nereid.jit(softmax)
here = os.path.dirname(os.path.abspath(__file__))


def sums(x, y):
    return call(x, y, n=x.size, kernel=adder, out_type=x, grid=nereid.cdiv(x.size, 64), BLOCK=64)


def rows(x):
    return call(x, n=x.shape[1], kernel=soft, out_type=x, grid=x.shape[0], BLOCK=nereid.next_power_of_2(x.shape[1]))


def times(a, b):
    (m, k), n = a.shape, b.shape[1]
    return call(a, b, M=m, N=n, K=k, kernel=product, out_type=jax.ShapeDtypeStruct((m, n), a.dtype), grid=(nereid.cdiv(m, 32), nereid.cdiv(n, 32)), BM=32, BN=32, BK=32)


def numbers(shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), jnp.float32)


def test_derivatives():
    x = numbers((4, 50))
    with pytest.raises(NotImplementedError, match="does not support automatic differentiation.*custom_vjp"):
        jax.grad(lambda x: rows(x).sum())(x)
    f = nereid.jax.differentiable(jax.nn.softmax)(rows)
    wanted = jax.grad(lambda x: (jax.nn.softmax(x) ** 2).sum())(x)
    np.testing.assert_allclose(jax.jit(jax.grad(lambda x: (f(x) ** 2).sum()))(x), wanted, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(f(x), jax.nn.softmax(x), rtol=1e-5)


def test_batches():
    x, y = numbers((3, 100)), numbers((3, 100), 1)
    with pytest.raises(NotImplementedError, match="does not support batching.*custom_vmap"):
        jax.vmap(sums)(x, y)
    f = nereid.jax.vectorized(sums)
    np.testing.assert_array_equal(jax.jit(jax.vmap(f))(x, y), x + y)
    np.testing.assert_array_equal(jax.vmap(f, in_axes=(0, None))(x, y[0]), x + y[0])
    np.testing.assert_array_equal(f(x[0], y[0]), x[0] + y[0])


@pytest.mark.parametrize("check", [True, False])
def test_shard_map(check):
    mesh = Mesh(np.array(jax.devices()), ("d",))
    x, y = numbers((16, 100)), numbers((4, 100), 1)
    f = jax.shard_map(lambda x, y: sums(rows(x), y), mesh=mesh, in_specs=(P("d"), P()), out_specs=P("d"), check_vma=check)
    wanted = jax.nn.softmax(x) + jnp.concatenate([y] * 4)
    for g in (f, jax.jit(f)):
        np.testing.assert_allclose(g(x, y), wanted, rtol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_pmap():
    x, y = numbers((4, 100)), numbers((4, 100), 1)
    np.testing.assert_array_equal(jax.pmap(sums)(x, y), x + y)


def test_operands_that_are_spread_over_devices():
    """XLA collects them: a call is opaque to it."""
    mesh = Mesh(np.array(jax.devices()), ("d",))
    x = numbers((16, 100))
    spread = jax.device_put(x, NamedSharding(mesh, P("d")))
    np.testing.assert_array_equal(jax.jit(sums)(spread, spread), x + x)


def sharded(mesh, a, b):
    """A product with a sharded inner axis, its softmax, and the sum over all rows."""

    def part(a, b):
        total = jax.lax.psum(times(a, b), "k")
        return rows(total)

    return jax.jit(jax.shard_map(part, mesh=mesh, in_specs=(P(None, "k"), P("k")), out_specs=P(), check_vma=False))(a, b)


def test_a_product_over_devices():
    a, b = numbers((64, 128)), numbers((128, 48), 1)
    out = sharded(Mesh(np.array(jax.devices()), ("k",)), a, b)
    np.testing.assert_allclose(out, jax.nn.softmax(a @ b), rtol=1e-4, atol=1e-6)


_WORKER = """
import sys
rank, count, port = map(int, sys.argv[1:])
import jax
jax.config.update("jax_cpu_collectives_implementation", "gloo")
jax.distributed.initialize(f"127.0.0.1:{port}", count, rank)
import numpy as np, jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
from test_transforms import numbers, sharded
assert jax.process_count() == count and len(jax.devices()) == count
mesh = Mesh(np.array(jax.devices()), ("k",))
a, b = np.asarray(numbers((64, 128))), np.asarray(numbers((128, 48), 1))
place = lambda x, spec: jax.make_array_from_callback(x.shape, NamedSharding(mesh, spec), lambda index: x[index])
out = sharded(mesh, place(a, P(None, "k")), place(b, P("k")))
mine = np.asarray(out.addressable_data(0))
np.testing.assert_allclose(mine, np.asarray(jax.nn.softmax(a @ b)), rtol=1e-4, atol=1e-6)
print("sum", float(mine.astype(np.float64).sum()), mine.tobytes().hex()[:64], flush=True)
"""


@pytest.mark.parametrize("count", [2, 4])
def test_processes(count):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    env = {**os.environ, "XLA_FLAGS": "", "PYTHONPATH": here + os.pathsep + os.environ.get("PYTHONPATH", "")}
    workers = [subprocess.Popen([sys.executable, "-c", _WORKER, str(k), str(count), str(port)], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for k in range(count)]
    try:
        said = [w.communicate(timeout=100) for w in workers]
    finally:
        for w in workers:
            w.kill()
    for w, (_, error) in zip(workers, said):
        assert w.returncode == 0, error[-3000:]
    lines = [[line for line in out.splitlines() if line.startswith("sum")] for out, _ in said]
    assert all(line == lines[0] and len(line) == 1 for line in lines)  # to the bit


def test_export_and_back_in_another_process(tmp_path):
    pytest.importorskip("flatbuffers")
    x = numbers((4, 50))
    exported = jax.export.export(jax.jit(lambda x: rows(sums(x, x))), disabled_checks=[jax.export.DisabledSafetyCheck.custom_call(nereid.jax.CUSTOM_CALL_TARGET_NAME)])(x)
    (tmp_path / "program").write_bytes(exported.serialize())
    np.save(tmp_path / "x.npy", x)
    program = """
import sys, numpy as np, jax, jax.export, nereid.jax
folder = sys.argv[1]
f = jax.export.deserialize(bytearray(open(folder + "/program", "rb").read()))
np.save(folder + "/out.npy", f.call(np.load(folder + "/x.npy")))
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, cwd=tmp_path)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), jax.nn.softmax(2 * x), rtol=1e-5)
    with pytest.raises(ValueError, match="nereid_kernel_call"):
        jax.export.export(jax.jit(lambda x: rows(x)))(x)


def test_the_persistent_cache_hits_in_another_process(tmp_path):
    """Works only if the text of a call is the same in each process."""
    program = """
import sys, jax, numpy as np
jax.config.update("jax_compilation_cache_dir", sys.argv[1])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
from jax._src import monitoring
seen = []
monitoring.register_event_listener(lambda name, **_: seen.append(name))
from test_transforms import numbers, rows, sums
x = numbers((4, 50))
seen.clear()
out = jax.jit(lambda x: rows(sums(x, x)))(x)
np.testing.assert_allclose(out, jax.nn.softmax(2 * x), rtol=1e-5)
print("hit" if "/jax/compilation_cache/cache_hits" in seen[:8] else "miss")
"""
    env = {**os.environ, "PYTHONPATH": here + os.pathsep + os.environ.get("PYTHONPATH", ""), "PYTHONHASHSEED": "random"}
    out = [subprocess.run([sys.executable, "-c", program, str(tmp_path)], env=env, capture_output=True, text=True) for _ in range(2)]
    assert [o.stdout.strip() for o in out] == ["miss", "hit"], out[1].stderr[-2000:]


def test_one_program_for_two_platforms():
    """Lowered for another platform, the call reports where it can run."""
    x = numbers(64)
    with pytest.raises(NotImplementedError, match="runs on the CPU only, but this program is for cuda"):
        jax.jit(sums).trace(x, x).lower(lowering_platforms=("cuda",))


def test_calls_that_cannot_be_read_fail_when_the_program_is_compiled():
    x = numbers(64)
    ir = "tt.func public @k(%o: !tt.ptr<f32>) {\n  tt.return\n}\n"
    call = lambda lines="", grid="2 3 1", config="buffer 1", ir=ir: f"nereid-call 1\nbuffers 1 1\n{lines}config \ngrid {grid}\n{config}\nkernel {len(ir)}\n{ir}"
    run = lambda text: jax.jit(lambda x: jax.ffi.ffi_call(nereid.jax.CUSTOM_CALL_TARGET_NAME, jax.ShapeDtypeStruct(x.shape, x.dtype))(x, call=text))(x)
    run(call()), run(call(config="serial 3 2\nparallel 2 1\nbuffer 1"))
    for text, why in (("nonsense", "another version of Nereid"), ("nereid-call 1\nbuffers 1 1\n", "damaged"), (call()[:-5], "damaged"), (call("what 1\n"), "damaged"), (call("alias 1 1 4\n"), "damaged"),
                      (call(ir="what?"), "error:"), (call(config="buffer 2"), "buffer number out of range"), (call(config="buffer 1\nbuffer 0"), "the number of arguments does not match"),
                      (call(config="zero 0 4\nbuffer 1"), "only outputs are zeroed"), (call(config="serial 3 2\nparallel 2 2\nbuffer 1"), "axes are not those"),
                      (call(config="serial 3 2\nbuffer 1"), "axes are not those"), (call(config="serial 0 2\nparallel 6 1\nbuffer 1"), "axes are not those")):
        with pytest.raises(Exception, match=why):
            run(text)


@nereid.jit
def norm(x, o, n, eps, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    v = tl.load(x + i, mask=i < n, other=0.0)
    tl.store(o + i, v * tl.rsqrt(tl.sum(v * v, axis=0) / n + eps), mask=i < n)


def rms(x, eps=1e-2, scale=None):
    out = call(x, n=x.size, eps=eps, kernel=norm, out_type=x, grid=1, BLOCK=nereid.next_power_of_2(x.size))
    return out if scale is None else out * scale


def rms_reference(x, eps=1e-2, scale=None):
    out = x * jax.lax.rsqrt((x * x).mean() + eps)
    return out if scale is None else out * scale


@pytest.mark.parametrize("args, kwargs", [((), {}), ((0.5,), {}), ((), {"eps": 0.5}), ((0.5, 3.0), {}), ((), {"scale": jnp.float32(3)})])
def test_scalars_stay_scalars(args, kwargs):
    x, xs = numbers(5), numbers((3, 5), 1)
    wanted = rms_reference(x, *args, **kwargs)
    gradient = jax.grad(lambda x: (rms_reference(x, *args, **kwargs) ** 2).sum())
    smooth = nereid.jax.differentiable(rms_reference)(rms)
    for f in (smooth, nereid.jax.vectorized(rms)):
        for way in (lambda g: g, jax.jit):
            np.testing.assert_allclose(way(lambda x: f(x, *args, **kwargs))(x), wanted, rtol=1e-5)
    loss = lambda x: (smooth(x, *args, **kwargs) ** 2).sum()
    for g in (jax.grad(loss), jax.jit(jax.grad(loss)), jax.grad(lambda x: jax.checkpoint(loss)(x)), jax.jit(jax.grad(jax.checkpoint(loss)))):
        np.testing.assert_allclose(g(x), gradient(x), rtol=1e-4, atol=1e-5)
    each = nereid.jax.vectorized(lambda x: rms(x, *args, **kwargs))
    np.testing.assert_allclose(jax.vmap(each)(xs), [rms_reference(x, *args, **kwargs) for x in xs], rtol=1e-5)
    both = nereid.jax.differentiable(lambda x: rms_reference(x, *args, **kwargs))(each)
    np.testing.assert_allclose(jax.vmap(jax.grad(lambda x: (both(x) ** 2).sum()))(xs), [gradient(x) for x in xs], rtol=1e-4, atol=1e-5)


def test_checkpoint_of_the_function_itself():
    x = numbers(5)
    smooth = nereid.jax.differentiable(rms_reference)(rms)
    np.testing.assert_allclose(jax.grad(lambda x: jax.checkpoint(smooth)(x).sum())(x), jax.grad(lambda x: rms_reference(x).sum())(x), rtol=1e-4, atol=1e-5)
    assert smooth.__name__ == "rms"
