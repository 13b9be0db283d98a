# SPDX-License-Identifier: MIT
"""The encoder in Python, compared with the golden vectors of another implementation, and with the same model in NumPy, in float64.

RECALL_DIR has the files of recall/convert.py, RECALL_GOLDEN the records and vectors; RECALL_EVERY=1 for all of them.
"""
import json
import math
import os
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "recall/python"))
from nereid_recall import Encoder, read_weights  # noqa: E402

FOLDER = Path(os.environ.get("RECALL_DIR", ROOT / "build/recall"))
GOLDEN = Path(os.environ.get("RECALL_GOLDEN", ROOT / "recall/node_modules/@sap-ux/fiori-docs-embeddings/data/embeddings"))
EVERY = int(os.environ.get("RECALL_EVERY", "8"))
SENTENCES = ["The train to Lyon leaves at seven in the morning.", "When does my train depart?", "Grandma's recipe for plum cake needs six eggs.", "", "word " * 40]


@pytest.fixture(scope="module")
def golden():
    texts = [json.loads(line)["content"] for line in (GOLDEN / "records.jsonl").read_text().splitlines() if line]
    vectors = np.fromfile(GOLDEN / "embeddings.bin", np.float32).reshape(len(texts), -1)
    return texts[::EVERY], vectors[::EVERY] / np.linalg.norm(vectors[::EVERY], axis=1, keepdims=True)


def nearest(vectors):
    return np.argsort(-(vectors @ vectors.T), axis=1, kind="stable")[:, :10]


@pytest.mark.parametrize("precision, least, overlap", [("f32", 0.99, 0.95), ("int8", 0.99, 0.93)])
def test_vectors_are_those_of_the_golden_set(golden, precision, least, overlap):
    texts, wanted = golden
    vectors = Encoder.load(FOLDER, precision, longest=512).encode(texts)
    cosines = (vectors * wanted).sum(1)
    common = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(nearest(vectors), nearest(wanted))])
    print(f"{precision}: least cosine {cosines.min():.5f}, overlap of the nearest ten {common:.4f}")
    assert cosines.min() >= least and common >= overlap


def reference(weights, ids, heads, epsilon):
    """The vector of one text."""
    w = {name: t.astype(np.float64) for name, t in weights.items() if name != "words"}
    norm = lambda x, name: (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + epsilon) * w[f"{name}.weight"] + w[f"{name}.bias"]
    linear = lambda x, name: x @ w[f"{name}.weight"] + w[f"{name}.bias"]
    h = norm(weights["words"][ids] + w["positions"][:len(ids)], "norm")
    n, columns = h.shape
    for i in range(sum(name.endswith(".up.bias") for name in w)):
        q, k, v = linear(h, f"{i}.qkv").reshape(n, 3, heads, columns // heads).transpose(1, 2, 0, 3)
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(columns // heads)
        p = np.exp(scores - scores.max(2, keepdims=True))
        a = (p / p.sum(2, keepdims=True) @ v).transpose(1, 0, 2).reshape(n, columns)
        h = norm(linear(a, f"{i}.attention") + h, f"{i}.norm1")
        u = linear(h, f"{i}.up")
        u *= 0.5 * (1 + np.vectorize(math.erf)(u / math.sqrt(2)))
        h = norm(linear(u, f"{i}.down") + h, f"{i}.norm2")
    mean = h.mean(0)
    return mean / np.linalg.norm(mean)


def test_vectors_are_those_of_numpy():
    encoder = Encoder.load(FOLDER)
    weights, metadata = read_weights(FOLDER / "minilm.f32.safetensors")
    vectors = encoder.encode(SENTENCES)
    for text, vector in zip(SENTENCES, vectors):
        assert np.abs(vector - reference(weights, encoder.tokens(text), int(metadata["heads"]), float(metadata["epsilon"]))).max() < 2e-6
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.3


def test_long_texts_are_cut_and_keep_their_end():
    encoder = Encoder.load(FOLDER, longest=32)
    ids = encoder.tokens("word " * 100)
    assert len(ids) == 32 and ids[0] == 101 and ids[-1] == 102
