# SPDX-License-Identifier: MIT
"""Kernels of nereid.jit: arguments, specialisation, launches, errors."""
import functools
import gc
import linecache
import os
import pickle
import subprocess
import sys
import threading
import warnings
import weakref
from collections import namedtuple

import ml_dtypes
import numpy as np
import pytest

import kernel_helpers
import nereid
import nereid.language as tl
from nereid import _core
from nereid.tools.tensor_descriptor import TensorDescriptor

F32 = np.float32


@nereid.jit
def axpy(x, y, n, a, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    tl.store(y + i, a * tl.load(x + i, mask=inside) + tl.load(y + i, mask=inside), mask=inside)


@nereid.jit
def copy(x, o, N: tl.constexpr):
    i = tl.arange(0, N)
    tl.store(o + i, tl.load(x + i))


@nereid.jit
def scalars(o, a, b, c):
    tl.store(o, a)
    tl.store(o + 1, b)
    tl.store(o + 2, c)


def run_axpy(n=1000, **options):
    x, y = np.arange(n, dtype=F32), np.ones(n, F32)
    axpy[nereid.cdiv(n, 256)](x, y, n, 2.0, BLOCK=256, **options)
    assert np.array_equal(y, 2 * x + 1)


# ---- grids and arguments


@pytest.mark.parametrize("grid", [4, (4, ), [4], (4, 1), (2, 2, 1), lambda meta: (nereid.cdiv(meta["n"], meta["BLOCK"]), ), np.int64(4)])
def test_grids(grid):
    @nereid.jit
    def count(o, n, BLOCK: tl.constexpr):
        tl.atomic_add(o, 1)

    o = np.zeros(1, np.int32)
    count[grid](o, 1024, BLOCK=256)
    assert o[0] == 4


@pytest.mark.parametrize("grid, error", [((), ValueError), ((1, 1, 1, 1), ValueError), ((-1, ), ValueError), ((1.5, ), TypeError), ("4", TypeError)])
def test_bad_grids(grid, error):
    with pytest.raises(error):
        copy[grid](np.zeros(4, F32), np.zeros(4, F32), N=4)


def test_empty_grid_does_nothing():
    o = np.zeros(4, F32)
    copy[(0, )](np.ones(4, F32), o, N=4)
    assert not o.any()


def test_options_of_gpus_are_taken():
    run_axpy(num_warps=8, num_stages=3)


@pytest.mark.parametrize("warps", [3, 0, -2, 2**70 + 1])
def test_numbers_of_warps_are_powers_of_two(warps):
    with pytest.raises(ValueError, match=f"num_warps must be a power of 2 .got {warps}"):
        run_axpy(num_warps=warps)
    kernel = nereid.autotune([nereid.Config({"N": 4}, num_warps=warps)], key=[])(copy)
    with pytest.raises(ValueError, match="num_warps must be a power of 2"):
        kernel[(1, )](np.ones(4, F32), np.zeros(4, F32))


def test_positions_names_and_defaults():
    @nereid.jit
    def scaled(x, o, by=3.0, N: tl.constexpr = 4):
        i = tl.arange(0, N)
        tl.store(o + i, tl.load(x + i) * by)

    x, o = np.ones(8, F32), np.zeros(8, F32)
    scaled[1](x, o)
    assert list(o) == [3] * 4 + [0] * 4
    scaled[1](o=o, N=8, x=x, by=2.0)
    assert list(o) == [2] * 8
    with pytest.raises(TypeError, match="`o` is missing"):
        scaled[1](x)
    with pytest.raises(TypeError, match="`x` twice"):
        scaled[1](x, o, x=x)
    with pytest.raises(TypeError, match="no parameter `M`"):
        scaled[1](x, o, M=4)
    with pytest.raises(TypeError, match="takes 4 arguments"):
        scaled[1](x, o, 1.0, 4, 5)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64", "bool", "bfloat16", "float8_e5m2", "float8_e4m3fn"])
def test_dtypes(dtype):
    dtype = np.dtype(getattr(ml_dtypes, dtype, None) or dtype)
    x = np.arange(16).astype(dtype)
    o = np.zeros(16, dtype)
    copy[1](x, o, N=16)
    assert o.tobytes() == x.tobytes()


@pytest.mark.parametrize("dtype", ["complex64", "datetime64[s]", ">f4", "U4"])
def test_dtypes_that_no_kernel_takes(dtype):
    with pytest.raises(TypeError, match="`x`.*dtype"):
        copy[1](np.zeros(4, dtype), np.zeros(4, F32), N=4)


def test_scalars_by_size_and_type():
    o = np.zeros(3, np.int64)
    scalars[1](o, 7, 1 << 40, True)
    assert list(o) == [7, 1 << 40, 1]
    scalars[1](o, -5, 1 << 31, False)
    assert list(o) == [-5, 1 << 31, 0]
    scalars[1](o, np.int32(9), np.uint8(200), np.bool_(True))
    assert list(o) == [9, 200, 1]
    u = np.zeros(3, np.uint64)
    scalars[1](u, (1 << 64) - 1, 1, 16)
    assert list(u) == [(1 << 64) - 1, 1, 16]
    f = np.zeros(3, F32)
    scalars[1](f, 0.1, np.float32(0.25), np.float64(1e-3))
    assert list(f) == [F32(0.1), F32(0.25), F32(1e-3)]
    with pytest.raises(OverflowError, match="`a`"):
        scalars[1](o, 1 << 64, 0, 0)


def test_annotations_pin_types():
    @nereid.jit
    def kernel(o, a: tl.float64, b: tl.int64, c: "u8", d: tl.float16, e: tl.bfloat16):
        tl.store(o, a)
        tl.store(o + 1, b * b)
        tl.store(o + 2, c.to(tl.int8).to(tl.float64))
        tl.store(o + 3, d)
        tl.store(o + 4, e)

    o = np.zeros(5)
    kernel[1](o, 0.1, 100000, 255, 0.1, 0.1)
    assert list(o) == [0.1, 1e10, -1, np.float16(0.1), float(ml_dtypes.bfloat16(0.1))]
    kernel[1](o, 1, 1, 1, 1, 1)
    assert list(o) == [1] * 5
    with pytest.raises(OverflowError, match="does not fit in u8"):
        kernel[1](o, 1.0, 1, 256, 1.0, 1.0)
    with pytest.raises(TypeError, match="`b`: the parameter is declared as i64, but got the float"):
        kernel[1](o, 1.0, 1.5, 1, 1.0, 1.0)


def test_none_strings_types_and_functions_are_constants():
    @nereid.jit
    def twice(x):
        return x * 2

    @nereid.jit
    def kernel(x, o, bias, kind, how, to: tl.constexpr, N: tl.constexpr):
        i = tl.arange(0, N)
        v = how(tl.load(x + i))
        if bias is not None:
            v += tl.load(bias + i)
        if kind == "negative":
            v = -v
        tl.store(o + i, v.to(to))

    x, o = np.arange(4, dtype=F32), np.zeros(4, F32)
    kernel[1](x, o, None, "negative", twice, tl.float16, N=4)
    assert list(o) == [0, -2, -4, -6]
    kernel[1](x, o, x, "plain", kernel_helpers.halved, tl.float32, N=4)
    assert list(o) == [0, 1.5, 3, 4.5]
    assert kernel.compiled == 2


def test_tuples():
    Pair = namedtuple("Pair", ["x", "y"])

    @nereid.jit
    def kernel(arrays, shape, o, N: tl.constexpr):
        i = tl.arange(0, N)
        tl.store(o + i, tl.load(arrays[0] + i) + tl.load(arrays[1] + i) * shape[0] + shape[1][0])

    x, o = np.arange(4, dtype=F32), np.zeros(4, F32)
    kernel[1]((x, x), (3, (5, 1)), o, N=4)
    assert list(o) == list(4 * x + 5)
    kernel[1](Pair(x, x), (1, (5, 1)), o, N=4)
    assert list(o) == list(2 * x + 5)


def test_descriptors():
    @nereid.jit
    def kernel(d, o, BLOCK: tl.constexpr):
        i = tl.program_id(0)
        tile = d.load([i * BLOCK, 0])
        tl.store(o + i * BLOCK + tl.arange(0, BLOCK), tl.sum(tile, axis=1))

    x, o = np.arange(96, dtype=F32).reshape(12, 8), np.zeros(16, F32)
    kernel[(4, )](TensorDescriptor.from_tensor(x, [4, 8]), o, BLOCK=4)
    assert list(o) == list(x.sum(1)) + [0] * 4
    view = x[:, :4]
    kernel[(3, )](TensorDescriptor(view, [12, 4], [8, 1], [4, 4]), o, BLOCK=4)
    assert list(o[:12]) == list(view.sum(1))


# ---- arrays of other libraries


class Interface:
    def __init__(self, array):
        self._array = array

    @property
    def __array_interface__(self):
        return self._array.__array_interface__


class Dlpack:
    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


class Pointer:
    def __init__(self, array):
        self._array, self.dtype, self.shape = array, "torch.float32", array.shape

    def data_ptr(self):
        return self._array.ctypes.data


@pytest.mark.parametrize("wrap", [Interface, Dlpack, Pointer])
def test_other_arrays(wrap):
    x, o = np.arange(16, dtype=F32), np.zeros(16, F32)
    copy[1](wrap(x), wrap(o), N=16)
    assert np.array_equal(x, o)


def test_arrays_of_the_standard_library():
    import array
    x, o = array.array("f", range(16)), array.array("f", [0] * 16)
    copy[1](x, o, N=16)
    assert x == o
    with pytest.raises(ValueError, match="`o` is read-only"):
        copy[1](x, memoryview(o).toreadonly(), N=16)


def test_jax_arrays():
    pytest.importorskip("jax.numpy")
    import jax
    x, o = jax.numpy.arange(16, dtype="float32"), np.zeros(16, F32)
    copy[1](x, o, N=16)
    assert np.array_equal(o, np.arange(16))
    with pytest.raises(ValueError, match="`o` is read-only"):
        copy[1](x, x, N=16)


def test_torch_tensors():
    torch = pytest.importorskip("torch")
    x, o = torch.arange(16, dtype=torch.bfloat16), torch.zeros(16, dtype=torch.bfloat16)
    copy[1](x, o, N=16)
    assert torch.equal(x, o)


def test_what_is_no_array():
    for thing in (object(), {1: 2}, b"bytes"):
        with pytest.raises((TypeError, nereid.CompileError)):
            copy[1](thing, np.zeros(4, F32), N=4)


def test_read_only_arrays_are_refused_for_stores_alone():
    x, o = np.arange(4, dtype=F32), np.zeros(4, F32)
    x.flags.writeable = False
    copy[1](x, o, N=4)
    o.flags.writeable = False
    with pytest.raises(ValueError, match="`o` is read-only, but the kernel writes to it"):
        copy[1](x, o, N=4)


def test_strides_that_a_kernel_is_not_told_are_refused():
    @nereid.jit
    def rows(x, o, stride, N: tl.constexpr):
        i = tl.arange(0, N)
        tl.store(o + i, tl.load(x + i * stride))

    x, o = np.arange(16, dtype=F32), np.zeros(8, F32)
    with pytest.raises(ValueError, match="`x` is not contiguous.*2 elements"):
        copy[1](x[::2], o, N=8)
    rows[1](x[::2], o, 2, N=8)
    assert list(o) == list(x[::2])


@nereid.jit
def scale(x, o, rows, columns, B: tl.constexpr):
    i = tl.arange(0, B)
    at = tl.program_id(0) * columns + i
    tl.store(o + at, 2 * tl.load(x + at, mask=i < columns), mask=i < columns)


def test_a_size_is_no_stride():
    base, o = np.arange(35, dtype=F32).reshape(5, 7), np.zeros((7, 5), F32)
    with pytest.raises(ValueError, match=r"`x` is not contiguous.*along axis 1, which is 7 elements \(the argument 7 is the size of axis 0\)"):
        scale[7](base.T, o, 7, 5, B=8)
    with pytest.raises(ValueError, match="which is 7 elements: pass the stride"):  # 28, the stride in bytes, is a number of rows here
        scale[7](base.T, o, 28, 5, B=8)
    with pytest.raises(ValueError, match="no argument is its stride along axis 1"):
        nereid.check(scale, base.T, o, 7, 5, B=8, grid=7)
    scale[7](np.ascontiguousarray(base.T), o, 7, 5, B=8)
    assert np.array_equal(o, 2 * base.T)


def test_byte_strides_are_refused():
    @nereid.jit
    def copied(x, o, s0, s1, N: tl.constexpr):
        i, j = tl.arange(0, N)[:, None], tl.arange(0, N)[None, :]
        tl.store(o + i * N + j, tl.load(x + i * s0 + j * s1))

    x, o = np.arange(16, dtype=F32).reshape(4, 4), np.zeros((4, 4), F32)
    with pytest.raises(ValueError, match="`x`: the launch passes its strides in bytes.*divide them by 4"):
        copied[1](x.T, o, *x.T.strides, N=4)


def test_byte_strides_of_a_contiguous_array_are_refused():
    @nereid.jit
    def rows(x, o, stride_x, stride_o, N: tl.constexpr):
        row, i = tl.program_id(0), tl.arange(0, N)
        tl.store(o + row * stride_o + i, tl.load(x + row * stride_x + i))

    x, o = np.arange(16, dtype=F32).reshape(4, 4), np.zeros((4, 16), F32)
    with pytest.raises(ValueError, match="`stride_o`: 64 is a stride of `o` in bytes, but kernels count elements: pass 16"):
        rows[4](x, o, 4, o.strides[0], N=4)
    rows[4](x, o, 4, 16, N=4)  # 16 is a stride of `o`, though it is one of `x` in bytes
    assert np.array_equal(o[:, :4], x)


@nereid.jit
def strided(x, o, stride, n, B: tl.constexpr):
    i = tl.arange(0, B)
    tl.store(o + i, tl.load(x + i * stride, mask=i < n), mask=i < n)


def test_a_stride_in_bytes_is_named_only_where_a_parameter_is_a_stride():
    x, o = np.zeros(48, F32)[::3], np.zeros(16, F32)
    with pytest.raises(ValueError, match="`stride` is 12, the stride in bytes"):
        strided[1](x, o, 12, 16, B=16)
    with pytest.raises(ValueError, match="which is 3 elements: pass the stride"):
        strided[1](x, o, 5, 12, B=16)
    x = np.zeros(128, F32)[::4]
    with pytest.raises(ValueError, match="which is 4 elements: pass the stride"):  # B is not a stride
        strided[1](x, o, 5, 10, B=16)


def test_what_may_be_a_stride_is_said_once():
    @nereid.jit
    def rows(x, o, n, N: tl.constexpr):
        i = tl.arange(0, N)
        tl.store(o + i, tl.load(x + i * n))

    @nereid.jit
    def named(x, o, x_stride, N: tl.constexpr):
        i = tl.arange(0, N)
        tl.store(o + i, tl.load(x + i * x_stride))

    x, o = np.arange(16, dtype=F32), np.zeros(8, F32)
    with pytest.warns(UserWarning, match=r"`x` is not contiguous: its strides are \(2\)"):
        rows[1](x[::2], o, 2, N=8)
    square = np.zeros((8, 8), F32)
    with pytest.warns(UserWarning, match=r"strides are \(1, 8\)"):  # 8 is both sizes, or a size and a stride
        scale[8](square.T, np.zeros((8, 8), F32), 8, 8, B=8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows[1](x[::2], o, 2, N=8)
        named[1](x[::2], o, 2, N=8)
        # Axes without gaps between them need one stride.
        named[1](np.zeros((2, 3, 8), F32)[:, :, :4], o, 8, N=4)


# ---- specialisation


def test_one_kernel_for_each_specialisation():
    @nereid.jit
    def kernel(x, n, m, BLOCK: tl.constexpr):
        tl.store(x, n + m)

    x = np.zeros(64, F32)
    aligned = x[(-x.ctypes.data // 4) % 16:]
    for n, m, block, wanted in ((5, 7, 1, 1), (9, 11, 1, 1), (16, 7, 1, 2), (32, 7, 1, 2), (1, 7, 1, 3), (5, 7, 2, 4), (1 << 40, 7, 2, 5), (5, 7, True, 6), (5, 7, 1.0, 7), (5, 7, 1, 7)):
        kernel[1](aligned, n, m, BLOCK=block)
        assert kernel.compiled == wanted, (n, m, block)
        assert aligned[0] == F32(n + m)
    kernel[1](aligned[1:], 5, 7, BLOCK=1)
    assert kernel.compiled == 8
    kernel[1](x.astype(np.int32), 5, 7, BLOCK=1)
    assert kernel.compiled == 9


def test_constants_that_equal_but_differ():
    @nereid.jit
    def kernel(x, o, C: tl.constexpr):
        tl.store(o, 1 if (tl.load(x) * C).dtype.is_int() else 2)

    x, o = np.ones(1, np.int32), np.zeros(1, F32)
    for constant, wanted in ((1, 1), (1.0, 2), (1, 1)):
        kernel[1](x, o, C=constant)
        assert o[0] == wanted


def test_a_constant_of_minus_zero_is_zero():
    @nereid.jit
    def kernel(o, C: tl.constexpr):
        tl.store(o, 1.0 / (C * tl.full([], 1.0, tl.float32)))

    o = np.zeros(1, F32)
    for constant in (0.0, -0.0):
        kernel[1](o, C=constant)
        assert o[0] == float("inf")


def test_do_not_specialize():
    @nereid.jit(do_not_specialize=["n", 2], do_not_specialize_on_alignment=["k"])
    def kernel(x, n, m, k):
        tl.store(x, n + m + k)

    x = np.zeros(1, F32)
    for n, m, k in ((1, 1, 5), (16, 3, 16), (7, 32, 7)):
        kernel[1](x, n, m, k)
        assert x[0] == n + m + k
    assert kernel.compiled == 1
    kernel[1](x, 1, 1, 1)
    assert kernel.compiled == 2


def test_warmup_compiles_alone():
    @nereid.jit
    def kernel(x, o, N: tl.constexpr):
        i = tl.arange(0, N)
        tl.store(o + i, tl.load(x + i))

    kernel.warmup(tl.float32, tl.float32, N=4, grid=(1, ))
    assert kernel.compiled == 1


# ---- names


def test_globals_helpers_and_closures():
    by = tl.constexpr(10)

    @nereid.jit
    def kernel(x, o, N: tl.constexpr):
        i = tl.arange(0, N)
        tl.store(o + i, kernel_helpers.halved(tl.load(x + i)) * by + kernel_helpers.doubled(N) + nereid.cdiv(N, 3))

    x, o = np.arange(4, dtype=F32), np.zeros(4, F32)
    kernel[1](x, o, N=4)
    assert list(o) == list(x * 5 + 8 + 2)


def test_two_functions_of_one_name():
    def make(n):
        @nereid.jit
        def helper(x):
            return x * n

        @nereid.jit
        def kernel(x, o):
            tl.store(o, helper(tl.load(x)))

        return kernel

    x, o = np.ones(1, F32), np.zeros(1, F32)
    for n in (2, 3):
        make(tl.constexpr(n))[1](x, o)
        assert o[0] == n


def test_functions_made_kernels_by_a_call():
    def plain(o):
        tl.store(o, 5)

    o = np.zeros(1, F32)
    nereid.jit(plain)[1](o)
    assert o[0] == 5


SCALE = tl.constexpr(2)
PLAIN = 3


def test_a_redefined_helper_compiles_its_kernels_again():
    cell = """
@nereid.jit
def helper(x):
    return x * {0}

@nereid.jit
def outer(x):
    return helper(x) + 1
"""
    names = {"nereid": nereid, "tl": tl, "__name__": "notebook"}

    def run(text):  # as a notebook does: the text of a cell is found by the name of its file
        name = f"<cell {len(linecache.cache)}>"
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)
        exec(compile(text, name, "exec"), names)

    run(cell.format(2))
    run("@nereid.jit\ndef kernel(o):\n    tl.store(o, outer(3))\n")
    kernel, o = names["kernel"], np.zeros(1, F32)
    kernel[1](o)
    kernel[1](o)
    assert o[0] == 7 and kernel.compiled == 1
    run(cell.format(5))
    kernel[1](o)
    assert o[0] == 16 and kernel.compiled == 1
    run("@nereid.jit\ndef outer(x):\n    return helper(x) - 1\n")
    assert not nereid.check(kernel, o, grid=1)
    assert o[0] == 14
    kernel[1](o)
    assert o[0] == 14
    run("@nereid.jit\ndef helper(x):\n    return x * 7\n")
    assert "21" in kernel.emit("ttir", o)
    kernel[1](o)
    assert o[0] == 20


def test_redefined_in_a_closure_and_a_module(monkeypatch):
    @nereid.jit
    def helper(x):
        return x + 1

    @nereid.jit
    def other(x):
        return x + 2

    @nereid.jit
    def kernel(o):
        tl.store(o, helper(kernel_helpers.halved(8.0)))

    o = np.zeros(1, F32)
    kernel[1](o)
    assert o[0] == 5
    helper = other  # noqa: F811
    kernel[1](o)
    assert o[0] == 6
    monkeypatch.setattr(kernel_helpers, "halved", other)
    kernel[1](o)
    assert o[0] == 12


def test_a_changed_constant_is_noticed(monkeypatch):
    @nereid.jit
    def kernel(o):
        tl.store(o, SCALE)

    o = np.zeros(1, F32)
    kernel[1](o)
    monkeypatch.setitem(globals(), "SCALE", tl.constexpr(3))
    with pytest.raises(RuntimeError, match="global `SCALE` has changed"):
        kernel[1](o)


# ---- errors


def test_errors_point_into_the_file():
    @nereid.jit
    def kernel(o):
        tl.store(o, PLAIN)

    with pytest.raises(nereid.CompileError) as e:
        kernel[1](np.zeros(1, F32))
    line = kernel.fn.__code__.co_firstlineno + 2
    assert f"test_jit.py:{line}:21: error: a kernel can only use globals that are tl.constexpr, but `PLAIN` is a plain number [global]" in str(e.value)
    assert "        tl.store(o, PLAIN)" in str(e.value)
    assert e.value.diagnostics[0]["id"] == "global" and e.value.diagnostics[0]["line"] == line
    assert isinstance(pickle.loads(pickle.dumps(e.value)), nereid.CompileError)


def test_errors_of_helpers_point_to_the_helper():
    @nereid.jit
    def helper(x):
        return x + missing  # noqa: F821

    @nereid.jit
    def kernel(o):
        tl.store(o, helper(1))

    with pytest.raises(nereid.CompileError, match=f"test_jit.py:{helper.fn.__code__.co_firstlineno + 2}:20: error: `missing` is not defined"):
        kernel[1](np.zeros(1, F32))


def test_assertions(capfd):
    @nereid.jit(debug=True)
    def kernel(x, n):
        tl.device_assert(n < 5, "n is small")
        tl.store(x, n)

    x = np.zeros(1, F32)
    kernel[1](x, 3)
    with pytest.raises(nereid.LaunchError, match="n is small"):
        kernel[1](x, 7)
    kernel[1](x, 4)
    assert x[0] == 4


def test_debug_catches_overflow():
    @nereid.jit
    def kernel(x, n):
        tl.store(x, tl.load(x) + n)

    x = np.array([2**31 - 1], np.int32)
    kernel[1](x, 0, debug=True)
    with pytest.raises(nereid.LaunchError, match="int32 overflow detected for operation add"):
        kernel[1](x, 2, debug=True)
    x[0] = 2**31 - 1
    kernel[1](x, 2)
    assert x[0] == -2**31 + 1


def test_device_print_goes_to_python(capsys):
    @nereid.jit
    def kernel(o):
        tl.device_print("o is", tl.load(o))

    kernel[(2, )](np.full(1, 2.5, F32))
    assert sorted(capsys.readouterr().out.splitlines()) == ["pid (0, 0, 0) idx () o is: 2.500000", "pid (1, 0, 0) idx () o is: 2.500000"]


def test_static_print_goes_to_python(capsys):
    @nereid.jit
    def kernel(o, N: tl.constexpr):
        tl.static_print("N is", N)
        tl.store(o, N)

    kernel[1](np.zeros(1, F32), N=7)
    assert "N is 7" in capsys.readouterr().out


def test_kernels_and_builtins_are_not_called():
    with pytest.raises(RuntimeError, match="launch it with a grid, as copy"):
        copy(1, 2)
    with pytest.raises(RuntimeError, match="tl.load is for kernels"):
        tl.load(1)


def test_no_source():
    space = {"nereid": nereid, "tl": tl}
    exec("def f(x):\n    tl.store(x, 1)\n", space)
    with pytest.raises(ValueError, match="cannot find the source of `f`"):
        nereid.jit(space["f"])


# ---- hooks, threads, processes


def test_hooks():
    seen = []
    enter, leave = lambda data: seen.append(("enter", data.get()["name"])), lambda data: seen.append(("exit", data.name))
    nereid.knobs.runtime.launch_enter_hook, nereid.knobs.runtime.launch_exit_hook = enter, leave
    try:
        run_axpy()
    finally:
        nereid.knobs.runtime.launch_enter_hook = nereid.knobs.runtime.launch_exit_hook = None
    assert seen == [("enter", "axpy"), ("exit", "axpy")]
    run_axpy()
    assert len(seen) == 2


def test_pre_run_hooks():
    @nereid.jit
    def kernel(o, n):
        tl.store(o, n)

    seen = []
    kernel.add_pre_run_hook(lambda *args, **kwargs: seen.append((len(args), kwargs)))
    kernel[1](np.zeros(1, F32), n=4)
    assert seen == [(1, {"n": 4})]


def test_launches_from_many_threads():
    problems, finished = [], []

    def work(seed):
        x = np.random.default_rng(seed).random(5000, dtype=F32)
        for _ in range(50):
            y = np.ones(5000, F32)
            axpy[nereid.cdiv(5000, 128)](x, y, 5000, float(seed), BLOCK=128)
            if not np.allclose(y, np.float32(seed) * x + 1):
                problems.append(seed)
        finished.append(seed)

    threads = [threading.Thread(target=work, args=(i, )) for i in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not problems and len(finished) == 6


def test_the_lock_is_free_during_a_launch():
    @nereid.jit
    def slow(o, n):
        s = 0.0
        for i in range(n):
            s = tl.sin(s + i)
        tl.store(o, s)

    o = np.zeros(1, F32)
    slow[1](o, 10)
    ticks, stop = [], threading.Event()

    def tick():
        while not stop.wait(0.001):
            ticks.append(1)

    t = threading.Thread(target=tick)
    t.start()
    slow[1](o, 10_000_000)
    during = len(ticks)
    stop.set()
    t.join()
    assert during > 5


def test_fork():
    run_axpy(100000)
    pid = os.fork()
    if pid == 0:
        try:
            run_axpy(100000)
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0


def test_threads_are_counted():
    before = nereid.get_num_threads()
    nereid.set_num_threads(3)
    assert nereid.get_num_threads() == 3
    run_axpy()
    nereid.set_num_threads(0)
    assert nereid.get_num_threads() == before
    done = subprocess.run([sys.executable, "-c", "import nereid; print(nereid.get_num_threads())"], env={**os.environ, "NEREID_NUM_THREADS": "5"}, capture_output=True, text=True)
    assert done.stdout.strip() == "5", done.stderr


def test_nothing_is_kept_alive():
    @nereid.jit
    def kernel(x):
        tl.store(x, 1)

    class Array(np.ndarray):
        pass

    x = np.zeros(4, F32).view(Array)
    alive = weakref.ref(x)
    kernel[1](x)
    del x
    gc.collect()
    assert alive() is None


def test_kernels_of_a_module_pickle():
    assert pickle.loads(pickle.dumps(axpy)) is axpy


# ---- the cache on the disk


def fresh(cache):
    @nereid.jit
    def kernel(x, n):
        tl.store(x, n)

    x = np.zeros(1, F32)
    kernel[1](x, 7)
    assert x[0] == 7
    return [f for f in cache.rglob("*") if f.is_file()]


def test_disk_cache(cache, monkeypatch):
    files = fresh(cache)
    assert len(files) == 1
    compiled = []
    original = _core.compile
    monkeypatch.setattr(_core, "compile", lambda **k: compiled.append(1) or original(**k))
    assert fresh(cache) == files and not compiled
    # A damaged entry is compiled again and replaced.
    good = files[0].read_bytes()
    for bad in (b"", good[:-9], good[:100] + b"x" + good[101:], b"something else"):
        files[0].write_bytes(bad)
        fresh(cache)
        assert compiled.pop() and not compiled
        assert files[0].read_bytes() == good
    monkeypatch.setenv("NEREID_CACHE", "0")
    fresh(cache)
    assert compiled


def test_a_cache_that_cannot_be_written(cache, monkeypatch):
    (cache / "file").write_text("")
    monkeypatch.setenv("NEREID_CACHE_DIR", str(cache / "file"))
    fresh(cache)


def test_the_cache_has_an_end(cache):
    from nereid import _cache
    for i in range(5):
        (cache / str(i)).write_bytes(b"x" * 100)
        os.utime(cache / str(i), (i, i))
    _cache.prune(str(cache), 250)
    assert sorted(f.name for f in cache.iterdir()) == ["3", "4"]


def test_processes_share_the_cache(cache):
    script = "import sys; sys.path[:0] = [%r, %r]; import test_jit; test_jit.run_axpy()" % (os.path.dirname(__file__), os.path.dirname(os.path.dirname(nereid.__file__)))
    running = [subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for p in running:
        assert p.communicate()[1] == "" and p.returncode == 0
    assert len([f for f in cache.rglob("*") if f.is_file() and not f.name.startswith("compiler-")]) == 1


TABLE = {"small": [4, 6], "large": (8, 16)}
CHOICES = frozenset({1, 2})


def widest(name):
    return max(TABLE[name])


@nereid.constexpr_function
def chosen(name, limit):
    if limit in CHOICES:
        raise ValueError("too small")
    try:
        best = widest(name)
    except KeyError as error:
        return len(str(error))
    return functools.reduce(lambda a, b: a + b, [v for v in TABLE[name] if v <= limit] + [best.bit_length()])


@nereid.jit
def compile_time_python(out, LIMIT: tl.constexpr):
    tl.store(out, chosen("small", LIMIT))
    tl.store(out + 1, chosen("large", LIMIT))
    tl.store(out + 2, chosen("none", LIMIT))
    if LIMIT in (1, 2):
        raise NotImplementedError


def test_compile_time_python():
    out = np.zeros(3, np.int32)
    compile_time_python[(1,)](out, LIMIT=9)
    assert out.tolist() == [4 + 6 + 3, 8 + 5, len("'none'")]
    with pytest.raises(nereid.CompileError, match="ValueError: too small"):
        compile_time_python[(1,)](out, LIMIT=2)
