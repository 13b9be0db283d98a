# SPDX-License-Identifier: MIT
"""nereid.debug, nereid.trace, nereid.who_wrote: kernels that run as Python give the same results as launches, and can be looked into."""
import subprocess
import sys

import numpy as np
import pytest

import nereid
import nereid.language as tl
from nereid.tools.tensor_descriptor import TensorDescriptor

F32 = np.float32
SCALE = tl.constexpr(0.5)


def line_of(kernel, text):
    lines, first = nereid._source.source_lines(kernel.fn)
    return first + next(k for k, line in enumerate(lines) if text in line)


@nereid.jit
def plus(a, b):
    total = a + b
    return total


@nereid.jit
def softmax(out, x, n, stride, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    v = tl.load(x + row * stride + i, mask=i < n, other=-float("inf"))
    e = tl.exp(v - tl.max(v, 0))
    tl.store(out + row * stride + i, e / tl.reduce(e, 0, plus), mask=i < n)


@nereid.jit
def matmul(a, b, c, m, n, k, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    columns = tl.program_id(1) * BN + tl.arange(0, BN)
    depth = tl.arange(0, BK)
    sums = tl.zeros((BM, BN), tl.float32)
    for at in range(0, nereid.cdiv(k, BK)):
        inside = at * BK + depth
        left = tl.load(a + rows[:, None] * k + inside[None, :], mask=(rows < m)[:, None] & (inside < k)[None, :], other=0)
        right = tl.load(b + inside[:, None] * n + columns[None, :], mask=(inside < k)[:, None] & (columns < n)[None, :], other=0)
        sums += tl.dot(left, right)
    sums = (sums * SCALE).to(c.dtype.element_ty)
    tl.store(c + rows[:, None] * n + columns[None, :], sums, mask=(rows < m)[:, None] & (columns < n)[None, :])


@nereid.jit
def everything(x, counts, o, flags, n, factor, pair, UP: tl.constexpr, N: tl.constexpr):
    i = tl.arange(0, N)
    v = tl.load(x + i)
    if UP and n > 2:
        v = v * factor
    elif pair is not None:
        v = -v
    low, at = tl.min(v, 0, return_indices=True)
    tl.atomic_add(counts + i // 4, 1)
    tl.atomic_max(o + N, tl.max(v, axis=0))
    first, second = tl.split(tl.reshape(v, (N // 2, 2)))
    k = 0
    while k < n:
        first += second * k
        k += 1
    w = tl.where(tl.flip(v) > 0.25, tl.cumsum(v, 0), tl.sort(v))
    w += tl.sum(first) + at + pair[0] * tl.load(pair[1])
    tl.store(flags + i, (w > 0) & ((i % 3) == 1))
    tl.store(o + i, w.to(tl.bfloat16).to(tl.float32))


def both(kernel, grid, arrays, *rest, **constants):
    """The arrays after a launch, and after one that is debugged."""
    out = []
    for launched in (kernel, nereid.debug(kernel)):
        copies = {id(a): a.copy() for a in arrays}
        change = lambda v: copies.get(id(v), v) if not isinstance(v, tuple) else tuple(map(change, v))
        launched[grid](*map(change, rest), **constants)
        out.append([copies[id(a)] for a in arrays])
    return out


def test_results_are_those_of_a_launch():
    rng = np.random.default_rng(0)
    x, o = rng.random((3, 100), F32), np.zeros((3, 100), F32)
    for a, b in zip(*both(softmax, (3, ), [x, o], o, x, 100, 100, BLOCK=128)):
        assert np.allclose(a, b, rtol=1e-6)
    a, b, c = rng.random((20, 30), F32), rng.random((30, 25), F32), np.zeros((20, 25), np.float16)
    one, two = both(matmul, lambda meta: (nereid.cdiv(20, meta["BM"]), nereid.cdiv(25, meta["BN"])), [c], a, b, c, 20, 25, 30, BM=16, BN=16, BK=16)
    assert np.allclose(one[0], two[0], rtol=1e-3) and np.allclose(one[0], a @ b / 2, rtol=1e-2)
    x, counts, o, flags, y = rng.random(16, F32), np.zeros(4, np.int32), np.zeros(17, F32), np.zeros(16, bool), np.full(1, 3.0, F32)
    for up in (True, False):
        one, two = both(everything, 1, [counts, o, flags], x, counts, o, flags, 3, 1.5, (2, y), UP=up, N=16)
        assert (one[0] == 4).all() and all(np.allclose(a, b, rtol=1e-2) for a, b in zip(one, two)) and one[1][:16].any()


def test_descriptors():
    @nereid.jit
    def copied(x, o, x_ptr, N: tl.constexpr):
        at = tl.program_id(0) * 4
        block = x.load([at, -2])
        again = tl.make_tensor_descriptor(x_ptr, shape=[6, 8], strides=[8, 1], block_shape=[4, N])
        o.store([at, 0], block + again.load([at, 0]))

    x, o = np.arange(48, dtype=F32).reshape(6, 8), np.zeros((6, 8), F32)
    results = []
    for launched in (copied, nereid.debug(copied)):
        out = o.copy()
        launched[(2, )](TensorDescriptor(x, [6, 8], [8, 1], [4, 8]), TensorDescriptor(out, [6, 8], [8, 1], [4, 8]), x, N=8)
        results.append(out)
    assert np.array_equal(*results) and results[0][5, 7] == x[5, 7] + x[5, 5]


def test_trace():
    x, o = np.arange(8, dtype=F32).reshape(2, 4), np.zeros((2, 4), F32)
    steps = nereid.trace(softmax, o, x, 4, 4, BLOCK=4, grid=(2, ), program=(1, 0, 0))
    assert steps["row"] == 1 and np.array_equal(steps["v"], x[1]) and isinstance(steps["v"], np.ndarray) and type(steps["v"]) is np.ndarray
    assert [(s.line, s.source) for s in steps if s.name == "e"] == [(line_of(softmax, "e = "), "e = tl.exp(v - tl.max(v, 0))")]
    assert steps.values("n") == [(line_of(softmax, "def softmax"), 4)] or steps["n"] == 4
    assert "test_debugger.py" in repr(steps) and "v = [4." in repr(steps)
    assert {s.function for s in steps} >= {"softmax"}
    with pytest.raises(KeyError, match="no variable `nothing` got a value; there are BLOCK, e"):
        steps["nothing"]
    with pytest.raises(ValueError, match="not in the grid"):
        nereid.trace(softmax, o, x, 4, 4, BLOCK=4, grid=(2, ), program=(2, 0, 0))
    # Each time a loop assigns a name is a step.
    a, b, c = np.ones((16, 48), F32), np.ones((48, 16), F32), np.zeros((16, 16), F32)
    steps = nereid.trace(matmul, a, b, c, 16, 16, 48, BM=16, BN=16, BK=16, grid=(1, 1))
    assert [int(v) for _, v in steps.values("at")] == [0, 1, 2] and [v[0, 0] for _, v in steps.values("sums")] == [0, 16, 32, 48, 24]


def test_who_wrote():
    @nereid.jit
    def shifted(o, N: tl.constexpr):
        at = tl.program_id(0)
        tl.store(o + at + tl.arange(0, N), at + 1.0)
        tl.atomic_add(o + 7, 1.0)

    o = np.zeros(8, F32)
    nereid.debug(shifted)[(4, )](o, N=4)
    writes = nereid.who_wrote(o, 3)
    assert [(w.program, w.value) for w in writes] == [((k, 0, 0), k + 1.0) for k in range(4)] and o[3] == 4
    assert writes[-1].line == line_of(shifted, "tl.store") and writes[-1].source == "tl.store(o + at + tl.arange(0, N), at + 1.0)"
    assert [w.operation for w in nereid.who_wrote(o, 7)] == ["atomic_add"] * 4 and o[7] == 4
    assert "program (3, 0, 0) wrote 4.0 at test_debugger.py:" in repr(writes[-1])
    with pytest.raises(IndexError):
        nereid.who_wrote(o, 8)
    with pytest.raises(ValueError, match="no launch by nereid.debug"):
        nereid.who_wrote(np.zeros(3), 0)


def test_watch_points():
    x, o, seen = np.ones((3, 8), F32), np.zeros((3, 8), F32), []
    nereid.debug(softmax, watch=[(o, (1, 2))], on_watch=seen.append)[(3, )](o, x, 8, 8, BLOCK=8)
    watched, = seen
    assert (watched.name, watched.index, watched.before, watched.after) == ("out", (1, 2), 0, 0.125) and watched.write.program == (1, 0, 0)
    assert np.allclose(watched.frame.f_locals["v"], 1) and watched.write.line == line_of(softmax, "tl.store")
    with pytest.raises(ValueError, match="must be an argument"):
        nereid.debug(softmax, watch=[(np.zeros(3), 0)])[(1, )](o, x, 8, 8, BLOCK=8)


def test_errors_name_program_and_element():
    @nereid.jit
    def outside(x, o, N: tl.constexpr):
        i = tl.arange(0, N)
        tl.device_assert(tl.load(o) == 0, "used")
        tl.store(o + i, tl.load(x + i))

    x, o = np.ones(6, F32), np.zeros(8, F32)
    with pytest.raises(nereid.LaunchError, match=rf"test_debugger.py:{line_of(outside, 'tl.store')}: program \(0, 0, 0\) loads outside of all arrays in lane \(6,\), element 6 of `x`"):
        nereid.debug(outside)[(1, )](x, o, N=8)
    o[0] = 1
    with pytest.raises(nereid.LaunchError, match=r"assertion failed in program \(0, 0, 0\): used"):
        nereid.debug(outside)[(1, )](x, o, N=8)
    with pytest.raises(RuntimeError, match="is for kernels"):  # afterwards the language is names again
        tl.arange(0, 4)


SCRIPT = '''
import numpy as np
import nereid
import nereid.language as tl


@nereid.jit
def kernel(x, o, N: tl.constexpr):
    i = tl.arange(0, N)
    v = tl.load(x + i) * 2
    breakpoint()
    w = v + tl.program_id(0)
    tl.store(o + i, w)


x, o = np.arange(4, dtype=np.float32), np.zeros(4, np.float32)
nereid.debug(kernel, program=(1, 0, 0))[(3, )](x, o, N=4)
print("result", o)
'''


def test_the_debugger_steps_through_a_kernel(tmp_path):
    (tmp_path / "k.py").write_text(SCRIPT)
    # Since Python 3.13 the debugger stops at `breakpoint()` itself.
    steps = "next\n" * (2 if sys.version_info >= (3, 13) else 1)
    commands = f"p v\n{steps}p w, w.shape\np int(tl.program_id(0))\nwhere\ncontinue\n"
    done = subprocess.run([sys.executable, "k.py"], input=commands, capture_output=True, encoding="utf-8", errors="replace", cwd=tmp_path)
    assert "array([0., 2., 4., 6.], dtype=float32)" in done.stdout and "array([1., 3., 5., 7.], dtype=float32), (4,)" in done.stdout, done.stdout + done.stderr
    assert "-> w = v + tl.program_id(0)" in done.stdout and "-> tl.store(o + i, w)" in done.stdout and "k.py(12)kernel()" in done.stdout
    assert "result [2. 4. 6. 8.]" in done.stdout, done.stderr


def test_a_launch_ignores_breakpoints():
    @nereid.jit
    def stops(o):
        breakpoint()
        tl.store(o, 1.0)

    o = np.zeros(1, F32)
    stops[(1, )](o)
    assert o[0] == 1


def test_what_is_wrong_is_said_at_its_line():
    @nereid.jit
    def wrong(o, N: tl.constexpr):
        i = tl.arange(0, N)
        j = tl.arange(0, 2 * N)
        tl.store(o + i, i + j)

    with pytest.raises(nereid.CompileError) as e:
        nereid.debug(wrong)[(1, )](np.zeros(8, np.int32), N=4)
    lines = [t.lineno for t in e.traceback] if hasattr(e, "traceback") else []
    assert line_of(wrong, "tl.store") - 1 in lines and "4" in str(e.value) and "8" in str(e.value)
