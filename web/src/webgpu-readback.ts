// SPDX-License-Identifier: MIT
// Buffers that the GPU copies to and JavaScript maps. They are reused, so that reading usually allocates none.

const kUsage = 1 | 8; // MAP_READ | COPY_DST
const kKept = 2 ** 26; // bytes

export class Readback {
  readonly #gpu: GPUDevice;
  readonly #free: GPUBuffer[] = []; // oldest first
  #bytes = 0;

  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
  }

  /** A buffer with room for this many bytes that is not in use. */
  take(bytes: number): GPUBuffer {
    const found = this.#free.findIndex(({ size }) => size >= bytes && size <= 4 * bytes + 4096);
    if (found < 0)
      return this.#gpu.createBuffer({
        size: bytes < 2 ** 20 ? 2 ** Math.max(12, Math.ceil(Math.log2(bytes))) : Math.ceil(bytes / 2 ** 20) * 2 ** 20,
        usage: kUsage,
      });
    const [buffer] = this.#free.splice(found, 1) as [GPUBuffer];
    this.#bytes -= buffer.size;
    return buffer;
  }

  /** Returns a buffer that is no longer mapped. */
  give(buffer: GPUBuffer): void {
    this.#free.push(buffer);
    this.#bytes += buffer.size;
    while (this.#bytes > kKept) {
      const old = this.#free.shift()!;
      this.#bytes -= old.size;
      old.destroy();
    }
  }
}
