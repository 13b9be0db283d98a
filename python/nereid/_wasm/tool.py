# SPDX-License-Identifier: MIT
"""The command `nereid` of the universal wheel: the commands that need no native code."""
import argparse
import json
import sys

from . import compiler, state


def run(words):
    parser = argparse.ArgumentParser(prog="nereid", description="Compiles Triton kernels to WebAssembly and WGSL. The native wheel also has the commands run, tune, reduce and ops.")
    parser.add_argument("--version", action="version", version=f"nereid {state.VERSION}")
    commands = parser.add_subparsers(dest="command", required=True)
    shown = commands.add_parser("targets", help="the targets, and whether they run here")
    shown.add_argument("--json", action="store_true")
    for name, about in (("compile", "writes files and manifest.json"), ("emit", "prints a stage of the compiler")):
        command = commands.add_parser(name, help=about)
        command.add_argument("file", metavar="FILE[:KERNEL]")
        command.add_argument("--signature", default="", help="one item per parameter, as in Triton's AOT tool")
        command.add_argument("-D", dest="constants", action="append", default=[], metavar="NAME=VALUE", help="a constexpr, as a Python literal")
        command.add_argument("--debug", action="store_true")
        if name == "compile":
            command.add_argument("--target", default="wasm,webgpu")
            command.add_argument("-o", dest="out", default=".", metavar="DIR")
        else:
            command.add_argument("--stage", default="ttir")
    try:
        options = parser.parse_args(words)
    except SystemExit as e:
        return e.code
    try:
        if options.command == "targets":
            _targets(options.json)
        else:
            _kernel(options)
    except (RuntimeError, state.compile_error) as e:
        print(e, file=sys.stderr)
        return 1 if isinstance(e, state.compile_error) else 3
    except (OSError, ValueError) as e:
        print(e, file=sys.stderr)
        return 2
    return 0


def _targets(as_json):
    text = state.targets()
    if as_json:
        print(text)
        return
    for row in json.loads(text):
        print(f"{row['name']:<8} {row['doc']}{'' if row['runs'] else ' (' + (row['missing'] or 'does not run here') + ')'}")


def _kernel(options):
    from ..inspection import write_manifest
    from ..jit import split_signature
    path, _, kernel = options.file.rpartition(":") if ":" in options.file.replace(":\\", "", 1) else (options.file, "", "")
    constants = dict(c.split("=", 1) for c in options.constants)
    request = dict(path=path, files=[], kernel=kernel, signature=[], constants={}, debug=options.debug, print=print)
    if options.command == "compile" or options.stage not in ("tokens", "ast"):
        parameters = json.loads(compiler.describe(**request))["parameters"]
        items = iter(split_signature(options.signature))
        request |= {"signature": ["" if p["name"] in constants else next(items, "") for p in parameters], "constants": constants}
    if options.command == "emit":
        print(compiler.emit(**request, stage=options.stage), end="")
        return
    write_manifest(options.out, [compiler.artefacts(**request, target=target.strip(), directory=options.out) for target in options.target.split(",")])
