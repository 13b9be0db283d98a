// SPDX-License-Identifier: MIT
// What `nereid run --target wasm` and the tests start: paths of jobs come in, one a line, and for each these lines go out:
//
//   print TEXT       a line of tl.device_print
//   ok T1 T2 ...     done; the arrays are in their files again. The microseconds of each timed run, after warm-up
//   error TEXT       the kernel failed
//
// A job is a JSON file beside manifest.json, the modules and the arrays. Arguments that name one file lie in one memory:
//   {"kernel": "axpy", "grid": [4, 1, 1], "threads": 2, "runs": 0, "args": [{"type": "*fp32", "file": "0.bin", "offset": 0}, {"type": "i32", "bits": "1000"}]}
//
// With --features it prints what this Node has, and ends.
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { DeviceBuffer } from "./buffer.ts";
import { findType } from "./dtypes.ts";
import { type AnyArgs, decode, type Device, type DTypeName, features, type Kernel, NereidError, open } from "./index.ts";

interface Job {
  kernel: string;
  grid: [number, number, number];
  threads: number;
  runs: number;
  args: ({ type: string; file: string; offset: number } | { type: string; bits: string })[];
}

const say = (text: string) => process.stdout.write(`${text}\n`);

// A device for each number of threads; 0 is what NEREID_NUM_THREADS or the machine says.
const devices = new Map<number, Promise<Device>>();
function deviceWith(threads: number): Promise<Device> {
  threads ||= Number(process.env.NEREID_NUM_THREADS) || 0;
  const device = devices.get(threads) ?? open({ ...(threads > 0 && { threads }), print: (text) => text.split("\n").forEach((line) => say(`print ${line}`)) });
  devices.set(threads, device);
  return device;
}

// The kernels of the last manifest stay: they may be launched again.
let loaded: { key: string; kernels: Record<string, Kernel> } | undefined;
async function kernelOf(device: Device, threads: number, folder: string, name: string): Promise<Kernel> {
  const manifest = join(folder, "manifest.json");
  const key = `${manifest} ${statSync(manifest).mtimeMs} ${threads}`;
  if (loaded?.key !== key) {
    for (const kernel of Object.values(loaded?.kernels ?? {})) kernel.dispose();
    loaded = undefined;
    loaded = { key, kernels: await device.load(manifest) };
  }
  const kernel = loaded.kernels[name];
  if (!kernel) throw new NereidError("bad-manifest", `there is no kernel \`${name}\``);
  return kernel;
}

// A number from its bits.
function fromBits(type: string, text: string): number | bigint {
  const bits = BigInt.asUintN(64, BigInt(text));
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, bits, true);
  switch (type) {
    case "fp32": return view.getFloat32(0, true);
    case "fp64": return view.getFloat64(0, true);
    case "i8": return view.getInt8(0);
    case "i16": return view.getInt16(0, true);
    case "i32": return view.getInt32(0, true);
    case "i64": return view.getBigInt64(0, true);
    case "i1": return view.getUint8(0) & 1;
    default: return type.startsWith("u") ? BigInt.asUintN(findType(type)!.bytes * 8, bits) : decode(type as DTypeName, Number(bits));
  }
}

async function run(path: string): Promise<void> {
  const job: Job = JSON.parse(readFileSync(path, "utf8"));
  const folder = dirname(path);
  const device = await deviceWith(job.threads);
  const kernel = await kernelOf(device, job.threads, folder, job.kernel);
  const files = new Map<string, DeviceBuffer<"u8">>();
  try {
    const args: AnyArgs = {};
    for (const [i, arg] of job.args.entries()) {
      const { name } = kernel.parameters[i]!;
      if ("bits" in arg) {
        args[name] = fromBits(arg.type, arg.bits);
        continue;
      }
      let whole = files.get(arg.file);
      if (!whole) {
        whole = device.buffer("u8", readFileSync(join(folder, arg.file)));
        files.set(arg.file, whole);
      }
      const type = findType(arg.type.slice(1));
      if (!type) throw new NereidError("unsupported", `a parameter of type \`${arg.type}\` cannot be given`, { kernel: job.kernel, argument: name });
      args[name] = new DeviceBuffer(device, type, [Math.floor((whole.size - arg.offset) / type.bytes)], undefined, whole as DeviceBuffer, whole.address + arg.offset);
    }
    const times: number[] = [];
    if (job.runs > 0) {
      // Engines compile again what runs often; a third of a second sees to that.
      const warm = performance.now() + 300;
      for (let i = 0; i < 3 || (performance.now() < warm && i < 5000); ++i) await kernel.launch(job.grid, args);
      for (let i = 0; i < job.runs; ++i) {
        const start = performance.now();
        await kernel.launch(job.grid, args);
        times.push((performance.now() - start) * 1e3);
      }
    } else {
      await kernel.launch(job.grid, args);
    }
    for (const [file, buffer] of files) writeFileSync(join(folder, file), buffer.view.slice());
    say(["ok", ...times.map((t) => t.toFixed(3))].join(" "));
  } finally {
    for (const buffer of files.values()) buffer.dispose();
  }
}

function explain(error: unknown): string {
  // An assertion reads as on every other target.
  const text = error instanceof NereidError && error.code === "assertion" ? error.message.slice(error.message.indexOf("assertion failed")) : String((error as Error)?.message ?? error);
  return text.replaceAll("\n", " ");
}

if (process.argv.includes("--features")) {
  const has = features();
  const names = { relaxed: "relaxed SIMD", threads: "threads", float16: "Float16Array" } as const;
  say([`Node ${process.version}`, ...Object.entries(names).map(([name, text]) => (has[name as keyof typeof names] ? text : `no ${text}`))].join(", "));
} else {
  for await (const line of createInterface({ input: process.stdin })) if (line) await run(line).catch((error) => say(`error ${explain(error)}`));
}
process.exit(0);
