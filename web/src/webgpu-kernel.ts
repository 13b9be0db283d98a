// SPDX-License-Identifier: MIT
// A kernel of a GPU: which of its shaders, which arrays at which bindings, and the launch.
import { NereidError } from "./errors.ts";
import { type AnyArgs, type Grid, type Kernel, Signature } from "./kernel.ts";
import { type Artefact, lacks, type Shader, type Site } from "./manifest.ts";
import { kDispose } from "./platform.ts";
import { shareBindings } from "./webgpu-bindings.ts";
import type { GpuBuffer, Storage } from "./webgpu-buffer.ts";
import type { GpuDevice, Limits } from "./webgpu.ts";

const kDone = /* @__PURE__ */ Promise.resolve();
const kSlot = 256; // parameter blocks begin at multiples of this, and what arrays begin at in bindings
const kBounds = 512; // that are kept
const kScratch = 2 ** 26; // bytes that a launch gets, where a few workgroups do not need more

/** The shader that a device can run, or an error that says what the manifest lacks. */
export function chooseVariant(a: Artefact, features: ReadonlySet<string>, limits: Limits): Shader {
  const bad = lacks(a);
  const w = a.webgpu;
  if (!w) throw bad("`webgpu`");
  if (!Array.isArray(w.variants) || w.variants.length === 0) throw bad("`webgpu.variants`");
  if (!Array.isArray(w.sites)) throw bad("`webgpu.sites`");
  if (!Array.isArray(a.kernel.parameters)) throw bad("`kernel.parameters`");
  let missing = "";
  for (const v of w.variants) {
    if (typeof v.file !== "string") throw bad("`file` of a variant");
    if (!Number.isInteger(v.scratch) || v.scratch < 0) throw bad("`scratch` of a variant");
    if (!Array.isArray(v.arrays) || !v.arrays.every((x) => typeof x.name === "string" && a.kernel.parameters[x.parameter]?.type.startsWith("*"))) throw bad("`arrays` of a variant");
    const lack = [
      ...(v.features ?? []).filter((name) => !features.has(name)),
      ...Object.entries(v.limits ?? {}).flatMap(([name, least]) => (limits[name as keyof Limits] >= least ? [] : [`${name} ${least}`])),
    ];
    if (lack.length === 0) return v;
    missing = lack.join(", ");
  }
  throw new NereidError("unsupported", `it needs what this GPU does not have: ${missing}`, { kernel: a.kernel.name });
}

/** Arrays and a pipeline, as a launch gives them to the GPU. @internal */
export interface Bound {
  kernel: GpuKernel;
  storages: readonly Storage[]; // of each array
  starts: readonly number[]; // bytes, where its binding begins
  scratch: Storage | undefined;
  report: Storage | undefined;
  pipeline: GPUComputePipeline;
  group: GPUBindGroup;
}

/** @internal */
export class GpuKernel implements Kernel {
  readonly name: string;
  readonly parameters: readonly { readonly name: string; readonly type: string }[];
  readonly sites: readonly Site[];
  /** Which of its files was chosen. */
  readonly file: string;
  /** Room for what it reports. */
  reportBytes: number;
  readonly #device: GpuDevice;
  readonly #shader: Shader;
  readonly #text: string;
  readonly #signature: Signature;
  readonly #arrays: readonly number[]; // parameters
  readonly #arrayOf: readonly number[]; // of a parameter, or -1
  readonly #room: number; // for arrays among the bindings
  readonly #block: number; // bytes
  readonly #slot: number;
  readonly #pipelines = new Map<string, GPUComputePipeline>();
  readonly #bounds = new Map<string, Bound>();
  #last: Bound | undefined;
  #disposed = false;

  constructor(device: GpuDevice, artefact: Artefact, shader: Shader, text: string) {
    this.#device = device;
    this.name = artefact.kernel.name;
    this.parameters = artefact.kernel.parameters;
    this.sites = artefact.webgpu!.sites;
    this.file = shader.file;
    this.reportBytes = this.sites.some((site) => site.kind === "print") ? 2 ** 18 : 2 ** 16;
    this.#shader = shader;
    this.#text = text;
    this.#signature = new Signature(this.name, this.parameters);
    this.#arrays = shader.arrays.map((a) => a.parameter);
    this.#arrayOf = this.parameters.map((_, i) => this.#arrays.indexOf(i));
    this.#room = device.limits.maxStorageBuffersPerShaderStage - (shader.report ? 1 : 0) - (shader.scratch ? 1 : 0);
    this.#block = Math.ceil(this.#signature.packed.length / 16) * 16;
    this.#slot = Math.ceil(this.#block / kSlot) * kSlot;
  }

  /** Makes the pipeline that a launch will most likely take: each array in a buffer of its own. */
  async make(): Promise<void> {
    await this.#make(this.#arrays.map((_, i) => Math.min(i, this.#room - 1)));
  }

  launch(grid: Grid, args: AnyArgs): Promise<void> {
    try {
      const programs = this.#pack(grid, args);
      if (programs === 0) return kDone;
      const device = this.#device;
      const { packed, view } = this.#signature;
      const buffers = this.#signature.buffers as (GpuBuffer | undefined)[];
      const bound = device.queue.idle ? this.#bind(buffers, programs) : undefined;
      if (bound) return this.#start(bound, buffers, packed, view, programs);
      const held = buffers.splice(0, buffers.length, ...buffers.map(() => undefined));
      const copy = packed.slice();
      let done: Promise<void>;
      const started = device.queue.add(async () => {
        const ready = await this.#prepare(held, programs);
        device.check(this.name);
        done = this.#start(ready, held, copy, new DataView(copy.buffer), programs);
      });
      return (started as Promise<void>).then(() => done);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Begins a launch, in a turn of the device's queue. The answer comes when the turn may end. @internal */
  async launchInTurn(grid: Grid, args: AnyArgs): Promise<{ done?: Promise<void> }> {
    const programs = this.#pack(grid, args);
    if (programs === 0) return {};
    const { buffers, packed, view } = this.#signature;
    const held = buffers.splice(0, buffers.length, ...buffers.map(() => undefined)) as (GpuBuffer | undefined)[];
    return { done: this.#start(await this.#prepare(held, programs), held, packed, view, programs) };
  }

  /** The same launch so many times: the µs of each, if the GPU has a clock. @internal */
  timeInTurn(grid: Grid, args: AnyArgs, runs: number): Promise<number[]> | undefined {
    return this.#device.hasClock ? this.#time(grid, args, runs) : undefined;
  }

  /** The µs that each of so many launches takes on the GPU, by its clock. @internal */
  async time(grid: Grid, args: AnyArgs, runs: number): Promise<number[]> {
    await this.#device.idle();
    return this.#time(grid, args, runs);
  }

  async #time(grid: Grid, args: AnyArgs, runs: number): Promise<number[]> {
    const device = this.#device;
    const programs = this.#pack(grid, args);
    const buffers = [...this.#signature.buffers] as (GpuBuffer | undefined)[];
    const packed = this.#signature.packed.slice();
    const bound = await this.#prepare(buffers, programs);
    const launches: Promise<void>[] = [];
    const times = await device.clocked(runs, (querySet) => {
      for (let i = 0; i < runs; ++i) {
        launches.push(this.#start(bound, buffers, packed, new DataView(packed.buffer), programs, { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 }));
        device.flush();
      }
    });
    await Promise.all(launches);
    return times;
  }

  dispose(): void {
    this.#disposed = true;
    this.#last = undefined;
    this.#bounds.clear();
    this.#pipelines.clear();
  }

  [kDispose](): void {
    this.dispose();
  }

  #pack(grid: Grid, args: AnyArgs): number {
    this.#device.check(this.name);
    if (this.#disposed) throw this.#signature.error("disposed", "it is launched after it was disposed of");
    return this.#signature.pack(this.#device, grid, args);
  }

  // Encodes a launch whose arrays are bound.
  #start(bound: Bound, buffers: (GpuBuffer | undefined)[], packed: Uint8Array, view: DataView, programs: number, timestamps?: GPUComputePassTimestampWrites): Promise<void> {
    for (let i = 0; i < buffers.length; ++i) {
      const buffer = buffers[i];
      if (!buffer) continue;
      const array = this.#arrayOf[i]!;
      const { storage, at } = buffer.place;
      view.setUint32(Signature.at(i), at + buffer.at - (array < 0 ? 0 : bound.starts[array]!), true);
      view.setUint32(Signature.at(i) + 4, storage.id, true);
      if (timestamps === undefined) buffers[i] = undefined; // it may be forgotten
    }
    let workgroups = Math.min(programs, this.#device.limits.maxComputeWorkgroupsPerDimension);
    if (bound.scratch) workgroups = Math.min(workgroups, Math.floor(bound.scratch.size / this.#shader.scratch));
    return this.#device.dispatch(bound, packed, this.#slot, workgroups, timestamps);
  }

  // What the launch binds, if all of it is there.
  #bind(buffers: readonly (GpuBuffer | undefined)[], programs: number): Bound | undefined {
    const arrays = this.#arrays;
    const scratch = this.#shader.scratch ? this.#scratch(programs) : undefined;
    const report = this.#shader.report ? this.#device.report(this.reportBytes) : undefined;
    const most = this.#device.limits.maxStorageBufferBindingSize;
    const last = this.#last;
    if (last && last.scratch === scratch && last.report === report) {
      let k = 0;
      for (; k < arrays.length; ++k) {
        const { storage } = buffers[arrays[k]!]!.place;
        if (storage !== last.storages[k] || storage.size > most || storage.failed) break;
      }
      if (k === arrays.length) return last;
    }
    const storages = arrays.map((i) => buffers[i]!.place.storage);
    const failed = storages.find((s) => s.failed)?.failed;
    if (failed) throw this.#signature.error(failed.code, failed.message);
    const shares = sharesOf(storages);
    const starts = this.#starts(buffers, storages, shares);
    const key = [...storages.map((s) => s.id), ...starts, scratch?.id, report?.id].join();
    const found = this.#bounds.get(key);
    if (found) return (this.#last = found);
    const pipeline = this.#pipelines.get(shares.join());
    if (!pipeline) return undefined;
    const at = storages.map((s, k) => ({ binding: k + 1, buffer: s.gpu, offset: starts[k]!, size: Math.min(s.size - starts[k]!, most - (most % 16)) })).filter((_, k) => shares[k] === k);
    const extra = [report, scratch].flatMap((s) => (s ? [s] : [])).map((s, k) => ({ binding: arrays.length + 1 + k, buffer: s.gpu, offset: 0, size: s.size }));
    const layout = this.#layout(shares);
    const group = this.#device.bind(layout, this.#block, [...at, ...extra], this.name);
    if (this.#bounds.size >= kBounds) this.#bounds.clear();
    this.#last = { kernel: this, storages, starts, scratch, report, pipeline, group };
    this.#bounds.set(key, this.#last);
    return this.#last;
  }

  // The same, after all that is missing was made.
  async #prepare(buffers: readonly (GpuBuffer | undefined)[], programs: number): Promise<Bound> {
    const storages = [...new Set(this.#arrays.map((i) => buffers[i]!.place.storage))];
    const surplus = storages.length - this.#room;
    if (surplus > 0) {
      // The last, for which there is a pipeline, unless only the smallest fit into one binding.
      const size = (list: readonly Storage[]) => list.reduce((sum, s) => sum + s.size + kSlot, 0);
      let moved = storages.slice(-(surplus + 1));
      if (size(moved) > this.#device.limits.maxStorageBufferBindingSize) moved = storages.sort((a, b) => a.size - b.size).slice(0, surplus + 1);
      this.#device.merge(moved, this.name);
    }
    const shares = sharesOf(this.#arrays.map((i) => buffers[i]!.place.storage));
    if (!this.#pipelines.has(shares.join())) await this.#make(shares);
    return this.#bind(buffers, programs)!;
  }

  async #make(shares: readonly number[]): Promise<void> {
    const names = this.#shader.arrays.map((a) => a.name);
    const text = shareBindings(this.#text, names, shares, this.name, this.file);
    this.#pipelines.set(shares.join(), await this.#device.pipeline(text, this.#layout(shares), this.name, this.file));
  }

  #layout(shares: readonly number[]) {
    const bindings = shares.flatMap((first, k) => (first === k ? [k + 1] : []));
    let next = this.#arrays.length;
    if (this.#shader.report) bindings.push(++next);
    if (this.#shader.scratch) bindings.push(++next);
    return this.#device.layout(this.#block, bindings);
  }

  // Where bindings begin: at 0, but of memory that is larger than a binding shortly before what is used of it.
  #starts(buffers: readonly (GpuBuffer | undefined)[], storages: readonly Storage[], shares: readonly number[]): number[] {
    const most = this.#device.limits.maxStorageBufferBindingSize;
    const starts = storages.map((s) => (s.size > most ? Infinity : 0));
    const part = (k: number) => {
      const { place, at, size, type } = buffers[this.#arrays[k]!]!;
      return { begin: place.at + at, end: place.at + at + size * type.bytes };
    };
    for (const [k, first] of shares.entries()) if (starts[first]) starts[first] = Math.min(starts[first], Math.floor(part(k).begin / kSlot) * kSlot);
    for (const [k, first] of shares.entries()) {
      starts[k] = starts[first]!;
      if (storages[k]!.size <= most || part(k).end - starts[k] <= most) continue;
      const { name } = this.parameters[this.#arrays[k]!]!;
      throw this.#signature.error("out-of-memory", `a binding of this GPU has at most ${most} bytes, and it ends at ${part(k).end - starts[k]}: launch on parts, by subarray()`, name);
    }
    return starts;
  }

  #scratch(programs: number): Storage {
    const { limits } = this.#device;
    const each = this.#shader.scratch;
    const most = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize, Math.max(kScratch, 64 * each));
    if (each > most) throw this.#signature.error("out-of-memory", `a workgroup needs ${each} bytes of scratch memory, and a binding of this GPU has at most ${most}`);
    return this.#device.scratch(Math.min(Math.min(programs, limits.maxComputeWorkgroupsPerDimension) * each, Math.floor(most / each) * each));
  }
}

// Of each array the first in the same memory.
function sharesOf(storages: readonly Storage[]): number[] {
  for (const s of storages) s.first = -1;
  return storages.map((s, k) => (s.first < 0 ? (s.first = k) : s.first));
}
