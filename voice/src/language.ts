// SPDX-License-Identifier: MIT
// A language model of the family of Llama, from a GGUF file: SmolLM2. One graph of launches is recorded, and replayed for each token.
import type { Device, DeviceBuffer } from "nereid-lang";
import {
  attendCached,
  Blocks,
  embedBlocks,
  Graph,
  type Groups,
  kernel,
  matmulBlocks,
  type Plan,
  quantizeGroups,
  rmsNorm,
  rmsNormGroups,
  silu,
  storeKeys,
  swigluGroups,
  topK,
  type Value,
} from "nereid-lang/kernels";
import { Bpe, type GgufWeights, type Joined, loadGguf, type Source } from "nereid-lang/models";

const kPage = 16; // positions
const kAhead = 8; // tokens that a GPU computes before they are read
const kCandidates = 64; // the most that `topK` may be
const kPrompt = [64, 8] as const; // tokens of a prompt at once

export interface Message {
  role: "system" | "user" | "assistant";
  content: string;
}

export interface LanguageOptions {
  /** The number of positions that are kept. Default: 1024. */
  context?: number;
  /** Bits of activations in products. With 16, the default, results are those of f32; with 8, as in llama.cpp, a token takes two thirds of the time. On a GPU they are f32. */
  bits?: 8 | 16;
}

export interface GenerateOptions {
  /** At most so many tokens. Default: 256. */
  tokens?: number;
  /** 0 chooses the most probable token. Default: 0.2. */
  temperature?: number;
  /** Only the most probable tokens, whose probabilities together reach this. Default: 0.9. */
  topP?: number;
  /** Only so many of the most probable tokens, 64 at most. Default: 40. */
  topK?: number;
  seed?: number;
  signal?: AbortSignal | undefined;
}

/** The tokens of a text that the model has read, and where their keys and values are. */
export class Conversation implements Disposable {
  readonly tokens: number[] = [];
  /** @internal */
  readonly pages: number[] = [];
  readonly #free: (pages: readonly number[]) => void;

  /** @internal */
  constructor(free: (pages: readonly number[]) => void) {
    this.#free = free;
  }

  /** Forgets the tokens from one on. */
  cut(length: number): void {
    this.tokens.length = Math.min(length, this.tokens.length);
    this.#free(this.pages.splice(Math.ceil(this.tokens.length / kPage)));
  }

  dispose(): void {
    this.cut(0);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

type StepPlan = Plan<"logits" | "ids" | "history">;

/** Writes text. */
export class LanguageModel implements Disposable {
  readonly device: Device;
  readonly tokenizer: Bpe;
  /** Positions of all conversations together. */
  readonly context: number;
  /** Bits of activations in products. */
  readonly bits: 8 | 16;
  readonly #weights: GgufWeights;
  readonly #caches: DeviceBuffer[];
  readonly #angles: { cos: DeviceBuffer; sin: DeviceBuffer };
  readonly #free: number[];
  readonly #ends: ReadonlySet<number>;
  readonly #plans = new Map<number, Promise<Plan<"out">>>();
  #step: Promise<StepPlan> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(device: Device, weights: GgufWeights, { context = 1024, bits = 16 }: LanguageOptions) {
    this.device = device;
    this.bits = bits;
    this.#weights = weights;
    const size = this.#number("embedding_length") / this.#number("attention.head_count");
    this.context = Math.ceil(Math.min(context, this.#number("context_length")) / kPage) * kPage;
    const kv = this.#number("attention.head_count_kv") * size;
    this.#caches = Array.from({ length: this.#number("block_count") }, () => device.buffer("f32", [this.context, 2 * kv]) as DeviceBuffer);
    const base = Number(weights.metadata["llama.rope.freq_base"] ?? 10000);
    const angle = (i: number) => Math.floor(i / (size / 2)) * base ** (-((i % (size / 2)) * 2) / size);
    const table = (f: (x: number) => number) =>
      device.buffer(
        "f32",
        [this.context, size / 2],
        Float32Array.from({ length: (this.context * size) / 2 }, (_, i) => f(angle(i))),
      ) as DeviceBuffer;
    this.#angles = { cos: table(Math.cos), sin: table(Math.sin) };
    this.#free = Array.from({ length: this.context / kPage }, (_, page) => page).reverse();
    const { metadata } = weights;
    const types = metadata["tokenizer.ggml.token_type"] as number[];
    this.tokenizer = new Bpe({
      tokens: metadata["tokenizer.ggml.tokens"] as string[],
      merges: metadata["tokenizer.ggml.merges"] as string[],
      special: types.flatMap((type, id) => (type === 3 ? [id] : [])),
      digits: metadata["tokenizer.ggml.pre"] === "smollm",
    });
    this.#ends = new Set([Number(metadata["tokenizer.ggml.eos_token_id"]), this.tokenizer.id("<|endoftext|>") ?? -1]);
  }

  /** Reads a GGUF file, also while it arrives. */
  static async load(device: Device, file: Source, options: LanguageOptions = {}): Promise<LanguageModel> {
    // One product instead of three, and of two.
    const joined: Joined = (name) => {
      const found = /^(blk\.\d+\.)(?:attn_([qkv])|ffn_(gate|up))\.weight$/.exec(name);
      if (!found) return undefined;
      const [, layer, attention, feed] = found;
      return attention ? [`${layer}attn_qkv`, "qkv".indexOf(attention)] : [`${layer}ffn_gate_up`, feed === "gate" ? 0 : 1];
    };
    const weights = await loadGguf(device, file, joined);
    if (weights.metadata["general.architecture"] !== "llama")
      throw new Error(`the architecture \`${String(weights.metadata["general.architecture"])}\` is not supported, only \`llama\` is`);
    return new LanguageModel(device, weights, options);
  }

  #number(key: string): number {
    return Number(this.#weights.metadata[`llama.${key}`]);
  }

  #tensor(name: string): DeviceBuffer {
    return this.#weights.tensors[name] as DeviceBuffer;
  }

  #blocks(name: string): Blocks {
    const found = this.#weights.tensors[name];
    if (!(found instanceof Blocks)) throw new Error(`the file has no \`${name}\` in a format of blocks`);
    return found;
  }

  // From ids to the last layer's result.
  #layers(graph: Graph, rows: number) {
    const ids = graph.input("ids", "i32", [rows]);
    const positions = graph.input("positions", "i32", [rows]);
    const table = graph.input("table", "i32", [rows, this.context / kPage]);
    const heads = this.#number("attention.head_count");
    const kvHeads = this.#number("attention.head_count_kv");
    const epsilon = this.#number("attention.layer_norm_rms_epsilon");
    const cached = { positions, table, page: kPage, heads, kvHeads };
    const { bits } = this;
    const weight = (name: string) => this.#tensor(`${name}.weight`);
    // Many rows are multiplied as f32, since unpacking a group takes less time than the products then; and so are all on a GPU.
    const many = rows > 4 || this.device.kind === "webgpu";
    const norm = (x: Value, name: string): Value | Groups<Value> =>
      many ? rmsNorm(x, weight(name), { epsilon }) : rmsNormGroups(x, weight(name), { epsilon, bits });
    let h: Value = embedBlocks(ids, this.#blocks("token_embd.weight")) as Value;
    for (const [i, cache] of this.#caches.entries()) {
      const at = `blk.${i}.`;
      const qkv = matmulBlocks(norm(h, `${at}attn_norm`), this.#blocks(`${at}attn_qkv`)) as Value;
      const q = storeKeys(qkv, cache, { ...cached, angles: this.#angles }) as Value;
      const attended = attendCached(q, cache, cached) as Value;
      h = matmulBlocks(many ? attended : quantizeGroups(attended, { bits }), this.#blocks(`${at}attn_output.weight`), {
        residual: h,
      }) as Value;
      const x = norm(h, `${at}ffn_norm`);
      const w = this.#blocks(`${at}ffn_gate_up`);
      const half = w.columns / 2;
      const fed = many
        ? silu(matmulBlocks(x, w.subarray(0, half)) as Value, { gate: matmulBlocks(x, w.subarray(half)) as Value })
        : swigluGroups(matmulBlocks(x, w) as Value, { bits });
      h = matmulBlocks(fed as Value | Groups<Value>, this.#blocks(`${at}ffn_down.weight`), { residual: h }) as Value;
    }
    return { ids, positions, h: norm(h, "output_norm") };
  }

  #stepPlan(): Promise<StepPlan> {
    return (this.#step ??= (() => {
      const graph = new Graph(this.device);
      const { ids, positions, h } = this.#layers(graph, 1);
      const settings = graph.input("settings", "f32", [4]);
      const output = this.#weights.tensors["output.weight"] ? "output.weight" : "token_embd.weight";
      const logits = matmulBlocks(h, this.#blocks(output)) as Value;
      const { values, indices } = topK(logits, kCandidates);
      const history = graph.empty("i32", [this.context + 1]);
      graph.launch(kernel(this.device, "sample.py", "sample"), 1, {
        values_ptr: values,
        indices_ptr: indices,
        ids_ptr: ids,
        positions_ptr: positions,
        history_ptr: history,
        settings_ptr: settings,
        length: this.context + 1,
        K: kCandidates,
      });
      return graph.compile({ logits, ids, history });
    })());
  }

  #promptPlan(rows: number): Promise<Plan<"out">> {
    let plan = this.#plans.get(rows);
    if (!plan) {
      const graph = new Graph(this.device);
      plan = graph.compile({ out: this.#layers(graph, rows).h as Value });
      this.#plans.set(rows, plan);
    }
    return plan;
  }

  /** Bytes of the weights that each token reads. */
  get bytes(): number {
    return Object.values(this.#weights.tensors).reduce(
      (sum, one) => sum + (one instanceof Blocks ? one.bytes : one.size * (one.dtype === "f16" ? 2 : 4)),
      0,
    );
  }

  /** Compiles all kernels. */
  async prepare(): Promise<void> {
    await Promise.all([this.#stepPlan(), ...kPrompt.map((rows) => this.#promptPlan(rows))]);
  }

  /** A new text. Several can exist side by side, as long as there is room for all their tokens. */
  conversation(): Conversation {
    return new Conversation((pages) => this.#free.push(...pages));
  }

  /** The tokens of messages, up to the begin of the model's answer. */
  chat(messages: readonly Message[]): number[] {
    const { tokenizer } = this;
    const [start, end] = [tokenizer.id("<|im_start|>")!, tokenizer.id("<|im_end|>")!];
    const all = messages[0]?.role === "system" ? messages : [kSystem, ...messages];
    const newline = tokenizer.encode("\n");
    return [
      ...all.flatMap(({ role, content }) => [start, ...tokenizer.encode(`${role}\n${content}`), end, ...newline]),
      start,
      ...tokenizer.encode("assistant\n"),
    ];
  }

  #room(conversation: Conversation, length: number): void {
    while (conversation.pages.length * kPage < length) {
      const page = this.#free.pop();
      if (page === undefined) throw new Error(`the context is full: it has room for ${this.context} tokens`);
      conversation.pages.push(page);
    }
  }

  #table(conversation: Conversation, rows: number): Int32Array {
    const pages = this.context / kPage;
    const out = new Int32Array(rows * pages);
    for (let row = 0; row < rows; ++row) out.set(conversation.pages, row * pages);
    return out;
  }

  // Makes `tokens` the content of the conversation, except for the last one.
  async #read(conversation: Conversation, tokens: readonly number[], signal: AbortSignal | undefined): Promise<void> {
    let at = 0;
    while (at < tokens.length - 1 && conversation.tokens[at] === tokens[at]) ++at;
    conversation.cut(at);
    this.#room(conversation, tokens.length);
    while (at < tokens.length - 1) {
      signal?.throwIfAborted();
      const left = tokens.length - 1 - at;
      const rows = left > 2 * kPrompt[1] ? kPrompt[0] : kPrompt[1];
      const plan = await this.#promptPlan(rows);
      const row = (i: number) => Math.min(at + i, tokens.length - 2); // the last one again, if there are not so many
      await plan.launch({
        ids: Int32Array.from({ length: rows }, (_, i) => tokens[row(i)]!),
        positions: Int32Array.from({ length: rows }, (_, i) => row(i)),
        table: this.#table(conversation, rows),
      });
      const read = tokens.slice(at, at + Math.min(rows, left));
      conversation.tokens.push(...read);
      at += read.length;
    }
  }

  /** Continues tokens: yields one after the other until the model ends its text. */
  async *generate(conversation: Conversation, tokens: readonly number[], options: GenerateOptions = {}): AsyncGenerator<number> {
    const { tokens: most = 256, temperature = 0.2, topP = 0.9, topK: top = 40, seed = 1, signal } = options;
    let release!: () => void;
    const before = this.#last;
    this.#last = new Promise<void>((resolve) => (release = resolve));
    await before;
    try {
      await this.#read(conversation, tokens, signal);
      const plan = await this.#stepPlan();
      const settings = new Float32Array([temperature, topP, Math.min(top, kCandidates), 0]);
      new Int32Array(settings.buffer)[3] = seed;
      let next = tokens.at(-1)!;
      let pages = 0;
      // A GPU runs several steps before the host waits for it.
      const ahead = this.device.kind === "wasm" ? 1 : kAhead;
      for (let count = 0; count < most;) {
        signal?.throwIfAborted();
        const position = conversation.tokens.length;
        this.#room(conversation, position + 1);
        const steps = Math.min(ahead, most - count, this.context - position);
        this.#room(conversation, position + steps);
        const launches: Promise<void>[] = [];
        for (let step = 0; step < steps; ++step)
          launches.push(
            plan.launch({
              // The kernel has left the token and its position where the next step reads them.
              ...(count === 0 && step === 0 && { ids: new Int32Array([next]), positions: new Int32Array([position]), settings }),
              ...(step === 0 && conversation.pages.length !== pages && { table: this.#table(conversation, 1) }),
            }),
          );
        await Promise.all(launches);
        pages = conversation.pages.length;
        const found =
          steps === 1 ? await plan.outputs.ids.read() : (await plan.outputs.history.read()).subarray(position + 1, position + 1 + steps);
        for (const token of found as Int32Array) {
          signal?.throwIfAborted();
          conversation.tokens.push(next);
          next = token;
          ++count;
          if (this.#ends.has(next)) return;
          yield next;
        }
      }
    } finally {
      release();
    }
  }

  /** The same as text, piece by piece. */
  async *write(conversation: Conversation, messages: readonly Message[], options: GenerateOptions = {}): AsyncGenerator<string> {
    const decoder = new TextDecoder();
    for await (const token of this.generate(conversation, this.chat(messages), options)) {
      const text = decoder.decode(this.tokenizer.bytes(token), { stream: true });
      if (text) yield text;
    }
  }

  /** The logits of the token that follows each of these. */
  async logits(
    conversation: Conversation,
    tokens: readonly number[],
    each: (logits: Float32Array, position: number) => void,
  ): Promise<void> {
    const plan = await this.#stepPlan();
    this.#room(conversation, tokens.length);
    for (const [position, token] of tokens.entries()) {
      await plan.launch({
        ids: new Int32Array([token]),
        positions: new Int32Array([position]),
        settings: new Float32Array(4),
        table: this.#table(conversation, 1),
      });
      each((await plan.outputs.logits.read()) as Float32Array, position);
    }
    conversation.tokens.splice(0, Infinity, ...tokens);
  }

  /** Frees its memory. */
  dispose(): void {
    for (const plan of [this.#step, ...this.#plans.values()]) void plan?.then((plan: Plan<string>) => plan.dispose()).catch(() => {});
    for (const one of [...Object.values(this.#weights.tensors), ...this.#caches, this.#angles.cos, this.#angles.sin]) one.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

const kSystem: Message = { role: "system", content: "You are a helpful AI assistant named SmolLM, trained by Hugging Face" };
