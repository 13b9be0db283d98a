// SPDX-License-Identifier: MIT
// Launches that wait for their turn, and what can be done during a turn of a device's queue. Separate from the classes of kernels and
// buffers, because pages that do not compile need none of it.
import { DeviceBuffer } from "../buffer.ts";
import type { Device } from "../device.ts";
import type { DType, View } from "../dtypes.ts";
import type { AnyArgs, Grid, Kernel } from "../kernel.ts";
import type { WasmBuffer } from "../wasm-buffer.ts";
import type { WasmDevice } from "../wasm.ts";
import type { WasmKernel } from "../wasm-kernel.ts";
import type { GpuBuffer } from "../webgpu-buffer.ts";
import type { GpuKernel } from "../webgpu-kernel.ts";

const isOnGpu = (buffer: DeviceBuffer): buffer is GpuBuffer => "place" in buffer;

/** The same array, which stays valid even if the original is disposed in the meantime, since memory is freed in turn. */
export function held(buffer: DeviceBuffer): DeviceBuffer {
  buffer.check();
  return Object.create(buffer, { disposed: { get: () => buffer.owner.disposed } });
}

/** True if it starts at a multiple of 16 bytes. */
export function isAligned(buffer: DeviceBuffer): boolean {
  return (isOnGpu(buffer) ? buffer.at : (buffer as WasmBuffer).address) % 16 === 0;
}

/** Copies the elements. */
export async function readInTurn(buffer: DeviceBuffer): Promise<View<DType>> {
  const { array, bytes } = buffer.type;
  if (isOnGpu(buffer))
    return new array(await buffer.owner.read(buffer.place.storage, buffer.place.at + buffer.at, buffer.size * bytes), 0, buffer.size);
  const { owner, address } = buffer as WasmBuffer;
  return new array(new array(owner.heap.memory.buffer, address, buffer.size));
}

/** Overwrites all elements with the result of readInTurn(). */
export async function writeInTurn(buffer: DeviceBuffer, values: View<DType>): Promise<void> {
  const bytes = new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength);
  if (isOnGpu(buffer)) return buffer.owner.write(buffer.place.storage, buffer.place.at + buffer.at, bytes, Infinity);
  const { owner, address } = buffer as WasmBuffer;
  owner.heap.bytes.set(bytes, address);
}

/** Starts a launch. The promise resolves when the turn may end; `done` is called at the end of the launch, which may be later. */
export async function launchInTurn(device: Device, kernel: Kernel, grid: Grid, args: AnyArgs): Promise<{ done?: Promise<void> }> {
  if (device.kind === "webgpu") return (kernel as GpuKernel).launchInTurn(grid, args);
  const mine = kernel as WasmKernel;
  const programs = mine.pack(grid, args);
  if (programs > 0) await (device as WasmDevice).execute(mine, programs, mine.signature.packed);
  return {};
}

/** The µs of each of `count` launches by the device's clock; undefined if it has none. */
export function timeInTurn(device: Device, kernel: Kernel, grid: Grid, args: AnyArgs, runs: number): Promise<number[]> | undefined {
  return device.kind === "webgpu" ? (kernel as GpuKernel).timeInTurn(grid, args, runs) : undefined;
}
