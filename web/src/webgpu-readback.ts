// SPDX-License-Identifier: MIT
// Buffers that the GPU copies to and the program maps. They are used again, so that reading makes none as a rule.

const kUsage = 1 | 8; // MAP_READ | COPY_DST
const kKept = 2 ** 26; // bytes

export class Readback {
  readonly #gpu: GPUDevice;
  readonly #free: GPUBuffer[] = []; // oldest first
  #bytes = 0;

  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
  }

  /** One that has room for so many bytes, and nobody else uses. */
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

  /** It is not mapped any more. */
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
