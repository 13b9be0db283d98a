# SPDX-License-Identifier: MIT
"""The compiler as a WebAssembly module and the native compiler produce the same files byte for byte, the same manifest and the same errors.

    python tests/differential/same_artefacts.py [-k NAME] [FILE.py ...]

Compiles the corpus and the examples for the target wasm both ways, and the programs of tests/errors and tests/lang, most of which are refused. For some, it also compares the text of
each stage. Needs web/dist (scripts/web.sh build) and Node.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import corpus

ROOT = corpus.ROOT
STAGES = ["tokens", "ast", "ttir", "passes", "wat"]  # `schedule`, `lower`: for the processor that it runs on


def header(path):
    """Kernel, signature and constants of a test file, if it has one to compile."""
    text = path.read_text()
    field = {m[1]: m[2].strip() for m in re.finditer(r"^(?:#|//) (kernel|signature|constants): *(.*)$", text, re.M)}
    constants = dict(item.split("=", 1) for item in corpus.split(field.get("constants", "")))
    return field.get("kernel", ""), field.get("signature", ""), constants


def jobs(options):
    for case in corpus.cases(options.files, options.k):
        yield {"path": str(case.path), "kernel": case.kernel, "signature": ",".join(case.signature), "constants": case.constants}
    if options.files:
        return
    for path in sorted(p for folder in ("errors", "lang") for p in (ROOT / "tests" / folder).iterdir()):
        kernel, signature, constants = header(path)
        if options.k in path.name and "\x00" not in signature:
            yield {"path": str(path), "kernel": kernel, "signature": signature, "constants": constants}


def native(job, stages, folder, nereid):
    name = job["path"] + (":" + job["kernel"] if job["kernel"] else "")
    rest = ([f"--signature={job['signature']}"] if job["signature"] else []) + [x for item in job["constants"].items() for x in ("-D", "=".join(item))]
    folder.mkdir()
    done = subprocess.run([nereid, "compile", name, "--target", "wasm", "-o", folder, *rest], capture_output=True, text=True)
    job["folder"], job["error"], job["stages"] = str(folder), done.stderr if done.returncode else None, {}
    for stage in stages if not done.returncode else []:
        job["stages"][stage] = subprocess.run([nereid, "emit", name, "--stage", stage, *rest], capture_output=True, text=True).stdout
    return job


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nereid", default=str(ROOT / "build/bin/nereid"))
    parser.add_argument("-k", default="", help="only kernels whose name contains this")
    parser.add_argument("files", nargs="*", type=Path)
    o = parser.parse_args()
    if not (ROOT / "web/dist/compile/nereid.wasm").exists():
        print("skipped: no web/dist (scripts/web.sh build makes it)")
        sys.exit(0)
    node = ROOT / "web/node_modules/node/bin/node"
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        chosen = list(jobs(o))
        done = list(pool.map(lambda n: native(chosen[n], [] if n % 8 else STAGES if chosen[n]["path"].endswith(".py") else STAGES[2:], Path(folder) / str(n), o.nereid), range(len(chosen))))
        (Path(folder) / "jobs.json").write_text(json.dumps(done))
        sys.exit(subprocess.run([node if node.exists() else "node", ROOT / "web/test/same-artefacts.mjs", Path(folder) / "jobs.json"]).returncode)
