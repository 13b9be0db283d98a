#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints docs/ops.md: the operations, from the table that the compiler is made of (src/ir/ops.def)."""
import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ops = json.loads(subprocess.run([ROOT / "build/bin/nereid", "ops", "--json"], capture_output=True, text=True, check=True).stdout)

print("""# Operations

Made by `scripts/ops_page.py` from `src/ir/ops.def`; a test compares the two. [ir.md](ir.md) says how they are written.

*Meaning* is one element of the result, where a formula says it: `a`, `b`, `c` are the operands, in integer rows as `int64_t` (`ua`, `ub`, `uc`
extended with zeros, `w` the width in bits), in float rows as `double`; the result is wrapped or rounded to its type. *ulp* is the largest error
that a target may make in f32, in units in the last place. *Form* is `tile` for what a front-end gives, `lower` for what a back-end gets.
""")
escape = lambda text: text.replace("|", "\\|")
groups = {}
for op in ops:
    groups.setdefault(op["name"].split(".")[0], []).append(op)
for group, rows in groups.items():
    print(f"## {group}\n\n| operation | form | ulp | meaning | |\n|---|---|---|---|---|")
    for op in rows:
        meaning = f"`{escape(op['meaning'])}`" if op["meaning"] else ""
        print(f"| `{op['name']}` | {op['form']} | {op['ulp'] or ''} | {meaning} | {escape(op['doc'])} |")
    if group != "lo":
        print()
