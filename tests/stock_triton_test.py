# SPDX-License-Identifier: MIT
"""Stock Triton parses the TTIR that we print, and we parse the TTIR that it prints. Skipped if it is not installed."""

import os
import subprocess
import sys
import tempfile

try:
    import triton
    import triton.language as tl
    from triton._C.libtriton import ir
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource
except ImportError:
    print("skipped: stock Triton is not installed (scripts/setup.sh --tests)")
    sys.exit(0)

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NEREID = os.path.join(ROOT, "build", "bin", "nereid")


@triton.jit
def combine(a, b):
    return a * b


@triton.jit
def choose(a, b):
    if a > b:
        return a
    return b * 2


@triton.jit
def memory(x, y, o, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    m = i < n
    tl.store(o + i, tl.load(x + i, mask=m) + tl.load(y + i, mask=m, other=1.0), mask=m)


@triton.jit
def matmul(a, b, c, N, K, B: tl.constexpr):
    r = tl.arange(0, B)
    acc = tl.zeros((B, B), tl.float32)
    for k in range(0, K, B):
        x = tl.load(a + r[:, None] * K + (k + r)[None, :])
        y = tl.load(b + (k + r)[:, None] * N + r[None, :])
        acc = tl.dot(x, y, acc, input_precision="ieee")
    tl.store(c + r[:, None] * N + r[None, :], acc)


@triton.jit
def order(x, o, q, n, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i)
    j = tl.load(q + i)
    w = 0
    while w < n:
        w += 2
    if n == 7:
        tl.store(o, w.to(tl.float32))
        return
    tl.device_print("w", w)
    tl.debug_barrier()
    t = tl.atomic_add(q + i, j, mask=i < n) + tl.atomic_cas(q, 0, 1)
    a, b = tl.split(tl.reshape(v, (B // 2, 2)))
    s = tl.sort(v) + tl.argmax(v, 0) + tl.cumsum(v, 0, reverse=True) + tl.gather(v, j, 0) + tl.reshape(tl.join(a, b), (B,))
    s += tl.reduce(v, 0, combine) + tl.map_elementwise(choose, v, v + 1) + v.to(tl.float8e5).to(tl.float32) + tl.rand(n, i)
    tl.store(o + i, s + tl.clamp(v, 0.0, 1.0) + tl.umulhi(j, t).to(tl.float32))
    tl.store(q + tl.arange(0, 16), tl.histogram(j, 16))


@triton.jit
def blocks(a, b, M, N, B: tl.constexpr):
    p = tl.make_block_ptr(a, (M, N), (N, 1), (0, 0), (B, B), (1, 0))
    q = tl.make_tensor_descriptor(b, (M, N), (N, 1), (B, B))
    for k in range(0, N, B):
        q.store([0, k], tl.trans(tl.load(p, boundary_check=(0, 1), padding_option="zero")))
        p = tl.advance(p, (0, B))


F, I = "*fp32", "i32"
KERNELS = [
    (memory, dict(x=F, y=F, o=F, n=I), dict(B=256)),
    (matmul, dict(a="*fp16", b="*fp16", c=F, N=I, K=I), dict(B=32)),
    (order, dict(x=F, o=F, q="*i32", n=I), dict(B=64)),
    (blocks, dict(a=F, b=F, M=I, N=I), dict(B=32)),
]

passed = failed = 0


def check(name, ok, why=""):
    global passed, failed
    passed += ok
    failed += not ok
    if not ok:
        print("FAILED", name, why)


def ours(path):
    done = subprocess.run([NEREID, "emit", path, "--stage", "ttir"], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None, done.stderr


context = ir.context()
ir.load_dialects(context)
with tempfile.TemporaryDirectory() as folder:

    def judge(name, text):
        path = os.path.join(folder, "judged.ttir")
        with open(path, "w") as f:
            f.write(text)
        try:
            check(name, ir.parse_mlir_module(path, context).verify(), "does not verify")
        except RuntimeError as e:
            check(name, False, str(e))

    for kernel, signature, constants in KERNELS:
        source = ASTSource(fn=kernel, signature={**signature, **{c: "constexpr" for c in constants}}, constexprs=constants)
        stages = triton.compile(source, target=GPUTarget("cuda", 90, 32)).asm
        for stage in ("source", "ttir"):
            name = f"{kernel.fn.__name__} {stage}"
            path = os.path.join(folder, "stock.ttir")
            with open(path, "w") as f:
                f.write(stages[stage])
            text, error = ours(path)
            check("reads " + name, text is not None, error)
            if text is not None:
                judge("prints " + name, text)
    for name in sorted(os.listdir(os.path.join(ROOT, "tests", "ir"))):
        if name.endswith(".ttir") and name != "lower.ttir":
            text, error = ours(os.path.join(ROOT, "tests", "ir", name))
            check("reads " + name, text is not None, error)
            if text is not None:
                judge("prints " + name, text)

print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
