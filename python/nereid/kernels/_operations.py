# SPDX-License-Identifier: MIT
"""The operations: each checks its operands, and launches a kernel of source/ with blocks for their sizes."""
import numpy as np

from .. import cdiv
from ._graph import Value
from ._sources import raw

FLOATS = (np.dtype(np.float32), np.dtype(np.float16))
ACTIVATIONS = ("none", "relu", "gelu", "gelu_tanh", "silu", "sigmoid", "tanh")
_FLAT, _TOP, _SEARCHED, _LONG_ROW = 4096, 2048, 1024, 16384


class _Now:
    """Launches at once."""

    empty = staticmethod(lambda dtype, shape: np.empty(shape, dtype))

    @staticmethod
    def launch(kernel, grid, **arguments):
        if 0 not in (grid if isinstance(grid, tuple) else (grid, )):
            kernel[grid](**arguments)


def _scope(*operands):
    """The graph of the operands, or a scope that launches at once; and the operands as arrays."""
    graphs = {id(x.graph): x.graph for x in operands if isinstance(x, Value)}
    if len(graphs) > 1:
        raise ValueError("the operands are values of different graphs")
    scope = next(iter(graphs.values()), _Now)
    return scope, *(x if x is None or isinstance(x, Value) else np.ascontiguousarray(x) for x in operands)


def _typed(name, x, types):
    if x.dtype not in types:
        raise TypeError(f"{name} must be {' or '.join(np.dtype(t).name for t in types)}, but is {x.dtype}")


def _shaped(name, x, shape, meaning=""):
    if tuple(x.shape) != tuple(shape):
        raise ValueError(f"{name} must have the shape {list(shape)}{meaning}, but has {list(x.shape)}")


def _axes(name, x, count):
    if x.ndim != count:
        raise ValueError(f"{name} must have {count} axes, but has the shape {list(x.shape)}")
    return x.shape


def _rows(name, x):
    if x.ndim == 0:
        raise ValueError(f"{name} must have at least one axis")
    columns = x.shape[-1]
    return x.size // columns if columns else 0, columns


def _one_of(name, value, values):
    if value not in values:
        raise ValueError(f"{name} must be one of {', '.join(values)} (got {value!r})")
    return value


def _output(scope, out, dtype, shape, usual):
    dtype = np.dtype(dtype or (usual if usual in FLOATS else np.float32))
    if out is None:
        _typed("dtype", scope.empty(dtype, (0, )), FLOATS)
        return scope.empty(dtype, shape)
    _typed("out", out, FLOATS)
    _shaped("out", out, shape)
    if isinstance(out, np.ndarray) and not out.flags.c_contiguous:
        raise ValueError("out must be contiguous")
    return out


def _epilogue(scope, bias, activation, residual, out, dtype, shape, usual):
    if bias is not None:
        _typed("bias", bias, FLOATS)
        _shaped("bias", bias, shape[-1:], ", one number for each column")
    if residual is not None:
        _typed("residual", residual, FLOATS)
        _shaped("residual", residual, shape)
    out = _output(scope, out, dtype, shape, usual)
    return out, dict(bias_ptr=bias, residual_ptr=residual, out_ptr=out, ACTIVATION=_one_of("activation", activation, ACTIVATIONS))


def _power(n):
    return 1 << max(0, int(n) - 1).bit_length()


def _product_blocks(rows, columns, depth):
    return dict(BM=min(max(16, _power(rows)), 128), BN=min(max(16, _power(columns)), 128), BK=min(max(16, _power(depth)), 64))


def _is_vector(rows, depth):
    """True if each weight is used for so few rows that tiles of _product_blocks would be mostly empty."""
    return rows <= 8 and depth <= 4096


def _vector_blocks(depth):
    return dict(BN=16, D=_power(depth))


def _row_block(columns):
    return max(16, _power(columns))


# ---- products


def matmul(x, w, bias=None, activation="none", residual=None, *, transposed=False, out=None, dtype=None):
    """activation(x @ w + bias) + residual, in f32. x is [..., depth] of f32 or f16; w is [depth, columns], or [columns, depth] with `transposed`, of f32 or f16
    (f16 weights are used as f32 if x is f32). The result is [..., columns]."""
    scope, x, w, bias, residual = _scope(x, w, bias, residual)
    _typed("x", x, FLOATS)
    _typed("w", w, FLOATS if x.dtype == np.float32 else FLOATS[1:])
    rows, depth = _rows("x", x)
    first, second = _axes("w", w, 2)
    columns = first if transposed else second
    _shaped("w", w, (columns, depth) if transposed else (depth, columns), f", since x has rows of {depth}")
    out, rest = _epilogue(scope, bias, activation, residual, out, dtype, (*x.shape[:-1], columns), x.dtype)
    if transposed and _is_vector(rows, depth):
        blocks = _vector_blocks(depth)
        scope.launch(raw.matvec, (rows, cdiv(columns, blocks["BN"])), x_ptr=x, w_ptr=w, columns=columns, depth=depth, **rest, **blocks)
        return out
    strides = dict(w_stride=1, w_column_stride=depth) if transposed else dict(w_stride=columns, w_column_stride=1)
    blocks = _product_blocks(rows, columns, depth)
    scope.launch(raw.matmul, (cdiv(rows, blocks["BM"]), cdiv(columns, blocks["BN"])), x_ptr=x, w_ptr=w, rows=rows, columns=columns, depth=depth, x_stride=depth, **strides, **rest, **blocks)
    return out


def matmul_int8(x, x_scales, w, w_scales, bias=None, activation="none", residual=None, *, transposed=False, out=None, dtype=None):
    """activation(x @ w * scales + bias) + residual of int8, with exact sums. x is [..., depth] with a scale per row, as from quantize_rows; w is [depth, columns],
    or [columns, depth] with `transposed`, with a scale per column of the result, as from quantize_columns. The result is f32 or f16."""
    scope, x, x_scales, w, w_scales, bias, residual = _scope(x, x_scales, w, w_scales, bias, residual)
    _typed("x", x, (np.int8, ))
    _typed("w", w, (np.int8, ))
    rows, depth = _rows("x", x)
    columns = _axes("w", w, 2)[0 if transposed else 1]
    _shaped("w", w, (columns, depth) if transposed else (depth, columns), f", since x has rows of {depth}")
    for name, scales, shape in (("x_scales", x_scales, x.shape[:-1]), ("w_scales", w_scales, (columns, ))):
        _typed(name, scales, FLOATS[:1])
        _shaped(name, scales, shape)
    out, rest = _epilogue(scope, bias, activation, residual, out, dtype, (*x.shape[:-1], columns), np.float32)
    operands = dict(x_ptr=x, x_scale_ptr=x_scales, w_ptr=w, w_scale_ptr=w_scales, columns=columns, depth=depth, **rest)
    if transposed and _is_vector(rows, depth) and depth % 2 == 0:
        blocks = _vector_blocks(depth)
        scope.launch(raw.matvec_int8, (rows, cdiv(columns, blocks["BN"])), **operands, **blocks)
        return out
    strides = dict(w_stride=1, w_column_stride=depth) if transposed else dict(w_stride=columns, w_column_stride=1)
    blocks = _product_blocks(rows, columns, depth)
    scope.launch(raw.matmul_int8, (cdiv(rows, blocks["BM"]), cdiv(columns, blocks["BN"])), rows=rows, **operands, **strides, **blocks)
    return out


def matmul_int4(x, w, scales, bias=None, activation="none", residual=None, *, out=None, dtype=None):
    """activation(x @ w + bias) + residual with weights of 4 bits, as from quantize_int4: w is [depth / 2, columns] of uint8, scales are [depth / group, columns].
    x is [..., depth] of f32 or f16."""
    scope, x, w, scales, bias, residual = _scope(x, w, scales, bias, residual)
    _typed("x", x, FLOATS)
    _typed("w", w, (np.uint8, ))
    _typed("scales", scales, FLOATS)
    rows, depth = _rows("x", x)
    columns = _axes("w", w, 2)[1]
    _shaped("w", w, (depth // 2, columns), f", since x has rows of {depth}")
    groups = _axes("scales", scales, 2)[0]
    _shaped("scales", scales, (groups, columns))
    group = depth // groups if groups else 0
    if group not in (32, 64, 128, 256) or group * groups != depth:
        raise ValueError(f"scales must have a row for each 32, 64, 128 or 256 of the {depth} rows of weights, but has {groups} rows")
    out, rest = _epilogue(scope, bias, activation, residual, out, dtype, (*x.shape[:-1], columns), x.dtype)
    blocks = _product_blocks(rows, columns, depth)
    del blocks["BK"]
    scope.launch(raw.matmul_int4, (cdiv(rows, blocks["BM"]), cdiv(columns, blocks["BN"])), x_ptr=x, w_ptr=w, scale_ptr=scales, rows=rows, columns=columns, depth=depth, GROUP=group, **rest, **blocks)
    return out


def quantize_rows(x, factors=None):
    """Numbers from -127 to 127 and one scale for each row of x, as (values, scales): x * factors is about values * scale. There may be a factor for each column."""
    scope, x, factors = _scope(x, factors)
    _typed("x", x, FLOATS)
    rows, columns = _rows("x", x)
    if factors is not None:
        _typed("factors", factors, FLOATS)
        _shaped("factors", factors, (columns, ), ", one number for each column")
    values, scales = scope.empty(np.int8, x.shape), scope.empty(np.float32, x.shape[:-1])
    scope.launch(raw.quantize_rows, (rows, ), x_ptr=x, factor_ptr=factors, out_ptr=values, scale_ptr=scales, columns=columns, BLOCK=_row_block(columns))
    return values, scales


def quantize_columns(x):
    """The same with a scale for each column of a matrix."""
    scope, x = _scope(x)
    _typed("x", x, FLOATS)
    rows, columns = _axes("x", x, 2)
    values, scales = scope.empty(np.int8, x.shape), scope.empty(np.float32, (columns, ))
    scope.launch(raw.quantize_columns, (cdiv(columns, 32), ), x_ptr=x, out_ptr=values, scale_ptr=scales, rows=rows, columns=columns, BLOCK=32, BN=32)
    return values, scales


def quantize_int4(w, group=32):
    """The weights of matmul_int4, as (values, scales): w is [depth, columns], and `group` of its rows share the scales of their columns."""
    scope, w = _scope(w)
    _typed("w", w, FLOATS)
    depth, columns = _axes("w", w, 2)
    if group not in (32, 64, 128, 256) or depth % group:
        raise ValueError(f"group must be 32, 64, 128 or 256, and divide the {depth} rows of w (got {group})")
    values, scales = scope.empty(np.uint8, (depth // 2, columns)), scope.empty(np.float32, (depth // group, columns))
    scope.launch(raw.quantize_int4, (depth // group, cdiv(columns, 32)), w_ptr=w, out_ptr=values, scale_ptr=scales, columns=columns, GROUP=group, BN=32)
    return values, scales


def cast(x, dtype):
    """The same numbers as f32 or f16."""
    scope, x = _scope(x)
    _typed("x", x, (*FLOATS, np.int8, np.int32))
    out = _output(scope, None, dtype, x.shape, x.dtype)
    scope.launch(raw.cast, (cdiv(x.size, _FLAT), ), x_ptr=x, out_ptr=out, size=x.size, BLOCK=_FLAT)
    return out


# ---- rows


def layer_norm(x, weight, bias, residual=None, epsilon=1e-5, *, out=None, dtype=None):
    """(x - mean) / sqrt(variance + epsilon) * weight + bias of each row of x, or of x + residual."""
    scope, x, weight, bias, residual = _scope(x, weight, bias, residual)
    _typed("bias", bias, FLOATS)
    _shaped("bias", bias, weight.shape)
    out, rows, rest = _norm(scope, x, weight, residual, epsilon, out, dtype)
    scope.launch(raw.layer_norm, (rows, ), bias_ptr=bias, **rest)
    return out


def rms_norm(x, weight, residual=None, epsilon=1e-5, *, out=None, dtype=None):
    """x / sqrt(mean of squares + epsilon) * weight of each row of x, or of x + residual."""
    scope, x, weight, residual = _scope(x, weight, residual)
    out, rows, rest = _norm(scope, x, weight, residual, epsilon, out, dtype)
    scope.launch(raw.rms_norm, (rows, ), **rest)
    return out


def _norm(scope, x, weight, residual, epsilon, out, dtype):
    _typed("x", x, FLOATS)
    _typed("weight", weight, FLOATS)
    rows, columns = _rows("x", x)
    _shaped("weight", weight, (columns, ), ", one number for each column")
    if residual is not None:
        _typed("residual", residual, FLOATS)
        _shaped("residual", residual, x.shape)
    out = _output(scope, out, dtype, x.shape, x.dtype)
    return out, rows, dict(x_ptr=x, residual_ptr=residual, weight_ptr=weight, out_ptr=out, columns=columns, epsilon=float(epsilon), BLOCK=_row_block(columns))


def softmax(x, scale=1.0, log=False, *, out=None, dtype=None):
    """exp(scale * x) of each row, divided by its sum; with `log` the logarithm of that."""
    scope, x = _scope(x)
    _typed("x", x, FLOATS)
    rows, columns = _rows("x", x)
    out = _output(scope, out, dtype, x.shape, x.dtype)
    long = columns > _LONG_ROW
    scope.launch(raw.softmax_of_long_rows if long else raw.softmax, (rows, ), x_ptr=x, out_ptr=out, columns=columns, scale=float(scale), LOG=bool(log), BLOCK=1024 if long else _row_block(columns))
    return out


def activation(x, kind, gate=None, *, out=None, dtype=None):
    """activation(x), or activation(x) * gate."""
    scope, x, gate = _scope(x, gate)
    _typed("x", x, FLOATS)
    if gate is not None:
        _typed("gate", gate, FLOATS)
        _shaped("gate", gate, x.shape)
    out = _output(scope, out, dtype, x.shape, x.dtype)
    scope.launch(raw.activation, (cdiv(x.size, _FLAT), ), x_ptr=x, y_ptr=gate, out_ptr=out, size=x.size, ACTIVATION=_one_of("kind", kind, ACTIVATIONS), BLOCK=_FLAT)
    return out


def gelu(x, gate=None, **options):
    """0.5 * x * (1 + erf(x / sqrt(2)))"""
    return activation(x, "gelu", gate, **options)


def relu(x, gate=None, **options):
    """The larger of x and 0."""
    return activation(x, "relu", gate, **options)


def silu(x, gate=None, **options):
    """x * sigmoid(x), also called swish."""
    return activation(x, "silu", gate, **options)


def embedding(ids, table, positions=None, scales=None, *, out=None, dtype=None):
    """Rows of a table: table[ids[i]] + positions[i % length], where length is the last axis of ids, which are int32. The result is [...ids, columns]. A table of int8 has
    `scales`, one for each row. An id outside of the table counts as a row of zeros."""
    scope, ids, table, positions, scales = _scope(ids, table, positions, scales)
    _typed("ids", ids, (np.int32, np.uint32))
    _typed("table", table, FLOATS if scales is None else (np.int8, ))
    entries, columns = _axes("table", table, 2)
    if scales is not None:
        _typed("scales", scales, FLOATS[:1])
        _shaped("scales", scales, (entries, ), ", one number for each row of the table")
    length = _rows("ids", ids)[1]
    if positions is not None:
        _typed("positions", positions, FLOATS)
        known, width = _axes("positions", positions, 2)
        if width != columns or known < length:
            raise ValueError(f"positions must have {length} rows or more of {columns} columns, but has the shape {list(positions.shape)}")
    out = _output(scope, out, dtype, (*ids.shape, columns), table.dtype)
    scope.launch(raw.embedding, (ids.size, ), ids_ptr=ids, table_ptr=table, scales_ptr=scales, positions_ptr=positions, out_ptr=out, columns=columns, entries=entries, length=length, BLOCK=_row_block(columns))
    return out


def pool(x, kind="mean", lengths=None, normalize=False, *, out=None, dtype=None):
    """One row for each sequence of x, which is [sequences, length, columns]: the mean, the maximum ("max"), or the "first" of its rows. `lengths`, int32, is how many
    rows of each sequence count: all by default. With `normalize` the result is scaled to length 1. A sequence of no rows gives zeros."""
    scope, x, lengths = _scope(x, lengths)
    _typed("x", x, FLOATS)
    sequences, length, columns = _axes("x", x, 3)
    if lengths is not None:
        _typed("lengths", lengths, (np.int32, ))
        _shaped("lengths", lengths, (sequences, ))
    out = _output(scope, out, dtype, (sequences, columns), x.dtype)
    scope.launch(raw.pool, (sequences, ), x_ptr=x, lengths_ptr=lengths, out_ptr=out, length=length, columns=columns, KIND=_one_of("kind", kind, ("mean", "max", "first")),
                 NORMALIZE=bool(normalize), BLOCK=_row_block(columns))
    return out


# ---- attention, convolution


def attention(q, k, v, heads, scale=None, causal=False, lengths=None, *, out=None, dtype=None):
    """softmax(scale * q @ k.T) @ v for each sequence and head. q is [sequences, queries, columns], k and v are [sequences, keys, columns]; a head has columns / heads
    numbers of a row: 16, 32, 64 or 128. `scale` is 1 / sqrt(of that) by default. With `causal` position i attends to positions up to i only; if there are
    more keys than queries, the last query is at the last key. `lengths`, int32, is how many keys of each sequence count. The result is like q. A sequence of length 0
    gives zeros."""
    scope, q, k, v, lengths = _scope(q, k, v, lengths)
    _typed("q", q, FLOATS)
    _typed("k", k, (q.dtype, ))
    _typed("v", v, (q.dtype, ))
    sequences, queries, columns = _axes("q", q, 3)
    keys = _axes("k", k, 3)[1]
    _shaped("k", k, (sequences, keys, columns))
    _shaped("v", v, (sequences, keys, columns))
    return _attend(scope, (q, k, v), (columns, ) * 3, sequences, queries, keys, columns, heads, scale, causal, lengths, out, dtype)


def self_attention(x, heads, scale=None, causal=False, lengths=None, *, out=None, dtype=None):
    """The same where q, k and v are the thirds of each row: x is [sequences, length, 3 * columns], and the result is [sequences, length, columns]."""
    scope, x, lengths = _scope(x, lengths)
    _typed("x", x, FLOATS)
    sequences, length, every = _axes("x", x, 3)
    if every % 3:
        raise ValueError(f"x must be [sequences, length, 3 * columns], but has the shape {list(x.shape)}")
    columns = every // 3
    # The last rows of keys and values end before the part does.
    parts = [x.part(i * columns) if isinstance(x, Value) else x.reshape(-1)[i * columns:] for i in range(3)] if x.size else [x] * 3
    return _attend(scope, parts, (every, ) * 3, sequences, length, length, columns, heads, scale, causal, lengths, out, dtype)


def _attend(scope, parts, strides, sequences, queries, keys, columns, heads, scale, causal, lengths, out, dtype):
    size = columns // heads
    if size not in (16, 32, 64, 128) or size * heads != columns:
        raise ValueError(f"a head must have 16, 32, 64 or 128 numbers, but {columns} columns in {heads} heads are {columns / heads:g}")
    if lengths is not None:
        _typed("lengths", lengths, (np.int32, ))
        _shaped("lengths", lengths, (sequences, ))
    q, k, v = parts
    out = _output(scope, out, dtype, (sequences, queries, columns), q.dtype)
    rows, columns_at_once = max(16, min(64, _power(queries))), max(16, min(64 if causal else 128, _power(keys)))
    scope.launch(raw.attention, (cdiv(queries, rows), sequences * heads), q_ptr=q, k_ptr=k, v_ptr=v, lengths_ptr=lengths, out_ptr=out, queries=queries, keys=keys, heads=heads, q_stride=strides[0],
                 k_stride=strides[1], v_stride=strides[2], out_stride=columns, scale=float(size**-0.5 if scale is None else scale), CAUSAL=bool(causal), BM=rows,
                 BN=columns_at_once, D=size)
    return out


def store_keys(x, cache, positions, table, heads, kv_heads=None, page=16, angles=None):
    """Stores keys and values in a cache, and returns the queries: [rows, heads * size]. x is [rows, (heads + 2 * kv_heads) * size], rows of queries, keys and
    values; the cache is [positions, 2 * kv_heads * size], rows of keys and values. positions is [rows] of int32; table is [rows, pages] of int32: position p of a
    row is row table[p // page] * page + p % page of the cache. With `angles`, the cosines and sines of each position, [positions, size / 2] of float32, queries and
    keys are rotated."""
    cos, sin = angles or (None, None)
    scope, x, positions, table, cos, sin = _scope(x, positions, table, cos, sin)
    kv_heads = kv_heads or heads
    _typed("x", x, FLOATS)
    _typed("cache", cache, FLOATS)
    rows, columns = _axes("x", x, 2)
    size = columns // (heads + 2 * kv_heads)
    if size < 16 or _power(size) != size or size * (heads + 2 * kv_heads) != columns:
        raise ValueError(f"{columns} columns are not {heads} + 2 * {kv_heads} heads of a power of two of at least 16")
    _shaped("cache", cache, (cache.shape[0], 2 * kv_heads * size))
    pages = _paged(positions, table, rows)
    out = scope.empty(x.dtype, (rows, heads * size))
    scope.launch(raw.store_keys, (heads + 2 * kv_heads, rows), x_ptr=x, positions_ptr=positions, table_ptr=table, cos_ptr=cos, sin_ptr=sin, q_ptr=out, cache_ptr=cache, heads=heads, kv_heads=kv_heads,
                 table_stride=pages, PAGE=page, D=size)
    return out


def attend_cached(q, cache, heads, kv_heads=None, positions=None, table=None, page=16, scale=None):
    """Attention of one query for each row: q is [rows, heads * size]. It attends to the positions of the cache up to its own. Without `positions` and `table` it
    attends to all rows of the cache. Several heads of queries share one of keys and values."""
    scope, q, positions, table = _scope(q, positions, table)
    kv_heads = kv_heads or heads
    _typed("q", q, FLOATS)
    _typed("cache", cache, FLOATS)
    rows, columns = _axes("q", q, 2)
    size, (keys, stride) = columns // heads, _axes("cache", cache, 2)
    if _power(size) != size or heads % kv_heads or stride != 2 * kv_heads * size:
        raise ValueError(f"rows of {stride} numbers are not the keys and values of {kv_heads} heads of {size}")
    if (positions is None) != (table is None):
        raise ValueError("positions and table belong together")
    pages = keys if table is None else _paged(positions, table, rows)
    out = scope.empty(q.dtype, q.shape)
    part = lambda begin: cache.reshape(-1)[begin:] if isinstance(cache, np.ndarray) else cache.part(begin)
    scope.launch(raw.attend_cached, (heads, rows), q_ptr=q, k_ptr=cache, v_ptr=part(kv_heads * size), positions_ptr=positions, table_ptr=table, out_ptr=out, heads=heads, group=heads // kv_heads,
                 kv_stride=stride, table_stride=pages, scale=size**-0.5 if scale is None else scale, PAGE=page, BN=64, D=size)
    return out


def _paged(positions, table, rows):
    _typed("positions", positions, (np.int32, ))
    _typed("table", table, (np.int32, ))
    _shaped("positions", positions, (rows, ))
    pages = _axes("table", table, 2)[1]
    _shaped("table", table, (rows, pages))
    return pages


def conv1d(x, w, bias=None, activation="none", stride=1, padding=0, *, out=None, dtype=None):
    """activation(convolution + bias) along the last axis. x is [batch, channels, length], w is [channels of the result, channels, width]. The result is [batch, channels
    of the result, (length + 2 * padding - width) // stride + 1]."""
    scope, x, w, bias = _scope(x, w, bias)
    _typed("x", x, FLOATS)
    _typed("w", w, FLOATS)
    batch, channels_in, length_in = _axes("x", x, 3)
    channels_out, channels, width = _axes("w", w, 3)
    if channels != channels_in:
        raise ValueError(f"x must be [batch, channels, length] and w [channels of the result, channels, width], but they have the shapes {list(x.shape)} and {list(w.shape)}")
    if stride < 1 or padding < 0:
        raise ValueError(f"stride must be at least 1 and padding at least 0 (got {stride} and {padding})")
    length_out = (length_in + 2 * padding - width) // stride + 1
    if length_out < 1:
        raise ValueError(f"the filter of width {width} is longer than the padded rows of x")
    if bias is not None:
        _typed("bias", bias, FLOATS)
        _shaped("bias", bias, (channels_out, ))
    out = _output(scope, out, dtype, (batch, channels_out, length_out), x.dtype)
    blocks = _product_blocks(channels_out, length_out, channels_in)
    scope.launch(raw.conv1d, (cdiv(length_out, blocks["BN"]), cdiv(channels_out, blocks["BM"]), batch), x_ptr=x, w_ptr=w, bias_ptr=bias, out_ptr=out, channels_in=channels_in,
                 channels_out=channels_out, length_in=length_in, length_out=length_out, KERNEL=width, STRIDE=stride, PADDING=padding, ACTIVATION=_one_of("activation", activation, ACTIVATIONS),
                 **blocks)
    return out


# ---- search


def top_k(x, k):
    """The k largest numbers of each row of x, largest first, and their positions, as (values, indices); the lower position first among equals. If a row has fewer
    numbers, -infinity and positions beyond the row fill the rest."""
    scope, x = _scope(x)
    _typed("x", x, FLOATS)
    _count(k)
    return _largest(scope, x, None, x.shape, k)


def _count(k):
    if not 1 <= k <= 256:
        raise ValueError(f"k must be from 1 to 256 (got {k})")


def _largest(scope, x, indices, shape, k):
    """The k largest of each row of an array of this shape, and their positions, or the `indices` at them."""
    *outer, width = shape
    rows = int(np.prod(outer, dtype=np.int64))
    known = _power(k)
    while True:  # each launch leaves `known` numbers of each block
        block = min(_TOP, max(2 * known, _power(width)))
        blocks = cdiv(width, block)
        size = (*outer, k) if blocks == 1 and known == k else (rows, blocks * known)
        values, positions = scope.empty(np.float32, size), scope.empty(np.int32, size)
        scope.launch(raw.top_k, (rows, blocks), x_ptr=x, indices_in_ptr=indices, values_ptr=values, indices_ptr=positions, columns=width, K=known, BLOCK=block)
        if blocks == 1:
            break
        x, indices, width = values, positions, blocks * known
    if known == k:
        return values, positions
    found = []
    for source, dtype in ((values, np.float32), (positions, np.int32)):
        found.append(scope.empty(dtype, (*outer, k)))
        size = found[-1].size
        scope.launch(raw.first_columns, (cdiv(size, _FLAT), ), x_ptr=source, out_ptr=found[-1], size=size, columns=k, stride=known, BLOCK=_FLAT)
    return tuple(found)


def search(query, vectors, scales, k, exact=None, mask=None, candidates=None):
    """The k vectors with the largest dot products with a query, largest first, as (values, indices): a scan of all vectors. The query is [depth] of f32 or f16; vectors
    are [vectors, depth] of int8 with a scale per row, as from quantize_rows. `mask`, uint8: vectors with 0 do not count. If there are fewer vectors, -infinity
    fills the rest. `exact` has the same vectors in f32 or f16: `candidates` (32 or 2 * k by default, a power of two) are scored again with it."""
    scope, query, vectors, scales, exact, mask = _scope(query, vectors, scales, exact, mask)
    _typed("query", query, FLOATS)
    _typed("vectors", vectors, (np.int8, ))
    _typed("scales", scales, FLOATS[:1])
    _count(k)
    count, depth = _axes("vectors", vectors, 2)
    _shaped("query", query, (depth, ), f", since vectors have {depth} numbers")
    _shaped("scales", scales, (count, ))
    if mask is not None:
        _typed("mask", mask, (np.uint8, np.int8, np.bool_))
        _shaped("mask", mask, (count, ))
    if exact is not None:
        _typed("exact", exact, FLOATS)
        _shaped("exact", exact, vectors.shape)
    known = _power(k) if exact is None else candidates or min(256, max(32, _power(2 * k)))
    if _power(known) != known or not k <= known <= 256:
        raise ValueError(f"candidates must be a power of two from {k} to 256 (got {known})")
    width = _row_block(depth)
    q, q_scale = scope.empty(np.int8, (depth, )), scope.empty(np.float32, (1, ))
    scope.launch(raw.quantize_rows, (1, ), x_ptr=query, factor_ptr=None, out_ptr=q, scale_ptr=q_scale, columns=depth, BLOCK=width)
    block = min(_SEARCHED, max(2 * known, _power(count)))
    blocks = cdiv(max(count, 1), block)
    values, indices = scope.empty(np.float32, (blocks * known, )), scope.empty(np.int32, (blocks * known, ))
    scope.launch(raw.search_int8, (blocks, ), q_ptr=q, q_scale_ptr=q_scale, v_ptr=vectors, scale_ptr=scales, mask_ptr=mask, values_ptr=values, indices_ptr=indices, vectors=count, depth=depth,
                 K=known, BN=block, D=width)
    if exact is None:
        return _largest(scope, values, indices, (blocks * known, ), k)
    if blocks > 1:
        values, indices = _largest(scope, values, indices, (blocks * known, ), known)
    scores = scope.empty(np.float32, (known, ))
    scope.launch(raw.rescore, (known, ), q_ptr=query, v_ptr=exact, values_ptr=values, indices_ptr=indices, out_ptr=scores, vectors=count, depth=depth, D=width)
    return _largest(scope, scores, indices, (known, ), k)


def distances(queries, vectors, metric="dot", *, out=None):
    """The metric of each query with each vector: queries are [queries, depth], vectors [vectors, depth], the result is [queries, vectors] of f32. "dot" and "cosine" are
    larger for similar vectors; "l2", the squared distance, is smaller."""
    scope, queries, vectors = _scope(queries, vectors)
    _typed("queries", queries, FLOATS)
    _typed("vectors", vectors, FLOATS)
    (n, depth), count = _axes("queries", queries, 2), _axes("vectors", vectors, 2)[0]
    _shaped("vectors", vectors, (count, depth), f", since queries have {depth} numbers")
    out = _output(scope, out, np.float32, (n, count), np.float32)
    blocks = _product_blocks(n, count, depth)
    scope.launch(raw.distances, (cdiv(n, blocks["BM"]), cdiv(count, blocks["BN"])), q_ptr=queries, v_ptr=vectors, out_ptr=out, queries=n, vectors=count, depth=depth,
                 METRIC=_one_of("metric", metric, ("dot", "cosine", "l2")), **blocks)
    return out


def distances_int8(queries, query_scales, vectors, vector_scales, *, out=None):
    """The dot products of quantized vectors, each with a scale, as from quantize_rows."""
    scope, queries, query_scales, vectors, vector_scales = _scope(queries, query_scales, vectors, vector_scales)
    _typed("queries", queries, (np.int8, ))
    _typed("vectors", vectors, (np.int8, ))
    (n, depth), count = _axes("queries", queries, 2), _axes("vectors", vectors, 2)[0]
    _shaped("vectors", vectors, (count, depth), f", since queries have {depth} numbers")
    for name, scales, size in (("query_scales", query_scales, n), ("vector_scales", vector_scales, count)):
        _typed(name, scales, FLOATS[:1])
        _shaped(name, scales, (size, ))
    out = _output(scope, out, np.float32, (n, count), np.float32)
    blocks = _product_blocks(n, count, depth)
    scope.launch(raw.distances_int8, (cdiv(n, blocks["BM"]), cdiv(count, blocks["BN"])), q_ptr=queries, q_scale_ptr=query_scales, v_ptr=vectors, v_scale_ptr=vector_scales, out_ptr=out, queries=n,
                 vectors=count, depth=depth, **blocks)
    return out


# ---- weights in groups

# GGUF's formats: the bytes of a group's scale (and minimum), and of its numbers.
BLOCK_FORMATS = {"q4_0": (2, 16), "q4_1": (4, 16), "q8_0": (2, 32)}


class Blocks:
    """A matrix of weights in groups of 32 numbers that share a scale, with a row of `depth` numbers for each column of the result. `raw` has the bytes of a GGUF
    tensor."""

    WIDTH = 32  # columns that are neighbours in memory

    def __init__(self, raw_bytes, format, columns, depth):
        head, size = BLOCK_FORMATS[_one_of("format", format, BLOCK_FORMATS)]
        if depth % 32:
            raise ValueError(f"a row must have a multiple of 32 numbers (got {depth})")
        self.format, self.columns, self.depth = format, columns, depth
        blocks, groups = cdiv(columns, self.WIDTH), depth // 32
        raw_bytes = np.ascontiguousarray(raw_bytes, np.uint8).reshape(-1)
        _shaped("raw", raw_bytes, (columns * groups * (head + size), ))
        self.values = np.empty(blocks * self.WIDTH * groups * size, np.int8 if format == "q8_0" else np.uint8)
        self.scales = np.empty(blocks * self.WIDTH * groups, np.float16)
        self.minimums = np.empty_like(self.scales) if format == "q4_1" else None
        raw.pack_blocks[blocks, groups](in_ptr=raw_bytes, out_ptr=self.values, scale_ptr=self.scales, minimum_ptr=self.minimums, columns=columns, groups=groups, HEAD=head, BYTES=size, W=self.WIDTH)

    @property
    def _arguments(self):
        return dict(w_ptr=self.values, scale_ptr=self.scales, minimum_ptr=self.minimums, groups=self.depth // 32, BITS=8 if self.format == "q8_0" else 4, W=self.WIDTH)


def _grouped(kernel, x, depth, bits, **arguments):
    scope, x = _scope(x)
    _typed("x", x, FLOATS[:1])
    rows, _ = _rows("x", x)
    if depth % 32:
        raise ValueError(f"rows must have a multiple of 32 numbers (got {depth})")
    groups = depth // 32
    integers = [scope.empty(np.int8, (rows, depth)) for _ in range(_one_of("bits", bits, (8, 16)) // 8)]
    scales, sums = scope.empty(np.float32, (rows, groups)), scope.empty(np.float32, (rows, groups))
    scope.launch(kernel, (rows, ), x_ptr=x, out_ptr=integers[0], low_ptr=integers[1] if bits == 16 else None, scale_ptr=scales, sum_ptr=sums, groups=groups, GROUPS=_power(groups), **arguments)
    return integers[0], scales, sums, *integers[1:]


def quantize_groups(x, bits=8):
    """Each row of x, of f32, in groups of 32 integers: values from -127 to 127, a scale for each group, and the sum of its scaled integers. With 16 bits, there is a
    fourth result, low, and the integers are 256 * values + low."""
    return _grouped(raw.quantize_groups, x, x.shape[-1], bits)


def rms_norm_groups(x, weight, epsilon=1e-5, bits=8):
    """The same of x / sqrt(mean of squares + epsilon) * weight."""
    return _grouped(raw.rms_norm_groups, x, x.shape[-1], bits, weight_ptr=weight, epsilon=epsilon)


def swiglu_groups(x, bits=8):
    """The same of silu(a) * b, where the first half of a row is a and the second half is b."""
    return _grouped(raw.swiglu_groups, x, x.shape[-1] // 2, bits)


def matmul_blocks(x, w, residual=None):
    """x @ w^T + residual, of f32. x is [rows, depth] of f32, or in groups: the results of quantize_groups. w are Blocks. The result is [rows, columns]."""
    groups = x if isinstance(x, tuple) else None
    scope, whole, residual = _scope(groups[0] if groups else x, residual)
    rows, depth = _axes("x", whole, 2)
    _shaped("x", whole, (rows, w.depth))
    out = scope.empty(np.float32, (rows, w.columns))
    arguments = dict(residual_ptr=residual, out_ptr=out, columns=w.columns, **w._arguments)
    if groups:
        low = groups[3] if len(groups) > 3 else None
        scope.launch(raw.matvec_blocks, (rows, cdiv(w.columns, w.WIDTH)), x_ptr=whole, x_low_ptr=low, x_scale_ptr=groups[1], x_sum_ptr=groups[2], **arguments)
    else:
        _typed("x", whole, FLOATS[:1])
        block = min(64, max(16, _power(rows)))
        scope.launch(raw.matmul_blocks, (cdiv(rows, block), cdiv(w.columns, w.WIDTH)), x_ptr=whole, rows=rows, BM=block, **arguments)
    return out


def embed_blocks(ids, w):
    """The columns of Blocks with these ids, of int32, as rows of f32."""
    scope, ids = _scope(ids)
    _typed("ids", ids, (np.int32, ))
    out = scope.empty(np.float32, (ids.size, w.depth))
    scope.launch(raw.embed_blocks, (ids.size, w.depth // 32), ids_ptr=ids, out_ptr=out, entries=w.columns, **w._arguments)
    return out
