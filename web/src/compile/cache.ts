// SPDX-License-Identifier: MIT
// Stores compiled kernels, so that each is compiled once.

/** A store of bytes by key. It may drop entries at any time; what it returns is validated. */
export interface Store {
  get(key: string): Promise<Uint8Array | undefined>;
  set(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  delete(key: string): Promise<void>;
}

const kMost = 256; // entries

/** Stores in memory; removes the oldest entries first. */
export class MemoryStore implements Store {
  readonly #entries = new Map<string, Uint8Array>();
  readonly #most: number;

  constructor(most: number = kMost) {
    this.#most = most;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#entries.get(key);
  }

  async set(key: string, bytes: Uint8Array): Promise<void> {
    this.#entries.delete(key);
    this.#entries.set(key, bytes);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#most) break;
      this.#entries.delete(oldest);
    }
  }

  async delete(key: string): Promise<void> {
    this.#entries.delete(key);
  }
}

/** Stores in the Cache API, which all pages and workers of an origin share, and which persists. */
export class PageStore implements Store {
  readonly #most: number;
  readonly #name: string;
  #opened: Promise<Cache> | undefined;

  constructor(most: number = kMost, name = "nereid") {
    this.#most = most;
    this.#name = name;
  }

  #open(): Promise<Cache> {
    return (this.#opened ??= caches.open(this.#name));
  }

  #address(key: string): string {
    return `https://nereid.invalid/${hash(new TextEncoder().encode(key))}`;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const found = await (await this.#open()).match(this.#address(key));
    return found && new Uint8Array(await found.arrayBuffer());
  }

  async set(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const cache = await this.#open();
    const address = this.#address(key);
    await cache.delete(address); // makes it the newest entry
    await cache.put(address, new Response(bytes));
    const all = await cache.keys();
    for (const oldest of all.slice(0, Math.max(0, all.length - this.#most))) await cache.delete(oldest);
  }

  async delete(key: string): Promise<void> {
    await (await this.#open()).delete(this.#address(key));
  }
}

let usual: Store | undefined;

/** The default store: the Cache API if it exists. */
export function usualStore(): Store {
  return (usual ??= typeof caches === "object" ? new PageStore() : new MemoryStore());
}

// 128 bits: four lanes of multiply and rotate, mixed at the end. Not cryptographic.
function hash(bytes: Uint8Array): string {
  const lanes = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 0x452821e6];
  const mix = (x: number) => {
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return (x ^ (x >>> 16)) >>> 0;
  };
  for (let i = 0; i < bytes.length; ++i) {
    const k = i & 3;
    const x = Math.imul(lanes[k]! ^ bytes[i]!, 0x9e3779b1);
    lanes[k] = (x << 13) | (x >>> 19);
  }
  let carry = bytes.length;
  for (let round = 0; round < 2; ++round) for (let k = 0; k < 4; ++k) carry = lanes[k] = mix(lanes[k]! ^ Math.imul(carry, 0x27d4eb2f));
  return lanes.map((lane) => (lane >>> 0).toString(16).padStart(8, "0")).join("");
}

// An entry is hash, key and parts, each preceded by its size; anything that does not read back exactly is ignored.
function pack(key: string, parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = [new TextEncoder().encode(key), ...parts];
  const out = new Uint8Array(32 + all.reduce((sum, part) => sum + 4 + part.length, 0));
  const view = new DataView(out.buffer);
  let at = 32;
  for (const part of all) {
    view.setUint32(at, part.length, true);
    out.set(part, at + 4);
    at += 4 + part.length;
  }
  new TextEncoder().encodeInto(hash(out.subarray(32)), out);
  return out;
}

function unpack(key: string, bytes: Uint8Array): Uint8Array<ArrayBuffer>[] | undefined {
  const copy = new Uint8Array(bytes);
  if (copy.length < 36 || new TextDecoder().decode(copy.subarray(0, 32)) !== hash(copy.subarray(32))) return undefined;
  const view = new DataView(copy.buffer);
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 32; at < copy.length;) {
    const size = view.getUint32(at, true);
    parts.push(copy.slice(at + 4, at + 4 + size));
    at += 4 + size;
  }
  return new TextDecoder().decode(parts.shift()) === key ? parts : undefined;
}

/** Returns a stored entry, or undefined; never throws. */
export async function recall(store: Store, key: string): Promise<Uint8Array<ArrayBuffer>[] | undefined> {
  try {
    const bytes = await store.get(key);
    if (!bytes) return undefined;
    const parts = unpack(key, bytes);
    if (!parts) await store.delete(key);
    return parts;
  } catch {
    return undefined;
  }
}

/** Stores an entry if possible. */
export async function remember(store: Store, key: string, parts: Uint8Array[]): Promise<void> {
  try {
    await store.set(key, pack(key, parts));
  } catch {
    // full or forbidden: the kernel will be compiled again
  }
}
