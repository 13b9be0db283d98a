# SPDX-License-Identifier: MIT
"""Records what the compiler writes for the corpus and the examples, for every target, and compares it with a record: is a change byte-identical?

    python tests/differential/artefacts.py record [DIR]     once, before the change
    python tests/differential/artefacts.py compare [DIR]    after it: lists what differs, with the first differing lines

DIR is build/record if not given. Recorded are the LLVM IR of three CPU levels, the WebAssembly text, all shader variants, and the lower form of the targets `lower` and
`threads`. Exits with 1 if something differs.
"""
import argparse
import difflib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import corpus

ROOT = corpus.ROOT
STAGES = {"cpu-v4": ("llvm", {"NEREID_CPU": "x86-64-v4"}), "cpu-v3": ("llvm", {"NEREID_CPU": "x86-64-v3"}), "cpu-v1": ("llvm", {"NEREID_CPU": "x86-64"}), "wasm": ("wat", {}),
          "lower": ("lower", {"NEREID_CPU": "x86-64-v4"}), "threads": ("threads", {})}


def texts(case, nereid):
    """{kind: text}: what the compiler prints for a case; an error is a text too."""
    name = [f"{case.path}:{case.kernel}"]
    rest = ["--signature", ",".join(case.signature)] + [x for item in case.constants.items() for x in ("-D", "=".join(item))]

    def text(command, env):
        done = subprocess.run([nereid, *command], capture_output=True, text=True, env={**os.environ, **env})
        return done.stdout if done.returncode == 0 else done.stderr

    out = {kind: text(["emit", *name, "--stage", stage, *rest], env) for kind, (stage, env) in STAGES.items()}
    with tempfile.TemporaryDirectory() as folder:
        error = text(["compile", *name, "--target", "webgpu", "-o", folder, *rest], {})
        shaders = sorted(Path(folder).glob("*.wgsl"))
        out.update({"webgpu " + path.name.split(".", 1)[1]: path.read_text() for path in shaders} or {"webgpu": error})
    return out


def record(options):
    cases = list(corpus.cases(options.files, options.k))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = list(pool.map(lambda c: texts(c, options.nereid), cases))
    return {f"{case} [{n}] {kind}": text for n, (case, found) in enumerate(zip(cases, done)) for kind, text in found.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["record", "compare"])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build/record")
    parser.add_argument("--nereid", default=str(ROOT / "build/bin/nereid"))
    parser.add_argument("-k", default="", help="only kernels whose name contains this")
    parser.add_argument("--lines", type=int, default=12, help="lines of difference to show for each artefact")
    parser.add_argument("--most", type=int, default=5, help="artefacts whose differences are shown")
    parser.add_argument("--files", nargs="*", type=Path, default=[])
    o = parser.parse_args()
    now = record(o)
    if o.what == "record":
        o.folder.mkdir(parents=True, exist_ok=True)
        (o.folder / "artefacts.json").write_text(json.dumps(now))
        print(f"{len(now)} artefacts, {hashlib.sha256(json.dumps(now, sort_keys=True).encode()).hexdigest()[:16]}")
        sys.exit(0)
    before = json.loads((o.folder / "artefacts.json").read_text())
    if o.k or o.files:
        before = {name: text for name, text in before.items() if name in now}
    different = [name for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name)]
    for n, name in enumerate(different):
        print(name + (" is new" if name not in before else " is gone" if name not in now else ""))
        if n < o.most and name in before and name in now:
            lines = difflib.unified_diff(before[name].splitlines(), now[name].splitlines(), "before", "now", lineterm="", n=1)
            print("\n".join("    " + line for line, _ in zip(lines, range(o.lines))))
    print(f"{len(now)} artefacts, {len(different)} differ")
    sys.exit(1 if different else 0)
