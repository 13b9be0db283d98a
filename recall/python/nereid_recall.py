# SPDX-License-Identifier: MIT
"""Recall: sentences to vectors by all-MiniLM-L6-v2, on kernels of Nereid.

    encoder = Encoder.load("build/recall", precision="f32")
    vectors = encoder.encode(["a sentence", "another one"])  # [2, 384], of length 1

Needs NumPy and the package `tokenizers`. recall/convert.py writes the files.
"""
import json
import mmap
import struct
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
                values, scales = kernels.quantize_rows(x)
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
