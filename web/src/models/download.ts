// SPDX-License-Identifier: MIT
// Large files that are fetched once: in chunks with checksums, kept in the browser's private file system, and continued where they broke off.
import { NereidError } from "../errors.ts";

/** The size of a file, of its chunks, and the SHA-256 of each chunk as hexadecimal digits. */
export interface Checksums {
  size: number;
  chunk: number;
  hashes: readonly string[];
}

/** A place for a file. */
export interface Store {
  size(): number | Promise<number>;
  read(at: number, length: number): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>;
  write(at: number, bytes: Uint8Array<ArrayBuffer>): void | Promise<void>;
  close(): void | Promise<void>;
}

export interface DownloadOptions {
  /** Keeps what has arrived, and has what arrived before. */
  store?: Store | undefined;
  /** Receives the bytes that are there so far, and how many of them came from the store. */
  progress?: (bytes: number, stored: number) => void;
  signal?: AbortSignal | undefined;
  /** How often a broken connection is tried again, without a new chunk in between. Default: 4. */
  attempts?: number;
  /** Milliseconds before the first of these, doubled for each other. Default: 500. */
  wait?: number;
}

const hex = (bytes: ArrayBuffer) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * The content of a file, chunk by chunk; only chunks with the right checksum are passed on. The store is closed at the end. A connection that breaks is
 * continued by a request for the rest.
 */
export async function* download(
  address: string | URL,
  { size, chunk, hashes }: Checksums,
  options: DownloadOptions = {},
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { store, progress, signal, attempts = 4, wait = 500 } = options;
  const lengthOf = (k: number) => Math.min(chunk, size - k * chunk);
  const isGood = async (k: number, bytes: Uint8Array<ArrayBuffer>) =>
    bytes.length === lengthOf(k) && hex(await crypto.subtle.digest("SHA-256", bytes)) === hashes[k];
  let next = 0; // the first chunk that was not passed on
  let stored = 0;
  try {
    if (store)
      while (next < hashes.length && (await store.size()) >= next * chunk + lengthOf(next)) {
        signal?.throwIfAborted();
        const bytes = await store.read(next * chunk, lengthOf(next));
        if (!(await isGood(next, bytes))) break;
        stored += bytes.length;
        ++next;
        progress?.(stored, stored);
        yield bytes;
      }
    let failures = 0;
    while (next < hashes.length) {
      signal?.throwIfAborted();
      const before = next;
      let problem: unknown;
      try {
        for await (const bytes of chunksFrom(address, next, chunk, lengthOf, failures > 0, signal)) {
          if (!(await isGood(next, bytes)))
            throw new NereidError("wrong-argument", `chunk ${next} of ${String(address)} has another checksum`);
          await store?.write(next * chunk, bytes);
          ++next;
          progress?.(Math.min(size, next * chunk), stored);
          yield bytes;
        }
      } catch (error) {
        signal?.throwIfAborted();
        problem = error;
      }
      if (next === hashes.length) break;
      failures = next > before ? 1 : failures + 1;
      if (failures > attempts) throw problem ?? new NereidError("wrong-size", `${String(address)} ends after ${next * chunk} bytes`);
      await new Promise((resolve) => setTimeout(resolve, wait * 2 ** (failures - 1)));
    }
  } finally {
    await store?.close();
  }
}

// Whole chunks from the k-th on, as they arrive.
async function* chunksFrom(
  address: string | URL,
  k: number,
  chunk: number,
  lengthOf: (k: number) => number,
  again: boolean,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const from = k * chunk;
  const answer = await fetch(address, {
    ...(from > 0 && { headers: { Range: `bytes=${from}-` } }),
    ...(again && { cache: "no-store" as const }), // a damaged chunk may be in a cache
    ...(signal && { signal }),
  });
  if (!answer.ok || !answer.body) throw new NereidError("wrong-argument", `${String(address)} cannot be fetched: status ${answer.status}`);
  let skip = answer.status === 206 ? 0 : from; // this host sends the whole file
  let bytes = new Uint8Array(lengthOf(k));
  let length = 0;
  const reader = answer.body.getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      let part = read.value.subarray(Math.min(skip, read.value.length));
      skip -= read.value.length - part.length;
      while (part.length > 0 && bytes.length > 0) {
        const piece = part.subarray(0, bytes.length - length);
        bytes.set(piece, length);
        length += piece.length;
        part = part.subarray(piece.length);
        if (length < bytes.length) break;
        yield bytes;
        bytes = new Uint8Array(Math.max(0, lengthOf(++k)));
        length = 0;
      }
    }
  } finally {
    void reader.cancel().catch(() => {});
  }
}

/** Opens a file in the page's private file system, in a worker. Returns undefined without such a file system, or while another page uses the file. */
export async function openStore(name: string): Promise<Store | undefined> {
  try {
    const folder = await navigator.storage.getDirectory();
    const handle = await folder.getFileHandle(name, { create: true });
    const file = await (handle as unknown as { createSyncAccessHandle(): Promise<any> }).createSyncAccessHandle();
    return {
      size: () => file.getSize() as number,
      read: (at, length) => {
        const out = new Uint8Array(length);
        return out.subarray(0, file.read(out, { at }) as number);
      },
      write: (at, bytes) => {
        // A full disk keeps nothing: the next visit downloads again.
        if ((file.write(bytes, { at }) as number) < bytes.length) file.truncate(at);
      },
      close: () => {
        file.flush();
        file.close();
      },
    };
  } catch {
    return undefined;
  }
}
