# SPDX-License-Identifier: MIT
"""Whisper in Python, on the CPU: texts, times and probabilities are those of faster-whisper 1.2 (float32) for the same weights and recording."""
import os
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("VOICE_DIR", ROOT / "build/voice"))
JFK = ROOT / "voice/node_modules/nodejs-whisper/cpp/whisper.cpp/bindings/go/samples/jfk.wav"
sys.path.insert(0, str(ROOT / "voice/python"))
from nereid_voice import Whisper, fourier, mel_filters, read_wav  # noqa: E402

GREEDY = "And so my fellow Americans ask not what your country can do for you ask what you can do for your country"
BEAMS = "And so, my fellow Americans ask not what your country can do for you ask what you can do for your country."


@pytest.mark.parametrize(("precision", "tolerance"), [("f16", 2e-4), ("int8", 0.05)])
def test_text_of_a_recording(precision, tolerance):
    whisper, samples = Whisper.load(FOLDER, precision), read_wav(JFK)
    found = whisper.transcribe(samples)
    assert found.text == GREEDY
    if precision == "f16":
        assert [(s.start, s.end) for s in found.segments] == [(0, 7.74), (7.74, 10.74)]
    assert all(abs(s.logarithm + 0.37748) < tolerance and abs(s.no_speech - 0.0628) < tolerance for s in found.segments)
    if precision == "f16":
        found = whisper.transcribe(samples, beams=5)
        assert found.text == BEAMS
        assert [(s.start, s.end) for s in found.segments] == [(0, 8), (8, 11)]
        assert all(abs(s.logarithm + 0.28995) < tolerance for s in found.segments)


def test_silence_and_long_recordings():
    whisper, one = Whisper.load(FOLDER), read_wav(JFK)
    for samples in (np.zeros(0), np.zeros(50), np.zeros(48000)):
        assert whisper.transcribe(samples).segments == []
    long = np.concatenate([np.concatenate([one, np.zeros(16000, np.float32)])] * 3)
    found = whisper.transcribe(long)
    assert found.text.lower().count("ask what you can do for your country") == 3, found.text
    tried = whisper.transcribe(one, logarithm=0, temperatures=(0, 0.4), no_speech=1)
    assert tried.segments[0].temperature == 0.4 and "fellow Americans" in tried.text


def test_spectrum_is_that_of_numpy():
    whisper, samples = Whisper.load(FOLDER), read_wav(JFK)
    mel, largest = whisper._spectrum(samples)
    padded = np.pad(samples.astype(np.float64), (200, 400), mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, 400)[::160][:1000]
    power = np.abs(np.fft.rfft(frames * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400))))**2
    wanted = np.log10(np.maximum(power @ mel_filters().astype(np.float64), 1e-10))
    loud = wanted > wanted.max() - 8  # the others are cut off
    assert np.abs(mel[:1000] - wanted)[loud].max() < 2e-3 and abs(largest - wanted.max()) < 1e-4
    assert fourier().shape == (400, 402)
