// SPDX-License-Identifier: MIT
// The encoder in WebAssembly and on WebGPU, compared with golden vectors of another implementation and with the same model in f32.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Device, open } from "nereid-lang";
import { Encoder } from "../src/index.ts";

const folder = process.env["RECALL_DIR"]!;
const golden = fileURLToPath(new URL("data/embeddings/", import.meta.resolve("@sap-ux/fiori-docs-embeddings/package.json")));
const every = Number(process.env["RECALL_EVERY"] ?? 32);

const bytesOf = (path: string): ArrayBuffer => {
  const file = readFileSync(path);
  return file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength) as ArrayBuffer;
};
const tokenizer = JSON.parse(readFileSync(`${folder}/tokenizer.json`, "utf8"));
const texts = readFileSync(`${golden}records.jsonl`, "utf8")
  .split("\n")
  .filter(Boolean)
  .map((line) => JSON.parse(line).content as string)
  .filter((_, i) => i % every === 0);
const wanted = new Float32Array(bytesOf(`${golden}embeddings.bin`));

function encoderOf(device: Device, precision: string): Encoder {
  return new Encoder({ device, weights: bytesOf(`${folder}/minilm.${precision}.safetensors`), tokenizer, longest: 512 });
}

const kWidth = 384;
function dot(a: Float32Array, i: number, b: Float32Array, j: number): number {
  let sum = 0;
  for (let k = 0; k < kWidth; ++k) sum += a[i * kWidth + k]! * b[j * kWidth + k]!;
  return sum;
}
const cosine = (a: Float32Array, i: number, b: Float32Array, j: number) => dot(a, i, b, j) / Math.sqrt(dot(a, i, a, i) * dot(b, j, b, j));

const kSentences = [
  "The train to Lyon leaves at seven in the morning.",
  "When does my train depart?",
  "Grandma's recipe for plum cake needs six eggs.",
  "",
  "A word: antidisestablishmentarianism, 東京, naïve café 😀",
];

test("vectors are those of the golden set", async () => {
  const device = await open({ device: "wasm" });
  for (const precision of ["f32", "int8"]) {
    const encoder = encoderOf(device, precision);
    const vectors = await encoder.encode(texts);
    let least = 1;
    for (const i of texts.keys()) least = Math.min(least, cosine(vectors, i, wanted, i * every));
    console.log(`${precision}: ${texts.length} texts, least cosine ${least.toFixed(5)}`);
    assert.ok(least >= 0.99, `${precision}: the least cosine is ${least}`);
    encoder.dispose();
  }
  device.dispose();
});

test("every precision and device gives the same vectors, and batches do not matter", async () => {
  const device = await open({ device: "wasm", threads: 1 });
  const encoder = encoderOf(device, "f32");
  const all = await encoder.encode(kSentences);
  for (const [i, sentence] of kSentences.entries()) {
    const alone = await encoder.encode([sentence]);
    assert.ok(cosine(all, i, alone, 0) > 0.999999, `${sentence}: ${cosine(all, i, alone, 0)}`);
    assert.ok(Math.abs(dot(all, i, all, i) - 1) < 1e-5, "length 1");
  }
  assert.ok(dot(all, 0, all, 1) > dot(all, 0, all, 2) + 0.3, "sentences of similar meaning are closer");
  const compare = async (other: Encoder, least: number, what: string) => {
    const vectors = await other.encode(kSentences);
    for (const i of kSentences.keys()) assert.ok(cosine(all, i, vectors, i) >= least, `${what}, ${i}: ${cosine(all, i, vectors, i)}`);
    other.dispose();
  };
  await compare(encoderOf(device, "f16"), 0.9999, "f16");
  await compare(encoderOf(device, "int8"), 0.98, "int8");
  encoder.dispose();
  device.dispose();
});

test("on WebGPU", async (t) => {
  const { create } = (await import("webgpu" as string).catch(() => ({}))) as { create?: (flags: string[]) => GPU };
  process.env["VK_DRIVER_FILES"] ??= "/usr/lib/chromium/vk_swiftshader_icd.json";
  const gpu = create?.([]);
  if (!gpu || !(await gpu.requestAdapter())) return t.skip("there is no GPU");
  const device = await open({ device: "webgpu", gpu });
  const reference = encoderOf(await open({ device: "wasm" }), "f32");
  const sentences = kSentences.slice(0, 2);
  const expected = await reference.encode(sentences);
  for (const [precision, least] of [
    ["f32", 0.99999],
    ["f16", 0.999],
  ] as const) {
    const encoder = encoderOf(device, precision);
    const vectors = await encoder.encode(sentences);
    for (const i of sentences.keys())
      assert.ok(cosine(expected, i, vectors, i) > least, `${precision}: ${cosine(expected, i, vectors, i)}`);
    encoder.dispose();
  }
  device.dispose();
});
