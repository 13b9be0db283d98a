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
from nereid_recall import Encoder, Log, LogError, Recall, Store, read_weights  # noqa: E402

FOLDER = Path(os.environ.get("RECALL_DIR", ROOT / "build/recall"))
GOLDEN = Path(os.environ.get("RECALL_GOLDEN", ROOT / "recall/node_modules/@sap-ux/fiori-docs-embeddings/data/embeddings"))
EVERY = int(os.environ.get("RECALL_EVERY", "12"))
SENTENCES = ["The train to Lyon leaves at seven in the morning.", "When does my train depart?", "Grandma's recipe for plum cake needs six eggs.", "", "word " * 40]


@pytest.fixture(scope="module")
def golden():
    texts = [json.loads(line)["content"] for line in (GOLDEN / "records.jsonl").read_text().splitlines() if line]
    vectors = np.fromfile(GOLDEN / "embeddings.bin", np.float32).reshape(len(texts), -1)
    return texts[::EVERY], vectors[::EVERY] / np.linalg.norm(vectors[::EVERY], axis=1, keepdims=True)


def nearest(vectors):
    return np.argsort(-(vectors @ vectors.T), axis=1, kind="stable")[:, :10]


@pytest.mark.parametrize("precision, least, overlap", [("f32", 0.99, 0.95), ("int8", 0.99, 0.95 if EVERY == 1 else 0.94)])
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


def filled(path=None, count=3000, width=32):
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((count, width)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    items = [{"text": f"text {i} ü", "person": ["Ada", "Ben", "Cem"][i % 3], **({"time": i * 1000} if i % 7 else {})} for i in range(count)]
    store = Store(path, width)
    for begin, end in ((0, 10), (10, count // 2), (count // 2, count)):
        assert store.add(items[begin:end], vectors[begin:end]) == begin
    return store, vectors, items


def test_a_search_finds_the_nearest_items():
    store, vectors, items = filled()
    rng = np.random.default_rng(1)
    store.delete(range(0, 3000, 5))
    assert len(store) == 2400
    for options, counts in (({}, lambda i: True), ({"person": "Ben"}, lambda i: i % 3 == 1),
                            ({"person": "Cem", "earliest": 500000, "latest": 2000000}, lambda i: i % 3 == 2 and i % 7 and 500 <= i <= 2000)):
        for _ in range(5):
            query = rng.standard_normal(32).astype(np.float32)
            query /= np.linalg.norm(query)
            scores = np.where([i % 5 > 0 and bool(counts(i)) for i in range(3000)], vectors.astype(np.float16).astype(np.float64) @ query, -np.inf)
            hits = store.search(query, 10, **options)
            assert [hit.id for hit in hits] == list(np.argsort(-scores)[:10])
            assert all(abs(hit.score - scores[hit.id]) < 1e-3 and hit.item == items[hit.id] for hit in hits)
    assert store.search(vectors[0], 10, person="Nobody") == []
    store.clear()
    assert store.search(vectors[0]) == [] and store.add(items[:1], vectors[:1]) == 0 and store.search(vectors[0])[0].id == 0


def test_a_closed_store_is_the_same_when_it_is_opened_again(tmp_path):
    path = str(tmp_path / "store")
    store, vectors, _ = filled(path)
    store.delete([3, 77])
    before = store.search(vectors[5], 20)
    store.close()
    with Store(path, 32) as store:
        assert len(store) == 2998 and store.search(vectors[5], 20) == before
    with pytest.raises(LogError, match="vectors of 32 numbers, not 16"):
        Store(path, 16)
    (tmp_path / "other").write_bytes(b"something else, which is long enough")
    with pytest.raises(LogError, match="not a file of Recall"):
        Store(str(tmp_path / "other"))


def test_after_a_crash_at_any_byte_there_are_all_complete_records(tmp_path):
    path = str(tmp_path / "log")
    records = [bytes([i] * length) for i, length in enumerate((5, 0, 8, 33, 1))]
    log, ends = Log(path, 4, None), []
    ends = [log.size] + [log.append(i, record) or log.size for i, record in enumerate(records)]
    log.close()
    whole = Path(path).read_bytes()
    for size in range(len(whole) + 1):
        for rest in (b"", bytes(24), np.random.default_rng(size).bytes(50)):
            if size < 16 and rest:
                continue
            Path(path).write_bytes(whole[:size] + rest)
            found = []
            log = Log(path, 4, lambda kind, payload: found.append((kind, payload)))
            assert found == list(enumerate(records))[:sum(size >= end for end in ends) - 1 if size >= 16 else 0]
            log.append(9, b"more")
            log.close()
            again = []
            Log(path, 4, lambda kind, payload: again.append((kind, payload))).close()
            assert again == found + [(9, b"more")]


def test_the_npm_package_reads_the_same_file():
    """recall/test/store.ts has written it."""
    path = os.environ.get("RECALL_STORE")
    if not path:
        pytest.skip("RECALL_STORE is not set")
    with Store(path, 32) as store:
        assert len(store) == 598 and store._items[3] is None
        assert store._items[5] == {"text": "text 5", "person": "Cem", "time": 5000} and store._items[7] == {"text": "text 7", "person": "Ben"}
        expected = json.loads(Path(path + ".json").read_text())
        hits = store.search(np.array(expected["query"], np.float32), 20)
        assert [hit.id for hit in hits] == expected["ids"]


def test_texts_are_found_by_meaning(tmp_path):
    path = str(tmp_path / "texts")
    with Recall(FOLDER, path) as recall:
        assert recall.add([*SENTENCES[:2], {"text": SENTENCES[2], "person": "Ada"}, {"text": "Buy eggs and flour", "person": "Ben"}]) == 0
        assert recall.search("departure of the railway", 1)[0].id in (0, 1)
        assert [hit.id for hit in recall.search("baking", person="Ben")] == [3]
        assert recall.similar(2, 1)[0].id == 3 and len(recall.similar(2)) == 3
        recall.delete([3])
    with Recall(FOLDER, path) as recall:
        assert len(recall) == 3 and recall.search("baking", 1)[0].item == {"text": SENTENCES[2], "person": "Ada"}
        with pytest.raises(IndexError, match="no item 3"):
            recall.similar(3)
        recall.clear()
        assert len(recall) == 0
