# SPDX-License-Identifier: MIT
"""Integer instructions of inline assembly, compared with Python's integers on random operands and at the limits of shifts and fields."""
import random

import numpy as np
import pytest

import nereid
import nereid.language as tl

N = 64


@nereid.jit
def kernel(a, b, c, d, out, TEXT: tl.constexpr, CONSTRAINTS: tl.constexpr, ARGS: tl.constexpr, N: tl.constexpr):
    i = tl.arange(0, N)
    x = tl.load(a + i)
    y = tl.load(b + i)
    z = tl.load(c + i)
    w = tl.load(d + i)
    if ARGS == 1:
        r = tl.inline_asm_elementwise(TEXT, CONSTRAINTS, [x], dtype=out.dtype.element_ty, is_pure=True, pack=1)
    elif ARGS == 2:
        r = tl.inline_asm_elementwise(TEXT, CONSTRAINTS, [x, y], dtype=out.dtype.element_ty, is_pure=True, pack=1)
    elif ARGS == 3:
        r = tl.inline_asm_elementwise(TEXT, CONSTRAINTS, [x, y, z], dtype=out.dtype.element_ty, is_pure=True, pack=1)
    else:
        r = tl.inline_asm_elementwise(TEXT, CONSTRAINTS, [x, y, z, w], dtype=out.dtype.element_ty, is_pure=True, pack=1)
    tl.store(out + i, r)


def signed(x, bits=32):
    x &= (1 << bits) - 1
    return x - (x >> (bits - 1) << bits)


def bfe(x, position, length, bits, is_signed):
    position, length = position & 255, length & 255
    sign = x >> min(position + length - 1, bits - 1) & 1 if is_signed and length else 0
    return sum((x >> position + i & 1 if i < length and position + i < bits else sign) << i for i in range(bits))


def bfi(x, y, position, length, bits):
    position, length = position & 255, length & 255
    for i in range(length):
        if position + i < bits:
            y = y & ~(1 << position + i) | (x >> i & 1) << position + i
    return y


def prmt(x, y, selector, mode=""):
    bytes_ = [x >> 8 * i & 255 for i in range(4)] + [y >> 8 * i & 255 for i in range(4)]
    n, out = selector & 3, 0
    for k in range(4):
        if not mode:
            pick = selector >> 4 * k
            byte = bytes_[pick & 7]
            byte = (255 if byte & 128 else 0) if pick & 8 else byte
        else:
            byte = bytes_[{"f4e": n + k, "b4e": n - k & 7, "rc8": n, "ecl": max(n, k), "ecr": min(n, k), "rc16": 2 * (n & 1) + (k & 1)}[mode]]
        out |= byte << 8 * k
    return out


def lop3(x, y, z, table):
    return sum((table >> (4 * (x >> i & 1) + 2 * (y >> i & 1) + (z >> i & 1)) & 1) << i for i in range(32))


def funnel(x, y, n, left, wrap):
    n = n & 31 if wrap else min(n, 32)
    both = y << 32 | x
    return both << n >> 32 if left else both >> n


def dot(x, y, z, signs, first, width, count):
    field = lambda v, at, bits, s: signed(v >> at, bits) if s else v >> at & (1 << bits) - 1
    return z + sum(field(x, width * i, width, signs[0]) * field(y, first + 8 * i, 8, signs[1]) for i in range(count))


# text; constraints; arguments; bits of arguments and of the result; the result as a function of unsigned numbers
CASES = [
    ("prmt.b32 $0, $1, $2, $3;", 32, 32, prmt, 3),
    *((f"prmt.b32.{m} $0, $1, $2, $3;", 32, 32, lambda x, y, z, m=m: prmt(x, y, z, m), 3) for m in ("f4e", "b4e", "rc8", "ecl", "ecr", "rc16")),
    *((f"lop3.b32 $0, $1, $2, $3, {hex(t)};", 32, 32, lambda x, y, z, t=t: lop3(x, y, z, t), 3) for t in (0xC0, 0x96, 0xE8, 0xCA, 0x1D)),
    ("mul.wide.u32 $0, $1, $2;", 32, 64, lambda x, y: x * y, 2),
    ("mul.wide.s32 $0, $1, $2;", 32, 64, lambda x, y: signed(x) * signed(y), 2),
    ("{ .reg .b64 t; mul.wide.u32 t, $1, $1; mad.wide.u32 $0, $1, $2, t; }", 32, 64, lambda x, y: x * y + x * x, 2),
    ("{ .reg .b64 t; mul.wide.s32 t, $2, $2; mad.wide.s32 $0, $1, $2, t; }", 32, 64, lambda x, y: signed(x) * signed(y) + signed(y)**2, 2),
    ("mad.lo.s32 $0, $1, $2, $3;", 32, 32, lambda x, y, z: x * y + z, 3),
    ("mad.hi.u32 $0, $1, $2, $3;", 32, 32, lambda x, y, z: (x * y >> 32) + z, 3),
    ("mad.hi.s32 $0, $1, $2, $3;", 32, 32, lambda x, y, z: (signed(x) * signed(y) >> 32) + z, 3),
    ("mul.hi.s64 $0, $1, $2;", 64, 64, lambda x, y: signed(x, 64) * signed(y, 64) >> 64, 2),
    ("mul.hi.u64 $0, $1, $2;", 64, 64, lambda x, y: x * y >> 64, 2),
    *((f"bfe.{t}32 $0, $1, $2, $3;", 32, 32, lambda x, y, z, t=t: bfe(x, y, z, 32, t == "s"), 3) for t in "us"),
    *((f"{{ .reg .b32 p, l; cvt.u32.u64 p, $2; cvt.u32.u64 l, $3; bfe.{t}64 $0, $1, p, l; }}", 64, 64, lambda x, y, z, t=t: bfe(x, y, z, 64, t == "s"), 3) for t in "us"),
    ("bfi.b32 $0, $1, $2, $3, $4;", 32, 32, lambda x, y, z, w: bfi(x, y, z, w, 32), 4),
    ("{ .reg .b32 p, l; cvt.u32.u64 p, $3; cvt.u32.u64 l, $4; bfi.b64 $0, $1, $2, p, l; }", 64, 64, lambda x, y, z, w: bfi(x, y, z, w, 64), 4),
    *((f"shf.{d}.{m}.b32 $0, $1, $2, $3;", 32, 32, lambda x, y, z, d=d, m=m: funnel(x, y, z, d == "l", m == "wrap"), 3) for d in "lr" for m in ("wrap", "clamp")),
    ("shl.b32 $0, $1, $2;", 32, 32, lambda x, y: x << y if y < 32 else 0, 2),
    ("shr.u32 $0, $1, $2;", 32, 32, lambda x, y: x >> min(y, 32), 2),
    ("shr.s32 $0, $1, $2;", 32, 32, lambda x, y: signed(x) >> min(y, 31), 2),
    ("sad.u32 $0, $1, $2, $3;", 32, 32, lambda x, y, z: abs(x - y) + z, 3),
    ("sad.s32 $0, $1, $2, $3;", 32, 32, lambda x, y, z: abs(signed(x) - signed(y)) + z, 3),
    ("popc.b32 $0, $1;", 32, 32, lambda x: x.bit_count(), 1),
    ("popc.b64 $0, $1;", 64, 32, lambda x: x.bit_count(), 1),
    ("clz.b32 $0, $1;", 32, 32, lambda x: 32 - x.bit_length(), 1),
    ("clz.b64 $0, $1;", 64, 32, lambda x: 64 - x.bit_length(), 1),
    ("brev.b32 $0, $1;", 32, 32, lambda x: int(f"{x:032b}"[::-1], 2), 1),
    ("brev.b64 $0, $1;", 64, 64, lambda x: int(f"{x:064b}"[::-1], 2), 1),
    ("not.b32 $0, $1;", 32, 32, lambda x: ~x, 1),
    ("cnot.b32 $0, $1;", 32, 32, lambda x: x == 0, 1),
    *((f"dp4a.{a}32.{b}32 $0, $1, $2, $3;", 32, 32, lambda x, y, z, a=a, b=b: dot(x, y, z, (a == "s", b == "s"), 0, 8, 4), 3) for a in "us" for b in "us"),
    *((f"dp2a.{h}.{a}32.{b}32 $0, $1, $2, $3;", 32, 32, lambda x, y, z, h=h, a=a, b=b: dot(x, y, z, (a == "s", b == "s"), 16 * (h == "hi"), 16, 2), 3) for h in ("lo", "hi") for a in "us" for b in "us"),
    ("add.sat.s32 $0, $1, $2;", 32, 32, lambda x, y: min(max(signed(x) + signed(y), -2**31), 2**31 - 1), 2),
    ("sub.sat.s32 $0, $1, $2;", 32, 32, lambda x, y: min(max(signed(x) - signed(y), -2**31), 2**31 - 1), 2),
    ("cvt.sat.u8.s32 $0, $1;", 32, 32, lambda x: min(max(signed(x), 0), 255), 1),
    ("cvt.sat.s16.s32 $0, $1;", 32, 32, lambda x: min(max(signed(x), -2**15), 2**15 - 1), 1),
    ("cvt.sat.s32.u32 $0, $1;", 32, 32, lambda x: min(x, 2**31 - 1), 1),
    ("cvt.s8.s32 $0, $1;", 32, 32, lambda x: signed(x, 8), 1),
    ("cvt.u8.u32 $0, $1;", 32, 32, lambda x: x & 255, 1),
    *((f"{{ .reg .pred p; setp.{c}.{t}32 p, $1, $2; selp.b32 $0, $2, $3, p; }}", 32, 32, lambda x, y, z, f=f, t=t: y if (f(signed(x), signed(y)) if t == "s" else f(x, y)) else z, 3)
      for t in "us" for c, f in (("lt", int.__lt__), ("le", int.__le__), ("gt", int.__gt__), ("ge", int.__ge__), ("eq", int.__eq__), ("ne", int.__ne__))),
    ("{ .reg .pred p; setp.hi.u32 p, $1, $2; mov.b32 $0, $3; @p add.s32 $0, $1, $2; @!p xor.b32 $0, $0, $1; }", 32, 32, lambda x, y, z: x + y if x > y else z ^ x, 3),
    ("set.lt.u32.s32 $0, $1, $2;", 32, 32, lambda x, y: -(signed(x) < signed(y)), 2),
    ("slct.b32.s32 $0, $1, $2, $3;", 32, 32, lambda x, y, z: x if signed(z) >= 0 else y, 3),
]


@pytest.mark.parametrize("text, bits, result, meaning, count", CASES, ids=[c[0].strip("{} ;").replace(" ", "_") for c in CASES])
def test_integers(text, bits, result, meaning, count):
    r = random.Random(text)
    edges = [0, 1, 2, 3, 7, 8, 31, 32, 33, 63, 64, 255, 256, (1 << bits) - 1, 1 << bits - 1, (1 << bits - 1) - 1, 0x80]
    columns = [[r.choice(edges) if r.random() < 0.5 else r.getrandbits(r.choice((5, 16, bits))) for _ in range(N)] for _ in range(4)]
    letter = {32: "r", 64: "l"}
    constraints = ",".join(["=" + letter[result]] + [letter[bits]] * count)
    arrays = [np.array(c, f"uint{bits}").view(f"int{bits}") for c in columns]
    wanted = np.array([int(meaning(*values[:count])) & (1 << result) - 1 for values in zip(*columns)], f"uint{result}").view(f"int{result}")
    for launch in (lambda *args, **kwargs: kernel[(1,)](*args, **kwargs), lambda *args, **kwargs: nereid.check(kernel, *args, grid=(1,), **kwargs)):
        out = np.zeros(N, f"int{result}")
        launch(*arrays, out, TEXT=text, CONSTRAINTS=constraints, ARGS=count, N=N)
        assert np.array_equal(out, wanted)


@pytest.mark.parametrize("text", ["add.rz.f32 $0, $1, $2;", "mad.hi.sat.s32 $0, $1, $2, $1;", "lop3.b32 $0, $1, $2, $1, $2;", "add.cc.u32 $0, $1, $2;", "@p add.s32 $0, $1, $2;"])
def test_what_is_no_such_instruction_is_refused(text):
    x = np.zeros(N, np.float32 if "f32" in text else np.int32)
    letter = "f" if "f32" in text else "r"
    with pytest.raises(nereid.CompileError, match="Nereid cannot translate it: it has `"):
        kernel[(1,)](x, x, x, x, x, TEXT=text, CONSTRAINTS=f"={letter},{letter},{letter}", ARGS=2, N=N)
