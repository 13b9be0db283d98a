// SPDX-License-Identifier: MIT
// Chooses a device.
import type { Device, OpenOptions } from "./device.ts";
import { NereidError } from "./errors.ts";
import { openWasm, type WasmDevice } from "./wasm.ts";
import type { GpuDevice } from "./webgpu.ts";

/** Opens a device. */
export function open(options: OpenOptions & { device: "wasm" }): Promise<WasmDevice>;
export function open(options: OpenOptions & { device: "webgpu" }): Promise<GpuDevice>;
export function open(options?: OpenOptions): Promise<Device>;
export async function open(options: OpenOptions = {}): Promise<Device> {
  const { device } = options;
  if (device !== undefined && device !== "wasm" && device !== "webgpu")
    throw new NereidError("unsupported", `unknown device \`${device}\``);
  if (device !== "wasm" && (device || options.gpu || globalThis.navigator?.gpu)) {
    const { openGpu } = await import("./webgpu.ts");
    const found = await openGpu(options);
    if (found) return found;
  }
  return openWasm(options);
}
