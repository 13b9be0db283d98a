# SPDX-License-Identifier: MIT
"""Every barrier of the corpus and the examples is needed, and the interpreter notices if one is missing.

    python tests/differential/barriers.py [-k NAME] [FILE.py ...]

The kernels are lowered for a workgroup of 64 threads and arguments that do not overlap. The interpreter runs that form, and again without each of its barriers: each time it must report a race between two
threads. A barrier whose absence no input of the case can show is counted as spare: in a loop that runs once, in a branch that is not taken, between stores to different parts
of an array, or between atomic operations, which order memory for other programs. There may be at most MOST_SPARE of them. Without any of its barriers of shared memory, most
cases must report a race.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import corpus

MOST_SPARE = 195  # 188 of 1,158 on 2026-11-30: loops that run once, branches that are not taken, the order of atomic operations
BARRIER = re.compile(r"^ *lo\.barrier .*\n", re.M)


def lowered(case, nereid):
    rest = ["--signature", ",".join(case.signature)] + [x for item in case.constants.items() for x in ("-D", "=".join(item))]
    done = subprocess.run([nereid, "emit", f"{case.path}:{case.kernel}", "--stage", "threads.disjoint", *rest], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None


def run(case, nereid, text, folder, inputs):
    (folder / "k.ttir").write_text(text)
    command = [nereid, "run", str(folder / "k.ttir"), "--target", "interp", "--grid", case.grid]
    for name, kind, value in inputs:
        if isinstance(value, np.ndarray):
            source = folder / f"{name}.npy"
            np.save(source, value)
            command += ["--arg", f"{name}=@{source}:{kind}"]
        else:
            command += ["--arg", f"{name}={value}:{kind}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    return done.stderr if done.returncode else ""


def check(case, nereid):
    """(barriers found to be needed, spare ones with their lines, failure, whether it has barriers of shared memory, and no race without them)"""
    text = lowered(case, nereid)
    if text is None:
        return 0, [], None, False, False
    inputs = case.inputs(1)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        if error := run(case, nereid, text, folder, inputs):
            return 0, [], f"{case}: {error}", False, False
        needed, spare = 0, []
        without = re.sub(r'^ *lo\.barrier \{space = "workgroup"\}\n', "", text, flags=re.M)
        silent = without != text and "no barrier between" not in run(case, nereid, without, folder, inputs)
        has_shared = without != text
        for match in BARRIER.finditer(text):
            error = run(case, nereid, text[:match.start()] + text[match.end():], folder, inputs)
            if "no barrier between" in error:
                needed += 1
            elif error:
                return needed, spare, f"{case}: without a barrier another error: {error}", False, False
            else:
                spare.append(text.count("\n", 0, match.start()) + 1)
    return needed, spare, None, has_shared, silent


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nereid", default=str(corpus.ROOT / "build/bin/nereid"))
    parser.add_argument("-k", default="", help="only kernels whose name contains this")
    parser.add_argument("-v", "--verbose", action="store_true", help="print the spare barriers of each case")
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args()
    cases = list(corpus.cases(options.files, options.k))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(lambda c: check(c, options.nereid), cases))
    for case, (needed, spare, failure, *_) in zip(cases, found):
        if failure:
            print("FAIL", failure)
        if options.verbose:
            print(f"{case}: {needed} needed, spare at lines {spare}")
    failed = sum(f is not None for _, _, f, *_ in found)
    needed, spare = sum(n for n, *_ in found), sum(len(s) for _, s, *_ in found)
    shared, silent = sum(f[3] for f in found), sum(f[4] for f in found)
    print(f"of {shared} cases with barriers of shared memory, {silent} report no race without them")
    if silent * 4 > shared:
        print("FAIL: races are not reported")
        failed += 1
    print(f"{needed} barriers are needed; {spare} are spare for these inputs")
    if spare > MOST_SPARE:
        print(f"FAIL: more than {MOST_SPARE} are spare")
        failed += 1
    print(f"{len(cases) + needed - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
