# SPDX-License-Identifier: MIT
"""Cases of the kernel library, with results that NumPy computes in float64. test_kernels.py runs them in Python, and web/test/kernels.mjs in WebAssembly and on WebGPU.

    python tests/kernels/cases.py DIR     writes them for kernels.mjs: cases.json, and an array per file
"""
import dataclasses
import json
import math
import sys
from pathlib import Path

import numpy as np

F16, F32 = np.float16, np.float32


@dataclasses.dataclass
class Case:
    """A call of an operation: function(*args, **options). The differences from `expected` must be at most `tolerance` of the mean magnitude, or 0 for integers."""
    name: str
    function: str
    args: list
    options: dict
    expected: list
    tolerance: float = 0


@dataclasses.dataclass
class Packed:
    """The bytes of a GGUF tensor, for an operand of type Blocks."""
    raw: np.ndarray
    format: str
    columns: int
    depth: int


def in_groups(rng, format, columns, depth):
    """A random matrix in groups, and its numbers."""
    groups = columns * depth // 32
    head = rng.uniform(0.5, 1.5, (groups, 2 if format == "q4_1" else 1)).astype(F16)
    head[:, 1:] -= F16(8)
    if format == "q8_0":
        q = rng.integers(-127, 128, (groups, 32)).astype(np.int8)
        data, numbers = q.view(np.uint8), wide(q) * wide(head)
    else:
        data = rng.integers(0, 256, (groups, 16)).astype(np.uint8)
        q = wide(np.concatenate([data & 15, data >> 4], 1))
        numbers = q * wide(head[:, :1]) + wide(head[:, 1:]) if format == "q4_1" else (q - 8) * wide(head)
    return Packed(np.concatenate([head.view(np.uint8).reshape(groups, -1), data], 1).ravel(), format, columns, depth), numbers.reshape(columns, depth)


def grouped(x):
    """The result of quantize_groups, and the numbers that it stands for."""
    parts = wide(x).reshape(*x.shape[:-1], -1, 32)
    scales = np.abs(parts).max(-1) / 127
    q = np.floor(np.divide(parts, scales[..., None], out=np.zeros_like(parts), where=scales[..., None] > 0) + 0.5)
    return [q.reshape(x.shape).astype(np.int8), scales, q.sum(-1) * scales], (q * scales[..., None]).reshape(x.shape)


def erf(x):
    return np.vectorize(math.erf, otypes=[np.float64])(x) if x.size else x


ACTIVATIONS = {
    "none": lambda x: x, "relu": lambda x: np.maximum(x, 0), "gelu": lambda x: 0.5 * x * (1 + erf(x / math.sqrt(2))),
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))), "silu": lambda x: x / (1 + np.exp(-x)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "tanh": np.tanh
}


def wide(x):
    return None if x is None else x.astype(np.float64)


def product(x, w, bias=None, activation="none", residual=None, transposed=False, **_):
    x, w = wide(x), wide(w)
    out = x @ (w.T if transposed else w)
    out = ACTIVATIONS[activation](out if bias is None else out + wide(bias))
    return out if residual is None else out + wide(residual)


def attend(q, k, v, heads, scale=None, causal=False, lengths=None):
    b, m, c = q.shape
    n, d = k.shape[1], c // heads
    split = lambda x: wide(x).reshape(b, -1, heads, d).transpose(0, 2, 1, 3)
    scores = split(q) @ split(k).transpose(0, 1, 3, 2) * (d**-0.5 if scale is None else scale)
    allowed = np.ones((b, 1, m, n), bool)
    if causal:
        allowed &= np.tril(np.ones((m, n), bool), n - m)
    if lengths is not None:
        allowed &= np.arange(n)[None, None, None] < lengths[:, None, None, None]
    scores = np.where(allowed, scores, -np.inf)
    e = np.where(allowed, np.exp(scores - np.max(scores, 3, keepdims=True, initial=-1e300)), 0)
    total = e.sum(3, keepdims=True)
    p = np.divide(e, total, out=np.zeros_like(e), where=total > 0)
    return (p @ split(v)).transpose(0, 2, 1, 3).reshape(b, m, c)


def cases():
    rng = np.random.default_rng(1)
    normal = lambda *shape, dtype=F32: rng.standard_normal(shape).astype(dtype)

    # Products: several blocks along each axis, and parts of blocks.
    for rows, columns, depth in ((1, 40, 24), (7, 130, 100), (150, 70, 65)):
        x, w, bias, residual = normal(rows, depth), normal(depth, columns), normal(columns), normal(rows, columns)
        at = f"{rows} x {columns} x {depth}"
        yield Case(f"matmul f32 {at}", "matmul", [x, w], {}, [product(x, w)], 1e-5)
        yield Case(f"matmul f32 {at}, transposed", "matmul", [x, w.T.copy()], {"transposed": True, "bias": bias}, [product(x, w, bias)], 1e-5)
        for activation in ("gelu", "silu") if rows == 7 else ("relu", ):
            options = {"bias": bias, "activation": activation, "residual": residual}
            yield Case(f"matmul f32 {at}, {activation}", "matmul", [x, w], options, [product(x, w, **options)], 1e-5)
        half = w.astype(F16)
        yield Case(f"matmul f32 by f16 {at}", "matmul", [x, half], {"bias": bias.astype(F16)}, [product(x, half, bias.astype(F16))], 1e-5)
        options = {"bias": bias, "activation": "gelu_tanh"}
        yield Case(f"matmul f16 {at}", "matmul", [x.astype(F16), half], options, [product(x.astype(F16), half, **options)], 4e-3)
        yield Case(f"matmul f16 to f32 {at}", "matmul", [x.astype(F16), half], {"dtype": "f32"}, [product(x.astype(F16), half)], 1e-5)
        a, b = (rng.integers(-128, 128, shape).astype(np.int8) for shape in ((rows, depth), (depth, columns)))
        a_scales, b_scales = (rng.uniform(0.001, 0.01, n).astype(F32) for n in (rows, columns))
        options = {"bias": bias, "activation": "relu", "residual": residual}
        yield Case(f"matmul int8 {at}, transposed", "matmul_int8", [np.maximum(a, -127), a_scales, np.maximum(b.T, -127), b_scales], {"transposed": True, **options},
                   [product(np.maximum(a, -127) * wide(a_scales)[:, None], np.maximum(b, -127) * wide(b_scales), **options)], 1e-5)
        yield Case(f"matmul int8 {at}", "matmul_int8", [a, a_scales, b, b_scales], options, [product(a * wide(a_scales)[:, None], b * wide(b_scales), **options)], 1e-5)
    x = normal(2, 3, 64)
    w = normal(64, 20)
    yield Case("matmul of three axes", "matmul", [x, w], {}, [product(x, w)], 1e-5)

    for rows, columns, depth, group in ((5, 40, 128, 32), (40, 70, 256, 64)):
        x, scales = normal(rows, depth), rng.uniform(0.01, 0.1, (depth // group, columns)).astype(F32)
        q = rng.integers(0, 16, (depth, columns))
        halves = q.reshape(depth // group, 2, group // 2, columns)
        packed = (halves[:, 0] | halves[:, 1] << 4).reshape(depth // 2, columns).astype(np.uint8)
        w = (q - 8) * np.repeat(wide(scales), group, axis=0)
        bias = normal(columns)
        yield Case(f"matmul int4 {rows} x {columns} x {depth}", "matmul_int4", [x, packed, scales], {"bias": bias, "activation": "silu"}, [product(x, w, bias, "silu")], 1e-5)
        yield Case(f"matmul int4 f16 {rows} x {columns} x {depth}", "matmul_int4", [x.astype(F16), packed, scales], {}, [product(x.astype(F16), w)], 4e-3)

    # Numbers at exact halves of a step would round either way.
    x = normal(6, 50)
    x[3] = 0
    scales = np.abs(wide(x)).max(1) / 127
    yield Case("quantize rows", "quantize_rows", [x], {}, [np.floor(np.divide(x, scales[:, None], out=np.zeros_like(wide(x)), where=scales[:, None] > 0) + 0.5).astype(np.int8), scales], 1e-6)
    factors = rng.uniform(0.2, 5, 50).astype(F32)
    scaled = wide(x) * wide(factors)
    scales = np.abs(scaled).max(1) / 127
    small = np.floor(np.divide(scaled, scales[:, None], out=np.zeros_like(scaled), where=scales[:, None] > 0) + 0.5).astype(np.int8)
    yield Case("quantize rows with factors", "quantize_rows", [x], {"factors": factors}, [small, scales], 1e-6)
    x = normal(70, 45)
    scales = np.abs(wide(x)).max(0) / 127
    yield Case("quantize columns", "quantize_columns", [x], {}, [np.floor(x / scales + 0.5).astype(np.int8), scales], 1e-6)
    x = normal(128, 45)
    parts = wide(x).reshape(2, 64, 45)
    scales = np.abs(parts).max(1) / 7
    q = (np.floor(parts / scales[:, None] + 0.5) + 8).astype(np.uint8)
    yield Case("quantize int4", "quantize_int4", [x], {"group": 64}, [(q[:, :32] | q[:, 32:] << 4).reshape(64, 45), scales], 1e-6)
    yield Case("cast to f16", "cast", [normal(5, 3), "f16"], {}, [None], 1e-3)
    yield Case("cast to f32", "cast", [normal(5, 3, dtype=F16), "f32"], {}, [None], 0)

    # Rows.
    for shape, dtype, tolerance in (((5, 384), F32, 2e-6), ((2, 3, 50), F32, 2e-6), ((4, 130), F16, 2e-3)):
        x, residual = normal(*shape, dtype=dtype), normal(*shape, dtype=dtype)
        weight, bias = normal(shape[-1], dtype=dtype), normal(shape[-1], dtype=dtype)
        for name, options in (("", {}), (" + residual", {"residual": residual, "epsilon": 1e-3})):
            both, epsilon = wide(x) + wide(options.get("residual", np.zeros(1))), options.get("epsilon", 1e-5)
            centred = both - both.mean(-1, keepdims=True)
            expected = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon) * wide(weight) + wide(bias)
            yield Case(f"layer norm {list(shape)}{name}", "layer_norm", [x, weight, bias], options, [expected], tolerance)
            expected = both / np.sqrt((both**2).mean(-1, keepdims=True) + epsilon) * wide(weight)
            yield Case(f"rms norm {list(shape)}{name}", "rms_norm", [x, weight], options, [expected], tolerance)
    for columns, options in ((10, {}), (300, {"scale": 0.25}), (300, {"log": True}), (20000, {}), (20000, {"log": True, "scale": 2.0})):
        x = normal(3, columns)
        x[1, ::3] = -np.inf
        s = wide(x) * options.get("scale", 1)
        s -= s.max(-1, keepdims=True)
        e = np.exp(s)
        expected = s - np.log(e.sum(-1, keepdims=True)) if options.get("log") else e / e.sum(-1, keepdims=True)
        yield Case(f"softmax of {columns} {options}", "softmax", [x], options, [expected], 2e-6)
    x = normal(4, 60, dtype=F16)
    e = np.exp(wide(x))
    yield Case("softmax f16", "softmax", [x], {}, [e / e.sum(-1, keepdims=True)], 1e-3)
    x, gate = normal(3, 2000) * 3, normal(3, 2000)
    for kind, function in ACTIVATIONS.items():
        yield Case(f"activation {kind}", "activation", [x, kind], {"gate": gate} if kind == "silu" else {}, [function(wide(x)) * (wide(gate) if kind == "silu" else 1)], 2e-6)
    yield Case("gelu", "gelu", [x], {}, [ACTIVATIONS["gelu"](wide(x))], 2e-6)
    yield Case("relu f16", "relu", [x.astype(F16)], {}, [ACTIVATIONS["relu"](wide(x.astype(F16)))], 1e-3)
    yield Case("silu", "silu", [x], {}, [ACTIVATIONS["silu"](wide(x))], 2e-6)

    ids = rng.integers(0, 30, (3, 7)).astype(np.int32)
    ids[1, 2], ids[2, 0] = -1, 30  # outside of the table
    table, positions = normal(30, 50), normal(9, 50)
    rows = np.where((ids[..., None] >= 0) & (ids[..., None] < 30), wide(table)[np.clip(ids, 0, 29)], 0)
    yield Case("embedding", "embedding", [ids, table], {}, [rows], 1e-7)
    yield Case("embedding with positions", "embedding", [ids, table.astype(F16)], {"positions": positions, "dtype": "f32"},
               [np.where(rows != 0, wide(table.astype(F16))[np.clip(ids, 0, 29)], 0) + wide(positions)[None, :7]], 1e-6)

    small, scales = rng.integers(-127, 128, (30, 50)).astype(np.int8), rng.uniform(0.001, 0.01, 30).astype(F32)
    rows = np.where((ids[..., None] >= 0) & (ids[..., None] < 30), (small * wide(scales)[:, None])[np.clip(ids, 0, 29)], 0)
    yield Case("embedding of int8", "embedding", [ids, small], {"scales": scales}, [rows], 1e-6)

    x, lengths = normal(4, 6, 50), np.array([6, 0, 3, 9], np.int32)
    for kind in ("mean", "max", "first"):
        for name, ends in (("", None), (", lengths", lengths)):
            expected = np.zeros((4, 50))
            for b, part in enumerate(wide(x)):
                part = part if ends is None else part[:ends[b]]
                if len(part):
                    expected[b] = part.mean(0) if kind == "mean" else part.max(0) if kind == "max" else part[0]
            options = {"kind": kind, **({} if ends is None else {"lengths": ends})}
            yield Case(f"pool {kind}{name}", "pool", [x], options, [expected], 1e-6)
    mean = wide(x).mean(1)
    yield Case("pool, normalized", "pool", [x], {"normalize": True}, [mean / np.linalg.norm(mean, axis=1, keepdims=True)], 1e-6)

    # Attention.
    for b, m, n, heads, d, options in ((2, 5, 5, 3, 32, {}), (2, 90, 90, 2, 16, {"causal": True}), (1, 4, 70, 1, 64, {"causal": True}), (3, 33, 20, 2, 128, {"scale": 0.1}),
                                       (3, 20, 40, 2, 32, {"lengths": np.array([40, 0, 17], np.int32)})):
        q, k, v = normal(b, m, heads * d), normal(b, n, heads * d), normal(b, n, heads * d)
        options = {"heads": heads, **options}
        name = f"attention {b} x {m} x {n}, {heads} heads of {d}, {', '.join(options)}"
        yield Case(name, "attention", [q, k, v], options, [attend(q, k, v, **options)], 5e-6)
        q, k, v = (x.astype(F16) for x in (q, k, v))
        yield Case(f"{name}, f16", "attention", [q, k, v], options, [attend(q, k, v, **options)], 5e-3)
    x = normal(2, 40, 3 * 64)
    options = {"heads": 2, "lengths": np.array([31, 40], np.int32)}
    yield Case("self-attention", "self_attention", [x], options, [attend(x[..., :64], x[..., 64:128], x[..., 128:], **options)], 5e-6)

    # Caches: heads that share keys, pages in any order.
    for rows, heads, kv_heads, d, page, length in ((1, 6, 6, 64, 1, 70), (3, 4, 2, 32, 4, 90), (2, 3, 1, 16, 16, 40)):
        pages = -(-length // page)
        table = np.stack([rng.permutation(2 * pages)[:pages] for _ in range(rows)]).astype(np.int32)
        positions = np.linspace(0, length - 1, rows).astype(np.int32)[::-1].copy()
        q, cache = normal(rows, heads * d), normal(2 * pages * page, 2 * kv_heads * d)
        options = {"heads": heads, "kv_heads": kv_heads}
        split = lambda x, h: np.repeat(x.reshape(1, -1, h, d), heads // kv_heads, axis=2).reshape(1, -1, heads * d)
        of = lambda row, at: attend(q[None, row:row + 1], split(cache[at, :kv_heads * d], kv_heads), split(cache[at, kv_heads * d:], kv_heads), heads)[0]
        name = f"{rows} rows, {heads} heads of {d} for {kv_heads}, pages of {page}"
        slots = [table[row, np.arange(p + 1) // page] * page + np.arange(p + 1) % page for row, p in enumerate(positions)]
        expected = np.concatenate([of(row, at) for row, at in enumerate(slots)])
        yield Case(f"attend cached, {name}", "attend_cached", [q, cache], {**options, "positions": positions, "table": table, "page": page}, [expected], 5e-6)
        yield Case(f"attend all, {name}", "attend_cached", [q, cache], options, [np.concatenate([of(row, slice(None)) for row in range(rows)])], 5e-6)

    x, cache, table = normal(2, 8 * 16), np.zeros((32, 64), F32), np.array([[1, 0], [2, 3]], np.int32)
    yield Case("store keys", "store_keys", [x, cache], {"positions": np.array([3, 9], np.int32), "table": table, "page": 8, "heads": 4, "kv_heads": 2}, [wide(x[:, :64])], 0)

    # Weights in groups.
    for format, columns, depth in (("q4_1", 70, 96), ("q4_0", 33, 64), ("q8_0", 40, 64)):
        w, numbers = in_groups(rng, format, columns, depth)
        x, residual = normal(20, depth), normal(20, columns)
        yield Case(f"matmul {format} {columns} x {depth}", "matmul_blocks", [x, w], {"residual": residual}, [wide(x) @ numbers.T + wide(residual)], 2e-5)
        x = normal(2, depth)
        yield Case(f"matmul {format} of two rows, {columns} x {depth}", "matmul_blocks", [x, w], {}, [wide(x) @ numbers.T], 2e-5)
        ids = rng.integers(0, columns, 5).astype(np.int32)
        yield Case(f"embed {format}", "embed_blocks", [ids, w], {}, [numbers[ids]], 1e-6)
    x, weight = normal(3, 160), normal(160)
    yield Case("quantize groups", "quantize_groups", [x], {}, grouped(x)[0], 2e-6)
    # A number close to half a step may round either way: only scales are compared.
    both = normal(3, 192)
    yield Case("swiglu groups", "swiglu_groups", [both], {}, [None, grouped(ACTIVATIONS["silu"](wide(both[:, :96])) * wide(both[:, 96:]))[0][1], None], 1e-5)
    normed = wide(x) / np.sqrt((wide(x)**2).mean(-1, keepdims=True) + 1e-5) * wide(weight)
    yield Case("rms norm groups", "rms_norm_groups", [x, weight], {"epsilon": 1e-5}, [None, grouped(normed)[0][1], None], 1e-5)

    # Convolution.
    for batch, channels_in, channels_out, length, width, stride, padding in ((2, 20, 33, 30, 3, 1, 1), (1, 5, 8, 141, 4, 2, 0), (2, 70, 20, 9, 1, 1, 0)):
        x, w, bias = normal(batch, channels_in, length), normal(channels_out, channels_in, width), normal(channels_out)
        padded = np.pad(wide(x), ((0, 0), (0, 0), (padding, padding)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, width, axis=2)[:, :, ::stride]
        expected = ACTIVATIONS["gelu"](np.einsum("bctj,ocj->bot", windows, wide(w)) + wide(bias)[None, :, None])
        options = {"bias": bias, "activation": "gelu", "stride": stride, "padding": padding}
        yield Case(f"conv1d {channels_in} to {channels_out}, width {width}", "conv1d", [x, w], options, [expected], 1e-5)

    # Search. Many numbers are equal: the lower position comes first.
    for rows, columns, k in ((3, 50, 8), (2, 5000, 10), (1, 3, 5), (2, 9000, 1)):
        x = (rng.integers(-500, 500, (rows, columns)) / 8).astype(F32)
        order = np.argsort(-x, axis=1, kind="stable")[:, :k]
        values = np.take_along_axis(x, order, axis=1)
        missing = max(0, k - columns)
        order, values = np.pad(order, ((0, 0), (0, missing))), np.pad(values, ((0, 0), (0, missing)), constant_values=-np.inf)
        order[:, columns:] = np.arange(columns, columns + missing)
        yield Case(f"top {k} of {columns}", "top_k", [x, k], {}, [values, order.astype(np.int32)])
    q, v = normal(5, 100), normal(150, 100)
    q[2] = 0
    dots = wide(q) @ wide(v).T
    norms = np.linalg.norm(wide(q), axis=1)[:, None] * np.linalg.norm(wide(v), axis=1)
    yield Case("distances dot", "distances", [q, v], {}, [dots], 1e-5)
    yield Case("distances cosine", "distances", [q, v], {"metric": "cosine"}, [np.divide(dots, norms, out=np.zeros_like(dots), where=norms > 0)], 1e-5)
    yield Case("distances l2", "distances", [q, v], {"metric": "l2"}, [((wide(q)[:, None] - wide(v)) ** 2).sum(2)], 1e-5)
    half = v.astype(F16)
    yield Case("distances dot f16", "distances", [q, half], {}, [wide(q) @ wide(half).T], 1e-5)
    a, b = (rng.integers(-127, 128, (n, 100)).astype(np.int8) for n in (5, 150))
    a_scales, b_scales = (rng.uniform(0.001, 0.01, n).astype(F32) for n in (5, 150))
    yield Case("distances int8", "distances_int8", [a, a_scales, b, b_scales], {}, [(wide(a) @ wide(b).T) * wide(a_scales)[:, None] * wide(b_scales)], 1e-5)

    # Search: vectors that differ enough for int8 to find the best, among them the query; some masked.
    for count, k, masked in ((3000, 10, True), (700, 5, False), (600, 200, False), (6, 8, True)):
        v, mask = normal(count, 72), (rng.uniform(size=count) < 0.7).astype(np.uint8)
        v /= np.linalg.norm(v, axis=1, keepdims=True)
        q, half = v[count // 2].copy(), v.astype(F16)
        mask[count // 2] = 1
        steps = np.abs(v).max(1) / F32(127)
        small = np.floor(v / steps[:, None] + F32(0.5)).astype(np.int8)
        scores = np.where(mask if masked else 1, wide(half) @ wide(q), -np.inf)
        best = np.argsort(-scores, kind="stable")[:k]
        missing = max(0, k - count)
        finite = np.isfinite(scores[best])
        values = np.concatenate([scores[best], np.full(missing, -np.inf)])
        options = {"exact": half, **({"mask": mask} if masked else {})}
        yield Case(f"search of {count}", "search", [q, small, steps, k], options, [values, None if missing or not finite.all() else best.astype(np.int32)], 1e-5)


def all_cases():
    out = []
    for case in cases():
        if case.function == "cast":
            case.expected = [case.args[0].astype(np.float64)]
        out.append(case)
    return out


def problem(case, results):
    """Describes the first difference, or returns None."""
    for n, (got, wanted) in enumerate(zip(results, case.expected, strict=True)):
        if wanted is None:  # any
            continue
        if got.shape != wanted.shape:
            return f"result {n} has the shape {got.shape} instead of {wanted.shape}"
        if wanted.dtype.kind in "iu" and got.dtype != wanted.dtype:
            return f"result {n} is {got.dtype} instead of {wanted.dtype}"
        x, y = got.astype(np.float64), wanted.astype(np.float64)
        finite = np.abs(y[np.isfinite(y)])
        size = np.maximum(np.abs(y), finite.mean() if finite.size else 0)
        tolerance = 0 if wanted.dtype.kind in "iu" else case.tolerance
        with np.errstate(invalid="ignore"):
            same = (x == y) | (np.isfinite(y) & (np.abs(x - y) <= tolerance * size))
        if not same.all():
            i = np.unravel_index(np.argmin(same), same.shape)
            return f"result {n}{list(map(int, i))} is {x[i]!r} instead of {y[i]!r} ({int((~same).sum())} of {same.size} differ)"
    return None


NAMES = {"float32": "f32", "float16": "f16", "int8": "i8", "uint8": "u8", "int32": "i32", "float64": "f64"}


def write(folder):
    """Writes all cases, as kernels.mjs reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0

    def put(value):
        nonlocal count
        if isinstance(value, Packed):
            return {"packed": put(value.raw), "format": value.format, "columns": value.columns, "depth": value.depth}
        if not isinstance(value, np.ndarray):
            return value
        file = f"{count}.bin"
        count += 1
        (folder / file).write_bytes(np.ascontiguousarray(value).tobytes())
        return {"file": file, "dtype": NAMES[value.dtype.name], "shape": list(value.shape)}

    found = [
        dict(name=c.name, function=c.function, args=[put(a) for a in c.args], options={k: put(v) for k, v in c.options.items()}, expected=[put(e) for e in c.expected], tolerance=c.tolerance)
        for c in all_cases()
    ]
    (folder / "cases.json").write_text(json.dumps(found))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
