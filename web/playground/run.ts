// SPDX-License-Identifier: MIT
// One run of a kernel: its results, and its time.
import type { DeviceBuffer } from "../src/buffer.ts";
import { hold, jit } from "../src/compile/jit.ts";
import { launchArguments, type Value } from "../src/compile/values.ts";
import type { Device } from "../src/device.ts";
import { decode, type DType } from "../src/dtypes.ts";
import type { Kernel } from "../src/kernel.ts";
import type { GpuDevice } from "../src/webgpu.ts";
import type { GpuKernel } from "../src/webgpu-kernel.ts";
import { type Evaluated, fill } from "./settings.ts";

export interface Ran {
  /** Elements as numbers. */
  arrays: { name: string; dtype: string; shape: readonly number[]; after: ArrayLike<number>; changed: boolean }[];
  /** µs of each measurement, each the mean of several launches. */
  times: number[];
  /** The clock that was used. */
  clock: "page" | "GPU";
  bytes: number;
  /** The output of tl.static_print and tl.device_print. */
  printed?: string[];
}

const numbers = (dtype: DType, data: ArrayLike<number | bigint>): ArrayLike<number> => {
  if (typeof data[0] === "bigint") return Float64Array.from(data as ArrayLike<bigint>, Number);
  const bits = /^(bf16|fp8)/.test(dtype) || (dtype === "f16" && data instanceof Uint16Array);
  return bits ? Float64Array.from(data as ArrayLike<number>, (v) => decode(dtype, v)) : (data as ArrayLike<number>);
};

const kWarm = 100; // ms after which engines have optimized the kernel
const kMeasure = 250; // ms
const kMost = 3000; // ms for all launches after the first one, except for the last
const kGpuGrain = 100; // µs: browsers round a GPU's time to such steps

/** Runs a kernel. Also returns the arrays before the launch, as numbers. `launched` is called after the first launch. */
export async function run(
  source: string,
  kernel: string,
  device: Device,
  what: Evaluated,
  options: object,
  launched = () => {},
): Promise<{ ran: Ran; before: Record<string, ArrayLike<number>> }> {
  const buffers = new Map<string, DeviceBuffer>();
  const compiled = jit(source, { ...options, kernel, device, constants: what.constants });
  try {
    const args: Record<string, Value> = {};
    const before: Record<string, ArrayLike<number>> = {};
    Object.entries(what.args).forEach(([name, value], i) => {
      if (typeof value !== "object" || value === null || !("fill" in value)) args[name] = value;
      else
        buffers.set(name, (args[name] = device.buffer(value.dtype, value.shape, fill(value, i + 1) as readonly number[]) as DeviceBuffer));
    });
    for (const [name, buffer] of buffers) before[name] = numbers(buffer.dtype, await buffer.read());
    const grid = what.grid as [number, number, number];
    const launch = () => compiled.launch(grid, args);
    await launch();
    const arrays: Ran["arrays"] = [];
    let bytes = 0;
    for (const [name, { dtype, shape, type, size, read }] of [...buffers].map(
      ([name, b]) => [name, { dtype: b.dtype, shape: b.shape, type: b.type, size: b.size, read: () => b.read() }] as const,
    )) {
      const after = numbers(dtype, await read());
      const old = before[name]!;
      let changed = false;
      for (let i = 0; i < after.length && !changed; ++i) changed = !Object.is(old[i], after[i]);
      arrays.push({ name, dtype, shape, after, changed });
      bytes += size * type.bytes;
    }
    launched();
    const [special, artefacts] = await compiled.prepareHeld(hold(args));
    let loaded: Kernel | undefined;
    await device.queue.add(async () => void (loaded = await compiled.loadInTurn(special, artefacts)));
    const clock =
      device.kind === "webgpu" && (device as GpuDevice).hasClock
        ? (count: number) => (loaded as GpuKernel).time(grid, launchArguments(loaded!.name, loaded!.parameters, special.args), count)
        : undefined;
    return { ran: { arrays, ...(await measure(launch, clock)), bytes }, before };
  } finally {
    compiled.dispose();
    for (const buffer of buffers.values()) buffer.dispose();
  }
}

/** `clock` returns the times of `count` launches by the device's clock. */
export async function measure(
  launch: () => Promise<void>,
  clock?: (count: number) => Promise<number[]>,
): Promise<{ times: number[]; clock: "page" | "GPU" }> {
  const batch = async (count: number) => {
    const start = performance.now();
    let done: Promise<void> | undefined;
    for (let i = 0; i < count; ++i) (done = launch()).catch(() => {}); // the last one reports errors
    await done;
    return ((performance.now() - start) * 1e3) / count;
  };
  let count = 1;
  const begin = performance.now();
  const late = () => performance.now() - begin > kMost;
  // As many launches as the page's clock needs to measure them.
  let us: number;
  do {
    us = await batch(count);
    if (us * count < 2000) count = Math.min(count * 2, 4096);
  } while (performance.now() - begin < kWarm);
  if (us > kMost * 1e3) return { times: [us], clock: "page" };
  if (clock && us > 20 * kGpuGrain) {
    const times: number[] = [];
    for (const end = performance.now() + kMeasure; times.length < 200 && !late() && (times.length < 5 || performance.now() < end);)
      times.push(...(await clock(times.length ? 5 : 1)));
    return { times, clock: "GPU" };
  }
  const times: number[] = [];
  for (
    const end = performance.now() + kMeasure;
    times.length === 0 || (!late() && times.length < 200 && (times.length < 5 || performance.now() < end));
  )
    times.push(await batch(count));
  return { times, clock: "page" };
}
