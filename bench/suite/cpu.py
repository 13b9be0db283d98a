# SPDX-License-Identifier: MIT
"""The suite on the CPU of this machine, next to torch, XLA:CPU and, for f32 products, NumPy's OpenBLAS.

    PYTHONPATH=build/python .venv-bench/bin/python bench/suite/cpu.py --date 2026-11-29 [TEXT]      cases whose names contain TEXT

One process per number of threads. In it Nereid and its peers run alternately, on equal arrays, and medians are compared: other load
slows all of them. Results are compared with float64. Rows are appended to the history, from which report.py makes docs/benchmarks.md.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from cases import HERE, SIZES, commit, suite

PEERS = ("torch", "xla", "numpy")


def environment(threads):
    """Environment variables of a process that runs `threads` threads."""
    # XLA:CPU, also where there is a GPU. OpenBLAS chooses its kernels unless these are set.
    env = {name: value for name, value in os.environ.items() if name not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    env["JAX_PLATFORMS"] = "cpu"
    for name in ("NEREID", "OMP", "OPENBLAS", "MKL"):
        env[f"{name}_NUM_THREADS"] = str(threads)
    # Idle threads of OpenBLAS sleep at once, so that they do not slow the others.
    env["OPENBLAS_THREAD_TIMEOUT"] = "4"
    # Memory that is freed is used again: the peers' results are then in memory that exists already, as Nereid's are.
    env["GLIBC_TUNABLES"] = "glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=8589934592:glibc.malloc.arena_max=1"
    return env


def torch_peer(case, values, threads):
    import numpy as np
    import torch

    from inputs import Library, arrays

    torch.set_num_threads(threads)

    alike = {"bfloat16": torch.bfloat16, "float8_e4m3fn": torch.float8_e4m3fn, "float8_e5m2": torch.float8_e5m2}

    def tensor(x):
        return torch.from_numpy(x.view(f"i{x.itemsize}").copy()).view(alike[x.dtype.name]) if x.dtype.name in alike else torch.from_numpy(x.copy())

    library = Library(torch, F=torch.nn.functional)
    a = arrays({name: tensor(x) for name, x in values.items() if isinstance(x, np.ndarray)})
    return lambda: case.torch(library, a), lambda x: x.double().numpy()


def xla_peer(case, values):
    import jax
    import numpy as np

    from inputs import Library, arrays

    library = jax if case.xla is not True else Library(jax.numpy, wide=lambda x: x.astype("float32"), erf=jax.scipy.special.erf)
    function = case.meaning if case.xla is True else case.xla
    # Copies: device_put may share the memory.
    given = {name: jax.numpy.array(x, copy=True) for name, x in values.items() if isinstance(x, np.ndarray)}
    compiled = jax.jit(lambda given: function(library, arrays(given)))
    return lambda: jax.block_until_ready(compiled(given)), lambda x: np.asarray(x, np.float64)


def numpy_peer(case, values):
    import numpy as np

    from inputs import Library, arrays

    a = arrays(values)
    out = np.empty_like(a.c)
    library = Library(np, matmul=lambda x, y: np.matmul(x, y, out=out))
    return lambda: case.meaning(library, a), lambda x: x


def measure(case, threads, seconds, peers):
    import nereid

    from inputs import arguments, distance, launcher, outputs, reference, several, turn, warm_up

    nereid.set_num_threads(threads)
    values = arguments(case)
    row = {"case": case.name, "kernel": case.kernel, "work": case.work, "unit": case.unit, "peers": {}, "problems": {}}
    wanted = reference(case, values)
    # Copied before the first launch, which may write to inputs.
    functions, made = {}, {}
    for name in peers:
        try:
            if name == "torch" and case.torch:
                made[name] = torch_peer(case, values, threads)
            elif name == "xla" and case.xla:
                made[name] = xla_peer(case, values)
            elif name == "numpy" and case.kernel == "products.py:matmul" and case.args["a_ptr"].dtype == "f32":
                made[name] = numpy_peer(case, values)
        except Exception as error:
            row["problems"][name] = str(error).splitlines()[0]
    run = launcher(case, values)
    run()
    row["worst"] = max(distance(values[name], wanted[name]) for name in wanted)
    if not row["worst"] <= case.tolerance:
        row["problems"]["nereid"] = f"its result is off by {row['worst']:.2g}"
    for name, (peer, convert) in made.items():
        try:
            results = several(peer())
            off = max(distance(convert(x), wanted[key]) for key, x in zip(outputs(case), results)) if case.same else 0
            # Peers may compute in f16 where the kernel computes in f32.
            if not off <= max(10 * case.tolerance, 2e-2):
                row["problems"][name] = f"its result is off by {off:.2g}"
            else:
                functions[name] = peer
        except Exception as error:
            row["problems"][name] = str(error).splitlines()[0]
    if not seconds:
        return row
    functions = {"nereid": run, **functions}
    for function in functions.values():
        warm_up(function)
    times = {name: [] for name in functions}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or any(len(x) < 3 for x in times.values()):
        for name, function in functions.items():
            times[name] += turn(function)
    medians = {name: statistics.median(x) for name, x in times.items()}
    row["ms"] = medians.pop("nereid")
    row["peers"] = medians
    return row


def child(o):
    from inputs import machine

    run = {"date": o.date, "machine": machine(), "commit": commit(), "load": round(os.getloadavg()[0], 1), "area": "cpu", "threads": o.threads}
    if o.threads == 1:
        # XLA has a thread for each processor that it may use.
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    wrong, ratios = 0, []
    for case in suite(o.sizes):
        if o.text not in case.name or o.kernel and case.kernel not in o.kernel:
            continue
        row = measure(case, o.threads, o.seconds, o.peers)
        wrong += "nereid" in row["problems"]
        text = f"{case.name:52}"
        if "ms" in row:
            scale = 1e6 if case.unit == "GB/s" else 1e9
            text += f" {row['ms']:8.2f} ms {case.work / row['ms'] / scale:9.3f} {case.unit:8}"
        if row["peers"]:
            best = min(row["peers"], key=row["peers"].get)
            ratios.append(row["peers"][best] / row["ms"])
            text += f" {ratios[-1]:6.2f} of {best}"
        print(text, *(f"\n    {name}: {problem}" for name, problem in row["problems"].items()), flush=True)
        if o.history and "ms" in row and "nereid" not in row["problems"]:
            with open(o.history, "a") as file:
                file.write(json.dumps({**run, **row}, ensure_ascii=False) + "\n")
    if ratios:
        print(f"geometric mean of {len(ratios)} ratios, {o.threads} threads: {statistics.geometric_mean(ratios):.2f}\n")
    return wrong > 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", nargs="?", default="")
    names = lambda text: [name for name in text.split(",") if name]
    parser.add_argument("--kernel", type=names, default=[], help="only these of kernels/: FILE:NAME,...")
    parser.add_argument("--date", default="", help="of the history's rows; without it none are written")
    parser.add_argument("--seconds", type=float, default=1, help="for each case; 0 only checks results")
    parser.add_argument("--threads", type=int, help="only this number")
    parser.add_argument("--sizes", choices=SIZES, default="cpu")
    parser.add_argument("--peers", type=names, default=list(PEERS))
    parser.add_argument("--history", type=Path)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    o = parser.parse_args()
    if o.child:
        return child(o)
    history = o.history or HERE / "history/cpu.jsonl"
    failed = False
    for threads in [o.threads] if o.threads else sorted({1, len(os.sched_getaffinity(0))}):
        command = [sys.executable, __file__, o.text, "--child", "--threads", str(threads), "--seconds", str(o.seconds), "--sizes", o.sizes, "--peers", ",".join(o.peers), "--kernel", ",".join(o.kernel), "--date", o.date]
        print(f"{threads} threads", flush=True)
        failed |= subprocess.run(command + (["--history", str(history)] if o.date else []), env=environment(threads)).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
