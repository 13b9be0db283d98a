# SPDX-License-Identifier: MIT
"""Speech to text by Whisper tiny.en, on kernels of Nereid.

    whisper = Whisper.load("build/voice")
    print(whisper.transcribe(read_wav("speech.wav")).text)

Needs NumPy. voice/convert.py writes the weights. The graphs of launches and the choice of tokens are those of voice/src.
"""
import dataclasses
import importlib.util
import json
import math
import mmap
import struct
import wave
import zlib
from pathlib import Path

import numpy as np

from nereid import cdiv, kernels

RATE, WINDOW, HOP, MELS, FRAMES, LONGEST = 16000, 400, 160, 80, 3000, 224
BINS = WINDOW // 2 + 1
_BLOCK, _LOG_BLOCK, _ROWS = 1024, 1000, 16
_FORBIDDEN, _AT_BEGIN, _WORDS, _TEXTS = 1, 2, 4, 8  # kinds of tokens, a bit each
_FIRST_TIMES = 50  # a first timestamp is at most 1 s
_KERNELS = Path(__file__).resolve().parents[1] / "kernels/speech.py"


def read_weights(path):
    """The tensors of a safetensors file, and its metadata."""
    with open(path, "rb") as f:
        data = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__", {})
    types = {"F32": np.float32, "F16": np.float16, "I8": np.int8}
    tensors = {}
    for name, t in header.items():
        begin, end = t["data_offsets"]
        dtype = np.dtype(types[t["dtype"]])
        tensors[name] = np.frombuffer(data, dtype, (end - begin) // dtype.itemsize, 8 + size + begin).reshape(t["shape"])
    return tensors, metadata


def read_wav(path):
    """The samples of a WAV file with 16 bits and 16,000 samples per second, as one channel of numbers from -1 to 1."""
    with wave.open(str(path)) as f:
        if (f.getsampwidth(), f.getframerate()) != (2, RATE):
            raise ValueError(f"{path} must have 16 bits and {RATE} samples per second (got {8 * f.getsampwidth()} and {f.getframerate()})")
        samples = np.frombuffer(f.readframes(f.getnframes()), "<i2").reshape(-1, f.getnchannels())
    return (samples.mean(1) / 32768).astype(np.float32)


def _speech():
    """The kernels of speech.py, which says `import triton`."""
    source = importlib.util.spec_from_loader("nereid_voice_kernels", None, origin=str(_KERNELS))
    module = importlib.util.module_from_spec(source)
    module.__file__ = str(_KERNELS)
    text = _KERNELS.read_text(encoding="utf-8").replace("import triton\nimport triton.language as tl", "import nereid as triton\nimport nereid.language as tl")
    exec(compile(text, str(_KERNELS), "exec"), module.__dict__)
    return module


def fourier():
    """A window function (Hann) times cosines, then sines, of each frequency: [WINDOW, 2 * BINS]."""
    k, f = np.arange(WINDOW)[:, None], np.arange(BINS)[None]
    angle = 2 * math.pi * (k * f % WINDOW) / WINDOW
    return ((0.5 - 0.5 * np.cos(2 * math.pi * k / WINDOW)) * np.concatenate([np.cos(angle), np.sin(angle)], 1)).astype(np.float32)


def mel_filters():
    """Triangles of equal width on Slaney's mel scale, with equal areas, as librosa's: [BINS, MELS]."""
    step, corner, logarithmic = 200 / 3, 1000, math.log(6.4) / 27
    to_mel = lambda f: f / step if f < corner else corner / step + math.log(f / corner) / logarithmic
    to_hertz = lambda m: np.where(m < corner / step, m * step, corner * np.exp((m - corner / step) * logarithmic))
    edges = to_hertz(np.arange(MELS + 2) * to_mel(RATE / 2) / (MELS + 1))
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    hertz = np.arange(BINS)[:, None] * RATE / WINDOW
    heights = np.maximum(0, np.minimum((hertz - low) / (middle - low), (high - hertz) / (high - middle)))
    return (heights * 2 / (high - low)).astype(np.float32)


@dataclasses.dataclass
class Segment:
    """A part of a recording: seconds, text and tokens; of its window the mean logarithm of the tokens' probabilities, the probability of no speech, how many times
    smaller its text is when compressed, and the temperature."""
    start: float
    end: float
    text: str
    tokens: list
    logarithm: float
    no_speech: float
    compression: float
    temperature: float


@dataclasses.dataclass
class Transcript:
    text: str
    segments: list


class Whisper:
    """Turns speech into text."""

    def __init__(self, weights, metadata):
        self.weights, self.precision, self.heads = weights, metadata["precision"], int(metadata["heads"])
        self.columns = weights["tokens"].shape[1]
        self.length = weights["decoder.positions"].shape[0]
        self.words = json.loads(metadata["vocabulary"])
        at = self.words.index
        self.end, self.start, self.previous, self.no_speech = at("<|endoftext|>"), at("<|startoftranscript|>"), at("<|startofprev|>"), at("<|nocaptions|>")
        self.time, self.entries = at("<|0.00|>"), len(self.words)
        kinds = np.zeros(self.entries, np.uint8)
        kinds[:self.time] |= _TEXTS
        kinds[:self.end] |= _WORDS
        kinds[[*json.loads(metadata["forbidden"]), at("<|notimestamps|>")]] |= _FORBIDDEN
        kinds[json.loads(metadata["forbidden_first"])] |= _AT_BEGIN
        self._kinds = kinds
        self._layers = sum(name.startswith("decoder.") and name.endswith(".up.weight") for name in weights)
        self._kernels = _speech()
        self._mel = self._encoder = None
        self._beams, self._caches, self._steps = 0, None, {}
        printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
        others = [b for b in range(256) if b not in printable]
        self._bytes = {chr(b): b for b in printable} | {chr(256 + i): b for i, b in enumerate(others)}

    @classmethod
    def load(cls, folder, precision="int8"):
        """Reads a file of voice/convert.py; `precision` is int8 or f16."""
        return cls(*read_weights(Path(folder) / f"whisper.{precision}.safetensors"))

    # ---- graphs

    def _mel_plan(self):
        if self._mel is None:
            graph = kernels.Graph()
            audio, power = graph.input("audio", np.float32, (FRAMES * HOP + WINDOW, )), graph.empty(np.float32, (FRAMES, BINS))
            graph.launch(self._kernels.spectrum, (cdiv(FRAMES, 64), cdiv(BINS, 64)), audio_ptr=audio, basis_ptr=fourier(), out_ptr=power, frames=FRAMES, bins=BINS, WINDOW=WINDOW, HOP=HOP, BM=64, BN=64,
                         BK=64)
            mel = kernels.matmul(power, mel_filters())
            largest = graph.empty(np.float32, (FRAMES * MELS // _LOG_BLOCK, ))
            graph.launch(self._kernels.log_mel, (largest.size, ), x_ptr=mel, largest_ptr=largest, size=mel.size, STEP=_LOG_BLOCK, BLOCK=1024)
            self._mel = graph.compile(mel=mel, largest=largest)
        return self._mel

    def _linear(self, x, name, **options):
        w, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        if w.dtype != np.int8:
            return kernels.matmul(x, w, bias, dtype=np.float32, **options)
        values, scales = kernels.quantize_rows(x)
        return kernels.matmul_int8(values, scales, w, self.weights[f"{name}.scales"], bias, **options)

    def _norm(self, x, name):
        return kernels.layer_norm(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], dtype=np.float32)

    def _encoder_plan(self):
        """From the spectrum to the keys and values of the audio for each layer of the decoder."""
        if self._encoder is not None:
            return self._encoder
        w, columns = self.weights, self.columns
        graph = kernels.Graph()
        mel, limits = graph.input("mel", np.float32, (FRAMES * MELS, )), graph.input("limits", np.float32, (2, ))
        # A convolution over three frames is a product: with a frame of zeros before and after, three neighbours are one row.
        padded, first = np.zeros((FRAMES + 2) * MELS, np.float32), np.zeros((FRAMES + 2) * columns, np.float32)
        graph.launch(self._kernels.normalize_mel, (cdiv(mel.size, 4096), ), x_ptr=mel, limits_ptr=limits, out_ptr=padded[MELS:MELS + mel.size], size=mel.size, BLOCK=4096)

        def convolution(x, name, channels, rows, step, out, residual):
            graph.launch(kernels.raw.matmul, (cdiv(rows, 128), cdiv(columns, 128)), x_ptr=x, w_ptr=w[f"{name}.weight"], bias_ptr=w[f"{name}.bias"], residual_ptr=residual, out_ptr=out, rows=rows,
                         columns=columns, depth=3 * channels, x_stride=step * channels, w_stride=columns, w_column_stride=1, ACTIVATION="gelu", BM=128, BN=128, BK=64)

        convolution(padded, "conv1", MELS, FRAMES, 1, first[columns:columns + FRAMES * columns], None)
        h = graph.empty(np.float32, (FRAMES // 2, columns))
        convolution(first, "conv2", columns, FRAMES // 2, 2, h, w["encoder.positions"])
        i = 0
        while f"encoder.{i}.up.bias" in w:
            layer = f"encoder.{i}"
            qkv = self._linear(self._norm(h, f"{layer}.norm1"), f"{layer}.qkv")
            attended = kernels.self_attention(qkv.reshape(1, *qkv.shape), self.heads).reshape(*h.shape)
            h = self._linear(attended, f"{layer}.attention", residual=h)
            h = self._linear(self._linear(self._norm(h, f"{layer}.norm3"), f"{layer}.up", activation="gelu"), f"{layer}.down", residual=h)
            i += 1
        h = self._norm(h, "encoder.norm")
        self._encoder = graph.compile(**{f"audio{i}": self._linear(h, f"decoder.{i}.audio") for i in range(self._layers)})
        return self._encoder

    def _room(self, beams):
        """Keys and values of the decoder: a row for each step and beam."""
        if beams > self._beams:
            self._beams, self._steps = beams, {}
            self._caches = [np.zeros((self.length * beams, 2 * self.columns), np.float32) for _ in range(self._layers)]

    def _step(self, rows, count, scores):
        """One step of the decoder for `rows` tokens: the next ones of beams, or several of a prompt. `count` candidates of each block are found; 0: those of a sample."""
        key = rows, count, scores
        if key in self._steps:
            return self._steps[key]
        w, audio = self.weights, self._encoder_plan().outputs
        graph = kernels.Graph()
        ids, positions = graph.input("ids", np.int32, (rows, )), graph.input("positions", np.int32, (rows, ))
        table, rules = graph.input("table", np.int32, (rows, self.length)), graph.input("rules", np.int32, (rows, 5))
        h = graph.empty(np.float32, (rows, self.columns))
        graph.launch(self._kernels.embed_tokens, (rows, ), ids_ptr=ids, positions_ptr=positions, table_ptr=w["tokens"], scales_ptr=w.get("tokens.scales"), places_ptr=w["decoder.positions"], out_ptr=h,
                     columns=self.columns, BLOCK=512)
        few, cached = dict(transposed=True), dict(heads=self.heads, positions=positions, table=table, page=1)
        for i, cache in enumerate(self._caches):
            layer = f"decoder.{i}"
            q = kernels.store_keys(self._linear(self._norm(h, f"{layer}.norm1"), f"{layer}.qkv", **few), cache, **cached)
            h = self._linear(kernels.attend_cached(q, cache, **cached), f"{layer}.attention", residual=h, **few)
            q = self._linear(self._norm(h, f"{layer}.norm2"), f"{layer}.query", **few)
            h = self._linear(kernels.attend_cached(q, audio[f"audio{i}"], self.heads), f"{layer}.cross", residual=h, **few)
            h = self._linear(self._linear(self._norm(h, f"{layer}.norm3"), f"{layer}.up", activation="gelu", **few), f"{layer}.down", residual=h, **few)
        if not scores:
            self._steps[key] = graph.compile(out=h)
            return self._steps[key]
        h = self._norm(h, "decoder.norm")
        if w["tokens"].dtype == np.int8:
            values, scales = kernels.quantize_rows(h)
            logits = kernels.matmul_int8(values, scales, w["tokens"], w["tokens.scales"], transposed=True)
        else:
            logits = kernels.matmul(h, w["tokens"], transposed=True, dtype=np.float32)
        blocks = cdiv(self.time, _BLOCK) + cdiv(self.entries - self.time, _BLOCK)
        values, indices = graph.empty(np.float32, (count or 2, rows, blocks) if not count else (rows, blocks, count)), graph.empty(np.int32, (rows, blocks, count or 1))
        logs = graph.empty(np.float32, (rows, blocks))
        graph.launch(self._kernels.best_tokens, (blocks, rows), logits_ptr=logits, kinds_ptr=self._kinds, rules_ptr=rules, values_ptr=values, indices_ptr=indices, logs_ptr=logs, entries=self.entries,
                     texts=self.time, K=count or 1, BLOCK=_BLOCK, SAMPLE=count == 0)
        self._steps[key] = graph.compile(values=values, indices=indices, logs=logs, logits=logits)
        return self._steps[key]

    # ---- decoding of a window

    def _rules(self, tokens):
        """Of the next token: forbidden kinds, and the first and the last timestamp that are allowed."""
        if not tokens:
            return _FORBIDDEN | _AT_BEGIN | _TEXTS, self.time, self.time + _FIRST_TIMES
        # Timestamps come in pairs, and do not decrease.
        last, before = tokens[-1] >= self.time, len(tokens) < 2 or tokens[-2] >= self.time
        if last and before:
            return _FORBIDDEN, self.entries, 0
        time = next((token for token in reversed(tokens) if token >= self.time), None)
        return _FORBIDDEN | (_WORDS if last else 0), self.time if time is None else time if last else time + 1, self.entries

    def _best(self, values, indices, logs, noisy, count):
        """The best tokens with the logarithms of their probabilities. If timestamps together are more probable than each text, only they count."""
        texts = cdiv(self.time, _BLOCK)
        with np.errstate(divide="ignore"):
            times, every = np.logaddexp.reduce(logs[texts:].astype(np.float64)), np.logaddexp.reduce(logs.astype(np.float64))
        only = times > values[:texts].max()
        first = texts if only else 0
        order = (values if noisy is None else noisy)[first:].ravel()
        best = np.argsort(-order, kind="stable")[:count]
        found, tokens = values[first:].ravel()[best].astype(np.float64), indices[first:].ravel()[best]
        return [(int(token), value - (times if only else every)) for token, value in zip(tokens, found) if value > -math.inf]

    def _decode(self, prompt, temperature, beams, seed):
        """The prompt, then tokens until the end: tokens, their mean logarithm, and the probability of no speech."""
        size = 1 if temperature > 0 else beams
        self._room(size)
        slot = lambda position, beam: position * self._beams + beam
        begin = [*([self.previous, *prompt[-(self.length // 2 - 1):]] if prompt else []), self.start]
        first = np.array([slot(p, 0) for p in range(self.length)], np.int32)
        at = 0
        while len(begin) - at > 1:
            rows = _ROWS if len(begin) - 1 - at >= _ROWS // 2 else 1
            place = np.minimum(at + np.arange(rows), len(begin) - 2)  # the last one again, if there are not so many
            self._step(rows, 1, False).launch(ids=np.array(begin)[place], positions=place, table=np.tile(first, (rows, 1)))
            at += rows
        at = len(begin) - 1
        hypotheses, tables, finished = [([], 0.0)], [first], []
        bits = int(np.float32(temperature).view(np.int32))
        silence = 0.0
        for step in range(min(LONGEST, self.length - at)):
            rows, count = 1 if step == 0 else size, 0 if temperature > 0 else size + 1 if size > 1 else 1
            plan = self._step(rows, count, True)
            own = [hypotheses[min(row, len(hypotheses) - 1)][0] for row in range(rows)]
            plan.launch(ids=np.array([tokens[-1] if tokens else self.start for tokens in own]), positions=np.full(rows, at + step), table=np.stack([tables[min(row, len(tables) - 1)]
                                                                                                                                                  for row in range(rows)]),
                        rules=np.array([(*self._rules(tokens), bits, seed + step) for tokens in own]))
            found = plan.outputs
            if step == 0:
                logits = found["logits"][0].astype(np.float64)
                silence = float(np.exp(logits[self.no_speech] - np.logaddexp.reduce(logits)))
            if count:
                choices = [self._best(found["values"][row], found["indices"][row], found["logs"][row], None, count) for row in range(len(hypotheses))]
            else:
                choices = [self._best(found["values"][0, 0][:, None], found["indices"][0], found["logs"][0], found["values"][1, 0][:, None], 1)]
            if size == 1:
                (tokens, total), (token, logarithm) = hypotheses[0], choices[0][0]
                if token == self.end:
                    hypotheses = [(tokens, total + logarithm)]
                    break
                hypotheses = [([*tokens, token], total + logarithm)]
                continue
            every = [(total + logarithm, beam, [*tokens, token]) for beam, (tokens, total) in enumerate(hypotheses) for token, logarithm in choices[beam]]
            chosen = []
            for total, beam, tokens in sorted(every, key=lambda one: -one[0]):
                if tokens[-1] == self.end:
                    if len(finished) < size:
                        finished.append((tokens[:-1], total))
                else:
                    chosen.append((beam, tokens, total))
                    if len(chosen) == size:
                        break
            # Each beam has its own slot for the next keys.
            copies = []
            for beam, (source, _, _) in enumerate(chosen):
                copies.append(tables[source].copy())
                if at + step + 1 < self.length:
                    copies[-1][at + step + 1] = slot(at + step + 1, beam)
            tables, hypotheses = copies, [(tokens, total) for _, tokens, total in chosen]
            if len(finished) >= size or not chosen:
                break
        if size > 1:
            rest = sorted(hypotheses, key=lambda one: -one[1])[:max(0, size - len(finished))]
            tokens, total = max([*finished, *rest], key=lambda one: one[1] / max(1, len(one[0])))
        else:
            tokens, total = hypotheses[0]
        return tokens, total / (len(tokens) + 1), silence

    def text(self, tokens):
        """The text of tokens, without timestamps."""
        return bytes(self._bytes.get(c, 63) for token in tokens if token < self.end for c in self.words[token]).decode("utf-8", "replace")

    # ---- recordings

    def _spectrum(self, samples):
        """The logarithmic spectrum of all frames, and the largest number."""
        chunk, parts, largest = FRAMES * HOP, [], -10.0
        for c in range(max(1, cdiv(len(samples), chunk))):
            audio, start = np.zeros(chunk + WINDOW, np.float32), c * chunk - WINDOW // 2
            part = samples[max(0, start):start + len(audio)]
            audio[max(0, -start):max(0, -start) + len(part)] = part
            if c == 0:  # the recording is mirrored before its begin
                mirrored = samples[1:WINDOW // 2 + 1][::-1]
                audio[WINDOW // 2 - len(mirrored):WINDOW // 2] = mirrored
            found = self._mel_plan().run(audio=audio)
            parts.append(found["mel"])
            largest = max(largest, float(found["largest"].max()))
        return np.concatenate(parts), largest

    def transcribe(self, samples, beams=1, temperatures=(0, 0.2, 0.4, 0.6, 0.8, 1), compression=2.4, logarithm=-1.0, no_speech=0.6, context=True):
        """The text of a recording: samples from -1 to 1, 16,000 per second. Temperatures are tried one after the other while a result is improbable, or repeats itself
        so that it is compressed too well. A window that is probably not speech is skipped. With `context`, earlier text is the context of later text."""
        samples = np.ascontiguousarray(samples, np.float32)
        mel, largest = self._spectrum(samples)
        frames, seek, segments, tokens_so_far, since = len(samples) // HOP, 0, [], [], 0
        while seek < frames:
            size = min(FRAMES, frames - seek)
            window = np.zeros((FRAMES, MELS), np.float32)
            window[:size] = mel[seek:seek + size]
            self._encoder_plan().launch(mel=window.ravel(), limits=np.array([largest, size * MELS], np.float32))
            for i, temperature in enumerate(temperatures):
                tokens, mean, silence = self._decode(tokens_so_far[since:], temperature, beams, seek * 1000 + i * 300)
                text = self.text(tokens).strip().encode()
                ratio = len(text) / len(zlib.compress(text)) if text else 0.0
                silent = silence > no_speech and mean < logarithm
                if silent or ratio <= compression and mean >= logarithm:
                    break
            if silent:
                seek += size
                continue

            def add(start, end, part):
                text = self.text(part)
                if start != end and text.strip():
                    segments.append(Segment(start, end, text, list(part), mean, silence, ratio, temperature))

            offset, seconds = seek / 100, lambda token: (token - self.time) / 50
            is_time = [token >= self.time for token in tokens]
            ends = [i for i in range(1, len(tokens)) if is_time[i] and is_time[i - 1]]
            single = bool(is_time) and is_time[-1] and not (len(is_time) > 1 and is_time[-2])
            if ends:
                ends += [len(tokens)] if single else []
                last = 0
                for end in ends:
                    add(offset + seconds(tokens[last]), offset + seconds(tokens[end - 1]), tokens[last:end])
                    last = end
                seek += size if single else round(seconds(tokens[last - 1]) * 100)
            else:
                time = next((token for token in reversed(tokens) if token >= self.time), self.time)
                add(offset, offset + (seconds(time) if time != self.time else size / 100), tokens)
                seek += size
            tokens_so_far += tokens
            if not context or temperature > 0.5:
                since = len(tokens_so_far)
        return Transcript("".join(segment.text for segment in segments).strip(), segments)
