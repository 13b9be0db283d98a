# SPDX-License-Identifier: MIT
"""The packages are called nereid-lang, because `nereid` belongs to others on PyPI and npm; and there is one version number."""
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
passed = failed = 0


def check(what, good):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print(f"FAILED {what}")


version = re.search(r"project\(nereid VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
package = json.loads((ROOT / "web/package.json").read_text())
lock = json.loads((ROOT / "web/package-lock.json").read_text())
project = tomllib.loads((ROOT / "pyproject.toml").read_text())
for name, made in (("web/package.json", package), ("web/package-lock.json", lock), ("web/package-lock.json, packages", lock["packages"][""])):
    check(f"{name} is {made['name']} {made['version']}, not nereid-lang {version}", (made["name"], made["version"]) == ("nereid-lang", version))
check("pyproject.toml: the name is not nereid-lang", project["project"]["name"] == "nereid-lang")
source = project["tool"]["scikit-build"]["metadata"]["version"]
found = re.search(source["regex"], (ROOT / source["input"]).read_text())
check("pyproject.toml does not read the version from CMakeLists.txt", "version" in project["project"]["dynamic"] and found and found["value"] == version)

# Commands that would install a stranger's package, and imports of its name in JavaScript.
STRANGER = re.compile(
    r"""\b(pip3?|uv)\s+(install|add)\b[^\n`]*[\s"']nereid(?![\w/.-])"""
    r"""|\b(npm|pnpm|yarn|bun)\s+(install|i|add)\b[^\n`]*[\s"']nereid(?![\w/.-])"""
    r"""|\b(from\s+|import\()\\?["']nereid(/[\w-]+)?\\?["']"""
    r"""|["']nereid["']\s*:\s*["'](\*|[\^~<>=v\d]|file:|npm:|latest)"""
)
listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
names = listed.stdout.split() if listed.returncode == 0 else []
for name in names:
    path = ROOT / name
    if path.suffix not in (".md", ".py", ".ipynb", ".json", ".toml", ".ts", ".js", ".jsx", ".mjs", ".html", ".sh", ".yml", ".cpp", ".h") or not path.is_file():
        continue
    for line, text in enumerate(path.read_text(errors="replace").splitlines(), 1):
        if STRANGER.search(text) and path != Path(__file__).resolve() and not re.search(r'"nereid": "[0-9.]+",?$', text):
            check(f"{name}:{line}: names the package `nereid`, which is not ours: {text.strip()[:120]}", False)
check("git lists no files", names or listed.returncode)

print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
