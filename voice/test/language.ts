// SPDX-License-Identifier: MIT
// The language model in WebAssembly. Tokens and answers are those of llama.cpp (llama-cpp-python 0.3.36) for the same weights in f32 (voice/bench/llama.py).
import assert from "node:assert/strict";
import { test } from "node:test";
import { open } from "nereid-lang";
import { type Blocks } from "nereid-lang/kernels";
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

test("a GGUF file that is cut off or of another kind is refused, and its memory is free again", async () => {
  const before = device.memory.buffer.byteLength;
  const cut = async function* () {
    let left = 40e6;
    for await (const part of weights("smollm2.gguf") as AsyncIterable<Uint8Array>) {
      yield part.subarray(0, left);
      if ((left -= part.length) <= 0) return;
    }
  };
  for (let i = 0; i < 3; ++i) await assert.rejects(loadGguf(device, cut()), /the file ends after 40000000 bytes/);
  assert.ok(device.memory.buffer.byteLength <= before + 50e6);
  await assert.rejects(loadGguf(device, new Uint8Array(100)), /it does not begin with GGUF/);
});

test("joined matrices have the rows of their parts in order", async () => {
  const joined = (name: string) => (/^blk\.0\.attn_[qk]\./.test(name) ? (["qk", name.includes("_q.") ? 0 : 1] as const) : undefined);
  const { tensors } = await loadGguf(device, weights("smollm2.gguf"), joined);
  const { tensors: apart } = await loadGguf(device, weights("smollm2.gguf"));
  const [both, q, k] = [tensors["qk"], apart["blk.0.attn_q.weight"], apart["blk.0.attn_k.weight"]] as Blocks[];
  assert.equal(both!.columns, 768);
  const bytes = async (blocks: Blocks) => [...((await blocks.values.read()) as Uint8Array)];
  assert.deepEqual(await bytes(both!), [...(await bytes(q!)), ...(await bytes(k!))]);
  for (const one of [...Object.values(tensors), ...Object.values(apart)]) one.dispose();
});
