// SPDX-License-Identifier: MIT
// One run of a kernel: what it wrote, and how long it takes.
import type { Device } from "../src/device.ts";
import { decode, type DType } from "../src/dtypes.ts";
import type { DeviceBuffer } from "../src/buffer.ts";
import { jit } from "../src/compile/index.ts";
import { type Evaluated, fill } from "./settings.ts";

export interface Ran {
  /** Before and after, as numbers. */
  arrays: { name: string; dtype: string; shape: readonly number[]; before: ArrayLike<number>; after: ArrayLike<number>; changed: boolean }[];
  /** µs of each measurement; of each, the mean of some launches. */
  times: number[];
  bytes: number;
}

const numbers = (dtype: DType, data: ArrayLike<number | bigint>): ArrayLike<number> => {
  if (typeof data[0] === "bigint") return Float64Array.from(data as ArrayLike<bigint>, Number);
  const bits = /^(bf16|fp8)/.test(dtype) || (dtype === "f16" && data instanceof Uint16Array);
  return bits ? Float64Array.from(data as ArrayLike<number>, (v) => decode(dtype, v)) : (data as ArrayLike<number>);
};

const kWarm = 100; // ms until engines have compiled the kernel well
const kMeasure = 250; // ms

export async function run(source: string, kernel: string, device: Device, what: Evaluated, options: object): Promise<Ran> {
  const buffers = new Map<string, DeviceBuffer>();
  const compiled = jit(source, { ...options, kernel, device, constants: what.constants });
  try {
    const args: Record<string, unknown> = {};
    Object.entries(what.args).forEach(([name, value], i) => {
      if (typeof value !== "object" || value === null || !("fill" in value)) args[name] = value;
      else buffers.set(name, (args[name] = device.buffer(value.dtype, value.shape, fill(value, i + 1)) as DeviceBuffer));
    });
    const before = new Map<string, ArrayLike<number | bigint>>();
    for (const [name, buffer] of buffers) before.set(name, await buffer.read());
    const grid = what.grid as [number, number, number];
    const launch = () => compiled.launch(grid, args as never);
    await launch();
    const arrays: Ran["arrays"] = [];
    let bytes = 0;
    for (const [name, buffer] of buffers) {
      const [old, now] = [before.get(name)!, (await buffer.read()) as ArrayLike<number | bigint>];
      let changed = false;
      for (let i = 0; i < now.length && !changed; ++i) changed = !Object.is(old[i], now[i]);
      arrays.push({ name, dtype: buffer.dtype, shape: buffer.shape, before: numbers(buffer.dtype, old), after: numbers(buffer.dtype, now), changed });
      bytes += buffer.size * (now as unknown as ArrayBufferView).byteLength / Math.max(now.length, 1);
    }
    return { arrays, times: await measure(launch), bytes };
  } finally {
    compiled.dispose();
    for (const buffer of buffers.values()) buffer.dispose();
  }
}

async function measure(launch: () => Promise<void>): Promise<number[]> {
  const batch = async (count: number) => {
    const start = performance.now();
    let done: Promise<void> | undefined;
    for (let i = 0; i < count; ++i) (done = launch()).catch(() => {}); // the last one tells
    await done;
    return ((performance.now() - start) * 1e3) / count;
  };
  let count = 1;
  const begin = performance.now();
  // As many launches as the page's clock can tell from none.
  for (let us = await batch(1); performance.now() - begin < kWarm; us = await batch(count)) if (us * count < 2000) count = Math.min(count * 2, 4096);
  const times: number[] = [];
  for (const end = performance.now() + kMeasure; times.length < 5 || (performance.now() < end && times.length < 200); ) times.push(await batch(count));
  return times;
}
