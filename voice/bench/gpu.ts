// SPDX-License-Identifier: MIT
// Speed on a GPU, in Node through Dawn: Whisper, and tokens a second of the language model. The texts are compared with those of WebAssembly.
//   node voice/build.mjs gpu DIR [all]     writes DIR with what is needed: 42 MB, with Whisper in int8 and without the language model, whose shape then gets random weights; 212 MB with `all`
//   DAWN_NODE=.../dawn.node node voice-gpu.mjs
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { open } from "nereid-lang";
import { LanguageModel, readWav, Whisper } from "../src/index.ts";
import { randomModel } from "../test/random-model.ts";

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

const isReal = existsSync(file("smollm2.gguf"));
const made = isReal ? undefined : randomModel({ layers: 30, width: 576, heads: 9, kvHeads: 3, feed: 1536, tokens: 49152 });
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
