#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fails if modules of web/src (TypeScript, types too) or python/nereid import each other in a circle.

Imports inside a Python function count too; `import("...")` of TypeScript counts as an import.
"""
import ast
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# `import ... from "./x.ts"`, `export ... from "./x.ts"`, `import("./x.ts")`
TYPESCRIPT_IMPORT = re.compile(r"""(?:\bfrom|\bimport\s*\(|^import)\s*["'](\.[^"']+)["']""", re.MULTILINE)


def typescript(folder):
    """Maps each module to the modules that it imports."""
    files = {path.resolve(): path for path in folder.rglob("*.ts")}
    return {path: [target for name in TYPESCRIPT_IMPORT.findall(path.read_text()) if (target := (path.parent / name).resolve()) in files]
            for path in files}


def python(folder):
    """Maps each module to the modules that it imports."""
    modules = {}
    for path in folder.rglob("*.py"):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    graph = {}
    for name, path in modules.items():
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        targets = []
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                targets += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
                source = ".".join(base + (node.module.split(".") if node.module else []))
                # `from package import x`: x may be a module of it, or the extension
                targets += [module if (module := f"{source}.{alias.name}") in modules else source for alias in node.names if alias.name != "_core"]
        graph[path] = [modules[target] for target in dict.fromkeys(targets) if target in modules and modules[target] != path]
    return graph


def circles(graph):
    """The strongly connected components of the import graph (Tarjan 1972)."""
    order, low, stack, found = {}, {}, [], []

    def visit(node):
        order[node] = low[node] = len(order)
        stack.append(node)
        for target in graph[node]:
            if target not in order:
                visit(target)
            if target in stack:
                low[node] = min(low[node], low[target])
        if low[node] == order[node]:
            group = stack[stack.index(node):]
            del stack[stack.index(node):]
            if len(group) > 1 or node in graph[node]:
                found.append(group)

    for node in graph:
        if node not in order:
            visit(node)
    return found


def main():
    found = 0
    for graph in (typescript(ROOT / "web/src"), python(ROOT / "python/nereid")):
        if len(graph) < 5:
            sys.exit("import_cycles.py: no sources found")
        for group in circles(graph):
            found += 1
            print("import cycle: move the shared code to a separate module:")
            for path in group:
                others = ", ".join(sorted({target.name for target in graph[path] if target in group}))
                print(f"  {path.relative_to(ROOT)} imports {others}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
