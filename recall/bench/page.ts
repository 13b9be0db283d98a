// SPDX-License-Identifier: MIT
// Encodes batches with our encoder, with ONNX Runtime Web and with transformers.js, alternately, in one page. run.mjs opens it.
import { open } from "nereid-lang";
import { Encoder } from "../src/index.ts";

const query = new URL(location.href).searchParams;
const threads = Number(query.get("threads"));
const shapes = query
  .get("shapes")!
  .split(",")
  .map((s) => s.split("x").map(Number) as [number, number]);
const rounds = Number(query.get("rounds"));

interface Engine {
  name: string;
  run(ids: Int32Array, lengths: Int32Array, size: number, length: number): Promise<Float32Array>;
}

const file = async (name: string) => (await fetch(`/files/${name}`)).arrayBuffer();

async function ours(precision: string): Promise<Engine> {
  const device = await open({ device: "wasm", threads });
  const encoder = new Encoder({
    device,
    weights: await file(`minilm.${precision}.safetensors`),
    tokenizer: JSON.parse(new TextDecoder().decode(await file("tokenizer.json"))),
  });
  return { name: `nereid ${precision}`, run: (ids, lengths, size, length) => encoder.run(size, length, ids, lengths) };
}

async function theirs(model: string): Promise<Engine> {
  const ort = await import(/* @vite-ignore */ "/ort/ort.wasm.min.mjs" as string);
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = "/ort/";
  const session = await ort.InferenceSession.create(new Uint8Array(await file(model)), { executionProviders: ["wasm"] });
  const run = async (ids: Int32Array, lengths: Int32Array, size: number, length: number) => {
    const feeds = { ids: new ort.Tensor("int32", ids, [size, length]), lengths: new ort.Tensor("int32", lengths, [size]) };
    return (await session.run(feeds)).vectors.data as Float32Array;
  };
  return { name: model.includes("q8") ? "onnxruntime-web q8" : "onnxruntime-web f32", run };
}

async function transformers(dtype: "fp32" | "q8"): Promise<Engine> {
  const { AutoModel, env, Tensor } = await import(
    /* @vite-ignore */ "/modules/@huggingface/transformers/dist/transformers.min.js" as string
  );
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.localModelPath = "/files/transformers/";
  env.backends.onnx.wasm.numThreads = threads;
  env.backends.onnx.wasm.wasmPaths = "/modules/onnxruntime-web/dist/";
  const model = await AutoModel.from_pretrained("minilm", { dtype, device: "wasm" });
  const run = async (ids: Int32Array, _: Int32Array, size: number, length: number) => {
    const attention_mask = new Tensor("int64", new BigInt64Array(size * length).fill(1n), [size, length]);
    const { last_hidden_state: hidden } = await model({
      input_ids: new Tensor("int64", BigInt64Array.from(ids, BigInt), [size, length]),
      attention_mask,
    });
    return hidden.mean(1).normalize(2, -1).data as Float32Array;
  };
  return { name: `transformers.js ${dtype}`, run };
}

function cosine(a: Float32Array, b: Float32Array, width: number): number {
  let least = 1;
  for (let i = 0; i < a.length; i += width) {
    let [dot, aa, bb] = [0, 0, 0];
    for (let k = i; k < i + width; ++k) [dot, aa, bb] = [dot + a[k]! * b[k]!, aa + a[k]! ** 2, bb + b[k]! ** 2];
    least = Math.min(least, dot / Math.sqrt(aa * bb));
  }
  return least;
}

async function bench() {
  const engines = [await ours("f32"), await ours("int8"), await theirs("minilm.onnx"), await theirs("minilm.q8.onnx")];
  if (query.has("transformers")) engines.push(await transformers("fp32"), await transformers("q8"));
  const rows = [];
  for (const [size, length] of shapes) {
    const ids = Int32Array.from({ length: size * length }, (_, i) => 1000 + ((i * 7919) % 28000));
    const lengths = new Int32Array(size).fill(length);
    const times = engines.map(() => [] as number[]);
    const results: Float32Array[] = [];
    for (let round = 0; round <= rounds; ++round)
      for (const [k, engine] of engines.entries()) {
        // Short runs are repeated, and each engine's code is compiled by the browser in the first round.
        const end = performance.now() + (round ? 50 : 1000);
        do {
          const start = performance.now();
          results[k] = await engine.run(ids, lengths, size, length);
          if (round) times[k]!.push(performance.now() - start);
        } while (performance.now() < end);
      }
    for (const [k, { name }] of engines.entries()) {
      const sorted = times[k]!.sort((a, b) => a - b);
      rows.push({
        engine: name,
        threads,
        size,
        length,
        ms: sorted[sorted.length >> 1]!,
        least: sorted[0]!,
        cosine: cosine(results[k]!, results[2]!, 384),
      });
    }
  }
  return rows;
}

Object.assign(globalThis, { results: await bench().catch((error) => String(error.stack ?? error)) });
