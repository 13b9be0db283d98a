# SPDX-License-Identifier: MIT
"""scripts/prose.sh finds bad prose, ignores code, and finds nothing in this repository."""
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


def lint(text, name="page.md"):
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / name
        page.write_text(text)
        done = subprocess.run([ROOT / "scripts/prose.sh", page], capture_output=True, text=True)
        return done.returncode, done.stdout


for bad in ("The driver is told which array it is.", "A frozen buffer is given back later.", "It is dear to compute.", "A chunk of its own.", "The value is no integer.", "What a nest reads is stored first.",
            "One sentence. Another one.", "| cell | written out |", "- Item. `code` follows.", " ".join(["word"] * 36) + ".", "The frontend reads it.", "It uses numpy arrays.",
            "A layout is held by each thread.", "It takes one program a row.", "Threads run by turns.", "The array stays so long as the kernel."):
    status, output = lint(f"# Title\n\n{bad}\n")
    check(bad, status == 1 and "page.md:3: " in output, output)
for good in ("There is no GPU.", "What is a tile?", "`it is told`", "```\nit is told. Twice.\n```", "It runs on e.g. a CPU.", "NumPy's arrays are no longer copied.", "[A link](it/is/dear.md).", " ".join(["word"] * 35) + ".",
             "If there is none, it returns null.", "One program per row."):
    status, output = lint(f"# Title\n\n{good}\n")
    check(good, status == 0, output)
for name, bad in (("a.cpp", "// What a nest reads.\nint a;"), ("a.h", "int a;  // told of it by its owner"), ("a.h", "// The first line,\n// and a value of its own.\nint a;"), ("a.ts", "/** Who reads it. */\nlet a;"),
                  ("a.ts", "/**\n * Of each parameter the buffer.\n */"), ("a.mjs", "let a; // so that nobody waits"), ("a.py", 'def f():\n    """One a line."""'), ("a.py", "a = 1  # dear to compute"), ("a.sh", "# Whose lines are given back.")):
    status, output = lint(f"{bad}\n", name)
    check(f"{name}: {bad}", status == 1 and f"{name}:" in output, output)
for name, good in (("a.cpp", "// Returns the reads of a nest.\nint a;"), ("a.cpp", 'f("it is told");'), ("a.cpp", "// `told` and \"of its own\" are quoted.\nint a;"), ("a.ts", "/** What is a tile? */\nlet a;"), ("a.h", "told();  // next to it"),
                   ("a.py", 'a = """\nit is told\n"""\nb = 1'), ("a.cpp", "//   the example is told   =>   nothing\nint a;"), ("a.sh", "echo told # comment")):
    status, output = lint(f"{good}\n", name)
    check(f"{name}: {good}", status == 0, output)
done = subprocess.run([ROOT / "scripts/prose.sh"], capture_output=True, text=True)
check("this repository", done.returncode == 0 and " sources, 0 findings" in done.stdout and not done.stdout.startswith("0 pages, 0"), done.stdout)
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
