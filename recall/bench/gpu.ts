// SPDX-License-Identifier: MIT
// Speed on a GPU, in Node through Dawn: messages a second, and searches. Random weights of the model's shape, since the speed does not depend on them; the vectors are compared with
// those in WebAssembly.
//   node recall/build.mjs gpu DIR      writes DIR/recall-gpu.mjs and DIR/nereid.wasm, which need nothing else
//   DAWN_NODE=.../dawn.node node recall-gpu.mjs
import { createRequire } from "node:module";
import { type Device, open } from "nereid-lang";
import { Graph, search } from "nereid-lang/kernels";
import { Encoder } from "../src/encoder.ts";

const { create } = createRequire(import.meta.url)(process.env["DAWN_NODE"]!) as { create(flags: string[]): GPU };
const kFlags = ["enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia", "disable-dawn-features=timestamp_quantization"];
const device = await open({ device: "webgpu", gpu: create(kFlags) });
const { info, features } = device;
console.log(info.description || info.device || info.vendor, [...features].sort().join(" "));

const kWidth = 384;
function weights(precision: "f32" | "f16"): ArrayBuffer {
  const shapes: Record<string, number[]> = {
    words: [30522, kWidth],
    positions: [512, kWidth],
    "norm.weight": [kWidth],
    "norm.bias": [kWidth],
  };
  for (let i = 0; i < 6; ++i) {
    for (const [name, depth, columns] of [
      ["qkv", kWidth, 3 * kWidth],
      ["attention", kWidth, kWidth],
      ["up", kWidth, 4 * kWidth],
      ["down", 4 * kWidth, kWidth],
    ] as const)
      Object.assign(shapes, { [`${i}.${name}.weight`]: [depth, columns], [`${i}.${name}.bias`]: [columns] });
    for (const name of ["norm1", "norm2"]) Object.assign(shapes, { [`${i}.${name}.weight`]: [kWidth], [`${i}.${name}.bias`]: [kWidth] });
  }
  const bytes = precision === "f32" ? 4 : 2;
  const header: Record<string, unknown> = { __metadata__: { heads: "12", epsilon: "1e-12", precision } };
  const values: number[][] = [];
  let at = 0;
  let state = 1;
  for (const [name, shape] of Object.entries(shapes)) {
    const count = shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: precision.toUpperCase(), shape, data_offsets: [at, at + count * bytes] };
    at += count * bytes;
    const isScale = name.includes("norm") && name.endsWith(".weight");
    const next = () => ((state = (state * 48271) % 2147483647) / 2147483647 - 0.5) * 0.14;
    values.push(Array.from({ length: count }, isScale ? () => 1 : next));
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const start = Math.ceil((8 + text.length) / 64) * 64;
  const out = new ArrayBuffer(start + at);
  new Uint8Array(out).fill(32, 8, start).set(text, 8);
  new DataView(out).setBigUint64(0, BigInt(start - 8), true);
  const Float16 = (globalThis as { Float16Array?: typeof Float32Array }).Float16Array!;
  const array = precision === "f32" ? new Float32Array(out, start) : new Float16(out, start);
  let k = 0;
  for (const part of values) for (const x of part) array[k++] = x;
  return out;
}

const tokenizer = {
  model: { type: "WordPiece", vocab: { "[UNK]": 0 }, unk_token: "[UNK]", continuing_subword_prefix: "##", max_input_chars_per_word: 100 },
  normalizer: null,
  pre_tokenizer: { type: "BertPreTokenizer" },
  post_processor: null,
  decoder: null,
  added_tokens: [],
};

function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (const [i, x] of a.entries()) [dot, aa, bb] = [dot + x * b[i]!, aa + x * x, bb + b[i]! ** 2];
  return dot / Math.sqrt(aa * bb);
}

// Milliseconds per run of many that are submitted together, and of one whose result is awaited.
async function time(launch: () => Promise<void>, whole: () => Promise<unknown>, on: Device): Promise<[number, number]> {
  for (let i = 0; i < 20; ++i) void launch();
  await on.idle();
  let count = 0;
  const start = performance.now();
  for (; performance.now() - start < 2000; await on.idle()) for (let i = 0; i < 20; ++i, ++count) void launch();
  const together = (performance.now() - start) / count;
  const times: number[] = [];
  for (let i = 0; i < 30; ++i) {
    const begin = performance.now();
    await whole();
    times.push(performance.now() - begin);
  }
  return [together, times.sort((a, b) => a - b)[15]!];
}

const reference = new Encoder({ device: await open({ device: "wasm" }), weights: weights("f32"), tokenizer });
for (const precision of ["f32", "f16"] as const) {
  const encoder = new Encoder({ device, weights: weights(precision), tokenizer });
  for (const [size, length] of [
    [1, 16],
    [32, 32],
    [256, 32],
    [64, 128],
  ] as const) {
    const ids = Int32Array.from({ length: size * length }, (_, i) => 1000 + ((i * 7919) % 28000));
    const inputs = { ids, lengths: new Int32Array(size).fill(length) };
    const plan = await encoder.plan(size, length);
    const { vectors } = await plan.run(inputs);
    const same = cosine(vectors as Float32Array, await reference.run(size, length, ids, inputs.lengths));
    const [together, one] = await time(
      () => plan.launch(),
      () => plan.run(inputs),
      device,
    );
    console.log(
      `${precision} ${size} x ${length}: ${together.toFixed(3)} ms, ${((size / together) * 1e3).toFixed(0)} messages/s; one batch with its transfers ${one.toFixed(2)} ms; cosine ${same.toFixed(6)}`,
    );
  }
  encoder.dispose();
}
for (const count of [100000, 1000000]) {
  const index = {
    vectors: device.buffer("i8", [count, kWidth]),
    scales: device.buffer("f32", [count]),
    exact: device.buffer("f16", [count, kWidth]),
    mask: device.buffer("u8", [count]),
  };
  const graph = new Graph(device);
  const plan = await graph.compile(search(graph.input("query", "f32", [kWidth]), index, 10));
  const query = new Float32Array(kWidth).fill(0.05);
  const [together, one] = await time(
    () => plan.launch(),
    () => plan.run({ query }),
    device,
  );
  console.log(`search of ${count}: ${together.toFixed(3)} ms; one with its transfers ${one.toFixed(2)} ms`);
  plan.dispose();
  for (const buffer of Object.values(index)) buffer.dispose();
}
process.exit();
