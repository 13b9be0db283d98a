# SPDX-License-Identifier: MIT
"""Every shader of the corpus and the examples, with and without each optional feature, is valid for Dawn, without warnings. Their
variables in shared memory have no more bytes than the manifest says; with subgroup matrices, the size of each is a multiple of 16 bytes.

    python tests/differential/shaders.py [-k NAME] [FILE.py ...]

Needs Node and the npm package webgpu (`make web`).
"""
import json
import re
import subprocess
from pathlib import Path

import corpus

WEB = Path(__file__).parents[2] / "web"
NODE = WEB / "node_modules/node/bin/node"


BYTES = {"u32": 4, "f16": 2, "vec2u": 8, "vec4u": 16}
LEAST = 16384  # bytes of shared memory that each device has


def shared_problems(shader, limit):
    """A driver may place an operand right behind a variable, but subgroup matrices are only loaded from multiples of 16 bytes."""
    text = shader.read_text()
    sizes = {}
    for name, element, count, single in re.findall(r"var<workgroup> (\w+): (?:array<(\w+), (\d+)>|(\w+));", text):
        sizes[name] = BYTES[element or single] * int(count or 1)
    assert len(sizes) == text.count("var<workgroup>"), text
    if "subgroupMatrixLoad" in text:
        yield from (f"{shader.name}: the size of `{name}` is not a multiple of 16 bytes" for name, size in sizes.items() if size % 16)
    if sum(sizes.values()) > limit:
        yield f"{shader.name}: {sum(sizes.values())} bytes of shared memory, but the manifest says {limit}"


def check(case, ttir, inputs, folder, options):
    done = subprocess.run([options.nereid, "compile", ttir, "--target", "webgpu", "-o", folder], capture_output=True, text=True)
    if done.returncode:
        # Features that the target lacks are refused by name.
        return None if "error: webgpu: " in done.stderr else done.stderr
    shaders = sorted(folder.glob("*.wgsl"))
    limits = {}
    for artefact in json.loads((folder / "manifest.json").read_text())["artefacts"]:
        for variant in artefact["webgpu"]["variants"]:
            limits[variant["file"]] = variant["limits"].get("maxComputeWorkgroupStorageSize", LEAST)
    if wrong := [problem for shader in shaders for problem in shared_problems(shader, limits[shader.name])]:
        return "\n".join(wrong)
    done = subprocess.run([NODE if NODE.exists() else "node", "--no-warnings", WEB / "test/validate-shaders.mjs", *shaders], capture_output=True, text=True)
    return None if done.returncode == 0 else done.stdout + done.stderr


if __name__ == "__main__":
    corpus.main(__doc__, check)
