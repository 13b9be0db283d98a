# SPDX-License-Identifier: MIT
"""docs/reference/errors.md has an entry for each id of src/support/errors.def: its wrong program fails with that id, its right one does not.

An entry has blocks after `<!-- wrong -->` and `<!-- right -->`: programs, run by the block after `<!-- command -->`; or commands, that may use the
program after `<!-- file -->`.
"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ids = set(re.findall(r'^ERR\(\w+, "([a-z-]+)"', (ROOT / "src/support/errors.def").read_text(), re.M))
page = (ROOT / "docs/reference/errors.md").read_text()
passed = failed = 0


def check(what, problem):
    global passed, failed
    passed, failed = passed + (not problem), failed + bool(problem)
    if problem:
        print(f"FAILED docs/reference/errors.md, {what}: {problem}")


def run(command, program, language):
    with tempfile.TemporaryDirectory() as folder:
        if program:
            (Path(folder) / ("k.ttir" if language == "mlir" else "k.py")).write_text(program)
        environment = {**os.environ, "PATH": f"{ROOT / 'build/bin'}:{os.environ['PATH']}"}
        done = subprocess.run(["bash", "-euc", command], cwd=folder, capture_output=True, text=True, env=environment, timeout=60)
        return done.returncode, done.stdout + done.stderr


entries = {}
for section in re.split(r"^## ", page, flags=re.M)[1:]:
    name = section.splitlines()[0].strip("`")
    entries[name] = {key: (language, body) for key, language, body in re.findall(r"<!-- (\w+) -->\n```(\w+)\n(.*?)^```$", section, re.M | re.S)}
check("entries", f"missing: {sorted(ids - set(entries))}, unknown: {sorted(set(entries) - ids)}" if ids != set(entries) else "")
check("table", [i for i in ids if f"[`{i}`](#{i})" not in page] or "")
for name, blocks in entries.items():
    for kind in ("wrong", "right"):
        if kind not in blocks:
            check(name, f"no {kind} program")
            continue
        language, body = blocks[kind]
        if language == "sh":
            program_language, program = blocks.get("file", ("", ""))
            status, output = run(body, program, program_language)
        else:
            status, output = run(blocks["command"][1], body, language)
        if kind == "wrong":
            check(f"{name}, wrong", "" if status and re.search(rf" \[{name}\]$", output, re.M) else f"exit {status} without [{name}]:\n{output}")
        else:
            check(f"{name}, right", f"exit {status}:\n{output}" if status else "")

print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
