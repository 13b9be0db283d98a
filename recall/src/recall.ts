// SPDX-License-Identifier: MIT
// The engine as one object: texts in, texts out.
import { type Device, open } from "nereid-lang";
import { Encoder } from "./encoder.ts";
import type { HnswOptions } from "./hnsw.ts";
import { type LogFile, openNodeFile, openPrivateFile } from "./log.ts";
import { type Filter, type Hit, type Item, type SearchOptions, Store } from "./store.ts";

export interface RecallOptions {
  /** The folder with the files of recall/convert.py: an address, or a path in Node. */
  model: string | URL;
  /** The precision of the weights: `int8` (default), `f32`, or `f16` for GPUs. */
  precision?: "int8" | "f32" | "f16";
  /** Where the texts are kept: the name of a file of the browser's private file system (only in workers), or a path in Node. Without it, only in memory. */
  file?: string;
  /** Default: a WebAssembly device with all threads. */
  device?: Device;
  /** Above so many texts, searches are approximate. Default: 100,000. */
  exactUpTo?: number;
  graph?: HnswOptions;
}

const isNode = typeof (globalThis as { process?: { getBuiltinModule?: unknown } }).process?.getBuiltinModule === "function";

async function read(folder: string | URL, name: string): Promise<ArrayBuffer> {
  const base = String(folder).replace(/\/?$/, "/");
  if (isNode && !/^https?:/.test(base)) {
    const { process } = globalThis as unknown as { process: { getBuiltinModule(name: string): any } };
    const path = base.startsWith("file:") ? process.getBuiltinModule("node:url").fileURLToPath(base + name) : base + name;
    const bytes: Uint8Array<ArrayBuffer> = await process.getBuiltinModule("node:fs/promises").readFile(path);
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  }
  const answer = await fetch(base + name);
  if (!answer.ok) throw new Error(`cannot load ${base}${name}: status ${answer.status}`);
  return answer.arrayBuffer();
}

/** Texts that are searched by meaning. */
export class Recall implements Disposable {
  readonly encoder: Encoder;
  readonly store: Store;
  readonly #ownDevice: Device | undefined;
  readonly #exactUpTo: number;
  #building: Promise<void> | undefined;
  #closed = false;

  private constructor(encoder: Encoder, store: Store, ownDevice: Device | undefined, exactUpTo: number) {
    this.encoder = encoder;
    this.store = store;
    this.#ownDevice = ownDevice;
    this.#exactUpTo = exactUpTo;
  }

  static async open({ model, precision = "int8", file, device, exactUpTo = 100000, graph }: RecallOptions): Promise<Recall> {
    const used = device ?? (await open({ device: "wasm" }));
    const [weights, tokenizer] = await Promise.all([read(model, `minilm.${precision}.safetensors`), read(model, "tokenizer.json")]);
    const encoder = new Encoder({ device: used, weights, tokenizer: JSON.parse(new TextDecoder().decode(tokenizer)) });
    const openFile = (name: string): LogFile | Promise<LogFile> => (isNode ? openNodeFile(name) : openPrivateFile(name));
    const store = await Store.open(used, {
      width: encoder.dimension,
      ...(file !== undefined && {
        file: await openFile(file),
        graphs: [await openFile(`${file}.graph-a`), await openFile(`${file}.graph-b`)] as const,
      }),
      ...(graph && { graph }),
    });
    const recall = new Recall(encoder, store, device ? undefined : used, exactUpTo);
    recall.#build();
    return recall;
  }

  /** The number of texts. */
  get size(): number {
    return this.store.size;
  }

  /** Adds texts. Returns the id of the first; the others follow. `done` receives the number of texts whose vectors are known. */
  async add(items: readonly (Item | string)[], done?: (count: number) => void): Promise<number> {
    const all = items.map((item) => (typeof item === "string" ? { text: item } : item));
    const vectors = await this.encoder.encode(
      all.map(({ text }) => text),
      done,
    );
    const first = await this.store.add(all, vectors);
    this.#build();
    return first;
  }

  /** The `k` texts whose meanings are closest to the query's, best first. */
  async search(query: string, k = 10, filter: Filter = {}, options: SearchOptions = {}): Promise<Hit[]> {
    return this.store.search(await this.encoder.encode([query]), k, filter, options);
  }

  /** The `k` texts closest to one of them, without itself. */
  async similar(id: number, k = 10, filter: Filter = {}, options: SearchOptions = {}): Promise<Hit[]> {
    const hits = await this.store.search(await this.store.vector(id), k + 1, filter, options);
    return hits.filter((hit) => hit.id !== id).slice(0, k);
  }

  delete(ids: readonly number[]): Promise<void> {
    return this.store.delete(ids);
  }

  clear(): Promise<void> {
    return this.store.clear();
  }

  /** Resolves when the graph for approximate searches has all texts, if there are enough for one. */
  async built(): Promise<void> {
    await this.#building;
  }

  // In the background.
  #build(): void {
    if (this.store.length <= this.#exactUpTo || this.store.approximate || this.#building) return;
    this.#building = this.store
      .buildGraph(() => !this.#closed)
      .catch(() => {}) // searches stay exact
      .finally(() => (this.#building = undefined));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#building;
    await this.store.close();
    this.encoder.dispose();
    this.#ownDevice?.dispose();
  }

  dispose(): void {
    void this.close();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
