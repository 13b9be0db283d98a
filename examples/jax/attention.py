# SPDX-License-Identifier: MIT
"""Causal attention as a Triton kernel in a JAX program: under jit, with derivatives, tuned when it first runs, and compared with jax.numpy.

    JAX_PLATFORMS=cpu python attention.py
"""
import time

import jax
import jax.numpy as jnp
import nereid
import nereid.jax
import nereid.language as tl


@nereid.autotune([nereid.Config({"BM": m, "BN": n}) for m, n in ((32, 32), (64, 64), (64, 128))], key=["length"])
@nereid.jit
def attention_kernel(q, k, v, o, length, scale, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    head = tl.program_id(1) * length * D
    m, n, d = tl.program_id(0) * BM + tl.arange(0, BM), tl.arange(0, BN), tl.arange(0, D)
    queries = tl.load(q + head + m[:, None] * D + d[None, :], mask=m[:, None] < length, other=0.0) * scale
    most, total, out = tl.full([BM], -float("inf"), tl.float32), tl.zeros([BM], tl.float32), tl.zeros([BM, D], tl.float32)
    for start in range(0, tl.minimum((tl.program_id(0) + 1) * BM, length), BN):
        at = start + n
        keys = tl.load(k + head + at[None, :] * D + d[:, None], mask=at[None, :] < length, other=0.0)
        scores = tl.where(m[:, None] >= at[None, :], tl.dot(queries, keys), -float("inf"))
        now = tl.maximum(most, tl.max(scores, axis=1))
        fade, p = tl.exp(most - now), tl.exp(scores - now[:, None])
        values = tl.load(v + head + at[:, None] * D + d[None, :], mask=at[:, None] < length, other=0.0)
        most, total, out = now, total * fade + tl.sum(p, axis=1), tl.dot(p, values, out * fade[:, None])
    tl.store(o + head + m[:, None] * D + d[None, :], out / total[:, None], mask=m[:, None] < length)


def plain(q, k, v):
    scores = jnp.einsum("hmd,hnd->hmn", q, k) * q.shape[-1]**-0.5
    scores = jnp.where(jnp.tril(jnp.ones(scores.shape[-2:], bool)), scores, -jnp.inf)
    return jnp.einsum("hmn,hnd->hmd", jax.nn.softmax(scores), v)


@nereid.jax.differentiable(plain)  # the backward pass is that of the plain function
def attention(q, k, v):
    heads, length, d = q.shape
    return nereid.jax.triton_call(q, k, v, length=length, scale=d**-0.5, kernel=attention_kernel, out_type=q, grid=lambda c: (nereid.cdiv(length, c["BM"]), heads), D=d)


def milliseconds(f, *args):
    f(*args).block_until_ready()
    times = []
    for _ in range(10):
        start = time.perf_counter()
        f(*args).block_until_ready()
        times.append(1e3 * (time.perf_counter() - start))
    return min(times)


q, k, v = jax.random.normal(jax.random.key(0), (3, 8, 512, 64))
ours, theirs = jax.jit(attention), jax.jit(plain)
print("maximum error", float(jnp.abs(ours(q, k, v) - theirs(q, k, v)).max()))
loss = lambda f: jax.jit(jax.grad(lambda q: (f(q, k, v)**2).sum()))
print("maximum error of the gradient", float(jnp.abs(loss(attention)(q) - loss(plain)(q)).max()))
print(nereid.jax.tuned()[-1] if nereid.jax.tuned() else "tuned before")
print(f"{milliseconds(ours, q, k, v):.2f} ms, jax.numpy {milliseconds(theirs, q, k, v):.2f} ms")
