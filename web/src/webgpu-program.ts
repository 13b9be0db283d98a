// SPDX-License-Identifier: MIT
// A shader of a kernel: maps the arrays of a launch to bindings, and caches the objects created for them.
import type { Signature } from "./kernel.ts";
import type { Shader, Site } from "./manifest.ts";
import { shareBindings } from "./webgpu-bindings.ts";
import type { GpuBuffer, Storage } from "./webgpu-buffer.ts";

/** Alignment of parameter blocks, and of bindings in their buffers. */
export const kSlot = 256;
const kBounds = 512; // entries to keep
const kRecent = 4; // entries to check first
const kScratch = 2 ** 26; // bytes of scratch memory for a launch, unless a few workgroups need more

/** The array of each parameter. */
export type Buffers = readonly (GpuBuffer | undefined)[];

/** The limits of a device. @internal */
export type Limits = { -readonly [name in Exclude<keyof GPUSupportedLimits, "__brand">]: number };

/** @internal */
export interface Layout {
  group: GPUBindGroupLayout;
  pipeline: GPUPipelineLayout;
}

/** The part of its device that a program uses. @internal */
export interface Binder {
  readonly limits: Limits;
  merge(storages: readonly Storage[], kernel: string): Promise<void>;
  scratch(size: number): Storage;
  report(size: number): Storage;
  layout(block: number, bindings: readonly number[]): Layout;
  pipeline(text: string, layout: Layout, kernel: string, file: string): Promise<GPUComputePipeline>;
  bind(
    layout: Layout,
    block: number,
    buffers: readonly { binding: number; buffer: GPUBuffer; offset: number; size: number }[],
    kernel: string,
  ): GPUBindGroup;
}

/** The part of its kernel that a program or a report of a launch uses. @internal */
export interface Reporter {
  readonly name: string;
  readonly sites: readonly Site[];
  reportBytes: number;
}

/** Arrays and a pipeline, as passed to the GPU for a launch. @internal */
export interface Bound {
  kernel: Reporter;
  program: Program;
  storages: readonly Storage[]; // of each array
  starts: readonly number[]; // byte offset of its binding
  scratch: Storage | undefined;
  report: Storage | undefined;
  pipeline: GPUComputePipeline;
  group: GPUBindGroup;
}

let launches = 0;

/** @internal */
export class Program {
  readonly shader: Shader;
  readonly arrayOf: readonly number[]; // index of the array of a parameter, or -1
  readonly #device: Binder;
  readonly #kernel: Reporter;
  readonly #signature: Signature;
  readonly #text: string;
  readonly #arrays: readonly number[]; // parameters
  readonly #room: number; // number of arrays in bindings
  readonly #block: number; // bytes of the parameters
  readonly #pipelines = new Map<string, GPUComputePipeline>();
  readonly #bounds = new Map<string, Bound>();
  readonly #recent: Bound[] = []; // recent launches: programs often alternate between a few

  constructor(device: Binder, kernel: Reporter, signature: Signature, block: number, shader: Shader, text: string) {
    this.#device = device;
    this.#kernel = kernel;
    this.#signature = signature;
    this.shader = shader;
    this.#text = text;
    this.#block = block;
    this.#arrays = shader.arrays.map((a) => a.parameter);
    this.arrayOf = signature.parameters.map((_, i) => this.#arrays.indexOf(i));
    this.#room = device.limits.maxStorageBuffersPerShaderStage - (shader.report ? 1 : 0) - (shader.scratch ? 1 : 0);
  }

  /** Creates the pipeline for arrays in separate buffers. */
  async make(): Promise<void> {
    await this.#make(this.#arrays.map((_, i) => Math.min(i, this.#room - 1)));
  }

  clear(): void {
    this.#recent.length = 0;
    this.#bounds.clear();
    this.#pipelines.clear();
  }

  /** Returns whether an array that the kernel writes may overlap another one. */
  overlaps(buffers: Buffers): boolean {
    const launch = ++launches;
    for (let k = 0; k < this.#arrays.length; ++k) {
      const { place } = buffers[this.#arrays[k]!]!;
      const again = place.launch === launch;
      place.written = this.shader.arrays[k]!.writes || (again && place.written);
      place.launch = launch;
      if (again && place.written) return true;
    }
    return false;
  }

  /** The bindings of the launch, if they all exist. */
  bind(buffers: Buffers, programs: number): Bound | undefined {
    const arrays = this.#arrays;
    const scratch = this.shader.scratch ? this.#scratch(programs) : undefined;
    const report = this.shader.report ? this.#device.report(this.#kernel.reportBytes) : undefined;
    const most = this.#device.limits.maxStorageBufferBindingSize;
    for (const last of this.#recent) {
      if (last.scratch !== scratch || last.report !== report) continue;
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
    if (found) return this.#remember(found);
    const pipeline = this.#pipelines.get(shares.join());
    if (!pipeline) return undefined;
    const at = storages
      .map((s, k) => ({ binding: k + 1, buffer: s.gpu, offset: starts[k]!, size: Math.min(s.size - starts[k]!, most - (most % 16)) }))
      .filter((_, k) => shares[k] === k);
    const extra = [report, scratch]
      .flatMap((s) => (s ? [s] : []))
      .map((s, k) => ({ binding: arrays.length + 1 + k, buffer: s.gpu, offset: 0, size: s.size }));
    const layout = this.#layout(shares);
    const group = this.#device.bind(layout, this.#block, [...at, ...extra], this.#kernel.name);
    if (this.#bounds.size >= kBounds) this.#bounds.clear();
    const bound = { kernel: this.#kernel, program: this, storages, starts, scratch, report, pipeline, group };
    this.#bounds.set(key, bound);
    return this.#remember(bound);
  }

  #remember(bound: Bound): Bound {
    if (this.#recent.unshift(bound) > kRecent) this.#recent.pop();
    return bound;
  }

  /** The bindings, after creating the missing ones. */
  async prepare(buffers: Buffers, programs: number): Promise<Bound> {
    const storages = [...new Set(this.#arrays.map((i) => buffers[i]!.place.storage))];
    const surplus = storages.length - this.#room;
    if (surplus > 0) {
      // Use the last one, whose pipeline exists, unless only the smallest fit into one binding.
      const size = (list: readonly Storage[]) => list.reduce((sum, s) => sum + s.size + kSlot, 0);
      let moved = storages.slice(-(surplus + 1));
      if (size(moved) > this.#device.limits.maxStorageBufferBindingSize)
        moved = storages.sort((a, b) => a.size - b.size).slice(0, surplus + 1);
      await this.#device.merge(moved, this.#kernel.name);
    }
    const shares = sharesOf(this.#arrays.map((i) => buffers[i]!.place.storage));
    if (!this.#pipelines.has(shares.join())) await this.#make(shares);
    return this.bind(buffers, programs)!;
  }

  async #make(shares: readonly number[]): Promise<void> {
    const names = this.shader.arrays.map((a) => a.name);
    const text = shareBindings(this.#text, names, shares, this.#kernel.name, this.shader.file);
    this.#pipelines.set(shares.join(), await this.#device.pipeline(text, this.#layout(shares), this.#kernel.name, this.shader.file));
  }

  #layout(shares: readonly number[]) {
    const bindings = shares.flatMap((first, k) => (first === k ? [k + 1] : []));
    const own = Number(this.shader.report) + (this.shader.scratch ? 1 : 0);
    for (let k = 1; k <= own; ++k) bindings.push(this.#arrays.length + k);
    return this.#device.layout(this.#block, bindings);
  }

  // Offsets of the bindings: 0, or, in memory larger than a binding, slightly before the used part.
  #starts(buffers: Buffers, storages: readonly Storage[], shares: readonly number[]): number[] {
    const most = this.#device.limits.maxStorageBufferBindingSize;
    const starts = storages.map((s) => (s.size > most ? Infinity : 0));
    const part = (k: number) => {
      const { place, at, size, type } = buffers[this.#arrays[k]!]!;
      return { begin: place.at + at, end: place.at + at + size * type.bytes };
    };
    for (const [k, first] of shares.entries())
      if (starts[first]) starts[first] = Math.min(starts[first], Math.floor(part(k).begin / kSlot) * kSlot);
    for (const [k, first] of shares.entries()) {
      starts[k] = starts[first]!;
      if (storages[k]!.size <= most || part(k).end - starts[k] <= most) continue;
      const { name } = this.#signature.parameters[this.#arrays[k]!]!;
      throw this.#signature.error(
        "out-of-memory",
        `a binding of this GPU has at most ${most} bytes, but the array ends at byte ${part(k).end - starts[k]}: launch on parts of it, with subarray()`,
        name,
      );
    }
    return starts;
  }

  #scratch(programs: number): Storage {
    const { limits } = this.#device;
    const each = this.shader.scratch;
    const most = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize, Math.max(kScratch, 64 * each));
    if (each > most)
      throw this.#signature.error(
        "out-of-memory",
        `a workgroup needs ${each} bytes of scratch memory, but a binding of this GPU has at most ${most}`,
      );
    return this.#device.scratch(
      Math.min(Math.min(programs, limits.maxComputeWorkgroupsPerDimension) * each, Math.floor(most / each) * each),
    );
  }
}

// For each array, the first one in the same memory.
function sharesOf(storages: readonly Storage[]): number[] {
  for (const s of storages) s.first = -1;
  return storages.map((s, k) => (s.first < 0 ? (s.first = k) : s.first));
}
