#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds the universal wheel (py3-none-any) into a folder: the files of python/nereid, and the compiler as WebAssembly from build-wasm (scripts/wasm.sh python).

    scripts/universal_wheel.py build/wheel
"""
import base64
import hashlib
import pathlib
import re
import sys
import zipfile

ROOT = pathlib.Path(__file__).parent.parent
LEFT_OUT = {"python/nereid/backend", "python/nereid/jax"}  # of stock Triton and JAX, whose launches need the extension


def field(text, name):
    return re.search(rf'^{name} = (.*)$', text, re.M).group(1).strip('"')


def metadata(version, project):
    extras = dict(re.findall(r'^(\w+) = \[(.*)\]$', project.partition("[project.optional-dependencies]")[2].partition("\n[")[0], re.M))
    lines = ["Metadata-Version: 2.1", "Name: nereid-lang", f"Version: {version}", f"Summary: {field(project, 'description')}", "License: MIT",
             f"Requires-Python: {field(project, 'requires-python')}", "Description-Content-Type: text/markdown", "License-File: LICENSE",
             "Classifier: Operating System :: OS Independent", "Classifier: Programming Language :: Python :: 3", "Requires-Dist: numpy",
             f"Requires-Dist: wasmtime{field(project, 'wasmtime')}; sys_platform != \"emscripten\""]
    for extra, packages in extras.items():
        if extra != "jax":
            lines.append(f"Provides-Extra: {extra}")
            lines += [f"Requires-Dist: {p}; extra == \"{extra}\"" for p in re.findall(r'"([^"]+)"', packages)]
    return "\n".join(lines) + "\n\n" + (ROOT / "README.md").read_text(encoding="utf-8")


def portable_code(module):
    """The compiler's module for wasmtime's interpreter, so that the first kernel does not wait for machine code. It suits one version of wasmtime."""
    try:
        import wasmtime
    except ImportError:
        print("no wasmtime: the first kernel on a machine will take seconds")
        return None
    config = wasmtime.Config()  # as in python/nereid/_wasm/wasmtime.py
    config.epoch_interruption = True
    config.target = "pulley64"
    return bytes(wasmtime.Module(wasmtime.Engine(config), module.read_bytes()).serialize())


def main():
    out = pathlib.Path(sys.argv[1])
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r"project\(nereid VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")).group(1)
    files = {}
    for path in sorted((ROOT / "python/nereid").rglob("*")):
        name = path.relative_to(ROOT).as_posix()
        if path.suffix in (".py", ".pyi", ".typed") and not any(name.startswith(folder + "/") for folder in LEFT_OUT):
            files[name.removeprefix("python/")] = path.read_bytes()
    for module in ("python.wasm", "libm.wasm"):
        files[f"nereid/_wasm/{module}"] = (ROOT / "build-wasm" / module).read_bytes()
    if code := portable_code(ROOT / "build-wasm/python.wasm"):
        files["nereid/_wasm/python.cwasm"] = code
    files["nereid/_wasm/version.txt"] = version.encode() + b"\n"
    info = f"nereid_lang-{version}.dist-info"
    files[f"{info}/METADATA"] = metadata(version, project).encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: nereid\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/entry_points.txt"] = b"[console_scripts]\nnereid = nereid.__main__:main\n"
    files[f"{info}/licenses/LICENSE"] = (ROOT / "LICENSE").read_bytes()
    record = f"{info}/RECORD"
    rows = [f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}" for name, data in files.items()]
    files[record] = ("\n".join([*rows, f"{record},,"]) + "\n").encode()
    out.mkdir(parents=True, exist_ok=True)
    wheel = out / f"nereid_lang-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
        for name, data in files.items():
            about = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))  # the same bytes each time
            about.compress_type, about.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            z.writestr(about, data)
    size = wheel.stat().st_size
    print(f"{wheel}: {size // 1000} kB")
    if size > 3_000_000:
        sys.exit("the wheel is larger than 3 MB")


main()
