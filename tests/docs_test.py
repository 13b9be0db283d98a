# SPDX-License-Identifier: MIT
"""The examples of README.md and docs/ work. A comment before a code block says what it is:

    <!-- file: NAME -->   a file that later blocks of the page use
    <!-- run -->          shell commands, run where these files are; `nereid` and `python` are those of the build
    <!-- prints -->       what the last commands print

`; prints: TEXT` at the end of the first two says what the file, run by Python, or the commands print.

`<!-- tree -->` stands before a table whose rows begin with a file and a text that it contains. A block with a `run:` line is a test file of
nereid_runner. README.md has the ratios of docs/benchmarks.md. Links lead somewhere, also within pages, and so do paths in `code` of CONTRIBUTING.md. docs/reference/ops.md is the
output of scripts/ops_page.py. The TypeScript is checked by web/test/package.mjs, docs/reference/errors.md by errors_page_test.py.
"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
passed = failed = 0


def check(where, problem):
    global passed, failed
    passed, failed = passed + (not problem), failed + bool(problem)
    if problem:
        print(f"FAILED {where}: {problem}")


# Blocks that need the Python package are skipped if it was not built.
HAS_PACKAGE = bool(list(ROOT.glob("build/python/nereid/_native.*"))) and (ROOT / ".venv/bin/python").exists()

PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "ARCHITECTURE.md") if (ROOT / name).exists()]
PAGES += sorted((ROOT / "docs").rglob("*.md")) + sorted((ROOT / "examples").rglob("*.md"))
PROSE = {page: re.sub(r"^```.*?^```$|`[^`\n]*`", lambda m: m[0] if m[0].startswith("`") and not m[0].startswith("```") else "", page.read_text(), flags=re.M | re.S) for page in PAGES}


def anchors(page):
    """The anchors that GitHub makes of its headings."""
    headings = re.findall(r"^#+ (.*)$", PROSE[page], re.M)
    return {re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.lower())).replace(" ", "-") for heading in headings}


for page in PAGES:
    text = page.read_text()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for part in ("build", "examples", "include", ".venv"):
            (folder / part).symlink_to(ROOT / part)
        # Programs on the PATH of readers.
        (folder / "path").mkdir()
        (folder / "path/nereid").symlink_to(ROOT / "build/bin/nereid")
        (folder / "path/python").write_text(f'#!/bin/sh\nexec env PYTHONPATH="{ROOT}/build/python:$PWD" "{ROOT}/.venv/bin/python" "$@"\n')
        (folder / "path/python").chmod(0o755)
        environment = {**os.environ, "PATH": f"{folder / 'path'}:{os.environ['PATH']}", "JAX_PLATFORMS": "cpu", "NEREID_CACHE": "0"}
        output, skipped = "", False
        for block in re.finditer(r"(?:<!-- (.*?) -->\n+)?^```(\w*)\n(.*?)^```$", text, re.M | re.S):
            comment, _, printed = (block[1] or "").partition("; prints:")
            key, language, body = comment.partition(":")[0].strip(), block[2], block[3]
            where = f"{page.relative_to(ROOT)}:{text[:block.start()].count(chr(10)) + 1}"
            if key == "file" and ":" in comment:
                name = comment.partition(":")[2].strip()
                (folder / name).write_text(body)
                if printed and HAS_PACKAGE:
                    done = subprocess.run([folder / "path/python", name], cwd=folder, capture_output=True, text=True, env=environment)
                    check(where, "" if done.stdout.strip() == printed.strip() else f"prints instead:\n{done.stdout}{done.stderr}")
            elif re.search(r"(?:^| )python ", body, re.M) and not HAS_PACKAGE:
                skipped = True
                continue
            elif key == "prints" and skipped:
                skipped = False
            elif key == "run":
                done = subprocess.run(["bash", "-euc", body], cwd=folder, capture_output=True, text=True, env=environment)
                output = done.stdout + done.stderr
                check(where, output if done.returncode or printed and output.strip() != printed.strip() else "")
            elif key == "prints":
                # Columns may be padded.
                lines = lambda t: [line.rstrip() for line in t.strip().splitlines()]
                check(where, "" if lines(output) == lines(body) else f"prints instead:\n{output}")
            if re.search(r"^(//|#) run: @", body, re.M):
                file = folder / f"block.{'py' if language == 'python' else 'ttir'}"
                file.write_text(body)
                done = subprocess.run([ROOT / "build/bin/nereid_runner", file], capture_output=True, text=True)
                check(where, done.stdout + done.stderr if done.returncode else "")
        for table in re.findall(r"<!-- tree -->\n((?:\|.*\n)+)", text):
            for path, contained in re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", table, re.M):
                found = (ROOT / path).exists() and contained in (ROOT / path).read_text()
                check(page.relative_to(ROOT), "" if found else f"{path} does not contain {contained}")
        prose = re.sub(r"`[^`\n]*`", "", PROSE[page])
        for link in re.findall(r"\]\(([^):]+)\)|src=\"([^\":]+)\"", prose):
            path, _, anchor = (link[0] or link[1]).partition("#")
            target = (page.parent / path).resolve() if path else page
            check(page.relative_to(ROOT), "" if target.exists() else f"there is no {path}")
            check(page.relative_to(ROOT), "" if not anchor or target not in PROSE or anchor in anchors(target) else f"{target.name} has no #{anchor}")
        if page.name == "CONTRIBUTING.md":
            for path in re.findall(r"`((?:src|tests|scripts|tools|python|web|docs|fuzz|bench|examples|include)/[\w./-]*)`", text):
                check(page.relative_to(ROOT), "" if (ROOT / path).exists() else f"there is no {path}")

# The ratios of README.md are those of the last measurements.
readme, benchmarks = (ROOT / "README.md").read_text(), (ROOT / "docs/benchmarks.md").read_text()
table = re.search(r"^\| target \| machine \|.*\n\|[-|]*\n((?:\|.*\n)+)", readme, re.M)
for row in table[1].splitlines() if table else ["no table of ratios"]:
    check("README.md", "" if row in benchmarks else f"docs/benchmarks.md has no row {row}")
measured = set(re.findall(r"^Measured ([\d-]+)", benchmarks, re.M))
dates = re.search(r"measured on ([^;]+);", readme)
check("README.md", "" if dates and set(dates[1].split(" and ")) == measured else f"the measurements are of {sorted(measured)}")

done = subprocess.run([sys.executable, ROOT / "scripts/ops_page.py"], capture_output=True, text=True)
check("docs/reference/ops.md", done.stderr or ("" if done.stdout == (ROOT / "docs/reference/ops.md").read_text() else "is old; run scripts/ops_page.py > docs/reference/ops.md"))
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
