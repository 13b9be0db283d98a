// SPDX-License-Identifier: MIT
// Texts to vectors, by a BERT encoder with mean pooling: all-MiniLM-L6-v2.
import { Tokenizer } from "@huggingface/tokenizers";
import { type Device, type DeviceBuffer } from "nereid-lang";
import {
  embedding,
  type Epilogue,
  Graph,
  layerNorm,
  matmul,
  matmulInt8,
  type Plan,
  pool,
  quantizeRows,
  selfAttention,
  type Value,
} from "nereid-lang/kernels";
import { loadWeights, type Weights } from "./weights.ts";

const kTokens = 1024; // of a batch: enough to keep threads busy
const kPlans = 8; // to keep

export interface EncoderOptions {
  device: Device;
  /** A file of recall/convert.py: its precision is that of the encoder. */
  weights: ArrayBuffer;
  /** The content of tokenizer.json. */
  tokenizer: object;
  /** Texts are cut after so many tokens: 256 by default, 512 at most. */
  longest?: number;
}

type BatchPlan = Plan<"vectors">;

/** Turns texts into vectors of length 1, whose dot products are larger the closer the texts' meanings are. */
export class Encoder implements Disposable {
  readonly device: Device;
  /** The precision of the weights: `f32`, `f16` or `int8`. */
  readonly precision: string;
  /** The number of elements of a vector. */
  readonly dimension: number;
  readonly longest: number;
  readonly #weights: Weights;
  readonly #tokenizer: Tokenizer;
  readonly #layers: number;
  readonly #plans = new Map<string, Promise<BatchPlan>>();
  #last: Promise<unknown> = Promise.resolve();

  constructor({ device, weights, tokenizer, longest = 256 }: EncoderOptions) {
    this.device = device;
    this.#weights = loadWeights(device, weights);
    this.#tokenizer = new Tokenizer(tokenizer, {});
    const { tensors, metadata } = this.#weights;
    this.precision = metadata["precision"] ?? "f32";
    const [known = 0, dimension = 0] = tensors["positions"]?.shape ?? [];
    this.dimension = dimension;
    this.longest = Math.min(longest, known);
    this.#layers = Object.keys(tensors).filter((name) => name.endsWith(".up.bias")).length;
  }

  /** The ids of a text's tokens, with those of its begin and end. */
  tokens(text: string): number[] {
    const { ids } = this.#tokenizer.encode(text);
    return ids.length <= this.longest ? ids : [...ids.slice(0, this.longest - 1), ids.at(-1)!];
  }

  /** The vectors of texts, one after the other. `done` receives the number of texts encoded so far. */
  async encode(texts: readonly string[], done?: (count: number) => void): Promise<Float32Array> {
    const out = new Float32Array(texts.length * this.dimension);
    const known = texts.map((text) => this.tokens(text));
    const order = known.map((_, i) => i).sort((a, b) => known[b]!.length - known[a]!.length); // of about the same length together
    for (let at = 0; at < order.length;) {
      const length = lengthOf(known[order[at]!]!.length);
      const most = Math.max(1, Math.floor(kTokens / length));
      const batch = order.slice(at, at + most);
      const size = batch.length === most ? most : 2 ** Math.ceil(Math.log2(batch.length));
      at += batch.length;
      const ids = new Int32Array(size * length);
      const lengths = new Int32Array(size);
      for (const [row, i] of batch.entries()) {
        ids.set(known[i]!, row * length);
        lengths[row] = known[i]!.length;
      }
      const vectors = await this.run(size, length, ids, lengths);
      for (const [row, i] of batch.entries())
        out.set(vectors.subarray(row * this.dimension, (row + 1) * this.dimension), i * this.dimension);
      done?.(at);
    }
    return out;
  }

  /** Encodes `size` sequences of `length` ids. Only the first `lengths[i]` ids of sequence i are read. */
  async run(size: number, length: number, ids: Int32Array, lengths: Int32Array): Promise<Float32Array> {
    // Two runs of a plan would use the same memory.
    const turn = this.#last.then(async () => (await (await this.plan(size, length)).run({ ids, lengths })).vectors as Float32Array);
    this.#last = turn.catch(() => {});
    return turn;
  }

  /** The launches for a batch. */
  plan(size: number, length: number): Promise<BatchPlan> {
    const key = `${size} x ${length}`;
    const plan = this.#plans.get(key) ?? this.#compile(size, length);
    this.#plans.delete(key);
    this.#plans.set(key, plan); // the newest is last
    plan.catch(() => this.#plans.delete(key));
    for (const [oldest, old] of this.#plans) {
      if (this.#plans.size <= kPlans) break;
      this.#plans.delete(oldest);
      void old.then((plan) => plan.dispose());
    }
    return plan;
  }

  #compile(size: number, length: number): Promise<BatchPlan> {
    const { tensors, metadata } = this.#weights;
    const heads = Number(metadata["heads"]);
    const epsilon = Number(metadata["epsilon"]);
    const at = (name: string): DeviceBuffer => {
      const tensor = tensors[name];
      if (!tensor) throw new Error(`the weights have no \`${name}\``);
      return tensor;
    };
    const linear = (x: Value, name: string, options: Epilogue = {}): Value => {
      const [w, bias] = [at(`${name}.weight`), at(`${name}.bias`)];
      if (w.dtype !== "i8") return matmul(x, w, { bias, ...options });
      const { values, scales } = quantizeRows(x, { factors: tensors[`${name}.factors`] });
      return matmulInt8(values, scales, w, at(`${name}.scales`), { bias, ...options });
    };
    const norm = (x: Value, name: string): Value => layerNorm(x, at(`${name}.weight`), at(`${name}.bias`), { epsilon });
    const graph = new Graph(this.device);
    const ids = graph.input("ids", "i32", [size, length]);
    const lengths = graph.input("lengths", "i32", [size]);
    let h = norm(embedding(ids, at("words"), { positions: at("positions"), scales: tensors["words.scales"] }), "norm");
    for (let i = 0; i < this.#layers; ++i) {
      const attended = selfAttention(linear(h, `${i}.qkv`), { heads, lengths });
      h = norm(linear(attended, `${i}.attention`, { residual: h }), `${i}.norm1`);
      h = norm(linear(linear(h, `${i}.up`, { activation: "gelu" }), `${i}.down`, { residual: h }), `${i}.norm2`);
    }
    return graph.compile({ vectors: pool(h, { lengths, normalize: true, dtype: "f32" }) });
  }

  /** Frees its memory. */
  dispose(): void {
    for (const plan of this.#plans.values()) void plan.then((plan) => plan.dispose()).catch(() => {});
    this.#plans.clear();
    for (const tensor of Object.values(this.#weights.tensors)) tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

// The length that sequences of so many tokens are filled up to: few different ones, so that plans are reused.
function lengthOf(tokens: number): number {
  const step = tokens <= 64 ? 16 : tokens <= 128 ? 32 : 64;
  return Math.max(16, Math.ceil(tokens / step) * step);
}
