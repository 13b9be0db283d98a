# SPDX-License-Identifier: MIT
"""The performance suite: kernels as libraries write them, the sizes they run at, and the same computation in NumPy and torch.

    python3 bench/suite/cases.py DIR [TEXT] [--sizes gpu] [--target webgpu]      cases whose names contain TEXT

writes DIR/suite.json and compiles each kernel into DIR/kernels. It needs neither NumPy nor torch.

A case names a kernel, its arguments in order, and its grid. `work` is what must be done at least: floating-point operations, or bytes
moved once. Inputs are drawn from one pool of numbers (inputs.py), so that two languages on two machines have the same.

Each case has three sizes: for a GPU, for a CPU (a few to 50 ms per launch on two cores), and tiny ones for tests.
"""
import argparse
import dataclasses
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NAMES = {"f32": "fp32", "f16": "fp16", "bf16": "bf16", "fp8e4nv": "fp8e4nv", "fp8e5": "fp8e5", "i32": "i32", "i8": "i8", "i64": "i64"}
BYTES = {"f32": 4, "f16": 2, "bf16": 2, "fp8e4nv": 1, "fp8e5": 1, "i32": 4, "i8": 1, "i64": 8}
SIZES = ("gpu", "cpu", "tiny")


@dataclasses.dataclass
class Array:
    dtype: str
    shape: tuple
    # In [-1, 1); "positive": [1/1024, 1]; "below": integers in [0, limit); "any": all bits; "zero"; "offsets": from 0 to limit, ascending;
    # "permuted": each number below the size, a power of two, once.
    fill: str = "uniform"
    limit: int = 0
    out: bool = False

    def __post_init__(self):
        self.shape = self.shape if isinstance(self.shape, tuple) else (self.shape, )

    @property
    def size(self):
        return math.prod(self.shape)


@dataclasses.dataclass
class Case:
    name: str
    kernel: str  # file:function
    args: dict  # Array, or a number
    constants: dict
    grid: list
    work: float
    unit: str = "GB/s"
    tolerance: float = 1e-4  # of a value; of smaller ones, of the root mean square of the output, but at most 1
    warps: tuple = (4, 8)
    fresh: bool = False  # its output is accumulated into: compare the first launch only
    # Functions of (a library, the arrays by name without "_ptr") return the outputs in the order of the arguments.
    #   meaning   NumPy, in float64: the reference. Also jax.numpy if `xla` is True: the peer.
    #   torch     torch and torch.nn.functional as its `F`: the peer; fewer outputs if it does not compute them all
    #   xla       True, False, or another function of the module jax
    #   same      false if peers compute other numbers, such as random ones
    meaning: Callable = None
    torch: Callable = None
    xla: object = True
    same: bool = True
    # For JavaScript's libraries: an operation of bench/web/cases.mjs, and its inputs by their names there.
    web: tuple = None

    def signature(self):
        out = []
        for value in self.args.values():
            if isinstance(value, Array):
                out.append(f"*{NAMES[value.dtype]}:16")
            elif isinstance(value, float):
                out.append("fp32")
            else:
                out.append("1" if value == 1 else "i32:16" if value % 16 == 0 else "i32")
        return ",".join(out + [str(v) for v in self.constants.values()])

    def exported(self):
        """The case as JSON has it."""
        fields = ("name", "kernel", "constants", "grid", "work", "unit", "tolerance", "warps", "fresh", "web")
        array = lambda a: {"dtype": a.dtype, "size": a.size, "shape": a.shape, "fill": a.fill, "limit": a.limit, "out": a.out}
        args = [{"name": k, **(array(v) if isinstance(v, Array) else {"value": v})} for k, v in self.args.items()]
        return {"args": args, **{name: getattr(self, name) for name in fields}}


def cdiv(a, b):
    return -(-a // b)


def normalised(np, x):
    """Softmax along the last axis."""
    e = np.exp(x - np.max(x, -1, keepdims=True))
    return e / np.sum(e, -1, keepdims=True)


def recurrence(np, a):
    h, out = 0, np.empty_like(a.x)
    for t in range(a.x.shape[1]):
        h = out[:, t] = a.a[:, t] * h + a.x[:, t]
    return out


def philox(np, seed, n):
    """tl.rand: uniform numbers in [0, 1) of the offsets below n."""
    low, high = np.uint64(0xFFFFFFFF), np.uint64(32)
    c = [np.arange(n, dtype=np.uint64), *(np.zeros(n, np.uint64) for _ in range(3))]
    keys = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        x, y = np.uint64(0xCD9E8D57) * c[2], np.uint64(0xD2511F53) * c[0]
        c = [x >> high ^ c[1] ^ np.uint64(keys[0]), x & low, y >> high ^ c[3] ^ np.uint64(keys[1]), y & low]
        keys = [keys[0] + 0x9E3779B9 & 0xFFFFFFFF, keys[1] + 0xBB67AE85 & 0xFFFFFFFF]
    bits = c[0].astype(np.uint32).view(np.int32).astype(np.int64)
    return np.where(bits < 0, -bits - 1, bits) * 4.6566127342e-10


def adamw(np, a, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, decay=0.01):
    m, v = beta1 * a.m + (1 - beta1) * a.g, beta2 * a.v + (1 - beta2) * a.g * a.g
    return a.p * (1 - lr * decay) - lr * m / (np.sqrt(v) + eps), m, v


def adamw_torch(t, a, steps={}):
    # So many steps that the bias is 1, as in the kernel.
    step = steps.setdefault(0, t.tensor(1e6))
    t._fused_adamw_([a.p], [a.g], [a.m], [a.v], [], [step], lr=1e-3, beta1=0.9, beta2=0.999, weight_decay=0.01, eps=1e-8, amsgrad=False, maximize=False)
    return a.p, a.m, a.v


def scattered(np, a):
    table = np.zeros_like(a.table)
    np.add.at(table, a.ids, a.g)
    return table


def attended(np, a, causal, shared):
    scores = np.matmul(a.q, np.swapaxes(np.repeat(a.k, shared, 0), 1, 2)) * a.q.shape[2]**-0.5
    if causal:
        at = np.arange(a.q.shape[1])
        scores = np.where(at[:, None] >= at, scores, -np.inf)
    top = np.max(scores, -1, keepdims=True)
    e = np.exp(scores - top)
    total = np.sum(e, -1, keepdims=True)
    return np.matmul(e / total, np.repeat(a.v, shared, 0)), ((top + np.log(total)) / math.log(2))[..., 0]


def attended_backward(np, a, causal, scale, wanted=("q", "k", "v")):
    """The gradients of those; `lse` and `delta` are given, so probabilities need not have the sum 1."""
    q, k, v, do, lse, delta = map(np.wide, (a.q, a.k, a.v, a.do, a.lse, a.delta))
    swap = lambda x: np.swapaxes(x, 1, 2)
    p = np.exp((np.matmul(q, swap(k)) * scale / math.log(2) - lse[..., None]) * math.log(2))
    if causal:
        at = np.arange(q.shape[1])
        p = np.where(at[:, None] >= at, p, 0)
    ds = p * (np.matmul(do, swap(v)) - delta[..., None]) * scale
    made = {"q": lambda: np.matmul(ds, k), "k": lambda: np.matmul(swap(ds), q), "v": lambda: np.matmul(swap(p), do)}
    return tuple(made[name]() for name in wanted)


def best_of_rows(np, a, k):
    order = np.argsort(-a.x, 1, kind="stable")[:, :k]
    return np.take_along_axis(a.x, order, 1), order


def routed(np, a, k):
    p = normalised(np, np.wide(a.logits))
    order = np.argsort(-p, 1, kind="stable")[:, :k]
    return np.take_along_axis(p, order, 1), order


def segments(np, rows, offsets):
    """The sums of rows offsets[s] to offsets[s + 1]."""
    sums = np.concatenate([np.zeros_like(rows[:1]), np.cumsum(rows, 0)])
    return sums[offsets[1:]] - sums[offsets[:-1]]


def segments_xla(jax, rows, offsets):
    numbers = jax.numpy.repeat(jax.numpy.arange(offsets.size - 1), jax.numpy.diff(offsets), total_repeat_length=len(rows))
    return jax.ops.segment_sum(rows, numbers, offsets.size - 1, indices_are_sorted=True)


def csr(t, a):
    return t.sparse_csr_tensor(a.offsets, a.ids, a.values, (len(a.offsets) - 1, len(a.x)), check_invariants=False)


def grouped(np, a):
    return np.concatenate([np.matmul(a.a[first:end], b) for first, end, b in zip(a.offsets, a.offsets[1:], a.b)])


def grouped_torch(t, a):
    offsets = a.offsets.tolist()
    return t.cat([t.matmul(a.a[first:end], b) for first, end, b in zip(offsets, offsets[1:], a.b)])


def chosen(np, a, shared, rows, zeros):
    """Entry tokens[i] of a mixture of experts is row tokens[i] // shared of x times the matrix of the expert of block i // rows."""
    y = zeros((len(a.tokens), a.w.shape[1]))
    for block, expert in enumerate(a.experts.tolist()):
        at = a.tokens[block * rows:(block + 1) * rows]
        y[at] = np.matmul(a.x[at // shared], a.w[expert].T)
    return y


def paged(np, a):
    sequences, heads, d = a.q.shape
    k, v = (x[a.pages].reshape(sequences, -1, heads, d) for x in (a.k, a.v))
    return np.einsum("sht,sthd->shd", normalised(np, np.einsum("shd,sthd->sht", a.q, k) * d**-0.5), v)


def paged_torch(t, a):
    sequences, heads, d = a.q.shape
    k, v = (x[a.pages].reshape(sequences, -1, heads, d).transpose(1, 2) for x in (a.k, a.v))
    return t.F.scaled_dot_product_attention(a.q[:, :, None], k, v)[:, :, 0]


def convolved(np, a):
    length = a.x.shape[1]
    y = sum(np.pad(a.x, ((0, 0), (3, 0)))[:, k:k + length] * a.w[:, k, None] for k in range(4))
    return y / (1 + np.exp(-y))


def suite(sizes):
    """The cases in one of SIZES."""
    cases = []
    pick = lambda *choices: choices[SIZES.index(sizes)]

    def add(*args, **options):
        cases.append(Case(*args, **options))

    def product(dtype, size, block, trans_b=False, warps=(4, 8)):
        m, n, k = size if isinstance(size, tuple) else (size, size, size)
        bm, bn, bk = block
        small = dtype.startswith("fp8")
        add(f"matmul {dtype} {m}×{n}×{k}{' bᵀ' if trans_b else ''}, {bm}×{bn}×{bk}", "products.py:matmul",
            {"a_ptr": Array(dtype, (m, k)), "b_ptr": Array(dtype, (n, k) if trans_b else (k, n)), "c_ptr": Array("f16" if small else dtype, (m, n), out=True), "M": m, "N": n, "K": k,
             "stride_am": k, "stride_ak": 1, "stride_bk": 1 if trans_b else n, "stride_bn": k if trans_b else 1, "stride_cm": n, "stride_cn": 1},
            {"BM": bm, "BN": bn, "BK": bk, "GROUP": 8}, [cdiv(m, bm) * cdiv(n, bn), 1, 1], 2 * m * n * k, "TFLOP/s",
            {"f32": 1e-3, "bf16": 2e-2}.get(dtype, 4e-3), warps,
            meaning=lambda np, a: np.matmul(a.a, a.b.T if trans_b else a.b),
            # torch multiplies 8-bit floats only with scales; with XLA they become bf16, which loses nothing.
            torch=(lambda t, a: t._scaled_mm(a.a, a.b.T, t.ones(()), t.ones(()), out_dtype=t.float16)) if small else lambda t, a: t.matmul(a.a, a.b.T if trans_b else a.b),
            xla=(lambda jax, a: jax.numpy.matmul(a.a.astype("bfloat16"), a.b.T.astype("bfloat16"), preferred_element_type="float32").astype("float16")) if small else True,
            web=("matmul", {"a": "a_ptr", "b": "b_ptr"}) if dtype == "f32" else None)

    square, odd = pick(4096, 1024, 128), pick((2000, 1999, 1777), (1000, 999, 777), (100, 99, 77))
    product("f32", square, (128, 128, 16))
    product("f32", square, (64, 64, 32))
    product("f32", odd, (64, 128, 32))
    product("f32", square, (32, 32, 32))
    product("f16", square, (128, 128, 64))
    product("f16", square, (128, 128, 32))
    product("f16", square, (128, 256, 64), warps=(8,))
    product("f16", square, (64, 64, 32))
    product("f16", square, (128, 128, 32), trans_b=True)
    product("f16", pick((4000, 4008, 4072), (1000, 1008, 1016), (100, 108, 72)), (128, 128, 32))
    product("bf16", square, (128, 128, 32))
    product("fp8e4nv", square, (128, 128, 64), trans_b=True)
    product("fp8e5", square, (128, 128, 64), trans_b=True)

    def scaled(np, a, wide):
        rows = np.repeat(wide(a.a_scale), 128, 1) * wide(a.a)
        return np.matmul(rows, (wide(a.b) * np.repeat(np.repeat(wide(a.b_scale), 128, 0), 128, 1)).T)

    add(f"matmul fp8e4nv {square}³, scales of 128×128, 64×128×128", "products.py:matmul_scaled_blocks",
        {"a_ptr": Array("fp8e4nv", (square, square)), "b_ptr": Array("fp8e4nv", (square, square)), "a_scale_ptr": Array("f32", (square, square // 128), "positive"), "b_scale_ptr": Array("f32", (square // 128, square // 128), "positive"),
         "c_ptr": Array("bf16", (square, square), out=True), "M": square, "N": square, "K": square},
        {"GROUP": 128, "BM": 64, "BN": 128, "BK": 128}, [cdiv(square, 64), square // 128, 1], 2 * square**3, "TFLOP/s", 2e-2,
        meaning=lambda np, a: scaled(np, a, np.wide), torch=lambda t, a: t.matmul(a.a.float().view(square, -1, 128).mul(a.a_scale[:, :, None]).view(square, square).bfloat16(), (a.b.float().view(square // 128, 128, -1, 128) * a.b_scale[:, None, :, None]).view(square, square).T.bfloat16()),
        xla=lambda jax, a: scaled(jax.numpy, a, lambda x: x.astype("bfloat16")))

    def linear(dtype, block):
        m, n, k = pick((4096, 3072, 768), (1024, 1024, 768), (64, 128, 96))
        add(f"linear + GELU {dtype} {m}×{n}×{k}, {block[0]}×{block[1]}×{block[2]}", "products.py:matmul_bias_gelu",
            {"x_ptr": Array(dtype, (m, k)), "w_ptr": Array(dtype, (n, k)), "bias_ptr": Array(dtype, n), "y_ptr": Array(dtype, (m, n), out=True), "M": m, "N": n, "K": k},
            dict(zip(("BM", "BN", "BK"), block)), [cdiv(m, block[0]), cdiv(n, block[1]), 1], 2 * m * n * k, "TFLOP/s", 1e-2,
            meaning=lambda np, a: (lambda x: x / (1 + np.exp(-2 * 0.7978845608028654 * (x + 0.044715 * x * x * x))))(np.matmul(a.x, a.w.T) + a.bias),
            torch=lambda t, a: t.F.gelu(t.F.linear(a.x, a.w, a.bias), approximate="tanh"))

    linear("f32", (64, 64, 32))
    linear("f16", (64, 128, 32))
    n, k = pick((1024, 16384), (256, 8192), (64, 512))
    add(f"matmul f32 split K {n}×{n}×{k}, 64×64×32", "products.py:matmul_split_k",
        {"a_ptr": Array("f32", (n, k)), "b_ptr": Array("f32", (k, n)), "c_ptr": Array("f32", (n, n), out=True), "M": n, "N": n, "K": k},
        {"BM": 64, "BN": 64, "BK": 32, "SPLIT": 8}, [n // 64, n // 64, 8], 2 * n * n * k, "TFLOP/s", 1e-2, fresh=True,
        meaning=lambda np, a: np.matmul(a.a, a.b), torch=lambda t, a: t.matmul(a.a, a.b))
    batch, n = pick((64, 512), (16, 512), (2, 64))
    add(f"batched matmul f16 {batch}×{n}×{n}×64, 64×64×32", "products.py:bmm",
        {"a_ptr": Array("f16", (batch, n, 64)), "b_ptr": Array("f16", (batch, 64, n)), "c_ptr": Array("f16", (batch, n, n), out=True), "M": n, "N": n, "K": 64},
        {"BM": 64, "BN": 64, "BK": 32}, [n // 64, n // 64, batch], 2 * batch * n * n * 64, "TFLOP/s", 4e-3,
        meaning=lambda np, a: np.matmul(a.a, a.b), torch=lambda t, a: t.matmul(a.a, a.b))
    add(f"matmul i8 {square}³, 128×128×64", "products.py:matmul_int8",
        {"a_ptr": Array("i8", (square, square)), "b_ptr": Array("i8", (square, square)), "scale_ptr": Array("f32", square), "c_ptr": Array("f32", (square, square), out=True), "M": square, "N": square, "K": square},
        {"BM": 128, "BN": 128, "BK": 64}, [square // 128, square // 128, 1], 2 * square**3, "TFLOP/s",
        meaning=lambda np, a: np.matmul(a.a.astype("float64"), a.b.astype("float64")) * a.scale, torch=lambda t, a: t._int_mm(a.a, a.b) * a.scale,
        xla=lambda jax, a: jax.numpy.matmul(a.a, a.b, preferred_element_type="int32") * a.scale)
    for dtype in ("f32", "f16"):
        n, bm, bn = pick(16384, 4096, 1024), 4 if dtype == "f16" else 8, 1024 if dtype == "f16" else 256
        add(f"matrix-vector {dtype} {n}×{n}", "products.py:matvec",
            {"w_ptr": Array(dtype, (n, n)), "x_ptr": Array(dtype, n), "y_ptr": Array("f32", n, out=True), "M": n, "N": n},
            {"BM": bm, "BN": bn}, [n // bm, 1, 1], BYTES[dtype] * n**2, tolerance=1e-3,
            meaning=lambda np, a: np.matmul(a.w, a.x), torch=lambda t, a: t.mv(a.w, a.x))
    def dequantised(np, a):
        w = ((a.w[:, :, None] >> np.arange(8) * 4) & 15) - 8
        return np.matmul((w.reshape(*a.scale.shape, 128) * np.wide(a.scale)[:, :, None]).reshape(a.w.shape[0], -1), np.wide(a.x))

    n = pick(16384, 4096, 512)
    add(f"matrix-vector int4 {n}×{n}", "products.py:matvec_int4",
        {"w_ptr": Array("i32", (n, n // 8), "any"), "scale_ptr": Array("f16", (n, n // 128)), "x_ptr": Array("f16", n), "y_ptr": Array("f32", n, out=True), "M": n, "N": n},
        {"GROUP": 128, "BM": 4, "BN": 512}, [n // 4, 1, 1], n * n // 2 + 2 * n * n // 128, tolerance=2e-3,
        meaning=dequantised)

    r, c = pick((16384, 4096), (2048, 4096), (4, 4096))
    softmax = dict(meaning=lambda np, a: normalised(np, a.x), torch=lambda t, a: t.softmax(a.x, 1), web=("softmax", {"x": "x_ptr"}))
    add(f"softmax {r}×{c}", "rows.py:softmax", {"x_ptr": Array("f32", (r, c)), "y_ptr": Array("f32", (r, c), out=True), "columns": c}, {"BLOCK": 4096}, [r, 1, 1], 8 * r * c, **softmax)
    n = pick(65536, 8192, 4)
    add(f"softmax {n}×781", "rows.py:softmax", {"x_ptr": Array("f32", (n, 781)), "y_ptr": Array("f32", (n, 781), out=True), "columns": 781}, {"BLOCK": 1024}, [n, 1, 1], 8 * n * 781, **softmax)
    n = pick(4096, 256, 2)
    add(f"softmax online {n}×32768", "rows.py:softmax_online", {"x_ptr": Array("f32", (n, 32768)), "y_ptr": Array("f32", (n, 32768), out=True), "columns": 32768}, {"BLOCK": 2048}, [n, 1, 1], 8 * n * 32768, **softmax)

    def rms_norm(np, a):
        x = np.wide(a.x)
        return x / np.sqrt(np.mean(x * x, 1, keepdims=True) + 1e-6) * np.wide(a.w)

    add(f"RMS norm f16 {r}×{c}, loop", "rows.py:rms_norm",
        {"x_ptr": Array("f16", (r, c)), "w_ptr": Array("f16", c), "y_ptr": Array("f16", (r, c), out=True), "columns": c, "eps": 1e-6}, {"BLOCK": 1024}, [r, 1, 1], 4 * r * c, tolerance=4e-3,
        meaning=rms_norm, torch=lambda t, a: t.F.rms_norm(a.x, (c,), a.w, 1e-6))

    def layer_norm(np, a):
        mean = np.mean(a.x, 1)
        rstd = 1 / np.sqrt(np.mean((a.x - mean[:, None])**2, 1) + 1e-5)
        return (a.x - mean[:, None]) * rstd[:, None] * a.w + a.b, mean, rstd

    add(f"layer norm {r}×{c}, loop", "rows.py:layer_norm",
        {"x_ptr": Array("f32", (r, c)), "w_ptr": Array("f32", c), "b_ptr": Array("f32", c), "y_ptr": Array("f32", (r, c), out=True), "mean_ptr": Array("f32", r, out=True), "rstd_ptr": Array("f32", r, out=True), "columns": c, "eps": 1e-5},
        {"BLOCK": 1024}, [r, 1, 1], 8 * r * c, tolerance=1e-3, meaning=layer_norm, torch=lambda t, a: t.native_layer_norm(a.x, (c,), a.w, a.b, 1e-5),
        web=("layer_norm", {"x": "x_ptr", "weight": "w_ptr", "bias": "b_ptr"}))

    def layer_norm_backward(np, a):
        normal, wdy = (a.x - a.mean[:, None]) * a.rstd[:, None], a.w * a.dy
        mean = lambda x: np.mean(x, 1, keepdims=True)
        return (wdy - (normal * mean(normal * wdy) + mean(wdy))) * a.rstd[:, None]

    add(f"layer norm backward {r}×{c}", "rows.py:layer_norm_backward",
        {"dx_ptr": Array("f32", (r, c), out=True), "dy_ptr": Array("f32", (r, c)), "x_ptr": Array("f32", (r, c)), "w_ptr": Array("f32", c), "mean_ptr": Array("f32", r), "rstd_ptr": Array("f32", r, "positive"), "columns": c},
        {"BLOCK": 4096}, [r, 1, 1], 12 * r * c, tolerance=1e-3, meaning=layer_norm_backward,
        torch=lambda t, a: t.ops.aten.native_layer_norm_backward(a.dy, a.x, [c], a.mean[:, None], a.rstd[:, None], a.w, None, [True, False, False])[0])

    def cross_entropy(np, a):
        x = np.wide(a.logits)
        top = np.max(x, 1)
        return top + np.log(np.sum(np.exp(x - top[:, None]), 1)) - np.take_along_axis(x, a.label[:, None], 1)[:, 0]

    for dtype, (n, m) in (("f32", pick((2048, 128256), (128, 128256), (2, 8000))), ("f16", pick((8192, 32000), (512, 32000), (2, 5000)))):
        add(f"cross entropy {'f16 ' if dtype == 'f16' else ''}{n}×{m}", "rows.py:cross_entropy",
            {"logits_ptr": Array(dtype, (n, m)), "label_ptr": Array("i32", n, "below", m), "loss_ptr": Array("f32", n, out=True), "columns": m}, {"BLOCK": 4096}, [n, 1, 1], BYTES[dtype] * n * m,
            meaning=cross_entropy, torch=lambda t, a: t.F.cross_entropy(a.logits, a.label.long(), reduction="none"))
    add(f"cumsum {r}×{c}", "rows.py:cumsum", {"x_ptr": Array("f32", (r, c)), "y_ptr": Array("f32", (r, c), out=True), "columns": c}, {"BLOCK": 4096}, [r, 1, 1], 8 * r * c, tolerance=1e-3,
        meaning=lambda np, a: np.cumsum(a.x, 1), torch=lambda t, a: t.cumsum(a.x, 1), web=("cumsum", {"x": "x_ptr"}))
    add(f"linear recurrence {r}×2048", "rows.py:linear_recurrence",
        {"a_ptr": Array("f32", (r, 2048)), "x_ptr": Array("f32", (r, 2048)), "y_ptr": Array("f32", (r, 2048), out=True), "length": 2048}, {"BLOCK": 2048}, [r, 1, 1], 12 * r * 2048, tolerance=1e-3,
        meaning=recurrence, xla=lambda jax, a: jax.lax.associative_scan(lambda x, y: (x[0] * y[0], x[1] * y[0] + y[1]), (a.a, a.x), axis=1)[1])
    add(f"argmax {r}×{c}", "rows.py:argmax", {"x_ptr": Array("f32", (r, c)), "out_ptr": Array("i32", r, out=True), "columns": c}, {"BLOCK": 4096}, [r, 1, 1], 4 * r * c,
        meaning=lambda np, a: np.argmax(a.x, 1), torch=lambda t, a: t.argmax(a.x, 1), same=False, web=("argmax", {"x": "x_ptr"}))
    n = pick(16384, 512, 4)
    add(f"sort {n}×1024", "rows.py:sort_rows", {"x_ptr": Array("f32", (n, 1024)), "y_ptr": Array("f32", (n, 1024), out=True), "columns": 1024}, {"BLOCK": 1024}, [n, 1, 1], 8 * n * 1024,
        meaning=lambda np, a: np.sort(a.x, 1), torch=lambda t, a: t.sort(a.x, 1)[0])
    n, k = pick(8192, 512, 4), 32
    add(f"top {k} of {n}×4000", "rows.py:top_k", {"x_ptr": Array("f32", (n, 4000)), "values_ptr": Array("f32", (n, k), out=True), "ids_ptr": Array("i32", (n, k), out=True), "columns": 4000}, {"K": k, "BLOCK": 4096}, [n, 1, 1], 4 * n * 4000,
        meaning=lambda np, a: best_of_rows(np, a, 32), torch=lambda t, a: t.topk(a.x, 32, 1)[0], xla=lambda jax, a: jax.lax.top_k(a.x, 32))
    n, m = pick((65536, 32), (16384, 32), (64, 32))
    add(f"route {n} to 8 of 128 experts, {m} a program", "rows.py:route",
        {"logits_ptr": Array("f32", (n, 128)), "weights_ptr": Array("f32", (n, 8), out=True), "experts_ptr": Array("i32", (n, 8), out=True), "tokens": n}, {"EXPERTS": 128, "K": 8, "BM": m}, [cdiv(n, m), 1, 1], 4 * n * 128 + 8 * n * 8,
        meaning=lambda np, a: routed(np, a, 8), torch=lambda t, a: t.topk(t.softmax(a.logits, 1), 8, 1)[0], xla=lambda jax, a: jax.lax.top_k(jax.nn.softmax(a.logits, 1), 8))
    m, n = pick((16384, 8192), (4096, 2048), (128, 64))
    add(f"column sum {m}×{n}", "rows.py:column_sum", {"x_ptr": Array("f32", (m, n)), "y_ptr": Array("f32", n, out=True), "rows": m, "columns": n}, {"BM": 64, "BN": 32}, [n // 32, 1, 1], 4 * m * n, tolerance=1e-3,
        meaning=lambda np, a: np.sum(a.x, 0), torch=lambda t, a: t.sum(a.x, 0), web=("column_sum", {"x": "x_ptr"}))

    n = pick(8192, 256, 2)
    add(f"SwiGLU f16 {n}×11008", "pointwise.py:swiglu",
        {"gate_ptr": Array("f16", (n, 11008)), "up_ptr": Array("f16", (n, 11008)), "y_ptr": Array("f16", (n, 11008), out=True), "columns": 11008}, {"BLOCK": 16384}, [n, 1, 1], 6 * n * 11008, tolerance=4e-3,
        meaning=lambda np, a: a.gate / (1 + np.exp(-np.wide(a.gate))) * a.up, torch=lambda t, a: t.F.silu(a.gate) * a.up)
    n = pick(16384, 1024, 4)
    rotate = lambda library, a: library.stack((a.q[:, :, 0] * a.cos[:, None] - a.q[:, :, 1] * a.sin[:, None], a.q[:, :, 1] * a.cos[:, None] + a.q[:, :, 0] * a.sin[:, None]), 2)
    add(f"rotary f16 {n} × 32 × 128", "pointwise.py:rotary",
        {"q_ptr": Array("f16", (n, 32, 2, 64)), "cos_ptr": Array("f32", (n, 64)), "sin_ptr": Array("f32", (n, 64)), "out_ptr": Array("f16", (n, 32, 2, 64), out=True), "heads": 32}, {"HALF": 64, "HEADS": 32}, [n, 1, 1], 4 * n * 4096 + 8 * n * 64, tolerance=4e-3,
        meaning=rotate, torch=lambda t, a: rotate(t, a).half())
    power = pick(26, 22, 12)
    add(f"bias + GELU 2^{power}", "pointwise.py:bias_gelu",
        {"x_ptr": Array("f32", (2**power // 4096, 4096)), "bias_ptr": Array("f32", 4096), "y_ptr": Array("f32", (2**power // 4096, 4096), out=True), "n": 2**power, "columns": 4096}, {"BLOCK": 1024}, [2**power // 1024, 1, 1], 8 * 2**power,
        meaning=lambda np, a: (lambda x: 0.5 * x * (1 + np.erf(x * 0.5**0.5)))(a.x + a.bias), torch=lambda t, a: t.F.gelu(a.x + a.bias))
    n = 2**pick(25, 22, 12)
    add(f"AdamW 2^{pick(25, 22, 12)}", "pointwise.py:adamw",
        {"p_ptr": Array("f32", n, out=True), "g_ptr": Array("f32", n), "m_ptr": Array("f32", n, out=True), "v_ptr": Array("f32", n, "positive", out=True), "n": n, "lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "decay": 0.01},
        {"BLOCK": 1024}, [n // 1024, 1, 1], 28 * n, fresh=True, meaning=adamw, torch=adamw_torch)
    n = 2**power
    add(f"dropout 2^{power}", "pointwise.py:dropout", {"x_ptr": Array("f32", n), "y_ptr": Array("f32", n, out=True), "n": n, "p": 0.1, "seed": 123}, {"BLOCK": 1024}, [n // 1024, 1, 1], 8 * n,
        meaning=lambda np, a, n=n: np.where(philox(np, 123, n) > 0.1, a.x / 0.9, 0), torch=lambda t, a: t.F.dropout(a.x, 0.1), xla=False, same=False)
    for dtype, block in (("f32", (32, 32)), ("f16", (64, 64))):
        m = pick(8192, 2048, 128)
        add(f"transpose {dtype} {m}×{m}, {block[0]}×{block[1]}", "pointwise.py:transpose",
            {"x_ptr": Array(dtype, (m, m)), "y_ptr": Array(dtype, (m, m), out=True), "rows": m, "columns": m}, {"BM": block[0], "BN": block[1]}, [m // block[0], m // block[1], 1], 2 * BYTES[dtype] * m**2,
            meaning=lambda np, a: np.transpose(a.x), torch=lambda t, a: a.x.T.contiguous(), web=("transpose", {"x": "x_ptr"}) if dtype == "f32" else None)
    b, t, h, d = pick((8, 4096, 32, 128), (2, 1024, 32, 64), (2, 40, 8, 64))
    for dtype in ("f32", "f16"):
        add(f"swap heads {dtype} {b}×{t}×{h}×{d}", "pointwise.py:swap_heads",
            {"x_ptr": Array(dtype, (b, t, h, d)), "y_ptr": Array(dtype, (b, h, t, d), out=True), "length": t, "heads": h}, {"BT": 16, "BH": 8, "D": d}, [cdiv(t, 16), cdiv(h, 8), b], 2 * BYTES[dtype] * b * t * h * d,
            meaning=lambda np, a: np.swapaxes(a.x, 1, 2), torch=lambda t, a: a.x.transpose(1, 2).contiguous())
    tokens, rows, columns = pick((65536, 32000, 2048), (4096, 8000, 1024), (8, 50, 256))
    add(f"embedding {tokens} of {rows}×{columns}", "pointwise.py:embedding",
        {"ids_ptr": Array("i32", tokens, "below", rows), "table_ptr": Array("f32", (rows, columns)), "y_ptr": Array("f32", (tokens, columns), out=True), "columns": columns}, {"BLOCK": columns}, [tokens, 1, 1], 4 * (tokens + min(tokens, rows)) * columns,
        meaning=lambda np, a: a.table[a.ids], torch=lambda t, a: t.F.embedding(a.ids, a.table))
    tokens, rows, columns = pick((65536, 32000, 512), (8192, 8000, 512), (64, 50, 512))
    add(f"scatter add {tokens} into {rows}×{columns}", "pointwise.py:scatter_add",
        {"ids_ptr": Array("i32", tokens, "below", rows), "g_ptr": Array("f32", (tokens, columns)), "table_ptr": Array("f32", (rows, columns), out=True), "columns": columns}, {"BLOCK": 512}, [tokens, 1, 1], 4 * (tokens + 2 * rows) * columns, tolerance=1e-3, fresh=True,
        meaning=scattered, torch=lambda t, a: a.table.index_add_(0, a.ids, a.g), xla=lambda jax, a: jax.numpy.zeros((rows, columns), "float32").at[a.ids].add(a.g))
    add(f"histogram 2^{power} into 256", "pointwise.py:histogram",
        {"x_ptr": Array("i32", n, "below", 256), "bins_ptr": Array("i32", 256, "zero", out=True), "n": n}, {"BLOCK": 1024}, [n // 1024, 1, 1], 4 * n, fresh=True,
        meaning=lambda np, a: np.bincount(a.x, minlength=256), torch=lambda t, a: t.bincount(a.x, minlength=256), xla=lambda jax, a: jax.numpy.bincount(a.x, length=256))
    m = pick(4096, 256, 2)
    add(f"conv1d {m} × 16384, width 4", "pointwise.py:conv1d",
        {"x_ptr": Array("f32", (m, 16384)), "w_ptr": Array("f32", (m, 4)), "y_ptr": Array("f32", (m, 16384), out=True), "length": 16384}, {"WIDTH": 4, "BLOCK": 1024}, [m, 16, 1], 8 * m * 16384,
        meaning=convolved, torch=lambda t, a: t.F.silu(t.F.conv1d(t.F.pad(a.x, (3, 0))[None], a.w[:, None], groups=m))[0])

    def attention(d, causal, block, shared=1, heads=64):
        length, heads = pick((2048, heads), (1024, 8), (256, 8))
        bm, bn = block
        q, kv = Array("f16", (heads, length, d)), Array("f16", (heads // shared, length, d))
        add(f"attention f16 {heads}×{length}×{d}{' causal' if causal else ''}{f', {shared} heads a key' if shared > 1 else ''}, {bm}×{bn}", "attention.py:attention",
            {"q_ptr": q, "k_ptr": kv, "v_ptr": kv, "o_ptr": dataclasses.replace(q, out=True), "lse_ptr": Array("f32", (heads, length), out=True), "length": length, "scale": d**-0.5},
            {"HEADS": heads, "SHARED": shared, "D": d, "BM": bm, "BN": bn, "CAUSAL": int(causal)}, [length // bm, heads, 1], (2 if causal else 4) * heads * length**2 * d, "TFLOP/s", 4e-3,
            meaning=lambda np, a: attended(np, a, causal, shared),
            torch=lambda t, a: t.F.scaled_dot_product_attention(a.q[None], a.k[None], a.v[None], is_causal=causal, enable_gqa=shared > 1))

    attention(64, False, (128, 64))
    attention(64, True, (128, 64))
    attention(64, True, (64, 64))
    attention(128, False, (64, 64))
    attention(128, True, (128, 64), heads=32)
    attention(64, True, (128, 32), shared=8)

    length, heads, width = pick((2000, 64, 96), (1000, 8, 96), (100, 2, 96))
    q = Array("f16", (heads, length, width))
    add(f"attention f16 {heads}×{length}×{width}, 128×64", "attention.py:attention_padded",
        {"q_ptr": q, "k_ptr": q, "v_ptr": q, "o_ptr": dataclasses.replace(q, out=True), "length": length, "width": width, "scale": width**-0.5, "stride_h": length * width, "stride_t": width},
        {"D": 128, "BM": 128, "BN": 64}, [cdiv(length, 128), heads, 1], 4 * heads * length**2 * width, "TFLOP/s", 4e-3,
        meaning=lambda np, a: attended(np, a, False, 1)[0], torch=lambda t, a: t.F.scaled_dot_product_attention(a.q[None], a.k[None], a.v[None])[0])

    def backward(function, d, causal, block, wanted, products):
        """`products`: how many matrix products it takes."""
        length, heads = pick((2048, 32), (1024, 8), (256, 2))
        x, row = Array("f16", (heads, length, d)), Array("f32", (heads, length))
        constants = {"BLOCK": block[0], "STEP": block[1]} if function == "backward" else {"BM": block[0], "BN": block[1]}
        rows = block[1] if function == "dkdv" else block[0]
        add(f"attention {function} f16 {heads}×{length}×{d}{' causal' if causal else ''}, {block[0]}×{block[1]}", f"attention.py:attention_{function}",
            {"q_ptr": x, "k_ptr": x, "v_ptr": x, "do_ptr": x, "lse_ptr": dataclasses.replace(row, fill="positive"), "delta_ptr": row, **{f"d{name}_ptr": dataclasses.replace(x, out=True) for name in wanted}, "length": length, "scale": d**-0.5},
            {"D": d, **constants, "CAUSAL": int(causal)}, [length // rows, heads, 1], (1 if causal else 2) * products * heads * length**2 * d, "TFLOP/s", 2e-2,
            meaning=lambda np, a: attended_backward(np, a, causal, d**-0.5, wanted),
            # torch finds `delta` from `out`, and its `lse` is to base e: it is given others, so its numbers are different ones.
            torch=(lambda t, a: t.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(a.do[None], a.q[None], a.k[None], a.v[None], a.do[None], a.lse[None], 0.0, causal)) if len(wanted) == 3 else None,
            same=len(wanted) < 3)

    backward("dkdv", 64, False, (64, 64), "kv", 4)
    backward("dkdv", 128, True, (64, 64), "kv", 4)
    backward("dq", 64, False, (64, 64), "q", 3)
    backward("dq", 128, True, (64, 64), "q", 3)
    backward("backward", 64, False, (64, 32), "qkv", 7)
    backward("backward", 64, True, (128, 32), "qkv", 7)
    backward("backward", 128, True, (64, 64), "qkv", 7)
    sequences, heads, length = pick((64, 32, 4096), (4, 8, 1024), (2, 2, 64))
    pages, limit = length // 16, pick(8192, 256, 8)
    add(f"paged decode f16 {sequences}×{heads}, {length} tokens of 128", "attention.py:decode_paged",
        {"q_ptr": Array("f16", (sequences, heads, 128)), "k_ptr": Array("f16", (limit, 16, heads, 128)), "v_ptr": Array("f16", (limit, 16, heads, 128)), "pages_ptr": Array("i32", (sequences, pages), "below", limit),
         "o_ptr": Array("f16", (sequences, heads, 128), out=True), "length": length, "scale": 128**-0.5},
        {"PAGES": pages, "PAGE": 16, "D": 128}, [sequences, heads, 1], 2 * sequences * heads * length * 128 * 2, tolerance=4e-3, meaning=paged, torch=paged_torch)

    count, rows, columns = pick((16384, 262144, 512), (2048, 16384, 512), (8, 50, 96))
    add(f"segment sum of {rows}×{columns}, {count} segments", "sparse.py:segment_sum",
        {"x_ptr": Array("f32", (rows, columns)), "offsets_ptr": Array("i32", count + 1, "offsets", rows), "y_ptr": Array("f32", (count, columns), out=True), "columns": columns}, {"BM": 8, "BN": 128}, [count, cdiv(columns, 128), 1], 4 * columns * (rows + count), tolerance=1e-3,
        meaning=lambda np, a: segments(np, a.x, a.offsets), torch=lambda t, a: t.segment_reduce(a.x, "sum", offsets=a.offsets), xla=lambda jax, a: segments_xla(jax, a.x, a.offsets))
    rows, count, inner, columns = pick((65536, 1048576, 65536, 256), (8192, 65536, 8192, 256), (16, 70, 20, 96))
    matrix = {"offsets_ptr": Array("i32", rows + 1, "offsets", count), "ids_ptr": Array("i32", count, "below", inner), "values_ptr": Array("f32", count)}
    add(f"sparse {rows}×{inner}, {count} elements, times {inner}×{columns}", "sparse.py:csr_matmul",
        {**matrix, "x_ptr": Array("f32", (inner, columns)), "y_ptr": Array("f32", (rows, columns), out=True), "columns": columns}, {"BN": 128}, [rows, cdiv(columns, 128), 1], 4 * columns * (count + rows), tolerance=1e-3,
        meaning=lambda np, a: segments(np, a.values[:, None] * a.x[a.ids], a.offsets), torch=lambda t, a: csr(t, a) @ a.x, xla=lambda jax, a: segments_xla(jax, a.values[:, None] * a.x[a.ids], a.offsets))
    rows, count, inner = pick((65536, 16 * 2**20, 65536), (8192, 2**21, 8192), (16, 700, 20))
    matrix = {"offsets_ptr": Array("i32", rows + 1, "offsets", count), "ids_ptr": Array("i32", count, "below", inner), "values_ptr": Array("f32", count)}
    add(f"sparse {rows}×{inner}, {count} elements, times a vector", "sparse.py:csr_matvec",
        {**matrix, "x_ptr": Array("f32", inner), "y_ptr": Array("f32", rows, out=True)}, {"BLOCK": 128}, [rows, 1, 1], 8 * count + 8 * rows, tolerance=1e-3,
        meaning=lambda np, a: segments(np, (a.values * a.x[a.ids])[:, None], a.offsets)[:, 0], torch=lambda t, a: t.mv(csr(t, a), a.x), xla=lambda jax, a: segments_xla(jax, a.values * a.x[a.ids], a.offsets))
    groups, rows, n, k = pick((16, 16384, 2048, 1024), (8, 1024, 512, 512), (4, 100, 96, 64))
    add(f"grouped matmul f16 {groups} of {rows}×{n}×{k}, 64×64×32", "sparse.py:grouped_matmul",
        {"a_ptr": Array("f16", (rows, k)), "b_ptr": Array("f16", (groups, k, n)), "offsets_ptr": Array("i32", groups + 1, "offsets", rows), "c_ptr": Array("f16", (rows, n), out=True), "groups": groups, "N": n, "K": k},
        {"PROGRAMS": pick(132 * 4, 16, 3), "BM": 64, "BN": 64, "BK": 32}, [pick(132 * 4, 16, 3), 1, 1], 2 * rows * n * k, "TFLOP/s", 4e-3,
        meaning=grouped, torch=grouped_torch, xla=lambda jax, a: jax.lax.ragged_dot(a.a, a.b, jax.numpy.diff(a.offsets)))
    tokens, experts, n, k, bm = pick((32768, 64, 1024, 2048, 64), (2048, 8, 256, 512, 64), (64, 4, 96, 80, 16))
    add(f"experts f16 {tokens}×{n}×{k}, {experts} experts, {bm}×64×32", "sparse.py:experts_matmul",
        {"x_ptr": Array("f16", (tokens // 2, k)), "w_ptr": Array("f16", (experts, n, k)), "tokens_ptr": Array("i32", tokens, "permuted"), "experts_ptr": Array("i32", tokens // bm, "below", experts), "y_ptr": Array("f16", (tokens, n), out=True),
         "entries": tokens, "N": n, "K": k}, {"SHARED": 2, "BM": bm, "BN": 64, "BK": 32}, [tokens // bm, cdiv(n, 64), 1], 2 * tokens * n * k, "TFLOP/s", 4e-3,
        meaning=lambda np, a: chosen(np, a, 2, bm, np.zeros), torch=lambda t, a: chosen(t, a, 2, bm, lambda shape: t.empty(shape, dtype=t.float16)),
        xla=lambda jax, a: jax.numpy.zeros((tokens, n), "float16").at[a.tokens].set(jax.numpy.einsum("brk,bnk->brn", a.x[a.tokens // 2].reshape(-1, bm, k), a.w[a.experts], preferred_element_type="float32").reshape(tokens, n).astype("float16")))
    return cases


CASES = suite("gpu")


def commit():
    """The last commit that changed the compiler or a package, with "-dirty" if they have been changed since."""
    git = lambda *args: subprocess.run(["git", "-C", ROOT, *args, "--", "src", "include", "python", "web/src"], capture_output=True, text=True).stdout.strip()
    return git("log", "-1", "--format=%h") + ("-dirty" if git("status", "--porcelain", "--untracked-files=no") else "")


def export(folder, text="", sizes="gpu", target="webgpu", names=None):
    """Returns the cases that the compiler refused."""
    folder = Path(folder)
    (folder / "kernels").mkdir(parents=True, exist_ok=True)
    nereid = os.environ.get("NEREID", str(ROOT / "build/bin/nereid"))
    rows, refused = [], 0
    for number, case in enumerate(suite(sizes)):
        if text not in case.name or names and case.kernel not in names:
            continue
        row = {"id": f"k{number}", **case.exported()}
        file, kernel = case.kernel.split(":")
        done = subprocess.run([nereid, "compile", f"{HERE}/kernels/{file}:{kernel}", "--target", target, "--signature", case.signature(), "-o", folder / "kernels" / row["id"]], capture_output=True, text=True)
        if done.returncode:
            refused += 1
            row["refused"] = done.stderr.strip()
            print(f"{case.name}: {row['refused']}", file=sys.stderr)
        rows.append(row)
    (folder / "suite.json").write_text(json.dumps(rows))
    (folder / "commit.txt").write_text(commit())
    return refused


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("text", nargs="?", default="")
    parser.add_argument("--sizes", choices=SIZES, default="gpu")
    parser.add_argument("--target", default="webgpu")
    o = parser.parse_args()
    export(o.folder, o.text, o.sizes, o.target)
