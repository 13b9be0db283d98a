# SPDX-License-Identifier: MIT
"""The texts of a kernel's stages: in a folder (NEREID_DUMP), and in a notebook."""
import html as _html
import os

from . import _core
from .errors import CompileError

OF_SCHEDULE = ("schedule", "candidates", "lower", "llvm", "asm")  # the stages that a tuned schedule changes
STAGES = ("ttir", "passes", "schedule", "lower", "llvm", "asm", "wat", "wgsl")


def text(request, stage):
    """The text of a stage. A tuned schedule is of the target `cpu`: stages of other targets do not take it."""
    if stage.partition("+")[0] not in OF_SCHEDULE:
        request = {k: v for k, v in request.items() if k != "schedule"}
    return _core.emit(**request, stage=stage)


def dump(folder, name, key, request):
    """Writes every stage of a kernel to a separate folder, for NEREID_DUMP."""
    place = os.path.join(folder, f"{name}-{key[:8]}")
    os.makedirs(place, exist_ok=True)
    request = {k: v for k, v in request.items() if k != "target"}
    for path, source, shown in request["files"]:
        with open(os.path.join(place, path.strip("_")), "w", encoding="utf-8") as f:
            f.write(source)
    for stage in STAGES:
        try:
            result = text({**request, "print": None if stage == "ttir" else (lambda _: None)}, stage)
        except (CompileError, RuntimeError) as e:
            result = str(e)
        with open(os.path.join(place, f"{name}.{stage}"), "w", encoding="utf-8") as f:
            f.write(result + "\n")


def html(kernel):
    """A kernel in a notebook: its source, and the stages of its last launch, collapsed."""
    parts = [f"<b>kernel {_html.escape(kernel.__name__)}</b>({', '.join(_html.escape(p.name) for p in kernel.params)}), compiled for {kernel.compiled} combination(s)"]

    def fold(title, shown):
        parts.append(f"<details><summary>{title}</summary><pre>{_html.escape(shown)}</pre></details>")

    fold("source", kernel.src)
    if kernel._last:
        for stage, title in (("schedule", "explanation"), ("ttir", "TTIR"), ("lower", "loops"), ("asm", "assembly") if _core.NATIVE else ("wat", "WebAssembly")):
            fold(title, kernel.emit(stage))
    return "".join(parts)
