// SPDX-License-Identifier: MIT
// A GPU device through WebGPU, loaded when one is opened. docs/reference/webgpu.md describes what shaders expect.
//
// Launches are encoded immediately, but submitted together: when the calling code pauses (a microtask later), when an array is read or
// written, or after 256 launches, fewer if they take long. Only the returned promises wait for the GPU.
import { type Data, described } from "./buffer.ts";
import type { Device, OpenOptions } from "./device.ts";
import type { Canonical, DType, DTypeName, View } from "./dtypes.ts";
import { NereidError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { type Artefact, type Base, loadKernels, type Manifest } from "./manifest.ts";
import { kDispose } from "./platform.ts";
import { Queue } from "./queue.ts";
import { GpuBuffer, type Place, Storage } from "./webgpu-buffer.ts";
import { chooseVariants, GpuKernel } from "./webgpu-kernel.ts";
import { type Bound, kSlot, type Layout, type Limits } from "./webgpu-program.ts";
import { Readback } from "./webgpu-readback.ts";
import { kBlank, readReport } from "./webgpu-report.ts";

export { NereidError } from "./errors.ts";
export { GpuBuffer } from "./webgpu-buffer.ts";

// Values of GPUBufferUsage, GPUMapMode and GPUShaderStage, which Node lacks.
const kMap = 1;
const kCopySource = 4;
const kCopyTarget = 8;
const kUniform = 64;
const kStorage = 128;
const kQueryResolve = 512;
const kRead = 1;
const kCompute = 4;

const kBlocks = 65536; // bytes of a batch's parameter blocks
const kMost = 256; // launches per batch
const kLong = 100; // ms that a batch may take, so that a page can draw in between, and no driver considers the GPU hung
const kFilters = ["out-of-memory", "validation", "internal"] as const;
const kPipelines = 256; // to keep for kernels that are loaded again

// Features that variants of kernels may require, and their names in a manifest if those are not final.
const kFeatures = ["shader-f16", "subgroups", "subgroup-size-control", "timestamp-query", "chromium-experimental-subgroup-matrix"];
const kNames: Record<string, string> = { "chromium-experimental-subgroup-matrix": "subgroup-matrix" };
const kVariants = ["shader-f16", "subgroups-32", "subgroup-matrix", "subgroup-matrix-i8"]; // for which the compiler writes variants
// Limits that are requested as high as the adapter supports.
const kLimits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
] as const;

/** Opens a GPU. Returns undefined if there is none, or only an emulated one that the options do not ask for. @internal */
export async function openGpu(options: OpenOptions): Promise<GpuDevice | undefined> {
  const asked = options.device === "webgpu";
  const none = (why: string, cause?: unknown) => {
    if (asked) throw new NereidError("unsupported", why, { cause });
    return undefined;
  };
  const gpu = options.gpu ?? globalThis.navigator?.gpu;
  if (!gpu) return none("there is no WebGPU here: `navigator.gpu` is missing");
  if (typeof gpu.requestAdapter !== "function")
    throw new NereidError("wrong-argument", "gpu must be a GPU object with requestAdapter(), such as navigator.gpu");
  let adapter: GPUAdapter | null;
  try {
    adapter = await gpu.requestAdapter({ powerPreference: options.powerPreference ?? "high-performance" });
  } catch (cause) {
    return none(`WebGPU has no adapter: ${(cause as Error).message}`, cause); // as Firefox where it is not released
  }
  if (!adapter) return none("WebGPU has no adapter here: there is no GPU, or its driver will not do");
  if (!asked && (adapter.info?.isFallbackAdapter ?? (adapter as { isFallbackAdapter?: boolean }).isFallbackAdapter)) return undefined;
  const limits = kLimits.map((name) => [name, adapter.limits[name]]);
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({
      requiredFeatures: kFeatures.filter((name) => adapter.features.has(name)) as GPUFeatureName[],
      requiredLimits: Object.fromEntries(limits),
    });
  } catch (cause) {
    return none(`WebGPU cannot create a device: ${(cause as Error).message}`, cause);
  }
  const { info } = adapter;
  const sized = info.subgroupMinSize === 32 && info.subgroupMaxSize === 32 && device.features.has("subgroups");
  const [subgroups, ieee] = await Promise.all([sized && hasSubgroupsInOrder(device, 32), hasSpecials(device)]);
  const found = [...(subgroups ? ["subgroups-32"] : []), ...(ieee ? ["ieee-specials"] : [])];
  return new GpuDevice(gpu, device, info, found, options.print ?? console.log);
}

/**
 * Returns whether subgroups have this size and consist of consecutive threads of the workgroup. WGSL does not guarantee an order, so this
 * runs a test shader. @internal
 */
export async function hasSubgroupsInOrder(gpu: GPUDevice, size: number): Promise<boolean> {
  const code = `enable subgroups;
@group(0) @binding(0) var<storage, read_write> good: array<atomic<u32>>;
@compute @workgroup_size(256) fn main(@builtin(local_invocation_index) i: u32, @builtin(subgroup_invocation_id) k: u32, @builtin(subgroup_size) n: u32) {
  let first = subgroupBroadcastFirst(i);
  if (n == ${size} && k == i % ${size} && first + k == i) { atomicAdd(&good[0], 1u); }
}`;
  return (await look(gpu, code, [0]))?.[0] === 256;
}

// The bits of NaN, infinities, and numbers whose powers of two overflow or underflow.
const kSpecials = [0x7fc00000, 0x7fc00000, 0x3f800000, 0x7f800000, 0xff800000, 0x43480000, 0xc3480000, 0xffc00001];

/** Returns whether min, max, comparisons and exp2 of NaN and infinities, and all f16 as f32, follow IEEE 754, and powers of two are exact to 3 ulp: WGSL guarantees none of it. @internal */
export async function hasSpecials(gpu: GPUDevice): Promise<boolean> {
  const code = `@group(0) @binding(0) var<storage, read_write> x: array<u32>;
@compute @workgroup_size(8) fn main(@builtin(local_invocation_index) i: u32) {
  let a = bitcast<f32>(x[i]); let b = bitcast<f32>(x[(i + 1u) % 8u]);
  x[8u + 3u * i] = bitcast<u32>(min(a, b)); x[9u + 3u * i] = bitcast<u32>(max(a, b)); x[10u + 3u * i] = bitcast<u32>(exp2(a));
  for (var h = i; h < 65536u; h += 8u) {
    let m = h & 0x7fffu; let found = bitcast<u32>(unpack2x16float(h).x);
    let value = select((m << 13u) + select(0x38000000u, 0x70000000u, m >= 0x7c00u), bitcast<u32>(f32(m) * 0x1p-24f), m < 0x400u) | ((h & 0x8000u) << 16u);
    if (select(found != value, (found & 0x7fffffffu) <= 0x7f800000u, m > 0x7c00u)) { x[32] = 1u; }
  }
  for (var k = i; k < 512u; k += 8u) { x[33u + k] = bitcast<u32>(exp2((f32(k) - 256.0f) * 0.4921f)); }
  for (var j = 0u; j < 8u; j += 1u) {
    let c = bitcast<f32>(x[j]);
    x[545u + 8u * i + j] = dot(vec4u(1u, 2u, 4u, 8u), select(vec4u(0u), vec4u(1u), vec4<bool>((a < c), (a > c), (a <= c), (a >= c)))) + select(0u, 16u, a == c) + select(0u, 32u, !(a == c));
  }
}`;
  const words = await look(gpu, code, [...kSpecials, ...new Array(25 + 512 + 64).fill(0)]);
  if (!words || words[32]) return false;
  const powers = new Float32Array(words.buffer, 33 * 4, 512);
  if (!powers.every((x, k) => Math.abs(x / 2 ** Math.fround((k - 256) * Math.fround(0.4921)) - 1) < 2 ** -21.5)) return false;
  const all = new Float32Array(Uint32Array.from(kSpecials).buffer),
    got = new Float32Array(words.buffer, 32);
  const comparisons = (x: number, y: number) =>
    [x < y, x > y, x <= y, x >= y, x === y, !(x === y)].reduce((sum, holds, k) => sum + (holds ? 1 << k : 0), 0);
  if (![...all].every((x, i) => [...all].every((y, j) => words[545 + 8 * i + j] === comparisons(x, y)))) return false;
  return [...all].every((x, i) => {
    const y = all[(i + 1) % 8]!,
      pick = (of: (x: number, y: number) => number) => (x !== x ? y : y !== y ? x : of(x, y));
    // A subnormal power of two may be flushed to zero.
    return [pick(Math.min), pick(Math.max), x === -200 ? 0 : Math.fround(2 ** x)].every(
      (wanted, k) => Object.is(wanted, got[3 * i + k]) || (wanted !== wanted && got[3 * i + k] !== got[3 * i + k]),
    );
  });
}

// Runs a shader with one workgroup on these words; undefined if it cannot run.
async function look(gpu: GPUDevice, code: string, words: number[]): Promise<Uint32Array | undefined> {
  const size = 4 * words.length;
  const out = gpu.createBuffer({ size, usage: kStorage | kCopySource | kCopyTarget });
  const copy = gpu.createBuffer({ size, usage: kMap | kCopyTarget });
  try {
    const pipeline = await gpu.createComputePipelineAsync({ layout: "auto", compute: { module: gpu.createShaderModule({ code }) } });
    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(
      0,
      gpu.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer: out } }] }),
    );
    pass.dispatchWorkgroups(1);
    pass.end();
    encoder.copyBufferToBuffer(out, 0, copy, 0, size);
    gpu.queue.writeBuffer(out, 0, Uint32Array.from(words));
    gpu.queue.submit([encoder.finish()]);
    await copy.mapAsync(kRead);
    return new Uint32Array(copy.getMappedRange().slice(0));
  } catch {
    return undefined;
  } finally {
    out.destroy();
    copy.destroy();
  }
}

// The subgroup matrices that kernels use: f16 times f16 with f32 accumulators, 16 by 16 by 16; i8 with i32 accumulators, 32 deep.
const kMatrices: Record<string, string> = { "subgroup-matrix": "f16 f32 16 16 16", "subgroup-matrix-i8": "i8 i32 16 16 32" };
function hasMatrices(info: GPUAdapterInfo, what: string): boolean {
  type Config = { componentType: string; resultComponentType: string; M: number; N: number; K: number };
  const { subgroupMatrixConfigs } = info as GPUAdapterInfo & { subgroupMatrixConfigs?: Iterable<Config> };
  return [...(subgroupMatrixConfigs ?? [])].some((c) => [c.componentType, c.resultComponentType, c.M, c.N, c.K].join(" ") === what);
}

/** Opens a GPU. */
export async function open(options: Omit<OpenOptions, "device" | "threads" | "variant" | "memory" | "workerUrl"> = {}): Promise<GpuDevice> {
  return (await openGpu({ ...options, device: "webgpu" }))!;
}

// Launches that are encoded and not submitted yet.
class Batch {
  readonly encoder: GPUCommandEncoder;
  pass: GPUComputePassEncoder | undefined;
  pipeline: GPUComputePipeline | undefined; // of the current pass
  bound: Bound | undefined; // of the current pass, with the parameter block at `at`
  at = 0;
  used = 0; // bytes of parameter blocks
  count = 0; // of launches
  readonly launched = new Set<Bound>();
  /** Resolves when it is submitted. */
  readonly submitted: Promise<void>;
  /** Rejects if the GPU refused it. */
  checked: Promise<void> | undefined;
  /** Resolves when the GPU has finished it. */
  readonly done: Promise<void>;
  submit!: () => void;
  finish!: (end: Promise<void>) => void;

  constructor(encoder: GPUCommandEncoder) {
    this.encoder = encoder;
    this.submitted = new Promise((resolve) => (this.submit = resolve));
    this.done = new Promise((resolve) => (this.finish = resolve));
  }

  endPass(): void {
    this.pass?.end();
    this.pass = this.pipeline = this.bound = undefined;
  }
}

/** A GPU. Arrays are in its memory: `read` and `write` copy them. */
export class GpuDevice implements Device {
  readonly kind = "webgpu";
  /** WebGPU's device. */
  readonly gpu: GPUDevice;
  /** A description of the GPU. */
  readonly info: GPUAdapterInfo;
  /**
   * Features that kernels may use: `shader-f16`, `subgroups`, `subgroups-32` (all have 32 threads, in order), `ieee-specials` (min, max, comparisons and
   * exp2 of NaN and infinities), ...
   */
  readonly features: ReadonlySet<string>;
  /** @internal */
  readonly limits: Limits;
  /** @internal */
  readonly target: string;
  /** @internal */
  readonly queue = new Queue();
  /** @internal */
  nudges: boolean = /Firefox\//.test(globalThis.navigator?.userAgent ?? "");
  readonly #gpuQueue: GPUQueue;
  readonly #print: (line: string) => void;
  readonly #readback: Readback;
  readonly #uniform: GPUBuffer;
  readonly #blocks = new Uint8Array(kBlocks);
  readonly #offset = [0];
  readonly #layouts = new Map<string, Layout>();
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  #batch: Batch | undefined;
  #most = kMost;
  #ended = 0; // time when the last batch was finished
  #dying: GPUBuffer[] = []; // to destroy after the pending launches are submitted
  #scratch: Storage | undefined;
  #report: { storage: Storage; blank: GPUBuffer } | undefined;
  #reported: Promise<void> = Promise.resolve();
  // Dawn in Node drops a device when the object behind its adapter is garbage-collected.
  // @ts-expect-error: only kept alive
  // eslint-disable-next-line no-unused-private-class-members
  readonly #source: GPU;
  #ids = 0;
  #disposed = false;
  #lost: NereidError | undefined;

  /** @internal */
  constructor(source: GPU, gpu: GPUDevice, info: GPUAdapterInfo, found: string[], print: (line: string) => void) {
    this.#source = source;
    this.gpu = gpu;
    this.info = info;
    const features = new Set([...gpu.features].map((name) => kNames[name] ?? name).concat(found));
    const matrices = features.delete("subgroup-matrix");
    for (const [name, what] of Object.entries(kMatrices)) if (matrices && hasMatrices(info, what)) features.add(name);
    this.features = features;
    this.limits = {} as Limits; // WebGPU's object is slow to read
    for (const name in gpu.limits) this.limits[name as keyof Limits] = gpu.limits[name as keyof Limits];
    this.target = [
      "webgpu",
      ...kVariants.filter((name) => features.has(name)),
      `maxComputeWorkgroupStorageSize=${this.limits.maxComputeWorkgroupStorageSize}`,
    ].join(" ");
    this.#gpuQueue = gpu.queue;
    this.#print = print;
    this.#readback = new Readback(gpu);
    this.#uniform = gpu.createBuffer({ size: kBlocks, usage: kUniform | kCopyTarget, label: "nereid parameters" });
    void gpu.lost.then((info) => {
      this.#lost = new NereidError(
        "lost-device",
        `the GPU was lost (${info.message || info.reason || "unknown reason"}): open() another device`,
      );
    });
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Resolves when the GPU was lost, with the content of its memory. Another device may be opened. */
  get lost(): boolean {
    return this.#lost !== undefined;
  }

  buffer<N extends DTypeName>(dtype: N, data: ArrayBufferView): GpuBuffer<Canonical<N>>;
  buffer<N extends DTypeName>(dtype: N, shape: number | readonly number[], data?: Data): GpuBuffer<Canonical<N>>;
  buffer(dtype: DTypeName, shape: number | readonly number[] | ArrayBufferView, data?: Data): GpuBuffer {
    this.check();
    return new GpuBuffer(this, ...described(dtype, shape, data));
  }

  async load<K = Record<string, Kernel>>(manifest: Manifest | URL | string, options: { base?: Base } = {}): Promise<K> {
    this.check();
    return (await loadKernels("webgpu", manifest, options.base, (a, read) => this.loadOne(a, read))) as K;
  }

  /** @internal */
  async loadOne(artefact: Artefact, read: (file: string) => Promise<Uint8Array>): Promise<GpuKernel> {
    const shaders = chooseVariants(artefact, this.features, this.limits);
    const texts = await Promise.all(shaders.map(async (shader) => ({ shader, text: new TextDecoder().decode(await read(shader.file)) })));
    const kernel = new GpuKernel(this, artefact, texts);
    await kernel.make();
    this.check();
    return kernel;
  }

  async idle(): Promise<void> {
    this.check();
    await this.queue.add(() => this.flush());
    await this.#nudged(this.#gpuQueue.onSubmittedWorkDone()).catch(() => {});
    await this.#reported;
    this.check();
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.flush();
    this.gpu.destroy();
  }

  [kDispose](): void {
    this.dispose();
  }

  /** Throws if the GPU was lost. @internal */
  check(kernel?: string): void {
    if (!this.#disposed && !this.#lost) return;
    const about = kernel === undefined ? {} : { kernel };
    if (this.#disposed) throw new NereidError("disposed", "the device was disposed: open() another device", about);
    throw kernel === undefined ? this.#lost : new NereidError("lost-device", this.#lost!.message, about);
  }

  // ---- memory

  /** Allocates memory of `size` bytes for kernels, filled with zeros or values. @internal */
  allocate(size: number, values?: View<DType>): Storage {
    size = Math.max(16, Math.ceil(size / 16) * 16);
    const refused = (why: string, cause?: unknown) =>
      new NereidError("out-of-memory", `cannot allocate ${size} bytes of GPU memory: ${why}`, { cause });
    if (size > this.limits.maxBufferSize) throw refused(`this GPU allows at most ${this.limits.maxBufferSize} per buffer`);
    const { gpu } = this;
    gpu.pushErrorScope("out-of-memory");
    let buffer: GPUBuffer | undefined;
    let why: unknown;
    try {
      buffer = gpu.createBuffer({ size, usage: kStorage | kCopySource | kCopyTarget, mappedAtCreation: values !== undefined });
      if (values) {
        new Uint8Array(buffer.getMappedRange()).set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
        buffer.unmap();
      }
    } catch (error) {
      why = error;
    }
    const scope = gpu.popErrorScope();
    if (why || !buffer) {
      scope.catch(() => {});
      this.check();
      throw refused((why as Error).message, why);
    }
    const storage = new Storage(++this.#ids, buffer, size);
    // An allocation failure is reported later: operations on the array then fail.
    storage.settled = scope.then(
      (error) => void (error && (storage.failed = refused(error.message))),
      () => {},
    );
    return storage;
  }

  /** Copies bytes, after everything that was encoded. @internal */
  async read(storage: { gpu: GPUBuffer; failed?: NereidError | undefined }, at: number, bytes: number): Promise<ArrayBuffer> {
    this.check();
    if (storage.failed) throw storage.failed;
    if (bytes === 0) return new ArrayBuffer(0);
    const begin = at - (at % 4);
    const length = Math.ceil((at + bytes - begin) / 4) * 4;
    const batch = this.#open();
    const copy = await this.#copyOut(batch, storage.gpu, begin, length);
    await this.#reported;
    return length === bytes ? copy : copy.slice(at - begin, at - begin + bytes);
  }

  // Encodes a copy from a buffer.
  async #copyOut(batch: Batch, from: GPUBuffer, at: number, length: number): Promise<ArrayBuffer> {
    const staging = this.#readback.take(length);
    batch.endPass();
    batch.encoder.copyBufferToBuffer(from, at, staging, 0, length);
    await batch.submitted;
    try {
      await this.#nudged(Promise.all([staging.mapAsync(kRead, 0, length), batch.checked]));
    } catch (cause) {
      staging.destroy();
      throw await this.#why(cause);
    }
    const copy = staging.getMappedRange(0, length).slice(0);
    staging.unmap();
    this.#readback.give(staging);
    return copy;
  }

  /** Overwrites bytes, after everything that was encoded. Bytes beyond `end` are padding. @internal */
  write(storage: Storage, at: number, bytes: Uint8Array<ArrayBuffer>, end: number): void | Promise<void> {
    this.check();
    if (storage.failed) throw storage.failed;
    this.flush();
    if (at % 4 === 0 && bytes.length % 4 === 0) return this.#gpuQueue.writeBuffer(storage.gpu, at, bytes, 0, bytes.length);
    // WebGPU writes whole words: the other bytes of the first and last word are preserved.
    const begin = at - (at % 4);
    const whole = new Uint8Array(Math.ceil((at + bytes.length - begin) / 4) * 4);
    whole.set(bytes, at - begin);
    const put = () => this.#gpuQueue.writeBuffer(storage.gpu, begin, whole, 0, whole.length);
    if (at === begin && begin + whole.length >= end) return put();
    const [before, after] = [at - begin, at - begin + bytes.length];
    return Promise.all([this.read(storage, begin, before), this.read(storage, begin + after, whole.length - after)]).then(
      ([first, last]) => {
        whole.set(new Uint8Array(first));
        whole.set(new Uint8Array(last), after);
        put();
      },
    );
  }

  /** Frees the memory of an array. @internal */
  free(place: Place): void {
    const { storage } = place;
    storage.places.delete(place);
    if (storage.places.size === 0) this.#destroy(storage.gpu);
  }

  #destroy(buffer: GPUBuffer): void {
    if (this.#batch) this.#dying.push(buffer);
    else buffer.destroy();
  }

  /** Moves these arrays into one buffer permanently. @internal */
  async merge(storages: readonly Storage[], kernel: string): Promise<void> {
    for (const s of storages) if (s.failed) throw s.failed;
    const align = (n: number) => Math.ceil(n / kSlot) * kSlot;
    const total = storages.reduce((sum, s) => sum + align(s.size), 0);
    if (total > this.limits.maxStorageBufferBindingSize)
      throw new NereidError(
        "out-of-memory",
        `the kernel has more arrays than this GPU has bindings, so some must share one, but they need ${total} bytes, and a binding has at most ${this.limits.maxStorageBufferBindingSize}`,
        { kernel },
      );
    const merged = this.allocate(total);
    await merged.settled;
    if (merged.failed) throw merged.failed;
    const batch = this.#open();
    batch.endPass();
    let at = 0;
    for (const s of storages) {
      batch.encoder.copyBufferToBuffer(s.gpu, 0, merged.gpu, at, s.size);
      for (const place of s.places) {
        place.storage = merged;
        place.at += at;
        merged.places.add(place);
      }
      s.places.clear();
      this.#destroy(s.gpu);
      at += align(s.size);
    }
  }

  /** Scratch memory shared by all kernels: launches run one after the other. @internal */
  scratch(size: number): Storage {
    if (!this.#scratch || this.#scratch.size < size || this.#scratch.failed) {
      if (this.#scratch) this.#destroy(this.#scratch.gpu);
      this.#scratch = this.allocate(size);
    }
    return this.#scratch;
  }

  /** The buffer for reports of kernels. @internal */
  report(size: number): Storage {
    if (!this.#report || this.#report.storage.size < size || this.#report.storage.failed) {
      if (this.#report) for (const old of [this.#report.storage.gpu, this.#report.blank]) this.#destroy(old);
      const storage = this.allocate(size);
      const words = new Uint32Array(storage.size / 4).fill(kBlank);
      words[0] = 0;
      this.#report = { storage, blank: this.allocate(storage.size, words).gpu };
    }
    return this.#report.storage;
  }

  // ---- commands

  #open(): Batch {
    if (this.#batch) return this.#batch;
    const batch = new Batch(this.gpu.createCommandEncoder());
    this.#batch = batch;
    queueMicrotask(() => this.#batch === batch && this.flush());
    return batch;
  }

  /** Encodes a launch. The promise resolves at its end. @internal */
  dispatch(
    bound: Bound,
    packed: Uint8Array,
    slot: number,
    workgroups: number,
    timestampWrites?: GPUComputePassTimestampWrites,
  ): Promise<void> {
    if (this.#batch && (this.#batch.used + slot > kBlocks || this.#batch.count >= this.#most)) this.flush();
    const batch = this.#open();
    const { report } = bound;
    if (report) {
      batch.endPass();
      batch.encoder.copyBufferToBuffer(this.#report!.blank, 0, report.gpu, 0, report.size);
    }
    if (timestampWrites) batch.endPass();
    batch.pass ??= batch.encoder.beginComputePass(timestampWrites && { timestampWrites });
    if (batch.pipeline !== bound.pipeline) batch.pass.setPipeline((batch.pipeline = bound.pipeline));
    // Repeating the same launch needs no new objects, which halves its cost.
    if (batch.bound !== bound || !this.#isBlock(packed, batch.at)) {
      this.#blocks.set(packed, batch.used);
      this.#offset[0] = batch.at = batch.used;
      batch.used += slot;
      batch.pass.setBindGroup(0, bound.group, this.#offset);
      batch.bound = bound;
      batch.launched.add(bound);
    }
    ++batch.count;
    batch.pass.dispatchWorkgroups(workgroups);
    if (timestampWrites) batch.endPass();
    return report ? this.#tell(batch, bound, report, packed) : batch.done;
  }

  #isBlock(packed: Uint8Array, at: number): boolean {
    for (let i = 0; i < packed.length; ++i) if (packed[i] !== this.#blocks[at + i]) return false;
    return true;
  }

  // Prints the report of a launch, after those of all earlier launches.
  #tell(batch: Batch, { kernel }: Bound, report: Storage, packed: Uint8Array): Promise<void> {
    const grid = new DataView(packed.buffer, packed.byteOffset);
    const [x, y, z] = [0, 4, 8].map((at) => grid.getUint32(at, true)) as [number, number, number];
    const before = this.#reported;
    const copy = this.#copyOut(batch, report.gpu, 0, report.size);
    const told = (async () => {
      const words = new Uint32Array((await Promise.all([copy, batch.done, before]))[0]);
      const { lines, failed, wanted } = readReport(words, kernel.sites, [x, y, z]);
      lines.forEach((line) => this.#print(line));
      if (wanted) {
        kernel.reportBytes = Math.min(8 * wanted, this.limits.maxStorageBufferBindingSize);
        console.warn(
          `nereid: kernel \`${kernel.name}\` reported ${wanted} words, but there was room for ${words.length - 1}: the rest is not printed; the next launch has more room`,
        );
      }
      if (failed !== undefined) throw new NereidError("assertion", failed, { kernel: kernel.name });
    })();
    this.#reported = told.catch(() => {});
    return told;
  }

  /** Submits the encoded launches. @internal */
  flush(): void {
    const batch = this.#batch;
    if (!batch) return;
    this.#batch = undefined;
    batch.endPass();
    const { gpu } = this;
    for (const filter of kFilters) gpu.pushErrorScope(filter);
    if (batch.used) this.#gpuQueue.writeBuffer(this.#uniform, 0, this.#blocks, 0, batch.used);
    this.#gpuQueue.submit([batch.encoder.finish()]);
    const scopes = Promise.all(kFilters.map(() => gpu.popErrorScope()));
    for (const buffer of this.#dying.splice(0)) buffer.destroy();
    const failed = async (error: unknown) => {
      throw await this.#why(error, batch.launched);
    };
    batch.checked = scopes.then((errors) => {
      const error = errors.find((e) => e !== null);
      return error && failed(error);
    }, failed);
    batch.checked.catch(() => {});
    const sent = performance.now();
    batch.finish(
      this.#nudged(Promise.all([this.#gpuQueue.onSubmittedWorkDone(), batch.checked])).then(() => this.#learn(batch.count, sent), failed),
    );
    if (batch.launched.size === 0) batch.done.catch(() => {});
    batch.submit();
  }

  // Firefox checks only every 100 ms whether the GPU is done (its bug 1870699), and on every submission.
  #nudged<T>(promise: Promise<T>): Promise<T> {
    if (!this.nudges) return promise;
    const timer = setInterval(() => this.#gpuQueue.submit([]), 1);
    return promise.finally(() => clearInterval(timer));
  }

  // Adapts the size of batches after one has finished.
  #learn(count: number, sent: number): void {
    const now = performance.now();
    const time = now - Math.max(sent, this.#ended);
    this.#ended = now;
    this.#most = time > kLong ? Math.max(1, Math.floor((count * kLong) / time)) : Math.min(kMost, 2 * this.#most);
    if (this.#disposed) throw new NereidError("disposed", "the device was disposed during the launch");
    this.check();
  }

  // Converts an error of WebGPU.
  async #why(error: unknown, launched?: ReadonlySet<Bound>): Promise<NereidError> {
    if (error instanceof NereidError) return error;
    const message = String((error as Error)?.message ?? error);
    // A promise may be rejected before the device reports the loss.
    if (!this.#lost) await Promise.race([this.gpu.lost, new Promise((resolve) => setTimeout(resolve, 20))]);
    if (this.#disposed) return new NereidError("disposed", "the device was disposed during the launch");
    if (this.#lost) return this.#lost;
    const bounds = [...(launched ?? [])];
    const short = bounds.flatMap((b) => [...b.storages, b.scratch, b.report]).find((s) => s?.failed);
    if (short) return short.failed!;
    const kernels = [...new Set(bounds.map((b) => b.kernel.name))];
    const kernel = kernels.length === 1 ? kernels[0] : kernels.find((name) => message.includes(`"${name}"`));
    const memory = (error as Error)?.constructor?.name === "GPUOutOfMemoryError";
    return new NereidError(memory ? "out-of-memory" : "trap", `the GPU rejected the launch: ${message}`, {
      ...(kernel !== undefined && { kernel }),
      cause: error,
    });
  }

  // ---- pipelines

  /** The layout of a parameter block of this size and of storage at these bindings. @internal */
  layout(block: number, bindings: readonly number[]): Layout {
    const key = `${block} ${bindings.join()}`;
    let layout = this.#layouts.get(key);
    if (!layout) {
      const { gpu } = this;
      const group = gpu.createBindGroupLayout({
        entries: [
          { binding: 0, visibility: kCompute, buffer: { type: "uniform", hasDynamicOffset: true, minBindingSize: block } },
          ...bindings.map((binding) => ({ binding, visibility: kCompute, buffer: { type: "storage" as const, minBindingSize: 16 } })),
        ],
      });
      layout = { group, pipeline: gpu.createPipelineLayout({ bindGroupLayouts: [group] }) };
      this.#layouts.set(key, layout);
    }
    return layout;
  }

  /** The pipeline of a shader. @internal */
  pipeline(text: string, layout: Layout, kernel: string, file: string): Promise<GPUComputePipeline> {
    let made = this.#pipelines.get(text);
    if (!made) {
      made = this.#make(text, layout, kernel, file);
      this.#pipelines.set(text, made);
      made.catch(() => this.#pipelines.delete(text));
      // Removes the oldest; kernels keep references to theirs.
      for (const old of this.#pipelines.keys()) if (this.#pipelines.size > kPipelines) this.#pipelines.delete(old);
    }
    return made;
  }

  async #make(text: string, layout: Layout, kernel: string, file: string): Promise<GPUComputePipeline> {
    const { gpu } = this;
    for (const filter of kFilters) gpu.pushErrorScope(filter);
    const module = gpu.createShaderModule({ code: text, label: kernel });
    const constants = { ...(text.includes("override ieee") && this.features.has("ieee-specials") && { ieee: 1 }) };
    const made = gpu.createComputePipelineAsync({
      layout: layout.pipeline,
      compute: { module, entryPoint: "main", constants },
      label: kernel,
    });
    const scopes = Promise.all(kFilters.map(() => gpu.popErrorScope()));
    try {
      const pipeline = await made;
      await scopes;
      return pipeline;
    } catch (cause) {
      scopes.catch(() => {});
      this.check(kernel);
      const { messages } = await module.getCompilationInfo();
      const lines = text.split("\n");
      const errors = messages
        .filter((m) => m.type === "error")
        .map((m) => `${file}:${m.lineNum}:${m.linePos}: ${m.message}\n  ${lines[m.lineNum - 1]?.trim() ?? ""}`);
      throw new NereidError("load-failed", errors.length > 0 ? errors.join("\n") : `${file}: ${(cause as Error).message}`, {
        kernel,
        cause,
      });
    }
  }

  /** The bind group for the arrays of a launch. @internal */
  bind(
    layout: Layout,
    block: number,
    buffers: readonly { binding: number; buffer: GPUBuffer; offset: number; size: number }[],
    kernel: string,
  ): GPUBindGroup {
    this.gpu.pushErrorScope("validation");
    const group = this.gpu.createBindGroup({
      layout: layout.group,
      label: kernel,
      entries: [
        { binding: 0, resource: { buffer: this.#uniform, size: block } },
        ...buffers.map(({ binding, buffer, offset, size }) => ({ binding, resource: { buffer, offset, size } })),
      ],
    });
    this.gpu.popErrorScope().catch(() => {}); // the launch itself reports the error
    return group;
  }

  // ---- time

  /** True if the GPU has a clock that shaders may read. @internal */
  get hasClock(): boolean {
    return this.features.has("timestamp-query");
  }

  /** The µs between the pairs of timestamps that `encode` writes to a query set. @internal */
  async clocked(pairs: number, encode: (queries: GPUQuerySet) => void): Promise<number[]> {
    const { gpu } = this;
    const queries = gpu.createQuerySet({ type: "timestamp", count: 2 * pairs });
    const buffer = gpu.createBuffer({ size: 16 * pairs, usage: kQueryResolve | kCopySource });
    try {
      encode(queries);
      const batch = this.#open();
      batch.endPass();
      batch.encoder.resolveQuerySet(queries, 0, 2 * pairs, buffer, 0);
      const times = new BigUint64Array(await this.read({ gpu: buffer }, 0, 16 * pairs));
      return Array.from({ length: pairs }, (_, i) => Number(times[2 * i + 1]! - times[2 * i]!) / 1e3);
    } finally {
      queries.destroy();
      buffer.destroy();
    }
  }
}
