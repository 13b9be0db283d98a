# SPDX-License-Identifier: MIT
"""The suite with stock Triton on CUDA. Needs a GPU, torch and triton.

    python bench/suite/gpu.py DIR [TEXT]      DIR from cases.py; cases whose names contain TEXT

Writes DIR/pool.bin, the numbers that inputs are made of, and DIR/triton.json: of each case the milliseconds, and samples of its outputs
after one launch. suite.mjs compares with both.
"""
import importlib.util
import json
import sys
from pathlib import Path

import torch
from triton.testing import do_bench

from pool import POOL, pool

DIR = Path(sys.argv[1])
HERE = Path(__file__).resolve().parent
TYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16, "fp8e4nv": torch.float8_e4m3fn, "fp8e5": torch.float8_e5m2, "i32": torch.int32, "i8": torch.int8, "i64": torch.int64}

pool().tofile(DIR / "pool.bin")
pool_gpu = torch.from_numpy(pool()).cuda()


def array(spec, number):
    """The elements of an argument: see `fill` of cases.py. The shift makes arguments differ."""
    size, dtype = spec["size"], TYPES[spec["dtype"]]
    if spec["fill"] == "zero" or (spec["out"] and spec["fill"] == "uniform"):
        return torch.zeros(size, dtype=dtype, device="cuda")
    if spec["fill"] == "permuted":
        return ((torch.arange(size, device="cuda") * 40503 + 7) % size).to(dtype)
    shift = 1009 * number % POOL
    x = torch.roll(pool_gpu, -shift).repeat(-(-size // POOL))[:size]
    if spec["fill"] == "offsets":
        out = (2048 * torch.arange(size, device="cuda") + (x * 1024).long()) * spec["limit"] // (2048 * (size - 1))
        out[0], out[-1] = 0, spec["limit"]
        return out.to(dtype)
    if spec["fill"] == "positive":
        x = (x + 1 + 1 / 1024) / 2
    elif spec["fill"] == "below":
        return ((x + 1) / 2 * spec["limit"]).floor().to(dtype)
    elif spec["fill"] == "any":
        return (x * 2097143).to(torch.int32) * 1023
    elif spec["dtype"] == "i8":
        return (x * 127).floor().to(dtype)
    elif spec["dtype"] == "bf16":
        x = (x * 64).floor() / 64
    elif spec["dtype"].startswith("fp8"):
        x = (x * 8).floor() / 8
    return x.to(dtype)


def places(size):
    step = max(1, (size - 1024) // 3)
    return [(start, min(1024, size - start)) for start in sorted({min(step * k, max(0, size - 1024)) for k in range(4)})]


def kernel_of(name):
    file, function = name.split(":")
    spec = importlib.util.spec_from_file_location(file[:-3], HERE / "kernels" / file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, function)


found = {}
for case in json.loads((DIR / "suite.json").read_text()):
    if len(sys.argv) > 2 and sys.argv[2] not in case["name"]:
        continue
    kernel = kernel_of(case["kernel"])
    make = lambda: [array(a, k) if "size" in a else a["value"] for k, a in enumerate(case["args"])]
    try:
        best, row = None, {}
        for warps in case["warps"]:
            args = make()
            launch = lambda: kernel[tuple(case["grid"])](*args, **case["constants"], num_warps=warps)
            launch()
            torch.cuda.synchronize()
            if not row:
                row["samples"] = {a["name"]: [[start, args[k][start:start + n].double().cpu().tolist()] for start, n in places(a["size"])]
                                  for k, a in enumerate(case["args"]) if a.get("out")}
            ms = do_bench(launch, warmup=20, rep=60, return_mode="median")
            best = min(best or ms, ms)
        row["ms"] = best
    except Exception as error:
        row["error"] = str(error).splitlines()[0]
    found[case["name"]] = row
    scale = 1e6 if case["unit"] == "GB/s" else 1e9
    print(f"{case['name']:48} {case['work'] / best / scale if best else 0:9.1f} {case['unit']}  {row.get('error', '')}", flush=True)
(DIR / "triton.json").write_text(json.dumps(found))
