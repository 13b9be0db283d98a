// SPDX-License-Identifier: MIT
// Allocates the memory on which kernels work.
import { NereidError } from "./errors.ts";
import { newMemory } from "./features.ts";

const kAlign = 64;
// Compiled kernels use constants below this as offsets of loads and stores: addresses minus the offset must not be negative.
const kReserved = 262144;

/** A first-fit allocator over a list of gaps in order of addresses; freed memory is merged with adjacent gaps. */
export class Heap {
  readonly memory: WebAssembly.Memory;
  #gaps: { at: number; size: number }[] = [];
  #top = kReserved; // nothing above is in use
  #dirty = kReserved; // nothing above was ever used: it is zero
  #bytes: Uint8Array;

  constructor(initial: number, maximum: number, shared: boolean) {
    try {
      this.memory = newMemory(initial, maximum, shared);
    } catch (cause) {
      throw new NereidError("out-of-memory", `cannot allocate ${initial} bytes of memory: ${(cause as Error).message}`, { cause });
    }
    this.#bytes = new Uint8Array(this.memory.buffer);
  }

  /** All of the memory; valid until it grows. */
  get bytes(): Uint8Array {
    if (this.#bytes.buffer !== this.memory.buffer) this.#bytes = new Uint8Array(this.memory.buffer);
    return this.#bytes;
  }

  /** Allocates `size` bytes of zeros, and returns the address. */
  allocate(size: number): number {
    size = Math.max(kAlign, Math.ceil(size / kAlign) * kAlign);
    let at: number;
    const found = this.#gaps.findIndex((gap) => gap.size >= size);
    if (found >= 0) {
      const gap = this.#gaps[found]!;
      at = gap.at;
      gap.at += size;
      gap.size -= size;
      if (gap.size === 0) this.#gaps.splice(found, 1);
    } else {
      at = this.#top;
      this.#reach(at + size);
      this.#top = at + size;
    }
    if (at < this.#dirty) this.bytes.fill(0, at, Math.min(at + size, this.#dirty));
    this.#dirty = Math.max(this.#dirty, at + size);
    return at;
  }

  free(at: number, size: number): void {
    size = Math.max(kAlign, Math.ceil(size / kAlign) * kAlign);
    let low = 0;
    for (let high = this.#gaps.length; low < high;) {
      const middle = (low + high) >>> 1;
      if (this.#gaps[middle]!.at < at) low = middle + 1;
      else high = middle;
    }
    const before = this.#gaps[low - 1];
    const after = this.#gaps[low];
    if (after && at + size === after.at) {
      size += after.size;
      this.#gaps.splice(low, 1);
    }
    if (before && before.at + before.size === at) {
      before.size += size;
      [at, size] = [before.at, before.size];
      this.#gaps.splice(--low, 1);
    }
    if (at + size === this.#top) this.#top = at;
    else this.#gaps.splice(low, 0, { at, size });
  }

  /** The number of bytes in use. */
  get used(): number {
    return this.#gaps.reduce((sum, gap) => sum - gap.size, this.#top - kReserved);
  }

  // Grows by at least a quarter, so that many small arrays do not grow it often.
  #reach(end: number): void {
    const have = this.memory.buffer.byteLength;
    if (end <= have) return;
    const pages = Math.ceil((end - have) / 65536);
    for (const more of [Math.max(pages, have >>> 18), pages]) {
      try {
        this.memory.grow(more);
        return;
      } catch {
        // less may suffice
      }
    }
    throw new NereidError(
      "out-of-memory",
      `cannot allocate ${end - this.#top} bytes: the memory has ${have} bytes, of which ${this.used} are in use, and cannot grow enough`,
    );
  }
}
