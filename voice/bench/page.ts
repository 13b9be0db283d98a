// SPDX-License-Identifier: MIT
// Speed in one page, engines alternately: speech to text beside whisper.cpp, and the language model beside wllama, with the same weights. voice/bench/run.mjs opens it.
import { configure } from "nereid-lang/compile";
import { open } from "nereid-lang";
import { LanguageModel, readWav, Whisper } from "../src/index.ts";

export interface Result {
  engine: string;
  what: string;
  /** Milliseconds, or tokens a second: of each round. */
  values: number[];
  note: string;
}

const parameters = new URL(location.href).searchParams;
const threads = Number(parameters.get("threads"));
const rounds = Number(parameters.get("rounds"));
const results: Result[] = [];
const add = (engine: string, what: string, value: number, note = "") => {
  const known = results.find((one) => one.engine === engine && one.what === what);
  if (known) known.values.push(value);
  else results.push({ engine, what, values: [value], note });
};
const body = async (address: string) => {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address} has status ${answer.status}`);
  return answer;
};

async function speech(): Promise<void> {
  const samples = readWav(await (await body("/files/jfk.wav")).arrayBuffer());
  const device = await open({ device: "wasm", threads, workerUrl: "/page/thread-worker.js" });
  const engines: [string, () => Promise<string>][] = [];
  for (const precision of ["int8", "f16"]) {
    const whisper = await Whisper.load(device, (await body(`/files/whisper.${precision}.safetensors`)).body!);
    engines.push([
      `Voice ${precision}`,
      async () => {
        const { text, times } = await whisper.transcribe(samples);
        add(`Voice ${precision}`, "mel, ms", times.mel);
        add(`Voice ${precision}`, "encoder, ms", times.encoder);
        add(`Voice ${precision}`, "decoder, ms", times.decoder);
        return text;
      },
    ]);
  }
  {
    // It uses so many threads.
    Object.defineProperty(navigator, "hardwareConcurrency", { value: threads });
    const lines: string[] = [];
    await new Promise((resolve, reject) => {
      const script = document.createElement("script");
      Object.assign(script, { src: "/whispercpp/whisper.js", onload: resolve, onerror: reject });
      document.head.append(script);
    });
    const module = await (globalThis as any).whisper_factory({
      print: (line: string) => lines.push(line),
      printErr: () => {},
      locateFile: (name: string) => `/whispercpp/${name}`,
      mainScriptUrlOrBlob: "/whispercpp/whisper.js",
    });
    const model = new Uint8Array(await (await body("/files/ggml-tiny.en.bin")).arrayBuffer());
    module.FS_createDataFile("/", "model.bin", model, true, true);
    if (!module.init("model.bin")) throw new Error("whisper.cpp cannot read its model");
    engines.push([
      "whisper.cpp f16",
      async () => {
        lines.length = 0;
        // It takes an old view of its memory if that grows at the wrong moment: then the call fails at once, and the next one works.
        for (let attempt = 0; ; ++attempt)
          try {
            module.FS_createDataFile("/", `touch${performance.now()}`, new Uint8Array(1), true, true);
            module.full_default(samples, "en", false);
            break;
          } catch (error) {
            if (!(error instanceof RangeError) || attempt === 3) throw error;
          }
        return lines.map((line) => line.replace(/^\[.*?\]\s*/, "")).join(" ");
      },
    ]);
  }
  for (let round = 0; round <= rounds; ++round)
    for (const [engine, run] of engines) {
      const before = results.length;
      const start = performance.now();
      const text = await run();
      const time = performance.now() - start;
      if (round > 0) add(engine, "jfk.wav (11 s), ms", time, text);
      else results.length = before; // the first compiles
    }
  device.dispose();
}

async function language(): Promise<void> {
  const device = await open({ device: "wasm", threads, workerUrl: "/page/thread-worker.js" });
  const content = "What is photosynthesis?";
  const tokens = 64;
  const engines: (() => Promise<void>)[] = [];
  for (const bits of [16, 8] as const) {
    const model = await LanguageModel.load(device, (await body("/files/smollm2.gguf")).body!, { bits, context: 512 });
    const prompt = model.chat([{ role: "user", content }]);
    const conversation = model.conversation();
    engines.push(async () => {
      conversation.cut(0);
      const start = performance.now();
      let [first, count] = [0, 0];
      const found: number[] = [];
      for await (const token of model.generate(conversation, prompt, { temperature: 0, tokens })) {
        if (++count === 1) first = performance.now();
        found.push(token);
      }
      const engine = `Voice, activations of ${bits} bits`;
      add(engine, "tokens/s", ((count - 1) * 1000) / (performance.now() - first), model.tokenizer.decode(found));
      add(engine, "prompt tokens/s", (prompt.length * 1000) / (first - start));
    });
  }
  const { Wllama } = await import(/* @vite-ignore */ "/modules/@wllama/wllama/esm/index.js" as string);
  const wllama = new Wllama({ default: "/modules/@wllama/wllama/esm/wasm/wllama.wasm" }, { suppressNativeLog: true });
  const blob = await (await body("/files/smollm2.gguf")).blob();
  await wllama.loadModel([blob], { n_ctx: 512, n_threads: threads, n_gpu_layers: 0 });
  const system = "You are a helpful AI assistant named SmolLM, trained by Hugging Face";
  const prompt = `<|im_start|>system\n${system}<|im_end|>\n<|im_start|>user\n${content}<|im_end|>\n<|im_start|>assistant\n`;
  engines.push(async () => {
    const start = performance.now();
    let [first, count, text] = [0, 0, ""];
    const stream = await wllama.createCompletion({ prompt, max_tokens: tokens, temperature: 0, stream: true, cache_prompt: false });
    let timings: any;
    for await (const chunk of stream) {
      const piece = chunk.choices[0]?.text ?? "";
      timings = chunk.timings ?? timings;
      if (!piece) continue;
      if (++count === 1) first = performance.now();
      text += piece;
    }
    add("wllama", "tokens/s", timings?.predicted_per_second ?? ((count - 1) * 1000) / (performance.now() - first), text);
    add("wllama", "prompt tokens/s", timings?.prompt_per_second ?? (34 * 1000) / (first - start));
  });
  for (let round = 0; round <= rounds; ++round)
    for (const run of engines) {
      const before = results.map(({ values }) => values.length);
      await run();
      if (round === 0) for (const [i, one] of results.entries()) one.values.length = before[i] ?? 0;
      else {
        const from = new Float32Array(1 << 24);
        const to = new Float32Array(1 << 24).fill(1);
        const start = performance.now();
        to.set(from);
        add("memory", "copied GB/s", from.byteLength / 1e6 / (performance.now() - start));
      }
    }
  device.dispose();
}

try {
  configure({ wasm: "/page/nereid.wasm", workerUrl: "/page/compile-worker.js" });
  if (parameters.get("what") === "speech") await speech();
  else await language();
  (globalThis as any).results = results;
} catch (error) {
  (globalThis as any).results = `${String(error)} ${(error as Error).stack}`;
}
