# SPDX-License-Identifier: MIT
"""Whisper tiny.en of faster-whisper (CTranslate2) on the prompts of Debian's asterisk-core-sounds-en-g722, as the peer of voice/bench/wer.mjs.

    python voice/bench/prompts.py FOLDER OUT [BEAMS] [NAMES...]

FOLDER has the unpacked packages asterisk-core-sounds-en-g722 and asterisk-core-sounds-en, and build/voice the weights. Writes OUT/NAME.wav (16 kHz, 16 bits), the
transcripts of the package as OUT/transcripts.json, and the texts of faster-whisper as OUT/faster-whisper.BEAMS.json. Needs voice/bench/requirements.txt.
"""
import gzip
import json
import sys
import time
import wave
from pathlib import Path

import av
import numpy as np
from faster_whisper import WhisperModel

ROOT = Path(__file__).resolve().parents[2]


def transcripts(folder):
    """The text of each prompt that is words, by name."""
    lines = gzip.decompress(next(folder.rglob("core-sounds-en.txt.gz")).read_bytes()).decode("utf-8", "replace").splitlines()
    out = {}
    for line in lines:
        name, _, text = line.partition(": ")
        text = text.strip()
        # Others are sounds, such as "(beep)" or "<silence>", or letters of an alphabet that have no spelling of their own.
        if text and not line.startswith(";") and text[0] not in "([<":
            out[name.strip()] = text
    return out


def decode(path):
    """16-bit samples at 16 kHz."""
    with av.open(str(path), format="g722") as file:
        return np.concatenate([frame.to_ndarray().reshape(-1) for frame in file.decode(audio=0)])


def main(folder, out, beams=1, names=()):
    out.mkdir(parents=True, exist_ok=True)
    sounds = next(folder.rglob("*.g722")).parent
    while sounds.name != "en_US_f_Allison" and sounds.name != "sounds" and not (sounds / "digits").is_dir():
        sounds = sounds.parent
    texts = {name: text for name, text in transcripts(folder).items() if (sounds / f"{name}.g722").exists()}
    texts = {name: text for name, text in texts.items() if not names or name in names}
    (out / "transcripts.json").write_text(json.dumps(texts, indent=1))
    for name in texts:
        path = out / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            with wave.open(str(path), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(16000)
                file.writeframes(decode(sounds / f"{name}.g722").astype("<i2").tobytes())
    model = WhisperModel(str(ROOT / "build/voice/faster-whisper"), device="cpu", compute_type="float32", cpu_threads=2)
    found, start = {}, time.time()
    for name in texts:
        segments, _ = model.transcribe(str(out / f"{name}.wav"), beam_size=beams, language="en")
        found[name] = "".join(segment.text for segment in segments).strip()
    (out / f"faster-whisper.{beams}.json").write_text(json.dumps(found, indent=1))
    print(f"{len(texts)} prompts, {time.time() - start:.0f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1, sys.argv[4:])
