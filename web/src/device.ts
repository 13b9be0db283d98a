// SPDX-License-Identifier: MIT
// What every device is.
import type { Data, DeviceBuffer } from "./buffer.ts";
import type { Canonical, DTypeName } from "./dtypes.ts";
import type { Kernel } from "./kernel.ts";
import type { Artefact, Base, Manifest } from "./manifest.ts";
import type { Queue } from "./queue.ts";

/** What `open` takes. */
export interface OpenOptions {
  /** What to run on; by default WebGPU where there is a GPU, else WebAssembly. */
  device?: "wasm" | "webgpu";
  /** Takes each line of tl.device_print; console.log otherwise. */
  print?: (line: string) => void;
  /** For WebGPU: where adapters come from, instead of `navigator.gpu`; in Node that is `create([])` of the npm package `webgpu`. */
  gpu?: GPU;
  /** For WebGPU: which of several adapters; `high-performance` by default. */
  powerPreference?: GPUPowerPreference;
  /** For WebAssembly, as all below: threads that run a launch; by default as many as there are processors, and one where memory cannot be shared. */
  threads?: number;
  /** `relaxed`, with fused multiply-add, is chosen where the engine has it. */
  variant?: "strict" | "relaxed";
  /** Bytes of the memory: at first (1 MiB) and at most (4 GiB). */
  memory?: { initial?: number; maximum?: number };
  /** The address of dist/worker.js, for pages that may not start workers from `blob:` addresses. */
  workerUrl?: string | URL;
}

/** Where kernels run and their arrays lie. Made by `open`. */
export interface Device extends Disposable {
  readonly kind: "wasm" | "webgpu";
  /** What the compiler is asked to compile for: `kind`, and what it has of what variants of kernels ask for. @internal */
  readonly target: string;
  /** What is asked of it has turns there. @internal */
  readonly queue: Queue;
  /** Loads a kernel, in a turn of whoever asks or in one of its own. @internal */
  loadOne(artefact: Artefact, read: (file: string) => Promise<Uint8Array<ArrayBuffer>>, inTurn?: boolean): Promise<Kernel>;
  /** Whether it was disposed of. */
  readonly disposed: boolean;
  /** An array for kernels: zeros of a shape, or a copy of data. */
  buffer<N extends DTypeName>(dtype: N, data: ArrayBufferView): DeviceBuffer<Canonical<N>>;
  buffer<N extends DTypeName>(dtype: N, shape: number | readonly number[], data?: Data): DeviceBuffer<Canonical<N>>;
  /** The kernels of a manifest, by name. */
  load<K = Record<string, Kernel>>(manifest: Manifest | URL | string, options?: { base?: Base }): Promise<K>;
  /** Resolves when all launches so far are done. */
  idle(): Promise<void>;
  /** Buffers and kernels of it cannot be used any more. */
  dispose(): void;
}
