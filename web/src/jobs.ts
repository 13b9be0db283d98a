// SPDX-License-Identifier: MIT
// Runs jobs for `nereid run --target wasm` or `webgpu` and for tests. A job is a JSON file next to manifest.json, its files and the arrays.
// Arguments that name the same file share one memory:
//   {"target": "wasm", "kernel": "axpy", "grid": [4, 1, 1], "threads": 2, "runs": 0, "args": [{"type": "*fp32", "file": "0.bin", "offset": 0}, {"type": "i32", "bits": "1000"}]}
import type { DeviceBuffer } from "./buffer.ts";
import { findType } from "./dtypes.ts";
import { type AnyArgs, decode, type Device, type DTypeName, type Kernel, NereidError, open } from "./index.ts";
import type { GpuDevice } from "./webgpu.ts";
import type { GpuKernel } from "./webgpu-kernel.ts";

interface Job {
  target?: "wasm" | "webgpu";
  kernel: string;
  grid: [number, number, number];
  threads: number;
  runs: number;
  args: ({ type: string; file: string; offset: number } | { type: string; bits: string })[];
}

/** The folder of a job. */
export interface Folder {
  name: string;
  read(file: string): Promise<Uint8Array<ArrayBuffer>>;
  write(file: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
}

/** How devices are opened: `threads` replaces a job's 0, or is 0; `gpu` provides adapters. */
export interface Settings {
  threads: number;
  variant?: "strict" | "relaxed";
  gpu?: () => Promise<GPU | undefined>;
}

export class Jobs {
  // One device per target and number of threads; 0: the default.
  readonly #devices = new Map<string, Promise<Device>>();
  // The kernels of the last folder are cached: they may be launched again.
  #loaded: { key: string; kernels: Record<string, Kernel> } | undefined;
  readonly #say: (line: string) => void;
  readonly #settings: Settings;

  /** `say` receives lines of text. */
  constructor(say: (line: string) => void, settings: Settings) {
    this.#say = say;
    this.#settings = settings;
  }

  #device(target: "wasm" | "webgpu", threads: number): Promise<Device> {
    const print = (text: string) => text.split("\n").forEach((line) => this.#say(`print ${line}`));
    const key = target === "wasm" ? `wasm ${threads}` : target;
    let device = this.#devices.get(key);
    if (!device) {
      const { variant, gpu } = this.#settings;
      device =
        target === "wasm"
          ? open({ device: target, ...(threads > 0 && { threads }), ...(variant && { variant }), print })
          : Promise.resolve(gpu?.()).then((from) => open({ device: "webgpu", ...(from && { gpu: from }), print }));
      this.#devices.set(key, device);
    }
    return device;
  }

  async #kernelOf(device: Device, threads: number, folder: Folder, name: string): Promise<Kernel> {
    const key = `${folder.name} ${device.kind} ${threads}`;
    if (this.#loaded?.key !== key) {
      for (const kernel of Object.values(this.#loaded?.kernels ?? {})) kernel.dispose();
      this.#loaded = undefined;
      const manifest = JSON.parse(new TextDecoder().decode(await folder.read("manifest.json")));
      this.#loaded = { key, kernels: await device.load(manifest, { base: (file) => folder.read(file) }) };
    }
    const kernel = this.#loaded.kernels[name];
    if (!kernel) throw new NereidError("bad-manifest", `the manifest has no kernel \`${name}\``);
    return kernel;
  }

  /**
   * Runs job.json of the folder, and writes the arrays back. Says `ok` with the microseconds of each timed run, or `error` with the reason.
   */
  async run(folder: Folder): Promise<void> {
    try {
      this.#say(["ok", ...(await this.#run(folder)).map((t) => t.toFixed(3))].join(" "));
    } catch (error) {
      this.#say(`error ${explain(error)}`);
    }
  }

  async #run(folder: Folder): Promise<number[]> {
    const job: Job = JSON.parse(new TextDecoder().decode(await folder.read("job.json")));
    const threads = job.threads || this.#settings.threads;
    const device = await this.#device(job.target ?? "wasm", threads);
    const kernel = await this.#kernelOf(device, threads, folder, job.kernel);
    const files = new Map<string, DeviceBuffer<"u8">>();
    try {
      const args: AnyArgs = Object.create(null); // a parameter may have any name
      for (const [i, arg] of job.args.entries()) {
        const { name } = kernel.parameters[i]!;
        if ("bits" in arg) {
          args[name] = fromBits(arg.type, arg.bits);
          continue;
        }
        let whole = files.get(arg.file);
        if (!whole) {
          whole = device.buffer("u8", await folder.read(arg.file));
          files.set(arg.file, whole);
        }
        const type = findType(arg.type.slice(1));
        if (!type)
          throw new NereidError("unsupported", `a parameter of type \`${arg.type}\` is not supported`, {
            kernel: job.kernel,
            argument: name,
          });
        args[name] = whole.part(type, arg.offset, Math.max(0, Math.floor((whole.size - arg.offset) / type.bytes)));
      }
      const times: number[] = [];
      if (job.runs > 0) {
        // Engines recompile code that runs often; a third of a second is enough for that.
        const warm = performance.now() + 300;
        for (let i = 0; i < 3 || (performance.now() < warm && i < 5000); ++i) await kernel.launch(job.grid, args);
        const gpu = device.kind === "webgpu" && (device as GpuDevice).hasClock;
        for (let left = gpu ? job.runs : 0; left > 0; left -= 1000)
          times.push(...(await (kernel as GpuKernel).time(job.grid, args, Math.min(left, 1000))));
        while (times.length < job.runs) {
          const start = performance.now();
          await kernel.launch(job.grid, args);
          times.push((performance.now() - start) * 1e3);
        }
      } else {
        await kernel.launch(job.grid, args);
      }
      for (const [file, buffer] of files) await folder.write(file, (await buffer.read()) as Uint8Array<ArrayBuffer>);
      return times;
    } finally {
      for (const buffer of files.values()) buffer.dispose();
    }
  }
}

// A number from its bits.
function fromBits(type: string, text: string): number | bigint {
  const bits = BigInt.asUintN(64, BigInt(text));
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, bits, true);
  switch (type) {
    case "fp32":
      return view.getFloat32(0, true);
    case "fp64":
      return view.getFloat64(0, true);
    case "i8":
      return view.getInt8(0);
    case "i16":
      return view.getInt16(0, true);
    case "i32":
      return view.getInt32(0, true);
    case "i64":
      return view.getBigInt64(0, true);
    case "i1":
      return view.getUint8(0) & 1;
    default:
      return type.startsWith("u") ? BigInt.asUintN(findType(type)!.bytes * 8, bits) : decode(type as DTypeName, Number(bits));
  }
}

function explain(error: unknown): string {
  // The text of a failed assertion is the same on every target.
  const text =
    error instanceof NereidError && error.code === "assertion"
      ? error.message.replace(/^kernel `[^`]*`: /, "")
      : String((error as Error)?.message ?? error);
  return text.replaceAll("\n", " ");
}
