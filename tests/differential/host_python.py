#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Python at compile time against CPython: expressions and formats whose results must print the same text.

    tests/differential/host_python.py [NEREID]
"""
import math  # noqa: F401  (used by the expressions)
import pathlib
import random
import subprocess
import sys
import tempfile
from functools import reduce  # noqa: F401
from itertools import accumulate, chain, product  # noqa: F401

ROOT = pathlib.Path(__file__).resolve().parents[2]
NEREID = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "build/bin/nereid")

EXPRESSIONS = """
[x * 2 for x in range(5) if x % 2]
{x: y for x, y in zip("abc", (1, 2, 3))}
sorted({3, 1, 2} | {5} - {1})
sorted([(2, "b"), (1, "z"), (2, "a")])
sorted("hello", reverse=True)
sorted(["bb", "a", "ccc"], key=len)
sorted([3, 1, 2], key=lambda v: -v)
[*range(3), *(7, 8)]
{**{"a": 1}, "b": 2}
{"a": 1} | {"a": 2, "c": 3}
list(enumerate("ab", 1))
list(zip((1, 2, 3), "ab"))
list(reversed([1, 2, 3]))
list(map(lambda a, b: a + b, (1, 2), (3, 4)))
list(filter(None, [0, 1, "", "x"]))
next((x for x in (1, 4, 9) if x > 3), None)
(divmod(7, 2), divmod(-7, 2), divmod(7, -2))
(7 // -2, -7 // 2, 7 % -3, -7 % 3, -7.5 % 2, 7.5 // -2)
(round(0.5), round(1.5), round(-2.5), round(1234, -2), round(1250, -2), round(1350, -2))
(any([]), all([]), any((0, 1)), all((0, 1)))
(sum([1, 2.5]), sum([[1], [2]], []), max("b", "a"), min((3, 1), default=0), max([], default=9))
max([(1, "b"), (1, "a")])
max("aaa", "bb", key=len)
(0b101, 0o17, 0xFF, 1_000, (255).bit_length(), (-8).bit_length(), (7).bit_count())
(1 < 2 < 3, 1 < 3 < 2, 1 == 1.0 == True, not 1 in (1, 2), 3 not in [1, 2])
(1 if [] else 2, [] or "x", 0 and 1, None or 0, "" or [] or ())
("abc"[1], "abc"[-1], "abcdef"[1:4], "abcdef"[::-1], "abcdef"[::2])
([1, 2, 3, 4][1:], (1, 2, 3)[::-1], [1, 2] + [3], (1,) * 3, [0] * 2)
([1, 2] < [1, 3], (1, 2) < (1, 2, 0), "a" < "b", [1] == [1], (1,) == [1])
({1, 2} <= {1, 2, 3}, {1} < {1}, {1, 2} & {2}, {1} ^ {1, 2})
("a,b,,c".split(","), " a  b ".split(), "a,b,c".split(",", 1), "a\\nb".splitlines())
("-".join(["a", "b"]), "aXbX".replace("X", "--"), "abcabc".find("c"), "abcabc".rfind("c"), "abc".find("z"))
("  x ".strip(), "xxaxx".strip("x"), "xxa".lstrip("x"), "axx".rstrip("x"))
("abc".startswith(("x", "a")), "abc".endswith("bc"), "abc".removeprefix("a"), "abc".removesuffix("bc"))
("aBc".upper(), "aBc".lower(), "hello world".title(), "hELLO".capitalize())
("7".zfill(3), "-7".zfill(4), "a".ljust(3) + "|", "a".rjust(3), "a".center(4) + "|", "ab".center(5, "*"))
("12".isdigit(), "1a".isdigit(), "ab".isalpha(), "a_1".isidentifier(), "AB".isupper(), "ab1".islower(), " ".isspace())
("a=b=c".partition("="), "a=b=c".rpartition("="), "abc".partition("x"))
("abc".count(""), "".count(""), "aXbXc".replace("X", "-", 1), "a b c".split(None, 1), min("hello"), max("hello"))
("banana".count("an"), "abc".index("b"), (1, 2, 1).count(1), [3, 4].index(4))
(int("12"), int("-ff", 16), int(3.9), int(-3.9), float("1e3"), float("-inf"), str(1.0), str(True), bool([]))
(repr("a'b"), repr('a"b'), repr("a\\n"), str([1, "a", None, (1,)]), str({"a": [1]}))
(math.gcd(12, 18), math.lcm(4, 6), math.isqrt(17), math.factorial(5), math.comb(5, 2), math.prod([2, 3]))
(1.0 // 0.1, -1.0 // 0.1, math.inf // 1, 5 // math.inf, -5 // math.inf, 0.0 // -3, -7.5 // 2, 7.5 // -2, 1e300 // 1e-10, -1e-20 // 3)
(1.0 % 0.1, -1.0 % 0.1, 5 % math.inf, -5 % math.inf, 0.0 % -3, -7.5 % 2, 7.5 % -2, 6.0 % -3, -1e-20 % 3)
(math.ceil(True), math.floor(False), math.trunc(True))
(math.ceil(2.1), math.floor(-2.1), math.trunc(-2.9), math.sqrt(16), math.log2(8), math.log10(1000), math.fabs(-1))
(math.isinf(math.inf), math.isnan(math.nan), math.copysign(1, -2), math.pi)
(reduce(lambda a, b: a * b, [1, 2, 3], 10), list(product("ab", (1, 2))), list(chain((1,), [2])), list(accumulate([1, 2, 3])))
(lambda x, *y, z=3, **k: (x, y, z, k))(1, 2, z=4, w=5)
(lambda f: f(f, 5))(lambda f, n: 1 if n < 2 else n * f(f, n - 1))
[[i * j for j in range(3)] for i in range(3)]
[(i, j) for i in range(3) for j in range(i) if (i + j) % 2]
(dict([("a", 1)], ).get("a"), dict(a=1), {"a": 1}.get("b", 2), list({"a": 1, "b": 2}.items()), list({"a": 1}))
("a" in {"a": 1}, 1 in {1}, "b" in "abc", None in (None,))
(1 is None, None is None, type(1) == int, isinstance(True, int), isinstance("a", (int, str)))
(2 ** 10, 2 ** -1, 2.0 ** 3, pow(3, 4, 5), abs(-3), 1 << 70, -1 >> 3, ~5, 6 & 3, 6 | 1, 6 ^ 3)
(hex(255), oct(8), bin(-5), chr(65), ord("a"))
"{} {1} {0}".replace("{1} {0}", "{}").format(1, 2)
"{0:>5}|{name!r:<6}|{0:05d}|{x[1]}|{{}}".format(7, name="a", x=(1, 2))
"{:{}}|{:.{p}f}".format(1, 5, 2.5, p=2)
f"{1 + 1}|{'a' 'b'!r}|{3.14159:.{1 + 1}f}|{{}}|{[1, 2]}|{None}|{True:>6}"
"%s %r %d %5.2f %x %% %-4s| %(k)s".replace(" %(k)s", "") % ("a", "b", 3, 2.5, 255, "z")
"%(k)s-%(n)03d" % {"k": "v", "n": 7}
"a" * 3 + "b"
[y := 5, y + 1][1]
""".strip().splitlines()

FORMATS = [".2f", ".0f", ".3e", ".10g", "g", "e", "f", "+.3f", "08.2f", ">12.4g", ".1%", "_.2f", ",.1f", "#.3g", ""]
INTS = ["d", "x", "#X", "b", "#o", "08d", "+d", "_x", ",", ">10", "^9", "<6", "*^12", "=+8", "e", ".2f"]


def cases():
    out = list(EXPRESSIONS)
    rng = random.Random(3)
    numbers = [0.0, 1.0, 0.5, 1.5, 2.5, 0.125, 1e22, 1e-7, 123456.789, 99999.5, 9.9999999, 5e-324, 1.7976931348623157e308, 2.675, -3.25, 1234567.0]
    numbers += [rng.uniform(-1, 1) * 10 ** rng.randint(-12, 12) for _ in range(40)]
    for v in numbers:
        out += [f'f"{{{v!r}:{spec}}}"' for spec in FORMATS]
        out.append(f"'%7.3f|%-9.2e|%g|%s' % ({v!r}, {v!r}, {v!r}, {v!r})")
        if abs(v) < 1e300:
            out += [f"round({v!r}, {n})" for n in (0, 1, 2, 5)]
    for v in (0, 1, -1, 255, 123456789, -4096):
        out += [f"'{{:{spec}}}'.format({v})" for spec in INTS]
        out.append(f"'%5d|%-5d|%05d|%x|%+d' % ({v}, {v}, {v}, {v}, {v})")
    return out


def main():
    expressions = cases()
    kernel = ["import math", "from functools import reduce", "from itertools import accumulate, chain, product", "import triton", "import triton.language as tl", "", ""]
    for i, e in enumerate(expressions):
        kernel += ["@triton.constexpr_function", f"def f{i}():", f"    return str({e})", "", ""]
    kernel += ["@triton.jit", "def k():"] + [f"    tl.static_print(f{i}())" for i in range(len(expressions))]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "k.py"
        path.write_text("\n".join(kernel) + "\n")
        run = subprocess.run([NEREID, "emit", f"{path}:k", "--stage", "ttir"], capture_output=True, text=True)
    if run.returncode:
        print(run.stderr)
        return 1
    got = [line for line in run.stderr.split("\n") if line]
    failed = 0
    for e, line in zip(expressions, got):
        wanted = str(eval(e))
        if wanted != line:
            failed += 1
            print(f"{e}\n  Python {wanted}\n  Nereid {line}")
    failed += len(got) != len(expressions)
    print(f"{len(expressions) - failed} passed, {failed} failed")
    return failed > 0


sys.exit(main())
