// SPDX-License-Identifier: MIT
// Helpers of the tests of WebGPU devices, which run in Node, pages and workers. The shaders are test/shaders/*.wgsl.
import { type GpuDevice, type Kernel, type Manifest, open, type OpenOptions } from "../../src/index.ts";
import { test, within } from "../harness.ts";

export const isNode = typeof process === "object";
export const manifestUrl = new URL("shaders/manifest.json", import.meta.url);
export const gpu: GPU | undefined = isNode
  ? await (globalThis as { nereidGpu?: () => Promise<GPU | undefined> }).nereidGpu!()
  : globalThis.navigator?.gpu;
export const adapter = await gpu?.requestAdapter();

export type Kernels = Record<string, Kernel>;
export const openGpu = (options: OpenOptions = {}): Promise<GpuDevice> => open({ gpu: gpu!, ...options, device: "webgpu" });

// Loads only the kernels that a test needs: compiling all of the manifest takes time.
export async function load(device: GpuDevice, names: string[]): Promise<Kernels> {
  if (names.length === 0) return {};
  const manifest = await readManifest();
  return device.load({ ...manifest, artefacts: manifest.artefacts.filter((a) => names.includes(a.kernel.name)) }, { base: manifestUrl });
}
let manifestText: string | undefined;
export async function readManifest(): Promise<Manifest> {
  const read = () =>
    isNode ? import("node:fs").then((fs) => fs.readFileSync(manifestUrl, "utf8")) : fetch(manifestUrl).then((a) => a.text());
  return JSON.parse((manifestText ??= await read())) as Manifest;
}

export function onGpu(
  name: string,
  kernels: string[],
  body: (device: GpuDevice, kernels: Kernels) => unknown,
  options: OpenOptions = {},
  limits: Record<string, number> = {},
): void {
  if (!adapter) return;
  test(`WebGPU: ${name}`, async () => {
    const device = await openGpu(options);
    // Like a GPU with lower limits.
    Object.assign(device.limits, limits);
    try {
      await within(30, (async () => body(device, await load(device, kernels)))());
    } finally {
      device.dispose();
    }
  });
}

export const range = (n: number, f: (i: number) => number = (i) => i) => Array.from({ length: n }, (_, i) => f(i));
