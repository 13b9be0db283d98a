# SPDX-License-Identifier: MIT
"""The output of the fuzz harnesses for mutated kernels is valid for wabt and Dawn."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
SEEDS = [ROOT / "tests/ir", ROOT / "tests/ops", ROOT / "tests/corpus", ROOT / "tests/lang"]
MOST = 150  # of each kind and harness: a process each


def main():
    node = ROOT / "web/node_modules/node/bin/node"
    passed = failed = 0
    for harness in ("fuzz_tl_bytes", "fuzz_ttir_bytes"):
        with tempfile.TemporaryDirectory() as folder:
            env = dict(os.environ, NEREID_FUZZ_OUT=folder, NEREID_FUZZ_SECONDS=os.environ.get("NEREID_FUZZ_SECONDS", "3"), NEREID_FUZZ_KEEP=f"{folder}/input")
            run = subprocess.run([ROOT / "build/bin" / harness, *SEEDS], env=env, capture_output=True, text=True)
            if run.returncode:
                print(f"FAILED {harness}: status {run.returncode}\n{run.stderr[-2000:]}\n{pathlib.Path(folder, 'input').read_text(errors='replace')}")
                return 1
            spread = lambda files: files[:: max(1, len(files) // MOST)]
            modules, shaders = (spread(sorted(pathlib.Path(folder).glob(pattern))) for pattern in ("*.wasm", "*.wgsl"))
            for module in modules if shutil.which("wasm-validate") else []:
                done = subprocess.run(["wasm-validate", "--enable-threads", "--enable-relaxed-simd", module], capture_output=True, text=True)
                passed, failed = passed + (done.returncode == 0), failed + (done.returncode != 0)
                if done.returncode:
                    print(f"FAILED {harness}: {done.stderr}")
            if shaders and node.exists():
                done = subprocess.run([node, "--no-warnings", ROOT / "web/test/validate-shaders.mjs", *shaders], capture_output=True, text=True)
                passed, failed = passed + len(shaders) * (done.returncode == 0), failed + (done.returncode != 0)
                if done.returncode:
                    print(f"FAILED {harness}: {done.stdout}{done.stderr}")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


sys.exit(main())
