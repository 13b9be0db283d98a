# SPDX-License-Identifier: MIT
"""Derivatives and batches of functions with kernels in them."""
import functools

import jax


def differentiable(reference):
    """Derivatives by those of `reference`, which computes the same with jax.numpy:

        @nereid.jax.differentiable(lambda x: jax.nn.softmax(x))
        def softmax(x):
            return nereid.jax.triton_call(x, ...)

    Values are the kernel's; only the backward pass runs the reference. For a backward pass by kernels use jax.custom_vjp itself.
    """

    def decorate(f):
        wrapped = jax.custom_vjp(functools.wraps(f)(lambda *args: f(*args)))
        wrapped.defvjp(lambda *args: (f(*args), args), lambda args, g: jax.vjp(reference, *args)[1](g))
        return functools.wraps(f)(wrapped)

    return decorate


def vectorized(f):
    """Under vmap, `f` is called for one element of the batch after another. For one launch for all of it use jax.custom_batching.custom_vmap itself."""
    return functools.wraps(f)(jax.custom_batching.sequential_vmap(f))
