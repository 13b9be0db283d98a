#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Names the functions of a WebAssembly module by a number, so that `wasm-opt --reorder-functions-by-name` puts similar functions next to each other: gzip
finds repetitions only within 32 KiB. The compiler is 1.2 % smaller than with functions in the order of their names.

    order_functions.py IN.wasm OUT.wasm

The order comes from balanced partitioning (Dhulipala et al., Compressing graphs and indexes with recursive graph bisection, 2016), as LLVM's linker uses it:
functions are split in two halves, and exchanged between them while that puts equal sequences of bytes into one half; then each half in the same way.
"""
import math
import sys
import zlib
from collections import Counter

BYTES = 8  # of the sequences that are compared
SAMPLE = 4  # one in so many is looked at
COMMON = 200  # sequences in more functions say nothing
ROUNDS = 12  # of exchanges


def number(data, at):
    """An unsigned LEB128 number, and the position behind it."""
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def encoded(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def sections(data):
    at = 8
    while at < len(data):
        size, begin = number(data, at + 1)
        yield data[at], data[begin:begin + size]
        at = begin + size


def bodies(code):
    count, at = number(code, 0)
    for _ in range(count):
        size, at = number(code, at)
        yield code[at:at + size]
        at += size


def imports(section):
    """The number of imported functions."""
    count, at = number(section, 0)
    functions = 0
    for _ in range(count):
        for _ in range(2):
            size, at = number(section, at)
            at += size
        if section[at] != 0:
            raise SystemExit("expected imports of functions only")
        functions += 1
        at = number(section, at + 1)[1]
    return functions


def sequences(functions):
    """The sampled sequences of each function that others have as well."""
    each = [{h for i in range(len(body) - BYTES + 1) if (h := zlib.crc32(body[i:i + BYTES])) % SAMPLE == 0} for body in functions]
    uses = Counter(h for found in each for h in found)
    return [sorted(h for h in found if 2 <= uses[h] <= COMMON) for found in each]


def partitioned(functions, has):
    if len(functions) <= 4:
        return functions
    half = len(functions) // 2
    sides = [functions[:half], functions[half:]]
    count = [Counter(h for f in side for h in has[f]) for side in sides]
    cost = lambda a, b: -a * math.log2(a + 1) - b * math.log2(b + 1)
    for _ in range(ROUNDS):
        ranked = []
        for k in (0, 1):
            here, there = count[k], count[1 - k]
            gain = lambda f: sum(cost(here[h], there[h]) - cost(here[h] - 1, there[h] + 1) for h in has[f])
            ranked.append(sorted(((gain(f), f) for f in sides[k]), reverse=True))
        pairs = [(f, g) for (a, f), (b, g) in zip(*ranked) if a + b > 1e-9]
        # Not all: two functions that belong together would change sides for ever.
        pairs = [pair for k, pair in enumerate(pairs) if k % 8 != 7]
        if not pairs:
            break
        moved = [{f for f, _ in pairs}, {g for _, g in pairs}]
        for k in (0, 1):
            for f in moved[k]:
                count[k].subtract(has[f])
                count[1 - k].update(has[f])
        sides = [[f for f in sides[k] if f not in moved[k]] + [f for f in sides[1 - k] if f in moved[1 - k]] for k in (0, 1)]
    return partitioned(sides[0], has) + partitioned(sides[1], has)


def main(source, target):
    data = open(source, "rb").read()
    found = dict(sections(data))
    functions = list(bodies(found[10]))
    first = imports(found[2])
    order = partitioned(list(range(len(functions))), sequences(functions))
    names = {f: b"%05d" % rank for rank, f in enumerate(order)}
    entries = b"".join(encoded(first + f) + encoded(5) + names[f] for f in range(len(functions)))
    subsection = encoded(len(functions)) + entries
    section = encoded(4) + b"name" + b"\x01" + encoded(len(subsection)) + subsection
    out = data[:8] + b"".join(bytes([kind]) + encoded(len(body)) + body for kind, body in sections(data) if kind != 0)
    with open(target, "wb") as file:
        file.write(out + b"\x00" + encoded(len(section)) + section)


if __name__ == "__main__":
    main(*sys.argv[1:])
