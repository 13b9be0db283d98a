# SPDX-License-Identifier: MIT
"""Every kernel of the corpus and the examples as a WebAssembly module: both variants are valid, and the WAT assembles to the same bytes.

    python tests/differential/wasm_modules.py [-k NAME] [FILE.py ...]

Needs wabt (wasm-validate, wat2wasm, wasm2wat).
"""
import subprocess

import corpus

FEATURES = ["--enable-threads", "--enable-relaxed-simd"]


def tool(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr}")
    return done.stdout


def check(case, ttir, inputs, folder, options):
    try:
        tool(options.nereid, "compile", ttir, "--target", "wasm", "-o", folder)
        modules = sorted(folder.glob("*.wasm"))
        for module in modules:
            relaxed = module.name.endswith(".relaxed.wasm")
            tool("wasm-validate", *(FEATURES if relaxed else FEATURES[:1]), module)
            if module.stat().st_size > case.module_size:
                return f"{module.name} has {module.stat().st_size} bytes"
        text = folder / "module.wat"
        text.write_text(tool(options.nereid, "emit", ttir, "--stage", "wat"))
        tool("wat2wasm", *FEATURES, text, "-o", folder / "module.wasm")
        ours = next(m for m in modules if m.name.endswith(".relaxed.wasm"))
        if tool("wasm2wat", *FEATURES, ours) != tool("wasm2wat", *FEATURES, folder / "module.wasm"):
            return "the text is another module than the bytes"
        return None
    except RuntimeError as e:
        return str(e)


if __name__ == "__main__":
    corpus.main(__doc__, check)
