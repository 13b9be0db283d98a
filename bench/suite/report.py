# SPDX-License-Identifier: MIT
"""Writes docs/benchmarks.md and its plots from the history, a file of JSON lines per area.

    .venv-bench/bin/python bench/suite/report.py [--add FILE]      FILE: rows from another machine, such as webgpu.jsonl of suite.mjs

For each machine, number of threads and case the last row counts.
"""
import argparse
import json
import math
import re
import statistics
from pathlib import Path

from cases import HERE, ROOT, suite

HISTORY = HERE / "history"
PAGE = ROOT / "docs/benchmarks.md"
PLOTS = ROOT / "docs/benchmarks"
AREAS = {"products.py": "Matrix products", "rows.py": "Rows: norms, softmax, losses, scans, sorts", "pointwise.py": "Elementwise, gathers, transposes", "attention.py": "Attention", "sparse.py": "Segments, sparse matrices, groups"}
COLOURS = dict(zip(AREAS, ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple")))
PEERS = {"torch": "torch", "xla": "XLA:CPU", "numpy": "NumPy", "native": "native", "tfjs": "TensorFlow.js", "ort-web": "ONNX Runtime Web", "jax-js": "jax-js", "triton": "Triton"}
KINDS = {"cpu": "CPU", "wasm": "WebAssembly", "webgpu": "WebGPU"}
CONDITIONS = {
    "cpu": """Kernels are compiled by `nereid.jit`; arguments are NumPy arrays.
Competitors are torch and XLA:CPU through jax (versions in `bench/suite/requirements.txt`), and NumPy's OpenBLAS for f32 products.
Nereid and its competitors run alternately in one process, on equal data; the numbers are medians.
Competitors return new arrays; the C library keeps freed memory, so these reuse memory.
The ratio compares with the fastest competitor: above 1 Nereid is faster.
Every result was compared with float64.
""",
    "wasm": """One thread of Node, at the CPU's sizes.
"Native" is the same kernel on the CPU, compiled for `x86-64-v3`: vectors of 256 bits, FMA, and conversions of f16.
WebAssembly's vectors have 128 bits, so a kernel that arithmetic bounds can reach about 0.5.
JavaScript's libraries are TensorFlow.js, ONNX Runtime Web and jax-js (versions in `bench/web/package.json`), for the operations that they have.
All run alternately; the numbers are medians.
A ratio above 1 means that Nereid's WebAssembly is faster.
Every result was compared with float64.
""",
    "webgpu": """Nereid's shaders run through Dawn in Node, many launches per wait.
The competitor is stock Triton with CUDA for the same source, with the better of 4 and 8 warps.
The numbers are medians.
A ratio above 1 means that Nereid is faster.
Samples of every result were compared with Triton's, except where a star marks that Triton has none.
""",
}


def rows_of(area):
    path = HISTORY / f"{area}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def latest(rows, area):
    """{(machine, threads): {case: row}} of cases that exist, in the suite's order."""
    names = [case.name for case in suite("gpu" if area == "webgpu" else "cpu")]
    groups = {}
    for row in rows:
        groups.setdefault((row["machine"], row.get("threads")), {})[row["case"]] = row
    groups = {key: {name: found[name] for name in names if name in found} for key, found in groups.items()}
    return {key: found for key, found in groups.items() if found}


def best(row, without=()):
    """The fastest peer and how many times as fast Nereid is."""
    peers = {name: ms for name, ms in row["peers"].items() if name not in without}
    if not peers:
        return None, math.nan
    name = min(peers, key=peers.get)
    return name, peers[name] / row["ms"]


def mean(ratios):
    ratios = [x for x in ratios if x == x]
    return statistics.geometric_mean(ratios) if ratios else math.nan


def digits(x):
    return f"{x:.3g}" if x < 100 else f"{x:.0f}"


def rate(row):
    if row["unit"] == "GB/s":
        return f"{digits(row['work'] / row['ms'] / 1e6)} GB/s"
    flops = row["work"] / row["ms"] / 1e9
    return f"{digits(flops)} TFLOP/s" if flops >= 1 else f"{digits(flops * 1e3)} GFLOP/s"


def show(ratio):
    return "-" if ratio != ratio else f"{ratio:.2f}"


def columns(area):
    """[(title, cell of a row)]"""
    ms = ("ms", lambda row: digits(row["ms"]) + ("" if row["worst"] is not None else "\\*"))
    if area == "cpu":
        return [ms, ("rate", rate), ("fastest competitor", lambda row: PEERS.get(best(row)[0], "-")), ("ratio", lambda row: show(best(row)[1]))]
    if area == "wasm":
        native = lambda row: row["peers"]["native"] / row["ms"]
        library = lambda row: best(row, {"native"})
        return [ms, ("rate", rate), ("ratio to native", lambda row: show(native(row))), ("fastest library", lambda row: PEERS.get(library(row)[0], "-")), ("ratio", lambda row: show(library(row)[1]))]
    return [ms, ("rate", rate), ("Triton, ms", lambda row: digits(row["peers"]["triton"]) if row["peers"] else "-"), ("ratio", lambda row: show(best(row)[1]))]


def plot(path, title, rows, ratio):
    """A bar per case, on a logarithmic scale around 1."""
    import matplotlib

    matplotlib.use("svg")
    # The same rows make the same bytes.
    matplotlib.rcParams.update({"svg.hashsalt": "nereid", "svg.fonttype": "none", "font.size": 8})
    from matplotlib import pyplot
    from matplotlib.patches import Patch

    shown = [row for row in rows if ratio(row) == ratio(row)]
    figure, axes = pyplot.subplots(figsize=(7, 0.6 + 0.15 * len(shown)), layout="constrained")
    logs = [math.log2(ratio(row)) for row in shown]
    files = [row["kernel"].split(":")[0] for row in shown]
    axes.barh(range(len(shown)), logs, color=[COLOURS[file] for file in files], height=0.75)
    axes.set_yticks(range(len(shown)), [row["case"] for row in shown], fontsize=6)
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.axvline(0, color="black", linewidth=0.8)
    low, high = math.floor(min([*logs, -1])), math.ceil(max([*logs, 1]))
    axes.set_xticks(range(low, high + 1), [f"{2.0**k:g}" for k in range(low, high + 1)])
    axes.grid(axis="x", linewidth=0.3)
    axes.set_title(title, fontsize=8)
    axes.legend(handles=[Patch(color=COLOURS[file], label=AREAS[file].split(":")[0]) for file in AREAS if file in files], fontsize=6)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def runs(rows, key, ratio, whole):
    """Date, commit, number of cases and geometric mean of each run of at least nine tenths of the cases."""
    found = {}
    for row in rows:
        if (row["machine"], row.get("threads")) == key:
            found.setdefault((row["date"], row["commit"]), {})[row["case"]] = ratio(row)
    return [[date, commit, str(len(ratios)), show(mean(ratios.values()))] for (date, commit), ratios in found.items() if len(ratios) >= 0.9 * whole]


def table(head, lines):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(line) + " |" for line in lines)]) + "\n"


def section(area, key, rows, history):
    machine, threads = key
    name = "-".join(filter(None, (area, re.sub(r"\W+", "-", machine).strip("-").lower(), str(threads or ""))))
    counted = "" if area == "webgpu" else f", {threads} thread{'s' if threads > 1 else ''}"
    measured = sorted({(row["date"], row["commit"], row.get("engine", ""), row.get("load")) for row in rows.values()}, key=str)
    text = f"### {machine}{counted}\n\nMeasured {'; '.join(f'{date}, commit {commit}' + (f', {engine}' if engine else '') + ('' if load is None else f'; load average {load} before') for date, commit, engine, load in measured)}.\n\n"
    measures = {"wasm": [("native", lambda row: row["peers"]["native"] / row["ms"]), ("libraries", lambda row: best(row, {"native"})[1])]}.get(area, [("", lambda row: best(row)[1])])
    for what, ratio in measures:
        file = f"{name}{'-' + what if what else ''}.svg"
        title = f"Ratio to {what or ('Triton' if area == 'webgpu' else 'the fastest competitor')}, {machine}{counted}"
        if any(ratio(row) == ratio(row) for row in rows.values()):
            plot(PLOTS / file, title, list(rows.values()), ratio)
            text += f"![{title}](benchmarks/{file})\n\n"
    for file, heading in AREAS.items():
        mine = [row for row in rows.values() if row["kernel"].startswith(file)]
        if mine:
            heads = columns(area)
            text += f"{heading}:\n\n" + table(["kernel", *(head for head, _ in heads)], [[row["case"], *(cell(row) for _, cell in heads)] for row in mine]) + "\n"
    (_, ratio), *_ = measures
    earlier = runs(history, key, ratio, len(rows))
    if len(earlier) > 1:
        text += "All runs, with the geometric mean of the first ratio:\n\n" + table(["date", "commit", "kernels", "ratio"], earlier) + "\n"
    summary = [[KINDS[area], f"{machine}{counted}", {"native": "native, x86-64-v3", "libraries": "the fastest library"}.get(what) or ("Triton" if area == "webgpu" else "the fastest competitor"), str(sum(ratio(row) == ratio(row) for row in rows.values())), show(mean(map(ratio, rows.values())))] for what, ratio in measures]
    return text, summary


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--add", type=Path)
    o = parser.parse_args()
    if o.add:
        for line in o.add.read_text().splitlines():
            with open(HISTORY / f"{json.loads(line)['area']}.jsonl", "a") as file:
                file.write(line + "\n")
    PLOTS.mkdir(exist_ok=True)
    for old in PLOTS.glob("*.svg"):
        old.unlink()
    summary, body = [], ""
    for area, title in KINDS.items():
        history = rows_of(area)
        groups = latest(history, area)
        if not groups:
            continue
        body += f"## {title}\n\n{CONDITIONS[area]}\n"
        for key, rows in sorted(groups.items(), key=str):
            text, lines = section(area, key, rows, history)
            body += text
            summary += lines
    PAGE.write_text("# Benchmarks\n\nGenerated by `bench/suite/report.py` from `bench/suite/history`: do not edit.\n"
                    "The kernels are those of `bench/suite/kernels`, written as libraries write them.\n"
                    "`make bench` measures the CPU and WebAssembly; [Benchmark a kernel](how-to/benchmark.md) says how to measure a GPU.\n"
                    "Other measurements are in [Performance](reference/performance.md).\n\n"
                    "Geometric means of the ratios:\n\n" + table(["target", "machine", "compared with", "kernels", "ratio"], summary) + "\n" + body.rstrip() + "\n")


if __name__ == "__main__":
    main()
