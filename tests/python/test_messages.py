# SPDX-License-Identifier: MIT
"""Messages for common mistakes at a launch: each names the argument, the value, and a correction."""
import nereid
import nereid.language as tl
import numpy as np
import pytest

F32 = np.float32


def kernel(body):
    """A kernel of x, o, n, B with this body; messages point to its lines."""
    import linecache
    text = "@nereid.jit\ndef k(x, o, n, B: tl.constexpr):\n    i = tl.arange(0, B)\n" + "".join(f"    {line}\n" for line in body.split("\n"))
    name = f"<kernel {len(linecache.cache)}>"
    linecache.cache[name] = len(text), None, text.splitlines(True), name
    scope = {"nereid": nereid, "tl": tl, "np": np}
    exec(compile(text, name, "exec"), scope)
    return scope["k"]


def arguments(**other):
    return {"x": np.arange(16, dtype=F32), "o": np.zeros(16, F32), "n": 16, "B": 16, **other}


COPY = "tl.store(o + i, tl.load(x + i, mask=i < n), mask=i < n)"


@pytest.mark.parametrize("body, wanted", [
    ("tl.store(o + i, np.exp(tl.load(x + i)))", ["`numpy` has no `exp` that a kernel can use", "use `tl.exp`"]),
    ("tl.store(o + i, np.frobnicate(tl.load(x + i)))", ["`numpy` has no `frobnicate` that a kernel can use", "functions decorated with @triton.jit"]),
    ("tl.store(o + i, tl.load(x + i / 2))", ["the offset from a pointer must be an integer, but this is fp32", "divide integers with `//`"]),
    ("tl.store(o + i, x[i])", ["`x` is a pointer, which cannot be indexed", "`tl.load(x + i)`"]),
    ("o[i] = tl.load(x + i)", ["`o` is a pointer, which cannot be indexed", "`tl.store(o + i, value)`"]),
    ("o[0] += 1", ["`o` is a pointer, which cannot be indexed", "`tl.store(o + 0, tl.load(o + 0) + ...)`"]),
    ("if i < n:\n    tl.store(o + i, 1.0)", ["a condition must be one value, but `i < n` is 16xint1", "`mask=i < n`", "`tl.max(i < n)`"]),
    ("j = tl.arange(0, n)", ["the end of tl.arange must be a constexpr", "declare the parameter as `n: tl.constexpr`"]),
    ("j = tl.arange(0, 2 * n)", ["the end of tl.arange must be a constexpr", "compute it from tl.constexpr parameters and numbers only"]),
    ("j = tl.zeros((n,), tl.float32)", ["must be a constexpr", "compute it from tl.constexpr parameters"]),
    ("l = []\nl.append(tl.load(x))", ["`l` cannot change: in a kernel a list is a tuple", "`l = l + (x,)`"]),
    ("for _ in range(n):\n    a = tl.load(x)\ntl.store(o, a)", ["`a` has no value here: it is assigned only inside a loop or a branch", "before the loop or branch"]),
    ("tl.store(o, len(x))", ["`len` takes a tuple", "pass the size as an argument"]),
    ("tl.store(o, x.shape[0])", ["`x` has no axes: it is a pointer or a scalar", "pass the size as an argument"]),
    ("print(f'n {n}')", ["an f-string in a kernel can only format constexprs", '`tl.device_print("n", n)`']),
])
def test_in_a_kernel(body, wanted):
    with pytest.raises(nereid.CompileError) as e:
        kernel(body)[1](**arguments())
    for text in wanted:
        assert text in str(e.value), e.value


@pytest.mark.parametrize("given, error, wanted", [
    (dict(x=[1.0, 2.0]), TypeError, ["`x`: cannot pass a list to a kernel", "numpy.array(x"]),
    (dict(x=(1, (2, [3.0]))), TypeError, ["`x[1][1]`: a tuple argument cannot contain a list", "write it as a tuple"]),
    (dict(x=(1, 2**64)), OverflowError, ["`x[1]`: 18446744073709551616 does not fit in 64 bits"]),
    (dict(n=2**64), OverflowError, ["`n`: 18446744073709551616 does not fit in 64 bits"]),
    (dict(x=3), nereid.CompileError, ["tl.load needs a pointer, but the argument `x` is a number, int32", "pass an array for `x`"]),
    (dict(o=3), nereid.CompileError, ["tl.store needs a pointer, but the argument `o` is a number, int32", "pass an array for `o`"]),
    (dict(x="x"), nereid.CompileError, ["the argument `x` is the constexpr 'x'", "pass an array or a number for `x`"]),
    (dict(x=None), nereid.CompileError, ["the argument `x` is None", "pass an array or a number for `x`"]),
    (dict(B=16.0), nereid.CompileError, ["the end of tl.arange must be an integer, but this is the float 16.0", "pass an integer"]),
    (dict(x=np.zeros(16, np.complex64)), TypeError, ["`x`: cannot pass this numpy.ndarray to a kernel", "complex64", "convert it"]),
    (dict(o=np.frombuffer(bytes(64), F32)), ValueError, ["`o` is read-only, but the kernel writes to it", "numpy.array(o)"]),
    (dict(gird=3), TypeError, ["kernel `k` has no parameter `gird`", "x, o, n, B"]),
])
def test_arguments(given, error, wanted):
    with pytest.raises(error) as e:
        kernel(COPY)[1](**arguments(**given))
    for text in wanted:
        assert text in str(e.value), e.value


@pytest.mark.parametrize("grid, wanted", [
    (16 / 16, ["got 1.0", "nereid.cdiv", "triton.cdiv"]),
    ((1, 2.5), ["got (1, 2.5)", "nereid.cdiv"]),
    (lambda meta: (meta["n"] / meta["B"], ), ["got (1.0,)", "nereid.cdiv"]),
    ("4", ["the grid must be an integer or a tuple of up to three integers, but got '4'"]),
    (np.zeros(2), ["the grid must be an integer"]),
])
def test_grids(grid, wanted):
    with pytest.raises(TypeError) as e:
        kernel(COPY)[grid](**arguments())
    for text in wanted:
        assert text in str(e.value), e.value


def test_a_missing_constexpr():
    given = arguments()
    del given["B"]
    with pytest.raises(TypeError, match="kernel `k`: argument `B` is missing; it is a constexpr: pass it by name, such as B=128"):
        kernel(COPY)[1](**given)


def test_what_jit_decorates():
    with pytest.raises(TypeError, match="cannot compile a lambda: write the kernel as a function with `def`"):
        nereid.jit(lambda x: x)
    with pytest.raises(TypeError, match="decorates a function, but got <class 'int'>"):
        nereid.jit(int)


def test_a_float_for_a_declared_integer():

    @nereid.jit
    def typed(o, n: tl.int32):
        tl.store(o, n)

    with pytest.raises(TypeError, match=r"`n`: the parameter is declared as i32, but got the float 2.5: pass int\(n\)"):
        typed[1](np.zeros(1, F32), 2.5)


def test_a_failed_assertion_names_its_line():

    @nereid.jit(debug=True)
    def asserts(o):
        tl.device_assert(tl.program_id(0) < 2, "too small")
        tl.store(o, 1.0)

    with pytest.raises(nereid.LaunchError, match=r"test_messages.py:\d+: assertion failed in program \(2, 0, 0\): too small"):
        asserts[3](np.zeros(1, F32))
