// SPDX-License-Identifier: MIT
// A WebAssembly device: memory, kernels and the threads that run them.
import { type Data, described } from "./buffer.ts";
import { AssertionFailed, Failure, type Run } from "./control.ts";
import type { Device, OpenOptions } from "./device.ts";
import type { Canonical, DTypeName } from "./dtypes.ts";
import { NereidError } from "./errors.ts";
import { basicFeatures } from "./features.ts";
import { Heap } from "./heap.ts";
import type { Kernel } from "./kernel.ts";
import { type Artefact, assertionText, type Base, checkWasm, loadKernels, type Manifest, type Site } from "./manifest.ts";
import { isPage, kDispose, kGrain, processors, turn } from "./platform.ts";
import { type Outcome, Pool } from "./pool.ts";
import { notForgotten, Queue, whenForgotten } from "./queue.ts";
import { WasmBuffer } from "./wasm-buffer.ts";
import { WasmKernel } from "./wasm-kernel.ts";

// Shorter launches, in µs, run in the launching thread alone: other threads would start too late, or the page would not notice.
const kInline = isPage ? 100 : 20;
const kSlice = 16000; // µs for which the main thread of a page may be blocked

let said = false;
function sayOnce(why: string): void {
  if (!said) console.warn(`nereid: one thread: ${why}`);
  said = true;
}

export async function openWasm(options: OpenOptions): Promise<WasmDevice> {
  const has = basicFeatures();
  if (!has.simd)
    throw new NereidError("unsupported", "this JavaScript engine has no WebAssembly SIMD: update it, or use the webgpu device");
  if (options.variant === "relaxed" && !has.relaxed)
    throw new NereidError("unsupported", "this JavaScript engine has no relaxed SIMD (fused multiply-add): use variant `strict`");
  const wrong = (what: string, value: unknown) => new NereidError("wrong-argument", `invalid ${what}: ${String(value)}`);
  const { initial = 2 ** 20, maximum = 2 ** 32 } = options.memory ?? {};
  for (const bytes of [initial, maximum]) if (!(bytes > 0 && bytes <= 2 ** 32)) throw wrong("bytes of memory", bytes);
  if (initial > maximum) throw wrong("initial memory above the maximum", initial);
  if (options.variant && !/^(strict|relaxed)$/.test(options.variant)) throw wrong("variant", options.variant);
  let threads = options.threads ?? processors();
  if (!Number.isInteger(threads) || threads < 1)
    throw new NereidError("wrong-argument", `threads must be an integer of at least 1 (got ${String(threads)})`);
  threads = Math.min(threads, 63);
  if (threads > 1 && !has.threads) {
    sayOnce("the page is not cross-origin isolated, which its COOP and COEP headers would make it");
    threads = 1;
  }
  const newHeap = (shared: boolean) => new Heap(initial, maximum, shared);
  let heap = newHeap(threads > 1);
  const pool = threads > 1 ? await Pool.start(heap.memory, threads, options.workerUrl) : undefined;
  if (threads > 1 && !pool) {
    heap = newHeap(false);
    sayOnce("no worker started; if the page's policy forbids `blob:` addresses, pass `workerUrl`");
  }
  return new WasmDevice(heap, pool, options.variant ?? (has.relaxed ? "relaxed" : "strict"), options.print ?? console.log);
}

// These must not refer to the objects they outlive.
const releaseKernel = (heap: Heap, queue: Queue, pool: Pool | undefined, id: number, at: number, size: number) => () =>
  void queue.add(() => {
    pool?.drop(id);
    heap.free(at, size);
  });
const closePool = (pool: Pool) => () => pool.close();

/** The threads of this program, and a memory that they share. */
export class WasmDevice implements Device {
  readonly kind = "wasm";
  /** @internal */
  readonly target = "wasm";
  /** The number of threads that run a launch. */
  readonly threads: number;
  /** The variant of kernels that is loaded. */
  readonly variant: "strict" | "relaxed";
  /** @internal */
  readonly heap: Heap;
  /** @internal */
  readonly queue = new Queue();
  /** @internal */
  readonly pool: Pool | undefined;
  readonly #print: (line: string) => void;
  #disposed = false;
  /** The number of kernels and graphs so far. @internal */
  kernels = 0;
  /** @internal */
  scratch: { at: number; stride: number } = { at: 0, stride: 0 };

  /** @internal */
  constructor(heap: Heap, pool: Pool | undefined, variant: "strict" | "relaxed", print: (line: string) => void) {
    this.heap = heap;
    this.pool = pool;
    this.threads = pool?.threads ?? 1;
    this.variant = variant;
    this.#print = print;
    if (pool) whenForgotten(this, closePool(pool));
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** The memory of all kernels and buffers. */
  get memory(): WebAssembly.Memory {
    return this.heap.memory;
  }

  buffer<N extends DTypeName>(dtype: N, data: ArrayBufferView): WasmBuffer<Canonical<N>>;
  buffer<N extends DTypeName>(dtype: N, shape: number | readonly number[], data?: Data): WasmBuffer<Canonical<N>>;
  buffer(dtype: DTypeName, shape: number | readonly number[] | ArrayBufferView, data?: Data): WasmBuffer {
    this.#check();
    return new WasmBuffer(this, ...described(dtype, shape, data));
  }

  async load<K = Record<string, Kernel>>(manifest: Manifest | URL | string, options: { base?: Base } = {}): Promise<K> {
    this.#check();
    return (await loadKernels("wasm", manifest, options.base, (a, read) => this.loadOne(a, read))) as K;
  }

  async idle(): Promise<void> {
    this.#check();
    await this.queue.add(() => {});
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    notForgotten(this);
    this.pool?.close();
  }

  [kDispose](): void {
    this.dispose();
  }

  /** @internal */
  releaseOfKernel(id: number, at: number, size: number): () => void {
    return releaseKernel(this.heap, this.queue, this.pool, id, at, size);
  }

  /** Starts a launch. @internal */
  execute(kernel: WasmKernel, programs: number, packed: Uint8Array): void | Promise<void> {
    if (this.#disposed) throw new NereidError("disposed", "the device was disposed: open() another device", { kernel: kernel.name });
    this.heap.bytes.set(packed, kernel.at);
    // On a page, different numbers may mean a different amount of work.
    const expected = isPage && !kernel.sameNumbers(packed) ? NaN : kernel.cost * programs; // NaN at first
    if (this.pool && !kernel.prints && (isPage || programs > 1) && !(expected < kInline)) {
      const done = (outcome: Outcome) => {
        this.raise(kernel, outcome);
        this.#learn(kernel, (outcome.time + kGrain) / programs);
      };
      const { at, stride } = this.scratch;
      const outcome = this.pool.run({
        kernel: kernel.id,
        programs,
        args: kernel.at,
        scratch: at,
        stride,
        run: kernel.run,
        cost: kernel.cost,
      });
      return outcome instanceof Promise ? outcome.then(done) : done(outcome);
    }
    this.heap.bytes[kernel.at + 12] = 1; // no other thread runs: the kernel needs no atomic operations
    if (isPage && !(expected < kSlice)) return this.inSlices(kernel, programs);
    this.inline(kernel, 0, programs);
  }

  /** Throws if a launch of the pool has failed. @internal */
  raise(kernel: WasmKernel, { failure, at, text }: Outcome): void {
    if (this.#disposed) throw new NereidError("disposed", "the device was disposed during the launch", { kernel: kernel.name });
    if (failure === Failure.Assertion) throw this.#failed(kernel, new AssertionFailed(...at));
    if (failure === Failure.Trap) throw this.#failed(kernel, new Error(text));
    if (failure === Failure.Lost) throw new NereidError("lost-worker", "a worker died during the launch", { kernel: kernel.name });
  }

  // Code becomes faster as the engine recompiles it; a launch that took longer may have been interrupted.
  #learn(kernel: WasmKernel, cost: number): void {
    kernel.cost = cost > kernel.cost ? (kernel.cost + cost) / 2 : cost;
  }

  /** @internal */
  inline(kernel: WasmKernel, begin: number, end: number, args = kernel.at): void {
    const start = performance.now();
    try {
      kernel.run(args, begin | 0, end | 0, this.scratch.at);
    } catch (error) {
      throw this.#failed(kernel, error);
    }
    this.#learn(kernel, ((performance.now() - start) * 1e3 + kGrain) / (end - begin));
  }

  /** Without workers, yields to the page every few milliseconds. @internal */
  async inSlices(kernel: WasmKernel, programs: number, args?: number): Promise<void> {
    let begin = 0;
    while (begin < programs) {
      const pause = performance.now() + kSlice / 1e3;
      for (let size = 1; begin < programs && performance.now() < pause; size *= 2) {
        const left = Math.max(0, pause - performance.now()) * 1e3;
        const count = Math.max(1, Math.min(size, programs - begin, Math.floor(left / (kernel.cost || 1))));
        this.inline(kernel, begin, begin + count, args);
        begin += count;
      }
      if (begin < programs) await turn();
      if (this.#disposed) throw new NereidError("disposed", "the device was disposed during the launch", { kernel: kernel.name });
    }
  }

  #failed(kernel: WasmKernel, error: unknown): NereidError {
    if (error instanceof AssertionFailed) {
      const program = [error.x, error.y, error.z].map((n) => n >>> 0);
      return new NereidError("assertion", assertionText(kernel.sites[error.site], program), { kernel: kernel.name });
    }
    return new NereidError("trap", `the kernel stopped: ${(error as Error).message}`, { kernel: kernel.name, cause: error });
  }

  #check(): void {
    if (this.#disposed) throw new NereidError("disposed", "the device was disposed: open() another device");
  }

  /** @internal */
  async loadOne(artefact: Artefact, read: (file: string) => Promise<Uint8Array<ArrayBuffer>>, inTurn?: boolean): Promise<WasmKernel> {
    const wasm = checkWasm(artefact);
    const { name } = artefact.kernel;
    const file = (this.variant === "relaxed" && wasm.relaxed) || wasm.strict;
    const bytes = await read(file);
    if (bytes[wasm.memoryFlagAt] !== 1)
      throw new NereidError("bad-manifest", `${file} has no memory at ${wasm.memoryFlagAt}`, { kernel: name });
    if (this.pool) bytes[wasm.memoryFlagAt] = 3; // shared
    let module: WebAssembly.Module;
    let run: Run;
    try {
      module = await WebAssembly.compile(bytes);
      const instance = await WebAssembly.instantiate(module, { nereid: await this.#imports(module, wasm.sites) });
      run = instance.exports.run as Run;
    } catch (cause) {
      throw new NereidError("load-failed", `${file}: ${(cause as Error).message}`, { kernel: name, cause });
    }
    if (typeof run !== "function") throw new NereidError("load-failed", `${file} has no function \`run\``, { kernel: name });
    const reserve = () => this.#reserve(wasm.scratch);
    await (inTurn ? reserve() : this.queue.add(reserve));
    this.#check();
    const id = ++this.kernels;
    this.pool?.load({ kernel: id, module });
    return new WasmKernel(this, {
      id,
      name,
      parameters: artefact.kernel.parameters,
      scratch: wasm.scratch,
      sites: wasm.sites,
      run,
      module,
    });
  }

  // Few kernels compute in f64 or print: their imports are loaded on demand.
  async #imports(module: WebAssembly.Module, sites: readonly Site[]): Promise<WebAssembly.ModuleImports> {
    const { memory } = this.heap;
    const print = this.#print;
    const own = ["memory", "assert", "print"];
    const math = WebAssembly.Module.imports(module).every((i) => own.includes(i.name)) ? {} : (await import("./math.ts")).math;
    const printed = sites.some((site) => site.kind === "print") ? (await import("./print.ts")).printed : undefined;
    return {
      ...math,
      memory,
      assert: (site: number, x: number, y: number, z: number) => {
        throw new AssertionFailed(site, x, y, z);
      },
      print: (site: number, x: number, y: number, z: number, at: number) => {
        const place = sites[site];
        if (printed && place?.kind === "print") print(printed(place, [x >>> 0, y >>> 0, z >>> 0], new DataView(memory.buffer), at >>> 0));
      },
    };
  }

  // Scratch memory is per thread, with the size that the most demanding kernel needs.
  #reserve(bytes: number): void {
    const stride = Math.ceil(bytes / 64) * 64;
    if (stride <= this.scratch.stride) return;
    const all = this.threads + 1;
    const at = this.heap.allocate(all * stride);
    if (this.scratch.stride) this.heap.free(this.scratch.at, all * this.scratch.stride);
    this.scratch = { at, stride };
  }
}
