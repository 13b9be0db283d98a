// SPDX-License-Identifier: MIT
// Speech to text by Whisper: its graphs of launches, and the loop over a recording, which is that of OpenAI's transcribe.py.
import { type Device, type DeviceBuffer, type View } from "nereid-lang";
import {
  attendCached,
  Graph,
  kernel,
  layerNorm,
  matmul,
  matmulInt8,
  type Plan,
  quantizeRows,
  selfAttention,
  storeKeys,
  type Tensor,
  type Value,
} from "nereid-lang/kernels";
import { jit, type JitKernel } from "nereid-lang/compile";
import { loadSafetensors, type Source, type Weights } from "nereid-lang/models";
import speech from "../kernels/speech.py";
import { Beams, bestOf, type Choice, type Found, type Hypothesis, kindsOf, rulesAfter, type Special } from "./decoding.ts";

export const kRate = 16000; // samples per second
const kWindow = 400; // samples of a spectrum
const kHop = 160; // samples from one to the next
const kBins = kWindow / 2 + 1;
const kMels = 80;
const kFrames = 3000; // of the encoder: 30 s
const kLongest = 224; // tokens of a window
const kBlock = 1024; // tokens of a block
const kLogBlock = 1000; // numbers of a block of `log_mel`
const kRows = 16; // of the prompt, at once

export interface TranscribeOptions {
  /** The number of sequences of a beam search. Default: 1, greedy. */
  beams?: number;
  /** Tried one after the other while a result is improbable or repeats itself. Default: 0, 0.2, ... 1. */
  temperatures?: readonly number[];
  /** Compressed, a text must not be so many times smaller: it would repeat itself. Default: 2.4. */
  compression?: number;
  /** The least mean logarithm of the probability of a result. Default: -1. */
  logarithm?: number;
  /** A window that is not speech with this probability, and improbable, is skipped. Default: 0.6. */
  noSpeech?: number;
  /** Earlier text is the context of later text. Default: true. */
  context?: boolean;
  signal?: AbortSignal | undefined;
  /** Receives each segment as soon as it is known. */
  segment?: (segment: Segment) => void;
  /** Receives the text of the window so far, after each token. */
  partial?: (text: string) => void;
}

/** A part of a recording. */
export interface Segment {
  /** In seconds. */
  start: number;
  end: number;
  text: string;
  tokens: number[];
  /** The mean logarithm of the probabilities of the window's tokens. */
  logarithm: number;
  /** The probability that the window has no speech. */
  noSpeech: number;
  /** How many times smaller the window's text is when it is compressed. */
  compression: number;
  temperature: number;
}

export interface Transcript {
  text: string;
  segments: Segment[];
  /** Milliseconds: the spectrum, the encoder, and the decoder with its number of steps. */
  times: { mel: number; encoder: number; decoder: number; steps: number };
}

interface Decoded {
  tokens: number[];
  text: string;
  logarithm: number;
  noSpeech: number;
  compression: number;
  temperature: number;
}

type StepPlan = Plan<"values" | "indices" | "logs" | "logits">;

/** Turns speech into text. */
export class Whisper implements Disposable {
  readonly device: Device;
  /** The precision of the weights: `f16` or `int8`. */
  readonly precision: string;
  readonly special: Special;
  readonly #weights: Weights;
  readonly #words: string[];
  readonly #kinds: DeviceBuffer;
  readonly #layers: number;
  readonly #heads: number;
  readonly #columns: number;
  readonly #kernels = new Map<string, JitKernel>();
  readonly #steps = new Map<string, Promise<StepPlan>>();
  #mel: Promise<Plan<"mel" | "largest">> | undefined;
  #encoder: Promise<Plan<string>> | undefined;
  readonly #padded: DeviceBuffer[] = [];
  #caches: { beams: number; layers: DeviceBuffer[] } | undefined;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(device: Device, weights: Weights) {
    this.device = device;
    this.#weights = weights;
    const { metadata, tensors } = weights;
    this.precision = metadata["precision"]!;
    this.#heads = Number(metadata["heads"]);
    this.#columns = tensors["tokens"]!.shape[1]!;
    this.#layers = Object.keys(tensors).filter((name) => /^decoder\.\d+\.up\.weight$/.test(name)).length;
    const vocabulary = JSON.parse(metadata["vocabulary"]!) as string[];
    const id = (word: string) => vocabulary.indexOf(word);
    this.special = {
      end: id("<|endoftext|>"),
      start: id("<|startoftranscript|>"),
      previous: id("<|startofprev|>"),
      noSpeech: id("<|nocaptions|>"),
      noTimestamps: id("<|notimestamps|>"),
      time: id("<|0.00|>"),
      entries: vocabulary.length,
    };
    this.#words = vocabulary;
    const kinds = kindsOf(this.special, JSON.parse(metadata["forbidden"]!), JSON.parse(metadata["forbidden_first"]!));
    this.#kinds = device.buffer("u8", kinds) as DeviceBuffer;
  }

  /** Reads a file of voice/convert.py, also while it arrives. */
  static async load(device: Device, file: Source): Promise<Whisper> {
    return new Whisper(device, await loadSafetensors(device, file));
  }

  // ---- graphs

  #at(name: string): DeviceBuffer {
    const tensor = this.#weights.tensors[name];
    if (!tensor) throw new Error(`the weights have no \`${name}\``);
    return tensor;
  }

  #kernel(name: string): JitKernel {
    let found = this.#kernels.get(name);
    if (!found) this.#kernels.set(name, (found = jit(speech, { path: "speech.py", device: this.device, kernel: name })));
    return found;
  }

  /** Compiles all kernels. */
  async prepare(): Promise<void> {
    await Promise.all([this.#melPlan(), this.#encoderPlan(), this.#step(1, 1, true)]);
  }

  // The spectrum of 30 s of audio, with half a window before and after.
  #melPlan(): Promise<Plan<"mel" | "largest">> {
    return (this.#mel ??= (() => {
      const { device } = this;
      const graph = new Graph(device);
      const audio = graph.input("audio", "f32", [kFrames * kHop + kWindow]);
      const power = graph.empty("f32", [kFrames, kBins]);
      const wasm = device.kind === "wasm";
      const blocks = wasm ? { BM: 64, BN: 64, BK: 64 } : { BM: 32, BN: 32, BK: 32 };
      graph.launch(this.#kernel("spectrum"), [kFrames / blocks.BM + 1, Math.ceil(kBins / blocks.BN)].map(Math.floor) as [number, number], {
        audio_ptr: audio,
        basis_ptr: device.buffer("f32", [kWindow, 2 * kBins], fourier()),
        out_ptr: power,
        frames: kFrames,
        bins: kBins,
        WINDOW: kWindow,
        HOP: kHop,
        ...blocks,
      });
      const mel = matmul(power, device.buffer("f32", [kBins, kMels], melFilters()) as DeviceBuffer);
      const largest = graph.empty("f32", [(kFrames * kMels) / kLogBlock]);
      graph.launch(this.#kernel("log_mel"), largest.size, {
        x_ptr: mel,
        largest_ptr: largest,
        size: mel.size,
        BLOCK: 1024,
        STEP: kLogBlock,
      });
      return graph.compile({ mel, largest });
    })());
  }

  #linear(x: Value, name: string, options: { transposed?: boolean; residual?: Tensor; activation?: "gelu" } = {}): Value {
    const w = this.#at(`${name}.weight`);
    const bias = this.#at(`${name}.bias`);
    if (w.dtype !== "i8") return matmul(x, w, { bias, dtype: "f32", ...options });
    const { values, scales } = quantizeRows(x);
    return matmulInt8(values, scales, w, this.#at(`${name}.scales`), { bias, ...options });
  }

  #norm(x: Value, name: string): Value {
    return layerNorm(x, this.#at(`${name}.weight`), this.#at(`${name}.bias`), { dtype: "f32" });
  }

  // From the spectrum to the keys and values of the audio for each layer of the decoder.
  #encoderPlan(): Promise<Plan<string>> {
    return (this.#encoder ??= (() => {
      const { device } = this;
      const columns = this.#columns;
      const graph = new Graph(device);
      const mel = graph.input("mel", "f32", [kFrames * kMels]);
      const limits = graph.input("limits", "f32", [2]);
      // A convolution over three frames is a product: with a frame of zeros before and after, three neighbours are one row.
      const [padded, first] = [
        device.buffer("f32", [(kFrames + 2) * kMels]) as DeviceBuffer,
        device.buffer("f32", [(kFrames + 2) * columns]) as DeviceBuffer,
      ];
      this.#padded.push(padded, first);
      graph.launch(this.#kernel("normalize_mel"), Math.ceil(mel.size / 4096), {
        x_ptr: mel,
        limits_ptr: limits,
        out_ptr: padded.subarray(kMels, kMels + mel.size),
        size: mel.size,
        BLOCK: 4096,
      });
      const convolution = (
        x: DeviceBuffer,
        name: string,
        channels: number,
        rows: number,
        step: number,
        out: Tensor,
        residual: Tensor | null,
      ) => {
        const blocks = device.kind === "wasm" ? { BM: 128, BN: 128, BK: 64 } : { BM: 64, BN: 64, BK: 32 };
        graph.launch(kernel(device, "matmul.py", "matmul"), [Math.ceil(rows / blocks.BM), Math.ceil(columns / blocks.BN)], {
          x_ptr: x,
          w_ptr: this.#at(`${name}.weight`),
          bias_ptr: this.#at(`${name}.bias`),
          residual_ptr: residual,
          out_ptr: out,
          rows,
          columns,
          depth: 3 * channels,
          x_stride: step * channels,
          w_stride: columns,
          w_column_stride: 1,
          ACTIVATION: "gelu",
          ...blocks,
        });
      };
      convolution(padded, "conv1", kMels, kFrames, 1, first.subarray(columns, columns + kFrames * columns), null);
      let h = graph.empty("f32", [kFrames / 2, columns]) as Value;
      convolution(first, "conv2", columns, kFrames / 2, 2, h, this.#at("encoder.positions"));
      for (let i = 0; this.#weights.tensors[`encoder.${i}.up.bias`]; ++i) {
        const layer = `encoder.${i}`;
        const qkv = this.#linear(this.#norm(h, `${layer}.norm1`), `${layer}.qkv`);
        const attended = selfAttention(qkv.reshape([1, ...qkv.shape]), { heads: this.#heads }).reshape(h.shape);
        h = this.#linear(attended, `${layer}.attention`, { residual: h });
        const up = this.#linear(this.#norm(h, `${layer}.norm3`), `${layer}.up`, { activation: "gelu" });
        h = this.#linear(up, `${layer}.down`, { residual: h });
      }
      h = this.#norm(h, "encoder.norm");
      const outputs: Record<string, Value> = {};
      for (let i = 0; i < this.#layers; ++i) outputs[`audio${i}`] = this.#linear(h, `decoder.${i}.audio`);
      return graph.compile(outputs);
    })());
  }

  // The keys and values of the decoder: a row for each step and beam.
  #cachesFor(beams: number): DeviceBuffer[] {
    if (this.#caches && this.#caches.beams >= beams) return this.#caches.layers;
    this.#steps.clear();
    this.#caches?.layers.forEach((buffer) => buffer.dispose());
    const length = this.#at("decoder.positions").shape[0]!;
    const layers = Array.from(
      { length: this.#layers },
      () => this.device.buffer("f32", [length * beams, 2 * this.#columns]) as DeviceBuffer,
    );
    this.#caches = { beams, layers };
    return layers;
  }

  // One step of the decoder for `rows` tokens: the next ones of beams, or several of a prompt. `count` candidates of each block are found; 0: those of a sample.
  #step(rows: number, count: number, scores: boolean): Promise<StepPlan> {
    const caches = this.#cachesFor(Math.max(rows === kRows ? 1 : rows, this.#caches?.beams ?? 1));
    const key = `${rows} ${count} ${scores}`;
    const found = this.#steps.get(key);
    if (found) return found;
    const made = this.#compileStep(caches, rows, count, scores);
    this.#steps.set(key, made);
    return made;
  }

  async #compileStep(caches: readonly DeviceBuffer[], rows: number, count: number, scores: boolean): Promise<StepPlan> {
    const { device, special } = this;
    const columns = this.#columns;
    const audio = (await this.#encoderPlan()).outputs;
    const graph = new Graph(device);
    const length = this.#at("decoder.positions").shape[0]!;
    const ids = graph.input("ids", "i32", [rows]);
    const positions = graph.input("positions", "i32", [rows]);
    const table = graph.input("table", "i32", [rows, length]);
    const rules = graph.input("rules", "i32", [rows, 5]);
    const heads = this.#heads;
    let h = graph.empty("f32", [rows, columns]) as Value;
    graph.launch(this.#kernel("embed_tokens"), rows, {
      ids_ptr: ids,
      positions_ptr: positions,
      table_ptr: this.#at("tokens"),
      scales_ptr: this.#weights.tensors["tokens.scales"] ?? null,
      places_ptr: this.#at("decoder.positions"),
      out_ptr: h,
      columns,
      BLOCK: 512,
    });
    const few = { transposed: true };
    for (const [i, cache] of caches.entries()) {
      const layer = `decoder.${i}`;
      const qkv = this.#linear(this.#norm(h, `${layer}.norm1`), `${layer}.qkv`, few);
      const cached = { positions, table, page: 1, heads };
      const attended = attendCached(storeKeys(qkv, cache, cached) as Value, cache, cached) as Value;
      h = this.#linear(attended, `${layer}.attention`, { ...few, residual: h });
      const query = this.#linear(this.#norm(h, `${layer}.norm2`), `${layer}.query`, few);
      const heard = attendCached(query, audio[`audio${i}`]!, { heads }) as Value;
      h = this.#linear(heard, `${layer}.cross`, { ...few, residual: h });
      const up = this.#linear(this.#norm(h, `${layer}.norm3`), `${layer}.up`, { ...few, activation: "gelu" });
      h = this.#linear(up, `${layer}.down`, { ...few, residual: h });
    }
    if (!scores) return graph.compile({ values: h, indices: h, logs: h, logits: h });
    h = this.#norm(h, "decoder.norm");
    const w = this.#at("tokens");
    let logits: Value;
    if (w.dtype === "i8") {
      const { values, scales } = quantizeRows(h);
      logits = matmulInt8(values, scales, w, this.#at("tokens.scales"), few);
    } else {
      logits = matmul(h, w, { ...few, dtype: "f32" });
    }
    const blocks = this.#textBlocks + Math.ceil((special.entries - special.time) / kBlock);
    const values = graph.empty("f32", [rows * blocks * (count || 2)]);
    const indices = graph.empty("i32", [rows * blocks * (count || 1)]);
    const logs = graph.empty("f32", [rows * blocks]);
    graph.launch(this.#kernel("best_tokens"), [blocks, rows], {
      logits_ptr: logits,
      kinds_ptr: this.#kinds,
      rules_ptr: rules,
      values_ptr: values,
      indices_ptr: indices,
      logs_ptr: logs,
      entries: special.entries,
      texts: special.time,
      K: count || 1,
      BLOCK: kBlock,
      SAMPLE: count === 0,
    });
    return graph.compile({ values, indices, logs, logits });
  }

  get #textBlocks(): number {
    return Math.ceil(this.special.time / kBlock);
  }

  // ---- decoding of a window

  // The prompt, then tokens until the end.
  async #decode(
    prompt: readonly number[],
    temperature: number,
    beams: number,
    seed: number,
    options: TranscribeOptions,
    steps: { count: number },
  ): Promise<Decoded> {
    const { special } = this;
    const length = this.#at("decoder.positions").shape[0]!;
    const size = temperature > 0 ? 1 : beams;
    const caches = Math.max(size, this.#caches?.beams ?? 1);
    this.#cachesFor(caches);
    const slots = (position: number, beam: number) => position * caches + beam;
    const begin = [...(prompt.length ? [special.previous, ...prompt.slice(-(length / 2 - 1))] : []), special.start];
    const first = Int32Array.from({ length }, (_, p) => slots(p, 0));
    // All tokens of the prompt but the last one, several at once.
    let at = 0;
    while (begin.length - at > 1) {
      const rows = begin.length - 1 - at >= kRows / 2 ? kRows : 1;
      const plan = await this.#step(rows, 1, false);
      const row = (i: number) => Math.min(at + i, begin.length - 2); // the last one again, if there are not so many
      const table = new Int32Array(rows * length);
      for (let i = 0; i < rows; ++i) table.set(first, i * length);
      await plan.launch({
        ids: Int32Array.from({ length: rows }, (_, i) => begin[row(i)]!),
        positions: Int32Array.from({ length: rows }, (_, i) => row(i)),
        table,
      });
      at += rows;
    }
    at = begin.length - 1;
    let hypotheses: Hypothesis[] = [{ tokens: [], sum: 0 }];
    let tables = [first];
    let noSpeech = 0;
    const search = new Beams(size, special.end);
    const bits = new Int32Array(new Float32Array([temperature]).buffer)[0]!;
    for (let step = 0; step < kLongest && at + step < length; ++step) {
      options.signal?.throwIfAborted();
      const rows = step === 0 ? 1 : size;
      const count = temperature > 0 ? 0 : size > 1 ? size + 1 : 1;
      const plan = await this.#step(rows, count, true);
      const table = new Int32Array(rows * length);
      const rules = new Int32Array(rows * 5);
      const ids = new Int32Array(rows);
      for (let row = 0; row < rows; ++row) {
        const { tokens } = hypotheses[Math.min(row, hypotheses.length - 1)]!;
        const own = tables[Math.min(row, hypotheses.length - 1)]!;
        table.set(own, row * length);
        rules.set([...rulesAfter(tokens, special), bits, seed + step], row * 5);
        ids[row] = tokens.at(-1) ?? special.start;
      }
      await plan.launch({ ids, positions: new Int32Array(rows).fill(at + step), table, rules });
      ++steps.count;
      const [values, indices, logs] = (await Promise.all([
        plan.outputs.values.read(),
        plan.outputs.indices.read(),
        plan.outputs.logs.read(),
      ])) as [Float32Array, Int32Array, Float32Array];
      if (step === 0) noSpeech = probability((await plan.outputs.logits.read()) as Float32Array, special.noSpeech);
      const of = (row: number): Found => {
        const part = <T extends Float32Array | Int32Array>(all: T, from = 0, whole = all.length) =>
          all.subarray(from + (row * whole) / rows, from + ((row + 1) * whole) / rows) as T;
        const noisy = count === 0 ? part(values, values.length / 2, values.length / 2) : undefined;
        return {
          values: part(values, 0, count === 0 ? values.length / 2 : values.length),
          indices: part(indices),
          logs: part(logs),
          noisy,
          textBlocks: this.#textBlocks,
        };
      };
      const choices: Choice[][] = hypotheses.map((_, row) => bestOf(of(row), Math.max(1, count)));
      if (size === 1) {
        const [one] = hypotheses as [Hypothesis];
        const { token, logarithm } = choices[0]![0]!;
        one.sum += logarithm;
        if (token === special.end) break;
        one.tokens.push(token);
      } else {
        const next = search.step(hypotheses, choices);
        // Each beam has its own slot for the next keys.
        tables = next.map(({ from }, beam) => {
          const copy = tables[from]!.slice();
          copy[at + step + 1] = slots(at + step + 1, beam);
          return copy;
        });
        hypotheses = next;
        if (search.done || next.length === 0) break;
      }
      options.partial?.(this.text(hypotheses[0]!.tokens));
    }
    const { tokens, sum } = size === 1 ? hypotheses[0]! : search.best(hypotheses);
    const text = this.text(tokens).trim();
    return { tokens, text, logarithm: sum / (tokens.length + 1), noSpeech, compression: await compressionOf(text), temperature };
  }

  /** The text of tokens, without timestamps. */
  text(tokens: readonly number[]): string {
    const bytes: number[] = [];
    for (const token of tokens) if (token < this.special.end) for (const c of this.#words[token]!) bytes.push(byteOf(c));
    return new TextDecoder().decode(new Uint8Array(bytes));
  }

  // ---- recordings

  /** The text of a recording: samples from -1 to 1, 16,000 per second. */
  async transcribe(samples: Float32Array, options: TranscribeOptions = {}): Promise<Transcript> {
    const turn = this.#last.then(() => this.#transcribe(samples, options));
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #transcribe(samples: Float32Array, options: TranscribeOptions): Promise<Transcript> {
    const { special } = this;
    const {
      beams = 1,
      temperatures = [0, 0.2, 0.4, 0.6, 0.8, 1],
      compression = 2.4,
      logarithm = -1,
      noSpeech = 0.6,
      context = true,
    } = options;
    const times = { mel: 0, encoder: 0, decoder: 0, steps: 0 };
    let now = performance.now();
    const { mel, largest } = await this.#spectrum(samples);
    const frames = Math.floor(samples.length / kHop);
    times.mel = performance.now() - now;
    const segments: Segment[] = [];
    const all: number[] = [];
    let since = 0; // tokens of the context start here
    const encoder = await this.#encoderPlan();
    for (let seek = 0; seek < frames;) {
      options.signal?.throwIfAborted();
      const size = Math.min(kFrames, frames - seek);
      now = performance.now();
      const window = new Float32Array(kFrames * kMels);
      window.set(mel.subarray(seek * kMels, (seek + size) * kMels));
      await encoder.launch({ mel: window, limits: new Float32Array([largest, size * kMels]) });
      await this.device.idle();
      times.encoder += performance.now() - now;
      now = performance.now();
      let result: Decoded | undefined;
      const steps = { count: 0 };
      for (const [i, temperature] of temperatures.entries()) {
        result = await this.#decode(all.slice(since), temperature, beams, seek * 1000 + i * 300, options, steps);
        const silent = result.noSpeech > noSpeech && result.logarithm < logarithm;
        if (silent || (result.compression <= compression && result.logarithm >= logarithm)) break;
      }
      times.decoder += performance.now() - now;
      times.steps += steps.count;
      const { tokens } = result!;
      if (result!.noSpeech > noSpeech && result!.logarithm < logarithm) {
        seek += size;
        continue;
      }
      const add = (start: number, end: number, part: readonly number[]) => {
        const text = this.text(part);
        if (start === end || text.trim() === "") return;
        const { logarithm, noSpeech, compression, temperature } = result!;
        const segment = { start, end, text, tokens: [...part], logarithm, noSpeech, compression, temperature };
        segments.push(segment);
        options.segment?.(segment);
      };
      const offset = seek / 100;
      const isTime = (token: number | undefined) => token !== undefined && token >= special.time;
      const seconds = (token: number) => (token - special.time) / 50;
      const ends = tokens.flatMap((token, i) => (i > 0 && isTime(token) && isTime(tokens[i - 1]) ? [i] : []));
      const single = isTime(tokens.at(-1)) && !isTime(tokens.at(-2));
      if (ends.length > 0) {
        if (single) ends.push(tokens.length);
        let last = 0;
        for (const end of ends) {
          const part = tokens.slice(last, end);
          add(offset + seconds(part[0]!), offset + seconds(part.at(-1)!), part);
          last = end;
        }
        seek += single ? size : Math.round(seconds(tokens[last - 1]!) * 100);
      } else {
        const time = tokens.findLast(isTime);
        add(offset, offset + (time !== undefined && time !== special.time ? seconds(time) : size / 100), tokens);
        seek += size;
      }
      all.push(...tokens);
      if (!context || result!.temperature > 0.5) since = all.length;
    }
    return {
      text: segments
        .map(({ text }) => text)
        .join("")
        .trim(),
      segments,
      times,
    };
  }

  // The logarithmic spectrum of all frames, and the largest number.
  async #spectrum(samples: Float32Array): Promise<{ mel: Float32Array; largest: number }> {
    const plan = await this.#melPlan();
    const chunk = kFrames * kHop;
    const chunks = Math.max(1, Math.ceil(samples.length / chunk));
    const mel = new Float32Array(chunks * kFrames * kMels);
    let largest = -10; // of silence
    for (let c = 0; c < chunks; ++c) {
      const audio = new Float32Array(chunk + kWindow);
      const from = c * chunk - kWindow / 2;
      audio.set(samples.subarray(Math.max(0, from), Math.min(samples.length, from + audio.length)), Math.max(0, -from));
      // The recording is mirrored before its begin.
      if (c === 0) for (let i = 1; i <= kWindow / 2; ++i) audio[kWindow / 2 - i] = samples[i] ?? 0;
      const found = await plan.run({ audio });
      mel.set(found.mel as Float32Array, c * kFrames * kMels);
      largest = (found.largest as Float32Array).reduce((a, b) => Math.max(a, b), largest);
    }
    return { mel, largest };
  }

  /** Frees its memory. */
  dispose(): void {
    for (const plan of [this.#mel, this.#encoder, ...this.#steps.values()])
      void plan?.then((plan: Plan<string>) => plan.dispose()).catch(() => {});
    for (const kernel of this.#kernels.values()) kernel.dispose();
    for (const buffer of [...Object.values(this.#weights.tensors), ...this.#padded, ...(this.#caches?.layers ?? []), this.#kinds])
      buffer.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function probability(logits: Float32Array, token: number): number {
  const most = logits.reduce((a, b) => Math.max(a, b));
  return Math.exp(logits[token]! - most) / logits.reduce((sum, x) => sum + Math.exp(x - most), 0);
}

// How many times smaller zlib makes a text.
async function compressionOf(text: string): Promise<number> {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length === 0) return 0;
  const packed = await new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"))).arrayBuffer();
  return bytes.length / packed.byteLength;
}

// Vocabularies of GPT-2 write each byte as a printable character.
const kBytes = new Map<string, number>();
for (let byte = 0, other = 256; byte < 256; ++byte) {
  const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  kBytes.set(String.fromCodePoint(printable ? byte : other++), byte);
}
const byteOf = (c: string): number => kBytes.get(c) ?? 63;

// A window function (Hann) times cosines, then sines, of each frequency.
function fourier(): Float32Array {
  const out = new Float32Array(kWindow * 2 * kBins);
  for (let k = 0; k < kWindow; ++k) {
    const hann = 0.5 - 0.5 * Math.cos((2 * Math.PI * k) / kWindow);
    for (let f = 0; f < kBins; ++f) {
      const angle = (2 * Math.PI * ((k * f) % kWindow)) / kWindow;
      out[k * 2 * kBins + f] = hann * Math.cos(angle);
      out[k * 2 * kBins + kBins + f] = hann * Math.sin(angle);
    }
  }
  return out;
}

// Triangles of equal width on Slaney's mel scale, with equal areas, as librosa's: [bins, mels].
function melFilters(): Float32Array {
  const [step, corner] = [200 / 3, 1000];
  const logarithmic = Math.log(6.4) / 27;
  const toMel = (f: number) => (f < corner ? f / step : corner / step + Math.log(f / corner) / logarithmic);
  const toHertz = (m: number) => (m < corner / step ? m * step : corner * Math.exp((m - corner / step) * logarithmic));
  const top = toMel(kRate / 2);
  const edges = Array.from({ length: kMels + 2 }, (_, i) => toHertz((top * i) / (kMels + 1)));
  const out = new Float32Array(kBins * kMels);
  for (let f = 0; f < kBins; ++f) {
    const hertz = (f * kRate) / kWindow;
    for (let m = 0; m < kMels; ++m) {
      const [low, middle, high] = [edges[m]!, edges[m + 1]!, edges[m + 2]!];
      const height = Math.max(0, Math.min((hertz - low) / (middle - low), (high - hertz) / (high - middle)));
      out[f * kMels + m] = (height * 2) / (high - low);
    }
  }
  return out;
}
export type { View };
