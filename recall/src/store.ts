// SPDX-License-Identifier: MIT
// Texts with their vectors: in a file, and in memory of a device, where kernels search them.
import type { Device, DeviceBuffer, WasmDevice } from "nereid-lang";
import { Graph, kernel, type Plan, search, type Value } from "nereid-lang/kernels";
import { Hnsw, type HnswOptions } from "./hnsw.ts";
import { Log, type LogFile, MemoryFile } from "./log.ts";

/** A text, and what filters need. */
export interface Item {
  text: string;
  /** Its author. */
  person?: string | undefined;
  /** Milliseconds since 1970. */
  time?: number | undefined;
  /** The conversation or document that contains it. */
  source?: string | undefined;
}

/** Restricts a search. */
export interface Filter {
  person?: string | undefined;
  source?: string | undefined;
  /** The earliest and the latest time; items without a time are then left out. */
  from?: number | undefined;
  to?: number | undefined;
}

export interface Hit {
  id: number;
  item: Item;
  /** The cosine of the angle between query and item. */
  score: number;
}

export interface StoreOptions {
  /** The number of elements of a vector; default 384. */
  width?: number;
  /** Without a file, the store is in memory only. */
  file?: LogFile;
  /** Two files for the graph of an approximate search, which are written in turn: one is always whole. */
  graphs?: readonly [LogFile, LogFile];
  /** How `buildGraph` builds it. */
  graph?: HnswOptions;
}

export interface SearchOptions {
  /** Compare with every item, even if there is a graph. */
  exact?: boolean | undefined;
  /** The length of the list of an approximate search, a power of two: more take longer, and find more. Default: 128. */
  effort?: number | undefined;
}

const kItems = 1;
const kDeleted = 2;
const kEffort = 128;
const kLeast = 1024; // items: the store has room for a multiple

const powerOf2 = (n: number) => 2 ** Math.ceil(Math.log2(n));

type SearchPlan = Plan<"values" | "indices">;

export class Store implements Disposable {
  readonly device: Device;
  /** The number of elements of a vector. */
  readonly width: number;
  // The same in memory: zeros fill up to a multiple of 32.
  readonly #depth: number;
  readonly #items: (Item | undefined)[] = [];
  #count = 0;
  #log!: Log;
  #capacity = 0;
  // Vectors in int8, their scales, the same vectors in f16, and which of them a search considers.
  #vectors!: DeviceBuffer;
  #scales!: DeviceBuffer;
  #exact!: DeviceBuffer;
  #mask!: DeviceBuffer;
  #masked: string | undefined; // the filter for which the mask is
  readonly #plans = new Map<string, Promise<SearchPlan>>();
  #hnsw: Hnsw | undefined;
  #graphs: readonly [LogFile, LogFile] | undefined;
  #saves = 0;
  readonly #graphOptions: HnswOptions;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(device: Device, width: number, graph: HnswOptions) {
    this.device = device;
    this.width = width;
    this.#depth = Math.ceil(width / 32) * 32;
    this.#graphOptions = graph;
  }

  static async open(device: Device, options: StoreOptions = {}): Promise<Store> {
    const store = new Store(device, options.width ?? 384, options.graph ?? {});
    const vectors: Uint16Array[] = [];
    store.#log = await Log.open(options.file ?? new MemoryFile(), store.width, ({ kind, payload }) => {
      if (kind === kItems) vectors.push(store.#readItems(payload));
      else if (kind === kDeleted) for (const id of new Uint32Array(payload.buffer)) store.#items[id] = undefined;
    });
    await store.#reserve(Math.max(1, store.#items.length));
    let at = 0;
    for (const part of vectors) at += await store.#put(at, part);
    store.#count = store.#items.filter(Boolean).length;
    store.#graphs = options.graphs;
    await store.#loadGraph();
    return store;
  }

  /** The number of items. */
  get size(): number {
    return this.#count;
  }

  /** The bytes of the file. */
  get bytes(): number {
    return this.#log.size;
  }

  /** The number of items in the graph for approximate searches, which are possible when it has all. */
  get inGraph(): number {
    return this.#hnsw?.count ?? 0;
  }

  /** True if searches without a filter are approximate. */
  get approximate(): boolean {
    return this.#hnsw !== undefined && this.#hnsw.count === this.#items.length;
  }

  /** The bytes of vectors and of the graph, in memory of the device. */
  get memory(): number {
    return this.#capacity * (3 * this.#depth + 5) + (this.#hnsw?.bytes ?? 0);
  }

  item(id: number): Item | undefined {
    return this.#items[id];
  }

  /** One more than the largest id. */
  get length(): number {
    return this.#items.length;
  }

  /** All items with their ids. */
  *items(): Generator<[number, Item]> {
    for (const [id, item] of this.#items.entries()) if (item) yield [id, item];
  }

  /** The vector of an item, as a query for similar ones. */
  vector(id: number): Promise<Float32Array> {
    if (!this.#items[id]) return Promise.reject(new RangeError(`there is no item ${id}`));
    return this.#inTurn(async () => {
      const at = id * this.#depth;
      const row = (await this.#exact.subarray(at, at + this.width).read()) as ArrayLike<number>;
      return Float32Array.from(row, row instanceof Uint16Array ? fromHalf : Number);
    });
  }

  /** A copy of the file. */
  export(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#inTurn(() => this.#log.read());
  }

  /** Adds the items of another store's file, without those for which `known` is true. Returns their number. */
  async import(file: LogFile, known: (item: Item) => boolean = () => false): Promise<number> {
    const parts: { items: (Item | undefined)[]; halves: Uint16Array }[] = [];
    await Log.open(file, this.width, ({ kind, payload }) => {
      if (kind === kItems) parts.push(this.#itemsIn(payload));
      if (kind !== kDeleted) return;
      for (let id of new Uint32Array(payload.buffer))
        for (const { items } of parts) {
          if (id < items.length) items[id] = undefined;
          if ((id -= items.length) < 0) break;
        }
    });
    let count = 0;
    for (const { items, halves } of parts) {
      const rows = items.flatMap((item, i) => (item && !known(item) ? [i] : []));
      const vectors = new Float32Array(rows.length * this.width);
      for (const [k, i] of rows.entries())
        for (let d = 0; d < this.width; ++d) vectors[k * this.width + d] = fromHalf(halves[i * this.width + d]!);
      await this.add(
        rows.map((i) => items[i]!),
        vectors,
      );
      count += rows.length;
    }
    return count;
  }

  /** Adds items with their vectors, one after the other. Returns the id of the first; the others follow. They are in the file when the promise resolves. */
  add(items: readonly Item[], vectors: Float32Array): Promise<number> {
    if (vectors.length !== items.length * this.width)
      return Promise.reject(new RangeError(`${items.length} items need ${items.length * this.width} numbers, but got ${vectors.length}`));
    return this.#inTurn(async () => {
      const first = this.#items.length;
      if (items.length === 0) return first;
      const halves = Uint16Array.from(vectors, toHalf);
      const json = JSON.stringify(items.map(({ text, person, time, source }) => ({ text, person, time, source })));
      const text = new TextEncoder().encode(json);
      const payload = new Uint8Array(8 + halves.byteLength + text.length);
      new DataView(payload.buffer).setUint32(0, items.length, true);
      payload.set(new Uint8Array(halves.buffer), 8);
      payload.set(text, 8 + halves.byteLength);
      await this.#log.append(kItems, payload);
      for (const item of JSON.parse(json) as Item[]) this.#items.push(item); // as they will be read
      this.#count += items.length;
      await this.#reserve(this.#items.length);
      await this.#put(first, halves);
      return first;
    });
  }

  /** Removes items. */
  delete(ids: readonly number[]): Promise<void> {
    return this.#inTurn(async () => {
      const known = ids.filter((id) => this.#items[id]);
      if (known.length === 0) return;
      await this.#log.append(kDeleted, new Uint8Array(Uint32Array.from(known).buffer));
      for (const id of known) {
        if (this.#items[id]) --this.#count;
        this.#items[id] = undefined;
      }
      this.#masked = undefined;
    });
  }

  /** Removes all items, also from the file. */
  clear(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#log.clear();
      this.#items.length = this.#count = 0;
      this.#masked = undefined;
      this.#hnsw?.clear();
      for (const file of this.#graphs ?? []) await file.truncate(0);
    });
  }

  /** The `k` items whose vectors are closest to the query's, best first: of all items, unless there is a graph and no filter. */
  search(query: Float32Array, k = 10, filter: Filter = {}, options: SearchOptions = {}): Promise<Hit[]> {
    return this.#inTurn(async () => {
      if (this.#count === 0) return [];
      const unfiltered = Object.values(filter).every((value) => value === undefined);
      if (unfiltered && this.approximate && !options.exact) {
        const hits = this.#hits(await (await this.#graphPlan(k, options.effort ?? kEffort)).run({ query: this.#padded(query) }));
        // Deleted items are still in the graph. If too many of the nearest are, look at all.
        if (hits.length >= Math.min(k, this.#count)) return hits.slice(0, k);
      }
      const plan = await this.#plan(k);
      const key = JSON.stringify([filter.person, filter.source, filter.from, filter.to]);
      if (this.#masked !== key) await this.#mask.write(this.#maskFor(filter));
      this.#masked = key;
      return this.#hits(await plan.run({ query: this.#padded(query) }));
    });
  }

  #padded(query: Float32Array): Float32Array {
    if (this.width === this.#depth) return query;
    const out = new Float32Array(this.#depth);
    out.set(query);
    return out;
  }

  #hits({ values, indices }: { values: unknown; indices: unknown }): Hit[] {
    const hits: Hit[] = [];
    for (const [i, id] of (indices as Int32Array).entries()) {
      const score = (values as Float32Array)[i]!;
      const item = score > -Infinity ? this.#items[id] : undefined;
      if (item) hits.push({ id, item, score });
    }
    return hits;
  }

  /**
   * Builds the graph for approximate searches, or adds what is missing, and saves it. It works for about `milliseconds` at a time; searches come in between. Only on WebAssembly:
   * GPUs compare with all items. `progress` receives the number of items in the graph, and may stop the work by returning false.
   */
  async buildGraph(progress: (count: number) => boolean | void = () => {}, milliseconds = 30): Promise<void> {
    if (this.device.kind !== "wasm") return;
    let saved = this.inGraph;
    for (let goes: boolean | void = true; goes !== false && this.inGraph < this.#items.length;) {
      goes = await this.#inTurn(async () => {
        this.#hnsw ??= this.#newGraph();
        return progress(await this.#hnsw.extend(this.#items.length, milliseconds));
      });
      if (this.inGraph - saved >= Math.max(20000, saved / 2)) await this.#saveGraph().then(() => (saved = this.inGraph));
      await new Promise((resolve) => setTimeout(resolve)); // for messages to workers
    }
    if (this.inGraph !== saved) await this.#saveGraph();
  }

  #newGraph(): Hnsw {
    return new Hnsw(this.device as WasmDevice, this.#depth, { vectors: this.#vectors, scales: this.#scales }, this.#graphOptions);
  }

  #saveGraph(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#graphs) await this.#hnsw?.save(this.#graphs[this.#saves++ & 1]!);
    });
  }

  async #loadGraph(): Promise<void> {
    if (!this.#graphs || this.device.kind !== "wasm") return;
    const graph = this.#newGraph();
    for (const [i, file] of this.#graphs.entries()) if (await graph.load(file, this.#items.length)) this.#saves = i + 1;
    if (graph.count) this.#hnsw = graph;
    else graph.dispose();
  }

  async close(): Promise<void> {
    await this.#inTurn(async () => {
      await this.#log.close();
      for (const file of this.#graphs ?? []) await file.close();
    });
    this.dispose();
  }

  dispose(): void {
    this.#dropPlans();
    this.#hnsw?.dispose();
    for (const buffer of [this.#vectors, this.#scales, this.#exact, this.#mask]) buffer.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  // Operations run one after the other.
  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#last.then(run);
    this.#last = result.catch(() => {});
    return result;
  }

  #readItems(payload: Uint8Array<ArrayBuffer>): Uint16Array {
    const { items, halves } = this.#itemsIn(payload);
    for (const item of items) this.#items.push(item);
    return halves;
  }

  #itemsIn(payload: Uint8Array<ArrayBuffer>): { items: Item[]; halves: Uint16Array } {
    const count = new DataView(payload.buffer, payload.byteOffset).getUint32(0, true);
    const end = 8 + 2 * count * this.width;
    const items = JSON.parse(new TextDecoder().decode(payload.subarray(end))) as Item[];
    return { items, halves: new Uint16Array(payload.slice(8, end).buffer) };
  }

  // Copies vectors to the device.
  async #put(first: number, halves: Uint16Array): Promise<number> {
    const count = halves.length / this.width;
    const { device, width } = this;
    const depth = this.#depth;
    let rows = halves;
    if (width !== depth) {
      rows = new Uint16Array(count * depth);
      for (let i = 0; i < count; ++i) rows.set(halves.subarray(i * width, (i + 1) * width), i * depth);
    }
    const exact = this.#exact.subarray(first * depth, (first + count) * depth);
    await exact.write(rows);
    await kernel(device, "quantize.py", "quantize_rows").launch(count, {
      x_ptr: exact,
      factor_ptr: null,
      out_ptr: this.#vectors.subarray(first * depth, (first + count) * depth),
      scale_ptr: this.#scales.subarray(first, first + count),
      columns: depth,
      BLOCK: powerOf2(depth),
    });
    this.#masked = undefined;
    return count;
  }

  // Makes room for so many items.
  async #reserve(count: number): Promise<void> {
    if (count <= this.#capacity) return;
    // A quarter more, so that items that come one by one are not copied often, and searches do not read much that is not there.
    const capacity = Math.ceil((this.#capacity ? 1.25 * count : count) / kLeast) * kLeast;
    const { device } = this;
    const depth = this.#depth;
    const old = this.#capacity ? ([this.#vectors, this.#scales, this.#exact, this.#mask] as const) : undefined;
    this.#vectors = device.buffer("i8", [capacity, depth]) as DeviceBuffer;
    this.#scales = device.buffer("f32", [capacity]) as DeviceBuffer;
    this.#exact = device.buffer("f16", [capacity, depth]) as DeviceBuffer;
    this.#mask = device.buffer("u8", [capacity]) as DeviceBuffer;
    if (old) {
      const copy = kernel(device, "quantize.py", "cast");
      for (const [k, to] of [this.#vectors, this.#scales, this.#exact].entries())
        await copy.launch(Math.ceil(old[k]!.size / 4096), { x_ptr: old[k]!, out_ptr: to, size: old[k]!.size, BLOCK: 4096 });
      this.#dropPlans();
      for (const buffer of old) buffer.dispose();
    }
    this.#capacity = capacity;
    this.#masked = undefined;
    this.#hnsw?.move({ vectors: this.#vectors, scales: this.#scales });
  }

  #dropPlans(): void {
    for (const plan of this.#plans.values()) void plan.then((plan) => plan.dispose()).catch(() => {});
    this.#plans.clear();
  }

  #plan(k: number): Promise<SearchPlan> {
    return this.#cached(String(k), (graph, query) => {
      // The search is of as many vectors as there is room for: those that do not exist are masked.
      const index = { vectors: this.#vectors, scales: this.#scales, exact: this.#exact, mask: this.#mask };
      return search(query, index, k);
    });
  }

  // A search in the graph finds more than k items, since deleted ones are among them.
  #graphPlan(k: number, effort: number): Promise<SearchPlan> {
    const hnsw = this.#hnsw!;
    const K = Math.min(256, powerOf2(2 * k));
    const ef = Math.max(K, powerOf2(effort));
    return this.#cached(`${k} ${ef} ${hnsw.version}`, (graph, query) => {
      const depth = this.#depth;
      const q = graph.empty("i8", [depth]);
      const BLOCK = powerOf2(depth);
      graph.launch(kernel(this.device, "quantize.py", "quantize_rows"), 1, {
        x_ptr: query,
        factor_ptr: null,
        out_ptr: q,
        scale_ptr: graph.empty("f32", [1]),
        columns: depth,
        BLOCK,
      });
      const [values, ids, scores] = [graph.empty("f32", [ef]), graph.empty("i32", [ef]), graph.empty("f32", [ef])];
      const { run, args } = hnsw.search();
      graph.launch(run, 1, { q_ptr: q, values_ptr: values, ids_ptr: ids, queries: 1, ef, ...args });
      const best = { q_ptr: query, v_ptr: this.#exact, values_ptr: values, indices_ptr: ids, out_ptr: scores };
      graph.launch(kernel(this.device, "search.py", "rescore"), ef, { ...best, vectors: this.#capacity, depth, D: BLOCK });
      const out = { values: graph.empty("f32", [K]), indices: graph.empty("i32", [K]) };
      const sorted = { values_ptr: out.values, indices_ptr: out.indices, columns: ef, K, BLOCK: Math.max(2 * K, ef) };
      graph.launch(kernel(this.device, "top_k.py", "top_k"), [1, 1], { x_ptr: scores, indices_in_ptr: ids, ...sorted });
      return out;
    });
  }

  #cached(key: string, record: (graph: Graph, query: Value) => Record<"values" | "indices", Value>): Promise<SearchPlan> {
    let plan = this.#plans.get(key);
    if (!plan) {
      const graph = new Graph(this.device);
      plan = graph.compile(record(graph, graph.input("query", "f32", [this.#depth])));
      this.#plans.set(key, plan);
      plan.catch(() => this.#plans.delete(key));
    }
    return plan;
  }

  #maskFor(filter: Filter): Uint8Array {
    const out = new Uint8Array(this.#capacity);
    for (const [i, item] of this.#items.entries()) if (item && matches(item, filter)) out[i] = 1;
    return out;
  }
}

/** Returns whether a filter allows an item. */
export function matches(item: Item, { person, source, from, to }: Filter): boolean {
  if ((person !== undefined && item.person !== person) || (source !== undefined && item.source !== source)) return false;
  if (from === undefined && to === undefined) return true;
  return item.time !== undefined && item.time >= (from ?? -Infinity) && item.time <= (to ?? Infinity);
}

const bits = /* @__PURE__ */ new Uint32Array(1);
const float = /* @__PURE__ */ new Float32Array(bits.buffer);

// The bits of the nearest f16; ties to even. Vectors have numbers from -1 to 1.
function toHalf(x: number): number {
  float[0] = x;
  const b = bits[0]!;
  const sign = (b >>> 16) & 0x8000;
  const exponent = ((b >>> 23) & 255) - 112;
  if (exponent >= 31) return sign | 0x7c00 | (exponent === 143 && b & 0x7fffff ? 0x200 : 0);
  const mantissa = (b & 0x7fffff) | 0x800000;
  const shift = exponent > 0 ? 13 : 14 - exponent;
  if (shift > 24) return sign;
  const below = mantissa >>> shift;
  const rest = mantissa & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  const rounded = below + (rest > half || (rest === half && below & 1) ? 1 : 0);
  return sign | (exponent > 0 ? rounded + ((exponent - 1) << 10) : rounded);
}

// The number of an f16.
function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const [exponent, mantissa] = [(half >>> 10) & 31, half & 1023];
  if (exponent === 0) return (sign * mantissa) / 2 ** 24;
  return exponent === 31 ? (mantissa ? NaN : sign * Infinity) : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}
