// SPDX-License-Identifier: MIT
// A kernel of a GPU: selects one of its shaders, and launches it.
import { NereidError } from "./errors.ts";
import { type AnyArgs, type Grid, type Kernel, Signature } from "./kernel.ts";
import { type Artefact, lacks, type Shader, type Site } from "./manifest.ts";
import { kDispose } from "./platform.ts";
import type { Queue } from "./queue.ts";
import type { GpuBuffer } from "./webgpu-buffer.ts";
import { type Binder, type Bound, type Buffers, kSlot, type Limits, Program } from "./webgpu-program.ts";

/** The part of its device that a kernel uses. */
interface Launcher extends Binder {
  readonly queue: Queue;
  readonly hasClock: boolean;
  check(kernel?: string): void;
  dispatch(
    bound: Bound,
    packed: Uint8Array,
    slot: number,
    workgroups: number,
    timestampWrites?: GPUComputePassTimestampWrites,
  ): Promise<void>;
  flush(): void;
  idle(): Promise<void>;
  clocked(pairs: number, encode: (queries: GPUQuerySet) => void): Promise<number[]>;
}

const kDone = /* @__PURE__ */ Promise.resolve();

/** The shaders from which a device selects: the best, and for launches with overlapping arrays the best that allows those. */
export function chooseVariants(a: Artefact, features: ReadonlySet<string>, limits: Limits): Shader[] {
  const bad = lacks(a);
  const w = a.webgpu;
  if (!w) throw bad("`webgpu`");
  if (!Array.isArray(w.variants) || w.variants.length === 0) throw bad("`webgpu.variants`");
  if (!Array.isArray(w.sites)) throw bad("`webgpu.sites`");
  if (!Array.isArray(a.kernel.parameters)) throw bad("`kernel.parameters`");
  const out: Shader[] = [];
  let missing = "";
  for (const v of w.variants) {
    if (typeof v.file !== "string") throw bad("`file` of a variant");
    if (!Number.isInteger(v.scratch) || v.scratch < 0) throw bad("`scratch` of a variant");
    if (
      !Array.isArray(v.arrays) ||
      !v.arrays.every((x) => typeof x.name === "string" && a.kernel.parameters[x.parameter]?.type.startsWith("*"))
    )
      throw bad("`arrays` of a variant");
    const lack = [
      ...(v.features ?? []).filter((name) => !features.has(name)),
      ...Object.entries(v.limits ?? {}).flatMap(([name, least]) => (limits[name as keyof Limits] >= least ? [] : [`${name} ${least}`])),
    ];
    if (lack.length > 0) {
      missing = lack.join(", ");
    } else if (out.length === 0 || v.aliases !== false) {
      out.push(v);
      if (v.aliases !== false) return out;
    }
  }
  if (out.length > 0) throw bad("variant for arrays that lie in one another");
  throw new NereidError("unsupported", `the kernel needs features or limits that this GPU lacks: ${missing}`, { kernel: a.kernel.name });
}

/** @internal */
export class GpuKernel implements Kernel {
  readonly name: string;
  readonly parameters: readonly { readonly name: string; readonly type: string }[];
  readonly sites: readonly Site[];
  /** The size of its report. */
  reportBytes: number;
  readonly #device: Launcher;
  readonly #signature: Signature;
  readonly #programs: readonly [Program, ...Program[]];
  readonly #slot: number; // bytes per parameter block
  readonly #divisors: readonly (readonly [parameter: number, divisor: number])[]; // other than 1
  #disposed = false;

  constructor(device: Launcher, artefact: Artefact, shaders: readonly { shader: Shader; text: string }[]) {
    this.#device = device;
    this.name = artefact.kernel.name;
    this.parameters = artefact.kernel.parameters;
    this.sites = artefact.webgpu!.sites;
    this.#divisors = (artefact.webgpu!.divisors ?? []).map((divisor, i) => [i, divisor] as const).filter(([, divisor]) => divisor !== 1);
    this.reportBytes = this.sites.some((site) => site.kind === "print") ? 2 ** 18 : 2 ** 16;
    this.#signature = new Signature(this.name, this.parameters);
    const block = Math.ceil(this.#signature.packed.length / 16) * 16;
    this.#slot = Math.ceil(block / kSlot) * kSlot;
    this.#programs = shaders.map(({ shader, text }) => new Program(device, this, this.#signature, block, shader, text)) as [
      Program,
      ...Program[],
    ];
  }

  /** Creates the pipeline that a launch most likely uses: each array in a separate buffer. */
  async make(): Promise<void> {
    await this.#programs[0].make();
  }

  launch(grid: Grid, args: AnyArgs): Promise<void> {
    try {
      const programs = this.#pack(grid, args);
      if (programs === 0) return kDone;
      const device = this.#device;
      const { packed, view } = this.#signature;
      const buffers = this.#signature.buffers as (GpuBuffer | undefined)[];
      const bound = device.queue.idle ? this.#programFor(buffers).bind(buffers, programs) : undefined;
      if (bound) return this.#start(bound, buffers, packed, view, programs);
      const held = this.#hold();
      let done: Promise<void>;
      const started = device.queue.add(async () => {
        const ready = await this.#programFor(held.buffers).prepare(held.buffers, programs);
        device.check(this.name);
        done = this.#start(ready, held.buffers, held.packed, held.view, programs);
      });
      return (started as Promise<void>).then(() => done);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Starts a launch, in a turn of the device's queue. The promise resolves when the turn may end. @internal */
  async launchInTurn(grid: Grid, args: AnyArgs): Promise<{ done?: Promise<void> }> {
    const programs = this.#pack(grid, args);
    if (programs === 0) return {};
    const { buffers, packed, view } = this.#hold();
    return { done: this.#start(await this.#programFor(buffers).prepare(buffers, programs), buffers, packed, view, programs) };
  }

  /** Prepares a launch that is repeated: the result encodes it, in a turn of the device's queue. @internal */
  async record(grid: Grid, args: AnyArgs): Promise<() => Promise<void>> {
    const programs = this.#pack(grid, args);
    const { buffers, packed, view } = this.#hold();
    if (programs === 0) return () => kDone;
    const program = this.#programFor(buffers);
    await program.prepare(buffers, programs);
    return () => {
      const bound = program.bind(buffers, programs);
      if (bound) return this.#start(bound, buffers.slice(), packed, view, programs);
      throw this.#signature.error("wrong-argument", "an array of the graph was moved in memory: compile the graph again");
    };
  }

  /** Repeats the same launch: the µs of each, if the GPU has a clock. @internal */
  timeInTurn(grid: Grid, args: AnyArgs, runs: number): Promise<number[]> | undefined {
    return this.#device.hasClock ? this.#time(grid, args, runs) : undefined;
  }

  /** The µs of each of `count` launches, by the GPU's clock. @internal */
  async time(grid: Grid, args: AnyArgs, runs: number): Promise<number[]> {
    await this.#device.idle();
    return this.#time(grid, args, runs);
  }

  async #time(grid: Grid, args: AnyArgs, runs: number): Promise<number[]> {
    const device = this.#device;
    const programs = this.#pack(grid, args);
    const { buffers, packed, view } = this.#hold();
    const bound = await this.#programFor(buffers).prepare(buffers, programs);
    const launches: Promise<void>[] = [];
    const times = await device.clocked(runs, (querySet) => {
      for (let i = 0; i < runs; ++i) {
        launches.push(
          this.#start(bound, buffers, packed, view, programs, {
            querySet,
            beginningOfPassWriteIndex: 2 * i,
            endOfPassWriteIndex: 2 * i + 1,
          }),
        );
        device.flush();
      }
    });
    await Promise.all(launches);
    return times;
  }

  dispose(): void {
    this.#disposed = true;
    for (const program of this.#programs) program.clear();
  }

  [kDispose](): void {
    this.dispose();
  }

  #pack(grid: Grid, args: AnyArgs): number {
    this.#device.check(this.name);
    if (this.#disposed) throw this.#signature.error("disposed", "the kernel was disposed and cannot be launched");
    const signature = this.#signature;
    const programs = signature.pack(this.#device, grid, args);
    // The shader relies on these promises. An array starts at a multiple of 256 bytes, but parts of it may start anywhere.
    for (const [i, divisor] of this.#divisors) {
      const buffer = signature.buffers[i] as GpuBuffer | undefined;
      const value = buffer ? buffer.at : signature.view.getInt32(Signature.at(i), true);
      if (value % divisor)
        throw signature.error(
          "wrong-argument",
          `the kernel was compiled for ${buffer ? "addresses" : "numbers"} divisible by ${divisor}, but this one is ${value}`,
          this.parameters[i]!.name,
        );
    }
    return programs;
  }

  // Copies the arguments of a launch that may have to wait, so that the next one does not overwrite them.
  #hold() {
    const { buffers } = this.#signature;
    const packed = this.#signature.packed.slice();
    return {
      buffers: buffers.splice(0, buffers.length, ...buffers.map(() => undefined)) as (GpuBuffer | undefined)[],
      packed,
      view: new DataView(packed.buffer),
    };
  }

  #programFor(buffers: Buffers): Program {
    const [best, other] = this.#programs;
    return other && best.overlaps(buffers) ? other : best;
  }

  // Encodes a launch whose arrays are bound.
  #start(
    bound: Bound,
    buffers: (GpuBuffer | undefined)[],
    packed: Uint8Array,
    view: DataView,
    programs: number,
    timestamps?: GPUComputePassTimestampWrites,
  ): Promise<void> {
    const { program } = bound;
    for (let i = 0; i < buffers.length; ++i) {
      const buffer = buffers[i];
      if (!buffer) continue;
      const array = program.arrayOf[i]!;
      const { storage, at } = buffer.place;
      view.setUint32(Signature.at(i), at + buffer.at - (array < 0 ? 0 : bound.starts[array]!), true);
      view.setUint32(Signature.at(i) + 4, storage.id, true);
      if (timestamps === undefined) buffers[i] = undefined; // allows garbage collection
    }
    let workgroups = Math.min(Math.ceil(programs / (program.shader.programs ?? 1)), this.#device.limits.maxComputeWorkgroupsPerDimension);
    if (bound.scratch) workgroups = Math.min(workgroups, Math.floor(bound.scratch.size / program.shader.scratch));
    return this.#device.dispatch(bound, packed, this.#slot, workgroups, timestamps);
  }
}
