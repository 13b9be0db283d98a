# SPDX-License-Identifier: MIT
"""Inspection: stages, explanations, checks, files."""
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import nereid
import nereid.language as tl

F32 = np.float32


@nereid.jit
def softmax(x, o, n, stride, BLOCK: tl.constexpr):
    row, i = tl.program_id(0), tl.arange(0, BLOCK)
    v = tl.load(x + row * stride + i, mask=i < n, other=-float("inf"))
    e = tl.exp(v - tl.max(v, axis=0))
    tl.store(o + row * stride + i, e / tl.sum(e, axis=0), mask=i < n)


def line_of(kernel, text):
    import inspect
    lines, first = inspect.getsourcelines(kernel.fn)
    return first + next(i for i, line in enumerate(lines) if text in line)


def arrays():
    return np.random.default_rng(0).random((5, 100), dtype=F32), np.zeros((5, 100), F32)


# The universal wheel has no LLVM.
NATIVE = nereid._core.NATIVE
NATIVE_STAGES = [("llvm", "define"), ("asm", "softmax:")] if NATIVE else []


def test_stages():
    x, o = arrays()
    softmax[(5, )](x, o, 100, 100, BLOCK=128)
    assert np.allclose(o, np.exp(x) / np.exp(x).sum(1, keepdims=True))
    for stage, text in (("ttir", "tt.load"), ("passes", "tt.load"), ("lower", "lo.load"), *NATIVE_STAGES, ("wat", "(module"), ("wgsl", "@compute"), ("ast", "softmax"), ("tokens", "softmax")):
        assert text in softmax.emit(stage), stage
    assert "128xf32" in softmax.emit("ttir") and "64xf32" in softmax.emit("ttir", BLOCK=64)
    assert "tt.divisibility = 16" not in softmax.emit("ttir", signature="*fp32,*fp16,i32,i32", BLOCK=32)
    assert "f16" in softmax.emit("ttir", signature={"x": "*fp32", "o": "*fp16", "n": "i32", "stride": "i32"}, BLOCK=32)
    assert "f64" in softmax.emit("ttir", x.astype(float), o, 100, 100, BLOCK=32)
    if not NATIVE:
        with pytest.raises(nereid.CompileError, match="this wheel has no stage `asm`.*the stage `wat`"):
            softmax.emit("asm")
    with pytest.raises(nereid.CompileError, match="no stage `nothing`"):
        softmax.emit("nothing")


def test_explain():
    x, o = arrays()
    text = nereid.explain(softmax, x, o, 100, 100, BLOCK=128)
    assert "contiguous" in text and "ends a loop instead of masking it" in text and (not NATIVE or "scratch" in text)
    assert f"line {line_of(softmax, 'tl.store')}" in text
    assert text._repr_html_().startswith("<pre>")
    softmax[(5, )](x, o, 100, 100, BLOCK=128)
    assert ("assembly" if NATIVE else "WebAssembly") in softmax._repr_html_()


def test_dump(tmp_path, monkeypatch):
    monkeypatch.setenv("NEREID_DUMP", str(tmp_path))
    x, o = arrays()
    softmax[(5, )](x, o, 100, 100, BLOCK=256)
    folder, = tmp_path.iterdir()
    names = {f.name for f in folder.iterdir()}
    assert {"softmax.ttir", "softmax.schedule", "softmax.asm", "softmax.wgsl", "nereid_0.py"} <= names


def test_check_finds_what_is_out_of_bounds():
    @nereid.jit
    def kernel(x, o, N: tl.constexpr):
        i = tl.program_id(0) * N + tl.arange(0, N)
        v = tl.load(x + i)
        tl.store(o + i, v)

    x = np.zeros(6, F32)
    assert not nereid.check(kernel, x[:4], np.zeros(4, F32), N=4, grid=(1, ))
    found = nereid.check(kernel, x, np.zeros(8, F32), N=4, grid=lambda meta: (2, ))
    assert len(found) == 1
    assert f"test_inspection.py:{line_of(kernel, 'tl.load')}:" in str(found) and "program (1, 0, 0) loads `x[6]`, but the shape of `x` is (6,)" in str(found)
    assert "tl.load(x + i)" in str(found)


def test_check_names_elements_and_shapes():
    @nereid.jit
    def kernel(x, o, n, stride: tl.constexpr, N: tl.constexpr):
        i = tl.arange(0, N)
        tl.store(o + i, tl.load(x + tl.program_id(0) * stride + i, mask=i < n))

    x, o = np.zeros((50, 40), F32), np.zeros(64, F32)
    assert "loads `x[50, 0]`, but the shape of `x` is (50, 40)" in str(nereid.check(kernel, x[:50], o, 40, 40, N=64, grid=(51, ), races=False))
    assert "loads `x[-1, 0]`" in str(nereid.check(kernel, x, o, 40, -40, N=64, grid=(2, ), races=False))
    assert "stores `o[32]`" in str(nereid.check(kernel, x, o[:32], 40, 40, N=64, grid=(1, )))
    assert not nereid.check(kernel, x, o, 40, 40, N=64, grid=(50, ), races=False)


def test_check_reports_what_is_left_unwritten():
    @nereid.jit
    def kernel(x, o, n, N: tl.constexpr):
        i = tl.program_id(0) * N + tl.arange(0, N)
        tl.store(o + i, tl.load(x + i, mask=i < n), mask=i < n)

    x, o = np.ones(32, F32), np.zeros((4, 8), F32)
    found = nereid.check(kernel, x, o, 20, N=8, grid=(3, ))
    assert not found and found.unwritten == ["`o` of shape (4, 8): 12 of 32 elements are left unwritten, the first is o[2, 4]"]
    assert "left unwritten" in str(found)
    found = nereid.check(kernel, x, o, 0, N=8, grid=(3, ))
    assert "32 of 32" in str(found)
    assert not nereid.check(kernel, x, o, 32, N=8, grid=(4, )).unwritten
    assert not nereid.check(kernel, o, o, 32, N=8, grid=(4, )).unwritten


def test_check_of_views():
    @nereid.jit
    def kernel(o, stride, N: tl.constexpr):
        tl.store(o + tl.program_id(0) * stride + tl.arange(0, N), 1.0)

    wide = np.zeros((4, 16), F32)
    assert not nereid.check(kernel, wide[:, :8], 16, N=8, grid=(4, )).unwritten
    assert "16 of 32 elements are left unwritten, the first is o[0, 4]" in str(nereid.check(kernel, wide[:, :8], 16, N=4, grid=(4, )))
    assert "stores `o[4, 0]`, but the shape of `o` is (4, 8)" in str(nereid.check(kernel, wide[:, :8], 16, N=8, grid=(5, )))
    assert not nereid.check(kernel, wide[::-1], -16, N=16, grid=(4, ))


def test_launches_check_themselves(monkeypatch):
    @nereid.autotune([nereid.Config({"N": 8})], key=[])
    @nereid.jit
    def kernel(x, o, N: tl.constexpr):
        i = tl.program_id(0) * N + tl.arange(0, N)
        tl.store(o + i, tl.load(x + i) + 1)

    x, o = np.arange(16, dtype=F32), np.zeros(16, F32)
    monkeypatch.setattr(nereid.knobs.runtime, "check", True)
    kernel[2](x, o)
    assert np.array_equal(o, x + 1)
    with pytest.warns(UserWarning, match=r"kernel: `o` of shape \(16,\): 8 of 16 elements are left unwritten, the first is o\[8\]"):
        kernel[1](x, o)
    with pytest.raises(nereid.LaunchError, match=r"program \(2, 0, 0\) loads `x\[16\]`"):
        kernel[lambda meta: (3, )](x, o)
    monkeypatch.setattr(nereid.knobs.runtime, "check", False)
    kernel[1](x, o)
    code = "import nereid; assert nereid.knobs.runtime.check"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "NEREID_CHECK": "1"})


def test_check_refuses_read_only_outputs():
    x, o = arrays()
    o.flags.writeable = False
    with pytest.raises(ValueError, match="`o` is read-only"):
        nereid.check(softmax, x, o, 100, 100, BLOCK=128, grid=(5, ))


def test_tuned_kernels_are_looked_at(tmp_path):
    before = []

    @nereid.heuristics({"EVEN": lambda args: args["n"] % 8 == 0})
    @nereid.autotune([nereid.Config({"N": 8}, pre_hook=lambda args: before.append(args["N"])), nereid.Config({"N": 16})], key=["n"])
    @nereid.heuristics({"TWICE": lambda args: 2 * args["N"]})
    @nereid.jit
    def kernel(x, bias, o, n, EVEN: tl.constexpr, TWICE: tl.constexpr, N: tl.constexpr):
        i = tl.program_id(0) * N + tl.arange(0, N)
        v = tl.load(x + i) if EVEN else tl.load(x + i, mask=i < n)
        if bias is not None:
            v += tl.load(bias)
        tl.store(o + i, v * TWICE, mask=i < n)

    x, o = np.ones(16, F32), np.zeros(16, F32)
    grid = lambda meta: (nereid.cdiv(meta["n"], meta["N"]), )
    assert not nereid.check(kernel, x, None, o, 16, grid=grid) and before == [8] and o[15] == 16
    assert "nest" in nereid.explain(kernel, x, None, o, 16)
    assert "tensor<8xf32>" in kernel.emit("ttir", x, None, o, 16) and "tensor<16xf32>" in kernel.emit("ttir", x, None, o, 16, N=16)
    assert [a["target"] for a in nereid.compile(kernel, args=(x, None, o, 16), target="wasm", out=str(tmp_path))["artefacts"]] == ["wasm"]
    with pytest.raises(TypeError, match="the heuristics of `EVEN` need the arguments of a launch: pass them, or pass EVEN=..."):
        nereid.explain(kernel, signature="*fp32,*fp32,*fp32,i32")
    assert "nest" in nereid.explain(kernel, signature="*fp32,*fp32,*fp32,i32", EVEN=False)
    kernel[grid](x, None, o, 16)
    assert f"tensor<{kernel.fn.best_config.kwargs['N']}xf32>" in kernel.emit("ttir", x, None, o, 16)
    assert nereid.benchmark(kernel, x, None, o, 16, grid=grid, runs=3).median_us > 0


def test_check_finds_races():
    @nereid.jit
    def kernel(o, ATOMIC: tl.constexpr):
        if ATOMIC:
            tl.atomic_add(o, 1.0)
        else:
            tl.store(o, tl.load(o) + 1.0)

    o = np.zeros(1, F32)
    assert not nereid.check(kernel, o, True, grid=(4, ))
    assert o[0] == 4
    found = nereid.check(kernel, o, False, grid=(4, ))
    assert "[race]" in str(found) and f"test_inspection.py:{line_of(kernel, 'tl.store')}:" in str(found)
    assert not nereid.check(kernel, o, False, grid=(4, ), races=False)
    assert not nereid.check(kernel, o, False, grid=(1, ))


def test_check_prints(capsys):
    @nereid.jit
    def kernel(o):
        tl.device_print("value", tl.load(o))

    nereid.check(kernel, np.full(1, 2.5, F32), grid=(1, ))
    assert "pid (0, 0, 0) idx () value: 2.500000\n" in capsys.readouterr().out


def test_benchmark():
    x, o = arrays()
    m = nereid.benchmark(softmax, x, o, 100, 100, BLOCK=128, grid=(5, ), flops=5 * 100 * 4, runs=20)
    assert len(m.times) == 20 and m.p10_us <= m.median_us <= m.p90_us
    assert m.bytes == x.nbytes + o.nbytes and m.gb_per_s > 0 and m.gflop_per_s > 0
    assert "GB/s" in repr(m) and "softmax" in repr(m)
    assert nereid.benchmark(softmax, x, o, 100, 100, BLOCK=128, grid=(5, ), runs=5, bytes=10).bytes == 10


def test_compile(tmp_path):
    out = str(tmp_path)
    targets = ["cpu", "wasm", "webgpu"] if NATIVE else ["wasm", "webgpu"]
    made = nereid.compile(softmax, "*fp32:16,*fp32:16,i32,i32", target=",".join(targets), out=out, constants={"BLOCK": 128})
    assert [a["target"] for a in made["artefacts"]] == targets
    if not NATIVE:
        with pytest.raises(RuntimeError, match="need LLVM, which the native wheel has"):
            nereid.compile(softmax, "*fp32:16,*fp32:16,i32,i32", target="cpu", out=out, constants={"BLOCK": 128})
    for artefact in json.loads((tmp_path / "manifest.json").read_text())["artefacts"]:
        for name in artefact["files"]:
            assert (tmp_path / name).stat().st_size > 0
    # The command line writes the same.
    tool = os.path.join(os.path.dirname(__file__), "../../build/bin/nereid")
    if os.path.exists(tool):
        (tmp_path / "k.py").write_text("import nereid\nimport nereid.language as tl\n\n\n@nereid.jit\n" + softmax.src)
        subprocess.run([tool, "compile", str(tmp_path / "k.py") + ":softmax", "--signature", "*fp32:16,*fp32:16,i32,i32,128", "--target", ",".join(targets), "-o", str(tmp_path / "tool")], check=True)
        for name in ["kernels.d.ts"] + [n for a in made["artefacts"] for n in a["files"] if not n.endswith(".o")]:
            assert (tmp_path / "tool" / name).read_bytes() == (tmp_path / name).read_bytes(), name
    # Another kernel joins, the same replaces.
    @nereid.jit
    def other(o):
        tl.store(o, 1.0)

    for _ in range(2):
        assert len(nereid.compile(other, args=(np.zeros(1, F32), ), target="wasm", out=out)["artefacts"]) == len(targets) + 1
    with pytest.raises(ValueError, match="target `gpu` is unknown"):
        nereid.compile(other, "*fp32", target="gpu", out=out)
