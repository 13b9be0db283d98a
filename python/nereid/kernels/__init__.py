# SPDX-License-Identifier: MIT
"""A library of kernels: operations on arrays, and graphs of them that are recorded once and replayed.

    from nereid import kernels

    y = kernels.matmul(x, w, bias, activation="gelu")  # NumPy arrays

An operation on arrays runs at once and returns a new array, unless `out` is given. An operation on values of a Graph is recorded. nereid.kernels.raw has the kernels
themselves.
"""
from ._graph import Graph, Plan, Value
from ._operations import (Blocks, activation, attend_cached, attention, cast, conv1d, distances, distances_int8, embed_blocks, embedding, gelu, layer_norm, matmul, matmul_blocks, matmul_int4, matmul_int8, pool, quantize_columns, quantize_groups, quantize_int4, quantize_rows, relu, rms_norm, rms_norm_groups, search, self_attention, silu, softmax, store_keys, swiglu_groups, top_k)
from ._sources import raw

__all__ = [
    "Graph", "Plan", "Value", "Blocks", "activation", "attend_cached", "attention", "cast", "conv1d", "distances", "distances_int8", "embed_blocks", "embedding", "gelu", "layer_norm", "matmul", "matmul_blocks", "matmul_int4", "matmul_int8", "pool", "quantize_columns", "quantize_groups", "quantize_int4", "quantize_rows", "raw", "relu", "rms_norm", "rms_norm_groups", "search", "self_attention", "silu", "softmax", "store_keys", "swiglu_groups", "top_k"
]
