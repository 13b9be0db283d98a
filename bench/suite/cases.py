# SPDX-License-Identifier: MIT
"""The performance suite: kernels as libraries write them, and the sizes they run at. NumPy and its peers are not needed here.

    python3 bench/suite/cases.py DIR      writes DIR/suite.json and compiles each kernel for webgpu into DIR/kernels

A case names a kernel, its arguments in order, and its grid. `work` is what must be done at least: floating-point operations, or bytes
moved once. Inputs are drawn from one pool of numbers, so that two languages on two machines have the same.
"""
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NAMES = {"f32": "fp32", "f16": "fp16", "bf16": "bf16", "i32": "i32", "i8": "i8", "i64": "i64"}
BYTES = {"f32": 4, "f16": 2, "bf16": 2, "i32": 4, "i8": 1, "i64": 8}


@dataclasses.dataclass
class Array:
    dtype: str
    size: int
    fill: str = "uniform"  # in [-1, 1); "positive": [1/1024, 1]; "below": integers in [0, limit); "any": all bits; "zero"
    limit: int = 0
    out: bool = False


@dataclasses.dataclass
class Case:
    name: str
    kernel: str  # file:function
    args: dict  # Array, or a number
    constants: dict
    grid: list
    work: float
    unit: str = "GB/s"
    tolerance: float = 1e-4  # of a value, or of 1 if it is smaller
    warps: tuple = (4, 8)
    fresh: bool = False  # its output is accumulated into: compare the first launch only

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


def cdiv(a, b):
    return -(-a // b)


CASES = []


def add(*args, **options):
    CASES.append(Case(*args, **options))


def product(dtype, m, n, k, block, kernel="matmul", trans_b=False, out=None, warps=(4, 8)):
    bm, bn, bk = block
    add(f"matmul {dtype} {m}×{n}×{k}{' bᵀ' if trans_b else ''}, {bm}×{bn}×{bk}", "products.py:matmul",
        {"a_ptr": Array(dtype, m * k), "b_ptr": Array(dtype, k * n), "c_ptr": Array(out or dtype, m * n, out=True), "M": m, "N": n, "K": k,
         "stride_am": k, "stride_ak": 1, "stride_bk": 1 if trans_b else n, "stride_bn": k if trans_b else 1, "stride_cm": n, "stride_cn": 1},
        {"BM": bm, "BN": bn, "BK": bk, "GROUP": 8}, [cdiv(m, bm) * cdiv(n, bn), 1, 1], 2 * m * n * k, "TFLOP/s",
        {"f32": 1e-3, "f16": 4e-3, "bf16": 2e-2}[dtype], warps)


product("f32", 4096, 4096, 4096, (128, 128, 16))
product("f32", 4096, 4096, 4096, (64, 64, 32))
product("f32", 2000, 1999, 1777, (64, 128, 32))
product("f32", 4096, 4096, 4096, (32, 32, 32))
product("f16", 4096, 4096, 4096, (128, 128, 64))
product("f16", 4096, 4096, 4096, (128, 128, 32))
product("f16", 4096, 4096, 4096, (128, 256, 64), warps=(8,))
product("f16", 4096, 4096, 4096, (64, 64, 32))
product("f16", 4096, 4096, 4096, (128, 128, 32), trans_b=True)
product("f16", 4000, 4008, 4072, (128, 128, 32))
product("bf16", 4096, 4096, 4096, (128, 128, 32))
linear = lambda dtype, m, n, k, block: add(
    f"linear + GELU {dtype} {m}×{n}×{k}, {block[0]}×{block[1]}×{block[2]}", "products.py:matmul_bias_gelu",
    {"x_ptr": Array(dtype, m * k), "w_ptr": Array(dtype, n * k), "bias_ptr": Array(dtype, n), "y_ptr": Array(dtype, m * n, out=True), "M": m, "N": n, "K": k},
    dict(zip(("BM", "BN", "BK"), block)), [cdiv(m, block[0]), cdiv(n, block[1]), 1], 2 * m * n * k, "TFLOP/s", 1e-2)
linear("f32", 4096, 3072, 768, (64, 64, 32))
linear("f16", 4096, 3072, 768, (64, 128, 32))
add("matmul f32 split K 1024×1024×16384, 64×64×32", "products.py:matmul_split_k",
    {"a_ptr": Array("f32", 1024 * 16384), "b_ptr": Array("f32", 16384 * 1024), "c_ptr": Array("f32", 1024 * 1024, out=True), "M": 1024, "N": 1024, "K": 16384},
    {"BM": 64, "BN": 64, "BK": 32, "SPLIT": 8}, [16, 16, 8], 2 * 1024 * 1024 * 16384, "TFLOP/s", 1e-2, fresh=True)
add("batched matmul f16 64×512×512×64, 64×64×32", "products.py:bmm",
    {"a_ptr": Array("f16", 64 * 512 * 64), "b_ptr": Array("f16", 64 * 512 * 64), "c_ptr": Array("f16", 64 * 512 * 512, out=True), "M": 512, "N": 512, "K": 64},
    {"BM": 64, "BN": 64, "BK": 32}, [8, 8, 64], 2 * 64 * 512 * 512 * 64, "TFLOP/s", 4e-3)
add("matmul i8 4096³, 128×128×64", "products.py:matmul_int8",
    {"a_ptr": Array("i8", 4096**2), "b_ptr": Array("i8", 4096**2), "scale_ptr": Array("f32", 4096), "c_ptr": Array("f32", 4096**2, out=True), "M": 4096, "N": 4096, "K": 4096},
    {"BM": 128, "BN": 128, "BK": 64}, [32, 32, 1], 2 * 4096**3, "TFLOP/s")
for dtype in ("f32", "f16"):
    add(f"matrix-vector {dtype} 16384×16384", "products.py:matvec",
        {"w_ptr": Array(dtype, 16384**2), "x_ptr": Array(dtype, 16384), "y_ptr": Array("f32", 16384, out=True), "M": 16384, "N": 16384},
        {"BM": 4 if dtype == "f16" else 8, "BN": 1024 if dtype == "f16" else 256}, [16384 // (4 if dtype == "f16" else 8), 1, 1], BYTES[dtype] * 16384**2, tolerance=1e-3)
add("matrix-vector int4 16384×16384", "products.py:matvec_int4",
    {"w_ptr": Array("i32", 16384 * 2048, "any"), "scale_ptr": Array("f16", 16384 * 128), "x_ptr": Array("f16", 16384), "y_ptr": Array("f32", 16384, out=True), "M": 16384, "N": 16384},
    {"GROUP": 128, "BM": 4, "BN": 512}, [4096, 1, 1], 16384 * 8192 + 2 * 16384 * 128, tolerance=2e-3)

R, C = 16384, 4096
add(f"softmax {R}×{C}", "rows.py:softmax", {"x_ptr": Array("f32", R * C), "y_ptr": Array("f32", R * C, out=True), "columns": C}, {"BLOCK": 4096}, [R, 1, 1], 8 * R * C)
add("softmax 65536×781", "rows.py:softmax", {"x_ptr": Array("f32", 65536 * 781), "y_ptr": Array("f32", 65536 * 781, out=True), "columns": 781}, {"BLOCK": 1024}, [65536, 1, 1], 8 * 65536 * 781)
add("softmax online 4096×32768", "rows.py:softmax_online", {"x_ptr": Array("f32", 4096 * 32768), "y_ptr": Array("f32", 4096 * 32768, out=True), "columns": 32768}, {"BLOCK": 2048}, [4096, 1, 1], 8 * 4096 * 32768)
add(f"RMS norm f16 {R}×{C}, loop", "rows.py:rms_norm",
    {"x_ptr": Array("f16", R * C), "w_ptr": Array("f16", C), "y_ptr": Array("f16", R * C, out=True), "columns": C, "eps": 1e-6}, {"BLOCK": 1024}, [R, 1, 1], 4 * R * C, tolerance=4e-3)
add(f"layer norm {R}×{C}, loop", "rows.py:layer_norm",
    {"x_ptr": Array("f32", R * C), "w_ptr": Array("f32", C), "b_ptr": Array("f32", C), "y_ptr": Array("f32", R * C, out=True), "mean_ptr": Array("f32", R, out=True), "rstd_ptr": Array("f32", R, out=True), "columns": C, "eps": 1e-5},
    {"BLOCK": 1024}, [R, 1, 1], 8 * R * C, tolerance=1e-3)
add(f"layer norm backward {R}×{C}", "rows.py:layer_norm_backward",
    {"dx_ptr": Array("f32", R * C, out=True), "dy_ptr": Array("f32", R * C), "x_ptr": Array("f32", R * C), "w_ptr": Array("f32", C), "mean_ptr": Array("f32", R), "rstd_ptr": Array("f32", R, "positive"), "columns": C},
    {"BLOCK": 4096}, [R, 1, 1], 12 * R * C, tolerance=1e-3)
add("cross entropy 2048×128256", "rows.py:cross_entropy",
    {"logits_ptr": Array("f32", 2048 * 128256), "label_ptr": Array("i32", 2048, "below", 128256), "loss_ptr": Array("f32", 2048, out=True), "columns": 128256}, {"BLOCK": 4096}, [2048, 1, 1], 4 * 2048 * 128256)
add("cross entropy f16 8192×32000", "rows.py:cross_entropy",
    {"logits_ptr": Array("f16", 8192 * 32000), "label_ptr": Array("i32", 8192, "below", 32000), "loss_ptr": Array("f32", 8192, out=True), "columns": 32000}, {"BLOCK": 4096}, [8192, 1, 1], 2 * 8192 * 32000)
add(f"cumsum {R}×{C}", "rows.py:cumsum", {"x_ptr": Array("f32", R * C), "y_ptr": Array("f32", R * C, out=True), "columns": C}, {"BLOCK": 4096}, [R, 1, 1], 8 * R * C, tolerance=1e-3)
add(f"linear recurrence {R}×2048", "rows.py:linear_recurrence",
    {"a_ptr": Array("f32", R * 2048), "x_ptr": Array("f32", R * 2048), "y_ptr": Array("f32", R * 2048, out=True), "length": 2048}, {"BLOCK": 2048}, [R, 1, 1], 12 * R * 2048, tolerance=1e-3)
add(f"argmax {R}×{C}", "rows.py:argmax", {"x_ptr": Array("f32", R * C), "out_ptr": Array("i32", R, out=True), "columns": C}, {"BLOCK": 4096}, [R, 1, 1], 4 * R * C)
add("sort 16384×1024", "rows.py:sort_rows", {"x_ptr": Array("f32", 16384 * 1024), "y_ptr": Array("f32", 16384 * 1024, out=True), "columns": 1024}, {"BLOCK": 1024}, [16384, 1, 1], 8 * 16384 * 1024)
add("column sum 16384×8192", "rows.py:column_sum", {"x_ptr": Array("f32", 16384 * 8192), "y_ptr": Array("f32", 8192, out=True), "rows": 16384, "columns": 8192}, {"BM": 64, "BN": 32}, [256, 1, 1], 4 * 16384 * 8192, tolerance=1e-3)
add("SwiGLU f16 8192×11008", "pointwise.py:swiglu",
    {"gate_ptr": Array("f16", 8192 * 11008), "up_ptr": Array("f16", 8192 * 11008), "y_ptr": Array("f16", 8192 * 11008, out=True), "columns": 11008}, {"BLOCK": 16384}, [8192, 1, 1], 6 * 8192 * 11008, tolerance=4e-3)
add("rotary f16 16384 × 32 × 128", "pointwise.py:rotary",
    {"q_ptr": Array("f16", 16384 * 4096), "cos_ptr": Array("f32", 16384 * 64), "sin_ptr": Array("f32", 16384 * 64), "out_ptr": Array("f16", 16384 * 4096, out=True), "heads": 32}, {"HALF": 64, "HEADS": 32}, [16384, 1, 1], 4 * 16384 * 4096 + 8 * 16384 * 64, tolerance=4e-3)
add("bias + GELU 2^26", "pointwise.py:bias_gelu",
    {"x_ptr": Array("f32", 2**26), "bias_ptr": Array("f32", 4096), "y_ptr": Array("f32", 2**26, out=True), "n": 2**26, "columns": 4096}, {"BLOCK": 1024}, [2**16, 1, 1], 8 * 2**26)
add("AdamW 2^25", "pointwise.py:adamw",
    {"p_ptr": Array("f32", 2**25, out=True), "g_ptr": Array("f32", 2**25), "m_ptr": Array("f32", 2**25, out=True), "v_ptr": Array("f32", 2**25, "positive", out=True), "n": 2**25, "lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "decay": 0.01},
    {"BLOCK": 1024}, [2**15, 1, 1], 28 * 2**25, fresh=True)
add("dropout 2^26", "pointwise.py:dropout", {"x_ptr": Array("f32", 2**26), "y_ptr": Array("f32", 2**26, out=True), "n": 2**26, "p": 0.1, "seed": 123}, {"BLOCK": 1024}, [2**16, 1, 1], 8 * 2**26)
for dtype, block in (("f32", (32, 32)), ("f16", (64, 64))):
    add(f"transpose {dtype} 8192×8192, {block[0]}×{block[1]}", "pointwise.py:transpose",
        {"x_ptr": Array(dtype, 8192**2), "y_ptr": Array(dtype, 8192**2, out=True), "rows": 8192, "columns": 8192}, {"BM": block[0], "BN": block[1]}, [8192 // block[0], 8192 // block[1], 1], 2 * BYTES[dtype] * 8192**2)
add("embedding 65536 of 32000×2048", "pointwise.py:embedding",
    {"ids_ptr": Array("i32", 65536, "below", 32000), "table_ptr": Array("f32", 32000 * 2048), "y_ptr": Array("f32", 65536 * 2048, out=True), "columns": 2048}, {"BLOCK": 2048}, [65536, 1, 1], 4 * (65536 + 32000) * 2048)
add("scatter add 65536 into 32000×512", "pointwise.py:scatter_add",
    {"ids_ptr": Array("i32", 65536, "below", 32000), "g_ptr": Array("f32", 65536 * 512), "table_ptr": Array("f32", 32000 * 512, out=True), "columns": 512}, {"BLOCK": 512}, [65536, 1, 1], 4 * (65536 + 2 * 32000) * 512, tolerance=1e-3, fresh=True)
add("histogram 2^26 into 256", "pointwise.py:histogram",
    {"x_ptr": Array("i32", 2**26, "below", 256), "bins_ptr": Array("i32", 256, "zero", out=True), "n": 2**26}, {"BLOCK": 1024}, [2**16, 1, 1], 4 * 2**26, fresh=True)
add("conv1d 4096 × 16384, width 4", "pointwise.py:conv1d",
    {"x_ptr": Array("f32", 4096 * 16384), "w_ptr": Array("f32", 4096 * 4), "y_ptr": Array("f32", 4096 * 16384, out=True), "length": 16384}, {"WIDTH": 4, "BLOCK": 1024}, [4096, 16, 1], 8 * 4096 * 16384)


def attention(d, causal, block, shared=1, length=2048, heads=64):
    bm, bn = block
    add(f"attention f16 {heads}×{length}×{d}{' causal' if causal else ''}{f', {shared} heads a key' if shared > 1 else ''}, {bm}×{bn}", "attention.py:attention",
        {"q_ptr": Array("f16", heads * length * d), "k_ptr": Array("f16", heads // shared * length * d), "v_ptr": Array("f16", heads // shared * length * d), "o_ptr": Array("f16", heads * length * d, out=True),
         "lse_ptr": Array("f32", heads * length, out=True), "length": length, "scale": d**-0.5},
        {"HEADS": heads, "SHARED": shared, "D": d, "BM": bm, "BN": bn, "CAUSAL": int(causal)}, [length // bm, heads, 1], (2 if causal else 4) * heads * length**2 * d, "TFLOP/s", 4e-3)


attention(64, False, (128, 64))
attention(64, True, (128, 64))
attention(64, True, (64, 64))
attention(128, False, (64, 64))
attention(128, True, (128, 64), heads=32)
attention(64, True, (128, 32), shared=8)
add("paged decode f16 64×32, 4096 tokens of 128", "attention.py:decode_paged",
    {"q_ptr": Array("f16", 64 * 32 * 128), "k_ptr": Array("f16", 8192 * 16 * 4096), "v_ptr": Array("f16", 8192 * 16 * 4096), "pages_ptr": Array("i32", 64 * 256, "below", 8192), "o_ptr": Array("f16", 64 * 32 * 128, out=True), "length": 4096, "scale": 128**-0.5},
    {"PAGES": 256, "PAGE": 16, "D": 128}, [64, 32, 1], 2 * 64 * 32 * 4096 * 128 * 2, tolerance=4e-3)


def export(folder, only=""):
    folder = Path(folder)
    (folder / "kernels").mkdir(parents=True, exist_ok=True)
    nereid = os.environ.get("NEREID", str(ROOT / "build/bin/nereid"))
    rows = []
    for number, case in enumerate(CASES):
        if only not in case.name:
            continue
        row = dataclasses.asdict(case)
        row["args"] = [{"name": k, **dataclasses.asdict(v)} if isinstance(v, Array) else {"name": k, "value": v} for k, v in case.args.items()]
        row["id"] = f"k{number}"
        file, kernel = case.kernel.split(":")
        done = subprocess.run([nereid, "compile", f"{HERE}/kernels/{file}:{kernel}", "--target", "webgpu", "--signature", case.signature(), "-o", folder / "kernels" / row["id"]], capture_output=True, text=True)
        if done.returncode:
            row["refused"] = done.stderr.strip()
            print(f"{case.name}: {row['refused']}", file=sys.stderr)
        rows.append(row)
    (folder / "suite.json").write_text(json.dumps(rows))


if __name__ == "__main__":
    export(sys.argv[1], *sys.argv[2:])
