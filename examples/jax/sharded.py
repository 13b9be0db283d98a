# SPDX-License-Identifier: MIT
"""A matrix product whose inner axis is sharded over devices, the sum of the partial products, and a softmax of its rows, with kernels on each device.

    JAX_PLATFORMS=cpu XLA_FLAGS=--xla_force_host_platform_device_count=4 python sharded.py

or over processes, which may be on several machines:

    for k in 0 1; do JAX_PLATFORMS=cpu python sharded.py localhost:9911 2 $k & done; wait
"""
import sys

import jax

if len(sys.argv) == 4:
    jax.distributed.initialize(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

import nereid
import nereid.jax
import nereid.language as tl
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P


@nereid.jit
def matmul(a, b, c, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    m, n, k = tl.program_id(0) * BM + tl.arange(0, BM), tl.program_id(1) * BN + tl.arange(0, BN), tl.arange(0, BK)
    acc = tl.zeros((BM, BN), tl.float32)
    for s in range(0, K, BK):
        x = tl.load(a + m[:, None] * K + (s + k)[None, :], mask=(m[:, None] < M) & ((s + k)[None, :] < K), other=0.0)
        y = tl.load(b + (s + k)[:, None] * N + n[None, :], mask=((s + k)[:, None] < K) & (n[None, :] < N), other=0.0)
        acc = tl.dot(x, y, acc)
    tl.store(c + m[:, None] * N + n[None, :], acc, mask=(m[:, None] < M) & (n[None, :] < N))


@nereid.jit
def softmax(x, o, n, BLOCK: tl.constexpr):
    row, i = tl.program_id(0), tl.arange(0, BLOCK)
    v = tl.load(x + row * n + i, mask=i < n, other=-float("inf"))
    e = tl.exp(v - tl.max(v, axis=0))
    tl.store(o + row * n + i, e / tl.sum(e, axis=0), mask=i < n)


def part(a, b):
    (m, k), n = a.shape, b.shape[1]
    out = jax.ShapeDtypeStruct((m, n), a.dtype)
    product = nereid.jax.triton_call(a, b, M=m, N=n, K=k, kernel=matmul, out_type=out, grid=(nereid.cdiv(m, 64), nereid.cdiv(n, 64)), BM=64, BN=64, BK=32)
    return nereid.jax.triton_call(jax.lax.psum(product, "k"), n=n, kernel=softmax, out_type=out, grid=m, BLOCK=nereid.next_power_of_2(n))


mesh = Mesh(np.array(jax.devices()), ("k",))
rng = np.random.default_rng(0)
a, b = rng.standard_normal((256, 1024), np.float32) / 32, rng.standard_normal((1024, 300), np.float32)
place = lambda x, spec: jax.make_array_from_callback(x.shape, NamedSharding(mesh, spec), lambda index: x[index])
f = jax.jit(jax.shard_map(part, mesh=mesh, in_specs=(P(None, "k"), P("k")), out_specs=P()))
out = np.asarray(f(place(a, P(None, "k")), place(b, P("k"))).addressable_data(0))
print(f"{len(jax.devices())} devices, process {jax.process_index()} of {jax.process_count()}: maximum error", np.abs(out - np.asarray(jax.nn.softmax(a @ b))).max())
