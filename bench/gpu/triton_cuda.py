# SPDX-License-Identifier: MIT
"""The same examples with stock Triton on CUDA, and with torch: one line of JSON per case, named as in cases.mjs. Needs a GPU, torch and triton.

    python bench/gpu/triton_cuda.py
"""
import importlib.util
import json
import pathlib

import torch
from triton.testing import do_bench

ROOT = pathlib.Path(__file__).parents[2] / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / name / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def report(name, unit, work, triton_runs, torch_run=None):
    out = {"name": name, "unit": unit}
    best = min((do_bench(run, return_mode="median") for run in triton_runs))
    scale = 1e6 if unit == "GB/s" else 1e9
    out["Triton"] = {"ms": best, "rate": work / best / scale}
    if torch_run:
        ms = do_bench(torch_run, return_mode="median")
        out["torch"] = {"ms": ms, "rate": work / ms / scale}
    print(json.dumps(out), flush=True)


def tensor(*shape, dtype=torch.float32):
    return torch.rand(*shape, device="cuda", dtype=torch.float32).mul_(2).sub_(1).to(dtype)


n = 2**26
x, y, out = tensor(n), tensor(n), tensor(n)
add = example("vector_add")
report("vector add 2^26", "GB/s", 12 * n, [lambda b=b: add[(n // b,)](x, y, out, n, b) for b in (1024, 4096)], lambda: torch.add(x, y, out=out))
rows, columns = 16384, 8192
x, out, weight, bias = tensor(rows, columns), tensor(rows, columns), tensor(columns), tensor(columns)
softmax, layer_norm = example("softmax"), example("layer_norm")
report(f"softmax {rows} × {columns}", "GB/s", 8 * rows * columns,
       [lambda w=w: softmax[(rows,)](x, out, columns, columns, columns, columns, num_warps=w) for w in (4, 8, 16)], lambda: torch.softmax(x, 1))
report(f"layer_norm {rows} × {columns}", "GB/s", 8 * rows * columns,
       [lambda w=w: layer_norm[(rows,)](x, weight, bias, out, columns, columns, 1e-5, columns, num_warps=w) for w in (4, 8, 16)],
       lambda: torch.nn.functional.layer_norm(x, (columns,), weight, bias))
matmul = example("matmul")
n = 4096
for name, dtype, blocks in (("f32", torch.float32, (16, 32)), ("f16", torch.float16, (32, 64))):
    a, b, c = (tensor(n, n, dtype=dtype) for _ in range(3))
    runs = [lambda k=k, w=w: matmul[((n // 128) ** 2,)](a, b, c, n, n, n, n, n, n, 128, 128, k, 8, num_warps=w, num_stages=3) for k in blocks for w in (4, 8)]
    report(f"matmul {n}³ {name}", "TFLOP/s", 2 * n**3, runs, lambda: torch.matmul(a, b, out=c))
a, b = (torch.randint(-127, 128, (n, n), device="cuda", dtype=torch.int8) for _ in range(2))
scale, c = torch.full((n,), 1 / 128, device="cuda"), tensor(n, n)
int8_matmul = example("int8_matmul")
report(f"int8 matmul {n}³", "TFLOP/s", 2 * n**3,
       [lambda k=k, w=w: int8_matmul[(n // 128, n // 128)](a, b, scale, scale, c, n, n, n, 128, 128, k, num_warps=w, num_stages=3) for k in (64, 128) for w in (4, 8)])
heads, length, depth = 64, 2048, 64
q, k, v, out = (tensor(heads, length, depth, dtype=torch.float16) for _ in range(4))
attention = example("flash_attention")
report(f"flash attention {heads} × {length} × {depth} f16", "TFLOP/s", 2 * heads * length**2 * depth,
       [lambda m=m, w=w: attention[(length // m, heads)](q, k, v, out, length, 0.125, m, 64, depth, num_warps=w) for m in (64, 128) for w in (4, 8)],
       lambda: torch.nn.functional.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True))
