# SPDX-License-Identifier: MIT
"""scripts/prose.sh finds what it is for, leaves code alone, and finds nothing in the pages."""
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
passed = failed = 0


def check(what, good, output=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print(f"FAILED {what}\n{output}")


def lint(text):
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.md"
        page.write_text(text)
        done = subprocess.run([ROOT / "scripts/prose.sh", page], capture_output=True, text=True)
        return done.returncode, done.stdout


for bad in ("The driver is told which array it is.", "A frozen buffer is given back later.", "It is dear to compute.", "A chunk of its own.", "The value is no integer.", "What a nest reads is stored first.",
            "One sentence. Another one.", "| cell | written out |", "- Item. `code` follows.", " ".join(["word"] * 36) + ".", "The frontend reads it.", "It uses numpy arrays."):
    status, output = lint(f"# Title\n\n{bad}\n")
    check(bad, status == 1 and "page.md:3: " in output, output)
for good in ("There is no GPU.", "What is a tile?", "`it is told`", "```\nit is told. Twice.\n```", "It runs on e.g. a CPU.", "NumPy's arrays are no longer copied.", "[A link](it/is/dear.md).", " ".join(["word"] * 35) + "."):
    status, output = lint(f"# Title\n\n{good}\n")
    check(good, status == 0, output)
done = subprocess.run([ROOT / "scripts/prose.sh"], capture_output=True, text=True)
check("the pages", done.returncode == 0 and "pages, 0 findings" in done.stdout, done.stdout)
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
