// SPDX-License-Identifier: MIT
// Has the messages, and answers queries. Indexing runs in another worker, so that a query never waits for it.
import { type Encoder, type Filter, type Item, matches, MemoryFile, openPrivateFile, Store } from "../src/index.ts";
import { hashOf, openDevice, openEncoder } from "./engine.ts";
import { sentences } from "./highlight.ts";
import { serve } from "./rpc.ts";

const kName = "recall-1";
const kGraphs = ["recall-1.graph-a", "recall-1.graph-b"] as const;
// Up to so many messages, each query is compared with all of them.
const kExact = Number(new URL(location.href).searchParams.get("exact") ?? 100000);

export interface Neighbour {
  id: number;
  item: Item;
}
export interface Result extends Neighbour {
  score: number;
  /** The messages before and after in the same conversation. */
  before?: Neighbour | undefined;
  after?: Neighbour | undefined;
}
export interface Answer {
  results: Result[];
  /** Milliseconds for the vector of the query, and for the search. */
  encoded: number;
  searched: number;
}
/** How approximate searches compare with exact ones. */
export interface Comparison {
  queries: number;
  /** The part of the ten nearest that was found. */
  recall: number;
  /** Median milliseconds of a search. */
  approximate: number;
  exact: number;
}
export interface Statistics {
  messages: number;
  /** With deleted ones, which the graph contains. */
  items: number;
  /** Bytes on the disk, and of memory. */
  stored: number;
  memory: number;
  threads: number;
  /** Messages that the graph has; undefined if there are too few for one. */
  inGraph?: number | undefined;
  /** True if searches without a filter use the graph. */
  approximate: boolean;
  /** Names with the number of their messages. */
  people: [string, number][];
  sources: number;
  earliest?: number | undefined;
  latest?: number | undefined;
}

let store: Store;
let encoder: Encoder;
let loading: Promise<void> | undefined;
const known = new Set<number>();
let queries = 0;
let builds = 0;
let last: { text: string; vector: Float32Array } | undefined;

const vectorOf = async (text: string): Promise<Float32Array> => {
  if (last?.text !== text) last = { text, vector: await encoder.encode([text]) };
  return last.vector;
};

function neighbour(id: number, step: number, source: string | undefined): Neighbour | undefined {
  for (let next = id + step; next >= 0 && next < store.length; next += step) {
    const item = store.item(next);
    if (item) return item.source === source && source !== undefined ? { id: next, item } : undefined;
  }
  return undefined;
}

const functions = {
  /** Opens the stored messages. The file may still be locked by a page that is going away. */
  async open(threads: number): Promise<Statistics> {
    const device = await openDevice(threads);
    for (let attempt = 0; ; ++attempt) {
      try {
        const file = await openPrivateFile(kName);
        const graphs = [await openPrivateFile(kGraphs[0]), await openPrivateFile(kGraphs[1])] as const;
        store = await Store.open(device, { file, graphs });
        break;
      } catch (error) {
        const locked = (error as Error).name === "NoModificationAllowedError";
        if (!locked || attempt === 20) throw locked ? new Error("Recall is open in another tab: close it and reload this page") : error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
    for (const [, item] of store.items()) known.add(hashOf(item));
    return functions.statistics();
  },

  /** Loads the model. */
  load(): Promise<void> {
    return (loading ??= (async () => {
      encoder = await openEncoder(store.device as Awaited<ReturnType<typeof openDevice>>, (part) => postMessage({ model: part }));
      // Compiles the kernels for short and for longer queries.
      for (const text of ["warm up", "warm up ".repeat(10)]) await encoder.encode([text]);
    })());
  },

  async search(text: string, k: number, filter: Filter): Promise<Answer> {
    ++queries;
    const start = performance.now();
    const query = await vectorOf(text);
    const middle = performance.now();
    const hits = await store.search(query, k, filter);
    const searched = performance.now() - middle;
    return { results: hits.map(withNeighbours), encoded: middle - start, searched };
  },

  async similar(id: number, k: number, filter: Filter): Promise<Answer> {
    const query = await store.vector(id);
    const start = performance.now();
    const hits = (await store.search(query, k + 1, filter)).filter((hit) => hit.id !== id).slice(0, k);
    return { results: hits.map(withNeighbours), encoded: 0, searched: performance.now() - start };
  },

  /** The sentence of each message that is closest to the query: begin and end. */
  async focus(text: string, ids: number[]): Promise<([number, number] | undefined)[]> {
    const current = queries;
    const query = await vectorOf(text);
    const found: ([number, number] | undefined)[] = [];
    for (const id of ids) {
      if (queries !== current) break; // another query waits
      const whole = store.item(id)?.text ?? "";
      const parts = sentences(whole).slice(0, 12);
      if (parts.length < 2) {
        found.push(undefined);
        continue;
      }
      const scores: number[] = [];
      for (const [begin, end] of parts) {
        // One by one, as queries are: these kernels are compiled already.
        const vector = await encoder.encode([whole.slice(begin, end)]);
        scores.push(query.reduce((sum, q, d) => sum + q * vector[d]!, 0));
      }
      found.push(parts[scores.indexOf(Math.max(...scores))]);
    }
    return found;
  },

  /** Messages around one, of the same conversation. */
  around(id: number, count: number): Neighbour[] {
    const item = store.item(id);
    if (!item) return [];
    const out: Neighbour[] = [{ id, item }];
    for (const step of [-1, 1])
      for (let next = neighbour(id, step, item.source), i = 0; next && i < count; next = neighbour(next.id, step, item.source), ++i)
        if (step < 0) out.unshift(next);
        else out.push(next);
    return out;
  },

  /** The newest messages, for a page without a query. */
  recent(k: number, filter: Filter): Neighbour[] {
    const all: Neighbour[] = [];
    for (const [id, item] of store.items()) if (matches(item, filter)) all.push({ id, item });
    return all.sort((a, b) => (b.item.time ?? -Infinity) - (a.item.time ?? -Infinity) || b.id - a.id).slice(0, k);
  },

  isKnown: (hashes: Float64Array): boolean[] => Array.from(hashes, (hash) => known.has(hash)),

  async add(items: Item[], vectors: Float32Array): Promise<void> {
    await store.add(items, vectors);
    for (const item of items) known.add(hashOf(item));
  },

  async import(bytes: Uint8Array<ArrayBuffer>): Promise<number> {
    const count = await store.import(new MemoryFile(bytes), (item) => known.has(hashOf(item)));
    for (const [, item] of store.items()) known.add(hashOf(item));
    return count;
  },

  /** Builds the graph for approximate searches if there are many messages; `postMessage` reports the number of messages in it. */
  async build(): Promise<void> {
    if (store.length <= kExact || store.approximate) return;
    const current = ++builds;
    let last = 0;
    await store.buildGraph((count) => {
      if (performance.now() - last > 200) postMessage({ graph: count });
      if (performance.now() - last > 200) last = performance.now();
      return builds === current;
    });
    postMessage({ graph: store.inGraph });
  },

  /** Searches for messages like some of them, with the graph and without. */
  async compare(queries: number): Promise<Comparison> {
    const times: Record<"approximate" | "exact", number[]> = { approximate: [], exact: [] };
    let found = 0;
    for (let q = 0; q < queries; ++q) {
      const id = Math.floor(((q + 0.5) / queries) * store.length);
      if (!store.item(id)) continue;
      const query = await store.vector(id);
      const lists = [];
      for (const kind of ["approximate", "exact"] as const) {
        const start = performance.now();
        lists.push(await store.search(query, 10, {}, { exact: kind === "exact" }));
        times[kind].push(performance.now() - start);
      }
      const exact = new Set(lists[1]!.map((hit) => hit.id));
      found += lists[0]!.filter((hit) => exact.has(hit.id)).length / exact.size;
    }
    const median = (list: number[]) => list.sort((a, b) => a - b)[list.length >> 1]!;
    const count = times.exact.length;
    return { queries: count, recall: found / count, approximate: median(times.approximate), exact: median(times.exact) };
  },

  async clear(): Promise<void> {
    ++builds;
    await store.clear();
    known.clear();
  },

  /** All messages as JSON, or the file with their vectors. */
  async export(kind: "json" | "index"): Promise<Blob> {
    if (kind === "index") return new Blob([await store.export()]);
    return new Blob([JSON.stringify([...store.items()].map(([, item]) => item))], { type: "application/json" });
  },

  statistics(): Statistics {
    const people = new Map<string, number>();
    const sources = new Set<string>();
    let [earliest, latest] = [Infinity, -Infinity];
    for (const [, { person, source, time }] of store.items()) {
      if (person !== undefined) people.set(person, (people.get(person) ?? 0) + 1);
      if (source !== undefined) sources.add(source);
      if (time !== undefined) [earliest, latest] = [Math.min(earliest, time), Math.max(latest, time)];
    }
    const device = store.device as Awaited<ReturnType<typeof openDevice>>;
    return {
      messages: store.size,
      items: store.length,
      stored: store.bytes,
      memory: device.memory.buffer.byteLength,
      threads: device.threads,
      ...(store.length > kExact && { inGraph: store.inGraph }),
      approximate: store.approximate,
      people: [...people].sort((a, b) => b[1] - a[1]),
      sources: sources.size,
      ...(earliest <= latest && { earliest, latest }),
    };
  },

  /** For the worker that indexes. */
  connect(port: MessagePort): void {
    serve(port, functions);
  },
};
export type SearchFunctions = typeof functions;

const withNeighbours = (hit: { id: number; item: Item; score: number }): Result => ({
  ...hit,
  before: neighbour(hit.id, -1, hit.item.source),
  after: neighbour(hit.id, 1, hit.item.source),
});

serve(self as never, functions);
