# SPDX-License-Identifier: MIT
"""Python runs the bodies of constexpr functions: any statements, objects of any class, exceptions, caches."""
import dataclasses
import enum
import functools
import inspect
import os
import sys

import numpy as np
import pytest

import nereid
import nereid.language as tl

@dataclasses.dataclass
class Shape:
    rows: int
    dtype: object

    def of(self, parts):
        return self.rows // parts

    def __getitem__(self, i):
        return self.rows + i


@nereid.constexpr_function
def any_python(n):
    import contextlib
    from collections import Counter
    global last_call

    def squares():
        for i in range(n):
            yield i * i

    class Local:
        five = 5

    last_call = n
    with contextlib.suppress(KeyError):
        {}["missing"]
    match n:
        case 4:
            found = 100
        case _:
            found = 0
    return sum(squares()) + Local.five + Counter("aab")["a"] + found


@nereid.constexpr_function
def shape_of(rows, dtype=tl.float16):
    return Shape(rows, dtype)


@nereid.constexpr_function
def nested(n):
    return [n, (n + 1, "x"), {"k": n + 2}, None, tl.int8]


@nereid.jit
def plus_one(x):
    return x + 1


@nereid.jit
def plus_two(x):
    return x + 2


STEPS = {"one": plus_one, "two": plus_two}


@nereid.constexpr_function
def step_named(name):
    return STEPS[name]


@nereid.constexpr_function
def width(x):
    return x.dtype.primitive_bitwidth * x.numel + (1000 if x.type.is_block() else 0)


@nereid.constexpr_function
@functools.lru_cache
def decorated(n):
    return n + 7


def test_constexpr_functions_run_in_python():
    @nereid.jit
    def kernel(out, N: tl.constexpr):
        tl.store(out, any_python(N))

    out = np.zeros(1, np.int32)
    kernel[(1,)](out, N=4)
    assert out[0] == 0 + 1 + 4 + 9 + 5 + 2 + 100 and last_call == 4


@nereid.jit
def uses_objects(out, N: tl.constexpr):
    shape = shape_of(N, dtype=tl.float32)
    tl.store(out + 1, shape.rows)
    tl.store(out + 2, shape.of(2))
    tl.store(out + 3, shape[40])
    tl.store(out + 4, shape.dtype.primitive_bitwidth)
    parts = nested(N)
    tl.store(out + 5, parts[1][0] + parts[2]["k"])
    step: tl.constexpr = step_named("two")
    tl.store(out + 6, step(tl.load(out + 1)))
    tl.store(out + 7, width(tl.zeros((4, 2), parts[4])) + width(tl.load(out)))
    tl.store(out + 8, decorated(N))
    tl.store(out + 9, tl.zeros((shape_of(N).rows, ), tl.int32).shape[0])
    if shape_of(N) == shape_of(N):
        tl.store(out + 10, 1)
    if shape_of(N) == shape_of(2):
        tl.store(out + 10, 2)


def test_values_of_constexpr_functions():
    out = np.zeros(11, np.int32)
    uses_objects[(1,)](out, N=4)
    assert out.tolist() == [0, 4, 2, 44, 32, 5 + 6, 6, 8 * 8 + 1000 + 32, 11, 4, 1]


FACTOR = 3


@nereid.constexpr_function
def from_outside(name):
    return int(os.environ[name]) * FACTOR


@nereid.jit
def reads_outside(out):
    tl.store(out, from_outside("NEREID_TEST_NUMBER"))


def test_constexpr_functions_and_caches(tmp_path, monkeypatch):
    monkeypatch.setenv("NEREID_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(sys.modules[__name__], "FACTOR", 3)
    out = np.zeros(1, np.int32)
    files = lambda: len([f for f in tmp_path.rglob("*") if f.is_file()])
    for number, made in ("5", 2), ("6", 3), ("5", 3):  # the questions and a kernel, another kernel, the first again
        monkeypatch.setenv("NEREID_TEST_NUMBER", number)
        reads_outside.forget()
        reads_outside[(1,)](out)
        assert out[0] == int(number) * 3 and files() == made
    monkeypatch.setattr(sys.modules[__name__], "FACTOR", 4)  # bound again: recompiled within the process
    reads_outside[(1,)](out)
    assert out[0] == 20


@nereid.constexpr_function
def fails(n):
    return {1: 1, 2: 1 << 200, 3: object()}[n] + (1 // (n - 1) if n < 2 else 0)


@nereid.jit
def uses_failing(out, N: tl.constexpr):
    tl.store(out, fails(N))


@nereid.constexpr_function
def stops():
    raise KeyboardInterrupt


@nereid.jit
def uses_stopping(out):
    tl.store(out, stops())


def test_exceptions_of_constexpr_functions():
    out = np.zeros(1, np.int32)
    line = inspect.getsourcelines(fails.fn)[1]
    for n, text in (1, "ZeroDivisionError: integer division or modulo by zero"), (2, "OverflowError: .*127 bits"), (3, "TypeError: unsupported operand"), (4, "KeyError: 4"):
        with pytest.raises(nereid.CompileError, match=f"`fails` raised {text}") as e:
            uses_failing[(1,)](out, N=n)
        assert e.value.diagnostics[0]["line"] == line + 7 and type(e.value.__cause__).__name__ == text.split(":")[0]
        assert n == 2 or f"test_constexpr.py:{line + 2}" in str(e.value)
    with pytest.raises(KeyboardInterrupt):
        uses_stopping[(1,)](out)


@nereid.constexpr_function
def asks_the_language(bits, numbers=tl.int32):
    assert not tl.extra.target_info.is_cuda() and tl.extra.target_info.current_target() is None
    word = tl.core.get_int_dtype(bits, False)
    assert (word.name, word.int_bitwidth, word.int_signedness.name, word.get_int_max_value()) == (f"uint{bits}", bits, "UNSIGNED", 2**bits - 1)
    assert numbers.get_int_min_value() == -2**31 and numbers.is_int32() and not numbers.is_fp32() and numbers.kind() == tl.dtype.KIND.INTEGRAL
    assert tl.bfloat16.fp_mantissa_width == 7 and tl.float8e5.exponent_bias == 15 and tl.float16.scalar is tl.float16
    return word


@nereid.jit
def uses_the_language(x, o):
    tl.static_assert(asks_the_language(8) == tl.uint8)
    tl.store(o, tl.load(x).to(asks_the_language(16), bitcast=True))


def test_the_language_in_constexpr_functions():
    x, o = np.array([1.5], np.float16), np.zeros(1, np.int32)
    uses_the_language[(1,)](x, o)
    assert o[0] == x.view(np.uint16)[0]


class Mode(enum.Enum):
    FAST = 1
    EXACT = 2


@nereid.constexpr_function
def is_exact(mode):
    return mode is Mode.EXACT


@nereid.jit
def takes_objects(out, shape: tl.constexpr, mode: tl.constexpr):
    tl.store(out, shape.rows + shape.of(2))
    if is_exact(mode):
        tl.store(out + 1, mode.value)
    else:
        tl.store(out + 1, -mode.value)


def test_objects_as_constants():
    out = np.zeros(2, np.int32)
    for shape, mode, wanted in (Shape(8, None), Mode.EXACT, [12, 2]), (Shape(8, None), Mode.FAST, [12, -1]), (Shape(16, None), Mode.FAST, [24, -1]):
        takes_objects[(1,)](out, shape, mode)
        assert out.tolist() == wanted
    takes_objects[(1,)](out, shape=Shape(16, None), mode=Mode.FAST)
    assert takes_objects.compiled == 3
    with pytest.raises(TypeError, match="`mode` is a constexpr, but got an array"):
        takes_objects[(1,)](out, Shape(8, None), np.zeros(3))
