// SPDX-License-Identifier: MIT
// Triton kernels in the browser and in Node.
export { type Data, DeviceBuffer } from "./buffer.ts";
export type { Device, OpenOptions } from "./device.ts";
export { type Canonical, decode, type DType, type DTypeName, encode, type View, type Views } from "./dtypes.ts";
export { type ErrorCode, NereidError } from "./errors.ts";
export { type Features, features } from "./features.ts";
export type { AnyArgs, Arg, Grid, Kernel } from "./kernel.ts";
export type { Artefact, Base, Manifest, Shader, Site } from "./manifest.ts";
export { open } from "./open.ts";
export type { WasmBuffer } from "./wasm-buffer.ts";
export type { WasmDevice } from "./wasm.ts";
export type { GpuBuffer } from "./webgpu-buffer.ts";
export type { GpuDevice } from "./webgpu.ts";
