# SPDX-License-Identifier: MIT
"""Greedy texts and logits of SmolLM2 by llama.cpp, as the peer of voice/bench/logits.ts and of voice/test/language.ts.

    python voice/bench/llama.py MODEL.gguf OUT [exact]

llama.cpp rounds the inputs of products with packed weights to 8 bits. With `exact` it runs the same weights as f32, from a file that this program writes, with
keys and values in f32: then nothing is rounded but the weights.

Writes OUT/llama.json (OUT/exact.json): the tokens of a text and the most probable token after each of them, and for prompts their tokens and a greedy answer. OUT/llama.f32 (OUT/exact.f32) has all
logits after every tenth token. Needs voice/bench/requirements.txt.
"""
import json
import struct
import sys
import time
from pathlib import Path

import numpy as np
from llama_cpp import Llama

ROOT = Path(__file__).resolve().parents[2]
PROMPTS = [
    "What is the capital of France?", "Write a haiku about rain.", "Explain what a compiler does in one sentence.", "List three fruits.", "Who wrote Romeo and Juliet?", "Translate 'good morning' to Spanish.",
    "What is 7 plus 5?", "Tell me a short story about a dog.", "Why is the sky blue?", "Give me a recipe for pancakes.", "What does HTML stand for?", "Summarize the plot of Cinderella in two sentences.",
    "How many days are in a week?", "Name a planet that has rings.", "What is the opposite of hot?", "Write a polite email asking for a meeting.", "What is photosynthesis?", "Count from one to ten.",
    "What should I pack for a trip to the beach?", "Write a line of Python that prints hello."
]
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
LENGTH, ANSWER = 1000, 64


def chat(prompt):
    return f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"


def unpacked(path, out):
    """The same model with weights in f32, as another GGUF file."""
    data, at = path.read_bytes(), 8

    def number(kind):
        nonlocal at
        at += struct.calcsize(kind)
        return struct.unpack_from(kind, data, at - struct.calcsize(kind))[0]

    def skip(kind):
        nonlocal at
        if kind == 8:
            size = number("<Q")
            at += size
        elif kind == 9:
            element, count = number("<I"), number("<Q")
            for _ in range(count):
                skip(element)
        else:
            at += {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}[kind]

    tensors, values = number("<Q"), number("<Q")
    for _ in range(values):
        size = number("<Q")
        at += size
        skip(number("<I"))
    begin, entries = at, []
    for _ in range(tensors):
        size = number("<Q")
        at += size
        name = data[at - size:at]
        shape = [number("<Q") for _ in range(number("<I"))]
        entries.append((name, shape, number("<I"), number("<Q")))
    base = -(-at // 32) * 32
    header, offset, parts = b"", 0, []
    for name, shape, kind, place in entries:
        count = int(np.prod(shape))
        if kind == 0:
            x = np.frombuffer(data, np.float32, count, base + place)
        elif kind == 8:
            blocks = np.frombuffer(data, np.uint8, count // 32 * 34, base + place).reshape(-1, 34)
            x = blocks[:, 2:].view(np.int8) * blocks[:, :2].copy().view(np.float16).astype(np.float32)
        elif kind == 3:
            blocks = np.frombuffer(data, np.uint8, count // 32 * 20, base + place).reshape(-1, 20)
            head = blocks[:, :4].copy().view(np.float16).astype(np.float32)
            x = np.concatenate([blocks[:, 4:] & 15, blocks[:, 4:] >> 4], 1).astype(np.float32) * head[:, :1] + head[:, 1:]
        else:
            raise SystemExit(f"{name} has type {kind}")
        header += struct.pack("<Q", len(name)) + name + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape) + struct.pack("<IQ", 0, offset)
        parts.append(np.ascontiguousarray(x, np.float32))
        offset += -(-4 * count // 32) * 32
    with open(out, "wb") as file:
        file.write(data[:begin] + header)
        file.write(b"\0" * (-file.tell() % 32))
        for x in parts:
            file.write(x.tobytes())
            file.write(b"\0" * (-file.tell() % 32))
    return out


def main(model, out, exact):
    # A single thread: several would wait for each other by spinning, on a machine that does other work as well.
    options = {}
    if exact:
        model = unpacked(model, out / "smollm2.f32.gguf")
        options = {"type_k": 0, "type_v": 0, "flash_attn": False}
    llm = Llama(model_path=str(model), n_ctx=1024, n_threads=1, logits_all=True, verbose=False, **options)
    name = "exact" if exact else "llama"
    text = (ROOT / "docs/explanation/schedule.md").read_text() + (ROOT / "docs/explanation/recall.md").read_text()
    tokens = llm.tokenize(text.encode(), add_bos=False, special=False)[:LENGTH]
    llm.reset()
    # One by one, as texts are generated: llama.cpp computes batches by other kernels.
    start = time.time()
    for token in tokens:
        llm.eval([token])
    speed = len(tokens) / (time.time() - start)
    logits = np.array(llm.scores[:len(tokens)], np.float32)
    logits[::10].tofile(out / f"{name}.f32")
    prompts = []
    for prompt in PROMPTS:
        ids = llm.tokenize(chat(prompt).encode(), add_bos=False, special=True)
        llm.reset()
        for token in ids:
            llm.eval([token])
        answer = []
        while len(answer) < ANSWER:
            token = int(np.argmax(llm.scores[llm.n_tokens - 1]))
            if token == llm.token_eos():
                break
            answer.append(token)
            llm.eval([token])
        prompts.append({"prompt": prompt, "ids": ids, "answer": answer})
    second = np.sort(logits, axis=1)[:, -2:]
    (out / f"{name}.json").write_text(json.dumps({"tokens": tokens, "text": text, "best": logits.argmax(1).tolist(), "margin": (second[:, 1] - second[:, 0]).tolist(), "prompts": prompts}))
    print(f"llama.cpp: {speed:.1f} tokens/s, {len(tokens)} tokens, {len(prompts)} prompts")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), "exact" in sys.argv[3:])
