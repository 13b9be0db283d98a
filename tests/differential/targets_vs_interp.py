# SPDX-License-Identifier: MIT
"""Every kernel of the corpus and the examples on every target, against the interpreter.

    python tests/differential/targets_vs_interp.py [--targets lower,cpu] [-k NAME] [--schedules N] [FILE.py ...]

Needs numpy. corpus.py says how a `# run:` line is read.
"""
import itertools
import json
import subprocess

import corpus

_targets = []


def targets(options):
    if not _targets:
        listed = json.loads(subprocess.run([options.nereid, "targets", "--json"], capture_output=True, text=True, check=True).stdout)
        _targets.extend(options.targets.split(",") if options.targets else [t["name"] for t in listed if t["name"] not in ("interp", "webgpu") and t["runs"]])
    return _targets


def check(case, ttir, inputs, folder, options):
    wanted = corpus.run(options.nereid, ttir, "interp", case.grid, inputs, folder)
    problems = []
    schedules = [["--schedule", f"random:{options.seed + n}"] for n in range(options.schedules)] or [[]]
    for target, schedule in itertools.product(targets(options), schedules):
        try:
            # WebGPU need not fuse a product and a sum, and has neither f64 nor all atomics of 64 bits. A schedule may add in another order.
            tolerance = max(case.target_tolerance, 4e-6) if target == "webgpu" or schedule else case.target_tolerance
            # Then an operand of a later dot may round to the next f16.
            if schedule and any("16" in kind.partition(":")[0] for kind in case.signature):
                tolerance = max(tolerance, 1e-4)
            problem = corpus.compare(corpus.run(options.nereid, ttir, target, case.grid, inputs, folder, *schedule), wanted, tolerance)
        except RuntimeError as e:
            problem = None if "webgpu: f64 is not supported" in str(e) or "this atomic operation on 64-bit" in str(e) else str(e)
        if problem:
            problems.append(f"{target} {' '.join(schedule)}: {problem}")
    return "\n     ".join(problems) or None


if __name__ == "__main__":
    corpus.main(__doc__, check)
