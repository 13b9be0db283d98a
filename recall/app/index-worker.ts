// SPDX-License-Identifier: MIT
// Reads files, computes the vectors of their messages, and sends both to the worker that has the messages.
import type { Encoder } from "../src/index.ts";
import { hashOf, openDevice, openEncoder } from "./engine.ts";
import { type Message, readExport } from "./formats/index.ts";
import { remote, type Remote, serve } from "./rpc.ts";
import type { SearchFunctions } from "./search-worker.ts";

/** The state of the file that is being indexed. */
export interface Progress {
  name: string;
  format?: string;
  /** Messages that are in the index, of so many new ones; and those that were there before. */
  done: number;
  total: number;
  known: number;
  /** Messages per second, and seconds left. */
  rate?: number;
  left?: number;
}

const kChunk = 256; // messages that are stored together
const kIndexed = new TextEncoder().encode("NRCL");

let store: Remote<SearchFunctions>;
let encoder: Promise<Encoder> | undefined;
let threads = 1;
let cancelled = false;

const report = (progress: Progress) => postMessage({ progress });

async function encoderOf(): Promise<Encoder> {
  return openEncoder(await openDevice(threads));
}

async function index(messages: Message[], progress: Progress): Promise<void> {
  const engine = await (encoder ??= encoderOf());
  const start = performance.now();
  const show = (done: number) => {
    const seconds = (performance.now() - start) / 1000;
    const rate = done / seconds;
    report({ ...progress, done, ...(done > 0 && { rate, left: (messages.length - done) / rate }) });
  };
  let stored: Promise<void> = Promise.resolve();
  for (let at = 0; at < messages.length && !cancelled;) {
    // The first ones soon, so that they can be found.
    const items = messages.slice(at, at + (at === 0 ? 32 : kChunk));
    const begin = at;
    const vectors = await engine.encode(
      items.map(({ text }) => text),
      (count) => show(begin + count),
    );
    await stored;
    stored = store.add(items, vectors);
    at += items.length;
    progress.done = at;
  }
  await stored;
  show(progress.done);
}

const functions = {
  connect(port: MessagePort, count: number): void {
    store = remote<SearchFunctions>(port);
    threads = count;
  },

  /** Adds the messages of a file. */
  async add(file: File): Promise<Progress> {
    cancelled = false;
    const progress: Progress = { name: file.name, done: 0, total: 0, known: 0 };
    report(progress);
    const bytes = new Uint8Array(await file.arrayBuffer());
    if (kIndexed.every((byte, i) => bytes[i] === byte)) {
      progress.total = progress.done = await store.import(bytes);
      progress.format = "Recall";
      report(progress);
      return progress;
    }
    const { format, messages } = await readExport({ name: file.name, bytes, changed: file.lastModified });
    return functions.addMessages(format, messages, progress);
  },

  /** Adds messages that are not known yet. */
  async addMessages(format: string, messages: Message[], progress: Progress): Promise<Progress> {
    cancelled = false;
    const hashes = Float64Array.from(messages, hashOf);
    const known = await store.isKnown(hashes);
    const seen = new Set<number>();
    const fresh = messages.filter((_, i) => !known[i] && !seen.has(hashes[i]!) && seen.add(hashes[i]!));
    Object.assign(progress, { format, total: fresh.length, known: messages.length - fresh.length });
    report(progress);
    if (fresh.length) await index(fresh, progress);
    return progress;
  },

  cancel(): void {
    cancelled = true;
  },
};
export type IndexFunctions = typeof functions;

serve(self as never, functions);
