// SPDX-License-Identifier: MIT
// The language model in WebAssembly. Tokens and answers are those of llama.cpp (llama-cpp-python 0.3.36) for the same weights in f32 (voice/bench/llama.py).
import assert from "node:assert/strict";
import { test } from "node:test";
import { type DeviceBuffer, open } from "nereid-lang";
import { type Blocks, embedBlocks } from "nereid-lang/kernels";
import { loadGguf } from "nereid-lang/models";
import { LanguageModel } from "../src/index.ts";
import { weights } from "./files.ts";

const kFrance = {
  prompt: "What is the capital of France?",
  ids: [
    1, 9690, 198, 2683, 359, 253, 5356, 5646, 11173, 3365, 3511, 308, 34519, 28, 7018, 411, 407, 19712, 8182, 2, 198, 1, 4093, 198, 1780,
    314, 260, 3575, 282, 4649, 47, 2, 198, 1, 520, 9531, 198,
  ],
  answer: [504, 3575, 282, 4649, 314, 7042, 30],
};
const kDays = {
  prompt: "How many days are in a week?",
  ids: [
    1, 9690, 198, 2683, 359, 253, 5356, 5646, 11173, 3365, 3511, 308, 34519, 28, 7018, 411, 407, 19712, 8182, 2, 198, 1, 4093, 198, 2020,
    800, 2009, 359, 281, 253, 2605, 47, 2, 198, 1, 520, 9531, 198,
  ],
  answer: [49, 2605, 314, 4723, 216, 39, 2009, 30],
};

const device = await open({ device: "wasm" });
const collect = async <T>(all: AsyncIterable<T>): Promise<T[]> => {
  const out: T[] = [];
  for await (const one of all) out.push(one);
  return out;
};

test("chats, continued texts, sampling, cancelling and a full context", async () => {
  const model = await LanguageModel.load(device, weights("smollm2.gguf"), { bits: 16, context: 160 });
  const ask = (content: string) => model.chat([{ role: "user", content }]);
  assert.deepEqual(ask(kFrance.prompt), kFrance.ids);

  const first = model.conversation();
  for (const { prompt, answer } of [kFrance, kDays]) {
    const tokens = await collect(model.generate(first, ask(prompt), { temperature: 0, tokens: answer.length }));
    assert.deepEqual(tokens, answer, model.tokenizer.decode(tokens));
  }

  // Two texts side by side do not disturb each other, and what is known is not read again.
  const second = model.conversation();
  const begin = await collect(model.generate(second, kFrance.ids, { temperature: 0, tokens: 3 }));
  await collect(model.generate(first, ask("Hi"), { temperature: 0, tokens: 2 }));
  const rest = await collect(model.generate(second, [...kFrance.ids, ...begin], { temperature: 0, tokens: 4 }));
  assert.deepEqual([...begin, ...rest], kFrance.answer.slice(0, 7));
  first.dispose();

  const options = { temperature: 1.5, topP: 0.95, tokens: 12 };
  const sampled = [];
  for (const seed of [1, 1, 2])
    sampled.push((await collect(model.write(second, [{ role: "user", content: "Hi" }], { ...options, seed }))).join(""));
  assert.equal(sampled[0], sampled[1]);
  assert.notEqual(sampled[0], sampled[2]);

  const stop = new AbortController();
  let count = 0;
  await assert.rejects(
    async () => {
      for await (const _ of model.generate(second, kFrance.ids, { temperature: 0, signal: stop.signal })) if (++count === 2) stop.abort();
    },
    { name: "AbortError" },
  );
  assert.equal(count, 2);
  assert.deepEqual(await collect(model.generate(second, kFrance.ids, { temperature: 0, tokens: 2 })), kFrance.answer.slice(0, 2));

  await assert.rejects(collect(model.generate(second, ask("word ".repeat(200)))), /the context is full: it has room for 160 tokens/);
  second.dispose();
  model.dispose();
});

// A GGUF file with these Q8_0 matrices of rows of 32 numbers: row r of a matrix has the scale 1 and the numbers r + i.
function gguf(matrices: readonly (readonly [name: string, rows: number])[]): Uint8Array {
  const out: number[] = [];
  const integer = (value: number, bytes: number) => {
    for (let i = 0; i < bytes; ++i) out.push(Math.floor(value / 256 ** i) % 256);
  };
  const text = (value: string) => {
    integer(value.length, 8);
    out.push(...new TextEncoder().encode(value));
  };
  for (const [value, bytes] of [
    [0x46554747, 4],
    [3, 4],
    [matrices.length, 8],
    [1, 8],
  ] as const)
    integer(value, bytes);
  text("general.name");
  integer(8, 4);
  text("a test");
  let offset = 0;
  for (const [name, rows] of matrices) {
    text(name);
    integer(2, 4);
    integer(32, 8);
    integer(rows, 8);
    integer(8, 4);
    integer(offset, 8);
    offset += Math.ceil((rows * 34) / 32) * 32;
  }
  while (out.length % 32) out.push(0);
  for (const [, rows] of matrices) {
    for (let row = 0; row < rows; ++row) out.push(0, 0x3c, ...Array.from({ length: 32 }, (_, i) => (row + i) % 100));
    while (out.length % 32) out.push(0);
  }
  return Uint8Array.from(out);
}

test("joined matrices have the rows of their parts in order", async () => {
  const file = gguf([
    ["k", 32],
    ["other", 5],
    ["q", 64],
  ]);
  const joined = (name: string) => (name === "other" ? undefined : (["qk", name === "q" ? 0 : 1] as const));
  // In pieces of odd sizes, as a connection delivers them.
  const pieces = async function* () {
    for (let at = 0; at < file.length; at += 77) yield file.slice(at, at + 77);
  };
  const { tensors, metadata } = await loadGguf(device, pieces(), joined);
  assert.deepEqual([Object.keys(tensors).sort(), metadata["general.name"]], [["other", "qk"], "a test"]);
  const both = tensors["qk"] as Blocks;
  assert.equal(both.columns, 96);
  const rows = await embedBlocks(device.buffer("i32", Int32Array.from([0, 63, 64, 95])) as DeviceBuffer, both);
  const wanted = [0, 63, 0, 31].flatMap((row) => Array.from({ length: 32 }, (_, i) => (row + i) % 100));
  assert.deepEqual([...((await rows.read()) as Float32Array)], wanted);
  for (const one of Object.values(tensors)) one.dispose();
});

test("a GGUF file that is cut off, damaged or of another kind is refused", async () => {
  const file = gguf([["w", 64]]);
  await assert.rejects(loadGguf(device, file.slice(0, file.length - 100)), new RegExp(`the file ends after ${file.length - 100} bytes`));
  await assert.rejects(loadGguf(device, file.slice(0, 50)), /the file ends after 50 bytes/);
  await assert.rejects(loadGguf(device, new Uint8Array(100)), /it does not begin with GGUF/);
  const other = file.slice();
  other[4] = 9;
  await assert.rejects(loadGguf(device, other), /its version is 9/);
});
