# SPDX-License-Identifier: MIT
"""Runs in Pyodide with the universal wheel: kernels compile and run there. Without NumPy, which the npm package of Pyodide lacks."""
import array
import math

import nereid
import nereid.language as tl


@nereid.jit
def softmax(out, x, n, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    v = tl.load(x + row * n + i, mask=i < n, other=-float("inf"))
    e = tl.exp(v - tl.max(v, 0))
    tl.store(out + row * n + i, e / tl.sum(e, 0), mask=i < n)


@nereid.jit
def matmul(a, b, c, n, BLOCK: tl.constexpr):
    rows = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    depth = tl.arange(0, BLOCK)
    sums = tl.zeros((BLOCK, BLOCK), tl.float32)
    for k in range(0, n, BLOCK):
        left = tl.load(a + rows[:, None] * n + (k + depth)[None, :])
        right = tl.load(b + (k + depth)[:, None] * n + columns[None, :])
        sums = tl.dot(left, right, sums)
    tl.store(c + rows[:, None] * n + columns[None, :], sums)


@nereid.constexpr_function
def doubled(n):
    return 2 * n


@nereid.jit
def wide(x, o, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.device_assert(tl.load(x) >= 0, "negative")
    tl.store(o + i, tl.exp(tl.load(x + i)) * doubled(N))


def test_softmax():
    rows, n = 3, 100
    x, out = array.array("f", [math.sin(k) for k in range(rows * n)]), array.array("f", bytes(4 * rows * n))
    softmax[(rows, )](out, x, n, BLOCK=128)
    for row in range(rows):
        e = [math.exp(v) for v in x[row * n:(row + 1) * n]]
        assert all(abs(v - w / sum(e)) < 1e-6 for v, w in zip(out[row * n:(row + 1) * n], e))


def test_matmul():
    n = 64
    a, b, c = (array.array("f", [math.cos(k * s) for k in range(n * n)]) for s in (1, 2, 3))
    matmul[(2, 2)](a, b, c, n, BLOCK=32)
    for row, column in ((0, 0), (5, 63), (63, 7)):
        assert abs(c[row * n + column] - sum(a[row * n + k] * b[k * n + column] for k in range(n))) < 1e-4


def test_f64_constexpr_functions_and_assertions():
    x, o = array.array("d", [0.5, 1, 2, 3]), array.array("d", bytes(32))
    wide[(1, )](x, o, N=4)
    assert all(abs(v - 8 * math.exp(w)) < 1e-12 for v, w in zip(o, x))
    x[0] = -1
    try:
        wide[(1, )](x, o, N=4, debug=True)
    except nereid.LaunchError as e:
        assert "assertion failed in program (0, 0, 0): negative" in str(e)
    else:
        raise AssertionError("no error")


def test_errors_and_stages():
    assert "@compute" in softmax.emit("wgsl", signature="*fp32,*fp32,i32", BLOCK=64)
    try:
        softmax[(1, )](array.array("f", [0]), array.array("f", [0]), 1, BLOCK=100)
    except nereid.CompileError as e:
        assert "kernels.py:14" in str(e) or "kernels.py" in str(e)
    else:
        raise AssertionError("no error")
    x, o = array.array("f", bytes(400)), array.array("f", bytes(400))
    assert "[bounds]" in str(nereid.check(softmax, o, x, 100, BLOCK=128, grid=(2, )))
    assert not nereid.check(softmax, o, x, 100, BLOCK=128, grid=(1, ))


def run():
    passed = failed = 0
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            try:
                test()
                passed += 1
            except Exception:
                import traceback
                traceback.print_exc()
                failed += 1
    print(nereid.info(measure=False))
    print(f"{passed} passed, {failed} failed")
    return failed
