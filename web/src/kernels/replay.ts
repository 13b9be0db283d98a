// SPDX-License-Identifier: MIT
// Repeats launches: in one call of the pool of a WebAssembly device, or in one command buffer of a GPU.
import { sequence, wordsOf } from "../control.ts";
import { NereidError } from "../errors.ts";
import type { AnyArgs, Grid, Kernel } from "../kernel.ts";
import { isPage } from "../platform.ts";
import type { Outcome } from "../pool.ts";
import type { WasmDevice } from "../wasm.ts";
import type { WasmKernel } from "../wasm-kernel.ts";
import type { GpuDevice } from "../webgpu.ts";
import type { GpuKernel } from "../webgpu-kernel.ts";

const kChunks = 8; // per thread and launch
const kShort = 1; // ms: longer sequences always run on all threads
const kAgain = 64; // runs, after which the other way is tried again

/** A launch of a loaded kernel. */
export interface Launch {
  kernel: Kernel;
  grid: Grid;
  args: AnyArgs;
}

export interface Replay {
  /** Must run in a turn of the device's queue. The promise `done` resolves at the end, if the turn may end before. */
  start(): void | Promise<void> | { done: Promise<void> };
  release(): void;
}

/** Must run in a turn of the device's queue. */
export function recordWasm(device: WasmDevice, launches: readonly Launch[]): Replay {
  const { heap, threads, pool } = device;
  const steps = launches.flatMap(({ kernel: loaded, grid, args: values }) => {
    const kernel = loaded as WasmKernel;
    if (kernel.prints) throw new NereidError("unsupported", "a kernel that prints cannot be part of a graph", { kernel: kernel.name });
    const programs = kernel.pack(grid, values);
    if (programs === 0) return [];
    const { packed } = kernel.signature;
    const args = heap.allocate(packed.length);
    heap.bytes.set(packed, args);
    if (!pool) heap.bytes[args + 12] = 1; // no other thread runs: the kernel needs no atomic operations
    return [{ kernel, run: kernel.run, args, bytes: packed.length, programs, size: Math.ceil(programs / (kChunks * threads)) }];
  });
  const free = () => steps.forEach(({ args, bytes }) => heap.free(args, bytes));
  if (!pool) {
    const run = async () => {
      for (const { kernel, programs, args } of steps) await device.inSlices(kernel, programs, args);
    };
    const inline = () => steps.forEach(({ kernel, programs, args }) => device.inline(kernel, 0, programs, args));
    return { start: isPage ? run : inline, release: free };
  }
  const id = ++device.kernels;
  const state = new Int32Array(new SharedArrayBuffer(4 * wordsOf(steps.length)));
  pool.load({ kernel: id, state, steps: steps.map(({ kernel, args, programs, size }) => ({ kernel: kernel.id, args, programs, size })) });
  const run = sequence(pool.control, state, steps);
  const alone = (inline: number) => steps.forEach(({ args }) => (heap.bytes[args + 12] = inline));
  const inPool = () => {
    alone(0);
    state.fill(0);
    const { at: scratch, stride } = device.scratch;
    const start = performance.now();
    const done = (outcome: Outcome) => {
      device.raise(steps[state[0]!]!.kernel, outcome);
      ways[0]!.add(performance.now() - start);
    };
    const outcome = pool.run({ kernel: id, programs: threads, args: 0, scratch, stride, run, cost: NaN });
    return outcome instanceof Promise ? outcome.then(done) : done(outcome);
  };
  const inThisThread = () => {
    alone(1);
    const start = performance.now();
    for (const { kernel, programs, args } of steps) device.inline(kernel, 0, programs, args);
    ways[1]!.add(performance.now() - start);
  };
  // Short sequences may take less time than it takes to wake the other threads: measured.
  const ways = [new Way(inPool), new Way(inThisThread)];
  let runs = 0;
  return {
    start: () => {
      if (steps.length === 0) return undefined;
      const [pooled, single] = ways as [Way, Way];
      const worse = single.cost < pooled.cost ? pooled : single;
      const other = ++runs % kAgain === 0 && worse.cost < kShort ? worse : undefined;
      if (runs < 3 || pooled.cost > kShort) return pooled.run();
      return (other ?? (single.cost < pooled.cost ? single : pooled)).run();
    },
    release: () => {
      pool.drop(id);
      free();
    },
  };
}

// A way to run a sequence, and how many ms it takes: 0 until it is known.
class Way {
  readonly run: () => void | Promise<void>;
  cost = 0;

  constructor(run: () => void | Promise<void>) {
    this.run = run;
  }

  add(time: number): void {
    // A run that took very long was interrupted.
    this.cost = this.cost ? 0.75 * this.cost + 0.25 * Math.min(time, 2 * this.cost) : time || 0.001;
  }
}

/** Must run in a turn of the device's queue. */
export async function recordGpu(device: GpuDevice, launches: readonly Launch[]): Promise<Replay> {
  const starts: (() => Promise<void>)[] = [];
  for (const { kernel, grid, args } of launches) starts.push(await (kernel as GpuKernel).record(grid, args));
  return {
    start: () => {
      device.flush(); // so that the launches share a command buffer
      return { done: Promise.all(starts.map((start) => start())).then(() => {}) };
    },
    release: () => {},
  };
}
