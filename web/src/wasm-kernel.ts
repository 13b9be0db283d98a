// SPDX-License-Identifier: MIT
// A kernel of a WebAssembly device.
import type { Run } from "./control.ts";
import { type AnyArgs, type Grid, type Kernel, Signature } from "./kernel.ts";
import type { Site } from "./manifest.ts";
import { kDispose } from "./platform.ts";
import { notForgotten, whenForgotten } from "./queue.ts";
import type { Owner, WasmBuffer } from "./wasm-buffer.ts";

/** The part of its device that a kernel uses. */
interface Launcher extends Owner {
  releaseOfKernel(id: number, at: number, size: number): () => void;
  execute(kernel: WasmKernel, programs: number, packed: Uint8Array): void | Promise<void>;
}

/** A loaded module. @internal */
export interface Loaded {
  id: number;
  name: string;
  parameters: { name: string; type: string }[];
  scratch: number;
  sites: readonly Site[];
  run: Run;
  module: WebAssembly.Module;
}

const kDone = /* @__PURE__ */ Promise.resolve();

/** @internal */
export class WasmKernel implements Kernel {
  readonly name: string;
  readonly parameters: readonly { readonly name: string; readonly type: string }[];
  readonly signature: Signature;
  readonly id: number;
  readonly run: Run;
  readonly sites: readonly Site[];
  readonly prints: boolean;
  /** The address of its arguments. */
  readonly at: number;
  /** µs per program, as far as known. */
  cost = NaN;
  readonly #device: Launcher;
  readonly #release: () => void;
  readonly #lastNumbers: Uint8Array;
  #disposed = false;

  constructor(device: Launcher, loaded: Loaded) {
    this.#device = device;
    this.name = loaded.name;
    this.parameters = loaded.parameters;
    this.id = loaded.id;
    this.run = loaded.run;
    this.sites = loaded.sites;
    this.prints = loaded.sites.some((site) => site.kind === "print");
    this.signature = new Signature(loaded.name, loaded.parameters);
    const { packed } = this.signature;
    this.#lastNumbers = packed.slice();
    this.at = device.heap.allocate(packed.length);
    this.#release = device.releaseOfKernel(loaded.id, this.at, packed.length);
    whenForgotten(this, this.#release);
  }

  launch(grid: Grid, args: AnyArgs): Promise<void> {
    try {
      const device = this.#device;
      const programs = this.pack(grid, args);
      if (programs === 0) return kDone;
      const { packed } = this.signature;
      const mine = device.queue.idle ? packed : packed.slice();
      return device.queue.add(() => device.execute(this, programs, mine)) ?? kDone;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Checks and stores the arguments; returns the number of programs. */
  pack(grid: Grid, args: AnyArgs): number {
    const signature = this.signature;
    if (this.#device.disposed) throw signature.error("disposed", "the device was disposed: open() another device");
    if (this.#disposed) throw signature.error("disposed", "the kernel was disposed and cannot be launched");
    const programs = signature.pack(this.#device, grid, args);
    const { buffers, view } = signature;
    for (let i = 0; i < buffers.length; ++i) {
      if (buffers[i]) view.setUint32(Signature.at(i), (buffers[i] as WasmBuffer).address, true);
      buffers[i] = undefined; // allows garbage collection
    }
    return programs;
  }

  /** Returns whether the scalar arguments are the same as at the last call. */
  sameNumbers(packed: Uint8Array): boolean {
    const last = this.#lastNumbers;
    const first = Signature.at(0);
    let same = true;
    for (let k = first; k < packed.length; ++k)
      if (packed[k] !== last[k] && !this.signature.parameters[(k - first) >> 3]!.pointer) same = false;
    last.set(packed);
    return same;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    notForgotten(this);
    this.#release();
  }

  [kDispose](): void {
    this.dispose();
  }
}
