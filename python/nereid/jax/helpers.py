# SPDX-License-Identifier: MIT
"""Derivatives and batches of functions with kernels in them."""
import functools

import jax
import numpy as np
from jax import tree_util


def _split(args, kwargs):
    """The arrays among the arguments, and a function that replaces them. Numbers do not change: kernels take them as scalars, and JAX's transformations
    would make them arrays."""
    leaves, tree = tree_util.tree_flatten((args, kwargs))
    places = [k for k, leaf in enumerate(leaves) if isinstance(leaf, (jax.Array, np.ndarray))]

    def fill(arrays):
        filled = list(leaves)
        for k, array in zip(places, arrays):
            filled[k] = array
        return tree.unflatten(filled)

    return [leaves[k] for k in places], fill


def differentiable(reference):
    """Takes the derivatives of `reference`, which computes the same with jax.numpy:

        @nereid.jax.differentiable(lambda x: jax.nn.softmax(x))
        def softmax(x):
            return nereid.jax.triton_call(x, ...)

    Values are the kernel's; only the backward pass runs the reference. Both take the same arguments; numbers, keywords and defaults are as in any function.
    For a backward pass by kernels use jax.custom_vjp itself.
    """

    def decorate(f):

        @functools.wraps(f)
        def wrapped(*args, **kwargs):
            arrays, fill = _split(args, kwargs)

            def by(function):
                def call(*values):
                    a, k = fill(values)
                    return function(*a, **k)
                return call

            value = jax.custom_vjp(by(f))
            value.defvjp(lambda *values: (by(f)(*values), values), lambda values, g: jax.vjp(by(reference), *values)[1](g))
            return value(*arrays)

        return wrapped

    return decorate


def vectorized(f):
    """Under vmap, calls `f` for each element of the batch in turn. For one launch for the whole batch use jax.custom_batching.custom_vmap."""

    @functools.wraps(f)
    def wrapped(*args, **kwargs):
        arrays, fill = _split(args, kwargs)

        def call(*values):
            a, k = fill(values)
            return f(*a, **k)

        return jax.custom_batching.sequential_vmap(call)(*arrays)

    return wrapped
