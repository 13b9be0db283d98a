// SPDX-License-Identifier: MIT
// A small language model with random weights on WebGPU gives the tokens of WebAssembly. (Those of SmolLM2's size take minutes on an emulated GPU.)
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Device, open } from "nereid-lang";
import { LanguageModel } from "../src/index.ts";
import { randomModel } from "./random-model.ts";

async function texts(device: Device): Promise<number[][]> {
  const file = randomModel({ layers: 2, width: 128, heads: 4, kvHeads: 2, feed: 256, tokens: 256 });
  const model = await LanguageModel.load(device, file, { context: 128 });
  const out: number[][] = [];
  const conversation = model.conversation();
  // Prompts that are read at once and token by token, more tokens than a GPU computes at a time, and a sample.
  for (const options of [
    { prompt: 20, temperature: 0, tokens: 20 },
    { prompt: 1, temperature: 0, tokens: 3 },
    { prompt: 12, temperature: 1, tokens: 10, seed: 5 },
  ]) {
    const prompt = Array.from({ length: options.prompt }, (_, i) => (i * 37 + 5) % 250);
    const found: number[] = [];
    for await (const token of model.generate(conversation, prompt, options)) found.push(token);
    out.push(found);
  }
  model.dispose();
  return out;
}

test("the graphs of a language model on WebGPU", async (t) => {
  const { nodeGpu } = await import("../../web/src/node-gpu.ts");
  const gpu = await open({ device: "webgpu", gpu: await nodeGpu() }).catch((error) => error as Error);
  if (gpu instanceof Error) return t.skip(gpu.message);
  const cpu = await open({ device: "wasm" });
  const wanted = await texts(cpu);
  assert.ok(wanted[0]!.length === 20 && wanted[1]!.length === 3 && wanted[2]!.length > 2, JSON.stringify(wanted));
  assert.ok(new Set(wanted[0]).size > 3, JSON.stringify(wanted));
  assert.deepEqual(await texts(gpu), wanted);
  gpu.dispose();
  cpu.dispose();
});
