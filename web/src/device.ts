// SPDX-License-Identifier: MIT
// The interface of all devices.
import type { Data, DeviceBuffer } from "./buffer.ts";
import type { Canonical, DTypeName } from "./dtypes.ts";
import type { Kernel } from "./kernel.ts";
import type { Artefact, Base, Manifest } from "./manifest.ts";
import type { Queue } from "./queue.ts";

/** The options of `open`. */
export interface OpenOptions {
  /** The kind of device. Default: WebGPU if there is a GPU, else WebAssembly. */
  device?: "wasm" | "webgpu";
  /** Receives each line of tl.device_print; default: console.log. */
  print?: (line: string) => void;
  /** For WebGPU: where to find adapters instead of `navigator.gpu`. In Node that is `create([])` of the npm package `webgpu`. */
  gpu?: GPU;
  /** For WebGPU: which of several adapters to use; default `high-performance`. */
  powerPreference?: GPUPowerPreference;
  /**
   * For WebAssembly, like the options below: the number of threads that run a launch. Default: the number of processors, or 1 if memory
   * cannot be shared.
   */
  threads?: number;
  /** Default: `relaxed`, with fused multiply-add, if the engine supports it. */
  variant?: "strict" | "relaxed";
  /** Bytes of the memory: initially (default 1 MiB) and at most (default 4 GiB). */
  memory?: { initial?: number; maximum?: number };
  /** The address of dist/worker.js, for pages that may not start workers from `blob:` addresses. */
  workerUrl?: string | URL;
}

/** Runs kernels and contains their arrays. Created by `open`. */
export interface Device extends Disposable {
  readonly kind: "wasm" | "webgpu";
  /** The target of the compiler: `kind`, and the features that variants of kernels may require. @internal */
  readonly target: string;
  /** Orders the operations on the device. @internal */
  readonly queue: Queue;
  /** Loads a kernel, in the caller's turn or in a separate one. @internal */
  loadOne(artefact: Artefact, read: (file: string) => Promise<Uint8Array<ArrayBuffer>>, inTurn?: boolean): Promise<Kernel>;
  /** True after the device was disposed. */
  readonly disposed: boolean;
  /** Creates an array for kernels: zeros of a shape, or a copy of data. */
  buffer<N extends DTypeName>(dtype: N, data: ArrayBufferView): DeviceBuffer<Canonical<N>>;
  buffer<N extends DTypeName>(dtype: N, shape: number | readonly number[], data?: Data): DeviceBuffer<Canonical<N>>;
  /** Loads the kernels of a manifest, by name. */
  load<K = Record<string, Kernel>>(manifest: Manifest | URL | string, options?: { base?: Base }): Promise<K>;
  /** Resolves when all earlier launches are done. */
  idle(): Promise<void>;
  /** Releases the device. Its buffers and kernels can no longer be used. */
  dispose(): void;
}
