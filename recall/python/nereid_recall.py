# SPDX-License-Identifier: MIT
"""Recall: search of texts by meaning, on kernels of Nereid: sentences to vectors by all-MiniLM-L6-v2, and exact search.

    with Recall("build/recall", "messages") as recall:
        recall.add(["a sentence", {"text": "another one", "person": "Ada"}])
        for hit in recall.search("a question", 10, person="Ada"):
            print(hit.score, hit.item["text"])

Its parts are an Encoder, which computes vectors, and a Store, which searches them.

Needs NumPy, and the package `tokenizers` for Encoder.load. recall/convert.py writes the encoder's files.
"""
import dataclasses
import json
import math
import mmap
import os
import struct
import zlib
from pathlib import Path

import numpy as np

from nereid import kernels

_TYPES = {"F32": np.float32, "F16": np.float16, "I8": np.int8}
_TOKENS = 1024  # of a batch: enough to keep the processor busy
_PLANS = 8  # to keep


def read_weights(path):
    """The tensors of a safetensors file, and its metadata."""
    with open(path, "rb") as f:
        data = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, t in header.items():
        begin, end = t["data_offsets"]
        dtype = np.dtype(_TYPES[t["dtype"]])
        tensors[name] = np.frombuffer(data, dtype, (end - begin) // dtype.itemsize, 8 + size + begin).reshape(t["shape"])
    return tensors, metadata


def length_of(tokens):
    """The length that sequences of so many tokens are filled up to: few different ones, so that plans are reused."""
    step = 16 if tokens <= 64 else 32 if tokens <= 128 else 64
    return max(16, -(-tokens // step) * step)


class Encoder:
    """Turns texts into vectors of length 1, whose dot products are larger the closer the texts' meanings are."""

    def __init__(self, weights, metadata, tokenizer, longest=256):
        self.weights, self.tokenizer = weights, tokenizer
        self.heads, self.epsilon = int(metadata["heads"]), float(metadata["epsilon"])
        self.precision = metadata["precision"]
        self.dimension = weights["positions"].shape[1]
        self.longest = min(longest, weights["positions"].shape[0])
        self._layers = sum(name.endswith(".up.bias") for name in weights)
        self._plans = {}

    @classmethod
    def load(cls, folder, precision="f32", longest=256):
        """Reads the files of recall/convert.py. `precision` is f32 or int8; texts are cut after `longest` tokens, 512 at most."""
        from tokenizers import Tokenizer
        tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return cls(*read_weights(Path(folder) / f"minilm.{precision}.safetensors"), tokenizer, longest)

    def tokens(self, text):
        """The ids of a text, with those of its begin and end."""
        ids = self.tokenizer.encode(text).ids
        return ids if len(ids) <= self.longest else ids[:self.longest - 1] + ids[-1:]

    def encode(self, texts):
        """The vectors of the texts: [texts, dimension]."""
        out = np.zeros((len(texts), self.dimension), np.float32)
        known = [self.tokens(text) for text in texts]
        order = sorted(range(len(texts)), key=lambda i: -len(known[i]))  # sequences of about the same length together
        at = 0
        while at < len(order):
            length = length_of(len(known[order[at]]))
            most = max(1, _TOKENS // length)
            batch = order[at:at + most]
            size = len(batch) if len(batch) == most else 1 << (len(batch) - 1).bit_length()
            at += len(batch)
            ids, lengths = np.zeros((size, length), np.int32), np.zeros(size, np.int32)
            for row, i in enumerate(batch):
                ids[row, :len(known[i])] = known[i]
                lengths[row] = len(known[i])
            plan = self.plan(size, length)
            plan.launch(ids=ids, lengths=lengths)
            out[batch] = plan.outputs["vectors"][:len(batch)]
        return out

    def plan(self, size, length):
        """The launches for a batch of `size` sequences of `length` tokens."""
        key = size, length
        plan = self._plans.pop(key, None) or self._compile(size, length)
        self._plans[key] = plan  # the newest is last
        if len(self._plans) > _PLANS:
            del self._plans[next(iter(self._plans))]
        return plan

    def _compile(self, size, length):
        w = self.weights
        graph = kernels.Graph()
        ids, lengths = graph.input("ids", np.int32, (size, length)), graph.input("lengths", np.int32, (size, ))

        def linear(x, name, **options):
            if self.precision == "int8":
                values, scales = kernels.quantize_rows(x, w.get(f"{name}.factors"))
                return kernels.matmul_int8(values, scales, w[f"{name}.weight"], w[f"{name}.scales"], w[f"{name}.bias"], **options)
            return kernels.matmul(x, w[f"{name}.weight"], w[f"{name}.bias"], **options)

        def norm(x, name):
            return kernels.layer_norm(x, w[f"{name}.weight"], w[f"{name}.bias"], epsilon=self.epsilon)

        h = norm(kernels.embedding(ids, w["words"], w["positions"], w.get("words.scales")), "norm")
        for i in range(self._layers):
            a = kernels.self_attention(linear(h, f"{i}.qkv"), self.heads, lengths=lengths)
            h = norm(linear(a, f"{i}.attention", residual=h), f"{i}.norm1")
            h = norm(linear(linear(h, f"{i}.up", activation="gelu"), f"{i}.down", residual=h), f"{i}.norm2")
        return graph.compile(vectors=kernels.pool(h, lengths=lengths, normalize=True, dtype=np.float32))


# ---- the store

_MAGIC, _END, _VERSION = 0x4C43524E, 0x2E646E65, 1  # "NRCL", "end."
_ITEMS, _DELETED = 1, 2
_MOST = 1 << 28  # bytes of a payload
_ROOM = 1024  # items: the store has room for a multiple


class LogError(Exception):
    """The file is not a store, or of another version."""


class Log:
    """An append-only file of records that survives a crash at any moment; its format is that of recall/src/log.ts. Without a path it is in memory."""

    def __init__(self, path, width, read):
        """Calls read(kind, payload) for each record."""
        self._file = open(path, "r+b" if os.path.exists(path) else "w+b") if path else None
        header = struct.pack("<III", _MAGIC, _VERSION, width)
        header += struct.pack("<I", zlib.crc32(header))
        data = self._file.read() if self._file else b""
        if len(data) < len(header):
            if not header.startswith(data):  # only the beginning of a header may be cut off
                raise LogError("this is not a file of Recall")
            self.size = 0
            self._put(0, header)
            return
        magic, version, known, checksum = struct.unpack("<IIII", data[:16])
        if magic != _MAGIC:
            raise LogError("this is not a file of Recall")
        if version != _VERSION:
            raise LogError(f"the file has version {version}, but this program reads version {_VERSION}")
        if checksum != zlib.crc32(data[:12]):
            raise LogError("the file's header is damaged")
        if known != width:
            raise LogError(f"the file has vectors of {known} numbers, not {width}")
        at = 16
        while at + 16 <= len(data):
            length, kind = struct.unpack_from("<II", data, at)
            end = at + 8 + -(-length // 8) * 8
            if length > _MOST or end + 8 > len(data) or struct.unpack_from("<II", data, end) != (zlib.crc32(data[at:end]), _END):
                break
            read(kind, data[at + 8:at + 8 + length])
            at = end + 8
        self.size = at
        if at < len(data):  # a record that was being written
            self._file.truncate(at)
            self._flush()

    def _put(self, at, data):
        if self._file:
            self._file.seek(at)
            self._file.write(data)
            self._flush()
        self.size = at + len(data)

    def _flush(self):
        self._file.flush()
        os.fsync(self._file.fileno())

    def append(self, kind, payload):
        """Appends a record. It is there after a crash when this returns."""
        if len(payload) > _MOST:
            raise LogError(f"a record has at most {_MOST} bytes, but this has {len(payload)}")
        data = struct.pack("<II", len(payload), kind) + payload + bytes(-len(payload) % 8)
        at = self.size
        try:
            self._put(at, data + struct.pack("<II", zlib.crc32(data), _END))
        except OSError:  # the disk may be full
            self._file.truncate(at)
            raise

    def clear(self):
        """Removes all records."""
        if self._file:
            self._file.truncate(16)
            self._flush()
        self.size = 16

    def close(self):
        if self._file:
            self._file.close()


@dataclasses.dataclass
class Hit:
    """A result of a search; `score` is the cosine of the angle between query and item."""
    id: int
    item: dict
    score: float


class Store:
    """Texts with their vectors, in a file or in memory. An item is a dict with `text`, and optionally `person`, `time` (milliseconds since 1970) and `source`."""

    def __init__(self, path=None, width=384):
        self.width = width
        self._items, parts = [], []

        def read(kind, payload):
            if kind == _ITEMS:
                end = 8 + 2 * width * struct.unpack_from("<I", payload)[0]
                parts.append(np.frombuffer(payload[8:end], np.float16).reshape(-1, width))
                self._items += json.loads(payload[end:])
            elif kind == _DELETED:
                for i in np.frombuffer(payload, np.uint32):
                    self._items[i] = None

        self._log = Log(path, width, read)
        self._exact = np.zeros((0, width), np.float16)
        self._vectors, self._scales = np.zeros((0, width), np.int8), np.zeros(0, np.float32)
        at = 0
        self._reserve(len(self._items))
        for part in parts:
            self._put(at, part)
            at += len(part)

    def __len__(self):
        return sum(item is not None for item in self._items)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def add(self, items, vectors):
        """Adds items with their vectors: [items, width]. Returns the id of the first; the others follow. They are in the file when this returns."""
        vectors = np.asarray(vectors, np.float32)
        if vectors.shape != (len(items), self.width):
            raise ValueError(f"{len(items)} items need vectors of the shape {[len(items), self.width]}, but got {list(vectors.shape)}")
        first, halves = len(self._items), vectors.astype(np.float16)
        if items:
            text = json.dumps([{k: item[k] for k in ("text", "person", "time", "source") if item.get(k) is not None} for item in items], ensure_ascii=False)
            self._log.append(_ITEMS, struct.pack("<II", len(items), 0) + halves.tobytes() + text.encode())
            self._items += json.loads(text)
            self._reserve(len(self._items))
            self._put(first, halves)
        return first

    def delete(self, ids):
        """Removes items."""
        known = [i for i in ids if 0 <= i < len(self._items) and self._items[i] is not None]
        if known:
            self._log.append(_DELETED, np.array(known, np.uint32).tobytes())
            for i in known:
                self._items[i] = None

    def clear(self):
        """Removes all items, also from the file."""
        self._log.clear()
        self._items.clear()

    def search(self, query, k=10, person=None, earliest=None, latest=None):
        """The k items whose vectors are closest to the query's, best first. Every item is compared. With `earliest` or `latest`, items without a time are left out."""

        def counts(item):
            if item is None or person is not None and item.get("person") != person:
                return False
            time = item.get("time")
            if earliest is None and latest is None:
                return True
            return time is not None and (-math.inf if earliest is None else earliest) <= time <= (math.inf if latest is None else latest)

        mask = np.zeros(len(self._vectors), np.uint8)
        mask[:len(self._items)] = [counts(item) for item in self._items]
        if not mask.any():
            return []
        values, ids = kernels.search(np.asarray(query, np.float32), self._vectors, self._scales, k, exact=self._exact, mask=mask)
        return [Hit(int(i), self._items[i], float(score)) for score, i in zip(values, ids) if score > -math.inf]

    def vector(self, id):
        """The vector of an item, as a query for similar ones."""
        if not 0 <= id < len(self._items) or self._items[id] is None:
            raise IndexError(f"there is no item {id}")
        return self._exact[id].astype(np.float32)

    def close(self):
        self._log.close()

    def _put(self, first, halves):
        end = first + len(halves)
        self._exact[first:end] = halves
        self._vectors[first:end], self._scales[first:end] = kernels.quantize_rows(halves)

    def _reserve(self, count):
        room = len(self._vectors)
        if count <= room and room:
            return
        # A quarter more, so that items that come one by one are not copied often.
        more = max(1, math.ceil((1.25 * count if room else count) / _ROOM)) * _ROOM - room
        self._exact = np.concatenate([self._exact, np.zeros((more, self.width), np.float16)])
        self._vectors = np.concatenate([self._vectors, np.zeros((more, self.width), np.int8)])
        self._scales = np.concatenate([self._scales, np.zeros(more, np.float32)])


class Recall:
    """Texts that are searched by meaning, in a file or in memory. `model` is the folder with the files of recall/convert.py."""

    def __init__(self, model, path=None, precision="int8", longest=256):
        self.encoder = Encoder.load(model, precision, longest)
        self.store = Store(path, self.encoder.dimension)

    def __len__(self):
        return len(self.store)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def add(self, items):
        """Adds texts, or dicts as Store takes them. Returns the id of the first; the others follow."""
        items = [{"text": item} if isinstance(item, str) else item for item in items]
        return self.store.add(items, self.encoder.encode([item["text"] for item in items]))

    def search(self, query, k=10, **filters):
        """The k texts whose meanings are closest to the query's, best first. Filters are those of Store.search."""
        return self.store.search(self.encoder.encode([query])[0], k, **filters)

    def similar(self, id, k=10, **filters):
        """The k texts closest to one of them, without itself."""
        hits = self.store.search(self.store.vector(id), k + 1, **filters)
        return [hit for hit in hits if hit.id != id][:k]

    def delete(self, ids):
        self.store.delete(ids)

    def clear(self):
        self.store.clear()

    def close(self):
        self.store.close()
