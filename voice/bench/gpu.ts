// SPDX-License-Identifier: MIT
// Speed on a GPU, in Node through Dawn: Whisper, and tokens a second of the language model. The texts are compared with those of WebAssembly.
//   node voice/build.mjs gpu DIR [all]     writes DIR with what is needed: 42 MB, with Whisper in int8 and without the language model, whose shape then gets random weights; 212 MB with `all`
//   DAWN_NODE=.../dawn.node node voice-gpu.mjs
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { open } from "nereid-lang";
import { LanguageModel, readWav, Whisper } from "../src/index.ts";

const file = (name: string) => new URL(name, import.meta.url);
const { create } = createRequire(import.meta.url)(process.env["DAWN_NODE"]!) as { create(flags: string[]): GPU };
const kFlags = ["enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia", "disable-dawn-features=timestamp_quantization"];
const gpu = await open({ device: "webgpu", gpu: create(kFlags) });
console.log(gpu.info.description || gpu.info.device || gpu.info.vendor, [...gpu.features].sort().join(" "));
const cpu = await open({ device: "wasm" });
const median = (all: number[]) => all.sort((a, b) => a - b)[all.length >> 1]!;

const wav = readFileSync(file("jfk.wav"));
const samples = readWav(wav.buffer.slice(wav.byteOffset, wav.byteOffset + wav.byteLength) as ArrayBuffer);
for (const precision of ["int8", "f16"]) {
  if (!existsSync(file(`whisper.${precision}.safetensors`))) continue;
  const texts: string[] = [];
  for (const device of [gpu, cpu]) {
    const start = performance.now();
    const whisper = await Whisper.load(device, createReadStream(file(`whisper.${precision}.safetensors`)));
    await whisper.prepare();
    const loaded = performance.now() - start;
    const all: Record<"mel" | "encoder" | "decoder", number[]> = { mel: [], encoder: [], decoder: [] };
    let steps = 0;
    for (let run = 0; run < 6; ++run) {
      const { text, times } = await whisper.transcribe(samples);
      if (run === 0) texts.push(text);
      else for (const part of ["mel", "encoder", "decoder"] as const) all[part].push(times[part]);
      ({ steps } = times);
    }
    const parts = (["mel", "encoder", "decoder"] as const).map((part) => `${part} ${median(all[part]).toFixed(1)} ms`);
    console.log(`whisper ${precision}, ${device.kind}: loaded in ${loaded.toFixed(0)} ms; ${parts.join(", ")} for ${steps} tokens`);
    whisper.dispose();
  }
  console.log(texts[0] === texts[1] ? `the same text: ${texts[0]}` : `different texts: ${texts.join(" | ")}`);
}

// SmolLM2's shape with random weights. Groups have numbers around zero.
function random(): Uint8Array {
  const encoder = new TextEncoder();
  const header: number[] = [];
  const integer = (value: number, bytes: number) => {
    for (let i = 0; i < bytes; ++i) header.push(Math.floor(value / 256 ** i) % 256);
  };
  const text = (value: string) => {
    integer(encoder.encode(value).length, 8);
    header.push(...encoder.encode(value));
  };
  const float = (value: number) => header.push(...new Uint8Array(new Float32Array([value]).buffer));
  const shapes: [name: string, rows: number, depth: number, type: number][] = [["token_embd.weight", 49152, 576, 8]];
  for (let i = 0; i < 30; ++i) {
    const rows = { attn_q: 576, attn_k: 192, attn_v: 192, attn_output: 576, ffn_gate: 1536, ffn_up: 1536, ffn_down: 576 };
    for (const name of ["attn_norm", "ffn_norm"]) shapes.push([`blk.${i}.${name}.weight`, 1, 576, 0]);
    for (const [name, count] of Object.entries(rows)) shapes.push([`blk.${i}.${name}.weight`, count, name === "ffn_down" ? 1536 : 576, 3]);
  }
  shapes.push(["output_norm.weight", 1, 576, 0]);
  const sizes = {
    "llama.block_count": 30,
    "llama.context_length": 8192,
    "llama.embedding_length": 576,
    "llama.feed_forward_length": 1536,
    "llama.attention.head_count": 9,
    "llama.attention.head_count_kv": 3,
    "tokenizer.ggml.eos_token_id": 2,
  };
  integer(0x46554747, 4);
  integer(3, 4);
  integer(shapes.length, 8);
  integer(Object.keys(sizes).length + 6, 8);
  for (const [key, value] of Object.entries(sizes)) {
    text(key);
    integer(4, 4);
    integer(value, 4);
  }
  for (const [key, value] of [
    ["llama.rope.freq_base", 1e5],
    ["llama.attention.layer_norm_rms_epsilon", 1e-5],
  ] as const) {
    text(key);
    integer(6, 4);
    float(value);
  }
  text("general.architecture");
  integer(8, 4);
  text("llama");
  const tokens = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    ..."\u010a",
    ...Array.from("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\u0120?.,"),
  ];
  for (const [key, list] of [
    ["tokenizer.ggml.tokens", [...tokens, ...Array.from({ length: 49152 - tokens.length }, (_, i) => `w${i}`)]],
    ["tokenizer.ggml.merges", []],
  ] as const) {
    text(key);
    integer(9, 4);
    integer(8, 4);
    integer(list.length, 8);
    for (const one of list) text(one);
  }
  text("tokenizer.ggml.token_type");
  integer(9, 4);
  integer(5, 4);
  integer(49152, 8);
  for (let i = 0; i < 49152; ++i) integer(i < 3 ? 3 : 1, 4);
  let offset = 0;
  const bytesOf = (rows: number, depth: number, type: number) => (type === 0 ? 4 * depth : (rows * depth * (type === 3 ? 20 : 34)) / 32);
  for (const [name, rows, depth, type] of shapes) {
    text(name);
    integer(type === 0 ? 1 : 2, 4);
    integer(depth, 8);
    if (type !== 0) integer(rows, 8);
    integer(type, 4);
    integer(offset, 8);
    offset += Math.ceil(bytesOf(rows, depth, type) / 32) * 32;
  }
  const begin = Math.ceil(header.length / 32) * 32;
  const out = new Uint8Array(begin + offset);
  out.set(header);
  const view = new DataView(out.buffer);
  let state = 1;
  const next = () => (state = (state * 48271) % 2147483647);
  let at = begin;
  for (const [, rows, depth, type] of shapes) {
    const size = bytesOf(rows, depth, type);
    if (type === 0) for (let i = 0; i < depth; ++i) view.setFloat32(at + 4 * i, 1, true);
    else
      for (let group = at; group < at + size; group += type === 3 ? 20 : 34) {
        view.setUint16(group, type === 3 ? 0x2000 : 0x1000, true); // 2^-7, 2^-11
        if (type === 3) view.setUint16(group + 2, 0xab80, true); // -7.5 * 2^-7
        for (let i = type === 3 ? 4 : 2; i < (type === 3 ? 20 : 34); ++i) out[group + i] = next() >> 8;
      }
    at += Math.ceil(size / 32) * 32;
  }
  return out;
}
const isReal = existsSync(file("smollm2.gguf"));
const made = isReal ? undefined : random();
if (made) console.log("smollm2: random weights");

const answers: string[] = [];
for (const device of [gpu, cpu])
  for (const bits of [16, 8] as const) {
    const start = performance.now();
    const model = await LanguageModel.load(device, made ?? createReadStream(file("smollm2.gguf")), { bits });
    await model.prepare();
    const loaded = performance.now() - start;
    const prompt = model.chat([{ role: "user", content: "What is photosynthesis?" }]);
    const conversation = model.conversation();
    const [speeds, firsts]: number[][] = [[], []];
    for (let run = 0; run < 4; ++run) {
      conversation.cut(0);
      const begin = performance.now();
      let first = 0;
      const tokens: number[] = [];
      let counted = 0;
      for await (const token of model.generate(conversation, prompt, { temperature: 0, tokens: 200 })) {
        tokens.push(token);
        // Steps of a GPU come in groups.
        if (tokens.length === 8) [first, counted] = [performance.now(), 8];
      }
      if (run === 0) answers.push(model.tokenizer.decode(tokens));
      else {
        speeds!.push(((tokens.length - counted) * 1000) / (performance.now() - first));
        firsts!.push(first - begin);
      }
    }
    const speed = median(speeds!);
    const bytes = model.bytes;
    console.log(
      `smollm2, ${device.kind}, activations of ${bits} bits: loaded in ${loaded.toFixed(0)} ms; ${speed.toFixed(1)} tokens/s, ${((speed * bytes) / 1e9).toFixed(1)} GB/s of weights; ` +
        `a prompt of ${prompt.length} tokens and 8 more in ${median(firsts!).toFixed(0)} ms`,
    );
    model.dispose();
  }
console.log(
  new Set(answers).size === 1
    ? "all answers are the same"
    : `different answers: ${answers.map((a) => JSON.stringify(a.slice(0, 200))).join("\n")}`,
);
process.exit();
