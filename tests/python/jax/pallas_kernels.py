# SPDX-License-Identifier: MIT
"""Pallas kernels for tests and benchmarks: each function takes `interpret`."""
import functools

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl


def like(x, shape=None, dtype=None):
    return jax.ShapeDtypeStruct(shape or x.shape, dtype or x.dtype)


def softmax(x, interpret=False):
    """One row per program."""
    rows, n = x.shape
    block = 1 << (n - 1).bit_length()

    def kernel(x_ref, o_ref):
        inside = jnp.arange(block) < n
        v = jnp.where(inside, x_ref[...], -jnp.inf)
        e = jnp.exp(v - jnp.max(v))
        o_ref[...] = e / jnp.sum(e)

    spec = pl.BlockSpec((None, block), lambda i: (i, 0))
    return pl.pallas_call(kernel, grid=(rows,), in_specs=[spec], out_specs=spec, out_shape=like(x), interpret=interpret)(x)


def layer_norm(x, weight, bias, eps=1e-5, interpret=False):
    rows, n = x.shape
    block = 1 << (n - 1).bit_length()

    def kernel(x_ref, w_ref, b_ref, o_ref):
        inside = jnp.arange(block) < n
        v = jnp.where(inside, x_ref[...], 0)
        mean = jnp.sum(v) / n
        d = jnp.where(inside, v - mean, 0)
        o_ref[...] = d * jax.lax.rsqrt(jnp.sum(d * d) / n + eps) * w_ref[...] + b_ref[...]

    row, whole = pl.BlockSpec((None, block), lambda i: (i, 0)), pl.BlockSpec((block,), lambda i: (0,))
    return pl.pallas_call(kernel, grid=(rows,), in_specs=[row, whole, whole], out_specs=row, out_shape=like(x), interpret=interpret)(x, weight, bias)


def rms_norm(x, weight, eps=1e-5, interpret=False):
    rows, n = x.shape
    block = 1 << (n - 1).bit_length()

    def kernel(x_ref, w_ref, o_ref):
        v = jnp.where(jnp.arange(block) < n, x_ref[...], 0).astype(jnp.float32)
        o_ref[...] = (v * jax.lax.rsqrt(jnp.sum(v * v) / n + eps) * w_ref[...]).astype(o_ref.dtype)

    row, whole = pl.BlockSpec((None, block), lambda i: (i, 0)), pl.BlockSpec((block,), lambda i: (0,))
    return pl.pallas_call(kernel, grid=(rows,), in_specs=[row, whole], out_specs=row, out_shape=like(x), interpret=interpret)(x, weight)


def matmul(a, b, bm=32, bn=32, bk=32, interpret=False):
    """The third axis of the grid adds to the same block."""
    (m, k), n = a.shape, b.shape[1]

    def kernel(a_ref, b_ref, o_ref):

        @pl.when(pl.program_id(2) == 0)
        def _():
            o_ref[...] = jnp.zeros_like(o_ref)

        o_ref[...] += jnp.dot(a_ref[...], b_ref[...], preferred_element_type=jnp.float32)

    return pl.pallas_call(kernel, grid=(pl.cdiv(m, bm), pl.cdiv(n, bn), pl.cdiv(k, bk)), in_specs=[pl.BlockSpec((bm, bk), lambda i, j, s: (i, s)), pl.BlockSpec((bk, bn), lambda i, j, s: (s, j))],
                          out_specs=pl.BlockSpec((bm, bn), lambda i, j, s: (i, j)), out_shape=like(a, (m, n), jnp.float32), interpret=interpret)(a, b)


def attention(q, k, v, block_q=32, block_k=32, causal=False, interpret=False):
    """[batch, heads, length, depth]; each program has a block of queries and iterates over the keys."""
    batch, heads, length, depth = q.shape
    scale = depth**-0.5

    def kernel(q_ref, k_ref, v_ref, o_ref):
        at = pl.program_id(2) * block_q + jnp.arange(block_q)
        queries = q_ref[...] * scale

        def step(s, carry):
            acc, most, total = carry
            keys, values = k_ref[pl.ds(s * block_k, block_k), :], v_ref[pl.ds(s * block_k, block_k), :]
            scores = jnp.dot(queries, keys.T, preferred_element_type=jnp.float32)
            if causal:
                scores = jnp.where(at[:, None] >= (s * block_k + jnp.arange(block_k))[None, :], scores, -jnp.inf)
            now = jnp.maximum(most, jnp.max(scores, axis=1))
            weights, old = jnp.exp(scores - now[:, None]), jnp.exp(most - now)
            return acc * old[:, None] + jnp.dot(weights.astype(values.dtype), values, preferred_element_type=jnp.float32), now, total * old + jnp.sum(weights, axis=1)

        steps = pl.cdiv((pl.program_id(2) + 1) * block_q, block_k) if causal else length // block_k
        start = jnp.zeros((block_q, depth), jnp.float32), jnp.full(block_q, -jnp.inf, jnp.float32), jnp.zeros(block_q, jnp.float32)
        acc, _, total = jax.lax.fori_loop(0, steps, step, start)
        o_ref[...] = (acc / total[:, None]).astype(o_ref.dtype)

    mine = pl.BlockSpec((None, None, block_q, depth), lambda b, h, i: (b, h, i, 0))
    all_ = pl.BlockSpec((None, None, length, depth), lambda b, h, i: (b, h, 0, 0))
    return pl.pallas_call(kernel, grid=(batch, heads, length // block_q), in_specs=[mine, all_, all_], out_specs=mine, out_shape=like(q), interpret=interpret)(q, k, v)


@functools.partial(jax.jit, static_argnames="causal")
def plain_attention(q, k, v, causal=False):
    scores = jnp.einsum("bhqd,bhkd->bhqk", q, k, preferred_element_type=jnp.float32) * q.shape[-1]**-0.5
    if causal:
        scores = jnp.where(jnp.tril(jnp.ones(scores.shape[-2:], bool)), scores, -jnp.inf)
    return jnp.einsum("bhqk,bhkd->bhqd", jax.nn.softmax(scores).astype(v.dtype), v)
