# SPDX-License-Identifier: MIT
"""Writes the weights of Whisper tiny.en as a file of whisper.cpp, for voice/bench/page.ts.

    python voice/bench/whisper_cpp.py      writes build/voice/ggml-tiny.en.bin, in f16
"""
import struct
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "voice"), str(ROOT / "voice/python")]
from convert import read_ctranslate2  # noqa: E402
from nereid_voice import mel_filters  # noqa: E402


def names(source):
    """OpenAI's names and tensors."""
    out = {"decoder.token_embedding.weight": source["decoder/embeddings/weight"]}
    for part, final in (("encoder", "ln_post"), ("decoder", "ln")):
        out[f"{part}.positional_embedding"] = source[f"{part}/position_encodings/encodings"]
        for ours, theirs in (("weight", "gamma"), ("bias", "beta")):
            out[f"{part}.{final}.{ours}"] = source[f"{part}/layer_norm/{theirs}"]
        for i in range(4):
            theirs, ours = f"{part}/layer_{i}", f"{part}.blocks.{i}"
            for attention, norm, block in (("self_attention", "attn_ln", "attn"), ("attention", "cross_attn_ln", "cross_attn")):
                if f"{theirs}/{attention}/layer_norm/gamma" not in source:
                    continue
                for kind, gamma in (("weight", "gamma"), ("bias", "beta")):
                    out[f"{ours}.{norm}.{kind}"] = source[f"{theirs}/{attention}/layer_norm/{gamma}"]
                for kind in ("weight", "bias"):
                    if attention == "self_attention":
                        q, k, v = np.split(source[f"{theirs}/{attention}/linear_0/{kind}"], 3)
                        o = source[f"{theirs}/{attention}/linear_1/{kind}"]
                    else:
                        q, (k, v) = source[f"{theirs}/{attention}/linear_0/{kind}"], np.split(source[f"{theirs}/{attention}/linear_1/{kind}"], 2)
                        o = source[f"{theirs}/{attention}/linear_2/{kind}"]
                    for name, x in (("query", q), ("key", k), ("value", v), ("out", o)):
                        if (name, kind) != ("key", "bias"):
                            out[f"{ours}.{block}.{name}.{kind}"] = x
            for kind, gamma in (("weight", "gamma"), ("bias", "beta")):
                out[f"{ours}.mlp_ln.{kind}"] = source[f"{theirs}/ffn/layer_norm/{gamma}"]
                for layer, linear in ((0, 0), (2, 1)):
                    out[f"{ours}.mlp.{layer}.{kind}"] = source[f"{theirs}/ffn/linear_{linear}/{kind}"]
    for i in (1, 2):
        out[f"encoder.conv{i}.weight"] = source[f"encoder/conv{i}/weight"]
        out[f"encoder.conv{i}.bias"] = source[f"encoder/conv{i}/bias"].reshape(-1, 1)
    return out


def main(folder):
    source = read_ctranslate2(folder / "model.bin")
    words = (folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:50257]
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    byte = {chr(b): b for b in printable} | {chr(256 + i): b for i, b in enumerate(b for b in range(256) if b not in printable)}
    with open(folder / "ggml-tiny.en.bin", "wb") as file:
        file.write(struct.pack("<12i", 0x67676d6c, 51864, 1500, 384, 6, 4, 448, 384, 6, 4, 80, 1))
        filters = mel_filters().T
        file.write(struct.pack("<2i", *filters.shape) + np.ascontiguousarray(filters, "<f4").tobytes())
        file.write(struct.pack("<i", len(words) - 1))
        for word in words[:-1]:
            data = bytes(byte[c] for c in word)
            file.write(struct.pack("<i", len(data)) + data)
        for name, x in names(source).items():
            wide = x.ndim < 2 or name.endswith((".bias", "positional_embedding"))
            data = np.ascontiguousarray(x, np.float32 if wide else np.float16)
            file.write(struct.pack("<3i", data.ndim, len(name), 0 if wide else 1) + struct.pack(f"<{data.ndim}i", *data.shape[::-1]) + name.encode() + data.tobytes())


if __name__ == "__main__":
    main(ROOT / "build/voice")
