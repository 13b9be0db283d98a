# SPDX-License-Identifier: MIT
"""Every shader of the corpus and the examples, with and without each optional feature, is valid for Dawn, without warnings.

    python tests/differential/shaders.py [-k NAME] [FILE.py ...]

Needs Node and the npm package webgpu (`make web`).
"""
import subprocess
from pathlib import Path

import corpus

WEB = Path(__file__).parents[2] / "web"
NODE = WEB / "node_modules/node/bin/node"


def check(case, ttir, inputs, folder, options):
    done = subprocess.run([options.nereid, "compile", ttir, "--target", "webgpu", "-o", folder], capture_output=True, text=True)
    if done.returncode:
        # Features that the target lacks are refused by name.
        return None if "error: webgpu: " in done.stderr else done.stderr
    shaders = sorted(folder.glob("*.wgsl"))
    done = subprocess.run([NODE if NODE.exists() else "node", "--no-warnings", WEB / "test/validate-shaders.mjs", *shaders], capture_output=True, text=True)
    return None if done.returncode == 0 else done.stdout + done.stderr


if __name__ == "__main__":
    corpus.main(__doc__, check)
