# SPDX-License-Identifier: MIT
"""The examples of README.md and docs/*.md work. A comment before a code block says what it is:

    <!-- file: NAME -->   a file that later blocks of the page use
    <!-- run -->          shell commands, run where these files are
    <!-- prints -->       what the last commands print

A block with a `run:` line is a test file of nereid_runner. docs/ops.md must be what scripts/ops_page.py prints.
"""
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


# Blocks that need the Python package are passed over where it was not built.
HAS_PACKAGE = bool(list(ROOT.glob("build/python/nereid/_core.*"))) and (ROOT / ".venv/bin/python").exists()

for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
    text = page.read_text()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for part in ("build", "examples", "include", ".venv"):
            (folder / part).symlink_to(ROOT / part)
        output, skipped = "", False
        for block in re.finditer(r"(?:<!-- (.*?) -->\n+)?^```(\w*)\n(.*?)^```$", text, re.M | re.S):
            key, _, language, body = (block[1] or "").partition(":")[0].strip(), None, block[2], block[3]
            where = f"{page.relative_to(ROOT)}:{text[:block.start()].count(chr(10)) + 1}"
            if key == "file":
                (folder / block[1].partition(":")[2].strip()).write_text(body)
            elif "PYTHONPATH=" in body and not HAS_PACKAGE:
                skipped = True
                continue
            elif key == "prints" and skipped:
                skipped = False
            elif key == "run":
                done = subprocess.run(["bash", "-euc", body], cwd=folder, capture_output=True, text=True)
                output = done.stdout + done.stderr
                check(where, output if done.returncode else "")
            elif key == "prints":
                # Columns may be padded.
                lines = lambda t: [line.rstrip() for line in t.strip().splitlines()]
                check(where, "" if lines(output) == lines(body) else f"prints instead:\n{output}")
            if re.search(r"^(//|#) run: @", body, re.M):
                file = folder / f"block.{'py' if language == 'python' else 'ttir'}"
                file.write_text(body)
                done = subprocess.run([ROOT / "build/bin/nereid_runner", file], capture_output=True, text=True)
                check(where, done.stdout + done.stderr if done.returncode else "")
        prose = re.sub(r"^```.*?^```$|`[^`\n]*`", "", text, flags=re.M | re.S)
        for link in re.findall(r"\]\(([^)#:]+)\)|src=\"([^\":]+)\"", prose):
            target = link[0] or link[1]
            check(f"{page.relative_to(ROOT)}", "" if (page.parent / target).exists() else f"there is no {target}")

done = subprocess.run([sys.executable, ROOT / "scripts/ops_page.py"], capture_output=True, text=True)
check("docs/ops.md", done.stderr or ("" if done.stdout == (ROOT / "docs/ops.md").read_text() else "is old; run scripts/ops_page.py > docs/ops.md"))
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
