# Functions and expressions of constexprs are Python.
# run: @k out=zeros:i32[24]  =>  out=[4, 6, 35, 3, 1, 2, 20, 6, 1, 5, 3, 7, 23, 1, 24, 8, 255, 4, 2, 9, 12, 1, 3, 42]
import math
from functools import reduce

import triton
import triton.language as tl

SIZES = {"small": (4, 6), "large": [8, 16]}
NAMED = tl.constexpr({"four": 4})


@triton.constexpr_function
def log2(n):
    if n & (n - 1) != 0 or n == 0:
        raise ValueError("not a power of two")
    return n.bit_length() - 1


@triton.constexpr_function
def largest(table, below):
    best = 0
    for name, sizes in table.items():
        for s in sizes:
            if s >= below:
                continue
            best = max(best, s)
    return best


@triton.constexpr_function
def closures(n):
    made = []
    total = 0

    def add(x, *, times=1, **rest):
        nonlocal total
        total += x * times + sum(rest.values())

    for i in range(n):
        add(i, times=2, extra=1)
        made.append(i)
    return total + len([m for m in made if m % 2])


@triton.constexpr_function
def caught(n):
    seen = []
    try:
        seen.append(1)
        {}[n]
    except (IndexError, KeyError) as e:
        seen.append(2 if str(e) == repr(n) else 0)
    else:
        seen.append(100)
    finally:
        seen.append(0)
    try:
        n // 0
    except ArithmeticError:
        return sum(seen)


@triton.constexpr_function
def primes(n):
    found = []
    for i in range(2, n):
        for p in found:
            if i % p == 0:
                break
        else:
            found.append(i)
    return found


@triton.constexpr_function
def words(s):
    import math as m
    a, *b, c = s.split(",")
    d = {w: len(w) for w in b}
    d.setdefault("z", 9)
    return m.gcd(d["bb"], 4) + ("%s-%03d" % (a, 7)).count("0") + int(f"{c:>3}".strip()) + len("{0:>4}{x!r}".format(1, x="y"))


@triton.constexpr_function
def worklist(n):
    todo = [n]
    for x in todo:
        if x > 1:
            todo += [x // 2]
    return len(todo)


@triton.jit
def k(out, N: tl.constexpr = 16):
    tl.store(out, log2(N))
    tl.store(out + 1, largest({"a": (1, 6), "b": (9,)}, 8))
    tl.store(out + 2, closures(6) - 4)
    tl.store(out + 3, caught(7))
    v: tl.constexpr = [a * b for a, b in zip((1, 2), (1, 1))]
    tl.store(out + 4, v[0])
    tl.store(out + 5, v[1])
    tl.store(out + 6, sum([i * 2 for i in (1, 2, 3, 4)]))
    tl.store(out + 7, len(primes(15)))
    tl.store(out + 8, N in (8, 16))
    tl.store(out + 9, sorted((3, 1, 5), key=lambda x: -x)[0])
    q: tl.constexpr = divmod(N, 5)
    tl.store(out + 10, q[0])
    tl.store(out + 11, primes(8)[-1])
    tl.store(out + 12, words("x,bb,12"))
    tl.store(out + 13, 1 < N <= 16)
    tl.store(out + 14, reduce(lambda x, y: x * y, (1, 2, 3, 4)))
    tl.store(out + 15, NAMED["four"] * 2)
    tl.store(out + 16, int("ff", 16))
    tl.store(out + 17, round(N / 4))
    tl.store(out + 18, round(2.5))
    tl.store(out + 19, max({"a": 9, "b": 1}.values()))
    tl.store(out + 20, len(f"{N:#06b} {3.14159:.2f}"))
    tl.store(out + 21, any(i > 3 for i in (1, 4)) and all(i > 0 for i in (1, 4)))
    tl.store(out + 22, worklist(4))
    tl.store(out + 23, dict(a=42).get("a"))
