# SPDX-License-Identifier: MIT
"""The tables of docs/reference/conformance.md from the results of scripts/conformance.sh: python tests/conformance/table.py build/conformance/results"""
import json
import os
import sys

ORDER = ("tutorials", "compat", "liger", "fla", "flag_gems", "torch", "jax")
found = []
for name in ORDER:
    path = os.path.join(sys.argv[1], name + ".json")
    if os.path.exists(path):
        with open(path) as f:
            found.append(json.load(f))


def reasons(suite, status):
    """Each reason once, with its cases."""
    by = {}
    for row in suite["rows"]:
        if row["status"] == status:
            by.setdefault(row["why"].split(" | ")[0], []).append(row["name"])
    return "; ".join(f"{', '.join(names) if len(names) < 4 else f'{len(names)} cases'}: {why}" for why, names in by.items()).replace("|", "\\|")


print("\n| suite | version | passed | skipped | failed |\n|---|---|---|---|---|")
for s in found:
    cells = [f"{s[k]}{' (' + reasons(s, k) + ')' if s[k] else ''}" for k in ("skipped", "failed")]
    print(f"| {s['suite']} | {s['version']} | {s['passed']} | {cells[0]} | {cells[1]} |")
for s in found:
    if any("torch_ms" in row for row in s["rows"]):
        print(f"\n{s['suite']}, {s['version']}:\n\n| kernel | ms | torch, ms | error |\n|---|---|---|---|")
        for row in s["rows"]:
            print(f"| {row['name']} | {row['ms']:.3g} | {row['torch_ms']:.3g} | {row['error']:.1e} |" if "torch_ms" in row else f"| {row['name']} | {row['status']} |  |  |")
