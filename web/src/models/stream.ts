// SPDX-License-Identifier: MIT
// Files that are read while they arrive: weights go to the device piece by piece, so that they are never in memory twice.
import type { DeviceBuffer } from "../buffer.ts";
import { NereidError } from "../errors.ts";

/** A file: its content, or its parts in order, as `fetch(address).body` has them. */
export type Source = ArrayBuffer | Uint8Array | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;

const kPiece = 1 << 20; // bytes that are copied to the device at once

async function* pieces(source: Source): AsyncGenerator<Uint8Array> {
  if (source instanceof ArrayBuffer) yield new Uint8Array(source);
  else if (source instanceof Uint8Array) yield source;
  else if (Symbol.asyncIterator in source) yield* source;
  else {
    const reader = (source as ReadableStream<Uint8Array>).getReader();
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
    } finally {
      void reader.cancel().catch(() => {});
    }
  }
}

/** Reads a file from its begin to its end. */
export class ByteStream {
  readonly #next: () => Promise<IteratorResult<Uint8Array>>;
  readonly #end: () => unknown;
  #rest: Uint8Array = new Uint8Array(0);
  /** The number of bytes read so far. */
  position = 0;

  constructor(source: Source) {
    const all = pieces(source);
    this.#next = () => all.next();
    this.#end = () => all.return(undefined);
  }

  /** At most `most` bytes, at least one; they are valid until the next call. Throws at the end of the file. */
  async some(most: number): Promise<Uint8Array> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#next();
      if (done) throw new NereidError("wrong-size", `the file ends after ${this.position} bytes`);
      this.#rest = value;
    }
    const out = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(out.length);
    this.position += out.length;
    return out;
  }

  /** The next bytes, as a copy. */
  async bytes(size: number): Promise<Uint8Array<ArrayBuffer>> {
    const out = new Uint8Array(size);
    for (let at = 0; at < size;) {
      const part = await this.some(size - at);
      out.set(part, at);
      at += part.length;
    }
    return out;
  }

  async skip(size: number): Promise<void> {
    while (size > 0) size -= (await this.some(size)).length;
  }

  /** Fills a buffer of the device. */
  async into(buffer: DeviceBuffer): Promise<void> {
    const { bytes } = buffer.type;
    for (let at = 0; at < buffer.size;) {
      const count = Math.min(buffer.size - at, kPiece / bytes);
      const part = await this.bytes(count * bytes);
      await buffer.subarray(at, at + count).write(new (buffer.type.array as Float32ArrayConstructor)(part.buffer));
      at += count;
    }
  }

  /** Stops a download that is not complete. */
  async close(): Promise<void> {
    await this.#end();
  }
}
