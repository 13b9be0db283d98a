# SPDX-License-Identifier: MIT
"""Every shader of the corpus and the examples, with and without each optional feature, is valid for Dawn, without warnings. Those with subgroup matrices
have variables in shared memory whose sizes are multiples of 16 bytes.

    python tests/differential/shaders.py [-k NAME] [FILE.py ...]

Needs Node and the npm package webgpu (`make web`).
"""
import re
import subprocess
from pathlib import Path

import corpus

WEB = Path(__file__).parents[2] / "web"
NODE = WEB / "node_modules/node/bin/node"


BYTES = {"u32": 4, "f16": 2, "vec2u": 8, "vec4u": 16}


def misplaced(shader):
    """Variables after which a driver may place operands at an address that subgroup matrices cannot be loaded from: one that is not a multiple of 16 bytes."""
    text = shader.read_text()
    if "subgroupMatrixLoad" not in text:
        return []
    found = re.findall(r"var<workgroup> (\w+): (?:array<(\w+), (\d+)>|(\w+));", text)
    assert len(found) == text.count("var<workgroup>"), text
    return [f"{shader.name}: the size of `{name}` is not a multiple of 16 bytes" for name, element, count, single in found if BYTES[element or single] * int(count or 1) % 16]


def check(case, ttir, inputs, folder, options):
    done = subprocess.run([options.nereid, "compile", ttir, "--target", "webgpu", "-o", folder], capture_output=True, text=True)
    if done.returncode:
        # Features that the target lacks are refused by name.
        return None if "error: webgpu: " in done.stderr else done.stderr
    shaders = sorted(folder.glob("*.wgsl"))
    if wrong := [problem for shader in shaders for problem in misplaced(shader)]:
        return "\n".join(wrong)
    done = subprocess.run([NODE if NODE.exists() else "node", "--no-warnings", WEB / "test/validate-shaders.mjs", *shaders], capture_output=True, text=True)
    return None if done.returncode == 0 else done.stdout + done.stderr


if __name__ == "__main__":
    corpus.main(__doc__, check)
